//! Writes elements as a [`Style`] wants them.

use super::style::Style;
use crate::hl7::xml::{escape_attribute, escape_text};

/// An XML text under way. Names are canonical (`soap:`, `eb:`, `xlink:`, `hl7ebxml:`).
pub(super) struct Writer {
    pub(super) style: &'static Style,
    out: String,
    depth: usize,
}

impl Writer {
    pub(super) fn new(style: &'static Style) -> Self {
        Self {
            style,
            out: style.declaration.to_owned(),
            depth: 0,
        }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    /// An element with elements inside; an empty tag where `content` writes none.
    pub(super) fn element(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        content: impl FnOnce(&mut Self),
    ) {
        let name = self.open(name, attributes);
        let before = self.out.len();
        self.out.push('>');
        self.depth += 1;
        content(self);
        self.depth -= 1;
        if self.out.len() == before + 1 {
            self.out.truncate(before);
            self.out.push_str(self.style.empty_end);
        } else {
            self.new_line();
            self.close(&name);
        }
    }

    /// An element with text inside; an empty tag where the text is empty.
    pub(super) fn text(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        let name = self.open(name, attributes);
        if text.is_empty() {
            self.out.push_str(self.style.empty_end);
        } else {
            self.out.push('>');
            self.out.push_str(&escape_text(text));
            self.close(&name);
        }
    }

    /// A start tag without its end. Returns the name as written.
    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) -> String {
        let name = renamed(self.style.elements, name);
        self.new_line();
        self.out.push('<');
        self.out.push_str(&name);
        let mut attributes = attributes.to_vec();
        attributes.sort_by_key(|(name, _)| self.style.rank(name));
        for (name, value) in attributes {
            self.out.push(' ');
            self.out.push_str(&renamed(self.style.attributes, name));
            self.out.push_str("=\"");
            self.out.push_str(&escape_attribute(value));
            self.out.push('"');
        }
        name
    }

    fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// The indented style leaves `SOAP:Header` and `SOAP:Body` at the margin.
    fn new_line(&mut self) {
        let at_line_start = self.out.is_empty() || self.out.ends_with('\n');
        if self.style.indented && !at_line_start {
            self.out.push('\n');
            self.out
                .extend(std::iter::repeat_n('\t', self.depth.saturating_sub(1)));
        }
    }
}

/// The name with the style's prefix in place of the canonical one.
fn renamed(prefixes: &[(&str, &str)], name: &str) -> String {
    let written = name.split_once(':').and_then(|(prefix, local)| {
        let (_, written) = prefixes
            .iter()
            .find(|(canonical, _)| *canonical == prefix)?;
        Some(format!("{written}:{local}"))
    });
    written.unwrap_or_else(|| name.to_owned())
}
