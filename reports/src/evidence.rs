//! What hangs together: several requirements that one thing breaks, and how often each is broken where it is put to
//! the test. One defect breaks a dozen requirements; the one that it breaks everywhere says most of it.

use std::cmp::Reverse;

use gp2gp_model::plural::count;
use gp2gp_model::report::ScenarioReport;
use gp2gp_model::verdict::{Finding, Verdict, Violation};

/// A finding where it was found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) scenario: &'a ScenarioReport,
    pub(crate) finding: &'a Finding,
}

/// Something that is not well, as far as it says what it hangs together with.
#[derive(Debug)]
pub(crate) struct Ill<'a> {
    /// Empty if it is no finding.
    pub(crate) found: Vec<Found<'a>>,
    /// Where it is.
    pub(crate) scenarios: Vec<&'a ScenarioReport>,
    /// Nothing in a trace shows it, and what is broken in its scenarios may explain it: an end, or what is undecided.
    pub(crate) may_follow: bool,
}

/// What hangs together, by place in the list: whatever the same events show, what is broken where that is and nowhere
/// kept first (Ochiai's coefficient, squared), then what is only in scenarios that this and no other explains. What
/// neither shows an event nor may follow stands alone.
pub(crate) fn together(all: &[Ill<'_>], scenarios: &[ScenarioReport]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let (followers, mut shown): (Vec<_>, Vec<_>) =
        all.iter().enumerate().partition(|(_, it)| it.may_follow);
    // What is found in most scenarios may have others with it, whichever of them is the gravest.
    shown.sort_by_key(|(_, it)| Reverse(it.found.len()));
    for (at, ill) in shown {
        let leads = |group: &&mut Vec<usize>| {
            let leader = group.first().and_then(|leader| all.get(*leader));
            leader.is_some_and(|leader| is_shown_by(&ill.found, &leader.found))
        };
        match groups.iter_mut().find(leads) {
            Some(group) => group.push(at),
            None => groups.push(vec![at]),
        }
    }
    let likeness = |at: &usize| {
        let found = all.get(*at).map_or(&[][..], |it| it.found.as_slice());
        let tested = found.first().map_or(0, |it| tested(scenarios, it.finding));
        1_000 * found.len() * found.len() / tested.max(1)
    };
    for group in &mut groups {
        group.sort_by_cached_key(|at| Reverse(likeness(at)));
    }
    let mut alone: Vec<Vec<usize>> = Vec::new();
    for (at, ill) in followers {
        let explains = |group: &&mut Vec<usize>| {
            group.iter().any(|it| {
                all.get(*it)
                    .is_some_and(|it| is_broken_in(it, &ill.scenarios))
            })
        };
        let mut explaining = groups.iter_mut().filter(explains);
        match (explaining.next(), explaining.next()) {
            (Some(only), None) if ill.scenarios.iter().all(|it| is_explained(only, all, it)) => {
                only.push(at);
            }
            _ => alone.push(vec![at]),
        }
    }
    groups.append(&mut alone);
    // In the order in which they were given, which is by gravity.
    groups.sort_by_key(|group| group.iter().min().copied());
    groups
}

/// Whether a breach was found in one of them.
fn is_broken_in(ill: &Ill<'_>, scenarios: &[&ScenarioReport]) -> bool {
    let mut broken = ill
        .found
        .iter()
        .filter(|it| !it.finding.violations.is_empty());
    broken.any(|it| scenarios.iter().any(|other| other.id == it.scenario.id))
}

fn is_explained(group: &[usize], all: &[Ill<'_>], scenario: &ScenarioReport) -> bool {
    let mut group = group.iter().filter_map(|at| all.get(*at));
    group.any(|it| is_broken_in(it, &[scenario]))
}

/// `40 of the 42 scenarios that put it to the test`. Where it is in doubt, more may show it than decide it.
pub(crate) fn share(shown: usize, tested: usize) -> String {
    match (shown, tested) {
        (shown, tested) if tested < shown => count(shown, "scenario"),
        (_, 1) => "the 1 scenario that puts it to the test".to_owned(),
        (shown, tested) if tested == shown => {
            format!("all {tested} scenarios that put it to the test")
        }
        (shown, tested) => format!("{shown} of the {tested} scenarios that put it to the test"),
    }
}

/// Whether a finding is something to look at. A gap is explained by the breach that made it.
pub(crate) fn is_told(finding: &Finding, scenario: &ScenarioReport) -> bool {
    match finding.verdict {
        Verdict::Pass | Verdict::NotApplicable => false,
        Verdict::CouldNotRun => {
            let is_explained = matches!(scenario.verdict, Verdict::Fail | Verdict::KnownFailure);
            scenario.id.is_some() && !is_explained
        }
        Verdict::Fail
        | Verdict::Warn
        | Verdict::Unknown
        | Verdict::KnownFailure
        | Verdict::UnexpectedPass
        | Verdict::Flaky
        | Verdict::HarnessError => true,
    }
}

/// Whether wherever the one was found the other was found too, at an event that shows both: one conduct, or two at
/// the same message.
fn is_shown_by(these: &[Found<'_>], those: &[Found<'_>]) -> bool {
    let is_in_those = |one: &Found<'_>| {
        let there = those.iter().find(|it| it.scenario.id == one.scenario.id);
        there.is_some_and(|it| meet(one.finding, it.finding))
    };
    !these.is_empty() && these.iter().all(is_in_those)
}

fn meet(one: &Finding, other: &Finding) -> bool {
    let meets = |violation: &Violation| {
        other.violations.iter().any(|it| match violation.event {
            Some(_) => it.event == violation.event,
            None => it.event.is_none() && it.seen == violation.seen,
        })
    };
    one.role == other.role && one.violations.iter().any(meets)
}

/// What shows the one and is not told with the other.
pub(crate) fn untold<'a>(one: &'a Finding, other: &Finding) -> Option<&'a Violation> {
    let is_told = |seen: &str| other.violations.iter().any(|it| it.seen == seen);
    one.violations.iter().find(|it| !is_told(&it.seen))
}

/// In how many of these scenarios a requirement was put to the test and decided.
pub(crate) fn tested(scenarios: &[ScenarioReport], wanted: &Finding) -> usize {
    let is_tested = |finding: &Finding| {
        let is_it = (&finding.requirement, finding.role) == (&wanted.requirement, wanted.role);
        let is_decided = match finding.verdict {
            Verdict::Pass
            | Verdict::Fail
            | Verdict::Warn
            | Verdict::UnexpectedPass
            | Verdict::KnownFailure
            | Verdict::Flaky => true,
            Verdict::NotApplicable
            | Verdict::CouldNotRun
            | Verdict::Unknown
            | Verdict::HarnessError => false,
        };
        is_it && is_decided
    };
    let scenarios = scenarios.iter();
    scenarios
        .filter(|it| it.findings.iter().any(is_tested))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_often_is_said_of_what_was_decided_only() {
        let of = |shown, tested| share(shown, tested);
        assert_eq!(of(40, 42), "40 of the 42 scenarios that put it to the test");
        assert_eq!(of(3, 3), "all 3 scenarios that put it to the test");
        assert_eq!(of(1, 1), "the 1 scenario that puts it to the test");
        assert_eq!(of(1, 0), "1 scenario", "in doubt");
        assert_eq!(of(2, 1), "2 scenarios", "in doubt in one of them");
    }
}
