//! The parts of a message and the bodies of a call, shortened to what people read.

use bytes::Bytes;
use gp2gp_model::Sha256;
use gp2gp_model::http::Headers;
use gp2gp_model::report::conversation::{Depth, Part};
use gp2gp_model::trace::{Bodies, BodyRef};
use gp2gp_wire::mime;

use crate::check::view::RECORDED_FILE;

/// Text of an envelope or a payload that is shown: most are shorter, and a record is seen to be one.
const TEXT_SHOWN: usize = 6_000;

/// Text of an attachment that is shown: enough to see of what kind it is.
const ATTACHMENT_SHOWN: usize = 240;

/// Body of a call that is shown: there are many calls, and each says little.
const CALL_SHOWN: usize = 2_000;

/// Bodies of calls above this are opened only if they say that they are text: most are documents.
const OPENED_BYTES: u64 = 64_000;

/// Headers of calls whose values are not shown.
const SECRET: [&str; 4] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
];

/// JSON in one line is broken into lines down to this depth: deeper, blanks would be most of it.
const DEEPEST: usize = 12;

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

/// What a call carries in one direction.
pub(super) struct Carried<'a> {
    pub(super) content_type: Option<&'a str>,
    pub(super) headers: &'a Headers,
    pub(super) body: BodyRef,
}

/// The request of a call, or its answer.
pub(super) fn of_call(
    name: String,
    carried: &Carried<'_>,
    bodies: &dyn Bodies,
    depth: Depth,
) -> Part {
    let Carried {
        content_type,
        headers,
        body,
    } = carried;
    let content_type = content_type.map(|it| ("content-type".to_owned(), it.to_owned()));
    let others = headers.iter();
    let others = others.map(|(name, value)| (name.to_owned(), told(name, value)));
    let opened = match depth {
        Depth::Brief => None,
        Depth::Whole => Some(body)
            .filter(|body| body.bytes <= OPENED_BYTES || is_told_text(carried.content_type))
            .and_then(|body| bodies.body(&body.sha256)),
    };
    let (excerpt, shown) = opened.map_or_else(Default::default, |it| excerpt(&it, CALL_SHOWN));
    Part {
        name,
        headers: content_type.into_iter().chain(others).collect(),
        body: *body,
        excerpt: in_lines(excerpt),
        left_out_bytes: body.bytes.saturating_sub(shown as u64),
    }
}

/// The value of a header. What lets anybody in who has it is not for a page that goes from hand to hand.
fn told(name: &str, value: &str) -> String {
    if !SECRET.iter().any(|it| name.eq_ignore_ascii_case(it)) {
        return value.to_owned();
    }
    let scheme = value.split_once(' ').map_or("", |(scheme, _)| scheme);
    format!("{scheme} ({} bytes, in the trace)", value.len())
        .trim_start()
        .to_owned()
}

fn is_told_text(content_type: Option<&str>) -> bool {
    let told = content_type.unwrap_or_default().to_ascii_lowercase();
    ["text/", "json", "xml"].iter().any(|it| told.contains(it))
}

/// JSON and XML that are written in one line, in many.
fn in_lines(text: String) -> String {
    if text.contains('\n') {
        return text;
    }
    match text.trim_start().chars().next() {
        Some('{' | '[') => json_in_lines(&text),
        Some('<') => text.replace("><", ">\n<"),
        Some(_) | None => text,
    }
}

/// Breaks what may be cut off, or no JSON at all, so that nothing but blanks outside of texts is another afterwards.
fn json_in_lines(text: &str) -> String {
    let mut lines = String::new();
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if is_text {
            lines.push(letter);
            is_text = is_escaped || letter != '"';
            is_escaped = letter == '\\' && !is_escaped;
            continue;
        }
        match letter {
            '"' => {
                is_text = true;
                lines.push('"');
            }
            '{' | '[' => {
                lines.push(letter);
                while letters.next_if(|it| it.is_whitespace()).is_some() {}
                depth += 1;
                if letters.peek().is_some_and(|it| !matches!(it, '}' | ']')) {
                    break_line(&mut lines, depth);
                }
            }
            '}' | ']' => {
                let is_empty = lines.ends_with(['{', '[']);
                depth = depth.saturating_sub(1);
                if !is_empty {
                    break_line(&mut lines, depth);
                }
                lines.push(letter);
            }
            ',' => {
                lines.push(',');
                break_line(&mut lines, depth);
            }
            ':' => lines.push_str(": "),
            other if other.is_whitespace() => {}
            other => lines.push(other),
        }
    }
    lines
}

fn break_line(lines: &mut String, depth: usize) {
    if depth <= DEEPEST {
        lines.push('\n');
        (0..depth).for_each(|_| lines.push_str("  "));
    }
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
    fn json_in_one_line_is_shown_in_many_and_says_the_same() {
        let told = r#"{"a":[1,{"b":"x, {y}: \"z\\"}],"c":{},"d":[ ]}"#;
        let lines = in_lines(told.to_owned());
        assert_eq!(
            lines,
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"x, {y}: \\\"z\\\\\"\n    }\n  ],\n  \"c\": {},\n  \"d\": []\n}"
        );
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&lines), read(told));
        assert_eq!(in_lines("<a><b/></a>".to_owned()), "<a>\n<b/>\n</a>");
        assert_eq!(in_lines("{\n}".to_owned()), "{\n}", "it has lines");
    }

    #[test]
    fn json_that_is_cut_off_or_nested_beyond_reason_stays_short() {
        assert_eq!(in_lines("{\"a\":\"b".to_owned()), "{\n  \"a\": \"b");
        let deep = "[".repeat(CALL_SHOWN);
        assert!(in_lines(deep).len() < 2 * CALL_SHOWN);
        assert_eq!(in_lines("]]}".to_owned()), "]]}", "no JSON");
        assert_eq!(in_lines("{]]}".to_owned()), "{]\n]\n}");
    }

    #[test]
    fn a_token_is_not_shown_but_that_there_was_one() {
        assert_eq!(
            told("Authorization", "Bearer ey.J.x"),
            "Bearer (13 bytes, in the trace)"
        );
        assert_eq!(told("cookie", "a=b"), "(3 bytes, in the trace)");
        assert_eq!(told("accept", "text/plain"), "text/plain");
    }

    #[test]
    fn a_body_of_a_call_is_opened_where_all_is_shown_and_it_is_text() {
        let headers = Headers::default();
        let open = |content_type, body: &'static [u8], depth| {
            let (sha256, body) = (Sha256::of(body), Bytes::from_static(body));
            let carried = Carried {
                content_type: Some(content_type),
                headers: &headers,
                body: BodyRef {
                    sha256,
                    bytes: body.len() as u64,
                },
            };
            let bodies = std::collections::BTreeMap::from([(sha256, body)]);
            let part = of_call("request".to_owned(), &carried, &bodies, depth);
            (part.excerpt, part.left_out_bytes)
        };
        static LONG: [u8; 70_000] = [b'a'; 70_000];
        assert_eq!(
            open("application/fhir+json", b"[1]", Depth::Whole),
            ("[\n  1\n]".to_owned(), 0)
        );
        assert_eq!(
            open("application/fhir+json", b"[1]", Depth::Brief),
            (String::new(), 3)
        );
        assert_eq!(
            open("image/tiff", b"\xFF\xD8", Depth::Whole),
            (String::new(), 2)
        );
        assert_eq!(
            open("application/octet-stream", &LONG, Depth::Whole),
            (String::new(), 70_000),
            "a document"
        );
        let (text, left_out) = open("text/plain", &LONG, Depth::Whole);
        assert_eq!((text.len(), left_out), (CALL_SHOWN, 68_000));
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
