//! Fragments and their acknowledgements (RCV-20, 23, 24).

use gp2gp_model::EbxmlMessageId;
use gp2gp_model::plan::Role;
use gp2gp_model::verdict::{Assessment, Profile, Violation};

use super::malformed::{damaged_documents, fault};
use super::ruling::Ruling;
use super::transfer::{Ack, Transfer, id_of, show_all, transfers};
use crate::check::documents::{Document, Route};
use crate::check::view::{Ending, Place, Post, Seen};
use crate::check::{View, violation};

/// RCV-20.
pub(super) fn one_acknowledgement_each(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    // A fragment without a core belongs to no transfer; whether it is answered is open.
    let transfers = transfers(view).into_iter();
    for transfer in transfers.filter(|transfer| transfer.core().is_some()) {
        // An envelope that names another interaction leaves open what the message is.
        let is_clear = |post: &&Post| post.seen().is_some_and(Seen::may_be_what_it_claims);
        for fragment in transfer.fragments().filter(is_clear) {
            let expected = format!(
                "exactly one acknowledgement of fragment {}",
                id_of(fragment)
            );
            let acks = transfer.acks_of(fragment);
            match acks.as_slice() {
                [_] => ruling.kept(),
                [_, second, ..] => {
                    let seen = format!("{}: {}", acks.len(), show_all(&acks));
                    ruling.unless(Some(violation(second.post, expected, seen)));
                }
                [] if !view.has_real_times() => {}
                [] => ruling.absent(view, violation(fragment, expected, "none")),
            }
        }
    }
    ruling.assess("no fragment came whose acknowledgement could be seen")
}

/// RCV-23.
pub(super) fn last_one_waits_for_the_document(view: &View, _: Profile) -> Assessment {
    if !view.has_real_times() {
        return Assessment::NotExercised("a recording does not show in which order messages came");
    }
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        for split in splits(view, &transfer) {
            let Some(last) = split.completed_by() else {
                continue;
            };
            let Some(ack) = transfer.acks_of(last).into_iter().next() else {
                continue;
            };
            ruling.unless(if ack.post.seq < last.seq {
                let expected = format!(
                    "no acknowledgement of fragment {} before it completed its document at {}",
                    id_of(last),
                    last.at
                );
                Some(violation(ack.post, expected, ack.show()))
            } else {
                damaged(&split, last)
                    .filter(|_| {
                        !ack.ack.is_negative() && !is_refused_beside(&transfer, &split, last)
                    })
                    .map(|(expected, seen)| {
                        violation(ack.post, expected, format!("{}; {seen}", ack.show()))
                    })
            });
        }
    }
    ruling.assess("no document came in pieces and was complete")
}

/// Whether a piece that was still under way when the last one was posted is refused: then the system may have taken
/// that one last.
fn is_refused_beside(transfer: &Transfer<'_>, split: &Split<'_>, last: &Post) -> bool {
    let is_beside = |post: &Post| match post.ending {
        Ending::Answered { at, .. } | Ending::NoAnswer { at, .. } => at > last.at,
        Ending::Open => true,
    };
    let others = split.came().filter(|post| post.seq != last.seq);
    let mut beside = others.filter(|post| is_beside(post));
    beside.any(|post| (transfer.acks_of(post).iter()).any(|ack| ack.ack.is_negative()))
}

/// What speaks against accepting the last piece of a document that cannot be put together.
fn damaged(split: &Split<'_>, last: &Post) -> Option<(String, String)> {
    let problem = split.document.content.as_ref().err()?;
    let expected = format!(
        "no AA of fragment {}: it completes a document that cannot be put together",
        id_of(last)
    );
    Some((expected, problem.clone()))
}

/// RCV-24.
pub(super) fn any_order(view: &View, _: Profile) -> Assessment {
    if !view.has_real_times() {
        return Assessment::NotExercised("a recording does not show in which order messages came");
    }
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        let failed = transfer.failed().map(|failed| failed.post.seq);
        let damaged = damaged_documents(view, &transfer);
        // Nothing is taken after the end, and what is damaged is refused in any order.
        let excused = |early: &Post, refusal: &Ack<'_>| {
            failed.is_some_and(|failed| failed < refusal.post.seq)
                || fault(early).is_some()
                || damaged.iter().any(|document| document.has(early))
        };
        for split in splits(view, &transfer) {
            for (early, before) in split.early() {
                let acks = transfer.acks_of(early);
                // 25: it came in any order, but after the end (RCV-41).
                let refusal = acks
                    .iter()
                    .find(|ack| ack.ack.is_negative() && ack.code() != Some("25"));
                if acks.is_empty() || refusal.is_some_and(|refusal| excused(early, refusal)) {
                    continue;
                }
                ruling.unless(
                    refusal.map(|refusal| refused(refusal.post, early, before, &refusal.show())),
                );
                ruling.note(match before {
                    Before::Index(_) => "a chunk came before its index",
                    Before::Chunk(_) => "a chunk came before another one that goes before it",
                });
            }
        }
    }
    ruling.assess("every fragment came behind those that go before it")
}

fn refused(post: &Post, early: &Post, before: Before<'_>, seen: &str) -> Violation {
    let before = match before {
        Before::Index(id) => format!("its index {id}"),
        Before::Chunk(id) => format!("chunk {id}"),
    };
    let expected = format!(
        "fragment {} accepted, though {before} had not come",
        id_of(early)
    );
    violation(post, expected, seen)
}

/// A document in pieces, with the deliveries of its messages in manifest order.
struct Split<'v> {
    document: &'v Document,
    index: (&'v EbxmlMessageId, Option<&'v Post>),
    chunks: Vec<(&'v EbxmlMessageId, Option<&'v Post>)>,
}

/// What should have come before.
#[derive(Clone, Copy)]
enum Before<'v> {
    Index(&'v EbxmlMessageId),
    Chunk(&'v EbxmlMessageId),
}

/// Documents of a transfer that came in pieces.
fn splits<'v>(view: &'v View, transfer: &Transfer<'v>) -> Vec<Split<'v>> {
    view.delivered_documents()
        .iter()
        .filter_map(|document| {
            let core = view.posts.get(document.core)?;
            if !core.is_of(&transfer.id) {
                return None;
            }
            let index = match (
                &document.route,
                &core.seen()?.attachments.get(document.attachment)?.place,
            ) {
                (Route::Index(_), Place::External(index)) => index,
                (Route::Index(_), Place::Inline { .. } | Place::Dangling(_) | Place::Other(_))
                | (Route::Inline | Route::OwnCopc | Route::Absent, _) => return None,
            };
            let came = |id| (id, transfer.fragment(id));
            // What the index promises, even if the index was lost; a chunk inside comes with it.
            let mut sent = view
                .sent_by(Role::Sending)
                .filter(|post| post.is_of(&transfer.id));
            let chunks = sent
                .find(|post| post.message_id() == Some(index))?
                .seen()?
                .promised();
            Some(Split {
                document,
                index: came(index),
                chunks: chunks.map(came).collect(),
            })
        })
        .collect()
}

impl<'v> Split<'v> {
    /// The message that completed the document, if it was completed.
    fn completed_by(&self) -> Option<&'v Post> {
        let all = [&self.index].into_iter().chain(&self.chunks);
        let came: Vec<_> = all.map(|(_, came)| *came).collect::<Option<_>>()?;
        came.into_iter().max_by_key(|post| post.seq)
    }

    /// What came of it.
    fn came(&self) -> impl Iterator<Item = &'v Post> {
        let all = [&self.index].into_iter().chain(&self.chunks);
        all.filter_map(|(_, came)| *came)
    }

    /// Chunks that came before something that goes before them.
    fn early(&self) -> Vec<(&'v Post, Before<'v>)> {
        let came_later =
            |came: Option<&Post>, than: &Post| came.is_none_or(|post| post.seq > than.seq);
        let mut early = Vec::new();
        for (at, (_, chunk)) in self.chunks.iter().enumerate() {
            let Some(chunk) = *chunk else { continue };
            let (index, index_came) = self.index;
            if came_later(index_came, chunk) {
                early.push((chunk, Before::Index(index)));
                continue;
            }
            let predecessors = self.chunks.iter().take(at);
            let missing = predecessors
                .clone()
                .find(|(_, came)| came_later(*came, chunk));
            early.extend(missing.map(|(id, _)| (chunk, Before::Chunk(id))));
        }
        early
    }
}
