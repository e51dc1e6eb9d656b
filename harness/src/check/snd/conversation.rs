//! One thread from the request to the end: conversation, answers to the request, repeats, and
//! transfers side by side.

use std::collections::{BTreeMap, BTreeSet};

use gp2gp_model::plan::{Act, Role};
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_model::{EbxmlMessageId, EhrExtractId, Sha256};
use gp2gp_wire::hl7::{AckType, Acknowledgement};

use super::super::transfer::{Sent, Transfer, accepted_at, is_after, name, transfers};
use super::super::view::{Post, Seen, View};
use super::super::{Tally, violation};
use super::NO_REQUEST;

/// SND-04.
pub(super) fn same_conversation(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    let all = transfers(view);
    // A recording need not hold the request.
    let was_asked =
        view.has_real_times() && all.iter().any(|transfer| !transfer.requests.is_empty());
    for transfer in &all {
        let owner = transfer.requests.first().or(transfer.cores.first());
        for post in &transfer.messages {
            let Some(seen) = post.seen() else { continue };
            let found = &seen.header.conversation_id;
            if was_asked && transfer.requests.is_empty() {
                tally.expect(false, || {
                    violation(
                        post,
                        "the ConversationId of a request",
                        format!(
                            "ConversationId {found} on {}, in which nobody asked",
                            name(post)
                        ),
                    )
                });
            } else if let Some(owner) = owner.filter(|owner| owner.seq != post.seq) {
                tally.expect(found == transfer.conversation, || {
                    violation(
                        post,
                        format!(
                            "ConversationId {} of {}",
                            transfer.conversation,
                            name(owner)
                        ),
                        format!("ConversationId {found} on {}", name(post)),
                    )
                });
            }
        }
    }
    tally.assess("no two messages of one transfer are in the trace")
}

/// SND-14.
pub(super) fn one_answer(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let Some(first) = transfer.requests.first() else {
            continue;
        };
        let astray = transfer
            .answers()
            .filter(|(_, ack)| !names_any(ack, &transfer.requests));
        let mut went_astray = false;
        for (post, ack) in astray {
            went_astray = true;
            tally.expect(false, || {
                violation(
                    post,
                    format!("messageRef of {}", name(first)),
                    format!("messageRef {} in {}", ack.message_ref, name(post)),
                )
            });
        }
        for request in distinct(&transfer.requests) {
            let answers: Vec<_> = transfer
                .answers()
                .filter(|(_, ack)| names(ack, request))
                .collect();
            let due = request.seq == first.seq && !went_astray && answer_is_due(view, &transfer);
            if let Some((last, _)) = answers.last() {
                tally.expect(answers.len() == 1, || {
                    violation(
                        last,
                        format!("one acknowledgement of {}", name(request)),
                        show(&answers),
                    )
                });
            } else if due {
                tally.expect(false, || {
                    violation(
                        request,
                        format!("one acknowledgement of {}", name(request)),
                        "none until everything fell silent",
                    )
                });
            }
        }
    }
    tally.assess("no request and its acknowledgement are in the trace")
}

/// SND-15.
pub(super) fn positive_answer(view: &View, profile: Profile) -> Assessment {
    let mut tally = Tally::default();
    let mut orders = BTreeSet::new();
    for transfer in transfers(view) {
        let (Some(request), Some(core)) = (transfer.requests.first(), transfer.cores.first())
        else {
            continue;
        };
        let positive = transfer
            .answers()
            .find(|(_, ack)| ack.type_code == AckType::Aa);
        if !transfer.is_acknowledged_if_served() {
            match (positive, profile) {
                (Some((post, _)), Profile::Strict) => tally.expect(false, || {
                    violation(
                        post,
                        format!(
                            "no positive acknowledgement of {}: in version 2.2c the extract is the answer",
                            name(request)
                        ),
                        name(post),
                    )
                }),
                (Some(_), Profile::Field) => tally.note("a request of version 2.2c acknowledged"),
                (None, _) => tally.expect(true, || violation(core, "", "")),
            }
            continue;
        }
        let was_refused = transfer.refusals().next().is_some();
        if let Some((post, _)) = positive {
            orders.insert(if is_after(view, post, core) {
                "after"
            } else {
                "before"
            });
        }
        if positive.is_some() || (!was_refused && answer_is_due(view, &transfer)) {
            tally.expect(positive.is_some(), || {
                violation(
                    core,
                    format!("a positive acknowledgement of {}", name(request)),
                    format!(
                        "{} was sent, and {} of the request until everything fell silent",
                        name(core),
                        show(&[])
                    ),
                )
            });
        }
    }
    if !orders.is_empty() {
        let orders: Vec<_> = orders.into_iter().collect();
        tally.note(format!("sent {} the extract", orders.join(" and ")));
    }
    tally.assess("no request that led to an extract is in the trace with all that followed")
}

/// Whether the sending system owes an answer by now: the run fell silent, the request was taken
/// over in time, and all that the answer may wait for (TD62, S34) has happened.
fn answer_is_due(view: &View, transfer: &Transfer<'_>) -> bool {
    let Some(request) = transfer.requests.first() else {
        return false;
    };
    let expired = request
        .seen()
        .and_then(|seen| seen.header.time_to_live)
        .is_some_and(|until| until < request.at);
    let delivered = transfer
        .cores
        .iter()
        .all(|core| accepted_at(view, core).is_some());
    let fulfilled = transfer.promises().iter().all(|promise| {
        promise
            .fragment
            .is_some_and(|fragment| accepted_at(view, fragment).is_some())
    });
    let is_left_out = !transfer.is_acknowledged_if_served() && !transfer.cores.is_empty();
    request.was_accepted() && view.quiescent && !expired && delivered && fulfilled && !is_left_out
}

/// SND-18.
pub(super) fn repeated_request(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let Some((first, repeats)) = transfer.requests.split_first() else {
            continue;
        };
        let Some(repeat) = repeats.first() else {
            continue;
        };
        let resend = transfer
            .request()
            .is_some_and(|request| is_resent(view, request.patient));
        let cores = &transfer.cores;
        tally.expect(cores.len() <= 1 || resend, || {
            let ids: Vec<_> = cores.iter().map(|core| name(core)).collect();
            violation(
                cores.last().unwrap_or(repeat),
                format!("one extract for {} and its repeat", name(first)),
                ids.join(", "),
            )
        });
        let served = cores.iter().any(|core| accepted_at(view, core).is_some());
        let refusals: Vec<_> = transfer.refusals().collect();
        let allowed = usize::from(!served);
        if let Some((post, _)) = refusals.last() {
            tally.expect(refusals.len() <= allowed, || {
                violation(
                    post,
                    format!(
                        "no negative acknowledgement because of the repeat {}",
                        name(repeat)
                    ),
                    show(&refusals),
                )
            });
        }
    }
    tally.assess("no request came twice in one conversation")
}

/// SND-21.
pub(super) fn asids_exchanged(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let asked = transfer.request().map(|request| &request.wrapper);
        for post in &transfer.messages {
            let Some(Ok(payload)) = post.seen().map(|seen| &seen.payload) else {
                continue;
            };
            let wrapper = payload.wrapper();
            if let Some(asked) = asked {
                tally.expect(
                    wrapper.recipient == asked.sender && wrapper.sender == asked.recipient,
                    || {
                        violation(
                            post,
                            format!("from ASID {} to ASID {}", asked.recipient, asked.sender),
                            format!(
                                "from {} to {} in {}",
                                wrapper.sender,
                                wrapper.recipient,
                                name(post)
                            ),
                        )
                    },
                );
            }
            tally.expect(wrapper.author.as_ref() == Some(&wrapper.sender), || {
                let author = wrapper
                    .author
                    .as_ref()
                    .map_or("none", |author| author.as_str());
                violation(
                    post,
                    format!("author1 {}", wrapper.sender),
                    format!("author1 {author} in {}", name(post)),
                )
            });
        }
    }
    tally.assess("no message of the sending system is readable")
}

/// SND-66.
pub(super) fn kept_apart(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    let all: Vec<_> = transfers(view)
        .into_iter()
        .filter(|transfer| transfer.request().is_some())
        .collect();
    if all.len() < 2 {
        return tally.assess("only one transfer is in the trace");
    }
    let mut promised: BTreeMap<&EbxmlMessageId, usize> = BTreeMap::new();
    let mut extracts: BTreeMap<&EhrExtractId, usize> = BTreeMap::new();
    for (at, transfer) in all.iter().enumerate() {
        for post in &transfer.cores {
            let Some(extract) = post.seen().and_then(Seen::extract) else {
                continue;
            };
            let stranger = others(&all, at)
                .filter_map(Transfer::request)
                .find(|other| {
                    other.patient == extract.patient
                        && Some(other.patient) != transfer.request().map(|own| own.patient)
                });
            tally.expect(stranger.is_none(), || {
                violation(
                    post,
                    format!("the NHS number of conversation {}", transfer.conversation),
                    format!(
                        "NHS number {} of another conversation in {}",
                        extract.patient,
                        name(post)
                    ),
                )
                .with(
                    others(&all, at)
                        .flat_map(|it| &it.requests)
                        .map(|it| it.seq),
                )
            });
            let owner = *extracts.entry(&extract.id).or_insert(at);
            tally.expect(owner == at, || {
                violation(
                    post,
                    "an EhrExtract id of this conversation alone",
                    format!(
                        "EhrExtract id {} of another conversation in {}",
                        extract.id,
                        name(post)
                    ),
                )
                .with(
                    all.get(owner)
                        .into_iter()
                        .flat_map(|it| &it.cores)
                        .map(|it| it.seq),
                )
            });
        }
        for promise in transfer.promises() {
            let owner = *promised.entry(promise.message).or_insert(at);
            tally.expect(owner == at, || {
                violation(
                    promise.by,
                    "promises of this conversation alone",
                    format!(
                        "mid:{} of another conversation in {}",
                        promise.message,
                        name(promise.by)
                    ),
                )
                .with(
                    all.get(owner)
                        .into_iter()
                        .flat_map(|it| &it.cores)
                        .map(|it| it.seq),
                )
            });
        }
        for sent in transfer.documents(view) {
            if let Some(digest) = sent
                .document
                .content
                .as_ref()
                .ok()
                .map(|(digest, _)| *digest)
            {
                tally.expect(!is_only_anothers(view, &sent, digest), || {
                    violation(
                        sent.core,
                        format!("a document of patient {}", sent.patient),
                        format!(
                            "{} holds a document of another patient, sha256 {}",
                            sent.label(),
                            digest.short()
                        ),
                    )
                });
            }
        }
    }
    tally.assess(NO_REQUEST)
}

fn others<'t, 'v>(all: &'t [Transfer<'v>], at: usize) -> impl Iterator<Item = &'t Transfer<'v>> {
    all.iter()
        .enumerate()
        .filter(move |(other, _)| *other != at)
        .map(|(_, other)| other)
}

fn is_only_anothers(view: &View, sent: &Sent<'_>, digest: Sha256) -> bool {
    let mut owners = view
        .held
        .iter()
        .filter(|held| held.sha256 == digest)
        .peekable();
    owners.peek().is_some() && owners.all(|held| held.patient != sent.patient)
}

/// Somebody asked the sending system to send the extract again.
pub(super) fn is_resent(view: &View, whose: gp2gp_model::NhsNumber) -> bool {
    view.acts.iter().any(|acted| {
        acted.on.role() == Some(Role::Sending)
            && matches!(&acted.act, Act::RepeatExtract { patient } if *patient == whose)
    })
}

/// Each message once, deliveries of the same one left out.
fn distinct<'v>(posts: &[&'v Post]) -> Vec<&'v Post> {
    let mut ids = BTreeSet::new();
    posts
        .iter()
        .copied()
        .filter(|post| ids.insert(post.message_id()))
        .collect()
}

fn names(ack: &Acknowledgement, post: &Post) -> bool {
    post.seen()
        .is_some_and(|seen| seen.is_named_by(&ack.message_ref))
}

fn names_any(ack: &Acknowledgement, posts: &[&Post]) -> bool {
    posts.iter().any(|post| names(ack, post))
}

/// Acknowledgements in words.
pub(super) fn show(answers: &[(&Post, &Acknowledgement)]) -> String {
    if answers.is_empty() {
        return "no acknowledgement".to_owned();
    }
    let each = answers.iter().map(|(post, ack)| {
        let code = ack.code().map_or("", |code| code.as_str());
        let kind = match ack.type_code {
            AckType::Aa => "AA",
            AckType::Ae => "AE",
            AckType::Ar => "AR",
        };
        let id = post
            .message_id()
            .map(ToString::to_string)
            .unwrap_or_default();
        format!("{kind} {code} ({id})").replace("  ", " ")
    });
    each.collect::<Vec<_>>().join(", ")
}
