//! The words of the field and of the harness.

use serde::{Deserialize, Serialize};

use crate::RequirementId;

/// A word, and what is meant by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// The word.
    pub name: String,
    /// Other words for the same.
    #[serde(default)]
    pub also: Vec<String>,
    /// Who speaks so.
    pub vocabulary: Vocabulary,
    /// For a newcomer, in a few sentences.
    pub meaning: String,
    /// Requirements that turn on it.
    #[serde(default)]
    pub requirements: Vec<RequirementId>,
    /// Other terms that help to understand it.
    #[serde(default)]
    pub terms: Vec<String>,
    /// Pages that tell more, as paths in the repository, with an anchor where one helps.
    #[serde(default)]
    pub pages: Vec<String>,
}

/// A document that clauses are from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What its clauses begin with: `LM` of `LM29.1`.
    pub letters: String,
    /// What it is about.
    pub title: String,
}

impl Source {
    /// Whether a clause is from it.
    pub fn has(&self, clause: &str) -> bool {
        let rest = clause.strip_prefix(self.letters.as_str());
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphabetic()))
    }
}

/// Who speaks so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vocabulary {
    /// Practices, suppliers, national services.
    Field,
    /// This harness.
    Harness,
}
