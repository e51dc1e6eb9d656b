//! What the people of the new practice are told without asking: that a record still waits for them.

use gp2gp_model::Time;
use gp2gp_model::alert::{Alert, Concern};

use super::Requesting;
use super::broken::Flaws;
use crate::alarms::Pace;
use crate::defect::RequestingDefect;
use crate::peer::{Notice, Output};

/// When it tells what is pending.
pub(super) fn pace(flaws: &Flaws) -> Pace {
    match () {
        () if flaws.has(RequestingDefect::ForgetsTheWorkList) => Pace::Never,
        () if flaws.has(RequestingDefect::HurriesPeople) => Pace::TooEarly,
        () => Pace::Due,
    }
}

impl Requesting {
    /// A record that nobody has decided on for a day, and for two (S79).
    pub(super) fn tell_pending(&mut self, now: Time) {
        while let Some((conversation, after)) = self.alarms.pop_due(now) {
            if let Some(transfer) = self.transfers.get(&conversation) {
                let alert = Alert {
                    patient: transfer.patient,
                    conversation,
                    about: Concern::NotFiled { after },
                };
                self.outputs.push_back(Output::Notice(Notice::Alert(alert)));
            }
        }
    }
}
