//! The appointments of a hub: each is given away once.

use std::collections::BTreeMap;

use gp2gp_model::federation::Slot;
use gp2gp_model::{OdsCode, SlotId};
use gp2gp_wire::federation::hub::{Attendance, Booked, Booking, Bookings};

/// The appointment book.
#[derive(Debug)]
pub(super) struct Appointments {
    slots: Vec<Slot>,
    /// In the order in which they came.
    bookings: Vec<Booking>,
    attended: BTreeMap<SlotId, OdsCode>,
}

/// What became of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// The appointment is the patient's.
    Now,
    /// It was already.
    Before,
    /// It is somebody else's.
    GivenAway,
    /// There is none.
    NoSuchSlot,
}

impl Appointments {
    pub(super) const fn new(slots: Vec<Slot>) -> Self {
        Self {
            slots,
            bookings: Vec::new(),
            attended: BTreeMap::new(),
        }
    }

    pub(super) fn book(&mut self, booking: Booking, gives_twice: bool) -> Taken {
        if !self.slots.iter().any(|slot| slot.id == booking.slot) {
            return Taken::NoSuchSlot;
        }
        if self.bookings.contains(&booking) {
            return Taken::Before;
        }
        let is_new = !(self.bookings.iter()).any(|other| other.id == booking.id);
        if is_new && (self.holder(&booking.slot).is_none() || gives_twice) {
            self.bookings.push(booking);
            return Taken::Now;
        }
        Taken::GivenAway
    }

    /// Whether the patient was expected.
    pub(super) fn attend(&mut self, attendance: &Attendance) -> bool {
        let Some(booking) =
            (self.holder(&attendance.slot)).filter(|booking| booking.patient == attendance.patient)
        else {
            return false;
        };
        let (slot, practice) = (booking.slot.clone(), booking.practice.clone());
        self.attended.insert(slot, practice);
        true
    }

    /// What is booked, by practices of which this is said, and what is free.
    pub(super) fn list(&self, shows: impl Fn(&OdsCode) -> bool) -> Bookings {
        let booked = self.bookings.iter().filter(|it| shows(&it.practice));
        Bookings {
            booked: booked
                .filter_map(|booking| {
                    Some(Booked {
                        booking: booking.clone(),
                        starts: self
                            .slots
                            .iter()
                            .find(|slot| slot.id == booking.slot)?
                            .starts,
                    })
                })
                .collect(),
            free: (self.slots.iter())
                .filter(|slot| self.holder(&slot.id).is_none())
                .cloned()
                .collect(),
        }
    }

    pub(super) const fn offered(&self) -> usize {
        self.slots.len()
    }

    /// How many were booked, by this practice or any.
    pub(super) fn booked(&self, practice: Option<&OdsCode>) -> usize {
        let is_meant = |by: &OdsCode| practice.is_none_or(|wanted| wanted == by);
        let bookings = self.bookings.iter();
        bookings.filter(|it| is_meant(&it.practice)).count()
    }

    /// To how many the patient came, of those that this practice booked, or any.
    pub(super) fn attended(&self, practice: Option<&OdsCode>) -> usize {
        let is_meant = |by: &&OdsCode| practice.is_none_or(|wanted| wanted == *by);
        self.attended.values().filter(is_meant).count()
    }

    fn holder(&self, slot: &SlotId) -> Option<&Booking> {
        self.bookings.iter().find(|booking| booking.slot == *slot)
    }
}
