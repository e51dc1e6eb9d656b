//! What is not as a snapshot says, for people.

use std::fmt::Write as _;

use gp2gp_model::snapshot::{Cause, Change, DiffLine, Difference, Sign};
use gp2gp_model::verdict::Verdict;

use crate::style::{BOLD, DIM, of, paint};
use crate::text::in_a_line;

/// Steps are read to their end where they are this long.
const STEP: usize = 400;

/// Changes that are told in words; the lines below them have all.
const CHANGES: usize = 12;

/// One scenario: where the difference comes from, what changed in words, and the lines.
pub fn difference(difference: &Difference) -> String {
    let (cause, verdict) = cause(&difference.cause);
    let mut text = format!(
        "{} in {}: {cause}\n",
        paint(of(verdict), "changed"),
        paint(BOLD, &difference.scenario)
    );
    for change in difference.changes.iter().take(CHANGES) {
        let _ = writeln!(text, "  {}", said(change));
    }
    let more = difference.changes.len().saturating_sub(CHANGES);
    if more > 0 {
        let _ = writeln!(text, "  and {more} changes more");
    }
    for line in &difference.lines {
        text.push_str(&self::line(line));
    }
    text.push('\n');
    text
}

fn cause(cause: &Cause) -> (String, Verdict) {
    let ids = |ids: &[gp2gp_model::RequirementId]| {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        match ids.is_empty() {
            true => String::new(),
            false => format!(" ({})", ids.join(", ")),
        }
    };
    match cause {
        Cause::NewScenario => ("a scenario without a snapshot".to_owned(), Verdict::Warn),
        Cause::NoScenario => (
            "a snapshot of a scenario that is no more".to_owned(),
            Verdict::Warn,
        ),
        Cause::Suite { what } => (
            format!("a change of the suite, so that it may say nothing of the system: {what}"),
            Verdict::Warn,
        ),
        Cause::NewFailure { requirements } => {
            (format!("a new failure{}", ids(requirements)), Verdict::Fail)
        }
        Cause::FixedFailure { requirements } => (
            format!("a failure is mended{}", ids(requirements)),
            Verdict::Pass,
        ),
        Cause::NewBehaviour => (
            "new behaviour of the system, no better and no worse by the requirements".to_owned(),
            Verdict::Warn,
        ),
    }
}

/// A change in words.
pub(crate) fn said(change: &Change) -> String {
    let verdict = |verdict: &Option<Verdict>| match verdict {
        Some(verdict) => paint(of(*verdict), verdict.name()),
        None => "not exercised".to_owned(),
    };
    let behind = |after: &Option<String>| match after {
        Some(after) => format!(", behind `{}`", step(after)),
        None => ", first of all".to_owned(),
    };
    match change {
        Change::Verdict { was, is } => format!(
            "the scenario was {}, now it is {}",
            verdict(&Some(*was)),
            verdict(&Some(*is))
        ),
        Change::Requirement {
            requirement,
            was,
            is,
        } => format!(
            "{requirement} was {}, now it is {}",
            verdict(was),
            verdict(is)
        ),
        Change::Appeared { step: what, after } => {
            let (who, does, what) = told(what, "now sends", "now");
            format!("{who} {does} {what}{}", behind(after))
        }
        Change::Disappeared { step } => {
            let (who, does, what) = told(step, "no longer sends", "no longer:");
            format!("{who} {does} {what}")
        }
        Change::Moved { step: what, after } => {
            let (who, does, what) = told(what, "sends at another time", "at another time:");
            format!("{who} {does} {what}{}", behind(after))
        }
        Change::Altered { was, is } => {
            let (who, _, was) = told(was, "", "");
            let (_, _, is) = told(is, "", "");
            format!("{who} otherwise: {is}; it was {was}")
        }
        Change::Line { of, was, is } => match (was, is) {
            (Some(was), Some(is)) => format!("{of}: {}; it was {}", step(is), step(was)),
            (None, Some(is)) => format!("{of}, new: {}", step(is)),
            (Some(was), None) => format!("{of}, gone: {}", step(was)),
            (None, None) => of.clone(),
        },
    }
}

/// Who, what they do, and what: `the sending system`, `now sends`, `Continue 1`.
fn told<'a>(text: &str, sends: &'a str, does: &'a str) -> (String, &'a str, String) {
    const MESSAGES: [&str; 5] = [
        "EHR request",
        "EHR extract",
        "Continue",
        "fragment",
        "acknowledgement",
    ];
    let (who, what) = text.split_once("  ").unwrap_or(("the end", text));
    let (what, is_system) = (what.trim_start(), ["sending", "requesting"].contains(&who));
    let is_message = MESSAGES.iter().any(|name| what.starts_with(name));
    let who = match is_system {
        true => format!("the {who} system"),
        false => who.to_owned(),
    };
    match is_message {
        true => (who, sends, step(what)),
        false => (who, does, format!("`{}`", step(what))),
    }
}

fn step(text: &str) -> String {
    in_a_line(text, STEP)
}

fn line(line: &DiffLine) -> String {
    let text = &line.text;
    match line.sign {
        Sign::Both => format!("    {}\n", paint(DIM, text)),
        Sign::Was => format!("  {}\n", paint(of(Verdict::Fail), format!("- {text}"))),
        Sign::Is => format!("  {}\n", paint(of(Verdict::Pass), format!("+ {text}"))),
        Sign::Gap => format!("  {}\n", paint(DIM, "  ...")),
    }
}
