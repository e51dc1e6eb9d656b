//! Renders run reports. Judges nothing: what is not in a [`RunReport`] is not said here.
//!
//! [`RunReport`]: gp2gp_model::report::RunReport

mod bench;
mod coverage;
mod junit;
mod matrix;
mod style;
mod terminal;
mod text;

pub use bench::{bench, change as bench_change, latency as bench_latency, time as bench_time};
pub use coverage::coverage;
pub use junit::junit;
pub use matrix::matrix;
pub use terminal::{custody, recording, run, story};
pub use text::{explain_requirement, wrap};
