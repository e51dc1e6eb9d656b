//! The page on exports: its diagram is the table of the model.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use gp2gp_model::export::{ExportState, NOT_EXERCISED, TRANSITIONS};

const PAGE: &str = "docs/export.md";
const START: &str = "<!-- diagram: written by `cargo xtask diagram` -->";
const END: &str = "<!-- end of the diagram -->";

/// Writes the diagram anew.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let path = root.join(PAGE);
    let page = fs::read_to_string(&path).map_err(|error| format!("cannot read {PAGE}: {error}"))?;
    let current = current(&page)?;
    fs::write(&path, current).map_err(|error| format!("cannot write {PAGE}: {error}"))?;
    println!("diagram: {PAGE} shows {} transitions", TRANSITIONS.len());
    Ok(())
}

/// The page with the diagram of today.
fn current(page: &str) -> Result<String, String> {
    let missing = || format!("{PAGE} has no place for the diagram: `{START}` and `{END}`");
    let (before, rest) = page.split_once(START).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok(format!("{before}{START}\n{}{END}{after}", diagram()))
}

fn diagram() -> String {
    let mut text = "\n```mermaid\nstateDiagram-v2\n    [*] --> Idle\n".to_owned();
    for row in TRANSITIONS {
        let (from, to) = (name(row.from), name(row.to));
        let _ = writeln!(
            text,
            "    {from} --> {to}: {}",
            row.on.words().replace(':', ",")
        );
    }
    text.push_str("```\n\nNo built-in scenario takes these ways:\n\n");
    for (from, on) in NOT_EXERCISED {
        let _ = writeln!(text, "- {from}: {on}");
    }
    text.push('\n');
    text
}

/// `under-investigation` as `UnderInvestigation`: mermaid takes no hyphen.
fn name(state: ExportState) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    };
    state.name().split('-').map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_diagram_of_the_page_is_that_of_the_table() {
        let page = include_str!("../../docs/export.md");
        assert_eq!(
            current(page).expect("the page has a place for it"),
            page,
            "write it anew: cargo xtask diagram"
        );
    }

    #[test]
    fn a_page_without_a_place_is_an_error() {
        assert!(current("# Exports").is_err());
    }
}
