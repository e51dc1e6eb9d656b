//! Ways to falsify what a requesting system said or stored.

use std::collections::BTreeSet;

use gp2gp_model::plan::{Act, Decision, Role};
use gp2gp_model::trace::{Endpoint, Event, Lifecycle, Observation, TimeMode, What};
use gp2gp_model::{Dialect, Hl7MessageId, Interaction, MessageKind, Sha256};
use gp2gp_wire::Message;
use gp2gp_wire::hl7::{
    AckReason, Acknowledgement, CONTINUE_SUBJECT, Continue, Gp2gpFragment, Payload,
};

use super::support::tamper::{Pick, Taken};

pub(crate) const STRANGER: &str = "00000000-0000-4000-8000-000000000001";
pub(crate) const SECOND: &str = "00000000-0000-4000-8000-000000000002";

pub(crate) const SPLIT: &str = "duplicate/fragment-delivered-twice";
pub(crate) const COPY: &str = "duplicate/core-while-pending";
pub(crate) const SMALL: &str = "transfer/small-record";
pub(crate) const INLINE: &str = "transfer/inline-attachments";

pub(crate) const REQUEST: Pick = Pick(Role::Requesting, MessageKind::EhrRequest, 1);
pub(crate) const CONTINUE: Pick = Pick(Role::Requesting, MessageKind::Continue, 1);

pub(crate) const fn ack(nth: usize) -> Pick {
    Pick(Role::Requesting, MessageKind::Acknowledgement, nth)
}

pub(crate) const fn fragment(nth: usize) -> Pick {
    Pick(Role::Sending, MessageKind::Fragment, nth)
}

pub(crate) fn edit(taken: Taken, pick: Pick, change: impl FnOnce(&mut Message)) -> Taken {
    taken.edit(pick, Dialect::NationalMhs, change)
}

pub(crate) fn edit_ack(message: &mut Message, change: impl FnOnce(&mut Acknowledgement)) {
    let Payload::Acknowledgement(ack) = &mut message.payload else {
        panic!("no acknowledgement");
    };
    change(ack);
}

pub(crate) fn edit_reason(taken: Taken, change: fn(&mut AckReason)) -> Taken {
    edit(taken, ack(1), |message| {
        edit_ack(message, |ack| {
            change(ack.reason.as_mut().expect("a reason"));
        });
    })
}

pub(crate) fn without_reason(taken: Taken) -> Taken {
    edit(taken, ack(1), |message| {
        edit_ack(message, |ack| ack.reason = None);
    })
}

pub(crate) fn edit_request(taken: Taken, patient: &str, practice: &str) -> Taken {
    edit(taken, REQUEST, |message| {
        let Payload::EhrRequest(request) = &mut message.payload else {
            panic!("no request");
        };
        request.patient = gp2gp_model::NhsNumber::parse(patient).expect("a number");
        request.destination = practice.parse().expect("a code");
    })
}

/// The only request of the trace asks for the nth patient of the plan, from 0.
pub(crate) fn request_for(taken: Taken, nth: usize) -> Taken {
    let patient = taken.view().patients[nth].patient;
    edit_request(taken, patient.as_str(), "Z99902")
}

/// The system shows this state of every transfer.
pub(crate) fn show_state(taken: Taken, shown: &'static str) -> Taken {
    observed(taken, |observation| {
        if let Observation::Transfer { state, .. } = observation {
            shown.clone_into(state);
        }
    })
}

/// The payload of the nth core that was delivered is stored for the nth patient, from 1.
pub(crate) fn store_core(taken: Taken, nth: usize) -> Taken {
    let view = taken.view();
    let mut cores = view
        .delivered_to(Role::Requesting)
        .filter_map(|post| post.seen())
        .filter(|seen| seen.extract().is_some());
    let sha256 = cores.nth(nth - 1).expect("a core").payload_sha256;
    let patient = view.patients[nth - 1].patient;
    taken.events(|events| {
        let last = events.last().expect("an event").clone();
        let observation = Observation::Stored {
            patient,
            file_name: RECORD.to_owned(),
            media_type: "text/xml".to_owned(),
            sha256,
            bytes: 1,
            placeholder: false,
        };
        let by = Endpoint::Requesting;
        let what = What::Observed { by, observation };
        events.insert(events.len() - 1, Event { what, ..last });
    })
}

/// People decide this right before the nth acknowledgement.
pub(crate) fn decide_before(taken: Taken, nth: usize, decision: Decision) -> Taken {
    let at = taken.index_of(ack(nth));
    let patient = taken.view().patients[0].patient;
    taken.events(|events| {
        let what = What::Acted {
            on: Endpoint::Requesting,
            act: Act::Decide { patient, decision },
            not_supported: false,
        };
        let event = Event {
            what,
            ..events[at].clone()
        };
        events.insert(at, event);
    })
}

/// The message id of a picked message.
pub(crate) fn id_of(taken: &Taken, pick: Pick) -> String {
    let seq = taken.trace.events[taken.index_of(pick)].seq;
    let view = taken.view();
    let post = view.posts.iter().find(|post| post.seq == seq);
    post.and_then(|post| post.message_id())
        .expect("an id")
        .to_string()
}

/// How many acknowledgements the requesting system sent.
pub(crate) fn acks_sent(taken: &Taken) -> usize {
    let view = taken.view();
    let sent = view.sent_by(Role::Requesting);
    sent.filter(|post| post.kind() == Some(MessageKind::Acknowledgement))
        .count()
}

/// The requesting system posts nothing more once it is up again.
pub(crate) fn silent_after_restart(taken: Taken) -> Taken {
    taken.events(|events| {
        let is_up = |event: &Event| {
            matches!(
                &event.what,
                What::Lifecycle {
                    system: Endpoint::Requesting,
                    change: Lifecycle::Restarted,
                }
            )
        };
        let up = events
            .iter()
            .find(|event| is_up(event))
            .expect("a restart")
            .seq;
        let silenced: Vec<_> = events
            .iter()
            .filter(|event| {
                event.seq > up
                    && matches!(
                        &event.what,
                        What::Post {
                            from: Endpoint::Requesting,
                            ..
                        }
                    )
            })
            .filter_map(Event::exchange)
            .collect();
        events.retain(|event| {
            event
                .exchange()
                .is_none_or(|exchange| !silenced.contains(&exchange))
        });
    })
}

/// The delivery of the first message is answered like that of the second.
pub(crate) fn answer_like(taken: Taken, first: Pick, second: Pick) -> Taken {
    let view = taken.view();
    let delivery = |pick| {
        let id = id_of(&taken, pick);
        let mut deliveries = view.delivered_to(Role::Requesting);
        let delivered =
            deliveries.find(|post| post.message_id().is_some_and(|it| it.as_str() == id));
        exchange_of(&taken.trace.events, delivered.expect("a delivery").seq)
    };
    let (first, second) = (delivery(first), delivery(second));
    let is_answer = |event: &Event, number| matches!(&event.what, What::Answer { exchange, .. } if *exchange == number);
    taken.events(|events| {
        let model = events.iter().find(|event| is_answer(event, second));
        let mut what = model.expect("an answer").what.clone();
        if let What::Answer { exchange, .. } = &mut what {
            *exchange = first;
        }
        for event in events {
            if is_answer(event, first) {
                event.what = what.clone();
            }
        }
    })
}

/// The system forgets the nth patient of the plan, from 0.
pub(crate) fn say_nothing_of(taken: Taken, nth: usize) -> Taken {
    let forgotten = taken.view().patients[nth].patient;
    taken.events(|events| {
        events.retain(|event| {
            let What::Observed {
                by: Endpoint::Requesting,
                observation:
                    Observation::Transfer { patient, .. } | Observation::Stored { patient, .. },
            } = &event.what
            else {
                return true;
            };
            *patient != forgotten
        });
    })
}

pub(crate) fn edit_continue(taken: Taken, change: fn(&mut Continue)) -> Taken {
    edit(taken, CONTINUE, |message| {
        let Payload::Continue(continued) = &mut message.payload else {
            panic!("no Continue");
        };
        change(continued);
    })
}

pub(crate) fn refer(taken: Taken, pick: Pick, to: &str) -> Taken {
    edit(taken, pick, |message| {
        edit_ack(message, |ack| ack.message_ref = to.parse().expect("an id"));
    })
}

/// Turns the nth acknowledgement into a refusal.
pub(crate) fn refuse(taken: Taken, nth: usize, code: &'static str) -> Taken {
    edit(taken, ack(nth), |message| {
        edit_ack(message, |ack| {
            *ack = Acknowledgement::negative(
                ack.wrapper.clone(),
                ack.message_ref.clone(),
                code.into(),
                Dialect::NationalMhs,
            );
        });
    })
}

/// Turns the nth acknowledgement into an AA.
pub(crate) fn accept(taken: Taken, nth: usize) -> Taken {
    edit(taken, ack(nth), |message| edit_ack(message, make_positive))
}

pub(crate) fn make_positive(ack: &mut Acknowledgement) {
    *ack = Acknowledgement::positive(ack.wrapper.clone(), ack.message_ref.clone());
}

pub(crate) fn reason(code: &str) -> AckReason {
    AckReason {
        code: code.into(),
        code_system: None,
        display_name: None,
        qualifier: None,
    }
}

/// Gives a message an id of its own.
pub(crate) fn rename(message: &mut Message) {
    message.header.message_id = SECOND.parse().expect("an id");
    let id = Hl7MessageId::from(&message.header.message_id);
    match &mut message.payload {
        Payload::EhrRequest(request) => request.wrapper.id = id,
        Payload::EhrExtract(extract) => extract.wrapper.id = id,
        Payload::Continue(continued) => continued.wrapper.id = id,
        Payload::Fragment(fragment) => fragment.wrapper.id = id,
        Payload::Acknowledgement(ack) => ack.wrapper.id = id,
    }
}

/// Turns an acknowledgement into a Continue for what it names.
pub(crate) fn make_continue(message: &mut Message) {
    let Payload::Acknowledgement(ack) = message.payload.clone() else {
        panic!("no acknowledgement");
    };
    let mut wrapper = ack.wrapper;
    Interaction::Copc.id().clone_into(&mut wrapper.root);
    Interaction::Copc
        .id()
        .clone_into(&mut wrapper.interaction_id);
    Interaction::Copc
        .id()
        .clone_into(&mut message.header.action);
    message.payload = Payload::Continue(Continue {
        information_code: "GP2GP_PI".to_owned(),
        fragment: Gp2gpFragment {
            version: "01".to_owned(),
            recipients: vec!["Z99902".parse().expect("a code")],
            from: "Z99901".parse().expect("a code"),
            subject: CONTINUE_SUBJECT.to_owned(),
            message_id: wrapper.id.clone(),
            in_order: true,
        },
        wrapper,
        ack_type: "AA".to_owned(),
        detail_type: "IF".to_owned(),
        detail_code: "0".to_owned(),
        message_ref: ack.message_ref,
        acknowledged_message: None,
    });
}

pub(crate) fn without_decision(taken: Taken) -> Taken {
    taken.events(|events| {
        events.retain(|event| {
            !matches!(
                &event.what,
                What::Acted {
                    act: Act::Decide { .. },
                    ..
                }
            )
        });
    })
}

pub(crate) fn observed(taken: Taken, mut change: impl FnMut(&mut Observation)) -> Taken {
    taken.events(|events| {
        for event in events {
            if let What::Observed {
                by: Endpoint::Requesting,
                observation,
            } = &mut event.what
            {
                change(observation);
            }
        }
    })
}

/// A stored document, open to change.
pub(crate) struct StoredDocument<'a> {
    pub(crate) patient: &'a mut gp2gp_model::NhsNumber,
    pub(crate) file_name: &'a mut String,
    pub(crate) media_type: &'a mut String,
    pub(crate) sha256: &'a mut Sha256,
    pub(crate) bytes: &'a mut u64,
    pub(crate) placeholder: &'a mut bool,
}

/// Changes documents as they are stored, the record itself left out.
pub(crate) fn stored(taken: Taken, mut change: impl FnMut(StoredDocument<'_>)) -> Taken {
    observed(taken, |observation| {
        if let Observation::Stored {
            patient,
            file_name,
            media_type,
            sha256,
            bytes,
            placeholder,
        } = observation
            && file_name != RECORD
        {
            change(StoredDocument {
                patient,
                file_name,
                media_type,
                sha256,
                bytes,
                placeholder,
            });
        }
    })
}

/// The name under which the reference system shows the record itself.
pub(crate) const RECORD: &str = "record.xml";

pub(crate) fn damage_documents(taken: Taken) -> Taken {
    stored(taken, |document| *document.sha256 = Sha256::of(b"damaged"))
}

/// Half of each is missing.
pub(crate) fn cut_documents(taken: Taken) -> Taken {
    stored(taken, |document| {
        *document.sha256 = Sha256::of(b"damaged");
        *document.bytes /= 2;
    })
}

/// Half of what travels compressed is missing: texts.
pub(crate) fn cut_texts(taken: Taken) -> Taken {
    stored(taken, |document| {
        if document.media_type.starts_with("text/") || document.media_type == "application/msword" {
            *document.sha256 = Sha256::of(b"damaged");
            *document.bytes /= 2;
        }
    })
}

pub(crate) fn damage_everything(taken: Taken) -> Taken {
    observed(taken, |observation| {
        if let Observation::Stored { sha256, .. } = observation {
            *sha256 = Sha256::of(b"damaged");
        }
    })
}

fn forget(taken: Taken, mut forgotten: impl FnMut(&str) -> bool) -> Taken {
    taken.events(|events| {
        events.retain(|event| {
            let What::Observed {
                observation: Observation::Stored { file_name, .. },
                ..
            } = &event.what
            else {
                return true;
            };
            !forgotten(file_name)
        });
    })
}

pub(crate) fn forget_documents(taken: Taken) -> Taken {
    forget(taken, |name| name != RECORD)
}

/// All but the scan.
pub(crate) fn forget_all_but_images(taken: Taken) -> Taken {
    forget(taken, |name| name != RECORD && !name.ends_with(".tif"))
}

pub(crate) fn forget_placeholders(taken: Taken) -> Taken {
    forget(taken, |name| name.starts_with("AbsentAttachment"))
}

pub(crate) fn forget_everything(taken: Taken) -> Taken {
    forget(taken, |_| true)
}

pub(crate) fn forget_one(taken: Taken) -> Taken {
    let mut rest = 1;
    forget(taken, move |name| {
        let is_first = name == "Untitled" && rest == 1;
        rest -= usize::from(is_first);
        is_first
    })
}

pub(crate) fn forget_letter(taken: Taken) -> Taken {
    forget(taken, |name| name.ends_with(".rtf"))
}

pub(crate) fn file_skeleton(taken: Taken) -> Taken {
    let view = taken.view();
    let mut cores = view.sent_by(Role::Sending).filter_map(|post| post.seen());
    let core = cores.find(|seen| seen.extract().is_some()).expect("a core");
    let skeleton = core.payload_sha256;
    observed(taken, move |observation| {
        if let Observation::Stored { sha256, .. } = observation {
            *sha256 = skeleton;
        }
    })
}

pub(crate) fn mix_patients(taken: Taken) -> Taken {
    let patients: Vec<_> = taken
        .view()
        .patients
        .iter()
        .map(|truth| truth.patient)
        .collect();
    stored(taken, move |document| *document.patient = patients[0])
}

/// The second delivery of the core is answered with an error.
pub(crate) fn refuse_redelivery(taken: Taken) -> Taken {
    let view = taken.view();
    let repeat = view
        .delivered_to(Role::Requesting)
        .find(|post| post.is_retransmission)
        .expect("a repeat")
        .seq;
    taken.events(|events| {
        let number = exchange_of(events, repeat);
        for event in events {
            if let What::Answer {
                exchange, status, ..
            } = &mut event.what
                && *exchange == number
            {
                *status = 500;
            }
        }
    })
}

fn retries(taken: &Taken) -> Vec<u64> {
    let view = taken.view();
    let repeats = view
        .posted_by(Role::Requesting)
        .filter(|post| post.is_retransmission);
    repeats.map(|post| post.seq).collect()
}

pub(crate) fn drop_retries(taken: Taken) -> Taken {
    let retries = retries(&taken);
    taken.events(|events| {
        let gone: Vec<_> = retries
            .iter()
            .map(|seq| exchange_of(events, *seq))
            .collect();
        events.retain(|event| {
            event
                .exchange()
                .is_none_or(|exchange| !gone.contains(&exchange))
        });
    })
}

/// Spine gets other bytes the second time.
pub(crate) fn change_retry(mut taken: Taken) -> Taken {
    let seq = retries(&taken)[0];
    let event = taken
        .trace
        .events
        .iter_mut()
        .find(|event| event.seq == seq)
        .expect("a retry");
    let What::Post { body, .. } = &mut event.what else {
        panic!("no post");
    };
    let mut bytes = taken.bodies[&body.sha256].to_vec();
    bytes.extend_from_slice(b"\r\n");
    body.sha256 = Sha256::of(&bytes);
    taken.bodies.insert(body.sha256, bytes.into());
    taken
}

/// The last post of the requesting system never was, found without decoding a large trace.
pub(crate) fn drop_last_ack(taken: Taken) -> Taken {
    taken.events(|events| {
        let mut posts = events.iter().rev().filter(|event| {
            matches!(
                &event.what,
                What::Post {
                    from: Endpoint::Requesting,
                    ..
                }
            )
        });
        let last = posts.next().and_then(Event::exchange);
        events.retain(|event| event.exchange() != last);
    })
}

/// Two deliveries that came one after the other are under way at the same time: the first is answered only when
/// the second has been posted.
pub(crate) fn answer_after(taken: Taken, first: Pick, second: Pick) -> Taken {
    let (first, second) = (id_of(&taken, first), id_of(&taken, second));
    let view = taken.view();
    let delivery = |id: &str| {
        let mut posts = view.delivered_to(Role::Requesting);
        let post = posts.find(|post| post.message_id().is_some_and(|it| it.to_string() == id));
        post.expect("it was delivered").seq
    };
    let (first, second) = (delivery(&first), delivery(&second));
    taken.events(|events| {
        let number = exchange_of(events, first);
        let answers = |event: &Event| matches!(&event.what, What::Answer { exchange, .. } if *exchange == number);
        let answer = events.iter().position(answers).expect("an answer");
        let mut answer = events.remove(answer);
        let post = events.iter().position(|event| event.seq == second);
        let post = post.expect("the post");
        answer.at = events[post].at + std::time::Duration::from_micros(1);
        events.insert(post + 1, answer);
    })
}

fn exchange_of(events: &[Event], seq: u64) -> u64 {
    let event = events
        .iter()
        .find(|event| event.seq == seq)
        .expect("the event");
    event.exchange().expect("a post")
}

/// What is left of a run when only messages on their way to Spine were recorded, and of these only
/// some kinds.
pub(crate) fn as_recording(mut taken: Taken, keep: impl Fn(MessageKind) -> bool) -> Taken {
    let view = taken.view();
    let kept: BTreeSet<u64> = view
        .posts
        .iter()
        .filter(|post| post.to == Endpoint::Spine && post.kind().is_some_and(&keep))
        .map(|post| post.seq)
        .collect();
    taken.trace.header.time_mode = TimeMode::Recorded;
    taken.trace.header.practices = None;
    taken.trace.header.directory = gp2gp_model::directory::Directory::default();
    taken.trace.events.retain(|event| kept.contains(&event.seq));
    taken
}

/// The first delivery to the requesting system that cannot be read got no answer.
pub(crate) fn unanswered_first(taken: Taken) -> Taken {
    let view = taken.view();
    let mut broken = view.delivered_to(Role::Requesting);
    let broken = broken.find(|post| post.seen().is_some_and(|seen| seen.payload.is_err()));
    let seq = broken.expect("a broken delivery").seq;
    without_answers(taken, &[seq])
}

/// No delivery of a message got an answer.
pub(crate) fn unanswered(taken: Taken, pick: Pick) -> Taken {
    let view = taken.view();
    let seq = taken.trace.events[taken.index_of(pick)].seq;
    let sent = view.posts.iter().find(|post| post.seq == seq);
    let id = sent.expect("a post").message_id();
    let deliveries = view.delivered_to(Role::Requesting);
    let deliveries: Vec<_> = deliveries
        .filter(|post| post.message_id() == id)
        .map(|post| post.seq)
        .collect();
    without_answers(taken, &deliveries)
}

pub(crate) fn without_answers(taken: Taken, posts: &[u64]) -> Taken {
    taken.events(|events| {
        let gone: Vec<_> = posts.iter().map(|seq| exchange_of(events, *seq)).collect();
        events.retain(|event| {
            let What::Answer { exchange, .. } = &event.what else {
                return true;
            };
            !gone.contains(exchange)
        });
    })
}
