//! What a simulation cost, apart from what it came to: these figures differ from run to run.

use std::num::NonZeroUsize;

use serde::Serialize;

use super::result::{Memory, Simulation};
use super::{Order, simulate};
use crate::bench::measure;

/// What a simulation cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Speed {
    /// Threads.
    pub jobs: usize,
    /// Seconds on the clock.
    pub wall_seconds: f64,
    /// Seconds of all processors together.
    pub cpu_seconds: f64,
    /// Transfers simulated in a second on the clock.
    pub transfers_per_second: f64,
    /// Messages simulated in a second of one processor.
    pub messages_per_core_second: f64,
    /// Most memory that the process ever had resident; `None` where the system does not tell it.
    pub peak_rss_bytes: Option<u64>,
}

/// How the cost grows with the number of transfers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Growth {
    /// That nobody is real.
    pub notice: String,
    /// From few to many.
    pub steps: Vec<Step>,
}

/// A simulation in a row of ever larger ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Step {
    /// Transfers.
    pub transfers: u64,
    /// Messages that Spine took.
    pub messages: u64,
    /// What conversations under way took.
    pub memory: Memory,
    /// What it cost.
    pub speed: Speed,
}

/// Simulates, and measures it.
pub fn timed(order: &Order<'_>, jobs: NonZeroUsize) -> (Simulation, Speed) {
    let (simulation, took) = measure::on_all_threads(|| simulate(order, jobs));
    let (wall, cpu) = (took.wall.as_secs_f64(), took.cpu.as_secs_f64());
    let per_second = |count: u64, seconds: f64| count as f64 / seconds.max(LEAST_SECONDS);
    let speed = Speed {
        jobs: jobs.get(),
        wall_seconds: wall,
        cpu_seconds: cpu,
        transfers_per_second: per_second(simulation.transfers, wall),
        messages_per_core_second: per_second(simulation.messages.all, cpu),
        peak_rss_bytes: measure::peak_bytes(),
    };
    (simulation, speed)
}

/// The same days with ever more transfers. `progress` is told before each step.
pub fn grow(order: &Order<'_>, jobs: NonZeroUsize, progress: &dyn Fn(u32)) -> Growth {
    let mut notice = String::new();
    let steps = STEPS.into_iter().map(|transfers| {
        progress(transfers);
        let (simulation, speed) = timed(
            &Order {
                transfers,
                ..*order
            },
            jobs,
        );
        notice.clone_from(&simulation.notice);
        Step {
            transfers: simulation.transfers,
            messages: simulation.messages.all,
            memory: simulation.memory,
            speed,
        }
    });
    let steps = steps.collect();
    Growth { notice, steps }
}

const STEPS: [u32; 5] = [1_000, 10_000, 100_000, 1_000_000, 3_000_000];

/// The accounting of processors counts hundredths of a second.
const LEAST_SECONDS: f64 = 0.01;
