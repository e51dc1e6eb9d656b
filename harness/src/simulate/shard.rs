//! A part of all transfers, by itself: conversations have nothing to do with each other, so that any thread can
//! play any shard, and the sum is the same.

use gp2gp_model::Time;

use super::CUTOFF;
use super::luck::Chanced;
use super::tally::Tally;
use super::workload::Workload;
use super::world::{Rules, World};

/// Into how many parts transfers are dealt, whatever the number of threads. So many that two threads end at the
/// same time, and that what is under way in one part stays near the processor.
pub(super) const SHARDS: u32 = 64;

/// What came of a shard.
pub(super) struct Played {
    pub(super) tally: Tally,
    pub(super) events: u64,
    pub(super) footprint: Footprint,
}

/// What conversations under way take, when there were most of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Footprint {
    pub(super) live: u64,
    pub(super) bytes: u64,
}

/// Plays every [`SHARDS`]th transfer, from this one on.
pub(super) fn play(workload: &Workload<'_>, shard: u32, start: Time, transfers: u32) -> Played {
    let rules = Rules {
        terms: workload.terms(),
        outages: workload.outages(),
        cutoff: CUTOFF,
    };
    let mut world: World<'_, Chanced<'_>, Tally> = World::new(start, rules, Tally::new(start));
    let mut footprint = Footprint::default();
    for number in (shard..transfers).step_by(SHARDS as usize) {
        let begins = workload.begins(number);
        while world.next_time().is_some_and(|next| next <= begins) {
            world.step();
        }
        world.begin(begins, number, workload.case(number), workload.luck(number));
        footprint.see(&world);
    }
    while world.step() {}
    Played {
        events: world.events(),
        footprint,
        tally: world.into_witness(),
    }
}

impl Footprint {
    /// Looks at a world that has more under way than was ever seen. Looking takes time, so a peak counts when it
    /// is a sixteenth higher than the one before.
    fn see(&mut self, world: &World<'_, Chanced<'_>, Tally>) {
        let live = world.live() as u64;
        if live > self.live + self.live / 16 {
            *self = Self {
                live,
                bytes: world.bytes() as u64,
            };
        }
    }

    /// With that of another shard.
    pub(super) const fn and(self, other: Self) -> Self {
        Self {
            live: self.live + other.live,
            bytes: self.bytes + other.bytes,
        }
    }
}
