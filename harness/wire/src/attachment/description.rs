//! `eb:Description` of an attachment reference: a grammar, and what suppliers write instead.

use std::collections::BTreeMap;
use std::fmt;

use super::ChunkPlan;
use super::entries::{
    COMPRESSED, CONTENT_TYPE, DOMAIN_DATA, Entries, Entry, FILENAME, KEYS, LARGE_ATTACHMENT,
    LENGTH, ORIGINAL_BASE64, starts_with_key,
};

/// What a type is taken for where none is given.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// A description in the grammar of spec 20.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// `Filename`, unquoted.
    pub filename: String,
    /// `ContentType`: the true type of the document.
    pub content_type: String,
    /// `Compressed`: GZIP before base64.
    pub compressed: bool,
    /// `LargeAttachment`: sent in chunks.
    pub large_attachment: bool,
    /// `OriginalBase64`: informational.
    pub original_base64: bool,
    /// `Length` of the base64 text.
    pub length: Option<u64>,
    /// `DomainData`, unquoted.
    pub domain_data: Option<String>,
}

/// What stands in a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DescriptionStyle {
    /// The grammar.
    Grammar(Description),
    /// Only a file name (EMIS, TPP).
    FilenameOnly(String),
    /// The word `Attachment`.
    Word,
    /// Nothing.
    Empty,
}

/// What breaks the grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionFault {
    /// A mandatory key is absent.
    #[error("key `{0}` is missing")]
    Missing(&'static str),
    /// A key stands twice.
    #[error("key `{0}` stands twice")]
    Doubled(String),
    /// A value is outside its set.
    #[error("`{key}={value}` is not allowed")]
    Value {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// A key that the grammar does not have, or a word that is no `key=value` at all.
    #[error("key `{0}` is not in the grammar")]
    UnknownKey(String),
    /// `Filename` or `DomainData` is not quoted, or a quote is never closed.
    #[error("value of `{0}` is not in quotes")]
    Unquoted(String),
}

impl DescriptionStyle {
    /// Reads a description as a tolerant receiver does: never fails. A text with `Filename=` is
    /// grammar, whatever keys are missing (absent flags are `false`, absent type is octet-stream).
    ///
    /// The first of doubled keys counts, flags are read without regard to case, keys with it.
    pub fn read(text: &str) -> Self {
        let text = text.trim();
        let entries: Vec<_> = Entries::of(text).collect();
        match text {
            "" => Self::Empty,
            "Attachment" => Self::Word,
            text => match value(&entries, FILENAME) {
                Some(filename) => Self::Grammar(description(filename, &entries)),
                None => Self::FilenameOnly(text.to_owned()),
            },
        }
    }

    /// The file name, where one is known.
    pub fn filename(&self) -> Option<&str> {
        match self {
            Self::Grammar(description) => Some(&description.filename),
            Self::FilenameOnly(filename) => Some(filename),
            Self::Word | Self::Empty => None,
        }
    }
}

fn description(filename: &str, entries: &[Entry<'_>]) -> Description {
    let flag = |key| value(entries, key).is_some_and(|flag| flag.eq_ignore_ascii_case("yes"));
    Description {
        filename: filename.to_owned(),
        content_type: value(entries, CONTENT_TYPE)
            .unwrap_or(UNKNOWN_TYPE)
            .to_owned(),
        compressed: flag(COMPRESSED),
        large_attachment: flag(LARGE_ATTACHMENT),
        original_base64: flag(ORIGINAL_BASE64),
        length: value(entries, LENGTH).and_then(|length| length.parse().ok()),
        domain_data: value(entries, DOMAIN_DATA).map(str::to_owned),
    }
}

fn value<'t>(entries: &[Entry<'t>], key: &str) -> Option<&'t str> {
    entries
        .iter()
        .find(|entry| entry.key == key)
        .and_then(|entry| entry.value)
}

impl Description {
    /// The description of a document as it is sent by this plan. `OriginalBase64` is `No`.
    pub fn of(filename: &str, content_type: &str, plan: &ChunkPlan) -> Self {
        Self {
            filename: filename.to_owned(),
            content_type: content_type.to_owned(),
            compressed: plan.compressed,
            large_attachment: plan.chunks > 1,
            original_base64: false,
            length: Some(plan.text_bytes),
            domain_data: None,
        }
    }

    /// The name of a file as a description carries it, see [`Display`](fmt::Display).
    pub fn carried_name(filename: &str) -> String {
        quotable(filename)
    }

    /// Everything in `text` that breaks the grammar (SND-28); empty means it obeys. Faults of
    /// what is there come in the order of the text, missing keys after them.
    pub fn faults(text: &str) -> Vec<DescriptionFault> {
        let entries: Vec<_> = match DescriptionStyle::read(text) {
            DescriptionStyle::Grammar(_) => Entries::of(text).collect(),
            DescriptionStyle::FilenameOnly(_)
            | DescriptionStyle::Word
            | DescriptionStyle::Empty => Vec::new(),
        };
        let mut seen = BTreeMap::new();
        let mut faults = Vec::new();
        for entry in &entries {
            let count = seen
                .entry(entry.key)
                .and_modify(|count| *count += 1)
                .or_insert(1);
            match *count {
                1 => faults.extend(fault(entry)),
                2 => faults.push(DescriptionFault::Doubled(entry.key.to_owned())),
                _ => {}
            }
        }
        let missing = KEYS
            .iter()
            .filter(|(key, mandatory)| *mandatory && !seen.contains_key(key));
        faults.extend(missing.map(|(key, _)| DescriptionFault::Missing(key)));
        faults
    }

    /// Whether this entry is a skeleton's content.
    pub fn is_skeleton(&self) -> bool {
        self.domain_data
            .as_deref()
            .is_some_and(|data| data.contains(super::SKELETON_DOMAIN))
    }
}

impl fmt::Display for Description {
    /// Writes the grammar on one line, separated by spaces, not XML-escaped.
    ///
    /// What the grammar cannot carry is made fit: in a quoted value a control character becomes a
    /// space, and a quote that a reader would take for the closing one (white space and a
    /// `Key=` of the grammar follow) an apostrophe; a content type loses white space, control
    /// characters and quotes, and is octet-stream if nothing is left.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let yes_no = |flag| if flag { "Yes" } else { "No" };
        write!(
            f,
            "{FILENAME}=\"{}\" {CONTENT_TYPE}={} {COMPRESSED}={} {LARGE_ATTACHMENT}={} {ORIGINAL_BASE64}={}",
            quotable(&self.filename),
            unquoted(&self.content_type),
            yes_no(self.compressed),
            yes_no(self.large_attachment),
            yes_no(self.original_base64),
        )?;
        if let Some(length) = self.length {
            write!(f, " {LENGTH}={length}")?;
        }
        if let Some(data) = &self.domain_data {
            write!(f, " {DOMAIN_DATA}=\"{}\"", quotable(data))?;
        }
        Ok(())
    }
}

/// The value, made fit to stand between quotes.
fn quotable(value: &str) -> String {
    let value: String = value
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mut fit = String::with_capacity(value.len());
    let mut rest = value.as_str();
    while let Some((before, after)) = rest.split_once('"') {
        fit.push_str(before);
        fit.push(if starts_with_key(after) { '\'' } else { '"' });
        rest = after;
    }
    fit + rest
}

fn unquoted(value: &str) -> String {
    let value: String = value
        .chars()
        .filter(|c| !(c.is_whitespace() || c.is_control() || *c == '"'))
        .collect();
    if value.is_empty() {
        UNKNOWN_TYPE.to_owned()
    } else {
        value
    }
}

fn fault(entry: &Entry<'_>) -> Option<DescriptionFault> {
    let value = entry.value.unwrap_or_default();
    let allowed = match entry.key {
        FILENAME | DOMAIN_DATA if !entry.quoted => {
            return Some(DescriptionFault::Unquoted(entry.key.to_owned()));
        }
        FILENAME => !value.is_empty(),
        DOMAIN_DATA => true,
        CONTENT_TYPE => !entry.quoted && is_media_type(value),
        COMPRESSED | LARGE_ATTACHMENT | ORIGINAL_BASE64 => {
            !entry.quoted && matches!(value, "Yes" | "No")
        }
        LENGTH => {
            !entry.quoted
                && value.bytes().all(|byte| byte.is_ascii_digit())
                && value.parse::<u64>().is_ok()
        }
        unknown => return Some(DescriptionFault::UnknownKey(unknown.to_owned())),
    };
    let value = if entry.quoted {
        format!("\"{value}\"")
    } else {
        value.to_owned()
    };
    (!allowed).then(|| DescriptionFault::Value {
        key: entry.key.to_owned(),
        value,
    })
}

fn is_media_type(text: &str) -> bool {
    text.split_once('/')
        .is_some_and(|(kind, subtype)| !kind.is_empty() && !subtype.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::corpus;
    use super::*;

    fn plain(filename: &str) -> Description {
        Description {
            filename: filename.to_owned(),
            content_type: "text/plain".to_owned(),
            compressed: false,
            large_attachment: false,
            original_base64: false,
            length: None,
            domain_data: None,
        }
    }

    fn grammar(text: &str) -> Description {
        match DescriptionStyle::read(text) {
            DescriptionStyle::Grammar(description) => description,
            other @ (DescriptionStyle::FilenameOnly(_)
            | DescriptionStyle::Word
            | DescriptionStyle::Empty) => {
                panic!("{text}: {other:?}")
            }
        }
    }

    /// Filenames with everything that has gone wrong in the field, and keys of the grammar.
    fn filenames() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => "[a-z._&'#%/\\\\-]{1,8}",
            2 => Just("\"".to_owned()),
            2 => Just(" ".to_owned()),
            1 => Just("=".to_owned()),
            1 => Just("%20".to_owned()),
            1 => Just("£é雪🩺".to_owned()),
            1 => Just(" ContentType=".to_owned()),
            1 => Just("Length=3 ".to_owned()),
            1 => Just("\" Foo=1".to_owned()),
        ];
        prop::collection::vec(piece, 1..12).prop_map(|pieces| pieces.concat())
    }

    fn descriptions() -> impl Strategy<Value = Description> {
        let domain_data = prop::option::of(prop_oneof![
            Just("X-GP2GP-Skeleton: Yes".to_owned()),
            filenames()
        ]);
        let flags = any::<(bool, bool, bool)>();
        let content_type = "[a-z]{1,6}/[a-z0-9.+-]{1,10}";
        (
            filenames(),
            content_type,
            flags,
            any::<Option<u64>>(),
            domain_data,
        )
            .prop_map(
                |(
                    filename,
                    content_type,
                    (compressed, large_attachment, original_base64),
                    length,
                    domain_data,
                )| {
                    Description {
                        filename,
                        content_type,
                        compressed,
                        large_attachment,
                        original_base64,
                        length,
                        domain_data,
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_and_obeys_the_grammar(mut description in descriptions(), separator in "[ \t]?\r?\n[ \t]{0,3}") {
            let text = description.to_string();
            description.filename = Description::carried_name(&description.filename);
            description.domain_data = description.domain_data.as_deref().map(quotable);
            prop_assert_eq!(Description::faults(&text), []);
            prop_assert_eq!(&description.to_string(), &text);
            prop_assert_eq!(DescriptionStyle::read(&text), DescriptionStyle::Grammar(description.clone()));

            if !description.filename.contains(" ContentType=") {
                let text = text.replacen(" ContentType=", &format!("{separator}ContentType="), 1);
                prop_assert_eq!(grammar(&text), description);
            }
        }

        #[test]
        fn only_a_quote_before_a_key_is_not_carried(filename in filenames()) {
            let lost = KEYS.iter().any(|(key, _)| {
                filename.split('"').skip(1).any(|after| {
                    after.trim_ascii_start().starts_with(&format!("{key}=")) && after.starts_with(' ')
                })
            });
            prop_assert_eq!(grammar(&plain(&filename).to_string()).filename == filename, !lost);
        }

        #[test]
        fn no_text_fails(text in "([A-Za-z=\" \n]|Filename=|DomainData=\"|\" Length=|é){0,40}") {
            let style = DescriptionStyle::read(&text);
            let faults = Description::faults(&text);
            prop_assert!(matches!(style, DescriptionStyle::Grammar(_)) || faults.len() == 5);
        }
    }

    #[test]
    fn separators_are_any_white_space() {
        let text = "\n\t\tFilename=\"a b=c & \"d\".txt\" \n\t\tContentType=text/plain\r\n\tCompressed=Yes \
                    LargeAttachment=No\tOriginalBase64=Yes\n  Length=12\n";
        let expected = Description {
            compressed: true,
            original_base64: true,
            length: Some(12),
            ..plain("a b=c & \"d\".txt")
        };
        assert_eq!(grammar(text), expected);
        assert_eq!(Description::faults(text), []);
    }

    #[test]
    fn a_filename_of_1024_characters_survives() {
        let filename = "£ \"=".repeat(256);
        assert_eq!(grammar(&plain(&filename).to_string()).filename, filename);
    }

    #[test]
    fn other_styles_are_told_apart() {
        let read = DescriptionStyle::read;
        let filename_only = |name: &str| DescriptionStyle::FilenameOnly(name.to_owned());
        assert_eq!(read(""), DescriptionStyle::Empty);
        assert_eq!(read(" \n\t"), DescriptionStyle::Empty);
        assert_eq!(read("\n Attachment "), DescriptionStyle::Word);
        assert_eq!(
            read("31B75ED0_letter to patient=2.txt"),
            filename_only("31B75ED0_letter to patient=2.txt")
        );
        assert_eq!(read("Attachment.pdf"), filename_only("Attachment.pdf"));
        assert_eq!(read("MyFilename=x"), filename_only("MyFilename=x"));
    }

    #[test]
    fn a_tolerant_reader_fills_in_what_is_absent() {
        let expected = Description {
            content_type: UNKNOWN_TYPE.to_owned(),
            ..plain("x.pdf")
        };
        assert_eq!(grammar("Filename=\"x.pdf\""), expected);
        assert_eq!(
            grammar("Filename=x.pdf Length=many Compressed=maybe"),
            expected
        );
        assert!(grammar("Filename=\"x\" Compressed=yes").compressed);
    }

    #[test]
    fn a_filename_without_quotes_ends_at_the_next_key() {
        let text = "Filename=letter of today.pdf ContentType=text/plain Compressed=No LargeAttachment=No OriginalBase64=No";
        assert_eq!(grammar(text), plain("letter of today.pdf"));
        assert_eq!(
            Description::faults(text),
            [DescriptionFault::Unquoted("Filename".to_owned())]
        );
        let open = text.replacen("Filename=", "Filename=\"", 1);
        assert_eq!(grammar(&open), plain("letter of today.pdf"));
        assert_eq!(
            Description::faults(&open),
            [DescriptionFault::Unquoted("Filename".to_owned())]
        );
    }

    #[test]
    fn every_fault_is_named() {
        use DescriptionFault::{Doubled, Missing, UnknownKey, Value};
        let value = |key: &str, value: &str| Value {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let good = plain("x.txt").to_string();
        let faults_of = |from: &str, to: &str| Description::faults(&good.replacen(from, to, 1));

        assert_eq!(faults_of("", ""), []);
        assert_eq!(
            faults_of("Compressed=No", "Compressed=no"),
            [value("Compressed", "no")]
        );
        assert_eq!(
            faults_of("Compressed=No", "Compressed=\"No\""),
            [value("Compressed", "\"No\"")]
        );
        assert_eq!(
            faults_of("LargeAttachment=No", "LargeAttachment="),
            [value("LargeAttachment", "")]
        );
        assert_eq!(
            faults_of("OriginalBase64=No", "OriginalBase64=No Length=-1"),
            [value("Length", "-1")]
        );
        assert_eq!(
            faults_of("OriginalBase64=No", "OriginalBase64=No Length=+1"),
            [value("Length", "+1")]
        );
        assert_eq!(
            faults_of("text/plain", "text"),
            [value("ContentType", "text")]
        );
        assert_eq!(faults_of("x.txt", ""), [value("Filename", "\"\"")]);
        assert_eq!(
            faults_of(" ContentType=text/plain", ""),
            [Missing("ContentType")]
        );
        assert_eq!(
            faults_of("Compressed=No", "Compressed=No Compressed=Yes"),
            [Doubled("Compressed".to_owned())]
        );
        assert_eq!(
            faults_of("Compressed=No", "Compressed=No Size=3"),
            [UnknownKey("Size".to_owned())]
        );
        assert_eq!(
            faults_of("Compressed=No", "compressed=No"),
            [UnknownKey("compressed".to_owned()), Missing("Compressed")]
        );
        assert_eq!(
            faults_of("\" ContentType", "\" Size=3 ContentType"),
            [UnknownKey("Size".to_owned())]
        );
        assert_eq!(
            faults_of("OriginalBase64=No", "OriginalBase64=No today"),
            [UnknownKey("today".to_owned())]
        );

        let all_missing = KEYS
            .iter()
            .filter(|(_, mandatory)| *mandatory)
            .map(|(key, _)| Missing(key));
        let all_missing: Vec<_> = all_missing.collect();
        for text in ["", "Attachment", "letter of today.pdf"] {
            assert_eq!(Description::faults(text), all_missing, "{text}");
        }
    }

    #[test]
    fn unfit_values_are_made_fit() {
        let mut description = plain("a\r\nb\" Length=3.txt");
        description.content_type = "text/plain; charset=\"utf-8\"".to_owned();
        let written = grammar(&description.to_string());
        assert_eq!(written.filename, "a  b' Length=3.txt");
        assert_eq!(written.content_type, "text/plain;charset=utf-8");
    }

    #[test]
    fn a_document_in_chunks_is_a_large_attachment() {
        let plan = ChunkPlan {
            compressed: true,
            document_bytes: 9,
            text_bytes: 4_500_001,
            chunks: 2,
            chunk_text_bytes: 4_500_000,
        };
        assert_eq!(
            Description::of("x.tif", "image/tiff", &plan).to_string(),
            "Filename=\"x.tif\" ContentType=image/tiff Compressed=Yes LargeAttachment=Yes OriginalBase64=No Length=4500001"
        );
        let whole = ChunkPlan { chunks: 1, ..plan };
        assert!(!Description::of("x.tif", "image/tiff", &whole).large_attachment);
    }

    #[test]
    fn a_skeleton_is_known_by_its_domain_data() {
        let mut description = plain("core.xml");
        assert!(!description.is_skeleton());
        description.domain_data = Some(super::super::SKELETON_DOMAIN.to_owned());
        assert!(grammar(&description.to_string()).is_skeleton());
    }

    #[test]
    fn a_hostile_description_takes_one_pass() {
        for piece in ["a=\"b ", "Filename=\"b ", "\" ", " ", "a ", "Filename= "] {
            let text = piece.repeat(400_000);
            DescriptionStyle::read(&text);
            Description::faults(&text);
        }
    }

    #[test]
    fn recorded_descriptions_are_read() {
        let Some(shared) = corpus::shared() else {
            return;
        };
        let mut grammars = 0;
        let mut folders = vec![shared.join("corpus")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let message = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                for after in message.split("Description xml:lang=").skip(1) {
                    let text = after.split_once('>').unwrap().1.split_once('<').unwrap().0;
                    let text = text.replace("&quot;", "\"");
                    if text.contains("Filename=") {
                        let description = grammar(&text);
                        assert_eq!(Description::faults(&text), [], "{text}");
                        assert_eq!(grammar(&description.to_string()), description);
                        assert!(!description.filename.contains('"'), "{text}");
                        grammars += 1;
                    }
                }
            }
        }
        assert!(grammars >= 13, "{grammars}");
    }
}
