//! Requests as a practice's own system writes them.

use std::ops::Range;
use std::time::Duration;

use base64_simd::URL_SAFE_NO_PAD;
use bytes::Bytes;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::store::{ActingRole, DocumentOperation};
use gp2gp_model::{Asid, NhsNumber, OdsCode, Time};
use serde_json::json;

use super::access::ACTING_ROLE;
use super::fhir::{NHS_NUMBER, ODS};
use super::record::PATIENT;
use super::reply::FHIR_JSON;
use super::route::Operation;
use crate::peer::HttpRequest;

/// How long a token is good: five minutes, as GP Connect has it.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(300);

/// A system that asks a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requester {
    /// Its own ASID.
    pub asid: Asid,
    /// Its practice.
    pub practice: OdsCode,
    /// The ASID of the store.
    pub store: Asid,
    /// The base address of the store.
    pub base: String,
}

impl Requester {
    /// Finds the patient with this number.
    pub fn find(&self, now: Time, trace: &str, patient: NhsNumber) -> HttpRequest {
        let path = format!("/Patient?identifier={NHS_NUMBER}%7C{patient}");
        self.request(now, trace, Operation::Find, Method::Get, path)
    }

    /// Lists the documents of the patient with this logical id.
    pub fn list(&self, now: Time, trace: &str, patient: &str) -> HttpRequest {
        let path = format!("/Patient/{patient}/DocumentReference");
        self.request(now, trace, Operation::List, Method::Get, path)
    }

    /// Reads the structured record of a patient.
    pub fn record(&self, now: Time, trace: &str, patient: NhsNumber) -> HttpRequest {
        let identifier = json!({ "system": NHS_NUMBER, "value": patient.to_string() });
        let parameters = json!({
            "resourceType": "Parameters",
            "parameter": [{ "name": PATIENT, "valueIdentifier": identifier }],
        });
        let path = "/Patient/$gpc.migratestructuredrecord".to_owned();
        HttpRequest {
            content_type: FHIR_JSON.to_owned(),
            body: parameters.to_string().into(),
            ..self.request(now, trace, Operation::Record, Method::Post, path)
        }
    }

    /// Asks the record source for the record of a patient.
    pub fn record_source(&self, trace: &str, patient: NhsNumber) -> HttpRequest {
        HttpRequest {
            method: Method::Get,
            path: format!("/records/{patient}"),
            soap_action: None,
            content_type: String::new(),
            headers: Headers::new()
                .with("Ssp-TraceID", trace)
                .with("Ssp-From", self.asid.as_str())
                .with("Ssp-To", self.store.as_str()),
            body: Bytes::new(),
        }
    }

    /// Reads a range of a document, as bytes, from the address that a list gave for it.
    pub fn range(&self, now: Time, trace: &str, url: &str, range: &Range<u64>) -> HttpRequest {
        let operation = Operation::Document(DocumentOperation::Read);
        let path = url.strip_prefix(&self.base).unwrap_or(url).to_owned();
        let mut request = self.request(now, trace, operation, Method::Get, path);
        request.headers = (request.headers.iter())
            .filter(|(name, _)| *name != "accept")
            .map(|(name, value)| (name, value.to_owned()))
            .collect();
        request.headers.push("Accept", "application/octet-stream");
        let last = range.end.saturating_sub(1);
        request
            .headers
            .push("Range", format!("bytes={}-{last}", range.start));
        request
    }

    /// Archives, deletes, restores... a document as somebody. A `Read` is the whole `Binary`.
    pub fn act(
        &self,
        now: Time,
        trace: &str,
        role: ActingRole,
        document: &str,
        operation: DocumentOperation,
    ) -> HttpRequest {
        let (method, verb) = match operation {
            DocumentOperation::Read => (Method::Get, ""),
            DocumentOperation::Archive => (Method::Post, "/$archive"),
            DocumentOperation::Delete => (Method::Delete, ""),
            DocumentOperation::Restore => (Method::Post, "/$restore"),
            DocumentOperation::Lock => (Method::Post, "/$lock"),
            DocumentOperation::Unlock => (Method::Post, "/$unlock"),
            DocumentOperation::Waive => (Method::Post, "/$waive"),
        };
        let path = format!("/Binary/{document}{verb}");
        let operation = Operation::Document(operation);
        let mut request = self.request(now, trace, operation, method, path);
        request.headers.push(ACTING_ROLE, role.name());
        request
    }

    /// Reads where a document stands.
    pub fn state(&self, now: Time, trace: &str, role: ActingRole, document: &str) -> HttpRequest {
        let path = format!("/Binary/{document}/$state");
        self.managing(now, trace, role, Operation::State, path)
    }

    /// Reads what the audit trail says of a document.
    pub fn audit(&self, now: Time, trace: &str, role: ActingRole, document: &str) -> HttpRequest {
        let path = format!("/$audit?document={document}");
        self.managing(now, trace, role, Operation::Audit, path)
    }

    fn managing(
        &self,
        now: Time,
        trace: &str,
        role: ActingRole,
        operation: Operation,
        path: String,
    ) -> HttpRequest {
        let mut request = self.request(now, trace, operation, Method::Get, path);
        request.headers.push(ACTING_ROLE, role.name());
        request
    }

    fn request(
        &self,
        now: Time,
        trace: &str,
        operation: Operation,
        method: Method,
        path: String,
    ) -> HttpRequest {
        let interaction = operation.interactions().last().copied().unwrap_or_default();
        HttpRequest {
            method,
            path,
            soap_action: None,
            content_type: String::new(),
            headers: Headers::new()
                .with("Accept", FHIR_JSON)
                .with("Ssp-TraceID", trace)
                .with("Ssp-From", self.asid.as_str())
                .with("Ssp-To", self.store.as_str())
                .with("Ssp-InteractionID", interaction)
                .with(
                    "Authorization",
                    format!("Bearer {}", self.token(now, trace)),
                ),
            body: Bytes::new(),
        }
    }

    /// An unsigned JWT that is good for [`TOKEN_LIFETIME`] from `now` on. Its id is made of the
    /// trace of its request, so that no two requests bear the same (SND-68).
    pub fn token(&self, now: Time, trace: &str) -> String {
        let issued = now.as_micros() / 1_000_000;
        let organization = json!({ "system": ODS, "value": self.practice.as_str() });
        let claims = json!({
            "jti": format!("{trace}-{}", now.as_micros()),
            "iss": "https://practice.invalid",
            "sub": "system",
            "aud": self.base,
            "iat": issued,
            "exp": issued + TOKEN_LIFETIME.as_secs(),
            "reason_for_request": "migration",
            "requested_scope": "patient/*.read",
            "requesting_device": {
                "resourceType": "Device",
                "model": "gp2gp sending system",
                "version": env!("CARGO_PKG_VERSION"),
            },
            "requesting_organization": {
                "resourceType": "Organization",
                "identifier": [organization],
            },
            "requesting_practitioner": { "resourceType": "Practitioner", "id": "system" },
        });
        let head = json!({ "alg": "none", "typ": "JWT" });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode_to_string(value.to_string());
        format!("{}.{}.", part(&head), part(&claims))
    }
}
