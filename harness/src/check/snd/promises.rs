//! Large messaging: what was promised is sent, after the Continue, once, and nothing else.

use std::collections::BTreeSet;

use gp2gp_model::plan::Role;
use gp2gp_model::plural::count;
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_model::{EbxmlMessageId, Hl7MessageId, OdsCode};
use gp2gp_wire::attachment::DescriptionStyle;
use percent_encoding::percent_decode_str;

use super::super::transfer::{
    Promise, Transfer, accepted_at, attempts, is_after, name, references, transfers,
};
use super::super::view::{Post, Seen, View};
use super::super::{Tally, violation};
use super::extract::practices;
use super::undecided_if;

const NO_FRAGMENT: &str = "the sending system sent no fragment";

/// SND-31.
pub(super) fn after_continue(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let first = transfer.continues.first();
        for fragment in &transfer.fragments {
            match first {
                Some(first) => tally.expect(!is_after(view, first, fragment), || {
                    violation(
                        fragment,
                        format!("no fragment before {}", stamped(view, first)),
                        format!("{} before it", stamped(view, fragment)),
                    )
                }),
                // A recording need not hold what the requesting system sent.
                None if view.has_real_times() => tally.expect(false, || {
                    violation(
                        fragment,
                        "no fragment before the Continue",
                        format!(
                            "{}, and no Continue reached the sending system",
                            name(fragment)
                        ),
                    )
                }),
                None => {}
            }
        }
    }
    tally.assess("no fragment and Continue of one transfer are in the trace")
}

/// A message with the time that its order is judged by.
fn stamped(view: &View, post: &Post) -> String {
    let stamp = post
        .seen()
        .map(|seen| seen.header.timestamp)
        .filter(|_| !view.has_real_times());
    format!("{} of {}", name(post), stamp.unwrap_or(post.at).to_ebxml())
}

/// SND-32.
pub(super) fn promises_kept(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    let mut doubt = None;
    for transfer in transfers(view)
        .iter()
        .filter(|transfer| !transfer.continues.is_empty() || !transfer.fragments.is_empty())
    {
        let owes = owes_everything(view, transfer);
        for promise in transfer.promises() {
            match promise.fragment {
                Some(fragment) => {
                    let again = doubles(transfer, promise.message);
                    tally.expect(again == 1, || {
                        violation(
                            fragment,
                            format!("mid:{} once", promise.message),
                            format!("{} of that id", count(again, "message")),
                        )
                        .with(
                            (transfer.fragments.iter())
                                .filter(|it| it.message_id() == Some(promise.message))
                                .map(|it| it.seq),
                        )
                    });
                }
                None if owes => tally.expect(false, || missing(&promise)),
                None if !view.has_real_times() => {
                    doubt = Some(format!(
                        "mid:{}, promised by {}, is not in the recording",
                        promise.message,
                        name(promise.by)
                    ));
                }
                None => {}
            }
        }
    }
    undecided_if(
        doubt,
        tally.assess("no Continue for a promised message reached the sending system"),
    )
}

fn missing(promise: &Promise<'_>) -> gp2gp_model::verdict::Violation {
    violation(
        promise.by,
        format!("a COPC with MessageId {}", promise.message),
        format!(
            "mid:{} was promised by {} and never sent",
            promise.message,
            name(promise.by)
        ),
    )
}

fn doubles(transfer: &Transfer<'_>, id: &EbxmlMessageId) -> usize {
    transfer
        .fragments
        .iter()
        .filter(|fragment| fragment.message_id() == Some(id))
        .count()
}

/// Whether everything promised must have been sent by now: the Continue came, all fell silent,
/// no message is stuck for want of Spine, and nobody ended the transfer early. A requester that
/// fails it because attachments are missing (25, 31) did not end it early, unless it had refused
/// a fragment before. A Continue that comes after that revives nothing (RCV-54).
pub(super) fn owes_everything(view: &View, transfer: &Transfer<'_>) -> bool {
    let refused_fragment = transfer.fragment_acks.iter().any(|post| is_negative(post));
    let ended_early = transfer.outcomes().next().is_some_and(|(_, ack)| {
        let misses = ack
            .code()
            .is_some_and(|code| matches!(code.as_str(), "25" | "31"));
        !misses || refused_fragment
    });
    let stuck = transfer
        .cores
        .iter()
        .chain(&transfer.fragments)
        .any(|post| accepted_at(view, post).is_none());
    let ended = transfer.outcomes().next().map(|(post, _)| post);
    let was_told = transfer
        .continues
        .iter()
        .any(|post| post.was_accepted() && !ended.is_some_and(|ended| is_after(view, post, ended)));
    view.quiescent && was_told && !ended_early && !stuck
}

pub(super) fn is_negative(post: &Post) -> bool {
    post.seen()
        .and_then(Seen::acknowledgement)
        .is_some_and(gp2gp_wire::hl7::Acknowledgement::is_negative)
}

/// SND-33.
pub(super) fn nothing_unpromised(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    let mut doubt = None;
    for transfer in transfers(view) {
        let promises = transfer.promises();
        let promised: BTreeSet<&EbxmlMessageId> =
            promises.iter().map(|promise| promise.message).collect();
        let recorded_in_part = !view.has_real_times()
            && (transfer.cores.is_empty()
                || promises.iter().any(|promise| promise.fragment.is_none()));
        // An index may come after its chunks; who ended the transfer before does not get to see it.
        let ended_early = !transfer.outcomes.is_empty()
            && promises.iter().any(|promise| promise.fragment.is_none());
        for fragment in &transfer.fragments {
            let is_promised = fragment
                .message_id()
                .is_some_and(|id| promised.contains(id));
            if !is_promised && ended_early {
                continue;
            }
            if !is_promised && recorded_in_part {
                doubt = Some(format!(
                    "what promised {} may be missing from the recording",
                    name(fragment)
                ));
                continue;
            }
            tally.expect(is_promised, || {
                violation(
                    fragment,
                    "a MessageId that a core or an index of the conversation promises",
                    format!("{} that nothing promises", name(fragment)),
                )
            });
        }
    }
    undecided_if(doubt, tally.assess(NO_FRAGMENT))
}

/// SND-37.
pub(super) fn one_id_in_fragment(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let (from, to) = practices(view, &transfer);
        for post in &transfer.fragments {
            let Some((seen, fragment)) =
                post.seen().and_then(|seen| Some((seen, seen.fragment()?)))
            else {
                continue;
            };
            let id = Hl7MessageId::from(&seen.header.message_id);
            let inner = &fragment.fragment;
            tally.expect(inner.message_id == id && fragment.wrapper.id == id, || {
                violation(
                    post,
                    format!("message-id and HL7 id {id}"),
                    format!(
                        "message-id {}, HL7 id {}",
                        inner.message_id, fragment.wrapper.id
                    ),
                )
            });
            tally.expect(from.as_ref().is_none_or(|from| inner.from == *from), || {
                violation(
                    post,
                    format!("From {}", show(&from)),
                    format!("From {} in {}", inner.from, name(post)),
                )
            });
            tally.expect(
                to.as_ref()
                    .is_none_or(|to| inner.recipients == [to.clone()]),
                || {
                    let recipients: Vec<_> =
                        inner.recipients.iter().map(OdsCode::to_string).collect();
                    violation(
                        post,
                        format!("Recipient {}", show(&to)),
                        format!("Recipient {} in {}", recipients.join(", "), name(post)),
                    )
                },
            );
        }
    }
    tally.assess(NO_FRAGMENT)
}

fn show(practice: &Option<OdsCode>) -> &str {
    practice.as_ref().map_or("unknown", OdsCode::as_str)
}

/// SND-38.
pub(super) fn announced_name(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        for promise in transfer.promises() {
            let announced = promise
                .reference
                .description
                .as_deref()
                .map(DescriptionStyle::read);
            let Some(due) = announced.as_ref().and_then(DescriptionStyle::filename) else {
                continue;
            };
            let Some(post) = promise.fragment else {
                continue;
            };
            let strange: Vec<String> = names_inside(post)
                .into_iter()
                .filter(|(_, name)| {
                    name != due && percent_decode_str(name).decode_utf8_lossy() != due
                })
                .map(|(place, name)| format!("{place} `{name}`"))
                .collect();
            tally.expect(strange.is_empty(), || {
                violation(
                    post,
                    format!("file name `{due}`, as {} announced it", name(promise.by)),
                    format!("{} in {}", strange.join(", "), name(post)),
                )
            });
        }
    }
    tally.assess("no fragment that was announced under a file name is in the trace")
}

/// Every place of a fragment that names its file.
fn names_inside(post: &Post) -> Vec<(&'static str, String)> {
    let Some(seen) = post.seen() else {
        return Vec::new();
    };
    let Some(fragment) = seen.fragment() else {
        return Vec::new();
    };
    let mut names = vec![("subject", fragment.file_name().to_owned())];
    names.extend(fragment.file_reference.as_ref().map(|reference| {
        let name = reference
            .strip_prefix("file://localhost/")
            .or_else(|| reference.strip_prefix("urn:"));
        let name = name.unwrap_or(reference);
        ("reference", name.to_owned())
    }));
    // The manifest of an index names its chunks, that of any other fragment the file itself.
    if seen.promised().next().is_none() {
        let described = references(post).filter_map(|reference| {
            let style = DescriptionStyle::read(reference.description.as_deref()?);
            style.filename().map(str::to_owned)
        });
        names.extend(described.map(|name| ("manifest", name)));
    }
    names
}

/// SND-58.
pub(super) fn second_continue(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let Some(second) = transfer.continues.get(1) else {
            continue;
        };
        let again = again_after(view, &transfer, second);
        tally.expect(again.is_none(), || {
            let post = again.unwrap_or(second);
            violation(
                post,
                format!("nothing sent twice after the second {}", name(second)),
                format!("{} was posted again though Spine had it", name(post)),
            )
            .with(attempts(view, post).map(|it| it.seq))
        });
    }
    tally.assess("no second Continue reached the sending system")
}

/// A fragment posted after this though Spine had taken it over before.
fn again_after<'v>(view: &'v View, transfer: &Transfer<'v>, second: &Post) -> Option<&'v Post> {
    let fragments: BTreeSet<&EbxmlMessageId> = transfer
        .fragments
        .iter()
        .filter_map(|post| post.message_id())
        .collect();
    let mut taken = BTreeSet::new();
    view.posted_by(Role::Sending)
        .filter(|post| post.message_id().is_some_and(|id| fragments.contains(id)))
        .find(|post| {
            let had = taken.contains(&post.message_id());
            if post.was_accepted() {
                taken.insert(post.message_id());
            }
            had && post.seq > second.seq
        })
}
