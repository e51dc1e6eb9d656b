//! What becomes of every requirement of the set: judged, or why not. The counts come to the whole set.

use std::collections::{BTreeMap, BTreeSet};

use gp2gp_model::RequirementId;
use gp2gp_model::plural::count;
use gp2gp_model::report::RunReport;
use gp2gp_model::requirement::Requirement;
use gp2gp_model::verdict::{Finding, Verdict};

/// Where every requirement of a set is.
pub(super) struct Account<'a> {
    /// Requirements of the set.
    pub(super) declared: usize,
    /// Those in the table of requirements.
    pub(super) listed: usize,
    /// Kept or broken: something decides.
    pub(super) judged: usize,
    /// The rest, by why.
    pub(super) groups: Vec<Group<'a>>,
    /// Those of the rest that are not in the table.
    pub(super) unlisted: Vec<&'a Requirement>,
    /// Those of the rest that the earlier run judged.
    pub(super) no_longer: Vec<&'a str>,
    /// Heavy scenarios that were left out, in words.
    pub(super) left_out: Option<String>,
}

/// Requirements that are not judged, for reasons of one kind.
pub(super) struct Group<'a> {
    pub(super) what: &'static str,
    pub(super) explained: String,
    pub(super) number: usize,
    /// Why in particular, where there is more to say, and which.
    pub(super) reasons: BTreeMap<String, Vec<&'a str>>,
}

/// Why a requirement is not judged, in the order of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    Undecided,
    HarnessError,
    CouldNotRun,
    Unexercised,
    NotClaimed,
    Excused,
    NotOfRoles,
    OfEverySystem,
    Unchecked,
}

impl<'a> Account<'a> {
    pub(super) fn of(report: &'a RunReport, catalogue: &'a [Requirement]) -> Self {
        let findings = by_requirement(report);
        let listed: BTreeSet<&RequirementId> =
            report.requirements.iter().map(|it| &it.id).collect();
        let is_listed = |it: &&Requirement| listed.contains(&it.id);
        let changes = report.changes.as_ref();
        let was_judged = |id| changes.is_some_and(|it| it.no_longer_judged.contains(id));
        let mut groups: BTreeMap<Gap, BTreeMap<String, Vec<&'a str>>> = BTreeMap::new();
        let (mut judged, mut no_longer) = (0, Vec::new());
        for requirement in catalogue {
            let id = &requirement.id;
            let found = findings.get(id).map_or(&[][..], Vec::as_slice);
            let Some((gap, why)) = gap(report, requirement, found) else {
                judged += 1;
                continue;
            };
            let reasons = groups.entry(gap).or_default();
            reasons.entry(why).or_default().push(id.as_str());
            if was_judged(id) {
                no_longer.push(id.as_str());
            }
        }
        Self {
            declared: catalogue.len(),
            listed: catalogue.iter().filter(is_listed).count(),
            judged,
            groups: groups.into_iter().map(|it| Group::of(it, report)).collect(),
            unlisted: catalogue.iter().filter(|it| !is_listed(it)).collect(),
            no_longer,
            left_out: left_out(report),
        }
    }
}

impl<'a> Group<'a> {
    fn of((gap, reasons): (Gap, BTreeMap<String, Vec<&'a str>>), report: &RunReport) -> Self {
        Self {
            what: gap.what(),
            explained: gap.explained(report),
            number: reasons.values().map(Vec::len).sum(),
            reasons,
        }
    }
}

fn by_requirement(report: &RunReport) -> BTreeMap<&RequirementId, Vec<&Finding>> {
    let mut findings: BTreeMap<&RequirementId, Vec<&Finding>> = BTreeMap::new();
    for finding in report.scenarios.iter().flat_map(|it| &it.findings) {
        findings
            .entry(&finding.requirement)
            .or_default()
            .push(finding);
    }
    findings
}

/// Why it is not judged, if it is not.
fn gap(
    report: &RunReport,
    requirement: &Requirement,
    findings: &[&Finding],
) -> Option<(Gap, String)> {
    let mut outcomes = report.requirements.iter();
    let Some(outcome) = outcomes.find(|it| it.id == requirement.id) else {
        return Some(unlisted(report, requirement));
    };
    let mut excused = report.excused.iter();
    let excuse = excused.find(|it| it.requirement == requirement.id);
    let gap = match outcome.verdict {
        Verdict::Pass
        | Verdict::Fail
        | Verdict::Warn
        | Verdict::KnownFailure
        | Verdict::UnexpectedPass
        | Verdict::Flaky => return None,
        Verdict::NotApplicable if excuse.is_some() => Gap::Excused,
        Verdict::NotApplicable => Gap::NotClaimed,
        Verdict::CouldNotRun if findings.is_empty() => Gap::Unexercised,
        Verdict::CouldNotRun => Gap::CouldNotRun,
        Verdict::Unknown => Gap::Undecided,
        Verdict::HarnessError => Gap::HarnessError,
    };
    let why = match excuse {
        Some(excuse) => excuse.why.clone(),
        None => notes(findings, outcome.verdict),
    };
    Some((gap, why))
}

/// What the table of requirements does not have.
fn unlisted(report: &RunReport, requirement: &Requirement) -> (Gap, String) {
    let gap = match requirement.role.role() {
        None => Gap::OfEverySystem,
        Some(role) if !report.roles.contains(&role) => {
            return (Gap::NotOfRoles, format!("of the {role} system"));
        }
        Some(_) if report.score.unchecked.contains(&requirement.id) => Gap::Unchecked,
        Some(_) => Gap::Unexercised,
    };
    (gap, String::new())
}

/// What was said of it, each reason once.
fn notes(findings: &[&Finding], verdict: Verdict) -> String {
    let notes = findings.iter().filter(|it| it.verdict == verdict);
    let notes: BTreeSet<&str> = notes.filter_map(|it| it.note.as_deref()).collect();
    notes.into_iter().collect::<Vec<_>>().join("; ")
}

/// Heavy scenarios are left out unless they are asked for.
fn left_out(report: &RunReport) -> Option<String> {
    let number = report.left_out.len() as u64;
    (number > 0).then(|| {
        format!(
            "{} {} left out, because nobody asked for {}: what {} would have judged in addition is not counted anywhere here.",
            count(number, "heavy scenario"),
            if number == 1 { "was" } else { "were" },
            if number == 1 { "it" } else { "them" },
            if number == 1 { "it" } else { "they" },
        )
    })
}

impl Gap {
    const fn what(self) -> &'static str {
        match self {
            Self::Undecided => "Put to the test, and the evidence does not decide",
            Self::HarnessError => "The harness failed",
            Self::CouldNotRun => "Scenarios for it ran and did not put it to the test",
            Self::Unexercised => "No scenario of this run puts it to the test",
            Self::NotClaimed => "Does not apply: the system does not claim what it takes",
            Self::Excused => "Does not apply: not asked of this system, for a reason",
            Self::NotOfRoles => "Of a role that is not under test",
            Self::OfEverySystem => "Of every system, whatever its role: no check judges it",
            Self::Unchecked => "No check judges it yet",
        }
    }

    fn explained(self, report: &RunReport) -> String {
        match self {
            Self::Undecided | Self::HarnessError | Self::CouldNotRun | Self::NotClaimed => {
                String::new()
            }
            Self::Excused => "`sut.toml`, or how the system is attached, exempts it".to_owned(),
            Self::Unexercised => {
                "`gp2gp explain` with its id names the scenarios that do".to_owned()
            }
            Self::NotOfRoles => {
                let roles: Vec<&str> = report.roles.iter().map(|it| it.name()).collect();
                format!("under test: {}", super::words::list(&roles))
            }
            Self::OfEverySystem | Self::Unchecked => {
                "nothing on this page says anything of it".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use gp2gp_model::plan::Role;
    use gp2gp_model::report::Excused;

    use super::*;
    use crate::fixture;

    fn told(account: &Account<'_>) -> Vec<(&'static str, usize)> {
        account
            .groups
            .iter()
            .map(|it| (it.what, it.number))
            .collect()
    }

    #[test]
    fn every_requirement_that_is_not_judged_is_told_with_its_reason() {
        let (mut report, catalogue) = (fixture::report(), fixture::catalogue());
        report.excused.push(Excused {
            requirement: catalogue[4].id.clone(),
            why: "the handler writes it".to_owned(),
        });
        report.requirements.retain(|it| it.id != catalogue[9].id);
        report.score.unchecked.push(catalogue[9].id.clone());
        let account = Account::of(&report, &catalogue);
        assert_eq!(
            told(&account),
            [
                ("Put to the test, and the evidence does not decide", 1),
                ("The harness failed", 1),
                ("Scenarios for it ran and did not put it to the test", 1),
                ("Does not apply: not asked of this system, for a reason", 1),
                ("No check judges it yet", 1),
            ]
        );
        let excused = &account.groups[3].reasons;
        assert_eq!(
            excused.keys().collect::<Vec<_>>(),
            ["the handler writes it"]
        );
        assert_eq!((account.listed, account.judged), (10, 6));
        assert_eq!(account.unlisted.len(), 1);
    }

    #[test]
    fn requirements_of_a_role_that_is_not_under_test_are_told_by_role() {
        let (mut report, catalogue) = (fixture::report(), fixture::catalogue());
        report.roles = vec![Role::Requesting];
        report.requirements.clear();
        let account = Account::of(&report, &catalogue);
        assert_eq!(told(&account), [("Of a role that is not under test", 11)]);
        let of_sending = account.groups[0].reasons.keys().next().map(String::as_str);
        assert_eq!(of_sending, Some("of the sending system"));
        assert_eq!((account.listed, account.judged), (0, 0));
    }
}
