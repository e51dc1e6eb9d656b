//! Two kept runs compared: scenarios by id, messages by what they answer. Time and position say nothing, because two
//! systems are never equally fast.

mod align;
mod steps;

use std::collections::BTreeMap;
use std::path::Path;

use gp2gp_model::report::{RunReport, ScenarioReport};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::run_diff::{RunDiff, RunSide, ScenarioDiff, verdicts};
use gp2gp_model::snapshot::Change;
use gp2gp_model::verdict::Verdict;
use gp2gp_model::{RequirementId, ScenarioId};

use crate::check::View;
use crate::keep::{Kept, KeptError};
use steps::Step;

/// Compares what two folders of reports hold.
///
/// # Errors
///
/// If one of them holds no run, or not all of it.
pub fn diff(a: &Path, b: &Path, catalogue: &[Requirement]) -> Result<RunDiff, KeptError> {
    let (a, b) = (Told::open(a, catalogue)?, Told::open(b, catalogue)?);
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
    Ok(RunDiff {
        same,
        scenarios,
        only_in_a: only(&of_a, &of_b),
        only_in_b: only(&of_b, &of_a),
        a: a.side(),
        b: b.side(),
    })
}

/// A kept run with what was said of it.
struct Told {
    kept: Kept,
    report: RunReport,
}

impl Told {
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
        }
    }

    /// What happened in a scenario; nothing where it left no trace.
    fn steps(&self, scenario: &ScenarioReport) -> Result<Vec<Step>, KeptError> {
        let kept = self.kept.scenario(scenario);
        let recording = match kept.map(|kept| self.kept.traced(kept)).transpose()? {
            Some(Some(recording)) => recording,
            Some(None) | None => return Ok(Vec::new()),
        };
        let view = View::new(&recording.trace, &recording.bodies);
        Ok(steps::of(&view))
    }
}

fn scenario(
    id: &ScenarioId,
    (a, of_a): (&Told, &ScenarioReport),
    (b, of_b): (&Told, &ScenarioReport),
) -> Result<Option<ScenarioDiff>, KeptError> {
    let made_of = |scenario: &ScenarioReport| {
        let source = scenario.source.as_ref();
        source.map(|source| (source.sha256, source.seed))
    };
    let (first, follows, others) = align::align(&a.steps(of_a)?, &b.steps(of_b)?);
    let verdicts = judged(of_a, of_b);
    if first.is_none() && verdicts.is_empty() {
        return Ok(None);
    }
    Ok(Some(ScenarioDiff {
        scenario: id.clone(),
        is_another: made_of(of_a) != made_of(of_b),
        verdicts,
        first,
        follows,
        others,
    }))
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
