//! What can happen to a message between two systems. Who decides it is another question: chance in a
//! simulation, a plan in a test.

use std::time::Duration;

use gp2gp_mocks::mhs::QUICK_REPEATS;

use super::message::Message;

/// Decides what happens to messages.
pub trait Luck {
    /// What becomes of a post of a system to Spine; each attempt is asked for.
    fn of_post(&mut self, message: Message) -> Mishap;

    /// What becomes of a message that Spine took, once for each.
    fn of_delivery(&mut self, message: Message) -> Fate;
}

/// What happens to one post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// It is taken, and its poster knows it.
    None,
    /// It is not taken, and gets no answer.
    Silence,
    /// It is not taken: the connection is reset.
    Reset,
    /// It is taken, and the answer is lost.
    AnswerLost,
    /// It is refused, for ever.
    Refused,
    /// It is refused for now.
    RefusedForNow,
}

/// What happens to a message that Spine took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    Arrives(Condition),
    /// It arrives later.
    Late(Duration),
    /// It never arrives.
    Lost,
}

/// In which state a message arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// As it was sent.
    Whole,
    /// It cannot be read.
    Malformed,
    /// It can be read, and its document cannot be put together.
    Spoilt,
}

/// Why a poster does not know that its post was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsure {
    /// No answer came.
    NoAnswer,
    /// Refused for now.
    ForNow,
    /// Refused for ever.
    ForEver,
}

/// How often a message may still be posted, and whether Spine has it already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attempt {
    quick: u8,
    repeats: u8,
    pub(super) is_taken: bool,
}

/// When a message is posted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// At once, nearly.
    Quick(Attempt),
    /// After the interval of the contract.
    Contract(Attempt),
}

impl Attempt {
    /// The first, under a contract with so many repeats.
    pub(super) const fn first(repeats: u8) -> Self {
        Self {
            quick: QUICK_REPEATS as u8,
            repeats,
            is_taken: false,
        }
    }

    /// The same once Spine has the message.
    pub(super) const fn taken(self) -> Self {
        Self {
            is_taken: true,
            ..self
        }
    }

    /// What a message handler does now (spec 10): three quick repeats where nothing came back, then those of
    /// the contract; `None`: it gives up.
    pub(super) fn next(self, why: Unsure) -> Option<Repeat> {
        match why {
            Unsure::NoAnswer if self.quick > 0 => Some(Repeat::Quick(Self {
                quick: self.quick - 1,
                ..self
            })),
            Unsure::NoAnswer | Unsure::ForNow => Some(Repeat::Contract(Self {
                quick: QUICK_REPEATS as u8,
                repeats: self.repeats.checked_sub(1)?,
                ..self
            })),
            Unsure::ForEver => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_without_an_answer_is_posted_twelve_times_under_two_repeats() {
        let mut attempt = Attempt::first(2);
        let mut posts = 1;
        while let Some(repeat) = attempt.next(Unsure::NoAnswer) {
            posts += 1;
            attempt = match repeat {
                Repeat::Quick(next) | Repeat::Contract(next) => next,
            };
        }
        assert_eq!(posts, 12);
    }

    #[test]
    fn what_is_refused_for_ever_is_not_repeated() {
        assert_eq!(Attempt::first(2).next(Unsure::ForEver), None);
    }
}
