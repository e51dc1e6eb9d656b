//! The free texts of a record.

use std::borrow::Cow;
use std::ops::Range;

use super::steps::{Name, Step, Steps};
use crate::hl7::{Hl7Error, xml};

/// A `NarrativeStatement`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrative<'a> {
    /// `id/@root`; empty if it has none.
    pub id: Cow<'a, str>,
    /// The content of `text`, unescaped; line ends are LF, but for a CR that is written as a
    /// reference.
    pub text: Cow<'a, str>,
    /// Its own `confidentialityCode` is `NOPAT`.
    pub marked: bool,
}

/// Streams through an extract payload (or a bare record) and shows each narrative statement.
pub fn narratives(payload_xml: &[u8], mut show: impl FnMut(Narrative<'_>)) -> Result<(), Hl7Error> {
    let mut steps = Steps::new(payload_xml)?;
    let mut current = Current::default();
    while let Some(step) = steps.next()? {
        let position = steps.position();
        match (step, steps.path()) {
            (Step::Open(_), [.., Name::NarrativeStatement]) => current = Current::default(),
            (Step::Open(element), [.., Name::NarrativeStatement, Name::Id]) => {
                current.id = element.attribute("root").unwrap_or_default();
            }
            (Step::Open(_), [.., Name::NarrativeStatement, Name::Text]) => {
                current.text = position..position;
            }
            (Step::Close(Name::Text), [.., Name::NarrativeStatement]) => {
                current.text.end = position;
            }
            (Step::Open(element), [.., Name::NarrativeStatement, Name::ConfidentialityCode]) => {
                current.marked = element
                    .attribute("code")
                    .is_some_and(|code| code == "NOPAT");
            }
            (Step::Close(Name::NarrativeStatement), _) => {
                let current = std::mem::take(&mut current);
                show(Narrative {
                    id: current.id,
                    text: content(steps.text().get(current.text).unwrap_or_default()),
                    marked: current.marked,
                });
            }
            (Step::Open(_) | Step::Close(_), _) => {}
        }
    }
    Ok(())
}

/// A statement under way.
#[derive(Default)]
struct Current<'a> {
    id: Cow<'a, str>,
    /// From behind the start tag of the text to behind its end tag.
    text: Range<usize>,
    marked: bool,
}

/// What stands before an end tag. Elements inside are not looked into.
fn content(with_end_tag: &str) -> Cow<'_, str> {
    let raw = with_end_tag
        .rfind("</")
        .and_then(|end| with_end_tag.get(..end))
        .unwrap_or_default();
    if !raw.contains(['<', '&', '\r']) {
        return Cow::Borrowed(raw);
    }
    let whole = format!("<text>{raw}</text>");
    let tree = xml::tree(whole.as_bytes());
    let text = tree.map(|tree| xml::text(&tree.root_element()).into_owned());
    Cow::Owned(text.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(xml: &str) -> Vec<(String, String, bool)> {
        let mut found = Vec::new();
        narratives(xml.as_bytes(), |narrative| {
            found.push((
                narrative.id.into_owned(),
                narrative.text.into_owned(),
                narrative.marked,
            ));
        })
        .unwrap();
        found
    }

    fn text(inside: &str) -> String {
        let xml = format!("<h:NarrativeStatement><h:text>{inside}</h:text></h:NarrativeStatement>");
        all(&xml).remove(0).1
    }

    #[test]
    fn texts_are_unescaped_and_keep_their_line_breaks() {
        assert_eq!(text("one\ntwo"), "one\ntwo");
        assert_eq!(text("one\r\ntwo"), "one\ntwo");
        assert_eq!(text("a &lt; b &amp;&#10;c &#163;"), "a < b &\nc £");
        assert_eq!(text("<![CDATA[a < b\n& c]]>"), "a < b\n& c");
        assert_eq!(text(""), "");
    }

    #[test]
    fn a_narrative_has_the_id_and_the_mark_of_its_own_statement() {
        let nopat = "<confidentialityCode code='NOPAT'/>";
        let inner = format!(
            "<reference><referredToExternalDocument><id root='D'/><text><reference/></text>{nopat}</referredToExternalDocument></reference>"
        );
        let xml = format!(
            "<NarrativeStatement><id root='A'/><text>one</text>{inner}</NarrativeStatement>\
             <NarrativeStatement><id root='B'/><text>two</text>{nopat}</NarrativeStatement>\
             <NarrativeStatement/>"
        );
        let found = |id: &str, text: &str, marked| (id.to_owned(), text.to_owned(), marked);
        assert_eq!(
            all(&xml),
            [
                found("A", "one", false),
                found("B", "two", true),
                found("", "", false)
            ]
        );
    }
}
