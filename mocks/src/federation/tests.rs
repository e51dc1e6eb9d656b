use std::collections::BTreeSet;
use std::time::Duration;

use gp2gp_model::federation::{FederationTerms, Member, MemberStyle, Slot};
use gp2gp_model::pds::{GeneralPractitioner, RecordVersion};
use gp2gp_model::plan::Role;
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::{BookingId, EntryId, NhsNumber, OdsCode, SlotId, Time};
use gp2gp_sim::Streams;
use gp2gp_wire::federation::hub::{Booking, HubCall, Record, RecordState};
use gp2gp_wire::federation::member::{Filed, MemberCall, Page};
use gp2gp_wire::federation::{Call, Entry, Item};
use gp2gp_wire::pds::{Confidentiality, Patient};

use super::faults::Faults;
use super::{Chart, HandedOver, Hub, MemberPractice, PracticeSystem, wire};
use crate::export::outbox::{bare_answer, json_answer};
use crate::peer::{
    AnswerId, Condition, Deadline, HttpRequest, HttpResponse, Input, Output, Peer, PostId,
    TransportError,
};
use crate::synthetic::RecordEntry;

const START: Time = Time::from_micros(1_767_603_600_000_000);
const MINUTE: Duration = Duration::from_mins(1);
const OLD: &str = "Z99902";
const NEW: &str = "Z99901";

fn ods(text: &str) -> OdsCode {
    OdsCode::parse(text).unwrap()
}

fn ellis() -> NhsNumber {
    NhsNumber::synthetic(1).unwrap()
}

fn member(of: &str) -> Member {
    let (endpoint, style) = match of {
        OLD => (Endpoint::Sending, MemberStyle::Emis),
        _ => (Endpoint::Requesting, MemberStyle::Vision),
    };
    Member {
        ods: ods(of),
        endpoint,
        style,
    }
}

fn terms() -> FederationTerms {
    FederationTerms {
        members: vec![member(NEW), member(OLD)],
        slots: vec![Slot {
            id: SlotId::parse("sat-0900").unwrap(),
            starts: START + Duration::from_hours(1),
        }],
        kpis: Vec::new(),
    }
}

fn entry(id: &str, text: &str) -> Entry {
    Entry {
        id: EntryId::parse(id).unwrap(),
        at: START,
        clinician: "Dr Hub".to_owned(),
        text: text.to_owned(),
    }
}

fn pds_says(practice: &str) -> HttpResponse {
    let patient = Patient {
        nhs_number: ellis(),
        version: RecordVersion::FIRST,
        confidentiality: Confidentiality::Unrestricted,
        general_practitioner: GeneralPractitioner::Practice(ods(practice)),
        person: None,
    };
    json_answer(200, &patient.to_json())
}

fn filed(at: &str, filed: &Filed) -> HttpResponse {
    wire::response(filed.encode(member(at).style))
}

/// A hub, and what it wants.
struct Stage {
    hub: Hub,
    answers: u64,
}

impl Stage {
    fn new() -> Self {
        let streams = Streams::new(7);
        let faults = Faults::new(&[], START, streams);
        Self {
            hub: Hub::with_faults(terms(), faults, streams, BTreeSet::new()),
            answers: 0,
        }
    }

    /// Asks the hub; the status that it answers with at once.
    fn ask(&mut self, now: Time, call: &HubCall) -> Option<u16> {
        self.ask_as(now, call.encode())
    }

    fn ask_as(&mut self, now: Time, call: Call) -> Option<u16> {
        self.answers += 1;
        let id = AnswerId(self.answers);
        let request = wire::request(call);
        self.hub.handle(now, Input::Request { id, request });
        let answered = self.answer()?;
        Some(answered.status)
    }

    fn answer(&mut self) -> Option<HttpResponse> {
        let output = self.hub.poll_output()?;
        let Output::Answer { response, .. } = output else {
            panic!("{output:?}");
        };
        Some(response)
    }

    /// Its next post: to whom, and what.
    fn post(&mut self) -> (PostId, Endpoint, HttpRequest) {
        match self.hub.poll_output() {
            Some(Output::Post {
                id, to, request, ..
            }) => (id, to, request),
            other => panic!("{other:?}"),
        }
    }

    fn answer_post(&mut self, now: Time, to: Endpoint, response: HttpResponse) {
        let (post, posted_to, _) = self.post();
        assert_eq!(posted_to, to);
        self.hub.handle(now, Input::Response { post, response });
    }

    fn fail_post(&mut self, now: Time, to: Endpoint, error: TransportError) {
        let (post, posted_to, _) = self.post();
        assert_eq!(posted_to, to);
        self.hub.handle(now, Input::Failed { post, error });
    }

    fn write(&mut self, id: &str) {
        let write = HubCall::Write {
            patient: ellis(),
            entry: entry(id, "seen"),
        };
        assert_eq!(self.ask(START, &write), Some(202));
    }

    fn is_done(&mut self) -> bool {
        self.hub.poll_output().is_none() && self.hub.poll_timeout().is_none()
    }
}

#[test]
fn a_refused_entry_is_posted_again_after_another_look_at_pds() {
    let mut stage = Stage::new();
    stage.write("E-1");
    stage.answer_post(START, Endpoint::Pds, pds_says(OLD));
    stage.answer_post(START, Endpoint::Sending, bare_answer(503));
    assert_eq!(
        stage.hub.poll_timeout().map(|due| due.at),
        Some(START + MINUTE)
    );
    stage.hub.handle_timeout(START + MINUTE);
    stage.answer_post(START + MINUTE, Endpoint::Pds, pds_says(NEW));
    let done = filed(NEW, &Filed::Now);
    stage.answer_post(START + MINUTE, Endpoint::Requesting, done);
    assert!(stage.is_done());
}

#[test]
fn after_a_lost_answer_the_practice_that_may_have_the_entry_is_asked_first() {
    for error in [TransportError::Reset, TransportError::TimedOut] {
        let mut stage = Stage::new();
        stage.write("E-1");
        stage.answer_post(START, Endpoint::Pds, pds_says(OLD));
        stage.fail_post(START, Endpoint::Sending, error);
        stage.hub.handle_timeout(START + MINUTE);
        let done = filed(OLD, &Filed::Before);
        stage.answer_post(START + MINUTE, Endpoint::Sending, done);
        assert!(stage.is_done());
    }
}

#[test]
fn what_nobody_listened_to_is_not_in_doubt() {
    let mut stage = Stage::new();
    stage.write("E-1");
    stage.answer_post(START, Endpoint::Pds, pds_says(OLD));
    stage.fail_post(START, Endpoint::Sending, TransportError::Refused);
    stage.hub.handle_timeout(START + MINUTE);
    stage.answer_post(START + MINUTE, Endpoint::Pds, pds_says(NEW));
}

#[test]
fn a_practice_that_says_moved_ends_the_doubt() {
    let mut stage = Stage::new();
    stage.write("E-1");
    stage.answer_post(START, Endpoint::Pds, pds_says(OLD));
    stage.fail_post(START, Endpoint::Sending, TransportError::TimedOut);
    stage.hub.handle_timeout(START + MINUTE);
    let moved = filed(OLD, &Filed::Moved(ods(NEW)));
    stage.answer_post(START + MINUTE, Endpoint::Sending, moved);
    let later = START + 10 * MINUTE;
    stage.hub.handle_timeout(later);
    stage.answer_post(later, Endpoint::Pds, pds_says(NEW));
    stage.answer_post(later, Endpoint::Requesting, filed(NEW, &Filed::Now));
    assert!(stage.is_done());
}

#[test]
fn a_patient_outside_the_federation_gets_a_letter() {
    let mut stage = Stage::new();
    stage.write("E-1");
    stage.answer_post(START, Endpoint::Pds, pds_says("Z99909"));
    let (_, to, request) = stage.post();
    assert_eq!(
        (to, request.path.as_str()),
        (Endpoint::Mailbox, "/mailboxes/Z99909/letters/E-1")
    );
}

#[test]
fn a_crash_loses_nothing_and_leaves_in_doubt_what_was_open() {
    let mut stage = Stage::new();
    stage.write("E-1");
    stage.answer_post(START, Endpoint::Pds, pds_says(OLD));
    assert_eq!(stage.post().1, Endpoint::Sending);
    stage
        .hub
        .handle(START + MINUTE, Input::Condition(Condition::Restarted));
    let done = filed(OLD, &Filed::Before);
    stage.answer_post(START + MINUTE, Endpoint::Sending, done);
    assert!(stage.is_done());
}

#[test]
fn one_id_is_one_consultation() {
    let mut stage = Stage::new();
    stage.write("E-1");
    assert_eq!(stage.post().1, Endpoint::Pds);
    let write = |text| HubCall::Write {
        patient: ellis(),
        entry: entry("E-1", text),
    };
    assert_eq!(stage.ask(START, &write("seen")), Some(200));
    assert_eq!(stage.ask(START, &write("not seen")), Some(409));
}

#[test]
fn one_appointment_is_one_patients() {
    let mut stage = Stage::new();
    let book = |id: &str, slot: &str| {
        HubCall::Book(Booking {
            id: BookingId::parse(id).unwrap(),
            patient: ellis(),
            slot: SlotId::parse(slot).unwrap(),
            practice: ods(OLD),
        })
    };
    assert_eq!(stage.ask(START, &book("B-1", "sat-0900")), Some(201));
    assert_eq!(stage.ask(START, &book("B-1", "sat-0900")), Some(200));
    assert_eq!(stage.ask(START, &book("B-2", "sat-0900")), Some(409));
    assert_eq!(stage.ask(START, &book("B-3", "sun-0900")), Some(404));
}

#[test]
fn what_nobody_understands_is_refused() {
    let mut stage = Stage::new();
    let nonsense = Call {
        method: gp2gp_model::http::Method::Post,
        path: "/patients/nobody/consultations".to_owned(),
        body: bytes::Bytes::from_static(b"{"),
    };
    assert_eq!(stage.ask_as(START, nonsense), Some(400));
}

#[test]
fn a_record_is_shown_with_what_is_under_way_or_not_at_all() {
    let mut stage = Stage::new();
    stage.write("E-1");
    stage.answer_post(START, Endpoint::Pds, pds_says(OLD));
    stage.answer_post(START, Endpoint::Sending, bare_answer(503));
    let read = HubCall::Read(ellis());
    stage.answers += 1;
    let id = AnswerId(stage.answers);
    let request = wire::request(read.encode());
    stage.hub.handle(START, Input::Request { id, request });
    stage.answer_post(START, Endpoint::Pds, pds_says(OLD));
    let page = Page::Part {
        state: RecordState::Held,
        items: vec![Item::from(entry("E-0", "earlier"))],
        more: false,
    };
    let page = wire::response(page.encode(MemberStyle::Emis));
    stage.answer_post(START, Endpoint::Sending, page);
    let shown = stage.answer().expect("an answer");
    let shown = Record::decode(&shown.body).unwrap();
    assert_eq!((shown.items.len(), shown.under_way.len()), (1, 1));

    let request = wire::request(read.encode());
    let id = AnswerId(99);
    stage.hub.handle(START, Input::Request { id, request });
    stage.answer_post(START, Endpoint::Pds, pds_says(OLD));
    stage.fail_post(START, Endpoint::Sending, TransportError::Refused);
    assert_eq!(stage.answer().map(|answer| answer.status), Some(503));
}

/// A practice's system of which only the record is known.
struct Cabinet {
    handed_over: Option<HandedOver>,
    written: Vec<RecordEntry>,
}

impl Peer for Cabinet {
    fn handle(&mut self, _: Time, _: Input) {}
    fn handle_timeout(&mut self, _: Time) {}
    fn poll_timeout(&self) -> Option<Deadline> {
        None
    }
    fn poll_output(&mut self) -> Option<Output> {
        None
    }
    fn observe(&self) -> Vec<Observation> {
        Vec::new()
    }
}

impl PracticeSystem for Cabinet {
    fn chart(&self, patient: NhsNumber) -> Option<Chart> {
        (patient == ellis()).then(|| Chart {
            state: RecordState::Held,
            items: (0..25)
                .map(|at| Item {
                    id: EntryId::parse(&format!("N-{at}")).unwrap(),
                    text: "text".to_owned(),
                    written: None,
                })
                .collect(),
        })
    }
    fn handed_over(&self, _: NhsNumber) -> Option<HandedOver> {
        self.handed_over.clone()
    }
    fn write(&mut self, _: NhsNumber, entry: RecordEntry) {
        self.written.push(entry);
    }
}

fn practice(handed_over: Option<HandedOver>) -> MemberPractice<Cabinet> {
    let streams = Streams::new(7);
    let cabinet = Cabinet {
        handed_over,
        written: Vec::new(),
    };
    let faults = Faults::new(&[], START, streams);
    MemberPractice::with_faults(
        cabinet,
        member(OLD),
        Role::Sending,
        faults,
        streams,
        BTreeSet::new(),
    )
}

fn ask(practice: &mut MemberPractice<Cabinet>, call: &MemberCall) -> HttpResponse {
    let request = wire::request(call.encode(MemberStyle::Emis));
    let id = AnswerId(1);
    practice.handle(START, Input::Request { id, request });
    match practice.poll_output() {
        Some(Output::Answer { response, .. }) => response,
        other => panic!("{other:?}"),
    }
}

fn file(
    practice: &mut MemberPractice<Cabinet>,
    patient: NhsNumber,
    id: &str,
    registered_at: Time,
) -> Filed {
    let call = MemberCall::File {
        patient,
        entry: entry(id, "seen"),
        registered_at,
    };
    let response = ask(practice, &call);
    Filed::decode(MemberStyle::Emis, &wire::reply(&response)).unwrap()
}

#[test]
fn a_record_that_has_left_takes_nothing_unless_the_patient_is_back() {
    let left_at = START + MINUTE;
    let mut practice = practice(Some(HandedOver {
        at: left_at,
        to: ods(NEW),
    }));
    let moved = Filed::Moved(ods(NEW));
    assert_eq!(file(&mut practice, ellis(), "E-1", START), moved);
    assert_eq!(file(&mut practice, ellis(), "E-1", left_at), moved);
    let back = left_at + MINUTE;
    assert_eq!(file(&mut practice, ellis(), "E-2", back), Filed::Now);
}

#[test]
fn a_repeat_is_known_whatever_has_become_of_the_record() {
    let mut practice = practice(None);
    assert_eq!(file(&mut practice, ellis(), "E-1", START), Filed::Now);
    practice.system_mut().handed_over = Some(HandedOver {
        at: START + MINUTE,
        to: ods(NEW),
    });
    assert_eq!(file(&mut practice, ellis(), "E-1", START), Filed::Before);
    assert_eq!(practice.system_mut().written.len(), 1);
}

#[test]
fn somebody_whom_the_practice_does_not_know_has_no_record_there() {
    let mut practice = practice(None);
    let other = NhsNumber::synthetic(3).unwrap();
    assert_eq!(file(&mut practice, other, "E-1", START), Filed::NotOurs);
}

#[test]
fn a_record_is_read_part_by_part_and_whole() {
    let mut practice = practice(None);
    assert_eq!(file(&mut practice, ellis(), "E-1", START), Filed::Now);
    let mut ids = BTreeSet::new();
    let mut skip = 0;
    loop {
        let call = MemberCall::Read {
            patient: ellis(),
            skip,
        };
        let response = ask(&mut practice, &call);
        let page = Page::decode(MemberStyle::Emis, &wire::reply(&response)).unwrap();
        let Page::Part { items, more, .. } = page else {
            panic!("{page:?}");
        };
        skip += items.len();
        ids.extend(items.into_iter().map(|item| item.id));
        if !more {
            break;
        }
    }
    assert_eq!(ids.len(), 26);
}
