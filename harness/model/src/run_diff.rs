//! Two runs beside each other, aligned by what led to what.

use serde::Serialize;

use crate::plan::Role;
use crate::run_log::Fingerprint;
use crate::snapshot::Change;
use crate::trace::{Endpoint, TimeMode};
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
    /// Every scenario of both, in the order of their ids.
    pub outcomes: Vec<BothOutcomes>,
}

/// How a scenario came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BothOutcomes {
    /// Which.
    pub scenario: ScenarioId,
    /// In the first run, if it was in it.
    pub a: Option<Verdict>,
    /// In the second.
    pub b: Option<Verdict>,
    /// Something of it is not the same.
    pub differs: bool,
}

/// What kind of difference it is, from the first run to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiffKind {
    /// Something is judged worse.
    Worse,
    /// Something is judged better, and nothing worse.
    Better,
    /// Nothing is judged worse or better.
    Behaviour,
}

impl DiffKind {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Worse => "worse in B",
            Self::Better => "better in B",
            Self::Behaviour => "behaviour only",
        }
    }
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
    /// Roles that were judged.
    pub roles: Vec<Role>,
    /// How time passed.
    pub time_mode: TimeMode,
    /// What it was made with and on, and when.
    pub fingerprint: Option<Fingerprint>,
}

/// A scenario that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScenarioDiff {
    /// Which.
    pub scenario: ScenarioId,
    /// One line.
    pub title: String,
    /// How the second came out beside the first.
    pub kind: DiffKind,
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
    /// Every step of both, in the order in which they come about.
    pub lanes: Vec<Lane>,
    /// The line that runs it again as in the first run.
    pub reproduce_a: String,
    /// As in the second.
    pub reproduce_b: String,
}

/// A step beside its like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lane {
    /// The step by what led to it.
    pub step: String,
    /// Who does it; nobody does what was planned, or the end.
    pub from: Option<Endpoint>,
    /// To whom, if to anybody.
    pub to: Option<Endpoint>,
    /// What it is of the divergence.
    pub stands: Stands,
    /// In the first run.
    pub a: Option<StepSeen>,
    /// In the second.
    pub b: Option<StepSeen>,
}

/// How a step stands to the first divergence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stands {
    /// It is the same in both.
    Same,
    /// Here they part.
    First,
    /// It differs, because an earlier step does.
    Follows,
    /// It differs, and no reference leads there.
    Other,
}

/// A step that is not the same in both runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Divergent {
    /// The step by what led to it, e.g. `acknowledgement of EHR extract 1`.
    pub step: String,
    /// The step that it refers to, the same way.
    pub because_of: Option<String>,
    /// Who does it; nobody does what was planned, or the end.
    pub from: Option<Endpoint>,
    /// To whom, if to anybody.
    pub to: Option<Endpoint>,
    /// In the first run.
    pub a: Option<StepSeen>,
    /// In the second.
    pub b: Option<StepSeen>,
    /// What of the step differs, where both have it.
    pub fields: Vec<FieldDiff>,
}

/// Something of a step that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldDiff {
    /// What.
    pub field: String,
    /// In the first run; none where it is not there.
    pub a: Option<String>,
    /// In the second.
    pub b: Option<String>,
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
