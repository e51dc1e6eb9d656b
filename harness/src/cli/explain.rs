//! `gp2gp explain`.

use std::fmt::Write as _;

use gp2gp_mocks::Defect;
use gp2gp_model::RequirementId;
use gp2gp_model::failure_mode::FailureMode;
use gp2gp_model::plan::Plan;
use gp2gp_model::report::find;
use gp2gp_model::requirement::Requirement;
use gp2gp_reports::{explain_requirement, wrap};
use miette::{IntoDiagnostic as _, miette};
use serde::Serialize;

use super::output::Output;
use super::{list, suite};
use crate::judge::checked_requirements;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A requirement (`SND-31`), a scenario (`transfer/small-record`), or the path of a scenario file.
    id: String,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Explanation<'a> {
    Requirement {
        #[serde(flatten)]
        requirement: &'a Requirement,
        checked: bool,
        scenarios: Vec<String>,
        seen_red_with: Vec<String>,
    },
    Scenario {
        id: String,
        title: &'a str,
        story: &'a str,
        judges: Vec<&'static str>,
        /// Ids of the cells of its matrix; empty if it has none.
        cells: Vec<String>,
        failure_modes: Vec<&'a FailureMode>,
        requirements: Vec<&'a Requirement>,
    },
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    let catalogue = suite::catalogue()?;
    let id = RequirementId::parse(&args.id).into_diagnostic()?;
    if let Some(requirement) = find(&catalogue, &id) {
        let plans = suite::select(&[], &catalogue, None)?;
        return requirement_in_words(requirement, &plans, output);
    }
    let plans = suite::selected(
        &args.id,
        &catalogue,
        None,
        &gp2gp_model::terms::Terms::default(),
    )?;
    scenario_in_words(&plans, &catalogue, args, output)
}

fn requirement_in_words(
    requirement: &Requirement,
    plans: &[Plan],
    output: &Output,
) -> miette::Result<u8> {
    let checked = checked_requirements().contains(requirement.id.as_str());
    let scenarios = list::naming(plans, requirement);
    let red: Vec<String> = Defect::all()
        .filter(|defect| defect.caught_by() == requirement.id.as_str())
        .map(|defect| format!("broken:{defect}"))
        .collect();
    let human = explain_requirement(requirement, checked, &scenarios, &red);
    output.result(
        &Explanation::Requirement {
            requirement,
            checked,
            scenarios,
            seen_red_with: red,
        },
        || human,
    )?;
    Ok(0)
}

/// The plans are those of one file, if there are any.
fn scenario_in_words(
    plans: &[Plan],
    catalogue: &[Requirement],
    args: &Args,
    output: &Output,
) -> miette::Result<u8> {
    let plan = plans.first().ok_or_else(|| {
        miette!(
            help = "`gp2gp list` shows the scenarios, `gp2gp list --requirements` the requirements",
            "no requirement and no scenario `{}`",
            args.id
        )
    })?;
    if plans.iter().any(|other| other.file != plan.file) {
        return Err(miette!(
            help = "explain one of its scenarios: `gp2gp list` shows them",
            "`{}` is a family of scenarios",
            args.id
        ));
    }
    let modes = gp2gp_scenarios::failure_modes()?;
    let failure_modes: Vec<&FailureMode> = modes
        .iter()
        .filter(|mode| plan.failure_modes.contains(&mode.number))
        .collect();
    let cells = suite::cells(plans);
    let requirements: Vec<&Requirement> = plan
        .requirements
        .iter()
        .filter_map(|id| find(catalogue, id))
        .collect();
    let judges: Vec<_> = plan.judges.iter().map(|role| role.name()).collect();
    let explanation = Explanation::Scenario {
        id: args.id.clone(),
        title: &plan.title,
        story: &plan.story,
        judges: judges.clone(),
        cells: cells.clone(),
        failure_modes: failure_modes.clone(),
        requirements: requirements.clone(),
    };
    output.result(&explanation, || {
        let mut text = format!("{}  {}\n", args.id, plan.title);
        text.push_str(&wrap(&plan.story, "  "));
        let _ = writeln!(text, "\n  judges the {} system", judges.join(" and the "));
        for mode in failure_modes {
            let _ = writeln!(text, "  failure mode {}  {}", mode.number, mode.what);
        }
        for requirement in requirements {
            let _ = writeln!(text, "  {}  {}", requirement.id, requirement.wording);
        }
        let _ = writeln!(text, "\n  run it with: gp2gp run {} --story", args.id);
        if let [first, ..] = cells.as_slice() {
            let _ = writeln!(
                text,
                "  or one of its {} cells: gp2gp run {first}",
                cells.len()
            );
            for cell in cells.iter().skip(1) {
                let _ = writeln!(text, "{:27}{:14}{cell}", "", "");
            }
        }
        text
    })?;
    Ok(0)
}
