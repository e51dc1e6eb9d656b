//! Brings messages to their recipients: in order, a few at a time, again if need be.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use gp2gp_model::directory::Contract;
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{EbxmlMessageId, PartyKey, Time};
use gp2gp_wire::ebxml::{self, Envelope, Header};

use crate::peer::{Deadline, HttpRequest, HttpResponse, PostId};

/// Posts under way to one recipient: as many as a message handler keeps open (spec 10).
const IN_FLIGHT: usize = 10;

/// How long an answer is waited for (spec 10).
const PATIENCE: Duration = Duration::from_secs(20);

/// A message on its way to its recipient.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) to: PartyKey,
    /// `None`: nobody listens there.
    pub(super) endpoint: Option<Endpoint>,
    pub(super) message_id: EbxmlMessageId,
    pub(super) request: HttpRequest,
    pub(super) copies: Copies,
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
}

/// A post to be made.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) id: PostId,
    pub(super) to: Endpoint,
    pub(super) request: HttpRequest,
    /// The planned fault that this post is, if it is one.
    pub(super) fault: Option<String>,
}

/// Everything on its way.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    lanes: BTreeMap<PartyKey, Lane>,
    /// Patience is the same for all, so the oldest post is the first to lose it.
    under_way: BTreeMap<PostId, UnderWay>,
    /// By the time of their retry, then in order of failure.
    resting: BTreeMap<(Time, u64), Delivery>,
    given_up: VecDeque<Delivery>,
    posts: u64,
    rests: u64,
}

/// What goes to one recipient.
#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Delivery>,
    in_flight: usize,
}

#[derive(Debug)]
struct UnderWay {
    delivery: Delivery,
    patience_ends: Time,
}

impl Outbox {
    /// Queues a delivery behind all others to the same recipient.
    pub(super) fn enqueue(&mut self, delivery: Delivery) {
        let lane = self.lanes.entry(delivery.to.clone()).or_default();
        lane.waiting.push_back(delivery);
    }

    /// Whether there is something to do that waits for no one.
    pub(super) fn is_waiting(&self) -> bool {
        let is_queued = |lane: &Lane| !lane.waiting.is_empty();
        !self.given_up.is_empty() || self.lanes.values().any(is_queued)
    }

    /// The next thing to be done now.
    pub(super) fn next_step(&mut self, now: Time) -> Option<Step> {
        loop {
            if let Some(delivery) = self.given_up.pop_front() {
                return Some(Step::GiveUp(delivery));
            }
            let lane = self.lanes.values_mut().find(|lane| lane.may_start())?;
            let delivery = lane.waiting.pop_front()?;
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
        let Some(delivery) = self.finish(post) else {
            return;
        };
        match Outcome::of(response, &delivery.message_id) {
            Outcome::Delivered => self.delivered(delivery),
            // The same bytes would be refused again.
            Outcome::Refused => {}
            Outcome::NotDelivered => self.not_delivered(now, delivery),
        }
    }

    /// A post got no answer.
    pub(super) fn failed(&mut self, now: Time, post: PostId) {
        if let Some(delivery) = self.finish(post) {
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
            let delivery = rested.remove();
            self.enqueue(delivery);
        }
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
        [patience, retry]
            .into_iter()
            .flatten()
            .min_by_key(|deadline| deadline.at)
    }

    fn start(&mut self, now: Time, to: Endpoint, delivery: Delivery) -> Start {
        self.posts += 1;
        let start = Start {
            id: PostId(self.posts),
            to,
            request: delivery.request.clone(),
            fault: match &delivery.copies {
                Copies::Second { fault } => Some(fault.clone()),
                Copies::One | Copies::Two { .. } => None,
            },
        };
        let under_way = UnderWay {
            delivery,
            patience_ends: now + PATIENCE,
        };
        self.under_way.insert(start.id, under_way);
        start
    }

    fn finish(&mut self, post: PostId) -> Option<Delivery> {
        let UnderWay { delivery, .. } = self.under_way.remove(&post)?;
        if let Some(lane) = self.lanes.get_mut(&delivery.to) {
            lane.in_flight = lane.in_flight.saturating_sub(1);
        }
        Some(delivery)
    }

    fn delivered(&mut self, delivery: Delivery) {
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
            Some(at) => {
                self.rests += 1;
                self.resting.insert((at, self.rests), delivery);
            }
            None => self.given_up.push_back(delivery),
        }
    }
}

impl Lane {
    fn may_start(&self) -> bool {
        self.in_flight < IN_FLIGHT && !self.waiting.is_empty()
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
