//! Streams through XML element by element, and refuses what is not well-formed. Namespaces are
//! not looked at: local names decide.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memmem};
use quick_xml::XmlVersion;
use quick_xml::events::{self, BytesRef, Event};
use quick_xml::name::QName;
use quick_xml::reader::Reader;

use crate::hl7::{XmlError, xml};
use crate::limits;

/// Attributes of one element; real ones have about ten.
const ATTRIBUTES: usize = 64;

/// A walk through the elements of a document, or of several documents one after the other.
pub(crate) struct Steps<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    path: Vec<Name>,
    /// Attribute names of the latest start tag.
    names: Vec<&'a str>,
    begun: bool,
    /// `]]>` occurs, so it must be looked for where it may not stand.
    may_end_cdata: bool,
}

/// One step of the walk. An empty element is opened and closed like any other.
pub(crate) enum Step<'a> {
    /// A start tag. Its element is the last of the path.
    Open(Element<'a>),
    /// An end tag. Its element has left the path.
    Close(Name),
}

/// A start tag.
pub(crate) struct Element<'a> {
    /// Its local name, if the transfer cares for it.
    pub(crate) name: Name,
    /// Offset of its `<` in the text.
    pub(crate) start: usize,
    /// What stands between `<` and `>` or `/>`.
    tag: &'a str,
    name_bytes: usize,
}

/// The local names that the transfer cares for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    EhrExtract,
    Component,
    EhrFolder,
    EhrComposition,
    Agent,
    AgentRef,
    ExternalDocument,
    Id,
    Text,
    Reference,
    ConfidentialityCode,
    NarrativeStatement,
    Other,
}

impl<'a> Steps<'a> {
    /// Starts before the first element.
    pub(crate) fn new(xml: &'a [u8]) -> Result<Self, XmlError> {
        let text = readable(xml)?;
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        Ok(Self {
            text,
            reader,
            path: Vec::new(),
            names: Vec::new(),
            begun: false,
            may_end_cdata: memmem::find(text.as_bytes(), b"]]>").is_some(),
        })
    }

    /// The text that offsets refer to: without byte order mark and leading white space.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// The names of the elements that are open, outermost first.
    pub(crate) fn path(&self) -> &[Name] {
        &self.path
    }

    /// Offset of the end of the latest step in the text.
    pub(crate) fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }

    /// The next step; `None` at the end of the text.
    pub(crate) fn next(&mut self) -> Result<Option<Step<'a>>, XmlError> {
        loop {
            let start = self.position();
            let event = self
                .reader
                .read_event()
                .map_err(|error| not_well_formed(&error.to_string()))?;
            let begun = std::mem::replace(&mut self.begun, true);
            match event {
                Event::Start(tag) | Event::Empty(tag) => {
                    return self.open(start, tag.name().0.len()).map(Some);
                }
                Event::End(_) => {
                    let name = self.path.pop().unwrap_or(Name::Other);
                    return Ok(Some(Step::Close(name)));
                }
                Event::Text(text) => self.check_text(&text)?,
                Event::GeneralRef(reference) => {
                    self.check_inside("a reference")?;
                    check_reference(&reference)?;
                }
                Event::CData(_) => self.check_inside("a character data section")?,
                Event::Comment(_) | Event::PI(_) => {}
                Event::Decl(_) if begun => {
                    return Err(not_well_formed("misplaced xml declaration"));
                }
                Event::Decl(_) => {}
                Event::DocType(_) => return Err(XmlError::Doctype),
                Event::Eof if self.path.is_empty() => return Ok(None),
                Event::Eof => return Err(not_well_formed("it ends inside an element")),
            }
        }
    }

    fn open(&mut self, start: usize, name_bytes: usize) -> Result<Step<'a>, XmlError> {
        let tag = self
            .text
            .get(start + 1..self.position() - 1)
            .unwrap_or_default();
        let tag = tag.strip_suffix('/').unwrap_or(tag);
        let mut element = Element {
            name: Name::Other,
            start,
            tag,
            name_bytes,
        };
        element.check(&mut self.names)?;
        element.name = Name::of(element.local_name());
        if self.path.len() == limits::XML_DEPTH {
            return Err(XmlError::TooDeep {
                limit: limits::XML_DEPTH,
            });
        }
        self.path.push(element.name);
        Ok(Step::Open(element))
    }

    fn check_text(&self, text: &str) -> Result<(), XmlError> {
        if self.path.is_empty() && !xml::trim(text).is_empty() {
            return Err(not_well_formed("text outside the root element"));
        }
        if self.may_end_cdata && text.contains("]]>") {
            return Err(not_well_formed("`]]>` in text"));
        }
        Ok(())
    }

    fn check_inside(&self, what: &str) -> Result<(), XmlError> {
        if self.path.is_empty() {
            return Err(not_well_formed(&format!("{what} outside the root element")));
        }
        Ok(())
    }
}

impl<'a> Element<'a> {
    /// Its local name.
    pub(crate) fn local_name(&self) -> &'a str {
        split(self.qualified_name()).1
    }

    /// The value of the attribute without prefix, references resolved.
    pub(crate) fn attribute(&self, name: &str) -> Option<Cow<'a, str>> {
        self.attributes()
            .filter_map(Result::ok)
            .find(|attribute| attribute.name == name)
            .and_then(|attribute| attribute.value().ok())
    }

    /// The value of the first attribute of this local name that has a prefix, references resolved.
    pub(crate) fn prefixed_attribute(&self, name: &str) -> Option<Cow<'a, str>> {
        let is_meant = |attribute: &Attribute<'_>| {
            let (prefix, local) = split(attribute.name);
            !prefix.is_empty() && local == name
        };
        (self.attributes().filter_map(Result::ok))
            .find(is_meant)
            .and_then(|attribute| attribute.value().ok())
    }

    fn qualified_name(&self) -> &'a str {
        self.tag.get(..self.name_bytes).unwrap_or_default()
    }

    fn attributes(&self) -> Attributes<'a> {
        Attributes {
            rest: self.tag.get(self.name_bytes..).unwrap_or_default(),
        }
    }

    fn check(&self, names: &mut Vec<&'a str>) -> Result<(), XmlError> {
        check_name(self.qualified_name())?;
        names.clear();
        for attribute in self.attributes() {
            let attribute = attribute?;
            check_name(attribute.name)?;
            if names.contains(&attribute.name) {
                return Err(not_well_formed(&format!(
                    "attribute `{}` twice",
                    attribute.name
                )));
            }
            if names.len() == ATTRIBUTES {
                return Err(XmlError::TooManyAttributes { limit: ATTRIBUTES });
            }
            names.push(attribute.name);
            if memchr2(b'&', b'<', attribute.raw.as_bytes()).is_some() {
                attribute.check_value()?;
            }
        }
        Ok(())
    }
}

struct Attributes<'a> {
    rest: &'a str,
}

struct Attribute<'a> {
    name: &'a str,
    raw: &'a str,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, XmlError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.trim_ascii_start();
        if rest.is_empty() {
            return None;
        }
        let attribute = Attribute::split(rest).filter(|_| rest.len() < self.rest.len());
        let Some((attribute, rest)) = attribute else {
            self.rest = "";
            return Some(Err(not_well_formed(&format!("attributes `{rest}`"))));
        };
        self.rest = rest;
        Some(Ok(attribute))
    }
}

impl<'a> Attribute<'a> {
    /// The attribute that a text begins with, and the rest of the text.
    fn split(text: &'a str) -> Option<(Self, &'a str)> {
        let equals = memchr(b'=', text.as_bytes())?;
        let name = text.get(..equals)?.trim_ascii_end();
        let quoted = text.get(equals + 1..)?.trim_ascii_start();
        let quote = quoted
            .bytes()
            .next()
            .filter(|byte| matches!(byte, b'"' | b'\''))?;
        let value = quoted.get(1..)?;
        let end = memchr(quote, value.as_bytes())?;
        Some((
            Self {
                name,
                raw: value.get(..end)?,
            },
            value.get(end + 1..)?,
        ))
    }

    fn value(&self) -> Result<Cow<'a, str>, XmlError> {
        let (key, value) = (QName(self.name), Cow::Borrowed(self.raw));
        events::attributes::Attribute { key, value }
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| not_well_formed(&error.to_string()))
    }

    fn check_value(&self) -> Result<(), XmlError> {
        let is_sound = !self.raw.contains('<') && self.value()?.chars().all(is_character);
        is_sound
            .then_some(())
            .ok_or_else(|| not_well_formed(&format!("value of attribute `{}`", self.name)))
    }
}

impl Name {
    fn of(local_name: &str) -> Self {
        match local_name {
            "EhrExtract" => Self::EhrExtract,
            "component" => Self::Component,
            "ehrFolder" => Self::EhrFolder,
            "ehrComposition" => Self::EhrComposition,
            "Agent" => Self::Agent,
            "agentRef" => Self::AgentRef,
            "referredToExternalDocument" => Self::ExternalDocument,
            "id" => Self::Id,
            "text" => Self::Text,
            "reference" => Self::Reference,
            "confidentialityCode" => Self::ConfidentialityCode,
            "NarrativeStatement" => Self::NarrativeStatement,
            _ => Self::Other,
        }
    }
}

/// The text, without byte order mark and leading white space, if it is UTF-8 and has only
/// characters of XML 1.0.
fn readable(xml: &[u8]) -> Result<&str, XmlError> {
    let text = std::str::from_utf8(xml).map_err(|error| XmlError::NotUtf8 {
        at: error.valid_up_to(),
    })?;
    if has_control(xml) || has_noncharacter(xml) {
        return Err(not_well_formed("a character that xml cannot hold"));
    }
    Ok(text.trim_start_matches([' ', '\t', '\r', '\n', '\u{feff}']))
}

/// Looks at every byte of a block before it decides: compiles to vector instructions.
fn has_control(xml: &[u8]) -> bool {
    let is_control = |byte: u8| (byte < b' ') & (byte != b'\t') & (byte != b'\n') & (byte != b'\r');
    xml.chunks(4096).any(|block| {
        block
            .iter()
            .fold(false, |found, byte| found | is_control(*byte))
    })
}

/// U+FFFE or U+FFFF.
fn has_noncharacter(xml: &[u8]) -> bool {
    memmem::find_iter(xml, b"\xef\xbf").any(|at| matches!(xml.get(at + 2), Some(0xbe | 0xbf)))
}

/// Only the shape of a name: what its letters are, no message depends on.
fn check_name(name: &str) -> Result<(), XmlError> {
    let starts = |b: u8| b.is_ascii_alphabetic() || b == b'_' || !b.is_ascii();
    let goes_on = |b: u8| starts(b) || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b':');
    let starts_well = |part: &str| part.bytes().next().is_some_and(starts);
    let (prefix, local) = split(name);
    if starts_well(local) && (prefix.is_empty() || starts_well(prefix)) && name.bytes().all(goes_on)
    {
        Ok(())
    } else {
        Err(not_well_formed(&format!("`{name}` is no name")))
    }
}

/// Prefix, perhaps empty, and local name.
fn split(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

/// Without a DTD there are five entities, and none of them is general.
fn check_reference(reference: &BytesRef<'_>) -> Result<(), XmlError> {
    let is_known = match reference
        .resolve_char_ref()
        .map_err(|error| not_well_formed(&error.to_string()))?
    {
        Some(character) => is_character(character),
        None => matches!(&**reference, "amp" | "lt" | "gt" | "apos" | "quot"),
    };
    if is_known {
        Ok(())
    } else {
        Err(not_well_formed(&format!(
            "unknown reference `&{};`",
            &**reference
        )))
    }
}

fn is_character(c: char) -> bool {
    !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

fn not_well_formed(why: &str) -> XmlError {
    XmlError::NotWellFormed(why.chars().take(200).collect())
}
