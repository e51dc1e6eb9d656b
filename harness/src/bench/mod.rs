//! What the harness itself costs in time and memory, measured and compared with the limits that
//! the project promises. `gp2gp bench` prints it, and so does the bench `limits`.

mod floor;
pub(crate) mod measure;
mod memory;
mod orders;
mod path;
mod suite;

use std::fmt;
use std::io;
use std::process::Command;

use gp2gp_model::plan::Plan;
use gp2gp_model::requirement::Requirement;
use gp2gp_model::verdict::Verdict;
use gp2gp_scenarios::Source;
use serde::Serialize;

use crate::driver::{DriverError, Transport};

pub use floor::Floor;
pub use memory::{Case, Peak};
pub use path::PathCost;
pub use suite::SuiteTime;

/// Something that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Large documents over loopback HTTP, against a floor measured beside them.
    Path,
    /// The suite, under the virtual clock and over loopback HTTP.
    Suite,
    /// The peak of memory of large transfers.
    Memory,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Built with optimisation; else no figure means anything.
    pub optimised: bool,
    /// The document path.
    pub path: Option<PathCost>,
    /// The suite, once for each way of transport.
    pub suite: Vec<SuiteTime>,
    /// Large transfers.
    pub memory: Vec<Peak>,
    /// Every limit was kept.
    pub kept: bool,
}

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The scenario or the catalogue is no good.
    #[error("{0}")]
    Scenario(String),
    /// The run came to nothing.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// A socket, a file or a process failed.
    #[error("{what}: {source}")]
    Io {
        /// Doing what.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// What was measured went wrong: its cost says nothing.
    #[error("{what} ended with `{verdict}`, so its cost says nothing")]
    Verdict {
        /// What.
        what: String,
        /// How.
        verdict: Verdict,
    },
    /// The process in which memory is measured failed.
    #[error("measuring {case} in a process of its own: {why}")]
    Child {
        /// Which case.
        case: &'static str,
        /// Why.
        why: String,
    },
}

/// Measures these parts. `child` is a command that calls [`Case::measure`] for the case of this
/// name and prints the result as JSON: the peak of a process is of all that it ever did.
/// `progress` is told what is measured next.
pub fn run(
    parts: &[Part],
    child: &dyn Fn(&str) -> io::Result<Command>,
    progress: &dyn Fn(&str),
) -> Result<Report, BenchError> {
    let mut report = Report {
        optimised: !cfg!(debug_assertions),
        path: None,
        suite: Vec::new(),
        memory: Vec::new(),
        kept: true,
    };
    for part in parts {
        match part {
            Part::Path => {
                progress("document path");
                report.path = Some(path::measure()?);
            }
            Part::Suite => {
                for transport in [Transport::Virtual, Transport::Http] {
                    progress("suite");
                    report.suite.push(suite::measure(transport)?);
                }
            }
            Part::Memory => {
                for case in Case::ALL {
                    progress(case.name());
                    report.memory.push(memory::in_child(case, child)?);
                }
            }
        }
    }
    report.kept = report.path.as_ref().is_none_or(|path| path.kept)
        && report.suite.iter().all(|suite| suite.kept)
        && report.memory.iter().all(|peak| peak.kept);
    Ok(report)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.optimised {
            writeln!(f, "built without optimisation: use --release\n")?;
        }
        if let Some(path) = &self.path {
            writeln!(f, "{path}")?;
        }
        if !self.suite.is_empty() {
            writeln!(
                f,
                "suite, runs kept, as many at a time as there are processors"
            )?;
        }
        for suite in &self.suite {
            writeln!(f, "{suite}")?;
        }
        if !self.memory.is_empty() {
            writeln!(f, "memory: peak of the whole process, the judge included")?;
        }
        for peak in &self.memory {
            writeln!(f, "{peak}")?;
        }
        Ok(())
    }
}

/// Catalogue and plans as the benches need them.
fn catalogue() -> Result<Vec<Requirement>, BenchError> {
    gp2gp_scenarios::catalogue().map_err(|error| BenchError::Scenario(error.to_string()))
}

fn plans(source: &Source, catalogue: &[Requirement]) -> Result<Vec<Plan>, BenchError> {
    let no_good = |error: gp2gp_scenarios::ScenarioError| BenchError::Scenario(error.to_string());
    let scenarios = gp2gp_scenarios::parse(source).map_err(no_good)?;
    scenarios
        .iter()
        .map(|scenario| gp2gp_scenarios::lower(scenario, catalogue, None).map_err(no_good))
        .collect()
}

fn io_error(what: &'static str) -> impl Fn(io::Error) -> BenchError {
    move |source| BenchError::Io { what, source }
}

const fn word(kept: bool) -> &'static str {
    if kept { "kept" } else { "MISSED" }
}
