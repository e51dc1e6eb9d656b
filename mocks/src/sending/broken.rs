//! How a sending system is broken on purpose.

use gp2gp_model::directory::Practice;
use gp2gp_model::{
    ConversationId, EbxmlMessageId, Interaction, NhsNumber, OdsCode, ResponseCode, Time,
    interaction,
};
use gp2gp_sim::Ids;
use gp2gp_wire::ebxml::{AckRequested, Header};
use gp2gp_wire::hl7::EhrRequest;
use gp2gp_wire::message::Message;

use super::core_extract::{Core, Enclosed, Order};
use super::fetch::{Fetched, Linked};
use super::letters::Correspondent;
use super::{Sending, Tag};
use crate::defect::SendingDefect;
use crate::mhs::{Address, next_id};
use crate::synthetic::{Patient, RecordSpec};

/// A record that nobody asked for, while its documents are fetched.
pub(super) struct Unrequested {
    patient: NhsNumber,
    requester: OdsCode,
    to: Correspondent,
    ids: Ids,
}

impl Sending {
    pub(super) fn has(&self, defect: SendingDefect) -> bool {
        self.defects.contains(&defect)
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
            redactions: false,
            seed: 0,
            recorded_at: now,
        };
        let order = Order {
            now,
            to,
            requester: request.author.clone(),
            request: request.id.clone(),
            record_target: request.patient,
            record: &record,
            documents: Vec::new(),
            spool: &self.spool,
            limits: self.limits,
            large_messaging: false,
        };
        if let Some(message) = self.loose_core(order, ids) {
            self.outbox.send(now, &message, Tag::Loose);
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
            record_target: unrequested.patient,
            record: &holding.record,
            documents: Enclosed::all(&holding.documents, documents),
            spool: &self.spool,
            limits: self.limits,
            large_messaging: true,
        };
        if let Some(message) = self.loose_core(order, &mut unrequested.ids) {
            self.outbox.send(now, &message, Tag::Loose);
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
