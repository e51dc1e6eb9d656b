//! Colours of a terminal. The writer strips them where nobody sees them.

use anstyle::{AnsiColor, Style};
use gp2gp_model::verdict::Verdict;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();

/// Colour of a verdict.
pub(crate) const fn of(verdict: Verdict) -> Style {
    let colour = match verdict {
        Verdict::Pass => AnsiColor::Green,
        Verdict::Fail | Verdict::UnexpectedPass | Verdict::HarnessError => AnsiColor::Red,
        Verdict::Warn
        | Verdict::CouldNotRun
        | Verdict::Unknown
        | Verdict::KnownFailure
        | Verdict::Flaky => AnsiColor::Yellow,
        Verdict::NotApplicable => AnsiColor::BrightBlack,
    };
    let style = Style::new().fg_color(Some(anstyle::Color::Ansi(colour)));
    match verdict {
        Verdict::Fail | Verdict::HarnessError => style.bold(),
        Verdict::Pass
        | Verdict::Warn
        | Verdict::NotApplicable
        | Verdict::CouldNotRun
        | Verdict::Unknown
        | Verdict::KnownFailure
        | Verdict::UnexpectedPass
        | Verdict::Flaky => style,
    }
}

/// Text in a style.
pub(crate) fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}
