//! Every built-in broken system is caught by the requirement that it breaks, for the right reason.

#![cfg(test)]

mod support;

#[path = "broken/requesting.rs"]
mod requesting;
#[path = "broken/sending.rs"]
mod sending;

use gp2gp::driver::{Sut, Transport};
use gp2gp::run::{Options, run, usual_jobs};
use gp2gp::score::Scope;
use gp2gp_mocks::{Defect, SendingDefect};
use gp2gp_model::plan::Plan;
use gp2gp_model::report::{Grade, RunReport};
use gp2gp_model::verdict::{Finding, Profile, Verdict};

const fn reason(defect: Defect) -> &'static str {
    match defect {
        Defect::Requesting(defect) => requesting::reason(defect),
        Defect::Sending(defect) => sending::reason(defect),
    }
}

/// Scenarios run on each broken system: the smallest that exercise what it breaks.
const SCENARIOS: usize = 8;

/// Scenarios that must exercise the requirement of a defect, on the broken system.
fn run_broken(defect: Defect, profile: Profile) -> RunReport {
    let catalogue = support::catalogue();
    let mut plans = support::plans();
    plans.retain(|plan| {
        let ids = &plan.requirements;
        ids.iter().any(|id| id.as_str() == defect.caught_by())
    });
    plans.sort_by_key(Plan::bytes);
    plans.truncate(SCENARIOS);
    assert!(
        !plans.is_empty(),
        "no scenario exercises {}",
        defect.caught_by()
    );
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

fn failures(report: &RunReport) -> impl Iterator<Item = &Finding> {
    report
        .scenarios
        .iter()
        .flat_map(|scenario| &scenario.findings)
        .filter(|finding| finding.verdict == Verdict::Fail)
}

#[test]
fn every_broken_system_is_caught_by_the_requirement_that_it_breaks() {
    for defect in Defect::all() {
        let report = run_broken(defect, Profile::Strict);
        assert_eq!(
            report.exit.code, 1,
            "broken:{defect} ends with {:?}",
            report.exit
        );
        let seen: Vec<String> = failures(&report)
            .filter(|finding| finding.requirement.as_str() == defect.caught_by())
            .flat_map(|finding| {
                finding
                    .violations
                    .iter()
                    .map(|violation| violation.seen.clone())
            })
            .collect();
        assert!(
            !seen.is_empty(),
            "broken:{defect} does not turn {} red",
            defect.caught_by()
        );
        assert!(
            seen.iter().any(|text| text.contains(reason(defect))),
            "broken:{defect} is caught by {} for another reason: {seen:?}",
            defect.caught_by(),
        );
    }
}

/// In the field profile: a supplier's way of refusing another patient's record is no fault there.
#[test]
fn a_defect_turns_only_the_role_red_that_has_it() {
    for defect in Defect::all() {
        for finding in failures(&run_broken(defect, Profile::Field)) {
            assert_eq!(
                finding.role,
                defect.role(),
                "broken:{defect} turns {} red",
                finding.requirement
            );
        }
    }
}

#[test]
fn a_record_of_the_wrong_patient_makes_the_grade_unsafe() {
    assert_eq!(
        run_broken(SendingDefect::WrongNhsNumber.into(), Profile::Strict)
            .score
            .grade,
        Grade::Unsafe
    );
}
