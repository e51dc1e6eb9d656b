//! Sizes and durations as people write them: `4.5 MB`, `4h10m`.
//!
//! An error text that a person has to act on has two lines: what is wrong, and what to write
//! instead. `error.rs` shows the second as help.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A number of bytes. In files a whole number, or a text with a decimal unit: 1 KB is 1000 bytes,
/// because the limits of Spine are decimal (spec 20).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// A length of time, such as `500ms`, `2h` or `8d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// The text is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a size\nwrite bytes as a whole number, or a text such as \"60 KB\" or \"4.5 MB\"; units are B, KB, MB and GB, and 1 KB is 1000 bytes"
)]
pub struct NotASize(String);

/// The text is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a length of time\nwrite whole numbers with units, the largest first, such as \"500ms\", \"10m\", \"4h10m\" or \"8d\"; units are d, h, m, s and ms"
)]
pub struct NotASpan(String);

/// Names of units, and how many decimal digits a fraction of them may have: a byte is the smallest.
const SIZE_UNITS: [(&str, u32); 4] = [("B", 0), ("KB", 3), ("MB", 6), ("GB", 9)];

/// Names of units with their milliseconds, the longest first.
const SPAN_UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl FromStr for Size {
    type Err = NotASize;

    fn from_str(text: &str) -> Result<Self, NotASize> {
        decimal_bytes(text.trim())
            .map(Self)
            .ok_or_else(|| NotASize(shortened(text)))
    }
}

impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, NotASpan> {
        milliseconds(text.trim())
            .map(|milliseconds| Self(Duration::from_millis(milliseconds)))
            .ok_or_else(|| NotASpan(shortened(text)))
    }
}

/// `4.5 MB` without a detour through floating point, which could be a byte off a threshold.
fn decimal_bytes(text: &str) -> Option<u64> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let (_, exponent) = SIZE_UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let (whole, fraction) = number
        .trim_end()
        .split_once('.')
        .unwrap_or((number.trim_end(), "0"));
    let places = u32::try_from(fraction.trim_end_matches('0').len()).ok()?;
    let parts_of_unit = digits(fraction.trim_end_matches('0'), true)?
        .checked_mul(10_u64.checked_pow(exponent.checked_sub(places)?)?)?;
    digits(whole, false)?
        .checked_mul(10_u64.pow(exponent))?
        .checked_add(parts_of_unit)
        .filter(|_| !fraction.is_empty())
}

fn milliseconds(text: &str) -> Option<u64> {
    let mut units = SPAN_UNITS.into_iter();
    let mut rest = text;
    let mut sum = 0_u64;
    while !rest.is_empty() {
        let (number, after) = split_where(rest, |c| !c.is_ascii_digit());
        let (unit, after) = split_where(after, |c| !c.is_ascii_alphabetic());
        let (_, each) = units.find(|(name, _)| *name == unit)?;
        sum = sum.checked_add(digits(number, false)?.checked_mul(each)?)?;
        rest = after.trim_start();
    }
    (!text.is_empty()).then_some(sum)
}

fn split_where(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(end).unwrap_or(text.len()))
}

/// Plain digits: `u64::from_str` would take a sign too.
fn digits(text: &str, empty_is_zero: bool) -> Option<u64> {
    if text.is_empty() && empty_is_zero {
        return Some(0);
    }
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SizeVisitor)
    }
}

struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = Size;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size such as 60000, \"60 KB\" or \"4.5 MB\"")
    }

    fn visit_i64<E: Error>(self, bytes: i64) -> Result<Size, E> {
        u64::try_from(bytes)
            .map(Size)
            .map_err(|_| E::custom(NotASize(bytes.to_string())))
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<Size, E> {
        Ok(Size(bytes))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
        text.parse().map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(SpanVisitor)
    }
}

struct SpanVisitor;

impl Visitor<'_> for SpanVisitor {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a length of time such as \"10m\" or \"4h10m\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
        text.parse().map_err(E::custom)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, exponent) = SIZE_UNITS
            .into_iter()
            .rev()
            .find(|(_, exponent)| {
                self.0 >= 10_u64.pow(*exponent) && self.0.is_multiple_of(10_u64.pow(*exponent))
            })
            .unwrap_or(("B", 0));
        write!(f, "{} {unit}", self.0 / 10_u64.pow(exponent))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size(text: &str) -> Option<u64> {
        text.parse().ok().map(|Size(bytes)| bytes)
    }

    fn span(text: &str) -> Option<u64> {
        text.parse()
            .ok()
            .map(|Span(duration)| duration.as_millis() as u64)
    }

    #[test]
    fn sizes_are_decimal_and_exact() {
        assert_eq!(size("4.5 MB"), Some(4_500_000));
        assert_eq!(size("4.500001 MB"), Some(4_500_001));
        assert_eq!(size("60KB"), Some(60_000));
        assert_eq!(size("0 B"), Some(0));
        assert_eq!(size("1.50 KB"), Some(1_500));
        assert_eq!(size("2 GB"), Some(2_000_000_000));
    }

    #[test]
    fn what_is_not_a_size_is_refused() {
        for text in [
            "",
            "MB",
            "5",
            "5 mb",
            "5 MiB",
            "5 M B",
            "-5 MB",
            "+5 MB",
            "1.2.3 MB",
            ".5 MB",
            "5. MB",
            "0.5 B",
            "1.0001 KB",
            "99999999999999999999 B",
            "99999999999999999 GB",
            "5 MB ü",
            "٣ MB",
        ] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn durations_add_up() {
        assert_eq!(span("4h10m"), Some(15_000_000));
        assert_eq!(span("8d"), Some(691_200_000));
        assert_eq!(span("1m 500ms"), Some(60_500));
        assert_eq!(span("0s"), Some(0));
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for text in [
            "",
            "10",
            "m",
            "10m4h",
            "1h1h",
            "1.5h",
            "-1h",
            "5 m",
            "10min",
            "99999999999999999999d",
        ] {
            assert_eq!(span(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_size_survives_its_text(bytes: u64) {
            prop_assert_eq!(size(&Size(bytes).to_string()), Some(bytes));
        }

        #[test]
        fn no_text_makes_a_panic(text: String, number in "[0-9.]{0,30}", unit in "[A-Za-zé ]{0,4}") {
            let _ = (size(&text), span(&text));
            let both = format!("{number}{unit}");
            let _ = (size(&both), span(&both));
        }
    }
}
