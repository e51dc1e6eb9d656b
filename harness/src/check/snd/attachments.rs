//! The documents themselves: that they arrive as they were held, cut and packed as they should be,
//! and that something stands for those that cannot be sent.

use gp2gp_model::NhsNumber;
use gp2gp_model::plan::Role;
use gp2gp_model::plural::count;
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_wire::attachment::{Description, DescriptionStyle, Placeholder, PlaceholderReason};
use gp2gp_wire::hl7::Acknowledgement;
use gp2gp_wire::limits::ATTACHMENT_BASE64_BYTES;

use super::super::documents::Route;
use super::super::transfer::{Sent, name, references, sent_documents, transfers};
use super::super::view::{Held, Place, Post, View};
use super::super::{Tally, violation};
use super::NO_ATTACHMENT;
use super::conversation::show;
use super::record::expect_characters_in_texts;

/// SND-10, in file names and in free texts.
pub(super) fn characters_survive(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for sent in sent_documents(view) {
        let Ok((digest, _)) = sent.document.content else {
            continue;
        };
        let mut held = held_by(view, sent.patient)
            .filter(|held| held.sha256 == digest && !held.file_name.is_ascii());
        if let (Some(held), Some(found)) = (held.next(), sent.file_name()) {
            // A system may put an id before the name.
            tally.expect(found.contains(&held.file_name), || {
                violation(
                    sent.core,
                    format!("file name `{}`", held.file_name),
                    format!("file name `{found}`"),
                )
            });
        }
    }
    expect_characters_in_texts(view, &mut tally);
    tally.assess("no file name and no free text outside ASCII that the trace knows was sent")
}

/// SND-34.
pub(super) fn bytes_survive(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for sent in sent_documents(view).iter().filter(|sent| sent.came_whole()) {
        match &sent.document.content {
            Err(why) => tally.expect(false, || {
                violation(
                    sent.core,
                    format!("{} can be put together", sent.label()),
                    why.clone(),
                )
                .with(sent.pieces(view))
            }),
            Ok((digest, bytes)) => {
                let originals = originals_of(view, sent);
                let due = originals.first();
                let is_whole = due.is_none() || originals.iter().any(|held| held.sha256 == *digest);
                tally.expect(is_whole, || {
                    let due = due.map_or(String::new(), |held| {
                        format!("{} bytes, sha256 {}", held.bytes, held.sha256.short())
                    });
                    violation(
                        sent.core,
                        format!("{}: {due}", sent.label()),
                        format!("{bytes} bytes, sha256 {}", digest.short()),
                    )
                    .with(sent.pieces(view))
                });
            }
        }
    }
    tally.assess("no document came whole")
}

/// What the source holds under this name; under any name, if a system gives names of its own.
fn originals_of<'v>(view: &'v View, sent: &Sent<'_>) -> Vec<&'v Held> {
    let is_stand_in = sent.is_skeleton() || sent.file_name().is_some_and(Placeholder::is_file_name);
    let deliverable =
        || held_by(view, sent.patient).filter(|held| held.deliverable && !is_stand_in);
    let named: Vec<_> = deliverable()
        .filter(|held| {
            sent.file_name()
                .is_some_and(|name| name.ends_with(&held.file_name))
        })
        .collect();
    if named.is_empty() {
        deliverable().collect()
    } else {
        named
    }
}

/// SND-35.
pub(super) fn chunks_decode_alone(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for sent in sent_documents(view)
        .iter()
        .filter(|sent| matches!(sent.document.route, Route::Index(_)))
    {
        let chunks = sent.document.chunks.iter().enumerate();
        for (n, chunk) in chunks.filter(|(_, chunk)| sent.has_text(chunk)) {
            let kept = chunk.decodes_alone && chunk.text_characters % 4 == 0;
            tally.expect(kept, || {
                violation(
                    sent.core,
                    format!(
                        "chunk {n} of {} is base64 by itself, a multiple of 4 characters",
                        sent.label()
                    ),
                    format!(
                        "{} characters, {}",
                        chunk.text_characters,
                        if chunk.decodes_alone {
                            "decodes"
                        } else {
                            "does not decode alone"
                        }
                    ),
                )
                .with(sent.piece(view, chunk))
            });
        }
    }
    tally.assess("no document was sent in chunks")
}

/// SND-41.
pub(super) fn thresholds(view: &View, _: Profile) -> Assessment {
    /// Below this, a text says nothing of the limit.
    const CLOSE: u64 = ATTACHMENT_BASE64_BYTES as u64 / 100 * 99;
    let limit = ATTACHMENT_BASE64_BYTES as u64;
    let mut tally = Tally::default();
    for post in view.sent_by(Role::Sending) {
        for reference in references(post) {
            let Place::Inline {
                text_characters, ..
            } = reference.place
            else {
                continue;
            };
            if text_characters >= CLOSE {
                tally.expect(text_characters <= limit, || {
                    violation(
                        post,
                        format!("at most {limit} base64 bytes in one message"),
                        format!("{text_characters} in {}", name(post)),
                    )
                });
            }
        }
    }
    for transfer in transfers(view) {
        let documents = transfer.documents(view);
        let whole = documents
            .iter()
            .filter(|sent| matches!(sent.document.route, Route::Inline | Route::OwnCopc))
            .map(Sent::characters)
            .max();
        let split = documents
            .iter()
            .filter(|sent| matches!(sent.document.route, Route::Index(_)) && sent.came_whole());
        for sent in split {
            let whole = whole.unwrap_or_default();
            tally.expect(sent.characters() > whole, || {
                violation(
                    sent.core,
                    format!(
                        "{} whole, as a text of {whole} base64 characters travels whole",
                        sent.label()
                    ),
                    format!(
                        "{} in {}",
                        count(sent.characters(), "character"),
                        count(sent.document.chunks.len(), "chunk")
                    ),
                )
                .with(sent.pieces(view))
            });
            tally.note(format!(
                "a text of {} base64 characters was split, the longest whole one has {whole}",
                sent.characters()
            ));
        }
    }
    tally.assess("no document was split, and none came near the limit")
}

/// SND-44.
pub(super) fn placeholders(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let documents = transfer.documents(view);
        for core in &transfer.cores {
            let of_core: Vec<_> = documents
                .iter()
                .filter(|sent| sent.core.seq == core.seq)
                .collect();
            let stand_ins: Vec<_> = of_core
                .iter()
                .filter(|sent| sent.file_name().is_some_and(Placeholder::is_file_name))
                .collect();
            for sent in &stand_ins {
                well_formed(sent, &mut tally);
            }
            let Some(patient) = of_core
                .first()
                .map(|sent| sent.patient)
                .or(transfer.request().map(|request| request.patient))
            else {
                continue;
            };
            let missing: Vec<&Held> = held_by(view, patient)
                .filter(|held| !held.deliverable)
                .collect();
            none_without_need(view, core, patient, &stand_ins, missing.len(), &mut tally);
            if let Some(first) = missing.first() {
                tally.expect(stand_ins.len() >= missing.len(), || {
                    let names: Vec<_> = of_core.iter().map(|sent| sent.label()).collect();
                    violation(
                        core,
                        format!(
                            "{} AbsentAttachment*.txt, one of them for `{}`",
                            count(missing.len(), "placeholder"),
                            first.file_name
                        ),
                        format!(
                            "{} placeholders in a manifest of {}",
                            stand_ins.len(),
                            if names.is_empty() {
                                "nothing".to_owned()
                            } else {
                                names.join(", ")
                            }
                        ),
                    )
                });
            }
        }
    }
    tally.assess("no document had to be replaced by a placeholder")
}

/// A placeholder costs the new practice a document: only what could not be had, what the store
/// contradicted itself about, and what was a placeholder before may be one.
fn none_without_need(
    view: &View,
    core: &Post,
    patient: NhsNumber,
    stand_ins: &[&&Sent<'_>],
    missing: usize,
    tally: &mut Tally,
) {
    let is_one_already = |held: &&Held| Placeholder::is_file_name(&held.file_name);
    let excused = held_by(view, patient)
        .filter(|held| held.deliverable)
        .filter(|held| is_one_already(held) || held.service.misstated)
        .count();
    // Which types it supports a system says itself.
    let of_its_own = |sent: &&&&Sent<'_>| {
        let text = sent.document.placeholder.as_deref();
        text.and_then(Placeholder::parse)
            .is_some_and(|placeholder| placeholder.reason == PlaceholderReason::UnsupportedType)
    };
    let others: Vec<_> = stand_ins.iter().filter(|sent| !of_its_own(sent)).collect();
    let was_troubled = held_by(view, patient).any(|held| held.service.troubled);
    let knows = held_by(view, patient).next().is_some();
    if !knows || (others.is_empty() && !was_troubled) {
        return;
    }
    tally.expect(others.len() <= missing + excused, || {
        let names: Vec<_> = others.iter().map(|sent| sent.label()).collect();
        violation(
            core,
            format!(
                "no more than {}: the store gave every other document",
                count(missing + excused, "placeholder")
            ),
            format!("{}: {}", others.len(), names.join(", ")),
        )
    });
}

fn well_formed(sent: &Sent<'_>, tally: &mut Tally) {
    let Some(description) = sent.document.description() else {
        return;
    };
    let kept = description.content_type.eq_ignore_ascii_case("text/plain")
        && !description.large_attachment;
    tally.expect(kept, || {
        violation(
            sent.core,
            format!(
                "ContentType=text/plain LargeAttachment=No for {}",
                sent.label()
            ),
            format!(
                "ContentType={} LargeAttachment={}",
                description.content_type,
                if description.large_attachment {
                    "Yes"
                } else {
                    "No"
                }
            ),
        )
    });
}

/// SND-45.
pub(super) fn transfer_survives(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let (Some(request), Some(post)) = (transfer.request(), transfer.requests.first()) else {
            continue;
        };
        let is_missing = |held: &&Held| !held.deliverable || held.service.troubled;
        let Some(missing) = held_by(view, request.patient).find(is_missing) else {
            continue;
        };
        let refusals: Vec<_> = transfer.refusals().collect();
        // A patient who has moved on meanwhile is a reason of its own (S46).
        let has_moved_on = |(refusal, ack): &(&Post, &Acknowledgement)| {
            let practice = view.current_practice(request.patient, refusal.at);
            ack.code().is_some_and(|code| code.as_str() == "19")
                && practice.is_some_and(|practice| practice != request.author)
        };
        if refusals.iter().any(has_moved_on) {
            continue;
        }
        let is_answered = !transfer.cores.is_empty() || !refusals.is_empty();
        if is_answered {
            tally.expect(!transfer.cores.is_empty() && refusals.is_empty(), || {
                violation(
                    post,
                    format!(
                        "an extract, although `{}` could not be fetched at once or at all",
                        missing.file_name
                    ),
                    show(&refusals),
                )
            });
        }
    }
    tally.assess("no request for a record with a document that cannot be fetched was answered")
}

/// SND-46.
pub(super) fn placeholder_lines(view: &View, _: Profile) -> Assessment {
    const DUE: &str = "four lines: notice, description, sender:conversation, Reason:NN:text";
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        for sent in transfer.documents(view) {
            let Some(text) = &sent.document.placeholder else {
                continue;
            };
            let escaped = ["&amp;", "&lt;", "&gt;", "&quot;", "&apos;", "&#"]
                .into_iter()
                .find(|entity| text.contains(entity));
            let found = match (Placeholder::parse(text), escaped) {
                (Some(_), None) => None,
                (Some(_), Some(entity)) => Some(format!("`{entity}`")),
                (None, _) => Some(format!(
                    "{} `{}`",
                    count(text.lines().count(), "line"),
                    text.escape_debug()
                )),
            };
            tally.expect(found.is_none(), || {
                violation(
                    sent.core,
                    DUE,
                    format!("{} in {}", found.unwrap_or_default(), sent.label()),
                )
            });
        }
    }
    tally.assess("no placeholder came")
}

/// SND-47.
pub(super) fn odd_texts_do_no_harm(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let Some(patient) = transfer.request().map(|request| request.patient) else {
            continue;
        };
        let Some(odd) = held_by(view, patient).find(|held| !held.deliverable && has_markup(held))
        else {
            continue;
        };
        for (refusal, _) in transfer.refusals() {
            tally.expect(false, || {
                violation(
                    refusal,
                    format!("an extract with a placeholder for `{}`", odd.file_name),
                    format!("a refusal in {}", name(refusal)),
                )
            });
        }
        let documents = transfer.documents(view);
        for core in &transfer.cores {
            let of_core = documents.iter().filter(|sent| sent.core.seq == core.seq);
            let harmed: Vec<String> = of_core.filter_map(harm).collect();
            tally.expect(harmed.is_empty(), || {
                violation(
                    core,
                    format!(
                        "a whole manifest and a placeholder of four lines for `{}`",
                        odd.file_name
                    ),
                    format!("{} in {}", harmed.join(", "), name(core)),
                )
            });
        }
    }
    for post in view.sent_by(Role::Sending).filter(|_| {
        view.held
            .iter()
            .any(|held| !held.deliverable && has_markup(held))
    }) {
        let fault = match post.message.as_ref() {
            Err(why) => Some(why.to_string()),
            Ok(seen) => seen.payload.as_ref().err().map(ToString::to_string),
        };
        if let Some(fault) = fault {
            tally.expect(false, || {
                violation(
                    post,
                    "a message that can be read, whatever a document is called that cannot be fetched",
                    fault,
                )
            });
        }
    }
    tally.assess("no document with quotes, `<` or `&` about it had to be replaced by a placeholder")
}

/// Something that means more than itself in XML, in a quoted value or in a URL.
fn has_markup(held: &Held) -> bool {
    held.file_name.contains(['"', '\'', '<', '>', '&'])
}

/// What is wrong with an attachment in a way that unescaped text causes.
fn harm(sent: &Sent<'_>) -> Option<String> {
    if sent.document.route == Route::Absent {
        let why = sent.document.content.as_ref().err();
        return why.map(|why| format!("{}: {why}", sent.label()));
    }
    if !sent.file_name().is_some_and(Placeholder::is_file_name) {
        return None;
    }
    let description = references(sent.core)
        .nth(sent.document.attachment)
        .and_then(|reference| reference.description.as_deref())
        .unwrap_or_default();
    // Another style than the grammar is another matter (SND-28).
    let faults = match sent.document.style {
        DescriptionStyle::Grammar(_) => Description::faults(description),
        DescriptionStyle::FilenameOnly(_) | DescriptionStyle::Word | DescriptionStyle::Empty => {
            Vec::new()
        }
    };
    match (faults.first(), sent.document.placeholder.as_deref()) {
        (Some(fault), _) => Some(format!("{fault} in description `{description}`")),
        (None, Some(text)) if Placeholder::parse(text).is_none() => Some(format!(
            "{} `{}` in {}",
            count(text.lines().count(), "line"),
            text.escape_debug(),
            sent.label()
        )),
        (None, Some(_) | None) => None,
    }
}

/// SND-78.
pub(super) fn gzip_is_worth_it(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for sent in sent_documents(view)
        .iter()
        .filter(|sent| sent.document.is_compressed() && sent.came_whole())
    {
        let Ok((_, bytes)) = sent.document.content else {
            continue;
        };
        // Padding stands for at most two bytes.
        let packed = (sent.characters() / 4 * 3).saturating_sub(2);
        tally.expect(packed < bytes, || {
            violation(
                sent.core,
                format!("Compressed=No for {} of {bytes} bytes", sent.label()),
                format!("Compressed=Yes makes it {packed} bytes"),
            )
        });
    }
    if sent_documents(view).is_empty() {
        return tally.assess(NO_ATTACHMENT);
    }
    tally.assess("no attachment is compressed")
}

fn held_by(view: &View, patient: NhsNumber) -> impl Iterator<Item = &Held> {
    view.held.iter().filter(move |held| held.patient == patient)
}
