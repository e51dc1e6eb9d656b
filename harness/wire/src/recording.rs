//! Recorded messages in files: raw HTTP requests, bare MIME, or the JSON form.

use bytes::Bytes;
use memchr::memchr;

use crate::mime::{self, MimeError, Multipart};
use crate::{OpenError, Received, message, mhs_json};

/// The form in which a message was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Request line, headers, body.
    RawHttp,
    /// The multipart body alone, possibly behind a few foreign bytes.
    BareMime,
    /// The JSON form of a message handler.
    MhsJson,
}

/// A recorded message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// How it was recorded.
    pub form: Form,
    /// `SOAPAction`, unquoted, only of a raw HTTP request.
    pub soap_action: Option<String>,
    /// The HTTP `Content-Type`, only of a raw HTTP request.
    pub content_type: Option<String>,
    /// Length of the multipart body as recorded; `None` for the JSON form.
    pub body_bytes: Option<usize>,
    /// The message.
    pub received: Received,
}

/// Finds out which form a file has and reads it. Content-Length is not trusted: line ends do not
/// always survive a recording.
pub fn read(file: &Bytes) -> Result<Recorded, OpenError> {
    match form(file) {
        Form::RawHttp => read_http(file),
        Form::BareMime => read_bare(file),
        Form::MhsJson => read_json(file),
    }
}

fn form(file: &[u8]) -> Form {
    if file.trim_ascii_start().starts_with(b"{") {
        Form::MhsJson
    } else if is_request_line(first_line(file)) {
        Form::RawHttp
    } else {
        Form::BareMime
    }
}

fn read_http(file: &Bytes) -> Result<Recorded, OpenError> {
    let headers_start = first_line(file).len() + 1;
    let request = mime::read_headers(&file.slice(headers_start.min(file.len())..))
        .map_err(|error| OpenError::Unrecognised(format!("http request: {error}")))?;
    let content_type = request.header("content-type").map(str::to_owned);
    let soap_action = request
        .header("soapaction")
        .map(|action| action.trim_matches('"').to_owned());
    let multipart = match &content_type {
        Some(content_type) => mime::split(content_type, &request.body)?,
        None => split_bare(&request.body)?,
    };
    Ok(Recorded {
        form: Form::RawHttp,
        soap_action,
        content_type,
        body_bytes: Some(request.body.len()),
        received: message::from_parts(multipart)?,
    })
}

fn read_bare(file: &Bytes) -> Result<Recorded, OpenError> {
    Ok(Recorded {
        form: Form::BareMime,
        soap_action: None,
        content_type: None,
        body_bytes: Some(file.len()),
        received: message::from_parts(split_bare(file)?)?,
    })
}

fn read_json(file: &[u8]) -> Result<Recorded, OpenError> {
    Ok(Recorded {
        form: Form::MhsJson,
        soap_action: None,
        content_type: None,
        body_bytes: None,
        received: mhs_json::open(file)?,
    })
}

fn split_bare(body: &Bytes) -> Result<Multipart, OpenError> {
    mime::split_bare(body).map_err(|error| {
        if let MimeError::NoBoundaryLine { .. } = error {
            OpenError::Unrecognised(format!(
                "neither an http request, nor the json form, nor multipart: {error}"
            ))
        } else {
            OpenError::Mime(error)
        }
    })
}

fn first_line(file: &[u8]) -> &[u8] {
    let end = memchr(b'\n', file).unwrap_or(file.len());
    file.get(..end).unwrap_or_default()
}

/// `POST /path HTTP/1.1`.
fn is_request_line(line: &[u8]) -> bool {
    let mut words = line.trim_ascii_end().split(|byte| *byte == b' ');
    let method = words.next().unwrap_or_default();
    let version = words.nth(1).unwrap_or_default();
    !method.is_empty() && method.iter().all(u8::is_ascii_uppercase) && version.starts_with(b"HTTP/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_told_from_the_first_bytes() {
        assert_eq!(
            form(b"POST /reliablemessaging HTTP/1.1\r\nA: b\r\n"),
            Form::RawHttp
        );
        assert_eq!(form(b"POST office\n--b\n"), Form::BareMime);
        assert_eq!(form(b" \n{\"ebXML\": \"\"}"), Form::MhsJson);
        assert_eq!(form(b""), Form::BareMime);
    }

    #[test]
    fn a_file_without_any_form_is_named_unrecognised() {
        let error = read(&Bytes::from_static(b"a letter")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "neither an http request, nor the json form, nor multipart: \
             no line of the 8 bytes of the body is a boundary followed by a header"
        );
    }

    #[test]
    fn a_request_with_a_broken_header_is_named_so() {
        let file = Bytes::from_static(b"POST / HTTP/1.1\nno header\n\n");
        let error = read(&file).unwrap_err();
        assert_eq!(
            error.to_string(),
            "http request: header line `no header` has no colon"
        );
    }
}
