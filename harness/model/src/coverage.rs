//! What the scenarios put to the test, and what they leave out.

use serde::Serialize;

use crate::ScenarioId;
use crate::failure_mode::FailureMode;
use crate::plan::Plan;
use crate::requirement::Requirement;

/// Failure modes and requirements with the scenarios that put each to the test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Every failure mode, in the order of numbers.
    pub failure_modes: Vec<FailureModeRow>,
    /// Every requirement, in the order of the catalogue.
    pub requirements: Vec<RequirementRow>,
}

/// A failure mode and who cites it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureModeRow {
    /// Which.
    #[serde(flatten)]
    pub mode: FailureMode,
    /// Scenario files that cite it.
    pub scenarios: Vec<ScenarioId>,
}

/// A requirement and who must exercise it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequirementRow {
    /// Which.
    #[serde(flatten)]
    pub requirement: Requirement,
    /// A check covers it.
    pub checked: bool,
    /// Scenario files that must exercise it.
    pub scenarios: Vec<ScenarioId>,
}

impl Coverage {
    /// What these plans put to the test. `is_checked` knows the requirements that a check covers.
    pub fn of(
        plans: &[Plan],
        failure_modes: &[FailureMode],
        catalogue: &[Requirement],
        is_checked: impl Fn(&Requirement) -> bool,
    ) -> Self {
        Self {
            failure_modes: failure_modes
                .iter()
                .map(|mode| FailureModeRow {
                    mode: mode.clone(),
                    scenarios: those(plans, |plan| plan.failure_modes.contains(&mode.number)),
                })
                .collect(),
            requirements: catalogue
                .iter()
                .map(|requirement| RequirementRow {
                    requirement: requirement.clone(),
                    checked: is_checked(requirement),
                    scenarios: those(plans, |plan| plan.requirements.contains(&requirement.id)),
                })
                .collect(),
        }
    }
}

fn those(plans: &[Plan], meant: impl Fn(&Plan) -> bool) -> Vec<ScenarioId> {
    let mut ids: Vec<ScenarioId> = plans
        .iter()
        .filter(|plan| meant(plan))
        .map(|plan| plan.file.clone())
        .collect();
    ids.dedup();
    ids
}
