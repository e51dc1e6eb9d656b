//! When transfers begin: by month, weekday and hour.

use std::time::Duration;

use gp2gp_model::Time;

use super::profile::Volume;

/// The hours of a period, each with the share of all transfers that have begun when it ends.
pub(super) struct Calendar {
    start: Time,
    transfers: u32,
    until: Vec<f64>,
}

impl Calendar {
    /// So many transfers in so many days. The first day is a Monday, in the first week of January.
    pub(super) fn new(volume: &Volume, start: Time, days: u32, transfers: u32) -> Self {
        let months = volume.months.len() as u32;
        let weights = (0..days).flat_map(|day| {
            let at = |weights: &[f64], place: u32| {
                weights.get(place as usize).copied().unwrap_or_default()
            };
            let of_day =
                at(&volume.weekdays, day % 7) * at(&volume.months, day * months / 365 % months);
            volume.hours.iter().map(move |of_hour| of_day * of_hour)
        });
        let mut sum = 0.0;
        let mut until: Vec<f64> = weights
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        for share in &mut until {
            *share = if sum > 0.0 { *share / sum } else { 1.0 };
        }
        Self {
            start,
            transfers,
            until,
        }
    }

    /// When a transfer begins: each has a stretch of its own of all that begin, in which `share`, from 0 to 1,
    /// says where.
    pub(super) fn begins(&self, number: u32, share: f64) -> Time {
        let at = (f64::from(number) + share) / f64::from(self.transfers.max(1));
        let hour = self.until.partition_point(|until| *until <= at);
        let before = match hour.checked_sub(1) {
            Some(hour) => self.until.get(hour).copied().unwrap_or_default(),
            None => 0.0,
        };
        let until = self.until.get(hour).copied().unwrap_or(1.0);
        let width = until - before;
        let within = if width > 0.0 {
            (at - before) / width
        } else {
            0.0
        };
        // A cast of a float saturates.
        let micros = ((hour as f64 + within) * HOUR_MICROS) as u64;
        self.start + Duration::from_micros(micros)
    }
}

const HOUR_MICROS: f64 = 3.6e9;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::profile::{ENGLAND, Profile};

    const START: Time = Time::from_micros(1_767_571_200_000_000);

    fn begun(days: u32, transfers: u32) -> Vec<u64> {
        let england = Profile::parse("england", ENGLAND).unwrap();
        let calendar = Calendar::new(&england.volume, START, days, transfers);
        let begins = |number| calendar.begins(number, 0.5).since(START).as_secs();
        (0..transfers).map(begins).collect()
    }

    #[test]
    fn transfers_begin_in_the_order_of_their_numbers_and_within_the_period() {
        let begun = begun(365, 5_000);
        assert!(begun.is_sorted());
        assert!(*begun.last().unwrap() < 365 * 86_400);
    }

    #[test]
    fn a_week_has_the_measured_share_of_each_day() {
        let begun = begun(7, 10_000);
        let on = |day| begun.iter().filter(|at| *at / 86_400 == day).count();
        let shares = [1_860, 2_240, 2_110, 1_950, 1_660, 130, 50];
        for (day, share) in (0..7).zip(shares) {
            assert!(on(day).abs_diff(share) <= 20, "{day}: {}", on(day));
        }
        let by_night = begun.iter().filter(|at| *at / 3_600 % 24 < 7).count();
        assert!(by_night < 200, "{by_night}");
    }
}
