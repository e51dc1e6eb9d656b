//! What PDS holds of a patient, as far as GP2GP asks.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{GpCode, NhsNumber, OdsCode};

/// A patient's record on PDS at the beginning of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PdsRecord {
    /// Whose.
    pub patient: NhsNumber,
    /// How often it was written.
    #[serde(default)]
    pub version: RecordVersion,
    /// With whom the patient is registered.
    pub general_practitioner: GeneralPractitioner,
    /// Restricted (code R): PDS tells nobody where the patient is, and nothing may be sent (S46).
    #[serde(default)]
    pub sensitive: bool,
    /// The number stands for nobody any more.
    #[serde(default)]
    pub invalidated: bool,
    /// The patient registers there as soon as an update is done: what the next read shows.
    #[serde(default)]
    pub moves_on_after_update: Option<GeneralPractitioner>,
}

impl PdsRecord {
    /// The first version of an ordinary record.
    pub const fn new(patient: NhsNumber, general_practitioner: GeneralPractitioner) -> Self {
        Self {
            patient,
            version: RecordVersion::FIRST,
            general_practitioner,
            sensitive: false,
            invalidated: false,
            moves_on_after_update: None,
        }
    }
}

/// Version of a record: every update makes the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordVersion(pub u32);

impl RecordVersion {
    /// Of a record that was never changed.
    pub const FIRST: Self = Self(1);

    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Default for RecordVersion {
    fn default() -> Self {
        Self::FIRST
    }
}

impl fmt::Display for RecordVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// With whom a patient is registered. Which of the two codes PDS holds is a question of the
/// [`Era`](crate::registry::Era).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GeneralPractitioner {
    /// With a practice.
    Practice(OdsCode),
    /// With a GP, whose practice the directory knows.
    Gp(GpCode),
    /// With nobody.
    Nobody,
}

impl fmt::Display for GeneralPractitioner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Practice(ods) => write!(f, "practice {ods}"),
            Self::Gp(gp) => write!(f, "GP {gp}"),
            Self::Nobody => f.write_str("nobody"),
        }
    }
}
