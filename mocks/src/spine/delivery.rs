//! Brings messages to their recipients: in order, a few at a time, again if need be. What is
//! planned to go wrong on the way is acted out here.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use gp2gp_model::directory::Contract;
use gp2gp_model::fault::OVERTAKEN_AT_MOST;
use gp2gp_model::plan::Role;
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{EbxmlMessageId, MessageKind, PartyKey, Time};
use gp2gp_wire::ebxml::{self, Envelope, Header};

use super::faults::{Keeping, Stumble};
use super::shelf::{Shelf, Waiting};
use crate::peer::{Conduct, Deadline, HttpRequest, HttpResponse, PATIENCE, PostId};

/// Posts under way to one recipient: as many as a message handler keeps open (spec 10).
const IN_FLIGHT: usize = 10;
/// When so much waits for one recipient, in bytes, whoever posts more to it waits too.
const CROWDED_BYTES: usize = 16_000_000;

/// A message on its way to its recipient.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) to: PartyKey,
    /// `None`: nobody listens there.
    pub(super) endpoint: Option<Endpoint>,
    pub(super) message_id: EbxmlMessageId,
    pub(super) request: HttpRequest,
    /// Who sent it and what it is; `None` for what Spine says itself.
    pub(super) about: Option<(Role, Option<MessageKind>)>,
    pub(super) copies: Copies,
    /// A planned fault of this name befalls the next attempt.
    pub(super) stumble: Option<(String, Stumble)>,
    /// Where it stands in the order in which messages came; given by the outbox.
    pub(super) number: Option<u64>,
    pub(super) persistence: Persistence,
    /// Who has to be told if it cannot be delivered; nobody for what Spine says itself.
    pub(super) sent_with: Option<Box<Header>>,
}

/// How many copies arrive.
#[derive(Debug)]
pub(super) enum Copies {
    One,
    /// A planned fault: once delivered, it is delivered again.
    Two {
        fault: String,
    },
    /// The second of two.
    Second {
        fault: String,
    },
}

/// How long it is tried.
#[derive(Debug)]
pub(super) struct Persistence {
    retries: u32,
    retry_interval: Duration,
    give_up: Time,
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum Step {
    Post(Start),
    /// It will not be tried again.
    GiveUp(Delivery),
    /// A planned fault takes the recipient down.
    Crash {
        system: Endpoint,
        down_for: Duration,
    },
}

/// A post to be made.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) id: PostId,
    pub(super) to: Endpoint,
    pub(super) request: HttpRequest,
    pub(super) conduct: Conduct,
    /// The planned fault that this post is, if it is one.
    pub(super) fault: Option<String>,
}

/// Everything on its way.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    lanes: BTreeMap<PartyKey, Lane>,
    /// Patience is the same for all, so the oldest post is the first to lose it.
    under_way: BTreeMap<PostId, UnderWay>,
    shelf: Shelf,
    /// By the time of their retry, then in order of failure.
    resting: BTreeMap<(Time, u64), Waiting>,
    /// Kept back by planned faults, in the order in which they came.
    kept: Vec<Kept>,
    given_up: VecDeque<Delivery>,
    crashes: VecDeque<(Endpoint, Duration)>,
    posts: u64,
    rests: u64,
    came: u64,
}

/// A message that a planned fault keeps back.
#[derive(Debug)]
struct Kept {
    waiting: Waiting,
    since: Time,
    keeping: Keeping,
}

/// What goes to one recipient.
#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Waiting>,
    /// All of it, in bytes.
    waiting_bytes: usize,
    in_flight: usize,
}

#[derive(Debug)]
struct UnderWay {
    delivery: Delivery,
    patience_ends: Time,
    /// The recipient goes down for so long before its answer is read.
    crash: Option<Duration>,
}

impl Outbox {
    /// Queues a delivery behind all others to the same recipient.
    pub(super) fn enqueue(&mut self, mut delivery: Delivery) {
        self.number(&mut delivery);
        let waiting = self.shelf.put(delivery);
        self.queue(waiting);
    }

    /// Bodies of waiting messages that are in memory, in bytes.
    #[cfg(test)]
    pub(super) const fn in_memory(&self) -> usize {
        self.shelf.in_memory()
    }

    /// Whether so much waits for this recipient that no more should come for now.
    pub(super) fn is_crowded(&self, to: &PartyKey) -> bool {
        let lane = self.lanes.get(to);
        lane.is_some_and(|lane| lane.waiting_bytes >= CROWDED_BYTES)
    }

    /// Keeps a delivery back, as a planned fault wants it.
    pub(super) fn keep(&mut self, now: Time, mut delivery: Delivery, keeping: Keeping) {
        self.number(&mut delivery);
        if let Keeping::For(by) = keeping {
            delivery.persistence.extend(by);
            return self.rest(now + by, delivery);
        }
        let waiting = self.shelf.put(delivery);
        self.kept.push(Kept {
            waiting,
            since: now,
            keeping,
        });
    }

    /// Whether there is something to do that waits for no one.
    pub(super) fn is_waiting(&self) -> bool {
        let is_queued = |lane: &Lane| !lane.waiting.is_empty();
        !self.given_up.is_empty() || self.lanes.values().any(is_queued)
    }

    /// The next thing to be done now.
    pub(super) fn next_step(&mut self, now: Time) -> Option<Step> {
        loop {
            if let Some((system, down_for)) = self.crashes.pop_front() {
                return Some(Step::Crash { system, down_for });
            }
            if let Some(delivery) = self.given_up.pop_front() {
                return Some(Step::GiveUp(delivery));
            }
            let lane = self.lanes.values_mut().find(|lane| lane.may_start())?;
            let waiting = lane.pop()?;
            let delivery = match self.shelf.take(waiting) {
                Ok(delivery) => delivery,
                Err(bodiless) => {
                    self.given_up.push_back(*bodiless);
                    continue;
                }
            };
            match delivery.endpoint {
                _ if delivery.persistence.give_up < now => self.given_up.push_back(delivery),
                None => self.not_delivered(now, delivery),
                Some(to) => {
                    lane.in_flight += 1;
                    return Some(Step::Post(self.start(now, to, delivery)));
                }
            }
        }
    }

    /// A post was answered. Answers that come after patience has ended say nothing any more.
    pub(super) fn answered(&mut self, now: Time, post: PostId, response: &HttpResponse) {
        let Some(UnderWay {
            delivery, crash, ..
        }) = self.finish(post)
        else {
            return;
        };
        if let (Some(down_for), Some(system)) = (crash, delivery.endpoint) {
            self.crashes.push_back((system, down_for));
            return self.not_delivered(now, delivery);
        }
        match Outcome::of(response, &delivery.message_id) {
            Outcome::Delivered => self.delivered(now, delivery),
            // The same bytes would be refused again.
            Outcome::Refused => {}
            Outcome::NotDelivered => self.not_delivered(now, delivery),
        }
    }

    /// A post got no answer.
    pub(super) fn failed(&mut self, now: Time, post: PostId) {
        if let Some(UnderWay { delivery, .. }) = self.finish(post) {
            self.not_delivered(now, delivery);
        }
    }

    /// Ends patience and begins retries that are due.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        while let Some((post, _)) = self
            .under_way
            .first_key_value()
            .filter(|(_, under_way)| under_way.patience_ends <= now)
        {
            self.failed(now, *post);
        }
        while let Some(rested) = self.resting.first_entry()
            && rested.key().0 <= now
        {
            let waiting = rested.remove();
            self.queue(waiting);
        }
        self.release(now, |kept| {
            kept.overtaken_at_last().is_some_and(|at| at <= now)
        });
    }

    /// When [`Outbox::handle_timeout`] has something to do.
    pub(super) fn poll_timeout(&self) -> Option<Deadline> {
        let patience = self.under_way.first_key_value().map(|(_, post)| Deadline {
            at: post.patience_ends,
            why: "no answer to a delivery of Spine for 20 s",
        });
        let retry = self.resting.first_key_value().map(|((at, _), _)| Deadline {
            at: *at,
            why: "retry of a delivery of Spine",
        });
        let kept = self.kept.iter().filter_map(Kept::overtaken_at_last);
        let kept = kept.min().map(|at| Deadline {
            at,
            why: "nothing overtook a message that was to be overtaken",
        });
        [patience, retry, kept]
            .into_iter()
            .flatten()
            .min_by_key(|deadline| deadline.at)
    }

    fn start(&mut self, now: Time, to: Endpoint, mut delivery: Delivery) -> Start {
        self.posts += 1;
        let (stumbled, stumble) = delivery.stumble.take().unzip();
        let second = match &delivery.copies {
            Copies::Second { fault } => Some(fault.clone()),
            Copies::One | Copies::Two { .. } => None,
        };
        let start = Start {
            id: PostId(self.posts),
            to,
            request: delivery.request.clone(),
            conduct: stumble.map_or(Conduct::Clean, Stumble::conduct),
            fault: stumbled.or(second),
        };
        let under_way = UnderWay {
            delivery,
            patience_ends: now + PATIENCE,
            crash: stumble.and_then(Stumble::crash),
        };
        self.under_way.insert(start.id, under_way);
        start
    }

    fn finish(&mut self, post: PostId) -> Option<UnderWay> {
        let under_way = self.under_way.remove(&post)?;
        if let Some(lane) = self.lanes.get_mut(&under_way.delivery.to) {
            lane.in_flight = lane.in_flight.saturating_sub(1);
        }
        Some(under_way)
    }

    fn delivered(&mut self, now: Time, delivery: Delivery) {
        for kept in &mut self.kept {
            kept.see(&delivery);
        }
        self.release(now, Kept::is_free);
        match delivery.copies {
            Copies::One | Copies::Second { .. } => {}
            Copies::Two { fault } => self.enqueue(Delivery {
                copies: Copies::Second { fault },
                sent_with: None,
                ..delivery
            }),
        }
    }

    fn not_delivered(&mut self, now: Time, mut delivery: Delivery) {
        match delivery.persistence.next_try(now) {
            Some(at) => self.rest(at, delivery),
            None => self.given_up.push_back(delivery),
        }
    }

    fn number(&mut self, delivery: &mut Delivery) {
        self.came += 1;
        delivery.number.get_or_insert(self.came);
    }

    fn queue(&mut self, waiting: Waiting) {
        let lane = self.lanes.entry(waiting.to().clone()).or_default();
        lane.push(waiting);
    }

    fn rest(&mut self, until: Time, delivery: Delivery) {
        self.rests += 1;
        let waiting = self.shelf.put(delivery);
        self.resting.insert((until, self.rests), waiting);
    }

    /// Lets go what is kept and free. Being kept does not count as trying.
    fn release(&mut self, now: Time, is_free: impl Fn(&Kept) -> bool) {
        let (free, kept) = std::mem::take(&mut self.kept)
            .into_iter()
            .partition(is_free);
        self.kept = kept;
        for Kept {
            mut waiting, since, ..
        } in free
        {
            waiting.extend(now.since(since));
            self.queue(waiting);
        }
    }
}

impl Kept {
    /// Another message was delivered.
    fn see(&mut self, other: &Delivery) {
        match &mut self.keeping {
            Keeping::Behind(left)
                if other.to == *self.waiting.to() && other.number > self.waiting.number() =>
            {
                *left = left.saturating_sub(1);
            }
            Keeping::Until(pattern) => {
                let bytes = other.request.body.len() as u64;
                let is_it =
                    (other.about).is_some_and(|(from, kind)| pattern.fits(from, kind, bytes));
                if is_it {
                    self.keeping = Keeping::Behind(0);
                }
            }
            Keeping::Behind(_) | Keeping::For(_) => {}
        }
    }

    fn is_free(&self) -> bool {
        self.keeping == Keeping::Behind(0)
    }

    /// When it goes on although too few overtook it.
    fn overtaken_at_last(&self) -> Option<Time> {
        match self.keeping {
            Keeping::Behind(_) => Some(self.since + OVERTAKEN_AT_MOST),
            Keeping::For(_) | Keeping::Until(_) => None,
        }
    }
}

impl Stumble {
    const fn conduct(self) -> Conduct {
        match self {
            Self::Cut { percent } => Conduct::Truncate { percent },
            Self::AnswerLost => Conduct::Reset,
            Self::Slow { bytes_per_second } => Conduct::Slow { bytes_per_second },
            Self::RecipientCrashes(_) => Conduct::Clean,
        }
    }

    const fn crash(self) -> Option<Duration> {
        match self {
            Self::RecipientCrashes(down_for) => Some(down_for),
            Self::Cut { .. } | Self::AnswerLost | Self::Slow { .. } => None,
        }
    }
}

impl Lane {
    fn may_start(&self) -> bool {
        self.in_flight < IN_FLIGHT && !self.waiting.is_empty()
    }

    fn push(&mut self, waiting: Waiting) {
        self.waiting_bytes += waiting.bytes();
        self.waiting.push_back(waiting);
    }

    fn pop(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.pop_front()?;
        self.waiting_bytes = self.waiting_bytes.saturating_sub(waiting.bytes());
        Some(waiting)
    }
}

impl Persistence {
    /// As the contract wants it, and no longer than the message lives; without a contract it is
    /// tried once.
    pub(super) fn new(now: Time, contract: Option<&Contract>, time_to_live: Option<Time>) -> Self {
        let persisted = contract.map_or(now, |contract| now + contract.persist_duration);
        Self {
            retries: contract.map_or(0, |contract| contract.retries),
            retry_interval: contract.map_or(Duration::ZERO, |contract| contract.retry_interval),
            give_up: time_to_live.map_or(persisted, |until| persisted.min(until)),
        }
    }

    /// Time that a planned fault takes is not time in which it was tried.
    pub(super) fn extend(&mut self, by: Duration) {
        self.give_up += by;
    }

    fn next_try(&mut self, now: Time) -> Option<Time> {
        self.retries = self.retries.checked_sub(1)?;
        let at = now + self.retry_interval;
        (at <= self.give_up).then_some(at)
    }
}

/// What an answer says of a delivery.
enum Outcome {
    Delivered,
    Refused,
    NotDelivered,
}

impl Outcome {
    /// Read the body, not only the status (spec 10).
    fn of(response: &HttpResponse, message_id: &EbxmlMessageId) -> Self {
        if !matches!(response.status, 200 | 202) {
            return Self::NotDelivered;
        }
        match ebxml::parse(&response.body) {
            Ok(Envelope::Acknowledgment(ack)) if ack.ref_to_message_id == *message_id => {
                Self::Delivered
            }
            Ok(Envelope::ErrorList(_)) => Self::Refused,
            Ok(Envelope::Acknowledgment(_) | Envelope::Message(..) | Envelope::Fault(_))
            | Err(_) => Self::NotDelivered,
        }
    }
}
