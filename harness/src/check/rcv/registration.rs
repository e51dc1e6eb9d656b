//! Whether a registration leads to a request at all (RCV-01 to 03).

use gp2gp_model::trace::Endpoint;
use gp2gp_model::verdict::{Assessment, Profile};

use super::transfer::id_of;
use crate::check::national::{Asked, Told};
use crate::check::registration::{OldPractice, Registration, is_silent, judge};
use crate::check::view::Post;
use crate::check::{View, violation};

/// RCV-01.
pub(super) fn nobody_to_ask(view: &View, _: Profile) -> Assessment {
    judge(
        view,
        "every patient came from another practice",
        |registration, ruling| {
            if let Some(OldPractice::Nowhere(why)) = registration.old_practice() {
                ruling.unless(registration.asked_all_the_same(&why));
                ruling.note(why);
            }
        },
    )
}

/// RCV-02.
pub(super) fn pds_comes_first(view: &View, _: Profile) -> Assessment {
    judge(
        view,
        "no update of a patient's practice on PDS was asked for",
        |registration, ruling| {
            match registration.request() {
            Some(request) => ruling.expect(is_registered(view, registration, request.seq), || {
                violation(
                    request,
                    format!(
                        "no request for NHS number {} before PDS has the patient at the requesting practice",
                        registration.patient
                    ),
                    asked(request),
                )
                .with(registration.calls().map(|call| call.seq))
            }),
            None if registration.last(|it| *it == Asked::Update(registration.patient)).is_some() => {
                ruling.kept();
            }
            None => {}
        }
        },
    )
}

fn asked(request: &Post) -> String {
    let seen = request.seen().and_then(|seen| seen.request());
    let practice = seen.map_or("(unreadable)", |request| request.destination.as_str());
    format!("request {} to practice {practice}", id_of(request))
}

/// Whether PDS told the system before this event that the patient is registered there.
fn is_registered(view: &View, registration: &Registration<'_>, by: u64) -> bool {
    let own = view.header.practices.as_ref().map(|it| &it.requesting);
    (view.national_calls.iter())
        .filter(|call| call.from == Endpoint::Requesting && call.answered < by)
        .any(|call| match (&call.asked, &call.answer) {
            (Asked::Update(patient), Told::Patient { .. }) => *patient == registration.patient,
            (
                Asked::Trace(patient),
                Told::Patient {
                    general_practitioner,
                    ..
                },
            ) => *patient == registration.patient && registration.is_own(general_practitioner, own),
            (_, _) => false,
        })
}

/// RCV-03.
pub(super) fn one_address_or_none(view: &View, _: Profile) -> Assessment {
    judge(
        view,
        "the directory had exactly one entry for every previous practice",
        |registration, ruling| {
            let Some(OldPractice::At(previous)) = registration.old_practice() else {
                return;
            };
            let entries = registration.entries(&previous);
            if entries == 1 {
                return;
            }
            let why = format!("the directory has {entries} entries for practice {previous}");
            match registration.asked_all_the_same(&why) {
                Some(breach) => ruling.unless(Some(breach)),
                None if is_silent(view) => ruling.open(format!(
                    "no request was sent; whether the failure is recorded was not observed (that needs level L2): {why}"
                )),
                None => {
                    ruling.unless(registration.unrecorded(&why, None));
                    ruling.note(why);
                }
            }
        },
    )
}
