//! Whether a registration leads to a request at all (RCV-01 to 03).

use gp2gp_model::plan::{Act, PdsUpdate, Role};
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::verdict::{Assessment, Profile, Violation};
use gp2gp_model::{NhsNumber, OdsCode};

use super::ruling::Ruling;
use super::transfer::{id_of, is_supported};
use crate::check::view::Post;
use crate::check::{View, violation};

const RECORDED: &str = "a recording does not show who registered";

/// A patient who registered at the requesting practice.
pub(in crate::check) struct Registration<'v> {
    pub(super) seq: u64,
    pub(in crate::check) patient: NhsNumber,
    /// As PDS names it.
    pub(super) previous: Option<&'v OdsCode>,
    pds_update: PdsUpdate,
    /// The next registration of the same patient: what comes then belongs to that one.
    until: u64,
}

/// Every registration that the system was told of, in order.
pub(in crate::check) fn registrations(view: &View) -> Vec<Registration<'_>> {
    let mut found: Vec<Registration<'_>> = Vec::new();
    for acted in view.acts.iter().filter(|acted| is_supported(view, acted)) {
        let Act::Register {
            patient,
            previous_practice,
            pds_update,
        } = &acted.act
        else {
            continue;
        };
        let earlier = found.iter_mut().rfind(|found| found.patient == *patient);
        if let Some(earlier) = earlier {
            earlier.until = acted.seq;
        }
        found.push(Registration {
            seq: acted.seq,
            patient: *patient,
            previous: previous_practice.as_ref(),
            pds_update: *pds_update,
            until: u64::MAX,
        });
    }
    found
}

/// RCV-01.
pub(super) fn nobody_to_ask(view: &View, _: Profile) -> Assessment {
    judge(
        view,
        "every patient came from another practice",
        |registration, ruling| {
            if let Some(why) = registration.nobody_to_ask(view) {
                ruling.unless(registration.asked(view, &why));
                ruling.note(why);
            }
        },
    )
}

/// RCV-02.
pub(super) fn pds_comes_first(view: &View, _: Profile) -> Assessment {
    judge(
        view,
        "no update of a patient's practice on PDS failed",
        |registration, ruling| match registration.pds_update {
            PdsUpdate::Done => {}
            PdsUpdate::Failed => ruling.unless(
                registration.asked(view, "the update of the patient's practice on PDS failed"),
            ),
        },
    )
}

/// RCV-03.
pub(super) fn one_address_or_none(view: &View, _: Profile) -> Assessment {
    judge(
        view,
        "the directory had exactly one entry for every previous practice",
        |registration, ruling| {
            let Some(previous) = registration.previous else {
                return;
            };
            let entries = view.header.directory.entries(previous).count();
            if entries == 1 || registration.nobody_to_ask(view).is_some() {
                return;
            }
            let why = format!("the directory has {entries} entries for practice {previous}");
            match registration.asked(view, &why) {
                Some(breach) => ruling.unless(Some(breach)),
                None if is_silent(view) => ruling.open(format!(
                    "no request was sent; whether the failure is recorded was not observed (that needs level L2): {why}"
                )),
                None => {
                    ruling.unless(registration.unrecorded(view, &why));
                    ruling.note(why);
                }
            }
        },
    )
}

fn judge(
    view: &View,
    unexercised: &'static str,
    rule: impl Fn(&Registration<'_>, &mut Ruling),
) -> Assessment {
    if !view.has_real_times() {
        return Assessment::NotExercised(RECORDED);
    }
    let mut ruling = Ruling::default();
    for registration in registrations(view) {
        rule(&registration, &mut ruling);
    }
    ruling.assess(unexercised)
}

impl Registration<'_> {
    /// Why there is no other system that could have the record.
    pub(in crate::check) fn nobody_to_ask(&self, view: &View) -> Option<String> {
        let Some(previous) = self.previous else {
            return Some("PDS names no previous practice".to_owned());
        };
        let own = &view.header.practices.as_ref()?.requesting;
        if previous == own {
            return Some(format!(
                "the previous practice {previous} is the requesting practice itself"
            ));
        }
        let is_internal = view.header.directory.share_a_database(own, previous);
        is_internal.then(|| {
            format!("the previous practice {previous} shares the database of {own}: an internal transfer")
        })
    }

    /// A request for this patient all the same.
    fn asked(&self, view: &View, why: &str) -> Option<Violation> {
        let request = self.request(view)?;
        let asked = &request.seen()?.request()?.destination;
        Some(violation(
            request,
            format!("no request for NHS number {}: {why}", self.patient),
            format!("request {} to practice {asked}", id_of(request)),
        ))
    }

    fn request<'v>(&self, view: &'v View) -> Option<&'v Post> {
        view.sent_by(Role::Requesting).find(|post| {
            (self.seq..self.until).contains(&post.seq)
                && post
                    .seen()
                    .and_then(|seen| seen.request())
                    .is_some_and(|request| request.patient == self.patient)
        })
    }

    /// The system says nothing of this patient.
    fn unrecorded(&self, view: &View, why: &str) -> Option<Violation> {
        let is_told = observed(view).any(|observation| match observation {
            Observation::Transfer { patient, .. } => *patient == self.patient,
            Observation::Stored { .. } | Observation::InStore { .. } => false,
        });
        (!is_told).then(|| Violation {
            event: Some(self.seq),
            expected: format!(
                "a recorded failure for NHS number {} that staff can see: {why}",
                self.patient
            ),
            seen: "no state of this patient's transfer".to_owned(),
        })
    }
}

fn is_silent(view: &View) -> bool {
    observed(view).next().is_none()
}

fn observed(view: &View) -> impl Iterator<Item = &Observation> {
    view.observed
        .iter()
        .filter(|(by, _)| *by == Endpoint::Requesting)
        .map(|(_, observation)| observation)
}
