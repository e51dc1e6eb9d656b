//! Documents stay with the old practice until the new one has filed them, and a store that does not
//! delete is no reason to send anything twice (spec 50).

use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::verdict::{Assessment, Profile, Violation};

use crate::check::custody::{Life, deletes, lives};
use crate::check::store_calls::StoreCall;
use crate::check::transfer::transfers;
use crate::check::view::View;
use crate::check::{Tally, violation};

/// SND-76.
pub(super) fn kept_until_acknowledged(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    let lives = lives(view);
    for (life, call) in deletes(&lives) {
        let acknowledged = life
            .acknowledged_at()
            .or_else(|| life.record_acknowledged_at(view));
        let in_time = acknowledged.is_some_and(|event| event < call.seq);
        tally.expect(in_time, || {
            Violation::new(Some(call.seq), format!(
                "`{}` stays in the store until the final positive acknowledgement of its record",
                life.held.file_name
            ), {
                let done = match call.was_done() {
                    true => "deleted",
                    false => "asked the store to delete it, which refused",
                };
                let acknowledged = match acknowledged {
                    Some(_) => "before that acknowledgement came",
                    None => "and that acknowledgement never came",
                };
                format!("{done} at {}, {acknowledged}", call.at)
            }).with(life.events())
        });
    }
    for life in &lives {
        if let Some((step, _)) = life.moments().find(|(_, holders)| holders.is_nobody()) {
            tally.expect(false, || Violation::new(Some(step.event), format!("somebody has `{}` at every moment", life.held.file_name), format!(
                    "from {} on nobody has it: neither the store, nor a copy, nor the new practice",
                    step.at
                )).with(life.events()));
        }
    }
    for life in lives.iter().filter(|life| is_kept(life, view)) {
        let still_there = (life.state(view)).is_some_and(|state| state.is_in_record());
        tally.expect(still_there, || {
            Violation::new(
                None,
                format!(
                    "`{}` is still in the store: its record was not filed",
                    life.held.file_name
                ),
                "it is not in the record of the old practice any more".to_owned(),
            )
            .with(life.events())
        });
    }
    tally.assess("nothing was deleted from the store, and no record failed to be filed")
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
