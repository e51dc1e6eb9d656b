//! PDS, the personal demographics service, over FHIR R4 (spec 40): with whom a patient is
//! registered, read by `GET /Patient/{number}` and changed by `PATCH` of the version that was read.

mod patch;
mod patient;

pub use patch::{JSON_PATCH, Patch, PatchError, PatchStep};
pub use patient::{Confidentiality, Patient, Person};

pub use crate::fhir::FhirError as PdsError;

use gp2gp_model::NhsNumber;
use gp2gp_model::pds::RecordVersion;

const PATIENT: &str = "/Patient/";

/// Path of a patient.
pub fn patient_path(number: NhsNumber) -> String {
    format!("{PATIENT}{number}")
}

/// What a path names as a patient, whether it is a number or not.
pub fn patient_of(path: &str) -> Option<&str> {
    let (path, _) = path.split_once('?').unwrap_or((path, ""));
    let id = path.strip_prefix(PATIENT)?;
    (!id.is_empty() && !id.contains('/')).then_some(id)
}

/// A version as `ETag` and `If-Match` write it: `W/"2"`.
pub fn etag(version: RecordVersion) -> String {
    format!("W/\"{version}\"")
}

/// Reads [`etag`].
pub fn version_of(etag: &str) -> Option<RecordVersion> {
    let digits = etag.trim().strip_prefix("W/\"")?.strip_suffix('"')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number
        .then(|| digits.parse().ok().map(RecordVersion))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_weak_tags_and_nothing_else() {
        for version in [0, 1, 2, u32::MAX].map(RecordVersion) {
            assert_eq!(version_of(&etag(version)), Some(version));
        }
        for wrong in [
            "",
            "2",
            "\"2\"",
            "W/2",
            "W/\"\"",
            "W/\"+2\"",
            "W/\"4294967296\"",
            "*",
        ] {
            assert_eq!(version_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_path_names_one_patient() {
        let number = NhsNumber::synthetic(1).unwrap();
        let path = patient_path(number);
        assert_eq!(patient_of(&path), Some(number.as_str()));
        assert_eq!(patient_of("/Patient/1?_format=json"), Some("1"));
        for other in ["/Patient/", "/Patient", "/Patient/1/x", "/Device", ""] {
            assert_eq!(patient_of(other), None, "{other}");
        }
    }
}
