//! Messages that are not what they should be, as they were delivered (RCV-09, RCV-21, RCV-22).

use gp2gp_model::verdict::{Assessment, Profile};

use super::request::unreadable;
use super::ruling::Ruling;
use super::transfer::{Ack, Transfer, id_of, show_all, transfers};
use crate::check::documents::{Document, Route};
use crate::check::view::{Place, Post, Seen};
use crate::check::{View, violation};

const NO_DELIVERIES: &str = "a recording does not show what was delivered";

/// RCV-09.
pub(super) fn core(view: &View, _: Profile) -> Assessment {
    if !view.has_real_times() {
        return Assessment::NotExercised(NO_DELIVERIES);
    }
    let mut ruling = Ruling::default();
    let asked = transfers(view).into_iter();
    for transfer in asked.filter(|transfer| transfer.requests().next().is_some()) {
        // Behind a core that is taken, anything is a copy (RCV-11).
        let is_copy = |post: &Post| transfer.core().is_some_and(|core| core.seq < post.seq);
        for core in transfer.broken_cores().filter(|core| !is_copy(core)) {
            let expected = format!(
                "one refusal of core {} with 21 (11 accepted): {}",
                id_of(core),
                core.seen().map(unreadable).unwrap_or_default()
            );
            if is_each_refused(&transfer) {
                ruling.kept();
                continue;
            }
            let acks = transfer.acks_of(core);
            match acks.as_slice() {
                [] => ruling.absent(view, violation(core, expected, show_all(&acks))),
                [only] if matches!(only.code(), Some("21" | "11")) => {
                    ruling.kept();
                    ruling.note(only.word());
                }
                [first, ..] => {
                    ruling.unless(Some(violation(first.post, expected, show_all(&acks))));
                }
            }
        }
    }
    ruling.assess("every core that came could be read")
}

/// Several broken cores came that acknowledgements cannot tell apart, and there is one refusal for each.
fn is_each_refused(transfer: &Transfer<'_>) -> bool {
    let cores: Vec<_> = transfer.broken_cores().collect();
    let acks: Vec<_> = cores
        .iter()
        .flat_map(|core| transfer.acks_of(core))
        .collect();
    let is_refusal = |ack: &Ack<'_>| matches!(ack.code(), Some("21" | "11"));
    cores.len() > 1 && acks.len() == cores.len() && acks.iter().all(is_refusal)
}

/// RCV-21.
pub(super) fn fragment(view: &View, _: Profile) -> Assessment {
    if !view.has_real_times() {
        return Assessment::NotExercised(NO_DELIVERIES);
    }
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        let Some(core) = transfer.core() else {
            continue;
        };
        let promises = transfer.promises(core);
        for fragment in promises.iter().filter_map(|promise| promise.came) {
            let Some(fault) = fault(fragment) else {
                continue;
            };
            if !has_failed_before(&transfer, fragment) {
                let due = Refusal {
                    core,
                    fragments: vec![fragment],
                    code: "30",
                    why: fault,
                };
                due.assess(view, &transfer, &mut ruling);
            }
        }
    }
    ruling.assess("every promised fragment that came was well-formed")
}

/// RCV-22.
pub(super) fn document(view: &View, _: Profile) -> Assessment {
    if !view.has_real_times() {
        return Assessment::NotExercised(NO_DELIVERIES);
    }
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        for damaged in damaged_documents(view, &transfer) {
            let due = Refusal {
                core: damaged.core,
                fragments: damaged.fragments.iter().copied().flatten().collect(),
                code: "29",
                why: damaged.problem.clone(),
            };
            // Before the last piece is here, nothing is due; but early is not too early.
            if damaged.is_due(&transfer) || due.is_early(&transfer) {
                due.assess(view, &transfer, &mut ruling);
            }
        }
    }
    ruling.assess("every document whose pieces came could be put together")
}

/// What is wrong with a fragment in itself.
pub(super) fn fault(fragment: &Post) -> Option<String> {
    let seen = fragment.seen()?;
    if seen.fragment().is_none() {
        return Some(unreadable(seen));
    }
    if seen.attachments.is_empty() {
        return Some("it carries and promises nothing".to_owned());
    }
    missing_part(seen)
}

fn missing_part(seen: &Seen) -> Option<String> {
    let mut attachments = seen.attachments.iter();
    attachments.find_map(|attachment| match &attachment.place {
        Place::Dangling(content_id) => Some(format!("no part carries cid:{content_id}")),
        Place::Other(href) => Some(format!("`{href}` is neither cid: nor mid:")),
        Place::Inline { .. } | Place::External(_) => None,
    })
}

/// Everything promised came, and nothing of it is damaged.
pub(super) fn came_whole<'v>(view: &'v View, transfer: &Transfer<'v>) -> bool {
    let promises = transfer.core().map(|core| transfer.promises(core));
    let is_here = |came: Option<&Post>| came.is_some_and(|post| fault(post).is_none());
    let mut promises = promises.into_iter().flatten();
    promises.all(|promise| is_here(promise.came)) && damaged_documents(view, transfer).is_empty()
}

/// An attachment inside the core, as it was delivered, is missing, no document, or behind a skeleton
/// that is not its own.
pub(super) fn is_damaged_core(view: &View, core: &Post) -> bool {
    let is_broken = |document: &Document| {
        let of_core = view.posts.get(document.core);
        document.route == Route::Inline
            && (document.content.is_err() || is_of_another(core, document))
            && of_core.is_some_and(|sent| sent.is_same_message(core))
    };
    core.seen().and_then(missing_part).is_some() || view.delivered_documents().iter().any(is_broken)
}

/// What stands for the record of a core is not that record.
pub(super) fn is_of_another(core: &Post, document: &Document) -> bool {
    let extract = core.seen().and_then(Seen::extract);
    match (&document.skeleton, extract) {
        (Some(Ok(restored)), Some(extract)) => {
            restored.extract_id != extract.id || restored.root != extract.wrapper.root
        }
        (Some(Err(_)), _) => true,
        (Some(Ok(_)), None) | (None, _) => false,
    }
}

/// A document in well-formed fragments that, as they were delivered, do not make a document.
pub(super) struct Damaged<'v> {
    pub(super) core: &'v Post,
    /// The messages that bring it, as far as they came.
    fragments: Vec<Option<&'v Post>>,
    problem: String,
}

/// Damaged documents of a transfer.
pub(super) fn damaged_documents<'v>(view: &'v View, transfer: &Transfer<'v>) -> Vec<Damaged<'v>> {
    let documents = view.delivered_documents().iter();
    documents
        .filter_map(|document| Damaged::of(view, transfer, document))
        .collect()
}

impl<'v> Damaged<'v> {
    fn of(view: &'v View, transfer: &Transfer<'v>, document: &'v Document) -> Option<Self> {
        let problem = document.content.as_ref().err()?;
        let core = view.posts.get(document.core)?.seen()?;
        let core = transfer.cores().find(|came| {
            let came = came.seen().map(|came| &came.header);
            came.is_some_and(|came| {
                came.message_id == core.header.message_id
                    && came.conversation_id == core.header.conversation_id
            })
        })?;
        let fragments = pieces_of(transfer, core, document)?;
        let is_malformed = fragments
            .iter()
            .flatten()
            .any(|fragment| fault(fragment).is_some());
        (!is_malformed).then(|| Self {
            core,
            fragments,
            problem: problem.clone(),
        })
    }

    /// Whether this fragment brings a part of it.
    pub(super) fn has(&self, fragment: &Post) -> bool {
        let mut fragments = self.fragments.iter().flatten();
        fragments.any(|own| own.seq == fragment.seq)
    }

    /// All its pieces came, and nothing had ended the transfer before.
    fn is_due(&self, transfer: &Transfer<'v>) -> bool {
        let pieces: Option<Vec<_>> = self.fragments.iter().copied().collect();
        let last = pieces.and_then(|pieces| pieces.into_iter().max_by_key(|post| post.seq));
        last.is_some_and(|last| !has_failed_before(transfer, last))
    }
}

/// The messages that bring a document: the index and its chunks, or the one COPC. `None` for those that never came.
pub(super) fn pieces_of<'v>(
    transfer: &Transfer<'v>,
    core: &'v Post,
    document: &Document,
) -> Option<Vec<Option<&'v Post>>> {
    match document.route {
        Route::Index(_) | Route::OwnCopc => {}
        Route::Inline | Route::Absent => return None,
    }
    let Place::External(first) = &core.seen()?.attachments.get(document.attachment)?.place else {
        return None;
    };
    let first = transfer.fragment(first);
    let chunks = first.and_then(Post::seen).into_iter();
    let chunks = chunks.flat_map(Seen::promised);
    let chunks = chunks.map(|chunk| transfer.fragment(chunk));
    Some(std::iter::once(first).chain(chunks).collect())
}

/// A refusal that has to name both a fragment and the core.
struct Refusal<'v> {
    core: &'v Post,
    /// One of these is to be refused.
    fragments: Vec<&'v Post>,
    code: &'static str,
    why: String,
}

impl<'v> Refusal<'v> {
    fn assess(&self, view: &View, transfer: &Transfer<'v>, ruling: &mut Ruling) {
        let Some(last) = self.fragments.iter().max_by_key(|post| post.seq) else {
            return;
        };
        let on_fragments: Vec<_> = self
            .fragments
            .iter()
            .flat_map(|fragment| transfer.acks_of(fragment))
            .collect();
        let on_core = transfer.answers();
        let is_whole_refused = matches!(on_core.as_slice(), [only] if only.code() == Some("31"));
        if !self.given(transfer).is_empty() && is_whole_refused {
            ruling.kept();
            return;
        }
        let expected = format!(
            "{} on fragment {} and 31 on core {}: {}",
            self.code,
            id_of(last),
            id_of(self.core),
            self.why
        );
        let seen = format!(
            "on the fragment {}; on the core {}",
            show_all(&on_fragments),
            show_all(&on_core)
        );
        let breach = violation(last, expected, seen);
        match on_fragments.is_empty() || on_core.is_empty() {
            true => ruling.absent(view, breach),
            false => ruling.unless(Some(breach)),
        }
    }

    /// A fragment was refused, and not because the transfer was over.
    fn is_early(&self, transfer: &Transfer<'v>) -> bool {
        let mut fragments = self.fragments.iter();
        fragments.any(|fragment| {
            let mut acks = transfer.acks_of(fragment).into_iter();
            acks.any(|ack| ack.ack.is_negative() && !has_failed_before(transfer, ack.post))
        })
    }

    /// Refusals of a fragment with the due code.
    fn given(&self, transfer: &Transfer<'v>) -> Vec<Ack<'v>> {
        let fragments = self.fragments.iter();
        fragments
            .flat_map(|fragment| transfer.acks_of(fragment))
            .filter(|ack| ack.code() == Some(self.code))
            .collect()
    }
}

pub(super) fn has_failed_before(transfer: &Transfer<'_>, post: &Post) -> bool {
    let failed = transfer.failed();
    failed.is_some_and(|failed| failed.post.seq < post.seq)
}
