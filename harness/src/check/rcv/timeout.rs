//! Promised messages that do not come (RCV-38 to 40, RCV-42).

use std::time::Duration;

use gp2gp_model::plural::count;
use gp2gp_model::verdict::{Assessment, Profile, Violation};
use gp2gp_model::{Interaction, Time};

use super::ruling::Ruling;
use super::transfer::{Ack, Attempt, Transfer, id_of, show_all, transfers};
use crate::check::view::Post;
use crate::check::{View, violation};

/// A system need not look at its clock more often than this.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// The eb:Timestamp from which the time counts has whole seconds.
const ROUNDING: Duration = Duration::from_secs(1);

/// A time that is off by a larger part of the time for one message tells nothing of how many were counted.
const TELLING: u32 = 20;

/// A core of which something promised had not come when its time was over.
struct Incomplete<'v> {
    attempt: Attempt<'v>,
    core: &'v Post,
    /// Messages promised by the core itself, and in all.
    by_core: u32,
    promised: u32,
    missing: usize,
    answers: Vec<Ack<'v>>,
    /// `None`: SDS does not say how long messages may take.
    persist: Option<Persist>,
    /// Its time was over when it came.
    came_late: bool,
    /// What the time depends on: the core, the Continue, and every index that promised messages.
    counted: Vec<u64>,
}

/// Persist durations of the requesting practice.
#[derive(Clone, Copy)]
struct Persist {
    extract: Duration,
    copc: Duration,
}

/// Cores that were never complete, of transfers that nothing else ended: no fragment was refused,
/// and the Continue could be sent.
fn incomplete(view: &View) -> Vec<Incomplete<'_>> {
    transfers(view)
        .iter()
        .flat_map(|transfer| incomplete_in(view, transfer))
        .collect()
}

fn incomplete_in<'v>(view: &'v View, transfer: &Transfer<'v>) -> Vec<Incomplete<'v>> {
    let attempts = transfer.attempts().into_iter();
    attempts
        .filter(|_| view.has_real_times())
        .filter_map(|attempt| Incomplete::of(view, transfer, attempt))
        .collect()
}

/// Cores whose time was over, and the refusals that say so.
pub(super) fn timed_out<'v>(
    view: &'v View,
    transfer: &Transfer<'v>,
) -> Vec<(Attempt<'v>, Ack<'v>)> {
    let incomplete = incomplete_in(view, transfer).into_iter();
    incomplete
        .filter_map(|incomplete| {
            let timeout = *incomplete.timeout()?;
            Some((incomplete.attempt, timeout))
        })
        .collect()
}

impl<'v> Incomplete<'v> {
    fn of(view: &View, transfer: &Transfer<'v>, attempt: Attempt<'v>) -> Option<Self> {
        let core = attempt.core;
        let answers = attempt.answers(transfer);
        let end = answers.first().map_or(u64::MAX, |first| first.post.seq);
        let in_time = |came: &Post| came.seq < end;
        let mut promises = transfer.promises(core);
        // An index of a core that was refused before promises nothing of the next one.
        let begins = attempt.refused_before(transfer);
        promises.retain(|promise| promise.by.seq >= begins);
        let missing = promises
            .iter()
            .filter(|promise| !promise.came.is_some_and(in_time));
        let missing = missing.count();
        // What comes after the end is refused for that (RCV-41).
        let mut own = transfer
            .fragments()
            .filter(|fragment| attempt.has(fragment) && in_time(fragment));
        let is_refused = |fragment: &Post| {
            let acks = transfer.acks_of(fragment);
            acks.iter().any(|ack| ack.ack.is_negative())
        };
        let ended_otherwise = own.any(is_refused)
            || answers
                .iter()
                .any(|ack| matches!(ack.code(), Some("07" | "09" | "17" | "20" | "21" | "28")));
        if missing == 0 || ended_otherwise {
            return None;
        }
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let by_core = promises.iter().filter(|promise| !promise.by_index);
        let continues = attempt.continues(transfer).map(|post| post.seq);
        let by = promises.iter().map(|promise| promise.by.seq);
        let counted = [core.seq].into_iter().chain(continues).chain(by).collect();
        Some(Self {
            counted,
            core,
            by_core: count(by_core.count()),
            promised: count(promises.len()),
            missing,
            answers,
            persist: Persist::of(view, core),
            came_late: is_over_on_arrival(view, core),
            attempt,
        })
    }

    /// When time is over if so many messages are promised (LM04).
    fn deadline(&self, promised: u32) -> Option<Time> {
        self.persist?.deadline(self.core, promised)
    }

    /// The refusal that says that time is over.
    fn timeout(&self) -> Option<&Ack<'v>> {
        let mut answers = self.answers.iter();
        answers.find(|ack| matches!(ack.code(), Some("25" | "31")))
    }

    /// Whether the run went on until the time was over.
    fn is_over(&self, view: &View) -> bool {
        let deadline = self.deadline(self.promised);
        view.quiescent || deadline.is_some_and(|deadline| deadline + PATIENCE < view.ended_at)
    }
}

impl Persist {
    fn of(view: &View, core: &Post) -> Option<Self> {
        let seen = core.seen()?;
        let to = &seen.header.to;
        let extract = seen.extract()?.version.interaction();
        let directory = &view.header.directory;
        Some(Self {
            extract: directory.contract(to, extract)?.persist_duration,
            copc: directory.contract(to, Interaction::Copc)?.persist_duration,
        })
    }

    fn deadline(self, core: &Post, promised: u32) -> Option<Time> {
        let start = core.seen()?.header.timestamp;
        Some(start + self.extract + self.copc.saturating_mul(promised))
    }
}

/// RCV-38.
pub(super) fn counts_every_promise(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for incomplete in incomplete(view) {
        if let (Some(timeout), Some(due)) = (
            incomplete.timeout(),
            incomplete.deadline(incomplete.promised),
        ) {
            ruling.unless(wrong_time(&incomplete, timeout, due));
            ruling.note("counted from the ebXML Timestamp");
        }
    }
    ruling.assess("no transfer ran into its timeout with persist durations known")
}

/// RCV-39.
pub(super) fn counts_again_after_an_index(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    let incomplete = incomplete(view).into_iter();
    for incomplete in incomplete.filter(|incomplete| incomplete.promised > incomplete.by_core) {
        if let (Some(timeout), Some(due)) = (
            incomplete.timeout(),
            incomplete.deadline(incomplete.promised),
        ) {
            ruling.unless(wrong_time(&incomplete, timeout, due));
        }
    }
    ruling.assess("no transfer ran into its timeout after an index had promised more messages")
}

/// Whether the time of a core was over when it came, by what it promises itself: the rest need not be waited for.
pub(super) fn is_over_on_arrival(view: &View, core: &Post) -> bool {
    let promised = core.seen().map_or(0, |seen| seen.promised().count());
    let promised = u32::try_from(promised).unwrap_or(u32::MAX);
    let deadline = Persist::of(view, core).and_then(|persist| persist.deadline(core, promised));
    deadline.is_some_and(|deadline| deadline < core.at)
}

fn wrong_time(incomplete: &Incomplete<'_>, timeout: &Ack<'_>, due: Time) -> Option<Violation> {
    let at = timeout.post.at;
    let latest = due.max(incomplete.core.at);
    let is_early = !incomplete.came_late && at + ROUNDING < due;
    let off = match (is_early, at > latest + PATIENCE) {
        (false, false) => return None,
        (true, _) => format!("{} too early", spoken(due.since(at))),
        (false, true) => format!("{} too late", spoken(at.since(latest))),
    };
    let hint = incomplete.as_if_promised(at);
    let seen = format!("{}, {off}{}", timeout.show(), hint.unwrap_or_default());
    let expected = incomplete.arithmetic(due)?;
    Some(violation(timeout.post, expected, seen).with(incomplete.counted.iter().copied()))
}

impl Incomplete<'_> {
    /// How the time at which it is due comes about.
    fn arithmetic(&self, due: Time) -> Option<String> {
        let persist = self.persist?;
        let start = self.core.seen()?.header.timestamp;
        let by_index = self.promised - self.by_core;
        let whose = match by_index {
            0 => String::new(),
            _ => format!(
                " ({} by the core itself, and {by_index} more by what an index announced)",
                self.by_core
            ),
        };
        let late = match self.came_late {
            true => ". That was over when the core came, so the refusal is due at once",
            false => "",
        };
        Some(format!(
            "core {} is refused at {due}. The time counts from the ebXML Timestamp of the core, {start}. It is the persist duration of the extract, {}, plus {} the persist duration of a fragment, {}: one for each promised message{whose}{late}",
            id_of(self.core),
            spoken(persist.extract),
            count(self.promised, "time"),
            spoken(persist.copc),
        ))
    }

    /// Whether a wrong time is the right one of another number of messages.
    fn as_if_promised(&self, at: Time) -> Option<String> {
        let persist = self.persist?;
        let for_messages = (at + ROUNDING).since(self.deadline(0)?);
        let messages = for_messages
            .as_micros()
            .checked_div(persist.copc.as_micros())?;
        let messages = u32::try_from(messages).ok()?;
        let off = at.since(self.deadline(messages)?);
        let is_just_then =
            off <= PATIENCE.min(persist.copc / TELLING) && at + ROUNDING >= self.deadline(0)?;
        if !is_just_then || messages == self.promised {
            return None;
        }
        let told = match (messages == self.by_core, self.promised - self.by_core) {
            (true, by_index @ 1..) => format!(
                "the {} that the core itself promises, without the {by_index} that an index announced",
                count(messages, "message")
            ),
            (true | false, _) => count(messages, "promised message"),
        };
        Some(format!(". That is the time computed for {told}"))
    }
}

/// A length of time for people: to the minute, or to the second if it is short.
fn spoken(long: Duration) -> String {
    let seconds = long.as_secs();
    if seconds < 120 {
        return format!("{seconds}s");
    }
    let minutes = (seconds + 30) / 60;
    let parts = [
        (minutes / 1_440, "d"),
        (minutes / 60 % 24, "h"),
        (minutes % 60, "m"),
    ];
    let told = parts.iter().filter(|(number, _)| *number > 0);
    let told: Vec<String> = told
        .map(|(number, unit)| format!("{number}{unit}"))
        .collect();
    told.join(" ")
}

/// RCV-40.
pub(super) fn rejects_with_31(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for incomplete in incomplete(view) {
        let expected = format!(
            "one refusal of core {} with 31 (25 tolerated), {} of {} promised messages missing",
            id_of(incomplete.core),
            incomplete.missing,
            incomplete.promised
        );
        let refusals = incomplete
            .answers
            .iter()
            .filter(|ack| ack.ack.is_negative());
        let refusals: Vec<_> = refusals.copied().collect();
        match refusals.as_slice() {
            [] if incomplete.is_over(view) => {
                let seen = show_all(&incomplete.answers);
                ruling.unless(Some(violation(incomplete.core, expected, seen)));
            }
            // Its time was not over when the run ended.
            [] => {}
            [only] if matches!(only.code(), Some("25" | "31")) => {
                ruling.kept();
                ruling.note(format!(
                    "{} on the core at timeout",
                    only.code().unwrap_or_default()
                ));
            }
            [first, ..] => {
                let seen = show_all(&refusals);
                ruling.unless(Some(violation(first.post, expected, seen)));
            }
        }
    }
    ruling.assess("no transfer waited for a promised message until its time was over")
}

/// RCV-42.
pub(super) fn incomplete_is_never_filed(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for incomplete in incomplete(view) {
        let expected = format!(
            "core {} refused with 31 and never accepted: {} of {} promised messages never came",
            id_of(incomplete.core),
            incomplete.missing,
            incomplete.promised
        );
        let filed = incomplete.answers.iter().find(|ack| ack.is_success());
        match (filed, incomplete.timeout()) {
            (Some(filed), _) => {
                ruling.unless(Some(violation(filed.post, expected, filed.show())));
            }
            (None, Some(_)) => ruling.kept(),
            (None, None) if incomplete.is_over(view) => {
                let seen = show_all(&incomplete.answers);
                ruling.unless(Some(violation(incomplete.core, expected, seen)));
            }
            (None, None) => {}
        }
    }
    ruling.assess("every promised message came, or there was still time for it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_the_units_that_matter() {
        let told = |seconds| spoken(Duration::from_secs(seconds));
        assert_eq!(told(90), "90s");
        assert_eq!(told(4 * 3_600 + 600), "4h 10m");
        assert_eq!(told(21 * 3_600 - 1), "21h");
        assert_eq!(told(86_400), "1d");
    }
}
