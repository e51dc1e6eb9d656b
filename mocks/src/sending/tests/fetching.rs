//! Documents come from the store, and what becomes of the record when they do not.

use std::time::Duration;

use gp2gp_model::fault::{
    DocumentPattern, Effect, Fault, Often, Spoil, StoreOperation, Target, When,
};
use gp2gp_model::plan::{Act, MissingReason};
use gp2gp_model::{MessageKind, OdsCode};
use gp2gp_wire::attachment::Placeholder;

use super::desk::Situation;
use super::desk::*;
use crate::mhs::fixture::ods;
use crate::peer::{Condition, Input};
use crate::synthetic::DocumentKind;

const SECOND: Duration = Duration::from_secs(1);

fn fault(operation: StoreOperation, effect: Effect, often: Often) -> Fault {
    Fault {
        name: "fault".to_owned(),
        effect,
        on: Target::Store {
            operation,
            documents: DocumentPattern::default(),
        },
        when: When {
            often,
            from: Duration::ZERO,
            lasts: None,
        },
    }
}

fn reads(effect: Effect, often: Often) -> Fault {
    fault(StoreOperation::Read, effect, often)
}

/// One letter of 20 KB.
fn letter() -> Situation {
    config(holding_with(vec![document(1, DocumentKind::Pdf, 20_000)]))
}

/// A request for it, with time for every try.
fn served(config: Situation, faults: Vec<Fault>) -> Desk {
    let mut desk = Desk::with_store(config, faults);
    desk.request();
    desk.wait_until(desk.now + Duration::from_mins(19));
    desk
}

fn count(desk: &Desk, part: &str) -> usize {
    desk.asked
        .iter()
        .filter(|asked| asked.contains(part))
        .count()
}

/// Digits of the reason on the only placeholder.
fn reason(desk: &Desk) -> String {
    let [(name, text)] = desk.reassembled().try_into().expect("one attachment");
    assert!(Placeholder::is_file_name(&name), "{name}");
    let placeholder = Placeholder::parse(&String::from_utf8(text).unwrap()).unwrap();
    placeholder.reason.code().to_owned()
}

#[test]
fn the_patient_is_searched_the_documents_listed_and_each_read() {
    let letters = vec![
        document(1, DocumentKind::Pdf, 20_000),
        document(2, DocumentKind::Tiff, 7_000_000),
    ];
    let held: Vec<_> = letters
        .iter()
        .map(|(_, spec)| spec.to_bytes().to_vec())
        .collect();
    let mut desk = served(config(holding_with(letters)), Vec::new());
    assert_eq!(count(&desk, "GET /Patient?identifier="), 1);
    assert_eq!(count(&desk, "/DocumentReference"), 1);
    // 7 MB are three pieces of at most 3 MB.
    assert_eq!(count(&desk, "GET /Binary/"), 1 + 3);
    desk.continue_core();
    let got: Vec<_> = desk
        .reassembled()
        .into_iter()
        .map(|(_, content)| content)
        .collect();
    assert!(got == held);
}

#[test]
fn every_request_has_a_token_of_its_own() {
    let desk = served(letter(), vec![reads(Effect::Refuse(503), Often::Always)]);
    let mut tokens = desk.tokens;
    assert_eq!(tokens.len(), 2 + 4);
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), 2 + 4);
}

#[test]
fn what_the_store_says_is_the_reason_on_the_placeholder() {
    let of = |effect: Effect| reason(&served(letter(), vec![reads(effect, Often::Always)]));
    for (status, code) in [
        (403, "06"),
        (404, "03"),
        (410, "02"),
        (415, "01"),
        (422, "06"),
    ] {
        assert_eq!(of(Effect::Refuse(status)), code, "{status}");
    }
    for (status, code) in [(423, "04"), (401, "06"), (500, "06"), (503, "06")] {
        assert_eq!(of(Effect::Refuse(status)), code, "{status}");
    }
    assert_eq!(of(Effect::Drop), "06");
    assert_eq!(of(Effect::Reset), "06");
    assert_eq!(of(Effect::Truncate(50)), "06");
    for (spoil, code) in [
        (Spoil::Locked, "04"),
        (Spoil::DeletedMeanwhile, "02"),
        (Spoil::WrongType, "06"),
        (Spoil::ZeroBytes, "06"),
        (Spoil::BadBinary, "06"),
        (Spoil::WrongSize, "06"),
    ] {
        assert_eq!(of(Effect::Spoil(spoil)), code, "{spoil:?}");
    }
}

#[test]
fn what_was_missing_from_the_beginning_has_its_reason() {
    let of = |missing| {
        let (mut plan, spec) = document(1, DocumentKind::Pdf, 20_000);
        plan.missing = Some(missing);
        reason(&served(
            config(holding_with(vec![(plan, spec)])),
            Vec::new(),
        ))
    };
    assert_eq!(of(MissingReason::UnsupportedType), "01");
    assert_eq!(of(MissingReason::Deleted), "02");
    assert_eq!(of(MissingReason::NotFound), "03");
    assert_eq!(of(MissingReason::Locked), "04");
    assert_eq!(of(MissingReason::Undetermined), "06");
}

#[test]
fn what_will_not_change_is_asked_once_and_what_may_change_four_times() {
    let tries = |effect| {
        let desk = served(letter(), vec![reads(effect, Often::Always)]);
        count(&desk, "GET /Binary/")
    };
    for status in [403, 404, 410, 415, 422] {
        assert_eq!(tries(Effect::Refuse(status)), 1, "{status}");
    }
    for status in [401, 423, 429, 500, 503] {
        assert_eq!(tries(Effect::Refuse(status)), 4, "{status}");
    }
    assert_eq!(tries(Effect::Spoil(Spoil::ZeroBytes)), 4);
    assert_eq!(tries(Effect::Drop), 4);
}

#[test]
fn a_large_document_goes_on_where_it_broke_off() {
    let scan = document(1, DocumentKind::Tiff, 10_000_000);
    let content = scan.1.to_bytes();
    let breaks = reads(Effect::Reset, Often::On(vec![2, 4]));
    let mut desk = served(config(holding_with(vec![scan])), vec![breaks]);
    assert_eq!(count(&desk, "GET /Binary/"), 4 + 2);
    desk.continue_core();
    assert!(desk.reassembled()[0].1 == content);
}

#[test]
fn a_document_that_was_not_itself_is_read_again_from_its_beginning() {
    let scan = document(1, DocumentKind::Tiff, 10_000_000);
    let content = scan.1.to_bytes();
    let shrunk = reads(Effect::Spoil(Spoil::WrongSize), Often::On(vec![3]));
    let mut desk = served(config(holding_with(vec![scan])), vec![shrunk]);
    assert_eq!(count(&desk, "GET /Binary/"), 3 + 4);
    desk.continue_core();
    assert!(desk.reassembled()[0].1 == content);
}

#[test]
fn a_list_that_is_wrong_about_size_or_type_costs_no_document() {
    for spoil in [Spoil::WrongSize, Spoil::WrongType, Spoil::ZeroBytes] {
        let misstated = fault(StoreOperation::List, Effect::Spoil(spoil), Often::Always);
        let desk = served(letter(), vec![misstated]);
        assert_eq!(desk.reassembled()[0].1.len(), 20_000, "{spoil:?}");
    }
}

#[test]
fn one_bad_document_holds_up_nothing_but_its_own_place() {
    let letters = (1..=30).map(|number| document(number, DocumentKind::Pdf, 5_000));
    let refused = reads(Effect::Refuse(404), Often::On(vec![7]));
    let desk = served(config(holding_with(letters.collect())), vec![refused]);
    let attached = desk.reassembled();
    assert_eq!(attached.len(), 30);
    let placeholders = (attached.iter()).filter(|(name, _)| Placeholder::is_file_name(name));
    assert_eq!(placeholders.count(), 1);
    assert_eq!(desk.answers(), [None]);
}

#[test]
fn a_store_without_a_list_fails_the_whole_with_10() {
    for effect in [Effect::Refuse(500), Effect::Reset, Effect::Drop] {
        let down = fault(StoreOperation::List, effect, Often::Always);
        let desk = served(letter(), vec![down]);
        assert_eq!(desk.kinds(), [MessageKind::Acknowledgement]);
        assert_eq!(desk.answers(), [Some("10".to_owned())]);
        assert_eq!(desk.state(), ("refused with 10".to_owned(), Some(4)));
    }
}

#[test]
fn the_record_does_not_go_to_a_practice_that_the_patient_left_meanwhile() {
    let slow = reads(Effect::Refuse(503), Often::First(1));
    let mut desk = Desk::with_store(letter(), vec![slow]);
    desk.request();
    assert_eq!(desk.state(), ("fetching documents".to_owned(), Some(5)));
    desk.services.act(
        desk.now,
        Act::MoveOn {
            patient: patient(),
            practice: OdsCode::clone(&ods("C82001")),
        },
    );
    desk.wait_until(desk.now + Duration::from_mins(1));
    assert_eq!(desk.answers(), [Some("19".to_owned())]);
    assert_eq!(desk.kinds(), [MessageKind::Acknowledgement]);
}

#[test]
fn a_system_that_was_down_asks_again_for_what_it_had_asked() {
    let mut desk = Desk::with_store(letter(), Vec::new());
    desk.store_answers = false;
    desk.request();
    assert_eq!(desk.asked.len(), 1);
    desk.store_answers = true;
    desk.hand(Input::Condition(Condition::Restarted));
    assert_eq!(count(&desk, "GET /Patient?identifier="), 2);
    assert_eq!(desk.kinds()[0], MessageKind::EhrExtract);
}

#[test]
fn a_request_that_comes_again_while_documents_are_fetched_changes_nothing() {
    let slow = reads(Effect::Refuse(503), Often::First(1));
    let mut desk = Desk::with_store(letter(), vec![slow]);
    let request = desk.request_bytes(ONLY, patient());
    desk.deliver_raw(request.clone());
    desk.deliver_raw(request);
    desk.wait_until(desk.now + 11 * SECOND);
    let extract = MessageKind::EhrExtract;
    assert_eq!(desk.kinds(), [extract, MessageKind::Acknowledgement]);
    assert_eq!(count(&desk, "/DocumentReference"), 1);
}

#[test]
fn a_record_that_is_sent_again_is_not_fetched_again() {
    let mut desk = served(letter(), Vec::new());
    desk.acknowledge_core(Some("31"));
    let asked = desk.asked.len();
    desk.hand(Input::Act(Act::RepeatExtract { patient: patient() }));
    assert_eq!(of_kind(&desk.posted, MessageKind::EhrExtract).len(), 2);
    assert_eq!(desk.asked.len(), asked);
}
