//! `gp2gp certify`.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use serde::Serialize;

use super::output::Output;
use super::page::{self, Traces};
use super::suite;
use crate::evidence::{self, PrivateKey, Statement};
use crate::keep::Kept;
use crate::score::CONFORMS;

/// The report for people, in the archive.
const HTML_FILE: &str = "report.html";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder that `gp2gp run --out` wrote.
    #[arg(long, value_name = "DIR", default_value = "gp2gp-out")]
    from: PathBuf,
    /// The archive to write.
    #[arg(long, value_name = "FILE", default_value = "gp2gp-evidence.tar.gz")]
    to: PathBuf,
    /// The private key that signs: Ed25519, PKCS 8, PEM.
    #[arg(long, value_name = "FILE", required_unless_present = "new_key")]
    key: Option<PathBuf>,
    /// Make a pair of keys instead: the private one in this file, the public one beside it (`.pub.pem`).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "to", "key"])]
    new_key: Option<PathBuf>,
}

/// What was packed, for programs.
#[derive(Serialize)]
struct Packed<'a> {
    archive: &'a Path,
    files: usize,
    bytes: u64,
    rechecked: usize,
    key: String,
    statement: &'a Statement,
}

/// Which keys were made, for programs.
#[derive(Serialize)]
struct Made<'a> {
    private: &'a Path,
    public: &'a Path,
    key: String,
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    match (&args.new_key, &args.key) {
        (Some(file), _) => new_key(file, output),
        (None, Some(key)) => certify(args, key, output),
        (None, None) => Err(miette!("give `--key` or `--new-key`")),
    }
}

fn certify(args: &Args, key: &Path, output: &Output) -> miette::Result<u8> {
    let catalogue = suite::catalogue()?;
    let text = fs::read_to_string(key)
        .into_diagnostic()
        .wrap_err_with(|| format!("reading the key {}", key.display()))?;
    let key = PrivateKey::from_pem(&text).map_err(evidence::EvidenceError::from)?;
    let kept = Kept::open(&args.from, &catalogue)?;
    let scratch = tempfile::tempdir().into_diagnostic()?;
    let html = scratch.path().join(HTML_FILE);
    let report = kept.report(&catalogue);
    page::write(&html, &report, &catalogue, &Traces::KeptIn(&args.from))?;
    let beside = [(HTML_FILE, html)];
    let bundled = evidence::bundle(&kept, &catalogue, &key, (&args.to, &beside))?;
    let statement = &bundled.statement;
    let packed = Packed {
        archive: &args.to,
        files: statement.subject.len(),
        bytes: bundled.bytes,
        rechecked: bundled.rechecked,
        key: key.public().id().to_string(),
        statement,
    };
    output.result(&packed, || {
        format!(
            "{}\n  {} of {}: {}\n  {} verdicts found again in the traces\n  {} files, {} bytes, signed by key {}\ncheck it with: gp2gp verify {} --recheck\n",
            args.to.display(),
            statement.predicate.result,
            statement.predicate.gp2gp.sut,
            statement.predicate.gp2gp.notice,
            packed.rechecked,
            packed.files,
            packed.bytes,
            packed.key,
            args.to.display(),
        )
    })?;
    Ok(CONFORMS)
}

fn new_key(file: &Path, output: &Output) -> miette::Result<u8> {
    let (private, public) = evidence::new_key().map_err(evidence::EvidenceError::from)?;
    let public_file = file.with_extension("pub.pem");
    write_new(file, &private, Secrecy::Secret)?;
    write_new(&public_file, &public, Secrecy::Public)?;
    let key = evidence::PublicKey::from_pem(&public).map_err(evidence::EvidenceError::from)?;
    let made = Made {
        private: file,
        public: &public_file,
        key: key.id().to_string(),
    };
    output.result(&made, || {
        format!(
            "{}: private, keep it secret\n{}: public, give it to whoever verifies\nkey {}\n",
            file.display(),
            public_file.display(),
            made.key
        )
    })?;
    Ok(CONFORMS)
}

#[derive(Clone, Copy)]
enum Secrecy {
    Secret,
    Public,
}

/// A key that is there is never overwritten.
fn write_new(file: &Path, text: &str, secrecy: Secrecy) -> miette::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if let Secrecy::Secret = secrecy {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let (Secrecy::Secret | Secrecy::Public) = secrecy;
    let written = options
        .open(file)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written
        .into_diagnostic()
        .wrap_err_with(|| format!("writing {}", file.display()))
}
