//! Nothing that comes from outside panics, and nothing is expanded.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::limits;

/// Without XML declarations: a mutation puts them where they may not stand.
static VALID: LazyLock<Vec<Bytes>> = LazyLock::new(|| {
    let declaration = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
    every_payload()
        .iter()
        .flat_map(|payload| Dialect::ALL.map(|dialect| payload.write(dialect)))
        .map(|xml| xml.slice_ref(xml.strip_prefix(declaration).unwrap_or(&xml)))
        .collect()
});

/// A valid payload with a few bytes replaced, removed or put in.
fn mutated() -> impl Strategy<Value = Bytes> {
    let piece = prop_oneof![
        Just(""),
        Just("<"),
        Just(">"),
        Just("/>"),
        Just("&"),
        Just("&amp;"),
        Just("\""),
        Just("="),
        Just("<!--"),
        Just("-->"),
        Just("<![CDATA["),
        Just("]]>"),
        Just("<?xml version='1.0'?>"),
        Just(" a='b'"),
        Just("<a>"),
        Just("</a>"),
        Just("\u{0}"),
        Just("ö"),
        Just("xmlns"),
        Just("<component>"),
    ];
    let mutation = (any::<proptest::sample::Index>(), 0..4_usize, piece);
    let mutations = proptest::collection::vec(mutation, 1..4);
    (any::<proptest::sample::Index>(), mutations).prop_map(|(which, mutations)| {
        let mut xml = which.get(&VALID).to_vec();
        for (at, removed, piece) in mutations {
            let at = at.index(xml.len());
            let end = xml.len().min(at + removed);
            xml.splice(at..end, piece.bytes());
        }
        xml.into()
    })
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
        let _ = scan(&bytes);
        let _ = parse(&bytes.into());
    }

    #[test]
    fn no_mutated_payload_panics(xml in mutated()) {
        let _ = scan(&xml);
        if let Ok(payload) = parse(&xml) {
            for dialect in Dialect::ALL {
                payload.write(dialect);
            }
        }
    }

    /// But for namespaces, the inside of a declaration, and the number of roots.
    #[test]
    fn stream_and_tree_agree_on_what_is_well_formed(xml in mutated()) {
        if memchr::memmem::find(&xml, b"<?xml ").is_some() {
            return Ok(());
        }
        let stream = scan(&xml);
        let text = String::from_utf8_lossy(&xml);
        match (xml::tree(&xml), stream) {
            // The tree takes a default namespace twice.
            (Ok(_), Err(Hl7Error::Xml(error))) => {
                prop_assert!(error.to_string().contains("`xmlns` twice"), "{}: {}", error, text);
            }
            (Err(error), Ok(_)) => {
                let why = error.to_string();
                let is_known = ["namespace", "xmlns", "root node"].iter().any(|known| why.contains(known));
                prop_assert!(is_known, "{}: {}", why, text);
            }
            (Ok(_), Ok(_) | Err(_)) | (Err(_), Err(_)) => {}
        }
    }
}

/// Every payload with something put between its declaration and its root element.
fn with_prolog(prolog: &str) -> Vec<String> {
    every_payload()
        .iter()
        .map(|payload| {
            let xml = String::from_utf8(payload.write(Dialect::Emis).to_vec()).unwrap();
            format!("{prolog}{xml}")
        })
        .collect()
}

#[test]
fn document_types_are_refused_in_every_payload() {
    let bomb =
        "<!DOCTYPE a [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;'>]>";
    for prolog in [
        "<!DOCTYPE a>",
        "<!DOCTYPE a SYSTEM 'file:///etc/hostname'>",
        "<?xml version='1.0'?><!-- x --><!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/hostname'>]>",
        bomb,
    ] {
        for xml in with_prolog(prolog) {
            assert_eq!(
                parse(&xml.clone().into()),
                Err(XmlError::Doctype.into()),
                "{xml}"
            );
            assert_eq!(scan(xml.as_bytes()), Err(XmlError::Doctype.into()), "{xml}");
        }
    }
}

#[test]
fn a_document_type_inside_the_record_is_refused() {
    let mut extract = extract(ExtractVersion::Uk06);
    extract.record = "<component><!DOCTYPE a></component>".into();
    let xml = Payload::EhrExtract(extract).write(Dialect::Tpp);
    assert_eq!(parse(&xml), Err(XmlError::Doctype.into()));
}

#[test]
fn entities_without_a_declaration_are_refused_in_text_and_attributes() {
    for record in [
        "<component>&x;</component>",
        "<component a=\"&x;\"/>",
        "<component>&#1;</component>",
    ] {
        let mut extract = extract(ExtractVersion::Uk07);
        extract.record = record.into();
        let xml = Payload::EhrExtract(extract).write(Dialect::Tpp);
        assert!(
            matches!(parse(&xml), Err(Hl7Error::Xml(XmlError::NotWellFormed(_)))),
            "{record}"
        );
        assert!(
            matches!(scan(&xml), Err(Hl7Error::Xml(XmlError::NotWellFormed(_)))),
            "{record}"
        );
    }
    let request = String::from_utf8(Payload::EhrRequest(request()).write(Dialect::Emis).to_vec());
    let xml = request.unwrap().replace("V3NPfIT3.1.10", "&x;");
    assert!(matches!(
        parse(&xml.into()),
        Err(Hl7Error::Xml(XmlError::NotWellFormed(_)))
    ));
}

#[test]
fn deep_nesting_is_refused() {
    let too_deep = Err(XmlError::TooDeep {
        limit: limits::XML_DEPTH,
    }
    .into());
    let nested = |depth| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(scan(nested(limits::XML_DEPTH).as_bytes()).is_ok());
    for depth in [limits::XML_DEPTH + 1, 200_000] {
        assert_eq!(scan(nested(depth).as_bytes()).map(|_| ()), too_deep);
        let mut extract = extract(ExtractVersion::Uk06);
        extract.record = format!("<component>{}</component>", nested(depth)).into();
        let xml = Payload::EhrExtract(extract).write(Dialect::Tpp);
        assert_eq!(parse(&xml).map(|_| ()), too_deep);
        let request =
            String::from_utf8(Payload::EhrRequest(request()).write(Dialect::Tpp).to_vec());
        let xml = request
            .unwrap()
            .replace("<subject ", &format!("{}<subject ", nested(depth)));
        assert_eq!(parse(&xml.into()).map(|_| ()), too_deep);
    }
}

#[test]
fn a_crowd_of_attributes_is_refused() {
    let crowd: String = (0..100_000).map(|n| format!(" a{n}='x'")).collect();
    let record = format!("<component{crowd}/>");
    assert_eq!(
        scan(record.as_bytes()),
        Err(XmlError::TooManyAttributes { limit: 64 }.into())
    );
}

#[test]
fn what_no_xml_reader_takes_the_stream_does_not_take() {
    for record in [
        "<a",
        "<a>",
        "<a></b>",
        "</a>",
        "<a b/>",
        "<a b=c/>",
        "<a b='1' b='2'/>",
        "<a b='1'c='2'/>",
        "<a b='<'/>",
        "<1/>",
        "<a 1='x'/>",
        "<a>&</a>",
        "<a>& b</a>",
        "<a>]]></a>",
        "<a>\u{b}</a>",
        "<a>\u{ffff}</a>",
        "<a><!-- -- --></a>",
        "<a><?xml version='1.0'?></a>",
        "text",
        "<a/>text",
        "<![CDATA[x]]>",
        "&amp;",
    ] {
        let error = scan(record.as_bytes()).unwrap_err();
        assert!(
            matches!(error, Hl7Error::Xml(XmlError::NotWellFormed(_))),
            "{record}: {error}"
        );
    }
    assert_eq!(
        scan(b"<a>\xff</a>"),
        Err(XmlError::NotUtf8 { at: 3 }.into())
    );
    for record in [
        "",
        " <a/> <b>x</b> ",
        "\u{feff}<a/>",
        "<a b=\"it's &gt; &#163;\" c = 'x'/>",
    ] {
        assert!(scan(record.as_bytes()).is_ok(), "{record}");
    }
}
