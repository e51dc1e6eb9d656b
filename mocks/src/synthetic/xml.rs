//! Text as XML and as a part of a URL.

use std::fmt;

/// A text with the characters escaped that mean something in XML content or in a quoted
/// attribute.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = position(rest.as_bytes(), is_special) {
            let (plain, special) = rest.split_at(at);
            f.write_str(plain)?;
            f.write_str(match special.as_bytes().first() {
                Some(b'&') => "&amp;",
                Some(b'<') => "&lt;",
                Some(b'>') => "&gt;",
                _ => "&quot;",
            })?;
            rest = special.get(1..).unwrap_or_default();
        }
        f.write_str(rest)
    }
}

const fn is_special(byte: u8) -> bool {
    matches!(byte, b'&' | b'<' | b'>' | b'"')
}

/// Where the first byte of this sort stands. Looks at 32 bytes at a time without branching,
/// which the compiler turns into vector instructions: text is mostly plain.
pub(super) fn position(bytes: &[u8], is_sort: impl Fn(u8) -> bool) -> Option<usize> {
    let any = |chunk: &[u8]| chunk.iter().fold(false, |any, &byte| any | is_sort(byte));
    let (nth, chunk) = bytes.chunks(32).enumerate().find(|(_, chunk)| any(chunk))?;
    let within = chunk.iter().position(|&byte| is_sort(byte))?;
    Some(nth * 32 + within)
}

/// A file name as a path segment of a URL: what RFC 3986 does not call unreserved is
/// percent-encoded (AR16 decodes it).
pub(super) struct PercentEncoded<'a>(pub(super) &'a str);

impl fmt::Display for PercentEncoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.bytes().try_for_each(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                write!(f, "{}", char::from(byte))
            }
            _ => write!(f, "%{byte:02X}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_specials_are_escaped() {
        assert_eq!(
            Escaped("BP < 140/90 & \"é\" >").to_string(),
            "BP &lt; 140/90 &amp; &quot;é&quot; &gt;"
        );
    }

    #[test]
    fn file_names_are_percent_encoded_where_needed() {
        assert_eq!(PercentEncoded("A_b-1.tif").to_string(), "A_b-1.tif");
        assert_eq!(
            PercentEncoded("a b&c=é%20.tif").to_string(),
            "a%20b%26c%3D%C3%A9%2520.tif"
        );
    }
}
