//! Broken and hostile messages: each is refused with an error that names what is wrong, or read
//! with the fault in plain sight. Nothing grows beyond its input.

#![cfg(test)]

#[path = "support/sample.rs"]
mod sample;

use std::time::{Duration, Instant};

use bytes::Bytes;
use gp2gp_model::Interaction;
use gp2gp_wire::attachment::{self, AttachmentError, DocumentDecoder, GzipError};
use gp2gp_wire::ebxml::EnvelopeError;
use gp2gp_wire::hl7::{Hl7Error, Payload, XmlError};
use gp2gp_wire::limits::{MIME_PARTS, XML_DEPTH};
use gp2gp_wire::message::{Location, open};
use gp2gp_wire::mime::MimeError;
use gp2gp_wire::raw::{Break, break_message};
use gp2gp_wire::{Dialect, Encoded, Message, OpenError, Received, mhs_json};
use sample::extract;

/// Far above what any of these takes, far below what any bomb would.
const QUICKLY: Duration = Duration::from_secs(10);

#[test]
fn a_manifest_with_more_references_than_any_real_one_is_refused() {
    let sample = extract().encode(Dialect::NationalMhs);
    let text = String::from_utf8(sample.body.to_vec()).unwrap();
    let reference =
        "<eb:Reference xlink:href=\"mid:A\"><eb:Description>x</eb:Description></eb:Reference>";
    let many = reference.repeat(10_001) + "</eb:Manifest>";
    let body = Bytes::from(text.replace("</eb:Manifest>", &many));
    let error = open(&sample.content_type, &body).unwrap_err();
    assert!(
        matches!(error, OpenError::TooManyReferences { .. }),
        "{error}"
    );
}

#[test]
fn every_break_is_refused_by_name_or_stays_in_sight() {
    for dialect in Dialect::ALL {
        let message = extract();
        let encoded = message.encode(dialect);
        for how in Break::ALL {
            let broken = break_message(&encoded, how).unwrap_or_else(|| panic!("{how}"));
            assert_ne!(broken, encoded, "{how} changed nothing");
            quickly(how.name(), || judge(how, &broken));
        }
    }
}

fn judge(how: Break, broken: &Encoded) {
    let opened = open(&broken.content_type, &broken.body);
    match how {
        Break::TruncatedMime | Break::NoClosingBoundary => {
            assert!(
                matches!(mime_error(opened, how), MimeError::Unclosed { .. }),
                "{how}"
            );
        }
        Break::WrongBoundary | Break::EmptyBody => {
            assert!(
                matches!(mime_error(opened, how), MimeError::BoundaryNotFound { .. }),
                "{how}"
            );
        }
        Break::HundredThousandParts => {
            assert_eq!(
                mime_error(opened, how),
                MimeError::TooManyParts { limit: MIME_PARTS }
            );
        }
        Break::NestedMultipart => {
            assert_eq!(mime_error(opened, how), MimeError::Nested { part: 5 });
        }
        Break::HeaderWithoutColon => {
            let line = "this line is no header".to_owned();
            assert_eq!(
                mime_error(opened, how),
                MimeError::BadHeader { part: 1, line }
            );
        }
        Break::NoManifest => {
            let missing = OpenError::Envelope(EnvelopeError::Missing("eb:Manifest"));
            assert_eq!(opened.unwrap_err(), missing);
        }
        Break::UnreferencedPart => {
            assert_eq!(opened.unwrap().stray_parts, ["unnamed@stray.invalid"]);
        }
        Break::DanglingCid => {
            let attachments = opened.unwrap().attachments;
            assert!(matches!(attachments[1].location, Location::Dangling(_)));
        }
        Break::DoubledContentId => {
            assert_eq!(
                opened.unwrap().doubled_parts,
                ["plain@test".parse().unwrap()]
            );
        }
        Break::BadBase64 | Break::TruncatedBase64 => {
            attachment::decode(&first_body(opened)).unwrap_err();
        }
        Break::GzipBomb => {
            let received = opened.unwrap();
            let description = received.attachments[0].description.clone();
            assert!(description.unwrap().contains("Compressed=Yes"));
            assert_bomb(&first_body(Ok(received)));
        }
        Break::WrongLength => {
            let description = opened.unwrap().attachments[0].description.clone();
            assert!(description.unwrap().ends_with("Length=9"));
        }
        Break::HalfLength => {
            let description = opened.unwrap().attachments[0].description.clone();
            assert!(description.unwrap().ends_with("Length=4"));
        }
        Break::PercentEncoded => {
            let received = opened.unwrap();
            let names: Vec<_> = received
                .encoded_cids
                .iter()
                .map(ToString::to_string)
                .collect();
            assert!(names.contains(&"coded@test".to_owned()), "{names:?}");
            assert!(matches!(
                received.attachments[0].location,
                Location::Inline(_)
            ));
        }
        Break::EntityBomb | Break::ExternalEntity | Break::Doctype => {
            assert_eq!(payload_error(opened, how), Hl7Error::Xml(XmlError::Doctype));
        }
        Break::DeepNesting => {
            let too_deep = XmlError::TooDeep { limit: XML_DEPTH };
            assert_eq!(payload_error(opened, how), Hl7Error::Xml(too_deep));
        }
        Break::NotUtf8 => {
            let error = payload_error(opened, how);
            assert!(
                matches!(error, Hl7Error::Xml(XmlError::NotUtf8 { .. })),
                "{error}"
            );
        }
        Break::NotXml => {
            let error = payload_error(opened, how);
            assert!(
                matches!(error, Hl7Error::Xml(XmlError::NotWellFormed(_))),
                "{error}"
            );
        }
        Break::MissingNhsNumber => {
            let error = payload_error(opened, how);
            assert!(
                matches!(error, Hl7Error::Missing(path) if path.contains("patient")),
                "{error}"
            );
        }
        Break::WrongCheckDigit => {
            let Payload::EhrExtract(extract) = opened.unwrap().payload().unwrap() else {
                panic!("{how}: not an extract");
            };
            assert!(!extract.patient.check_digit_fits());
        }
        Break::AnotherPatient | Break::AnotherAuthor => {
            let is_of = |message: &Payload| {
                let Payload::EhrExtract(extract) = message else {
                    panic!("{how}: not an extract");
                };
                assert!(extract.patient.check_digit_fits());
                (extract.patient, extract.author.clone())
            };
            let (patient, author) = is_of(&opened.unwrap().payload().unwrap());
            let (old_patient, old_author) = is_of(&extract().payload);
            assert_eq!(patient != old_patient, how == Break::AnotherPatient);
            assert_eq!(author != old_author, how == Break::AnotherAuthor);
        }
        Break::ActionMismatch => {
            let received = opened.unwrap();
            assert_eq!(received.interaction(), Some(Interaction::Acknowledgement));
            assert!(broken.soap_action.ends_with("/MCCI_IN010000UK13"));
            assert_eq!(
                received.payload().unwrap().interaction(),
                Interaction::EhrExtractUk06
            );
        }
        Break::LowerCaseIds => {
            let received = opened.unwrap();
            let payload = received.payload().unwrap();
            let ids = [
                received.header.conversation_id.as_str(),
                payload.wrapper().id.as_str(),
            ];
            assert!(
                ids.iter().all(|id| !id.contains(char::is_uppercase)),
                "{ids:?}"
            );
        }
        Break::UnknownAsid => {
            let payload = opened.unwrap().payload().unwrap();
            let known = extract().payload.wrapper().sender.clone();
            assert_ne!(payload.wrapper().sender, known);
        }
        Break::LowerCaseMessageId => {
            let received = opened.unwrap();
            assert!(!received.header.message_id.is_upper_uuid());
            assert!(!received.payload().unwrap().wrapper().id.is_upper_uuid());
        }
        Break::Expired => {
            let header = opened.unwrap().header;
            assert!(header.time_to_live.unwrap() < header.timestamp);
        }
    }
}

#[test]
fn a_break_that_finds_nothing_to_break_says_so() {
    let bare = Message {
        attachments: Vec::new(),
        ..extract()
    }
    .encode(Dialect::Emis);
    for how in [
        Break::BadBase64,
        Break::TruncatedBase64,
        Break::GzipBomb,
        Break::WrongLength,
    ] {
        assert_eq!(break_message(&bare, how), None, "{how}");
    }
}

#[test]
fn a_hostile_envelope_is_refused_in_either_form() {
    let long_name = "n".repeat(10_000_000);
    let envelopes = [
        ("ten megabytes of open elements", "<a>".repeat(3_400_000)),
        (
            "ten megabytes of empty elements",
            format!("<r>{}</r>", "<a/>".repeat(2_500_000)),
        ),
        (
            "nesting",
            ["<a>".repeat(100_000), "</a>".repeat(100_000)].concat(),
        ),
        ("document type", "<!DOCTYPE a><a/>".to_owned()),
        (
            "external entity",
            "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><a>&e;</a>".to_owned(),
        ),
        ("undeclared entity", "<a>&bomb;</a>".to_owned()),
        ("long name", format!("<{long_name}/>")),
        (
            "many attributes",
            format!("<a {}/>", "b=\"\" ".repeat(100_000)),
        ),
        ("no element", "<!--".repeat(100_000)),
        ("nothing", String::new()),
        ("another root", "<html/>".to_owned()),
    ];
    for (name, envelope) in envelopes {
        quickly(name, || {
            let body = Bytes::from(format!("--b\n\n{envelope}\n--b\n\n<a/>\n--b--\n"));
            let error = open("multipart/related; boundary=b", &body).unwrap_err();
            assert!(matches!(error, OpenError::Envelope(_)), "{name}: {error}");
            assert!(
                error.to_string().len() < 1_000,
                "{name}: the error repeats its input"
            );
            let json = serde_json::json!({ "ebXML": envelope, "payload": "<a/>" });
            let error = mhs_json::open(json.to_string().as_bytes()).unwrap_err();
            assert!(matches!(error, OpenError::Envelope(_)), "{name}: {error}");
        });
    }
}

#[test]
fn a_hostile_payload_is_refused() {
    let open_elements = "<a>".repeat(3_400_000);
    for root in ["RCMR_IN030000UK06", "COPC_IN000001UK01", "a"] {
        let payload = Bytes::from(format!("<{root} xmlns=\"urn:hl7-org:v3\">{open_elements}"));
        quickly(root, || gp2gp_wire::hl7::parse(&payload).unwrap_err());
        let siblings = Bytes::from(format!("<{root}>{}</{root}>", "<a/>".repeat(2_500_000)));
        quickly(root, || gp2gp_wire::hl7::parse(&siblings).unwrap_err());
    }
}

#[test]
fn an_unknown_key_of_the_json_form_is_named() {
    let error = mhs_json::open(br#"{"ebXML": "", "payload": "", "surprise": 1}"#).unwrap_err();
    assert!(error.to_string().contains("`surprise`"), "{error}");
    let error = mhs_json::open(br#"{"ebXML": ""}"#).unwrap_err();
    assert!(error.to_string().contains("`payload`"), "{error}");
}

#[test]
fn a_quarter_of_a_million_false_boundaries_cost_little() {
    let body = Bytes::from(format!(
        "--b\n\n{}\n--b--",
        "\n--bb\n--b-\n--".repeat(250_000)
    ));
    quickly("false boundaries", || {
        open("multipart/related; boundary=b", &body).unwrap_err();
    });
}

fn quickly<T>(name: &str, act: impl FnOnce() -> T) -> T {
    #[expect(
        clippy::disallowed_methods,
        reason = "a refusal must be quick on a real clock"
    )]
    let started = Instant::now();
    let result = act();
    assert!(
        started.elapsed() < QUICKLY,
        "{name} took {:?}",
        started.elapsed()
    );
    result
}

fn mime_error(opened: Result<Received, OpenError>, how: Break) -> MimeError {
    match opened.unwrap_err() {
        OpenError::Mime(error) => error,
        other @ (OpenError::Envelope(_)
        | OpenError::NotAMessage(_)
        | OpenError::EmptyManifest
        | OpenError::TooManyReferences { .. }
        | OpenError::NoPayload(_)
        | OpenError::Json(_)
        | OpenError::Unrecognised(_)) => panic!("{how}: {other}"),
    }
}

fn payload_error(opened: Result<Received, OpenError>, how: Break) -> Hl7Error {
    match opened.unwrap().payload() {
        Err(error) => error,
        Ok(_) => panic!("{how}: the payload was read"),
    }
}

fn first_body(opened: Result<Received, OpenError>) -> Bytes {
    match opened.unwrap().attachments.swap_remove(0).location {
        Location::Inline(inline) => inline.body,
        Location::External(_) | Location::Dangling(_) | Location::Other(_) => {
            panic!("the first attachment is not inline")
        }
    }
}

fn assert_bomb(text: &Bytes) {
    let mut decoder = DocumentDecoder::new(true);
    let mut given = 0_u64;
    let mut count = |piece: &[u8]| given += piece.len() as u64;
    let error = decoder.push(text, &mut count).unwrap_err();
    assert!(
        matches!(error, AttachmentError::Gzip(GzipError::Bomb { .. })),
        "{error}"
    );
    assert!(
        given < 1 << 30,
        "{given} bytes were given before the bomb was seen"
    );
}
