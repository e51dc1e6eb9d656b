//! What a system may or may not be able to do, by its own word.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that a system claims to be able to do. A scenario that needs what is not claimed
/// does not apply.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Sends, or takes, records that do not fit into one message: Continue, fragments, skeletons.
    LargeMessaging,
    /// Writes, or reads, the form of the record that marks entries as kept from the patient: UK07.
    Redactions,
    /// Replaces or keeps the old record of a patient who comes back: A-B-A.
    ReturningPatients,
}

impl Capability {
    /// Every capability.
    pub const ALL: [Self; 3] = [
        Self::LargeMessaging,
        Self::Redactions,
        Self::ReturningPatients,
    ];

    /// The name in scenario files, on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LargeMessaging => "large-messaging",
            Self::Redactions => "redactions",
            Self::ReturningPatients => "returning-patients",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Capability {
    type Err = NoSuchCapability;

    fn from_str(name: &str) -> Result<Self, NoSuchCapability> {
        let mut all = Self::ALL.into_iter();
        all.find(|capability| capability.name() == name)
            .ok_or_else(|| NoSuchCapability {
                name: name.to_owned(),
            })
    }
}

/// No capability has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no capability `{name}`; there are {}", Capability::ALL.map(Capability::name).join(", "))]
pub struct NoSuchCapability {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_files() {
        for capability in Capability::ALL {
            assert_eq!(capability.name().parse(), Ok(capability));
            let json = serde_json::to_string(&capability).unwrap();
            assert_eq!(json, format!("\"{capability}\""));
        }
        assert_eq!(
            "fax".parse::<Capability>().unwrap_err().to_string(),
            "no capability `fax`; there are large-messaging, redactions, returning-patients"
        );
    }
}
