//! Bringing the file of known failures up to date with a run.

use gp2gp_model::baseline::{CheckName, Date, KnownFailure, Staleness};
use gp2gp_model::report::{RunReport, ScenarioReport};
use gp2gp_model::verdict::Verdict;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use super::Baseline;

/// What a person says of failures that are new to the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Why they are borne.
    pub reason: String,
    /// Who sees to them.
    pub owner: String,
    /// Until when.
    pub expires: Date,
}

/// The file, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updated {
    /// Its new text.
    pub text: String,
    /// Failures that it knows now.
    pub added: Vec<KnownFailure>,
    /// Entries that are gone, and why.
    pub removed: Vec<(KnownFailure, Staleness)>,
    /// Failures that it should know and does not, because nobody said why they are borne.
    pub unsaid: Vec<(CheckName, gp2gp_model::ScenarioId)>,
}

/// Takes out what is stale, and adds what fails and is not known, if somebody says why that is borne.
///
/// `report` was made beside this baseline. What people wrote around the entries that stay, stays.
///
/// # Errors
///
/// If the text is not the one that the baseline was read from.
pub fn update(
    text: &str,
    baseline: &Baseline,
    report: &RunReport,
    said: Option<&Said>,
) -> Result<Updated, toml_edit::TomlError> {
    let mut document: DocumentMut = text.parse()?;
    let removed: Vec<(KnownFailure, Staleness)> = (report.baseline.iter())
        .flat_map(|it| &it.stale)
        .map(|stale| (stale.entry.clone(), stale.why))
        .collect();
    let new = failures(report);
    let entry =
        |said: &Said, (check, scenario): &(CheckName, gp2gp_model::ScenarioId)| KnownFailure {
            check: check.clone(),
            scenario: Some(scenario.clone()),
            reason: said.reason.clone(),
            owner: said.owner.clone(),
            expires: said.expires,
        };
    let (added, unsaid) = match said {
        Some(said) => (new.iter().map(|it| entry(said, it)).collect(), Vec::new()),
        None => (Vec::new(), new),
    };
    let item = document
        .entry("known-failure")
        .or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    let mut heading = String::new();
    if let Some(entries) = item.as_array_of_tables_mut() {
        let is_removed = |at: usize| {
            let entry = baseline.entries().get(at);
            entry.is_some_and(|entry| removed.iter().any(|(gone, _)| gone == entry))
        };
        let old = std::mem::take(entries);
        for (at, table) in old.into_iter().enumerate() {
            if is_removed(at) {
                heading += &heading_above(&table);
            } else {
                entries.push(below(&mut heading, table));
            }
        }
        for entry in &added {
            entries.push(below(&mut heading, table(entry)));
        }
    }
    let rest = document.trailing().as_str().unwrap_or_default();
    document.set_trailing(format!("{heading}{rest}"));
    Ok(Updated {
        text: document.to_string(),
        added,
        removed,
        unsaid,
    })
}

/// What stands above an entry and does not belong to it: all before the last empty line.
fn heading_above(entry: &Table) -> String {
    let above = entry.decor().prefix().and_then(|above| above.as_str());
    let above = above.unwrap_or_default();
    let end = above.rfind("\n\n").map_or(0, |at| at + 1);
    above.get(..end).unwrap_or_default().to_owned()
}

/// The entry, below a heading that has lost its own.
fn below(heading: &mut String, mut entry: Table) -> Table {
    if !heading.is_empty() {
        let above = entry.decor().prefix().and_then(|above| above.as_str());
        let above = format!("{heading}{}", above.unwrap_or("\n"));
        entry.decor_mut().set_prefix(above);
        heading.clear();
    }
    entry
}

/// What fails, or could not be judged, and is not borne, in the order of the suite.
fn failures(report: &RunReport) -> Vec<(CheckName, gp2gp_model::ScenarioId)> {
    let of_scenario = |scenario: &ScenarioReport| {
        let id = scenario.id.clone()?;
        // A gap in a scenario where something is broken comes of that, and counts where nothing else fills it.
        let is_open = |it: &&gp2gp_model::report::RequirementOutcome| {
            matches!(it.verdict, Verdict::CouldNotRun | Verdict::Unknown) && !it.known
        };
        let open: Vec<_> = report.requirements.iter().filter(is_open).collect();
        let findings = scenario.findings.iter().filter(|finding| {
            let fails = match finding.verdict {
                Verdict::Fail | Verdict::Warn => true,
                Verdict::CouldNotRun | Verdict::Unknown => {
                    let is_its_own = scenario.verdict == finding.verdict;
                    is_its_own || open.iter().any(|it| it.id == finding.requirement)
                }
                Verdict::Pass
                | Verdict::NotApplicable
                | Verdict::KnownFailure
                | Verdict::UnexpectedPass
                | Verdict::Flaky
                | Verdict::HarnessError => false,
            };
            fails && finding.known.is_none()
        });
        let findings = findings.map(|it| CheckName::Requirement(it.requirement.clone()));
        let ended = (scenario.ended() == Some(Verdict::Fail)).then_some(CheckName::End);
        let checks: Vec<_> = findings.chain(ended).collect();
        Some(
            checks
                .into_iter()
                .map(move |check| (check, id.clone()))
                .collect(),
        )
    };
    let all: Vec<Vec<_>> = report.scenarios.iter().filter_map(of_scenario).collect();
    all.into_iter().flatten().collect()
}

fn table(entry: &KnownFailure) -> Table {
    let mut table = Table::new();
    table["check"] = value(entry.check.to_string());
    if let Some(scenario) = &entry.scenario {
        table["scenario"] = value(scenario.as_str());
    }
    table["reason"] = value(&entry.reason);
    table["owner"] = value(&entry.owner);
    // A day of ours is a day of TOML.
    if let Ok(day) = entry.expires.to_string().parse::<toml_edit::Datetime>() {
        table["expires"] = value(day);
    }
    table
}
