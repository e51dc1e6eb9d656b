//! What is written is read again, in every dialect.

use gp2gp_model::{Asid, ResponseCode};
use proptest::option;
use proptest::prelude::*;

use super::*;

fn id() -> impl Strategy<Value = String> {
    "[0-9A-F]{8}-[0-9A-F]{4}-[0-9a-f]{12}|[!-~]{1,40}|[à-ÿ]{1,9}"
}

/// Any text that is not blank.
fn text() -> impl Strategy<Value = String> {
    "[ -~\t\r\n£é€😀\u{a0}]{0,20}[!-~]"
}

fn ods() -> impl Strategy<Value = OdsCode> {
    id().prop_map(|text| text.parse().unwrap())
}

fn hl7_id() -> impl Strategy<Value = Hl7MessageId> {
    id().prop_map(|text| text.parse().unwrap())
}

fn asid() -> impl Strategy<Value = Asid> {
    id().prop_map(|text| text.parse().unwrap())
}

fn nhs_number() -> impl Strategy<Value = NhsNumber> {
    "[0-9]{10}".prop_map(|text| text.parse().unwrap())
}

fn wrappers(interaction: Interaction) -> impl Strategy<Value = Wrapper> {
    (
        hl7_id(),
        text(),
        text(),
        text(),
        asid(),
        asid(),
        option::of(asid()),
    )
        .prop_map(
            move |(id, creation_time, version_code, interaction_id, recipient, sender, author)| {
                let root = interaction.id().to_owned();
                Wrapper {
                    id,
                    creation_time,
                    version_code,
                    root,
                    interaction_id,
                    recipient,
                    sender,
                    author,
                }
            },
        )
}

fn requests() -> impl Strategy<Value = Payload> {
    let version = prop_oneof![Just(RequestVersion::Uk05), Just(RequestVersion::Uk06)];
    let wrapper = version.prop_flat_map(|version| (Just(version), wrappers(version.interaction())));
    (wrapper, id(), nhs_number(), ods(), ods()).prop_map(
        |((version, wrapper), id, patient, author, destination)| {
            let id = id.parse().unwrap();
            Payload::EhrRequest(EhrRequest {
                wrapper,
                version,
                id,
                patient,
                author,
                destination,
            })
        },
    )
}

fn records() -> impl Strategy<Value = Bytes> {
    let component = "<component( a=\"&lt;x&#10;\")?(/>|>([ -%'-;=-~£]|&amp;|<!-- x -->|<component/>){0,20}</component>)";
    proptest::collection::vec(component, 1..4).prop_map(|components| components.concat().into())
}

fn extracts() -> impl Strategy<Value = Payload> {
    let version = prop_oneof![
        Just(ExtractVersion::Uk06),
        Just(ExtractVersion::Uk07),
        Just(ExtractVersion::Uk08)
    ];
    let wrapper = version.prop_flat_map(|version| (Just(version), wrappers(version.interaction())));
    let parties = (nhs_number(), ods(), option::of(ods()), option::of(id()));
    (wrapper, id(), text(), parties, records()).prop_map(
        |((version, wrapper), id, availability_time, parties, record)| {
            let (patient, author, destination, prior_request) = parties;
            Payload::EhrExtract(EhrExtract {
                wrapper,
                version,
                id: id.parse().unwrap(),
                availability_time,
                patient,
                author,
                destination,
                prior_request: prior_request.map(|id| id.parse().unwrap()),
                record,
            })
        },
    )
}

fn fragments_of(subject: impl Strategy<Value = String>) -> impl Strategy<Value = Gp2gpFragment> {
    let recipients = proptest::collection::vec(ods(), 1..3);
    (text(), recipients, ods(), subject, hl7_id(), any::<bool>()).prop_map(
        |(version, recipients, from, subject, message_id, in_order)| Gp2gpFragment {
            version: xml::trim(&version).to_owned(),
            recipients,
            from,
            subject,
            message_id,
            in_order,
        },
    )
}

fn continues() -> impl Strategy<Value = Payload> {
    let subject = prop_oneof![Just(CONTINUE_SUBJECT), Just("continue acknowledgement")];
    let fragment = fragments_of(subject.prop_map(str::to_owned));
    let codes = (text(), text(), text(), "GP2GP_PI|GP2GPLMATTACHMENTINFO|X");
    (
        wrappers(Interaction::Copc),
        fragment,
        codes,
        hl7_id(),
        option::of(hl7_id()),
    )
        .prop_map(
            |(wrapper, fragment, codes, message_ref, acknowledged_message)| {
                let (ack_type, detail_type, detail_code, information_code) = codes;
                Payload::Continue(Continue {
                    wrapper,
                    information_code,
                    fragment,
                    ack_type,
                    detail_type,
                    detail_code,
                    message_ref,
                    acknowledged_message,
                })
            },
        )
}

fn fragments() -> impl Strategy<Value = Payload> {
    let subject = text().prop_map(|text| format!("Attachment: {}", xml::trim(&text)));
    let code = "GP2GP_PI|GP2GPLMATTACHMENTINFO|X";
    let reference = option::of(text());
    (
        wrappers(Interaction::Copc),
        fragments_of(subject),
        code,
        hl7_id(),
        reference,
    )
        .prop_map(
            |(wrapper, fragment, information_code, information_id, file_reference)| {
                Payload::Fragment(Fragment {
                    wrapper,
                    information_code,
                    information_id,
                    fragment,
                    file_reference,
                })
            },
        )
}

fn acknowledgements() -> impl Strategy<Value = Payload> {
    let type_code = prop_oneof![Just(AckType::Aa), Just(AckType::Ae), Just(AckType::Ar)];
    let coded = || {
        (
            text(),
            option::of(text()),
            option::of(text()),
            option::of(text()),
        )
    };
    let codes = (option::of(coded()), option::of(coded()));
    (
        wrappers(Interaction::Acknowledgement),
        type_code,
        hl7_id(),
        codes,
    )
        .prop_map(|(wrapper, type_code, message_ref, (reason, detail))| {
            let reason = reason.map(|(code, code_system, display_name, qualifier)| AckReason {
                code: ResponseCode::new(code),
                code_system,
                display_name,
                qualifier,
            });
            let detail = detail.map(|(code, code_system, display_name, type_code)| AckDetail {
                type_code,
                code: ResponseCode::new(code),
                code_system,
                display_name,
            });
            Payload::Acknowledgement(Acknowledgement {
                wrapper,
                type_code,
                message_ref,
                reason,
                detail,
            })
        })
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        payload in prop_oneof![
            requests(), extracts(), continues(), fragments(), acknowledgements(),
        ],
    ) {
        for dialect in Dialect::ALL {
            let xml = payload.write(dialect);
            let read = parse(&xml);
            prop_assert_eq!(
                read.as_ref(), Ok(&payload), "{}: {}", dialect, String::from_utf8_lossy(&xml)
            );
        }
    }
}

#[test]
fn same_payload_gives_same_bytes() {
    for payload in every_payload() {
        for dialect in Dialect::ALL {
            assert_eq!(payload.write(dialect), payload.write(dialect));
        }
    }
}

#[test]
fn dialects_differ_as_their_suppliers_do() {
    let ack = Payload::Acknowledgement(positive());
    let written = |dialect| String::from_utf8(ack.write(dialect).to_vec()).unwrap();
    assert!(written(Dialect::NationalMhs).contains(&format!("<id root=\"{MESSAGE}\"/>")));
    assert!(!written(Dialect::Tpp).contains("> <") && !written(Dialect::Tpp).contains('\n'));
    assert!(written(Dialect::Emis).contains("<acknowledgement type=\"Acknowledgement\" typeCode"));
    assert!(written(Dialect::Vision).contains("<id extension="));
    let spine = written(Dialect::Spine);
    assert!(spine.contains("<hl7:MCCI_IN010000UK13 xmlns:hl7="));
    assert!(spine.contains(&format!(
        "<hl7:messageRef><hl7:id root=\"{}\"",
        CORE.to_lowercase()
    )));
    assert!(spine.contains(&format!("<hl7:id root=\"{MESSAGE}\"")));
}

#[test]
fn negative_acknowledgements_are_those_of_the_dialect_table() {
    let places = |dialect| {
        let ack = negative(CORE, "19", dialect);
        assert!(ack.is_negative());
        assert_eq!(ack.code(), Some(&ResponseCode::from("19")));
        (
            ack.type_code,
            ack.reason.map(|reason| reason.code_system.unwrap()),
            ack.detail.map(|detail| detail.code_system),
        )
    };
    let register = || oid::RESPONSE_CODE.to_owned();
    let spine = oid::SPINE_ERROR.to_owned();
    for (dialect, expected) in [
        (
            Dialect::NationalMhs,
            (AckType::Ae, Some(register()), Some(Some(register()))),
        ),
        (
            Dialect::Tpp,
            (AckType::Ar, Some(register()), Some(Some(register()))),
        ),
        (Dialect::Emis, (AckType::Ar, None, Some(None))),
        (Dialect::Vision, (AckType::Ae, Some(register()), None)),
        (Dialect::Spine, (AckType::Ar, None, Some(Some(spine)))),
    ] {
        assert_eq!(places(dialect), expected, "{dialect}");
    }
    let reason = negative(CORE, "06", Dialect::NationalMhs).reason.unwrap();
    assert_eq!(
        reason.display_name.as_deref(),
        Some("Patient not at surgery.")
    );
    assert_eq!(reason.qualifier.as_deref(), Some("ER"));
    let unregistered = negative(CORE, "506", Dialect::Spine).detail.unwrap();
    assert_eq!(unregistered.display_name, None);
}

#[test]
fn what_is_missing_is_named_by_its_path() {
    let remove = |payload: &Payload, part: &str| {
        let xml = String::from_utf8(payload.write(Dialect::Tpp).to_vec()).unwrap();
        assert!(xml.contains(part), "{part} is not in {xml}");
        parse(&xml.replacen(part, "", 1).into()).unwrap_err()
    };
    let request = Payload::EhrRequest(request());
    let extract = Payload::EhrExtract(extract(ExtractVersion::Uk07));
    let fragment = Payload::Fragment(fragment());
    let message = Payload::Continue(continue_());
    let ack = Payload::Acknowledgement(positive());
    for (payload, part, path) in [
        (
            &request,
            " extension=\"9990000018\"",
            "ControlActEvent/subject/EhrRequest/recordTarget/patient/id/@extension",
        ),
        (&request, " value=\"20250101120000\"", "creationTime/@value"),
        (&request, "V3NPfIT3.1.10", "versionCode/@code"),
        (
            &extract,
            "<id root=\"E0000000-0000-4000-8000-00000000000E\"/>",
            "ControlActEvent/subject/EhrExtract/id/@root",
        ),
        (
            &extract,
            " extension=\"Z00002\"",
            "ControlActEvent/subject/EhrExtract/destination/AgentOrgSDS/agentOrganizationSDS/id/@extension",
        ),
        (
            &extract,
            RECORD,
            "ControlActEvent/subject/EhrExtract/component",
        ),
        (&fragment, "<gp:From>Z00002</gp:From>", "Gp2gpfragment/From"),
        (
            &fragment,
            "<gp:Recipient>Z00001</gp:Recipient>",
            "Gp2gpfragment/Recipients/Recipient",
        ),
        (
            &message,
            " typeCode=\"AA\"",
            "Gp2gpfragment/Message/acknowledgement/@typeCode",
        ),
        (&ack, " typeCode=\"AA\"", "acknowledgement/@typeCode"),
        (
            &ack,
            &format!("<id root=\"{CORE}\"/>"),
            "acknowledgement/messageRef/id/@root",
        ),
    ] {
        assert_eq!(remove(payload, part), Hl7Error::Missing(path));
    }
}

#[test]
fn values_outside_their_set_are_named() {
    let change = |payload: Payload, from: &str, to: &str| {
        let xml = String::from_utf8(payload.write(Dialect::Tpp).to_vec()).unwrap();
        parse(&xml.replace(from, to).into())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        change(Payload::EhrRequest(request()), "9990000018", "999000001"),
        "hl7 payload: `ControlActEvent/subject/EhrRequest/recordTarget/patient/id/@extension`: \
         nhs number `999000001` is not ten digits"
    );
    assert_eq!(
        change(Payload::Acknowledgement(positive()), "\"AA\"", "\"AX\""),
        "hl7 payload: `acknowledgement/@typeCode` is `AX`"
    );
    assert_eq!(
        change(
            Payload::EhrRequest(request()),
            "RCMR_IN010000UK05",
            "RCMR_IN010000UK99"
        ),
        "hl7 payload: root element `RCMR_IN010000UK99` is no GP2GP interaction"
    );
    assert_eq!(
        change(Payload::EhrRequest(request()), writer::HL7, "urn:other"),
        "hl7 payload: root element `{urn:other}RCMR_IN010000UK05` is no GP2GP interaction"
    );
}

#[test]
fn root_and_interaction_id_may_disagree() {
    let mut request = request();
    request.wrapper.interaction_id = "RCMR_IN010000UK06".to_owned();
    let Payload::EhrRequest(read) =
        parse(&Payload::EhrRequest(request).write(Dialect::Vision)).unwrap()
    else {
        panic!("not a request");
    };
    assert_eq!(read.wrapper.root, "RCMR_IN010000UK05");
    assert_eq!(read.wrapper.interaction_id, "RCMR_IN010000UK06");
}

#[test]
fn subject_alone_tells_a_continue_from_a_fragment() {
    let written = String::from_utf8(
        Payload::Continue(continue_())
            .write(Dialect::NationalMhs)
            .to_vec(),
    )
    .unwrap();
    let with = |subject: &str| parse(&written.replace(CONTINUE_SUBJECT, subject).into()).unwrap();
    assert!(matches!(
        with("\n  continue ACKNOWLEDGEMENT "),
        Payload::Continue(_)
    ));
    assert!(matches!(
        with("Continue Acknowledgment"),
        Payload::Fragment(_)
    ));
}

#[test]
fn children_of_the_fragment_are_in_order_only_once_each() {
    let written = String::from_utf8(
        Payload::Fragment(fragment())
            .write(Dialect::NationalMhs)
            .to_vec(),
    )
    .unwrap();
    let in_order = |from: &str, to: &str| {
        let Ok(Payload::Fragment(read)) = parse(&written.replace(from, to).into()) else {
            panic!("not a fragment")
        };
        read.fragment.in_order
    };
    assert!(in_order("<From>", "<!-- x --><From>"));
    assert!(!in_order("<From>", "<From>A</From><From>"));
}

#[test]
fn record_is_what_stands_between_destination_and_fulfilment() {
    let components = "<component><a/></component>\n<!-- x --><component/>";
    let mut extract = extract(ExtractVersion::Uk06);
    extract.record = Bytes::from_static(components.as_bytes());
    for dialect in Dialect::ALL {
        let xml = Payload::EhrExtract(extract.clone()).write(dialect);
        let mut marked = b"\xef\xbb\xbf\r\n".to_vec();
        marked.extend(&xml);
        for xml in [xml, marked.into()] {
            let Ok(Payload::EhrExtract(read)) = parse(&xml) else {
                panic!("no extract")
            };
            assert_eq!(read.record, components);
            let memory = xml.as_ptr_range();
            assert!(
                memory.contains(&read.record.as_ptr()),
                "the record is a slice of the payload"
            );
        }
    }
}

#[test]
fn components_apart_are_refused() {
    let mut extract = extract(ExtractVersion::Uk06);
    extract.record = "<component/><limitation/><component/>".into();
    let error = parse(&Payload::EhrExtract(extract).write(Dialect::Tpp)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "hl7 payload: `ControlActEvent/subject/EhrExtract/component` is `split by limitation`"
    );
}
