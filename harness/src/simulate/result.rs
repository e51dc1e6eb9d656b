//! What a simulation came to: the same bytes for the same order, on any number of threads.

use std::collections::BTreeMap;
use std::time::Duration;

use gp2gp_model::paper::PrintState;
use gp2gp_model::report::SYNTHETIC_NOTICE;
use serde::Serialize;

use super::outcome::Outcome;
use super::profile::Profile;
use super::shard::{Footprint, Played};
use super::tally::{Durations, Tally};
use super::{CUTOFF, Order};

/// What was simulated, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Simulation {
    /// That nobody is real.
    pub notice: String,
    /// What it is a simulation of.
    pub profile: String,
    /// Seed of all chance.
    pub seed: u64,
    /// Days in which transfers begin.
    pub days: u32,
    /// Transfers.
    pub transfers: u64,
    /// Transfers for which one message is not enough.
    pub large_transfers: u64,
    /// Requests that Spine never took.
    pub unseen_transfers: u64,
    /// Messages that Spine took.
    pub messages: Messages,
    /// Posts of systems to Spine, repeats included.
    pub posts: u64,
    /// Events of the kernel.
    pub events: u64,
    /// How transfers are classified after 28 days, and what was measured.
    pub outcomes: Vec<OutcomeRow>,
    /// What old practices print.
    pub print_states: Vec<PrintRow>,
    /// Printed pages.
    pub pages: u64,
    /// How often each code was the final error.
    pub final_codes: BTreeMap<String, u64>,
    /// From the request on.
    pub durations: Vec<DurationRow>,
    /// Technical failures by week.
    pub weeks: Weeks,
    /// What conversations under way took.
    pub memory: Memory,
}

/// Messages by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Messages {
    /// All.
    pub all: u64,
    /// EHR requests.
    pub requests: u64,
    /// Core extracts.
    pub extracts: u64,
    /// Continues.
    pub continues: u64,
    /// Fragments.
    pub fragments: u64,
    /// Acknowledgements.
    pub acknowledgements: u64,
}

/// How many transfers are classified so.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OutcomeRow {
    /// How.
    pub outcome: Outcome,
    /// How many.
    pub transfers: u64,
    /// Of all, in per cent.
    pub percent: f64,
    /// What the profile says was measured, in per cent.
    pub measured_percent: Option<f64>,
}

/// How many old practices are left in a print state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PrintRow {
    /// `None`: the old practice was never asked.
    pub state: Option<PrintState>,
    /// In words.
    pub words: String,
    /// How many.
    pub transfers: u64,
}

/// How long something took, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DurationRow {
    /// What.
    pub what: String,
    /// How many of them there are.
    pub transfers: u64,
    /// Half take at most so long.
    pub p50: f64,
    /// 90 of 100.
    pub p90: f64,
    /// 99 of 100.
    pub p99: f64,
    /// Within a day, in per cent.
    pub within_a_day_percent: f64,
}

/// Technical failures by week, in per cent of the transfers of that week.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Weeks {
    /// Of half the weeks at most so many.
    pub median_percent: f64,
    /// In the worst week.
    pub worst_percent: f64,
}

/// What conversations under way took, where they were most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Conversations under way.
    pub live_conversations: u64,
    /// Bytes set aside for them and for what lies ahead of them.
    pub bytes: u64,
    /// For each.
    pub bytes_per_conversation: u64,
}

impl Simulation {
    pub(super) fn of(order: &Order<'_>, shards: &[Played], tally: &Tally) -> Self {
        let footprints = shards.iter().map(|shard| shard.footprint);
        let footprint = footprints.fold(Footprint::default(), Footprint::and);
        let [requests, extracts, continues, fragments, acknowledgements] = tally.messages;
        Self {
            notice: SYNTHETIC_NOTICE.to_owned(),
            profile: order.profile.title.clone(),
            seed: order.seed,
            days: order.days,
            transfers: tally.transfers,
            large_transfers: tally.large,
            unseen_transfers: tally.unseen,
            messages: Messages {
                all: tally.all_messages(),
                requests,
                extracts,
                continues,
                fragments,
                acknowledgements,
            },
            posts: tally.posts,
            events: shards.iter().map(|shard| shard.events).sum(),
            outcomes: outcomes(order.profile, tally),
            print_states: print_states(tally),
            pages: tally.pages,
            final_codes: codes(tally),
            durations: vec![
                duration("request to core", &tally.until_core),
                duration(
                    "request to last message of the sender",
                    &tally.until_last_sent,
                ),
                duration("core to filed", &tally.until_filed),
            ],
            weeks: weeks(tally),
            memory: Memory {
                live_conversations: footprint.live,
                bytes: footprint.bytes,
                bytes_per_conversation: footprint.bytes / footprint.live.max(1),
            },
        }
    }

    /// After so long nothing changes how a transfer is classified.
    pub const fn cutoff() -> Duration {
        CUTOFF
    }
}

fn outcomes(profile: &Profile, tally: &Tally) -> Vec<OutcomeRow> {
    let all: u64 = tally.outcomes.values().sum();
    let rows = Outcome::ALL.into_iter().map(|outcome| {
        let transfers = tally.outcomes.get(&outcome).copied().unwrap_or_default();
        OutcomeRow {
            outcome,
            transfers,
            percent: percent(transfers, all),
            measured_percent: profile.measured.get(&outcome).copied(),
        }
    });
    rows.collect()
}

fn print_states(tally: &Tally) -> Vec<PrintRow> {
    let states = PrintState::ALL.into_iter().map(Some).chain([None]);
    let rows = states.map(|state| PrintRow {
        state,
        words: state.map_or("never asked", PrintState::words).to_owned(),
        transfers: tally.print_states.get(&state).copied().unwrap_or_default(),
    });
    rows.collect()
}

fn codes(tally: &Tally) -> BTreeMap<String, u64> {
    let codes = tally.final_codes.iter();
    codes
        .map(|(code, count)| (format!("{code:02}"), *count))
        .collect()
}

fn duration(what: &str, durations: &Durations) -> DurationRow {
    const DAY: Duration = Duration::from_secs(86_400);
    let quantile = |share| durations.quantile(share).as_secs_f64();
    DurationRow {
        what: what.to_owned(),
        transfers: durations.count(),
        p50: quantile(0.5),
        p90: quantile(0.9),
        p99: quantile(0.99),
        within_a_day_percent: 100.0 * durations.share_within(DAY),
    }
}

fn weeks(tally: &Tally) -> Weeks {
    let weeks = tally.weeks.values();
    let mut shares: Vec<f64> = weeks
        .map(|(transfers, technical)| percent(*technical, *transfers))
        .collect();
    shares.sort_by(f64::total_cmp);
    Weeks {
        median_percent: shares.get(shares.len() / 2).copied().unwrap_or_default(),
        worst_percent: shares.last().copied().unwrap_or_default(),
    }
}

fn percent(part: u64, all: u64) -> f64 {
    100.0 * part as f64 / all.max(1) as f64
}
