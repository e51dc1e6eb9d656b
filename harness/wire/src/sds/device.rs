//! Accredited systems.

use gp2gp_model::{Asid, OdsCode, PartyKey};
use serde_json::{Value, json};

use crate::fhir::{FhirError, Field, identifier, is_of, matches, searchset, system};

/// A system of a practice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Whose, if it says so.
    pub ods: Option<OdsCode>,
    /// Its address for HL7.
    pub asid: Asid,
    /// The message handling server before it.
    pub party_key: PartyKey,
}

const DEVICE: &str = "Device";

/// The answer that holds these systems.
pub fn write_devices(devices: &[Device]) -> Value {
    let resources: Vec<Value> = devices.iter().map(Device::to_json).collect();
    searchset(&resources)
}

/// Reads an answer.
pub fn devices(body: &[u8]) -> Result<Vec<Device>, FhirError> {
    matches(DEVICE, body)?.iter().map(Device::read).collect()
}

impl Device {
    fn to_json(&self) -> Value {
        let mut device = json!({
            "resourceType": DEVICE,
            "id": self.asid.as_str(),
            "identifier": [
                { "system": system::ASID, "value": self.asid.as_str() },
                { "system": system::PARTY_KEY, "value": self.party_key.as_str() },
            ],
        });
        if let Some(ods) = &self.ods {
            device["owner"] =
                json!({ "identifier": { "system": system::ODS, "value": ods.as_str() } });
        }
        device
    }

    fn read(device: &Value) -> Result<Self, FhirError> {
        let field = |what| Field {
            resource: DEVICE,
            what,
        };
        let owner = &device["owner"]["identifier"];
        let ods = is_of(owner, system::ODS).then(|| owner["value"].as_str());
        Ok(Self {
            ods: ods
                .map(|text| field("owner").read(text, OdsCode::parse))
                .transpose()?,
            asid: field("nhsSpineASID").read(identifier(device, system::ASID), Asid::parse)?,
            party_key: field("nhsMhsPartyKey")
                .read(identifier(device, system::PARTY_KEY), PartyKey::parse)?,
        })
    }
}
