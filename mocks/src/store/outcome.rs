//! Refusals as FHIR `OperationOutcome`s.

use gp2gp_model::http::Headers;
use gp2gp_model::store::Denied;
use serde_json::json;

use super::reply::{FHIR_JSON, Reply};

/// Why a request is not served. Becomes an `OperationOutcome`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: Code,
    /// For people: what was found, in the words of the request.
    pub(super) diagnostics: String,
    pub(super) headers: Headers,
}

/// What kind of refusal: decides the status and the codes of the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Code {
    /// 400: a header is missing or not what it should be.
    BadRequest,
    /// 401: the token is missing, malformed or expired.
    Unauthorized,
    /// 403: known, and not allowed.
    AccessDenied,
    /// 403: the practice has no legitimate relationship with the patient.
    NoRelationship,
    /// 404: no such patient.
    PatientNotFound,
    /// 404: no such record or document.
    NoRecordFound,
    /// 404: no such path.
    NoSuchPath,
    /// 405: the path knows other methods.
    MethodNotAllowed,
    /// 406: no representation that the request accepts.
    NotAcceptable,
    /// 409: the state of the document does not allow it.
    Conflict,
    /// 410: it was deleted.
    Gone,
    /// 415: the document has a type that cannot be given.
    UnsupportedType,
    /// 416: no byte of the document lies in the range.
    RangeNotSatisfiable,
    /// 422: the identifier is no NHS number.
    InvalidNhsNumber,
    /// 422: a parameter is not what it should be.
    InvalidParameter,
    /// 422: the resource is not what it should be.
    InvalidResource,
    /// 423: somebody has it open.
    Locked,
    /// 500.
    Internal,
    /// Whatever a planned fault says.
    Planned(u16),
}

const CODES: &str = "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1";
const PROFILE: &str = "https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-OperationOutcome-1";

impl Refusal {
    pub(super) fn new(code: Code, diagnostics: impl Into<String>) -> Self {
        Self {
            code,
            diagnostics: diagnostics.into(),
            headers: Headers::new(),
        }
    }

    #[must_use]
    pub(super) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(name, value);
        self
    }

    pub(super) fn into_reply(self) -> Reply {
        let Spelling {
            status,
            spine,
            display,
            issue,
        } = self.code.spelling();
        let outcome = json!({
            "resourceType": "OperationOutcome",
            "meta": { "profile": [PROFILE] },
            "issue": [{
                "severity": "error",
                "code": issue,
                "details": {
                    "coding": [{ "system": CODES, "code": spine, "display": display }],
                },
                "diagnostics": self.diagnostics,
            }],
        });
        Reply::whole(status, FHIR_JSON, outcome.to_string()).with_headers(&self.headers)
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        let code = match denied {
            Denied::Locked => Code::Locked,
            Denied::Gone => Code::Gone,
            Denied::NoArchiveCopy
            | Denied::NotRestorable
            | Denied::NothingToRestore
            | Denied::NotLocked
            | Denied::IsArchived => Code::Conflict,
        };
        Self::new(code, denied.to_string())
    }
}

/// How a refusal is written.
struct Spelling {
    status: u16,
    spine: &'static str,
    display: &'static str,
    /// FHIR issue type.
    issue: &'static str,
}

impl Code {
    const fn spelling(self) -> Spelling {
        let (status, spine, display, issue) = match self {
            Self::BadRequest => (400, "BAD_REQUEST", "Bad request", "invalid"),
            Self::Unauthorized => (401, "ACCESS_DENIED", "Access denied", "login"),
            Self::AccessDenied => (403, "ACCESS_DENIED", "Access denied", "forbidden"),
            Self::NoRelationship => (403, "NO_RELATIONSHIP", "No relationship", "forbidden"),
            Self::PatientNotFound => (404, "PATIENT_NOT_FOUND", "Patient not found", "not-found"),
            Self::NoRecordFound => (404, "NO_RECORD_FOUND", "No record found", "not-found"),
            Self::NoSuchPath => (
                404,
                "REFERENCE_NOT_FOUND",
                "Reference not found",
                "not-found",
            ),
            Self::MethodNotAllowed => (405, "NOT_IMPLEMENTED", "Not implemented", "not-supported"),
            Self::NotAcceptable => (406, "NOT_IMPLEMENTED", "Not implemented", "not-supported"),
            Self::Conflict => (409, "CURRENT_STATE", "Not in this state", "conflict"),
            Self::Gone => (410, "NO_RECORD_FOUND", "No record found", "not-found"),
            Self::UnsupportedType => (
                415,
                "UNSUPPORTED_MEDIA_TYPE",
                "Unsupported media type",
                "not-supported",
            ),
            Self::RangeNotSatisfiable => (416, "INVALID_PARAMETER", "Invalid parameter", "value"),
            Self::InvalidNhsNumber => (422, "INVALID_NHS_NUMBER", "Invalid NHS number", "value"),
            Self::InvalidParameter => (422, "INVALID_PARAMETER", "Invalid parameter", "value"),
            Self::InvalidResource => (422, "INVALID_RESOURCE", "Invalid resource", "structure"),
            Self::Locked => (423, "RESOURCE_LOCKED", "Resource locked", "lock-error"),
            Self::Internal => (
                500,
                "INTERNAL_SERVER_ERROR",
                "Internal server error",
                "exception",
            ),
            Self::Planned(status) => return planned(status),
        };
        Spelling {
            status,
            spine,
            display,
            issue,
        }
    }
}

/// The outcome that belongs to a status.
const fn planned(status: u16) -> Spelling {
    let usual = match status {
        400 => Code::BadRequest,
        401 => Code::Unauthorized,
        403 => Code::NoRelationship,
        404 => Code::NoRecordFound,
        410 => Code::Gone,
        422 => Code::InvalidResource,
        423 => Code::Locked,
        _ => Code::Internal,
    };
    let mut spelling = usual.spelling();
    spelling.status = status;
    match status {
        503 => spelling.issue = "transient",
        507 => spelling.issue = "no-store",
        _ => {}
    }
    spelling
}
