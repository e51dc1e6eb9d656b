//! What the ids and times of a run stand for, so that two runs that chose others say the same.

use std::collections::BTreeMap;

use gp2gp_model::NhsNumber;
use gp2gp_model::trace::{Bodies, BodyRef, Observation, Trace, What};
use serde_json::Value;

use crate::story;

/// Names for ids, in upper case.
pub(super) struct Aliases(BTreeMap<String, String>);

impl Aliases {
    /// Of patients by their order, of documents by their file names, of packages by whose they are and their order.
    pub(super) fn of(trace: &Trace, bodies: &dyn Bodies) -> Self {
        let mut aliases = Self(BTreeMap::new());
        let mut patients = 0;
        let mut packages: BTreeMap<String, usize> = BTreeMap::new();
        for event in &trace.events {
            match &event.what {
                What::Patient { patient, .. } => {
                    patients += 1;
                    aliases.name(patient, format!("patient {patients}"));
                }
                What::Post { path, body, .. } => {
                    if let Some(package) = package(path)
                        && !aliases.0.contains_key(&package.to_ascii_uppercase())
                    {
                        let whose = whose(bodies, body).map(|it| aliases.text(&it));
                        let whose = whose.unwrap_or_else(|| "nobody".to_owned());
                        let count = packages.entry(whose.clone()).or_default();
                        *count += 1;
                        let name = format!("package {count} of {whose}");
                        aliases.name(&package, name);
                    }
                }
                What::Observed {
                    observation:
                        Observation::InStore {
                            document,
                            file_name,
                            ..
                        },
                    ..
                } => aliases.name(document, story::stable(file_name)),
                What::Observed { .. }
                | What::Answer { .. }
                | What::NoAnswer { .. }
                | What::Acted { .. }
                | What::Declined { .. }
                | What::Alerted { .. }
                | What::Held { .. }
                | What::Record { .. }
                | What::FaultFired { .. }
                | What::Lifecycle { .. }
                | What::Diverged { .. }
                | What::Ended { .. } => {}
            }
        }
        aliases
    }

    /// None: what is compared names nothing.
    pub(super) const fn none() -> Self {
        Self(BTreeMap::new())
    }

    fn name(&mut self, id: &impl ToString, name: String) {
        self.0
            .entry(id.to_string().to_ascii_uppercase())
            .or_insert(name);
    }

    /// `patient 1`; the number itself of one that the plan does not know.
    pub(super) fn patient(&self, patient: NhsNumber) -> String {
        self.text(&patient.to_string())
    }

    /// The text with what its ids stand for in their place, and without times.
    pub(super) fn text(&self, text: &str) -> String {
        let mut told = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let taken = match (escaped(rest), first.is_ascii_alphanumeric()) {
                (Some(escape), _) => {
                    told.push_str(escape);
                    escape.len()
                }
                (None, true) => self.word(rest, &mut told),
                (None, false) => {
                    told.push(first);
                    first.len_utf8()
                }
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
        told
    }

    /// Writes what stands at the beginning; how many bytes of the text that is.
    fn word(&self, text: &str, told: &mut String) -> usize {
        let while_ = |more: &str| {
            let is_in = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
            text.find(|c| !is_in(c)).unwrap_or(text.len())
        };
        let (bare, joined) = (while_(""), while_("-"));
        let of_id = |end: usize| {
            let id = text.get(..end)?;
            self.0.get(&id.to_ascii_uppercase()).map(String::as_str)
        };
        let is_uuid = is_uuid(text);
        let ends = [joined, 36, bare];
        if let Some((end, name)) = ends
            .into_iter()
            .filter(|end| *end != 36 || is_uuid)
            .find_map(|end| Some((end, of_id(end)?)))
        {
            told.push_str(name);
            return end;
        }
        if is_uuid {
            told.push_str("(id)");
            return 36;
        }
        if is_date(text) {
            told.push_str("(time)");
            return while_("-:.+");
        }
        let word = text.get(..bare).unwrap_or_default();
        told.push_str(match is_hl7_time(word) {
            true => "(time)",
            false => word,
        });
        bare.max(1)
    }
}

/// `%7C`: what stands behind it is a word by itself.
fn escaped(text: &str) -> Option<&str> {
    let escape = text.get(..3)?;
    let is_hex = |byte: u8| byte.is_ascii_hexdigit();
    (escape.starts_with('%') && escape.bytes().skip(1).all(is_hex)).then_some(escape)
}

/// The package that a path of a clearing house or an importing practice is about.
fn package(path: &str) -> Option<String> {
    let (_, below) = path.split_once("/packages/")?;
    let id = below.split(['/', '?']).next()?;
    (!id.is_empty()).then(|| id.to_owned())
}

/// The patient whose package is begun.
fn whose(bodies: &dyn Bodies, body: &BodyRef) -> Option<String> {
    let opening: Value = serde_json::from_slice(&bodies.body(&body.sha256)?).ok()?;
    Some(opening.get("patient")?.as_str()?.to_owned())
}

/// Whether a UUID stands at the beginning, by itself.
fn is_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(id) = bytes.get(..36) else {
        return false;
    };
    let is_of_it = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    id.iter().enumerate().all(is_of_it) && !bytes.get(36).is_some_and(u8::is_ascii_alphanumeric)
}

/// `2026-01-05`, with or without a time behind it.
fn is_date(text: &str) -> bool {
    let form = text.bytes().take(10);
    let form: Vec<u8> = form
        .map(|byte| if byte.is_ascii_digit() { b'0' } else { byte })
        .collect();
    form == b"0000-00-00"
}

/// `20260105090000`.
fn is_hl7_time(word: &str) -> bool {
    word.len() == 14 && word.starts_with("20") && word.bytes().all(|it| it.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_give_way_to_what_they_stand_for_and_times_to_nothing() {
        let mut aliases = Aliases(BTreeMap::new());
        aliases.name(&"9990000018", "patient 1".to_owned());
        aliases.name(&"Z99902-9990000018-1", "package 1".to_owned());
        aliases.name(
            &"1b77e88b-267f-4210-ac51-0eac2bbd5334",
            "scan.tif".to_owned(),
        );
        for (text, told) in [
            (
                "GET /Binary/1B77E88B-267F-4210-AC51-0EAC2BBD5334",
                "GET /Binary/scan.tif",
            ),
            (
                "/Binary/2B77E88B-267F-4210-AC51-0EAC2BBD5334/$archive",
                "/Binary/(id)/$archive",
            ),
            (
                "/packages/Z99902-9990000018-1/record",
                "/packages/package 1/record",
            ),
            (
                "nhs-number%7C9990000018 and 9990000026",
                "nhs-number%7Cpatient 1 and 9990000026",
            ),
            ("/Patient/9990000018", "/Patient/patient 1"),
            (
                "at 2026-01-05T09:00:00.080000Z, é 20260105090000.",
                "at (time), é (time).",
            ),
            (
                "Z99902-899902 RCMR_IN010000UK05",
                "Z99902-899902 RCMR_IN010000UK05",
            ),
        ] {
            assert_eq!(aliases.text(text), told);
        }
    }
}
