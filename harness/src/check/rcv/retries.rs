//! Acknowledgements that Spine does not take at once (RCV-56).

use std::collections::BTreeMap;

use gp2gp_model::plan::Role;
use gp2gp_model::plural::count;
use gp2gp_model::verdict::{Assessment, Profile, Violation};
use gp2gp_model::{EbxmlMessageId, Interaction};

use super::ruling::Ruling;
use super::transfer::{Ack, id_of};
use crate::check::view::Post;
use crate::check::{View, violation};

/// RCV-56.
pub(super) fn acknowledgements_survive_an_outage(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    let mut order = Vec::new();
    let mut posts: BTreeMap<&EbxmlMessageId, Vec<&Post>> = BTreeMap::new();
    for post in view.posted_by(Role::Requesting) {
        if let (Some(_), Some(id)) = (Ack::of(post), post.message_id()) {
            let posts = posts.entry(id).or_default();
            if posts.is_empty() {
                order.push(id);
            }
            posts.push(post);
        }
    }
    for id in order {
        let Some([first, repeats @ ..]) = posts.get(id).map(Vec::as_slice) else {
            continue;
        };
        if !first.ending.may_pass() {
            continue;
        }
        let breach = changed(first, repeats).or_else(|| rebuilt(view, first));
        let is_taken = [first]
            .into_iter()
            .chain(repeats)
            .any(|post| post.was_accepted());
        match breach {
            Some(breach) => ruling.unless(Some(breach)),
            None if is_taken => ruling.kept(),
            // As often as the contract asks for: nothing more can be expected.
            None if repeats.len() >= retries(view, first) => {
                ruling.note("given up after all retries of the contract");
            }
            None => {
                let expected = format!("acknowledgement {id} posted again until Spine takes it");
                let seen = format!("posted {}, never taken", count(repeats.len() + 1, "time"));
                let repeats = repeats.iter().map(|repeat| repeat.seq);
                ruling.absent(view, violation(first, expected, seen).with(repeats));
            }
        }
    }
    ruling.assess("Spine took every acknowledgement at once")
}

/// A repeat with other bytes.
fn changed(first: &Post, repeats: &[&Post]) -> Option<Violation> {
    let other = repeats
        .iter()
        .find(|repeat| repeat.body.sha256 != first.body.sha256)?;
    let expected = format!(
        "the bytes of the first post of {}, digest {}",
        id_of(first),
        first.body.sha256
    );
    Some(violation(other, expected, format!("digest {}", other.body.sha256)).with([first.seq]))
}

/// The same acknowledgement under another message id.
fn rebuilt(view: &View, first: &Post) -> Option<Violation> {
    let ack = Ack::of(first)?;
    let conversation = &first.seen()?.header.conversation_id;
    let other = view
        .sent_by(Role::Requesting)
        .filter(|post| post.is_of(conversation) && post.seq > first.seq)
        .filter_map(Ack::of)
        .find(|other| other.ack.message_ref == ack.ack.message_ref && other.code() == ack.code())?;
    let expected = format!(
        "one {} of {}, under one message id",
        ack.word(),
        ack.ack.message_ref
    );
    Some(violation(
        other.post,
        expected,
        format!("{}; and {}", ack.show(), other.show()),
    ))
}

fn retries(view: &View, post: &Post) -> usize {
    let contract = post.seen().and_then(|seen| {
        let directory = &view.header.directory;
        directory.contract(&seen.header.to, Interaction::Acknowledgement)
    });
    contract.map_or(0, |contract| contract.retries as usize)
}
