//! The table of speed: what is served for each second of a core, beside the floor and the target.

use std::path::Path;
use std::process::Command;

const BENCH: [&str; 6] = ["bench", "-q", "-p", "gp2gp-benches", "--bench", "hot"];

/// Builds and runs the bench `hot`; the words pick rows.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<(), String> {
    let status = Command::new("cargo")
        .args(BENCH)
        .arg("--")
        .args(words)
        .current_dir(root)
        .status()
        .map_err(|error| format!("bench: cannot start cargo: {error}"))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("bench: failed ({status})"))
}
