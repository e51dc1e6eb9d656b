//! Sans-IO peers of a GP2GP transfer and of an export, the synthetic records they hold, and `serve`, which puts
//! any of them on loopback HTTP.

pub mod cast;
pub mod defect;
pub mod export;
pub mod fhir;
pub mod mhs;
pub mod pds;
pub mod peer;
pub mod people;
pub mod requesting;
pub mod sds;
pub mod sending;
pub mod serve;
pub mod spine;
pub mod spool;
pub mod store;
pub mod synthetic;

pub use defect::{Defect, ExportingDefect, RequestingDefect, SendingDefect};
pub use peer::{Input, Output, Peer};
