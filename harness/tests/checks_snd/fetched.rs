//! Cases of documents that the store gave late, damaged or not at all.

use gp2gp_model::trace::{Endpoint, Event, What};
use gp2gp_model::{Dialect, ResponseCode};
use gp2gp_wire::hl7::{AckType, Acknowledgement, Payload};

use crate::support::tamper::Taken;
use crate::support::trace_of;
use crate::table::{ANSWER, Case, EXTRACT, ack, edited};

/// One document of two never came out of the store, and a placeholder went in its place.
const REFUSED: &str = "store/refused/status=404";
/// One document was not itself the first time.
const SPOILED_ONCE: &str = "store/spoiled-once/spoil=zero-bytes";
/// The store gave no list.
const DOWN: &str = "store/down";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("SND-44", || trace_of(SPOILED_ONCE))
            .broken("1: `AbsentAttachment", || without_reads(trace_of(REFUSED))),
        Case::new("SND-44", || trace_of(REFUSED)).broken("0 placeholders in a manifest of", || {
            edited(REFUSED, EXTRACT, |message| {
                drop(message.attachments.remove(1));
            })
        }),
        Case::new("SND-44", || {
            trace_of("store/list-misstates/spoil=wrong-type")
        }),
        Case::new("SND-45", || trace_of(SPOILED_ONCE)).broken("AE", || {
            edited(SPOILED_ONCE, ANSWER, |message| {
                ack(message).type_code = AckType::Ae;
            })
            .drop(EXTRACT)
        }),
        Case::new("SND-48", || trace_of(DOWN))
            .broken("code `99`", || refused_with("99"))
            .broken("code `06`", || refused_with("06")),
    ]
}

/// As if the sending system had never asked the store for a document: so nobody knows of one that
/// could not be had.
fn without_reads(taken: Taken) -> Taken {
    taken.events(|events| {
        let is_of_store = |event: &&Event| {
            matches!(
                &event.what,
                What::Post {
                    to: Endpoint::Store,
                    ..
                }
            )
        };
        let of_store = events.iter().filter(is_of_store);
        let of_store: Vec<u64> = of_store.filter_map(Event::exchange).collect();
        events.retain(|event| {
            !event
                .exchange()
                .is_some_and(|exchange| of_store.contains(&exchange))
        });
    })
}

fn refused_with(code: &'static str) -> Taken {
    edited(DOWN, ANSWER, |message| {
        let before = ack(message);
        let refusal = Acknowledgement::negative(
            before.wrapper.clone(),
            before.message_ref.clone(),
            ResponseCode::from(code),
            Dialect::NationalMhs,
        );
        message.payload = Payload::Acknowledgement(refusal);
    })
}
