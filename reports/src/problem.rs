//! What a person has to look at, the gravest first: the order of everything that has no room for all.

use std::fmt;

use gp2gp_model::plural::count;
use gp2gp_model::report::{RunReport, ScenarioReport, find};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::verdict::{Finding, Verdict};

use crate::text::id_of;

/// How grave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gravity {
    /// A safety invariant was broken.
    Unsafe,
    /// A MUST was broken, or a run ended otherwise than between good systems.
    Failure,
    /// The system under test, or the harness, could not go on.
    Unfit,
    /// It is now this, now that, or not what the baseline says.
    Unsteady,
    /// Nobody knows: not exercised, or not decided.
    Open,
    /// A SHOULD was not met.
    Warning,
}

/// Something to look at, in all scenarios that show it.
pub(crate) struct Problem<'a> {
    pub(crate) gravity: Gravity,
    pub(crate) verdict: Verdict,
    /// In a line, without the scenario.
    pub(crate) title: String,
    /// The requirement, where it is one, and what is written about it.
    pub(crate) finding: Option<(&'a Finding, Option<&'a Requirement>)>,
    /// What was seen in the first scenario, a line each.
    pub(crate) details: Vec<Detail>,
    /// The first scenario that shows it.
    pub(crate) first: &'a ScenarioReport,
    /// The others.
    pub(crate) others: Vec<&'a ScenarioReport>,
}

/// Something that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Not what it should be.
    Breach { expected: String, seen: String },
    /// In words.
    Note(String),
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Breach { expected, seen } => write!(f, "expected {expected}; seen {seen}"),
            Self::Note(text) => f.write_str(text),
        }
    }
}

/// Details, one after the other.
pub(crate) fn joined(details: &[Detail], between: &str) -> String {
    let details = details.iter().map(ToString::to_string);
    details.collect::<Vec<_>>().join(between)
}

/// All of a run: the gravest first, then those that show in most scenarios, then in the order of the run.
pub(crate) fn problems<'a>(
    report: &'a RunReport,
    catalogue: &'a [Requirement],
) -> Vec<Problem<'a>> {
    let mut problems: Vec<Problem<'a>> = Vec::new();
    for scenario in &report.scenarios {
        for problem in of_scenario(scenario, catalogue) {
            match problems.iter_mut().find(|other| other.is_same(&problem)) {
                Some(other) => other.others.push(scenario),
                None => problems.push(problem),
            }
        }
    }
    problems.sort_by_key(|problem| {
        // How a run ended follows from what was broken in it.
        let is_consequence = problem.finding.is_none();
        let seldom = usize::MAX - problem.others.len();
        (problem.gravity, is_consequence, seldom)
    });
    problems
}

/// Those of one scenario, in no particular order.
pub(crate) fn of_scenario<'a>(
    scenario: &'a ScenarioReport,
    catalogue: &'a [Requirement],
) -> Vec<Problem<'a>> {
    let of_itself = |gravity, verdict, title: &str, details| Problem {
        gravity,
        verdict,
        title: title.to_owned(),
        finding: None,
        details,
        first: scenario,
        others: Vec::new(),
    };
    let mut problems = Vec::new();
    if let Some(error) = &scenario.error {
        problems.push(of_itself(
            Gravity::Unfit,
            Verdict::HarnessError,
            "the harness could not judge: its own defect",
            vec![Detail::Note(error.clone())],
        ));
    }
    if let Some(mishap) = &scenario.mishap {
        let title = format!("{} {}", mishap.system, mishap.kind.words());
        let mut details = vec![Detail::Note(mishap.what.clone())];
        let log = mishap.log.iter();
        details.extend(log.map(|line| Detail::Note(format!("log: {line}"))));
        problems.push(of_itself(Gravity::Unfit, Verdict::Unknown, &title, details));
    }
    let is_explained = scenario.verdict == Verdict::Fail || scenario.mishap.is_some();
    if !scenario.missing_facts.is_empty() && !is_explained {
        problems.push(of_itself(
            Gravity::Open,
            Verdict::CouldNotRun,
            &format!("{} did not exercise its point", id_of(scenario)),
            scenario
                .missing_facts
                .iter()
                .cloned()
                .map(Detail::Note)
                .collect(),
        ));
    }
    if scenario.missing_facts.is_empty() {
        let ends = [
            (
                Gravity::Failure,
                Verdict::Fail,
                "did not end as it does between good systems",
            ),
            (
                Gravity::Open,
                Verdict::CouldNotRun,
                "ended, and nobody says how",
            ),
        ];
        for (gravity, verdict, what) in ends {
            let expectations = scenario.expectations.iter();
            let details: Vec<Detail> = expectations
                .filter(|it| it.verdict == verdict)
                .map(|it| breach(&it.expected, &it.seen))
                .collect();
            if !details.is_empty() {
                let title = format!("{} {what}", id_of(scenario));
                problems.push(of_itself(gravity, verdict, &title, details));
            }
        }
    }
    let findings = scenario.findings.iter();
    problems.extend(findings.filter_map(|finding| of_finding(finding, scenario, catalogue)));
    problems
}

fn of_finding<'a>(
    finding: &'a Finding,
    scenario: &'a ScenarioReport,
    catalogue: &'a [Requirement],
) -> Option<Problem<'a>> {
    let requirement = find(catalogue, &finding.requirement);
    let is_safety = requirement.is_some_and(|it| it.safety);
    let gravity = match finding.verdict {
        Verdict::Pass | Verdict::NotApplicable | Verdict::KnownFailure => return None,
        // What a failure kept from being exercised is no problem of its own.
        Verdict::CouldNotRun if scenario.verdict == Verdict::Fail => return None,
        Verdict::Fail
        | Verdict::HarnessError
        | Verdict::UnexpectedPass
        | Verdict::Flaky
        | Verdict::CouldNotRun
        | Verdict::Unknown
        | Verdict::Warn => gravity(finding.verdict, is_safety),
    };
    let what = match finding.verdict {
        Verdict::Fail => "is broken",
        Verdict::Warn => "is not met",
        Verdict::UnexpectedPass => "is kept, and the baseline says that it fails",
        Verdict::Flaky => "is now kept, now broken",
        Verdict::CouldNotRun => "was not exercised",
        Verdict::Unknown => "is not decided",
        Verdict::HarnessError => "could not be judged",
        Verdict::Pass | Verdict::NotApplicable | Verdict::KnownFailure => "is no problem",
    };
    Some(Problem {
        gravity,
        verdict: finding.verdict,
        title: format!("{} {what}", finding.requirement),
        finding: Some((finding, requirement)),
        details: details(finding),
        first: scenario,
        others: Vec::new(),
    })
}

/// How grave a verdict is, on a safety invariant or on something else.
pub(crate) const fn gravity(verdict: Verdict, is_safety: bool) -> Gravity {
    match verdict {
        Verdict::Fail if is_safety => Gravity::Unsafe,
        Verdict::Fail => Gravity::Failure,
        Verdict::HarnessError => Gravity::Unfit,
        Verdict::UnexpectedPass | Verdict::Flaky => Gravity::Unsteady,
        Verdict::CouldNotRun | Verdict::Unknown => Gravity::Open,
        Verdict::Warn | Verdict::Pass | Verdict::NotApplicable | Verdict::KnownFailure => {
            Gravity::Warning
        }
    }
}

/// What was expected and seen, how much more of it there is, and the note.
pub(crate) fn details(finding: &Finding) -> Vec<Detail> {
    let violations = finding.violations.iter();
    let mut lines: Vec<Detail> = violations
        .map(|it| breach(&it.expected, &it.seen))
        .collect();
    let more = finding.breaches.saturating_sub(finding.violations.len());
    if more > 0 {
        lines.push(Detail::Note(format!("and {more} more like these")));
    }
    lines.extend(finding.note.clone().map(Detail::Note));
    lines
}

fn breach(expected: &str, seen: &str) -> Detail {
    Detail::Breach {
        expected: expected.to_owned(),
        seen: seen.to_owned(),
    }
}

/// `MUST for the sending system, safety invariant`.
pub(crate) fn binding(finding: &Finding, requirement: Option<&Requirement>) -> String {
    let safety = match requirement.is_some_and(|it| it.safety) {
        true => ", safety invariant",
        false => "",
    };
    format!("{} for the {} system{safety}", finding.level, finding.role)
}

impl Problem<'_> {
    /// The same thing in another scenario. What a scenario itself lacks is its own.
    fn is_same(&self, other: &Self) -> bool {
        match (self.finding, other.finding) {
            (Some((one, _)), Some((two, _))) => {
                (&one.requirement, one.role, one.verdict)
                    == (&two.requirement, two.role, two.verdict)
            }
            (None, None) => self.title == other.title && self.details == other.details,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// The file and the line of the first scenario that it is about.
    pub(crate) fn place(&self) -> Option<(&str, u32)> {
        let requirement = self.finding.map(|(finding, _)| &finding.requirement);
        place(self.first, requirement)
    }

    /// `transfer/small-record and 3 more scenarios`.
    pub(crate) fn scenarios(&self) -> String {
        let first = id_of(self.first);
        match self.others.len() {
            0 => first.to_owned(),
            more => format!("{first} and {}", count(more, "more scenario")),
        }
    }
}

/// The line that names a requirement. A scenario may put one to the test that it does not name: then where it
/// names others. Its first line where none is meant.
pub(crate) fn place<'a>(
    scenario: &'a ScenarioReport,
    requirement: Option<&gp2gp_model::RequirementId>,
) -> Option<(&'a str, u32)> {
    let source = scenario.source.as_ref()?;
    let named = || source.lines.values().min();
    let line = requirement.and_then(|id| source.lines.get(id).or_else(named));
    Some((&source.file, line.copied().unwrap_or(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_broken_safety_invariant_comes_first_and_a_warning_last() {
        let (report, catalogue) = (fixture::report(), fixture::catalogue());
        let all = problems(&report, &catalogue);
        let gravities: Vec<Gravity> = all.iter().map(|it| it.gravity).collect();
        assert!(gravities.is_sorted(), "{gravities:?}");
        assert_eq!(gravities.first(), Some(&Gravity::Unsafe));
        assert_eq!(gravities.last(), Some(&Gravity::Warning));
    }

    #[test]
    fn what_shows_in_several_scenarios_is_one_problem() {
        let (report, catalogue) = (fixture::report(), fixture::catalogue());
        let all = problems(&report, &catalogue);
        let broken: Vec<&Problem<'_>> = all
            .iter()
            .filter(|it| it.title == "SND-02 is broken")
            .collect();
        assert_eq!(broken.len(), 1);
        assert_eq!(
            broken[0].scenarios(),
            "hostile/every-verdict and 1 more scenario"
        );
    }

    #[test]
    fn what_is_well_or_known_is_no_problem() {
        let (report, catalogue) = (fixture::report(), fixture::catalogue());
        for problem in problems(&report, &catalogue) {
            let verdict = problem.verdict;
            assert!(
                ![Verdict::Pass, Verdict::NotApplicable, Verdict::KnownFailure].contains(&verdict),
                "{}",
                problem.title
            );
        }
    }
}
