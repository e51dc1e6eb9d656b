//! What happened in an export, read from the trace: who exported, packed, deleted, asked and told
//! what. A content is what crossed the wire, whatever a list of contents says of it.

use std::collections::BTreeMap;

use gp2gp_model::digest::Hasher;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::plan::{Act, Wish};
use gp2gp_model::store::{ActingRole, DocumentOperation};
use gp2gp_model::trace::{Bodies, BodyRef, Endpoint, Event, Trace, What};
use gp2gp_model::{DocumentId, NhsNumber, Sha256, Time};
use gp2gp_wire::export::{
    ContentRange, Contents, DeskOutcome, Fate, Opening, PermissionRequest, Place, Receipt,
    RestoreOrder, RulingOn, Ticket, Word,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// Event of the trace.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// What.
    pub what: Happened,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Happened {
    /// A document is in the record of a patient.
    Filed(Filed),
    /// Somebody at the practice wants something.
    Wished {
        /// With whose documents.
        patient: NhsNumber,
        /// What.
        wish: Wish,
    },
    /// The document system refuses it.
    Declined {
        /// With whose documents.
        patient: NhsNumber,
        /// What.
        wish: Wish,
        /// Why.
        why: String,
    },
    /// Somebody looked at the record.
    Listed {
        /// Who.
        by: Endpoint,
        /// Whose record.
        patient: NhsNumber,
        /// What is in it.
        documents: Vec<Seen>,
    },
    /// An export begins.
    Opened {
        /// Who exports.
        by: Endpoint,
        /// Which package.
        package: String,
        /// What it says.
        opening: Opening,
    },
    /// The clearing house has the package.
    Sealed {
        /// Who exported.
        by: Endpoint,
        /// What is in it.
        package: Package,
        /// What becomes of it.
        fate: Fate,
    },
    /// The export is given up.
    GivenUp {
        /// Who gives it up.
        by: Endpoint,
        /// Whose documents.
        patient: NhsNumber,
    },
    /// The importing practice has the package.
    Delivered(Package),
    /// Somebody asks the document store to change something.
    Store(StoreStep),
    /// Somebody asked where a document stands.
    State {
        /// Which document.
        document: DocumentId,
        /// It can be restored.
        restorable: bool,
    },
    /// Somebody read the audit trail of a document.
    Audited {
        /// Which document.
        document: DocumentId,
        /// What the trail says was refused, and to whom.
        refused: Vec<(String, String)>,
    },
    /// A ticket is brought to the desk.
    Ticket {
        /// What it says.
        ticket: Ticket,
        /// The desk took it.
        taken: bool,
    },
    /// The desk asks for permission.
    PermissionAsked(PermissionRequest),
    /// Somebody decides on it. A decision counts from when it leaves: the desk may act on it
    /// before it has said so.
    Ruled {
        /// What.
        on: RulingOn,
        /// As whom.
        role: Option<ActingRole>,
    },
    /// The desk says whether it takes a decision.
    RulingTaken {
        /// As whom it was made.
        role: Option<ActingRole>,
        /// It does.
        taken: bool,
    },
    /// The clearing house orders a restore.
    RestoreOrdered(RestoreOrder),
    /// The desk tells the practice what came of a case.
    Told {
        /// Whose case.
        patient: NhsNumber,
        /// What.
        word: Word,
    },
    /// The run is over.
    Ended,
}

/// A document of a record, as it truly is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filed {
    /// Whose.
    pub patient: NhsNumber,
    /// Its name.
    pub file_name: String,
    /// Digest of its content.
    pub sha256: Sha256,
    /// Its size.
    pub bytes: u64,
    /// It came during the run.
    pub late: bool,
}

/// A document as a list names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its number.
    pub document: DocumentId,
    /// Its name.
    pub file_name: String,
    /// Its digest.
    pub sha256: Option<Sha256>,
}

/// A package, as it crossed the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its id.
    pub id: String,
    /// Whose documents.
    pub patient: NhsNumber,
    /// What was opened.
    pub opening: Option<Opening>,
    /// What is in it.
    pub documents: Vec<Carried>,
    /// The clinical record is in it.
    pub record: bool,
}

/// A document of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// Its number, as the list of contents has it.
    pub document: DocumentId,
    /// Its name, as the list of contents has it.
    pub file_name: String,
    /// Digest of the bytes that travelled.
    pub sha256: Sha256,
    /// So many.
    pub bytes: u64,
}

/// A change in the store: asked for, or answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreStep {
    /// Who asks.
    pub by: Endpoint,
    /// As whom.
    pub role: Option<ActingRole>,
    /// What for.
    pub operation: DocumentOperation,
    /// Of which document.
    pub document: DocumentId,
    /// How far it is.
    pub stage: Stage,
}

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It is asked for.
    Asked,
    /// It is done.
    Done,
    /// It is refused with this status.
    Refused(u16),
    /// Nobody knows.
    NoAnswer,
}

/// Reads what happened, in order.
pub fn of(trace: &Trace, bodies: &dyn Bodies) -> Vec<Happening> {
    let mut reader = Reader {
        bodies,
        open: BTreeMap::new(),
        patients: BTreeMap::new(),
        openings: BTreeMap::new(),
        parts: BTreeMap::new(),
        started: trace.header.started,
        happenings: Vec::new(),
    };
    for event in &trace.events {
        reader.take(event);
    }
    reader.happenings
}

struct Reader<'b> {
    bodies: &'b dyn Bodies,
    /// Requests without an answer, by exchange.
    open: BTreeMap<u64, Request>,
    /// Logical ids of the store.
    patients: BTreeMap<String, NhsNumber>,
    openings: BTreeMap<String, Opening>,
    /// Contents under way, by recipient, package and document.
    parts: BTreeMap<(Endpoint, String, String), Part>,
    started: Time,
    happenings: Vec<Happening>,
}

#[derive(Clone)]
struct Request {
    from: Endpoint,
    to: Endpoint,
    method: Method,
    path: String,
    headers: Headers,
    body: BodyRef,
}

struct Part {
    received: u64,
    hasher: Hasher,
}

/// How a request ended.
#[derive(Clone, Copy)]
enum End {
    Answer(u16, BodyRef),
    NoAnswer,
}

impl End {
    const fn is_done(self) -> bool {
        matches!(self, Self::Answer(200..=299, _))
    }

    const fn stage(self) -> Stage {
        match self {
            Self::Answer(200..=299, _) => Stage::Done,
            Self::Answer(status, _) => Stage::Refused(status),
            Self::NoAnswer => Stage::NoAnswer,
        }
    }
}

impl Reader<'_> {
    fn take(&mut self, event: &Event) {
        match &event.what {
            What::Held {
                patient,
                file_name,
                sha256,
                bytes,
                ..
            } => {
                let filed = Filed {
                    patient: *patient,
                    file_name: file_name.clone(),
                    sha256: *sha256,
                    bytes: *bytes,
                    late: event.at > self.started,
                };
                self.push(event, Happened::Filed(filed));
            }
            What::Acted {
                act: Act::AtOffice { patient, wish },
                not_supported: false,
                ..
            } => {
                let (patient, wish) = (*patient, *wish);
                self.push(event, Happened::Wished { patient, wish });
            }
            What::Declined {
                act: Act::AtOffice { patient, wish },
                why,
                ..
            } => {
                let (patient, wish, why) = (*patient, *wish, why.clone());
                self.push(event, Happened::Declined { patient, wish, why });
            }
            What::Post {
                exchange,
                from,
                to,
                method,
                path,
                headers,
                body,
                ..
            } => {
                let request = Request {
                    from: *from,
                    to: *to,
                    method: *method,
                    path: path.clone(),
                    headers: headers.clone(),
                    body: *body,
                };
                self.ask(event, &request);
                self.open.insert(*exchange, request);
            }
            What::Answer {
                exchange,
                status,
                body,
                ..
            } => self.end(event, *exchange, End::Answer(*status, *body)),
            What::NoAnswer { exchange, .. } => self.end(event, *exchange, End::NoAnswer),
            What::Ended { .. } => self.push(event, Happened::Ended),
            What::Acted { .. }
            | What::Declined { .. }
            | What::Alerted { .. }
            | What::Patient { .. }
            | What::Record { .. }
            | What::Observed { .. }
            | What::FaultFired { .. }
            | What::Lifecycle { .. }
            | What::Diverged { .. } => {}
        }
    }

    fn push(&mut self, event: &Event, what: Happened) {
        let (seq, at) = (event.seq, event.at);
        self.happenings.push(Happening { seq, at, what });
    }

    /// A request leaves: what is an attempt counts from here.
    fn ask(&mut self, event: &Event, request: &Request) {
        if request.to == Endpoint::Store {
            if let Some(step) = store_step(request, Stage::Asked) {
                self.push(event, Happened::Store(step));
            }
            return;
        }
        if let (Endpoint::Desk, Some(Place::Rulings)) = (request.to, Place::of(&request.path))
            && let Some(on) = self.json::<RulingOn>(request.body)
        {
            let role = role(request);
            return self.push(event, Happened::Ruled { on, role });
        }
        if let (Endpoint::ClearingHouse, Method::Put, Some(Place::Package(package))) =
            (request.to, request.method, Place::of(&request.path))
            && !self.openings.contains_key(package)
            && let Some(opening) = self.json::<Opening>(request.body)
        {
            self.openings.insert(package.to_owned(), opening.clone());
            let (by, package) = (request.from, package.to_owned());
            self.push(
                event,
                Happened::Opened {
                    by,
                    package,
                    opening,
                },
            );
        }
    }

    fn end(&mut self, event: &Event, exchange: u64, end: End) {
        let Some(request) = self.open.remove(&exchange) else {
            return;
        };
        let what = match request.to {
            Endpoint::Store => self.store_answer(&request, end),
            Endpoint::ClearingHouse | Endpoint::Importing => self.package_answer(&request, end),
            Endpoint::Desk | Endpoint::Board | Endpoint::Office => self.word(&request, end),
            Endpoint::Requesting
            | Endpoint::Sending
            | Endpoint::Spine
            | Endpoint::Sds
            | Endpoint::Pds
            | Endpoint::Hub
            | Endpoint::Clinic
            | Endpoint::Mailbox => None,
        };
        if let Some(what) = what {
            self.push(event, what);
        }
    }

    fn store_answer(&mut self, request: &Request, end: End) -> Option<Happened> {
        if let Some(step) = store_step(request, end.stage()) {
            return Some(Happened::Store(step));
        }
        let End::Answer(200, body) = end else {
            return None;
        };
        let body: Value = self.json(body)?;
        let path = request.path.split('?').next().unwrap_or_default();
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        match segments.as_slice() {
            ["Patient"] => {
                for patient in resources(&body) {
                    let number = patient.pointer("/identifier/0/value");
                    let number = number.and_then(Value::as_str).map(NhsNumber::parse);
                    let id = patient.get("id").and_then(Value::as_str);
                    if let (Some(Ok(number)), Some(id)) = (number, id) {
                        self.patients.insert(id.to_owned(), number);
                    }
                }
                None
            }
            ["Patient", id, "DocumentReference"] => Some(Happened::Listed {
                by: request.from,
                patient: *self.patients.get(*id)?,
                documents: resources(&body).filter_map(seen).collect(),
            }),
            ["Binary", document, "$state"] => {
                let parameters = body.get("parameter")?.as_array()?;
                let named = |it: &&Value| it.get("name").is_some_and(|name| name == "restorable");
                let restorable = parameters.iter().find(named)?.get("valueBoolean")?;
                Some(Happened::State {
                    document: DocumentId::parse(document).ok()?,
                    restorable: restorable.as_bool()?,
                })
            }
            ["$audit"] => {
                let (_, document) = request.path.split_once("document=")?;
                Some(Happened::Audited {
                    document: DocumentId::parse(document).ok()?,
                    refused: resources(&body).filter_map(refused).collect(),
                })
            }
            _ => None,
        }
    }

    fn package_answer(&mut self, request: &Request, end: End) -> Option<Happened> {
        let place = Place::of(&request.path)?;
        match (request.method, place, end) {
            (Method::Put, Place::Document { package, document }, _) if end.is_done() => {
                self.part(request, package, document);
                None
            }
            (Method::Post, Place::Seal(package), End::Answer(200, body)) => {
                let sealed = self.package(request, package)?;
                match request.to {
                    Endpoint::Importing => Some(Happened::Delivered(sealed)),
                    Endpoint::ClearingHouse => {
                        let fate = self.json::<Receipt>(body)?.package;
                        let by = request.from;
                        Some(Happened::Sealed {
                            by,
                            package: sealed,
                            fate,
                        })
                    }
                    Endpoint::Requesting
                    | Endpoint::Spine
                    | Endpoint::Sending
                    | Endpoint::Store
                    | Endpoint::Sds
                    | Endpoint::Pds
                    | Endpoint::Office
                    | Endpoint::Desk
                    | Endpoint::Board
                    | Endpoint::Hub
                    | Endpoint::Clinic
                    | Endpoint::Mailbox => None,
                }
            }
            (Method::Delete, Place::Package(package), _) => Some(Happened::GivenUp {
                by: request.from,
                patient: self.openings.get(package)?.patient,
            }),
            (_, _, _) => None,
        }
    }

    /// A piece of a document was taken; one that was taken before is not counted again.
    fn part(&mut self, request: &Request, package: &str, document: &str) {
        let range = request.headers.get("Content-Range");
        let (Some(range), Some(content)) = (
            range.and_then(ContentRange::parse),
            self.bodies.body(&request.body.sha256),
        ) else {
            return;
        };
        let key = (request.to, package.to_owned(), document.to_owned());
        let part = self.parts.entry(key).or_insert_with(|| Part {
            received: 0,
            hasher: Sha256::hasher(),
        });
        if range.start == part.received {
            part.hasher.update(&content);
            part.received = range.end;
        }
    }

    fn package(&self, request: &Request, package: &str) -> Option<Package> {
        let contents: Contents = self.json(request.body)?;
        let opening = self
            .openings
            .get(package)
            .or_else(|| self.openings.get(package.strip_suffix("-copy")?));
        let carried = contents.documents.into_iter().map(|packed| {
            let id = packed.document.as_str().to_owned();
            let key = (request.to, package.to_owned(), id);
            let part = self.parts.get(&key);
            let travelled = part.map(|part| part.hasher.clone().finish());
            let (sha256, bytes) = travelled.unwrap_or_else(|| (Sha256::of(&[]), 0));
            Carried {
                document: packed.document,
                file_name: packed.file_name,
                sha256,
                bytes,
            }
        });
        Some(Package {
            id: package.to_owned(),
            patient: opening?.patient,
            opening: opening.cloned(),
            documents: carried.collect(),
            record: contents.record,
        })
    }

    /// What practice, desk and board say to each other.
    fn word(&self, request: &Request, end: End) -> Option<Happened> {
        if request.method != Method::Post {
            return None;
        }
        match Place::of(&request.path)? {
            Place::Tickets => Some(Happened::Ticket {
                ticket: self.json(request.body)?,
                taken: end.is_done(),
            }),
            Place::Permissions if end.is_done() => {
                Some(Happened::PermissionAsked(self.json(request.body)?))
            }
            Place::Rulings => Some(Happened::RulingTaken {
                role: role(request),
                taken: end.is_done(),
            }),
            Place::RestoreOrders if end.is_done() => {
                Some(Happened::RestoreOrdered(self.json(request.body)?))
            }
            Place::Case(patient) if end.is_done() => Some(Happened::Told {
                patient: NhsNumber::parse(patient).ok()?,
                word: self.json(request.body)?,
            }),
            Place::Package(_)
            | Place::Document { .. }
            | Place::Record(_)
            | Place::Seal(_)
            | Place::PackagesOf(_)
            | Place::Case(_)
            | Place::Permissions
            | Place::RestoreOrders
            | Place::Audit => None,
        }
    }

    fn json<T: DeserializeOwned>(&self, body: BodyRef) -> Option<T> {
        serde_json::from_slice(&self.bodies.body(&body.sha256)?).ok()
    }
}

/// A request that changes a document of the store.
fn store_step(request: &Request, stage: Stage) -> Option<StoreStep> {
    let below = request.path.strip_prefix("/Binary/")?;
    let (document, operation) = match (request.method, below.split_once('/')) {
        (Method::Delete, None) => (below, DocumentOperation::Delete),
        (Method::Post, Some((document, "$archive"))) => (document, DocumentOperation::Archive),
        (Method::Post, Some((document, "$restore"))) => (document, DocumentOperation::Restore),
        (Method::Post, Some((document, "$waive"))) => (document, DocumentOperation::Waive),
        (_, _) => return None,
    };
    Some(StoreStep {
        by: request.from,
        role: role(request),
        operation,
        document: DocumentId::parse(document).ok()?,
        stage,
    })
}

fn role(request: &Request) -> Option<ActingRole> {
    request.headers.get("Acting-Role")?.parse().ok()
}

fn resources(bundle: &Value) -> impl Iterator<Item = &Value> {
    let entries = bundle.get("entry").and_then(Value::as_array);
    let entries = entries.into_iter().flatten();
    entries.filter_map(|entry| entry.get("resource"))
}

fn seen(reference: &Value) -> Option<Seen> {
    let attachment = reference.pointer("/content/0/attachment")?;
    let extensions = attachment.get("extension").and_then(Value::as_array);
    let mut extensions = extensions.into_iter().flatten();
    let digest = extensions.find_map(|extension| {
        let url = extension.get("url")?.as_str()?;
        let value = extension.get("valueString")?.as_str()?;
        url.ends_with("sha-256").then(|| value.parse().ok())?
    });
    Some(Seen {
        document: DocumentId::parse(reference.get("id")?.as_str()?).ok()?,
        file_name: attachment.get("title")?.as_str()?.to_owned(),
        sha256: digest,
    })
}

/// Operation and role of an entry that says no.
fn refused(entry: &Value) -> Option<(String, String)> {
    if entry.get("outcome")?.as_str()? != "4" {
        return None;
    }
    let operation = entry.pointer("/type/code")?.as_str()?;
    let role = entry.pointer("/agent/0/role/0/text")?.as_str()?;
    Some((operation.to_owned(), role.to_owned()))
}

impl Happened {
    /// Whose case it belongs to, where it says so.
    pub const fn patient(&self) -> Option<NhsNumber> {
        match self {
            Self::Filed(Filed { patient, .. })
            | Self::Wished { patient, .. }
            | Self::Declined { patient, .. }
            | Self::Listed { patient, .. }
            | Self::GivenUp { patient, .. }
            | Self::Told { patient, .. }
            | Self::Opened {
                opening: Opening { patient, .. },
                ..
            }
            | Self::Sealed {
                package: Package { patient, .. },
                ..
            }
            | Self::Delivered(Package { patient, .. })
            | Self::PermissionAsked(PermissionRequest { patient, .. })
            | Self::RestoreOrdered(RestoreOrder { patient, .. }) => Some(*patient),
            Self::Ticket { ticket, .. } => ticket.patient,
            Self::Store(_)
            | Self::State { .. }
            | Self::Audited { .. }
            | Self::Ruled { .. }
            | Self::RulingTaken { .. }
            | Self::Ended => None,
        }
    }
}

/// What a word of the desk means for the ticket.
pub const fn closes(outcome: DeskOutcome) -> bool {
    match outcome {
        DeskOutcome::Closed | DeskOutcome::Kept => true,
        DeskOutcome::NeverMade | DeskOutcome::Restored => false,
    }
}
