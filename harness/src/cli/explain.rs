//! `gp2gp explain`.

use std::fmt::Write as _;

use gp2gp_mocks::Defect;
use gp2gp_model::RequirementId;
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
    /// A requirement (`SND-31`) or a scenario (`transfer/small-record`).
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
        requirements: Vec<&'a Requirement>,
    },
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    let catalogue = suite::catalogue()?;
    let plans = suite::select(&[], &catalogue, None)?;
    let id = RequirementId::parse(&args.id).into_diagnostic()?;
    if let Some(requirement) = find(&catalogue, &id) {
        return requirement_in_words(requirement, &plans, output);
    }
    match plans.iter().find(|plan| plan.scenario.as_str() == args.id) {
        Some(plan) => scenario_in_words(plan, &catalogue, output),
        None => Err(miette!(
            help = "`gp2gp list` shows the scenarios, `gp2gp list --requirements` the requirements",
            "no requirement and no scenario `{}`",
            args.id
        )),
    }
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

fn scenario_in_words(
    plan: &Plan,
    catalogue: &[Requirement],
    output: &Output,
) -> miette::Result<u8> {
    let requirements: Vec<&Requirement> = plan
        .requirements
        .iter()
        .filter_map(|id| find(catalogue, id))
        .collect();
    let judges: Vec<_> = plan.judges.iter().map(|role| role.name()).collect();
    let explanation = Explanation::Scenario {
        id: plan.scenario.to_string(),
        title: &plan.title,
        story: &plan.story,
        judges: judges.clone(),
        requirements: requirements.clone(),
    };
    output.result(&explanation, || {
        let mut text = format!("{}  {}\n", plan.scenario, plan.title);
        text.push_str(&wrap(&plan.story, "  "));
        let _ = writeln!(text, "\n  judges the {} system", judges.join(" and the "));
        for requirement in requirements {
            let _ = writeln!(text, "  {}  {}", requirement.id, requirement.wording);
        }
        let _ = writeln!(text, "\n  run it with: gp2gp run {} --story", plan.scenario);
        text
    })?;
    Ok(0)
}
