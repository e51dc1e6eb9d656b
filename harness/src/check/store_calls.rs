//! What systems asked the document store and the record source beside it.

use gp2gp_model::Time;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::trace::Endpoint;

use super::fetched::StoreAnswer;
use super::view::Ending;

/// Whether a path of the store is one of the record source.
pub fn is_of_record_source(path: &str) -> bool {
    path.contains("/records/")
}

/// A request to the record source.
pub struct RecordRead {
    /// Event number, for evidence.
    pub seq: u64,
    /// Who asks.
    pub from: Endpoint,
    /// Of what.
    pub path: String,
}

/// A request to the document store, with its ending.
pub struct StoreCall {
    /// Event number, for evidence.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// Who asks.
    pub from: Endpoint,
    /// What for.
    pub method: Method,
    /// Of what.
    pub path: String,
    /// Headers beside `Content-Type` and those of the connection.
    pub headers: Headers,
    /// How it ended.
    pub ending: Ending,
    /// What was answered.
    pub answer: Option<StoreAnswer>,
}

impl StoreCall {
    /// The number of the document that it is about.
    pub fn document(&self) -> Option<&str> {
        self.below_binary()?.split('/').next()
    }

    /// `$archive` and the like.
    pub fn operation(&self) -> Option<&str> {
        self.below_binary()?.split_once('/').map(|(_, rest)| rest)
    }

    /// The store did it.
    pub const fn was_done(&self) -> bool {
        matches!(
            self.ending,
            Ending::Answered {
                status: 200..=299,
                ..
            }
        )
    }

    /// It looks for a patient, or for the documents of one.
    pub fn is_search(&self) -> bool {
        self.method == Method::Get && self.path.contains("/Patient")
    }

    fn below_binary(&self) -> Option<&str> {
        let (_, below) = self.path.split_once("/Binary/")?;
        below.split('?').next()
    }
}
