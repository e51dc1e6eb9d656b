//! Words for people: wrapped paragraphs, and texts that show what they hold.

use std::fmt::Write as _;

use gp2gp_model::report::ScenarioReport;

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
