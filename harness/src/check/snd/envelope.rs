//! What every message of a sending system must look like from outside: parts, header, addresses.

use std::collections::{BTreeMap, BTreeSet};

use gp2gp_model::plan::Role;
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_model::{CpaId, EbxmlMessageId, Hl7MessageId, Interaction, PartyKey};
use gp2gp_wire::OpenError;
use gp2gp_wire::ebxml::{AckRequested, NEXT_MSH};
use gp2gp_wire::hl7::{Hl7Error, Payload};
use gp2gp_wire::limits;

use super::super::transfer::{Transfer, name, references, transfers};
use super::super::view::{Place, Post, RECORDED_FILE, Seen, View};
use super::super::{Tally, violation};
use super::undecided_if;

const NOTHING_SENT: &str = "the sending system sent no message";

/// SND-01.
pub(super) fn parts_in_order(view: &View, _: Profile) -> Assessment {
    const DUE: &str = "the parts envelope, payload, attachments in this order";
    let mut tally = Tally::default();
    for post in view.sent_by(Role::Sending) {
        match &*post.message {
            Ok(seen) if seen.has_parts => tally.expect(seen.parts_in_order, || {
                let seen = format!("{} has its parts in another order", name(post));
                violation(post, DUE, seen)
            }),
            Ok(_) | Err(OpenError::Json(_) | OpenError::Unrecognised(_)) => {}
            Err(
                error @ (OpenError::Mime(_)
                | OpenError::Envelope(_)
                | OpenError::NotAMessage(_)
                | OpenError::EmptyManifest
                | OpenError::TooManyReferences { .. }
                | OpenError::NoPayload(_)),
            ) => tally.expect(false, || violation(post, DUE, error.to_string())),
        }
    }
    tally.assess("the sending system sent no message in MIME parts")
}

/// SND-02.
pub(super) fn soap_action(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for (post, seen) in opened(view) {
        let due = format!("{}/{}", seen.header.service, seen.header.action);
        let found = post.soap_action.as_deref().map(unquoted);
        // A recording need not hold the HTTP header.
        if found.is_some() || view.has_real_times() {
            tally.expect(found == Some(&due), || {
                let found = found.unwrap_or("no SOAPAction");
                violation(
                    post,
                    format!("SOAPAction `{due}`"),
                    format!("{found} on {}", name(post)),
                )
            });
        }
    }
    tally.assess("no SOAPAction of a message from the sending system is in the trace")
}

/// SND-03.
pub(super) fn one_interaction(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for (post, seen) in opened(view) {
        let action = &seen.header.action;
        let (root, id) = match &seen.payload {
            Ok(payload) => {
                let wrapper = payload.wrapper();
                (wrapper.root.as_str(), wrapper.interaction_id.as_str())
            }
            Err(Hl7Error::UnknownInteraction(root)) => (root.as_str(), "not read"),
            Err(
                Hl7Error::Xml(_)
                | Hl7Error::Missing(_)
                | Hl7Error::Id { .. }
                | Hl7Error::Value { .. },
            ) => continue,
        };
        tally.expect(root == action && id == action, || {
            violation(
                post,
                format!("eb:Action, root element and interactionId all `{action}`"),
                format!(
                    "root element `{root}`, interactionId `{id}` in message {}",
                    seen.header.message_id
                ),
            )
        });
    }
    tally.assess(NOTHING_SENT)
}

/// SND-05.
pub(super) fn message_ids(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    let mut first: BTreeMap<&EbxmlMessageId, (&Post, &Seen)> = BTreeMap::new();
    for post in view.posted_by(Role::Sending) {
        let Some(seen) = post.seen() else { continue };
        let id = &seen.header.message_id;
        match first.get(id) {
            None => {
                first.insert(id, (post, seen));
                tally.expect(id.is_upper_uuid(), || {
                    violation(
                        post,
                        "an upper-case UUID as MessageId",
                        format!("MessageId `{id}`"),
                    )
                });
            }
            Some((earlier, before)) => {
                let same = before.payload_sha256 == seen.payload_sha256
                    && before.header.conversation_id == seen.header.conversation_id;
                tally.expect(same, || {
                    violation(
                        post,
                        format!(
                            "a MessageId of its own, or the message of event {} again",
                            earlier.seq
                        ),
                        format!(
                            "{} in conversation {} under the id of {} in conversation {}",
                            name(post),
                            seen.header.conversation_id,
                            name(earlier),
                            before.header.conversation_id,
                        ),
                    )
                });
            }
        }
    }
    tally.assess(NOTHING_SENT)
}

/// SND-06.
pub(super) fn reliable(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for (post, seen) in opened(view) {
        let header = &seen.header;
        tally.expect(header.duplicate_elimination, || {
            violation(
                post,
                "eb:DuplicateElimination",
                format!("{} has none", name(post)),
            )
        });
        tally.expect(
            header.ack_requested == Some(AckRequested::next_msh()),
            || {
                let found = match &header.ack_requested {
                    Some(asked) => format!("actor `{}`, signed={}", asked.actor, asked.signed),
                    None => "no eb:AckRequested".to_owned(),
                };
                violation(
                    post,
                    format!("eb:AckRequested with actor `{NEXT_MSH}` and signed=false"),
                    format!("{found} on {}", name(post)),
                )
            },
        );
        tally.expect(header.sync_reply.is_none(), || {
            let actor = header.sync_reply.as_deref().unwrap_or_default();
            violation(
                post,
                "no eb:SyncReply",
                format!("eb:SyncReply with actor `{actor}` on {}", name(post)),
            )
        });
    }
    tally.assess(NOTHING_SENT)
}

/// SND-07.
pub(super) fn addressed(view: &View, _: Profile) -> Assessment {
    if view.header.directory.practices.is_empty() {
        return contract_per_recipient(view);
    }
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        for post in &transfer.messages {
            address(view, &transfer, post, &mut tally);
        }
    }
    tally.assess(NOTHING_SENT)
}

fn address(view: &View, transfer: &Transfer<'_>, post: &Post, tally: &mut Tally) {
    let Some(seen) = post.seen() else { return };
    let directory = &view.header.directory;
    let header = &seen.header;
    let requester = transfer
        .request()
        .and_then(|request| directory.practice(&request.author));
    let Some(recipient) = requester.or_else(|| directory.by_party(&header.to)) else {
        tally.expect(false, || {
            violation(
                post,
                "a To party that SDS lists",
                format!("To `{}` on {}", header.to, name(post)),
            )
        });
        return;
    };
    tally.expect(header.to == recipient.party_key, || {
        violation(
            post,
            format!(
                "To `{}` for practice {}",
                recipient.party_key, recipient.ods
            ),
            format!("To `{}` on {}", header.to, name(post)),
        )
    });
    let contract = Interaction::from_id(&header.action)
        .and_then(|interaction| directory.contract(&recipient.party_key, interaction));
    if let Some(contract) = contract {
        tally.expect(header.cpa_id == contract.cpa_id, || {
            violation(
                post,
                format!(
                    "CPAId `{}` for {} to {}",
                    contract.cpa_id, contract.interaction, recipient.party_key
                ),
                format!("CPAId `{}` on {}", header.cpa_id, name(post)),
            )
        });
    }
}

/// Without a directory: a contract is one recipient's, so one CPAId towards two contradicts itself.
fn contract_per_recipient(view: &View) -> Assessment {
    let mut towards: BTreeMap<&CpaId, BTreeSet<&PartyKey>> = BTreeMap::new();
    let mut sent: BTreeMap<&CpaId, BTreeSet<&PartyKey>> = BTreeMap::new();
    let mut doubt = None;
    let mut tally = Tally::default();
    let requesting = view.sent_by(Role::Requesting).filter_map(Post::seen);
    for seen in requesting.chain(opened(view).map(|(_, seen)| seen)) {
        towards
            .entry(&seen.header.cpa_id)
            .or_default()
            .insert(&seen.header.to);
    }
    for (post, seen) in opened(view) {
        let cpa_id = &seen.header.cpa_id;
        let mine = sent.entry(cpa_id).or_default();
        mine.insert(&seen.header.to);
        if mine.len() > 1 {
            tally.expect(false, || {
                violation(
                    post,
                    "a CPAId of one recipient",
                    format!("CPAId `{cpa_id}` on messages to {}", list(mine)),
                )
            });
        } else if let Some(all) = towards.get(cpa_id).filter(|all| all.len() > 1) {
            doubt = Some(format!(
                "CPAId `{cpa_id}` stands on messages to {}: a contract has one recipient, and without a directory nobody can say whose it is",
                list(all)
            ));
        }
    }
    undecided_if(
        doubt,
        tally.assess("the trace has no directory to compare with"),
    )
}

/// SND-08.
pub(super) fn references_resolve(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for post in view.sent_by(Role::Sending) {
        match &*post.message {
            Ok(seen) if seen.has_parts => {
                let faults = reference_faults(seen);
                tally.expect(faults.is_empty(), || {
                    violation(
                        post,
                        "each cid: names one part of the message, and each part is named",
                        format!("{} in {}", faults.join(", "), name(post)),
                    )
                });
            }
            Err(error @ OpenError::NoPayload(_)) => {
                tally.expect(false, || {
                    violation(post, "each cid: names one part", error.to_string())
                });
            }
            Ok(_)
            | Err(
                OpenError::Mime(_)
                | OpenError::Envelope(_)
                | OpenError::NotAMessage(_)
                | OpenError::EmptyManifest
                | OpenError::TooManyReferences { .. }
                | OpenError::Json(_)
                | OpenError::Unrecognised(_),
            ) => {}
        }
    }
    tally.assess("the sending system sent no message in MIME parts")
}

fn reference_faults(seen: &Seen) -> Vec<String> {
    let dangling = seen
        .attachments
        .iter()
        .filter_map(|reference| match &reference.place {
            Place::Dangling(content_id) => Some(format!("cid:{content_id} names no part")),
            Place::Other(href) => Some(format!("reference `{href}` is neither cid: nor mid:")),
            Place::Inline { .. } | Place::External(_) => None,
        });
    let doubled = seen
        .doubled_parts
        .iter()
        .map(|id| format!("several parts are <{id}>"));
    let stray = seen
        .stray_parts
        .iter()
        .map(|id| format!("part {id} is not referenced"));
    dangling.chain(doubled).chain(stray).collect()
}

/// SND-09.
pub(super) fn within_spine_limits(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    let (mut largest, mut most) = (0, 0);
    for (post, seen) in opened(view).filter(|(_, seen)| seen.has_parts) {
        // A recorded file holds the HTTP head too.
        let head = if post.content_type == RECORDED_FILE {
            limits::MIME_HEADER_BYTES
        } else {
            0
        };
        let allowed = (limits::SPINE_MESSAGE_BYTES + head) as u64;
        tally.expect(post.body.bytes <= allowed, || {
            violation(
                post,
                format!("at most {} bytes", limits::SPINE_MESSAGE_BYTES),
                format!("{} bytes in {}", post.body.bytes, name(post)),
            )
        });
        tally.expect(seen.part_count <= limits::SPINE_PARTS, || {
            violation(
                post,
                format!("at most {} parts", limits::SPINE_PARTS),
                format!("{} parts in {}", seen.part_count, name(post)),
            )
        });
        largest = largest.max(post.body.bytes);
        most = most.max(seen.part_count);
    }
    tally.note(format!(
        "largest message {largest} bytes; at most {most} parts"
    ));
    tally.assess("the sending system sent no message in MIME parts")
}

/// SND-11.
pub(super) fn reference_ids(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    let mut styles: BTreeSet<&str> = BTreeSet::new();
    for post in view.sent_by(Role::Sending) {
        for id in references(post).filter_map(|reference| reference.id.as_deref()) {
            styles.insert(if id.starts_with('_') {
                "with underscore"
            } else {
                "without underscore"
            });
            tally.expect(is_nc_name(id), || {
                violation(
                    post,
                    "an eb:id that is an XML name, such as `_` and a UUID",
                    format!("eb:id `{id}` in {}", name(post)),
                )
            });
        }
    }
    if !styles.is_empty() {
        let styles: Vec<_> = styles.into_iter().collect();
        tally.note(format!("ids {}", styles.join(" and ")));
    }
    tally.assess("no attachment reference of the sending system has an eb:id")
}

/// SND-12.
pub(super) fn equal_ids(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    let mut payloads = BTreeSet::new();
    for (post, seen) in opened(view) {
        // A core that is sent again keeps its payload and takes a new MessageId (S6).
        let is_new = payloads.insert(seen.payload_sha256);
        if let Some(hl7) = seen.hl7_id().filter(|_| is_new) {
            let ebxml = Hl7MessageId::from(&seen.header.message_id);
            tally.expect(*hl7 == ebxml, || {
                violation(
                    post,
                    format!("HL7 id {ebxml}, the MessageId"),
                    format!("HL7 id {hl7}{}", referred_to(view, hl7, &ebxml)),
                )
            });
        }
    }
    tally.assess(NOTHING_SENT)
}

/// Which of two ids of a message the requesting system goes by.
fn referred_to(view: &View, hl7: &Hl7MessageId, ebxml: &Hl7MessageId) -> String {
    let count = |id: &Hl7MessageId| {
        view.sent_by(Role::Requesting)
            .filter_map(|post| post.seen()?.payload.as_ref().ok())
            .filter(|payload| match payload {
                Payload::Acknowledgement(ack) => ack.message_ref == *id,
                Payload::Continue(message) => message.message_ref == *id,
                Payload::EhrRequest(_) | Payload::EhrExtract(_) | Payload::Fragment(_) => false,
            })
            .count()
    };
    match (count(hl7), count(ebxml)) {
        (0, 0) => String::new(),
        (hl7, ebxml) => {
            format!("; answers refer to the HL7 id {hl7} times, to the MessageId {ebxml} times")
        }
    }
}

/// SND-25.
pub(super) fn readable(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for post in view.sent_by(Role::Sending) {
        let error = match &*post.message {
            Ok(seen) => seen.payload.as_ref().err().map(ToString::to_string),
            Err(error @ OpenError::Envelope(_)) => Some(error.to_string()),
            Err(
                OpenError::Mime(_)
                | OpenError::NotAMessage(_)
                | OpenError::EmptyManifest
                | OpenError::TooManyReferences { .. }
                | OpenError::NoPayload(_)
                | OpenError::Json(_)
                | OpenError::Unrecognised(_),
            ) => continue,
        };
        tally.expect(error.is_none(), || {
            let seen = format!("{} in {}", error.unwrap_or_default(), name(post));
            violation(post, "well-formed XML that can be read", seen)
        });
    }
    tally.assess(NOTHING_SENT)
}

fn opened(view: &View) -> impl Iterator<Item = (&Post, &Seen)> {
    view.sent_by(Role::Sending)
        .filter_map(|post| Some((post, post.seen()?)))
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches('"')
}

fn list(parties: &BTreeSet<&PartyKey>) -> String {
    parties
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" and ")
}

/// An XML name without a colon, as an attribute of type ID must be.
fn is_nc_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters
        .next()
        .is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}
