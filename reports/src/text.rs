//! Words for people: wrapped paragraphs, and a requirement explained.

use std::fmt::Write as _;

use gp2gp_model::requirement::Requirement;

use crate::style::{BOLD, DIM, paint};

/// Width of a paragraph.
const WIDTH: usize = 92;

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
