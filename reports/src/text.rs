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

/// The same of a text that has colours: those stay, and nothing else that moves a cursor or names a window.
pub fn on_terminal(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut pieces = text.split('\u{1b}');
    shown.push_str(&visible(pieces.next().unwrap_or_default()));
    for piece in pieces {
        shown.push(if is_colour(piece) {
            '\u{1b}'
        } else {
            '\u{241b}'
        });
        shown.push_str(&visible(piece));
    }
    shown
}

/// `[1;31m` and the like.
fn is_colour(behind_escape: &str) -> bool {
    let parameters = behind_escape.strip_prefix('[').unwrap_or_default();
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';');
    end.is_some_and(|end| parameters[end..].starts_with('m'))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_stay_and_what_moves_the_cursor_is_shown() {
        let text = "\u{1b}[1;31mfail\u{1b}[0m \u{1b}[2J\u{1b}]0;title\u{7} a\u{202e}b \u{1b}";
        assert_eq!(
            on_terminal(text),
            "\u{1b}[1;31mfail\u{1b}[0m \u{241b}[2J\u{241b}]0;title\u{2407} a\u{fffd}b \u{241b}"
        );
        assert_eq!(on_terminal("a\n\tb\r\n"), "a\n\tb\n");
    }
}
