//! `docs/write-a-scenario.md` is true: its files are checked and run, its pieces of files make a
//! scenario, its commands say what it says that they say, and it leaves nothing out.

#![cfg(test)]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::support::page::{self, Block, fits};
use gp2gp_scenarios::{Rule, load_str, lower, parse, schema};
use serde_json::Value;

const PAGE: &str = include_str!("../../docs/write-a-scenario.md");

/// What every piece of a file is completed with, unless it says it itself.
const REST: &str = r#"
title = "A piece of the page"
judges = ["requesting", "sending"]
[[patient]]
name = "ellis"
"#;

fn blocks() -> Vec<Block> {
    page::blocks(PAGE)
}

#[test]
fn every_block_of_the_page_is_put_to_the_test() {
    for block in blocks() {
        let is_known = block.info == "console" || block.info.split(' ').next() == Some("toml");
        assert!(is_known, "line {}: `{}`", block.line, block.info);
    }
    assert!(blocks().len() > 15, "only {} blocks", blocks().len());
}

#[test]
fn every_piece_of_a_file_makes_a_scenario() {
    for Block { line, text, .. } in blocks().iter().filter(|block| block.info == "toml") {
        let mut whole: toml::Table = REST.parse().expect("the rest is right");
        let piece: toml::Table = text
            .parse()
            .unwrap_or_else(|error| panic!("line {line}: {error}"));
        whole.extend(piece);
        let whole = toml::to_string(&whole).expect("it is written");
        let scenarios = parse(&load_str("guide/piece", &whole).expect("a source"));
        let plans = scenarios.and_then(|scenarios| {
            let catalogue = support::catalogue();
            let mut scenarios = scenarios.iter();
            scenarios.try_for_each(|scenario| lower(scenario, &catalogue, None).map(drop))
        });
        if let Err(error) = plans {
            panic!("line {line}: {:?}", miette::Report::new(error));
        }
    }
}

#[test]
fn every_command_says_what_the_page_says() {
    let folder = tempfile::tempdir().expect("a folder");
    for block in blocks() {
        if let Some(file) = block.info.strip_prefix("toml ") {
            std::fs::write(folder.path().join(file), &block.text).expect("it is written");
        }
    }
    for block in blocks().iter().filter(|block| block.info == "console") {
        let mut status = None;
        for (command, expected) in commands(&block.text) {
            let seen = if command == "echo $?" {
                format!("{}\n", status.expect("a command before it"))
            } else {
                let (code, text) = run(folder.path(), command);
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

fn run(folder: &Path, command: &str) -> (i32, String) {
    let mut words = command.split(' ');
    assert_eq!(words.next(), Some("gp2gp"), "{command}");
    let output = Command::new(env!("CARGO_BIN_EXE_gp2gp"))
        .current_dir(folder)
        .args(words)
        .output()
        .expect("the binary runs");
    let text = String::from_utf8(output.stdout).expect("stdout is text");
    (output.status.code().expect("it ends by itself"), text)
}

#[test]
fn lines_are_left_out_only_where_the_page_says_so() {
    assert!(fits(&["a", "...", "c"], "a\nb\nc\n"));
    assert!(fits(&["...", "b", "..."], "a\nb\nc\n"));
    assert!(!fits(&["a", "c"], "a\nb\nc\n"));
    assert!(!fits(&["...", "b"], "a\nb\nc\n"));
    assert!(!fits(&["...", "c", "...", "a", "..."], "a\nb\nc\n"));
    assert!(!fits(&["a", "...", "a"], "a\n"));
    assert!(fits(&["a ... c"], "a b c\n"));
    assert!(!fits(&["a ... c"], "a b d\n"));
}

/// Keys and values of the schema, each somewhere on the page as a word of its own.
#[test]
fn the_page_names_all_that_a_file_can_say() {
    let words = |of_words: &'static str| {
        PAGE.split(move |c: char| !(c.is_ascii_alphanumeric() || of_words.contains(c)))
    };
    // Versions have a full stop in their names; elsewhere it ends a word.
    let words: BTreeSet<&str> = words("_-").chain(words("_-.")).collect();
    let mut names = BTreeSet::new();
    gather(&schema(), &mut names);
    let missing: Vec<&String> = names
        .iter()
        .filter(|name| !words.contains(name.as_str()))
        .collect();
    assert!(missing.is_empty(), "the page does not name {missing:?}");
    assert!(
        names.len() > 150,
        "the schema has only {} names",
        names.len()
    );
}

fn gather(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object {
                match (key.as_str(), value) {
                    ("properties", Value::Object(properties)) => {
                        names.extend(properties.keys().cloned());
                    }
                    ("enum", Value::Array(values)) => {
                        names.extend(values.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    ("const", Value::String(value)) => {
                        names.insert(value.clone());
                    }
                    (_, _) => {}
                }
                gather(value, names);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| gather(value, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Every row of the table of effects, in every place that it names.
#[test]
fn every_effect_of_the_page_can_be_written_where_the_page_says() {
    let rows: Vec<Vec<&str>> = section("## Every effect", "### ")
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches(['|', ' ']).split(" | ").collect())
        .collect();
    assert!(rows.len() >= 17, "only {} effects", rows.len());
    for row in rows {
        let [effect, _, places] = row.as_slice() else {
            panic!("{row:?}");
        };
        let effect = effect.trim_matches('`');
        for place in places.split(", ") {
            let on = match place {
                "messages" | "delivery" => "{ message = 'extract' }",
                "posting" => "{ message = 'extract', leg = 'posting' }",
                "`system = \"spine\"`" => "{ system = 'spine' }",
                "systems" => "{ system = 'requesting' }",
                "store" => "{ store = 'read' }",
                "directory" => "{ directory = 'any' }",
                "demographics" => "{ demographics = 'any', from = 'sending' }",
                "`demographics = \"read\"`" => "{ demographics = 'read' }",
                "`demographics = \"update\"`" => "{ demographics = 'update' }",
                "federation" => "{ federation = 'write-back' }",
                other => panic!("`{other}` is no place"),
            };
            let fault = format!(
                "[[fault]]\nname = 'f'\neffect = {effect}\non = {on}\nwhen = {{ from = '1h' }}\n"
            );
            let text = format!("{REST}{fault}");
            let source = load_str("guide/effect", &text).expect("a source");
            let scenarios = parse(&source).unwrap_or_else(|error| panic!("{fault}{error}"));
            if let Err(error) = lower(&scenarios[0], &support::catalogue(), None) {
                panic!("{fault}{:?}", miette::Report::new(error));
            }
        }
    }
}

fn section(heading: &str, until: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(heading).expect("the page has it");
    rest.split_once(until).map_or(rest, |(section, _)| section)
}

#[test]
fn the_page_explains_every_rule_of_the_lint() {
    for rule in Rule::ALL {
        let row = format!("| {rule} | ");
        assert!(PAGE.contains(&row), "{rule}");
    }
}
