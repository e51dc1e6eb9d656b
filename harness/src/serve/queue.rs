//! The queue of a served system that stands behind a message handler: one message after the other is
//! taken, and leaves the queue when the system has it.

use std::collections::BTreeMap;
use std::time::Duration;

use gp2gp_mocks::peer::AnswerId;
use gp2gp_model::trace::Endpoint;
use gp2gp_wire::mhs_json::QueueMessage;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};

use crate::sut::amqp::{BrokerError, QueueAt, QueueReceiver};

/// How long a receiver waits before it looks whether anybody still wants it to.
const GLANCE: Duration = Duration::from_secs(60);
/// Before a broker that is gone is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// The queues of a run. Dropping it stops taking.
pub(super) struct Queues {
    takers: JoinSet<()>,
    queues: BTreeMap<Endpoint, Queue>,
    tell: mpsc::UnboundedSender<FromQueue>,
    told: mpsc::UnboundedReceiver<FromQueue>,
    /// What systems have been given and have not answered.
    given: BTreeMap<AnswerId, FromQueue>,
}

struct Queue {
    at: QueueAt,
    taker: Option<AbortHandle>,
    /// Messages that the system has seen.
    taken: u64,
    /// What it could not take; it is given again when that may have changed.
    held: Option<FromQueue>,
}

/// A message from a queue, or why there is none.
pub(super) struct FromQueue {
    pub(super) system: Endpoint,
    pub(super) message: Result<QueueMessage, BrokerError>,
    /// Whether it may leave the queue. Dropped: it comes again.
    leave: oneshot::Sender<Leave>,
}

#[derive(Debug, Clone, Copy)]
enum Leave {
    Taken,
    Useless,
}

impl Queues {
    pub(super) fn none() -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        Self {
            takers: JoinSet::new(),
            queues: BTreeMap::new(),
            tell,
            told,
            given: BTreeMap::new(),
        }
    }

    /// A system has a queue from now on.
    pub(super) fn add(&mut self, system: Endpoint, at: QueueAt) {
        let queue = Queue {
            at,
            taker: None,
            taken: 0,
            held: None,
        };
        self.queues.insert(system, queue);
        self.open(system);
    }

    /// A system is up.
    pub(super) fn open(&mut self, system: Endpoint) {
        if let Some(queue) = self.queues.get_mut(&system) {
            let taking = take_all(system, queue.at.clone(), self.tell.clone());
            queue.taker = Some(self.takers.spawn(taking));
        }
    }

    /// A system is down: what it had in hand lies on the queue again.
    pub(super) fn close(&mut self, system: Endpoint) {
        self.given.retain(|_, given| given.system != system);
        if let Some(queue) = self.queues.get_mut(&system) {
            if let Some(taker) = queue.taker.take() {
                taker.abort();
            }
            queue.taken -= u64::from(queue.held.take().is_some());
        }
    }

    /// The next message of any queue.
    pub(super) async fn next(&mut self) -> Option<FromQueue> {
        self.told.recv().await
    }

    /// Whether there is something that no system has seen.
    pub(super) fn is_waiting(&self) -> bool {
        !self.told.is_empty() || !self.given.is_empty()
    }

    /// A system is given a message; its answer has this number.
    pub(super) fn give(&mut self, id: AnswerId, message: FromQueue) {
        self.given.insert(id, message);
    }

    /// A system answers; whether that was the answer to a message of a queue.
    pub(super) fn answer(&mut self, id: AnswerId, status: u16) -> bool {
        let Some(given) = self.given.remove(&id) else {
            return false;
        };
        let Some(queue) = self.queues.get_mut(&given.system) else {
            return true;
        };
        queue.taken += 1;
        // Whoever waits may be gone, and the message comes again.
        match status {
            200 => drop(given.leave.send(Leave::Taken)),
            400 => drop(given.leave.send(Leave::Useless)),
            _ => queue.held = Some(given),
        }
        true
    }

    /// What a system could not take, if there is something.
    pub(super) fn held(&mut self, system: Endpoint) -> Option<FromQueue> {
        let queue = self.queues.get_mut(&system)?;
        let held = queue.held.take()?;
        queue.taken -= 1;
        Some(held)
    }

    /// Messages that a system has seen; `None`: it has no queue.
    pub(super) fn taken(&self, system: Endpoint) -> Option<u64> {
        self.queues.get(&system).map(|queue| queue.taken)
    }
}

async fn take_all(system: Endpoint, queue: QueueAt, tell: mpsc::UnboundedSender<FromQueue>) {
    loop {
        // The handler put something on it, or looked whether it is there.
        let receiver = queue.broker.receiver_of_known(&queue.address);
        let Err(why) = take_from(system, receiver, &tell).await else {
            return;
        };
        let (leave, _) = oneshot::channel();
        let message = Err(why);
        let told = FromQueue {
            system,
            message,
            leave,
        };
        if tell.send(told).is_err() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Until nobody listens any more, or the broker is gone.
async fn take_from(
    system: Endpoint,
    mut receiver: QueueReceiver,
    tell: &mpsc::UnboundedSender<FromQueue>,
) -> Result<(), BrokerError> {
    loop {
        let Some(taken) = receiver.take(GLANCE).await? else {
            if tell.is_closed() {
                return Ok(());
            }
            continue;
        };
        let (leave, decided) = oneshot::channel();
        let message = taken.message.clone();
        let is_foreign = message.is_err();
        let told = FromQueue {
            system,
            message,
            leave,
        };
        if tell.send(told).is_err() {
            return Ok(());
        }
        match decided.await {
            _ if is_foreign => receiver.reject(&taken).await?,
            Ok(Leave::Taken) => receiver.accept(&taken).await?,
            Ok(Leave::Useless) => receiver.reject(&taken).await?,
            Err(_) => receiver.release(&taken).await?,
        }
    }
}
