//! What the trace says of the document store.

#![cfg(test)]

mod support;

use gp2gp::bodies::BodyStore;
use gp2gp::driver::{self, Sut, Transport};
use gp2gp_model::store::DocumentState;
use gp2gp_model::trace::{Endpoint, Observation, What};

/// For a custody ledger: what was there at the beginning, and where it is in the end.
#[test]
fn every_document_held_at_the_beginning_is_found_again_in_the_end() {
    let plan = support::plan("transfer/placeholder");
    for transport in [Transport::Virtual, Transport::Http] {
        let bodies = BodyStore::temporary();
        let (trace, _) = driver::run(&plan, Sut::Reference, transport, bodies).unwrap();
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
