//! The form of an extract against real extracts and the published schemas, where they lie beside the
//! repository.

#![cfg(test)]

mod support;

use std::ops::Range;
use std::path::Path;

use gp2gp_wire::hl7::{Departure, ExtractVersion, departures};
use gp2gp_wire::recording;
use roxmltree::{Document, Node};

/// Real payloads, with where they come from.
fn real_extracts(corpus: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for path in support::files(corpus) {
        let bytes = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let payload = match path.extension().and_then(|kind| kind.to_str()) {
            Some("xml") => bytes,
            _ => match recording::read(&bytes.into()) {
                Ok(recorded) => recorded.received.payload_xml.to_vec(),
                Err(_) => continue,
            },
        };
        let is_extract = |version: ExtractVersion| {
            let head = String::from_utf8_lossy(&payload[..payload.len().min(400)]).into_owned();
            head.contains(&format!("<{}", version.interaction().id()))
        };
        if is_extract(ExtractVersion::Uk06) || is_extract(ExtractVersion::Uk07) {
            found.push((name, payload));
        }
    }
    found
}

fn first(payload: &[u8], version: ExtractVersion) -> Option<Departure> {
    departures(payload, version, 1).unwrap().into_iter().next()
}

#[test]
fn whatever_real_extract_the_schema_takes_has_its_form() {
    let (Some(corpus), Some(schemas)) = (support::corpus(), support::schemas()) else {
        return;
    };
    let extracts = real_extracts(&corpus);
    assert!(extracts.len() >= 4, "{}", extracts.len());
    for (name, payload) in extracts {
        let schema = schemas.join("RCMR_IN030000UK06.xsd");
        let Some(verdict) = support::xmllint(&schema, &payload) else {
            return;
        };
        let departure = first(&payload, ExtractVersion::Uk06);
        eprintln!("{name}: {verdict:?} {departure:?}");
        if verdict.is_ok() {
            assert_eq!(departure, None, "{name}");
        }
    }
}

/// Every so many elements are left out, exchanged with the next, doubled and renamed. The schema's
/// verdict on what comes out is the form's verdict.
#[test]
fn the_form_and_the_schema_agree_on_what_was_spoiled() {
    const STEP: usize = 29;
    let (Some(corpus), Some(schemas)) = (support::corpus(), support::schemas()) else {
        return;
    };
    let payload = std::fs::read_to_string(corpus.join("extracts/extract-133KB.xml")).unwrap();
    let schema = schemas.join("RCMR_IN030000UK06.xsd");
    let document = Document::parse(&payload).unwrap();
    let elements = document.root_element().descendants().skip(1);
    let elements: Vec<Node<'_, '_>> = elements.filter(Node::is_element).collect();
    let (mut agreed, mut refused) = (0, 0);
    for node in elements.iter().step_by(STEP) {
        for (how, spoiled) in spoil(&payload, *node) {
            let Some(verdict) = support::xmllint(&schema, spoiled.as_bytes()) else {
                return;
            };
            let departure = first(spoiled.as_bytes(), ExtractVersion::Uk06);
            let name = node.tag_name().name();
            assert_eq!(
                departure.is_none(),
                verdict.is_ok(),
                "`{name}` {how}: {departure:?}, the schema: {verdict:?}"
            );
            agreed += 1;
            refused += usize::from(verdict.is_err());
        }
    }
    eprintln!("{agreed} spoiled extracts, {refused} of them refused by both");
    assert!(refused * 2 > agreed, "{refused} of {agreed} are refused");
}

fn spoil(payload: &str, node: Node<'_, '_>) -> Vec<(&'static str, String)> {
    let own = node.range();
    let name = node.tag_name().name();
    let renamed = payload[own.clone()].replace(name, &format!("{name}s"));
    let doubled = format!("{0}{0}", &payload[own.clone()]);
    let mut spoiled = vec![
        ("left out", replaced(payload, own.clone(), "")),
        ("renamed", replaced(payload, own.clone(), &renamed)),
        ("doubled", replaced(payload, own.clone(), &doubled)),
        (
            "with text before it",
            replaced(payload, own.start..own.start, "text"),
        ),
    ];
    if let Some(next) = node.next_sibling_element() {
        let both = format!("{}{}", &payload[next.range()], &payload[own.clone()]);
        spoiled.push((
            "behind the next",
            replaced(payload, own.start..next.range().end, &both),
        ));
    }
    for attribute in node.attributes() {
        if ["typeCode", "moodCode", "classCode"].contains(&attribute.name()) {
            spoiled.push((
                "without an attribute",
                replaced(payload, attribute.range(), ""),
            ));
        }
    }
    spoiled
}

fn replaced(payload: &str, place: Range<usize>, by: &str) -> String {
    let mut spoiled = payload.to_owned();
    spoiled.replace_range(place, by);
    spoiled
}
