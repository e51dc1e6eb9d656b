//! Every manner of sending: what it looks like, and that the record arrives whole all the same.

use gp2gp_model::manner::{
    ChunkEnds, ContentIds, CoreIds, FragmentOrder, IndexStyle, LengthCount, Manner, ReferenceIds,
    SkeletonWay,
};
use gp2gp_model::plan::MissingReason;
use gp2gp_model::{EbxmlMessageId, Hl7MessageId, MessageKind};
use gp2gp_wire::Dialect;
use gp2gp_wire::attachment::{Placeholder, PlaceholderReason, decode};
use gp2gp_wire::hl7::{self, ExtractVersion, Payload};
use gp2gp_wire::message::{Inline, Location, Received};
use proptest::prelude::*;

use super::desk::Situation;
use super::desk::*;
use crate::synthetic::{DocumentKind, DocumentSpec, RecordSpec};

fn in_manner(manner: Manner, config: Situation) -> Situation {
    Situation { manner, ..config }
}

/// One document in four chunks, one in two, one in a COPC of its own, one inline.
fn large() -> Situation {
    let documents = vec![
        image(1, 100_000),
        image(2, 50_000),
        image(3, 28_000),
        image(4, 3_000),
    ];
    Situation {
        attachment_threshold: 40_000,
        message_limit: 50_000,
        ..config(holding_with(documents))
    }
}

/// Everything that the requester gets, and that it is what was held.
fn whole(config: Situation) -> Desk {
    let held: Vec<_> = (config.holdings[0].documents.iter())
        .map(|(_, document)| (document.file_name.clone(), document.to_bytes().to_vec()))
        .collect();
    let limit = config.message_limit;
    let mut desk = Desk::requested(config);
    desk.continue_core();
    assert!(desk.sizes.iter().all(|size| *size <= limit));
    let mut arrived = desk.reassembled();
    if description(&desk.core().attachments[0]).is_skeleton() {
        arrived.remove(0);
    }
    assert!(arrived == held, "what arrived is not what was held");
    assert_eq!(desk.answers(), [None]);
    desk
}

fn promised(message: &Received) -> Vec<&EbxmlMessageId> {
    (message.attachments.iter())
        .filter_map(|attachment| match &attachment.location {
            Location::External(mid) => Some(mid),
            Location::Inline(_) | Location::Dangling(_) | Location::Other(_) => None,
        })
        .collect()
}

fn inline(message: &Received) -> Vec<&Inline> {
    (message.attachments.iter())
        .filter_map(|attachment| match &attachment.location {
            Location::Inline(inline) => Some(inline),
            Location::External(_) | Location::Dangling(_) | Location::Other(_) => None,
        })
        .collect()
}

#[test]
fn an_index_may_hold_the_first_chunk() {
    let manner = Manner {
        index: IndexStyle::FirstInline,
        ..Manner::default()
    };
    let desk = whole(in_manner(manner, large()));
    let copcs = desk.fragments();
    let index = copcs[0];
    assert_eq!((inline(index).len(), promised(index).len()), (1, 3));
    let name = description(&index.attachments[0]).filename;
    assert_eq!(
        name,
        format!("{}_0.messageattachment", index.header.message_id)
    );
    let second = copcs[4];
    assert_eq!((inline(second).len(), promised(second).len()), (1, 1));
}

#[test]
fn an_index_that_is_full_of_promises_holds_no_chunk() {
    let manner = Manner {
        index: IndexStyle::FirstInline,
        ..Manner::default()
    };
    let config = Situation {
        attachment_threshold: 30_000,
        message_limit: 34_000,
        ..config(holding_with(vec![image(1, 300_000)]))
    };
    let desk = whole(in_manner(manner, config));
    assert_eq!(inline(desk.fragments()[0]).len(), 0);
}

#[test]
fn an_index_may_promise_a_single_chunk() {
    let manner = Manner {
        index: IndexStyle::Always,
        ..Manner::default()
    };
    let desk = whole(in_manner(manner, large()));
    let chunks: Vec<_> = (desk.fragments().iter())
        .map(|copc| promised(copc).len())
        .filter(|promised| *promised > 0)
        .collect();
    assert_eq!(chunks, [4, 2, 1]);
    let large: Vec<_> = (desk.core().attachments.iter())
        .map(|attachment| description(attachment).large_attachment)
        .collect();
    assert_eq!(large, [true, true, true, false]);
}

#[test]
fn chunks_may_end_anywhere_or_after_padding() {
    for dialect in [Dialect::NationalMhs, Dialect::Emis] {
        for (cut, alone) in [(ChunkEnds::Uneven, false), (ChunkEnds::Padded, true)] {
            let manner = Manner {
                cut,
                ..Manner::default()
            };
            let desk = whole(in_dialect(dialect, in_manner(manner, large())));
            let first = inline(desk.fragments()[1])[0];
            assert_eq!(decode(&first.body).is_ok(), alone, "{cut:?}");
            assert_eq!(first.body.ends_with(b"="), alone, "{cut:?}");
        }
    }
}

#[test]
fn the_original_of_a_skeleton_travels_in_every_way() {
    for redactions in [false, true] {
        for (skeleton, mids, chunks) in [
            (SkeletonWay::Inline, 0, 0),
            (SkeletonWay::OwnMessage, 1, 0),
            (SkeletonWay::Split, 1, 2),
        ] {
            let mut holding = holding_with(vec![image(1, 3_000)]);
            holding.record = RecordSpec {
                redactions,
                ..holding.record
            };
            let manner = Manner {
                skeleton,
                ..Manner::default()
            };
            let desk = whole(in_manner(manner, config(holding)));
            assert_eq!(promised(desk.core()).len(), mids, "{skeleton:?}");
            let copcs = desk.fragments();
            assert_eq!(copcs.len(), mids + chunks, "{skeleton:?}");
            let original = desk.reassembled().remove(0).1;
            let Ok(Payload::EhrExtract(extract)) = hl7::parse(&original.into()) else {
                panic!("no extract behind the skeleton");
            };
            assert_eq!(extract.id, desk.extract().id);
            assert_eq!(extract.record.len(), 12_000);
            assert_eq!(extract.version == ExtractVersion::Uk07, redactions);
        }
    }
}

/// Message ids of the fragments, and of those that promise others.
fn order_of(order: FragmentOrder) -> (Vec<EbxmlMessageId>, Vec<usize>) {
    let manner = Manner {
        order,
        ..Manner::default()
    };
    let desk = whole(in_manner(manner, large()));
    let copcs = desk.fragments();
    let indexes = (copcs.iter().enumerate())
        .filter(|(_, copc)| !promised(copc).is_empty())
        .map(|(at, _)| at)
        .collect();
    let ids = copcs.iter().map(|copc| copc.header.message_id.clone());
    (ids.collect(), indexes)
}

#[test]
fn fragments_come_in_the_order_that_is_asked_for() {
    let (manifest, indexes) = order_of(FragmentOrder::Manifest);
    assert_eq!((manifest.len(), indexes), (9, vec![0, 5]));
    let (mut reversed, indexes) = order_of(FragmentOrder::Reversed);
    assert_eq!(indexes, [3, 8]);
    reversed.reverse();
    assert_eq!(reversed, manifest);
    assert_eq!(order_of(FragmentOrder::IndexLast).1, [7, 8]);
    let (shuffled, _) = order_of(FragmentOrder::Shuffled);
    assert_ne!(shuffled, manifest);
    assert_eq!(order_of(FragmentOrder::Shuffled).0, shuffled);
}

#[test]
fn length_may_leave_line_ends_out() {
    for (length, line_ends) in [
        (LengthCount::AsSent, true),
        (LengthCount::Characters, false),
    ] {
        let manner = Manner {
            length,
            ..Manner::default()
        };
        let desk = whole(in_dialect(Dialect::Emis, in_manner(manner, large())));
        for message in [desk.core(), desk.fragments()[1]] {
            let part = inline(message)[0];
            let counted = part
                .body
                .iter()
                .filter(|byte| line_ends || !byte.is_ascii_whitespace());
            let described = (message.attachments.iter())
                .find(|attachment| matches!(attachment.location, Location::Inline(_)));
            let described = description(described.unwrap());
            assert_eq!(described.length, Some(counted.count() as u64), "{length:?}");
        }
        let sum: u64 = (desk.fragments()[0].attachments.iter())
            .filter_map(|promise| description(promise).length)
            .sum();
        let whole = description(&desk.core().attachments[0]).length;
        assert_eq!(whole, Some(sum));
    }
}

#[test]
fn a_core_with_two_ids_is_acknowledged_under_either() {
    let manner = Manner {
        core_ids: CoreIds::Split,
        ..Manner::default()
    };
    for by_hl7_id in [true, false] {
        let mut desk = whole(in_manner(manner, large()));
        let (hl7_id, message_id) = desk.core_ids();
        assert_ne!(EbxmlMessageId::from(&hl7_id), message_id);
        let acknowledged = match by_hl7_id {
            true => hl7_id,
            false => Hl7MessageId::from(&message_id),
        };
        desk.acknowledge(ONLY, acknowledged, None);
        assert_eq!(desk.state(), ("integrated".to_owned(), Some(1)));
    }
}

#[test]
fn reference_ids_may_be_bare_and_content_ids_may_need_encoding() {
    let manner = Manner {
        reference_ids: ReferenceIds::Bare,
        content_ids: ContentIds::Encoded,
        ..Manner::default()
    };
    let desk = whole(in_manner(manner, large()));
    let core = desk.core();
    assert!((core.attachments.iter()).all(|each| !each.id.as_deref().unwrap().starts_with('_')));
    assert!(inline(core)[0].content_id.as_str().contains("#1%"));
}

#[test]
fn two_documents_of_one_id_travel_in_two_parts() {
    let (first, mut second) = (image(1, 3_000), image(2, 4_000));
    second.0.same_id = true;
    second.1.id = first.1.id.clone();
    let desk = whole(config(holding_with(vec![first, second])));
    let core = desk.core();
    assert_eq!(core.attachments[0].id, core.attachments[1].id);
    assert_eq!(core.doubled_parts, []);
}

#[test]
fn a_placeholder_of_an_earlier_transfer_is_passed_on_as_it_is() {
    let mut left = image(1, 0);
    left.0.already_missing = Some(MissingReason::Locked);
    left.1 = DocumentSpec::placeholder(7, 1, PlaceholderReason::Locked);
    let mut desk = whole(config(holding_with(vec![left])));
    let described = description(&desk.core().attachments[0]);
    assert!(Placeholder::is_file_name(&described.filename));
    assert_eq!(described.content_type, "text/plain");
    assert!(!described.compressed && !described.large_attachment);
    desk.acknowledge_core(None);
    assert_eq!(desk.print_state(), Some(1), "the practice of origin prints");
}

/// Whether a requester without large messaging gets the record: the triggers of LM06 are exactly
/// what makes it large.
fn fits_one_message(config: Situation) -> bool {
    let desk = Desk::requested(without_large_messaging(crate::mhs::fixture::OTHER, config));
    match desk.answers().as_slice() {
        [None] => true,
        [Some(code)] if code == "14" => {
            assert_eq!(desk.kinds(), [MessageKind::Acknowledgement]);
            false
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_byte_more_than_a_message_holds_is_large() {
    let of = |limit| Situation {
        message_limit: limit,
        ..config(holding_with(vec![image(1, 5_000), image(2, 9_000)]))
    };
    let filled = Desk::requested(of(5_000_000)).sizes[0];
    let fits = [filled + 1, filled, filled - 1].map(|limit| fits_one_message(of(limit)));
    assert_eq!(fits, [true, true, false]);
}

#[test]
fn one_group_more_than_an_attachment_holds_is_large() {
    let of = |bytes| Situation {
        attachment_threshold: 10_000,
        ..config(holding_with(vec![image(1, bytes)]))
    };
    let fits = [7_497, 7_500, 7_501].map(|bytes| fits_one_message(of(bytes)));
    assert_eq!(fits, [true, true, false]);
}

#[test]
fn one_attachment_more_than_a_message_takes_is_large() {
    let of = |count| config(holding_with((0..count).map(|n| image(n, 30)).collect()));
    let fits = [97, 98, 99].map(|count| fits_one_message(of(count)));
    assert_eq!(fits, [true, true, false]);
}

#[test]
fn one_byte_more_of_record_than_a_message_holds_is_large() {
    let of = |target_bytes| {
        let mut holding = holding();
        holding.record.target_bytes = target_bytes;
        Situation {
            message_limit: 60_000,
            ..config(holding)
        }
    };
    let around = Desk::requested(of(40_000)).sizes[0] as u64 - 40_000;
    let record = 60_000 - around;
    let fits = [record - 1, record, record + 1].map(|bytes| fits_one_message(of(bytes)));
    assert_eq!(fits, [true, true, false]);
}

#[test]
fn a_type_that_spine_does_not_carry_is_large() {
    let of = |media_type| {
        let document = document(1, DocumentKind::from_media_type(media_type), 3_000);
        config(holding_with(vec![document]))
    };
    assert!(fits_one_message(of("audio/mpeg")));
    assert!(!fits_one_message(of("audio/x-ms-wma")));
}

fn manners() -> impl Strategy<Value = Manner> {
    use prop::sample::select;
    (
        select(vec![
            IndexStyle::Mids,
            IndexStyle::FirstInline,
            IndexStyle::Always,
        ]),
        select(vec![
            ChunkEnds::Groups,
            ChunkEnds::Uneven,
            ChunkEnds::Padded,
        ]),
        select(vec![
            SkeletonWay::AsNeeded,
            SkeletonWay::Inline,
            SkeletonWay::OwnMessage,
            SkeletonWay::Split,
        ]),
        select(vec![
            FragmentOrder::Manifest,
            FragmentOrder::Reversed,
            FragmentOrder::IndexLast,
            FragmentOrder::Shuffled,
        ]),
        select(vec![LengthCount::AsSent, LengthCount::Characters]),
        select(vec![ContentIds::Plain, ContentIds::Encoded]),
    )
        .prop_map(
            |(index, cut, skeleton, order, length, content_ids)| Manner {
                index,
                cut,
                skeleton,
                order,
                length,
                content_ids,
                ..Manner::default()
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_the_manner_everything_arrives_whole(
        manner in manners(),
        dialect in prop::sample::select(vec![Dialect::NationalMhs, Dialect::Tpp, Dialect::Emis]),
        sizes in prop::collection::vec((0_u64..40_000, any::<bool>()), 1..6),
        message_limit in 24_000_usize..60_000,
        attachment_threshold in 3_000_usize..60_000,
    ) {
        let documents = (sizes.into_iter().zip(0..)).map(|((bytes, text), number)| {
            let kind = if text { DocumentKind::Text } else { DocumentKind::Png };
            document(number, kind, bytes)
        });
        let config = Situation {
            attachment_threshold,
            message_limit,
            ..config(holding_with(documents.collect()))
        };
        whole(in_dialect(dialect, in_manner(manner, config)));
    }
}
