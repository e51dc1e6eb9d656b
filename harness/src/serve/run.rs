//! A run as a served system sees it: what it was told to be, what arrives, and what it wants sent.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gp2gp_mocks::cast::Ensemble;
use gp2gp_mocks::mhs_json::{self, Behind};
use gp2gp_mocks::peer::{
    AnswerId, Condition, Conduct, HttpResponse, Input, Notice, Output, PATIENCE, PostId,
    TransportError,
};
use gp2gp_mocks::serve::{Answered, Base, Client, Incoming, Server, post_as, serve_guarded};
use gp2gp_model::Time;
use gp2gp_model::control::{
    Action, ActionRef, ActionStatus, After, Agenda, ClockRate, ClockSetting, Happening,
    LifecycleEvent, Log, LogLines, Numbered, Observed, PlanText, Prepared, Refusal, Screen,
    ScreenNotice, Setting, SystemSetting,
};
use gp2gp_model::plan::{Act, Plan};
use gp2gp_model::trace::Endpoint;
use gp2gp_sim::Streams;
use tokio::sync::{mpsc, oneshot};

use super::hosted::Hosted;
use super::queue::{FromQueue, Queues};
use super::slow::Slow;
use super::{Binding, Offer, Wire};
use crate::sut::amqp::QueueAt;

const WAITING: usize = 64;

/// How long a system waits for its message handler.
const HANDLER_PATIENCE: Duration = Duration::from_mins(10);

/// Lines of its log that a run keeps.
const LOG_LINES: usize = 200;

/// What is served in a run.
pub(super) struct Run {
    systems: BTreeMap<Endpoint, Hosted>,
    wire: Wire,
    slow: Slow,
    client: Arc<Client>,
    arrive: mpsc::Sender<Incoming>,
    incoming: mpsc::Receiver<Incoming>,
    end: mpsc::Sender<Ended>,
    ended: mpsc::Receiver<Ended>,
    /// Posts of systems that still wait for their answer.
    open: BTreeMap<u64, (Endpoint, PostId)>,
    posts: u64,
    answers: BTreeMap<AnswerId, (Endpoint, oneshot::Sender<Answered>)>,
    arrived: u64,
    queues: Queues,
    /// Answers that never come.
    silent: Vec<oneshot::Sender<Answered>>,
    screen: Vec<Numbered>,
    actions: BTreeMap<String, ActionStatus>,
    log: VecDeque<String>,
}

/// The end of a post.
struct Ended {
    post: u64,
    result: Result<HttpResponse, TransportError>,
}

impl Run {
    /// Nothing is served.
    pub(super) fn nothing() -> Self {
        let (arrive, incoming) = mpsc::channel(WAITING);
        let (end, ended) = mpsc::channel(WAITING);
        Self {
            systems: BTreeMap::new(),
            wire: Wire::default(),
            slow: Slow::default(),
            client: Arc::new(Client::new()),
            arrive,
            incoming,
            end,
            ended,
            open: BTreeMap::new(),
            posts: 0,
            answers: BTreeMap::new(),
            arrived: 0,
            queues: Queues::none(),
            silent: Vec::new(),
            screen: Vec::new(),
            actions: BTreeMap::new(),
            log: VecDeque::new(),
        }
    }

    /// Becomes what it is told to be.
    pub(super) async fn prepare(
        offer: &Offer,
        setting: Setting,
    ) -> Result<(Prepared, Self), Refusal> {
        let told = setting.plan.as_ref().ok_or_else(|| {
            not_understood(
                "there is no `plan`, and this system makes its test data from it".to_owned(),
            )
        })?;
        let plan = plan(told, setting.clock.now)?;
        let keepers = setting.systems.iter();
        let mut keepers =
            keepers.filter(|it| matches!(it.system, Endpoint::Sending | Endpoint::Office));
        let store = keepers.find_map(|it| it.services.get("store"));
        let ensemble = match store {
            Some(store) => Ensemble::with_store_at(store, &plan, &offer.defects),
            None => Ensemble::from_plan(&plan, &offer.defects),
        };
        let mut peers = ensemble
            .map_err(|error| not_understood(error.to_string()))?
            .peers;
        let patience = match offer.binding {
            Binding::Spine => PATIENCE / setting.clock.rate.max(1),
            // A handler answers when it has done what it can, which takes as long as it takes.
            Binding::MhsJson => HANDLER_PATIENCE,
        };
        let client = Client::with_patience(patience);
        let mut run = Self {
            wire: offer.wire.clone(),
            slow: Slow::new(offer.slow),
            client: Arc::new(match &offer.wire.trust {
                Some(trust) => client.trusting(trust.clone()),
                None => client,
            }),
            ..Self::nothing()
        };
        let mut prepared = Prepared::default();
        for SystemSetting {
            system, services, ..
        } in setting.systems
        {
            let peer = peers.remove(&system).ok_or_else(|| {
                not_understood(format!("nobody is `{}` in this plan", system.key()))
            })?;
            let any = (Ipv4Addr::LOCALHOST, 0).into();
            let server = run.open(any, system).await.map_err(failed)?;
            let scheme = run.wire.scheme();
            let address = format!("{scheme}://{}", server.addr());
            prepared.addresses.insert(system.key().to_owned(), address);
            let peer = match queue(offer, system, &services)? {
                Some(queue) => {
                    run.queues.add(system, queue);
                    let streams = Streams::new(plan.seed);
                    Box::new(Behind::new(peer, plan.directory.clone(), streams))
                }
                None => peer,
            };
            let hosted = Hosted::new(peer, setting.clock, bases(&services)?, server);
            run.systems.insert(system, hosted);
        }
        run.note(format!("prepared for {}", setting.run));
        Ok((prepared, run))
    }

    async fn open(&self, addr: SocketAddr, system: Endpoint) -> io::Result<Server> {
        let security = self.wire.security.clone();
        serve_guarded(addr, system, security, self.arrive.clone()).await
    }

    /// Lets one thing happen: something arrives, a post ends, or a deadline comes. Waits for it. Nothing
    /// is lost if it is not waited for to the end.
    pub(super) async fn go_on(&mut self) {
        let rest = self.systems.values().filter_map(Hosted::rest).min();
        let sleep = async {
            match rest {
                Some(rest) => tokio::time::sleep(rest).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(incoming) = self.incoming.recv() => self.take(incoming),
            Some(ended) = self.ended.recv() => self.settle(ended),
            Some(from_queue) = self.queues.next() => self.take_from_queue(from_queue),
            () = sleep => {}
        }
        self.wake_all();
    }

    fn wake_all(&mut self) {
        for hosted in self.systems.values_mut() {
            hosted.wake();
        }
        self.drain();
    }

    fn take(&mut self, incoming: Incoming) {
        let Incoming {
            endpoint,
            request,
            answer,
        } = incoming;
        let Some(hosted) = self.systems.get_mut(&endpoint).filter(|it| it.is_up()) else {
            return;
        };
        self.slow.take(&request.body);
        self.arrived += 1;
        let id = AnswerId(self.arrived);
        self.answers.insert(id, (endpoint, answer));
        hosted.deliver(id, request);
    }

    fn take_from_queue(&mut self, from_queue: FromQueue) {
        let system = from_queue.system;
        match &from_queue.message {
            Ok(message) => {
                let request = mhs_json::from_queue(message);
                let Some(hosted) = self.systems.get_mut(&system).filter(|it| it.is_up()) else {
                    return;
                };
                self.arrived += 1;
                let id = AnswerId(self.arrived);
                self.queues.give(id, from_queue);
                hosted.deliver(id, request);
            }
            Err(error) => self.note(format!("{}: {error}", system.key())),
        }
    }

    fn settle(&mut self, ended: Ended) {
        // Whoever waited may have gone down meanwhile.
        let Some((system, post)) = self.open.remove(&ended.post) else {
            return;
        };
        if let Some(hosted) = self.systems.get_mut(&system) {
            hosted.handle(match ended.result {
                Ok(response) => Input::Response { post, response },
                Err(error) => Input::Failed { post, error },
            });
        }
    }

    fn drain(&mut self) {
        let systems: Vec<Endpoint> = self.systems.keys().copied().collect();
        for system in systems {
            while let Some(output) = (self.systems.get_mut(&system)).and_then(Hosted::poll_output) {
                self.carry(system, output);
            }
        }
    }

    fn carry(&mut self, system: Endpoint, output: Output) {
        match output {
            Output::Post {
                id,
                to,
                request,
                conduct,
            } => {
                self.posts += 1;
                let post = self.posts;
                self.open.insert(post, (system, id));
                let base = self
                    .systems
                    .get(&system)
                    .and_then(|it| it.service(to))
                    .cloned();
                let (client, end) = (Arc::clone(&self.client), self.end.clone());
                let pause = self.slow.before_sending();
                tokio::spawn(async move {
                    pause.await;
                    let result = match base {
                        Some(base) => post_as(&client, base, request, conduct).await,
                        None => Err(TransportError::Refused),
                    };
                    // A run that is over needs no results.
                    let _ = end.send(Ended { post, result }).await;
                });
            }
            Output::Answer {
                id,
                response,
                conduct,
            } => {
                if self.queues.answer(id, response.status) {
                    return;
                }
                let Some((_, answer)) = self.answers.remove(&id) else {
                    return;
                };
                if conduct == Conduct::Silent {
                    self.silent.push(answer);
                    return;
                }
                let _ = answer.send(Answered { response, conduct });
            }
            Output::Notice(notice) => self.show(system, screen_notice(notice)),
            Output::FaultFired(name) => self.show(system, ScreenNotice::FaultActed { name }),
            // Only Spine takes others down, and it is not served.
            Output::Crash { .. } => {}
        }
    }

    fn show(&mut self, system: Endpoint, notice: ScreenNotice) {
        self.note(format!("{}: {notice:?}", system.key()));
        let number = self.screen.len() as u64 + 1;
        self.screen.push(Numbered {
            number,
            system,
            notice,
        });
    }

    fn note(&mut self, line: String) {
        if self.log.len() == LOG_LINES {
            self.log.pop_front();
        }
        self.log.push_back(line);
    }

    /// People do something. What the system says to that at once is its answer.
    pub(super) fn act(&mut self, action: Action) -> Result<ActionStatus, Refusal> {
        if let Some(status) = self.actions.get(&action.id) {
            return Ok(status.clone());
        }
        let Action { id, system, act } = action;
        let seen = self.screen.len();
        self.system(system)?.handle(Input::Act(act.clone()));
        self.drain();
        let said = self.screen.get(seen..).unwrap_or_default().iter();
        let answer = said.enumerate().find_map(|(at, numbered)| {
            let answer = answer_to(&act, &numbered.notice)?;
            Some((seen + at, answer))
        });
        let status = match answer {
            Some((at, answer)) => {
                self.screen.remove(at);
                for (number, numbered) in (1..).zip(&mut self.screen) {
                    numbered.number = number;
                }
                answer?
            }
            None => ActionStatus::Done,
        };
        self.actions.insert(id, status.clone());
        Ok(status)
    }

    pub(super) fn action(&self, action: &ActionRef) -> Result<ActionStatus, Refusal> {
        let status = self.actions.get(&action.id).cloned();
        status.ok_or_else(|| not_understood(format!("there was no action `{}`", action.id)))
    }

    pub(super) fn notices(&self, after: After) -> Screen {
        let new = self.screen.iter().filter(|it| it.number > after.after);
        Screen {
            notices: new.cloned().collect(),
        }
    }

    pub(super) fn observe(&self, system: Endpoint) -> Result<Observed, Refusal> {
        let hosted = self.systems.get(&system).ok_or_else(|| nobody(system))?;
        Ok(Observed {
            observations: hosted.observe(),
        })
    }

    pub(super) fn set_clock(&mut self, clock: ClockSetting) -> Result<Agenda, Refusal> {
        let ClockSetting { system, now, rate } = clock;
        let rate = rate.max(1);
        self.system(system)?.set_clock(ClockRate { now, rate });
        self.wake_all();
        let hosted = self.system(system)?;
        let deadline = hosted.deadline();
        let is_open = |(of, _): &(Endpoint, PostId)| *of == system;
        let is_asked = |(of, _): &(Endpoint, oneshot::Sender<Answered>)| *of == system;
        let idle = !self.open.values().any(is_open) && !self.answers.values().any(is_asked);
        let idle = idle && !self.queues.is_waiting();
        Ok(Agenda {
            idle: idle && self.incoming.is_empty() && self.ended.is_empty(),
            next: deadline.map(|deadline| deadline.at),
            why: deadline.map(|deadline| deadline.why.to_owned()),
            notices: self.screen.len() as u64,
            taken: self.queues.taken(system),
        })
    }

    pub(super) async fn happen(&mut self, happening: Happening) -> Result<(), Refusal> {
        let Happening { system, event } = happening;
        self.note(format!("{}: {event:?}", system.key()));
        match event {
            LifecycleEvent::Kill => {
                self.system(system)?.server = None;
                self.open.retain(|_, (of, _)| *of != system);
                self.answers.retain(|_, (of, _)| *of != system);
                self.queues.close(system);
            }
            LifecycleEvent::Restart => {
                let addr = self.system(system)?.addr;
                let server = self.reopen(addr, system).await.map_err(failed)?;
                let hosted = self.system(system)?;
                hosted.server = Some(server);
                hosted.handle(Input::Condition(Condition::Restarted));
                self.queues.open(system);
            }
            LifecycleEvent::DiskFull => {
                let condition = Condition::DiskFull;
                self.system(system)?.handle(Input::Condition(condition));
            }
            LifecycleEvent::DiskFree => {
                let condition = Condition::DiskFree;
                self.system(system)?.handle(Input::Condition(condition));
                if let Some(held) = self.queues.held(system) {
                    self.take_from_queue(held);
                }
            }
        }
        self.drain();
        Ok(())
    }

    /// A port that was closed a moment ago is free once its last task has ended.
    async fn reopen(&self, addr: SocketAddr, system: Endpoint) -> io::Result<Server> {
        const TRIES: u32 = 200;
        const PAUSE: Duration = Duration::from_millis(5);
        for _ in 0..TRIES {
            match self.open(addr, system).await {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    tokio::time::sleep(PAUSE).await;
                }
                opened => return opened,
            }
        }
        self.open(addr, system).await
    }

    pub(super) fn log(&self, lines: LogLines) -> Log {
        let skipped = (self.log.len()).saturating_sub(lines.lines as usize);
        Log {
            lines: self.log.iter().skip(skipped).cloned().collect(),
        }
    }

    fn system(&mut self, system: Endpoint) -> Result<&mut Hosted, Refusal> {
        self.systems.get_mut(&system).ok_or_else(|| nobody(system))
    }
}

/// The answer to an act that a notice is, if it is one.
fn answer_to(act: &Act, notice: &ScreenNotice) -> Option<Result<ActionStatus, Refusal>> {
    match notice {
        ScreenNotice::NotSupported { act: refused } if refused == act => {
            Some(Err(Refusal::NotSupported))
        }
        ScreenNotice::Declined { act: refused, why } if refused == act => {
            let why = why.clone();
            Some(Ok(ActionStatus::Declined { why }))
        }
        ScreenNotice::NotSupported { .. }
        | ScreenNotice::Declined { .. }
        | ScreenNotice::ReadyToIntegrate { .. }
        | ScreenNotice::Alert { .. }
        | ScreenNotice::FaultActed { .. } => None,
    }
}

fn screen_notice(notice: Notice) -> ScreenNotice {
    match notice {
        Notice::ReadyToIntegrate { patient } => ScreenNotice::ReadyToIntegrate { patient },
        Notice::Alert(alert) => ScreenNotice::Alert { alert },
        Notice::NotSupported(act) => ScreenNotice::NotSupported { act },
        Notice::Declined { act, why } => ScreenNotice::Declined { act, why },
    }
}

/// The plan from which the harness runs, made from the same text.
fn plan(told: &PlanText, begins: Time) -> Result<Plan, Refusal> {
    let why = |error: &dyn std::fmt::Display| not_understood(format!("the plan: {error}"));
    let catalogue = gp2gp_scenarios::catalogue().map_err(|error| why(&error))?;
    let source = gp2gp_scenarios::load_str(&told.file, &told.text).map_err(|error| why(&error))?;
    let scenarios = gp2gp_scenarios::parse(&source).map_err(|error| why(&error))?;
    let wanted = scenarios
        .iter()
        .find(|it| it.id().as_str() == told.scenario);
    let scenario = wanted.ok_or_else(|| {
        let file = &told.file;
        not_understood(format!("{file} has no scenario {}", told.scenario))
    })?;
    gp2gp_scenarios::lower_under(scenario, &catalogue, Some(told.seed), &told.terms)
        .map(|plan| plan.begun_at(begins))
        .map_err(|error| why(&error))
}

/// Where a system behind a message handler finds what came. One of Spine has no queue, though there
/// may be one for others.
fn queue(
    offer: &Offer,
    system: Endpoint,
    services: &BTreeMap<String, String>,
) -> Result<Option<QueueAt>, Refusal> {
    let gets_messages = matches!(system, Endpoint::Requesting | Endpoint::Sending);
    match (offer.binding, services.get("queue")) {
        (Binding::Spine, None) => Ok(None),
        (Binding::MhsJson, Some(url)) => url
            .parse()
            .map(|queue: QueueAt| Some(queue.trusting(offer.wire.trust.clone())))
            .map_err(|error| not_understood(format!("the address of queue: {error}"))),
        (Binding::MhsJson, None) if !gets_messages => Ok(None),
        (Binding::MhsJson, None) => Err(not_understood(
            "there is no `queue`, and this system stands behind a message handler".to_owned(),
        )),
        (Binding::Spine, Some(_)) => Err(not_understood(
            "there is a `queue`, and this system is served without `--binding mhs-json`".to_owned(),
        )),
    }
}

fn bases(services: &BTreeMap<String, String>) -> Result<BTreeMap<Endpoint, Base>, Refusal> {
    let mut bases = BTreeMap::new();
    for (name, url) in services.iter().filter(|(name, _)| *name != "queue") {
        let base = (url.parse::<Base>())
            .map_err(|error| not_understood(format!("the address of {name}: {error}")))?;
        let endpoint = Endpoint::ALL.into_iter().find(|it| it.key() == name);
        bases.extend(endpoint.map(|endpoint| (endpoint, base)));
    }
    Ok(bases)
}

fn nobody(system: Endpoint) -> Refusal {
    not_understood(format!("nobody was prepared as `{}`", system.key()))
}

const fn not_understood(why: String) -> Refusal {
    Refusal::NotUnderstood { why }
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
fn failed(error: io::Error) -> Refusal {
    Refusal::Failed {
        why: error.to_string(),
    }
}
