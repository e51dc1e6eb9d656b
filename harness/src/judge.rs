//! From a trace to findings: every check is asked, and what it says becomes a verdict.

use std::collections::BTreeSet;

use gp2gp_model::plan::{Plan, Role};
use gp2gp_model::requirement::{Level, Requirement};
use gp2gp_model::verdict::{Assessment, Finding, Profile, Verdict};
use gp2gp_model::{RequirementId, ScenarioId};

use crate::check::named::Named;
use crate::check::{self, View};

/// Violations kept in a finding; the number of all of them is kept too.
const VIOLATIONS_SHOWN: usize = 5;

/// What is asked of a trace.
pub struct Question<'a> {
    /// The catalogue.
    pub catalogue: &'a [Requirement],
    /// Whose conduct.
    pub roles: &'a [Role],
    /// Against what.
    pub profile: Profile,
    /// Requirements that must be exercised; the others count only where they are.
    pub required: Required<'a>,
}

/// Which requirements a trace must have exercised.
#[derive(Clone, Copy)]
pub enum Required<'a> {
    /// Those that the scenario names.
    Named(&'a Plan),
    /// Every one that has a check: a recording stands for itself.
    All,
}

impl Question<'_> {
    /// Findings in the order of the catalogue.
    pub fn ask(&self, view: &View) -> Vec<Finding> {
        let checks = check::all();
        self.catalogue
            .iter()
            .filter_map(|requirement| {
                let role = role_of(requirement).filter(|role| self.roles.contains(role))?;
                let check = checks
                    .iter()
                    .find(|check| check.requirement == requirement.id.as_str());
                let assessment = match (check, self.required) {
                    (Some(check), _) => (check.assess)(view, self.profile),
                    // A scenario that counts on a check that does not exist has a gap.
                    (None, Required::Named(_)) => Assessment::NotExercised("no check covers it"),
                    (None, Required::All) => return None,
                };
                self.finding(requirement, role, assessment, view)
            })
            .collect()
    }

    fn finding(
        &self,
        requirement: &Requirement,
        role: Role,
        assessment: Assessment,
        view: &View,
    ) -> Option<Finding> {
        let mut finding = blank(requirement, role, self.scenario(), self.profile);
        match assessment {
            Assessment::Held { occasions, note } => {
                finding.occasions = occasions;
                finding.note = note;
            }
            Assessment::Broken(mut violations) => {
                finding.verdict = match requirement.level {
                    Level::Must => Verdict::Fail,
                    Level::Should => Verdict::Warn,
                };
                finding.breaches = violations.len();
                finding.occasions = violations.len();
                violations.truncate(VIOLATIONS_SHOWN);
                let named = Named::of(view, role);
                finding.violations = violations.into_iter().map(|it| named.add(it)).collect();
            }
            Assessment::Undecided(why) => {
                finding.verdict = Verdict::Unknown;
                finding.note = Some(why);
            }
            Assessment::NotExercised(why) => {
                if !self.requires(&requirement.id) {
                    return None;
                }
                finding.verdict = Verdict::CouldNotRun;
                finding.note = Some(why.to_owned());
            }
        }
        Some(finding)
    }

    fn requires(&self, id: &RequirementId) -> bool {
        match self.required {
            Required::Named(plan) => plan.requirements.contains(id),
            Required::All => true,
        }
    }

    fn scenario(&self) -> Option<ScenarioId> {
        match self.required {
            Required::Named(plan) => Some(plan.scenario.clone()),
            Required::All => None,
        }
    }
}

/// A finding of which nothing is known yet.
fn blank(
    requirement: &Requirement,
    role: Role,
    scenario: Option<ScenarioId>,
    profile: Profile,
) -> Finding {
    Finding {
        requirement: requirement.id.clone(),
        scenario,
        role,
        level: requirement.level,
        profile,
        verdict: Verdict::Pass,
        occasions: 0,
        violations: Vec::new(),
        breaches: 0,
        note: None,
        known: None,
        since: None,
    }
}

/// Findings of a scenario that does not apply to the system: what it names is out of the score,
/// unless another scenario exercises it.
pub fn not_applicable(
    plan: &Plan,
    catalogue: &[Requirement],
    profile: Profile,
    why: &str,
) -> Vec<Finding> {
    let named = catalogue
        .iter()
        .filter(|requirement| plan.requirements.contains(&requirement.id));
    named
        .filter_map(|requirement| {
            let role = role_of(requirement).filter(|role| plan.judges.contains(role))?;
            let scenario = Some(plan.scenario.clone());
            Some(Finding {
                verdict: Verdict::NotApplicable,
                note: Some(why.to_owned()),
                ..blank(requirement, role, scenario, profile)
            })
        })
        .collect()
}

/// Requirements of the catalogue that a check covers.
pub fn checked_requirements() -> BTreeSet<&'static str> {
    check::all().iter().map(|check| check.requirement).collect()
}

/// The role whose conduct a requirement judges, where it is one of a transfer.
pub const fn role_of(requirement: &Requirement) -> Option<Role> {
    requirement.role.role()
}
