//! A bench, for people: a table for the terminal, two pictures.

mod picture;

use std::fmt::Write as _;

use gp2gp_model::bench::{
    BenchReport, Change, Drive, HarnessSpeed, LapReport, Measured, Ratio, RemarkKind, Stage,
};

use crate::style::{BOLD, DIM, paint};
use crate::text::wrap;

pub use picture::{latency, time};

/// The table: what was measured, both systems beside each other, remarks, the score last.
pub fn bench(report: &BenchReport) -> String {
    let mut text = head(report);
    text.push_str(&throughput(report));
    for drive in [Drive::Alone, Drive::Full, Drive::Open] {
        text.push_str(&stages(report, drive));
    }
    text.push_str(&breaches(&report.system));
    for remark in &report.remarks {
        let word = match remark.kind {
            RemarkKind::Unreliable => "unreliable",
            RemarkKind::NotConformant => "not conformant",
            RemarkKind::OneAtATime => "one at a time",
            RemarkKind::GrowsWithSize => "grows with size",
            RemarkKind::Leaks => "leaks",
            RemarkKind::SlowsDown => "slows down",
            RemarkKind::Waits => "waits",
            RemarkKind::Computes => "computes",
        };
        let _ = writeln!(text, "{}", paint(BOLD, word));
        text.push_str(&wrap(&remark.text, "  "));
        text.push('\n');
    }
    text.push_str(&score(report));
    text
}

/// Whether it became better or worse.
pub fn change(change: Option<Change>, percent: Option<f64>) -> String {
    let much = percent.map_or_else(String::new, |percent| format!(" by {:.1} %", percent.abs()));
    let said = match change {
        Some(Change::Better) => format!("better{much}"),
        Some(Change::Worse) => format!("worse{much}"),
        Some(Change::NoDifference) => {
            "no difference that could not be chance; more rounds see smaller ones".to_owned()
        }
        None => "cannot be compared: other work, or no score".to_owned(),
    };
    format!("{}  {said}\n", paint(BOLD, "compared"))
}

fn head(report: &BenchReport) -> String {
    let roles: Vec<&str> = report.roles.iter().map(|role| role.name()).collect();
    let environment = &report.environment;
    let processor = environment
        .processor
        .as_deref()
        .unwrap_or("an unknown processor");
    format!(
        "{}  {} under load ({}), profile {}, beside {}\n{}\n{}\n\n",
        report.suite,
        report.system.name,
        roles.join(" and "),
        report.profile,
        report.reference.name,
        paint(
            DIM,
            format!(
                "{} of {processor}, {}; {}",
                environment.processors, environment.platform, report.about
            )
        ),
        paint(DIM, &report.notice),
    )
}

fn throughput(report: &BenchReport) -> String {
    let (own, other) = (&report.system, &report.reference);
    let row = |what: &str, one: String, two: String| format!("  {what:<34}{one:>16}{two:>16}\n");
    let mut text = row("", "system".to_owned(), "reference".to_owned());
    text.push_str(&row(
        "conformant transfers a second",
        format!("{:.1}", own.per_second),
        format!("{:.1}", other.per_second),
    ));
    text.push_str(&row(
        "MB of records a second",
        format!("{:.1}", own.bytes_per_second / 1e6),
        format!("{:.1}", other.bytes_per_second / 1e6),
    ));
    if let Some(within) = report.within_ms {
        let sustained = |measured: &Measured| shown(measured.sustained_per_second, "", 1.0);
        text.push_str(&row(
            &format!("sustained a second, p99 in {within:.0} ms"),
            sustained(own),
            sustained(other),
        ));
    }
    text.push_str(&row(
        "conformant of all transfers",
        share(own),
        share(other),
    ));
    text.push_str(&row(
        "processor for each transfer",
        shown(own.cpu_ms_per_transfer, "ms", 1.0),
        shown(other.cpu_ms_per_transfer, "ms", 1.0),
    ));
    text.push_str(&row(
        "resident at most",
        shown(own.resident_bytes.map(|it| it as f64), "MB", 1e-6),
        shown(other.resident_bytes.map(|it| it as f64), "MB", 1e-6),
    ));
    text.push_str(&row(
        "time grows with size to the power",
        shown(own.growth, "", 1.0),
        shown(other.growth, "", 1.0),
    ));
    text.push_str(&row(
        "harness, of one processor",
        harness(own),
        harness(other),
    ));
    text.push_str(&row(
        "its requests a second of that",
        speed(own, |it| it.driven_per_second),
        speed(other, |it| it.driven_per_second),
    ));
    text.push_str(&row(
        "the same with judging",
        speed(own, |it| it.judged_per_second),
        speed(other, |it| it.judged_per_second),
    ));
    text.push('\n');
    text
}

fn share(measured: &Measured) -> String {
    format!("{}/{}", measured.conformant, measured.transfers)
}

fn shown(value: Option<f64>, unit: &str, factor: f64) -> String {
    match value {
        Some(value) => format!("{:.1} {unit}", value * factor)
            .trim_end()
            .to_owned(),
        None => "not seen".to_owned(),
    }
}

/// The share of a processor that the harness took.
fn harness(measured: &Measured) -> String {
    match under_full_load(measured, |lap| lap.harness_share) {
        Some(share) => format!("{:.0} %", share * 100.0),
        None => "not seen".to_owned(),
    }
}

/// Requests that the harness makes or answers for each second of a processor.
fn speed(measured: &Measured, of: fn(&HarnessSpeed) -> f64) -> String {
    match under_full_load(measured, |lap| lap.harness_speed.as_ref().map(of)) {
        Some(speed) => format!("{speed:.0}"),
        None => "not seen".to_owned(),
    }
}

/// The median of the laps under full load.
fn under_full_load(measured: &Measured, of: impl Fn(&LapReport) -> Option<f64>) -> Option<f64> {
    let laps = measured.laps.iter().filter(|lap| lap.drive == Drive::Full);
    let mut values: Vec<f64> = laps.filter_map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn stages(report: &BenchReport, drive: Drive) -> String {
    let title = match (drive, report.open_per_second) {
        (Drive::Alone, _) => "alone, one transfer at a time".to_owned(),
        (Drive::Full, _) => format!("under full load, {} at once", report.at_once),
        (Drive::Open, Some(rate)) => {
            format!(
                "open arrivals, {rate:.1} a second, from when the patient should have registered"
            )
        }
        (Drive::Open, None) | (Drive::Sizes | Drive::Ramp | Drive::Soak, _) => {
            return String::new();
        }
    };
    let mut text = format!(
        "{}\n{}\n",
        paint(BOLD, &title),
        paint(
            DIM,
            format!(
                "  {:<26}{:>9} {:>9} {:>9} {:>9}   reference",
                "ms", "p50", "p90", "p99", "longest"
            )
        )
    );
    for stage in Stage::ALL {
        let of = |measured: &Measured| {
            let mut stages = measured.stages.iter();
            stages
                .find(|it| it.drive == drive && it.stage == stage)
                .cloned()
        };
        let (Some(own), other) = (of(&report.system), of(&report.reference)) else {
            continue;
        };
        let beside = other.map_or_else(String::new, |it| {
            format!("{:.1}, p99 {:.1}", it.p50, it.p99)
        });
        let _ = writeln!(
            text,
            "  {:<26}{:>9.1} {:>9.1} {:>9.1} {:>9.1}   {beside}",
            stage.name(),
            own.p50,
            own.p90,
            own.p99,
            own.max
        );
    }
    text.push('\n');
    text
}

fn breaches(measured: &Measured) -> String {
    let mut text = String::new();
    for breach in &measured.breaches {
        let _ = writeln!(
            text,
            "{} broken in {} transfers",
            paint(BOLD, breach.requirement.as_str()),
            breach.transfers
        );
        let _ = writeln!(text, "  expected    {}", breach.expected);
        let _ = writeln!(text, "  seen        {}", breach.seen);
    }
    text
}

fn score(report: &BenchReport) -> String {
    let score = match report.score {
        None => "no transfer of one of the two counts: there is no score".to_owned(),
        Some(Ratio {
            ratio, rounds: 1, ..
        }) => format!("{ratio:.2} of the reference; one round says nothing of chance"),
        Some(Ratio {
            ratio,
            low,
            high,
            rounds,
        }) => format!(
            "{ratio:.2} of the reference, between {low:.2} and {high:.2} (95 %, {rounds} rounds)"
        ),
    };
    format!(
        "\n{}  {score}\nreproduce  {}\n",
        paint(BOLD, "score"),
        report.reproduce
    )
}
