//! What a run leaves behind beside its traces: one JSON object a line, from which every report is made.
//!
//! The first line says what ran on what; then comes a line for each scenario, as it ended; the last line says
//! that nothing is missing. A file without a last line is of a run that was broken off, and is read as such.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::control;
use crate::plan::Role;
use crate::report::{Excused, ScenarioReport};
use crate::trace::TimeMode;
use crate::verdict::Profile;
use crate::{Capability, ScenarioId, Sha256, Time};

/// Version of the format.
pub const FORMAT: &str = "gp2gp-run/1";

/// A run as it was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct RunLog {
    /// What ran on what.
    pub head: RunHead,
    /// In the order of the suite.
    pub scenarios: Vec<KeptScenario>,
    /// Whether the run came to its end.
    pub is_whole: bool,
}

/// What ran on what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunHead {
    /// [`FORMAT`].
    pub format: String,
    /// That the data are synthetic.
    pub notice: String,
    /// Name and version of the suite.
    pub suite: String,
    /// The system under test, by name.
    pub sut: String,
    /// Roles that were judged.
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
    /// What it had to answer for.
    pub scope: Scope,
    /// Heavy scenarios that were not asked for.
    pub left_out: Vec<ScenarioId>,
    /// How many scenarios were to run.
    pub scenarios: usize,
    /// What it ran with and on; `None` where the run was not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
}

/// Which requirements a run has to answer for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The whole suite: every requirement that has a check.
    Suite,
    /// A selection of scenarios: what they name, and what they happened to exercise.
    Selection,
}

/// What a run was made with and on: two runs with the same differ by the system alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fingerprint {
    /// When the run began, by the clock of the machine.
    pub made_at: Time,
    /// Digest over the catalogue of requirements and the scenarios that were to run.
    pub suite_sha256: Sha256,
    /// Operating system and processor architecture.
    pub platform: String,
}

/// A scenario as it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptScenario {
    /// Position in the suite, from 0: scenarios that run side by side end in any order.
    pub position: usize,
    /// Digest of its trace; `None` where it left none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_sha256: Option<Sha256>,
    /// What came of it, before any baseline.
    pub report: ScenarioReport,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "kebab-case")]
pub enum Line {
    /// The first.
    Run(Box<RunHead>),
    /// One for each scenario.
    Scenario(Box<KeptScenario>),
    /// The last.
    Ended {
        /// So many scenarios before it.
        scenarios: usize,
    },
}

/// Why a file is no kept run.
#[derive(Debug, PartialEq, Eq)]
pub struct RunLogError {
    /// Line, from 1.
    pub line: usize,
    /// Why.
    pub why: String,
}

impl fmt::Display for RunLogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for RunLogError {}

impl RunLog {
    /// Reads what was kept. The last line may be cut off in the middle: its scenario is missing then.
    pub fn from_json_lines(text: &str) -> Result<Self, RunLogError> {
        let mut lines = text.lines().enumerate().peekable();
        let head = first(lines.next().map(|(_, text)| text))?;
        let mut scenarios: Vec<KeptScenario> = Vec::new();
        let mut is_whole = false;
        while let Some((at, text)) = lines.next() {
            let wrong = |why: String| RunLogError { line: at + 1, why };
            if is_whole {
                return Err(wrong("a line after the last one".to_owned()));
            }
            let is_cut_off = lines.peek().is_none();
            match serde_json::from_str(text) {
                Ok(Line::Scenario(kept)) => scenarios.push(*kept),
                Ok(Line::Ended { scenarios: told }) if told == scenarios.len() => is_whole = true,
                Ok(Line::Ended { scenarios: told }) => {
                    let found = scenarios.len();
                    return Err(wrong(format!("{told} scenarios ended, {found} are here")));
                }
                Ok(Line::Run(_)) => return Err(wrong("a second first line".to_owned())),
                Err(error) if is_cut_off && error.is_eof() => {}
                Err(error) => return Err(wrong(error.to_string())),
            }
        }
        scenarios.sort_by_key(|kept| kept.position);
        Ok(Self {
            head,
            scenarios,
            is_whole,
        })
    }

    /// Writes it, scenarios in the order of the suite.
    pub fn to_json_lines(&self) -> serde_json::Result<String> {
        let mut text = serde_json::to_string(&Line::Run(Box::new(self.head.clone())))? + "\n";
        for kept in &self.scenarios {
            text += &serde_json::to_string(&Line::Scenario(Box::new(kept.clone())))?;
            text.push('\n');
        }
        if self.is_whole {
            let scenarios = self.scenarios.len();
            text += &serde_json::to_string(&Line::Ended { scenarios })?;
            text.push('\n');
        }
        Ok(text)
    }
}

fn first(text: Option<&str>) -> Result<RunHead, RunLogError> {
    let wrong = |why: String| RunLogError { line: 1, why };
    let text = text.ok_or_else(|| wrong("the file is empty".to_owned()))?;
    /// What every version has.
    #[derive(Deserialize)]
    struct AnyVersion {
        format: String,
    }
    let version: AnyVersion = serde_json::from_str(text)
        .map_err(|error| wrong(format!("not the first line of a kept run: {error}")))?;
    if version.format != FORMAT {
        let found = version.format;
        return Err(wrong(format!("format {found}, this reads {FORMAT}")));
    }
    match serde_json::from_str(text) {
        Ok(Line::Run(head)) => Ok(*head),
        Ok(Line::Scenario(_) | Line::Ended { .. }) => {
            Err(wrong("not the first line of a kept run".to_owned()))
        }
        Err(error) => Err(wrong(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(scenarios: usize) -> RunLog {
        let kept = |position: usize| {
            serde_json::json!({
                "position": position,
                "report": {
                    "id": format!("transfer/{position}"), "title": "one", "verdict": "pass",
                    "missing_facts": [], "expectations": [], "not_applicable": null, "error": null,
                    "findings": [], "story": [], "documents": [], "custody": [], "faults": [],
                    "lasted_ms": 1, "messages": 2, "bytes": 3, "reproduce": "gp2gp run",
                },
            })
        };
        RunLog {
            head: serde_json::from_value(serde_json::json!({
                "format": FORMAT, "notice": "synthetic", "suite": "s", "sut": "reference",
                "roles": ["sending"], "not_claimed": [], "profile": "strict", "time_mode": "virtual",
                "scope": "suite", "left_out": [], "scenarios": scenarios,
            }))
            .unwrap(),
            scenarios: (0..scenarios)
                .map(|position| serde_json::from_value(kept(position)).unwrap())
                .collect(),
            is_whole: true,
        }
    }

    fn lines(log: &RunLog) -> Vec<String> {
        let text = log.to_json_lines().unwrap();
        text.lines().map(ToOwned::to_owned).collect()
    }

    #[test]
    fn what_is_written_is_read_again_in_the_order_of_the_suite() {
        let log = log(3);
        let mut lines = lines(&log);
        assert_eq!(RunLog::from_json_lines(&lines.join("\n")), Ok(log.clone()));
        lines.swap(1, 3);
        assert_eq!(RunLog::from_json_lines(&lines.join("\n")), Ok(log));
    }

    #[test]
    fn a_run_that_was_broken_off_has_what_ended_before() {
        let mut whole = log(3);
        let lines = lines(&whole);
        whole.is_whole = false;
        whole.scenarios.truncate(2);
        let text = lines[..3].join("\n");
        assert_eq!(RunLog::from_json_lines(&text), Ok(whole.clone()));
        let cut_off = format!("{text}\n{}", &lines[3][..lines[3].len() / 2]);
        assert_eq!(RunLog::from_json_lines(&cut_off), Ok(whole));
    }

    #[test]
    fn a_damaged_line_is_named_with_its_number() {
        let good = lines(&log(3));
        let told = |change: &dyn Fn(&mut Vec<String>)| {
            let mut lines = good.clone();
            change(&mut lines);
            let error = RunLog::from_json_lines(&lines.join("\n")).unwrap_err();
            error.to_string()
        };
        let cut = |lines: &mut Vec<String>| lines[2].truncate(40);
        assert!(told(&cut).starts_with("line 3: "), "{}", told(&cut));
        let lost = |lines: &mut Vec<String>| drop(lines.remove(2));
        assert_eq!(told(&lost), "line 4: 3 scenarios ended, 2 are here");
        let doubled = |lines: &mut Vec<String>| lines.push(lines[1].clone());
        assert_eq!(told(&doubled), "line 6: a line after the last one");
        let head = |lines: &mut Vec<String>| lines[0] = lines[0].replace("run/1", "run/9");
        assert_eq!(
            told(&head),
            "line 1: format gp2gp-run/9, this reads gp2gp-run/1"
        );
        let empty = |lines: &mut Vec<String>| lines.clear();
        assert_eq!(told(&empty), "line 1: the file is empty");
    }
}
