//! A consultation on its way from the hub into the record where it belongs.
//!
//! Before each attempt PDS is asked anew. Only where a practice may have taken the entry without
//! the hub knowing is that practice asked first, under the same id: going elsewhere could file it
//! twice. A practice whose patient has left says so, and has not filed it.

use std::time::Duration;

use gp2gp_model::federation::FederationTerms;
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{NhsNumber, OdsCode, Time};
use gp2gp_wire::federation::Entry;
use gp2gp_wire::federation::mailbox::Letter;
use gp2gp_wire::federation::member::{Filed, MemberCall};

use super::{look_up, wire};
use crate::export::outbox::is_done;
use crate::peer::{HttpRequest, HttpResponse, TransportError};

/// Pauses between attempts; the last one is repeated until it is done.
const PAUSES: [Duration; 4] = [
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_mins(60),
];

/// An entry that the hub has taken.
#[derive(Debug)]
pub(super) struct WriteBack {
    pub(super) patient: NhsNumber,
    pub(super) entry: Entry,
    pub(super) accepted_at: Time,
    /// When it was known to be filed.
    pub(super) done_at: Option<Time>,
    state: State,
    failures: usize,
    /// Where it may be filed without the hub knowing.
    unsure: Option<Destination>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Due,
    Asking { since: Time },
    Posting(Destination),
    Resting { until: Time },
    Over,
}

/// Where an entry goes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Destination {
    practice: OdsCode,
    /// When PDS was asked and named it.
    registered_at: Time,
}

/// What a post came to.
pub(super) type Outcome<'a> = Result<&'a HttpResponse, TransportError>;

impl WriteBack {
    pub(super) const fn new(now: Time, patient: NhsNumber, entry: Entry) -> Self {
        Self {
            patient,
            entry,
            accepted_at: now,
            done_at: None,
            state: State::Due,
            failures: 0,
            unsure: None,
        }
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    pub(super) const fn wake_at(&self) -> Option<Time> {
        match &self.state {
            State::Resting { until } => Some(*until),
            State::Due | State::Asking { .. } | State::Posting(_) | State::Over => None,
        }
    }

    /// What is to be posted now, and to whom.
    pub(super) fn next(
        &mut self,
        now: Time,
        terms: &FederationTerms,
    ) -> Option<(Endpoint, HttpRequest)> {
        match &self.state {
            State::Resting { until } if *until <= now => self.state = State::Due,
            State::Due => {}
            State::Resting { .. } | State::Asking { .. } | State::Posting(_) | State::Over => {
                return None;
            }
        }
        match self.unsure.clone() {
            Some(destination) => Some(self.post(destination, terms)),
            None => {
                self.state = State::Asking { since: now };
                Some((Endpoint::Pds, look_up::request(self.patient)))
            }
        }
    }

    /// Takes the end of the open post, and gives the next one if it follows from it.
    pub(super) fn settle(
        &mut self,
        now: Time,
        outcome: Outcome<'_>,
        terms: &FederationTerms,
    ) -> Option<(Endpoint, HttpRequest)> {
        match std::mem::replace(&mut self.state, State::Due) {
            State::Asking { since } => {
                let practice = outcome.ok().and_then(look_up::practice);
                if let Some(practice) = practice {
                    return Some(self.post_to(practice, since, terms));
                }
                self.rest(now);
            }
            State::Posting(destination) => self.posted(now, destination, outcome, terms),
            other @ (State::Due | State::Resting { .. } | State::Over) => self.state = other,
        }
        None
    }

    /// Posts to this practice, whatever PDS says.
    pub(super) fn post_to(
        &mut self,
        practice: OdsCode,
        registered_at: Time,
        terms: &FederationTerms,
    ) -> (Endpoint, HttpRequest) {
        let destination = Destination {
            practice,
            registered_at,
        };
        self.post(destination, terms)
    }

    /// What was under way when the hub went down may have arrived.
    pub(super) fn restart(&mut self) {
        match std::mem::replace(&mut self.state, State::Due) {
            State::Posting(destination) => self.unsure = Some(destination),
            State::Over => self.state = State::Over,
            State::Due | State::Asking { .. } | State::Resting { .. } => {}
        }
    }

    /// Gives up: only a broken hub does.
    pub(super) fn drop(&mut self) {
        self.state = State::Over;
    }

    fn post(
        &mut self,
        destination: Destination,
        terms: &FederationTerms,
    ) -> (Endpoint, HttpRequest) {
        let (to, call) = match terms.member(&destination.practice) {
            Some(member) => {
                let call = MemberCall::File {
                    patient: self.patient,
                    entry: self.entry.clone(),
                    registered_at: destination.registered_at,
                };
                (member.endpoint, call.encode(member.style))
            }
            None => {
                let letter = Letter {
                    to: destination.practice.clone(),
                    patient: self.patient,
                    entry: self.entry.clone(),
                };
                (Endpoint::Mailbox, letter.encode())
            }
        };
        self.state = State::Posting(destination);
        (to, wire::request(call))
    }

    fn posted(
        &mut self,
        now: Time,
        destination: Destination,
        outcome: Outcome<'_>,
        terms: &FederationTerms,
    ) {
        let filed = match (outcome, terms.member(&destination.practice)) {
            // Nobody took it, this time.
            (Err(TransportError::Refused), _) => return self.rest(now),
            (Err(TransportError::Reset | TransportError::TimedOut), _) => {
                self.unsure = Some(destination);
                return self.rest(now);
            }
            (Ok(response), Some(member)) => {
                Filed::decode(member.style, &wire::reply(response)).ok()
            }
            (Ok(response), None) => is_done(response).then_some(Filed::Now),
        };
        match filed {
            Some(Filed::Now | Filed::Before) => {
                self.done_at = Some(now);
                self.state = State::Over;
            }
            Some(Filed::Moved(_)) => {
                self.unsure = None;
                // PDS knows where to: asked at once, and then with pauses.
                if self.failures > 0 {
                    self.rest(now);
                }
                self.failures += 1;
            }
            Some(Filed::NotOurs) => {
                self.unsure = None;
                self.rest(now);
            }
            // It says nothing of whether an earlier attempt was taken.
            None => self.rest(now),
        }
    }

    fn rest(&mut self, now: Time) {
        let pause = PAUSES.get(self.failures).or(PAUSES.last());
        self.failures += 1;
        self.state = State::Resting {
            until: now + pause.copied().unwrap_or_default(),
        };
    }
}
