//! An attachment of a message that arrived, and its text: in memory, or set aside because
//! something before it is missing.

use bytes::Bytes;
use gp2gp_model::EbxmlMessageId;
use gp2gp_wire::attachment::DescriptionStyle;
use gp2gp_wire::message::{Attachment, Inline, Location};
use gp2gp_wire::mime::TransferEncoding;

use super::assembly::AssemblyFault;
use crate::spool::{Spool, SpoolError, Spooled};

/// An attachment as it arrived.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) id: Option<String>,
    pub(super) description: DescriptionStyle,
    /// `Content-Type` of the MIME part, without parameters; `None` if it is not in this message.
    pub(super) part_type: Option<String>,
    pub(super) place: Result<Place, Nowhere>,
}

/// Where the text of an attachment is.
#[derive(Clone)]
pub(super) enum Place {
    Here(Text),
    Promised(EbxmlMessageId),
}

/// Why the text of an attachment is nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Nowhere {
    Dangling(gp2gp_model::ContentId),
    Unknown(String),
}

/// A stretch of a document's text.
#[derive(Clone)]
pub(super) struct Text {
    encoding: TransferEncoding,
    body: Body,
}

#[derive(Clone)]
enum Body {
    /// Keeps the whole message in memory of which it is a slice.
    Memory(Bytes),
    Aside(Spooled),
}

/// The attachments of a message, in manifest order.
pub(super) fn parts(attachments: Vec<Attachment>) -> Vec<Part> {
    attachments.into_iter().map(Part::of).collect()
}

/// Sets the texts of these parts aside.
pub(super) fn set_aside(parts: &mut [Part], spool: &Spool) -> Result<(), SpoolError> {
    parts.iter_mut().try_for_each(|part| match &mut part.place {
        Ok(Place::Here(text)) => text.set_aside(spool),
        Ok(Place::Promised(_)) | Err(_) => Ok(()),
    })
}

impl Part {
    fn of(attachment: Attachment) -> Self {
        let (part_type, place) = match attachment.location {
            Location::Inline(inline) => (Some(essence(&inline)), Ok(Place::Here(Text::of(inline)))),
            Location::External(mid) => (None, Ok(Place::Promised(mid))),
            Location::Dangling(cid) => (None, Err(Nowhere::Dangling(cid))),
            Location::Other(href) => (None, Err(Nowhere::Unknown(href))),
        };
        let description = attachment.description.as_deref().unwrap_or_default();
        Self {
            id: attachment.id,
            description: DescriptionStyle::read(description),
            part_type,
            place,
        }
    }

    /// The message that is promised here.
    pub(super) fn promised(&self) -> Option<&EbxmlMessageId> {
        match &self.place {
            Ok(Place::Promised(mid)) => Some(mid),
            Ok(Place::Here(_)) | Err(_) => None,
        }
    }
}

fn essence(inline: &Inline) -> String {
    let media_type = inline.content_type.split(';').next().unwrap_or_default();
    media_type.trim().to_owned()
}

impl Text {
    fn of(inline: Inline) -> Self {
        Self {
            encoding: inline.encoding,
            body: Body::Memory(inline.body),
        }
    }

    pub(super) const fn encoding(&self) -> TransferEncoding {
        self.encoding
    }

    pub(super) fn read(&self) -> Result<Bytes, SpoolError> {
        match &self.body {
            Body::Memory(bytes) => Ok(bytes.clone()),
            Body::Aside(spooled) => spooled.read(),
        }
    }

    pub(super) fn set_aside(&mut self, spool: &Spool) -> Result<(), SpoolError> {
        if let Body::Memory(bytes) = &self.body {
            self.body = Body::Aside(spool.keep(bytes)?);
        }
        Ok(())
    }
}

impl From<Nowhere> for AssemblyFault {
    fn from(nowhere: Nowhere) -> Self {
        match nowhere {
            Nowhere::Dangling(cid) => Self::Dangling(cid),
            Nowhere::Unknown(href) => Self::Unknown(href),
        }
    }
}
