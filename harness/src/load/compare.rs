//! Two benches, one after the other.

use gp2gp_model::bench::{BenchReport, Change};
use serde::Serialize;

use super::statistics;

/// What changed from one bench to another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Whether the system changed beside the reference system; `None` where that cannot be said.
    pub change: Option<Change>,
    /// In how many hundredths; only where there is a change.
    pub percent: Option<f64>,
    /// Why the two can hardly be compared.
    pub doubts: Vec<String>,
}

/// Compares scores, which are ratios: what the machine does to both systems is not in them.
pub fn compare(old: &BenchReport, new: &BenchReport) -> Comparison {
    let mut doubts = Vec::new();
    let mut differ = |what: &str, old: &str, new: &str| {
        if old != new {
            doubts.push(format!("{what} was {old}, and is {new}"));
        }
    };
    differ("the profile", &old.profile, &new.profile);
    differ("the system", &old.system.name, &new.system.name);
    differ("the suite", &old.suite, &new.suite);
    let machine = |report: &BenchReport| {
        let environment = &report.environment;
        let processor = environment.processor.as_deref().unwrap_or("unknown");
        format!(
            "{} processors, {processor}, {}",
            environment.processors, environment.platform
        )
    };
    differ("the machine", &machine(old), &machine(new));
    let same_work = old.profile == new.profile && old.at_once == new.at_once;
    let scores = old.score.zip(new.score).filter(|_| same_work);
    let change = scores.map(|(old, new)| statistics::change(old, new));
    let percent = scores.map(|(old, new)| (new.ratio / old.ratio - 1.0) * 100.0);
    Comparison {
        change,
        percent: percent.filter(|_| change.is_some_and(|it| it != Change::NoDifference)),
        doubts,
    }
}
