//! What is sent again: on request, the same record under a new id, to the right practice, in time;
//! after a crash, the same message under the same id.

use std::time::Duration;

use gp2gp_model::MessageKind;
use gp2gp_model::http::Method;
use gp2gp_model::plan::{Act, Role};
use gp2gp_model::trace::{Endpoint, Lifecycle};
use gp2gp_model::verdict::{Assessment, Profile, Violation};

use super::super::transfer::{Transfer, name, transfers};
use super::super::view::{Acted, Ending, Lived, Post, Seen, View};
use super::super::{Tally, violation};
use super::conversation::is_resent;

/// An extract may be sent again within this time of the request (S6).
const REPEATABLE_FOR: Duration = Duration::from_hours(12 * 7 * 24);

/// SND-65.
pub(super) fn same_id_after_crash(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        for crash in crashes(view) {
            let (before, after): (Vec<&Post>, Vec<&Post>) = view
                .posted_by(Role::Sending)
                .filter(|post| post.is_of(transfer.conversation))
                .partition(|post| post.seq < crash.seq);
            if before.iter().any(|post| was_open_at(post, crash)) {
                repeats_are_the_same(crash, &before, &after, &mut tally);
                nothing_is_made_anew(view, crash, (&transfer, &before, &after), &mut tally);
            }
        }
    }
    tally
        .assess("no crash of the sending system left open whether a message of a transfer was sent")
}

fn crashes(view: &View) -> impl Iterator<Item = &Lived> {
    view.lifecycle.iter().filter(|lived| {
        lived.system == Endpoint::from(Role::Sending) && lived.change == Lifecycle::Crashed
    })
}

/// The sending system did not know, when it went down, what had become of a message.
fn was_open_at(post: &Post, crash: &Lived) -> bool {
    match post.ending {
        Ending::Answered { at, .. } | Ending::NoAnswer { at, .. } => at >= crash.at,
        Ending::Open => true,
    }
}

fn repeats_are_the_same(crash: &Lived, before: &[&Post], after: &[&Post], tally: &mut Tally) {
    for again in after {
        let first = before
            .iter()
            .find(|first| first.message_id() == again.message_id());
        if let Some(first) = first {
            tally.expect(first.body.sha256 == again.body.sha256, || {
                violation(
                    again,
                    format!(
                        "the bytes of the first {}, sha256 {}",
                        name(first),
                        first.body.sha256.short()
                    ),
                    format!(
                        "{} bytes, sha256 {}, in {} after the crash",
                        again.body.bytes,
                        again.body.sha256.short(),
                        name(again)
                    ),
                )
                .with([first.seq, crash.seq])
            });
        }
    }
}

fn nothing_is_made_anew(
    view: &View,
    crash: &Lived,
    (transfer, before, after): (&Transfer<'_>, &[&Post], &[&Post]),
    tally: &mut Tally,
) {
    let promised: Vec<_> = transfer
        .promises()
        .iter()
        .map(|promise| promise.message)
        .collect();
    let was_asked_for = transfer
        .request()
        .is_some_and(|request| is_resent(view, request.patient));
    let anew = after
        .iter()
        .filter(|post| !post.is_retransmission)
        .find_map(|post| match post.kind()? {
            kind @ MessageKind::EhrExtract if !was_asked_for => Some((post, kind)),
            kind @ MessageKind::Acknowledgement => Some((post, kind)),
            kind @ MessageKind::Fragment => {
                let is_promised = post.message_id().is_some_and(|id| promised.contains(&id));
                (!is_promised).then_some((post, kind))
            }
            MessageKind::EhrExtract | MessageKind::EhrRequest | MessageKind::Continue => None,
        })
        .and_then(|(post, kind)| {
            let first = before.iter().find(|first| first.kind() == Some(kind))?;
            Some((post, first))
        });
    let Some(last) = before.last() else { return };
    let (post, first) = anew.unwrap_or((last, last));
    tally.expect(anew.is_none(), || {
        violation(
            post,
            format!("{} again after the crash, or nothing", name(first)),
            format!("{}, another message", name(post)),
        )
        .with([first.seq, crash.seq])
    });
}

/// SND-74.
pub(super) fn sent_again(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let (Some(request), Some(first)) = (transfer.requests.first(), transfer.cores.first())
        else {
            continue;
        };
        for act in asked_again(view, &transfer).filter(|act| act.at >= first.at) {
            let again = core_after(view, &transfer, act);
            match forbidden(view, &transfer, request, act) {
                Some(why) => tally.expect(again.is_none(), || {
                    let post = again.unwrap_or(first);
                    violation(
                        post,
                        format!("nothing sent again: {why}"),
                        format!("{} after the re-send was asked for", name(post)),
                    )
                }),
                None => match again {
                    Some(again) => {
                        is_the_same(&transfer, first, again, &mut tally);
                        nothing_is_extracted(view, &transfer, act, again, &mut tally);
                    }
                    None if view.quiescent => tally.expect(false, || {
                        Violation::new(
                            Some(act.seq),
                            format!("{} again under a new MessageId", name(first)),
                            "no extract after the re-send was asked for".to_owned(),
                        )
                    }),
                    None => {}
                },
            }
        }
    }
    tally.assess("nobody asked for an extract to be sent again")
}

/// The same conversation and HL7 payload, and another MessageId.
fn is_the_same(transfer: &Transfer<'_>, first: &Post, again: &Post, tally: &mut Tally) {
    let (Some(before), Some(after)) = (first.seen(), again.seen()) else {
        return;
    };
    tally.expect(before.header.message_id != after.header.message_id, || {
        violation(
            again,
            "a MessageId of its own for the extract sent again",
            format!("MessageId {} a second time", after.header.message_id),
        )
    });
    tally.expect(
        after.header.conversation_id == *transfer.conversation,
        || {
            violation(
                again,
                format!("ConversationId {}", transfer.conversation),
                format!(
                    "ConversationId {} on {}",
                    after.header.conversation_id,
                    name(again)
                ),
            )
        },
    );
    tally.expect(before.payload_sha256 == after.payload_sha256, || {
        violation(
            again,
            format!(
                "the HL7 payload of {}, {} bytes, sha256 {}",
                name(first),
                before.payload_bytes,
                before.payload_sha256.short()
            ),
            format!(
                "another payload in {}: {} bytes, sha256 {}{}",
                name(again),
                after.payload_bytes,
                after.payload_sha256.short(),
                another_extract(before, after)
            ),
        )
    });
}

/// Nothing asks the document store or the record source what there is of the patient before the extract
/// goes out again. To read the documents that were promised is no new extract.
fn nothing_is_extracted(
    view: &View,
    transfer: &Transfer<'_>,
    act: &Acted,
    again: &Post,
    tally: &mut Tally,
) {
    let Some(patient) = transfer.request().map(|request| request.patient) else {
        return;
    };
    let is_of_patient =
        |path: &str| view.patients.len() == 1 || path.contains(&patient.to_string());
    let searches = (view.store_calls.iter())
        .filter(|call| call.path.contains("/Patient"))
        .map(|call| (call.seq, call.from, call.method, &call.path));
    let records =
        (view.record_reads.iter()).map(|read| (read.seq, read.from, Method::Get, &read.path));
    let in_between = act.seq + 1..again.seq;
    let read = searches.chain(records).find(|(seq, from, _, path)| {
        *from == Endpoint::Sending && in_between.contains(seq) && is_of_patient(path)
    });
    tally.expect(read.is_none(), || {
        Violation::new(
            Some(read.map_or(again.seq, |(seq, ..)| seq)),
            format!("{} without a new look into the record source", name(again)),
            read.map_or_else(String::new, |(_, _, method, path)| {
                format!("{method} {path} before it")
            }),
        )
    });
}

/// What shows that the record was extracted anew.
fn another_extract(before: &Seen, after: &Seen) -> String {
    match (before.extract(), after.extract()) {
        (Some(before), Some(after)) if before.id != after.id => {
            format!(", EhrExtract id {} in place of {}", after.id, before.id)
        }
        (_, _) => String::new(),
    }
}

/// Why nothing may be sent again, if so.
fn forbidden(view: &View, transfer: &Transfer<'_>, request: &Post, act: &Acted) -> Option<String> {
    if act.at.since(request.at) > REPEATABLE_FOR {
        return Some("12 weeks after the request have passed".to_owned());
    }
    let asked = transfer.request()?;
    let practice = view.current_practice(asked.patient, act.at)?;
    (practice != asked.author).then(|| {
        format!(
            "PDS names {practice} as the patient's practice, not {}",
            asked.author
        )
    })
}

fn asked_again<'v>(
    view: &'v View,
    transfer: &Transfer<'v>,
) -> impl Iterator<Item = &'v Acted> + use<'v> {
    let whose = transfer.request().map(|request| request.patient);
    view.acts.iter().filter(move |acted| {
        acted.on.role() == Some(Role::Sending)
            && !acted.not_supported
            && matches!(&acted.act, Act::RepeatExtract { patient } if Some(*patient) == whose)
    })
}

/// The first extract posted after this, be it under a new id or an old one that Spine already had.
fn core_after<'v>(view: &'v View, transfer: &Transfer<'v>, act: &Acted) -> Option<&'v Post> {
    let is_core = |post: &Post| {
        transfer
            .cores
            .iter()
            .any(|core| core.message_id().is_some() && core.message_id() == post.message_id())
    };
    let had = |post: &Post| {
        view.posted_by(Role::Sending).any(|other| {
            other.seq < act.seq && other.message_id() == post.message_id() && !other.was_accepted()
        })
    };
    view.posted_by(Role::Sending)
        .filter(|post| post.seq > act.seq && is_core(post))
        // A transport retry of an extract that Spine had not taken is not what was asked for.
        .find(|post| !post.is_retransmission || !had(post))
}
