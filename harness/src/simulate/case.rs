//! One transfer before it begins: what is true of it, and not how it ends.

use std::time::Duration;

use gp2gp_model::plan::Decision;
use gp2gp_model::version::{Returning, Version};

use super::message::Code;
use super::promise::Promise;

/// What both practices, the record and the people are like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What the record does not hold in its core.
    pub promise: Promise,
    /// Some documents cannot be delivered: placeholders travel instead.
    pub placeholders: bool,
    /// Pages if the whole record is printed.
    pub pages: u32,
    /// Pages of the documents that cannot be delivered.
    pub missing_pages: u32,
    /// The requesting practice holds an old record of the patient.
    pub returning: bool,
    /// The version in which both speak.
    pub version: Version,
    /// When a request that is served is answered.
    pub answers: AnswersRequest,
    /// What stands in the way at the sending practice.
    pub obstacle: Option<Obstacle>,
    /// From the request to the core, or to the refusal.
    pub preparation: Wait,
    /// What people do with a whole record, and how long after it is there; `None`: they forget it.
    pub habit: Option<(Decision, Wait)>,
    /// The core is sent again so long after the first time.
    pub repeats_core_after: Option<Wait>,
    /// So many messages are understood by the requesting system before it hangs; `None`: it does not.
    pub hangs_after: Option<u32>,
    /// Which supplier's systems they are: requesting, then sending.
    pub suppliers: [u8; 2],
}

/// How long something takes: in milliseconds, for there are millions of them, and at most 49 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wait(u32);

/// When a sending system answers a request that it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswersRequest {
    /// When Spine has everything (TD62).
    AfterAll,
    /// Before the core, as TPP does.
    BeforeCore,
}

/// Why a sending practice does not serve a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// It does not know the patient.
    PatientUnknown,
    /// GP2GP is switched off.
    SwitchedOff,
    /// The extract cannot be generated.
    NotGenerated,
    /// PDS names another practice than the requester's.
    RegisteredElsewhere,
    /// SDS, PDS or Spine itself gives no answer.
    NationalServicesSilent,
    /// SDS has no address of the requester, or several.
    NoAddress,
    /// The record is too large for one message, and the requesting practice takes no more than one.
    RequesterTakesOneMessage,
    /// The record is too large for one message, and this practice sends no more than one.
    SendsOneMessage,
    /// Its large messaging fails.
    LargeMessagingFails,
    /// Something that nobody foresaw.
    Unforeseen,
    /// It hangs: nothing ever comes.
    Hangs,
    /// It acknowledges the request, and hangs.
    HangsAfterAnswer,
}

/// What both practices' contracts say, and how far apart they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Time of a message on each leg.
    pub link: Duration,
    /// How often a failed post, or a failed delivery, is repeated.
    pub retries: u8,
    /// Pause between repeats.
    pub retry_interval: Duration,
    /// Persist duration of the extract.
    pub persist_extract: Duration,
    /// Persist duration of a COPC.
    pub persist_copc: Duration,
}

impl From<Duration> for Wait {
    fn from(duration: Duration) -> Self {
        Self(u32::try_from(duration.as_millis()).unwrap_or(u32::MAX))
    }
}

impl From<Wait> for Duration {
    fn from(Wait(millis): Wait) -> Self {
        Self::from_millis(millis.into())
    }
}

impl Case {
    /// The code with which the request is refused.
    pub(super) fn refusal(&self) -> Option<Code> {
        Some(match self.obstacle? {
            Obstacle::PatientUnknown => Code::NOT_AT_SURGERY,
            Obstacle::SwitchedOff => Code::SWITCHED_OFF,
            Obstacle::NotGenerated => Code::NOT_GENERATED,
            Obstacle::RegisteredElsewhere => Code::NOT_THE_PRACTICE,
            Obstacle::NationalServicesSilent => Code::SPINE_ERROR,
            Obstacle::NoAddress => Code::NO_ADDRESS,
            Obstacle::RequesterTakesOneMessage => Code::REQUESTER_TOO_SMALL,
            Obstacle::SendsOneMessage => Code::SENDER_TOO_SMALL,
            Obstacle::LargeMessagingFails => Code::LARGE_MESSAGE,
            Obstacle::Unforeseen => Code::UNEXPECTED,
            Obstacle::Hangs | Obstacle::HangsAfterAnswer => return None,
        })
    }

    /// A request that is served is also acknowledged; 2.2c lets the extract be the answer.
    pub(super) const fn acknowledges_served(&self) -> bool {
        match self.version {
            Version::V1_0EmisLv
            | Version::V1_0Vision3
            | Version::V1_1a
            | Version::V2_2a
            | Version::V2_2b
            | Version::V2_2bUk07 => true,
            Version::V2_2c => false,
        }
    }

    /// Before 2.2b there is one way to keep the record of a patient who comes back.
    pub(super) const fn files_as_attachment(&self) -> bool {
        match self.version.returning() {
            Returning::FilesAsAttachment => self.returning,
            Returning::ReplacesOrSuppresses => false,
        }
    }
}
