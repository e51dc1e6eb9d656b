//! What Spine says itself: acknowledgments, refusals, and what it tells a sender later.

use std::str::FromStr;

use bytes::Bytes;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::{
    Asid, CpaId, EbxmlMessageId, IdError, Interaction, ResponseCode, Time, interaction,
};
use gp2gp_sim::Ids;
use gp2gp_wire::ebxml::{
    self, AckRequested, Acknowledgment, EBXML_SERVICE, EbxmlError, EbxmlErrorCode, ErrorList,
    Fault, Header, NEXT_MSH, NaspError, TO_PARTY_MSH,
};
use gp2gp_wire::hl7::{Acknowledgement, Payload, Wrapper};
use gp2gp_wire::limits::SPINE_MESSAGE_BYTES;
use gp2gp_wire::{Dialect, Message};

use super::PATH;
use super::admission::Refusal;
use crate::peer::{HttpRequest, HttpResponse};

/// Party key of Spine itself.
pub(super) const PARTY_KEY: &str = "YES-0000806";
/// ASID of Spine itself.
pub(super) const ASID: &str = "990000000806";

/// The only content type that deployed handlers read an error list from (spec 10).
const TEXT_XML: &str = "text/xml";
const ERRORS: &str = "urn:oasis:names:tc:ebxml-msg:service:errors";
const SYNC_REPLY: &str = "http://schemas.xmlsoap.org/soap/actor/next";
const UNKNOWN: &str = "unknown";

/// Why Spine brings a message that it took to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// No system of the recipient has the ASID that the message names (SND-53, SEC-03).
    NoSuchAsid,
    /// The safe exchange framework does not let the two practices exchange records.
    UnsafeExchange,
}

impl Obstacle {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::NoSuchAsid => ("506", INVALID_RECIPIENT_TEXT),
            Self::UnsafeExchange => ("SEF001", "Blocked by the safe exchange framework"),
        }
    }
}

const INVALID_RECIPIENT_TEXT: &str = "hl7:{interactionId}/hl7:communicationFunctionRcv/hl7:device/hl7:id/@extension is missing, empty, invalid or ACL violation";

/// Spine accepts: the answer with this acknowledgment.
pub(super) fn accepted(acknowledgment: Bytes) -> HttpResponse {
    text_xml(202, acknowledgment)
}

/// A SOAP fault that was planned.
pub(super) fn fault_on_purpose(code: &str) -> HttpResponse {
    let description = match code {
        "200" => "System failure to process message - default",
        "206" => "Routing failure",
        "208" => "Storage failure",
        _ => "Message cannot be processed",
    };
    fault(500, code, description)
}

/// A status without a word.
pub(super) fn nothing(status: u16) -> HttpResponse {
    HttpResponse {
        status,
        content_type: None,
        headers: Headers::default(),
        body: Bytes::new(),
    }
}

/// Writes what needs an id of its own.
#[derive(Debug)]
pub(super) struct Speaker {
    ids: Ids,
}

/// A message of Spine itself to a sender.
#[derive(Debug)]
pub(super) struct OwnMessage {
    pub(super) message_id: EbxmlMessageId,
    pub(super) request: HttpRequest,
}

impl Speaker {
    pub(super) const fn new(ids: Ids) -> Self {
        Self { ids }
    }

    /// "The next handler has it."
    pub(super) fn acknowledgment(&mut self, now: Time, message: &Header) -> Bytes {
        let text = ebxml::acknowledgment(&Acknowledgment {
            from: ours(PARTY_KEY),
            to: message.from.clone(),
            cpa_id: message.cpa_id.clone(),
            conversation_id: message.conversation_id.clone(),
            message_id: self.next_id(),
            ref_to_message_id: message.message_id.clone(),
            timestamp: now.to_whole_second(),
            actor: NEXT_MSH.to_owned(),
        });
        Bytes::from(text)
    }

    /// The answer to what is not taken.
    pub(super) fn refused(&mut self, now: Time, refusal: Refusal) -> HttpResponse {
        match refusal {
            Refusal::NoSuchService { path } => fault(404, "300", &format!("no service at {path}")),
            Refusal::TooLarge { bytes } => {
                let why = format!(
                    "message is {bytes} bytes long, at most {SPINE_MESSAGE_BYTES} are allowed"
                );
                fault(500, "300", &why)
            }
            Refusal::Message {
                header,
                code,
                description,
            } => {
                let list = self.error_list(now, header.as_deref(), code, description);
                text_xml(500, ebxml::error_list(&list).into())
            }
        }
    }

    /// An error list that was planned.
    pub(super) fn error_on_purpose(
        &mut self,
        now: Time,
        header: Option<&Header>,
        code: &str,
    ) -> HttpResponse {
        let code = EbxmlErrorCode::from_text(code);
        let why = "refused as planned".to_owned();
        let list = self.error_list(now, header, code, why);
        text_xml(500, ebxml::error_list(&list).into())
    }

    /// Tells a sender that its message could not be delivered.
    pub(super) fn delivery_failure(&mut self, now: Time, message: &Header) -> OwnMessage {
        let why = format!(
            "message {} could not be delivered to {}",
            message.message_id, message.to
        );
        let list = self.error_list(now, Some(message), EbxmlErrorCode::DeliveryFailure, why);
        let request = HttpRequest {
            method: Method::Post,
            path: PATH.to_owned(),
            soap_action: Some(format!("{EBXML_SERVICE}/MessageError")),
            content_type: TEXT_XML.to_owned(),
            headers: Headers::new(),
            body: ebxml::error_list(&list).into(),
        };
        OwnMessage {
            message_id: list.message_id,
            request,
        }
    }

    /// Tells a sender why its message goes nowhere. `cpa_id` is the sender's for acknowledgements.
    pub(super) fn refusal(
        &mut self,
        now: Time,
        refused: &Header,
        wrapper: &Wrapper,
        why: Obstacle,
        cpa_id: CpaId,
    ) -> OwnMessage {
        let message_id = self.next_id();
        let message = Message {
            header: Header {
                from: ours(PARTY_KEY),
                to: refused.from.clone(),
                cpa_id,
                conversation_id: refused.conversation_id.clone(),
                service: interaction::SERVICE.to_owned(),
                action: Interaction::Acknowledgement.id().to_owned(),
                message_id: message_id.clone(),
                timestamp: now.to_whole_second(),
                time_to_live: None,
                ref_to_message_id: Some(refused.message_id.clone()),
                duplicate_elimination: true,
                ack_requested: Some(AckRequested {
                    actor: TO_PARTY_MSH.to_owned(),
                    signed: false,
                }),
                sync_reply: Some(SYNC_REPLY.to_owned()),
            },
            payload: Payload::Acknowledgement(nack(now, &message_id, wrapper, why)),
            attachments: Vec::new(),
        };
        let encoded = message.encode(Dialect::Spine);
        OwnMessage {
            message_id,
            request: HttpRequest {
                method: Method::Post,
                path: PATH.to_owned(),
                soap_action: Some(encoded.soap_action),
                content_type: encoded.content_type,
                headers: Headers::new(),
                body: encoded.body,
            },
        }
    }

    /// Where the header cannot be read there is nobody to address: `unknown`.
    fn error_list(
        &mut self,
        now: Time,
        message: Option<&Header>,
        code: EbxmlErrorCode,
        description: String,
    ) -> ErrorList {
        ErrorList {
            from: ours(PARTY_KEY),
            to: message.map_or_else(|| ours(UNKNOWN), |header| header.from.clone()),
            cpa_id: message.map_or_else(|| ours(UNKNOWN), |header| header.cpa_id.clone()),
            conversation_id: message
                .map_or_else(|| ours(UNKNOWN), |header| header.conversation_id.clone()),
            message_id: self.next_id(),
            ref_to_message_id: message.map(|header| header.message_id.clone()),
            timestamp: now.to_whole_second(),
            errors: vec![EbxmlError {
                code,
                code_context: ERRORS.to_owned(),
                is_error: true,
                location: None,
                description,
            }],
        }
    }

    fn next_id(&mut self) -> EbxmlMessageId {
        ours(&self.ids.next_uuid())
    }
}

fn nack(
    now: Time,
    message_id: &EbxmlMessageId,
    refused: &Wrapper,
    why: Obstacle,
) -> Acknowledgement {
    let asid: Asid = ours(ASID);
    let action = Interaction::Acknowledgement.id();
    let wrapper = Wrapper {
        id: message_id.into(),
        creation_time: now.to_hl7(),
        version_code: "V3NPfIT3.0".to_owned(),
        root: action.to_owned(),
        interaction_id: action.to_owned(),
        recipient: refused.sender.clone(),
        sender: asid.clone(),
        author: Some(asid),
    };
    let (code, text) = why.words();
    let code = ResponseCode::from(code);
    let mut nack = Acknowledgement::negative(wrapper, refused.id.clone(), code, Dialect::Spine);
    if let Some(detail) = &mut nack.detail {
        detail.display_name = Some(text.to_owned());
    }
    nack
}

fn fault(status: u16, code: &str, description: &str) -> HttpResponse {
    let fault = Fault {
        code: "SOAP:Server".to_owned(),
        string: "Application Exception".to_owned(),
        errors: vec![NaspError {
            code_context: "urn:nhs:names:error:tms".to_owned(),
            code: code.to_owned(),
            severity: "Error".to_owned(),
            location: "Not Supported".to_owned(),
            description: description.to_owned(),
        }],
    };
    text_xml(status, ebxml::fault(&fault).into())
}

fn text_xml(status: u16, body: Bytes) -> HttpResponse {
    HttpResponse {
        status,
        content_type: Some(TEXT_XML.to_owned()),
        headers: Headers::new(),
        body,
    }
}

/// An identifier that this file spells out or draws.
fn ours<Id: FromStr<Err = IdError>>(text: &str) -> Id {
    match text.parse() {
        Ok(id) => id,
        Err(error) => unreachable!("{error}"),
    }
}
