//! How a sending system does what the specification leaves open, and what real systems do where
//! it does not. The reference system does all of it on demand, so that receivers meet it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The manner of a sending system. The usual one breaks no rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Manner {
    /// What the index of a document in chunks looks like.
    pub index: IndexStyle,
    /// Where chunks end.
    pub cut: ChunkEnds,
    /// How the original of a skeleton travels.
    pub skeleton: SkeletonWay,
    /// In which order promises are kept.
    pub order: FragmentOrder,
    /// When it begins to keep them.
    pub start: FragmentStart,
    /// What `Length` counts.
    pub length: LengthCount,
    /// Whether the core has one id or two.
    pub core_ids: CoreIds,
    /// Whether a message id is used again in another conversation.
    pub message_ids: MessageIds,
    /// How `eb:id` is written.
    pub reference_ids: ReferenceIds,
    /// Which characters content ids hold.
    pub content_ids: ContentIds,
}

/// When a sender begins to send what the core promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FragmentStart {
    /// When the receiver says Continue (SND-31).
    #[default]
    AfterContinue,
    /// When Spine has the core: fragments may overtake it.
    AtOnce,
}

/// What an index promises, and when there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IndexStyle {
    /// Every chunk by `mid:`.
    #[default]
    Mids,
    /// Chunk 0 is inline in the index, as TPP does it, where both fit one message.
    FirstInline,
    /// Everything that is promised has an index, even if it fits one chunk.
    Always,
}

/// Where the base64 text of a document is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChunkEnds {
    /// At multiples of four characters: every chunk decodes alone (SND-35).
    #[default]
    Groups,
    /// Anywhere: chunks decode only together.
    Uneven,
    /// After a group that is padded: padding stands in mid-stream.
    Padded,
}

/// How the original of a skeleton travels. All but the usual way make a skeleton of any record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SkeletonWay {
    /// Only if the core is too large, and as sizes have it.
    #[default]
    AsNeeded,
    /// In the core, where it fits.
    Inline,
    /// In a COPC of its own, where it fits.
    OwnMessage,
    /// In at least two chunks.
    Split,
}

/// The order in which fragments are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FragmentOrder {
    /// As the manifest of the core has them, an index before its chunks.
    #[default]
    Manifest,
    /// The other way round: the last chunk first, every index after its chunks.
    Reversed,
    /// Every index after everything else.
    IndexLast,
    /// Mixed by chance.
    Shuffled,
}

/// What the `Length` of a description counts, where base64 is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LengthCount {
    /// The text as sent, line ends included.
    #[default]
    AsSent,
    /// Base64 characters only.
    Characters,
}

/// The ids of the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CoreIds {
    /// The HL7 id is the ebXML message id (SND-12).
    #[default]
    Same,
    /// They differ.
    Split,
}

/// The ids of messages in the conversations of one system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MessageIds {
    /// No two messages have the same (SND-05).
    #[default]
    Unique,
    /// The messages of every conversation have the ids of those of every other.
    Repeated,
}

/// How the `eb:id` of an attachment is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReferenceIds {
    /// `_` and the document id: an NCName (SND-11).
    #[default]
    Underscore,
    /// The bare document id.
    Bare,
}

/// Characters of the `Content-Id` of an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ContentIds {
    /// Those that a `cid:` holds as they are.
    #[default]
    Plain,
    /// Some that the manifest has to percent-encode (AR07).
    Encoded,
}
