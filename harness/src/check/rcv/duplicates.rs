//! Second copies and repeated deliveries (RCV-11 to 13).

use std::collections::BTreeMap;

use gp2gp_model::plan::Role;
use gp2gp_model::verdict::{Assessment, Profile, Violation};
use gp2gp_model::{ConversationId, EbxmlMessageId};
use gp2gp_wire::ebxml::Envelope;

use super::ruling::Ruling;
use super::transfer::{Ack, Transfer, id_of, show_all, transfers};
use crate::check::view::{Ending, Post, Seen};
use crate::check::{View, violation};

/// A core that came while the first was open or filed.
struct Copy<'v> {
    first: &'v Post,
    copy: &'v Post,
}

/// Copies, as far as the order of events shows them.
fn copies<'v>(view: &View, transfer: &Transfer<'v>) -> Vec<Copy<'v>> {
    let Some(first) = transfer.core().filter(|_| view.has_real_times()) else {
        return Vec::new();
    };
    let open_until = transfer.failed().map_or(u64::MAX, |ack| ack.post.seq);
    transfer
        .cores()
        .skip(1)
        .filter(|copy| copy.seq < open_until)
        .map(|copy| Copy { first, copy })
        .collect()
}

/// RCV-11.
pub(super) fn second_core_gets_12(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        for Copy { first, copy } in copies(view, &transfer) {
            let expected = format!(
                "one refusal with 12 that names core {}, not core {}",
                id_of(copy),
                id_of(first)
            );
            let after: Vec<_> = transfer
                .acks()
                .filter(|ack| ack.post.seq > copy.seq && (ack.names(copy) || ack.names(first)))
                .collect();
            let twelves: Vec<_> = after
                .iter()
                .filter(|ack| ack.code() == Some("12"))
                .copied()
                .collect();
            match twelves.as_slice() {
                [only] if only.names(copy) => {
                    ruling.kept();
                    ruling.note(match only.names(first) {
                        true => "named by an HL7 id that both cores have",
                        false => "named by its own id",
                    });
                }
                [] => ruling.absent(view, violation(copy, expected, show_all(&after))),
                [first_12, ..] => {
                    let refs: Vec<_> = twelves
                        .iter()
                        .map(|ack| ack.ack.message_ref.to_string())
                        .collect();
                    let seen = format!("{} with 12, naming {}", twelves.len(), refs.join(", "));
                    ruling.unless(Some(violation(first_12.post, expected, seen)));
                }
            }
        }
    }
    ruling.assess("no second core came while the first was open or filed")
}

/// RCV-12.
pub(super) fn first_core_goes_on(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        let copies = copies(view, &transfer);
        let Some(Copy { first, .. }) = copies.first() else {
            continue;
        };
        let twelve = transfer.acks().find(|ack| ack.code() == Some("12"));
        let Some(twelve) = twelve else { continue };
        let own: Vec<Ack<'_>> = transfer
            .answers()
            .into_iter()
            .filter(|ack| ack.names(first))
            .collect();
        if own.iter().any(|ack| ack.post.seq < twelve.post.seq) {
            continue;
        }
        let Some((acted, _)) = transfer.decision() else {
            continue;
        };
        if own.is_empty() {
            let expected = format!(
                "an acknowledgement of core {} after its copy was refused with 12 and people decided at {}",
                id_of(first),
                acted.at
            );
            let all = show_all(&transfer.acks().collect::<Vec<_>>());
            ruling.absent(
                view,
                violation(twelve.post, expected, format!("none that names it; {all}")),
            );
        } else {
            ruling.kept();
        }
    }
    ruling.assess("no record was decided upon after its copy was refused with 12")
}

/// RCV-13.
pub(super) fn redelivery_has_no_effect(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    let transfers = transfers(view);
    for (first, repeat) in redeliveries(view) {
        let Some(seen) = repeat.seen() else { continue };
        let transfer = transfers
            .iter()
            .find(|transfer| transfer.id == seen.header.conversation_id);
        let breach =
            not_acknowledged_again(repeat, seen).or_else(|| second_effect(transfer?, repeat, seen));
        ruling.unless(breach);
        if let (Some(before), Some(again)) = (acknowledgment(first), acknowledgment(repeat)) {
            ruling.note(match before == again {
                true => "the repeat got the same acknowledgment",
                false => "the repeat got a new acknowledgment",
            });
        }
    }
    ruling.assess("Spine delivered no message a second time")
}

/// Deliveries of messages that the system had taken over before, with the first delivery.
fn redeliveries(view: &View) -> Vec<(&Post, &Post)> {
    let mut taken: BTreeMap<(&ConversationId, &EbxmlMessageId), &Post> = BTreeMap::new();
    let mut repeats = Vec::new();
    for post in view.delivered_to(Role::Requesting) {
        let Some(seen) = post.seen() else { continue };
        let key = (&seen.header.conversation_id, &seen.header.message_id);
        match taken.get(&key) {
            Some(first) => repeats.push((*first, post)),
            None if view.was_taken(post) => {
                taken.insert(key, post);
            }
            None => {}
        }
    }
    repeats
}

/// Which message an acknowledgment names, and its own id.
fn acknowledgment(post: &Post) -> Option<(&EbxmlMessageId, &EbxmlMessageId)> {
    let Ending::Answered { envelope, .. } = &post.ending else {
        return None;
    };
    match envelope.as_deref()? {
        Envelope::Acknowledgment(acknowledgment) => Some((
            &acknowledgment.ref_to_message_id,
            &acknowledgment.message_id,
        )),
        Envelope::Message(..) | Envelope::ErrorList(_) | Envelope::Fault(_) => None,
    }
}

fn not_acknowledged_again(repeat: &Post, seen: &Seen) -> Option<Violation> {
    let id = &seen.header.message_id;
    let names_it =
        repeat.was_accepted() && acknowledgment(repeat).is_some_and(|(ref_to, _)| ref_to == id);
    (!names_it).then(|| {
        let seen = match &repeat.ending {
            Ending::Answered { status, .. } => match acknowledgment(repeat) {
                Some((ref_to, _)) => format!("HTTP {status} with an acknowledgment of {ref_to}"),
                None => format!("HTTP {status} without an acknowledgment"),
            },
            Ending::NoAnswer { why, .. } => format!("no answer: {why}"),
            Ending::Open => "no answer".to_owned(),
        };
        let expected = format!("an ebXML acknowledgment of {id}, delivered again");
        violation(repeat, expected, seen)
    })
}

/// The second HL7 message that a message caused.
fn second_effect(transfer: &Transfer<'_>, repeat: &Post, seen: &Seen) -> Option<Violation> {
    // Copies of a core may share its HL7 id; what names one of them then names all.
    let is_ambiguous = transfer
        .cores()
        .filter(|core| core.kind() == seen.kind())
        .count()
        > 1;
    if is_ambiguous {
        return None;
    }
    let continues: Vec<_> = transfer
        .continues()
        .filter(|post| {
            let message = post.seen().and_then(Seen::continue_message);
            message.is_some_and(|message| seen.is_named_by(&message.message_ref))
        })
        .collect();
    let acks: Vec<_> = transfer
        .acks_of(repeat)
        .into_iter()
        .map(|ack| ack.post)
        .collect();
    [continues, acks].into_iter().find_map(|effects| {
        let [_, second, ..] = effects.as_slice() else {
            return None;
        };
        let kind = second.kind()?;
        let expected = format!(
            "one {kind} at most for message {}, though it was delivered twice",
            seen.header.message_id
        );
        let seen = format!(
            "{} of kind {kind}, the second {}",
            effects.len(),
            id_of(second)
        );
        Some(violation(second, expected, seen))
    })
}
