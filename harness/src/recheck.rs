//! Whether what was said of a kept run is what its traces say: every verdict is found once more.

use std::fmt;

use gp2gp_model::ScenarioId;
use gp2gp_model::plan::{Plan, Role};
use gp2gp_model::report::ScenarioReport;
use gp2gp_model::requirement::Requirement;
use gp2gp_model::run_log::{KeptScenario, RunHead};
use gp2gp_model::trace::Header;
use gp2gp_model::verdict::Verdict;

use crate::driver::SUITE;
use crate::keep::{Kept, KeptError};
use crate::recording::Recording;
use crate::run::{Asked, Named, doubted, untold};

/// What came of judging a kept run once more.
#[derive(Debug, Default)]
pub struct Recheck {
    /// Scenarios that were judged again.
    pub judged: usize,
    /// Findings and expectations in them.
    pub verdicts: usize,
    /// Scenarios without a trace, which say nothing that could be checked.
    pub without_trace: usize,
    /// What comes out otherwise.
    pub differences: Vec<Difference>,
}

/// A verdict that is not what the trace says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// In which scenario.
    pub scenario: ScenarioId,
    /// Of what: a requirement, the end, a fact, a number.
    pub what: String,
    /// As the run says.
    pub said: String,
    /// As the trace says.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scenario,
            what,
            said,
            found,
        } = self;
        write!(
            f,
            "{what} in {scenario}: the run says {said}, its trace says {found}"
        )
    }
}

/// Judges every trace of a run once more.
///
/// # Errors
///
/// If a trace or a scenario cannot be read, or is not the one that was judged.
pub fn recheck(kept: &Kept, catalogue: &[Requirement]) -> Result<Recheck, KeptError> {
    let mut recheck = Recheck::default();
    for scenario in &kept.log.scenarios {
        let Some(recording) = kept.traced(scenario)? else {
            recheck.without_trace += 1;
            continue;
        };
        let plan = kept.plan(&recording.trace.header, catalogue)?;
        let (Some(id), Some(plan)) = (scenario.report.id.clone(), plan) else {
            recheck.without_trace += 1;
            continue;
        };
        let again = judged_again(&kept.log.head, scenario, &plan, &recording, catalogue);
        recheck.judged += 1;
        recheck.verdicts += again.findings.len() + again.expectations.len();
        recheck
            .differences
            .extend(differences(&id, &scenario.report, &again));
    }
    Ok(recheck)
}

/// Whether this suite is the one that judged; another may rightly say something else.
pub fn is_other_suite(head: &RunHead) -> bool {
    head.suite != SUITE
}

fn judged_again(
    head: &RunHead,
    kept: &KeptScenario,
    plan: &Plan,
    recording: &Recording,
    catalogue: &[Requirement],
) -> ScenarioReport {
    let said = &kept.report;
    let asked = Asked {
        catalogue,
        roles: &roles(head, plan, &recording.trace.header),
        profile: head.profile,
        excused: &head.excused,
    };
    let named = Named {
        id: said.id.clone(),
        title: said.title.clone(),
        source: said.source.clone(),
        reproduce: said.reproduce.clone(),
    };
    let report = asked.judge(plan, &recording.trace, &recording.bodies, named);
    // What was seen of the system beside the wire is in no trace.
    match (&said.mishap, &said.not_applicable) {
        (Some(mishap), _) => doubted(report, mishap.clone()),
        (None, Some(why)) => untold(report, why),
        (None, None) => report,
    }
}

fn roles(head: &RunHead, plan: &Plan, header: &Header) -> Vec<Role> {
    let mut roles = plan.judges.clone();
    roles.retain(|role| head.roles.contains(role));
    if let Some(recorded) = &header.recorded {
        roles.retain(|role| *role != recorded.role);
    }
    roles
}

fn differences(id: &ScenarioId, said: &ScenarioReport, found: &ScenarioReport) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut differ = |what: String, said: String, found: String| {
        if said != found {
            differences.push(Difference {
                scenario: id.clone(),
                what,
                said,
                found,
            });
        }
    };
    let missing = || "nothing".to_owned();
    for finding in &said.findings {
        let again = (found.findings.iter()).find(|it| it.requirement == finding.requirement);
        let words = |it: &gp2gp_model::verdict::Finding| {
            let seen = it
                .violations
                .iter()
                .map(|it| format!("; expected {}, seen {}", it.expected, it.seen));
            format!("{}{}", it.verdict, seen.collect::<String>())
        };
        let found = again.map_or_else(missing, words);
        differ(finding.requirement.to_string(), words(finding), found);
    }
    for finding in &found.findings {
        if !said
            .findings
            .iter()
            .any(|it| it.requirement == finding.requirement)
        {
            differ(
                finding.requirement.to_string(),
                missing(),
                finding.verdict.to_string(),
            );
        }
    }
    for (at, expectation) in said.expectations.iter().enumerate() {
        let again = found.expectations.get(at);
        // That an end was not reached before either is in the recording of that run, not in this trace.
        let is_excused = said.recorded.is_some() && expectation.verdict == Verdict::NotApplicable;
        if !is_excused {
            let found = again.map_or_else(missing, |it| format!("{}: {}", it.verdict, it.seen));
            let said = format!("{}: {}", expectation.verdict, expectation.seen);
            differ(format!("the end ({})", expectation.expected), said, found);
        }
    }
    let facts = |report: &ScenarioReport| match report.missing_facts.as_slice() {
        [] => "no fact is missing".to_owned(),
        facts => format!("missing: {}", facts.join("; ")),
    };
    differ(
        "the point of the scenario".to_owned(),
        facts(said),
        facts(found),
    );
    let is_excused = said.recorded.is_some() && said.verdict != found.verdict;
    if !is_excused {
        differ(
            "the verdict".to_owned(),
            said.verdict.to_string(),
            found.verdict.to_string(),
        );
    }
    let size =
        |report: &ScenarioReport| format!("{} messages, {} bytes", report.messages, report.bytes);
    differ("what crossed the wire".to_owned(), size(said), size(found));
    differ(
        "the story".to_owned(),
        said.story.join("\n"),
        found.story.join("\n"),
    );
    let paper = |report: &ScenarioReport| gp2gp_model::paper::lines(&report.paper).join("; ");
    differ("what is printed".to_owned(), paper(said), paper(found));
    differences
}
