//! The five HL7 v3 messages: what matters is read from any prefix, white space and dialect.

mod acknowledgement;
mod copc;
mod extract;
mod oid;
mod path;
mod request;
#[cfg(test)]
mod tests;
mod wrapper;
mod writer;
pub(crate) mod xml;

use bytes::Bytes;
use gp2gp_model::{Interaction, MessageKind};
use roxmltree::{Document, Node};

use extract::{Step, Steps};

pub use acknowledgement::{AckDetail, AckReason, AckType, Acknowledgement};
pub use copc::{CONTINUE_SUBJECT, Continue, Fragment, Gp2gpFragment};
pub use extract::{
    Departure, DocumentLink, EhrExtract, ExtractVersion, Narrative, RecordFacts, departures,
    narratives, scan,
};
pub use request::{EhrRequest, RequestVersion};
pub use wrapper::Wrapper;
pub use xml::XmlError;

/// A payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// `RCMR_IN010000UK05` or `UK06`.
    EhrRequest(EhrRequest),
    /// `RCMR_IN030000UK06`, `UK07` or `UK08`.
    EhrExtract(EhrExtract),
    /// `COPC_IN000001UK01` with subject "Continue Acknowledgement".
    Continue(Continue),
    /// `COPC_IN000001UK01` with an attachment.
    Fragment(Fragment),
    /// `MCCI_IN010000UK13`.
    Acknowledgement(Acknowledgement),
}

impl Payload {
    /// What every payload has.
    pub fn wrapper(&self) -> &Wrapper {
        match self {
            Self::EhrRequest(request) => &request.wrapper,
            Self::EhrExtract(extract) => &extract.wrapper,
            Self::Continue(message) => &message.wrapper,
            Self::Fragment(fragment) => &fragment.wrapper,
            Self::Acknowledgement(ack) => &ack.wrapper,
        }
    }

    /// The kind of message.
    pub const fn kind(&self) -> MessageKind {
        match self {
            Self::EhrRequest(_) => MessageKind::EhrRequest,
            Self::EhrExtract(_) => MessageKind::EhrExtract,
            Self::Continue(_) => MessageKind::Continue,
            Self::Fragment(_) => MessageKind::Fragment,
            Self::Acknowledgement(_) => MessageKind::Acknowledgement,
        }
    }

    /// The interaction this payload is written as.
    pub const fn interaction(&self) -> Interaction {
        match self {
            Self::EhrRequest(request) => request.version.interaction(),
            Self::EhrExtract(extract) => extract.version.interaction(),
            Self::Continue(_) | Self::Fragment(_) => Interaction::Copc,
            Self::Acknowledgement(_) => Interaction::Acknowledgement,
        }
    }

    /// Writes the payload in a supplier's dialect.
    pub fn write(&self, dialect: crate::Dialect) -> Bytes {
        match self {
            Self::EhrRequest(request) => request::write(request, dialect),
            Self::EhrExtract(extract) => extract::write(extract, dialect),
            Self::Continue(message) => copc::write_continue(message, dialect),
            Self::Fragment(fragment) => copc::write_fragment(fragment, dialect),
            Self::Acknowledgement(ack) => acknowledgement::write(ack, dialect),
        }
    }
}

/// Why bytes are no HL7 payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Hl7Error {
    /// Not well-formed, or refused before reading.
    #[error("hl7 payload: {0}")]
    Xml(#[from] XmlError),
    /// The root element is no interaction of the service.
    #[error("hl7 payload: root element `{0}` is no GP2GP interaction")]
    UnknownInteraction(String),
    /// A mandatory element or attribute is absent or empty.
    #[error("hl7 payload: `{0}` is missing")]
    Missing(&'static str),
    /// An identifier cannot be read.
    #[error("hl7 payload: `{path}`: {source}")]
    Id {
        /// Where.
        path: &'static str,
        /// Why.
        source: gp2gp_model::IdError,
    },
    /// A coded value is outside its set.
    #[error("hl7 payload: `{path}` is `{found}`")]
    Value {
        /// Where.
        path: &'static str,
        /// What stands there.
        found: String,
    },
}

/// Reads a payload. DTDs and entities are refused; an extract is streamed, not built as a tree.
pub fn parse(xml: &Bytes) -> Result<Payload, Hl7Error> {
    let request = |version| {
        let tree = xml::tree(xml)?;
        request::read(&root(&tree)?, version).map(Payload::EhrRequest)
    };
    let mut steps = Steps::new(xml)?;
    let interaction = interaction(&mut steps)?;
    let extract = |version| extract::read(xml, steps, version).map(Payload::EhrExtract);
    match interaction {
        Interaction::EhrRequestUk05 => request(RequestVersion::Uk05),
        Interaction::EhrRequestUk06 => request(RequestVersion::Uk06),
        Interaction::EhrExtractUk06 => extract(ExtractVersion::Uk06),
        Interaction::EhrExtractUk07 => extract(ExtractVersion::Uk07),
        Interaction::EhrExtractUk08 => extract(ExtractVersion::Uk08),
        Interaction::Copc => {
            let tree = xml::tree(xml)?;
            copc::read(&root(&tree)?)
        }
        Interaction::Acknowledgement => {
            let tree = xml::tree(xml)?;
            acknowledgement::read(&root(&tree)?).map(Payload::Acknowledgement)
        }
    }
}

/// The interaction that the root element names. Reads no further than its start tag.
fn interaction(steps: &mut Steps<'_>) -> Result<Interaction, Hl7Error> {
    match steps.next()? {
        Some(Step::Open(element)) => {
            Interaction::from_id(element.local_name()).ok_or_else(|| unknown(element.local_name()))
        }
        Some(Step::Close(_)) | None => {
            Err(XmlError::NotWellFormed("no root element".into()).into())
        }
    }
}

/// Where the record of an extract stands in its text, see [`xml::screen`]; `None` of any other payload.
pub(crate) fn record_of(xml: &Bytes) -> Option<std::ops::Range<usize>> {
    let mut steps = Steps::new(xml).ok()?;
    match interaction(&mut steps).ok()? {
        Interaction::EhrExtractUk06 | Interaction::EhrExtractUk07 | Interaction::EhrExtractUk08 => {
            extract::locate(steps).ok()
        }
        Interaction::EhrRequestUk05
        | Interaction::EhrRequestUk06
        | Interaction::Copc
        | Interaction::Acknowledgement => None,
    }
}

/// The root element, if it is in the HL7 namespace.
fn root<'a, 'input>(tree: &'a Document<'input>) -> Result<Node<'a, 'input>, Hl7Error> {
    let root = tree.root_element();
    match root.tag_name().namespace() {
        Some(writer::HL7) => Ok(root),
        namespace => Err(unknown(&format!(
            "{{{}}}{}",
            namespace.unwrap_or_default(),
            root.tag_name().name()
        ))),
    }
}

fn unknown(root: &str) -> Hl7Error {
    Hl7Error::UnknownInteraction(root.chars().take(200).collect())
}
