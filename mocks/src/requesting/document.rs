//! One document on its way through messages.
//!
//! A document is a row of pieces. The row begins as one piece, the reference in the core's
//! manifest; a COPC puts its own attachments in the place of its promise, be it a whole document,
//! a chunk or an index of chunks. Pieces are decoded from the front as soon as they are there and
//! then dropped: only a chunk whose predecessor is missing is held (LM29), outside memory.

use std::collections::VecDeque;

use bytes::Bytes;
use gp2gp_model::digest::Hasher;
use gp2gp_model::{DocumentId, EbxmlMessageId, Sha256};
use gp2gp_wire::attachment::{AttachmentError, DescriptionStyle, DocumentDecoder, Placeholder};
use gp2gp_wire::hl7::DocumentLink;
use gp2gp_wire::limits::RESTORED_EXTRACT_BYTES;
use gp2gp_wire::mime::TransferEncoding;

use super::assembly::AssemblyFault;
use super::broken::Flaws;
use super::part::{Part, Place, Text};
use crate::defect::RequestingDefect;
use crate::spool::{Spool, SpoolError};

/// One document of the manifest.
pub(super) struct Document {
    id: Option<DocumentId>,
    description: DescriptionStyle,
    part_type: Option<String>,
    /// An index was put in the place of the first promise.
    chunked: bool,
    pieces: VecDeque<Place>,
    content: Content,
    flaws: Flaws,
}

/// A document, or the record itself, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) file_name: String,
    pub(super) media_type: String,
    pub(super) sha256: Sha256,
    pub(super) bytes: u64,
    pub(super) placeholder: bool,
}

enum Content {
    /// No piece was decoded so far.
    Untouched,
    Decoding(Box<Decoding>),
    Whole {
        sha256: Sha256,
        bytes: u64,
        skeleton: Option<Bytes>,
    },
}

struct Decoding {
    decoder: DocumentDecoder,
    sink: Sink,
    /// The text is taken for the document.
    keeps_text: bool,
}

/// Counts and hashes; keeps only what must be read again.
struct Sink {
    hasher: Hasher,
    skeleton: Option<Vec<u8>>,
}

impl Document {
    /// A document of the core's manifest, before its first piece.
    pub(super) fn announced(part: &Part, flaws: &Flaws) -> Self {
        // AR11: the underscore before an eb:id is not part of the id.
        let id =
            part.id
                .as_deref()
                .map(|id| match flaws.has(RequestingDefect::UnderscoreMatters) {
                    true => id,
                    false => id.trim_start_matches('_'),
                });
        Self {
            id: id.and_then(|id| DocumentId::parse(id).ok()),
            description: part.description.clone(),
            part_type: part.part_type.clone(),
            chunked: false,
            pieces: VecDeque::new(),
            content: Content::Untouched,
            flaws: flaws.clone(),
        }
    }

    /// A whole document in one COPC may be described there better than in the core; a chunk's
    /// description is only about the chunk.
    pub(super) fn adopt_description(&mut self, parts: &[Part]) {
        let ([part], false) = (parts, self.chunked) else {
            return;
        };
        self.part_type.clone_from(&part.part_type);
        if !is_grammar(&self.description) && is_grammar(&part.description) {
            self.description = part.description.clone();
        }
    }

    /// Puts pieces in the place of a promise, or at the end.
    pub(super) fn put(&mut self, place: Option<&EbxmlMessageId>, pieces: Vec<Place>) {
        let at = place.and_then(|mid| self.pieces.iter().position(|piece| is_promise(piece, mid)));
        let Some(at) = at else {
            self.pieces.extend(pieces);
            return;
        };
        self.chunked |= !matches!(pieces.as_slice(), [Place::Here(_)]);
        let mut rest = self.pieces.split_off(at);
        rest.pop_front();
        self.pieces.extend(pieces);
        self.pieces.append(&mut rest);
    }

    pub(super) fn held(&self) -> usize {
        let is_here = |piece: &&Place| match piece {
            Place::Here(_) => true,
            Place::Promised(_) => false,
        };
        self.pieces.iter().filter(is_here).count()
    }

    /// Decodes from the front whatever is here, and closes the document after its last piece.
    pub(super) fn advance(&mut self) -> Result<(), AssemblyFault> {
        while let Some(Place::Here(text)) = self.pieces.front() {
            let decoding = match &mut self.content {
                Content::Decoding(decoding) => decoding,
                Content::Untouched => {
                    self.content =
                        Content::Decoding(Box::new(Decoding::of(&self.description, &self.flaws)));
                    continue;
                }
                Content::Whole { .. } => break,
            };
            decoding.push(text)?;
            self.pieces.pop_front();
        }
        if !self.pieces.is_empty() {
            return Ok(());
        }
        match std::mem::replace(&mut self.content, Content::Untouched) {
            Content::Decoding(decoding) => self.content = decoding.finish()?,
            other @ (Content::Untouched | Content::Whole { .. }) => self.content = other,
        }
        Ok(())
    }

    /// Sets aside what cannot be decoded yet.
    pub(super) fn set_aside(&mut self, spool: &Spool) -> Result<(), SpoolError> {
        self.pieces.iter_mut().try_for_each(|piece| match piece {
            Place::Here(text) => text.set_aside(spool),
            Place::Promised(_) => Ok(()),
        })
    }

    /// The original extract, once, when this document is a skeleton's attachment and whole.
    pub(super) fn take_skeleton_content(&mut self) -> Option<Bytes> {
        match &mut self.content {
            Content::Whole { skeleton, .. } => skeleton.take(),
            Content::Untouched | Content::Decoding(_) => None,
        }
    }

    pub(super) const fn id(&self) -> Option<&DocumentId> {
        self.id.as_ref()
    }

    /// Size of a document that is whole; a skeleton's attachment is none.
    pub(super) fn whole_bytes(&self) -> Option<u64> {
        match &self.content {
            Content::Whole { bytes, .. } => (!is_skeleton(&self.description)).then_some(*bytes),
            Content::Untouched | Content::Decoding(_) => None,
        }
    }

    pub(super) fn store(self, at: usize, links: &[DocumentLink]) -> Option<Stored> {
        let Content::Whole { sha256, bytes, .. } = self.content else {
            return None;
        };
        if is_skeleton(&self.description) {
            return None;
        }
        let (name, media_type) = match self.description {
            DescriptionStyle::Grammar(description) => {
                (Some(description.filename), Some(description.content_type))
            }
            DescriptionStyle::FilenameOnly(name) => (Some(name), None),
            DescriptionStyle::Word | DescriptionStyle::Empty => (None, None),
        };
        let link = find_link(links, self.id.as_ref(), name.as_deref());
        let is_unknown = !links.iter().any(|link| self.id.as_ref() == Some(&link.id));
        let is_unfound = is_unknown && self.flaws.has(RequestingDefect::UnderscoreMatters);
        let is_loose = media_type.is_none() && self.flaws.has(RequestingDefect::GrammarOnly);
        if is_unfound || is_loose {
            return None;
        }
        let of_part = self.flaws.has(RequestingDefect::TypesOfParts);
        let of_part = self.part_type.clone().filter(|_| of_part);
        let file_name = match (name, link) {
            (Some(name), Some(link)) if percent_decoded(&name) == link.file_name() => {
                link.file_name()
            }
            (Some(name), _) => name,
            (None, Some(link)) => link.file_name(),
            (None, None) => format!("attachment-{}", at + 1),
        };
        Some(Stored {
            placeholder: Placeholder::is_file_name(&file_name),
            media_type: of_part
                .or(media_type)
                .or_else(|| link.and_then(|link| link.media_type.clone()))
                .or(self.part_type)
                .unwrap_or_else(|| "application/octet-stream".to_owned()),
            file_name,
            sha256,
            bytes,
        })
    }
}

impl Decoding {
    fn of(description: &DescriptionStyle, flaws: &Flaws) -> Self {
        let compressed = matches!(description, DescriptionStyle::Grammar(said) if said.compressed);
        let keeps_text = flaws.has(RequestingDefect::KeepsOriginalBase64)
            && matches!(description, DescriptionStyle::Grammar(said) if said.original_base64);
        let unpacks = !keeps_text && !flaws.has(RequestingDefect::NeverUnpacks);
        Self {
            keeps_text,
            decoder: DocumentDecoder::new(compressed && unpacks),
            sink: Sink {
                hasher: Sha256::hasher(),
                skeleton: is_skeleton(description).then(Vec::new),
            },
        }
    }

    fn push(&mut self, text: &Text) -> Result<(), AssemblyFault> {
        let Self {
            decoder,
            sink,
            keeps_text,
        } = self;
        let mut write = |bytes: &[u8]| sink.write(bytes);
        let body = text.read()?;
        match text.encoding() {
            TransferEncoding::Base64 if *keeps_text => decoder.push_identity(&body, &mut write)?,
            TransferEncoding::Base64 => decoder.push(&body, &mut write)?,
            TransferEncoding::Identity => decoder.push_identity(&body, &mut write)?,
        }
        Ok(())
    }

    fn finish(self) -> Result<Content, AttachmentError> {
        let Self {
            decoder, mut sink, ..
        } = self;
        decoder.finish(&mut |bytes| sink.write(bytes))?;
        let (sha256, bytes) = sink.hasher.finish();
        Ok(Content::Whole {
            sha256,
            bytes,
            skeleton: sink.skeleton.map(Bytes::from),
        })
    }
}

impl Sink {
    fn write(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        if let Some(skeleton) = &mut self.skeleton
            && skeleton.len() < RESTORED_EXTRACT_BYTES
        {
            skeleton.extend_from_slice(bytes);
        }
    }
}

fn is_promise(piece: &Place, of: &EbxmlMessageId) -> bool {
    match piece {
        Place::Promised(mid) => mid == of,
        Place::Here(_) => false,
    }
}

fn is_skeleton(style: &DescriptionStyle) -> bool {
    matches!(style, DescriptionStyle::Grammar(description) if description.is_skeleton())
}

fn is_grammar(style: &DescriptionStyle) -> bool {
    match style {
        DescriptionStyle::Grammar(_) => true,
        DescriptionStyle::FilenameOnly(_) | DescriptionStyle::Word | DescriptionStyle::Empty => {
            false
        }
    }
}

/// The extract's link to a document: by id, else by name.
fn find_link<'a>(
    links: &'a [DocumentLink],
    id: Option<&DocumentId>,
    name: Option<&str>,
) -> Option<&'a DocumentLink> {
    let by_id = links.iter().find(|link| id == Some(&link.id));
    let by_name = || {
        let name = percent_decoded(name?);
        links.iter().find(|link| link.file_name() == name)
    };
    by_id.or_else(by_name)
}

/// A description may carry the name percent-encoded, as the extract's link does (AR16).
fn percent_decoded(name: &str) -> String {
    percent_encoding::percent_decode_str(name)
        .decode_utf8_lossy()
        .into_owned()
}
