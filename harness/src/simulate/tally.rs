//! What became of many transfers, added up. Sums and counts alone, so that shards can be added in any order.

use std::collections::BTreeMap;
use std::time::Duration;

use gp2gp_model::Time;
use gp2gp_model::paper::PrintState;
use hdrhistogram::Histogram;

use super::message::Message;
use super::outcome::{Outcome, Status};
use super::world::{Ended, Witness};

/// Sums over transfers.
#[derive(Clone)]
pub(super) struct Tally {
    start: Time,
    pub(super) transfers: u64,
    /// Messages that Spine took, by kind: requests, cores, Continues, fragments, acknowledgements.
    pub(super) messages: [u64; 5],
    /// Posts to Spine, repeats included.
    pub(super) posts: u64,
    pub(super) large: u64,
    /// Requests that Spine never took: no message log knows of them.
    pub(super) unseen: u64,
    pub(super) outcomes: BTreeMap<Outcome, u64>,
    /// `None`: the old practice was never asked.
    pub(super) print_states: BTreeMap<Option<PrintState>, u64>,
    pub(super) pages: u64,
    pub(super) final_codes: BTreeMap<u8, u64>,
    /// Transfers, and technical failures among them, by the week of the request.
    pub(super) weeks: BTreeMap<u32, (u64, u64)>,
    pub(super) until_core: Durations,
    pub(super) until_last_sent: Durations,
    pub(super) until_filed: Durations,
}

/// Durations, with two digits each.
#[derive(Clone)]
pub(super) struct Durations(Option<Histogram<u64>>);

impl Tally {
    /// Of nothing so far; weeks count from `start`.
    pub(super) fn new(start: Time) -> Self {
        Self {
            start,
            transfers: 0,
            messages: [0; 5],
            posts: 0,
            large: 0,
            unseen: 0,
            outcomes: BTreeMap::new(),
            print_states: BTreeMap::new(),
            pages: 0,
            final_codes: BTreeMap::new(),
            weeks: BTreeMap::new(),
            until_core: Durations::new(),
            until_last_sent: Durations::new(),
            until_filed: Durations::new(),
        }
    }

    /// All messages that Spine took.
    pub(super) fn all_messages(&self) -> u64 {
        self.messages.iter().sum()
    }

    /// Adds another tally.
    pub(super) fn add(&mut self, other: Self) {
        self.transfers += other.transfers;
        for (sum, more) in self.messages.iter_mut().zip(other.messages) {
            *sum += more;
        }
        self.posts += other.posts;
        self.large += other.large;
        self.unseen += other.unseen;
        self.pages += other.pages;
        add(&mut self.outcomes, other.outcomes);
        add(&mut self.print_states, other.print_states);
        add(&mut self.final_codes, other.final_codes);
        for (week, (transfers, technical)) in other.weeks {
            let sum = self.weeks.entry(week).or_default();
            sum.0 += transfers;
            sum.1 += technical;
        }
        self.until_core.add(&other.until_core);
        self.until_last_sent.add(&other.until_last_sent);
        self.until_filed.add(&other.until_filed);
    }
}

fn add<K: Ord>(sums: &mut BTreeMap<K, u64>, more: BTreeMap<K, u64>) {
    for (key, count) in more {
        *sums.entry(key).or_default() += count;
    }
}

impl Witness for Tally {
    fn posted(&mut self, _: Time, _: Message) {
        self.posts += 1;
    }

    fn taken(&mut self, _: Time, message: Message) {
        let kind = match message {
            Message::Request => 0,
            Message::Core(_) => 1,
            Message::Continue => 2,
            Message::Fragment(_) => 3,
            Message::RequestAck(_) | Message::FragmentAck(..) | Message::CoreAck(..) => 4,
        };
        self.messages[kind] += 1;
    }

    fn ended(&mut self, ended: &Ended<'_>) {
        let Ended {
            case,
            evidence,
            print_state,
        } = ended;
        self.transfers += 1;
        self.large += u64::from(case.promise.total() > 0);
        let Some(requested_at) = evidence.requested_at() else {
            self.unseen += 1;
            return;
        };
        let outcome = evidence.outcome();
        *self.outcomes.entry(outcome).or_default() += 1;
        *self.print_states.entry(*print_state).or_default() += 1;
        self.pages += u64::from(match print_state {
            Some(PrintState::MissingItems) => case.missing_pages,
            Some(PrintState::PartlyDelivered | PrintState::Failed) => case.pages,
            Some(PrintState::Integrated | PrintState::Awaiting) | None => 0,
        });
        if outcome == Outcome::FinalError
            && let Some(code) = evidence.final_error()
        {
            *self.final_codes.entry(code.number()).or_default() += 1;
        }
        let week = requested_at.since(self.start).as_secs() / WEEK_SECONDS;
        let week = self.weeks.entry(week as u32).or_default();
        week.0 += 1;
        week.1 += u64::from(outcome.status() == Status::TechnicalFailure);
        self.until_core.record(evidence.until_core());
        self.until_last_sent.record(evidence.until_last_sent());
        self.until_filed.record(evidence.sla());
    }
}

const WEEK_SECONDS: u64 = 7 * 86_400;

impl Durations {
    fn new() -> Self {
        // Two digits are always allowed.
        Self(Histogram::new(2).ok())
    }

    fn record(&mut self, duration: Option<Duration>) {
        if let (Some(histogram), Some(duration)) = (&mut self.0, duration) {
            let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            // A histogram that resizes itself takes any value.
            let _fits = histogram.record(millis.max(1));
        }
    }

    fn add(&mut self, other: &Self) {
        if let (Some(sum), Some(other)) = (&mut self.0, &other.0) {
            // A histogram that resizes itself takes any other.
            let _fits = sum.add(other);
        }
    }

    /// What this share of all do not exceed, within a hundredth.
    pub(super) fn quantile(&self, share: f64) -> Duration {
        let millis = self.0.as_ref().map_or(0, |it| it.value_at_quantile(share));
        Duration::from_millis(millis)
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, Histogram::len)
    }

    /// Which share of them lasts at most so long.
    pub(super) fn share_within(&self, limit: Duration) -> f64 {
        let Some(histogram) = self.0.as_ref().filter(|it| !it.is_empty()) else {
            return 0.0;
        };
        let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        histogram.count_between(0, millis) as f64 / histogram.len() as f64
    }
}
