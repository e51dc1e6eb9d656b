//! The custody timelines of a scenario: where each document was, and who had it, until the end.

use std::collections::BTreeMap;

use gp2gp_model::report::{CustodyReport, CustodyStep, ScenarioReport};

use super::words;

/// Documents of a scenario in which all is well that are shown one by one.
const SHOWN: usize = 12;

/// Documents of a scenario that is not well.
const SHOWN_OF_TROUBLED: usize = 150;

pub(super) struct Lives<'a> {
    pub(super) shown: Vec<Life<'a>>,
    /// The rest, by where they are at the end.
    pub(super) rest: Vec<(&'a str, usize)>,
}

pub(super) struct Life<'a> {
    pub(super) id: String,
    pub(super) document: &'a CustodyReport,
    pub(super) size: String,
    pub(super) is_lost: bool,
    pub(super) stages: Vec<Stage<'a>>,
}

/// Steps at one time, and who has the document from then on, where that changes.
pub(super) struct Stage<'a> {
    pub(super) step: &'a CustodyStep,
    pub(super) at: String,
    /// In the diagram.
    pub(super) href: Option<String>,
    /// Empty where nothing changes.
    pub(super) held_by: &'a str,
}

impl<'a> Lives<'a> {
    /// `place` says where in the diagram an event is.
    pub(super) fn of(
        at: usize,
        scenario: &'a ScenarioReport,
        place: &dyn Fn(u64) -> Option<String>,
    ) -> Self {
        let mut all: Vec<(usize, &CustodyReport)> = scenario.custody.iter().enumerate().collect();
        all.sort_by_key(|(_, it)| !it.is_unsafe());
        let (shown, rest) = all.split_at(most(scenario).min(all.len()));
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, life) in rest {
            *counts.entry(&life.whereabouts).or_default() += 1;
        }
        let life = |(number, life): &(usize, &'a CustodyReport)| Life {
            id: id(at, *number),
            ..Life::of(life, place)
        };
        Self {
            shown: shown.iter().map(life).collect(),
            rest: counts.into_iter().collect(),
        }
    }
}

/// How many documents of a scenario are shown one by one. Nobody looks for a lost one behind a hundred others: these
/// come first.
const fn most(scenario: &ScenarioReport) -> usize {
    if words::is_troubled(scenario.verdict) {
        SHOWN_OF_TROUBLED
    } else {
        SHOWN
    }
}

/// Whether a document that is not safe is among those that are shown.
pub(super) fn is_shown(scenario: &ScenarioReport, number: usize) -> bool {
    let before = scenario.custody.iter().take(number);
    before.filter(|it| it.is_unsafe()).count() < most(scenario)
}

/// Where on the page the life of a document is told.
pub(super) fn id(at: usize, number: usize) -> String {
    format!("s{}d{}", at + 1, number + 1)
}

impl<'a> Life<'a> {
    fn of(document: &'a CustodyReport, place: &dyn Fn(u64) -> Option<String>) -> Self {
        let mut before = "";
        let stages = document.steps.iter().map(|step| {
            let held_by = if step.held_by == before {
                ""
            } else {
                step.held_by.as_str()
            };
            before = &step.held_by;
            Stage {
                href: step.event.and_then(place),
                step,
                at: step.at.to_string(),
                held_by,
            }
        });
        Self {
            stages: stages.collect(),
            size: words::size(document.bytes),
            is_lost: document.is_unsafe(),
            document,
            id: String::new(),
        }
    }
}
