//! What reached the sending system and should never have been sent (SND-61, SND-67).

use gp2gp_model::plan::Role;
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_model::{Hl7MessageId, Interaction, ResponseCode};
use gp2gp_wire::hl7::{Hl7Error, XmlError};

use super::super::transfer::{Transfer, is_after, name, transfers};
use super::super::view::{Ending, Post, Seen, View};
use super::super::{Tally, violation};
use super::refusals::refused_with;

/// SND-61.
pub(super) fn stray_message_refuses_nothing(view: &View, _: Profile) -> Assessment {
    if !view.has_real_times() {
        return Assessment::NotExercised("a recording does not show what was delivered");
    }
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        for stray in strays(view, &transfer) {
            let refusal = transfer
                .refusals()
                .find(|(post, _)| is_after(view, post, stray));
            tally.expect(refusal.is_none(), || {
                let (post, code) = refusal.map_or((stray, ""), |(post, ack)| {
                    (post, ack.code().map_or("", ResponseCode::as_str))
                });
                violation(
                    post,
                    format!(
                        "no refusal in a transfer under way, whatever {} says",
                        name(stray)
                    ),
                    format!("refusal with {code} in {}", name(post)),
                )
            });
        }
    }
    tally.assess("no stray acknowledgement and no unexpected COPC reached a transfer under way")
}

/// COPCs and acknowledgements that came behind the core and mean nothing to this transfer.
fn strays<'v>(view: &'v View, transfer: &Transfer<'v>) -> Vec<&'v Post> {
    let Some(core) = transfer.cores.first() else {
        return Vec::new();
    };
    let sent = |reference: &Hl7MessageId| {
        let mut sent = transfer.messages.iter().filter_map(|post| post.seen());
        sent.any(|seen| seen.is_named_by(reference))
    };
    let is_stray = |seen: &Seen| match seen.claimed() {
        Some(Interaction::Copc) => seen.continue_message().is_none(),
        Some(Interaction::Acknowledgement) => {
            let ack = seen.acknowledgement();
            ack.is_none_or(|ack| !sent(&ack.message_ref))
        }
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
        .filter(|post| post.was_accepted() && is_after(view, post, core))
        .filter(|post| post.is_of(transfer.conversation) && post.seen().is_some_and(is_stray))
        .collect()
}

/// SND-67.
pub(super) fn declarations_refused(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    let what = "a document type declaration";
    for post in view
        .delivered_to(Role::Sending)
        .filter(|post| declares(post))
    {
        match &post.ending {
            Ending::Answered { .. } if post.was_accepted() => {}
            Ending::Answered { status, .. } => {
                tally.expect(true, || violation(post, what, ""));
                tally.note(format!("turned away with HTTP {status}"));
            }
            Ending::NoAnswer { why, .. } => tally.expect(false, || {
                violation(post, format!("{what} in {} refused", name(post)), why)
            }),
            Ending::Open => {}
        }
    }
    for transfer in transfers(view) {
        let request = transfer.requests.iter().find(|post| declares(post));
        let Some(request) = request.filter(|_| transfer.request().is_none()) else {
            continue;
        };
        refused_with(view, &transfer, request, &["18"], what, &mut tally);
        for (post, text) in texts(&transfer) {
            tally.expect(false, || {
                violation(
                    post,
                    "no text but that of the register",
                    format!("`{text}`"),
                )
            });
        }
    }
    tally.assess("nothing with a document type declaration reached the sending system")
}

fn declares(post: &Post) -> bool {
    let payload = post.seen().map(|seen| &seen.payload);
    matches!(payload, Some(Err(Hl7Error::Xml(XmlError::Doctype))))
}

/// Free texts of the refusals, where an entity's content could come back.
fn texts<'v>(transfer: &Transfer<'v>) -> Vec<(&'v Post, &'v str)> {
    transfer
        .refusals()
        .flat_map(|(post, ack)| {
            let reason = ack.reason.as_ref();
            let detail = ack.detail.as_ref();
            let names = [
                reason.and_then(|reason| reason.display_name.as_deref()),
                detail.and_then(|detail| detail.display_name.as_deref()),
            ];
            let registered = ack.code().map_or("", ResponseCode::text);
            let free = names.into_iter().flatten();
            free.filter(move |text| text.trim_end_matches('.') != registered.trim_end_matches('.'))
                .map(move |text| (post, text))
        })
        .collect()
}
