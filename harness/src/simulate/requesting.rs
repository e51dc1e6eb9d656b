//! The requesting system of one conversation: the decisions of `mocks::requesting`, without what they are about.

use gp2gp_model::Time;
use gp2gp_model::plan::Decision;

use super::case::{Case, Terms};
use super::message::{Code, Message};
use super::promise::Arrivals;
use super::spine::Condition;

/// Where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Requesting {
    /// The core is awaited; fragments that overtook it are kept, one of which may be spoilt.
    Requested { early: Arrivals, spoilt: bool },
    /// The core is here, promised messages are missing.
    Collecting {
        core: u8,
        /// When it was written: the timeout counts from there.
        written: Time,
        arrivals: Arrivals,
    },
    /// The record is whole and waits for people.
    Ready { core: u8 },
    /// People filed it.
    Filed,
    /// The sending practice will send nothing.
    Refused,
    /// No record came of it; a core that is sent again is a new one.
    Failed(Failure),
}

/// Why no record came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    RequestLost,
    TimedOut,
    Rejected,
}

/// What is due after a step: at most two messages.
pub(super) type Replies = [Option<Message>; 2];

const NOTHING: Replies = [None, None];

impl Requesting {
    pub(super) fn new() -> Self {
        Self::Requested {
            early: Arrivals::default(),
            spoilt: false,
        }
    }

    /// Takes a core that was written at this time.
    pub(super) fn take_core(
        &mut self,
        core: u8,
        written: Time,
        condition: Condition,
        case: &Case,
    ) -> Replies {
        let (early, is_spoilt) = match self {
            Self::Requested { early, spoilt } => (std::mem::take(early), *spoilt),
            Self::Failed(_) => (Arrivals::default(), false),
            Self::Collecting { .. } | Self::Ready { .. } | Self::Filed => {
                return only(Message::CoreAck(core, Some(Code::DUPLICATE)));
            }
            Self::Refused => return only(Message::CoreAck(core, Some(Code::UNREQUESTED))),
        };
        match condition {
            Condition::Whole => {}
            Condition::Malformed | Condition::Spoilt => {
                return only(self.reject(core, Code::MALFORMED_CORE));
            }
        }
        if is_spoilt {
            return only(self.reject(core, Code::INCOMPLETE));
        }
        let promised = case.promise.total();
        *self = Self::Collecting {
            core,
            written,
            arrivals: early,
        };
        self.finish_if_whole(promised);
        [(promised > 0).then_some(Message::Continue), None]
    }

    /// Takes a promised message.
    pub(super) fn take_fragment(
        &mut self,
        place: u32,
        condition: Condition,
        case: &Case,
    ) -> Replies {
        let answer = |code| Message::FragmentAck(place, code);
        match self {
            Self::Requested { early, spoilt } => match condition {
                Condition::Whole | Condition::Spoilt => {
                    *spoilt |= condition == Condition::Spoilt;
                    early.take(place);
                    only(answer(None))
                }
                Condition::Malformed => only(answer(Some(Code::LARGE_MESSAGE))),
            },
            Self::Collecting { core, arrivals, .. } => {
                let core = *core;
                let code = match condition {
                    Condition::Whole => {
                        arrivals.take(place);
                        self.finish_if_whole(case.promise.total());
                        return only(answer(None));
                    }
                    Condition::Malformed => Code::LARGE_MESSAGE,
                    Condition::Spoilt => Code::NOT_REASSEMBLED,
                };
                let rejected = self.reject(core, Code::INCOMPLETE);
                [Some(answer(Some(code))), Some(rejected)]
            }
            Self::Ready { .. } | Self::Filed | Self::Failed(Failure::Rejected) => {
                only(answer(Some(Code::LARGE_MESSAGE)))
            }
            Self::Failed(Failure::TimedOut) => only(answer(Some(Code::TOO_LATE))),
            Self::Failed(Failure::RequestLost) | Self::Refused => NOTHING,
        }
    }

    /// Takes an answer to the request: only a refusal of an open one means anything.
    pub(super) fn take_answer(&mut self, code: Option<Code>) {
        if let (Self::Requested { .. }, Some(_)) = (&self, code) {
            *self = Self::Refused;
        }
    }

    /// The request will not arrive.
    pub(super) fn lose_request(&mut self) {
        if let Self::Requested { .. } = self {
            *self = Self::Failed(Failure::RequestLost);
        }
    }

    /// The Continue will not arrive, so promises will not be kept.
    pub(super) fn lose_continue(&mut self) -> Replies {
        match self {
            Self::Collecting { core, .. } => {
                let core = *core;
                only(self.reject(core, Code::SPINE_ERROR))
            }
            Self::Requested { .. }
            | Self::Ready { .. }
            | Self::Filed
            | Self::Refused
            | Self::Failed(_) => NOTHING,
        }
    }

    /// Takes what people decided.
    pub(super) fn decide(&mut self, decision: Decision, case: &Case) -> Replies {
        let Self::Ready { core } = *self else {
            return NOTHING;
        };
        let code = match decision {
            Decision::Integrate | Decision::Suppress if case.files_as_attachment() => {
                Some(Code::FILED_AS_ATTACHMENT)
            }
            Decision::Integrate => None,
            Decision::Suppress => Some(Code::SUPPRESSED),
            Decision::Reject if case.returning => {
                return only(self.reject(core, Code::WRONG_RETURNING));
            }
            Decision::Reject => return only(self.reject(core, Code::WRONG_NEW)),
            Decision::FailToIntegrate => return only(self.reject(core, Code::NOT_INTEGRATED)),
        };
        *self = Self::Filed;
        only(Message::CoreAck(core, code))
    }

    /// When promised messages are no longer waited for (LM03, LM04).
    pub(super) fn deadline(&self, case: &Case, terms: &Terms) -> Option<Time> {
        match self {
            Self::Collecting {
                written, arrivals, ..
            } => {
                let fragments = terms
                    .persist_copc
                    .saturating_mul(arrivals.promised(&case.promise));
                Some(*written + terms.persist_extract + fragments)
            }
            Self::Requested { .. }
            | Self::Ready { .. }
            | Self::Filed
            | Self::Refused
            | Self::Failed(_) => None,
        }
    }

    /// Promised messages did not come in time.
    pub(super) fn time_out(&mut self) -> Replies {
        let Self::Collecting { core, .. } = *self else {
            return NOTHING;
        };
        *self = Self::Failed(Failure::TimedOut);
        only(Message::CoreAck(core, Some(Code::INCOMPLETE)))
    }

    /// A whole record waits for people.
    pub(super) const fn is_ready(&self) -> bool {
        matches!(self, Self::Ready { .. })
    }

    /// Bytes on the heap.
    pub(super) const fn heap_bytes(&self) -> usize {
        match self {
            Self::Requested {
                early: arrivals, ..
            }
            | Self::Collecting { arrivals, .. } => arrivals.heap_bytes(),
            Self::Ready { .. } | Self::Filed | Self::Refused | Self::Failed(_) => 0,
        }
    }

    fn reject(&mut self, core: u8, code: Code) -> Message {
        *self = Self::Failed(Failure::Rejected);
        Message::CoreAck(core, Some(code))
    }

    fn finish_if_whole(&mut self, promised: u32) {
        if let Self::Collecting { core, arrivals, .. } = self
            && arrivals.are_all_of(promised)
        {
            *self = Self::Ready { core: *core };
        }
    }
}

const fn only(message: Message) -> Replies {
    [Some(message), None]
}
