//! What a system posts to its message handler: read as strictly as the national handler reads it,
//! and written as a system behind it writes.

use std::collections::BTreeSet;

use bytes::Bytes;
use gp2gp_model::http::Headers;
use gp2gp_model::{Asid, ContentId, ConversationId, EbxmlMessageId, IdError, Interaction, OdsCode};
use serde::Deserialize as _;

use super::{JSON, Outbound, OutboundAttachment, OutboundExternal, text};
use crate::Received;
use crate::ebxml::Header;
use crate::limits::SPINE_PARTS;
use crate::message::{Attachment, Inline, Location};
use crate::mime::TransferEncoding;

/// Most attachments that one request may bring: envelope and payload are parts too. Of promises
/// there may be any number.
pub const MOST_ATTACHMENTS: usize = SPINE_PARTS - 2;
/// Longest payload, and longest text of one attachment, in characters.
pub const LARGEST_TEXT: usize = 5_000_000;

const INTERACTION_ID: &str = "Interaction-Id";
const WAIT_FOR_RESPONSE: &str = "wait-for-response";
const MESSAGE_ID: &str = "Message-Id";
const CORRELATION_ID: &str = "Correlation-Id";
const ODS_CODE: &str = "ods-code";
const FROM_ASID: &str = "from-asid";

/// A request to send a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundRequest {
    /// `Interaction-Id`.
    pub interaction: Interaction,
    /// `Message-Id`; without it the handler makes one.
    pub message_id: Option<EbxmlMessageId>,
    /// `Correlation-Id`; without it the handler begins a conversation.
    pub conversation_id: Option<ConversationId>,
    /// `ods-code`: whom the message is for.
    pub recipient: Option<OdsCode>,
    /// `from-asid`: who sends.
    pub sender: Option<Asid>,
    /// The message.
    pub body: Outbound,
}

/// Why a request is not taken, in the order in which the handler looks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// No `Interaction-Id`.
    #[error(
        "header `{INTERACTION_ID}` is missing: it names the interaction, e.g. `RCMR_IN010000UK05`"
    )]
    NoInteraction,
    /// No `wait-for-response`.
    #[error("header `{WAIT_FOR_RESPONSE}` is missing: gp2gp messages need `false`")]
    NoWaitForResponse,
    /// `wait-for-response` is neither `true` nor `false`.
    #[error("header `{WAIT_FOR_RESPONSE}` is `{0}`: it must be `true` or `false`")]
    OddWaitForResponse(String),
    /// A header holds no id.
    #[error("header `{header}`: {error}")]
    Id {
        /// Which.
        header: &'static str,
        /// What is wrong with its value.
        error: IdError,
    },
    /// No `Content-Type`.
    #[error("header `Content-Type` is missing: it must be `{JSON}`")]
    NoContentType,
    /// Another `Content-Type`, or the right one with parameters.
    #[error("header `Content-Type` is `{0}`: it must be exactly `{JSON}`")]
    ContentType(String),
    /// Nothing in the body.
    #[error("body is empty")]
    NoBody,
    /// The body is not JSON of this form.
    #[error("body: {0}")]
    Body(String),
    /// A text of the body is empty or too long.
    #[error("body: `{field}` has {characters} characters, 1 to {LARGEST_TEXT} are taken")]
    Length {
        /// Where, e.g. `attachments[0].payload`.
        field: String,
        /// How many.
        characters: usize,
    },
    /// More attachments than are taken.
    #[error("body: `attachments` has {found} entries, at most {MOST_ATTACHMENTS} are taken")]
    TooMany {
        /// How many.
        found: usize,
    },
    /// `Interaction-Id` names nothing of the service.
    #[error("header `{INTERACTION_ID}` is `{0}`, which is no interaction of gp2gp")]
    UnknownInteraction(String),
    /// `wait-for-response: true`.
    #[error("header `{WAIT_FOR_RESPONSE}` is `true`, but {0} has no synchronous answer")]
    Waits(Interaction),
}

impl OutboundError {
    /// HTTP status of the refusal.
    pub const fn status(&self) -> u16 {
        match self {
            Self::NoInteraction | Self::UnknownInteraction(_) => 404,
            Self::ContentType(_) => 415,
            Self::NoWaitForResponse
            | Self::OddWaitForResponse(_)
            | Self::Id { .. }
            | Self::NoContentType
            | Self::NoBody
            | Self::Body(_)
            | Self::Length { .. }
            | Self::TooMany { .. }
            | Self::Waits(_) => 400,
        }
    }
}

impl OutboundRequest {
    /// Reads a request.
    pub fn read(content_type: &str, headers: &Headers, body: &[u8]) -> Result<Self, OutboundError> {
        let interaction = headers
            .get(INTERACTION_ID)
            .ok_or(OutboundError::NoInteraction)?;
        let waits = waits_for_response(headers)?;
        let message_id = id(headers, MESSAGE_ID, EbxmlMessageId::parse)?;
        let conversation_id = id(headers, CORRELATION_ID, ConversationId::parse)?;
        let recipient = id(headers, ODS_CODE, OdsCode::parse)?;
        let sender = id(headers, FROM_ASID, Asid::parse)?;
        let body = read_body(content_type, body)?;
        let interaction = Interaction::from_id(interaction)
            .ok_or_else(|| OutboundError::UnknownInteraction(short(interaction)))?;
        if waits {
            return Err(OutboundError::Waits(interaction));
        }
        Ok(Self {
            interaction,
            message_id,
            conversation_id,
            recipient,
            sender,
            body,
        })
    }

    /// The request with which a system behind a handler would send this message; `recipient` is
    /// the practice at whose party key it is addressed. The headers of the envelope that only a
    /// handler writes are lost, and with them what is neither in the message nor promised.
    /// `None` if the service does not have its action.
    pub fn of(
        message: &Received,
        recipient: Option<OdsCode>,
        sender: Option<Asid>,
    ) -> Option<Self> {
        Some(Self {
            interaction: message.interaction()?,
            message_id: Some(message.header.message_id.clone()),
            conversation_id: Some(message.header.conversation_id.clone()),
            recipient,
            sender,
            body: Outbound::new(text(&message.payload_xml), &message.attachments),
        })
    }

    /// Headers beside `Content-Type`, which is [`JSON`].
    pub fn headers(&self) -> Headers {
        let mut headers = Headers::new()
            .with(INTERACTION_ID, self.interaction.id())
            .with(WAIT_FOR_RESPONSE, "false");
        let optional = [
            (
                MESSAGE_ID,
                self.message_id.as_ref().map(EbxmlMessageId::as_str),
            ),
            (
                CORRELATION_ID,
                self.conversation_id.as_ref().map(ConversationId::as_str),
            ),
            (ODS_CODE, self.recipient.as_ref().map(OdsCode::as_str)),
            (FROM_ASID, self.sender.as_ref().map(Asid::as_str)),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                headers.push(name, value);
            }
        }
        headers
    }

    /// The message that a handler sends for this request under this header: the payload as it
    /// came, the attachments first and then the promises. An attachment has its `eb:id` for content
    /// id too, without the underscore (LM24). `new_id` gives a fresh UUID for an `eb:id` that was
    /// not given, or that another attachment has already.
    pub fn message(self, header: Header, mut new_id: impl FnMut() -> String) -> Received {
        let mut attachments: Vec<Attachment> = Vec::new();
        let mut content_ids = BTreeSet::new();
        for attachment in self.body.attachments {
            attachments.extend(inline(attachment, &mut content_ids, &mut new_id));
        }
        let part_count = 2 + attachments.len();
        let promised = (self.body.external_attachments.into_iter())
            .filter_map(|attachment| promised(attachment, &mut new_id));
        attachments.extend(promised);
        Received {
            header,
            payload_xml: self.body.payload.into(),
            attachments,
            stray_parts: Vec::new(),
            doubled_parts: Vec::new(),
            encoded_cids: Vec::new(),
            parts_in_order: true,
            part_count,
        }
    }
}

fn waits_for_response(headers: &Headers) -> Result<bool, OutboundError> {
    let value = headers.get(WAIT_FOR_RESPONSE).unwrap_or_default();
    match value.to_ascii_lowercase().as_str() {
        "" => Err(OutboundError::NoWaitForResponse),
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(OutboundError::OddWaitForResponse(short(value))),
    }
}

/// An id in a header; one that is empty counts as not given.
fn id<T>(
    headers: &Headers,
    header: &'static str,
    parse: impl FnOnce(&str) -> Result<T, IdError>,
) -> Result<Option<T>, OutboundError> {
    (headers.get(header).filter(|value| !value.is_empty()))
        .map(parse)
        .transpose()
        .map_err(|error| OutboundError::Id { header, error })
}

fn read_body(content_type: &str, body: &[u8]) -> Result<Outbound, OutboundError> {
    match content_type {
        "" => return Err(OutboundError::NoContentType),
        JSON => {}
        _ => return Err(OutboundError::ContentType(short(content_type))),
    }
    if body.is_empty() {
        return Err(OutboundError::NoBody);
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let outbound = Outbound::deserialize(&mut json)
        .and_then(|outbound| json.end().map(|()| outbound))
        .map_err(|error| OutboundError::Body(error.to_string()))?;
    check(&outbound)?;
    Ok(outbound)
}

fn check(body: &Outbound) -> Result<(), OutboundError> {
    length("payload".to_owned(), &body.payload)?;
    let found = body.attachments.len();
    if found > MOST_ATTACHMENTS {
        return Err(OutboundError::TooMany { found });
    }
    for (at, attachment) in body.attachments.iter().enumerate() {
        length(format!("attachments[{at}].payload"), &attachment.payload)?;
        length(
            format!("attachments[{at}].description"),
            &attachment.description,
        )?;
    }
    Ok(())
}

fn length(field: String, text: &str) -> Result<(), OutboundError> {
    let characters = text.chars().count();
    match characters {
        1..=LARGEST_TEXT => Ok(()),
        _ => Err(OutboundError::Length { field, characters }),
    }
}

fn inline(
    attachment: OutboundAttachment,
    taken: &mut BTreeSet<ContentId>,
    new_id: &mut impl FnMut() -> String,
) -> Option<Attachment> {
    let id = reference_id(attachment.document_id, new_id);
    let of = |id: &str| ContentId::parse(&format!("{id}@spine.nhs.uk")).ok();
    let content_id = of(id.trim_start_matches('_'))
        .filter(|content_id| !taken.contains(content_id))
        .or_else(|| of(&new_id()))?;
    taken.insert(content_id.clone());
    let encoding = match attachment.is_base64 {
        true => TransferEncoding::Base64,
        false => TransferEncoding::Identity,
    };
    Some(Attachment {
        id: Some(id),
        description: Some(attachment.description),
        location: Location::Inline(Inline {
            content_id,
            content_type: attachment.content_type,
            encoding,
            body: Bytes::from(attachment.payload),
        }),
    })
}

/// `None` for a promise of nothing that could be a message.
fn promised(
    attachment: OutboundExternal,
    new_id: &mut impl FnMut() -> String,
) -> Option<Attachment> {
    Some(Attachment {
        id: Some(reference_id(attachment.document_id, new_id)),
        description: Some(attachment.description),
        location: Location::External(EbxmlMessageId::parse(&attachment.message_id).ok()?),
    })
}

/// `eb:id` is a name of XML, so a UUID gets an underscore (SND-11).
fn reference_id(given: Option<String>, new_id: &mut impl FnMut() -> String) -> String {
    let id = given.filter(|id| !id.is_empty()).unwrap_or_else(new_id);
    match id.starts_with('_') {
        true => id,
        false => format!("_{id}"),
    }
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
