//! Which step led to which: what a system had received when it sent something, by conversation, kind and reference.

use gp2gp_model::MessageKind;
use gp2gp_model::report::conversation::{Happening, Occasion};
use gp2gp_model::trace::Endpoint;

use super::{Owner, Placed};
use crate::check::View;
use crate::check::view::{Post, Seen};

pub(super) struct Causes<'v> {
    view: &'v View,
}

impl<'v> Causes<'v> {
    pub(super) const fn of(view: &'v View) -> Self {
        Self { view }
    }

    /// Writes into every step what led to it.
    pub(super) fn tell(&self, steps: &mut [Placed]) {
        for at in 0..steps.len() {
            let (before, rest) = steps.split_at_mut(at);
            let Some(placed) = rest.first_mut() else {
                continue;
            };
            let event = placed.step.event;
            let mut because = match &placed.step.what {
                Happening::Message(_) => match self.post(event) {
                    Some(post) if post.from == Endpoint::Spine => self.of_delivery(post),
                    Some(post) => self.of_message(post, before),
                    None => Vec::new(),
                },
                Happening::Calls { from, .. } => last_at(before, *from).into_iter().collect(),
                Happening::At {
                    on: Some(on),
                    kind: Occasion::Told,
                    ..
                } => self.of_alert(*on, &placed.of, event),
                Happening::At {
                    on: Some(on),
                    kind: Occasion::People,
                    ..
                } => last_delivered(before, *on).into_iter().collect(),
                Happening::At { .. } => Vec::new(),
            };
            because.sort_unstable();
            because.dedup();
            placed.step.because_of = because;
        }
    }

    fn post(&self, seq: u64) -> Option<&'v Post> {
        let at = self.view.posts.binary_search_by_key(&seq, |post| post.seq);
        self.view.posts.get(at.ok()?)
    }

    /// What Spine delivers, a system has posted. An earlier delivery belongs to a repeated one.
    fn of_delivery(&self, post: &Post) -> Vec<u64> {
        let same = || {
            self.before(post.seq)
                .filter(|other| other.is_same_message(post))
        };
        let posted = same().find(|other| other.from != Endpoint::Spine);
        let delivered = same().find(|other| other.from == Endpoint::Spine);
        posted
            .into_iter()
            .chain(delivered)
            .map(|it| it.seq)
            .collect()
    }

    fn of_message(&self, post: &'v Post, before: &[Placed]) -> Vec<u64> {
        let mut earlier = self.before(post.seq);
        if post.is_retransmission
            && let Some(first) =
                earlier.find(|other| other.from == post.from && other.is_same_message(post))
        {
            return vec![first.seq];
        }
        let received = post.seen().and_then(|seen| self.answered(post, seen));
        let since = received.map_or(0, |received| received.seq);
        let mut because: Vec<u64> = received.map(|it| it.seq).into_iter().collect();
        because.extend(promised_by(self.before(post.seq), post));
        because.extend(self.sibling(post));
        because.extend(acts_since(before, post, since));
        because.extend(troubles_since(before, post.from, since));
        because
    }

    /// The one before of a kind of which one is enough: where there are two, both have to be seen.
    fn sibling(&self, post: &Post) -> Option<u64> {
        let (kind, (conversation, _)) = (post.kind()?, post.name()?);
        match kind {
            MessageKind::EhrRequest | MessageKind::EhrExtract | MessageKind::Continue => {}
            MessageKind::Fragment | MessageKind::Acknowledgement => return None,
        }
        let mut earlier = self.before(post.seq).filter(|other| {
            other.from == post.from && other.kind() == Some(kind) && other.is_of(conversation)
        });
        earlier.next().map(|other| other.seq)
    }

    /// What had reached the system to which this is its answer.
    fn answered(&self, post: &Post, seen: &Seen) -> Option<&'v Post> {
        let own = &seen.header.conversation_id;
        let reached = |kind: Option<MessageKind>| {
            let mut delivered = self.before(post.seq).filter(|other| {
                other.from == Endpoint::Spine && other.to == post.from && other.is_of(own)
            });
            delivered.find(|other| kind.is_none() || other.kind() == kind)
        };
        match seen.kind() {
            Some(MessageKind::EhrRequest) => None,
            Some(MessageKind::EhrExtract) => reached(Some(MessageKind::EhrRequest)),
            Some(MessageKind::Continue) => reached(Some(MessageKind::EhrExtract)),
            Some(MessageKind::Fragment) => {
                reached(Some(MessageKind::Continue)).or_else(|| reached(None))
            }
            Some(MessageKind::Acknowledgement) => {
                let reference = seen.acknowledgement().map(|ack| &ack.message_ref);
                let mut delivered = self
                    .before(post.seq)
                    .filter(|other| other.from == Endpoint::Spine && other.to == post.from);
                let named = delivered.find(|other| {
                    let names = |it: &Seen| reference.is_some_and(|id| it.is_named_by(id));
                    other.seen().is_some_and(names)
                });
                named.or_else(|| reached(None))
            }
            None => reached(None),
        }
    }

    /// People are told of the last message of the conversation that their system sent or got.
    fn of_alert(&self, by: Endpoint, of: &Owner, event: u64) -> Vec<u64> {
        let Owner::Conversation(conversation) = of else {
            return Vec::new();
        };
        let mut last = self
            .before(event)
            .filter(|post| (post.from == by || post.to == by) && post.is_of(conversation));
        last.next().map(|post| post.seq).into_iter().collect()
    }

    /// Posts before an event, the last first.
    fn before(&self, seq: u64) -> impl Iterator<Item = &'v Post> {
        let end = self.view.posts.partition_point(|post| post.seq < seq);
        self.view.posts.get(..end).unwrap_or_default().iter().rev()
    }
}

/// The message of the same system that promised this one.
fn promised_by<'v>(mut before: impl Iterator<Item = &'v Post>, post: &Post) -> Option<u64> {
    let id = post.message_id()?;
    if post.kind() != Some(MessageKind::Fragment) {
        return None;
    }
    let promises = |seen: &Seen| seen.promised().any(|promised| promised == id);
    before
        .find(|other| other.from == post.from && other.seen().is_some_and(promises))
        .map(|other| other.seq)
}

/// What people wanted of the system since: who registers has a record asked for, who decides has it acknowledged, and
/// a mock is told to send something again.
fn acts_since(before: &[Placed], post: &Post, since: u64) -> Option<u64> {
    let is_act = |placed: &&Placed| {
        let is_there = placed.step.endpoints().first() == Some(&post.from);
        let is_people = matches!(
            &placed.step.what,
            Happening::At {
                kind: Occasion::People,
                ..
            }
        );
        is_there && is_people && matches!(placed.of, Owner::Patient(_))
    };
    let of_kind = matches!(
        post.kind(),
        Some(MessageKind::EhrRequest | MessageKind::EhrExtract | MessageKind::Acknowledgement)
    );
    let mut acts = before.iter().rev().filter(is_act);
    let last = acts.next().map(|placed| placed.step.event);
    last.filter(|event| of_kind && *event > since)
}

/// What went wrong at a system since: it crashed, or a service did not give what it was asked for.
fn troubles_since(before: &[Placed], at: Endpoint, since: u64) -> Vec<u64> {
    let is_trouble = |placed: &&Placed| match &placed.step.what {
        Happening::At {
            on: Some(on), kind, ..
        } => *on == at && *kind == Occasion::Fault,
        Happening::Calls { from, calls, .. } => {
            *from == at && calls.iter().any(|call| !call.ending.is_good)
        }
        Happening::At { on: None, .. } | Happening::Message(_) => false,
    };
    let recent = before.iter().rev();
    recent
        .take_while(|placed| placed.step.event > since)
        .filter(is_trouble)
        .map(|placed| placed.step.event)
        .collect()
}

/// The last thing that a system was told, by people or by a message.
fn last_at(before: &[Placed], system: Endpoint) -> Option<u64> {
    let told = before.iter().rev().find(|placed| match &placed.step.what {
        Happening::Message(message) => message.to == system,
        Happening::At { on, kind, .. } => *on == Some(system) && *kind == Occasion::People,
        Happening::Calls { to, .. } => *to == system,
    });
    told.map(|placed| placed.step.event)
}

/// What people act on: the last message that reached their system.
fn last_delivered(before: &[Placed], system: Endpoint) -> Option<u64> {
    let mut delivered = before.iter().rev();
    let last = delivered.find(|placed| match &placed.step.what {
        Happening::Message(message) => message.to == system,
        Happening::Calls { .. } | Happening::At { .. } => false,
    });
    last.map(|placed| placed.step.event)
}
