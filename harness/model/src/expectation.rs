//! How a run ends if every system in it is a good one. A run that ends otherwise has failed,
//! whichever requirement it kept; a run in which the point of the scenario never came up has
//! not failed, it has not been exercised: that is what a [`Fact`](crate::plan::Fact) is for.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::NhsNumber;
use crate::export::ExportState;
use crate::plural::{are, count};

/// One thing that must be true when a run is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expectation {
    /// How the transfer of a patient ended.
    Outcome(Of<Outcome>),
    /// What the sending practice is told to print, from 1 to 5 (spec 00).
    PrintState(Of<u8>),
    /// How many documents of the patient were filed, placeholders included.
    DocumentsFiled(Of<u32>),
    /// How many of them are placeholders.
    PlaceholdersFiled(Of<u32>),
    /// Where the export of a patient stands in the end.
    Case(Of<ExportState>),
    /// How many messages the two systems posted at most, every repetition counted.
    MessagesAtMost(u32),
}

/// In words.
impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outcome(of) => write!(f, "{} ends {}", of.label, of.value),
            Self::PrintState(of) => write!(f, "{} ends in print state {}", of.label, of.value),
            Self::DocumentsFiled(of) => {
                write!(f, "{}", filed(of, "document"))
            }
            Self::PlaceholdersFiled(of) => {
                write!(f, "{}", filed(of, "placeholder"))
            }
            Self::Case(of) => write!(f, "the export of {} ends {}", of.label, of.value),
            Self::MessagesAtMost(most) => {
                let most = count(*most, "message");
                write!(f, "the two systems post at most {most}")
            }
        }
    }
}

fn filed(of: &Of<u32>, what: &str) -> String {
    let number = u64::from(of.value);
    let (filed, are) = (count(number, what), are(number));
    format!("{filed} of {} {are} filed", of.label)
}

/// Something that is expected of one patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Of<T> {
    /// What the scenario calls the patient.
    pub label: String,
    /// Whose transfer.
    pub patient: NhsNumber,
    /// What is expected.
    pub value: T,
}

/// How a transfer ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The new practice filed the record and said so.
    Integrated,
    /// The new practice kept its own old record, stored this one beside it, and said so.
    Suppressed,
    /// The new practice cannot replace the old record of a patient who returned, filed this one as an
    /// attachment of it, and said so.
    FiledAsAttachment,
    /// The old practice refused to send the record.
    Refused,
    /// The record was asked for and nobody filed it: turned away, incomplete, or silence.
    Failed,
    /// Nobody asked for the record.
    NotRequested,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integrated => "integrated",
            Self::Suppressed => "suppressed",
            Self::FiledAsAttachment => "filed as attachment",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::NotRequested => "not requested",
        })
    }
}
