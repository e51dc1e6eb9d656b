//! Bodies of a trace, by digest: small ones in memory, large ones in a folder where there is one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use gp2gp_model::Sha256;
use gp2gp_model::trace::{Bodies, BodyRef};
use serde::{Deserialize, Serialize};

/// Bodies above this size go to the folder at once, so that memory does not grow with a transfer.
const SPILL_BYTES: usize = 64 * 1024;

/// File of the small bodies in the folder, one JSON object a line.
const SMALL_BODIES: &str = "small.jsonl";

/// A store of bodies.
#[derive(Debug, Default)]
pub struct BodyStore {
    folder: Option<PathBuf>,
    memory: BTreeMap<Sha256, Bytes>,
    on_disk: BTreeSet<Sha256>,
}

impl BodyStore {
    /// Everything in memory.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// Large bodies in `folder`, which is made if it is not there.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: Some(folder.to_owned()),
            ..Self::default()
        })
    }

    /// The bodies of a kept run.
    pub fn of_folder(folder: &Path) -> io::Result<Self> {
        let mut store = Self {
            folder: Some(folder.to_owned()),
            ..Self::default()
        };
        let text = match fs::read_to_string(folder.join(SMALL_BODIES)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        for line in text.lines() {
            let SmallBody { sha256, text } = serde_json::from_str(line)?;
            store.memory.insert(sha256, Bytes::from(text));
        }
        Ok(store)
    }

    /// Keeps a body and names it.
    pub fn put(&mut self, body: &Bytes) -> io::Result<BodyRef> {
        let sha256 = Sha256::of(body);
        let reference = BodyRef {
            sha256,
            bytes: body.len() as u64,
        };
        if self.on_disk.contains(&sha256) || self.memory.contains_key(&sha256) {
            return Ok(reference);
        }
        match &self.folder {
            Some(folder) if body.len() > SPILL_BYTES => {
                fs::write(folder.join(sha256.to_string()), body)?;
                self.on_disk.insert(sha256);
            }
            Some(_) | None => {
                self.memory.insert(sha256, body.clone());
            }
        }
        Ok(reference)
    }

    /// Writes what is still in memory to `folder`, so that it holds every body: texts as lines of
    /// one file, because a file for each of a thousand acknowledgements costs more than the run.
    pub fn save(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut lines = Vec::new();
        for (sha256, body) in &self.memory {
            match String::from_utf8(body.to_vec()) {
                Ok(text) => {
                    let sha256 = *sha256;
                    serde_json::to_writer(&mut lines, &SmallBody { sha256, text })?;
                    lines.push(b'\n');
                }
                Err(_) => fs::write(folder.join(sha256.to_string()), body)?,
            }
        }
        fs::write(folder.join(SMALL_BODIES), lines)
    }
}

/// A line of [`SMALL_BODIES`].
#[derive(Serialize, Deserialize)]
struct SmallBody {
    sha256: Sha256,
    text: String,
}

impl Bodies for BodyStore {
    fn body(&self, sha256: &Sha256) -> Option<Bytes> {
        if let Some(body) = self.memory.get(sha256) {
            return Some(body.clone());
        }
        let folder = self.folder.as_ref()?;
        fs::read(folder.join(sha256.to_string()))
            .ok()
            .map(Bytes::from)
    }
}
