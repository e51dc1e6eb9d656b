//! Documents stay with the old practice until the new one has filed them, and a store that does not
//! delete is no reason to send anything twice (spec 50).

use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::verdict::{Assessment, Profile, Violation};

use crate::check::custody::{Life, Step, StepKind, deletes, lives, refusal_code};
use crate::check::store_calls::StoreCall;
use crate::check::transfer::transfers;
use crate::check::view::View;
use crate::check::{Tally, violation};

/// SND-76. Each document is told once, whatever shows that it was not kept.
pub(super) fn kept_until_acknowledged(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for life in &lives(view) {
        let breach = removed_too_soon(life, view)
            .or_else(|| held_by_nobody(life))
            .or_else(|| gone_unseen(life, view));
        let was_tried = deletes(std::slice::from_ref(life)).next().is_some();
        match breach {
            Some(violation) => tally.expect(false, || violation.with(life.events())),
            None if was_tried || is_kept(life, view) => {
                tally.expect(true, || Violation::new(None, "", ""));
            }
            None => {}
        }
    }
    tally.assess("nothing was deleted from the store, and no record failed to be filed")
}

/// The sending system had it deleted too soon. What the store did weighs more than what it refused.
fn removed_too_soon(life: &Life<'_>, view: &View) -> Option<Violation> {
    let calls = || life.deletes_too_soon(view);
    let call = calls()
        .find(|call| call.was_done())
        .or_else(|| calls().next())?;
    let sentences = [
        Some(deleted(life, view, call)),
        archived(life, call),
        Some(in_the_end(life)),
    ];
    Some(Violation::new(
        Some(call.seq),
        format!(
            "`{}` stays in the record of the old practice until the final positive acknowledgement of its record has come",
            life.held.file_name
        ),
        sentences
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(". "),
    ))
}

/// When it was deleted, and what had been said of its record by then.
fn deleted(life: &Life<'_>, view: &View, call: &StoreCall) -> String {
    let done = if call.was_done() {
        format!("the sending system had it deleted at {}", call.at)
    } else {
        format!(
            "the sending system asked the store at {} to delete it, which the store refused",
            call.at
        )
    };
    let mut said = life.steps.iter().take_while(|step| step.event < call.seq);
    let refused = said.find_map(|step| match step.what {
        StepKind::TurnedAway(post) => Some((step.at, post)),
        StepKind::Read(_)
        | StepKind::Sent { .. }
        | StepKind::Acknowledged(_)
        | StepKind::Archive(_)
        | StepKind::Delete(_)
        | StepKind::Restore(_)
        | StepKind::Packed(_)
        | StepKind::Delivered
        | StepKind::Filed => None,
    });
    let after = refused.map_or_else(String::new, |(at, post)| {
        let code = refusal_code(post);
        format!(" after its record had been refused with {code} at {at}")
    });
    let acknowledged = match life.record_acknowledged_at(view) {
        Some(_) => ", before that acknowledgement came",
        None => ", and that acknowledgement never came",
    };
    format!("{done}{after}{acknowledged}")
}

/// Whether there was a copy by then.
fn archived(life: &Life<'_>, call: &StoreCall) -> Option<String> {
    if !call.was_done() {
        return None;
    }
    let before = life.steps.iter().take_while(|step| step.event < call.seq);
    let copied = before.filter_map(|step| match step.what {
        StepKind::Archive(archive) if archive.was_done() => Some(step.at),
        StepKind::Archive(_)
        | StepKind::Read(_)
        | StepKind::Sent { .. }
        | StepKind::Acknowledged(_)
        | StepKind::TurnedAway(_)
        | StepKind::Delete(_)
        | StepKind::Restore(_)
        | StepKind::Packed(_)
        | StepKind::Delivered
        | StepKind::Filed => None,
    });
    Some(copied.last().map_or_else(
        || "It had not been archived before".to_owned(),
        |at| format!("It had been archived at {at}"),
    ))
}

/// Who has it when all is over.
fn in_the_end(life: &Life<'_>) -> String {
    let Some((step, holders)) = life.moments().last() else {
        return "Nothing else is known of it".to_owned();
    };
    let new_practice = match holders.new_practice {
        true => "; the new practice has it",
        false => "",
    };
    match (holders.record, holders.copy) {
        (true, _) => "It is in the record of the old practice all the same".to_owned(),
        (false, true) => format!(
            "It is no longer in the record of the old practice; a copy is in its archive{new_practice}"
        ),
        (false, false) if holders.new_practice => {
            "The old practice does not have it any more; the new practice has it".to_owned()
        }
        (false, false) => nobody_from(first_without_holder(life).unwrap_or(step)),
    }
}

/// Whoever deleted it.
fn held_by_nobody(life: &Life<'_>) -> Option<Violation> {
    let step = first_without_holder(life)?;
    Some(Violation::new(
        Some(step.event),
        format!("somebody has `{}` at every moment", life.held.file_name),
        nobody_from(step),
    ))
}

fn first_without_holder<'l, 'v>(life: &'l Life<'v>) -> Option<&'l Step<'v>> {
    let mut moments = life.moments();
    moments.find_map(|(step, holders)| holders.is_nobody().then_some(step))
}

fn nobody_from(step: &Step<'_>) -> String {
    format!(
        "From {} on nobody has it: neither the record of the old practice, nor its archive, nor the new practice",
        step.at
    )
}

/// No call shows who deleted it.
fn gone_unseen(life: &Life<'_>, view: &View) -> Option<Violation> {
    let is_gone = (life.state(view)).is_none_or(|state| !state.is_in_record());
    (is_kept(life, view) && is_gone).then(|| {
        Violation::new(
            None,
            format!(
                "`{}` is still in the store: its record was not filed",
                life.held.file_name
            ),
            "it is not in the record of the old practice any more, and the sending system did not ask for that",
        )
    })
}

/// It left with a record, nobody deleted it, and the record was never acknowledged.
fn is_kept(life: &Life<'_>, view: &View) -> bool {
    life.was_sent() && life.acknowledged_at().is_none() && life.state(view).is_some()
}

/// SND-77.
pub(super) fn refused_delete_is_no_resend(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    let lives = lives(view);
    for (life, refused) in deletes(&lives).filter(|(_, call)| !call.was_done()) {
        if let Some(core) = second_core(view, life, refused) {
            tally.expect(false, || {
                violation(
                    core,
                    format!(
                        "no further extract because the store did not delete `{}` (event {})",
                        life.held.file_name, refused.seq
                    ),
                    format!("another extract at {}", core.at),
                )
            });
            continue;
        }
        let tried_again =
            deletes(&lives).any(|(other, call)| other.id == life.id && call.seq > refused.seq);
        let reported = reports_leftovers(view, life);
        tally.expect(tried_again || reported, || {
            Violation::new(
                Some(refused.seq),
                format!(
                    "`{}` is deleted in another attempt, or reported as left behind",
                    life.held.file_name
                ),
                "neither another attempt nor a report".to_owned(),
            )
            .with(life.events())
        });
        tally.note(match (tried_again, reported) {
            (true, true) => "tried again, and reported what was left",
            (true, false) => "tried again",
            (false, _) => "reported what was left",
        });
    }
    tally.assess("the store refused to delete nothing")
}

fn second_core<'v>(
    view: &'v View,
    life: &Life<'_>,
    refused: &StoreCall,
) -> Option<&'v crate::check::Post> {
    transfers(view)
        .into_iter()
        .filter(|transfer| {
            transfer
                .request()
                .is_some_and(|request| request.patient == life.held.patient)
        })
        .flat_map(|transfer| transfer.cores)
        .find(|core| core.seq > refused.seq)
}

fn reports_leftovers(view: &View, life: &Life<'_>) -> bool {
    view.observed
        .iter()
        .any(|(by, observation)| match observation {
            Observation::Transfer {
                patient,
                left_in_store,
                ..
            } => *by == Endpoint::Sending && *patient == life.held.patient && *left_in_store > 0,
            Observation::Stored { .. } | Observation::InStore { .. } => false,
        })
}
