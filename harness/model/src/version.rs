//! Versions of GP2GP: what a practice's system of each can do, and which it uses with another.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Interaction;

/// A version that a practice's system has.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
pub enum Version {
    /// 1.0 as EMIS LV 5.2 has it, which no other system understands.
    #[serde(rename = "1.0-emis-lv")]
    V1_0EmisLv,
    /// 1.0 as INPS Vision 3 has it, which no other system understands.
    #[serde(rename = "1.0-vision-3")]
    V1_0Vision3,
    /// 1.1a: across suppliers, in one message.
    #[serde(rename = "1.1a")]
    V1_1a,
    /// 2.2a: large messaging.
    #[serde(rename = "2.2a")]
    V2_2a,
    /// 2.2b: returning patients.
    #[serde(rename = "2.2b")]
    V2_2b,
    /// 2.2b that takes and sends entries which the patient must not see.
    #[default]
    #[serde(rename = "2.2b-uk07")]
    V2_2bUk07,
    /// 2.2c: the newest request and extract.
    #[serde(rename = "2.2c")]
    V2_2c,
}

/// What a system of a version can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// Which version.
    pub version: Version,
    /// The name in scenario files, on the command line and in reports.
    pub name: &'static str,
    /// What SDS lists such a system for, in either direction.
    pub interactions: &'static [Interaction],
    /// The one system that has this version, if it works only between two of that system.
    pub only_between: Option<&'static str>,
    /// What becomes of the record of a patient who comes back.
    pub returning: Returning,
    /// Where this is written.
    pub source: &'static str,
}

/// What a requesting system can do with the record of a patient of whom it still holds an old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returning {
    /// People choose which of the two is used: A-B-A, code 15 (AB03.1).
    ReplacesOrSuppresses,
    /// The new one is filed as an attachment of the old one, code 26 (S72, RC 26).
    FilesAsAttachment,
}

const ONE_MESSAGE: &[Interaction] = &[
    Interaction::EhrRequestUk05,
    Interaction::EhrExtractUk06,
    Interaction::Acknowledgement,
];

const LARGE: &[Interaction] = &[
    Interaction::EhrRequestUk05,
    Interaction::EhrExtractUk06,
    Interaction::Copc,
    Interaction::Acknowledgement,
];

/// One row for each version.
///
/// How the messages of 1.0 look is not published. Between two systems of one kind they are played
/// in the form of 1.1a.
const ABILITIES: [Abilities; 7] = [
    Abilities {
        version: Version::V1_0EmisLv,
        name: "1.0-emis-lv",
        interactions: ONE_MESSAGE,
        only_between: Some("EMIS LV 5.2"),
        returning: Returning::FilesAsAttachment,
        source: "TD12.7: only between two installations of one system",
    },
    Abilities {
        version: Version::V1_0Vision3,
        name: "1.0-vision-3",
        interactions: ONE_MESSAGE,
        only_between: Some("INPS Vision 3"),
        returning: Returning::FilesAsAttachment,
        source: "TD12.7: only between two installations of one system",
    },
    Abilities {
        version: Version::V1_1a,
        name: "1.1a",
        interactions: ONE_MESSAGE,
        only_between: None,
        returning: Returning::FilesAsAttachment,
        source: "LM01, RC 26: one message of at most 5 MB and 99 attachments; a returning patient's record as an attachment",
    },
    Abilities {
        version: Version::V2_2a,
        name: "2.2a",
        interactions: LARGE,
        only_between: None,
        returning: Returning::FilesAsAttachment,
        source: "LM06, TD53.4, RC 26: large messaging, without A-B-A",
    },
    Abilities {
        version: Version::V2_2b,
        name: "2.2b",
        interactions: LARGE,
        only_between: None,
        returning: Returning::ReplacesOrSuppresses,
        source: "AB03.1, S72: returning patients",
    },
    Abilities {
        version: Version::V2_2bUk07,
        name: "2.2b-uk07",
        interactions: &[
            Interaction::EhrRequestUk05,
            Interaction::EhrExtractUk06,
            Interaction::EhrExtractUk07,
            Interaction::Copc,
            Interaction::Acknowledgement,
        ],
        only_between: None,
        returning: Returning::ReplacesOrSuppresses,
        source: "UK07: an extract that carries the confidentiality code NOPAT",
    },
    Abilities {
        version: Version::V2_2c,
        name: "2.2c",
        interactions: &[
            Interaction::EhrRequestUk05,
            Interaction::EhrRequestUk06,
            Interaction::EhrExtractUk06,
            Interaction::EhrExtractUk08,
            Interaction::Copc,
            Interaction::Acknowledgement,
        ],
        only_between: None,
        returning: Returning::ReplacesOrSuppresses,
        source: "TD12.8, S230: request UK06 answered by extract UK08, and older pairs with older systems",
    },
];

impl Version {
    /// Every version, oldest first.
    pub const ALL: [Self; 7] = [
        Self::V1_0EmisLv,
        Self::V1_0Vision3,
        Self::V1_1a,
        Self::V2_2a,
        Self::V2_2b,
        Self::V2_2bUk07,
        Self::V2_2c,
    ];

    /// Its row of the table.
    pub const fn abilities(self) -> &'static Abilities {
        match self {
            Self::V1_0EmisLv => &ABILITIES[0],
            Self::V1_0Vision3 => &ABILITIES[1],
            Self::V1_1a => &ABILITIES[2],
            Self::V2_2a => &ABILITIES[3],
            Self::V2_2b => &ABILITIES[4],
            Self::V2_2bUk07 => &ABILITIES[5],
            Self::V2_2c => &ABILITIES[6],
        }
    }

    /// The name in scenario files, on the command line and in reports.
    pub const fn name(self) -> &'static str {
        self.abilities().name
    }

    /// What SDS lists a system of this version for.
    pub fn interactions(self) -> BTreeSet<Interaction> {
        self.abilities().interactions.iter().copied().collect()
    }

    /// Whether it is the usual one.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a search of SDS by a system of one version finds a system of the other. A system
    /// that works only with its own kind is listed under its maker, and looks nowhere else.
    pub fn finds(self, other: Self) -> bool {
        self.abilities().only_between == other.abilities().only_between
    }

    /// What becomes of the record of a patient who comes back.
    pub const fn returning(self) -> Returning {
        self.abilities().returning
    }
}

impl Interaction {
    /// The requests, newest first: a requesting system asks with the first one that both
    /// systems are listed for (TD12.7, TD12.8).
    pub const REQUESTS: [Self; 2] = [Self::EhrRequestUk06, Self::EhrRequestUk05];

    /// The extracts that may answer a request: those of its own version (S230).
    pub const fn answered_by(self) -> &'static [Self] {
        match self {
            Self::EhrRequestUk05 => &[Self::EhrExtractUk06, Self::EhrExtractUk07],
            Self::EhrRequestUk06 => &[Self::EhrExtractUk08],
            Self::EhrExtractUk06
            | Self::EhrExtractUk07
            | Self::EhrExtractUk08
            | Self::Copc
            | Self::Acknowledgement => &[],
        }
    }

    /// Whether a request of this version that is served is also acknowledged: 2.2c lets the
    /// extract be the answer.
    pub const fn is_acknowledged_if_served(self) -> bool {
        match self {
            Self::EhrRequestUk05 => true,
            Self::EhrRequestUk06
            | Self::EhrExtractUk06
            | Self::EhrExtractUk07
            | Self::EhrExtractUk08
            | Self::Copc
            | Self::Acknowledgement => false,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Version {
    type Err = NoSuchVersion;

    fn from_str(name: &str) -> Result<Self, NoSuchVersion> {
        let mut all = Self::ALL.into_iter();
        all.find(|version| version.name() == name)
            .ok_or_else(|| NoSuchVersion {
                name: name.to_owned(),
            })
    }
}

/// No version has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no version `{name}`; there are {}", Version::ALL.map(Version::name).join(", "))]
pub struct NoSuchVersion {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_has_its_own_row_and_the_name_of_files() {
        for version in Version::ALL {
            assert_eq!(version.abilities().version, version);
            assert_eq!(version.name().parse(), Ok(version));
            let json = serde_json::to_string(&version).unwrap();
            assert_eq!(json, format!("\"{version}\""));
        }
        assert_eq!(
            "3.0".parse::<Version>().unwrap_err().to_string(),
            "no version `3.0`; there are 1.0-emis-lv, 1.0-vision-3, 1.1a, 2.2a, 2.2b, 2.2b-uk07, 2.2c"
        );
    }

    #[test]
    fn every_version_can_read_what_answers_its_requests() {
        for version in Version::ALL {
            let listed = version.interactions();
            let requests = Interaction::REQUESTS
                .into_iter()
                .filter(|request| listed.contains(request));
            for request in requests {
                let mut answers = request.answered_by().iter();
                assert!(answers.any(|extract| listed.contains(extract)), "{version}");
            }
        }
    }

    #[test]
    fn systems_of_the_first_version_find_only_their_own_kind() {
        for version in Version::ALL {
            assert!(version.finds(version));
            let is_first = version.abilities().only_between.is_some();
            for other in Version::ALL.into_iter().filter(|other| *other != version) {
                let is_other_first = other.abilities().only_between.is_some();
                assert_eq!(version.finds(other), !is_first && !is_other_first);
            }
        }
    }
}
