//! Takes what Spine brings: every delivery is answered at once, and only what is for us, in time
//! and new reaches the owner.

use std::collections::BTreeMap;

use bytes::Bytes;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::{ConversationId, CpaId, EbxmlMessageId, PartyKey, Time};
use gp2gp_sim::Ids;
use gp2gp_wire::ebxml::{
    self, Acknowledgment, EbxmlError, EbxmlErrorCode, Envelope, ErrorList, Fault, Header,
    NaspError, TO_PARTY_MSH,
};
use gp2gp_wire::message::{self, Received};
use gp2gp_wire::mime;

use super::{Identity, next_message_id};
use crate::peer::{HttpRequest, HttpResponse};

/// The receiving side of a message handler.
#[derive(Debug)]
pub struct Inbox {
    party_key: PartyKey,
    ids: Ids,
    /// Senders' ids may collide between conversations (RCV-37), so both name a message.
    answered: BTreeMap<(ConversationId, EbxmlMessageId), HttpResponse>,
    /// How it is broken on purpose.
    carelessness: Carelessness,
    /// What arrives cannot be stored, so it is not taken: Spine will bring it again.
    disk_full: bool,
}

/// What a broken system does not look at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Carelessness {
    /// Whether a message was delivered before.
    pub(crate) repeats: bool,
    /// Whether a message is past its TimeToLive.
    pub(crate) time_to_live: bool,
    /// In which conversation a message was delivered before.
    pub(crate) conversations: bool,
}

/// What a delivery means to the owner of the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbound {
    /// A message to act on, for the first and only time.
    New(Box<Received>),
    /// Nothing to act on: a repeat, a refusal, or signalling.
    Answered,
    /// Spine says that a message of ours did not arrive.
    DeliveryFailed {
        /// Which message, where Spine says it.
        ref_to: Option<EbxmlMessageId>,
    },
}

impl Inbox {
    /// An inbox of this practice; `ids` names its acknowledgments.
    pub fn new(identity: &Identity, ids: Ids) -> Self {
        Self {
            party_key: identity.practice.party_key.clone(),
            ids,
            answered: BTreeMap::new(),
            carelessness: Carelessness::default(),
            disk_full: false,
        }
    }

    /// Whether what arrives can be stored.
    pub const fn set_disk_full(&mut self, disk_full: bool) {
        self.disk_full = disk_full;
    }

    /// The same, and careless.
    pub(crate) fn careless(self, carelessness: Carelessness) -> Self {
        Self {
            carelessness,
            ..self
        }
    }

    /// Takes a delivery: the answer to give at once, and what it means.
    pub fn take(&mut self, now: Time, request: &HttpRequest) -> (HttpResponse, Inbound) {
        if !request.method.is_post() {
            let answer = HttpResponse::method_not_allowed(&[Method::Post]);
            return (answer, Inbound::Answered);
        }
        if self.disk_full {
            return (cannot_store(), Inbound::Answered);
        }
        match message::open(&request.content_type, &request.body) {
            Ok(received) => self.take_message(now, received),
            Err(error) => match signal(request) {
                Some(Envelope::ErrorList(list)) => self.take_error_list(now, list),
                Some(Envelope::Acknowledgment(_)) => (ok(String::new()), Inbound::Answered),
                Some(Envelope::Message(..) | Envelope::Fault(_)) | None => {
                    (unreadable(&error.to_string()), Inbound::Answered)
                }
            },
        }
    }

    fn take_message(&mut self, now: Time, received: Received) -> (HttpResponse, Inbound) {
        let header = &received.header;
        if header.to != self.party_key {
            // SEC-02.
            let answer = self.message_error(
                now,
                header,
                EbxmlErrorCode::ValueNotRecognized,
                "501314:Invalid To Party Type attribute",
            );
            return (answer, Inbound::Answered);
        }
        let key = (header.conversation_id.clone(), header.message_id.clone());
        let known = self.answered.get(&key).or_else(|| {
            let mut any = self.answered.iter().filter(|((_, id), _)| *id == key.1);
            let of_any = any.next().map(|(_, answer)| answer);
            of_any.filter(|_| self.carelessness.conversations)
        });
        if let Some(answer) = known.filter(|_| !self.carelessness.repeats) {
            return (answer.clone(), Inbound::Answered);
        }
        let is_over = header.time_to_live.is_some_and(|until| until < now);
        if is_over && !self.carelessness.time_to_live {
            // SND-79, RCV-65.
            let answer = self.message_error(
                now,
                header,
                EbxmlErrorCode::TimeToLiveExpired,
                "message is past its TimeToLive",
            );
            return (answer, Inbound::Answered);
        }
        let answer = self.acknowledgment(Acknowledged::from(header));
        self.answered.insert(key, answer.clone());
        (answer, Inbound::New(Box::new(received)))
    }

    fn take_error_list(&mut self, now: Time, list: ErrorList) -> (HttpResponse, Inbound) {
        let key = (list.conversation_id.clone(), list.message_id.clone());
        if let Some(answer) = self.answered.get(&key) {
            return (answer.clone(), Inbound::Answered);
        }
        let answer = self.acknowledgment(Acknowledged {
            by: list.to,
            sender: list.from,
            cpa_id: list.cpa_id,
            conversation_id: list.conversation_id,
            message_id: list.message_id,
            timestamp: now.to_whole_second(),
        });
        self.answered.insert(key, answer.clone());
        let ref_to = list.ref_to_message_id;
        (answer, Inbound::DeliveryFailed { ref_to })
    }

    fn acknowledgment(&mut self, message: Acknowledged) -> HttpResponse {
        ok(ebxml::acknowledgment(&Acknowledgment {
            from: message.by,
            to: message.sender,
            cpa_id: message.cpa_id,
            conversation_id: message.conversation_id,
            message_id: next_message_id(&mut self.ids),
            ref_to_message_id: message.message_id,
            timestamp: message.timestamp,
            actor: TO_PARTY_MSH.to_owned(),
        }))
    }

    fn message_error(
        &mut self,
        now: Time,
        header: &Header,
        code: EbxmlErrorCode,
        description: &str,
    ) -> HttpResponse {
        ok(ebxml::error_list(&ErrorList {
            from: self.party_key.clone(),
            to: header.from.clone(),
            cpa_id: header.cpa_id.clone(),
            conversation_id: header.conversation_id.clone(),
            message_id: next_message_id(&mut self.ids),
            ref_to_message_id: Some(header.message_id.clone()),
            timestamp: now.to_whole_second(),
            errors: vec![EbxmlError {
                code,
                code_context: "urn:oasis:names:tc:ebxml-msg:service:errors".to_owned(),
                is_error: true,
                location: None,
                description: description.to_owned(),
            }],
        }))
    }
}

/// What an acknowledgment says of the message that it acknowledges.
struct Acknowledged {
    by: PartyKey,
    sender: PartyKey,
    cpa_id: CpaId,
    conversation_id: ConversationId,
    message_id: EbxmlMessageId,
    timestamp: Time,
}

impl From<&Header> for Acknowledged {
    fn from(header: &Header) -> Self {
        Self {
            by: header.to.clone(),
            sender: header.from.clone(),
            cpa_id: header.cpa_id.clone(),
            conversation_id: header.conversation_id.clone(),
            message_id: header.message_id.clone(),
            // Deployed handlers echo the received Timestamp (spec 10).
            timestamp: header.timestamp,
        }
    }
}

/// The envelope of a delivery that is no message: alone in the body, or first of its parts.
fn signal(request: &HttpRequest) -> Option<Envelope> {
    let multipart = mime::split(&request.content_type, &request.body).ok();
    let first = multipart.and_then(|multipart| multipart.parts.into_iter().next());
    let envelope = first.map_or_else(|| request.body.clone(), |part| part.body);
    ebxml::parse(&envelope).ok()
}

fn ok(body: String) -> HttpResponse {
    xml(200, body)
}

/// Not retriable: the same bytes would be as unreadable the next time.
fn unreadable(why: &str) -> HttpResponse {
    failure("SOAP:Client", "message cannot be read", "300", why)
}

/// Retriable: the next time there may be room.
fn cannot_store() -> HttpResponse {
    failure(
        "SOAP:Server",
        "message cannot be stored",
        "208",
        "disk is full",
    )
}

fn failure(code: &str, string: &str, national_code: &str, why: &str) -> HttpResponse {
    let fault = Fault {
        code: code.to_owned(),
        string: string.to_owned(),
        errors: vec![NaspError {
            code_context: "urn:nhs:names:error:tms".to_owned(),
            code: national_code.to_owned(),
            severity: "Error".to_owned(),
            location: "/".to_owned(),
            description: why.to_owned(),
        }],
    };
    xml(500, ebxml::fault(&fault))
}

fn xml(status: u16, body: String) -> HttpResponse {
    HttpResponse {
        status,
        content_type: Some("text/xml".to_owned()),
        headers: Headers::new(),
        body: Bytes::from(body),
    }
}
