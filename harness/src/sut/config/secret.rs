//! Where a secret is, and never what it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fmt, fs, io};

use gp2gp_scenarios::Problem;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// `{ env = "NAME" }` or `{ file = "path" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// In this variable of the environment.
    Env(String),
    /// In this file, without the line end at its end.
    File(PathBuf),
}

/// A secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("the variable {0} is not set")]
    NotSet(String),
    /// The file cannot be read.
    #[error("the file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is nothing in it.
    #[error("{0} is empty")]
    Empty(String),
}

impl Secret {
    /// What it is.
    pub fn reveal(&self) -> Result<String, SecretError> {
        let (secret, place) = match self {
            Self::Env(name) => (
                env::var(name).map_err(|_| SecretError::NotSet(name.clone()))?,
                format!("the variable {name}"),
            ),
            Self::File(path) => (
                fs::read_to_string(path).map_err(|source| SecretError::Unreadable {
                    path: path.clone(),
                    source,
                })?,
                format!("the file {}", path.display()),
            ),
        };
        let secret = secret.trim_end_matches(['\r', '\n']);
        if secret.is_empty() {
            return Err(SecretError::Empty(place));
        }
        Ok(secret.to_owned())
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the variable {name}"),
            Self::File(path) => write!(f, "the file {}", path.display()),
        }
    }
}

/// As written.
#[derive(Debug, Clone)]
pub(super) struct Reference(Secret);

const LITERAL: &str = "a secret stands in the file itself";

/// How a complaint of a URL ends that may hold a password.
pub(super) const USER_INFORMATION: &str = "holds user information";

impl Reference {
    pub(super) fn below(&self, folder: &Path) -> Secret {
        match &self.0 {
            Secret::Env(name) => Secret::Env(name.clone()),
            Secret::File(path) => Secret::File(folder.join(path)),
        }
    }
}

/// The text without the secret that the problem is about: reports are kept, and read by many.
pub(super) fn masked(text: &str, problem: &Problem) -> Arc<str> {
    let is_secret = problem.message() == LITERAL || problem.message().ends_with(USER_INFORMATION);
    let span = problem.span().filter(|_| is_secret);
    let parts = span.and_then(|span| {
        Some((
            text.get(..span.start)?,
            text.get(span.clone())?,
            text.get(span.end..)?,
        ))
    });
    match parts {
        Some((before, secret, after)) => {
            let stars = "*".repeat(secret.len());
            format!("{before}{stars}{after}").into()
        }
        None => text.into(),
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReferenceVisitor)
    }
}

struct ReferenceVisitor;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    env: Option<String>,
    file: Option<PathBuf>,
}

impl<'de> Visitor<'de> for ReferenceVisitor {
    type Value = Reference;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("where a secret is: { env = \"NAME\" } or { file = \"path\" }")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Reference, E> {
        Err(E::custom(format!(
            "{LITERAL}\nwrite where it is: {{ env = \"NAME\" }} or {{ file = \"path\" }}"
        )))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Reference, A::Error> {
        let place = Place::deserialize(MapAccessDeserializer::new(map))?;
        match (place.env, place.file) {
            (Some(name), None) => Ok(Reference(Secret::Env(name))),
            (None, Some(path)) => Ok(Reference(Secret::File(path))),
            (Some(_), Some(_)) | (None, None) => Err(A::Error::custom(
                "a secret is in one place\nwrite { env = \"NAME\" } or { file = \"path\" }",
            )),
        }
    }
}

impl JsonSchema for Reference {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let place = |key: &str| {
            serde_json::json!({
                "type": "object",
                "properties": { key: { "type": "string" } },
                "required": [key],
                "additionalProperties": false,
            })
        };
        json_schema!({ "anyOf": [place("env"), place("file")] })
    }
}
