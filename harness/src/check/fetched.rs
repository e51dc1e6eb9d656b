//! What the sending system could get of its documents from the store, by what the store answered.

use std::collections::BTreeMap;
use std::ops::Range;

use gp2gp_model::http::{Headers, Method};
use gp2gp_model::trace::{BodyRef, Endpoint, Observation};
use gp2gp_model::{NhsNumber, Sha256};
use serde_json::Value;

use super::store_calls::StoreCall;
use super::view::{Held, View};

/// The answer of a store, as far as a judge asks.
pub struct StoreAnswer {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// The other headers.
    pub headers: Headers,
    /// Its body, by digest.
    pub body: BodyRef,
    /// The documents that it lists, if it is a list.
    pub lists: Vec<Listed>,
}

/// A document as a list of the store has it.
pub struct Listed {
    /// Its number in the store.
    pub document: String,
    /// Its media type.
    pub content_type: Option<String>,
    /// Its size in bytes.
    pub bytes: Option<u64>,
}

impl Listed {
    /// The documents in the body of a list; none in any other body.
    pub fn read(body: &[u8]) -> Vec<Self> {
        let bundle: Value = serde_json::from_slice(body).unwrap_or_default();
        let entries = bundle["entry"].as_array().map(Vec::as_slice);
        (entries.unwrap_or_default().iter())
            .filter_map(|entry| Self::of(&entry["resource"]))
            .collect()
    }

    fn of(reference: &Value) -> Option<Self> {
        let attachment = &reference["content"][0]["attachment"];
        Some(Self {
            document: reference["id"].as_str()?.to_owned(),
            content_type: attachment["contentType"].as_str().map(str::to_owned),
            bytes: attachment["size"].as_u64(),
        })
    }
}

/// What the store made of a document that the sending system asked it for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Service {
    /// All of it was given; `None` if it was never asked for.
    pub given: Option<bool>,
    /// Once a piece of it was not given, or a list said something of it that is not so, whatever
    /// became of it.
    pub troubled: bool,
    /// A list said something of it that is not so: then nobody can know what it is.
    pub misstated: bool,
}

/// The same for every document that the source held, in that order.
pub fn services(view: &View) -> Vec<Service> {
    let asked = Asked::of(view);
    (view.held.iter()).map(|held| asked.service(held)).collect()
}

/// What the sending system asked the store, by document.
struct Asked<'v> {
    numbers: BTreeMap<(NhsNumber, &'v str, Sha256), &'v str>,
    reads: BTreeMap<&'v str, Vec<&'v StoreCall>>,
    lists: BTreeMap<&'v str, Vec<&'v Listed>>,
}

impl<'v> Asked<'v> {
    fn of(view: &'v View) -> Self {
        let numbers = view
            .observed
            .iter()
            .filter_map(|(_, observation)| match observation {
                Observation::InStore {
                    patient,
                    document,
                    file_name,
                    sha256,
                    ..
                } => Some(((*patient, file_name.as_str(), *sha256), document.as_str())),
                Observation::Stored { .. } | Observation::Transfer { .. } => None,
            });
        let mut asked = Self {
            numbers: numbers.collect(),
            reads: BTreeMap::new(),
            lists: BTreeMap::new(),
        };
        for call in view.store_calls.iter().filter(|call| {
            call.from == Endpoint::Sending
                && call.method == Method::Get
                && call.operation().is_none()
        }) {
            if let Some(document) = call.document() {
                asked.reads.entry(document).or_default().push(call);
            }
            for listed in call.answer.iter().flat_map(|answer| &answer.lists) {
                let document = listed.document.as_str();
                asked.lists.entry(document).or_default().push(listed);
            }
        }
        asked
    }

    fn service(&self, held: &Held) -> Service {
        let key = (held.patient, held.file_name.as_str(), held.sha256);
        let Some(number) = self.numbers.get(&key) else {
            return Service::default();
        };
        let reads = self.reads.get(number).map_or(&[][..], Vec::as_slice);
        let given: Vec<Option<Range<u64>>> = reads.iter().map(|call| given(call, held)).collect();
        let mut entries = self.lists.get(number).into_iter().flatten();
        let misstated = entries.any(|listed| is_misstated(listed, held));
        Service {
            troubled: misstated || given.contains(&None),
            given: (!given.is_empty()).then(|| is_whole(given.into_iter().flatten(), held.bytes)),
            misstated,
        }
    }
}

fn is_whole(given: impl Iterator<Item = Range<u64>>, bytes: u64) -> bool {
    let mut given: Vec<_> = given.collect();
    given.sort_by_key(|range| range.start);
    let so_far = given.into_iter().fold(0, |so_far, range| {
        if range.start <= so_far {
            range.end.max(so_far)
        } else {
            so_far
        }
    });
    bytes > 0 && so_far >= bytes
}

fn is_misstated(listed: &Listed, held: &Held) -> bool {
    listed.bytes.is_some_and(|bytes| bytes != held.bytes)
        || (listed.content_type.as_deref()).is_some_and(|listed| !is_type(listed, held))
}

/// Requests for the patient or the list of the documents between two events, and whether the store
/// answered one with a list; `None` without any.
pub fn was_listed(view: &View, between: &Range<u64>) -> Option<bool> {
    let mut asked = (view.store_calls.iter()).filter(|call| {
        call.from == Endpoint::Sending && call.is_search() && between.contains(&call.seq)
    });
    let first = asked.next()?;
    let is_list = |call: &StoreCall| call.was_done() && call.path.contains("/DocumentReference");
    Some(is_list(first) || asked.any(is_list))
}

/// The bytes of the document that an answer has, if it has those of this one.
fn given(call: &StoreCall, held: &Held) -> Option<Range<u64>> {
    let answer = call.answer.as_ref().filter(|_| call.was_done())?;
    let content_type = answer.content_type.as_deref()?;
    if content_type.contains("fhir+json") {
        // A `Binary` around base64, which is longer than the document.
        let base64 = held.bytes.div_ceil(3) * 4;
        return (answer.body.bytes >= base64).then_some(0..held.bytes);
    }
    if !is_type(content_type, held) {
        return None;
    }
    let Some(range) = answer.headers.get("Content-Range") else {
        return (answer.body.bytes == held.bytes).then_some(0..held.bytes);
    };
    let (range, total) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let is_of_it = total.parse() == Ok(held.bytes);
    let is_full = last.checked_sub(first)? + 1 == answer.body.bytes;
    (is_of_it && is_full).then_some(first..first + answer.body.bytes)
}

fn is_type(text: &str, held: &Held) -> bool {
    let essence = |text: &str| text.split(';').next().unwrap_or_default().trim().to_owned();
    essence(text).eq_ignore_ascii_case(&essence(&held.media_type))
}
