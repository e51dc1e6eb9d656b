//! Real HTTP on loopback sockets, with the same peers as under the virtual clock.
//!
//! Time is the wall clock, except that it is moved forward when nothing is under way and
//! everybody only waits: eight days of silence take no longer here than in virtual time. This
//! is our own counting of open exchanges, never tokio's paused clock, which would run ahead of
//! sockets (invariant 6).

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gp2gp_mocks::peer::{AnswerId, HttpRequest, HttpResponse, TransportError};
use gp2gp_mocks::serve::{Client, Incoming, Server, post, serve};
use gp2gp_model::Time;
use gp2gp_model::plan::Plan;
use gp2gp_model::trace::{Endpoint, Trace};
use gp2gp_sim::Queue;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::DriverError;
use super::stage::{Carry, ENDPOINTS, Stage, Watch};
use crate::bodies::BodyStore;

/// Requests and results that may wait for the stage; senders are held back beyond.
const WAITING: usize = 16;

/// Runs until nothing is left to do or the time limit is reached.
pub(super) fn run(plan: &Plan, stage: Stage) -> Result<(Trace, BodyStore), DriverError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(opening)?
        .block_on(async { Loopback::open(plan, stage).await?.run(plan).await })
}

struct Loopback {
    stage: Stage,
    clock: Clock,
    servers: BTreeMap<Endpoint, Server>,
    client: Arc<Client>,
    incoming: mpsc::Receiver<Incoming>,
    ended: mpsc::Receiver<Ended>,
    end: mpsc::Sender<Ended>,
    answers: BTreeMap<AnswerId, oneshot::Sender<HttpResponse>>,
    answer_ids: u64,
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
        for endpoint in ENDPOINTS {
            servers.insert(
                endpoint,
                serve(endpoint, arrive.clone()).await.map_err(opening)?,
            );
        }
        Ok(Self {
            stage,
            clock: Clock::new(plan.starts_at),
            servers,
            client: Arc::new(Client::new()),
            incoming,
            ended,
            end,
            answers: BTreeMap::new(),
            answer_ids: 0,
            on_link: Queue::new(plan.starts_at),
            link_delay: plan.link_delay,
            under_way: 0,
        })
    }

    async fn run(mut self, plan: &Plan) -> Result<(Trace, BodyStore), DriverError> {
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
                self.carry(carry)?;
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
            Some(patience) => timeout(patience, arrival).await.unwrap_or(Arrival::Nothing),
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

    fn carry(&mut self, carry: Carry) -> Result<(), DriverError> {
        match carry {
            Carry::Post {
                exchange,
                to,
                request,
                ..
            } => {
                let arrival = self.clock.now() + self.link_delay;
                self.on_link.schedule(
                    arrival,
                    Posted {
                        exchange,
                        to,
                        request,
                    },
                );
            }
            Carry::Answer { id, response, .. } => {
                let answer = self.answers.remove(&id).ok_or_else(|| {
                    DriverError::Defect(format!("request {} was answered twice", id.0))
                })?;
                // The caller may have given up; its own timeout tells the story.
                let _ = answer.send(response);
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
            let result = post(&client, addr, posted.request).await;
            let exchange = posted.exchange;
            // A run that is over no longer listens, and needs no results.
            let _ = end.send(Ended { exchange, result }).await;
        });
        Ok(())
    }

    fn address(&self, endpoint: Endpoint) -> Result<SocketAddr, DriverError> {
        self.servers
            .get(&endpoint)
            .map(Server::addr)
            .ok_or_else(|| DriverError::Defect(format!("{endpoint} has no server")))
    }
}

enum Arrival {
    Request(Incoming),
    Result(Ended),
    Nothing,
}

/// The wall clock, moved forward over idle time.
struct Clock {
    start: Time,
    opened: Instant,
    skipped: Duration,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this driver is where the wall clock comes in"
    )]
    fn new(start: Time) -> Self {
        Self {
            start,
            opened: Instant::now(),
            skipped: Duration::ZERO,
        }
    }

    fn now(&self) -> Time {
        self.start + self.opened.elapsed() + self.skipped
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
