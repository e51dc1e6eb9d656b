//! What goes on paper: how each move ended for the old practice, by what crossed the wire and not by
//! what a system says of itself, and how many pages that is.

mod pages;

use std::collections::BTreeSet;

use gp2gp_model::paper::{Paper, PrintState};
use gp2gp_model::plan::Role;
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{NhsNumber, ResponseCode, Sha256};

use super::registration::{OldPractice, registrations};
use super::seen::Seen;
use super::snd::outcome::{End, end, is_print_of_missing};
use super::transfer::{Transfer, accepted_at, transfers};
use super::view::View;

/// A row for every patient who moved to the requesting practice, in the order of the moves. An export
/// is judged by its own rules: nothing of it goes through GP2GP.
pub fn papers(view: &View) -> Vec<Paper> {
    if view.export.is_some() {
        return Vec::new();
    }
    let transfers = transfers(view);
    (movers(view).into_iter())
        .map(|patient| paper(view, patient, &transfers))
        .collect()
}

/// Who registered, and of whom a record was asked for.
fn movers(view: &View) -> Vec<NhsNumber> {
    let registered = registrations(view).into_iter();
    let asked = view
        .sent_by(Role::Requesting)
        .filter_map(|post| post.seen().and_then(Seen::request))
        .map(|request| request.patient);
    let mut known = BTreeSet::new();
    (registered.map(|registration| registration.patient))
        .chain(asked)
        .filter(|patient| known.insert(*patient))
        .collect()
}

fn paper(view: &View, patient: NhsNumber, transfers: &[Transfer<'_>]) -> Paper {
    let own: Vec<&Transfer<'_>> = transfers
        .iter()
        .filter(|it| it.request().is_some_and(|it| it.patient == patient))
        .collect();
    // Once it is there, it is there; of several failures the last one is what staff see.
    let rank = |(state, _): &(PrintState, String)| match state {
        PrintState::Integrated | PrintState::MissingItems => 2,
        PrintState::Awaiting => 1,
        PrintState::PartlyDelivered | PrintState::Failed => 0,
    };
    let ended = own.iter().map(|transfer| ended(view, transfer));
    let (state, why) = match ended.max_by_key(rank) {
        Some((state, why)) => (Some(state), why),
        None => never_asked(view, patient),
    };
    let pages = state.map_or(0, |state| pages::of(view, patient, state, &own));
    Paper {
        patient,
        state,
        pages,
        why,
    }
}

/// The print state of one transfer, and what ended it.
pub(super) fn ended(view: &View, transfer: &Transfer<'_>) -> (PrintState, String) {
    let code = |code: Option<&ResponseCode>| {
        code.map_or_else(
            || "without a code".to_owned(),
            |code| format!("with {code}"),
        )
    };
    let is_underway = transfer
        .cores
        .iter()
        .any(|core| accepted_at(view, core).is_some());
    let failed = if is_underway {
        PrintState::PartlyDelivered
    } else {
        PrintState::Failed
    };
    match end(view, transfer) {
        End::Success | End::FiledAsAttachment if is_print_of_missing(view, transfer) => (
            PrintState::MissingItems,
            "the record is filed, some of its documents stayed behind".to_owned(),
        ),
        End::Success | End::FiledAsAttachment => {
            (PrintState::Integrated, "the record is filed".to_owned())
        }
        End::Refused(refusal) => (
            failed,
            format!("the old practice refused {}", code(refusal)),
        ),
        End::Failure(refusal) => (
            match refusal {
                Some(refusal) if blames_fragments(refusal) => PrintState::PartlyDelivered,
                Some(_) | None => PrintState::Failed,
            },
            format!("the new practice turned it away {}", code(refusal)),
        ),
        End::Silence => (
            PrintState::Failed,
            "no final acknowledgement for 8 days".to_owned(),
        ),
        End::Open => open(view, transfer),
    }
}

/// Documents that a transfer brought out, by content.
pub(super) fn arrived(view: &View, transfer: &Transfer<'_>) -> BTreeSet<Sha256> {
    pages::arrived(view, &[transfer])
}

/// Nothing ended it. A run that has fallen silent shows whether anything can still come.
fn open(view: &View, transfer: &Transfer<'_>) -> (PrintState, String) {
    let awaiting = (
        PrintState::Awaiting,
        "the final acknowledgement may still come".to_owned(),
    );
    if !view.quiescent {
        return awaiting;
    }
    let is_with_spine = |post| accepted_at(view, post).is_some();
    if !transfer.cores.iter().copied().any(is_with_spine) {
        let why = "the record never left the old practice";
        return (PrintState::Failed, why.to_owned());
    }
    let is_part_lost = transfer
        .fragments
        .iter()
        .copied()
        .any(|post| !is_with_spine(post));
    let is_given_up = is_part_lost || is_told_of_a_failure(view, transfer);
    match is_given_up {
        true => (
            PrintState::PartlyDelivered,
            "Spine could not take or deliver all of it".to_owned(),
        ),
        false => awaiting,
    }
}

/// Spine told the sending system something that is no message of GP2GP, after the extract: that it
/// could not deliver.
fn is_told_of_a_failure(view: &View, transfer: &Transfer<'_>) -> bool {
    let core = transfer.cores.first().map_or(u64::MAX, |core| core.seq);
    view.delivered_to(Role::Sending)
        .filter(|post| post.from == Endpoint::Spine && post.seq > core)
        .any(|post| post.seen().is_none())
}

/// Codes of a requesting system that has the extract and misses fragments (spec 30).
fn blames_fragments(code: &ResponseCode) -> bool {
    matches!(code.as_str(), "25" | "29" | "30" | "31")
}

/// No request reached the old practice. The record has not left, and the new practice gets it on
/// paper, unless there is none.
fn never_asked(view: &View, patient: NhsNumber) -> (Option<PrintState>, String) {
    let nowhere = registrations(view)
        .into_iter()
        .rfind(|registration| registration.patient == patient)
        .and_then(|registration| match registration.old_practice()? {
            OldPractice::Nowhere(why) => Some(why),
            OldPractice::At(_) | OldPractice::Ambiguous(..) | OldPractice::UnknownGp(_) => None,
        });
    if let Some(why) = nowhere {
        return (None, format!("no other system has a record: {why}"));
    }
    let was_posted = view
        .sent_by(Role::Requesting)
        .filter_map(|post| post.seen().and_then(Seen::request))
        .any(|request| request.patient == patient);
    match (was_posted, view.quiescent) {
        (true, false) => (
            Some(PrintState::Awaiting),
            "the request is under way".to_owned(),
        ),
        (true, true) => (
            Some(PrintState::Failed),
            "the request never reached the old practice".to_owned(),
        ),
        (false, _) => (
            Some(PrintState::Failed),
            "nobody could ask for the record, which never left".to_owned(),
        ),
    }
}
