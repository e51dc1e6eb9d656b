//! What a hub asks of a practice's system, whoever made it.

use bytes::Bytes;
use gp2gp_model::federation::MemberStyle;
use gp2gp_model::http::Method;
use gp2gp_model::{NhsNumber, OdsCode, Time};

use super::hub::RecordState;
use super::{Call, Entry, FederationError, Item, Reply, emis, vision};

/// What is asked of a practice's system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberCall {
    /// A part of a record.
    Read {
        /// Whose.
        patient: NhsNumber,
        /// Free texts to leave out from the start: those that the hub has.
        skip: usize,
    },
    /// An entry for a record.
    File {
        /// Whose.
        patient: NhsNumber,
        /// What.
        entry: Entry,
        /// When PDS named this practice to the hub.
        registered_at: Time,
    },
}

/// The answer to [`MemberCall::Read`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// A part of the record.
    Part {
        /// Whether the record is there.
        state: RecordState,
        /// What it says, from where it was asked for.
        items: Vec<Item>,
        /// There is more.
        more: bool,
    },
    /// The practice does not know the patient, or no longer.
    NotOurs,
}

/// The answer to [`MemberCall::File`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filed {
    /// It is in the record, and was not before.
    Now,
    /// It is in the record, and was before.
    Before,
    /// The patient's record has gone to this practice, and the entry is not in it.
    Moved(OdsCode),
    /// The practice does not know the patient.
    NotOurs,
}

impl MemberCall {
    /// As a request to a system of this make.
    pub fn encode(&self, style: MemberStyle) -> Call {
        match style {
            MemberStyle::Emis => emis::encode(self),
            MemberStyle::Vision => vision::encode(self),
        }
    }

    /// Reads a request to a system of this make.
    pub fn decode(
        style: MemberStyle,
        method: Method,
        path: &str,
        body: &Bytes,
    ) -> Result<Self, FederationError> {
        match style {
            MemberStyle::Emis => emis::decode(method, path, body),
            MemberStyle::Vision => vision::decode(method, path, body),
        }
    }

    /// Whether a path is of the interface of a system of this make.
    pub fn is_below(style: MemberStyle, path: &str) -> bool {
        let prefix = match style {
            MemberStyle::Emis => emis::PREFIX,
            MemberStyle::Vision => vision::PREFIX,
        };
        path.starts_with(prefix)
    }
}

impl Page {
    /// Free texts of a record that a system of this make gives at most in one answer.
    pub const fn size(style: MemberStyle) -> usize {
        match style {
            MemberStyle::Emis => emis::PAGE,
            MemberStyle::Vision => vision::PAGE,
        }
    }

    /// As the answer of a system of this make.
    pub fn encode(&self, style: MemberStyle) -> Reply {
        match style {
            MemberStyle::Emis => emis::encode_page(self),
            MemberStyle::Vision => vision::encode_page(self),
        }
    }

    /// Reads the answer of a system of this make.
    pub fn decode(style: MemberStyle, reply: &Reply) -> Result<Self, FederationError> {
        match style {
            MemberStyle::Emis => emis::decode_page(reply),
            MemberStyle::Vision => vision::decode_page(reply),
        }
    }
}

impl Filed {
    /// As the answer of a system of this make.
    pub fn encode(&self, style: MemberStyle) -> Reply {
        match style {
            MemberStyle::Emis => emis::encode_filed(self),
            MemberStyle::Vision => vision::encode_filed(self),
        }
    }

    /// Reads the answer of a system of this make.
    pub fn decode(style: MemberStyle, reply: &Reply) -> Result<Self, FederationError> {
        match style {
            MemberStyle::Emis => emis::decode_filed(reply),
            MemberStyle::Vision => vision::decode_filed(reply),
        }
    }
}
