//! A tally that may also have to leave the question open.

use std::collections::BTreeSet;

use gp2gp_model::verdict::{Assessment, Violation};

use crate::check::{Tally, View};

/// Occasions, violations, and what the evidence does not decide. A breach that is seen stands,
/// whatever else stays open.
#[derive(Default)]
pub(super) struct Ruling {
    tally: Tally,
    notes: BTreeSet<String>,
    open: Option<String>,
}

impl Ruling {
    /// One occasion: `kept` says whether the rule was kept.
    pub(super) fn expect(&mut self, kept: bool, otherwise: impl FnOnce() -> Violation) {
        self.tally.expect(kept, otherwise);
    }

    /// One occasion: kept unless something speaks against it.
    pub(super) fn unless(&mut self, breach: Option<Violation>) {
        match breach {
            None => self.kept(),
            Some(violation) => self.tally.expect(false, || violation),
        }
    }

    /// One occasion on which the rule was kept.
    pub(super) fn kept(&mut self) {
        self.tally.expect(true, || Violation::new(None, "", ""));
    }

    /// Something due is not there: a breach if the run fell silent, an open question if it was
    /// cut off.
    pub(super) fn absent(&mut self, view: &View, violation: Violation) {
        if view.quiescent {
            self.tally.expect(false, || violation);
        } else {
            self.open = Some(format!(
                "the run was cut off while this was due: {}",
                violation.expected
            ));
        }
    }

    /// Which of several accepted ways was taken; each is said once.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.insert(note.into());
    }

    pub(super) fn open(&mut self, why: impl Into<String>) {
        self.open = Some(why.into());
    }

    pub(super) fn assess(mut self, unexercised: &'static str) -> Assessment {
        if !self.notes.is_empty() {
            let notes: Vec<_> = self.notes.into_iter().collect();
            self.tally.note(notes.join("; "));
        }
        match (self.tally.assess(unexercised), self.open) {
            (broken @ Assessment::Broken(_), _) => broken,
            (_, Some(open)) => Assessment::Undecided(open),
            (assessment, None) => assessment,
        }
    }
}
