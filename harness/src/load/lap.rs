//! One lap: some transfers with a system, judged, by the clock.

use std::num::NonZeroU32;
use std::time::Duration;

use gp2gp_model::plan::Role;
use gp2gp_model::report::Mishap;
use gp2gp_model::requirement::Requirement;
use gp2gp_model::trace::Endpoint;
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
    /// Requests of every kind that the system made, for each transfer.
    pub(super) asked: f64,
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
        let Attached {
            traced: (trace, bodies),
            mishap,
            before: _,
        } = attached.play(&plan, BodyStore::temporary(), None)?;
        let after = (resources::used_by(&processes), resources::own_cpu());
        let view = View::new(&trace, &bodies);
        let transfers = timelines(&plan, &view, &subject.roles, self.catalogue, self.against);
        let asked = asked(&view, &subject.roles) as f64 / transfers.len().max(1) as f64;
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
            asked,
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

    /// The share of one processor that the harness took, at most: what it did before the first patient came,
    /// such as making records, counts as if it had been done meanwhile.
    pub(super) fn harness_share(&self) -> Option<f64> {
        share(self.harness_cpu?, self.lasted)
    }

    /// The share of one processor that the system took, with the same reserve.
    pub(super) fn system_share(&self) -> Option<f64> {
        share(self.system_cpu?, self.lasted)
    }
}

/// So many at once.
pub(super) fn closed(at_once: u32) -> Arrivals {
    Arrivals::Closed {
        at_once: NonZeroU32::new(at_once).unwrap_or(NonZeroU32::MIN),
    }
}

fn share(cpu: Duration, of: Duration) -> Option<f64> {
    (!of.is_zero()).then(|| cpu.as_secs_f64() / of.as_secs_f64())
}

/// Requests of the systems of these roles, to everybody.
fn asked(view: &View, roles: &[Role]) -> usize {
    let is_own = |from: Endpoint| roles.iter().any(|role| role.endpoint() == from);
    let posts = view.posts.iter().filter(|it| is_own(it.from)).count();
    let calls = view.store_calls.iter().filter(|it| is_own(it.from)).count();
    let questions = view.national_calls.iter().filter(|it| is_own(it.from));
    posts + calls + questions.count()
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
