//! Messages broken on purpose, each in a named way: what a hostile or faulty peer sends.
//!
//! Every break works on the bytes of an encoded message, whoever wrote them, and changes nothing
//! else about it.

mod bomb;
mod opened;
mod text;

pub use gp2gp_model::Break;

use crate::Encoded;
use opened::Opened;

/// Breaks an encoded message. `None` if the message has nothing that could be broken this way:
/// no base64 attachment, no `Length`, no NHS number, no capital letter in its ids.
pub fn break_message(message: &Encoded, how: Break) -> Option<Encoded> {
    let mut opened = Opened::new(message)?;
    match how {
        Break::TruncatedMime => return opened.cut_body_at(message.body.len() / 2),
        Break::EmptyBody => return opened.cut_body_at(0),
        Break::WrongBoundary => return opened.rename_boundary(),
        Break::NoClosingBoundary => return opened.cut_closing_boundary(),
        Break::HeaderWithoutColon => return opened.insert_bad_header(),
        Break::NoManifest => opened.edit_envelope(text::without_manifest)?,
        Break::UnreferencedPart => opened.add_stray_part(),
        Break::DanglingCid => opened.remove_last_part()?,
        Break::DoubledContentId => opened.double_last_part()?,
        Break::BadBase64 => opened.edit_base64(text::with_bad_base64)?,
        Break::TruncatedBase64 => opened.edit_base64(text::with_truncated_base64)?,
        Break::WrongLength => {
            opened
                .edit_envelope(|xml| text::with_length(xml, |length| length.saturating_add(1)))?;
        }
        Break::HalfLength => {
            opened.edit_envelope(|xml| text::with_length(xml, |length| length / 2))?;
        }
        Break::PercentEncoded => opened.edit_envelope(text::with_percent_codes)?,
        Break::EntityBomb => {
            opened.edit_payload(|xml| text::with_dtd(xml, &bomb::entities(), "&bomb;"))?;
        }
        Break::ExternalEntity => {
            let dtd = "<!DOCTYPE payload [<!ENTITY file SYSTEM \"file:///etc/passwd\">]>";
            opened.edit_payload(|xml| text::with_dtd(xml, dtd, "&file;"))?;
        }
        Break::Doctype => {
            opened.edit_payload(|xml| text::with_dtd(xml, "<!DOCTYPE payload>", ""))?;
        }
        Break::DeepNesting => opened.edit_payload(text::with_deep_nesting)?,
        Break::HundredThousandParts => opened.add_empty_parts(100_000),
        Break::NestedMultipart => opened.add_nested_multipart(),
        Break::ActionMismatch => opened.change_action()?,
        Break::NotXml => opened.edit_payload(|_| Some("this payload is no xml".into()))?,
        Break::NotUtf8 => opened.edit_payload(text::with_bad_utf8)?,
        Break::MissingNhsNumber => opened.edit_payload(text::without_nhs_number)?,
        Break::WrongCheckDigit => opened.edit_payload(text::with_wrong_check_digit)?,
        Break::AnotherPatient => opened.edit_payload(text::with_another_patient)?,
        Break::AnotherAuthor => opened.edit_payload(text::with_another_author)?,
        Break::LowerCaseMessageId => opened.lower_case_message_id()?,
        Break::LowerCaseIds => opened.lower_case_ids()?,
        Break::UnknownAsid => opened.edit_payload(text::with_unknown_asid)?,
        Break::Expired => opened.edit_envelope(text::expired)?,
        Break::GzipBomb => opened.plant_gzip_bomb()?,
    }
    Some(opened.close())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_break_is_found_by_its_name_and_says_what_it_does() {
        for how in Break::ALL {
            assert_eq!(how.name().parse::<Break>(), Ok(how));
            assert_eq!(serde_json::to_string(&how).unwrap(), format!("\"{how}\""));
            assert!(!how.describe().is_empty());
        }
        assert!("no-such-break".parse::<Break>().is_err());
    }
}
