//! Every payload of the corpus is read.

use std::fs;

use super::*;

/// The payload in a recording, cut out by its root element.
fn cut_out(file: &Path) -> Bytes {
    let bytes = fs::read(file).unwrap();
    let json = file
        .extension()
        .is_some_and(|extension| extension == "json");
    let bytes = if json {
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        value["payload"].as_str().unwrap().as_bytes().to_vec()
    } else {
        bytes
    };
    let find = |needle: &str| memchr::memmem::find(&bytes, needle.as_bytes());
    let rfind = |needle: &str| memchr::memmem::rfind(&bytes, needle.as_bytes());
    Interaction::ALL
        .into_iter()
        .flat_map(|interaction| ["", "hl7:"].map(|prefix| format!("{prefix}{}", interaction.id())))
        .find_map(|root| {
            let start = find(&format!("<{root} "))?;
            let end = rfind(&format!("</{root}>"))? + root.len() + 3;
            Some(Bytes::copy_from_slice(&bytes[start..end]))
        })
        .unwrap_or_else(|| panic!("{} holds no payload", file.display()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.extension().is_some_and(|extension| extension != "md") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn payload(shared: &Path, file: &str) -> Payload {
    parse(&cut_out(&shared.join("corpus").join(file))).unwrap()
}

#[test]
fn every_payload_of_the_corpus_is_read_and_written_again() {
    let Some(shared) = shared() else { return };
    let files = files(&shared.join("corpus"));
    assert!(files.len() >= 20);
    for file in files {
        let xml = cut_out(&file);
        match parse(&xml) {
            // The two complete extracts carry no NHS number but a name.
            Err(Hl7Error::Id { path, .. }) if file.parent().unwrap().ends_with("extracts") => {
                assert!(path.ends_with("recordTarget/patient/id/@extension"));
            }
            Err(error) => panic!("{}: {error}", file.display()),
            Ok(payload) => {
                assert!(
                    file.display()
                        .to_string()
                        .contains(payload.interaction().id())
                );
                for dialect in Dialect::ALL {
                    let again = parse(&payload.write(dialect));
                    assert_eq!(
                        again.as_ref(),
                        Ok(&payload),
                        "{} as {dialect}",
                        file.display()
                    );
                }
            }
        }
    }
}

#[test]
fn complete_extracts_are_counted() {
    let Some(shared) = shared() else { return };
    for file in ["extract-133KB.xml", "extract-562KB.xml"] {
        let xml = fs::read(shared.join("corpus/extracts").join(file)).unwrap();
        let facts = scan(&xml).unwrap();
        let text = String::from_utf8(xml).unwrap();
        assert_eq!(facts.folders, 1, "{file}");
        assert_eq!(
            facts.compositions,
            text.matches("<ehrComposition ").count(),
            "{file}"
        );
        assert_eq!(
            facts.documents.len(),
            text.matches("<referredToExternalDocument").count()
        );
        assert_eq!(facts.unresolved_agents, Vec::<String>::new(), "{file}");
        assert!(!facts.has_confidentiality && facts.marks == 0);

        let numbered = Bytes::from(text.replace("Test Harness", "9990000018"));
        let Ok(Payload::EhrExtract(extract)) = parse(&numbered) else {
            panic!("{file}")
        };
        assert!(extract.record.starts_with(b"<component typeCode=\"COMP\">"));
        assert!(extract.record.ends_with(b"</component>"));
        assert_eq!(
            scan(&extract.record).unwrap(),
            facts,
            "{file}: a bare record has the same facts"
        );
    }
}

#[test]
fn recorded_core_extract_links_four_documents() {
    let Some(shared) = shared() else { return };
    let file =
        "corpus/large-message-1/RCMR_IN030000UK06_6E242658-3D8E-11E3-A7DC-172BDA00FA67.ebxml";
    let xml = cut_out(&shared.join(file));
    let Ok(Payload::EhrExtract(extract)) = parse(&xml) else {
        panic!("not an extract")
    };
    assert_eq!(extract.version, ExtractVersion::Uk06);
    assert_eq!(extract.destination, None);
    assert_ne!(extract.wrapper.id.as_str(), extract.id.as_str());

    let facts = scan(&extract.record).unwrap();
    let names: Vec<_> = facts
        .documents
        .iter()
        .map(DocumentLink::file_name)
        .collect();
    assert_eq!(names.len(), 4);
    for (name, document) in names.iter().zip(&facts.documents) {
        assert!(
            name.starts_with(document.id.as_str()),
            "{name} begins with its id, without `_`"
        );
    }
    // One agent declares its id with a blank at the end.
    assert_eq!(facts.unresolved_agents, Vec::<String>::new());
}

#[test]
fn continues_of_three_suppliers_say_the_same() {
    let Some(shared) = shared() else { return };
    for file in [
        "single/continue-COPC_IN000001UK01.mime",
        "mhs-json/continue-COPC_IN000001UK01.json",
        "large-message-1/COPC_IN000001UK01_FA039330-7E63-446A-8CA4-E9E0D00DA6E8_CONTINUE.ebxml",
    ] {
        let Payload::Continue(message) = payload(&shared, file) else {
            panic!("{file}")
        };
        assert_eq!(message.information_code, "GP2GP_PI");
        assert_eq!(message.fragment.subject, CONTINUE_SUBJECT);
        assert!(message.fragment.in_order, "{file}");
        let inner = (
            &*message.ack_type,
            &*message.detail_type,
            &*message.detail_code,
        );
        assert_eq!(inner, ("AA", "IF", "0"), "{file}");
        assert_eq!(
            message.acknowledged_message.as_ref(),
            Some(&message.message_ref)
        );
    }
}

#[test]
fn fragments_name_their_file() {
    let Some(shared) = shared() else { return };
    let file =
        "large-message-1/COPC_IN000001UK01_3F594B5F-3FAF-11E3-B10C-8BC15657569C_Fragment0.ebxml";
    let Payload::Fragment(fragment) = payload(&shared, file) else {
        panic!("not a fragment")
    };
    assert_eq!(
        fragment.file_name(),
        "E39E79A2-FA96-48FF-9373-7BBCB9D036E7_0.messageattachment"
    );
    assert_eq!(
        fragment.file_reference.as_deref(),
        Some(fragment.file_name())
    );
    assert_eq!(fragment.information_id, fragment.fragment.message_id);
}

#[test]
fn negative_acknowledgements_of_emis_and_spine_are_understood() {
    let Some(shared) = shared() else { return };
    for (file, code) in [
        ("single/emis-nack-MCCI_IN010000UK13.mime", "19"),
        ("mhs-json/spine-nack-MCCI_IN010000UK13.json", "506"),
    ] {
        let Payload::Acknowledgement(ack) = payload(&shared, file) else {
            panic!("{file}")
        };
        assert_eq!(ack.type_code, AckType::Ar);
        assert_eq!(ack.code().unwrap().as_str(), code);
    }
}
