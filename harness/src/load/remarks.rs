//! What stands out in the figures, and what it means: said only beside the reference system, which was
//! measured by turns on the same machine.

use gp2gp_model::bench::{Drive, Environment, LapReport, Measured, Remark, RemarkKind, Stage};

use super::bench::Laps;
use super::lap::Lap;

/// A processor of the harness is all but taken: then it is the harness that is measured.
const HARNESS_BUSY: f64 = 0.85;
/// A processor of the system is all but taken.
const SYSTEM_BUSY: f64 = 0.8;
/// Less than this of a processor, and a system does not compute most of the time.
const SYSTEM_IDLE: f64 = 0.5;
/// A system that gets no more done with many transfers under way than with one and a half does one thing at a time.
const HARDLY_PARALLEL: f64 = 1.5;
/// Taking in a document grows with this power of the size more than that of the reference: no noise does that.
const STEEPER: f64 = 0.3;
/// Milliseconds that every request of the system takes longer: less is noise.
const LONGER_MS: f64 = 0.5;
/// Longer than so many times what the first laps took, and a system becomes slower.
const SLOWER: f64 = 1.5;
/// More memory than so many times what it had after the first laps, and it goes on growing.
const GROWN: f64 = 1.3;
/// And so much at least.
const GROWN_BYTES: u64 = 32_000_000;

type Seen<'a> = (&'a Laps, &'a Measured);

/// Remarks, the weightiest first.
pub(super) fn remarks(
    at_once: u32,
    environment: &Environment,
    system: Seen<'_>,
    reference: Seen<'_>,
) -> Vec<Remark> {
    let found = [
        is_not_optimised(environment),
        is_harness(system.0),
        is_not_conformant(system.1),
        is_not_conformant(reference.1).map(|remark| Remark {
            kind: RemarkKind::Unreliable,
            ..remark
        }),
        does_one_thing_at_a_time(at_once, system, reference),
        grows(system.1, reference.1),
        leaks(system.1),
        slows_down(system.1, reference.1),
        waits(system, reference),
        computes(system.0),
    ];
    found.into_iter().flatten().collect()
}

fn remark(kind: RemarkKind, text: String) -> Option<Remark> {
    Some(Remark { kind, text })
}

fn is_not_optimised(environment: &Environment) -> Option<Remark> {
    if environment.optimised {
        return None;
    }
    remark(
        RemarkKind::Unreliable,
        "the suite is built without optimisation: no figure here means anything. Build it with `cargo build --release`".to_owned(),
    )
}

fn is_harness(system: &Laps) -> Option<Remark> {
    let share = share(system, Drive::Full, Lap::harness_share)?;
    if share < HARNESS_BUSY {
        return None;
    }
    remark(
        RemarkKind::Unreliable,
        format!(
            "under full load the harness took {:.0} % of a processor: what is measured is in part the harness, and a faster system would not show",
            share * 100.0
        ),
    )
}

fn is_not_conformant(measured: &Measured) -> Option<Remark> {
    if measured.all_count() {
        return None;
    }
    let missing = measured.transfers - measured.conformant;
    let why = match (measured.breaches.first(), measured.mishaps.first()) {
        (_, Some(mishap)) => mishap.clone(),
        (Some(breach), None) => format!("first {}: {}", breach.requirement, breach.seen),
        (None, None) => "they never came to an end".to_owned(),
    };
    remark(
        RemarkKind::NotConformant,
        format!(
            "{missing} of {} transfers of {} do not count: {why}",
            measured.transfers, measured.name
        ),
    )
}

/// Many transfers under way, and yet no more gets done than if they came one by one, while nothing is computed.
fn does_one_thing_at_a_time(at_once: u32, system: Seen<'_>, reference: Seen<'_>) -> Option<Remark> {
    let (own, other) = (parallel(system)?, parallel(reference)?);
    let busy = share(system.0, Drive::Full, Lap::system_share);
    let computes = busy.is_none_or(|share| share > SYSTEM_BUSY);
    if at_once < 4 || own > HARDLY_PARALLEL || computes || other < own * 0.9 {
        return None;
    }
    let busy = busy.unwrap_or_default() * 100.0;
    remark(
        RemarkKind::OneAtATime,
        format!(
            "{} does one thing at a time: with {at_once} transfers under way it gets {own:.1} times as much done as with one, and takes {busy:.0} % of a processor meanwhile. Something, such as a lock, lets only one message pass",
            system.1.name
        ),
    )
}

/// How many times more gets done under full load than alone.
fn parallel((laps, measured): Seen<'_>) -> Option<f64> {
    let alone = p50(measured, Drive::Alone, Stage::Whole)?;
    let full = laps.per_second();
    (full > 0.0).then_some(full * alone / 1e3)
}

fn grows(system: &Measured, reference: &Measured) -> Option<Remark> {
    let (own, other) = (system.growth?, reference.growth?);
    if own < other + STEEPER || own < 1.0 + STEEPER {
        return None;
    }
    remark(
        RemarkKind::GrowsWithSize,
        format!(
            "the time in which {} takes a document grows with its size to the power of {own:.1} (reference {other:.1}): every piece seems to be put together again from the beginning",
            system.name
        ),
    )
}

/// The longer it runs, the more memory it has.
fn leaks(system: &Measured) -> Option<Remark> {
    let soaked = soaked(system);
    // The first lap fills what is kept for reuse.
    let resident: Vec<u64> = soaked.iter().filter_map(|lap| lap.resident_bytes).collect();
    let (first, last) = (*resident.get(1)?, *resident.last()?);
    if resident.len() < 4 || last < first + GROWN_BYTES || (last as f64) < first as f64 * GROWN {
        return None;
    }
    let transfers: usize = soaked.iter().skip(2).map(|lap| lap.transfers).sum();
    remark(
        RemarkKind::Leaks,
        format!(
            "{} had {:.0} MB resident after the second lap of the soak and {:.0} MB after the last, {transfers} transfers later: {:.0} KB stay for each",
            system.name,
            first as f64 / 1e6,
            last as f64 / 1e6,
            (last - first) as f64 / 1e3 / transfers.max(1) as f64
        ),
    )
}

/// The longer it runs, the longer it takes, and the reference does not.
fn slows_down(system: &Measured, reference: &Measured) -> Option<Remark> {
    let slower = |measured: &Measured| {
        let p50: Vec<f64> = soaked(measured).iter().filter_map(|lap| lap.p50).collect();
        let quarter = (p50.len() / 4).max(1);
        if p50.len() < 4 {
            return None;
        }
        let first = super::statistics::median(p50.iter().take(quarter).copied().collect())?;
        let last = super::statistics::median(p50.iter().rev().take(quarter).copied().collect())?;
        Some((first, last))
    };
    let (first, last) = slower(system)?;
    let (other_first, other_last) = slower(reference)?;
    if last < first * SLOWER || other_last > other_first * SLOWER {
        return None;
    }
    remark(
        RemarkKind::SlowsDown,
        format!(
            "half the transfers of {} took up to {first:.0} ms at the beginning of the soak and {last:.0} ms at its end (reference {other_first:.0} and {other_last:.0} ms)",
            system.name
        ),
    )
}

fn soaked(measured: &Measured) -> Vec<&LapReport> {
    let laps = measured.laps.iter();
    laps.filter(|lap| lap.drive == Drive::Soak).collect()
}

/// Alone every request takes longer than the reference's, and nothing is computed meanwhile.
fn waits(system: Seen<'_>, reference: Seen<'_>) -> Option<Remark> {
    let own = p50(system.1, Drive::Alone, Stage::Whole)?;
    let other = p50(reference.1, Drive::Alone, Stage::Whole)?;
    let asked = system.0.median(Drive::Alone, |lap| lap.asked);
    let more = (own - other) / asked.max(1.0);
    let busy = share(system.0, Drive::Alone, Lap::system_share)?;
    if more < LONGER_MS || own < other * 1.3 || busy > SYSTEM_IDLE {
        return None;
    }
    remark(
        RemarkKind::Waits,
        format!(
            "alone a transfer of {} takes {own:.0} ms (reference {other:.0} ms), {more:.1} ms longer for each of its {asked:.0} requests, and {:.0} % of a processor: it waits for something, not for a processor",
            system.1.name,
            busy * 100.0
        ),
    )
}

fn computes(system: &Laps) -> Option<Remark> {
    let busy = share(system, Drive::Full, Lap::system_share)?;
    if busy < SYSTEM_BUSY {
        return None;
    }
    remark(
        RemarkKind::Computes,
        format!(
            "under full load the system takes {:.0} % of a processor: it is as fast as it computes",
            busy * 100.0
        ),
    )
}

fn p50(measured: &Measured, drive: Drive, stage: Stage) -> Option<f64> {
    let mut stages = measured.stages.iter();
    let found = stages.find(|it| it.drive == drive && it.stage == stage)?;
    Some(found.p50)
}

fn share(laps: &Laps, drive: Drive, of: impl Fn(&Lap) -> Option<f64>) -> Option<f64> {
    laps.of(drive).next()?;
    laps.of(drive)
        .all(|lap| of(lap).is_some())
        .then(|| laps.median(drive, |lap| of(lap).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gp2gp_model::Time;

    use super::super::measured::measured;
    use super::super::timeline::Timeline;
    use super::*;

    const START: Time = Time::from_micros(1_767_603_600_000_000);

    fn ms(ms: f64) -> Duration {
        Duration::from_secs_f64(ms / 1e3)
    }

    /// A transfer that begins and lasts so many milliseconds.
    fn transfer(begins: f64, lasts: f64, bytes: u64) -> Timeline {
        let begun = START + ms(begins);
        Timeline {
            intended: begun,
            registered: Some(begun),
            requested: Some(begun),
            core: Some(begun),
            continued: None,
            pieces: None,
            ended: Some(begun + ms(lasts)),
            bytes,
            breaches: Vec::new(),
        }
    }

    fn lap(transfers: Vec<Timeline>, lasted: f64, system_share: f64) -> Lap {
        Lap {
            transfers,
            lasted: ms(lasted),
            system_cpu: Some(ms(lasted * system_share)),
            system_bytes: None,
            harness_cpu: Some(ms(lasted * 0.3)),
            judge_cpu: Some(ms(lasted * 0.1)),
            requests: 100,
            asked: 15.0,
            mishap: None,
        }
    }

    /// A system that takes so long alone, gets so many done a second under full load while it takes so much of
    /// a processor, and takes a document in with this power of its size.
    fn system(alone: f64, per_second: f64, share: f64, power: i32) -> Laps {
        let mut laps = Laps::default();
        let one = vec![transfer(0.0, alone, 10_000)];
        laps.laps
            .push((Drive::Alone, 1, lap(one, alone, share.min(0.4))));
        let many = (0..100).map(|_| transfer(0.0, 500.0, 10_000)).collect();
        let full = lap(many, 100.0 / per_second * 1e3, share);
        laps.laps.push((Drive::Full, 1, full));
        for size in [4.0_f64, 8.0, 16.0] {
            let document = transfer(0.0, 10.0 * size.powi(power), (size * 1e6) as u64);
            let took = lap(vec![document], 1e3, share);
            laps.laps.push((Drive::Sizes, 1, took));
        }
        laps
    }

    fn kinds(laps: &Laps, reference: &Laps) -> Vec<RemarkKind> {
        let environment = Environment {
            platform: String::new(),
            processor: None,
            processors: 2,
            optimised: true,
        };
        let (own, other) = (measured("own", laps), measured("reference", reference));
        let found = remarks(16, &environment, (laps, &own), (reference, &other));
        found.iter().map(|remark| remark.kind).collect()
    }

    fn reference() -> Laps {
        system(5.0, 400.0, 0.9, 1)
    }

    #[test]
    fn a_system_like_the_reference_only_computes() {
        assert_eq!(kinds(&reference(), &reference()), [RemarkKind::Computes]);
    }

    #[test]
    fn one_that_sleeps_in_every_message_waits() {
        // Sixteen at once hide it: as many a second as the reference, each ten times longer.
        let sleepy = system(50.0, 300.0, 0.6, 1);
        assert_eq!(kinds(&sleepy, &reference()), [RemarkKind::Waits]);
    }

    #[test]
    fn one_behind_a_lock_does_one_thing_at_a_time() {
        let locked = system(20.0, 55.0, 0.1, 1);
        let kinds = kinds(&locked, &reference());
        assert_eq!(kinds, [RemarkKind::OneAtATime, RemarkKind::Waits]);
    }

    #[test]
    fn one_that_begins_anew_with_every_piece_grows_with_the_square() {
        let anew = system(5.0, 400.0, 0.9, 2);
        let kinds = kinds(&anew, &reference());
        assert_eq!(kinds, [RemarkKind::GrowsWithSize, RemarkKind::Computes]);
    }

    #[test]
    fn one_that_keeps_and_searches_everything_leaks_and_slows_down() {
        let mut soaked = reference();
        for lap_number in 1..=8_u32 {
            let took = 10.0 * f64::from(lap_number);
            let mut lap = lap(vec![transfer(0.0, took, 10_000)], 1e3, 0.5);
            lap.system_bytes = Some(40_000_000 * u64::from(lap_number));
            soaked.laps.push((Drive::Soak, lap_number as usize, lap));
        }
        let mut steady = reference();
        for lap_number in 1..=8 {
            let lap = lap(vec![transfer(0.0, 10.0, 10_000)], 1e3, 0.5);
            steady.laps.push((Drive::Soak, lap_number, lap));
        }
        let found = kinds(&soaked, &steady);
        let expected = [
            RemarkKind::Leaks,
            RemarkKind::SlowsDown,
            RemarkKind::Computes,
        ];
        assert_eq!(found, expected);
        assert_eq!(kinds(&steady, &steady), [RemarkKind::Computes]);
    }

    #[test]
    fn a_busy_harness_makes_figures_unreliable() {
        let mut busy = reference();
        for (_, _, lap) in &mut busy.laps {
            lap.harness_cpu = Some(lap.lasted);
        }
        let kinds = kinds(&busy, &reference());
        assert_eq!(kinds, [RemarkKind::Unreliable, RemarkKind::Computes]);
    }

    #[test]
    fn transfers_that_do_not_end_do_not_count() {
        let mut lossy = reference();
        if let Some((_, _, lap)) = lossy.laps.get_mut(1)
            && let Some(line) = lap.transfers.first_mut()
        {
            line.ended = None;
        }
        assert_eq!(measured("own", &lossy).conformant, 103);
        let kinds = kinds(&lossy, &reference());
        assert_eq!(kinds, [RemarkKind::NotConformant, RemarkKind::Computes]);
    }
}
