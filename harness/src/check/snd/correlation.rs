//! Messages that are hard to match: ids in other letters, a Continue ahead of its time, a
//! conversation that nobody knows.

use std::collections::BTreeSet;

use gp2gp_model::plan::Role;
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_model::{ConversationId, Interaction};

use super::super::transfer::{Transfer, accepted_at, is_after, name, transfers};
use super::super::view::{Ending, Post, Seen, View};
use super::super::{Tally, violation};
use super::outcome::{due_states, list, told};
use super::promises::owes_everything;

/// SND-57.
pub(super) fn letter_case_means_nothing(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let first_continue = transfer.continues.first();
        if let Some((post, found)) = first_continue.and_then(|post| odd_letters(&transfer, post)) {
            let follows = transfer.fragments.first();
            if follows.is_some() || owes_everything(view, &transfer) {
                tally.expect(follows.is_some(), || {
                    violation(
                        post,
                        format!("fragments after {}, which says {found}", name(post)),
                        format!(
                            "no fragment in conversation {} until everything fell silent",
                            transfer.conversation
                        ),
                    )
                });
            }
        }
        let first_outcome = transfer.outcomes.first();
        let odd = first_outcome.and_then(|post| odd_letters(&transfer, post));
        if let (Some((post, found)), Some(due), Some((state, Some(print)))) =
            (odd, due_states(view, &transfer), told(view, &transfer))
        {
            tally.expect(due.contains(&print), || {
                violation(
                    post,
                    format!(
                        "print state {} after {}, which says {found}",
                        list(&due),
                        name(post)
                    ),
                    format!("print state {print}, `{state}`"),
                )
            });
        }
    }
    tally.assess(
        "no Continue and no final acknowledgement with ids in other letters reached a system that shows what it made of it",
    )
}

/// An id in a delivered message that differs from the one it means in nothing but the case of its
/// letters.
fn odd_letters<'v>(transfer: &Transfer<'v>, post: &'v Post) -> Option<(&'v Post, String)> {
    let seen = post.seen()?;
    let conversation = &seen.header.conversation_id;
    if conversation == transfer.conversation
        && conversation.as_str() != transfer.conversation.as_str()
    {
        return Some((post, format!("ConversationId {conversation}")));
    }
    let reference = match (seen.acknowledgement(), seen.continue_message()) {
        (Some(ack), _) => &ack.message_ref,
        (None, Some(message)) => &message.message_ref,
        (None, None) => return None,
    };
    let meant = transfer
        .messages
        .iter()
        .filter_map(|post| post.seen())
        .find(|seen| seen.is_named_by(reference))?;
    let written = [
        meant.hl7_id().map(|id| id.as_str()),
        Some(meant.header.message_id.as_str()),
    ];
    let is_odd = !written.contains(&Some(reference.as_str()));
    is_odd.then(|| (post, format!("messageRef {reference}")))
}

/// SND-59.
pub(super) fn early_continue_is_honoured(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let Some((core, early)) = early_continue(view, &transfer) else {
            continue;
        };
        let follows = transfer.fragments.first();
        if follows.is_some() || owes_everything(view, &transfer) {
            tally.expect(follows.is_some(), || {
                violation(
                    early,
                    format!(
                        "fragments once Spine has {}, as {} asked before",
                        name(core),
                        name(early)
                    ),
                    format!("no fragment after {}", name(core)),
                )
            });
        }
    }
    tally.assess("no Continue came while the extract was still on its way")
}

/// The core, and a Continue that was taken over before the sending system knew that Spine has the
/// core. An answer is recorded when it gets back, so the Continue surely came before that.
fn early_continue<'v>(view: &'v View, transfer: &Transfer<'v>) -> Option<(&'v Post, &'v Post)> {
    let core = transfer.cores.first()?;
    let known = accepted_at(view, core)?;
    let early = transfer
        .continues
        .iter()
        .find(|post| post.was_accepted() && taken_at(post).is_some_and(|taken| taken < known))?;
    Some((core, early))
}

fn taken_at(post: &Post) -> Option<gp2gp_model::Time> {
    match post.ending {
        Ending::Answered { at, .. } => Some(at),
        Ending::NoAnswer { .. } | Ending::Open => None,
    }
}

/// SND-60.
pub(super) fn strangers_change_nothing(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    let all = transfers(view);
    for stranger in strangers(view, &all) {
        let Some(conversation) = stranger.seen().map(|seen| &seen.header.conversation_id) else {
            continue;
        };
        let reply = view
            .sent_by(Role::Sending)
            .find(|post| post.is_of(conversation) && post.seq > stranger.seq);
        tally.expect(reply.is_none(), || {
            let post = reply.unwrap_or(stranger);
            violation(
                post,
                format!(
                    "nothing sent for {} of the unknown conversation {conversation}",
                    name(stranger)
                ),
                format!("{} in that conversation", name(post)),
            )
        });
        for (transfer, request) in all
            .iter()
            .filter_map(|transfer| Some((transfer, *transfer.requests.first()?)))
            .filter(|(_, request)| is_after(view, request, stranger))
        {
            let is_served = !transfer.messages.is_empty();
            if is_served || (request.was_accepted() && view.quiescent) {
                tally.expect(is_served, || {
                    violation(
                        request,
                        format!(
                            "{} served, although {} of an unknown conversation came before it",
                            name(request),
                            name(stranger)
                        ),
                        format!("nothing in conversation {}", transfer.conversation),
                    )
                });
            }
        }
    }
    tally.assess("no Continue and no acknowledgement of an unknown conversation came")
}

/// Continues and acknowledgements delivered in a conversation in which the sending system was
/// asked for nothing and had sent nothing.
fn strangers<'v>(view: &'v View, all: &[Transfer<'v>]) -> Vec<&'v Post> {
    let known: BTreeSet<&ConversationId> = all
        .iter()
        .filter(|transfer| !transfer.requests.is_empty() || !transfer.cores.is_empty())
        .map(|transfer| transfer.conversation)
        .collect();
    let is_answer = |seen: &Seen| match seen.claimed() {
        Some(Interaction::Copc | Interaction::Acknowledgement) => true,
        Some(
            Interaction::EhrRequestUk05
            | Interaction::EhrRequestUk06
            | Interaction::EhrExtractUk06
            | Interaction::EhrExtractUk07
            | Interaction::EhrExtractUk08,
        )
        | None => false,
    };
    view.delivered_to(Role::Sending)
        .filter(|post| taken_at(post).is_some())
        .filter(|post| {
            post.seen().is_some_and(|seen| {
                is_answer(seen) && !known.contains(&seen.header.conversation_id)
            })
        })
        .collect()
}
