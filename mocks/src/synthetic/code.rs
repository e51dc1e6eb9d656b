//! Codes, quantities and dates as XML.

use std::fmt;

use super::vocabulary::{Concept, Drug, READ, SNOMED};
use super::xml::Escaped;

/// A `code` element.
#[derive(Clone, Copy)]
pub(super) enum Code<'a> {
    /// In both codings.
    Concept(&'a Concept),
    /// In both codings, as the title of a new problem.
    Problem(&'a Concept),
    /// SNOMED CT code and term.
    Snomed(&'a str, &'a str),
}

/// Class of a compound statement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Compound {
    Topic,
    Category,
    Battery,
    /// A laboratory report on one specimen.
    Cluster,
}

/// The `quantity` of a drug.
pub(super) struct Quantity(pub(super) Drug);

/// A number of tenths, as a decimal.
#[derive(Clone, Copy)]
pub(super) struct Tenths(pub(super) u32);

/// What marks an act as not to be shown to the patient.
pub(super) const NOPAT: &str = r#"<confidentialityCode code="NOPAT" codeSystem="2.16.840.1.113883.4.642.3.47" displayName="no disclosure to patient, family or caregivers without attending provider's authorization"/>"#;

/// The code of every supply on prescription.
pub(super) const PRESCRIPTION: &str = r#"<code code="394823007" codeSystem="2.16.840.1.113883.2.1.3.2.4.15" displayName="NHS Prescription"/>"#;

/// The date of an HL7 time.
pub(super) fn day(time: &str) -> &str {
    time.get(..8).unwrap_or(time)
}

impl fmt::Display for Code<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (concept, qualifier) = match *self {
            Self::Snomed(code, term) => {
                let term = Escaped(term);
                return write!(
                    f,
                    r#"<code code="{code}" codeSystem="{SNOMED}" displayName="{term}"/>"#
                );
            }
            Self::Concept(concept) => (concept, ""),
            Self::Problem(concept) => (concept, NEW),
        };
        let (read, snomed, term) = (concept.read, concept.snomed, Escaped(concept.term));
        write!(
            f,
            r#"<code code="{read}" codeSystem="{READ}" displayName="{term}">{qualifier}<translation code="{snomed}" codeSystem="{SNOMED}" displayName="{term}"/></code>"#
        )
    }
}

const NEW: &str = r#"<qualifier inverted="false"><name code="288527008" codeSystem="2.16.840.1.113883.2.1.3.2.4.15" displayName="New"/></qualifier>"#;

impl fmt::Display for Compound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Topic => "TOPIC",
            Self::Category => "CATEGORY",
            Self::Battery => "BATTERY",
            Self::Cluster => "CLUSTER",
        })
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Drug { quantity, unit, .. } = self.0;
        write!(
            f,
            r#"<quantity value="{quantity}" unit="1"><translation value="{quantity}"><originalText>{unit}</originalText></translation></quantity>"#
        )
    }
}

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 10 {
            0 => write!(f, "{}", self.0 / 10),
            tenth => write!(f, "{}.{tenth}", self.0 / 10),
        }
    }
}
