//! Free texts as checks compare them: by digests of several readings, so that a view stays small
//! and a difference still says what it is.

use std::collections::BTreeMap;

use bytes::Bytes;
use gp2gp_model::Sha256;
use gp2gp_model::trace::HeldNarrative;

/// Free texts by the id of their statement, in upper case.
pub type Narratives = BTreeMap<String, NarrativeSeen>;

/// A free text of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NarrativeSeen {
    /// What it says.
    pub text: TextSeen,
    /// It is marked as not to be shown to the patient.
    pub marked: bool,
}

/// Readings of a text. Lines end with LF or CRLF; blanks around a line and blank lines at the end
/// do not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextSeen {
    /// Number of lines.
    pub lines: u32,
    /// It has characters outside ASCII.
    pub beyond_ascii: bool,
    /// Digest of its lines.
    pub by_line: Sha256,
    /// Digest of its words, whatever is between them.
    pub words: Sha256,
    /// Digest of its ASCII letters and digits.
    pub letters: Sha256,
}

impl TextSeen {
    /// Reads a text.
    pub fn of(text: &str) -> Self {
        let lines: Vec<&str> = text.trim_end().lines().map(str::trim).collect();
        let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        let words: Vec<&str> = text.split_whitespace().collect();
        Self {
            lines: u32::try_from(lines.len()).unwrap_or(u32::MAX),
            beyond_ascii: !text.is_ascii(),
            by_line: Sha256::of(lines.join("\n").as_bytes()),
            words: Sha256::of(words.join(" ").as_bytes()),
            letters: Sha256::of(letters.as_bytes()),
        }
    }
}

/// The free texts of an extract payload.
pub(super) fn of_payload(payload_xml: &[u8]) -> Narratives {
    let mut found = Narratives::new();
    let read = gp2gp_wire::hl7::narratives(payload_xml, |narrative| {
        let seen = NarrativeSeen {
            text: TextSeen::of(&narrative.text),
            marked: narrative.marked,
        };
        found.insert(narrative.id.trim().to_ascii_uppercase(), seen);
    });
    read.map_or_else(|_| Narratives::new(), |()| found)
}

/// The free texts that a record source held: a narrative in JSON on each line.
pub(super) fn of_truth(lines: &Bytes) -> Narratives {
    lines
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<HeldNarrative>(line).ok())
        .map(|held| {
            let seen = NarrativeSeen {
                text: TextSeen::of(&held.text),
                marked: held.marked,
            };
            (held.id.to_ascii_uppercase(), seen)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_and_blanks_around_lines_make_no_difference() {
        let text = TextSeen::of("one two\nthree");
        assert_eq!(TextSeen::of("one two \r\n three\r\n\r\n"), text);
        assert_eq!(text.lines, 2);
    }

    #[test]
    fn a_text_without_its_line_breaks_has_the_same_words() {
        let (held, sent) = (
            TextSeen::of("one\ntwo\n\nthree"),
            TextSeen::of("one two three"),
        );
        assert_eq!((held.lines, sent.lines), (4, 1));
        assert_eq!(held.words, sent.words);
        assert_ne!(held.by_line, sent.by_line);
    }

    #[test]
    fn a_mangled_text_has_the_same_letters() {
        let (held, sent) = (
            TextSeen::of("paid £12, café"),
            TextSeen::of("paid Â£12, cafÃ©"),
        );
        assert_eq!(held.letters, sent.letters);
        assert_ne!(held.words, sent.words);
        assert!(held.beyond_ascii);
    }
}
