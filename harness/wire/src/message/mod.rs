//! A whole message: envelope, payload and attachments as one value, to bytes and back.

mod read;
mod write;

use bytes::Bytes;
use gp2gp_model::{ContentId, EbxmlMessageId, Interaction};

pub(crate) use read::{ManifestJoin, encoded_cids, envelope_message, take_payload};
pub use read::{from_parts, open};
pub(crate) use write::free_boundary;

use crate::ebxml::{EnvelopeError, Header};
use crate::hl7::{Hl7Error, Payload};
use crate::mime::{MimeError, TransferEncoding};

/// A message to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Everything in `SOAP:Header`.
    pub header: Header,
    /// The HL7 payload.
    pub payload: Payload,
    /// Attachments in manifest order.
    pub attachments: Vec<Attachment>,
}

/// An attachment: its manifest reference together with where its content is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// `eb:id` as written.
    pub id: Option<String>,
    /// Text of `eb:Description`; `None` if the element is absent.
    pub description: Option<String>,
    /// Where the content is.
    pub location: Location,
}

/// Where the content of an attachment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In a part of this message.
    Inline(Inline),
    /// In a COPC that will follow the Continue.
    External(EbxmlMessageId),
    /// Nowhere: a `cid:` that no part carries. Read, never written by a healthy system.
    Dangling(ContentId),
    /// Nowhere: a reference that is neither `cid:` nor `mid:`, as written.
    Other(String),
}

/// The part of an inline attachment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inline {
    /// `Content-Id`.
    pub content_id: ContentId,
    /// `Content-Type` as written.
    pub content_type: String,
    /// `Content-Transfer-Encoding`.
    pub encoding: TransferEncoding,
    /// The text as it stands in the message (base64 text, not the document).
    pub body: Bytes,
}

/// A message as an HTTP client sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// `Content-Type`, with boundary.
    pub content_type: String,
    /// `SOAPAction`, unquoted.
    pub soap_action: String,
    /// The multipart body.
    pub body: Bytes,
}

/// A message as it was read: nothing is lost that a judge may want to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Everything in `SOAP:Header`.
    pub header: Header,
    /// The HL7 payload, not yet read: see [`Received::payload`].
    pub payload_xml: Bytes,
    /// Attachments in manifest order.
    pub attachments: Vec<Attachment>,
    /// Content ids (or `#n`, from 1) of parts that the manifest does not name.
    pub stray_parts: Vec<String>,
    /// Content ids that more than one part carries.
    pub doubled_parts: Vec<ContentId>,
    /// Content ids that the manifest writes percent-encoded (AR07, AR16).
    pub encoded_cids: Vec<ContentId>,
    /// Whether the parts come in the order envelope, payload, attachments.
    pub parts_in_order: bool,
    /// Number of MIME parts.
    pub part_count: usize,
}

/// Why bytes are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The MIME structure.
    #[error(transparent)]
    Mime(#[from] MimeError),
    /// The envelope.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The envelope is an acknowledgment, an error list or a fault.
    #[error("envelope holds {0}, not a message")]
    NotAMessage(&'static str),
    /// The manifest has no reference.
    #[error("manifest is empty: it names no payload")]
    EmptyManifest,
    /// More references than are read.
    #[error("manifest has {found} references, at most {limit} are read")]
    TooManyReferences {
        /// References found.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The payload's reference, shown as written, names no part.
    #[error("manifest names the payload {0}, but no part carries it")]
    NoPayload(String),
    /// The JSON form is broken.
    #[error("json form: {0}")]
    Json(String),
    /// Nothing in the file looks like a message.
    #[error("{0}")]
    Unrecognised(String),
}

impl Received {
    /// The interaction that `eb:Action` names, if the service has it.
    pub fn interaction(&self) -> Option<Interaction> {
        Interaction::from_id(&self.header.action)
    }

    /// Reads the HL7 payload.
    pub fn payload(&self) -> Result<Payload, Hl7Error> {
        crate::hl7::parse(&self.payload_xml)
    }

    /// The message that a writer would have to be given to produce this.
    pub fn into_message(self) -> Result<Message, Hl7Error> {
        Ok(Message {
            payload: self.payload()?,
            header: self.header,
            attachments: self.attachments,
        })
    }
}
