//! Documents that were filed (RCV-25 to 37, 60, 61, 64). Where a document was damaged before it
//! was sent, the requesting system is judged by what it was sent.

use std::collections::{BTreeMap, BTreeSet};

use gp2gp_model::Sha256;
use gp2gp_model::plan::Decision;
use gp2gp_model::plural::count;
use gp2gp_model::verdict::{Assessment, Profile, Violation};
use gp2gp_wire::attachment::{Description, DescriptionStyle, Placeholder};

use super::claims::is_above_declared_total;
use super::harm::{Sign, altered_copies, identical, is_harmed};
use super::malformed::{came_whole, damaged_documents, fault, is_damaged_core};
use super::ruling::Ruling;
use super::storage::{Filed, UNOBSERVED, filed, name_of};
use super::transfer::{Transfer, id_of, transfers};
use crate::check::documents::{Document, Route};
use crate::check::view::{Place, Post, Seen};
use crate::check::{View, violation};

/// A core above this is very large (RCV-61).
const VERY_LARGE_BYTES: u64 = 20_000_000;
/// So many fragments are very many (RCV-61).
const VERY_MANY: usize = 400;

/// RCV-25.
pub(super) fn joined_in_manifest_order(view: &View, _: Profile) -> Assessment {
    let unexercised = "no document of two or more chunks was filed";
    identical(
        view,
        unexercised,
        Sign::Shuffled,
        |_, _, document| match document.route {
            Route::Index(chunks) if chunks > 1 => {
                Some("judged by digest, in whatever order its pieces came")
            }
            Route::Index(_) | Route::Inline | Route::OwnCopc | Route::Absent => None,
        },
    )
}

/// RCV-26.
pub(super) fn every_form_of_index(view: &View, _: Profile) -> Assessment {
    let unexercised = "no document that travelled behind an index was filed";
    let form = |transfer: &Transfer<'_>, core: &Post, document: &Document| match document.route {
        Route::Index(1) => Some("an index with a single chunk"),
        Route::Index(_) if first_chunk_is_inline(transfer, core, document) => {
            Some("an index with its first chunk inside")
        }
        Route::Index(_) => Some("an index that promises all its chunks"),
        Route::Inline | Route::OwnCopc | Route::Absent => None,
    };
    identical(view, unexercised, Sign::Misread, form)
}

fn first_chunk_is_inline(transfer: &Transfer<'_>, core: &Post, document: &Document) -> bool {
    let reference = core
        .seen()
        .and_then(|seen| seen.attachments.get(document.attachment));
    let index = match reference.map(|reference| &reference.place) {
        Some(Place::External(index)) => transfer.fragment(index),
        Some(Place::Inline { .. } | Place::Dangling(_) | Place::Other(_)) | None => None,
    };
    let first = index.and_then(|index| index.seen()?.attachments.first());
    first.is_some_and(|first| matches!(first.place, Place::Inline { .. }))
}

/// RCV-27.
pub(super) fn unpacked(view: &View, _: Profile) -> Assessment {
    let unexercised = "no compressed document was filed";
    identical(view, unexercised, Sign::Misread, |_, _, document| {
        match (document.is_compressed(), &document.route) {
            (true, Route::Index(_)) => Some("compressed and in chunks"),
            (true, Route::Inline | Route::OwnCopc | Route::Absent) => Some("compressed and whole"),
            (false, _) => None,
        }
    })
}

/// RCV-29.
pub(super) fn named_by_description(view: &View, _: Profile) -> Assessment {
    let Some(records) = filed(view) else {
        return Assessment::NotExercised(UNOBSERVED);
    };
    let mut ruling = Ruling::default();
    for record in records {
        for document in &record.documents {
            let description = document.description();
            let described = description.filter(|description| !description.is_skeleton());
            if let (Some(description), Ok((sha256, _))) = (described, &document.content) {
                ruling.unless(misnamed(&record, description, sha256));
            }
        }
    }
    ruling.assess("no document with a description in the grammar was filed")
}

/// A document that is stored under another name or type. One that is not stored at all is a
/// matter of RCV-64.
fn misnamed(record: &Filed<'_>, due: &Description, sha256: &Sha256) -> Option<Violation> {
    let stored: Vec<_> = record.with_content(sha256).collect();
    let first = stored.first()?;
    let is_right = stored.iter().any(|stored| {
        is_name(stored.file_name, &due.filename)
            && stored.media_type.eq_ignore_ascii_case(&due.content_type)
    });
    (!is_right).then(|| {
        record.violation(
            format!("stored as `{}`, type {}", due.filename, due.content_type),
            format!("stored as `{}`, type {}", first.file_name, first.media_type),
        )
    })
}

/// A name may have travelled percent-encoded (AR16).
fn is_name(stored: &str, described: &str) -> bool {
    stored == described || stored == percent_decoded(described)
}

/// Plain decoding of `%xx`; what is no such code stays.
pub(super) fn percent_decoded(name: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = name.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// RCV-30.
pub(super) fn found_whatever_the_underscore(view: &View, _: Profile) -> Assessment {
    let unexercised = "no document with an eb:id was filed";
    identical(view, unexercised, Sign::Unfound, |_, core, document| {
        let attachments = core.seen().map(|seen| &seen.attachments);
        let attachment = attachments.and_then(|all| all.get(document.attachment));
        let id = attachment?.id.as_deref()?;
        Some(match id.starts_with('_') {
            true => "eb:id with the underscore",
            false => "eb:id without the underscore",
        })
    })
}

/// RCV-32.
pub(super) fn loose_descriptions(view: &View, _: Profile) -> Assessment {
    let unexercised = "no inline document with a loose description was filed";
    identical(view, unexercised, Sign::Unfound, |_, _, document| {
        match (&document.route, &document.style) {
            (Route::Inline, DescriptionStyle::FilenameOnly(_)) => Some("only a file name"),
            (Route::Inline, DescriptionStyle::Word) => Some("only the word Attachment"),
            (Route::Inline, DescriptionStyle::Empty) => Some("an empty description"),
            (Route::Inline, DescriptionStyle::Grammar(_))
            | (Route::OwnCopc | Route::Index(_) | Route::Absent, _) => None,
        }
    })
}

/// RCV-34.
pub(super) fn skeleton_restored(view: &View, _: Profile) -> Assessment {
    let Some(records) = filed(view) else {
        return Assessment::NotExercised(UNOBSERVED);
    };
    let mut ruling = Ruling::default();
    for record in records {
        for document in &record.documents {
            let (Some(Ok(_)), Ok((sha256, bytes))) = (&document.skeleton, &document.content) else {
                continue;
            };
            let is_restored = record.with_content(sha256).next().is_some();
            ruling.expect(is_restored, || not_restored(&record, sha256, *bytes));
            ruling.note(match document.route {
                Route::Inline => "original inside the skeleton's message",
                Route::OwnCopc => "original in a message of its own",
                Route::Index(_) => "original in chunks",
                Route::Absent => "original absent",
            });
        }
    }
    ruling.assess("no skeleton was filed")
}

fn not_restored(record: &Filed<'_>, sha256: &Sha256, bytes: u64) -> Violation {
    let skeleton = record.core.seen().map(|seen| &seen.payload_sha256);
    let filed_skeleton = record
        .stored
        .iter()
        .find(|stored| Some(stored.sha256) == skeleton);
    record.violation(
        format!("the original of {bytes} bytes stored, digest {sha256}"),
        match filed_skeleton {
            Some(stored) => format!(
                "the skeleton itself stored as `{}`, {} bytes",
                stored.file_name, stored.bytes
            ),
            None => "no stored document with that digest".to_owned(),
        },
    )
}

/// RCV-35.
pub(super) fn placeholders_recognised(view: &View, _: Profile) -> Assessment {
    let Some(records) = filed(view) else {
        return Assessment::NotExercised(UNOBSERVED);
    };
    let mut ruling = Ruling::default();
    for record in records {
        for document in &record.documents {
            let name = name_of(document);
            let Ok((sha256, bytes)) = &document.content else {
                continue;
            };
            if !Placeholder::is_file_name(&name) {
                continue;
            }
            let breach = record.altered(&name, sha256, *bytes).or_else(|| {
                let mut stored = record.with_content(sha256);
                let is_known = stored.any(|stored| stored.placeholder);
                (!is_known).then(|| {
                    record.violation(
                        format!("`{name}` stored and recognised as a placeholder"),
                        format!("`{name}` stored like any document"),
                    )
                })
            });
            ruling.unless(breach);
        }
    }
    ruling.assess("no placeholder was filed")
}

/// RCV-36.
pub(super) fn namesakes_kept_apart(view: &View, _: Profile) -> Assessment {
    let Some(records) = filed(view) else {
        return Assessment::NotExercised(UNOBSERVED);
    };
    let mut ruling = Ruling::default();
    for record in records {
        let mut namesakes: BTreeMap<String, Vec<&Document>> = BTreeMap::new();
        for document in record.documents.iter().copied() {
            let name = (document.style.filename()).map(|name| format!("called `{name}`"));
            let id = reference_id(view, document).map(|id| format!("with the id {id}"));
            for what in name.into_iter().chain(id) {
                namesakes.entry(what).or_default().push(document);
            }
        }
        for (what, documents) in namesakes {
            let contents: BTreeSet<Sha256> =
                documents.iter().copied().filter_map(content).collect();
            if contents.len() < 2 {
                continue;
            }
            let is_kept = |sha256: &&Sha256| record.with_content(sha256).next().is_some();
            let kept = contents.iter().filter(is_kept).count();
            let all = contents.len();
            let there = kept + altered_copies(&record, &documents);
            // Where one takes the place of another, one is there and not all are.
            if kept < all && (there == 0 || there >= all) {
                ruling.open(format!(
                    "{} {what} came to be there, but not as sent (RCV-64)",
                    count(there, "document")
                ));
                continue;
            }
            ruling.expect(kept == all, || {
                record.violation(
                    format!("{} {what} stored", count(all, "document")),
                    format!("{kept} of them stored"),
                )
            });
        }
    }
    ruling.assess("no two documents of one name or one id and different content were filed")
}

/// The `eb:id` of a document in its core.
fn reference_id<'v>(view: &'v View, document: &Document) -> Option<&'v str> {
    let core = view.posts.get(document.core)?.seen()?;
    core.attachments.get(document.attachment)?.id.as_deref()
}

/// RCV-37.
pub(super) fn patients_kept_apart(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    let transfers = transfers(view);
    let open: Vec<_> = transfers
        .iter()
        .filter(|transfer| transfer.core().is_some())
        .collect();
    if open.len() > 1 {
        for transfer in &open {
            let stray = transfer.acks().find(|ack| {
                let is_here = transfer.came.iter().any(|post| ack.names(post));
                !is_here
                    && open
                        .iter()
                        .any(|other| other.came.iter().any(|post| ack.names(post)))
            });
            ruling.unless(stray.map(|ack| {
                violation(
                    ack.post,
                    format!("conversation {} acknowledges its own messages", transfer.id),
                    format!(
                        "{} names {} of another one",
                        ack.show(),
                        ack.ack.message_ref
                    ),
                )
            }));
        }
        for transfer in &open {
            ruling.unless(swallowed(view, transfer, &open));
        }
        for record in filed(view).unwrap_or_default() {
            let foreign = foreign_documents(view, &record);
            for stored in &record.stored {
                ruling.expect(!foreign.contains(stored.sha256), || {
                    record.violation(
                        format!("only documents of conversation {}", record.transfer.id),
                        format!("`{}` of another conversation stored", stored.file_name),
                    )
                });
            }
        }
    }
    ruling.assess("no two records were transferred")
}

/// A core of which the system makes nothing, because another conversation had its id before.
fn swallowed(view: &View, transfer: &Transfer<'_>, all: &[&Transfer<'_>]) -> Option<Violation> {
    let core = transfer.core()?;
    let first = all.iter().find_map(|other| {
        let mut came = other.came.iter().filter(|_| other.id != transfer.id);
        came.find(|post| post.seq < core.seq && post.message_id() == core.message_id())
    })?;
    let is_used = transfer.continues().next().is_some()
        || transfer.decision().is_some()
        || !transfer.acks_of(core).is_empty();
    (!is_used && view.quiescent).then(|| {
        violation(
            core,
            format!(
                "core {} of conversation {} taken, though event {} of another one has its id",
                id_of(core),
                transfer.id,
                first.seq
            ),
            "no Continue and no answer",
        )
    })
}

/// Contents that belong to other conversations and not to this one.
fn foreign_documents(view: &View, record: &Filed<'_>) -> BTreeSet<Sha256> {
    let own: BTreeSet<Sha256> = record
        .documents
        .iter()
        .filter_map(|document| content(document))
        .collect();
    view.delivered_documents()
        .iter()
        .filter(|document| {
            let core = view.posts.get(document.core);
            core.is_some_and(|core| !core.is_of(&record.transfer.id))
        })
        .filter_map(content)
        .filter(|sha256| !own.contains(sha256))
        .collect()
}

fn content(document: &Document) -> Option<Sha256> {
    document.content.as_ref().ok().map(|(sha256, _)| *sha256)
}

/// RCV-60.
pub(super) fn multibyte_text(view: &View, _: Profile) -> Assessment {
    let Some(records) = filed(view) else {
        return Assessment::NotExercised(UNOBSERVED);
    };
    let mut ruling = Ruling::default();
    for record in records {
        if let Some(seen) = record
            .core
            .seen()
            .filter(|seen| is_multibyte_record(&record, seen))
        {
            ruling.unless(record.altered(
                "the record",
                &seen.payload_sha256,
                seen.payload_bytes as u64,
            ));
            ruling.note("multibyte text in the record");
        }
        for document in &record.documents {
            let name = document.style.filename().filter(|name| !name.is_ascii());
            if let (Some(name), Some(sha256)) = (name, content(document)) {
                if is_anything_else_harmed(&record) {
                    ruling.open("documents without such names were not stored either (RCV-64)");
                    continue;
                }
                let mut stored = record.with_content(&sha256).peekable();
                let found = stored.peek().map(|stored| stored.file_name);
                let is_kept = stored.any(|stored| is_name(stored.file_name, name));
                ruling.expect(is_kept, || {
                    record.violation(
                        format!("stored as `{name}`"),
                        found.map_or_else(
                            || "not stored".to_owned(),
                            |found| format!("stored as `{found}`"),
                        ),
                    )
                });
                ruling.note("multibyte file names");
            }
        }
    }
    ruling.assess("nothing with multibyte text was filed")
}

/// Something whose name is plain was not stored as it was sent.
fn is_anything_else_harmed(record: &Filed<'_>) -> bool {
    let is_plain = |it: &&&Document| it.style.filename().is_some_and(str::is_ascii);
    let mut plain = record.documents.iter().filter(is_plain);
    plain.any(|document| is_harmed(record, document))
}

/// A skeleton is not what is stored (RCV-34), and of a record that is not stored at all nothing
/// can be said about its text.
fn is_multibyte_record(record: &Filed<'_>, seen: &Seen) -> bool {
    let is_skeleton = record
        .documents
        .iter()
        .any(|document| document.skeleton.is_some());
    !seen.payload_is_ascii && !is_skeleton && !record.stored.is_empty()
}

/// RCV-61.
pub(super) fn very_large_records(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for transfer in transfers(view).iter().filter(|_| view.has_real_times()) {
        let Some(core) = transfer.core() else {
            continue;
        };
        let promises = transfer.promises(core);
        let is_wanted = matches!(transfer.decision(), Some((_, Decision::Integrate)));
        // What never came whole cannot be judged here, nor what nobody wanted to file: unless the
        // system itself put an end to it.
        let is_due = is_wanted && came_whole(view, transfer);
        if !is_due && !is_turned_away(view, transfer, core) {
            continue;
        }
        let original = view.delivered_documents().iter().filter_map(|document| {
            let sent = view.posts.get(document.core)?;
            let restored = document.skeleton.as_ref()?.as_ref().ok()?;
            sent.is_same_message(core).then_some(restored.bytes)
        });
        let original = original.max().unwrap_or_default();
        if original <= VERY_LARGE_BYTES && promises.len() < VERY_MANY {
            continue;
        }
        let size = format!(
            "original of {original} bytes, {}",
            count(promises.len(), "promised message")
        );
        let answers = transfer.answers();
        let refusal = answers.iter().find(|ack| !ack.is_success());
        let expected = format!("core {} accepted: {size}", id_of(core));
        match (answers.first(), refusal) {
            (None, _) => ruling.absent(view, violation(core, expected, "no answer")),
            (Some(_), Some(refusal)) => {
                ruling.unless(Some(violation(refusal.post, expected, refusal.show())));
            }
            (Some(_), None) => {
                ruling.kept();
                ruling.note(size);
            }
        }
    }
    ruling.assess("no record above 20 MB or of 400 fragments came and was decided upon")
}

/// The core, or a fragment, was refused for what it is, and nothing is wrong with it. The rest was
/// never sent, and nobody was asked.
fn is_turned_away(view: &View, transfer: &Transfer<'_>, core: &Post) -> bool {
    let is_sound = damaged_documents(view, transfer).is_empty()
        && !is_damaged_core(view, core)
        && !is_above_declared_total(view, core);
    let refused = |message: &Post, codes: [&str; 2]| {
        let acks = transfer.acks_of(message);
        acks.iter()
            .any(|ack| ack.code().is_some_and(|code| codes.contains(&code)))
    };
    let is_fragment_refused =
        |fragment: &Post| fault(fragment).is_none() && refused(fragment, ["29", "30"]);
    let is_core_refused = transfer.decision().is_none() && refused(core, ["11", "21"]);
    is_sound && (is_core_refused || transfer.fragments().any(is_fragment_refused))
}

/// RCV-64.
pub(super) fn as_the_source_held_them(view: &View, _: Profile) -> Assessment {
    let Some(records) = filed(view) else {
        return Assessment::NotExercised(UNOBSERVED);
    };
    let mut ruling = Ruling::default();
    for record in records {
        let sent: BTreeSet<Sha256> = record
            .documents
            .iter()
            .filter_map(|document| content(document))
            .collect();
        let held = view
            .held
            .iter()
            .filter(|held| Some(held.patient) == record.transfer.patient && held.deliverable);
        // What the sending system did not send, or sent damaged, is not the receiver's doing.
        for held in held.filter(|held| sent.contains(&held.sha256)) {
            ruling.unless(record.altered(&held.file_name, &held.sha256, held.bytes));
            if record.is_openly_replaced(held.bytes) {
                ruling.note("a placeholder for what is above the declared limit");
            }
        }
    }
    ruling.assess("no document of the record source was sent and filed")
}
