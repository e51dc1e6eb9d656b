//! One lap: some transfers with a system, judged, by the clock.

use std::num::NonZeroU32;
use std::time::Duration;

use gp2gp_model::report::Mishap;
use gp2gp_model::requirement::Requirement;
use gp2gp_model::verdict::Profile as Against;

use super::LoadError;
use super::profile::Profile;
use super::resources::{self, Used};
use super::subject::Subject;
use super::timeline::{Timeline, timelines};
use super::work::{self, Arrivals};
use crate::bodies::BodyStore;
use crate::check::View;
use crate::driver::Attached;

/// A lap, measured.
#[derive(Debug, Clone)]
pub(super) struct Lap {
    /// Every transfer.
    pub(super) transfers: Vec<Timeline>,
    /// From the first intended start to the last end.
    pub(super) lasted: Duration,
    /// Processors of the system, where they can be seen.
    pub(super) system_cpu: Option<Duration>,
    /// What it had resident after the lap.
    pub(super) system_bytes: Option<u64>,
    /// Processors of the harness while messages were under way: Spine, directories, stores, the other
    /// practice, people.
    pub(super) harness_cpu: Option<Duration>,
    /// The wall clock for the same.
    pub(super) played: Duration,
    /// Something was wrong with the system as a whole.
    pub(super) mishap: Option<Mishap>,
}

/// What a lap is made of.
pub(super) struct Course<'a> {
    pub(super) profile: &'a Profile,
    pub(super) catalogue: &'a [Requirement],
    pub(super) against: Against,
}

impl Course<'_> {
    /// Runs a lap and judges it. Judging begins when the last message has come: it costs the system nothing.
    pub(super) fn lap(
        &self,
        subject: &Subject,
        arrivals: Arrivals,
        seed: u64,
    ) -> Result<Lap, LoadError> {
        let plan = work::plan(
            self.profile,
            arrivals,
            &subject.roles,
            self.catalogue,
            seed,
            &subject.terms,
        )?;
        let attached = &subject.attached;
        let plan = attached.timed(&plan);
        let processes = attached.processes();
        let used_before = (resources::used_by(&processes), resources::own_cpu());
        let watch = Watch::start();
        let Attached {
            traced: (trace, bodies),
            mishap,
            before: _,
        } = attached.play(&plan, BodyStore::temporary(), None)?;
        let played = watch.elapsed();
        let after = (resources::used_by(&processes), resources::own_cpu());
        let view = View::new(&trace, &bodies);
        let transfers = timelines(&plan, &view, &subject.roles, self.catalogue, self.against);
        let spent = |used: Option<(Used, Used)>| used.map(|(before, after)| after.cpu - before.cpu);
        Ok(Lap {
            lasted: lasted(&transfers),
            transfers,
            system_cpu: spent(used_before.0.zip(after.0)),
            system_bytes: after.0.map(|used| used.resident_bytes),
            harness_cpu: used_before
                .1
                .zip(after.1)
                .map(|(before, after)| after - before),
            played,
            mishap,
        })
    }
}

impl Lap {
    /// Transfers that came to their end and break no MUST.
    pub(super) fn conformant(&self) -> impl Iterator<Item = &Timeline> {
        let holds = self.mishap.is_none();
        self.transfers.iter().filter(move |it| holds && it.counts())
    }

    /// Those a second.
    pub(super) fn per_second(&self) -> f64 {
        rate(self.conformant().count() as f64, self.lasted)
    }

    /// Bytes of their messages with documents, a second.
    pub(super) fn bytes_per_second(&self) -> f64 {
        let bytes: u64 = self.conformant().map(|it| it.bytes).sum();
        rate(bytes as f64, self.lasted)
    }

    /// The share of one processor that the harness took.
    pub(super) fn harness_share(&self) -> Option<f64> {
        let cpu = self.harness_cpu?;
        Some(cpu.as_secs_f64() / self.played.as_secs_f64().max(f64::MIN_POSITIVE))
    }
}

/// So many at once.
pub(super) fn closed(at_once: u32) -> Arrivals {
    Arrivals::Closed {
        at_once: NonZeroU32::new(at_once).unwrap_or(NonZeroU32::MIN),
    }
}

fn rate(amount: f64, lasted: Duration) -> f64 {
    match lasted.is_zero() {
        true => 0.0,
        false => amount / lasted.as_secs_f64(),
    }
}

fn lasted(transfers: &[Timeline]) -> Duration {
    let first = transfers.iter().map(|it| it.intended).min();
    let ends = transfers
        .iter()
        .filter_map(|it| it.ended.or(it.core).or(it.requested));
    match (first, ends.max()) {
        (Some(first), Some(last)) => last.since(first),
        (None, _) | (_, None) => Duration::ZERO,
    }
}

struct Watch(std::time::Instant);

#[expect(
    clippy::disallowed_methods,
    reason = "what is measured here is the wall clock"
)]
impl Watch {
    fn start() -> Self {
        Self(std::time::Instant::now())
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
