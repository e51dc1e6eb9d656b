//! Catalogue and scenarios as the commands need them.

use std::path::Path;

use gp2gp_model::ScenarioId;
use gp2gp_model::plan::Plan;
use gp2gp_model::requirement::Requirement;
use gp2gp_model::terms::Terms;
use gp2gp_scenarios::Source;
use miette::miette;

/// The catalogue that the binary carries.
pub(super) fn catalogue() -> miette::Result<Vec<Requirement>> {
    Ok(gp2gp_scenarios::catalogue()?)
}

/// Plans of the built-in scenarios, or of those that the selectors name: a family, a scenario, a
/// cell of its matrix or several (`transfer/boundary/dialect=tpp`), or the path of a file, to which
/// a cell may be added in the same way.
pub(super) fn select(
    selectors: &[String],
    catalogue: &[Requirement],
    seed: Option<u64>,
) -> miette::Result<Vec<Plan>> {
    select_under(selectors, catalogue, seed, &Terms::default())
}

/// The same, for a system that settles something itself.
pub(super) fn select_under(
    selectors: &[String],
    catalogue: &[Requirement],
    seed: Option<u64>,
    terms: &Terms,
) -> miette::Result<Vec<Plan>> {
    if selectors.is_empty() {
        return all(&gp2gp_scenarios::builtin(), catalogue, seed, terms);
    }
    let mut found: Vec<Plan> = Vec::new();
    for selector in selectors {
        let plans = selected(selector, catalogue, seed, terms)?;
        if plans.is_empty() {
            return Err(miette!(
                help = "`gp2gp list` shows the scenarios; a scenario file is given by its path",
                "no scenario, family or file `{selector}`"
            ));
        }
        for plan in plans {
            add(&mut found, plan)?;
        }
    }
    Ok(found)
}

/// Adds a plan that is not there yet. Runs are kept by the id of their scenario.
fn add(plans: &mut Vec<Plan>, plan: Plan) -> miette::Result<()> {
    let Some(other) = plans.iter().find(|other| other.scenario == plan.scenario) else {
        plans.push(plan);
        return Ok(());
    };
    if other.scenario_digest == plan.scenario_digest {
        return Ok(());
    }
    Err(miette!(
        help = "a scenario is called by its folder and its name; rename one, or run one after the other",
        "`{}` and `{}` are both called {}",
        other.asked_as,
        plan.asked_as,
        plan.scenario
    ))
}

/// Takes out the heavy plans that no selector names; gives their ids.
pub(super) fn leave_out_heavy(plans: &mut Vec<Plan>, selectors: &[String]) -> Vec<ScenarioId> {
    let is_named = |plan: &Plan| {
        let mut names = selectors
            .iter()
            .map(|selector| selector.trim_end_matches('/'));
        plan.asked_as != plan.scenario.as_str()
            || names.any(|name| is_below(name, plan.file.as_str()))
    };
    let (kept, left_out) = std::mem::take(plans)
        .into_iter()
        .partition(|plan| !plan.heavy || is_named(plan));
    *plans = kept;
    let left_out: Vec<Plan> = left_out;
    left_out.into_iter().map(|plan| plan.scenario).collect()
}

/// The plans that one selector names; none, if it names nothing.
pub(super) fn selected(
    selector: &str,
    catalogue: &[Requirement],
    seed: Option<u64>,
    terms: &Terms,
) -> miette::Result<Vec<Plan>> {
    let plans = builtin(selector, catalogue, seed, terms)?;
    if !plans.is_empty() {
        return Ok(plans);
    }
    in_file(selector, catalogue, seed, terms)
}

/// The plans of these sources.
fn all(
    sources: &[Source],
    catalogue: &[Requirement],
    seed: Option<u64>,
    terms: &Terms,
) -> miette::Result<Vec<Plan>> {
    let mut plans = Vec::new();
    for source in sources {
        plans.append(&mut self::plans(source, catalogue, seed, terms)?);
    }
    Ok(plans)
}

/// The plan of a source, or those of the cells of its matrix.
pub(super) fn plans(
    source: &Source,
    catalogue: &[Requirement],
    seed: Option<u64>,
    terms: &Terms,
) -> miette::Result<Vec<Plan>> {
    let scenarios = gp2gp_scenarios::parse(source)?;
    scenarios
        .iter()
        .map(|scenario| {
            Ok(gp2gp_scenarios::lower_under(
                scenario, catalogue, seed, terms,
            )?)
        })
        .collect()
}

/// Ids of these plans of one file, if they are cells of a matrix.
pub(super) fn cells(plans: &[Plan]) -> Vec<String> {
    let cells = plans.iter().filter(|plan| plan.scenario != plan.file);
    cells.map(|plan| plan.scenario.to_string()).collect()
}

fn builtin(
    selector: &str,
    catalogue: &[Requirement],
    seed: Option<u64>,
    terms: &Terms,
) -> miette::Result<Vec<Plan>> {
    let selector = selector.trim_end_matches('/');
    let mut sources = gp2gp_scenarios::builtin();
    sources.retain(|source| {
        let id = source.id.as_str();
        is_below(id, selector) || is_below(selector, id)
    });
    let mut plans = all(&sources, catalogue, seed, terms)?;
    plans.retain(|plan| is_below(plan.scenario.as_str(), selector));
    Ok(plans)
}

/// Ids are paths: `transfer/boundary` is below `transfer`, and below itself.
fn is_below(id: &str, selector: &str) -> bool {
    id.strip_prefix(selector)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn in_file(
    selector: &str,
    catalogue: &[Requirement],
    seed: Option<u64>,
    terms: &Terms,
) -> miette::Result<Vec<Plan>> {
    let Some(path) = file_of(selector) else {
        return Ok(Vec::new());
    };
    let source = gp2gp_scenarios::load_file(Path::new(path))?;
    let cell = selector.strip_prefix(path).unwrap_or_default();
    let wanted = format!("{}{}", source.id, cell.trim_end_matches('/'));
    let mut plans = plans(&source, catalogue, seed, terms)?;
    plans.retain(|plan| is_below(plan.scenario.as_str(), &wanted));
    for plan in &mut plans {
        let cell = plan.scenario.as_str().strip_prefix(plan.file.as_str());
        plan.asked_as = quoted(&format!("{path}{}", cell.unwrap_or_default()));
    }
    Ok(plans)
}

/// The part of a selector that is the path of a file; the rest names a cell.
fn file_of(selector: &str) -> Option<&str> {
    let mut path = selector.trim_end_matches('/');
    while !Path::new(path).is_file() {
        let (parent, cell) = path.rsplit_once('/')?;
        if !cell.contains('=') {
            return None;
        }
        path = parent;
    }
    Some(path)
}

/// A path as it can be typed into a shell.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-=".contains(c);
    match path.chars().all(is_plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', "'\\''")),
    }
}
