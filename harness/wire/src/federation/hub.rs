//! The one interface of a hub, over whatever systems the practices have.

use bytes::Bytes;
use gp2gp_model::federation::{Kpi, Slot};
use gp2gp_model::http::Method;
use gp2gp_model::{BookingId, NhsNumber, OdsCode, SlotId, Time};
use serde::{Deserialize, Serialize};

use super::{Call, Entry, FederationError, Item, from_json, no_such_place, patient};

/// What is asked of a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HubCall {
    /// The record of a patient: [`Record`].
    Read(NhsNumber),
    /// A consultation: 202, and 200 where the hub has it already.
    Write {
        /// With whom.
        patient: NhsNumber,
        /// What the clinician wrote.
        entry: Entry,
    },
    /// What is booked and what is free: [`Bookings`].
    Bookings,
    /// A booking: 201, 200 where the hub has it already, 409 where the slot is somebody else's.
    Book(Booking),
    /// A patient came: 200, 409 where somebody else or nobody is booked.
    Attend(Attendance),
    /// The chosen indicators: [`Report`].
    Report(ReportRequest),
}

/// A record, as a hub shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Whose.
    pub patient: NhsNumber,
    /// Who keeps it.
    pub practice: OdsCode,
    /// Whether it is there.
    pub state: RecordState,
    /// What it says.
    pub items: Vec<Item>,
    /// What the hub has taken and no practice has yet.
    pub under_way: Vec<Entry>,
}

/// Whether a practice has the record of its patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordState {
    /// It is there.
    Held,
    /// It has not come from the practice before, or nobody has filed it.
    Awaited,
}

/// A booking of an appointment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// Its id.
    pub id: BookingId,
    /// Who comes.
    pub patient: NhsNumber,
    /// Which appointment.
    pub slot: SlotId,
    /// Who booked.
    pub practice: OdsCode,
}

/// What is booked and what is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bookings {
    /// What is booked, with the time of each.
    pub booked: Vec<Booked>,
    /// What is free.
    pub free: Vec<Slot>,
}

/// A booking with its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booked {
    /// The booking.
    #[serde(flatten)]
    pub booking: Booking,
    /// When the appointment begins.
    pub starts: Time,
}

/// A patient came to an appointment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attendance {
    /// Who.
    pub patient: NhsNumber,
    /// To which.
    pub slot: SlotId,
}

/// Which indicators are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRequest {
    /// The chosen ones.
    pub indicators: Vec<Kpi>,
}

/// What the hub counted, from its first day to the moment of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// One for each indicator that was wanted, in that order.
    pub values: Vec<Value>,
}

/// The value of an indicator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// What the group calls it.
    pub name: String,
    /// How many.
    pub count: u64,
}

impl HubCall {
    /// What is recorded, if something is.
    pub const fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Write { entry, .. } => Some(entry),
            Self::Read(_) | Self::Bookings | Self::Book(_) | Self::Attend(_) | Self::Report(_) => {
                None
            }
        }
    }

    /// As a request.
    pub fn encode(&self) -> Call {
        match self {
            Self::Read(patient) => Call::get(format!("/patients/{patient}/record")),
            Self::Write { patient, entry } => {
                let path = format!("/patients/{patient}/consultations");
                Call::with_json(Method::Post, path, entry)
            }
            Self::Bookings => Call::get("/bookings".to_owned()),
            Self::Book(booking) => {
                let path = format!("/bookings/{}", booking.id);
                Call::with_json(Method::Put, path, booking)
            }
            Self::Attend(attendance) => {
                Call::with_json(Method::Post, "/attendances".to_owned(), attendance)
            }
            Self::Report(wanted) => Call::with_json(Method::Post, "/reports".to_owned(), wanted),
        }
    }

    /// Reads a request.
    pub fn decode(method: Method, path: &str, body: &Bytes) -> Result<Self, FederationError> {
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        Ok(match (method, segments.as_slice()) {
            (Method::Get, ["patients", nhs_number, "record"]) => Self::Read(patient(nhs_number)?),
            (Method::Post, ["patients", nhs_number, "consultations"]) => Self::Write {
                patient: patient(nhs_number)?,
                entry: from_json(body, "consultation")?,
            },
            (Method::Get, ["bookings"]) => Self::Bookings,
            (Method::Put, ["bookings", id]) => {
                let booking: Booking = from_json(body, "booking")?;
                if booking.id != BookingId::parse(id)? {
                    return Err(no_such_place(method, path));
                }
                Self::Book(booking)
            }
            (Method::Post, ["attendances"]) => Self::Attend(from_json(body, "attendance")?),
            (Method::Post, ["reports"]) => Self::Report(from_json(body, "choice of indicators")?),
            (_, _) => return Err(no_such_place(method, path)),
        })
    }
}

impl Record {
    /// Reads the answer to [`HubCall::Read`].
    pub fn decode(body: &[u8]) -> Result<Self, FederationError> {
        from_json(body, "record")
    }
}

impl Bookings {
    /// Reads the answer to [`HubCall::Bookings`].
    pub fn decode(body: &[u8]) -> Result<Self, FederationError> {
        from_json(body, "list of bookings")
    }
}

impl Report {
    /// Reads the answer to [`HubCall::Report`].
    pub fn decode(body: &[u8]) -> Result<Self, FederationError> {
        from_json(body, "report")
    }
}
