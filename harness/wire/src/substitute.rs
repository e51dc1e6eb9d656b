//! A message that was recorded, sent again in another conversation: every byte as it was, except the ids
//! that another system chose, and its times where they would be stale.
//!
//! What is changed are fields of the message, found by reading envelope and payload: the same text in a
//! description, in the record or in an attachment stays as it is.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use gp2gp_model::Time;
use roxmltree::{Document, Node};

use crate::ebxml::Href;
use crate::hl7::{self, xml};
use crate::message::{envelope_message, take_payload};
use crate::mime::{self, Multipart};

/// Elements of an envelope that hold an id which another system chose.
const IDS_OF_ENVELOPES: [&str; 2] = ["ConversationId", "RefToMessageId"];
/// Elements of an envelope that hold a time.
const TIMES_OF_ENVELOPES: [&str; 2] = ["Timestamp", "TimeToLive"];
/// Elements of a payload whose `id/@root` names something of another system: what is acknowledged, the
/// core that a Continue is about, the request that an extract fulfils.
const REFERENCES_OF_PAYLOADS: [&str; 3] = ["messageRef", "acknowledgedMessage", "priorEhrRequest"];

/// What takes the place of what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Substitutions {
    /// By the recorded id in small letters.
    ids: BTreeMap<String, Instead>,
    /// Times move as from one moment to another.
    moved: Option<(Time, Time)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Instead {
    /// As its owner wrote it.
    recorded: String,
    live: String,
}

/// A piece of a text, and what takes its place.
type Edit = (Range<usize>, String);

impl Substitutions {
    /// From now on one id stands where the other was recorded.
    pub fn put(&mut self, recorded: &str, live: &str) {
        let key = recorded.to_ascii_lowercase();
        if recorded == live {
            self.ids.remove(&key);
        } else {
            let (recorded, live) = (recorded.to_owned(), live.to_owned());
            self.ids.insert(key, Instead { recorded, live });
        }
    }

    /// The same, with the times of the envelope moved as from one moment to another.
    #[must_use]
    pub fn moved(self, from: Time, to: Time) -> Self {
        Self {
            moved: (from != to).then_some((from, to)),
            ..self
        }
    }

    /// Whether nothing would be changed in any message.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.moved.is_none()
    }

    /// A recorded message as it is sent again. What cannot be read stays as it is.
    pub fn in_message(&self, content_type: &str, body: &Bytes) -> Bytes {
        if self.is_empty() {
            return body.clone();
        }
        let Ok(multipart) = mime::split(content_type, body) else {
            return body.clone();
        };
        let root = multipart.root();
        let payload = payload_of(&multipart);
        let mut edits = Vec::new();
        for (at, part) in multipart.parts.iter().enumerate() {
            let found = match at == root {
                true => self.in_envelope_text(&part.body),
                false if Some(at) == payload => self.in_payload_text(&part.body),
                false => Vec::new(),
            };
            if let Some(start) = offset(body, &part.body) {
                let moved = found.into_iter();
                edits.extend(moved.map(|(range, text)| (shifted(range, start), text)));
            }
        }
        spliced(body, edits)
    }

    /// The same of an envelope alone, as message handlers answer.
    pub fn in_envelope(&self, xml: &Bytes) -> Bytes {
        match self.is_empty() {
            true => xml.clone(),
            false => spliced(xml, self.in_envelope_text(xml)),
        }
    }

    fn in_envelope_text(&self, xml: &[u8]) -> Vec<Edit> {
        let Some((start, tree)) = tree(xml) else {
            return Vec::new();
        };
        let mut edits = Vec::new();
        for node in tree.descendants().filter(Node::is_element) {
            let name = node.tag_name().name();
            let Some(text) = node.children().find(Node::is_text) else {
                continue;
            };
            let written = xml::text(&node);
            let instead = match name {
                name if IDS_OF_ENVELOPES.contains(&name) => self.id(&written),
                name if TIMES_OF_ENVELOPES.contains(&name) => self.time(&written),
                _ => None,
            };
            if let Some(instead) = instead
                && let Some(range) = within(xml, shifted(text.range(), start), &written)
            {
                edits.push((range, instead));
            }
        }
        edits
    }

    /// References stand outside the record, which is not looked at.
    fn in_payload_text(&self, payload: &Bytes) -> Vec<Edit> {
        if self.ids.is_empty() {
            return Vec::new();
        }
        let record = hl7::record_of(payload).unwrap_or(0..0);
        let Some((start, text)) = screened(payload) else {
            return Vec::new();
        };
        let around = [
            text.get(..record.start).unwrap_or_default(),
            text.get(record.end..).unwrap_or_default(),
        ]
        .concat();
        let Ok(tree) = xml::tree(around.as_bytes()) else {
            return Vec::new();
        };
        let mut edits = Vec::new();
        for node in tree.descendants().filter(is_reference) {
            let roots = node.attributes().filter(|it| it.name() == "root");
            for root in roots {
                let Some(instead) = self.id(root.value().trim()) else {
                    continue;
                };
                let mut range = root.range_value();
                if range.start >= record.start {
                    range = shifted(range, record.len());
                }
                let range = within(payload, shifted(range, start), root.value().trim());
                edits.extend(range.map(|range| (range, instead)));
            }
        }
        edits
    }

    /// What stands for an id, in small letters where the recorded one was written so though its owner
    /// did not.
    fn id(&self, written: &str) -> Option<String> {
        let key = written.to_ascii_lowercase();
        let Instead { recorded, live } = self.ids.get(&key)?;
        Some(match written == key && *recorded != key {
            true => live.to_ascii_lowercase(),
            false => live.clone(),
        })
    }

    fn time(&self, written: &str) -> Option<String> {
        let (from, to) = self.moved?;
        let time: Time = written.parse().ok()?;
        Some(moved(time, from, to).to_ebxml())
    }
}

/// A time, moved as from one moment to another.
pub fn moved(time: Time, from: Time, to: Time) -> Time {
    match to > from {
        true => time + to.since(from),
        false => time.before(from.since(to)),
    }
}

/// The part that the manifest names as payload.
fn payload_of(multipart: &Multipart) -> Option<usize> {
    let envelope = multipart.parts.get(multipart.root())?;
    let (_, mut manifest) = envelope_message(&envelope.body).ok()?;
    match take_payload(&mut manifest).ok()?.href {
        Href::Cid(id) => {
            let mut parts = multipart.parts.iter();
            parts.position(|part| part.content_id().as_ref() == Some(&id))
        }
        Href::Mid(_) | Href::Other(_) => None,
    }
}

/// `id` of an element that names something of another system.
fn is_reference(node: &Node<'_, '_>) -> bool {
    let parent = node.parent_element();
    node.is_element()
        && node.tag_name().name() == "id"
        && parent.is_some_and(|it| REFERENCES_OF_PAYLOADS.contains(&it.tag_name().name()))
}

fn tree(xml: &[u8]) -> Option<(usize, Document<'_>)> {
    let (start, _) = screened(xml)?;
    Some((start, xml::tree(xml).ok()?))
}

/// The text that positions refer to, and where it begins.
fn screened(xml: &[u8]) -> Option<(usize, &str)> {
    let text = xml::screen(xml).ok()?;
    Some((xml.len() - text.len(), text))
}

/// Where a text stands in a piece of another; nowhere if it is written in another way there.
fn within(xml: &[u8], range: Range<usize>, text: &str) -> Option<Range<usize>> {
    let piece = xml.get(range.clone())?;
    let at = memchr::memmem::find(piece, text.as_bytes())?;
    let start = range.start + at;
    Some(start..start + text.len())
}

/// Where a slice of a body begins in it.
fn offset(body: &Bytes, slice: &Bytes) -> Option<usize> {
    let at = slice.as_ptr().addr().checked_sub(body.as_ptr().addr())?;
    (at + slice.len() <= body.len()).then_some(at)
}

const fn shifted(range: Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}

fn spliced(body: &Bytes, mut edits: Vec<Edit>) -> Bytes {
    if edits.is_empty() {
        return body.clone();
    }
    edits.sort_by_key(|(range, _)| range.start);
    let mut text = Vec::with_capacity(body.len());
    let mut done = 0;
    for (range, instead) in edits {
        text.extend_from_slice(body.get(done..range.start).unwrap_or_default());
        text.extend_from_slice(instead.as_bytes());
        done = range.end;
    }
    text.extend_from_slice(body.get(done..).unwrap_or_default());
    text.into()
}
