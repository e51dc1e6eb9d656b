//! Pictures of a bench: how long transfers took, and when they ended.

use std::fmt::Write as _;

use gp2gp_model::bench::{BenchReport, Drive, LapReport, Measured, Stage, StageReport};

const WIDE: f64 = 760.0;
const HIGH: f64 = 300.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 50.0;

/// As wide as a bar is.
const BAR: f64 = 8.0;

/// Two colours that are told apart by everybody, also in print.
const OWN: &str = "#005eb8";
const OTHER: &str = "#768692";

/// How many transfers took how long under full load, both systems in one picture.
pub fn latency(report: &BenchReport) -> String {
    let whole = |measured: &Measured| -> Vec<(f64, u64)> {
        let mut stages = measured.stages.iter();
        let found: Option<&StageReport> =
            stages.find(|it| it.drive == Drive::Full && it.stage == Stage::Whole);
        found.map_or_else(Vec::new, |it| it.buckets.clone())
    };
    let (own, other) = (whole(&report.system), whole(&report.reference));
    let all = || own.iter().chain(&other);
    // A bar stands for all below it to the next; there is air beside the outermost, also where there is one alone.
    let shortest = all().map(|it| it.0).fold(f64::INFINITY, f64::min) / 2.0;
    let longest = all().map(|it| it.0).fold(0.0, f64::max) * 2.0;
    let most = all().map(|it| it.1).max().unwrap_or(1) as f64;
    let x = |ms: f64| {
        across(
            ms.max(0.1).ln(),
            shortest.max(0.1).ln(),
            longest.max(0.2).ln(),
        )
    };
    let y = |count: f64| up(count, most);
    let mut picture = Picture::new(
        &format!(
            "How long transfers took under full load, profile {}",
            report.profile
        ),
        "milliseconds, logarithmic",
        "transfers",
    );
    for (buckets, colour, beside) in [(&other, OTHER, BAR / 2.0), (&own, OWN, -BAR / 2.0)] {
        for (ms, count) in buckets {
            picture.bar(x(*ms) + beside, y(*count as f64), colour);
        }
    }
    for ms in ticks(shortest, longest) {
        picture.below(x(ms), &number(ms));
    }
    picture.beside(y(most), &number(most));
    picture.beside(y(0.0), "0");
    picture.done(&report.system.name, &report.reference.name)
}

/// When each transfer ended, and how long it had taken: queues show as rising lines.
pub fn time(report: &BenchReport) -> String {
    let lap = |measured: &Measured| -> Option<LapReport> {
        let open = measured.laps.iter().find(|lap| lap.drive == Drive::Open);
        let full = measured.laps.iter().find(|lap| lap.drive == Drive::Full);
        open.or(full).cloned()
    };
    let ends = |measured: &Measured| lap(measured).map_or_else(Vec::new, |lap| lap.ends);
    let (own, other) = (ends(&report.system), ends(&report.reference));
    let all = || own.iter().chain(&other);
    let last = all().map(|it| it.0).fold(1.0, f64::max);
    let longest = all().map(|it| it.1).fold(1.0, f64::max);
    let mut picture = Picture::new(
        &format!(
            "How long each transfer had taken when it ended, profile {}",
            report.profile
        ),
        "seconds since the first patient registered",
        "milliseconds",
    );
    for (points, colour) in [(&other, OTHER), (&own, OWN)] {
        for (at, took) in points {
            picture.dot(across(*at, 0.0, last), up(*took, longest), colour);
        }
    }
    for part in 0..=4 {
        let at = last * f64::from(part) / 4.0;
        picture.below(across(at, 0.0, last), &number(at / 1e3));
    }
    picture.beside(up(longest, longest), &number(longest));
    picture.beside(up(0.0, longest), "0");
    picture.done(&report.system.name, &report.reference.name)
}

fn across(value: f64, least: f64, most: f64) -> f64 {
    let share = (value - least) / (most - least).max(f64::MIN_POSITIVE);
    LEFT + share.clamp(0.0, 1.0) * (WIDE - LEFT - 20.0)
}

fn up(value: f64, most: f64) -> f64 {
    let share = (value / most.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
    HIGH - BOTTOM - share * (HIGH - BOTTOM - TOP)
}

/// Powers of ten, and their halves, between two numbers.
fn ticks(least: f64, most: f64) -> Vec<f64> {
    let mut ticks = Vec::new();
    let mut power = 0.1;
    while power <= most * 10.0 && ticks.len() < 20 {
        for tick in [power, power * 2.0, power * 5.0] {
            if tick >= least && tick <= most {
                ticks.push(tick);
            }
        }
        power *= 10.0;
    }
    ticks
}

fn number(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 1.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

struct Picture {
    title: String,
    svg: String,
}

impl Picture {
    fn new(title: &str, across: &str, upwards: &str) -> Self {
        let mut svg = String::new();
        let (right, floor) = (WIDE - 20.0, HIGH - BOTTOM);
        let _ = write!(
            svg,
            "<path d=\"M{LEFT} {TOP}V{floor}H{right}\" fill=\"none\" stroke=\"#425563\"/>\n\
             <text x=\"{right}\" y=\"{}\" text-anchor=\"end\">{}</text>\n\
             <text x=\"{LEFT}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
            HIGH - 10.0,
            escaped(across),
            TOP - 8.0,
            escaped(upwards),
        );
        Self {
            title: title.to_owned(),
            svg,
        }
    }

    fn bar(&mut self, x: f64, y: f64, colour: &str) {
        let floor = HIGH - BOTTOM;
        let _ = writeln!(
            self.svg,
            "<path class=\"bar\" d=\"M{x:.1} {floor}V{y:.1}\" stroke=\"{colour}\" stroke-width=\"{BAR}\"/>"
        );
    }

    fn dot(&mut self, x: f64, y: f64, colour: &str) {
        let _ = writeln!(
            self.svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\" fill=\"{colour}\"/>"
        );
    }

    fn below(&mut self, x: f64, text: &str) {
        let _ = writeln!(
            self.svg,
            "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
            HIGH - BOTTOM + 16.0
        );
    }

    fn beside(&mut self, y: f64, text: &str) {
        let _ = writeln!(
            self.svg,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            LEFT - 6.0,
            y + 4.0
        );
    }

    fn done(self, own: &str, other: &str) -> String {
        let title = escaped(&self.title);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDE} {HIGH}\" role=\"img\" aria-label=\"{title}\" font-family=\"Arial, sans-serif\" font-size=\"12\" fill=\"#212b32\">\n\
             <title>{title}</title>\n<rect width=\"{WIDE}\" height=\"{HIGH}\" fill=\"#ffffff\"/>\n\
             <text x=\"{LEFT}\" y=\"20\" font-size=\"14\" font-weight=\"bold\">{title}</text>\n{}\
             <circle cx=\"{}\" cy=\"36\" r=\"4\" fill=\"{OWN}\"/><text x=\"{}\" y=\"40\">{}</text>\n\
             <circle cx=\"{}\" cy=\"36\" r=\"4\" fill=\"{OTHER}\"/><text x=\"{}\" y=\"40\">{} (reference)</text>\n</svg>\n",
            self.svg,
            WIDE - 420.0,
            WIDE - 410.0,
            escaped(own),
            WIDE - 210.0,
            WIDE - 200.0,
            escaped(other),
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
