//! Checks: pure functions from a decoded trace to an assessment, one file per family.
//!
//! A check sees what crossed the wire, what people did and what the record source held. It never
//! sees the inside of a peer, so a recording of a real system meets the same checks.

pub mod custody;
mod dir;
pub mod documents;
pub mod exp;
pub mod fed;
pub mod fetched;
pub(crate) mod named;
pub mod national;
pub mod paper;
pub mod rcv;
mod registration;
mod ruling;
pub mod seen;
pub mod snd;
pub mod store_calls;
pub mod texts;
pub(crate) mod transfer;
pub mod view;

use gp2gp_model::verdict::{Assessment, Profile, Violation};

pub use view::{Post, View};

/// A check of one requirement.
pub struct Check {
    /// Id in the catalogue.
    pub requirement: &'static str,
    /// Assesses a trace. Pure: the same view gives the same assessment.
    pub assess: fn(&View, Profile) -> Assessment,
}

/// Every check, in the order of the catalogue.
pub fn all() -> Vec<Check> {
    let snd = snd::checks().into_iter();
    snd.chain(rcv::checks())
        .chain(exp::checks())
        .chain(dir::checks())
        .chain(fed::checks())
        .collect()
}

/// Collects occasions and violations, so that a check reads as its rule.
#[derive(Default)]
pub struct Tally {
    occasions: usize,
    violations: Vec<Violation>,
    note: Option<String>,
}

impl Tally {
    /// One occasion: `kept` says whether the rule was kept, `violation` what to say otherwise.
    pub fn expect(&mut self, kept: bool, violation: impl FnOnce() -> Violation) {
        self.occasions += 1;
        if !kept {
            self.violations.push(violation());
        }
    }

    /// Which of several accepted ways was taken.
    pub fn note(&mut self, note: impl Into<String>) {
        self.note = Some(note.into());
    }

    /// The assessment; `unexercised` says why nothing was put to the test, if nothing was.
    pub fn assess(self, unexercised: &'static str) -> Assessment {
        if !self.violations.is_empty() {
            Assessment::Broken(self.violations)
        } else if self.occasions == 0 {
            Assessment::NotExercised(unexercised)
        } else {
            Assessment::Held {
                occasions: self.occasions,
                note: self.note,
            }
        }
    }
}

/// A violation shown by a post.
pub fn violation(post: &Post, expected: impl Into<String>, seen: impl Into<String>) -> Violation {
    Violation::new(Some(post.seq), expected, seen)
}
