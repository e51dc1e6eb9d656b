//! A bench: rounds of laps, of the system and of the reference system by turns.

use std::fs;
use std::num::NonZeroUsize;
use std::thread;
use std::time::{Duration, Instant};

use gp2gp_model::bench::{BenchReport, Drive, Environment, FORMAT, LapReport};
use gp2gp_model::report::SYNTHETIC_NOTICE;
use gp2gp_model::requirement::Requirement;
use gp2gp_model::verdict::Profile as Against;
use gp2gp_scenarios::Size;

use super::lap::{Course, Lap, closed};
use super::measured::{measured, report};
use super::profile::{Document, Profile};
use super::work::Arrivals;
use super::{LoadError, Subject, ramp, remarks, statistics};
use crate::driver::SUITE;

/// What is measured, and how.
pub struct Bench<'a> {
    /// What is transferred.
    pub profile: &'a Profile,
    /// The catalogue.
    pub catalogue: &'a [Requirement],
    /// Against what transfers are judged.
    pub against: Against,
    /// How often system and reference are measured by turns.
    pub rounds: NonZeroUsize,
    /// Arrivals a second where they do not wait; `None`: six tenths of what the slower of the two does.
    pub open_per_second: Option<f64>,
    /// Looks for the highest rate at which 99 of 100 transfers take no longer than this.
    pub sustained_within: Option<Duration>,
    /// Lets patients register for so long, and looks whether anything grows.
    pub soak: Option<Duration>,
    /// Whether larger and larger documents are tried besides.
    pub sizes: bool,
    /// Seed of the first round.
    pub seed: u64,
    /// The line that comes to this again.
    pub reproduce: String,
}

/// Transfers of a lap in which there is one at a time: enough for a median.
const ALONE: u32 = 12;
/// Transfers before anything is measured.
const WARM_UP: u32 = 20;
/// Of what the slower of the two can do, the share that arrives where arrivals do not wait: short of it
/// queues stay short, and what is seen is the system.
const OPEN_SHARE: f64 = 0.6;
/// Megabytes of the only document of each transfer of a lap of sizes.
const SIZES: [u64; 4] = [4, 8, 16, 32];

/// The laps of one of the two.
#[derive(Default)]
pub(super) struct Laps {
    pub(super) laps: Vec<(Drive, usize, Lap)>,
    /// Arrivals a second that were sustained.
    pub(super) sustained: Option<f64>,
}

/// Measures a system beside the reference system. `progress` is told what comes next.
pub fn bench(
    bench: &Bench<'_>,
    system: &Subject,
    reference: &Subject,
    progress: &dyn Fn(&str),
) -> Result<BenchReport, LoadError> {
    let mut both = [(system, Laps::default()), (reference, Laps::default())];
    progress("warming up");
    for (subject, _) in &both {
        bench.lap(subject, Drive::Full, 0)?;
    }
    let rounds = bench.rounds.get();
    for round in 1..=rounds {
        // Whoever went first goes last in the next round.
        both.rotate_left(1);
        for (subject, laps) in &mut both {
            for drive in [Drive::Alone, Drive::Full] {
                progress(&format!(
                    "round {round} of {rounds}: {}, {}",
                    subject.name,
                    drive.name()
                ));
                laps.laps
                    .push((drive, round, bench.lap(subject, drive, round)?));
            }
        }
    }
    if rounds % 2 == 1 {
        both.rotate_left(1);
    }
    let slower = both.iter().map(|(_, laps)| laps.per_second());
    let slower = slower.fold(f64::INFINITY, f64::min) * OPEN_SHARE;
    let open_per_second = bench.open_per_second.or((slower > 0.0).then_some(slower));
    for (subject, laps) in &mut both {
        for (drive, rate) in [
            (Drive::Open, open_per_second),
            (Drive::Sizes, bench.sizes.then_some(0.0)),
        ] {
            let Some(rate) = rate else { continue };
            progress(&format!("{}, {}", subject.name, drive.name()));
            for lap in bench.laps(subject, drive, rate)? {
                laps.laps.push((drive, 1, lap));
            }
        }
    }
    if let Some(within) = bench.sustained_within {
        for (subject, laps) in &mut both {
            bench.ramp(subject, laps, within, progress)?;
        }
    }
    if let (Some(soak), Some(rate)) = (bench.soak, open_per_second) {
        bench.soak(&mut both, soak, rate, progress)?;
    }
    let [(_, system_laps), (_, reference_laps)] = both;
    let full = |laps: &Laps| -> Vec<f64> {
        let full = laps.laps.iter().filter(|(drive, ..)| *drive == Drive::Full);
        full.map(|(_, _, lap)| lap.per_second()).collect()
    };
    let score = statistics::ratio(full(&system_laps).into_iter().zip(full(&reference_laps)));
    let (system_measured, reference_measured) = (
        measured(&system.name, &system_laps),
        measured(&reference.name, &reference_laps),
    );
    let environment = environment();
    Ok(BenchReport {
        format: FORMAT.to_owned(),
        notice: SYNTHETIC_NOTICE.to_owned(),
        suite: SUITE.to_owned(),
        remarks: remarks::remarks(
            bench.profile.at_once,
            &environment,
            (&system_laps, &system_measured),
            (&reference_laps, &reference_measured),
        ),
        environment,
        within_ms: (bench.sustained_within).map(|within| within.as_secs_f64() * 1e3),
        profile: bench.profile.name.clone(),
        about: bench.profile.about.clone(),
        seed: bench.seed,
        at_once: bench.profile.at_once,
        open_per_second,
        roles: system.roles.clone(),
        system: system_measured,
        reference: reference_measured,
        score,
        reproduce: bench.reproduce.clone(),
    })
}

impl Bench<'_> {
    fn lap(&self, subject: &Subject, drive: Drive, round: usize) -> Result<Lap, LoadError> {
        let seed = self.seed.wrapping_add(round as u64);
        let (transfers, at_once) = match (drive, round) {
            (Drive::Alone, _) => (self.profile.transfers.min(ALONE), 1),
            (_, 0) => (self.profile.transfers.min(WARM_UP), self.profile.at_once),
            (_, _) => (self.profile.transfers, self.profile.at_once),
        };
        let profile = Profile {
            transfers,
            ..self.profile.clone()
        };
        self.run(subject, &profile, closed(at_once), seed)
    }

    fn laps(&self, subject: &Subject, drive: Drive, rate: f64) -> Result<Vec<Lap>, LoadError> {
        match drive {
            Drive::Alone | Drive::Full => Ok(vec![self.lap(subject, drive, 1)?]),
            Drive::Open | Drive::Ramp | Drive::Soak => {
                let arrivals = Arrivals::Open { per_second: rate };
                Ok(vec![self.run(
                    subject,
                    self.profile,
                    arrivals,
                    self.seed,
                )?])
            }
            Drive::Sizes => SIZES
                .iter()
                .map(|megabytes| {
                    let profile = Profile {
                        transfers: 2,
                        document: vec![Document {
                            media_type: "image/tiff".to_owned(),
                            size: Size(megabytes * 1_000_000),
                            count: 1,
                        }],
                        national: None,
                        ..self.profile.clone()
                    };
                    self.run(subject, &profile, closed(1), self.seed)
                })
                .collect(),
        }
    }

    /// Looks for the highest rate that a system sustains.
    fn ramp(
        &self,
        subject: &Subject,
        laps: &mut Laps,
        within: Duration,
        progress: &dyn Fn(&str),
    ) -> Result<(), LoadError> {
        let guess = laps.per_second() * OPEN_SHARE;
        if guess <= 0.0 {
            return Ok(());
        }
        let mut round = 0;
        let sustained = ramp::highest(guess, |rate| {
            round += 1;
            progress(&format!("{}, ramp: {rate:.1} a second", subject.name));
            let profile = Profile {
                transfers: ramp::transfers(rate),
                ..self.profile.clone()
            };
            let arrivals = Arrivals::Open { per_second: rate };
            let seed = self.seed.wrapping_add(round as u64);
            let lap = self.run(subject, &profile, arrivals, seed)?;
            let holds = ramp::is_sustained(&lap, within.as_secs_f64() * 1e3);
            laps.laps.push((Drive::Ramp, round, lap));
            Ok(holds)
        })?;
        laps.sustained = sustained;
        Ok(())
    }

    /// Lap after lap by turns, until the time is over.
    fn soak(
        &self,
        both: &mut [(&Subject, Laps); 2],
        soak: Duration,
        rate: f64,
        progress: &dyn Fn(&str),
    ) -> Result<(), LoadError> {
        let begun = wall();
        let mut round = 0;
        while round == 0 || begun.elapsed() < soak {
            round += 1;
            for (subject, laps) in &mut *both {
                progress(&format!("{}, soak: lap {round}", subject.name));
                let seed = self.seed.wrapping_add(round as u64);
                let arrivals = Arrivals::Open { per_second: rate };
                let lap = self.run(subject, self.profile, arrivals, seed)?;
                laps.laps.push((Drive::Soak, round, lap));
            }
        }
        Ok(())
    }

    fn run(
        &self,
        subject: &Subject,
        profile: &Profile,
        arrivals: Arrivals,
        seed: u64,
    ) -> Result<Lap, LoadError> {
        let course = Course {
            profile,
            catalogue: self.catalogue,
            against: self.against,
        };
        course.lap(subject, arrivals, seed)
    }
}

impl Laps {
    /// Conformant transfers a second under full load, the median of the rounds.
    pub(super) fn per_second(&self) -> f64 {
        self.median(Drive::Full, Lap::per_second)
    }

    pub(super) fn median(&self, drive: Drive, of: impl Fn(&Lap) -> f64) -> f64 {
        let laps = self.of(drive).map(of).collect();
        statistics::median(laps).unwrap_or_default()
    }

    /// The laps that were driven in one way.
    pub(super) fn of(&self, drive: Drive) -> impl Iterator<Item = &Lap> {
        let laps = self.laps.iter().filter(move |(other, ..)| *other == drive);
        laps.map(|(_, _, lap)| lap)
    }

    pub(super) fn reports(&self) -> Vec<LapReport> {
        let laps = self.laps.iter();
        laps.map(|(drive, round, lap)| report(*drive, *round, lap))
            .collect()
    }
}

#[expect(clippy::disallowed_methods, reason = "a soak lasts by the wall clock")]
fn wall() -> Instant {
    Instant::now()
}

fn environment() -> Environment {
    let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = about
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map(|name| name.trim_start_matches([' ', '\t', ':']).to_owned());
    Environment {
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        processor,
        processors: thread::available_parallelism().map_or(1, NonZeroUsize::get),
        optimised: !cfg!(debug_assertions),
    }
}
