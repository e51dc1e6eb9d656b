//! FED-05: what the hub reports is what can be counted in the trace.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use gp2gp_model::federation::Indicator;
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_model::{BookingId, OdsCode, SlotId, Time};
use gp2gp_wire::federation::hub::{HubCall, Report};

use super::history::{Exchange, Federation, Recorded};
use super::{NO_HUB, violation};
use crate::check::{Tally, View};

pub(super) fn agrees_with_the_trace(view: &View, _: Profile) -> Assessment {
    let Some(federation) = &view.federation else {
        return Assessment::NotExercised(NO_HUB);
    };
    let mut tally = Tally::default();
    for (exchange, call) in federation.of_hub() {
        let HubCall::Report(wanted) = call else {
            continue;
        };
        let Some(reply) = exchange.reply() else {
            continue;
        };
        let report = Report::decode(&reply.body).unwrap_or(Report { values: Vec::new() });
        let moment = Moment::of(exchange);
        for kpi in &wanted.indicators {
            let counted = moment.count(federation, &kpi.indicator);
            let value = report.values.iter().find(|value| value.name == kpi.name);
            let is_right = value.is_some_and(|value| counted.contains(&value.count));
            tally.expect(is_right, || {
                violation(
                    exchange.seq,
                    format!("{}: {}", kpi.name, told(&counted)),
                    match value {
                        Some(value) => format!("the hub reports {}", value.count),
                        None => "the hub reports nothing of it".to_owned(),
                    },
                )
            });
        }
    }
    tally.assess("nobody asked the hub for a report")
}

/// What is over before a report is asked for counts; what is under way until it is there may.
struct Moment {
    asked: u64,
    answered: u64,
}

impl Moment {
    fn of(report: &Exchange) -> Self {
        Self {
            asked: report.seq,
            answered: report.end.as_ref().map_or(u64::MAX, |end| end.seq),
        }
    }

    fn count(&self, federation: &Federation, indicator: &Indicator) -> RangeInclusive<u64> {
        match indicator {
            Indicator::AppointmentsOffered => {
                let offered = federation.terms.slots.len() as u64;
                offered..=offered
            }
            Indicator::AppointmentsBooked { practice } => {
                self.distinct(federation.of_hub().filter_map(|(exchange, call)| {
                    let HubCall::Book(booking) = call else {
                        return None;
                    };
                    let is_meant = is_of(&booking.practice, practice.as_ref());
                    is_meant.then_some((exchange, &booking.id))
                }))
            }
            Indicator::AppointmentsAttended { practice } => {
                let by = booked_by(federation);
                self.distinct(federation.of_hub().filter_map(|(exchange, call)| {
                    let HubCall::Attend(attendance) = call else {
                        return None;
                    };
                    let booked = by.get(&attendance.slot)?;
                    is_of(booked, practice.as_ref()).then_some((exchange, &attendance.slot))
                }))
            }
            Indicator::ConsultationsRecorded => {
                let recorded = federation.of_hub();
                self.distinct(recorded.filter_map(|(it, call)| Some((it, &call.entry()?.id))))
            }
            Indicator::WrittenBackWithin { within } => self.written_back(federation, *within),
            Indicator::RecordsRead { practice } => {
                let mut certain = 0;
                let mut possible = 0;
                for (exchange, record) in federation.shown() {
                    if is_of(&record.practice, practice.as_ref()) {
                        certain += u64::from(exchange.is_done_before(self.asked));
                        possible += u64::from(exchange.seq < self.answered);
                    }
                }
                let unknown = federation.of_hub().filter(|(exchange, call)| {
                    matches!(call, HubCall::Read(_))
                        && exchange.reply().is_none()
                        && exchange.may_be_done()
                        && exchange.seq < self.answered
                });
                certain..=possible + unknown.count() as u64
            }
        }
    }

    /// How many different ones were done: for certain, and at most.
    fn distinct<'f, Id: Ord>(
        &self,
        asked: impl Iterator<Item = (&'f Exchange, Id)>,
    ) -> RangeInclusive<u64> {
        let mut certain = BTreeSet::new();
        let mut possible = BTreeSet::new();
        let mut seen: Vec<(&Exchange, Id)> = asked.collect();
        seen.retain(|(exchange, _)| exchange.seq < self.answered && exchange.may_be_done());
        for (exchange, id) in &seen {
            possible.insert(id);
            if exchange.is_done_before(self.asked) {
                certain.insert(id);
            }
        }
        certain.len() as u64..=possible.len() as u64
    }

    fn written_back(&self, federation: &Federation, within: Duration) -> RangeInclusive<u64> {
        let mut certain = 0;
        let mut possible = 0;
        for recorded in federation.recorded() {
            let filed = (federation.deliveries())
                .find(|it| it.entry.id == recorded.entry.id && it.is_filed());
            let Some(filed) = filed else { continue };
            let (taken_first, taken_last) = taken(&recorded);
            let done = filed.known_at();
            let is_known = |by: u64| filed.exchange.is_done_before(by);
            certain += u64::from(is_known(self.asked) && done.since(taken_first) <= within);
            possible += u64::from(is_known(self.answered) && done.since(taken_last) <= within);
        }
        certain..=possible
    }
}

/// Between when and when the hub took a consultation.
fn taken(recorded: &Recorded<'_>) -> (Time, Time) {
    let first = recorded.posts.iter().find(|post| post.may_be_done());
    let last = recorded.posts.iter().find_map(|post| {
        let end = post.end.as_ref()?;
        post.reply()?.is_done().then_some(end.at)
    });
    let at = recorded.at();
    (first.map_or(at, |post| post.at), last.unwrap_or(at))
}

/// Which practice has an appointment.
fn booked_by(federation: &Federation) -> BTreeMap<&SlotId, &OdsCode> {
    let mut by: BTreeMap<&SlotId, &OdsCode> = BTreeMap::new();
    let mut ids: BTreeSet<&BookingId> = BTreeSet::new();
    for (exchange, call) in federation.of_hub() {
        if let HubCall::Book(booking) = call
            && exchange.reply().is_some_and(|reply| reply.is_done())
            && ids.insert(&booking.id)
        {
            by.entry(&booking.slot).or_insert(&booking.practice);
        }
    }
    by
}

fn is_of(practice: &OdsCode, wanted: Option<&OdsCode>) -> bool {
    wanted.is_none_or(|wanted| wanted == practice)
}

fn told(counted: &RangeInclusive<u64>) -> String {
    if counted.start() == counted.end() {
        counted.start().to_string()
    } else {
        format!("{} to {}", counted.start(), counted.end())
    }
}
