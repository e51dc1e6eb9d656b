//! One lap: some transfers with a system, judged, by the clock.

use std::num::NonZeroU32;
use std::time::Duration;

use gp2gp_model::bench::HarnessSpeed;
use gp2gp_model::plan::{Plan, Role};
use gp2gp_model::report::Mishap;
use gp2gp_model::requirement::Requirement;
use gp2gp_model::trace::{Endpoint, Trace};
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
    /// Processors that judging it took.
    pub(super) judge_cpu: Option<Duration>,
    /// Requests of every kind that the harness made, or answered.
    pub(super) requests: usize,
    /// Requests of every kind that the system made, for each transfer.
    pub(super) asked: f64,
    /// Something was wrong with the system as a whole.
    pub(super) mishap: Option<Mishap>,
}

/// What a lap is made of.
pub(super) struct Course<'a> {
    pub(super) profile: &'a Profile,
    pub(super) catalogue: &'a [Requirement],
}

/// A lap that was run and not judged yet.
pub(super) struct Played {
    plan: Plan,
    trace: Trace,
    bodies: BodyStore,
    roles: Vec<Role>,
    system: Option<(Used, Used)>,
    harness_cpu: Option<Duration>,
    mishap: Option<Mishap>,
}

impl Course<'_> {
    /// Runs a lap.
    pub(super) fn play(
        &self,
        subject: &Subject,
        arrivals: Arrivals,
        seed: u64,
    ) -> Result<Played, LoadError> {
        let plan = work::plan(
            self.profile,
            arrivals,
            &subject.roles,
            self.catalogue,
            seed,
            &subject.terms,
        )?;
        let attached = &subject.attached;
        let plan = attached.timed(&plan).into_owned();
        let processes = attached.processes();
        let before = (resources::used_by(&processes), resources::cpu_of_thread());
        let Attached {
            traced: (trace, bodies),
            mishap,
            before: _,
        } = attached.play(&plan, BodyStore::temporary(), None)?;
        let after = (resources::used_by(&processes), resources::cpu_of_thread());
        Ok(Played {
            plan,
            trace,
            bodies,
            roles: subject.roles.clone(),
            system: before.0.zip(after.0),
            harness_cpu: before.1.zip(after.1).map(|(before, after)| after - before),
            mishap,
        })
    }
}

impl Played {
    /// Judges it by all checks.
    pub(super) fn judged(self, catalogue: &[Requirement], against: Against) -> Lap {
        let before = resources::cpu_of_thread();
        let view = View::new(&self.trace, &self.bodies);
        let transfers = timelines(&self.plan, &view, &self.roles, catalogue, against);
        let asked = asked(&view, &self.roles) as f64 / transfers.len().max(1) as f64;
        let after = resources::cpu_of_thread();
        Lap {
            lasted: lasted(&transfers),
            transfers,
            system_cpu: self.system.map(|(before, after)| after.cpu - before.cpu),
            system_bytes: self.system.map(|(_, after)| after.resident_bytes),
            harness_cpu: self.harness_cpu,
            judge_cpu: before.zip(after).map(|(before, after)| after - before),
            requests: requests(&view),
            asked,
            mishap: self.mishap,
        }
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

    /// Requests for each second of a processor that the harness took to drive them, and to drive and judge them.
    pub(super) fn harness_speed(&self) -> Option<HarnessSpeed> {
        let (driving, judging) = self.harness_cpu.zip(self.judge_cpu)?;
        let requests = self.requests as f64;
        (!driving.is_zero()).then(|| HarnessSpeed {
            driven_per_second: requests / driving.as_secs_f64(),
            judged_per_second: requests / (driving + judging).as_secs_f64(),
        })
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

/// Everything that crossed the wire, each a request with its answer, in which the harness had a part.
fn requests(view: &View) -> usize {
    view.posts.len() + view.store_calls.len() + view.national_calls.len()
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
