//! How a transfer ends for the sending practice: what closes it, and what is to be printed.

use std::time::Duration;

use gp2gp_model::paper::PrintState;
use gp2gp_model::plan::Role;
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_model::{NhsNumber, ResponseCode};
use gp2gp_wire::attachment::Placeholder;
use gp2gp_wire::hl7::{AckType, Acknowledgement};

use super::super::paper;
use super::super::transfer::{Transfer, accepted_at, is_after, name, transfers};
use super::super::view::{Post, View};
use super::super::{Tally, violation};
use super::conversation::is_resent;
use super::promises::{is_negative, owes_everything};

const SAYS_NOTHING: &str = "the sending system says nothing of the state of such a transfer";
/// Code system of the errors that Spine writes (spec 10).
const SPINE_ERRORS: &str = "2.16.840.1.113883.2.1.3.2.4.17.32";
/// Without a final acknowledgement for so long, a transfer has failed (S124).
pub(super) const PATIENCE: Duration = Duration::from_hours(8 * 24);
/// States after such a silence. A system that learned earlier that Spine could not deliver may say
/// that the record was partly delivered: printed in full, like a failure.
const SILENT: [u8; 2] = [PARTLY, FAILED];

const NO_PRINT: u8 = 1;
const PRINT_MISSING: u8 = 2;
const PARTLY: u8 = 3;
const FAILED: u8 = 4;
const AWAITING: u8 = 5;

/// What the wire says of the end of a transfer, first word first.
pub(in crate::check) enum End<'v> {
    /// The sending system refused the request.
    Refused(Option<&'v ResponseCode>),
    /// AA, or 15, which is a success nationally (SND-54).
    Success,
    /// 26, before 2.2b.
    FiledAsAttachment,
    /// Any other negative acknowledgement of the core.
    Failure(Option<&'v ResponseCode>),
    /// The core is with Spine, and its acknowledgement did not come for eight days.
    Silence,
    /// None of these.
    Open,
}

/// SND-43.
pub(super) fn small_needs_no_continue(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let (Some(core), Some(request)) = (transfer.cores.first(), transfer.requests.first())
        else {
            continue;
        };
        let is_small = transfer.promises().is_empty() && transfer.continues.is_empty();
        let is_over =
            view.quiescent && accepted_at(view, core).is_some() || !transfer.answers.is_empty();
        if !is_small || !is_over || transfer.refusals().next().is_some() {
            continue;
        }
        let is_owed = transfer.is_acknowledged_if_served();
        tally.expect(!transfer.answers.is_empty() || !is_owed, || {
            violation(
                core,
                format!(
                    "an acknowledgement of {} without waiting for a Continue",
                    name(request)
                ),
                format!("none, though {} promises nothing", name(core)),
            )
        });
        if let (End::Success, Some((final_ack, _)), Some((state, print))) = (
            end(view, &transfer),
            transfer.outcomes().next(),
            told(view, &transfer),
        ) {
            tally.expect(print != Some(AWAITING), || {
                violation(
                    final_ack,
                    format!("{} ends the transfer", name(final_ack)),
                    format!("state `{state}`, print state 5"),
                )
            });
        }
    }
    tally.assess("no small extract and its end are in the trace")
}

/// SND-51.
pub(super) fn only_core_ack_closes(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        goes_on_after_fragment_ack(view, &transfer, &mut tally);
        let Some((state, Some(print))) = told(view, &transfer) else {
            continue;
        };
        if let Some((ack, open)) = held_back(view, &transfer) {
            let is_closed = matches!(print, NO_PRINT | PRINT_MISSING);
            tally.expect(!is_closed, || {
                violation(
                    ack,
                    format!("no success while {} is to come", open.join(", ")),
                    format!("print state {print}, `{state}`, after {}", name(ack)),
                )
            });
        }
        match (
            end(view, &transfer),
            transfer.outcomes.first(),
            transfer.fragment_acks.first(),
        ) {
            (End::Success | End::FiledAsAttachment | End::Failure(_), Some(ack), _) => {
                tally.expect(print != AWAITING, || {
                    violation(
                        ack,
                        format!("closed by {}", name(ack)),
                        format!("print state {print}, `{state}`"),
                    )
                });
            }
            (End::Open, None, Some(ack)) if !is_negative(ack) => {
                tally.expect(print == AWAITING, || {
                    violation(
                        ack,
                        format!("open after {}, which is of a fragment", name(ack)),
                        format!("print state {print}, `{state}`"),
                    )
                });
            }
            (
                End::Refused(_)
                | End::Success
                | End::FiledAsAttachment
                | End::Failure(_)
                | End::Silence
                | End::Open,
                _,
                _,
            ) => {}
        }
    }
    tally.assess("no acknowledgement of a core or fragment reached a system that tells its state")
}

/// Fragments that were outstanding when another one was acknowledged still come.
fn goes_on_after_fragment_ack(view: &View, transfer: &Transfer<'_>, tally: &mut Tally) {
    let Some(ack) = transfer.fragment_acks.first() else {
        return;
    };
    let promises = transfer.promises();
    let later = promises
        .iter()
        .filter_map(|promise| promise.fragment)
        .any(|fragment| is_after(view, fragment, ack));
    let held_back = held_back(view, transfer);
    if later || held_back.is_some() {
        tally.expect(later, || {
            let (ack, open) = held_back.unwrap_or((ack, Vec::new()));
            violation(
                ack,
                format!("{} still to come", open.join(", ")),
                format!("nothing after {}", name(ack)),
            )
        });
    }
}

/// The first acknowledgement of a fragment in a transfer of which some were never sent, though due,
/// and which those are.
fn held_back<'v>(view: &View, transfer: &Transfer<'v>) -> Option<(&'v Post, Vec<String>)> {
    let ack = transfer.fragment_acks.first()?;
    let promises = transfer.promises();
    let open = promises.iter().filter(|promise| promise.fragment.is_none());
    let open: Vec<_> = open
        .map(|promise| format!("mid:{}", promise.message))
        .collect();
    (!open.is_empty() && owes_everything(view, transfer)).then_some((ack, open))
}

/// SND-52.
pub(super) fn negative_is_failure(view: &View, _: Profile) -> Assessment {
    ends_told(view, |end, _| match end {
        End::Failure(code) => Some((vec![PARTLY, FAILED], format!("failed with {}", show(*code)))),
        End::Refused(_) | End::Success | End::FiledAsAttachment | End::Silence | End::Open => None,
    })
}

/// SND-53.
pub(super) fn spine_rejection_is_final(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let Some((rejection, ack)) = verdicts(&transfer)
            .next()
            .filter(|(_, ack)| is_of_spine(ack))
        else {
            continue;
        };
        let what = format!("{} of Spine with {}", name(rejection), show(ack.code()));
        let later = transfer
            .cores
            .iter()
            .filter(|_| !is_resent_to(view, &transfer))
            .chain(&transfer.fragments)
            .find(|post| is_after(view, post, rejection));
        let shows = later.is_some() || !transfer.promises().is_empty();
        if shows {
            tally.expect(later.is_none(), || {
                let post = later.copied().unwrap_or(rejection);
                violation(
                    post,
                    format!("nothing more of the record after {what}"),
                    format!("{} after it", name(post)),
                )
            });
        }
        if let Some((state, Some(print))) = told(view, &transfer) {
            tally.expect(matches!(print, PARTLY | FAILED), || {
                violation(
                    rejection,
                    format!("failed, print state {PARTLY} or {FAILED}, after {what}"),
                    format!("print state {print}, `{state}`"),
                )
            });
        }
    }
    tally.assess("Spine itself rejected no extract towards a system that shows what it made of it")
}

/// Written by Spine in its own style: AR, without a reason, the code in the detail (spec 10).
fn is_of_spine(ack: &Acknowledgement) -> bool {
    let system = ack
        .detail
        .as_ref()
        .and_then(|detail| detail.code_system.as_deref());
    ack.type_code == AckType::Ar && ack.reason.is_none() && system == Some(SPINE_ERRORS)
}

fn is_resent_to(view: &View, transfer: &Transfer<'_>) -> bool {
    transfer
        .request()
        .is_some_and(|request| is_resent(view, request.patient))
}

/// SND-54.
pub(super) fn suppressed_is_success(view: &View, _: Profile) -> Assessment {
    ends_told(view, |end, transfer| match end {
        End::Success => {
            let mut codes = transfer.outcomes().filter_map(|(_, ack)| ack.code());
            let code = codes.find(|code| matches!(code.as_str(), "12" | "15"))?;
            Some((
                vec![NO_PRINT, PRINT_MISSING],
                format!("a success, {code} notwithstanding"),
            ))
        }
        End::Refused(_) | End::FiledAsAttachment | End::Failure(_) | End::Silence | End::Open => {
            None
        }
    })
}

/// SND-55.
pub(super) fn early_ack_is_kept(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let Some((final_ack, _)) = verdicts(&transfer)
            .next()
            .filter(|(_, ack)| is_success(ack))
        else {
            continue;
        };
        let is_early = match transfer.answers.first() {
            Some(answer) if view.has_real_times() => {
                accepted_at(view, answer).is_none_or(|taken| taken > final_ack.at)
            }
            Some(answer) => is_after(view, answer, final_ack),
            None => view.has_real_times(),
        };
        if !is_early || !transfer.is_acknowledged_if_served() {
            continue;
        }
        let what = format!("{}, before the request was acknowledged", name(final_ack));
        let positive = transfer.answers().any(|(_, ack)| !ack.is_negative());
        if positive || view.quiescent {
            tally.expect(positive, || {
                violation(
                    final_ack,
                    format!("a positive acknowledgement of the request, after {what}"),
                    match transfer.answers().next() {
                        Some((post, _)) => format!("a refusal in {}", name(post)),
                        None => "none until everything fell silent".to_owned(),
                    },
                )
            });
        }
        if let Some((state, Some(print))) = told(view, &transfer) {
            let due = success_states(view, &transfer);
            tally.expect(due.contains(&print), || {
                violation(
                    final_ack,
                    format!("a success, print state {}: {what}", list(&due)),
                    format!("print state {print}, `{state}`"),
                )
            });
        }
    }
    tally.assess(
        "no final acknowledgement came before the sending system had acknowledged the request",
    )
}

/// SND-56.
pub(super) fn first_outcome_counts(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let Some((second, ack)) = verdicts(&transfer).nth(1) else {
            continue;
        };
        // An answer to something else may still be under way; one to a core sent again is due.
        let reply = transfer.answers().find(|(post, reply)| {
            post.seq > second.seq
                && second
                    .seen()
                    .is_some_and(|seen| seen.is_named_by(&reply.message_ref))
        });
        tally.expect(reply.is_none(), || {
            let post = reply.map_or(second, |(post, _)| post);
            violation(
                post,
                format!(
                    "nothing in reply to {} of {}",
                    name(second),
                    ack.message_ref
                ),
                format!("{} after it", name(post)),
            )
        });
        if let (Some(due), Some((state, Some(print)))) =
            (due_states(view, &transfer), told(view, &transfer))
        {
            tally.expect(due.contains(&print), || {
                violation(
                    second,
                    format!(
                        "print state {}, as the first acknowledgement says",
                        list(&due)
                    ),
                    format!("print state {print}, `{state}`"),
                )
            });
        }
    }
    tally.assess("the extract was acknowledged at most once")
}

/// SND-62.
pub(super) fn silence_fails(view: &View, _: Profile) -> Assessment {
    ends_told(view, |end, _| match end {
        End::Silence => Some((
            SILENT.to_vec(),
            "failed, because no final acknowledgement came for 8 days".to_owned(),
        )),
        End::Refused(_) | End::Success | End::FiledAsAttachment | End::Failure(_) | End::Open => {
            None
        }
    })
}

/// SND-75.
pub(super) fn one_print_state(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    let all = transfers(view);
    for transfer in &all {
        let (Some(request), Some(post)) = (transfer.request(), transfer.requests.first()) else {
            continue;
        };
        let of_patient = all
            .iter()
            .filter(|other| {
                other
                    .request()
                    .is_some_and(|other| other.patient == request.patient)
            })
            .count();
        let said = print_states(view, request.patient);
        // States are told by patient: with two transfers of one, nobody can say whose is whose.
        if of_patient > 1 || said.is_empty() {
            continue;
        }
        let shown: Vec<_> = said
            .iter()
            .map(|(state, print)| {
                format!(
                    "`{state}` {}",
                    print.map_or("without print state".to_owned(), |print| format!(
                        "print state {print}"
                    ))
                )
            })
            .collect();
        let due = due_states(view, transfer).unwrap_or_else(|| open_states(view, transfer));
        let kept = matches!(said.as_slice(), [(_, Some(print))] if due.contains(print));
        tally.expect(kept, || {
            violation(
                post,
                format!(
                    "exactly one print state, {}, for patient {}",
                    list(&due),
                    request.patient
                ),
                shown.join(", "),
            )
            .with(transfer.outcomes.iter().map(|it| it.seq))
        });
    }
    tally.assess(SAYS_NOTHING)
}

/// Judges the state that the system tells of each transfer that ended in a certain way.
fn ends_told(
    view: &View,
    due: impl Fn(&End<'_>, &Transfer<'_>) -> Option<(Vec<u8>, String)>,
) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let Some((states, what)) = due(&end(view, &transfer), &transfer) else {
            continue;
        };
        let Some((state, Some(print))) = told(view, &transfer) else {
            continue;
        };
        let Some(post) = transfer.outcomes.first().or(transfer.cores.first()) else {
            continue;
        };
        tally.expect(states.contains(&print), || {
            violation(
                post,
                format!("{what}: print state {}", list(&states)),
                format!("print state {print}, `{state}`"),
            )
        });
    }
    tally.assess(SAYS_NOTHING)
}

/// How a transfer ended.
pub(in crate::check) fn end<'v>(view: &View, transfer: &Transfer<'v>) -> End<'v> {
    let (core, verdict) = latest_attempt(view, transfer);
    match (verdict, transfer.refusals().next(), core) {
        (Some((_, ack)), _, _) if is_as_attachment(ack) => End::FiledAsAttachment,
        (Some((_, ack)), _, _) if is_success(ack) => End::Success,
        (Some((_, ack)), _, _) => End::Failure(ack.code()),
        (None, Some((_, ack)), _) => End::Refused(ack.code()),
        (None, None, Some(core)) if view.ended_at.since(core.at) >= PATIENCE => End::Silence,
        (None, None, _) => End::Open,
    }
}

/// The core that counts and what became of it: a record that was turned away and sent again begins
/// anew (S6, S85).
fn latest_attempt<'v>(
    view: &View,
    transfer: &Transfer<'v>,
) -> (Option<&'v Post>, Option<(&'v Post, &'v Acknowledgement)>) {
    let mut cores =
        (transfer.cores.iter().copied()).filter(|core| accepted_at(view, core).is_some());
    // What comes after the silence has ended the transfer changes nothing (S124).
    let verdict_on = |core: Option<&Post>| {
        verdicts(transfer).find(|(post, _)| {
            core.is_none_or(|core| post.seq > core.seq && post.at.since(core.at) < PATIENCE)
        })
    };
    let mut core = cores.next();
    let mut verdict = verdict_on(core);
    while let Some((post, ack)) = verdict
        && !is_success(ack)
        && let Some(again) = cores.find(|core| core.seq > post.seq)
    {
        core = Some(again);
        verdict = verdict_on(core);
    }
    (core, verdict)
}

/// Acknowledgements that say what became of the record. "Duplicate" is said of a core that was
/// sent again; the first one goes on (TD27.2).
fn verdicts<'v>(transfer: &Transfer<'v>) -> impl Iterator<Item = (&'v Post, &'v Acknowledgement)> {
    let was_repeated = transfer.cores.len() > 1;
    transfer.outcomes().filter(move |(_, ack)| {
        !was_repeated || ack.code().is_none_or(|code| code.as_str() != "12")
    })
}

fn is_as_attachment(ack: &Acknowledgement) -> bool {
    ack.is_negative()
        && ack
            .code()
            .is_some_and(ResponseCode::says_filed_as_attachment)
}

fn is_success(ack: &Acknowledgement) -> bool {
    !ack.is_negative() || ack.code().is_some_and(ResponseCode::says_filed)
}

/// Print states that fit the wire; `None` where it does not say.
pub(super) fn due_states(view: &View, transfer: &Transfer<'_>) -> Option<Vec<u8>> {
    match end(view, transfer) {
        // Who is not a patient here has nothing to print.
        End::Refused(Some(code)) if code.as_str() == "06" => Some(vec![NO_PRINT, FAILED]),
        End::Refused(_) => Some(vec![PARTLY, FAILED]),
        End::Success => Some(success_states(view, transfer)),
        // The new practice has it, not as a record: whether that is enough is left open.
        End::FiledAsAttachment => {
            let states = success_states(view, transfer).into_iter();
            Some(states.chain([FAILED]).collect())
        }
        End::Failure(_) => Some(vec![PARTLY, FAILED]),
        End::Silence => Some(SILENT.to_vec()),
        End::Open => None,
    }
}

/// States of a transfer that nothing ended: nobody prints while the acknowledgement may still come. A
/// system may have given up for reasons that a run which was cut off, or a recording, does not show.
fn open_states(view: &View, transfer: &Transfer<'_>) -> Vec<u8> {
    let (state, _) = paper::ended(view, transfer);
    match state {
        PrintState::Awaiting if view.quiescent => vec![AWAITING],
        PrintState::Awaiting
        | PrintState::Integrated
        | PrintState::MissingItems
        | PrintState::PartlyDelivered
        | PrintState::Failed => vec![PARTLY, FAILED, AWAITING],
    }
}

/// The record is there, and something of it that stayed at the practice is to be printed.
pub(in crate::check) fn is_print_of_missing(view: &View, transfer: &Transfer<'_>) -> bool {
    match success_states(view, transfer).as_slice() {
        [PRINT_MISSING] => true,
        [NO_PRINT] | [] => false,
        // A placeholder is in it, and what the store gave arose elsewhere.
        [..] => {
            let sent = paper::arrived(view, transfer);
            let patient = transfer.request().map(|request| request.patient);
            let mut held = view.held.iter();
            held.any(|held| Some(held.patient) == patient && !sent.contains(&held.sha256))
        }
    }
}

/// Only the practice where a placeholder arose prints what it stands for (S51-S53).
fn success_states(view: &View, transfer: &Transfer<'_>) -> Vec<u8> {
    let documents = transfer.documents(view);
    let has_placeholder = documents
        .iter()
        .any(|sent| sent.file_name().is_some_and(Placeholder::is_file_name));
    let arose_here = documents.iter().any(|sent| {
        view.held
            .iter()
            .any(|held| held.patient == sent.patient && !held.deliverable)
    });
    match (has_placeholder, arose_here) {
        (false, _) => vec![NO_PRINT],
        (true, true) => vec![PRINT_MISSING],
        (true, false) => vec![NO_PRINT, PRINT_MISSING],
    }
}

/// What the sending system says of this transfer, if it says one thing of its patient.
pub(super) fn told<'v>(view: &'v View, transfer: &Transfer<'_>) -> Option<(&'v str, Option<u8>)> {
    match print_states(view, transfer.request()?.patient).as_slice() {
        [one] => Some(*one),
        [] | [..] => None,
    }
}

fn print_states(view: &View, whose: NhsNumber) -> Vec<(&str, Option<u8>)> {
    view.observed
        .iter()
        .filter(|(by, _)| *by == Endpoint::from(Role::Sending))
        .filter_map(|(_, observation)| match observation {
            Observation::Transfer {
                patient,
                state,
                print_state,
                left_in_store: _,
            } if *patient == whose => Some((state.as_str(), *print_state)),
            Observation::Transfer { .. }
            | Observation::Stored { .. }
            | Observation::InStore { .. } => None,
        })
        .collect()
}

pub(super) fn list(states: &[u8]) -> String {
    states
        .iter()
        .map(u8::to_string)
        .collect::<Vec<_>>()
        .join(" or ")
}

fn show(code: Option<&ResponseCode>) -> String {
    code.map_or("no code".to_owned(), |code| format!("code {code}"))
}
