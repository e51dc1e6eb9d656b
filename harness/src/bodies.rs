//! Bodies of a trace, by digest: in memory as long as they are few, then in a folder, or in a
//! temporary file where nothing is kept.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64_simd::STANDARD;
use bytes::Bytes;
use gp2gp_mocks::spool::{Spool, Spooled};
use gp2gp_model::Sha256;
use gp2gp_model::trace::{Bodies, BodyRef};
use serde::{Deserialize, Serialize};

/// Bodies above this size have a file of their own where they are kept.
const LARGE_BYTES: usize = 64 * 1024;

/// What stays in memory: the first bodies of a run. Sender and receiver hold the same bytes, and
/// the judge finds them at hand. A document of 25 MB goes in.
const MEMORY_BYTES: usize = 48_000_000;

/// Bodies up to this size stay in memory a little longer than larger ones: a file for each of a
/// thousand acknowledgements costs more than the run.
const SMALL_BYTES: usize = 16 * 1024;

/// What the small ones may take beyond [`MEMORY_BYTES`].
const MORE_SMALL_BYTES: usize = 16_000_000;

/// File of the small bodies in the folder, one JSON object a line.
const SMALL_BODIES: &str = "small.jsonl";

/// A store of bodies.
#[derive(Debug)]
pub struct BodyStore {
    memory: BTreeMap<Sha256, Bytes>,
    memory_bytes: usize,
    outside: Outside,
}

/// Where bodies are that do not stay in memory.
#[derive(Debug)]
enum Outside {
    Temporary(Spool, BTreeMap<Sha256, Spooled>),
    Folder(PathBuf, BTreeSet<Sha256>),
}

impl BodyStore {
    /// A store that ends with the run.
    pub fn temporary() -> Self {
        Self::with(Outside::Temporary(Spool::new(), BTreeMap::new()))
    }

    /// Large bodies in `folder`, which is made if it is not there.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self::with(Outside::Folder(
            folder.to_owned(),
            BTreeSet::new(),
        )))
    }

    /// The bodies of a kept run.
    pub fn of_folder(folder: &Path) -> io::Result<Self> {
        let mut store = Self::with(Outside::Folder(folder.to_owned(), BTreeSet::new()));
        let text = match fs::read_to_string(folder.join(SMALL_BODIES)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        for line in text.lines() {
            let SmallBody { sha256, content } = serde_json::from_str(line)?;
            let body = content.into_body().ok_or(io::ErrorKind::InvalidData)?;
            store.memory.insert(sha256, body);
        }
        Ok(store)
    }

    fn with(outside: Outside) -> Self {
        Self {
            memory: BTreeMap::new(),
            memory_bytes: 0,
            outside,
        }
    }

    /// Keeps a body and names it.
    pub fn put(&mut self, body: &Bytes) -> io::Result<BodyRef> {
        Ok(BodyRef {
            sha256: self.keep(body)?,
            bytes: body.len() as u64,
        })
    }

    fn keep(&mut self, body: &Bytes) -> io::Result<Sha256> {
        let sha256 = Sha256::of(body);
        if self.memory.contains_key(&sha256) {
            return Ok(sha256);
        }
        if self.has_room_for(body.len()) {
            self.memory_bytes += body.len();
            self.memory.insert(sha256, body.clone());
        } else {
            self.outside.keep(sha256, body)?;
        }
        Ok(sha256)
    }

    /// What stays in memory, in bytes.
    pub(crate) const fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    const fn has_room_for(&self, bytes: usize) -> bool {
        let limit = if bytes <= SMALL_BYTES {
            MEMORY_BYTES + MORE_SMALL_BYTES
        } else {
            MEMORY_BYTES
        };
        self.memory_bytes + bytes <= limit
    }

    /// Writes what is not in `folder` yet, so that it holds every body: small ones as lines of one
    /// file.
    pub fn save(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut lines = Vec::new();
        for (sha256, body) in &self.memory {
            if body.len() <= LARGE_BYTES {
                let (sha256, content) = (*sha256, Content::of(body));
                serde_json::to_writer(&mut lines, &SmallBody { sha256, content })?;
                lines.push(b'\n');
            } else {
                fs::write(folder.join(sha256.to_string()), body)?;
            }
        }
        if let Outside::Temporary(_, bodies) = &self.outside {
            for (sha256, body) in bodies {
                let mut file = fs::File::create(folder.join(sha256.to_string()))?;
                io::copy(&mut body.open(), &mut file)?;
            }
        }
        fs::write(folder.join(SMALL_BODIES), lines)
    }
}

impl Outside {
    fn keep(&mut self, sha256: Sha256, body: &Bytes) -> io::Result<()> {
        match self {
            Self::Temporary(spool, bodies) => {
                if let Entry::Vacant(place) = bodies.entry(sha256) {
                    place.insert(spool.keep(body)?);
                }
            }
            Self::Folder(folder, written) => {
                if !written.contains(&sha256) {
                    fs::write(folder.join(sha256.to_string()), body)?;
                    written.insert(sha256);
                }
            }
        }
        Ok(())
    }
}

/// A line of [`SMALL_BODIES`].
#[derive(Serialize, Deserialize)]
struct SmallBody<'a> {
    sha256: Sha256,
    #[serde(flatten, borrow)]
    content: Content<'a>,
}

/// As text where it is one: people read these files.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Content<'a> {
    Text(Cow<'a, str>),
    Base64(Cow<'a, str>),
}

impl<'a> Content<'a> {
    fn of(body: &'a Bytes) -> Self {
        match std::str::from_utf8(body) {
            Ok(text) => Self::Text(text.into()),
            Err(_) => Self::Base64(STANDARD.encode_to_string(body).into()),
        }
    }

    /// `None` if it is not the base64 that it says.
    fn into_body(self) -> Option<Bytes> {
        match self {
            Self::Text(text) => Some(text.into_owned().into()),
            Self::Base64(text) => Some(STANDARD.decode_to_vec(text.as_bytes()).ok()?.into()),
        }
    }
}

impl Bodies for BodyStore {
    fn body(&self, sha256: &Sha256) -> Option<Bytes> {
        if let Some(body) = self.memory.get(sha256) {
            return Some(body.clone());
        }
        match &self.outside {
            Outside::Temporary(_, bodies) => bodies.get(sha256)?.read().ok(),
            Outside::Folder(folder, _) => {
                let body = fs::read(folder.join(sha256.to_string()));
                body.ok().map(Bytes::from)
            }
        }
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
    fn bodies_that_are_many_leave_memory_the_small_ones_last() {
        let mut store = BodyStore::temporary();
        let large: Vec<_> = (0..30).map(|seed| body(2_000_000, seed)).collect();
        let small: Vec<_> = (0..=255_u8)
            .flat_map(|seed| (0..6).map(move |less| body(SMALL_BYTES - less, seed)))
            .collect();
        for body in large.iter().chain(&small) {
            store.put(body).unwrap();
        }
        let kept = |bodies: &[Bytes]| {
            let digests = bodies.iter().map(|body| Sha256::of(body));
            digests
                .filter(|sha256| store.memory.contains_key(sha256))
                .count()
        };
        assert_eq!(kept(&large), MEMORY_BYTES / 2_000_000);
        assert_eq!(kept(&small), MORE_SMALL_BYTES / (SMALL_BYTES - 2));
        for body in large.iter().chain(&small) {
            assert!(store.body(&Sha256::of(body)).as_ref() == Some(body));
        }
    }

    #[test]
    fn a_body_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = BodyStore::in_folder(folder.path()).unwrap();
        for seed in [1, 2, 3, 4, 5, 6, 6, 1, 6] {
            store.put(&body(15_000_000, seed)).unwrap();
        }
        assert_eq!(files(folder.path()), 3);
        store.save(folder.path()).unwrap();
        assert_eq!(files(folder.path()), 7);
    }
}
