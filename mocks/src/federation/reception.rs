//! The receptionists of a practice, who book appointments at the hub.

use std::collections::BTreeMap;
use std::time::Duration;

use gp2gp_model::plan::{Act, Role};
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{BookingId, NhsNumber, OdsCode, SlotId, Time};
use gp2gp_sim::{Ids, Streams};
use gp2gp_wire::federation::hub::{Booking, HubCall};

use super::wire;
use crate::export::outbox::Outbox;
use crate::peer::{HttpResponse, Notice, PostId};

/// The pause before a booking that was not answered is posted again.
const PAUSE: Duration = Duration::from_mins(1);

/// Bookings that are on their way to the hub. A crash does not lose them.
pub(super) struct Reception {
    practice: OdsCode,
    role: Role,
    ids: Ids,
    due: BTreeMap<BookingId, (Booking, Time)>,
    open: BTreeMap<PostId, BookingId>,
}

impl Reception {
    pub(super) fn new(practice: OdsCode, role: Role, streams: Streams) -> Self {
        Self {
            ids: Ids::new(streams.stream(&format!("reception/{practice}"))),
            practice,
            role,
            due: BTreeMap::new(),
            open: BTreeMap::new(),
        }
    }

    pub(super) fn book(&mut self, now: Time, patient: NhsNumber, slot: SlotId) {
        if let Ok(id) = BookingId::parse(&self.ids.next_uuid()) {
            let booking = Booking {
                id: id.clone(),
                patient,
                slot,
                practice: self.practice.clone(),
            };
            self.due.insert(id, (booking, now));
        }
    }

    pub(super) fn post_due(&mut self, now: Time, outbox: &mut Outbox) {
        for (id, (booking, at)) in &self.due {
            if *at <= now && !self.open.values().any(|open| open == id) {
                let request = wire::request(HubCall::Book(booking.clone()).encode());
                let post = outbox.post(Endpoint::Hub, request);
                self.open.insert(post, id.clone());
            }
        }
    }

    /// What people see of a booking that the hub does not take; `None` where there is nothing to say.
    pub(super) fn settle(
        &mut self,
        now: Time,
        post: PostId,
        response: Option<&HttpResponse>,
    ) -> Option<Notice> {
        let id = self.open.remove(&post)?;
        let status = response.map(|response| response.status);
        if status.is_none_or(|status| status >= 500) {
            if let Some((_, at)) = self.due.get_mut(&id) {
                *at = now + PAUSE;
            }
            return None;
        }
        let (booking, _) = self.due.remove(&id)?;
        let response = response.filter(|response| response.status >= 400)?;
        Some(Notice::Declined {
            act: Act::Book {
                patient: booking.patient,
                slot: booking.slot,
                at: self.role,
            },
            why: String::from_utf8_lossy(&response.body).into_owned(),
        })
    }

    pub(super) fn restart(&mut self) {
        self.open.clear();
    }

    pub(super) fn wake_at(&self) -> Option<Time> {
        let resting = self.due.iter();
        let resting = resting.filter(|(id, _)| !self.open.values().any(|open| open == *id));
        resting.map(|(_, (_, at))| *at).min()
    }
}
