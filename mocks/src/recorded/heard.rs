//! What can be told of a message by which it is recognised in another run.

use bytes::Bytes;
use gp2gp_model::{
    ConversationId, EbxmlMessageId, EhrRequestId, Hl7MessageId, Interaction, MessageKind,
    NhsNumber, Time,
};
use gp2gp_wire::hl7::Payload;
use gp2gp_wire::message;

/// A message, as far as it tells one course of a transfer from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Of which kind.
    pub kind: MessageKind,
    /// In which conversation.
    pub conversation: ConversationId,
    /// ebXML id.
    pub message_id: EbxmlMessageId,
    /// HL7 id, if the payload can be read.
    pub hl7_id: Option<Hl7MessageId>,
    /// Until when it lives.
    pub time_to_live: Option<Time>,
    /// Whose record it asks for or brings.
    pub patient: Option<NhsNumber>,
    /// Of a request: its id.
    pub request: Option<EhrRequestId>,
    /// Of an acknowledgement: what it says.
    pub verdict: Option<AckVerdict>,
}

/// What an acknowledgement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckVerdict {
    /// Of which message.
    pub names: Hl7MessageId,
    /// `None` if it is positive, otherwise its code, `?` where there is none.
    pub refusal: Option<String>,
}

impl Heard {
    /// Reads a message; `None` of what is none.
    pub fn read(content_type: &str, body: &Bytes) -> Option<Self> {
        let received = message::open(content_type, body).ok()?;
        let payload = received.payload().ok();
        let kind = match (&payload, received.interaction()) {
            (Some(payload), _) => payload.kind(),
            (None, interaction) => kind(interaction?),
        };
        let mut heard = Self {
            kind,
            conversation: received.header.conversation_id,
            message_id: received.header.message_id,
            hl7_id: payload.as_ref().map(|it| it.wrapper().id.clone()),
            time_to_live: received.header.time_to_live,
            patient: None,
            request: None,
            verdict: None,
        };
        match payload {
            Some(Payload::EhrRequest(request)) => {
                heard.patient = Some(request.patient);
                heard.request = Some(request.id);
            }
            Some(Payload::EhrExtract(extract)) => heard.patient = Some(extract.patient),
            Some(Payload::Acknowledgement(ack)) => {
                let code = || ack.code().map_or("?", |code| code.as_str()).to_owned();
                heard.verdict = Some(AckVerdict {
                    refusal: ack.is_negative().then(code),
                    names: ack.message_ref,
                });
            }
            Some(Payload::Continue(_) | Payload::Fragment(_)) | None => {}
        }
        Some(heard)
    }

    /// Whether a reference means this message: by its HL7 id, or by its ebXML id.
    pub fn is_named_by(&self, reference: &Hl7MessageId) -> bool {
        self.hl7_id.as_ref() == Some(reference)
            || Hl7MessageId::from(&self.message_id) == *reference
    }

    /// Whether it refuses something.
    pub fn is_refusal(&self) -> bool {
        (self.verdict.as_ref()).is_some_and(|verdict| verdict.refusal.is_some())
    }
}

/// Of a message whose payload cannot be read. A COPC is more often a fragment.
const fn kind(interaction: Interaction) -> MessageKind {
    match interaction {
        Interaction::EhrRequestUk05 | Interaction::EhrRequestUk06 => MessageKind::EhrRequest,
        Interaction::EhrExtractUk06 | Interaction::EhrExtractUk07 | Interaction::EhrExtractUk08 => {
            MessageKind::EhrExtract
        }
        Interaction::Copc => MessageKind::Fragment,
        Interaction::Acknowledgement => MessageKind::Acknowledgement,
    }
}
