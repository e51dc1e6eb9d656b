//! The hub: one interface for its clinicians and for the receptionists of every practice, over
//! systems of different make.
//!
//! What it has taken it keeps over a crash: consultations, bookings and counts. What it was reading
//! is asked for again by whoever wanted to see it.

use std::collections::{BTreeMap, BTreeSet};

use gp2gp_model::federation::{FederationOperation, FederationTerms};
use gp2gp_model::plan::{Plan, Role};
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::{EntryId, NhsNumber, OdsCode, Time};
use gp2gp_sim::{Ids, Streams};
use gp2gp_wire::federation::hub::{Booking, HubCall};
use gp2gp_wire::federation::{Entry, Reply};
use gp2gp_wire::fhir::{API_KEY, CORRELATION_ID, REQUEST_ID};

use super::activity::{Activity, Miscount};
use super::appointments::{Appointments, Taken};
use super::faults::{Faults, Mishap};
use super::reading::{Misreading, Progress, Reading};
use super::write_back::{Outcome, WriteBack};
use super::{look_up, wire};
use crate::defect::HubDefect;
use crate::export::outbox::{Outbox, bare_answer, refusal};
use crate::fhir::api_key;
use crate::peer::{
    AnswerId, Condition, Conduct, Deadline, HttpRequest, HttpResponse, Input, Output, Peer, PostId,
    TransportError,
};

/// A hub.
pub struct Hub {
    terms: FederationTerms,
    write_backs: BTreeMap<EntryId, WriteBack>,
    readings: BTreeMap<PostId, Reading>,
    /// Which entry an open post is about.
    writing: BTreeMap<PostId, EntryId>,
    appointments: Appointments,
    activity: Activity,
    faults: Faults,
    desk: Desk,
    flaws: Flaws,
}

/// What leaves the hub.
struct Desk {
    outbox: Outbox,
    /// For the headers of what PDS is asked.
    ids: Ids,
}

impl Desk {
    fn post(&mut self, to: Endpoint, mut request: HttpRequest) -> PostId {
        if to == Endpoint::Pds {
            request.headers.push(API_KEY, api_key(Role::Hub));
            request.headers.push(REQUEST_ID, self.ids.next_uuid());
            request.headers.push(CORRELATION_ID, self.ids.next_uuid());
        }
        self.outbox.post(to, request)
    }
}

/// How a hub is broken on purpose, and what it needs for that.
struct Flaws {
    defects: BTreeSet<HubDefect>,
    /// Where PDS once said that a patient is registered.
    believed: BTreeMap<NhsNumber, OdsCode>,
    ids: Ids,
}

impl Hub {
    /// The hub of a federation.
    pub fn new(
        terms: FederationTerms,
        plan: &Plan,
        streams: Streams,
        defects: BTreeSet<HubDefect>,
    ) -> Self {
        let faults = Faults::new(&plan.faults, plan.starts_at, streams);
        Self::with_faults(terms, faults, streams, defects)
    }

    pub(super) fn with_faults(
        terms: FederationTerms,
        faults: Faults,
        streams: Streams,
        defects: BTreeSet<HubDefect>,
    ) -> Self {
        Self {
            faults,
            write_backs: BTreeMap::new(),
            readings: BTreeMap::new(),
            writing: BTreeMap::new(),
            appointments: Appointments::new(terms.slots.clone()),
            activity: Activity::default(),
            desk: Desk {
                outbox: Outbox::default(),
                ids: Ids::new(streams.stream("hub/pds")),
            },
            flaws: Flaws {
                defects,
                believed: BTreeMap::new(),
                ids: Ids::new(streams.stream("hub/broken")),
            },
            terms,
        }
    }

    fn take(&mut self, now: Time, id: AnswerId, request: &HttpRequest) {
        let call = match HubCall::decode(request.method, &request.path, &request.body) {
            Ok(call) => call,
            Err(error) => {
                return self
                    .desk
                    .outbox
                    .answer(id, refusal(400, &error.to_string()));
            }
        };
        match call {
            HubCall::Read(patient) => self.begin_reading(id, patient),
            HubCall::Write { patient, entry } => {
                let response = self.take_entry(now, patient, entry);
                self.desk.outbox.answer(id, response);
                self.write(now);
            }
            HubCall::Book(booking) => self.take_booking(now, id, booking),
            HubCall::Bookings => {
                let first = self.terms.members.first().map(|member| member.ods.clone());
                let hides = self.flaws.has(HubDefect::HidesBookings);
                let shows = |by: &OdsCode| !hides || first.as_ref() == Some(by);
                let list = self.appointments.list(shows);
                self.answer(id, Reply::with_json(200, &list));
            }
            HubCall::Attend(attendance) => {
                let was_expected = self.appointments.attend(&attendance);
                let status = if was_expected { 200 } else { 409 };
                self.desk.outbox.answer(id, bare_answer(status));
            }
            HubCall::Report(wanted) => {
                let miscount = Miscount {
                    attempts: self.flaws.has(HubDefect::CountsAttempts),
                    late_ones: self.flaws.has(HubDefect::CountsEveryWriteBack),
                };
                let report = self.activity.report(
                    &wanted.indicators,
                    &self.appointments,
                    &self.write_backs.values(),
                    miscount,
                );
                self.answer(id, Reply::with_json(200, &report));
            }
        }
    }

    fn answer(&mut self, id: AnswerId, reply: Reply) {
        self.desk.outbox.answer(id, wire::response(reply));
    }

    fn begin_reading(&mut self, id: AnswerId, patient: NhsNumber) {
        let pending = self.write_backs.values();
        let pending = pending.filter(|it| it.patient == patient && !it.is_over());
        let under_way = pending.map(|it| it.entry.clone()).collect();
        let (reading, to, request) = Reading::begin(id, patient, under_way);
        let post = self.desk.post(to, request);
        self.readings.insert(post, reading);
    }

    fn take_entry(&mut self, now: Time, patient: NhsNumber, entry: Entry) -> HttpResponse {
        match self.write_backs.get(&entry.id) {
            Some(known) if known.patient == patient && known.entry == entry => bare_answer(200),
            Some(_) => refusal(409, "another consultation has this id"),
            None => {
                let id = entry.id.clone();
                self.write_backs
                    .insert(id, WriteBack::new(now, patient, entry));
                bare_answer(202)
            }
        }
    }

    fn take_booking(&mut self, now: Time, id: AnswerId, booking: Booking) {
        let by = self.role_of(&booking.practice);
        let fired = self.faults.on(now, FederationOperation::Book, by);
        let mishap = fired.map(|(name, mishap)| {
            self.desk.outbox.fault(name);
            mishap
        });
        let conduct = match mishap {
            Some(Mishap::Refuse(status)) => {
                return self.desk.outbox.answer(id, bare_answer(status));
            }
            Some(Mishap::Reset) => {
                return self
                    .desk
                    .outbox
                    .answer_as(id, bare_answer(503), Conduct::Reset);
            }
            Some(Mishap::Silence) => {
                return self
                    .desk
                    .outbox
                    .answer_as(id, bare_answer(503), Conduct::Silent);
            }
            Some(Mishap::LoseAnswer) => Conduct::Reset,
            // A booking that comes later is one that is made later.
            Some(Mishap::Delay(_)) | None => Conduct::Clean,
        };
        self.activity.attempts += 1;
        let gives_twice = self.flaws.has(HubDefect::GivesSlotsTwice);
        let response = match self.appointments.book(booking, gives_twice) {
            Taken::Now => bare_answer(201),
            Taken::Before => bare_answer(200),
            Taken::GivenAway => refusal(409, "the appointment is somebody else's"),
            Taken::NoSuchSlot => refusal(404, "there is no such appointment"),
        };
        self.desk.outbox.answer_as(id, response, conduct);
    }

    fn role_of(&self, practice: &OdsCode) -> Option<Role> {
        self.terms.member(practice)?.endpoint.role()
    }

    fn settle(&mut self, now: Time, post: PostId, outcome: Outcome<'_>) {
        if let Some(mut reading) = self.readings.remove(&post) {
            let progress = reading.settle(outcome, &self.terms, self.flaws.misreading());
            match progress {
                Progress::Post(to, request) => {
                    let post = self.desk.post(to, request);
                    self.readings.insert(post, reading);
                }
                Progress::Done(record) => {
                    let practice = record.practice.clone();
                    *self.activity.reads.entry(practice).or_default() += 1;
                    self.answer(reading.answer, Reply::with_json(200, &record));
                }
                // Nothing is shown rather than something that looks like an empty record.
                Progress::Failed(why) => {
                    self.desk.outbox.answer(reading.answer, refusal(503, &why));
                }
            }
        }
        if let Some(id) = self.writing.remove(&post) {
            self.settle_entry(now, &id, outcome);
            self.write(now);
        }
    }

    fn settle_entry(&mut self, now: Time, id: &EntryId, outcome: Outcome<'_>) {
        let Some(write_back) = self.write_backs.get_mut(id) else {
            return;
        };
        let patient = write_back.patient;
        self.flaws.listen(patient, outcome);
        let next = write_back.settle(now, outcome, &self.terms);
        self.flaws.spoil(write_back, outcome);
        if let Some((to, request)) = next {
            let post = self.desk.post(to, request);
            self.writing.insert(post, id.clone());
        }
    }

    /// Posts whatever is due.
    fn write(&mut self, now: Time) {
        for (id, write_back) in &mut self.write_backs {
            let believed = self.flaws.believes(write_back.patient, &self.terms);
            let next = write_back.next(now, &self.terms);
            let next = next.map(|next| match believed {
                Some(practice) if next.0 == Endpoint::Pds => {
                    write_back.post_to(practice, now, &self.terms)
                }
                Some(_) | None => next,
            });
            if let Some((to, request)) = next {
                let post = self.desk.post(to, request);
                self.writing.insert(post, id.clone());
            }
        }
    }

    fn restart(&mut self, now: Time) {
        // Connections that were open when the hub went down are gone.
        for reading in std::mem::take(&mut self.readings).into_values() {
            let broken_off = bare_answer(503);
            (self.desk.outbox).answer_as(reading.answer, broken_off, Conduct::Reset);
        }
        self.writing.clear();
        if self.flaws.has(HubDefect::ForgetsInACrash) {
            self.write_backs.retain(|_, it| it.is_over());
        }
        self.write_backs.values_mut().for_each(WriteBack::restart);
        self.write(now);
    }
}

impl Flaws {
    fn has(&self, defect: HubDefect) -> bool {
        self.defects.contains(&defect)
    }

    fn misreading(&self) -> Misreading {
        Misreading {
            one_style: self.has(HubDefect::ReadsOneStyle),
            first_page: self.has(HubDefect::ReadsTheFirstPage),
            nothing_is_empty: self.has(HubDefect::ShowsNothingAsEmpty),
        }
    }

    fn listen(&mut self, patient: NhsNumber, outcome: Outcome<'_>) {
        if self.has(HubDefect::WritesToOldPractice)
            && let Some(practice) = outcome.ok().and_then(look_up::practice)
        {
            self.believed.entry(patient).or_insert(practice);
        }
    }

    /// Where a broken hub takes a patient to be registered without asking.
    fn believes(&self, patient: NhsNumber, terms: &FederationTerms) -> Option<OdsCode> {
        if self.has(HubDefect::NeverLooks) {
            return terms.members.last().map(|member| member.ods.clone());
        }
        self.believed.get(&patient).cloned()
    }

    fn spoil(&mut self, write_back: &mut WriteBack, outcome: Outcome<'_>) {
        let is_lost = matches!(
            outcome,
            Err(TransportError::Reset | TransportError::TimedOut)
        );
        if is_lost
            && self.has(HubDefect::WritesTwice)
            && let Ok(id) = EntryId::parse(&self.ids.next_uuid())
        {
            write_back.entry.id = id;
        }
        let is_refused = outcome.map_or(true, |response| response.status >= 500);
        if is_refused && self.has(HubDefect::ForgetsWhenRefused) {
            write_back.drop();
        }
    }
}

impl Peer for Hub {
    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Request { id, request } => self.take(now, id, &request),
            Input::Response { post, response } => self.settle(now, post, Ok(&response)),
            Input::Failed { post, error } => self.settle(now, post, Err(error)),
            Input::Condition(Condition::Restarted) => self.restart(now),
            Input::Condition(Condition::DiskFull | Condition::DiskFree) | Input::Act(_) => {}
        }
    }

    fn handle_timeout(&mut self, now: Time) {
        self.write(now);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let at = self
            .write_backs
            .values()
            .filter_map(WriteBack::wake_at)
            .min()?;
        Some(Deadline {
            at,
            why: "next attempt to write back",
        })
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.desk.outbox.next()
    }

    fn observe(&self) -> Vec<Observation> {
        Vec::new()
    }
}
