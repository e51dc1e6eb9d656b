//! How a broken sending system misunderstands what it gets.

use bytes::Bytes;
use gp2gp_model::{ConversationId, Interaction, ResponseCode, Time};
use gp2gp_wire::hl7::{AckType, Acknowledgement, Hl7Error, Payload, XmlError};
use gp2gp_wire::message::Received;
use gp2gp_wire::{hl7, mime};

use super::super::letters::Correspondent;
use super::super::transfer::Transfer;
use super::super::{Case, Sending, Tag};
use super::Flaws;
use crate::defect::SendingDefect as Broken;
use crate::mhs::{Address, next_id};

impl Flaws {
    /// Whether a message is written in a way that it never learnt.
    pub(in super::super) fn is_deaf_to(&self, content_type: &str) -> bool {
        let start = mime::parameter(content_type, "start").unwrap_or_default();
        let is_of_others = ["ContentRoot", "soappart"].contains(&start.trim_matches(['<', '>']));
        is_of_others && self.has(Broken::DeafToOthers)
    }
}

impl Sending {
    /// What a message says, as this system understands it; `None` if it makes nothing of it.
    pub(in super::super) fn understand(
        &mut self,
        now: Time,
        received: &Received,
    ) -> Option<Result<Payload, Hl7Error>> {
        let payload = received.payload();
        if self.flaws.defects.is_empty() {
            return Some(payload);
        }
        match received.interaction() {
            Some(Interaction::EhrRequestUk05 | Interaction::EhrRequestUk06) => {
                self.understand_request(received, payload)
            }
            Some(
                Interaction::EhrExtractUk06
                | Interaction::EhrExtractUk07
                | Interaction::EhrExtractUk08
                | Interaction::Copc
                | Interaction::Acknowledgement,
            )
            | None => self.understand_answer(now, received, payload),
        }
    }

    fn understand_request(
        &self,
        received: &Received,
        payload: Result<Payload, Hl7Error>,
    ) -> Option<Result<Payload, Hl7Error>> {
        match payload {
            Err(Hl7Error::Xml(XmlError::Doctype)) if self.has(Broken::DeclarationsRead) => {
                Some(hl7::parse(&without_declaration(&received.payload_xml)))
            }
            Err(_) if self.has(Broken::SilentOnIncomplete) => None,
            Ok(_) | Err(_) => Some(payload),
        }
    }

    fn understand_answer(
        &mut self,
        now: Time,
        received: &Received,
        payload: Result<Payload, Hl7Error>,
    ) -> Option<Result<Payload, Hl7Error>> {
        let conversation = &received.header.conversation_id;
        match self.cases.get_key_value(conversation) {
            None => {
                if let Ok(payload) = &payload
                    && self.has(Broken::RefusesStrangers)
                {
                    self.refuse_stranger(now, received, payload);
                }
                return None;
            }
            Some((known, _))
                if known.as_str() != conversation.as_str() && self.has(Broken::LettersMatter) =>
            {
                return None;
            }
            Some(_) => {}
        }
        match payload {
            Ok(Payload::Continue(_)) if self.forgets_continue(now, conversation) => None,
            Ok(Payload::Acknowledgement(ack)) => {
                let ack = self.understand_ack(now, conversation, ack)?;
                Some(Ok(Payload::Acknowledgement(ack)))
            }
            Err(_) if self.has(Broken::StrayIsFatal) => {
                self.refuse_served(now, conversation);
                None
            }
            Ok(_) | Err(_) => Some(payload),
        }
    }

    /// Whether a Continue comes to nothing.
    fn forgets_continue(&mut self, now: Time, conversation: &ConversationId) -> bool {
        let Some(transfer) = self.open_transfer(conversation) else {
            return false;
        };
        let is_early = !transfer.core_accepted;
        if transfer.continued && self.has(Broken::ContinueStartsOver) {
            for fragment in self.flaws.fragments.clone() {
                self.outbox.send(now, &fragment, Tag::Loose);
            }
        }
        is_early && self.has(Broken::EarlyContinueForgotten)
    }

    fn understand_ack(
        &mut self,
        now: Time,
        conversation: &ConversationId,
        ack: Acknowledgement,
    ) -> Option<Acknowledgement> {
        if self.has(Broken::EarlyAckForgotten) && self.outbox.unsettled() > 0 {
            return None;
        }
        let is_of_spine = ack.type_code == AckType::Ar && ack.reason.is_none();
        // Spine would reject the reply, and be answered again: for ever.
        if self.has(Broken::AcknowledgesAcks)
            && !is_of_spine
            && let Some(transfer) = self.open_transfer(conversation)
        {
            let to = transfer.core.to.clone();
            let id = next_id(&mut self.flaws.ids);
            let reply = (self.office).answer(now, &to, id, ack.wrapper.id.clone(), None);
            self.send(now, reply, Tag::Loose);
        }
        let core = self.open_transfer(conversation)?.core.hl7_id().clone();
        let is_suppressed = ack.code().is_some_and(ResponseCode::says_filed);
        let taken_for_success =
            self.has(Broken::RefusalIsSuccess) || (is_of_spine && self.has(Broken::SpineNotHeard));
        Some(Acknowledgement {
            message_ref: if self.has(Broken::AnyAckCloses) {
                core
            } else {
                ack.message_ref
            },
            type_code: if taken_for_success {
                AckType::Aa
            } else {
                ack.type_code
            },
            reason: ack
                .reason
                .filter(|_| !(is_suppressed && self.has(Broken::SuppressedIsFailure))),
            detail: ack
                .detail
                .filter(|_| !(is_suppressed && self.has(Broken::SuppressedIsFailure))),
            wrapper: ack.wrapper,
        })
    }

    /// Refuses a message of an unknown conversation as if it were a request.
    fn refuse_stranger(&mut self, now: Time, received: &Received, payload: &Payload) {
        let to = Correspondent {
            address: Address::of_sender(received, payload.wrapper()),
            opening: received.header.clone(),
        };
        let mut ids = self.ids_of(&received.header.conversation_id);
        let code = ResponseCode::from("18");
        self.refuse(now, &to, payload.wrapper().id.clone(), code, &mut ids);
    }

    /// Refuses the request that it is serving.
    fn refuse_served(&mut self, now: Time, conversation: &ConversationId) {
        if let Some(transfer) = self.open_transfer(conversation) {
            let to = transfer.core.to.clone();
            let request = transfer.request_ref.clone();
            let id = next_id(&mut self.flaws.ids);
            let code = ResponseCode::from("99");
            let nack = (self.office).answer(now, &to, id, request, Some(code));
            self.send(now, nack, Tag::Loose);
        }
    }

    fn open_transfer(&self, conversation: &ConversationId) -> Option<&Transfer> {
        match self.cases.get(conversation) {
            Some(Case::Open(transfer)) => Some(transfer),
            Some(
                Case::Inquiring(_) | Case::Fetching(_) | Case::Confirming(..) | Case::Refused(..),
            )
            | None => None,
        }
    }
}

/// The text without its document type declaration and without what refers to that.
fn without_declaration(xml: &Bytes) -> Bytes {
    let text = String::from_utf8_lossy(xml);
    let Some((before, rest)) = text.split_once("<!DOCTYPE") else {
        return xml.clone();
    };
    let end = if rest.find('[') < rest.find('>') {
        "]>"
    } else {
        ">"
    };
    let (declaration, after) = rest.split_once(end).unwrap_or((rest, ""));
    let entities = declaration.split("<!ENTITY ").skip(1);
    let names = entities.filter_map(|entity| entity.split_whitespace().next());
    let plain = names.fold(after.to_owned(), |text, name| {
        text.replace(&format!("&{name};"), "")
    });
    format!("{before}{plain}").into()
}
