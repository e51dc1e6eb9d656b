//! Taking a run out of an archive, if it is what was signed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;
use gp2gp_model::Sha256;
use tempfile::TempDir;

use super::bundle::digest;
use super::statement::{Envelope, Statement};
use super::{EvidenceError, KEY_FILE, PublicKey, STATEMENT_FILE};

/// Far above any statement: a hundred bytes for each file.
const LARGEST_STATEMENT_BYTES: u64 = 64_000_000;

/// An archive whose files are those that were signed.
#[derive(Debug)]
pub struct Opened {
    /// What was signed.
    pub statement: Statement,
    /// By whom.
    pub signature: Signature,
    /// Its files, until this is dropped.
    pub folder: TempDir,
    /// So many files.
    pub files: usize,
}

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// The key that was given.
    Trusted(Sha256),
    /// The key that lies in the archive itself, which anybody could have put there.
    OwnKey(Sha256),
}

/// Opens an archive: its signature, then every file.
///
/// # Errors
///
/// If it is no archive of ours, is not signed by `trusted` (or, without one, by the key in it), or holds anything
/// that was not signed.
pub fn open(path: &Path, trusted: Option<&PublicKey>) -> Result<Opened, EvidenceError> {
    let (statement, signature) = signed(path, trusted)?;
    let mut expected: BTreeMap<&str, Sha256> = (statement.subject.iter())
        .map(|it| (it.name.as_str(), it.digest.sha256))
        .collect();
    let files = expected.len();
    let folder = TempDir::new().map_err(|source| EvidenceError::Io {
        path: PathBuf::from("a temporary folder"),
        source,
    })?;
    let no_bundle = |why: String| EvidenceError::NoBundle {
        path: path.to_owned(),
        why,
    };
    let mut archive = archive(path)?;
    let entries = archive
        .entries()
        .map_err(|error| no_bundle(error.to_string()))?;
    for entry in entries {
        let mut entry = entry.map_err(|error| no_bundle(error.to_string()))?;
        let name = name_of(&entry).map_err(no_bundle)?;
        if name == STATEMENT_FILE {
            continue;
        }
        let changed = |why: &str| EvidenceError::Changed {
            why: format!("{name} {why}"),
        };
        let Some(sha256) = expected.remove(name.as_str()) else {
            return Err(changed("is in the archive and not in its statement"));
        };
        let to = folder.path().join(&name);
        let failed = |source| EvidenceError::Io {
            path: to.clone(),
            source,
        };
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        let mut file = File::create(&to).map_err(failed)?;
        io::copy(&mut entry, &mut file).map_err(failed)?;
        let mut file = File::open(&to).map_err(failed)?;
        if digest(&mut file).map_err(failed)?.0 != sha256 {
            return Err(changed("is not what was signed"));
        }
    }
    if let Some((name, _)) = expected.pop_first() {
        return Err(EvidenceError::Changed {
            why: format!("{name} is in the statement and not in the archive"),
        });
    }
    Ok(Opened {
        statement,
        signature,
        folder,
        files,
    })
}

/// The statement, if it is signed. Nothing else of the archive is believed before.
fn signed(
    path: &Path,
    trusted: Option<&PublicKey>,
) -> Result<(Statement, Signature), EvidenceError> {
    let envelope = text(path, STATEMENT_FILE)?;
    let envelope: Envelope =
        serde_json::from_str(&envelope).map_err(|error| EvidenceError::NoBundle {
            path: path.to_owned(),
            why: format!("{STATEMENT_FILE}: {error}"),
        })?;
    let (key, signature) = match trusted {
        Some(key) => (key.clone(), Signature::Trusted(key.id())),
        None => {
            let key = PublicKey::from_pem(&text(path, KEY_FILE)?)?;
            let id = key.id();
            (key, Signature::OwnKey(id))
        }
    };
    let statement = envelope
        .open(&key)
        .map_err(|why| EvidenceError::Signature { why })?;
    Ok((statement, signature))
}

/// The text of one file.
fn text(path: &Path, wanted: &str) -> Result<String, EvidenceError> {
    let no_bundle = |why: String| EvidenceError::NoBundle {
        path: path.to_owned(),
        why,
    };
    let mut archive = archive(path)?;
    let entries = archive
        .entries()
        .map_err(|error| no_bundle(error.to_string()))?;
    for entry in entries {
        let entry = entry.map_err(|error| no_bundle(error.to_string()))?;
        if name_of(&entry).map_err(no_bundle)? != wanted {
            continue;
        }
        let mut text = String::new();
        let mut limited = entry.take(LARGEST_STATEMENT_BYTES);
        let read = limited.read_to_string(&mut text);
        return read
            .map(|_| text)
            .map_err(|error| no_bundle(error.to_string()));
    }
    Err(no_bundle(format!("there is no {wanted} in it")))
}

fn archive(path: &Path) -> Result<tar::Archive<GzDecoder<BufReader<File>>>, EvidenceError> {
    let file = File::open(path).map_err(|source| EvidenceError::Io {
        path: path.to_owned(),
        source,
    })?;
    Ok(tar::Archive::new(GzDecoder::new(BufReader::new(file))))
}

/// The path of a file in the archive, if it stays below it.
fn name_of<R: io::Read>(entry: &tar::Entry<'_, R>) -> Result<String, String> {
    let path = entry.path().map_err(|error| error.to_string())?;
    let is_plain = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    match path.to_str() {
        Some(name) if is_plain && entry.header().entry_type().is_file() => Ok(name.to_owned()),
        Some(_) | None => Err(format!(
            "{} is no plain file below the archive",
            path.display()
        )),
    }
}
