//! What a message looks like outside: the MIME of each supplier, and the JSON form.

#![cfg(test)]

#[path = "support/sample.rs"]
mod sample;

use gp2gp_wire::message::{Attachment, Location};
use gp2gp_wire::mhs_json::{inbound, outbound};
use gp2gp_wire::{Dialect, Message, mime};
use sample::extract;

#[test]
fn the_national_handler_leaves_start_and_type_unquoted_and_ends_lines_in_lf() {
    let encoded = extract().encode(Dialect::NationalMhs);
    assert_eq!(
        encoded.content_type,
        "multipart/related; boundary=\"--=_MIME-Boundary\"; type=text/xml; \
         start=ebXMLHeader@spine.nhs.uk"
    );
    assert_eq!(
        encoded.soap_action,
        "urn:nhs:names:services:gp2gp/RCMR_IN030000UK06"
    );
    assert!(encoded.body.starts_with(
        b"----=_MIME-Boundary\nContent-Id: <ebXMLHeader@spine.nhs.uk>\n\
          Content-Type: text/xml; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n"
    ));
    assert!(encoded.body.ends_with(b"\n----=_MIME-Boundary--\n"));
    assert!(!encoded.body.contains(&b'\r'));
}

#[test]
fn tpp_says_iso_8859_1_of_its_parts_and_utf_8_of_the_whole() {
    let encoded = extract().encode(Dialect::Tpp);
    assert_eq!(
        encoded.content_type,
        "multipart/related;boundary=\"--=_MIME-Boundary\";type=\"text/xml\";\
         charset=\"UTF-8\";start=\"soappart\""
    );
    assert!(encoded.body.starts_with(
        b"----=_MIME-Boundary\r\nContent-Id: <soappart>\r\n\
          Content-Type: text/xml; charset=ISO-8859-1\r\n"
    ));
}

#[test]
fn emis_takes_its_boundary_from_the_message_and_names_no_encoding_of_the_root() {
    let encoded = extract().encode(Dialect::Emis);
    assert_eq!(
        encoded.content_type,
        "multipart/related; boundary=\"Boundary_31fa3430-6e88-41ea-9384-e83935108fd5\"; \
         type=\"text/xml\"; start=\"<ContentRoot>\""
    );
    assert!(encoded.body.starts_with(
        b"--Boundary_31fa3430-6e88-41ea-9384-e83935108fd5\r\nContent-Id: <ContentRoot>\r\n\
          Content-Type: text/xml; charset=UTF-8\r\n\r\n"
    ));
}

#[test]
fn the_payload_has_the_content_id_of_its_supplier() {
    let expected = [
        (
            Dialect::NationalMhs,
            "31FA3430-6E88-41EA-9384-E83935108FD5@spine.nhs.uk",
        ),
        (Dialect::Tpp, "payload@tpp-uk.com/SystmOne/GP2GP1.1A"),
        (Dialect::Emis, "Content1@e-mis.com/EMISWeb/GP2GP2.2A"),
        (
            Dialect::Vision,
            "31FA3430-6E88-41EA-9384-E83935108FD5@inps.co.uk/Vision/3",
        ),
        (
            Dialect::Spine,
            "31FA3430-6E88-41EA-9384-E83935108FD5@spine.nhs.uk",
        ),
    ];
    for (dialect, content_id) in expected {
        let encoded = extract().encode(dialect);
        let parts = mime::split(&encoded.content_type, &encoded.body)
            .unwrap()
            .parts;
        let ids = parts
            .iter()
            .map(|part| part.content_id().unwrap().to_string());
        assert_eq!(
            ids.skip(1).collect::<Vec<_>>(),
            [content_id, "coded@test", "plain@test"]
        );
    }
}

#[test]
fn an_inbound_description_has_no_line_breaks_and_a_title_keeps_its_quotes() {
    let inbound = inbound(&with_promises(), Dialect::NationalMhs);
    assert_eq!(inbound.attachments.len(), 2);
    assert!(inbound.attachments[0].is_base64 && !inbound.attachments[1].is_base64);
    let [external] = &inbound.external_attachments[..] else {
        panic!("a handler drops a promise without description");
    };
    assert_eq!(external.title, "\"a b.tif\"");
    assert_eq!(external.description, "Filename=\"a b.tif\" Compressed=No");
    assert_eq!(
        (external.document_id.as_str(), external.message_id.as_str()),
        ("_D", "M")
    );
}

#[test]
fn an_outbound_message_says_what_is_inline_and_what_is_promised() {
    let outbound = outbound(&with_promises(), Dialect::NationalMhs);
    assert_eq!(outbound.attachments.len(), 2);
    assert_eq!(
        outbound.attachments[0].document_id.as_deref(),
        Some("_coded")
    );
    assert_eq!(outbound.external_attachments.len(), 2);
    assert_eq!(
        outbound.external_attachments[0].document_id.as_deref(),
        Some("_D")
    );
    let json = serde_json::to_string(&outbound).unwrap();
    assert_eq!(serde_json::from_str(&json).ok(), Some(outbound));
}

/// The sample with a described and a bare promise, and one attachment that is nowhere.
fn with_promises() -> Message {
    let mut message = extract();
    let attachment = |description: Option<&str>, location| Attachment {
        id: Some("_D".to_owned()),
        description: description.map(str::to_owned),
        location,
    };
    let described = Some("Filename=\"a b.tif\"\n\t\r\n Compressed=No");
    let promise = || Location::External("M".parse().unwrap());
    message.attachments.push(attachment(described, promise()));
    message.attachments.push(attachment(None, promise()));
    message.attachments.push(attachment(
        None,
        Location::Dangling("nowhere".parse().unwrap()),
    ));
    message
}
