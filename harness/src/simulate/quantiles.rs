//! A distribution by its quantiles. Values between two of them lie on a line: additions and multiplications
//! alone, so that every platform draws the same.

use gp2gp_sim::Dice;
use serde::Deserialize;

/// Shares from 0 to 1, each with the value that so many do not exceed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Vec<(f64, f64)>")]
pub(super) struct Quantiles {
    points: Vec<(f64, f64)>,
    /// By the first bits of what is drawn: the first point that may lie behind it.
    starts: Vec<u8>,
}

/// So many bits of what is drawn choose where the search begins.
const START_BITS: u32 = 6;

impl Quantiles {
    /// A value.
    pub(super) fn draw(&self, dice: &mut Dice) -> f64 {
        self.at(dice.unit())
    }

    /// A whole number.
    pub(super) fn draw_whole(&self, dice: &mut Dice) -> u64 {
        // A cast of a float saturates.
        self.draw(dice) as u64
    }

    /// What no value exceeds.
    pub(super) fn largest(&self) -> f64 {
        self.points.last().map_or(0.0, |(_, value)| *value)
    }

    /// The value that this share does not exceed.
    fn at(&self, share: f64) -> f64 {
        let start = (share * f64::from(1_u32 << START_BITS)) as usize;
        let start = self.starts.get(start).copied().unwrap_or_default();
        let above = self.points.iter().skip(start.into());
        let mut below = match usize::from(start).checked_sub(1) {
            Some(at) => self.points.get(at).copied(),
            None => None,
        };
        for (point, value) in above {
            if share <= *point {
                let (from, least) = below.unwrap_or((0.0, *value));
                let width = point - from;
                return match width > 0.0 {
                    true => least + (value - least) * ((share - from) / width),
                    false => *value,
                };
            }
            below = Some((*point, *value));
        }
        below.map_or(0.0, |(_, value)| value)
    }
}

impl TryFrom<Vec<(f64, f64)>> for Quantiles {
    type Error = &'static str;

    fn try_from(points: Vec<(f64, f64)>) -> Result<Self, Self::Error> {
        let is_number = |(share, value): &(f64, f64)| share.is_finite() && value.is_finite();
        if !points.iter().all(is_number) || points.iter().any(|(_, value)| *value < 0.0) {
            return Err("quantiles are numbers, and none below 0");
        }
        let is_rising = |pair: &[(f64, f64)]| match pair {
            [(share, value), (next, higher)] => share < next && value <= higher,
            _ => true,
        };
        if !points.windows(2).all(is_rising) {
            return Err("quantiles rise, both shares and values");
        }
        match (points.first(), points.last()) {
            (Some((0.0, _)), Some((1.0, _))) if points.len() < 256 => {}
            _ => return Err("quantiles begin at share 0 and end at share 1"),
        }
        let steps = 1_u32 << START_BITS;
        let starts = (0..=steps).map(|step| {
            let share = f64::from(step) / f64::from(steps);
            let below = points.iter().take_while(|(point, _)| *point < share);
            u8::try_from(below.count()).unwrap_or(u8::MAX)
        });
        Ok(Self {
            starts: starts.collect(),
            points,
        })
    }
}

#[cfg(test)]
mod tests {
    use gp2gp_sim::{Crowd, Streams};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_between_two_points_lie_on_a_line() {
        let table = vec![
            (0.0, 10.0),
            (0.5, 20.0),
            (0.504, 20.0),
            (0.999, 30.0),
            (1.0, 130.0),
        ];
        let quantiles = Quantiles::try_from(table).unwrap();
        assert_eq!(quantiles.at(0.0), 10.0);
        assert_eq!(quantiles.at(0.25), 15.0);
        assert_eq!(quantiles.at(0.502), 20.0);
        assert!((quantiles.at(0.9995) - 80.0).abs() < 1e-6);
        assert_eq!(quantiles.at(1.0), 130.0);
    }

    proptest! {
        #[test]
        fn a_larger_share_never_has_a_smaller_value(
            values in prop::collection::vec((1_u32..1_000, 0_u32..1_000), 1..20),
            shares in (0.0_f64..1.0, 0.0_f64..1.0),
        ) {
            let total: u32 = values.iter().map(|(width, _)| width).sum();
            let (mut share, mut value) = (0, 0);
            let mut table = vec![(0.0, 0.0)];
            for (width, more) in &values {
                share += width;
                value += more;
                table.push((f64::from(share) / f64::from(total), f64::from(value)));
            }
            let quantiles = Quantiles::try_from(table).unwrap();
            let (low, high) = (shares.0.min(shares.1), shares.0.max(shares.1));
            prop_assert!(quantiles.at(low) <= quantiles.at(high) + 1e-9);
            prop_assert!(quantiles.at(high) <= f64::from(value));
        }
    }

    #[test]
    fn half_of_what_is_drawn_does_not_exceed_the_median() {
        let quantiles = Quantiles::try_from(vec![(0.0, 0.0), (0.5, 46.0), (1.0, 2_658.0)]).unwrap();
        let crowd = Crowd::new(&Streams::new(1), "any");
        let below = (0..10_000).filter(|number| quantiles.draw(&mut crowd.member(*number)) <= 46.0);
        let below = below.count();
        assert!((4_800..5_200).contains(&below), "{below}");
    }
}
