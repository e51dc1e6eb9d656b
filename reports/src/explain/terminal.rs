//! An article for a terminal.

use super::article::{Article, Fact};
use crate::style::{BOLD, DIM, paint};
use crate::text::{visible, wrap};

/// Where values begin.
const COLUMN: usize = 17;

pub(super) fn written(article: &Article) -> String {
    let first = hanging(&article.name, &article.title, "");
    let mut text = first.replacen(&article.name, &paint(BOLD, &article.name), 1);
    for (number, paragraph) in article.paragraphs.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        text.push_str(&wrap(&visible(paragraph), "  "));
    }
    if !article.paragraphs.is_empty() && !article.facts.is_empty() {
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
            values.push_str(&hanging(&item.words, says, &indent));
        }
    } else {
        let words: Vec<&str> = fact.items.iter().map(|item| item.words.as_str()).collect();
        values = wrap(&visible(&words.join(", ")), &indent);
    }
    let label = paint(DIM, format!("{:<width$}", fact.label, width = COLUMN - 4));
    format!("  {label}  {}\n", values.trim())
}

/// A name and two blanks before a text that goes on two blanks further in.
fn hanging(name: &str, text: &str, indent: &str) -> String {
    let name = visible(name);
    if text.is_empty() {
        return format!("{indent}{name}\n");
    }
    let further = format!("{indent}  ");
    // One word for what is not to be wrapped.
    let place = "x".repeat(name.chars().count() + 1);
    let wrapped = wrap(&format!("{place} {}", visible(text)), &further);
    let text = wrapped.strip_prefix(&further).unwrap_or(&wrapped);
    format!("{indent}{}", text.replacen(&place, &format!("{name} "), 1))
}
