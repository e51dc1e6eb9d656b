use gp2gp_model::{ContentId, IdError};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::ebxml::{AckRequested, EbxmlErrorCode, Envelope, NEXT_MSH, parse};
use crate::hl7::xml::trim;

/// Whatever XML can hold, trimmed as a reader trims it.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,20}",
        "[&<>\"'%;\\]a-z \\t\\r\\n\\u{a0}\\u{85}]{0,20}",
        Just("Filename=\"a.txt\"\r\n\tLength=1".to_owned()),
    ]
    .prop_map(|text| trim(&text).to_owned())
}

fn filled() -> impl Strategy<Value = String> {
    text().prop_filter("empty", |text| !text.is_empty())
}

fn id<T: std::fmt::Debug>(parse: fn(&str) -> Result<T, IdError>) -> impl Strategy<Value = T> {
    prop_oneof!["[!-~]{1,40}", "\\PC{1,12}", "[0-9A-F]{8}-[0-9A-F]{4}"]
        .prop_filter_map("no id", move |text| parse(&text).ok())
}

fn time() -> impl Strategy<Value = Time> {
    let seconds = 0..253_402_207_200_u64;
    let micros = prop_oneof![Just(0), Just(682_000), 0..1_000_000_u64];
    (seconds, micros).prop_map(|(seconds, micros)| Time::from_micros(seconds * 1_000_000 + micros))
}

fn header() -> impl Strategy<Value = Header> {
    let ack_requested =
        (text(), any::<bool>()).prop_map(|(actor, signed)| AckRequested { actor, signed });
    (
        (
            id(PartyKey::parse),
            id(PartyKey::parse),
            id(gp2gp_model::CpaId::parse),
        ),
        (
            id(gp2gp_model::ConversationId::parse),
            filled(),
            filled(),
            id(EbxmlMessageId::parse),
        ),
        (
            time(),
            option::of(time()),
            option::of(id(EbxmlMessageId::parse)),
            any::<bool>(),
        ),
        (option::of(ack_requested), option::of(text())),
    )
        .prop_map(|(parties, names, data, flags)| Header {
            from: parties.0,
            to: parties.1,
            cpa_id: parties.2,
            conversation_id: names.0,
            service: names.1,
            action: names.2,
            message_id: names.3,
            timestamp: data.0,
            time_to_live: data.1,
            ref_to_message_id: data.2,
            duplicate_elimination: data.3,
            ack_requested: flags.0,
            sync_reply: flags.1,
        })
}

fn reference() -> impl Strategy<Value = Reference> {
    let href = prop_oneof![
        id(ContentId::parse).prop_map(Href::Cid),
        id(EbxmlMessageId::parse).prop_map(Href::Mid),
        "((http:|file:|cid|x )[a-b/&\"]{1,9})?".prop_map(Href::Other),
    ];
    (option::of(text()), href, option::of(text()), any::<bool>()).prop_map(
        |(id, href, description, is_payload)| Reference {
            id,
            href,
            description,
            is_payload,
        },
    )
}

fn error() -> impl Strategy<Value = EbxmlError> {
    let code = "[A-Za-z]{1,20}".prop_map(|code| EbxmlErrorCode::from_text(&code));
    let known = Just(EbxmlErrorCode::ValueNotRecognized);
    (
        prop_oneof![code, known],
        text(),
        any::<bool>(),
        option::of(text()),
        text(),
    )
        .prop_map(
            |(code, code_context, is_error, location, description)| EbxmlError {
                code,
                code_context,
                is_error,
                location,
                description,
            },
        )
}

fn nasp_error() -> impl Strategy<Value = NaspError> {
    (text(), text(), text(), text(), text()).prop_map(
        |(code_context, code, severity, location, description)| NaspError {
            code_context,
            code,
            severity,
            location,
            description,
        },
    )
}

/// Equality that sees the case of identifiers, which `==` does not.
fn same(found: &Envelope, meant: &Envelope) -> Result<(), TestCaseError> {
    prop_assert_eq!(found, meant);
    prop_assert_eq!(format!("{found:?}"), format!("{meant:?}"));
    Ok(())
}

proptest! {
    #[test]
    fn a_message_survives_every_dialect(
        header in header(),
        manifest in prop::collection::vec(reference(), 0..5),
    ) {
        let meant = Envelope::Message(header.clone(), manifest.clone());
        for dialect in Dialect::ALL {
            let xml = message(&header, &manifest, dialect);
            same(&parse(xml.as_bytes()).unwrap(), &meant)?;
        }
    }

    #[test]
    fn an_acknowledgment_survives(header in header(), id in id(EbxmlMessageId::parse), actor in text()) {
        let ack = Acknowledgment {
            from: header.from,
            to: header.to,
            cpa_id: header.cpa_id,
            conversation_id: header.conversation_id,
            message_id: header.message_id,
            ref_to_message_id: id,
            timestamp: header.timestamp,
            actor,
        };
        same(&parse(acknowledgment(&ack).as_bytes()).unwrap(), &Envelope::Acknowledgment(ack))?;
    }

    #[test]
    fn an_error_list_survives(header in header(), errors in prop::collection::vec(error(), 1..4)) {
        let list = ErrorList {
            from: header.from,
            to: header.to,
            cpa_id: header.cpa_id,
            conversation_id: header.conversation_id,
            message_id: header.message_id,
            ref_to_message_id: header.ref_to_message_id,
            timestamp: header.timestamp,
            errors,
        };
        same(&parse(error_list(&list).as_bytes()).unwrap(), &Envelope::ErrorList(list))?;
    }

    #[test]
    fn a_fault_survives(
        code in filled(),
        string in text(),
        errors in prop::collection::vec(nasp_error(), 0..4),
    ) {
        let meant = Fault { code, string, errors };
        same(&parse(fault(&meant).as_bytes()).unwrap(), &Envelope::Fault(meant))?;
    }
}

fn sample() -> (Header, Vec<Reference>) {
    let header = Header {
        from: PartyKey::parse("A-1").unwrap(),
        to: PartyKey::parse("B-2").unwrap(),
        cpa_id: "C".parse().unwrap(),
        conversation_id: "D".parse().unwrap(),
        service: "urn:nhs:names:services:gp2gp".to_owned(),
        action: "MCCI_IN010000UK13".to_owned(),
        message_id: "E".parse().unwrap(),
        timestamp: "2026-01-05T09:00:00.682Z".parse().unwrap(),
        time_to_live: Some("2026-01-05T09:10:00Z".parse().unwrap()),
        ref_to_message_id: None,
        duplicate_elimination: true,
        ack_requested: Some(AckRequested::next_msh()),
        sync_reply: Some("http://schemas.xmlsoap.org/soap/actor/next".to_owned()),
    };
    let payload = Reference {
        id: None,
        href: Href::Cid(ContentId::parse("F@spine.nhs.uk/G").unwrap()),
        description: Some("HL7 payload".to_owned()),
        is_payload: true,
    };
    let attachment = Reference {
        id: Some("_H".to_owned()),
        href: Href::Mid("I".parse().unwrap()),
        description: Some("Filename=\"a\"".to_owned()),
        is_payload: false,
    };
    (header, vec![payload, attachment])
}

#[test]
fn each_dialect_looks_like_its_supplier() {
    let (header, manifest) = sample();
    let look = |dialect, marks: &[&str]| {
        let xml = message(&header, &manifest, dialect);
        for mark in marks {
            assert!(xml.contains(mark), "{dialect}: {mark} not in\n{xml}");
        }
        assert_eq!(
            xml.matches("<eb:Schema").count(),
            usize::from(marks.contains(&"<eb:Schema "))
        );
    };
    look(
        Dialect::NationalMhs,
        &[
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<SOAP:Envelope ",
            "\n<SOAP:Header>\n\t<eb:MessageHeader SOAP:mustUnderstand=\"1\" eb:version=\"2.0\">\n\t\t<eb:From>\n\t\t\t<eb:PartyId eb:type=",
            "<eb:Timestamp>2026-01-05T09:00:00.682Z</eb:Timestamp>",
            "<eb:TimeToLive>2026-01-05T09:10:00Z</eb:TimeToLive>",
            "<eb:DuplicateElimination/>",
            "eb:signed=\"false\" SOAP:actor=\"urn:oasis:names:tc:ebxml-msg:actor:nextMSH\"/>",
            "<eb:Schema ",
            "<eb:Reference eb:id=\"_H\" xlink:href=\"mid:I\">",
            "<eb:Description xml:lang=\"en\">HL7 payload</eb:Description>",
            "\n</SOAP:Body>\n</SOAP:Envelope>",
        ],
    );
    look(
        Dialect::Tpp,
        &[
            "<?xml version=\"1.0\" encoding=\"UTF-8\" ?><SOAP:Envelope ",
            "<eb:DuplicateElimination>always</eb:DuplicateElimination></eb:MessageHeader>",
            "<eb:Schema ",
            "<eb:Reference xlink:href=\"mid:I\" eb:id=\"_H\"><eb:Description xml:lang=\"en-gb\">",
        ],
    );
    look(
        Dialect::Emis,
        &[
            "<soap:Header><eb:MessageHeader eb:version=\"2.0\" soap:mustUnderstand=\"1\">",
            "<eb:DuplicateElimination />",
            "d4p1:href=\"cid:F@spine.nhs.uk/G\" xmlns:d4p1=\"http://www.w3.org/1999/xlink\"",
            "<hl7ebxml:Payload style=\"HL7\" encoding=\"XML\" version=\"3.0\" />",
        ],
    );
    look(
        Dialect::Vision,
        &[
            "<SOAP-ENV:Envelope ",
            "<eb:MessageHeader eb:version=\"2.0\" soap-env:mustUnderstand=\"1\">",
            "<eb:AckRequested eb:signed=\"false\" eb:version=\"2.0\" soap-env:actor=",
            "<eb:Manifest eb:version=\"2.0\"><eb:Reference ",
            "xml:lang=\"en-GB\"",
            "<hl7ebXML:Payload encoding=\"XML\" style=\"HL7\" version=\"3.0\"/>",
        ],
    );
    look(
        Dialect::Spine,
        &[
            "<?xml version='1.0' encoding='UTF-8'?>\n<soap:Envelope ",
            "<eb:SyncReply eb:version=\"2.0\" soap:mustUnderstand=\"1\" soap:actor=",
            "<eb:Schema ",
            "eb:location=\"urn:hl7-org:v3_MCCI_IN010000UK13.xsd\" eb:version=\"13\"",
        ],
    );
}

#[test]
fn the_highest_severity_is_an_error_if_any_is() {
    let (header, _) = sample();
    let mut warning = EbxmlError {
        code: EbxmlErrorCode::ValueNotRecognized,
        code_context: "urn:oasis:names:tc:ebxml-msg:service:errors".to_owned(),
        is_error: false,
        location: None,
        description: "501319:Unknown eb:CPAId".to_owned(),
    };
    let list = |errors| ErrorList {
        from: header.from.clone(),
        to: header.to.clone(),
        cpa_id: header.cpa_id.clone(),
        conversation_id: header.conversation_id.clone(),
        message_id: header.message_id.clone(),
        ref_to_message_id: None,
        timestamp: header.timestamp,
        errors,
    };
    let one = error_list(&list(vec![warning.clone()]));
    assert!(one.contains("eb:highestSeverity=\"Warning\""), "{one}");
    warning.is_error = true;
    let one = error_list(&list(vec![warning]));
    assert!(one.contains("eb:highestSeverity=\"Error\""), "{one}");
    assert!(one.contains("<eb:Action>MessageError</eb:Action>"), "{one}");
}

#[test]
fn a_fault_has_the_shape_that_message_handlers_read() {
    let xml = fault(&Fault {
        code: "SOAP:Server".to_owned(),
        string: "Application Exception".to_owned(),
        errors: vec![NaspError {
            code_context: "urn:nhs:names:error:tms".to_owned(),
            code: "200".to_owned(),
            severity: "Error".to_owned(),
            location: String::new(),
            description: "System failure to process message - default".to_owned(),
        }],
    });
    let body = "<SOAP:Header/><SOAP:Body><SOAP:Fault><faultcode>SOAP:Server</faultcode>\
        <faultstring>Application Exception</faultstring><detail>\
        <nasp:errorList xmlns:nasp=\"http://national.carerecords.nhs.uk/schema/\"><nasp:error>\
        <nasp:codeContext>urn:nhs:names:error:tms</nasp:codeContext>\
        <nasp:errorCode>200</nasp:errorCode><nasp:severity>Error</nasp:severity><nasp:location/>\
        <nasp:description>System failure to process message - default</nasp:description>\
        </nasp:error></nasp:errorList></detail></SOAP:Fault></SOAP:Body></SOAP:Envelope>";
    assert!(xml.ends_with(body), "{xml}");
}

#[test]
fn an_acknowledgment_goes_to_the_next_handler_or_the_party() {
    let (header, _) = sample();
    let ack = Acknowledgment {
        from: header.from,
        to: header.to,
        cpa_id: header.cpa_id,
        conversation_id: header.conversation_id,
        message_id: header.message_id,
        ref_to_message_id: "J".parse().unwrap(),
        timestamp: header.timestamp,
        actor: NEXT_MSH.to_owned(),
    };
    let xml = acknowledgment(&ack);
    assert!(
        xml.contains("<eb:Service>urn:oasis:names:tc:ebxml-msg:service</eb:Service>"),
        "{xml}"
    );
    assert!(
        xml.contains("<eb:Action>Acknowledgment</eb:Action>"),
        "{xml}"
    );
    assert_eq!(
        xml.matches("<eb:RefToMessageId>J</eb:RefToMessageId>")
            .count(),
        2,
        "{xml}"
    );
    assert_eq!(xml.matches("<eb:PartyId ").count(), 3, "{xml}");
}
