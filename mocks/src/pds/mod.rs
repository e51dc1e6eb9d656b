//! PDS, the personal demographics service: with whom a patient is registered.
//!
//! # HTTP interface
//!
//! | request | answer |
//! |---|---|
//! | `GET /Patient/{number}` | the patient, with the version as `ETag: W/"n"` |
//! | `PATCH /Patient/{number}` with `If-Match: W/"n"` and a patch of `generalPractitioner` | the patient with the next version |
//!
//! [`gp2gp_wire::pds`] has both forms. Headers and refusals are those of [`crate::fhir`]. 400
//! `INVALID_RESOURCE_ID` is a number whose check digit does not fit, `INVALID_UPDATE` a patch that is
//! none, does not fit, or changes anything else; 404 `RESOURCE_NOT_FOUND` or `INVALIDATED_RESOURCE`;
//! 409 `RESOURCE_VERSION_MISMATCH` an `If-Match` of another version than the current one; 412
//! `PRECONDITION_FAILED` an `If-Match` that is missing or no version; 415 a patch of another media
//! type than `application/json-patch+json`.
//!
//! A restricted record (code R) is answered without its `generalPractitioner`.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use gp2gp_model::fault::{DemographicsOperation, Fault, Target};
use gp2gp_model::http::Method;
use gp2gp_model::pds::{GeneralPractitioner, PdsRecord};
use gp2gp_model::plan::Act;
use gp2gp_model::registry::{Era, Registry};
use gp2gp_model::trace::Observation;
use gp2gp_model::{NhsNumber, OdsCode, Time};
use gp2gp_sim::Streams;
use gp2gp_wire::pds::{
    Confidentiality, JSON_PATCH, Patch, Patient, Person, etag, patient_of, version_of,
};

use crate::fhir::{Code, Counter, Fate, Found, Refusal};
use crate::peer::{AnswerId, Deadline, HttpRequest, Input, Notice, Output, Peer};

/// What PDS holds.
#[derive(Debug, Clone)]
pub struct PdsConfig {
    /// The patients and who they are.
    pub records: Vec<(PdsRecord, Option<Person>)>,
    /// Which code it holds of a registration, and which GP works where.
    pub registry: Registry,
    /// What goes wrong on purpose.
    pub faults: Vec<Fault>,
    /// When the run began: times of faults count from here.
    pub started: Time,
}

/// The personal demographics service.
#[derive(Debug)]
pub struct Pds {
    records: BTreeMap<NhsNumber, (PdsRecord, Option<Person>)>,
    registry: Registry,
    counter: Counter,
}

impl Pds {
    /// PDS at the beginning of a run.
    pub fn new(config: PdsConfig, streams: Streams) -> Self {
        let records = config.records.into_iter();
        Self {
            records: records.map(|it| (it.0.patient, it)).collect(),
            registry: config.registry,
            counter: Counter::of_demographics(config.faults, config.started, streams),
        }
    }

    /// What it holds of a patient now.
    pub fn record(&self, patient: NhsNumber) -> Option<&PdsRecord> {
        self.records.get(&patient).map(|(record, _)| record)
    }

    fn take(&mut self, now: Time, id: AnswerId, request: &HttpRequest) {
        let mut fate = Fate::default();
        let served = self.serve(now, request, &mut fate);
        self.counter.answer(now, id, request, served, fate);
    }

    fn serve(
        &mut self,
        now: Time,
        request: &HttpRequest,
        fate: &mut Fate,
    ) -> Result<Found, Refusal> {
        let asker = Counter::identify(request)?;
        let patient =
            patient_of(&request.path).ok_or_else(|| Refusal::no_such_path(&request.path))?;
        let operation = operation(request.method)?;
        self.counter.check_headers(request)?;
        *fate = self.counter.fate(now, asker, |on| is_meant(on, operation));
        fate.meet()?;
        let number = number(patient)?;
        let (record, person) = held(&mut self.records, number)?;
        if fate.is_race() {
            record.version = record.version.next();
        }
        match operation {
            DemographicsOperation::Read | DemographicsOperation::Any => {
                Ok(found(&shown(record, person.as_ref())))
            }
            DemographicsOperation::Update => update(request, record, person.as_ref()),
        }
    }

    /// The patient registers elsewhere, and that practice tells PDS.
    fn move_on(&mut self, now: Time, patient: NhsNumber, practice: OdsCode) {
        let with = match self.registry.era {
            Era::PracticeCode => GeneralPractitioner::Practice(practice),
            Era::GpCode => {
                let mut links = self.registry.links.iter();
                let link = links.find(|link| link.practice == practice && link.holds(now));
                link.map_or(GeneralPractitioner::Nobody, |link| {
                    GeneralPractitioner::Gp(link.gp)
                })
            }
        };
        if let Some((record, _)) = self.records.get_mut(&patient) {
            register(record, with);
        }
    }
}

fn operation(method: Method) -> Result<DemographicsOperation, Refusal> {
    match method {
        Method::Get => Ok(DemographicsOperation::Read),
        Method::Patch => Ok(DemographicsOperation::Update),
        Method::Post | Method::Put | Method::Delete | Method::Head => {
            Err(Refusal::method_not_allowed(method, "GET, PATCH"))
        }
    }
}

fn is_meant(on: &Target, asked: DemographicsOperation) -> bool {
    match on {
        Target::Demographics { operation, .. } => {
            *operation == DemographicsOperation::Any || *operation == asked
        }
        Target::Directory { .. }
        | Target::Posting(_)
        | Target::Delivery(_)
        | Target::System { .. }
        | Target::Store { .. }
        | Target::Federation { .. } => false,
    }
}

fn number(text: &str) -> Result<NhsNumber, Refusal> {
    let invalid = |why: String| Refusal::new(Code::InvalidResourceId, why);
    let number = NhsNumber::parse(text).map_err(|error| invalid(error.to_string()))?;
    match number.check_digit_fits() {
        true => Ok(number),
        false => Err(invalid(format!(
            "the check digit of nhs number {number} does not fit"
        ))),
    }
}

fn held(
    records: &mut BTreeMap<NhsNumber, (PdsRecord, Option<Person>)>,
    number: NhsNumber,
) -> Result<&mut (PdsRecord, Option<Person>), Refusal> {
    let held = records.get_mut(&number).ok_or_else(|| {
        Refusal::new(
            Code::NotFound,
            format!("no patient with nhs number {number}"),
        )
    })?;
    match held.0.invalidated {
        false => Ok(held),
        true => Err(Refusal::new(
            Code::Invalidated,
            format!("nhs number {number} stands for nobody any more"),
        )),
    }
}

/// Changes the registration, if nobody else changed the record since it was read.
fn update(
    request: &HttpRequest,
    record: &mut PdsRecord,
    person: Option<&Person>,
) -> Result<Found, Refusal> {
    check_version(request, record)?;
    let media_type = request.content_type.split(';').next().unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case(JSON_PATCH) {
        let why = format!("a patch is {JSON_PATCH}, not `{}`", media_type.trim());
        return Err(Refusal::new(Code::UnsupportedMediaType, why));
    }
    let invalid =
        |error: gp2gp_wire::pds::PatchError| Refusal::new(Code::InvalidUpdate, error.to_string());
    let patch = Patch::parse(&request.body).map_err(invalid)?;
    let with = patch.apply(&whole(record, person)).map_err(invalid)?;
    register(record, with);
    let answer = found(&shown(record, person));
    if let Some(next) = record.moves_on_after_update.take() {
        register(record, next);
    }
    Ok(answer)
}

fn check_version(request: &HttpRequest, record: &PdsRecord) -> Result<(), Refusal> {
    let failed = |why: String| Refusal::new(Code::PreconditionFailed, why);
    let condition = (request.headers.get("If-Match"))
        .ok_or_else(|| failed("header If-Match is missing".to_owned()))?;
    let version = version_of(condition).ok_or_else(|| {
        let condition: String = condition.chars().take(60).collect();
        failed(format!(
            "header If-Match is `{condition}`, which is no version like {}",
            etag(record.version)
        ))
    })?;
    match version == record.version {
        true => Ok(()),
        false => Err(Refusal::new(
            Code::VersionMismatch,
            format!(
                "version {version} is not the current one, {}",
                record.version
            ),
        )),
    }
}

fn register(record: &mut PdsRecord, with: GeneralPractitioner) {
    record.general_practitioner = with;
    record.version = record.version.next();
}

fn found(patient: &Patient) -> Found {
    Found::new(patient.to_json()).with_header("ETag", etag(patient.version))
}

/// The record as it is told: of a restricted one nobody learns where the patient is.
fn shown(record: &PdsRecord, person: Option<&Person>) -> Patient {
    let patient = whole(record, person);
    match patient.confidentiality {
        Confidentiality::Unrestricted => patient,
        Confidentiality::Restricted
        | Confidentiality::VeryRestricted
        | Confidentiality::Redacted => Patient {
            general_practitioner: GeneralPractitioner::Nobody,
            ..patient
        },
    }
}

fn whole(record: &PdsRecord, person: Option<&Person>) -> Patient {
    Patient {
        nhs_number: record.patient,
        version: record.version,
        confidentiality: match record.sensitive {
            true => Confidentiality::Restricted,
            false => Confidentiality::Unrestricted,
        },
        general_practitioner: record.general_practitioner.clone(),
        person: person.cloned(),
    }
}

impl Peer for Pds {
    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Request { id, request } => self.take(now, id, &request),
            // It asks nobody.
            Input::Response { .. } | Input::Failed { .. } | Input::Condition(_) => {}
            Input::Act(Act::MoveOn { patient, practice }) => self.move_on(now, patient, practice),
            Input::Act(act) => self.counter.tell(Output::Notice(Notice::NotSupported(act))),
        }
    }

    fn handle_timeout(&mut self, now: Time) {
        self.counter.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.counter.poll_timeout()
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.counter.poll_output()
    }

    fn observe(&self) -> Vec<Observation> {
        Vec::new()
    }
}
