//! Plain data of the harness: what is planned, what happened, what was judged.
//!
//! No IO, no clock, no randomness: every other crate speaks in these types.

pub mod alert;
pub mod baseline;
pub mod bench;
pub mod capability;
pub mod control;
pub mod coverage;
pub mod dialect;
pub mod digest;
pub mod directory;
pub mod expectation;
pub mod explanation;
pub mod export;
pub mod failure_mode;
pub mod fault;
pub mod federation;
pub mod glossary;
pub mod http;
pub mod ids;
pub mod interaction;
pub mod malformation;
pub mod manner;
pub mod matrix;
pub mod paper;
pub mod pds;
pub mod plan;
pub mod plural;
pub mod registry;
pub mod replay;
pub mod report;
pub mod requirement;
pub mod response_code;
pub mod run_diff;
pub mod run_log;
pub mod snapshot;
pub mod store;
pub mod terms;
pub mod time;
pub mod trace;
pub mod verdict;
pub mod version;

pub use capability::Capability;
pub use dialect::Dialect;
pub use digest::Sha256;
pub use failure_mode::FailureModeId;
pub use ids::{
    Asid, BookingId, ContentId, ConversationId, CpaId, DocumentId, EbxmlMessageId, EhrExtractId,
    EhrRequestId, EntryId, GpCode, Hl7MessageId, IdError, MhsId, NhsNumber, OdsCode, PartyKey,
    RequirementId, ScenarioId, SlotId,
};
pub use interaction::{Interaction, MessageKind};
pub use malformation::Break;
pub use response_code::ResponseCode;
pub use time::Time;
pub use version::Version;
