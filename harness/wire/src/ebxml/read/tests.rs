use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::hl7::XmlError;

const HEADER: &str = "<x:MessageHeader><x:From><x:PartyId>A-1</x:PartyId></x:From>\
    <x:To><x:PartyId>B-2</x:PartyId></x:To><x:CPAId>C</x:CPAId>\
    <x:ConversationId>D</x:ConversationId><x:Service>E</x:Service><x:Action>F</x:Action>\
    <x:MessageData><x:MessageId>G</x:MessageId>\
    <x:Timestamp>2026-01-05T09:00:00.1234567Z</x:Timestamp></x:MessageData>\
    </x:MessageHeader>";

fn envelope(header: &str, body: &str) -> String {
    format!(
        "\t<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/' xmlns:x='x' \
         xmlns:l='l'><e:Header>{header}</e:Header><e:Body>{body}</e:Body></e:Envelope>"
    )
}

fn message(references: &str) -> Result<(Header, Vec<Reference>), EnvelopeError> {
    let xml = envelope(HEADER, &format!("<x:Manifest>{references}</x:Manifest>"));
    parse(xml.as_bytes()).map(|envelope| match envelope {
        Envelope::Message(header, manifest) => (header, manifest),
        Envelope::Acknowledgment(_) | Envelope::ErrorList(_) | Envelope::Fault(_) => {
            panic!("{envelope:?}")
        }
    })
}

fn href(href: &str) -> Href {
    let reference = format!("<x:Reference l:href=\"{href}\"/>");
    message(&reference).unwrap().1.remove(0).href
}

#[test]
fn hrefs_are_percent_decoded_where_that_gives_an_id() {
    let cid = |id| Href::Cid(ContentId::parse(id).unwrap());
    assert_eq!(
        href("cid:payload@tpp-uk.com/SystmOne"),
        cid("payload@tpp-uk.com/SystmOne")
    );
    assert_eq!(href("cid:a%2Fb%40c%C3%A9"), cid("a/b@cé"));
    assert_eq!(href("CID:a"), cid("a"));
    assert_eq!(href("cid:a%FFb"), cid("a%FFb"), "no utf-8 after decoding");
    assert_eq!(href("cid:a%20b"), cid("a%20b"), "no id after decoding");
    assert_eq!(
        href(" mid:a"),
        Href::Mid(EbxmlMessageId::parse("a").unwrap())
    );
    for other in [
        "",
        "cid:",
        "cid",
        "mid:a b",
        "http://a/b",
        "file:///etc/passwd",
    ] {
        assert_eq!(href(other), Href::Other(other.to_owned()));
    }
}

#[test]
fn descriptions_keep_their_inner_white_space() {
    let reference = |description: &str| {
        let xml = format!("<x:Reference l:href='cid:a'>{description}</x:Reference>");
        message(&xml).unwrap().1.remove(0).description
    };
    assert_eq!(reference(""), None);
    assert_eq!(reference("<x:Description/>").as_deref(), Some(""));
    let lines = "<x:Description>\n\tFilename=\"a\" \n\tLength=1\n</x:Description>";
    assert_eq!(
        reference(lines).as_deref(),
        Some("Filename=\"a\" \n\tLength=1")
    );
}

#[test]
fn a_payload_is_known_by_its_element_not_its_place() {
    let (_, manifest) = message(
        "<x:Reference l:href='cid:a'/><x:Reference l:href='cid:b'><y:Payload xmlns:y='y'/></x:Reference>",
    )
    .unwrap();
    assert_eq!(
        manifest.iter().map(|r| r.is_payload).collect::<Vec<_>>(),
        [false, true]
    );
}

#[test]
fn times_have_a_fraction_or_no_zone() {
    let (header, _) = message("").unwrap();
    assert_eq!(header.timestamp.to_string(), "2026-01-05T09:00:00.123456Z");
    assert_eq!(
        parse_time("2013-10-24T15:08:07"),
        parse_time("2013-10-24T15:08:07Z")
    );
    assert!(parse_time("yesterday").is_err());
}

#[test]
fn what_is_missing_is_named() {
    let missing = |xml: &str| match parse(xml.as_bytes()).unwrap_err() {
        EnvelopeError::Missing(name) => name,
        EnvelopeError::Xml(_)
        | EnvelopeError::NotSoap(_)
        | EnvelopeError::Id(_)
        | EnvelopeError::Time(_) => panic!("{xml}"),
    };
    let without = |part: &str| envelope(&HEADER.replace(part, ""), "<Manifest/>");
    assert_eq!(missing("<Envelope/>"), "soap:Header");
    assert_eq!(missing(&envelope("", "")), "eb:MessageHeader");
    assert_eq!(missing(&envelope(HEADER, "")), "eb:Manifest");
    assert_eq!(
        missing(&envelope(HEADER, "<Manifest><Reference/></Manifest>")),
        "xlink:href"
    );
    assert_eq!(
        missing(&without("<x:PartyId>B-2</x:PartyId>")),
        "eb:To/eb:PartyId"
    );
    assert_eq!(missing(&without("A-1")), "eb:From/eb:PartyId");
    assert_eq!(missing(&without("<x:CPAId>C</x:CPAId>")), "eb:CPAId");
    assert_eq!(
        missing(&without("2026-01-05T09:00:00.1234567Z")),
        "eb:Timestamp"
    );
    assert_eq!(
        missing(&envelope(&format!("{HEADER}<ErrorList/>"), "")),
        "eb:Error"
    );
    assert_eq!(
        missing(&envelope(&format!("{HEADER}<Acknowledgment/>"), "")),
        "eb:RefToMessageId"
    );
    assert_eq!(missing(&envelope("", "<Fault/>")), "faultcode");
}

#[test]
fn a_root_that_is_no_envelope_is_named() {
    let error = parse(b"<RCMR_IN010000UK05 xmlns='urn:hl7-org:v3'/>").unwrap_err();
    assert_eq!(
        error,
        EnvelopeError::NotSoap("RCMR_IN010000UK05".to_owned())
    );
}

#[test]
fn a_fault_is_read_with_and_without_a_namespace() {
    for prefix in ["", "e:"] {
        let xml = envelope(
            "",
            &format!(
                "<e:Fault><{prefix}faultcode>e:Server</{prefix}faultcode>\
                 <{prefix}faultstring>Application Exception</{prefix}faultstring>\
                 <{prefix}detail><n:errorList xmlns:n='http://national.carerecords.nhs.uk/schema/'>\
                 <n:error><n:codeContext>urn:nhs:names:error:tms</n:codeContext>\
                 <n:errorCode>200</n:errorCode><n:severity>Error</n:severity><n:location/>\
                 <n:description>System failure</n:description></n:error>\
                 </n:errorList></{prefix}detail></e:Fault>"
            ),
        );
        let Ok(Envelope::Fault(fault)) = parse(xml.as_bytes()) else {
            panic!("no fault: {xml}");
        };
        assert_eq!(
            (fault.code.as_str(), fault.string.as_str()),
            ("e:Server", "Application Exception")
        );
        assert_eq!(fault.errors.len(), 1);
        assert!(fault.errors.iter().all(NaspError::is_retriable));
    }
}

#[test]
fn an_error_without_context_or_severity_is_an_error_of_the_standard() {
    let list = "<x:ErrorList><x:Error x:errorCode='Inconsistent'/></x:ErrorList>";
    let Ok(Envelope::ErrorList(list)) = parse(envelope(&format!("{HEADER}{list}"), "").as_bytes())
    else {
        panic!("no error list");
    };
    assert_eq!(
        list.errors,
        [EbxmlError {
            code: EbxmlErrorCode::Inconsistent,
            code_context: ERRORS.to_owned(),
            is_error: true,
            location: None,
            description: String::new(),
        }]
    );
}

#[test]
fn hostile_xml_is_refused() {
    let bomb = format!(
        "<!DOCTYPE lol [<!ENTITY a 'lol'><!ENTITY b '&a;&a;'>]>{}",
        envelope(HEADER, "<x:Manifest>&b;</x:Manifest>")
    );
    let deep = envelope(HEADER, &"<a>".repeat(100_000));
    assert_eq!(
        parse(bomb.as_bytes()),
        Err(EnvelopeError::Xml(XmlError::Doctype))
    );
    let error = parse(deep.as_bytes()).unwrap_err();
    assert!(
        matches!(error, EnvelopeError::Xml(XmlError::TooDeep { .. })),
        "{error}"
    );
}

#[test]
fn a_manifest_of_1500_references_is_read() {
    let references: String = (0..1_500)
        .map(|n| {
            format!("<x:Reference z{n}:href='mid:{n}' xmlns:z{n}='http://www.w3.org/1999/xlink'/>")
        })
        .collect();
    assert_eq!(message(&references).unwrap().1.len(), 1_500);
}

proptest! {
    #[test]
    fn no_input_panics(bytes in any::<Vec<u8>>(), inner in "\\PC*") {
        let _ = parse(&bytes);
        let _ = parse(inner.as_bytes());
    }

    #[test]
    fn no_damage_panics(at in 0_usize..4_000, byte in any::<u8>(), insert in any::<bool>()) {
        let header = format!("{HEADER}<x:AckRequested/><x:SyncReply/><x:Acknowledgment/>");
        let mut xml = envelope(&header, "<x:Manifest><x:Reference l:href='cid:%41'/></x:Manifest>").into_bytes();
        let at = at % xml.len();
        if insert {
            xml.insert(at, byte);
        } else {
            xml[at] = byte;
        }
        let _ = parse(&xml);
    }
}

/// Name and envelope of every message of the corpus; none, with a notice, without a corpus.
fn corpus() -> Vec<(String, String)> {
    let crate_folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let named = std::env::var_os("GP2GP_SHARED").map(PathBuf::from);
    let beside = crate_folder.ancestors().map(|folder| folder.join("shared"));
    let corpus = named
        .into_iter()
        .chain(beside)
        .map(|shared| shared.join("corpus"))
        .find(|corpus| corpus.is_dir());
    let Some(corpus) = corpus else {
        eprintln!("skipped: no corpus beside the repository");
        return Vec::new();
    };
    let mut folders = vec![corpus];
    let mut envelopes = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Some(envelope) = envelope_in(&std::fs::read(&path).unwrap()) {
                envelopes.push((path.display().to_string(), envelope));
            }
        }
    }
    envelopes.sort();
    envelopes
}

fn envelope_in(file: &[u8]) -> Option<String> {
    if let Ok(json) = serde_json::from_slice::<serde_json::Value>(file) {
        return json.get("ebXML")?.as_str().map(str::to_owned);
    }
    let file = String::from_utf8_lossy(file);
    let name = file.find(":Envelope")?;
    let start = file[..name].rfind('<')?;
    let declaration = file[..start].rfind("<?xml").unwrap_or(start);
    let end = file.rfind(":Envelope>")? + ":Envelope>".len();
    Some(file[declaration..end].to_owned())
}

#[test]
fn every_envelope_of_the_corpus_is_read() {
    let envelopes = corpus();
    if envelopes.is_empty() {
        return;
    }
    assert!(envelopes.len() >= 22, "{}", envelopes.len());
    for (name, xml) in envelopes {
        let Ok(Envelope::Message(header, manifest)) = parse(xml.as_bytes()) else {
            panic!("{name}: {:?}", parse(xml.as_bytes()));
        };
        assert!(
            name.contains(&header.action) || name.contains("mhs-json"),
            "{name}"
        );
        assert_eq!(header.service, gp2gp_model::interaction::SERVICE, "{name}");
        assert!(header.duplicate_elimination, "{name}");
        assert_eq!(
            header.time_to_live.is_some(),
            header.time_to_live > Some(header.timestamp),
            "{name}"
        );

        // A payload, first and alone; hrefs that are all understood.
        assert_eq!(
            manifest.iter().position(|r| r.is_payload),
            Some(0),
            "{name}"
        );
        assert_eq!(
            manifest.iter().filter(|r| r.is_payload).count(),
            1,
            "{name}"
        );
        assert!(
            !manifest.iter().any(|r| matches!(r.href, Href::Other(_))),
            "{name}"
        );

        let spine_made = name.contains("spine-nack");
        assert_eq!(header.sync_reply.is_some(), spine_made, "{name}");
        assert_eq!(header.ref_to_message_id.is_some(), spine_made, "{name}");
        let ack_requested = header.ack_requested.map(|ack| (ack.actor, ack.signed));
        if name.contains("CONTINUE") {
            assert_eq!(ack_requested, None, "{name}");
        } else {
            let actor = if spine_made {
                TO_PARTY_MSH
            } else {
                crate::ebxml::NEXT_MSH
            };
            assert_eq!(ack_requested, Some((actor.to_owned(), false)), "{name}");
        }
        let tpp = xml.contains("@tpp-uk.com");
        assert_eq!(manifest[0].description.is_none(), tpp, "{name}");
        if name.contains("RCMR") && name.contains("large") {
            let externals = |r: &&Reference| matches!(r.href, Href::Mid(_));
            let of_national_mhs = name.contains("large-message-1");
            assert_eq!(
                manifest.len(),
                if of_national_mhs { 5 } else { 6 },
                "{name}"
            );
            assert_eq!(
                manifest.iter().filter(externals).count(),
                if of_national_mhs { 3 } else { 2 },
                "{name}"
            );
            let lines = manifest[1].description.as_ref().unwrap().lines().count();
            assert_eq!(lines, if of_national_mhs { 5 } else { 1 }, "{name}");
        }
    }
}
