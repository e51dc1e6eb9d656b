//! Requests that are refused, and with which code.

use gp2gp_model::http::{Headers, Method};
use gp2gp_model::{Hl7MessageId, Interaction, MessageKind, NhsNumber};
use gp2gp_wire::Dialect;
use gp2gp_wire::hl7::AckType;

use super::desk::Situation;
use super::desk::*;
use crate::defect::SendingDefect;
use crate::mhs::fixture::{OTHER, OWN, START, conversation, message_id, ods, practice, uuid};
use crate::peer::HttpRequest;
use crate::synthetic::{DocumentKind, Patient};

/// Everything wrong with a request at once; each step of the test mends the first one.
fn hopeless() -> (Situation, NhsNumber) {
    let mut holding = holding_with(vec![document(1, DocumentKind::Text, 100_000)]);
    holding.plan.held = false;
    holding.plan.current_practice = ods("C82001");
    holding.plan.record_bytes = 0;
    let wrong_digit = NhsNumber::parse(&format!("{}0", &patient().as_str()[..9])).unwrap();
    assert!(!wrong_digit.check_digit_fits());
    let mut config = without_large_messaging(OTHER, without_large_messaging(OWN, config(holding)));
    config.message_limit = 50_000;
    config.directory.practices.push(practice(OTHER));
    config.enabled = false;
    (config, wrong_digit)
}

#[test]
fn the_first_reason_in_the_national_order_is_the_code() {
    let code = |config: &Situation, patient| {
        let mut desk = Desk::new(config.clone());
        desk.request_for(ONLY, patient);
        assert_eq!(desk.kinds(), [MessageKind::Acknowledgement]);
        desk.answers().remove(0).unwrap()
    };
    let (mut config, wrong_digit) = hopeless();
    assert_eq!(code(&config, wrong_digit), "07");
    config.enabled = true;
    assert_eq!(code(&config, wrong_digit), "18");
    assert_eq!(code(&config, Patient::generate(7, 1).nhs_number), "06");
    assert_eq!(code(&config, patient()), "06");
    config.holdings[0].plan.held = true;
    assert_eq!(code(&config, patient()), "24");
    config.directory.practices.pop();
    assert_eq!(code(&config, patient()), "19");
    config.holdings[0].plan.current_practice = ods(OTHER);
    assert_eq!(code(&config, patient()), "10");
    config.holdings[0].plan.record_bytes = 12_000;
    assert_eq!(code(&config, patient()), "14");
    config.directory.practices[1]
        .interactions
        .insert(Interaction::Copc);
    assert_eq!(code(&config, patient()), "23");
    config
        .identity
        .practice
        .interactions
        .insert(Interaction::Copc);
    let mut desk = Desk::new(config);
    desk.request();
    assert_eq!(desk.kinds()[0], MessageKind::EhrExtract);
}

#[test]
fn a_requester_that_sds_does_not_know_is_told_so() {
    let mut config = config(holding());
    config
        .directory
        .practices
        .retain(|practice| practice.ods != ods(OTHER));
    config
        .directory
        .contracts
        .retain(|contract| contract.party_key != practice(OTHER).party_key);
    let desk = Desk::requested(config);
    assert_eq!(desk.answers(), [Some("24".to_owned())]);
    assert_eq!(desk.posted[0].header.to, practice(OTHER).party_key);
}

#[test]
fn a_refusal_names_the_request_and_goes_back_where_it_came_from() {
    let mut config = config(holding());
    config.enabled = false;
    let desk = Desk::requested(config);
    let nack = acknowledgement(&desk.posted[0]);
    assert_eq!(nack.type_code, AckType::Ae);
    assert_eq!(nack.message_ref, Hl7MessageId::from(&message_id(10_001)));
    assert_eq!(nack.wrapper.recipient, practice(OTHER).asid);
    assert_eq!(nack.wrapper.sender, practice(OWN).asid);
    assert_eq!(desk.posted[0].header.conversation_id, conversation(ONLY));
    assert_eq!(desk.print_state(), Some(4));
}

#[test]
fn each_dialect_has_its_own_way_of_refusing() {
    for (dialect, type_code, has_reason, has_detail) in [
        (Dialect::Tpp, AckType::Ar, true, true),
        (Dialect::Emis, AckType::Ar, false, true),
    ] {
        let mut config = in_dialect(dialect, config(holding()));
        config.enabled = false;
        let nack = acknowledgement(&Desk::requested(config).posted[0]);
        assert_eq!(nack.type_code, type_code);
        assert_eq!(
            (nack.reason.is_some(), nack.detail.is_some()),
            (has_reason, has_detail)
        );
    }
}

/// A request whose payload went through a change.
fn changed_request(change: impl FnOnce(String) -> String) -> HttpRequest {
    let mut desk = Desk::new(config(holding()));
    let request = desk.request_bytes(ONLY, patient());
    let body = change(String::from_utf8(request.body.to_vec()).unwrap());
    HttpRequest {
        method: Method::Post,
        headers: Headers::new(),
        body: body.into(),
        ..request
    }
}

#[test]
fn a_request_without_a_mandatory_field_is_refused_under_its_hl7_id() {
    let request = changed_request(|body| body.replace(patient().as_str(), ""));
    let mut desk = Desk::new(config(holding()));
    desk.deliver_raw(request);
    assert_eq!(desk.answers(), [Some("18".to_owned())]);
    let nack = acknowledgement(&desk.posted[0]);
    assert_eq!(nack.message_ref.as_str(), uuid(10_001));
}

#[test]
fn a_request_that_is_no_xml_is_refused_under_its_ebxml_id() {
    let request = changed_request(|body| {
        let payload = body.find("<RCMR_IN010000UK05").unwrap();
        body.split_at(payload).0.to_owned() + "nonsense\n----=_MIME-Boundary--\n"
    });
    let mut desk = Desk::new(config(holding()));
    desk.deliver_raw(request);
    assert_eq!(desk.answers(), [Some("18".to_owned())]);
    assert_eq!(
        acknowledgement(&desk.posted[0]).message_ref.as_str(),
        uuid(10_001)
    );
}

#[test]
fn a_repeated_request_gets_neither_a_second_extract_nor_a_refusal() {
    let mut desk = Desk::requested(config(holding()));
    let before = desk.kinds();
    desk.request();
    desk.request();
    assert_eq!(desk.kinds(), before);
    let mut refusing = Desk::new(config(holding()));
    refusing.request_for(ONLY, Patient::generate(7, 1).nhs_number);
    refusing.request_for(ONLY, Patient::generate(7, 1).nhs_number);
    assert_eq!(refusing.answers(), [Some("06".to_owned())]);
}

#[test]
fn what_a_requester_without_large_messaging_can_take_is_sent_uncompressed() {
    let config = without_large_messaging(
        OTHER,
        config(holding_with(vec![document(1, DocumentKind::Text, 9_000)])),
    );
    let desk = Desk::requested(config);
    assert_eq!(desk.answers(), [None]);
    assert!(!description(&desk.core().attachments[0]).compressed);
}

#[test]
fn a_requester_without_a_contract_for_copc_is_served_small_and_refused_large() {
    for (bytes, answer) in [(9_000, None), (90_000, Some("14".to_owned()))] {
        let holding = holding_with(vec![image(1, bytes)]);
        let mut config = without_large_messaging(OTHER, small_messages(holding, 50_000));
        (config.directory.contracts).retain(|contract| contract.interaction != Interaction::Copc);
        assert_eq!(Desk::requested(config).answers(), [answer]);
    }
}

#[test]
fn a_type_that_spine_does_not_carry_needs_large_messaging() {
    let docx = DocumentKind::from_media_type("application/vnd.example.docx");
    let holding = holding_with(vec![document(1, docx, 9_000)]);
    let desk = Desk::requested(without_large_messaging(OTHER, config(holding)));
    assert_eq!(desk.answers(), [Some("14".to_owned())]);
}

#[test]
fn extract_after_nack_sends_a_record_after_06_10_and_19() {
    for code in ["06", "10", "19"] {
        let mut holding = holding();
        match code {
            "06" => holding.plan.held = false,
            "10" => holding.plan.record_bytes = 0,
            _ => holding.plan.current_practice = ods("C82001"),
        }
        let desk = Desk::requested(broken(SendingDefect::ExtractAfterNack, config(holding)));
        assert_eq!(
            desk.kinds(),
            [MessageKind::Acknowledgement, MessageKind::EhrExtract]
        );
        assert_eq!(desk.answers(), [Some(code.to_owned())]);
        assert_eq!(desk.extract().patient, patient());
    }
    let mut off = broken(SendingDefect::ExtractAfterNack, config(holding()));
    off.enabled = false;
    assert_eq!(Desk::requested(off).kinds(), [MessageKind::Acknowledgement]);
}

#[test]
fn a_refused_conversation_stays_refused() {
    let mut config = config(holding());
    config.enabled = false;
    let mut desk = Desk::requested(config);
    desk.continue_in(ONLY, Hl7MessageId::parse(&uuid(1)).unwrap());
    desk.acknowledge(ONLY, Hl7MessageId::parse(&uuid(1)).unwrap(), None);
    assert_eq!(desk.kinds(), [MessageKind::Acknowledgement]);
    assert_eq!(desk.now, START);
}
