//! Header blocks of MIME parts and HTTP requests, and the parameters of a `Content-Type`.

use bytes::Bytes;
use memchr::memchr;

use super::Part;
use crate::limits::MIME_HEADER_BYTES;

/// Longest piece of a refused line that an error shows, in characters.
const SHOWN_CHARS: usize = 80;

/// Why a header block cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderError {
    /// The line, shortened.
    #[error("header line `{0}` has no colon")]
    NoColon(String),
    #[error("more than {MIME_HEADER_BYTES} bytes of headers")]
    TooLong,
}

/// Reads a header block and what follows it.
///
/// The block ends at a blank line, at the end of the text, or at a line that starts with `<`:
/// real messages leave the blank line out before their XML.
pub(crate) fn read_headers(text: &Bytes) -> Result<Part, HeaderError> {
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        if let Some(xml) = xml_start(rest, &headers) {
            return Ok(Part {
                headers,
                body: text.slice(at + xml..),
            });
        }
        let (line, next) = first_line(rest);
        if at + next > MIME_HEADER_BYTES {
            return Err(HeaderError::TooLong);
        }
        at += next;
        if line.trim_ascii().is_empty() {
            return Ok(Part {
                headers,
                body: text.slice(at..),
            });
        }
        add_line(&mut headers, line).ok_or_else(|| no_colon(line))?;
    }
}

/// Offset of a `<` that stands where a header line should start. A folded value may also start
/// with `<` (a content id): then the header before it is still without a value.
fn xml_start(rest: &[u8], headers: &[(String, String)]) -> Option<usize> {
    let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
    let folded = blanks > 0 && headers.last().is_some_and(|(_, value)| value.is_empty());
    (rest.get(blanks) == Some(&b'<') && !folded).then_some(blanks)
}

/// The first line without its line end, and where the next one starts.
fn first_line(text: &[u8]) -> (&[u8], usize) {
    let (line, next) = match memchr(b'\n', text) {
        Some(end) => (text.get(..end).unwrap_or_default(), end + 1),
        None => (text, text.len()),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), next)
}

fn add_line(headers: &mut Vec<(String, String)>, line: &[u8]) -> Option<()> {
    let line = String::from_utf8_lossy(line);
    if line.starts_with([' ', '\t']) {
        let (_, value) = headers.last_mut()?;
        if !value.is_empty() {
            value.push(' ');
        }
        value.push_str(line.trim());
    } else {
        let (name, value) = line.split_once(':')?;
        let name = Some(name.trim()).filter(|name| !name.is_empty())?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Some(())
}

fn no_colon(line: &[u8]) -> HeaderError {
    HeaderError::NoColon(
        String::from_utf8_lossy(line)
            .chars()
            .take(SHOWN_CHARS)
            .collect(),
    )
}

pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// A parameter of a `Content-Type` header, unquoted: `parameter(ct, "boundary")`.
pub fn parameter(content_type: &str, name: &str) -> Option<String> {
    split_outside_quotes(content_type)
        .skip(1)
        .filter_map(|segment| segment.split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| unquote(value.trim()))
}

fn split_outside_quotes(text: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && !escaped && c == '\\';
        c == ';' && !quoted
    })
}

/// What a quoted value holds; whatever follows the closing quote is dropped.
fn unquote(value: &str) -> String {
    let Some(quoted) = value.strip_prefix('"') else {
        return value.to_owned();
    };
    let mut text = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => text.extend(chars.next()),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &'static str) -> Part {
        read_headers(&Bytes::from_static(text.as_bytes())).unwrap()
    }

    #[test]
    fn parameters_are_found_quoted_and_unquoted_in_any_case_and_order() {
        let mhs = r#"multipart/related; boundary="--=_MIME-Boundary"; type=text/xml; start=ebXMLHeader@spine.nhs.uk"#;
        assert_eq!(parameter(mhs, "boundary").unwrap(), "--=_MIME-Boundary");
        assert_eq!(parameter(mhs, "start").unwrap(), "ebXMLHeader@spine.nhs.uk");
        assert_eq!(parameter(mhs, "charset"), None);
        let odd = r#"Multipart/Related;START="<a;b=\"c\">" ; Boundary = x"#;
        assert_eq!(parameter(odd, "start").unwrap(), r#"<a;b="c">"#);
        assert_eq!(parameter(odd, "boundary").unwrap(), "x");
        assert_eq!(parameter("boundary=x", "boundary"), None);
    }

    #[test]
    fn headers_are_unfolded_and_keep_their_order() {
        let part = read(
            "content-ID:\r\n <a@b>\r\nContent-Type: text/xml;\r\n\tcharset=UTF-8\r\n\r\nbody\r\n",
        );
        assert_eq!(
            part.headers,
            [
                ("content-ID".to_owned(), "<a@b>".to_owned()),
                (
                    "Content-Type".to_owned(),
                    "text/xml; charset=UTF-8".to_owned()
                )
            ]
        );
        assert_eq!(part.content_id().unwrap().as_str(), "a@b");
        assert_eq!(part.body, "body\r\n");
    }

    #[test]
    fn xml_without_a_blank_line_before_it_is_the_body() {
        let part = read("Content-Id: <soappart>\r\n\t<E:Envelope>\r\n</E:Envelope>");
        assert_eq!(part.content_id().unwrap().as_str(), "soappart");
        assert_eq!(part.body, "<E:Envelope>\r\n</E:Envelope>");
        assert_eq!(read("<a/>").body, "<a/>");
    }

    #[test]
    fn a_block_without_a_blank_line_has_an_empty_body() {
        assert_eq!(read("A: b").body, "");
        assert_eq!(read("").headers, []);
    }

    #[test]
    fn a_line_that_is_no_header_is_refused_by_its_text() {
        let error = read_headers(&Bytes::from_static(b"A: b\nno header\n\n")).unwrap_err();
        assert_eq!(error.to_string(), "header line `no header` has no colon");
        assert!(read_headers(&Bytes::from_static(b" folded: into nothing\n\n")).is_err());
        assert!(read_headers(&Bytes::from_static(b": nameless\n\n")).is_err());
    }

    #[test]
    fn an_endless_header_block_is_refused() {
        let endless = Bytes::from("A: b\n".repeat(10_000));
        let error = read_headers(&endless).unwrap_err();
        assert_eq!(error, HeaderError::TooLong);
    }

    proptest! {
        #[test]
        fn a_quoted_parameter_survives(value in "[ -~]{0,40}") {
            let quoted = value.replace('\\', r"\\").replace('"', "\\\"");
            let content_type = format!("multipart/related; a=\"{quoted}\"; b=c");
            prop_assert_eq!(parameter(&content_type, "a").unwrap(), value);
            prop_assert_eq!(parameter(&content_type, "B").unwrap(), "c");
        }
    }
}
