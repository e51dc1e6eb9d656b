//! Edits on the bytes of an XML part or of a base64 text. XML is found by its local names, from
//! any prefix; `None` where there is nothing to edit.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use gp2gp_model::{NhsNumber, Time};
use memchr::{memchr, memmem};

const NESTED_ELEMENTS: usize = 100_000;
/// Root of a patient id, with the quote that ends it: longer OIDs begin with it.
const NHS_NUMBER_OID: &[u8] = b"2.16.840.1.113883.2.1.4.1\"";

/// `text` with `range` replaced.
pub(super) fn spliced(text: &[u8], range: Range<usize>, with: &[u8]) -> Option<Bytes> {
    let (before, after) = (text.get(..range.start)?, text.get(range.end..)?);
    Some([before, with, after].concat().into())
}

/// `text` with every `old` replaced. `old` is not empty.
pub(super) fn replaced(text: &[u8], old: &str, new: &str) -> Bytes {
    let mut result = Vec::with_capacity(text.len());
    let mut done = 0;
    for at in memmem::find_iter(text, old.as_bytes()) {
        result.extend_from_slice(text.get(done..at).unwrap_or_default());
        result.extend_from_slice(new.as_bytes());
        done = at + old.len();
    }
    result.extend_from_slice(text.get(done..).unwrap_or_default());
    result.into()
}

pub(super) fn without_manifest(xml: &Bytes) -> Option<Bytes> {
    let start = tag(xml, 0, b"<", b"Manifest")?;
    let end = match xml.get(start.end - 2..start.end)? {
        b"/>" => start.end,
        _ => tag(xml, start.end, b"</", b"Manifest")?.end,
    };
    spliced(xml, start.start..end, b"")
}

/// The text of the first element of this name.
pub(super) fn element_text(xml: &[u8], name: &str) -> Option<String> {
    let text = xml.get(element_text_range(xml, name)?)?;
    Some(std::str::from_utf8(text).ok()?.to_owned()).filter(|text| !text.is_empty())
}

pub(super) fn with_element_text(xml: &[u8], name: &str, text: &str) -> Option<Bytes> {
    spliced(xml, element_text_range(xml, name)?, text.as_bytes())
}

fn element_text_range(xml: &[u8], name: &str) -> Option<Range<usize>> {
    let start = tag(xml, 0, b"<", name.as_bytes())?.end;
    let length = memchr(b'<', xml.get(start..)?)?;
    Some(start..start + length)
}

/// The first tag of this local name at `from` or later; `open` is `<` or `</`.
fn tag(xml: &[u8], from: usize, open: &[u8], name: &[u8]) -> Option<Range<usize>> {
    memmem::find_iter(xml.get(from..)?, name)
        .map(|at| from + at)
        .find_map(|at| {
            let start = without_prefix(xml.get(..at)?).strip_suffix(open)?.len();
            let after = xml.get(at + name.len()..)?;
            let ends_name = after
                .first()
                .is_some_and(|byte| !is_name_byte(*byte) && *byte != b':');
            let end = at + name.len() + memchr(b'>', after)? + 1;
            ends_name.then_some(start..end)
        })
}

/// What stands before a name, without a prefix like `eb:`.
fn without_prefix(before: &[u8]) -> &[u8] {
    let Some(prefixed) = before.strip_suffix(b":") else {
        return before;
    };
    let length = prefixed
        .iter()
        .rev()
        .take_while(|byte| is_name_byte(**byte))
        .count();
    prefixed.get(..prefixed.len() - length).unwrap_or_default()
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | 0x80..)
}

/// Changes the first `Length=` of the descriptions.
pub(super) fn with_length(xml: &Bytes, change: impl Fn(u64) -> u64) -> Option<Bytes> {
    let key = b"Length=";
    memmem::find_iter(xml, key).find_map(|at| {
        let start = at + key.len();
        let digits = xml
            .get(start..)?
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let length: u64 = std::str::from_utf8(xml.get(start..start + digits)?)
            .ok()?
            .parse()
            .ok()?;
        let wrong = change(length).to_string();
        spliced(xml, start..start + digits, wrong.as_bytes())
    })
}

/// Puts a document type declaration before the root element, and `text` into it.
pub(super) fn with_dtd(xml: &Bytes, dtd: &str, text: &str) -> Option<Bytes> {
    let root = root_tag(xml)?;
    let xml = spliced(xml, root.end..root.end, text.as_bytes())?;
    spliced(&xml, root.start..root.start, dtd.as_bytes())
}

pub(super) fn with_deep_nesting(xml: &Bytes) -> Option<Bytes> {
    let inside = root_tag(xml)?.end;
    let nested = [
        "<a>".repeat(NESTED_ELEMENTS),
        "</a>".repeat(NESTED_ELEMENTS),
    ]
    .concat();
    spliced(xml, inside..inside, nested.as_bytes())
}

pub(super) fn with_bad_utf8(xml: &Bytes) -> Option<Bytes> {
    let inside = root_tag(xml)?.end;
    spliced(xml, inside..inside, b"\xff\xfe")
}

/// The start tag of the root element, if it has content.
fn root_tag(xml: &[u8]) -> Option<Range<usize>> {
    let is_element = |at: &usize| {
        xml.get(at + 1)
            .is_some_and(|byte| !matches!(byte, b'?' | b'!'))
    };
    let start = memmem::find_iter(xml, b"<").find(is_element)?;
    let end = start + memchr(b'>', xml.get(start..)?)? + 1;
    (xml.get(end - 2) != Some(&b'/')).then_some(start..end)
}

/// Writes content ids and file names as a careful system would write them in a URL.
pub(super) fn with_percent_codes(xml: &Bytes) -> Option<Bytes> {
    let mut written = xml.clone();
    for (opening, closings) in [
        ("cid:", &["\""][..]),
        ("Filename=\"", &["\" ContentType="]),
        ("Filename=&quot;", &["&quot; ContentType="]),
    ] {
        written = with_codes_between(&written, opening, closings);
    }
    (written != *xml).then_some(written)
}

fn with_codes_between(xml: &[u8], opening: &str, closings: &[&str]) -> Bytes {
    let mut result = Vec::with_capacity(xml.len());
    let mut rest = xml;
    while let Some(start) = memmem::find(rest, opening.as_bytes()) {
        let (before, after) = rest.split_at(start + opening.len());
        result.extend_from_slice(before);
        let ends = closings
            .iter()
            .filter_map(|closing| memmem::find(after, closing.as_bytes()));
        let (value, after) = after.split_at(ends.min().unwrap_or_default());
        for byte in value {
            match byte {
                b' ' | b'@' | b'%' | b'(' | b')' | b'[' | b']' | 0x80.. => {
                    result.extend_from_slice(format!("%{byte:02X}").as_bytes());
                }
                _ => result.push(*byte),
            }
        }
        rest = after;
    }
    result.extend_from_slice(rest);
    result.into()
}

/// Gives the message a life that ended a minute before its timestamp.
pub(super) fn expired(xml: &Bytes) -> Option<Bytes> {
    const MINUTE: Duration = Duration::from_secs(60);
    let written = element_text(xml, "Timestamp")?;
    let until = Time::from_micros(0)
        + written
            .parse::<Time>()
            .ok()?
            .since(Time::from_micros(0))
            .checked_sub(MINUTE)?;
    let until = until.to_ebxml();
    if let Some(changed) = with_element_text(xml, "TimeToLive", &until) {
        return Some(changed);
    }
    let close = tag(xml, 0, b"</", b"Timestamp")?;
    let name = std::str::from_utf8(xml.get(close.start + 2..close.end - 1)?).ok()?;
    let prefix = name.trim_end().strip_suffix("Timestamp")?;
    let element = format!("<{prefix}TimeToLive>{until}</{prefix}TimeToLive>");
    spliced(xml, close.end..close.end, element.as_bytes())
}

/// A number that no scenario gives to anybody.
const NOBODYS_SERIAL: u32 = 999_900;

pub(super) fn with_another_patient(xml: &Bytes) -> Option<Bytes> {
    let number = extension(xml, patient_id_tag(xml)?)?;
    let another = (NOBODYS_SERIAL..).find_map(NhsNumber::synthetic)?;
    spliced(xml, number, another.as_str().as_bytes())
}

/// The author of the extract, which stands behind those of the wrapper.
pub(super) fn with_another_author(xml: &Bytes) -> Option<Bytes> {
    const ODS_OID: &[u8] = b"1.2.826.0.1285.0.1.10\"";
    const STRANGER: &str = "Z99999";
    let extract = tag(xml, 0, b"<", b"EhrExtract")?.end;
    let author = tag(xml, extract, b"<", b"author")?.end;
    let oid = author + memmem::find(xml.get(author..)?, ODS_OID)?;
    let start = memchr::memrchr(b'<', xml.get(..oid)?)?;
    let end = oid + memchr(b'>', xml.get(oid..)?)? + 1;
    spliced(xml, extension(xml, start..end)?, STRANGER.as_bytes())
}

/// Where the `extension` of a tag stands.
fn extension(xml: &[u8], tag: Range<usize>) -> Option<Range<usize>> {
    let attribute = b"extension=\"";
    let start = tag.start + memmem::find(xml.get(tag)?, attribute)? + attribute.len();
    let length = memchr(b'"', xml.get(start..)?)?;
    Some(start..start + length)
}

pub(super) fn without_nhs_number(xml: &Bytes) -> Option<Bytes> {
    spliced(xml, patient_id_tag(xml)?, b"")
}

pub(super) fn with_wrong_check_digit(xml: &Bytes) -> Option<Bytes> {
    let check_digit = extension(xml, patient_id_tag(xml)?)?.start + 9;
    let digit = xml.get(check_digit).filter(|byte| byte.is_ascii_digit())?;
    let wrong = b'0' + (digit - b'0' + 1) % 10;
    spliced(xml, check_digit..check_digit + 1, &[wrong])
}

fn patient_id_tag(xml: &[u8]) -> Option<Range<usize>> {
    let oid = memmem::find(xml, NHS_NUMBER_OID)?;
    let start = memchr::memrchr(b'<', xml.get(..oid)?)?;
    Some(start..oid + memchr(b'>', xml.get(oid..)?)? + 1)
}

/// The sender's ASID, wherever it stands, replaced by another of the same length.
pub(super) fn with_unknown_asid(xml: &Bytes) -> Option<Bytes> {
    let sender = tag(xml, 0, b"<", b"communicationFunctionSnd")?.end;
    let extension = b"extension=\"";
    let start = sender + memmem::find(xml.get(sender..)?, extension)? + extension.len();
    let length = memchr(b'"', xml.get(start..)?)?;
    let asid = std::str::from_utf8(xml.get(start..start + length)?).ok()?;
    // The complement of every digit: another number, and not the neighbour of a listed one.
    let unknown: Option<String> = asid
        .chars()
        .map(|digit| char::from_digit(9 - digit.to_digit(10)?, 10))
        .collect();
    Some(replaced(xml, asid, &unknown?))
}

/// Every text of the form 8-4-4-4-12 hexadecimal digits in lower case.
pub(super) fn with_lower_case_uuids(xml: &Bytes) -> Bytes {
    const LENGTH: usize = 36;
    let mut result = xml.to_vec();
    for start in 0..result.len().saturating_sub(LENGTH - 1) {
        if let Some(window) = result.get_mut(start..start + LENGTH)
            && is_uuid(window)
        {
            window.make_ascii_lowercase();
        }
    }
    result.into()
}

fn is_uuid(window: &[u8]) -> bool {
    window.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

/// Says `Compressed=Yes` in the first description that follows this content id.
pub(super) fn marked_compressed(xml: &Bytes, content_id: &str) -> Bytes {
    let reference = memmem::find(xml, content_id.as_bytes()).unwrap_or(0);
    let no = b"Compressed=No";
    let found = xml.get(reference..).and_then(|rest| memmem::find(rest, no));
    found
        .map(|at| reference + at)
        .and_then(|at| spliced(xml, at..at + no.len(), b"Compressed=Yes"))
        .unwrap_or_else(|| xml.clone())
}

/// Replaces the character in the middle by one that is not base64.
pub(super) fn with_bad_base64(text: &Bytes) -> Option<Bytes> {
    let middle = text.len() / 2;
    spliced(text, middle..text.len().min(middle + 1), b"*")
}

/// Cuts the text one character behind a full group of four: no reader can guess the rest.
pub(super) fn with_truncated_base64(text: &Bytes) -> Option<Bytes> {
    let is_text = |byte: &u8| !byte.is_ascii_whitespace();
    let characters = text.iter().filter(|byte| is_text(byte)).count();
    let kept = (characters.checked_sub(2)? / 4) * 4 + 1;
    let last = text
        .iter()
        .enumerate()
        .filter(|(_, byte)| is_text(byte))
        .nth(kept - 1)?
        .0;
    Some(text.slice(..=last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn elements_are_found_by_local_name_from_any_prefix() {
        let xml = bytes("<a><x:NotManifest/><eb:Manifest eb:v='1'><r/></eb:Manifest ></a>");
        assert_eq!(without_manifest(&xml).unwrap(), "<a><x:NotManifest/></a>");
        assert_eq!(
            without_manifest(&bytes("<a><Manifest/></a>")).unwrap(),
            "<a></a>"
        );
        assert_eq!(without_manifest(&bytes("<a>Manifest</a>")), None);
        assert_eq!(
            element_text(b"<a><eb:Action>x</eb:Action></a>", "Action").unwrap(),
            "x"
        );
        assert_eq!(
            with_element_text(
                b"<RefToMessageId>1</RefToMessageId><MessageId>2</MessageId>",
                "MessageId",
                "3"
            )
            .unwrap(),
            "<RefToMessageId>1</RefToMessageId><MessageId>3</MessageId>"
        );
    }

    #[test]
    fn a_declaration_stands_before_the_root_and_its_entity_inside() {
        assert_eq!(
            with_dtd(
                &bytes("<?xml version='1.0'?>\n<r a='1'>t</r>"),
                "<!DOCTYPE r>",
                "&e;"
            )
            .unwrap(),
            "<?xml version='1.0'?>\n<!DOCTYPE r><r a='1'>&e;t</r>"
        );
        assert_eq!(with_dtd(&bytes("<r/>"), "<!DOCTYPE r>", "&e;"), None);
    }

    #[test]
    fn the_patient_id_is_found_whatever_the_order_of_its_attributes() {
        let xml = bytes(
            "<id root=\"2.16.840.1.113883.2.1.4.15\"/><id extension=\"9990000018\" root=\"2.16.840.1.113883.2.1.4.1\"/>",
        );
        assert_eq!(
            without_nhs_number(&xml).unwrap(),
            "<id root=\"2.16.840.1.113883.2.1.4.15\"/>"
        );
        let wrong = with_wrong_check_digit(&xml).unwrap();
        assert!(
            memmem::find(&wrong, b"\"9990000019\"").is_some(),
            "{wrong:?}"
        );
    }

    #[test]
    fn the_senders_asid_is_replaced_wherever_it_stands() {
        let xml = bytes(
            "<communicationFunctionRcv><id extension=\"1\"/></communicationFunctionRcv><x:communicationFunctionSnd><id root=\"r\" extension=\"20\"/></x:communicationFunctionSnd><author1><id extension=\"20\"/></author1>",
        );
        assert_eq!(
            with_unknown_asid(&xml).unwrap(),
            "<communicationFunctionRcv><id extension=\"1\"/></communicationFunctionRcv><x:communicationFunctionSnd><id root=\"r\" extension=\"79\"/></x:communicationFunctionSnd><author1><id extension=\"79\"/></author1>"
        );
        assert_eq!(with_unknown_asid(&bytes("<a/>")), None);
    }

    #[test]
    fn only_uuids_lose_their_capitals() {
        let xml = bytes("<ID root='0BADC0DE-0000-4000-8000-00000000BAD1' code='AA-BB'/>");
        assert_eq!(
            with_lower_case_uuids(&xml),
            "<ID root='0badc0de-0000-4000-8000-00000000bad1' code='AA-BB'/>"
        );
        assert_eq!(with_lower_case_uuids(&bytes("A")), "A");
    }

    #[test]
    fn references_are_written_as_in_a_url_and_nothing_else_is() {
        let xml = bytes(
            "x='a b' href=\"cid:1@a\" href=\"mid:2 \">Filename=\"a (b)&amp;.tif\" ContentType=a b",
        );
        assert_eq!(
            with_percent_codes(&xml).unwrap(),
            "x='a b' href=\"cid:1%40a\" href=\"mid:2 \">Filename=\"a%20%28b%29&amp;.tif\" ContentType=a b"
        );
        assert_eq!(with_percent_codes(&bytes("<a href=\"cid:1\"/>")), None);
    }

    #[test]
    fn a_life_that_is_over_replaces_another_or_stands_behind_the_timestamp() {
        let xml = bytes("<e:Timestamp>2026-01-05T09:00:00Z</e:Timestamp><x/>");
        assert_eq!(
            expired(&xml).unwrap(),
            "<e:Timestamp>2026-01-05T09:00:00Z</e:Timestamp><e:TimeToLive>2026-01-05T08:59:00Z</e:TimeToLive><x/>"
        );
        let xml = bytes("<Timestamp>2026-01-05T09:00:00Z</Timestamp><TimeToLive>2027</TimeToLive>");
        assert_eq!(
            expired(&xml).unwrap(),
            "<Timestamp>2026-01-05T09:00:00Z</Timestamp><TimeToLive>2026-01-05T08:59:00Z</TimeToLive>"
        );
        assert_eq!(expired(&bytes("<Timestamp>soon</Timestamp>")), None);
    }

    #[test]
    fn only_the_author_of_the_extract_becomes_a_stranger() {
        let id = |code: &str| format!("<id root=\"1.2.826.0.1285.0.1.10\" extension=\"{code}\"/>");
        let xml = |author: &str| {
            format!(
                "<author1>{}</author1><EhrExtract><destination>{}</destination><author>{}</author></EhrExtract>",
                id("A"),
                id("B"),
                id(author)
            )
        };
        let changed = with_another_author(&Bytes::from(xml("C"))).unwrap();
        assert_eq!(changed, xml("Z99999"));
    }

    #[test]
    fn a_truncated_text_ends_one_character_into_a_group() {
        assert_eq!(
            with_truncated_base64(&bytes("QUJDREU=\r\n")).unwrap(),
            "QUJDR"
        );
        assert_eq!(
            with_truncated_base64(&bytes("QUJ\nDR\nEVG")).unwrap(),
            "QUJ\nDR"
        );
        assert_eq!(with_truncated_base64(&bytes("QUI=")).unwrap(), "Q");
        assert_eq!(with_truncated_base64(&bytes("")), None);
    }

    #[test]
    fn only_the_description_of_the_bomb_says_compressed() {
        let xml = bytes("cid:1 Compressed=No cid:2 Compressed=No cid:3 Compressed=No");
        assert_eq!(
            marked_compressed(&xml, "cid:2"),
            "cid:1 Compressed=No cid:2 Compressed=Yes cid:3 Compressed=No"
        );
        assert_eq!(
            with_length(&bytes("Length= Length=99 Length=7"), |length| length + 1).unwrap(),
            "Length= Length=100 Length=7"
        );
    }
}
