//! Regression snapshots: what a system did, kept as small texts beside its code, and compared with what it does now.

mod compare;
mod folder;
mod text;

use std::collections::BTreeMap;

use gp2gp_model::report::{DocumentReport, FaultReport, RunReport, ScenarioReport};
use gp2gp_model::snapshot::{Origin, Snapshot};
use gp2gp_model::verdict::Verdict;

pub(crate) use compare::is_bad;
pub use compare::{Seen, compare};
pub use folder::{Folder, Pending, SnapshotError};
pub use text::{NotASnapshot, parse, write};

/// Snapshots of a run with what they were made of, in the order of the run. A recording has none.
pub fn of_run(report: &RunReport) -> Vec<(Snapshot, Origin)> {
    let scenarios = report.scenarios.iter();
    scenarios
        .filter_map(|scenario| {
            let source = scenario.source.as_ref()?;
            let origin = Origin {
                suite: report.suite.clone(),
                scenario: source.sha256,
                seed: source.seed,
            };
            Some((of(scenario)?, origin))
        })
        .collect()
}

/// The snapshot of a scenario; `None` for a recording.
pub fn of(scenario: &ScenarioReport) -> Option<Snapshot> {
    let mut names = Names::default();
    let mut lines =
        |lines: Vec<String>| -> Vec<String> { lines.iter().map(|line| names.line(line)).collect() };
    let mishap = scenario.mishap.as_ref();
    let mut why: Vec<String> = scenario.not_applicable.iter().cloned().collect();
    why.extend(mishap.map(|mishap| format!("{} {}", mishap.system, mishap.kind.words())));
    why.extend(scenario.missing_facts.iter().cloned());
    let story = scenario.story.iter().map(|line| timeless(line));
    let mut documents: Vec<String> = scenario.documents.iter().map(document).collect();
    documents.sort();
    let ended = scenario.expectations.iter();
    let ended: Vec<(Verdict, String)> = ended.map(|it| (it.verdict, it.expected.clone())).collect();
    let (verdicts, expected): (Vec<Verdict>, Vec<String>) = ended.into_iter().unzip();
    Some(Snapshot {
        scenario: scenario.id.clone()?,
        title: scenario.title.clone(),
        verdict: scenario.verdict,
        why: lines(why),
        story: lines(story.collect()),
        faults: scenario.faults.iter().map(fault).collect(),
        ended: verdicts.into_iter().zip(lines(expected)).collect(),
        documents: lines(documents),
        requirements: requirements(scenario),
    })
}

/// What a scenario does not name may come up in one run alone where two messages race: it is told where it is not kept.
fn requirements(scenario: &ScenarioReport) -> Vec<(gp2gp_model::RequirementId, Verdict)> {
    let is_named = |id| {
        let source = scenario.source.as_ref();
        source.is_some_and(|source| source.lines.contains_key(id))
    };
    let findings = scenario.findings.iter();
    findings
        .filter(|it| is_named(&it.requirement) || it.verdict != Verdict::Pass)
        .map(|it| (it.requirement.clone(), it.verdict))
        .collect()
}

fn fault(fault: &FaultReport) -> String {
    match fault.fired {
        0 => format!("{} never fired", fault.name),
        1 => format!("{} fired once", fault.name),
        more => format!("{} fired {more} times", fault.name),
    }
}

fn document(document: &DocumentReport) -> String {
    let DocumentReport {
        file_name,
        content_type,
        travelled,
        bytes,
        sha256,
        problem,
    } = document;
    let name = match file_name.split_once('_') {
        Some((first, rest)) if first.len() == 36 => rest,
        Some(_) | None => file_name,
    };
    let content = match (bytes, sha256, problem) {
        (_, _, Some(problem)) => problem.clone(),
        // The original of a record holds the time at which it was made.
        (Some(_), Some(_), None) if name == "EhrExtract.xml" => {
            "whole, of another digest in every run".to_owned()
        }
        (Some(bytes), Some(sha256), None) => format!("{bytes} bytes, sha256 {sha256}"),
        (_, _, None) => "content not known".to_owned(),
    };
    format!("{name}: {content_type}, {travelled}; {content}")
}

/// A step of a story without its time: neither that in front of it, nor until when it lasted.
fn timeless(line: &str) -> String {
    let line = line.trim_start();
    let line = match line.strip_prefix('+') {
        Some(timed) => timed.split_once("  ").map_or(line, |(_, step)| step),
        None => line,
    };
    let line = match line.rsplit_once(", until +") {
        Some((step, _)) => step,
        None => line,
    };
    line.to_owned()
}

/// Ids by the order of their first sight, times not at all.
#[derive(Default)]
struct Names {
    seen: BTreeMap<String, String>,
    counts: BTreeMap<&'static str, usize>,
}

impl Names {
    /// The line with every id by its number, in one line that shows what it holds.
    fn line(&mut self, line: &str) -> String {
        let is_of_word = |c: char| c.is_ascii_alphanumeric() || "-:.".contains(c);
        let mut told = String::new();
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let end = rest
                .find(|c| is_of_word(c) != is_of_word(first))
                .unwrap_or(rest.len());
            let (piece, behind) = rest.split_at(end);
            match is_of_word(first) {
                true => told.push_str(&self.word(piece)),
                false => told.extend(piece.chars().map(shown)),
            }
            rest = behind;
        }
        told.trim_end().to_owned()
    }

    fn word(&mut self, word: &str) -> String {
        let bare = word.trim_end_matches(['.', ':']);
        let kind = if is_uuid(bare) {
            "id"
        } else if is_nhs_number(bare) {
            "patient"
        } else if is_time(bare) {
            return word.replacen(bare, "(time)", 1);
        } else {
            return word.to_owned();
        };
        let name = match self.seen.get(bare) {
            Some(name) => name.clone(),
            None => {
                let count = self.counts.entry(kind).or_default();
                *count += 1;
                let name = format!("({kind} {count})");
                self.seen.insert(bare.to_owned(), name.clone());
                name
            }
        };
        word.replacen(bare, &name, 1)
    }
}

fn shown(c: char) -> char {
    match c {
        c if c.is_control() => ' ',
        other => other,
    }
}

fn is_uuid(word: &str) -> bool {
    let lengths: Vec<usize> = word.split('-').map(str::len).collect();
    let is_hex = |c: char| c.is_ascii_hexdigit() || c == '-';
    lengths == [8, 4, 4, 4, 12] && word.chars().all(is_hex)
}

/// Of the range of made-up numbers.
fn is_nhs_number(word: &str) -> bool {
    word.len() == 10 && word.starts_with("999") && word.bytes().all(|c| c.is_ascii_digit())
}

/// `2026-01-05T09:00:00.123Z`, or the date alone.
fn is_time(word: &str) -> bool {
    let form: String = word
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    let date = form.strip_prefix("0000-00-00");
    date.is_some_and(|rest| rest.is_empty() || rest.starts_with("T00:00"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_no_time() {
        for (line, step) in [
            (
                "    +0.000 s  people      register the patient",
                "people      register the patient",
            ),
            (
                " +2h 00m 02s  requesting  Continue 1",
                "requesting  Continue 1",
            ),
            (
                "    +2.080 s  sending     9 fragments (37.3 MB), 9 accepted, until +2.720 s",
                "sending     9 fragments (37.3 MB), 9 accepted",
            ),
            ("requesting ends: integrated", "requesting ends: integrated"),
        ] {
            assert_eq!(timeless(line), step);
        }
    }

    #[test]
    fn ids_become_numbers_and_times_vanish() {
        let mut names = Names::default();
        let line = names.line(
            "ticket: patient 9990000018, export of 2026-01-05T09:00:00Z, 2 left: \
             EA705AC1-4E3F-424F-A367-56A4DFF7DC4D.\r\nx",
        );
        assert_eq!(
            line,
            "ticket: patient (patient 1), export of (time), 2 left: (id 1).  x"
        );
        assert_eq!(
            names.line("9990000026 after 9990000018"),
            "(patient 2) after (patient 1)"
        );
        assert_eq!(
            names.line("GP G8998001 at Z99902, 4.5 MB"),
            "GP G8998001 at Z99902, 4.5 MB"
        );
    }
}
