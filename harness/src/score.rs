//! From findings to a score, a grade and an exit status.

use std::collections::{BTreeMap, BTreeSet};

use gp2gp_model::RequirementId;
use gp2gp_model::baseline::BaselineReport;
use gp2gp_model::plan::Role;
use gp2gp_model::report::{Exit, Grade, RequirementOutcome, ScenarioReport, Score, Share};
use gp2gp_model::requirement::{Level, Requirement};
use gp2gp_model::run_log::Scope;
use gp2gp_model::verdict::{Finding, Verdict};

use crate::judge::{checked_requirements, role_of};

/// Everything conforms.
pub const CONFORMS: u8 = 0;
/// A MUST failed.
pub const FAILURES: u8 = 1;
/// The call or a scenario file is wrong.
pub const USAGE: u8 = 2;
/// Nothing failed, and not everything could be judged.
pub const INCOMPLETE: u8 = 3;
/// The baseline of known failures is out of date.
pub const STALE_BASELINE: u8 = 4;
/// The system under test is not there, hangs, or violates the control contract.
pub const SUT_UNFIT: u8 = 7;
/// We could not judge, and it is our fault.
pub const HARNESS_DEFECT: u8 = 70;

/// Outcome of every requirement of these roles.
pub fn outcomes(
    catalogue: &[Requirement],
    roles: &[Role],
    scenarios: &[ScenarioReport],
    scope: Scope,
) -> Vec<RequirementOutcome> {
    let checked = checked_requirements();
    let mut findings: BTreeMap<&RequirementId, Vec<&Finding>> = BTreeMap::new();
    for finding in scenarios.iter().flat_map(|scenario| &scenario.findings) {
        findings
            .entry(&finding.requirement)
            .or_default()
            .push(finding);
    }
    catalogue
        .iter()
        .filter(|requirement| checked.contains(requirement.id.as_str()))
        .filter(|requirement| role_of(requirement).is_some_and(|role| roles.contains(&role)))
        .filter_map(|requirement| {
            let found = findings.get(&requirement.id).map_or(&[][..], Vec::as_slice);
            let verdicts: Vec<Verdict> = found.iter().map(|finding| finding.verdict).collect();
            let verdict = match (worst(&verdicts), scope) {
                (Some(verdict), Scope::Suite | Scope::Selection) => verdict,
                (None, Scope::Suite) => Verdict::CouldNotRun,
                (None, Scope::Selection) => return None,
            };
            let mut decisive = found.iter().filter(|finding| finding.verdict == verdict);
            Some(RequirementOutcome {
                id: requirement.id.clone(),
                level: requirement.level,
                family: requirement.family().to_owned(),
                safety: requirement.safety,
                verdict,
                known: !found.is_empty() && decisive.all(|finding| finding.known.is_some()),
                exercised_in: found
                    .iter()
                    .filter(|finding| finding.verdict != Verdict::CouldNotRun)
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
        .filter(|outcome| outcome.safety && is_broken(outcome.verdict))
        .map(|outcome| outcome.id.clone())
        .collect();
    let is_broken_must =
        |outcome: &RequirementOutcome| outcome.level == Level::Must && is_broken(outcome.verdict);
    let grade = if !unsafe_because.is_empty() {
        Grade::Unsafe
    } else if outcomes.iter().any(is_broken_must) || scenarios.iter().any(ended_wrongly) {
        Grade::DoesNotConform
    } else if must.applicable == 0 || must.passed < must.applicable || has_gap(scenarios) {
        Grade::Incomplete
    } else {
        Grade::Conforms
    };
    let unchecked: Vec<_> = catalogue
        .iter()
        .filter(|requirement| role_of(requirement).is_some_and(|role| roles.contains(&role)))
        .filter(|requirement| !checked.contains(requirement.id.as_str()))
        .map(|requirement| requirement.id.clone())
        .collect();
    Score {
        grade,
        must,
        should,
        families: families.into_iter().collect(),
        unsafe_because,
        not_yet_checked: unchecked.len(),
        unchecked,
    }
}

/// A failure that is known is borne, and is a failure.
const fn is_broken(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Fail | Verdict::KnownFailure | Verdict::Flaky => true,
        Verdict::Pass
        | Verdict::Warn
        | Verdict::NotApplicable
        | Verdict::CouldNotRun
        | Verdict::Unknown
        | Verdict::UnexpectedPass
        | Verdict::HarnessError => false,
    }
}

/// A scenario that good systems bring to another end, whichever requirement was broken.
fn ended_wrongly(scenario: &ScenarioReport) -> bool {
    let mut expectations = scenario.expectations.iter();
    expectations.any(|expectation| is_broken(expectation.verdict))
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
///
/// `baseline` is stale if an entry is; `is_whole` is not, if the run was broken off.
pub fn exit(
    scenarios: &[ScenarioReport],
    outcomes: &[RequirementOutcome],
    baseline: Option<&BaselineReport>,
    is_whole: bool,
) -> Exit {
    let scenario_is = |verdict| scenarios.iter().any(|scenario| scenario.verdict == verdict);
    let requirement_is = |verdict| outcomes.iter().any(|outcome| outcome.verdict == verdict);
    // What the baseline knows is borne.
    let is_open = |verdict| outcomes.iter().any(|it| it.verdict == verdict && !it.known);
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
        .any(|verdict| scenario_is(verdict) || is_open(verdict));
    if nothing_judged || undecided || !is_whole {
        all.push(INCOMPLETE);
    }
    if baseline.is_some_and(|baseline| !baseline.stale.is_empty()) {
        all.push(STALE_BASELINE);
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
        Verdict::Warn,
        Verdict::Flaky,
        Verdict::KnownFailure,
        Verdict::Unknown,
        Verdict::UnexpectedPass,
        Verdict::Pass,
        Verdict::CouldNotRun,
        Verdict::NotApplicable,
    ];
    ORDER.into_iter().find(|verdict| verdicts.contains(verdict))
}

fn count(share: &mut Share, verdict: Verdict) {
    share.applicable += 1;
    share.passed += usize::from(matches!(verdict, Verdict::Pass | Verdict::UnexpectedPass));
}
