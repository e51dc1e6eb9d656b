//! How a requesting system is broken on purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gp2gp_model::trace::Observation;
use gp2gp_model::{Asid, ConversationId, Hl7MessageId, NhsNumber, ResponseCode, Time};
use gp2gp_wire::attachment::{Description, DescriptionStyle};
use gp2gp_wire::hl7::{AckReason, Acknowledgement, Continue, Payload, RequestVersion};
use gp2gp_wire::message::{Attachment, Location, Message, Received};

use super::Requesting;
use super::document::Stored;
use super::transfer::{CoreRef, Reply, Transfer};
use crate::defect::RequestingDefect;

/// No plan gives anybody this number.
const NOBODYS_SERIAL: u32 = 999_900;

/// The defects of a system, known to all its parts.
#[derive(Debug, Clone)]
pub(super) struct Flaws(Arc<[RequestingDefect]>);

/// What only a broken system remembers, or one that is told to misbehave.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Cores that were taken.
    pub(super) cores: BTreeMap<ConversationId, CoreRef>,
    /// Conversations whose request was acknowledged.
    pub(super) acknowledged: BTreeSet<ConversationId>,
    /// A message could not be read, and nothing behind it is looked at.
    pub(super) is_stuck: bool,
}

impl Flaws {
    pub(super) fn new(defects: &[RequestingDefect]) -> Self {
        Self(defects.into())
    }

    pub(super) fn has(&self, defect: RequestingDefect) -> bool {
        self.0.contains(&defect)
    }

    /// The version in which it asks where it should ask in this one.
    pub(super) fn version(&self, due: RequestVersion) -> RequestVersion {
        match self.has(RequestingDefect::AsksInOldVersion) {
            true => RequestVersion::Uk05,
            false => due,
        }
    }

    /// Makes every request one of the newest version, under the contract of the right one: for the
    /// newest there may be none.
    pub(super) fn spoil_request(&self, message: &mut Message) {
        if let Payload::EhrRequest(request) = &mut message.payload
            && self.has(RequestingDefect::AsksInNewestVersion)
        {
            let newest = RequestVersion::Uk06;
            request.version = newest;
            newest
                .interaction()
                .id()
                .clone_into(&mut request.wrapper.root);
            (request.wrapper.interaction_id).clone_from(&request.wrapper.root);
            message.header.action.clone_from(&request.wrapper.root);
        }
    }

    /// `unknown` gives an id that no message has.
    pub(super) fn spoil_acknowledgement(
        &self,
        ack: &mut Acknowledgement,
        own: &Asid,
        unknown: impl FnOnce() -> Hl7MessageId,
    ) {
        if self.has(RequestingDefect::AcksNameNothing) {
            ack.message_ref = unknown();
        }
        if self.has(RequestingDefect::AcksStayHome) {
            ack.wrapper.recipient = own.clone();
        }
        if !ack.is_negative() {
            if self.has(RequestingDefect::ReasonForAcceptance) {
                ack.reason = Some(AckReason {
                    code: ResponseCode::from("99"),
                    code_system: None,
                    display_name: None,
                    qualifier: None,
                });
            }
            return;
        }
        if self.has(RequestingDefect::BareRefusal) {
            ack.reason = None;
        }
        if self.has(RequestingDefect::WordsOfItsOwn) {
            let names = [
                ack.reason.as_mut().map(|reason| &mut reason.display_name),
                ack.detail.as_mut().map(|detail| &mut detail.display_name),
            ];
            for name in names.into_iter().flatten() {
                *name = Some("that went wrong".to_owned());
            }
        }
    }

    /// `unknown` gives an id that no message has.
    pub(super) fn spoil_continue(
        &self,
        message: &mut Continue,
        unknown: impl FnOnce() -> Hl7MessageId,
    ) {
        if self.has(RequestingDefect::ContinueWithWrongCode) {
            "1".clone_into(&mut message.detail_code);
        }
        if self.has(RequestingDefect::ContinueNamesNothing) {
            let unknown = unknown();
            message.acknowledged_message = Some(unknown.clone());
            message.message_ref = unknown;
        }
    }

    pub(super) fn patient(&self, patient: NhsNumber) -> NhsNumber {
        let another = (NOBODYS_SERIAL..).find_map(NhsNumber::synthetic);
        another
            .filter(|_| self.has(RequestingDefect::AsksForAnother))
            .unwrap_or(patient)
    }

    pub(super) fn code(&self, code: Option<ResponseCode>) -> Option<ResponseCode> {
        code.map(|code| match self.has(RequestingDefect::DeprecatedCode) {
            true => ResponseCode::from("05"),
            false => code,
        })
    }

    /// A record as it is kept, the record itself first.
    pub(super) fn spoil_record(&self, record: &mut Vec<Stored>) {
        if self.has(RequestingDefect::LastDocumentLost) && record.len() > 1 {
            record.pop();
        }
        for stored in record.iter_mut() {
            if self.has(RequestingDefect::PlaceholdersUnknown) {
                stored.placeholder = false;
            }
            if self.has(RequestingDefect::AsciiOnly) {
                stored.file_name = stored.file_name.replace(|c: char| !c.is_ascii(), "?");
            }
        }
        if self.has(RequestingDefect::NamesOverwrite) {
            let by_name = record
                .drain(..)
                .map(|stored| (stored.file_name.clone(), stored));
            let kept: BTreeMap<_, _> = by_name.collect();
            record.extend(kept.into_values());
        }
    }

    /// Whether an extract is refused for how its references are written.
    pub(super) fn dislikes(&self, extract: &Received) -> bool {
        let is_encoded = !extract.encoded_cids.is_empty();
        let is_wrong = extract.attachments.iter().any(has_wrong_length);
        (is_encoded && self.has(RequestingDefect::IdsAsWritten))
            || (is_wrong && self.has(RequestingDefect::LengthsMustFit))
    }
}

impl Requesting {
    pub(super) fn says_nothing(&self, of_refusal: &str) -> bool {
        match of_refusal {
            "09" => self.is_broken(RequestingDefect::SilentOnUnrequested),
            "12" => self.is_broken(RequestingDefect::SilentOnCopy),
            _ => false,
        }
    }

    pub(super) fn revive(&mut self, now: Time, conversation: &ConversationId) {
        let is_over = (self.transfers.get(conversation)).is_some_and(Transfer::is_over);
        let core = self.memory.cores.get(conversation).cloned();
        if let (true, Some(core)) = (
            is_over && self.is_broken(RequestingDefect::LateAckRevives),
            core,
        ) {
            self.carry_out(now, conversation, Reply::Continue(core));
        }
    }

    /// Asks again for what every open transfer waits for.
    pub(super) fn forget_continues(&mut self, now: Time) {
        if !self.is_broken(RequestingDefect::ForgetsContinue) {
            return;
        }
        for (conversation, core) in self.memory.cores.clone() {
            let transfer = self.transfers.get(&conversation);
            if transfer.is_some_and(|transfer| !transfer.is_over()) {
                self.carry_out(now, &conversation, Reply::Continue(core));
            }
        }
    }
}

/// Files every document under the patient who is named first.
pub(super) fn mix_patients(observations: &mut [Observation]) {
    let mut first = None;
    for observation in observations {
        match observation {
            Observation::Stored { patient, .. } => *patient = *first.get_or_insert(*patient),
            Observation::Transfer { .. } | Observation::InStore { .. } => {}
        }
    }
}

fn has_wrong_length(attachment: &Attachment) -> bool {
    let description = attachment.description.as_deref().unwrap_or_default();
    match (DescriptionStyle::read(description), &attachment.location) {
        (
            DescriptionStyle::Grammar(Description {
                length: Some(length),
                ..
            }),
            Location::Inline(inline),
        ) => length != inline.body.len() as u64,
        (_, _) => false,
    }
}
