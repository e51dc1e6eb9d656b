//! What must pass before anything is merged, the quick things first.

use std::path::{Path, PathBuf};
use std::process::Command;

const STEPS: [&str; 8] = [
    "cargo fmt --all --check",
    "cargo xtask tidy",
    "cargo clippy --workspace --all-targets -- -D warnings",
    "cargo test --workspace",
    // With the features of the whole workspace, or everything would be compiled once more.
    "cargo test --workspace --test histories -- --ignored",
    "cargo run --release -- run",
    "cargo run --release -- init --certs target/certs --force",
    SERVED,
];

/// The whole suite once more, on the reference systems in a process of their own, over mutual TLS.
const SERVED: &str =
    "cargo run --release -- run --sut harness/examples/reference/sut.toml --out target/served";

/// Stops at the first failure.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    for step in STEPS {
        println!("ci: {step}");
        run_step(root, step)?;
    }
    println!("ci: all {} steps passed", STEPS.len());
    Ok(())
}

/// What a step finds in its environment.
fn variables(root: &Path, step: &str) -> Vec<(&'static str, PathBuf)> {
    if step != SERVED {
        return Vec::new();
    }
    let certs = root.join("target/certs");
    vec![
        ("GP2GP_BIN", root.join("target/release/gp2gp")),
        ("GP2GP_SUT__ENVIRONMENT__TLS__CA", certs.join("ca.pem")),
        (
            "GP2GP_SUT__ENVIRONMENT__TLS__CERT",
            certs.join("harness.pem"),
        ),
        (
            "GP2GP_SUT__ENVIRONMENT__TLS__KEY",
            certs.join("harness.key"),
        ),
        ("GP2GP_SERVE_TLS", certs),
    ]
}

fn run_step(root: &Path, step: &str) -> Result<(), String> {
    let mut words = step.split(' ');
    let program = words.next().unwrap_or_default();
    let status = Command::new(program)
        .args(words)
        .current_dir(root)
        .envs(variables(root, step))
        .status()
        .map_err(|error| format!("ci: cannot start `{step}`: {error}"))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("ci: failed at `{step}` ({status})"))
}
