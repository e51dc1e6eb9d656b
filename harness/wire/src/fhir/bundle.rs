//! Sets of search results.

use serde_json::{Value, json};

use super::{FhirError, check_type, resource};

/// A set of search results, all of them.
pub fn searchset(resources: &[Value]) -> Value {
    let entries: Vec<Value> = (resources.iter())
        .map(|resource| json!({ "resource": resource, "search": { "mode": "match" } }))
        .collect();
    json!({
        "resourceType": "Bundle",
        "type": "searchset",
        "total": entries.len(),
        "entry": entries,
    })
}

/// The resources of a set of results, which are all of this type. What a server says beside them
/// is passed over.
pub(crate) fn matches(expected: &'static str, body: &[u8]) -> Result<Vec<Value>, FhirError> {
    let mut bundle = resource("Bundle", body)?;
    let kind = bundle["type"].as_str().unwrap_or_default();
    if kind != "searchset" {
        return Err(FhirError::Another {
            expected: "a Bundle of search results",
            found: format!("a Bundle of type `{}`", super::shortened(kind)),
        });
    }
    let entries = match bundle["entry"].take() {
        Value::Array(entries) => entries,
        Value::Null => Vec::new(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            return Err(FhirError::Wrong {
                resource: "Bundle",
                what: "entry",
                why: "it is no list".to_owned(),
            });
        }
    };
    let found: Vec<Value> = (entries.into_iter())
        .filter(|entry| entry["search"]["mode"] != "outcome")
        .map(|mut entry| entry["resource"].take())
        .collect();
    match bundle["total"].as_u64() {
        Some(said) if said != found.len() as u64 => {
            let found = found.len();
            return Err(FhirError::Incomplete { said, found });
        }
        Some(_) | None => {}
    }
    found
        .iter()
        .try_for_each(|value| check_type(expected, value))?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bundle: &Value) -> Result<Vec<Value>, String> {
        matches("Device", bundle.to_string().as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn results_are_read_as_they_were_written() {
        let device = json!({ "resourceType": "Device", "id": "1" });
        for devices in [vec![], vec![device.clone()], vec![device.clone(), device]] {
            assert_eq!(read(&searchset(&devices)).unwrap(), devices);
        }
        let bare = json!({ "resourceType": "Bundle", "type": "searchset" });
        assert_eq!(read(&bare), Ok(Vec::new()));
    }

    #[test]
    fn a_warning_among_results_is_no_result() {
        let mut bundle = searchset(&[json!({ "resourceType": "Device" })]);
        let warning = json!({
            "resource": { "resourceType": "OperationOutcome" },
            "search": { "mode": "outcome" },
        });
        bundle["entry"].as_array_mut().unwrap().push(warning);
        assert_eq!(read(&bundle).map(|found| found.len()), Ok(1));
    }

    #[test]
    fn whatever_is_no_whole_set_of_devices_is_refused_by_name() {
        let device = json!({ "resourceType": "Device" });
        let mut page = searchset(std::slice::from_ref(&device));
        page["total"] = json!(2);
        for (body, error) in [
            (page, "bundle says that there are 2 results and has 1"),
            (device, "body is Device, not Bundle"),
            (
                json!({ "resourceType": "OperationOutcome" }),
                "body is OperationOutcome, not Bundle",
            ),
            (json!([]), "body is no resource, not Bundle"),
            (
                json!({ "resourceType": "Bundle", "type": "history" }),
                "body is a Bundle of type `history`, not a Bundle of search results",
            ),
            (
                json!({ "resourceType": "Bundle", "type": "searchset", "entry": {} }),
                "Bundle has a wrong entry: it is no list",
            ),
            (
                searchset(&[json!({ "resourceType": "Endpoint" })]),
                "body is Endpoint, not Device",
            ),
        ] {
            assert_eq!(read(&body).unwrap_err(), error);
        }
        let whole = searchset(&[json!({ "resourceType": "Device" })]).to_string();
        let half = &whole.as_bytes()[..whole.len() / 2];
        let error = matches("Device", half).unwrap_err().to_string();
        assert!(error.starts_with("body is no JSON: EOF"), "{error}");
        let error = matches("Device", b"<html>").unwrap_err().to_string();
        assert!(error.starts_with("body is no JSON: "), "{error}");
    }
}
