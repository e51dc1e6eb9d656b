//! What a hub counts, from the state that it keeps anyway.

use std::collections::BTreeMap;

use gp2gp_model::OdsCode;
use gp2gp_model::federation::{Indicator, Kpi};
use gp2gp_wire::federation::hub::{Report, Value};

use super::appointments::Appointments;
use super::write_back::WriteBack;

/// What is counted beside bookings and consultations.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// Records that were shown, by the practice that keeps them.
    pub(super) reads: BTreeMap<OdsCode, u64>,
    /// Attempts to book, which nobody wants to know.
    pub(super) attempts: u64,
}

/// What a broken hub counts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Miscount {
    pub(super) attempts: bool,
    pub(super) late_ones: bool,
}

impl Activity {
    pub(super) fn report<'a>(
        &self,
        wanted: &[Kpi],
        appointments: &Appointments,
        write_backs: &(impl Iterator<Item = &'a WriteBack> + Clone),
        miscount: Miscount,
    ) -> Report {
        let value = |kpi: &Kpi| Value {
            name: kpi.name.clone(),
            count: self.count(&kpi.indicator, appointments, write_backs.clone(), miscount),
        };
        Report {
            values: wanted.iter().map(value).collect(),
        }
    }

    fn count<'a>(
        &self,
        indicator: &Indicator,
        appointments: &Appointments,
        mut write_backs: impl Iterator<Item = &'a WriteBack>,
        miscount: Miscount,
    ) -> u64 {
        let counted = match indicator {
            Indicator::AppointmentsOffered => appointments.offered(),
            Indicator::AppointmentsBooked { .. } if miscount.attempts => return self.attempts,
            Indicator::AppointmentsBooked { practice } => appointments.booked(practice.as_ref()),
            Indicator::AppointmentsAttended { practice } => {
                appointments.attended(practice.as_ref())
            }
            Indicator::ConsultationsRecorded => write_backs.count(),
            Indicator::WrittenBackWithin { within } => {
                let is_in_time = |it: &&WriteBack| {
                    (it.done_at).is_some_and(|done| {
                        miscount.late_ones || done.since(it.accepted_at) <= *within
                    })
                };
                write_backs.by_ref().filter(is_in_time).count()
            }
            Indicator::RecordsRead {
                practice: Some(practice),
            } => return self.reads.get(practice).copied().unwrap_or_default(),
            Indicator::RecordsRead { practice: None } => return self.reads.values().sum(),
        };
        counted as u64
    }
}
