//! What is not well, put together by what it is: a requirement that is broken in forty scenarios is one trouble with
//! forty cases, the easiest to read first.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use gp2gp_model::baseline::KnownFailure;
use gp2gp_model::plan::Role;
use gp2gp_model::report::{RunName, RunReport, ScenarioReport, find};
use gp2gp_model::requirement::{Level, Requirement};
use gp2gp_model::verdict::{Finding, Verdict};

use super::{changes, words};
use crate::evidence::{self, Ill, is_told, share, tested, together};

/// Something that is not well.
pub(super) struct Trouble<'a> {
    /// From 1, in the order of the page.
    pub(super) number: usize,
    pub(super) verdict: Verdict,
    pub(super) title: String,
    pub(super) requirement: Option<&'a Requirement>,
    /// Whose conduct, in words.
    pub(super) whose: String,
    /// The same in a word or two.
    pub(super) who: String,
    /// Since when, in words; the earliest of all cases.
    pub(super) since: String,
    /// The same in a word: `new`, or when the first run was made that has it.
    pub(super) since_when: String,
    /// What a baseline says of it.
    pub(super) known: Option<&'a KnownFailure>,
    /// It is about how runs ended.
    is_end: bool,
    /// In how many scenarios it was put to the test; of a requirement only.
    tested: Option<usize>,
    /// What the same events break as well, or with which it is broken.
    pub(super) with: Vec<Together>,
    /// It is told with one that stands before it.
    pub(super) follows: bool,
    /// The easiest to read first.
    pub(super) cases: Vec<Case<'a>>,
}

/// Another trouble that the same events show.
#[derive(Debug, Clone)]
pub(super) struct Together {
    pub(super) number: usize,
    pub(super) id: String,
    pub(super) often: String,
}

/// A trouble in one scenario.
pub(super) struct Case<'a> {
    /// Place of the scenario in the report.
    pub(super) at: usize,
    pub(super) scenario: &'a ScenarioReport,
    pub(super) showings: Vec<Showing<'a>>,
    /// Breaches that are not among the showings.
    pub(super) more: usize,
    pub(super) note: Option<&'a str>,
    /// Last lines of a log.
    pub(super) log: &'a [String],
    since: Option<&'a RunName>,
    finding: Option<&'a Finding>,
}

/// What shows it.
pub(super) struct Showing<'a> {
    pub(super) event: Option<u64>,
    /// Other events that its words name.
    pub(super) with: &'a [u64],
    pub(super) expected: &'a str,
    pub(super) seen: String,
}

/// Everything that is not well, the worst first. Harness errors are told elsewhere.
pub(super) fn troubles<'a>(
    report: &'a RunReport,
    catalogue: &'a [Requirement],
) -> Vec<Trouble<'a>> {
    let mut troubles: Vec<Trouble<'a>> = Vec::new();
    for (at, scenario) in report.scenarios.iter().enumerate() {
        let found = of_findings(report, catalogue, scenario)
            .into_iter()
            .chain(of_mishap(scenario))
            .chain(of_ends(report, scenario))
            .chain(of_gaps(scenario))
            .chain(of_divergences(scenario));
        for (trouble, case) in found {
            let case = Case { at, ..case };
            let mut known = troubles.iter_mut();
            match known.find(|it| (it.verdict, &it.title) == (trouble.verdict, &trouble.title)) {
                Some(known) => known.cases.push(case),
                None => troubles.push(Trouble {
                    cases: vec![case],
                    ..trouble
                }),
            }
        }
    }
    for trouble in &mut troubles {
        if trouble.is_end {
            trouble.blame_who_broke_something(report);
        }
        let first = trouble
            .cases
            .iter()
            .filter_map(|case| case.since)
            .min_by_key(|it| it.made_at);
        trouble.since = changes::since(report, first);
        trouble.since_when = changes::since_when(report, first);
        trouble.cases.sort_by_key(|case| {
            let shows_no_event = case.showings.iter().all(|it| it.event.is_none());
            (shows_no_event, case.scenario.messages, case.at)
        });
    }
    troubles.sort_by_key(|it| {
        (
            rank(it.verdict),
            !it.is_safety(),
            it.requirement.is_none(),
            it.level(),
            Reverse(it.cases.len()),
        )
    });
    put_together(troubles, &report.scenarios)
}

/// Whatever the same events show, side by side, each with the others named.
fn put_together<'a>(
    troubles: Vec<Trouble<'a>>,
    scenarios: &'a [ScenarioReport],
) -> Vec<Trouble<'a>> {
    let ills: Vec<_> = troubles.iter().map(Trouble::ill).collect();
    let groups = together(&ills, scenarios);
    let mut troubles: Vec<Option<Trouble<'a>>> = troubles.into_iter().map(Some).collect();
    let mut told: Vec<Trouble<'a>> = Vec::new();
    for group in groups {
        let first = told.len();
        for at in group {
            let Some(trouble) = troubles.get_mut(at).and_then(Option::take) else {
                continue;
            };
            told.push(Trouble {
                number: told.len() + 1,
                follows: told.len() > first,
                tested: (trouble.found().first()).map(|it| tested(scenarios, it.finding)),
                ..trouble
            });
        }
        let members = told.get_mut(first..).unwrap_or_default();
        let named: Vec<_> = members.iter().map(Trouble::named).collect();
        for (at, member) in members.iter_mut().enumerate() {
            let others = named.iter().enumerate().filter(|(other, _)| *other != at);
            member.with = others.map(|(_, it)| it.clone()).collect();
        }
    }
    told
}

impl<'a> Trouble<'a> {
    pub(super) fn is_safety(&self) -> bool {
        self.requirement.is_some_and(|it| it.safety)
    }

    fn level(&self) -> Option<Level> {
        self.requirement.map(|it| it.level)
    }

    /// In a few words, for a mark.
    pub(super) fn short(&self) -> String {
        match self.requirement {
            Some(requirement) => format!("{}: {}", requirement.id, self.tag()),
            None => self.title.clone(),
        }
    }

    pub(super) fn tag(&self) -> String {
        words::verdict(self.verdict)
    }

    pub(super) const fn colour(&self) -> &'static str {
        words::colour(self.verdict)
    }

    /// Scenarios in which it was found.
    pub(super) fn is_in(&self) -> String {
        match self.tested {
            Some(tested) if self.verdict == Verdict::Unknown => format!(
                "{}, and decided in {}",
                gp2gp_model::plural::count(self.cases.len(), "scenario"),
                gp2gp_model::plural::count(tested, "scenario"),
            ),
            Some(tested) => share(self.cases.len(), tested),
            None => gp2gp_model::plural::count(self.cases.len(), "scenario"),
        }
    }

    /// The end of a run does not say who was at fault; what is broken in all of its scenarios may.
    fn blame_who_broke_something(&mut self, report: &RunReport) {
        let broke = |scenario: &ScenarioReport| -> BTreeSet<Role> {
            let broken = scenario.findings.iter();
            let broken = broken.filter(|it| !it.violations.is_empty());
            broken.map(|it| it.role).collect()
        };
        let roles: BTreeSet<BTreeSet<Role>> =
            self.cases.iter().map(|it| broke(it.scenario)).collect();
        let only = roles.first().filter(|_| roles.len() == 1);
        if let Some(role) = only.filter(|it| it.len() == 1).and_then(BTreeSet::first) {
            self.who = format!("{role} system");
            self.whose = format!(
                "{}: what is broken in these scenarios is all its own",
                whose(report, *role)
            );
        }
    }

    fn ill(&self) -> Ill<'a> {
        Ill {
            found: self.found(),
            scenarios: self.cases.iter().map(|it| it.scenario).collect(),
            may_follow: (self.is_end && self.verdict == Verdict::Fail)
                || (self.verdict == Verdict::Unknown && !self.found().is_empty()),
        }
    }

    /// The first of those with which it is told, unless it is that itself.
    pub(super) fn leader(&self) -> Option<&Together> {
        self.with.first().filter(|_| self.follows)
    }

    /// Scenarios in which the same requirement was put to the test and kept, by their places.
    pub(super) fn kept_in(&self, report: &'a RunReport) -> Vec<(usize, &'a str)> {
        let Some(finding) = self.cases.first().and_then(|it| it.finding) else {
            return Vec::new();
        };
        let is_kept = |it: &Finding| {
            (&it.requirement, it.role, it.verdict)
                == (&finding.requirement, finding.role, Verdict::Pass)
        };
        let scenarios = report.scenarios.iter().enumerate();
        let kept = scenarios.filter(|(_, it)| it.findings.iter().any(is_kept));
        kept.map(|(at, it)| (at, super::name(it))).collect()
    }

    fn found(&self) -> Vec<evidence::Found<'a>> {
        let found = |case: &Case<'a>| {
            let finding = case.finding?;
            Some(evidence::Found {
                scenario: case.scenario,
                finding,
            })
        };
        self.cases.iter().filter_map(found).collect()
    }

    fn named(&self) -> Together {
        Together {
            number: self.number,
            id: self
                .requirement
                .map_or_else(|| self.title.clone(), |it| it.id.to_string()),
            often: self.is_in(),
        }
    }
}

const fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Fail => 0,
        Verdict::UnexpectedPass => 1,
        Verdict::Flaky => 2,
        Verdict::Unknown => 3,
        Verdict::CouldNotRun => 4,
        Verdict::Warn => 5,
        Verdict::KnownFailure => 6,
        Verdict::HarnessError | Verdict::Pass | Verdict::NotApplicable => 7,
    }
}

type Found<'a> = (Trouble<'a>, Case<'a>);

fn of_findings<'a>(
    report: &'a RunReport,
    catalogue: &'a [Requirement],
    scenario: &'a ScenarioReport,
) -> Vec<Found<'a>> {
    let told = (scenario.findings.iter()).filter(|finding| is_told(finding, scenario));
    told.map(|finding| {
        let requirement = find(catalogue, &finding.requirement);
        let wording = requirement.map_or("", |it| it.wording.as_str());
        let trouble = Trouble {
            requirement,
            known: finding.known.as_ref(),
            whose: if finding.verdict == Verdict::Unknown {
                format!(
                    "nobody's so far: it is not decided; it is about {}",
                    whose(report, finding.role)
                )
            } else {
                whose(report, finding.role)
            },
            who: format!("{} system", finding.role),
            ..trouble(
                finding.verdict,
                format!("{} {wording}", finding.requirement),
            )
        };
        let case = Case {
            showings: (finding.violations.iter())
                .map(|violation| Showing {
                    event: violation.event,
                    with: &violation.with,
                    expected: &violation.expected,
                    seen: violation.seen.clone(),
                })
                .collect(),
            more: finding.breaches.saturating_sub(finding.violations.len()),
            note: finding.note.as_deref(),
            since: finding.since.as_ref(),
            finding: Some(finding),
            ..case(scenario)
        };
        (trouble, case)
    })
    .collect()
}

fn whose(report: &RunReport, role: Role) -> String {
    if report.roles.contains(&role) {
        format!("the {role} system ({}), which is under test", report.sut)
    } else {
        format!("the {role} system")
    }
}

fn of_mishap(scenario: &ScenarioReport) -> Option<Found<'_>> {
    let mishap = scenario.mishap.as_ref()?;
    let trouble = Trouble {
        who: mishap.system.clone(),
        whose: format!(
            "{}, as a whole, beyond what it did on the wire",
            mishap.system
        ),
        ..trouble(
            Verdict::Unknown,
            format!("The system under test {}", mishap.kind.words()),
        )
    };
    let case = Case {
        showings: vec![Showing {
            event: None,
            with: &[],
            expected: "a system that answers, keeps to the control contract and forgets between scenarios",
            seen: mishap.what.clone(),
        }],
        log: &mishap.log,
        ..case(scenario)
    };
    Some((trouble, case))
}

/// What the scenario expects of good systems and did not find, or could not look for.
fn of_ends<'a>(report: &RunReport, scenario: &'a ScenarioReport) -> Vec<Found<'a>> {
    if !scenario.missing_facts.is_empty() {
        return Vec::new();
    }
    let roles: Vec<&str> = report.roles.iter().map(|role| role.name()).collect();
    let ends = [
        (
            Verdict::Fail,
            "The run did not end as it does between good systems",
        ),
        (
            Verdict::KnownFailure,
            "The run did not end as it does between good systems, which is known",
        ),
        (
            Verdict::UnexpectedPass,
            "The run ended as it does between good systems, and the baseline says that it does not",
        ),
        (Verdict::Unknown, "How the run ended is in doubt"),
        (Verdict::CouldNotRun, "Nobody says how the run ended"),
    ];
    let found = ends.into_iter().filter_map(|(verdict, title)| {
        let expectations = scenario.expectations.iter();
        let showings: Vec<Showing<'_>> = expectations
            .filter(|it| it.verdict == verdict)
            .map(|it| Showing {
                event: None,
                with: &[],
                expected: &it.expected,
                seen: it.seen.clone(),
            })
            .collect();
        let is_found = !showings.is_empty();
        let trouble = Trouble {
            is_end: true,
            who: "one of them".to_owned(),
            whose: format!(
                "one of the systems under test ({}): the end itself does not say which",
                words::list(&roles)
            ),
            ..trouble(verdict, title.to_owned())
        };
        let case = Case {
            showings,
            since: scenario.ended_since.as_ref(),
            ..case(scenario)
        };
        is_found.then_some((trouble, case))
    });
    found.collect()
}

/// What should have come about and did not: the scenario proves nothing.
fn of_gaps(scenario: &ScenarioReport) -> Option<Found<'_>> {
    let is_broken = matches!(scenario.verdict, Verdict::Fail | Verdict::KnownFailure);
    let is_explained = is_broken || scenario.mishap.is_some();
    if scenario.missing_facts.is_empty() || is_explained {
        return None;
    }
    let trouble = Trouble {
        who: "nobody".to_owned(),
        whose: "nobody's, as far as can be seen: what the scenario is about did not come about"
            .to_owned(),
        ..trouble(
            Verdict::CouldNotRun,
            "The scenario did not exercise its point".to_owned(),
        )
    };
    let showings = scenario.missing_facts.iter().map(|fact| Showing {
        event: None,
        with: &[],
        expected: fact,
        seen: "nothing of it in the trace".to_owned(),
    });
    let case = Case {
        showings: showings.collect(),
        ..case(scenario)
    };
    Some((trouble, case))
}

fn of_divergences(scenario: &ScenarioReport) -> Option<Found<'_>> {
    const SHOWN: usize = 8;
    let recorded = scenario.recorded.as_ref()?;
    if scenario.divergences.is_empty() {
        return None;
    }
    let trouble = Trouble {
        who: "none that is judged".to_owned(),
        whose: format!(
            "{recorded} is recorded and not judged; the system under test did something else than when it was recorded"
        ),
        ..trouble(
            Verdict::Warn,
            "A recorded system could not follow its recording".to_owned(),
        )
    };
    let shown = scenario.divergences.iter().take(SHOWN);
    let case = Case {
        showings: shown
            .map(|it| Showing {
                event: None,
                with: &[],
                expected: "the recorded course",
                seen: it.to_string(),
            })
            .collect(),
        more: scenario.divergences.len().saturating_sub(SHOWN),
        ..case(scenario)
    };
    Some((trouble, case))
}

const fn trouble<'a>(verdict: Verdict, title: String) -> Trouble<'a> {
    Trouble {
        number: 0,
        verdict,
        title,
        requirement: None,
        whose: String::new(),
        since: String::new(),
        since_when: String::new(),
        who: String::new(),
        known: None,
        is_end: false,
        tested: None,
        with: Vec::new(),
        follows: false,
        cases: Vec::new(),
    }
}

const fn case(scenario: &ScenarioReport) -> Case<'_> {
    Case {
        at: 0,
        scenario,
        showings: Vec::new(),
        more: 0,
        note: None,
        log: &[],
        since: None,
        finding: None,
    }
}

#[cfg(test)]
mod tests {
    use gp2gp_model::RequirementId;
    use gp2gp_model::report::ExpectationReport;

    use super::*;
    use crate::fixture;

    #[test]
    fn what_the_same_events_break_stands_together_and_each_names_the_others() {
        let (conforming, catalogue) = (fixture::conforming(), fixture::catalogue());
        let report = RunReport {
            scenarios: fixture::broken_together(),
            ..conforming
        };
        let all = troubles(&report, &catalogue);
        let told: Vec<_> = all
            .iter()
            .map(|it| {
                let id = it.title.split(' ').next().unwrap();
                let with: Vec<_> = it.with.iter().map(|other| other.number).collect();
                (it.number, id, it.follows, it.is_in(), with)
            })
            .collect();
        let one = || "the 1 scenario that puts it to the test".to_owned();
        let of = |broken, tested| share(broken, tested);
        assert_eq!(
            told,
            [
                (1, "RCV-64", false, of(2, 3), vec![2, 3]),
                (2, "RCV-25", true, one(), vec![1, 3]),
                (3, "RCV-36", true, of(1, 2), vec![1, 2]),
                (4, "RCV-43", false, of(1, 2), vec![]),
            ]
        );
    }

    /// Ids of those that are told together, in the order of the page.
    fn groups(report: &RunReport) -> Vec<Vec<String>> {
        let mut groups: Vec<Vec<String>> = Vec::new();
        for trouble in troubles(report, &[]) {
            let id = trouble.title.split(' ').next().unwrap_or_default();
            match groups.last_mut().filter(|_| trouble.follows) {
                Some(group) => group.push(id.to_owned()),
                None => groups.push(vec![id.to_owned()]),
            }
        }
        groups
    }

    fn undecided(of: &Finding, number: u32) -> Finding {
        Finding {
            requirement: RequirementId::parse(&format!("RCV-{number}")).unwrap(),
            verdict: Verdict::Unknown,
            violations: Vec::new(),
            breaches: 0,
            ..of.clone()
        }
    }

    #[test]
    fn what_is_undecided_where_one_thing_alone_is_broken_goes_with_it() {
        let mut report = RunReport {
            scenarios: fixture::broken_together(),
            ..fixture::conforming()
        };
        let broken = report.scenarios[1].findings[0].clone();
        // In the second scenario nothing else is broken, in the first another group is as well.
        report.scenarios[1].findings.push(undecided(&broken, 70));
        report.scenarios[0].findings.push(undecided(&broken, 71));
        assert_eq!(
            groups(&report),
            [
                vec!["RCV-64", "RCV-25", "RCV-36", "RCV-70"],
                vec!["RCV-43"],
                vec!["RCV-71"],
            ]
        );
    }

    #[test]
    fn an_end_goes_with_what_alone_is_broken_and_is_the_fault_of_the_same_system() {
        let mut report = RunReport {
            scenarios: fixture::broken_together(),
            ..fixture::conforming()
        };
        let missed = |scenario: &mut ScenarioReport| {
            scenario.expectations = vec![ExpectationReport {
                expected: "the record is filed".to_owned(),
                seen: "it is not".to_owned(),
                verdict: Verdict::Fail,
                known: None,
            }];
        };
        missed(&mut report.scenarios[1]);
        let all = troubles(&report, &[]);
        let end = all.iter().find(|it| it.is_end).unwrap();
        assert!(end.follows);
        assert_eq!((end.who.as_str(), end.number), ("sending system", 4));
        let with: Vec<&str> = end.with.iter().map(|it| it.id.trim()).collect();
        assert_eq!(with, ["RCV-64", "RCV-25", "RCV-36"]);

        // Two groups are broken in the first: nobody can say of which it comes.
        missed(&mut report.scenarios[0]);
        let all = troubles(&report, &[]);
        let end = all.iter().find(|it| it.is_end).unwrap();
        assert!(!end.follows && end.with.is_empty());

        // And where both systems broke something, nobody can say whose it is.
        report.scenarios[0].findings[0].role = Role::Requesting;
        let all = troubles(&report, &[]);
        let end = all.iter().find(|it| it.is_end).unwrap();
        assert_eq!(end.who, "one of them");
    }

    #[test]
    fn what_is_broken_most_constantly_is_told_first_of_its_group() {
        let mut report = RunReport {
            scenarios: fixture::broken_together(),
            ..fixture::conforming()
        };
        // What the first scenario shows of RCV-36 it shows of RCV-25 too, and another keeps the latter.
        let kept = Finding {
            verdict: Verdict::Pass,
            violations: Vec::new(),
            breaches: 0,
            ..report.scenarios[0].findings[0].clone()
        };
        for _ in 0..4 {
            let mut scenario = report.scenarios[2].clone();
            scenario.findings = vec![kept.clone()];
            report.scenarios.push(scenario);
        }
        assert_eq!(groups(&report)[0], ["RCV-25", "RCV-64", "RCV-36"]);
    }
}
