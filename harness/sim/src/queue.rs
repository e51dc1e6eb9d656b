//! The virtual clock and its queue are one thing: time passes when the next event is taken.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use gp2gp_model::Time;

/// Events in order of (time, sequence): two events of one moment come out as they went in.
pub struct Queue<E> {
    now: Time,
    scheduled: u64,
    heap: BinaryHeap<Reverse<Entry<E>>>,
}

/// An event and when it happens.
pub(crate) struct Entry<E> {
    pub(crate) at: Time,
    pub(crate) sequence: u64,
    pub(crate) event: E,
}

impl<E> Queue<E> {
    /// An empty queue whose clock shows `start`.
    pub const fn new(start: Time) -> Self {
        Self {
            now: start,
            scheduled: 0,
            heap: BinaryHeap::new(),
        }
    }

    /// What the clock shows: the time of the event taken last.
    pub const fn now(&self) -> Time {
        self.now
    }

    /// Puts an event at a time; a time in the past means now, never a step back.
    pub fn schedule(&mut self, at: Time, event: E) {
        let entry = Entry {
            at: at.max(self.now),
            sequence: self.scheduled,
            event,
        };
        self.scheduled += 1;
        self.heap.push(Reverse(entry));
    }

    /// Time of the next event.
    pub fn next_time(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// Takes the next event and moves the clock to it.
    pub fn pop(&mut self) -> Option<(Time, E)> {
        let Reverse(entry) = self.heap.pop()?;
        self.now = entry.at;
        Some((entry.at, entry.event))
    }

    /// Moves the clock forward without taking an event; never back, and never past one.
    pub fn advance_to(&mut self, time: Time) {
        let limit = self.next_time().unwrap_or(time);
        self.now = self.now.max(time.min(limit));
    }

    /// Number of events waiting.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing is waiting.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

impl<E> Entry<E> {
    fn key(&self) -> (Time, u64) {
        (self.at, self.sequence)
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_day_passes_in_one_step() {
        let start = Time::from_micros(0);
        let mut queue = Queue::new(start);
        queue.schedule(start + Duration::from_secs(86_400), "tomorrow");
        assert_eq!(
            queue.pop(),
            Some((Time::from_micros(86_400_000_000), "tomorrow"))
        );
        assert_eq!(queue.now(), Time::from_micros(86_400_000_000));
    }

    #[test]
    fn an_event_in_the_past_happens_now() {
        let mut queue = Queue::new(Time::from_micros(10));
        queue.schedule(Time::from_micros(3), ());
        assert_eq!(queue.pop(), Some((Time::from_micros(10), ())));
    }

    #[test]
    fn the_clock_never_passes_a_waiting_event() {
        let mut queue = Queue::new(Time::from_micros(0));
        queue.schedule(Time::from_micros(5), ());
        queue.advance_to(Time::from_micros(9));
        assert_eq!(queue.now(), Time::from_micros(5));
    }

    proptest! {
        #[test]
        fn events_leave_in_order_of_time_then_arrival(times in prop::collection::vec(0_u64..20, 0..200)) {
            let mut queue = Queue::new(Time::from_micros(0));
            for (index, time) in times.iter().enumerate() {
                queue.schedule(Time::from_micros(*time), index);
            }
            let mut expected: Vec<_> = times.iter().copied().zip(0_usize..).collect();
            expected.sort();
            let taken: Vec<_> = std::iter::from_fn(|| queue.pop())
                .map(|(time, index)| (time.as_micros(), index))
                .collect();
            prop_assert_eq!(taken, expected);
        }
    }
}
