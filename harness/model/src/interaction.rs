//! Interactions: what a message claims to be, in its ebXML action, its payload root and its
//! `interactionId`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Prefix of a `SOAPAction`, and value of `eb:Service`.
pub const SERVICE: &str = "urn:nhs:names:services:gp2gp";

/// An interaction id of the GP2GP service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Interaction {
    /// EHR request of versions up to 2.2b.
    #[serde(rename = "RCMR_IN010000UK05")]
    EhrRequestUk05,
    /// EHR request of version 2.2c.
    #[serde(rename = "RCMR_IN010000UK06")]
    EhrRequestUk06,
    /// EHR extract of version 1.1a to 2.2b.
    #[serde(rename = "RCMR_IN030000UK06")]
    EhrExtractUk06,
    /// EHR extract that can carry redactions (NOPAT).
    #[serde(rename = "RCMR_IN030000UK07")]
    EhrExtractUk07,
    /// EHR extract of version 2.2c.
    #[serde(rename = "RCMR_IN030000UK08")]
    EhrExtractUk08,
    /// Continue and fragments of large messaging.
    #[serde(rename = "COPC_IN000001UK01")]
    Copc,
    /// Application acknowledgement.
    #[serde(rename = "MCCI_IN010000UK13")]
    Acknowledgement,
}

impl Interaction {
    /// Every interaction, in the order of a transfer.
    pub const ALL: [Self; 7] = [
        Self::EhrRequestUk05,
        Self::EhrRequestUk06,
        Self::EhrExtractUk06,
        Self::EhrExtractUk07,
        Self::EhrExtractUk08,
        Self::Copc,
        Self::Acknowledgement,
    ];

    /// The id on the wire.
    pub const fn id(self) -> &'static str {
        match self {
            Self::EhrRequestUk05 => "RCMR_IN010000UK05",
            Self::EhrRequestUk06 => "RCMR_IN010000UK06",
            Self::EhrExtractUk06 => "RCMR_IN030000UK06",
            Self::EhrExtractUk07 => "RCMR_IN030000UK07",
            Self::EhrExtractUk08 => "RCMR_IN030000UK08",
            Self::Copc => "COPC_IN000001UK01",
            Self::Acknowledgement => "MCCI_IN010000UK13",
        }
    }

    /// The interaction with this id, if the service has one.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|interaction| interaction.id() == id)
    }

    /// What a message of this interaction is for; a COPC alone does not say: it is a Continue or a
    /// fragment.
    pub const fn kind(self) -> Option<MessageKind> {
        match self {
            Self::EhrRequestUk05 | Self::EhrRequestUk06 => Some(MessageKind::EhrRequest),
            Self::EhrExtractUk06 | Self::EhrExtractUk07 | Self::EhrExtractUk08 => {
                Some(MessageKind::EhrExtract)
            }
            Self::Acknowledgement => Some(MessageKind::Acknowledgement),
            Self::Copc => None,
        }
    }
}

impl fmt::Display for Interaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// What a message is for: the five kinds of spec 00's glossary.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum MessageKind {
    /// The requesting system asks for the record.
    EhrRequest,
    /// The core extract.
    EhrExtract,
    /// The requesting system asks for the promised fragments.
    Continue,
    /// One promised COPC: a whole document, an index, or a chunk.
    Fragment,
    /// Application acknowledgement, positive or negative.
    Acknowledgement,
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EhrRequest => "EHR request",
            Self::EhrExtract => "EHR extract",
            Self::Continue => "Continue",
            Self::Fragment => "fragment",
            Self::Acknowledgement => "acknowledgement",
        })
    }
}
