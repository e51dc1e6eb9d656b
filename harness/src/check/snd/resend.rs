//! What is sent again on request: the same record under a new id, to the right practice, in time.

use std::time::Duration;

use gp2gp_model::plan::{Act, Role};
use gp2gp_model::verdict::{Assessment, Profile, Violation};

use super::super::transfer::{Transfer, name, transfers};
use super::super::view::{Acted, Post, Seen, View};
use super::super::{Tally, violation};

/// An extract may be sent again within this time of the request (S6).
const REPEATABLE_FOR: Duration = Duration::from_hours(12 * 7 * 24);

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
                    Some(again) => is_the_same(&transfer, first, again, &mut tally),
                    None if view.quiescent => tally.expect(false, || Violation {
                        event: Some(act.seq),
                        expected: format!("{} again under a new MessageId", name(first)),
                        seen: "no extract after the re-send was asked for".to_owned(),
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
