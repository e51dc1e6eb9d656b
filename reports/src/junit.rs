//! JUnit XML for CI: a suite for each scenario, a case for each requirement.

use std::time::Duration;

use gp2gp_model::report::{RunReport, ScenarioReport, find};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::trace::TimeMode;
use gp2gp_model::verdict::{Finding, Verdict};
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use crate::problem::{details, joined};
use crate::text::{id_of, in_a_line, visible};

/// An attribute has one line.
const LONGEST_MESSAGE: usize = 2_000;

/// Renders a run.
pub fn junit(
    report: &RunReport,
    catalogue: &[Requirement],
) -> Result<String, quick_junit::SerializeError> {
    let name = format!("{} ({})", report.suite, report.notice);
    let mut junit = Report::new(visible(&name));
    for scenario in &report.scenarios {
        junit.add_test_suite(suite(scenario, report, catalogue));
    }
    junit.to_string()
}

fn suite(scenario: &ScenarioReport, report: &RunReport, catalogue: &[Requirement]) -> TestSuite {
    let mut suite = TestSuite::new(id_of(scenario));
    let is_real = match report.time_mode {
        TimeMode::Wall => true,
        // Days pass in a moment: nobody waited for them.
        TimeMode::Virtual | TimeMode::Compressed | TimeMode::Recorded => false,
    };
    if is_real {
        suite.set_time(Duration::from_millis(scenario.lasted_ms));
    }
    let mut property = |name: &str, value: &str| {
        suite.add_property(Property::new(name, visible(value)));
    };
    property("title", &scenario.title);
    property("system", &report.sut);
    property("profile", &report.profile.to_string());
    property("time", report.time_mode.name());
    if let Some(source) = &scenario.source {
        property("file", &source.file);
        property("sha256", &source.sha256.to_string());
        property("seed", &source.seed.to_string());
    }
    property("reproduce", &scenario.reproduce);
    let mut cases = vec![exercised(scenario)];
    if !scenario.expectations.is_empty() {
        cases.push(ended(scenario));
    }
    let findings = scenario.findings.iter();
    cases.extend(findings.map(|finding| case(finding, scenario, catalogue)));
    for mut case in cases {
        case.set_classname(id_of(scenario));
        suite.add_test_case(case);
    }
    suite
}

/// Whether the scenario did what it is about.
fn exercised(scenario: &ScenarioReport) -> TestCase {
    if let Some(why) = &scenario.not_applicable {
        return TestCase::new("exercised", skipped(scenario.verdict, why));
    }
    let unfit = scenario.mishap.as_ref().map(ToString::to_string);
    let error = scenario.error.as_ref().or(unfit.as_ref());
    let status = match (error, scenario.missing_facts.as_slice()) {
        (Some(error), _) => non_success(
            (NonSuccessKind::Error, scenario.verdict),
            error,
            &reproduce(scenario),
        ),
        (None, []) => TestCaseStatus::success(),
        (None, missing) => non_success(
            (NonSuccessKind::Failure, Verdict::CouldNotRun),
            "the scenario did not exercise its point",
            &format!("{}\n{}", missing.join("\n"), reproduce(scenario)),
        ),
    };
    let mut case = TestCase::new("exercised", status);
    if !scenario.divergences.is_empty() {
        let lines = scenario.divergences.iter().map(ToString::to_string);
        case.set_system_out(visible(&lines.collect::<Vec<_>>().join("\n")));
    }
    case
}

/// Whether it ended as it does between good systems.
fn ended(scenario: &ScenarioReport) -> TestCase {
    let wrong = |verdict| {
        let expectations = scenario.expectations.iter();
        let lines: Vec<String> = expectations
            .filter(|it| it.verdict == verdict)
            .map(|it| format!("expected {}; seen {}", it.expected, it.seen))
            .collect();
        (!lines.is_empty()).then(|| format!("{}\n{}", lines.join("\n"), reproduce(scenario)))
    };
    let status = match (wrong(Verdict::Fail), wrong(Verdict::CouldNotRun)) {
        (Some(lines), _) => non_success(
            (NonSuccessKind::Failure, Verdict::Fail),
            "the run did not end as it does between good systems",
            &lines,
        ),
        (None, Some(lines)) => non_success(
            (NonSuccessKind::Error, Verdict::CouldNotRun),
            "nobody says how the run ended",
            &lines,
        ),
        (None, None) => TestCaseStatus::success(),
    };
    TestCase::new("ended as expected", status)
}

fn case(finding: &Finding, scenario: &ScenarioReport, catalogue: &[Requirement]) -> TestCase {
    let requirement = find(catalogue, &finding.requirement);
    let wording = requirement.map_or("", |row| row.wording.as_str());
    let status = |kind| {
        let told = told(finding, requirement, scenario);
        non_success((kind, finding.verdict), wording, &told)
    };
    let status = match finding.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail | Verdict::UnexpectedPass | Verdict::Flaky => status(NonSuccessKind::Failure),
        Verdict::HarnessError | Verdict::CouldNotRun | Verdict::Unknown => {
            status(NonSuccessKind::Error)
        }
        // Nobody shows a case that passed: what is accepted stays in sight.
        Verdict::Warn | Verdict::NotApplicable | Verdict::KnownFailure => {
            skipped(finding.verdict, &told(finding, requirement, scenario))
        }
    };
    let mut case = TestCase::new(finding.requirement.as_str(), status);
    let mut property = |name: &str, value: &str| {
        case.add_property(Property::new(name, visible(value)));
    };
    property("verdict", finding.verdict.name());
    property("level", &finding.level.to_string());
    property("role", finding.role.name());
    property("occasions", &finding.occasions.to_string());
    if let Some(requirement) = requirement {
        property("family", requirement.family());
        property("clause", &requirement.clause.join(", "));
        property("evidence", &requirement.evidence);
        property("safety", &requirement.safety.to_string());
    }
    case
}

fn non_success(
    (kind, verdict): (NonSuccessKind, Verdict),
    message: &str,
    details: &str,
) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(verdict.name());
    status.set_message(in_a_line(message, LONGEST_MESSAGE));
    status.set_description(visible(details));
    status
}

fn skipped(verdict: Verdict, why: &str) -> TestCaseStatus {
    let mut skipped = TestCaseStatus::skipped();
    skipped.set_type(verdict.name());
    skipped.set_message(in_a_line(&format!("{verdict}: {why}"), LONGEST_MESSAGE));
    skipped
}

/// What a person needs to act on it.
fn told(finding: &Finding, requirement: Option<&Requirement>, scenario: &ScenarioReport) -> String {
    let mut lines = vec![joined(&details(finding), "\n")];
    if let Some(requirement) = requirement {
        lines.push(format!("clause: {}", requirement.clause.join(", ")));
        lines.push(format!("why: {}", requirement.rationale.trim()));
    }
    lines.push(reproduce(scenario));
    lines.join("\n")
}

fn reproduce(scenario: &ScenarioReport) -> String {
    format!("reproduce: {}", scenario.reproduce)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::fixture;

    const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemas/junit-10.xsd");

    /// What xmllint says of a report; `None` with a notice if it cannot be asked.
    fn xmllint(xml: &str) -> Option<Result<(), String>> {
        let child = Command::new("xmllint")
            .args(["--noout", "--nonet", "--schema", SCHEMA, "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            assert!(std::env::var_os("CI").is_none(), "CI needs xmllint");
            return None;
        };
        child.stdin.take()?.write_all(xml.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        Some(match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        })
    }

    #[test]
    fn a_report_keeps_to_the_schema_of_jenkins() {
        let mut report = fixture::report();
        for time_mode in [TimeMode::Virtual, TimeMode::Wall] {
            report.time_mode = time_mode;
            let xml = junit(&report, &fixture::catalogue()).unwrap();
            let Some(said) = xmllint(&xml) else { return };
            assert_eq!(said, Ok(()), "{xml}");
            let broken = xml.replacen("<testcase name=", "<testcase called=", 1);
            let said = xmllint(&broken).unwrap();
            assert!(said.is_err_and(|why| why.contains("'called' is not allowed")));
        }
    }

    #[test]
    fn each_verdict_is_called_what_it_is() {
        let xml = junit(&fixture::report(), &fixture::catalogue()).unwrap();
        insta::assert_snapshot!(xml);
        let case = |id: &str| {
            let (_, from) = xml.split_once(&format!("<testcase name=\"{id}\"")).unwrap();
            from.split_once("</testcase>").unwrap().0
        };
        for (id, (element, kind)) in [
            ("SND-02", ("<failure message=", " type=\"fail\"")),
            ("SND-04", ("<skipped message=", " type=\"warn\"")),
            ("SND-05", ("<skipped message=", " type=\"not_applicable\"")),
            ("SND-06", ("<error message=", " type=\"could_not_run\"")),
            ("SND-07", ("<error message=", " type=\"unknown\"")),
            ("SND-08", ("<skipped message=", " type=\"known_failure\"")),
            ("SND-09", ("<failure message=", " type=\"unexpected_pass\"")),
            ("SND-10", ("<failure message=", " type=\"flaky\"")),
            ("SND-11", ("<error message=", " type=\"harness_error\"")),
        ] {
            let case = case(id);
            assert!(
                case.contains(element) && case.contains(kind),
                "{id}: {case}"
            );
        }
        let passed = case("SND-01");
        for element in ["<failure", "<error", "<skipped"] {
            assert!(!passed.contains(element), "{passed}");
        }
    }

    #[test]
    fn only_time_that_somebody_waited_is_a_time() {
        let mut report = fixture::conforming();
        let timed = |report: &RunReport| {
            let xml = junit(report, &fixture::catalogue()).unwrap();
            xml.contains("time=\"62.500\"")
        };
        assert!(!timed(&report));
        report.time_mode = TimeMode::Wall;
        assert!(timed(&report));
    }
}
