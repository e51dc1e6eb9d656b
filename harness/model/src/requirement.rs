//! The requirement catalogue: what a system must do, where that is written, and why.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::RequirementId;
use crate::plan::Role;

/// One requirement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Stable id.
    pub id: RequirementId,
    /// One sentence.
    pub wording: String,
    /// Clauses of the national set, or `seen`, `derived`.
    pub clause: Vec<String>,
    /// MUST or SHOULD.
    pub level: Level,
    /// Who must obey it.
    pub role: Obliged,
    /// Breaking it makes the grade `unsafe`.
    pub safety: bool,
    /// Behind a message handler it is the handler that keeps or breaks it, whatever the system does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_handler: bool,
    /// For a newcomer: what it asks, why, what happens otherwise.
    pub rationale: String,
    /// What proves or breaks it.
    pub evidence: String,
}

impl Requirement {
    /// The letters before the number: `SND`, `RCV`, ...
    pub fn family(&self) -> &str {
        let id = self.id.as_str();
        id.split_once('-').map_or(id, |(family, _)| family)
    }
}

/// How binding a requirement is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A breach is a failure.
    Must,
    /// A breach is a warning.
    Should,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
        })
    }
}

/// Who must obey a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Obliged {
    /// The sending system.
    Sending,
    /// The requesting system.
    Requesting,
    /// The exporting system.
    Exporting,
    /// The hub of a federation.
    Hub,
    /// Every system.
    Any,
}

impl Obliged {
    /// The role that is meant, if one is.
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::Sending => Some(Role::Sending),
            Self::Requesting => Some(Role::Requesting),
            Self::Exporting => Some(Role::Exporting),
            Self::Hub => Some(Role::Hub),
            Self::Any => None,
        }
    }
}

impl fmt::Display for Obliged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sending => "sending",
            Self::Requesting => "requesting",
            Self::Exporting => "exporting",
            Self::Hub => "hub",
            Self::Any => "any",
        })
    }
}
