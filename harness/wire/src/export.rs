//! What the systems of an export say to each other: JSON over HTTP.
//!
//! | who | request | body | answer |
//! |---|---|---|---|
//! | practice or desk to clearing house, clearing house to importing practice | `PUT /packages/{package}`, to the clearing house with `Acting-Role` | [`Opening`] | 201; 403 from those who may not export |
//! | | `PUT /packages/{package}/documents/{document}` with `Content-Range` | a part of the document | 200 |
//! | | `PUT /packages/{package}/record` with `Content-Range` | a part of the clinical record | 200 |
//! | | `POST /packages/{package}/$seal` | [`Contents`] | 200 and [`Receipt`]; 422 where something is missing or broken |
//! | | `DELETE /packages/{package}` | | 204: it was given up |
//! | desk to clearing house | `GET /packages?patient={reference}` | | 200 and a list of [`Known`] |
//! | practice to desk | `POST /tickets` | [`Ticket`] | 201 and [`Raised`]; 422 where it cannot be matched |
//! | desk to health board | `POST /permissions` | [`PermissionRequest`] | 202 |
//! | health board to desk | `POST /rulings`, `Acting-Role` | [`RulingOn`] | 200; 403 from anybody else |
//! | clearing house to desk | `POST /restore-orders` | [`RestoreOrder`] | 202 |
//! | desk to practice | `POST /cases/{reference}` | [`Word`] | 200 |
//! | anybody to desk or clearing house | `GET /audit` | | 200 and a list of [`Attempt`], oldest first |
//!
//! Every request may be repeated under the same ids: what is done already is answered again. Parts
//! of a document come in order, and each begins where the one before it ended.

use gp2gp_model::export::Ruling;
use gp2gp_model::store::ActingRole;
use gp2gp_model::{DocumentId, NhsNumber, Sha256, Time};
use serde::{Deserialize, Serialize};

/// Opens a package: who exports whom, when, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// The patient's clinical reference.
    pub patient: NhsNumber,
    /// When the export began: with the patient, what it is known by.
    pub exported_at: Time,
    /// The box "include GP2GP information" is ticked.
    pub gp2gp_information: bool,
    /// Of the support desk: for which ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

/// What a sealed package holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The documents.
    pub documents: Vec<Packed>,
    /// The clinical record is in it.
    pub record: bool,
}

/// A document of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packed {
    /// Its number in the store.
    pub document: DocumentId,
    /// Its name in the store.
    pub file_name: String,
    /// Its type.
    pub media_type: String,
    /// Digest of its content.
    pub sha256: Sha256,
    /// Its size.
    pub bytes: u64,
}

/// What the clearing house says to a sealed package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What becomes of it.
    pub package: Fate,
}

/// What becomes of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It is taken, and will be delivered.
    Accepted,
    /// It was delivered.
    Delivered,
    /// It is flagged as a duplicate and not delivered; what it duplicates was delivered before.
    Held,
    /// It is flagged as a duplicate, and nothing of the patient is delivered: the record has to
    /// be restored and exported again.
    Recalled,
}

/// A package that the clearing house has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its id.
    pub package: String,
    /// When the export began.
    pub exported_at: Time,
    /// What became of it.
    pub fate: Fate,
    /// What it holds.
    pub contents: Contents,
}

/// Asks the support desk to look into an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The patient's clinical reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<NhsNumber>,
    /// Date and time of the export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exported_at: Option<Time>,
    /// Documents that the practice sees in the record.
    pub left: Vec<DocumentId>,
}

/// The desk has taken a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raised {
    /// Its number.
    pub ticket: String,
}

/// Asks for permission to delete by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionRequest {
    /// For which ticket.
    pub ticket: String,
    /// Whose documents.
    pub patient: NhsNumber,
    /// Which.
    pub documents: Vec<DocumentId>,
    /// All of them were exported.
    pub exported: bool,
    /// All of them have an archive copy from which they can be restored.
    pub restorable: bool,
}

/// The decision on such a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulingOn {
    /// Of which ticket.
    pub ticket: String,
    /// Which documents it covers.
    pub documents: Vec<DocumentId>,
    /// What was decided.
    pub ruling: Ruling,
}

/// Orders that a record is restored: a duplicate was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreOrder {
    /// Whose record.
    pub patient: NhsNumber,
    /// Documents of the stopped packages.
    pub documents: Vec<DocumentId>,
}

/// What the desk tells the practice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// What came of it.
    pub outcome: DeskOutcome,
    /// Why, for people.
    pub why: String,
    /// Of a restored record: the documents that have to be exported again, and no others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<DocumentId>,
}

/// What came of a case at the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeskOutcome {
    /// Nothing is left in the record.
    Closed,
    /// Documents stay in the record.
    Kept,
    /// The export was never made.
    NeverMade,
    /// The record is restored.
    Restored,
}

/// Something for which one has to have the right, done or refused: a line of an audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When.
    pub at: Time,
    /// As whom; `None` where that was not said.
    pub role: Option<ActingRole>,
    /// What.
    pub action: Action,
    /// The package, or the ticket.
    pub about: String,
    /// HTTP status: below 400 it was done.
    pub status: u16,
}

/// What one has to have the right for, outside the document store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Open a package.
    Export,
    /// Decide on deleting by hand.
    Permit,
}

/// Path of a package.
pub fn package_path(package: &str) -> String {
    format!("/packages/{package}")
}

/// Path of a document of a package.
pub fn document_path(package: &str, document: &DocumentId) -> String {
    format!("/packages/{package}/documents/{document}")
}

/// Path of the clinical record of a package.
pub fn record_path(package: &str) -> String {
    format!("/packages/{package}/record")
}

/// Path that seals a package.
pub fn seal_path(package: &str) -> String {
    format!("/packages/{package}/$seal")
}

/// Path of the packages of a patient.
pub fn packages_of_path(patient: NhsNumber) -> String {
    format!("/packages?patient={patient}")
}

/// Path of a patient's case at the practice.
pub fn case_path(patient: NhsNumber) -> String {
    format!("/cases/{patient}")
}

/// Path of tickets.
pub const TICKETS: &str = "/tickets";
/// Path of requests for permission.
pub const PERMISSIONS: &str = "/permissions";
/// Path of decisions.
pub const RULINGS: &str = "/rulings";
/// Path of orders to restore.
pub const RESTORE_ORDERS: &str = "/restore-orders";
/// Path of an audit trail.
pub const AUDIT: &str = "/audit";
/// Type of every body that is no part of a document.
pub const JSON: &str = "application/json";

/// Where a request of an export goes within its recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// A package as a whole.
    Package(&'a str),
    /// A document of a package, by its number in the store.
    Document {
        /// Which package.
        package: &'a str,
        /// Which document.
        document: &'a str,
    },
    /// The clinical record of a package.
    Record(&'a str),
    /// The seal of a package.
    Seal(&'a str),
    /// The packages of a patient.
    PackagesOf(&'a str),
    /// A patient's case.
    Case(&'a str),
    /// [`TICKETS`].
    Tickets,
    /// [`PERMISSIONS`].
    Permissions,
    /// [`RULINGS`].
    Rulings,
    /// [`RESTORE_ORDERS`].
    RestoreOrders,
    /// [`AUDIT`].
    Audit,
}

impl<'a> Place<'a> {
    /// Reads a path; `None` where nothing is.
    pub fn of(path: &'a str) -> Option<Self> {
        if let Some(patient) = path.strip_prefix("/packages?patient=") {
            return Some(Self::PackagesOf(patient));
        }
        match path {
            TICKETS => return Some(Self::Tickets),
            PERMISSIONS => return Some(Self::Permissions),
            RULINGS => return Some(Self::Rulings),
            RESTORE_ORDERS => return Some(Self::RestoreOrders),
            AUDIT => return Some(Self::Audit),
            _ => {}
        }
        if let Some(patient) = path.strip_prefix("/cases/") {
            return Some(Self::Case(patient));
        }
        let segments: Vec<&str> = path.strip_prefix("/packages/")?.split('/').collect();
        match segments.as_slice() {
            [package] => Some(Self::Package(package)),
            [package, "record"] => Some(Self::Record(package)),
            [package, "$seal"] => Some(Self::Seal(package)),
            [package, "documents", document] => Some(Self::Document { package, document }),
            _ => None,
        }
    }
}

/// A part of a whole: `bytes 0-99/1234`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// First byte.
    pub start: u64,
    /// Byte behind the last.
    pub end: u64,
    /// Size of the whole.
    pub total: u64,
}

impl ContentRange {
    /// Reads the header. An empty whole is written `bytes */0`.
    pub fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
        let total = total.parse().ok()?;
        let (start, end) = match range.split_once('-') {
            Some((start, last)) => (
                start.parse().ok()?,
                last.parse::<u64>().ok()?.checked_add(1)?,
            ),
            None if range == "*" && total == 0 => (0, 0),
            None => return None,
        };
        (start <= end && end <= total).then_some(Self { start, end, total })
    }
}

impl std::fmt::Display for ContentRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.end.checked_sub(1) {
            Some(last) if self.total > 0 => {
                write!(f, "bytes {}-{last}/{}", self.start, self.total)
            }
            Some(_) | None => write!(f, "bytes */{}", self.total),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_they_are_written() {
        let document = DocumentId::parse("ABC").unwrap();
        let patient = NhsNumber::synthetic(1).unwrap();
        let id = patient.to_string();
        for (path, place) in [
            (package_path("P1"), Place::Package("P1")),
            (record_path("P1"), Place::Record("P1")),
            (seal_path("P1"), Place::Seal("P1")),
            (packages_of_path(patient), Place::PackagesOf(&id)),
            (case_path(patient), Place::Case(&id)),
            (TICKETS.to_owned(), Place::Tickets),
            (AUDIT.to_owned(), Place::Audit),
        ] {
            assert_eq!(Place::of(&path), Some(place), "{path}");
        }
        let path = document_path("P1", &document);
        assert!(matches!(
            Place::of(&path),
            Some(Place::Document { package: "P1", .. })
        ));
        assert_eq!(Place::of("/packages/P1/other"), None);
        assert_eq!(Place::of("/"), None);
    }

    #[test]
    fn ranges_survive_their_text_and_lie_within_the_whole() {
        for range in [
            ContentRange {
                start: 0,
                end: 10,
                total: 10,
            },
            ContentRange {
                start: 4,
                end: 6,
                total: 10,
            },
            ContentRange {
                start: 0,
                end: 0,
                total: 0,
            },
        ] {
            assert_eq!(ContentRange::parse(&range.to_string()), Some(range));
        }
        for wrong in [
            "bytes 5-3/10",
            "bytes 0-10/10",
            "bytes */9",
            "0-1/2",
            "bytes 0-18446744073709551615/1",
        ] {
            assert_eq!(ContentRange::parse(wrong), None, "{wrong}");
        }
    }
}
