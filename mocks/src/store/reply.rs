//! What the store answers, before it is known whether it leaves in one piece or in many.

use std::fmt;
use std::io::BufRead;
use std::time::Duration;

use base64_simd::STANDARD;
use bytes::Bytes;
use gp2gp_model::http::Headers;

use crate::peer::{Conduct, HttpResponse};
use crate::synthetic::{DocumentReader, DocumentSpec};

/// The media type of resources.
pub(super) const FHIR_JSON: &str = "application/fhir+json;charset=utf-8";

/// The media type of records.
pub(super) const XML: &str = "application/xml;charset=utf-8";

/// An answer of the store.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// Other headers.
    pub headers: Headers,
    /// Body.
    pub body: Body,
    /// How the connection carries it.
    pub conduct: Conduct,
    /// How much later than at once it is given.
    pub delay: Duration,
}

/// A body, which may be larger than memory.
#[derive(Debug)]
pub enum Body {
    /// In memory.
    Whole(Bytes),
    /// The content of a document, made while it is read.
    Content(Box<Content>),
}

impl Reply {
    pub(super) fn whole(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            content_type: Some(content_type.to_owned()),
            body: Body::Whole(body.into()),
            ..Self::empty(status)
        }
    }

    pub(super) const fn empty(status: u16) -> Self {
        Self {
            status,
            content_type: None,
            headers: Headers::new(),
            body: Body::Whole(Bytes::new()),
            conduct: Conduct::Clean,
            delay: Duration::ZERO,
        }
    }

    #[must_use]
    pub(super) fn with_headers(mut self, headers: &Headers) -> Self {
        for (name, value) in headers.iter() {
            self.headers.push(name, value);
        }
        self
    }

    #[must_use]
    pub(super) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// The answer to HEAD: the length is told, the body is not given.
    #[must_use]
    pub(super) fn without_body(self) -> Self {
        let length = self.body.len().to_string();
        Self {
            body: Body::Whole(Bytes::new()),
            ..self.with_header("Content-Length", length)
        }
    }

    /// The same with its body in one piece.
    pub fn into_response(self) -> HttpResponse {
        HttpResponse {
            status: self.status,
            content_type: self.content_type,
            headers: self.headers,
            body: self.body.collect(),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}

impl Body {
    /// Its length in bytes.
    pub const fn len(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Content(content) => content.len,
        }
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The whole body in memory.
    pub fn collect(self) -> Bytes {
        match self {
            Self::Whole(bytes) => bytes,
            Self::Content(content) => {
                let mut collected = Vec::with_capacity(content.len as usize);
                for piece in content {
                    collected.extend_from_slice(&piece);
                }
                collected.into()
            }
        }
    }
}

/// The content of a document, or of a FHIR `Binary` with it, piece by piece: about 64 KB each.
pub struct Content {
    before: Bytes,
    reader: DocumentReader,
    unread: u64,
    form: Form,
    /// Bytes that do not yet make a group of three.
    rest: Vec<u8>,
    after: Bytes,
    len: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Raw,
    Base64,
}

impl Content {
    /// `bytes` bytes from `start` on, as they are.
    pub(super) fn raw(document: &DocumentSpec, start: u64, bytes: u64) -> Self {
        Self {
            before: Bytes::new(),
            reader: document.open_at(start),
            unread: bytes,
            form: Form::Raw,
            rest: Vec::new(),
            after: Bytes::new(),
            len: bytes,
        }
    }

    /// The whole content in base64 between two texts.
    pub(super) fn base64(document: &DocumentSpec, before: String, after: &'static str) -> Self {
        let encoded = document.bytes.div_ceil(3) * 4;
        Self {
            len: before.len() as u64 + encoded + after.len() as u64,
            before: before.into(),
            reader: document.open(),
            unread: document.bytes,
            form: Form::Base64,
            rest: Vec::new(),
            after: after.into(),
        }
    }

    /// The next bytes of the document, at most as many as are wanted.
    fn next_raw(&mut self) -> Option<Bytes> {
        // A reader of generated content does not fail.
        let block = self.reader.fill_buf().unwrap_or_default();
        let taken = block
            .len()
            .min(usize::try_from(self.unread).unwrap_or(usize::MAX));
        let piece = Bytes::copy_from_slice(block.get(..taken).unwrap_or_default());
        self.reader.consume(taken);
        self.unread -= taken as u64;
        (taken > 0).then_some(piece)
    }

    fn next_base64(&mut self) -> Option<Bytes> {
        let piece = self.next_raw();
        let is_last = piece.is_none();
        self.rest.extend_from_slice(&piece.unwrap_or_default());
        let whole = match is_last {
            true => self.rest.len(),
            false => self.rest.len() / 3 * 3,
        };
        let encoded = STANDARD.encode_to_string(self.rest.get(..whole).unwrap_or_default());
        self.rest.drain(..whole);
        (!(is_last && encoded.is_empty())).then(|| encoded.into())
    }
}

impl Iterator for Content {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if !self.before.is_empty() {
            return Some(std::mem::take(&mut self.before));
        }
        let piece = match self.form {
            Form::Raw => self.next_raw(),
            Form::Base64 => self.next_base64(),
        };
        piece.or_else(|| {
            let after = std::mem::take(&mut self.after);
            (!after.is_empty()).then_some(after)
        })
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.len)
    }
}
