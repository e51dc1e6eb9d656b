//! What a service says: as it should, and otherwise.

use std::collections::BTreeSet;
use std::time::Duration;

use gp2gp_model::directory::Practice;
use gp2gp_model::pds::{GeneralPractitioner, RecordVersion};
use gp2gp_model::{Interaction, NhsNumber, OdsCode, Time};
use gp2gp_wire::{pds, sds};
use serde_json::Value;
use wiremock::ResponseTemplate;

/// 2026-01-05T09:00:00Z.
pub(crate) const NOW: Time = Time::from_micros(1_767_603_600_000_000);

pub(crate) fn ods(text: &str) -> OdsCode {
    OdsCode::parse(text).unwrap()
}

pub(crate) fn practice(code: &str) -> Practice {
    Practice {
        ods: ods(code),
        asid: format!("2000000{}", &code[1..]).parse().unwrap(),
        party_key: format!("{code}-800001").parse().unwrap(),
        interactions: BTreeSet::from(Interaction::ALL),
    }
}

pub(crate) fn at(code: &str) -> GeneralPractitioner {
    GeneralPractitioner::Practice(ods(code))
}

pub(crate) fn device(code: &str) -> sds::Device {
    let practice = practice(code);
    sds::Device {
        ods: Some(practice.ods),
        asid: practice.asid,
        party_key: practice.party_key,
    }
}

pub(crate) fn endpoints(code: &str) -> Value {
    let entry = |(at, interaction): (usize, Interaction)| sds::EndpointEntry {
        ods: Some(ods(code)),
        address: "https://spine.invalid/reliablemessaging/forwardreliable".to_owned(),
        fqdn: "spine.invalid".to_owned(),
        party_key: practice(code).party_key,
        cpa_id: format!("S1A{at:06}").parse().unwrap(),
        mhs_id: format!("M{at:06}").parse().unwrap(),
        interaction: Some(interaction),
        reliability: sds::Reliability {
            persist_duration: Duration::from_secs(15_000),
            retries: 2,
            retry_interval: Duration::from_secs(60),
            ack_requested: sds::Occurrence::Always,
            duplicate_elimination: sds::Occurrence::Always,
            sync_reply_mode: sds::SyncReplyMode::None,
            actor: sds::Actor::NextMsh,
        },
    };
    let entries: Vec<_> = (Interaction::ALL.into_iter().enumerate())
        .map(entry)
        .collect();
    sds::write_endpoints(&entries)
}

pub(crate) fn fhir(resource: &Value) -> ResponseTemplate {
    raw(200, resource.to_string())
}

pub(crate) fn raw(status: u16, body: String) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(body, "application/fhir+json")
}

pub(crate) fn html(status: u16) -> ResponseTemplate {
    let page = "<html><body><h1>Bad gateway</h1></body></html>";
    ResponseTemplate::new(status).set_body_raw(page, "text/html")
}

pub(crate) fn half(resource: &Value) -> ResponseTemplate {
    let whole = resource.to_string();
    raw(200, whole[..whole.len() / 2].to_owned())
}

/// What PDS says of a patient.
pub(crate) fn registered(
    patient: NhsNumber,
    general_practitioner: GeneralPractitioner,
    version: u32,
) -> Value {
    let patient = pds::Patient {
        nhs_number: patient,
        version: RecordVersion(version),
        confidentiality: pds::Confidentiality::Unrestricted,
        general_practitioner,
        person: None,
    };
    patient.to_json()
}
