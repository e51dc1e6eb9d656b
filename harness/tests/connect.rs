//! `docs/connect-spine.md`, `docs/replay.md`, `docs/run-in-ci.md` and `docs/snapshots.md` are true: their commands say what the pages say, with the
//! Python example as the system, and their pieces of `sut.toml` can be read.

#![cfg(test)]

mod support;

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use gp2gp::sut::config::Config;

use crate::support::page::{Block, blocks, fits};

const SPINE: &str = include_str!("../../docs/connect-spine.md");
const REPLAY: &str = include_str!("../../docs/replay.md");
const SNAPSHOTS: &str = include_str!("../../docs/snapshots.md");
const CI: &str = include_str!("../../docs/run-in-ci.md");

/// The port of the example, on its pages and in its file.
const PORT: &str = "9100";
/// What a piece of a file is completed with.
const REST: &str = "[sut]\nname = \"acme\"\nroles = [\"requesting\"]\n[environment]\n\
    wire = { requesting = \"http://127.0.0.1:9000\" }\n";

fn example() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/python")
}

fn all() -> Vec<Block> {
    [SPINE, REPLAY, CI, SNAPSHOTS]
        .into_iter()
        .flat_map(blocks)
        .collect()
}

#[test]
fn the_description_on_the_page_is_that_of_the_example() {
    let pages = all();
    let page = pages.iter().find(|block| block.info == "toml sut.toml");
    let page: toml::Table = page.expect("the page has it").text.parse().unwrap();
    let file = std::fs::read_to_string(example().join("sut.toml")).unwrap();
    assert_eq!(page, file.parse().unwrap());
}

#[test]
fn every_piece_of_a_description_can_be_read() {
    let pieces = all().into_iter().filter(|block| block.info == "toml");
    let mut read = 0;
    for piece in pieces {
        let text = format!("{REST}{}", piece.text);
        let config = Config::parse("sut.toml", Path::new(""), &text, std::iter::empty());
        if let Err(error) = config {
            panic!("line {}: {:?}", piece.line, miette::Report::new(error));
        }
        read += 1;
    }
    assert!(read >= 2, "only {read}");
}

#[test]
fn every_command_says_what_the_pages_say() {
    if !has_python() {
        return;
    }
    let system = Copied::new();
    for block in all().iter().filter(|block| block.info == "console") {
        let mut status = None;
        for (command, expected) in commands(&block.text) {
            let seen = if command == "echo $?" {
                format!("{}\n", status.expect("a command before it"))
            } else {
                let (code, text) = system.run(command, &[]);
                status = Some(code);
                text
            };
            assert!(
                fits(&expected, &seen),
                "line {}: `{command}` says\n{seen}",
                block.line
            );
        }
    }
}

/// The files for CI call nothing but these, and with them a job has what it collects.
#[test]
fn the_commands_of_the_ci_files_leave_what_they_collect() {
    let mut called: Vec<String> = Vec::new();
    for block in all() {
        if !["yaml", "groovy", "sh"].contains(&block.info.split(' ').next().unwrap_or_default()) {
            continue;
        }
        for line in block.text.lines() {
            if let Some((_, command)) = line.split_once("gp2gp ")
                && let Some(first) = command.split(' ').next()
                && ["doctor", "run"].contains(&first)
            {
                called.push(format!("gp2gp {}", command.trim_end_matches(['\'', ' '])));
            }
        }
    }
    assert!(called.len() >= 7, "{called:?}");
    called.sort();
    called.dedup();
    let (doctor, run, on_github) = (
        "gp2gp doctor --sut sut.toml",
        "gp2gp run --sut sut.toml --junit gp2gp.xml",
        "gp2gp run --sut sut.toml --junit gp2gp.xml --sarif gp2gp.sarif --comment gp2gp.md",
    );
    assert_eq!(called, [doctor, run, on_github]);
    if !has_python() {
        return;
    }
    let system = Copied::new();
    let few = (
        "GP2GP_SUT__SUITE__SCENARIOS",
        "[\"transfer/small-record-to-small-system\"]",
    );
    let (status, text) = system.run(on_github, &[few]);
    assert!([0, 3].contains(&status), "{text}");
    for (file, holds) in [
        ("gp2gp.xml", "<testsuite "),
        ("gp2gp.sarif", "\"version\": \"2.1.0\""),
        ("gp2gp.md", "# gp2gp: "),
    ] {
        let text = std::fs::read_to_string(system.folder.path().join(file)).unwrap();
        assert!(text.contains(holds), "{text}");
    }
    assert!(system.folder.path().join("gp2gp-out").is_dir());
}

/// The example in a folder of its own, on a port of its own.
struct Copied {
    folder: tempfile::TempDir,
    port: String,
}

impl Copied {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let folder = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(example()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap();
            if path.is_file() {
                let text = std::fs::read_to_string(&path).unwrap();
                let text = text.replace(PORT, &port);
                std::fs::write(folder.path().join(name), text).unwrap();
            }
        }
        Self { folder, port }
    }

    /// Exit status and stdout, with the port of the pages.
    fn run(&self, command: &str, variables: &[(&str, &str)]) -> (i32, String) {
        let words = command.strip_prefix("gp2gp ").expect("a command of ours");
        let output = Command::new(env!("CARGO_BIN_EXE_gp2gp"))
            .current_dir(self.folder.path())
            .args(words.split(' '))
            .envs(variables.iter().copied())
            .output()
            .expect("it starts");
        let text = String::from_utf8(output.stdout).expect("stdout is text");
        let status = output.status.code().expect("it ends by itself");
        (status, text.replace(&self.port, PORT))
    }
}

/// Each command of a block, and the lines below it.
fn commands(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut commands: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command, Vec::new())),
            (None, Some((_, lines))) => lines.push(line),
            (None, None) => panic!("`{line}` stands below no command"),
        }
    }
    commands
}

/// Whether there is a Python that is new enough; says so if not.
fn has_python() -> bool {
    let asks = "import sys; sys.exit(sys.version_info < (3, 11))";
    let status = Command::new("python3").args(["-c", asks]).status();
    let has = status.is_ok_and(|status| status.success());
    if !has {
        eprintln!("skipped: no python3 of 3.11 or later");
    }
    has
}
