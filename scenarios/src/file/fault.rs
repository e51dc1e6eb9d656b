//! What goes wrong on purpose, in an author's words.

use gp2gp_model::Break;
use gp2gp_model::fault::{
    DemographicsOperation, DirectoryOperation, Garble, Spoil, StoreOperation,
};
use gp2gp_model::federation::FederationOperation;
use gp2gp_model::plan::Role;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Kind, True};
use crate::quantity::{Size, Span};
use crate::spanned::Spanned;

/// Something that goes wrong: what, where, and when.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// What reports call it.
    pub(crate) name: Spanned<String>,
    /// What happens.
    pub(crate) effect: Spanned<Effect>,
    /// Where.
    pub(crate) on: Spanned<On>,
    /// When, and how often; usually the first time.
    pub(crate) when: Option<Spanned<When>>,
}

/// What happens: a word, or a word with its measure.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    /// Nothing arrives.
    Drop,
    /// It arrives so much later.
    Delay(Span),
    /// It is delivered twice under one id.
    Duplicate,
    /// So many later messages overtake it.
    Reorder(u32),
    /// It is held back until such a message was delivered.
    HoldUntil(On),
    /// The connection breaks after this percentage of the body.
    Truncate(u8),
    /// It arrives broken, as if its sender had written it so.
    Corrupt(Break),
    /// It is refused with this HTTP status.
    Refuse(u16),
    /// Spine refuses it with a SOAP fault of this code.
    SoapFault(String),
    /// Spine refuses it with an ebXML error list of this code.
    ErrorList(String),
    /// The connection is reset before anything was taken.
    Reset,
    /// It is taken, and the answer gets lost.
    #[serde(rename = "lose-answer")]
    LoseAnswer,
    /// The body travels at so many bytes in a second.
    Slow(Size),
    /// The system goes down for so long.
    Crash(Span),
    /// The system can store nothing.
    #[serde(rename = "full-disk")]
    FullDisk,
    /// The clock of the system jumps, such as `"-90s"`.
    ClockJump(String),
    /// A document of the store is not what its list says.
    Spoil(Spoil),
    /// A directory or the demographics service answers something that cannot be read.
    Garble(Garble),
    /// Somebody else changes a patient's record just before an update of it.
    Race,
}

/// Where: messages, a system, an operation of the document store or of a federation, or a request to
/// a national service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct On {
    /// Kind of message.
    pub(crate) message: Option<Kind>,
    /// Who sent it, or asks.
    pub(crate) from: Option<Role>,
    /// On its way to Spine, or from Spine.
    pub(crate) leg: Option<Leg>,
    /// Smallest size.
    pub(crate) at_least: Option<Size>,
    /// Largest size.
    pub(crate) at_most: Option<Size>,
    /// A system as a whole.
    pub(crate) system: Option<System>,
    /// An operation of the document store.
    pub(crate) store: Option<StoreOperation>,
    /// Only documents of this name.
    pub(crate) file_name: Option<String>,
    /// A question to SDS or to the registry of practices and GPs.
    pub(crate) directory: Option<DirectoryOperation>,
    /// A request to PDS.
    pub(crate) demographics: Option<DemographicsOperation>,
    /// An operation across a federation.
    pub(crate) federation: Option<FederationOperation>,
    /// Only at this practice of the federation, or by it.
    pub(crate) practice: Option<Role>,
}

impl On {
    pub(crate) const fn size_is_given(&self) -> bool {
        self.at_least.is_some() || self.at_most.is_some()
    }
}

/// The two ways of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Leg {
    /// From a system to Spine: each attempt is an occasion.
    Posting,
    /// From Spine to a system: each message is an occasion, once.
    Delivery,
}

/// Whole systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum System {
    /// The system of the new practice.
    Requesting,
    /// The system of the old practice.
    Sending,
    /// Spine.
    Spine,
    /// The document system of an exporting practice.
    Practice,
    /// The support desk of an export.
    Desk,
    /// The clearing house of an export.
    Clearing,
    /// The hub of a federation.
    Hub,
}

/// When, and how often.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct When {
    /// After the start.
    pub(crate) from: Option<Span>,
    /// For how long.
    pub(crate) lasts: Option<Span>,
    /// The how-manieth, from 1.
    pub(crate) occurrence: Option<u32>,
    /// Several of these.
    pub(crate) occurrences: Option<Vec<u32>>,
    /// The first so many.
    pub(crate) first: Option<u32>,
    /// Every time.
    pub(crate) always: Option<True>,
    /// So many, at random, of so many: `[2, 5]`.
    pub(crate) some: Option<[u32; 2]>,
    /// Each time with this probability.
    pub(crate) percent: Option<u8>,
}
