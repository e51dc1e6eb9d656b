//! What is not as it was in an earlier run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::baseline::CheckName;
use crate::verdict::Verdict;
use crate::{RequirementId, ScenarioId, Sha256, Time};

use super::{RunReport, ScenarioReport, Share};

/// An earlier run, as far as a later one is compared with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Earlier {
    /// Which.
    pub run: RunName,
    /// MUSTs, then.
    pub must: Share,
    /// SHOULDs, then.
    pub should: Share,
    /// Its scenarios.
    pub scenarios: BTreeMap<ScenarioId, EarlierScenario>,
}

/// A scenario of an earlier run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EarlierScenario {
    /// Digest of its file, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// As a whole.
    pub verdict: Verdict,
    /// Of each requirement, and of how it ended, and since when.
    pub findings: BTreeMap<CheckName, EarlierFinding>,
}

/// How a requirement came out in an earlier run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EarlierFinding {
    /// How.
    pub verdict: Verdict,
    /// The first of the runs that all had this verdict.
    pub since: RunName,
}

/// What a run is called when others speak of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunName {
    /// When it began.
    pub made_at: Time,
    /// Name and version of the suite.
    pub suite: String,
    /// The system under test.
    pub sut: String,
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let made_at = self.made_at.to_ebxml();
        write!(f, "{made_at} ({}, {})", self.sut, self.suite)
    }
}

/// What is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Changes {
    /// The run that is compared with.
    pub earlier: RunName,
    /// MUSTs, then.
    pub must: Share,
    /// SHOULDs, then.
    pub should: Share,
    /// Requirements that came out otherwise, in the order of the suite and the catalogue.
    pub findings: Vec<Change>,
    /// Requirements that some scenario of the earlier run judged, and none of this run does.
    #[serde(default)]
    pub no_longer_judged: Vec<RequirementId>,
    /// Scenarios that the earlier run did not have.
    pub new_scenarios: Vec<ScenarioId>,
    /// Scenarios that this run does not have.
    pub missing_scenarios: Vec<ScenarioId>,
    /// Scenarios whose file is another: a difference there is one of the suite.
    pub changed_scenarios: Vec<ScenarioId>,
}

/// A requirement that came out otherwise in a scenario, or another end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// In which scenario.
    pub scenario: ScenarioId,
    /// Which requirement, or the end.
    pub check: CheckName,
    /// Then; `None` where it was not put to the test.
    pub was: Option<Verdict>,
    /// Now; `None` where it is no longer put to the test.
    pub is: Option<Verdict>,
    /// What that means.
    pub kind: ChangeKind,
}

/// What a change means for who reads it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// It was well, or unknown, and is broken.
    Broken,
    /// It was broken and is well.
    Mended,
    /// It was judged and is not any more.
    NoLongerJudged,
    /// It was not judged and is well.
    NewlyJudged,
    /// Something else.
    Otherwise,
}

impl ChangeKind {
    /// In words, behind the name of a requirement.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Broken => "is broken now",
            Self::Mended => "is mended",
            Self::NoLongerJudged => "is no longer judged",
            Self::NewlyJudged => "is judged now",
            Self::Otherwise => "came out otherwise",
        }
    }

    /// From then to now.
    pub fn of(was: Option<Verdict>, is: Option<Verdict>) -> Self {
        match (was.map(Standing::of), is.map(Standing::of)) {
            (Some(Standing::Bad), Some(Standing::Well)) => Self::Mended,
            (Some(Standing::Well | Standing::Open) | None, Some(Standing::Bad)) => Self::Broken,
            (Some(Standing::Well | Standing::Bad), Some(Standing::Open) | None) => {
                Self::NoLongerJudged
            }
            (Some(Standing::Open) | None, Some(Standing::Well)) => Self::NewlyJudged,
            (Some(Standing::Well), Some(Standing::Well))
            | (Some(Standing::Bad), Some(Standing::Bad))
            | (Some(Standing::Open) | None, Some(Standing::Open) | None) => Self::Otherwise,
        }
    }
}

/// What a verdict comes to.
enum Standing {
    Well,
    Bad,
    Open,
}

impl Standing {
    const fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass | Verdict::UnexpectedPass => Self::Well,
            Verdict::Fail | Verdict::Warn | Verdict::KnownFailure | Verdict::Flaky => Self::Bad,
            Verdict::NotApplicable
            | Verdict::CouldNotRun
            | Verdict::Unknown
            | Verdict::HarnessError => Self::Open,
        }
    }
}

impl ScenarioReport {
    /// How each of its checks came out, in the order of the catalogue, its end last.
    pub fn checks(&self) -> Vec<(CheckName, Verdict)> {
        let findings = self.findings.iter();
        let findings =
            findings.map(|it| (CheckName::Requirement(it.requirement.clone()), it.verdict));
        let ended = self.ended().map(|verdict| (CheckName::End, verdict));
        findings.chain(ended).collect()
    }

    /// How it ended: the worst of its expectations; `None` where nothing was expected.
    pub fn ended(&self) -> Option<Verdict> {
        let all = || self.expectations.iter().map(|it| it.verdict);
        let worst = [
            Verdict::Fail,
            Verdict::KnownFailure,
            Verdict::Unknown,
            Verdict::CouldNotRun,
            Verdict::UnexpectedPass,
        ];
        let worst = worst
            .into_iter()
            .find(|verdict| all().any(|it| it == *verdict));
        worst.or_else(|| all().next())
    }
}

impl RunReport {
    /// This run, for a later one. `sha256` has the digest of each scenario file.
    ///
    /// Call it before a baseline is applied: what is borne may be borne no longer.
    pub fn as_earlier(&self, sha256: &BTreeMap<ScenarioId, Sha256>) -> Option<Earlier> {
        let run = self.name()?;
        let scenarios = self.scenarios.iter().filter_map(|scenario| {
            let id = scenario.id.clone()?;
            let findings = scenario.checks().into_iter().map(|(check, verdict)| {
                let since = scenario.since(&check).unwrap_or(&run).clone();
                (check, EarlierFinding { verdict, since })
            });
            let then = EarlierScenario {
                sha256: sha256.get(&id).copied(),
                verdict: scenario.verdict,
                findings: findings.collect(),
            };
            Some((id, then))
        });
        Some(Earlier {
            must: self.score.must,
            should: self.score.should,
            scenarios: scenarios.collect(),
            run,
        })
    }

    /// What this run is called; `None` for a judged recording.
    pub fn name(&self) -> Option<RunName> {
        let made_at = self.fingerprint.as_ref()?.made_at;
        Some(RunName {
            made_at,
            suite: self.suite.clone(),
            sut: self.sut.clone(),
        })
    }

    /// Says since when each finding is what it is, and what is not as it was.
    ///
    /// Call it before a baseline is applied.
    pub fn compare(&mut self, earlier: &Earlier, sha256: &BTreeMap<ScenarioId, Sha256>) {
        let Some(name) = self.name() else { return };
        for scenario in &mut self.scenarios {
            let then = scenario.id.as_ref();
            let then = then.and_then(|id| earlier.scenarios.get(id));
            for (check, verdict) in scenario.checks() {
                let was = then.and_then(|then| then.findings.get(&check));
                let same = was.filter(|was| was.verdict == verdict);
                let since = same.map_or_else(|| name.clone(), |was| was.since.clone());
                scenario.set_since(&check, since);
            }
        }
        self.changes = Some(changes(self, earlier, sha256));
    }
}

impl ScenarioReport {
    fn since(&self, check: &CheckName) -> Option<&RunName> {
        match check {
            CheckName::Requirement(id) => {
                let mut findings = self.findings.iter();
                findings.find(|it| it.requirement == *id)?.since.as_ref()
            }
            CheckName::End => self.ended_since.as_ref(),
        }
    }

    fn set_since(&mut self, check: &CheckName, since: RunName) {
        match check {
            CheckName::Requirement(id) => {
                let mut findings = self.findings.iter_mut();
                if let Some(finding) = findings.find(|it| it.requirement == *id) {
                    finding.since = Some(since);
                }
            }
            CheckName::End => self.ended_since = Some(since),
        }
    }
}

fn changes(
    report: &RunReport,
    earlier: &Earlier,
    sha256: &BTreeMap<ScenarioId, Sha256>,
) -> Changes {
    let mut changes = Changes {
        earlier: earlier.run.clone(),
        must: earlier.must,
        should: earlier.should,
        findings: Vec::new(),
        no_longer_judged: no_longer_judged(report, earlier),
        new_scenarios: Vec::new(),
        missing_scenarios: Vec::new(),
        changed_scenarios: Vec::new(),
    };
    let mut missing: BTreeSet<&ScenarioId> = earlier.scenarios.keys().collect();
    for scenario in &report.scenarios {
        let Some(id) = &scenario.id else { continue };
        missing.remove(id);
        let Some(then) = earlier.scenarios.get(id) else {
            changes.new_scenarios.push(id.clone());
            continue;
        };
        let digests = (then.sha256, sha256.get(id));
        if matches!(digests, (Some(was), Some(is)) if was != *is) {
            changes.changed_scenarios.push(id.clone());
        }
        changes.findings.extend(of_scenario(id, scenario, then));
    }
    changes.missing_scenarios = missing.into_iter().cloned().collect();
    changes
}

/// Judged then in any scenario, be it one that this run does not have, and now in none.
fn no_longer_judged(report: &RunReport, earlier: &Earlier) -> Vec<RequirementId> {
    let is_judged = |verdict: Verdict| !matches!(Standing::of(verdict), Standing::Open);
    let now = report.scenarios.iter().flat_map(|it| &it.findings);
    let now: BTreeSet<&RequirementId> = now
        .filter(|it| is_judged(it.verdict))
        .map(|it| &it.requirement)
        .collect();
    let then = earlier.scenarios.values().flat_map(|it| &it.findings);
    let then: BTreeSet<&RequirementId> = then
        .filter(|(_, finding)| is_judged(finding.verdict))
        .filter_map(|(check, _)| match check {
            CheckName::Requirement(id) => Some(id),
            CheckName::End => None,
        })
        .collect();
    then.difference(&now).map(|id| (*id).clone()).collect()
}

/// What came out otherwise in one scenario.
fn of_scenario(id: &ScenarioId, now: &ScenarioReport, then: &EarlierScenario) -> Vec<Change> {
    let checks = now.checks();
    let is_gone = |check: &&CheckName| !checks.iter().any(|(it, _)| it == *check);
    let gone = then.findings.keys().filter(is_gone);
    let all = checks
        .iter()
        .map(|(check, verdict)| (check, Some(*verdict)));
    all.chain(gone.map(|check| (check, None)))
        .filter_map(|(check, is)| {
            let was = then.findings.get(check).map(|it| it.verdict);
            (was != is).then(|| Change {
                scenario: id.clone(),
                check: check.clone(),
                was,
                is,
                kind: ChangeKind::of(was, is),
            })
        })
        .collect()
}
