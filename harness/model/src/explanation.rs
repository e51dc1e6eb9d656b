//! What there is to say about one thing: the one source of `gp2gp explain` and of the site.

use serde::Serialize;

use crate::failure_mode::FailureMode;
use crate::glossary::Term;
use crate::plan::Role;
use crate::requirement::Requirement;
use crate::response_code::Registered;
use crate::{FailureModeId, RequirementId, ScenarioId};

/// Something that can be explained.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A requirement.
    Requirement(RequirementId),
    /// A scenario file.
    Scenario(ScenarioId),
    /// Something that has gone wrong in practices.
    FailureMode(FailureModeId),
    /// A system that is broken on purpose, by its name behind `broken:`.
    BrokenSystem(String),
    /// A response code of the register.
    ResponseCode(String),
    /// A word, by its name in the glossary.
    Term(String),
}

impl Subject {
    /// How people ask for it, and how others refer to it.
    pub fn name(&self) -> String {
        match self {
            Self::Requirement(id) => id.to_string(),
            Self::Scenario(id) => id.to_string(),
            Self::FailureMode(number) => format!("failure mode {number}"),
            Self::BrokenSystem(name) => format!("broken:{name}"),
            Self::ResponseCode(code) => format!("code {code}"),
            Self::Term(name) => name.clone(),
        }
    }

    /// Its name as the anchor of a page: small letters, digits and hyphens.
    pub fn anchor(&self) -> String {
        let name = self.name().to_lowercase();
        let is_word = |c: char| c.is_ascii_alphanumeric();
        let words: Vec<&str> = name.split(|c| !is_word(c)).collect();
        words.join("-")
    }
}

/// What there is to say.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Explanation {
    /// Of a requirement.
    Requirement(AboutRequirement),
    /// Of a scenario file.
    Scenario(AboutScenario),
    /// Of something that has gone wrong in practices.
    FailureMode(AboutFailureMode),
    /// Of a system that is broken on purpose.
    BrokenSystem(AboutBrokenSystem),
    /// Of a response code.
    ResponseCode(AboutResponseCode),
    /// Of a word.
    Term(Term),
}

/// What there is to say of a requirement.
#[derive(Debug, Clone, Serialize)]
pub struct AboutRequirement {
    /// The requirement.
    #[serde(flatten)]
    pub requirement: Requirement,
    /// A check covers it.
    pub checked: bool,
    /// Scenarios that must exercise it.
    pub scenarios: Vec<ScenarioId>,
    /// Broken systems that it catches, as `broken:<name>`.
    pub seen_red_with: Vec<String>,
    /// Words of the glossary that turn on it.
    pub terms: Vec<String>,
}

/// What there is to say of a scenario.
#[derive(Debug, Clone, Serialize)]
pub struct AboutScenario {
    /// As it was asked for: its id, or the path of its file.
    pub id: String,
    /// Its id.
    #[serde(skip)]
    pub file: ScenarioId,
    /// In a few words.
    pub title: String,
    /// Why it is played.
    pub story: String,
    /// Whose conduct is judged.
    pub judges: Vec<Role>,
    /// It runs only when it is named, or with `--heavy`.
    pub heavy: bool,
    /// Ids of the cells of its matrix; empty if it has none.
    pub cells: Vec<String>,
    /// What goes wrong in it.
    pub failure_modes: Vec<FailureMode>,
    /// What it must exercise.
    pub requirements: Vec<Requirement>,
}

/// What there is to say of a failure mode.
#[derive(Debug, Clone, Serialize)]
pub struct AboutFailureMode {
    /// The failure mode.
    #[serde(flatten)]
    pub mode: FailureMode,
    /// Scenarios that put it to the test, with their titles.
    pub scenarios: Vec<Titled>,
}

/// A scenario and its title.
#[derive(Debug, Clone, Serialize)]
pub struct Titled {
    /// Its id.
    pub id: ScenarioId,
    /// In a few words.
    pub title: String,
}

/// What there is to say of a broken system.
#[derive(Debug, Clone, Serialize)]
pub struct AboutBrokenSystem {
    /// Its name behind `broken:`.
    pub name: &'static str,
    /// Whose part it plays.
    pub role: Role,
    /// What it does wrong.
    pub what: &'static str,
    /// The requirement that catches it.
    pub caught_by: Requirement,
}

/// What there is to say of a response code.
#[derive(Debug, Clone, Serialize)]
pub struct AboutResponseCode {
    /// Two digits.
    pub code: &'static str,
    /// The text of the register.
    pub text: &'static str,
    /// The systems that may use it.
    pub used_by: Vec<Role>,
}

impl From<&Registered> for AboutResponseCode {
    fn from(row: &Registered) -> Self {
        let mut used_by = Vec::new();
        if row.by_requesting {
            used_by.push(Role::Requesting);
        }
        if row.by_sending {
            used_by.push(Role::Sending);
        }
        Self {
            code: row.code,
            text: row.text,
            used_by,
        }
    }
}

impl Explanation {
    /// What it is about.
    pub fn subject(&self) -> Subject {
        match self {
            Self::Requirement(about) => Subject::Requirement(about.requirement.id.clone()),
            Self::Scenario(about) => Subject::Scenario(about.file.clone()),
            Self::FailureMode(about) => Subject::FailureMode(about.mode.number),
            Self::BrokenSystem(about) => Subject::BrokenSystem(about.name.to_owned()),
            Self::ResponseCode(about) => Subject::ResponseCode(about.code.to_owned()),
            Self::Term(term) => Subject::Term(term.name.clone()),
        }
    }

    /// Everything by which people ask for it.
    pub fn names(&self) -> Vec<String> {
        let mut names = vec![self.subject().name()];
        match self {
            Self::Requirement(_) | Self::Scenario(_) => {}
            Self::FailureMode(about) => {
                names.push(format!("mode {}", about.mode.number));
                names.push(about.mode.number.to_string());
            }
            Self::BrokenSystem(about) => names.push(about.name.to_owned()),
            Self::ResponseCode(about) => names.push(about.code.to_owned()),
            Self::Term(term) => names.extend(term.also.iter().cloned()),
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_words_with_hyphens() {
        assert_eq!(Subject::Term("A-B-A".into()).anchor(), "a-b-a");
        assert_eq!(
            Subject::BrokenSystem("no-final-ack".into()).anchor(),
            "broken-no-final-ack"
        );
        let number = FailureModeId::FIRST;
        assert_eq!(Subject::FailureMode(number).anchor(), "failure-mode-1");
    }
}
