//! What goes wrong on purpose: decided here, once for each post and once for each message.

use std::time::Duration;

use gp2gp_model::fault::{Effect, Fault, MessagePattern, Target};
use gp2gp_model::plan::Role;
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{Break, MessageKind, Time};
use gp2gp_sim::{Streams, Trigger};

/// The planned faults that Spine acts out.
#[derive(Debug)]
pub(super) struct Faults {
    outages: Vec<Outage>,
    posting: Vec<Rule<Mishap>>,
    delivery: Vec<Rule<Fate>>,
}

/// A time in which Spine takes nothing and delivers nothing.
#[derive(Debug)]
pub(super) struct Outage {
    pub(super) name: String,
    pub(super) refusal: Refused,
    trigger: Trigger,
    /// When it is over; `None`: never.
    pub(super) until: Option<Time>,
}

/// How Spine refuses on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// With this HTTP status and nothing that says why.
    Status(u16),
    /// With a SOAP fault with this national code.
    SoapFault(String),
    /// With an error list with this code.
    ErrorList(String),
}

/// What happens to one post of a system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mishap {
    /// It is refused.
    Refused(Refused),
    /// It is not taken, and gets no answer.
    Silence,
    /// It is not taken: the connection is reset.
    Reset,
    /// It is taken, and the answer is lost.
    AnswerLost,
    /// It is taken, and the answer breaks off.
    AnswerCut { percent: u8 },
    /// It is taken, and the answer travels slowly.
    AnswerSlow { bytes_per_second: u32 },
    /// It is taken, and the answer comes late.
    AnswerLate(Duration),
    /// It is taken, and its poster goes down before it sees the answer.
    PosterCrashes(Duration),
}

/// What happens to a message that Spine took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It never arrives.
    Lost,
    /// It arrives twice.
    Doubled,
    /// It arrives broken.
    Malformed(Break),
    /// It is kept for a while.
    Kept(Keeping),
    /// Its first delivery goes wrong.
    Stumbles(Stumble),
}

/// How long a message is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Keeping {
    /// For a time.
    For(Duration),
    /// Until so many later messages to the same recipient were delivered.
    Behind(u32),
    /// Until such a message was delivered to anybody.
    Until(MessagePattern),
}

/// What goes wrong with one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stumble {
    /// The connection breaks after this percentage of the body.
    Cut { percent: u8 },
    /// It is delivered, and the answer of the recipient is lost.
    AnswerLost,
    /// It travels slowly.
    Slow { bytes_per_second: u32 },
    /// The recipient goes down after taking it, before Spine has the answer.
    RecipientCrashes(Duration),
}

#[derive(Debug)]
struct Rule<T> {
    name: String,
    pattern: MessagePattern,
    trigger: Trigger,
    outcome: T,
}

impl Faults {
    /// Sorts out what Spine has to act out; everything else is for others.
    pub(super) fn new(faults: Vec<Fault>, started: Time, streams: Streams) -> Self {
        let mut sorted = Self {
            outages: Vec::new(),
            posting: Vec::new(),
            delivery: Vec::new(),
        };
        for Fault {
            name,
            effect,
            on,
            when,
        } in faults
        {
            let until = when.lasts.map(|lasts| started + when.from + lasts);
            let stream = streams.stream(&format!("fault/{name}"));
            let trigger = Trigger::new(when, started, stream);
            match on {
                Target::System {
                    system: Endpoint::Spine,
                } => sorted.outages.extend(refused(effect).map(|refusal| Outage {
                    name,
                    refusal,
                    trigger,
                    until,
                })),
                Target::Posting(pattern) => {
                    sorted.posting.extend(mishap(effect).map(|outcome| Rule {
                        name,
                        pattern,
                        trigger,
                        outcome,
                    }));
                }
                Target::Delivery(pattern) => {
                    sorted.delivery.extend(fate(effect).map(|outcome| Rule {
                        name,
                        pattern,
                        trigger,
                        outcome,
                    }));
                }
                Target::System { .. }
                | Target::Store { .. }
                | Target::Directory { .. }
                | Target::Demographics { .. }
                | Target::Federation { .. } => {}
            }
        }
        sorted
    }

    pub(super) fn outage_at(&self, now: Time) -> Option<&Outage> {
        self.outages
            .iter()
            .find(|outage| outage.trigger.is_open(now))
    }

    /// Counts a post, and says what is planned for it, with the name of the fault.
    pub(super) fn next_post(
        &mut self,
        now: Time,
        from: Role,
        kind: Option<MessageKind>,
        bytes: u64,
    ) -> Option<(String, Mishap)> {
        decide(&mut self.posting, now, from, kind, bytes)
    }

    /// Counts a new message, and says what is planned for it, with the name of the fault.
    pub(super) fn next_message(
        &mut self,
        now: Time,
        from: Role,
        kind: Option<MessageKind>,
        bytes: u64,
    ) -> Option<(String, Fate)> {
        decide(&mut self.delivery, now, from, kind, bytes)
    }
}

/// Every fault counts its occasions, whichever of them acts: the first one planned.
fn decide<T: Clone>(
    rules: &mut [Rule<T>],
    now: Time,
    from: Role,
    kind: Option<MessageKind>,
    bytes: u64,
) -> Option<(String, T)> {
    let mut decided = None;
    for rule in rules {
        let fires = rule.pattern.fits(from, kind, bytes) && rule.trigger.fires(now);
        if fires && decided.is_none() {
            decided = Some((rule.name.clone(), rule.outcome.clone()));
        }
    }
    decided
}

fn refused(effect: Effect) -> Option<Refused> {
    match effect {
        Effect::Refuse(status) => Some(Refused::Status(status)),
        Effect::SoapFault(code) => Some(Refused::SoapFault(code)),
        Effect::ErrorList(code) => Some(Refused::ErrorList(code)),
        Effect::Drop
        | Effect::Delay(_)
        | Effect::Duplicate
        | Effect::Reorder(_)
        | Effect::HoldUntil(_)
        | Effect::Truncate(_)
        | Effect::Corrupt(_)
        | Effect::Reset
        | Effect::LoseAnswer
        | Effect::Slow(_)
        | Effect::Crash(_)
        | Effect::FullDisk
        | Effect::ClockJump(_)
        | Effect::Spoil(_)
        | Effect::Garble(_)
        | Effect::Race => None,
    }
}

/// `None` for what cannot happen to a post: [`Effect::fits`] has refused it before.
fn mishap(effect: Effect) -> Option<Mishap> {
    match effect {
        Effect::Refuse(_) | Effect::SoapFault(_) | Effect::ErrorList(_) => {
            refused(effect).map(Mishap::Refused)
        }
        Effect::Drop => Some(Mishap::Silence),
        Effect::Reset => Some(Mishap::Reset),
        Effect::LoseAnswer => Some(Mishap::AnswerLost),
        Effect::Truncate(percent) => Some(Mishap::AnswerCut { percent }),
        Effect::Slow(bytes_per_second) => Some(Mishap::AnswerSlow { bytes_per_second }),
        Effect::Delay(by) => Some(Mishap::AnswerLate(by)),
        Effect::Crash(down_for) => Some(Mishap::PosterCrashes(down_for)),
        Effect::Duplicate
        | Effect::Reorder(_)
        | Effect::HoldUntil(_)
        | Effect::Corrupt(_)
        | Effect::FullDisk
        | Effect::ClockJump(_)
        | Effect::Spoil(_)
        | Effect::Garble(_)
        | Effect::Race => None,
    }
}

/// `None` for what cannot happen on delivery: [`Effect::fits`] has refused it before.
fn fate(effect: Effect) -> Option<Fate> {
    match effect {
        Effect::Drop => Some(Fate::Lost),
        Effect::Duplicate => Some(Fate::Doubled),
        Effect::Corrupt(how) => Some(Fate::Malformed(how)),
        Effect::Delay(by) => Some(Fate::Kept(Keeping::For(by))),
        Effect::Reorder(behind) => Some(Fate::Kept(Keeping::Behind(behind))),
        Effect::HoldUntil(pattern) => Some(Fate::Kept(Keeping::Until(pattern))),
        Effect::Truncate(percent) => Some(Fate::Stumbles(Stumble::Cut { percent })),
        Effect::Reset => Some(Fate::Stumbles(Stumble::Cut { percent: 0 })),
        Effect::LoseAnswer => Some(Fate::Stumbles(Stumble::AnswerLost)),
        Effect::Slow(bytes_per_second) => Some(Fate::Stumbles(Stumble::Slow { bytes_per_second })),
        Effect::Crash(down_for) => Some(Fate::Stumbles(Stumble::RecipientCrashes(down_for))),
        Effect::Refuse(_)
        | Effect::SoapFault(_)
        | Effect::ErrorList(_)
        | Effect::FullDisk
        | Effect::ClockJump(_)
        | Effect::Spoil(_)
        | Effect::Garble(_)
        | Effect::Race => None,
    }
}
