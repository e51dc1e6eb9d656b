//! Whom the checks must not blame: a sending system for what it could not know, a system of the
//! field for its style, a recording for what it does not hold.

use gp2gp::check::View;
use gp2gp::driver::Sut;
use gp2gp::recording;
use gp2gp_mocks::{RequestingDefect, SendingDefect};
use gp2gp_model::plan::Role;
use gp2gp_model::trace::What;
use gp2gp_model::verdict::{Assessment, Profile, Violation};
use gp2gp_model::{Dialect, MessageKind, ResponseCode};
use gp2gp_wire::hl7::Acknowledgement;

use crate::beside;
use crate::support::tamper::{Pick, Taken};
use crate::support::{plan, run, trace_of};
use crate::table::{
    ANSWER, CHUNKED, CONTINUE, EXTRACT, INLINE, REFUSED, SMALL, ack, edited, fragment,
};

/// What the requesting system says of the first fragment.
const FIRST_FRAGMENT_ACK: Pick = Pick(Role::Requesting, MessageKind::Acknowledgement, 1);

fn is_broken(taken: &Taken, requirement: &str, profile: Profile) -> bool {
    matches!(taken.assess(requirement, profile), Assessment::Broken(_))
}

/// Everything that the checks of the sending system find wrong.
fn breaches(view: &View) -> Vec<(&'static str, Vec<Violation>)> {
    gp2gp::check::snd::checks()
        .iter()
        .filter_map(|check| match (check.assess)(view, Profile::Strict) {
            Assessment::Broken(violations) => Some((check.requirement, violations)),
            Assessment::Held { .. } | Assessment::NotExercised(_) | Assessment::Undecided(_) => {
                None
            }
        })
        .collect()
}

#[test]
fn a_message_lost_by_spine_is_not_the_senders_fault() {
    for lost in [EXTRACT, ANSWER, fragment(3)] {
        let found = breaches(&trace_of(CHUNKED).lose(lost).view());
        assert!(found.is_empty(), "{lost:?}: {found:#?}");
    }
}

#[test]
fn nothing_promised_is_due_without_a_continue() {
    let taken = trace_of("outage/continue-lost");
    assert!(!is_broken(&taken, "SND-32", Profile::Strict));
    let taken = trace_of(CHUNKED).lose(CONTINUE);
    assert!(!is_broken(&taken, "SND-32", Profile::Strict));
}

#[test]
fn a_run_that_was_cut_off_leaves_nothing_due() {
    let cut = |scenario: &str| {
        trace_of(scenario).drop(ANSWER).events(|events| {
            for event in events {
                if let What::Ended { quiescent } = &mut event.what {
                    *quiescent = false;
                }
            }
        })
    };
    for (scenario, requirement) in [
        (SMALL, "SND-14"),
        (SMALL, "SND-15"),
        (REFUSED, "SND-48"),
        (SMALL, "SND-43"),
    ] {
        assert!(
            !is_broken(&cut(scenario), requirement, Profile::Strict),
            "{requirement}"
        );
    }
}

#[test]
fn the_field_takes_a_code_in_one_place_and_the_specification_does_not() {
    for dialect in [Dialect::Emis, Dialect::Tpp, Dialect::Vision] {
        let taken = edited(REFUSED, ANSWER, |message| {
            let strict = ack(message).clone();
            *ack(message) = Acknowledgement::negative(
                strict.wrapper,
                strict.message_ref,
                ResponseCode::from("06"),
                dialect,
            );
        });
        assert!(is_broken(&taken, "SND-49", Profile::Strict), "{dialect}");
        assert!(!is_broken(&taken, "SND-49", Profile::Field), "{dialect}");
    }
}

#[test]
fn the_field_takes_a_bare_file_name_as_description() {
    let taken = edited(INLINE, EXTRACT, |message| {
        message.attachments[0].description = Some("letter.rtf".to_owned());
    });
    assert!(is_broken(&taken, "SND-28", Profile::Strict));
    assert!(!is_broken(&taken, "SND-28", Profile::Field));
}

#[test]
fn a_transfer_that_ended_because_a_fragment_was_refused_leaves_nothing_due() {
    let broken = run(
        &plan("outage/fragment-lost"),
        &Sut::broken(SendingDefect::FragmentDropped.into()),
    );
    assert!(is_broken(&broken, "SND-32", Profile::Strict));
    let refused = broken.edit(FIRST_FRAGMENT_ACK, Dialect::NationalMhs, |message| {
        let positive = ack(message).clone();
        *ack(message) = Acknowledgement::negative(
            positive.wrapper,
            positive.message_ref,
            ResponseCode::from("30"),
            Dialect::NationalMhs,
        );
    });
    assert!(!is_broken(&refused, "SND-32", Profile::Strict));
}

#[test]
fn a_continue_after_the_end_leaves_nothing_due() {
    let taken = run(
        &plan("outage/continue-lost"),
        &Sut::broken(RequestingDefect::LateAckRevives.into()),
    );
    let kinds = taken.view();
    let continues = (kinds.posted_by(Role::Requesting))
        .filter(|post| post.kind() == Some(MessageKind::Continue) && post.was_accepted());
    assert_eq!(
        continues.count(),
        2,
        "the second comes after a refusal with 31"
    );
    assert!(!is_broken(&taken, "SND-32", Profile::Strict));
}

#[test]
fn every_fault_of_a_real_recording_is_found_with_its_values() {
    let Some(view) = real("large-message-1") else {
        return;
    };
    let found = breaches(&view);
    for (requirement, seen) in [
        ("SND-04", "ConversationId E39E79A2"),
        ("SND-11", "eb:id `1C135B3C"),
        ("SND-12", "HL7 id C258107F"),
        ("SND-28", "the word `Attachment`"),
        ("SND-31", "of 2013-10-25T17:33:18Z before it"),
        ("SND-38", "image.tif.gz`"),
        ("SND-42", "`application/x-gzip`"),
    ] {
        let violations = found
            .iter()
            .find(|(id, _)| *id == requirement)
            .map(|(_, violations)| violations);
        let says_so = violations.is_some_and(|violations| {
            violations
                .iter()
                .any(|violation| violation.seen.contains(seen))
        });
        assert!(
            says_so,
            "{requirement} does not say `{seen}`: {violations:#?}"
        );
    }
    assert_eq!(found.len(), 7, "{found:#?}");
}

#[test]
fn one_contract_towards_two_recipients_leaves_a_recording_undecided() {
    let Some(view) = real("large-message-1") else {
        return;
    };
    let addressed = gp2gp::check::snd::checks()
        .into_iter()
        .find(|check| check.requirement == "SND-07")
        .expect("it is there");
    let assessment = (addressed.assess)(&view, Profile::Strict);
    assert!(
        matches!(&assessment, Assessment::Undecided(why) if why.contains("S2030731A2137927")),
        "{assessment:?}"
    );
}

#[test]
fn messages_recorded_in_part_are_not_blamed_for_the_rest() {
    for folder in ["single", "mhs-json"] {
        let Some(view) = real(folder) else { return };
        let found: Vec<_> = breaches(&view).into_iter().map(|(id, _)| id).collect();
        let about_style = ["SND-28", "SND-36", "SND-38"];
        assert!(
            found.iter().all(|id| about_style.contains(id)),
            "{folder}: {found:?}"
        );
    }
}

/// Spine told the sending system at once that it could not deliver; that the other patient's
/// record is never acknowledged has nothing to do with it.
#[test]
fn who_was_told_of_a_failed_delivery_need_not_wait_eight_days() {
    let plan = plan("hostile/extract-cut-short");
    let taken = run(&plan, &Sut::broken(RequestingDefect::NoFinalAck.into()));
    for requirement in ["SND-62", "SND-75"] {
        assert!(
            !is_broken(&taken, requirement, Profile::Strict),
            "{requirement}"
        );
    }
}

/// A recording of real messages, if the corpus lies beside the repository.
fn real(folder: &str) -> Option<View> {
    let folder = beside::corpus()?.join(folder);
    let recording = recording::load(&folder).expect("it loads");
    Some(View::new(&recording.trace, &recording.bodies))
}
