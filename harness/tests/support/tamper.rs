//! A trace that can be falsified in a precise way: one message changed, dropped, doubled or moved,
//! everything else as it was. What a check says of it must change, and only that.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use gp2gp::check::View;
use gp2gp_model::plan::Role;
use gp2gp_model::trace::{BodyRef, Endpoint, Event, Trace, What};
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_model::{Dialect, MessageKind, Sha256};
use gp2gp_wire::Message;

/// A trace with its bodies.
#[derive(Clone)]
pub(crate) struct Taken {
    pub(crate) trace: Trace,
    pub(crate) bodies: BTreeMap<Sha256, Bytes>,
}

/// The nth (from 1) new message of a kind that a role posts to Spine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pick(pub(crate) Role, pub(crate) MessageKind, pub(crate) usize);

impl Taken {
    /// What the check of a requirement says.
    pub(crate) fn assess(&self, requirement: &str, profile: Profile) -> Assessment {
        let check = gp2gp::check::all()
            .into_iter()
            .find(|check| check.requirement == requirement)
            .unwrap_or_else(|| panic!("no check for {requirement}"));
        (check.assess)(&self.view(), profile)
    }

    pub(crate) fn view(&self) -> View {
        View::new(&self.trace, &self.bodies)
    }

    /// Changes a message everywhere it travels and writes it again in the dialect.
    pub(crate) fn edit(
        mut self,
        pick: Pick,
        dialect: Dialect,
        change: impl FnOnce(&mut Message),
    ) -> Self {
        let (body, content_type) = self.body_of(pick);
        let received =
            gp2gp_wire::message::open(&content_type, &self.bodies[&body.sha256]).expect("it opens");
        let mut message = received.into_message().expect("it reads");
        change(&mut message);
        let encoded = message.encode(dialect);
        self.replace(
            body,
            &encoded.body,
            Some((&encoded.content_type, &encoded.soap_action)),
        );
        self
    }

    /// Changes the text of a message everywhere it travels; the text must occur.
    pub(crate) fn edit_text(mut self, pick: Pick, from: &str, to: &str) -> Self {
        let (body, _) = self.body_of(pick);
        let text = String::from_utf8(self.bodies[&body.sha256].to_vec()).expect("the body is text");
        assert!(text.contains(from), "`{from}` does not occur in {pick:?}");
        self.replace(body, &Bytes::from(text.replace(from, to)), None);
        self
    }

    /// Changes the `SOAPAction` of a post.
    pub(crate) fn edit_soap_action(mut self, pick: Pick, action: Option<&str>) -> Self {
        let at = self.index_of(pick);
        if let What::Post { soap_action, .. } = &mut self.trace.events[at].what {
            *soap_action = action.map(str::to_owned);
        }
        self
    }

    /// Removes a message on both legs, with its answers: it was never sent.
    pub(crate) fn drop(mut self, pick: Pick) -> Self {
        let (body, _) = self.body_of(pick);
        let gone: Vec<u64> = self.exchanges_of(&body.sha256);
        self.trace.events.retain(|event| {
            event
                .exchange()
                .is_none_or(|exchange| !gone.contains(&exchange))
        });
        self
    }

    /// Removes only the deliveries of a message by Spine: it was sent and never arrived.
    pub(crate) fn lose(mut self, pick: Pick) -> Self {
        let (body, _) = self.body_of(pick);
        let gone: Vec<u64> = self
            .trace
            .events
            .iter()
            .filter_map(|event| {
                let What::Post {
                    exchange,
                    from: Endpoint::Spine,
                    body: carried,
                    ..
                } = &event.what
                else {
                    return None;
                };
                (carried.sha256 == body.sha256).then_some(*exchange)
            })
            .collect();
        self.trace.events.retain(|event| {
            event
                .exchange()
                .is_none_or(|exchange| !gone.contains(&exchange))
        });
        self
    }

    /// Posts a changed copy of a message right behind the original (accepted like it; not delivered).
    pub(crate) fn also(
        mut self,
        pick: Pick,
        dialect: Dialect,
        change: impl FnOnce(&mut Message),
    ) -> Self {
        let at = self.index_of(pick);
        let (body, content_type) = self.body_of(pick);
        let received =
            gp2gp_wire::message::open(&content_type, &self.bodies[&body.sha256]).expect("it opens");
        let mut message = received.into_message().expect("it reads");
        change(&mut message);
        let encoded = message.encode(dialect);
        let copy = self.keep(&encoded.body);
        let fresh = 1_000_000 + self.trace.events.len() as u64;
        let answered = self.trace.events[at].exchange().and_then(|number| {
            self.trace.events.iter().find(|event| matches!(&event.what, What::Answer { exchange, .. } if *exchange == number)).cloned()
        });
        let mut post = self.trace.events[at].clone();
        if let What::Post {
            exchange,
            body,
            content_type,
            soap_action,
            ..
        } = &mut post.what
        {
            *exchange = fresh;
            *body = copy;
            *content_type = encoded.content_type;
            *soap_action = Some(encoded.soap_action);
        }
        let mut inserted = vec![post];
        if let Some(mut answer) = answered {
            if let What::Answer { exchange, .. } = &mut answer.what {
                *exchange = fresh;
            }
            inserted.push(answer);
        }
        self.trace.events.splice(at + 1..=at, inserted);
        self.renumber()
    }

    /// Moves a message (both legs and answers) to just before another one, at that one's time.
    pub(crate) fn move_before(mut self, pick: Pick, anchor: Pick) -> Self {
        let (body, _) = self.body_of(pick);
        let moved = self.exchanges_of(&body.sha256);
        let at = self.trace.events[self.index_of(anchor)].at;
        let (mut moving, mut rest): (Vec<_>, Vec<_>) =
            self.trace.events.into_iter().partition(|event| {
                event
                    .exchange()
                    .is_some_and(|exchange| moved.contains(&exchange))
            });
        self.trace.events = Vec::new();
        moving.iter_mut().for_each(|event| event.at = at);
        let position = {
            let probe = Self {
                trace: Trace {
                    header: self.trace.header.clone(),
                    events: rest.clone(),
                },
                bodies: self.bodies.clone(),
            };
            probe.index_of(anchor)
        };
        rest.splice(position..position, moving);
        self.trace.events = rest;
        self.renumber()
    }

    /// Moves a message (both legs and answers) this much later, to the place that its time has.
    pub(crate) fn delay(mut self, pick: Pick, by: Duration) -> Self {
        let (body, _) = self.body_of(pick);
        let moved = self.exchanges_of(&body.sha256);
        for event in &mut self.trace.events {
            if event
                .exchange()
                .is_some_and(|exchange| moved.contains(&exchange))
            {
                event.at += by;
            }
        }
        self.trace.events.sort_by_key(|event| event.at);
        self.renumber()
    }

    /// Changes events in any other way.
    pub(crate) fn events(mut self, change: impl FnOnce(&mut Vec<Event>)) -> Self {
        change(&mut self.trace.events);
        self.renumber()
    }

    /// Index of the post event of a picked message.
    pub(crate) fn index_of(&self, pick: Pick) -> usize {
        let Pick(role, kind, nth) = pick;
        let view = self.view();
        let seq = view
            .sent_by(role)
            .filter(|post| post.kind() == Some(kind))
            .nth(nth - 1)
            .unwrap_or_else(|| panic!("{pick:?} is not in the trace"))
            .seq;
        self.trace
            .events
            .iter()
            .position(|event| event.seq == seq)
            .expect("the event is there")
    }

    fn body_of(&self, pick: Pick) -> (BodyRef, String) {
        let What::Post {
            body, content_type, ..
        } = &self.trace.events[self.index_of(pick)].what
        else {
            panic!("{pick:?} is no post");
        };
        (*body, content_type.clone())
    }

    fn exchanges_of(&self, sha256: &Sha256) -> Vec<u64> {
        self.trace
            .events
            .iter()
            .filter_map(|event| {
                let What::Post { exchange, body, .. } = &event.what else {
                    return None;
                };
                (body.sha256 == *sha256).then_some(*exchange)
            })
            .collect()
    }

    fn replace(&mut self, old: BodyRef, new: &Bytes, headers: Option<(&str, &str)>) {
        let new = self.keep(new);
        for event in &mut self.trace.events {
            if let What::Post {
                body,
                content_type,
                soap_action,
                ..
            } = &mut event.what
                && body.sha256 == old.sha256
            {
                *body = new;
                if let Some((kind, action)) = headers {
                    *content_type = kind.to_owned();
                    *soap_action = Some(action.to_owned());
                }
            }
        }
    }

    fn keep(&mut self, body: &Bytes) -> BodyRef {
        let sha256 = Sha256::of(body);
        self.bodies.insert(sha256, body.clone());
        BodyRef {
            sha256,
            bytes: body.len() as u64,
        }
    }

    fn renumber(mut self) -> Self {
        for (event, seq) in self.trace.events.iter_mut().zip(1..) {
            event.seq = seq;
        }
        self
    }
}
