//! A badge for a README: an SVG of our own, and what shields.io draws one from.

use gp2gp_model::report::{Grade, RunReport};
use serde::Serialize;

const LABEL: &str = "gp2gp";

/// An SVG that fetches nothing and says what it shows.
pub fn badge_svg(report: &RunReport) -> String {
    let Badge { message, colour } = Badge::of(report);
    let (left, right) = (width(LABEL), width(&message));
    let whole = left + right;
    let (label_at, message_at) = (left / 2, left + right / 2);
    let (label_long, message_long) = (left - PADDING, right - PADDING);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" aria-label="{LABEL}: {message}">
  <title>{LABEL}: {message}</title>
  <clipPath id="r"><rect width="{whole}" height="20" rx="3"/></clipPath>
  <g clip-path="url(#r)">
    <rect width="{left}" height="20" fill="#3f4650"/>
    <rect x="{left}" width="{right}" height="20" fill="{}"/>
  </g>
  <g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
    <text x="{label_at}" y="14" textLength="{label_long}">{LABEL}</text>
    <text x="{message_at}" y="14" textLength="{message_long}">{message}</text>
  </g>
</svg>
"##,
        colour.hex()
    )
}

/// What the endpoint badge of shields.io reads.
pub fn badge_json(report: &RunReport) -> Result<String, serde_json::Error> {
    let Badge { message, colour } = Badge::of(report);
    let endpoint = Endpoint {
        schema_version: 1,
        label: LABEL,
        message: &message,
        color: colour.hex(),
        is_error: colour == Colour::Red,
    };
    Ok(serde_json::to_string_pretty(&endpoint)? + "\n")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint<'a> {
    schema_version: u8,
    label: &'a str,
    message: &'a str,
    color: &'a str,
    is_error: bool,
}

/// Words of our own alone: no name of a system gets in.
struct Badge {
    message: String,
    colour: Colour,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Colour {
    Green,
    Amber,
    Red,
}

impl Colour {
    /// White is read on each of them (contrast of 4.5 and more).
    const fn hex(self) -> &'static str {
        match self {
            Self::Green => "#00703c",
            Self::Amber => "#8f5a00",
            Self::Red => "#b3261e",
        }
    }
}

impl Badge {
    fn of(report: &RunReport) -> Self {
        let (word, colour) = match report.score.grade {
            Grade::Conforms => ("conforms", Colour::Green),
            Grade::DoesNotConform => ("does not conform", Colour::Red),
            Grade::Unsafe => ("unsafe", Colour::Red),
            Grade::Incomplete => ("incomplete", Colour::Amber),
        };
        let must = report.score.must;
        // A grade says nothing of what made a run end red beside it: a stale baseline, a defect.
        let colour = match (colour, report.exit.code) {
            (Colour::Green, 0) => Colour::Green,
            (Colour::Green, _) => Colour::Amber,
            (other, _) => other,
        };
        let message = match must.applicable {
            0 => word.to_owned(),
            all => format!("{word} {}/{all}", must.passed),
        };
        Self { message, colour }
    }
}

const PADDING: usize = 10;

/// Room for a text in 11 px Verdana; `textLength` makes it fit exactly whatever the font.
fn width(text: &str) -> usize {
    let tenths: usize = text
        .chars()
        .map(|c| match c {
            'i' | 'l' | 'j' | 't' | 'f' | 'r' | ' ' | '/' => 45,
            'm' | 'w' => 105,
            _ => 70,
        })
        .sum();
    tenths / 10 + PADDING
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_badge_says_the_grade_in_words_and_colour() {
        insta::assert_snapshot!(badge_svg(&fixture::conforming()));
        let good = badge_json(&fixture::conforming()).unwrap();
        insta::assert_snapshot!(good);
        let bad = badge_json(&fixture::report()).unwrap();
        assert!(bad.contains("\"message\": \"unsafe 1/9\""), "{bad}");
        assert!(bad.contains("\"isError\": true"), "{bad}");
    }

    #[test]
    fn a_conforming_run_that_ends_red_has_no_green_badge() {
        let mut report = fixture::conforming();
        report.exit.code = 4;
        assert!(!badge_svg(&report).contains(Colour::Green.hex()));
    }

    #[test]
    fn white_can_be_read_on_every_colour() {
        for colour in [Colour::Green, Colour::Amber, Colour::Red] {
            let channel = |at: usize| {
                let byte = u8::from_str_radix(&colour.hex()[at..at + 2], 16).unwrap();
                let part = f64::from(byte) / 255.0;
                if part <= 0.040_45 {
                    part / 12.92
                } else {
                    ((part + 0.055) / 1.055).powf(2.4)
                }
            };
            let light = 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
            let contrast = 1.05 / (light + 0.05);
            assert!(contrast >= 4.5, "{}: {contrast}", colour.hex());
        }
    }
}
