//! What a system did in a scenario, without ids and times: small enough to be committed and compared.

use serde::{Deserialize, Serialize};

use crate::verdict::Verdict;
use crate::{RequirementId, ScenarioId, Sha256};

/// Version of the folder and of the texts in it.
pub const FORMAT: &str = "gp2gp-snapshot/1";

/// What came of one scenario. Every text has one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Which.
    pub scenario: ScenarioId,
    /// One line.
    pub title: String,
    /// Of the whole scenario.
    pub verdict: Verdict,
    /// Why it does not apply, was not exercised, or could not be judged.
    pub why: Vec<String>,
    /// What happened, in order, a line for each step.
    pub story: Vec<String>,
    /// How often each planned fault acted.
    pub faults: Vec<String>,
    /// How it should have ended, and whether it did.
    pub ended: Vec<(Verdict, String)>,
    /// Documents as they arrived, sorted.
    pub documents: Vec<String>,
    /// Requirements that the scenario names, and all others that were not kept.
    pub requirements: Vec<(RequirementId, Verdict)>,
}

/// What a snapshot was made of: where this differs, the suite has changed, and not only the system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Name and version of the suite.
    pub suite: String,
    /// Digest of the scenario file.
    pub scenario: Sha256,
    /// Seed of the run.
    pub seed: u64,
}

/// A scenario of which snapshot and run say different things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which.
    pub scenario: ScenarioId,
    /// Where it comes from.
    pub cause: Cause,
    /// What differs, in words.
    pub changes: Vec<Change>,
    /// The snapshot and the run, line by line: what is in one of them alone, with a little around it.
    pub lines: Vec<DiffLine>,
}

/// Where a difference comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum Cause {
    /// There is no snapshot of this scenario.
    NewScenario,
    /// There is a snapshot, and no scenario any more.
    NoScenario,
    /// The suite is not the one of the snapshot.
    Suite {
        /// What of it, in words.
        what: String,
    },
    /// The system no longer keeps what it kept.
    NewFailure {
        /// Which requirements.
        requirements: Vec<RequirementId>,
    },
    /// The system keeps what it did not keep.
    FixedFailure {
        /// Which requirements.
        requirements: Vec<RequirementId>,
    },
    /// The system does something else, which is no better and no worse.
    NewBehaviour,
}

/// Something that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// The verdict of the scenario.
    Verdict {
        /// In the snapshot.
        was: Verdict,
        /// Now.
        is: Verdict,
    },
    /// The verdict of a requirement; none where it was not exercised.
    Requirement {
        /// Which.
        requirement: RequirementId,
        /// In the snapshot.
        was: Option<Verdict>,
        /// Now.
        is: Option<Verdict>,
    },
    /// A step that was not there.
    Appeared {
        /// What.
        step: String,
        /// The step before it.
        after: Option<String>,
    },
    /// A step that is not there any more.
    Disappeared {
        /// What.
        step: String,
    },
    /// The same step at another place.
    Moved {
        /// What.
        step: String,
        /// The step before it now.
        after: Option<String>,
    },
    /// The same step with other sizes, contents or codes.
    Altered {
        /// In the snapshot.
        was: String,
        /// Now.
        is: String,
    },
    /// A line below another heading: a document, a fault, an end.
    Line {
        /// The heading.
        of: String,
        /// In the snapshot.
        was: Option<String>,
        /// Now.
        is: Option<String>,
    },
}

/// A line of a text that is compared with another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiffLine {
    /// Where it stands.
    pub sign: Sign,
    /// The line.
    pub text: String,
}

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// In both.
    Both,
    /// In the first alone.
    Was,
    /// In the second alone.
    Is,
    /// Lines of both are left out here.
    Gap,
}
