//! The content of a document as a FHIR `Binary` or as its own bytes, whole or a range of it.

use std::ops::Range;

use gp2gp_model::http::Headers;
use gp2gp_model::plan::MissingReason;

use super::faults::StoreFault;
use super::fhir::{self, BINARY_END, binary_start};
use super::kept::Kept;
use super::outcome::{Code, Refusal};
use super::reply::{Body, Content, FHIR_JSON, Reply};
use super::shelf::Document;

/// How the content is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    form: Form,
    /// Which bytes; `None`: all.
    range: Option<Range<u64>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Fhir,
    Raw,
}

impl Wanted {
    /// What the headers ask for, or why nothing can be given.
    pub(super) fn read(headers: &Headers, document: &Document) -> Result<Self, Refusal> {
        Self::of(headers, &document.spec.media_type, document)
    }

    fn of(headers: &Headers, media_type: &str, document: &Document) -> Result<Self, Refusal> {
        let form = form(headers, media_type)?;
        let bytes = document.spec.bytes;
        let is_current = headers
            .get("If-Range")
            .is_none_or(|tag| tag == etag(document, form));
        let range = headers
            .get("Range")
            .filter(|_| form == Form::Raw && is_current)
            .and_then(parse_range)
            // Of nothing there is no part: all of it is given.
            .filter(|_| bytes > 0)
            .map(|asked| asked.within(bytes))
            .transpose()?;
        Ok(Self { form, range })
    }

    /// Whether this reads on in the midst of a document, or all of it in one go.
    pub(super) fn is_past_the_start(&self) -> bool {
        self.range.as_ref().is_none_or(|range| range.start > 0)
    }
}

/// The content as the headers want it, or as a fault spoils it.
pub(super) fn reply(
    document: &Document,
    kept: &mut Kept,
    headers: &Headers,
    fault: Option<StoreFault>,
) -> Result<Reply, Refusal> {
    let mut given = document.clone();
    match fault {
        Some(StoreFault::BadBinary) => return Ok(bad_binary(document)),
        Some(StoreFault::ZeroBytes) => given.spec.bytes = 0,
        Some(StoreFault::WrongSize) => given.spec.bytes -= given.spec.bytes.div_ceil(10),
        Some(StoreFault::WrongType) => {
            given.spec.media_type = fhir::another_type(&document.spec.media_type).to_owned();
        }
        Some(
            StoreFault::Refuse(_)
            | StoreFault::Locked
            | StoreFault::DeletedMeanwhile
            | StoreFault::TokenExpired
            | StoreFault::Reset
            | StoreFault::LoseAnswer
            | StoreFault::Silence
            | StoreFault::Truncate(_)
            | StoreFault::Slow(_)
            | StoreFault::Delay(_),
        )
        | None => {}
    }
    // Accept speaks of the type that the list says, Range of the bytes that there are.
    let wanted = Wanted::of(headers, &document.spec.media_type, &given)?;
    Ok(content(&given, kept, &wanted))
}

fn content(document: &Document, kept: &mut Kept, wanted: &Wanted) -> Reply {
    let spec = &document.spec;
    let (status, content_type, body) = match (wanted.form, &wanted.range) {
        (Form::Fhir, _) => {
            let start = binary_start(&document.number, &spec.media_type);
            let content = Content::base64(spec, start, BINARY_END);
            (200, FHIR_JSON, streamed(content))
        }
        (Form::Raw, None) => {
            let body = kept
                .content(document)
                .map_or_else(|| streamed(Content::raw(spec, 0, spec.bytes)), Body::Whole);
            (200, spec.media_type.as_str(), body)
        }
        (Form::Raw, Some(range)) => {
            let content = Content::raw(spec, range.start, range.end - range.start);
            (206, spec.media_type.as_str(), streamed(content))
        }
    };
    let mut headers = Headers::new().with("ETag", etag(document, wanted.form));
    if wanted.form == Form::Raw {
        headers.push("Accept-Ranges", "bytes");
    }
    if let Some(Range { start, end }) = wanted.range {
        let range = format!("bytes {start}-{}/{}", end - 1, spec.bytes);
        headers.push("Content-Range", range);
    }
    Reply {
        content_type: Some(content_type.to_owned()),
        headers,
        body,
        ..Reply::empty(status)
    }
}

fn streamed(content: Content) -> Body {
    Body::Content(Box::new(content))
}

/// A `Binary` that breaks off in its content, whatever was asked for.
fn bad_binary(document: &Document) -> Reply {
    let mut text = binary_start(&document.number, &document.spec.media_type);
    text.push_str("JVBERi0xLjc\\u00");
    Reply::whole(200, FHIR_JSON, text)
}

/// Why a document could never be delivered, if so.
pub(super) fn standing_refusal(document: &Document) -> Option<Refusal> {
    let id = &document.number;
    match document.missing? {
        MissingReason::UnsupportedType => Some(Refusal::new(
            Code::UnsupportedType,
            format!("document {id} is of a type that cannot be given"),
        )),
        MissingReason::NotFound => Some(Refusal::new(
            Code::NoRecordFound,
            format!("the content of document {id} is not found"),
        )),
        MissingReason::Undetermined => Some(Refusal::new(
            Code::Internal,
            format!("document {id} cannot be read"),
        )),
        // Their state says so.
        MissingReason::Deleted | MissingReason::Locked => None,
    }
}

fn etag(document: &Document, form: Form) -> String {
    let sha256 = document.digests.sha256;
    match form {
        Form::Raw => format!("\"{sha256}\""),
        Form::Fhir => format!("\"{sha256}-fhir\""),
    }
}

/// The first form in the order of `Accept` that the store has. Without one, and for `*/*`, FHIR.
fn form(headers: &Headers, media_type: &str) -> Result<Form, Refusal> {
    let Some(accept) = headers.get("Accept").filter(|text| !text.trim().is_empty()) else {
        return Ok(Form::Fhir);
    };
    accept
        .split(',')
        .find_map(|range| offered(range, media_type))
        .ok_or_else(|| {
            let why = format!(
                "Accept is {accept}: there is application/fhir+json, {media_type} and application/octet-stream"
            );
            Refusal::new(Code::NotAcceptable, why)
        })
}

fn offered(range: &str, media_type: &str) -> Option<Form> {
    let mut parts = range.split(';').map(str::trim);
    let essence = parts.next()?.to_ascii_lowercase();
    if parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000")) {
        return None;
    }
    let own = essence_of(media_type);
    let of_any_subtype = |text: &str| {
        (text.strip_suffix("/*")).is_some_and(|kind| own.split('/').next() == Some(kind))
    };
    match essence.as_str() {
        "*/*" | "application/fhir+json" | "application/json" | "application/json+fhir" => {
            Some(Form::Fhir)
        }
        "application/octet-stream" => Some(Form::Raw),
        other => (other == own || of_any_subtype(other)).then_some(Form::Raw),
    }
}

fn essence_of(media_type: &str) -> String {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.to_ascii_lowercase()
}

/// One range of bytes, as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    From(u64),
    FromTo(u64, u64),
    Last(u64),
}

/// A range that is not understood, and several at once, are as if they were not there (RFC 9110).
fn parse_range(text: &str) -> Option<Asked> {
    let (unit, range) = text.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse::<u64>().ok(),
        false => None,
    };
    match (first, last) {
        ("", last) => number(last).map(Asked::Last),
        (first, "") => number(first).map(Asked::From),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Asked::FromTo(first, last))
        }
    }
}

impl Asked {
    fn within(self, bytes: u64) -> Result<Range<u64>, Refusal> {
        let range = match self {
            Self::From(first) => first..bytes,
            Self::FromTo(first, last) => first..bytes.min(last.saturating_add(1)),
            Self::Last(count) => bytes.saturating_sub(count)..bytes,
        };
        if range.is_empty() {
            let why = format!("no byte of the range is in the {bytes} bytes of the document");
            return Err(Refusal::new(Code::RangeNotSatisfiable, why)
                .with_header("Content-Range", format!("bytes */{bytes}")));
        }
        Ok(range)
    }
}
