//! How NHS England classifies a transfer from Spine's message log (spec 60): first match wins. What the rules
//! need is gathered message by message, so that no log has to be kept.

use std::num::NonZeroU32;
use std::time::Duration;

use gp2gp_model::Time;
use serde::{Deserialize, Serialize};

use super::message::{Code, Message};

/// Until then an integration is on time.
const ON_TIME: Duration = Duration::from_secs(691_200);

/// Codes with which a sender says that it will send nothing.
const FATAL: [u8; 8] = [6, 7, 10, 14, 23, 24, 30, 99];

/// What a message log says of one conversation, as far as the rules need it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    requested_at: Option<Time>,
    core_at: Option<Since>,
    last_sent_at: Option<Since>,
    /// The first acknowledgement of a core with no code or 15.
    integrated_at: Option<Since>,
    /// The first other one that is not 12.
    error: Option<Code>,
    fragments: u32,
    fragment_acks: u32,
    /// Cores, by number: sent, acknowledged, acknowledged with 12.
    cores: u8,
    acked: u8,
    duplicates: u8,
    continued: bool,
    fragment_nacked: bool,
    request_acked: bool,
    request_nacked: bool,
    fatal: bool,
}

/// Milliseconds since the request, and one more: at most 49 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Since(NonZeroU32);

/// How a transfer is classified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// 1.
    IntegratedOnTime,
    /// 2.
    IntegratedLate,
    /// 3.
    FinalError,
    /// 4a.
    AmbiguousCopc,
    /// 4b and 8.
    TransferredWithError,
    /// 4c.
    CopcNotSent,
    /// 4d.
    CopcNotAcknowledged,
    /// 4e and 9.
    TransferredNotIntegrated,
    /// 5.
    FatalSenderError,
    /// 6.
    RequestNotAcknowledged,
    /// 7.
    CoreNotSent,
}

/// What an outcome counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Filed within eight days.
    OnTime,
    /// People's doing.
    ProcessFailure,
    /// Systems' doing.
    TechnicalFailure,
    /// Nobody knows.
    UnclassifiedFailure,
}

impl Evidence {
    /// A message that Spine took. One that comes later than the cutoff after the request is not looked at.
    pub fn note(&mut self, at: Time, message: Message, cutoff: Duration) {
        let begun = *self.requested_at.get_or_insert(at);
        let since = at.since(begun);
        if since > cutoff {
            return;
        }
        let since = Since::from(since);
        match message {
            Message::Request => {}
            Message::RequestAck(code) => {
                self.request_acked = true;
                self.request_nacked |= code.is_some();
                self.fatal |= code.is_some_and(|code| FATAL.contains(&code.number()));
            }
            Message::Core(number) => {
                self.core_at.get_or_insert(since);
                self.cores |= bit(number);
            }
            Message::Continue => self.continued = true,
            Message::Fragment(_) => self.fragments += 1,
            Message::FragmentAck(_, code) => {
                self.fragment_acks += 1;
                self.fragment_nacked |= code.is_some();
            }
            Message::CoreAck(number, code) => {
                self.acked |= bit(number);
                match code {
                    None | Some(Code::SUPPRESSED) => {
                        self.integrated_at.get_or_insert(since);
                    }
                    Some(Code::DUPLICATE) => self.duplicates |= bit(number),
                    Some(code) => {
                        self.error.get_or_insert(code);
                    }
                }
            }
        }
        match message {
            Message::Core(_) | Message::Fragment(_) => self.last_sent_at = Some(since),
            Message::Request
            | Message::RequestAck(_)
            | Message::Continue
            | Message::FragmentAck(..)
            | Message::CoreAck(..) => {}
        }
    }

    /// How the transfer is classified.
    pub fn outcome(&self) -> Outcome {
        if let Some(sla) = self.sla() {
            return match sla <= ON_TIME {
                true => Outcome::IntegratedOnTime,
                false => Outcome::IntegratedLate,
            };
        }
        if self.error.is_some() {
            return Outcome::FinalError;
        }
        if self.continued || self.fragments > 0 {
            return self.of_large_messaging();
        }
        match () {
            () if self.fatal => Outcome::FatalSenderError,
            () if !self.request_acked => Outcome::RequestNotAcknowledged,
            () if self.core_at.is_none() => Outcome::CoreNotSent,
            () if self.request_nacked => Outcome::TransferredWithError,
            () => Outcome::TransferredNotIntegrated,
        }
    }

    /// The code of a final error.
    pub const fn final_error(&self) -> Option<Code> {
        self.error
    }

    /// From the core to the acknowledgement that says it was filed.
    pub fn sla(&self) -> Option<Duration> {
        let integrated = self.integrated_at?;
        let core = self.core_at.unwrap_or(integrated);
        Some(integrated.duration().saturating_sub(core.duration()))
    }

    /// From the request to the core.
    pub fn until_core(&self) -> Option<Duration> {
        self.core_at.map(Since::duration)
    }

    /// From the request to the last message of the sender that carries the record.
    pub fn until_last_sent(&self) -> Option<Duration> {
        self.last_sent_at.map(Since::duration)
    }

    /// When the request was taken.
    pub const fn requested_at(&self) -> Option<Time> {
        self.requested_at
    }

    fn of_large_messaging(&self) -> Outcome {
        let all_acked = self.fragment_acks >= self.fragments;
        match () {
            () if self.duplicates != 0 && self.cores & !self.acked != 0 => Outcome::AmbiguousCopc,
            () if self.fragment_nacked && all_acked => Outcome::TransferredWithError,
            () if self.fragments == 0 => Outcome::CopcNotSent,
            () if !all_acked => Outcome::CopcNotAcknowledged,
            () => Outcome::TransferredNotIntegrated,
        }
    }
}

impl Since {
    const fn duration(self) -> Duration {
        Duration::from_millis(self.0.get() as u64 - 1)
    }
}

impl From<Duration> for Since {
    fn from(duration: Duration) -> Self {
        let millis = u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
        Self(NonZeroU32::MIN.saturating_add(millis))
    }
}

impl Outcome {
    /// All, in the order of the rules.
    pub const ALL: [Self; 11] = [
        Self::IntegratedOnTime,
        Self::IntegratedLate,
        Self::FinalError,
        Self::AmbiguousCopc,
        Self::TransferredWithError,
        Self::CopcNotSent,
        Self::CopcNotAcknowledged,
        Self::TransferredNotIntegrated,
        Self::FatalSenderError,
        Self::RequestNotAcknowledged,
        Self::CoreNotSent,
    ];

    /// What it counts as.
    pub const fn status(self) -> Status {
        match self {
            Self::IntegratedOnTime => Status::OnTime,
            Self::IntegratedLate | Self::TransferredNotIntegrated => Status::ProcessFailure,
            Self::FinalError
            | Self::CopcNotSent
            | Self::CopcNotAcknowledged
            | Self::FatalSenderError
            | Self::RequestNotAcknowledged
            | Self::CoreNotSent => Status::TechnicalFailure,
            Self::AmbiguousCopc | Self::TransferredWithError => Status::UnclassifiedFailure,
        }
    }

    /// As it is published.
    pub const fn words(self) -> &'static str {
        match self {
            Self::IntegratedOnTime => "Integrated on time",
            Self::IntegratedLate => "Integrated late",
            Self::FinalError => "Final error",
            Self::AmbiguousCopc => "Ambiguous COPC messages",
            Self::TransferredWithError => "Transferred, not integrated, with error",
            Self::CopcNotSent => "COPC(s) not sent",
            Self::CopcNotAcknowledged => "COPC(s) not acknowledged",
            Self::TransferredNotIntegrated => "Transferred, not integrated",
            Self::FatalSenderError => "Contains fatal sender error",
            Self::RequestNotAcknowledged => "Request not acknowledged",
            Self::CoreNotSent => "Core extract not sent",
        }
    }
}

/// A core's place in a set; those beyond the seventh share one.
const fn bit(number: u8) -> u8 {
    1 << if number < 7 { number } else { 7 }
}

#[cfg(test)]
mod tests;
