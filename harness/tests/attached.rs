//! The suite against its own systems in another process: what is found must be what is found in process.

#![cfg(test)]

#[path = "support/served.rs"]
mod served;
mod support;

use std::collections::BTreeMap;

use gp2gp::driver::{Sut, Transport};
use gp2gp::run::{Options, run, usual_jobs};
use gp2gp::score::Scope;
use gp2gp::sut::Attachment;
use gp2gp_model::plan::Plan;
use gp2gp_model::report::RunReport;
use gp2gp_model::verdict::Profile;

fn judge(plans: &[Plan], attached: Option<&Attachment>) -> RunReport {
    let catalogue = support::catalogue();
    let options = Options {
        catalogue: &catalogue,
        sut: Sut::Reference,
        transport: Transport::Virtual,
        attached,
        not_claimed: &[],
        profile: Profile::Strict,
        scope: Scope::Selection,
        out: None,
        left_out: &[],
        jobs: usual_jobs(),
    };
    run(plans, &options, &|_| {})
}

/// What was found in each scenario: verdicts by requirement, and what was wrong.
fn findings(report: &RunReport) -> BTreeMap<String, Vec<String>> {
    let scenarios = report.scenarios.iter();
    scenarios
        .map(|scenario| {
            let found = scenario.findings.iter();
            let mut found: Vec<String> = found
                .map(|it| format!("{} {:?}", it.requirement, it.verdict))
                .collect();
            found.push(format!("{:?}", scenario.verdict));
            found.extend(scenario.missing_facts.clone());
            found.extend(scenario.error.clone());
            found.extend(scenario.mishap.as_ref().map(ToString::to_string));
            (scenario.id.as_ref().unwrap().to_string(), found)
        })
        .collect()
}

fn differences(plans: &[Plan], attached: &Attachment) -> Vec<String> {
    let inside = findings(&judge(plans, None));
    let outside = findings(&judge(plans, Some(attached)));
    let differ = inside
        .iter()
        .filter(|(id, found)| outside.get(*id) != Some(found));
    differ
        .map(|(id, found)| {
            let other = outside.get(id).cloned().unwrap_or_default();
            let only = |these: &[String], those: &[String]| -> Vec<String> {
                let mine = these.iter().filter(|it| !those.contains(it));
                mine.cloned().collect()
            };
            format!(
                "{id}: in process {:?}, served {:?}",
                only(found, &other),
                only(&other, found)
            )
        })
        .collect()
}

#[test]
fn a_served_reference_is_found_to_be_what_it_is_in_process() {
    let logs = tempfile::tempdir().unwrap();
    let (runtime, party) = served::parts(&served::described("reference"), logs.path());
    let attached = Attachment::new(runtime, vec![party], "sut.toml".to_owned());
    let mut plans = support::plans();
    plans.retain(|plan| {
        FAMILIES
            .iter()
            .any(|family| plan.scenario.as_str().starts_with(family))
    });
    let differ = differences(&plans, &attached);
    assert!(
        differ.is_empty(),
        "{} of {} differ:\n{}",
        differ.len(),
        plans.len(),
        differ.join("\n")
    );
}

/// Of everything something: days of silence, crashes, a full disk, an export, a federation, both versions of
/// a directory. The whole suite is run with a served system by `cargo xtask ci`.
const FAMILIES: [&str; 7] = [
    "named",
    "crash",
    "outage",
    "people",
    "federation",
    "registration",
    "export/crash",
];
