//! What two runs of the same plans found, scenario by scenario.

use std::collections::{BTreeMap, BTreeSet};

use gp2gp_model::report::RunReport;

/// Where findings differ: what only the one found, and what only the other.
pub(crate) fn differences(one: &RunReport, other: &RunReport) -> Vec<String> {
    let (one, other) = (findings(one), findings(other));
    let none = BTreeSet::new();
    let differ = one.iter().filter_map(|(id, found)| {
        let instead = other.get(id).unwrap_or(&none);
        let only: Vec<_> = found.difference(instead).collect();
        let new: Vec<_> = instead.difference(found).collect();
        (found != instead).then(|| format!("{id}: in process {only:?}, attached {new:?}"))
    });
    differ.collect()
}

/// Verdicts by requirement, and what was wrong.
fn findings(report: &RunReport) -> BTreeMap<String, BTreeSet<String>> {
    let scenarios = report.scenarios.iter();
    scenarios
        .map(|scenario| {
            let found = scenario.findings.iter();
            let mut found: BTreeSet<String> = found
                .map(|it| format!("{} {:?}", it.requirement, it.verdict))
                .collect();
            found.insert(format!("{:?}", scenario.verdict));
            found.extend(scenario.missing_facts.clone());
            found.extend(scenario.error.clone());
            found.extend(scenario.mishap.as_ref().map(ToString::to_string));
            let id = scenario.id.as_ref().expect("it is a scenario");
            (id.to_string(), found)
        })
        .collect()
}
