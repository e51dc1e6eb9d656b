//! A message as checks see it: decoded once, its bodies dropped.

use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use gp2gp_model::trace::{Bodies, BodyRef};
use gp2gp_model::{ContentId, EbxmlMessageId, Hl7MessageId, Interaction, MessageKind, Sha256};
use gp2gp_wire::attachment::DescriptionStyle;
use gp2gp_wire::ebxml;
use gp2gp_wire::hl7::{
    Acknowledgement, Continue, Departure, EhrExtract, EhrRequest, ExtractVersion, Fragment,
    Hl7Error, Payload, RecordFacts, departures,
};
use gp2gp_wire::message::{self, Location};
use gp2gp_wire::mime::TransferEncoding;
use gp2gp_wire::{OpenError, Received};

use super::texts::{self, Narratives};

/// Content type of a body that is a whole recorded file, whatever form it has.
pub const RECORDED_FILE: &str = "application/x-gp2gp-recording";

/// A decoded message without its bodies.
pub struct Seen {
    /// ebXML header.
    pub header: ebxml::Header,
    /// HL7 payload; the record of an extract is dropped.
    pub payload: Result<Payload, Hl7Error>,
    /// The payload's text, digested.
    pub payload_sha256: Sha256,
    /// Bytes of the payload.
    pub payload_bytes: usize,
    /// The payload holds nothing beyond ASCII.
    pub payload_is_ascii: bool,
    /// Facts of an extract's record.
    pub record: Option<RecordFacts>,
    /// Where an extract departs from the form of its version: the first few places.
    pub departures: Vec<Departure>,
    /// Free texts of an extract's record, where the trace knows what they should be.
    pub narratives: Narratives,
    /// Attachments in manifest order.
    pub attachments: Vec<AttachmentSeen>,
    /// Parts that the manifest does not name.
    pub stray_parts: Vec<String>,
    /// Content ids carried by more than one part.
    pub doubled_parts: Vec<ContentId>,
    /// Content ids that the manifest writes percent-encoded.
    pub encoded_cids: Vec<ContentId>,
    /// The source of an attachment was base64 text, as its description says.
    pub has_original_base64: bool,
    /// Envelope, payload, attachments come in this order.
    pub parts_in_order: bool,
    /// Number of MIME parts.
    pub part_count: usize,
    /// It came as MIME; the JSON form has no parts.
    pub has_parts: bool,
}

/// An attachment reference with where its content is.
#[derive(Debug, Clone)]
pub struct AttachmentSeen {
    /// `eb:id` as written.
    pub id: Option<String>,
    /// `eb:Description`.
    pub description: Option<String>,
    /// Where.
    pub place: Place,
}

/// Where an attachment's content is.
#[derive(Debug, Clone)]
pub enum Place {
    /// In this message.
    Inline {
        /// `Content-Id`.
        content_id: ContentId,
        /// `Content-Type` of the part.
        content_type: String,
        /// Its transfer encoding.
        encoding: TransferEncoding,
        /// Length of its text, line ends included.
        text_bytes: u64,
        /// Base64 characters of its text, line ends not counted.
        text_characters: u64,
    },
    /// In a message to follow.
    External(EbxmlMessageId),
    /// Nowhere: no part has this content id.
    Dangling(ContentId),
    /// Nowhere: the reference is neither `cid:` nor `mid:`.
    Other(String),
}

impl Place {
    /// Base64 characters of the text here, line ends not counted; 0 if it is elsewhere.
    pub const fn characters(&self) -> u64 {
        match self {
            Self::Inline {
                text_characters, ..
            } => *text_characters,
            Self::External(_) | Self::Dangling(_) | Self::Other(_) => 0,
        }
    }
}

impl Seen {
    /// Kind of message.
    pub fn kind(&self) -> Option<MessageKind> {
        self.payload.as_ref().ok().map(Payload::kind)
    }

    /// The interaction that the envelope names, whatever the payload is.
    pub fn claimed(&self) -> Option<Interaction> {
        Interaction::from_id(&self.header.action)
    }

    /// The envelope names a request for a record, whatever the payload is.
    pub fn asks_for_record(&self) -> bool {
        self.claimed().and_then(Interaction::kind) == Some(MessageKind::EhrRequest)
    }

    /// The payload is, or may have been, of the interaction that the envelope names.
    pub fn may_be_what_it_claims(&self) -> bool {
        let payload = self.payload.as_ref().ok();
        payload.is_none_or(|payload| self.claimed() == Some(payload.interaction()))
    }

    /// HL7 message id.
    pub fn hl7_id(&self) -> Option<&Hl7MessageId> {
        self.payload
            .as_ref()
            .ok()
            .map(|payload| &payload.wrapper().id)
    }

    /// Whether an HL7 reference names this message, by its HL7 id or its ebXML id (spec 10, Ids).
    pub fn is_named_by(&self, reference: &Hl7MessageId) -> bool {
        self.hl7_id() == Some(reference)
            || Hl7MessageId::from(&self.header.message_id) == *reference
    }

    /// The payload, if it is an EHR request.
    pub fn request(&self) -> Option<&EhrRequest> {
        match &self.payload {
            Ok(Payload::EhrRequest(request)) => Some(request),
            Ok(
                Payload::EhrExtract(_)
                | Payload::Continue(_)
                | Payload::Fragment(_)
                | Payload::Acknowledgement(_),
            )
            | Err(_) => None,
        }
    }

    /// The payload, if it is an extract.
    pub fn extract(&self) -> Option<&EhrExtract> {
        match &self.payload {
            Ok(Payload::EhrExtract(extract)) => Some(extract),
            Ok(
                Payload::EhrRequest(_)
                | Payload::Continue(_)
                | Payload::Fragment(_)
                | Payload::Acknowledgement(_),
            )
            | Err(_) => None,
        }
    }

    /// The payload, if it is a Continue.
    pub fn continue_message(&self) -> Option<&Continue> {
        match &self.payload {
            Ok(Payload::Continue(message)) => Some(message),
            Ok(
                Payload::EhrRequest(_)
                | Payload::EhrExtract(_)
                | Payload::Fragment(_)
                | Payload::Acknowledgement(_),
            )
            | Err(_) => None,
        }
    }

    /// The payload, if it is a fragment.
    pub fn fragment(&self) -> Option<&Fragment> {
        match &self.payload {
            Ok(Payload::Fragment(fragment)) => Some(fragment),
            Ok(
                Payload::EhrRequest(_)
                | Payload::EhrExtract(_)
                | Payload::Continue(_)
                | Payload::Acknowledgement(_),
            )
            | Err(_) => None,
        }
    }

    /// The payload, if it is an application acknowledgement.
    pub fn acknowledgement(&self) -> Option<&Acknowledgement> {
        match &self.payload {
            Ok(Payload::Acknowledgement(ack)) => Some(ack),
            Ok(
                Payload::EhrRequest(_)
                | Payload::EhrExtract(_)
                | Payload::Continue(_)
                | Payload::Fragment(_),
            )
            | Err(_) => None,
        }
    }

    /// Messages promised by `mid:` references.
    pub fn promised(&self) -> impl Iterator<Item = &EbxmlMessageId> {
        self.attachments
            .iter()
            .filter_map(|attachment| match &attachment.place {
                Place::External(message) => Some(message),
                Place::Inline { .. } | Place::Dangling(_) | Place::Other(_) => None,
            })
    }
}

/// Decodes each body once, whatever number of posts carried it. The same bytes under another
/// Content-Type are another message: the boundary is named there.
pub(super) struct Decoder<'b> {
    bodies: &'b dyn Bodies,
    /// Free texts are compared with what the record source held.
    reads_texts: bool,
    seen: BTreeMap<(String, Sha256), Rc<Result<Seen, OpenError>>>,
}

impl<'b> Decoder<'b> {
    pub(super) const fn new(bodies: &'b dyn Bodies, reads_texts: bool) -> Self {
        Self {
            bodies,
            reads_texts,
            seen: BTreeMap::new(),
        }
    }

    /// What a body says under this Content-Type.
    pub(super) fn message(
        &mut self,
        content_type: &str,
        body: &BodyRef,
    ) -> Rc<Result<Seen, OpenError>> {
        let key = (content_type.to_owned(), body.sha256);
        if let Some(seen) = self.seen.get(&key) {
            return Rc::clone(seen);
        }
        let seen = Rc::new(
            open(self.bodies, content_type, body).map(|received| see(received, self.reads_texts)),
        );
        self.seen.insert(key, Rc::clone(&seen));
        seen
    }
}

/// Opens a posted body, or a recorded file.
pub(super) fn open(
    bodies: &dyn Bodies,
    content_type: &str,
    body: &BodyRef,
) -> Result<Received, OpenError> {
    let bytes = bodies.body(&body.sha256).ok_or_else(|| {
        OpenError::Unrecognised(format!("body {} is not beside the trace", body.sha256))
    })?;
    if content_type == RECORDED_FILE {
        gp2gp_wire::recording::read(&bytes).map(|recorded| recorded.received)
    } else {
        message::open(content_type, &bytes)
    }
}

fn see(received: Received, reads_texts: bool) -> Seen {
    let payload = received.payload();
    let is_extract = matches!(payload, Ok(Payload::EhrExtract(_)));
    let version = version_of(&payload, received.interaction());
    let record = is_extract
        .then(|| gp2gp_wire::hl7::scan(&received.payload_xml).ok())
        .flatten();
    let descriptions = (received.attachments.iter()).filter_map(|it| it.description.as_deref());
    let has_original_base64 = descriptions
        .map(DescriptionStyle::read)
        .any(|style| match style {
            DescriptionStyle::Grammar(description) => description.original_base64,
            DescriptionStyle::FilenameOnly(_)
            | DescriptionStyle::Word
            | DescriptionStyle::Empty => false,
        });
    Seen {
        has_original_base64,
        payload: payload.map(without_record),
        payload_sha256: Sha256::of(&received.payload_xml),
        payload_bytes: received.payload_xml.len(),
        payload_is_ascii: received.payload_xml.is_ascii(),
        record,
        departures: departures_of(version, &received.payload_xml),
        narratives: match is_extract && reads_texts {
            true => texts::of_payload(&received.payload_xml),
            false => Narratives::new(),
        },
        attachments: received
            .attachments
            .into_iter()
            .map(see_attachment)
            .collect(),
        stray_parts: received.stray_parts,
        doubled_parts: received.doubled_parts,
        encoded_cids: received.encoded_cids,
        parts_in_order: received.parts_in_order,
        part_count: received.part_count,
        has_parts: received.part_count > 0,
        header: received.header,
    }
}

/// The version of an extract; of one that lacks what is read of it, the version that it claims.
fn version_of(
    payload: &Result<Payload, Hl7Error>,
    claimed: Option<Interaction>,
) -> Option<ExtractVersion> {
    match payload {
        Ok(Payload::EhrExtract(extract)) => Some(extract.version),
        Ok(
            Payload::EhrRequest(_)
            | Payload::Continue(_)
            | Payload::Fragment(_)
            | Payload::Acknowledgement(_),
        ) => None,
        Err(_) => ExtractVersion::ALL
            .into_iter()
            .find(|version| Some(version.interaction()) == claimed),
    }
}

/// What is not well-formed departs from no form: it has none.
pub(super) fn departures_of(version: Option<ExtractVersion>, payload_xml: &[u8]) -> Vec<Departure> {
    const SHOWN: usize = 5;
    version
        .and_then(|version| departures(payload_xml, version, SHOWN).ok())
        .unwrap_or_default()
}

fn without_record(payload: Payload) -> Payload {
    match payload {
        Payload::EhrExtract(extract) => Payload::EhrExtract(EhrExtract {
            record: Bytes::new(),
            ..extract
        }),
        other @ (Payload::EhrRequest(_)
        | Payload::Continue(_)
        | Payload::Fragment(_)
        | Payload::Acknowledgement(_)) => other,
    }
}

/// Base64 characters of a text, line ends not counted.
fn characters(text: &[u8]) -> u64 {
    let blanks = text.iter().filter(|byte| byte.is_ascii_whitespace());
    (text.len() - blanks.count()) as u64
}

fn see_attachment(attachment: message::Attachment) -> AttachmentSeen {
    AttachmentSeen {
        id: attachment.id,
        description: attachment.description,
        place: match attachment.location {
            Location::Inline(inline) => Place::Inline {
                text_bytes: inline.body.len() as u64,
                text_characters: characters(&inline.body),
                content_id: inline.content_id,
                content_type: inline.content_type,
                encoding: inline.encoding,
            },
            Location::External(message) => Place::External(message),
            Location::Dangling(content_id) => Place::Dangling(content_id),
            Location::Other(href) => Place::Other(href),
        },
    }
}
