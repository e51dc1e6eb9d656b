//! The harness: runs a plan against a system, judges the trace, scores the findings.
//!
//! The walk is one function, [`run::run`]: plan, [`driver`], trace, [`check`] and [`judge`],
//! [`score`], report. [`recording`] enters it with a trace that somebody else made, [`replay`] with
//! a system that played in another run.

pub mod baseline;
pub mod bench;
pub mod bodies;
pub mod check;
pub mod cli;
pub mod conversations;
pub mod driver;
pub mod evidence;
pub mod expect;
pub mod explanation;
pub mod facts;
pub mod judge;
pub mod keep;
pub mod load;
pub mod matrix;
mod pages;
mod parallel;
pub mod recheck;
pub mod recorder;
pub mod recording;
pub mod redact;
pub mod replay;
pub mod report;
pub mod run;
pub mod run_diff;
pub mod score;
pub mod serve;
pub mod simulate;
pub mod snapshot;
pub mod story;
pub mod sut;
