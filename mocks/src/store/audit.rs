//! The audit trail as FHIR `AuditEvent`s.

use gp2gp_model::DocumentId;
use gp2gp_model::store::DocumentOperation;
use gp2gp_wire::fhir::searchset;
use serde_json::{Value, json};

use super::route::Operation;
use super::shelf::Entry;

/// A bundle with every entry, or with those about one document.
pub(super) fn bundle(trail: &[Entry], document: Option<&DocumentId>) -> Value {
    let events: Vec<Value> = (trail.iter())
        .filter(|entry| document.is_none_or(|wanted| entry.document.as_ref() == Some(wanted)))
        .map(event)
        .collect();
    searchset(&events)
}

fn event(entry: &Entry) -> Value {
    let operation = entry.operation.map(|operation| operation.to_string());
    let mut event = json!({
        "resourceType": "AuditEvent",
        "type": { "system": "urn:gp2gp:store:audit", "code": operation.as_deref().unwrap_or("unknown") },
        "action": entry.operation.map_or("E", action),
        "recorded": entry.at.to_string(),
        "outcome": match entry.status {
            ..400 => "0",
            400..500 => "4",
            _ => "8",
        },
        "outcomeDesc": format!("{} {}", entry.status, entry.outcome).trim_end(),
        "agent": [{
            "role": entry.role.iter().map(|role| json!({ "text": role.name() })).collect::<Vec<_>>(),
            "userId": { "value": entry.from.as_deref().unwrap_or("unknown") },
            "requestor": true,
        }],
        "source": { "identifier": { "value": "gp2gp document store" } },
    });
    if let Some(id) = &entry.document {
        event["entity"] = json!([{ "reference": { "reference": format!("Binary/{id}") } }]);
    }
    event
}

/// Create, read, update, delete or execute.
const fn action(operation: Operation) -> &'static str {
    match operation {
        Operation::Find
        | Operation::List
        | Operation::Record
        | Operation::State
        | Operation::Audit
        | Operation::Document(DocumentOperation::Read) => "R",
        Operation::Document(DocumentOperation::Archive) => "C",
        Operation::Document(DocumentOperation::Delete) => "D",
        Operation::Document(
            DocumentOperation::Restore
            | DocumentOperation::Lock
            | DocumentOperation::Unlock
            | DocumentOperation::Waive,
        ) => "U",
    }
}
