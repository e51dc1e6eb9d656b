//! Transfers with fragments.

use std::time::Duration;

use gp2gp_model::http::{Headers, Method};
use gp2gp_wire::attachment::{SKELETON_DOMAIN, compress};

use super::*;

/// A document of numbers, different for each seed.
fn document(seed: u32) -> Vec<u8> {
    let words = (0..500_u32).map(|at| format!("{} ", at.wrapping_mul(2_654_435_761 ^ seed)));
    words.collect::<String>().into_bytes()
}

/// Three chunks of a text, cut at multiples of four characters.
fn chunks(text: &Bytes) -> [Bytes; 3] {
    let cut = text.len() / 12 * 4;
    [
        text.slice(..cut),
        text.slice(cut..2 * cut),
        text.slice(2 * cut..),
    ]
}

fn chunk(number: u32, text: Bytes) -> Vec<Attachment> {
    vec![inline_text(number, Some("Attachment".to_owned()), text)]
}

fn mids(numbers: &[u32]) -> Vec<Attachment> {
    let description = described("chunk.messageattachment", "application/octet-stream");
    let mids = numbers
        .iter()
        .map(|number| promised(*number, *number, &description));
    mids.collect()
}

/// A core with a whole document in COPC 20 and a compressed one in COPC 30 = 31, 32, 33; and these
/// messages, the core first.
fn large_transfer(scene: &Scene) -> (Vec<Message>, [Vec<u8>; 2]) {
    let whole = document(1);
    let split = document(2);
    let compressed = Description {
        compressed: true,
        large_attachment: true,
        ..described("split.txt", "text/plain")
    };
    let core = scene.core(
        CORE,
        vec![
            promised(1, 20, &described("whole.txt", "text/plain")),
            promised(2, 30, &compressed),
        ],
    );
    let [first, second, third] = chunks(&encode(&compress(&split), Wrap::None));
    let messages = vec![
        core,
        scene.fragment(20, chunk(20, encode(&whole, Wrap::Lf76))),
        scene.fragment(30, mids(&[31, 32, 33])),
        scene.fragment(31, chunk(31, first)),
        scene.fragment(32, chunk(32, second)),
        scene.fragment(33, chunk(33, third)),
    ];
    (messages, [whole, split])
}

#[test]
fn a_core_with_promises_gets_exactly_one_continue_that_refers_to_it() {
    let mut scene = Scene::new();
    let (messages, _) = large_transfer(&scene);
    let mut sent = Vec::new();
    for message in &messages {
        sent.extend(scene.deliver(message));
        sent.extend(scene.deliver(message));
    }
    let copc = Interaction::Copc.id();
    let continues: Vec<_> = sent
        .iter()
        .filter(|sent| sent.header.action == copc)
        .collect();
    let [only] = continues.as_slice() else {
        panic!("{} Continues", continues.len());
    };
    let Payload::Continue(message) = only.payload().unwrap() else {
        panic!("{only:?}");
    };
    let core = Hl7MessageId::from(&mid(&messages[0]));
    assert_eq!(message.message_ref, core);
    assert_eq!(message.acknowledged_message, Some(core));
    assert_eq!(
        (message.ack_type.as_str(), message.detail_type.as_str()),
        ("AA", "IF")
    );
    assert_eq!(message.fragment.recipients, [ods(OTHER)]);
    assert_eq!(
        (message.fragment.from, message.fragment.in_order),
        (ods(OWN), true)
    );
    assert_eq!(only.header.conversation_id, scene.conversation);
    assert_eq!(acks(&sent), ["AA 20", "AA 30", "AA 31", "AA 32", "AA 33"]);
}

#[test]
fn fragments_in_any_order_even_before_index_and_core_give_the_same_documents() {
    for order in permutations(6).into_iter().step_by(3) {
        let mut scene = Scene::new();
        let (messages, documents) = large_transfer(&scene);
        let mut sent = Vec::new();
        for at in &order {
            sent.extend(scene.deliver(&messages[*at]));
        }
        let mut acked = acks(&sent);
        acked.sort();
        assert_eq!(
            acked,
            ["AA 20", "AA 30", "AA 31", "AA 32", "AA 33"],
            "{order:?}"
        );
        assert_eq!(scene.notices.len(), 1, "{order:?}");
        let expected = documents.map(|document| Sha256::of(&document));
        assert_eq!(scene.documents(), expected, "{order:?}");
        assert_eq!(scene.decide(Decision::Integrate), ["AA 10"]);
    }
}

#[test]
fn an_index_may_carry_its_first_chunk_or_promise_a_single_one() {
    let mut scene = Scene::new();
    let description = described("a.txt", "text/plain");
    let core = scene.core(
        CORE,
        vec![promised(1, 20, &description), promised(2, 30, &description)],
    );
    let [first, second, third] = chunks(&encode(&document(1), Wrap::None));
    let mut index = chunk(20, first);
    index.extend(mids(&[21, 22]));
    scene.deliver(&core);
    for message in [
        scene.fragment(20, index),
        scene.fragment(30, mids(&[31])),
        scene.fragment(22, chunk(22, third)),
        scene.fragment(31, chunk(31, encode(b"single", Wrap::None))),
        scene.fragment(21, chunk(21, second)),
    ] {
        scene.deliver(&message);
    }
    let expected = [Sha256::of(&document(1)), Sha256::of(b"single")];
    assert_eq!(scene.documents(), expected);
}

#[test]
fn a_chunk_is_held_only_while_a_predecessor_is_missing() {
    let mut scene = Scene::new();
    let (messages, _) = large_transfer(&scene);
    let mut states = Vec::new();
    for at in [0, 5, 2, 4, 3] {
        scene.deliver(&messages[at]);
        states.push(scene.state());
    }
    let expected = [(2, 2, 0), (2, 2, 1), (3, 5, 1), (2, 5, 2), (1, 5, 0)];
    let expected = expected.map(|(missing, promised, held)| {
        format!("waits for {missing} of {promised} promised messages, holds {held} out of order")
    });
    assert_eq!(states, expected);
}

#[test]
fn a_malformed_fragment_is_answered_with_30_and_the_core_with_31() {
    for is_empty in [true, false] {
        let mut scene = Scene::new();
        let (messages, _) = large_transfer(&scene);
        scene.deliver(&messages[0]);
        let broken = if is_empty {
            delivery(&scene.fragment(20, Vec::new()))
        } else {
            let request = delivery(&messages[1]);
            let text = String::from_utf8(request.body.to_vec()).unwrap();
            let body = text.replacen("<PayloadInformation", "<PayloadInformation <", 1);
            assert_ne!(body, text);
            HttpRequest {
                method: Method::Post,
                headers: Headers::new(),
                body: body.into(),
                ..request
            }
        };
        assert_eq!(acks(&scene.deliver_raw(broken)), ["30 20", "31 10"]);
        assert_eq!(
            acks(&scene.deliver(&messages[2])),
            ["30 30"],
            "after the failure"
        );
        assert_eq!(scene.decide(Decision::Integrate), [""; 0]);
        assert!(scene.notices.is_empty());
    }
}

#[test]
fn failed_reassembly_is_answered_with_29_and_31_and_the_completing_fragment_never_with_aa() {
    let mut scene = Scene::new();
    let (mut messages, _) = large_transfer(&scene);
    messages[5] = scene.fragment(
        33,
        chunk(33, encode(b"not the rest of the stream", Wrap::None)),
    );
    for message in &messages[..5] {
        scene.deliver(message);
    }
    assert_eq!(acks(&scene.deliver(&messages[5])), ["29 33", "31 10"]);
    assert!(scene.state().contains("code 31"), "{}", scene.state());
}

#[test]
fn a_fragment_that_the_disk_does_not_take_is_refused() {
    let mut scene = Scene::new();
    let (messages, _) = large_transfer(&scene);
    scene.system.spool = Spool::on_disk_of(0);
    // Before the core: only the fragment is lost.
    assert_eq!(acks(&scene.deliver(&messages[1])), ["30 20"]);
    scene.deliver(&messages[0]);
    assert!(
        scene.state().starts_with("waits for 2"),
        "{}",
        scene.state()
    );
    // In order, nothing need be set aside.
    assert_eq!(acks(&scene.deliver(&messages[2])), ["AA 30"]);
    assert_eq!(acks(&scene.deliver(&messages[3])), ["AA 31"]);
    assert_eq!(acks(&scene.deliver(&messages[5])), ["30 33", "31 10"]);
    assert!(scene.state().contains("code 31"), "{}", scene.state());
}

#[test]
fn the_timeout_grows_with_each_index_then_31_closes_the_core_and_25_a_late_fragment() {
    let mut scene = Scene::new();
    let (messages, _) = large_transfer(&scene);
    scene.now = START + Duration::from_secs(100);
    scene.deliver(&messages[0]);
    let due = |scene: &Scene| scene.system.poll_timeout().unwrap();
    let two = START + PERSIST_EXTRACT + 2 * PERSIST_COPC;
    let five = START + PERSIST_EXTRACT + 5 * PERSIST_COPC;
    assert_eq!(
        (due(&scene).at, due(&scene).why),
        (two, "promised messages overdue")
    );
    scene.deliver(&messages[2]);
    assert_eq!(due(&scene).at, five);
    assert!(scene.wake_at(two).is_empty());
    assert_eq!(acks(&scene.wake_at(five)), ["31 10"]);
    assert_eq!(scene.system.poll_timeout(), None);
    assert_eq!(acks(&scene.deliver(&messages[3])), ["25 31"]);
    assert_eq!(
        scene.state(),
        "failed: promised messages did not come in time"
    );
}

#[test]
fn a_complete_transfer_waits_for_people_alone() {
    let mut scene = Scene::new();
    let (messages, _) = large_transfer(&scene);
    for message in &messages {
        scene.deliver(message);
    }
    let why = scene.system.poll_timeout().map(|deadline| deadline.why);
    assert_eq!(why, Some("people are told what is pending"));
}

#[test]
fn a_continue_that_spine_refuses_rejects_the_core_with_20() {
    let mut scene = Scene::new();
    let (messages, _) = large_transfer(&scene);
    scene.refused_action = Some(Interaction::Copc);
    assert_eq!(acks(&scene.deliver(&messages[0])), ["20 10"]);
}

#[test]
fn a_fragment_of_an_unknown_conversation_is_set_aside_in_silence() {
    let mut scene = Scene::new();
    let mut stray = scene.fragment(20, chunk(20, encode(b"x", Wrap::None)));
    stray.header.conversation_id = conversation(666);
    assert!(scene.deliver(&stray).is_empty());
}

#[test]
fn a_fragment_nobody_promised_is_not_acknowledged_positively_after_completion() {
    let mut scene = Scene::new();
    let core = scene.core(CORE, vec![]);
    scene.deliver(&core);
    scene.decide(Decision::Integrate);
    let stray = scene.fragment(20, chunk(20, encode(b"x", Wrap::None)));
    assert_eq!(acks(&scene.deliver(&stray)), ["30 20"]);
    assert_eq!(scene.state(), "integrated");
}

#[test]
fn conversations_that_share_message_ids_do_not_mix() {
    let mut scene = Scene::new();
    let description = described("a.txt", "text/plain");
    let messages = |scene: &Scene, content: &[u8]| {
        [
            scene.core(CORE, vec![promised(1, 20, &description)]),
            scene.fragment(20, chunk(20, encode(content, Wrap::None))),
        ]
    };
    let first = messages(&scene, b"first");
    scene.register_patient(100);
    let second = messages(&scene, b"second");
    for message in [&first[0], &second[0], &second[1], &first[1]] {
        scene.deliver(message);
    }
    assert_eq!(scene.documents(), [Sha256::of(b"second")]);
    scene.patient = patient(1);
    assert_eq!(scene.documents(), [Sha256::of(b"first")]);
}

#[test]
fn a_skeleton_is_restored_inline_promised_and_in_chunks() {
    for way in ["inline", "promised", "chunks"] {
        let mut scene = Scene::new();
        let links = record(&[(2, "file://localhost/linked.txt", "text/rtf")]);
        let original = scene
            .core_with(CORE, links, vec![])
            .payload
            .write(Dialect::Tpp);
        let text = encode(&compress(&original), Wrap::None);
        let description = Description {
            compressed: true,
            domain_data: Some(SKELETON_DOMAIN.to_owned()),
            ..described("original.xml", "text/xml")
        };
        let entry = match way {
            "inline" => inline_text(1, Some(description.to_string()), text.clone()),
            _ => promised(1, 20, &description),
        };
        let letter = inline_text(2, Some("Attachment".to_owned()), encode(b"x", Wrap::None));
        let core = scene.core(CORE, vec![entry, letter]);
        let [first, second, third] = chunks(&text);
        let fragments = match way {
            "inline" => vec![],
            "promised" => vec![scene.fragment(20, chunk(20, text.clone()))],
            _ => vec![
                scene.fragment(20, mids(&[21, 22, 23])),
                scene.fragment(21, chunk(21, first)),
                scene.fragment(22, chunk(22, second)),
                scene.fragment(23, chunk(23, third)),
            ],
        };
        scene.deliver(&core);
        for fragment in &fragments {
            scene.deliver(fragment);
        }
        let stored = |name: &str, media_type: &str, sha256| {
            (name.to_owned(), media_type.to_owned(), sha256, false)
        };
        assert_eq!(
            scene.stored(),
            [
                stored("record.xml", "text/xml", Sha256::of(&original)),
                stored("linked.txt", "text/rtf", Sha256::of(b"x")),
            ],
            "{way}"
        );
    }
}

#[test]
fn a_skeleton_whose_original_is_another_extract_is_a_failed_reassembly() {
    let mut scene = Scene::new();
    let mut original = scene.core(CORE, vec![]);
    if let Payload::EhrExtract(extract) = &mut original.payload {
        extract.id = EhrExtractId::parse(&uuid(999)).unwrap();
    }
    let original = original.payload.write(Dialect::Tpp);
    let description = Description {
        domain_data: Some(SKELETON_DOMAIN.to_owned()),
        ..described("original.xml", "text/xml")
    };
    let core = scene.core(CORE, vec![promised(1, 20, &description)]);
    scene.deliver(&core);
    let fragment = scene.fragment(20, chunk(20, encode(&original, Wrap::None)));
    assert_eq!(acks(&scene.deliver(&fragment)), ["29 20", "31 10"]);
}

#[test]
fn the_defect_continue_twice_sends_two_continues() {
    let mut scene = Scene::broken(RequestingDefect::ContinueTwice);
    let (messages, _) = large_transfer(&scene);
    let sent = scene.deliver(&messages[0]);
    assert_eq!(actions(&sent), [Interaction::Copc.id(); 2]);
}
