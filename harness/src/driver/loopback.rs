//! Real HTTP on loopback sockets, with the same peers as under the virtual clock.
//!
//! Time is the wall clock, except that it is moved forward when nothing is under way and
//! everybody only waits: eight days of silence take no longer here than in virtual time. This
//! is our own counting of open exchanges, never tokio's paused clock, which would run ahead of
//! sockets (invariant 6). Where a plan has somebody wait for an answer that is slow or never
//! comes, the clock and everything that it measures run faster, all by the same [`RATE`].

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gp2gp_mocks::peer::{AnswerId, Conduct, HttpRequest, HttpResponse, PATIENCE, TransportError};
use gp2gp_mocks::serve::{Answered, Client, Incoming, Server, post_as, serve, serve_at};
use gp2gp_model::Time;
use gp2gp_model::fault::{Effect, Target};
use gp2gp_model::plan::Plan;
use gp2gp_model::trace::Endpoint;
use gp2gp_sim::Queue;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::DriverError;
use super::stage::{Carry, Stage, Watch};
use crate::recorder::Recorder;

/// Requests and results that may wait for the stage; senders are held back beyond.
const WAITING: usize = 16;

/// How many times faster than the wall clock a run passes in which somebody waits in vain: a wait of
/// 20 s takes one.
const RATE: u32 = 20;

/// Runs until nothing is left to do, the time limit is reached, or nobody comes to an end.
pub(super) fn run(plan: &Plan, stage: Stage) -> Result<Recorder, DriverError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(opening)?
        .block_on(async { Loopback::open(plan, stage).await?.run(plan).await })
}

struct Loopback {
    stage: Stage,
    clock: Clock,
    servers: BTreeMap<Endpoint, Door>,
    client: Arc<Client>,
    arrive: mpsc::Sender<Incoming>,
    incoming: mpsc::Receiver<Incoming>,
    ended: mpsc::Receiver<Ended>,
    end: mpsc::Sender<Ended>,
    answers: BTreeMap<AnswerId, oneshot::Sender<Answered>>,
    answer_ids: u64,
    /// Answers that never come, on connections that stay open.
    silent: Vec<oneshot::Sender<Answered>>,
    /// Posts on their link, not yet on a socket: links take the time that the plan says.
    on_link: Queue<Posted>,
    link_delay: Duration,
    under_way: usize,
}

/// A post that a peer has let go.
struct Posted {
    exchange: u64,
    to: Endpoint,
    request: HttpRequest,
    conduct: Conduct,
}

/// Where a system listens, while it is up.
struct Door {
    addr: SocketAddr,
    server: Option<Server>,
}

/// The end of an exchange.
struct Ended {
    exchange: u64,
    result: Result<HttpResponse, TransportError>,
}

impl Loopback {
    async fn open(plan: &Plan, stage: Stage) -> Result<Self, DriverError> {
        let (arrive, incoming) = mpsc::channel(WAITING);
        let (end, ended) = mpsc::channel(WAITING);
        let mut servers = BTreeMap::new();
        for endpoint in stage.endpoints() {
            let server = serve(endpoint, arrive.clone()).await.map_err(opening)?;
            let door = Door {
                addr: server.addr(),
                server: Some(server),
            };
            servers.insert(endpoint, door);
        }
        let rate = rate(plan);
        Ok(Self {
            stage,
            clock: Clock::new(plan.starts_at, rate),
            servers,
            client: Arc::new(Client::with_patience(PATIENCE / rate)),
            arrive,
            incoming,
            ended,
            end,
            answers: BTreeMap::new(),
            answer_ids: 0,
            silent: Vec::new(),
            on_link: Queue::new(plan.starts_at),
            link_delay: plan.link_delay,
            under_way: 0,
        })
    }

    async fn run(mut self, plan: &Plan) -> Result<Recorder, DriverError> {
        let mut steps: Vec<_> = plan
            .steps
            .iter()
            .map(|step| (plan.starts_at + step.at, step.act.clone()))
            .collect();
        steps.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let limit = plan.starts_at + plan.time_limit;
        let mut watch = Watch::default();
        loop {
            let next_step = steps.last().map(|(at, _)| *at);
            let next_arrival = self.on_link.next_time();
            let next = [next_step, next_arrival, self.stage.deadline()]
                .into_iter()
                .flatten()
                .min();
            match next {
                None if self.under_way == 0 => {
                    return Ok(self.stage.finish(self.clock.now(), true));
                }
                None | Some(_) if self.stage.is_endless() => {
                    return Ok(self.stage.finish(self.clock.now(), false));
                }
                Some(at) if at > limit && self.under_way == 0 => {
                    return Ok(self.stage.finish(limit, false));
                }
                Some(at) if self.under_way == 0 => self.clock.skip_to(at),
                None | Some(_) => {}
            }
            let now = self.clock.now();
            let carries = if next_step.is_some_and(|at| at <= now) {
                let Some((_, act)) = steps.pop() else {
                    continue;
                };
                self.stage.act(now, act)?
            } else if next_arrival.is_some_and(|at| at <= now) {
                self.post_next()?;
                continue;
            } else if next.is_some_and(|at| at <= now) {
                watch.wake(self.stage.deadline().unwrap_or(now))?;
                self.stage.wake(now)?
            } else {
                self.wait(next.map(|at| at.since(now))).await?
            };
            for carry in carries {
                self.carry(carry).await?;
            }
        }
    }

    /// Waits for sockets, at most until somebody wants to be woken.
    async fn wait(&mut self, at_most: Option<Duration>) -> Result<Vec<Carry>, DriverError> {
        let arrival = async {
            tokio::select! {
                Some(incoming) = self.incoming.recv() => Arrival::Request(incoming),
                Some(ended) = self.ended.recv() => Arrival::Result(ended),
                else => Arrival::Nothing,
            }
        };
        let arrival = match at_most {
            Some(patience) => timeout(patience / self.clock.rate, arrival)
                .await
                .unwrap_or(Arrival::Nothing),
            None => arrival.await,
        };
        let now = self.clock.now();
        match arrival {
            Arrival::Nothing => Ok(Vec::new()),
            Arrival::Request(Incoming {
                endpoint,
                request,
                answer,
            }) => {
                if self.stage.is_down(endpoint) {
                    // The connection closes with what would have carried the answer.
                    return Ok(Vec::new());
                }
                self.answer_ids += 1;
                let id = AnswerId(self.answer_ids);
                self.answers.insert(id, answer);
                self.stage.deliver(now, id, endpoint, request)
            }
            Arrival::Result(Ended { exchange, result }) => {
                self.under_way -= 1;
                self.stage.result(now, exchange, result)
            }
        }
    }

    async fn carry(&mut self, carry: Carry) -> Result<(), DriverError> {
        match carry {
            Carry::Post {
                exchange,
                to,
                request,
                conduct,
                ..
            } => {
                let arrival = self.clock.now() + self.link_delay;
                self.on_link.schedule(
                    arrival,
                    Posted {
                        exchange,
                        to,
                        request,
                        conduct: self.clock.quicken(conduct),
                    },
                );
            }
            Carry::Answer {
                id,
                response,
                conduct,
                ..
            } => {
                let answer = self.answers.remove(&id).ok_or_else(|| {
                    DriverError::Defect(format!("request {} was answered twice", id.0))
                })?;
                if conduct == Conduct::Silent {
                    self.silent.push(answer);
                    return Ok(());
                }
                let conduct = self.clock.quicken(conduct);
                // The caller may have given up; its own timeout tells the story.
                let _ = answer.send(Answered { response, conduct });
            }
            Carry::Down(endpoint) => {
                if let Some(door) = self.servers.get_mut(&endpoint) {
                    door.server = None;
                }
            }
            Carry::Up(endpoint) => {
                if let Some(door) = self.servers.get_mut(&endpoint) {
                    let server = reopen(door.addr, endpoint, &self.arrive).await;
                    door.server = Some(server.map_err(opening)?);
                }
            }
        }
        Ok(())
    }

    fn post_next(&mut self) -> Result<(), DriverError> {
        let Some((_, posted)) = self.on_link.pop() else {
            return Ok(());
        };
        let addr = self.address(posted.to)?;
        self.under_way += 1;
        let (client, end) = (Arc::clone(&self.client), self.end.clone());
        tokio::spawn(async move {
            let result = post_as(&client, addr, posted.request, posted.conduct).await;
            let exchange = posted.exchange;
            // A run that is over no longer listens, and needs no results.
            let _ = end.send(Ended { exchange, result }).await;
        });
        Ok(())
    }

    fn address(&self, endpoint: Endpoint) -> Result<SocketAddr, DriverError> {
        self.servers
            .get(&endpoint)
            .map(|door| door.addr)
            .ok_or_else(|| DriverError::Defect(format!("{endpoint} has no server")))
    }
}

enum Arrival {
    Request(Incoming),
    Result(Ended),
    Nothing,
}

/// A port that was closed a moment ago is free once its last task has ended.
async fn reopen(
    addr: SocketAddr,
    endpoint: Endpoint,
    arrive: &mpsc::Sender<Incoming>,
) -> io::Result<Server> {
    const TRIES: u32 = 200;
    const PAUSE: Duration = Duration::from_millis(5);
    for _ in 0..TRIES {
        match serve_at(addr, endpoint, arrive.clone()).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                tokio::time::sleep(PAUSE).await;
            }
            opened => return opened,
        }
    }
    serve_at(addr, endpoint, arrive.clone()).await
}

/// One, unless somebody waits for what is slow or never comes.
fn rate(plan: &Plan) -> u32 {
    let waits = plan.faults.iter().any(|fault| match &fault.effect {
        Effect::Slow(_) => true,
        Effect::Drop | Effect::Delay(_) => match fault.on {
            Target::Posting(_)
            | Target::Store { .. }
            | Target::Directory { .. }
            | Target::Demographics { .. }
            | Target::Federation { .. } => true,
            Target::Delivery(_) | Target::System { .. } => false,
        },
        Effect::Duplicate
        | Effect::Reorder(_)
        | Effect::HoldUntil(_)
        | Effect::Truncate(_)
        | Effect::Corrupt(_)
        | Effect::Refuse(_)
        | Effect::SoapFault(_)
        | Effect::ErrorList(_)
        | Effect::Reset
        | Effect::LoseAnswer
        | Effect::Crash(_)
        | Effect::FullDisk
        | Effect::ClockJump(_)
        | Effect::Spoil(_)
        | Effect::Garble(_)
        | Effect::Race => false,
    });
    if waits { RATE } else { 1 }
}

/// The wall clock, moved forward over idle time.
struct Clock {
    start: Time,
    opened: Instant,
    skipped: Duration,
    rate: u32,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this driver is where the wall clock comes in"
    )]
    fn new(start: Time, rate: u32) -> Self {
        Self {
            start,
            opened: Instant::now(),
            skipped: Duration::ZERO,
            rate,
        }
    }

    fn now(&self) -> Time {
        self.start + self.opened.elapsed() * self.rate + self.skipped
    }

    /// A speed that is measured by this clock, as the wall clock sees it.
    fn quicken(&self, conduct: Conduct) -> Conduct {
        match conduct {
            Conduct::Slow { bytes_per_second } => Conduct::Slow {
                bytes_per_second: bytes_per_second.saturating_mul(self.rate),
            },
            Conduct::Clean | Conduct::Truncate { .. } | Conduct::Reset | Conduct::Silent => conduct,
        }
    }

    fn skip_to(&mut self, time: Time) {
        self.skipped += time.since(self.now());
    }
}

const fn opening(source: io::Error) -> DriverError {
    DriverError::Io {
        what: "opening loopback sockets",
        source,
    }
}
