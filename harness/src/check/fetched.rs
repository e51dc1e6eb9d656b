//! What the sending system could get of its documents from the store, by what the store answered.

use std::ops::Range;

use gp2gp_model::DocumentId;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::trace::{BodyRef, Endpoint, Observation};
use serde_json::Value;

use super::view::{Held, StoreCall, View};

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

/// Whether the sending system was given all of a document; `None` if it never asked for it.
pub fn was_given(view: &View, held: &Held) -> Option<bool> {
    let reads = reads(view, held);
    if reads.is_empty() {
        return None;
    }
    let mut given: Vec<Range<u64>> = (reads.into_iter())
        .filter_map(|call| given(call, held))
        .collect();
    given.sort_by_key(|range| range.start);
    let whole = (given.into_iter()).fold(0, |so_far, range| {
        if range.start <= so_far {
            range.end.max(so_far)
        } else {
            so_far
        }
    });
    Some(whole >= held.bytes && held.bytes > 0)
}

/// Whether the store once failed to give a piece of a document, or its list said something of it
/// that is not so, whatever became of it.
pub fn was_troubled(view: &View, held: &Held) -> bool {
    let mut reads = reads(view, held).into_iter();
    reads.any(|call| given(call, held).is_none()) || was_misstated(view, held)
}

/// Whether a list said something of a document that is not so: then nobody can know what it is.
pub fn was_misstated(view: &View, held: &Held) -> bool {
    let Some(number) = number(view, held) else {
        return false;
    };
    let lists = (view.store_calls.iter()).filter_map(|call| call.answer.as_ref());
    let mut entries = lists
        .flat_map(|answer| &answer.lists)
        .filter(|listed| listed.document == number.as_str());
    entries.any(|listed| {
        listed.bytes.is_some_and(|bytes| bytes != held.bytes)
            || (listed.content_type.as_deref()).is_some_and(|listed| !is_type(listed, held))
    })
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

fn reads<'v>(view: &'v View, held: &Held) -> Vec<&'v StoreCall> {
    let Some(number) = number(view, held) else {
        return Vec::new();
    };
    (view.store_calls.iter())
        .filter(|call| call.from == Endpoint::Sending && call.method == Method::Get)
        .filter(|call| call.operation().is_none() && call.document() == Some(number.as_str()))
        .collect()
}

fn number<'v>(view: &'v View, held: &Held) -> Option<&'v DocumentId> {
    view.observed
        .iter()
        .find_map(|(_, observation)| match observation {
            Observation::InStore {
                patient,
                document,
                file_name,
                sha256,
                ..
            } => {
                let is_it = *patient == held.patient
                    && *file_name == held.file_name
                    && *sha256 == held.sha256;
                is_it.then_some(document)
            }
            Observation::Stored { .. } | Observation::Transfer { .. } => None,
        })
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
