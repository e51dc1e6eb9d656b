//! `gp2gp snapshot`, as somebody who keeps snapshots beside the code of a system meets it.

#![cfg(test)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Two scenarios, and what is asked of each command.
const FEW: [&str; 3] = ["snapshot", "transfer/small-record", "refusal/empty-record"];

fn gp2gp(folder: &Path, args: &[&[&str]]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gp2gp"))
        .current_dir(folder)
        .args(args.concat())
        .env_remove("GITHUB_ACTIONS")
        .output()
        .expect("the binary runs")
}

/// Exit status and words.
fn told(folder: &Path, args: &[&[&str]]) -> (i32, String) {
    let output = gp2gp(folder, args);
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).expect("text");
    (output.status.code().expect("it ends by itself"), text)
}

fn written() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, text) = told(folder.path(), &[&FEW, &["--to", "s"]]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("wrote 2 snapshots to s"), "{text}");
    folder
}

fn read(folder: &Path, file: &str) -> String {
    std::fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

const SMALL: &str = "s/transfer/small-record.txt";

#[test]
fn a_snapshot_is_small_has_no_ids_and_no_times_and_is_the_same_in_real_and_in_virtual_time() {
    let folder = written();
    let text = read(folder.path(), SMALL);
    insta::assert_snapshot!(text);
    let check = |more: &[&str]| told(folder.path(), &[&FEW, &["--check", "s"], more]);
    for more in [&[][..], &["--transport", "http"]] {
        let (code, said) = check(more);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("as in s: 2 scenarios"), "{said}");
    }
    let elsewhere = written();
    for file in [SMALL, "s/index.toml", "s/refusal/empty-record.txt"] {
        assert_eq!(
            read(folder.path(), file),
            read(elsewhere.path(), file),
            "{file}"
        );
    }
}

const BROKEN: [&str; 2] = ["--sut", "broken:no-final-ack"];

#[test]
fn a_new_failure_is_told_in_words_then_accepted_and_then_its_mend_is_told() {
    let folder = written();
    let folder = folder.path();
    let check = |more: &[&str]| told(folder, &[&FEW, &["--check", "s"], more]);
    let (code, said) = check(&BROKEN);
    assert_eq!(code, 1, "{said}");
    insta::assert_snapshot!(said);
    assert_eq!(
        read(folder, SMALL).matches("RCV-43 pass").count(),
        1,
        "nothing is accepted yet"
    );

    let (code, said) = told(folder, &[&["snapshot", "--accept", "s"]]);
    assert_eq!(
        (code, said.as_str()),
        (
            0,
            "accepted transfer/small-record\n1 accepted, 0 still wait\n"
        )
    );
    assert!(read(folder, SMALL).contains("RCV-43 fail"));
    assert!(!folder.join("s/index.toml.new").exists());
    assert_eq!(check(&BROKEN).0, 0, "a red system does what it did");

    let (code, said) = check(&[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("a failure is mended (RCV-43"), "{said}");
}

#[test]
fn what_is_rejected_waits_no_more_and_nothing_else_can_be_settled() {
    let folder = written();
    let folder = folder.path();
    told(folder, &[&FEW, &["--check", "s"], &BROKEN]);
    let before = read(folder, SMALL);
    let (code, said) = told(folder, &[&["snapshot", "refusal", "--accept", "s"]]);
    assert_eq!(code, 2);
    assert!(said.contains("nothing of refusal waits in s"), "{said}");
    let (code, said) = told(folder, &[&["snapshot", "transfer", "--reject", "s"]]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("rejected transfer/small-record"), "{said}");
    assert_eq!(read(folder, SMALL), before);
    assert!(!folder.join("s/transfer/small-record.txt.new").exists());
    let (code, said) = told(folder, &[&["snapshot", "--review", "s"]]);
    assert_eq!(code, 2);
    assert!(said.contains("nobody is there to be asked"), "{said}");
}

#[test]
fn a_scenario_that_is_new_and_one_that_is_no_more_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let whole = include_str!("../../scenarios/transfer/small-record.toml");
    for name in ["one", "two"] {
        std::fs::write(folder.join(format!("{name}.toml")), whole).expect("it is written");
    }
    let (code, said) = told(folder, &[&["snapshot", "one.toml", "--to", "s"]]);
    assert_eq!(code, 0, "{said}");
    let changed = whole.replace("60 KB", "80 KB");
    std::fs::write(folder.join("one.toml"), changed).expect("it is written");
    let args = [
        "snapshot", "one.toml", "two.toml", "--check", "s", "--format", "json",
    ];
    let output = gp2gp(folder, &[&args]);
    assert_eq!(output.status.code(), Some(1));
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let differences = said["differences"].as_array().expect("a list");
    assert_eq!(differences.len(), 2, "{said}");
    assert_eq!(differences[0]["cause"]["cause"], "suite");
    assert_eq!(
        differences[0]["cause"]["what"],
        "the scenario file is another"
    );
    assert_eq!(differences[1]["cause"]["cause"], "new-scenario");

    // A family of which one is no more.
    let (code, _) = told(folder, &[&["snapshot", "refusal", "--to", "t"]]);
    assert_eq!(code, 0);
    let index = read(folder, "t/index.toml").replace("refusal/empty-record", "refusal/of-old");
    std::fs::write(folder.join("t/index.toml"), index).expect("it is written");
    let text = read(folder, "t/refusal/empty-record.txt");
    std::fs::remove_file(folder.join("t/refusal/empty-record.txt")).expect("it is there");
    let text = text.replace("refusal/empty-record", "refusal/of-old");
    std::fs::write(folder.join("t/refusal/of-old.txt"), text).expect("it is written");
    let (code, said) = told(folder, &[&["snapshot", "refusal", "--check", "t"]]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("refusal/of-old: a snapshot of a scenario that is no more"),
        "{said}"
    );
    assert!(
        said.contains("refusal/empty-record: a scenario without a snapshot"),
        "{said}"
    );
    told(folder, &[&["snapshot", "--accept", "t"]]);
    let (code, said) = told(folder, &[&["snapshot", "refusal", "--check", "t"]]);
    assert_eq!(code, 0, "{said}");
    assert!(!folder.join("t/refusal/of-old.txt").exists());
}

#[test]
fn a_kept_run_is_compared_without_running_anything() {
    let folder = written();
    let folder = folder.path();
    let run = ["run", "transfer/small-record", "--out", "kept"];
    told(folder, &[&run, &BROKEN]);
    let (code, said) = told(folder, &[&["snapshot", "--check", "s", "--from", "kept"]]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("a new failure (RCV-43"), "{said}");
    assert!(
        !said.contains("no more"),
        "what a kept run does not hold was not asked for: {said}"
    );
}

#[test]
fn a_snapshot_that_was_changed_by_hand_is_refused_with_file_and_line() {
    let folder = written();
    let folder = folder.path();
    let check = || told(folder, &[&FEW, &["--check", "s"]]);
    let good = read(folder, SMALL);
    std::fs::write(
        folder.join(SMALL),
        good.replace("verdict pass", "verdict fine"),
    )
    .unwrap();
    let (code, said) = check();
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("small-record.txt:4: `fine` is no verdict"),
        "{said}"
    );
    std::fs::write(folder.join(SMALL), &good).unwrap();

    let index = read(folder, "s/index.toml");
    std::fs::write(
        folder.join("s/index.toml"),
        index.replace("seed = ", "sed = "),
    )
    .unwrap();
    let (code, said) = check();
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("index.toml:") && said.contains("sed"),
        "{said}"
    );
    std::fs::write(folder.join("s/index.toml"), &index).unwrap();

    std::fs::write(folder.join("s/refusal/stray.txt"), &good).unwrap();
    let (code, said) = check();
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("stray.txt") && said.contains("does not name"),
        "{said}"
    );
    std::fs::remove_file(folder.join("s/refusal/stray.txt")).unwrap();
    std::fs::remove_file(folder.join(SMALL)).unwrap();
    let (code, said) = check();
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("the index names this snapshot"), "{said}");
}

#[test]
fn a_check_without_snapshots_says_how_to_write_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, said) = told(folder.path(), &[&FEW, &["--check", "s"]]);
    assert_eq!(code, 2);
    assert!(said.contains("gp2gp snapshot --to s"), "{said}");
}
