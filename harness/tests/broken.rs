//! Every built-in broken system is caught by the requirement that it breaks, for the right reason.

#![cfg(test)]

mod support;

#[path = "broken/requesting.rs"]
mod requesting;
#[path = "broken/sending.rs"]
mod sending;

use std::collections::BTreeSet;

use gp2gp::driver::{Sut, Transport};
use gp2gp::run::{Options, run, usual_jobs};
use gp2gp::score::Scope;
use gp2gp_mocks::{Defect, RequestingDefect, SendingDefect};
use gp2gp_model::plan::Plan;
use gp2gp_model::report::{Grade, RunReport};
use gp2gp_model::requirement::Level;
use gp2gp_model::verdict::{Finding, Profile, Verdict};

const fn reason(defect: Defect) -> &'static str {
    match defect {
        Defect::Requesting(defect) => requesting::reason(defect),
        Defect::Sending(defect) => sending::reason(defect),
    }
}

/// Scenarios run on each broken system: the smallest that exercise what it breaks.
const SCENARIOS: usize = 12;

/// The smallest scenarios that must exercise a requirement, on a broken system.
fn run_broken(defect: Defect, requirement: &str, profile: Profile) -> RunReport {
    let catalogue = support::catalogue();
    let mut plans = support::plans();
    plans.retain(|plan| {
        let ids = &plan.requirements;
        ids.iter().any(|id| id.as_str() == requirement)
    });
    plans.sort_by_key(Plan::bytes);
    plans.truncate(SCENARIOS);
    assert!(!plans.is_empty(), "no scenario exercises {requirement}");
    let options = Options {
        catalogue: &catalogue,
        sut: Sut::Broken(defect),
        not_claimed: &[],
        transport: Transport::Virtual,
        profile,
        scope: Scope::Selection,
        out: None,
        left_out: &[],
        jobs: usual_jobs(),
    };
    run(&plans, &options, &|_| {})
}

/// Breaches of what must be, and of what should be.
fn failures(report: &RunReport) -> impl Iterator<Item = &Finding> {
    report
        .scenarios
        .iter()
        .flat_map(|scenario| &scenario.findings)
        .filter(|finding| matches!(finding.verdict, Verdict::Fail | Verdict::Warn))
}

/// How a broken system gets away: a requirement does not turn red, or does so for another reason
/// than the one that the violation must show.
fn miss(defect: Defect, requirement: &str, reason: &str) -> Option<String> {
    let report = run_broken(defect, requirement, Profile::Strict);
    let found: Vec<&Finding> = failures(&report)
        .filter(|finding| finding.requirement.as_str() == requirement)
        .collect();
    let is_must = found.iter().any(|finding| finding.level == Level::Must);
    if is_must && report.exit.code != 1 {
        return Some(format!("broken:{defect} ends with {:?}", report.exit));
    }
    let violations = found.iter().flat_map(|finding| &finding.violations);
    let seen: Vec<&String> = violations.map(|violation| &violation.seen).collect();
    if seen.is_empty() {
        return Some(format!("broken:{defect} does not turn {requirement} red"));
    }
    let is_shown = seen.iter().any(|text| text.contains(reason));
    (!is_shown).then(|| {
        format!(
            "broken:{defect} turns {requirement} red for another reason than `{reason}`: {seen:#?}"
        )
    })
}

#[test]
fn every_broken_system_is_caught_by_the_requirement_that_it_breaks() {
    let misses: Vec<String> = Defect::all()
        .filter_map(|defect| miss(defect, defect.caught_by(), reason(defect)))
        .collect();
    assert!(misses.is_empty(), "{}", misses.join("\n"));
}

#[test]
fn some_broken_systems_are_caught_by_more_than_that() {
    let misses: Vec<String> = requesting::ALSO
        .iter()
        .filter_map(|(requirement, defect, reason)| miss((*defect).into(), requirement, reason))
        .collect();
    assert!(misses.is_empty(), "{}", misses.join("\n"));
}

#[test]
fn every_check_of_a_requesting_system_is_turned_red_by_a_broken_one() {
    let own = RequestingDefect::ALL.iter().copied().map(Defect::from);
    let also = requesting::ALSO
        .iter()
        .map(|(requirement, _, _)| *requirement);
    let caught: BTreeSet<&str> = own.map(Defect::caught_by).chain(also).collect();
    let checks = gp2gp::check::rcv::checks();
    let uncaught: Vec<&str> = checks
        .iter()
        .map(|check| check.requirement)
        .filter(|requirement| !caught.contains(requirement))
        .collect();
    assert!(uncaught.is_empty(), "no broken system breaks {uncaught:?}");
}

/// In the field profile: a supplier's way of refusing another patient's record is no fault there.
#[test]
fn a_defect_turns_only_the_role_red_that_has_it() {
    let mut blamed = Vec::new();
    for defect in Defect::all() {
        let report = run_broken(defect, defect.caught_by(), Profile::Field);
        let others = failures(&report).filter(|finding| finding.role != defect.role());
        blamed.extend(others.map(|finding| {
            let (requirement, scenario) = (&finding.requirement, &finding.scenario);
            let violations = &finding.violations;
            format!("broken:{defect} turns {requirement} red in {scenario:?}: {violations:#?}")
        }));
    }
    assert!(blamed.is_empty(), "{}", blamed.join("\n"));
}

#[test]
fn a_record_of_the_wrong_patient_makes_the_grade_unsafe() {
    assert_eq!(
        run_broken(
            SendingDefect::WrongNhsNumber.into(),
            "SND-20",
            Profile::Strict
        )
        .score
        .grade,
        Grade::Unsafe
    );
}
