//! What a simulation came to, for people.

use std::fmt;

use gp2gp_model::paper::PrintState;

use super::outcome::Status;
use super::result::{DurationRow, OutcomeRow, PrintRow, Simulation};
use super::speed::{Growth, Speed};

impl fmt::Display for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.notice)?;
        writeln!(
            f,
            "{}: {} transfers in {} days, seed {}",
            self.profile,
            grouped(self.transfers),
            self.days,
            self.seed
        )?;
        self.write_messages(f)?;
        self.write_outcomes(f)?;
        self.write_paper(f)?;
        writeln!(
            f,
            "\n{:<42}{:>10}{:>10}{:>10}{:>14}",
            "how long", "p50", "p90", "p99", "within a day"
        )?;
        self.durations
            .iter()
            .try_for_each(|row| writeln!(f, "{row}"))?;
        writeln!(
            f,
            "\nunder way at once, added over {} parts of the whole: {} conversations, {} bytes each",
            super::SHARDS,
            grouped(self.memory.live_conversations),
            self.memory.bytes_per_conversation
        )
    }
}

impl Simulation {
    fn write_messages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages = &self.messages;
        let per_transfer = messages.all as f64 / self.transfers.max(1) as f64;
        let large = 100.0 * self.large_transfers as f64 / self.transfers.max(1) as f64;
        writeln!(
            f,
            "\n{} messages, {per_transfer:.1} a transfer; {large:.1} % of transfers need more than one for the record",
            grouped(messages.all),
        )?;
        for (what, count) in [
            ("requests", messages.requests),
            ("extracts", messages.extracts),
            ("Continues", messages.continues),
            ("fragments", messages.fragments),
            ("acknowledgements", messages.acknowledgements),
        ] {
            writeln!(f, "  {what:<40}{:>12}", grouped(count))?;
        }
        let repeats = self.posts.saturating_sub(messages.all);
        writeln!(
            f,
            "  {:<40}{:>12}",
            "posts that did not count",
            grouped(repeats)
        )
    }

    fn write_outcomes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = Self::cutoff().as_secs() / 86_400;
        let head = format!("how they are classified after {days} days");
        writeln!(
            f,
            "\n{head:<42}{:>12}{:>10}{:>10}",
            "transfers", "here", "measured"
        )?;
        self.outcomes
            .iter()
            .try_for_each(|row| writeln!(f, "{row}"))?;
        for (what, status) in [
            ("technical failures", Status::TechnicalFailure),
            ("process failures", Status::ProcessFailure),
            ("unclassified failures", Status::UnclassifiedFailure),
        ] {
            let rows = self
                .outcomes
                .iter()
                .filter(|row| row.outcome.status() == status);
            let (mut here, mut measured) = (0.0, 0.0);
            for row in rows {
                here += row.percent;
                measured += row.measured_percent.unwrap_or_default();
            }
            let has_measured = self
                .outcomes
                .iter()
                .any(|row| row.measured_percent.is_some());
            let measured = has_measured.then_some(measured);
            writeln!(
                f,
                "  {what:<40}{:>12}{here:>8.2} %{}",
                "",
                percent(measured)
            )?;
        }
        if self.unseen_transfers > 0 {
            writeln!(
                f,
                "  {:<40}{:>12}",
                "requests that Spine never took",
                grouped(self.unseen_transfers)
            )?;
        }
        let codes = self.final_codes.iter();
        let codes: Vec<String> = codes
            .map(|(code, count)| format!("{code}: {}", grouped(*count)))
            .collect();
        if !codes.is_empty() {
            writeln!(f, "  final errors by code: {}", codes.join(", "))?;
        }
        writeln!(
            f,
            "  technical failures by week: median {:.1} %, worst {:.1} %",
            self.weeks.median_percent, self.weeks.worst_percent
        )
    }

    fn write_paper(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nwhat old practices print")?;
        self.print_states
            .iter()
            .try_for_each(|row| writeln!(f, "{row}"))?;
        let papers = self.print_states.iter();
        let papers = papers.filter(|row| row.state.is_some_and(PrintState::is_paper));
        let patients: u64 = papers.map(|row| row.transfers).sum();
        writeln!(
            f,
            "  {:<56}{:>12}",
            format!("pages, for {} patients", grouped(patients)),
            grouped(self.pages)
        )
    }
}

impl fmt::Display for OutcomeRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "  {:<40}{:>12}{:>8.2} %{}",
            self.outcome.words(),
            grouped(self.transfers),
            self.percent,
            percent(self.measured_percent)
        )
    }
}

impl fmt::Display for PrintRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.state.map_or("-".to_owned(), |state| state.to_string());
        write!(
            f,
            "  {number} {:<54}{:>12}",
            self.words,
            grouped(self.transfers)
        )
    }
}

impl fmt::Display for DurationRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "  {:<40}{:>10}{:>10}{:>10}{:>12.1} %",
            self.what,
            span(self.p50),
            span(self.p90),
            span(self.p99),
            self.within_a_day_percent
        )
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "took {:.2} s on {} threads, {:.2} s of processors: {:.2} million messages/s on each core, {} transfers/s in all",
            self.wall_seconds,
            self.jobs,
            self.cpu_seconds,
            self.messages_per_core_second / 1e6,
            grouped(self.transfers_per_second as u64),
        )?;
        match self.peak_rss_bytes {
            Some(bytes) => writeln!(f, "; {} MB of memory at most", bytes / 1_000_000),
            None => writeln!(f),
        }
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.notice)?;
        writeln!(
            f,
            "{:>12}{:>14}{:>10}{:>12}{:>16}{:>12}{:>14}{:>10}",
            "transfers",
            "messages",
            "seconds",
            "of cores",
            "ns of a core",
            "under way",
            "bytes each",
            "MB"
        )?;
        for step in &self.steps {
            let speed = &step.speed;
            let nanos = 1e9 * speed.cpu_seconds / step.messages.max(1) as f64;
            let memory = speed.peak_rss_bytes;
            let memory = memory.map_or("?".to_owned(), |bytes| (bytes / 1_000_000).to_string());
            writeln!(
                f,
                "{:>12}{:>14}{:>10.2}{:>12.2}{:>16.0}{:>12}{:>14}{:>10}",
                grouped(step.transfers),
                grouped(step.messages),
                speed.wall_seconds,
                speed.cpu_seconds,
                nanos,
                grouped(step.memory.live_conversations),
                step.memory.bytes_per_conversation,
                memory
            )?;
        }
        writeln!(f, "ns of a core: for each message")
    }
}

fn percent(of: Option<f64>) -> String {
    of.map_or(format!("{:>10}", "-"), |of| format!("{of:>8.2} %"))
}

/// `2 530 000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A time in the largest unit of which there are two.
fn span(seconds: f64) -> String {
    const UNITS: [(f64, &str); 3] = [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min")];
    let unit = UNITS.into_iter().find(|(unit, _)| seconds >= 2.0 * unit);
    let (unit, name) = unit.unwrap_or((1.0, "s"));
    format!("{:.1} {name}", seconds / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_groups_and_times_in_units() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(2_530_000), "2 530 000");
        assert_eq!(span(0.04), "0.0 s");
        assert_eq!(span(119.0), "119.0 s");
        assert_eq!(span(150.0), "2.5 min");
        assert_eq!(span(172_800.0), "2.0 d");
    }
}
