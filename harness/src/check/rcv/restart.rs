//! A restart in the middle of a transfer (RCV-57).

use gp2gp_model::Time;
use gp2gp_model::trace::{Endpoint, Lifecycle};
use gp2gp_model::verdict::{Assessment, Profile, Violation};

use super::malformed::came_whole;
use super::ruling::Ruling;
use super::transfer::{Attempt, Transfer, id_of, transfers};
use crate::check::{View, violation};

/// A time during which the system was down.
struct Outage {
    crashed: u64,
    restarted: u64,
    at: Time,
}

/// RCV-57.
pub(super) fn carries_on(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        for attempt in transfer.attempts() {
            for outage in outages(view) {
                let is_asked = |seq| transfer.requests().any(|request| request.seq < seq);
                let has_come = attempt.core.seq < outage.crashed;
                let is_over = attempt
                    .answers(&transfer)
                    .iter()
                    .any(|ack| ack.post.seq < outage.crashed);
                if has_come && !is_over {
                    outage.judge_open(view, &transfer, &attempt, &mut ruling);
                } else if !has_come && is_asked(outage.crashed) {
                    outage.judge_awaited(&transfer, &attempt, &mut ruling);
                }
            }
        }
    }
    ruling.assess("the system was not restarted in the middle of a transfer")
}

fn outages(view: &View) -> Vec<Outage> {
    let own = view
        .lifecycle
        .iter()
        .filter(|lived| lived.system == Endpoint::Requesting);
    let mut crashed = None;
    let mut outages = Vec::new();
    for lived in own {
        match lived.change {
            Lifecycle::Crashed => crashed = Some(lived.seq),
            Lifecycle::Restarted => outages.extend(crashed.take().map(|crashed| Outage {
                crashed,
                restarted: lived.seq,
                at: lived.at,
            })),
            Lifecycle::DiskFull | Lifecycle::DiskFree | Lifecycle::ClockJumped { .. } => {}
        }
    }
    outages
}

impl Outage {
    /// The core was here: the transfer goes on, and nothing is asked for a second time.
    fn judge_open(
        &self,
        view: &View,
        transfer: &Transfer<'_>,
        attempt: &Attempt<'_>,
        ruling: &mut Ruling,
    ) {
        let core = attempt.core;
        let expected = format!(
            "the transfer of core {} carried on after the restart at {}, without a second Continue",
            id_of(core),
            self.at
        );
        let continues: Vec<_> = attempt.continues(transfer).collect();
        let again = continues
            .iter()
            .find(|post| post.seq > self.restarted)
            .filter(|_| continues.iter().any(|post| post.seq < self.crashed));
        let answers = attempt.answers(transfer);
        let given_up = answers
            .iter()
            .find(|ack| matches!(ack.code(), Some("25" | "29" | "30" | "31")))
            .filter(|_| came_whole(view, transfer));
        let goes_on = transfer
            .said
            .iter()
            .any(|post| post.seq > self.restarted && attempt.has(post));
        match (again, given_up) {
            (Some(again), _) => {
                let seen = format!("Continue {}, the second one", id_of(again));
                let outage = [self.crashed, self.restarted];
                ruling.unless(Some(violation(again, expected, seen).with(outage)));
            }
            (None, Some(refusal)) => {
                let seen = format!("{}, though everything came", refusal.show());
                let outage = [self.crashed, self.restarted];
                ruling.unless(Some(violation(refusal.post, expected, seen).with(outage)));
            }
            (None, None) if goes_on => ruling.kept(),
            (None, None) => ruling.absent(
                view,
                Violation::new(
                    Some(self.restarted),
                    expected,
                    "no message of this transfer after the restart".to_owned(),
                )
                .with([core.seq, self.crashed]),
            ),
        }
    }

    /// The core came after the restart: its request is still known.
    fn judge_awaited(&self, transfer: &Transfer<'_>, attempt: &Attempt<'_>, ruling: &mut Ruling) {
        let acks = transfer.acks_of(attempt.core);
        let forgotten = acks.iter().find(|ack| ack.code() == Some("09"));
        ruling.unless(forgotten.map(|refusal| {
            let expected = format!(
                "core {} taken: it was asked for before the restart at {}",
                id_of(attempt.core),
                self.at
            );
            violation(refusal.post, expected, refusal.show()).with([self.crashed, self.restarted])
        }));
    }
}
