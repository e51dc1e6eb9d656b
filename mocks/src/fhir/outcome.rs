//! Refusals as FHIR `OperationOutcome`s.

use bytes::Bytes;
use gp2gp_model::http::{Headers, Method};
use gp2gp_wire::fhir::{FHIR_JSON, Outcome, QueryError};

use crate::peer::HttpResponse;

/// Why a request is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    code: Code,
    /// For people: what was found, in the words of the request.
    diagnostics: String,
    headers: Headers,
}

/// What kind of refusal: decides the status and the codes of the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// 400: something has to be said and is not.
    MissingValue,
    /// 400: something is said that makes no sense.
    InvalidValue,
    /// 400: no patient can have this number.
    InvalidResourceId,
    /// 400: the change is none, or does not fit.
    InvalidUpdate,
    /// 401: nobody, or a stranger.
    Unauthorised,
    /// 404: no such path.
    NoSuchPath,
    /// 404: no such patient or organisation.
    NotFound,
    /// 404: the number stands for nobody any more.
    Invalidated,
    /// 405: the path knows other methods.
    MethodNotAllowed,
    /// 406: no representation that the request accepts.
    NotAcceptable,
    /// 409: somebody else has changed it since it was read.
    VersionMismatch,
    /// 412: it does not say which version it is to change.
    PreconditionFailed,
    /// 415: changes are written in another form.
    UnsupportedMediaType,
    /// Whatever a planned fault says.
    Planned(u16),
}

const CODES: &str = "https://fhir.nhs.uk/R4/CodeSystem/Spine-ErrorOrWarningCode";

/// After so many seconds another try can help.
const RETRY_AFTER: &str = "5";

impl Refusal {
    pub(crate) fn new(code: Code, diagnostics: impl Into<String>) -> Self {
        Self {
            code,
            diagnostics: diagnostics.into(),
            headers: Headers::new(),
        }
    }

    /// 405 of a path that knows these methods.
    pub(crate) fn method_not_allowed(method: Method, allowed: &str) -> Self {
        let why = format!("method is {method}, this path knows {allowed}");
        let mut refusal = Self::new(Code::MethodNotAllowed, why);
        refusal.headers.push("Allow", allowed);
        refusal
    }

    pub(crate) fn no_such_path(path: &str) -> Self {
        let path: String = path.chars().take(100).collect();
        Self::new(Code::NoSuchPath, format!("nothing at {path}"))
    }

    pub(crate) fn into_response(mut self) -> HttpResponse {
        let Spelling {
            status,
            code,
            display,
            issue,
        } = self.code.spelling();
        if matches!(status, 429 | 503) {
            self.headers.push("Retry-After", RETRY_AFTER);
        }
        let outcome = Outcome {
            issue: issue.to_owned(),
            system: CODES.to_owned(),
            code: code.to_owned(),
            display: display.to_owned(),
            diagnostics: self.diagnostics,
        };
        HttpResponse {
            status,
            content_type: Some(FHIR_JSON.to_owned()),
            headers: self.headers,
            body: Bytes::from(outcome.to_json().to_string()),
        }
    }
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        let code = match &error {
            QueryError::NoSuchPath { .. } => Code::NoSuchPath,
            QueryError::Missing { .. } | QueryError::TooFew { .. } => Code::MissingValue,
            QueryError::Unsupported { .. }
            | QueryError::Twice { .. }
            | QueryError::System { .. }
            | QueryError::Value { .. }
            | QueryError::ForeignInteraction { .. } => Code::InvalidValue,
        };
        Self::new(code, error.to_string())
    }
}

/// How a refusal is written.
struct Spelling {
    status: u16,
    code: &'static str,
    display: &'static str,
    /// FHIR issue type.
    issue: &'static str,
}

impl Code {
    const fn spelling(self) -> Spelling {
        let (status, code, display, issue) = match self {
            Self::MissingValue => (
                400,
                "MISSING_VALUE",
                "Required value is missing",
                "required",
            ),
            Self::InvalidValue => (400, "INVALID_VALUE", "Value is invalid", "value"),
            Self::InvalidResourceId => (400, "INVALID_RESOURCE_ID", "Id is invalid", "value"),
            Self::InvalidUpdate => (400, "INVALID_UPDATE", "Update is invalid", "structure"),
            Self::Unauthorised => (401, "ACCESS_DENIED", "Access denied", "login"),
            Self::NoSuchPath => (404, "REFERENCE_NOT_FOUND", "No such path", "not-found"),
            Self::NotFound => (404, "RESOURCE_NOT_FOUND", "Resource not found", "not-found"),
            Self::Invalidated => (
                404,
                "INVALIDATED_RESOURCE",
                "Resource is invalidated",
                "not-found",
            ),
            Self::MethodNotAllowed => (405, "NOT_SUPPORTED", "Method not allowed", "not-supported"),
            Self::NotAcceptable => (406, "NOT_SUPPORTED", "Not acceptable", "not-supported"),
            Self::VersionMismatch => (
                409,
                "RESOURCE_VERSION_MISMATCH",
                "Version is not the current one",
                "conflict",
            ),
            Self::PreconditionFailed => (
                412,
                "PRECONDITION_FAILED",
                "Condition is missing or none",
                "structure",
            ),
            Self::UnsupportedMediaType => (
                415,
                "UNSUPPORTED_MEDIA_TYPE",
                "Unsupported media type",
                "not-supported",
            ),
            Self::Planned(status) => return planned(status),
        };
        Spelling {
            status,
            code,
            display,
            issue,
        }
    }
}

/// The outcome that belongs to a status.
const fn planned(status: u16) -> Spelling {
    let (code, display, issue) = match status {
        429 => ("TOO_MANY_REQUESTS", "Too many requests", "throttled"),
        503 => ("UNAVAILABLE", "Service unavailable", "transient"),
        504 => ("TIMEOUT", "Upstream timed out", "timeout"),
        500..600 => ("SERVER_ERROR", "Server error", "exception"),
        _ => {
            let usual = match status {
                401 | 403 => Code::Unauthorised,
                404 => Code::NotFound,
                405 => Code::MethodNotAllowed,
                406 => Code::NotAcceptable,
                409 => Code::VersionMismatch,
                412 => Code::PreconditionFailed,
                415 => Code::UnsupportedMediaType,
                _ => Code::InvalidValue,
            };
            let mut spelling = usual.spelling();
            spelling.status = status;
            return spelling;
        }
    };
    Spelling {
        status,
        code,
        display,
        issue,
    }
}
