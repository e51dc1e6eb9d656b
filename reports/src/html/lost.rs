//! Documents that are not safe in the end, over the whole run: where each is, and whether it was the plan of its scenario
//! or damage that a system did. Scenarios that pass are looked at like the others.

use std::collections::BTreeMap;

use gp2gp_model::plan::Role;
use gp2gp_model::plural::{are, count};
use gp2gp_model::report::{CustodyReport, FiledInstead, RunReport, ScenarioReport};

use super::trouble::Trouble;
use super::{lives, name, words};

/// Documents of one part that are shown one by one.
const SHOWN: usize = 100;

/// Scenarios that are named for the rest.
const NAMED: usize = 12;

/// Documents of one row that are told apart.
const ALIKE: usize = 12;

/// Digits of a digest that tell one document from another.
const DIGITS: usize = 8;

/// Failures that are named for one document.
const FAILURES: usize = 3;

pub(super) struct Lost<'a> {
    pub(super) total: usize,
    /// Of these, what the old practice removed too soon, and can restore.
    pub(super) removed: usize,
    /// That have documents.
    pub(super) parts: Vec<Part<'a>>,
    /// Beside these, what a placeholder openly stands for.
    pub(super) replaced: usize,
    /// Where all others are.
    pub(super) others: String,
}

/// Documents of which the same can be said.
pub(super) struct Part<'a> {
    pub(super) heading: &'static str,
    pub(super) about: &'static str,
    pub(super) rows: Vec<Alike<'a>>,
    /// Those that are not shown, in words.
    pub(super) rest: Option<String>,
}

/// Documents of one scenario with one name, of which all that is told is the same.
pub(super) struct Alike<'a> {
    /// The first of them.
    pub(super) row: LostRow<'a>,
    /// Where there are several: each, to tell them apart.
    pub(super) each: Vec<Told>,
    pub(super) number: usize,
}

/// One of several documents that have one name.
pub(super) struct Told {
    pub(super) href: Option<String>,
    /// `412 KB, sha256 1f2e3d4c`.
    pub(super) text: String,
}

pub(super) struct LostRow<'a> {
    /// Place of the scenario in the report.
    pub(super) at: usize,
    pub(super) scenario: &'a ScenarioReport,
    pub(super) document: &'a CustodyReport,
    /// Where its life is told on the page.
    pub(super) href: Option<String>,
    pub(super) what: String,
    /// Failures that show it, by number.
    pub(super) shown_by: Vec<(usize, String)>,
    pub(super) more_failures: usize,
    /// Why no failure does.
    pub(super) why_not: Option<String>,
    /// What was to go wrong in this scenario.
    pub(super) planned: String,
    standing: Standing,
}

/// What can be said of a document that is not safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// Its scenario has no failure.
    Untold,
    /// A failure shows it, or its scenario has failed.
    Failure,
    /// The old practice removed it too soon, and has a copy.
    Removed,
}

impl<'a> Lost<'a> {
    pub(super) fn of(report: &'a RunReport, troubles: &[Trouble<'_>]) -> Self {
        let mut rows: BTreeMap<Standing, Vec<LostRow<'a>>> = BTreeMap::new();
        let mut others: BTreeMap<&str, u64> = BTreeMap::new();
        let mut replaced = 0;
        for (at, scenario) in report.scenarios.iter().enumerate() {
            for (number, document) in scenario.custody.iter().enumerate() {
                if document.is_unsafe() {
                    let row = LostRow::of(at, scenario, number, troubles);
                    rows.entry(row.standing).or_default().push(row);
                } else if (document.filed_instead).is_some_and(FiledInstead::is_placeholder) {
                    replaced += 1;
                } else {
                    *others.entry(&document.whereabouts).or_default() += 1;
                }
            }
        }
        Self {
            total: rows.values().map(Vec::len).sum(),
            removed: rows.get(&Standing::Removed).map_or(0, Vec::len),
            parts: rows.into_iter().map(Part::of).collect(),
            replaced,
            others: whereabouts(&others),
        }
    }
}

impl Lost<'_> {
    /// What it comes to.
    pub(super) fn sum(&self) -> String {
        let removed = self.removed as u64;
        let replaced = self.replaced as u64;
        let damage = self.total as u64 - removed;
        if self.total == 0 && replaced == 0 && self.others.is_empty() {
            return "No scenario of this run has a document whose life can be told.".to_owned();
        }
        let mut told = vec![match damage {
            0 if self.total == 0 => {
                "None. No document was lost or damaged in any scenario.".to_owned()
            }
            0 => "No document was lost or damaged.".to_owned(),
            damage => format!("{} lost or damaged in the end.", is_are(damage)),
        }];
        if removed > 0 {
            told.push(format!(
                "{} removed from the record of the old practice against the rules; a copy is in its archive.",
                is_are(removed)
            ));
        }
        if replaced > 0 {
            told.push(format!(
                "As planned, a placeholder stands in the new record for {}: for what the store of the old practice did not give, or what is larger than the system of the new one takes.",
                count(replaced, "document")
            ));
        }
        told.join(" ")
    }
}

fn is_are(documents: u64) -> String {
    format!("{} {}", count(documents, "document"), are(documents))
}

/// `12 with both practices, 3 with the old practice`.
fn whereabouts(counts: &BTreeMap<&str, u64>) -> String {
    let told: Vec<String> = counts
        .iter()
        .map(|(whereabouts, number)| match *whereabouts {
            "nobody says" => format!("{number} of which nobody says where they are"),
            known => format!("{number} {known}"),
        })
        .collect();
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    words::list(&told)
}

impl<'a> Part<'a> {
    fn of((standing, rows): (Standing, Vec<LostRow<'a>>)) -> Self {
        let (heading, about) = match standing {
            Standing::Untold => (
                "Lost or damaged, and no failure says so",
                "Their scenarios do not fail: either what was planned there did it and no system could help, or no requirement that the scenario judges sees it. Both are said of each.",
            ),
            Standing::Failure => (
                "Lost or damaged, and a failure says so",
                "What was planned to go wrong is said beside each: good systems bring the documents through that.",
            ),
            Standing::Removed => (
                "Removed from the record of the old practice against the rules",
                "No positive acknowledgement of their record had come when the old practice's system had them deleted, and the new practice does not have them. A copy of each is in the archive of the old practice, and somebody has to restore it.",
            ),
        };
        let mut rows = alike(rows);
        let rest = rows.split_off(SHOWN.min(rows.len()));
        Self {
            heading,
            about,
            rest: (!rest.is_empty()).then(|| of_rest(&rest)),
            rows,
        }
    }
}

/// Rows that say the same of documents with one name are one row.
fn alike(rows: Vec<LostRow<'_>>) -> Vec<Alike<'_>> {
    let mut places = BTreeMap::new();
    let mut all: Vec<Alike<'_>> = Vec::new();
    for row in rows {
        let document = row.document;
        let key = (
            row.at,
            document.patient,
            &document.file_name,
            row.what.clone(),
            row.shown_by.clone(),
        );
        match places.get(&key) {
            Some(place) => Alike::add(&mut all[*place], &row),
            None => {
                places.insert(key, all.len());
                all.push(Alike {
                    each: vec![row.told()],
                    number: 1,
                    row,
                });
            }
        }
    }
    all
}

impl Alike<'_> {
    fn add(&mut self, row: &LostRow<'_>) {
        self.number += 1;
        if self.each.len() < ALIKE {
            self.each.push(row.told());
        }
    }

    pub(super) const fn are_several(&self) -> bool {
        self.number > 1
    }

    /// Those that are not told apart.
    pub(super) const fn more(&self) -> usize {
        self.number - self.each.len()
    }
}

/// Too many to show, by scenario.
fn of_rest(rows: &[Alike<'_>]) -> String {
    let mut scenarios: Vec<(&str, usize)> = Vec::new();
    for alike in rows {
        let name = name(alike.row.scenario);
        match scenarios.last_mut() {
            Some((last, number)) if *last == name => *number += alike.number,
            Some(_) | None => scenarios.push((name, alike.number)),
        }
    }
    let named = scenarios.iter().take(NAMED);
    let mut told: Vec<String> = named
        .map(|(name, number)| format!("{name} ({number})"))
        .collect();
    let more = scenarios.len().saturating_sub(NAMED);
    if more > 0 {
        told.push(count(more, "more scenario"));
    }
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    format!(
        "And {} in {}. Each is among the documents of its scenario, and all are in report.json.",
        count(
            rows.iter().map(|it| it.number).sum::<usize>(),
            "more document"
        ),
        words::list(&told)
    )
}

impl<'a> LostRow<'a> {
    fn of(
        at: usize,
        scenario: &'a ScenarioReport,
        number: usize,
        troubles: &[Trouble<'_>],
    ) -> Self {
        let document = &scenario.custody[number];
        let mut shown_by = failures(at, document, troubles);
        let more_failures = shown_by.len().saturating_sub(FAILURES);
        let is_told = !shown_by.is_empty();
        shown_by.truncate(FAILURES);
        let is_harmed = document.is_lost_or_damaged();
        let standing = match (is_harmed, is_told) {
            (false, _) => Standing::Removed,
            (true, true) => Standing::Failure,
            (true, false) => Standing::Untold,
        };
        Self {
            at,
            scenario,
            document,
            href: lives::is_shown(scenario, number).then(|| lives::id(at, number)),
            what: what(document),
            shown_by,
            more_failures,
            why_not: (standing == Standing::Untold).then(|| why_not(scenario, document)),
            planned: planned(scenario),
            standing,
        }
    }

    fn told(&self) -> Told {
        let digest = self.document.sha256.to_string();
        let digest: String = digest.chars().take(DIGITS).collect();
        Told {
            href: self.href.clone(),
            text: format!("{}, sha256 {digest}", words::size(self.document.bytes)),
        }
    }

    pub(super) fn tag(&self) -> String {
        words::verdict(self.scenario.verdict)
    }

    pub(super) const fn colour(&self) -> &'static str {
        words::colour(self.scenario.verdict)
    }

    pub(super) fn name(&self) -> words::Breakable<'_> {
        words::breakable(name(self.scenario))
    }
}

/// What names it, and where nothing does, all that is not well in its scenario.
fn failures(at: usize, document: &CustodyReport, troubles: &[Trouble<'_>]) -> Vec<(usize, String)> {
    let of_scenario = || {
        troubles.iter().filter_map(move |trouble| {
            let case = trouble.cases.iter().find(|case| case.at == at)?;
            Some((trouble, case))
        })
    };
    let all = |it: Vec<&Trouble<'_>>| -> Vec<(usize, String)> {
        it.iter().map(|it| (it.number, it.short())).collect()
    };
    let named = of_scenario().filter(|(_, case)| {
        let mut showings = case.showings.iter();
        showings.any(|it| {
            it.expected.contains(&document.file_name) || it.seen.contains(&document.file_name)
        })
    });
    let named = all(named.map(|(trouble, _)| trouble).collect());
    if !named.is_empty() {
        return named;
    }
    all(of_scenario().map(|(trouble, _)| trouble).collect())
}

/// What became of it, in words.
fn what(document: &CustodyReport) -> String {
    match document.filed_instead {
        Some(FiledInstead::Damaged { bytes }) => format!(
            "stored wrong: under its name the new practice has {} of another content, where it was {}; {}",
            words::size(bytes),
            words::size(document.bytes),
            document.whereabouts
        ),
        Some(FiledInstead::Placeholder | FiledInstead::SentPlaceholder) | None
            if document.whereabouts == CustodyReport::LOST =>
        {
            let last = document.steps.last();
            let last = last.map_or("nothing happened to it", |it| it.what.as_str());
            format!("LOST: nobody has it. The last that happened to it: {last}")
        }
        Some(FiledInstead::Placeholder | FiledInstead::SentPlaceholder) | None => {
            document.whereabouts.clone()
        }
    }
}

/// Why nothing in its scenario fails for it.
fn why_not(scenario: &ScenarioReport, document: &CustodyReport) -> String {
    let mut judged: Vec<Role> = scenario.findings.iter().map(|it| it.role).collect();
    judged.sort_unstable();
    judged.dedup();
    let names: Vec<&str> = judged.iter().map(|it| it.name()).collect();
    let by_new_practice = document.missing_where_acknowledged || document.filed_instead.is_some();
    match (by_new_practice, judged.contains(&Role::Requesting)) {
        (true, false) if !judged.is_empty() => format!(
            "Damage by the system of the new practice, which this scenario does not judge: it judges the {} system{}.",
            words::list(&names),
            if names.len() == 1 { "" } else { "s" }
        ),
        (true, _) => "Damage by the system of the new practice; no requirement that this scenario judges sees it.".to_owned(),
        (false, _) => "No requirement that this scenario judges was broken.".to_owned(),
    }
}

/// What of the plan came about.
fn planned(scenario: &ScenarioReport) -> String {
    let acted = scenario.faults.iter().filter(|fault| fault.fired > 0);
    let acted: Vec<String> = acted
        .map(|fault| format!("{} ({})", fault.name, fault.planned))
        .collect();
    match acted.as_slice() {
        [] => "nothing was to go wrong".to_owned(),
        [_, ..] => acted.join("; "),
    }
}
