//! What the trace says of the document store.

#![cfg(test)]

mod support;

use gp2gp::bodies::BodyStore;
use gp2gp::check::custody;
use gp2gp::driver::{self, Sut, Transport};
use gp2gp::story;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::plan::Role;
use gp2gp_model::store::DocumentState;
use gp2gp_model::trace::{BodyRef, Endpoint, Event, Observation, What};
use gp2gp_model::verdict::Profile;
use gp2gp_model::{MessageKind, Sha256};

use crate::support::tamper::{Pick, Taken};

/// For a custody ledger: what was there at the beginning, and where it is in the end.
#[test]
fn every_document_held_at_the_beginning_is_found_again_in_the_end() {
    let plan = support::plan("transfer/placeholder");
    for transport in [Transport::Virtual, Transport::Http] {
        let bodies = BodyStore::temporary();
        let (trace, _) = driver::run(&plan, &Sut::Reference, transport, bodies).unwrap();
        let mut held = Vec::new();
        let mut found = Vec::new();
        for event in &trace.events {
            if let What::Held {
                file_name, sha256, ..
            } = &event.what
            {
                held.push((file_name.clone(), *sha256));
            }
            if let What::Observed {
                by,
                observation:
                    Observation::InStore {
                        file_name,
                        state,
                        sha256,
                        ..
                    },
            } = &event.what
            {
                assert_eq!(*by, Endpoint::Store);
                found.push(((file_name.clone(), *sha256), *state));
            }
        }
        let documents: Vec<_> = found.iter().map(|(document, _)| document.clone()).collect();
        assert!(!held.is_empty());
        assert_eq!(documents, held);
        let states: Vec<_> = found.iter().map(|(_, state)| *state).collect();
        assert!(states.contains(&DocumentState::Held), "{states:?}");
        assert!(states.contains(&DocumentState::Locked), "{states:?}");
    }
}

/// A foreign system has to be told the records that ours know by themselves. That is no access to a
/// document, and changes no judgement.
#[test]
fn what_is_asked_of_the_record_source_counts_for_nothing() {
    for scenario in [
        "transfer/placeholder",
        "named/deletes-fail-after-a-transfer",
    ] {
        let plain = support::trace_of(scenario);
        let told = told_its_record(plain.clone());
        assert_eq!(told.trace.events.len(), plain.trace.events.len() + 2);
        assert_eq!(told.view().record_reads.len(), 1);
        let verdicts = |taken: &Taken| -> Vec<String> {
            let view = taken.view();
            let profiles = [Profile::Strict, Profile::Field];
            let checks = gp2gp::check::all();
            let all = profiles.iter().flat_map(|profile| {
                (checks.iter()).map(|check| format!("{:?}", (check.assess)(&view, *profile)))
            });
            all.chain(story::tell(&view))
                .chain(custody::lives(&view).iter().flat_map(|life| {
                    let steps = life.report(&view).steps.into_iter();
                    steps.map(|step| format!("{} {}: {}", step.at, step.what, step.held_by))
                }))
                .collect()
        };
        let (told, plain) = (verdicts(&told), verdicts(&plain));
        assert_eq!(told.len(), plain.len());
        for (told, plain) in told.iter().zip(&plain) {
            assert_eq!(told, plain, "{scenario}");
        }
    }
}

/// The record is asked for just before the extract leaves.
fn told_its_record(taken: Taken) -> Taken {
    let at = taken.index_of(Pick(Role::Sending, MessageKind::EhrExtract, 1));
    let patient = taken.view().patients[0].patient;
    let before = taken.trace.events[at].clone();
    let body = BodyRef {
        sha256: Sha256::of(b""),
        bytes: 0,
    };
    let asked = What::Post {
        exchange: 900_000,
        from: Endpoint::Sending,
        to: Endpoint::Store,
        method: Method::Get,
        path: format!("/records/{patient}"),
        headers: Headers::new(),
        soap_action: None,
        content_type: String::new(),
        body,
    };
    let answered = What::Answer {
        exchange: 900_000,
        status: 200,
        content_type: Some("application/xml".to_owned()),
        headers: Headers::new(),
        body,
    };
    taken.events(|events| {
        for what in [answered, asked] {
            events.insert(
                at,
                Event {
                    what,
                    ..before.clone()
                },
            );
        }
    })
}
