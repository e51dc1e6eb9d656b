//! The vocabulary of judgement.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::KnownFailure;
use crate::plan::Role;
use crate::report::RunName;
use crate::requirement::Level;
use crate::{RequirementId, ScenarioId};

/// How a requirement came out.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Exercised and kept.
    Pass,
    /// A MUST was broken.
    Fail,
    /// A SHOULD was not met.
    Warn,
    /// The system does not claim the capability.
    NotApplicable,
    /// Required, and nothing in the trace exercised it.
    CouldNotRun,
    /// Exercised, and the evidence does not decide.
    Unknown,
    /// Fails, and the baseline says why.
    KnownFailure,
    /// Passes, and the baseline says it fails.
    UnexpectedPass,
    /// Now this, now that.
    Flaky,
    /// Our own defect.
    HarnessError,
}

impl Verdict {
    /// The name in JSON and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::NotApplicable => "not_applicable",
            Self::CouldNotRun => "could_not_run",
            Self::Unknown => "unknown",
            Self::KnownFailure => "known_failure",
            Self::UnexpectedPass => "unexpected_pass",
            Self::Flaky => "flaky",
            Self::HarnessError => "harness_error",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Against what is judged.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// The specification.
    #[default]
    Strict,
    /// What deployed systems do (spec 30).
    Field,
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Strict => "strict",
            Self::Field => "field",
        })
    }
}

/// What one check says of one trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assessment {
    /// Nothing in the trace put the requirement to the test; why not, in words.
    NotExercised(&'static str),
    /// Put to the test this many times and kept every time.
    Held {
        /// Occasions looked at.
        occasions: usize,
        /// Which of several accepted ways was taken, where the specification leaves a choice.
        note: Option<String>,
    },
    /// Broken at least once.
    Broken(Vec<Violation>),
    /// Put to the test, and the evidence does not decide; why, in words.
    Undecided(String),
}

/// One breach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Violation {
    /// The event that shows it, by `seq`.
    pub event: Option<u64>,
    /// What the requirement asks for, with values.
    pub expected: String,
    /// What was there instead, with values.
    pub seen: String,
    /// Other events without which it is not understood: what its words name, what was not answered. In the order of
    /// the trace, a dozen at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<u64>,
}

impl Violation {
    /// More events than these explain nothing: of many pieces of a document the first are enough.
    pub const NAMED: usize = 12;

    /// Shown by an event, if anything shows it.
    pub fn new(event: Option<u64>, expected: impl Into<String>, seen: impl Into<String>) -> Self {
        Self {
            event,
            expected: expected.into(),
            seen: seen.into(),
            with: Vec::new(),
        }
    }

    /// With other events without which it is not understood.
    #[must_use]
    pub fn with(mut self, events: impl IntoIterator<Item = u64>) -> Self {
        let others = events
            .into_iter()
            .filter(|event| Some(*event) != self.event);
        let all: BTreeSet<u64> = self.with.drain(..).chain(others).collect();
        self.with = all.into_iter().take(Self::NAMED).collect();
        self
    }
}

impl Finding {
    /// What it weighs in its scenario: a gap or a doubt that the baseline knows is borne like a failure.
    pub const fn weighs(&self) -> Verdict {
        match (self.verdict, &self.known) {
            (Verdict::CouldNotRun | Verdict::Unknown, Some(_)) => Verdict::KnownFailure,
            (verdict, _) => verdict,
        }
    }
}

/// A requirement's outcome in one scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Which requirement.
    pub requirement: RequirementId,
    /// In which scenario; `None` for a recording.
    pub scenario: Option<ScenarioId>,
    /// Whose conduct.
    pub role: Role,
    /// MUST or SHOULD.
    pub level: Level,
    /// Against which profile.
    pub profile: Profile,
    /// How it came out.
    pub verdict: Verdict,
    /// Occasions on which it was put to the test.
    pub occasions: usize,
    /// The breaches, at most a handful; `breaches` counts them all.
    pub violations: Vec<Violation>,
    /// Number of breaches.
    pub breaches: usize,
    /// Why it could not run or is undecided, or which accepted way was taken.
    pub note: Option<String>,
    /// What the baseline says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<KnownFailure>,
    /// The first of the runs that all had this verdict, where an earlier run was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<RunName>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_in_order_once_and_no_more_than_explains() {
        let violation = Violation::new(Some(5), "this", "that");
        assert_eq!(violation.clone().with([9, 5, 2]).with([2]).with, [2, 9]);
        assert_eq!(violation.with(10..60).with.len(), Violation::NAMED);
    }

    #[test]
    fn a_breach_of_an_earlier_report_names_nothing() {
        let read: Violation =
            serde_json::from_str(r#"{"event":1,"expected":"this","seen":"that"}"#).unwrap();
        assert_eq!(read, Violation::new(Some(1), "this", "that"));
        assert!(!serde_json::to_string(&read).unwrap().contains("with"));
    }
}
