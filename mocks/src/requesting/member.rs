//! What a federation asks of a requesting system.

use gp2gp_model::NhsNumber;
use gp2gp_wire::federation::hub::RecordState;

use super::Requesting;
use super::transfer::{Filing, State};
use crate::federation::{Chart, HandedOver, PracticeSystem};
use crate::synthetic::RecordEntry;

impl PracticeSystem for Requesting {
    /// The record is there once people have filed it.
    fn chart(&self, patient: NhsNumber) -> Option<Chart> {
        let is_known = self.unrequested.contains_key(&patient)
            || self.config.returning.contains(&patient)
            || self.latest.contains_key(&patient);
        let latest = self.latest.get(&patient);
        let latest = latest.and_then(|conversation| self.transfers.get(conversation));
        let is_filed = latest.is_some_and(|transfer| {
            matches!(
                transfer.state,
                State::Filed {
                    how: Filing::Integrated,
                    ..
                }
            )
        });
        is_known.then_some(Chart {
            state: if is_filed {
                RecordState::Held
            } else {
                RecordState::Awaited
            },
            items: Vec::new(),
        })
    }

    /// A requesting system sends no records.
    fn handed_over(&self, _: NhsNumber) -> Option<HandedOver> {
        None
    }

    /// What it takes is kept by its federation interface: it sends no records.
    fn write(&mut self, _: NhsNumber, _: RecordEntry) {}
}
