//! What an old practice prints when a patient has moved.

use crate::plural::count;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::NhsNumber;

/// The five ends of a transfer for the practice that sent the record (S120-S125).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(into = "u8", try_from = "u8")]
pub enum PrintState {
    /// 1: the new practice has the record.
    Integrated,
    /// 2: it has the record without some items.
    MissingItems,
    /// 3: it got a part, which it cannot use.
    PartlyDelivered,
    /// 4: it got nothing that it kept.
    Failed,
    /// 5: nobody knows yet.
    Awaiting,
}

impl PrintState {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Integrated,
        Self::MissingItems,
        Self::PartlyDelivered,
        Self::Failed,
        Self::Awaiting,
    ];

    /// From 1 to 5.
    pub const fn number(self) -> u8 {
        match self {
            Self::Integrated => 1,
            Self::MissingItems => 2,
            Self::PartlyDelivered => 3,
            Self::Failed => 4,
            Self::Awaiting => 5,
        }
    }

    /// What the practice has to do, for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Integrated => "integrated, nothing to print",
            Self::MissingItems => "integrated with placeholders, print the missing items",
            Self::PartlyDelivered => "partly delivered, print the whole record",
            Self::Failed => "failed, print the whole record",
            Self::Awaiting => "awaiting, do not print yet",
        }
    }

    /// Something is to be printed.
    pub const fn is_paper(self) -> bool {
        match self {
            Self::MissingItems | Self::PartlyDelivered | Self::Failed => true,
            Self::Integrated | Self::Awaiting => false,
        }
    }
}

impl fmt::Display for PrintState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number())
    }
}

impl From<PrintState> for u8 {
    fn from(state: PrintState) -> Self {
        state.number()
    }
}

/// A number that is no print state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no print state {0}")]
pub struct NoPrintState(u8);

impl TryFrom<u8> for PrintState {
    type Error = NoPrintState;

    fn try_from(number: u8) -> Result<Self, NoPrintState> {
        let mut states = Self::ALL.into_iter();
        let state = states.find(|state| state.number() == number);
        state.ok_or(NoPrintState(number))
    }
}

/// What goes on paper of one patient who has moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Paper {
    /// Whose record.
    pub patient: NhsNumber,
    /// How it ended for the old practice; `None`: no other system has a record of this patient.
    pub state: Option<PrintState>,
    /// Printed pages.
    pub pages: u64,
    /// What ended it, in words.
    pub why: String,
}

impl Paper {
    /// Something is to be printed, be it without a page.
    pub fn is_paper(&self) -> bool {
        self.state.is_some_and(PrintState::is_paper)
    }
}

/// What goes on paper: a line for each state and reason. Records that went
/// without paper are not told.
pub fn lines(papers: &[Paper]) -> Vec<String> {
    let mut groups: Vec<(Option<PrintState>, &str, u64, u64)> = Vec::new();
    let told = papers
        .iter()
        .filter(|it| it.state != Some(PrintState::Integrated));
    for paper in told {
        let group = groups
            .iter_mut()
            .find(|group| (group.0, group.1) == (paper.state, paper.why.as_str()));
        match group {
            Some(group) => {
                group.2 += 1;
                group.3 += paper.pages;
            }
            None => groups.push((paper.state, &paper.why, 1, paper.pages)),
        }
    }
    let line = |(state, why, patients, pages): (Option<PrintState>, &str, u64, u64)| {
        let patients = count(patients, "patient");
        match state {
            Some(state) if state.is_paper() => {
                let pages = count(pages, "page");
                format!(
                    "paper: {patients}, {pages} (state {state}: {}); {why}",
                    state.words()
                )
            }
            Some(state) => format!("no paper yet: {patients} (state {state}); {why}"),
            None => format!("nothing to print: {patients}; {why}"),
        }
    };
    groups.into_iter().map(line).collect()
}
