//! Where practices outside a federation get their letters.

use bytes::Bytes;
use gp2gp_model::http::Method;
use gp2gp_model::{EntryId, NhsNumber, OdsCode};
use serde::{Deserialize, Serialize};

use super::{Call, Entry, FederationError, from_json, no_such_place};

/// What a clinician at a hub wrote, for a practice outside the federation: 201, and 200 where the
/// practice has it already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// To whom.
    pub to: OdsCode,
    /// About whom.
    pub patient: NhsNumber,
    /// What.
    pub entry: Entry,
}

#[derive(Serialize, Deserialize)]
struct Body {
    patient: NhsNumber,
    entry: Entry,
}

impl Letter {
    /// As a request.
    pub fn encode(&self) -> Call {
        let path = format!("/mailboxes/{}/letters/{}", self.to, self.entry.id);
        let body = Body {
            patient: self.patient,
            entry: self.entry.clone(),
        };
        Call::with_json(Method::Put, path, &body)
    }

    /// Reads a request.
    pub fn decode(method: Method, path: &str, body: &Bytes) -> Result<Self, FederationError> {
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (Method::Put, ["mailboxes", to, "letters", id]) = (method, segments.as_slice()) else {
            return Err(no_such_place(method, path));
        };
        let Body { patient, entry } = from_json(body, "letter")?;
        if entry.id != EntryId::parse(id)? {
            return Err(no_such_place(method, path));
        }
        Ok(Self {
            to: OdsCode::parse(to)?,
            patient,
            entry,
        })
    }
}
