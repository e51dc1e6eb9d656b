//! The parts of a message, shortened to what people read.

use bytes::Bytes;
use gp2gp_model::Sha256;
use gp2gp_model::report::conversation::Part;
use gp2gp_model::trace::{Bodies, BodyRef};
use gp2gp_wire::mime;

use crate::check::view::RECORDED_FILE;

/// Text of an envelope or a payload that is shown: most are shorter, and a record is seen to be one.
const TEXT_SHOWN: usize = 6_000;

/// Text of an attachment that is shown: enough to see of what kind it is.
const ATTACHMENT_SHOWN: usize = 240;

/// Parts that are shown; a message of a hundred attachments is not read to its end.
const PARTS_SHOWN: usize = 12;

/// Parts of a body; one that cannot be split is its own only part.
pub(super) fn of(bodies: &dyn Bodies, content_type: &str, body: &BodyRef) -> Vec<Part> {
    let Some(bytes) = bodies.body(&body.sha256) else {
        return Vec::new();
    };
    let split = match content_type {
        RECORDED_FILE => mime::split_bare(&bytes),
        other => mime::split(other, &bytes),
    };
    let Ok(multipart) = split else {
        return vec![part("body", &[], &bytes, TEXT_SHOWN)];
    };
    let parts = multipart.parts.iter().take(PARTS_SHOWN).enumerate();
    parts
        .map(|(at, it)| match at {
            0 => part("part 1, ebXML envelope", &it.headers, &it.body, TEXT_SHOWN),
            1 => part("part 2, HL7 payload", &it.headers, &it.body, TEXT_SHOWN),
            other => {
                let name = format!("part {}, attachment", other + 1);
                part(&name, &it.headers, &it.body, ATTACHMENT_SHOWN)
            }
        })
        .collect()
}

fn part(name: &str, headers: &[(String, String)], body: &Bytes, most: usize) -> Part {
    let (excerpt, shown) = excerpt(body, most);
    Part {
        name: name.to_owned(),
        headers: headers.to_vec(),
        body: BodyRef {
            sha256: Sha256::of(body),
            bytes: body.len() as u64,
        },
        excerpt,
        left_out_bytes: (body.len() - shown) as u64,
    }
}

/// The beginning as text and how many bytes of the body that is. What is no text is not shown.
fn excerpt(body: &[u8], most: usize) -> (String, usize) {
    let start = body.get(..most.min(body.len())).unwrap_or_default();
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // Cut through a letter.
        Err(error) if error.error_len().is_none() => {
            let whole = start.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(whole).unwrap_or_default()
        }
        Err(_) => return (String::new(), 0),
    };
    let is_shown = |letter: char| !letter.is_control() || matches!(letter, '\n' | '\t' | '\r');
    let shown = text
        .chars()
        .map(|it| if is_shown(it) { it } else { '\u{FFFD}' });
    (shown.collect(), text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_ends_before_a_letter_that_would_be_cut() {
        assert_eq!(excerpt("aé".as_bytes(), 2), ("a".to_owned(), 1));
        assert_eq!(excerpt("aé".as_bytes(), 3), ("aé".to_owned(), 3));
        assert_eq!(excerpt(b"", 5), (String::new(), 0));
    }

    #[test]
    fn what_is_no_text_is_not_shown_and_controls_are_replaced() {
        assert_eq!(excerpt(b"\xFF\xD8\xFF", 10), (String::new(), 0));
        assert_eq!(
            excerpt(b"a\x1b[31m\n", 10),
            ("a\u{FFFD}[31m\n".to_owned(), 7)
        );
    }

    #[test]
    fn a_body_that_cannot_be_split_is_its_only_part() {
        let body = Bytes::from_static(b"{\"ebXML\": 1}");
        let sha256 = Sha256::of(&body);
        let bodies = std::collections::BTreeMap::from([(sha256, body)]);
        let parts = of(&bodies, "application/json", &BodyRef { sha256, bytes: 12 });
        assert_eq!(parts.len(), 1);
        assert_eq!(
            (parts[0].name.as_str(), parts[0].left_out_bytes),
            ("body", 0)
        );
        let gone = Sha256::of(b"another");
        assert!(
            of(
                &bodies,
                "text/xml",
                &BodyRef {
                    sha256: gone,
                    bytes: 1
                }
            )
            .is_empty()
        );
    }
}
