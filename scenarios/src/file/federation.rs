//! What an author may write of a federation only.

use gp2gp_model::plan::Role;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::quantity::Span;
use crate::spanned::Spanned;

/// A federation.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Federation {
    /// Which of the two practices belong to it; usually both.
    pub(crate) members: Option<Spanned<Vec<Role>>>,
    /// Appointments that the hub offers.
    pub(crate) slot: Vec<Spanned<Slot>>,
    /// Indicators that the group has chosen.
    pub(crate) kpi: Vec<Spanned<Kpi>>,
}

/// An appointment at the hub.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Slot {
    /// What steps call it, such as `sat-0900`.
    pub(crate) id: Spanned<String>,
    /// When it begins, after the start.
    pub(crate) starts: Span,
}

/// An indicator.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kpi {
    /// What the group calls it.
    pub(crate) name: String,
    /// What is counted.
    pub(crate) counts: Counts,
    /// Only of this practice; usually of all.
    pub(crate) practice: Option<Role>,
    /// Of `written-back-within`: how soon.
    pub(crate) within: Option<Span>,
}

/// What can be counted.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Counts {
    /// Appointments that the hub has.
    AppointmentsOffered,
    /// Appointments that were given away, with `practice`: that it booked.
    AppointmentsBooked,
    /// Appointments to which the patient came, with `practice`: that it booked.
    AppointmentsAttended,
    /// Consultations that were recorded at the hub.
    ConsultationsRecorded,
    /// Those of them that stood in a record soon enough.
    WrittenBackWithin,
    /// Records that were read, with `practice`: that it keeps.
    RecordsRead,
}

/// Somebody at the hub wants something of it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AtHub {
    /// What.
    pub(crate) wish: HubWishChoice,
    /// Of `read`, `write` and `attend`: about whom.
    pub(crate) patient: Option<Spanned<String>>,
    /// Of `write`: what the clinician writes; usually made up.
    pub(crate) text: Option<String>,
    /// Of `attend`: which appointment.
    pub(crate) slot: Option<String>,
}

/// What people at a hub want.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HubWishChoice {
    /// See the record of a patient.
    Read,
    /// Record a consultation.
    Write,
    /// Say that a patient came to an appointment.
    Attend,
    /// Look at what is booked and what is free.
    LookAtBookings,
    /// See the chosen indicators.
    Report,
}

/// A receptionist books an appointment.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Book {
    /// For whom.
    pub(crate) patient: Spanned<String>,
    /// Which.
    pub(crate) slot: Spanned<String>,
    /// At which practice: `requesting` or `sending`.
    pub(crate) at: Role,
}
