//! SARIF 2.1.0 for code scanning and editors: a rule for each requirement, a result for each that was not kept,
//! at the line of the scenario that names it.

use gp2gp_model::baseline::CheckName;
use gp2gp_model::report::{Change, ChangeKind, RunReport, ScenarioReport};
use gp2gp_model::requirement::{Level, Requirement};
use gp2gp_model::verdict::Verdict;
use gp2gp_model::{RequirementId, Sha256};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use crate::problem::{Gravity, Problem, details, joined, of_scenario, place};
use crate::text::{id_of, visible};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What is asked of every scenario and system beside the requirements.
const OWN_RULES: [(&str, &str); 3] = [
    (
        "exercised",
        "The scenario comes to the point that it is about.",
    ),
    (
        "ended-as-expected",
        "The run ends as it does between good systems.",
    ),
    (
        "fit",
        "The system under test is there, answers, and forgets a run.",
    ),
];

/// Renders a run. What passed, and what does not apply, is in no result: viewers show every result as an alert.
pub fn sarif(report: &RunReport, catalogue: &[Requirement]) -> Result<String, serde_json::Error> {
    let rules = rules(report, catalogue);
    let mut results = Vec::new();
    let mut notifications = Vec::new();
    for scenario in &report.scenarios {
        for problem in of_scenario(scenario, catalogue) {
            match problem.verdict {
                Verdict::HarnessError => notifications.push(notification(&problem)),
                Verdict::Fail
                | Verdict::Warn
                | Verdict::Unknown
                | Verdict::CouldNotRun
                | Verdict::UnexpectedPass
                | Verdict::Flaky
                | Verdict::Pass
                | Verdict::NotApplicable
                | Verdict::KnownFailure => results.push(result(&problem, &rules, report)),
            }
        }
        results.extend(known(scenario, &rules, report));
    }
    let name = report.suite.split(' ').next().unwrap_or(&report.suite);
    let version = report.suite.rsplit(' ').next().unwrap_or_default();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": visible(name),
                "semanticVersion": visible(version),
                "rules": rules.into_iter().map(|(_, rule)| rule).collect::<Vec<_>>(),
            }},
            "automationDetails": {
                "id": format!("gp2gp/{}/{}/", encoded(&report.sut), report.profile),
            },
            "invocations": [{
                // What a system under test breaks is a result, not a failure of the tool.
                "executionSuccessful": report.exit.code != 70,
                "exitCode": report.exit.code,
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
            "properties": {
                "notice": visible(&report.notice),
                "systemUnderTest": visible(&report.sut),
                "profile": report.profile,
                "timeMode": report.time_mode,
                "grade": report.score.grade,
            },
        }],
    });
    Ok(serde_json::to_string_pretty(&log)? + "\n")
}

type Rules = Vec<(String, Value)>;

/// Every requirement that was judged, then our own.
fn rules(report: &RunReport, catalogue: &[Requirement]) -> Rules {
    let judged = |requirement: &&Requirement| {
        let findings = || report.scenarios.iter().flat_map(|it| &it.findings);
        report
            .requirements
            .iter()
            .any(|outcome| outcome.id == requirement.id)
            || findings().any(|finding| finding.requirement == requirement.id)
    };
    let mut rules: Rules = catalogue
        .iter()
        .filter(judged)
        .map(|requirement| (requirement.id.to_string(), rule(requirement)))
        .collect();
    rules.extend(OWN_RULES.into_iter().map(|(id, text)| {
        let rule = json!({
            "id": id,
            "shortDescription": { "text": text },
            "defaultConfiguration": { "level": "error" },
            "properties": { "tags": ["gp2gp", "scenario"] },
        });
        (id.to_owned(), rule)
    }));
    rules
}

fn rule(requirement: &Requirement) -> Value {
    let Requirement {
        id,
        wording,
        clause,
        level,
        role,
        safety,
        of_handler: _,
        rationale,
        evidence,
    } = requirement;
    let clause = clause.join(", ");
    let mut tags = vec![
        "gp2gp".to_owned(),
        requirement.family().to_owned(),
        role.to_string(),
        level.to_string(),
    ];
    if *safety {
        tags.push("safety".to_owned());
    }
    let help = format!(
        "{wording}\n\n{rationale}\n\nWhat proves or breaks it: {evidence}\n\nClause: {clause}. \
        `gp2gp explain {id}` says where it is put to the test."
    );
    json!({
        "id": id,
        "shortDescription": { "text": message(wording) },
        "fullDescription": { "text": message(rationale) },
        "help": { "text": message(&help) },
        "defaultConfiguration": { "level": of_level(*level) },
        "properties": { "tags": tags, "clause": clause, "precision": "very-high" },
    })
}

const fn of_level(level: Level) -> &'static str {
    match level {
        Level::Must => "error",
        Level::Should => "warning",
    }
}

/// How SARIF calls a verdict: `kind` and `level`. Anything but `fail` has the level `none`.
const fn called(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Fail | Verdict::KnownFailure => ("fail", "error"),
        Verdict::Warn | Verdict::Flaky | Verdict::UnexpectedPass => ("fail", "warning"),
        Verdict::Unknown | Verdict::CouldNotRun | Verdict::HarnessError => ("open", "none"),
        Verdict::Pass => ("pass", "none"),
        Verdict::NotApplicable => ("notApplicable", "none"),
    }
}

fn result(problem: &Problem<'_>, rules: &Rules, report: &RunReport) -> Value {
    let requirement = problem.finding.map(|(finding, _)| &finding.requirement);
    let rule = match (requirement, problem.gravity) {
        (Some(id), _) => id.as_str(),
        (None, Gravity::Unfit) => "fit",
        (None, Gravity::Failure) => "ended-as-expected",
        (None, _) if problem.first.missing_facts.is_empty() => "ended-as-expected",
        (None, _) => "exercised",
    };
    let mut lines = vec![format!("{} in {}", problem.title, id_of(problem.first))];
    lines.push(joined(&problem.details, "\n"));
    lines.push(format!("reproduce: {}", problem.first.reproduce));
    lines.retain(|line| !line.is_empty());
    let said = Said {
        rule,
        verdict: problem.verdict,
        text: lines.join("\n"),
    };
    let mut result = said.at(problem.first, requirement, rules);
    add_state(&mut result, problem.first, requirement, report);
    result.into()
}

/// Known failures are results that somebody has accepted.
fn known<'a>(
    scenario: &'a ScenarioReport,
    rules: &'a Rules,
    report: &'a RunReport,
) -> impl Iterator<Item = Value> + use<'a> {
    let findings = scenario.findings.iter();
    let known = findings.filter(|finding| finding.verdict == Verdict::KnownFailure);
    known.map(|finding| {
        let id = &finding.requirement;
        let mut lines = vec![format!("{id} is broken as known in {}", id_of(scenario))];
        lines.push(joined(&details(finding), "\n"));
        lines.push(format!("reproduce: {}", scenario.reproduce));
        lines.retain(|line| !line.is_empty());
        let said = Said {
            rule: id.as_str(),
            verdict: finding.verdict,
            text: lines.join("\n"),
        };
        let mut result = said.at(scenario, Some(id), rules);
        add_state(&mut result, scenario, Some(id), report);
        let why = finding.note.as_deref().unwrap_or("in the baseline");
        result.insert(
            "suppressions".to_owned(),
            json!([{ "kind": "external", "status": "accepted", "justification": visible(why) }]),
        );
        result.into()
    })
}

/// Whether it was there in the earlier run that this one is compared with.
fn add_state(
    result: &mut Map<String, Value>,
    scenario: &ScenarioReport,
    requirement: Option<&RequirementId>,
    report: &RunReport,
) {
    let (Some(changes), Some(id), Some(requirement)) = (&report.changes, &scenario.id, requirement)
    else {
        return;
    };
    let is_it = |change: &&Change| {
        change.scenario == *id && change.check == CheckName::Requirement(requirement.clone())
    };
    let is_new = changes.new_scenarios.contains(id);
    let state = match changes.findings.iter().find(is_it) {
        Some(change) if is_new || change.kind == ChangeKind::Broken => "new",
        Some(_) => "updated",
        None if is_new => "new",
        None => "unchanged",
    };
    result.insert("baselineState".to_owned(), state.into());
}

/// What a result says.
struct Said<'a> {
    rule: &'a str,
    verdict: Verdict,
    text: String,
}

impl Said<'_> {
    fn at(
        &self,
        scenario: &ScenarioReport,
        requirement: Option<&RequirementId>,
        rules: &Rules,
    ) -> Map<String, Value> {
        let (kind, level) = called(self.verdict);
        // Nothing of it changes from run to run, or where a file grows above the line.
        let print = format!("{}\n{}", id_of(scenario), self.rule);
        let print = Sha256::of(print.as_bytes()).to_string();
        let mut result = Map::new();
        let mut set = |key: &str, value: Value| result.insert(key.to_owned(), value);
        set("ruleId", self.rule.into());
        if let Some(index) = rules.iter().position(|(id, _)| id == self.rule) {
            set("ruleIndex", index.into());
        }
        set("kind", kind.into());
        set("level", level.into());
        set("message", json!({ "text": message(&self.text) }));
        if let Some((file, line)) = place(scenario, requirement) {
            let place = json!({
                "physicalLocation": {
                    "artifactLocation": { "uri": encoded(file) },
                    "region": { "startLine": line },
                },
                "logicalLocations": [{
                    "fullyQualifiedName": id_of(scenario),
                    "kind": "scenario",
                }],
            });
            set("locations", json!([place]));
        }
        set(
            "partialFingerprints",
            json!({
                "gp2gp/v1": print,
                "primaryLocationLineHash": format!("{}:1", print.get(..16).unwrap_or(&print)),
            }),
        );
        set("properties", json!({ "verdict": self.verdict }));
        result
    }
}

fn notification(problem: &Problem<'_>) -> Value {
    let text = format!(
        "{} in {}\n{}",
        problem.title,
        id_of(problem.first),
        joined(&problem.details, "\n")
    );
    let mut notification = json!({
        "level": "error",
        "message": { "text": message(&text) },
    });
    if let Some((finding, _)) = problem.finding {
        notification["associatedRule"] = json!({ "id": finding.requirement });
    }
    notification
}

/// A message in which nothing is a placeholder or a link (SARIF 2.1.0, 3.11.5 and 3.11.6).
fn message(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '{' => escaped.push_str("{{"),
            '}' => escaped.push_str("}}"),
            '[' | ']' | '\\' => {
                escaped.push('\\');
                escaped.push(c);
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// A path as a reference of a URI.
fn encoded(path: &str) -> String {
    const KEPT: AsciiSet = NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'.')
        .remove(b'-')
        .remove(b'_')
        .remove(b'~')
        .remove(b'=')
        .remove(b',');
    let encoded = utf8_percent_encode(&path.replace('\\', "/"), &KEPT).to_string();
    match encoded.starts_with('/') {
        true => format!("file://{encoded}"),
        false => encoded,
    }
}

#[cfg(test)]
mod tests {
    use gp2gp_model::report::{Changes, RunName};

    use super::*;
    use crate::fixture;

    fn log(report: &RunReport) -> Value {
        let text = sarif(report, &fixture::catalogue()).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn problems(log: &Value) -> Vec<String> {
        // Its pattern for languages, of which we write none, is no pattern in strict dialects.
        let schema = include_str!("../tests/schemas/sarif-schema-2.1.0.json").replace(
            "^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$",
            "^[a-zA-Z]{2}(-[a-zA-Z]{2})?$",
        );
        let schema = serde_json::from_str(&schema).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors = validator.iter_errors(log);
        errors
            .map(|it| format!("{}: {it}", it.instance_path()))
            .collect()
    }

    /// The result of a rule in the scenario that shows every verdict.
    fn of<'a>(log: &'a Value, rule: &str) -> Option<&'a Value> {
        let results = log["runs"][0]["results"].as_array().unwrap();
        let is_it = |result: &&Value| {
            let name = &result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"];
            result["ruleId"] == rule && name == fixture::EVERY
        };
        results.iter().find(is_it)
    }

    #[test]
    fn a_log_keeps_to_the_schema_of_oasis() {
        let mut log = log(&fixture::report());
        assert_eq!(problems(&log), Vec::<String>::new());
        assert_eq!(
            problems(&self::log(&fixture::conforming())),
            Vec::<String>::new()
        );
        log["runs"][0]["results"][0]["level"] = "fatal".into();
        assert_eq!(problems(&log).len(), 1, "{:?}", problems(&log));
    }

    #[test]
    fn each_verdict_is_called_what_it_is() {
        let log = log(&fixture::report());
        for (rule, kind, level) in [
            ("SND-02", "fail", "error"),
            ("SND-03", "fail", "error"),
            ("SND-04", "fail", "warning"),
            ("SND-07", "open", "none"),
            ("SND-08", "fail", "error"),
            ("SND-09", "fail", "warning"),
            ("SND-10", "fail", "warning"),
        ] {
            let result = of(&log, rule).unwrap_or_else(|| panic!("{rule}"));
            assert_eq!(
                (&result["kind"], &result["level"]),
                (&kind.into(), &level.into()),
                "{rule}"
            );
            let is_known = result["suppressions"][0]["status"] == "accepted";
            assert_eq!(is_known, rule == "SND-08", "{rule}");
        }
        for rule in ["SND-01", "SND-05", "SND-11"] {
            assert!(of(&log, rule).is_none(), "{rule}");
        }
        let notes = &log["runs"][0]["invocations"][0]["toolExecutionNotifications"];
        assert_eq!(notes.as_array().map(Vec::len), Some(2), "{notes}");
        assert_eq!(notes[0]["associatedRule"]["id"], "SND-11");
    }

    #[test]
    fn a_result_is_where_the_scenario_names_the_requirement() {
        let log = log(&fixture::report());
        let place = &of(&log, "SND-04").unwrap()["locations"][0]["physicalLocation"];
        assert_eq!(place["region"]["startLine"], 14);
        assert_eq!(
            place["artifactLocation"]["uri"],
            "scenarios/hostile/every-verdict.toml"
        );
        insta::assert_json_snapshot!(of(&log, "SND-03"));
        insta::assert_json_snapshot!(log["runs"][0]["tool"]["driver"]["rules"][2]);
    }

    #[test]
    fn fingerprints_tell_results_apart_and_last() {
        let prints = |report: &RunReport| -> Vec<String> {
            let log = log(report);
            let results = log["runs"][0]["results"].as_array().unwrap().clone();
            let prints = results
                .iter()
                .map(|it| it["partialFingerprints"].to_string());
            prints.collect()
        };
        let first = prints(&fixture::report());
        let mut unlike = first.clone();
        unlike.sort();
        unlike.dedup();
        assert_eq!(unlike.len(), first.len());
        let mut later = fixture::report();
        for scenario in &mut later.scenarios {
            scenario.reproduce.push_str(" --seed 9");
            scenario.source.as_mut().unwrap().lines.clear();
            for finding in &mut scenario.findings {
                finding.violations.clear();
            }
        }
        assert_eq!(prints(&later), first);
    }

    #[test]
    fn a_result_says_whether_it_is_new_since_the_earlier_run() {
        let mut report = fixture::report();
        let every = report.scenarios[0].id.clone().unwrap();
        let [broken, otherwise] = ["SND-02", "SND-04"].map(|id| RequirementId::parse(id).unwrap());
        let change = |requirement: RequirementId, was, is, kind| Change {
            scenario: every.clone(),
            check: CheckName::Requirement(requirement),
            was: Some(was),
            is: Some(is),
            kind,
        };
        let (pass, fail, warn) = (Verdict::Pass, Verdict::Fail, Verdict::Warn);
        report.changes = Some(Changes {
            earlier: RunName {
                made_at: gp2gp_model::Time::from_micros(0),
                suite: report.suite.clone(),
                sut: "acme".to_owned(),
            },
            must: report.score.must,
            should: report.score.should,
            no_longer_judged: Vec::new(),
            findings: vec![
                change(broken, pass, fail, ChangeKind::Broken),
                change(otherwise, Verdict::Unknown, warn, ChangeKind::Otherwise),
            ],
            new_scenarios: Vec::new(),
            missing_scenarios: Vec::new(),
            changed_scenarios: Vec::new(),
        });
        let state =
            |report: &RunReport, rule| of(&log(report), rule).unwrap()["baselineState"].clone();
        assert_eq!(state(&report, "SND-02"), "new");
        assert_eq!(state(&report, "SND-03"), "unchanged");
        assert_eq!(state(&report, "SND-04"), "updated");
        assert_eq!(problems(&log(&report)), Vec::<String>::new());
        assert_eq!(state(&fixture::report(), "SND-02"), Value::Null);
    }

    #[test]
    fn paths_are_references() {
        assert_eq!(
            encoded("my scenarios/a#1.toml"),
            "my%20scenarios/a%231.toml"
        );
        assert_eq!(encoded("/srv/a.toml"), "file:///srv/a.toml");
        assert_eq!(encoded(r"mine\a.toml"), "mine/a.toml");
    }
}
