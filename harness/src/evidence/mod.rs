//! Evidence: a run, its traces and its reports in one archive, with a signed statement of what is in it.
//!
//! The archive is a gzipped tar that holds the statement first. The statement is an in-toto Statement v1 with the
//! test-result predicate, in a DSSE envelope, signed with Ed25519: what is in it can be checked without this
//! program. The same run and the same key give the same bytes.

mod bundle;
mod key;
mod open;
mod statement;

pub use bundle::{Bundled, bundle};
pub use key::{KeyError, PrivateKey, PublicKey, new_key};
pub use open::{Opened, Signature, open};
pub use statement::{Predicate, Statement};

use std::io;
use std::path::PathBuf;

use crate::keep::KeptError;
use crate::recheck::Difference;

/// The statement in an archive.
pub const STATEMENT_FILE: &str = "statement.dsse.json";
/// The public key of who signed it.
pub const KEY_FILE: &str = "public-key.pem";

/// Why there is no evidence, or none that holds.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum EvidenceError {
    /// A file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The run cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Kept(#[from] KeptError),
    /// The run does not say what its traces say.
    #[error("{first}{}", and_more(*more))]
    #[diagnostic(help(
        "the run was changed, or was judged by another version: make it again, then certify it"
    ))]
    Contradicted {
        /// One place.
        first: Box<Difference>,
        /// So many others.
        more: usize,
    },
    /// The key is none.
    #[error(transparent)]
    #[diagnostic(help("`gp2gp certify --new-key FILE` makes a pair of keys"))]
    Key(#[from] KeyError),
    /// A report cannot be made.
    #[error("{what}: {why}")]
    Report {
        /// Which.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// It is no archive of ours.
    #[error("{path}: {why}", path = path.display())]
    #[diagnostic(help("give an archive that `gp2gp certify` made"))]
    NoBundle {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The statement is not signed by the key that it should be.
    #[error("{why}")]
    #[diagnostic(help("the statement was changed, or somebody else signed it: do not trust it"))]
    Signature {
        /// Why.
        why: String,
    },
    /// What is in the archive is not what the statement says.
    #[error("{why}")]
    #[diagnostic(help("the archive was changed after it was signed: do not trust it"))]
    Changed {
        /// Which file, and how.
        why: String,
    },
}

fn and_more(more: usize) -> String {
    match more {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    }
}
