//! What waits for an answer or for people, and when somebody is told that it still does (S42, S79).

use std::collections::BTreeSet;
use std::time::Duration;

use gp2gp_model::alert::PENDING;
use gp2gp_model::{ConversationId, Time};

use crate::peer::Deadline;

/// When a system tells people what is pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As it should.
    Due,
    /// Broken: at half the time.
    TooEarly,
    /// Broken: not at all.
    Never,
}

/// Transfers that are waited for.
#[derive(Debug)]
pub(crate) struct Alarms {
    pace: Pace,
    due: BTreeSet<(Time, ConversationId, Duration)>,
}

impl Alarms {
    pub(crate) const fn new(pace: Pace) -> Self {
        Self {
            pace,
            due: BTreeSet::new(),
        }
    }

    /// This transfer waits since then, or no longer.
    pub(crate) fn watch(&mut self, conversation: &ConversationId, since: Option<Time>) {
        self.due.retain(|(_, other, _)| other != conversation);
        let divisor = match self.pace {
            Pace::Due => 1,
            Pace::TooEarly => 2,
            Pace::Never => return,
        };
        for after in since.into_iter().flat_map(|_| PENDING) {
            let at = since.map(|since| since + after / divisor);
            let entry = |at| (at, conversation.clone(), after);
            self.due.extend(at.map(entry));
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Deadline> {
        self.due.first().map(|(at, ..)| Deadline {
            at: *at,
            why: "people are told what is pending",
        })
    }

    /// A transfer that has waited for so long by now.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<(ConversationId, Duration)> {
        let is_due = self.due.first().is_some_and(|(at, ..)| *at <= now);
        let (_, conversation, after) = is_due.then(|| self.due.pop_first()).flatten()?;
        Some((conversation, after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::from_micros(1_767_603_600_000_000);
    const HOUR: Duration = Duration::from_hours(1);

    fn watching(pace: Pace) -> (Alarms, ConversationId) {
        let conversation = ConversationId::parse("0BADC0DE-0000-4000-8000-000000000001").unwrap();
        let mut alarms = Alarms::new(pace);
        alarms.watch(&conversation, Some(START));
        (alarms, conversation)
    }

    #[test]
    fn people_are_told_after_a_day_and_after_two() {
        let (mut alarms, conversation) = watching(Pace::Due);
        assert_eq!(alarms.pop_due(START + HOUR * 23), None);
        let told = alarms.pop_due(START + HOUR * 24);
        assert_eq!(told, Some((conversation.clone(), HOUR * 24)));
        assert_eq!(alarms.pop_due(START + HOUR * 47), None);
        assert_eq!(
            alarms.pop_due(START + HOUR * 48),
            Some((conversation, HOUR * 48))
        );
        assert_eq!(alarms.poll_timeout(), None);
    }

    #[test]
    fn nobody_is_told_of_what_no_longer_waits() {
        let (mut alarms, conversation) = watching(Pace::Due);
        alarms.watch(&conversation, None);
        assert_eq!(alarms.poll_timeout(), None);
    }

    #[test]
    fn broken_alarms_are_early_or_silent() {
        let (mut early, _) = watching(Pace::TooEarly);
        assert!(early.pop_due(START + HOUR * 12).is_some());
        assert_eq!(watching(Pace::Never).0.poll_timeout(), None);
    }
}
