//! Safe XML shared by envelope and payloads: no DTD, bounded depth and size, lookup by local
//! name, and the escaping that survives a reader.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memchr3, memmem};
use roxmltree::{Document, Node, ParsingOptions};

use crate::limits;

/// Why XML was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// Not UTF-8.
    #[error("not utf-8 at byte {at}")]
    NotUtf8 {
        /// Offset of the first bad byte.
        at: usize,
    },
    /// Not well-formed.
    #[error("not well-formed: {0}")]
    NotWellFormed(String),
    /// A document type declaration: refused, whatever it says (SND-67, RCV-63).
    #[error("document type declaration refused")]
    Doctype,
    /// Elements nested deeper than any real message.
    #[error("elements nested deeper than {limit}")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// More nodes than any real message.
    #[error("more than {limit} nodes")]
    TooManyNodes {
        /// The limit.
        limit: u32,
    },
    /// More attributes than any real element. Readers compare each with each, and copy the
    /// namespaces in scope, so that a crowd costs its square.
    #[error("more than {limit} attributes on, or namespaces in scope of, one element")]
    TooManyAttributes {
        /// The limit.
        limit: usize,
    },
}

/// Attributes of one element, and namespace declarations in scope of it; real ones have
/// about ten.
const ATTRIBUTES: usize = 64;

/// Parses to a tree: what [`screen`] lets through, of at most [`limits::XML_NODES`] nodes.
pub(crate) fn tree(xml: &[u8]) -> Result<Document<'_>, XmlError> {
    let text = screen(xml)?;
    let too_many_nodes = XmlError::TooManyNodes {
        limit: limits::XML_NODES,
    };
    // The parser reserves a node for each `<`; an element has two at most.
    let most_tags = 2 * limits::XML_NODES as usize;
    if memchr_iter(b'<', text.as_bytes()).nth(most_tags).is_some() {
        return Err(too_many_nodes);
    }
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: limits::XML_NODES,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).map_err(|error| {
        if error == roxmltree::Error::DtdDetected {
            XmlError::Doctype
        } else if error == roxmltree::Error::NodesLimitReached {
            too_many_nodes
        } else {
            not_well_formed(&error.to_string())
        }
    })
}

/// The text of a document, without byte order mark and leading white space (real envelopes have
/// tabs before the root), if it is UTF-8, has no document type declaration, is not nested deeper
/// than [`limits::XML_DEPTH`] and has no crowd of attributes. Takes one pass and no memory;
/// whether the text is well-formed is left to the parser that follows.
pub(crate) fn screen(xml: &[u8]) -> Result<&str, XmlError> {
    let text = std::str::from_utf8(xml).map_err(|error| XmlError::NotUtf8 {
        at: error.valid_up_to(),
    })?;
    let text = text.trim_start_matches([' ', '\t', '\r', '\n', '\u{feff}']);

    let mut open: Vec<usize> = Vec::new();
    let mut rest = text.as_bytes();
    while let Some(at) = memchr(b'<', rest) {
        rest = rest.get(at..).unwrap_or_default();
        if rest.starts_with(b"<!--") {
            rest = after(rest, 4, b"-->");
        } else if rest.starts_with(b"<![CDATA[") {
            rest = after(rest, 9, b"]]>");
        } else if rest.starts_with(b"<!") {
            return Err(XmlError::Doctype);
        } else if rest.starts_with(b"<?") {
            rest = after(rest, 2, b"?>");
        } else if rest.starts_with(b"</") {
            open.pop();
            rest = after(rest, 2, b">");
        } else {
            let tag = Tag::scan(rest);
            let namespaces = tag.namespaces + open.last().copied().unwrap_or_default();
            if tag.attributes.max(namespaces) > ATTRIBUTES {
                return Err(XmlError::TooManyAttributes { limit: ATTRIBUTES });
            }
            if open.len() == limits::XML_DEPTH {
                return Err(XmlError::TooDeep {
                    limit: limits::XML_DEPTH,
                });
            }
            if !tag.is_empty {
                open.push(namespaces);
            }
            rest = tag.rest;
        }
    }
    Ok(text)
}

/// The first child element with this local name, whatever its prefix.
pub(crate) fn child<'a, 'input>(node: &Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| is(child, name))
}

/// The child elements with this local name, whatever their prefixes.
pub(crate) fn children<'a, 'input>(
    node: &Node<'a, 'input>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'input>> + use<'a, 'input> {
    node.children().filter(move |child| is(child, name))
}

/// The element at the end of a path of local names, taking the first child at each step.
pub(crate) fn find<'a, 'input>(node: &Node<'a, 'input>, path: &[&str]) -> Option<Node<'a, 'input>> {
    path.iter().try_fold(*node, |node, name| child(&node, name))
}

/// The attribute with this local name, whatever its prefix.
pub(crate) fn attribute<'a>(node: &Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.attributes()
        .find(|attribute| attribute.name() == name)
        .map(|attribute| attribute.value())
}

/// The character data directly in this element, unescaped, outer XML white space trimmed.
pub(crate) fn text<'a>(node: &Node<'a, '_>) -> Cow<'a, str> {
    let mut texts = node
        .children()
        .filter(Node::is_text)
        .filter_map(|text| text.text());
    let first = texts.next().unwrap_or_default();
    match texts.next() {
        None => Cow::Borrowed(trim(first)),
        // A comment stands between.
        Some(second) => {
            let whole: String = [first, second].into_iter().chain(texts).collect();
            Cow::Owned(trim(&whole).to_owned())
        }
    }
}

/// Trims XML white space only: a no-break space is content.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

/// Escapes character data. A carriage return becomes a reference, because a bare one is read as
/// a line feed; a character that XML 1.0 cannot hold becomes U+FFFD.
pub(crate) fn escape_text(text: &str) -> Cow<'_, str> {
    escape(text, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '\r' => Some("&#13;"),
        _ => None,
    })
}

/// Escapes an attribute value for double quotes. White space other than a blank becomes a
/// reference, because a bare one is read as a blank; a character that XML 1.0 cannot hold
/// becomes U+FFFD.
pub(crate) fn escape_attribute(text: &str) -> Cow<'_, str> {
    escape(text, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\t' => Some("&#9;"),
        '\n' => Some("&#10;"),
        '\r' => Some("&#13;"),
        _ => None,
    })
}

fn escape(text: &str, reference: impl Fn(char) -> Option<&'static str>) -> Cow<'_, str> {
    let escaped = |c| match c {
        '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
            Some("\u{fffd}")
        }
        _ => reference(c),
    };
    if !text.chars().any(|c| escaped(c).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match escaped(c) {
            Some(escape) => out.push_str(escape),
            None => out.push(c),
        }
    }
    Cow::Owned(out)
}

fn is(node: &Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name
}

/// A parser's message names what it found: shortened, so that a hostile name fills no report.
fn not_well_formed(message: &str) -> XmlError {
    XmlError::NotWellFormed(message.chars().take(200).collect())
}

/// What follows the first `end` after `skip` bytes; nothing, if there is none.
fn after<'a>(rest: &'a [u8], skip: usize, end: &[u8]) -> &'a [u8] {
    let body = rest.get(skip..).unwrap_or_default();
    memmem::find(body, end)
        .and_then(|at| body.get(at + end.len()..))
        .unwrap_or_default()
}

/// A start tag, as far as the limits care.
struct Tag<'a> {
    attributes: usize,
    namespaces: usize,
    is_empty: bool,
    rest: &'a [u8],
}

impl<'a> Tag<'a> {
    fn scan(start: &'a [u8]) -> Self {
        let mut tag = Self {
            attributes: 0,
            namespaces: 0,
            is_empty: false,
            rest: start,
        };
        while let Some(at) = memchr3(b'"', b'\'', b'>', tag.rest) {
            let (before, found) = tag.rest.split_at(at);
            let (stop, beyond) = found.split_at(1);
            tag.rest = beyond;
            if stop == b">" {
                tag.is_empty = before.ends_with(b"/");
                return tag;
            }
            tag.attributes += 1;
            tag.namespaces += usize::from(memmem::find(before, b"xmlns").is_some());
            tag.rest = after(beyond, 0, stop);
        }
        tag.rest = &[];
        tag
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn white_space_and_byte_order_mark_before_the_declaration_are_skipped() {
        for before in ["", "\t\t", "\u{feff}", "\r\n\u{feff} "] {
            let xml = format!("{before}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a>b</a>");
            let tree = tree(xml.as_bytes()).unwrap();
            assert_eq!(text(&tree.root_element()), "b");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_placed() {
        assert_eq!(
            tree(b"<a>\xff</a>").unwrap_err(),
            XmlError::NotUtf8 { at: 3 }
        );
    }

    #[test]
    fn a_document_type_is_refused_wherever_it_stands() {
        for xml in [
            "<!DOCTYPE a><a/>",
            "<?xml version='1.0'?><!-- x --><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///c'>]><a>&b;</a>",
            "<a><!DOCTYPE a></a>",
            "<!ENTITY b 'c'><a/>",
        ] {
            assert_eq!(
                tree(xml.as_bytes()).unwrap_err(),
                XmlError::Doctype,
                "{xml}"
            );
        }
        assert!(tree(b"<a><!-- <!DOCTYPE a> --><![CDATA[<!DOCTYPE a>]]></a>").is_ok());
    }

    #[test]
    fn an_entity_without_a_declaration_is_not_well_formed() {
        let error = tree(b"<a>&lol;</a>").unwrap_err();
        assert!(matches!(error, XmlError::NotWellFormed(_)), "{error}");
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth| [b"<a>".repeat(depth), b"</a>".repeat(depth)].concat();
        assert!(tree(&nested(limits::XML_DEPTH)).is_ok());
        for depth in [limits::XML_DEPTH + 1, 100_000] {
            let error = tree(&nested(depth)).unwrap_err();
            assert_eq!(
                error,
                XmlError::TooDeep {
                    limit: limits::XML_DEPTH
                }
            );
        }
        let siblings = format!("<r>{}</r>", "<a b='>'/><c/>".repeat(1_000));
        assert!(tree(siblings.as_bytes()).is_ok());
    }

    #[test]
    fn nodes_are_bounded() {
        let empty = format!("<r>{}</r>", "<a/>".repeat(limits::XML_NODES as usize));
        let tags = "<".repeat(2 * limits::XML_NODES as usize + 1);
        for xml in [empty.as_bytes(), format!("<r><!--{tags}--></r>").as_bytes()] {
            let error = tree(xml).unwrap_err();
            assert_eq!(
                error,
                XmlError::TooManyNodes {
                    limit: limits::XML_NODES
                }
            );
        }
    }

    #[test]
    fn attributes_and_namespaces_in_scope_are_bounded() {
        let crowd = |name: &str| -> String {
            (0..=ATTRIBUTES)
                .map(|n| format!(" {name}{n}='x'"))
                .collect()
        };
        let nested: String = (0..=ATTRIBUTES)
            .map(|n| format!("<a xmlns:n{n}='x'>"))
            .collect();
        let siblings = format!(
            "<r>{}</r>",
            "<a xmlns:n='x'/><b xmlns:n='x'></b>".repeat(500)
        );
        for xml in [
            format!("<a{}/>", crowd("b")),
            format!("<a{}/>", crowd("xmlns:b")),
            nested,
        ] {
            let error = tree(xml.as_bytes()).unwrap_err();
            assert_eq!(error, XmlError::TooManyAttributes { limit: ATTRIBUTES });
        }
        assert!(tree(siblings.as_bytes()).is_ok());
    }

    #[test]
    fn elements_and_attributes_are_found_whatever_their_prefix() {
        let xml = b"<p:a xmlns:p='u' xmlns='v'> <b/><p:b p:c='d'>one<!-- x -->two </p:b></p:a>";
        let tree = tree(xml).unwrap();
        let root = tree.root_element();
        assert_eq!(children(&root, "b").count(), 2);
        let second = children(&root, "b").nth(1).unwrap();
        assert_eq!(attribute(&second, "c"), Some("d"));
        assert_eq!(text(&second), "onetwo");
        assert!(find(&tree.root(), &["a", "b"]).is_some());
        assert!(find(&tree.root(), &["a", "c"]).is_none());
    }

    proptest! {
        #[test]
        fn escaped_text_and_attributes_survive(value in "\\PC*|[ -~\t\r\n\u{85}\u{a0}]*") {
            let xml = format!("<a b=\"{}\">{}</a>", escape_attribute(&value), escape_text(&value));
            let tree = tree(xml.as_bytes()).unwrap();
            let root = tree.root_element();
            prop_assert_eq!(attribute(&root, "b"), Some(value.as_str()));
            prop_assert_eq!(root.text().unwrap_or_default(), value);
        }

        #[test]
        fn any_text_can_be_written(value in any::<String>()) {
            let xml = format!("<a b=\"{}\">{}</a>", escape_attribute(&value), escape_text(&value));
            prop_assert!(tree(xml.as_bytes()).is_ok());
        }

        #[test]
        fn no_input_panics(xml in any::<Vec<u8>>(), tags in "([<>/!?\"'=a-c\\[\\]-]|<!--|-->|xmlns){0,60}") {
            let _ = tree(&xml);
            let _ = tree(tags.as_bytes());
        }
    }
}
