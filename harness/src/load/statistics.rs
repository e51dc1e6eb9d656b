//! Means, medians, growth, and how sure one can be of a ratio.

use gp2gp_model::bench::{Change, Ratio};

/// Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom.
const T_95: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];

/// What it goes to with ever more rounds.
const T_95_OF_MANY: f64 = 1.960;

/// The ratio of values that were measured by turns, each pair in one round. `None`: no round gave one.
pub(super) fn ratio(pairs: impl IntoIterator<Item = (f64, f64)>) -> Option<Ratio> {
    let logs: Vec<f64> = pairs
        .into_iter()
        .filter(|(one, other)| *one > 0.0 && *other > 0.0)
        .map(|(one, other)| (one / other).ln())
        .collect();
    if logs.is_empty() {
        return None;
    }
    let mean = mean(&logs);
    let (low, high) = match error_of_mean(&logs) {
        Some(error) => (mean - error, mean + error),
        // One round says nothing of chance.
        None => (f64::NEG_INFINITY, f64::INFINITY),
    };
    Some(Ratio {
        ratio: mean.exp(),
        low: low.exp(),
        high: high.exp().min(f64::MAX),
        rounds: logs.len(),
    })
}

/// How far the true mean may lie away, with 95 % confidence.
fn error_of_mean(values: &[f64]) -> Option<f64> {
    let freedom = values.len().checked_sub(1).filter(|it| *it > 0)?;
    let mean = mean(values);
    let squares: f64 = values.iter().map(|it| (it - mean).powi(2)).sum();
    let deviation = (squares / freedom as f64).sqrt();
    let t = T_95.get(freedom - 1).copied().unwrap_or(T_95_OF_MANY);
    Some(t * deviation / (values.len() as f64).sqrt())
}

/// Whether a ratio changed: only where the difference is larger than both doubts together.
pub(super) fn change(old: Ratio, new: Ratio) -> Change {
    let doubt = |ratio: Ratio| (ratio.high / ratio.ratio).ln();
    let difference = (new.ratio / old.ratio).ln();
    let both = doubt(old).hypot(doubt(new));
    match (difference > both, difference < -both) {
        (true, _) => Change::Better,
        (_, true) => Change::Worse,
        (false, false) => Change::NoDifference,
    }
}

pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 => Some((values.get(middle.checked_sub(1)?)? + values.get(middle)?) / 2.0),
        _ => values.get(middle).copied(),
    }
}

/// The exponent with which `y` grows as `x` does, by least squares of the logarithms; `None` for fewer
/// than three points.
pub(super) fn growth(points: &[(f64, f64)]) -> Option<f64> {
    let logs: Vec<(f64, f64)> = points
        .iter()
        .filter(|(x, y)| *x > 0.0 && *y > 0.0)
        .map(|(x, y)| (x.ln(), y.ln()))
        .collect();
    if logs.len() < 3 {
        return None;
    }
    let (xs, ys): (Vec<f64>, Vec<f64>) = logs.iter().copied().unzip();
    let (x, y) = (mean(&xs), mean(&ys));
    let along: f64 = logs.iter().map(|it| (it.0 - x) * (it.1 - y)).sum();
    let wide: f64 = xs.iter().map(|it| (it - x).powi(2)).sum();
    (wide > 0.0).then(|| along / wide)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rounds_leave_no_doubt() {
        let ratio = ratio([(50.0, 100.0), (25.0, 50.0), (10.0, 20.0)]).unwrap();
        assert_eq!(
            [ratio.ratio, ratio.low, ratio.high].map(|it| (it * 1e9).round()),
            [5e8; 3]
        );
        assert_eq!(ratio.rounds, 3);
    }

    #[test]
    fn the_interval_is_that_of_student() {
        // Logarithms -0.1, 0, 0.1: deviation 0.1, error 4.303 * 0.1 / sqrt(3) = 0.248434.
        let pairs = [-0.1_f64, 0.0, 0.1].map(|log| (log.exp(), 1.0));
        let ratio = ratio(pairs).unwrap();
        assert!(
            (ratio.high.ln() - 0.248_434).abs() < 1e-5,
            "{}",
            ratio.high.ln()
        );
        assert!((ratio.ratio - 1.0).abs() < 1e-12);
    }

    #[test]
    fn one_round_says_nothing_of_chance() {
        let ratio = ratio([(1.0, 2.0)]).unwrap();
        assert_eq!((ratio.low, ratio.high), (0.0, f64::MAX));
        assert_eq!(super::ratio([(0.0, 1.0)]), None);
    }

    #[test]
    fn a_change_is_one_beyond_both_doubts() {
        let of = |ratio: f64, doubt: f64| Ratio {
            ratio,
            low: ratio / doubt,
            high: ratio * doubt,
            rounds: 5,
        };
        assert_eq!(change(of(1.0, 1.05), of(1.2, 1.05)), Change::Better);
        assert_eq!(change(of(1.0, 1.05), of(0.8, 1.05)), Change::Worse);
        assert_eq!(change(of(1.0, 1.05), of(1.06, 1.05)), Change::NoDifference);
        assert_eq!(change(of(1.0, 1.5), of(1.2, 1.05)), Change::NoDifference);
    }

    #[test]
    fn squares_grow_with_exponent_two() {
        let of = |power: i32| {
            let points: Vec<(f64, f64)> = [1.0_f64, 2.0, 4.0, 8.0]
                .map(|x| (x, 3.0 * x.powi(power)))
                .to_vec();
            growth(&points).unwrap()
        };
        assert!((of(1) - 1.0).abs() < 1e-9 && (of(2) - 2.0).abs() < 1e-9);
        assert_eq!(growth(&[(1.0, 1.0), (2.0, 2.0)]), None);
    }

    #[test]
    fn medians_lie_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }
}
