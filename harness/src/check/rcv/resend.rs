//! An extract that is sent again after it was refused (RCV-14).

use gp2gp_model::verdict::{Assessment, Profile};

use super::malformed::is_damaged_core;
use super::ruling::Ruling;
use super::storage::filed_content_of;
use super::transfer::{Attempt, Transfer, id_of, show_all, transfers};
use crate::check::{View, violation};

/// RCV-14.
pub(super) fn taken_like_the_first(view: &View, _: Profile) -> Assessment {
    if !view.has_real_times() {
        return Assessment::NotExercised("a recording does not show what came after a refusal");
    }
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        for again in transfer.attempts().iter().skip(1) {
            // What is damaged is refused for that (RCV-09).
            if !is_damaged_core(view, again.core) {
                judge(view, &transfer, again, &mut ruling);
            }
        }
    }
    ruling.assess("no extract was sent again after a refusal")
}

fn judge(view: &View, transfer: &Transfer<'_>, again: &Attempt<'_>, ruling: &mut Ruling) {
    let core = again.core;
    let expected = format!(
        "core {}, sent again after a refusal, taken like the first and answered once for itself",
        id_of(core)
    );
    let acks: Vec<_> = transfer
        .acks_of(core)
        .into_iter()
        .filter(|ack| again.has(ack.post))
        .collect();
    let is_turned_away = |code: Option<&str>| matches!(code, Some("09" | "12"));
    match acks.as_slice() {
        [only] if !is_turned_away(only.code()) => {
            ruling.kept();
            ruling.note(format!("answered with {}", only.word()));
        }
        [] if again.decision(transfer).is_some() => {
            ruling.absent(view, violation(core, expected, "no answer"));
        }
        [] if again.continues(transfer).next().is_some()
            || filed_content_of(view, transfer, core).is_some() =>
        {
            ruling.kept();
            ruling.note("taken, and not decided upon");
        }
        [] => ruling.absent(
            view,
            violation(core, expected, "no Continue, nobody was asked, no answer"),
        ),
        [first, ..] => {
            ruling.unless(Some(violation(first.post, expected, show_all(&acks))));
        }
    }
}
