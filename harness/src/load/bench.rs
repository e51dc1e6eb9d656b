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

use super::judge::{Judge, Placed};
use super::lap::{Course, Lap, Played, closed};
use super::measured::{measured, report};
use super::profile::{CountryName, Document, Profile};
use super::work::Arrivals;
use super::{LoadError, Side, Subject, ramp, remarks, statistics};
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

/// What is told while a bench runs.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// What comes next.
    Next(&'a str),
    /// What the judge found in a lap.
    Found(&'a str),
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

/// Measures a system beside the reference system. `progress` is told what comes next, and what does not count as
/// soon as that is known.
pub fn bench(
    bench: &Bench<'_>,
    system: &Subject,
    reference: &Subject,
    progress: &dyn Fn(Progress<'_>),
) -> Result<BenchReport, LoadError> {
    let [system_laps, reference_laps] = thread::scope(|scope| {
        let mut bout = Bout {
            bench,
            subjects: [system, reference],
            laps: [Laps::default(), Laps::default()],
            judge: Judge::start(scope, bench.catalogue, bench.against),
            progress,
        };
        bout.warm_up()?;
        bout.rounds()?;
        let open_per_second = bout.open_per_second();
        bout.open(open_per_second)?;
        bout.sizes()?;
        bout.ramp()?;
        bout.soak(open_per_second)?;
        bout.settle()?;
        Ok::<_, LoadError>(bout.laps)
    })?;
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
        open_per_second: bench.open_rate(&system_laps, &reference_laps),
        roles: system.roles.clone(),
        system: system_measured,
        reference: reference_measured,
        score,
        reproduce: bench.reproduce.clone(),
    })
}

/// A bench on its way.
struct Bout<'a> {
    bench: &'a Bench<'a>,
    subjects: [&'a Subject; 2],
    laps: [Laps; 2],
    judge: Judge,
    progress: &'a dyn Fn(Progress<'_>),
}

const SIDES: [Side; 2] = [Side::System, Side::Reference];

impl Bout<'_> {
    fn warm_up(&mut self) -> Result<(), LoadError> {
        (self.progress)(Progress::Next("warming up"));
        let profile = Profile {
            transfers: self.bench.profile.transfers.min(WARM_UP),
            ..self.bench.profile.clone()
        };
        for side in SIDES {
            let (arrivals, seed) = (closed(profile.at_once), self.bench.seed);
            self.play(side, &profile, arrivals, seed)?;
        }
        Ok(())
    }

    fn rounds(&mut self) -> Result<(), LoadError> {
        let rounds = self.bench.rounds.get();
        let mut order = SIDES;
        for round in 1..=rounds {
            // Whoever went first goes last in the next round.
            order.reverse();
            for side in order {
                for drive in [Drive::Alone, Drive::Full] {
                    self.tell(
                        side,
                        &format!("round {round} of {rounds}, {}", drive.name()),
                    );
                    let (transfers, at_once) = match drive {
                        Drive::Alone => (self.bench.profile.transfers.min(ALONE), 1),
                        Drive::Full | Drive::Open | Drive::Sizes | Drive::Ramp | Drive::Soak => {
                            (self.bench.profile.transfers, self.bench.profile.at_once)
                        }
                    };
                    let profile = self.bench.profile.with_transfers(transfers);
                    self.lap(side, drive, round, &profile, closed(at_once))?;
                }
            }
        }
        // What comes next depends on how fast they are.
        self.settle()
    }

    fn open_per_second(&self) -> Option<f64> {
        let [system, reference] = &self.laps;
        self.bench.open_rate(system, reference)
    }

    fn open(&mut self, rate: Option<f64>) -> Result<(), LoadError> {
        let Some(per_second) = rate else {
            return Ok(());
        };
        for side in SIDES {
            self.tell(side, Drive::Open.name());
            let arrivals = self.bench.arrivals(per_second);
            self.lap(side, Drive::Open, 1, self.bench.profile, arrivals)?;
        }
        Ok(())
    }

    fn sizes(&mut self) -> Result<(), LoadError> {
        for side in SIDES.into_iter().filter(|_| self.bench.sizes) {
            self.tell(side, Drive::Sizes.name());
            for megabytes in SIZES {
                let profile = Profile {
                    transfers: 2,
                    document: vec![Document {
                        media_type: "image/tiff".to_owned(),
                        size: Size(megabytes * 1_000_000),
                        count: 1,
                    }],
                    national: None,
                    ..self.bench.profile.clone()
                };
                self.lap(side, Drive::Sizes, 1, &profile, closed(1))?;
            }
        }
        Ok(())
    }

    /// Looks for the highest rate that each sustains.
    fn ramp(&mut self) -> Result<(), LoadError> {
        let Some(within) = self.bench.sustained_within else {
            return Ok(());
        };
        self.settle()?;
        for side in SIDES {
            let guess = self.of(side).per_second() * OPEN_SHARE;
            if guess <= 0.0 {
                continue;
            }
            let mut round = 0;
            let sustained = ramp::highest(guess, |rate| {
                round += 1;
                self.tell(side, &format!("ramp: {rate:.1} a second"));
                let profile = self.bench.profile.with_transfers(ramp::transfers(rate));
                let arrivals = Arrivals::Open { per_second: rate };
                self.lap(side, Drive::Ramp, round, &profile, arrivals)?;
                self.settle()?;
                let lap = self.of(side).of(Drive::Ramp).last();
                Ok(lap.is_some_and(|lap| ramp::is_sustained(lap, within.as_secs_f64() * 1e3)))
            })?;
            self.laps[side.index()].sustained = sustained;
        }
        Ok(())
    }

    /// Lap after lap by turns, until the time is over.
    fn soak(&mut self, rate: Option<f64>) -> Result<(), LoadError> {
        let (Some(soak), Some(per_second)) = (self.bench.soak, rate) else {
            return Ok(());
        };
        let begun = wall();
        let mut round = 0;
        while round == 0 || begun.elapsed() < soak {
            round += 1;
            for side in SIDES {
                self.tell(side, &format!("soak: lap {round}"));
                let arrivals = self.bench.arrivals(per_second);
                self.lap(side, Drive::Soak, round, self.bench.profile, arrivals)?;
            }
        }
        Ok(())
    }

    /// Runs a lap, and leaves it to the judge.
    fn lap(
        &mut self,
        side: Side,
        drive: Drive,
        round: usize,
        profile: &Profile,
        arrivals: Arrivals,
    ) -> Result<(), LoadError> {
        let seed = self.bench.seed.wrapping_add(round as u64);
        let lap = self.play(side, profile, arrivals, seed)?;
        self.judge.take(Placed {
            side,
            drive,
            round,
            lap,
        })?;
        let ready = self.judge.ready();
        self.keep(ready);
        Ok(())
    }

    /// Waits until everything is judged.
    fn settle(&mut self) -> Result<(), LoadError> {
        let judged = self.judge.all()?;
        self.keep(judged);
        Ok(())
    }

    fn keep(&mut self, judged: Vec<Placed<Lap>>) {
        for placed in judged {
            let missing = placed.lap.transfers.len() - placed.lap.conformant().count();
            if missing > 0 {
                let text = format!(
                    "{}, {}, lap {}: {missing} of {} transfers do not count",
                    self.subject(placed.side).name,
                    placed.drive.name(),
                    placed.round,
                    placed.lap.transfers.len()
                );
                (self.progress)(Progress::Found(&text));
            }
            let laps = &mut self.laps[placed.side.index()];
            laps.laps.push((placed.drive, placed.round, placed.lap));
        }
    }

    fn play(
        &self,
        side: Side,
        profile: &Profile,
        arrivals: Arrivals,
        seed: u64,
    ) -> Result<Played, LoadError> {
        let course = Course {
            profile,
            catalogue: self.bench.catalogue,
        };
        course.play(self.subject(side), arrivals, seed)
    }

    const fn subject(&self, side: Side) -> &Subject {
        self.subjects[side.index()]
    }

    const fn of(&self, side: Side) -> &Laps {
        &self.laps[side.index()]
    }

    fn tell(&self, side: Side, what: &str) {
        let text = format!("{}, {what}", self.subject(side).name);
        (self.progress)(Progress::Next(&text));
    }
}

impl Side {
    const fn index(self) -> usize {
        match self {
            Self::System => 0,
            Self::Reference => 1,
        }
    }
}

impl Bench<'_> {
    /// Arrivals a second where they do not wait; `None` where nothing counts.
    fn open_rate(&self, system: &Laps, reference: &Laps) -> Option<f64> {
        let slower = system.per_second().min(reference.per_second()) * OPEN_SHARE;
        (self.open_per_second).or((slower > 0.0).then_some(slower))
    }

    /// By the hours of the week, where the profile has a country.
    const fn arrivals(&self, per_second: f64) -> Arrivals {
        match self.profile.country {
            Some(CountryName::England) => Arrivals::Week { per_second },
            None => Arrivals::Open { per_second },
        }
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
