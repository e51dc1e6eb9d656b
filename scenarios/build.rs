//! Puts every scenario file into the library, so that a built binary needs no files beside it.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Folders beside the families of scenarios.
const OTHER_FOLDERS: [&str; 3] = ["requirements", "src", "tests"];

fn main() -> io::Result<()> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    println!("cargo::rerun-if-changed={}", root.display());
    let mut table = String::from("&[\n");
    for family in families(&root)? {
        for (name, file) in files(&family)? {
            let id = format!("{}/{name}", stem(&family));
            writeln!(
                table,
                "    ({id:?}, include_str!({:?})),",
                file.display().to_string()
            )
            .map_err(io::Error::other)?;
        }
    }
    table.push_str("]\n");
    fs::write(
        PathBuf::from(variable("OUT_DIR")?).join("scenarios.rs"),
        table,
    )
}

fn families(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = entries(root)?;
    folders.retain(|path| path.is_dir() && !OTHER_FOLDERS.contains(&stem(path).as_str()));
    Ok(folders)
}

fn files(family: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let files = entries(family)?.into_iter();
    Ok(files
        .filter(|path| path.extension() == Some(OsStr::new("toml")))
        .map(|path| (stem(&path), path))
        .collect())
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(io::Error::other)
}
