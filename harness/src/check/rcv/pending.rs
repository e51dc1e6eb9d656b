//! What the people of the new practice are told without asking: that a record waits for them (RCV-67).

use std::time::Duration;

use gp2gp_model::Time;
use gp2gp_model::alert::{Concern, PENDING};
use gp2gp_model::plan::Role;
use gp2gp_model::plural::count;
use gp2gp_model::trace::{Endpoint, Lifecycle, Observation};
use gp2gp_model::verdict::{Assessment, Profile, Violation};

use super::transfer::{Transfer, id_of, transfers};
use crate::check::view::{Alerted, Post};
use crate::check::{Tally, View, violation};

/// A system may look at its lists once in an hour.
const SLACK: Duration = Duration::from_hours(1);

/// RCV-67.
pub(super) fn is_told(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    if tells_of_itself(view) {
        for transfer in transfers(view) {
            let whole = transfer.core().zip(whole_at(&transfer));
            if let Some((core, since)) = whole.filter(|_| transfer.attempts().len() == 1) {
                for after in PENDING {
                    pending(view, &transfer, core, since + after, after, &mut tally);
                }
            }
        }
    }
    tally.assess("no record waited a day for people at a system that tells of itself")
}

fn pending(
    view: &View,
    transfer: &Transfer<'_>,
    core: &Post,
    due: Time,
    after: Duration,
    tally: &mut Tally,
) {
    let hours = after.as_secs() / 3_600;
    let told: Vec<&Alerted> = (view.alerts.iter())
        .filter(|it| it.by == Endpoint::from(Role::Requesting))
        .filter(|it| it.alert.conversation == transfer.id)
        .filter(|it| it.alert.about == Concern::NotFiled { after })
        .collect();
    for early in told.iter().filter(|it| it.at < due) {
        tally.expect(false, || {
            Violation::new(
                Some(early.seq),
                format!(
                    "people are told {hours} h after extract {} is whole, not before",
                    id_of(core)
                ),
                format!(
                    "told {} min before that",
                    due.since(early.at).as_secs() / 60
                ),
            )
        });
    }
    let answered = transfer.answers().first().map(|answer| answer.post.at);
    let in_time = told.iter().filter(|it| it.at >= due).count();
    let is_answered = answered.is_some_and(|answered| answered <= due);
    if is_answered {
        if in_time > 0 {
            tally.expect(false, || {
                violation(
                    core,
                    format!(
                        "nobody is told of extract {}, which is answered",
                        id_of(core)
                    ),
                    format!("told that it was not filed for {hours} h"),
                )
                .with(told.iter().map(|it| it.seq))
            });
        }
    } else if view.ended_at >= due + SLACK {
        tally.expect(in_time == 1, || {
            violation(
                core,
                format!(
                    "people are told once that extract {} was not filed for {hours} h",
                    id_of(core)
                ),
                format!("told {}", count(in_time, "time")),
            )
            .with(told.iter().map(|it| it.seq))
        });
    }
}

/// When the core and all that it promises was there.
fn whole_at(transfer: &Transfer<'_>) -> Option<Time> {
    let core = transfer.core()?;
    core.seen()?.extract()?;
    let mut whole = core.at;
    for promise in transfer.promises(core) {
        whole = whole.max(promise.came?.at);
    }
    Some(whole)
}

/// By a clock that goes right.
fn tells_of_itself(view: &View) -> bool {
    let requesting = Endpoint::from(Role::Requesting);
    let tells = view.observed.iter().any(|(by, observation)| {
        *by == requesting && matches!(observation, Observation::Transfer { .. })
    });
    let is_off = view.lifecycle.iter().any(|lived| {
        lived.system == requesting && matches!(lived.change, Lifecycle::ClockJumped { .. })
    });
    tells && !is_off && view.has_real_times()
}
