//! The documentation as a site.

use std::path::Path;
use std::process::Command;

/// mdBook is in a crate of its own: chores stay quick to build.
const BUILD: [&str; 6] = ["run", "--quiet", "--package", "gp2gp-book", "--", "build"];

/// Writes the site into `target/book`.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let site = root.join("target/book");
    let status = Command::new("cargo")
        .args(BUILD)
        .arg(&site)
        .current_dir(root)
        .status()
        .map_err(|error| format!("book: cannot start cargo: {error}"))?;
    if !status.success() {
        return Err(format!("book: failed ({status})"));
    }
    println!("book: open {}", site.join("index.html").display());
    Ok(())
}
