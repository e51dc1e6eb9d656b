//! What must pass before anything is merged, the quick things first.

use std::path::Path;
use std::process::Command;

const STEPS: [&str; 6] = [
    "cargo fmt --all --check",
    "cargo xtask tidy",
    "cargo clippy --workspace --all-targets -- -D warnings",
    "cargo test --workspace",
    "cargo test -p gp2gp --test histories -- --ignored",
    "cargo run --release -- run",
];

/// Stops at the first failure.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    for step in STEPS {
        println!("ci: {step}");
        run_step(root, step)?;
    }
    println!("ci: all {} steps passed", STEPS.len());
    Ok(())
}

fn run_step(root: &Path, step: &str) -> Result<(), String> {
    let mut words = step.split(' ');
    let program = words.next().unwrap_or_default();
    let status = Command::new(program)
        .args(words)
        .current_dir(root)
        .status()
        .map_err(|error| format!("ci: cannot start `{step}`: {error}"))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("ci: failed at `{step}` ({status})"))
}
