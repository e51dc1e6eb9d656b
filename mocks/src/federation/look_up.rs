//! Asks PDS where a patient is registered.

use gp2gp_model::http::Method;
use gp2gp_model::pds::GeneralPractitioner;
use gp2gp_model::{NhsNumber, OdsCode};
use gp2gp_wire::pds::{Patient, patient_path};

use crate::export::outbox::{bare_request, is_done};
use crate::peer::{HttpRequest, HttpResponse};

/// The request for a patient's record on PDS.
pub(super) fn request(patient: NhsNumber) -> HttpRequest {
    bare_request(Method::Get, patient_path(patient))
}

/// The practice that PDS names; `None` where it names none or does not answer.
pub(super) fn practice(response: &HttpResponse) -> Option<OdsCode> {
    let body = Some(&response.body).filter(|_| is_done(response))?;
    match Patient::parse(body).ok()?.general_practitioner {
        GeneralPractitioner::Practice(practice) => Some(practice),
        // The directory of GPs knows the practice; no federation of that era is known.
        GeneralPractitioner::Gp(_) | GeneralPractitioner::Nobody => None,
    }
}
