//! Capacity in virtual time: millions of transfers between practices whose messages have no bodies.
//!
//! A [`Workload`](workload) draws transfers from a [`Profile`]. Each is a conversation of two small state
//! machines, [`requesting`] and [`sending`], which decide what the reference systems in `gp2gp_mocks` decide;
//! `harness/tests/simulated_peers.rs` plays both side by side and wants the same messages at the same times.
//! A [`world`] is the kernel in which many of them live at once, and a [`shard`] one of the parts into which all
//! are dealt. What comes of them is added up in a [`tally`]; how a transfer is classified is [`outcome`].

mod alone;
mod calendar;
mod case;
mod country;
mod layout;
mod luck;
mod message;
mod outages;
mod outcome;
mod profile;
mod promise;
mod quantiles;
mod report;
mod requesting;
mod result;
mod sending;
mod shard;
mod speed;
mod spine;
mod tally;
mod workload;
mod world;

use std::num::NonZeroUsize;
use std::time::Duration;

use gp2gp_model::Time;
use gp2gp_sim::Streams;

pub use alone::{Played, play};
pub use case::{AnswersRequest, Case, Obstacle, Terms, Wait};
pub(crate) use country::{Country, Network, Unusual};
pub use layout::{Layout, Limits};
pub use message::{Code, Message};
pub use outages::Outages;
pub use outcome::{Evidence, Outcome, Status};
pub use profile::{ENGLAND, Profile, ProfileError};
pub use promise::Promise;
pub use result::{DurationRow, Memory, Messages, OutcomeRow, PrintRow, Simulation, Weeks};
pub use speed::{Growth, Speed, Step, grow, timed};
pub use spine::{Condition, Fate, Luck, Mishap};

use crate::parallel;
use shard::SHARDS;
use tally::Tally;
use workload::Workload;

/// What comes later after the request is not looked at when a transfer is classified.
const CUTOFF: Duration = Duration::from_hours(28 * 24);

/// Monday 2026-01-05, midnight: months and weekdays count from here.
const START: Time = Time::from_micros(1_767_571_200_000_000);

/// What is to be simulated.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// What is moved, and what goes wrong.
    pub profile: &'a Profile,
    /// Seed of all chance.
    pub seed: u64,
    /// Days in which transfers begin.
    pub days: u32,
    /// How many.
    pub transfers: u32,
}

/// Simulates transfers to the end of the last one. The result is the same on any number of threads.
pub fn simulate(order: &Order<'_>, jobs: NonZeroUsize) -> Simulation {
    let streams = Streams::new(order.seed);
    let workload = Workload::new(order.profile, &streams, START, order.days, order.transfers);
    let shards: Vec<u32> = (0..SHARDS).collect();
    let mut played = parallel::map(
        &shards,
        jobs,
        |_| 1,
        |shard| shard::play(&workload, *shard, START, order.transfers),
    );
    let mut tally = Tally::new(START);
    for shard in &mut played {
        tally.add(std::mem::replace(&mut shard.tally, Tally::new(START)));
    }
    Simulation::of(order, &played, &tally)
}
