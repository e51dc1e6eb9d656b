//! Decides on which of its occasions a planned fault acts.

use gp2gp_model::Time;
use gp2gp_model::fault::{Often, When};
use rand::Rng;

use crate::Stream;

/// Counts the occasions of one fault and says which of them it takes.
#[derive(Debug, Clone)]
pub struct Trigger {
    when: When,
    started: Time,
    stream: Stream,
    occasions: u32,
    /// Of the block of occasions that is under way, for [`Often::Some`]: hits and occasions left.
    left: (u32, u32),
}

impl Trigger {
    /// The trigger of a fault in a run that `started` then; `stream` is the fault's own.
    pub const fn new(when: When, started: Time, stream: Stream) -> Self {
        Self {
            when,
            started,
            stream,
            occasions: 0,
            left: (0, 0),
        }
    }

    /// Whether the fault's time has come and is not over.
    pub fn is_open(&self, now: Time) -> bool {
        let from = self.started + self.when.from;
        now >= from && self.when.lasts.is_none_or(|lasts| now < from + lasts)
    }

    /// Counts an occasion; whether the fault acts on it. Occasions outside its time do not count.
    pub fn fires(&mut self, now: Time) -> bool {
        if !self.is_open(now) {
            return false;
        }
        self.occasions = self.occasions.saturating_add(1);
        match &self.when.often {
            Often::Always => true,
            Often::On(occasions) => occasions.contains(&self.occasions),
            Often::First(count) => self.occasions <= *count,
            Often::Percent(percent) => self.stream.next_u32() % 100 < u32::from(*percent),
            Often::Some { hits, of } => {
                let (hits, of) = if self.left.1 == 0 {
                    ((*hits).min(*of), *of)
                } else {
                    self.left
                };
                // Each occasion of a block is hit with the chance that leaves exactly `hits` of them.
                let hit = of > 0 && self.stream.next_u32() % of < hits;
                self.left = (hits - u32::from(hit), of.saturating_sub(1));
                hit
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::Streams;

    const START: Time = Time::from_micros(1_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    fn trigger(often: Often, seed: u64) -> Trigger {
        let when = When {
            often,
            ..When::default()
        };
        Trigger::new(when, START, Streams::new(seed).stream("fault/any"))
    }

    fn hits(trigger: &mut Trigger, occasions: u32) -> Vec<u32> {
        (1..=occasions).filter(|_| trigger.fires(START)).collect()
    }

    #[test]
    fn occasions_count_from_one() {
        assert_eq!(hits(&mut trigger(Often::Always, 1), 2), [1, 2]);
        assert_eq!(hits(&mut trigger(Often::On(vec![2, 4]), 1), 9), [2, 4]);
        assert_eq!(hits(&mut trigger(Often::First(3), 1), 9), [1, 2, 3]);
    }

    #[test]
    fn outside_its_time_nothing_happens_and_nothing_is_counted() {
        let when = When {
            from: SECOND,
            lasts: Some(SECOND),
            often: Often::On(vec![1]),
        };
        let mut trigger = Trigger::new(when, START, Streams::new(1).stream("fault/any"));
        assert!(!trigger.fires(START));
        assert!(trigger.fires(START + SECOND));
        assert!(!trigger.fires(START + SECOND));
        assert!(!trigger.is_open(START + SECOND + SECOND));
    }

    #[test]
    fn no_chance_never_fires_and_a_full_one_always_does() {
        assert!(hits(&mut trigger(Often::Percent(0), 1), 500).is_empty());
        assert_eq!(hits(&mut trigger(Often::Percent(100), 1), 500).len(), 500);
        let half = hits(&mut trigger(Often::Percent(50), 1), 1_000).len();
        assert!((400..600).contains(&half), "{half}");
    }

    proptest! {
        #[test]
        fn every_block_has_exactly_its_hits(of in 1_u32..12, hits_of in 0_u32..12, seed: u64) {
            let hits_of = hits_of.min(of);
            let mut trigger = trigger(Often::Some { hits: hits_of, of }, seed);
            for _ in 0..20 {
                prop_assert_eq!(hits(&mut trigger, of).len(), hits_of as usize);
            }
        }
    }
}
