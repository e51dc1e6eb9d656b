//! What crossed the wire in a scenario, as people look at it: from a trace to the steps of each conversation, and
//! which led to which.

mod calls;
mod causes;
mod parts;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use gp2gp_model::plan::{Act, Role};
use gp2gp_model::report::conversation::{
    Conversation, Depth, Ending, Happening, Message, Occasion, ScenarioMaterial, Step,
};
use gp2gp_model::trace::{Bodies, Endpoint, Event, Lifecycle, Trace, What};
use gp2gp_model::{ConversationId, NhsNumber};

use crate::check::View;
use crate::check::view::{self, Post};
use crate::recording::{self, RecordingError};
use crate::story::{self, Names};
use causes::Causes;

/// Calls of one system to one service within this time are one step.
const IN_ONE_GO: Duration = Duration::from_mins(1);

/// What is shown of a kept run.
pub fn of_kept(folder: &Path, depth: Depth) -> Result<ScenarioMaterial, RecordingError> {
    let kept = recording::load(folder)?;
    Ok(material(&kept.trace, &kept.bodies, depth))
}

/// What is shown of a trace.
pub fn material(trace: &Trace, bodies: &dyn Bodies, depth: Depth) -> ScenarioMaterial {
    let view = View::new(trace, bodies);
    let mut steps = Steps::of(trace, &view, bodies, depth).told();
    Causes::of(&view).tell(&mut steps);
    ScenarioMaterial {
        seed: trace.header.seed,
        scenario_digest: trace.header.scenario_digest,
        started: trace.header.started,
        conversations: by_conversation(&view, steps),
    }
}

/// A step with what says where it belongs.
struct Placed {
    step: Step,
    of: Owner,
}

/// What a step belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Owner {
    Conversation(ConversationId),
    Patient(NhsNumber),
    Nobody,
}

struct Steps<'t> {
    trace: &'t Trace,
    view: &'t View,
    bodies: &'t dyn Bodies,
    depth: Depth,
    names: Names<'t>,
    posts: BTreeMap<u64, &'t Post>,
    /// Answers and their absence, by exchange.
    endings: BTreeMap<u64, &'t What>,
    /// Planned faults that acted on an exchange.
    faults: BTreeMap<u64, Vec<String>>,
}

impl<'t> Steps<'t> {
    fn of(trace: &'t Trace, view: &'t View, bodies: &'t dyn Bodies, depth: Depth) -> Self {
        let mut endings = BTreeMap::new();
        let mut faults: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for event in &trace.events {
            if let What::Answer { exchange, .. } | What::NoAnswer { exchange, .. } = &event.what {
                endings.insert(*exchange, &event.what);
            }
            if let What::FaultFired {
                name,
                exchange: Some(exchange),
            } = &event.what
            {
                faults.entry(*exchange).or_default().push(name.clone());
            }
        }
        Self {
            trace,
            view,
            bodies,
            depth,
            names: Names::of(view),
            posts: view.posts.iter().map(|post| (post.seq, post)).collect(),
            endings,
            faults,
        }
    }

    fn told(&self) -> Vec<Placed> {
        let mut steps: Vec<Placed> = Vec::new();
        for event in &self.trace.events {
            let Some(placed) = self.step(event) else {
                continue;
            };
            let joined = steps
                .last_mut()
                .is_some_and(|last| last.step.takes(&placed.step));
            if !joined {
                steps.push(placed);
            }
        }
        steps
    }

    fn step(&self, event: &Event) -> Option<Placed> {
        let (what, of) = match &event.what {
            What::Post { .. } => match self.posts.get(&event.seq) {
                Some(post) => (self.message(event, post)?, owner(post)),
                None => {
                    let ending = event.exchange().and_then(|it| self.endings.get(&it));
                    let call = calls::of(event, ending.copied(), self.bodies, self.depth)?;
                    (call, Owner::Nobody)
                }
            },
            What::Acted {
                on,
                act,
                not_supported,
            } => (
                at(*on, Occasion::People, story::tell_act(act, *not_supported)),
                concerned(act).map_or(Owner::Nobody, Owner::Patient),
            ),
            What::Declined { by, why, .. } => (
                at(*by, Occasion::Told, format!("refuses: {why}")),
                Owner::Nobody,
            ),
            What::Alerted { by, alert } => (
                at(
                    *by,
                    Occasion::Told,
                    format!("tells people: {}", alert.about),
                ),
                Owner::Conversation(alert.conversation.clone()),
            ),
            What::FaultFired {
                name,
                exchange: None,
            } => (
                Happening::At {
                    on: None,
                    kind: Occasion::Fault,
                    text: format!("planned fault acts: {name}"),
                },
                Owner::Nobody,
            ),
            What::Lifecycle { system, change } => (
                at(*system, Occasion::Fault, tell_change(*change)),
                Owner::Nobody,
            ),
            What::Diverged { by, divergence } => (
                at(*by, Occasion::Divergence, divergence.to_string()),
                Owner::Nobody,
            ),
            What::Answer { .. }
            | What::NoAnswer { .. }
            | What::Patient { .. }
            | What::Held { .. }
            | What::Record { .. }
            | What::Observed { .. }
            | What::FaultFired {
                exchange: Some(_), ..
            }
            | What::Ended { .. } => return None,
        };
        let faults = exchange(event).and_then(|exchange| self.faults.get(&exchange));
        let step = Step {
            event: event.seq,
            at: event.at,
            what,
            faults: faults.cloned().unwrap_or_default(),
            because_of: Vec::new(),
        };
        Some(Placed { step, of })
    }

    fn message(&self, event: &Event, post: &Post) -> Option<Happening> {
        let What::Post {
            headers,
            soap_action,
            content_type,
            body,
            path,
            ..
        } = &event.what
        else {
            return None;
        };
        let seen = post.seen();
        let own = [
            ("path", Some(path).filter(|path| !path.is_empty())),
            ("soapaction", soap_action.as_ref()),
            ("content-type", Some(content_type)),
        ];
        let own = own
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.clone())));
        let others = headers
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Some(Happening::Message(Box::new(Message {
            from: post.from,
            to: post.to,
            kind: post.kind(),
            says: self.names.say(self.view, post),
            is_repeat: post.is_retransmission,
            ending: Ending {
                is_good: post.was_accepted() || !self.view.has_real_times(),
                text: match post.ending {
                    view::Ending::Open if !self.view.has_real_times() => "recorded".to_owned(),
                    view::Ending::Open
                    | view::Ending::Answered { .. }
                    | view::Ending::NoAnswer { .. } => story::tell_ending(&post.ending),
                },
            },
            message_id: post.message_id().cloned(),
            hl7_id: seen.and_then(|seen| seen.hl7_id().cloned()),
            refers_to: seen
                .and_then(|seen| seen.acknowledgement())
                .map(|ack| ack.message_ref.clone()),
            headers: own.chain(others).collect(),
            body: *body,
            parts: match self.depth {
                Depth::Brief => Vec::new(),
                Depth::Whole => parts::of(self.bodies, content_type, body),
            },
        })))
    }
}

/// Takes a call to the same service into the same step.
trait Takes {
    fn takes(&mut self, next: &Step) -> bool;
}

impl Takes for Step {
    fn takes(&mut self, next: &Step) -> bool {
        let is_near = next.at.since(self.at) < IN_ONE_GO;
        let (
            Happening::Calls { from, to, calls },
            Happening::Calls {
                from: next_from,
                to: next_to,
                calls: next_calls,
            },
        ) = (&mut self.what, &next.what)
        else {
            return false;
        };
        let is_same = (*from, *to) == (*next_from, *next_to) && is_near;
        if is_same {
            calls.extend(next_calls.iter().cloned());
            self.faults.extend(next.faults.iter().cloned());
        }
        is_same
    }
}

fn exchange(event: &Event) -> Option<u64> {
    if let What::Post { exchange, .. } = &event.what {
        Some(*exchange)
    } else {
        None
    }
}

const fn at(on: Endpoint, kind: Occasion, text: String) -> Happening {
    Happening::At {
        on: Some(on),
        kind,
        text,
    }
}

fn tell_change(change: Lifecycle) -> String {
    match change {
        Lifecycle::Crashed => "crashes".to_owned(),
        Lifecycle::Restarted => "is up again, with what it had stored".to_owned(),
        Lifecycle::DiskFull => "can store nothing: its disk is full".to_owned(),
        Lifecycle::DiskFree => "can store again".to_owned(),
        Lifecycle::ClockJumped { seconds } => {
            format!("its clock shows another time: {seconds:+} s")
        }
    }
}

fn owner(post: &Post) -> Owner {
    post.name().map_or(Owner::Nobody, |(conversation, _)| {
        Owner::Conversation(conversation.clone())
    })
}

/// The patient whose transfer people act on.
const fn concerned(act: &Act) -> Option<NhsNumber> {
    match act {
        Act::Register { patient, .. }
        | Act::Decide { patient, .. }
        | Act::RepeatRequest { patient, .. }
        | Act::AcknowledgeAgain { patient, .. }
        | Act::RepeatExtract { patient, .. }
        | Act::SendUnrequested { patient, .. }
        | Act::MoveOn { patient, .. }
        | Act::File { patient, .. }
        | Act::AtOffice { patient, .. }
        | Act::Book { patient, .. } => Some(*patient),
        Act::Relink { .. }
        | Act::DealWithPooledList { .. }
        | Act::Relist { .. }
        | Act::Stray { .. }
        | Act::AtHub { .. } => None,
    }
}

/// Everything in one where there is one conversation. Otherwise each has its own, and what belongs to none is by itself.
fn by_conversation(view: &View, steps: Vec<Placed>) -> Vec<Conversation> {
    let ids = view.conversations();
    if let [] | [_] = ids.as_slice() {
        return vec![Conversation {
            id: ids.first().cloned(),
            steps: steps.into_iter().map(|placed| placed.step).collect(),
        }];
    }
    let patients = patients(view);
    let mut found: Vec<Conversation> = ids
        .iter()
        .map(|id| Conversation {
            id: Some(id.clone()),
            steps: Vec::new(),
        })
        .collect();
    let mut rest = Vec::new();
    for Placed { step, of } in steps {
        let owner = match &of {
            Owner::Conversation(id) => Some(id),
            Owner::Patient(patient) => patients.get(patient).copied(),
            Owner::Nobody => None,
        };
        let place = owner.and_then(|id| ids.iter().position(|other| other == id));
        match place.and_then(|place| found.get_mut(place)) {
            Some(conversation) => conversation.steps.push(step),
            None => rest.push(step),
        }
    }
    if !rest.is_empty() {
        found.push(Conversation {
            id: None,
            steps: rest,
        });
    }
    found
}

/// The conversation of each patient who has but one.
fn patients(view: &View) -> BTreeMap<NhsNumber, &ConversationId> {
    let mut found: BTreeMap<NhsNumber, Vec<&ConversationId>> = BTreeMap::new();
    for seen in view.sent_by(Role::Requesting).filter_map(Post::seen) {
        if let Some(request) = seen.request() {
            let of = found.entry(request.patient).or_default();
            let id = &seen.header.conversation_id;
            if !of.contains(&id) {
                of.push(id);
            }
        }
    }
    let alone = found
        .into_iter()
        .filter_map(|(patient, ids)| match ids.as_slice() {
            [id] => Some((patient, *id)),
            _ => None,
        });
    alone.collect()
}
