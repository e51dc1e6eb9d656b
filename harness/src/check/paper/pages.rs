//! How many pages a record is. Nobody prints here: these are rules of thumb, all of them ours and
//! none from a specification, so that a practice can see the size of what a failure costs.

use std::collections::BTreeSet;

use gp2gp_model::paper::PrintState;
use gp2gp_model::{NhsNumber, Sha256};

use crate::check::transfer::Transfer;
use crate::check::view::{Held, View};

/// Characters on a printed page: fifty lines of sixty.
const CHARACTERS: u64 = 3_000;
/// Bytes of a structured record for each character that a person reads. A twentieth of our synthetic
/// records is free text; what codes, dates and names say is about as much again.
const RECORD_BYTES_PER_CHARACTER: u64 = 10;
/// A scanned page in black and white, as faxes are packed.
const SCAN: u64 = 50_000;
/// A page of a file with letters and pictures.
const MIXED: u64 = 75_000;
/// A page of a word processor's file.
const WORD: u64 = 20_000;
/// Bytes for each character of a text with markup.
const MARKUP_BYTES_PER_CHARACTER: u64 = 2;

/// Pages that the old practice prints of a patient in this state.
pub(super) fn of(
    view: &View,
    patient: NhsNumber,
    state: PrintState,
    transfers: &[&Transfer<'_>],
) -> u64 {
    let held = || view.held.iter().filter(|held| held.patient == patient);
    let documents = |held: &Held| document(&held.media_type, held.bytes);
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
            record(structured) + held().map(documents).sum::<u64>()
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

fn record(bytes: u64) -> u64 {
    bytes.div_ceil(CHARACTERS * RECORD_BYTES_PER_CHARACTER)
}

/// No page for what only sounds or moves, one for each picture.
fn document(media_type: &str, bytes: u64) -> u64 {
    let per_page = match media_type {
        "image/tiff" => SCAN,
        "text/plain" => CHARACTERS,
        "text/rtf" | "application/rtf" | "text/html" | "text/xml" => {
            CHARACTERS * MARKUP_BYTES_PER_CHARACTER
        }
        "application/msword" => WORD,
        it if it.starts_with("audio/") || it.starts_with("video/") => return 0,
        it if it.starts_with("image/") => return 1,
        _ => MIXED,
    };
    bytes.div_ceil(per_page).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_the_pages_of_its_type_and_size() {
        for (media_type, bytes, pages) in [
            ("image/tiff", 1, 1),
            ("image/tiff", 50_001, 2),
            ("image/tiff", 25_000_000, 500),
            ("application/pdf", 150_000, 2),
            ("text/plain", 3_001, 2),
            ("text/rtf", 3_001, 1),
            ("image/jpeg", 4_000_000, 1),
            ("audio/basic", 4_000_000, 0),
            ("video/mpeg", 1, 0),
            ("text/plain", 0, 1),
        ] {
            assert_eq!(document(media_type, bytes), pages, "{media_type} {bytes}");
        }
    }

    #[test]
    fn a_record_has_a_page_for_thirty_thousand_bytes() {
        assert_eq!((record(0), record(1), record(60_000)), (0, 1, 2));
        assert_eq!(record(60_001), 3);
    }
}
