//! What people decide, and what the sending system is told of it (RCV-43 to 46).

use gp2gp_model::plan::Decision;
use gp2gp_model::verdict::{Assessment, Profile, Violation};

use super::ruling::Ruling;
use super::transfer::{Ack, Attempt, Transfer, id_of, show_all, transfers};
use crate::check::view::{Post, Seen};
use crate::check::{View, violation};

/// RCV-43.
pub(super) fn one_proof_after_integration(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        for attempt in transfer.attempts() {
            judge_proofs(view, &transfer, &attempt, &mut ruling);
        }
    }
    ruling.assess("nobody decided to integrate a record, and no core was accepted")
}

fn judge_proofs(view: &View, transfer: &Transfer<'_>, attempt: &Attempt<'_>, ruling: &mut Ruling) {
    let core_id = id_of(attempt.core);
    let mut proofs = transfer.proofs();
    proofs.retain(|proof| attempt.has(proof.post));
    if let [_, second, ..] = proofs.as_slice() {
        ruling.unless(Some(violation(
            second.post,
            format!("exactly one AA of core {core_id}"),
            format!("{}: {}", proofs.len(), show_all(&proofs)),
        )));
    }
    if view.has_real_times() {
        for proof in &proofs {
            ruling.unless(too_early(transfer, attempt, proof));
        }
    } else if !proofs.is_empty() {
        ruling.kept();
        ruling.note("a recording does not show when the record was integrated");
    }
    let decision = attempt.decision(transfer);
    let is_due = proofs.is_empty()
        && !transfer.files_as_attachment()
        && !is_strange_and_refused(transfer, attempt);
    if let (true, Some((acted, Decision::Integrate))) = (is_due, decision) {
        let answers = show_all(&attempt.answers(transfer));
        let violation = Violation::new(
            Some(acted.seq),
            format!(
                "one AA of core {core_id} after the people decided at {} to integrate it",
                acted.at
            ),
            format!("no AA; {answers} for the core"),
        );
        ruling.absent(view, violation);
    }
}

/// A core that nobody asked for, or of another patient, was refused before people could decide on it (RCV-10, RCV-52).
fn is_strange_and_refused(transfer: &Transfer<'_>, attempt: &Attempt<'_>) -> bool {
    let extract = attempt.core.seen().and_then(Seen::extract);
    let is_asked_for = transfer.requests().next().is_some()
        && extract.is_some_and(|extract| Some(extract.patient) == transfer.patient);
    let decided = attempt
        .decision(transfer)
        .map_or(u64::MAX, |(acted, _)| acted.seq);
    let mut answers = attempt.answers(transfer).into_iter();
    !is_asked_for && answers.any(|ack| ack.ack.is_negative() && ack.post.seq < decided)
}

/// What speaks against an AA: people had not decided, or something promised had not come.
fn too_early(transfer: &Transfer<'_>, attempt: &Attempt<'_>, proof: &Ack<'_>) -> Option<Violation> {
    let core_id = id_of(attempt.core);
    let decision = attempt.decision(transfer);
    let before = match decision {
        Some((acted, Decision::Integrate)) if acted.seq < proof.post.seq => None,
        Some((acted, decision)) => Some(format!("they decided {decision:?} at {}", acted.at)),
        None => Some("they never decided".to_owned()),
    };
    if let Some(decided) = before {
        return Some(
            violation(
                proof.post,
                format!("no AA of core {core_id} before the people decide to integrate it"),
                format!("{} before any such decision; {decided}", proof.show()),
            )
            .with(decision.map(|(acted, _)| acted.seq)),
        );
    }
    let promises = transfer.promises(attempt.core);
    let has_come = |post: &Post| post.seq < proof.post.seq;
    let missing: Vec<_> = promises
        .iter()
        .filter(|promise| !promise.came.is_some_and(has_come))
        .collect();
    let first = missing.first()?;
    Some(violation(
        proof.post,
        format!(
            "no AA of core {core_id} before all {} promised messages came",
            promises.len()
        ),
        format!(
            "{}; {} had not come, the first of them {}",
            proof.show(),
            missing.len(),
            first.id
        ),
    ))
}

/// RCV-44.
pub(super) fn failed_integration(view: &View, _: Profile) -> Assessment {
    let due = Due {
        decision: Decision::FailToIntegrate,
        codes: |_| &["11", "21"],
        recorded: &["11"],
    };
    due.assess(view, "no record was accepted that could not be filed")
}

/// RCV-45.
pub(super) fn suppressed(view: &View, _: Profile) -> Assessment {
    let due = Due {
        decision: Decision::Suppress,
        codes: |transfer| match transfer.files_as_attachment() {
            true => &["26"],
            false => &["15"],
        },
        recorded: &["15", "26"],
    };
    due.assess(view, "no record was stored as suppressed")
}

/// RCV-46.
pub(super) fn rejected(view: &View, _: Profile) -> Assessment {
    let due = Due {
        decision: Decision::Reject,
        codes: |transfer| match transfer.is_returning() {
            true => &["17"],
            false => &["28"],
        },
        recorded: &["17", "28"],
    };
    due.assess(view, "nobody rejected a record")
}

/// What the sending system must be told after a decision.
struct Due {
    decision: Decision,
    codes: fn(&Transfer<'_>) -> &'static [&'static str],
    /// Codes that show the decision where it is not recorded.
    recorded: &'static [&'static str],
}

impl Due {
    fn assess(&self, view: &View, unexercised: &'static str) -> Assessment {
        let mut ruling = Ruling::default();
        for transfer in transfers(view) {
            if !view.has_real_times() {
                self.judge_recorded(&transfer, &mut ruling);
                continue;
            }
            for attempt in transfer.attempts() {
                self.judge(view, &transfer, &attempt, &mut ruling);
            }
        }
        ruling.assess(unexercised)
    }

    fn judge(
        &self,
        view: &View,
        transfer: &Transfer<'_>,
        attempt: &Attempt<'_>,
        ruling: &mut Ruling,
    ) {
        let core = attempt.core;
        let Some((acted, decision)) = attempt.decision(transfer) else {
            return;
        };
        if decision != self.decision || is_strange_and_refused(transfer, attempt) {
            return;
        }
        let codes = (self.codes)(transfer);
        let answers = attempt.answers(transfer);
        let expected = format!(
            "one refusal of core {} with {} and no AA, after the people decided {decision:?} at {}",
            id_of(core),
            codes.join(" or "),
            acted.at
        );
        match answers.as_slice() {
            [] => ruling.absent(view, violation(core, expected, "no answer")),
            [only] if only.code().is_some_and(|code| codes.contains(&code)) => {
                ruling.kept();
                ruling.note(format!("answered with {}", only.code().unwrap_or_default()));
            }
            [first, ..] => {
                let wrong = answers.iter().find(|ack| !ack.ack.is_negative());
                let post = wrong.unwrap_or(first).post;
                ruling.unless(Some(violation(post, expected, show_all(&answers))));
            }
        }
    }

    /// A code that tells of the decision, and an AA beside it, contradict each other.
    fn judge_recorded(&self, transfer: &Transfer<'_>, ruling: &mut Ruling) {
        let answers = transfer.answers();
        let told = answers
            .iter()
            .find(|ack| ack.code().is_some_and(|code| self.recorded.contains(&code)));
        let Some(told) = told else { return };
        let proof = answers.iter().find(|ack| !ack.ack.is_negative());
        ruling.unless(proof.map(|proof| {
            let expected = format!("no AA of a core that was refused: {}", told.show());
            violation(proof.post, expected, proof.show())
        }));
        ruling.note("a recording does not show what people decided");
    }
}
