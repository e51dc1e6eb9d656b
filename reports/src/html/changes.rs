//! What is not as it was in an earlier run, and what is known.

use gp2gp_model::ScenarioId;
use gp2gp_model::report::{ChangeKind, Changes, RunName, RunReport};
use gp2gp_model::verdict::Verdict;

use super::words;
use crate::beside::{alike, some};

/// Scenarios that are named for a change.
const NAMED: usize = 6;

pub(super) struct ChangesShown {
    pub(super) earlier: String,
    pub(super) must: String,
    pub(super) rows: Vec<ChangeRow>,
    /// Changes of the suite, in words.
    pub(super) of_suite: Vec<String>,
}

pub(super) struct ChangeRow {
    pub(super) colour: &'static str,
    pub(super) check: String,
    pub(super) words: &'static str,
    pub(super) was: String,
    pub(super) is: String,
    pub(super) scenarios: String,
}

impl ChangesShown {
    pub(super) fn of(report: &RunReport) -> Option<Self> {
        let changes = report.changes.as_ref()?;
        let kinds = [
            ChangeKind::Broken,
            ChangeKind::Mended,
            ChangeKind::NoLongerJudged,
            ChangeKind::NewlyJudged,
            ChangeKind::Otherwise,
        ];
        Some(Self {
            earlier: changes.earlier.to_string(),
            must: format!(
                "MUST {} of {} then, {} of {} now",
                changes.must.passed,
                changes.must.applicable,
                report.score.must.passed,
                report.score.must.applicable
            ),
            rows: kinds
                .into_iter()
                .flat_map(|kind| rows(changes, kind))
                .collect(),
            of_suite: of_suite(changes),
        })
    }
}

fn rows(changes: &Changes, kind: ChangeKind) -> Vec<ChangeRow> {
    let of_kind = alike(&changes.findings, kind);
    let row = |(change, scenarios): (&gp2gp_model::report::Change, Vec<&ScenarioId>)| ChangeRow {
        colour: match kind {
            ChangeKind::Broken => "red",
            ChangeKind::Mended => "green",
            ChangeKind::NoLongerJudged => "orange",
            ChangeKind::NewlyJudged | ChangeKind::Otherwise => "grey",
        },
        check: change.check.to_string(),
        words: kind.words(),
        was: name(change.was),
        is: name(change.is),
        scenarios: some(&scenarios, NAMED),
    };
    of_kind.into_iter().map(row).collect()
}

fn name(verdict: Option<Verdict>) -> String {
    verdict.map_or_else(|| "not judged".to_owned(), words::verdict)
}

fn of_suite(changes: &Changes) -> Vec<String> {
    let of_scenarios = [
        (&changes.new_scenarios, "were not in that run"),
        (&changes.missing_scenarios, "are not in this run"),
        (&changes.changed_scenarios, "are written otherwise now"),
    ];
    let told = of_scenarios.into_iter().filter(|(ids, _)| !ids.is_empty());
    told.map(|(ids, what)| {
        let ids: Vec<&ScenarioId> = ids.iter().collect();
        format!("Scenarios that {what}: {}", some(&ids, NAMED))
    })
    .collect()
}

/// Since when something is as it is.
pub(super) fn since(report: &RunReport, since: Option<&RunName>) -> String {
    match (since, &report.changes) {
        (None, _) => "not known: this run was compared with no earlier one".to_owned(),
        (Some(since), Some(changes)) if Some(since) == report.name().as_ref() => {
            format!("new: it was not so in the run of {}", changes.earlier)
        }
        (Some(since), _) => format!("the run of {since}"),
    }
}
