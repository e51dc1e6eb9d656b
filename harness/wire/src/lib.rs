//! Codec between bytes and GP2GP messages. Knows no time, no IO, no peers.
//!
//! The walk of a message, outside in: [`mime`] splits the HTTP body into parts, [`ebxml`] reads
//! the SOAP envelope and its manifest, [`message`] joins manifest and parts, [`hl7`] reads the
//! payload, [`attachment`] turns attachment texts back into documents.
//! [`mhs_json`] is the same message behind a message handler, [`recording`] finds any of these
//! forms in a file, [`raw`] breaks an encoded message in a named way, [`substitute`] sends a recorded one
//! again in another conversation.
//!
//! What decides where a message goes is asked for in FHIR: [`sds`] has addresses and contracts,
//! [`pds`] has patients, [`registry`] has GPs; [`fhir`] is what they share.

pub mod attachment;

pub mod ebxml;
pub mod export;
pub mod federation;
pub mod fhir;
pub mod hl7;
pub mod limits;
pub mod message;
pub mod mhs_json;
pub mod mime;
pub mod pds;
pub mod raw;
pub mod recording;
pub mod registry;
pub mod sds;
pub mod substitute;

pub use gp2gp_model::Dialect;
pub use message::{Encoded, Message, OpenError, Received};
