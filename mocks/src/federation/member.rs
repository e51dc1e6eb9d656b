//! What a practice's system does for a hub: it shows records and takes entries into them, and its
//! receptionists book at the hub. [`MemberPractice`] stands before the system and hands everything
//! else through.
//!
//! An entry that comes before the record is handed over is part of the record, and of its extract.
//! One that comes afterwards is not filed: the hub is told where the patient went. So an entry is in
//! exactly one place at every moment.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use gp2gp_model::federation::{FederationOperation, Member};
use gp2gp_model::plan::{Act, Plan, Role};
use gp2gp_model::trace::Observation;
use gp2gp_model::{EntryId, NhsNumber, OdsCode, Time};
use gp2gp_sim::Streams;
use gp2gp_wire::federation::hub::RecordState;
use gp2gp_wire::federation::member::{Filed, MemberCall, Page};
use gp2gp_wire::federation::{Entry, Item, Reply};
use gp2gp_wire::hl7::{self, Payload};

use super::faults::{Faults, Mishap};
use super::reception::Reception;
use super::wire;
use crate::defect::HubDefect;
use crate::export::outbox::{Outbox, bare_answer, refusal};
use crate::peer::{
    AnswerId, Condition, Conduct, Deadline, HttpRequest, HttpResponse, Input, Output, Peer, PostId,
};
use crate::synthetic::RecordEntry;

/// Posts of a member from here on are not those of its system.
const OWN_POSTS: u64 = 1 << 48;

/// What a hub asks a practice's system through its member.
pub trait PracticeSystem: Peer {
    /// What the practice has of a patient, without what hubs wrote; `None` where it does not know the
    /// patient.
    fn chart(&self, patient: NhsNumber) -> Option<Chart>;

    /// When the record last left, and for where.
    fn handed_over(&self, patient: NhsNumber) -> Option<HandedOver>;

    /// Takes a note into the record, and so into every extract made from now on.
    fn write(&mut self, patient: NhsNumber, entry: RecordEntry);
}

/// What a practice has of a patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Whether the record is there.
    pub state: RecordState,
    /// What it says.
    pub items: Vec<Item>,
}

/// A record that has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedOver {
    /// When its extract was made.
    pub at: Time,
    /// For which practice.
    pub to: OdsCode,
}

/// A practice's system, with what it does for a hub.
pub struct MemberPractice<S> {
    system: S,
    member: Member,
    /// Entries of hubs, in the order in which they came.
    entries: BTreeMap<NhsNumber, Vec<Entry>>,
    /// Free texts of extracts that were delivered here.
    received: BTreeMap<NhsNumber, Vec<Item>>,
    reception: Reception,
    /// Requests that arrive later than they were sent, by the time at which they do.
    delayed: BTreeMap<(Time, AnswerId), HttpRequest>,
    faults: Faults,
    role: Role,
    outbox: Outbox,
    defects: BTreeSet<HubDefect>,
}

impl<S: PracticeSystem> MemberPractice<S> {
    /// A member of a federation with this system. `role` is that of the system.
    pub fn new(
        system: S,
        member: Member,
        role: Role,
        plan: &Plan,
        streams: Streams,
        defects: BTreeSet<HubDefect>,
    ) -> Self {
        let faults = Faults::new(&plan.faults, plan.starts_at, streams);
        Self::with_faults(system, member, role, faults, streams, defects)
    }

    pub(super) fn with_faults(
        system: S,
        member: Member,
        role: Role,
        faults: Faults,
        streams: Streams,
        defects: BTreeSet<HubDefect>,
    ) -> Self {
        Self {
            faults,
            system,
            entries: BTreeMap::new(),
            received: BTreeMap::new(),
            reception: Reception::new(member.ods.clone(), role, streams),
            delayed: BTreeMap::new(),
            role,
            outbox: Outbox::numbering_from(OWN_POSTS),
            defects,
            member,
        }
    }

    #[cfg(test)]
    pub(super) const fn system_mut(&mut self) -> &mut S {
        &mut self.system
    }

    fn take(&mut self, now: Time, id: AnswerId, request: HttpRequest) {
        let fired = self.operation(&request).and_then(|operation| {
            let fired = self.faults.on(now, operation, Some(self.role));
            fired.map(|(name, mishap)| {
                self.outbox.fault(name);
                mishap
            })
        });
        let conduct = match fired {
            Some(Mishap::Refuse(status)) => return self.outbox.answer(id, bare_answer(status)),
            Some(Mishap::Reset) => {
                return self.outbox.answer_as(id, bare_answer(503), Conduct::Reset);
            }
            Some(Mishap::Silence) => {
                return self.outbox.answer_as(id, bare_answer(503), Conduct::Silent);
            }
            Some(Mishap::Delay(by)) => {
                self.delayed.insert((now + by, id), request);
                return;
            }
            Some(Mishap::LoseAnswer) => Conduct::Reset,
            None => Conduct::Clean,
        };
        let response = self.serve(&request);
        self.outbox.answer_as(id, response, conduct);
    }

    fn operation(&self, request: &HttpRequest) -> Option<FederationOperation> {
        match self.decode(request)? {
            MemberCall::Read { .. } => Some(FederationOperation::Read),
            MemberCall::File { .. } => Some(FederationOperation::WriteBack),
        }
    }

    fn decode(&self, request: &HttpRequest) -> Option<MemberCall> {
        let HttpRequest {
            method, path, body, ..
        } = request;
        MemberCall::decode(self.member.style, *method, path, body).ok()
    }

    fn serve(&mut self, request: &HttpRequest) -> HttpResponse {
        let style = self.member.style;
        let reply: Reply = match self.decode(request) {
            Some(MemberCall::Read { patient, skip }) => self.page(patient, skip).encode(style),
            Some(MemberCall::File {
                patient,
                entry,
                registered_at,
            }) => self.file(patient, entry, registered_at).encode(style),
            None => return refusal(400, "this is nothing that a hub asks"),
        };
        wire::response(reply)
    }

    fn page(&self, patient: NhsNumber, skip: usize) -> Page {
        let Some(Chart { state, items }) = self.system.chart(patient) else {
            return Page::NotOurs;
        };
        let received = self.received.get(&patient).into_iter().flatten();
        let received = received.filter(|_| state == RecordState::Held);
        let own = self.entries.get(&patient).into_iter().flatten();
        let mut known = BTreeSet::new();
        let all: Vec<Item> = (own.cloned().map(Item::from))
            .chain(items)
            .chain(received.cloned())
            .filter(|item| known.insert(item.id.clone()))
            .collect();
        let size = Page::size(self.member.style);
        Page::Part {
            state,
            more: all.len() > skip.saturating_add(size),
            items: all.into_iter().skip(skip).take(size).collect(),
        }
    }

    fn file(&mut self, patient: NhsNumber, entry: Entry, registered_at: Time) -> Filed {
        if self.has_entry(patient, &entry.id) {
            return Filed::Before;
        }
        if self.system.chart(patient).is_none() {
            return Filed::NotOurs;
        }
        // PDS named this practice after the record had left: the patient has come back.
        let gone = self.system.handed_over(patient);
        let gone = gone.filter(|it| it.to != self.member.ods && registered_at <= it.at);
        if let Some(HandedOver { to, .. }) = gone
            && !self.defects.contains(&HubDefect::KeepsLateWriteBacks)
        {
            return Filed::Moved(to);
        }
        if !self.defects.contains(&HubDefect::LeavesEntriesOut) {
            let note = RecordEntry {
                id: entry.id.clone(),
                at: entry.at,
                text: entry.text.clone(),
            };
            self.system.write(patient, note);
        }
        self.entries.entry(patient).or_default().push(entry);
        Filed::Now
    }

    fn has_entry(&self, patient: NhsNumber, id: &EntryId) -> bool {
        let mut own = self.entries.get(&patient).into_iter().flatten();
        let mut received = self.received.get(&patient).into_iter().flatten();
        own.any(|entry| entry.id == *id) || received.any(|item| item.id == *id)
    }

    /// Keeps the free texts of an extract that is delivered here, for the day on which it is filed.
    fn look_at_delivery(&mut self, content_type: &str, body: &Bytes) {
        let Ok(message) = gp2gp_wire::message::open(content_type, body) else {
            return;
        };
        let Ok(Payload::EhrExtract(extract)) = message.payload() else {
            return;
        };
        let mut items = Vec::new();
        let read = hl7::narratives(&message.payload_xml, |narrative| {
            if let Ok(id) = EntryId::parse(&narrative.id) {
                items.push(Item {
                    id,
                    text: narrative.text.into_owned(),
                    written: None,
                });
            }
        });
        if read.is_ok() {
            self.received.insert(extract.patient, items);
        }
    }

    /// Connections that were open when the system went down are gone.
    fn break_off_delayed(&mut self) {
        for (_, id) in std::mem::take(&mut self.delayed).into_keys() {
            self.outbox.answer_as(id, bare_answer(503), Conduct::Reset);
        }
    }

    fn go_on(&mut self, now: Time) {
        while let Some(entry) = self.delayed.first_entry()
            && entry.key().0 <= now
        {
            let ((_, id), request) = entry.remove_entry();
            let response = self.serve(&request);
            self.outbox.answer(id, response);
        }
        self.reception.post_due(now, &mut self.outbox);
    }

    fn settle(&mut self, now: Time, post: PostId, response: Option<&HttpResponse>) {
        if let Some(notice) = self.reception.settle(now, post, response) {
            self.outbox.notice(notice);
        }
    }
}

impl<S: PracticeSystem> Peer for MemberPractice<S> {
    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Request { id, request }
                if MemberCall::is_below(self.member.style, &request.path) =>
            {
                self.take(now, id, request);
            }
            Input::Request { id, request } => {
                self.look_at_delivery(&request.content_type, &request.body);
                self.system.handle(now, Input::Request { id, request });
            }
            Input::Response { post, response } if post.0 > OWN_POSTS => {
                self.settle(now, post, Some(&response));
            }
            Input::Failed { post, .. } if post.0 > OWN_POSTS => self.settle(now, post, None),
            Input::Act(Act::Book { patient, slot, .. }) => self.reception.book(now, patient, slot),
            Input::Condition(condition) => {
                if condition == Condition::Restarted {
                    self.reception.restart();
                    self.break_off_delayed();
                }
                self.system.handle(now, Input::Condition(condition));
            }
            other @ (Input::Response { .. } | Input::Failed { .. } | Input::Act(_)) => {
                self.system.handle(now, other);
            }
        }
        self.go_on(now);
    }

    fn handle_timeout(&mut self, now: Time) {
        self.go_on(now);
        if (self.system.poll_timeout()).is_some_and(|deadline| deadline.at <= now) {
            self.system.handle_timeout(now);
        }
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let delayed = self.delayed.keys().next().map(|(at, _)| Deadline {
            at: *at,
            why: "a request of the hub arrives late",
        });
        let booking = self.reception.wake_at().map(|at| Deadline {
            at,
            why: "a booking is posted again",
        });
        let own = delayed.into_iter().chain(booking);
        own.chain(self.system.poll_timeout())
            .min_by_key(|deadline| deadline.at)
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outbox.next().or_else(|| self.system.poll_output())
    }

    fn observe(&self) -> Vec<Observation> {
        self.system.observe()
    }
}
