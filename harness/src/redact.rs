//! Taking out of a report what must not leave the house: bodies, and everything that identifies.
//!
//! Who is called how is learned from the traces; what looks like an identifier is one. Each gets a name of its own that
//! stays the same through the whole report, so that its reader still sees which message answers which.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, MatchKind};
use gp2gp_model::NhsNumber;
use gp2gp_model::directory::Directory;
use gp2gp_model::report::conversation::{Call, Happening, Message, Part, ScenarioMaterial};
use gp2gp_model::report::{RunReport, ScenarioReport};
use gp2gp_model::trace::Header;
use regex::Regex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::story::stable;

/// Added to the notice of a report.
const REDACTED: &str = "redacted: identifiers, bodies and logs are left out";

/// Headers that identify nobody.
const HARMLESS: [&str; 6] = [
    "content-type",
    "content-length",
    "content-encoding",
    "content-transfer-encoding",
    "soapaction",
    "retry-after",
];

/// Gives everything that identifies another name.
#[derive(Debug)]
pub struct Redactor {
    known: BTreeMap<String, String>,
    words: Option<AhoCorasick>,
    guids: Names,
    numbers: Names,
    shapes: Shapes,
}

/// Names in the order in which they are first needed.
#[derive(Debug, Default)]
struct Names(BTreeMap<String, usize>);

/// What identifiers look like.
#[derive(Debug)]
struct Shapes {
    guid: Regex,
    ten_digits: Regex,
    address: Regex,
    numbered: Regex,
    path: Regex,
    call: Regex,
}

/// Why a report cannot be redacted.
#[derive(Debug, thiserror::Error)]
pub enum RedactError {
    /// A pattern of ours is wrong.
    #[error("a pattern of the redactor: {0}")]
    Pattern(String),
    /// What is left is no report.
    #[error("a redacted report cannot be read: {0}")]
    Shape(#[from] serde_json::Error),
}

impl Redactor {
    /// Knows nobody yet.
    pub fn new() -> Result<Self, RedactError> {
        let regex =
            |text: &str| Regex::new(text).map_err(|error| RedactError::Pattern(error.to_string()));
        Ok(Self {
            known: BTreeMap::new(),
            words: None,
            guids: Names::default(),
            numbers: Names::default(),
            shapes: Shapes {
                guid: regex(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")?,
                ten_digits: regex(r"\b[0-9]{10}\b")?,
                address: regex(r#"(?i)\b(?:https?|amqps?)://[^\s"'<>]+"#)?,
                // Five groups and more are an OID.
                numbered: regex(r"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:\.[0-9]+)*(?::[0-9]+)?\b")?,
                call: regex(r#"\b(GET|POST|PUT|PATCH|DELETE|HEAD) /[^\s"'`<>]*"#)?,
                path: regex(r#"(?:[^\s"'=]*[/\\])?[^\s"'=/\\]+\.(?:toml|pem|key)\b"#)?,
            },
        })
    }

    /// Learns who takes part in a run, and how the documents in it are called.
    pub fn learn(&mut self, header: &Header, report: &ScenarioReport) {
        let Directory {
            practices,
            unlisted,
            ..
        } = &header.directory;
        for practice in practices.iter().chain(unlisted) {
            self.know(practice.ods.as_str(), "practice");
            self.know(practice.asid.as_str(), "asid");
            self.know(practice.party_key.as_str(), "party");
        }
        for contract in &header.directory.contracts {
            self.know(contract.cpa_id.as_str(), "contract");
        }
        for organisation in &header.registry.organisations {
            self.know(organisation.ods.as_str(), "practice");
            self.know(&organisation.name, "practice");
        }
        for link in &header.registry.links {
            self.know(link.gp.as_str(), "gp");
        }
        let stored = report.custody.iter().map(|life| &life.file_name);
        let arrived = report.documents.iter().map(|document| &document.file_name);
        for name in stored.chain(arrived) {
            self.know(name, "document");
            self.know_also(&stable(name), name);
        }
    }

    /// The short form in which stories tell of a document.
    fn know_also(&mut self, short: &str, name: &str) {
        let is_part = short.len() >= 4 && short != name && name.ends_with(short);
        if let Some(other) = self.known.get(name).filter(|_| is_part).cloned() {
            self.known.entry(short.to_owned()).or_insert(other);
            self.words = None;
        }
    }

    fn know(&mut self, text: &str, kind: &str) {
        // What is shorter than a code is a word of the language.
        if text.len() < 4 || self.known.contains_key(text) {
            return;
        }
        let number = 1 + self
            .known
            .values()
            .filter(|it| it.starts_with(kind))
            .count();
        let ending = match (kind, text.rsplit_once('.')) {
            ("document", Some((_, ending))) if ending.len() < 6 => format!(".{ending}"),
            _ => String::new(),
        };
        self.known
            .insert(text.to_owned(), format!("{kind}-{number}{ending}"));
        self.words = None;
    }

    /// A report without what identifies.
    pub fn report(&mut self, report: &RunReport) -> Result<RunReport, RedactError> {
        let mut report = report.clone();
        report.notice = format!("{}; {REDACTED}", report.notice);
        for scenario in &mut report.scenarios {
            if let Some(mishap) = &mut scenario.mishap {
                mishap.log.clear();
            }
        }
        self.everywhere(&report)
    }

    /// What is shown of a scenario, without bodies and without what identifies.
    pub fn material(
        &mut self,
        material: ScenarioMaterial,
    ) -> Result<ScenarioMaterial, RedactError> {
        let mut material = material;
        for conversation in &mut material.conversations {
            for step in &mut conversation.steps {
                match &mut step.what {
                    Happening::Message(message) => bare(message),
                    Happening::Calls { calls, .. } => calls.iter_mut().for_each(bare_call),
                    Happening::At { .. } => {}
                }
            }
        }
        self.everywhere(&material)
    }

    /// Goes through every text of a value.
    fn everywhere<T: Serialize + DeserializeOwned>(&mut self, value: &T) -> Result<T, RedactError> {
        if self.words.is_none() {
            let words = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .ascii_case_insensitive(true)
                .build(self.known.keys());
            self.words = Some(words.map_err(|error| RedactError::Pattern(error.to_string()))?);
        }
        let mut value = serde_json::to_value(value)?;
        self.walk(&mut value);
        Ok(serde_json::from_value(value)?)
    }

    fn walk(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => {
                let redacted = self.text(text);
                *text = redacted;
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.walk(value)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.walk(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&mut self, text: &str) -> String {
        let text = self.shapes.call.replace_all(text, "$1 (path)");
        let text = self.shapes.address.replace_all(&text, "(address)");
        let numbered = |found: &regex::Captures<'_>| {
            let found = found.get(0).map_or("", |it| it.as_str());
            match found.matches('.').count() {
                3 => "(address)".to_owned(),
                _ => found.to_owned(),
            }
        };
        let text = self
            .shapes
            .numbered
            .replace_all(&text, numbered)
            .into_owned();
        let file_name = |found: &regex::Captures<'_>| {
            let path = found.get(0).map_or("", |it| it.as_str());
            path.rsplit(['/', '\\'])
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        let is_ours = text.starts_with("scenarios/");
        let text = match is_ours {
            true => text,
            false => self.shapes.path.replace_all(&text, file_name).into_owned(),
        };
        let guids = &mut self.guids;
        let text = self
            .shapes
            .guid
            .replace_all(&text, |found: &regex::Captures<'_>| {
                let number = guids.number(found.get(0).map_or("", |it| it.as_str()));
                format!("00000000-0000-4000-8000-{number:012}")
            });
        let numbers = &mut self.numbers;
        let text = self
            .shapes
            .ten_digits
            .replace_all(&text, |found: &regex::Captures<'_>| {
                synthetic(numbers.number(found.get(0).map_or("", |it| it.as_str())))
            });
        self.known_words(&text)
    }

    /// Known words that are not part of others.
    fn known_words(&self, text: &str) -> String {
        let Some(words) = &self.words else {
            return text.to_owned();
        };
        let names: Vec<&String> = self.known.values().collect();
        let is_part = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let mut redacted = String::new();
        let mut from = 0;
        for found in words.find_iter(text) {
            let bytes = text.as_bytes();
            let before = found.start().checked_sub(1).and_then(|at| bytes.get(at));
            if is_part(before) || is_part(bytes.get(found.end())) {
                continue;
            }
            redacted += text.get(from..found.start()).unwrap_or_default();
            redacted += names
                .get(found.pattern().as_usize())
                .map_or("", |it| it.as_str());
            from = found.end();
        }
        redacted + text.get(from..).unwrap_or_default()
    }
}

/// A message without what it carries.
fn bare(message: &mut Message) {
    message.headers.retain(is_harmless);
    message.parts.iter_mut().for_each(bare_part);
}

/// A call without where it leads and what it carries. Its path goes with all other texts.
fn bare_call(call: &mut Call) {
    bare_part(&mut call.request);
    call.answer.iter_mut().for_each(bare_part);
}

fn bare_part(part: &mut Part) {
    part.headers.retain(is_harmless);
    part.excerpt.clear();
    part.left_out_bytes = part.body.bytes;
}

fn is_harmless((name, _): &(String, String)) -> bool {
    HARMLESS
        .iter()
        .any(|harmless| name.eq_ignore_ascii_case(harmless))
}

impl Names {
    fn number(&mut self, text: &str) -> usize {
        let next = self.0.len() + 1;
        *self.0.entry(text.to_ascii_uppercase()).or_insert(next)
    }
}

/// An NHS number for the n-th patient, at the end of the synthetic range, which no generator of ours begins with.
fn synthetic(number: usize) -> String {
    let mut valid = (900_000..1_000_000).filter_map(NhsNumber::synthetic);
    let nth = valid.clone().nth(number - 1).or_else(|| valid.next_back());
    nth.map_or_else(String::new, |nhs| nhs.to_string())
}

#[cfg(test)]
mod tests {
    use gp2gp_model::Sha256;
    use gp2gp_model::report::conversation::Ending;
    use gp2gp_model::trace::BodyRef;

    use super::*;

    fn redactor() -> Redactor {
        let mut redactor = Redactor::new().unwrap();
        redactor.know("A81234", "practice");
        redactor.know("A81234-1234567", "party");
        redactor.know("discharge letter.tif", "document");
        redactor.everywhere(&String::new()).unwrap();
        redactor
    }

    fn told(text: &str) -> String {
        redactor().text(text)
    }

    #[test]
    fn what_identifies_gets_the_same_other_name_each_time() {
        let mut redactor = redactor();
        let (one, two) = (
            "508B4943-775E-4F77-8868-A997944B2D33",
            "631C3476-4C42-4A51-9914-33C4CCA11A4A",
        );
        let text = format!("{one} answers {two}, not {}", one.to_lowercase());
        let redacted = redactor.text(&text);
        assert_eq!(
            redacted,
            "00000000-0000-4000-8000-000000000001 answers 00000000-0000-4000-8000-000000000002, not 00000000-0000-4000-8000-000000000001"
        );
        assert_eq!(redactor.text(two), "00000000-0000-4000-8000-000000000002");
        let patient = redactor.text("patient 9434765919, again 9434765919");
        let first = synthetic(1);
        assert_eq!(patient, format!("patient {first}, again {first}"));
    }

    #[test]
    fn practices_and_documents_are_known_by_name_and_not_inside_other_words() {
        assert_eq!(
            told("from a81234 (A81234-1234567)"),
            "from practice-1 (party-1)"
        );
        assert_eq!(told("XA81234 and A812345"), "XA81234 and A812345");
        assert_eq!(
            told("\"discharge letter.tif\" was lost"),
            "\"document-1.tif\" was lost"
        );
    }

    #[test]
    fn a_call_says_its_method_and_neither_where_it_leads_nor_what_it_carries() {
        assert_eq!(
            told("503 for `GET /STU3/Binary/letter-7?range=1` and DELETE /x"),
            "503 for `GET (path)` and DELETE (path)"
        );
        let part = |name: &str| Part {
            name: name.to_owned(),
            headers: vec![
                ("content-type".to_owned(), "application/json".to_owned()),
                ("authorization".to_owned(), "Bearer secret".to_owned()),
            ],
            body: BodyRef {
                sha256: Sha256::of(b"a secret"),
                bytes: 8,
            },
            excerpt: "a secret".to_owned(),
            left_out_bytes: 0,
        };
        let mut call = Call {
            event: 1,
            what: "PUT /Patient/secret".to_owned(),
            ending: Ending {
                is_good: true,
                text: "HTTP 200".to_owned(),
            },
            request: part("request"),
            answer: Some(part("answer, HTTP 200")),
        };
        bare_call(&mut call);
        let call: Call = redactor().everywhere(&call).unwrap();
        let left = serde_json::to_string(&call).unwrap();
        assert!(!left.contains("secret"), "{left}");
        assert!(
            left.contains("PUT (path)") && left.contains("application/json"),
            "{left}"
        );
        assert_eq!(call.request.left_out_bytes, 8);
    }

    #[test]
    fn addresses_and_paths_say_no_more_where_they_lead() {
        assert_eq!(
            told("posted to https://spine.surgery.example:8443/reliable?x=1 twice"),
            "posted to (address) twice"
        );
        assert_eq!(
            told("no answer of 10.0.3.17:61613, extension 1.2.826.0.1285.0.1.10"),
            "no answer of (address), extension 1.2.826.0.1285.0.1.10"
        );
        assert_eq!(
            told("gp2gp run transfer/skeleton --sut sending=/srv/anna/sut.toml --seed 7"),
            "gp2gp run transfer/skeleton --sut sending=sut.toml --seed 7"
        );
        assert_eq!(
            told("scenarios/transfer/skeleton.toml"),
            "scenarios/transfer/skeleton.toml"
        );
    }
}
