//! The virtual clock and its queue for very many events at once, most of which are one hop of a link ahead.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use gp2gp_model::Time;

use crate::queue::Entry;

/// Gives events in the order in which a [`Queue`](crate::Queue) gives them: (time, sequence).
///
/// What is scheduled in the order of time stands in a lane, where nothing is searched for; everything else in
/// a heap. Which of them holds an event changes how long it takes, and never the order.
pub struct Timeline<E> {
    now: Time,
    scheduled: u64,
    lane: VecDeque<Entry<E>>,
    heap: BinaryHeap<Reverse<Entry<E>>>,
}

impl<E> Timeline<E> {
    /// An empty timeline whose clock shows `start`.
    pub const fn new(start: Time) -> Self {
        Self {
            now: start,
            scheduled: 0,
            lane: VecDeque::new(),
            heap: BinaryHeap::new(),
        }
    }

    /// What the clock shows: the time of the event taken last.
    pub const fn now(&self) -> Time {
        self.now
    }

    /// Puts an event at a time; a time in the past means now, never a step back.
    pub fn schedule(&mut self, at: Time, event: E) {
        let entry = self.entry(at, event);
        self.heap.push(Reverse(entry));
    }

    /// The same for events that are usually scheduled in the order of their times, such as those that are all
    /// equally far ahead. Any other is put where it belongs.
    pub fn schedule_in_turn(&mut self, at: Time, event: E) {
        let entry = self.entry(at, event);
        match self.lane.back() {
            Some(last) if entry.at < last.at => self.heap.push(Reverse(entry)),
            Some(_) | None => self.lane.push_back(entry),
        }
    }

    /// Time of the next event.
    pub fn next_time(&self) -> Option<Time> {
        let lane = self.lane.front().map(|entry| entry.at);
        let heap = self.heap.peek().map(|Reverse(entry)| entry.at);
        lane.into_iter().chain(heap).min()
    }

    /// Takes the next event and moves the clock to it.
    pub fn pop(&mut self) -> Option<(Time, E)> {
        let is_in_lane = match (self.lane.front(), self.heap.peek()) {
            (Some(lane), Some(Reverse(heap))) => lane < heap,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return None,
        };
        let entry = if is_in_lane {
            self.lane.pop_front()
        } else {
            self.heap.pop().map(|Reverse(entry)| entry)
        }?;
        self.now = entry.at;
        Some((entry.at, entry.event))
    }

    /// Number of events waiting.
    pub fn len(&self) -> usize {
        self.lane.len() + self.heap.len()
    }

    /// Whether nothing is waiting.
    pub fn is_empty(&self) -> bool {
        self.lane.is_empty() && self.heap.is_empty()
    }

    /// Bytes that are set aside for events, waiting or not.
    pub fn capacity_bytes(&self) -> usize {
        (self.lane.capacity() + self.heap.capacity()) * size_of::<Entry<E>>()
    }

    fn entry(&mut self, at: Time, event: E) -> Entry<E> {
        self.scheduled += 1;
        Entry {
            at: at.max(self.now),
            sequence: self.scheduled,
            event,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Queue;

    /// What a simulation does: schedules so far ahead, in turn or not, or takes the next event.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        Schedule { ahead: u64, in_turn: bool },
        Pop,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let ahead = prop_oneof![Just(5_u64), 0_u64..20];
        let step = prop_oneof![
            3 => (ahead, any::<bool>()).prop_map(|(ahead, in_turn)| Step::Schedule { ahead, in_turn }),
            2 => Just(Step::Pop),
        ];
        prop::collection::vec(step, 0..300)
    }

    proptest! {
        #[test]
        fn events_leave_as_they_leave_a_plain_queue(steps in steps()) {
            let start = Time::from_micros(0);
            let (mut timeline, mut queue) = (Timeline::new(start), Queue::new(start));
            for (event, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Schedule { ahead, in_turn } => {
                        let at = Time::from_micros(queue.now().as_micros() + ahead);
                        queue.schedule(at, event);
                        if in_turn {
                            timeline.schedule_in_turn(at, event);
                        } else {
                            timeline.schedule(at, event);
                        }
                    }
                    Step::Pop => prop_assert_eq!(timeline.pop(), queue.pop()),
                }
                prop_assert_eq!(timeline.now(), queue.now());
                prop_assert_eq!(timeline.next_time(), queue.next_time());
                prop_assert_eq!(timeline.len(), queue.len());
            }
            while let Some(left) = queue.pop() {
                prop_assert_eq!(timeline.pop(), Some(left));
            }
            prop_assert!(timeline.is_empty());
        }
    }

    #[test]
    fn an_event_in_the_past_happens_now() {
        let mut timeline = Timeline::new(Time::from_micros(10));
        timeline.schedule_in_turn(Time::from_micros(3), ());
        assert_eq!(timeline.pop(), Some((Time::from_micros(10), ())));
    }
}
