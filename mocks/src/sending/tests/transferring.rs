//! Transfers from the request to their end.

use std::collections::BTreeSet;
use std::time::Duration;

use gp2gp_model::plan::{Act, Decision};
use gp2gp_model::{ConversationId, Hl7MessageId, Interaction, MessageKind, NhsNumber};
use gp2gp_wire::Dialect;
use gp2gp_wire::hl7::{self, ExtractVersion};
use gp2gp_wire::message::Location;

use super::desk::Situation;
use super::desk::*;
use crate::defect::SendingDefect;
use crate::mhs::fixture::{
    OTHER, OWN, START, accepted, conversation, fault, ods, practice, response, uuid,
};
use crate::peer::{Input, Notice, Peer, TransportError};
use crate::sending::Holding;
use crate::synthetic::{Patient, RecordSpec};

const DAY: Duration = Duration::from_hours(24);

/// Three documents of which two are promised: one whole, one in three chunks.
fn large() -> Situation {
    let documents = vec![image(1, 30_000), image(2, 3_000), image(3, 90_000)];
    Situation {
        attachment_threshold: 41_000,
        message_limit: 50_000,
        ..config(holding_with(documents))
    }
}

/// A large transfer whose core is with Spine.
fn awaiting_continue() -> Desk {
    let desk = Desk::requested(large());
    assert_eq!(desk.kinds(), [MessageKind::EhrExtract]);
    desk
}

#[test]
fn a_small_record_goes_without_a_continue() {
    let mut desk = Desk::new(config(holding_with(vec![image(1, 3_000)])));
    desk.spine_answers = false;
    desk.request();
    assert_eq!(desk.kinds(), [MessageKind::EhrExtract]);
    desk.answer(accepted());
    assert_eq!(
        desk.kinds(),
        [MessageKind::EhrExtract, MessageKind::Acknowledgement]
    );
    assert_eq!(desk.answers(), [None]);
    assert_eq!(desk.print_state(), Some(5));
    desk.acknowledge_core(None);
    assert_eq!(desk.state(), ("integrated".to_owned(), Some(1)));
    assert_eq!(desk.kinds().len(), 2);
}

#[test]
fn the_extract_mirrors_the_request() {
    let desk = Desk::requested(config(holding_with(vec![image(1, 3_000), image(2, 10)])));
    let extract = desk.extract();
    assert_eq!(extract.version, ExtractVersion::Uk06);
    assert_eq!(extract.patient, patient());
    assert_eq!(extract.author, ods(OWN));
    assert_eq!(extract.destination, Some(ods(OTHER)));
    assert_eq!(extract.prior_request, Some(request_id()));
    assert_eq!(extract.wrapper.recipient, practice(OTHER).asid);
    assert_eq!(extract.wrapper.sender, practice(OWN).asid);
    assert_eq!(extract.wrapper.author, Some(practice(OWN).asid));
    let header = &desk.core().header;
    assert_eq!(header.conversation_id, conversation(ONLY));
    assert_eq!(header.message_id.as_str(), extract.wrapper.id.as_str());
    assert!(header.message_id.is_upper_uuid());
}

#[test]
fn links_of_the_record_and_attachments_are_one_to_one() {
    let documents = vec![image(1, 30_000), image(2, 3_000), image(3, 90_000)];
    let desk = awaiting_continue();
    let links = hl7::scan(&desk.core().payload_xml).unwrap().documents;
    let attachments = &desk.core().attachments;
    assert_eq!(links.len(), documents.len());
    for ((link, attachment), (_, document)) in links.iter().zip(attachments).zip(&documents) {
        assert_eq!(link.file_name(), description(attachment).filename);
        assert_eq!(link.file_name(), document.file_name);
        assert_eq!(link.id, document_id(attachment));
    }
}

#[test]
fn redactions_make_it_a_uk07() {
    let mut holding = holding();
    holding.plan.redactions = true;
    holding.record = RecordSpec {
        redactions: true,
        ..holding.record
    };
    let desk = Desk::requested(config(holding));
    assert_eq!(desk.core().interaction(), Some(Interaction::EhrExtractUk07));
    assert_eq!(desk.extract().version, ExtractVersion::Uk07);
}

#[test]
fn tpp_answers_the_request_before_the_extract() {
    let desk = Desk::requested(in_dialect(Dialect::Tpp, config(holding())));
    assert_eq!(
        desk.kinds(),
        [MessageKind::Acknowledgement, MessageKind::EhrExtract]
    );
    let mut large = Desk::requested(in_dialect(Dialect::Tpp, large()));
    large.continue_core();
    large.acknowledge_core(None);
    assert_eq!(large.answers(), [None]);
}

#[test]
fn nothing_promised_is_sent_before_the_continue_and_everything_once_after_it() {
    let mut desk = awaiting_continue();
    assert_eq!(desk.state().0, "awaiting the Continue");
    desk.continue_core();
    let mut ids = BTreeSet::new();
    let mut promised: Vec<_> = desk.core().attachments.iter().collect();
    while let Some(attachment) = promised.pop() {
        if let Location::External(mid) = &attachment.location {
            let copcs: Vec<_> = (desk.fragments().into_iter())
                .filter(|copc| copc.header.message_id == *mid)
                .collect();
            assert_eq!(copcs.len(), 1, "{mid}");
            assert!(ids.insert(mid.clone()));
            promised.extend(&copcs[0].attachments);
        }
    }
    assert_eq!(ids.len(), desk.fragments().len());
    assert_eq!(desk.kinds().last(), Some(&MessageKind::Acknowledgement));
    assert_eq!(desk.answers(), [None]);
    assert_eq!(desk.state().0, "awaiting the final acknowledgement");
}

#[test]
fn fragments_name_themselves_once_and_the_practices() {
    let mut desk = awaiting_continue();
    desk.continue_core();
    for copc in desk.fragments() {
        let fragment = fragment(copc);
        let id = copc.header.message_id.as_str();
        assert_eq!(fragment.wrapper.id.as_str(), id);
        assert_eq!(fragment.fragment.message_id.as_str(), id);
        assert_eq!(fragment.information_id.as_str(), id);
        assert_eq!(fragment.fragment.from, ods(OWN));
        assert_eq!(fragment.fragment.recipients, [ods(OTHER)]);
        assert_eq!(
            Some(fragment.file_name()),
            fragment.file_reference.as_deref()
        );
    }
}

#[test]
fn one_fragment_of_a_transfer_is_on_its_way_at_a_time() {
    let mut desk = awaiting_continue();
    desk.spine_answers = false;
    desk.continue_core();
    let all = 1 + 1 + 3;
    for sent in 1..=all {
        assert_eq!((desk.fragments().len(), desk.unanswered.len()), (sent, 1));
        assert_eq!(desk.answers(), []);
        desk.answer(accepted());
    }
    assert_eq!(desk.fragments().len(), all);
    assert_eq!(desk.answers(), [None]);
}

#[test]
fn a_second_continue_sends_nothing() {
    let mut desk = awaiting_continue();
    desk.continue_core();
    let before = desk.kinds();
    desk.continue_core();
    desk.continue_core();
    assert_eq!(desk.kinds(), before);
}

#[test]
fn an_early_continue_is_honoured_once_spine_has_the_extract() {
    let mut desk = Desk::new(large());
    desk.spine_answers = false;
    desk.request();
    desk.continue_core();
    assert_eq!(desk.fragments().len(), 0);
    desk.spine_answers = true;
    desk.answer(accepted());
    assert_eq!(desk.fragments().len(), 5);
}

#[test]
fn a_continue_proves_that_the_extract_arrived_though_spine_never_answered() {
    let mut desk = Desk::new(large());
    desk.spine_answers = false;
    desk.request();
    desk.continue_core();
    desk.spine_answers = true;
    desk.answer(response(400, String::new()));
    assert_eq!(desk.fragments().len(), 5);
    assert_eq!(desk.answers(), [None]);
}

#[test]
fn an_early_final_acknowledgement_is_not_lost() {
    let mut desk = Desk::new(config(holding()));
    desk.spine_answers = false;
    desk.request();
    desk.acknowledge_core(None);
    assert_eq!(desk.state().0, "integrated");
    desk.answer(accepted());
    assert_eq!(desk.answers(), [None]);
    assert_eq!(desk.kinds().len(), 2);
}

#[test]
fn messages_of_unknown_conversations_do_nothing() {
    let mut desk = Desk::new(config(holding()));
    let stranger = Hl7MessageId::parse(&uuid(1)).unwrap();
    desk.continue_in(9, stranger.clone());
    desk.acknowledge(9, stranger, Some("11"));
    assert_eq!(desk.kinds(), []);
    desk.request();
    assert_eq!(desk.kinds().len(), 2);
}

#[test]
fn only_an_acknowledgement_of_the_core_ends_a_transfer() {
    let mut desk = awaiting_continue();
    desk.continue_core();
    let copcs: Vec<_> = desk
        .fragments()
        .into_iter()
        .map(|copc| payload(copc).wrapper().id.clone())
        .collect();
    for (number, copc) in copcs.into_iter().enumerate() {
        desk.acknowledge(ONLY, copc, (number == 1).then_some("29"));
        assert_eq!(desk.print_state(), Some(5));
    }
    desk.acknowledge(ONLY, Hl7MessageId::parse(&uuid(77)).unwrap(), Some("99"));
    assert_eq!(desk.print_state(), Some(5));
    desk.acknowledge_core(None);
    assert_eq!(desk.print_state(), Some(1));
}

#[test]
fn final_acknowledgements_have_the_print_states_of_their_codes() {
    for (code, state, print_state) in [
        (None, "integrated", 1),
        (Some("15"), "stored as suppressed record", 1),
        (Some("11"), "rejected with 11", 4),
        (Some("12"), "rejected with 12", 4),
        (Some("31"), "rejected with 31", 3),
    ] {
        for dialect in [Dialect::NationalMhs, Dialect::Tpp, Dialect::Emis] {
            let mut desk = Desk::requested(config(holding()));
            let core = desk.core_ids().0;
            desk.acknowledge_in(dialect, ONLY, core, code);
            assert_eq!(desk.state(), (state.to_owned(), Some(print_state)));
        }
    }
}

#[test]
fn a_spine_made_rejection_in_lower_case_is_final() {
    let mut desk = Desk::requested(config(holding()));
    let lower = desk.core_ids().0.as_str().to_ascii_lowercase();
    desk.acknowledge_in(
        Dialect::Spine,
        ONLY,
        Hl7MessageId::parse(&lower).unwrap(),
        Some("506"),
    );
    assert_eq!(desk.state(), ("rejected with 506".to_owned(), Some(4)));
}

#[test]
fn the_first_final_acknowledgement_wins() {
    let mut desk = Desk::requested(config(holding()));
    desk.acknowledge_core(None);
    desk.acknowledge_core(Some("11"));
    assert_eq!(desk.state().0, "integrated");
    let mut other = Desk::requested(config(holding()));
    other.acknowledge_core(Some("11"));
    other.acknowledge_core(None);
    assert_eq!(other.state().0, "rejected with 11");
    assert_eq!(other.kinds().len(), 2);
}

#[test]
fn a_rejection_stops_what_is_left_to_send() {
    let mut desk = awaiting_continue();
    desk.spine_answers = false;
    desk.continue_core();
    desk.answer(accepted());
    assert_eq!(desk.fragments().len(), 2);
    desk.spine_answers = true;
    desk.acknowledge_core(Some("30"));
    desk.answer(accepted());
    assert_eq!(desk.fragments().len(), 2);
    assert_eq!(desk.answers(), [None]);
    assert_eq!(desk.print_state(), Some(3));
}

#[test]
fn after_eight_days_of_silence_the_transfer_has_failed() {
    let mut desk = Desk::requested(config(holding()));
    desk.wait_until(START + (8 * DAY - Duration::from_secs(1)));
    assert_eq!(desk.print_state(), Some(5));
    desk.wait_until(START + 8 * DAY);
    assert_eq!(desk.print_state(), Some(4));
    assert_eq!(desk.sending.poll_timeout(), None);
    desk.acknowledge_core(None);
    assert_eq!(desk.print_state(), Some(4));
}

#[test]
fn a_finished_transfer_waits_for_nothing() {
    let mut desk = Desk::requested(config(holding()));
    desk.acknowledge_core(None);
    assert_eq!(desk.sending.poll_timeout(), None);
}

#[test]
fn an_outage_of_spine_delays_and_doubles_nothing() {
    let mut desk = Desk::new(config(holding()));
    desk.spine_answers = false;
    desk.request();
    desk.answer(fault(&["200"]));
    desk.spine_answers = true;
    desk.wait_until(START + DAY);
    let [first, second, answer] = desk.posted.as_slice() else {
        panic!("{:?}", desk.kinds());
    };
    assert_eq!(first, second);
    assert_eq!(payload(answer).kind(), MessageKind::Acknowledgement);
}

#[test]
fn an_extract_that_spine_never_takes_ends_in_one_refusal() {
    let mut desk = Desk::new(config(holding()));
    desk.spine_answers = false;
    desk.request();
    while desk.answers().is_empty() {
        let post = desk.unanswered.pop_front().unwrap();
        let error = TransportError::Refused;
        desk.hand(Input::Failed { post, error });
        if let Some(deadline) = desk.sending.poll_timeout() {
            desk.wait_until(deadline.at);
        }
    }
    assert_eq!(desk.answers(), [Some("20".to_owned())]);
    assert_eq!(desk.state(), ("stopped with 20".to_owned(), Some(4)));
    let ids: BTreeSet<_> = (desk.posted.iter())
        .map(|message| message.header.message_id.clone())
        .collect();
    assert_eq!(ids.len(), 2);
}

#[test]
fn a_repeated_extract_has_the_same_hl7_part_under_a_new_message_id() {
    let mut desk = awaiting_continue();
    desk.hand(Input::Act(Act::RepeatExtract { patient: patient() }));
    let [first, second] = desk.posted.as_slice() else {
        panic!("{:?}", desk.kinds());
    };
    assert_eq!(first.payload_xml, second.payload_xml);
    assert_ne!(first.header.message_id, second.header.message_id);
    assert_eq!(first.attachments, second.attachments);
    let second = Hl7MessageId::from(&second.header.message_id);
    desk.acknowledge(ONLY, second.clone(), Some("12"));
    assert_eq!(desk.print_state(), Some(5));
    desk.continue_core();
    assert_eq!(desk.fragments().len(), 5);
    desk.acknowledge(ONLY, second, None);
    assert_eq!(desk.print_state(), Some(1));
}

#[test]
fn after_a_failure_a_repeated_extract_promises_everything_anew() {
    let mut desk = awaiting_continue();
    desk.continue_core();
    desk.acknowledge_core(Some("31"));
    desk.hand(Input::Act(Act::RepeatExtract { patient: patient() }));
    assert_eq!(desk.print_state(), Some(5));
    desk.continue_core();
    let ids: BTreeSet<_> = desk
        .fragments()
        .iter()
        .map(|copc| copc.header.message_id.clone())
        .collect();
    assert_eq!((ids.len(), desk.fragments().len()), (10, 10));
    desk.acknowledge_core(None);
    assert_eq!(desk.print_state(), Some(1));
    assert_eq!(desk.answers(), [None]);
}

#[test]
fn an_extract_is_repeated_within_twelve_weeks_only() {
    let mut desk = Desk::requested(config(holding()));
    desk.wait_until(START + 85 * DAY);
    let told = std::mem::take(&mut desk.notices);
    assert!(matches!(
        told.as_slice(),
        [Notice::Alert(_), Notice::Alert(_)]
    ));
    desk.hand(Input::Act(Act::RepeatExtract { patient: patient() }));
    assert_eq!(desk.notices, []);
    assert_eq!(desk.kinds().len(), 2);
}

#[test]
fn an_extract_is_not_repeated_to_a_practice_that_the_patient_has_left() {
    let mut desk = Desk::requested(config(holding()));
    desk.services.act(
        desk.now,
        Act::MoveOn {
            patient: patient(),
            practice: "C83001".parse().unwrap(),
        },
    );
    desk.hand(Input::Act(Act::RepeatExtract { patient: patient() }));
    assert_eq!(desk.notices, []);
    assert_eq!(desk.kinds().len(), 2);
}

#[test]
fn verbs_of_other_systems_are_not_supported() {
    let mut desk = Desk::new(config(holding()));
    let decide = Act::Decide {
        patient: patient(),
        decision: Decision::Integrate,
    };
    desk.hand(Input::Act(decide.clone()));
    assert_eq!(desk.notices, [Notice::NotSupported(decide)]);
}

#[test]
fn fragment_dropped_never_sends_the_last_promise() {
    let mut desk = Desk::requested(broken(SendingDefect::FragmentDropped, large()));
    desk.continue_core();
    assert_eq!(desk.fragments().len(), 4);
    assert_eq!(desk.answers(), [None]);
}

#[test]
fn wrong_nhs_number_is_that_of_another_synthetic_patient() {
    let desk = Desk::requested(broken(SendingDefect::WrongNhsNumber, config(holding())));
    let wrong = desk.extract().patient;
    assert_ne!(wrong, patient());
    assert!(wrong.is_synthetic() && wrong.check_digit_fits());
}

#[test]
fn transfers_side_by_side_share_nothing() {
    let patients: Vec<Patient> = (0..20).map(|index| Patient::generate(7, index)).collect();
    let holdings = patients.iter().zip(0..).map(|(patient, index)| {
        let mut holding = holding_with(vec![image(index, 30_000)]);
        holding.plan.nhs_number = patient.nhs_number;
        holding.record.patient = patient.clone();
        holding
    });
    let mut desk = Desk::new(Situation {
        holdings: holdings.collect::<Vec<Holding>>(),
        ..large()
    });
    desk.spine_answers = false;
    for (patient, number) in patients.iter().zip(0..) {
        desk.request_for(number, patient.nhs_number);
    }
    while !desk.unanswered.is_empty() {
        desk.answer(accepted());
    }
    let cores: Vec<_> = of_kind(&desk.posted, MessageKind::EhrExtract)
        .into_iter()
        .map(|core| payload(core).wrapper().id.clone())
        .collect();
    for (number, core) in (0..).zip(cores) {
        desk.continue_in(number, core);
    }
    while !desk.unanswered.is_empty() {
        desk.answer(accepted());
    }
    let mut ids = BTreeSet::new();
    for message in &desk.posted {
        assert!(ids.insert(message.header.message_id.clone()));
    }
    assert_eq!(desk.answers(), vec![None; patients.len()]);
    for (number, patient) in (0..).zip(&patients) {
        assert_eq!(
            of_conversation(&desk, &conversation(number)),
            patient.nhs_number
        );
    }
}

fn of_conversation(desk: &Desk, conversation: &ConversationId) -> NhsNumber {
    let core = of_kind(&desk.posted, MessageKind::EhrExtract);
    let core = core
        .into_iter()
        .find(|core| core.header.conversation_id == *conversation);
    extract(core.unwrap()).patient
}
