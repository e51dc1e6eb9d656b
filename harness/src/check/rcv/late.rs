//! Messages that come when it is over: fragments behind the timeout, and anything past its own
//! TimeToLive (RCV-41, RCV-65).

use std::collections::BTreeSet;

use gp2gp_model::plan::Role;
use gp2gp_model::verdict::{Assessment, Profile, Violation};
use gp2gp_wire::ebxml::Envelope;

use super::ruling::Ruling;
use super::storage::filed_content_of;
use super::timeout::timed_out;
use super::transfer::{Transfer, id_of, show_all, transfers};
use crate::check::view::{Ending, Post, Seen};
use crate::check::{View, violation};

/// RCV-41.
pub(super) fn fragment_gets_25(view: &View, _: Profile) -> Assessment {
    if !view.has_real_times() {
        return Assessment::NotExercised("a recording does not show in which order messages came");
    }
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        for (attempt, timeout) in timed_out(view, &transfer) {
            let late = transfer
                .fragments()
                .filter(|fragment| attempt.has(fragment) && fragment.seq > timeout.post.seq);
            for fragment in late {
                let expected = format!(
                    "one refusal of fragment {} with 25, and nothing more about core {}: its time \
                     was over at {}",
                    id_of(fragment),
                    id_of(attempt.core),
                    timeout.post.at
                );
                let acks = transfer.acks_of(fragment);
                let answers = attempt.answers(&transfer);
                let revival = answers.iter().find(|ack| ack.post.seq > fragment.seq);
                match (acks.as_slice(), revival) {
                    (_, Some(revival)) => {
                        ruling.unless(Some(violation(revival.post, expected, revival.show())));
                    }
                    ([], None) => {
                        ruling.absent(view, violation(fragment, expected, show_all(&acks)));
                    }
                    ([only], None) if only.code() == Some("25") => ruling.kept(),
                    ([first, ..], None) => {
                        ruling.unless(Some(violation(first.post, expected, show_all(&acks))));
                    }
                }
            }
        }
    }
    ruling.assess("no fragment came after the time of its transfer was over")
}

/// RCV-65.
pub(super) fn expired_is_not_processed(view: &View, profile: Profile) -> Assessment {
    if !view.has_real_times() {
        return Assessment::NotExercised("a recording does not show when messages were delivered");
    }
    let mut ruling = Ruling::default();
    let transfers = transfers(view);
    for expired in expired(view) {
        let id = expired.seen().map(|seen| &seen.header.conversation_id);
        let transfer = transfers.iter().find(|transfer| Some(&transfer.id) == id);
        let effect = transfer.and_then(|transfer| effect_of(view, transfer, expired));
        let taken = match profile {
            Profile::Strict => taken_over(expired),
            // Deployed handlers say only that they have it.
            Profile::Field => None,
        };
        ruling.unless(effect.or(taken));
        ruling.note(match &expired.ending {
            Ending::Answered { envelope, .. } => match envelope.as_deref() {
                Some(Envelope::ErrorList(list)) => {
                    let codes = list.errors.iter().map(|error| format!("{:?}", error.code));
                    format!("answered with {}", codes.collect::<Vec<_>>().join(", "))
                }
                Some(Envelope::Message(..) | Envelope::Acknowledgment(_) | Envelope::Fault(_))
                | None => "answered in another way".to_owned(),
            },
            Ending::NoAnswer { .. } | Ending::Open => "not answered".to_owned(),
        });
    }
    ruling.assess("no message was delivered past its TimeToLive")
}

/// First deliveries that came too late. What was taken in time may be delivered again at any time.
fn expired(view: &View) -> Vec<&Post> {
    let mut taken = BTreeSet::new();
    view.delivered_to(Role::Requesting)
        .filter(|post| {
            let Some(seen) = post.seen() else {
                return false;
            };
            let header = &seen.header;
            let is_over = header.time_to_live.is_some_and(|until| until < post.at);
            let is_known = taken.contains(&(&header.conversation_id, &header.message_id));
            if !is_over && post.was_accepted() {
                taken.insert((&header.conversation_id, &header.message_id));
            }
            is_over && !is_known
        })
        .collect()
}

/// What the system did because of the message.
fn effect_of(view: &View, transfer: &Transfer<'_>, expired: &Post) -> Option<Violation> {
    let expected = expectation(expired);
    if let Some(ack) = transfer.acks_of(expired).first() {
        return Some(violation(ack.post, expected, ack.show()));
    }
    let answers_it = |post: &&Post| {
        let message = post.seen().and_then(Seen::continue_message);
        let named = message.zip(expired.seen());
        named.is_some_and(|(message, seen)| seen.is_named_by(&message.message_ref))
    };
    if let Some(continued) = transfer.continues().find(answers_it) {
        let seen = format!("Continue {}", id_of(continued));
        return Some(violation(continued, expected, seen));
    }
    let stored = filed_content_of(view, transfer, expired)?;
    Some(violation(
        expired,
        expected,
        format!("`{stored}` of it stored"),
    ))
}

fn taken_over(expired: &Post) -> Option<Violation> {
    expired.was_accepted().then(|| {
        let seen = "an ebXML acknowledgment, by which the message counts as taken";
        violation(expired, expectation(expired), seen)
    })
}

fn expectation(expired: &Post) -> String {
    let until = expired.seen().and_then(|seen| seen.header.time_to_live);
    format!(
        "TimeToLiveExpired or nothing for message {}, delivered at {}: it lived until {}",
        id_of(expired),
        expired.at,
        until.map_or_else(String::new, |until| until.to_string())
    )
}
