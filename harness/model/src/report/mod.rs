//! What a run comes to: findings, score, exit status. Rendered by `gp2gp-reports`.

mod change;
pub mod conversation;

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::baseline::{BaselineReport, KnownFailure};
use crate::control;
use crate::paper::Paper;
use crate::plan::Role;
use crate::replay::{Divergence, RecordedSystem};
use crate::requirement::{Level, Requirement};
use crate::run_log::Fingerprint;
use crate::trace::TimeMode;
use crate::verdict::{Finding, Profile, Verdict};
use crate::{Capability, NhsNumber, RequirementId, ScenarioId, Sha256, Time};

pub use change::{Change, ChangeKind, Changes, Earlier, EarlierFinding, EarlierScenario, RunName};

/// Printed on everything that people read.
pub const SYNTHETIC_NOTICE: &str = "synthetic data: no real patient, no real practice";

/// Version of the form that reports have in JSON. Within one, fields are added at most: who reads reports
/// passes over what it does not know. What goes, or gets another meaning, makes the next.
pub const FORMAT: &str = "gp2gp-report/1";

/// Everything a reporter needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunReport {
    /// [`FORMAT`].
    pub format: String,
    /// [`SYNTHETIC_NOTICE`], or that a recording was judged.
    pub notice: String,
    /// Name and version of the suite.
    pub suite: String,
    /// The system under test, by name.
    pub sut: String,
    /// Roles it played.
    pub roles: Vec<Role>,
    /// What it does not claim to be able to do.
    pub not_claimed: Vec<Capability>,
    /// Judged against.
    pub profile: Profile,
    /// Requirements that are not asked of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excused: Vec<Excused>,
    /// How time passed.
    pub time_mode: TimeMode,
    /// How much of the control contract a system that is not ours has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<control::Level>,
    /// What it was made with and on, and when; `None` for a recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// What is not as it was in an earlier run, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// What a baseline of known failures did, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineReport>,
    /// Scenarios that were to run and did not, because the run was broken off.
    #[serde(default)]
    pub not_run: usize,
    /// One per scenario (or one for a recording).
    pub scenarios: Vec<ScenarioReport>,
    /// Heavy scenarios that were not asked for.
    #[serde(default)]
    pub left_out: Vec<ScenarioId>,
    /// Every requirement that has a check and concerns a role that was judged.
    pub requirements: Vec<RequirementOutcome>,
    /// The score.
    pub score: Score,
    /// Exit status and what led to it.
    pub exit: Exit,
}

/// A requirement that is not asked of a system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Excused {
    /// Which.
    pub requirement: RequirementId,
    /// Why.
    pub why: String,
}

/// What came of one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioReport {
    /// Id; `None` for a recording.
    pub id: Option<ScenarioId>,
    /// One line.
    pub title: String,
    /// Where it is written; `None` for a recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ScenarioSource>,
    /// Worst of its findings and expectations, or `could_not_run` if it was not exercised.
    pub verdict: Verdict,
    /// Facts that should have been found and were not: not exercised.
    pub missing_facts: Vec<String>,
    /// How it should have ended, and how it did.
    pub expectations: Vec<ExpectationReport>,
    /// The first of the runs that all ended like this, where an earlier run was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_since: Option<RunName>,
    /// Why the scenario does not apply to the system, or to this way of running it.
    pub not_applicable: Option<String>,
    /// Why the run could not be judged at all.
    pub error: Option<String>,
    /// What was wrong with the system under test as a whole, beyond what it did on the wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mishap: Option<Mishap>,
    /// Findings, in the order of the catalogue.
    pub findings: Vec<Finding>,
    /// The story of the transfer, a line per step, ids and times made stable.
    pub story: Vec<String>,
    /// Documents as they arrived, reassembled.
    pub documents: Vec<DocumentReport>,
    /// The life of every document that the store held, in the order of the plan.
    pub custody: Vec<CustodyReport>,
    /// What the old practice prints, a row for every patient who moved.
    #[serde(default)]
    pub paper: Vec<Paper>,
    /// What was to go wrong, and how often it did. Empty for a recording.
    pub faults: Vec<FaultReport>,
    /// A system that played its part as it was recorded; it is not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<RecordedSystem>,
    /// Where a recorded system could not follow its recording.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub divergences: Vec<Divergence>,
    /// Virtual time from start to end, in milliseconds.
    pub lasted_ms: u64,
    /// Messages that crossed the wire.
    pub messages: usize,
    /// Bytes that crossed the wire.
    pub bytes: u64,
    /// The one line that runs this again.
    pub reproduce: String,
}

/// Where a scenario is written, and what made this run of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioSource {
    /// Path of its file: of one that is built in below the repository of the suite, of any other as it was given.
    pub file: String,
    /// Digest of the file.
    pub sha256: Sha256,
    /// Seed of every random stream of the run.
    pub seed: u64,
    /// The line of the file, from 1, that names a requirement.
    pub lines: BTreeMap<RequirementId, u32>,
}

/// Something wrong with a system under test as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mishap {
    /// Of which kind.
    pub kind: MishapKind,
    /// Which system, by its name in reports.
    pub system: String,
    /// What was seen.
    pub what: String,
    /// The last lines of its log, if they could be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
}

/// Ways in which a system under test can be wrong as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MishapKind {
    /// Nobody is there, or no longer.
    Gone,
    /// It does not answer, or does not come to an end.
    Hung,
    /// It answers what the control contract does not know.
    ContractViolated,
    /// It does not forget a run.
    Residue,
}

impl MishapKind {
    /// In words, as what the system does.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Gone => "is gone",
            Self::Hung => "hangs",
            Self::ContractViolated => "violates the control contract",
            Self::Residue => "leaves something behind",
        }
    }
}

impl fmt::Display for Mishap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.system, self.kind.words(), self.what)
    }
}

/// Where a document was, from the first to the last event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustodyReport {
    /// Whose.
    pub patient: NhsNumber,
    /// Its name in the store.
    pub file_name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Digest of its content.
    pub sha256: Sha256,
    /// What happened to it, in order.
    pub steps: Vec<CustodyStep>,
    /// Where it is at the end, in words.
    pub whereabouts: String,
    /// The new practice acknowledged its record, and by its own words has neither it as it was nor a placeholder that may
    /// stand for it.
    #[serde(default)]
    pub missing_where_acknowledged: bool,
    /// The old practice's system had it deleted before a positive acknowledgement of its record had come, the new
    /// practice does not have it, and a copy is in the archive of the old one.
    #[serde(default)]
    pub removed_too_soon: bool,
    /// What the new practice has in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filed_instead: Option<FiledInstead>,
}

/// What a new practice has where a document should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum FiledInstead {
    /// A file of its name with another content.
    Damaged {
        /// Its size in bytes.
        bytes: u64,
    },
    /// A placeholder, because it is above the limit that the new practice's system declares.
    Placeholder,
    /// A placeholder that came in its place, because the store of the old practice did not give it.
    SentPlaceholder,
}

impl FiledInstead {
    /// People find openly that it is missing, and are to ask the old practice for it.
    pub const fn is_placeholder(self) -> bool {
        match self {
            Self::Damaged { .. } => false,
            Self::Placeholder | Self::SentPlaceholder => true,
        }
    }
}

impl CustodyReport {
    /// `whereabouts` of a document that nobody has.
    pub const LOST: &str = "LOST";

    /// Nobody has it, the new practice does not have it as it was and should, or it was removed from the record of the
    /// old one against the rules.
    pub fn is_unsafe(&self) -> bool {
        self.is_lost_or_damaged() || self.removed_too_soon
    }

    /// Nobody has it, or the new practice does not have it as it was and should.
    pub fn is_lost_or_damaged(&self) -> bool {
        let is_damaged = matches!(self.filed_instead, Some(FiledInstead::Damaged { .. }));
        self.whereabouts == Self::LOST || self.missing_where_acknowledged || is_damaged
    }
}

/// A step in the life of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustodyStep {
    /// When.
    pub at: Time,
    /// Event of the trace, if it is one.
    pub event: Option<u64>,
    /// What.
    pub what: String,
    /// Who has it from then on, in words.
    pub held_by: String,
}

/// A planned fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FaultReport {
    /// Its name in the scenario.
    pub name: String,
    /// What was planned, in one line.
    pub planned: String,
    /// How often it acted.
    pub fired: usize,
}

/// Something that a scenario expects of good systems, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExpectationReport {
    /// In words.
    pub expected: String,
    /// In words.
    pub seen: String,
    /// `pass`, `fail`, or `could_not_run`; `known_failure` or `unexpected_pass` by a baseline.
    pub verdict: Verdict,
    /// What the baseline says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<KnownFailure>,
}

/// A document as it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentReport {
    /// File name, from the description.
    pub file_name: String,
    /// Type, from the description.
    pub content_type: String,
    /// How it travelled, in words.
    pub travelled: String,
    /// Size after reassembly and decompression.
    pub bytes: Option<u64>,
    /// Digest after reassembly and decompression.
    pub sha256: Option<Sha256>,
    /// What is wrong with it.
    pub problem: Option<String>,
}

/// A requirement over all scenarios.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RequirementOutcome {
    /// Which.
    pub id: RequirementId,
    /// MUST or SHOULD.
    pub level: Level,
    /// Family.
    pub family: String,
    /// A safety invariant.
    pub safety: bool,
    /// Worst over all scenarios in which it was exercised.
    pub verdict: Verdict,
    /// Everything that made it so is borne by the baseline.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub known: bool,
    /// Scenarios in which it was exercised.
    pub exercised_in: usize,
}

/// Parts of a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Share {
    /// Passed.
    pub passed: usize,
    /// Applicable: everything but `not_applicable`.
    pub applicable: usize,
}

impl Share {
    /// Percentage, or `None` where nothing is applicable.
    pub fn percent(self) -> Option<f64> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "counts of requirements are far below 2^52"
        )]
        (self.applicable > 0).then(|| self.passed as f64 * 100.0 / self.applicable as f64)
    }
}

/// Conformance score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Score {
    /// The grade in a word.
    pub grade: Grade,
    /// MUSTs.
    pub must: Share,
    /// SHOULDs.
    pub should: Share,
    /// MUSTs by family, sorted.
    pub families: Vec<(String, Share)>,
    /// Safety invariants that were broken.
    pub unsafe_because: Vec<RequirementId>,
    /// Requirements of the judged roles that have no check yet.
    pub not_yet_checked: usize,
    /// Which these are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchecked: Vec<RequirementId>,
}

/// Grade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Every MUST that was required passed.
    Conforms,
    /// A MUST failed.
    DoesNotConform,
    /// A safety invariant was broken, whatever the percentage.
    Unsafe,
    /// Nothing failed, and not everything could be judged.
    Incomplete,
}

/// Exit status of the process, with everything that contributed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exit {
    /// 0 conforms, 1 failures, 2 usage, 3 incomplete, 4 stale baseline, 5 gate, 6 self-test, 7 SUT, 70 harness.
    pub code: u8,
    /// All statuses that apply, in order of precedence.
    pub all: Vec<u8>,
}

/// The JSON schema of [`RunReport`], as it lies in `docs/report.schema.json`.
pub fn schema() -> serde_json::Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<RunReport>();
    schema.insert("title".to_owned(), json!("What a run of gp2gp came to"));
    if let Some(format) = schema.pointer_mut("/properties/format") {
        *format = json!({ "description": "The version of this form.", "const": FORMAT });
    }
    schema.to_value()
}

/// The catalogue as the reports need it.
pub fn find<'a>(catalogue: &'a [Requirement], id: &RequirementId) -> Option<&'a Requirement> {
    catalogue.iter().find(|requirement| requirement.id == *id)
}
