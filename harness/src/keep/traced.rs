//! What one scenario leaves behind.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gp2gp_model::trace::Trace;

use crate::bodies::BodyStore;
use crate::driver::DriverError;

/// File of a trace in its folder.
pub const TRACE_FILE: &str = "trace.jsonl";
/// File of the scenario, beside its trace: a scenario of somebody else is judged again by it.
pub const SCENARIO_FILE: &str = "scenario.toml";
/// Folder of bodies beside the trace.
pub const BODIES_FOLDER: &str = "bodies";

/// Empties the folder of a run and gives its folder for bodies.
pub fn fresh(folder: &Path) -> Result<PathBuf, DriverError> {
    let bodies = folder.join(BODIES_FOLDER);
    match fs::remove_dir_all(&bodies) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(writing(error)),
    }
    Ok(bodies)
}

/// Writes trace, bodies and the scenario file.
pub fn trace(
    folder: &Path,
    scenario: &str,
    trace: &Trace,
    bodies: &BodyStore,
) -> Result<(), DriverError> {
    bodies.save(&folder.join(BODIES_FOLDER)).map_err(writing)?;
    let text = trace.to_json_lines().map_err(|error| {
        DriverError::Defect(format!("trace cannot be written as JSON: {error}"))
    })?;
    fs::write(folder.join(SCENARIO_FILE), scenario).map_err(writing)?;
    fs::write(folder.join(TRACE_FILE), text).map_err(writing)
}

/// The error of every write here.
pub const fn writing(source: io::Error) -> DriverError {
    DriverError::Io {
        what: "keeping a run",
        source,
    }
}
