//! Takes packages in, piece by piece: at the clearing house and at the importing practice.

use std::collections::BTreeMap;

use gp2gp_model::digest::Hasher;
use gp2gp_model::http::Method;
use gp2gp_model::{NhsNumber, Sha256};
use gp2gp_wire::export::{ContentRange, Contents, Opening, Packed, Place};

use super::outbox::{bare_answer, refusal};
use crate::peer::{HttpRequest, HttpResponse};
use crate::spool::{Spool, Spooled};

/// The part of a package that is its clinical record.
pub(super) const RECORD: &str = "";

/// Packages that are coming in or have come.
#[derive(Debug)]
pub(super) struct Inbox {
    packages: BTreeMap<String, Incoming>,
    /// Where contents are kept; `None`: their digests are enough.
    spool: Option<Spool>,
}

/// A package that is coming in.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) opening: Opening,
    /// By the number of the document, or [`RECORD`].
    parts: BTreeMap<String, Part>,
}

/// A document that is coming in.
#[derive(Debug)]
struct Part {
    received: u64,
    hasher: Hasher,
    /// Ends of the pieces with the pieces, if contents are kept.
    pieces: Vec<(ContentRange, Spooled)>,
}

/// What a request to an inbox is.
pub(super) enum Taken {
    /// It is answered so.
    Answer(HttpResponse),
    /// The package is whole, and this is what it holds.
    Whole { package: String, contents: Contents },
    /// It has nothing to do with packages in the making.
    NotMine,
}

impl Inbox {
    pub(super) const fn new(spool: Option<Spool>) -> Self {
        Self {
            packages: BTreeMap::new(),
            spool,
        }
    }

    pub(super) fn package(&self, package: &str) -> Option<&Incoming> {
        self.packages.get(package)
    }

    /// Drops a package with all that came of it.
    pub(super) fn drop(&mut self, package: &str) {
        self.packages.remove(package);
    }

    pub(super) fn take(&mut self, request: &HttpRequest) -> Taken {
        let answer = match (request.method, Place::of(&request.path)) {
            (Method::Put, Some(Place::Package(package))) => self.open(package, request),
            (Method::Put, Some(Place::Document { package, document })) => {
                self.part(package, document, request)
            }
            (Method::Put, Some(Place::Record(package))) => self.part(package, RECORD, request),
            (Method::Post, Some(Place::Seal(package))) => match self.seal(package, request) {
                Ok(contents) => {
                    let package = package.to_owned();
                    return Taken::Whole { package, contents };
                }
                Err(refused) => refused,
            },
            (_, _) => return Taken::NotMine,
        };
        Taken::Answer(answer)
    }

    pub(super) fn open(&mut self, package: &str, request: &HttpRequest) -> HttpResponse {
        let Ok(opening) = serde_json::from_slice::<Opening>(&request.body) else {
            return refusal(400, "this opens no package");
        };
        let known = self.packages.entry(package.to_owned());
        let known = known.or_insert_with(|| Incoming {
            opening: opening.clone(),
            parts: BTreeMap::new(),
        });
        if known.opening == opening {
            bare_answer(201)
        } else {
            refusal(409, "another package has this id")
        }
    }

    fn part(&mut self, package: &str, name: &str, request: &HttpRequest) -> HttpResponse {
        let range = request.headers.get("Content-Range");
        let Some(range) = range.and_then(ContentRange::parse) else {
            return refusal(400, "Content-Range is missing or malformed");
        };
        if range.end - range.start != request.body.len() as u64 {
            return refusal(400, "the body is not as long as Content-Range says");
        }
        let Some(incoming) = self.packages.get_mut(package) else {
            return refusal(404, "nobody opened this package");
        };
        let part = incoming.parts.entry(name.to_owned());
        let part = part.or_insert_with(|| Part {
            received: 0,
            hasher: Sha256::hasher(),
            pieces: Vec::new(),
        });
        if range.end <= part.received && !request.body.is_empty() {
            return bare_answer(200);
        }
        if range.start != part.received {
            return refusal(409, "this part does not begin where the last one ended");
        }
        if let Some(spool) = &self.spool {
            match spool.keep(&request.body) {
                Ok(kept) => part.pieces.push((range, kept)),
                Err(error) => return refusal(507, &error.to_string()),
            }
        }
        part.hasher.update(&request.body);
        part.received = range.end;
        bare_answer(200)
    }

    /// What the package holds, if all of it is there and is what it is said to be.
    fn seal(&self, package: &str, request: &HttpRequest) -> Result<Contents, HttpResponse> {
        let contents: Contents = serde_json::from_slice(&request.body)
            .map_err(|_| refusal(400, "this is no list of contents"))?;
        let incoming = (self.packages.get(package))
            .ok_or_else(|| refusal(404, "nobody opened this package"))?;
        if contents.record && !incoming.parts.contains_key(RECORD) {
            return Err(refusal(422, "the clinical record is missing"));
        }
        for packed in &contents.documents {
            incoming.check(packed).map_err(|why| refusal(422, &why))?;
        }
        Ok(contents)
    }
}

impl Incoming {
    pub(super) const fn patient(&self) -> NhsNumber {
        self.opening.patient
    }

    /// The pieces of a part, in order.
    pub(super) fn pieces(&self, name: &str) -> &[(ContentRange, Spooled)] {
        self.parts
            .get(name)
            .map_or(&[], |part| part.pieces.as_slice())
    }

    fn check(&self, packed: &Packed) -> Result<(), String> {
        let id = &packed.document;
        let part = (self.parts.get(id.as_str())).ok_or_else(|| format!("{id} is missing"))?;
        if part.received != packed.bytes {
            let received = part.received;
            return Err(format!(
                "{id} has {received} bytes, the contents say {}",
                packed.bytes
            ));
        }
        if part.hasher.clone().finish().0 != packed.sha256 {
            return Err(format!("{id} has another digest than the contents say"));
        }
        Ok(())
    }
}
