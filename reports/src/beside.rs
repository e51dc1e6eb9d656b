//! What a run is seen beside: what has changed since an earlier run, and which failures are known.

use std::fmt::Write as _;

use gp2gp_model::ScenarioId;
use gp2gp_model::baseline::{BaselineReport, Borne, Stale};
use gp2gp_model::report::{Change, ChangeKind, Changes, RunReport};
use gp2gp_model::verdict::Verdict;

use crate::style::{BOLD, DIM, of, paint};

/// Changes of one kind that are named at once.
const NAMED: usize = 12;

/// Scenarios that are named at once for a change.
const SCENARIOS_NAMED: usize = 3;

/// What has changed, what is known; nothing, if the run was seen alone.
pub(crate) fn beside(report: &RunReport) -> String {
    let mut text = String::new();
    if let Some(it) = &report.changes {
        text.push_str(&changes(it));
    }
    if let Some(it) = &report.baseline {
        text.push_str(&baseline(it));
    }
    text
}

fn changes(changes: &Changes) -> String {
    let mut text = format!("{} {}\n", paint(BOLD, "since"), changes.earlier);
    let kinds = [
        ChangeKind::Broken,
        ChangeKind::Mended,
        ChangeKind::NoLongerJudged,
        ChangeKind::NewlyJudged,
        ChangeKind::Otherwise,
    ];
    let mut is_same = true;
    for kind in kinds {
        let alike = alike(&changes.findings, kind);
        for (change, scenarios) in alike.iter().take(NAMED) {
            is_same = false;
            let word = paint(colour(kind), kind.words());
            let from = format!("({} -> {})", name(change.was), name(change.is));
            let _ = writeln!(
                text,
                "  {} {word} {} in {}",
                change.check,
                paint(DIM, from),
                some(scenarios, SCENARIOS_NAMED),
            );
        }
        let more = alike.len().saturating_sub(NAMED);
        if more > 0 {
            let verb = if more == 1 { "is" } else { "are" };
            let words = kind.words().trim_start_matches("is ");
            let _ = writeln!(text, "  {more} more {verb} {words}: all are in report.json");
        }
    }
    for (ids, what) in [
        (&changes.new_scenarios, "were not in that run"),
        (&changes.missing_scenarios, "are not in this run"),
        (&changes.changed_scenarios, "are written otherwise now"),
    ] {
        if !ids.is_empty() {
            is_same = false;
            let ids: Vec<&ScenarioId> = ids.iter().collect();
            let _ = writeln!(text, "  scenarios that {what}: {}", some(&ids, NAMED));
        }
    }
    if is_same {
        text.push_str("  everything came out as it did then\n");
    }
    text.push('\n');
    text
}

/// The same change of a check in several scenarios is one line, in the order in which they come first.
pub(crate) fn alike(changes: &[Change], kind: ChangeKind) -> Vec<(&Change, Vec<&ScenarioId>)> {
    let mut alike: Vec<(&Change, Vec<&ScenarioId>)> = Vec::new();
    for change in changes.iter().filter(|it| it.kind == kind) {
        let key = |it: &Change| (it.check.clone(), it.was, it.is);
        match alike
            .iter_mut()
            .find(|(first, _)| key(first) == key(change))
        {
            Some((_, scenarios)) => scenarios.push(&change.scenario),
            None => alike.push((change, vec![&change.scenario])),
        }
    }
    alike
}

/// The first of them, and how many more there are.
pub(crate) fn some(ids: &[&ScenarioId], shown: usize) -> String {
    let first: Vec<&str> = ids.iter().take(shown).map(|id| id.as_str()).collect();
    match ids.len().saturating_sub(shown) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

fn baseline(baseline: &BaselineReport) -> String {
    let mut text = String::new();
    for Borne { entry, failures } in &baseline.borne {
        let times = if *failures == 1 {
            String::new()
        } else {
            format!(", {failures} times")
        };
        let _ = writeln!(
            text,
            "{} {entry}{times}: {} ({}, until {})",
            paint(of(Verdict::KnownFailure), "known failure"),
            entry.reason,
            entry.owner,
            entry.expires,
        );
    }
    for Stale { entry, why } in &baseline.stale {
        let _ = writeln!(
            text,
            "{} {entry} {}",
            paint(of(Verdict::Fail), "stale baseline"),
            why.words()
        );
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

const fn colour(kind: ChangeKind) -> anstyle::Style {
    of(match kind {
        ChangeKind::Broken => Verdict::Fail,
        ChangeKind::Mended | ChangeKind::NewlyJudged => Verdict::Pass,
        ChangeKind::NoLongerJudged | ChangeKind::Otherwise => Verdict::Warn,
    })
}

const fn name(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(verdict) => verdict.name(),
        None => "not judged",
    }
}
