//! An article as Markdown.

use std::fmt::Write as _;

use crate::text::visible;

use super::Target;
use super::article::{Article, Fact, Item, To};

type Link<'a> = &'a dyn Fn(&Target<'_>) -> Option<String>;

pub(super) fn written(
    article: &Article,
    depth: usize,
    anchor: Option<&str>,
    link: Link<'_>,
) -> String {
    let marks = "#".repeat(depth);
    let anchor = anchor.map(|anchor| format!(" {{#{anchor}}}"));
    let mut page = format!(
        "{marks} {}{}\n\n**{}**\n",
        text(&article.name),
        anchor.unwrap_or_default(),
        text(&article.title)
    );
    for paragraph in &article.paragraphs {
        let _ = write!(page, "\n{}\n", text(paragraph.trim()));
    }
    if !article.facts.is_empty() {
        page.push('\n');
    }
    for fact in &article.facts {
        page.push_str(&row(fact, link));
    }
    page.push('\n');
    page
}

/// Things that say what they are are a list below, others stand in a row.
fn row(fact: &Fact, link: Link<'_>) -> String {
    let says = |item: &Item| {
        let is_left_to_the_link = fact.is_brief && target(item, link).is_some();
        item.says.is_some() && !is_left_to_the_link
    };
    let label = fact.label;
    if !fact.items.iter().any(says) {
        let items: Vec<String> = fact.items.iter().map(|item| words(item, link)).collect();
        return format!("- *{label}*: {}\n", items.join(", "));
    }
    let mut row = format!("- *{label}*:\n");
    for item in &fact.items {
        let words = words(item, link);
        let _ = match item.says.as_deref() {
            None | Some("") => writeln!(row, "  - {words}"),
            Some(says) => writeln!(row, "  - {words}: {}", text(says)),
        };
    }
    row
}

fn words(item: &Item, link: Link<'_>) -> String {
    let words = if item.is_code {
        format!("`{}`", item.words)
    } else {
        text(&item.words)
    };
    match target(item, link) {
        Some(target) => format!("[{words}]({target})"),
        None => words,
    }
}

fn target(item: &Item, link: Link<'_>) -> Option<String> {
    match item.to.as_ref()? {
        To::Article(subject) => link(&Target::Article(subject)),
        To::Page(path) => link(&Target::Page(path)),
    }
}

/// What stands between backticks is code; elsewhere nothing is read as Markdown.
pub(super) fn text(text: &str) -> String {
    let text = visible(text);
    let is_paired = !text.contains("``") && text.matches('`').count().is_multiple_of(2);
    let mut in_code = false;
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '`' if is_paired => {
                in_code = !in_code;
                written.push(c);
            }
            _ if in_code => written.push(c),
            '<' => written.push_str("&lt;"),
            '&' => written.push_str("&amp;"),
            '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '\\' => {
                written.push('\\');
                written.push(c);
            }
            other => written.push(other),
        }
    }
    written
}
