//! CSV: a row for each requirement in each scenario, for spreadsheets.

use csv::{Terminator, WriterBuilder};
use gp2gp_model::report::{RunReport, ScenarioReport, find};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::verdict::Finding;
use serde::Serialize;

use crate::problem::{details, joined, place};
use crate::text::{id_of, visible};

/// A row; its columns in this order.
#[derive(Debug, Default, Serialize)]
struct Row {
    scenario: Cell,
    requirement: Cell,
    verdict: Cell,
    level: Cell,
    family: Cell,
    safety: Cell,
    role: Cell,
    profile: Cell,
    clause: Cell,
    wording: Cell,
    occasions: Cell,
    breaches: Cell,
    seen: Cell,
    file: Cell,
    line: Cell,
    seed: Cell,
    reproduce: Cell,
    notice: Cell,
}

/// Text that no spreadsheet takes for a formula.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
struct Cell(String);

impl Cell {
    /// What looks like a formula is text behind an apostrophe.
    fn of(text: &(impl ToString + ?Sized)) -> Self {
        let text = visible(&text.to_string());
        Self(match text.starts_with(['=', '+', '-', '@', '\t', '\n']) {
            true => format!("'{text}"),
            false => text,
        })
    }
}

/// Renders a run, lines ending as RFC 4180 has it. A scenario that came to no finding has one row, with its own
/// verdict.
pub fn csv(report: &RunReport, catalogue: &[Requirement]) -> Result<String, csv::Error> {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    for scenario in &report.scenarios {
        if scenario.findings.is_empty() {
            writer.serialize(of_scenario(scenario, report))?;
        }
        for finding in &scenario.findings {
            writer.serialize(of_finding(finding, scenario, report, catalogue))?;
        }
    }
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn of_finding(
    finding: &Finding,
    scenario: &ScenarioReport,
    report: &RunReport,
    catalogue: &[Requirement],
) -> Row {
    let row = Row {
        requirement: Cell::of(&finding.requirement),
        verdict: Cell::of(&finding.verdict),
        level: Cell::of(&finding.level),
        role: Cell::of(&finding.role),
        occasions: Cell::of(&finding.occasions),
        breaches: Cell::of(&finding.breaches),
        seen: Cell::of(&joined(&details(finding), "\n")),
        ..written(scenario, report, Some(finding))
    };
    match find(catalogue, &finding.requirement) {
        None => row,
        Some(requirement) => Row {
            family: Cell::of(requirement.family()),
            safety: Cell::of(&requirement.safety),
            clause: Cell::of(&requirement.clause.join(", ")),
            wording: Cell::of(&requirement.wording),
            ..row
        },
    }
}

fn of_scenario(scenario: &ScenarioReport, report: &RunReport) -> Row {
    let mishap = scenario.mishap.as_ref().map(ToString::to_string);
    let why = scenario.error.clone().or(mishap);
    let why = why.or_else(|| scenario.not_applicable.clone());
    Row {
        verdict: Cell::of(&scenario.verdict),
        seen: Cell::of(&why.unwrap_or_else(|| scenario.missing_facts.join("\n"))),
        ..written(scenario, report, None)
    }
}

/// What every row says of its scenario.
fn written(scenario: &ScenarioReport, report: &RunReport, finding: Option<&Finding>) -> Row {
    let row = Row {
        scenario: Cell::of(id_of(scenario)),
        profile: Cell::of(&report.profile),
        reproduce: Cell::of(&scenario.reproduce),
        notice: Cell::of(&report.notice),
        ..Row::default()
    };
    let place = place(scenario, finding.map(|it| &it.requirement));
    let (Some((file, line)), Some(source)) = (place, &scenario.source) else {
        return row;
    };
    Row {
        file: Cell::of(file),
        line: Cell::of(&line),
        seed: Cell::of(&source.seed),
        ..row
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::fixture::{self, EVERY};

    fn read(report: &RunReport) -> Vec<Vec<String>> {
        let text = csv(report, &fixture::catalogue()).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let records = reader.records().map(Result::unwrap);
        let row = |record: csv::StringRecord| record.iter().map(str::to_owned).collect();
        records.map(row).collect()
    }

    #[test]
    fn every_verdict_has_its_row_and_every_scenario_too() {
        let report = fixture::report();
        let rows = read(&report);
        let of_every = rows.iter().filter(|row| row[0] == EVERY);
        let verdicts: BTreeSet<&str> = of_every.map(|row| row[2].as_str()).collect();
        assert_eq!(verdicts.len(), 10, "{verdicts:?}");
        for scenario in &report.scenarios {
            let id = id_of(scenario);
            assert!(rows.iter().any(|row| row[0] == id), "{id}");
        }
        let known = rows.iter().find(|row| row[2] == "known_failure").unwrap();
        assert_eq!((known[1].as_str(), known[14].as_str()), ("SND-08", "18"));
    }

    #[test]
    fn no_cell_is_a_formula() {
        let rows = read(&fixture::report());
        let cells = || rows.iter().flatten();
        for cell in cells() {
            assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell}");
            assert!(
                !cell.contains(['\r', '\u{1b}', '\0', '\u{202e}']),
                "{cell:?}"
            );
        }
        assert!(cells().any(|cell| cell.starts_with("'=1+1 <script>")));
    }
}
