//! Messages that do no harm: an acknowledgement for a party that nobody is, of a message that
//! never was, and a request for the record of nobody. A system that keeps to SEC-02 answers the first
//! with an error list, any other with an acknowledgment.

use gp2gp_mocks::cast;
use gp2gp_mocks::mhs::Address;
use gp2gp_model::plan::{Plan, Role};
use gp2gp_model::{
    Asid, ConversationId, CpaId, EbxmlMessageId, Hl7MessageId, IdError, Interaction, PartyKey, Time,
};
use gp2gp_wire::ebxml::{AckRequested, Header};
use gp2gp_wire::hl7::{Acknowledgement, EhrRequest, Payload, RequestVersion, Wrapper};
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

/// A request of the plan's requesting practice, for a record that its sending practice does not have. Whoever
/// gets it has to ask who asks, or to say that there is nothing.
pub(super) fn request(plan: &Plan, now: Time) -> Option<Encoded> {
    let asks = cast::identity(plan, Role::Requesting).ok()?;
    let asked = cast::identity(plan, Role::Sending).ok()?.practice;
    let patient = plan.patients.first()?.nhs_number;
    // Not one that the system remembers from the last time.
    let id = |number: u32| {
        let micros = now.as_micros() & 0xFFFF_FFFF_FFFF;
        format!("D0C70000-0000-4000-{:04X}-{micros:012X}", 0x8000 + number)
    };
    let message_id = EbxmlMessageId::parse(&id(0)).ok()?;
    let to = Address::from(&asked);
    let version = RequestVersion::Uk05;
    let hl7_id = Hl7MessageId::from(&message_id);
    let payload = Payload::EhrRequest(EhrRequest {
        wrapper: asks.wrapper(now, &to, version.interaction(), hl7_id),
        version,
        id: id(1).parse().ok()?,
        patient,
        author: asks.practice.ods.clone(),
        destination: asked.ods,
    });
    let conversation = ConversationId::parse(&id(2)).ok()?;
    let header = asks.header(
        &plan.directory,
        now,
        &to,
        &payload,
        conversation,
        message_id,
    );
    let message = Message {
        header: header.ok()?,
        payload,
        attachments: Vec::new(),
    };
    Some(message.encode(Dialect::NationalMhs))
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
