//! A run on disk, so that every report can be made again: `run.jsonl` says what ran and what came of each
//! scenario, `runs/<id>/` holds the trace of one, its bodies and the scenario file.

mod kept;
mod log;
mod traced;

pub use kept::{Kept, KeptError, plan};
pub use log::RunWriter;
pub use traced::{BODIES_FOLDER, SCENARIO_FILE, TRACE_FILE, fresh, trace, writing};

use std::path::{Path, PathBuf};

use gp2gp_model::ScenarioId;

/// What ran, and what came of it.
pub const RUN_FILE: &str = "run.jsonl";
/// The earlier run that this one is compared with.
pub const EARLIER_FILE: &str = "earlier.json";
/// The known failures of this run.
pub const BASELINE_FILE: &str = "baseline.toml";
/// Folder of the traces.
pub const RUNS_FOLDER: &str = "runs";

/// Where the trace of a scenario is kept.
pub fn folder_of(out: &Path, scenario: &ScenarioId) -> PathBuf {
    out.join(RUNS_FOLDER).join(scenario.as_str())
}
