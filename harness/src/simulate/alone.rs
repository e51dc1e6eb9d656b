//! One conversation by itself, with all that is said in it: for comparing it with the peers that it models.

use std::time::Duration;

use gp2gp_model::Time;
use gp2gp_model::paper::PrintState;

use super::case::{Case, Terms};
use super::message::Message;
use super::outages::Outages;
use super::outcome::Outcome;
use super::spine::Luck;
use super::world::{Ended, Rules, Witness, World};

/// What was said in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// When each message was posted, repeats included.
    pub posts: Vec<(Time, Message)>,
    /// When Spine took each message.
    pub taken: Vec<(Time, Message)>,
    /// How it is classified by all that was said.
    pub outcome: Outcome,
    /// What the old practice prints; `None`: it was never asked.
    pub print_state: Option<PrintState>,
}

/// Plays a conversation to its end.
pub fn play(begun: Time, case: Case, terms: &Terms, outages: &Outages, luck: impl Luck) -> Played {
    let rules = Rules {
        terms,
        outages,
        cutoff: Duration::MAX,
    };
    let log = Log {
        link: terms.link,
        played: Played {
            posts: Vec::new(),
            taken: Vec::new(),
            outcome: Outcome::RequestNotAcknowledged,
            print_state: None,
        },
    };
    let mut world = World::new(begun, rules, log);
    world.begin(begun, 0, case, luck);
    while world.step() {}
    world.into_witness().played
}

struct Log {
    link: Duration,
    played: Played,
}

impl Witness for Log {
    fn posted(&mut self, at_spine: Time, message: Message) {
        self.played
            .posts
            .push((at_spine.before(self.link), message));
    }

    fn taken(&mut self, at: Time, message: Message) {
        self.played.taken.push((at, message));
    }

    fn ended(&mut self, ended: &Ended<'_>) {
        self.played.outcome = ended.evidence.outcome();
        self.played.print_state = ended.print_state;
    }
}
