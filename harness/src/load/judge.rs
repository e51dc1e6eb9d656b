//! Laps are judged on a thread of their own while the next one runs, so that what does not conform is known
//! during a soak, and not after it.
//!
//! The thread has a low priority: it takes what system and harness leave. At most one lap is being
//! judged while another runs, so that two are in memory.

use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::Scope;

use gp2gp_model::bench::Drive;
use gp2gp_model::requirement::Requirement;
use gp2gp_model::verdict::Profile as Against;

use super::lap::{Lap, Played};
use super::{LoadError, Side};

/// A lap with its place in a bench.
pub(super) struct Placed<L> {
    pub(super) side: Side,
    pub(super) drive: Drive,
    pub(super) round: usize,
    pub(super) lap: L,
}

/// Who judges.
pub(super) struct Judge {
    played: SyncSender<Placed<Played>>,
    judged: Receiver<Placed<Lap>>,
    /// Laps that were handed over and did not come back yet.
    at_work: usize,
}

impl Judge {
    /// Begins with nothing to do, and ends when it is dropped.
    pub(super) fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        catalogue: &'scope [Requirement],
        against: Against,
    ) -> Self {
        let (played, to_judge) = sync_channel::<Placed<Played>>(0);
        let (done, judged) = channel();
        scope.spawn(move || {
            yield_to_others();
            for Placed {
                side,
                drive,
                round,
                lap,
            } in to_judge
            {
                let lap = lap.judged(catalogue, against);
                let placed = Placed {
                    side,
                    drive,
                    round,
                    lap,
                };
                if done.send(placed).is_err() {
                    return;
                }
            }
        });
        Self {
            played,
            judged,
            at_work: 0,
        }
    }

    /// Takes a lap; waits while it judges the one before.
    pub(super) fn take(&mut self, placed: Placed<Played>) -> Result<(), LoadError> {
        self.played.send(placed).map_err(|_| LoadError::JudgeGone)?;
        self.at_work += 1;
        Ok(())
    }

    /// What is judged by now, in the order in which it was taken.
    pub(super) fn ready(&mut self) -> Vec<Placed<Lap>> {
        let ready: Vec<_> = self.judged.try_iter().collect();
        self.at_work -= ready.len();
        ready
    }

    /// Waits until everything is judged.
    pub(super) fn all(&mut self) -> Result<Vec<Placed<Lap>>, LoadError> {
        let rest = std::mem::take(&mut self.at_work);
        let judged = (0..rest).map(|_| self.judged.recv());
        judged
            .collect::<Result<_, _>>()
            .map_err(|_| LoadError::JudgeGone)
    }
}

/// How nice the judge is: a tenth of the share of whoever wants the same processor. At 19 it would get nothing
/// at all on a machine that has other work, and the bench would wait for it.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// A low priority for this thread, where threads have one of their own.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    // Without it the judge is only less polite.
    let _ = rustix::process::setpriority_process(None, NICE);
}
