//! How the messages of a sending system are put together.

use gp2gp_model::directory::{Directory, Practice};
use gp2gp_model::manner::{ContentIds, Manner, ReferenceIds};
use gp2gp_model::{
    ContentId, DocumentId, EbxmlMessageId, Hl7MessageId, IdError, Interaction, OdsCode,
    ResponseCode, Time, interaction,
};
use gp2gp_wire::Dialect;
use gp2gp_wire::attachment::Wrap;
use gp2gp_wire::ebxml::{AckRequested, Header};
use gp2gp_wire::hl7::{Acknowledgement, Fragment, Gp2gpFragment, Payload, Wrapper};
use gp2gp_wire::message::{Attachment, Message};

use crate::mhs::{Address, Identity, NoContract};

/// Who writes and how, and the directory that says to whom.
#[derive(Debug, Clone)]
pub(super) struct Office {
    pub(super) identity: Identity,
    pub(super) manner: Manner,
    pub(super) directory: Directory,
}

/// The other side of one conversation.
#[derive(Debug, Clone)]
pub(super) struct Correspondent {
    pub(super) address: Address,
    /// Header of the message with which it opened the conversation.
    pub(super) opening: Header,
}

impl Office {
    pub(super) const fn dialect(&self) -> Dialect {
        self.identity.dialect
    }

    /// The practice behind an ODS code, if SDS lists exactly one (TD53).
    pub(super) fn only_practice(&self, ods: &OdsCode) -> Option<&Practice> {
        let mut found = (self.directory.practices.iter()).filter(|practice| practice.ods == *ods);
        found.next().filter(|_| found.next().is_none())
    }

    /// Wrapper of a message to this correspondent.
    pub(super) fn wrapper(
        &self,
        now: Time,
        to: &Correspondent,
        interaction: Interaction,
        id: Hl7MessageId,
    ) -> Wrapper {
        self.identity.wrapper(now, &to.address, interaction, id)
    }

    /// A message with this payload and these attachments.
    pub(super) fn message(
        &self,
        now: Time,
        to: &Correspondent,
        message_id: EbxmlMessageId,
        payload: Payload,
        attachments: Vec<Attachment>,
    ) -> Result<Message, NoContract> {
        Ok(Message {
            header: self.header(now, to, &payload, message_id)?,
            payload,
            attachments,
        })
    }

    /// The answer to a request: positive, or negative with a code.
    pub(super) fn answer(
        &self,
        now: Time,
        to: &Correspondent,
        message_id: EbxmlMessageId,
        message_ref: Hl7MessageId,
        code: Option<ResponseCode>,
    ) -> Message {
        let id = Hl7MessageId::from(&message_id);
        let wrapper = self.wrapper(now, to, Interaction::Acknowledgement, id);
        let payload = Payload::Acknowledgement(match code {
            None => Acknowledgement::positive(wrapper, message_ref),
            Some(code) => Acknowledgement::negative(wrapper, message_ref, code, self.dialect()),
        });
        Message {
            header: self.answering_header(now, to, &payload, message_id),
            payload,
            attachments: Vec::new(),
        }
    }

    /// Payload of a COPC that carries a document, a chunk of one, or an index. One id serves as
    /// ebXML message id, HL7 id and `message-id` (SND-37).
    pub(super) fn fragment(
        &self,
        now: Time,
        to: &Correspondent,
        recipient: &OdsCode,
        mid: &EbxmlMessageId,
        file_name: &str,
    ) -> Payload {
        let id = Hl7MessageId::from(mid);
        Payload::Fragment(Fragment {
            wrapper: self.wrapper(now, to, Interaction::Copc, id.clone()),
            information_code: "GP2GPLMATTACHMENTINFO".to_owned(),
            information_id: id.clone(),
            fragment: Gp2gpFragment {
                version: "01".to_owned(),
                recipients: vec![recipient.clone()],
                from: self.identity.practice.ods.clone(),
                subject: format!("Attachment: {file_name}"),
                message_id: id,
                in_order: true,
            },
            file_reference: Some(file_name.to_owned()),
        })
    }

    /// How the base64 text of attachments is laid out.
    pub(super) const fn wrap(&self) -> Wrap {
        match self.dialect() {
            Dialect::NationalMhs | Dialect::Spine => Wrap::None,
            Dialect::Tpp | Dialect::Emis | Dialect::Vision => Wrap::CrLf76,
        }
    }

    /// `Content-Id` of the part that carries a document.
    pub(super) fn content_id(&self, document: &DocumentId) -> Result<ContentId, IdError> {
        let host = match self.dialect() {
            Dialect::NationalMhs | Dialect::Spine => "spine.nhs.uk",
            Dialect::Tpp => "tpp-uk.com",
            Dialect::Emis => "e-mis.com",
            Dialect::Vision => "inps.co.uk",
        };
        ContentId::parse(&match self.manner.content_ids {
            ContentIds::Plain => format!("{document}@{host}"),
            ContentIds::Encoded => format!("{document}#1%@{host}"),
        })
    }

    /// `eb:id` of an attachment: an NCName unless the manner is another (SND-11).
    pub(super) fn reference_id(&self, document: &DocumentId) -> String {
        let id = document.as_str().to_ascii_uppercase();
        match self.manner.reference_ids {
            ReferenceIds::Underscore => format!("_{id}"),
            ReferenceIds::Bare => id,
        }
    }

    fn header(
        &self,
        now: Time,
        to: &Correspondent,
        payload: &Payload,
        message_id: EbxmlMessageId,
    ) -> Result<Header, NoContract> {
        let conversation = to.opening.conversation_id.clone();
        (self.identity).header(
            &self.directory,
            now,
            &to.address,
            payload,
            conversation,
            message_id,
        )
    }

    /// The header of an answer, which must find its way even to a practice that SDS does not
    /// list: then the contract under which its request came is the only one there is.
    fn answering_header(
        &self,
        now: Time,
        to: &Correspondent,
        payload: &Payload,
        message_id: EbxmlMessageId,
    ) -> Header {
        let opening = &to.opening;
        self.header(now, to, payload, message_id.clone())
            .unwrap_or_else(|_| Header {
                from: self.identity.practice.party_key.clone(),
                to: to.address.party_key.clone(),
                cpa_id: opening.cpa_id.clone(),
                conversation_id: opening.conversation_id.clone(),
                service: interaction::SERVICE.to_owned(),
                action: payload.interaction().id().to_owned(),
                message_id,
                timestamp: now.to_whole_second(),
                time_to_live: None,
                ref_to_message_id: None,
                duplicate_elimination: true,
                ack_requested: Some(AckRequested::next_msh()),
                sync_reply: None,
            })
    }
}
