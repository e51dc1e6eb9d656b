//! Cases of negative acknowledgements.

use gp2gp::driver::Sut;
use gp2gp_mocks::SendingDefect;
use gp2gp_model::{Dialect, EbxmlMessageId};
use gp2gp_wire::hl7::AckType;

use crate::support::tamper::Taken;
use crate::support::{plan, run, trace_of};
use crate::table::{
    ANSWER, Case, REFUSED, REQUEST, SMALL, STRANGE, ack, between, edited, recode, text,
};

const OFF: &str = "refusal/gp2gp-off";
const EMPTY: &str = "refusal/empty-record";
const MOVED_ON: &str = "refusal/not-current-practice";
const SENDER_SMALL: &str = "refusal/sender-not-large-compliant";
const MISTYPED: &str = "refusal/wrong-check-digit";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("SND-16", || trace_of(REFUSED)).broken("EHR extract", || {
            run(
                &plan(REFUSED),
                &Sut::broken(SendingDefect::ExtractAfterNack.into()),
            )
        }),
        Case::new("SND-17", || {
            incomplete(edited(REFUSED, ANSWER, |message| recode(message, "18")))
        })
        .broken("AE 06", || incomplete(trace_of(REFUSED)))
        .broken("was sent", || incomplete(trace_of(SMALL)))
        .broken("no acknowledgement until", || {
            incomplete(trace_of(REFUSED).drop(ANSWER))
        }),
        Case::new("SND-26", || trace_of(EMPTY))
            .broken("AE 99", || {
                edited(EMPTY, ANSWER, |message| recode(message, "99"))
            })
            .broken("no acknowledgement until", || trace_of(EMPTY).drop(ANSWER))
            .broken("EHR extract", || {
                run(
                    &plan(EMPTY),
                    &Sut::broken(SendingDefect::ExtractAfterNack.into()),
                )
            }),
        Case::new("SND-48", || trace_of(REFUSED))
            .broken("code `6`", || {
                edited(REFUSED, ANSWER, |message| recode(message, "6"))
            })
            .broken("code `10`", || {
                edited(REFUSED, ANSWER, |message| recode(message, "10"))
            })
            .broken("code `06`", || {
                edited(EMPTY, ANSWER, |message| recode(message, "06"))
            })
            .broken("no acknowledgement until", || {
                trace_of(REFUSED).drop(ANSWER)
            }),
        Case::new("SND-49", || trace_of(REFUSED))
            .broken("AR, reason 06", || {
                edited(REFUSED, ANSWER, |message| {
                    ack(message).type_code = AckType::Ar;
                })
            })
            .broken("no code in acknowledgementDetail", || {
                edited(REFUSED, ANSWER, |message| ack(message).detail = None)
            })
            .broken("reason 06 without code system", || {
                edited(REFUSED, ANSWER, |message| {
                    if let Some(reason) = &mut ack(message).reason {
                        reason.code_system = None;
                    }
                })
            }),
        Case::new("SND-50", || trace_of(REFUSED)).broken("`Unknown patient`", || {
            edited(REFUSED, ANSWER, |message| {
                if let Some(detail) = &mut ack(message).detail {
                    detail.display_name = Some("Unknown patient".to_owned());
                }
            })
        }),
        Case::new("SND-69", || trace_of(SENDER_SMALL))
            .broken("AE 24", || {
                edited(SENDER_SMALL, ANSWER, |message| recode(message, "24"))
            })
            .broken("AE 14", || {
                edited(SENDER_SMALL, ANSWER, |message| recode(message, "14"))
            }),
        Case::new("SND-70", || trace_of(OFF))
            .broken("AE 99", || {
                edited(OFF, ANSWER, |message| recode(message, "99"))
            })
            .broken("no acknowledgement until", || trace_of(OFF).drop(ANSWER)),
        Case::new("SND-71", || trace_of(MOVED_ON))
            .broken("AE 06", || {
                edited(MOVED_ON, ANSWER, |message| recode(message, "06"))
            })
            .broken("EHR extract", || {
                run(
                    &plan(MOVED_ON),
                    &Sut::broken(SendingDefect::ExtractAfterNack.into()),
                )
            }),
        Case::new("SND-72", || {
            listed_twice(edited(EMPTY, ANSWER, |message| recode(message, "24")))
        })
        .broken("AE 10", || listed_twice(trace_of(EMPTY)))
        .broken("EHR extract", || unlisted(trace_of(SMALL)))
        .broken("no acknowledgement until", || {
            unlisted(trace_of(EMPTY).drop(ANSWER))
        }),
        Case::new("SND-80", || trace_of(MISTYPED))
            .broken("AE 10", || {
                edited(MISTYPED, ANSWER, |message| recode(message, "10"))
            })
            .broken("AE 18 (0BADC0DE", || {
                trace_of(MISTYPED).also(ANSWER, Dialect::NationalMhs, |message| {
                    message.header.message_id = EbxmlMessageId::parse(STRANGE).unwrap();
                })
            }),
    ]
}

/// The directory has two entries of the requesting practice.
fn listed_twice(mut taken: Taken) -> Taken {
    let practices = &mut taken.trace.header.directory.practices;
    let requesting = practices[0].clone();
    practices.push(requesting);
    taken
}

/// The directory has no entry of the requesting practice.
fn unlisted(mut taken: Taken) -> Taken {
    taken.trace.header.directory.practices.remove(0);
    taken
}

/// The request lacks its patient.
fn incomplete(taken: Taken) -> Taken {
    let whole = text(&taken, REQUEST);
    let patient = between(&whole, "<recordTarget", "</recordTarget>").to_owned();
    taken.edit_text(REQUEST, &patient, "")
}
