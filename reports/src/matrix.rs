//! Every system with every other, at a glance: a line for each pair, a column for each kind of
//! record.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use gp2gp_model::expectation::Outcome;
use gp2gp_model::matrix::{Cell, End, Expected, MatrixReport, Meaning, RecordKind, System};

use crate::style::{BOLD, DIM, paint};

const CELL: usize = 16;

/// The table, what its words mean, and every difference.
pub fn matrix(report: &MatrixReport) -> String {
    let mut text = String::new();
    let is_version = |cell: &&Cell| matches!(cell.pairing.requesting, System::Version(_));
    let (versions, dialects): (Vec<&Cell>, Vec<&Cell>) = report.cells.iter().partition(is_version);
    for (title, cells) in [
        ("by version", versions),
        ("by supplier, in the usual version", dialects),
    ] {
        if !cells.is_empty() {
            table(&mut text, title, &cells);
        }
    }
    legend(&mut text, &report.cells);
    differences(&mut text, report);
    text
}

fn table(text: &mut String, title: &str, cells: &[&Cell]) {
    let records: BTreeSet<RecordKind> = cells.iter().map(|cell| cell.pairing.record).collect();
    let mut rows: Vec<(System, System)> = Vec::new();
    let mut found = BTreeMap::new();
    for cell in cells {
        let pair = (cell.pairing.requesting, cell.pairing.sending);
        if rows.last() != Some(&pair) {
            rows.push(pair);
        }
        found.insert((pair, cell.pairing.record), *cell);
    }
    let names = rows.iter().flat_map(|(new, old)| [new.name(), old.name()]);
    let width = names.map(str::len).max().unwrap_or(0).max(12);
    let _ = writeln!(text, "{}", paint(BOLD, title));
    let _ = write!(text, "{:width$}  {:width$}", "new practice", "old practice");
    for record in &records {
        let _ = write!(text, "  {:CELL$}", record.name());
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    let mut last = None;
    for pair in rows {
        let (new, old) = pair;
        // The name of the new practice's system stands once for all of its lines.
        let shown = if last == Some(new) { "" } else { new.name() };
        if last.is_some_and(|last| last != new) {
            text.push('\n');
        }
        last = Some(new);
        let _ = write!(text, "{shown:width$}  {:width$}", old.name());
        for record in &records {
            let cell = found.get(&(pair, *record));
            let (word, style) = cell.map_or((String::new(), DIM), |cell| word(cell));
            let padding = " ".repeat(CELL.saturating_sub(word.chars().count()));
            let _ = write!(text, "  {}{padding}", paint(style, word));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text.push('\n');
}

/// What is seen, in a word; with a mark in front where something else is expected.
fn word(cell: &Cell) -> (String, Style) {
    let red = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
    match &cell.seen {
        _ if cell.is_as_expected() => short(&cell.pairing.expected),
        None => ("! not run".to_owned(), red),
        Some(seen) => (format!("! {}", of_end(seen)), red),
    }
}

fn short(expected: &Expected) -> (String, Style) {
    let code = expected.end.code.as_deref().unwrap_or_default();
    let coloured = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
    match expected.means {
        Meaning::Completes => ("= completes".to_owned(), coloured(AnsiColor::Green)),
        Meaning::Degrades => (format!("~ degrades {code}"), coloured(AnsiColor::Yellow)),
        Meaning::Refused => (format!("x refused {code}"), coloured(AnsiColor::Magenta)),
        Meaning::Paper => ("- paper".to_owned(), DIM),
    }
}

fn of_end(end: &End) -> String {
    let code = end.code.as_deref().unwrap_or_default();
    let word = match end.outcome {
        Outcome::Integrated => "filed",
        Outcome::Suppressed => "suppressed",
        Outcome::FiledAsAttachment => "attached",
        Outcome::Refused => "refused",
        Outcome::Failed => "failed",
        Outcome::NotRequested => "not asked",
    };
    format!("{word} {code}").trim_end().to_owned()
}

/// Every word of the table once: what it says, what is printed, where it is written.
fn legend(text: &mut String, cells: &[Cell]) {
    let mut seen: Vec<(&Expected, usize)> = Vec::new();
    for cell in cells.iter().filter(|cell| cell.is_as_expected()) {
        let expected = &cell.pairing.expected;
        match seen.iter_mut().find(|(known, _)| *known == expected) {
            Some((_, count)) => *count += 1,
            None => seen.push((expected, 1)),
        }
    }
    seen.sort_by_key(|(expected, _)| (expected.means, expected.end.code.clone()));
    for (expected, count) in seen {
        let (word, style) = short(expected);
        let padding = " ".repeat(CELL.saturating_sub(word.chars().count()));
        let _ = writeln!(
            text,
            "{}{padding} {count:>4} x  {}  {}",
            paint(style, word),
            meaning(expected),
            paint(DIM, format!("[{}]", expected.source))
        );
    }
}

fn meaning(expected: &Expected) -> String {
    let print = match expected.end.print_state {
        Some(1) => "nothing to print",
        Some(2) => "print what is missing",
        Some(3) => "print everything, part was delivered",
        Some(4) => "print everything",
        Some(5) => "not decided",
        Some(_) | None => "no request, so the old practice is asked for paper",
    };
    let state =
        (expected.end.print_state).map_or(String::new(), |state| format!(" (state {state})"));
    match &expected.lost {
        Some(lost) => format!("{print}{state}; lost are {lost}"),
        None => format!("{print}{state}"),
    }
}

fn differences(text: &mut String, report: &MatrixReport) {
    for cell in report.cells.iter().filter(|cell| !cell.is_as_expected()) {
        let pairing = &cell.pairing;
        let _ = writeln!(
            text,
            "\n! {} asks {} for a {} record",
            pairing.requesting, pairing.sending, pairing.record
        );
        let _ = writeln!(text, "  expected    {}", pairing.expected.end);
        let seen = cell
            .seen
            .as_ref()
            .map_or("nothing".to_owned(), End::to_string);
        let _ = writeln!(text, "  seen        {seen}");
        for wrong in &cell.wrong {
            let _ = writeln!(text, "  broken      {wrong}");
        }
        let _ = writeln!(text, "  source      {}", pairing.expected.source);
        let _ = writeln!(text, "  reproduce   {}", cell.reproduce);
    }
    let _ = writeln!(
        text,
        "\n{} pairs and records, {} differ from the table",
        report.cells.len(),
        report.differences
    );
}
