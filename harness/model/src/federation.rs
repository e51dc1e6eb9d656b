//! A federation: practices that share a service at a hub, and keep their patients' records in
//! systems of different make. What everybody knows who takes part, what is wanted at the hub, and
//! what can be asked of a run.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::Role;
use crate::trace::Endpoint;
use crate::{NhsNumber, OdsCode, SlotId, Time};

/// What everybody knows who takes part in a federation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FederationTerms {
    /// Its practices.
    pub members: Vec<Member>,
    /// Appointments that the hub offers, in the order of their times.
    pub slots: Vec<Slot>,
    /// What the group wants to know of its service.
    pub kpis: Vec<Kpi>,
}

impl FederationTerms {
    /// The member with this code.
    pub fn member(&self, ods: &OdsCode) -> Option<&Member> {
        self.members.iter().find(|member| member.ods == *ods)
    }

    /// The member whose system this is.
    pub fn member_at(&self, endpoint: Endpoint) -> Option<&Member> {
        self.members.iter().find(|it| it.endpoint == endpoint)
    }
}

/// A practice of a federation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its code.
    pub ods: OdsCode,
    /// Where its system answers.
    pub endpoint: Endpoint,
    /// What its system speaks with a hub.
    pub style: MemberStyle,
}

/// The make of a practice's system, as far as a hub notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberStyle {
    /// In the style of EMIS.
    Emis,
    /// In the style of Vision.
    Vision,
}

impl MemberStyle {
    /// All.
    pub const ALL: [Self; 2] = [Self::Emis, Self::Vision];
}

impl fmt::Display for MemberStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Emis => "EMIS",
            Self::Vision => "Vision",
        })
    }
}

/// An appointment that a hub offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Its id.
    pub id: SlotId,
    /// When it begins.
    pub starts: Time,
}

/// A performance indicator that a group has chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kpi {
    /// What the group calls it.
    pub name: String,
    /// What is counted.
    #[serde(flatten)]
    pub indicator: Indicator,
}

/// What can be counted of a shared service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "counts", rename_all = "kebab-case")]
pub enum Indicator {
    /// Appointments that the hub has.
    AppointmentsOffered,
    /// Appointments that were given away, to patients of whom a practice booked.
    AppointmentsBooked {
        /// Only by this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        practice: Option<OdsCode>,
    },
    /// Appointments to which the patient came.
    AppointmentsAttended {
        /// Only those that this one booked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        practice: Option<OdsCode>,
    },
    /// Consultations that clinicians recorded at the hub.
    ConsultationsRecorded,
    /// Those of them that stood in a record so soon after.
    WrittenBackWithin {
        /// How soon.
        #[serde(with = "crate::time::seconds")]
        within: Duration,
    },
    /// Records that were read.
    RecordsRead {
        /// Only those that this one keeps.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        practice: Option<OdsCode>,
    },
}

/// What people at a hub want of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum HubWish {
    /// See the record of a patient.
    Read {
        /// Whose.
        patient: NhsNumber,
    },
    /// Record a consultation.
    Write {
        /// With whom.
        patient: NhsNumber,
        /// What the clinician writes.
        text: String,
    },
    /// Say that a patient came to an appointment.
    Attend {
        /// Who.
        patient: NhsNumber,
        /// Which appointment.
        slot: SlotId,
    },
    /// Look at what is booked and what is free.
    LookAtBookings,
    /// See the chosen indicators.
    Report,
}

impl HubWish {
    /// Whom it is about.
    pub const fn patient(&self) -> Option<NhsNumber> {
        match self {
            Self::Read { patient } | Self::Write { patient, .. } | Self::Attend { patient, .. } => {
                Some(*patient)
            }
            Self::LookAtBookings | Self::Report => None,
        }
    }
}

/// What is asked across a federation, where faults can happen.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum FederationOperation {
    /// The hub reads a record at a practice.
    Read,
    /// The hub writes an entry into a record at a practice.
    WriteBack,
    /// A practice books an appointment at the hub.
    Book,
}

impl fmt::Display for FederationOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::WriteBack => "write-back",
            Self::Book => "booking",
        })
    }
}

/// Something that a scenario of a federation is about, and that its trace must show.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Occurrence {
    /// The system of the old practice took an entry.
    FiledAtSending,
    /// The system of the new practice took an entry.
    FiledAtRequesting,
    /// A practice outside the federation was sent an entry.
    SentOutside,
    /// A practice said of an entry that the patient has left.
    ToldMoved,
    /// An entry was posted again under its id.
    WriteBackRepeated,
    /// An entry travelled in an extract.
    EntryInExtract,
    /// A clinician saw a record that the old practice keeps.
    ReadAtSending,
    /// A clinician saw a record that the new practice keeps.
    ReadAtRequesting,
    /// A clinician was told that a record cannot be read.
    ReadFailed,
    /// A clinician saw an entry that was still on its way.
    SawUnderWay,
    /// A practice got an appointment.
    Booked,
    /// A practice did not get an appointment.
    SlotRefused,
    /// A patient came.
    Attended,
    /// The hub reported.
    Reported,
}

impl fmt::Display for Occurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FiledAtSending => "the old practice's system took an entry",
            Self::FiledAtRequesting => "the new practice's system took an entry",
            Self::SentOutside => "a practice outside the federation was sent an entry",
            Self::ToldMoved => "a practice said that the patient has left",
            Self::WriteBackRepeated => "an entry was posted again",
            Self::EntryInExtract => "an entry travelled in an extract",
            Self::ReadAtSending => "a record was read at the old practice",
            Self::ReadAtRequesting => "a record was read at the new practice",
            Self::ReadFailed => "a record could not be read",
            Self::SawUnderWay => "a clinician saw an entry that was still on its way",
            Self::Booked => "an appointment was booked",
            Self::SlotRefused => "an appointment was refused",
            Self::Attended => "a patient came",
            Self::Reported => "the hub reported",
        })
    }
}

/// Where the two practices of a transfer answer.
pub const fn endpoint_of(member: Role) -> Option<Endpoint> {
    match member {
        Role::Requesting => Some(Endpoint::Requesting),
        Role::Sending => Some(Endpoint::Sending),
        Role::Exporting | Role::Hub => None,
    }
}
