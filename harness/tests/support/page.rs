//! Pages of the documentation, as tests read them: fenced blocks, and text with ellipses.

/// A fenced block of the page.
pub(crate) struct Block {
    pub(crate) line: usize,
    /// What stands behind the fence: a language, and the name of a file.
    pub(crate) info: &'static str,
    pub(crate) text: String,
}

/// The fenced blocks of a page, in order.
pub(crate) fn blocks(page: &'static str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = (1..).zip(page.lines());
    while let Some((line, text)) = lines.next() {
        if let Some(info) = text.strip_prefix("```") {
            let inside = lines.by_ref().map(|(_, text)| text);
            let inside: Vec<&str> = inside.take_while(|text| *text != "```").collect();
            let text = inside.join("\n") + "\n";
            blocks.push(Block { line, info, text });
        }
    }
    blocks
}

/// What stands for anything: lines, or a part of one.
const ANY: &str = "...";

/// Whether these lines were seen, with any others where `...` stands.
pub(crate) fn fits(expected: &[&str], seen: &str) -> bool {
    let seen: Vec<&str> = seen.lines().map(str::trim_end).collect();
    fits_lines(expected, &seen)
}

fn fits_lines(expected: &[&str], seen: &[&str]) -> bool {
    let Some((first, rest)) = expected.split_first() else {
        return seen.is_empty();
    };
    if *first == ANY {
        return (0..=seen.len()).any(|from| fits_lines(rest, &seen[from..]));
    }
    match seen.split_first() {
        Some((line, others)) => fits_line(first, line) && fits_lines(rest, others),
        None => false,
    }
}

fn fits_line(expected: &str, seen: &str) -> bool {
    match expected.split_once(ANY) {
        None => expected == seen,
        Some((before, after)) => seen
            .strip_prefix(before)
            .is_some_and(|rest| rest.ends_with(after)),
    }
}
