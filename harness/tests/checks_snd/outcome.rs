//! Cases of how a transfer ends, and of what people are told before.

use std::time::Duration;

use gp2gp_model::plan::Role;
use gp2gp_model::trace::{Endpoint, Event, What};
use gp2gp_model::{Dialect, EbxmlMessageId, Hl7MessageId, MessageKind, ResponseCode};
use gp2gp_wire::hl7::Acknowledgement;

use crate::support::tamper::{Pick, Taken};
use crate::support::trace_of;
use crate::table::{ANSWER, CHUNKED, Case, EXTRACT, SMALL, STRANGE, ack, fragment, told};

const TWICE: &str = "duplicate/final-ack-delivered-twice";
const REJECTED: &str = "people/reject-new-patient";
const REJECTED_BY_SPINE: &str = "outage/spine-rejects-extract";
const SUPPRESSED: &str = "people/suppress";
const SILENT: &str = "people/never-integrates";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("SND-43", || trace_of(SMALL))
            .broken("promises nothing", || trace_of(SMALL).drop(ANSWER))
            .broken("print state 5", || told(SMALL, |state| *state = Some(5))),
        Case::new("SND-51", || trace_of(CHUNKED))
            .broken("print state 5", || told(SMALL, |state| *state = Some(5)))
            .broken("print state 1", closed_by_fragment_ack)
            .broken(
                "print state 1, `integrated`, after ",
                success_with_a_piece_missing,
            ),
        Case::new("SND-52", || trace_of(REJECTED))
            .broken("print state 1", || told(REJECTED, |state| *state = Some(1))),
        Case::new("SND-53", || trace_of(REJECTED_BY_SPINE))
            .broken("print state 5", || {
                told(REJECTED_BY_SPINE, |state| *state = Some(5))
            })
            .broken("EHR extract 0BADC0DE", || {
                trace_of(REJECTED_BY_SPINE)
                    .also(EXTRACT, Dialect::NationalMhs, |message| {
                        message.header.message_id = EbxmlMessageId::parse(STRANGE).unwrap();
                    })
                    .delay(
                        Pick(Role::Sending, MessageKind::EhrExtract, 2),
                        Duration::from_hours(1),
                    )
            }),
        Case::new("SND-54", || trace_of(SUPPRESSED)).broken("print state 4", || {
            told(SUPPRESSED, |state| *state = Some(4))
        }),
        Case::new("SND-56", || trace_of(TWICE))
            .broken("print state 4", || told(TWICE, |state| *state = Some(4)))
            .broken("acknowledgement 0BADC0DE", answers_an_answer),
        Case::new("SND-62", || trace_of(SILENT))
            .broken("print state 5", || told(SILENT, |state| *state = Some(5))),
        Case::new("SND-81", || trace_of(SILENT))
            .broken("told 0 times", || {
                trace_of(SILENT).events(|events| events.retain(|event| !is_alert(event)))
            })
            .broken("told 2 times", || alerts(SILENT, 1, Duration::ZERO))
            .broken("min before that", || {
                trace_of(SILENT).events(|events| {
                    for event in events.iter_mut().filter(|event| is_alert(event)) {
                        event.at = event.at.before(Duration::from_hours(2));
                    }
                })
            })
            .broken("told of no acknowledgement for ", || {
                trace_of(SMALL).events(|events| {
                    let silent = trace_of(SILENT).trace.events;
                    let mine = trace_of(SMALL).view().conversations().remove(0);
                    events.extend(silent.into_iter().filter(is_alert).map(|mut event| {
                        if let What::Alerted {
                            by: Endpoint::Sending,
                            alert,
                        } = &mut event.what
                        {
                            alert.conversation = mine.clone();
                        }
                        event
                    }));
                })
            }),
        Case::new("SND-82", || trace_of(REJECTED))
            .broken("0 incidents with that code", || {
                trace_of(REJECTED).events(|events| events.retain(|event| !is_alert(event)))
            })
            .broken("2 incidents with that code", || {
                alerts(REJECTED, 1, Duration::ZERO)
            }),
        Case::new("SND-75", || trace_of("transfer/placeholder"))
            .broken("print state 4", prints_too_early)
            .broken("without print state", || told(SMALL, |state| *state = None))
            .broken("print state 9", || told(SMALL, |state| *state = Some(9)))
            .broken("print state 1", || {
                told("transfer/placeholder", |state| *state = Some(1))
            })
            .broken("print state 1, `integrated` print state 1", two_states),
    ]
}

/// The final acknowledgement never comes, and the state is what it was after it.
fn is_alert(event: &Event) -> bool {
    matches!(event.what, What::Alerted { .. })
}

/// The alerts of the sending system from the nth on come a second time, so much later.
fn alerts(scenario: &str, nth: usize, later: Duration) -> Taken {
    trace_of(scenario).events(|events| {
        let told = events.iter().filter(|event| {
            matches!(
                event.what,
                What::Alerted {
                    by: Endpoint::Sending,
                    ..
                }
            )
        });
        let again: Vec<Event> = told.skip(nth - 1).cloned().collect();
        assert!(!again.is_empty(), "{scenario} has {nth} alerts");
        events.extend(again.into_iter().map(|mut event| {
            event.at += later;
            event
        }));
    })
}

/// The record waits for people, and the old practice is told to print it all the same.
fn prints_too_early() -> Taken {
    told(SILENT, |state| *state = Some(4)).events(|events| {
        let start = events.first().map(|event| event.at);
        for event in events {
            if start.is_some_and(|start| event.at.since(start) > Duration::from_hours(1)) {
                event.at = start.unwrap_or(event.at) + Duration::from_hours(1);
            }
        }
    })
}

fn closed_by_fragment_ack() -> Taken {
    let taken = trace_of(CHUNKED);
    let view = taken.view();
    let acks = view
        .sent_by(Role::Requesting)
        .filter(|post| post.kind() == Some(MessageKind::Acknowledgement))
        .count();
    taken.drop(Pick(Role::Requesting, MessageKind::Acknowledgement, acks))
}

/// The last piece is never sent, the record is rejected for it, and the system says that all is well.
fn success_with_a_piece_missing() -> Taken {
    let taken = trace_of(CHUNKED);
    let view = taken.view();
    let sent_by = |role: Role, kind: MessageKind| {
        let sent = view.sent_by(role);
        sent.filter(|post| post.kind() == Some(kind)).count()
    };
    let last_ack = sent_by(Role::Requesting, MessageKind::Acknowledgement);
    let last_piece = sent_by(Role::Sending, MessageKind::Fragment);
    let last = Pick(Role::Requesting, MessageKind::Acknowledgement, last_ack);
    let rejected = taken.edit(last, Dialect::NationalMhs, |message| {
        let wrapper = ack(message).wrapper.clone();
        let core = ack(message).message_ref.clone();
        let code = ResponseCode::from("31");
        *ack(message) = Acknowledgement::negative(wrapper, core, code, Dialect::NationalMhs);
    });
    rejected.drop(fragment(last_piece))
}

/// A reply to the second delivery of the final acknowledgement.
fn answers_an_answer() -> Taken {
    let taken = trace_of(TWICE);
    let view = taken.view();
    let last = view
        .delivered_to(Role::Sending)
        .filter(|post| post.kind() == Some(MessageKind::Acknowledgement))
        .last()
        .and_then(|post| post.message_id())
        .map(Hl7MessageId::from)
        .expect("it was delivered");
    let taken = taken.also(ANSWER, Dialect::NationalMhs, |message| {
        message.header.message_id = EbxmlMessageId::parse(STRANGE).unwrap();
        ack(message).wrapper.id = Hl7MessageId::parse(STRANGE).unwrap();
        ack(message).message_ref = last;
    });
    taken.delay(
        Pick(Role::Sending, MessageKind::Acknowledgement, 2),
        Duration::from_hours(24),
    )
}

/// The system tells of one transfer twice.
fn two_states() -> Taken {
    trace_of(SMALL).events(|events| {
        let at = events.iter().position(|event| {
            matches!(&event.what, What::Observed { by, .. } if by.role() == Some(Role::Sending))
        });
        let at = at.expect("the sending system is observed");
        let copy = events[at].clone();
        events.insert(at, copy);
    })
}
