//! Whether a request is served.

use gp2gp_model::{Hl7MessageId, ResponseCode};
use gp2gp_wire::hl7::EhrRequest;

use super::Holding;
use super::inquiry::Registered;

/// Looks for the first reason to refuse a readable request, in the order of the national decision:
/// the patient here, the requester next, then the registration and the record. Gives what is held,
/// or the code.
pub(super) fn before_pds<'a>(
    request: &EhrRequest,
    holding: Option<&'a Holding>,
) -> Result<&'a Holding, ResponseCode> {
    if !request.patient.check_digit_fits() {
        return Err(ResponseCode::from("18"));
    }
    (holding.filter(|holding| holding.plan.held)).ok_or_else(|| ResponseCode::from("06"))
}

/// The same, once it is known where the patient is registered.
pub(super) fn after_pds(
    request: &EhrRequest,
    registered: &Registered,
    holding: &Holding,
) -> Result<(), ResponseCode> {
    let practice = registered.as_ref().map_err(Clone::clone)?;
    if practice.as_ref() != Some(&request.author) {
        return Err(ResponseCode::from("19"));
    }
    match (holding.plan.record_bytes, &holding.plan.awaited_from) {
        (1.., _) => Ok(()),
        (0, None) => Err(ResponseCode::from("10")),
        // There is a record, and it has not come from the practice before.
        (0, Some(_)) => Err(ResponseCode::from("99")),
    }
}

/// The id of an HL7 message whose rest cannot be read: `root` of the element `id` right below
/// the root element. Works on any text; a real message always has it near its beginning.
pub(super) fn readable_id(payload: &[u8]) -> Option<Hl7MessageId> {
    let text = String::from_utf8_lossy(payload.get(..4_096).unwrap_or(payload));
    let mut tags = text
        .split('<')
        .skip(1)
        .filter(|tag| !tag.starts_with(['?', '!']));
    let _root = tags.next()?;
    let id = tags.next()?;
    let (name, attributes) = id.split_once(char::is_whitespace)?;
    if name.rsplit(':').next() != Some("id") {
        return None;
    }
    let (_, after) = attributes.split_once("root")?;
    let value = after.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (value, _) = value.get(1..)?.split_once(quote)?;
    Hl7MessageId::parse(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_broken_message_is_read_from_its_beginning() {
        let id = |text: &str| readable_id(text.as_bytes()).map(|id| id.to_string());
        let known = Some("6E242658-3D8E-41E3-A7DC-172BDA00FA67".to_owned());
        let plain = r#"<?xml version="1.0"?><RCMR xmlns="urn:hl7-org:v3">
            <id root="6E242658-3D8E-41E3-A7DC-172BDA00FA67"/><creationTime value="#;
        assert_eq!(id(plain), known);
        let prefixed = "<h:R><h:id\n  root = '6E242658-3D8E-41E3-A7DC-172BDA00FA67' /><h:x";
        assert_eq!(id(prefixed), known);
    }

    #[test]
    fn an_id_further_down_is_not_the_id_of_the_message() {
        let text = br#"<R><creationTime value="1"/><id root="1.2.826.0.1285.0.2.0.107"/>"#;
        assert_eq!(readable_id(text), None);
        assert_eq!(readable_id(b""), None);
        assert_eq!(readable_id(b"<R><id root=\""), None);
        assert_eq!(readable_id("<R><id root=\u{a3}x".as_bytes()), None);
    }
}
