//! What the people of the old practice are told without asking: that an acknowledgement is overdue, and
//! that a record was somebody else's.

use gp2gp_model::alert::{Alert, Concern};
use gp2gp_model::{ConversationId, Time};

use super::{Case, Sending};
use crate::alarms::Pace;
use crate::defect::SendingDefect;
use crate::peer::{Notice, Output};

/// When it tells what is pending.
pub(super) fn pace(defects: &[SendingDefect]) -> Pace {
    match () {
        () if defects.contains(&SendingDefect::NeverAlerts) => Pace::Never,
        () if defects.contains(&SendingDefect::AlertsTooEarly) => Pace::TooEarly,
        () => Pace::Due,
    }
}

impl Sending {
    /// No final acknowledgement for a day, and for two (S42).
    pub(super) fn tell_pending(&mut self, now: Time) {
        while let Some((conversation, after)) = self.alarms.pop_due(now) {
            self.tell(&conversation, Concern::NotAcknowledged { after });
        }
    }

    /// Something has changed in a transfer that was waited for since then.
    pub(super) fn see_to_alerts(
        &mut self,
        now: Time,
        conversation: &ConversationId,
        old_wait: Option<Time>,
    ) {
        if let Some(Case::Open(transfer)) = self.cases.get(conversation)
            && transfer.waiting_since() != old_wait
        {
            (self.alarms).watch(conversation, transfer.waiting_since());
        }
        self.tell_incident(now, conversation);
    }

    /// The new practice turned a record away as another patient's: people have to find out whose it is.
    /// Nothing is sent again by itself.
    fn tell_incident(&mut self, now: Time, conversation: &ConversationId) {
        let Some(Case::Open(transfer)) = self.cases.get_mut(conversation) else {
            return;
        };
        let Some(code) = transfer.take_incident() else {
            return;
        };
        if !self.has(SendingDefect::IncidentUnseen) {
            self.tell(conversation, Concern::WrongPatient { code });
        }
        if self.has(SendingDefect::InsistsOnThePatient) {
            self.change(now, conversation, |transfer, office| {
                if transfer.was_sent_once() {
                    transfer.repeat_core(now, office);
                }
            });
        }
    }

    fn tell(&mut self, conversation: &ConversationId, about: Concern) {
        if let Some(Case::Open(transfer)) = self.cases.get(conversation) {
            let alert = Alert {
                patient: transfer.patient,
                conversation: conversation.clone(),
                about,
            };
            self.outputs.push_back(Output::Notice(Notice::Alert(alert)));
        }
    }
}
