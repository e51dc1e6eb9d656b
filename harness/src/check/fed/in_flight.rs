//! FED-02: what is written back while the record is transferred is in the extract or at the new
//! practice.

use std::time::Duration;

use gp2gp_model::plan::Role;
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_model::{EntryId, MessageKind, NhsNumber, Time};

use super::history::{Delivery, Federation, Recorded};
use super::{NO_HUB, registered, violation};
use crate::check::texts::TextSeen;
use crate::check::{Post, Tally, View};

/// An eb:Timestamp has whole seconds.
const ROUNDING: Duration = Duration::from_secs(1);

pub(super) fn are_in_the_extract_or_forwarded(view: &View, _: Profile) -> Assessment {
    let Some(federation) = &view.federation else {
        return Assessment::NotExercised(NO_HUB);
    };
    let mut tally = Tally::default();
    for recorded in federation.recorded() {
        if let Some(core) = transferred_meanwhile(view, &recorded) {
            expect_somewhere(view, federation, &recorded, core, &mut tally);
        }
    }
    tally.assess("nothing was recorded at the hub while a record was transferred")
}

/// The first extract of a record that holds this entry.
pub(super) fn extract_with<'v>(
    view: &'v View,
    patient: NhsNumber,
    entry: &EntryId,
) -> Option<&'v Post> {
    let id = entry.as_str().to_ascii_uppercase();
    cores(view, patient).find(|core| {
        let is_in_it = (core.seen()).is_some_and(|seen| seen.narratives.contains_key(&id));
        is_in_it || is_behind_skeleton(view, core, &id)
    })
}

/// The first extract of the patient, if the entry was recorded before the transfer was over.
fn transferred_meanwhile<'v>(view: &'v View, recorded: &Recorded<'_>) -> Option<&'v Post> {
    let core = cores(view, recorded.patient).next()?;
    let is_over = over_at(view, core).is_some_and(|over| recorded.at() > over);
    (!is_over).then_some(core)
}

fn expect_somewhere(
    view: &View,
    federation: &Federation,
    recorded: &Recorded<'_>,
    core: &Post,
    tally: &mut Tally,
) {
    let id = &recorded.entry.id;
    let is_in_extract = extract_with(view, recorded.patient, id).is_some();
    let old = view.header.practices.as_ref().map(|it| &it.sending);
    let filed: Vec<Delivery<'_>> = (federation.deliveries())
        .filter(|it| it.entry.id == *id && it.is_filed())
        .collect();
    let is_forwarded = filed.iter().any(|it| {
        // A patient who has come back is registered at the old practice again.
        let at = it.known_at();
        let registered = registered::between(view, recorded.patient, at, at);
        Some(it.practice) != old || registered.contains(it.practice) && it.exchange.at > core.at
    });
    if !is_in_extract && !is_forwarded && was_made_before(core, filed.first()) {
        return;
    }
    tally.expect(is_in_extract || is_forwarded, || {
        let seen = match filed.first() {
            Some(it) => format!(
                "{} filed it at {}, the extract of {} has no statement with this id, and no other practice got it",
                it.practice,
                it.known_at(),
                core.at
            ),
            None => format!("no practice filed it, and it is not in the extract of {}", core.at),
        };
        violation(
            filed.first().map_or(core.seq, |it| it.exchange.seq),
            format!("entry {id} is in the extract, or reaches the new practice"),
            seen,
        ).with([recorded.seq(), core.seq])
    });
}

/// The old practice filed the entry while an extract made before lay ready to go: that is its own fault, of which
/// the hub knows nothing.
fn was_made_before(core: &Post, filed: Option<&Delivery<'_>>) -> bool {
    let made = core.seen().map(|seen| seen.header.timestamp);
    let filed = filed.map(|it| it.known_at());
    made.zip(filed)
        .is_some_and(|(made, filed)| made + ROUNDING < filed && filed < core.at)
}

/// Whether the first extract of a record says of a statement what the old practice holds; so does one that never came.
pub(super) fn came_as_held(view: &View, patient: NhsNumber, id: &str, held: &TextSeen) -> bool {
    let Some(core) = cores(view, patient).next() else {
        return true;
    };
    let restored = view.documents.iter().filter_map(|document| {
        let of_core = view.posts.get(document.core)?;
        let whole = document.skeleton.as_ref()?.as_ref().ok()?;
        (of_core.seq == core.seq).then_some(&whole.narratives)
    });
    let mut said = core
        .seen()
        .map(|seen| &seen.narratives)
        .into_iter()
        .chain(restored);
    said.any(|said| {
        said.get(id)
            .is_some_and(|it| it.text.by_line == held.by_line)
    })
}

fn cores(view: &View, patient: NhsNumber) -> impl Iterator<Item = &Post> {
    view.sent_by(Role::Sending).filter(move |post| {
        post.kind() == Some(MessageKind::EhrExtract)
            && (post.seen().and_then(|seen| seen.extract())).is_some_and(|it| it.patient == patient)
    })
}

fn is_behind_skeleton(view: &View, core: &Post, id: &str) -> bool {
    let mut documents = view.documents.iter();
    documents.any(|document| {
        let of_core = view.posts.get(document.core);
        of_core.is_some_and(|post| post.seq == core.seq)
            && matches!(&document.skeleton, Some(Ok(whole)) if whole.narratives.contains_key(id))
    })
}

/// When the new practice said for good what became of a core.
fn over_at(view: &View, core: &Post) -> Option<Time> {
    let core = core.seen()?;
    let mut acks = view.accepted_from(Role::Requesting).filter(|post| {
        let ack = post.seen().and_then(|seen| seen.acknowledgement());
        ack.is_some_and(|ack| core.is_named_by(&ack.message_ref))
    });
    acks.next().map(|post| post.at)
}
