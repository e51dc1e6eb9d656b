//! What the systems of a federation say to each other: JSON over HTTP.
//!
//! [`hub`] is the one interface that people at a hub and receptionists of every practice see.
//! [`member`] is what a hub asks of a practice's system; how that is written depends on who made
//! the system ([`MemberStyle`](gp2gp_model::federation::MemberStyle)). `docs/federation.md` has both
//! in a table. [`mailbox`] is where practices outside the federation get their letters.

mod emis;
pub mod hub;
pub mod mailbox;
pub mod member;
#[cfg(test)]
mod tests;
mod vision;

use bytes::Bytes;
use gp2gp_model::http::Method;
use gp2gp_model::{EntryId, IdError, NhsNumber, Time};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What a clinician wrote at a hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its id in every record that it reaches.
    pub id: EntryId,
    /// When, to the second.
    pub at: Time,
    /// Who.
    pub clinician: String,
    /// What; lines end with LF.
    pub text: String,
}

/// A free text of a record as a hub shows it: of the practice's own, or written at a hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Id of its statement, or of the entry.
    pub id: EntryId,
    /// What it says; lines end with LF.
    pub text: String,
    /// Of an entry written at a hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// When and by whom an entry was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// When, to the second.
    pub at: Time,
    /// By whom.
    pub clinician: String,
}

impl From<Entry> for Item {
    fn from(entry: Entry) -> Self {
        let Entry {
            id,
            at,
            clinician,
            text,
        } = entry;
        Self {
            id,
            text,
            written: Some(Written { at, clinician }),
        }
    }
}

/// A request, as much of it as matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// JSON, or nothing.
    pub body: Bytes,
}

/// An answer, as much of it as matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// JSON, or nothing.
    pub body: Bytes,
}

/// Why something is no request or answer of a federation.
#[derive(Debug, thiserror::Error)]
pub enum FederationError {
    /// Nothing answers there.
    #[error("nothing answers `{method} {path}`")]
    NoSuchPlace {
        /// Method.
        method: Method,
        /// Path, shortened.
        path: String,
    },
    /// A body that is not the JSON that it should be.
    #[error("{what}: {source}")]
    Json {
        /// What it should be.
        what: &'static str,
        /// Why it is not.
        source: serde_json::Error,
    },
    /// An id that is none.
    #[error(transparent)]
    Id(#[from] IdError),
    /// A status that says nothing here.
    #[error("no answer to {to} has the status {status}")]
    Status {
        /// What was asked.
        to: &'static str,
        /// The status.
        status: u16,
    },
    /// A number that is none.
    #[error("`{text}` is no {what}")]
    Number {
        /// What it should be.
        what: &'static str,
        /// What it is, shortened.
        text: String,
    },
}

/// Type of every body.
pub const JSON: &str = "application/json";

impl Call {
    fn get(path: String) -> Self {
        Self {
            method: Method::Get,
            path,
            body: Bytes::new(),
        }
    }

    fn with_json(method: Method, path: String, body: &impl Serialize) -> Self {
        Self {
            method,
            path,
            body: to_json(body),
        }
    }
}

impl Reply {
    /// One without a body.
    pub const fn bare(status: u16) -> Self {
        Self {
            status,
            body: Bytes::new(),
        }
    }

    /// One with a JSON body.
    pub fn with_json(status: u16, body: &impl Serialize) -> Self {
        Self {
            status,
            body: to_json(body),
        }
    }

    /// Whether it says yes.
    pub const fn is_done(&self) -> bool {
        matches!(self.status, 200..=299)
    }
}

/// Types of the protocol always have a JSON form; a body that had none would be refused as empty.
fn to_json(body: &impl Serialize) -> Bytes {
    serde_json::to_vec(body).unwrap_or_default().into()
}

fn from_json<T: DeserializeOwned>(body: &[u8], what: &'static str) -> Result<T, FederationError> {
    serde_json::from_slice(body).map_err(|source| FederationError::Json { what, source })
}

fn no_such_place(method: Method, path: &str) -> FederationError {
    FederationError::NoSuchPlace {
        method,
        path: shortened(path),
    }
}

fn number<T: std::str::FromStr>(text: &str, what: &'static str) -> Result<T, FederationError> {
    text.parse().map_err(|_| FederationError::Number {
        what,
        text: shortened(text),
    })
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

fn patient(text: &str) -> Result<NhsNumber, FederationError> {
    Ok(NhsNumber::parse(text)?)
}

/// The path and the values of its query.
fn split_query(path: &str) -> (&str, impl Iterator<Item = (&str, &str)>) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    (path, pairs)
}
