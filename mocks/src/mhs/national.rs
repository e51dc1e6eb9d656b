//! What a practice system asks SDS, PDS and the registry of practices and GPs, and how it takes the
//! answers.

use bytes::Bytes;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::pds::{GeneralPractitioner, RecordVersion};
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{GpCode, NhsNumber, OdsCode, Time};
use gp2gp_sim::Ids;
use gp2gp_wire::fhir::{API_KEY, CORRELATION_ID, FHIR_JSON, FhirError, Outcome, REQUEST_ID};
use gp2gp_wire::{pds, registry, sds};

use super::enquiries::{Enquiries, Unanswered};
use crate::peer::{HttpRequest, HttpResponse};

/// Asks the national services in the name of a practice system.
#[derive(Debug)]
pub struct National<T> {
    key: String,
    ids: Ids,
    pub(crate) enquiries: Enquiries<T>,
}

/// Why a service did not say what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No answer, or only that it cannot answer now.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    /// It answered, and refuses.
    #[error("http status {status}: {why}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Code of the outcome, if it gives one.
        code: Option<String>,
        /// Code and words of the outcome.
        why: String,
    },
    /// The answer cannot be read.
    #[error("the answer cannot be read: {0}")]
    Unreadable(#[from] FhirError),
}

/// What came of a question.
pub type Answer = Result<HttpResponse, Unanswered>;

/// What PDS says of a patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// Version to be changed.
    pub version: RecordVersion,
    /// Nobody may know where the patient is.
    pub is_sensitive: bool,
    /// With whom the patient is registered.
    pub general_practitioner: GeneralPractitioner,
}

impl<T> National<T> {
    /// Asks with this key; the ids of its questions come from `ids`.
    pub fn new(key: String, ids: Ids) -> Self {
        Self {
            key,
            ids,
            enquiries: Enquiries::default(),
        }
    }

    /// Asks SDS for systems, or for addresses and contracts.
    pub fn ask_sds(&mut self, now: Time, query: &sds::Query, tag: T) {
        let request = self.get(query.path());
        self.enquiries.ask(now, Endpoint::Sds, request, tag);
    }

    /// Asks the registry where a GP works.
    pub fn ask_where_a_gp_works(&mut self, now: Time, gp: GpCode, tag: T) {
        let request = self.get(registry::Query::Roles(gp).path());
        self.enquiries.ask(now, Endpoint::Sds, request, tag);
    }

    /// Asks the registry about a practice.
    pub fn ask_about_a_practice(&mut self, now: Time, ods: &OdsCode, tag: T) {
        let request = self.get(registry::Query::Organisation(ods.clone()).path());
        self.enquiries.ask(now, Endpoint::Sds, request, tag);
    }

    /// Asks PDS for a patient.
    pub fn trace(&mut self, now: Time, patient: NhsNumber, tag: T) {
        let request = self.get(pds::patient_path(patient));
        self.enquiries.ask(now, Endpoint::Pds, request, tag);
    }

    /// Registers a patient at PDS with somebody else than before, if nobody changed the record since.
    pub fn register(
        &mut self,
        now: Time,
        patient: NhsNumber,
        traced: &Traced,
        with: &GeneralPractitioner,
        tag: T,
    ) {
        let patch = pds::Patch::registration(&traced.general_practitioner, with);
        let body = patch.map_or_else(String::new, |patch| patch.to_json().to_string());
        let mut request = self.get(pds::patient_path(patient));
        request.method = Method::Patch;
        request.content_type = pds::JSON_PATCH.to_owned();
        request.headers = request.headers.with("If-Match", pds::etag(traced.version));
        request.body = Bytes::from(body);
        self.enquiries.ask(now, Endpoint::Pds, request, tag);
    }

    fn get(&mut self, path: String) -> HttpRequest {
        HttpRequest {
            method: Method::Get,
            path,
            soap_action: None,
            content_type: String::new(),
            headers: Headers::new()
                .with("Accept", FHIR_JSON)
                .with(API_KEY, self.key.clone())
                .with(CORRELATION_ID, self.ids.next_uuid())
                .with(REQUEST_ID, self.ids.next_uuid()),
            body: Bytes::new(),
        }
    }
}

/// The body of a good answer.
fn body(answer: Answer) -> Result<HttpResponse, Failure> {
    let response = answer?;
    if response.status == 200 {
        return Ok(response);
    }
    let outcome = Outcome::parse(&response.body).ok();
    Err(Failure::Refused {
        status: response.status,
        why: (outcome.as_ref()).map_or_else(
            || "without a word why".to_owned(),
            |outcome| format!("{} {}", outcome.code, outcome.diagnostics),
        ),
        code: outcome.map(|outcome| outcome.code),
    })
}

/// The systems that SDS lists.
pub fn devices(answer: Answer) -> Result<Vec<sds::Device>, Failure> {
    Ok(sds::devices(&body(answer)?.body)?)
}

/// The addresses and contracts that SDS lists.
pub fn endpoints(answer: Answer) -> Result<Vec<sds::EndpointEntry>, Failure> {
    Ok(sds::endpoints(&body(answer)?.body)?)
}

/// Where a GP works and worked.
pub fn roles(answer: Answer) -> Result<Vec<registry::Role>, Failure> {
    Ok(registry::roles(&body(answer)?.body)?)
}

/// A practice, if the registry has it.
pub fn organisation(answer: Answer) -> Result<Option<registry::Organisation>, Failure> {
    match body(answer) {
        Ok(response) => Ok(Some(registry::Organisation::parse(&response.body)?)),
        Err(Failure::Refused { status: 404, .. }) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// What PDS says of a patient. The version in the header is the one that counts.
pub fn traced(answer: Answer) -> Result<Traced, Failure> {
    let response = body(answer)?;
    let patient = pds::Patient::parse(&response.body)?;
    let version = response.headers.get("ETag").and_then(pds::version_of);
    Ok(Traced {
        version: version.unwrap_or(patient.version),
        is_sensitive: match patient.confidentiality {
            pds::Confidentiality::Unrestricted => false,
            pds::Confidentiality::Restricted
            | pds::Confidentiality::VeryRestricted
            | pds::Confidentiality::Redacted => true,
        },
        general_practitioner: patient.general_practitioner,
    })
}
