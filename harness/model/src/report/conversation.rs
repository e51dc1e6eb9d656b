//! What crossed the wire in one scenario, as far as people look at it: the steps of every conversation, and
//! which led to which. Made from a trace; bodies are shortened to what is worth reading.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::trace::{BodyRef, Endpoint};
use crate::{ConversationId, EbxmlMessageId, Hl7MessageId, MessageKind, Sha256, Time};

/// How much of each message is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What it is: ids, size, digest.
    Brief,
    /// The beginning of every part too.
    Whole,
}

/// What is shown of one scenario beside its report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioMaterial {
    /// Seed of every random stream of the run.
    pub seed: u64,
    /// Digest of the scenario file.
    pub scenario_digest: Option<Sha256>,
    /// When the run began.
    pub started: Time,
    /// Conversations in the order of their first message; what belongs to none comes last.
    pub conversations: Vec<Conversation>,
}

/// Messages that belong together, and what people, faults and services did between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// `None`: what belongs to no conversation, or to several.
    pub id: Option<ConversationId>,
    /// In the order of the trace.
    pub steps: Vec<Step>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Event of the trace.
    pub event: u64,
    /// When.
    pub at: Time,
    /// What.
    pub what: Happening,
    /// Planned faults that acted on it, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// Events without which it would not have come: what a system had received, what it repeats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because_of: Vec<u64>,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "happening", rename_all = "kebab-case")]
pub enum Happening {
    /// A message on one of its two ways: to Spine, or from it.
    Message(Box<Message>),
    /// Calls of one system to one service in one go.
    Calls {
        /// Who calls.
        from: Endpoint,
        /// Whom.
        to: Endpoint,
        /// At least one.
        calls: Vec<Call>,
    },
    /// Something at one system: people act, a fault strikes, people are told.
    At {
        /// Where; `None`: nowhere in particular.
        on: Option<Endpoint>,
        /// Of which kind.
        kind: Occasion,
        /// In words.
        text: String,
    },
}

/// What kind of thing happens at a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// People do something.
    People,
    /// People are told something.
    Told,
    /// A planned fault acts.
    Fault,
    /// A recorded system leaves its recording.
    Divergence,
}

/// A message on one of its ways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who posts.
    pub from: Endpoint,
    /// To whom.
    pub to: Endpoint,
    /// What it is, if it could be read.
    pub kind: Option<MessageKind>,
    /// What it is and says, in one line.
    pub says: String,
    /// It was posted before by the same system.
    pub is_repeat: bool,
    /// How the post ended.
    pub ending: Ending,
    /// ebXML message id, if it could be read.
    pub message_id: Option<EbxmlMessageId>,
    /// HL7 message id, if it could be read.
    pub hl7_id: Option<Hl7MessageId>,
    /// The message that it names, by the id that it gives.
    pub refers_to: Option<Hl7MessageId>,
    /// HTTP headers, in order.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: BodyRef,
    /// Its parts; empty where they were not opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// A part of a message, or what a call carries in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What it is: envelope, payload, attachment, request, answer.
    pub name: String,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its size and digest, as it travelled.
    pub body: BodyRef,
    /// Its beginning, as text; empty where it was not opened.
    pub excerpt: String,
    /// Bytes that are not in the excerpt.
    pub left_out_bytes: u64,
}

/// A call to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Event of the trace.
    pub event: u64,
    /// Method and path.
    pub what: String,
    /// How it ended.
    pub ending: Ending,
    /// What was sent with it.
    pub request: Part,
    /// What came back, if anything did.
    pub answer: Option<Part>,
}

/// How a post or a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// It did what it was for.
    pub is_good: bool,
    /// In words.
    pub text: String,
}

impl ScenarioMaterial {
    /// Every step, in the order of the trace.
    pub fn steps(&self) -> Vec<&Step> {
        let mut steps: Vec<&Step> = self.conversations.iter().flat_map(|it| &it.steps).collect();
        steps.sort_by_key(|step| step.event);
        steps
    }

    /// The step that shows an event: its own, or one that holds it among others.
    pub fn step_of(&self, event: u64) -> Option<&Step> {
        let mut steps = self.conversations.iter().flat_map(|it| &it.steps);
        steps.find(|step| step.holds(event))
    }

    /// What led to events, and the events themselves, in the order of the trace. Not what merely happened before.
    pub fn led_to(&self, events: &[u64]) -> Vec<&Step> {
        let steps = self.steps();
        let by_event: BTreeMap<u64, &Step> = steps.iter().map(|step| (step.event, *step)).collect();
        let mut found = BTreeSet::new();
        let mut open: Vec<u64> = (events.iter())
            .filter_map(|event| self.step_of(*event))
            .map(|step| step.event)
            .collect();
        while let Some(next) = open.pop() {
            if let (Some(step), true) = (by_event.get(&next), found.insert(next)) {
                open.extend(step.because_of.iter().copied());
            }
        }
        steps
            .into_iter()
            .filter(|step| found.contains(&step.event))
            .collect()
    }
}

impl Step {
    /// Whether it is this event, or holds it among others.
    pub fn holds(&self, event: u64) -> bool {
        match &self.what {
            Happening::Calls { calls, .. } => calls.iter().any(|call| call.event == event),
            Happening::Message(_) | Happening::At { .. } => self.event == event,
        }
    }

    /// Between whom, or at whom, it happens.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        match &self.what {
            Happening::Message(message) => vec![message.from, message.to],
            Happening::Calls { from, to, .. } => vec![*from, *to],
            Happening::At { on, .. } => on.iter().copied().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(event: u64, because_of: &[u64]) -> Step {
        Step {
            event,
            at: Time::from_micros(event),
            what: Happening::At {
                on: None,
                kind: Occasion::People,
                text: event.to_string(),
            },
            faults: Vec::new(),
            because_of: because_of.to_vec(),
        }
    }

    fn material(conversations: Vec<Vec<Step>>) -> ScenarioMaterial {
        ScenarioMaterial {
            seed: 1,
            scenario_digest: None,
            started: Time::from_micros(0),
            conversations: conversations
                .into_iter()
                .map(|steps| Conversation { id: None, steps })
                .collect(),
        }
    }

    fn events(steps: &[&Step]) -> Vec<u64> {
        steps.iter().map(|step| step.event).collect()
    }

    #[test]
    fn what_led_to_an_event_leaves_out_what_merely_came_before() {
        let material = material(vec![
            vec![step(1, &[]), step(4, &[1]), step(9, &[4, 5])],
            vec![step(2, &[]), step(5, &[2]), step(6, &[2]), step(11, &[9])],
        ]);
        assert_eq!(events(&material.led_to(&[9])), [1, 2, 4, 5, 9]);
        assert_eq!(events(&material.led_to(&[6])), [2, 6]);
        assert_eq!(events(&material.led_to(&[6, 4])), [1, 2, 4, 6], "of both");
        assert_eq!(events(&material.led_to(&[77])), [0_u64; 0]);
    }

    #[test]
    fn a_cause_that_names_itself_ends() {
        let material = material(vec![vec![step(1, &[2]), step(2, &[1, 2, 40])]]);
        assert_eq!(events(&material.led_to(&[2])), [1, 2]);
    }

    #[test]
    fn an_event_among_calls_is_found_by_the_step_that_holds_it() {
        let call = |event| Call {
            event,
            what: "GET /x".to_owned(),
            ending: Ending {
                is_good: true,
                text: "HTTP 200".to_owned(),
            },
            request: Part {
                name: "request".to_owned(),
                headers: Vec::new(),
                body: BodyRef {
                    sha256: Sha256::of(b""),
                    bytes: 0,
                },
                excerpt: String::new(),
                left_out_bytes: 0,
            },
            answer: None,
        };
        let mut calls = step(3, &[1]);
        calls.what = Happening::Calls {
            from: Endpoint::Sending,
            to: Endpoint::Store,
            calls: vec![call(3), call(5), call(7)],
        };
        let material = material(vec![vec![step(1, &[]), calls]]);
        assert_eq!(events(&material.led_to(&[7])), [1, 3]);
        assert_eq!(material.step_of(5).map(|step| step.event), Some(3));
        assert!(material.step_of(6).is_none());
    }
}
