//! By when things must have been sent.

use std::time::Duration;

use gp2gp_model::Time;
use gp2gp_model::plan::Role;
use gp2gp_model::verdict::{Assessment, Profile};

use super::super::transfer::{Transfer, name, transfers};
use super::super::view::{Post, View};
use super::super::{Tally, violation};

/// Everything must have left within this time (S287, S288).
const MUST: Duration = Duration::from_hours(24);
/// The extract should have left within this time of the request (S36).
const EXTRACT_AIM: Duration = Duration::from_mins(20);
/// The fragments should have left within this time of the Continue (S288).
const FRAGMENTS_AIM: Duration = Duration::from_hours(4);

/// SND-73.
pub(super) fn in_time(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    if !view.has_real_times() {
        return tally.assess("a recording does not say when a message left");
    }
    let mut notes = Vec::new();
    for transfer in transfers(view) {
        if let (Some(request), Some(core)) = (transfer.requests.first(), transfer.cores.first()) {
            left_within(request, core, EXTRACT_AIM, &mut tally, &mut notes);
        }
        if let (Some(wanted), Some(last)) = (
            transfer.continues.first(),
            transfer.fragments.iter().max_by_key(|post| post.at),
        ) {
            left_within(wanted, last, FRAGMENTS_AIM, &mut tally, &mut notes);
        }
        if let Some(request) = never_sent(view, &transfer) {
            tally.expect(false, || {
                violation(
                    request,
                    format!("the extract within {} of {}", show(MUST), name(request)),
                    "no extract and no refusal until everything fell silent",
                )
            });
        }
    }
    if !notes.is_empty() {
        tally.note(notes.join("; "));
    }
    tally.assess("no request that led to an extract is in the trace")
}

/// A message counts as sent when it was first posted: Spine may refuse it for a while.
fn left_within(
    asked: &Post,
    sent: &Post,
    aim: Duration,
    tally: &mut Tally,
    notes: &mut Vec<String>,
) {
    let took = sent.at.since(asked.at);
    tally.expect(took <= MUST, || {
        violation(
            sent,
            format!("within {} of {}", show(MUST), name(asked)),
            format!("{} after {}", name(sent), show(took)),
        )
    });
    if took > aim {
        notes.push(format!(
            "{} left after {}, the aim is {}",
            name(sent),
            show(took),
            show(aim)
        ));
    }
}

/// A request that was answered positively, or not at all, and never with a record.
fn never_sent<'v>(view: &View, transfer: &Transfer<'v>) -> Option<&'v Post> {
    let request = transfer.requests.first()?;
    let expired = request
        .seen()?
        .header
        .time_to_live
        .is_some_and(|until| until < request.at);
    let is_over = view.quiescent || view.ended_at.since(request.at) > MUST;
    let nothing = transfer.cores.is_empty() && transfer.refusals().next().is_none();
    (transfer.request().is_some() && request.was_accepted() && nothing && is_over && !expired)
        .then_some(request)
}

/// SND-79.
pub(super) fn time_to_live(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for post in view.sent_by(Role::Sending) {
        let Some(header) = post.seen().map(|seen| &seen.header) else {
            continue;
        };
        let Some(until) = header.time_to_live else {
            continue;
        };
        let clock = if view.has_real_times() {
            post.at
        } else {
            header.timestamp
        };
        let due = header.timestamp.max(clock);
        tally.expect(until > due, || {
            violation(
                post,
                format!("TimeToLive after {}", due.to_ebxml()),
                format!("TimeToLive {} on {}", until.to_ebxml(), name(post)),
            )
        });
    }
    for transfer in transfers(view) {
        let expired: Option<Vec<Time>> = transfer
            .requests
            .iter()
            .map(|post| expiry(view, post))
            .collect();
        let (Some(latest), Some(request)) = (
            expired.and_then(|times| times.into_iter().max()),
            transfer.requests.first(),
        ) else {
            continue;
        };
        let served = transfer.cores.first();
        tally.expect(served.is_none(), || {
            let core = served.unwrap_or(request);
            violation(
                core,
                format!(
                    "no extract for {}, expired at {}",
                    name(request),
                    latest.to_ebxml()
                ),
                format!("{} was sent", name(core)),
            )
        });
    }
    tally.assess("no message of the sending system has a TimeToLive, and none reached it too late")
}

/// When a request expired that came too late.
fn expiry(view: &View, post: &Post) -> Option<Time> {
    let until = post.seen()?.header.time_to_live?;
    (view.has_real_times() && until < post.at).then_some(until)
}

fn show(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}
