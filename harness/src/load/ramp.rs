//! The highest rate that a system sustains: patients register at random times, at higher and higher
//! rates, until they have to wait too long.

use gp2gp_model::bench::Stage;
use hdrhistogram::Histogram;

use super::lap::Lap;
use super::{Drive, LoadError};

/// A rate is tried for so many seconds ...
const SECONDS: f64 = 3.0;
/// ... and with so many transfers at least and at most.
const TRANSFERS: (f64, f64) = (30.0, 3_000.0);
/// From a rate that is sustained to the next.
const STEP: f64 = 1.25;
/// Steps up, or down, before it is given up.
const STEPS: u32 = 10;
/// How often the gap between the highest good and the lowest bad rate is halved.
const HALVINGS: u32 = 3;

/// Transfers of a lap at this rate.
pub(super) fn transfers(rate: f64) -> u32 {
    (rate * SECONDS).clamp(TRANSFERS.0, TRANSFERS.1) as u32
}

/// Whether a rate was sustained: everything counts, and 99 of 100 are done in time, from when they should
/// have begun.
pub(super) fn is_sustained(lap: &Lap, within_ms: f64) -> bool {
    if lap.transfers.is_empty() || lap.conformant().count() < lap.transfers.len() {
        return false;
    }
    let Ok(mut histogram) = Histogram::<u64>::new_with_bounds(1, u64::MAX / 2, 3) else {
        return false;
    };
    for line in lap.conformant() {
        if let Some(took) = line.took(Stage::Whole, Drive::Ramp) {
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            histogram.saturating_record(micros.max(1));
        }
    }
    histogram.value_at_percentile(99.0) as f64 / 1e3 <= within_ms
}

/// The highest rate for which `holds`, to about a fortieth, beginning at a guess. `None`: not even a rate far below
/// the guess.
pub(super) fn highest(
    guess: f64,
    mut holds: impl FnMut(f64) -> Result<bool, LoadError>,
) -> Result<Option<f64>, LoadError> {
    let mut good = guess;
    let mut steps = 0;
    while !holds(good)? {
        good /= 2.0;
        steps += 1;
        if steps == STEPS {
            return Ok(None);
        }
    }
    let mut bad = match steps {
        0 => good * STEP,
        _ => good * 2.0,
    };
    if steps == 0 {
        while steps < STEPS && holds(bad)? {
            (good, bad) = (bad, bad * STEP);
            steps += 1;
        }
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(good, bad);
        match holds(middle)? {
            true => good = middle,
            false => bad = middle,
        }
    }
    Ok(Some(good))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_rate_is_found_from_above_and_from_below() {
        for limit in [3.0, 40.0, 99.0, 100.0, 380.0] {
            let found = highest(100.0, |rate| Ok(rate <= limit)).unwrap().unwrap();
            assert!(
                (limit * 0.9..=limit).contains(&found),
                "{found} for {limit}"
            );
        }
    }

    #[test]
    fn a_system_that_sustains_nothing_is_given_up() {
        let mut tries = 0;
        let found = highest(100.0, |_| {
            tries += 1;
            Ok(false)
        });
        assert_eq!((found.unwrap(), tries), (None, STEPS));
    }
}
