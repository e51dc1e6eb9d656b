//! Where a patient is registered, and when, by what happened in the run.

use gp2gp_model::plan::{Act, PdsUpdate};
use gp2gp_model::{NhsNumber, OdsCode, Time};

use crate::check::View;

/// The practices at which a patient is registered at any moment from one to another, both included.
pub(super) fn between(view: &View, patient: NhsNumber, from: Time, until: Time) -> Vec<OdsCode> {
    let since = moves(view, patient);
    let mut practices = Vec::new();
    for (at, (start, practice)) in since.iter().enumerate() {
        let end = since.get(at + 1).map(|(next, _)| *next);
        if *start <= until && end.is_none_or(|end| end >= from) {
            practices.push(practice.clone());
        }
    }
    practices
}

/// From when on a patient is registered where, in order. The first is from the start on.
fn moves(view: &View, patient: NhsNumber) -> Vec<(Time, OdsCode)> {
    let Some(practices) = &view.header.practices else {
        return Vec::new();
    };
    let mut moves = Vec::new();
    for acted in view.acts.iter().filter(|acted| !acted.not_supported) {
        match &acted.act {
            Act::Register {
                patient: who,
                previous_practice,
                pds_update,
            } if *who == patient => {
                if moves.is_empty() {
                    let before = previous_practice.clone();
                    let before = before.unwrap_or_else(|| practices.sending.clone());
                    moves.push((view.header.started, before));
                }
                if *pds_update == PdsUpdate::Done {
                    moves.push((acted.at, practices.requesting.clone()));
                }
            }
            Act::MoveOn {
                patient: who,
                practice,
            } if *who == patient => {
                if moves.is_empty() {
                    moves.push((view.header.started, planned(view, patient, practices)));
                }
                moves.push((acted.at, practice.clone()));
            }
            Act::Register { .. }
            | Act::MoveOn { .. }
            | Act::Decide { .. }
            | Act::RepeatRequest { .. }
            | Act::AcknowledgeAgain { .. }
            | Act::RepeatExtract { .. }
            | Act::Stray { .. }
            | Act::File { .. }
            | Act::AtOffice { .. }
            | Act::AtHub { .. }
            | Act::Book { .. }
            | Act::Relink { .. }
            | Act::DealWithPooledList { .. }
            | Act::Relist { .. }
            | Act::SendUnrequested { .. } => {}
        }
    }
    if moves.is_empty() {
        moves.push((view.header.started, planned(view, patient, practices)));
    }
    moves
}

fn planned(view: &View, patient: NhsNumber, practices: &gp2gp_model::trace::Practices) -> OdsCode {
    let mut truths = view.patients.iter();
    let truth = truths.find(|truth| truth.patient == patient);
    truth.map_or_else(
        || practices.sending.clone(),
        |truth| truth.current_practice.clone(),
    )
}
