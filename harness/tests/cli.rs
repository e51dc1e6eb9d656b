//! The command line as a person or a CI job meets it.

#![cfg(test)]

use std::path::Path;
use std::process::{Command, Output};

fn gp2gp(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gp2gp"))
        .current_dir(folder)
        .args(args)
        .output()
        .expect("the binary runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("stdout is text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("stderr is text")
}

fn json(folder: &Path, args: &[&str]) -> serde_json::Value {
    let output = gp2gp(folder, args);
    serde_json::from_str(&stdout(&output))
        .unwrap_or_else(|error| panic!("{args:?}: {error}: {}", stderr(&output)))
}

#[test]
fn a_run_ends_with_a_score_and_keeps_what_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = gp2gp(
        folder.path(),
        &["run", "transfer/small-record", "--junit", "junit.xml"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("synthetic data"), "{text}");
    assert!(text.contains("score  conforms"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colour outside a terminal");
    for file in [
        "gp2gp-out/report.json",
        "junit.xml",
        "gp2gp-out/runs/transfer/small-record/trace.jsonl",
    ] {
        assert!(folder.path().join(file).is_file(), "{file}");
    }
}

#[test]
fn a_kept_run_is_judged_again_to_the_same_findings() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = json(
        folder.path(),
        &["run", "transfer/placeholder", "--format", "json"],
    );
    let again = json(
        folder.path(),
        &[
            "judge",
            "gp2gp-out/runs/transfer/placeholder",
            "--format",
            "json",
        ],
    );
    let findings = |report: &serde_json::Value| report["scenarios"][0]["findings"].clone();
    assert_eq!(findings(&first), findings(&again));
}

#[test]
fn a_broken_system_ends_with_status_1_and_the_line_that_reproduces_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = gp2gp(
        folder.path(),
        &[
            "run",
            "transfer/small-record",
            "--sut",
            "broken:no-final-ack",
        ],
    );
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(text.contains("RCV-43"), "{text}");
    let last = text.trim_end().lines().last().unwrap_or_default();
    assert!(
        last.contains("gp2gp run transfer/small-record --sut broken:no-final-ack --seed"),
        "{last}"
    );
}

#[test]
fn every_command_gives_one_json_object() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = json(folder.path(), &["list", "--format", "json"]);
    assert!(
        list["scenarios"]
            .as_array()
            .is_some_and(|rows| rows.len() >= 12)
    );
    assert_eq!(list["requirements"].as_array().map(Vec::len), Some(183));
    assert_eq!(
        list["broken"].as_array().map(Vec::len),
        Some(gp2gp_mocks::Defect::all().count())
    );
    assert_eq!(
        json(folder.path(), &["explain", "SND-31", "--format", "json"])["id"],
        "SND-31"
    );
    assert_eq!(
        json(
            folder.path(),
            &["explain", "transfer/skeleton", "--format", "json"]
        )["kind"],
        "scenario"
    );
    assert_eq!(
        json(folder.path(), &["check", "--format", "json"])["problems"]
            .as_array()
            .map(Vec::len),
        Some(0)
    );
    assert_eq!(
        json(
            folder.path(),
            &["run", "transfer/small-record", "--format", "json"]
        )["exit"]["code"],
        0
    );
}

#[test]
fn whatever_has_a_name_is_explained_in_words_in_markdown_and_as_an_object() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, kind, said) in [
        (&["SND-31"][..], "requirement", "before the Continue"),
        (
            &["mode", "33"],
            "failure-mode",
            "duplicate/core-delivered-twice",
        ),
        (&["broken:no-final-ack"], "broken-system", "RCV-43"),
        (&["code", "31"], "response-code", "requesting system"),
        (&["core", "extract"], "term", "final acknowledgement"),
    ] {
        let with = |more: &[&'static str]| [&["explain"], name, more].concat();
        assert_eq!(
            json(folder.path(), &with(&["--format", "json"]))["kind"],
            kind
        );
        let words = stdout(&gp2gp(folder.path(), &with(&[])));
        let markdown = stdout(&gp2gp(folder.path(), &with(&["--markdown"])));
        assert!(words.contains(said), "{words}");
        assert!(markdown.contains(said), "{markdown}");
        assert!(markdown.starts_with("# "), "{markdown}");
    }
}

#[test]
fn coverage_shows_what_is_put_to_the_test_and_what_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let coverage = json(folder.path(), &["list", "--coverage", "--format", "json"]);
    let modes = coverage["failure_modes"].as_array().expect("a list");
    assert_eq!(modes.len(), 69);
    let duplicate = &modes[32];
    assert_eq!(
        (&duplicate["number"], &duplicate["scope"]),
        (&33.into(), &"transfer".into())
    );
    assert!(
        duplicate["scenarios"]
            .as_array()
            .is_some_and(|names| names.contains(&"duplicate/core-while-pending".into()))
    );
    let directory = &modes[55];
    assert_eq!(&directory["scope"], &"directory");
    assert!(
        directory["scenarios"]
            .as_array()
            .is_some_and(|names| names.contains(&"directory/moved-and-not-unlinked".into()))
    );

    let output = gp2gp(folder.path(), &["list", "--coverage"]);
    assert_eq!(output.status.code(), Some(0), "a hole is no failure");
    let text = stdout(&output);
    for line in [
        "    33     4  The core comes more than once",
        "  REP-01  none  A system's own management-information events",
        "  failure modes, directory     7 of   7",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

/// A file of one's own with a matrix of two cells, of which the second cannot come to its point.
const LETTERS: &str = r#"
title = "A letter of {size}"
story = "The letter of 20 KB is refused, or so the scenario believes."
judges = ["sending"]
failure_modes = []
requirements = ["SND-14"]

[matrix]
size = ["10 KB", "20 KB"]
code = ["AA", "11"]
except = [{ size = "10 KB", code = "11" }, { size = "20 KB", code = "AA" }]

[[patient]]
name = "alice"

    [[patient.document]]
    type = "image/tiff"
    size = "{size}"

[exercised]
core_acknowledged = "{code}"
"#;

#[test]
fn a_cell_of_a_matrix_can_be_run_alone_as_the_report_says() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("letters.toml"), LETTERS).expect("it is written");
    let both = gp2gp(folder.path(), &["run", "letters.toml"]);
    assert_eq!(both.status.code(), Some(3), "{}", stderr(&both));
    let text = stdout(&both);
    let last = text.trim_end().lines().last().unwrap_or_default();
    let (_, reproduce) = last.split_once("gp2gp ").expect("a line to type");
    assert!(
        reproduce.starts_with("run letters.toml/size=20-KB/code=11 --seed"),
        "{reproduce}"
    );
    let args: Vec<&str> = reproduce.split(' ').collect();
    let one = gp2gp(folder.path(), &args);
    assert_eq!(one.status.code(), Some(3), "{}", stderr(&one));
    let text = stdout(&one);
    assert!(text.contains("0 of 1 scenario passed"), "{text}");
    assert!(
        folder
            .path()
            .join("gp2gp-out/runs/letters/size=20-KB/code=11/trace.jsonl")
            .is_file()
    );
    let explained = stdout(&gp2gp(folder.path(), &["explain", "letters.toml"]));
    assert!(
        explained.contains("gp2gp run letters/size=10-KB/code=AA"),
        "{explained}"
    );
}

#[test]
fn cells_of_a_built_in_matrix_are_chosen_by_their_ids() {
    let folder = tempfile::tempdir().expect("a folder");
    let count = |selectors: &[&str]| {
        let args = [&["run", "--format", "json"], selectors].concat();
        let report = json(folder.path(), &args);
        assert_eq!(report["exit"]["code"], 0, "{selectors:?}");
        report["scenarios"].as_array().map(Vec::len)
    };
    let pairs = "transfer/supplier-pairs";
    assert_eq!(count(&[pairs]), Some(9));
    assert_eq!(count(&[&format!("{pairs}/sending=tpp")]), Some(3));
    let one = format!("{pairs}/sending=tpp/requesting=vision");
    assert_eq!(count(&[&one]), Some(1));
    assert_eq!(count(&[pairs, &one, "transfer/small-record"]), Some(10));
    let run = format!("gp2gp-out/runs/{one}");
    let again = json(folder.path(), &["judge", &run, "--format", "json"]);
    assert_eq!(again["scenarios"][0]["verdict"], "pass", "{again}");
}

#[test]
fn what_does_not_exist_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    for (args, wanted) in [
        (
            &["run", "transfer/no-such"][..],
            "no scenario, family or file `transfer/no-such`",
        ),
        (
            &["run", "--sut", "broken:nothing"][..],
            "no broken system `nothing`",
        ),
        (
            &["run", "--sut", "broken:no-final-ack+nothing"][..],
            "no broken system `nothing`",
        ),
        (
            &["explain", "photosynthesis"][..],
            "nothing is called `photosynthesis`",
        ),
        (&["explain", "SND-999"][..], "did you mean `SND-"),
        (&["explain", "fragmnt"][..], "did you mean `fragment`?"),
        (&["explain", "12"][..], "`gp2gp explain code 12`"),
        (
            &["explain", "named"][..],
            "`named` is a family of scenarios",
        ),
        (&["judge", "nowhere"][..], "nowhere"),
    ] {
        let output = gp2gp(folder.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(
            stderr(&output).contains(wanted),
            "{args:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn a_scenario_file_with_a_mistake_is_refused_at_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(
        folder.path().join("mine.toml"),
        "title = \"Mine\"\nstroy = \"typo\"\n",
    )
    .expect("it is written");
    let output = gp2gp(folder.path(), &["check", "mine.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let text = stdout(&output);
    assert!(
        text.contains("stroy") && text.contains("story") && text.contains("mine.toml:2"),
        "{text}"
    );
}

#[test]
fn whoever_asks_for_json_gets_an_object_when_there_is_no_result() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = json(folder.path(), &["judge", "nowhere", "--format", "json"]);
    assert_eq!(error["exit"], 2);
    assert!(
        error["error"]
            .as_str()
            .is_some_and(|text| text.contains("nowhere")),
        "{error}"
    );
}

/// A scenario of one's own that cannot come to its point: nobody refuses this request.
const NEVER_REFUSED: &str = r#"
title = "A request that nobody refuses"
story = "The old practice answers, and the scenario waits for a refusal."
judges = ["sending"]
requirements = ["SND-14"]

[[patient]]
name = "alice"
record = "20 KB"

[exercised]
request_refused = "06"
"#;

#[test]
fn a_scenario_that_misses_its_point_is_incomplete_whatever_its_checks_say() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("my scenario.toml"), NEVER_REFUSED).expect("it is written");
    let output = gp2gp(folder.path(), &["run", "my scenario.toml"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("score  incomplete"), "{text}");
    assert!(
        text.contains("the request was not refused with 06"),
        "{text}"
    );
    assert!(
        text.contains("gp2gp run 'my scenario.toml' --seed"),
        "{text}"
    );
}

#[test]
fn a_kept_run_that_was_changed_is_refused_not_judged() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = "gp2gp-out/runs/transfer/small-record";
    let bodies = folder.path().join(run).join("bodies/small.jsonl");
    for (change, wanted) in [
        (
            (|text: &str| text.lines().skip(1).collect::<Vec<_>>().join("\n"))
                as fn(&str) -> String,
            "holds no body",
        ),
        (|text| text.replace("AA", "AE"), "was changed"),
    ] {
        gp2gp(folder.path(), &["run", "transfer/small-record"]);
        let text = std::fs::read_to_string(&bodies).expect("bodies are kept");
        std::fs::write(&bodies, change(&text)).expect("they are changed");
        let output = gp2gp(folder.path(), &["judge", run]);
        assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
        assert!(stderr(&output).contains(wanted), "{}", stderr(&output));
    }
}

#[test]
fn the_matrix_ends_with_status_1_where_something_differs_and_2_where_a_filter_names_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let filter = ["matrix", "--requesting", "2.2c", "--sending", "2.2a"];
    let run = |more: &[&str]| gp2gp(folder.path(), &[&filter, more].concat());
    let good = run(&[]);
    assert_eq!(good.status.code(), Some(0), "{}", stdout(&good));
    assert!(
        stdout(&good).contains("4 pairs and records, 0 differ"),
        "{}",
        stdout(&good)
    );
    let broken = run(&["--sut", "broken:asks-in-newest-version"]);
    assert_eq!(broken.status.code(), Some(1), "{}", stdout(&broken));
    let report = json(
        folder.path(),
        &[
            "matrix",
            "--sending",
            "tpp",
            "--record",
            "small",
            "--format",
            "json",
        ],
    );
    let cells = report["cells"].as_array().expect("cells");
    assert_eq!(cells.len(), 4, "{report}");
    assert!(cells.iter().all(|cell| cell["seen"]["code"] == "AA"));
    let nothing = gp2gp(folder.path(), &["matrix", "--requesting", "3.0"]);
    assert_eq!(nothing.status.code(), Some(2));
    let said = stderr(&nothing);
    assert!(said.contains("no system `3.0`"), "{said}");
    assert!(said.contains("2.2b-uk07"), "{said}");
    let apart = gp2gp(
        folder.path(),
        &["matrix", "--requesting", "2.2a", "--sending", "tpp"],
    );
    assert!(
        stderr(&apart).contains("no such pair"),
        "{}",
        stderr(&apart)
    );
}

#[test]
fn init_writes_a_file_and_certificates_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let args = [
        "init",
        "--name",
        "acme",
        "--roles",
        "sending",
        "--wire-sending",
        "https://gp.example:4430",
        "--certs",
        "certs",
        "--host",
        "gp.example",
    ];
    let output = gp2gp(folder.path(), &args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.contains("localhost, 127.0.0.1, ::1, gp.example"),
        "{text}"
    );
    assert!(
        text.ends_with("wrote sut.toml\nnext: gp2gp doctor --sut sut.toml\n"),
        "{text}"
    );
    let page = std::fs::read_to_string(folder.path().join("sut.toml")).expect("a file");
    assert!(
        page.contains("sending = \"https://gp.example:4430\""),
        "{page}"
    );
    assert!(page.contains("key = \"certs/harness.key\""), "{page}");

    let again = gp2gp(folder.path(), &args);
    assert_eq!(again.status.code(), Some(2));
    assert!(
        stderr(&again).contains("ca.pem is there already"),
        "{}",
        stderr(&again)
    );
    let only_file = gp2gp(folder.path(), &args[..7]);
    assert!(
        stderr(&only_file).contains("https without certificates of ours"),
        "{}",
        stderr(&only_file)
    );
}

#[test]
fn init_that_nobody_answers_says_what_to_give() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = gp2gp(folder.path(), &["init"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("give --name and --roles"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn doctor_tells_what_is_broken_and_exits_with_7() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = "[sut]\nname = \"acme\"\nroles = [\"sending\"]\n[environment]\nwire = { sending = \"http://127.0.0.1:1\" }\n";
    std::fs::write(folder.path().join("sut.toml"), page).expect("a file");
    let output = gp2gp(folder.path(), &["doctor"]);
    assert_eq!(output.status.code(), Some(7), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.contains("broken   wire sending  connection refused: nobody listens at 127.0.0.1:1\n"),
        "{text}"
    );
    assert!(
        text.contains("-> start the system, or correct host and port"),
        "{text}"
    );
    assert!(
        text.ends_with(
            "acme cannot be tested yet: 1 broken; then again: gp2gp doctor --sut sut.toml\n"
        ),
        "{text}"
    );

    let told = json(folder.path(), &["doctor", "--format", "json"]);
    assert_eq!(told["exit"], 7);
    let probes = told["probes"].as_array().expect("probes");
    assert!(
        probes
            .iter()
            .any(|probed| probed["probe"] == "wire sending" && probed["state"] == "broken")
    );
}

#[test]
fn doctor_refuses_a_file_that_is_wrong_before_it_tries_anything() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("sut.toml"), "[sut]\nnam = \"acme\"\n").expect("a file");
    let output = gp2gp(folder.path(), &["doctor"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("did you mean `name`?"),
        "{}",
        stderr(&output)
    );
}
