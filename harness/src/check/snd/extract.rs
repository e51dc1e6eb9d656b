//! What the extract says: whose it is, what it refers to, and the skeleton that may stand for it.

use std::collections::BTreeSet;

use gp2gp_model::plan::Role;
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_model::{EhrRequestId, OdsCode};
use gp2gp_wire::hl7::{Departure, DocumentLink, EhrExtract, EhrRequest, ExtractVersion};

use super::super::transfer::{Sent, Transfer, name, transfers};
use super::super::view::{Place, Post, Seen, View};
use super::super::{Tally, violation};
use super::record::{expect_ids, expect_marks};
use super::refusals::{allowed_codes, marks_cannot_travel, reasons_to_refuse, refused_with};
use super::{NO_CORE, NO_REQUEST};

/// SND-19, as far as structure goes: values are left to the receiver.
pub(super) fn has_its_form(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for (post, seen) in opened(view) {
        if seen.record.is_some() || !seen.departures.is_empty() {
            departs(post, &name(post), &seen.departures, &mut tally);
        }
    }
    for transfer in transfers(view) {
        for sent in transfer.documents(view) {
            if let Some(Ok(whole)) = &sent.document.skeleton {
                departs(sent.core, &sent.label(), &whole.departures, &mut tally);
            }
        }
    }
    tally.assess(NO_CORE)
}

fn departs(post: &Post, what: &str, departures: &[Departure], tally: &mut Tally) {
    if departures.is_empty() {
        tally.expect(true, || violation(post, "", ""));
    }
    for Departure { path, due, seen } in departures {
        tally.expect(false, || {
            violation(
                post,
                format!("{due} at {path}"),
                format!("{seen} in {what}"),
            )
        });
    }
}

/// SND-20.
pub(super) fn mirrors_request(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let Some(request) = transfer.request() else {
            continue;
        };
        for (post, extract) in cores(&transfer) {
            let mut faults = mirror_faults(request, extract);
            faults.extend(version_fault(view, request, extract));
            tally.expect(faults.is_empty(), || {
                let (due, found): (Vec<_>, Vec<_>) = faults.iter().cloned().unzip();
                violation(
                    post,
                    due.join(", "),
                    format!("{} in {}", found.join(", "), name(post)),
                )
            });
        }
    }
    tally.assess(NO_REQUEST)
}

/// An extract in another version than the request (S230), or one that SDS does not list the
/// requesting system for.
fn version_fault(
    view: &View,
    request: &EhrRequest,
    extract: &EhrExtract,
) -> Option<(String, String)> {
    let (asked, found) = (request.version.interaction(), extract.version.interaction());
    let answers = asked.answered_by();
    let practice = view.header.directory.practice(&request.author);
    let is_listed = practice.is_none_or(|practice| practice.interactions.contains(&found));
    let due: Vec<&str> = answers.iter().map(|answer| answer.id()).collect();
    let due = format!("{} in answer to {asked}", due.join(" or "));
    match (answers.contains(&found), is_listed) {
        (true, true) => None,
        (false, _) => Some((due, found.to_string())),
        (true, false) => Some((
            format!("{due}, one that SDS lists practice {} for", request.author),
            found.to_string(),
        )),
    }
}

/// What is due and what is there, for each field that differs.
fn mirror_faults(request: &EhrRequest, extract: &EhrExtract) -> Vec<(String, String)> {
    let fields = [
        (
            "NHS number",
            request.patient.to_string(),
            Some(extract.patient.to_string()),
        ),
        (
            "author",
            request.destination.to_string(),
            Some(extract.author.to_string()),
        ),
        // A destination of null flavour is tolerated.
        (
            "destination",
            request.author.to_string(),
            Some(
                extract
                    .destination
                    .as_ref()
                    .unwrap_or(&request.author)
                    .to_string(),
            ),
        ),
        (
            "priorEhrRequest",
            request.id.to_string(),
            extract.prior_request.as_ref().map(EhrRequestId::to_string),
        ),
    ];
    fields
        .into_iter()
        .filter(|(_, due, found)| {
            !found
                .as_ref()
                .is_some_and(|found| found.eq_ignore_ascii_case(due))
        })
        .map(|(field, due, found)| {
            let found = found.unwrap_or_else(|| "absent".to_owned());
            (format!("{field} {due}"), format!("{field} {found}"))
        })
        .collect()
}

/// SND-22.
pub(super) fn redactions(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let documents = transfer.documents(view);
        for (post, extract) in cores(&transfer) {
            let Some(record) = post.seen().and_then(|seen| seen.record.as_ref()) else {
                continue;
            };
            let is_marked_inside = documents
                .iter()
                .filter(|sent| sent.core.seq == post.seq)
                .any(|sent| matches!(&sent.document.skeleton, Some(Ok(restored)) if restored.marks > 0));
            let is_marked = record.marks > 0 || is_marked_inside;
            // Without the truth of the source, a UK07 without marks says nothing.
            let (says_something, kept) = match extract.version {
                ExtractVersion::Uk06 | ExtractVersion::Uk08 => {
                    (true, !is_marked && !record.has_confidentiality)
                }
                ExtractVersion::Uk07 => (is_marked, true),
            };
            if says_something {
                tally.expect(kept, || {
                    violation(
                        post,
                        format!("no confidentialityCode in a {} extract", extract.version),
                        format!("confidentialityCode in {}", name(post)),
                    )
                });
            }
        }
    }
    expect_marks(view, &mut tally);
    expect_nothing_disclosed(view, &mut tally);
    tally.assess("no extract without a place for the code NOPAT, and none that has the code, is in the trace")
}

/// Marked entries go in no form that cannot mark them, nor to a system that is not listed for one
/// that can: their new practice would show them.
fn expect_nothing_disclosed(view: &View, tally: &mut Tally) {
    for transfer in transfers(view) {
        let (Some(request), Some(post)) = (transfer.request(), transfer.requests.first()) else {
            continue;
        };
        if marks_cannot_travel(view, request) {
            let what =
                "entries kept from the patient, which no form that both systems have can mark,";
            let codes = allowed_codes(view, &transfer, &reasons_to_refuse(view, &transfer));
            refused_with(view, &transfer, post, &codes, what, tally);
        }
    }
}

/// SND-23.
pub(super) fn ids_and_agents(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for (post, seen) in opened(view) {
        let (Some(extract), Some(record)) = (seen.extract(), &seen.record) else {
            continue;
        };
        let documents = record
            .documents
            .iter()
            .map(|link| ("document id", link.id.as_str()));
        let ids = [
            ("id of the message", extract.wrapper.id.as_str()),
            ("EhrExtract id", extract.id.as_str()),
        ];
        for (what, id) in ids.into_iter().chain(documents) {
            tally.expect(is_uuid(id), || {
                violation(
                    post,
                    format!("a UUID as {what}"),
                    format!("{what} `{id}` in {}", name(post)),
                )
            });
        }
        tally.expect(record.unresolved_agents.is_empty(), || {
            violation(
                post,
                "every agentRef points at an agent of the extract",
                format!(
                    "agentRef {} points nowhere in {}",
                    record.unresolved_agents.join(", "),
                    name(post)
                ),
            )
        });
    }
    expect_ids(view, &mut tally);
    tally.assess(NO_CORE)
}

/// SND-27.
pub(super) fn links_match_manifest(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let documents = transfer.documents(view);
        for core in &transfer.cores {
            let manifest: Vec<&Sent<'_>> = documents
                .iter()
                .filter(|sent| sent.core.seq == core.seq)
                .collect();
            let Some(links) = links(core, &manifest) else {
                continue;
            };
            if links.is_empty() && manifest.iter().all(|sent| sent.is_skeleton()) {
                continue;
            }
            let faults = link_faults(links, &manifest);
            tally.expect(faults.is_empty(), || {
                violation(
                    core,
                    "document links and file names of the manifest one to one",
                    format!("{} in {}", faults.join(", "), name(core)),
                )
            });
        }
    }
    tally.assess("no extract with documents is in the trace")
}

/// The document links of the extract; behind a skeleton, those of the original. `None` if they
/// cannot be read.
fn links<'v>(core: &'v Post, manifest: &[&Sent<'v>]) -> Option<&'v [DocumentLink]> {
    match manifest.iter().find(|sent| sent.is_skeleton()) {
        Some(skeleton) => match &skeleton.document.skeleton {
            Some(Ok(restored)) => Some(&restored.documents),
            Some(Err(_)) | None => None,
        },
        None => core
            .seen()?
            .record
            .as_ref()
            .map(|record| record.documents.as_slice()),
    }
}

fn link_faults(links: &[DocumentLink], manifest: &[&Sent<'_>]) -> Vec<String> {
    let linked: BTreeSet<String> = links.iter().map(DocumentLink::file_name).collect();
    let attachments = manifest.iter().filter(|sent| !sent.is_skeleton());
    let named: BTreeSet<&str> = attachments
        .clone()
        .filter_map(|sent| sent.file_name())
        .collect();
    let unnamed = attachments
        .filter(|sent| sent.file_name().is_none())
        .count();
    let unlinked = named
        .iter()
        .filter(|name| !linked.contains(**name))
        .map(|name| format!("`{name}` is in the manifest and not in the extract"));
    // A reference without a name may be any of the files that nothing else brings.
    let missing = linked
        .iter()
        .filter(|name| !named.contains(name.as_str()))
        .skip(unnamed)
        .map(|name| format!("`{name}` is in the extract and not in the manifest"));
    unlinked.chain(missing).collect()
}

/// SND-39.
pub(super) fn one_skeleton_entry(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    let mut style = None;
    for transfer in transfers(view) {
        let documents = transfer.documents(view);
        for core in &transfer.cores {
            let entries: Vec<_> = documents
                .iter()
                .filter(|sent| sent.core.seq == core.seq && sent.is_skeleton())
                .collect();
            let Some(entry) = entries.first() else {
                continue;
            };
            tally.expect(entries.len() == 1, || {
                violation(
                    core,
                    "one skeleton entry",
                    format!("{} skeleton entries in {}", entries.len(), name(core)),
                )
            });
            let Some((id, target)) = target_of(core, entry) else {
                tally.expect(false, || {
                    violation(
                        core,
                        "an eb:id and a target of the skeleton entry",
                        format!("{} has none", entry.label()),
                    )
                });
                continue;
            };
            let bare = id.trim_start_matches('_');
            style = Some(if bare == id { "without" } else { "with" });
            if let Some(target) = target {
                tally.expect(target.eq_ignore_ascii_case(bare), || {
                    violation(
                        core,
                        format!("target `{bare}`, the eb:id without its underscore"),
                        format!("target `{target}` of {}", entry.label()),
                    )
                });
            }
            let narrative = core.seen().and_then(|seen| seen.record.as_ref());
            let refers = narrative.is_some_and(|record| {
                record.documents.iter().any(|link| {
                    link.id.as_str().eq_ignore_ascii_case(bare)
                        || Some(link.file_name().as_str()) == entry.file_name()
                })
            });
            tally.expect(refers, || {
                violation(
                    core,
                    format!("a narrative statement that refers to {}", entry.label()),
                    format!("none in {}", name(core)),
                )
            });
        }
    }
    if let Some(style) = style {
        tally.note(format!("eb:id of the skeleton entry {style} underscore"));
    }
    tally.assess("no extract of the trace is a skeleton")
}

/// `eb:id` of a reference, and the content id that it points at. A `mid:` is the id of a message,
/// which no rule ties to the `eb:id`.
fn target_of<'v>(core: &'v Post, entry: &Sent<'_>) -> Option<(&'v str, Option<&'v str>)> {
    let reference = core.seen()?.attachments.get(entry.document.attachment)?;
    let target = match &reference.place {
        Place::Inline { content_id, .. } | Place::Dangling(content_id) => Some(content_id.as_str()),
        Place::External(_) => None,
        Place::Other(href) => Some(href.as_str()),
    };
    // The part behind `@` only makes a content id unique in the world.
    let target = target.map(|target| target.split('@').next().unwrap_or(target));
    Some((reference.id.as_deref()?, target))
}

/// SND-40.
pub(super) fn skeleton_restores(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        for sent in transfer
            .documents(view)
            .iter()
            .filter(|sent| sent.is_skeleton() && sent.came_whole())
        {
            let Some(core) = sent.core.seen() else {
                continue;
            };
            let Some(extract) = core.extract() else {
                continue;
            };
            let due = || format!("{} with EhrExtract id {}", core.header.action, extract.id);
            let found = match (&sent.document.content, &sent.document.skeleton) {
                (Ok(_), Some(Ok(restored)))
                    if restored.extract_id == extract.id && restored.root == core.header.action =>
                {
                    None
                }
                (Ok(_), Some(Ok(restored))) => Some(format!(
                    "{} with EhrExtract id {}",
                    restored.root, restored.extract_id
                )),
                (Ok(_), Some(Err(why))) | (Err(why), _) => Some(why.clone()),
                (Ok(_), None) => continue,
            };
            tally.expect(found.is_none(), || {
                violation(
                    sent.core,
                    due(),
                    format!("{} in {}", found.unwrap_or_default(), sent.label()),
                )
            });
        }
    }
    tally.assess("no skeleton attachment came whole")
}

/// Which practices a transfer is between, as far as the trace says: sending, requesting.
pub(super) fn practices(
    view: &View,
    transfer: &Transfer<'_>,
) -> (Option<OdsCode>, Option<OdsCode>) {
    let extract = cores(transfer).next().map(|(_, extract)| extract);
    match (transfer.request(), &view.header.practices, extract) {
        (Some(request), _, _) => (
            Some(request.destination.clone()),
            Some(request.author.clone()),
        ),
        (None, Some(practices), _) => (
            Some(practices.sending.clone()),
            Some(practices.requesting.clone()),
        ),
        (None, None, Some(extract)) => (Some(extract.author.clone()), extract.destination.clone()),
        (None, None, None) => (None, None),
    }
}

fn cores<'v>(transfer: &Transfer<'v>) -> impl Iterator<Item = (&'v Post, &'v EhrExtract)> {
    transfer
        .cores
        .iter()
        .filter_map(|post| Some((*post, post.seen()?.extract()?)))
}

fn opened(view: &View) -> impl Iterator<Item = (&Post, &Seen)> {
    view.sent_by(Role::Sending)
        .filter_map(|post| Some((post, post.seen()?)))
}

fn is_uuid(text: &str) -> bool {
    gp2gp_model::DocumentId::parse(&text.to_ascii_uppercase()).is_ok_and(|id| id.is_upper_uuid())
}
