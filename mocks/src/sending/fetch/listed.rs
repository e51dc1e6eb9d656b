//! Reads what a store says of a patient and of the documents in the record.

use gp2gp_model::{DocumentId, Sha256};
use serde_json::Value;

use crate::peer::HttpResponse;
use crate::store::SHA_256;

/// An entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// As the record links it.
    pub(super) document: DocumentId,
    /// Its own in the store.
    pub(super) in_store: DocumentId,
    /// Where its content is.
    pub(super) url: String,
    pub(super) bytes: Option<u64>,
    pub(super) sha256: Option<Sha256>,
}

/// The logical id of the one patient that was found.
pub(super) fn patient(response: &HttpResponse) -> Option<String> {
    let bundle = bundle(response)?;
    match resources(&bundle).collect::<Vec<_>>().as_slice() {
        [one] if one["resourceType"] == "Patient" => one["id"].as_str().map(str::to_owned),
        _ => None,
    }
}

/// The documents of a list, without those that it does not tell how to fetch.
pub(super) fn documents(response: &HttpResponse) -> Option<Vec<Listed>> {
    let bundle = bundle(response)?;
    let is_document = |resource: &&Value| resource["resourceType"] == "DocumentReference";
    Some(
        resources(&bundle)
            .filter(is_document)
            .filter_map(listed)
            .collect(),
    )
}

fn bundle(response: &HttpResponse) -> Option<Value> {
    let bundle: Value = serde_json::from_slice(&response.body).ok()?;
    (response.status == 200 && bundle["resourceType"] == "Bundle").then_some(bundle)
}

fn resources(bundle: &Value) -> impl Iterator<Item = &Value> {
    let entries = bundle["entry"].as_array().map(Vec::as_slice);
    entries
        .unwrap_or_default()
        .iter()
        .map(|entry| &entry["resource"])
}

fn listed(reference: &Value) -> Option<Listed> {
    let id = |value: &Value| value.as_str().and_then(|text| DocumentId::parse(text).ok());
    let attachment = &reference["content"][0]["attachment"];
    let extensions = attachment["extension"].as_array().map(Vec::as_slice);
    let sha256 = (extensions.unwrap_or_default().iter())
        .find(|extension| extension["url"] == SHA_256)
        .and_then(|extension| extension["valueString"].as_str()?.parse().ok());
    let in_store = id(&reference["id"])?;
    Some(Listed {
        document: id(&reference["masterIdentifier"]["value"]).unwrap_or_else(|| in_store.clone()),
        in_store,
        url: attachment["url"].as_str()?.to_owned(),
        bytes: attachment["size"].as_u64(),
        sha256,
    })
}

#[cfg(test)]
mod tests {
    use gp2gp_model::http::Headers;
    use serde_json::json;

    use super::*;

    fn response(body: &Value) -> HttpResponse {
        HttpResponse {
            status: 200,
            content_type: None,
            headers: Headers::new(),
            body: body.to_string().into(),
        }
    }

    fn bundle_of(resources: &[Value]) -> HttpResponse {
        let entries: Vec<_> = (resources.iter())
            .map(|resource| json!({ "resource": resource }))
            .collect();
        response(&json!({ "resourceType": "Bundle", "entry": entries }))
    }

    #[test]
    fn a_patient_is_found_when_there_is_one() {
        let alice = json!({ "resourceType": "Patient", "id": "patient-1" });
        assert_eq!(
            patient(&bundle_of(std::slice::from_ref(&alice))),
            Some("patient-1".to_owned())
        );
        assert_eq!(patient(&bundle_of(&[alice.clone(), alice.clone()])), None);
        assert_eq!(patient(&bundle_of(&[])), None);
        assert_eq!(
            patient(&bundle_of(&[
                json!({ "resourceType": "Practitioner", "id": "1" })
            ])),
            None
        );
        assert_eq!(
            patient(&response(&json!({ "resourceType": "OperationOutcome" }))),
            None
        );
        let refused = HttpResponse {
            status: 500,
            ..bundle_of(&[alice])
        };
        assert_eq!(patient(&refused), None);
    }

    #[test]
    fn an_entry_that_does_not_say_where_its_content_is_is_left_out() {
        let reference = |attachment: Value| {
            json!({
                "resourceType": "DocumentReference",
                "id": "11111111-2222-4333-8444-555555555555",
                "content": [{ "attachment": attachment }],
            })
        };
        let whole = reference(json!({ "url": "https://s/Binary/1", "size": 7 }));
        let list = bundle_of(&[
            whole,
            reference(json!({ "size": 7 })),
            json!(7),
            Value::Null,
        ]);
        let listed = documents(&list).unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!((listed[0].bytes, listed[0].sha256), (Some(7), None));
        assert_eq!(listed[0].document, listed[0].in_store);
    }

    #[test]
    fn what_is_no_list_is_none() {
        assert_eq!(documents(&response(&json!([]))), None);
        assert_eq!(
            documents(&response(&json!({ "resourceType": "Bundle" }))),
            Some(Vec::new())
        );
        let text = HttpResponse {
            body: "{".into(),
            ..response(&Value::Null)
        };
        assert_eq!(documents(&text), None);
    }
}
