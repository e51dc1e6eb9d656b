//! Draws transfers from a profile: when they begin, what both practices, the record and the people are like,
//! and what happens to messages. Each transfer draws from streams of its own, so that any of them can be made
//! without the others.

use std::time::Duration;

use gp2gp_model::Time;
use gp2gp_model::plan::Decision;
use gp2gp_model::version::Version;
use gp2gp_sim::{Chance, Crowd, Dice, Streams};

use super::calendar::Calendar;
use super::case::{AnswersRequest, Case, Obstacle, Terms, Wait};
use super::layout::{Layout, Limits};
use super::luck::{Chanced, Odds};
use super::outages::Outages;
use super::profile::{self, Profile};
use crate::pages::{self, Page};

/// Transfers as a profile has them.
pub(super) struct Workload<'a> {
    profile: &'a Profile,
    calendar: Calendar,
    terms: Terms,
    outages: Outages,
    odds: Odds,
    limits: Limits,
    pairs: Choice<Pair>,
    types: Choice<Page>,
    undeliverable: Chance,
    obstacles: Choice<Option<Obstacle>>,
    crowds: Crowds,
}

/// Who sends to whom.
#[derive(Debug, Clone, Copy)]
struct Pair {
    sending: u8,
    requesting: u8,
    answers: AnswersRequest,
    requester_takes_large: Chance,
    sender_sends_large: Chance,
}

struct Crowds {
    arrivals: Crowd,
    practices: Crowd,
    records: Crowd,
    people: Crowd,
    network: Crowd,
}

/// A record, as far as messages and paper need it.
struct Drawn {
    layout: Layout,
    pages: u32,
    missing_pages: u32,
    placeholders: bool,
}

impl<'a> Workload<'a> {
    /// So many transfers in so many days from `start` on.
    pub(super) fn new(
        profile: &'a Profile,
        streams: &Streams,
        start: Time,
        days: u32,
        transfers: u32,
    ) -> Self {
        let crowd = |name| Crowd::new(streams, name);
        let contracts = &profile.contracts;
        let types = profile.records.types.iter();
        Self {
            calendar: Calendar::new(&profile.volume, start, days, transfers),
            terms: Terms {
                link: Duration::from_millis(contracts.link_ms.into()),
                retries: contracts.retries,
                retry_interval: Duration::from_secs(contracts.retry_interval_s.into()),
                persist_extract: Duration::from_secs(contracts.persist_extract_s.into()),
                persist_copc: Duration::from_secs(contracts.persist_copc_s.into()),
            },
            outages: outages(profile, crowd("simulate/outages"), start, days),
            odds: Odds::new(&profile.network),
            limits: Limits {
                attachment: profile.records.attachment_limit.into(),
                message: profile.records.message_limit.into(),
                inline: profile.records.core_attachment_limit.into(),
            },
            pairs: pairs(profile),
            types: Choice::new(
                OTHER_TYPES,
                types.map(|(name, share)| (Page::of(name), *share)),
            ),
            undeliverable: Chance::new(profile.records.undeliverable),
            obstacles: obstacles(profile),
            crowds: Crowds {
                arrivals: crowd("simulate/arrivals"),
                practices: crowd("simulate/practices"),
                records: crowd("simulate/records"),
                people: crowd("simulate/people"),
                network: crowd("simulate/network"),
            },
            profile,
        }
    }

    /// What both practices' contracts say.
    pub(super) const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// When suppliers' systems are down.
    pub(super) const fn outages(&self) -> &Outages {
        &self.outages
    }

    /// When a transfer begins: later than all with a lower number.
    pub(super) fn begins(&self, number: u32) -> Time {
        let share = self.crowds.arrivals.member(number.into()).unit();
        self.calendar.begins(number, share)
    }

    /// What happens to the messages of a transfer.
    pub(super) fn luck(&self, number: u32) -> Chanced<'_> {
        Chanced::new(self.crowds.network.member(number.into()), &self.odds)
    }

    /// A transfer.
    pub(super) fn case(&self, number: u32) -> Case {
        let member = |crowd: Crowd| crowd.member(number.into());
        let drawn = self.record(&mut member(self.crowds.records));
        let mut dice = member(self.crowds.practices);
        let pair = self.pairs.draw(&mut dice);
        let is_large = drawn.layout.is_large();
        let mut people = member(self.crowds.people);
        let returning = people.hits(Chance::new(self.profile.people.returning));
        Case {
            placeholders: drawn.placeholders,
            pages: drawn.pages,
            missing_pages: drawn.missing_pages,
            returning,
            version: Version::V2_2b,
            answers: pair.answers,
            obstacle: self.obstacle(pair, is_large, &mut dice),
            preparation: seconds(self.profile.sending.preparation_s.draw(&mut dice)).into(),
            habit: self.habit(returning, &mut people),
            repeats_core_after: self.repeats_core_after(&mut dice),
            hangs_after: self.hangs_after(&drawn.layout, &mut dice),
            suppliers: [pair.requesting, pair.sending],
            promise: drawn.layout.promise,
        }
    }

    fn record(&self, dice: &mut Dice) -> Drawn {
        let records = &self.profile.records;
        let bytes = records.bytes.draw_whole(dice);
        let documents = match dice.hits(Chance::new(records.with_attachments)) {
            true => records.attachments.draw_whole(dice),
            false => 0,
        };
        let (mut pages, mut missing_pages, mut placeholders) = (pages::of_record(bytes), 0, false);
        let sizes = (0..u32::try_from(documents).unwrap_or(u32::MAX)).map(|_| {
            let bytes = records.attachment_bytes.draw_whole(dice);
            let on_paper = self.types.draw(dice).pages(bytes);
            pages += on_paper;
            if dice.hits(self.undeliverable) {
                placeholders = true;
                missing_pages += on_paper;
                return PLACEHOLDER_BYTES;
            }
            bytes
        });
        let sizes: Vec<u64> = sizes.collect();
        let layout = Layout::of(bytes, &sizes, self.limits);
        let whole = |pages| u32::try_from(pages).unwrap_or(u32::MAX);
        Drawn {
            layout,
            pages: whole(pages),
            missing_pages: whole(missing_pages),
            placeholders,
        }
    }

    fn obstacle(&self, pair: Pair, is_large: bool, dice: &mut Dice) -> Option<Obstacle> {
        let any = self.obstacles.draw(dice);
        let takes_large = dice.hits(pair.requester_takes_large);
        let sends_large = dice.hits(pair.sender_sends_large);
        let fails = dice.hits(Chance::new(self.profile.sending.large_messaging_fails));
        match any {
            None if is_large && !takes_large => Some(Obstacle::RequesterTakesOneMessage),
            None if is_large && !sends_large => Some(Obstacle::SendsOneMessage),
            None if is_large && fails => Some(Obstacle::LargeMessagingFails),
            any => any,
        }
    }

    fn habit(&self, returning: bool, dice: &mut Dice) -> Option<(Decision, Wait)> {
        let people = &self.profile.people;
        if dice.hits(Chance::new(people.forget)) {
            return None;
        }
        let (rejects, fails) = (
            dice.hits(Chance::new(people.reject)),
            dice.hits(Chance::new(people.fail_to_integrate)),
        );
        let suppresses = dice.hits(Chance::new(people.suppress));
        let decision = match () {
            () if rejects => Decision::Reject,
            () if fails => Decision::FailToIntegrate,
            () if returning && suppresses => Decision::Suppress,
            () => Decision::Integrate,
        };
        Some((decision, hours(people.integrate_h.draw(dice)).into()))
    }

    fn repeats_core_after(&self, dice: &mut Dice) -> Option<Wait> {
        let sending = &self.profile.sending;
        let repeats = dice.hits(Chance::new(sending.repeats_core));
        let after = hours(sending.repeats_core_h.draw(dice));
        repeats.then_some(after.into())
    }

    /// A system that hangs does so at any of the messages that bring a large record.
    fn hangs_after(&self, layout: &Layout, dice: &mut Dice) -> Option<u32> {
        let hangs = dice.hits(Chance::new(self.profile.requesting.hangs));
        let after = dice.below(layout.promise.total().saturating_add(1));
        (hangs && layout.is_large()).then_some(after)
    }
}

/// The four lines of a placeholder.
const PLACEHOLDER_BYTES: u64 = 200;
/// A page for so many bytes of what has a type that the profile does not name.
const OTHER_TYPES: Page = Page::Every(75_000);

impl Pair {
    /// Of a profile without pairs, which is none.
    const NONE: Self = Self {
        sending: 0,
        requesting: 0,
        answers: AnswersRequest::AfterAll,
        requester_takes_large: Chance::NEVER,
        sender_sends_large: Chance::NEVER,
    };

    fn of(profile: &Profile, pair: &profile::Pair) -> Self {
        let [sending, requesting] = [&pair.sending, &pair.requesting]
            .map(|name| profile.supplier(name).unwrap_or_default());
        let supplier = |number: u8| profile.supplier.get(usize::from(number));
        let large =
            |number| supplier(number).map_or(Chance::NEVER, |it| Chance::new(it.large_messaging));
        let answers_before_core = supplier(sending).is_some_and(|it| it.answers_before_core);
        Self {
            sending,
            requesting,
            answers: match answers_before_core {
                true => AnswersRequest::BeforeCore,
                false => AnswersRequest::AfterAll,
            },
            requester_takes_large: large(requesting),
            sender_sends_large: large(sending),
        }
    }
}

fn pairs(profile: &Profile) -> Choice<Pair> {
    let pairs = profile
        .pair
        .iter()
        .map(|pair| (Pair::of(profile, pair), pair.share));
    let pairs: Vec<(Pair, f64)> = pairs.collect();
    let last = pairs.last().map_or(Pair::NONE, |(pair, _)| *pair);
    Choice::new(last, pairs)
}

fn obstacles(profile: &Profile) -> Choice<Option<Obstacle>> {
    let sending = &profile.sending;
    let some = [
        (Obstacle::PatientUnknown, sending.patient_unknown),
        (Obstacle::SwitchedOff, sending.switched_off),
        (Obstacle::NotGenerated, sending.not_generated),
        (Obstacle::RegisteredElsewhere, sending.registered_elsewhere),
        (
            Obstacle::NationalServicesSilent,
            sending.national_services_silent,
        ),
        (Obstacle::NoAddress, sending.no_address),
        (Obstacle::Unforeseen, sending.unforeseen),
        (Obstacle::Hangs, sending.hangs),
        (Obstacle::HangsAfterAnswer, sending.hangs_after_answer),
    ];
    let together: f64 = some.iter().map(|(_, chance)| chance).sum();
    let none = (None, (1.0 - together).max(0.0));
    let some = some.map(|(obstacle, chance)| (Some(obstacle), chance));
    Choice::new(None, std::iter::once(none).chain(some))
}

fn outages(profile: &Profile, crowd: Crowd, start: Time, days: u32) -> Outages {
    let period = f64::from(days) * 86_400.0;
    let of_supplier = |(supplier, number)| {
        let mut dice: Dice = crowd.member(number);
        let expected = supplier_outages(supplier, days) + dice.unit();
        // A cast of a float saturates.
        let windows = (0..expected as u32).map(|_| {
            let from = start + seconds(dice.unit() * period);
            let lasting = hours(profile.outages.lasting_h.draw(&mut dice));
            (from, from + lasting)
        });
        windows.collect()
    };
    Outages::new(
        profile
            .supplier
            .iter()
            .zip(0_u64..)
            .map(of_supplier)
            .collect(),
    )
}

fn supplier_outages(supplier: &profile::Supplier, days: u32) -> f64 {
    supplier.outages_per_year * f64::from(days) / 365.0
}

fn seconds(seconds: f64) -> Duration {
    // A cast of a float saturates.
    Duration::from_micros((seconds * 1e6) as u64)
}

fn hours(hours: f64) -> Duration {
    seconds(hours * 3_600.0)
}

/// One of several things, each with its share; what is most likely should come first.
struct Choice<T> {
    /// The least share of all that is behind each.
    rows: Vec<(Chance, T)>,
    /// What is left over by rounding.
    last: T,
}

impl<T: Copy> Choice<T> {
    /// One of these. Of an empty list nothing can be drawn: profiles have none.
    fn new(last: T, rows: impl IntoIterator<Item = (T, f64)>) -> Self {
        let rows: Vec<(T, f64)> = rows.into_iter().collect();
        let sum: f64 = rows.iter().map(|(_, share)| share).sum();
        let mut until = 0.0;
        let rows = rows.into_iter().map(|(what, share)| {
            until += share / sum.max(f64::MIN_POSITIVE);
            (Chance::new(until), what)
        });
        Self {
            rows: rows.collect(),
            last,
        }
    }

    fn draw(&self, dice: &mut Dice) -> T {
        let drawn = dice.next_u64();
        let mut rows = self.rows.iter();
        rows.find(|(chance, _)| chance.takes(drawn))
            .map_or(self.last, |(_, what)| *what)
    }
}
