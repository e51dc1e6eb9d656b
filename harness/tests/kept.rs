//! What is kept of a run, and every report made from it again.

#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Runs the binary on a day in 2026 that never changes.
fn gp2gp(folder: &Path, args: &[&str]) -> Output {
    on_day(folder, 1_790_000_000, args)
}

fn on_day(folder: &Path, seconds: u64, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gp2gp"))
        .current_dir(folder)
        .env("SOURCE_DATE_EPOCH", seconds.to_string())
        .args(args)
        .output()
        .expect("the binary runs")
}

fn text(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(all).expect("text")
}

fn status(output: &Output) -> i32 {
    output.status.code().expect("a status")
}

fn report(folder: &Path, out: &str) -> Value {
    let text = fs::read_to_string(folder.join(out).join("report.json")).expect("a report");
    serde_json::from_str(&text).expect("JSON")
}

fn run<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec![
        "run",
        "transfer/small-record",
        "transfer/placeholder",
        "--out",
        out,
    ];
    args.extend(more);
    args
}

#[test]
fn a_report_that_was_deleted_is_made_again_to_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = gp2gp(
        folder.path(),
        &run("out", &["--sut", "broken:no-final-ack"]),
    );
    assert_eq!(status(&first), 1, "{}", text(&first));
    let files = ["report.json", "junit.xml"].map(|name| folder.path().join("out").join(name));
    let before = files
        .each_ref()
        .map(|file| fs::read(file).expect("a report"));
    for file in &files {
        fs::remove_file(file).expect("deleted");
    }
    let again = gp2gp(folder.path(), &["report", "--from", "out"]);
    assert_eq!(status(&again), 1, "{}", text(&again));
    let after = files
        .each_ref()
        .map(|file| fs::read(file).expect("a report"));
    assert!(before == after);
    let without_stories = |output: &Output| {
        let text = text(output);
        text[text.find("gp2gp 0.").expect("the head")..].to_owned()
    };
    assert_eq!(without_stories(&first), without_stories(&again));
}

#[test]
fn what_is_kept_is_the_same_however_many_scenarios_run_side_by_side() {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = |out: &str, jobs: &str| {
        let output = gp2gp(
            folder.path(),
            &["run", "named", "acks", "--out", out, "--jobs", jobs],
        );
        assert!(status(&output) < 2, "{}", text(&output));
        fs::read(folder.path().join(out).join("run.jsonl")).expect("what is kept")
    };
    assert!(kept("one", "1") == kept("three", "3"));
}

#[test]
fn a_run_that_was_broken_off_is_incomplete_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = gp2gp(folder.path(), &run("out", &[]));
    assert_eq!(status(&output), 0, "{}", text(&output));
    let file = folder.path().join("out/run.jsonl");
    let whole = fs::read_to_string(&file).expect("what is kept");
    let lines: Vec<&str> = whole.lines().collect();
    fs::write(&file, format!("{}\n{}", lines[0], lines[1])).expect("written");
    let output = gp2gp(folder.path(), &["report", "--from", "out"]);
    assert_eq!(status(&output), 3);
    let told = "incomplete: the run was broken off, 1 scenario did not run";
    assert!(text(&output).contains(told), "{}", text(&output));

    fs::write(
        &file,
        format!("{}\n{}\n{}", lines[0], &lines[1][..70], lines[2]),
    )
    .expect("written");
    let output = gp2gp(folder.path(), &["report", "--from", "out"]);
    assert_eq!(status(&output), 2);
    assert!(
        text(&output).contains("out/run.jsonl: line 2: "),
        "{}",
        text(&output)
    );
}

#[test]
fn a_folder_without_a_run_says_what_to_give() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = gp2gp(folder.path(), &["report", "--from", "nowhere"]);
    assert_eq!(status(&output), 2);
    let told = text(&output);
    assert!(
        told.contains("nowhere holds no run: there is no run.jsonl"),
        "{told}"
    );
    assert!(
        told.contains("the folder that `gp2gp run --out` wrote"),
        "{told}"
    );
}

#[test]
fn a_failure_says_since_which_run_it_is_there() {
    const DAY: u64 = 86_400;
    let first_day = 1_790_000_000;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let broken = ["--sut", "broken:no-final-ack"];
    let well = on_day(path, first_day, &run("monday", &[]));
    assert_eq!(status(&well), 0, "{}", text(&well));

    let tuesday = run("tuesday", &[&broken[..], &["--since", "monday"]].concat());
    let output = on_day(path, first_day + DAY, &tuesday);
    assert_eq!(status(&output), 1);
    let told = text(&output);
    assert!(
        told.contains("RCV-43 is broken now (pass -> fail) in transfer/small-record"),
        "{told}"
    );
    let wednesday = run(
        "wednesday",
        &[&broken[..], &["--since", "tuesday"]].concat(),
    );
    let output = on_day(path, first_day + 2 * DAY, &wednesday);
    let told = text(&output);
    assert!(
        told.contains("everything came out as it did then"),
        "{told}"
    );

    // Since Tuesday, told on Wednesday.
    let since = |finding: &Value| finding["since"]["made_at"].as_str().map(ToOwned::to_owned);
    let report = report(path, "wednesday");
    let findings = report["scenarios"][0]["findings"]
        .as_array()
        .expect("findings");
    let of = |verdict: &str| {
        findings
            .iter()
            .find(|it| it["verdict"] == verdict)
            .expect("one")
    };
    assert_eq!(
        since(of("fail")).as_deref(),
        Some("2026-09-22T14:13:20.000000Z")
    );
    assert_eq!(
        since(of("pass")).as_deref(),
        Some("2026-09-21T14:13:20.000000Z")
    );

    let mended = on_day(
        path,
        first_day + 3 * DAY,
        &run("thursday", &["--since", "wednesday"]),
    );
    assert_eq!(status(&mended), 0);
    assert!(
        text(&mended).contains("RCV-43 is mended (fail -> pass)"),
        "{}",
        text(&mended)
    );
}

#[test]
fn a_run_can_be_compared_with_the_one_whose_place_it_takes() {
    let folder = tempfile::tempdir().expect("a folder");
    gp2gp(folder.path(), &run("out", &[]));
    let output = gp2gp(folder.path(), &run("out", &["--since", "out"]));
    assert!(
        text(&output).contains("everything came out as it did then"),
        "{}",
        text(&output)
    );
    // What it was compared with is kept, so that the report can be made again.
    let report = fs::read(folder.path().join("out/report.json")).expect("a report");
    gp2gp(folder.path(), &["report", "--from", "out"]);
    assert!(report == fs::read(folder.path().join("out/report.json")).expect("a report"));
}

/// Runs a broken system with known failures.
fn with_baseline(folder: &Path, entries: &str, sut: &str) -> Output {
    fs::write(folder.join("known.toml"), entries).expect("written");
    gp2gp(
        folder,
        &run("out", &["--sut", sut, "--baseline", "known.toml"]),
    )
}

/// An entry for everything that `broken:no-final-ack` breaks in the two scenarios.
fn all_known(folder: &Path) -> String {
    gp2gp(folder, &run("plain", &["--sut", "broken:no-final-ack"]));
    let report = report(folder, "plain");
    let mut checks: Vec<String> = Vec::new();
    for scenario in report["scenarios"].as_array().expect("scenarios") {
        for finding in scenario["findings"].as_array().expect("findings") {
            if ["fail", "warn", "could_not_run"]
                .contains(&finding["verdict"].as_str().expect("a verdict"))
            {
                checks.push(finding["requirement"].as_str().expect("an id").to_owned());
            }
        }
    }
    checks.push("end".to_owned());
    checks.sort();
    checks.dedup();
    assert!(checks.len() > 2, "{checks:?}");
    checks
        .iter()
        .map(|check| entry(check, "2026-12-31"))
        .collect()
}

fn entry(check: &str, expires: &str) -> String {
    format!(
        "[[known-failure]]\ncheck = \"{check}\"\nreason = \"ticket 17\"\nowner = \"anna\"\nexpires = {expires}\n\n"
    )
}

#[test]
fn known_failures_are_told_and_do_not_fail_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let known = all_known(folder.path());
    let output = with_baseline(folder.path(), &known, "broken:no-final-ack");
    let told = text(&output);
    assert_eq!(status(&output), 0, "{told}");
    assert!(
        told.contains(
            "known failure RCV-43 everywhere, 2 times: ticket 17 (anna, until 2026-12-31)"
        ),
        "{told}"
    );
    // Borne is not passed.
    assert!(told.contains("score  does not conform"), "{told}");
    assert!(!told.contains("reproduce the first"), "{told}");
}

#[test]
fn a_failure_that_is_not_known_still_fails_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let known = entry("RCV-43", "2026-12-31");
    let output = with_baseline(folder.path(), &known, "broken:no-final-ack");
    assert_eq!(status(&output), 1, "{}", text(&output));
}

#[test]
fn a_known_failure_that_passes_or_has_expired_fails_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = with_baseline(folder.path(), &entry("RCV-43", "2026-12-31"), "reference");
    let told = text(&output);
    assert_eq!(status(&output), 4, "{told}");
    assert!(
        told.contains("stale baseline RCV-43 everywhere passes now"),
        "{told}"
    );
    assert!(told.contains("unexpected_pass RCV-43"), "{told}");
    assert!(
        told.contains("score  conforms"),
        "an unexpected pass is a pass: {told}"
    );

    let known = all_known(folder.path()).replace("2026-12-31", "2026-09-20");
    let output = with_baseline(folder.path(), &known, "broken:no-final-ack");
    let told = text(&output);
    assert_eq!(status(&output), 1, "{told}");
    assert!(
        told.contains("stale baseline RCV-43 everywhere expired"),
        "{told}"
    );
}

#[test]
fn an_entry_for_what_nothing_tests_is_stale() {
    let folder = tempfile::tempdir().expect("a folder");
    let in_scenario = |check: &str, scenario: &str| {
        entry(check, "2026-12-31").replace("reason", &format!("scenario = \"{scenario}\"\nreason"))
    };
    let entries = in_scenario("EXP-01", "transfer/small-record");
    let output = with_baseline(folder.path(), &entries, "reference");
    assert_eq!(status(&output), 4, "{}", text(&output));
    assert!(text(&output).contains("EXP-01 in transfer/small-record was put to the test by none"));
    // What was not asked for says nothing.
    let entries = in_scenario("SND-31", "acks");
    let output = with_baseline(folder.path(), &entries, "reference");
    assert_eq!(status(&output), 0, "{}", text(&output));
}

#[test]
fn a_wrong_baseline_says_where_and_what_to_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = entry("RCV-43", "2026-12-31");
    for (wrong, told) in [
        (
            good.replace("RCV-43", "RCV-99"),
            "there is no requirement RCV-99",
        ),
        (good.replace("anna", " "), "`owner` is empty"),
        (
            good.replace("2026-12-31", "12:00:00"),
            "`expires` has no day",
        ),
        (good.replace("reason", "raeson"), "unknown field `raeson`"),
        (
            good.replace("owner = \"anna\"\n", ""),
            "missing field `owner`",
        ),
        (format!("{good}{good}"), "RCV-43 everywhere is known twice"),
        (good.replace("[[", "["), "unexpected key"),
    ] {
        let output = with_baseline(folder.path(), &wrong, "reference");
        assert_eq!(status(&output), 2, "{wrong}{}", text(&output));
        let seen = text(&output);
        assert!(seen.contains(told), "{told}: {seen}");
        assert!(seen.contains("known.toml"), "{seen}");
    }
}

#[test]
fn the_file_of_known_failures_is_brought_up_to_date_by_a_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let by_hand = format!(
        "# ours\n\n{}# theirs\n{}",
        entry("SND-43", "2026-12-31"),
        entry("RCV-43", "2026-12-31")
    );
    fs::write(path.join("known-failures.toml"), by_hand).expect("written");
    gp2gp(path, &run("gp2gp-out", &["--sut", "broken:no-final-ack"]));

    let unsaid = gp2gp(path, &["baseline", "update"]);
    assert_eq!(status(&unsaid), 2);
    assert!(
        text(&unsaid).contains("failures are not known, the first is"),
        "{}",
        text(&unsaid)
    );
    let update = [
        "baseline",
        "update",
        "--reason",
        "ticket 18",
        "--owner",
        "ben",
    ];
    let updated = gp2gp(path, &update);
    assert_eq!(status(&updated), 0, "{}", text(&updated));
    let file = fs::read_to_string(path.join("known-failures.toml")).expect("a file");
    assert!(file.starts_with("# ours\n"), "{file}");
    assert!(
        file.contains("reason = \"ticket 17\""),
        "what is known already stays: {file}"
    );
    assert!(file.contains("expires = 2026-12-20"), "90 days: {file}");
    assert!(!file.contains("SND-43"), "it passes: {file}");

    let args = run(
        "gp2gp-out",
        &[
            "--sut",
            "broken:no-final-ack",
            "--baseline",
            "known-failures.toml",
        ],
    );
    let again = gp2gp(path, &args);
    assert_eq!(status(&again), 0, "{}", text(&again));
    let same = gp2gp(path, &["baseline", "update"]);
    assert!(
        text(&same).contains("0 added, 0 removed"),
        "{}",
        text(&same)
    );

    gp2gp(path, &run("gp2gp-out", &[]));
    let mended = gp2gp(path, &["baseline", "update"]);
    assert!(
        text(&mended).contains("RCV-43 everywhere, which passes now"),
        "{}",
        text(&mended)
    );
    let file = fs::read_to_string(path.join("known-failures.toml")).expect("a file");
    assert!(!file.contains("[[known-failure]]"), "{file}");
}

/// Of calls to services: where they lead, a header and a body.
const CALLED: [&str; 3] = ["get /patient/", "apikey: ", "&#34;resourcetype&#34;"];

#[test]
fn a_redacted_report_holds_nothing_that_identifies() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    gp2gp(path, &run("gp2gp-out", &["--sut", "broken:no-final-ack"]));
    let args = [
        "report",
        "--redact",
        "shared",
        "--csv",
        "shared/findings.csv",
        "--markdown",
        "shared/report.md",
    ];
    let output = gp2gp(path, &args);
    assert_eq!(status(&output), 1, "{}", text(&output));

    let trace = fs::read_to_string(path.join("gp2gp-out/runs/transfer/placeholder/trace.jsonl"));
    let trace = trace.expect("a trace");
    let header: Value =
        serde_json::from_str(trace.lines().next().expect("a header")).expect("JSON");
    let mut secrets: Vec<String> = Vec::new();
    for practice in header["directory"]["practices"]
        .as_array()
        .expect("practices")
    {
        for key in ["ods", "asid", "party_key"] {
            secrets.push(practice[key].as_str().expect("a code").to_owned());
        }
    }
    let report = report(path, "gp2gp-out");
    let mut shorts: Vec<String> = Vec::new();
    for life in report["scenarios"][1]["custody"].as_array().expect("lives") {
        secrets.push(life["patient"].as_str().expect("a number").to_owned());
        let name = life["file_name"].as_str().expect("a name");
        secrets.push(name.to_owned());
        // Stories leave out the id before it.
        shorts.extend(name.split_once('_').map(|(_, short)| short.to_lowercase()));
    }
    secrets.extend(shorts.iter().cloned());
    let seen = report["scenarios"][1]["findings"].to_string();
    let core = seen.find("core ").expect("a core");
    secrets.push(seen[core + 5..core + 41].to_owned());
    assert!(secrets.len() > 8, "{secrets:?}");

    let mut files = 0;
    for entry in fs::read_dir(path.join("shared")).expect("a folder") {
        let file = entry.expect("a file").path();
        let shared = fs::read_to_string(&file).expect("text").to_lowercase();
        files += 1;
        for secret in &secrets {
            assert!(
                !shared.contains(&secret.to_lowercase()),
                "{secret} in {}",
                file.display()
            );
        }
        for body in ["<ehrextract", "ebxml/messageheader", "message-id: "]
            .into_iter()
            .chain(CALLED)
        {
            assert!(!shared.contains(body), "{body} in {}", file.display());
        }
    }
    assert_eq!(files, 5);
    let page = fs::read_to_string(path.join("gp2gp-out/report.html")).expect("a page");
    let page = page.to_lowercase();
    for called in CALLED {
        assert!(page.contains(called), "{called} is no secret of this run");
    }
    let told = fs::read_to_string(path.join("shared/report.json")).expect("a report");
    assert!(told.contains("redacted: identifiers, bodies and logs are left out"));
    let shared = fs::read_to_string(path.join("shared/report.html")).expect("a page");
    for section in ["id=\"lost\"", "id=\"not-judged\"", "id=\"f1\""] {
        assert!(shared.contains(section), "{section} is looked at");
    }
    let mut in_the_open = shorts.iter().filter(|short| page.contains(*short));
    assert!(
        in_the_open.next().is_some(),
        "{shorts:?} are no secret of this run"
    );
    assert!(told.contains("RCV-43"), "findings stay");
    assert!(!path.join("shared/runs").exists());
}

#[test]
fn a_system_names_its_known_failures_in_its_own_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let beside = path.join("mine");
    fs::create_dir(&beside).expect("it is made");
    let sut = format!(
        "[sut]\nname = \"acme\"\nroles = [\"requesting\"]\n[suite]\nscenarios = [\"transfer/small-record\"]\n\
         baseline = \"known.toml\"\n[environment]\n[control]\ndriver = \"stdio\"\n\
         command = \"exec {} serve broken:no-final-ack --control stdio\"\n",
        env!("CARGO_BIN_EXE_gp2gp")
    );
    fs::write(beside.join("sut.toml"), sut).expect("it is written");
    let run = ["run", "--sut", "mine/sut.toml"];

    let missing = gp2gp(path, &run);
    assert_eq!(status(&missing), 2, "{}", text(&missing));
    let said = text(&missing);
    assert!(
        said.contains("cannot read the known failures in mine/known.toml"),
        "{said}"
    );

    fs::write(beside.join("known.toml"), "").expect("it is written");
    assert_eq!(status(&gp2gp(path, &run)), 1);
    let update = [
        "baseline",
        "update",
        "--baseline",
        "mine/known.toml",
        "--reason",
        "ticket 17",
        "--owner",
        "anna",
    ];
    let update = gp2gp(path, &update);
    assert_eq!(status(&update), 0, "{}", text(&update));
    let known = gp2gp(path, &run);
    assert_eq!(status(&known), 0, "{}", text(&known));

    fs::write(path.join("other.toml"), "").expect("it is written");
    let other = gp2gp(path, &[&run[..], &["--baseline", "other.toml"]].concat());
    assert_eq!(status(&other), 1, "the command line stands above the file");
}
