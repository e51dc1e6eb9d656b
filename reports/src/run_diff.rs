//! Two runs beside each other, for people: where they part first, then what follows.

use std::fmt::Write as _;

use gp2gp_model::plural::count;
use gp2gp_model::run_diff::{
    DiffKind, Divergent, FieldDiff, RunDiff, RunSide, ScenarioDiff, StepSeen,
};
use gp2gp_model::verdict::Verdict;

use crate::difference::said;
use crate::style::{BOLD, DIM, of, paint};
use crate::terminal::lasted;
use crate::text::in_a_line;

/// Of one kind; the JSON has all.
const SHOWN: usize = 12;

/// Of one step; the JSON has all.
const FIELDS: usize = 5;

/// A step is read to its end where it is this long.
const STEP: usize = 300;

/// Renders a comparison.
pub fn run_diff(diff: &RunDiff) -> String {
    let side = |side: &RunSide| {
        let RunSide {
            sut, suite, folder, ..
        } = side;
        format!("{} ({suite}) in {folder}", in_a_line(sut, STEP))
    };
    let mut text = format!(
        "{}  {}\n{}  {}\n\n",
        paint(BOLD, "A"),
        side(&diff.a),
        paint(BOLD, "B"),
        side(&diff.b)
    );
    for one in &diff.scenarios {
        text.push_str(&scenario(one));
    }
    for (only, name) in [(&diff.only_in_a, "A"), (&diff.only_in_b, "B")] {
        let ids = only.iter().take(SHOWN);
        let ids: Vec<String> = ids.map(ToString::to_string).collect();
        if !ids.is_empty() {
            let more = only.len() - ids.len();
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            let _ = writeln!(text, "only in {name}: {}{more}", ids.join(", "));
        }
    }
    let _ = writeln!(
        text,
        "{} {}, {} came out the same",
        count(diff.scenarios.len(), "scenario"),
        if diff.scenarios.len() == 1 {
            "differs"
        } else {
            "differ"
        },
        diff.same
    );
    text
}

fn scenario(diff: &ScenarioDiff) -> String {
    let kind = match diff.kind {
        DiffKind::Worse => Verdict::Fail,
        DiffKind::Better => Verdict::Pass,
        DiffKind::Behaviour => Verdict::Warn,
    };
    let mut text = format!(
        "{}  {}\n",
        paint(BOLD, &diff.scenario),
        paint(of(kind), diff.kind.words())
    );
    if diff.is_another {
        text.push_str("  its file or its seed is another: what differs may follow from that\n");
    }
    if let Some(first) = &diff.first {
        let _ = writeln!(text, "  {}", paint(of(Verdict::Fail), "they part at"));
        text.push_str(&divergent(first));
    }
    text.push_str(&several("from that follows", &diff.follows));
    text.push_str(&several("also differs", &diff.others));
    if !diff.verdicts.is_empty() {
        text.push_str("  judged\n");
    }
    for change in &diff.verdicts {
        let _ = writeln!(text, "    {}", said(change));
    }
    text.push('\n');
    text
}

fn several(heading: &str, steps: &[Divergent]) -> String {
    if steps.is_empty() {
        return String::new();
    }
    let mut text = format!("  {heading}\n");
    for step in steps.iter().take(SHOWN) {
        text.push_str(&divergent(step));
    }
    let more = steps.len().saturating_sub(SHOWN);
    if more > 0 {
        let _ = writeln!(text, "    and {} more", count(more, "step"));
    }
    text
}

fn divergent(step: &Divergent) -> String {
    let Divergent {
        step,
        because_of: _,
        from: _,
        to: _,
        a,
        b,
        fields,
    } = step;
    let seen = |side: &Option<StepSeen>| match side {
        Some(StepSeen {
            says,
            since_start_ms,
            ..
        }) => format!(
            "{}  {}",
            in_a_line(says, STEP),
            paint(DIM, format!("after {}", lasted(*since_start_ms)))
        ),
        None => paint(DIM, "nothing"),
    };
    let mut text = format!(
        "    {}\n      A  {}\n      B  {}\n",
        paint(BOLD, in_a_line(step, STEP)),
        seen(a),
        seen(b)
    );
    let value = |value: &Option<String>| {
        let value = value.as_deref().filter(|it| !it.is_empty());
        value.map_or_else(|| "nothing".to_owned(), |it| in_a_line(it, STEP))
    };
    for FieldDiff { field, a, b } in fields.iter().take(FIELDS) {
        let _ = writeln!(
            text,
            "      {}  A {}  B {}",
            paint(DIM, format!("{field}:")),
            value(a),
            value(b)
        );
    }
    let more = fields.len().saturating_sub(FIELDS);
    if more > 0 {
        let _ = writeln!(text, "      and {} more", count(more, "difference"));
    }
    text
}
