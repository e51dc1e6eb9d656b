//! What a person sees who has made a mistake.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by a panic"
)]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use gp2gp_model::plan::Plan;
use gp2gp_model::requirement::Requirement;
use gp2gp_scenarios::{
    Rule, ScenarioError, Source, builtin, catalogue, lint, load_str, lower, parse,
};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use proptest::prelude::*;

static CATALOGUE: LazyLock<Vec<Requirement>> = LazyLock::new(|| catalogue().unwrap());

const GOOD: &str = r#"title = "A small record"
story = "A patient moves."
judges = ["requesting", "sending"]
failure_modes = [19]
requirements = ["SND-43", "RCV-16"]

[requesting]
dialect = "emis"

[[patient]]
name = "alice"
record = "60 KB"

[[step]]
at = "10m"
register = "alice"

[exercised]
core_acknowledged = "AA"
"#;

fn shown(diagnostic: &dyn Diagnostic) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::none())
        .with_width(90)
        .with_links(false);
    let mut text = String::new();
    handler.render_report(&mut text, diagnostic).unwrap();
    text.lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}

fn plans(source: &Source) -> Result<Vec<Plan>, ScenarioError> {
    parse(source)?
        .iter()
        .map(|scenario| lower(scenario, &CATALOGUE, None))
        .collect()
}

/// The error after `right` has been replaced by `wrong`.
fn error(right: &str, wrong: &str) -> String {
    assert!(GOOD.contains(right), "{right}");
    let source = load_str("mine/small", &GOOD.replacen(right, wrong, 1)).unwrap();
    shown(&plans(&source).unwrap_err())
}

fn lints(text: &str, checked: Option<&BTreeSet<&str>>) -> Vec<Rule> {
    let scenario = parse(&load_str("mine/small", text).unwrap()).unwrap();
    lint(&scenario, &CATALOGUE, checked)
        .into_iter()
        .map(|lint| lint.rule)
        .collect()
}

#[test]
fn an_unknown_key_is_shown_with_the_nearest_one() {
    insta::assert_snapshot!(error("dialect", "dialct"));
}

#[test]
fn an_unknown_dialect_is_shown_with_the_nearest_one() {
    insta::assert_snapshot!(error("\"emis\"", "\"emmis\""));
}

#[test]
fn an_unknown_requirement_is_shown_with_the_range_of_its_family() {
    insta::assert_snapshot!(error("RCV-16", "RCV-99"));
}

#[test]
fn an_unknown_family_of_requirements_is_shown_with_the_nearest_one() {
    insta::assert_snapshot!(error("RCV-16", "RCB-16"));
}

#[test]
fn an_unknown_failure_mode_is_shown_with_the_range() {
    insta::assert_snapshot!(error("[19]", "[19, 70]"));
}

#[test]
fn a_scenario_without_a_failure_mode_says_so() {
    assert_eq!(lints(&GOOD.replace("[19]", "[]"), None), []);
}

#[test]
fn a_bad_size_is_shown_with_examples() {
    insta::assert_snapshot!(error("60 KB", "60 kilobytes"));
}

#[test]
fn a_bad_time_is_shown_with_examples() {
    insta::assert_snapshot!(error("10m", "10 minutes"));
}

#[test]
fn an_unknown_patient_in_a_step_is_shown_with_the_nearest_one() {
    insta::assert_snapshot!(error("register = \"alice\"", "register = \"alcie\""));
}

#[test]
fn a_wrong_type_is_shown_in_plain_words() {
    insta::assert_snapshot!(error("[\"requesting\", \"sending\"]", "\"requesting\""));
}

#[test]
fn a_missing_title_is_named() {
    insta::assert_snapshot!(error("title = \"A small record\"\n", ""));
}

#[test]
fn an_unknown_code_is_shown_with_all_codes() {
    insta::assert_snapshot!(error("\"AA\"", "\"6\""));
}

#[test]
fn an_unknown_outcome_is_shown_with_the_nearest_one() {
    insta::assert_snapshot!(error(
        "[exercised]",
        "[expect]\noutcome = \"integated\"\n[exercised]"
    ));
}

#[test]
fn an_unknown_capability_is_shown_with_all() {
    insta::assert_snapshot!(error("[19]", "[19]\nneeds = [\"fax\"]"));
}

#[test]
fn text_that_is_no_toml_is_shown_where_it_breaks() {
    insta::assert_snapshot!(error("[requesting]", "[requesting"));
}

#[test]
fn a_lint_is_shown_with_its_number() {
    let text = GOOD.replace("\"RCV-16\"", "\"RCV-16\", \"EXP-01\"");
    let scenario = parse(&load_str("mine/small", &text).unwrap()).unwrap();
    let lints = lint(&scenario, &CATALOGUE, None);
    insta::assert_snapshot!(shown(&lints[0]));
}

#[test]
fn a_good_scenario_has_no_lints() {
    assert_eq!(lints(GOOD, Some(&BTreeSet::from(["SND-43", "RCV-16"]))), []);
}

#[test]
fn each_rule_can_be_broken() {
    let without = |text: &str| {
        assert!(GOOD.contains(text), "{text}");
        GOOD.replacen(text, "", 1)
    };
    let requirements = "[\"SND-43\", \"RCV-16\"]";
    let cases = [
        (
            without("requirements = [\"SND-43\", \"RCV-16\"]\n"),
            Rule::NoRequirement,
        ),
        (without("core_acknowledged = \"AA\"\n"), Rule::NoFact),
        (
            GOOD.replace(requirements, "[\"SND-43\"]"),
            Rule::JudgedForNothing,
        ),
        (
            GOOD.replace("[\"requesting\", \"sending\"]", "[\"sending\"]"),
            Rule::NotJudged,
        ),
        (
            GOOD.replace(requirements, "[\"SND-43\", \"RCV-16\", \"snd-43\"]"),
            Rule::NamedTwice,
        ),
        (
            format!(
                "{GOOD}[[fault]]\nname = 'f'\neffect = {{ soap_fault = '200' }}\non = {{ system = 'spine' }}\nwhen = {{ from = '1s', lasts = '1m' }}\n"
            ),
            Rule::FaultNotAskedFor,
        ),
        (without("story = \"A patient moves.\"\n"), Rule::NoStory),
        (
            GOOD.replace("A small record", &"long ".repeat(20)),
            Rule::BadTitle,
        ),
        (
            GOOD.replace("[[step]]", "[[patient]]\nname = 'bob'\n[[step]]"),
            Rule::IdlePatient,
        ),
        (without("failure_modes = [19]\n"), Rule::NoFailureMode),
        (GOOD.replace("[19]", "[19, 4]"), Rule::NobodyCopes),
        (GOOD.replace("[19]", "[19, 19]"), Rule::NamedTwice),
        (
            GOOD.replace("[19]", "[19]\nneeds = ['redactions']"),
            Rule::NeverNeeded,
        ),
        (
            GOOD.replace("\"60 KB\"", "\"60 KB\"\nredactions = true"),
            Rule::NeedNotSaid,
        ),
    ];
    for (text, rule) in &cases {
        assert_eq!(lints(text, None), [*rule], "{text}");
    }
    assert_eq!(
        lints(GOOD, Some(&BTreeSet::from(["SND-43"]))),
        [Rule::NoCheck]
    );
    let mut broken: BTreeSet<Rule> = cases.into_iter().map(|(_, rule)| rule).collect();
    broken.insert(Rule::NoCheck);
    assert_eq!(broken, BTreeSet::from(Rule::ALL));
}

#[test]
fn a_need_is_shown_by_what_the_scenario_does() {
    let twice = GOOD.replace(
        "[19]",
        "[19]\nneeds = ['large-messaging', 'returning-patients']",
    );
    assert_eq!(lints(&twice, None), [Rule::NeverNeeded, Rule::NeverNeeded]);
    let returning = twice.replace("\"60 KB\"", "\"6 MB\"\nreturning = true");
    assert_eq!(lints(&returning, None), []);
    for large in [
        GOOD.replace("\"60 KB\"", "\"6 MB\""),
        GOOD.replace(
            "[exercised]",
            "[[patient.document]]\ntype = 'a/b'\nsize = '3.8 MB'\n[exercised]",
        )
        .replace("\n[[step]]\nat = \"10m\"\nregister = \"alice\"\n", ""),
        GOOD.replace(
            "[exercised]",
            "[exercised]\naccepted = [{ from = 'sending', kind = 'fragment' }]",
        ),
        GOOD.replace("[exercised]", "[exercised]\nrecord_sent = 'skeleton'"),
    ] {
        assert_eq!(lints(&large, None), [Rule::NeedNotSaid], "{large}");
        let refused = large.replace("[requesting]", "[requesting]\nlarge_messaging = false");
        assert_eq!(lints(&refused, None), [], "{refused}");
    }
}

#[test]
fn codes_of_rules_are_numbered_without_gaps() {
    let codes: Vec<&str> = Rule::ALL.into_iter().map(Rule::code).collect();
    let expected: Vec<String> = (1..=codes.len())
        .map(|number| format!("GP{number:03}"))
        .collect();
    assert_eq!(codes, expected);
}

/// Reads a text as far as it goes.
fn read(text: &str) {
    let Ok(source) = load_str("mine/any", text) else {
        return;
    };
    let lints = parse(&source).map(|scenarios| lint(&scenarios, &CATALOGUE, None));
    lints.iter().flatten().for_each(|lint| drop(shown(lint)));
    if let Err(error) = plans(&source) {
        shown(&error);
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_panic(text: String) {
        read(&text);
    }

    #[test]
    fn no_damage_to_a_good_text_makes_a_panic(
        which: prop::sample::Index,
        from: prop::sample::Index,
        length in 0_usize..12,
        put in prop::sample::select(vec!["", "\"", "[", "]", "=", "\n", "é", "0", "-1", "99999999999", "[[step]]\n", "'x'", "true"]),
    ) {
        let sources = builtin();
        let characters: Vec<char> = which.get(&sources).text.chars().collect();
        let from = from.index(characters.len());
        let until = (from + length).min(characters.len());
        let text: String = characters[..from].iter().chain(&put.chars().collect::<Vec<_>>()).chain(&characters[until..]).collect();
        read(&text);
    }
}
