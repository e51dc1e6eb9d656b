//! What the reference systems send is valid against the published schemas, where these lie beside
//! the repository: the whole extract behind a skeleton too.

#![cfg(test)]

#[path = "../wire/tests/support/mod.rs"]
mod beside;
mod support;

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use gp2gp_model::Interaction;
use gp2gp_model::trace::{Endpoint, What};
use gp2gp_wire::attachment::{Description, DescriptionStyle, decode, decompress};
use gp2gp_wire::message::{self, Location};

use support::tamper::Taken;

/// Records of each kind, and every supplier's way of writing them.
const SCENARIOS: [&str; 9] = [
    "transfer/small-record",
    "transfer/small-record-emis-to-tpp",
    "transfer/small-record-tpp-to-emis",
    "transfer/small-record-vision",
    "transfer/inline-attachments",
    "transfer/placeholder",
    "transfer/redactions",
    "transfer/skeleton-uk07",
    "people/reject-new-patient",
];

#[test]
fn every_extract_and_acknowledgement_sent_is_schema_valid() {
    let Some(schemas) = beside::schemas() else {
        return;
    };
    let mut judged: BTreeMap<Interaction, usize> = BTreeMap::new();
    for scenario in SCENARIOS {
        for (interaction, xml) in payloads(&support::trace_of(scenario)) {
            let Some(valid) = valid(&schemas, interaction, &xml) else {
                return;
            };
            assert_eq!(valid, Ok(()), "{scenario}: {interaction}");
            *judged.entry(interaction).or_default() += 1;
        }
    }
    let wanted = [
        Interaction::EhrExtractUk06,
        Interaction::EhrExtractUk07,
        Interaction::Acknowledgement,
    ];
    for interaction in wanted {
        assert!(
            judged.contains_key(&interaction),
            "no {interaction} was sent"
        );
    }
}

/// Extracts and acknowledgements that the two systems posted to Spine, and extracts inside skeletons. There is
/// no published schema of the request; fragments are validated beside their codec.
fn payloads(taken: &Taken) -> Vec<(Interaction, Bytes)> {
    let mut found = Vec::new();
    for event in &taken.trace.events {
        let What::Post {
            from: Endpoint::Requesting | Endpoint::Sending,
            to: Endpoint::Spine,
            content_type,
            body,
            ..
        } = &event.what
        else {
            continue;
        };
        let received = message::open(content_type, &taken.bodies[&body.sha256]).unwrap();
        let interaction = received.interaction().unwrap();
        let has_schema = match interaction {
            Interaction::EhrExtractUk06
            | Interaction::EhrExtractUk07
            | Interaction::Acknowledgement => true,
            Interaction::EhrRequestUk05
            | Interaction::EhrRequestUk06
            | Interaction::EhrExtractUk08
            | Interaction::Copc => false,
        };
        if has_schema {
            found.extend(
                received
                    .attachments
                    .iter()
                    .filter_map(skeleton)
                    .map(|xml| (interaction, xml)),
            );
            found.push((interaction, received.payload_xml));
        }
    }
    found
}

fn skeleton(attachment: &message::Attachment) -> Option<Bytes> {
    let style = DescriptionStyle::read(attachment.description.as_deref()?);
    let DescriptionStyle::Grammar(description) = style else {
        return None;
    };
    let Location::Inline(inline) = &attachment.location else {
        return None;
    };
    Description::is_skeleton(&description).then(|| {
        decompress(&decode(&inline.body).unwrap(), 100_000_000)
            .unwrap()
            .into()
    })
}

fn valid(schemas: &Path, interaction: Interaction, xml: &[u8]) -> Option<beside::Validity> {
    beside::xmllint(&schemas.join(format!("{interaction}.xsd")), xml)
}
