//! Where tests find what is not in the repository: the corpus of real messages, the published
//! schemas and xmllint. Each is `None`, with a notice, where it is absent.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

// A test crate may use some of these only.
const _: fn() -> Option<PathBuf> = corpus;
const _: fn() -> Option<PathBuf> = schemas;
const _: fn(&Path, &[u8]) -> Option<Validity> = xmllint;
const _: fn(&Path) -> Vec<PathBuf> = files;

/// `Err` is what the validator says.
pub(crate) type Validity = Result<(), String>;

/// Folder of the corpus.
pub(crate) fn corpus() -> Option<PathBuf> {
    shared("corpus")
}

/// Folder with the schemas of the interactions, e.g. `RCMR_IN030000UK06.xsd`.
pub(crate) fn schemas() -> Option<PathBuf> {
    shared("schemas/mim/schema")
}

/// Validates with xmllint.
pub(crate) fn xmllint(schema: &Path, xml: &[u8]) -> Option<Validity> {
    let spawned = Command::new("xmllint")
        .args(["--noout", "--nonet", "--huge", "--schema"])
        .args([schema.as_os_str(), "-".as_ref()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else {
        eprintln!("skipped: no xmllint on the path");
        return None;
    };
    // A process that ends early closes its input; its message is what counts then.
    let _ = child.stdin.take().unwrap().write_all(xml);
    let output = child.wait_with_output().unwrap();
    Some(match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    })
}

/// Every file below a folder, in order of its path.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let each = |path: PathBuf| match path.is_dir() {
        true => files(&path),
        false => vec![path],
    };
    paths.into_iter().flat_map(each).collect()
}

fn shared(name: &str) -> Option<PathBuf> {
    let found = match env::var_os("GP2GP_SHARED") {
        Some(folder) => Some(Path::new(&folder).join(name)).filter(|path| path.is_dir()),
        None => Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .map(|above| above.join("shared").join(name))
            .find(|path| path.is_dir()),
    };
    if found.is_none() {
        eprintln!("skipped: no {name} beside the repository");
    }
    found
}
