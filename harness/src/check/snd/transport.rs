//! What a sending system does when Spine does not take a message.

use std::time::Duration;

use gp2gp_model::Interaction;
use gp2gp_model::directory::Contract;
use gp2gp_model::plural::count;
use gp2gp_model::verdict::{Assessment, Profile};

use super::super::transfer::{Transfer, accepted_at, attempts, name, transfers};
use super::super::view::{Ending, Post, View};
use super::super::{Tally, violation};
use super::conversation::{is_resent, show};

const ALL_WENT_WELL: &str = "Spine took every message at the first attempt";

/// A message that Spine did not take at the first attempt.
struct Troubled<'v> {
    post: &'v Post,
    attempts: Vec<&'v Post>,
    contract: Option<&'v Contract>,
}

/// SND-63.
pub(super) fn retries(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        for message in troubled(view, &transfer) {
            message.is_retried(view, &mut tally);
            message.is_identical(&mut tally);
            message.keeps_distance(&mut tally);
        }
        ends_with_one_refusal(view, &transfer, &mut tally);
    }
    tally.assess(ALL_WENT_WELL)
}

/// SND-64.
pub(super) fn completes_after_outage(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let troubled = troubled(view, &transfer);
        for message in &troubled {
            let given_up_early = !message.arrived() && !message.is_spent() && view.quiescent;
            tally.expect(!given_up_early, || {
                violation(
                    message.post,
                    format!("{} posted until Spine takes it", name(message.post)),
                    format!("given up after {} posts", message.attempts.len()),
                )
                .with(message.attempts.iter().map(|it| it.seq))
            });
            let again = message.after_acceptance();
            tally.expect(again.is_none(), || {
                let post = again.unwrap_or(message.post);
                violation(
                    post,
                    format!("{} once, as Spine has it", name(post)),
                    "posted again",
                )
                .with(message.attempts.iter().map(|it| it.seq))
            });
        }
        let resent = transfer
            .request()
            .is_some_and(|request| is_resent(view, request.patient));
        if let Some(last) = transfer.cores.last().filter(|_| !troubled.is_empty()) {
            tally.expect(transfer.cores.len() == 1 || resent, || {
                let ids: Vec<_> = transfer.cores.iter().map(|core| name(core)).collect();
                violation(last, "one extract, whatever Spine did", ids.join(", "))
            });
        }
    }
    tally.assess(ALL_WENT_WELL)
}

fn troubled<'v>(view: &'v View, transfer: &Transfer<'v>) -> Vec<Troubled<'v>> {
    transfer
        .messages
        .iter()
        .filter(|post| post.ending.may_pass())
        .map(|post| Troubled {
            post,
            attempts: attempts(view, post).collect(),
            contract: contract(view, post),
        })
        .collect()
}

fn contract<'v>(view: &'v View, post: &Post) -> Option<&'v Contract> {
    let header = &post.seen()?.header;
    view.header
        .directory
        .contract(&header.to, Interaction::from_id(&header.action)?)
}

impl<'v> Troubled<'v> {
    fn arrived(&self) -> bool {
        self.attempts.iter().any(|post| post.was_accepted())
    }

    /// Every attempt that SDS allows was made, or the last one failed for good.
    fn is_spent(&self) -> bool {
        let allowed = self
            .contract
            .map_or(1, |contract| contract.retries as usize);
        self.attempts.len() > allowed
            || self
                .attempts
                .last()
                .is_some_and(|last| !last.ending.may_pass())
    }

    fn is_retried(&self, view: &View, tally: &mut Tally) {
        let retried = self.attempts.len() > 1;
        if retried || (view.quiescent && !self.is_spent()) {
            tally.expect(retried, || {
                violation(
                    self.post,
                    format!("{} posted again", name(self.post)),
                    "posted once, and Spine did not take it",
                )
            });
        }
    }

    /// The same envelope, Timestamp included, and the same content.
    fn is_identical(&self, tally: &mut Tally) {
        let Some(first) = self.post.seen() else {
            return;
        };
        for post in self.attempts.iter().skip(1) {
            let Some(again) = post.seen() else { continue };
            let differs = [
                ("header", first.header != again.header),
                ("payload", first.payload_sha256 != again.payload_sha256),
                ("attachments", sizes(first) != sizes(again)),
            ];
            let differs: Vec<_> = differs
                .into_iter()
                .filter(|(_, differs)| *differs)
                .map(|(what, _)| what)
                .collect();
            tally.expect(differs.is_empty(), || {
                violation(
                    post,
                    format!("{} as it was posted first", name(self.post)),
                    format!("another {}", differs.join(" and ")),
                )
                .with([self.post.seq])
            });
        }
    }

    /// After a fault, SDS says how often and how far apart.
    fn keeps_distance(&self, tally: &mut Tally) {
        const TOLERANCE: Duration = Duration::from_secs(1);
        let Some(contract) = self.contract else {
            return;
        };
        let faults = self
            .attempts
            .iter()
            .filter(|post| matches!(post.ending, Ending::Answered { status: 500.., .. }))
            .count();
        let allowed = contract.retries as usize + 1;
        tally.expect(faults <= allowed, || {
            violation(
                self.post,
                format!(
                    "{} posted {} at most",
                    name(self.post),
                    count(allowed, "time")
                ),
                format!("{faults} posts were answered with an error"),
            )
            .with(self.attempts.iter().map(|it| it.seq))
        });
        for (earlier, later) in self.attempts.iter().zip(self.attempts.iter().skip(1)) {
            let pause = later.at.since(earlier.at);
            if matches!(earlier.ending, Ending::Answered { .. }) {
                tally.expect(pause + TOLERANCE >= contract.retry_interval, || {
                    violation(
                        later,
                        format!("{} s between attempts", contract.retry_interval.as_secs()),
                        format!("{} posted again after {} s", name(later), pause.as_secs()),
                    )
                    .with([earlier.seq])
                });
            }
        }
    }

    fn after_acceptance(&self) -> Option<&'v Post> {
        self.attempts
            .iter()
            .skip_while(|post| !post.was_accepted())
            .nth(1)
            .copied()
    }
}

fn sizes(seen: &super::super::view::Seen) -> Vec<String> {
    seen.attachments
        .iter()
        .map(|attachment| format!("{attachment:?}"))
        .collect()
}

/// A core or fragment that Spine never took makes the transfer fail: the requester hears of it
/// once, unless its request was answered before.
fn ends_with_one_refusal(view: &View, transfer: &Transfer<'_>, tally: &mut Tally) {
    let lost = troubled(view, transfer).into_iter().find(|message| {
        let is_record = message
            .post
            .seen()
            .is_some_and(|seen| seen.acknowledgement().is_none());
        is_record && !message.arrived() && message.is_spent()
    });
    let Some(lost) = lost.filter(|_| view.quiescent && !transfer.requests.is_empty()) else {
        return;
    };
    let answers: Vec<_> = transfer.answers().collect();
    let was_answered = answers
        .iter()
        .any(|(post, ack)| !ack.is_negative() && post.seq < lost.post.seq);
    let refusals = answers.iter().filter(|(_, ack)| ack.is_negative()).count();
    let is_known_otherwise = !transfer.continues.is_empty()
        || !transfer.outcomes.is_empty()
        || accepted_at(view, lost.post).is_some();
    if !was_answered && !is_known_otherwise {
        tally.expect(refusals == 1, || {
            violation(
                lost.post,
                format!(
                    "one negative acknowledgement of the request, as Spine never took {}",
                    name(lost.post)
                ),
                show(&answers),
            )
        });
    }
}
