//! FED-03: the hub shows the record that the practice holds, whatever system holds it.

use std::collections::BTreeMap;

use gp2gp_model::plural::count;
use gp2gp_model::trace::Endpoint;
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_model::{EntryId, NhsNumber};
use gp2gp_wire::federation::hub::{HubCall, Record, RecordState};

use super::history::{Exchange, Federation, gave_a_page};
use super::{NO_HUB, in_flight, registered, violation};
use crate::check::texts::TextSeen;
use crate::check::{Tally, View};

pub(super) fn show_what_the_practice_holds(view: &View, _: Profile) -> Assessment {
    let Some(federation) = &view.federation else {
        return Assessment::NotExercised(NO_HUB);
    };
    let mut tally = Tally::default();
    for (exchange, record) in federation.shown() {
        expect_the_registered_practice(view, exchange, &record, &mut tally);
        expect_content(view, federation, exchange, &record, &mut tally);
        expect_what_is_under_way(federation, exchange, &record, &mut tally);
    }
    expect_an_answer(view, federation, &mut tally);
    tally.assess("nobody read a record at the hub")
}

fn expect_the_registered_practice(
    view: &View,
    exchange: &Exchange,
    record: &Record,
    tally: &mut Tally,
) {
    let until = exchange.end.as_ref().map_or(exchange.at, |end| end.at);
    let right = registered::between(view, record.patient, exchange.at, until);
    tally.expect(right.contains(&record.practice), || {
        let names: Vec<&str> = right.iter().map(|ods| ods.as_str()).collect();
        violation(
            exchange.seq,
            format!("the record that {} keeps", names.join(" or ")),
            format!("the record that {} keeps", record.practice),
        )
    });
}

/// Every free text that the source holds is shown, and says the same.
fn expect_content(
    view: &View,
    federation: &Federation,
    exchange: &Exchange,
    record: &Record,
    tally: &mut Tally,
) {
    let Some(member) = federation.terms.member(&record.practice) else {
        return;
    };
    // A practice that waits for a record has none to show.
    let is_source = member.endpoint == Endpoint::Sending;
    if !is_source && record.state == RecordState::Awaited {
        return;
    }
    let shown: BTreeMap<String, TextSeen> = (record.items.iter())
        .map(|item| (key(&item.id), TextSeen::of(&item.text)))
        .collect();
    let held = view.records.iter().find(|it| it.patient == record.patient);
    let held = held.into_iter().flat_map(|held| &held.narratives);
    // A new practice can show no more than the extract said.
    let came = |id: &str, text: &TextSeen| {
        is_source || in_flight::came_as_held(view, record.patient, id, text)
    };
    let expected = held.map(|(id, seen)| (id, &seen.text));
    let expected: Vec<(&String, &TextSeen)> =
        expected.filter(|(id, text)| came(id, text)).collect();
    let missing: Vec<&str> = (expected.iter())
        .filter(|(id, _)| !shown.contains_key(*id))
        .map(|(id, _)| id.as_str())
        .collect();
    tally.expect(missing.is_empty(), || {
        violation(
            exchange.seq,
            format!(
                "all {} free texts of the record at {} ({} style)",
                expected.len(),
                record.practice,
                member.style
            ),
            format!(
                "{} are missing, {} among them",
                missing.len(),
                missing.first().copied().unwrap_or_default()
            ),
        )
    });
    for (id, text) in expected {
        let Some(seen) = shown.get(id) else { continue };
        tally.expect(seen.by_line == text.by_line, || {
            violation(
                exchange.seq,
                format!("free text {id} as {} holds it", record.practice),
                format!(
                    "another text, of {} instead of {}",
                    count(seen.lines, "line"),
                    text.lines
                ),
            )
        });
    }
}

/// What the hub had taken before is shown: in the record, or as under way.
fn expect_what_is_under_way(
    federation: &Federation,
    exchange: &Exchange,
    record: &Record,
    tally: &mut Tally,
) {
    for recorded in federation.recorded() {
        let is_meant = recorded.patient == record.patient
            && (recorded.posts.iter()).any(|post| post.is_done_before(exchange.seq));
        if !is_meant || !is_of_this_practice(federation, &recorded.entry.id, exchange, record) {
            continue;
        }
        let id = &recorded.entry.id;
        let is_shown = record.items.iter().any(|item| item.id == *id)
            || record.under_way.iter().any(|entry| entry.id == *id);
        tally.expect(is_shown, || {
            violation(
                exchange.seq,
                format!("entry {id}, which the hub has had since {}", recorded.at()),
                "it is neither in the record nor shown as under way".to_owned(),
            )
            .with([recorded.seq()])
        });
    }
}

/// Whether an entry is on its way, or in the record that is read. One that another practice has filed
/// comes with the record of that practice.
fn is_of_this_practice(
    federation: &Federation,
    id: &EntryId,
    exchange: &Exchange,
    record: &Record,
) -> bool {
    let before = |seq: u64| {
        let end = exchange.end.as_ref().map_or(u64::MAX, |end| end.seq);
        seq < end
    };
    let mut filed = federation
        .deliveries()
        .filter(|it| it.entry.id == *id && it.is_filed() && before(it.exchange.seq));
    filed.all(|it| *it.practice == record.practice)
}

/// A record that the practice gives is shown.
fn expect_an_answer(view: &View, federation: &Federation, tally: &mut Tally) {
    for (exchange, call) in federation.of_hub() {
        let HubCall::Read(patient) = call else {
            continue;
        };
        let refused = exchange.status().filter(|status| *status >= 400);
        let (Some(status), Some(end)) = (refused, &exchange.end) else {
            continue;
        };
        let right = registered::between(view, *patient, exchange.at, end.at);
        let Some(member) = right.first().and_then(|ods| federation.terms.member(ods)) else {
            continue;
        };
        let span = exchange.seq..end.seq;
        let meanwhile = || {
            federation
                .exchanges
                .iter()
                .filter(|it| span.contains(&it.seq))
        };
        let is_excused = meanwhile().any(|it| gave_a_page(it) == Some(false))
            || !named_by_pds(federation, *patient, &span);
        if !is_excused {
            tally.expect(false, || {
                violation(
                    exchange.seq,
                    format!(
                        "the record at {}, whose system is in {} style",
                        member.ods, member.style
                    ),
                    format!("HTTP {status}, though nothing kept the hub from reading it"),
                )
            });
        }
    }
}

fn named_by_pds(federation: &Federation, patient: NhsNumber, span: &std::ops::Range<u64>) -> bool {
    let mut look_ups = federation.look_ups(patient);
    look_ups.any(|(look_up, _)| span.contains(&look_up.seq))
}

fn key(id: &EntryId) -> String {
    id.as_str().to_ascii_uppercase()
}
