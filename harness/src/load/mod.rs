//! Systems under load: how many conformant transfers a second, how long each takes, and why.
//!
//! A lap is a scenario with many patients. It is driven like any attached system, by the wall clock, and judged
//! by the same checks: a transfer that breaks a MUST does not count. A bench runs laps of a system and of the
//! reference system by turns, so that what the machine does meanwhile happens to both, and its score
//! is their ratio.

mod abroad;
mod bench;
mod compare;
mod judge;
mod lap;
mod measured;
mod profile;
mod ramp;
mod remarks;
mod resources;
mod statistics;
mod subject;
mod timeline;
mod work;

use std::io;

use gp2gp_model::bench::Drive;

use crate::driver::DriverError;
use crate::sut::OpenError;

pub use bench::{Bench, Progress, bench};
pub use compare::{Comparison, compare};
pub use profile::{Profile, ProfileError};
pub use subject::Subject;
pub use work::{Arrivals, WorkError, scenario};

/// Who of the two that are measured by turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    System,
    Reference,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The profile comes to no work.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// The system cannot be attached.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The harness failed.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// A process or a socket failed.
    #[error("starting a system: {0}")]
    Runtime(io::Error),
    /// A system that neither asks for records nor sends them.
    #[error(
        "{0} is neither a requesting nor a sending system: there is no transfer to put it under load with"
    )]
    NoTransfers(String),
    /// The thread that judges has ended.
    #[error("the judge broke off: this is a defect of the suite")]
    JudgeGone,
    /// The description of a system of the suite is wrong.
    #[error("the suite describes its own system wrongly: {0}")]
    Own(String),
}
