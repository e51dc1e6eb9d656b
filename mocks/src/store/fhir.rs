//! FHIR STU3 resources of the store.

use base64_simd::STANDARD;
use gp2gp_model::{DocumentId, NhsNumber, OdsCode};
use serde_json::{Value, json};

use super::faults::StoreFault;
use super::shelf::Document;
use crate::synthetic::Patient;

/// System of NHS numbers.
pub(super) const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
/// System of ODS codes.
pub(super) const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
/// Extension of an attachment: SHA-256 of the content, in lower-case hex.
pub const SHA_256: &str = "urn:gp2gp:store:sha-256";

/// What a list says of a document, where a planned fault has it say something else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Misstated {
    pub(super) content_type: Option<&'static str>,
    pub(super) bytes: Option<u64>,
}

impl Misstated {
    pub(super) fn by(fault: Option<StoreFault>, document: &Document) -> Self {
        let spec = &document.spec;
        match fault {
            Some(StoreFault::WrongType) => Self {
                content_type: Some(another_type(&spec.media_type)),
                bytes: None,
            },
            Some(StoreFault::ZeroBytes) => Self {
                content_type: None,
                bytes: Some(0),
            },
            Some(StoreFault::WrongSize) => Self {
                content_type: None,
                bytes: Some(spec.bytes + spec.bytes / 10 + 1),
            },
            Some(
                StoreFault::Refuse(_)
                | StoreFault::Locked
                | StoreFault::DeletedMeanwhile
                | StoreFault::BadBinary
                | StoreFault::TokenExpired
                | StoreFault::Reset
                | StoreFault::LoseAnswer
                | StoreFault::Silence
                | StoreFault::Truncate(_)
                | StoreFault::Slow(_)
                | StoreFault::Delay(_),
            )
            | None => Self::default(),
        }
    }
}

/// A media type that this is not.
pub(super) fn another_type(media_type: &str) -> &'static str {
    if media_type.starts_with("text/plain") {
        "image/tiff"
    } else {
        "text/plain"
    }
}

pub(super) fn binary_url(base: &str, id: &DocumentId) -> String {
    format!("{base}/Binary/{id}")
}

pub(super) fn ods(practice: &OdsCode) -> Value {
    json!({ "system": ODS, "value": practice.as_str() })
}

pub(super) fn patient(patient: &Patient, id: &str, practice: &OdsCode) -> Value {
    let [street, town, county] = &patient.address;
    json!({
        "resourceType": "Patient",
        "id": id,
        "meta": {
            "versionId": "1",
            "profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-Patient-1"],
        },
        "identifier": [{ "system": NHS_NUMBER, "value": patient.nhs_number.to_string() }],
        "active": true,
        "name": [{
            "use": "official",
            "prefix": [patient.name.prefix],
            "given": [patient.name.given],
            "family": patient.name.family,
        }],
        "gender": patient.sex.to_string(),
        "birthDate": patient.birth_date.to_string(),
        "address": [{
            "use": "home",
            "line": [street],
            "city": town,
            "district": county,
            "postalCode": patient.postcode,
        }],
        "managingOrganization": { "identifier": ods(practice) },
    })
}

pub(super) fn document_reference(
    document: &Document,
    patient_id: &str,
    practice: &OdsCode,
    base: &str,
    misstated: &Misstated,
) -> Value {
    let spec = &document.spec;
    let mut attachment = json!({
        "contentType": misstated.content_type.unwrap_or(&spec.media_type),
        "url": binary_url(base, &document.number),
        "size": misstated.bytes.unwrap_or(spec.bytes),
        "title": spec.file_name,
        "extension": [{
            "url": SHA_256,
            "valueString": document.digests.sha256.to_string(),
        }],
    });
    if let Some(sha1) = document.digests.sha1 {
        attachment["hash"] = json!(STANDARD.encode_to_string(sha1));
    }
    json!({
        "resourceType": "DocumentReference",
        "id": document.number.as_str(),
        "meta": {
            "versionId": "1",
            "profile": [
                "https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-DocumentReference-1",
            ],
        },
        "masterIdentifier": {
            "system": "https://fhir.nhs.uk/Id/cross-care-setting-identifier",
            "value": spec.id.as_str(),
        },
        "status": "current",
        "type": { "text": "Document" },
        "subject": { "reference": format!("Patient/{patient_id}") },
        "custodian": { "identifier": ods(practice) },
        "description": spec.file_name,
        "content": [{ "attachment": attachment }],
    })
}

/// All of a `Binary` before its content; behind it stands [`BINARY_END`].
pub(super) fn binary_start(id: &DocumentId, content_type: &str) -> String {
    format!(
        r#"{{"resourceType":"Binary","id":{},"meta":{{"versionId":"1"}},"contentType":{},"content":""#,
        json!(id.as_str()),
        json!(content_type)
    )
}

/// All of a `Binary` behind its content.
pub(super) const BINARY_END: &str = "\"}";

/// Reads `system|value`, or a value alone, as an NHS number.
pub(super) fn nhs_number(identifier: &str) -> Result<NhsNumber, String> {
    let value = match identifier.split_once('|') {
        Some((NHS_NUMBER | "", value)) => value,
        Some((system, _)) => {
            return Err(format!(
                "identifier is of system {system}, not {NHS_NUMBER}"
            ));
        }
        None => identifier,
    };
    let number: NhsNumber = value.parse().map_err(|error| format!("{error}"))?;
    match number.check_digit_fits() {
        true => Ok(number),
        false => Err(format!("nhs number {number} has a wrong check digit")),
    }
}
