//! The document store of a practice: the letters and scans that belong to its patients' records,
//! read as GP Connect does (FHIR STU3), and an interface of its own to archive, delete and restore.
//!
//! # HTTP interface
//!
//! Below the base address of the store ([`StoreConfig::base`]); every GET is also a HEAD.
//!
//! | request | answer | `Ssp-InteractionID` |
//! |---|---|---|
//! | `GET /Patient?identifier=https://fhir.nhs.uk/Id/nhs-number\|{number}` | `Bundle` of none or one `Patient` | `urn:nhs:names:services:gpconnect:documents:fhir:rest:search:patient-1` |
//! | `GET /Patient/{id}/DocumentReference` | `Bundle` of the documents in the record | `...:documents:fhir:rest:search:documentreference-1` |
//! | `POST /Patient/$gpc.migratestructuredrecord` | `Bundle` with the structured record | `urn:nhs:names:services:gpconnect:fhir:operation:gpc.migratestructuredrecord-1` |
//! | `GET /records/{number}` | the structured record as XML: the record source | none |
//! | `GET /Binary/{id}` | the content of a document | `...:documents:fhir:rest:migrate:binary-1` or `...:read:binary-1` |
//! | `DELETE /Binary/{id}` | 204 | `urn:gp2gp:store:manage-1`, as all below |
//! | `POST /Binary/{id}/$archive`, `$restore`, `$lock`, `$unlock`, `$waive` | 200, the state as below | |
//! | `GET /Binary/{id}/$state` | `Parameters`: `document`, `state`, `inRecord`, `restorable`, `sha256`, `size` | |
//! | `GET /$audit`, `GET /$audit?document={id}` | `Bundle` of `AuditEvent`, oldest first | |
//!
//! ## Request headers
//!
//! - `Ssp-From`, `Ssp-To` (the ASID of the practice), `Ssp-TraceID`, `Ssp-InteractionID`: 400
//!   without, or with another store or interaction.
//! - `Authorization: Bearer` and an unsigned JWT with `iss`, `sub`, `aud` (the base address), `iat`
//!   and `exp` (whole seconds), `reason_for_request` (`migration` or `directcare`),
//!   `requesting_device`, `requesting_organization`, `requesting_practitioner`: 401 where it is
//!   missing, malformed or expired; 403 where it is meant for another address or reason.
//! - `Acting-Role: system`, `practice-user`, `support-desk` or `health-board`. The GP Connect
//!   requests may do without and are the system's; the others may not (400). Who may do what is
//!   [`ActingRole::may`](gp2gp_model::store::ActingRole::may): 403 otherwise.
//!
//! ## A document
//!
//! An entry of the list has `content[0].attachment` with an absolute `url`, `contentType`, `size`,
//! `title` (the file name), the extension `urn:gp2gp:store:sha-256` (`valueString`, hex), and up to
//! 5 000 000 bytes a `hash` (SHA-1, base64). The `url` is fetched as `application/fhir+json` (also without `Accept` and
//! for `*/*`): a `Binary` with base64 `content`; or as its own media type or
//! `application/octet-stream`: its bytes, of which `Range: bytes=a-b` gets a part (206, or 416 with
//! `Content-Range: bytes */{size}`; several ranges at once are ignored). `ETag` is the digest, and
//! `If-Range` is understood. A peer in a run gives at most [`WHOLE_BYTES`] in one answer (422
//! above): larger documents are read by ranges. On a socket of its own ([`crate::serve`]) the store
//! streams them whole.
//!
//! ## Refusals
//!
//! Every refusal is an `OperationOutcome` that says in `diagnostics` what was found: 403
//! `NO_RELATIONSHIP`, 404 `PATIENT_NOT_FOUND` and `NO_RECORD_FOUND`, 405, 406, 409 (the state of the
//! document does not allow it), 410 (deleted), 415 (a type that cannot be given), 416, 422
//! `INVALID_NHS_NUMBER`, `INVALID_PARAMETER` and `INVALID_RESOURCE`, 423 (locked), and 5xx.
//!
//! # The record source
//!
//! What a practice's system knows without asking anybody, a foreign one is told at
//! `GET /records/{number}`: the record as [`RecordSpec::record`] writes it, `application/xml`, 404 where
//! there is none or an empty one. No national service is like it, so it takes no token: `Ssp-From` must be
//! the practice itself (403 `NO_RELATIONSHIP`), `Ssp-To` and `Ssp-TraceID` are as everywhere.
//!
//! # States
//!
//! [`DocumentState::after`](gp2gp_model::store::DocumentState::after) is the whole table. Whatever
//! is asked, done or refused stands in the audit trail, to which entries are only added.

mod access;
mod audit;
mod binary;
mod faults;
mod fhir;
mod kept;
mod outcome;
mod record;
mod reply;
mod request;
mod route;
mod shelf;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use gp2gp_model::fault::Fault;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::plan::{Act, MissingReason};
use gp2gp_model::store::{ActingRole, DeletePolicy, DocumentOperation};
use gp2gp_model::trace::Observation;
use gp2gp_model::{Asid, DocumentId, NhsNumber, OdsCode, Time};
use gp2gp_sim::Streams;
use gp2gp_wire::fhir::searchset;
use serde_json::{Value, json};

use self::binary::Wanted;
use self::faults::{Faults, Fired, Occasion, StoreFault};
use self::fhir::Misstated;
use self::kept::Kept;
use self::outcome::{Code, Refusal};
use self::reply::{FHIR_JSON, XML};
use self::route::Route;
use self::shelf::Shelf;
use crate::peer::{AnswerId, Conduct, Deadline, HttpRequest, Input, Notice, Output, Peer};
use crate::synthetic::{DocumentSpec, RecordSpec};

pub use access::ACTING_ROLE;
pub use fhir::SHA_256;
pub use reply::{Body, Content, Reply};
pub use request::{Requester, TOKEN_LIFETIME};
pub use route::Operation;
pub use shelf::{Digests, Document, Entry};

/// Largest body that a store gives as a peer in a run, in bytes.
pub const WHOLE_BYTES: u64 = crate::serve::BODY_BYTES as u64;

/// What a store is and holds.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Address below which its paths are, without a slash at its end: what tokens are meant for
    /// and what the addresses of documents begin with.
    pub base: String,
    /// The practice's system on Spine.
    pub asid: Asid,
    /// The practice.
    pub practice: OdsCode,
    /// What it asks before it deletes.
    pub policy: DeletePolicy,
    /// The patients.
    pub patients: Vec<StoredPatient>,
    /// What goes wrong on purpose.
    pub faults: Vec<Fault>,
    /// When the run began: times of faults count from here.
    pub started: Time,
}

/// A patient and what is held of them.
#[derive(Debug, Clone)]
pub struct StoredPatient {
    /// The structured record; the patient is in it. Without a size there is no record.
    pub record: RecordSpec,
    /// The documents, in order.
    pub documents: Vec<(DocumentSpec, Option<MissingReason>)>,
}

/// A document store.
#[derive(Debug)]
pub struct Store {
    base: String,
    asid: Asid,
    practice: OdsCode,
    /// By their logical ids.
    patients: BTreeMap<String, RecordSpec>,
    shelf: Shelf,
    kept: Kept,
    /// What has not come yet, by the number of the arrival.
    arriving: BTreeMap<usize, Document>,
    faults: Faults,
    /// Tokens that expired before their time.
    expired: BTreeSet<String>,
    outputs: VecDeque<Output>,
    late: BTreeMap<(Time, AnswerId), Output>,
}

/// What a request is known to be, as far as it was read.
#[derive(Debug, Default)]
struct Known {
    role: Option<ActingRole>,
    operation: Option<Operation>,
    document: Option<DocumentId>,
    /// What was planned to go wrong with it.
    fired: Vec<Fired>,
}

impl Store {
    /// A store at the beginning of a run. Streams once through every document for its digests.
    pub fn new(config: StoreConfig, streams: Streams) -> Self {
        let mut documents = Vec::new();
        let mut patients = BTreeMap::new();
        for (number, patient) in (1..).zip(config.patients) {
            let nhs_number = patient.record.patient.nhs_number;
            documents.extend(
                (patient.documents.into_iter())
                    .map(|(spec, missing)| Document::new(nhs_number, spec, missing)),
            );
            patients.insert(format!("patient-{number}"), patient.record);
        }
        Self {
            base: config.base,
            asid: config.asid,
            practice: config.practice,
            patients,
            shelf: Shelf::new(config.policy, documents),
            kept: Kept::default(),
            arriving: BTreeMap::new(),
            faults: Faults::new(config.faults, config.started, streams),
            expired: BTreeSet::new(),
            outputs: VecDeque::new(),
            late: BTreeMap::new(),
        }
    }

    /// The same store at another base address: where it is served.
    #[must_use]
    pub fn at(self, base: String) -> Self {
        Self { base, ..self }
    }

    /// The same store that will get these documents during the run, by their order.
    #[must_use]
    pub fn with_arrivals(self, documents: Vec<Document>) -> Self {
        let arriving = documents.into_iter().enumerate().collect();
        Self { arriving, ..self }
    }

    /// The same store, broken: it lets everybody do everything.
    #[must_use]
    pub fn where_everybody_may(mut self) -> Self {
        self.shelf.everybody_may = true;
        self
    }

    /// Every document that there is or was, in order.
    pub fn documents(&self) -> &[Document] {
        self.shelf.documents()
    }

    /// The audit trail, oldest first.
    pub fn audit(&self) -> &[Entry] {
        self.shelf.audit()
    }

    /// The answer to a request, and the names of the planned faults that acted on it.
    pub fn reply(&mut self, now: Time, request: &HttpRequest) -> (Reply, Vec<String>) {
        self.answer(now, request, u64::MAX)
    }

    /// The same with at most so many bytes of body.
    fn answer(&mut self, now: Time, request: &HttpRequest, at_most: u64) -> (Reply, Vec<String>) {
        let mut known = Known::default();
        let served = (self.serve(now, request, &mut known)).and_then(|reply| {
            let wanted = reply.body.len();
            if request.method == Method::Head || wanted <= at_most {
                return Ok(reply);
            }
            let why =
                format!("{wanted} bytes are asked for, at most {at_most} are given: use Range");
            Err(Refusal::new(Code::InvalidParameter, why))
        });
        let outcome = served.as_ref().err();
        let outcome = outcome.map_or_else(String::new, |refusal| refusal.diagnostics.clone());
        let mut reply = served.unwrap_or_else(Refusal::into_reply);
        if known.was_taken() {
            self.shelf.record(Entry {
                at: now,
                role: known.role,
                from: request.headers.get("Ssp-From").map(str::to_owned),
                operation: known.operation,
                document: known.document,
                status: reply.status,
                outcome,
            });
        }
        for fired in &known.fired {
            carry(&mut reply, fired.fault);
        }
        if request.method == Method::Head {
            reply = reply.without_body();
        }
        let names = known.fired.into_iter().map(|fired| fired.name).collect();
        (reply, names)
    }

    fn serve(
        &mut self,
        now: Time,
        request: &HttpRequest,
        known: &mut Known,
    ) -> Result<Reply, Refusal> {
        let route = Route::of(request.method, &request.path)?;
        let operation = route.operation();
        known.operation = Some(operation);
        known.document = route.document().cloned();
        let headers = &request.headers;
        let token = self.admit(now, headers, &route)?;
        let role = access::acting_role(headers, operation)?;
        known.role = Some(role);
        if let Route::Document { id, operation } = route {
            return self.serve_document(now, request, known, role, &id, operation);
        }
        known.fired.extend(
            self.faults
                .on_request(now, Occasion::without_document(operation)),
        );
        self.meet(now, known.fault(), token, None)?;
        if !known.was_taken() {
            return Ok(Reply::empty(503));
        }
        match route {
            Route::FindPatient { identifier } => self.find(&identifier),
            Route::List { patient } => self.list(now, &patient, known),
            Route::Record => self.structured_record(request),
            Route::RecordSource { patient } => {
                let (_, record) = self.record_of(patient)?;
                Ok(Reply::whole(200, XML, record.record()))
            }
            Route::State { id } | Route::Document { id, .. } => {
                Ok(json_reply(&state(self.shelf.document(&id)?)))
            }
            Route::Audit { document } => Ok(json_reply(&audit::bundle(
                self.shelf.audit(),
                document.as_ref(),
            ))),
        }
    }

    /// Lets somebody in, and gives the token that they bear: the record source needs none.
    fn admit<'r>(
        &self,
        now: Time,
        headers: &'r Headers,
        route: &Route,
    ) -> Result<&'r str, Refusal> {
        if let Route::RecordSource { .. } = route {
            access::check_practice(headers, &self.asid)?;
            return Ok("");
        }
        access::check_proxy(headers, &self.asid, route.operation())?;
        let token = access::check_token(headers, now, &self.base)?;
        if self.expired.contains(token) {
            return Err(access::unauthorized("token has expired"));
        }
        Ok(token)
    }

    fn serve_document(
        &mut self,
        now: Time,
        request: &HttpRequest,
        known: &mut Known,
        role: ActingRole,
        id: &DocumentId,
        operation: DocumentOperation,
    ) -> Result<Reply, Refusal> {
        let document = self.shelf.check(role, id, operation)?;
        let wanted = Wanted::read(&request.headers, document);
        let occasion = Occasion {
            operation: Operation::Document(operation),
            document: Some((&document.spec.file_name, document.spec.bytes)),
            is_past_the_start: wanted.as_ref().is_ok_and(Wanted::is_past_the_start),
        };
        known.fired.extend(self.faults.on_request(now, occasion));
        let token = access::token(&request.headers).unwrap_or_default();
        self.meet(now, known.fault(), token, Some(id))?;
        if !known.was_taken() {
            return Ok(Reply::empty(503));
        }
        let document = self.shelf.act(role, id, operation)?;
        match operation {
            DocumentOperation::Read => {
                if let Some(refusal) = binary::standing_refusal(document) {
                    return Err(refusal);
                }
                binary::reply(document, &mut self.kept, &request.headers, known.fault())
            }
            DocumentOperation::Delete => Ok(Reply::empty(204)),
            DocumentOperation::Archive
            | DocumentOperation::Restore
            | DocumentOperation::Lock
            | DocumentOperation::Unlock
            | DocumentOperation::Waive => Ok(json_reply(&state(document))),
        }
    }

    /// What a fault does before anything is done.
    fn meet(
        &mut self,
        now: Time,
        fault: Option<StoreFault>,
        token: &str,
        document: Option<&DocumentId>,
    ) -> Result<(), Refusal> {
        match (fault, document) {
            (Some(StoreFault::Refuse(status)), _) => {
                let why = format!("the store answers {status}");
                Err(Refusal::new(Code::Planned(status), why))
            }
            (Some(StoreFault::Locked), _) => Err(Refusal::new(
                Code::Locked,
                "document is open at another desk",
            )),
            (Some(StoreFault::TokenExpired), _) => {
                self.expired.insert(token.to_owned());
                Err(access::unauthorized(
                    "token expired while the document was read",
                ))
            }
            (Some(StoreFault::DeletedMeanwhile), Some(id)) => self.delete_meanwhile(now, id),
            (
                Some(
                    StoreFault::DeletedMeanwhile
                    | StoreFault::WrongType
                    | StoreFault::ZeroBytes
                    | StoreFault::BadBinary
                    | StoreFault::WrongSize
                    | StoreFault::Reset
                    | StoreFault::LoseAnswer
                    | StoreFault::Silence
                    | StoreFault::Truncate(_)
                    | StoreFault::Slow(_)
                    | StoreFault::Delay(_),
                )
                | None,
                _,
            ) => Ok(()),
        }
    }

    /// The desk archives and deletes a document while somebody else is about to read it.
    fn delete_meanwhile(&mut self, now: Time, id: &DocumentId) -> Result<(), Refusal> {
        let role = ActingRole::SupportDesk;
        for operation in [DocumentOperation::Archive, DocumentOperation::Delete] {
            self.shelf.act(role, id, operation)?;
            self.shelf.record(Entry {
                at: now,
                role: Some(role),
                from: None,
                operation: Some(Operation::Document(operation)),
                document: Some(id.clone()),
                status: 200,
                outcome: String::new(),
            });
        }
        Ok(())
    }

    fn find(&self, identifier: &str) -> Result<Reply, Refusal> {
        let number = fhir::nhs_number(identifier)
            .map_err(|why| Refusal::new(Code::InvalidNhsNumber, why))?;
        let found: Vec<Value> = (self.patients.iter())
            .filter(|(_, record)| record.patient.nhs_number == number)
            .map(|(id, record)| fhir::patient(&record.patient, id, &self.practice))
            .collect();
        Ok(json_reply(&searchset(&found)))
    }

    fn list(&mut self, now: Time, patient: &str, known: &mut Known) -> Result<Reply, Refusal> {
        let record = (self.patients.get(patient))
            .ok_or_else(|| Refusal::new(Code::PatientNotFound, format!("no patient {patient}")))?;
        let number = record.patient.nhs_number;
        let mut listed = Vec::new();
        for document in self.shelf.documents() {
            if document.patient != number || !document.is_listed() {
                continue;
            }
            let spec = &document.spec;
            let fired = self.faults.on_listed(now, (&spec.file_name, spec.bytes));
            let misstated = Misstated::by(fired.as_ref().map(|fired| fired.fault), document);
            known.fired.extend(fired);
            listed.push(fhir::document_reference(
                document,
                patient,
                &self.practice,
                &self.base,
                &misstated,
            ));
        }
        Ok(json_reply(&searchset(&listed)))
    }

    fn structured_record(&self, request: &HttpRequest) -> Result<Reply, Refusal> {
        let number = record::asked_for(&request.content_type, &request.body)?;
        let (id, record) = self.record_of(number)?;
        let bundle = record::bundle(record, id, &self.base)?;
        Ok(Reply::whole(200, FHIR_JSON, bundle))
    }

    fn record_of(&self, number: NhsNumber) -> Result<(&String, &RecordSpec), Refusal> {
        let mut patients = self.patients.iter();
        let found = patients.find(|(_, record)| record.patient.nhs_number == number);
        let (id, record) = found.ok_or_else(|| {
            let why = format!("no patient with nhs number {number}");
            Refusal::new(Code::PatientNotFound, why)
        })?;
        if record.target_bytes == 0 {
            let why = format!("the record of {number} is empty");
            return Err(Refusal::new(Code::NoRecordFound, why));
        }
        Ok((id, record))
    }

    fn take(&mut self, now: Time, id: AnswerId, request: &HttpRequest) {
        let (reply, fired) = self.answer(now, request, WHOLE_BYTES);
        self.outputs
            .extend(fired.into_iter().map(Output::FaultFired));
        let at = now + reply.delay;
        let answer = Output::Answer {
            id,
            conduct: reply.conduct,
            response: reply.into_response(),
        };
        if at > now {
            self.late.insert((at, id), answer);
        } else {
            self.outputs.push_back(answer);
        }
    }
}

impl Known {
    fn fault(&self) -> Option<StoreFault> {
        self.fired.first().map(|fired| fired.fault)
    }

    /// Whether the request got as far as the store.
    fn was_taken(&self) -> bool {
        !(self.fired.iter())
            .any(|fired| matches!(fired.fault, StoreFault::Reset | StoreFault::Silence))
    }
}

/// What a fault does to an answer on its way.
fn carry(reply: &mut Reply, fault: StoreFault) {
    match fault {
        StoreFault::Reset | StoreFault::LoseAnswer => reply.conduct = Conduct::Reset,
        StoreFault::Silence => reply.conduct = Conduct::Silent,
        StoreFault::Truncate(percent) => reply.conduct = Conduct::Truncate { percent },
        StoreFault::Slow(bytes_per_second) => reply.conduct = Conduct::Slow { bytes_per_second },
        StoreFault::Delay(by) => reply.delay = by,
        StoreFault::Refuse(_)
        | StoreFault::Locked
        | StoreFault::DeletedMeanwhile
        | StoreFault::WrongType
        | StoreFault::ZeroBytes
        | StoreFault::BadBinary
        | StoreFault::TokenExpired
        | StoreFault::WrongSize => {}
    }
}

fn json_reply(resource: &Value) -> Reply {
    Reply::whole(200, FHIR_JSON, resource.to_string())
}

fn state(document: &Document) -> Value {
    let text = |name: &str, value: &str| json!({ "name": name, "valueString": value });
    let flag = |name: &str, value: bool| json!({ "name": name, "valueBoolean": value });
    json!({
        "resourceType": "Parameters",
        "parameter": [
            text("document", document.number.as_str()),
            text("state", document.state.name()),
            flag("inRecord", document.state.is_in_record()),
            flag("restorable", document.state.is_restorable()),
            text("sha256", &document.digests.sha256.to_string()),
            { "name": "size", "valueUnsignedInt": document.spec.bytes },
        ],
    })
}

impl Peer for Store {
    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Request { id, request } => self.take(now, id, &request),
            // A store posts nothing.
            Input::Response { .. } | Input::Failed { .. } | Input::Condition(_) => {}
            Input::Act(Act::File { arrival, .. }) => {
                let document = self.arriving.remove(&arrival);
                document.into_iter().for_each(|it| self.shelf.file(it));
            }
            Input::Act(act) => {
                let notice = Notice::NotSupported(act);
                self.outputs.push_back(Output::Notice(notice));
            }
        }
    }

    fn handle_timeout(&mut self, now: Time) {
        while let Some(entry) = self.late.first_entry() {
            if entry.key().0 > now {
                break;
            }
            self.outputs.push_back(entry.remove());
        }
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let ((at, _), _) = self.late.first_key_value()?;
        Some(Deadline {
            at: *at,
            why: "late answer of the document store",
        })
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn observe(&self) -> Vec<Observation> {
        let observed = |document: &Document| Observation::InStore {
            patient: document.patient,
            document: document.number.clone(),
            file_name: document.spec.file_name.clone(),
            state: document.state,
            sha256: document.digests.sha256,
            bytes: document.spec.bytes,
        };
        self.shelf.documents().iter().map(observed).collect()
    }
}
