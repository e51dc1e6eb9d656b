//! A system that is not here: it plays its part as it was recorded.
//!
//! Each deed waits for what the system had seen before it, not for a time alone, so that the part fits to
//! whoever plays the other. What was posted is posted byte for byte, except for what the other side chose:
//! see [`gp2gp_wire::substitute`]. Deliveries are answered as they were, at once. Where the other side takes
//! another course, that is a [`Divergence`]: no message is made up, and what nobody knows gets the receipt of a
//! message handler and no more.

mod heard;
mod script;
mod token;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use gp2gp_model::plan::Act;
use gp2gp_model::replay::{Divergence, Item};
use gp2gp_model::trace::{Bodies, Observation};
use gp2gp_model::{ConversationId, EbxmlMessageId, MessageKind, NhsNumber, Time};
use gp2gp_sim::{Ids, Streams};
use gp2gp_wire::substitute::{Substitutions, moved};

pub use heard::{AckVerdict, Heard};
pub use script::{Answer, Cause, Deed, Delivery, Post, Script, Step};

use self::token::with_moved_token;
use crate::mhs::{Identity, Inbox, MESSAGE_PATH};
use crate::peer::{
    AnswerId, Condition, Conduct, Deadline, HttpRequest, HttpResponse, Input, Notice, Output, Peer,
    PostId,
};

/// Bodies of a recording, which lie outside of memory.
pub type RecordedBodies = Arc<dyn Bodies + Send + Sync>;

/// A recorded system.
pub struct Recorded {
    script: Script,
    bodies: RecordedBodies,
    /// When this run began.
    starts_at: Time,
    /// Takes what the recording does not know.
    inbox: Inbox,
    progress: Progress,
    acquaintance: Acquaintance,
    /// Acts of the script that were done again.
    acted: BTreeSet<usize>,
    restarts: usize,
    /// Its posts under way, which are numbered like their steps.
    under_way: BTreeSet<usize>,
    outputs: VecDeque<Output>,
    /// What came that the recording does not know.
    strange: Vec<(Option<NhsNumber>, Divergence)>,
    answered_otherwise: Vec<Divergence>,
}

impl Recorded {
    /// The system of a practice, with its part in a run that begins then.
    pub fn new(
        identity: &Identity,
        (starts_at, streams): (Time, Streams),
        script: Script,
        bodies: RecordedBodies,
    ) -> Self {
        Self {
            starts_at,
            inbox: Inbox::new(identity, Ids::new(streams.stream("recorded"))),
            progress: Progress::new(&script, starts_at),
            acquaintance: Acquaintance::default(),
            script,
            bodies,
            acted: BTreeSet::new(),
            restarts: 0,
            under_way: BTreeSet::new(),
            outputs: VecDeque::new(),
            strange: Vec::new(),
            answered_otherwise: Vec::new(),
        }
    }

    fn take_request(&mut self, now: Time, id: AnswerId, request: &HttpRequest) {
        let heard = Heard::read(&request.content_type, &request.body);
        let known = self
            .acquaintance
            .recognise(&self.script.deliveries, heard.as_ref());
        let answer = match known {
            Known::As(delivery, times) => self.recorded_answer(delivery, times),
            Known::Not { .. } => None,
        };
        let response = answer.unwrap_or_else(|| self.inbox.take(now, request).0);
        self.outputs.push_back(Output::Answer {
            id,
            response,
            conduct: Conduct::Clean,
        });
        match known {
            Known::As(delivery, 0) => self.progress.happen(now, Cause::Came(delivery)),
            Known::As(..) | Known::Not { again: true } => {}
            Known::Not { again: false } => {
                let what = self.acquaintance.strange_item(heard.as_ref());
                let patient = heard.and_then(|heard| heard.patient);
                self.wonder(patient, Divergence::Unforeseen { at: now, what });
            }
        }
    }

    /// As the recorded system answered when the message came for this time, or the last time.
    fn recorded_answer(&self, delivery: usize, times: usize) -> Option<HttpResponse> {
        let delivery = self.script.deliveries.get(delivery)?;
        let answer = delivery.answers.get(times);
        let answer = answer.or_else(|| delivery.answers.last())?;
        let conversation = delivery.heard.as_ref().map(|it| &it.conversation);
        let known = self.acquaintance.substitutions(conversation);
        Some(HttpResponse {
            status: answer.status,
            content_type: answer.content_type.clone(),
            headers: answer.headers.clone(),
            body: known.in_envelope(&self.body(&answer.body.sha256)),
        })
    }

    fn take_act(&mut self, now: Time, act: Act) {
        let mut acts = self.script.acts.iter().enumerate();
        let known = acts.find(|(at, it)| **it == act && !self.acted.contains(at));
        match known.map(|(at, _)| at) {
            Some(at) => {
                self.acted.insert(at);
                self.progress.happen(now, Cause::Acted(at));
            }
            None => {
                let what = Item::Act { act };
                self.wonder(None, Divergence::Unforeseen { at: now, what });
            }
        }
    }

    fn take_end_of_post(&mut self, now: Time, PostId(number): PostId, status: Option<u16>) {
        let step = usize::try_from(number).unwrap_or(usize::MAX);
        if !self.under_way.remove(&step) {
            return;
        }
        self.progress.happen(now, Cause::Answered(step));
        let Some(step) = self.script.steps.get(step) else {
            return;
        };
        let Deed::Post(post) = &step.deed else {
            return;
        };
        let class = |status: Option<u16>| status.map(|status| status / 100);
        if class(post.answered) != class(status) {
            let words = |status: Option<u16>| match status {
                Some(status) => format!("http status {status}"),
                None => "no answer".to_owned(),
            };
            self.answered_otherwise.push(Divergence::AnsweredOtherwise {
                event: step.event,
                to: step.item.clone(),
                recorded: words(post.answered),
                live: words(status),
            });
        }
    }

    fn come_up(&mut self, now: Time) {
        for step in std::mem::take(&mut self.under_way) {
            self.progress.happen(now, Cause::Answered(step));
        }
        self.progress.happen(now, Cause::Restarted(self.restarts));
        self.restarts += 1;
    }

    fn wonder(&mut self, patient: Option<NhsNumber>, divergence: Divergence) {
        self.strange.push((patient, divergence));
    }

    /// Does everything whose time has come.
    fn advance(&mut self, now: Time) {
        while let Some(number) = self.progress.next_due(now) {
            if let Some(step) = self.script.steps.get(number) {
                let output = match &step.deed {
                    Deed::Show(notice) => Output::Notice(self.acquaintance.as_live(notice)),
                    Deed::Post(post) => {
                        self.under_way.insert(number);
                        Output::Post {
                            id: PostId(number as u64),
                            to: post.to,
                            request: self.request(now, step.at, post),
                            conduct: Conduct::Clean,
                        }
                    }
                };
                self.outputs.push_back(output);
            }
            self.progress.happen(now, Cause::Done(number));
        }
    }

    fn request(&self, now: Time, then: Time, post: &Post) -> HttpRequest {
        let recorded = self.body(&post.body.sha256);
        let body = match &post.message {
            None => recorded,
            Some(message) => {
                let known = self.acquaintance.substitutions(Some(&message.conversation));
                let (from, to) = self.times(now, then, message.time_to_live);
                (known.moved(from, to)).in_message(&post.content_type, &recorded)
            }
        };
        HttpRequest {
            method: post.method,
            path: match post.soap_action {
                Some(_) => MESSAGE_PATH.to_owned(),
                None => post.path.clone(),
            },
            soap_action: post.soap_action.clone(),
            content_type: post.content_type.clone(),
            headers: with_moved_token(&post.headers, (self.script.started, self.starts_at)),
            body,
        }
    }

    /// Between which moments the times of a message move: with the run, if that begins at another time,
    /// and with the message itself, if it would be dead by now.
    fn times(&self, now: Time, then: Time, until: Option<Time>) -> (Time, Time) {
        let with_run = (self.script.started, self.starts_at);
        let as_sent = |time| moved(time, with_run.0, with_run.1);
        match until {
            Some(until) if then < until && now >= as_sent(until) => (then, now),
            Some(_) | None => with_run,
        }
    }

    /// The recording was found whole before it was played.
    fn body(&self, sha256: &gp2gp_model::Sha256) -> Bytes {
        self.bodies.body(sha256).unwrap_or_default()
    }

    fn item(&self, cause: Cause) -> Option<Item> {
        match cause {
            Cause::Done(_) => None,
            Cause::Answered(step) => Some(Item::AnswerTo {
                what: Box::new(self.script.steps.get(step)?.item.clone()),
            }),
            Cause::Came(delivery) => Some(self.script.deliveries.get(delivery)?.item.clone()),
            Cause::Acted(act) => Some(Item::Act {
                act: self.script.acts.get(act)?.clone(),
            }),
            Cause::Restarted(_) => Some(Item::Restart),
        }
    }

    /// What was recorded and not done again: those that wait for something themselves, each with how many
    /// wait for them alone.
    fn never_done(&self) -> Vec<Divergence> {
        let mut found: Vec<Divergence> = Vec::new();
        // By step: the place in `found` of whom it waits for in the end.
        let mut because: BTreeMap<usize, usize> = BTreeMap::new();
        for (number, step) in self.script.steps.iter().enumerate() {
            if self.progress.has_happened(Cause::Done(number)) {
                continue;
            }
            let missing = || (step.causes.iter()).filter(|it| !self.progress.has_happened(**it));
            let before = |cause: &Cause| match cause {
                Cause::Done(step) | Cause::Answered(step) => because.get(step).copied(),
                Cause::Came(_) | Cause::Acted(_) | Cause::Restarted(_) => None,
            };
            let own = missing().filter(|cause| before(cause).is_none());
            let waited_for: Vec<Item> = own.filter_map(|cause| self.item(*cause)).collect();
            let before = missing().find_map(before);
            if let (true, Some(first)) = (waited_for.is_empty(), before) {
                because.insert(number, first);
                if let Some(divergence) = found.get_mut(first) {
                    lies_behind(divergence, step);
                }
                continue;
            }
            because.insert(number, found.len());
            found.push(Divergence::NeverDone {
                event: step.event,
                what: step.item.clone(),
                came_instead: match waited_for.is_empty() {
                    true => Vec::new(),
                    false => self.strange_items(&step.item),
                },
                waited_for,
                behind_it: 0,
            });
        }
        found
    }

    /// What came that nobody knew, of the same patient as far as that can be told.
    fn strange_items(&self, waiting: &Item) -> Vec<Item> {
        let patient_of = |item: &Item| match item {
            Item::Message { patient, .. } => *patient,
            Item::Unreadable
            | Item::Request { .. }
            | Item::AnswerTo { .. }
            | Item::Act { .. }
            | Item::Screen { .. }
            | Item::Restart => None,
        };
        let patient = patient_of(waiting);
        let items = self.strange.iter().filter_map(|(of, it)| match it {
            Divergence::Unforeseen { what, .. } => Some((of.or(patient_of(what)), what)),
            Divergence::NeverDone { .. } | Divergence::AnsweredOtherwise { .. } => None,
        });
        items
            .filter(|(of, _)| of.is_none() || patient.is_none() || *of == patient)
            .map(|(_, what)| what.clone())
            .collect()
    }
}

impl Peer for Recorded {
    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Request { id, request } => self.take_request(now, id, &request),
            Input::Response { post, response } => {
                self.take_end_of_post(now, post, Some(response.status));
            }
            Input::Failed { post, .. } => self.take_end_of_post(now, post, None),
            Input::Act(act) => self.take_act(now, act),
            Input::Condition(Condition::Restarted) => self.come_up(now),
            // What it answered then it answers again.
            Input::Condition(Condition::DiskFull | Condition::DiskFree) => {}
        }
        self.advance(now);
    }

    fn handle_timeout(&mut self, now: Time) {
        self.advance(now);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.progress.deadline().map(|at| Deadline {
            at,
            why: "what was recorded is due",
        })
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What it said at the end of its part holds only if it came there.
    fn observe(&self) -> Vec<Observation> {
        let steps = (0..self.script.steps.len()).map(Cause::Done);
        let deliveries = (0..self.script.deliveries.len()).map(Cause::Came);
        match steps
            .chain(deliveries)
            .all(|it| self.progress.has_happened(it))
        {
            true => self.script.observations.clone(),
            false => Vec::new(),
        }
    }

    fn divergences(&self) -> Vec<Divergence> {
        let mut all = self.never_done();
        all.extend(self.strange.iter().map(|(_, it)| it.clone()));
        all.extend(self.answered_otherwise.iter().cloned());
        all
    }
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorded")
            .field("script", &self.script)
            .finish_non_exhaustive()
    }
}

/// One more was not done for the same reason. A message says more than what is asked before it is sent, an
/// address or a contract.
fn lies_behind(divergence: &mut Divergence, step: &Step) {
    let Divergence::NeverDone {
        event,
        what,
        behind_it,
        ..
    } = divergence
    else {
        return;
    };
    *behind_it += 1;
    let is_message = |item: &Item| matches!(item, Item::Message { .. });
    if is_message(&step.item) && !is_message(what) {
        (*event, *what) = (step.event, step.item.clone());
    }
}

/// How far the part is played.
struct Progress {
    happened: BTreeSet<Cause>,
    waiters: BTreeMap<Cause, Vec<usize>>,
    /// By step.
    waits: Vec<Waits>,
    due: BTreeSet<(Time, usize)>,
}

struct Waits {
    causes: usize,
    /// When the last of them happened.
    since: Time,
    delay: std::time::Duration,
}

impl Progress {
    fn new(script: &Script, starts_at: Time) -> Self {
        let steps = &script.steps;
        let mut waiters: BTreeMap<Cause, Vec<usize>> = BTreeMap::new();
        let mut due = BTreeSet::new();
        for (number, step) in steps.iter().enumerate() {
            for cause in &step.causes {
                waiters.entry(*cause).or_default().push(number);
            }
            if step.causes.is_empty() {
                due.insert((moved(step.at, script.started, starts_at), number));
            }
        }
        let waits = steps.iter().map(|step| Waits {
            causes: step.causes.len(),
            since: Time::from_micros(0),
            delay: step.delay,
        });
        Self {
            happened: BTreeSet::new(),
            waits: waits.collect(),
            waiters,
            due,
        }
    }

    fn happen(&mut self, now: Time, cause: Cause) {
        if !self.happened.insert(cause) {
            return;
        }
        for number in self.waiters.remove(&cause).unwrap_or_default() {
            if let Some(waits) = self.waits.get_mut(number) {
                waits.causes -= 1;
                waits.since = waits.since.max(now);
                if waits.causes == 0 {
                    self.due.insert((waits.since + waits.delay, number));
                }
            }
        }
    }

    fn has_happened(&self, cause: Cause) -> bool {
        self.happened.contains(&cause)
    }

    fn deadline(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    fn next_due(&mut self, now: Time) -> Option<usize> {
        let first = self.due.first().filter(|(at, _)| *at <= now).copied()?;
        self.due.remove(&first);
        Some(first.1)
    }
}

/// Which live message is which recorded one, and so which live id stands for which recorded one.
#[derive(Default)]
struct Acquaintance {
    /// By recorded conversation.
    substitutions: BTreeMap<ConversationId, Substitutions>,
    /// The recorded conversation of a live one.
    conversations: BTreeMap<ConversationId, ConversationId>,
    /// Whose record a live conversation is about.
    patients: BTreeMap<ConversationId, NhsNumber>,
    /// By live message. Ids are unique in a conversation.
    messages: BTreeMap<(ConversationId, EbxmlMessageId), Known>,
    taken: BTreeSet<usize>,
    /// Every message that came, once each.
    met: Vec<(ConversationId, MessageKind)>,
}

/// What a message is that came.
#[derive(Debug, Clone, Copy)]
enum Known {
    /// The recorded delivery of this number, which came so often before.
    As(usize, usize),
    /// None of the recorded ones.
    Not { again: bool },
}

impl Acquaintance {
    fn recognise(&mut self, deliveries: &[Delivery], heard: Option<&Heard>) -> Known {
        let Some(heard) = heard else {
            let mut unread = deliveries.iter().enumerate();
            let known = unread.find(|(at, it)| it.heard.is_none() && !self.taken.contains(at));
            let Some((at, _)) = known else {
                return Known::Not { again: false };
            };
            self.taken.insert(at);
            return Known::As(at, 0);
        };
        if let Some(patient) = heard.patient {
            self.patients.insert(heard.conversation.clone(), patient);
        }
        let id = (heard.conversation.clone(), heard.message_id.clone());
        match self.messages.get_mut(&id) {
            Some(Known::As(delivery, times)) => {
                *times += 1;
                return Known::As(*delivery, *times);
            }
            Some(Known::Not { .. }) => return Known::Not { again: true },
            None => {}
        }
        self.met.push((heard.conversation.clone(), heard.kind));
        let mut all = deliveries.iter().enumerate();
        let same = all.find_map(|(at, delivery)| {
            let recorded = delivery.heard.as_ref()?;
            let fits = !self.taken.contains(&at) && self.is_same(recorded, heard);
            fits.then(|| (at, recorded.clone()))
        });
        let known = match same {
            Some((at, recorded)) => {
                self.taken.insert(at);
                self.learn(&recorded, heard);
                Known::As(at, 0)
            }
            None => Known::Not { again: false },
        };
        self.messages.insert(id, known);
        known
    }

    /// Alerts name a conversation.
    fn as_live(&self, notice: &Notice) -> Notice {
        let mut notice = notice.clone();
        if let Notice::Alert(alert) = &mut notice {
            let mut met = self.conversations.iter();
            if let Some((live, _)) = met.find(|(_, it)| **it == alert.conversation) {
                alert.conversation = live.clone();
            }
        }
        notice
    }

    /// What is known to stand for what in a recorded conversation.
    fn substitutions(&self, conversation: Option<&ConversationId>) -> Substitutions {
        let known = conversation.and_then(|it| self.substitutions.get(it));
        known.cloned().unwrap_or_default()
    }

    /// The same kind in the same conversation, or in one of the same patient that was not met yet.
    fn is_same(&self, recorded: &Heard, live: &Heard) -> bool {
        let is_same_conversation = match self.conversations.get(&live.conversation) {
            Some(conversation) => *conversation == recorded.conversation,
            None if live.conversation == recorded.conversation => true,
            None => {
                let mut met = self.conversations.values();
                recorded.patient == live.patient && !met.any(|it| *it == recorded.conversation)
            }
        };
        recorded.kind == live.kind && is_same_conversation && recorded.verdict == live.verdict
    }

    fn learn(&mut self, recorded: &Heard, live: &Heard) {
        let (conversation, live_conversation) = (&recorded.conversation, &live.conversation);
        (self.conversations).insert(live_conversation.clone(), conversation.clone());
        let ids = self.substitutions.entry(conversation.clone()).or_default();
        ids.put(conversation.as_str(), live_conversation.as_str());
        ids.put(recorded.message_id.as_str(), live.message_id.as_str());
        if let (Some(recorded), Some(live)) = (&recorded.hl7_id, &live.hl7_id) {
            ids.put(recorded.as_str(), live.as_str());
        }
        if let (Some(recorded), Some(live)) = (&recorded.request, &live.request) {
            ids.put(recorded.as_str(), live.as_str());
        }
    }

    /// A message that is none of the recorded ones, in words.
    fn strange_item(&self, heard: Option<&Heard>) -> Item {
        let Some(heard) = heard else {
            return Item::Unreadable;
        };
        let alike =
            |it: &&(ConversationId, MessageKind)| it.0 == heard.conversation && it.1 == heard.kind;
        let number = self.met.iter().filter(alike).count();
        Item::Message {
            kind: heard.kind,
            number: u32::try_from(number).unwrap_or(u32::MAX),
            patient: (heard.patient).or_else(|| self.patients.get(&heard.conversation).copied()),
            names: None,
            code: heard.verdict.as_ref().map(|verdict| {
                let code = verdict.refusal.as_deref();
                code.unwrap_or("AA").to_owned()
            }),
        }
    }
}
