//! `gp2gp diff` of kept runs.

#![cfg(test)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn gp2gp(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gp2gp"))
        .current_dir(folder)
        .args(args)
        .env_remove("GITHUB_ACTIONS")
        .output()
        .expect("the binary runs")
}

fn kept(folder: &Path, out: &str, more: &[&str]) {
    let scenarios = [
        "run",
        "transfer/small-record",
        "transfer/mixed",
        "--out",
        out,
    ];
    gp2gp(folder, &[&scenarios, more].concat());
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text")
}

#[test]
fn two_runs_of_one_system_are_the_same_in_whatever_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    kept(folder, "a", &[]);
    kept(folder, "b", &["--transport", "http"]);
    let output = gp2gp(folder, &["diff", "a", "b"]);
    let said = text(output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.ends_with("0 scenarios differ, 2 came out the same\n"),
        "{said}"
    );
}

#[test]
fn the_first_divergence_comes_first_and_then_what_follows_from_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    kept(folder, "a", &[]);
    kept(folder, "b", &["--sut", "broken:no-final-ack"]);
    let output = gp2gp(folder, &["diff", "a", "b"]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(text(output.stdout));
    let output = gp2gp(folder, &["diff", "a", "b", "--format", "json"]);
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let small = &said["scenarios"][1];
    assert_eq!(small["scenario"], "transfer/small-record");
    assert_eq!(small["first"]["step"], "acknowledgement of EHR extract");
    assert_eq!(small["first"]["because_of"], "EHR extract");
    assert_eq!(small["first"]["b"], Value::Null);
}

#[test]
fn a_scenario_of_one_run_alone_is_a_difference_and_no_run_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    kept(folder, "a", &[]);
    gp2gp(folder, &["run", "transfer/mixed", "--out", "b"]);
    let output = gp2gp(folder, &["diff", "a", "b"]);
    let said = text(output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("only in A: transfer/small-record\n"),
        "{said}"
    );
    let nothing = gp2gp(folder, &["diff", "a", "c"]);
    assert_eq!(nothing.status.code(), Some(2));
    assert!(text(nothing.stderr).contains("holds no run"));
}
