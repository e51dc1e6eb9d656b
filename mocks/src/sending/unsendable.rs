//! Why a record cannot be sent.

use gp2gp_model::{IdError, ResponseCode};
use gp2gp_wire::attachment::AttachmentError;
use gp2gp_wire::hl7::Hl7Error;

use super::layout::CoreTooLarge;
use crate::mhs::NoContract;
use crate::spool::SpoolError;

/// Why a record cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsendable {
    /// SDS lists no contract for the requester and an interaction.
    #[error(transparent)]
    NoContract(#[from] NoContract),
    /// Not even a skeleton with nothing but promises fits one message.
    #[error(transparent)]
    CoreTooLarge(#[from] CoreTooLarge),
    /// The message limit leaves no room for any text of an attachment.
    #[error("a message with `{0}` is over the limit before any text is in it")]
    NoRoomForText(String),
    /// The chunks of one attachment are so many that their index is over the limit.
    #[error("the index of the {chunks} chunks of `{file_name}` does not fit one message")]
    IndexTooLarge {
        /// The attachment.
        file_name: String,
        /// How many chunks.
        chunks: u64,
    },
    /// The content ended before the chunk that was promised.
    #[error("`{0}` has no text where one was promised")]
    TextMissing(String),
    /// The content cannot be read.
    #[error(transparent)]
    Content(#[from] AttachmentError),
    /// The disk failed on which something was set aside.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The record cannot be made a skeleton.
    #[error(transparent)]
    Record(#[from] Hl7Error),
    /// An identifier cannot be written.
    #[error(transparent)]
    Id(#[from] IdError),
}

impl Unsendable {
    /// The code that tells the requester (spec 30).
    pub(super) fn code(&self) -> ResponseCode {
        ResponseCode::from(match self {
            Self::NoContract(_) => "24",
            Self::CoreTooLarge(_)
            | Self::NoRoomForText(_)
            | Self::IndexTooLarge { .. }
            | Self::TextMissing(_)
            | Self::Content(_)
            | Self::Spool(_)
            | Self::Record(_)
            | Self::Id(_) => "10",
        })
    }
}
