//! The folder of snapshots: a text for each scenario, an index of what each was made of, and beside them, in files that
//! end in `.new`, what a check saw instead and nobody has accepted yet.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use gp2gp_model::ScenarioId;
use gp2gp_model::report::SYNTHETIC_NOTICE;
use gp2gp_model::snapshot::{FORMAT, Origin};
use serde::{Deserialize, Serialize};

use super::compare::Seen;
use super::text;

const INDEX: &str = "index.toml";
const NEW: &str = "new";

/// Why snapshots cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A file or folder.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// Reading, writing, removing.
        what: &'static str,
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not as it was written: changed by hand, or by a merge.
    #[error("{}:{line}: {what}", path.display())]
    Changed {
        /// Which.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// The index and the files do not belong together.
    #[error("{}: {what}", path.display())]
    Apart {
        /// The file that is missing, or that nobody knows.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
}

/// A folder of snapshots, read.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    index: Index,
    /// What is accepted.
    pub snapshots: BTreeMap<ScenarioId, Seen>,
}

/// What waits for somebody to accept it.
#[derive(Debug, Default)]
pub struct Pending {
    index: Index,
    /// What the last check saw; nothing where the scenario is no more.
    pub seen: BTreeMap<ScenarioId, Option<Seen>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    format: String,
    notice: String,
    /// Scenarios whose snapshot is to go.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    gone: BTreeSet<ScenarioId>,
    #[serde(default)]
    made_of: BTreeMap<ScenarioId, Origin>,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            format: FORMAT.to_owned(),
            notice: SYNTHETIC_NOTICE.to_owned(),
            gone: BTreeSet::new(),
            made_of: BTreeMap::new(),
        }
    }
}

impl Folder {
    /// Reads a folder; one that is not there yet is empty.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or is not as it was written.
    pub fn open(path: &Path) -> Result<Self, SnapshotError> {
        let index = Index::read(&path.join(INDEX))?.unwrap_or_default();
        let mut snapshots = BTreeMap::new();
        for (id, origin) in &index.made_of {
            let file = file_of(path, id)?;
            let snapshot = read_snapshot(&file, id)?.ok_or_else(|| SnapshotError::Apart {
                path: file.clone(),
                what: "the index names this snapshot, and it is not there",
            })?;
            snapshots.insert(id.clone(), (snapshot, origin.clone()));
        }
        let folder = Self {
            path: path.to_owned(),
            index,
            snapshots,
        };
        folder.sees_no_strangers(path)?;
        Ok(folder)
    }

    /// A text that the index does not name would never be compared.
    fn sees_no_strangers(&self, folder: &Path) -> Result<(), SnapshotError> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(failed("reading", folder)(source)),
        };
        for entry in entries {
            let path = entry.map_err(failed("reading", folder))?.path();
            if path.is_dir() {
                self.sees_no_strangers(&path)?;
                continue;
            }
            let id = path.strip_prefix(&self.path).ok();
            let id = id.and_then(|id| id.to_str()?.strip_suffix(".txt"));
            let id = id.map(|id| id.replace('\\', "/"));
            let is_known = |id: &String| self.index.made_of.keys().any(|it| it.as_str() == id);
            if id.is_some_and(|id| !is_known(&id)) {
                return Err(SnapshotError::Apart {
                    path,
                    what: "the index does not name this snapshot",
                });
            }
        }
        Ok(())
    }

    /// Puts these in the place of what was there of their scenarios, takes out those that are gone, and forgets what
    /// waited.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written.
    pub fn replace(
        mut self,
        seen: &[Seen],
        gone: &BTreeSet<ScenarioId>,
    ) -> Result<(), SnapshotError> {
        self.forget_pending()?;
        for id in gone {
            remove(&file_of(&self.path, id)?)?;
            self.index.made_of.remove(id);
        }
        for (snapshot, origin) in seen {
            let id = snapshot.scenario.clone();
            write(&file_of(&self.path, &id)?, &text::write(snapshot))?;
            self.index.made_of.insert(id, origin.clone());
        }
        self.index.write(&self.path.join(INDEX))
    }

    /// Lays aside what was seen instead, for somebody to accept or reject. What waited from before is forgotten.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written.
    pub fn lay_aside(
        &self,
        seen: &[&Seen],
        gone: BTreeSet<ScenarioId>,
    ) -> Result<(), SnapshotError> {
        self.forget_pending()?;
        let mut index = Index {
            gone,
            ..Index::default()
        };
        for (snapshot, origin) in seen.iter().copied() {
            let id = snapshot.scenario.clone();
            write(&new(&file_of(&self.path, &id)?), &text::write(snapshot))?;
            index.made_of.insert(id, origin.clone());
        }
        match index.is_empty() {
            true => Ok(()),
            false => index.write(&new(&self.path.join(INDEX))),
        }
    }

    /// What waits.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or is not as it was written.
    pub fn pending(&self) -> Result<Pending, SnapshotError> {
        let index = Index::read(&new(&self.path.join(INDEX)))?.unwrap_or_default();
        let mut seen: BTreeMap<ScenarioId, Option<Seen>> =
            index.gone.iter().map(|id| (id.clone(), None)).collect();
        for (id, origin) in &index.made_of {
            let file = new(&file_of(&self.path, id)?);
            let snapshot = read_snapshot(&file, id)?.ok_or_else(|| SnapshotError::Apart {
                path: file.clone(),
                what: "this waits to be accepted, and is not there",
            })?;
            seen.insert(id.clone(), Some((snapshot, origin.clone())));
        }
        Ok(Pending { index, seen })
    }

    /// From now on this is what the scenario comes to.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written.
    pub fn accept(&mut self, id: &ScenarioId, pending: &mut Pending) -> Result<(), SnapshotError> {
        let file = file_of(&self.path, id)?;
        match pending.index.made_of.get(id) {
            None => {
                remove(&file)?;
                self.index.made_of.remove(id);
            }
            Some(origin) => {
                fs::rename(new(&file), &file).map_err(failed("accepting", &file))?;
                self.index.made_of.insert(id.clone(), origin.clone());
            }
        }
        self.index.write(&self.path.join(INDEX))?;
        self.settle(id, pending)
    }

    /// What was accepted before stays.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written.
    pub fn reject(&self, id: &ScenarioId, pending: &mut Pending) -> Result<(), SnapshotError> {
        remove(&new(&file_of(&self.path, id)?))?;
        self.settle(id, pending)
    }

    fn settle(&self, id: &ScenarioId, pending: &mut Pending) -> Result<(), SnapshotError> {
        pending.seen.remove(id);
        pending.index.made_of.remove(id);
        pending.index.gone.remove(id);
        let file = new(&self.path.join(INDEX));
        match pending.index.is_empty() {
            true => remove(&file),
            false => pending.index.write(&file),
        }
    }

    fn forget_pending(&self) -> Result<(), SnapshotError> {
        let file = new(&self.path.join(INDEX));
        if let Some(index) = Index::read(&file)? {
            for id in index.made_of.keys() {
                remove(&new(&file_of(&self.path, id)?))?;
            }
        }
        remove(&file)
    }
}

impl Index {
    fn is_empty(&self) -> bool {
        self.made_of.is_empty() && self.gone.is_empty()
    }

    fn read(path: &Path) -> Result<Option<Self>, SnapshotError> {
        let Some(text) = read(path)? else {
            return Ok(None);
        };
        let wrong = |line, what: String| SnapshotError::Changed {
            path: path.to_owned(),
            line,
            what,
        };
        let index: Self = toml::from_str(&text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let before = text.get(..at).unwrap_or_default();
            let line = 1 + before.matches('\n').count();
            wrong(line, error.message().to_owned())
        })?;
        match index.format == FORMAT {
            true => Ok(Some(index)),
            false => Err(wrong(
                1,
                format!("format is `{}`, this suite reads `{FORMAT}`", index.format),
            )),
        }
    }

    fn write(&self, path: &Path) -> Result<(), SnapshotError> {
        let text = toml::to_string(self).map_err(|error| SnapshotError::Io {
            what: "writing",
            path: path.to_owned(),
            source: io::Error::other(error),
        })?;
        write(path, &text)
    }
}

/// `transfer/small-record.txt`. An index that was changed by hand may name what is nowhere below the folder.
fn file_of(folder: &Path, id: &ScenarioId) -> Result<PathBuf, SnapshotError> {
    let path = folder.join(format!("{id}.txt"));
    let mut parts = Path::new(id.as_str()).components();
    let is_below = parts.all(|part| matches!(part, Component::Normal(_)));
    match is_below {
        true => Ok(path),
        false => Err(SnapshotError::Apart {
            path,
            what: "this is outside of the folder of snapshots",
        }),
    }
}

fn new(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(NEW);
    PathBuf::from(name)
}

fn read_snapshot(
    path: &Path,
    id: &ScenarioId,
) -> Result<Option<gp2gp_model::snapshot::Snapshot>, SnapshotError> {
    let Some(text) = read(path)? else {
        return Ok(None);
    };
    let wrong = |line, what| SnapshotError::Changed {
        path: path.to_owned(),
        line,
        what,
    };
    let snapshot = text::parse(&text).map_err(|error| wrong(error.line, error.what))?;
    match snapshot.scenario == *id {
        true => Ok(Some(snapshot)),
        false => Err(wrong(2, format!("this is the snapshot of {id}"))),
    }
}

fn read(path: &Path) -> Result<Option<String>, SnapshotError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed("reading", path)(source)),
    }
}

fn write(path: &Path, text: &str) -> Result<(), SnapshotError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed("making", folder))?;
    }
    fs::write(path, text).map_err(failed("writing", path))
}

fn remove(path: &Path) -> Result<(), SnapshotError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed("removing", path)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
    let path = path.to_owned();
    move |source| SnapshotError::Io { what, path, source }
}
