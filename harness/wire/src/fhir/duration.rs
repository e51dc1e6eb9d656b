//! Durations as SDS writes them: ISO 8601.

use std::time::Duration;

use jiff::Span;

/// A text that is no duration of a fixed length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no duration like PT4H10M")]
pub struct DurationError(String);

/// `PT4H10M`. Days are written as hours.
pub fn iso8601(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let mut text = "PT".to_owned();
    if hours > 0 {
        text.push_str(&format!("{hours}H"));
    }
    if minutes > 0 {
        text.push_str(&format!("{minutes}M"));
    }
    let nanos = duration.subsec_nanos();
    if nanos > 0 {
        let fraction = format!("{nanos:09}");
        text.push_str(&format!("{seconds}.{}S", fraction.trim_end_matches('0')));
    } else if seconds > 0 || duration.is_zero() {
        text.push_str(&format!("{seconds}S"));
    }
    text
}

/// Reads weeks, days, hours, minutes and seconds. Months and years have no fixed length.
pub fn parse_iso8601(text: &str) -> Result<Duration, DurationError> {
    let error = || DurationError(text.chars().take(32).collect());
    let text = text.trim();
    // What does not begin so is another notation, or negative.
    if !text.starts_with('P') {
        return Err(error());
    }
    let span: Span = text.parse().map_err(|_| error())?;
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err(error());
    }
    let days = i64::from(span.get_weeks()) * 7 + i64::from(span.get_days());
    let minutes = (days * 24 + i64::from(span.get_hours())) * 60 + span.get_minutes();
    let nanos = i128::from(minutes) * 60_000_000_000
        + i128::from(span.get_seconds()) * 1_000_000_000
        + i128::from(span.get_milliseconds()) * 1_000_000
        + i128::from(span.get_microseconds()) * 1_000
        + i128::from(span.get_nanoseconds());
    let seconds = u64::try_from(nanos / 1_000_000_000).map_err(|_| error())?;
    let below = u32::try_from(nanos % 1_000_000_000).map_err(|_| error())?;
    Ok(Duration::new(seconds, below))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_in_every_form_of_a_fixed_length() {
        for (text, seconds) in [
            ("PT4H10M", 15_000.0),
            ("PT7H", 25_200.0),
            ("PT1M", 60.0),
            ("P1DT2H", 93_600.0),
            ("P2W", 1_209_600.0),
            ("PT0S", 0.0),
            ("PT0.25S", 0.25),
            ("PT90M", 5_400.0),
            (" PT1S ", 1.0),
        ] {
            assert_eq!(
                parse_iso8601(text).map(|it| it.as_secs_f64()),
                Ok(seconds),
                "{text}"
            );
        }
        for text in [
            "",
            "P",
            "PT",
            "4H",
            "4 hours",
            "-PT1S",
            "P1M",
            "P1Y",
            "PT1H garbage",
            "10",
        ] {
            assert!(parse_iso8601(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_duration_survives_its_text(seconds in 0..1_000_000_000_u64, nanos in 0..1_000_000_000_u32) {
            let duration = Duration::new(seconds, nanos);
            prop_assert_eq!(parse_iso8601(&iso8601(duration)), Ok(duration));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "P?[-+0-9PTWDHMSY.]{0,40}") {
            let _ = parse_iso8601(&text);
        }
    }

    #[test]
    fn durations_are_written_as_sds_does() {
        assert_eq!(iso8601(Duration::from_secs(15_000)), "PT4H10M");
        assert_eq!(iso8601(Duration::ZERO), "PT0S");
        assert_eq!(iso8601(Duration::from_millis(61_500)), "PT1M1.5S");
    }
}
