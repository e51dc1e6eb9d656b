//! From method and path to what is wanted.

use std::borrow::Cow;
use std::fmt;

use gp2gp_model::http::Method;
use gp2gp_model::store::DocumentOperation;
use gp2gp_model::{DocumentId, NhsNumber};
use percent_encoding::percent_decode_str;

use super::fhir;
use super::outcome::{Code, Refusal};

/// What a request wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// `GET /Patient?identifier=...`
    FindPatient {
        /// What was given as identifier.
        identifier: String,
    },
    /// `GET /Patient/{id}/DocumentReference`
    List {
        /// Logical id.
        patient: String,
    },
    /// `POST /Patient/$gpc.migratestructuredrecord`
    Record,
    /// `GET /records/{number}`
    RecordSource {
        /// Whose.
        patient: NhsNumber,
    },
    /// `GET /Binary/{id}` and whatever else is done to a document.
    Document {
        /// Which.
        id: DocumentId,
        /// What.
        operation: DocumentOperation,
    },
    /// `GET /Binary/{id}/$state`
    State {
        /// Of which document.
        id: DocumentId,
    },
    /// `GET /$audit`, `GET /$audit?document={id}`
    Audit {
        /// Of this document only.
        document: Option<DocumentId>,
    },
}

/// What is done, as the audit trail and the faults speak of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Finding a patient.
    Find,
    /// Listing the documents of a patient.
    List,
    /// Reading the structured record, in either form.
    Record,
    /// Something with one document.
    Document(DocumentOperation),
    /// Reading where a document stands.
    State,
    /// Reading the audit trail.
    Audit,
}

impl Route {
    /// The route of a request.
    pub(super) fn of(method: Method, target: &str) -> Result<Self, Refusal> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let is_read = matches!(method, Method::Get | Method::Head);
        match segments.as_slice() {
            ["Patient"] if is_read => find_patient(query),
            ["Patient"] => Err(not_allowed(method, "GET, HEAD")),
            ["Patient", "$gpc.migratestructuredrecord"] if method.is_post() => Ok(Self::Record),
            ["Patient", "$gpc.migratestructuredrecord"] => Err(not_allowed(method, "POST")),
            ["Patient", id, "DocumentReference"] if is_read => {
                check_filters(query)?;
                Ok(Self::List {
                    patient: decoded(id)?.into_owned(),
                })
            }
            ["Patient", _, "DocumentReference"] => Err(not_allowed(method, "GET, HEAD")),
            ["records", number] if is_read => {
                let patient = fhir::nhs_number(&decoded(number)?)
                    .map_err(|why| Refusal::new(Code::InvalidNhsNumber, why))?;
                Ok(Self::RecordSource { patient })
            }
            ["records", _] => Err(not_allowed(method, "GET, HEAD")),
            ["Binary", id] => {
                let operation = match method {
                    Method::Get | Method::Head => DocumentOperation::Read,
                    Method::Delete => DocumentOperation::Delete,
                    Method::Post | Method::Put | Method::Patch => {
                        return Err(not_allowed(method, "GET, HEAD, DELETE"));
                    }
                };
                let id = document_id(id)?;
                Ok(Self::Document { id, operation })
            }
            ["Binary", id, "$state"] if is_read => Ok(Self::State {
                id: document_id(id)?,
            }),
            ["Binary", _, "$state"] => Err(not_allowed(method, "GET, HEAD")),
            ["Binary", id, verb] => {
                let operation = verb_of(verb).ok_or_else(|| no_such_path(path))?;
                if !method.is_post() {
                    return Err(not_allowed(method, "POST"));
                }
                let id = document_id(id)?;
                Ok(Self::Document { id, operation })
            }
            ["$audit"] if is_read => Ok(Self::Audit {
                document: parameter(query, "document")?
                    .map(|text| document_id(&text))
                    .transpose()?,
            }),
            ["$audit"] => Err(not_allowed(method, "GET, HEAD")),
            _ => Err(no_such_path(path)),
        }
    }

    /// The document that it is about, if about one.
    pub(super) const fn document(&self) -> Option<&DocumentId> {
        match self {
            Self::Document { id, .. } | Self::State { id } => Some(id),
            Self::FindPatient { .. }
            | Self::List { .. }
            | Self::Record
            | Self::RecordSource { .. }
            | Self::Audit { .. } => None,
        }
    }

    pub(super) const fn operation(&self) -> Operation {
        match self {
            Self::FindPatient { .. } => Operation::Find,
            Self::List { .. } => Operation::List,
            Self::Record | Self::RecordSource { .. } => Operation::Record,
            Self::Document { operation, .. } => Operation::Document(*operation),
            Self::State { .. } => Operation::State,
            Self::Audit { .. } => Operation::Audit,
        }
    }
}

impl Operation {
    /// Interaction ids of which one must be named.
    pub(super) const fn interactions(self) -> &'static [&'static str] {
        match self {
            Self::Find => {
                &["urn:nhs:names:services:gpconnect:documents:fhir:rest:search:patient-1"]
            }
            Self::List => {
                &["urn:nhs:names:services:gpconnect:documents:fhir:rest:search:documentreference-1"]
            }
            Self::Record => {
                &["urn:nhs:names:services:gpconnect:fhir:operation:gpc.migratestructuredrecord-1"]
            }
            Self::Document(DocumentOperation::Read) => &[
                "urn:nhs:names:services:gpconnect:documents:fhir:rest:read:binary-1",
                "urn:nhs:names:services:gpconnect:documents:fhir:rest:migrate:binary-1",
            ],
            Self::Document(
                DocumentOperation::Archive
                | DocumentOperation::Delete
                | DocumentOperation::Restore
                | DocumentOperation::Lock
                | DocumentOperation::Unlock
                | DocumentOperation::Waive,
            )
            | Self::State
            | Self::Audit => &["urn:gp2gp:store:manage-1"],
        }
    }

    /// Whether GP Connect knows it, as opposed to the management of the store.
    pub(super) fn is_gp_connect(self) -> bool {
        self.is_read() || matches!(self, Self::Find | Self::List | Self::Record)
    }

    pub(super) fn is_read(self) -> bool {
        self == Self::Document(DocumentOperation::Read)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Find => "find a patient",
            Self::List => "list",
            Self::Record => "record",
            Self::Document(operation) => operation.name(),
            Self::State => "read a state",
            Self::Audit => "read the audit trail",
        })
    }
}

fn verb_of(text: &str) -> Option<DocumentOperation> {
    let operation = match text {
        "$archive" => DocumentOperation::Archive,
        "$restore" => DocumentOperation::Restore,
        "$lock" => DocumentOperation::Lock,
        "$unlock" => DocumentOperation::Unlock,
        "$waive" => DocumentOperation::Waive,
        _ => return None,
    };
    Some(operation)
}

fn find_patient(query: &str) -> Result<Route, Refusal> {
    let identifier = parameter(query, "identifier")?
        .ok_or_else(|| Refusal::new(Code::BadRequest, "parameter identifier is missing"))?;
    Ok(Route::FindPatient { identifier })
}

/// A filter that is not applied would give a list that is not what was asked for.
fn check_filters(query: &str) -> Result<(), Refusal> {
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let name = pair.split('=').next().unwrap_or_default();
        if !name.starts_with('_') {
            let why = format!("parameter {name} is not supported");
            return Err(Refusal::new(Code::InvalidParameter, why));
        }
    }
    Ok(())
}

fn parameter(query: &str, name: &str) -> Result<Option<String>, Refusal> {
    let value = (query.split('&'))
        .filter_map(|pair| pair.split_once('='))
        .find(|(own, _)| *own == name);
    value
        .map(|(_, value)| Ok(decoded(value)?.into_owned()))
        .transpose()
}

fn decoded(text: &str) -> Result<Cow<'_, str>, Refusal> {
    percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| Refusal::new(Code::BadRequest, format!("`{text}` is not UTF-8")))
}

fn document_id(text: &str) -> Result<DocumentId, Refusal> {
    DocumentId::parse(&decoded(text)?)
        .map_err(|error| Refusal::new(Code::InvalidParameter, error.to_string()))
}

fn no_such_path(path: &str) -> Refusal {
    let path: String = path.chars().take(200).collect();
    Refusal::new(Code::NoSuchPath, format!("nothing at {path}"))
}

fn not_allowed(method: Method, allowed: &str) -> Refusal {
    let why = format!("method is {method}, this path knows {allowed}");
    Refusal::new(Code::MethodNotAllowed, why).with_header("Allow", allowed)
}
