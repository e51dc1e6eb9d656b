//! What the new practice has in the place of a document that it does not have.

use std::collections::BTreeSet;

use gp2gp_model::report::FiledInstead;
use gp2gp_model::trace::Observation;
use gp2gp_model::{NhsNumber, Sha256};
use gp2gp_wire::attachment::Placeholder;

use super::{Life, is_new_practice};
use crate::check::transfer::{Transfer, transfers};
use crate::check::view::{Held, View};

impl Life<'_> {
    /// What the new practice has under its name, or openly in its place.
    pub(super) fn filed_instead(&self, view: &View) -> Option<FiledInstead> {
        if self.was_filed() {
            return None;
        }
        self.damaged(view)
            .or_else(|| self.is_too_large(view).then_some(FiledInstead::Placeholder))
            .or_else(|| (self.was_replaced(view)).then_some(FiledInstead::SentPlaceholder))
    }

    /// Another content under its name, which no other document has.
    fn damaged(&self, view: &View) -> Option<FiledInstead> {
        stored(view, self.held.patient).find_map(|stored| {
            let is_its_name = stored.file_name == self.held.file_name;
            (is_its_name && !stored.placeholder && !is_held(view, self.held.patient, stored.sha256))
                .then_some(FiledInstead::Damaged {
                    bytes: stored.bytes,
                })
        })
    }

    /// The new practice declares that it cannot take it, and has a placeholder (RCV-64).
    fn is_too_large(&self, view: &View) -> bool {
        let caps = view.header.practices.as_ref().map(|it| it.caps);
        let mut stored = stored(view, self.held.patient);
        caps.is_some_and(|caps| caps.is_too_large(self.held.bytes))
            && stored.any(|stored| stored.placeholder)
    }

    /// The store did not give it, and a placeholder that came with the record is with the new practice. Nothing says which
    /// document a placeholder stands for: there must be one for each.
    fn was_replaced(&self, view: &View) -> bool {
        let patient = self.held.patient;
        if !could_not_be_had(self.held) || self.was_sent() {
            return false;
        }
        let transfers = transfers(view);
        let came = transfers.iter().filter(|transfer| {
            (transfer.request()).is_some_and(|request| request.patient == patient)
                && transfer.outcomes().any(|(_, ack)| !ack.is_negative())
        });
        let mut sent = BTreeSet::new();
        let mut placeholders = BTreeSet::new();
        for transfer in came {
            contents(view, transfer, &mut sent, &mut placeholders);
        }
        let without = (view.held.iter())
            .filter(|held| held.patient == patient && could_not_be_had(held))
            .filter(|held| !sent.contains(&held.sha256));
        let filed = stored(view, patient)
            .filter(|stored| placeholders.contains(&stored.sha256))
            .filter(|stored| !is_held(view, patient, stored.sha256));
        filed.count() >= without.count()
    }
}

/// What travelled with a record, and what of it is placeholders.
fn contents(
    view: &View,
    transfer: &Transfer<'_>,
    sent: &mut BTreeSet<Sha256>,
    placeholders: &mut BTreeSet<Sha256>,
) {
    for document in transfer.documents(view).iter().map(|sent| sent.document) {
        let Ok((sha256, _)) = document.content else {
            continue;
        };
        sent.insert(sha256);
        let text = document.placeholder.as_deref();
        if text.and_then(Placeholder::parse).is_some() {
            placeholders.insert(sha256);
        }
    }
}

/// The store did not have it, did not give it, or said of it what is not so.
const fn could_not_be_had(held: &Held) -> bool {
    !held.deliverable || held.service.misstated
}

struct Stored<'v> {
    file_name: &'v str,
    sha256: Sha256,
    bytes: u64,
    placeholder: bool,
}

/// What the new practice says that it has of a patient.
fn stored(view: &View, whose: NhsNumber) -> impl Iterator<Item = Stored<'_>> {
    let observed = view.observed.iter();
    observed.filter_map(move |(by, observation)| match observation {
        Observation::Stored {
            patient,
            file_name,
            sha256,
            bytes,
            placeholder,
            ..
        } => (is_new_practice(*by) && *patient == whose).then_some(Stored {
            file_name,
            sha256: *sha256,
            bytes: *bytes,
            placeholder: *placeholder,
        }),
        Observation::InStore { .. } | Observation::Transfer { .. } => None,
    })
}

fn is_held(view: &View, patient: NhsNumber, sha256: Sha256) -> bool {
    let mut held = view.held.iter();
    held.any(|it| it.patient == patient && it.sha256 == sha256)
}
