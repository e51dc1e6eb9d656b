//! What a system puts before people without being asked.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ConversationId, NhsNumber, ResponseCode};

/// How long something may wait before people are told of it, once and a second time (S42, S79).
pub const PENDING: [Duration; 2] = [Duration::from_hours(24), Duration::from_hours(48)];

/// Something on a list of people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// Whose transfer.
    pub patient: NhsNumber,
    /// Which one.
    pub conversation: ConversationId,
    /// What.
    pub about: Concern,
}

/// What people are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "concern", rename_all = "kebab-case")]
pub enum Concern {
    /// The old practice has no final acknowledgement so long after the extract.
    NotAcknowledged {
        /// So long.
        #[serde(with = "crate::time::seconds")]
        #[schemars(with = "u64")]
        after: Duration,
    },
    /// A record has waited so long at the new practice, and nobody has decided on it.
    NotFiled {
        /// So long.
        #[serde(with = "crate::time::seconds")]
        #[schemars(with = "u64")]
        after: Duration,
    },
    /// An incident: the new practice says that the record is another patient's.
    WrongPatient {
        /// 17 or 28.
        code: ResponseCode,
    },
}

/// In words.
impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = |after: &Duration| after.as_secs() / 3_600;
        match self {
            Self::NotAcknowledged { after } => {
                write!(f, "no final acknowledgement for {} h", hours(after))
            }
            Self::NotFiled { after } => write!(f, "a record not filed for {} h", hours(after)),
            Self::WrongPatient { code } => {
                write!(f, "incident: the record is another patient's, code {code}")
            }
        }
    }
}
