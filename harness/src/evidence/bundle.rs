//! Putting a run into an archive.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use gp2gp_model::Sha256;
use gp2gp_model::requirement::Requirement;

use super::statement::{Digest, Statement, Subject};
use super::{EvidenceError, KEY_FILE, PrivateKey, STATEMENT_FILE};
use crate::keep::{BASELINE_FILE, EARLIER_FILE, Kept, RUN_FILE, folder_of};
use crate::recheck::recheck;

/// What was put into an archive.
#[derive(Debug)]
pub struct Bundled {
    /// What it states.
    pub statement: Statement,
    /// Bytes of the files in it.
    pub bytes: u64,
    /// Verdicts that were found once more before it was signed.
    pub rechecked: usize,
}

/// A file of the archive.
enum Content {
    Text(String),
    File(PathBuf),
}

/// Writes the archive of a run that says what its traces say, with files that were made from it, by their names.
///
/// # Errors
///
/// If the run cannot be read, or says something else, or the archive cannot be written.
pub fn bundle(
    kept: &Kept,
    catalogue: &[Requirement],
    key: &PrivateKey,
    (to, beside): (&Path, &[(&str, PathBuf)]),
) -> Result<Bundled, EvidenceError> {
    let recheck = recheck(kept, catalogue)?;
    if let [first, more @ ..] = recheck.differences.as_slice() {
        return Err(EvidenceError::Contradicted {
            first: Box::new(first.clone()),
            more: more.len(),
        });
    }
    let report = kept.report(catalogue);
    let mut files = reports(&report, catalogue)?;
    files.push((KEY_FILE.to_owned(), Content::Text(key.public().to_pem())));
    files.extend(source(kept)?);
    let beside = beside.iter();
    files.extend(beside.map(|(name, path)| ((*name).to_owned(), Content::File(path.clone()))));
    files.sort_by(|(one, _), (other, _)| one.cmp(other));

    let (mut subject, mut bytes) = (Vec::new(), 0);
    for (name, content) in &files {
        let (sha256, length) = content.digest()?;
        bytes += length;
        subject.push(Subject {
            name: name.clone(),
            digest: Digest { sha256 },
        });
    }
    let statement = Statement::of(&report, subject);
    let envelope = statement
        .sealed(key)
        .and_then(|it| serde_json::to_string_pretty(&it));
    let envelope = envelope.map_err(|error| EvidenceError::Report {
        what: "the statement",
        why: error.to_string(),
    })?;
    let made_at = report.fingerprint.as_ref().map(|it| it.made_at.as_micros());
    let second = made_at.unwrap_or_default() / 1_000_000;
    let failed = |source| EvidenceError::Io {
        path: to.to_owned(),
        source,
    };
    // Whoever looks at the name finds a whole archive or none.
    let half = to.with_extension("half");
    let file = BufWriter::new(File::create(&half).map_err(failed)?);
    let gzip = GzBuilder::new()
        .mtime(0)
        .write(file, Compression::default());
    let mut archive = Archive {
        tar: tar::Builder::new(gzip),
        second,
    };
    archive.add(STATEMENT_FILE, &Content::Text(envelope + "\n"))?;
    for (name, content) in &files {
        archive.add(name, content)?;
    }
    let ended = archive
        .tar
        .into_inner()
        .and_then(flate2::write::GzEncoder::finish);
    let ended = ended.and_then(|file| file.into_inner().map_err(io::IntoInnerError::into_error));
    ended.and_then(|file| file.sync_all()).map_err(failed)?;
    fs::rename(&half, to).map_err(failed)?;
    Ok(Bundled {
        statement,
        bytes,
        rechecked: recheck.verdicts,
    })
}

/// Made anew from the run: what lies beside it may be older.
fn reports(
    report: &gp2gp_model::report::RunReport,
    catalogue: &[Requirement],
) -> Result<Vec<(String, Content)>, EvidenceError> {
    let wrong = |what, why: &dyn std::fmt::Display| EvidenceError::Report {
        what,
        why: why.to_string(),
    };
    let json = gp2gp_reports::json(report).map_err(|error| wrong("report.json", &error))?;
    let junit =
        gp2gp_reports::junit(report, catalogue).map_err(|error| wrong("junit.xml", &error))?;
    let markdown = gp2gp_reports::markdown(report, catalogue, gp2gp_reports::Room::Summary);
    let texts = [
        ("report.json", json),
        ("junit.xml", junit),
        ("report.md", markdown),
    ];
    Ok(texts
        .map(|(name, text)| (name.to_owned(), Content::Text(text)))
        .into())
}

/// What the reports are made from: the run, what it is seen beside, its traces.
fn source(kept: &Kept) -> Result<Vec<(String, Content)>, EvidenceError> {
    let folder = kept.folder();
    let mut files = Vec::new();
    for name in [RUN_FILE, EARLIER_FILE, BASELINE_FILE] {
        let path = folder.join(name);
        if path.is_file() {
            files.push((name.to_owned(), Content::File(path)));
        }
    }
    for scenario in &kept.log.scenarios {
        let (Some(id), Some(_)) = (&scenario.report.id, scenario.trace_sha256) else {
            continue;
        };
        walk(&folder_of(folder, id), &format!("runs/{id}"), &mut files)?;
    }
    Ok(files)
}

/// A scenario's own files; below it may be the folders of other scenarios.
fn walk(
    folder: &Path,
    name: &str,
    files: &mut Vec<(String, Content)>,
) -> Result<(), EvidenceError> {
    let failed = |source| EvidenceError::Io {
        path: folder.to_owned(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let part = entry.file_name().to_string_lossy().into_owned();
        let name = format!("{name}/{part}");
        if entry.file_type().map_err(failed)?.is_file() {
            files.push((name, Content::File(entry.path())));
        } else if part == crate::keep::BODIES_FOLDER {
            walk(&entry.path(), &name, files)?;
        }
    }
    Ok(())
}

impl Content {
    fn read<T>(
        &self,
        work: impl FnOnce(&mut dyn Read, u64) -> io::Result<T>,
    ) -> Result<T, EvidenceError> {
        match self {
            Self::Text(text) => {
                work(&mut text.as_bytes(), text.len() as u64).map_err(|source| EvidenceError::Io {
                    path: PathBuf::from("a report"),
                    source,
                })
            }
            Self::File(path) => {
                let open = || {
                    let mut file = File::open(path)?;
                    let length = file.metadata()?.len();
                    work(&mut file, length)
                };
                open().map_err(|source| EvidenceError::Io {
                    path: path.clone(),
                    source,
                })
            }
        }
    }

    fn digest(&self) -> Result<(Sha256, u64), EvidenceError> {
        self.read(|from, _| digest(from))
    }
}

/// Digest and length of everything that is read.
pub(super) fn digest(from: &mut dyn Read) -> io::Result<(Sha256, u64)> {
    let mut hasher = Sha256::hasher();
    let mut piece = vec![0; 64 * 1024];
    loop {
        match from.read(&mut piece)? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(piece.get(..read).unwrap_or_default()),
        }
    }
}

/// Files one after the other, with nothing of this machine in their heads.
struct Archive<W: io::Write> {
    tar: tar::Builder<W>,
    second: u64,
}

impl<W: io::Write> Archive<W> {
    fn add(&mut self, name: &str, content: &Content) -> Result<(), EvidenceError> {
        let second = self.second;
        content.read(|from, length| {
            let mut header = tar::Header::new_gnu();
            header.set_size(length);
            header.set_mode(0o644);
            header.set_mtime(second);
            self.tar.append_data(&mut header, name, from)
        })
    }
}
