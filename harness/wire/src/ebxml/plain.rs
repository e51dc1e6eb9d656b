//! Envelopes as systems write them, read in one pass without a tree of their own memory: ASCII,
//! elements, attributes and text, nothing else.
//!
//! [`read`] takes only what it is sure of. Whatever is unusual (a reference, a comment, a character
//! outside ASCII, a crowd) or wrong is left to the parser that knows all of XML and names every
//! fault, so that being quick changes no answer.

use std::borrow::Cow;

use memchr::memchr;
use roxmltree::Node;

use crate::hl7::xml;

/// An element as the reader of envelopes sees it, whoever parsed it.
pub(super) trait Element<'a>: Copy {
    /// Local name.
    fn name(self) -> &'a str;
    /// Child elements.
    fn children(self) -> impl Iterator<Item = Self>;
    /// The attribute with this local name, whatever its prefix.
    fn attribute(self, name: &str) -> Option<&'a str>;
    /// The character data directly in it, outer white space trimmed.
    fn text(self) -> Cow<'a, str>;

    /// The first child element with this local name, whatever its prefix.
    fn child(self, name: &str) -> Option<Self> {
        self.children().find(|child| child.name() == name)
    }

    /// The element at the end of a path of local names, taking the first child at each step.
    fn find(self, path: &[&str]) -> Option<Self> {
        path.iter().try_fold(self, |at, name| at.child(name))
    }
}

impl<'a> Element<'a> for Node<'a, '_> {
    fn name(self) -> &'a str {
        self.tag_name().name()
    }

    fn children(self) -> impl Iterator<Item = Self> {
        Node::children(&self).filter(Node::is_element)
    }

    fn attribute(self, name: &str) -> Option<&'a str> {
        xml::attribute(&self, name)
    }

    fn text(self) -> Cow<'a, str> {
        xml::text(&self)
    }
}

/// A read document.
#[derive(Debug)]
pub(super) struct Plain<'a> {
    /// In the order of their start tags.
    elements: Vec<Tag<'a>>,
    /// Local names and values, without declarations of namespaces.
    attributes: Vec<(&'a str, &'a str)>,
}

#[derive(Debug)]
struct Tag<'a> {
    /// With its prefix.
    written: &'a str,
    local: &'a str,
    /// Where its attributes begin; they end where those of the next element begin.
    attributes: usize,
    /// Trimmed.
    text: &'a str,
    has_children: bool,
    /// Index of the first element behind it that is not inside it.
    next: usize,
    /// Prefixes in scope before it.
    scope: usize,
}

/// An element of a [`Plain`] document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Here<'a> {
    plain: &'a Plain<'a>,
    at: usize,
}

impl<'a> Plain<'a> {
    pub(super) const fn root(&'a self) -> Here<'a> {
        Here { plain: self, at: 0 }
    }
}

impl<'a> Here<'a> {
    fn tag(self) -> Option<&'a Tag<'a>> {
        self.plain.elements.get(self.at)
    }

    fn end(self) -> usize {
        self.tag().map_or(0, |tag| tag.next)
    }
}

impl<'a> Element<'a> for Here<'a> {
    fn name(self) -> &'a str {
        self.tag().map_or("", |tag| tag.local)
    }

    fn children(self) -> impl Iterator<Item = Self> {
        let mut next = self.at + 1;
        std::iter::from_fn(move || {
            let child = (next < self.end()).then_some(Self { at: next, ..self })?;
            next = child.end();
            Some(child)
        })
    }

    fn attribute(self, name: &str) -> Option<&'a str> {
        let elements = &self.plain.elements;
        let from = elements.get(self.at)?.attributes;
        let to = elements
            .get(self.at + 1)
            .map_or(self.plain.attributes.len(), |next| next.attributes);
        let attributes = self.plain.attributes.get(from..to)?;
        let (_, value) = attributes.iter().find(|(local, _)| *local == name)?;
        Some(value)
    }

    fn text(self) -> Cow<'a, str> {
        Cow::Borrowed(self.tag().map_or("", |tag| tag.text))
    }
}

/// What systems write before the root.
const DECLARATIONS: [&str; 5] = [
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
    "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>",
    "<?xml version='1.0' encoding='UTF-8'?>",
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>",
    "<?xml version=\"1.0\"?>",
];
/// More of any of these is no usual envelope.
const DEPTH: usize = 16;
const ATTRIBUTES: usize = 16;
const PREFIXES: usize = 32;
/// Namespaces that nobody may declare begin so.
const RESERVED: &str = "http://www.w3.org/";
/// The one of them that envelopes declare.
const XLINK: &str = "http://www.w3.org/1999/xlink";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Reads a whole document, if all of it is usual.
pub(super) fn read(xml: &[u8]) -> Option<Plain<'_>> {
    let text = std::str::from_utf8(xml).ok()?;
    // All bytes are looked at, because that is many at a time.
    let is_all_usual = |all, byte| all & is_usual(byte);
    if !text.bytes().fold(true, is_all_usual) {
        return None;
    }
    let text = without_blanks(text);
    let declared = DECLARATIONS
        .iter()
        .find_map(|declaration| text.strip_prefix(declaration));
    let mut reader = Reader {
        rest: without_blanks(declared.unwrap_or(text)),
        plain: Plain {
            elements: Vec::with_capacity(48),
            attributes: Vec::with_capacity(64),
        },
        open: Vec::with_capacity(DEPTH),
        prefixes: Vec::with_capacity(PREFIXES),
    };
    reader.document()?;
    Some(reader.plain)
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn without_blanks(text: &str) -> &str {
    let blanks = text.bytes().take_while(|byte| is_blank(*byte)).count();
    text.get(blanks..).unwrap_or_default()
}

fn trimmed(text: &str) -> &str {
    let text = without_blanks(text);
    let blanks = text.bytes().rev().take_while(|byte| is_blank(*byte));
    text.get(..text.len() - blanks.count()).unwrap_or_default()
}

/// What stands before and behind the first such byte of ASCII.
fn cut(text: &str, at: u8) -> Option<(&str, &str)> {
    let found = memchr(at, text.as_bytes())?;
    Some((text.get(..found)?, text.get(found + 1..)?))
}

/// [`cut`] where the byte is near.
fn cut_near(text: &str, at: u8) -> Option<(&str, &str)> {
    let found = text.bytes().position(|byte| byte == at)?;
    Some((text.get(..found)?, text.get(found + 1..)?))
}

const fn is_usual(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n') && byte != b'&'
}

struct Reader<'a> {
    rest: &'a str,
    plain: Plain<'a>,
    /// Indices of the elements that are not closed.
    open: Vec<usize>,
    /// Prefixes in scope, empty for a default namespace.
    prefixes: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Option<()> {
        loop {
            let (text, tag) = cut(self.rest, b'<')?;
            self.text(text)?;
            self.rest = tag;
            if let Some(end) = tag.strip_prefix('/') {
                self.end(end)?;
            } else {
                self.start()?;
            }
            if self.open.is_empty() {
                return without_blanks(self.rest).is_empty().then_some(());
            }
        }
    }

    /// Text of an element has no elements beside it, and one line.
    fn text(&mut self, text: &'a str) -> Option<()> {
        let trimmed = trimmed(text);
        if trimmed.is_empty() {
            return Some(());
        }
        let tag = self.plain.elements.get_mut(*self.open.last()?)?;
        let is_one = !tag.has_children && tag.text.is_empty();
        if !is_one || trimmed.bytes().any(|byte| matches!(byte, b'>' | b'\r')) {
            return None;
        }
        tag.text = trimmed;
        Some(())
    }

    fn end(&mut self, rest: &'a str) -> Option<()> {
        let (written, rest) = cut_near(rest, b'>')?;
        let closed = self.open.pop()?;
        let next = self.plain.elements.len();
        let tag = self.plain.elements.get_mut(closed)?;
        if tag.written != written {
            return None;
        }
        tag.next = next;
        self.prefixes.truncate(tag.scope);
        self.rest = rest;
        Some(())
    }

    fn start(&mut self) -> Option<()> {
        let is_end = |byte: u8| is_blank(byte) || matches!(byte, b'/' | b'>');
        let end = self.rest.bytes().position(is_end)?;
        let (written, rest) = self.rest.split_at(end);
        if written.starts_with("xml") || holds_xmlns(written) {
            return None;
        }
        if let Some(parent) = self.open.last() {
            let parent = self.plain.elements.get_mut(*parent)?;
            if !parent.text.is_empty() {
                return None;
            }
            parent.has_children = true;
        }
        let at = self.plain.elements.len();
        let attributes = self.plain.attributes.len();
        let scope = self.prefixes.len();
        self.rest = rest;
        let is_empty = self.attributes()?;
        let local = self.local(written)?;
        self.plain.elements.push(Tag {
            written,
            local,
            attributes,
            text: "",
            has_children: false,
            next: at + 1,
            scope,
        });
        if is_empty {
            self.prefixes.truncate(scope);
        } else {
            self.open.push(at);
        }
        (self.open.len() <= DEPTH).then_some(())
    }

    /// Attributes and what ends the tag: whether the element is empty. Prefixes of attributes are
    /// looked up when all declarations of the tag are known.
    fn attributes(&mut self) -> Option<bool> {
        let mut written: [&str; ATTRIBUTES] = [""; ATTRIBUTES];
        let mut count = 0;
        let first = self.plain.attributes.len();
        let is_empty = loop {
            let rest = without_blanks(self.rest);
            if let Some(rest) = rest.strip_prefix('>') {
                self.rest = rest;
                break false;
            }
            if let Some(rest) = rest.strip_prefix("/>") {
                self.rest = rest;
                break true;
            }
            // White space stands before every attribute.
            if rest.len() == self.rest.len() {
                return None;
            }
            let (name, rest) = cut_near(rest, b'=')?;
            let quote = *rest.as_bytes().first()?;
            if !matches!(quote, b'"' | b'\'') {
                return None;
            }
            let (value, rest) = cut(rest.get(1..)?, quote)?;
            let is_odd = |byte: u8| matches!(byte, b'<' | b'\t' | b'\r' | b'\n');
            if value.bytes().any(is_odd) {
                return None;
            }
            self.rest = rest;
            *written.get_mut(count)? = name;
            count += 1;
            match name.strip_prefix("xmlns") {
                None if holds_xmlns(name) => return None,
                None => self.plain.attributes.push((name, value)),
                Some("") => self.declare("", value)?,
                Some(prefixed) => {
                    let prefix = prefixed
                        .strip_prefix(':')
                        .filter(|prefix| is_name(prefix))?;
                    self.declare(prefix, value)?;
                }
            }
        };
        let seen = written.get(..count)?;
        for (nth, name) in seen.iter().enumerate() {
            let before = seen.get(..nth)?;
            // The same name twice is wrong; the same local name may be.
            let is_again = |other: &&str| unprefixed(other) == unprefixed(name);
            if !name.starts_with("xmlns") && before.iter().any(is_again) {
                return None;
            }
            if name.starts_with("xmlns") && before.contains(name) {
                return None;
            }
        }
        for at in first..self.plain.attributes.len() {
            let (name, value) = *self.plain.attributes.get(at)?;
            let local = self.local(name)?;
            *self.plain.attributes.get_mut(at)? = (local, value);
        }
        Some(is_empty)
    }

    fn declare(&mut self, prefix: &'a str, namespace: &str) -> Option<()> {
        let is_fit = !prefix.starts_with("xml")
            && is_declarable(namespace)
            && self.prefixes.len() < PREFIXES;
        self.prefixes.push(prefix);
        is_fit.then_some(())
    }

    /// The local name, if its prefix is declared.
    fn local(&self, written: &'a str) -> Option<&'a str> {
        let Some((prefix, local)) = cut_near(written, b':') else {
            return is_name(written).then_some(written);
        };
        let is_declared = prefix == "xml" || self.prefixes.contains(&prefix);
        (is_declared && !prefix.is_empty() && is_name(local)).then_some(local)
    }
}

fn holds_xmlns(name: &str) -> bool {
    name.as_bytes().windows(5).any(|five| five == b"xmlns")
}

fn unprefixed(written: &str) -> &str {
    cut_near(written, b':').map_or(written, |(_, local)| local)
}

fn is_declarable(namespace: &str) -> bool {
    let is_open = !namespace.starts_with(RESERVED) || matches!(namespace, XLINK | XSI);
    !namespace.is_empty() && is_open
}

/// A name of ASCII without a colon.
fn is_name(text: &str) -> bool {
    let is_first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let is_next = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    text.as_bytes().first().is_some_and(is_first) && text.bytes().all(is_next)
}

#[cfg(test)]
mod tests {
    use gp2gp_model::Time;
    use proptest::prelude::*;

    use super::*;
    use crate::Dialect;
    use crate::ebxml::{self, AckRequested, Acknowledgment, Header, Href, Reference};

    /// Name, attributes, text and children of an element, as one text.
    fn shown<'a>(element: impl Element<'a>, names: &[&str]) -> String {
        let attributes: Vec<_> = names.iter().map(|name| element.attribute(name)).collect();
        let children: Vec<_> = element.children().map(|it| shown(it, names)).collect();
        format!(
            "{} {attributes:?} {:?} {children:?}",
            element.name(),
            element.text()
        )
    }

    /// Whatever is taken is what the parser that knows all of XML makes of it.
    fn agrees(xml: &str) -> bool {
        let Some(plain) = read(xml.as_bytes()) else {
            return false;
        };
        let tree = xml::tree(xml.as_bytes());
        let tree = tree.unwrap_or_else(|error| panic!("taken, but {error}: {xml}"));
        let names = ["a", "b", "id", "href", "actor"];
        assert_eq!(
            shown(plain.root(), &names),
            shown(tree.root_element(), &names),
            "{xml}"
        );
        true
    }

    #[test]
    fn what_systems_write_is_taken() {
        for xml in [
            "<a/>",
            "\t<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<p:a xmlns:p=\"u\" p:b='x' id=\"\">\r\n <c>  t x\n y </c><p:c/></p:a>\n",
            "<a xmlns=\"u\"><b xmlns:q=\"v\" q:a='1'/><b xml:lang=\"en\"></b></a>",
        ] {
            assert!(agrees(xml), "{xml}");
        }
    }

    #[test]
    fn what_we_write_ourselves_is_taken_in_every_dialect() {
        let header = Header {
            from: "A".parse().unwrap(),
            to: "B".parse().unwrap(),
            cpa_id: "C".parse().unwrap(),
            conversation_id: "D".parse().unwrap(),
            service: "s".to_owned(),
            action: "a".to_owned(),
            message_id: "E".parse().unwrap(),
            timestamp: Time::from_micros(0),
            time_to_live: None,
            ref_to_message_id: None,
            duplicate_elimination: true,
            ack_requested: Some(AckRequested::next_msh()),
            sync_reply: Some(String::new()),
        };
        let reference = |is_payload| Reference {
            id: Some("_x".to_owned()),
            href: Href::Cid("x".parse().unwrap()),
            description: Some("Filename=\"x\"".to_owned()),
            is_payload,
        };
        for dialect in Dialect::ALL {
            let manifest = [reference(true), reference(false)];
            let xml = ebxml::message(&header, &manifest, dialect);
            assert!(agrees(&xml), "{xml}");
        }
        let acknowledgment = ebxml::acknowledgment(&Acknowledgment {
            from: header.from,
            to: header.to,
            cpa_id: header.cpa_id,
            conversation_id: header.conversation_id,
            message_id: header.message_id.clone(),
            ref_to_message_id: header.message_id,
            timestamp: header.timestamp,
            actor: String::new(),
        });
        assert!(agrees(&acknowledgment), "{acknowledgment}");
    }

    #[test]
    fn what_is_unusual_or_wrong_is_left_to_the_parser() {
        for xml in [
            "",
            "x",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>x",
            "<p:a/>",
            "<a p:b='x'/>",
            "<b xmlns:p='u'/><p:a/>",
            "<r><b xmlns:p='u'/><p:a/></r>",
            "<r><b xmlns:p='u'></b><p:a/></r>",
            "<a b='x' b='y'/>",
            "<a xmlns:p='u' xmlns:q='u' p:b='x' q:b='y'/>",
            "<a xmlns:p='u' xmlns:p='v'/>",
            "<a xmlns:p=''/>",
            "<a xmlns:xml='u'/>",
            "<a xmlns:xmlns='u'/>",
            "<a xmlns:p='http://www.w3.org/2000/xmlns/'/>",
            "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
            "<a b='x'c='y'/>",
            "<a b = 'x'/>",
            "<a b=x/>",
            "<a b='<'/>",
            "<a b='x\ty'/>",
            "<a>&amp;</a>",
            "<a b='&amp;'/>",
            "<a>x<b/></a>",
            "<a><b/>x</a>",
            "<a>x<!-- y --></a>",
            "<a><![CDATA[x]]></a>",
            "<a>]]></a>",
            "<!DOCTYPE a><a/>",
            "<?p x?><a/>",
            "<a>\u{e9}</a>",
            "<a>\u{1}</a>",
            "<1a/>",
            "<a:b:c xmlns:a='u'/>",
            "< a/>",
            "<a / >",
            "<a xmlns='u' :b='x'/>",
            "<xml:a/>",
            "<axmlns/>",
            "<a bxmlns='u'/>",
            "</a>",
        ] {
            assert!(read(xml.as_bytes()).is_none(), "{xml}");
        }
        let deep = |depth| ["<a>".repeat(depth), "</a>".repeat(depth)].concat();
        assert!(agrees(&deep(DEPTH)));
        assert!(read(deep(DEPTH + 1).as_bytes()).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn whatever_is_taken_is_read_alike(
            xml in "(<a>|</a>|<p:a xmlns:p='u'>|</p:a>|<b/>|<p:b p:id='x' b=\"y\"/>|<c xmlns='u' a='1'>|</c>| xmlns:p='v'|t|[ \r\n\t]|[<>/='\":a-b?!&-]){0,14}"
        ) {
            agrees(&xml);
            agrees(&format!("<r xmlns:p='u'>{xml}</r>"));
        }
    }
}
