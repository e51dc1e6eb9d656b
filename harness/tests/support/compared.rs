//! What two runs of the same plans found, scenario by scenario.

use std::collections::{BTreeMap, BTreeSet};

use gp2gp_model::RequirementId;
use gp2gp_model::plan::Plan;
use gp2gp_model::report::{RunReport, ScenarioReport};
use gp2gp_model::verdict::{Finding, Verdict};

/// Where findings differ: what only the one found, and what only the other.
pub(crate) fn differences(one: &RunReport, other: &RunReport) -> Vec<String> {
    let other: BTreeMap<String, &ScenarioReport> = by_id(other).collect();
    let differ = by_id(one).filter_map(|(id, one)| {
        let found = findings(one, |_| true);
        let instead = other.get(&id).map(|it| findings(it, |_| true));
        told(&id, &found, &instead.unwrap_or_default())
    });
    differ.collect()
}

/// Where findings differ, in scenarios and requirements that apply to the attached system. What no plan asks
/// for, and is kept where it happens to be exercised, does not count: it depends on which of two messages
/// under way at the same time comes first.
pub(crate) fn contradictions(
    plans: &[Plan],
    inside: &RunReport,
    attached: &RunReport,
) -> Vec<String> {
    let excused = attached.excused.iter().map(|excuse| &excuse.requirement);
    let excused: BTreeSet<&RequirementId> = excused.collect();
    let attached: BTreeMap<String, &ScenarioReport> = by_id(attached).collect();
    let differ = by_id(inside).filter_map(|(id, inside)| {
        let attached = attached.get(&id)?;
        let plan = plans.iter().find(|plan| plan.scenario.as_str() == id)?;
        if attached.verdict == Verdict::NotApplicable {
            return None;
        }
        let counts = |finding: &Finding| {
            !excused.contains(&finding.requirement)
                && (finding.verdict != Verdict::Pass
                    || plan.requirements.contains(&finding.requirement))
        };
        told(&id, &findings(inside, counts), &findings(attached, counts))
    });
    differ.collect()
}

fn by_id(report: &RunReport) -> impl Iterator<Item = (String, &ScenarioReport)> {
    report.scenarios.iter().map(|scenario| {
        let id = scenario.id.as_ref().expect("it is a scenario");
        (id.to_string(), scenario)
    })
}

/// Verdicts by requirement, and what was wrong.
fn findings(scenario: &ScenarioReport, counts: impl Fn(&Finding) -> bool) -> BTreeSet<String> {
    let found = scenario.findings.iter().filter(|finding| counts(finding));
    let mut found: BTreeSet<String> = found
        .map(|it| format!("{} {:?}", it.requirement, it.verdict))
        .collect();
    found.insert(format!("{:?}", scenario.verdict));
    found.extend(scenario.missing_facts.clone());
    found.extend(scenario.error.clone());
    found.extend(scenario.mishap.as_ref().map(ToString::to_string));
    let ended = scenario.expectations.iter();
    found.extend(ended.map(|it| format!("{}: {:?}", it.expected, it.verdict)));
    found
}

fn told(id: &str, found: &BTreeSet<String>, instead: &BTreeSet<String>) -> Option<String> {
    let only: Vec<_> = found.difference(instead).collect();
    let new: Vec<_> = instead.difference(found).collect();
    (found != instead).then(|| format!("{id}: in process {only:?}, attached {new:?}"))
}
