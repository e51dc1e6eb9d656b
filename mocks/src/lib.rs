//! Sans-IO peers of a GP2GP transfer, the synthetic records they hold, and `serve`, which puts
//! any of them on loopback HTTP.

pub mod cast;
pub mod defect;
pub mod mhs;
pub mod peer;
pub mod people;
pub mod requesting;
pub mod sending;
pub mod serve;
pub mod spine;
pub mod spool;
pub mod store;
pub mod synthetic;

pub use defect::{Defect, RequestingDefect, SendingDefect};
pub use peer::{Input, Output, Peer};
