//! What travels where, and that it arrives whole.

use gp2gp_model::plan::{DescriptionChoice, MissingReason};
use gp2gp_model::{DocumentId, MessageKind};
use gp2gp_wire::Dialect;
use gp2gp_wire::attachment::{Placeholder, PlaceholderReason};
use gp2gp_wire::hl7::{self, EhrExtract, Payload};
use gp2gp_wire::limits::SPINE_PARTS;
use gp2gp_wire::message::{Inline, Location};
use proptest::prelude::*;

use super::desk::Situation;
use super::desk::*;
use crate::mhs::fixture::{OWN, conversation, ods};
use crate::synthetic::{DocumentKind, RecordSpec};

const WRITING: [Dialect; 4] = [
    Dialect::NationalMhs,
    Dialect::Tpp,
    Dialect::Emis,
    Dialect::Vision,
];

/// A desk on which everything was sent.
fn sent(config: Situation) -> Desk {
    let mut desk = Desk::requested(config);
    desk.continue_core();
    desk
}

fn inline(desk: &Desk, number: usize) -> &Inline {
    let Location::Inline(inline) = &desk.core().attachments[number].location else {
        panic!("attachment {number} is not inline");
    };
    inline
}

#[test]
fn a_text_at_the_threshold_travels_whole_and_one_byte_more_is_split() {
    // 3 bytes of an incompressible document are 4 of text.
    for (bytes, chunks) in [
        (7_497, 1),
        (7_500, 1),
        (7_501, 2),
        (7_503, 2),
        (15_000, 2),
        (15_001, 3),
    ] {
        let config = Situation {
            attachment_threshold: 10_000,
            message_limit: 20_000,
            ..config(holding_with(vec![image(1, bytes)]))
        };
        let desk = sent(config);
        let promise = description(&desk.core().attachments[0]);
        assert_eq!(promise.large_attachment, chunks > 1, "{bytes}");
        assert_eq!(promise.length, Some(bytes.div_ceil(3) * 4), "{bytes}");
        let index = u64::from(chunks > 1);
        assert_eq!(desk.fragments().len() as u64, chunks + index, "{bytes}");
    }
}

#[test]
fn a_core_is_filled_to_the_last_byte() {
    for dialect in WRITING {
        let documents = vec![image(1, 5_000), document(2, DocumentKind::Text, 9_000)];
        let config = in_dialect(dialect, config(holding_with(documents)));
        let filled = largest(&Desk::requested(config.clone()));
        for (message_limit, promised) in [(filled, 0), (filled - 1, 1)] {
            let config = Situation {
                message_limit,
                ..config.clone()
            };
            assert_eq!(sent(config).fragments().len(), promised, "{dialect}");
        }
    }
}

fn largest(desk: &Desk) -> usize {
    desk.sizes.iter().copied().max().unwrap()
}

#[test]
fn chunks_are_named_after_their_index_and_described_by_their_own_length() {
    let config = Situation {
        attachment_threshold: 10_000,
        ..config(holding_with(vec![image(1, 20_000)]))
    };
    let desk = sent(config);
    let copcs = desk.fragments();
    let index = copcs[0];
    assert_eq!(
        fragment(index).file_name(),
        description(&desk.core().attachments[0]).filename
    );
    assert_eq!(copcs.len(), 1 + index.attachments.len());
    let mut sum = 0;
    for (number, (promise, chunk)) in index.attachments.iter().zip(&copcs[1..]).enumerate() {
        let name = format!("{}_{number}.messageattachment", index.header.message_id);
        assert_eq!(
            promise.location,
            Location::External(chunk.header.message_id.clone())
        );
        let Location::Inline(text) = &chunk.attachments[0].location else {
            panic!("chunk without text");
        };
        for described in [description(promise), description(&chunk.attachments[0])] {
            assert_eq!(described.filename, name);
            assert_eq!(described.length, Some(text.body.len() as u64));
            assert!(!described.large_attachment && !described.compressed);
        }
        assert_eq!(fragment(chunk).file_name(), name);
        assert_eq!(text.body.len() % 4, 0);
        sum += text.body.len() as u64;
    }
    assert_eq!(description(&desk.core().attachments[0]).length, Some(sum));
}

#[test]
fn only_what_gets_smaller_is_compressed() {
    let documents = vec![document(1, DocumentKind::Text, 20_000), image(2, 20_000)];
    let desk = sent(config(holding_with(documents)));
    let compressed: Vec<_> = desk
        .core()
        .attachments
        .iter()
        .map(|each| description(each).compressed)
        .collect();
    assert_eq!(compressed, [true, false]);
}

#[test]
fn a_type_that_spine_does_not_carry_travels_as_octet_stream() {
    let docx = "application/vnd.example.docx";
    let document = document(1, DocumentKind::from_media_type(docx), 3_000);
    let desk = sent(config(holding_with(vec![document])));
    assert_eq!(inline(&desk, 0).content_type, "application/octet-stream");
    assert_eq!(description(&desk.core().attachments[0]).content_type, docx);
}

#[test]
fn suppliers_describe_inline_attachments_in_their_own_way() {
    for (choice, text) in [
        (DescriptionChoice::FilenameOnly, "letter.txt"),
        (DescriptionChoice::Word, "Attachment"),
        (DescriptionChoice::Empty, ""),
    ] {
        let mut document = document(1, DocumentKind::Text, 3_000);
        document.0.description = choice;
        document.1.file_name = "letter.txt".to_owned();
        let content = document.1.to_bytes();
        let desk = Desk::requested(config(holding_with(vec![document.clone()])));
        assert_eq!(
            desk.core().attachments[0].description.as_deref(),
            Some(text)
        );
        let text = gp2gp_wire::attachment::decode(&inline(&desk, 0).body).unwrap();
        assert_eq!(text, content, "nobody could know that it is compressed");

        let promised = sent(small_messages(holding_with(vec![document]), 18_000));
        assert_eq!(
            description(&promised.core().attachments[0]).filename,
            "letter.txt"
        );
    }
}

#[test]
fn one_missing_document_travels_as_a_placeholder() {
    let mut missing = image(1, 3_000);
    missing.0.missing = Some(MissingReason::Deleted);
    let mut desk = sent(config(holding_with(vec![missing.clone(), image(2, 3_000)])));
    let placeholder = &desk.core().attachments[0];
    let name = description(placeholder).filename;
    assert!(Placeholder::is_file_name(&name), "{name}");
    assert_eq!(description(placeholder).content_type, "text/plain");
    assert!(!description(placeholder).large_attachment);
    assert_eq!(inline(&desk, 0).content_type, "text/plain");
    let links = hl7::scan(&desk.core().payload_xml).unwrap().documents;
    assert_eq!(links[0].file_name(), name);
    let text = String::from_utf8(desk.reassembled()[0].1.clone()).unwrap();
    let read = Placeholder::parse(&text).unwrap();
    assert_eq!(read.reason, PlaceholderReason::Deleted);
    assert_eq!(read.sender, ods(OWN));
    assert_eq!(read.conversation, conversation(ONLY));
    assert_eq!(read.description, missing.1.file_name);
    desk.acknowledge_core(None);
    assert_eq!(desk.print_state(), Some(2));
}

#[test]
fn no_core_carries_more_parts_than_spine_takes() {
    let documents: Vec<_> = (0..120).map(|number| image(number, 30)).collect();
    let desk = sent(config(holding_with(documents)));
    assert_eq!(desk.core().part_count, SPINE_PARTS);
    assert_eq!(desk.fragments().len(), 120 - 98);
}

/// A record of 40 KB where a message holds 20 KB.
fn oversized(redactions: bool) -> Situation {
    let mut holding = holding_with(vec![image(1, 6_000), image(2, 60)]);
    holding.plan.redactions = redactions;
    holding.record = RecordSpec {
        target_bytes: 40_000,
        redactions,
        ..holding.record
    };
    Situation {
        attachment_threshold: 9_000,
        message_limit: 20_000,
        ..config(holding)
    }
}

#[test]
fn an_oversized_core_travels_as_an_attachment_of_its_skeleton() {
    for redactions in [false, true] {
        for dialect in WRITING {
            let desk = sent(in_dialect(dialect, oversized(redactions)));
            let entry = &desk.core().attachments[0];
            let described = description(entry);
            assert!(described.is_skeleton() && described.compressed);
            assert_eq!(described.content_type, "text/xml");
            let facts = hl7::scan(&desk.core().payload_xml).unwrap();
            assert_eq!(facts.documents.len(), 1);
            assert_eq!(facts.documents[0].id, document_id(entry));
            assert_eq!(facts.documents[0].file_name(), described.filename);

            let restored = restored(&desk);
            assert_eq!(restored.id, desk.extract().id);
            assert_eq!(restored.version, desk.extract().version);
            assert_eq!(restored.record.len(), 40_000);
            assert_eq!(hl7::scan(&restored.record).unwrap().documents.len(), 2);
        }
    }
}

fn restored(desk: &Desk) -> EhrExtract {
    let whole = desk.reassembled().remove(0).1;
    let Payload::EhrExtract(extract) = hl7::parse(&whole.into()).unwrap() else {
        panic!("the restored message is no extract");
    };
    extract
}

#[test]
fn a_skeleton_that_fits_is_inline_and_one_that_does_not_comes_in_chunks() {
    let roomy = Situation {
        attachment_threshold: 25_000,
        message_limit: 36_000,
        ..oversized(false)
    };
    let desk = sent(roomy);
    assert!(matches!(
        desk.core().attachments[0].location,
        Location::Inline(_)
    ));
    let tight = Situation {
        attachment_threshold: 4_000,
        ..oversized(false)
    };
    let desk = sent(tight);
    assert!(description(&desk.core().attachments[0]).large_attachment);
    assert_eq!(restored(&desk).id, desk.extract().id);
}

#[test]
fn a_core_of_promises_that_no_skeleton_makes_fit_is_refused() {
    let documents: Vec<_> = (0..40).map(|number| image(number, 30_000)).collect();
    let desk = Desk::requested(small_messages(holding_with(documents), 15_000));
    assert_eq!(desk.answers(), [Some("10".to_owned())]);
    assert_eq!(desk.kinds(), [MessageKind::Acknowledgement]);
}

#[test]
fn references_alone_can_make_the_core_a_skeleton() {
    let documents: Vec<_> = (0..30).map(|number| image(number, 20_000)).collect();
    let holding = holding_with(documents);
    let links = holding.documents.len();
    let desk = sent(Situation {
        attachment_threshold: 20_000,
        message_limit: 40_000,
        ..config(holding)
    });
    assert!(description(&desk.core().attachments[0]).is_skeleton());
    assert_eq!(desk.core().attachments.len(), links + 1);
}

#[test]
fn a_file_name_of_any_length_and_kind_leaves_every_message_within_its_limit() {
    let name = format!("{} & \"<é>\"=%20.jpg", "a".repeat(900));
    let mut document = image(1, 30_000);
    document.1.file_name = name.replace('"', "'");
    let limit = 22_000;
    for dialect in WRITING {
        let config = Situation {
            attachment_threshold: limit,
            message_limit: limit,
            ..config(holding_with(vec![document.clone()]))
        };
        let desk = sent(in_dialect(dialect, config));
        assert!(
            desk.sizes.iter().all(|size| *size <= limit),
            "{dialect}: {:?}",
            desk.sizes
        );
        let (file_name, content) = desk.reassembled().remove(0);
        assert_eq!(file_name, document.1.file_name);
        assert_eq!(content, document.1.to_bytes());
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let all = |_| sent(oversized(true)).posted;
    assert_eq!(all(1), all(2));
}

fn documents() -> impl Strategy<Value = Vec<(u32, u64, bool)>> {
    prop::collection::vec((0_u32..1_000, 0_u64..25_000, any::<bool>()), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_is_held_arrives_whole_within_every_limit(
        drawn in documents(),
        dialect in prop::sample::select(WRITING.to_vec()),
        message_limit in 22_000_usize..60_000,
        attachment_threshold in 3_000_usize..60_000,
    ) {
        let documents: Vec<_> = (drawn.iter().zip(0..))
            .map(|((seed, bytes, text), number)| {
                let kind = if *text { DocumentKind::Text } else { DocumentKind::Png };
                document(seed * 100 + number, kind, *bytes)
            })
            .collect();
        let config = Situation {
            attachment_threshold,
            message_limit,
            ..config(holding_with(documents.clone()))
        };
        let desk = sent(in_dialect(dialect, config));
        prop_assert!(desk.sizes.iter().all(|size| *size <= message_limit));
        let mut arrived = desk.reassembled();
        if arrived.len() > documents.len() {
            arrived.remove(0);
        }
        prop_assert_eq!(arrived.len(), documents.len());
        for ((name, content), (_, document)) in arrived.into_iter().zip(&documents) {
            prop_assert_eq!(&name, &document.file_name);
            prop_assert!(content == document.to_bytes(), "{} is not what was held", name);
        }
        let ids: Vec<DocumentId> =
            desk.core().attachments.iter().map(document_id).collect();
        prop_assert!(ids.iter().all(DocumentId::is_upper_uuid));
        prop_assert_eq!(desk.answers(), vec![None]);
    }
}
