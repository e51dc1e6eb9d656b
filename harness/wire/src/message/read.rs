//! Joins what the manifest names with the parts that carry it.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use bytes::Bytes;
use gp2gp_model::ContentId;
use memchr::{memchr2, memmem};
use percent_encoding::percent_decode;

use super::{Attachment, Inline, Location, OpenError, Received};
use crate::ebxml::{self, Envelope, Header, Href, Reference};
use crate::limits::MANIFEST_REFERENCES;
use crate::mime::{self, Multipart, Part};

/// Reads a message from an HTTP body.
pub fn open(content_type: &str, body: &Bytes) -> Result<Received, OpenError> {
    from_parts(mime::split(content_type, body)?)
}

/// Reads a message from split parts: the envelope is the part that `start` names, else the first.
pub fn from_parts(multipart: Multipart) -> Result<Received, OpenError> {
    let root = multipart.root();
    let parts = multipart.parts;
    let envelope = parts
        .get(root)
        .map(|part| &part.body[..])
        .unwrap_or_default();
    let (header, mut manifest) = envelope_message(envelope)?;
    let payload = take_payload(&mut manifest)?;
    let (payload_at, payload_xml) = find_payload(&payload, &parts)?;
    let is_attachment = |at: &usize| *at != root && *at != payload_at;
    let join = ManifestJoin::new(manifest, &payload, &parts, is_attachment);
    Ok(Received {
        encoded_cids: encoded_cids(envelope),
        header,
        payload_xml,
        attachments: join.attachments,
        stray_parts: join.stray_parts,
        doubled_parts: join.doubled_parts,
        parts_in_order: root == 0 && payload_at == 1,
        part_count: parts.len(),
    })
}

/// Header and manifest of an envelope that holds a message.
pub(crate) fn envelope_message(xml: &[u8]) -> Result<(Header, Vec<Reference>), OpenError> {
    match ebxml::parse(xml)? {
        Envelope::Message(header, manifest) => Ok((header, manifest)),
        Envelope::Acknowledgment(_) => Err(OpenError::NotAMessage("an ebXML acknowledgment")),
        Envelope::ErrorList(_) => Err(OpenError::NotAMessage("an ebXML error list")),
        Envelope::Fault(_) => Err(OpenError::NotAMessage("a SOAP fault")),
    }
}

/// Content ids that an envelope writes percent-encoded. A parsed manifest has them decoded.
pub(crate) fn encoded_cids(envelope: &[u8]) -> Vec<ContentId> {
    const SCHEME: &[u8] = b"cid:";
    memmem::find_iter(envelope, SCHEME)
        .filter_map(|at| {
            let rest = envelope.get(at + SCHEME.len()..)?;
            let written = rest.get(..memchr2(b'"', b'\'', rest)?)?;
            let decoded = percent_decode(written).decode_utf8().ok()?;
            let is_encoded = decoded.as_bytes() != written;
            is_encoded
                .then(|| ContentId::parse(&decoded).ok())
                .flatten()
        })
        .collect()
}

/// Takes the payload's reference out of a manifest: the one marked as payload, else the first.
pub(crate) fn take_payload(manifest: &mut Vec<Reference>) -> Result<Reference, OpenError> {
    if manifest.is_empty() {
        return Err(OpenError::EmptyManifest);
    }
    if manifest.len() > MANIFEST_REFERENCES {
        return Err(OpenError::TooManyReferences {
            found: manifest.len(),
            limit: MANIFEST_REFERENCES,
        });
    }
    let marked = manifest.iter().position(|reference| reference.is_payload);
    Ok(manifest.remove(marked.unwrap_or(0)))
}

fn find_payload(reference: &Reference, parts: &[Part]) -> Result<(usize, Bytes), OpenError> {
    let missing = |href: String| OpenError::NoPayload(href);
    match &reference.href {
        Href::Cid(id) => parts
            .iter()
            .enumerate()
            .find(|(_, part)| part.is_called(id))
            .map(|(at, part)| (at, part.body.clone()))
            .ok_or_else(|| missing(format!("cid:{id}"))),
        Href::Mid(id) => Err(missing(format!("mid:{id}"))),
        Href::Other(href) => Err(missing(href.clone())),
    }
}

/// A manifest joined with parts: what each reference points at, and what none points at.
pub(crate) struct ManifestJoin {
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) stray_parts: Vec<String>,
    pub(crate) doubled_parts: Vec<ContentId>,
}

impl ManifestJoin {
    /// `manifest` is without the payload's reference; `is_attachment` tells from its index which
    /// part is neither envelope nor payload. Of parts with the same id, the first is taken.
    pub(crate) fn new(
        manifest: Vec<Reference>,
        payload: &Reference,
        parts: &[Part],
        is_attachment: impl Fn(&usize) -> bool,
    ) -> Self {
        let names_no_other = manifest.is_empty() && parts.len() == 2 && !is_attachment(&0);
        if names_no_other && !is_attachment(&1) && !are_alike(parts) {
            return Self::empty();
        }
        let carried = CarriedParts::of(parts);
        let named: BTreeSet<&ContentId> =
            manifest.iter().chain([payload]).filter_map(cid).collect();
        let stray_parts = parts
            .iter()
            .enumerate()
            .filter(|(at, _)| is_attachment(at))
            .filter_map(|(at, part)| match part.content_id() {
                Some(id) if named.contains(&id) => None,
                Some(id) => Some(id.to_string()),
                None => Some(format!("#{}", at + 1)),
            })
            .collect();
        let attachments = manifest
            .into_iter()
            .map(|reference| attachment(reference, &carried.first))
            .collect();
        Self {
            attachments,
            stray_parts,
            doubled_parts: carried.doubled,
        }
    }

    /// Of an envelope and a payload alone, as most messages are.
    const fn empty() -> Self {
        Self {
            attachments: Vec::new(),
            stray_parts: Vec::new(),
            doubled_parts: Vec::new(),
        }
    }
}

/// Whether two parts carry the same content id.
fn are_alike(parts: &[Part]) -> bool {
    match parts {
        [one, other] => one.content_id().is_some_and(|id| other.is_called(&id)),
        [] | [_] | [_, _, ..] => false,
    }
}

struct CarriedParts<'a> {
    first: BTreeMap<ContentId, &'a Part>,
    doubled: Vec<ContentId>,
}

impl<'a> CarriedParts<'a> {
    fn of(parts: &'a [Part]) -> Self {
        let mut first = BTreeMap::new();
        let mut doubled = BTreeSet::new();
        for part in parts {
            let Some(id) = part.content_id() else {
                continue;
            };
            match first.entry(id) {
                Entry::Vacant(free) => {
                    free.insert(part);
                }
                Entry::Occupied(taken) => {
                    doubled.insert(taken.key().clone());
                }
            }
        }
        Self {
            first,
            doubled: doubled.into_iter().collect(),
        }
    }
}

const fn cid(reference: &Reference) -> Option<&ContentId> {
    match &reference.href {
        Href::Cid(id) => Some(id),
        Href::Mid(_) | Href::Other(_) => None,
    }
}

fn attachment(reference: Reference, parts: &BTreeMap<ContentId, &Part>) -> Attachment {
    let location = match reference.href {
        Href::Mid(id) => Location::External(id),
        Href::Cid(id) => match parts.get(&id) {
            Some(part) => Location::Inline(inline(id, part)),
            None => Location::Dangling(id),
        },
        Href::Other(href) => Location::Other(href),
    };
    Attachment {
        id: reference.id,
        description: reference.description,
        location,
    }
}

fn inline(content_id: ContentId, part: &Part) -> Inline {
    Inline {
        content_id,
        content_type: part.header("content-type").unwrap_or_default().to_owned(),
        encoding: part.transfer_encoding(),
        body: part.body.clone(),
    }
}
