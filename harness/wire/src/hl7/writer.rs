//! Writes XML as a supplier would: prefix, white space, `type` and attribute order.

use bytes::Bytes;

use super::xml;
use crate::Dialect;

/// Namespace of all five messages.
pub(super) const HL7: &str = "urn:hl7-org:v3";
/// Namespace of `Gp2gpfragment`.
const GP2GP: &str = "urn:nhs:names:services:gp2gp";
const LOCALISATION: &str = "NPFIT:HL7:Localisation";

/// Name and value, unescaped.
pub(super) type Attribute<'a> = (&'a str, &'a str);

/// A document under way.
pub(super) struct Writer {
    out: Vec<u8>,
    style: Style,
    depth: usize,
}

/// What differs between dialects (spec 10, row "HL7 style", and real messages).
struct Style {
    declaration: bool,
    /// Prefix of HL7 elements, with its colon; without one HL7 is the default namespace.
    prefix: &'static str,
    /// Prefix of the elements of `Gp2gpfragment`, likewise.
    fragment_prefix: &'static str,
    /// White space of one level; `None` for no white space at all.
    indent: Option<&'static str>,
    /// HL7 class names in `type` attributes.
    typed: bool,
    /// Attributes in alphabetical order.
    sorted: bool,
}

impl Style {
    fn of(dialect: Dialect) -> Self {
        let plain = Self {
            declaration: true,
            prefix: "",
            fragment_prefix: "",
            indent: Some("\t"),
            typed: false,
            sorted: false,
        };
        match dialect {
            Dialect::NationalMhs => plain,
            Dialect::Tpp => Self {
                indent: None,
                fragment_prefix: "gp:",
                ..plain
            },
            Dialect::Emis => Self {
                declaration: false,
                indent: Some("    "),
                typed: true,
                ..plain
            },
            Dialect::Vision => Self {
                declaration: false,
                sorted: true,
                ..plain
            },
            Dialect::Spine => Self {
                prefix: "hl7:",
                fragment_prefix: "gp:",
                indent: None,
                ..plain
            },
        }
    }
}

impl Writer {
    /// A writer in this dialect.
    pub(super) fn new(dialect: Dialect) -> Self {
        let style = Style::of(dialect);
        let mut out = Vec::with_capacity(8 * 1024);
        if style.declaration {
            out.extend(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        }
        Self {
            out,
            style,
            depth: 0,
        }
    }

    /// The same without `type` attributes: the COPC schema has no place for them, and
    /// extracts are not seen with them.
    pub(super) fn untyped(dialect: Dialect) -> Self {
        let mut writer = Self::new(dialect);
        writer.style.typed = false;
        writer
    }

    /// Makes room for so many bytes.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.out.reserve(bytes);
    }

    /// The document.
    pub(super) fn finish(self) -> Bytes {
        self.out.into()
    }

    /// The root element, which binds the namespaces that any message, and any record that is
    /// spliced into one, may use.
    pub(super) fn root(&mut self, name: &str, class: &str, body: impl FnOnce(&mut Self)) {
        let hl7 = if self.style.prefix.is_empty() {
            "xmlns"
        } else {
            "xmlns:hl7"
        };
        let namespaces = [
            (hl7, HL7),
            ("xmlns:xs", "http://www.w3.org/2001/XMLSchema"),
            ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
        ];
        self.element(name, class, &namespaces, body);
    }

    /// An HL7 element with children. `class` is its HL7 class, `""` where `type` has no place.
    pub(super) fn element(
        &mut self,
        name: &str,
        class: &str,
        attributes: &[Attribute<'_>],
        body: impl FnOnce(&mut Self),
    ) {
        let mut all = Vec::with_capacity(attributes.len() + 1);
        if self.style.typed && !class.is_empty() {
            all.push(("type", class));
        }
        all.extend(attributes);
        self.parent(self.style.prefix, name, &all, body);
    }

    /// An HL7 element without content.
    pub(super) fn leaf(&mut self, name: &str, attributes: &[Attribute<'_>]) {
        self.line();
        self.tag(self.style.prefix, name, attributes, "/>");
    }

    /// `npfitlc:messageType` of a COPC.
    pub(super) fn message_type(&mut self, root: &str, extension: &str) {
        self.line();
        let attributes = [
            ("xmlns:npfitlc", LOCALISATION),
            ("root", root),
            ("extension", extension),
        ];
        self.tag("npfitlc:", "messageType", &attributes, "/>");
    }

    /// `Gp2gpfragment`, which binds its own namespace.
    pub(super) fn fragment(&mut self, body: impl FnOnce(&mut Self)) {
        let prefix = self.style.fragment_prefix;
        let binding = if prefix.is_empty() {
            "xmlns"
        } else {
            "xmlns:gp"
        };
        self.parent(prefix, "Gp2gpfragment", &[(binding, GP2GP)], body);
    }

    /// The HL7 message inside a `Gp2gpfragment`, which may have taken the default namespace.
    pub(super) fn inner_message(&mut self, body: impl FnOnce(&mut Self)) {
        let prefix = self.style.prefix;
        let attributes = [("xmlns", HL7), ("type", "Message")];
        let skip = usize::from(!prefix.is_empty());
        let attributes = attributes.get(skip..).unwrap_or_default();
        self.parent(prefix, "Message", attributes, body);
    }

    /// A child of `Gp2gpfragment` with children.
    pub(super) fn fragment_element(&mut self, name: &str, body: impl FnOnce(&mut Self)) {
        self.parent(self.style.fragment_prefix, name, &[], body);
    }

    /// A descendant of `Gp2gpfragment` without content.
    pub(super) fn fragment_leaf(&mut self, name: &str, attributes: &[Attribute<'_>]) {
        self.line();
        self.tag(self.style.fragment_prefix, name, attributes, "/>");
    }

    /// A descendant of `Gp2gpfragment` with text.
    pub(super) fn fragment_text(&mut self, name: &str, text: &str) {
        let prefix = self.style.fragment_prefix;
        self.line();
        self.tag(prefix, name, &[], ">");
        self.out.extend(xml::escape_text(text).as_bytes());
        self.end(prefix, name);
    }

    /// Bytes that are XML already.
    pub(super) fn splice(&mut self, xml: &[u8]) {
        self.line();
        self.out.extend(xml);
    }

    fn parent(
        &mut self,
        prefix: &str,
        name: &str,
        attributes: &[Attribute<'_>],
        body: impl FnOnce(&mut Self),
    ) {
        self.line();
        self.tag(prefix, name, attributes, ">");
        self.depth += 1;
        body(self);
        self.depth -= 1;
        self.line();
        self.end(prefix, name);
    }

    fn tag(&mut self, prefix: &str, name: &str, attributes: &[Attribute<'_>], close: &str) {
        let mut attributes = attributes.to_vec();
        if self.style.sorted {
            attributes.sort_unstable_by_key(|(name, _)| (!name.starts_with("xmlns"), *name));
        }
        self.out.push(b'<');
        self.out.extend(prefix.as_bytes());
        self.out.extend(name.as_bytes());
        for (name, value) in attributes {
            self.out.push(b' ');
            self.out.extend(name.as_bytes());
            self.out.extend(b"=\"");
            self.out.extend(xml::escape_attribute(value).as_bytes());
            self.out.push(b'"');
        }
        self.out.extend(close.as_bytes());
    }

    fn end(&mut self, prefix: &str, name: &str) {
        self.out.extend(b"</");
        self.out.extend(prefix.as_bytes());
        self.out.extend(name.as_bytes());
        self.out.push(b'>');
    }

    fn line(&mut self) {
        if let Some(indent) = self.style.indent {
            if !self.out.is_empty() {
                self.out.push(b'\n');
            }
            for _ in 0..self.depth {
                self.out.extend(indent.as_bytes());
            }
        }
    }
}
