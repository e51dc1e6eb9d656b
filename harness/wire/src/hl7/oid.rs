//! Object identifiers of the service (spec 10).

pub(super) const INTERACTION: &str = "2.16.840.1.113883.2.1.3.2.4.12";
pub(super) const ASID: &str = "1.2.826.0.1285.0.2.0.107";
pub(super) const ODS: &str = "1.2.826.0.1285.0.1.10";
pub(super) const NHS_NUMBER: &str = "2.16.840.1.113883.2.1.4.1";
pub(super) const SNOMED_CT: &str = "2.16.840.1.113883.2.1.3.2.4.15";
pub(super) const RESPONSE_CODE: &str = "2.16.840.1.113883.2.1.3.2.4.17.101";
pub(super) const RESPONSE_QUALIFIER: &str = "2.16.840.1.113883.2.1.3.2.4.17.104";
pub(super) const SPINE_ERROR: &str = "2.16.840.1.113883.2.1.3.2.4.17.32";
pub(super) const COPC_CODE: &str = "2.16.840.1.113883.2.1.3.2.4.17.202";
pub(super) const COPC_MESSAGE_TYPE: &str = "2.16.840.1.113883.2.1.3.2.4.18.17";
