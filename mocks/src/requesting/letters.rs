//! What a requesting system writes: the request, the Continue, acknowledgements.

use std::collections::BTreeMap;
use std::str::FromStr;

use gp2gp_model::directory::{Contract, Directory, Practice};
use gp2gp_model::{
    ConversationId, EbxmlMessageId, EhrRequestId, Hl7MessageId, Interaction, NhsNumber, OdsCode,
    ResponseCode, Time,
};
use gp2gp_sim::{Ids, Streams};
use gp2gp_wire::hl7::{
    Acknowledgement, CONTINUE_SUBJECT, Continue, EhrRequest, Gp2gpFragment, Payload,
};
use gp2gp_wire::message::Message;

use super::broken::Flaws;
use super::transfer::CoreRef;
use crate::defect::RequestingDefect;
use crate::mhs::version::request_version;
use crate::mhs::{Address, Found, Identity, NoContract, Outbox, next_id};

/// Writes and sends.
pub(super) struct Letters {
    identity: Identity,
    flaws: Flaws,
    ids: Ids,
    message_ids: MessageIds,
    pub(super) outbox: Outbox<Letter>,
    /// What must not get lost without a consequence, for delivery failures that Spine reports later.
    vital: BTreeMap<EbxmlMessageId, Letter>,
}

/// Where the ids of messages come from.
pub(super) enum MessageIds {
    /// No two messages have the same.
    Unique,
    /// Every conversation has those of every other.
    Repeated(Streams, BTreeMap<ConversationId, Ids>),
}

/// What was sent, to recognise what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Letter {
    /// The request of this conversation.
    Request(ConversationId),
    /// The Continue of this conversation for the core with this message id.
    Continue(ConversationId, EbxmlMessageId),
    /// An acknowledgement; nothing follows from its loss.
    Acknowledgement,
}

impl Letters {
    pub(super) fn new(identity: Identity, flaws: Flaws, ids: Ids, message_ids: MessageIds) -> Self {
        Self {
            outbox: Outbox::new(identity.dialect),
            identity,
            flaws,
            ids,
            message_ids,
            vital: BTreeMap::new(),
        }
    }

    /// What SDS said so far.
    pub(super) const fn directory(&self) -> &Directory {
        self.outbox.directory()
    }

    pub(super) fn learn(
        &mut self,
        Found {
            practice,
            contracts,
        }: Found,
    ) {
        self.outbox.directory_mut().learn(practice, contracts);
    }

    pub(super) fn learn_contract(&mut self, contract: Contract) {
        self.outbox.directory_mut().learn_contract(contract);
    }

    pub(super) fn next_id<I: FromStr>(&mut self) -> I {
        next_id(&mut self.ids)
    }

    /// The id of the next message of a conversation.
    fn next_message_id(&mut self, conversation: &ConversationId) -> EbxmlMessageId {
        match &mut self.message_ids {
            MessageIds::Unique => next_id(&mut self.ids),
            MessageIds::Repeated(streams, started) => {
                let fresh = || Ids::new(streams.stream("requesting/every conversation"));
                next_id(started.entry(conversation.clone()).or_insert_with(fresh))
            }
        }
    }

    /// Asks a practice for a record; gives the id of the message.
    pub(super) fn request(
        &mut self,
        now: Time,
        conversation: &ConversationId,
        id: &EhrRequestId,
        patient: NhsNumber,
        from: &Practice,
    ) -> Result<Hl7MessageId, NoContract> {
        let to = Address::from(from);
        let message_id = self.next_message_id(conversation);
        let hl7_id = Hl7MessageId::from(&message_id);
        let own = &self.identity.practice.interactions;
        let version = request_version(own, &from.interactions).ok_or_else(|| NoContract {
            party_key: to.party_key.clone(),
            interaction: Interaction::EhrRequestUk05,
        })?;
        let version = self.flaws.version(version);
        let interaction = version.interaction();
        let payload = Payload::EhrRequest(EhrRequest {
            wrapper: self.identity.wrapper(now, &to, interaction, hl7_id.clone()),
            version,
            id: id.clone(),
            patient: self.flaws.patient(patient),
            author: self.identity.practice.ods.clone(),
            destination: from.ods.clone(),
        });
        let letter = Letter::Request(conversation.clone());
        self.send(now, &to, conversation, message_id, payload, letter)?;
        Ok(hl7_id)
    }

    /// Asks for what a core promises. The core is named by its ebXML message id, which a sending
    /// system surely knows; where both ids are equal there is no choice to make (spec 10, Ids).
    pub(super) fn continue_core(
        &mut self,
        now: Time,
        conversation: &ConversationId,
        core: &CoreRef,
    ) -> Result<(), NoContract> {
        let message_id = self.next_message_id(conversation);
        let hl7_id = Hl7MessageId::from(&message_id);
        let core_id = Hl7MessageId::from(&core.message_id);
        let mut message = Continue {
            wrapper: self
                .identity
                .wrapper(now, &core.sender, Interaction::Copc, hl7_id.clone()),
            information_code: "GP2GP_PI".to_owned(),
            fragment: self.fragment(core.practice.clone(), hl7_id),
            ack_type: "AA".to_owned(),
            detail_type: "IF".to_owned(),
            detail_code: "0".to_owned(),
            message_ref: core_id.clone(),
            acknowledged_message: Some(core_id),
        };
        let ids = &mut self.ids;
        self.flaws.spoil_continue(&mut message, || next_id(ids));
        let payload = Payload::Continue(message);
        let letter = Letter::Continue(conversation.clone(), core.message_id.clone());
        self.send(now, &core.sender, conversation, message_id, payload, letter)
    }

    /// Acknowledges a message: positively, or with a code.
    pub(super) fn acknowledge(
        &mut self,
        now: Time,
        to: &Address,
        conversation: &ConversationId,
        message_ref: Hl7MessageId,
        code: Option<ResponseCode>,
    ) -> Result<(), NoContract> {
        let message_id = self.next_message_id(conversation);
        let hl7_id = Hl7MessageId::from(&message_id);
        let wrapper = self
            .identity
            .wrapper(now, to, Interaction::Acknowledgement, hl7_id);
        let mut acknowledgement = match self.flaws.code(code) {
            None => Acknowledgement::positive(wrapper, message_ref),
            Some(code) => {
                Acknowledgement::negative(wrapper, message_ref, code, self.identity.dialect)
            }
        };
        let (own, ids) = (&self.identity.practice.asid, &mut self.ids);
        self.flaws
            .spoil_acknowledgement(&mut acknowledgement, own, || next_id(ids));
        let payload = Payload::Acknowledgement(acknowledgement);
        let letter = Letter::Acknowledgement;
        self.send(now, to, conversation, message_id, payload, letter)
    }

    /// What a message was whose delivery failed, if its loss matters.
    pub(super) fn vital(&self, message_id: &EbxmlMessageId) -> Option<Letter> {
        self.vital.get(message_id).cloned()
    }

    fn fragment(&self, recipient: OdsCode, message_id: Hl7MessageId) -> Gp2gpFragment {
        Gp2gpFragment {
            version: "01".to_owned(),
            recipients: vec![recipient],
            from: self.identity.practice.ods.clone(),
            subject: CONTINUE_SUBJECT.to_owned(),
            message_id,
            in_order: true,
        }
    }

    fn send(
        &mut self,
        now: Time,
        to: &Address,
        conversation: &ConversationId,
        message_id: EbxmlMessageId,
        payload: Payload,
        letter: Letter,
    ) -> Result<(), NoContract> {
        let header = self.identity.header(
            self.outbox.directory(),
            now,
            to,
            &payload,
            conversation.clone(),
            message_id.clone(),
        )?;
        match &letter {
            Letter::Request(_) | Letter::Continue(..) => {
                self.vital.insert(message_id, letter.clone());
            }
            Letter::Acknowledgement => {}
        }
        let mut message = Message {
            header,
            payload,
            attachments: Vec::new(),
        };
        self.flaws.spoil_request(&mut message);
        match &letter {
            Letter::Acknowledgement if self.flaws.has(RequestingDefect::AcksPostedOnce) => {
                self.outbox.send_once(now, &message, letter);
            }
            Letter::Request(_) | Letter::Continue(..) | Letter::Acknowledgement => {
                self.outbox.send(now, &message, letter);
            }
        }
        Ok(())
    }
}
