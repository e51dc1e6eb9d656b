//! Numbers, times and verdicts in words of the page.

use std::borrow::Borrow;
use std::time::Duration;

use askama::Template;
use gp2gp_model::Time;
use gp2gp_model::control::Level;
use gp2gp_model::glossary::Source;
use gp2gp_model::plural;
use gp2gp_model::report::FaultReport;
use gp2gp_model::requirement::Requirement;
use gp2gp_model::trace::Endpoint;
use gp2gp_model::verdict::Verdict;

/// `1 page`, `2 pages`. Templates give what they count by reference, loops of them by value.
pub(super) fn count(number: impl Borrow<usize>, what: &str) -> String {
    plural::count(*number.borrow(), what)
}

pub(super) fn are(number: impl Borrow<usize>) -> &'static str {
    plural::are(*number.borrow() as u64)
}

/// `could not run`.
pub(super) fn verdict(verdict: Verdict) -> String {
    verdict.name().replace('_', " ")
}

/// `a, b and c`.
pub(super) fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A text of the catalogue, in which code stands between backticks.
#[derive(Template)]
#[template(
    source = "{% for (is_code, text) in pieces %}{% if *is_code %}<code>{{ text }}</code>{% else %}{{ text }}{% endif %}{% endfor %}",
    ext = "html"
)]
pub(super) struct Ticked<'a> {
    pieces: Vec<(bool, &'a str)>,
}

pub(super) fn ticked(text: &str) -> Ticked<'_> {
    let pieces = text.split('`').enumerate();
    Ticked {
        pieces: pieces.map(|(at, piece)| (at % 2 == 1, piece)).collect(),
    }
}

/// A name that may be broken between its parts, where a line is too short for it.
#[derive(Template)]
#[template(
    source = "{% for (piece, mark) in pieces %}{{ piece }}{{ mark }}{% if !mark.is_empty() %}<wbr>{% endif %}{% endfor %}",
    ext = "html"
)]
pub(super) struct Breakable<'a> {
    pieces: Vec<(&'a str, &'a str)>,
}

/// Of `limits/receiver-document/size=200001,type=tiff`: behind each mark.
pub(super) fn breakable(name: &str) -> Breakable<'_> {
    let pieces = name.split_inclusive(['/', '=', ',']).map(|piece| {
        let end = piece
            .strip_suffix(['/', '=', ','])
            .map_or(piece.len(), str::len);
        piece.split_at(end)
    });
    Breakable {
        pieces: pieces.collect(),
    }
}

/// Where a requirement is from.
pub(super) fn sources(requirement: &Requirement) -> String {
    let told = requirement
        .clause
        .iter()
        .map(|clause| match clause.as_str() {
            "seen" => "seen in real traffic and deployed systems",
            "derived" if requirement.clause.len() == 1 => {
                "derived, without a national clause of its own"
            }
            national => national,
        });
    told.collect::<Vec<_>>().join(", ")
}

/// What the clauses of a requirement are from, each once.
pub(super) fn titles(requirement: &Requirement, sources: &[Source]) -> String {
    let cited = |source: &&Source| {
        let is_said = matches!(source.letters.as_str(), "seen" | "derived");
        !is_said && requirement.clause.iter().any(|it| source.has(it))
    };
    let told = sources.iter().filter(cited);
    told.map(|it| format!("{}: {}", it.letters, it.title))
        .collect::<Vec<_>>()
        .join("; ")
}

/// The colour of a tag of the design system.
pub(super) const fn colour(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "green",
        Verdict::Fail | Verdict::UnexpectedPass | Verdict::HarnessError => "red",
        Verdict::Warn | Verdict::Unknown | Verdict::Flaky => "yellow",
        Verdict::CouldNotRun | Verdict::KnownFailure => "orange",
        Verdict::NotApplicable => "grey",
    }
}

/// Whether the page shows everything of a scenario, or what is needed to see that all is well.
pub(super) const fn is_troubled(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Pass | Verdict::NotApplicable => false,
        Verdict::Fail
        | Verdict::Warn
        | Verdict::CouldNotRun
        | Verdict::Unknown
        | Verdict::KnownFailure
        | Verdict::UnexpectedPass
        | Verdict::Flaky
        | Verdict::HarnessError => true,
    }
}

pub(super) const fn endpoint(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Requesting => "requesting",
        Endpoint::Spine => "Spine",
        Endpoint::Sending => "sending",
        Endpoint::Store => "store",
        Endpoint::Sds => "SDS",
        Endpoint::Pds => "PDS",
        Endpoint::Office => "practice",
        Endpoint::Desk => "desk",
        Endpoint::Board => "board",
        Endpoint::ClearingHouse => "clearing",
        Endpoint::Importing => "importing",
        Endpoint::Hub => "hub",
        Endpoint::Clinic => "clinic",
        Endpoint::Mailbox => "mailbox",
    }
}

/// Whether something is broken, known or not.
pub(super) const fn is_broken(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Fail | Verdict::Warn | Verdict::KnownFailure | Verdict::Flaky => true,
        Verdict::Pass
        | Verdict::CouldNotRun
        | Verdict::Unknown
        | Verdict::NotApplicable
        | Verdict::UnexpectedPass
        | Verdict::HarnessError => false,
    }
}

/// What a system lets the harness do with it.
pub(super) const fn level(level: Level) -> &'static str {
    match level {
        Level::L0 => "the harness sees the messages, and commands nothing",
        Level::L1 => "the system is told what people do, and does not say what it holds",
        Level::L2 => "the system is told what people do, and says what it holds",
        Level::L3 => {
            "the system is told what people do, says what it holds, and its clock and its restarts are commanded"
        }
    }
}

/// How often a planned fault acted.
pub(super) fn fired(fault: &FaultReport) -> String {
    match fault.fired {
        0 => "never acted".to_owned(),
        1 => "acted once".to_owned(),
        more => format!("acted {more} times"),
    }
}

pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => plural::count(bytes, "byte"),
        10_000..1_000_000 => format!("{} KB", bytes / 1_000),
        1_000_000.. => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

pub(super) fn lasted(milliseconds: u64) -> String {
    span(Duration::from_millis(milliseconds))
}

/// Time since the beginning.
pub(super) fn since(start: Time, at: Time) -> String {
    format!("+{}", span(at.since(start)))
}

fn span(long: Duration) -> String {
    let seconds = long.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}.{:03} s", long.subsec_millis()),
        (0, 0, _) => format!("{minutes}m {:02}s", seconds % 60),
        (0, _, _) => format!("{hours}h {minutes:02}m {:02}s", seconds % 60),
        (_, _, _) => format!("{days}d {hours:02}h {minutes:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_the_units_that_matter() {
        let told = |ms| lasted(ms);
        assert_eq!(told(80), "0.080 s");
        assert_eq!(told(61_000), "1m 01s");
        assert_eq!(told(3_600_000), "1h 00m 00s");
        assert_eq!(told(90_061_000), "1d 01h 01m");
    }

    #[test]
    fn sizes_are_exact_as_long_as_they_are_short() {
        assert_eq!(size(1), "1 byte");
        assert_eq!(size(9_999), "9999 bytes");
        assert_eq!(size(10_000), "10 KB");
        assert_eq!(size(5_250_000), "5.2 MB");
    }
}
