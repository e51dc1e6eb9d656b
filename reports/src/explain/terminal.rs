//! An article for a terminal.

use super::article::{Article, Fact};
use crate::style::{BOLD, DIM, paint};
use crate::text::wrap;

/// Where values begin.
const COLUMN: usize = 17;

pub(super) fn written(article: &Article) -> String {
    let name = paint(BOLD, &article.name);
    let mut text = format!("{name}  {}\n", article.title);
    for (number, paragraph) in article.paragraphs.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        text.push_str(&wrap(paragraph, "  "));
    }
    if !article.facts.is_empty() {
        text.push('\n');
    }
    for fact in &article.facts {
        text.push_str(&line(fact));
    }
    text
}

/// Things that say what they are stand below each other, others in a row.
fn line(fact: &Fact) -> String {
    let indent = " ".repeat(COLUMN);
    let mut values = String::new();
    if fact.items.iter().any(|item| item.says.is_some()) {
        for item in &fact.items {
            let says = item.says.as_deref().unwrap_or_default();
            values.push_str(&hanging(&format!("{}  {says}", item.words), &indent));
        }
    } else {
        let words: Vec<&str> = fact.items.iter().map(|item| item.words.as_str()).collect();
        values = wrap(&words.join(", "), &indent);
    }
    let label = paint(DIM, format!("{:<width$}", fact.label, width = COLUMN - 4));
    format!("  {label}  {}\n", values.trim())
}

/// Wrapped, with what does not fit into the first line two blanks further in.
fn hanging(words: &str, indent: &str) -> String {
    let further = format!("{indent}  ");
    let wrapped = wrap(words, &further);
    let text = wrapped.strip_prefix(&further).unwrap_or(&wrapped);
    format!("{indent}{text}")
}
