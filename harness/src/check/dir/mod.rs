//! DIR: what the directories say, and what a requesting or sending system makes of it.

mod chain;

use gp2gp_model::directory::Practice;
use gp2gp_model::pds::GeneralPractitioner;
use gp2gp_model::plan::Role;
use gp2gp_model::verdict::{Assessment, Profile, Violation};
use gp2gp_model::{OdsCode, Time};

use super::national::{Asked, Told};
use super::registration::{OldPractice, Registration, is_silent, judge, registrations};
use super::ruling::Ruling;
use super::{Check, View, violation};

/// Every check of this family.
pub(super) fn checks() -> Vec<Check> {
    let check = |requirement, assess| Check {
        requirement,
        assess,
    };
    vec![
        check("DIR-01", to_the_practice_of_the_registration),
        check("DIR-02", no_guess),
        check("DIR-03", moved_and_repaired),
        check("DIR-04", missing_gp),
        check("DIR-05", pooled_list),
        check("DIR-06", answers_of_sds),
        check("DIR-07", answers_of_pds),
        check("DIR-08", nobody_to_ask),
        check("DIR-09", chain::moved_on),
    ]
}

/// DIR-01. A GP stands for one practice: by that code PDS has the patient, or beside the practice
/// of the registration the registry links the GP to others.
fn to_the_practice_of_the_registration(view: &View, _: Profile) -> Assessment {
    judge(
        view,
        "no patient of a GP who is in the registry registered",
        |registration, ruling| {
            let Some(OldPractice::At(practice)) = registration.old_practice() else {
                return;
            };
            let (Some(request), true) = (registration.request(), rests_on_a_gp(view, registration))
            else {
                return;
            };
            let directory = &view.header.directory;
            let Some(due) = directory.practice(&practice) else {
                return;
            };
            let conversation = request.seen().map(|seen| &seen.header.conversation_id);
            let of_transfer = (view.sent_by(Role::Requesting))
                .chain(view.sent_by(Role::Sending))
                .filter(|post| conversation.is_some_and(|it| post.is_of(it)));
            let strayed = of_transfer
                .filter_map(|post| Some((post, foreign(view, post.seen()?, due)?)))
                .next();
            ruling.expect(strayed.is_none(), || {
                let (post, seen) = strayed.unwrap_or((request, String::new()));
                violation(
                    post,
                    format!(
                        "every message of this transfer between the requesting practice and {practice}, where NHS number {} was registered",
                        registration.patient
                    ),
                    seen,
                ).with([request.seq])
            });
        },
    )
}

/// Whether the registry has a say in where the record is.
fn rests_on_a_gp(view: &View, registration: &Registration<'_>) -> bool {
    match &registration.before {
        Some(GeneralPractitioner::Gp(_)) => true,
        Some(GeneralPractitioner::Practice(practice)) => {
            let links = &view.header.registry.links;
            links.iter().any(|link| link.practice == *practice)
        }
        Some(GeneralPractitioner::Nobody) | None => false,
    }
}

/// A practice that is neither of the two, named by a message.
fn foreign(view: &View, seen: &super::view::Seen, due: &Practice) -> Option<String> {
    let practices = view.header.practices.as_ref()?;
    let own = view.header.directory.practice(&practices.requesting);
    let is_known = |party: &gp2gp_model::PartyKey| {
        due.party_key == *party || own.is_some_and(|own| own.party_key == *party)
    };
    let header = &seen.header;
    let party = [&header.from, &header.to]
        .into_iter()
        .find(|party| !is_known(party));
    if let Some(party) = party {
        return Some(format!(
            "party key {party} in message {}",
            header.message_id
        ));
    }
    let request = seen.request()?;
    (request.destination != due.ods).then(|| {
        format!(
            "request {} asks practice {}",
            header.message_id, request.destination
        )
    })
}

/// DIR-02.
fn no_guess(view: &View, _: Profile) -> Assessment {
    judge(
        view,
        "no patient's GP has a code that is linked to several practices",
        |registration, ruling| {
            if let Some(OldPractice::Ambiguous(gp, practices)) = registration.old_practice() {
                let why = format!("GP {gp} is linked to {}", listed(&practices));
                fails_clearly(view, registration, &why, None, ruling);
            }
        },
    )
}

/// DIR-03. The code was ambiguous, somebody repaired that, and the patient registered again.
fn moved_and_repaired(view: &View, _: Profile) -> Assessment {
    judge(
        view,
        "no transfer was tried before and after the link of a GP was repaired",
        |registration, ruling| {
            let Some(GeneralPractitioner::Gp(gp)) = registration.before else {
                return;
            };
            let earlier = registrations(view).into_iter().find(|earlier| {
                earlier.patient == registration.patient && earlier.seq < registration.seq
            });
            let was_ambiguous = earlier.as_ref().is_some_and(|earlier| {
                matches!(earlier.old_practice(), Some(OldPractice::Ambiguous(..)))
            });
            match (registration.old_practice(), earlier) {
                (Some(OldPractice::Ambiguous(_, practices)), None) => {
                    let why = format!("GP {gp} is still linked to {}", listed(&practices));
                    ruling.unless(registration.asked_all_the_same(&why));
                }
                (Some(OldPractice::At(practice)), Some(_)) if was_ambiguous => {
                    succeeds(
                        view,
                        registration,
                        &practice,
                        "the link was repaired",
                        ruling,
                    );
                }
                (_, _) => {}
            }
        },
    )
}

/// DIR-04.
fn missing_gp(view: &View, _: Profile) -> Assessment {
    judge(
        view,
        "every patient's GP is in the registry",
        |registration, ruling| {
            if let Some(OldPractice::UnknownGp(gp)) = registration.old_practice() {
                let why = format!("GP {gp} is at no practice of the registry");
                fails_clearly(view, registration, &why, Some(gp.as_str()), ruling);
            }
        },
    )
}

/// DIR-05.
fn pooled_list(view: &View, _: Profile) -> Assessment {
    judge(
        view,
        "no patient came from a practice whose list is pooled",
        |registration, ruling| {
            let Some(OldPractice::At(practice)) = registration.old_practice() else {
                return;
            };
            let was_pooled = view.header.registry.pooled_list(&practice).is_some();
            if registration.is_pooled(&practice) {
                let why = format!("the list of practice {practice} is pooled");
                fails_clearly(view, registration, &why, None, ruling);
            } else if was_pooled {
                let since = "the helpdesk has dealt with its pooled list";
                succeeds(view, registration, &practice, since, ruling);
            }
        },
    )
}

/// DIR-06, by what SDS told the system itself.
fn answers_of_sds(view: &View, _: Profile) -> Assessment {
    judge(
        view,
        "SDS found every practice once",
        |registration, ruling| {
            let Some(OldPractice::At(practice)) = registration.old_practice() else {
                return;
            };
            let last = registration.last(
                |asked| matches!(asked, Asked::Systems { practice: of, .. } if *of == practice),
            );
            let Some(call) = last else { return };
            let (why, code) = match &call.answer {
                Told::Entries(1) => return,
                Told::Entries(0) => (format!("SDS has no entry for {practice}"), None),
                Told::Entries(many) => {
                    (format!("SDS has {many} entries for {practice}"), Some("24"))
                }
                Told::Refused(status) => (format!("SDS answered {status}"), Some("20")),
                Told::Unreadable => ("the answer of SDS cannot be read".to_owned(), Some("20")),
                Told::Nothing => ("SDS gave no answer".to_owned(), Some("20")),
                Told::Patient { .. } | Told::Practice { .. } => return,
            };
            fails_clearly(view, registration, &why, code, ruling);
        },
    )
}

/// DIR-07, by what PDS told the system itself.
fn answers_of_pds(view: &View, _: Profile) -> Assessment {
    judge(
        view,
        "PDS took every registration at once",
        |registration, ruling| {
            let patient = registration.patient;
            let calls: Vec<_> = (registration.calls())
                .filter(|call| call.asked.is_of(patient))
                .collect();
            let hides = calls.iter().find(|call| {
                matches!(
                    call.answer,
                    Told::Patient {
                        is_sensitive: true,
                        ..
                    }
                )
            });
            if hides.is_some() {
                let why = "PDS hides where the patient is";
                return fails_clearly(view, registration, why, None, ruling);
            }
            let Some(refused) = calls.iter().find(|call| !is_good(&call.answer)) else {
                return;
            };
            let later = calls.iter().filter(|call| call.seq > refused.seq).count();
            let own = view.header.practices.as_ref().map(|it| &it.requesting);
            let was_taken = calls.iter().any(|call| match &call.answer {
                Told::Patient {
                    general_practitioner,
                    ..
                } => registration.is_own(general_practitioner, own),
                Told::Entries(_)
                | Told::Practice { .. }
                | Told::Refused(_)
                | Told::Unreadable
                | Told::Nothing => false,
            });
            let why = if let Told::Refused(status) = refused.answer {
                format!("PDS answered {status}")
            } else {
                "PDS gave no answer".to_owned()
            };
            match refused.answer {
                Told::Refused(409 | 412 | 429) | Told::Nothing => {
                    ruling.expect(later > 0, || {
                        Violation::new(
                            Some(refused.seq),
                            format!("another try for NHS number {patient} after {why}"),
                            "none".to_owned(),
                        )
                        .with([registration.seq])
                    });
                }
                Told::Refused(status) if status < 500 => {
                    ruling.expect(
                        !calls
                            .iter()
                            .any(|call| call.seq > refused.seq && call.asked == refused.asked),
                        || {
                            Violation::new(
                                Some(refused.seq),
                                format!("no other try after {why}, which nothing can mend"),
                                format!("{later} more"),
                            )
                            .with(
                                calls
                                    .iter()
                                    .filter(|call| call.seq > refused.seq)
                                    .map(|call| call.seq),
                            )
                        },
                    );
                }
                Told::Refused(_)
                | Told::Unreadable
                | Told::Entries(_)
                | Told::Patient { .. }
                | Told::Practice { .. } => {}
            }
            if !was_taken {
                fails_clearly(view, registration, &why, None, ruling);
            }
        },
    )
}

fn is_good(told: &Told) -> bool {
    matches!(told, Told::Patient { .. })
}

/// DIR-08.
fn nobody_to_ask(view: &View, _: Profile) -> Assessment {
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

/// No request, no record of any practice, and a failure that staff can see.
fn fails_clearly(
    view: &View,
    registration: &Registration<'_>,
    why: &str,
    names: Option<&str>,
    ruling: &mut Ruling,
) {
    if let Some(breach) = registration.asked_all_the_same(why) {
        return ruling.unless(Some(breach));
    }
    if !registration.is_last() {
        // What is said at the end is of the next try.
        ruling.kept();
    } else if is_silent(view) {
        ruling.open(format!(
            "no request was sent; whether the failure is recorded was not observed (that needs level L2): {why}"
        ));
    } else {
        ruling.unless(registration.unrecorded(why, names));
        ruling.note(why);
    }
}

/// A request goes to the practice, and an extract comes.
fn succeeds(
    view: &View,
    registration: &Registration<'_>,
    practice: &OdsCode,
    since: &str,
    ruling: &mut Ruling,
) {
    let due = format!(
        "a request for NHS number {} to practice {practice} since {since}",
        registration.patient
    );
    let request = registration.request();
    let destination = request.and_then(|post| Some(&post.seen()?.request()?.destination));
    let seen = match destination {
        Some(asked) if asked == practice => return ruling.kept(),
        Some(asked) => format!("a request to practice {asked}"),
        None => format!(
            "none; the system says `{}`",
            registration.told().unwrap_or("nothing")
        ),
    };
    let breach = Violation::new(
        Some(request.map_or(registration.seq, |post| post.seq)),
        due,
        seen,
    )
    .with(registration.calls().map(|call| call.seq));
    match request {
        Some(_) => ruling.unless(Some(breach)),
        None => ruling.absent(view, breach),
    }
}

fn listed(practices: &[OdsCode]) -> String {
    let names: Vec<_> = practices.iter().map(OdsCode::as_str).collect();
    names.join(" and ")
}

/// Until when an answer is worth waiting for (S36).
const ONE_DAY: std::time::Duration = std::time::Duration::from_hours(24);

fn is_over(view: &View, since: Time) -> bool {
    view.quiescent || view.ended_at.since(since) > ONE_DAY
}
