//! SDS, the directory of Spine, over FHIR (spec 40): which systems a practice has, and under which
//! contract each takes messages.
//!
//! A [`Query`] is a path and query string, its answer a set of [`Device`]s ([`devices`]) or of
//! [`EndpointEntry`]s ([`endpoints`]). None, one or several may come: what that means is for the
//! one who asked.

mod device;
mod endpoint;
mod query;

#[cfg(test)]
mod tests;

pub use device::{Device, devices, write_devices};
pub use endpoint::{
    Actor, EndpointEntry, Occurrence, Reliability, SyncReplyMode, endpoints, write_endpoints,
};
pub use query::{Query, interaction_urn};

pub use crate::fhir::FhirError as SdsError;
