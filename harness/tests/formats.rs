//! Every format of a report, from the command line, of a run in which something fails.

#![cfg(test)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const REPORT_SCHEMA: &str = include_str!("../../docs/report.schema.json");
const SARIF_SCHEMA: &str = include_str!("../../reports/tests/schemas/sarif-schema-2.1.0.json");

const RED: [&str; 6] = [
    "run",
    "transfer/small-record",
    "refusal/empty-record",
    "--sut",
    "broken:no-final-ack",
    "--format=json",
];

fn gp2gp(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gp2gp"))
        .current_dir(folder)
        .args(args)
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITHUB_STEP_SUMMARY")
        // When a run was made stands in its report.
        .env("SOURCE_DATE_EPOCH", "1767603600")
        .envs(variables.iter().copied())
        .output()
        .expect("the binary runs")
}

fn read(folder: &Path, file: &str) -> String {
    std::fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn problems(schema: &Value, value: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).expect("a schema");
    let errors = validator.iter_errors(value);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[test]
fn the_published_schema_is_the_one_that_the_code_makes() {
    let published: Value = serde_json::from_str(REPORT_SCHEMA).expect("JSON");
    assert!(
        published == gp2gp_model::report::schema(),
        "write it anew: gp2gp schema --report > docs/report.schema.json"
    );
}

const ALL: [&str; 8] = [
    "--junit=r/junit.xml",
    "--sarif=r/gp2gp.sarif",
    "--markdown=r/summary.md",
    "--comment=r/comment.md",
    "--csv=r/findings.csv",
    "--badge=r/badge.svg",
    "--badge=r/badge.json",
    "--github=never",
];

#[test]
fn every_format_is_written_the_same_each_time() {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    for folder in &folders {
        let output = gp2gp(folder.path(), &[&RED[..], &ALL].concat(), &[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stderr.is_empty(), "nothing for GitHub");
    }
    let files = ALL.iter().filter_map(|flag| flag.split_once("=r/"));
    let files = files.map(|(_, file)| format!("r/{file}"));
    for file in files.chain(["gp2gp-out/report.json".to_owned()]) {
        let [one, two] = folders.each_ref().map(|it| read(it.path(), &file));
        assert!(!one.is_empty() && one == two, "{file}");
    }
    let folder = folders[0].path();
    let report = read(folder, "gp2gp-out/report.json");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let schema = serde_json::from_str(REPORT_SCHEMA).expect("JSON");
    assert_eq!(problems(&schema, &report), Vec::<String>::new());
    assert!(read(folder, "r/summary.md").contains("### RCV-43 is broken"));
    assert!(read(folder, "r/comment.md").starts_with("<!-- gp2gp -->"));
    assert!(read(folder, "r/findings.csv").contains("\r\ntransfer/small-record,RCV-43,fail,MUST,"));
    assert!(read(folder, "r/badge.svg").contains("<title>gp2gp: "));
    assert!(read(folder, "r/badge.json").contains("\"schemaVersion\": 1"));
}

#[test]
fn a_result_stands_at_the_line_of_the_scenario_that_names_its_requirement() {
    let folder = tempfile::tempdir().expect("a folder");
    gp2gp(folder.path(), &[&RED[..], &ALL].concat(), &[]);
    let log: Value = serde_json::from_str(&read(folder.path(), "r/gp2gp.sarif")).expect("JSON");
    let schema = SARIF_SCHEMA.replace(
        "^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$",
        "^[a-zA-Z]{2}(-[a-zA-Z]{2})?$",
    );
    let schema = serde_json::from_str(&schema).expect("JSON");
    assert_eq!(problems(&schema, &log), Vec::<String>::new());
    let results = log["runs"][0]["results"].as_array().expect("results");
    let is_it = |result: &&Value| result["ruleId"] == "RCV-43";
    let result = results.iter().find(is_it).expect("the broken requirement");
    let place = &result["locations"][0]["physicalLocation"];
    let file = place["artifactLocation"]["uri"].as_str().expect("a path");
    let line = place["region"]["startLine"].as_u64().expect("a line");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = read(&root, file);
    let line = text.lines().nth(usize::try_from(line).unwrap() - 1);
    assert!(
        line.is_some_and(|line| line.contains("\"RCV-43\"")),
        "{line:?}"
    );
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array();
    let rule =
        &rules.expect("rules")[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
    assert_eq!(rule["id"], "RCV-43");
    assert_eq!(log["runs"][0]["invocations"][0]["exitCode"], 1);
}

#[test]
fn on_github_a_run_is_annotated_and_summed_up_and_stdout_stays_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let summary = folder.path().join("summary.md");
    std::fs::write(&summary, "before\n").expect("it is written");
    let variables = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_STEP_SUMMARY", summary.to_str().expect("a path")),
    ];
    let output = gp2gp(folder.path(), &RED, &variables);
    assert_eq!(output.status.code(), Some(1));
    serde_json::from_slice::<Value>(&output.stdout).expect("stdout is JSON");
    let said = String::from_utf8(output.stderr).expect("text");
    let first = said.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("::error file=scenarios/transfer/small-record.toml,line=")
            && first.contains("title=RCV-43 is broken"),
        "{said}"
    );
    assert!(said.lines().count() <= 10, "{said}");
    let text = read(folder.path(), "summary.md");
    assert!(text.starts_with("before\n# gp2gp: "), "{text}");

    let quiet = gp2gp(
        folder.path(),
        &[&RED[..], &["--github=never"]].concat(),
        &variables,
    );
    assert!(quiet.stderr.is_empty());
    assert_eq!(read(folder.path(), "summary.md"), text);
}

#[test]
fn on_github_no_text_from_outside_is_a_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = r#"
title = "a\n::add-mask::x ##[error]y"
judges = ["requesting"]
[[patient]]
name = "ellis"
"#;
    std::fs::write(folder.path().join("hostile.toml"), scenario).expect("it is written");
    let is_command = |line: &str| line.trim_start().starts_with("::") || line.contains("##[");
    for format in ["human", "json"] {
        let args = ["run", "hostile.toml", "--story", "--format", format];
        let output = gp2gp(folder.path(), &args, &[("GITHUB_ACTIONS", "true")]);
        assert_eq!(output.status.code(), Some(0));
        let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
        assert!(said.contains("add-mask"), "{said}");
        assert_eq!(said.lines().find(|line| is_command(line)), None);
    }
    let output = gp2gp(folder.path(), &["run", "hostile.toml", "--story"], &[]);
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(said.lines().any(is_command), "elsewhere it is only text");
}

#[test]
fn a_job_summary_that_cannot_be_written_changes_no_verdict() {
    let folder = tempfile::tempdir().expect("a folder");
    let variables = [("GITHUB_STEP_SUMMARY", "no/such/folder.md")];
    let args = ["run", "transfer/small-record", "--github=always"];
    let output = gp2gp(folder.path(), &args, &variables);
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(
        said.contains("cannot add to the job summary no/such/folder.md"),
        "{said}"
    );
}

#[test]
fn a_badge_of_another_kind_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = gp2gp(folder.path(), &["run", "--badge", "badge.png"], &[]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.contains("ends in .svg or .json"), "{said}");
}
