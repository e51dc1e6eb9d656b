//! Two bodies beside each other: JSON leaf by leaf, text where it first differs, anything else by size and digest.

use std::collections::BTreeMap;

use bytes::Bytes;
use gp2gp_model::Sha256;
use gp2gp_model::run_diff::FieldDiff;
use serde_json::Value;

use super::aliases::Aliases;

/// Leaves of a body that are told; the others are counted.
const TOLD: usize = 12;

/// Letters of both that are shown around the first that differs.
const AROUND: usize = 40;

/// A text that one run alone has is shown up to this length, in bytes.
const SHORT: usize = 600;

/// A number from here on counts milliseconds or less since 1970.
const SINCE_EPOCH: u64 = 1_000_000_000_000;

/// A body of a step, compared where its bytes are not the same already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    /// What it is of the step: `payload`, `answer`.
    pub(super) of: String,
    /// Its bytes.
    pub(super) bytes: Bytes,
    /// It says what can be read.
    pub(super) is_text: bool,
}

/// What differs.
pub(super) fn differences(a: (&[Content], &Aliases), b: (&[Content], &Aliases)) -> Vec<FieldDiff> {
    let mut found = Vec::new();
    for one in a.0 {
        match b.0.iter().find(|other| other.of == one.of) {
            Some(other) => found.extend(two((one, a.1), (other, b.1))),
            None => found.push(alone((one, a.1), |told| (Some(told), None))),
        }
    }
    let is_new = |other: &&Content| a.0.iter().all(|one| one.of != other.of);
    found.extend((b.0.iter().filter(is_new)).map(|it| alone((it, b.1), |told| (None, Some(told)))));
    found
}

fn alone(
    (content, names): (&Content, &Aliases),
    side: impl Fn(String) -> (Option<String>, Option<String>),
) -> FieldDiff {
    let text = std::str::from_utf8(&content.bytes).ok();
    let text = text.filter(|it| content.is_text && it.len() <= SHORT);
    let told = text.map_or_else(|| by_digest(&content.bytes), |text| names.text(text));
    let (a, b) = side(told);
    FieldDiff {
        field: content.of.clone(),
        a,
        b,
    }
}

fn two((a, names_a): (&Content, &Aliases), (b, names_b): (&Content, &Aliases)) -> Vec<FieldDiff> {
    if a.bytes == b.bytes {
        return Vec::new();
    }
    if let (Some(in_a), Some(in_b)) = (leaves(a, names_a), leaves(b, names_b)) {
        return by_leaf(&a.of, &in_a, &in_b);
    }
    let text = |it: &Content, names: &Aliases| {
        let text = std::str::from_utf8(&it.bytes).ok().filter(|_| it.is_text)?;
        Some(names.text(text))
    };
    let (said, sees) = match (text(a, names_a), text(b, names_b)) {
        (Some(in_a), Some(in_b)) if in_a == in_b => return Vec::new(),
        (Some(in_a), Some(in_b)) => around_the_first(&in_a, &in_b),
        (_, _) => (by_digest(&a.bytes), by_digest(&b.bytes)),
    };
    vec![FieldDiff {
        field: a.of.clone(),
        a: Some(said),
        b: Some(sees),
    }]
}

fn by_digest(bytes: &[u8]) -> String {
    let digest = Sha256::of(bytes).to_string();
    let short = digest.get(..12).unwrap_or_default();
    format!("{} bytes, sha256 {short}", bytes.len())
}

/// Values of a JSON body by where they stand.
fn leaves(content: &Content, names: &Aliases) -> Option<BTreeMap<String, String>> {
    let value: Value = serde_json::from_slice(&content.bytes).ok()?;
    let mut found = BTreeMap::new();
    gather(&value, String::new(), names, &mut found);
    Some(found)
}

fn gather(value: &Value, at: String, names: &Aliases, into: &mut BTreeMap<String, String>) {
    let below = |name: &str| match at.is_empty() {
        true => name.to_owned(),
        false => format!("{at}.{name}"),
    };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                gather(value, below(name), names, into);
            }
        }
        Value::Array(values) => {
            for (number, value) in (1..).zip(values) {
                gather(value, below(&format!("{number}")), names, into);
            }
        }
        Value::String(text) => {
            into.insert(at, names.text(text));
        }
        Value::Number(number) => {
            let is_time = number.as_u64().is_some_and(|it| it >= SINCE_EPOCH);
            let told = match is_time {
                true => "(time)".to_owned(),
                false => number.to_string(),
            };
            into.insert(at, told);
        }
        Value::Null | Value::Bool(_) => {
            into.insert(at, value.to_string());
        }
    }
}

fn by_leaf(of: &str, a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<FieldDiff> {
    let in_b_alone = b.keys().filter(|name| !a.contains_key(*name));
    let names = a.keys().chain(in_b_alone);
    let mut differing: Vec<FieldDiff> = names
        .filter(|name| a.get(*name) != b.get(*name))
        .map(|name| FieldDiff {
            field: match name.is_empty() {
                true => of.to_owned(),
                false => format!("{of}: {name}"),
            },
            a: a.get(name).cloned(),
            b: b.get(name).cloned(),
        })
        .collect();
    let more = differing.len().saturating_sub(TOLD);
    if more > 0 {
        differing.truncate(TOLD);
        differing.push(FieldDiff {
            field: format!("{of}: {more} more values"),
            a: Some(format!("of {}", a.len())),
            b: Some(format!("of {}", b.len())),
        });
    }
    differing
}

/// A little of both, from before the first letter that differs.
fn around_the_first(a: &str, b: &str) -> (String, String) {
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(AROUND);
    let show = |text: &str| {
        let shown: String = text
            .chars()
            .skip(from)
            .take(same - from + 2 * AROUND)
            .map(|it| if it.is_control() { ' ' } else { it })
            .collect();
        let before = if from > 0 { "..." } else { "" };
        let behind = match text.chars().count() > from + shown.chars().count() {
            true => "...",
            false => "",
        };
        format!("{before}{shown}{behind}")
    };
    let (in_a, in_b) = (show(a), show(b));
    match in_a == in_b {
        // Line ends alone.
        true => (
            format!("{in_a} ({} bytes)", a.len()),
            format!("{in_b} ({} bytes)", b.len()),
        ),
        false => (in_a, in_b),
    }
}
