//! `multipart/related`: splits a body into parts that share its memory, and joins parts into
//! one body. Order is kept; no part's body is copied on the way in, and once on the way out.

mod header;
mod split;

use std::borrow::Cow;

use bytes::Bytes;
use gp2gp_model::ContentId;

pub use header::parameter;
pub(crate) use header::read_headers;
pub use split::{split, split_bare};

/// A split message. Preamble and epilogue are dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Multipart {
    /// The `start` parameter as written: content id of the root part, with or without brackets.
    pub start: Option<String>,
    /// The parts in the order of the wire, at least one.
    pub parts: Vec<Part>,
}

/// One part: its headers in order, as written, and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Header names as written (compare without case) and unfolded, trimmed values.
    pub headers: Vec<(String, String)>,
    /// The body, without the line end that belongs to the next boundary.
    pub body: Bytes,
}

/// `Content-Transfer-Encoding` of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferEncoding {
    /// `base64`.
    Base64,
    /// `8bit`, `7bit`, `binary` or absent: the body is the content.
    Identity,
}

/// How a joined message ends its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnd {
    /// `\n`.
    Lf,
    /// `\r\n`.
    CrLf,
}

/// Why a body is no multipart message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MimeError {
    /// The Content-Type header is missing or not multipart.
    #[error("content type `{0}` is not multipart/related")]
    NotMultipart(String),
    /// The Content-Type names no boundary.
    #[error("content type `{0}` has no boundary parameter")]
    NoBoundary(String),
    /// The boundary never occurs.
    #[error(
        "boundary `{boundary}` does not occur at the start of any line of the {bytes} bytes of the body"
    )]
    BoundaryNotFound {
        /// The boundary looked for.
        boundary: String,
        /// Length of the body.
        bytes: usize,
    },
    /// No Content-Type is known, and nothing in the body looks like a boundary.
    #[error("no line of the {bytes} bytes of the body is a boundary followed by a header")]
    NoBoundaryLine {
        /// Length of the body.
        bytes: usize,
    },
    /// The body ends before the closing boundary.
    #[error("body ends in part {part} without the closing boundary `--{boundary}--`")]
    Unclosed {
        /// The part (from 1) in which the body ends.
        part: usize,
        /// The boundary.
        boundary: String,
    },
    /// The first boundary is the closing one.
    #[error("body has no part before the closing boundary `--{boundary}--`")]
    NoParts {
        /// The boundary.
        boundary: String,
    },
    /// A header line has no colon.
    #[error("part {part}: header line `{line}` has no colon")]
    BadHeader {
        /// The part (from 1).
        part: usize,
        /// The line, shortened.
        line: String,
    },
    /// The header block of a part is longer than any real one.
    #[error("part {part}: more than {limit} bytes of headers")]
    HeadersTooLong {
        /// The part (from 1).
        part: usize,
        /// The limit.
        limit: usize,
    },
    /// More parts than are read.
    #[error("more than {limit} parts")]
    TooManyParts {
        /// The limit.
        limit: usize,
    },
    /// A part is itself a multipart message (RCV-63).
    #[error("part {part} is itself multipart")]
    Nested {
        /// The part (from 1).
        part: usize,
    },
}

/// Joins parts, with closing boundary. The caller picks a boundary that occurs in no part.
/// A line break inside a header becomes a space: no header can start another one.
pub fn join(boundary: &str, line_end: LineEnd, parts: &[Part]) -> Bytes {
    let end = line_end.as_str();
    let mut body = Vec::with_capacity(joined_len(boundary, end, parts));
    for part in parts {
        put(&mut body, &["--", boundary, end]);
        for (name, value) in &part.headers {
            put(&mut body, &[&one_line(name), ": ", &one_line(value), end]);
        }
        put(&mut body, &[end]);
        body.extend_from_slice(&part.body);
        put(&mut body, &[end]);
    }
    put(&mut body, &["--", boundary, "--", end]);
    Bytes::from(body)
}

fn joined_len(boundary: &str, end: &str, parts: &[Part]) -> usize {
    let headers = |part: &Part| -> usize {
        part.headers
            .iter()
            .map(|(name, value)| name.len() + 2 + value.len() + end.len())
            .sum()
    };
    let delimiter = 2 + boundary.len() + end.len();
    let each = |part: &Part| delimiter + headers(part) + end.len() + part.body.len() + end.len();
    parts.iter().map(each).sum::<usize>() + delimiter + 2
}

fn put(body: &mut Vec<u8>, texts: &[&str]) {
    for text in texts {
        body.extend_from_slice(text.as_bytes());
    }
}

fn one_line(text: &str) -> Cow<'_, str> {
    if text.contains(['\r', '\n']) {
        Cow::Owned(text.replace(['\r', '\n'], " "))
    } else {
        Cow::Borrowed(text)
    }
}

impl LineEnd {
    /// The bytes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::CrLf => "\r\n",
        }
    }
}

impl TransferEncoding {
    /// The header value that is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Identity => "8bit",
        }
    }
}

impl Part {
    /// The first header of this name, compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// `Content-Id` without angle brackets.
    pub fn content_id(&self) -> Option<ContentId> {
        ContentId::parse(without_brackets(self.header("content-id")?)).ok()
    }

    /// Whether [`Part::content_id`] is this one.
    pub fn is_called(&self, id: &ContentId) -> bool {
        let written = self.header("content-id").map(without_brackets);
        written.is_some_and(|written| written.trim().eq_ignore_ascii_case(id.as_str()))
    }

    /// `Content-Type` without parameters, lower case.
    pub fn media_type(&self) -> Option<String> {
        let value = self.header("content-type")?;
        Some(
            value
                .split(';')
                .next()
                .unwrap_or(value)
                .trim()
                .to_ascii_lowercase(),
        )
    }

    /// `Content-Transfer-Encoding`.
    pub fn transfer_encoding(&self) -> TransferEncoding {
        match self.header("content-transfer-encoding") {
            Some(value) if value.trim().eq_ignore_ascii_case("base64") => TransferEncoding::Base64,
            Some(_) | None => TransferEncoding::Identity,
        }
    }
}

impl Multipart {
    /// Index of the root part: the one that `start` names, else the first.
    pub fn root(&self) -> usize {
        let named = self.start.as_deref().and_then(|start| {
            let start = ContentId::parse(without_brackets(start)).ok()?;
            self.parts.iter().position(|part| part.is_called(&start))
        });
        named.unwrap_or(0)
    }
}

fn without_brackets(content_id: &str) -> &str {
    let content_id = content_id.trim();
    let inner = content_id
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'));
    inner.unwrap_or(content_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_joined_body_takes_no_more_memory_than_its_bytes() {
        let header = ("A".to_owned(), "é".to_owned());
        let parts = [
            Part {
                headers: vec![header.clone(), header],
                body: Bytes::from_static(b"one"),
            },
            Part {
                headers: vec![],
                body: Bytes::new(),
            },
        ];
        for line_end in [LineEnd::Lf, LineEnd::CrLf] {
            let joined = join("b", line_end, &parts);
            assert_eq!(joined.len(), joined_len("b", line_end.as_str(), &parts));
        }
    }

    #[test]
    fn a_line_break_in_a_header_starts_no_other_header() {
        let headers = vec![("A".to_owned(), "b\r\nC: d".to_owned())];
        let joined = join(
            "b",
            LineEnd::Lf,
            &[Part {
                headers,
                body: Bytes::new(),
            }],
        );
        assert_eq!(joined, "--b\nA: b  C: d\n\n\n--b--\n");
    }

    #[test]
    fn the_root_is_the_part_that_start_names_with_or_without_brackets() {
        let part = |id: &str| Part {
            headers: vec![("CONTENT-ID".to_owned(), format!("<{id}>"))],
            body: Bytes::new(),
        };
        let root = |start: Option<&str>| {
            let start = start.map(str::to_owned);
            Multipart {
                start,
                parts: vec![part("payload"), part("soappart")],
            }
            .root()
        };
        assert_eq!(root(Some("soappart")), 1);
        assert_eq!(root(Some("<SoapPart>")), 1);
        assert_eq!(root(Some("absent")), 0);
        assert_eq!(root(None), 0);
    }
}
