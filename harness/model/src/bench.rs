//! What a bench measured: a system under load beside the reference system.

use serde::{Deserialize, Serialize};

use crate::RequirementId;
use crate::plan::Role;

/// The form of [`BenchReport`] as JSON.
pub const FORMAT: &str = "gp2gp-bench/1";

/// A bench of a system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchReport {
    /// [`FORMAT`].
    pub format: String,
    /// That nothing here is about real people.
    pub notice: String,
    /// Name and version of the suite.
    pub suite: String,
    /// Where it was measured.
    pub environment: Environment,
    /// A rate is sustained where 99 of 100 transfers take no longer than this; `None` if that was not tried.
    pub within_ms: Option<f64>,
    /// What was transferred.
    pub profile: String,
    /// The same in a sentence.
    pub about: String,
    /// Seed of the first round.
    pub seed: u64,
    /// How many transfers were under way at once under full load.
    pub at_once: u32,
    /// Arrivals a second where they do not wait for the system; `None` if that was not measured.
    pub open_per_second: Option<f64>,
    /// The roles that were put under load.
    pub roles: Vec<Role>,
    /// The system.
    pub system: Measured,
    /// The reference system, measured by turns with it.
    pub reference: Measured,
    /// Conformant transfers a second, the system's in terms of the reference's.
    pub score: Option<Ratio>,
    /// What stands out, and what it means; the weightiest first.
    pub remarks: Vec<Remark>,
    /// The line that comes to this again.
    pub reproduce: String,
}

impl BenchReport {
    /// Whether the system reaches less than this ratio, even if chance was against it.
    pub fn is_certainly_below(&self, least: f64) -> bool {
        self.score.is_none_or(|score| score.high < least)
    }
}

impl Measured {
    /// Whether every transfer came to its end and broke no MUST.
    pub const fn all_count(&self) -> bool {
        self.conformant == self.transfers
    }
}

/// A machine, and how the suite was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Operating system and architecture.
    pub platform: String,
    /// Processor, by the name that it gives itself.
    pub processor: Option<String>,
    /// How many of them may be used.
    pub processors: usize,
    /// Built with optimisation; else no figure means anything.
    pub optimised: bool,
}

/// A system, measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Its name.
    pub name: String,
    /// Transfers that were begun.
    pub transfers: usize,
    /// Those among them that came to their end and break no MUST.
    pub conformant: usize,
    /// Arrivals a second that it sustains, where that was tried.
    pub sustained_per_second: Option<f64>,
    /// Each lap, in order.
    pub laps: Vec<LapReport>,
    /// Conformant transfers a second under full load, the median of the rounds.
    pub per_second: f64,
    /// Bytes of messages with documents a second, the same.
    pub bytes_per_second: f64,
    /// From the intended start to the end, and how it is made up: alone, under full load, and where
    /// arrivals do not wait.
    pub stages: Vec<StageReport>,
    /// Milliseconds of a processor for each transfer, where that can be seen.
    pub cpu_ms_per_transfer: Option<f64>,
    /// The most that it had resident after a lap.
    pub resident_bytes: Option<u64>,
    /// How the time from the core to the last word grows with the size of the only document: 1 in
    /// proportion, 2 with its square.
    pub growth: Option<f64>,
    /// MUSTs that it broke, how often, and how it looked the first time.
    pub breaches: Vec<BreachReport>,
    /// What was wrong with it as a whole.
    pub mishaps: Vec<String>,
}

/// How a lap was driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drive {
    /// One transfer at a time.
    Alone,
    /// As many at once as the profile says; the system sets the pace.
    Full,
    /// At random times, whatever the system does.
    Open,
    /// One at a time, with larger and larger documents.
    Sizes,
    /// At random times, at higher and higher rates.
    Ramp,
    /// At random times, for a long time.
    Soak,
}

impl Drive {
    /// A word for tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::Full => "full load",
            Self::Open => "open arrivals",
            Self::Sizes => "sizes",
            Self::Ramp => "ramp",
            Self::Soak => "soak",
        }
    }
}

/// A lap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LapReport {
    /// How it was driven.
    pub drive: Drive,
    /// In which round.
    pub round: usize,
    /// Transfers that were begun.
    pub transfers: usize,
    /// Those among them that count.
    pub conformant: usize,
    /// From the first intended start to the last end, in milliseconds.
    pub lasted_ms: f64,
    /// Conformant transfers a second.
    pub per_second: f64,
    /// When transfers ended, in milliseconds after the start of the lap, each with how long it took.
    pub ends: Vec<(f64, f64)>,
    /// The most that were under way at once.
    pub most_under_way: usize,
    /// What it had resident afterwards.
    pub resident_bytes: Option<u64>,
    /// Median of the whole transfers in milliseconds.
    pub p50: Option<f64>,
    /// The share of a processor that the system took, where it can be seen.
    pub system_share: Option<f64>,
    /// The share of a processor that the harness took.
    pub harness_share: Option<f64>,
    /// How fast the harness itself was.
    pub harness_speed: Option<HarnessSpeed>,
}

/// Requests that the harness makes or answers for each second of a processor that it takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HarnessSpeed {
    /// To play everybody who is not the system.
    pub driven_per_second: f64,
    /// With judging every transfer.
    pub judged_per_second: f64,
}

/// How long a stage of the transfers took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageReport {
    /// How the laps were driven.
    pub drive: Drive,
    /// Which stage.
    pub stage: Stage,
    /// Conformant transfers that went through it.
    pub count: u64,
    /// Milliseconds, as all below: half took no longer.
    pub p50: f64,
    /// 90 of 100 took no longer.
    pub p90: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
    /// How many took up to so long, for a histogram.
    pub buckets: Vec<(f64, u64)>,
}

/// A part of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The patient should have registered, the request reached the sending practice.
    Request,
    /// The request reached the sending practice, Spine took the core.
    Core,
    /// Spine took the core, the Continue reached the sending practice.
    Continue,
    /// The Continue reached the sending practice, Spine took the last fragment.
    Fragments,
    /// Spine took the last piece, the acknowledgement of the record reached the sending practice.
    Filing,
    /// From the intended start to the end.
    Whole,
}

impl Stage {
    /// All, in order.
    pub const ALL: [Self; 6] = [
        Self::Request,
        Self::Core,
        Self::Continue,
        Self::Fragments,
        Self::Filing,
        Self::Whole,
    ];

    /// What it is called in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "registration to request",
            Self::Core => "request to core",
            Self::Continue => "core to Continue",
            Self::Fragments => "fragments",
            Self::Filing => "last piece to final ack",
            Self::Whole => "whole transfer",
        }
    }
}

/// A requirement that was broken under load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreachReport {
    /// Which.
    pub requirement: RequirementId,
    /// In how many transfers.
    pub transfers: usize,
    /// What it asks for.
    pub expected: String,
    /// What was there instead.
    pub seen: String,
}

/// A ratio of two systems that were measured by turns, over some rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// The geometric mean.
    pub ratio: f64,
    /// The true one is between this ...
    pub low: f64,
    /// ... and this with 95 % confidence.
    pub high: f64,
    /// How many rounds it stands on.
    pub rounds: usize,
}

/// Something that stands out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// What kind of thing.
    pub kind: RemarkKind,
    /// In a sentence or two, with figures.
    pub text: String,
}

/// Kinds of remarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemarkKind {
    /// Figures say nothing about the system: the suite is built without optimisation, or was itself too slow.
    Unreliable,
    /// Transfers that do not count.
    NotConformant,
    /// It does one thing at a time, and does not compute meanwhile.
    OneAtATime,
    /// Time grows faster than the size of a document.
    GrowsWithSize,
    /// It needs more and more memory the longer it runs.
    Leaks,
    /// It becomes slower the longer it runs.
    SlowsDown,
    /// It waits in every message.
    Waits,
    /// It computes all the time.
    Computes,
}

/// Whether something changed between two benches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Faster, beyond doubt.
    Better,
    /// Slower, beyond doubt.
    Worse,
    /// The difference may be chance.
    NoDifference,
}
