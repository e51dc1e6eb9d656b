//! Every system with every other: how transfers are to end between them, and how they did.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::expectation::Outcome;
use crate::{Dialect, Version};

/// What a practice's system is, as far as a pair of them is about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// A version, with the national message handler.
    Version(Version),
    /// A supplier's way of writing, in the usual version.
    Dialect(Dialect),
}

impl System {
    /// The name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Version(version) => version.name(),
            Self::Dialect(dialect) => dialect.name(),
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What kind of record is asked for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum RecordKind {
    /// Fits into one message.
    Small,
    /// Does not fit into one message.
    Large,
    /// Has entries that the patient must not see.
    Redacted,
    /// Of a patient of whom the new practice still holds an old record.
    Returning,
}

impl RecordKind {
    /// Every kind, in the order of columns.
    pub const ALL: [Self; 4] = [Self::Small, Self::Large, Self::Redacted, Self::Returning];

    /// The name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
            Self::Redacted => "redacted",
            Self::Returning => "returning",
        }
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A transfer between two systems, and how it is to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pairing {
    /// System of the new practice.
    pub requesting: System,
    /// System of the old practice.
    pub sending: System,
    /// What is asked for.
    pub record: RecordKind,
    /// How it is to end.
    pub expected: Expected,
}

/// How a transfer is to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// In a word.
    pub means: Meaning,
    /// What is seen.
    #[serde(flatten)]
    pub end: End,
    /// What is lost on the way, if something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
    /// Where that is written.
    pub source: String,
}

/// What an end means for the practices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// The record is filed, whole.
    Completes,
    /// The record is filed, and something is lost.
    Degrades,
    /// It was asked for and not sent: paper.
    Refused,
    /// Nobody can be asked: paper.
    Paper,
}

/// How a transfer ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// What became of it.
    pub outcome: Outcome,
    /// `AA`, or the code by which it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What the old practice prints, 1 to 5; none if it was never asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub print_state: Option<u8>,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.outcome.fmt(f)?;
        if let Some(code) = &self.code {
            write!(f, " with {code}")?;
        }
        match self.print_state {
            Some(state) => write!(f, ", print state {state}"),
            None => Ok(()),
        }
    }
}

/// What came of every pairing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatrixReport {
    /// Nothing here is of a real patient.
    pub notice: String,
    /// Every pairing that was run, in the order of the table.
    pub cells: Vec<Cell>,
    /// How many of them ended otherwise than expected, or against a requirement.
    pub differences: usize,
}

/// What came of one pairing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Who with whom, and how it is to end.
    #[serde(flatten)]
    pub pairing: Pairing,
    /// How it ended; none if it could not be run.
    pub seen: Option<End>,
    /// What was wrong on the way: requirements that were broken, or why it could not be run.
    pub wrong: Vec<String>,
    /// The one line that runs this again.
    pub reproduce: String,
}

impl Cell {
    /// Whether it ended as it is to end, and nothing was wrong on the way.
    pub fn is_as_expected(&self) -> bool {
        self.wrong.is_empty() && self.seen.as_ref() == Some(&self.pairing.expected.end)
    }
}
