//! How a run should end, to whom a scenario applies, and that neither is taken for the other.

#![cfg(test)]

mod support;

use std::num::NonZeroUsize;

use gp2gp::driver::{Sut, Transport};
use gp2gp::run::{Options, run};
use gp2gp_mocks::Defect;
use gp2gp_model::Capability;
use gp2gp_model::expectation::{Expectation, Of, Outcome};
use gp2gp_model::plan::Plan;
use gp2gp_model::report::{ExpectationReport, Grade, RunReport, ScenarioReport};
use gp2gp_model::run_log::Scope;
use gp2gp_model::trace::TimeMode;
use gp2gp_model::verdict::{Profile, Verdict};
use gp2gp_scenarios::{load_str, lower, parse};

fn report(plan: &Plan, sut: Sut, not_claimed: &[Capability]) -> RunReport {
    let catalogue = support::catalogue();
    let options = Options {
        catalogue: &catalogue,
        sut,
        not_claimed,
        transport: Transport::Virtual,
        replay: None,
        attached: None,
        profile: Profile::Strict,
        scope: Scope::Selection,
        out: None,
        left_out: &[],
        jobs: NonZeroUsize::MIN,
    };
    run(std::slice::from_ref(plan), &options, &|_| {}).unwrap()
}

fn scenario(report: &RunReport) -> &ScenarioReport {
    report.scenarios.first().expect("one scenario")
}

/// A transfer of three documents of which one is missing, with this below `[expect]`.
fn expecting(expect: &str) -> Plan {
    let text = format!(
        r#"
title = "Three documents"
judges = ["requesting", "sending"]
requirements = ["SND-14"]
[[patient]]
name = "alice"
[[patient.document]]
type = "image/tiff"
size = "20 KB"
count = 2
[[patient.document]]
type = "text/rtf"
size = "20 KB"
missing = "deleted"
[[patient]]
name = "bob"
held = false
[exercised]
accepted = [{{ from = "sending", kind = "extract", exactly = 1 }}]
[expect]
{expect}
"#
    );
    let source = load_str("test/expecting", &text).expect("it has a name");
    let scenarios =
        parse(&source).unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)));
    lower(&scenarios[0], &support::catalogue(), None)
        .unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)))
}

fn wrong(report: &RunReport) -> Vec<(&str, &str)> {
    scenario(report)
        .expectations
        .iter()
        .filter(|it| it.verdict != Verdict::Pass)
        .map(|ExpectationReport { expected, seen, .. }| (expected.as_str(), seen.as_str()))
        .collect()
}

#[test]
fn a_run_that_ends_as_expected_passes() {
    let plan = expecting(
        "outcome = { alice = 'integrated', bob = 'refused' }\nprint_state = { alice = 2, bob = 4 }\ndocuments_filed = { alice = 3, bob = 0 }\nplaceholders_filed = { alice = 1, bob = 0 }\nmessages_at_most = 6",
    );
    assert_eq!(plan.expects.len(), 9);
    let report = report(&plan, Sut::Reference, &[]);
    assert_eq!(wrong(&report), []);
    assert_eq!(report.exit.code, 0, "{:?}", report.exit);
}

#[test]
fn a_run_that_ends_otherwise_fails_whatever_its_requirements_say() {
    let plan = expecting(
        "outcome = 'refused'\nprint_state = { alice = 1 }\ndocuments_filed = { alice = 2 }\nplaceholders_filed = { alice = 0 }\nmessages_at_most = 5",
    );
    let report = report(&plan, Sut::Reference, &[]);
    assert_eq!(
        wrong(&report),
        [
            (
                "alice ends refused",
                "integrated: the record was acknowledged with AA"
            ),
            ("alice ends in print state 1", "print state 2"),
            ("2 documents of alice are filed", "3 documents"),
            ("0 placeholders of alice are filed", "1 placeholder"),
            (
                "the two systems post at most 5 messages",
                "6: 3 of the requesting system, 3 of the sending system"
            ),
        ]
    );
    let scenario = scenario(&report);
    assert!(
        scenario
            .findings
            .iter()
            .all(|finding| finding.verdict == Verdict::Pass)
    );
    assert_eq!(scenario.verdict, Verdict::Fail);
    assert_eq!(
        (report.exit.code, report.score.grade),
        (1, Grade::DoesNotConform)
    );
    let text = gp2gp_reports::run(&report, &support::catalogue());
    assert!(
        text.contains("the run did not end as it does between good systems"),
        "{text}"
    );
    let junit = gp2gp_reports::junit(&report, &support::catalogue()).expect("it is written");
    assert!(
        junit.contains("<testcase name=\"ended as expected\" classname=\"test/expecting\">")
            && junit.contains("expected alice ends refused; seen integrated"),
        "{junit}"
    );
}

#[test]
fn of_a_run_that_missed_its_point_nothing_is_expected() {
    let mut plan = expecting("outcome = 'refused'");
    let fact = support::plan("people/suppress").exercised_when;
    plan.exercised_when = fact;
    let report = report(&plan, Sut::Reference, &[]);
    let scenario = scenario(&report);
    assert_eq!(scenario.verdict, Verdict::CouldNotRun);
    assert!(
        scenario
            .expectations
            .iter()
            .all(|it| it.verdict == Verdict::CouldNotRun
                && it.seen == "the scenario did not come to its point")
    );
    assert_eq!(report.exit.code, 3);
}

#[test]
fn a_record_that_nobody_files_counts_no_documents() {
    let mut plan = expecting("documents_filed = { alice = 0 }\noutcome = { alice = 'failed' }");
    plan.patients[0].habit.decision = None;
    let report = report(&plan, Sut::Reference, &[]);
    assert_eq!(wrong(&report), []);
}

#[test]
fn every_way_to_end_is_told_from_the_wire() {
    for (id, ends) in [
        ("transfer/small-record", &[Outcome::Integrated][..]),
        ("people/suppress", &[Outcome::Suppressed]),
        ("refusal/gp2gp-off", &[Outcome::Refused]),
        ("outage/core-lost", &[Outcome::Failed]),
        (
            "registration/pds-update-fails",
            &[Outcome::NotRequested, Outcome::Integrated],
        ),
    ] {
        let plan = support::plan(id);
        let expected: Vec<Outcome> = plan
            .expects
            .iter()
            .filter_map(|expectation| match expectation {
                Expectation::Outcome(of) => Some(of.value),
                Expectation::PrintState(_)
                | Expectation::DocumentsFiled(_)
                | Expectation::PlaceholdersFiled(_)
                | Expectation::Case(_)
                | Expectation::MessagesAtMost(_) => None,
            })
            .collect();
        assert_eq!(expected, ends, "{id}");
        assert_eq!(wrong(&report(&plan, Sut::Reference, &[])), [], "{id}");
    }
}

/// The first word counts, and a refusal only until the record is sent again.
#[test]
fn of_contradicting_acknowledgements_the_first_says_how_it_ended() {
    for (id, ends) in [
        ("acks/record-contradicted/first=AA", Outcome::Integrated),
        ("acks/record-contradicted/first=11", Outcome::Failed),
        ("resend/after-failed-integration", Outcome::Integrated),
        ("duplicate/core-while-pending", Outcome::Integrated),
    ] {
        let mut plan = support::plan(id);
        let patient = &plan.patients[0];
        plan.expects = vec![Expectation::Outcome(Of {
            label: patient.label.clone(),
            patient: patient.nhs_number,
            value: ends,
        })];
        assert_eq!(wrong(&report(&plan, Sut::Reference, &[])), [], "{id}");
    }
}

#[test]
fn a_broken_system_ends_in_another_way() {
    let defect = Defect::from_name("no-final-ack").expect("it is built in");
    let report = report(
        &support::plan("transfer/small-record"),
        Sut::broken(defect),
        &[],
    );
    assert_eq!(
        wrong(&report),
        [(
            "alice ends integrated",
            "failed: nobody acknowledged the record"
        )]
    );
}

#[test]
fn a_scenario_that_needs_what_is_not_claimed_does_not_apply_and_proves_nothing() {
    let plan = support::plan("transfer/skeleton");
    let report = report(&plan, Sut::Reference, &[Capability::LargeMessaging]);
    let scenario = scenario(&report);
    let why = "needs large-messaging, which the system does not claim";
    assert_eq!(scenario.verdict, Verdict::NotApplicable);
    assert_eq!(scenario.not_applicable.as_deref(), Some(why));
    assert_eq!(scenario.messages, 0);
    assert_eq!(scenario.findings.len(), plan.requirements.len());
    assert!(
        report
            .requirements
            .iter()
            .all(|row| row.verdict == Verdict::NotApplicable)
    );
    assert_eq!(report.score.must.applicable, 0);
    assert_eq!(
        (report.exit.code, report.score.grade),
        (3, Grade::Incomplete)
    );
    assert!(
        scenario.reproduce.contains(" --without large-messaging "),
        "{}",
        scenario.reproduce
    );
    let text = gp2gp_reports::run(&report, &support::catalogue());
    assert!(
        text.contains(why) && text.contains("1 does not apply"),
        "{text}"
    );
    let junit = gp2gp_reports::junit(&report, &support::catalogue()).expect("it is written");
    assert!(
        junit.contains(&format!("<skipped message=\"not_applicable: {why}\" type=")),
        "{junit}"
    );
}

#[test]
fn what_is_not_claimed_and_not_needed_hinders_nothing() {
    let plan = support::plan("transfer/skeleton");
    let report = report(&plan, Sut::Reference, &[Capability::ReturningPatients]);
    assert_eq!(scenario(&report).verdict, Verdict::Pass);
}

#[test]
fn a_scenario_of_another_time_does_not_apply_and_leaves_a_gap() {
    let mut plan = support::plan("transfer/small-record");
    plan.time_modes = vec![TimeMode::Compressed, TimeMode::Wall];
    let report = report(&plan, Sut::Reference, &[]);
    let scenario = scenario(&report);
    assert_eq!(scenario.verdict, Verdict::NotApplicable);
    assert_eq!(
        scenario.not_applicable.as_deref(),
        Some("makes sense in compressed or wall time, this is virtual time")
    );
    assert!(scenario.findings.is_empty());
    assert_eq!(report.exit.code, 3);
}
