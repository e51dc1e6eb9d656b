//! Chance: what happens to each message in a simulation.

use std::time::Duration;

use gp2gp_sim::{Chance, Dice};

use super::message::Message;
use super::profile::Network;
use super::quantiles::Quantiles;
use super::spine::{Condition, Fate, Luck, Mishap};

/// How likely it is that something happens to a message.
pub(super) struct Odds {
    post: Table<Mishap>,
    delivery: Table<Harm>,
    late_s: Quantiles,
}

/// What may happen, in the order in which it is looked for; mostly nothing does.
struct Table<T> {
    any: Chance,
    each: Vec<(Chance, T)>,
}

#[derive(Debug, Clone, Copy)]
enum Harm {
    Lost,
    Late,
    Condition(Condition),
}

/// The luck of one conversation.
#[derive(Clone, Copy)]
pub(super) struct Chanced<'a> {
    dice: Dice,
    odds: &'a Odds,
}

impl Odds {
    pub(super) fn new(network: &Network) -> Self {
        Self {
            post: Table::new([
                (network.silence, Mishap::Silence),
                (network.reset, Mishap::Reset),
                (network.answer_lost, Mishap::AnswerLost),
                (network.refused, Mishap::Refused),
                (network.refused_for_now, Mishap::RefusedForNow),
            ]),
            delivery: Table::new([
                (network.lost, Harm::Lost),
                (network.late, Harm::Late),
                (network.malformed, Harm::Condition(Condition::Malformed)),
                (network.spoilt, Harm::Condition(Condition::Spoilt)),
            ]),
            late_s: network.late_s.clone(),
        }
    }
}

impl<T: Copy> Table<T> {
    fn new<const N: usize>(rows: [(f64, T); N]) -> Self {
        let mut any = Chance::NEVER;
        let each = rows.map(|(probability, what)| {
            any = any.or(Chance::new(probability));
            (any, what)
        });
        Self {
            any,
            each: each.into(),
        }
    }

    fn draw(&self, dice: &mut Dice) -> Option<T> {
        let drawn = dice.next_u64();
        if !self.any.takes(drawn) {
            return None;
        }
        let mut rows = self.each.iter();
        rows.find(|(chance, _)| chance.takes(drawn))
            .map(|(_, what)| *what)
    }
}

impl<'a> Chanced<'a> {
    pub(super) const fn new(dice: Dice, odds: &'a Odds) -> Self {
        Self { dice, odds }
    }
}

impl Luck for Chanced<'_> {
    fn of_post(&mut self, _: Message) -> Mishap {
        let drawn = self.odds.post.draw(&mut self.dice);
        drawn.unwrap_or(Mishap::None)
    }

    fn of_delivery(&mut self, _: Message) -> Fate {
        match self.odds.delivery.draw(&mut self.dice) {
            None => Fate::Arrives(Condition::Whole),
            Some(Harm::Lost) => Fate::Lost,
            Some(Harm::Late) => {
                let seconds = self.odds.late_s.draw_whole(&mut self.dice);
                Fate::Late(Duration::from_secs(seconds))
            }
            Some(Harm::Condition(condition)) => Fate::Arrives(condition),
        }
    }
}

#[cfg(test)]
mod tests {
    use gp2gp_sim::{Crowd, Streams};

    use super::*;

    #[test]
    fn of_several_misfortunes_each_is_as_likely_as_it_says() {
        let table = Table::new([(0.1, 'a'), (0.2, 'b'), (0.0, 'c')]);
        let mut dice = Crowd::new(&Streams::new(1), "any").member(0);
        let mut seen = [0; 4];
        for _ in 0..20_000 {
            seen[match table.draw(&mut dice) {
                None => 3,
                Some(what) => what as usize - 'a' as usize,
            }] += 1;
        }
        assert!((1_850..2_150).contains(&seen[0]), "{seen:?}");
        assert!((3_800..4_200).contains(&seen[1]), "{seen:?}");
        assert_eq!(seen[2], 0);
    }
}
