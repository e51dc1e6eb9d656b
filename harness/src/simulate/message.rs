//! What two practices say to each other, without bodies: a message is its kind and what it refers to.

use std::fmt;
use std::num::NonZeroU8;

use gp2gp_model::MessageKind;
use gp2gp_model::plan::Role;

/// A message of one conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Message {
    /// The requesting system asks for the record.
    Request,
    /// The sending system acknowledges the request, negatively with a code.
    RequestAck(Option<Code>),
    /// The record, for the how manieth time, from 0.
    Core(u8),
    /// The requesting system wants what the core promised.
    Continue,
    /// A promised message, by its place among all that are promised, from 0.
    Fragment(u32),
    /// The acknowledgement of a promised message.
    FragmentAck(u32, Option<Code>),
    /// An acknowledgement of a core.
    CoreAck(u8, Option<Code>),
}

/// A response code (spec 30).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code(NonZeroU8);

impl Message {
    /// Who sends it.
    pub const fn sender(self) -> Role {
        match self {
            Self::Request | Self::Continue | Self::FragmentAck(..) | Self::CoreAck(..) => {
                Role::Requesting
            }
            Self::RequestAck(_) | Self::Core(_) | Self::Fragment(_) => Role::Sending,
        }
    }

    /// Which kind it is.
    pub const fn kind(self) -> MessageKind {
        match self {
            Self::Request => MessageKind::EhrRequest,
            Self::Core(_) => MessageKind::EhrExtract,
            Self::Continue => MessageKind::Continue,
            Self::Fragment(_) => MessageKind::Fragment,
            Self::RequestAck(_) | Self::FragmentAck(..) | Self::CoreAck(..) => {
                MessageKind::Acknowledgement
            }
        }
    }
}

impl Code {
    /// 06: patient not at surgery.
    pub const NOT_AT_SURGERY: Self = Self::of(6);
    /// 07: GP2GP is switched off.
    pub const SWITCHED_OFF: Self = Self::of(7);
    /// 09: extract without a request.
    pub const UNREQUESTED: Self = Self::of(9);
    /// 10: extract could not be generated.
    pub const NOT_GENERATED: Self = Self::of(10);
    /// 11: extract could not be integrated.
    pub const NOT_INTEGRATED: Self = Self::of(11);
    /// 12: duplicate extract.
    pub const DUPLICATE: Self = Self::of(12);
    /// 14: the requesting practice cannot do large messaging.
    pub const REQUESTER_TOO_SMALL: Self = Self::of(14);
    /// 15: stored as suppressed record.
    pub const SUPPRESSED: Self = Self::of(15);
    /// 17: wrong record of a returning patient.
    pub const WRONG_RETURNING: Self = Self::of(17);
    /// 19: the requester is not the patient's practice.
    pub const NOT_THE_PRACTICE: Self = Self::of(19);
    /// 20: Spine responded with an error.
    pub const SPINE_ERROR: Self = Self::of(20);
    /// 21: extract malformed.
    pub const MALFORMED_CORE: Self = Self::of(21);
    /// 23: the sending practice cannot do large messaging.
    pub const SENDER_TOO_SMALL: Self = Self::of(23);
    /// 24: no address, or several.
    pub const NO_ADDRESS: Self = Self::of(24);
    /// 25: fragment after the timeout.
    pub const TOO_LATE: Self = Self::of(25);
    /// 26: filed as attachment.
    pub const FILED_AS_ATTACHMENT: Self = Self::of(26);
    /// 28: wrong record of a new patient.
    pub const WRONG_NEW: Self = Self::of(28);
    /// 29: large message cannot be reassembled.
    pub const NOT_REASSEMBLED: Self = Self::of(29);
    /// 30: large message failed.
    pub const LARGE_MESSAGE: Self = Self::of(30);
    /// 31: fragments missing.
    pub const INCOMPLETE: Self = Self::of(31);
    /// 99: unexpected condition.
    pub const UNEXPECTED: Self = Self::of(99);

    const fn of(number: u8) -> Self {
        match NonZeroU8::new(number) {
            Some(number) => Self(number),
            // No code is 0.
            None => Self(NonZeroU8::MIN),
        }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0.get()
    }

    /// The code of this text, if it is one of two digits.
    pub fn read(text: &str) -> Option<Self> {
        let number = text.parse().ok().filter(|_| text.len() == 2)?;
        NonZeroU8::new(number).map(Self)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_eight_bytes() {
        assert_eq!(size_of::<Message>(), 8);
        assert_eq!(size_of::<Option<Code>>(), 1);
    }

    #[test]
    fn codes_are_written_with_two_digits() {
        assert_eq!(Code::NOT_AT_SURGERY.to_string(), "06");
        assert_eq!(Code::read("31"), Some(Code::INCOMPLETE));
        assert_eq!(Code::read("6"), None);
        assert_eq!(Code::read("00"), None);
    }
}
