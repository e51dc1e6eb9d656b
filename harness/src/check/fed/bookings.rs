//! FED-04: what is booked at any practice is seen at the hub, and given away once.

use gp2gp_model::plan::Act;
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_wire::federation::hub::{Booking, Bookings, HubCall};

use super::history::{Exchange, Federation};
use super::{NO_HUB, violation};
use crate::check::{Tally, View};

pub(super) fn are_visible_at_the_hub(view: &View, _: Profile) -> Assessment {
    let Some(federation) = &view.federation else {
        return Assessment::NotExercised(NO_HUB);
    };
    let mut tally = Tally::default();
    let bookings: Vec<(&Exchange, &Booking)> = bookings(federation).collect();
    expect_each_to_arrive(view, &bookings, &mut tally);
    expect_one_patient_each(&bookings, &mut tally);
    for (exchange, list) in lists(federation) {
        let before = bookings.iter();
        let before = before.filter(|(booked, _)| booked.is_done_before(exchange.seq));
        for (_, booking) in before {
            expect_in_list(federation, exchange, &list, booking, &mut tally);
        }
    }
    tally.assess("nobody booked and looked at the list of bookings afterwards")
}

/// What a receptionist books is asked of the hub.
fn expect_each_to_arrive(view: &View, bookings: &[(&Exchange, &Booking)], tally: &mut Tally) {
    for acted in view.acts.iter().filter(|acted| !acted.not_supported) {
        let Act::Book { patient, slot, .. } = &acted.act else {
            continue;
        };
        let mut of_act = bookings.iter().filter(|(exchange, booking)| {
            booking.patient == *patient && booking.slot == *slot && exchange.seq > acted.seq
        });
        let is_decided = of_act.any(|(exchange, _)| exchange.status().is_some_and(|it| it < 500));
        if !is_decided {
            tally.expect(false, || {
                violation(
                    acted.seq,
                    format!("the hub hears of the booking of {slot}, and says yes or no"),
                    "it never did".to_owned(),
                )
            });
        }
    }
}

fn expect_one_patient_each(bookings: &[(&Exchange, &Booking)], tally: &mut Tally) {
    for (at, (exchange, booking)) in bookings.iter().enumerate() {
        let others = || {
            let earlier = bookings.iter().take(at);
            earlier.filter(|(_, other)| other.slot == booking.slot && other.id != booking.id)
        };
        match exchange.status() {
            Some(201) => {
                let taken = others().find(|(other, _)| other.is_done_before(u64::MAX));
                tally.expect(taken.is_none(), || {
                    let patient = taken.map(|(_, other)| other.patient.to_string());
                    violation(
                        exchange.seq,
                        format!("{} is given to one patient", booking.slot),
                        format!(
                            "it was given to {} and to {}",
                            patient.unwrap_or_default(),
                            booking.patient
                        ),
                    )
                    .with(taken.map(|(other, _)| other.seq))
                });
            }
            Some(409) => {
                let may_be_taken = bookings.iter().any(|(other, it)| {
                    it.slot == booking.slot
                        && it.id != booking.id
                        && other.may_be_done()
                        && exchange.end.as_ref().is_some_and(|end| other.seq < end.seq)
                });
                tally.expect(may_be_taken, || {
                    violation(
                        exchange.seq,
                        format!("{}, which is free, is given to the patient", booking.slot),
                        "HTTP 409: somebody else has it, though nobody booked it".to_owned(),
                    )
                });
            }
            Some(_) | None => {}
        }
    }
}

fn expect_in_list(
    federation: &Federation,
    exchange: &Exchange,
    list: &Bookings,
    booking: &Booking,
    tally: &mut Tally,
) {
    let slot = federation
        .terms
        .slots
        .iter()
        .find(|it| it.id == booking.slot);
    let is_listed = list.booked.iter().any(|booked| {
        booked.booking == *booking && slot.is_none_or(|slot| slot.starts == booked.starts)
    });
    let is_free = list.free.iter().any(|slot| slot.id == booking.slot);
    tally.expect(is_listed && !is_free, || {
        let seen = match (is_listed, is_free) {
            (false, true) => "it is not in the list, and the appointment is offered again",
            (false, false) => "it is not in the list, or with another patient or time",
            (true, _) => "it is in the list, and the appointment is offered again",
        };
        violation(
            exchange.seq,
            format!(
                "the booking of {} by {} for patient {}",
                booking.slot, booking.practice, booking.patient
            ),
            seen,
        )
    });
}

fn bookings(federation: &Federation) -> impl Iterator<Item = (&Exchange, &Booking)> {
    federation
        .of_hub()
        .filter_map(|(exchange, call)| match call {
            HubCall::Book(booking) => Some((exchange, booking)),
            HubCall::Read(_)
            | HubCall::Write { .. }
            | HubCall::Bookings
            | HubCall::Attend(_)
            | HubCall::Report(_) => None,
        })
}

fn lists(federation: &Federation) -> impl Iterator<Item = (&Exchange, Bookings)> {
    federation.of_hub().filter_map(|(exchange, call)| {
        let is_list = matches!(call, HubCall::Bookings);
        let reply = exchange
            .reply()
            .filter(|reply| is_list && reply.is_done())?;
        Some((exchange, Bookings::decode(&reply.body).ok()?))
    })
}
