//! Catalogue and scenarios as the commands need them.

use std::path::Path;

use gp2gp_model::plan::Plan;
use gp2gp_model::requirement::Requirement;
use gp2gp_scenarios::Source;
use miette::miette;

/// The catalogue that the binary carries.
pub(super) fn catalogue() -> miette::Result<Vec<Requirement>> {
    Ok(gp2gp_scenarios::catalogue()?)
}

/// Plans of the built-in scenarios, of some of them, or of files.
pub(super) fn select(
    names: &[String],
    catalogue: &[Requirement],
    seed: Option<u64>,
) -> miette::Result<Vec<Plan>> {
    let builtin = gp2gp_scenarios::builtin();
    if names.is_empty() {
        return builtin
            .iter()
            .map(|source| plan(source, catalogue, seed))
            .collect();
    }
    let mut plans = Vec::new();
    for name in names {
        let before = plans.len();
        for source in named(name, &builtin) {
            plans.push(plan(source, catalogue, seed)?);
        }
        if plans.len() == before {
            let source = file(name)?;
            let mut plan = plan(&source, catalogue, seed)?;
            plan.asked_as = quoted(name);
            plans.push(plan);
        }
    }
    Ok(plans)
}

/// The plan of one source.
pub(super) fn plan(
    source: &Source,
    catalogue: &[Requirement],
    seed: Option<u64>,
) -> miette::Result<Plan> {
    let scenario = gp2gp_scenarios::parse(source)?;
    Ok(gp2gp_scenarios::lower(&scenario, catalogue, seed)?)
}

/// The built-in scenario of this id, or those of this family.
fn named<'a>(name: &'a str, builtin: &'a [Source]) -> impl Iterator<Item = &'a Source> {
    let family = name.trim_end_matches('/');
    builtin.iter().filter(move |source| {
        let id = source.id.as_str();
        id == name || id.split('/').next() == Some(family)
    })
}

fn file(name: &str) -> miette::Result<Source> {
    let path = Path::new(name);
    if !path.is_file() {
        return Err(miette!(
            help = "`gp2gp list` shows the scenarios; a scenario file is given by its path",
            "no scenario, family or file `{name}`"
        ));
    }
    Ok(gp2gp_scenarios::load_file(path)?)
}

/// A path as it can be typed into a shell.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    match path.chars().all(is_plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', "'\\''")),
    }
}
