//! The schema for editors agrees with the parser.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by a panic"
)]

use std::sync::LazyLock;

use gp2gp_scenarios::{builtin, load_str, parse, schema};
use jsonschema::Validator;
use serde_json::Value;

static VALIDATOR: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::validator_for(&schema()).unwrap());

fn problems(text: &str) -> Vec<String> {
    let value: Value = toml::from_str(text).unwrap();
    VALIDATOR
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[test]
fn the_schema_in_the_repository_is_the_one_of_the_parser() {
    let written: Value = serde_json::from_str(include_str!("../scenario.schema.json")).unwrap();
    assert!(
        written == schema(),
        "write it anew: gp2gp schema > scenarios/scenario.schema.json"
    );
}

#[test]
fn every_built_in_scenario_keeps_to_the_schema() {
    for source in builtin() {
        assert_eq!(
            problems(&source.text),
            Vec::<String>::new(),
            "{}",
            source.id
        );
    }
}

const GOOD: &str = r#"
title = "T"
judges = ["sending"]
[matrix]
count = [1]
[requesting]
dialect = "{dialect}"
enabled = "{on}"
[[patient]]
name = "alice"
record = 0
people = { decision = "reject", after = "1h 30m" }
[[patient.document]]
type = "image/tiff"
size = "1.5 MB"
count = "{count}"
[[fault]]
name = "late"
effect = { delay = "{delay}" }
on = { message = "fragment" }
[exercised]
core_acknowledged = ["AA", "12"]
core_never_acknowledged = true
[expect]
outcome = { alice = "failed" }
print_state = 4
"#;

/// What the schema refuses is refused by the parser, too, and the other way round.
#[test]
fn a_mistake_that_an_editor_shows_is_one_that_the_parser_finds() {
    assert_eq!(problems(GOOD), Vec::<String>::new());
    let without_axes = GOOD
        .replace("[matrix]\ncount = [1]\n", "")
        .replace("\"{dialect}\"", "\"tpp\"")
        .replace("\"{on}\"", "true")
        .replace("\"{count}\"", "2")
        .replace("\"{delay}\"", "\"10m\"");
    parse(&load_str("test/schema", &without_axes).unwrap()).unwrap();
    for (right, wrong) in [
        ("title = \"T\"", "titel = \"T\""),
        ("[\"sending\"]", "[\"sender\"]"),
        ("\"tpp\"", "\"ttp\""),
        ("enabled = true", "enabled = 1"),
        ("record = 0", "record = -1"),
        ("record = 0", "record = \"5 kilobytes\""),
        ("\"1h 30m\"", "\"90 minutes\""),
        ("\"reject\"", "\"refuse\""),
        ("count = 2", "count = \"two\""),
        ("delay = \"10m\"", "dellay = \"10m\""),
        ("\"10m\"", "\"soon\""),
        ("\"fragment\"", "\"piece\""),
        (
            "core_never_acknowledged = true",
            "core_never_acknowledged = false",
        ),
        ("\"failed\"", "\"lost\""),
        ("print_state = 4", "print_state = \"four\""),
    ] {
        assert!(without_axes.contains(right), "{right}");
        let text = without_axes.replacen(right, wrong, 1);
        assert!(!problems(&text).is_empty(), "no editor shows {wrong}");
        let parsed = parse(&load_str("test/schema", &text).unwrap());
        assert!(parsed.is_err(), "the parser takes {wrong}");
    }
}
