//! Makes one package: reads documents from the store in pieces and hands each piece on, so that
//! no document ever stands in memory. The practice packs so, and so does the support desk.
//!
//! One request is open at a time, and everything about it follows from where the packing stands:
//! after a crash the same request is simply made again.

use std::time::Duration;

use bytes::Bytes;
use gp2gp_model::digest::Hasher;
use gp2gp_model::http::Method;
use gp2gp_model::store::ActingRole;
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{DocumentId, Sha256, Time};
use gp2gp_wire::export::{
    ContentRange, Contents, Fate, Opening, Packed, Receipt, document_path, package_path,
    record_path, seal_path,
};

use super::listing::Listed;
use super::outbox::{bare_request, is_done, json_request, said};
use crate::peer::{HttpRequest, HttpResponse};
use crate::store::{ACTING_ROLE, Requester};

/// Bytes read and handed on at once.
const PIECE: u64 = 4_000_000;

/// How often a request is made before the export has failed, and the pause between two tries.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_mins(1);

/// The pause before the seal is set again: whoever does not know whether a package was taken
/// must not make another.
const SEAL_PAUSE: Duration = Duration::from_mins(10);

/// A package in the making.
#[derive(Debug, Clone)]
pub(super) struct Packing {
    package: String,
    opening: Opening,
    documents: Vec<Listed>,
    step: Step,
    tries: u32,
    /// Of a broken system: documents end here, and this is the digest of what there is of one.
    cut: Option<(u64, Hasher)>,
}

#[derive(Debug, Clone)]
enum Step {
    Open,
    ReadRecord,
    PutRecord(Bytes),
    Read(Piece),
    Put(Piece, Bytes),
    Seal,
}

/// Where in the documents it is.
#[derive(Debug, Clone, Copy)]
struct Piece {
    document: usize,
    start: u64,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    /// The next request can be made.
    GoingOn,
    /// The same again after this time.
    After(Duration),
    /// The package is sealed.
    Sealed(Fate),
    /// The package cannot be made.
    Failed,
}

impl Packing {
    pub(super) const fn new(package: String, opening: Opening, documents: Vec<Listed>) -> Self {
        Self {
            package,
            opening,
            documents,
            step: Step::Open,
            tries: TRIES,
            cut: None,
        }
    }

    /// The same, broken: of a longer document only the beginning travels.
    #[must_use]
    pub(super) fn cut_at(mut self, most: u64) -> Self {
        for listed in &mut self.documents {
            listed.packed.bytes = listed.packed.bytes.min(most);
        }
        self.cut = Some((most, Sha256::hasher()));
        self
    }

    pub(super) fn package(&self) -> &str {
        &self.package
    }

    pub(super) const fn exported_at(&self) -> Time {
        self.opening.exported_at
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = DocumentId> {
        (self.documents.iter()).map(|document| document.packed.document.clone())
    }

    /// The request that is to be made now.
    pub(super) fn request(&self, now: Time, store: &Requester) -> (Endpoint, HttpRequest) {
        let package = &self.package;
        let clearing = Endpoint::ClearingHouse;
        match &self.step {
            Step::Open => {
                let role = match self.opening.ticket {
                    Some(_) => ActingRole::SupportDesk,
                    None => ActingRole::System,
                };
                let path = package_path(package);
                let mut request = json_request(Method::Put, path, &self.opening);
                request.headers.push(ACTING_ROLE, role.name());
                (clearing, request)
            }
            Step::ReadRecord => {
                let request = store.record(now, package, self.opening.patient);
                (Endpoint::Store, request)
            }
            Step::PutRecord(record) => {
                let total = record.len() as u64;
                let range = ContentRange {
                    start: 0,
                    end: total,
                    total,
                };
                (clearing, part(record_path(package), range, record.clone()))
            }
            Step::Read(piece) => {
                let range = self.range(*piece);
                let url = self.document(*piece).map_or("", |listed| &listed.url);
                let request = store.range(now, package, url, &(range.start..range.end));
                (Endpoint::Store, request)
            }
            Step::Put(piece, content) => {
                let path = self.document(*piece).map_or_else(String::new, |listed| {
                    document_path(package, &listed.packed.document)
                });
                (clearing, part(path, self.range(*piece), content.clone()))
            }
            Step::Seal => {
                let contents = Contents {
                    documents: self.packed(),
                    record: self.opening.gp2gp_information,
                };
                let path = seal_path(package);
                (clearing, json_request(Method::Post, path, &contents))
            }
        }
    }

    /// Takes the answer, or the news that there is none.
    pub(super) fn settle(&mut self, response: Option<&HttpResponse>) -> Progress {
        let done = response.filter(|response| is_done(response));
        match (std::mem::replace(&mut self.step, Step::Seal), done) {
            (Step::Seal, _) => return self.settle_seal(response),
            (step, None) => {
                self.step = step;
                return self.try_again();
            }
            (Step::Open, Some(_)) => {
                self.step = match self.opening.gp2gp_information {
                    true => Step::ReadRecord,
                    false => self.at(0),
                };
            }
            (Step::ReadRecord, Some(response)) => {
                self.step = Step::PutRecord(response.body.clone());
            }
            (Step::PutRecord(_), Some(_)) => self.step = self.at(0),
            (Step::Read(piece), Some(response)) => {
                let range = self.range(piece);
                if response.body.len() as u64 != range.end - range.start {
                    self.step = Step::Read(piece);
                    return self.try_again();
                }
                self.digest_if_cut(piece, &response.body);
                self.step = Step::Put(piece, response.body.clone());
            }
            (Step::Put(piece, _), Some(_)) => self.step = self.after(piece),
        }
        self.tries = TRIES;
        Progress::GoingOn
    }

    fn digest_if_cut(&mut self, piece: Piece, content: &[u8]) {
        let Some((most, hasher)) = &mut self.cut else {
            return;
        };
        if piece.start == 0 {
            *hasher = Sha256::hasher();
        }
        hasher.update(content);
        if let Some(listed) = self.documents.get_mut(piece.document)
            && listed.packed.bytes == *most
        {
            listed.packed.sha256 = hasher.clone().finish().0;
        }
    }

    fn settle_seal(&mut self, response: Option<&HttpResponse>) -> Progress {
        match (said::<Receipt>(response), response) {
            (Some(receipt), _) => Progress::Sealed(receipt.package),
            (None, Some(response)) if (400..500).contains(&response.status) => Progress::Failed,
            (None, _) => Progress::After(SEAL_PAUSE),
        }
    }

    fn try_again(&mut self) -> Progress {
        self.tries -= 1;
        if self.tries == 0 {
            return Progress::Failed;
        }
        Progress::After(PAUSE)
    }

    fn packed(&self) -> Vec<Packed> {
        (self.documents.iter())
            .map(|listed| listed.packed.clone())
            .collect()
    }

    fn document(&self, piece: Piece) -> Option<&Listed> {
        self.documents.get(piece.document)
    }

    fn range(&self, piece: Piece) -> ContentRange {
        let total = self.document(piece).map_or(0, |listed| listed.packed.bytes);
        ContentRange {
            start: piece.start,
            end: (piece.start + PIECE).min(total),
            total,
        }
    }

    /// The first piece of a document. An empty one has nothing that could be read.
    fn at(&self, document: usize) -> Step {
        let piece = Piece { document, start: 0 };
        match self.document(piece) {
            None => Step::Seal,
            Some(listed) if listed.packed.bytes == 0 => Step::Put(piece, Bytes::new()),
            Some(_) => Step::Read(piece),
        }
    }

    fn after(&self, piece: Piece) -> Step {
        let ContentRange { end, total, .. } = self.range(piece);
        if end < total {
            return Step::Read(Piece {
                start: end,
                ..piece
            });
        }
        self.at(piece.document + 1)
    }
}

/// A part of a document or record.
pub(super) fn part(path: String, range: ContentRange, content: Bytes) -> HttpRequest {
    let mut request = bare_request(Method::Put, path);
    request.headers.push("Content-Range", range.to_string());
    request.content_type = "application/octet-stream".to_owned();
    request.body = content;
    request
}

/// Gives a package up that was opened and will never be sealed.
pub(super) fn give_up(package: &str) -> (Endpoint, HttpRequest) {
    let request = bare_request(Method::Delete, package_path(package));
    (Endpoint::ClearingHouse, request)
}
