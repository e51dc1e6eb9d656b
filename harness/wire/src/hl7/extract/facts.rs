//! What the transfer needs to know of a record.

use std::borrow::Cow;
use std::collections::BTreeSet;

use gp2gp_model::DocumentId;

use super::steps::{Element, Name, Step, Steps};
use crate::hl7::{Hl7Error, path};

/// What the transfer needs to know of a record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordFacts {
    /// `ehrFolder` elements.
    pub folders: usize,
    /// `ehrComposition` elements.
    pub compositions: usize,
    /// Document links in document order.
    pub documents: Vec<DocumentLink>,
    /// `agentRef/id/@root` values that no `Agent/id/@root` of the folder declares, once each
    /// and folder, in the order of their first occurrence.
    pub unresolved_agents: Vec<String>,
    /// How often `confidentialityCode/@code="NOPAT"` occurs.
    pub marks: usize,
    /// `confidentialityCode` occurs at all.
    pub has_confidentiality: bool,
}

/// A document link (spec 10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentLink {
    /// `referredToExternalDocument/id/@root`, without the `_` that some systems put before it.
    pub id: DocumentId,
    /// `text/@mediaType`.
    pub media_type: Option<String>,
    /// `text/reference/@value` as written.
    pub reference: String,
}

impl DocumentLink {
    /// The file name: the reference without `file://localhost/`, percent-decoded (AR16).
    pub fn file_name(&self) -> String {
        let name = self
            .reference
            .strip_prefix("file://localhost/")
            .unwrap_or(&self.reference);
        percent_encoding::percent_decode_str(name)
            .decode_utf8_lossy()
            .into_owned()
    }
}

/// Streams through an extract payload (or a bare record) and collects what the transfer needs.
///
/// An external document without a reference is no link; one with a reference and without an id
/// is an error.
pub fn scan(payload_xml: &[u8]) -> Result<RecordFacts, Hl7Error> {
    let mut steps = Steps::new(payload_xml)?;
    let mut scan = Scan::default();
    while let Some(step) = steps.next()? {
        match step {
            Step::Open(element) => scan.open(&element, steps.path()),
            Step::Close(Name::EhrFolder) => scan.resolve_agents(),
            Step::Close(Name::ExternalDocument) => scan.link_document()?,
            Step::Close(_) => {}
        }
    }
    // A bare composition has no folder around it.
    scan.resolve_agents();
    Ok(scan.facts)
}

#[derive(Default)]
struct Scan {
    facts: RecordFacts,
    document: ExternalDocument,
    agents: Agents,
}

/// An external document under way.
#[derive(Default)]
struct ExternalDocument {
    id: Option<String>,
    media_type: Option<String>,
    reference: Option<String>,
}

/// Agents of a folder. Ids compare as upper case.
#[derive(Default)]
struct Agents {
    declared: BTreeSet<String>,
    referred: BTreeSet<String>,
    /// Ids referred to, as first written.
    in_order: Vec<String>,
}

impl Scan {
    fn open(&mut self, element: &Element<'_>, path: &[Name]) {
        let value = |name| element.attribute(name).map(Cow::into_owned);
        match path {
            [.., Name::EhrFolder] => self.facts.folders += 1,
            [.., Name::EhrComposition] => self.facts.compositions += 1,
            [.., Name::ConfidentialityCode] => {
                self.facts.has_confidentiality = true;
                let is_mark = element
                    .attribute("code")
                    .is_some_and(|code| code == "NOPAT");
                self.facts.marks += usize::from(is_mark);
            }
            [.., Name::Agent, Name::Id] => {
                self.agents
                    .declared
                    .extend(element.attribute("root").map(|id| key(&id)));
            }
            [.., Name::AgentRef, Name::Id] => {
                if let Some(id) = element.attribute("root") {
                    self.agents.refer(id.trim());
                }
            }
            [.., Name::ExternalDocument] => self.document = ExternalDocument::default(),
            [.., Name::ExternalDocument, Name::Id] => self.document.id = value("root"),
            [.., Name::ExternalDocument, Name::Text] => {
                self.document.media_type = value("mediaType");
            }
            [.., Name::ExternalDocument, Name::Text, Name::Reference] => {
                self.document.reference = value("value");
            }
            _ => {}
        }
    }

    fn link_document(&mut self) -> Result<(), Hl7Error> {
        let ExternalDocument {
            id,
            media_type,
            reference,
        } = std::mem::take(&mut self.document);
        if let Some(reference) = reference {
            let path = "referredToExternalDocument/id/@root";
            let id = id.ok_or(Hl7Error::Missing(path))?;
            let id = id.trim().trim_start_matches('_');
            if id.is_empty() {
                return Err(Hl7Error::Missing(path));
            }
            let id = path::parse(id, path)?;
            self.facts.documents.push(DocumentLink {
                id,
                media_type,
                reference,
            });
        }
        Ok(())
    }

    fn resolve_agents(&mut self) {
        let Agents {
            declared, in_order, ..
        } = std::mem::take(&mut self.agents);
        let unresolved = in_order
            .into_iter()
            .filter(|id| !declared.contains(&key(id)));
        self.facts.unresolved_agents.extend(unresolved);
    }
}

impl Agents {
    fn refer(&mut self, id: &str) {
        if self.referred.insert(key(id)) {
            self.in_order.push(id.to_owned());
        }
    }
}

fn key(id: &str) -> String {
    id.trim().to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(inside: &str) -> Result<Vec<DocumentLink>, Hl7Error> {
        let xml = format!("<referredToExternalDocument>{inside}</referredToExternalDocument>");
        scan(xml.as_bytes()).map(|facts| facts.documents)
    }

    fn unresolved(folders: &str) -> Vec<String> {
        scan(folders.as_bytes()).unwrap().unresolved_agents
    }

    #[test]
    fn folders_and_compositions_are_counted_over_several_roots() {
        let composition = "<component><ehrComposition/></component>";
        let folder =
            format!("<component><ehrFolder>{composition}{composition}</ehrFolder></component>");
        let facts = scan(format!("{folder}\n{folder}").as_bytes()).unwrap();
        assert_eq!((facts.folders, facts.compositions), (2, 4));
        assert_eq!(scan(b"").unwrap(), RecordFacts::default());
    }

    #[test]
    fn prefix_and_white_space_make_no_difference() {
        let facts =
            scan(b"<h:ehrFolder >\n<h:confidentialityCode code = 'NOPAT' /></h:ehrFolder >")
                .unwrap();
        assert_eq!(facts.folders, 1);
        assert!(facts.has_confidentiality && facts.marks == 1);
    }

    #[test]
    fn confidentiality_is_not_always_nopat() {
        let facts = scan(b"<a><confidentialityCode code='N'/></a>").unwrap();
        assert!(facts.has_confidentiality && facts.marks == 0);
    }

    #[test]
    fn document_links_are_decoded_and_kept_in_order() {
        let links = documents(
            "<id root='_D1'/><code/><text mediaType='text/plain'>\
             <reference value='file://localhost/a%20b &amp; &#163;&quot;.txt'/></text>",
        );
        let link = links.unwrap().remove(0);
        assert_eq!(link.id.as_str(), "D1");
        assert_eq!(link.media_type.as_deref(), Some("text/plain"));
        assert_eq!(link.reference, "file://localhost/a%20b & £\".txt");
        assert_eq!(link.file_name(), "a b & £\".txt");
    }

    #[test]
    fn one_document_linked_twice_is_two_links() {
        let link = "<referredToExternalDocument><id root='D1'/><text><reference value='x'/></text>\
                    </referredToExternalDocument>";
        let facts = scan(format!("<a>{link}{link}</a>").as_bytes()).unwrap();
        assert_eq!(facts.documents.len(), 2);
    }

    #[test]
    fn a_document_without_a_reference_is_no_link() {
        assert_eq!(documents("<id root='D1'/><text>inline</text>"), Ok(vec![]));
        let narrative = "<reference value='x'/><text><b><reference value='x'/></b></text>";
        assert_eq!(documents(narrative), Ok(vec![]));
    }

    #[test]
    fn a_link_without_an_id_is_an_error() {
        for id in ["", "<id nullFlavor='UNK'/>", "<id root=' _ '/>"] {
            let links = documents(&format!("{id}<text><reference value='x'/></text>"));
            assert_eq!(
                links,
                Err(Hl7Error::Missing("referredToExternalDocument/id/@root"))
            );
        }
    }

    #[test]
    fn agents_resolve_whatever_their_case_order_and_outer_blanks() {
        let folder = "<ehrFolder><agentRef><id root='AB-1'/></agentRef>\
                      <agentDirectory><part><Agent><id root=' ab-1 '/></Agent></part></agentDirectory>\
                      <agentRef><id root='ab-1'/></agentRef></ehrFolder>";
        assert_eq!(unresolved(folder), Vec::<String>::new());
    }

    #[test]
    fn agents_that_their_own_folder_does_not_declare_are_listed_once() {
        let declare = "<agentDirectory><part><Agent><id root='A'/></Agent></part></agentDirectory>";
        let refer = |id: &str| format!("<agentRef><id root='{id}'/></agentRef>");
        let (a, b, c) = (refer("A"), refer("B"), refer("C"));
        let folders =
            format!("<ehrFolder>{declare}{a}{c}{b}{c}</ehrFolder><ehrFolder>{a}</ehrFolder>{b}");
        assert_eq!(unresolved(&folders), ["C", "B", "A", "B"]);
    }
}
