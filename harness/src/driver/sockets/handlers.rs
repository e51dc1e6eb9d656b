//! The message handlers before foreign systems that stand behind one: Spine and the trace see the
//! handler, the system posts JSON to it and takes what came from its queue.

use std::collections::BTreeMap;
use std::time::Duration;

use gp2gp_mocks::cast;
use gp2gp_mocks::mhs_json::{Handler, HandlerOutput, QueueNumber};
use gp2gp_mocks::peer::{AnswerId, Conduct, HttpResponse, PATIENCE, PostId, TransportError};
use gp2gp_mocks::serve::{Answered, Incoming};
use gp2gp_model::Time;
use gp2gp_model::control::Agenda;
use gp2gp_model::plan::{Plan, Role};
use gp2gp_model::report::{Mishap, MishapKind};
use gp2gp_model::trace::Endpoint;
use gp2gp_sim::Streams;
use gp2gp_wire::mhs_json::QueueMessage;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Carry, Ended, Posted, Sockets};
use crate::driver::DriverError;
use crate::sut::Party;
use crate::sut::amqp::{BrokerError, QueueAt, QueueSender};
use crate::sut::prepare::Unprepared;

/// How long a system that does not count what it takes is left alone after something was queued.
const SETTLES: Duration = Duration::from_millis(250);

/// The handlers of a run.
pub(super) struct Handlers {
    places: BTreeMap<Endpoint, Place>,
    queued: mpsc::UnboundedReceiver<Queued>,
    /// Posts of handlers to Spine, by exchange.
    posts: BTreeMap<u64, (Endpoint, PostId)>,
    /// Deliveries of Spine that a handler has not answered: the exchange, and what becomes of the answer.
    deliveries: BTreeMap<AnswerId, (u64, Conduct)>,
    /// Requests of systems that a handler has not answered.
    requests: BTreeMap<AnswerId, (Endpoint, oneshot::Sender<Answered>)>,
}

struct Place {
    handler: Handler,
    /// Whose system stands behind it, by number, and the address of its queue.
    of: (usize, String),
    queue: mpsc::UnboundedSender<(QueueNumber, QueueMessage)>,
    feeding: JoinHandle<QueueSender>,
    /// Messages that lie, or lay, on the queue.
    put: u64,
    last_put: Instant,
    /// The system says that it has taken every one of them.
    all_taken: bool,
    /// It has gone down, or had no room: what it says may not be so.
    is_doubtful: bool,
}

/// What became of a message for a queue.
pub(super) struct Queued {
    system: Endpoint,
    number: QueueNumber,
    result: Result<(), BrokerError>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "a broker lives by the wall clock"
)]
fn wall() -> Instant {
    Instant::now()
}

impl Handlers {
    /// Nobody stands behind a handler.
    pub(super) fn none() -> Self {
        Self {
            places: BTreeMap::new(),
            queued: mpsc::unbounded_channel().1,
            posts: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            requests: BTreeMap::new(),
        }
    }

    /// A handler for every system of a party that has a queue, which is empty from now on.
    pub(super) async fn open(plan: &Plan, parties: &mut [Party]) -> Result<Self, Unprepared> {
        let (tell, queued) = mpsc::unbounded_channel();
        let mut handlers = Self {
            queued,
            ..Self::none()
        };
        for (number, party) in parties.iter_mut().enumerate() {
            for (system, queue) in party.queues(plan) {
                let sender = match party.empty_queues.remove(&queue.address) {
                    Some(sender) => Ok(sender),
                    None => empty(&queue).await,
                };
                let sender = sender.map_err(|error| Mishap {
                    kind: MishapKind::Gone,
                    system: party.name.clone(),
                    what: format!("its queue cannot be used: {error}"),
                    log: Vec::new(),
                })?;
                let (queue_of_handler, feeding) = feed(system, sender, tell.clone());
                let practice = cast::identity(plan, role(system))?.practice;
                let streams = Streams::new(plan.seed);
                let place = Place {
                    handler: Handler::new(practice, plan.directory.clone(), streams),
                    of: (number, queue.address),
                    queue: queue_of_handler,
                    feeding,
                    put: 0,
                    last_put: wall(),
                    all_taken: false,
                    is_doubtful: false,
                };
                handlers.places.insert(system, place);
            }
        }
        Ok(handlers)
    }

    /// Whether a system stands behind a handler.
    pub(super) fn has(&self, system: Endpoint) -> bool {
        self.places.contains_key(&system)
    }

    /// Whether this exchange is a post of a handler to Spine.
    pub(super) fn is_posting(&self, exchange: u64) -> bool {
        self.posts.contains_key(&exchange)
    }

    /// What became of a message for a queue; nothing where there are no queues.
    pub(super) async fn queued(&mut self) -> Option<Queued> {
        self.queued.recv().await
    }

    /// When a handler next does something by itself.
    pub(super) fn deadline(&self) -> Option<Time> {
        let places = self.places.values();
        let deadlines = places.filter_map(|place| place.handler.poll_timeout());
        deadlines.map(|deadline| deadline.at).min()
    }

    /// The run is over. Queues that are known to be empty need not be emptied before the next one.
    pub(super) async fn close(self, parties: &mut [Party]) {
        let places = self.places.into_values();
        for place in places.filter(|place| place.all_taken && !place.is_doubtful) {
            let (number, address) = place.of;
            drop(place.queue);
            if let (Ok(sender), Some(party)) = (place.feeding.await, parties.get_mut(number)) {
                party.empty_queues.insert(address, sender);
            }
        }
    }

    /// Something happens to a system as a whole.
    pub(super) fn doubt(&mut self, system: Endpoint) {
        if let Some(place) = self.places.get_mut(&system) {
            place.is_doubtful = true;
        }
    }

    /// What a system says of itself, as far as it can know: what lies on its queue it has still to do,
    /// and where it only waits for its handler to try again, it does nothing.
    pub(super) fn corrected(&mut self, system: Endpoint, agenda: Agenda) -> Agenda {
        let Some(place) = self.places.get_mut(&system) else {
            return agenda;
        };
        place.all_taken = agenda.taken == Some(place.put);
        let has_all = match agenda.taken {
            Some(taken) => taken >= place.put,
            None => place.put == 0 || wall().duration_since(place.last_put) > SETTLES,
        };
        let is_asking = self.requests.values().any(|(of, _)| *of == system);
        let is_posting = self.posts.values().any(|(of, _)| *of == system);
        let only_waits = is_asking && !is_posting;
        Agenda {
            idle: has_all && (agenda.idle || only_waits),
            ..agenda
        }
    }
}

impl Sockets<'_> {
    /// A system posts to its handler.
    pub(super) fn take_json(
        &mut self,
        now: Time,
        from: Endpoint,
        incoming: Incoming,
    ) -> Result<Vec<Carry>, DriverError> {
        self.answer_ids += 1;
        let id = AnswerId(self.answer_ids);
        self.handlers.requests.insert(id, (from, incoming.answer));
        if let Some(place) = self.handlers.places.get_mut(&from) {
            place.handler.take_request(now, id, &incoming.request);
        }
        self.drain_handler(now, from)
    }

    /// Spine delivers to a system behind a handler.
    pub(super) fn deliver_to_handler(
        &mut self,
        now: Time,
        posted: Posted,
    ) -> Result<Vec<Carry>, DriverError> {
        self.under_way += 1;
        let Posted {
            exchange,
            to,
            request,
            conduct,
            ..
        } = posted;
        if !conduct.brings_whole(request.body.len()) {
            self.end_delivery(exchange, Err(TransportError::Reset));
            return Ok(Vec::new());
        }
        self.answer_ids += 1;
        let id = AnswerId(self.answer_ids);
        self.handlers.deliveries.insert(id, (exchange, conduct));
        if let Some(place) = self.handlers.places.get_mut(&to) {
            place.handler.take_delivery(now, id, &request);
        }
        self.drain_handler(now, to)
    }

    /// A post of a handler to Spine has ended.
    pub(super) fn end_handler_post(
        &mut self,
        now: Time,
        exchange: u64,
        result: &Result<HttpResponse, TransportError>,
    ) -> Option<Endpoint> {
        let (system, post) = self.handlers.posts.remove(&exchange)?;
        let place = self.handlers.places.get_mut(&system)?;
        match result {
            Ok(response) => place.handler.handle_response(now, post, response),
            Err(error) => place.handler.handle_failure(now, post, *error),
        }
        Some(system)
    }

    /// What a system behind a handler can know of the end of a post: nothing, while it is down.
    pub(super) fn as_seen_behind(
        &self,
        system: Option<Endpoint>,
        result: Result<HttpResponse, TransportError>,
    ) -> Result<HttpResponse, TransportError> {
        match system {
            Some(system) if self.stage.is_down(system) => Err(TransportError::Reset),
            Some(_) | None => result,
        }
    }

    /// A message lies on its queue, or does not.
    pub(super) fn take_queued(
        &mut self,
        now: Time,
        queued: Queued,
    ) -> Result<Vec<Carry>, DriverError> {
        let Queued {
            system,
            number,
            result,
        } = queued;
        if let Err(error) = &result {
            let mishap = Mishap {
                kind: MishapKind::Gone,
                system: self.foreign.name_of(system),
                what: format!("its queue cannot be used: {error}"),
                log: Vec::new(),
            };
            self.foreign.set_mishap(mishap);
        }
        self.foreign.touch(system);
        if let Some(place) = self.handlers.places.get_mut(&system) {
            place.put += u64::from(result.is_ok());
            place.last_put = wall();
            place.all_taken = false;
            let why = result.err().map(|error| error.to_string());
            let told = match &why {
                Some(why) => Err(why.as_str()),
                None => Ok(()),
            };
            place.handler.handle_queued(number, told);
        }
        self.drain_handler(now, system)
    }

    /// Wakes the handlers whose time has come.
    pub(super) fn wake_handlers(&mut self, now: Time) -> Result<Vec<Carry>, DriverError> {
        let systems: Vec<Endpoint> = self.handlers.places.keys().copied().collect();
        let mut carries = Vec::new();
        for system in systems {
            if let Some(place) = self.handlers.places.get_mut(&system) {
                place.handler.handle_timeout(now);
            }
            carries.extend(self.drain_handler(now, system)?);
        }
        Ok(carries)
    }

    /// Does what a handler wants done.
    pub(super) fn drain_handler(
        &mut self,
        now: Time,
        system: Endpoint,
    ) -> Result<Vec<Carry>, DriverError> {
        let mut carries = Vec::new();
        while let Some(place) = self.handlers.places.get_mut(&system)
            && let Some(output) = place.handler.poll_output()
        {
            match output {
                HandlerOutput::PostToSpine { id, request } => {
                    let to = Endpoint::Spine;
                    let exchange = self.stage.foreign_post(now, system, to, &request)?;
                    self.handlers.posts.insert(exchange, (system, id));
                    if self.stage.is_down(to) {
                        let result = Err(TransportError::Refused);
                        self.end_handler_post(now, exchange, &result);
                        carries.extend(self.stage.result(now, exchange, result)?);
                        continue;
                    }
                    let answer = self.wait_as_poster();
                    let id = self.await_answer(answer, Some(exchange));
                    carries.extend(self.stage.deliver(now, id, to, request)?);
                }
                HandlerOutput::Answer { id, response } => self.answer_of_handler(id, response),
                // Whoever feeds the queue lives as long as the run.
                HandlerOutput::Queue { number, message } => {
                    let _ = place.queue.send((number, message));
                }
            }
        }
        Ok(carries)
    }

    fn answer_of_handler(&mut self, id: AnswerId, response: HttpResponse) {
        if let Some((exchange, conduct)) = self.handlers.deliveries.remove(&id) {
            let result = match conduct {
                Conduct::Reset => Err(TransportError::Reset),
                Conduct::Clean
                | Conduct::Truncate { .. }
                | Conduct::Slow { .. }
                | Conduct::Silent => Ok(response),
            };
            self.end_delivery(exchange, result);
        } else if let Some((_, answer)) = self.handlers.requests.remove(&id) {
            self.answer(answer, response, Conduct::Clean);
        }
    }

    fn end_delivery(&self, exchange: u64, result: Result<HttpResponse, TransportError>) {
        let end = self.end.clone();
        tokio::spawn(async move {
            let _ = end.send(Ended { exchange, result }).await;
        });
    }

    /// A connection to Spine on which somebody waits as long as a handler does. What comes over it is
    /// told by the end of the exchange.
    fn wait_as_poster(&self) -> oneshot::Sender<Answered> {
        let (answer, waits) = oneshot::channel();
        let patience = PATIENCE / self.clock.rate();
        tokio::spawn(tokio::time::timeout(patience, waits));
        answer
    }
}

/// An empty queue.
async fn empty(queue: &QueueAt) -> Result<QueueSender, BrokerError> {
    queue.broker.purge(&queue.address).await?;
    queue.broker.sender(&queue.address).await
}

/// Puts messages on a queue in their order, and tells what became of them, while somebody listens.
fn feed(
    system: Endpoint,
    mut sender: QueueSender,
    tell: mpsc::UnboundedSender<Queued>,
) -> (
    mpsc::UnboundedSender<(QueueNumber, QueueMessage)>,
    JoinHandle<QueueSender>,
) {
    let (queue, mut messages) = mpsc::unbounded_channel::<(QueueNumber, QueueMessage)>();
    let feeding = tokio::spawn(async move {
        while let Some((number, message)) = messages.recv().await {
            let result = sender.send(&message).await;
            let queued = Queued {
                system,
                number,
                result,
            };
            if tell.send(queued).is_err() {
                break;
            }
        }
        sender
    });
    (queue, feeding)
}

fn role(system: Endpoint) -> Role {
    system.role().unwrap_or(Role::Sending)
}
