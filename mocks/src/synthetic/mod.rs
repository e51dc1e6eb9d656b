//! Synthetic patients, their records and their documents, made from a seed.
//!
//! Nothing here is about a real person: NHS numbers lie in the range kept free for tests,
//! names and places are put together from common words, postcodes belong to the pseudo area
//! `ZZ99`. The same seed gives the same bytes on every platform.

mod agents;
mod code;
mod composition;
mod content;
mod document;
mod draw;
mod names;
mod patient;
mod prose;
mod record;
mod statement;
mod truth;
mod vocabulary;
mod xml;

#[cfg(test)]
mod schema_tests;

pub use document::{DocumentKind, DocumentReader, DocumentSpec};
pub use patient::{BirthDate, Patient, PersonName, Sex};
pub use record::{RecordEntry, RecordSpec};
pub use truth::RecordTruth;
