//! What a matrix means, and what a person sees who has made a mistake in one.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by a panic"
)]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use gp2gp_model::Dialect;
use gp2gp_model::plan::Plan;
use gp2gp_model::requirement::Requirement;
use gp2gp_scenarios::{ScenarioError, catalogue, lint, load_str, lower, parse};
use miette::{GraphicalReportHandler, GraphicalTheme};

static CATALOGUE: LazyLock<Vec<Requirement>> = LazyLock::new(|| catalogue().unwrap());

const GOOD: &str = r#"title = "{count} letters of {size} from {dialect}"
story = "A {{brace}} stays."
judges = ["requesting"]
failure_modes = []
requirements = ["RCV-16"]

[matrix]
size = ["30 KB", "40 KB"]
dialect = ["tpp", "emis"]
count = [2]
returning = [false]

[sending]
dialect = "{dialect}"

[[patient]]
name = "alice"
returning = "{returning}"

    [[patient.document]]
    type = "image/tiff"
    size = "{size}"
    count = "{count}"

[exercised]
document_of = "{size}"
"#;

fn plans(text: &str) -> Result<Vec<Plan>, ScenarioError> {
    parse(&load_str("mine/letters", text).unwrap())?
        .iter()
        .map(|scenario| lower(scenario, &CATALOGUE, None))
        .collect()
}

/// The error after `right` has been replaced by `wrong`.
fn error(right: &str, wrong: &str) -> String {
    assert!(GOOD.contains(right), "{right}");
    let error = plans(&GOOD.replacen(right, wrong, 1)).unwrap_err();
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::none())
        .with_width(90)
        .with_links(false);
    let mut text = String::new();
    handler.render_report(&mut text, &error).unwrap();
    text.lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_matrix_gives_a_plan_for_each_cell() {
    let plans = plans(GOOD).unwrap();
    let ids: Vec<&str> = plans.iter().map(|plan| plan.scenario.as_str()).collect();
    assert_eq!(
        ids,
        [
            "mine/letters/size=30-KB/dialect=tpp/count=2/returning=false",
            "mine/letters/size=30-KB/dialect=emis/count=2/returning=false",
            "mine/letters/size=40-KB/dialect=tpp/count=2/returning=false",
            "mine/letters/size=40-KB/dialect=emis/count=2/returning=false",
        ]
    );
    let last = &plans[3];
    assert_eq!(last.file.as_str(), "mine/letters");
    assert_eq!(last.asked_as, last.scenario.to_string());
    assert_eq!(last.title, "2 letters of 40 KB from emis");
    assert_eq!(last.story, "A {brace} stays.");
    assert_eq!(last.sending.dialect, Dialect::Emis);
    let sizes: Vec<u64> = last.patients[0]
        .documents
        .iter()
        .map(|document| document.bytes)
        .collect();
    assert_eq!(sizes, [40_000, 40_000]);
}

#[test]
fn every_cell_has_a_seed_of_its_own_unless_the_file_says_one() {
    let seeds = |text: &str| -> BTreeSet<u64> {
        plans(text).unwrap().iter().map(|plan| plan.seed).collect()
    };
    assert_eq!(seeds(GOOD).len(), 4);
    let fixed = GOOD.replacen("[matrix]", "seed = 7\n[matrix]", 1);
    assert_eq!(seeds(&fixed), BTreeSet::from([7]));
}

#[test]
fn cells_that_are_left_out_give_no_plan() {
    let text = GOOD.replacen(
        "count = [2]",
        "count = [2]\nexcept = [{ size = '30 KB', dialect = 'emis' }, { size = '40 KB' }]",
        1,
    );
    let plans = plans(&text).unwrap();
    assert_eq!(plans.len(), 1);
    assert_eq!(plans[0].title, "2 letters of 30 KB from tpp");
}

#[test]
fn braces_without_a_matrix_are_only_braces() {
    let text = "title = '{x} {{y}}'\njudges = ['sending']\n[[patient]]\nname = 'a'\n";
    assert_eq!(plans(text).unwrap()[0].title, "{x} {{y}}");
}

#[test]
fn a_fault_of_every_cell_is_told_once() {
    let lints = |text: &str| {
        let scenarios = parse(&load_str("mine/letters", text).unwrap()).unwrap();
        lint(&scenarios, &CATALOGUE, None).len()
    };
    assert_eq!(lints(GOOD), 0);
    assert_eq!(lints(&GOOD.replacen("story = ", "# ", 1)), 1);
}

#[test]
fn a_need_of_one_cell_is_a_need_of_the_file() {
    let lints = |sizes: &str| -> Vec<String> {
        let text = GOOD
            .replacen(
                "failure_modes",
                "needs = ['large-messaging']\nfailure_modes",
                1,
            )
            .replacen("[\"30 KB\", \"40 KB\"]", sizes, 1);
        let scenarios = parse(&load_str("mine/letters", &text).unwrap()).unwrap();
        let lints = lint(&scenarios, &CATALOGUE, None);
        lints.iter().map(|lint| lint.rule.to_string()).collect()
    };
    assert_eq!(lints("['30 KB', '6 MB']"), [""; 0]);
    assert_eq!(lints("['30 KB', '40 KB']"), ["GP013"]);
}

#[test]
fn an_unknown_axis_is_shown_where_it_is_named() {
    insta::assert_snapshot!(error("of {size} from", "of {siez} from"));
}

#[test]
fn an_unused_axis_is_shown_with_how_to_use_it() {
    insta::assert_snapshot!(error("count = [2]", "count = [2]\ncolour = [\"red\"]"));
}

#[test]
fn a_value_that_one_cell_cannot_have_names_the_cell() {
    insta::assert_snapshot!(error("\"40 KB\"]", "\"40 kilobytes\"]"));
}

#[test]
fn what_cannot_be_in_one_cell_names_the_cell() {
    insta::assert_snapshot!(error("document_of = \"{size}\"", "document_of = \"35 KB\""));
}

#[test]
fn a_wrong_type_of_an_axis_is_shown_where_it_is_used() {
    insta::assert_snapshot!(error("count = [2]", "count = [\"two\"]"));
}

#[test]
fn a_matrix_that_makes_no_sense_is_refused() {
    for (wrong, message) in [
        ("count = 2", "the values of `count` are no list"),
        ("count = []", "the axis `count` has no values"),
        ("count = [2, 0x2]", "the axis `count` has a value twice"),
        ("count = [2.5]", "no axis can have this value"),
        ("'a b' = [2]", "no axis can be called `a b`"),
        (
            "count = [{ count = 2, 'a b' = 1 }]",
            "no axis can be called `a b`",
        ),
        (
            "count = [{ cuont = 2 }]",
            "this value of `count` does not say its `count`",
        ),
        (
            "count = [{ count = 2, x = 1 }, 3]",
            "`3` of the axis `count` has no `x`",
        ),
        (
            "count = [{ count = 2, size = 1 }]",
            "`size` stands for two things in this matrix",
        ),
        (
            "count = [{ count = 2, x = [1] }]",
            "no axis can have this value",
        ),
        (
            "count = [{ count = 2, colour = 'red' }]",
            "nothing uses the axis `colour`",
        ),
        ("count = [2]\nexcept = 1", "`except` is no list of cells"),
        ("count = [2]\nexcept = [1]", "`except` is no list of cells"),
        ("count = [2]\nexcept = [{}]", "`except` leaves no cell"),
        (
            "count = [2]\nexcept = [{ sice = '30 KB' }]",
            "no axis of the matrix is called `sice`",
        ),
        (
            "count = [2]\nexcept = [{ size = '31 KB' }]",
            "the axis `size` has no such value",
        ),
    ] {
        let error = plans(&GOOD.replacen("count = [2]", wrong, 1)).unwrap_err();
        assert_eq!(error.to_string(), message, "{wrong}");
    }
    let head = "title = 'T'\njudges = ['sending']\n";
    for (matrix, message) in [
        ("matrix = 1\n", "`matrix` is no table"),
        ("[matrix]\n", "a matrix of 0 axes has 1 cells"),
    ] {
        let error = plans(&format!("{head}{matrix}")).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    let many: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    let many = many.join(", ");
    let error = plans(&format!("{head}[matrix]\na = [{many}]\nb = [{many}]\n")).unwrap_err();
    assert_eq!(error.to_string(), "a matrix of 2 axes has 1600 cells");
}
