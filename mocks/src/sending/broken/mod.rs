//! How a sending system is broken on purpose: what it forgets to look at (here), how it spoils
//! what it sends (`message`, `post`), and how it misunderstands what it gets (`misread`).

mod content;
mod message;
mod misread;
mod post;

use std::collections::BTreeSet;

use gp2gp_model::directory::Practice;
use gp2gp_model::manner::{ChunkEnds, CoreIds};
use gp2gp_model::trace::Observation;
use gp2gp_model::{
    ConversationId, EbxmlMessageId, Hl7MessageId, Interaction, NhsNumber, OdsCode, ResponseCode,
    Time, interaction,
};
use gp2gp_sim::Ids;
use gp2gp_wire::ebxml::{AckRequested, Header};
use gp2gp_wire::hl7::{EhrRequest, ExtractVersion};
use gp2gp_wire::message::Message;

use super::core_extract::{Core, Enclosed, Order};
use super::fetch::{Fetched, Linked};
use super::letters::Correspondent;
use super::transfer::Transfer;
use super::{Case, Sending, SendingConfig, Tag};
use crate::defect::SendingDefect;
use crate::mhs::version::plain_extract;
use crate::mhs::{Address, Carelessness, Inbox, next_id};
use crate::synthetic::{Patient, RecordSpec};

/// The defects of a system, and what only a broken one remembers.
pub(super) struct Flaws {
    defects: Vec<SendingDefect>,
    ids: Ids,
    /// Extracts that were sent.
    cores: BTreeSet<Hl7MessageId>,
    /// Fragments that were sent, kept by a system that sends them again.
    fragments: Vec<Message>,
    /// An extract was made in place of one that Spine did not take.
    made_another: bool,
    /// The first access token.
    token: Option<String>,
}

impl Flaws {
    pub(super) const fn new(defects: Vec<SendingDefect>, ids: Ids) -> Self {
        Self {
            defects,
            ids,
            cores: BTreeSet::new(),
            fragments: Vec::new(),
            made_another: false,
            token: None,
        }
    }

    pub(super) fn has(&self, defect: SendingDefect) -> bool {
        self.defects.contains(&defect)
    }

    /// Whether it takes care of entries that the patient must not see.
    pub(super) fn hides(&self, record: &RecordSpec) -> bool {
        let careless = [
            SendingDefect::HidesNothing,
            SendingDefect::MarksForEverybody,
        ];
        record.redactions && !careless.into_iter().any(|defect| self.has(defect))
    }

    /// The version in which it answers where it should answer in this one.
    pub(super) fn version(&self, due: ExtractVersion) -> ExtractVersion {
        match self.has(SendingDefect::AnswersInOldVersion) {
            true => ExtractVersion::Uk06,
            false => due,
        }
    }

    /// Whether this reason to refuse a request is none to this system.
    pub(super) fn disregard(&self, code: &ResponseCode) -> bool {
        let defect = match code.as_str() {
            "07" => SendingDefect::ServesSwitchedOff,
            "10" => SendingDefect::EmptyRecordSent,
            "14" | "23" => SendingDefect::LargeForEverybody,
            "18" => SendingDefect::CheckDigitIgnored,
            "19" => SendingDefect::ServesFormerPractice,
            "24" => SendingDefect::ServesUnlisted,
            _ => return false,
        };
        self.has(defect)
    }

    /// The code with which it refuses a record because of a document that it cannot get.
    pub(super) fn give_up_over(&self, documents: &[Enclosed<'_>]) -> Option<ResponseCode> {
        let mut missing = (documents.iter()).filter(|enclosed| enclosed.fetched.content.is_err());
        let is_fatal = missing.any(|Enclosed { document, .. }| {
            let is_odd = (document.file_name).contains(['"', '\'', '<', '>', '&']);
            self.has(SendingDefect::MissingIsFatal)
                || (is_odd && self.has(SendingDefect::OddNamesAreFatal))
        });
        is_fatal.then(|| ResponseCode::from("10"))
    }

    /// Whether it owes its requester an answer and does not know.
    pub(super) fn withhold_answer(&self, transfer: &Transfer) -> bool {
        self.has(SendingDefect::NeverAnswers)
            || (self.has(SendingDefect::WaitsForContinue) && !transfer.continued)
    }

    /// What it says of a transfer.
    pub(super) fn tell(&self, mut observation: Observation) -> Observation {
        if let Observation::Transfer { print_state, .. } = &mut observation
            && self.has(SendingDefect::NothingToPrint)
        {
            *print_state = None;
        }
        observation
    }
}

/// A record that nobody asked for, while its documents are fetched.
pub(super) struct Unrequested {
    patient: NhsNumber,
    requester: OdsCode,
    to: Correspondent,
    ids: Ids,
}

/// Settings that no practice would choose.
pub(super) fn misconfigure(mut config: SendingConfig) -> SendingConfig {
    for defect in config.defects.clone() {
        if defect == SendingDefect::TwoIds {
            config.manner.core_ids = CoreIds::Split;
        }
        if defect == SendingDefect::ChunksCutAnywhere {
            config.manner.cut = ChunkEnds::Uneven;
        }
        if defect == SendingDefect::NoSizeLimit {
            config.message_limit = 12_000_000;
        }
        if defect == SendingDefect::ThresholdIgnored {
            config.attachment_threshold = 4_600_000;
        }
    }
    config
}

/// An inbox that looks at what it should not, or not at what it should.
pub(super) fn inbox(sound: Inbox, defects: &[SendingDefect]) -> Inbox {
    let takes_repeats = [
        SendingDefect::AcknowledgesAcks,
        SendingDefect::ContinueStartsOver,
    ];
    sound.careless(Carelessness {
        repeats: (defects.iter()).any(|defect| takes_repeats.contains(defect)),
        time_to_live: false,
        ..Carelessness::default()
    })
}

impl Sending {
    pub(super) fn has(&self, defect: SendingDefect) -> bool {
        self.flaws.has(defect)
    }

    /// Any other synthetic patient, if possible one that is held.
    pub(super) fn somebody_else_than(&self, patient: NhsNumber) -> NhsNumber {
        let held = self.holdings.keys().copied();
        held.chain((0..100).filter_map(NhsNumber::synthetic))
            .find(|number| *number != patient)
            .unwrap_or(patient)
    }

    /// Sends a record of the patient that was asked for, made up on the spot.
    pub(super) fn send_all_the_same(
        &mut self,
        now: Time,
        to: Correspondent,
        request: &EhrRequest,
        ids: &mut Ids,
    ) {
        let record = RecordSpec {
            patient: Patient {
                nhs_number: request.patient,
                ..Patient::generate(0, 0)
            },
            practice: self.office.identity.practice.ods.clone(),
            target_bytes: 20_000,
            documents: Vec::new(),
            linked: None,
            entries: Vec::new(),
            redactions: false,
            seed: 0,
            recorded_at: now,
        };
        let order = Order {
            now,
            to,
            requester: request.author.clone(),
            request: request.id.clone(),
            version: plain_extract(request.version),
            record_target: request.patient,
            record: &record,
            documents: Vec::new(),
            spool: &self.spool,
            limits: self.limits,
            large_messaging: false,
        };
        if let Some(message) = self.loose_core(order, ids) {
            self.send(now, message, Tag::Loose);
        }
    }

    /// What was under way when the process went down is made anew, as if it had never been.
    pub(super) fn start_over(&mut self, now: Time) {
        if self.has(SendingDefect::NewMessageAfterCrash) {
            let open: Vec<_> = self.cases.keys().cloned().collect();
            for conversation in open {
                self.change(now, &conversation, |transfer, office| {
                    transfer.repeat_core(now, office);
                });
            }
        }
    }

    /// A request came again.
    pub(super) fn requested_again(&mut self, now: Time, conversation: &ConversationId) {
        if self.has(SendingDefect::ServesTwice) {
            self.change(now, conversation, |transfer, office| {
                transfer.repeat_core(now, office);
            });
        }
    }

    /// Whether another extract is made in place of one that Spine did not take.
    pub(super) fn try_another(&mut self, now: Time, conversation: &ConversationId) -> bool {
        let tries = self.has(SendingDefect::NewMessageForRetry)
            && !std::mem::replace(&mut self.flaws.made_another, true);
        if tries {
            self.change(now, conversation, |transfer, office| {
                transfer.repeat_core(now, office);
            });
        }
        tries
    }

    /// Acknowledges the request of a patient whose record it sent: what a healthy system does once.
    pub(super) fn acknowledge_again(
        &mut self,
        now: Time,
        patient: NhsNumber,
        code: Option<&ResponseCode>,
        times: u32,
    ) {
        let mut cases = self.cases.values_mut();
        let transfer = cases.find_map(|case| match case {
            Case::Open(transfer) if transfer.patient == patient => Some(transfer),
            Case::Open(_)
            | Case::Inquiring(_)
            | Case::Fetching(_)
            | Case::Confirming(..)
            | Case::Refused(..) => None,
        });
        let Some(transfer) = transfer else { return };
        for _ in 0..times {
            let id = next_id(&mut transfer.ids);
            let (to, request) = (&transfer.core.to, transfer.request_ref.clone());
            let answer = self.office.answer(now, to, id, request, code.cloned());
            self.outbox.send(now, &answer, Tag::Loose);
        }
    }

    /// Begins to send a record that nobody asked for, if there is one and somebody to send it to.
    pub(super) fn send_unrequested(&mut self, now: Time, patient: NhsNumber, to: &OdsCode) {
        let holding = self.holdings.get(&patient);
        let (Some(holding), Some(practice)) = (holding, self.office.only_practice(to)) else {
            return;
        };
        let linked = Linked::all(&holding.documents);
        let name = format!("sending/unrequested/{patient}");
        let mut ids = Ids::new(self.streams.stream(&name));
        let to = Correspondent {
            address: Address::from(practice),
            opening: self.opening_of_nobody(now, practice, &mut ids),
        };
        let conversation = to.opening.conversation_id.clone();
        let unrequested = Unrequested {
            patient,
            requester: practice.ods.clone(),
            to,
            ids,
        };
        (self.fetcher).begin(now, &conversation, patient, linked);
        self.unrequested.insert(conversation, unrequested);
    }

    /// Sends it with its documents. What it promises is never sent.
    pub(super) fn send_fetched_unrequested(
        &mut self,
        now: Time,
        conversation: &ConversationId,
        documents: &[Fetched],
    ) {
        let Some(mut unrequested) = self.unrequested.remove(conversation) else {
            return;
        };
        let Some(holding) = self.holdings.get(&unrequested.patient) else {
            return;
        };
        let order = Order {
            now,
            to: unrequested.to,
            requester: unrequested.requester,
            request: next_id(&mut unrequested.ids),
            version: match holding.record.redactions {
                true => ExtractVersion::Uk07,
                false => ExtractVersion::Uk06,
            },
            record_target: unrequested.patient,
            record: &holding.record,
            documents: Enclosed::all(&holding.documents, documents),
            spool: &self.spool,
            limits: self.limits,
            large_messaging: true,
        };
        if let Some(message) = self.loose_core(order, &mut unrequested.ids) {
            self.send(now, message, Tag::Loose);
        }
    }

    fn loose_core(&self, order: Order<'_>, ids: &mut Ids) -> Option<Message> {
        let now = order.now;
        let core = Core::plan(order, &self.office, ids).ok()?;
        let message_id = EbxmlMessageId::from(core.hl7_id());
        core.message(now, &self.office, message_id).ok()
    }

    /// The header of the request that was never made.
    fn opening_of_nobody(&self, now: Time, practice: &Practice, ids: &mut Ids) -> Header {
        let own = &self.office.identity.practice.party_key;
        let interaction = Interaction::EhrRequestUk05;
        let contract = self.office.directory.contract(own, interaction);
        Header {
            from: practice.party_key.clone(),
            to: own.clone(),
            cpa_id: contract.map_or_else(|| next_id(ids), |contract| contract.cpa_id.clone()),
            conversation_id: next_id(ids),
            service: interaction::SERVICE.to_owned(),
            action: interaction.id().to_owned(),
            message_id: next_id(ids),
            timestamp: now.to_whole_second(),
            time_to_live: None,
            ref_to_message_id: None,
            duplicate_elimination: true,
            ack_requested: Some(AckRequested::next_msh()),
            sync_reply: None,
        }
    }
}

/// Refusals that concern the record, as opposed to the message or the directory.
pub(super) fn is_of_the_record(code: &ResponseCode) -> bool {
    matches!(code.as_str(), "06" | "10" | "19")
}
