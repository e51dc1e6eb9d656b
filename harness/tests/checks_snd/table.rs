//! The form of a case, and what cases falsify with.

use bytes::Bytes;
use gp2gp_model::plan::Role;
use gp2gp_model::trace::{BodyRef, Endpoint, Event, Observation, What};
use gp2gp_model::{Dialect, MessageKind, ResponseCode, Sha256};
use gp2gp_wire::Message;
use gp2gp_wire::attachment::{Description, DescriptionStyle};
use gp2gp_wire::hl7::{Acknowledgement, EhrExtract, Fragment, Payload};
use gp2gp_wire::message::{Inline, Location};

use crate::support::tamper::{Pick, Taken};
use crate::support::trace_of;

pub(crate) const REQUEST: Pick = Pick(Role::Requesting, MessageKind::EhrRequest, 1);
pub(crate) const CONTINUE: Pick = Pick(Role::Requesting, MessageKind::Continue, 1);
pub(crate) const EXTRACT: Pick = Pick(Role::Sending, MessageKind::EhrExtract, 1);
pub(crate) const ANSWER: Pick = Pick(Role::Sending, MessageKind::Acknowledgement, 1);

/// The record in one message, without documents.
pub(crate) const SMALL: &str = "transfer/small-record";
/// Eleven documents in the extract.
pub(crate) const INLINE: &str = "transfer/inline-attachments";
/// One document in four chunks: the index is fragment 1, chunk 0 is fragment 2.
pub(crate) const CHUNKED: &str = "duplicate/fragment-delivered-twice";
/// Refused with 06.
pub(crate) const REFUSED: &str = "refusal/patient-not-held";

/// Another UUID than any of a run.
pub(crate) const STRANGE: &str = "0BADC0DE-0000-4000-8000-00000000BAD1";

/// A part of what the violation must say was seen, and the trace.
type Tampering = (&'static str, fn() -> Taken);

/// A requirement, a trace that keeps it, and traces that break it.
pub(crate) struct Case {
    pub(crate) requirement: &'static str,
    pub(crate) held: fn() -> Taken,
    pub(crate) tamperings: Vec<Tampering>,
}

impl Case {
    pub(crate) fn new(requirement: &'static str, held: fn() -> Taken) -> Self {
        Self {
            requirement,
            held,
            tamperings: Vec::new(),
        }
    }

    pub(crate) fn broken(mut self, seen: &'static str, tampered: fn() -> Taken) -> Self {
        self.tamperings.push((seen, tampered));
        self
    }
}

pub(crate) fn fragment(nth: usize) -> Pick {
    Pick(Role::Sending, MessageKind::Fragment, nth)
}

/// The trace of a scenario with one message changed.
pub(crate) fn edited(scenario: &str, pick: Pick, change: impl FnOnce(&mut Message)) -> Taken {
    trace_of(scenario).edit(pick, Dialect::NationalMhs, change)
}

/// The text of a message.
pub(crate) fn text(taken: &Taken, pick: Pick) -> String {
    let What::Post { body, .. } = &taken.trace.events[taken.index_of(pick)].what else {
        panic!("{pick:?} is no post")
    };
    String::from_utf8(taken.bodies[&body.sha256].to_vec()).expect("it is text")
}

/// The text from the first `from` to the next `to`, both included.
pub(crate) fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let start = text.find(from).unwrap_or_else(|| panic!("no `{from}`"));
    let end = text[start..]
        .find(to)
        .unwrap_or_else(|| panic!("no `{to}`"));
    &text[start..start + end + to.len()]
}

pub(crate) fn extract(message: &mut Message) -> &mut EhrExtract {
    let Payload::EhrExtract(extract) = &mut message.payload else {
        panic!("the message is no extract")
    };
    extract
}

pub(crate) fn copc(message: &mut Message) -> &mut Fragment {
    let Payload::Fragment(fragment) = &mut message.payload else {
        panic!("the message is no fragment")
    };
    fragment
}

pub(crate) fn ack(message: &mut Message) -> &mut Acknowledgement {
    let Payload::Acknowledgement(ack) = &mut message.payload else {
        panic!("the message is no acknowledgement")
    };
    ack
}

/// Puts another code wherever one stands.
pub(crate) fn recode(message: &mut Message, code: &str) {
    let ack = ack(message);
    let code = ResponseCode::from(code);
    if let Some(reason) = &mut ack.reason {
        reason.display_name = Some(code.text().to_owned());
        reason.code = code.clone();
    }
    if let Some(detail) = &mut ack.detail {
        detail.display_name = Some(code.text().to_owned());
        detail.code = code;
    }
}

pub(crate) fn inline(message: &mut Message, at: usize) -> &mut Inline {
    let Location::Inline(inline) = &mut message.attachments[at].location else {
        panic!("attachment {at} is not inline")
    };
    inline
}

/// Changes a description that obeys the grammar.
pub(crate) fn describe(message: &mut Message, at: usize, change: impl FnOnce(&mut Description)) {
    let text = message.attachments[at].description.clone();
    let style = DescriptionStyle::read(text.as_deref().unwrap_or_default());
    let DescriptionStyle::Grammar(mut description) = style else {
        panic!("{style:?} is no description in the grammar")
    };
    change(&mut description);
    message.attachments[at].description = Some(description.to_string());
}

/// Gives the first attachment whose file name ends like this.
pub(crate) fn named(message: &Message, ending: &str) -> usize {
    message
        .attachments
        .iter()
        .position(|attachment| {
            let style =
                DescriptionStyle::read(attachment.description.as_deref().unwrap_or_default());
            style.filename().is_some_and(|name| name.ends_with(ending))
        })
        .unwrap_or_else(|| panic!("no attachment `{ending}`"))
}

/// What the sending system tells of its transfers, changed.
pub(crate) fn told(scenario: &str, change: impl Fn(&mut Option<u8>)) -> Taken {
    trace_of(scenario).events(|events| {
        for event in events {
            if let What::Observed {
                by: Endpoint::Sending,
                observation: Observation::Transfer { print_state, .. },
            } = &mut event.what
            {
                change(print_state);
            }
        }
    })
}

/// Every repeat of the extract says something else in this element.
pub(crate) fn repeated(scenario: &str, element: &str, other: &str) -> Taken {
    let mut taken = trace_of(scenario);
    let whole = text(&taken, EXTRACT);
    let value = between(&whole, element, "</");
    let changed = Bytes::from(whole.replacen(value, &format!("{element}{other}</"), 1));
    let first = taken.trace.events[taken.index_of(EXTRACT)].clone();
    let fresh = BodyRef {
        sha256: Sha256::of(&changed),
        bytes: changed.len() as u64,
    };
    taken.bodies.insert(fresh.sha256, changed);
    taken.events(|events| {
        for event in events.iter_mut().filter(|event| event.seq > first.seq) {
            if let What::Post { body, .. } = &mut event.what
                && Some(*body) == first.body()
            {
                *body = fresh;
            }
        }
    })
}

/// Posts a message once more at the end of the trace, answered as it was when Spine took it.
pub(crate) fn posted_again(taken: Taken, pick: Pick) -> Taken {
    let view = taken.view();
    let at = taken.index_of(pick);
    let seq = taken.trace.events[at].seq;
    let post = view
        .posts
        .iter()
        .find(|post| post.seq == seq)
        .expect("it is a post");
    let accepted = view
        .posted_by(Role::Sending)
        .find(|other| other.message_id() == post.message_id() && other.was_accepted())
        .expect("Spine took it")
        .seq;
    let number = taken
        .trace
        .events
        .iter()
        .find(|event| event.seq == accepted)
        .and_then(Event::exchange);
    taken.events(|events| {
        let mut copies: Vec<Event> = events
            .iter()
            .filter(|event| event.exchange() == number)
            .cloned()
            .collect();
        let end = events
            .iter()
            .position(|event| matches!(event.what, What::Observed { .. } | What::Ended { .. }))
            .expect("it ends");
        for copy in &mut copies {
            copy.at = events[end - 1].at;
            if let What::Post { exchange, .. } | What::Answer { exchange, .. } = &mut copy.what {
                *exchange = 2_000_000;
            }
        }
        events.splice(end..end, copies);
    })
}
