//! The clock of a run on sockets: the wall clock, moved forward over idle time, and faster where
//! somebody waits in vain.

use std::time::Duration;

use gp2gp_mocks::peer::Conduct;
use gp2gp_model::Time;
use gp2gp_model::fault::{Effect, Target};
use gp2gp_model::plan::Plan;
use tokio::time::Instant;

/// How many times faster than the wall clock a run passes in which somebody waits in vain: a wait of
/// 20 s takes one.
const RATE: u32 = 20;

/// One, unless somebody waits for what is slow or never comes.
pub(super) fn rate(plan: &Plan) -> u32 {
    let waits = plan.faults.iter().any(|fault| match &fault.effect {
        Effect::Slow(_) => true,
        Effect::Drop | Effect::Delay(_) => match fault.on {
            Target::Posting(_)
            | Target::Store { .. }
            | Target::Directory { .. }
            | Target::Demographics { .. }
            | Target::Federation { .. } => true,
            Target::Delivery(_) | Target::System { .. } => false,
        },
        Effect::Duplicate
        | Effect::Reorder(_)
        | Effect::HoldUntil(_)
        | Effect::Truncate(_)
        | Effect::Corrupt(_)
        | Effect::Refuse(_)
        | Effect::SoapFault(_)
        | Effect::ErrorList(_)
        | Effect::Reset
        | Effect::LoseAnswer
        | Effect::Crash(_)
        | Effect::FullDisk
        | Effect::ClockJump(_)
        | Effect::Spoil(_)
        | Effect::Garble(_)
        | Effect::Race => false,
    });
    if waits { RATE } else { 1 }
}

/// The wall clock, moved forward over idle time.
pub(super) struct Clock {
    start: Time,
    opened: Instant,
    skipped: Duration,
    rate: u32,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this driver is where the wall clock comes in"
    )]
    pub(super) fn new(start: Time, rate: u32) -> Self {
        Self {
            start,
            opened: Instant::now(),
            skipped: Duration::ZERO,
            rate,
        }
    }

    /// How many times faster than the wall clock it runs.
    pub(super) const fn rate(&self) -> u32 {
        self.rate
    }

    pub(super) fn now(&self) -> Time {
        self.start + self.opened.elapsed() * self.rate + self.skipped
    }

    /// A speed that is measured by this clock, as the wall clock sees it.
    pub(super) fn quicken(&self, conduct: Conduct) -> Conduct {
        match conduct {
            Conduct::Slow { bytes_per_second } => Conduct::Slow {
                bytes_per_second: bytes_per_second.saturating_mul(self.rate),
            },
            Conduct::Clean | Conduct::Truncate { .. } | Conduct::Reset | Conduct::Silent => conduct,
        }
    }

    pub(super) fn skip_to(&mut self, time: Time) {
        self.skipped += time.since(self.now());
    }
}
