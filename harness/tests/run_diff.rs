//! `gp2gp diff` of kept runs: where a planted defect is, there the two part first.

#![cfg(test)]

#[path = "support/browser.rs"]
mod browser;

use std::path::Path;
use std::process::{Command, Output};

use gp2gp_model::Sha256;
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

/// A defect, a scenario that shows it, the step in which it parts from a good system, and what is said there.
const PLANTED: [(&str, &str, &str, &str); 14] = [
    (
        "bytes-altered",
        "transfer/inline-attachments",
        "EHR extract",
        "content of attachment 1: 240000 bytes, sha256 bd88923239cb | 240000 bytes, sha256 a67990dfd169",
    ),
    (
        "lower-case-message-ids",
        "transfer/small-record",
        "EHR extract",
        "message id: in upper case | in lower case",
    ),
    (
        "continue-not-awaited",
        "hostile/continue-in-lower-case",
        "fragment 1 of EHR extract",
        "after: a Continue | no Continue",
    ),
    // In the store alone: every message is the same.
    (
        "deletes-on-refusal",
        "named/documents-kept-after-a-refusal",
        "sending asks the store to archive image.tif",
        "nothing | POST /Binary/FEC67CBD-F015-49A7-BDE9-870F3536DABD/$archive: HTTP 200",
    ),
    (
        "token-kept",
        "named/deletes-fail-for-good",
        "sending asks the store to archive clinic_letter.tif",
        "is answered: HTTP 200 | HTTP 401",
    ),
    (
        "ack-before-storing",
        "transfer/mixed",
        "acknowledgement of EHR extract",
        "after: all that was promised, people decided | not all that was promised, nobody decided",
    ),
    (
        "chunks-reversed",
        "transfer/mixed",
        "acknowledgement of fragment 4 of fragment 2 of EHR extract",
        "answer: accepts | refuses with 29",
    ),
    // In questions to the directory alone, up to where both say different things to people.
    (
        "guesses-the-practice",
        "directory/one-code-at-two-practices",
        "requesting asks registry: Z99902",
        "nothing | GET /Organization/Z99902: HTTP 200",
    ),
    (
        "one-try-at-pds",
        "directory/pds-conflict/status=409",
        "requesting asks pds where patient 1 is registered (no. 2)",
        "GET /Patient/9990000018: HTTP 200 | nothing",
    ),
    (
        "deletes-before-archive",
        "export/good",
        "practice asks the store to archive scan.tif",
        "POST /Binary/6B4FCF12-84BB-4296-BDE3-3A38988D9C70/$archive: HTTP 200 | nothing",
    ),
    (
        "ticket-without-date",
        "export/leftovers",
        "practice asks the desk system: POST /tickets",
        "body: exported_at: (time) | nothing",
    ),
    (
        "everybody-may",
        "export/delete-without-the-right",
        "practice deletes scan.tif in the store (no. 2)",
        "is answered: HTTP 403 | HTTP 204",
    ),
    (
        "writes-to-the-old-practice",
        "federation/after-the-transfer",
        "hub asks pds where patient 1 is registered (no. 2)",
        "GET /Patient/9990000018: HTTP 200 | nothing",
    ),
    (
        "counts-attempts",
        "federation/kpi-day",
        "clinic asks the hub system: POST /reports",
        "answer: values.2.count: 3 | 4",
    ),
];

/// What is said of the first divergence: what each side shows, and what differs within it.
fn said(first: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("nothing").to_owned();
    let mut said = vec![format!(
        "{} | {}",
        text(&first["a"]["says"]),
        text(&first["b"]["says"])
    )];
    let fields = first["fields"].as_array().expect("fields");
    said.extend(fields.iter().map(|it| {
        let (a, b) = (text(&it["a"]), text(&it["b"]));
        format!("{}: {a} | {b}", text(&it["field"]))
    }));
    said
}

#[test]
fn a_planted_defect_is_where_the_two_part_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    for (defect, scenario, step, expected) in PLANTED {
        let (good, bad) = (format!("good-of-{defect}"), format!("bad-{defect}"));
        gp2gp(folder, &["run", scenario, "--out", &good]);
        let sut = format!("broken:{defect}");
        gp2gp(folder, &["run", scenario, "--sut", &sut, "--out", &bad]);
        let output = gp2gp(folder, &["diff", &good, &bad, "--format", "json"]);
        let diff: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let first = &diff["scenarios"][0]["first"];
        assert_eq!(first["step"], step, "{defect}");
        let said = said(first);
        assert!(said.iter().any(|it| it == expected), "{defect}: {said:#?}");
        assert_eq!(diff["scenarios"][0]["kind"], "worse", "{defect}");
    }
}

#[test]
fn the_page_shows_both_sides_of_where_they_part_and_a_browser_reads_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let scenarios = [
        "run",
        "transfer/mixed",
        "named/deletes-fail-for-good",
        "export/leftovers",
    ];
    gp2gp(folder, &[&scenarios[..], &["--out", "a"]].concat());
    gp2gp(
        folder,
        &[
            &scenarios[..],
            &["--sut", "broken:token-kept", "--out", "b"],
        ]
        .concat(),
    );
    let output = gp2gp(folder, &["diff", "a", "b", "--html", "pages/diff.html"]);
    assert_eq!(output.status.code(), Some(1));
    let page = std::fs::read_to_string(folder.join("pages/diff.html")).expect("a page");
    for part in [
        "synthetic data: no real patient, no real practice",
        "<span class=\"nhsuk-caption-xl\">A: reference. B: broken:token-kept.</span> 2 scenarios differ",
        "<h3 class=\"nhsuk-heading-s\">They part at: sending asks the store to archive clinic_letter.tif</h3>",
        "HTTP <del class=\"own\">200</del>",
        "HTTP <ins class=\"own\">401</ins>",
        "<strong class=\"word\">they part here</strong>",
        "<strong>SND-68</strong>",
        "gp2gp run named/deletes-fail-for-good --seed",
        "--sut broken:token-kept",
        "steps that are the same</summary>",
        ">worse in B</strong>",
    ] {
        assert!(page.contains(part), "{part}");
    }
    gp2gp(folder, &["diff", "a", "b", "--html", "again.html"]);
    let again = std::fs::read_to_string(folder.join("again.html")).expect("a page");
    assert!(page == again, "the same runs give another page");
    browser::look(&page);
}

#[test]
fn the_page_of_two_runs_that_are_the_same_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    kept(folder, "a", &[]);
    let output = gp2gp(folder, &["diff", "a", "a", "--html", "diff.html"]);
    assert_eq!(output.status.code(), Some(0));
    let page = std::fs::read_to_string(folder.join("diff.html")).expect("a page");
    assert!(page.contains("The two runs are the same"));
    assert!(page.contains("2 came out the same"));
}

/// The same run of a system that chose other ids: every UUID is another, in the trace and in every body.
fn chosen_otherwise(run: &Path, scenario: &str) {
    let of = |path: &Path| std::fs::read(path).expect("it is kept");
    let folder = run.join("runs").join(scenario);
    let mut digests: Vec<(String, String)> = Vec::new();
    let bodies = std::fs::read_dir(folder.join("bodies")).expect("bodies");
    let bodies: Vec<_> = bodies.map(|body| body.expect("a body").path()).collect();
    let mut rename = |bytes: &[u8]| {
        let other = other_ids(bytes);
        let digest = Sha256::of(&other).to_string();
        digests.push((Sha256::of(bytes).to_string(), digest.clone()));
        (digest, other)
    };
    for path in bodies {
        if path.file_name().is_some_and(|name| name == "small.jsonl") {
            let mut lines = String::new();
            for line in text(of(&path)).lines() {
                let mut small: Value = serde_json::from_str(line).expect("JSON");
                if let Some(body) = small["text"].as_str() {
                    let (digest, other) = rename(body.as_bytes());
                    small["sha256"] = digest.into();
                    small["text"] = text(other).into();
                }
                lines.push_str(&format!("{small}\n"));
            }
            std::fs::write(&path, lines).expect("written");
            continue;
        }
        let (digest, other) = rename(&of(&path));
        std::fs::remove_file(&path).expect("removed");
        std::fs::write(path.with_file_name(digest), other).expect("written");
    }
    let trace = folder.join("trace.jsonl");
    let was = of(&trace);
    let mut is = text(other_ids(&was));
    for (digest, other) in &digests {
        is = is.replace(digest, other);
    }
    std::fs::write(&trace, &is).expect("written");
    let log = run.join("run.jsonl");
    let (was, is) = (
        Sha256::of(&was).to_string(),
        Sha256::of(is.as_bytes()).to_string(),
    );
    let told = text(of(&log)).replace(&was, &is);
    std::fs::write(&log, told).expect("written");
}

/// Every UUID by another of the same form.
fn other_ids(bytes: &[u8]) -> Vec<u8> {
    let is_uuid = |at: usize| {
        let is_of_word = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
        let id = bytes.get(at..at + 36);
        let is_within = at > 0 && is_of_word(at - 1) || is_of_word(at + 36);
        !is_within
            && id.is_some_and(|id| {
                id.iter().enumerate().all(|(place, byte)| match place {
                    8 | 13 | 18 | 23 => *byte == b'-',
                    _ => byte.is_ascii_hexdigit(),
                })
            })
    };
    let mut other = bytes.to_vec();
    for at in (0..bytes.len()).filter(|at| is_uuid(*at)) {
        for byte in &mut other[at..at + 36] {
            *byte = match *byte {
                b'0'..=b'8' | b'a'..=b'e' | b'A'..=b'E' => *byte + 1,
                b'9' => b'0',
                b'f' => b'a',
                b'F' => b'A',
                other => other,
            };
        }
    }
    other
}

#[test]
fn a_system_that_chooses_other_ids_differs_in_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    for scenario in [
        "transfer/mixed",
        "named/deletes-fail-for-good",
        "export/leftovers",
        "federation/moves-out",
    ] {
        gp2gp(folder, &["run", scenario, "--out", "a"]);
        gp2gp(folder, &["run", scenario, "--out", "b"]);
        chosen_otherwise(&folder.join("b"), scenario);
        let trace = |run: &str| {
            std::fs::read(
                folder
                    .join(run)
                    .join("runs")
                    .join(scenario)
                    .join("trace.jsonl"),
            )
        };
        assert!(trace("a").expect("a trace") != trace("b").expect("a trace"));
        let output = gp2gp(folder, &["diff", "a", "b"]);
        let said = text([output.stdout, output.stderr].concat());
        assert_eq!(output.status.code(), Some(0), "{scenario}: {said}");
    }
}
