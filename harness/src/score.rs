//! From findings to a score, a grade and an exit status.

use std::collections::{BTreeMap, BTreeSet};

use gp2gp_model::RequirementId;
use gp2gp_model::plan::Role;
use gp2gp_model::report::{Exit, Grade, RequirementOutcome, ScenarioReport, Score, Share};
use gp2gp_model::requirement::{Level, Requirement};
use gp2gp_model::verdict::Verdict;

use crate::judge::{checked_requirements, role_of};

/// Everything conforms.
pub const CONFORMS: u8 = 0;
/// A MUST failed.
pub const FAILURES: u8 = 1;
/// The call or a scenario file is wrong.
pub const USAGE: u8 = 2;
/// Nothing failed, and not everything could be judged.
pub const INCOMPLETE: u8 = 3;
/// The system under test is not there, hangs, or violates the control contract.
pub const SUT_UNFIT: u8 = 7;
/// We could not judge, and it is our fault.
pub const HARNESS_DEFECT: u8 = 70;

/// Which requirements a run has to answer for.
pub enum Scope {
    /// The whole suite: every requirement that has a check.
    Suite,
    /// A selection of scenarios: what they name, and what they happened to exercise.
    Selection,
}

/// Outcome of every requirement of these roles.
pub fn outcomes(
    catalogue: &[Requirement],
    roles: &[Role],
    scenarios: &[ScenarioReport],
    scope: &Scope,
) -> Vec<RequirementOutcome> {
    let checked = checked_requirements();
    let mut verdicts: BTreeMap<RequirementId, Vec<Verdict>> = BTreeMap::new();
    for finding in scenarios.iter().flat_map(|scenario| &scenario.findings) {
        verdicts
            .entry(finding.requirement.clone())
            .or_default()
            .push(finding.verdict);
    }
    catalogue
        .iter()
        .filter(|requirement| checked.contains(requirement.id.as_str()))
        .filter(|requirement| role_of(requirement).is_some_and(|role| roles.contains(&role)))
        .filter_map(|requirement| {
            let found = verdicts.get(&requirement.id).map_or(&[][..], Vec::as_slice);
            let verdict = match (worst(found), scope) {
                (Some(verdict), Scope::Suite | Scope::Selection) => verdict,
                (None, Scope::Suite) => Verdict::CouldNotRun,
                (None, Scope::Selection) => return None,
            };
            Some(RequirementOutcome {
                id: requirement.id.clone(),
                level: requirement.level,
                family: requirement.family().to_owned(),
                safety: requirement.safety,
                verdict,
                exercised_in: found
                    .iter()
                    .filter(|verdict| **verdict != Verdict::CouldNotRun)
                    .count(),
            })
        })
        .collect()
}

/// Score over outcomes; a gap in a scenario keeps the grade from `conforms`.
pub fn score(
    catalogue: &[Requirement],
    roles: &[Role],
    outcomes: &[RequirementOutcome],
    scenarios: &[ScenarioReport],
) -> Score {
    let checked: BTreeSet<&str> = checked_requirements();
    let mut families: BTreeMap<String, Share> = BTreeMap::new();
    let (mut must, mut should) = (Share::default(), Share::default());
    for outcome in outcomes
        .iter()
        .filter(|outcome| outcome.verdict != Verdict::NotApplicable)
    {
        let family = families.entry(outcome.family.clone()).or_default();
        match outcome.level {
            Level::Must => [&mut must, family]
                .into_iter()
                .for_each(|share| count(share, outcome.verdict)),
            Level::Should => count(&mut should, outcome.verdict),
        }
    }
    let unsafe_because: Vec<_> = outcomes
        .iter()
        .filter(|outcome| outcome.safety && outcome.verdict == Verdict::Fail)
        .map(|outcome| outcome.id.clone())
        .collect();
    let has = |verdict| outcomes.iter().any(|outcome| outcome.verdict == verdict);
    let grade = if !unsafe_because.is_empty() {
        Grade::Unsafe
    } else if has(Verdict::Fail) || scenarios.iter().any(ended_wrongly) {
        Grade::DoesNotConform
    } else if must.applicable == 0 || must.passed < must.applicable || has_gap(scenarios) {
        Grade::Incomplete
    } else {
        Grade::Conforms
    };
    Score {
        grade,
        must,
        should,
        families: families.into_iter().collect(),
        unsafe_because,
        not_yet_checked: catalogue
            .iter()
            .filter(|requirement| role_of(requirement).is_some_and(|role| roles.contains(&role)))
            .filter(|requirement| !checked.contains(requirement.id.as_str()))
            .count(),
    }
}

/// A scenario that good systems bring to another end, whichever requirement was broken.
fn ended_wrongly(scenario: &ScenarioReport) -> bool {
    let mut expectations = scenario.expectations.iter();
    expectations.any(|expectation| expectation.verdict == Verdict::Fail)
}

/// A scenario that did not come to its point, or to no judgement at all.
fn has_gap(scenarios: &[ScenarioReport]) -> bool {
    let gaps = [
        Verdict::CouldNotRun,
        Verdict::Unknown,
        Verdict::HarnessError,
    ];
    scenarios
        .iter()
        .any(|scenario| gaps.contains(&scenario.verdict))
}

/// Exit status, with the precedence of the documentation.
pub fn exit(scenarios: &[ScenarioReport], outcomes: &[RequirementOutcome]) -> Exit {
    let scenario_is = |verdict| scenarios.iter().any(|scenario| scenario.verdict == verdict);
    let requirement_is = |verdict| outcomes.iter().any(|outcome| outcome.verdict == verdict);
    let mut all = Vec::new();
    if scenario_is(Verdict::HarnessError) || requirement_is(Verdict::HarnessError) {
        all.push(HARNESS_DEFECT);
    }
    if scenarios.iter().any(|scenario| scenario.mishap.is_some()) {
        all.push(SUT_UNFIT);
    }
    if scenario_is(Verdict::Fail) || requirement_is(Verdict::Fail) {
        all.push(FAILURES);
    }
    let nothing_judged = outcomes.is_empty()
        || scenarios
            .iter()
            .all(|scenario| scenario.verdict == Verdict::NotApplicable);
    let undecided = [Verdict::CouldNotRun, Verdict::Unknown]
        .into_iter()
        .any(|verdict| scenario_is(verdict) || requirement_is(verdict));
    if nothing_judged || undecided {
        all.push(INCOMPLETE);
    }
    Exit {
        code: all.first().copied().unwrap_or(CONFORMS),
        all,
    }
}

/// The verdict of a requirement over several scenarios: a breach before a doubt, a doubt before a
/// pass. That one scenario could not exercise it is that scenario's gap, not the requirement's.
pub fn worst(verdicts: &[Verdict]) -> Option<Verdict> {
    const ORDER: [Verdict; 10] = [
        Verdict::HarnessError,
        Verdict::Fail,
        Verdict::UnexpectedPass,
        Verdict::Flaky,
        Verdict::Unknown,
        Verdict::KnownFailure,
        Verdict::Warn,
        Verdict::Pass,
        Verdict::CouldNotRun,
        Verdict::NotApplicable,
    ];
    ORDER.into_iter().find(|verdict| verdicts.contains(verdict))
}

fn count(share: &mut Share, verdict: Verdict) {
    share.applicable += 1;
    share.passed += usize::from(verdict == Verdict::Pass);
}
