//! Messages that the benches encode and decode, what goes over the wire, and Spine between two practices.

pub mod delivering;
pub mod traffic;

use bytes::Bytes;
use gp2gp_model::{
    Asid, ContentId, ConversationId, CpaId, EbxmlMessageId, Hl7MessageId, IdError, Interaction,
    NhsNumber, OdsCode, PartyKey, Time,
};
use gp2gp_wire::attachment::{Description, Wrap, encode};
use gp2gp_wire::ebxml::{AckRequested, Header};
use gp2gp_wire::hl7::{
    Acknowledgement, Continue, EhrExtract, EhrRequest, ExtractVersion, Fragment, Gp2gpFragment,
    Payload, RequestVersion, Wrapper,
};
use gp2gp_wire::message::{Attachment, Inline, Location, Message};
use gp2gp_wire::mime::TransferEncoding;

/// The id of every message.
pub const MESSAGE_ID: &str = "6E242658-3D8E-41E3-A7DC-172BDA00FA67";
/// The conversation of every message.
pub const CONVERSATION: &str = "9F46A1A6-D2B5-48D4-899F-D9557EF64C45";

/// One message of each kind, by name; `record` is the extract's record.
pub fn messages(record: Bytes) -> Result<Vec<(&'static str, Message)>, IdError> {
    let message = |payload| message(payload, Vec::new());
    Ok(vec![
        ("request", message(Payload::EhrRequest(request()?))?),
        ("extract", message(Payload::EhrExtract(extract(record)?))?),
        ("continue", message(Payload::Continue(continue_message()?))?),
        ("fragment", message(Payload::Fragment(fragment()?))?),
        (
            "acknowledgement",
            message(Payload::Acknowledgement(acknowledgement()?))?,
        ),
    ])
}

/// A fragment that carries this document as one line of base64.
pub fn fragment_with(document: &[u8]) -> Result<Message, IdError> {
    let text = encode(document, Wrap::None);
    let description = Description {
        filename: "scan.tif".to_owned(),
        content_type: "image/tiff".to_owned(),
        compressed: false,
        large_attachment: false,
        original_base64: false,
        length: Some(text.len() as u64),
        domain_data: None,
    };
    let attachment = Attachment {
        id: Some(format!("_{MESSAGE_ID}")),
        description: Some(description.to_string()),
        location: Location::Inline(Inline {
            content_id: ContentId::parse("scan@spine.nhs.uk")?,
            content_type: "image/tiff".to_owned(),
            encoding: TransferEncoding::Base64,
            body: text,
        }),
    };
    message(Payload::Fragment(fragment()?), vec![attachment])
}

fn message(payload: Payload, attachments: Vec<Attachment>) -> Result<Message, IdError> {
    Ok(Message {
        header: Header {
            from: PartyKey::parse("A99998-800001")?,
            to: PartyKey::parse("B99999-800002")?,
            cpa_id: CpaId::parse("S3050000A0000001")?,
            conversation_id: ConversationId::parse(CONVERSATION)?,
            service: gp2gp_model::interaction::SERVICE.to_owned(),
            action: payload.interaction().id().to_owned(),
            message_id: EbxmlMessageId::parse(MESSAGE_ID)?,
            timestamp: Time::from_micros(1_767_603_600_000_000),
            time_to_live: None,
            ref_to_message_id: None,
            duplicate_elimination: true,
            ack_requested: Some(AckRequested::next_msh()),
            sync_reply: None,
        },
        payload,
        attachments,
    })
}

fn wrapper(interaction: Interaction) -> Result<Wrapper, IdError> {
    Ok(Wrapper {
        id: Hl7MessageId::parse(MESSAGE_ID)?,
        creation_time: "20260105090000".to_owned(),
        version_code: "V3NPfIT3.1.10".to_owned(),
        root: interaction.id().to_owned(),
        interaction_id: interaction.id().to_owned(),
        recipient: Asid::parse("999900000001")?,
        sender: Asid::parse("999900000002")?,
        author: Some(Asid::parse("999900000002")?),
    })
}

fn request() -> Result<EhrRequest, IdError> {
    Ok(EhrRequest {
        wrapper: wrapper(Interaction::EhrRequestUk05)?,
        version: RequestVersion::Uk05,
        id: "041CA2AE-3EC6-4AC9-942F-0F6621CC0BFC".parse()?,
        patient: patient()?,
        author: OdsCode::parse("A99998")?,
        destination: OdsCode::parse("B99999")?,
    })
}

fn extract(record: Bytes) -> Result<EhrExtract, IdError> {
    Ok(EhrExtract {
        wrapper: wrapper(Interaction::EhrExtractUk06)?,
        version: ExtractVersion::Uk06,
        id: "137CBAA4-8534-4DBC-B191-89CE5D12ED80".parse()?,
        availability_time: "20260105090000".to_owned(),
        patient: patient()?,
        author: OdsCode::parse("B99999")?,
        destination: Some(OdsCode::parse("A99998")?),
        prior_request: Some("041CA2AE-3EC6-4AC9-942F-0F6621CC0BFC".parse()?),
        record,
    })
}

fn continue_message() -> Result<Continue, IdError> {
    Ok(Continue {
        wrapper: wrapper(Interaction::Copc)?,
        information_code: "GP2GP_PI".to_owned(),
        fragment: gp2gp_fragment("Continue Acknowledgement")?,
        ack_type: "AA".to_owned(),
        detail_type: "IF".to_owned(),
        detail_code: "0".to_owned(),
        message_ref: Hl7MessageId::parse(CONVERSATION)?,
        acknowledged_message: Some(Hl7MessageId::parse(CONVERSATION)?),
    })
}

fn fragment() -> Result<Fragment, IdError> {
    Ok(Fragment {
        wrapper: wrapper(Interaction::Copc)?,
        information_code: "GP2GPLMATTACHMENTINFO".to_owned(),
        information_id: Hl7MessageId::parse(MESSAGE_ID)?,
        fragment: gp2gp_fragment("Attachment: scan.tif")?,
        file_reference: Some("file://localhost/scan.tif".to_owned()),
    })
}

fn gp2gp_fragment(subject: &str) -> Result<Gp2gpFragment, IdError> {
    Ok(Gp2gpFragment {
        version: "01".to_owned(),
        recipients: vec![OdsCode::parse("A99998")?],
        from: OdsCode::parse("B99999")?,
        subject: subject.to_owned(),
        message_id: Hl7MessageId::parse(MESSAGE_ID)?,
        in_order: true,
    })
}

fn acknowledgement() -> Result<Acknowledgement, IdError> {
    Ok(Acknowledgement::positive(
        wrapper(Interaction::Acknowledgement)?,
        Hl7MessageId::parse(CONVERSATION)?,
    ))
}

fn patient() -> Result<NhsNumber, IdError> {
    NhsNumber::synthetic(2).ok_or(IdError::Empty { kind: "nhs number" })
}
