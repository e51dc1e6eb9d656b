//! Many conversations under one virtual clock: the kernel of a simulation.

use std::time::Duration;

use gp2gp_mocks::mhs::QUICK_PAUSE;
use gp2gp_mocks::peer::PATIENCE;
use gp2gp_model::Time;
use gp2gp_model::paper::PrintState;
use gp2gp_model::plan::Role;
use gp2gp_sim::Timeline;

use super::case::{Case, Obstacle, Terms};
use super::message::Message;
use super::outages::Outages;
use super::outcome::Evidence;
use super::requesting::{self, Requesting};
use super::sending::{self, Sending, Serving};
use super::spine::{Attempt, Condition, Fate, Luck, Mishap, Repeat, Unsure};

/// Conversations and what lies ahead of them.
pub(super) struct World<'a, L, W> {
    rules: Rules<'a>,
    timeline: Timeline<Event>,
    conversations: Vec<Option<Conversation<L>>>,
    free: Vec<u32>,
    live: usize,
    events: u64,
    witness: W,
}

/// What holds for every conversation.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) terms: &'a Terms,
    pub(super) outages: &'a Outages,
    /// Messages after so long are not looked at when a transfer is classified.
    pub(super) cutoff: Duration,
}

/// Is told what becomes of conversations.
pub(super) trait Witness {
    /// A post of a system reaches Spine, be it the first of its message or not.
    fn posted(&mut self, _at: Time, _message: Message) {}

    /// Spine took a message.
    fn taken(&mut self, at: Time, message: Message);

    /// Nothing more will happen in a conversation.
    fn ended(&mut self, ended: &Ended<'_>);
}

/// A conversation in which nothing more will happen.
pub(super) struct Ended<'a> {
    pub(super) case: &'a Case,
    pub(super) evidence: &'a Evidence,
    /// What the old practice prints; `None`: it was never asked.
    pub(super) print_state: Option<PrintState>,
}

/// A conversation under way.
struct Conversation<L> {
    number: u32,
    /// Events that are sure to come and to matter.
    ahead: u32,
    /// Messages that the requesting system was brought.
    heard: u32,
    armed: Armed,
    requesting: Requesting,
    sending: Sending,
    luck: L,
    evidence: Evidence,
    case: Case,
}

/// Timers that lie ahead.
#[derive(Debug, Clone, Copy, Default)]
struct Armed {
    overdue: bool,
    silent: bool,
}

#[derive(Debug)]
struct Event {
    number: u32,
    slot: u32,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    /// A post reaches Spine.
    Posted(Message, Attempt),
    /// Its poster has no good answer.
    Unsure(Message, Attempt, Unsure),
    /// Its poster knows that Spine has it.
    Accepted(Message),
    /// Spine brings a message, after so many tries.
    Brought(Message, u8, Condition),
    /// Spine says that it could not, after so many tries to say so.
    Undeliverable(Message, u8),
    /// The sending system knows what it answers.
    Prepared,
    /// People decide.
    Decided,
    /// The core is sent once more.
    CoreRepeated,
    /// Promised messages may be overdue.
    Overdue,
    /// The final acknowledgement may be overdue.
    Silent,
}

impl<'a, L: Luck, W: Witness> World<'a, L, W> {
    /// A world without conversations.
    pub(super) const fn new(start: Time, rules: Rules<'a>, witness: W) -> Self {
        Self {
            rules,
            timeline: Timeline::new(start),
            conversations: Vec::new(),
            free: Vec::new(),
            live: 0,
            events: 0,
            witness,
        }
    }

    /// A request is posted. Never before an event that was taken already.
    pub(super) fn begin(&mut self, now: Time, number: u32, case: Case, luck: L) {
        let conversation = Conversation {
            number,
            ahead: 0,
            heard: 0,
            armed: Armed::default(),
            requesting: Requesting::new(),
            sending: Sending::Unasked,
            luck,
            evidence: Evidence::default(),
            case,
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            if self.conversations.len() == self.conversations.capacity() {
                let more = self.conversations.len() / 8 + 16;
                self.conversations.reserve_exact(more);
            }
            self.conversations.push(None);
            u32::try_from(self.conversations.len() - 1).unwrap_or(u32::MAX)
        });
        self.live += 1;
        if let Some(place) = self.conversations.get_mut(slot as usize) {
            *place = Some(conversation);
        }
        self.scene(now, slot, number, |scene| scene.post(Message::Request));
    }

    /// Time of the next event.
    pub(super) fn next_time(&self) -> Option<Time> {
        self.timeline.next_time()
    }

    /// Lets the next event happen; whether there was one.
    pub(super) fn step(&mut self) -> bool {
        let Some((now, Event { number, slot, what })) = self.timeline.pop() else {
            return false;
        };
        self.events += 1;
        self.scene(now, slot, number, |scene| scene.play(what));
        true
    }

    /// Conversations under way.
    pub(super) const fn live(&self) -> usize {
        self.live
    }

    /// Events so far.
    pub(super) const fn events(&self) -> u64 {
        self.events
    }

    /// Bytes that are set aside for conversations and events.
    pub(super) fn bytes(&self) -> usize {
        let conversations = self.conversations.iter().flatten();
        let on_heap: usize = conversations.map(Conversation::heap_bytes).sum();
        self.timeline.capacity_bytes()
            + self.conversations.capacity() * size_of::<Option<Conversation<L>>>()
            + self.free.capacity() * size_of::<u32>()
            + on_heap
    }

    /// Who was told of everything.
    pub(super) fn into_witness(self) -> W {
        self.witness
    }

    /// Lets something happen in a conversation, and ends it if nothing more can. What an ended one still had
    /// ahead finds another number in its place, or none.
    fn scene(
        &mut self,
        now: Time,
        slot: u32,
        number: u32,
        play: impl FnOnce(&mut Scene<'_, L, W>),
    ) {
        let Some(place) = self.conversations.get_mut(slot as usize) else {
            return;
        };
        let Some(conversation) = place.as_mut().filter(|it| it.number == number) else {
            return;
        };
        play(&mut Scene {
            now,
            slot,
            conversation,
            rules: self.rules,
            timeline: &mut self.timeline,
            witness: &mut self.witness,
        });
        if conversation.is_over() {
            self.witness.ended(&Ended {
                case: &conversation.case,
                evidence: &conversation.evidence,
                print_state: conversation.sending.print_state(&conversation.case),
            });
            *place = None;
            self.free.push(slot);
            self.live -= 1;
        }
    }
}

impl<L> Conversation<L> {
    /// The requesting system understands what it is brought.
    fn is_awake(&self) -> bool {
        (self.case.hangs_after).is_none_or(|messages| self.heard <= messages)
    }

    fn is_over(&self) -> bool {
        let is_collecting = matches!(self.requesting, Requesting::Collecting { .. });
        self.ahead == 0 && !(is_collecting && self.is_awake()) && self.sending.deadline().is_none()
    }

    fn heap_bytes(&self) -> usize {
        self.case.promise.heap_bytes() + self.requesting.heap_bytes()
    }
}

/// One conversation at one moment.
struct Scene<'a, L, W> {
    now: Time,
    slot: u32,
    conversation: &'a mut Conversation<L>,
    rules: Rules<'a>,
    timeline: &'a mut Timeline<Event>,
    witness: &'a mut W,
}

impl<L: Luck, W: Witness> Scene<'_, L, W> {
    fn play(&mut self, what: What) {
        match what {
            What::Overdue => self.conversation.armed.overdue = false,
            What::Silent => self.conversation.armed.silent = false,
            What::Posted(..)
            | What::Unsure(..)
            | What::Accepted(_)
            | What::Brought(..)
            | What::Undeliverable(..)
            | What::Prepared
            | What::Decided
            | What::CoreRepeated => self.conversation.ahead -= 1,
        }
        match what {
            What::Posted(message, attempt) => self.at_spine(message, attempt),
            What::Unsure(message, attempt, why) => self.unsure(message, attempt, why),
            What::Accepted(message) => self.accepted(message),
            What::Brought(message, tries, condition) => self.brought(message, tries, condition),
            What::Undeliverable(message, tries) => self.undeliverable(message, tries),
            What::Prepared => self.when_up(Role::Sending, what, Self::prepared),
            What::CoreRepeated => self.when_up(Role::Sending, what, |scene| {
                scene.change(Serving::repeat_core);
            }),
            What::Silent => self.when_up(Role::Sending, what, |scene| {
                let now = scene.now;
                scene.change(|serving| serving.lose_patience(now));
            }),
            What::Decided => self.when_up(Role::Requesting, what, Self::decided),
            What::Overdue => self.when_up(Role::Requesting, what, Self::overdue),
        }
    }

    // Spine.

    /// A post reaches Spine, which answers, and sends on what is new.
    fn at_spine(&mut self, message: Message, attempt: Attempt) {
        let taken = attempt.taken();
        let reset = Unsure::NoAnswer;
        self.witness.posted(self.now, message);
        match self.conversation.luck.of_post(message) {
            Mishap::None => {
                if is_told_of_acceptance(message) {
                    self.next_hop(What::Accepted(message));
                }
                self.take(message, attempt);
            }
            Mishap::AnswerLost => {
                self.next_hop(What::Unsure(message, taken, reset));
                self.take(message, attempt);
            }
            Mishap::Reset => self.next_hop(What::Unsure(message, attempt, reset)),
            Mishap::Refused => self.next_hop(What::Unsure(message, attempt, Unsure::ForEver)),
            Mishap::RefusedForNow => {
                self.next_hop(What::Unsure(message, attempt, Unsure::ForNow));
            }
            Mishap::Silence => {
                let patience = PATIENCE.saturating_sub(self.rules.terms.link);
                self.later(self.now + patience, What::Unsure(message, attempt, reset));
            }
        }
    }

    /// Spine takes a message, which has an effect the first time alone.
    fn take(&mut self, message: Message, attempt: Attempt) {
        if attempt.is_taken {
            return;
        }
        self.witness.taken(self.now, message);
        (self.conversation.evidence).note(self.now, message, self.rules.cutoff);
        let fate = self.conversation.luck.of_delivery(message);
        match fate {
            Fate::Arrives(condition) => self.next_hop(What::Brought(message, 0, condition)),
            Fate::Late(by) => {
                let at = self.now + by + self.rules.terms.link;
                self.later(at, What::Brought(message, 0, Condition::Whole));
            }
            Fate::Lost => {}
        }
    }

    /// When Spine tries again what it could not bring just now; `None`: it gives up.
    fn next_try(&self, tries: u8) -> Option<Time> {
        let terms = self.rules.terms;
        (tries < terms.retries).then(|| self.now + terms.link + terms.retry_interval + terms.link)
    }

    // Both systems: what became of their posts, and what they are brought.

    fn unsure(&mut self, message: Message, attempt: Attempt, why: Unsure) {
        let poster = message.sender();
        if let Some(until) = self.down_until(poster) {
            // What was under way when a system went down is posted again.
            return self.repost(until, message, attempt);
        }
        match attempt.next(why) {
            Some(Repeat::Quick(next)) => self.repost(self.now + QUICK_PAUSE, message, next),
            Some(Repeat::Contract(next)) => {
                let at = self.now + self.rules.terms.retry_interval;
                self.repost(at, message, next);
            }
            None => self.lost(message),
        }
    }

    fn repost(&mut self, at: Time, message: Message, attempt: Attempt) {
        let supplier = self.supplier(message.sender());
        let at = self.rules.outages.earliest(supplier, at);
        self.later(at + self.rules.terms.link, What::Posted(message, attempt));
    }

    fn accepted(&mut self, message: Message) {
        if let Some(until) = self.down_until(message.sender()) {
            let attempt = Attempt::first(self.rules.terms.retries).taken();
            return self.repost(until, message, attempt);
        }
        match message {
            Message::Core(_) => self.change(|serving| serving.core_accepted()),
            Message::Fragment(_) => self.change(|serving| serving.fragment_accepted()),
            Message::Request
            | Message::RequestAck(_)
            | Message::Continue
            | Message::FragmentAck(..)
            | Message::CoreAck(..) => {}
        }
    }

    /// A message will never be with Spine.
    fn lost(&mut self, message: Message) {
        match message {
            Message::Fragment(_) => self.change(|serving| serving.lose_fragment()),
            Message::Request
            | Message::Core(_)
            | Message::Continue
            | Message::RequestAck(_)
            | Message::FragmentAck(..)
            | Message::CoreAck(..) => self.not_delivered(message),
        }
    }

    /// A message is not, and will not be, where it should be.
    fn not_delivered(&mut self, message: Message) {
        match message {
            Message::Request => self.conversation.requesting.lose_request(),
            Message::Core(_) => self.change(|serving| serving.lose_core()),
            Message::Continue => {
                let replies = self.conversation.requesting.lose_continue();
                self.reply(replies);
            }
            // Whoever waits for it has a timer of its own.
            Message::RequestAck(_)
            | Message::Fragment(_)
            | Message::FragmentAck(..)
            | Message::CoreAck(..) => {}
        }
    }

    fn undeliverable(&mut self, message: Message, tries: u8) {
        match self.down_until(message.sender()) {
            None => self.not_delivered(message),
            Some(_) => {
                if let Some(at) = self.next_try(tries) {
                    self.later(at, What::Undeliverable(message, tries + 1));
                }
            }
        }
    }

    fn brought(&mut self, message: Message, tries: u8, condition: Condition) {
        let to = message.sender().other();
        if self.down_until(to).is_some() {
            match self.next_try(tries) {
                Some(at) => self.later(at, What::Brought(message, tries + 1, condition)),
                None if is_told_of_failure(message) => {
                    let at = self.now + self.rules.terms.link + self.rules.terms.link;
                    self.later(at, What::Undeliverable(message, 0));
                }
                None => {}
            }
            return;
        }
        match message {
            Message::Request => self.requested(),
            Message::Continue => self.change(|serving| serving.continue_with_promises()),
            Message::FragmentAck(..) => {}
            Message::CoreAck(_, code) => self.change(|serving| serving.acknowledged(code)),
            Message::RequestAck(_) | Message::Core(_) | Message::Fragment(_) => {
                self.heard(message, condition);
            }
        }
    }

    // The sending system.

    fn requested(&mut self) {
        let is_first = self.conversation.sending.take_request();
        if is_first && self.conversation.case.obstacle != Some(Obstacle::Hangs) {
            let at = self.now + Duration::from(self.conversation.case.preparation);
            self.later(at, What::Prepared);
        }
    }

    fn prepared(&mut self) {
        let Conversation { sending, case, .. } = &mut *self.conversation;
        let replies = sending.prepared(self.now, case);
        self.send(replies);
    }

    fn change(&mut self, change: impl FnOnce(&mut Serving)) {
        let Conversation { sending, case, .. } = &mut *self.conversation;
        let replies = sending.change(self.now, case, change);
        self.send(replies);
    }

    fn send(&mut self, replies: sending::Replies) {
        for message in replies.into_iter().flatten() {
            if message == Message::Core(0)
                && let Some(after) = self.conversation.case.repeats_core_after
            {
                self.later(self.now + Duration::from(after), What::CoreRepeated);
            }
            self.post(message);
        }
        let deadline = self.conversation.sending.deadline();
        if let Some(at) = deadline.filter(|_| !self.conversation.armed.silent) {
            self.arm(at, What::Silent);
        }
    }

    // The requesting system.

    fn heard(&mut self, message: Message, condition: Condition) {
        self.conversation.heard += 1;
        if !self.conversation.is_awake() {
            return;
        }
        let Conversation {
            requesting,
            sending,
            case,
            ..
        } = &mut *self.conversation;
        let was_ready = requesting.is_ready();
        let replies = match message {
            Message::RequestAck(code) => {
                requesting.take_answer(code);
                [None, None]
            }
            Message::Core(core) => {
                let written = sending.core_written().unwrap_or(self.now);
                requesting.take_core(core, written, condition, case)
            }
            Message::Fragment(place) => requesting.take_fragment(place, condition, case),
            Message::Request
            | Message::Continue
            | Message::FragmentAck(..)
            | Message::CoreAck(..) => [None, None],
        };
        let is_ready = requesting.is_ready();
        let habit = case.habit.filter(|_| is_ready && !was_ready);
        self.reply(replies);
        if let Some((_, after)) = habit {
            self.later(self.now + Duration::from(after), What::Decided);
        }
        if !self.conversation.armed.overdue {
            self.await_promised();
        }
    }

    fn decided(&mut self) {
        let Conversation {
            requesting, case, ..
        } = &mut *self.conversation;
        if let Some((decision, _)) = case.habit {
            let replies = requesting.decide(decision, case);
            self.reply(replies);
        }
    }

    /// The timer of the requesting system goes off: too early if indexes have come meanwhile.
    fn overdue(&mut self) {
        let deadline = self.deadline();
        if deadline.is_some_and(|deadline| deadline <= self.now) {
            let replies = self.conversation.requesting.time_out();
            self.reply(replies);
        } else {
            self.await_promised();
        }
    }

    fn await_promised(&mut self) {
        if let Some(at) = self.deadline() {
            self.arm(at, What::Overdue);
        }
    }

    fn deadline(&self) -> Option<Time> {
        let Conversation {
            requesting, case, ..
        } = &*self.conversation;
        let deadline = requesting.deadline(case, self.rules.terms);
        deadline.filter(|_| self.conversation.is_awake())
    }

    fn reply(&mut self, replies: requesting::Replies) {
        for message in replies.into_iter().flatten() {
            self.post(message);
        }
    }

    // Time.

    fn post(&mut self, message: Message) {
        let attempt = Attempt::first(self.rules.terms.retries);
        self.next_hop(What::Posted(message, attempt));
    }

    fn next_hop(&mut self, what: What) {
        self.conversation.ahead += 1;
        let at = self.now + self.rules.terms.link;
        let event = self.event(what);
        self.timeline.schedule_in_turn(at, event);
    }

    fn later(&mut self, at: Time, what: What) {
        self.conversation.ahead += 1;
        let event = self.event(what);
        self.timeline.schedule(at, event);
    }

    /// Sets a timer, for which a conversation does not live on.
    fn arm(&mut self, at: Time, what: What) {
        match what {
            What::Overdue => self.conversation.armed.overdue = true,
            What::Silent => self.conversation.armed.silent = true,
            What::Posted(..)
            | What::Unsure(..)
            | What::Accepted(_)
            | What::Brought(..)
            | What::Undeliverable(..)
            | What::Prepared
            | What::Decided
            | What::CoreRepeated => {}
        }
        let event = self.event(what);
        self.timeline.schedule(at, event);
    }

    /// Does something now, or once the system is up again.
    fn when_up(&mut self, role: Role, what: What, act: impl FnOnce(&mut Self)) {
        match (self.down_until(role), what) {
            (None, _) => act(self),
            (Some(until), What::Overdue | What::Silent) => self.arm(until, what),
            (Some(until), _) => self.later(until, what),
        }
    }

    fn down_until(&self, role: Role) -> Option<Time> {
        self.rules.outages.until(self.supplier(role), self.now)
    }

    const fn supplier(&self, role: Role) -> u8 {
        let [requesting, sending] = self.conversation.case.suppliers;
        match role {
            Role::Requesting => requesting,
            Role::Sending | Role::Exporting | Role::Hub => sending,
        }
    }

    const fn event(&self, what: What) -> Event {
        Event {
            number: self.conversation.number,
            slot: self.slot,
            what,
        }
    }
}

/// Messages whose poster goes on when Spine has them.
const fn is_told_of_acceptance(message: Message) -> bool {
    match message {
        Message::Core(_) | Message::Fragment(_) => true,
        Message::Request
        | Message::RequestAck(_)
        | Message::Continue
        | Message::FragmentAck(..)
        | Message::CoreAck(..) => false,
    }
}

/// Messages whose poster does something else when they cannot be delivered.
const fn is_told_of_failure(message: Message) -> bool {
    match message {
        Message::Request | Message::Core(_) | Message::Continue => true,
        Message::RequestAck(_)
        | Message::Fragment(_)
        | Message::FragmentAck(..)
        | Message::CoreAck(..) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::luck::Chanced;

    #[test]
    fn a_conversation_and_an_event_are_small() {
        let conversation = size_of::<Option<Conversation<Chanced<'_>>>>();
        assert!(conversation <= 224, "{conversation}");
        assert!(size_of::<Event>() <= 24, "{}", size_of::<Event>());
    }
}
