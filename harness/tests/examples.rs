//! Every example of every page is put to the test: here, or by the test that this file names. A page or a kind of
//! block that nobody knows is a failure.

#![cfg(test)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use gp2gp::baseline::Baseline;
use gp2gp::cli;
use gp2gp::sut::config::Config;
use gp2gp_scenarios::{load_str, lower, parse};
use gp2gp_wire::mhs_json::Outbound;
use serde_json::{Value, json};

use crate::support::page::{Block, blocks, fits};

/// Which test runs the blocks of a page whose info begins with this word.
const ELSEWHERE: [(&str, &str, &str); 16] = [
    ("docs/bench.md", "toml", "harness/tests/load.rs"),
    (
        "docs/connect-spine.md",
        "console",
        "harness/tests/connect.rs",
    ),
    ("docs/connect-spine.md", "toml", "harness/tests/connect.rs"),
    ("docs/export.md", "mermaid", "xtask/src/export.rs"),
    ("docs/replay.md", "console", "harness/tests/connect.rs"),
    ("docs/run-in-ci.md", "console", "harness/tests/connect.rs"),
    ("docs/run-in-ci.md", "groovy", "harness/tests/connect.rs"),
    ("docs/run-in-ci.md", "sh", "harness/tests/connect.rs"),
    ("docs/run-in-ci.md", "yaml", "harness/tests/connect.rs"),
    ("docs/services.md", "http", "harness/tests/services.rs"),
    ("docs/services.md", "json", "harness/tests/services.rs"),
    ("docs/simulate.md", "console", "harness/tests/simulate.rs"),
    ("docs/snapshots.md", "console", "harness/tests/connect.rs"),
    (
        "docs/write-a-scenario.md",
        "console",
        "harness/tests/guide.rs",
    ),
    ("docs/write-a-scenario.md", "toml", "harness/tests/guide.rs"),
    (
        "harness/examples/python/README.md",
        "sh",
        "harness/tests/python_example.rs",
    ),
];

/// What is shown and not run. Each is a promise that nothing keeps: let them stay few.
const NOT_RUN: [(&str, &str); 5] = [
    ("ARCHITECTURE.md", "a drawing"),
    ("README.md", "a release build of everything, and every test"),
    ("docs/bench.md", "it loads two systems for a minute"),
    ("docs/bench.md", "it loads two systems for a minute"),
    ("docs/connect-spine.md", "a drawing"),
];

const CONTRACT: &str = include_str!("../../docs/control.openapi.json");

/// What becomes of a block.
enum Way {
    /// It was put to the test, and is true.
    True,
    /// Another test runs it.
    Elsewhere(&'static str),
    NotRun(String),
}

#[test]
fn every_block_of_every_page_is_put_to_the_test() {
    let mut not_run = Vec::new();
    let mut tried = 0;
    for (page, text) in pages() {
        for block in blocks(text) {
            match way(&page, &block) {
                Way::True => tried += 1,
                Way::Elsewhere(test) => assert_knows(test, &page),
                Way::NotRun(why) => not_run.push((page.clone(), why)),
            }
        }
    }
    let not_run: Vec<(&str, &str)> = not_run
        .iter()
        .map(|(page, why)| (page.as_str(), why.as_str()))
        .collect();
    assert_eq!(not_run, NOT_RUN);
    assert!(tried >= 13, "only {tried} blocks");
}

fn way(page: &str, block: &Block) -> Way {
    let info = block.info;
    let at = format!("{page}:{}", block.line);
    if let Some((_, why)) = info.split_once(" not-run: ") {
        return Way::NotRun(why.to_owned());
    }
    let words: Vec<&str> = info.split(' ').collect();
    match words.as_slice() {
        ["text"] => return Way::NotRun("a drawing".to_owned()),
        ["toml", "scenario"] => is_a_scenario(&at, &block.text),
        ["toml", "sut"] => describes_a_system(&at, &block.text),
        ["toml", "known-failures.toml"] => is_a_baseline(&at, &block.text),
        ["json", "mhs-json"] => drop(read::<Outbound>(&at, &block.text)),
        ["json", "lines"] => block.text.lines().for_each(|line| is_said(&at, line)),
        ["json", verb, half @ ("request" | "answer")] => {
            is_in_the_contract(&at, verb, half, &read(&at, &block.text));
        }
        [first, ..] if elsewhere(page, first).is_some() => {
            return Way::Elsewhere(elsewhere(page, first).unwrap());
        }
        ["console"] => says_what_the_page_says(&at, &block.text),
        _ => panic!("{at}: nobody knows how to run a block of `{info}`"),
    }
    Way::True
}

fn elsewhere(page: &str, first: &str) -> Option<&'static str> {
    let mut rows = ELSEWHERE.iter();
    rows.find(|(of, word, _)| *of == page && *word == first)
        .map(|(_, _, test)| *test)
}

/// A test that is said to run a page reads it.
fn assert_knows(test: &str, page: &str) {
    let text = std::fs::read_to_string(root().join(test)).unwrap();
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    let is_read = text.contains(page) || text.contains(folder.trim_start_matches("harness/"));
    assert!(is_read, "{test} does not read {page}");
}

fn is_a_scenario(at: &str, text: &str) {
    let head = "title = \"A piece of the page\"\njudges = [\"exporting\"]\n";
    let source = load_str("page/piece", &format!("{head}{text}")).unwrap();
    let scenarios = parse(&source).unwrap_or_else(|it| panic!("{at}: {it}"));
    for scenario in &scenarios {
        if let Err(error) = lower(scenario, &support::catalogue(), None) {
            panic!("{at}: {:?}", miette::Report::new(error));
        }
    }
}

fn describes_a_system(at: &str, text: &str) {
    let whole = format!(
        "[sut]\nname = \"acme\"\nroles = [\"sending\"]\n{text}[environment.wire]\nsending = \"http://127.0.0.1:9000\"\n"
    );
    let variables = std::iter::empty();
    if let Err(error) = Config::parse("sut.toml", Path::new(""), &whole, variables) {
        panic!("{at}: {:?}", miette::Report::new(error));
    }
}

fn is_a_baseline(at: &str, text: &str) {
    if let Err(error) = Baseline::parse("known-failures.toml", text, &support::catalogue()) {
        panic!("{at}: {:?}", miette::Report::new(*error));
    }
}

fn read<T: serde::de::DeserializeOwned>(at: &str, text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{at}: {error}"))
}

fn is_in_the_contract(at: &str, verb: &str, half: &str, said: &Value) {
    let place = match half {
        "request" => "requestBody",
        _ => "responses/200",
    };
    let schema = format!("/paths/~1{verb}/post/{place}/content/application~1json/schema");
    let mut whole: Value = serde_json::from_str(CONTRACT).unwrap();
    assert!(whole.pointer(&schema).is_some(), "{at}: no {schema}");
    whole["$ref"] = json!(format!("#{schema}"));
    let validator = jsonschema::validator_for(&whole).unwrap();
    if let Some(error) = validator.iter_errors(said).next() {
        panic!("{at}: {error} at {}", error.instance_path());
    }
}

/// A line of the contract as it is carried by JSON lines.
fn is_said(at: &str, line: &str) {
    let line: Value = read(at, line);
    assert!(line["id"].is_u64(), "{at}: {line}");
    let verb = line["verb"].as_str();
    if let Some(body) = line.get("body") {
        let verb = verb.unwrap_or_else(|| panic!("{at}: {line}"));
        if verb != "frobnicate" {
            is_in_the_contract(at, verb, "request", body);
        }
    } else if let Some(ok) = line.get("ok") {
        is_in_the_contract(at, "health", "answer", ok);
    } else {
        assert_eq!(line["refused"], json!({"error": "not-supported"}), "{at}");
    }
}

fn says_what_the_page_says(at: &str, text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (command, expected) = text.split_once('\n').unwrap();
    let words = command.strip_prefix("$ gp2gp ");
    let words = words.unwrap_or_else(|| panic!("{at}: `{command}` is no command of ours"));
    let output = Command::new(env!("CARGO_BIN_EXE_gp2gp"))
        .current_dir(folder.path())
        .args(words.split(' '))
        .output()
        .unwrap();
    let seen = String::from_utf8(output.stdout).unwrap();
    let expected: Vec<&str> = expected.lines().collect();
    assert!(fits(&expected, &seen), "{at}: `{command}` says\n{seen}");
}

#[test]
fn every_command_that_a_page_names_is_understood() {
    let mut known = 0;
    let mut wrong = Vec::new();
    for (page, text) in pages() {
        for command in named_commands(text) {
            for words in variants(&command) {
                known += 1;
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                if let Err(why) = understood(&words) {
                    wrong.push(format!("{page}: `gp2gp {}`: {why}", words.join(" ")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(known > 150, "only {known} commands");
}

#[test]
fn a_command_that_does_not_exist_is_not_understood() {
    for wrong in [
        "frobnicate",
        "run --loud",
        "explain --markup SND-01",
        "run --profile lenient",
    ] {
        let words: Vec<&str> = wrong.split(' ').collect();
        assert!(understood(&words).is_err(), "{wrong}");
    }
    for right in [
        "certify",
        "run --jobs N",
        "verify ARCHIVE --key FILE",
        "--version",
    ] {
        let words: Vec<&str> = right.split(' ').collect();
        assert_eq!(understood(&words), Ok(()), "{right}");
    }
}

/// Commands in blocks, in code between backticks, and those that go on behind a first one (`list --requirements`).
fn named_commands(page: &'static str) -> Vec<String> {
    let commands = cli::commands();
    let is_command = |text: &str| {
        let first = text.split(' ').next().unwrap_or_default();
        commands.iter().any(|it| it == first)
    };
    let mut named = Vec::new();
    let mut prose = page.to_owned();
    for block in blocks(page) {
        prose = prose.replace(&block.text, "");
        for line in block.text.lines() {
            let line = line.split(" #").next().unwrap_or_default();
            if let Some((_, command)) = line.split_once("gp2gp ")
                && is_command(command)
            {
                named.push(
                    command
                        .split(['`', '\'', '"'])
                        .next()
                        .unwrap_or_default()
                        .trim_end()
                        .to_owned(),
                );
            }
        }
    }
    for code in prose.split('`').skip(1).step_by(2) {
        let code: Vec<&str> = code.split_whitespace().collect();
        let code = code.join(" ");
        if let Some(command) = code.strip_prefix("gp2gp ") {
            named.push(command.to_owned());
        } else if is_command(&code) && code.contains(" --") {
            named.push(code);
        }
    }
    named
}

/// What a command of a page stands for: without what may be left out, and once for each of `[--a|--b]`.
fn variants(command: &str) -> Vec<Vec<String>> {
    let command = command.replace("\\|", "|");
    let ends = [" > ", " | ", " && ", "; "];
    let end = ends.iter().filter_map(|end| command.find(end)).min();
    let command = &command[..end.unwrap_or(command.len())];
    let mut variants: Vec<Vec<String>> = vec![Vec::new()];
    for word in command.split(' ') {
        let choice = word
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        match choice {
            Some(choice) if choice.starts_with("--") => {
                let of_all = |flag: &str| {
                    let with =
                        |words: &Vec<String>| [words.clone(), vec![flag.to_owned()]].concat();
                    variants.iter().map(with).collect::<Vec<_>>()
                };
                variants = choice.split('|').flat_map(of_all).collect();
            }
            Some(_) => {}
            None if word == "..." => {}
            None => variants
                .iter_mut()
                .for_each(|words| words.push(word.to_owned())),
        }
    }
    variants
}

/// Whether the command and its flags exist. Pages write `FILE` for what a reader fills in, and leave out what goes
/// without saying.
fn understood(words: &[&str]) -> Result<(), String> {
    let first = words.first().copied().unwrap_or_default();
    if !first.starts_with('-') && !cli::commands().iter().any(|it| it == first) {
        return Err("no such command".to_owned());
    }
    let Err(error) = cli::understood(words) else {
        return Ok(());
    };
    let goes_without_saying = [
        ErrorKind::MissingRequiredArgument,
        ErrorKind::MissingSubcommand,
        ErrorKind::DisplayHelp,
        ErrorKind::DisplayVersion,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
    ];
    let takes_a_value = [ErrorKind::InvalidValue, ErrorKind::ValueValidation];
    let is_fine = goes_without_saying.contains(&error.kind())
        || takes_a_value.contains(&error.kind()) && is_left_to_the_reader(&error);
    match is_fine {
        true => Ok(()),
        false => Err(error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()),
    }
}

/// `FILE`, `broken:NAME`, `<name>`.
fn is_left_to_the_reader(error: &clap::Error) -> bool {
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else {
        return false;
    };
    let name = value.rsplit(':').next().unwrap_or_default();
    let is_upper = |c: char| c.is_ascii_uppercase() || c == '_';
    !name.is_empty() && (name.starts_with('<') || name.chars().all(is_upper))
}

/// Every page of the repository, by its path.
fn pages() -> Vec<(String, &'static str)> {
    let root = root();
    let mut paths = Vec::new();
    gather(&root, &mut paths);
    paths.sort();
    let pages: Vec<(String, &'static str)> = paths
        .iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap();
            let text = std::fs::read_to_string(path).unwrap();
            (name.display().to_string(), &*text.leak())
        })
        .collect();
    assert!(pages.len() > 18, "only {} pages", pages.len());
    pages
}

fn gather(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if name == "target" || name == "node_modules" || name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            gather(&path, pages);
        } else if name.ends_with(".md") {
            pages.push(path);
        }
    }
}

fn root() -> PathBuf {
    let harness = Path::new(env!("CARGO_MANIFEST_DIR"));
    harness.parent().unwrap().to_owned()
}
