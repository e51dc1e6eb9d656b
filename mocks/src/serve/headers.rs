//! Headers between peers and sockets.

use gp2gp_model::http::Headers;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

/// `SOAPAction`.
pub(super) const SOAP_ACTION: HeaderName = HeaderName::from_static("soapaction");

/// What peers do not see among their headers: what has a field of its own, and what belongs to
/// the connection or is the business of the HTTP library.
const NOT_CARRIED: [HeaderName; 10] = [
    SOAP_ACTION,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONNECTION,
    header::DATE,
    header::EXPECT,
    header::HOST,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// The headers that a peer sees.
pub(super) fn carried(headers: &HeaderMap) -> Headers {
    (headers.iter())
        .filter(|(name, _)| !NOT_CARRIED.contains(name))
        .map(|(name, value)| (name.as_str(), lossy(value)))
        .collect()
}

/// Puts the headers of a peer on the wire, except those that are not its business. What no
/// header can be called is left out.
pub(super) fn write(from: &Headers, to: &mut HeaderMap) {
    for (name, value) in from.iter() {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            continue;
        };
        if !NOT_CARRIED.contains(&name) {
            to.append(name, value_of(value));
        }
    }
}

/// The text of one header.
pub(super) fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(lossy)
}

/// The text without what would break the header block.
pub(super) fn value_of(text: &str) -> HeaderValue {
    let sendable: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_control())
        .collect();
    HeaderValue::from_bytes(&sendable).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn lossy(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}
