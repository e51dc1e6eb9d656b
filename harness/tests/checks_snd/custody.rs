//! Cases of documents in the store of the old practice.

use gp2gp::check::custody::lives;
use gp2gp::driver::Sut;
use gp2gp_mocks::{RequestingDefect, SendingDefect};
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::report::FiledInstead;
use gp2gp_model::trace::{BodyRef, Endpoint, Event, Observation, What};
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_model::{DocumentId, Sha256};

use crate::support::tamper::Taken;
use crate::support::{plan, run, trace_of};
use crate::table::{CHUNKED, Case, EXTRACT};

/// One document, and the record that carried it is turned away with 31.
const TURNED_AWAY: &str = "outage/fragment-lost";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("SND-76", || trace_of(TURNED_AWAY))
            .broken("after its record had been refused with 31 at", || {
                with_deletes(TURNED_AWAY, Place::AtTheEnd, &[204])
            })
            .broken("before that acknowledgement came", || {
                with_deletes(CHUNKED, Place::BeforeTheExtract, &[204])
            })
            .broken("to delete it, which the store refused", || {
                with_deletes(TURNED_AWAY, Place::AtTheEnd, &[503])
            }),
        Case::new("SND-76", || trace_of(TURNED_AWAY)).broken("on nobody has it", || {
            with_deletes(TURNED_AWAY, Place::AtTheEnd, &[204])
        }),
        Case::new("SND-76", || with_deletes(CHUNKED, Place::AtTheEnd, &[204]))
            .broken("it is not in the record of the old practice any more", gone),
        Case::new("SND-77", || {
            with_deletes(CHUNKED, Place::AtTheEnd, &[503, 204])
        })
        .broken("neither another attempt nor a report", || {
            with_deletes(CHUNKED, Place::AtTheEnd, &[503])
        })
        .broken("another extract at", || {
            with_deletes(CHUNKED, Place::BeforeTheExtract, &[503, 204])
        }),
        Case::new("SND-77", || {
            reported(with_deletes(CHUNKED, Place::AtTheEnd, &[423]))
        })
        .broken("neither another attempt nor a report", || {
            with_deletes(CHUNKED, Place::AtTheEnd, &[423])
        }),
    ]
}

/// Three things are wrong with such a document, and it is told once: archived, deleted, and where it is now.
#[test]
fn a_document_that_is_deleted_after_a_refusal_is_one_breach_that_tells_its_story() {
    let sut = Sut::broken(SendingDefect::DeletesOnRefusal.into());
    let taken = run(&plan("named/documents-kept-after-a-refusal"), &sut);
    let view = taken.view();
    let Assessment::Broken(breaches) = taken.assess("SND-76", Profile::Strict) else {
        panic!("it is broken");
    };
    let lives = lives(&view);
    let removed: Vec<_> = (lives.iter())
        .filter(|life| life.report(&view).removed_too_soon)
        .collect();
    assert_eq!((breaches.len(), removed.len()), (2, 2));
    for (breach, life) in breaches.iter().zip(removed) {
        let named = format!("`{}` stays in the record", life.held.file_name);
        assert!(breach.expected.starts_with(&named), "{breach:?}");
        let story = [
            "the sending system had it deleted at 2026-01-05T",
            " after its record had been refused with 28 at 2026-01-05T",
            ", and that acknowledgement never came. It had been archived at 2026-01-05T",
            ". It is no longer in the record of the old practice; a copy is in its archive",
        ];
        let found: Vec<_> = story.iter().map(|it| breach.seen.find(it)).collect();
        assert!(
            found.iter().all(Option::is_some) && found.is_sorted(),
            "{breach:?}"
        );
        assert_eq!(breach.with.len(), 3, "sent, refused, archived: {breach:?}");
    }
}

/// The new practice says that all is well, and has filed something else than what came.
#[test]
fn a_document_that_is_acknowledged_and_stored_wrong_is_not_with_the_new_practice() {
    let life = |sut: &Sut| {
        let taken = run(&plan(CHUNKED), sut);
        let view = taken.view();
        let lives = lives(&view);
        let of_pieces = lives.iter().map(|life| life.report(&view));
        of_pieces.max_by_key(|life| life.bytes).expect("a document")
    };
    let whole = life(&Sut::Reference);
    assert_eq!(whole.whereabouts, "with both practices");
    assert!(!whole.missing_where_acknowledged && !whole.is_unsafe());

    let damaged = life(&Sut::broken(RequestingDefect::ChunksReversed.into()));
    assert_eq!(
        damaged.whereabouts,
        "with the old practice; the new one acknowledged it and does NOT have it"
    );
    assert!(damaged.missing_where_acknowledged && damaged.is_unsafe());
    let instead = Some(FiledInstead::Damaged {
        bytes: damaged.bytes,
    });
    assert_eq!(damaged.filed_instead, instead);
    let last = damaged.steps.last().expect("a step");
    assert_eq!(last.held_by, "the old practice");
}

#[derive(Clone, Copy)]
enum Place {
    BeforeTheExtract,
    AtTheEnd,
}

/// The sending system deletes the first document of the store, and is answered with these statuses.
fn with_deletes(scenario: &str, place: Place, statuses: &[u16]) -> Taken {
    let mut taken = trace_of(scenario);
    let document = first_in_store(&taken);
    let at = match place {
        Place::BeforeTheExtract => taken.index_of(EXTRACT),
        Place::AtTheEnd => first_observation(&taken),
    };
    let time = taken.trace.events[at].at;
    let body = BodyRef {
        sha256: Sha256::of(b""),
        bytes: 0,
    };
    let mut calls = Vec::new();
    for (number, status) in (900_000..).zip(statuses) {
        calls.push(What::Post {
            exchange: number,
            from: Endpoint::Sending,
            to: Endpoint::Store,
            method: Method::Delete,
            path: format!("/Binary/{document}"),
            headers: Headers::new(),
            soap_action: None,
            content_type: String::new(),
            body,
        });
        calls.push(What::Answer {
            exchange: number,
            status: *status,
            content_type: None,
            headers: Headers::new(),
            body,
        });
    }
    let calls = calls.into_iter().map(|what| Event {
        seq: 0,
        at: time,
        what,
    });
    taken.trace.events.splice(at..at, calls);
    for (seq, event) in (1..).zip(&mut taken.trace.events) {
        event.seq = seq;
    }
    taken
}

/// The document of a record that was turned away is gone, and nobody shows who deleted it.
fn gone() -> Taken {
    let mut taken = trace_of(TURNED_AWAY);
    for event in &mut taken.trace.events {
        if let What::Observed {
            observation: Observation::InStore { state, .. },
            ..
        } = &mut event.what
        {
            *state = gp2gp_model::store::DocumentState::Destroyed;
        }
    }
    taken
}

/// The sending system says that it left a document behind.
fn reported(mut taken: Taken) -> Taken {
    for event in &mut taken.trace.events {
        if let What::Observed {
            by: Endpoint::Sending,
            observation: Observation::Transfer { left_in_store, .. },
        } = &mut event.what
        {
            *left_in_store = 1;
        }
    }
    taken
}

fn first_observation(taken: &Taken) -> usize {
    let is_one = |event: &Event| matches!(event.what, What::Observed { .. });
    taken
        .trace
        .events
        .iter()
        .position(is_one)
        .expect("there is one")
}

fn first_in_store(taken: &Taken) -> DocumentId {
    let in_store = |event: &Event| {
        let What::Observed {
            observation: Observation::InStore { document, .. },
            ..
        } = &event.what
        else {
            return None;
        };
        Some(document.clone())
    };
    taken
        .trace
        .events
        .iter()
        .find_map(in_store)
        .expect("the store says so")
}
