//! What systems asked SDS, PDS and the registry, and what they were told.

use gp2gp_model::http::Method;
use gp2gp_model::pds::GeneralPractitioner;
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{GpCode, Interaction, NhsNumber, OdsCode, Time};
use gp2gp_wire::{pds, registry, sds};

/// A question to a national service.
#[derive(Debug)]
pub struct NationalCall {
    /// Position of the question in the trace.
    pub seq: u64,
    /// When it was asked.
    pub at: Time,
    /// By whom.
    pub from: Endpoint,
    /// What was asked for.
    pub asked: Asked,
    /// What came of it.
    pub answer: Told,
    /// Position of the answer.
    pub answered: u64,
    /// When it came.
    pub answered_at: Time,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// SDS, for the systems of a practice.
    Systems {
        /// Whose.
        practice: OdsCode,
        /// For what.
        interaction: Interaction,
    },
    /// SDS, for contracts.
    Contracts(Option<OdsCode>),
    /// The registry, where a GP works.
    Gp(GpCode),
    /// The registry, about a practice.
    Practice(OdsCode),
    /// PDS, for a patient.
    Trace(NhsNumber),
    /// PDS, to register a patient elsewhere.
    Update(NhsNumber),
    /// Nothing that these services know.
    Unknown,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// So many systems, contracts or places of work.
    Entries(usize),
    /// With whom a patient is registered.
    Patient {
        /// With whom.
        general_practitioner: GeneralPractitioner,
        /// Nobody may know where.
        is_sensitive: bool,
    },
    /// Whether a pooled list stands in the way.
    Practice {
        /// It does.
        is_pooled: bool,
    },
    /// Refused with this HTTP status.
    Refused(u16),
    /// The body of the answer says nothing.
    Unreadable,
    /// No answer, or none until the end.
    Nothing,
}

impl Asked {
    /// From a request. What cannot be read is no question.
    pub fn of(to: Endpoint, method: Method, path: &str) -> Self {
        match to {
            Endpoint::Pds => {
                let number = pds::patient_of(path).and_then(|text| NhsNumber::parse(text).ok());
                match (number, method) {
                    (Some(patient), Method::Patch) => Self::Update(patient),
                    (Some(patient), Method::Get) => Self::Trace(patient),
                    (Some(_), _) | (None, _) => Self::Unknown,
                }
            }
            Endpoint::Sds
            | Endpoint::Requesting
            | Endpoint::Spine
            | Endpoint::Sending
            | Endpoint::Store
            | Endpoint::Office
            | Endpoint::Desk
            | Endpoint::Board
            | Endpoint::ClearingHouse
            | Endpoint::Importing
            | Endpoint::Hub
            | Endpoint::Clinic
            | Endpoint::Mailbox => Self::of_sds(path),
        }
    }

    fn of_sds(path: &str) -> Self {
        match registry::Query::parse(path) {
            Ok(registry::Query::Organisation(ods)) => return Self::Practice(ods),
            Ok(registry::Query::Roles(gp)) => return Self::Gp(gp),
            Err(_) => {}
        }
        match sds::Query::parse(path) {
            Ok(sds::Query::Device {
                organisation,
                interaction,
                ..
            }) => Self::Systems {
                practice: organisation,
                interaction,
            },
            Ok(sds::Query::Endpoint { organisation, .. }) => Self::Contracts(organisation),
            Err(_) => Self::Unknown,
        }
    }

    /// Whether a patient is asked for or registered.
    pub fn is_of(&self, patient: NhsNumber) -> bool {
        match self {
            Self::Trace(asked) | Self::Update(asked) => *asked == patient,
            Self::Systems { .. }
            | Self::Contracts(_)
            | Self::Gp(_)
            | Self::Practice(_)
            | Self::Unknown => false,
        }
    }

    /// What the body of a good answer says.
    pub fn told(&self, body: &[u8]) -> Told {
        let read = match self {
            Self::Systems { .. } => sds::devices(body).map(|found| Told::Entries(found.len())),
            Self::Contracts(_) => sds::endpoints(body).map(|found| Told::Entries(found.len())),
            Self::Gp(_) => registry::roles(body).map(|found| Told::Entries(found.len())),
            Self::Practice(_) => registry::Organisation::parse(body).map(|found| Told::Practice {
                is_pooled: found.pooled.is_some_and(|pooled| !pooled.dealt_with),
            }),
            Self::Trace(_) | Self::Update(_) => {
                pds::Patient::parse(body).map(|patient| Told::Patient {
                    is_sensitive: patient.confidentiality != pds::Confidentiality::Unrestricted,
                    general_practitioner: patient.general_practitioner,
                })
            }
            Self::Unknown => return Told::Unreadable,
        };
        read.unwrap_or(Told::Unreadable)
    }
}

impl NationalCall {
    /// Whether the service says, or its silence shows, that it cannot answer now.
    pub const fn failed(&self) -> bool {
        match self.answer {
            Told::Nothing | Told::Unreadable => true,
            Told::Refused(status) => status == 429 || status >= 500,
            Told::Entries(_) | Told::Patient { .. } | Told::Practice { .. } => false,
        }
    }
}
