//! Two runs beside each other, aligned by what led to what.

use serde::Serialize;

use crate::snapshot::Change;
use crate::verdict::Verdict;
use crate::{ScenarioId, Time};

/// Two runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunDiff {
    /// The first.
    pub a: RunSide,
    /// The second.
    pub b: RunSide,
    /// Scenarios that came out the same in all that is compared.
    pub same: usize,
    /// Those that did not, in the order of their ids.
    pub scenarios: Vec<ScenarioDiff>,
    /// In the first alone.
    pub only_in_a: Vec<ScenarioId>,
    /// In the second alone.
    pub only_in_b: Vec<ScenarioId>,
}

/// One of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunSide {
    /// The system under test, by name.
    pub sut: String,
    /// Name and version of the suite.
    pub suite: String,
    /// Where the run is kept.
    pub folder: String,
}

/// A scenario that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScenarioDiff {
    /// Which.
    pub scenario: ScenarioId,
    /// It was written otherwise, or ran with another seed: what differs may follow from that.
    pub is_another: bool,
    /// The verdict of the scenario and of requirements, where they differ.
    pub verdicts: Vec<Change>,
    /// The first step in which they part.
    pub first: Option<Divergent>,
    /// Steps that differ because an earlier one does: by reference, not by time.
    pub follows: Vec<Divergent>,
    /// Other steps that differ: no reference leads to them from the first.
    pub others: Vec<Divergent>,
}

/// A step that is not the same in both runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Divergent {
    /// The step by what led to it, e.g. `acknowledgement of EHR extract 1`.
    pub step: String,
    /// The step that it refers to, the same way.
    pub because_of: Option<String>,
    /// In the first run.
    pub a: Option<StepSeen>,
    /// In the second.
    pub b: Option<StepSeen>,
}

/// A step as it was seen in one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepSeen {
    /// What it said.
    pub says: String,
    /// When.
    pub at: Time,
    /// Time since the start, in milliseconds.
    pub since_start_ms: u64,
    /// Event of the trace.
    pub event: u64,
}

/// The verdict of a scenario in both runs.
pub fn verdicts(a: Option<Verdict>, b: Option<Verdict>) -> Option<Change> {
    match (a, b) {
        (Some(was), Some(is)) if was != is => Some(Change::Verdict { was, is }),
        (_, _) => None,
    }
}
