//! What goes wrong in practices, by number.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::requirement::Obliged;

/// Something that has gone wrong in practices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureMode {
    /// Its number.
    pub number: FailureModeId,
    /// A heading for lists.
    pub group: String,
    /// What happens, in one line.
    pub what: String,
    /// The systems that have to cope with it.
    pub roles: Vec<Obliged>,
    /// Which scenarios put it to the test.
    pub scope: Scope,
    /// Why no scenario puts it to the test, where none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untested_because: Option<String>,
}

/// The number of a failure mode that somebody has met. Numbers never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64")]
pub struct FailureModeId(u8);

impl FailureModeId {
    /// The first.
    pub const FIRST: Self = Self(1);
    /// The last.
    pub const LAST: Self = Self(69);

    /// Every number, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (Self::FIRST.0..=Self::LAST.0).map(Self)
    }

    /// The number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for FailureModeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u64> for FailureModeId {
    type Error = NoSuchFailureMode;

    fn try_from(number: u64) -> Result<Self, NoSuchFailureMode> {
        let known = Self::FIRST.0..=Self::LAST.0;
        u8::try_from(number)
            .ok()
            .filter(|number| known.contains(number))
            .map(Self)
            .ok_or(NoSuchFailureMode(number))
    }
}

/// There is no failure mode of this number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no failure mode {0}")]
pub struct NoSuchFailureMode(u64);

/// Where a failure mode is put to the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Between a sending and a requesting system: scenarios of transfers.
    Transfer,
    /// Where documents are exported and deleted.
    Export,
    /// Where patients and practices are looked up.
    Directory,
    /// Where versions of systems meet.
    Versions,
    /// Where people do, or fail to do, their part.
    People,
}

impl Scope {
    /// Every scope, in the order of reports.
    pub const ALL: [Self; 5] = [
        Self::Transfer,
        Self::Export,
        Self::Directory,
        Self::Versions,
        Self::People,
    ];

    /// The name in files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::Export => "export",
            Self::Directory => "directory",
            Self::Versions => "versions",
            Self::People => "people",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_the_catalogue_are_no_failure_modes() {
        assert_eq!(FailureModeId::try_from(69), Ok(FailureModeId::LAST));
        for number in [0, 70, 257] {
            assert_eq!(
                FailureModeId::try_from(number),
                Err(NoSuchFailureMode(number))
            );
        }
        assert_eq!(FailureModeId::all().count(), 69);
    }
}
