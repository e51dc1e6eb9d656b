//! Cases of what every message looks like from outside.

use gp2gp_model::plan::Role;
use gp2gp_model::{ContentId, CpaId, Dialect, EbxmlMessageId, Hl7MessageId, PartyKey};
use gp2gp_wire::ebxml::TO_PARTY_MSH;
use gp2gp_wire::message::Location;

use crate::support::tamper::Taken;
use crate::support::trace_of;
use crate::table::{
    ANSWER, CHUNKED, Case, EXTRACT, INLINE, SMALL, STRANGE, between, edited, extract, fragment,
    inline, text,
};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("SND-01", || trace_of(INLINE)).broken("another order", payload_last),
        Case::new("SND-02", || trace_of(SMALL))
            .broken("urn:nhs:names:services:gp2gp/RCMR_IN030000UK07", || {
                trace_of(SMALL).edit_soap_action(
                    EXTRACT,
                    Some("urn:nhs:names:services:gp2gp/RCMR_IN030000UK07"),
                )
            })
            .broken("no SOAPAction", || {
                trace_of(SMALL).edit_soap_action(ANSWER, None)
            }),
        Case::new("SND-03", || trace_of("transfer/redactions")).broken(
            "interactionId `RCMR_IN030000UK07`",
            || {
                trace_of(SMALL).edit_text(
                    EXTRACT,
                    "extension=\"RCMR_IN030000UK06\"",
                    "extension=\"RCMR_IN030000UK07\"",
                )
            },
        ),
        Case::new("SND-05", || trace_of("outage/spine-10-minutes"))
            .broken("MessageId `0badc0de", || {
                edited(SMALL, EXTRACT, |message| {
                    message.header.message_id =
                        EbxmlMessageId::parse(&STRANGE.to_ascii_lowercase()).unwrap();
                })
            })
            .broken("under the id of EHR extract", shared_id),
        Case::new("SND-06", || trace_of("transfer/small-record-vision"))
            .broken("has none", || {
                edited(SMALL, EXTRACT, |message| {
                    message.header.duplicate_elimination = false;
                })
            })
            .broken("signed=true", || {
                edited(SMALL, EXTRACT, |message| {
                    if let Some(asked) = &mut message.header.ack_requested {
                        asked.signed = true;
                    }
                })
            })
            .broken("no eb:AckRequested", || {
                edited(SMALL, ANSWER, |message| message.header.ack_requested = None)
            })
            .broken("eb:SyncReply with actor", || {
                edited(SMALL, ANSWER, |message| {
                    message.header.sync_reply = Some(TO_PARTY_MSH.to_owned());
                })
            }),
        Case::new("SND-07", || trace_of(CHUNKED))
            .broken("CPAId `S0000000A0000000` on fragment", || {
                edited(CHUNKED, fragment(1), |message| {
                    message.header.cpa_id = CpaId::parse("S0000000A0000000").unwrap();
                })
            })
            .broken("To `Z99999-000000` on EHR extract", || {
                edited(SMALL, EXTRACT, |message| {
                    message.header.to = PartyKey::parse("Z99999-000000").unwrap();
                })
            }),
        Case::new("SND-08", || trace_of("transfer/placeholder"))
            .broken("cid:nowhere@example names no part", || {
                edited(INLINE, EXTRACT, |message| {
                    message.attachments[0].location =
                        Location::Dangling(ContentId::parse("nowhere@example").unwrap());
                })
            })
            .broken("is not referenced", unreferenced_part),
        Case::new("SND-09", || {
            trace_of("transfer/more-than-a-hundred-documents")
        })
        .broken("bytes in EHR extract", || {
            edited(INLINE, EXTRACT, |message| {
                inline(message, 0).body = vec![b'A'; 5_000_000].into();
            })
        })
        .broken("101 parts", || {
            edited(INLINE, EXTRACT, |message| {
                let first = message.attachments[0].clone();
                message.attachments = (0..99)
                    .map(|n| {
                        let mut copy = first.clone();
                        if let Location::Inline(inline) = &mut copy.location {
                            inline.content_id =
                                ContentId::parse(&format!("part{n}@example")).unwrap();
                            inline.body = "AAAA".into();
                        }
                        copy
                    })
                    .collect();
            })
        }),
        Case::new("SND-11", || trace_of(INLINE)).broken("eb:id `1C135B3C`", || {
            edited(INLINE, EXTRACT, |message| {
                message.attachments[0].id = Some("1C135B3C".to_owned());
            })
        }),
        Case::new("SND-12", || trace_of(SMALL)).broken("HL7 id 0BADC0DE", || {
            edited(SMALL, EXTRACT, |message| {
                extract(message).wrapper.id = Hl7MessageId::parse(STRANGE).unwrap();
            })
        }),
        Case::new("SND-25", || trace_of(INLINE))
            .broken("hl7 payload", || {
                trace_of(SMALL).edit_text(EXTRACT, "</ehrFolder>", "</ehrFolder & more>")
            })
            .broken("ebXML envelope", || {
                trace_of(SMALL).edit_text(EXTRACT, "</eb:MessageId>", "</eb:MessageId & more>")
            }),
    ]
}

/// The payload stands behind the first attachment.
fn payload_last() -> Taken {
    let taken = trace_of(INLINE);
    let whole = text(&taken, EXTRACT);
    let parts: Vec<&str> = whole.split("----=_MIME-Boundary").collect();
    let mut moved = parts.clone();
    moved.swap(2, 3);
    taken.edit_text(EXTRACT, &whole, &moved.join("----=_MIME-Boundary"))
}

/// The manifest loses its last reference.
fn unreferenced_part() -> Taken {
    let taken = trace_of(INLINE);
    let whole = text(&taken, EXTRACT);
    let manifest = between(&whole, "<eb:Manifest", "</eb:Manifest>");
    let last = &manifest[manifest.rfind("<eb:Reference").unwrap()..];
    let last = between(last, "<eb:Reference", "</eb:Reference>");
    taken.edit_text(EXTRACT, last, "")
}

/// The answer is posted under the id of the extract.
fn shared_id() -> Taken {
    let taken = trace_of(SMALL);
    let view = taken.view();
    let id = view
        .sent_by(Role::Sending)
        .next()
        .and_then(|post| post.message_id())
        .cloned()
        .unwrap();
    taken.edit(ANSWER, Dialect::NationalMhs, |message| {
        message.header.message_id = id;
    })
}
