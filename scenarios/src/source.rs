//! Scenario files: those in the binary, and those of a user.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use gp2gp_model::{IdError, ScenarioId, Sha256};
use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

use crate::error::{Problem, ScenarioError};
use crate::file::File;
use crate::matrix::Matrix;

/// `(id, text)` of every file, in the order of ids; made by `build.rs`.
static BUILTIN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));

/// A scenario file, unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its path below `scenarios/` without `.toml`; for a file of a user the last folder and name.
    pub id: ScenarioId,
    /// The file as people find it, for messages.
    pub file: String,
    /// Its text.
    pub text: Arc<str>,
}

/// A scenario that holds nothing but what an author may write.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub(crate) id: ScenarioId,
    pub(crate) source: Source,
    /// Which cell of the matrix of its file it is.
    pub(crate) cell: Option<String>,
    pub(crate) file: File,
}

/// No scenario text could be had.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read scenario {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The name of the file makes no scenario id.
    #[error("no scenario can be called `{name}`: {source}")]
    Name {
        /// The name.
        name: String,
        /// Why.
        source: IdError,
    },
}

/// Every scenario in the binary, in the order of ids.
pub fn builtin() -> Vec<Source> {
    BUILTIN
        .iter()
        .filter_map(|(id, text)| named(id, format!("scenarios/{id}.toml"), text).ok())
        .collect()
}

/// A scenario file of a user. `smoke/first.toml`, wherever that folder is, gets the id
/// `smoke/first`.
pub fn load_file(path: &Path) -> Result<Source, LoadError> {
    let text = fs::read_to_string(path).map_err(|source| LoadError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    named(&name_of(path), path.display().to_string(), &text)
}

/// A scenario text under a name, which becomes its id.
pub fn load_str(name: &str, text: &str) -> Result<Source, LoadError> {
    named(name, format!("{name}.toml"), text)
}

fn named(name: &str, file: String, text: &str) -> Result<Source, LoadError> {
    let id = ScenarioId::parse(name).map_err(|source| LoadError::Name {
        name: name.to_owned(),
        source,
    })?;
    Ok(Source {
        id,
        file,
        text: text.into(),
    })
}

/// Reads a file strictly: unknown keys, wrong types and misspelt values are errors. A file with a
/// `[matrix]` holds a scenario for each of its cells, any other file one.
pub fn parse(source: &Source) -> Result<Vec<Scenario>, ScenarioError> {
    read(source).map_err(|problem| problem.in_source(source))
}

fn read(source: &Source) -> Result<Vec<Scenario>, Problem> {
    let mut table = DeTable::parse(&source.text)?;
    let Some(matrix) = Matrix::take(table.get_mut())? else {
        return Ok(vec![scenario(source, None, table)?]);
    };
    let mut scenarios = Vec::new();
    let mut used = BTreeSet::new();
    for cell in matrix.cells() {
        let mut table = table.clone();
        used.extend(cell.fill(table.get_mut(), &source.text)?);
        let cell = cell.to_string();
        let read = scenario(source, Some(cell.clone()), table);
        scenarios.push(read.map_err(|problem| problem.in_cell(&cell))?);
    }
    matrix.all_used(&used)?;
    Ok(scenarios)
}

fn scenario(
    source: &Source,
    cell: Option<String>,
    table: Spanned<DeTable<'_>>,
) -> Result<Scenario, Problem> {
    let id = match &cell {
        None => source.id.clone(),
        Some(cell) => ScenarioId::parse(&format!("{}/{cell}", source.id))?,
    };
    Ok(Scenario {
        id,
        source: source.clone(),
        cell,
        file: File::deserialize(Deserializer::from(table))?,
    })
}

impl Scenario {
    /// Its id: that of its file, and for a cell of a matrix the values of the cell, as in
    /// `transfer/boundary/dialect=tpp/size=4.5-MB`.
    pub const fn id(&self) -> &ScenarioId {
        &self.id
    }

    /// Digest of the text of its file, for the header of a trace.
    pub fn digest(&self) -> Sha256 {
        Sha256::of(self.source.text.as_bytes())
    }

    /// The seed unless somebody says another: small enough to be typed, different for each id.
    pub(crate) fn usual_seed(&self) -> u64 {
        let digest = Sha256::of(self.id().as_str().as_bytes()).into_bytes();
        digest
            .iter()
            .take(3)
            .fold(0, |seed, byte| seed << 8 | u64::from(*byte))
    }
}

fn name_of(path: &Path) -> String {
    let path = path.with_extension("");
    let names: Vec<String> = path
        .components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(
                name.to_string_lossy()
                    .replace(|c: char| c.is_whitespace() || c == '=', "-"),
            ),
            Component::Prefix(_)
            | Component::RootDir
            | Component::CurDir
            | Component::ParentDir => None,
        })
        .collect();
    names
        .get(names.len().saturating_sub(2)..)
        .unwrap_or_default()
        .join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_file_has_an_id_of_family_and_name() {
        let sources = builtin();
        assert_eq!(sources.len(), BUILTIN.len());
        assert!(
            sources
                .iter()
                .all(|source| source.id.as_str().split('/').count() == 2)
        );
        assert!(
            sources
                .iter()
                .any(|source| source.id.as_str() == "transfer/small-record")
        );
    }

    #[test]
    fn a_file_is_called_by_its_last_folder_and_name() {
        assert_eq!(
            name_of(Path::new("/a/b/smoke/first try.toml")),
            "smoke/first-try"
        );
        assert_eq!(name_of(Path::new("./first.toml")), "first");
        assert_eq!(name_of(Path::new("../x/first.toml")), "x/first");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = load_file(Path::new("no/such.toml")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot read scenario no/such.toml: "),
            "{error}"
        );
    }

    #[test]
    fn a_file_without_a_name_is_refused() {
        assert_eq!(
            load_str("", "").unwrap_err().to_string(),
            "no scenario can be called ``: scenario id is empty"
        );
    }
}
