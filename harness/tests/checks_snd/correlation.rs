//! Cases of messages that are hard to match.

use std::time::Duration;

use gp2gp_model::plan::Role;
use gp2gp_model::trace::What;
use gp2gp_model::{Dialect, EbxmlMessageId, MessageKind};

use crate::support::tamper::{Pick, Taken};
use crate::support::trace_of;
use crate::table::{ANSWER, CHUNKED, Case, EXTRACT, SMALL, STRANGE, told};

const STRANGERS: &str = "hostile/strangers";
const LOWER_CONTINUE: &str = "hostile/continue-in-lower-case";
const LOWER_ACK: &str = "hostile/final-ack-in-lower-case";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("SND-55", || late_answer(trace_of(SMALL)))
            .broken("print state 5", || {
                late_answer(told(SMALL, |state| *state = Some(5)))
            })
            .broken("none until everything fell silent", || {
                trace_of(SMALL).drop(ANSWER)
            }),
        Case::new("SND-57", || trace_of(LOWER_CONTINUE))
            .broken("no fragment in conversation", || {
                without_fragments(trace_of(LOWER_CONTINUE))
            })
            .broken("print state 5", || {
                told(LOWER_ACK, |state| *state = Some(5))
            }),
        Case::new("SND-57", || trace_of(LOWER_ACK)).broken("print state 4", || {
            told(LOWER_ACK, |state| *state = Some(4))
        }),
        Case::new("SND-59", || late_answer_to_core(trace_of(CHUNKED)))
            .broken("no fragment after EHR extract", || {
                without_fragments(late_answer_to_core(trace_of(CHUNKED)))
            }),
        Case::new("SND-60", || trace_of(STRANGERS))
            .broken("acknowledgement 0BADC0DE", replies_to_a_stranger)
            .broken("nothing in conversation", || {
                trace_of(STRANGERS).drop(EXTRACT).drop(ANSWER)
            }),
    ]
}

/// The request is acknowledged only after the record was filed.
fn late_answer(taken: Taken) -> Taken {
    taken.delay(ANSWER, Duration::from_hours(3))
}

/// Spine's answer to the core takes half a minute to get back.
fn late_answer_to_core(taken: Taken) -> Taken {
    let core = taken.trace.events[taken.index_of(EXTRACT)].exchange();
    taken.events(|events| {
        let answer = events
            .iter_mut()
            .find(|event| matches!(event.what, What::Answer { .. }) && event.exchange() == core);
        answer.expect("it was answered").at += Duration::from_secs(30);
        events.sort_by_key(|event| event.at);
    })
}

/// Nothing came of the Continue, and nothing of the transfer.
fn without_fragments(taken: Taken) -> Taken {
    let view = taken.view();
    let of = |role, kind| {
        let posts = view.sent_by(role);
        posts.filter(move |post| post.kind() == Some(kind)).count()
    };
    let fragments = of(Role::Sending, MessageKind::Fragment);
    let acks = of(Role::Requesting, MessageKind::Acknowledgement);
    let gone = (1..=fragments)
        .rev()
        .map(|nth| Pick(Role::Sending, MessageKind::Fragment, nth))
        .chain(
            (1..=acks)
                .rev()
                .map(|nth| Pick(Role::Requesting, MessageKind::Acknowledgement, nth)),
        );
    gone.fold(taken, Taken::drop)
}

fn replies_to_a_stranger() -> Taken {
    let taken = trace_of(STRANGERS);
    let stranger = taken.view().conversations().remove(0);
    taken.also(ANSWER, Dialect::NationalMhs, |message| {
        message.header.message_id = EbxmlMessageId::parse(STRANGE).unwrap();
        message.header.conversation_id = stranger;
    })
}

#[test]
fn an_answer_that_waits_for_nothing_is_no_early_acknowledgement() {
    use gp2gp_model::verdict::{Assessment, Profile};
    let assessment = trace_of(SMALL).assess("SND-55", Profile::Strict);
    assert!(
        matches!(assessment, Assessment::NotExercised(_)),
        "{assessment:?}"
    );
    let assessment = trace_of(CHUNKED).assess("SND-59", Profile::Strict);
    assert!(
        matches!(assessment, Assessment::NotExercised(_)),
        "{assessment:?}"
    );
}
