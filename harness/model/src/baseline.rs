//! Known failures: what fails, why that is borne, who sees to it, and until when.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{RequirementId, ScenarioId};

/// What a baseline says of one failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KnownFailure {
    /// What fails.
    pub check: CheckName,
    /// In which scenario, family or matrix; everywhere, if nothing is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<ScenarioId>,
    /// Why that is borne.
    pub reason: String,
    /// Who sees to it.
    pub owner: String,
    /// The last day on which it is borne.
    pub expires: Date,
}

impl KnownFailure {
    /// Whether it speaks of this scenario.
    pub fn is_about(&self, scenario: &ScenarioId) -> bool {
        let Some(named) = &self.scenario else {
            return true;
        };
        let rest = scenario.as_str().strip_prefix(named.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for KnownFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scenario {
            Some(scenario) => write!(f, "{} in {scenario}", self.check),
            None => write!(f, "{} everywhere", self.check),
        }
    }
}

/// Something that can fail.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum CheckName {
    /// A requirement.
    Requirement(RequirementId),
    /// How a scenario ends, which may be wrong whichever requirement was broken.
    End,
}

/// How the end of a scenario is called where a requirement could stand.
const END: &str = "end";

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requirement(id) => id.fmt(f),
            Self::End => f.write_str(END),
        }
    }
}

impl TryFrom<String> for CheckName {
    type Error = <RequirementId as TryFrom<String>>::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            END => Ok(Self::End),
            _ => RequirementId::try_from(text).map(Self::Requirement),
        }
    }
}

impl From<CheckName> for String {
    fn from(name: CheckName) -> Self {
        name.to_string()
    }
}

/// A day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Date(#[schemars(with = "String")] jiff::civil::Date);

impl Date {
    /// The day of a moment, in UTC.
    pub fn of(time: crate::Time) -> Self {
        let text = time.to_ebxml();
        let day = text.split('T').next().unwrap_or_default();
        Self(day.parse().unwrap_or(jiff::civil::Date::MAX))
    }

    /// So many days later.
    #[must_use]
    pub fn later(self, days: u16) -> Self {
        Self(self.0.saturating_add(jiff::Span::new().days(days)))
    }
}

impl std::str::FromStr for Date {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a baseline did in a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct BaselineReport {
    /// Entries that bore at least one failure, and how many.
    pub borne: Vec<Borne>,
    /// Entries that are out of date: each fails the run.
    pub stale: Vec<Stale>,
}

/// An entry that bore failures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Borne {
    /// The entry.
    pub entry: KnownFailure,
    /// So many failures.
    pub failures: usize,
}

/// An entry that is out of date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stale {
    /// The entry.
    pub entry: KnownFailure,
    /// Why.
    pub why: Staleness,
}

/// Why an entry is out of date.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Staleness {
    /// What it says fails was put to the test, and holds.
    Passes,
    /// Its day has passed; the failures count.
    Expired,
    /// No scenario of the suite is called so.
    NoSuchScenario,
    /// The scenarios ran, and none of them puts it to the test.
    NeverTested,
}

impl Staleness {
    /// What happened, and what to do.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Passes => "passes now: take the entry out (`gp2gp baseline update`)",
            Self::Expired => "expired: mend it, or renew the entry with a reason",
            Self::NoSuchScenario => {
                "names no scenario of this suite: take it out, or name the new one"
            }
            Self::NeverTested => "was put to the test by none of its scenarios: take it out",
        }
    }
}
