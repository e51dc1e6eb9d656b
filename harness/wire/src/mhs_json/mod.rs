//! The JSON form behind a message handler (spec 10, last section): [`OutboundRequest`] is what a
//! system posts to its handler, [`QueueMessage`] what the handler puts on the system's queue.

mod outbound;
mod queue;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::attachment::DescriptionStyle;
use crate::message::{Attachment, ManifestJoin, encoded_cids, envelope_message, take_payload};
use crate::mime::{Part, TransferEncoding};
use crate::{Dialect, Message, OpenError, Received};

pub use outbound::{LARGEST_TEXT, MOST_ATTACHMENTS, OutboundError, OutboundRequest};
pub use queue::{JSON, QueueMessage};

/// What a message handler puts on its queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inbound {
    /// The envelope.
    #[serde(rename = "ebXML")]
    pub ebxml: String,
    /// The HL7 payload.
    pub payload: String,
    /// Inline attachments.
    #[serde(default)]
    pub attachments: Vec<InboundAttachment>,
    /// Promised attachments. Older handlers leave the key out.
    #[serde(default)]
    pub external_attachments: Vec<InboundExternal>,
}

/// An inline attachment of [`Inbound`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InboundAttachment {
    /// Base64 text or plain text.
    pub payload: String,
    /// Which of the two.
    pub is_base64: bool,
    /// Content id.
    pub content_id: String,
    /// Content type.
    pub content_type: String,
    /// Description, newlines and tabs gone.
    pub description: String,
}

/// A promised attachment of [`Inbound`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InboundExternal {
    /// `eb:id` as written.
    pub document_id: String,
    /// The promised message.
    pub message_id: String,
    /// Description, newlines and tabs gone.
    pub description: String,
    /// File name, with its quotes.
    pub title: String,
}

/// What a system posts to its message handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbound {
    /// The HL7 payload.
    pub payload: String,
    /// Inline attachments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<OutboundAttachment>,
    /// Promised attachments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external_attachments: Vec<OutboundExternal>,
}

/// An inline attachment of [`Outbound`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboundAttachment {
    /// Which of the two `payload` is.
    pub is_base64: bool,
    /// Content type.
    pub content_type: String,
    /// Base64 text or plain text.
    pub payload: String,
    /// Description.
    pub description: String,
    /// `eb:id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_id: Option<String>,
}

/// A promised attachment of [`Outbound`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboundExternal {
    /// The promised message.
    pub message_id: String,
    /// Description.
    pub description: String,
    /// `eb:id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_id: Option<String>,
}

/// Reads what came from a queue. The manifest is the authority: `attachments` give the content
/// of its `cid:` references, `external_attachments` only repeat its `mid:` references.
pub fn open(json: &[u8]) -> Result<Received, OpenError> {
    let inbound: Inbound =
        serde_json::from_slice(json).map_err(|error| OpenError::Json(error.to_string()))?;
    let (header, mut manifest) = envelope_message(inbound.ebxml.as_bytes())?;
    let payload = take_payload(&mut manifest)?;
    let parts: Vec<Part> = inbound
        .attachments
        .into_iter()
        .map(InboundAttachment::part)
        .collect();
    let join = ManifestJoin::new(manifest, &payload, &parts, |_| true);
    Ok(Received {
        encoded_cids: encoded_cids(inbound.ebxml.as_bytes()),
        header,
        payload_xml: inbound.payload.into(),
        attachments: join.attachments,
        stray_parts: join.stray_parts,
        doubled_parts: join.doubled_parts,
        parts_in_order: true,
        part_count: 2 + parts.len(),
    })
}

/// The inbound form of a message, as a handler would queue it. A handler drops a promise that
/// has no description (spec 10, "As a server").
pub fn inbound(message: &Message, dialect: Dialect) -> Inbound {
    Inbound::new(
        message.envelope(dialect),
        text(&message.payload.write(dialect)),
        &message.attachments,
    )
}

impl Inbound {
    fn new(ebxml: String, payload: String, attachments: &[Attachment]) -> Self {
        Self {
            ebxml,
            payload,
            attachments: attachments.iter().filter_map(inbound_attachment).collect(),
            external_attachments: attachments.iter().filter_map(inbound_external).collect(),
        }
    }
}

/// The outbound form of a message, as a system would post it. What is neither in this message
/// nor promised cannot be said in this form and is left out.
pub fn outbound(message: &Message, dialect: Dialect) -> Outbound {
    Outbound::new(text(&message.payload.write(dialect)), &message.attachments)
}

impl Outbound {
    fn new(payload: String, attachments: &[Attachment]) -> Self {
        Self {
            payload,
            attachments: attachments.iter().filter_map(outbound_attachment).collect(),
            external_attachments: attachments.iter().filter_map(outbound_external).collect(),
        }
    }
}

impl InboundAttachment {
    fn part(self) -> Part {
        let encoding = match self.is_base64 {
            true => TransferEncoding::Base64,
            false => TransferEncoding::Identity,
        };
        Part {
            headers: vec![
                ("Content-Id".to_owned(), self.content_id),
                ("Content-Type".to_owned(), self.content_type),
                (
                    "Content-Transfer-Encoding".to_owned(),
                    encoding.as_str().to_owned(),
                ),
            ],
            body: self.payload.into(),
        }
    }
}

fn inbound_attachment(attachment: &Attachment) -> Option<InboundAttachment> {
    let inline = attachment.inline()?;
    Some(InboundAttachment {
        payload: match inline.encoding {
            TransferEncoding::Base64 => one_line(&text(&inline.body)),
            TransferEncoding::Identity => text(&inline.body),
        },
        is_base64: inline.encoding == TransferEncoding::Base64,
        content_id: inline.content_id.to_string(),
        content_type: inline.content_type.clone(),
        description: flat(attachment.description.as_deref().unwrap_or_default()),
    })
}

fn inbound_external(attachment: &Attachment) -> Option<InboundExternal> {
    let message_id = attachment.promised()?;
    let description = attachment.description.as_deref()?;
    let title = match DescriptionStyle::read(description).filename() {
        Some(name) => format!("\"{name}\""),
        None => String::new(),
    };
    Some(InboundExternal {
        document_id: attachment.id.clone().unwrap_or_default(),
        message_id: message_id.to_string(),
        description: flat(description),
        title,
    })
}

fn outbound_attachment(attachment: &Attachment) -> Option<OutboundAttachment> {
    let inline = attachment.inline()?;
    Some(OutboundAttachment {
        is_base64: inline.encoding == TransferEncoding::Base64,
        content_type: inline.content_type.clone(),
        payload: text(&inline.body),
        description: attachment.description.clone().unwrap_or_default(),
        document_id: attachment.id.clone(),
    })
}

fn outbound_external(attachment: &Attachment) -> Option<OutboundExternal> {
    Some(OutboundExternal {
        message_id: attachment.promised()?.to_string(),
        description: attachment.description.clone().unwrap_or_default(),
        document_id: attachment.id.clone(),
    })
}

/// A handler refuses bodies that are not UTF-8; JSON could not carry them either.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Base64 as a handler passes it on: decoded and coded again, so in one line.
fn one_line(base64: &str) -> String {
    (base64.chars())
        .filter(|c| !c.is_ascii_whitespace())
        .collect()
}

/// A description as a handler passes it on: without newlines and tabs.
fn flat(description: &str) -> String {
    description.replace(['\r', '\n', '\t'], "")
}
