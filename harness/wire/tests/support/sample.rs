//! One message, plain enough to be read in a test.

use bytes::Bytes;
use gp2gp_model::Interaction;
use gp2gp_model::interaction::SERVICE;
use gp2gp_wire::Message;
use gp2gp_wire::ebxml::{AckRequested, Header};
use gp2gp_wire::hl7::{EhrExtract, ExtractVersion, Payload, Wrapper};
use gp2gp_wire::message::{Attachment, Inline, Location};
use gp2gp_wire::mime::TransferEncoding;

/// An extract with a base64 and an identity attachment: something to break in every way.
pub(crate) fn extract() -> Message {
    let id = "31FA3430-6E88-41EA-9384-E83935108FD5";
    let interaction = Interaction::EhrExtractUk06.id().to_owned();
    let asid = "999999999999";
    let inline = |name: &str, encoding, body: &'static str| Attachment {
        id: Some(format!("_{name}")),
        description: Some(format!(
            "Filename=\"{name}\" ContentType=text/plain Compressed=No LargeAttachment=No \
             OriginalBase64=No Length={}",
            body.len()
        )),
        location: Location::Inline(Inline {
            content_id: format!("{name}@test").parse().unwrap(),
            content_type: "text/plain".to_owned(),
            encoding,
            body: Bytes::from_static(body.as_bytes()),
        }),
    };
    Message {
        header: Header {
            from: "A11111-999999".parse().unwrap(),
            to: "B22222-999999".parse().unwrap(),
            cpa_id: "cpa".parse().unwrap(),
            conversation_id: id.parse().unwrap(),
            service: SERVICE.to_owned(),
            action: interaction.clone(),
            message_id: id.parse().unwrap(),
            timestamp: "2026-01-05T09:00:00Z".parse().unwrap(),
            time_to_live: None,
            ref_to_message_id: None,
            duplicate_elimination: true,
            ack_requested: Some(AckRequested::next_msh()),
            sync_reply: None,
        },
        payload: Payload::EhrExtract(EhrExtract {
            wrapper: Wrapper {
                id: id.parse().unwrap(),
                creation_time: "20260105090000".to_owned(),
                version_code: "V3NPfIT3.1.10".to_owned(),
                root: interaction.clone(),
                interaction_id: interaction,
                recipient: asid.parse().unwrap(),
                sender: asid.parse().unwrap(),
                author: None,
            },
            version: ExtractVersion::Uk06,
            id: id.parse().unwrap(),
            availability_time: "20260105090000".to_owned(),
            patient: "9990000018".parse().unwrap(),
            author: "A11111".parse().unwrap(),
            destination: None,
            prior_request: None,
            record: Bytes::from_static(
                b"<component typeCode=\"COMP\"><ehrFolder classCode=\"FOLDER\"/></component>",
            ),
        }),
        attachments: vec![
            inline("coded", TransferEncoding::Base64, "QUJDREU="),
            inline("plain", TransferEncoding::Identity, "ABCDE"),
        ],
    }
}
