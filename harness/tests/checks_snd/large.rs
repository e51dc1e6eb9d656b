//! Cases of large messaging: fragments, chunks, skeletons, thresholds.

use gp2gp::driver::Sut;
use gp2gp_mocks::SendingDefect;
use gp2gp_model::{
    ContentId, ConversationId, Dialect, EbxmlMessageId, EhrExtractId, Hl7MessageId, OdsCode,
};
use gp2gp_wire::message::{Inline, Location};
use gp2gp_wire::mime::TransferEncoding;

use crate::support::tamper::Taken;
use crate::support::{plan, run, trace_of};
use crate::table::{
    CHUNKED, Case, EXTRACT, STRANGE, copc, describe, edited, extract, fragment, inline,
};

const SKELETON: &str = "transfer/skeleton";
const BOUNDARY: &str = "transfer/boundary";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("SND-32", || trace_of(CHUNKED))
            .broken("and never sent", || {
                run(
                    &plan(CHUNKED),
                    &Sut::broken(SendingDefect::FragmentDropped.into()),
                )
            })
            .broken("2 messages of that id", || {
                trace_of(CHUNKED).also(fragment(2), Dialect::NationalMhs, |message| {
                    message.header.conversation_id = ConversationId::parse(STRANGE).unwrap();
                })
            }),
        Case::new("SND-33", || trace_of(CHUNKED)).broken("fragment 0BADC0DE", || {
            trace_of(CHUNKED).also(fragment(2), Dialect::NationalMhs, rename)
        }),
        Case::new("SND-35", || trace_of(CHUNKED)).broken(
            "characters, does not decode alone",
            || {
                edited(CHUNKED, fragment(2), |message| {
                    let inline = inline(message, 0);
                    inline.body = inline.body.slice(..inline.body.len() - 1);
                })
            },
        ),
        Case::new("SND-36", || trace_of(CHUNKED)).broken("`part one` for chunk 0", || {
            edited(CHUNKED, fragment(1), |message| {
                describe(message, 0, |description| {
                    description.filename = "part one".to_owned();
                });
            })
        }),
        Case::new("SND-37", || trace_of(CHUNKED))
            .broken("message-id 0BADC0DE", || {
                edited(CHUNKED, fragment(1), |message| {
                    copc(message).fragment.message_id = Hl7MessageId::parse(STRANGE).unwrap();
                })
            })
            .broken("From Z99999", || {
                edited(CHUNKED, fragment(1), |message| {
                    copc(message).fragment.from = OdsCode::parse("Z99999").unwrap();
                })
            })
            .broken("Recipient Z99998", || {
                edited(CHUNKED, fragment(1), |message| {
                    copc(message).fragment.recipients = vec![OdsCode::parse("Z99998").unwrap()];
                })
            }),
        Case::new("SND-38", || trace_of(CHUNKED)).broken("subject `other.tif`", || {
            edited(CHUNKED, fragment(1), |message| {
                copc(message).fragment.subject = "Attachment: other.tif".to_owned();
            })
        }),
        Case::new("SND-39", || trace_of(SKELETON))
            .broken("2 skeleton entries", || {
                edited(SKELETON, EXTRACT, |message| {
                    let first = message.attachments[0].description.clone();
                    message.attachments[1].description = first;
                })
            })
            .broken("target `", || {
                edited(SKELETON, EXTRACT, |message| {
                    message.attachments[0].id = Some(format!("_{STRANGE}"));
                })
            }),
        Case::new("SND-40", || trace_of("transfer/skeleton-in-fragments")).broken(
            "with EhrExtract id",
            || {
                edited(SKELETON, EXTRACT, |message| {
                    extract(message).id = EhrExtractId::parse(STRANGE).unwrap();
                })
            },
        ),
        Case::new("SND-41", || trace_of(BOUNDARY))
            .broken("4500004 in fragment", longer_than_allowed)
            .broken("characters in 4 chunks", split_though_smaller),
    ]
}

fn rename(message: &mut gp2gp_wire::Message) {
    message.header.message_id = EbxmlMessageId::parse(STRANGE).unwrap();
}

/// The text of exactly the limit gets four characters more.
fn longer_than_allowed() -> Taken {
    let nth = (1..)
        .find(|nth| {
            let mut length = 0;
            let _ = edited(BOUNDARY, fragment(*nth), |message| {
                if let Some(Location::Inline(inline)) = message
                    .attachments
                    .first()
                    .map(|attachment| &attachment.location)
                {
                    length = inline.body.len();
                }
            });
            length == 4_500_000
        })
        .expect("one text of exactly the limit");
    edited(BOUNDARY, fragment(nth), |message| {
        let inline = inline(message, 0);
        inline.body = [b"AAAA", inline.body.as_ref()].concat().into();
    })
}

/// A text longer than the split document travels whole in the same extract.
fn split_though_smaller() -> Taken {
    edited(CHUNKED, EXTRACT, |message| {
        let mut whole = message.attachments[0].clone();
        whole.location = Location::Inline(Inline {
            content_id: ContentId::parse("whole@example").unwrap(),
            content_type: "image/tiff".to_owned(),
            encoding: TransferEncoding::Base64,
            body: vec![b'A'; 600_000].into(),
        });
        message.attachments.push(whole);
    })
}
