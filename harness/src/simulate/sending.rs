//! The sending system of one conversation: the decisions of `mocks::sending`, without what they are about.

use gp2gp_mocks::sending::FINAL_ACK_AWAITED;
use gp2gp_model::Time;
use gp2gp_model::paper::PrintState;

use super::case::{AnswersRequest, Case, Obstacle};
use super::message::{Code, Message};

/// Where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sending {
    /// No request has come.
    Unasked,
    /// The request is looked into, and the record made ready.
    Preparing,
    /// It was refused.
    Refused,
    /// It is being served, or was.
    Serving(Serving),
}

/// A request that is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Serving {
    answered: bool,
    core_due: bool,
    /// How often the core was sent.
    cores: u8,
    core_accepted: bool,
    continued: bool,
    in_flight: bool,
    /// Place of the next promised message.
    next: u32,
    /// When the core was last sent.
    sent_at: Time,
    end: Option<End>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// AA, 15, or 26.
    Filed,
    /// Any other negative acknowledgement of the core.
    Rejected(Code),
    /// This system could not go on.
    Stopped,
    /// No final acknowledgement.
    Silence,
}

/// What is due after a step: at most the answer, the core, and a fragment.
pub(super) type Replies = [Option<Message>; 3];

const NOTHING: Replies = [None, None, None];

impl Sending {
    /// The request arrives; whether it is the first time.
    pub(super) fn take_request(&mut self) -> bool {
        let is_first = *self == Self::Unasked;
        if is_first {
            *self = Self::Preparing;
        }
        is_first
    }

    /// Everything is known and fetched: the request is refused, or served.
    pub(super) fn prepared(&mut self, now: Time, case: &Case) -> Replies {
        match case.refusal() {
            // Whatever was to come after it does not.
            None if case.obstacle == Some(Obstacle::HangsAfterAnswer) => {
                [Some(Message::RequestAck(None)), None, None]
            }
            Some(code) => {
                *self = Self::Refused;
                [Some(Message::RequestAck(Some(code))), None, None]
            }
            None => {
                *self = Self::Serving(Serving {
                    answered: false,
                    core_due: true,
                    cores: 0,
                    core_accepted: false,
                    continued: false,
                    in_flight: false,
                    next: 0,
                    sent_at: now,
                    end: None,
                });
                self.change(now, case, |_| ())
            }
        }
    }

    /// Changes a request that is served, and gives all that follows from it.
    pub(super) fn change(
        &mut self,
        now: Time,
        case: &Case,
        change: impl FnOnce(&mut Serving),
    ) -> Replies {
        let Self::Serving(serving) = self else {
            return NOTHING;
        };
        change(serving);
        [
            serving.take_answer(case),
            serving.take_core(now),
            serving.take_fragment(case),
        ]
    }

    /// When the final acknowledgement is no longer waited for.
    pub(super) fn deadline(&self) -> Option<Time> {
        match self {
            Self::Serving(serving) => serving.deadline(),
            Self::Unasked | Self::Preparing | Self::Refused => None,
        }
    }

    /// When the core was last written, as its header says.
    pub(super) const fn core_written(&self) -> Option<Time> {
        match self {
            Self::Serving(serving) => Some(serving.sent_at.to_whole_second()),
            Self::Unasked | Self::Preparing | Self::Refused => None,
        }
    }

    /// What the old practice prints; nothing is known where nobody asked.
    pub(super) fn print_state(&self, case: &Case) -> Option<PrintState> {
        match self {
            Self::Unasked => None,
            Self::Preparing => Some(PrintState::Awaiting),
            Self::Refused => Some(PrintState::Failed),
            Self::Serving(serving) => Some(serving.print_state(case)),
        }
    }
}

impl Serving {
    /// Spine took the core.
    pub(super) const fn core_accepted(&mut self) {
        self.core_accepted = true;
    }

    /// Spine took the fragment that was under way.
    pub(super) const fn fragment_accepted(&mut self) {
        self.in_flight = false;
    }

    /// Spine will never take the core, or could not deliver it.
    pub(super) fn lose_core(&mut self) {
        if self.continued {
            // Whoever says Continue has the core.
            self.core_accepted = true;
        } else {
            self.end_with(End::Stopped);
        }
    }

    /// Spine will never take the fragment that was under way.
    pub(super) fn lose_fragment(&mut self) {
        self.in_flight = false;
        self.end_with(End::Stopped);
    }

    /// The requester wants what was promised.
    pub(super) const fn continue_with_promises(&mut self) {
        self.continued = true;
    }

    /// An acknowledgement of a core: only the first ends the transfer, and none that says of a repeated
    /// one that it is a duplicate.
    pub(super) fn acknowledged(&mut self, code: Option<Code>) {
        let is_of_repeat = self.cores > 1 && code == Some(Code::DUPLICATE);
        if !is_of_repeat {
            self.end_with(match code {
                None | Some(Code::SUPPRESSED | Code::FILED_AS_ATTACHMENT) => End::Filed,
                Some(code) => End::Rejected(code),
            });
        }
    }

    /// The time is up, if it is.
    pub(super) fn lose_patience(&mut self, now: Time) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.end_with(End::Silence);
        }
    }

    /// Sends the core again, while nothing has failed.
    pub(super) const fn repeat_core(&mut self) {
        let has_failed = match self.end {
            None | Some(End::Filed) => false,
            Some(End::Rejected(_) | End::Stopped | End::Silence) => true,
        };
        self.core_due |= self.cores > 0 && !has_failed;
    }

    fn take_answer(&mut self, case: &Case) -> Option<Message> {
        if self.answered {
            return None;
        }
        let answer = match self.end {
            Some(End::Stopped) => Some(Some(Code::SPINE_ERROR)),
            Some(End::Filed | End::Rejected(_) | End::Silence) => Some(None),
            None if case.answers == AnswersRequest::BeforeCore => Some(None),
            None => self.all_is_with_spine(case).then_some(None),
        };
        self.answered = answer.is_some();
        let is_said = |code: &Option<Code>| code.is_some() || case.acknowledges_served();
        answer.filter(is_said).map(Message::RequestAck)
    }

    fn take_core(&mut self, now: Time) -> Option<Message> {
        if !std::mem::take(&mut self.core_due) {
            return None;
        }
        let core = self.cores;
        self.cores = self.cores.saturating_add(1);
        self.sent_at = now;
        Some(Message::Core(core))
    }

    fn take_fragment(&mut self, case: &Case) -> Option<Message> {
        let may_send = self.end.is_none()
            && self.core_accepted
            && self.continued
            && !self.in_flight
            && self.next < case.promise.total();
        may_send.then(|| {
            self.in_flight = true;
            self.next += 1;
            Message::Fragment(self.next - 1)
        })
    }

    fn all_is_with_spine(&self, case: &Case) -> bool {
        self.core_accepted && self.next >= case.promise.total() && !self.in_flight
    }

    fn deadline(&self) -> Option<Time> {
        (self.end.is_none() && self.cores > 0).then(|| self.sent_at + FINAL_ACK_AWAITED)
    }

    /// The first end is the end.
    fn end_with(&mut self, end: End) {
        if self.end.is_none() {
            self.end = Some(end);
            self.core_due = false;
        }
    }

    fn print_state(&self, case: &Case) -> PrintState {
        match self.end {
            None => PrintState::Awaiting,
            Some(End::Filed) if case.placeholders => PrintState::MissingItems,
            Some(End::Filed) => PrintState::Integrated,
            Some(End::Rejected(
                Code::TOO_LATE | Code::NOT_REASSEMBLED | Code::LARGE_MESSAGE | Code::INCOMPLETE,
            )) => PrintState::PartlyDelivered,
            Some(End::Stopped) if self.core_accepted => PrintState::PartlyDelivered,
            Some(End::Rejected(_) | End::Stopped | End::Silence) => PrintState::Failed,
        }
    }
}
