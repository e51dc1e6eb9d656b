//! The catalogue, and which scenarios name what.

use gp2gp_model::requirement::Requirement;
use gp2gp_scenarios::{builtin, catalogue, lower, parse};

/// Lists every requirement with the scenarios that name it, then those that none names.
pub(crate) fn run() -> Result<(), String> {
    let catalogue = catalogue().map_err(|error| error.to_string())?;
    let mut unnamed = Vec::new();
    let named = scenarios(&catalogue)?;
    for row in &catalogue {
        let scenarios: Vec<&str> = named
            .iter()
            .filter(|(_, requirements)| requirements.contains(&row.id.as_str()))
            .map(|(id, _)| id.as_str())
            .collect();
        println!(
            "{} {:6} {:10} {}",
            row.id,
            row.level.to_string(),
            row.role.to_string(),
            row.wording
        );
        if scenarios.is_empty() {
            unnamed.push(row.id.as_str());
        } else {
            println!("       in {}", scenarios.join(", "));
        }
    }
    println!(
        "\n{} of {} requirements are in no scenario: {}",
        unnamed.len(),
        catalogue.len(),
        unnamed.join(", ")
    );
    Ok(())
}

/// Ids of scenarios with the requirements that each names.
fn scenarios(catalogue: &[Requirement]) -> Result<Vec<(String, Vec<&str>)>, String> {
    let mut named = Vec::new();
    for source in builtin() {
        let shown = |error| format!("{:?}", miette::Report::new(error));
        for scenario in parse(&source).map_err(shown)? {
            let plan = lower(&scenario, catalogue, None).map_err(shown)?;
            let ids = catalogue
                .iter()
                .map(|row| &row.id)
                .filter(|id| plan.requirements.contains(id));
            named.push((
                plan.scenario.to_string(),
                ids.map(|id| id.as_str()).collect(),
            ));
        }
    }
    Ok(named)
}
