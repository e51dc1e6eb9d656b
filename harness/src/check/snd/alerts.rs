//! What the people of the old practice are told without asking.

use std::time::Duration;

use gp2gp_model::alert::{Concern, PENDING};
use gp2gp_model::paper::PrintState;
use gp2gp_model::plan::{Act, Role};
use gp2gp_model::plural::count;
use gp2gp_model::trace::{Endpoint, Lifecycle, Observation};
use gp2gp_model::verdict::{Assessment, Profile, Violation};
use gp2gp_model::{NhsNumber, ResponseCode, Time};

use super::super::paper;
use super::super::transfer::{Transfer, accepted_at, name, transfers};
use super::super::view::{Alerted, Post, View};
use super::super::{Tally, violation};
use super::outcome::PATIENCE;

/// A system may look at its lists once in an hour.
const SLACK: Duration = Duration::from_hours(1);

/// SND-81.
pub(super) fn pending_is_told(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in told_of(view) {
        let Some(core) = transfer.cores.first().copied() else {
            continue;
        };
        for after in PENDING {
            let told: Vec<&Alerted> = alerts(view, &transfer)
                .filter(|it| it.alert.about == Concern::NotAcknowledged { after })
                .collect();
            pending(view, &transfer, core, after, &told, &mut tally);
        }
    }
    tally.assess("no extract waited a day for its acknowledgement at a system that tells of itself")
}

fn pending(
    view: &View,
    transfer: &Transfer<'_>,
    core: &Post,
    after: Duration,
    told: &[&Alerted],
    tally: &mut Tally,
) {
    let hours = after.as_secs() / 3_600;
    let due = core.at + after;
    let over = over_at(view, transfer);
    for early in told.iter().filter(|it| it.at < due) {
        tally.expect(false, || {
            told_violation(
                early,
                format!("people are told {hours} h after {}, not before", name(core)),
                format!(
                    "told {} min before that",
                    due.since(early.at).as_secs() / 60
                ),
            )
        });
    }
    // A core that went out again is waited for from then on.
    if transfer.cores.len() > 1 {
        return;
    }
    if over.is_some_and(|over| over <= due) {
        for vain in told.iter().filter(|it| it.at >= due) {
            tally.expect(false, || {
                told_violation(
                    vain,
                    format!("nobody is told, because {} is answered", name(core)),
                    format!("told of no acknowledgement for {hours} h"),
                )
            });
        }
        return;
    }
    let is_seen = view.ended_at >= due + SLACK;
    let (state, _) = paper::ended(view, transfer);
    let is_waiting = over.is_some()
        || matches!(state, PrintState::Awaiting)
        || view.ended_at.since(core.at) >= PATIENCE;
    // What Spine could not deliver is not waited for.
    let is_waiting = is_waiting && !is_undeliverable(view, core);
    if is_seen && is_waiting && accepted_at(view, core).is_some() {
        let in_time = told.iter().filter(|it| it.at >= due).count();
        tally.expect(in_time == 1, || {
            violation(
                core,
                format!(
                    "people are told once that {} has no acknowledgement for {hours} h",
                    name(core)
                ),
                format!("told {}", count(in_time, "time")),
            )
            .with(told.iter().map(|it| it.seq))
        });
    }
}

/// No delivery of it was ever taken, and Spine told its sender of something that it gave up.
fn is_undeliverable(view: &View, core: &Post) -> bool {
    let mut delivered = view.delivered_to(Role::Requesting);
    let was_taken = delivered.any(|post| post.is_same_message(core) && view.was_taken(post));
    let mut notices = view
        .delivered_to(Role::Sending)
        .filter(|post| post.seq > core.seq);
    let is_of_error = |action: &str| action.ends_with("/MessageError");
    !was_taken && notices.any(|post| post.soap_action.as_deref().is_some_and(is_of_error))
}

/// When nothing was waited for any more: an acknowledgement of the core, or a refusal of the request.
fn over_at(view: &View, transfer: &Transfer<'_>) -> Option<Time> {
    let acknowledged = transfer.outcomes.first().map(|post| post.at);
    let refused = transfer.refusals().next().map(|(post, _)| post.at);
    acknowledged
        .into_iter()
        .chain(refused)
        .min()
        .filter(|at| *at <= view.ended_at)
}

/// SND-82.
pub(super) fn wrong_patient_is_an_incident(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in told_of(view) {
        let Some((ack, code)) = turned_away(&transfer) else {
            continue;
        };
        let Some(patient) = transfer.request().map(|request| request.patient) else {
            continue;
        };
        let told = alerts(view, &transfer)
            .filter(|it| it.at >= ack.at)
            .filter(|it| it.alert.about == Concern::WrongPatient { code: code.clone() })
            .count();
        tally.expect(told == 1, || {
            violation(
                ack,
                format!(
                    "one incident for patient {patient} with code {code}, after {}",
                    name(ack)
                ),
                format!("{} with that code", count(told, "incident")),
            )
            .with(alerts(view, &transfer).map(|it| it.seq))
        });
        let again = transfer.cores.iter().find(|core| core.seq > ack.seq);
        tally.expect(again.is_none_or(|core| is_wanted(view, patient, core)), || {
            let core = again.copied().unwrap_or(ack);
            violation(
                core,
                format!("the record of patient {patient} stays where it is after {}, until people send it", name(ack)),
                format!("{} sent by itself", name(core)),
            )
        });
    }
    tally.assess("no record was turned away as another patient's at a system that tells of itself")
}

/// The first acknowledgement says that the record is another patient's, in time.
fn turned_away<'v>(transfer: &Transfer<'v>) -> Option<(&'v Post, &'v ResponseCode)> {
    let core = transfer.cores.first()?;
    let (post, ack) = transfer.outcomes().next()?;
    let code = ack
        .code()
        .filter(|code| ack.is_negative() && code.says_wrong_patient())?;
    (post.at.since(core.at) < PATIENCE).then_some((post, code))
}

/// People, or the harness in their place, asked for it after the record was turned away.
fn is_wanted(view: &View, patient: NhsNumber, core: &Post) -> bool {
    let mut acts = view.acts.iter().filter(|acted| acted.seq < core.seq);
    acts.any(|acted| acted.act == Act::RepeatExtract { patient })
}

fn alerts<'v>(view: &'v View, transfer: &Transfer<'v>) -> impl Iterator<Item = &'v Alerted> {
    let conversation = transfer.conversation;
    let by_sending = (view.alerts.iter()).filter(|it| it.by == Endpoint::from(Role::Sending));
    by_sending.filter(move |it| it.alert.conversation == *conversation)
}

/// Transfers of a system that tells of itself, by a clock that goes right.
fn told_of(view: &View) -> Vec<Transfer<'_>> {
    let sending = Endpoint::from(Role::Sending);
    let tells = view.observed.iter().any(|(by, observation)| {
        *by == sending && matches!(observation, Observation::Transfer { .. })
    });
    let is_off = view.lifecycle.iter().any(|lived| {
        lived.system == sending && matches!(lived.change, Lifecycle::ClockJumped { .. })
    });
    match tells && !is_off && view.has_real_times() {
        true => transfers(view),
        false => Vec::new(),
    }
}

fn told_violation(told: &Alerted, expected: String, seen: String) -> Violation {
    Violation::new(Some(told.seq), expected, seen)
}
