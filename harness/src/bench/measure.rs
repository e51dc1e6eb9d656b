//! Time and memory of this process.

use std::fs;
use std::ops::AddAssign;
use std::time::{Duration, Instant};

/// How long something took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Took {
    pub(crate) wall: Duration,
    /// Time of a processor; equals `wall` where the system does not tell it.
    pub(crate) cpu: Duration,
}

impl AddAssign for Took {
    fn add_assign(&mut self, more: Self) {
        self.wall += more.wall;
        self.cpu += more.cpu;
    }
}

/// What `work` takes on this thread.
pub(crate) fn on_this_thread<T>(work: impl FnOnce() -> T) -> (T, Took) {
    measured(work, thread_cpu)
}

/// What `work` takes on all threads of this process.
pub(crate) fn on_all_threads<T>(work: impl FnOnce() -> T) -> (T, Took) {
    measured(work, process_cpu)
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is measured here is the wall clock"
)]
fn measured<T>(work: impl FnOnce() -> T, cpu: impl Fn() -> Option<Duration>) -> (T, Took) {
    let (begun, cpu_before) = (Instant::now(), cpu());
    let done = work();
    let wall = begun.elapsed();
    let cpu = cpu().zip(cpu_before);
    let cpu = cpu.map_or(wall, |(after, before)| after.saturating_sub(before));
    (done, Took { wall, cpu })
}

/// Nanoseconds of this thread on a processor, from the kernel's own accounting.
fn thread_cpu() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

/// User and system time of this process, in hundredths of a second.
fn process_cpu() -> Option<Duration> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the process stands in brackets and may hold anything.
    let (_, fields) = text.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11);
    let mut next = || times.next()?.parse::<u64>().ok();
    Some(Duration::from_millis((next()? + next()?) * 10))
}

/// The most memory that this process ever had resident, in bytes.
pub(crate) fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1_024)
}
