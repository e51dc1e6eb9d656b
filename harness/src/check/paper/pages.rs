//! How many pages the old practice prints, by what was held and what went out.

use std::collections::BTreeSet;

use gp2gp_model::paper::PrintState;
use gp2gp_model::{NhsNumber, Sha256};

use crate::check::transfer::Transfer;
use crate::check::view::{Held, View};
use crate::pages;

/// Pages that the old practice prints of a patient in this state.
pub(super) fn of(
    view: &View,
    patient: NhsNumber,
    state: PrintState,
    transfers: &[&Transfer<'_>],
) -> u64 {
    let held = || view.held.iter().filter(|held| held.patient == patient);
    let documents = |held: &Held| pages::of_document(&held.media_type, held.bytes);
    match state {
        PrintState::Integrated | PrintState::Awaiting => 0,
        PrintState::MissingItems => {
            let sent = arrived(view, transfers);
            let missing = held().filter(|held| !sent.contains(&held.sha256));
            missing.map(documents).sum()
        }
        PrintState::PartlyDelivered | PrintState::Failed => {
            let mut patients = view.patients.iter();
            let truth = patients.find(|truth| truth.patient == patient);
            let structured = truth
                .filter(|truth| truth.held)
                .map_or_else(|| sent_record(transfers), |truth| truth.record_bytes);
            pages::of_record(structured) + held().map(documents).sum::<u64>()
        }
    }
}

/// Documents that went out, by content.
pub(super) fn arrived(view: &View, transfers: &[&Transfer<'_>]) -> BTreeSet<Sha256> {
    let documents = transfers
        .iter()
        .flat_map(|transfer| transfer.documents(view));
    let contents = documents.filter_map(|sent| sent.document.content.as_ref().ok());
    contents.map(|(sha256, _)| *sha256).collect()
}

/// Of a recording nobody knows what was held: what was sent counts.
fn sent_record(transfers: &[&Transfer<'_>]) -> u64 {
    let cores = transfers
        .iter()
        .filter_map(|transfer| transfer.cores.last());
    let bytes = cores.filter_map(|core| Some(core.seen()?.payload_bytes as u64));
    bytes.max().unwrap_or_default()
}
