//! `gp2gp list`.

use std::fmt::Write as _;

use gp2gp_mocks::Defect;
use gp2gp_model::coverage::Coverage;
use gp2gp_model::plan::Plan;
use gp2gp_model::requirement::Requirement;
use serde::Serialize;

use super::output::Output;
use super::suite;
use crate::judge::checked_requirements;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The built-in broken systems, and the requirement that catches each.
    #[arg(long, conflicts_with_all = ["requirements", "unchecked", "coverage"])]
    broken: bool,
    /// Failure modes and requirements with the scenarios that put each to the test, and those without.
    #[arg(long, conflicts_with_all = ["requirements", "unchecked"])]
    coverage: bool,
    /// Every requirement of the catalogue.
    #[arg(long)]
    requirements: bool,
    /// Requirements that no check proves yet.
    #[arg(long)]
    unchecked: bool,
}

#[derive(Serialize)]
struct Listing {
    scenarios: Vec<ScenarioRow>,
    requirements: Vec<RequirementRow>,
    broken: Vec<BrokenRow>,
}

#[derive(Serialize)]
struct ScenarioRow {
    id: String,
    /// Ids of the cells of its matrix; empty if it has none.
    cells: Vec<String>,
    title: String,
    judges: Vec<&'static str>,
    requirements: Vec<String>,
    heavy: bool,
}

#[derive(Serialize)]
struct RequirementRow {
    #[serde(flatten)]
    requirement: Requirement,
    checked: bool,
    scenarios: Vec<String>,
}

#[derive(Serialize)]
struct BrokenRow {
    name: String,
    role: &'static str,
    what: &'static str,
    caught_by: &'static str,
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    let catalogue = suite::catalogue()?;
    let plans = suite::select(&[], &catalogue, None)?;
    if args.coverage {
        return coverage(&catalogue, &plans, output);
    }
    let listing = listing(&catalogue, &plans);
    output.result(&listing, || {
        if args.broken {
            broken(&listing)
        } else if args.requirements || args.unchecked {
            requirements(&listing, args.unchecked)
        } else {
            scenarios(&listing)
        }
    })?;
    Ok(0)
}

fn coverage(catalogue: &[Requirement], plans: &[Plan], output: &Output) -> miette::Result<u8> {
    let checked = checked_requirements();
    let modes = gp2gp_scenarios::failure_modes()?;
    let coverage = Coverage::of(plans, &modes, catalogue, |row| {
        checked.contains(row.id.as_str())
    });
    output.result(&coverage, || gp2gp_reports::coverage(&coverage))?;
    Ok(0)
}

fn listing(catalogue: &[Requirement], plans: &[Plan]) -> Listing {
    let checked = checked_requirements();
    Listing {
        scenarios: plans
            .chunk_by(|plan, next| plan.file == next.file)
            .filter_map(scenario_row)
            .collect(),
        requirements: catalogue
            .iter()
            .map(|requirement| RequirementRow {
                requirement: requirement.clone(),
                checked: checked.contains(requirement.id.as_str()),
                scenarios: naming(plans, requirement),
            })
            .collect(),
        broken: Defect::all()
            .map(|defect| BrokenRow {
                name: format!("broken:{defect}"),
                role: defect.role().name(),
                what: defect.describe(),
                caught_by: defect.caught_by(),
            })
            .collect(),
    }
}

/// The row of a file, from the plans of its cells.
fn scenario_row(plans: &[Plan]) -> Option<ScenarioRow> {
    let first = plans.first()?;
    Some(ScenarioRow {
        id: first.file.to_string(),
        cells: suite::cells(plans),
        title: first.title.clone(),
        judges: first.judges.iter().map(|role| role.name()).collect(),
        requirements: first.requirements.iter().map(ToString::to_string).collect(),
        heavy: first.heavy,
    })
}

/// Scenarios that must exercise a requirement.
fn naming(plans: &[Plan], requirement: &Requirement) -> Vec<String> {
    let mut files: Vec<String> = plans
        .iter()
        .filter(|plan| plan.requirements.contains(&requirement.id))
        .map(|plan| plan.file.to_string())
        .collect();
    files.dedup();
    files
}

fn scenarios(listing: &Listing) -> String {
    let mut text = String::new();
    for row in &listing.scenarios {
        let cells = match row.cells.len() {
            0 => String::new(),
            cells => format!(" (the first of {cells} cells)"),
        };
        let _ = writeln!(
            text,
            "{:<38} {:<20} {}{cells}{}",
            row.id,
            row.judges.join(", "),
            row.title,
            if row.heavy { " (heavy)" } else { "" }
        );
    }
    let checked = listing
        .requirements
        .iter()
        .filter(|row| row.checked)
        .count();
    let _ = writeln!(
        text,
        "\n{} scenarios; {checked} of {} requirements have a check (gp2gp list --requirements)",
        listing.scenarios.len(),
        listing.requirements.len(),
    );
    text
}

fn requirements(listing: &Listing, only_unchecked: bool) -> String {
    let mut text = String::new();
    for row in listing
        .requirements
        .iter()
        .filter(|row| !(only_unchecked && row.checked))
    {
        let mark = if row.checked {
            "checked"
        } else {
            "not yet checked"
        };
        let requirement = &row.requirement;
        let _ = writeln!(
            text,
            "{}  {:<6}  {mark:<15}  {}",
            requirement.id,
            requirement.level.to_string(),
            requirement.wording
        );
    }
    text
}

fn broken(listing: &Listing) -> String {
    let width = listing.broken.iter().map(|row| row.name.len()).max();
    let width = width.unwrap_or_default();
    let mut text = String::new();
    for row in &listing.broken {
        let _ = writeln!(
            text,
            "{:<width$}  {:<10}  caught by {}  {}",
            row.name, row.role, row.caught_by, row.what
        );
    }
    text.push_str(
        "\nrun one with: gp2gp run --sut broken:<name>   (exit status 1; 0 and a warning if it breaks a SHOULD)\n",
    );
    text
}
