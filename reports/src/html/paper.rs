//! What the old practices print, over the whole run: as the scenarios plan it, and where something went wrong.

use gp2gp_model::paper::{self, Paper};
use gp2gp_model::plural::count;
use gp2gp_model::report::{RunReport, ScenarioReport};

use super::{name, words};

/// Paper that the run is.
pub(super) struct Papers<'a> {
    pub(super) total: String,
    pub(super) parts: Vec<Part<'a>>,
}

/// Scenarios with paper, or that wait for it, of which the same can be said.
pub(super) struct Part<'a> {
    pub(super) what: String,
    pub(super) about: &'static str,
    /// Number and name of a scenario, and what is printed in it.
    pub(super) rows: Vec<(usize, &'a str, Vec<String>)>,
}

impl<'a> Papers<'a> {
    /// `None` if nobody moved.
    pub(super) fn of(report: &'a RunReport) -> Option<Self> {
        let papers = || report.scenarios.iter().flat_map(|it| &it.paper);
        let moved = papers().filter(|it| it.state.is_some()).count();
        let parts = [
            (
                false,
                "as planned",
                "All is well in these scenarios: what is printed in them is what they want to bring about, by a fault or by what people decide.",
            ),
            (
                true,
                "where something is not well",
                "These scenarios are not well. Some of their paper is planned too; what the failures cost is among it.",
            ),
        ];
        let parts = parts.into_iter().map(|part| Part::of(part, report));
        (moved > 0).then(|| Self {
            total: format!(
                "In all scenarios together {} to another practice. The old practices print {} for {} of these.",
                moves(moved as u64),
                count(papers().map(|it| it.pages).sum::<u64>(), "page"),
                papers().filter(|it| it.is_paper()).count(),
            ),
            parts: parts.filter(|it| !it.rows.is_empty()).collect(),
        })
    }
}

impl<'a> Part<'a> {
    fn of((is_troubled, which, about): (bool, &str, &'static str), report: &'a RunReport) -> Self {
        let is_it = |it: &ScenarioReport| words::is_troubled(it.verdict) == is_troubled;
        let all = || {
            report
                .scenarios
                .iter()
                .enumerate()
                .filter(|(_, it)| is_it(it))
        };
        let papers = || all().flat_map(|(_, it)| &it.paper);
        let rows: Vec<_> = all()
            .filter_map(|(at, scenario)| {
                let lines = paper::lines(&scenario.paper);
                (!lines.is_empty()).then(|| (at + 1, name(scenario), lines))
            })
            .collect();
        Self {
            what: format!(
                "Paper {which}: {} for {}, in {} with paper or that {} for it",
                count(papers().map(|it| it.pages).sum::<u64>(), "page"),
                printed(papers()),
                words::count(rows.len(), "scenario"),
                if rows.len() == 1 { "waits" } else { "wait" },
            ),
            about,
            rows,
        }
    }
}

fn moves(patients: u64) -> String {
    let verb = if patients == 1 { "moves" } else { "move" };
    format!("{} {verb}", count(patients, "patient"))
}

fn printed<'p>(papers: impl Iterator<Item = &'p Paper>) -> String {
    let printed = papers.filter(|it| it.is_paper()).count();
    words::count(printed, "patient")
}
