//! Skeletons: an oversized core extract travels as its own attachment (LM24).

use std::fmt::Write as _;

use bytes::Bytes;
use gp2gp_model::DocumentId;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::{BytesStart, Event};
use sha2::{Digest, Sha256};

use crate::hl7::{Hl7Error, XmlError};

/// Marker in `DomainData`.
pub const SKELETON_DOMAIN: &str = "X-GP2GP-Skeleton: Yes";

/// Code system of both codes of a skeleton.
const SNOMED: &str = "2.16.840.1.113883.2.1.3.2.4.15";
/// Characters of a file name that would change the meaning of a `file:` URL.
const NOT_IN_A_URL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?');

/// The record of a skeleton: one folder, one composition, one narrative statement whose document
/// link (code `24891000000101`) names the attachment. Schema-valid if the original is.
///
/// Folder, agents and the author and participants of the first composition are the original's;
/// the other ids are derived from `document`. The original is read only as far as needed; an
/// original without these parts is an error.
pub fn skeleton_record(
    original_record: &Bytes,
    document: &DocumentId,
    file_name: &str,
) -> Result<Bytes, Hl7Error> {
    let Original {
        id,
        effective_time,
        availability_time,
        author,
        responsible_party,
        composition,
    } = Original::read(original_record)?;
    let Composition {
        author: composition_author,
        participants,
    } = composition;
    let composition_id = derived_id(document, "composition");
    let statement_id = derived_id(document, "statement");
    let document = escape(document.as_str());
    let reference = utf8_percent_encode(file_name, NOT_IN_A_URL).to_string();
    let reference = escape(&reference);
    Ok(Bytes::from(format!(
        r#"<component typeCode="COMP">
  <ehrFolder classCode="FOLDER" moodCode="EVN">
    {id}
    <statusCode code="COMPLETE"/>
    {effective_time}
    {availability_time}
    {author}
    {responsible_party}
    <component typeCode="COMP">
      <ehrComposition classCode="COMPOSITION" moodCode="EVN">
        <id root="{composition_id}"/>
        <code code="196401000000100" codeSystem="{SNOMED}" displayName="Non-consultation data"/>
        <statusCode code="COMPLETE"/>
        <effectiveTime><center nullFlavor="NI"/></effectiveTime>
        {availability_time}
        {composition_author}
        {participants}
        <component typeCode="COMP">
          <NarrativeStatement classCode="OBS" moodCode="EVN">
            <id root="{statement_id}"/>
            <text>Skeleton: the record is in the attachment</text>
            <statusCode code="COMPLETE"/>
            {availability_time}
            <reference typeCode="REFR">
              <referredToExternalDocument classCode="DOC" moodCode="EVN">
                <id root="{document}"/>
                <code code="24891000000101" codeSystem="{SNOMED}" displayName="EDI messages"/>
                <text mediaType="text/xml"><reference value="file://localhost/{reference}"/></text>
              </referredToExternalDocument>
            </reference>
          </NarrativeStatement>
        </component>
      </ehrComposition>
    </component>
  </ehrFolder>
</component>
"#
    )))
}

/// A UUID that the same document and role always give, marked as name-based.
fn derived_id(document: &DocumentId, role: &str) -> String {
    let name = format!("{role} of {}", document.as_str().to_ascii_uppercase());
    let mut id = String::with_capacity(36);
    for (at, byte) in Sha256::digest(name).iter().take(16).enumerate() {
        let byte = match at {
            6 => byte & 0x0f | 0x50,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        let dash = if matches!(at, 4 | 6 | 8 | 10) {
            "-"
        } else {
            ""
        };
        // Writing to a string cannot fail.
        let _ = write!(id, "{dash}{byte:02X}");
    }
    id
}

/// What is taken over from the first folder of the original: elements as they stand.
struct Original<'r> {
    id: &'r str,
    effective_time: &'r str,
    availability_time: &'r str,
    author: &'r str,
    responsible_party: &'r str,
    composition: Composition<'r>,
}

struct Composition<'r> {
    author: &'r str,
    participants: String,
}

impl<'r> Original<'r> {
    fn read(record: &'r [u8]) -> Result<Self, Hl7Error> {
        let xml = std::str::from_utf8(record).map_err(|error| XmlError::NotUtf8 {
            at: error.valid_up_to(),
        })?;
        let mut walk = Walk {
            xml,
            reader: Reader::from_str(xml),
        };
        walk.enter("component", "component")?;
        walk.enter("ehrFolder", "component/ehrFolder")?;
        let [
            mut id,
            mut effective_time,
            mut availability_time,
            mut author,
            mut responsible_party,
        ] = [None; 5];
        let composition = loop {
            let child = walk
                .child()?
                .ok_or(Hl7Error::Missing("ehrFolder/component"))?;
            match child.tag.local_name().as_ref() {
                "id" => id = Some(walk.whole(&child)?),
                "effectiveTime" => effective_time = Some(walk.whole(&child)?),
                "availabilityTime" => availability_time = Some(walk.whole(&child)?),
                "author" => author = Some(walk.whole(&child)?),
                "responsibleParty" => responsible_party = Some(walk.whole(&child)?),
                "component" => break Composition::read(&mut walk)?,
                _ => {
                    walk.whole(&child)?;
                }
            }
        };
        Ok(Self {
            id: id.ok_or(Hl7Error::Missing("ehrFolder/id"))?,
            effective_time: effective_time.ok_or(Hl7Error::Missing("ehrFolder/effectiveTime"))?,
            availability_time: availability_time
                .ok_or(Hl7Error::Missing("ehrFolder/availabilityTime"))?,
            author: author.ok_or(Hl7Error::Missing("ehrFolder/author"))?,
            responsible_party: responsible_party
                .ok_or(Hl7Error::Missing("ehrFolder/responsibleParty"))?,
            composition,
        })
    }
}

impl<'r> Composition<'r> {
    fn read(walk: &mut Walk<'r>) -> Result<Self, Hl7Error> {
        walk.enter("ehrComposition", "ehrFolder/component/ehrComposition")?;
        let mut author = None;
        let mut participants = String::new();
        while let Some(child) = walk.child()? {
            match child.tag.local_name().as_ref() {
                "author" => author = Some(walk.whole(&child)?),
                "Participant2" => participants.push_str(walk.whole(&child)?),
                // Authors and participants stand before the statements.
                "component" => break,
                _ => {
                    walk.whole(&child)?;
                }
            }
        }
        let author = author.ok_or(Hl7Error::Missing("ehrComposition/author"))?;
        Ok(Self {
            author,
            participants,
        })
    }
}

/// Goes through elements forward, level by level.
struct Walk<'r> {
    xml: &'r str,
    reader: Reader<&'r [u8]>,
}

struct Child<'r> {
    tag: BytesStart<'r>,
    start: u64,
    is_empty: bool,
}

impl<'r> Walk<'r> {
    /// The next child of the element that was entered last; `None` after its last child.
    fn child(&mut self) -> Result<Option<Child<'r>>, Hl7Error> {
        loop {
            let start = self.reader.buffer_position();
            match self
                .reader
                .read_event()
                .map_err(|error| not_well_formed(&error))?
            {
                Event::Start(tag) => {
                    return Ok(Some(Child {
                        tag,
                        start,
                        is_empty: false,
                    }));
                }
                Event::Empty(tag) => {
                    return Ok(Some(Child {
                        tag,
                        start,
                        is_empty: true,
                    }));
                }
                Event::End(_) | Event::Eof => return Ok(None),
                Event::DocType(_) => return Err(XmlError::Doctype.into()),
                Event::Text(_)
                | Event::CData(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_)
                | Event::GeneralRef(_) => {}
            }
        }
    }

    /// Goes to the next child of this name and into it.
    fn enter(&mut self, name: &str, path: &'static str) -> Result<(), Hl7Error> {
        while let Some(child) = self.child()? {
            if child.tag.local_name().as_ref() == name && !child.is_empty {
                return Ok(());
            }
            self.whole(&child)?;
        }
        Err(Hl7Error::Missing(path))
    }

    /// The text of the child that was just found, from tag to tag.
    fn whole(&mut self, child: &Child<'r>) -> Result<&'r str, Hl7Error> {
        if !child.is_empty {
            self.reader
                .read_to_end(child.tag.name())
                .map_err(|error| not_well_formed(&error))?;
        }
        let range = usize::try_from(child.start).unwrap_or(usize::MAX)
            ..usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
        Ok(self.xml.get(range).unwrap_or_default())
    }
}

fn not_well_formed(error: &quick_xml::Error) -> Hl7Error {
    XmlError::NotWellFormed(error.to_string()).into()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::super::corpus;
    use super::*;
    use crate::hl7::DocumentLink;

    const FOLDER: &str = r#"<component typeCode="COMP"><ehrFolder classCode="FOLDER" moodCode="EVN">
        <id root="AEB45918-8B0A-4391-B1D4-837AF6E46B7D"/><statusCode code="COMPLETE"/>
        <effectiveTime><low value="20050314"/><high value="20250314"/></effectiveTime>
        <availabilityTime value="20250314"/>
        <author typeCode="AUT"><time value="20250314"/><AgentOrgSDS classCode="AGNT"><agentOrganizationSDS classCode="ORG" determinerCode="INSTANCE"><id extension="B83002" root="1.2.826.0.1285.0.1.10"/></agentOrganizationSDS></AgentOrgSDS></author>
        <responsibleParty typeCode="RESP"><agentDirectory classCode="AGNT"><part typeCode="PART"><Agent classCode="AGNT"><id root="9C3AB881-FCDE-48EC-8028-37B20E0AE893"/><code code="394745000" displayName="General practice" codeSystem="2.16.840.1.113883.2.1.3.2.4.15"/></Agent></part></agentDirectory></responsibleParty>
        <!-- a comment --><component typeCode="COMP"><ehrComposition classCode="COMPOSITION" moodCode="EVN">
        <id root="5649F991-91C0-4A01-A9CA-7C12F4032DD6"/><code code="25671000000102" codeSystem="2.16.840.1.113883.2.1.3.2.4.15"/><statusCode code="COMPLETE"/>
        <effectiveTime><center nullFlavor="NI"/></effectiveTime><availabilityTime value="20100123"/>
        <author typeCode="AUT"><time value="20100123"/><agentRef classCode="AGNT"><id root="9C3AB881-FCDE-48EC-8028-37B20E0AE893"/></agentRef></author>
        <Participant2 typeCode="RESP"><agentRef classCode="AGNT"><id root="9C3AB881-FCDE-48EC-8028-37B20E0AE893"/></agentRef></Participant2>
        <component typeCode="COMP"><EhrEmpty/></component></ehrComposition></component></ehrFolder></component>"#;

    fn document() -> DocumentId {
        DocumentId::parse("B2BAE43C-C540-4A0B-9EB7-D36D2F106F69").unwrap()
    }

    fn skeleton(original: &str, file_name: &str) -> String {
        let record =
            skeleton_record(&Bytes::from(original.to_owned()), &document(), file_name).unwrap();
        String::from_utf8(record.to_vec()).unwrap()
    }

    /// A whole message around a record.
    fn extract(record: &str, interaction: &str) -> String {
        let device = r#"<device classCode="DEV" determinerCode="INSTANCE"><id root="1.2.826.0.1285.0.2.0.107" extension="276827251543"/></device>"#;
        let practice = r#"<AgentOrgSDS classCode="AGNT"><agentOrganizationSDS classCode="ORG" determinerCode="INSTANCE"><id extension="B83002" root="1.2.826.0.1285.0.1.10"/></agentOrganizationSDS></AgentOrgSDS>"#;
        let agent = device
            .replacen("<device", "<agentSystemSDS", 1)
            .replace("</device", "</agentSystemSDS");
        format!(
            r#"<{interaction} xmlns="urn:hl7-org:v3"><id root="C258107F-7A3F-4FB5-8B36-D7C0F6496A17"/><creationTime value="20250314165328"/><versionCode code="V3NPfIT3.1.10"/><interactionId root="2.16.840.1.113883.2.1.3.2.4.12" extension="{interaction}"/><processingCode code="P"/><processingModeCode code="T"/><acceptAckCode code="NE"/><communicationFunctionRcv typeCode="RCV">{device}</communicationFunctionRcv><communicationFunctionSnd typeCode="SND">{device}</communicationFunctionSnd><ControlActEvent classCode="CACT" moodCode="EVN"><author1 typeCode="AUT"><AgentSystemSDS classCode="AGNT">{agent}</AgentSystemSDS></author1><subject typeCode="SUBJ" contextConductionInd="false"><EhrExtract classCode="EXTRACT" moodCode="EVN"><id root="7DFAECD9-A169-4187-B0A0-2613EDD7D835"/><statusCode code="COMPLETE"/><availabilityTime value="20250314165328"/><recordTarget typeCode="RCT"><patient classCode="PAT"><id extension="9990000018" root="2.16.840.1.113883.2.1.4.1"/></patient></recordTarget><author typeCode="AUT"><time value="20250314165328"/>{practice}</author><destination typeCode="DST">{practice}</destination>{record}<inFulfillmentOf typeCode="FLFS"><priorEhrRequest classCode="EXTRACT" moodCode="RQO"><id root="041CA2AE-3EC6-4AC9-942F-0F6621CC0BFC"/></priorEhrRequest></inFulfillmentOf><limitation typeCode="LIMIT" inversionInd="true"><limitingEhrExtractSpecification classCode="OBS" moodCode="DEF"><id root="05F5F5F0-2A8E-4E5E-9F7E-2E1C9B8E5A11"/><code code="715751000000105" codeSystem="2.16.840.1.113883.2.1.3.2.4.15" displayName="Entire record available to originator"/></limitingEhrExtractSpecification></limitation></EhrExtract></subject></ControlActEvent></{interaction}>"#
        )
    }

    /// What xmllint says of a message, or `None` with a notice if it cannot be asked.
    fn schema_errors(message: &str, interaction: &str) -> Option<String> {
        let schema = corpus::shared()?.join(format!("schemas/mim/schema/{interaction}.xsd"));
        let xmllint = Command::new("xmllint")
            .args(["--noout", "--nonet", "--schema"])
            .arg(schema)
            .arg("-")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut xmllint) = xmllint else {
            eprintln!("skipped: no xmllint");
            return None;
        };
        xmllint
            .stdin
            .take()
            .unwrap()
            .write_all(message.as_bytes())
            .unwrap();
        let output = xmllint.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Some(if output.status.success() {
            String::new()
        } else {
            said
        })
    }

    #[test]
    fn a_skeleton_is_schema_valid() {
        for interaction in ["RCMR_IN030000UK06", "RCMR_IN030000UK07"] {
            let message = extract(&skeleton(FOLDER, "core £ \"&\" 100%.xml"), interaction);
            if let Some(errors) = schema_errors(&message, interaction) {
                assert_eq!(errors, "");
                let broken = message.replacen(
                    "<effectiveTime><center nullFlavor=\"NI\"/></effectiveTime>",
                    "",
                    1,
                );
                assert_ne!(
                    schema_errors(&broken, interaction).unwrap(),
                    "",
                    "the check must be able to fail"
                );
            }
        }
    }

    #[test]
    fn skeletons_of_recorded_extracts_are_schema_valid_and_small() {
        for name in [
            "extracts/extract-133KB.xml",
            "extracts/extract-562KB.xml",
            "single/tpp-extract-RCMR_IN030000UK06.mime",
        ] {
            let Some(file) = corpus::read(name) else {
                return;
            };
            let message = String::from_utf8(file).unwrap();
            let folder = message.find("<ehrFolder").unwrap();
            let start = message[..folder].rfind("<component").unwrap();
            let end = message.find("</ehrFolder>").unwrap();
            let original = format!("{}</ehrFolder></component>", &message[start..end]);
            let record = skeleton(&original, "core.xml");
            assert!(record.len() < original.len(), "{name}");

            let message = extract(&record, "RCMR_IN030000UK06");
            if let Some(errors) = schema_errors(&message, "RCMR_IN030000UK06") {
                assert_eq!(errors, "", "{name}");
            }
            let tree = roxmltree::Document::parse(&message).unwrap();
            let roots = |parent: &'static str| {
                let of_parent = tree
                    .descendants()
                    .filter(move |node| node.tag_name().name() == parent);
                of_parent
                    .flat_map(|node| node.children())
                    .filter_map(|node| node.attribute("root"))
                    .collect::<Vec<_>>()
            };
            assert!(!roots("agentRef").is_empty(), "{name}");
            assert!(
                roots("agentRef")
                    .iter()
                    .all(|agent| roots("Agent").contains(agent)),
                "{name}"
            );
        }
    }

    #[test]
    fn a_skeleton_keeps_the_folder_and_has_one_statement() {
        let record = skeleton(FOLDER, "core.xml");
        let count = |text: &str| record.matches(text).count();
        assert_eq!(
            count(r#"<id root="AEB45918-8B0A-4391-B1D4-837AF6E46B7D"/>"#),
            1
        );
        assert_eq!(
            (
                count("<ehrFolder "),
                count("<ehrComposition "),
                count("<NarrativeStatement ")
            ),
            (1, 1, 1)
        );
        assert_eq!(
            (
                count("<agentRef "),
                count("5649F991-91C0-4A01-A9CA-7C12F4032DD6"),
                count("EhrEmpty")
            ),
            (2, 0, 0)
        );
        assert_eq!(
            count(r#"<id root="B2BAE43C-C540-4A0B-9EB7-D36D2F106F69"/>"#),
            1
        );
    }

    #[test]
    fn new_ids_depend_on_the_document_only() {
        assert_eq!(skeleton(FOLDER, "core.xml"), skeleton(FOLDER, "core.xml"));
        let other = DocumentId::parse("C2BAE43C-C540-4A0B-9EB7-D36D2F106F69").unwrap();
        let ids = ["composition", "statement"]
            .map(|role| (derived_id(&document(), role), derived_id(&other, role)));
        let ids: std::collections::BTreeSet<_> =
            ids.into_iter().flat_map(|(one, two)| [one, two]).collect();
        assert_eq!(ids.len(), 4);
        assert!(
            ids.iter()
                .all(|id| DocumentId::parse(id).unwrap().is_upper_uuid())
        );
    }

    #[test]
    fn an_original_without_the_parts_of_a_folder_is_refused_by_name() {
        let error = |original: String| {
            skeleton_record(&Bytes::from(original), &document(), "x")
                .unwrap_err()
                .to_string()
        };
        let without = |part: &str| error(FOLDER.replacen(part, "ignored", 2));
        assert_eq!(error(String::new()), "hl7 payload: `component` is missing");
        assert_eq!(
            error("<component/>".to_owned()),
            "hl7 payload: `component` is missing"
        );
        assert_eq!(
            without("ehrFolder"),
            "hl7 payload: `component/ehrFolder` is missing"
        );
        assert_eq!(
            without("responsibleParty"),
            "hl7 payload: `ehrFolder/responsibleParty` is missing"
        );
        assert_eq!(
            without("ehrComposition"),
            "hl7 payload: `ehrFolder/component/ehrComposition` is missing"
        );
        assert_eq!(
            error(format!("<!DOCTYPE x>{FOLDER}")),
            "hl7 payload: document type declaration refused"
        );
        let mismatched = error(FOLDER.replacen("</author>", "</authors>", 1));
        assert!(
            mismatched.starts_with("hl7 payload: not well-formed"),
            "{mismatched}"
        );
        let not_utf8 = skeleton_record(&Bytes::from_static(b"<component>\xff"), &document(), "x");
        assert_eq!(not_utf8, Err(Hl7Error::Xml(XmlError::NotUtf8 { at: 11 })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_document_link_gives_the_file_name_back(file_name in "[^\\p{Cc}]{1,40}") {
            let record = skeleton(FOLDER, &file_name);
            let tree = roxmltree::Document::parse(&record).unwrap();
            let text = tree.descendants().find(|node| node.attribute("mediaType").is_some()).unwrap();
            let link = DocumentLink {
                id: document(),
                media_type: text.attribute("mediaType").map(str::to_owned),
                reference: text.first_element_child().unwrap().attribute("value").unwrap().to_owned(),
            };
            prop_assert_eq!(link.file_name(), file_name);
        }

        #[test]
        fn no_cut_of_an_original_panics(at in any::<prop::sample::Index>()) {
            let record = Bytes::from_static(FOLDER.as_bytes());
            let _ = skeleton_record(&record.slice(..at.index(record.len())), &document(), "x");
        }
    }
}
