//! What a handler makes of a delivery of Spine, and puts on the queue of the system behind it.

use bytes::Bytes;
use gp2gp_model::{ConversationId, EbxmlMessageId};

use super::{Inbound, InboundAttachment};
use crate::ebxml::{Header, Href};
use crate::message::{self, envelope_message, take_payload};
use crate::mime::{self, LineEnd, Part, TransferEncoding};
use crate::{Encoded, OpenError};

/// Content type of both forms.
pub const JSON: &str = "application/json";

/// A message on the queue of a system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueMessage {
    /// Application property `message-id`: the inbound `eb:MessageId`.
    pub message_id: EbxmlMessageId,
    /// Application property `correlation-id`: `eb:ConversationId`.
    pub correlation_id: ConversationId,
    /// An [`Inbound`] in JSON.
    pub body: String,
}

impl QueueMessage {
    /// What a handler queues of a delivery, and its header. A part that the manifest does not
    /// name is dropped, as is a promise without description (spec 10, "As a server").
    pub fn of_delivery(content_type: &str, body: &Bytes) -> Result<(Self, Header), OpenError> {
        if std::str::from_utf8(body).is_err() {
            return Err(OpenError::Json("a delivery must be utf-8".to_owned()));
        }
        let multipart = mime::split(content_type, body)?;
        let root = multipart.parts.get(multipart.root());
        let envelope = root.map(|part| part.body.clone()).unwrap_or_default();
        let received = message::from_parts(multipart)?;
        let inbound = Inbound::new(
            super::text(&envelope),
            super::text(&received.payload_xml),
            &received.attachments,
        );
        let queued = Self {
            message_id: received.header.message_id.clone(),
            correlation_id: received.header.conversation_id.clone(),
            body: inbound.to_json()?,
        };
        Ok((queued, received.header))
    }

    /// The delivery that this message was, as far as the form has kept it: the envelope as it
    /// came, the payload, and the parts that the manifest names.
    pub fn delivery(&self) -> Result<Encoded, OpenError> {
        let inbound: Inbound =
            serde_json::from_str(&self.body).map_err(|error| OpenError::Json(error.to_string()))?;
        inbound.into_delivery()
    }
}

impl Inbound {
    fn to_json(&self) -> Result<String, OpenError> {
        serde_json::to_string(self).map_err(|error| OpenError::Json(error.to_string()))
    }

    fn into_delivery(self) -> Result<Encoded, OpenError> {
        let (header, mut manifest) = envelope_message(self.ebxml.as_bytes())?;
        let payload_id = match take_payload(&mut manifest)?.href {
            Href::Cid(id) => id.to_string(),
            Href::Mid(id) => return Err(OpenError::NoPayload(format!("mid:{id}"))),
            Href::Other(href) => return Err(OpenError::NoPayload(href)),
        };
        let text = |id: &str, content_type: &str, body: String| Part {
            headers: vec![
                ("Content-Id".to_owned(), format!("<{id}>")),
                ("Content-Type".to_owned(), content_type.to_owned()),
                (
                    "Content-Transfer-Encoding".to_owned(),
                    TransferEncoding::Identity.as_str().to_owned(),
                ),
            ],
            body: body.into(),
        };
        let root = text(ROOT, "text/xml; charset=UTF-8", self.ebxml);
        let payload = text(&payload_id, "application/xml; charset=UTF-8", self.payload);
        let attachments = self.attachments.into_iter().map(InboundAttachment::part);
        let parts: Vec<Part> = [root, payload].into_iter().chain(attachments).collect();
        let boundary = message::free_boundary("--=_MIME-Boundary".to_owned(), &parts);
        Ok(Encoded {
            content_type: format!(
                "multipart/related; boundary=\"{boundary}\"; type=\"text/xml\"; start=\"<{ROOT}>\""
            ),
            soap_action: format!("{}/{}", header.service, header.action),
            body: mime::join(&boundary, LineEnd::CrLf, &parts),
        })
    }
}

const ROOT: &str = "ebXMLHeader@spine.nhs.uk";
