use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::synthetic::{DocumentKind, DocumentSpec, Patient, RecordSpec};

fn record(bytes: u64) -> RecordSpec {
    RecordSpec {
        patient: Patient::generate(1, 0),
        practice: "B83002".parse().unwrap(),
        target_bytes: bytes,
        documents: vec![
            DocumentSpec::generate(1, 0, DocumentKind::Tiff, 5_000)
                .with_file_name("Clinic & letter £.tif"),
        ],
        linked: None,
        entries: Vec::new(),
        redactions: false,
        seed: 5,
        recorded_at: "2026-03-01T09:00:00Z".parse().unwrap(),
    }
}

fn resources(record: &RecordSpec) -> Vec<Value> {
    let bundle = bundle(record, "patient-1", "https://store.invalid").unwrap();
    let bundle: Value = serde_json::from_slice(&bundle).unwrap();
    assert_eq!(bundle["resourceType"], "Bundle");
    let entries = bundle["entry"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| entry["resource"].clone())
        .collect()
}

fn of<'a>(resources: &'a [Value], kind: &str) -> Vec<&'a Value> {
    let of_kind = resources
        .iter()
        .filter(|resource| resource["resourceType"] == kind);
    of_kind.collect()
}

#[test]
fn the_bundle_says_what_the_record_says() {
    let record = record(100_000);
    let xml = String::from_utf8(record.record().to_vec()).unwrap();
    let resources = resources(&record);
    let count = |kind: &str| of(&resources, kind).len();
    assert_eq!(count("Patient"), 1);
    assert_eq!(count("Organization"), 1);
    assert_eq!(count("Practitioner"), xml.matches("<agentPerson ").count());
    assert_eq!(count("Encounter"), xml.matches("<ehrComposition ").count());
    assert_eq!(
        count("Observation"),
        xml.matches("<ObservationStatement ").count() + xml.matches("<NarrativeStatement ").count()
            - record.documents.len()
    );
    assert_eq!(
        count("MedicationRequest"),
        xml.matches("<MedicationStatement ").count()
    );
    assert_eq!(count("DocumentReference"), 1);
    for resource in &resources {
        let id = resource["id"].as_str().unwrap();
        let is_there = id == "patient-1" || xml.contains(&format!(r#"root="{id}""#));
        assert!(is_there, "{resource}");
    }
}

#[test]
fn names_values_and_texts_are_those_of_the_record() {
    let record = record(100_000);
    let xml = String::from_utf8(record.record().to_vec()).unwrap();
    let resources = resources(&record);
    let organization = of(&resources, "Organization")[0].clone();
    assert_eq!(organization["identifier"][0]["value"], "B83002");
    let name = organization["name"].as_str().unwrap();
    assert!(name.ends_with("& District Surgery"), "{name}");
    for person in of(&resources, "Practitioner") {
        let family = person["name"][0]["family"].as_str().unwrap();
        assert!(
            !family.is_empty()
                && xml.contains(&family.replace('\'', "&apos;")) | xml.contains(family)
        );
    }
    let valued = of(&resources, "Observation");
    let valued: Vec<_> = valued
        .iter()
        .filter(|one| one.get("valueQuantity").is_some())
        .collect();
    assert_eq!(valued.len(), xml.matches(r#"<value xsi:type="PQ""#).count());
    assert!(!valued.is_empty());
    for one in valued {
        let quantity = &one["valueQuantity"];
        let written = format!(r#"<value xsi:type="PQ" value="{}""#, quantity["value"]);
        assert!(xml.contains(&written), "{one}");
        assert!(!quantity["unit"].as_str().unwrap().is_empty(), "{one}");
        assert!(
            one["code"]["coding"].as_array().unwrap().len() == 2,
            "{one}"
        );
    }
    let texts = of(&resources, "Observation")
        .into_iter()
        .filter_map(|one| one["comment"].as_str());
    assert!(texts.clone().any(|text| text.contains('&')));
    assert!(texts.clone().any(|text| text.contains('£')));
}

#[test]
fn every_reference_inside_the_bundle_resolves() {
    let resources = resources(&record(100_000));
    let there: BTreeSet<String> = (resources.iter())
        .map(|one| {
            format!(
                "{}/{}",
                one["resourceType"].as_str().unwrap(),
                one["id"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(there.len(), resources.len(), "ids are unique");
    let mut asked = 0;
    for resource in &resources {
        for reference in references(resource) {
            assert!(there.contains(&reference), "{reference} in {resource}");
            asked += 1;
        }
    }
    assert!(asked > resources.len());
}

#[test]
fn a_document_of_the_record_is_the_one_of_the_store() {
    let record = record(50_000);
    let resources = resources(&record);
    let document = of(&resources, "DocumentReference")[0];
    let attachment = &document["content"][0]["attachment"];
    assert_eq!(document["id"], record.documents[0].id.as_str());
    assert_eq!(attachment["title"], "Clinic & letter £.tif");
    assert_eq!(attachment["size"], 5_000);
    let url = format!("https://store.invalid/Binary/{}", record.documents[0].id);
    assert_eq!(attachment["url"], url);
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => (members.iter())
            .flat_map(|(name, value)| match (name.as_str(), value) {
                ("reference", Value::String(text)) => vec![text.clone()],
                _ => references(value),
            })
            .collect(),
        Value::Array(values) => values.iter().flat_map(references).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}
