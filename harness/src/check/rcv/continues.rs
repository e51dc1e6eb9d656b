//! The Continue (RCV-15 to 19).

use gp2gp_model::plan::Role;
use gp2gp_model::plural::count;
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_model::{Hl7MessageId, Interaction, OdsCode};
use gp2gp_wire::hl7::Continue;

use super::request::unreadable;
use super::ruling::Ruling;
use super::timeout::is_over_on_arrival;
use super::transfer::{Attempt, Transfer, id_of, show_all, transfers};
use crate::check::view::{Post, Seen};
use crate::check::{View, violation};

/// A core that the system took on, and the Continues that it sent for it.
struct Taken<'v> {
    core: &'v Post,
    promises: usize,
    continues: Vec<&'v Post>,
    /// The core was refused without a Continue, so none was due.
    refused: bool,
}

/// Every core that the system took on. A copy of an open transfer is none of them (RCV-11). A
/// recording does not show what came when, so there only a lone core says something.
fn taken<'v>(view: &View, transfer: &Transfer<'v>) -> Vec<Taken<'v>> {
    if !view.has_real_times() && transfer.cores().count() != 1 {
        return Vec::new();
    }
    let attempts = transfer.attempts().into_iter();
    attempts
        .map(|attempt| Taken::new(transfer, &attempt))
        .collect()
}

impl<'v> Taken<'v> {
    fn new(transfer: &Transfer<'v>, attempt: &Attempt<'v>) -> Self {
        let continues: Vec<_> = attempt.continues(transfer).collect();
        let core = attempt.core;
        let acks = transfer.acks_of(core);
        let mut acks = acks.iter().filter(|ack| attempt.has(ack.post));
        let refused = acks.any(|ack| ack.ack.is_negative());
        Self {
            core,
            promises: core.seen().map_or(0, |seen| seen.promised().count()),
            refused: refused && continues.is_empty(),
            continues,
        }
    }
}

/// RCV-15.
pub(super) fn one_for_promises(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        let promising = taken(view, &transfer).into_iter();
        for taken in promising.filter(|taken| taken.promises > 0) {
            let expected = format!(
                "exactly one Continue for core {}, which promises {}",
                id_of(taken.core),
                count(taken.promises, "message")
            );
            match taken.continues.as_slice() {
                [_] => ruling.kept(),
                [_, second, ..] => ruling.unless(Some(violation(
                    second,
                    expected,
                    format!(
                        "{} Continues: {}",
                        taken.continues.len(),
                        show(&taken.continues)
                    ),
                ))),
                // Refused before anything was asked for, or not recorded: none was due.
                [] if taken.refused || !view.has_real_times() => {}
                [] => {
                    let acks = show_all(&transfer.acks_of(taken.core));
                    let seen = format!("no Continue; the core got {acks}");
                    ruling.absent(view, violation(taken.core, expected, seen));
                }
            }
        }
    }
    ruling.assess("no core with promised messages was taken")
}

/// RCV-16.
pub(super) fn none_without_promises(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        let whole = taken(view, &transfer).into_iter();
        for taken in whole.filter(|taken| taken.promises == 0) {
            ruling.unless(taken.continues.first().map(|post| {
                violation(
                    post,
                    format!(
                        "no Continue for core {}, which promises nothing",
                        id_of(taken.core)
                    ),
                    format!("Continue {}", id_of(post)),
                )
            }));
        }
    }
    ruling.assess("every core that came promises messages")
}

/// RCV-17.
pub(super) fn well_formed(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        let parties = Parties::of(view, &transfer);
        for post in &transfer.said {
            let Some(seen) = post.seen() else { continue };
            if let Some(message) = seen.continue_message() {
                let faults = faults(message, &parties);
                ruling.expect(faults.is_empty(), || {
                    let (expected, seen): (Vec<_>, Vec<_>) = faults.into_iter().unzip();
                    let seen = format!("{} in Continue {}", seen.join(", "), id_of(post));
                    violation(post, expected.join(", "), seen)
                });
            } else if seen.header.action == Interaction::Copc.id() {
                ruling.unless(Some(violation(
                    post,
                    "a COPC that reads as a Continue",
                    unreadable(seen),
                )));
            }
        }
    }
    ruling.assess("the system sent no Continue")
}

/// RCV-19.
pub(super) fn unsendable_means_20(view: &View, _: Profile) -> Assessment {
    if !view.has_real_times() {
        return Assessment::NotExercised("a recording does not show what Spine took");
    }
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        for attempt in transfer.attempts() {
            let continues: Vec<_> = attempt.continues(&transfer).collect();
            let Some(last) = continues.last().filter(|_| {
                let mut posts = continues.iter().flat_map(|post| attempts_at(view, post));
                !posts.any(|post| post.was_accepted())
            }) else {
                continue;
            };
            let core = attempt.core;
            let promises = transfer.promises(core);
            let is_whole = promises.iter().all(|promise| promise.came.is_some());
            // What came without being asked for need not be asked for again.
            if is_whole || is_over_on_arrival(view, core) {
                continue;
            }
            let posts = attempts_at(view, last).count();
            let expected = format!(
                "one refusal of core {} with 20: Spine took none of {posts} posts of Continue {}",
                id_of(core),
                id_of(last)
            );
            let answers = attempt.answers(&transfer);
            match answers.as_slice() {
                [] => ruling.absent(view, violation(last, expected, show_all(&answers))),
                [only] if only.code() == Some("20") => ruling.kept(),
                [first, ..] => {
                    let seen = show_all(&answers);
                    ruling.unless(Some(violation(first.post, expected, seen)));
                }
            }
        }
    }
    ruling.assess("Spine took every Continue")
}

/// Every post of a message, repeats included.
fn attempts_at<'v>(view: &'v View, message: &'v Post) -> impl Iterator<Item = &'v Post> {
    view.posted_by(Role::Requesting)
        .filter(move |post| post.is_same_message(message))
}

/// The two practices, where they are known.
struct Parties {
    requesting: Option<OdsCode>,
    sending: Option<OdsCode>,
}

impl Parties {
    /// What the messages say of themselves; a run knows better who plays.
    fn of(view: &View, transfer: &Transfer<'_>) -> Self {
        let planned = view.header.practices.as_ref();
        let request = transfer.requests().find_map(|post| post.seen()?.request());
        let extract = transfer.core().and_then(|core| core.seen()?.extract());
        Self {
            requesting: planned
                .map(|practices| &practices.requesting)
                .or(request.map(|request| &request.author))
                .cloned(),
            sending: extract
                .map(|extract| &extract.author)
                .or(planned.map(|practices| &practices.sending))
                .cloned(),
        }
    }
}

/// What is wrong with a Continue: (expected, seen).
fn faults(message: &Continue, parties: &Parties) -> Vec<(String, String)> {
    let fragment = &message.fragment;
    let mut faults = Vec::new();
    if !fragment.in_order {
        faults.push((
            "Version, Recipients, From, subject, message-id once each in this order".to_owned(),
            "another order".to_owned(),
        ));
    }
    let mut compare = |what: &str, due: &str, found: &str| {
        if due != found {
            faults.push((format!("{what} `{due}`"), format!("{what} `{found}`")));
        }
    };
    compare("Version", "01", &fragment.version);
    compare("inner acknowledgement", "AA", &message.ack_type);
    compare("inner detail", "IF", &message.detail_type);
    compare("inner code", "0", &message.detail_code);
    if let Some(requesting) = &parties.requesting {
        compare("From", &upper(requesting), &upper(&fragment.from));
    }
    if let Some(sending) = &parties.sending {
        let found: Vec<_> = fragment.recipients.iter().map(upper).collect();
        compare("Recipient", &upper(sending), &found.join(" "));
    }
    faults
}

fn upper(ods: &OdsCode) -> String {
    ods.as_str().to_ascii_uppercase()
}

/// RCV-18.
pub(super) fn names_the_core(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        let cores: Vec<&Seen> = transfer.cores().filter_map(Post::seen).collect();
        for post in transfer.continues() {
            let Some(message) = post.seen().and_then(Seen::continue_message) else {
                continue;
            };
            if cores.is_empty() && !view.has_real_times() {
                continue;
            }
            let references = [&message.message_ref]
                .into_iter()
                .chain(&message.acknowledged_message);
            let stranger = references
                .clone()
                .find(|reference| !cores.iter().any(|core| core.is_named_by(reference)));
            ruling.unless(stranger.map(|stranger| {
                let ids: Vec<_> = cores
                    .iter()
                    .map(|core| core.header.message_id.to_string())
                    .collect();
                violation(
                    post,
                    format!("a reference to the core ({})", ids.join(", ")),
                    format!("reference to {stranger} in Continue {}", id_of(post)),
                )
            }));
            for core in &cores {
                ruling.note(way(core, &message.message_ref));
            }
        }
    }
    ruling.assess("the system sent no Continue")
}

/// Which of its two ids a Continue names a core by.
fn way(core: &Seen, reference: &Hl7MessageId) -> &'static str {
    let ebxml = Hl7MessageId::from(&core.header.message_id) == *reference;
    match (core.hl7_id() == Some(reference), ebxml) {
        (true, true) => "names the core by an id that is both its HL7 and its ebXML id",
        (true, false) => "names the core by its HL7 id",
        (false, true) => "names the core by its ebXML id",
        (false, false) => "names another message",
    }
}

fn show(posts: &[&Post]) -> String {
    let ids: Vec<_> = posts.iter().take(4).map(|post| id_of(post)).collect();
    ids.join(", ")
}
