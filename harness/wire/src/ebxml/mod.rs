//! The ebXML SOAP envelope: message header with manifest, acknowledgment, error list, SOAP fault.

mod plain;
mod read;
mod write;

use gp2gp_model::{ContentId, ConversationId, CpaId, EbxmlMessageId, PartyKey, Time};

pub use read::parse;
pub use write::{acknowledgment, error_list, fault, message};

/// Actor of `AckRequested` between an MHS and Spine.
pub const NEXT_MSH: &str = "urn:oasis:names:tc:ebxml-msg:actor:nextMSH";
/// Actor of an MHS's own acknowledgment, and of Spine-made negative acks.
pub const TO_PARTY_MSH: &str = "urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH";
/// `eb:Service` of acknowledgments and errors.
pub const EBXML_SERVICE: &str = "urn:oasis:names:tc:ebxml-msg:service";

/// What an envelope holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Envelope {
    /// A message with a manifest.
    Message(Header, Vec<Reference>),
    /// An ebXML acknowledgment: "the next handler has it", nothing more.
    Acknowledgment(Acknowledgment),
    /// An ebXML `MessageError` with its error list.
    ErrorList(ErrorList),
    /// A SOAP fault.
    Fault(Fault),
}

/// `eb:MessageHeader` and its siblings in `SOAP:Header`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// `eb:From/eb:PartyId`.
    pub from: PartyKey,
    /// `eb:To/eb:PartyId`.
    pub to: PartyKey,
    /// `eb:CPAId`.
    pub cpa_id: CpaId,
    /// `eb:ConversationId`.
    pub conversation_id: ConversationId,
    /// `eb:Service`.
    pub service: String,
    /// `eb:Action`: an interaction id, or what the sender wrote instead.
    pub action: String,
    /// `eb:MessageId`.
    pub message_id: EbxmlMessageId,
    /// `eb:Timestamp`.
    pub timestamp: Time,
    /// `eb:TimeToLive`.
    pub time_to_live: Option<Time>,
    /// `eb:RefToMessageId`.
    pub ref_to_message_id: Option<EbxmlMessageId>,
    /// `eb:DuplicateElimination` is there, empty or `always`.
    pub duplicate_elimination: bool,
    /// `eb:AckRequested`.
    pub ack_requested: Option<AckRequested>,
    /// Actor of `eb:SyncReply`, where there is one.
    pub sync_reply: Option<String>,
}

/// `eb:AckRequested`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckRequested {
    /// `SOAP:actor`.
    pub actor: String,
    /// `eb:signed`.
    pub signed: bool,
}

impl AckRequested {
    /// What every GP2GP message asks for (SND-06).
    pub fn next_msh() -> Self {
        Self {
            actor: NEXT_MSH.to_owned(),
            signed: false,
        }
    }
}

/// `eb:Reference` of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// `eb:id` as written, with its `_`.
    pub id: Option<String>,
    /// `xlink:href`.
    pub href: Href,
    /// Text of `eb:Description`, unescaped, outer white space trimmed; `None` if absent, `Some("")` if empty.
    pub description: Option<String>,
    /// `hl7ebxml:Payload` is there: this reference is the HL7 payload.
    pub is_payload: bool,
}

/// Target of a manifest reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Href {
    /// `cid:`: a part of this message; percent-decoded (AR07, AR16).
    Cid(ContentId),
    /// `mid:`: the message with this id, to follow.
    Mid(EbxmlMessageId),
    /// Anything else, as written.
    Other(String),
}

/// An ebXML acknowledgment, as Spine and message handlers answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgment {
    /// Who acknowledges.
    pub from: PartyKey,
    /// Who sent the message.
    pub to: PartyKey,
    /// Contract, as in the message.
    pub cpa_id: CpaId,
    /// Conversation, as in the message.
    pub conversation_id: ConversationId,
    /// Id of this acknowledgment.
    pub message_id: EbxmlMessageId,
    /// `MessageData/RefToMessageId` and `Acknowledgment/RefToMessageId`.
    pub ref_to_message_id: EbxmlMessageId,
    /// When.
    pub timestamp: Time,
    /// `SOAP:actor` of `eb:Acknowledgment`.
    pub actor: String,
}

/// An ebXML `MessageError`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorList {
    /// Who reports.
    pub from: PartyKey,
    /// Who sent the message.
    pub to: PartyKey,
    /// Contract, as in the message.
    pub cpa_id: CpaId,
    /// Conversation, as in the message.
    pub conversation_id: ConversationId,
    /// Id of this error message.
    pub message_id: EbxmlMessageId,
    /// The message complained of.
    pub ref_to_message_id: Option<EbxmlMessageId>,
    /// When.
    pub timestamp: Time,
    /// At least one.
    pub errors: Vec<EbxmlError>,
}

/// `eb:Error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EbxmlError {
    /// `errorCode`.
    pub code: EbxmlErrorCode,
    /// `codeContext`.
    pub code_context: String,
    /// `severity` is `Error`, not `Warning`.
    pub is_error: bool,
    /// `location`, where given.
    pub location: Option<String>,
    /// Description, e.g. `501319:Unknown eb:CPAId`.
    pub description: String,
}

/// `errorCode` of ebMS 2.0 (spec 10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EbxmlErrorCode {
    /// A value is not known.
    ValueNotRecognized,
    /// A feature is not supported.
    NotSupported,
    /// Two values contradict each other.
    Inconsistent,
    /// Other error in the XML.
    OtherXml,
    /// The message could not be delivered.
    DeliveryFailure,
    /// `TimeToLive` is over.
    TimeToLiveExpired,
    /// Security check failed.
    SecurityFailure,
    /// The MIME structure is broken.
    MimeProblem,
    /// Nothing better fits.
    Unknown,
    /// Not in the standard; as written.
    Other(String),
}

impl EbxmlErrorCode {
    const STANDARD: [Self; 9] = [
        Self::ValueNotRecognized,
        Self::NotSupported,
        Self::Inconsistent,
        Self::OtherXml,
        Self::DeliveryFailure,
        Self::TimeToLiveExpired,
        Self::SecurityFailure,
        Self::MimeProblem,
        Self::Unknown,
    ];

    /// The code as it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::ValueNotRecognized => "ValueNotRecognized",
            Self::NotSupported => "NotSupported",
            Self::Inconsistent => "Inconsistent",
            Self::OtherXml => "OtherXml",
            Self::DeliveryFailure => "DeliveryFailure",
            Self::TimeToLiveExpired => "TimeToLiveExpired",
            Self::SecurityFailure => "SecurityFailure",
            Self::MimeProblem => "MimeProblem",
            Self::Unknown => "Unknown",
            Self::Other(code) => code,
        }
    }

    /// The code with this text; compared with case, as the standard writes it.
    pub fn from_text(text: &str) -> Self {
        let standard = Self::STANDARD
            .into_iter()
            .find(|code| code.as_str() == text);
        standard.unwrap_or_else(|| Self::Other(text.to_owned()))
    }
}

/// A SOAP fault with the national error list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `faultcode`, e.g. `SOAP:Server`.
    pub code: String,
    /// `faultstring`.
    pub string: String,
    /// `nasp:errorList/nasp:error`.
    pub errors: Vec<NaspError>,
}

/// One national error in a SOAP fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NaspError {
    /// `urn:nhs:names:error:tms`.
    pub code_context: String,
    /// E.g. `200`.
    pub code: String,
    /// `Error`.
    pub severity: String,
    /// Where.
    pub location: String,
    /// What.
    pub description: String,
}

impl NaspError {
    /// 200 system, 206 routing, 208 storage failure are retriable (spec 10).
    pub fn is_retriable(&self) -> bool {
        matches!(self.code.as_str(), "200" | "206" | "208")
    }
}

/// Why bytes are no envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not well-formed, or refused before reading (DTD, nesting, size).
    #[error("ebXML envelope: {0}")]
    Xml(crate::hl7::XmlError),
    /// The root is not a SOAP envelope.
    #[error("ebXML envelope: root element is `{0}`, not a SOAP envelope")]
    NotSoap(String),
    /// A mandatory element or attribute is absent or empty.
    #[error("ebXML envelope: `{0}` is missing")]
    Missing(&'static str),
    /// An identifier cannot be read.
    #[error("ebXML envelope: {0}")]
    Id(#[from] gp2gp_model::IdError),
    /// A time cannot be read.
    #[error("ebXML envelope: {0}")]
    Time(#[from] gp2gp_model::time::TimeError),
}
