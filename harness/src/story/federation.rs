//! The story of a federation, in the words of a practice.

use std::time::Duration;

use gp2gp_model::EntryId;
use gp2gp_model::federation::HubWish;
use gp2gp_model::trace::Endpoint;
use gp2gp_wire::federation::hub::{Bookings, HubCall, Record, RecordState, Report};
use gp2gp_wire::federation::member::{Filed, MemberCall};

use super::Line;
use crate::check::View;
use crate::check::fed::Federation;
use crate::check::fed::history::{Asked, Exchange, How};

/// A line for whatever people would tell of it.
pub(super) fn lines(view: &View, federation: &Federation) -> Vec<Line> {
    let numbers = Numbers::of(federation);
    (federation.exchanges.iter())
        .filter_map(|exchange| {
            Some(Line {
                seq: exchange.seq,
                at: exchange.at.since(view.header.started),
                who: exchange.from.to_string(),
                text: numbers.tell(exchange)?,
                bulk: None,
                says: None,
            })
        })
        .collect()
}

/// What people at a hub want, in one clause.
pub(super) fn tell_wish(wish: &HubWish) -> String {
    match wish {
        HubWish::Read { .. } => "at the hub: see the record".to_owned(),
        HubWish::Write { text, .. } => format!("at the hub: record a consultation: {text}"),
        HubWish::Attend { slot, .. } => format!("at the hub: the patient comes to {slot}"),
        HubWish::LookAtBookings => "at the hub: look at the bookings".to_owned(),
        HubWish::Report => "at the hub: see the figures".to_owned(),
    }
}

/// Numbers of entries, in the order in which they were recorded.
struct Numbers<'f>(Vec<&'f EntryId>);

impl<'f> Numbers<'f> {
    fn of(federation: &'f Federation) -> Self {
        let mut ids: Vec<&EntryId> = Vec::new();
        let recorded = federation.of_hub();
        let recorded = recorded.filter_map(|(_, call)| Some(&call.entry()?.id));
        let delivered = federation.deliveries().map(|it| &it.entry.id);
        for id in recorded.chain(delivered) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Self(ids)
    }

    fn entry(&self, id: &EntryId) -> String {
        match self.0.iter().position(|known| *known == id) {
            Some(at) => format!("entry {}", at + 1),
            None => "an entry".to_owned(),
        }
    }

    /// Reads of parts of a record and looks at PDS are told by what comes of them.
    fn tell(&self, exchange: &Exchange) -> Option<String> {
        match &exchange.asked {
            Asked::Hub(call) => Some(self.tell_of_hub(exchange, call)),
            Asked::Member(member, MemberCall::File { entry, .. }) => {
                let reply = exchange.reply();
                let filed = reply.and_then(|reply| Filed::decode(member.style, reply).ok());
                let came = match filed {
                    Some(Filed::Now) => "filed".to_owned(),
                    Some(Filed::Before) => "filed already".to_owned(),
                    Some(Filed::Moved(to)) => format!("the patient has left for {to}"),
                    Some(Filed::NotOurs) => "the practice does not know the patient".to_owned(),
                    None => tell_end(exchange),
                };
                let (ods, entry) = (&member.ods, self.entry(&entry.id));
                let late = tell_lateness(exchange);
                Some(format!("write {entry} back to {ods}: {came}{late}"))
            }
            Asked::Outside(letter) => {
                let (to, entry) = (&letter.to, self.entry(&letter.entry.id));
                Some(format!(
                    "send {entry} to {to}, outside the federation: {}",
                    tell_end(exchange)
                ))
            }
            Asked::Member(_, MemberCall::Read { .. }) | Asked::Pds(_) => {
                let went_well = exchange.reply().is_some_and(|reply| reply.is_done());
                let what = if exchange.to == Endpoint::Pds {
                    "ask PDS where the patient is registered"
                } else {
                    "read the record at the practice"
                };
                (!went_well).then(|| format!("{what}: {}", tell_end(exchange)))
            }
            Asked::Unreadable(why) => Some(format!("something unreadable: {why}")),
        }
    }

    fn tell_of_hub(&self, exchange: &Exchange, call: &HubCall) -> String {
        let body = exchange.reply().filter(|reply| reply.is_done());
        let body = body.map(|reply| &reply.body);
        match call {
            HubCall::Read(_) => match body.and_then(|body| Record::decode(body).ok()) {
                Some(record) => format!("read the record: {}", tell_record(&record)),
                None => format!("read the record: {}", tell_end(exchange)),
            },
            HubCall::Write { entry, .. } => {
                format!("record {}: {}", self.entry(&entry.id), tell_end(exchange))
            }
            HubCall::Bookings => match body.and_then(|body| Bookings::decode(body).ok()) {
                Some(list) => format!(
                    "look at the bookings: {} booked, {} free",
                    list.booked.len(),
                    list.free.len()
                ),
                None => format!("look at the bookings: {}", tell_end(exchange)),
            },
            HubCall::Book(booking) => {
                format!("book {}: {}", booking.slot, tell_end(exchange))
            }
            HubCall::Attend(attendance) => {
                format!(
                    "the patient came to {}: {}",
                    attendance.slot,
                    tell_end(exchange)
                )
            }
            HubCall::Report(_) => match body.and_then(|body| Report::decode(body).ok()) {
                Some(report) => format!("the figures: {}", tell_report(&report)),
                None => format!("the figures: {}", tell_end(exchange)),
            },
        }
    }
}

fn tell_record(record: &Record) -> String {
    let Record {
        practice,
        items,
        under_way,
        ..
    } = record;
    let items = items.len();
    let mut told = match record.state {
        RecordState::Held => format!("{items} free texts at {practice}"),
        RecordState::Awaited => {
            format!("{practice} waits for it and has {items} free texts so far")
        }
    };
    if !under_way.is_empty() {
        told.push_str(&format!(
            ", {} under way",
            match under_way.len() {
                1 => "1 entry".to_owned(),
                more => format!("{more} entries"),
            }
        ));
    }
    told
}

fn tell_report(report: &Report) -> String {
    let values = report.values.iter();
    let values: Vec<String> = values
        .map(|it| format!("{} {}", it.name, it.count))
        .collect();
    values.join(", ")
}

/// When the answer came, where that was not at once.
fn tell_lateness(exchange: &Exchange) -> String {
    let answered = exchange.end.as_ref().filter(|_| exchange.reply().is_some());
    let took = answered.map_or(Duration::ZERO, |end| end.at.since(exchange.at));
    match took.as_secs() {
        0 => String::new(),
        seconds => format!(" (answered after {seconds} s)"),
    }
}

fn tell_end(exchange: &Exchange) -> String {
    match exchange.end.as_ref().map(|end| &end.how) {
        Some(How::Answered(reply)) if reply.is_done() => "taken".to_owned(),
        Some(How::Answered(reply)) if reply.status == 409 => "not given".to_owned(),
        Some(How::Answered(reply)) => format!("HTTP {}", reply.status),
        Some(How::NoAnswer {
            never_arrived: true,
        }) => "nobody there".to_owned(),
        Some(How::NoAnswer {
            never_arrived: false,
        })
        | None => "no answer".to_owned(),
    }
}
