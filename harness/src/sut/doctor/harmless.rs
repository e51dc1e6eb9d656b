//! A message that does no harm: an acknowledgement for a party that nobody is, of a message that
//! never was. A system that keeps to SEC-02 answers with an error list, any other with an
//! acknowledgment.

use gp2gp_model::{
    Asid, ConversationId, CpaId, EbxmlMessageId, Hl7MessageId, IdError, Interaction, PartyKey, Time,
};
use gp2gp_wire::ebxml::{AckRequested, Header};
use gp2gp_wire::hl7::{Acknowledgement, Payload, Wrapper};
use gp2gp_wire::{Dialect, Encoded, Message};

const MESSAGE: &str = "D0C70000-0000-4000-8000-000000000001";
const CONVERSATION: &str = "D0C70000-0000-4000-8000-000000000002";
const ACKNOWLEDGED: &str = "D0C70000-0000-4000-8000-000000000003";

pub(super) fn message(now: Time) -> Result<Encoded, IdError> {
    let action = Interaction::Acknowledgement.id();
    let header = Header {
        from: PartyKey::parse("GP2GP-DOCTOR")?,
        to: PartyKey::parse("GP2GP-NOBODY")?,
        cpa_id: CpaId::parse("GP2GP-DOCTOR-CPA")?,
        conversation_id: ConversationId::parse(CONVERSATION)?,
        service: "urn:nhs:names:services:gp2gp".to_owned(),
        action: action.to_owned(),
        message_id: EbxmlMessageId::parse(MESSAGE)?,
        timestamp: now.to_whole_second(),
        time_to_live: None,
        ref_to_message_id: None,
        duplicate_elimination: true,
        ack_requested: Some(AckRequested::next_msh()),
        sync_reply: None,
    };
    let sender = Asid::parse("200000009998")?;
    let wrapper = Wrapper {
        id: Hl7MessageId::parse(MESSAGE)?,
        creation_time: now.to_hl7(),
        version_code: "V3NPfIT3.1.10".to_owned(),
        root: action.to_owned(),
        interaction_id: action.to_owned(),
        recipient: Asid::parse("200000009999")?,
        author: Some(sender.clone()),
        sender,
    };
    let acknowledged = Hl7MessageId::parse(ACKNOWLEDGED)?;
    let message = Message {
        header,
        payload: Payload::Acknowledgement(Acknowledgement::positive(wrapper, acknowledged)),
        attachments: Vec::new(),
    };
    Ok(message.encode(Dialect::NationalMhs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_message_that_can_be_opened_and_is_for_nobody() {
        let encoded = message(Time::from_micros(1_767_603_600_000_000)).unwrap();
        let opened = gp2gp_wire::message::open(&encoded.content_type, &encoded.body).unwrap();
        assert_eq!(opened.header.to.as_str(), "GP2GP-NOBODY");
        assert!(matches!(opened.payload(), Ok(Payload::Acknowledgement(_))));
    }
}
