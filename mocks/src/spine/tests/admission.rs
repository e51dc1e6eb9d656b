use gp2gp_model::ContentId;
use gp2gp_wire::ebxml::NEXT_MSH;
use gp2gp_wire::message::{Attachment, Inline, Location};
use gp2gp_wire::mime::TransferEncoding;

use super::super::admission::recipient_in_head;
use super::*;

#[test]
fn a_good_message_is_acknowledged_by_the_next_handler() {
    let mut bench = Bench::new();
    let response = bench.send(&ehr_request(1));
    assert_eq!(response.status, 202);
    assert_eq!(response.content_type.as_deref(), Some("text/xml"));
    let Ok(Envelope::Acknowledgment(ack)) = ebxml::parse(&response.body) else {
        panic!("{response:?}");
    };
    assert_eq!(ack.ref_to_message_id, message_id(1));
    assert_eq!(ack.conversation_id, conversation());
    assert_eq!(ack.to.as_str(), REQUESTING.1);
    assert_eq!(ack.actor, NEXT_MSH);
}

#[test]
fn another_path_is_no_service() {
    let mut bench = Bench::new();
    let mut request = http(&ehr_request(1));
    request.path = "/sync-service".to_owned();
    let response = bench.post(request);
    assert_eq!(response.status, 404);
    assert!(!fault(&response).is_retriable());
    assert!(bench.posts.is_empty());
}

#[test]
fn nothing_but_a_post_is_taken() {
    let mut bench = Bench::new();
    let mut request = http(&ehr_request(1));
    request.method = Method::Put;
    let response = bench.post(request);
    assert_eq!(
        (response.status, response.headers.get("Allow")),
        (405, Some("POST"))
    );
    assert!(bench.posts.is_empty());
}

#[test]
fn five_million_bytes_are_taken_and_one_more_is_not() {
    let mut message = ehr_request(1);
    message.attachments = vec![inline(0, Bytes::new())];
    let overhead = http(&message).body.len();
    let sized = |bytes: usize| {
        let mut message = message.clone();
        message.attachments = vec![inline(0, vec![b'A'; bytes - overhead].into())];
        let request = http(&message);
        assert_eq!(request.body.len(), bytes);
        request
    };

    let mut bench = Bench::new();
    let response = bench.post(sized(5_000_001));
    assert_eq!(response.status, 500);
    let error = fault(&response);
    assert_eq!((error.code.as_str(), error.is_retriable()), ("300", false));
    assert_eq!(error.code_context, "urn:nhs:names:error:tms");
    assert!(error.description.contains("5000001") && error.description.contains("5000000"));
    assert!(bench.posts.is_empty());

    assert_eq!(bench.post(sized(5_000_000)).status, 202);
    assert_eq!(bench.posts.len(), 1);
}

#[test]
fn a_body_that_breaks_off_is_a_mime_problem() {
    let mut request = http(&ehr_request(1));
    request.body.truncate(request.body.len() / 2);
    let response = Bench::new().post(request);
    assert_eq!(error(&response).0, EbxmlErrorCode::MimeProblem);
    assert_eq!(error_list(&response).ref_to_message_id, None);
}

#[test]
fn a_broken_envelope_is_other_xml() {
    let mut request = http(&ehr_request(1));
    let text = String::from_utf8(request.body.to_vec()).unwrap();
    request.body = text.replacen("MessageData>", "MassageData>", 1).into();
    let response = Bench::new().post(request);
    assert_eq!(error(&response).0, EbxmlErrorCode::OtherXml);
}

#[test]
fn unknown_parties_are_not_recognised() {
    for spoil in [
        |header: &mut Header| header.from = "Z99999-000000".parse().unwrap(),
        |header: &mut Header| header.to = "Z99999-000000".parse().unwrap(),
    ] {
        assert_refused(
            spoil,
            EbxmlErrorCode::ValueNotRecognized,
            "501314:Invalid To Party Type attribute",
        );
    }
}

#[test]
fn a_contract_of_another_party_or_interaction_is_unknown() {
    for (ods, interaction) in [
        (REQUESTING.0, Interaction::EhrRequestUk05),
        (SENDING.0, Interaction::Copc),
    ] {
        assert_refused(
            |header| header.cpa_id = cpa_id(ods, interaction),
            EbxmlErrorCode::ValueNotRecognized,
            "501319:Unknown eb:CPAId",
        );
    }
}

#[test]
fn an_interaction_for_which_the_recipient_has_no_contract_is_unknown() {
    let mut bench = Bench::new();
    bench.spine.directory.contracts.clear();
    let response = bench.send(&ehr_request(1));
    assert_eq!(error(&response).1, "501319:Unknown eb:CPAId");
}

#[test]
fn an_unknown_action_or_service_is_not_supported() {
    assert_refused(
        |header| header.action = "RCMR_IN010000UK99".to_owned(),
        EbxmlErrorCode::NotSupported,
        "service `urn:nhs:names:services:gp2gp` with action `RCMR_IN010000UK99` is not supported",
    );
    assert_refused(
        |header| header.service = "urn:nhs:names:services:pds".to_owned(),
        EbxmlErrorCode::NotSupported,
        "service `urn:nhs:names:services:pds` with action `RCMR_IN010000UK05` is not supported",
    );
}

#[test]
fn a_soap_action_that_is_not_service_and_action_is_inconsistent() {
    for soap_action in [
        None,
        Some("urn:nhs:names:services:gp2gp/COPC_IN000001UK01"),
        Some("RCMR_IN010000UK05"),
    ] {
        let mut request = http(&ehr_request(1));
        request.soap_action = soap_action.map(str::to_owned);
        let response = Bench::new().post(request);
        assert_eq!(error(&response).0, EbxmlErrorCode::Inconsistent);
    }
}

#[test]
fn duplicate_elimination_and_an_acknowledgment_by_the_next_handler_are_wanted() {
    for spoil in [
        |header: &mut Header| header.duplicate_elimination = false,
        |header: &mut Header| header.ack_requested = None,
        |header: &mut Header| {
            header.ack_requested = Some(AckRequested {
                actor: TO_PARTY_MSH.to_owned(),
                signed: false,
            });
        },
    ] {
        let mut message = ehr_request(1);
        spoil(&mut message.header);
        let response = Bench::new().send(&message);
        assert_eq!(error(&response).0, EbxmlErrorCode::Inconsistent);
    }
}

#[test]
fn a_continue_need_not_request_an_acknowledgment() {
    let mut message = continue_message(1);
    message.header.ack_requested = None;
    Bench::new().accept(&message);

    message.header.duplicate_elimination = false;
    let response = Bench::new().send(&message);
    assert_eq!(error(&response).0, EbxmlErrorCode::Inconsistent);
}

#[test]
fn a_message_past_its_time_to_live_has_expired() {
    let mut bench = Bench::new();
    let mut message = ehr_request(1);
    message.header.time_to_live = Some(bench.now);
    bench.now += Duration::from_secs(1);
    let (code, description) = error(&bench.send(&message));
    assert_eq!(code, EbxmlErrorCode::TimeToLiveExpired);
    assert_eq!(description, "TimeToLive 2026-01-05T09:00:00Z has passed");
    assert!(bench.posts.is_empty());
}

#[test]
fn a_reference_without_its_part_is_a_mime_problem() {
    let mut message = ehr_request(1);
    let cid = ContentId::parse("nowhere@example").unwrap();
    message.attachments = vec![Attachment {
        id: None,
        description: Some("lost.txt".to_owned()),
        location: Location::Dangling(cid),
    }];
    let (code, description) = error(&Bench::new().send(&message));
    assert_eq!(code, EbxmlErrorCode::MimeProblem);
    assert_eq!(
        description,
        "manifest names cid:nowhere@example, but no part carries it"
    );
}

#[test]
fn a_hundred_parts_are_taken_and_one_more_is_not() {
    let with_attachments = |count| {
        let mut message = ehr_request(1);
        message.attachments = (0..count).map(|n| inline(n, "AAAA".into())).collect();
        Bench::new().send(&message)
    };
    assert_eq!(with_attachments(98).status, 202);
    let (code, description) = error(&with_attachments(99));
    assert_eq!(code, EbxmlErrorCode::MimeProblem);
    assert_eq!(
        description,
        "message has 101 parts, at most 100 are allowed"
    );
}

#[test]
fn an_acknowledgment_is_no_message_to_forward() {
    let mut bench = Bench::new();
    bench.accept(&ehr_request(1));
    let ack = acknowledgment_of(&bench.next_post()).body;
    let mut request = http(&ehr_request(2));
    request.content_type = "multipart/related; boundary=b".to_owned();
    request.body = [b"--b\n\n", &ack[..], b"\n--b--\n"].concat().into();
    let (code, _) = error(&bench.post(request));
    assert_eq!(code, EbxmlErrorCode::NotSupported);
}

#[test]
fn a_refusal_names_the_message_and_its_sender() {
    let mut message = ehr_request(1);
    message.header.duplicate_elimination = false;
    let list = error_list(&Bench::new().send(&message));
    assert_eq!(list.ref_to_message_id, Some(message_id(1)));
    assert_eq!(list.conversation_id, conversation());
    assert_eq!(list.to.as_str(), REQUESTING.1);
}

#[test]
fn a_refused_message_may_come_again_and_be_right() {
    let mut bench = Bench::new();
    let good = ehr_request(1);
    let mut bad = good.clone();
    bad.header.duplicate_elimination = false;
    error_list(&bench.send(&bad));
    bench.accept(&good);
    assert_eq!(bench.posts.len(), 1);
}

#[test]
fn a_payload_that_cannot_be_read_is_for_its_recipient_to_judge() {
    let mut bench = Bench::new();
    let mut request = http(&ehr_request(1));
    let text = String::from_utf8(request.body.to_vec()).unwrap();
    request.body = text.replace("recordTarget", "racordTarget").into();
    assert_eq!(bench.post(request.clone()).status, 202);
    assert_eq!(bench.next_post().request, request);
}

#[test]
fn the_recipient_is_seen_at_a_glance_in_every_dialect() {
    for message in [ehr_request(1), acknowledgement(2), continue_message(3)] {
        for dialect in Dialect::ALL {
            let payload = message.payload.write(dialect);
            let expected = &message.payload.wrapper().recipient;
            assert_eq!(recipient_in_head(&payload).as_ref(), Some(expected));
        }
    }
}

fn assert_refused(spoil: impl Fn(&mut Header), code: EbxmlErrorCode, description: &str) {
    let mut bench = Bench::new();
    let mut message = ehr_request(1);
    spoil(&mut message.header);
    let response = bench.send(&message);
    assert_eq!(error(&response), (code, description.to_owned()));
    assert!(bench.posts.is_empty());
}

fn inline(number: usize, body: Bytes) -> Attachment {
    Attachment {
        id: Some(format!("_{}", uuid(100 + u32::try_from(number).unwrap()))),
        description: Some(format!("{number}.txt")),
        location: Location::Inline(Inline {
            content_id: ContentId::parse(&format!("attachment{number}@example")).unwrap(),
            content_type: "text/plain".to_owned(),
            encoding: TransferEncoding::Base64,
            body,
        }),
    }
}
