//! Where a patient is registered, and when, by what happened in the run.

use gp2gp_model::pds::{GeneralPractitioner, PdsRecord};
use gp2gp_model::{NhsNumber, OdsCode, Time};

use crate::check::View;
use crate::check::national::{Asked, Told};

/// A patient is registered at a practice from then on.
struct Move {
    /// PDS may say so from this moment,
    from: Time,
    /// and says nothing else after this one.
    surely_from: Time,
    practice: OdsCode,
}

/// The practices at which a patient is registered at any moment from one to another, both included.
pub(super) fn between(view: &View, patient: NhsNumber, from: Time, until: Time) -> Vec<OdsCode> {
    let moves = moves(view, patient);
    let mut practices = Vec::new();
    for (at, this) in moves.iter().enumerate() {
        let end = moves.get(at + 1).map(|next| next.surely_from);
        if this.from <= until && end.is_none_or(|end| end >= from) {
            practices.push(this.practice.clone());
        }
    }
    practices
}

/// Every practice of a patient in order. The first is from the start on.
fn moves(view: &View, patient: NhsNumber) -> Vec<Move> {
    let started = view.header.started;
    let first = first(view, patient).map(|practice| Move {
        from: started,
        surely_from: started,
        practice,
    });
    let updates = view.national_calls.iter().filter_map(|call| {
        let Told::Patient {
            general_practitioner: GeneralPractitioner::Practice(practice),
            ..
        } = &call.answer
        else {
            return None;
        };
        (call.asked == Asked::Update(patient)).then(|| Move {
            from: call.at,
            surely_from: call.answered_at,
            practice: practice.clone(),
        })
    });
    let further = view.acts.iter().filter_map(|acted| {
        let (who, practice) = acted.act.move_on()?;
        (who == patient && !acted.not_supported).then(|| Move {
            from: acted.at,
            surely_from: acted.at,
            practice: practice.clone(),
        })
    });
    let mut moves: Vec<Move> = first.into_iter().chain(updates).chain(further).collect();
    moves.sort_by_key(|it| it.from);
    moves
}

fn first(view: &View, patient: NhsNumber) -> Option<OdsCode> {
    let truth = view
        .patients
        .iter()
        .find(|truth| truth.patient == patient)?;
    match &truth.pds {
        Some(PdsRecord {
            general_practitioner: GeneralPractitioner::Practice(practice),
            ..
        }) => Some(practice.clone()),
        Some(_) => None,
        None => Some(truth.current_practice.clone()),
    }
}
