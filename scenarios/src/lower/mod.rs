//! From a scenario file to a plan. Each part of a plan has a file here; a part refuses what
//! cannot be, and says at which place of the file.

mod expect;
mod export;
mod facts;
mod faults;
mod federation;
mod patients;
mod practices;
mod registry;
mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gp2gp_model::manner::{Manner, MessageIds};
use gp2gp_model::plan::{Caps, Plan, Role, Written};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::terms::Terms;
use gp2gp_model::trace::TimeMode;
use gp2gp_model::{Capability, FailureModeId, RequirementId, Time};

use crate::error::{Problem, ScenarioError};
use crate::file::File;
use crate::quantity::{Size, Span};
use crate::spanned::Spanned;
use crate::{Scenario, suggest};
use practices::Practices;

/// 2026-01-05T09:00:00Z, a Monday morning: every run begins then, so that runs can be compared.
const STARTS_AT: Time = Time::from_micros(1_767_603_600_000_000);

const LINK_DELAY: Duration = Duration::from_millis(40);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Long enough for the eight days of S124 and the forgetful people before them.
const USUAL_TIME_LIMIT: Duration = Duration::from_secs(30 * DAY.as_secs());

const LONGEST_TIME_LIMIT: Duration = Duration::from_secs(366 * DAY.as_secs());

/// The plan of a scenario. `seed` goes before the seed of the file, which goes before the usual
/// one. The same text and seed give the same plan.
pub fn lower(
    scenario: &Scenario,
    catalogue: &[Requirement],
    seed: Option<u64>,
) -> Result<Plan, ScenarioError> {
    lower_under(scenario, catalogue, seed, &Terms::default())
}

/// The same, for a system that settles something itself.
pub fn lower_under(
    scenario: &Scenario,
    catalogue: &[Requirement],
    seed: Option<u64>,
    terms: &Terms,
) -> Result<Plan, ScenarioError> {
    plan(scenario, catalogue, seed, terms).map_err(|problem| {
        let problem = match &scenario.cell {
            None => problem,
            Some(cell) => problem.in_cell(cell),
        };
        problem.in_source(&scenario.source)
    })
}

fn plan(
    scenario: &Scenario,
    catalogue: &[Requirement],
    seed: Option<u64>,
    terms: &Terms,
) -> Result<Plan, Problem> {
    let file = &scenario.file;
    let time_limit = time_limit(file)?;
    let mut practices = Practices::of(file, terms)?;
    let mut gps = registry::Gps::of(file, &mut practices, STARTS_AT)?;
    let patients = patients::lower(file, &mut practices, &mut gps)?;
    let steps = steps::lower(file, &patients, &mut practices, &gps, time_limit)?;
    let faults = faults::lower(file)?;
    let federation = federation::lower(file, &practices)?;
    let plan = Plan {
        scenario: scenario.id().clone(),
        file: scenario.source.id.clone(),
        scenario_digest: scenario.digest(),
        text: Arc::clone(&scenario.source.text),
        written: written(scenario, catalogue)?,
        asked_as: scenario.id().to_string(),
        title: file.title.get_ref().trim().to_owned(),
        story: file.story.trim().to_owned(),
        judges: judges(file)?,
        seed: seed.or(file.seed).unwrap_or_else(|| scenario.usual_seed()),
        starts_at: STARTS_AT,
        time_limit,
        registry: gps.registry(file, &mut practices)?,
        directory: practices.directory(&file.contract)?,
        requesting: practices.requesting.clone(),
        sending: practices.sending.clone(),
        manner: manner(file)?,
        caps: caps(file)?,
        requesting_message_ids: message_ids(file)?,
        export: export::lower(file)?,
        federation,
        link_delay: LINK_DELAY,
        failure_modes: failure_modes(file)?,
        heavy: file.heavy,
        to_the_byte: file.to_the_byte,
        requirements: requirements(file, catalogue)?,
        needs: needs(file),
        time_modes: time_modes(file)?,
        exercised_when: facts::lower(file, &patients, &steps)?,
        expects: expect::lower(file, &patients)?,
        patients,
        steps,
        faults,
        at_once: None,
        terms: Terms::default(),
    };
    Ok(plan.under(terms))
}

fn manner(file: &File) -> Result<Manner, Problem> {
    if let Some(written) = &file.requesting.manner {
        return Err(Problem::at(
            written.span(),
            "a requesting system has no manner of sending",
        )
        .help("write it below [sending]"));
    }
    let written = file.sending.manner.as_ref();
    Ok(written.map_or_else(Manner::default, |manner| *manner.get_ref()))
}

fn caps(file: &File) -> Result<Caps, Problem> {
    let of_sending = [&file.sending.largest_document, &file.sending.largest_total];
    if let Some(written) = of_sending.into_iter().flatten().next() {
        return Err(
            Problem::at(written.span(), "a sending system files no documents")
                .help("write it below [requesting]"),
        );
    }
    let bytes = |size: &Option<Spanned<Size>>| size.as_ref().map(|size| size.get_ref().0);
    Ok(Caps {
        document_bytes: bytes(&file.requesting.largest_document),
        total_bytes: bytes(&file.requesting.largest_total),
    })
}

fn message_ids(file: &File) -> Result<MessageIds, Problem> {
    if let Some(written) = &file.sending.message_ids {
        return Err(Problem::at(
            written.span(),
            "the ids of a sending system are part of its manner",
        )
        .help("write `manner = { message_ids = \"repeated\" }`"));
    }
    let written = file.requesting.message_ids.as_ref();
    Ok(written.map_or_else(MessageIds::default, |ids| *ids.get_ref()))
}

fn time_limit(file: &File) -> Result<Duration, Problem> {
    let Some(written) = &file.time_limit else {
        return Ok(USUAL_TIME_LIMIT);
    };
    let Span(limit) = *written.get_ref();
    if limit.is_zero() || limit > LONGEST_TIME_LIMIT {
        return Err(Problem::at(written.span(), "no run can last this long")
            .help("a time limit is longer than nothing and at most 366d"));
    }
    Ok(limit)
}

fn judges(file: &File) -> Result<Vec<Role>, Problem> {
    let judges = file.judges.get_ref();
    if judges.is_empty() {
        return Err(Problem::at(file.judges.span(), "nobody is judged")
            .help("name `requesting`, `sending` or both, `exporting`, or `hub`"));
    }
    let mut judges = judges.clone();
    judges.sort();
    judges.dedup();
    Ok(judges)
}

fn needs(file: &File) -> Vec<Capability> {
    let mut needs: Vec<Capability> = file.needs.iter().map(|need| *need.get_ref()).collect();
    needs.sort();
    needs.dedup();
    needs
}

fn time_modes(file: &File) -> Result<Vec<TimeMode>, Problem> {
    let Some(written) = &file.time_modes else {
        return Ok(TimeMode::OF_RUNS.to_vec());
    };
    let modes: Vec<TimeMode> = written
        .get_ref()
        .iter()
        .map(|mode| (*mode).into())
        .collect();
    if modes.is_empty() {
        return Err(
            Problem::at(written.span(), "the scenario makes sense at no time").help(
                "name `virtual`, `compressed` or `wall`, or leave `time_modes` out for all of them",
            ),
        );
    }
    Ok(modes)
}

fn failure_modes(file: &File) -> Result<Vec<FailureModeId>, Problem> {
    let mut modes = Vec::new();
    for written in file.failure_modes.iter().flatten() {
        modes.push(failure_mode(written)?);
    }
    modes.sort();
    modes.dedup();
    Ok(modes)
}

fn failure_mode(written: &Spanned<u64>) -> Result<FailureModeId, Problem> {
    FailureModeId::try_from(*written.get_ref()).map_err(|error| {
        Problem::at(written.span(), error.to_string()).help(format!(
            "they run from {} to {}; `gp2gp list --coverage` says what each is",
            FailureModeId::FIRST,
            FailureModeId::LAST
        ))
    })
}

fn requirements(file: &File, catalogue: &[Requirement]) -> Result<Vec<RequirementId>, Problem> {
    let mut ids: Vec<RequirementId> = Vec::new();
    for written in &file.requirements {
        let id = requirement(written, catalogue)?;
        if !ids.contains(id) {
            ids.push(id.clone());
        }
    }
    Ok(ids)
}

fn written(scenario: &Scenario, catalogue: &[Requirement]) -> Result<Written, Problem> {
    let text = scenario.source.text.as_bytes();
    let mut lines = BTreeMap::new();
    for written in &scenario.file.requirements {
        let before = text.get(..written.span().start).unwrap_or(text);
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let id = requirement(written, catalogue)?.clone();
        lines
            .entry(id)
            .or_insert(u32::try_from(line).unwrap_or(u32::MAX));
    }
    Ok(Written {
        path: scenario.source.file.clone(),
        lines,
    })
}

fn requirement<'a>(
    written: &Spanned<String>,
    catalogue: &'a [Requirement],
) -> Result<&'a RequirementId, Problem> {
    let name = written.get_ref();
    RequirementId::parse(name)
        .ok()
        .and_then(|id| catalogue.iter().find(|row| row.id == id))
        .map(|row| &row.id)
        .ok_or_else(|| {
            Problem::at(written.span(), format!("unknown requirement `{name}`"))
                .help(requirement_help(name, catalogue))
        })
}

/// Which numbers there are says more than which of 180 ids looks most like the one written.
fn requirement_help(name: &str, catalogue: &[Requirement]) -> String {
    let family = name.split('-').next().unwrap_or_default();
    let mut same_family = catalogue
        .iter()
        .filter(|row| row.family().eq_ignore_ascii_case(family));
    match (same_family.next(), same_family.next_back()) {
        (Some(first), Some(last)) => {
            format!("this family runs from `{}` to `{}`", first.id, last.id)
        }
        (Some(only), None) => format!("this family has only `{}`", only.id),
        (None, _) => {
            let mut families: Vec<&str> = catalogue.iter().map(Requirement::family).collect();
            families.dedup();
            suggest::help(family, "families of requirements", families.iter().copied())
        }
    }
}
