//! FED-01: what is recorded at the hub reaches the registered practice, exactly once.

use gp2gp_model::OdsCode;
use gp2gp_model::plural::count;
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_wire::federation::member::Filed;

use super::history::{Delivery, Federation, Recorded};
use super::{NO_HUB, in_flight, registered, violation};
use crate::check::{Tally, View};

pub(super) fn reach_the_registered_practice(view: &View, _: Profile) -> Assessment {
    let Some(federation) = &view.federation else {
        return Assessment::NotExercised(NO_HUB);
    };
    let recorded = federation.recorded();
    let mut tally = Tally::default();
    for entry in &recorded {
        expect_once(view, federation, entry, &mut tally);
        expect_unchanged(federation, entry, &mut tally);
        expect_a_look_at_pds(federation, entry, &mut tally);
    }
    expect_nothing_else(federation, &recorded, &mut tally);
    tally.assess("nothing was recorded at the hub")
}

/// It is filed, where the patient is registered, and nowhere else.
fn expect_once(view: &View, federation: &Federation, recorded: &Recorded<'_>, tally: &mut Tally) {
    let deliveries: Vec<Delivery<'_>> = of(federation, recorded).collect();
    let id = &recorded.entry.id;
    let mut filed: Vec<&Delivery<'_>> = Vec::new();
    for delivery in deliveries.iter().filter(|it| it.is_filed()) {
        if !filed.iter().any(|it| it.practice == delivery.practice) {
            filed.push(delivery);
        }
    }
    let Some(first) = filed.first() else {
        let patient_is_at =
            registered::between(view, recorded.patient, recorded.at(), recorded.at());
        tally.expect(false, || {
            violation(
                recorded.seq(),
                format!("entry {id} is filed at {}", names(&patient_is_at)),
                match deliveries.len() {
                    0 => "it was never posted to a practice".to_owned(),
                    tried => format!(
                        "{}, and no practice said that it has it",
                        count(tried, "attempt")
                    ),
                },
            )
            .with(deliveries.iter().map(|it| it.exchange.seq))
        });
        return;
    };
    for delivery in &filed {
        let (patient, since) = (recorded.patient, recorded.at());
        let right = registered::between(view, patient, since, delivery.known_at());
        tally.expect(right.contains(delivery.practice), || {
            violation(
                delivery.exchange.seq,
                format!(
                    "entry {id} is filed at {}, where the patient is registered",
                    names(&right)
                ),
                format!("it was filed at {}", delivery.practice),
            )
            .with([recorded.seq()])
        });
    }
    let times = |delivery: &Delivery<'_>| {
        let at_practice = deliveries
            .iter()
            .filter(|it| it.practice == delivery.practice);
        at_practice
            .filter(|it| it.filed == Some(Filed::Now))
            .count()
    };
    let is_once = filed.len() == 1 && times(first) <= 1;
    tally.expect(is_once, || {
        let places: Vec<String> = filed
            .iter()
            .map(|it| format!("{} ({})", it.practice, count(times(it).max(1), "time")))
            .collect();
        violation(
            first.exchange.seq,
            format!("entry {id} is filed once"),
            format!("it was filed at {}", places.join(" and ")),
        )
        .with(filed.iter().map(|it| it.exchange.seq))
        .with([recorded.seq()])
    });
    // A practice that never said what became of it, and sent it on in its extract.
    if let Some(extract) = in_flight::extract_with(view, recorded.patient, id)
        && let Some(sending) = (view.header.practices.as_ref()).map(|it| &it.sending)
    {
        let is_doubled = !filed.iter().any(|it| it.practice == sending);
        tally.expect(!is_doubled, || {
            violation(
                extract.seq,
                format!("entry {id} is filed once"),
                format!(
                    "it is in the extract of {sending} and was filed at {} too",
                    first.practice
                ),
            )
            .with([recorded.seq(), first.exchange.seq])
        });
    }
}

/// What is filed is what was recorded, of the same patient.
fn expect_unchanged(federation: &Federation, recorded: &Recorded<'_>, tally: &mut Tally) {
    for delivery in of(federation, recorded) {
        let is_same = delivery.entry == recorded.entry && delivery.patient == recorded.patient;
        tally.expect(is_same, || {
            violation(
                delivery.exchange.seq,
                format!(
                    "entry {} of patient {} as it was recorded",
                    recorded.entry.id, recorded.patient
                ),
                format!(
                    "patient {}, by {} at {}: `{}`",
                    delivery.patient,
                    delivery.entry.clinician,
                    delivery.entry.at,
                    delivery.entry.text
                ),
            )
            .with([recorded.seq()])
        });
    }
}

/// Nobody writes to a practice that PDS was not seen to name after the entry was recorded.
fn expect_a_look_at_pds(federation: &Federation, recorded: &Recorded<'_>, tally: &mut Tally) {
    let mut deliveries = of(federation, recorded);
    if let Some(first) = deliveries.next() {
        let mut look_ups = federation.look_ups(recorded.patient);
        let looked = look_ups.any(|(look_up, practice)| {
            look_up.seq > recorded.seq()
                && look_up.is_done_before(first.exchange.seq)
                && practice == *first.practice
        });
        tally.expect(looked, || {
            violation(
                first.exchange.seq,
                format!(
                    "after entry {} was recorded, PDS is asked where the patient is registered",
                    recorded.entry.id
                ),
                format!(
                    "it was posted to {} and PDS was not seen to name that practice",
                    first.practice
                ),
            )
            .with([recorded.seq()])
        });
    }
}

/// Nothing is written into records that nobody recorded.
fn expect_nothing_else(federation: &Federation, recorded: &[Recorded<'_>], tally: &mut Tally) {
    let everything: Vec<_> = (federation.of_hub())
        .filter_map(|(_, call)| call.entry())
        .collect();
    for delivery in federation.deliveries() {
        let is_known = everything.iter().any(|it| it.id == delivery.entry.id);
        if is_known || !delivery.exchange.may_be_done() {
            continue;
        }
        let twin = (recorded.iter()).find(|it| it.entry.text == delivery.entry.text);
        tally.expect(false, || {
            violation(
                delivery.exchange.seq,
                "only what a clinician recorded, under its own id",
                format!(
                    "entry {} at {}, which nobody recorded{}",
                    delivery.entry.id,
                    delivery.practice,
                    twin.map_or_else(String::new, |twin| format!(
                        "; it says what entry {} says",
                        twin.entry.id
                    ))
                ),
            )
            .with(twin.map(|twin| twin.seq()))
        });
    }
}

fn of<'f>(
    federation: &'f Federation,
    recorded: &Recorded<'_>,
) -> impl Iterator<Item = Delivery<'f>> + use<'f> {
    let id = recorded.entry.id.clone();
    federation.deliveries().filter(move |it| it.entry.id == id)
}

fn names(practices: &[OdsCode]) -> String {
    let names: Vec<&str> = practices.iter().map(OdsCode::as_str).collect();
    names.join(" or ")
}
