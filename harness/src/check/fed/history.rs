//! What was said in a federation: every request across it, read once.

use std::collections::BTreeMap;

use gp2gp_model::federation::{FederationTerms, Member, Occurrence};
use gp2gp_model::http::Method;
use gp2gp_model::pds::GeneralPractitioner;
use gp2gp_model::trace::{Bodies, BodyRef, Endpoint, Event, Trace, What};
use gp2gp_model::{EntryId, NhsNumber, OdsCode, Time};
use gp2gp_wire::federation::hub::{HubCall, Record};
use gp2gp_wire::federation::mailbox::Letter;
use gp2gp_wire::federation::member::{Filed, MemberCall, Page};
use gp2gp_wire::federation::{Entry, Reply};
use gp2gp_wire::pds;

use super::in_flight;
use crate::check::View;

/// A federation, as its trace shows it.
pub struct Federation {
    /// What everybody knows.
    pub terms: FederationTerms,
    /// Every request, in order.
    pub exchanges: Vec<Exchange>,
    /// How many there were, and the bytes in them.
    pub requests: (usize, u64),
}

/// A request with its end.
pub struct Exchange {
    /// Event number, for evidence.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// Who asks.
    pub from: Endpoint,
    /// Whom.
    pub to: Endpoint,
    /// What.
    pub asked: Asked,
    /// How it ended; `None` where the trace does not say.
    pub end: Option<End>,
}

/// What is asked.
pub enum Asked {
    /// Somebody asks the hub.
    Hub(HubCall),
    /// The hub asks a practice's system.
    Member(Member, MemberCall),
    /// The hub writes to a practice outside.
    Outside(Letter),
    /// The hub asks PDS where a patient is registered.
    Pds(NhsNumber),
    /// Nothing that anybody understands, and why.
    Unreadable(String),
}

/// How a request ended.
pub struct End {
    /// Event number.
    pub seq: u64,
    /// When the poster knew.
    pub at: Time,
    /// What it came to.
    pub how: How,
}

/// What a request came to.
pub enum How {
    /// This answer.
    Answered(Reply),
    /// None.
    NoAnswer {
        /// It never arrived whole.
        never_arrived: bool,
    },
}

/// A consultation that was recorded at the hub.
pub struct Recorded<'f> {
    /// With whom.
    pub patient: NhsNumber,
    /// What.
    pub entry: &'f Entry,
    /// Every request that hands it over.
    pub posts: Vec<&'f Exchange>,
}

/// An attempt of the hub to get an entry into a record.
pub struct Delivery<'f> {
    /// The request.
    pub exchange: &'f Exchange,
    /// Which practice.
    pub practice: &'f OdsCode,
    /// Whose record.
    pub patient: NhsNumber,
    /// What.
    pub entry: &'f Entry,
    /// What the practice said; `None`: nothing that says what became of it.
    pub filed: Option<Filed>,
}

impl Federation {
    /// Reads a trace; `None` where there is no hub.
    pub fn of(trace: &Trace, bodies: &dyn Bodies) -> Option<Self> {
        let terms = trace.header.federation.clone()?;
        let mut federation = Self {
            terms,
            exchanges: Vec::new(),
            requests: (0, 0),
        };
        let mut open = BTreeMap::new();
        for event in &trace.events {
            match &event.what {
                What::Post {
                    exchange,
                    from,
                    to,
                    method,
                    path,
                    body,
                    ..
                } if from.is_of_federation() || to.is_of_federation() => {
                    open.insert(*exchange, federation.exchanges.len());
                    federation.requests.0 += 1;
                    federation.requests.1 += body.bytes;
                    let asked = federation.asked(*to, *method, path, body, bodies);
                    federation.exchanges.push(Exchange {
                        seq: event.seq,
                        at: event.at,
                        from: *from,
                        to: *to,
                        asked,
                        end: None,
                    });
                }
                What::Answer {
                    exchange,
                    status,
                    body,
                    ..
                } => {
                    let reply = Reply {
                        status: *status,
                        body: bodies.body(&body.sha256).unwrap_or_default(),
                    };
                    federation.end(&open, *exchange, event, How::Answered(reply));
                }
                What::NoAnswer {
                    exchange,
                    never_arrived,
                    ..
                } => {
                    let never_arrived = *never_arrived;
                    federation.end(&open, *exchange, event, How::NoAnswer { never_arrived });
                }
                What::Post { .. }
                | What::Acted { .. }
                | What::Declined { .. }
                | What::Alerted { .. }
                | What::Patient { .. }
                | What::Held { .. }
                | What::Record { .. }
                | What::Observed { .. }
                | What::FaultFired { .. }
                | What::Lifecycle { .. }
                | What::Diverged { .. }
                | What::Ended { .. } => {}
            }
        }
        Some(federation)
    }

    fn asked(
        &self,
        to: Endpoint,
        method: Method,
        path: &str,
        body: &BodyRef,
        bodies: &dyn Bodies,
    ) -> Asked {
        let body = bodies.body(&body.sha256).unwrap_or_default();
        let read = match (to, self.terms.member_at(to)) {
            (Endpoint::Hub, _) => HubCall::decode(method, path, &body).map(Asked::Hub),
            (Endpoint::Mailbox, _) => Letter::decode(method, path, &body).map(Asked::Outside),
            (_, Some(member)) => MemberCall::decode(member.style, method, path, &body)
                .map(|call| Asked::Member(member.clone(), call)),
            (Endpoint::Pds, None) => {
                let patient = NhsNumber::parse(pds::patient_of(path).unwrap_or_default());
                patient.map(Asked::Pds).map_err(Into::into)
            }
            (_, None) => return Asked::Unreadable(format!("{to} is not of the federation")),
        };
        read.unwrap_or_else(|error| Asked::Unreadable(error.to_string()))
    }

    fn end(&mut self, open: &BTreeMap<u64, usize>, exchange: u64, event: &Event, how: How) {
        let at = open.get(&exchange);
        if let Some(exchange) = at.and_then(|at| self.exchanges.get_mut(*at)) {
            exchange.end = Some(End {
                seq: event.seq,
                at: event.at,
                how,
            });
        }
    }

    /// Requests to the hub.
    pub fn of_hub(&self) -> impl Iterator<Item = (&Exchange, &HubCall)> {
        self.exchanges.iter().filter_map(|exchange| {
            let Asked::Hub(call) = &exchange.asked else {
                return None;
            };
            Some((exchange, call))
        })
    }

    /// Consultations that were handed to the hub, whether or not it answered, in order.
    pub fn recorded(&self) -> Vec<Recorded<'_>> {
        let mut recorded: Vec<Recorded<'_>> = Vec::new();
        for (exchange, call) in self.of_hub() {
            let HubCall::Write { patient, entry } = call else {
                continue;
            };
            match recorded.iter_mut().find(|it| it.entry.id == entry.id) {
                Some(known) => known.posts.push(exchange),
                None => recorded.push(Recorded {
                    patient: *patient,
                    entry,
                    posts: vec![exchange],
                }),
            }
        }
        recorded.retain(Recorded::is_the_hubs);
        recorded
    }

    /// Attempts to get entries into records, in order.
    pub fn deliveries(&self) -> impl Iterator<Item = Delivery<'_>> {
        self.exchanges.iter().filter_map(|exchange| {
            let reply = exchange.reply();
            match &exchange.asked {
                Asked::Member(member, MemberCall::File { patient, entry, .. }) => Some(Delivery {
                    exchange,
                    practice: &member.ods,
                    patient: *patient,
                    entry,
                    filed: reply.and_then(|reply| Filed::decode(member.style, reply).ok()),
                }),
                Asked::Outside(letter) => Some(Delivery {
                    exchange,
                    practice: &letter.to,
                    patient: letter.patient,
                    entry: &letter.entry,
                    filed: reply.filter(|it| it.is_done()).map(|_| Filed::Now),
                }),
                Asked::Member(_, MemberCall::Read { .. })
                | Asked::Hub(_)
                | Asked::Pds(_)
                | Asked::Unreadable(_) => None,
            }
        })
    }

    /// What PDS said of a patient: the request, and the practice that was named.
    pub fn look_ups(&self, of: NhsNumber) -> impl Iterator<Item = (&Exchange, OdsCode)> {
        self.exchanges.iter().filter_map(move |exchange| {
            let is_it = matches!(exchange.asked, Asked::Pds(patient) if patient == of);
            let reply = exchange.reply().filter(|reply| is_it && reply.is_done())?;
            Some((exchange, named_practice(reply)?))
        })
    }

    /// Records that clinicians were shown: the request, and what they saw.
    pub fn shown(&self) -> impl Iterator<Item = (&Exchange, Record)> {
        self.of_hub().filter_map(|(exchange, call)| {
            let reply = exchange.reply().filter(|reply| reply.is_done())?;
            match call {
                HubCall::Read(_) => Some((exchange, Record::decode(&reply.body).ok()?)),
                HubCall::Write { .. }
                | HubCall::Bookings
                | HubCall::Book(_)
                | HubCall::Attend(_)
                | HubCall::Report(_) => None,
            }
        })
    }

    /// Whether something happened that a scenario may be about.
    pub fn happened(&self, what: Occurrence, view: &View) -> bool {
        let filed_at = |endpoint: Endpoint| {
            let mut deliveries = self.deliveries();
            deliveries.any(|it| it.exchange.to == endpoint && it.is_filed())
        };
        let shown_by = |endpoint: Endpoint| {
            let keeps = |practice: &OdsCode| {
                self.terms
                    .member(practice)
                    .is_some_and(|member| member.endpoint == endpoint)
            };
            self.shown().any(|(_, record)| keeps(&record.practice))
        };
        let answered = |wanted: fn(&HubCall) -> bool, statuses: &[u16]| {
            self.of_hub().any(|(exchange, call)| {
                wanted(call) && exchange.status().is_some_and(|it| statuses.contains(&it))
            })
        };
        let is_booking = |call: &HubCall| matches!(call, HubCall::Book(_));
        match what {
            Occurrence::FiledAtSending => filed_at(Endpoint::Sending),
            Occurrence::FiledAtRequesting => filed_at(Endpoint::Requesting),
            Occurrence::SentOutside => filed_at(Endpoint::Mailbox),
            Occurrence::ToldMoved => self
                .deliveries()
                .any(|it| matches!(it.filed, Some(Filed::Moved(_)))),
            Occurrence::WriteBackRepeated => {
                let mut seen: Vec<&EntryId> = Vec::new();
                self.deliveries().any(|it| {
                    let is_known = seen.contains(&&it.entry.id);
                    seen.push(&it.entry.id);
                    is_known
                })
            }
            Occurrence::EntryInExtract => {
                let recorded = self.recorded();
                recorded
                    .iter()
                    .any(|it| in_flight::extract_with(view, it.patient, &it.entry.id).is_some())
            }
            Occurrence::ReadAtSending => shown_by(Endpoint::Sending),
            Occurrence::ReadAtRequesting => shown_by(Endpoint::Requesting),
            Occurrence::ReadFailed => {
                answered(|call| matches!(call, HubCall::Read(_)), &[503, 404, 502])
            }
            Occurrence::SawUnderWay => self.shown().any(|(_, it)| !it.under_way.is_empty()),
            Occurrence::Booked => answered(is_booking, &[200, 201]),
            Occurrence::SlotRefused => answered(is_booking, &[409]),
            Occurrence::Attended => answered(|call| matches!(call, HubCall::Attend(_)), &[200]),
            Occurrence::Reported => answered(|call| matches!(call, HubCall::Report(_)), &[200]),
        }
    }
}

/// The practice that PDS names.
fn named_practice(reply: &Reply) -> Option<OdsCode> {
    match pds::Patient::parse(&reply.body).ok()?.general_practitioner {
        GeneralPractitioner::Practice(practice) => Some(practice),
        GeneralPractitioner::Gp(_) | GeneralPractitioner::Nobody => None,
    }
}

impl Exchange {
    /// The answer, if there was one.
    pub fn reply(&self) -> Option<&Reply> {
        match &self.end.as_ref()?.how {
            How::Answered(reply) => Some(reply),
            How::NoAnswer { .. } => None,
        }
    }

    /// Its status.
    pub fn status(&self) -> Option<u16> {
        self.reply().map(|reply| reply.status)
    }

    /// Whether whoever was asked may have done it, as far as the poster knows.
    pub fn may_be_done(&self) -> bool {
        match self.end.as_ref().map(|end| &end.how) {
            Some(How::Answered(reply)) => reply.is_done(),
            Some(How::NoAnswer { never_arrived }) => !never_arrived,
            None => true,
        }
    }

    /// Whether it is known to have been done before this event.
    pub fn is_done_before(&self, seq: u64) -> bool {
        self.reply().is_some_and(Reply::is_done) && self.end.as_ref().is_some_and(|it| it.seq < seq)
    }
}

impl Recorded<'_> {
    /// When it was recorded: handed to the hub for the first time.
    pub fn at(&self) -> Time {
        self.posts.first().map_or(self.entry.at, |post| post.at)
    }

    /// The first event of it.
    pub fn seq(&self) -> u64 {
        self.posts.first().map_or(0, |post| post.seq)
    }

    /// The hub said that it has it: from then on it must not be lost.
    fn is_the_hubs(&self) -> bool {
        let mut replies = self.posts.iter().filter_map(|post| post.reply());
        replies.any(Reply::is_done)
    }
}

impl Delivery<'_> {
    /// Whether the practice said that the entry is in the record.
    pub const fn is_filed(&self) -> bool {
        matches!(self.filed, Some(Filed::Now | Filed::Before))
    }

    /// When the hub knew what became of it.
    pub fn known_at(&self) -> Time {
        let end = self.exchange.end.as_ref();
        end.map_or(self.exchange.at, |end| end.at)
    }
}

/// Whether a practice answered a read with a part of a record.
pub(super) fn gave_a_page(exchange: &Exchange) -> Option<bool> {
    let Asked::Member(member, MemberCall::Read { .. }) = &exchange.asked else {
        return None;
    };
    let page = exchange
        .reply()
        .map(|reply| Page::decode(member.style, reply));
    Some(matches!(page, Some(Ok(Page::Part { .. }))))
}
