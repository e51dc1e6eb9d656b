//! What goes on paper, over every built-in scenario: one print state for each patient who moved, the
//! one that the reference tells of itself and that the scenario expects.

#![cfg(test)]

mod support;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use gp2gp::bodies::BodyStore;
use gp2gp::check::{View, paper};
use gp2gp::driver::{self, Sut, Transport};
use gp2gp::run::usual_jobs;
use gp2gp_model::expectation::Expectation;
use gp2gp_model::paper::{Paper, PrintState};
use gp2gp_model::plan::Plan;
use gp2gp_model::trace::{Endpoint, Observation};

#[test]
fn every_scenario_ends_in_one_print_state_for_each_patient_who_moved() {
    let plans = support::plans();
    let per_job = plans.len().div_ceil(NonZeroUsize::get(usual_jobs()));
    let troubles: Vec<String> = std::thread::scope(|scope| {
        let jobs: Vec<_> = plans
            .chunks(per_job)
            .map(|plans| scope.spawn(|| plans.iter().flat_map(troubles).collect::<Vec<_>>()))
            .collect();
        let done = jobs.into_iter().map(|job| job.join().expect("it judges"));
        done.flatten().collect()
    });
    assert!(troubles.is_empty(), "{}", troubles.join("\n"));
}

fn troubles(plan: &Plan) -> Vec<String> {
    let (trace, bodies) = driver::run(
        plan,
        &Sut::Reference,
        Transport::Virtual,
        BodyStore::temporary(),
    )
    .expect("it runs");
    let view = View::new(&trace, &bodies);
    let papers = paper::papers(&view);
    let mut troubles = Vec::new();
    let mut trouble = |what: String| troubles.push(format!("{}: {what}", plan.scenario));
    let patients: BTreeSet<_> = papers.iter().map(|paper| paper.patient).collect();
    if patients.len() != papers.len() {
        trouble("a patient has two rows".to_owned());
    }
    for paper in &papers {
        let said = told(&view, paper);
        if let [said] = said.as_slice()
            && paper.state.map(PrintState::number) != Some(*said)
        {
            trouble(format!("the reference says {said}, the wire {paper:?}"));
        }
        if paper.pages > 0 && !paper.is_paper() {
            trouble(format!("pages without paper: {paper:?}"));
        }
    }
    for expected in &plan.expects {
        let Expectation::PrintState(expected) = expected else {
            continue;
        };
        let mut papers = papers.iter();
        let paper = papers.find(|paper| paper.patient == expected.patient);
        let state = paper.and_then(|paper| paper.state);
        if state.map(PrintState::number) != Some(expected.value) {
            trouble(format!(
                "{} is to end in {}, and ends so: {paper:?}",
                expected.label, expected.value
            ));
        }
    }
    troubles
}

/// What the sending system says of the patient's transfers.
fn told(view: &View, paper: &Paper) -> Vec<u8> {
    let sending = (view.observed.iter()).filter(|(by, _)| *by == Endpoint::Sending);
    sending
        .filter_map(|(_, observation)| match observation {
            Observation::Transfer {
                patient,
                print_state,
                ..
            } if *patient == paper.patient => *print_state,
            Observation::Transfer { .. }
            | Observation::Stored { .. }
            | Observation::InStore { .. } => None,
        })
        .collect()
}

fn only(id: &str) -> Paper {
    let view = support::trace_of(id).view();
    let papers = paper::papers(&view);
    let [paper] = papers.as_slice() else {
        panic!("{id} has one patient: {papers:?}");
    };
    paper.clone()
}

#[test]
fn silence_for_eight_days_prints_the_whole_record() {
    let paper = only("people/never-integrates");
    assert_eq!(paper.state, Some(PrintState::Failed));
    assert_eq!(paper.pages, 2, "60 000 bytes of record, no document");
    assert_eq!(paper.why, "no final acknowledgement for 8 days");
}

#[test]
fn a_placeholder_prints_the_document_that_it_stands_for_and_no_more() {
    let paper = only("transfer/placeholder");
    assert_eq!(paper.state, Some(PrintState::MissingItems));
    let view = support::trace_of("transfer/placeholder").view();
    let missing = view.held.iter().filter(|held| !held.deliverable).count() as u64;
    assert!(missing > 0 && paper.pages >= missing, "{paper:?}");
    let whole: u64 = view.patients.iter().map(|truth| truth.record_bytes).sum();
    assert!(whole > 0 && paper.pages < 100, "{paper:?}");
}

#[test]
fn a_record_that_is_filed_prints_nothing() {
    let paper = only("transfer/small-record");
    assert_eq!(
        (paper.state, paper.pages),
        (Some(PrintState::Integrated), 0)
    );
}

#[test]
fn who_cannot_be_asked_prints_and_who_has_nothing_does_not() {
    let states = |id: &str| -> Vec<_> {
        let view = support::trace_of(id).view();
        let papers = paper::papers(&view).into_iter();
        papers.map(|paper| paper.state).collect()
    };
    assert_eq!(
        states("registration/no-single-address"),
        [
            Some(PrintState::Failed),
            Some(PrintState::Failed),
            Some(PrintState::Integrated)
        ]
    );
    assert_eq!(
        states("registration/nobody-to-ask"),
        [None, None, None, Some(PrintState::Integrated)]
    );
}

#[test]
fn on_a_day_of_outage_three_moves_of_four_end_on_paper() {
    let view = support::trace_of("people/national-outage-day").view();
    let papers = paper::papers(&view);
    let printed: Vec<_> = papers.iter().filter(|paper| paper.is_paper()).collect();
    assert_eq!((printed.len(), papers.len()), (6, 8));
    // Two pages of record each, and eight of a scan for half of them.
    let pages: u64 = printed.iter().map(|paper| paper.pages).sum();
    assert_eq!(pages, 6 * 2 + 3 * 8);
}

#[test]
fn nobody_prints_because_a_queue_was_long() {
    let view = support::trace_of("people/end-of-the-month").view();
    let papers = paper::papers(&view);
    assert_eq!(papers.len(), 30);
    assert!(
        papers
            .iter()
            .all(|paper| paper.state == Some(PrintState::Integrated))
    );
}

/// The wire decides, whatever the system says of itself.
#[test]
fn a_claim_changes_no_print_state() {
    let mut taken = support::trace_of("people/never-integrates");
    taken = taken.events(|events| {
        for event in events {
            if let gp2gp_model::trace::What::Observed {
                observation: Observation::Transfer { print_state, .. },
                ..
            } = &mut event.what
            {
                *print_state = Some(1);
            }
        }
    });
    let papers = paper::papers(&taken.view());
    assert_eq!(papers[0].state, Some(PrintState::Failed));
}
