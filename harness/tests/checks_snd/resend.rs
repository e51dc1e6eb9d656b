//! Cases of what is sent again on request.

use std::time::Duration;

use gp2gp_model::http::{Headers, Method};
use gp2gp_model::plan::{Act, Role};
use gp2gp_model::trace::{BodyRef, Endpoint, Event, What};
use gp2gp_model::{ConversationId, Dialect, EhrExtractId, MessageKind, NhsNumber, Sha256};

use crate::support::tamper::{Pick, Taken};
use crate::support::trace_of;
use crate::table::{Case, STRANGE, edited, extract, repeated};

const CRASHED: &str = "crash/sending-after-the-extract";
const AGAIN: &str = "duplicate/extract-sent-again";
const TOO_LATE: &str = "duplicate/extract-after-twelve-weeks";
const LEFT: &str = "duplicate/extract-for-a-practice-left";
const SECOND: Pick = Pick(Role::Sending, MessageKind::EhrExtract, 2);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("SND-65", || trace_of(CRASHED))
            .broken(
                "EHR extract 0BADC0DE-0000-4000-8000-00000000BAD1, another message",
                || repeated(CRASHED, "<eb:MessageId>", STRANGE),
            )
            .broken("after the crash", || {
                repeated(CRASHED, "<eb:Timestamp>", "2026-01-05T10:00:00Z")
            }),
        Case::new("SND-74", || trace_of(AGAIN))
            .broken("EhrExtract id 0BADC0DE", || {
                edited(AGAIN, SECOND, |message| {
                    extract(message).id = EhrExtractId::parse(STRANGE).unwrap();
                })
            })
            .broken("another payload in", || {
                edited(AGAIN, SECOND, |message| {
                    extract(message).availability_time = "20260116090000".to_owned();
                })
            })
            .broken("ConversationId 0BADC0DE", || {
                edited(AGAIN, SECOND, |message| {
                    message.header.conversation_id = ConversationId::parse(STRANGE).unwrap();
                })
            })
            .broken("a second time", under_the_old_id)
            .broken("no extract after the re-send was asked for", || {
                trace_of(AGAIN).drop(SECOND)
            })
            .broken("GET /Patient?identifier=", || {
                asked_again(|patient| format!("/Patient?identifier=nhs-number%7C{patient}"))
            })
            .broken("GET /records/", || {
                asked_again(|patient| format!("/records/{patient}"))
            }),
        Case::new("SND-74", || trace_of(TOO_LATE))
            .broken("after the re-send was asked for", thirteen_weeks_later),
        Case::new("SND-74", || trace_of(LEFT)).broken(
            "after the re-send was asked for",
            moved_before_it_was_sent_again,
        ),
    ]
}

/// The second extract bears the message id of the first.
fn under_the_old_id() -> Taken {
    let first = trace_of(AGAIN);
    let id = first
        .view()
        .sent_by(Role::Sending)
        .find(|post| post.kind() == Some(MessageKind::EhrExtract))
        .and_then(|post| post.message_id().cloned())
        .expect("it was sent");
    first.edit(SECOND, Dialect::NationalMhs, |message| {
        message.header.message_id = id;
    })
}

/// The store is asked for the patient just before the extract goes out again.
fn asked_again(path: impl Fn(NhsNumber) -> String) -> Taken {
    let taken = trace_of(AGAIN);
    let at = taken.index_of(SECOND);
    let patient = taken.view().patients[0].patient;
    let before = taken.trace.events[at].clone();
    let read = Event {
        what: What::Post {
            exchange: 900_000,
            from: Endpoint::Sending,
            to: Endpoint::Store,
            method: Method::Get,
            path: path(patient),
            headers: Headers::new(),
            soap_action: None,
            content_type: String::new(),
            body: BodyRef {
                sha256: Sha256::of(b""),
                bytes: 0,
            },
        },
        ..before
    };
    taken.events(|events| events.insert(at, read))
}

/// Everything from the wish on happens 85 days later.
fn thirteen_weeks_later() -> Taken {
    trace_of(AGAIN).events(|events| {
        let from = asked(events);
        for event in events.iter_mut().skip(from) {
            event.at += Duration::from_hours(85 * 24);
        }
    })
}

/// Where somebody asks for the extract again.
fn asked(events: &[Event]) -> usize {
    let is_wish = |event: &Event| {
        matches!(
            event.what,
            What::Acted {
                act: Act::RepeatExtract { .. },
                ..
            }
        )
    };
    events.iter().position(is_wish).expect("somebody asked")
}

/// The patient had left, and the extract was sent again all the same.
fn moved_before_it_was_sent_again() -> Taken {
    trace_of(AGAIN).events(|events| {
        let at = asked(events);
        let What::Acted {
            act: Act::RepeatExtract { patient },
            ..
        } = events[at].what
        else {
            unreachable!()
        };
        let moved = Event {
            what: What::Acted {
                on: Endpoint::Sending,
                act: Act::MoveOn {
                    patient,
                    practice: "Z99903".parse().unwrap(),
                },
                not_supported: false,
            },
            ..events[at].clone()
        };
        events.insert(at, moved);
    })
}
