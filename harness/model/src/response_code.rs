//! The GP2GP response codes (spec 30).

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A response code as it stands on the wire: its text is kept, because `6` where `06` is due
/// is a fault worth seeing.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct ResponseCode(String);

/// One row of the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registered {
    /// Two digits.
    pub code: &'static str,
    /// The register's text, the `displayName` of a negative acknowledgement.
    pub text: &'static str,
    /// The sending system may use it.
    pub by_sending: bool,
    /// The requesting system may use it.
    pub by_requesting: bool,
}

const fn row(code: &'static str, text: &'static str, by: &'static str) -> Registered {
    let by = by.as_bytes();
    Registered {
        code,
        text,
        by_sending: by[0] == b'P',
        by_requesting: by[0] == b'R' || (by.len() > 1 && by[1] == b'R'),
    }
}

/// Codes in use. 13 is not here: Spine makes it, without a reason element (spec 30).
pub const REGISTER: [Registered; 22] = [
    row("06", "Patient not at surgery.", "P"),
    row("07", "GP2GP Messaging is not enabled on this system.", "PR"),
    row(
        "09",
        "EHR Extract received without corresponding request.",
        "R",
    ),
    row("10", "Failed to successfully generate EHR Extract.", "P"),
    row("11", "Failed to successfully integrate EHR Extract.", "R"),
    row("12", "Duplicate EHR Extract received.", "R"),
    row(
        "14",
        "Message not sent because requesting practice is not Large Message compliant",
        "P",
    ),
    row(
        "15",
        "A-B-A EHR Extract Received and Stored As Suppressed Record",
        "R",
    ),
    row(
        "17",
        "A-B-A EHR Extract Received and rejected due to wrong record or wrong patient",
        "R",
    ),
    row(
        "18",
        "Request message not well-formed or not able to be processed",
        "P",
    ),
    row(
        "19",
        "Sender check indicates that Requester is not the patient's current healthcare provider",
        "P",
    ),
    row("20", "Spine system responded with an error", "PR"),
    row(
        "21",
        "EHR Extract message not well-formed or not able to be processed",
        "R",
    ),
    row(
        "23",
        "Message not sent because sending practice is not Large Message compliant",
        "P",
    ),
    row(
        "24",
        "SDS lookup provided zero or more than one result to the query for each interaction.",
        "PR",
    ),
    row(
        "25",
        "Large messages rejected due to timeout duration reached of overall transfer",
        "R",
    ),
    row("26", "Returning patient filed as attachment", "R"),
    row(
        "28",
        "Non A-B-A EHR Extract Received and rejected due to wrong record or wrong patient",
        "R",
    ),
    row("29", "Large Message Re-assembly failure", "R"),
    row("30", "Large Message general failure", "R"),
    row(
        "31",
        "The overall EHR Extract has been rejected because one or more attachments via Large Messages were not received.",
        "R",
    ),
    row("99", "Unexpected condition.", "PR"),
];

/// Codes that must never be sent any more.
pub const DEPRECATED: [&str; 8] = ["01", "02", "03", "04", "05", "08", "16", "27"];

impl ResponseCode {
    /// The code as written on the wire.
    pub fn new(code: impl Into<String>) -> Self {
        Self(code.into())
    }

    /// The code as written on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The row of the register with exactly this two-digit text.
    pub fn registered(&self) -> Option<&'static Registered> {
        REGISTER.iter().find(|row| row.code == self.0)
    }

    /// The register's text, or an empty text for a code that it does not know.
    pub fn text(&self) -> &'static str {
        self.registered().map_or("", |row| row.text)
    }

    /// Whether the register forbids this code.
    pub fn is_deprecated(&self) -> bool {
        DEPRECATED.contains(&self.0.as_str())
    }

    /// Whether the new practice has the record, though its acknowledgement is negative on the wire:
    /// stored as suppressed (SND-54), or filed as an attachment.
    pub fn says_filed(&self) -> bool {
        self.0 == "15" || self.says_filed_as_attachment()
    }

    /// The new practice says that the record is another patient's: 17 of one who returned, 28.
    pub fn says_wrong_patient(&self) -> bool {
        matches!(self.as_str(), "17" | "28")
    }

    /// Code 26: a system before 2.2b files the record of a patient who returns as one attachment.
    /// National statistics count it as a failure.
    pub fn says_filed_as_attachment(&self) -> bool {
        self.0 == "26"
    }
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for ResponseCode {
    fn from(code: &str) -> Self {
        Self(code.to_owned())
    }
}
