//! Sans-IO peers of a GP2GP transfer, of an export and of a federation, the synthetic records they hold, and `serve`, which puts
//! any of them on loopback HTTP.

mod alarms;
pub mod cast;
pub mod defect;
pub mod export;
pub mod federation;
pub mod fhir;
pub mod mhs;
pub mod mhs_json;
pub mod pds;
pub mod peer;
pub mod people;
pub mod recorded;
pub mod requesting;
pub mod sds;
pub mod sending;
pub mod serve;
pub mod spine;
pub mod spool;
pub mod store;
pub mod synthetic;

pub use defect::{Defect, ExportingDefect, HubDefect, RequestingDefect, SendingDefect};
pub use peer::{Input, Output, Peer};
