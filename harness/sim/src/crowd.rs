//! Streams for a crowd: one for each of millions, each no larger than a number.

use rand::Rng as _;

use crate::Streams;

/// A named stream that every member of a crowd has for itself: what one draws never shifts another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowd {
    key: u64,
}

/// The stream of one member (SplitMix64): integers alone, so the same on every platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dice(u64);

/// A probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chance(u64);

impl Crowd {
    /// The crowd that draws under this name.
    pub fn new(streams: &Streams, name: &str) -> Self {
        Self {
            key: streams.stream(name).next_u64(),
        }
    }

    /// The stream of a member, from its beginning.
    pub const fn member(self, number: u64) -> Dice {
        Dice(mix(self.key ^ mix(number)))
    }
}

impl Dice {
    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// At least 0 and less than 1, in steps of 2^-53.
    pub fn unit(&mut self) -> f64 {
        unit(self.next_u64())
    }

    /// Whether something of this chance happens.
    pub const fn hits(&mut self, chance: Chance) -> bool {
        chance.takes(self.next_u64())
    }

    /// A number below `end`; 0 if `end` is 0.
    pub const fn below(&mut self, end: u32) -> u32 {
        (((self.next_u64() >> 32) * end as u64) >> 32) as u32
    }
}

impl Chance {
    /// What never happens.
    pub const NEVER: Self = Self(0);

    /// From a probability; below 0 it is never, and from 1 on all but certain.
    pub fn new(probability: f64) -> Self {
        // A cast of a float saturates.
        Self((probability * TWO_TO_64) as u64)
    }

    /// Of several things that cannot happen together: one of them.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Whether these 64 drawn bits mean that it happens.
    pub const fn takes(self, drawn: u64) -> bool {
        drawn < self.0
    }
}

/// Drawn bits as a number from 0 to 1.
fn unit(drawn: u64) -> f64 {
    (drawn >> 11) as f64 / (1_u64 << 53) as f64
}

const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;

/// The finaliser of SplitMix64.
const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_draws_the_same_whatever_others_draw() {
        let crowd = Crowd::new(&Streams::new(7), "people");
        let mut first = crowd.member(1);
        let drawn = (first.next_u64(), first.next_u64());
        let mut again = crowd.member(1);
        assert_eq!((again.next_u64(), again.next_u64()), drawn);
        assert_ne!(crowd.member(2).next_u64(), drawn.0);
        let others = Crowd::new(&Streams::new(7), "records");
        assert_ne!(others.member(1).next_u64(), drawn.0);
    }

    #[test]
    fn a_chance_is_hit_as_often_as_it_says() {
        let crowd = Crowd::new(&Streams::new(1), "any");
        let hits = |chance| {
            let members = 0..20_000;
            members
                .filter(|number| crowd.member(*number).hits(chance))
                .count()
        };
        assert_eq!(hits(Chance::NEVER), 0);
        assert_eq!(hits(Chance::new(1.0)), 20_000);
        let tenth = hits(Chance::new(0.1));
        assert!((1_850..2_150).contains(&tenth), "{tenth}");
    }

    #[test]
    fn numbers_stay_below_their_end() {
        let mut dice = Crowd::new(&Streams::new(1), "any").member(0);
        let mut seen = [false; 6];
        for _ in 0..200 {
            seen[dice.below(6) as usize] = true;
        }
        assert_eq!(seen, [true; 6]);
        assert_eq!(dice.below(0), 0);
        assert!((0.0..1.0).contains(&dice.unit()));
    }
}
