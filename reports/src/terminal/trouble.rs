//! What is not well, each thing once: in full where it is easiest to read, then where else it is. Somebody reads this
//! at the end of a log, so four thousand lines of forty times the same would hide the second thing.

use std::cmp::Reverse;
use std::fmt::Write as _;

use gp2gp_model::plural::count;
use gp2gp_model::replay::RecordedSystem;
use gp2gp_model::report::{ExpectationReport, Mishap, RunName, ScenarioReport, find};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::verdict::{Finding, Verdict};

use super::{field, id};
use crate::evidence::{Found, Ill, is_told, share, tested, together, untold};
use crate::problem::{Gravity, gravity};
use crate::style::{BOLD, DIM, of, paint};
use crate::text::wrap;

/// Divergences of a scenario that are read at once.
const DIVERGENCES_SHOWN: usize = 8;

/// Other scenarios that are named.
const OTHERS_NAMED: usize = 6;

/// Everything that is not well, the gravest first, with what a person needs to act on it.
pub(super) fn troubles(scenarios: &[ScenarioReport], catalogue: &[Requirement]) -> String {
    let mut all = told_apart(scenarios);
    all.sort_by_key(|trouble| {
        let what = &trouble.easiest().what;
        let is_consequence = matches!(what, What::Ended(..));
        (
            what.gravity(catalogue),
            is_consequence,
            Reverse(trouble.cases.len()),
        )
    });
    let ills: Vec<_> = all.iter().map(Trouble::ill).collect();
    let mut text = String::new();
    for group in together(&ills, scenarios) {
        let mut group = group.iter().filter_map(|at| all.get(*at));
        if let Some(leader) = group.next() {
            text.push_str(&leader.told(&group.collect::<Vec<_>>(), scenarios, catalogue));
        }
    }
    text
}

/// The same thing in several scenarios is one trouble.
fn told_apart(scenarios: &[ScenarioReport]) -> Vec<Trouble<'_>> {
    let mut all: Vec<Trouble<'_>> = Vec::new();
    for scenario in scenarios {
        for what in of_scenario(scenario) {
            let case = Case { what, scenario };
            match all
                .iter_mut()
                .find(|it| it.easiest().what.is_same(&case.what))
            {
                Some(known) => known.cases.push(case),
                None => all.push(Trouble { cases: vec![case] }),
            }
        }
    }
    for trouble in &mut all {
        trouble.cases.sort_by_key(Case::effort);
    }
    all
}

/// Something that is not well.
struct Trouble<'a> {
    /// At least one, the easiest to read first.
    cases: Vec<Case<'a>>,
}

/// It in one scenario.
struct Case<'a> {
    what: What<'a>,
    scenario: &'a ScenarioReport,
}

enum What<'a> {
    /// The harness could not judge.
    Error(&'a str),
    /// The system was not as a system has to be.
    Mishap(&'a Mishap),
    /// The scenario did not come to its point.
    Pointless,
    /// A recorded system could not follow its recording.
    Diverged(&'a RecordedSystem),
    /// It ended otherwise than it should.
    Ended(Verdict, Vec<&'a ExpectationReport>),
    /// A requirement.
    Finding(&'a Finding),
}

fn of_scenario(scenario: &ScenarioReport) -> Vec<What<'_>> {
    let mut all: Vec<What<'_>> = Vec::new();
    all.extend(scenario.error.as_deref().map(What::Error));
    all.extend(scenario.mishap.as_ref().map(What::Mishap));
    let is_broken = matches!(scenario.verdict, Verdict::Fail | Verdict::KnownFailure);
    let came_to_its_point = scenario.missing_facts.is_empty();
    if !came_to_its_point && !is_broken && scenario.mishap.is_none() {
        all.push(What::Pointless);
    }
    if !scenario.divergences.is_empty() {
        all.extend(scenario.recorded.as_ref().map(What::Diverged));
    }
    for verdict in [Verdict::Fail, Verdict::CouldNotRun, Verdict::UnexpectedPass] {
        let its = scenario.expectations.iter();
        let its: Vec<_> = its.filter(|it| it.verdict == verdict).collect();
        if came_to_its_point && !its.is_empty() {
            all.push(What::Ended(verdict, its));
        }
    }
    let findings = scenario.findings.iter();
    all.extend(findings.filter(|it| shown(it, scenario)).map(What::Finding));
    all
}

/// What is known and borne is told by the baseline.
fn shown(finding: &Finding, scenario: &ScenarioReport) -> bool {
    let is_borne = match finding.verdict {
        Verdict::KnownFailure => true,
        Verdict::CouldNotRun | Verdict::Unknown => finding.known.is_some(),
        Verdict::Pass
        | Verdict::NotApplicable
        | Verdict::Fail
        | Verdict::Warn
        | Verdict::UnexpectedPass
        | Verdict::Flaky
        | Verdict::HarnessError => false,
    };
    !is_borne && is_told(finding, scenario)
}

impl<'a> What<'a> {
    /// The same thing in another scenario.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Error(one), Self::Error(two)) => one == two,
            (Self::Mishap(one), Self::Mishap(two)) => {
                (one.kind, &one.system) == (two.kind, &two.system)
            }
            (Self::Ended(one, _), Self::Ended(two, _)) => one == two,
            (Self::Finding(one), Self::Finding(two)) => {
                (&one.requirement, one.role, one.verdict)
                    == (&two.requirement, two.role, two.verdict)
            }
            // What a scenario lacks, and where a recording ends, is its own.
            (Self::Pointless, Self::Pointless) | (Self::Diverged(_), Self::Diverged(_)) => false,
            (
                Self::Error(_)
                | Self::Mishap(_)
                | Self::Pointless
                | Self::Diverged(_)
                | Self::Ended(..)
                | Self::Finding(_),
                _,
            ) => false,
        }
    }

    fn gravity(&self, catalogue: &[Requirement]) -> Gravity {
        match self {
            Self::Error(_) | Self::Mishap(_) => Gravity::Unfit,
            Self::Pointless | Self::Diverged(_) => Gravity::Open,
            Self::Ended(verdict, _) => gravity(*verdict, false),
            Self::Finding(finding) => {
                let requirement = find(catalogue, &finding.requirement);
                gravity(finding.verdict, requirement.is_some_and(|it| it.safety))
            }
        }
    }

    /// Breaches without an event are harder to follow.
    fn shows_an_event(&self) -> bool {
        match self {
            Self::Finding(finding) => finding.violations.iter().any(|it| it.event.is_some()),
            Self::Error(_)
            | Self::Mishap(_)
            | Self::Pointless
            | Self::Diverged(_)
            | Self::Ended(..) => true,
        }
    }
}

impl<'a> Trouble<'a> {
    fn easiest(&self) -> &Case<'a> {
        &self.cases[0]
    }

    fn ill(&self) -> Ill<'a> {
        Ill {
            found: self.found(),
            scenarios: self.cases.iter().map(|it| it.scenario).collect(),
            may_follow: match self.easiest().what {
                What::Ended(verdict, _) => verdict == Verdict::Fail,
                What::Finding(finding) => finding.verdict == Verdict::Unknown,
                What::Error(_) | What::Mishap(_) | What::Pointless | What::Diverged(_) => false,
            },
        }
    }

    /// Empty unless it is about a requirement.
    fn found(&self) -> Vec<Found<'a>> {
        let found = |case: &Case<'a>| match case.what {
            What::Finding(finding) => Some(Found {
                scenario: case.scenario,
                finding,
            }),
            What::Error(_)
            | What::Mishap(_)
            | What::Pointless
            | What::Diverged(_)
            | What::Ended(..) => None,
        };
        self.cases.iter().filter_map(found).collect()
    }

    /// With others that are shown by the same.
    fn told(
        &self,
        others: &[&Self],
        scenarios: &[ScenarioReport],
        catalogue: &[Requirement],
    ) -> String {
        let easiest = self.easiest();
        let mut text = easiest.told(catalogue);
        text.push_str(&self.how_often(scenarios));
        text.push_str(&also_broken(self, others, scenarios, catalogue));
        text.push_str(&field("reproduce", &easiest.scenario.reproduce));
        text.push('\n');
        text
    }

    fn how_often(&self, scenarios: &[ScenarioReport]) -> String {
        let others = &self.cases[1..];
        let names = others
            .iter()
            .take(OTHERS_NAMED)
            .map(|it| id(it.scenario).to_owned());
        let mut names: Vec<String> = names.collect();
        let more = others.len().saturating_sub(OTHERS_NAMED);
        if more > 0 {
            names.push(format!("and {more} more"));
        }
        let often = match self.easiest().what {
            What::Finding(finding) => share(self.cases.len(), tested(scenarios, finding)),
            What::Error(_)
            | What::Mishap(_)
            | What::Pointless
            | What::Diverged(_)
            | What::Ended(..) => count(self.cases.len(), "scenario"),
        };
        match (others.is_empty(), scenarios.len()) {
            (true, 1) => String::new(),
            (true, _) => field("in", &often),
            (false, _) => paragraph("in", &format!("{often}; also {}", names.join(", "))),
        }
    }
}

/// The same events break these as well.
fn also_broken(
    leader: &Trouble<'_>,
    others: &[&Trouble<'_>],
    scenarios: &[ScenarioReport],
    catalogue: &[Requirement],
) -> String {
    let led = leader.found();
    let mut text = String::new();
    for other in others {
        let found = other.found();
        let Some(Found { scenario, finding }) = found.first().copied() else {
            text.push_str(&ended_with_it(other));
            continue;
        };
        let often = share(found.len(), tested(scenarios, finding));
        let id = match finding.verdict == Verdict::Fail {
            true => finding.requirement.to_string(),
            false => format!("{} ({})", finding.requirement, finding.verdict.name()),
        };
        text.push_str(&field("with it", &format!("{id}, in {often}")));
        if let Some(requirement) = find(catalogue, &finding.requirement) {
            let Requirement {
                wording, clause, ..
            } = requirement;
            text.push_str(&paragraph(
                "",
                &format!("{wording} ({})", clause.join(", ")),
            ));
        }
        let beside = led.iter().find(|it| it.scenario.id == scenario.id);
        let untold = beside.and_then(|it| untold(finding, it.finding));
        if let Some(violation) = untold {
            text.push_str(&paragraph(
                "",
                &format!("expected {}; seen {}", violation.expected, violation.seen),
            ));
        }
    }
    text
}

/// The run that ended otherwise because of it.
fn ended_with_it(other: &Trouble<'_>) -> String {
    let easiest = other.easiest();
    let What::Ended(verdict, expectations) = &easiest.what else {
        return String::new();
    };
    let often = count(other.cases.len(), "scenario");
    let mut text = paragraph("with it", &format!("{}, in {often}", ending(*verdict)));
    if let Some(first) = expectations.first() {
        let (expected, seen) = (&first.expected, &first.seen);
        text.push_str(&paragraph("", &format!("expected {expected}; seen {seen}")));
    }
    text
}

/// How a run ended, in words.
const fn ending(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::CouldNotRun => "nobody says how the run ended",
        Verdict::UnexpectedPass => {
            "the run ended as it does between good systems, and the baseline says it does not"
        }
        Verdict::Fail
        | Verdict::Pass
        | Verdict::Warn
        | Verdict::NotApplicable
        | Verdict::Unknown
        | Verdict::Flaky
        | Verdict::KnownFailure
        | Verdict::HarnessError => "the run did not end as it does between good systems",
    }
}

impl Case<'_> {
    /// A short conversation is easier to read, and a breach with an event easier to find.
    fn effort(&self) -> (bool, usize) {
        (!self.what.shows_an_event(), self.scenario.messages)
    }

    fn told(&self, catalogue: &[Requirement]) -> String {
        match &self.what {
            What::Error(error) => self.head(
                "could not judge",
                Verdict::HarnessError,
                wrap(error, MARGIN).trim(),
            ),
            What::Mishap(mishap) => self.mishap(mishap),
            What::Pointless => self.pointless(),
            What::Diverged(recorded) => self.diverged(recorded),
            What::Ended(verdict, expectations) => self.ended(*verdict, expectations),
            What::Finding(finding) => self.finding(finding, catalogue),
        }
    }

    fn head(&self, tag: &str, verdict: Verdict, what: &str) -> String {
        let id = match &self.scenario.id {
            Some(id) => id.as_str(),
            None => "the recording",
        };
        format!("{} in {id}: {what}\n", paint(of(verdict), tag))
    }

    fn mishap(&self, mishap: &Mishap) -> String {
        let what = format!("the system under test {}", mishap.kind.words());
        let mut text = self.head("unknown", Verdict::Unknown, &what);
        text.push_str(&paragraph("system", &mishap.system));
        text.push_str(&paragraph("seen", &mishap.what));
        for line in &mishap.log {
            text.push_str(&paragraph("log", line));
        }
        text
    }

    fn pointless(&self) -> String {
        let what = "the scenario did not exercise its point";
        let mut text = self.head("could_not_run", Verdict::CouldNotRun, what);
        for fact in &self.scenario.missing_facts {
            text.push_str(&paragraph("missing", fact));
        }
        text
    }

    /// Where a recorded system and its recording part.
    fn diverged(&self, recorded: &RecordedSystem) -> String {
        let mut text = format!(
            "{} in {}: {recorded} could not follow its recording\n",
            paint(of(Verdict::Warn), "diverged"),
            id(self.scenario)
        );
        let divergences = &self.scenario.divergences;
        for divergence in divergences.iter().take(DIVERGENCES_SHOWN) {
            text.push_str(&paragraph("parted", &divergence.to_string()));
        }
        let more = divergences.len().saturating_sub(DIVERGENCES_SHOWN);
        if more > 0 {
            text.push_str(&field("more", &format!("{more}, in the JSON report")));
        }
        text
    }

    /// What the scenario itself expects of good systems and did not find, or could not look for.
    fn ended(&self, verdict: Verdict, expectations: &[&ExpectationReport]) -> String {
        let mut text = self.head(verdict.name(), verdict, ending(verdict));
        for expectation in expectations {
            text.push_str(&paragraph("expected", &expectation.expected));
            text.push_str(&paragraph("seen", &expectation.seen));
        }
        text.push_str(&since(self.scenario.ended_since.as_ref()));
        text
    }

    fn finding(&self, finding: &Finding, catalogue: &[Requirement]) -> String {
        let id = match &self.scenario.id {
            Some(id) => id.as_str(),
            None => "the recording",
        };
        let mut text = String::new();
        let _ = writeln!(
            text,
            "{} {} in {id}  {}",
            paint(of(finding.verdict), finding.verdict.name()),
            paint(BOLD, &finding.requirement),
            paint(
                DIM,
                format!("{} for the {} system", finding.level, finding.role)
            ),
        );
        if let Some(requirement) = find(catalogue, &finding.requirement) {
            text.push_str(&wrap(&requirement.wording, "  "));
            text.push_str(&paragraph("why", &requirement.rationale));
            text.push_str(&field("clause", &requirement.clause.join(", ")));
        }
        for violation in &finding.violations {
            text.push_str(&paragraph("expected", &violation.expected));
            let event = violation.event.map_or_else(String::new, |event| {
                paint(DIM, format!("  (event {event} of the trace)"))
            });
            let seen = wrap(&violation.seen, MARGIN);
            text.push_str(&field("seen", &format!("{}{event}", seen.trim())));
        }
        let more = finding.breaches.saturating_sub(finding.violations.len());
        if more > 0 {
            text.push_str(&field("", &format!("and {more} more like these")));
        }
        if let Some(note) = &finding.note {
            text.push_str(&paragraph("note", note));
        }
        text.push_str(&since(finding.since.as_ref()));
        text
    }
}

/// Below the words of a field.
const MARGIN: &str = "              ";

fn paragraph(name: &str, text: &str) -> String {
    field(name, wrap(text, MARGIN).trim())
}

/// Since which run it is like this, where an earlier one was given.
fn since(run: Option<&RunName>) -> String {
    run.map_or_else(String::new, |run| field("since", &run.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn told(scenarios: &[ScenarioReport]) -> String {
        anstream::adapter::strip_str(&troubles(scenarios, &fixture::catalogue())).to_string()
    }

    #[test]
    fn each_thing_is_told_once_the_gravest_first() {
        insta::assert_snapshot!(told(&fixture::report().scenarios));
    }

    #[test]
    fn what_is_broken_in_many_scenarios_is_told_where_it_is_easiest_to_read() {
        let report = fixture::report();
        let broken = |scenario: &ScenarioReport| {
            let mut findings = scenario.findings.iter();
            findings.any(|it| it.requirement.as_str() == "SND-02" && it.verdict == Verdict::Fail)
        };
        let one = report.scenarios.iter().find(|it| broken(it)).unwrap();
        let many: Vec<ScenarioReport> = (1..=9)
            .map(|number| ScenarioReport {
                id: Some(format!("family/number-{number}").parse().unwrap()),
                messages: 100 - number,
                reproduce: format!("gp2gp run family/number-{number}"),
                findings: (one.findings.iter())
                    .filter(|it| it.requirement.as_str() == "SND-02")
                    .cloned()
                    .collect(),
                ..one.clone()
            })
            .collect();
        let text = told(&many);
        let about = text
            .split("\n\n")
            .find(|it| it.contains("fail SND-02 in"))
            .unwrap();
        assert!(
            about.starts_with("fail SND-02 in family/number-9 "),
            "{about}"
        );
        let others = (3..=8)
            .rev()
            .map(|number| format!("family/number-{number}"));
        let others = others.collect::<Vec<_>>().join(", ");
        let often = "in all 9 scenarios that put it to the test; also";
        let said = about.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            said.contains(&format!("{often} {others}, and 2 more")),
            "{about}"
        );
        assert!(about.ends_with("gp2gp run family/number-9"), "{about}");
        assert_eq!(text.matches("SND-02 in").count(), 1);
    }

    #[test]
    fn what_the_same_events_break_is_told_together_with_how_often_it_breaks_where_it_is_tested() {
        let text = told(&fixture::broken_together());
        let blocks: Vec<&str> = text.trim_end().split("\n\n").collect();
        assert_eq!(blocks.len(), 2, "{text}");
        assert!(
            blocks[0].starts_with("fail RCV-64 in transfer/chunks"),
            "{text}"
        );
        let together = "  in          2 of the 3 scenarios that put it to the test; also transfer/small\n  \
                        with it     RCV-25, in the 1 scenario that puts it to the test\n  \
                        with it     RCV-36, in 1 of the 2 scenarios that put it to the test\n              \
                        expected all well; seen 0 of them\n";
        assert!(blocks[0].contains(together), "{text}");
        assert!(
            blocks[1].starts_with("fail RCV-43 in transfer/chunks"),
            "another event: {text}"
        );
    }

    #[test]
    fn what_a_scenario_lacks_is_its_own() {
        let report = fixture::report();
        let lacks = |it: &&ScenarioReport| it.verdict == Verdict::CouldNotRun;
        let one = report.scenarios.iter().find(lacks).unwrap();
        let text = told(&[one.clone(), one.clone()]);
        assert_eq!(text.matches("did not exercise its point").count(), 2);
    }
}
