//! The table of breaches.

use std::time::Duration;

use gp2gp_model::plan::Role;
use gp2gp_model::trace::{Observation, What};
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_model::{Dialect, MessageKind};
use gp2gp_wire::hl7::AckType;

use super::directory::directory;
use super::forge::*;
use super::strange::strange;
use super::support::tamper::{Pick, Taken};
use super::support::trace_of;

/// A breach: what is done to the trace of a scenario, and what must be seen then.
pub(crate) struct Case {
    pub(crate) requirement: &'static str,
    pub(crate) scenario: &'static str,
    tamper: fn(Taken) -> Taken,
    seen: &'static str,
}

pub(super) const fn case(
    requirement: &'static str,
    scenario: &'static str,
    tamper: fn(Taken) -> Taken,
    seen: &'static str,
) -> Case {
    Case {
        requirement,
        scenario,
        tamper,
        seen,
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = strange();
    cases.extend(directory());
    cases.extend([
        case(
            "RCV-04",
            SMALL,
            |t| edit_request(t, "9990000999", "Z99902"),
            "asks for NHS number 9990000999",
        ),
        case(
            "RCV-04",
            SMALL,
            |t| {
                let patient = t.view().patients[0].patient.to_string();
                edit_request(t, &patient, "Z99903")
            },
            "at practice Z99903",
        ),
        case(
            "RCV-05",
            SMALL,
            |t| {
                edit(t, ack(1), |message| {
                    message.header.conversation_id = STRANGER.parse().expect("an id");
                })
            },
            STRANGER,
        ),
        case(
            "RCV-06",
            "outage/request-ack-lost",
            |t| refuse(t, 1, "09"),
            "refusal with 09",
        ),
        case(
            "RCV-06",
            SMALL,
            |t| without_decision(refuse(t, 1, "99")),
            "refusal with 99",
        ),
        case(
            "RCV-07",
            "refusal/patient-not-held",
            |t| {
                t.also(REQUEST, Dialect::NationalMhs, rename).delay(
                    Pick(Role::Requesting, MessageKind::EhrRequest, 2),
                    Duration::from_secs(60),
                )
            },
            SECOND,
        ),
        case(
            "RCV-07",
            "refusal/patient-not-held",
            |t| {
                observed(t, |observation| {
                    if let Observation::Transfer { state, .. } = observation {
                        "waits for the record".clone_into(state);
                    }
                })
            },
            "`waits for the record`",
        ),
        case(
            "RCV-08",
            SMALL,
            |t| refer(t, ack(1), STRANGER),
            "which never came",
        ),
        case("RCV-11", COPY, |t| t.drop(ack(1)), "AA in message"),
        case("RCV-11", COPY, |t| refuse(t, 1, "99"), "refusal with 99"),
        case(
            "RCV-11",
            COPY,
            |t| t.also(ack(1), Dialect::NationalMhs, rename),
            "2 with 12",
        ),
        case("RCV-12", COPY, |t| t.drop(ack(2)), "none that names it"),
        case(
            "RCV-13",
            "duplicate/core-delivered-twice",
            refuse_redelivery,
            "HTTP 500",
        ),
        case(
            "RCV-13",
            "duplicate/core-delivered-twice",
            |t| t.also(ack(1), Dialect::NationalMhs, rename),
            "2 of kind acknowledgement",
        ),
        case(
            "RCV-13",
            SPLIT,
            |t| t.also(ack(3), Dialect::NationalMhs, rename),
            SECOND,
        ),
        case(
            "RCV-15",
            SPLIT,
            |t| t.also(CONTINUE, Dialect::NationalMhs, rename),
            "2 Continues",
        ),
        case("RCV-15", SPLIT, |t| t.drop(CONTINUE), "no Continue"),
        case(
            "RCV-16",
            SMALL,
            |t| {
                t.also(ack(1), Dialect::NationalMhs, |message| {
                    rename(message);
                    make_continue(message);
                })
            },
            SECOND,
        ),
        case(
            "RCV-17",
            SPLIT,
            |t| edit_continue(t, |message| "1".clone_into(&mut message.detail_code)),
            "inner code `1`",
        ),
        case(
            "RCV-17",
            SPLIT,
            |t| edit_continue(t, |message| message.fragment.in_order = false),
            "another order",
        ),
        case(
            "RCV-17",
            SPLIT,
            |t| {
                edit_continue(t, |message| {
                    message.fragment.recipients = vec!["Z99903".parse().expect("a code")];
                })
            },
            "Recipient `Z99903`",
        ),
        case(
            "RCV-18",
            SPLIT,
            |t| {
                edit_continue(t, |message| {
                    message.message_ref = STRANGER.parse().expect("an id");
                })
            },
            STRANGER,
        ),
        case("RCV-20", SPLIT, |t| t.drop(ack(2)), "none"),
        case(
            "RCV-20",
            SPLIT,
            |t| t.also(ack(2), Dialect::NationalMhs, rename),
            "2: AA",
        ),
        case(
            "RCV-23",
            SPLIT,
            |t| t.move_before(ack(5), fragment(5)),
            "AA in message",
        ),
        case(
            "RCV-24",
            "outage/fragment-lost",
            |t| refuse(t, 3, "30"),
            "refusal with 30",
        ),
        case(
            "RCV-25",
            SPLIT,
            damage_documents,
            "stored with 300000 bytes",
        ),
        case("RCV-26", SPLIT, cut_documents, "stored with 150000 bytes"),
        case("RCV-27", INLINE, cut_texts, "stored with"),
        case(
            "RCV-28",
            "form/original-base64",
            cut_documents,
            "stored with",
        ),
        case(
            "RCV-29",
            INLINE,
            |t| {
                stored(t, |document| {
                    "application/octet-stream".clone_into(document.media_type);
                })
            },
            "type application/octet-stream",
        ),
        case(
            "RCV-29",
            INLINE,
            |t| stored(t, |document| document.file_name.push_str(".bin")),
            ".bin`",
        ),
        case(
            "RCV-30",
            "transfer/small-record-vision",
            forget_documents,
            "not stored",
        ),
        case(
            "RCV-32",
            "transfer/loose-descriptions",
            forget_all_but_images,
            "not stored",
        ),
        case(
            "RCV-34",
            "transfer/skeleton-in-fragments",
            file_skeleton,
            "the skeleton itself stored",
        ),
        case(
            "RCV-34",
            "transfer/skeleton-in-fragments",
            forget_everything,
            "no stored document",
        ),
        case(
            "RCV-35",
            "transfer/placeholder",
            |t| stored(t, |document| *document.placeholder = false),
            "stored like any document",
        ),
        case(
            "RCV-36",
            "transfer/same-file-name",
            forget_one,
            "4 of them stored",
        ),
        case(
            "RCV-36",
            "transfer/same-document-id",
            forget_letter,
            "1 of them stored",
        ),
        case(
            "RCV-37",
            "transfer/two-patients-at-once",
            mix_patients,
            "of another conversation stored",
        ),
        case(
            "RCV-38",
            "outage/continue-lost",
            |t| t.delay(ack(1), Duration::from_secs(7_200)),
            "2h too late",
        ),
        case(
            "RCV-38",
            "outage/continue-lost",
            |t| {
                t.move_before(ack(1), Pick(Role::Sending, MessageKind::Acknowledgement, 1))
                    .delay(ack(1), Duration::from_secs(3_600))
            },
            "1h too late",
        ),
        case(
            "RCV-39",
            "outage/fragment-lost",
            |t| t.delay(ack(5), Duration::from_secs(86_400)),
            "1d too late",
        ),
        case(
            "RCV-40",
            "outage/fragment-lost",
            |t| refuse(t, 5, "99"),
            "refusal with 99",
        ),
        case(
            "RCV-40",
            "outage/continue-lost",
            |t| t.drop(ack(1)),
            "no acknowledgement",
        ),
        case(
            "RCV-42",
            "outage/fragment-lost",
            |t| accept(t, 5),
            "AA in message",
        ),
        case(
            "RCV-42",
            "outage/continue-lost",
            |t| t.drop(ack(1)),
            "no acknowledgement",
        ),
        case("RCV-43", SMALL, |t| t.drop(ack(1)), "no AA"),
        case(
            "RCV-43",
            SMALL,
            |t| t.also(ack(1), Dialect::NationalMhs, rename),
            "2: AA",
        ),
        case(
            "RCV-43",
            SMALL,
            without_decision,
            "before any such decision",
        ),
        case("RCV-43", SMALL, |t| refuse(t, 1, "11"), "refusal with 11"),
        case("RCV-43", SPLIT, |t| t.lose(fragment(2)), "1 had not come"),
        case(
            "RCV-44",
            "people/fails-to-integrate",
            |t| accept(t, 1),
            "AA in message",
        ),
        case(
            "RCV-44",
            "people/fails-to-integrate",
            |t| t.drop(ack(1)),
            "no answer",
        ),
        case(
            "RCV-45",
            "people/suppress",
            |t| accept(t, 1),
            "AA in message",
        ),
        case(
            "RCV-45",
            "people/suppress",
            |t| {
                t.also(ack(1), Dialect::NationalMhs, |message| {
                    rename(message);
                    edit_ack(message, make_positive);
                })
            },
            "AA in message",
        ),
        case(
            "RCV-46",
            "people/reject-new-patient",
            |t| refuse(t, 1, "17"),
            "refusal with 17",
        ),
        case(
            "RCV-46",
            "people/reject-returning-patient",
            |t| refuse(t, 1, "28"),
            "refusal with 28",
        ),
        case(
            "RCV-47",
            "people/reject-new-patient",
            |t| refuse(t, 1, "26"),
            "refusal with 26",
        ),
        case(
            "RCV-48",
            "people/reject-new-patient",
            |t| refuse(t, 1, "05"),
            "refusal with 05",
        ),
        case(
            "RCV-48",
            "people/reject-new-patient",
            |t| refuse(t, 1, "5"),
            "refusal with 5",
        ),
        case(
            "RCV-49",
            "people/reject-new-patient",
            |t| {
                edit(t, ack(1), |message| {
                    edit_ack(message, |ack| ack.type_code = AckType::Ar);
                })
            },
            "type AR",
        ),
        case(
            "RCV-49",
            "people/reject-new-patient",
            without_reason,
            "code in detail only",
        ),
        case(
            "RCV-49",
            "people/reject-new-patient",
            |t| edit_reason(t, |reason| reason.qualifier = None),
            "qualifier none",
        ),
        case(
            "RCV-49",
            "people/reject-new-patient",
            |t| edit_reason(t, |reason| reason.code_system = Some("1.2.3".to_owned())),
            "code system 1.2.3",
        ),
        case(
            "RCV-50",
            SMALL,
            |t| {
                edit(t, ack(1), |message| {
                    edit_ack(message, |ack| ack.reason = Some(reason("99")));
                })
            },
            "with reason 99",
        ),
        case(
            "RCV-51",
            "people/reject-new-patient",
            |t| {
                edit_reason(t, |reason| {
                    reason.display_name = Some("went wrong".to_owned());
                })
            },
            "`went wrong`",
        ),
        case(
            "RCV-54",
            "outage/continue-lost",
            |t| {
                t.also(CONTINUE, Dialect::NationalMhs, rename).delay(
                    Pick(Role::Requesting, MessageKind::Continue, 2),
                    Duration::from_secs(11 * 3_600 + 601),
                )
            },
            SECOND,
        ),
        case(
            "RCV-55",
            SMALL,
            |t| {
                edit(t, ack(1), |message| {
                    edit_ack(message, |ack| {
                        ack.wrapper.recipient = ack.wrapper.sender.clone();
                    });
                })
            },
            "to ASID",
        ),
        case(
            "RCV-56",
            "outage/spine-down-at-final-ack",
            drop_retries,
            "posted 1 time, never taken",
        ),
        case(
            "RCV-56",
            "outage/spine-down-at-final-ack",
            change_retry,
            "digest",
        ),
        case(
            "RCV-56",
            "outage/spine-down-at-final-ack",
            |t| t.also(ack(1), Dialect::NationalMhs, rename),
            SECOND,
        ),
        case(
            "RCV-60",
            "transfer/small-record-tpp-to-emis",
            damage_everything,
            "not stored",
        ),
        case(
            "RCV-60",
            INLINE,
            |t| {
                stored(t, |document| {
                    *document.file_name = document.file_name.replace('Ü', "?");
                })
            },
            "`?berweisung",
        ),
        case(
            "RCV-61",
            "transfer/very-large-record",
            drop_last_ack,
            "no answer",
        ),
        case(
            "RCV-67",
            "people/filed-on-the-second-day",
            |t| {
                t.events(|events| {
                    events.retain(|event| !matches!(event.what, What::Alerted { .. }));
                })
            },
            "told 0 times",
        ),
        case(
            "RCV-67",
            "people/filed-on-the-second-day",
            |t| {
                t.events(|events| {
                    for event in events {
                        if matches!(event.what, What::Alerted { .. }) {
                            event.at = event.at.before(Duration::from_hours(3));
                        }
                    }
                })
            },
            "told 179 min before that",
        ),
        case("RCV-64", INLINE, forget_documents, "not stored"),
        case(
            "RCV-64",
            SPLIT,
            damage_documents,
            "stored with 300000 bytes",
        ),
        case(
            "RCV-64",
            "limits/receiver-document/size=200001",
            forget_placeholders,
            "not stored",
        ),
        case(
            "RCV-09",
            "hostile/extract-not-xml",
            |t| refuse(t, 1, "99"),
            "refusal with 99",
        ),
        case(
            "RCV-09",
            "hostile/extract-with-doctype",
            |t| t.drop(ack(1)),
            "no acknowledgement",
        ),
        case(
            "RCV-21",
            "hostile/fragment-not-xml",
            |t| refuse(t, 5, "99"),
            "on the fragment refusal with 99",
        ),
        case(
            "RCV-21",
            "hostile/fragment-without-its-part",
            |t| t.drop(ack(6)),
            "on the core no acknowledgement",
        ),
        case(
            "RCV-22",
            "hostile/fragment-bad-base64",
            |t| refuse(t, 4, "30"),
            "refusal with 30",
        ),
        case(
            "RCV-22",
            "hostile/fragment-with-gzip-bomb",
            |t| accept(t, 3),
            "on the core AA",
        ),
        case(
            "RCV-54",
            "hostile/fragment-bad-base64",
            |t| {
                t.also(ack(5), Dialect::NationalMhs, rename)
                    .delay(ack(6), Duration::from_secs(1))
            },
            SECOND,
        ),
        case(
            "RCV-58",
            "hostile/extract-with-entity-bomb",
            |t| t.drop(ack(2)),
            "no answer",
        ),
        case(
            "RCV-58",
            "hostile/extract-cut-short",
            |t| unanswered(t, Pick(Role::Sending, MessageKind::EhrExtract, 2)),
            "never taken over",
        ),
        case(
            "RCV-63",
            "hostile/extract-with-entity-bomb",
            |t| accept(t, 1),
            "AA in message",
        ),
        case(
            "RCV-63",
            "hostile/extract-with-nested-multipart",
            |t| t.drop(ack(1)),
            "no answer",
        ),
        case(
            "RCV-63",
            "hostile/fragment-with-gzip-bomb",
            |t| accept(t, 3),
            "AA in message",
        ),
        case(
            "RCV-63",
            "hostile/extract-with-doctype",
            unanswered_first,
            "no answer to its delivery",
        ),
    ]);
    cases
}

impl Case {
    /// How the check fails to see the breach.
    pub(crate) fn miss(&self) -> Option<String> {
        let falsified = (self.tamper)(trace_of(self.scenario));
        let assessment = falsified.assess(self.requirement, Profile::Strict);
        let is_seen = match &assessment {
            Assessment::Broken(violations) => {
                violations.iter().all(|violation| violation.event.is_some())
                    && violations
                        .iter()
                        .any(|violation| violation.seen.contains(self.seen))
            }
            Assessment::Held { .. } | Assessment::NotExercised(_) | Assessment::Undecided(_) => {
                false
            }
        };
        (!is_seen).then(|| {
            format!(
                "{} in {} does not see `{}`: {assessment:#?}",
                self.requirement, self.scenario, self.seen
            )
        })
    }
}
