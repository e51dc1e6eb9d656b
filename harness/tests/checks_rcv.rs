//! Every check of the requesting system, and of what it makes of the directories, holds on a healthy trace and breaks on one that was
//! falsified in just the way that the requirement forbids.

#![cfg(test)]

#[path = "checks_rcv/cases.rs"]
mod cases;
#[path = "checks_rcv/directory.rs"]
mod directory;
#[path = "checks_rcv/forge.rs"]
mod forge;
#[path = "checks_rcv/strange.rs"]
mod strange;
mod support;

use std::collections::BTreeSet;

use gp2gp::check::rcv;
use gp2gp::driver::Sut;
use gp2gp_mocks::RequestingDefect;
use gp2gp_model::plan::{Decision, Role};
use gp2gp_model::trace::{Observation, What};
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_model::{Dialect, MessageKind};
use gp2gp_wire::hl7::AckType;

use cases::{Case, cases};
use forge::*;
use support::tamper::Taken;
use support::{plan, run, trace_of};

#[test]
fn every_check_holds_on_a_healthy_trace() {
    for Case {
        requirement,
        scenario,
        ..
    } in cases()
    {
        let assessment = trace_of(scenario).assess(requirement, Profile::Strict);
        assert!(
            matches!(assessment, Assessment::Held { occasions: 1.., .. }),
            "{requirement} in {scenario}: {assessment:#?}"
        );
    }
}

#[test]
fn every_check_breaks_on_the_breach_that_it_is_about() {
    let wrong: Vec<String> = cases().iter().filter_map(|case| case.miss()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_covers_every_check() {
    let covered: BTreeSet<_> = cases().iter().map(|case| case.requirement).collect();
    // DIR-09 is about the sending system.
    let of_directory = (gp2gp::check::all().into_iter())
        .map(|check| check.requirement)
        .filter(|requirement| requirement.starts_with("DIR-") && *requirement != "DIR-09");
    let all: BTreeSet<_> = (rcv::checks().iter())
        .map(|check| check.requirement)
        .chain(of_directory)
        .collect();
    assert_eq!(covered, all);
}

#[test]
fn the_field_profile_takes_ar_and_a_code_in_either_place() {
    let strict = |taken: &Taken| taken.assess("RCV-49", Profile::Strict);
    let field = |taken: &Taken| taken.assess("RCV-49", Profile::Field);
    let taken = edit(
        without_reason(trace_of("people/reject-new-patient")),
        ack(1),
        |message| {
            edit_ack(message, |ack| ack.type_code = AckType::Ar);
        },
    );
    assert!(matches!(strict(&taken), Assessment::Broken(_)));
    assert!(matches!(field(&taken), Assessment::Held { .. }));
    let silent = edit(taken, ack(1), |message| {
        edit_ack(message, |ack| ack.detail = None);
    });
    assert!(matches!(field(&silent), Assessment::Broken(_)));
}

#[test]
fn a_fragment_may_be_refused_only_above_the_total_that_is_declared() {
    let refused = refuse(trace_of("limits/receiver-total/size=200000"), 1, "30");
    let assess = |taken: &Taken| taken.assess("RCV-66", Profile::Strict);
    let Assessment::Broken(violations) = assess(&refused) else {
        panic!("600 KB came and are declared, and a piece was refused");
    };
    assert!(
        violations[0].seen.starts_with("refusal with 30"),
        "{violations:#?}"
    );
    let mut smaller = refused;
    let practices = smaller.trace.header.practices.as_mut();
    practices.expect("a run knows them").caps.total_bytes = Some(599_999);
    assert!(matches!(assess(&smaller), Assessment::Held { .. }));
}

/// 4h 10m and one message of 7h from 09:00 on, where five were promised in the end.
#[test]
fn a_timeout_at_the_wrong_time_is_told_with_its_arithmetic_and_what_was_not_counted() {
    let sut = Sut::broken(RequestingDefect::IndexNotCounted.into());
    let taken = run(&plan("outage/fragment-lost"), &sut);
    for requirement in ["RCV-38", "RCV-39"] {
        let Assessment::Broken(violations) = taken.assess(requirement, Profile::Strict) else {
            panic!("{requirement} is broken");
        };
        let [violation] = violations.as_slice() else {
            panic!("{violations:#?}");
        };
        let due = "is refused at 2026-01-07T00:10:01.000000Z. The time counts from the ebXML Timestamp of the core, 2026-01-05T09:00:01.000000Z. It is the persist duration of the extract, 4h 10m, plus 5 times the persist duration of a fragment, 7h: one for each promised message (1 by the core itself, and 4 more by what an index announced)";
        assert!(violation.expected.ends_with(due), "{violation:#?}");
        let came = ", 1d 4h too early. That is the time computed for the 1 message that the core itself promises, without the 4 that an index announced";
        assert!(violation.seen.ends_with(came), "{violation:#?}");
        let view = taken.view();
        let kinds: Vec<_> = (violation.with.iter())
            .map(|event| {
                let mut posts = view.posts.iter();
                posts
                    .find(|post| post.seq == *event)
                    .expect("a post")
                    .kind()
            })
            .collect();
        let told = [
            MessageKind::EhrExtract,
            MessageKind::Continue,
            MessageKind::Fragment,
        ];
        assert_eq!(kinds, told.map(Some), "{violation:#?}");
    }
}

#[test]
fn a_placeholder_for_a_document_within_the_declared_limit_is_a_loss() {
    let mut taken = trace_of("limits/receiver-document/size=200001");
    let practices = taken.trace.header.practices.as_mut();
    practices.expect("a run knows them").caps.document_bytes = Some(200_001);
    assert!(matches!(
        taken.assess("RCV-64", Profile::Strict),
        Assessment::Broken(_)
    ));
}

#[test]
fn a_missing_final_acknowledgement_is_undecided_in_a_run_that_was_cut_off() {
    let cut = trace_of(SMALL).drop(ack(1)).events(|events| {
        for event in events {
            if let What::Ended { quiescent } = &mut event.what {
                *quiescent = false;
            }
        }
    });
    let assessment = cut.assess("RCV-43", Profile::Strict);
    assert!(
        matches!(assessment, Assessment::Undecided(_)),
        "{assessment:#?}"
    );
}

#[test]
fn what_is_not_recorded_is_no_violation() {
    for scenario in [
        SMALL,
        SPLIT,
        COPY,
        "outage/fragment-lost",
        "people/suppress",
    ] {
        let recorded = as_recording(trace_of(scenario), |kind| {
            kind != MessageKind::Acknowledgement
        });
        for check in rcv::checks() {
            let assessment = (check.assess)(&recorded.view(), Profile::Strict);
            assert!(
                !matches!(assessment, Assessment::Broken(_) | Assessment::Undecided(_)),
                "{} in a recording of {scenario}: {assessment:#?}",
                check.requirement
            );
        }
    }
    let without_end = as_recording(trace_of(SMALL).drop(ack(1)), |_| true);
    assert!(matches!(
        without_end.assess("RCV-43", Profile::Strict),
        Assessment::NotExercised(_)
    ));
}

#[test]
fn what_a_recording_proves_is_judged() {
    for (requirement, scenario, tamper, seen) in [
        (
            "RCV-43",
            SMALL,
            (|t| t.also(ack(1), Dialect::NationalMhs, rename)) as fn(Taken) -> Taken,
            "2: AA",
        ),
        (
            "RCV-15",
            SPLIT,
            |t| t.also(CONTINUE, Dialect::NationalMhs, rename),
            "2 Continues",
        ),
        (
            "RCV-20",
            SPLIT,
            |t| t.also(ack(2), Dialect::NationalMhs, rename),
            "2: AA",
        ),
        (
            "RCV-18",
            SPLIT,
            |t| {
                edit_continue(t, |message| {
                    message.message_ref = STRANGER.parse().expect("an id");
                })
            },
            STRANGER,
        ),
        (
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
    ] {
        let recorded = as_recording(tamper(trace_of(scenario)), |_| true);
        let Assessment::Broken(violations) = recorded.assess(requirement, Profile::Strict) else {
            panic!("{requirement} is not broken in a recording of {scenario}");
        };
        assert!(
            violations[0].seen.contains(seen),
            "{requirement}: {violations:#?}"
        );
    }
}

#[test]
fn a_fragment_that_spine_lost_is_not_the_receivers_fault() {
    let taken = trace_of("outage/fragment-lost");
    for requirement in ["RCV-20", "RCV-43"] {
        let assessment = taken.assess(requirement, Profile::Strict);
        assert!(
            !matches!(assessment, Assessment::Broken(_)),
            "{requirement}: {assessment:#?}"
        );
    }
}

#[test]
fn a_late_chunk_after_a_gap_is_an_occasion_for_any_order() {
    let assessment = trace_of("outage/fragment-lost").assess("RCV-24", Profile::Strict);
    assert!(
        matches!(assessment, Assessment::Held { occasions: 2, .. }),
        "{assessment:#?}"
    );
}

/// Two pieces that are under way at the same time may be taken in any order.
#[test]
fn of_pieces_under_way_at_once_any_may_be_the_last() {
    let at_once = || {
        let taken = trace_of("hostile/last-fragment-cut-short");
        accept(answer_after(taken, fragment(3), fragment(4)), 4)
    };
    let either = refuse(at_once(), 3, "29").assess("RCV-23", Profile::Strict);
    assert!(matches!(either, Assessment::Held { .. }), "{either:#?}");
    let neither = at_once().assess("RCV-23", Profile::Strict);
    assert!(matches!(neither, Assessment::Broken(_)), "{neither:#?}");
    // One after the other: the last is the last.
    let taken = accept(trace_of("hostile/last-fragment-cut-short"), 4);
    let earlier = refuse(taken, 3, "29").assess("RCV-23", Profile::Strict);
    assert!(matches!(earlier, Assessment::Broken(_)), "{earlier:#?}");
}

#[test]
fn a_core_with_a_damaged_letter_is_not_refused_for_want_of_an_acknowledgement() {
    let taken = trace_of("hostile/extract-bad-base64");
    let held = taken.assess("RCV-06", Profile::Strict);
    assert!(matches!(held, Assessment::Held { .. }), "{held:#?}");
    let without_reason = refuse(taken, 1, "99").assess("RCV-06", Profile::Strict);
    assert!(matches!(without_reason, Assessment::Broken(_)));
}

#[test]
fn what_is_refused_after_the_end_or_for_its_damage_says_nothing_about_order() {
    for scenario in ["hostile/fragment-not-xml", "hostile/fragment-bad-base64"] {
        let assessment = trace_of(scenario).assess("RCV-24", Profile::Strict);
        assert!(
            !matches!(assessment, Assessment::Broken(_)),
            "{scenario}: {assessment:#?}"
        );
    }
}

#[test]
fn deployed_handlers_may_say_that_they_have_an_expired_message_and_do_nothing_with_it() {
    let taken = answer_like(trace_of("late/expired-fragment"), fragment(2), fragment(1));
    let field = taken.assess("RCV-65", Profile::Field);
    assert!(matches!(field, Assessment::Held { .. }), "{field:#?}");
}

#[test]
fn another_patients_record_may_be_filed_by_people_who_see_whose_it_is() {
    let taken = trace_of("stranger/another-patient");
    let decided = decide_before(accept(taken, 1), 1, Decision::Integrate);
    let view = decided.view();
    let mut cores = view.delivered_to(Role::Requesting);
    let named = cores.find_map(|post| Some(post.seen()?.extract()?.patient));
    let named = named.expect("a core");
    let shown = observed(decided, |observation| {
        if let Observation::Transfer { state, .. } = observation {
            *state = format!("integrated; warning: the record is of NHS number {named}");
        }
    });
    let assessment = shown.assess("RCV-52", Profile::Strict);
    assert!(
        matches!(assessment, Assessment::Held { .. }),
        "{assessment:#?}"
    );
}
