//! What a federation asks of a sending system.

use gp2gp_model::{EntryId, NhsNumber};
use gp2gp_wire::federation::Item;
use gp2gp_wire::federation::hub::RecordState;

use super::{Case, Sending};
use crate::federation::{Chart, HandedOver, PracticeSystem};
use crate::synthetic::{RecordEntry, RecordSpec};

impl PracticeSystem for Sending {
    fn chart(&self, patient: NhsNumber) -> Option<Chart> {
        let holding = self.holdings.get(&patient).filter(|it| it.plan.held)?;
        let own = RecordSpec {
            entries: Vec::new(),
            ..holding.record.clone()
        };
        let items = own.truth().narratives.into_iter().filter_map(|held| {
            Some(Item {
                id: EntryId::parse(&held.id).ok()?,
                text: held.text,
                written: None,
            })
        });
        Some(Chart {
            state: RecordState::Held,
            items: items.collect(),
        })
    }

    /// The last record that left, and for whom it was made.
    fn handed_over(&self, patient: NhsNumber) -> Option<HandedOver> {
        let made = self.cases.values().filter_map(|case| match case {
            Case::Open(transfer) if transfer.patient == patient => Some(HandedOver {
                at: transfer.requested_at,
                to: transfer.core.requester.clone(),
            }),
            Case::Open(_)
            | Case::Refused(..)
            | Case::Inquiring(_)
            | Case::Fetching(_)
            | Case::Confirming(..) => None,
        });
        made.max_by_key(|handed_over| handed_over.at)
    }

    fn write(&mut self, patient: NhsNumber, entry: RecordEntry) {
        if let Some(holding) = self.holdings.get_mut(&patient) {
            holding.record.entries.push(entry);
        }
    }
}
