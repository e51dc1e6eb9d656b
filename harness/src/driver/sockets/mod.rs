//! Real HTTP on sockets, with the same peers as under the virtual clock, and with systems that are
//! not ours in the place of some of them.
//!
//! Time is the wall clock, except that it is moved forward when nothing is under way and
//! everybody only waits: eight days of silence take no longer here than in virtual time. This
//! is our own counting of open exchanges, never tokio's paused clock, which would run ahead of
//! sockets (invariant 6). Where a plan has somebody wait for an answer that is slow or never
//! comes, the clock and everything that it measures run faster, all by the same rate.
//!
//! A foreign system ([`foreign`]) is asked whether it, too, only waits, if it has the verb `clock`. If it
//! has not, nobody can know, and time passes as it does.

mod clock;
mod control;
mod doors;
mod foreign;
mod handlers;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use gp2gp_mocks::peer::{AnswerId, Conduct, HttpRequest, HttpResponse, PATIENCE, TransportError};
use gp2gp_mocks::serve::{Answered, Base, Client, Incoming, Server, post_as, serve, serve_at};
use gp2gp_model::Time;
use gp2gp_model::control::{LifecycleEvent, Verb};
use gp2gp_model::plan::{Act, Plan};
use gp2gp_model::report::Mishap;
use gp2gp_model::trace::Endpoint;
use gp2gp_sim::Queue;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use self::clock::{Clock, rate};
use self::control::{Errand, Outlook};
pub(super) use self::doors::Doors;
use self::foreign::{Foreign, Place};
use self::handlers::{Handlers, Queued};
use super::DriverError;
use super::stage::{Carry, Stage, Watch};
use crate::recorder::Recorder;
use crate::sut::Party;
use crate::sut::prepare::Unprepared;

/// Requests and results that may wait for the stage; senders are held back beyond.
const WAITING: usize = 16;

/// Runs until nothing is left to do, the time limit is reached, or nobody comes to an end.
pub(super) fn run(plan: &Plan, stage: Stage) -> Result<Recorder, DriverError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(opening)?
        .block_on(async {
            let sockets =
                Sockets::open(plan, stage, Foreign::nobody(), Handlers::none(), rate(plan)).await?;
            sockets.run(plan).await.map(|(recorder, _)| recorder)
        })
}

/// The same with foreign systems, which are prepared here. Also tells what was wrong with one of them,
/// beyond what the trace shows.
pub(super) async fn run_attached(
    plan: &Plan,
    stage: Stage,
    parties: &mut [Party],
    doors: Doors,
) -> Result<(Recorder, Option<Mishap>), DriverError> {
    let rate = if parties.iter().all(|party| party.has(Verb::Clock)) {
        rate(plan)
    } else {
        1
    };
    let opened = match Handlers::open(plan, parties).await {
        Ok(handlers) => Foreign::prepare(plan, rate, parties, doors)
            .await
            .map(|foreign| (foreign, handlers)),
        Err(unprepared) => Err(unprepared),
    };
    let (foreign, handlers) = match opened {
        Ok(opened) => opened,
        Err(Unprepared::Mishap(mishap)) => {
            return Ok((stage.finish(plan.starts_at, false), Some(mishap)));
        }
        Err(Unprepared::Plan(error)) => return Err(error.into()),
    };
    let stage = stage.with_foreign(&foreign.systems(), plan);
    let sockets = Sockets::open(plan, stage, foreign, handlers, rate).await?;
    sockets.run(plan).await
}

struct Sockets<'a> {
    stage: Stage,
    clock: Clock,
    servers: BTreeMap<Endpoint, Door>,
    client: Arc<Client>,
    foreign: Foreign<'a>,
    handlers: Handlers,
    /// What is still to be told to foreign systems.
    errands: VecDeque<Errand>,
    arrive: mpsc::Sender<Incoming>,
    incoming: mpsc::Receiver<Incoming>,
    ended: mpsc::Receiver<Ended>,
    end: mpsc::Sender<Ended>,
    answers: BTreeMap<AnswerId, Waiting>,
    answer_ids: u64,
    /// Answers that never come, on connections that stay open.
    silent: Vec<oneshot::Sender<Answered>>,
    /// Posts on their link, not yet on a socket: links take the time that the plan says.
    on_link: Queue<Posted>,
    link_delay: Duration,
    under_way: usize,
    watch: Watch,
    /// Transfers under way that nobody waits for any more.
    given_up: usize,
    /// Something has happened since somebody last looked.
    stirred: bool,
    /// Between whom an exchange is that is under way.
    between: BTreeMap<u64, (Endpoint, Endpoint)>,
}

/// Who waits for an answer.
struct Waiting {
    answer: oneshot::Sender<Answered>,
    /// The exchange, where a foreign system waits: nobody else tells how it ended.
    exchange: Option<u64>,
}

/// A post that a peer has let go.
struct Posted {
    exchange: u64,
    from: Endpoint,
    to: Endpoint,
    request: HttpRequest,
    conduct: Conduct,
}

/// Where a system of ours listens, while it is up.
struct Door {
    base: Base,
    server: Option<Server>,
}

/// The end of an exchange.
struct Ended {
    exchange: u64,
    result: Result<HttpResponse, TransportError>,
}

/// What came in from the sockets, or that nothing did.
enum Arrival {
    Request(Option<Endpoint>, Incoming),
    Result(Ended),
    Queued(Queued),
    Nothing,
}

impl<'a> Sockets<'a> {
    async fn open(
        plan: &Plan,
        stage: Stage,
        foreign: Foreign<'a>,
        handlers: Handlers,
        rate: u32,
    ) -> Result<Self, DriverError> {
        let (arrive, incoming) = mpsc::channel(WAITING);
        let (end, ended) = mpsc::channel(WAITING);
        let mut servers = BTreeMap::new();
        for endpoint in stage.endpoints() {
            let server = serve(endpoint, arrive.clone()).await.map_err(opening)?;
            let door = Door {
                base: server.addr().into(),
                server: Some(server),
            };
            servers.insert(endpoint, door);
        }
        Ok(Self {
            stage,
            clock: Clock::new(plan.starts_at, rate),
            servers,
            client: Arc::new(Client::with_patience(PATIENCE / rate)),
            foreign,
            handlers,
            errands: VecDeque::new(),
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
            watch: Watch::default(),
            given_up: 0,
            stirred: false,
            between: BTreeMap::new(),
        })
    }

    async fn run(mut self, plan: &Plan) -> Result<(Recorder, Option<Mishap>), DriverError> {
        let mut steps: Vec<_> = plan
            .steps
            .iter()
            .map(|step| (plan.starts_at + step.at, step.act.clone()))
            .collect();
        steps.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let limit = plan.starts_at + plan.time_limit;
        // The run begins only now: whoever was prepared before would be ahead of it.
        self.tell_time().await?;
        loop {
            if let Some(errand) = self.errands.pop_front() {
                self.run_errand(errand).await?;
                continue;
            }
            if self.foreign.mishap().is_some() {
                let now = self.clock.now();
                return self.finish(now, false).await;
            }
            if self.stage.is_endless() {
                let now = self.clock.now();
                return self.finish(now, false).await;
            }
            let is_held = steps
                .last()
                .is_some_and(|(_, act)| self.has_to_wait(plan, act));
            let next_step = steps.last().filter(|_| !is_held).map(|(at, _)| *at);
            let now = self.clock.now();
            if next_step.is_some_and(|at| at <= now) {
                if let Some((_, act)) = steps.pop() {
                    let carries = self.stage.act(now, act)?;
                    self.carry_all(carries).await?;
                }
                continue;
            }
            if self.do_what_is_due().await? {
                continue;
            }
            let look = self.until_a_look();
            if look.is_some_and(|pause| pause.is_zero()) {
                self.look_at_screens().await?;
                continue;
            }
            let own = [next_step, self.next()].into_iter().flatten().min();
            if self.under_way > 0 {
                let own = own.map(|at| at.since(now) / self.clock.rate());
                let at_most = own.into_iter().chain(look).min();
                let arrival = self.arrival(at_most).await;
                self.take(arrival).await?;
                continue;
            }
            let next = match self.outlook(own, next_step).await? {
                Outlook::Busy(at_most) => {
                    let at_most = look.map_or(at_most, |look| look.min(at_most));
                    let arrival = self.arrival(Some(at_most)).await;
                    self.take(arrival).await?;
                    continue;
                }
                // Whoever has held the others up does not come to an end.
                Outlook::Idle(_) | Outlook::Over if is_held => {
                    self.given_up = self.stage.transfers_under_way();
                    continue;
                }
                Outlook::Idle(next) => next,
                Outlook::Over => {
                    let now = self.clock.now();
                    return self.finish(now, own.is_none()).await;
                }
            };
            match next {
                None => {
                    let now = self.clock.now();
                    return self.finish(now, true).await;
                }
                Some(at) if at > limit => return self.finish(limit, false).await,
                Some(at) => {
                    self.clock.skip_to(at);
                    self.tell_time().await?;
                }
            }
        }
    }

    /// Whether a patient registers only when another transfer has come to an end.
    fn has_to_wait(&self, plan: &Plan, act: &Act) -> bool {
        let under_way = self.stage.transfers_under_way();
        let under_way = under_way.saturating_sub(self.given_up);
        let is_full = |most: NonZeroU32| under_way >= most.get() as usize;
        act.registers().is_some() && plan.at_once.is_some_and(is_full)
    }

    /// When somebody of ours next does something by itself.
    fn next(&self) -> Option<Time> {
        let next = [
            self.on_link.next_time(),
            self.stage.deadline(),
            self.handlers.deadline(),
        ];
        next.into_iter().flatten().min()
    }

    /// Lets one thing happen that is due; false if nothing is.
    async fn do_what_is_due(&mut self) -> Result<bool, DriverError> {
        let now = self.clock.now();
        if self.on_link.next_time().is_some_and(|at| at <= now) {
            let carries = self.post_next(now)?;
            self.carry_all(carries).await?;
            return Ok(true);
        }
        if let Some(deadline) = self.handlers.deadline().filter(|at| *at <= now) {
            self.watch.wake(deadline)?;
            self.stirred = true;
            let carries = self.wake_handlers(now)?;
            self.carry_all(carries).await?;
            return Ok(true);
        }
        let Some(deadline) = self.stage.deadline().filter(|at| *at <= now) else {
            return Ok(false);
        };
        self.watch.wake(deadline)?;
        self.stirred = true;
        let carries = self.stage.wake(now)?;
        self.carry_all(carries).await?;
        Ok(true)
    }

    /// What comes in from the sockets, waiting so long at most by the wall clock.
    async fn arrival(&mut self, at_most: Option<Duration>) -> Arrival {
        let arrival = async {
            tokio::select! {
                Some(incoming) = self.incoming.recv() => Arrival::Request(None, incoming),
                Some(ended) = self.ended.recv() => Arrival::Result(ended),
                Some(queued) = self.handlers.queued() => Arrival::Queued(queued),
                Some((from, incoming)) = self.foreign.arrived() => Arrival::Request(Some(from), incoming),
                else => Arrival::Nothing,
            }
        };
        match at_most {
            Some(patience) => timeout(patience, arrival).await.unwrap_or(Arrival::Nothing),
            None => arrival.await,
        }
    }

    async fn take(&mut self, arrival: Arrival) -> Result<(), DriverError> {
        let now = self.clock.now();
        if !matches!(arrival, Arrival::Nothing) {
            self.stirred = true;
        }
        let carries = match arrival {
            Arrival::Nothing => return Ok(()),
            Arrival::Request(None, incoming) => self.take_own(now, incoming)?,
            Arrival::Request(Some(from), incoming) => self.take_foreign(now, from, incoming)?,
            Arrival::Result(Ended { exchange, result }) => {
                self.under_way -= 1;
                // What they said while this was under way may be of before.
                match self.between.remove(&exchange) {
                    Some((from, to)) => {
                        self.foreign.touch(from);
                        self.foreign.touch(to);
                    }
                    None => self.foreign.touch_all(),
                }
                self.foreign.pass_on(exchange, &result);
                let system = self.end_handler_post(now, exchange, &result);
                let result = self.as_seen_behind(system, result);
                let mut carries = self.stage.result(now, exchange, result)?;
                if let Some(system) = system {
                    carries.extend(self.drain_handler(now, system)?);
                }
                carries
            }
            Arrival::Queued(queued) => self.take_queued(now, queued)?,
        };
        self.carry_all(carries).await
    }

    fn take_own(&mut self, now: Time, incoming: Incoming) -> Result<Vec<Carry>, DriverError> {
        if self.stage.is_down(incoming.endpoint) {
            // The connection closes with what would have carried the answer.
            return Ok(Vec::new());
        }
        let id = self.await_answer(incoming.answer, None);
        (self.stage).deliver(now, id, incoming.endpoint, incoming.request)
    }

    /// A foreign system posts: to a system of ours, or through us to another foreign one.
    fn take_foreign(
        &mut self,
        now: Time,
        from: Endpoint,
        incoming: Incoming,
    ) -> Result<Vec<Carry>, DriverError> {
        self.foreign.touch(from);
        if incoming.endpoint == Endpoint::Spine && self.handlers.has(from) {
            return self.take_json(now, from, incoming);
        }
        let Incoming {
            endpoint: to,
            request,
            answer,
        } = incoming;
        let exchange = self.stage.foreign_post(now, from, to, &request)?;
        self.between.insert(exchange, (from, to));
        if self.foreign.is_foreign(to) {
            self.foreign.relay(exchange, answer);
            let conduct = Conduct::Clean;
            return Ok(vec![Carry::Post {
                exchange,
                from,
                to,
                request,
                conduct,
            }]);
        }
        if self.stage.is_down(to) {
            return self
                .stage
                .result(now, exchange, Err(TransportError::Refused));
        }
        let id = self.await_answer(answer, Some(exchange));
        self.stage.deliver(now, id, to, request)
    }

    fn await_answer(
        &mut self,
        answer: oneshot::Sender<Answered>,
        exchange: Option<u64>,
    ) -> AnswerId {
        self.answer_ids += 1;
        let id = AnswerId(self.answer_ids);
        self.answers.insert(id, Waiting { answer, exchange });
        id
    }

    async fn carry_all(&mut self, carries: Vec<Carry>) -> Result<(), DriverError> {
        for carry in carries {
            self.carry(carry).await?;
        }
        Ok(())
    }

    async fn carry(&mut self, carry: Carry) -> Result<(), DriverError> {
        match carry {
            Carry::Post {
                exchange,
                from,
                to,
                request,
                conduct,
            } => {
                let arrival = self.clock.now() + self.link_delay;
                // A foreign system waits for the answer, so that nobody is idle: the time of the link
                // passes all the same.
                if self.foreign.is_relayed(exchange) {
                    self.clock.skip_to(arrival);
                }
                self.on_link.schedule(
                    arrival,
                    Posted {
                        exchange,
                        from,
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
                let waiting = self.answers.remove(&id).ok_or_else(|| {
                    DriverError::Defect(format!("request {} was answered twice", id.0))
                })?;
                match waiting.exchange {
                    None => self.answer(waiting.answer, response, conduct),
                    // It may act on the answer before anybody here is told how that went.
                    Some(exchange)
                        if conduct == Conduct::Clean && !self.handlers.is_posting(exchange) =>
                    {
                        let now = self.clock.now();
                        let gone = waiting.answer.is_closed();
                        let result = match gone {
                            false => Ok(response.clone()),
                            true => Err(TransportError::TimedOut),
                        };
                        self.between.remove(&exchange);
                        self.stage.result(now, exchange, result)?;
                        let _ = waiting.answer.send(Answered { response, conduct });
                    }
                    Some(exchange) => {
                        self.answer_foreign(exchange, waiting.answer, response, conduct);
                    }
                }
            }
            Carry::Down(endpoint) => {
                if let Some(door) = self.servers.get_mut(&endpoint) {
                    door.server = None;
                } else {
                    let event = LifecycleEvent::Kill;
                    self.errands.push_back(Errand::Lifecycle(endpoint, event));
                }
            }
            Carry::Up(endpoint) => {
                if let Some(door) = self.servers.get_mut(&endpoint) {
                    let server = reopen(&door.base, endpoint, &self.arrive).await;
                    door.server = Some(server.map_err(opening)?);
                } else {
                    let event = LifecycleEvent::Restart;
                    self.errands.push_back(Errand::Lifecycle(endpoint, event));
                }
            }
            Carry::Act(endpoint, act) => self.errands.push_back(Errand::Act(endpoint, act)),
            Carry::Disk(endpoint, event) => {
                self.errands.push_back(Errand::Lifecycle(endpoint, event));
            }
        }
        Ok(())
    }

    fn answer(
        &mut self,
        answer: oneshot::Sender<Answered>,
        response: HttpResponse,
        conduct: Conduct,
    ) {
        if conduct == Conduct::Silent {
            self.silent.push(answer);
            return;
        }
        let conduct = self.clock.quicken(conduct);
        // The caller may have given up; its own timeout tells the story.
        let _ = answer.send(Answered { response, conduct });
    }

    /// A foreign system does not tell us how its posts end: what we did to the connection does.
    fn answer_foreign(
        &mut self,
        exchange: u64,
        answer: oneshot::Sender<Answered>,
        response: HttpResponse,
        conduct: Conduct,
    ) {
        let conduct = self.clock.quicken(conduct);
        let end = self.end.clone();
        let patience = PATIENCE / self.clock.rate();
        let takes = conduct.transmission(response.body.len());
        self.under_way += 1;
        tokio::spawn(async move {
            let result = match conduct {
                Conduct::Silent => give_up(answer, patience).await,
                Conduct::Truncate { .. } | Conduct::Reset => {
                    let _ = answer.send(Answered { response, conduct });
                    Err(TransportError::Reset)
                }
                Conduct::Slow { .. } if takes >= patience => {
                    let _ = answer.send(Answered { response, conduct });
                    tokio::time::sleep(patience).await;
                    Err(TransportError::TimedOut)
                }
                Conduct::Slow { .. } | Conduct::Clean => {
                    let sent = answer.send(Answered {
                        response: response.clone(),
                        conduct,
                    });
                    tokio::time::sleep(takes).await;
                    sent.map(|()| response)
                        .map_err(|_| TransportError::TimedOut)
                }
            };
            let _ = end.send(Ended { exchange, result }).await;
        });
    }

    fn post_next(&mut self, now: Time) -> Result<Vec<Carry>, DriverError> {
        let Some((_, posted)) = self.on_link.pop() else {
            return Ok(Vec::new());
        };
        if self.foreign.is_down(posted.to) && !self.stage.is_down(posted.to) {
            // It is on its way up, and has not said yet that it is there.
            self.on_link.schedule(now + self.link_delay, posted);
            return Ok(Vec::new());
        }
        if posted.from == Endpoint::Spine && self.handlers.has(posted.to) {
            return self.deliver_to_handler(now, posted);
        }
        let (base, client) = match self.foreign.place(posted.to) {
            Some(Place { base, client }) => (base, client),
            None => (self.base(posted.to)?, Arc::clone(&self.client)),
        };
        self.foreign.touch(posted.to);
        self.between
            .insert(posted.exchange, (posted.from, posted.to));
        self.under_way += 1;
        let end = self.end.clone();
        tokio::spawn(async move {
            let result = post_as(&client, base, posted.request, posted.conduct).await;
            let exchange = posted.exchange;
            // A run that is over no longer listens, and needs no results.
            let _ = end.send(Ended { exchange, result }).await;
        });
        Ok(Vec::new())
    }

    fn base(&self, endpoint: Endpoint) -> Result<Base, DriverError> {
        self.servers
            .get(&endpoint)
            .map(|door| door.base.clone())
            .ok_or_else(|| DriverError::Defect(format!("{endpoint} has no server")))
    }
}

/// Nobody answers: until whoever asked hangs up, or for three times as long as anybody waits.
async fn give_up(
    mut answer: oneshot::Sender<Answered>,
    patience: Duration,
) -> Result<HttpResponse, TransportError> {
    let _ = timeout(patience * 3, answer.closed()).await;
    Err(TransportError::TimedOut)
}

/// A port that was closed a moment ago is free once its last task has ended.
async fn reopen(
    base: &Base,
    endpoint: Endpoint,
    arrive: &mpsc::Sender<Incoming>,
) -> io::Result<Server> {
    const TRIES: u32 = 200;
    const PAUSE: Duration = Duration::from_millis(5);
    let addr = (base.host().parse())
        .map(|host| SocketAddr::new(host, base.port()))
        .map_err(io::Error::other)?;
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

const fn opening(source: io::Error) -> DriverError {
    DriverError::Io {
        what: "opening loopback sockets",
        source,
    }
}
