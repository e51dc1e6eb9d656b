//! From a trace to the part that one system played in it.

use std::collections::{BTreeMap, BTreeSet};

use base64_simd::URL_SAFE_NO_PAD;
use gp2gp_mocks::peer::Notice;
use gp2gp_mocks::recorded::{AckVerdict, Answer, Cause, Deed, Delivery, Heard, Post, Script, Step};
use gp2gp_model::plan::{Act, Plan};
use gp2gp_model::replay::Item;
use gp2gp_model::trace::{Bodies, Endpoint, Event, Lifecycle, Observation, Trace, What};
use gp2gp_model::{ConversationId, EbxmlMessageId, MessageKind, NhsNumber, Time};

/// The part of a system.
pub(super) fn write(trace: &Trace, bodies: &dyn Bodies, plan: &Plan, system: Endpoint) -> Script {
    let heard = heard(trace, bodies);
    let mut writer = Writer {
        answers: answers(trace),
        patients: patients(&heard),
        heard,
        script: Script {
            started: trace.header.started,
            acts: Vec::new(),
            deliveries: Vec::new(),
            steps: Vec::new(),
            observations: Vec::new(),
        },
        deliveries: BTreeMap::new(),
        under_way: BTreeMap::new(),
        threads: BTreeMap::new(),
        latest: Thread::Common,
        numbers: BTreeMap::new(),
        sent: Vec::new(),
        restarts: 0,
    };
    for (at, moment) in moments(trace, plan, system) {
        writer.take(at, moment);
    }
    writer.script
}

/// The address of the document store, as the tokens of a system name it.
pub(super) fn store_of(trace: &Trace, system: Endpoint) -> Option<String> {
    trace.events.iter().find_map(|event| {
        let What::Post {
            from, to, headers, ..
        } = &event.what
        else {
            return None;
        };
        if (*from, *to) != (system, Endpoint::Store) {
            return None;
        }
        let token = headers.get("Authorization")?.strip_prefix("Bearer ")?;
        let claims = token.split('.').nth(1)?;
        let claims = URL_SAFE_NO_PAD.decode_to_vec(claims.as_bytes()).ok()?;
        let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
        Some(claims.get("aud")?.as_str()?.to_owned())
    })
}

/// Something of the trace, as one system lived it.
enum Moment<'t> {
    /// A message arrives.
    Arrives(&'t Event),
    /// It posts.
    Posts(&'t Event),
    /// The answer to a post of its own arrives, or it learns that there is none.
    Answered(u64),
    Acted(&'t Act),
    Restarted,
    /// It puts something before people.
    Shows(u64, Notice),
    Observed(&'t Observation),
}

/// In the order in which the system lived them. What is posted to it takes the time of its link.
fn moments<'t>(trace: &'t Trace, plan: &Plan, system: Endpoint) -> Vec<(Time, Moment<'t>)> {
    let mut own = BTreeSet::new();
    let never_arrived = never_arrived(trace);
    let mut acts_of_plan: Vec<&Act> = plan.steps.iter().map(|step| &step.act).collect();
    let mut moments = Vec::new();
    for event in &trace.events {
        let moment = match &event.what {
            What::Post { from, exchange, .. } if *from == system => {
                own.insert(*exchange);
                Moment::Posts(event)
            }
            What::Post { to, exchange, .. } if *to == system => {
                if !never_arrived.contains(exchange) {
                    let at = event.at + plan.link_delay;
                    moments.push((at, event.seq, Moment::Arrives(event)));
                }
                continue;
            }
            What::Answer { exchange, .. } | What::NoAnswer { exchange, .. }
                if own.contains(exchange) =>
            {
                Moment::Answered(*exchange)
            }
            What::Acted {
                on,
                act,
                not_supported: true,
            } if *on == system => Moment::Shows(event.seq, Notice::NotSupported(act.clone())),
            What::Acted { on, act, .. } if *on == system => {
                match acts_of_plan.iter().position(|it| *it == act) {
                    Some(at) => {
                        acts_of_plan.remove(at);
                    }
                    // People decided by themselves, so long after they were shown the record.
                    None => moments.extend(shown_before(event, act, plan)),
                }
                Moment::Acted(act)
            }
            What::Declined { by, act, why } if *by == system => {
                let (act, why) = (act.clone(), why.clone());
                Moment::Shows(event.seq, Notice::Declined { act, why })
            }
            What::Alerted { by, alert } if *by == system => {
                Moment::Shows(event.seq, Notice::Alert(alert.clone()))
            }
            What::Lifecycle {
                system: of,
                change: Lifecycle::Restarted,
            } if *of == system => Moment::Restarted,
            What::Observed { by, observation } if *by == system => Moment::Observed(observation),
            What::Post { .. }
            | What::Answer { .. }
            | What::NoAnswer { .. }
            | What::Acted { .. }
            | What::Declined { .. }
            | What::Alerted { .. }
            | What::Patient { .. }
            | What::Record { .. }
            | What::Held { .. }
            | What::Observed { .. }
            | What::FaultFired { .. }
            | What::Lifecycle { .. }
            | What::Diverged { .. }
            | What::Ended { .. } => continue,
        };
        moments.push((event.at, event.seq, moment));
    }
    moments.sort_by_key(|(at, seq, _)| (*at, *seq));
    let in_order = moments.into_iter();
    in_order.map(|(at, _, moment)| (at, moment)).collect()
}

fn shown_before<'t>(event: &Event, act: &Act, plan: &Plan) -> Option<(Time, u64, Moment<'t>)> {
    let Act::Decide { patient, .. } = act else {
        return None;
    };
    let mut patients = plan.patients.iter();
    let habit = patients.find(|it| it.nhs_number == *patient)?.habit;
    let notice = Notice::ReadyToIntegrate { patient: *patient };
    let at = event.at.before(habit.after);
    Some((at, event.seq, Moment::Shows(event.seq, notice)))
}

fn never_arrived(trace: &Trace) -> BTreeSet<u64> {
    let events = trace.events.iter();
    let lost = events.filter_map(|event| {
        let What::NoAnswer {
            exchange,
            never_arrived,
            ..
        } = &event.what
        else {
            return None;
        };
        never_arrived.then_some(*exchange)
    });
    lost.collect()
}

/// Every message of the trace that can be read, by its event.
fn heard(trace: &Trace, bodies: &dyn Bodies) -> BTreeMap<u64, Heard> {
    let events = trace.events.iter();
    let messages = events.filter_map(|event| {
        let What::Post {
            from,
            to,
            soap_action: Some(_),
            content_type,
            body,
            ..
        } = &event.what
        else {
            return None;
        };
        if ![from, to].contains(&&Endpoint::Spine) {
            return None;
        }
        let body = bodies.body(&body.sha256)?;
        Some((event.seq, Heard::read(content_type, &body)?))
    });
    messages.collect()
}

/// Whose record a conversation is about.
fn patients(heard: &BTreeMap<u64, Heard>) -> BTreeMap<ConversationId, NhsNumber> {
    let heard = heard.values();
    let named = heard.filter_map(|heard| Some((heard.conversation.clone(), heard.patient?)));
    named.collect()
}

/// How exchanges ended: with which answer, or `None` if with none.
fn answers(trace: &Trace) -> BTreeMap<u64, Answer> {
    let events = trace.events.iter();
    let answers = events.filter_map(|event| {
        let What::Answer {
            exchange,
            status,
            content_type,
            headers,
            body,
        } = &event.what
        else {
            return None;
        };
        let answer = Answer {
            status: *status,
            content_type: content_type.clone(),
            headers: headers.clone(),
            body: *body,
        };
        Some((*exchange, answer))
    });
    answers.collect()
}

/// What belongs together: nothing waits for what concerns another patient.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Thread {
    Patient(NhsNumber),
    Conversation(ConversationId),
    Common,
}

/// What happened in a thread that the next deed there waits for.
#[derive(Default)]
struct Pending {
    causes: Vec<(Cause, Time)>,
    /// Messages that came, which provoke some deeds and others not.
    came: Vec<(usize, Time)>,
    last: Option<(usize, Time)>,
}

struct Writer {
    answers: BTreeMap<u64, Answer>,
    patients: BTreeMap<ConversationId, NhsNumber>,
    heard: BTreeMap<u64, Heard>,
    script: Script,
    /// Deliveries that can be read. Ids are unique in a conversation.
    deliveries: BTreeMap<(ConversationId, EbxmlMessageId), usize>,
    /// Own posts whose end the system waits for, by exchange: the step, and its thread.
    under_way: BTreeMap<u64, (usize, Thread)>,
    threads: BTreeMap<Thread, Pending>,
    /// In which thread the system last saw or did something.
    latest: Thread,
    /// How many of a kind were sent (`true`) or came in a conversation.
    numbers: BTreeMap<(ConversationId, bool, MessageKind), u32>,
    /// Messages of the system itself, with which others are named.
    sent: Vec<Heard>,
    restarts: usize,
}

impl Writer {
    fn take(&mut self, at: Time, moment: Moment<'_>) {
        match moment {
            Moment::Arrives(event) => self.arrives(at, event),
            Moment::Posts(event) => self.posts(at, event),
            Moment::Answered(exchange) => {
                if let Some((step, thread)) = self.under_way.remove(&exchange) {
                    self.happens(at, thread, Cause::Answered(step));
                }
            }
            Moment::Acted(act) => {
                let thread = patient_of(act).map_or(Thread::Common, Thread::Patient);
                self.script.acts.push(act.clone());
                self.happens(at, thread, Cause::Acted(self.script.acts.len() - 1));
            }
            Moment::Restarted => self.restarts(at),
            Moment::Shows(event, notice) => {
                let thread = patient_shown(&notice).map_or(self.latest.clone(), Thread::Patient);
                let what = words(&notice);
                self.does(at, thread, event, Item::Screen { what }, Deed::Show(notice));
            }
            Moment::Observed(observation) => {
                self.script.observations.push(observation.clone());
            }
        }
    }

    fn arrives(&mut self, at: Time, event: &Event) {
        let What::Post { exchange, .. } = &event.what else {
            return;
        };
        let answer = self.answers.get(exchange).cloned();
        let Some(heard) = self.heard.get(&event.seq).cloned() else {
            self.script.deliveries.push(Delivery {
                item: Item::Unreadable,
                heard: None,
                answers: answer.into_iter().collect(),
            });
            return;
        };
        let thread = self.thread(&heard);
        self.latest = thread.clone();
        let id = (heard.conversation.clone(), heard.message_id.clone());
        if let Some(known) = self.deliveries.get(&id) {
            if let Some(delivery) = self.script.deliveries.get_mut(*known) {
                delivery.answers.extend(answer);
            }
            return;
        }
        let number = self.script.deliveries.len();
        self.deliveries.insert(id, number);
        let item = self.item(&heard, false);
        self.script.deliveries.push(Delivery {
            item,
            heard: Some(heard),
            answers: answer.into_iter().collect(),
        });
        let pending = self.threads.entry(thread).or_default();
        pending.came.push((number, at));
    }

    fn posts(&mut self, at: Time, event: &Event) {
        let What::Post {
            exchange,
            to,
            method,
            path,
            headers,
            soap_action,
            content_type,
            body,
            ..
        } = &event.what
        else {
            return;
        };
        let message = self.heard.get(&event.seq).cloned();
        let (thread, item) = match &message {
            Some(heard) => {
                let is_first = !self.sent.iter().any(|it| it.message_id == heard.message_id);
                if is_first {
                    self.sent.push(heard.clone());
                }
                (self.thread(heard), self.item(heard, true))
            }
            None => {
                let what = format!("{} {path}", method.name());
                (self.latest.clone(), Item::Request { to: *to, what })
            }
        };
        let post = Post {
            to: *to,
            method: *method,
            path: path.clone(),
            soap_action: soap_action.clone(),
            content_type: content_type.clone(),
            headers: headers.clone(),
            body: *body,
            message,
            answered: self.answers.get(exchange).map(|answer| answer.status),
        };
        let deed = Deed::Post(Box::new(post));
        let step = self.does(at, thread.clone(), event.seq, item, deed);
        self.under_way.insert(*exchange, (step, thread));
    }

    /// Nobody waits for answers any more, and everything is begun anew.
    fn restarts(&mut self, at: Time) {
        for (step, thread) in std::mem::take(&mut self.under_way).into_values() {
            self.happens(at, thread, Cause::Answered(step));
        }
        let cause = Cause::Restarted(self.restarts);
        self.restarts += 1;
        for pending in self.threads.values_mut() {
            pending.causes.push((cause, at));
        }
    }

    fn happens(&mut self, at: Time, thread: Thread, cause: Cause) {
        self.latest = thread.clone();
        let pending = self.threads.entry(thread).or_default();
        pending.causes.push((cause, at));
    }

    /// It does something, after everything that it had seen in this thread. Gives the number of the step.
    fn does(&mut self, at: Time, thread: Thread, event: u64, item: Item, deed: Deed) -> usize {
        let number = self.script.steps.len();
        let posted = match &deed {
            Deed::Post(post) => post.message.as_ref(),
            Deed::Show(_) => None,
        };
        self.latest = thread.clone();
        let pending = self.threads.entry(thread).or_default();
        let mut causes = std::mem::take(&mut pending.causes);
        let deliveries = &self.script.deliveries;
        pending.came.retain(|(delivery, came)| {
            let heard = deliveries.get(*delivery).and_then(|it| it.heard.as_ref());
            let provokes = heard.is_some_and(|heard| provokes(heard, posted));
            if provokes {
                causes.push((Cause::Came(*delivery), *came));
            }
            !provokes
        });
        causes.extend(pending.last.map(|(step, then)| (Cause::Done(step), then)));
        pending.last = Some((number, at));
        let since = causes.iter().map(|(_, then)| *then).max();
        self.script.steps.push(Step {
            event,
            at,
            item,
            deed,
            delay: since.map_or_else(Default::default, |since| at.since(since)),
            causes: causes.into_iter().map(|(cause, _)| cause).collect(),
        });
        number
    }

    fn thread(&self, heard: &Heard) -> Thread {
        match self.patients.get(&heard.conversation) {
            Some(patient) => Thread::Patient(*patient),
            None => Thread::Conversation(heard.conversation.clone()),
        }
    }

    fn item(&mut self, heard: &Heard, is_own: bool) -> Item {
        let of_kind = (heard.conversation.clone(), is_own, heard.kind);
        let number = self.numbers.entry(of_kind).or_default();
        *number += 1;
        let number = *number;
        let deliveries = self.script.deliveries.iter();
        let came = deliveries.filter_map(|delivery| delivery.heard.as_ref());
        let mut all = self.sent.iter().chain(came);
        let verdict = heard.verdict.as_ref();
        let names = verdict.and_then(|AckVerdict { names, .. }| {
            let named = all.find(|it| it.is_named_by(names));
            named.map(|it| it.kind)
        });
        Item::Message {
            kind: heard.kind,
            number,
            patient: self.patients.get(&heard.conversation).copied(),
            names,
            code: verdict.map(|it| it.refusal.clone().unwrap_or_else(|| "AA".to_owned())),
        }
    }
}

/// Whether a message that came can be the reason of a deed. A positive acknowledgement lets a system tidy up
/// and tell people, but no message waits for one: systems send the one of a request before the extract or
/// after its last fragment, as they like.
fn provokes(came: &Heard, posted: Option<&Heard>) -> bool {
    match came.kind {
        MessageKind::Acknowledgement => came.is_refusal() || posted.is_none(),
        MessageKind::EhrRequest
        | MessageKind::EhrExtract
        | MessageKind::Continue
        | MessageKind::Fragment => true,
    }
}

fn patient_of(act: &Act) -> Option<NhsNumber> {
    match act {
        Act::Register { patient, .. }
        | Act::Decide { patient, .. }
        | Act::RepeatRequest { patient }
        | Act::AcknowledgeAgain { patient, .. }
        | Act::RepeatExtract { patient }
        | Act::MoveOn { patient, .. }
        | Act::File { patient, .. }
        | Act::AtOffice { patient, .. }
        | Act::Book { patient, .. }
        | Act::SendUnrequested { patient, .. } => Some(*patient),
        Act::Relink { .. }
        | Act::DealWithPooledList { .. }
        | Act::Relist { .. }
        | Act::Stray { .. }
        | Act::AtHub { .. } => None,
    }
}

fn patient_shown(notice: &Notice) -> Option<NhsNumber> {
    match notice {
        Notice::ReadyToIntegrate { patient } => Some(*patient),
        Notice::Alert(alert) => Some(alert.patient),
        Notice::NotSupported(act) | Notice::Declined { act, .. } => patient_of(act),
    }
}

fn words(notice: &Notice) -> String {
    match notice {
        Notice::ReadyToIntegrate { patient } => {
            format!("record ready to integrate, for patient {patient}")
        }
        Notice::Alert(alert) => format!("alert, for patient {}: {}", alert.patient, alert.about),
        Notice::NotSupported(_) => "that it does not know a verb".to_owned(),
        Notice::Declined { why, .. } => format!("refusal: {why}"),
    }
}
