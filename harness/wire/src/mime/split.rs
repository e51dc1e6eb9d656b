//! Finds the boundary lines of a body. One search for `\n--boundary` does nearly all the work,
//! so the size of the attachments costs next to nothing.

use bytes::Bytes;
use memchr::{memchr, memmem};

use super::header::{HeaderError, is_blank};
use super::{MimeError, Multipart, Part, parameter, read_headers};
use crate::limits::{MIME_HEADER_BYTES, MIME_PARTS};

/// Splits `body` at the boundary that `content_type` names.
///
/// If the first boundary line ends in CRLF, so does the line end that belongs to each following
/// boundary; otherwise only the LF does, and a CR before it is content.
pub fn split(content_type: &str, body: &Bytes) -> Result<Multipart, MimeError> {
    let media_type = content_type.split(';').next().unwrap_or(content_type);
    if !media_type.trim().eq_ignore_ascii_case("multipart/related") {
        return Err(MimeError::NotMultipart(content_type.to_owned()));
    }
    let boundary = boundary_of(content_type)?;
    let delimiters = Delimiters::new(&boundary, body);
    let first = delimiters
        .at_start_of_a_line()
        .ok_or_else(|| not_found(&boundary, body))?;
    let parts = delimiters.parts(first)?;
    Ok(Multipart {
        start: parameter(content_type, "start"),
        parts,
    })
}

/// Splits a body whose Content-Type was not recorded: the first line that starts with `--` and
/// is followed by a header line is taken as the boundary; anything before it is preamble.
///
/// If a `multipart/related` content type stands in the preamble, its boundary is taken, and the
/// first one may begin inside a line: recordings glue both together.
pub fn split_bare(body: &Bytes) -> Result<Multipart, MimeError> {
    let content_type_finder = memmem::Finder::new("multipart/related");
    for (at, line) in lines(body) {
        if let Some(glued) = content_type_finder
            .find(line)
            .and_then(|start| line.get(start..))
        {
            let content_type = String::from_utf8_lossy(glued);
            let boundary = boundary_of(&content_type)?;
            return split_from(at, &boundary, parameter(&content_type, "start"), body);
        }
        if let Some(boundary) = line.strip_prefix(b"--").and_then(boundary_line) {
            let next_line = body.get(at + line.len() + 1..).unwrap_or_default();
            if starts_with_header(next_line) {
                return split_from(at, boundary, None, body);
            }
        }
    }
    Err(MimeError::NoBoundaryLine { bytes: body.len() })
}

fn split_from(
    at: usize,
    boundary: &str,
    start: Option<String>,
    body: &Bytes,
) -> Result<Multipart, MimeError> {
    let delimiters = Delimiters::new(boundary, body);
    let first = delimiters
        .anywhere_after(at)
        .ok_or_else(|| not_found(boundary, body))?;
    Ok(Multipart {
        start,
        parts: delimiters.parts(first)?,
    })
}

fn boundary_of(content_type: &str) -> Result<String, MimeError> {
    parameter(content_type, "boundary")
        .map(|boundary| boundary.trim_end().to_owned())
        .filter(|boundary| !boundary.is_empty())
        .ok_or_else(|| MimeError::NoBoundary(content_type.to_owned()))
}

fn not_found(boundary: &str, body: &Bytes) -> MimeError {
    MimeError::BoundaryNotFound {
        boundary: boundary.to_owned(),
        bytes: body.len(),
    }
}

/// A boundary line. Offsets into the body.
#[derive(Clone, Copy)]
struct Delimiter {
    /// Of the LF before it, or of the line itself where nothing is before it.
    before: usize,
    /// Of the LF that ends it, or the end of the body.
    after: usize,
    /// It is `--boundary--`.
    closing: bool,
}

struct Delimiters<'a> {
    body: &'a Bytes,
    boundary: &'a str,
    /// Searches `\n--boundary`.
    finder: memmem::Finder<'static>,
}

impl<'a> Delimiters<'a> {
    fn new(boundary: &'a str, body: &'a Bytes) -> Self {
        let needle = format!("\n--{boundary}");
        Self {
            body,
            boundary,
            finder: memmem::Finder::new(&needle).into_owned(),
        }
    }

    /// The first delimiter of a body that begins with it or has a preamble before it.
    fn at_start_of_a_line(&self) -> Option<Delimiter> {
        let marker = self.marker();
        let direct = self
            .body
            .starts_with(marker)
            .then(|| self.delimiter(0, marker.len()));
        direct.flatten().or_else(|| self.next(0))
    }

    /// The first delimiter at `from` or later, wherever in its line it starts.
    fn anywhere_after(&self, from: usize) -> Option<Delimiter> {
        let marker = self.marker();
        memmem::find_iter(self.body.get(from..)?, marker)
            .find_map(|at| self.delimiter(from + at, from + at + marker.len()))
    }

    /// The first delimiter whose preceding LF is at `from` or later.
    fn next(&self, from: usize) -> Option<Delimiter> {
        let length = self.finder.needle().len();
        self.finder
            .find_iter(self.body.get(from..)?)
            .find_map(|at| self.delimiter(from + at, from + at + length))
    }

    /// A delimiter, if nothing but `--` and blanks stands between `rest` and the end of its line.
    fn delimiter(&self, before: usize, rest: usize) -> Option<Delimiter> {
        let text = self.body.get(rest..)?;
        let closing = text.starts_with(b"--");
        let dashes = if closing { 2 } else { 0 };
        let blanks = text
            .iter()
            .skip(dashes)
            .take_while(|byte| is_blank(**byte))
            .count();
        let end = match text.get(dashes + blanks..)? {
            [] | [b'\n', ..] => 0,
            [b'\r', b'\n', ..] | [b'\r'] => 1,
            [..] => return None,
        };
        Some(Delimiter {
            before,
            after: rest + dashes + blanks + end,
            closing,
        })
    }

    fn parts(&self, first: Delimiter) -> Result<Vec<Part>, MimeError> {
        let crlf = self.byte_before(first.after) == Some(b'\r');
        let mut parts = Vec::new();
        let mut opening = first;
        while !opening.closing {
            let number = parts.len() + 1;
            if number > MIME_PARTS {
                return Err(MimeError::TooManyParts { limit: MIME_PARTS });
            }
            let ending = self
                .next(opening.after)
                .ok_or_else(|| MimeError::Unclosed {
                    part: number,
                    boundary: self.boundary.to_owned(),
                })?;
            let has_cr = crlf && self.byte_before(ending.before) == Some(b'\r');
            let end = ending.before - usize::from(has_cr);
            let text = self.body.slice(end.min(opening.after + 1)..end);
            parts.push(part(number, &text)?);
            opening = ending;
        }
        if parts.is_empty() {
            return Err(MimeError::NoParts {
                boundary: self.boundary.to_owned(),
            });
        }
        Ok(parts)
    }

    fn marker(&self) -> &[u8] {
        self.finder.needle().get(1..).unwrap_or_default()
    }

    fn byte_before(&self, at: usize) -> Option<u8> {
        self.body.get(at.checked_sub(1)?).copied()
    }
}

fn part(number: usize, text: &Bytes) -> Result<Part, MimeError> {
    let part = read_headers(text).map_err(|error| match error {
        HeaderError::NoColon(line) => MimeError::BadHeader { part: number, line },
        HeaderError::TooLong => MimeError::HeadersTooLong {
            part: number,
            limit: MIME_HEADER_BYTES,
        },
    })?;
    match part.media_type() {
        Some(media_type) if media_type.starts_with("multipart/") => {
            Err(MimeError::Nested { part: number })
        }
        Some(_) | None => Ok(part),
    }
}

/// Lines without their LF, each with its offset.
fn lines(body: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let at = next?;
        let text = body.get(at..)?;
        let length = memchr(b'\n', text);
        next = length.map(|length| at + length + 1);
        Some((at, text.get(..length.unwrap_or(text.len()))?))
    })
}

/// The boundary of a line that has lost its `--`: printable ASCII, trailing blanks dropped.
fn boundary_line(line: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(line.trim_ascii_end()).ok()?;
    let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    (printable && !text.is_empty()).then_some(text)
}

fn starts_with_header(text: &[u8]) -> bool {
    let name_length = text
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-')
        .count();
    name_length > 0 && text.get(name_length) == Some(&b':')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{LineEnd, join};
    use super::*;

    const CONTENT_TYPE: &str = "multipart/related; boundary=\"b\"; start=\"<x>\"";

    fn bodies(text: &str) -> Result<Vec<String>, MimeError> {
        let multipart = split(CONTENT_TYPE, &Bytes::from(text.to_owned()))?;
        let text = |part: Part| String::from_utf8(part.body.to_vec()).unwrap();
        Ok(multipart.parts.into_iter().map(text).collect())
    }

    #[test]
    fn preamble_and_epilogue_are_dropped_with_either_line_end() {
        assert_eq!(
            bodies("preamble\n--b\nA: 1\n\none\n--b\nA: 2\n\ntwo\n--b--\nepilogue\n--b\n").unwrap(),
            ["one", "two"]
        );
        assert_eq!(
            bodies("--b\r\nA: 1\r\n\r\none\r\n\r\n--b\r\n\r\n\r\n--b--").unwrap(),
            ["one\r\n", ""]
        );
    }

    #[test]
    fn a_carriage_return_before_the_boundary_is_content_where_lines_end_in_lf() {
        assert_eq!(bodies("--b\n\none\r\n--b--\n").unwrap(), ["one\r"]);
        assert_eq!(bodies("--b\r\n\r\none\n--b--\n").unwrap(), ["one"]);
    }

    #[test]
    fn a_boundary_is_a_whole_line() {
        let text = "--b  \n\n--bb\n--b-\n--b --\n --b\nx--b\n--b--c\n--b-- \t\n";
        assert_eq!(
            bodies(text).unwrap(),
            ["--bb\n--b-\n--b --\n --b\nx--b\n--b--c"]
        );
    }

    #[test]
    fn parts_share_the_memory_of_the_body() {
        let body = Bytes::from(format!("--b\nA: 1\n\n{}\n--b--", "Q".repeat(1000)));
        let multipart = split(CONTENT_TYPE, &body).unwrap();
        assert_eq!(multipart.start.as_deref(), Some("<x>"));
        assert!(
            body.as_ptr_range()
                .contains(&multipart.parts[0].body.as_ptr())
        );
    }

    #[test]
    fn what_is_not_multipart_is_refused_by_name() {
        let refused = |content_type: &str, text: &str| {
            split(content_type, &Bytes::from(text.to_owned()))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            refused("text/xml", ""),
            "content type `text/xml` is not multipart/related"
        );
        assert_eq!(
            refused("multipart/related; boundary=\"\"", ""),
            "content type `multipart/related; boundary=\"\"` has no boundary parameter"
        );
        assert_eq!(
            refused(CONTENT_TYPE, "no boundary"),
            "boundary `b` does not occur at the start of any line of the 11 bytes of the body"
        );
        assert_eq!(
            refused(CONTENT_TYPE, "--b\n\none\n--b\n\ntwo\n"),
            "body ends in part 2 without the closing boundary `--b--`"
        );
        assert_eq!(
            refused(CONTENT_TYPE, "--b\n\n--b\nno header\n--b--\n"),
            "part 2: header line `no header` has no colon"
        );
        assert_eq!(
            refused(CONTENT_TYPE, "--b--\n"),
            "body has no part before the closing boundary `--b--`"
        );
        assert_eq!(
            refused(
                CONTENT_TYPE,
                "--b\nContent-Type: Multipart/Mixed; boundary=c\n\n--b--\n"
            ),
            "part 1 is itself multipart"
        );
    }

    #[test]
    fn a_hundred_thousand_parts_are_refused() {
        let error = bodies(&format!("{}--b--", "--b\n\n\n".repeat(100_000))).unwrap_err();
        assert_eq!(error, MimeError::TooManyParts { limit: MIME_PARTS });
    }

    #[test]
    fn a_bare_body_names_its_own_boundary() {
        let body =
            Bytes::from_static(b"junk\n--not followed by a header\n\n--b\nA: 1\n\none\n--b--");
        let multipart = split_bare(&body).unwrap();
        assert_eq!(multipart.parts.len(), 1);
        assert_eq!(multipart.parts[0].body, "one");
        assert_eq!(
            split_bare(&Bytes::from_static(b"--b\nnothing")).unwrap_err(),
            MimeError::NoBoundaryLine { bytes: 11 }
        );
    }

    #[test]
    fn a_boundary_glued_to_a_recorded_content_type_is_found() {
        let body = b"\xfeA@multipart/related;boundary=\"-=b\";start=\"x\"Sw\xff---=b\nA: 1\n\none\n---=b--";
        let multipart = split_bare(&Bytes::from_static(body)).unwrap();
        assert_eq!(multipart.start.as_deref(), Some("x"));
        assert_eq!(multipart.parts[0].body, "one");
    }

    fn part() -> impl Strategy<Value = Part> {
        let header = (
            "[A-Za-z][A-Za-z-]{0,12}",
            "[!-;=-~]?|[!-;=-~][ -~é]{0,20}[!-~]",
        );
        let header = header.prop_filter("nested multipart is refused", |(name, _)| {
            !name.eq_ignore_ascii_case("content-type")
        });
        let line = prop_oneof![
            "[ -~]{0,20}",
            Just("--".into()),
            "--[a-z]{1,3}(--)?",
            "<[a-z]"
        ];
        let line_end = prop::sample::select(vec!["\n", "\r\n", "\r"]);
        let body = prop::collection::vec((line, line_end), 0..6).prop_map(|lines| {
            Bytes::from(
                lines
                    .iter()
                    .map(|(line, end)| format!("{line}{end}"))
                    .collect::<String>(),
            )
        });
        (prop::collection::vec(header, 0..4), body)
            .prop_map(|(headers, body)| Part { headers, body })
    }

    proptest! {
        #[test]
        fn split_gives_back_what_was_joined(
            parts in prop::collection::vec(part(), 1..6),
            line_end in prop::sample::select(vec![LineEnd::Lf, LineEnd::CrLf]),
        ) {
            let body = join("--=_long/boundary", line_end, &parts);
            let content_type = "multipart/related;boundary=\"--=_long/boundary\"";
            prop_assert_eq!(&split(content_type, &body).unwrap().parts, &parts);
        }

        #[test]
        fn no_text_makes_a_split_panic(text in "(--|b|\n|\r\n|: |<|[ -~]|\\PC){0,60}") {
            let body = Bytes::from(text);
            let _ = split(CONTENT_TYPE, &body);
            let _ = split_bare(&body);
        }
    }
}
