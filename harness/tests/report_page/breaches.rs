//! What is shown of a breach: the messages that its words name are among what led to it, and everything that it names
//! is there to be shown.

use std::collections::BTreeSet;
use std::sync::Mutex;

use gp2gp::check::View;
use gp2gp::conversations;
use gp2gp::driver::Sut;
use gp2gp::judge::{Question, Required};
use gp2gp_mocks::Defect;
use gp2gp_model::plan::Plan;
use gp2gp_model::report::conversation::{Depth, Happening, ScenarioMaterial, Step};
use gp2gp_model::verdict::{Finding, Profile, Verdict, Violation};

use crate::support;

/// A scenario with a broken system: what is shown of it, and what is found.
fn judged(plan: &Plan, defects: &[&str]) -> (ScenarioMaterial, Vec<Finding>) {
    let defect = |name: &&str| Defect::from_name(name).expect("a defect");
    let taken = support::run(plan, &Sut::Broken(defects.iter().map(defect).collect()));
    let question = Question {
        catalogue: &support::catalogue(),
        roles: &plan.judges,
        profile: Profile::Strict,
        required: Required::Named(plan),
    };
    let findings = question.ask(&View::new(&taken.trace, &taken.bodies));
    let material = conversations::material(&taken.trace, &taken.bodies, Depth::Brief);
    (material, findings)
}

/// A breach, and the steps that are shown of it: `event: who, what`, those first that it names.
fn shown(defect: &str, scenario: &str, requirement: &str) -> (Violation, Vec<String>) {
    let (material, findings) = judged(&support::plan(scenario), &[defect]);
    let is_it = |finding: &&Finding| {
        finding.verdict == Verdict::Fail && finding.requirement.as_str() == requirement
    };
    let broken = findings.iter().find(is_it).expect("it is broken");
    let violation = broken.violations.first().expect("it says how").clone();
    let events: Vec<u64> = violation
        .event
        .iter()
        .chain(&violation.with)
        .copied()
        .collect();
    let led_to = material.led_to(&events);
    let named = led_to
        .iter()
        .filter(|step| events.iter().any(|event| step.holds(*event)));
    (violation, named.map(|step| told(step)).collect())
}

fn told(step: &Step) -> String {
    match &step.what {
        Happening::Message(message) => {
            let says = message
                .says
                .split(['.', ';', '('])
                .next()
                .unwrap_or_default();
            format!("{} to {}: {says}", message.from, message.to)
        }
        Happening::Calls { from, to, .. } => format!("{from} calls {to}"),
        Happening::At { text, .. } => text.clone(),
    }
}

#[test]
fn a_late_acknowledgement_that_revives_a_transfer_is_shown_with_the_refusal_that_ended_it() {
    let (violation, shown) = shown("late-ack-revives", "acks/request-contradicted", "RCV-54");
    assert!(violation.with.len() > 1, "{violation:?}");
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn a_document_that_is_put_together_wrong_is_shown_with_its_pieces() {
    let (_, shown) = shown("chunks-reversed", "order/pieces-swapped", "RCV-25");
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn a_document_that_is_not_found_is_shown_with_the_extract_that_brought_it() {
    let (_, shown) = shown(
        "underscore-matters",
        "transfer/inline-attachments",
        "RCV-30",
    );
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn a_document_that_is_deleted_too_early_is_shown_with_the_extract_and_its_acknowledgement() {
    let (_, shown) = shown(
        "deletes-too-early",
        "named/deletes-fail-after-a-transfer",
        "SND-76",
    );
    insta::assert_snapshot!(shown.join("\n"));
}

/// A few defects at once, in every role that is judged.
const DEFECTS: [&str; 6] = [
    "serves-twice",
    "continue-twice",
    "chunks-reversed",
    "late-ack-revives",
    "deletes-too-early",
    "no-final-ack",
];

/// Whatever breaks, wherever: a slice can be made of it.
#[test]
fn every_event_that_a_breach_names_is_there_to_be_shown() {
    let plans = support::plans();
    let next = Mutex::new(plans.iter());
    let lacking: Mutex<BTreeSet<String>> = Mutex::default();
    let breaches = Mutex::new(0_usize);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let Some(plan) = next.lock().unwrap().next() else {
                        return;
                    };
                    let (material, findings) = judged(plan, &DEFECTS);
                    for (finding, violation) in (findings.iter())
                        .flat_map(|it| it.violations.iter().map(move |violation| (it, violation)))
                    {
                        *breaches.lock().unwrap() += 1;
                        let events = violation.event.iter().chain(&violation.with);
                        let gone: Vec<u64> = events
                            .filter(|event| material.step_of(**event).is_none())
                            .copied()
                            .collect();
                        if !gone.is_empty() {
                            lacking.lock().unwrap().insert(format!(
                                "{} {}: {gone:?} of {violation:?}",
                                plan.scenario, finding.requirement
                            ));
                        }
                    }
                }
            });
        }
    });
    assert!(*breaches.lock().unwrap() > 200);
    let lacking = lacking.into_inner().unwrap();
    assert!(
        lacking.is_empty(),
        "{}",
        lacking.into_iter().collect::<Vec<_>>().join("\n")
    );
}
