//! The table of breaches, continued: registrations, and extracts that are not what was expected.

use std::time::Duration;

use gp2gp_model::plan::{Decision, Role};
use gp2gp_model::{Dialect, MessageKind};

use super::cases::{Case, case};
use super::forge::*;
use super::support::tamper::Pick;

pub(crate) fn strange() -> Vec<Case> {
    vec![
        case(
            "RCV-01",
            "registration/nobody-to-ask",
            |t| request_for(t, 0),
            "to practice Z99902",
        ),
        case(
            "RCV-01",
            "registration/nobody-to-ask",
            |t| request_for(t, 2),
            "to practice Z99902",
        ),
        case(
            "RCV-02",
            "registration/pds-update-fails",
            |t| request_for(t, 0),
            "to practice Z99902",
        ),
        case(
            "RCV-03",
            "registration/no-single-address",
            |t| request_for(t, 1),
            "to practice Z99902",
        ),
        case(
            "RCV-03",
            "registration/no-single-address",
            |t| say_nothing_of(t, 0),
            "no state of this patient's transfer",
        ),
        case(
            "RCV-10",
            "stranger/unrequested",
            |t| t.drop(ack(1)),
            "no acknowledgement",
        ),
        case(
            "RCV-10",
            "stranger/unrequested",
            |t| refuse(t, 1, "21"),
            "refusal with 21",
        ),
        case(
            "RCV-10",
            "stranger/unrequested",
            |t| {
                t.also(ack(1), Dialect::NationalMhs, |message| {
                    rename(message);
                    make_continue(message);
                })
            },
            SECOND,
        ),
        case(
            "RCV-10",
            "stranger/unrequested",
            |t| store_core(t, 1),
            "`record.xml` of it stored",
        ),
        case(
            "RCV-14",
            "resend/after-failed-integration",
            |t| refuse(t, 2, "12"),
            "refusal with 12",
        ),
        case(
            "RCV-14",
            "resend/after-failed-integration",
            |t| t.drop(ack(2)),
            "no answer",
        ),
        case(
            "RCV-14",
            "resend/after-failed-integration",
            |t| without_decision(forget_everything(t.drop(ack(2)))),
            "nobody was asked",
        ),
        case(
            "RCV-19",
            "outage/continue-never-taken",
            |t| t.drop(ack(1)),
            "no acknowledgement",
        ),
        case(
            "RCV-19",
            "outage/continue-never-taken",
            |t| refuse(t, 1, "31"),
            "refusal with 31",
        ),
        case(
            "RCV-31",
            "form/percent-encoded",
            forget_documents,
            "not stored; stored are",
        ),
        case(
            "RCV-31",
            "form/percent-encoded",
            |t| {
                stored(t, |document| {
                    *document.file_name = document.file_name.replace(' ', "%20");
                })
            },
            "stored as `scan%20(page%202)%20[copy].tif`",
        ),
        case(
            "RCV-31",
            "form/percent-encoded",
            |t| refuse(t, 1, "21"),
            "refusal with 21",
        ),
        case(
            "RCV-33",
            "form/wrong-length",
            |t| refuse(t, 1, "30"),
            "refusal with 30",
        ),
        case(
            "RCV-33",
            "form/wrong-length",
            cut_documents,
            "stored with 20000 bytes",
        ),
        case(
            "RCV-41",
            "late/fragment-after-timeout",
            |t| accept(t, 5),
            "AA in message",
        ),
        case(
            "RCV-41",
            "late/fragment-after-timeout",
            |t| t.drop(ack(5)),
            "no acknowledgement",
        ),
        case(
            "RCV-41",
            "late/fragment-after-timeout",
            |t| {
                let core = id_of(&t, Pick(Role::Sending, MessageKind::EhrExtract, 1));
                t.also(ack(5), Dialect::NationalMhs, |message| {
                    rename(message);
                    edit_ack(message, |ack| {
                        make_positive(ack);
                        ack.message_ref = core.parse().expect("an id");
                    });
                })
            },
            SECOND,
        ),
        case(
            "RCV-23",
            "hostile/last-fragment-cut-short",
            |t| accept(t, 4),
            "AA in message",
        ),
        case(
            "RCV-52",
            "stranger/another-patient",
            |t| accept(t, 1),
            "nobody decided so",
        ),
        case(
            "RCV-52",
            "stranger/another-patient",
            |t| {
                show_state(
                    decide_before(accept(t, 1), 1, Decision::Integrate),
                    "integrated",
                )
            },
            "the states shown to people were `integrated`",
        ),
        case(
            "RCV-52",
            "stranger/another-patient",
            |t| store_core(t, 1),
            "`record.xml` of it stored",
        ),
        case(
            "RCV-53",
            "stranger/another-practice",
            |t| show_state(t, "integrated"),
            "`integrated`",
        ),
        case(
            "RCV-57",
            "outage/requesting-restarts-between-fragments",
            |t| {
                t.also(CONTINUE, Dialect::NationalMhs, rename).delay(
                    Pick(Role::Requesting, MessageKind::Continue, 2),
                    Duration::from_secs(180),
                )
            },
            "the second one",
        ),
        case(
            "RCV-57",
            "outage/requesting-restarts-between-fragments",
            |t| {
                let last = acks_sent(&t);
                refuse(t, last, "31")
            },
            "though everything came",
        ),
        case(
            "RCV-57",
            "outage/requesting-restarts-between-fragments",
            silent_after_restart,
            "no message of this transfer after the restart",
        ),
        case(
            "RCV-59",
            "form/conversation-in-lower-case",
            |t| refuse(t, 5, "09"),
            "refusal with 09",
        ),
        case(
            "RCV-59",
            "form/conversation-in-lower-case",
            |t| t.drop(ack(2)),
            "no acknowledgement",
        ),
        case(
            "RCV-59",
            "form/conversation-in-lower-case",
            |t| refuse(t, 2, "30"),
            "refusal with 30",
        ),
        case(
            "RCV-62",
            "refusal/blocked-by-spine",
            |t| show_state(t, "requested"),
            "`requested`",
        ),
        case(
            "RCV-62",
            "refusal/blocked-by-spine",
            |t| {
                t.also(REQUEST, Dialect::NationalMhs, rename).delay(
                    Pick(Role::Requesting, MessageKind::EhrRequest, 2),
                    Duration::from_secs(60),
                )
            },
            SECOND,
        ),
        case(
            "RCV-65",
            "late/expired-fragment",
            |t| {
                let expired = id_of(&t, fragment(2));
                refer(t, ack(2), &expired)
            },
            "AA in message",
        ),
        case(
            "RCV-65",
            "late/expired-fragment",
            |t| answer_like(t, fragment(2), fragment(1)),
            "an ebXML acknowledgment",
        ),
        case(
            "RCV-65",
            "late/expired-extract",
            |t| store_core(t, 1),
            "`record.xml` of it stored",
        ),
        case(
            "RCV-66",
            "transfer/redactions",
            |t| refuse(t, 1, "21"),
            "refusal with 21",
        ),
        case("RCV-66", SPLIT, |t| refuse(t, 1, "30"), "refusal with 30"),
        case(
            "RCV-66",
            "transfer/small-record-to-small-system",
            |t| {
                t.also(ack(1), Dialect::NationalMhs, |message| {
                    rename(message);
                    make_continue(message);
                })
            },
            SECOND,
        ),
    ]
}
