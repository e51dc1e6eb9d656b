//! From laps to figures.

use std::collections::BTreeMap;
use std::time::Duration;

use gp2gp_model::bench::{BreachReport, Drive, LapReport, Measured, Stage, StageReport};
use gp2gp_model::{RequirementId, Time};
use hdrhistogram::Histogram;

use super::bench::Laps;
use super::lap::Lap;
use super::statistics;
use super::timeline::{Breach, Timeline};

/// What takes longer counts as this: a week.
const LONGEST_MICROS: u64 = 7 * 86_400 * 1_000_000;

/// Everything that the laps of one system come to.
pub(super) fn measured(name: &str, laps: &Laps) -> Measured {
    let all = || laps.laps.iter().map(|(_, _, lap)| lap);
    let mut stages = Vec::new();
    for drive in [Drive::Alone, Drive::Full, Drive::Open] {
        for stage in Stage::ALL {
            stages.extend(stage_report(drive, stage, laps));
        }
    }
    Measured {
        name: name.to_owned(),
        transfers: all().map(|lap| lap.transfers.len()).sum(),
        conformant: all().map(|lap| lap.conformant().count()).sum(),
        laps: laps.reports(),
        sustained_per_second: laps.sustained,
        per_second: laps.per_second(),
        bytes_per_second: laps.median(Drive::Full, Lap::bytes_per_second),
        stages,
        cpu_ms_per_transfer: cpu_ms_per_transfer(laps),
        resident_bytes: all().filter_map(|lap| lap.system_bytes).max(),
        growth: growth(laps),
        breaches: breaches(all()),
        mishaps: all()
            .filter_map(|lap| lap.mishap.as_ref())
            .map(ToString::to_string)
            .collect(),
    }
}

/// A lap, for the report.
pub(super) fn report(drive: Drive, round: usize, lap: &Lap) -> LapReport {
    let begun = lap.transfers.iter().map(|it| it.intended).min();
    let mut ends: Vec<(f64, f64)> = (lap.conformant())
        .filter_map(|it| {
            let ended = it.ended?;
            Some((
                milliseconds(ended.since(begun?)),
                milliseconds(ended.since(it.start(drive))),
            ))
        })
        .collect();
    ends.sort_by(|one, other| one.0.total_cmp(&other.0));
    LapReport {
        drive,
        round,
        transfers: lap.transfers.len(),
        conformant: lap.conformant().count(),
        lasted_ms: milliseconds(lap.lasted),
        per_second: lap.per_second(),
        most_under_way: most_under_way(&lap.transfers),
        resident_bytes: lap.system_bytes,
        p50: statistics::median(ends.iter().map(|(_, took)| *took).collect()),
        system_share: lap.system_share(),
        harness_share: lap.harness_share(),
        harness_speed: lap.harness_speed(),
        ends,
    }
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

fn stage_report(drive: Drive, stage: Stage, laps: &Laps) -> Option<StageReport> {
    // Three digits are more than any of these figures is worth.
    let mut histogram = Histogram::<u64>::new_with_bounds(1, LONGEST_MICROS, 3).ok()?;
    for line in laps.of(drive).flat_map(Lap::conformant) {
        if let Some(took) = line.took(stage, drive) {
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            histogram.saturating_record(micros.max(1));
        }
    }
    if histogram.is_empty() {
        return None;
    }
    let at = |percent| histogram.value_at_percentile(percent) as f64 / 1e3;
    let buckets = histogram.iter_log(100, 1.5);
    let buckets = buckets.filter(|it| it.count_since_last_iteration() > 0);
    Some(StageReport {
        drive,
        stage,
        count: histogram.len(),
        p50: at(50.0),
        p90: at(90.0),
        p99: at(99.0),
        max: histogram.max() as f64 / 1e3,
        buckets: buckets
            .map(|it| {
                (
                    it.value_iterated_to() as f64 / 1e3,
                    it.count_since_last_iteration(),
                )
            })
            .collect(),
    })
}

impl Timeline {
    /// Where a transfer counts from. Where the system sets the pace, a patient comes when there is room;
    /// elsewhere nobody waits because the system is slow.
    fn start(&self, drive: Drive) -> Time {
        match drive {
            Drive::Open | Drive::Ramp | Drive::Soak => self.intended,
            Drive::Alone | Drive::Full | Drive::Sizes => self.registered.unwrap_or(self.intended),
        }
    }

    /// How long a stage took, if it went through it.
    pub(super) fn took(&self, stage: Stage, drive: Drive) -> Option<Duration> {
        let start = Some(self.start(drive));
        let (from, to) = match stage {
            Stage::Request => (start, self.requested),
            Stage::Core => (self.requested, self.core),
            Stage::Continue => (self.core, self.continued),
            Stage::Fragments => (self.continued, self.pieces),
            Stage::Filing => (self.pieces.max(self.core), self.ended),
            Stage::Whole => (start, self.ended),
        };
        Some(to?.since(from?))
    }
}

/// The most transfers that were under way at one moment.
fn most_under_way(transfers: &[Timeline]) -> usize {
    let mut moments: Vec<(Time, i64)> = Vec::new();
    for line in transfers {
        if let Some(ended) = line.ended {
            moments.push((line.registered.unwrap_or(line.intended), 1));
            moments.push((ended, -1));
        }
    }
    moments.sort_unstable();
    let mut under_way = 0;
    let most = moments.iter().map(|(_, change)| {
        under_way += change;
        under_way
    });
    usize::try_from(most.max().unwrap_or_default()).unwrap_or_default()
}

fn cpu_ms_per_transfer(laps: &Laps) -> Option<f64> {
    let each = laps.of(Drive::Full).map(|lap| {
        let cpu = lap.system_cpu?;
        let conformant = lap.conformant().count();
        (conformant > 0).then(|| milliseconds(cpu) / conformant as f64)
    });
    statistics::median(each.collect::<Option<Vec<f64>>>()?)
}

/// How taking in the only document grows with its size.
fn growth(laps: &Laps) -> Option<f64> {
    let lines = laps.of(Drive::Sizes).flat_map(Lap::conformant);
    let points = lines.filter_map(|line| {
        let took = line.ended?.since(line.core?);
        Some((line.bytes as f64, took.as_secs_f64()))
    });
    statistics::growth(&points.collect::<Vec<_>>())
}

fn breaches<'a>(laps: impl Iterator<Item = &'a Lap>) -> Vec<BreachReport> {
    let mut found: BTreeMap<RequirementId, BreachReport> = BTreeMap::new();
    for line in laps.flat_map(|lap| &lap.transfers) {
        let mut told: Vec<&RequirementId> = Vec::new();
        for Breach {
            requirement,
            violation,
        } in &line.breaches
        {
            if told.contains(&requirement) {
                continue;
            }
            told.push(requirement);
            let breach = found
                .entry(requirement.clone())
                .or_insert_with(|| BreachReport {
                    requirement: requirement.clone(),
                    transfers: 0,
                    expected: violation.expected.clone(),
                    seen: violation.seen.clone(),
                });
            breach.transfers += 1;
        }
    }
    found.into_values().collect()
}
