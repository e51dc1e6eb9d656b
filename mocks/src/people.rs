//! The people of the requesting practice: they look at what waits for them, take their time, and
//! decide, or forget.

use std::collections::BTreeMap;

use gp2gp_model::plan::{Act, Decision, Habit, PatientPlan};
use gp2gp_model::{NhsNumber, Time};

use crate::peer::{Deadline, Notice};

/// People with a habit for each patient.
#[derive(Debug, Clone, Default)]
pub struct People {
    habits: BTreeMap<NhsNumber, Habit>,
    /// In order of (time, number), so that equal times keep the order of the notices.
    due: BTreeMap<(Time, u64), (NhsNumber, Decision)>,
    noticed: u64,
}

impl People {
    /// People who treat each patient's record as planned.
    pub fn new(patients: &[PatientPlan]) -> Self {
        let habits = patients.iter().map(|plan| (plan.nhs_number, plan.habit));
        Self {
            habits: habits.collect(),
            ..Self::default()
        }
    }

    /// Shows people a screen of the requesting system.
    pub fn notice(&mut self, now: Time, notice: &Notice) {
        match notice {
            Notice::ReadyToIntegrate { patient } => self.look_at(now, *patient),
            Notice::Alert(_) | Notice::NotSupported(_) | Notice::Declined { .. } => {}
        }
    }

    /// When they next decide something.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        self.due.keys().next().map(|(at, _)| Deadline {
            at: *at,
            why: "people decide on a record",
        })
    }

    /// What they do, to the requesting system, by now.
    pub fn handle_timeout(&mut self, now: Time) -> Vec<Act> {
        let mut acts = Vec::new();
        while let Some(entry) = self.due.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let (patient, decision) = entry.remove();
            acts.push(Act::Decide { patient, decision });
        }
        acts
    }

    fn look_at(&mut self, now: Time, patient: NhsNumber) {
        let Some(habit) = self.habits.get(&patient) else {
            return;
        };
        if let Some(decision) = habit.decision {
            self.noticed += 1;
            self.due
                .insert((now + habit.after, self.noticed), (patient, decision));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Time = Time::from_micros(1_767_603_600_000_000);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn people(decision: Option<Decision>) -> (People, NhsNumber) {
        let patient = NhsNumber::synthetic(1).unwrap();
        let habit = Habit {
            decision,
            after: HOUR,
        };
        let mut people = People::default();
        people.habits.insert(patient, habit);
        people.notice(START, &Notice::ReadyToIntegrate { patient });
        (people, patient)
    }

    #[test]
    fn people_decide_after_their_time_and_once() {
        let (mut people, patient) = people(Some(Decision::Suppress));
        assert_eq!(people.poll_timeout().map(|due| due.at), Some(START + HOUR));
        assert_eq!(people.handle_timeout(START), []);
        let decision = Decision::Suppress;
        let act = Act::Decide { patient, decision };
        assert_eq!(people.handle_timeout(START + HOUR), [act]);
        assert_eq!(people.poll_timeout(), None);
    }

    #[test]
    fn forgetful_people_never_decide() {
        let (people, _) = people(None);
        assert_eq!(people.poll_timeout(), None);
    }
}
