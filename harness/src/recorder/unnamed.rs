//! Large bodies whose digest is not known yet.

use bytes::Bytes;
use gp2gp_model::Sha256;
use gp2gp_model::trace::BodyRef;

use crate::bodies::BodyStore;

/// Bodies above this size wait.
const LARGE_BYTES: usize = 64 * 1024;

/// What waits, together with what already stays in memory: a document of 25 MB as the store gave it
/// and as it was sent.
const MEMORY_BYTES: usize = 64_000_000;

/// As many of the latest bodies are compared with a new one: Spine delivers a message as it was
/// posted, a moment later, and comparing the two costs a tenth of hashing both.
const COMPARED: usize = 8;

/// Bodies that wait, each with the events that name it.
#[derive(Debug, Default)]
pub(super) struct Unnamed {
    bodies: Vec<(Bytes, Vec<usize>)>,
    bytes: usize,
}

impl Unnamed {
    pub(super) const fn new() -> Self {
        Self {
            bodies: Vec::new(),
            bytes: 0,
        }
    }

    pub(super) const fn is_worth_waiting(body: &Bytes) -> bool {
        body.len() > LARGE_BYTES
    }

    pub(super) fn has_room_for(&self, body: &Bytes, named: &BodyStore) -> bool {
        self.bytes + body.len() + named.memory_bytes() <= MEMORY_BYTES
    }

    /// Keeps the body of an event, under a name that is none yet.
    pub(super) fn keep(&mut self, body: &Bytes, event: usize) -> BodyRef {
        let is_same = |known: &Bytes| {
            known.len() == body.len() && (known.as_ptr() == body.as_ptr() || known == body)
        };
        let mut latest = self.bodies.iter_mut().rev().take(COMPARED);
        if let Some((_, events)) = latest.find(|(known, _)| is_same(known)) {
            events.push(event);
        } else {
            self.bytes += body.len();
            self.bodies.push((body.clone(), vec![event]));
        }
        BodyRef {
            sha256: Sha256::of(b""),
            bytes: body.len() as u64,
        }
    }

    /// All that wait.
    pub(super) fn take(&mut self) -> Vec<(Bytes, Vec<usize>)> {
        self.bytes = 0;
        std::mem::take(&mut self.bodies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(seed: u8) -> Bytes {
        vec![seed; LARGE_BYTES + 1].into()
    }

    #[test]
    fn what_is_delivered_as_it_was_posted_waits_once() {
        let mut unnamed = Unnamed::new();
        for (event, body) in [body(1), body(2), body(1), body(2)].iter().enumerate() {
            assert!(Unnamed::is_worth_waiting(body));
            assert_eq!(unnamed.keep(body, event).bytes, body.len() as u64);
        }
        assert_eq!(unnamed.bytes, 2 * (LARGE_BYTES + 1));
        let waiting = unnamed.take();
        let events: Vec<_> = waiting.into_iter().map(|(_, events)| events).collect();
        assert_eq!(events, [[0, 2], [1, 3]]);
        assert_eq!((unnamed.bytes, unnamed.take().len()), (0, 0));
    }

    #[test]
    fn what_waits_and_what_is_named_share_one_room() {
        let mut named = BodyStore::temporary();
        let mut unnamed = Unnamed::new();
        let body: Bytes = vec![1; 40_000_000].into();
        assert!(unnamed.has_room_for(&body, &named));
        unnamed.keep(&body, 0);
        assert!(!unnamed.has_room_for(&body, &named));
        unnamed.take();
        named.put(&body).unwrap();
        assert!(!unnamed.has_room_for(&body, &named));
    }
}
