//! Transfers without fragments.

use super::*;
use gp2gp_model::http::{Headers, Method};

#[test]
fn a_registration_sends_one_request_to_the_previous_practice() {
    let mut scene = Scene::unregistered(config(), directory());
    let sent = scene.act(register(patient(1)));
    let [received] = sent.as_slice() else {
        panic!("not one request: {sent:?}");
    };
    let Payload::EhrRequest(payload) = received.payload().unwrap() else {
        panic!("{received:?}");
    };
    assert_eq!(payload.patient, patient(1));
    assert_eq!(
        (payload.author, payload.destination),
        (ods(OWN), ods(OTHER))
    );
    assert_eq!(payload.wrapper.recipient, practice(OTHER).asid);
    assert_eq!(received.header.to, practice(OTHER).party_key);
    assert!(received.header.conversation_id.is_upper_uuid());
    assert!(
        scene.act(register(patient(1))).is_empty(),
        "asked again while the transfer is open"
    );
}

#[test]
fn without_exactly_one_address_no_request_is_sent_and_the_failure_is_shown() {
    let mut unknown = directory();
    (unknown.practices).retain(|practice| practice.ods == ods(OWN));
    let mut twice = directory();
    twice.practices.push(other_practice());
    let mut without_contract = directory();
    without_contract.contracts.clear();
    let mut off = config();
    off.enabled = false;
    let mut itself = config();
    itself.identity = identity(OTHER);
    for (config, directory, expected) in [
        (config(), unknown, "sds has 0 entries for B86041"),
        (config(), twice, "24: sds has 2 entries for B86041"),
        (
            config(),
            without_contract,
            "sds: no contract of B86041-800001 for RCMR_IN010000UK05",
        ),
        (off, directory(), "GP2GP is switched off"),
        (itself, directory(), "practice B86041 is this practice"),
    ] {
        let mut scene = Scene::unregistered(config, directory);
        assert!(scene.act(register(patient(1))).is_empty());
        let shown = Observation::Transfer {
            patient: patient(1),
            state: format!("not requested: {expected}"),
            print_state: None,
            left_in_store: 0,
        };
        assert_eq!(scene.system.observe(), [shown]);
    }
}

#[test]
fn a_record_is_stored_whole_and_acknowledged_once_after_the_decision() {
    let mut scene = Scene::new();
    let core = scene.core(CORE, vec![inline(1, "letter.txt", b"Dear colleague")]);
    assert!(
        scene.deliver(&core).is_empty(),
        "a Continue, or an early acknowledgement"
    );
    let patient = scene.patient;
    assert_eq!(scene.notices, [Notice::ReadyToIntegrate { patient }]);
    assert_eq!(scene.decide(Decision::Integrate), ["AA 10"]);
    assert_eq!(scene.decide(Decision::Integrate), [""; 0]);
    assert_eq!(scene.decide(Decision::Reject), [""; 0]);
    assert_eq!(scene.state(), "integrated");
    let payload = core.payload.write(Dialect::NationalMhs);
    let stored = |name: &str, media_type: &str, content: &[u8]| {
        (
            name.to_owned(),
            media_type.to_owned(),
            Sha256::of(content),
            false,
        )
    };
    assert_eq!(
        scene.stored(),
        [
            stored("record.xml", "text/xml", &payload),
            stored("letter.txt", "text/plain", b"Dear colleague"),
        ]
    );
}

#[test]
fn each_decision_has_its_code() {
    let mut returning = config();
    returning.returning.insert(patient(1));
    let new = config();
    for (config, decision, expected, state) in [
        (
            &new,
            Decision::Suppress,
            "15 10",
            "stored as suppressed record",
        ),
        (
            &new,
            Decision::Reject,
            "28 10",
            "failed: extract rejected with code 28",
        ),
        (
            &returning,
            Decision::Reject,
            "17 10",
            "failed: extract rejected with code 17",
        ),
        (
            &new,
            Decision::FailToIntegrate,
            "11 10",
            "failed: extract rejected with code 11",
        ),
    ] {
        let mut scene = Scene::of(config.clone());
        let core = scene.core(CORE, vec![]);
        scene.deliver(&core);
        assert_eq!(scene.decide(decision), [expected]);
        assert!(scene.state().starts_with(state), "{}", scene.state());
    }
}

#[test]
fn a_decision_before_the_record_is_there_changes_nothing() {
    let mut scene = Scene::new();
    assert_eq!(scene.decide(Decision::Integrate), [""; 0]);
    assert_eq!(scene.state(), "requested");
}

#[test]
fn the_same_core_again_gets_the_same_acknowledgment_and_nothing_else() {
    let mut scene = Scene::new();
    let core = scene.core(CORE, vec![]);
    scene.deliver(&core);
    scene.deliver(&core);
    scene.decide(Decision::Integrate);
    assert!(scene.deliver(&core).is_empty());
    assert_eq!(scene.notices.len(), 1);
    let [first, second, third] = scene.answers.as_slice() else {
        panic!("{:?}", scene.answers);
    };
    assert_eq!((first, first), (second, third));
}

#[test]
fn the_request_acknowledgement_may_come_before_or_after_the_core_or_never() {
    for order in [&["ack", "core"][..], &["core", "ack"], &["core"]] {
        let mut scene = Scene::new();
        for message in order {
            let message = match *message {
                "ack" => scene.acknowledgement(&scene.request_message, None, Dialect::Tpp),
                _ => scene.core(CORE, vec![]),
            };
            assert!(scene.deliver(&message).is_empty());
        }
        assert_eq!(scene.decide(Decision::Integrate), ["AA 10"], "{order:?}");
    }
}

#[test]
fn a_refused_request_ends_the_transfer_with_its_code_wherever_it_stands() {
    for dialect in Dialect::ALL {
        let mut scene = Scene::new();
        let nack = scene.acknowledgement(&scene.request_message, Some("06"), dialect);
        assert!(scene.deliver(&nack).is_empty());
        assert_eq!(
            scene.state(),
            "failed: request refused with code 06 Patient not at surgery.",
            "{dialect}"
        );
        let core = scene.core(CORE, vec![]);
        assert_eq!(acks(&scene.deliver(&core)), ["09 10"]);
    }
}

#[test]
fn a_block_by_spine_ends_the_transfer_visibly() {
    let mut scene = Scene::new();
    let block = scene.acknowledgement(&scene.request_message, Some("SEF001"), Dialect::Spine);
    scene.deliver(&block);
    assert_eq!(scene.state(), "failed: request refused with code SEF001");
}

#[test]
fn an_acknowledgement_of_another_message_or_after_the_core_refuses_nothing() {
    let mut scene = Scene::new();
    let stray = Hl7MessageId::parse(&uuid(4_711)).unwrap();
    let stray = scene.acknowledgement(&stray, Some("06"), Dialect::Tpp);
    scene.deliver(&stray);
    assert_eq!(scene.state(), "requested");
    let core = scene.core(CORE, vec![]);
    scene.deliver(&core);
    let mut late = scene.acknowledgement(&scene.request_message, Some("06"), Dialect::Tpp);
    late.header.message_id = message_id(801);
    scene.deliver(&late);
    assert_eq!(scene.state(), "ready to integrate");
}

#[test]
fn an_unrequested_core_is_answered_with_09_and_never_filed() {
    let mut scene = Scene::new();
    let mut core = scene.core(CORE, vec![]);
    core.header.conversation_id = conversation(666);
    assert_eq!(acks(&scene.deliver(&core)), ["09 10"]);
    assert_eq!(scene.state(), "requested");
    assert!(scene.stored().is_empty());
}

#[test]
fn a_malformed_core_is_answered_with_21_by_its_hl7_id_or_else_its_ebxml_id() {
    let scene = Scene::new();
    let mut core = scene.core(CORE, vec![]);
    if let Payload::EhrExtract(extract) = &mut core.payload {
        extract.wrapper.id = Hl7MessageId::parse(&uuid(77)).unwrap();
    }
    let whole = delivery(&core);
    for (from, to, expected) in [
        ("<EhrExtract", "<EhrExtract &broken;", "21 77"),
        ("<id root", "<broken root", "21 10"),
        ("RCMR_IN030000UK06>", "RCMR_IN030000UK99>", "21 77"),
    ] {
        let mut scene = Scene::new();
        let text = String::from_utf8(whole.body.to_vec()).unwrap();
        assert!(text.contains(from), "{from}");
        let request = HttpRequest {
            method: Method::Post,
            headers: Headers::new(),
            body: text.replacen(from, to, 1).into(),
            ..whole.clone()
        };
        assert_eq!(acks(&scene.deliver_raw(request)), [expected], "{to}");
        assert!(scene.state().contains("code 21"), "{}", scene.state());
    }
}

#[test]
fn a_core_that_names_a_part_nobody_carries_is_malformed() {
    let mut scene = Scene::new();
    let mut attachment = inline(1, "a.txt", b"a");
    attachment.location = Location::Dangling(ContentId::parse("nowhere@test").unwrap());
    let core = scene.core(CORE, vec![attachment]);
    assert_eq!(acks(&scene.deliver(&core)), ["21 10"]);
}

#[test]
fn a_second_core_is_answered_with_12_and_the_first_goes_on() {
    let mut scene = Scene::new();
    let first = scene.core(CORE, vec![]);
    let second = scene.core(11, vec![]);
    let third = scene.core(12, vec![]);
    scene.deliver(&first);
    assert_eq!(acks(&scene.deliver(&second)), ["12 11"]);
    assert_eq!(scene.decide(Decision::Integrate), ["AA 10"]);
    assert_eq!(acks(&scene.deliver(&third)), ["12 12"]);
    assert_eq!(scene.state(), "integrated");
}

#[test]
fn a_core_resent_after_a_failure_is_processed() {
    let mut scene = Scene::new();
    let first = scene.core(CORE, vec![]);
    scene.deliver(&first);
    assert_eq!(scene.decide(Decision::FailToIntegrate), ["11 10"]);
    let resent = scene.core(11, vec![]);
    assert!(scene.deliver(&resent).is_empty());
    assert_eq!(scene.decide(Decision::Integrate), ["AA 11"]);
}

#[test]
fn a_core_of_another_patient_never_completes_for_the_requested_one() {
    let mut returning = config();
    returning.returning.insert(patient(1));
    for (config, expected) in [(config(), "28 10"), (returning, "17 10")] {
        let mut scene = Scene::of(config);
        let mut core = scene.core(CORE, vec![inline(1, "a.txt", b"a")]);
        if let Payload::EhrExtract(extract) = &mut core.payload {
            extract.patient = patient(50);
        }
        assert_eq!(acks(&scene.deliver(&core)), [expected]);
        assert_eq!(scene.decide(Decision::Integrate), [""; 0]);
        assert!(scene.notices.is_empty() && scene.stored().is_empty());
    }
}

#[test]
fn a_core_from_another_practice_is_flagged_and_answered_where_it_came_from() {
    let mut scene = Scene::new();
    let mut core = scene.core(CORE, vec![]);
    if let Payload::EhrExtract(extract) = &mut core.payload {
        extract.author = ods("C83001");
        extract.wrapper.sender = practice("C83001").asid;
    }
    scene.deliver(&core);
    assert_eq!(
        scene.state(),
        "ready to integrate; \
         warning: record comes from practice C83001, B86041 was asked; \
         warning: record comes from system 000000083001, 000000086041 was asked"
    );
    let patient = scene.patient;
    let decision = Decision::Integrate;
    let sent = scene.act(Act::Decide { patient, decision });
    assert_eq!(
        sent[0].payload().unwrap().wrapper().recipient,
        practice("C83001").asid
    );
}

#[test]
fn a_conversation_id_in_lower_case_is_the_same_conversation() {
    let mut scene = Scene::new();
    let mut core = scene.core(CORE, vec![]);
    let lower = scene.conversation.as_str().to_ascii_lowercase();
    core.header.conversation_id = ConversationId::parse(&lower).unwrap();
    scene.deliver(&core);
    assert_eq!(scene.state(), "ready to integrate");
}

#[test]
fn a_core_past_its_time_to_live_is_not_processed() {
    let mut scene = Scene::new();
    let mut core = scene.core(CORE, vec![]);
    core.header.time_to_live = Some(START);
    scene.now = START + std::time::Duration::from_secs(1);
    assert!(scene.deliver(&core).is_empty());
    assert_eq!(scene.state(), "requested");
}

#[test]
fn names_and_types_come_from_the_description_else_from_the_extracts_link() {
    let mut scene = Scene::new();
    let links = record(&[
        (1, "file://localhost/plain%20name.txt", "text/plain"),
        (2, "file://localhost/by%20link.pdf", "application/pdf"),
        (3, "file://localhost/short.tif", "image/tiff"),
        (4, "AbsentAttachment1.txt", "text/plain"),
    ]);
    let text = encode(b"x", Wrap::CrLf76);
    let attachments = vec![
        inline(1, "plain%20name.txt", b"x"),
        inline_text(2, Some("Attachment".to_owned()), text.clone()),
        inline_text(300, Some("short.tif".to_owned()), text.clone()),
        inline_text(4, Some(String::new()), text.clone()),
        inline_text(5, None, text),
    ];
    let core = scene.core_with(CORE, links, attachments);
    scene.deliver(&core);
    let stored: Vec<_> = scene
        .stored()
        .into_iter()
        .skip(1)
        .map(|(name, media_type, _, placeholder)| (name, media_type, placeholder))
        .collect();
    let expected = [
        ("plain name.txt", "text/plain", false),
        ("by link.pdf", "application/pdf", false),
        ("short.tif", "image/tiff", false),
        ("AbsentAttachment1.txt", "text/plain", true),
        ("attachment-5", "application/octet-stream", false),
    ];
    let expected = expected.map(|(name, media_type, placeholder)| {
        (name.to_owned(), media_type.to_owned(), placeholder)
    });
    assert_eq!(stored, expected);
}

#[test]
fn documents_of_one_name_or_one_id_are_all_kept() {
    let mut scene = Scene::new();
    let mut second_of_id = inline(3, "Untitled", b"three");
    second_of_id.id = Some(uuid(2));
    let attachments = vec![
        inline(1, "Untitled", b"one"),
        inline(2, "Untitled", b"two"),
        second_of_id,
    ];
    let core = scene.core(CORE, attachments);
    scene.deliver(&core);
    let expected = [&b"one"[..], b"two", b"three"].map(Sha256::of);
    assert_eq!(scene.documents(), expected);
}

#[test]
fn a_request_that_spine_refuses_ends_the_transfer_visibly() {
    let mut scene = Scene::unregistered(config(), directory());
    scene.refused_action = Some(Interaction::EhrRequestUk05);
    scene.act(register(patient(1)));
    scene.patient = patient(1);
    let state = scene.state();
    assert!(
        state.starts_with("failed: request not delivered: spine refused"),
        "{state}"
    );
}

#[test]
fn a_repeated_request_keeps_its_conversation_under_a_new_message_id() {
    let mut scene = Scene::new();
    let patient = scene.patient;
    let sent = scene.act(Act::RepeatRequest { patient });
    let [repeat] = sent.as_slice() else {
        panic!("{sent:?}");
    };
    assert_eq!(repeat.header.conversation_id, scene.conversation);
    let Payload::EhrRequest(payload) = repeat.payload().unwrap() else {
        panic!("{repeat:?}");
    };
    assert_eq!(payload.id, scene.request);
    assert_ne!(payload.wrapper.id, scene.request_message);
}

#[test]
fn a_verb_of_the_sending_system_is_not_supported() {
    let mut scene = Scene::new();
    let patient = scene.patient;
    let act = Act::RepeatExtract { patient };
    assert!(scene.act(act.clone()).is_empty());
    assert_eq!(scene.notices, [Notice::NotSupported(act)]);
}

#[test]
fn the_defect_no_final_ack_integrates_in_silence() {
    let mut scene = Scene::broken(RequestingDefect::NoFinalAck);
    let core = scene.core(CORE, vec![]);
    scene.deliver(&core);
    assert_eq!(scene.decide(Decision::Integrate), [""; 0]);
    assert_eq!(scene.state(), "integrated");
}

#[test]
fn the_defect_ack_before_storing_acknowledges_on_arrival_only() {
    let mut scene = Scene::broken(RequestingDefect::AckBeforeStoring);
    let core = scene.core(CORE, vec![]);
    assert_eq!(acks(&scene.deliver(&core)), ["AA 10"]);
    assert_eq!(scene.decide(Decision::Integrate), [""; 0]);
}
