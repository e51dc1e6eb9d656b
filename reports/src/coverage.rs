//! What the scenarios put to the test, for people: every row, and the holes again at the end,
//! where a terminal shows them.

use std::fmt::Write as _;

use gp2gp_model::ScenarioId;
use gp2gp_model::coverage::{Coverage, FailureModeRow, RequirementRow};
use gp2gp_model::failure_mode::Scope;
use gp2gp_model::verdict::Verdict;

use crate::style::{BOLD, DIM, of, paint};
use crate::text::wrap;

/// Scenarios named beside a row; the others are counted.
const NAMED: usize = 4;

/// Renders the whole table.
pub fn coverage(coverage: &Coverage) -> String {
    let mut text = String::new();
    for scope in Scope::ALL {
        text.push_str(&failure_modes(scope, coverage));
    }
    for family in families(coverage) {
        text.push_str(&requirements(family, coverage));
    }
    text.push_str(&summary(coverage));
    text
}

fn failure_modes(scope: Scope, coverage: &Coverage) -> String {
    let mut text = format!("{}\n", paint(BOLD, heading(scope)));
    let mut group = "";
    for row in of_scope(scope, coverage) {
        if row.mode.group != group {
            group = &row.mode.group;
            let _ = writeln!(text, "  {group}");
        }
        let number = format!("{:>6}", row.mode.number.get());
        let what = match &row.mode.untested_because {
            Some(why) if row.scenarios.is_empty() => format!("{} ({why})", row.mode.what),
            Some(_) | None => row.mode.what.clone(),
        };
        text.push_str(&line(&number, &what, &row.scenarios, scope));
    }
    text.push('\n');
    text
}

const fn heading(scope: Scope) -> &'static str {
    match scope {
        Scope::Transfer => "failure modes of a transfer",
        Scope::Export => {
            "failure modes of an export of documents, put to the test by scenarios of exports"
        }
        Scope::Directory => "failure modes of directories, put to the test by scenarios of lookups",
        Scope::Versions => {
            "failure modes of versions, put to the test by scenarios of version pairs"
        }
        Scope::People => {
            "failure modes of people and operations, put to the test by scenarios of their own"
        }
    }
}

fn requirements(family: &str, coverage: &Coverage) -> String {
    let mut text = format!("{}\n", paint(BOLD, format!("requirements {family}")));
    for row in of_family(family, coverage) {
        let id = format!("{:>8}", row.requirement.id.as_str());
        let mut wording = row.requirement.wording.clone();
        if !row.checked {
            wording.push_str(" (no check yet)");
        }
        text.push_str(&line(&id, &wording, &row.scenarios, scope_of(row)));
    }
    text.push('\n');
    text
}

/// A hole between a sending and a requesting system is a hole of the suite; elsewhere it is work
/// for scenarios of another kind.
fn scope_of(row: &RequirementRow) -> Scope {
    match row.requirement.role.role() {
        Some(_) => Scope::Transfer,
        None => Scope::Export,
    }
}

fn line(name: &str, what: &str, scenarios: &[ScenarioId], scope: Scope) -> String {
    let indent = " ".repeat(name.len() + 8);
    let mark = match (scenarios.len(), scope) {
        (0, Scope::Transfer) => paint(of(Verdict::Fail), "none"),
        (0, Scope::Export | Scope::Directory | Scope::Versions | Scope::People) => {
            paint(DIM, "none")
        }
        (number, _) => paint(of(Verdict::Pass), format!("{number:>4}")),
    };
    let mut text = format!("{name}  {mark}  {}\n", wrap(what, &indent).trim());
    if !scenarios.is_empty() {
        let _ = writeln!(text, "{indent}{}", paint(DIM, named(scenarios)));
    }
    text
}

fn named(scenarios: &[ScenarioId]) -> String {
    let names: Vec<&str> = scenarios
        .iter()
        .take(NAMED)
        .map(ScenarioId::as_str)
        .collect();
    match scenarios.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

fn summary(coverage: &Coverage) -> String {
    let mut text = format!("{}\n", paint(BOLD, "covered by at least one scenario"));
    for scope in Scope::ALL {
        let rows: Vec<_> = of_scope(scope, coverage).collect();
        let holes = rows.iter().filter(|row| row.scenarios.is_empty());
        let holes: Vec<String> = holes.map(|row| row.mode.number.to_string()).collect();
        text.push_str(&share(
            &format!("failure modes, {scope}"),
            rows.len(),
            &holes,
        ));
    }
    for family in families(coverage) {
        let rows: Vec<_> = of_family(family, coverage).collect();
        let holes = rows.iter().filter(|row| row.scenarios.is_empty());
        let holes: Vec<String> = holes.map(|row| row.requirement.id.to_string()).collect();
        text.push_str(&share(
            &format!("requirements, {family}"),
            rows.len(),
            &holes,
        ));
    }
    text
}

fn share(name: &str, all: usize, holes: &[String]) -> String {
    let covered = all - holes.len();
    let mut text = format!("  {name:<26} {covered:>3} of {all:>3}");
    if !holes.is_empty() {
        let indent = " ".repeat(50);
        let _ = write!(
            text,
            "  without: {}",
            wrap(&holes.join(", "), &indent).trim()
        );
    }
    text.push('\n');
    text
}

fn of_scope(scope: Scope, coverage: &Coverage) -> impl Iterator<Item = &FailureModeRow> {
    let rows = coverage.failure_modes.iter();
    rows.filter(move |row| row.mode.scope == scope)
}

fn of_family<'a>(
    family: &'a str,
    coverage: &'a Coverage,
) -> impl Iterator<Item = &'a RequirementRow> {
    let rows = coverage.requirements.iter();
    rows.filter(move |row| row.requirement.family() == family)
}

fn families(coverage: &Coverage) -> Vec<&str> {
    let rows = coverage.requirements.iter();
    let mut families: Vec<&str> = rows.map(|row| row.requirement.family()).collect();
    families.dedup();
    families
}
