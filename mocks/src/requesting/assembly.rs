//! Collects what a core extract has and promises, and turns it into a record with documents.
//! A message finds its place by its id, whenever it comes: before its index, or before the core.

use std::collections::BTreeMap;

use bytes::Bytes;
use gp2gp_model::{ContentId, DocumentId, EbxmlMessageId, EhrExtractId, NhsNumber, Sha256};
use gp2gp_wire::attachment::AttachmentError;
use gp2gp_wire::hl7::{self, DocumentLink, EhrExtract, Hl7Error, Payload};

use super::broken::Flaws;
use super::ceiling::Ceiling;
use super::document::{Document, Stored};
use super::part::{self, Part, Place};
use crate::defect::RequestingDefect;
use crate::spool::{Spool, SpoolError};

/// File name under which the record itself is shown.
const RECORD_FILE_NAME: &str = "record.xml";
/// Type of the record itself.
const RECORD_MEDIA_TYPE: &str = "text/xml";

/// A limit that some deployed systems had without saying so (spec 20).
const HIDDEN_LIMIT: usize = 20_000_000;

/// COPCs that came before anything promised them, by message id.
pub(super) type Early = BTreeMap<EbxmlMessageId, Vec<Part>>;

/// A record on its way to being whole.
pub(super) struct Assembly {
    core: Original,
    record: Record,
    documents: Vec<Document>,
    /// Promised messages, and the documents that each is for.
    awaited: BTreeMap<EbxmlMessageId, Vec<usize>>,
    early: Early,
    promised: u32,
    ceiling: Ceiling,
    spool: Spool,
    flaws: Flaws,
}

/// Why pieces do not make a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum AssemblyFault {
    #[error("manifest names cid:{0}, but no part carries it")]
    Dangling(ContentId),
    #[error("manifest names `{0}`, which is neither cid: nor mid:")]
    Unknown(String),
    #[error(transparent)]
    Attachment(#[from] AttachmentError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("record: {0}")]
    Record(#[from] Hl7Error),
    #[error("skeleton's attachment is not the original extract: {0}")]
    NotTheOriginal(&'static str),
    #[error("documents have {together} bytes together, at most {most} are taken")]
    TooMuch { together: u64, most: u64 },
}

impl AssemblyFault {
    /// Whether all pieces are there and do not fit together (29), as opposed to a message that is
    /// malformed in itself or could not be kept (30).
    pub(super) fn is_reassembly(&self) -> bool {
        match self {
            Self::Attachment(_) | Self::Record(_) | Self::NotTheOriginal(_) => true,
            Self::Dangling(_) | Self::Unknown(_) | Self::Spool(_) | Self::TooMuch { .. } => false,
        }
    }
}

impl Assembly {
    /// Begins with a core.
    pub(super) fn begin(
        extract: &EhrExtract,
        payload_xml: &Bytes,
        parts: Vec<Part>,
        ceiling: Ceiling,
        spool: Spool,
        flaws: &Flaws,
    ) -> Result<Self, AssemblyFault> {
        let announced = |part| Document::announced(part, flaws);
        let mut assembly = Self {
            record: Record::of(payload_xml)?,
            core: Original {
                id: extract.id.clone(),
                patient: extract.patient,
            },
            documents: parts.iter().map(announced).collect(),
            awaited: BTreeMap::new(),
            early: Early::new(),
            promised: 0,
            ceiling,
            spool,
            flaws: flaws.clone(),
        };
        for (at, part) in parts.into_iter().enumerate() {
            assembly.put(at, None, vec![part.place?]);
            assembly.advance(at)?;
        }
        Ok(assembly)
    }

    /// Takes the parts of a COPC, promised or not yet promised.
    pub(super) fn take(
        &mut self,
        mid: EbxmlMessageId,
        parts: Vec<Part>,
    ) -> Result<(), AssemblyFault> {
        let mut arrived = vec![(mid, parts)];
        while let Some((mid, mut parts)) = arrived.pop() {
            let Some(places) = self.awaited.remove(&mid) else {
                part::set_aside(&mut parts, &self.spool)?;
                self.early.insert(mid, parts);
                continue;
            };
            for at in places {
                self.place(at, &mid, &parts)?;
            }
            // What an index promises may be here already. The last is taken first.
            for promised in parts.iter().rev().filter_map(Part::promised) {
                arrived.extend(self.early.remove_entry(promised));
            }
        }
        Ok(())
    }

    /// Number of messages promised so far by the core and by indexes: the N of LM04.
    pub(super) const fn promised(&self) -> u32 {
        self.promised
    }

    /// Number of promised messages that are not here.
    pub(super) fn missing(&self) -> usize {
        self.awaited.len()
    }

    /// Number of texts kept because something before them is missing.
    pub(super) fn held(&self) -> usize {
        let early = self.early.values().map(Vec::len);
        let pieces = self.documents.iter().map(Document::held);
        early.chain(pieces).sum()
    }

    /// Once nothing is missing: the record first, then its documents in the order of the manifest.
    /// A skeleton's attachment is the record, not one of its documents.
    pub(super) fn finish(&mut self) -> Option<Vec<Stored>> {
        if !self.awaited.is_empty() {
            return None;
        }
        let links = &self.record.links;
        let documents = std::mem::take(&mut self.documents).into_iter().enumerate();
        let stored = documents.filter_map(|(at, document)| {
            let guid = document
                .id()
                .map_or(self.core.id.as_str(), DocumentId::as_str);
            let guid = guid.to_owned();
            Some(self.ceiling.file(document.store(at, links)?, &guid))
        });
        let record = Stored {
            file_name: RECORD_FILE_NAME.to_owned(),
            media_type: RECORD_MEDIA_TYPE.to_owned(),
            sha256: self.record.sha256,
            bytes: self.record.bytes,
            placeholder: false,
        };
        let mut record: Vec<_> = std::iter::once(record).chain(stored).collect();
        self.flaws.spoil_record(&mut record);
        Some(record)
    }

    /// Takes what is here for all that there is: what only a broken system does.
    pub(super) fn stop_waiting(&mut self) {
        self.awaited.clear();
    }

    /// Puts a message in the place of its promise in one document.
    fn place(
        &mut self,
        at: usize,
        mid: &EbxmlMessageId,
        parts: &[Part],
    ) -> Result<(), AssemblyFault> {
        let pieces = parts.iter().map(|part| part.place.clone());
        let mut pieces = pieces.collect::<Result<Vec<_>, _>>()?;
        if self.flaws.has(RequestingDefect::ChunksReversed) {
            pieces.reverse();
        }
        let is_index = pieces.len() > 1 && matches!(pieces.first(), Some(Place::Here(_)));
        if is_index && self.flaws.has(RequestingDefect::FirstChunkLost) {
            pieces.remove(0);
        }
        if let Some(document) = self.documents.get_mut(at) {
            document.adopt_description(parts);
        }
        self.put(at, Some(mid), pieces);
        self.advance(at)
    }

    fn put(&mut self, at: usize, place: Option<&EbxmlMessageId>, pieces: Vec<Place>) {
        for piece in &pieces {
            if let Place::Promised(mid) = piece {
                self.awaited.entry(mid.clone()).or_default().push(at);
                self.promised += 1;
            }
        }
        if let Some(document) = self.documents.get_mut(at) {
            document.put(place, pieces);
        }
    }

    fn advance(&mut self, at: usize) -> Result<(), AssemblyFault> {
        let Some(document) = self.documents.get_mut(at) else {
            return Ok(());
        };
        document.advance()?;
        document.set_aside(&self.spool)?;
        let original = document.take_skeleton_content();
        let is_kept = self.flaws.has(RequestingDefect::SkeletonFiled);
        if let Some(original) = original.filter(|_| !is_kept) {
            if original.len() > HIDDEN_LIMIT && self.flaws.has(RequestingDefect::HiddenLimit) {
                return Err(AssemblyFault::NotTheOriginal("above the limit"));
            }
            self.record = self.core.restore(&original)?;
        }
        self.ceiling
            .check(self.documents.iter().filter_map(Document::whole_bytes))
    }
}

/// What a skeleton's original must have in common with the core.
struct Original {
    id: EhrExtractId,
    patient: NhsNumber,
}

impl Original {
    /// A restored extract has the id and the patient of its skeleton (LM24).
    fn restore(&self, payload_xml: &Bytes) -> Result<Record, AssemblyFault> {
        let Payload::EhrExtract(original) = hl7::parse(payload_xml)? else {
            return Err(AssemblyFault::NotTheOriginal("it is no EHR extract"));
        };
        if original.id != self.id {
            return Err(AssemblyFault::NotTheOriginal("another EhrExtract id"));
        }
        if original.patient != self.patient {
            return Err(AssemblyFault::NotTheOriginal("another patient"));
        }
        Record::of(payload_xml)
    }
}

/// What is kept of the record itself.
struct Record {
    sha256: Sha256,
    bytes: u64,
    links: Vec<DocumentLink>,
}

impl Record {
    fn of(payload_xml: &Bytes) -> Result<Self, AssemblyFault> {
        Ok(Self {
            sha256: Sha256::of(payload_xml),
            bytes: payload_xml.len() as u64,
            links: hl7::scan(payload_xml)?.documents,
        })
    }
}
