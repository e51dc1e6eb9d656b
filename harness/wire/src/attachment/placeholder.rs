//! Placeholders: what is sent for a document that could not be (spec 20, MA).

use std::fmt;

use gp2gp_model::{ConversationId, OdsCode};

/// First line of a placeholder. Read without a look at it: systems word it differently.
const NOTICE: &str = "The file could not be included with the Electronic Record";

/// Why a document could not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceholderReason {
    /// 01.
    UnsupportedType,
    /// 02.
    Deleted,
    /// 03.
    NotFound,
    /// 04.
    Locked,
    /// 06 (there is no 05).
    Undetermined,
}

impl PlaceholderReason {
    /// Every reason, in the order of the codes.
    pub const ALL: [Self; 5] = [
        Self::UnsupportedType,
        Self::Deleted,
        Self::NotFound,
        Self::Locked,
        Self::Undetermined,
    ];

    /// The two digits.
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnsupportedType => "01",
            Self::Deleted => "02",
            Self::NotFound => "03",
            Self::Locked => "04",
            Self::Undetermined => "06",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::UnsupportedType => "File type not supported",
            Self::Deleted => "File deleted",
            Self::NotFound => "File not found",
            Self::Locked => "File locked",
            Self::Undetermined => "Unable to determine problem",
        }
    }
}

/// A placeholder file: `AbsentAttachment<GUID>.txt`, text/plain, four lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placeholder {
    /// Description of the document, one line.
    pub description: String,
    /// Practice where it arose.
    pub sender: OdsCode,
    /// Conversation in which it arose.
    pub conversation: ConversationId,
    /// Why.
    pub reason: PlaceholderReason,
}

impl Placeholder {
    /// The file name for a GUID.
    pub fn file_name(guid: &str) -> String {
        format!("AbsentAttachment{guid}.txt")
    }

    /// Whether a file name is a placeholder's.
    pub fn is_file_name(name: &str) -> bool {
        name.starts_with("AbsentAttachment") && name.ends_with(".txt")
    }

    /// Reads the four lines, ended by LF or CRLF; blank lines may follow. The wording of the
    /// notice and of the reason is free, the code is not. `None` if it is no placeholder.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let _notice = lines.next()?;
        let description = lines.next()?.to_owned();
        let (sender, conversation) = lines.next()?.split_once(':')?;
        let (code, _text) = lines
            .next()?
            .trim()
            .strip_prefix("Reason:")?
            .split_once(':')?;
        let reason = PlaceholderReason::ALL
            .into_iter()
            .find(|reason| reason.code() == code)?;
        if lines.any(|line| !line.trim().is_empty()) {
            return None;
        }
        Some(Self {
            description,
            sender: OdsCode::parse(sender).ok()?,
            conversation: ConversationId::parse(conversation).ok()?,
            reason,
        })
    }
}

impl fmt::Display for Placeholder {
    /// Writes the four lines, separated by LF. A control character in the description, a line
    /// end above all, becomes a space.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let description: String = self
            .description
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        writeln!(f, "{NOTICE}")?;
        writeln!(f, "{description}")?;
        writeln!(f, "{}:{}", self.sender, self.conversation)?;
        write!(f, "Reason:{}:{}", self.reason.code(), self.reason.text())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn placeholder(description: &str, reason: PlaceholderReason) -> Placeholder {
        Placeholder {
            description: description.to_owned(),
            sender: OdsCode::parse("B86041").unwrap(),
            conversation: ConversationId::parse("1800BECD-710C-4E6E-871B-1F1844C32D00").unwrap(),
            reason,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(description in "[^\\p{Cc}]{0,60}", reason in prop::sample::select(&PlaceholderReason::ALL[..])) {
            let placeholder = placeholder(&description, reason);
            let text = placeholder.to_string();
            prop_assert_eq!(text.lines().count(), 4);
            prop_assert_eq!(Placeholder::parse(&text), Some(placeholder.clone()));
            prop_assert_eq!(Placeholder::parse(&format!("{}\r\n\r\n", text.replace('\n', "\r\n"))), Some(placeholder));
        }

        #[test]
        fn no_text_panics(text in "([a-z:\r\n]|Reason:|0[0-9]:){0,30}") {
            let _ = Placeholder::parse(&text);
        }
    }

    #[test]
    fn the_four_lines_are_as_the_service_wants_them() {
        let text = placeholder(
            "Letter: <discharge> & \"notes\"",
            PlaceholderReason::Undetermined,
        )
        .to_string();
        assert_eq!(
            text,
            "The file could not be included with the Electronic Record\n\
             Letter: <discharge> & \"notes\"\n\
             B86041:1800BECD-710C-4E6E-871B-1F1844C32D00\n\
             Reason:06:Unable to determine problem"
        );
    }

    #[test]
    fn the_reason_keeps_both_its_digits() {
        let with_reason =
            |reason| Placeholder::parse(&format!("notice\nletter\nB86041:1800BECD\n{reason}"));
        assert_eq!(
            with_reason("Reason:04:in use").unwrap().reason,
            PlaceholderReason::Locked
        );
        for reason in ["Reason:6:x", "Reason:05:x", "Reason:06", "reason:06:x", ""] {
            assert_eq!(with_reason(reason), None, "{reason}");
        }
    }

    #[test]
    fn other_texts_are_no_placeholder() {
        let text = placeholder("letter", PlaceholderReason::Deleted).to_string();
        assert_eq!(Placeholder::parse(""), None);
        assert_eq!(
            Placeholder::parse("A clinical letter.\nNothing is absent here."),
            None
        );
        assert_eq!(Placeholder::parse(&text.replace(':', " ")), None);
        assert_eq!(Placeholder::parse(&format!("{text}\na fifth line")), None);
    }

    #[test]
    fn a_line_end_in_the_description_makes_no_fifth_line() {
        let text = placeholder("two\r\nlines", PlaceholderReason::NotFound).to_string();
        assert_eq!(Placeholder::parse(&text).unwrap().description, "two  lines");
    }

    #[test]
    fn file_names_are_known() {
        let name = Placeholder::file_name("B2BAE43C-C540-4A0B-9EB7-D36D2F106F69");
        assert_eq!(
            name,
            "AbsentAttachmentB2BAE43C-C540-4A0B-9EB7-D36D2F106F69.txt"
        );
        assert!(Placeholder::is_file_name(&name));
        assert!(!Placeholder::is_file_name("AbsentAttachment.pdf"));
    }
}
