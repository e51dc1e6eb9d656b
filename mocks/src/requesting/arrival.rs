//! A message at the door: what can be said of it even when it is malformed.

use gp2gp_model::directory::Directory;
use gp2gp_model::{ConversationId, Hl7MessageId};
use gp2gp_wire::hl7::Payload;
use gp2gp_wire::message::Received;

use crate::mhs::Address;

/// How much of a broken payload is looked at for its id.
const HEAD_BYTES: usize = 4_096;

/// A message that arrived.
pub(super) struct Arrival {
    pub(super) received: Received,
    /// `None`: malformed, or another interaction than its ebXML action says.
    pub(super) payload: Option<Payload>,
    /// Its HL7 id if that can be read, else its ebXML id.
    pub(super) id: Hl7MessageId,
    /// Where answers go; `None` if neither message nor directory say it.
    pub(super) sender: Option<Address>,
}

impl Arrival {
    /// Reads what can be read.
    pub(super) fn read(received: Received, directory: &Directory) -> Self {
        let payload = received
            .payload()
            .ok()
            .filter(|payload| received.interaction() == Some(payload.interaction()));
        let (id, sender) = match &payload {
            Some(payload) => {
                let wrapper = payload.wrapper();
                let sender = Address::of_sender(&received, wrapper);
                (wrapper.id.clone(), Some(sender))
            }
            None => (
                readable_id(&received.payload_xml)
                    .unwrap_or_else(|| Hl7MessageId::from(&received.header.message_id)),
                directory.by_party(&received.header.from).map(Address::from),
            ),
        };
        Self {
            received,
            payload,
            id,
            sender,
        }
    }

    pub(super) fn conversation(&self) -> &ConversationId {
        &self.received.header.conversation_id
    }
}

/// The `root` of the `id` that comes first inside the root element, in every dialect.
fn readable_id(xml: &[u8]) -> Option<Hl7MessageId> {
    let head = String::from_utf8_lossy(xml.get(..HEAD_BYTES).unwrap_or(xml));
    let mut elements = head.split('<').filter(|tag| is_element(tag));
    let first_child = elements.nth(1).filter(|tag| is_id(tag))?;
    let (_, value) = first_child.split_once("root=")?;
    let quote = value.chars().next()?;
    Hl7MessageId::parse(value.split(quote).nth(1)?).ok()
}

fn is_element(tag: &str) -> bool {
    tag.starts_with(|first: char| first.is_ascii_alphabetic())
}

fn is_id(tag: &str) -> bool {
    let name = tag.split([' ', '\t', '\r', '\n', '/', '>']).next();
    name.is_some_and(|name| name.rsplit(':').next() == Some("id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_broken_payload_is_read_with_and_without_a_prefix() {
        for xml in [
            "<?xml version='1.0'?><RCMR_IN030000UK06 xmlns=\"urn:hl7-org:v3\"><id root=\"AB-1\"/><creationTime",
            "<hl7:RCMR_IN030000UK06>\n<hl7:id type='II'  root='AB-1' /><broken",
        ] {
            let expected = Hl7MessageId::parse("AB-1").unwrap();
            assert_eq!(readable_id(xml.as_bytes()), Some(expected), "{xml}");
        }
        assert_eq!(readable_id(b"no xml at all"), None);
        assert_eq!(readable_id(b"<a><b><id root='AB-1'/>"), None);
    }
}
