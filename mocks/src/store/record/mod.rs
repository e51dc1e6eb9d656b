//! The structured record as a FHIR bundle: patient, practice, people, occasions, and what was
//! seen, said, given and filed on each.

mod read;
#[cfg(test)]
mod tests;

use gp2gp_model::NhsNumber;
use serde_json::{Value, json};

use self::read::{Agent, Coding, Encounter, Item, Kind, Statement};
use super::fhir;
use super::outcome::{Code, Refusal};
use crate::synthetic::RecordSpec;

/// Whose record is asked for: a `Parameters` with `patientNHSNumber` as `valueIdentifier`.
pub(super) fn asked_for(content_type: &str, body: &[u8]) -> Result<NhsNumber, Refusal> {
    if !content_type.to_ascii_lowercase().contains("json") {
        let why = format!("Content-Type is `{content_type}`, application/fhir+json is understood");
        return Err(Refusal::new(Code::UnsupportedType, why));
    }
    let invalid = |why: String| Refusal::new(Code::InvalidResource, why);
    let parameters: Value = serde_json::from_slice(body)
        .map_err(|error| invalid(format!("body is not JSON: {error}")))?;
    if parameters.get("resourceType").and_then(Value::as_str) != Some("Parameters") {
        return Err(invalid("body is no Parameters".to_owned()));
    }
    let identifier = parameters
        .get("parameter")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .find(|parameter| parameter.get("name").and_then(Value::as_str) == Some(PATIENT))
        .and_then(|parameter| parameter.get("valueIdentifier"))
        .ok_or_else(|| {
            let why = format!("parameter {PATIENT} is missing or has no valueIdentifier");
            Refusal::new(Code::InvalidParameter, why)
        })?;
    let text = |name| identifier.get(name).and_then(Value::as_str);
    let number = match (text("system"), text("value")) {
        (Some(system), Some(value)) => fhir::nhs_number(&format!("{system}|{value}")),
        (None, _) => Err("identifier has no system".to_owned()),
        (_, None) => Err("identifier has no value".to_owned()),
    };
    number.map_err(|why| Refusal::new(Code::InvalidNhsNumber, why))
}

/// Name of the parameter that says whose record.
pub(super) const PATIENT: &str = "patientNHSNumber";

/// The bundle. Entries are written one by one, so that a large record is never a tree.
pub(super) fn bundle(
    record: &RecordSpec,
    patient_id: &str,
    base: &str,
) -> Result<Vec<u8>, Refusal> {
    let xml = record.record();
    let mut writer = Writer {
        text: br#"{"resourceType":"Bundle","meta":{"profile":["https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-StructuredRecord-Bundle-1"]},"type":"collection","entry":["#.to_vec(),
        is_first: true,
    };
    let context = Context {
        record,
        patient: format!("Patient/{patient_id}"),
        base,
    };
    writer.add(&fhir::patient(
        &record.patient,
        patient_id,
        &record.practice,
    ));
    let mut encounter = None;
    read::items(&xml, |item| {
        let resource = match item {
            Item::Organization(agent) => organization(&agent),
            Item::Practitioner(agent) => practitioner(&agent),
            Item::Encounter(found) => {
                encounter = Some(format!("Encounter/{}", found.id));
                context.encounter(&found)
            }
            Item::Statement(statement) => context.statement(&statement, encounter.as_deref()),
        };
        writer.add(&resource);
    })
    .map_err(|error| Refusal::new(Code::Internal, error.to_string()))?;
    writer.text.extend_from_slice(b"]}");
    Ok(writer.text)
}

struct Writer {
    text: Vec<u8>,
    is_first: bool,
}

impl Writer {
    fn add(&mut self, resource: &Value) {
        let comma = if self.is_first { "" } else { "," };
        self.is_first = false;
        let entry = format!("{comma}{}", json!({ "resource": resource }));
        self.text.extend_from_slice(entry.as_bytes());
    }
}

/// What every resource of a record refers to.
struct Context<'a> {
    record: &'a RecordSpec,
    patient: String,
    base: &'a str,
}

impl Context<'_> {
    fn encounter(&self, encounter: &Encounter) -> Value {
        let mut resource = json!({
            "resourceType": "Encounter",
            "id": encounter.id,
            "status": "finished",
            "subject": { "reference": self.patient },
            "period": { "start": encounter.day },
            "serviceProvider": { "identifier": fhir::ods(&self.record.practice) },
        });
        if let Some(code) = &encounter.code {
            resource["type"] = json!([concept(std::slice::from_ref(code))]);
        }
        if let Some(author) = &encounter.author {
            let author = json!({ "reference": format!("Practitioner/{author}") });
            resource["participant"] = json!([{ "individual": author }]);
        }
        resource
    }

    fn statement(&self, statement: &Statement, encounter: Option<&str>) -> Value {
        match (statement.kind, &statement.document) {
            (Kind::Narrative, Some(_)) => self.document(statement),
            (Kind::Observation | Kind::Narrative, _) => self.observation(statement, encounter),
            (Kind::Medication { is_plan }, _) => self.medication(statement, is_plan, encounter),
        }
    }

    fn observation(&self, statement: &Statement, encounter: Option<&str>) -> Value {
        let mut resource = json!({
            "resourceType": "Observation",
            "id": statement.id,
            "status": "final",
            "code": match statement.kind {
                Kind::Narrative => concept(&[comment_note()]),
                Kind::Observation | Kind::Medication { .. } => concept(&statement.codings),
            },
            "subject": { "reference": self.patient },
            "effectiveDateTime": statement.day,
        });
        if let Some(encounter) = encounter {
            resource["context"] = json!({ "reference": encounter });
        }
        if let Some(performer) = &statement.performer {
            resource["performer"] = json!([{ "reference": format!("Practitioner/{performer}") }]);
        }
        if let Some((value, unit)) = &statement.value {
            // Numbers as they are written: `7.0` is not `7`.
            let number = serde_json::from_str::<Value>(value).unwrap_or(Value::Null);
            resource["valueQuantity"] = json!({ "value": number, "unit": unit });
        }
        if !statement.text.is_empty() {
            resource["comment"] = json!(statement.text);
        }
        resource
    }

    fn medication(&self, statement: &Statement, is_plan: bool, encounter: Option<&str>) -> Value {
        let mut resource = json!({
            "resourceType": "MedicationRequest",
            "id": statement.id,
            "intent": if is_plan { "plan" } else { "order" },
            "medicationCodeableConcept": concept(&statement.codings),
            "subject": { "reference": self.patient },
            "authoredOn": statement.day,
            "dosageInstruction": [{ "text": statement.text }],
        });
        if let Some(encounter) = encounter {
            resource["context"] = json!({ "reference": encounter });
        }
        resource
    }

    /// A document as the record speaks of it; the list of documents says the same.
    fn document(&self, statement: &Statement) -> Value {
        let filed = (self.record.documents.iter())
            .find(|document| Some(&document.id) == statement.document.as_ref());
        let attachment = match (filed, &statement.document) {
            (Some(spec), _) => json!({
                "contentType": spec.media_type,
                "url": fhir::binary_url(self.base, &spec.id),
                "size": spec.bytes,
                "title": spec.file_name,
            }),
            (None, Some(id)) => json!({ "url": fhir::binary_url(self.base, id) }),
            (None, None) => json!({}),
        };
        json!({
            "resourceType": "DocumentReference",
            "id": statement.document.as_ref().map_or(statement.id.as_str(), |id| id.as_str()),
            "status": "current",
            "subject": { "reference": self.patient },
            "description": statement.text,
            "created": statement.day,
            "content": [{ "attachment": attachment }],
        })
    }
}

fn organization(agent: &Agent) -> Value {
    json!({
        "resourceType": "Organization",
        "id": agent.id,
        "identifier": [{ "system": fhir::ODS, "value": agent.number }],
        "name": agent.name.join(" "),
    })
}

fn practitioner(agent: &Agent) -> Value {
    let part = |at: usize| agent.name.get(at).map_or("", String::as_str);
    json!({
        "resourceType": "Practitioner",
        "id": agent.id,
        "identifier": [{
            "system": "https://fhir.nhs.uk/Id/sds-user-id",
            "value": agent.number,
        }],
        "name": [{ "prefix": [part(0)], "given": [part(1)], "family": part(2) }],
    })
}

fn concept(codings: &[Coding]) -> Value {
    let written: Vec<Value> = (codings.iter())
        .map(|coding| {
            json!({
                "system": system(&coding.system),
                "code": coding.code,
                "display": coding.term,
            })
        })
        .collect();
    let text = codings.first().map_or("", |coding| coding.term.as_str());
    json!({ "coding": written, "text": text })
}

fn comment_note() -> Coding {
    Coding {
        system: SNOMED.to_owned(),
        code: "37331000000100".to_owned(),
        term: "Comment note".to_owned(),
    }
}

const SNOMED: &str = "2.16.840.1.113883.2.1.3.2.4.15";

fn system(oid: &str) -> String {
    match oid {
        SNOMED => "http://snomed.info/sct".to_owned(),
        other => format!("urn:oid:{other}"),
    }
}
