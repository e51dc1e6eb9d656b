//! Words for people: wrapped paragraphs, and a requirement explained.

use std::fmt::Write as _;

use gp2gp_model::report::ScenarioReport;
use gp2gp_model::requirement::Requirement;

use crate::style::{BOLD, DIM, paint};

/// Width of a paragraph.
const WIDTH: usize = 92;

/// Id of a scenario; a recording has none.
pub(crate) fn id_of(scenario: &ScenarioReport) -> &str {
    scenario.id.as_ref().map_or("recording", |id| id.as_str())
}

/// A text that shows what it holds: control characters and those that turn the direction of reading are
/// replaced by signs for them. Line ends and tabs stay.
pub(crate) fn visible(text: &str) -> String {
    let seen = |c: char| match c {
        '\n' | '\t' => Some(c),
        '\r' => None,
        '\0'..='\u{1f}' => Some(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}')),
        '\u{7f}'..='\u{9f}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => Some('\u{fffd}'),
        other => Some(other),
    };
    text.chars().filter_map(seen).collect()
}

/// The same in one line, at most so many characters.
pub(crate) fn in_a_line(text: &str, most: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = visible(&words.join(" "));
    match line.char_indices().nth(most) {
        None => line,
        Some((at, _)) => format!("{}...", &line[..at]),
    }
}

/// Wraps a text into lines that begin with `indent`.
pub fn wrap(text: &str, indent: &str) -> String {
    let mut lines = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty()
            && indent.len() + line.chars().count() + 1 + word.chars().count() > WIDTH
        {
            let _ = writeln!(lines, "{indent}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(lines, "{indent}{line}");
    lines
}

/// A requirement in words that a newcomer understands. `check` says how it is proved,
/// `scenarios` and `broken` where.
pub fn explain_requirement(
    requirement: &Requirement,
    is_checked: bool,
    scenarios: &[String],
    broken: &[String],
) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{}  {} for the {} system{}",
        paint(BOLD, &requirement.id),
        requirement.level,
        requirement.role,
        if requirement.safety {
            ", safety invariant: breaking it makes the grade unsafe"
        } else {
            ""
        },
    );
    text.push_str(&wrap(&requirement.wording, "  "));
    text.push('\n');
    text.push_str(&wrap(&requirement.rationale, "  "));
    text.push('\n');
    let field =
        |name: &str, value: &str| format!("  {}  {value}\n", paint(DIM, format!("{name:<12}")));
    text.push_str(&field("clause", &requirement.clause.join(", ")));
    text.push_str(&field(
        "evidence",
        wrap(&requirement.evidence, "                ").trim(),
    ));
    let check = if is_checked {
        "yes, judged in every trace that exercises it"
    } else {
        "not yet checked"
    };
    text.push_str(&field("check", check));
    if requirement.of_handler {
        let handler = "not asked of a system behind the binding mhs-json: there the message handler keeps it, and that is ours";
        text.push_str(&field("handler", wrap(handler, "                ").trim()));
    }
    let scenarios = if scenarios.is_empty() {
        "none yet".to_owned()
    } else {
        scenarios.join(", ")
    };
    text.push_str(&field(
        "scenarios",
        wrap(&scenarios, "                ").trim(),
    ));
    if !broken.is_empty() {
        text.push_str(&field("seen red with", &broken.join(", ")));
    }
    text
}
