//! JUnit XML for CI: a suite for each scenario, a case for each requirement.

use gp2gp_model::report::{RunReport, ScenarioReport, find};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::verdict::{Finding, Verdict};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

/// Renders a run.
pub fn junit(
    report: &RunReport,
    catalogue: &[Requirement],
) -> Result<String, quick_junit::SerializeError> {
    let mut junit = Report::new(format!("{} ({})", report.suite, report.notice));
    for scenario in &report.scenarios {
        junit.add_test_suite(suite(scenario, catalogue));
    }
    junit.to_string()
}

fn suite(scenario: &ScenarioReport, catalogue: &[Requirement]) -> TestSuite {
    let name = scenario.id.as_ref().map_or("recording", |id| id.as_str());
    let mut suite = TestSuite::new(name);
    suite.add_test_case(exercised(scenario));
    if !scenario.expectations.is_empty() {
        suite.add_test_case(ended(scenario));
    }
    for finding in &scenario.findings {
        suite.add_test_case(case(finding, scenario, catalogue));
    }
    suite
}

/// Whether the scenario did what it is about.
fn exercised(scenario: &ScenarioReport) -> TestCase {
    if let Some(why) = &scenario.not_applicable {
        let mut skipped = TestCaseStatus::skipped();
        skipped.set_message(format!("{}: {why}", scenario.verdict));
        return TestCase::new("exercised", skipped);
    }
    let unfit = scenario.mishap.as_ref().map(ToString::to_string);
    let error = scenario.error.as_ref().or(unfit.as_ref());
    let status = match (error, scenario.missing_facts.as_slice()) {
        (Some(error), _) => non_success(NonSuccessKind::Error, error, &scenario.reproduce),
        (None, []) => TestCaseStatus::success(),
        (None, missing) => non_success(
            NonSuccessKind::Failure,
            "the scenario did not exercise its point",
            &missing.join("\n"),
        ),
    };
    let mut case = TestCase::new("exercised", status);
    if !scenario.divergences.is_empty() {
        let lines = scenario.divergences.iter().map(ToString::to_string);
        case.set_system_out(lines.collect::<Vec<_>>().join("\n"));
    }
    case
}

/// Whether it ended as between good systems.
fn ended(scenario: &ScenarioReport) -> TestCase {
    let wrong = |verdict| {
        let expectations = scenario.expectations.iter();
        let lines: Vec<String> = expectations
            .filter(|it| it.verdict == verdict)
            .map(|it| format!("expected {}; seen {}", it.expected, it.seen))
            .collect();
        (!lines.is_empty())
            .then(|| format!("{}\nreproduce: {}", lines.join("\n"), scenario.reproduce))
    };
    let message = "the run did not end as between good systems";
    let status = match (wrong(Verdict::Fail), wrong(Verdict::CouldNotRun)) {
        (Some(lines), _) => non_success(NonSuccessKind::Failure, message, &lines),
        (None, Some(lines)) => non_success(
            NonSuccessKind::Error,
            "nobody says how the run ended",
            &lines,
        ),
        (None, None) => TestCaseStatus::success(),
    };
    TestCase::new("ended as expected", status)
}

fn case(finding: &Finding, scenario: &ScenarioReport, catalogue: &[Requirement]) -> TestCase {
    let wording = find(catalogue, &finding.requirement).map_or("", |row| row.wording.as_str());
    let status = match finding.verdict {
        Verdict::Pass | Verdict::KnownFailure => TestCaseStatus::success(),
        Verdict::Fail | Verdict::UnexpectedPass | Verdict::Flaky => non_success(
            NonSuccessKind::Failure,
            wording,
            &details(finding, scenario),
        ),
        Verdict::HarnessError | Verdict::CouldNotRun | Verdict::Unknown => {
            non_success(NonSuccessKind::Error, wording, &details(finding, scenario))
        }
        Verdict::Warn | Verdict::NotApplicable => {
            let mut skipped = TestCaseStatus::skipped();
            skipped.set_message(format!(
                "{}: {}",
                finding.verdict,
                details(finding, scenario)
            ));
            skipped
        }
    };
    let mut case = TestCase::new(finding.requirement.as_str(), status);
    case.set_classname(scenario.id.as_ref().map_or("recording", |id| id.as_str()));
    case
}

fn non_success(kind: NonSuccessKind, message: &str, details: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(message);
    status.set_description(details);
    status
}

fn details(finding: &Finding, scenario: &ScenarioReport) -> String {
    let mut lines: Vec<String> = finding
        .violations
        .iter()
        .map(|violation| format!("expected {}; seen {}", violation.expected, violation.seen))
        .collect();
    lines.extend(finding.note.clone());
    lines.push(format!("reproduce: {}", scenario.reproduce));
    lines.join("\n")
}
