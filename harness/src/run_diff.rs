//! Two kept runs compared: scenarios by id, messages by what they answer, calls by who asks whom for what. Time and position
//! say nothing, because two systems are never equally fast; ids say nothing, because each chooses its own.

mod aliases;
mod align;
mod bodies;
mod calls;
mod messages;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gp2gp_model::report::{RunReport, ScenarioReport};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::run_diff::{BothOutcomes, DiffKind, RunDiff, RunSide, ScenarioDiff, verdicts};
use gp2gp_model::snapshot::Change;
use gp2gp_model::verdict::Verdict;
use gp2gp_model::{RequirementId, ScenarioId};

use crate::keep::{Kept, KeptError};
use crate::snapshot::is_bad;
use align::Aligned;

/// Compares what two folders of reports hold.
///
/// # Errors
///
/// If one of them holds no run, or not all of it.
pub fn diff(a: &Path, b: &Path, catalogue: &[Requirement]) -> Result<RunDiff, KeptError> {
    let (a, b) = (Side::open(a, catalogue)?, Side::open(b, catalogue)?);
    let (of_a, of_b) = (a.scenarios(), b.scenarios());
    let only = |one: &BTreeMap<ScenarioId, &ScenarioReport>, other: &BTreeMap<_, _>| {
        let ids = one.keys().filter(|id| !other.contains_key(*id));
        ids.cloned().collect::<Vec<ScenarioId>>()
    };
    let mut same = 0;
    let mut scenarios = Vec::new();
    for (id, one) in &of_a {
        let Some(other) = of_b.get(id) else {
            continue;
        };
        let found = scenario(id, (&a, one), (&b, other))?;
        match found {
            None => same += 1,
            Some(differs) => scenarios.push(differs),
        }
    }
    let differs = |id: &ScenarioId| scenarios.iter().any(|it| it.scenario == *id);
    let ids: BTreeSet<&ScenarioId> = of_a.keys().chain(of_b.keys()).collect();
    let outcomes = ids.into_iter().map(|id| BothOutcomes {
        scenario: id.clone(),
        a: of_a.get(id).map(|it| it.verdict),
        b: of_b.get(id).map(|it| it.verdict),
        differs: differs(id) || of_a.contains_key(id) != of_b.contains_key(id),
    });
    Ok(RunDiff {
        outcomes: outcomes.collect(),
        same,
        scenarios,
        only_in_a: only(&of_a, &of_b),
        only_in_b: only(&of_b, &of_a),
        a: a.side(),
        b: b.side(),
    })
}

/// A kept run with what was said of it.
struct Side {
    kept: Kept,
    report: RunReport,
}

impl Side {
    fn open(folder: &Path, catalogue: &[Requirement]) -> Result<Self, KeptError> {
        let kept = Kept::open(folder, catalogue)?;
        let report = kept.report(catalogue);
        Ok(Self { kept, report })
    }

    fn scenarios(&self) -> BTreeMap<ScenarioId, &ScenarioReport> {
        let scenarios = self.report.scenarios.iter();
        scenarios
            .filter_map(|scenario| Some((scenario.id.clone()?, scenario)))
            .collect()
    }

    fn side(&self) -> RunSide {
        RunSide {
            sut: self.report.sut.clone(),
            suite: self.report.suite.clone(),
            folder: self.kept.folder().display().to_string(),
            roles: self.report.roles.clone(),
            time_mode: self.report.time_mode,
            fingerprint: self.report.fingerprint.clone(),
        }
    }

    /// What happened in a scenario; nothing where it left no trace.
    fn steps(&self, scenario: &ScenarioReport) -> Result<steps::Told, KeptError> {
        let kept = self.kept.scenario(scenario);
        let recording = match kept.map(|kept| self.kept.traced(kept)).transpose()? {
            Some(Some(recording)) => recording,
            Some(None) | None => return Ok(steps::Told::nothing()),
        };
        Ok(steps::of(&recording.trace, &recording.bodies))
    }
}

fn scenario(
    id: &ScenarioId,
    (a, of_a): (&Side, &ScenarioReport),
    (b, of_b): (&Side, &ScenarioReport),
) -> Result<Option<ScenarioDiff>, KeptError> {
    let made_of = |scenario: &ScenarioReport| {
        let source = scenario.source.as_ref();
        source.map(|source| (source.sha256, source.seed))
    };
    let Aligned {
        first,
        follows,
        others,
        lanes,
    } = align::align(&a.steps(of_a)?, &b.steps(of_b)?);
    let verdicts = judged(of_a, of_b);
    if first.is_none() && verdicts.is_empty() {
        return Ok(None);
    }
    Ok(Some(ScenarioDiff {
        scenario: id.clone(),
        title: of_a.title.clone(),
        kind: kind(&verdicts),
        is_another: made_of(of_a) != made_of(of_b),
        verdicts,
        first,
        follows,
        others,
        lanes,
        reproduce_a: of_a.reproduce.clone(),
        reproduce_b: of_b.reproduce.clone(),
    }))
}

/// Worse goes before better: who looks has to see it.
fn kind(verdicts: &[Change]) -> DiffKind {
    let bad = |verdict: Option<Verdict>| verdict.is_some_and(is_bad);
    let turned = |from: bool| {
        verdicts.iter().any(|change| match change {
            Change::Verdict { was, is } => (is_bad(*was), is_bad(*is)) == (from, !from),
            Change::Requirement { was, is, .. } => (bad(*was), bad(*is)) == (from, !from),
            Change::Appeared { .. }
            | Change::Disappeared { .. }
            | Change::Moved { .. }
            | Change::Altered { .. }
            | Change::Line { .. } => false,
        })
    };
    match (turned(false), turned(true)) {
        (true, _) => DiffKind::Worse,
        (false, true) => DiffKind::Better,
        (false, false) => DiffKind::Behaviour,
    }
}

/// The scenario, then every requirement of which the two say different things.
fn judged(a: &ScenarioReport, b: &ScenarioReport) -> Vec<Change> {
    let mut both: BTreeMap<&RequirementId, [Option<Verdict>; 2]> = BTreeMap::new();
    for (at, scenario) in [a, b].into_iter().enumerate() {
        for finding in &scenario.findings {
            both.entry(&finding.requirement).or_default()[at] = Some(finding.verdict);
        }
    }
    let of_requirements = both.into_iter().filter(|(_, [was, is])| was != is);
    let of_requirements = of_requirements.map(|(id, [was, is])| Change::Requirement {
        requirement: id.clone(),
        was,
        is,
    });
    let of_scenario = verdicts(Some(a.verdict), Some(b.verdict));
    of_scenario.into_iter().chain(of_requirements).collect()
}
