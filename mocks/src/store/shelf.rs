//! The documents, where each stands, and who did what to them.

use std::collections::BTreeMap;
use std::io::BufRead;

use gp2gp_model::plan::MissingReason;
use gp2gp_model::store::{ActingRole, DeletePolicy, DocumentOperation, DocumentState};
use gp2gp_model::{DocumentId, NhsNumber, Sha256, Time};
use sha1::{Digest, Sha1};

use super::outcome::{Code, Refusal};
use super::route::Operation;
use crate::synthetic::DocumentSpec;

/// A document of the store.
#[derive(Debug, Clone)]
pub struct Document {
    /// Whose.
    pub patient: NhsNumber,
    /// Its number in the store. The first document of an id bears that one; a second one under the
    /// same id has another.
    pub number: DocumentId,
    /// Its content and names.
    pub spec: DocumentSpec,
    /// Why it cannot be delivered, if so from the beginning.
    pub missing: Option<MissingReason>,
    /// Where it stands.
    pub state: DocumentState,
    /// Of its content.
    pub digests: Digests,
}

/// Digests of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digests {
    /// By which documents are compared.
    pub sha256: Sha256,
    /// What FHIR has as `hash` of an attachment; of small documents only, because it costs more
    /// than to make them.
    pub sha1: Option<[u8; 20]>,
}

/// A line of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Time,
    /// As whom; `None` where that was not known.
    pub role: Option<ActingRole>,
    /// ASID of the system that asked, as it said.
    pub from: Option<String>,
    /// What; `None` where the request asked for nothing that there is.
    pub operation: Option<Operation>,
    /// To which document.
    pub document: Option<DocumentId>,
    /// HTTP status: below 400 it was done.
    pub status: u16,
    /// Why it was refused, or what came of it.
    pub outcome: String,
}

/// All documents of a store and its audit trail. Nothing is ever taken out of either.
#[derive(Debug)]
pub(super) struct Shelf {
    documents: Vec<Document>,
    places: BTreeMap<DocumentId, usize>,
    policy: DeletePolicy,
    /// Of a broken store: nobody is asked for their rights.
    pub(super) everybody_may: bool,
    audit: Vec<Entry>,
}

/// Size of the largest document with a SHA-1, in bytes: what GP Connect lets be read at once.
const LARGEST_WITH_SHA1: u64 = 5_000_000;

impl Digests {
    /// Streams through the content once.
    pub fn of(spec: &DocumentSpec) -> Self {
        let mut sha256 = Sha256::hasher();
        let mut sha1 = (spec.bytes <= LARGEST_WITH_SHA1).then(Sha1::new);
        let mut reader = spec.open();
        loop {
            // A reader of generated content does not fail.
            let block = reader.fill_buf().unwrap_or_default();
            let read = block.len();
            if read == 0 {
                break;
            }
            sha256.update(block);
            if let Some(sha1) = &mut sha1 {
                sha1.update(block);
            }
            reader.consume(read);
        }
        Self {
            sha256: sha256.finish().0,
            sha1: sha1.map(|sha1| sha1.finalize().into()),
        }
    }
}

impl Document {
    pub(crate) fn new(
        patient: NhsNumber,
        spec: DocumentSpec,
        missing: Option<MissingReason>,
    ) -> Self {
        let state = match missing {
            Some(MissingReason::Deleted) => DocumentState::Deleted,
            Some(MissingReason::Locked) => DocumentState::Locked,
            Some(
                MissingReason::UnsupportedType
                | MissingReason::NotFound
                | MissingReason::Undetermined,
            )
            | None => DocumentState::Held,
        };
        Self {
            patient,
            digests: Digests::of(&spec),
            number: spec.id.clone(),
            spec,
            missing,
            state,
        }
    }

    /// Whether a list of the patient's documents names it. What was deleted before the run
    /// began is still listed: that is how a sender comes to ask for it.
    pub(super) fn is_listed(&self) -> bool {
        self.state.is_in_record() || self.missing == Some(MissingReason::Deleted)
    }
}

impl Shelf {
    pub(super) fn new(policy: DeletePolicy, mut documents: Vec<Document>) -> Self {
        let mut places = BTreeMap::new();
        for (place, document) in documents.iter_mut().enumerate() {
            if places.contains_key(&document.number) {
                document.number = document.spec.another_id();
            }
            places.insert(document.number.clone(), place);
        }
        Self {
            documents,
            places,
            policy,
            everybody_may: false,
            audit: Vec::new(),
        }
    }

    /// Every document that there is or was, in order.
    pub(super) fn documents(&self) -> &[Document] {
        &self.documents
    }

    pub(super) fn document(&self, id: &DocumentId) -> Result<&Document, Refusal> {
        (self.places.get(id))
            .and_then(|place| self.documents.get(*place))
            .ok_or_else(|| Refusal::new(Code::NoRecordFound, format!("no document {id}")))
    }

    /// Sees whether somebody may do something to a document as it stands, by the two tables of
    /// [`gp2gp_model::store`].
    pub(super) fn check(
        &self,
        role: ActingRole,
        id: &DocumentId,
        operation: DocumentOperation,
    ) -> Result<&Document, Refusal> {
        if !self.everybody_may && !role.may(operation) {
            let why = format!("{role} may not {operation} documents");
            return Err(Refusal::new(Code::AccessDenied, why));
        }
        let document = self.document(id)?;
        document.state.after(operation, self.policy)?;
        Ok(document)
    }

    /// Does it.
    pub(super) fn act(
        &mut self,
        role: ActingRole,
        id: &DocumentId,
        operation: DocumentOperation,
    ) -> Result<&Document, Refusal> {
        let state = self
            .check(role, id, operation)?
            .state
            .after(operation, self.policy)?;
        if let Some(document) =
            (self.places.get(id)).and_then(|place| self.documents.get_mut(*place))
        {
            document.state = state;
        }
        self.document(id)
    }

    /// A document comes into the record.
    pub(super) fn file(&mut self, document: Document) {
        self.places
            .insert(document.spec.id.clone(), self.documents.len());
        self.documents.push(document);
    }

    pub(super) fn record(&mut self, entry: Entry) {
        self.audit.push(entry);
    }

    /// The audit trail, oldest first.
    pub(super) fn audit(&self) -> &[Entry] {
        &self.audit
    }
}
