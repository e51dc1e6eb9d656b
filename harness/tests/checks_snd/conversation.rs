//! Cases of the thread from request to end.

use std::time::Duration;

use gp2gp::driver::Sut;
use gp2gp_mocks::SendingDefect;
use gp2gp_model::plan::Role;
use gp2gp_model::trace::{Event, What};
use gp2gp_model::{
    Asid, ConversationId, Dialect, EbxmlMessageId, EhrRequestId, Hl7MessageId, MessageKind,
    NhsNumber, OdsCode, Time,
};
use gp2gp_wire::Message;

use crate::support::tamper::{Pick, Taken};
use crate::support::{plan, run, trace_of};
use crate::table::{
    ANSWER, CHUNKED, CONTINUE, Case, EXTRACT, REQUEST, SMALL, STRANGE, ack, edited, extract,
    fragment, posted_again, repeated,
};

const BOTH: &str = "transfer/two-patients-at-once";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("SND-04", || trace_of(BOTH))
            .broken(
                "ConversationId 0BADC0DE-0000-4000-8000-00000000BAD1 on EHR extract",
                || edited(SMALL, EXTRACT, elsewhere),
            )
            .broken(
                "ConversationId 0BADC0DE-0000-4000-8000-00000000BAD1 on fragment",
                || edited(CHUNKED, fragment(1), elsewhere),
            )
            .broken("in which nobody asked", || {
                edited(SMALL, EXTRACT, |message| {
                    elsewhere(message);
                    extract(message).prior_request = None;
                })
            }),
        Case::new("SND-13", || trace_of("transfer/small-record-emis-to-tpp"))
            .broken("no answer", || {
                trace_of("transfer/small-record-vision")
                    .drop(ANSWER)
                    .drop(EXTRACT)
            })
            .broken("a refusal with 18", || {
                edited("refusal/patient-not-held", ANSWER, |message| {
                    ack(message).reason = None;
                })
                .edit_text(ANSWER, "code=\"06\"", "code=\"18\"")
                .edit(REQUEST, Dialect::Emis, |_| {})
            }),
        Case::new("SND-14", || trace_of(SMALL))
            .broken("none until everything fell silent", || {
                trace_of(SMALL).drop(ANSWER)
            })
            .broken("AA (0BADC0DE", || {
                trace_of(SMALL).also(ANSWER, Dialect::NationalMhs, rename)
            })
            .broken("messageRef 0BADC0DE", || {
                edited(SMALL, ANSWER, |message| {
                    ack(message).message_ref = Hl7MessageId::parse(STRANGE).unwrap();
                })
            }),
        Case::new("SND-15", || trace_of(SMALL)).broken("no acknowledgement of the request", || {
            trace_of(SMALL).drop(ANSWER)
        }),
        Case::new("SND-18", || trace_of("duplicate/request"))
            .broken("EHR extract 0BADC0DE", || {
                trace_of("duplicate/request").also(EXTRACT, Dialect::NationalMhs, rename)
            }),
        Case::new("SND-20", || trace_of(SMALL))
            .broken("NHS number 999", || {
                run(
                    &plan(SMALL),
                    &Sut::broken(SendingDefect::WrongNhsNumber.into()),
                )
            })
            .broken("destination Z99999", || {
                edited(SMALL, EXTRACT, |message| {
                    extract(message).destination = Some(OdsCode::parse("Z99999").unwrap());
                })
            })
            .broken("priorEhrRequest 0BADC0DE", || {
                edited(SMALL, EXTRACT, |message| {
                    extract(message).prior_request = Some(EhrRequestId::parse(STRANGE).unwrap());
                })
            })
            .broken("priorEhrRequest absent", || {
                edited(SMALL, EXTRACT, |message| {
                    extract(message).prior_request = None;
                })
            }),
        Case::new("SND-21", || trace_of(CHUNKED))
            .broken("to 999999999999", || {
                edited(SMALL, EXTRACT, |message| {
                    extract(message).wrapper.recipient = Asid::parse("999999999999").unwrap();
                })
            })
            .broken("author1 none", || {
                edited(SMALL, ANSWER, |message| ack(message).wrapper.author = None)
            }),
        Case::new("SND-58", || trace_of("duplicate/continue-delivered-twice"))
            .broken("was posted again though Spine had it", || {
                posted_again(trace_of("duplicate/continue-delivered-twice"), fragment(2))
            }),
        Case::new("SND-66", || trace_of(BOTH))
            .broken("of another conversation in EHR extract", others_number)
            .broken("holds a document of another patient", others_document),
        Case::new("SND-73", || trace_of(CHUNKED))
            .broken("after 25 h 0 min", || {
                trace_of(SMALL).delay(EXTRACT, Duration::from_hours(25))
            })
            .broken("fragment", || {
                trace_of(CHUNKED).delay(fragment(4), Duration::from_hours(26))
            })
            .broken("no extract and no refusal", || {
                trace_of(SMALL).drop(EXTRACT).drop(ANSWER)
            }),
        Case::new("SND-79", || trace_of("transfer/small-record-vision"))
            .broken("TimeToLive 1970-01-01T00:00:00Z on EHR extract", || {
                edited(SMALL, EXTRACT, |message| {
                    message.header.time_to_live = Some(Time::from_micros(0));
                })
            })
            .broken("was sent", || {
                edited(SMALL, REQUEST, |message| {
                    message.header.time_to_live = Some(Time::from_micros(0));
                })
            }),
        Case::new("SND-63", || trace_of("outage/spine-10-minutes"))
            .broken("posted once, and Spine did not take it", || {
                once_only("outage/spine-10-minutes")
            })
            .broken("another header", || {
                repeated(
                    "outage/spine-10-minutes",
                    "<eb:Timestamp>",
                    "2026-01-05T10:00:00Z",
                )
            }),
        Case::new("SND-64", || trace_of("outage/spine-10-minutes"))
            .broken("given up after 1 posts", || {
                once_only("outage/spine-10-minutes")
            })
            .broken("posted again", || {
                posted_again(trace_of("outage/spine-10-minutes"), EXTRACT)
            })
            .broken("EHR extract 0BADC0DE", || {
                trace_of("outage/spine-10-minutes").also(EXTRACT, Dialect::NationalMhs, rename)
            }),
        Case::new("SND-31", || trace_of(CHUNKED))
            .broken("before it", || {
                trace_of(CHUNKED).move_before(fragment(1), CONTINUE)
            })
            .broken("no Continue reached the sending system", || {
                trace_of(CHUNKED).drop(CONTINUE)
            }),
    ]
}

fn elsewhere(message: &mut Message) {
    message.header.conversation_id = ConversationId::parse(STRANGE).unwrap();
}

fn rename(message: &mut Message) {
    message.header.message_id = EbxmlMessageId::parse(STRANGE).unwrap();
}

/// The second extract says that it is of the first patient.
fn others_number() -> Taken {
    let first = patient(1);
    edited(
        BOTH,
        Pick(Role::Sending, MessageKind::EhrExtract, 2),
        |message| extract(message).patient = first,
    )
}

fn patient(nth: usize) -> NhsNumber {
    let view = trace_of(BOTH).view();
    let request = view
        .sent_by(Role::Requesting)
        .filter_map(|post| post.seen()?.request())
        .nth(nth - 1);
    request.expect("there are two").patient
}

/// What was held of one is held of the other.
fn others_document() -> Taken {
    let (first, second) = (patient(1), patient(2));
    trace_of(BOTH).events(|events| {
        for event in events {
            if let What::Held { patient, .. } = &mut event.what {
                *patient = if *patient == first { second } else { first };
            }
        }
    })
}

/// Every post of the extract but the first never was.
fn once_only(scenario: &str) -> Taken {
    let taken = trace_of(scenario);
    let view = taken.view();
    let first = taken.trace.events[taken.index_of(EXTRACT)].seq;
    let id = view
        .posts
        .iter()
        .find(|post| post.seq == first)
        .and_then(|post| post.message_id())
        .cloned();
    let gone: Vec<u64> = view
        .posts
        .iter()
        .filter(|post| post.seq != first && post.message_id() == id.as_ref())
        .map(|post| post.seq)
        .collect();
    taken.events(|events| {
        let exchanges: Vec<_> = events
            .iter()
            .filter(|event| gone.contains(&event.seq))
            .filter_map(Event::exchange)
            .collect();
        events.retain(|event| {
            event
                .exchange()
                .is_none_or(|number| !exchanges.contains(&number))
        });
    })
}
