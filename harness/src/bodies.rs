//! Bodies of a trace, by digest: small ones in memory, large ones in a folder, or in a temporary
//! file where nothing is kept.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use gp2gp_mocks::spool::{Spool, Spooled};
use gp2gp_model::Sha256;
use gp2gp_model::trace::{Bodies, BodyRef};
use serde::{Deserialize, Serialize};

/// Bodies above this size leave memory at once, so that it does not grow with a transfer.
const LARGE_BYTES: usize = 64 * 1024;

/// All small bodies together; what comes later counts as large.
const ALL_SMALL_BYTES: usize = 16 * 1024 * 1024;

/// File of the small bodies in the folder, one JSON object a line.
const SMALL_BODIES: &str = "small.jsonl";

/// A store of bodies.
#[derive(Debug)]
pub struct BodyStore {
    small: BTreeMap<Sha256, Bytes>,
    small_bytes: usize,
    large: Large,
    recent: Recent,
}

/// Where large bodies are.
#[derive(Debug)]
enum Large {
    Temporary(Spool, BTreeMap<Sha256, Spooled>),
    Folder(PathBuf, BTreeSet<Sha256>),
}

impl BodyStore {
    /// A store that ends with the run.
    pub fn temporary() -> Self {
        Self::with(Large::Temporary(Spool::new(), BTreeMap::new()))
    }

    /// Large bodies in `folder`, which is made if it is not there.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self::with(Large::Folder(
            folder.to_owned(),
            BTreeSet::new(),
        )))
    }

    /// The bodies of a kept run.
    pub fn of_folder(folder: &Path) -> io::Result<Self> {
        let mut store = Self::with(Large::Folder(folder.to_owned(), BTreeSet::new()));
        let text = match fs::read_to_string(folder.join(SMALL_BODIES)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        for line in text.lines() {
            let SmallBody { sha256, text } = serde_json::from_str(line)?;
            store.small.insert(sha256, Bytes::from(text));
        }
        Ok(store)
    }

    fn with(large: Large) -> Self {
        Self {
            small: BTreeMap::new(),
            small_bytes: 0,
            large,
            recent: Recent::default(),
        }
    }

    /// Keeps a body and names it.
    pub fn put(&mut self, body: &Bytes) -> io::Result<BodyRef> {
        let fits = self.small_bytes + body.len() <= ALL_SMALL_BYTES;
        let sha256 = if body.len() <= LARGE_BYTES && fits {
            self.put_small(body)
        } else {
            self.put_large(body)?
        };
        Ok(BodyRef {
            sha256,
            bytes: body.len() as u64,
        })
    }

    fn put_small(&mut self, body: &Bytes) -> Sha256 {
        let sha256 = Sha256::of(body);
        if let Entry::Vacant(place) = self.small.entry(sha256) {
            place.insert(body.clone());
            self.small_bytes += body.len();
        }
        sha256
    }

    fn put_large(&mut self, body: &Bytes) -> io::Result<Sha256> {
        if let Some(sha256) = self.recent.digest(body) {
            return Ok(sha256);
        }
        let sha256 = Sha256::of(body);
        if self.small.contains_key(&sha256) {
            return Ok(sha256);
        }
        match &mut self.large {
            Large::Temporary(spool, bodies) => {
                if let Entry::Vacant(place) = bodies.entry(sha256) {
                    place.insert(spool.keep(body)?);
                }
            }
            Large::Folder(folder, written) => {
                if !written.contains(&sha256) {
                    fs::write(folder.join(sha256.to_string()), body)?;
                    written.insert(sha256);
                }
            }
        }
        self.recent.remember(body.clone(), sha256);
        Ok(sha256)
    }

    /// Writes what is not in `folder` yet, so that it holds every body: small texts as lines of
    /// one file, because a file for each of a thousand acknowledgements costs more than the run.
    pub fn save(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut lines = Vec::new();
        for (sha256, body) in &self.small {
            match String::from_utf8(body.to_vec()) {
                Ok(text) => {
                    let sha256 = *sha256;
                    serde_json::to_writer(&mut lines, &SmallBody { sha256, text })?;
                    lines.push(b'\n');
                }
                Err(_) => fs::write(folder.join(sha256.to_string()), body)?,
            }
        }
        if let Large::Temporary(_, bodies) = &self.large {
            for (sha256, body) in bodies {
                let mut file = fs::File::create(folder.join(sha256.to_string()))?;
                io::copy(&mut body.open(), &mut file)?;
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
        if let Some(body) = self.small.get(sha256) {
            return Some(body.clone());
        }
        match &self.large {
            Large::Temporary(_, bodies) => bodies.get(sha256)?.read().ok(),
            Large::Folder(folder, _) => {
                let body = fs::read(folder.join(sha256.to_string()));
                body.ok().map(Bytes::from)
            }
        }
    }
}

/// The last large bodies with their digests. Spine delivers a message as it was posted, a moment
/// later: comparing the two costs a tenth of hashing both, and equal bytes have equal digests,
/// whether they are the same memory or came through a socket.
#[derive(Debug, Default)]
struct Recent(VecDeque<(Bytes, Sha256)>);

impl Recent {
    /// Three messages of the size that Spine takes.
    const BYTES: usize = 15_000_000;

    fn digest(&self, body: &Bytes) -> Option<Sha256> {
        let is_same = |known: &Bytes| {
            known.len() == body.len() && (known.as_ptr() == body.as_ptr() || known == body)
        };
        let found = self.0.iter().find(|(known, _)| is_same(known));
        found.map(|(_, sha256)| *sha256)
    }

    fn remember(&mut self, body: Bytes, sha256: Sha256) {
        self.0.push_front((body, sha256));
        let mut bytes = 0;
        self.0.retain(|(body, _)| {
            bytes += body.len();
            bytes <= Self::BYTES
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(bytes: usize, seed: u8) -> Bytes {
        (0..bytes)
            .map(|at| u8::try_from(at % 251).unwrap() ^ seed)
            .collect()
    }

    fn files(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn every_body_comes_back_from_a_temporary_store_and_from_a_saved_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut temporary = BodyStore::temporary();
        let mut kept = BodyStore::in_folder(&folder.path().join("kept")).unwrap();
        let bodies = [
            body(0, 0),
            Bytes::from_static(b"text"),
            Bytes::from_static(b"\xFF no text"),
            body(LARGE_BYTES, 1),
            body(LARGE_BYTES + 1, 2),
            body(5_000_000, 3),
        ];
        for body in &bodies {
            let reference = temporary.put(body).unwrap();
            assert_eq!(reference.sha256, Sha256::of(body));
            assert_eq!(reference, kept.put(body).unwrap());
        }
        temporary.save(&folder.path().join("saved")).unwrap();
        kept.save(&folder.path().join("kept")).unwrap();
        let saved = BodyStore::of_folder(&folder.path().join("saved")).unwrap();
        let again = BodyStore::of_folder(&folder.path().join("kept")).unwrap();
        for body in &bodies {
            for store in [&temporary, &kept, &saved, &again] {
                assert!(store.body(&Sha256::of(body)).as_ref() == Some(body));
            }
        }
        assert_eq!(saved.body(&Sha256::of(b"another")), None);
    }

    #[test]
    fn a_body_that_differs_in_its_last_byte_is_another_body() {
        let mut store = BodyStore::temporary();
        let first = body(200_000, 1);
        let mut bytes = first.to_vec();
        bytes[199_999] ^= 1;
        let other = Bytes::from(bytes);
        let copy = Bytes::copy_from_slice(&first);
        for body in [&first, &first, &other, &copy, &first.slice(1..)] {
            assert_eq!(store.put(body).unwrap().sha256, Sha256::of(body));
        }
    }

    #[test]
    fn no_more_than_a_few_messages_stay_in_memory() {
        let mut recent = Recent::default();
        for seed in 0..20 {
            let body = body(4_000_000, seed);
            recent.remember(body.clone(), Sha256::of(b"any"));
            assert!(recent.digest(&body).is_some());
        }
        assert_eq!(recent.0.len(), 3);
        assert_eq!(recent.digest(&body(4_000_000, 1)), None);
    }

    #[test]
    fn small_bodies_that_are_many_leave_memory_too() {
        let mut store = BodyStore::temporary();
        let bodies: Vec<_> = (0..=255_u8)
            .flat_map(|seed| [body(LARGE_BYTES - 1, seed), body(LARGE_BYTES - 2, seed)])
            .collect();
        for body in &bodies {
            store.put(body).unwrap();
        }
        assert_eq!(store.small.len(), ALL_SMALL_BYTES / LARGE_BYTES);
        assert!(store.small_bytes <= ALL_SMALL_BYTES);
        for body in &bodies {
            assert!(store.body(&Sha256::of(body)).as_ref() == Some(body));
        }
    }

    #[test]
    fn a_body_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = BodyStore::in_folder(folder.path()).unwrap();
        let same = body(100_000, 1);
        store.put(&same).unwrap();
        for seed in 2..4 {
            store.put(&body(9_000_000, seed)).unwrap();
        }
        store.put(&same).unwrap();
        assert_eq!(files(folder.path()), 3);
    }
}
