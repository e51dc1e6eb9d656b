//! What is wrong with the records and attachments of a broken sending system.

use bytes::Bytes;
use gp2gp_wire::attachment::{
    Description, DescriptionStyle, Placeholder, Wrap, compress, decode, encode,
};
use gp2gp_wire::message::{Attachment, Inline, Location, Message};

use super::message::{Spoil, extract, fragment};
use crate::defect::SendingDefect as Broken;
use crate::mhs::next_id;

/// One line for each defect that can be put into the content of a finished message.
pub(super) const SPOILS: &[(Broken, Spoil)] = &[
    (Broken::LettersLost, |message, _| {
        rewrite_record(message, |text| {
            let letter = |c: char| if c.is_ascii() { c } else { '?' };
            text.chars().map(letter).collect()
        });
    }),
    (Broken::StatusLeftOut, |message, _| {
        rewrite_record(message, |text| {
            let parts = text.split_once("<statusCode");
            let rest = parts.and_then(|(before, rest)| Some((before, rest.split_once("/>")?.1)));
            rest.map_or_else(
                || text.to_owned(),
                |(before, rest)| format!("{before}{rest}"),
            )
        });
    }),
    (Broken::RedactionsLost, |message, _| {
        rewrite_record(message, |text| without_element(text, "confidentialityCode"));
    }),
    (Broken::AgentsLost, |message, _| {
        rewrite_record(message, |text| {
            let reference = r#"<agentRef classCode="AGNT"><id root=""#;
            match text.split_once(reference) {
                Some((before, rest)) if rest.len() > 8 && rest.is_char_boundary(8) => {
                    format!("{before}{reference}00000000{}", &rest[8..])
                }
                Some(_) | None => text.to_owned(),
            }
        });
    }),
    (Broken::LinesJoined, |message, _| {
        rewrite_record(message, |text| {
            text.replace("&#10;", " ").replace('\n', " ")
        });
    }),
    (Broken::MarkupUnescaped, |message, _| {
        rewrite_record(message, |text| {
            text.replace("&lt;", "<").replace("&amp;", "&")
        });
    }),
    (Broken::NumbersAsIds, |message, _| {
        for (number, attachment) in (1..).zip(&mut message.attachments) {
            attachment.id = Some(format!("{number}"));
        }
    }),
    (Broken::NamesOfItsOwn, |message, _| {
        if extract(message).is_some() {
            for (number, attachment) in (1..).zip(&mut message.attachments) {
                describe(attachment, |said| said.filename = format!("file-{number}"));
            }
        }
    }),
    (Broken::TypesLeftOut, |message, _| {
        for attachment in &mut message.attachments {
            if let Some(text) = &mut attachment.description {
                *text = without_key(text, "ContentType");
            }
        }
    }),
    (Broken::LengthOfDocument, |message, _| {
        describe_all(message, |said| {
            said.length = said.length.map(|length| length / 4 * 3);
        });
    }),
    (Broken::NeverLarge, |message, _| {
        describe_all(message, |said| said.large_attachment = false);
    }),
    (Broken::BytesAltered, |message, _| {
        for attachment in &mut message.attachments {
            if let Some(inline) = inline(attachment) {
                inline.body = with_first_byte_altered(&inline.body);
            }
        }
    }),
    (Broken::ChunksFromOne, |message, _| {
        describe_all(message, |said| {
            said.filename = counted_from_one(&said.filename);
        });
        if let Some(fragment) = fragment(message) {
            fragment.fragment.subject = counted_from_one(&fragment.fragment.subject);
            let reference = fragment.file_reference.as_deref();
            fragment.file_reference = reference.map(counted_from_one);
        }
    }),
    (Broken::SkeletonElsewhere, |message, ids| {
        for attachment in &mut message.attachments {
            if said(attachment).is_some_and(|said| said.is_skeleton())
                && let Some(inline) = inline(attachment)
            {
                inline.content_id = next_id(ids);
            }
        }
    }),
    (Broken::SkeletonOfAnother, |message, ids| {
        let mut described = message.attachments.iter().filter_map(said);
        let is_skeleton = described.any(|said| said.is_skeleton());
        if let Some(extract) = extract(message).filter(|_| is_skeleton) {
            extract.id = next_id(ids);
        }
    }),
    (Broken::TypesOffTheList, |message, _| {
        for attachment in &mut message.attachments {
            let true_type = said(attachment).map(|said| said.content_type);
            if let (Some(inline), Some(true_type)) = (inline(attachment), true_type) {
                inline.content_type = true_type;
            }
        }
    }),
    (Broken::MissingLeftOut, |message, _| {
        message
            .attachments
            .retain(|attachment| !is_placeholder(attachment));
    }),
    (Broken::BarePlaceholder, |message, _| {
        for attachment in &mut message.attachments {
            if is_placeholder(attachment) {
                fill(attachment, b"document not available\r\n", false);
            }
        }
    }),
    (Broken::GzipEverything, |message, _| {
        for attachment in &mut message.attachments {
            let is_plain = said(attachment).is_some_and(|said| !said.compressed);
            let content = inline(attachment).and_then(|inline| decode(&inline.body).ok());
            if let Some(content) = content.filter(|_| is_plain) {
                fill(attachment, &compress(&content), true);
            }
        }
    }),
];

fn rewrite_record(message: &mut Message, change: impl FnOnce(&str) -> String) {
    if let Some(extract) = extract(message)
        && let Ok(text) = std::str::from_utf8(&extract.record)
    {
        extract.record = change(text).into();
    }
}

/// The text without empty elements of this name.
fn without_element(text: &str, name: &str) -> String {
    let start = format!("<{name}");
    let mut pieces = text.split(&start);
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |whole, piece| {
        whole + piece.split_once("/>").map_or(piece, |(_, rest)| rest)
    })
}

/// A description without this key and its value.
fn without_key(text: &str, key: &str) -> String {
    let words = text.split(' ');
    let others = words.filter(|word| !word.trim().starts_with(&format!("{key}=")));
    others.collect::<Vec<_>>().join(" ")
}

/// `x_0.messageattachment` is `x_1.messageattachment`.
fn counted_from_one(name: &str) -> String {
    let renamed = name.strip_suffix(".messageattachment").and_then(|stem| {
        let (index, number) = stem.rsplit_once('_')?;
        let number: u64 = number.parse().ok()?;
        Some(format!("{index}_{}.messageattachment", number + 1))
    });
    renamed.unwrap_or_else(|| name.to_owned())
}

/// A base64 text whose first six bits are others.
fn with_first_byte_altered(text: &Bytes) -> Bytes {
    let mut text = text.to_vec();
    if let Some(first) = text.first_mut() {
        *first = if *first == b'k' { b'l' } else { b'k' };
    }
    text.into()
}

/// Puts other content into an attachment and describes it truly.
fn fill(attachment: &mut Attachment, content: &[u8], compressed: bool) {
    let text = encode(content, Wrap::None);
    describe(attachment, |said| {
        said.length = Some(text.len() as u64);
        said.compressed = compressed;
    });
    if let Some(inline) = inline(attachment) {
        inline.body = text;
    }
}

fn is_placeholder(attachment: &Attachment) -> bool {
    said(attachment).is_some_and(|said| Placeholder::is_file_name(&said.filename))
}

fn describe_all(message: &mut Message, change: impl Fn(&mut Description)) {
    for attachment in &mut message.attachments {
        describe(attachment, &change);
    }
}

fn describe(attachment: &mut Attachment, change: impl FnOnce(&mut Description)) {
    if let Some(mut said) = said(attachment) {
        change(&mut said);
        attachment.description = Some(said.to_string());
    }
}

/// What a description says that is in the grammar.
fn said(attachment: &Attachment) -> Option<Description> {
    match DescriptionStyle::read(attachment.description.as_deref()?) {
        DescriptionStyle::Grammar(description) => Some(description),
        DescriptionStyle::FilenameOnly(_) | DescriptionStyle::Word | DescriptionStyle::Empty => {
            None
        }
    }
}

const fn inline(attachment: &mut Attachment) -> Option<&mut Inline> {
    match &mut attachment.location {
        Location::Inline(inline) => Some(inline),
        Location::External(_) | Location::Dangling(_) | Location::Other(_) => None,
    }
}
