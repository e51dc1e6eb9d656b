//! What processes use of this machine, as far as it can be seen.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

/// What some processes have used so far, with everything that they started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Used {
    /// Time of processors.
    pub(super) cpu: Duration,
    /// What is resident now.
    pub(super) resident_bytes: u64,
}

/// What these processes have used; `None` where it cannot be seen.
pub(super) fn used_by(processes: &[u32]) -> Option<Used> {
    if processes.is_empty() {
        return None;
    }
    let mut sum = Used::default();
    for process in with_children(processes) {
        sum.cpu += cpu(&process.to_string())?;
        sum.resident_bytes += resident_bytes(process).unwrap_or_default();
    }
    Some(sum)
}

/// What this thread has used of a processor.
pub(super) fn cpu_of_thread() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

fn with_children(processes: &[u32]) -> BTreeSet<u32> {
    let mut found: BTreeSet<u32> = processes.iter().copied().collect();
    let mut to_ask: Vec<u32> = processes.to_vec();
    while let Some(process) = to_ask.pop() {
        let path = format!("/proc/{process}/task/{process}/children");
        let children = fs::read_to_string(path).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|it| it.parse().ok());
        to_ask.extend(children.filter(|child| found.insert(*child)));
    }
    found
}

/// User and system time of a process, in hundredths of a second.
fn cpu(process: &str) -> Option<Duration> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the process stands in brackets and may hold anything.
    let (_, fields) = text.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11);
    let mut next = || times.next()?.parse::<u64>().ok();
    Some(Duration::from_millis((next()? + next()?) * 10))
}

fn resident_bytes(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1_024)
}
