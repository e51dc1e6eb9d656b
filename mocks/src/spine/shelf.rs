//! Where messages wait for their delivery: in memory while they are few, else with their bodies on disk,
//! so that a recipient that is slow, or down for hours, costs no memory.

use std::time::Duration;

use bytes::Bytes;
use gp2gp_model::PartyKey;

use super::delivery::Delivery;
use crate::spool::{Spool, Spooled};

/// Bodies of waiting messages that are kept in memory, in bytes.
const MEMORY_BYTES: usize = 32_000_000;
/// What a waiting message takes besides its body, about.
const ENVELOPE_BYTES: usize = 2_000;

/// Room for messages that wait.
#[derive(Debug)]
pub(super) struct Shelf {
    /// In bytes.
    in_memory: usize,
    memory: usize,
    disk: Spool,
}

/// A message that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Without its body where that lies on disk.
    delivery: Delivery,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Memory,
    Disk(Spooled),
}

impl Default for Shelf {
    fn default() -> Self {
        Self::with_memory(MEMORY_BYTES)
    }
}

impl Shelf {
    fn with_memory(memory: usize) -> Self {
        Self {
            in_memory: 0,
            memory,
            disk: Spool::with_memory(0),
        }
    }

    /// Puts a message down. What the disk does not take stays in memory: Spine has acknowledged it.
    pub(super) fn put(&mut self, mut delivery: Delivery) -> Waiting {
        let body = &mut delivery.request.body;
        if self.in_memory + body.len() > self.memory
            && let Ok(spooled) = self.disk.keep(body)
        {
            *body = Bytes::new();
            let place = Place::Disk(spooled);
            return Waiting { delivery, place };
        }
        self.in_memory += body.len();
        let place = Place::Memory;
        Waiting { delivery, place }
    }

    /// Takes it again; without its body, as an error, where the disk does not give that back.
    pub(super) fn take(&mut self, waiting: Waiting) -> Result<Delivery, Box<Delivery>> {
        let Waiting {
            mut delivery,
            place,
        } = waiting;
        match place {
            Place::Memory => {
                let bytes = delivery.request.body.len();
                self.in_memory = self.in_memory.saturating_sub(bytes);
            }
            Place::Disk(spooled) => match spooled.read() {
                Ok(body) => delivery.request.body = body,
                Err(_) => return Err(Box::new(delivery)),
            },
        }
        Ok(delivery)
    }

    /// Bodies that are kept in memory, in bytes.
    #[cfg(test)]
    pub(super) const fn in_memory(&self) -> usize {
        self.in_memory
    }
}

impl Waiting {
    pub(super) const fn to(&self) -> &PartyKey {
        &self.delivery.to
    }

    pub(super) const fn number(&self) -> Option<u64> {
        self.delivery.number
    }

    /// It may be tried for so much longer.
    pub(super) fn extend(&mut self, by: Duration) {
        self.delivery.persistence.extend(by);
    }

    /// What it takes of the room of its recipient, in bytes, wherever its body lies.
    pub(super) fn bytes(&self) -> usize {
        let body = match &self.place {
            Place::Memory => self.delivery.request.body.len(),
            Place::Disk(spooled) => usize::try_from(spooled.bytes()).unwrap_or(usize::MAX),
        };
        body.saturating_add(ENVELOPE_BYTES)
    }
}
