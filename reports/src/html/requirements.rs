//! The table of requirements: what was declared, exercised, proven, and what could not be reached and why.

use gp2gp_model::plural::count;
use gp2gp_model::report::{RequirementOutcome, RunReport, find};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::verdict::{Finding, Verdict};

use super::trouble::Trouble;
use super::{number_of, words};

pub(super) struct RequirementRow<'a> {
    /// Number of the failure that it is.
    pub(super) number: Option<usize>,
    pub(super) outcome: &'a RequirementOutcome,
    pub(super) wording: &'a str,
    pub(super) role: String,
    /// Asked of the system, or why not.
    pub(super) declared: String,
    pub(super) exercised: String,
    pub(super) proven: String,
    /// Why it could not be reached, or is open.
    pub(super) why: String,
}

impl RequirementRow<'_> {
    pub(super) fn tag(&self) -> String {
        words::verdict(self.outcome.verdict)
    }

    pub(super) const fn colour(&self) -> &'static str {
        words::colour(self.outcome.verdict)
    }
}

pub(super) fn rows<'a>(
    report: &'a RunReport,
    catalogue: &'a [Requirement],
    troubles: &[Trouble<'_>],
) -> Vec<RequirementRow<'a>> {
    report
        .requirements
        .iter()
        .map(|outcome| row(report, catalogue, outcome, troubles))
        .collect()
}

fn row<'a>(
    report: &'a RunReport,
    catalogue: &'a [Requirement],
    outcome: &'a RequirementOutcome,
    troubles: &[Trouble<'_>],
) -> RequirementRow<'a> {
    let requirement = find(catalogue, &outcome.id);
    let findings: Vec<&Finding> = (report.scenarios.iter())
        .flat_map(|it| &it.findings)
        .filter(|finding| finding.requirement == outcome.id)
        .collect();
    let held = findings.iter().filter(|it| it.verdict == Verdict::Pass);
    let occasions: usize = held.map(|it| it.occasions).sum();
    let excuse = report
        .excused
        .iter()
        .find(|it| it.requirement == outcome.id);
    RequirementRow {
        number: number_of(troubles, &outcome.id),
        outcome,
        wording: requirement.map_or("", |it| it.wording.as_str()),
        role: requirement.map_or_else(String::new, |it| it.role.to_string()),
        declared: match (excuse, outcome.verdict) {
            (Some(excuse), _) => format!("not asked: {}", excuse.why),
            (None, Verdict::NotApplicable) => "not claimed".to_owned(),
            (None, _) => "asked".to_owned(),
        },
        exercised: match (outcome.exercised_in, undecided(&findings)) {
            (0, _) => "in no scenario".to_owned(),
            (number, 0) => format!("in {}", count(number, "scenario")),
            (number, open) => {
                format!(
                    "in {}, and not decided in {open}",
                    count(number, "scenario")
                )
            }
        },
        proven: match (outcome.verdict, occasions) {
            (Verdict::Pass, number) => {
                format!("kept on {}", count(number, "occasion"))
            }
            (_, 0) => "never".to_owned(),
            (_, number) => format!("kept on {}, and not on others", count(number, "occasion")),
        },
        why: why(&findings, outcome.verdict),
    }
}

/// In how many scenarios it was put to the test, and the evidence does not say.
fn undecided(findings: &[&Finding]) -> usize {
    let findings = findings.iter();
    findings.filter(|it| it.verdict == Verdict::Unknown).count()
}

/// The first words that say why a requirement came out like this, where it is neither kept nor broken.
fn why(findings: &[&Finding], verdict: Verdict) -> String {
    match verdict {
        Verdict::Pass
        | Verdict::Fail
        | Verdict::Warn
        | Verdict::KnownFailure
        | Verdict::UnexpectedPass
        | Verdict::Flaky => String::new(),
        Verdict::NotApplicable
        | Verdict::CouldNotRun
        | Verdict::Unknown
        | Verdict::HarnessError => {
            let notes = findings.iter().filter(|it| it.verdict == verdict);
            let said = notes.filter_map(|it| it.note.as_deref()).next();
            let unasked = "no scenario of this run exercises it";
            said.unwrap_or(if findings.is_empty() { unasked } else { "" })
                .to_owned()
        }
    }
}
