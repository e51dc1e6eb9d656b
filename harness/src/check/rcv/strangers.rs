//! Extracts that are not what was asked for: unrequested, of another patient, from another source
//! (RCV-10, RCV-52, RCV-53).

use gp2gp_model::plan::{Decision, Role};
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_wire::hl7::EhrRequest;

use super::ruling::Ruling;
use super::storage::filed_content_of;
use super::transfer::{Ack, Attempt, Transfer, id_of, show_all, transfers};
use crate::check::view::{Post, Seen};
use crate::check::{View, violation};

const RECORDED: &str = "a recording does not show what was asked for and what people decided";

/// RCV-10.
pub(super) fn unrequested(view: &View, _: Profile) -> Assessment {
    if !view.has_real_times() {
        return Assessment::NotExercised(RECORDED);
    }
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        let is_asked_for = transfer.requests().next().is_some();
        let cores = transfer.cores().filter(|core| !fulfils(view, core));
        for core in cores.filter(|_| !is_asked_for) {
            judge_unrequested(view, &transfer, core, &mut ruling);
        }
    }
    ruling.assess("every extract that came had been asked for")
}

fn judge_unrequested(view: &View, transfer: &Transfer<'_>, core: &Post, ruling: &mut Ruling) {
    let expected = format!(
        "one refusal of core {} with 09, no Continue and nothing filed: nobody asked for it",
        id_of(core)
    );
    if let Some(continued) = transfer.continues().next() {
        let seen = format!("Continue {}", id_of(continued));
        return ruling.unless(Some(violation(continued, expected, seen)));
    }
    if let Some(stored) = filed_content_of(view, transfer, core) {
        let seen = format!("`{stored}` of it stored");
        return ruling.unless(Some(violation(core, expected, seen)));
    }
    let acks = transfer.acks_of(core);
    match acks.as_slice() {
        [] => ruling.absent(view, violation(core, expected, show_all(&acks))),
        [only] if only.code() == Some("09") => ruling.kept(),
        [first, ..] => ruling.unless(Some(violation(first.post, expected, show_all(&acks)))),
    }
}

/// A request of any conversation that the core says it fulfils.
fn fulfils(view: &View, core: &Post) -> bool {
    let prior = core
        .seen()
        .and_then(Seen::extract)
        .and_then(|extract| extract.prior_request.as_ref());
    prior.is_some()
        && view
            .sent_by(Role::Requesting)
            .filter_map(|post| post.seen()?.request())
            .any(|request| Some(&request.id) == prior)
}

/// RCV-52.
pub(super) fn another_patient(view: &View, _: Profile) -> Assessment {
    judge_requested(
        view,
        "every extract that came named the requested patient",
        |transfer, attempt, asked, ruling| {
            let named = attempt.core.seen().and_then(Seen::extract);
            let Some(named) = named.map(|extract| extract.patient) else {
                return;
            };
            if named == asked.patient {
                return;
            }
            let case = Mismatch {
                attempt,
                expected: format!(
                    "the record of NHS number {named} in core {} never filed for {}, who was asked \
                     for, unless people see whose it is and decide so",
                    id_of(attempt.core),
                    asked.patient
                ),
                is_shown: transfer.shows(named.as_str()),
            };
            case.judge(view, transfer, ruling);
        },
    )
}

/// A record of somebody else.
struct Mismatch<'a, 'v> {
    attempt: &'a Attempt<'v>,
    expected: String,
    /// Whether people can see whose record it is, as far as that was observed.
    is_shown: Option<bool>,
}

impl<'v> Mismatch<'_, 'v> {
    fn judge(self, view: &View, transfer: &Transfer<'v>, ruling: &mut Ruling) {
        let answers = self.attempt.answers(transfer);
        let filed = answers.iter().find(|ack| ack.is_success());
        let stored = filed_content_of(view, transfer, self.attempt.core);
        match (filed, self.is_shown) {
            (Some(filed), _) if !self.is_decided(transfer, filed) => {
                let seen = format!("{}, and nobody decided so", filed.show());
                ruling.unless(Some(violation(filed.post, self.expected, seen)));
            }
            (Some(filed), Some(false)) => {
                let seen = format!(
                    "{}; the states shown to people were `{}`",
                    filed.show(),
                    transfer.states().join("`, `")
                );
                ruling.unless(Some(violation(filed.post, self.expected, seen)));
            }
            (Some(_), None) => ruling.open(
                "people decided to file another patient's record; whether they saw that it is one was not observed",
            ),
            (None, Some(false)) if stored.is_some() => {
                let seen = format!("`{}` of it stored", stored.unwrap_or_default());
                ruling.unless(Some(violation(self.attempt.core, self.expected, seen)));
            }
            (Some(_) | None, Some(_) | None) => {
                ruling.kept();
                ruling.note(match answers.first() {
                    Some(first) => format!("answered with {}", first.word()),
                    None => "not answered".to_owned(),
                });
            }
        }
    }

    fn is_decided(&self, transfer: &Transfer<'v>, filed: &Ack<'v>) -> bool {
        match self.attempt.decision(transfer) {
            Some((acted, Decision::Integrate | Decision::Suppress)) => acted.seq < filed.post.seq,
            Some((_, Decision::Reject | Decision::FailToIntegrate)) | None => false,
        }
    }
}

/// RCV-53.
pub(super) fn another_source(view: &View, _: Profile) -> Assessment {
    judge_requested(
        view,
        "every extract came from the practice and the system that were asked",
        |transfer, attempt, asked, ruling| {
            let core = attempt.core;
            let Some(doubt) = Doubt::of(core, asked) else {
                return;
            };
            let answers = attempt.answers(transfer);
            let refusal = answers.iter().find(|ack| !ack.is_success());
            match (refusal, transfer.shows(&doubt.stranger)) {
                (Some(refusal), _) => {
                    ruling.kept();
                    ruling.note(format!("answered with {}", refusal.word()));
                }
                (None, Some(true)) => {
                    ruling.kept();
                    ruling.note("shown to people");
                }
                (None, Some(false)) => ruling.unless(Some(violation(
                    core,
                    format!(
                        "a warning that names {}: {}",
                        doubt.stranger, doubt.difference
                    ),
                    format!("`{}`", transfer.states().join("`, `")),
                ))),
                (None, None) => ruling.open(format!(
                    "{}; whether people were warned was not observed (that needs level L2)",
                    doubt.difference
                )),
            }
        },
    )
}

/// A source that was not asked.
struct Doubt {
    /// The code that people have to see.
    stranger: String,
    difference: String,
}

impl Doubt {
    fn of(core: &Post, asked: &EhrRequest) -> Option<Self> {
        let extract = core.seen()?.extract()?;
        let id = id_of(core);
        if extract.author != asked.destination {
            return Some(Self {
                stranger: extract.author.to_string(),
                difference: format!(
                    "core {id} is from practice {}, practice {} was asked",
                    extract.author, asked.destination
                ),
            });
        }
        let (sender, recipient) = (&extract.wrapper.sender, &asked.wrapper.recipient);
        (sender != recipient).then(|| Self {
            stranger: sender.to_string(),
            difference: format!("core {id} is from system {sender}, system {recipient} was asked"),
        })
    }
}

/// Asks a question about every core that was requested.
fn judge_requested(
    view: &View,
    unexercised: &'static str,
    judge: impl Fn(&Transfer<'_>, &Attempt<'_>, &EhrRequest, &mut Ruling),
) -> Assessment {
    if !view.has_real_times() {
        return Assessment::NotExercised(RECORDED);
    }
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        let asked = transfer.requests().find_map(|post| post.seen()?.request());
        let Some(asked) = asked else { continue };
        for attempt in transfer.attempts() {
            judge(&transfer, &attempt, asked, &mut ruling);
        }
    }
    ruling.assess(unexercised)
}
