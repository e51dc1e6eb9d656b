//! From what was kept of a run to its report: the same whether the run ended just now or long ago.

use std::collections::BTreeMap;

use gp2gp_model::baseline::Date;
use gp2gp_model::report::{Earlier, Exit, FORMAT, Grade, RunReport, Score, Share};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::run_log::{RunHead, RunLog, Scope};
use gp2gp_model::verdict::Verdict;
use gp2gp_model::{ScenarioId, Sha256};

use crate::baseline::Baseline;
use crate::score;

/// What a run is seen beside.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// An earlier run.
    pub earlier: Option<Earlier>,
    /// Known failures.
    pub baseline: Option<Baseline>,
}

/// The report of a run: since when, what is borne, the score.
pub fn of(log: RunLog, catalogue: &[Requirement], beside: &Beside) -> RunReport {
    let sha256 = scenario_digests(&log);
    let scope = log.head.scope;
    let made_at = log.head.fingerprint.as_ref().map(|it| it.made_at);
    let mut report = unscored(log);
    // As it was judged: what is borne today may not have been borne then.
    if let Some(earlier) = &beside.earlier {
        report.compare(earlier, &sha256);
    }
    if let (Some(baseline), Some(made_at)) = (&beside.baseline, made_at) {
        let borne = baseline.apply(&mut report.scenarios, Date::of(made_at), scope);
        report.baseline = Some(borne);
    }
    scored(report, catalogue, scope)
}

/// The run as a later one is compared with it: as it was judged, before any baseline.
pub fn as_earlier(
    log: RunLog,
    catalogue: &[Requirement],
    earlier: Option<Earlier>,
) -> Option<Earlier> {
    let sha256 = scenario_digests(&log);
    let beside = Beside {
        earlier,
        baseline: None,
    };
    of(log, catalogue, &beside).as_earlier(&sha256)
}

fn scenario_digests(log: &RunLog) -> BTreeMap<ScenarioId, Sha256> {
    let reports = log.scenarios.iter().map(|kept| &kept.report);
    reports
        .filter_map(|report| Some((report.id.clone()?, report.source.as_ref()?.sha256)))
        .collect()
}

/// All but what is counted.
fn unscored(log: RunLog) -> RunReport {
    let RunHead {
        format: _,
        notice,
        suite,
        sut,
        roles,
        not_claimed,
        profile,
        excused,
        time_mode,
        level,
        scope: _,
        left_out,
        scenarios: planned,
        fingerprint,
    } = log.head;
    RunReport {
        format: FORMAT.to_owned(),
        notice,
        suite,
        sut,
        roles,
        not_claimed,
        profile,
        excused,
        time_mode,
        level,
        fingerprint,
        changes: None,
        baseline: None,
        not_run: planned.saturating_sub(log.scenarios.len()),
        scenarios: log.scenarios.into_iter().map(|it| it.report).collect(),
        left_out,
        requirements: Vec::new(),
        score: Score {
            grade: Grade::Incomplete,
            must: Share::default(),
            should: Share::default(),
            families: Vec::new(),
            unsafe_because: Vec::new(),
            not_yet_checked: 0,
            unchecked: Vec::new(),
        },
        exit: Exit {
            code: score::INCOMPLETE,
            all: Vec::new(),
        },
    }
}

fn scored(mut report: RunReport, catalogue: &[Requirement], scope: Scope) -> RunReport {
    let mut requirements = score::outcomes(catalogue, &report.roles, &report.scenarios, scope);
    for outcome in &mut requirements {
        let mut excused = report.excused.iter();
        if excused.any(|it| it.requirement == outcome.id) {
            outcome.verdict = Verdict::NotApplicable;
        }
    }
    let is_whole = report.not_run == 0;
    report.score = score::score(catalogue, &report.roles, &requirements, &report.scenarios);
    if !is_whole && report.score.grade == Grade::Conforms {
        report.score.grade = Grade::Incomplete;
    }
    report.exit = score::exit(
        &report.scenarios,
        &requirements,
        report.baseline.as_ref(),
        is_whole,
    );
    report.requirements = requirements;
    report
}
