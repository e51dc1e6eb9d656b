//! What people and the harness do to a requesting system.

use gp2gp_model::directory::Practice;
use gp2gp_model::plan::{Act, PdsUpdate, Role, StrayMessage};
use gp2gp_model::{
    ConversationId, EbxmlMessageId, EhrRequestId, Hl7MessageId, NhsNumber, OdsCode, ResponseCode,
    Time,
};

use super::Requesting;
use super::assembly::Early;
use super::transfer::{CoreRef, State, Transfer};
use crate::defect::RequestingDefect;
use crate::mhs::Address;
use crate::peer::{Notice, Output};

impl Requesting {
    pub(super) fn act(&mut self, now: Time, act: Act) {
        match act {
            Act::Register {
                patient,
                previous_practice,
                pds_update,
            } => self.register(now, patient, previous_practice.as_ref(), pds_update),
            Act::Decide { patient, decision } => {
                if let Some(conversation) = self.latest.get(&patient).cloned() {
                    self.step(now, &conversation, |transfer| transfer.decide(decision));
                }
            }
            Act::RepeatRequest { patient } => self.repeat_request(now, patient),
            Act::Stray { to, message } => self.stray(now, &to, message),
            Act::AcknowledgeAgain {
                by: Role::Requesting,
                patient,
                code,
                times,
            } => self.acknowledge_again(now, patient, code.as_ref(), times),
            other @ (Act::RepeatExtract { .. }
            | Act::AcknowledgeAgain { .. }
            | Act::MoveOn { .. }
            | Act::Relink { .. }
            | Act::DealWithPooledList { .. }
            | Act::Relist { .. }
            | Act::File { .. }
            | Act::AtOffice { .. }
            | Act::AtHub { .. }
            | Act::Book { .. }
            | Act::SendUnrequested { .. }) => {
                let notice = Notice::NotSupported(other);
                self.outputs.push_back(Output::Notice(notice));
            }
        }
    }

    /// Asks for the record of a patient who registered, unless that is under way already.
    fn register(
        &mut self,
        now: Time,
        patient: NhsNumber,
        previous: Option<&OdsCode>,
        pds_update: PdsUpdate,
    ) {
        let latest = self.latest.get(&patient);
        let latest = latest.and_then(|conversation| self.transfers.get(conversation));
        if latest.is_some_and(|transfer| !transfer.is_over()) {
            return;
        }
        let asked = self.whom_to_ask(previous, pds_update);
        match asked.and_then(|asked| self.request(now, patient, asked)) {
            Ok(transfer) => {
                let conversation = transfer.conversation.clone();
                self.unrequested.remove(&patient);
                self.latest.insert(patient, conversation.clone());
                self.transfers.insert(conversation, transfer);
            }
            Err(why) => {
                self.unrequested.insert(patient, why);
            }
        }
    }

    /// The practice that has the record of a newly registered patient, or why nobody is asked.
    fn whom_to_ask(
        &self,
        previous: Option<&OdsCode>,
        pds_update: PdsUpdate,
    ) -> Result<Practice, String> {
        if !self.config.enabled {
            return Err("GP2GP is switched off".to_owned());
        }
        // The sending practice would look at PDS and refuse (RCV-02).
        let is_updated = pds_update == PdsUpdate::Done;
        if !is_updated && !self.is_broken(RequestingDefect::AsksBeforePds) {
            return Err("the update of pds failed".to_owned());
        }
        let previous = previous.ok_or("pds names no previous practice")?;
        let own = &self.config.identity.practice.ods;
        if self.is_broken(RequestingDefect::AsksWhoeverItIs) {
            return self.look_up(previous).cloned();
        }
        if previous == own {
            return Err(format!("practice {previous} is this practice"));
        }
        if self.config.directory.share_a_database(own, previous) {
            return Err(format!("practice {previous} shares our database"));
        }
        self.look_up(previous).cloned()
    }

    fn request(
        &mut self,
        now: Time,
        patient: NhsNumber,
        asked: Practice,
    ) -> Result<Transfer, String> {
        let conversation: ConversationId = self.letters.next_id();
        let request: EhrRequestId = self.letters.next_id();
        let message = self
            .letters
            .request(now, &conversation, &request, patient, &asked)
            .map_err(|no_contract| no_contract.to_string())?;
        Ok(Transfer {
            patient,
            conversation,
            request,
            asked,
            request_messages: vec![message],
            returning: self.config.returning.contains(&patient),
            version: self.config.version,
            caps: self.config.caps,
            flaws: self.flaws.clone(),
            flags: Vec::new(),
            state: State::Requested {
                early: Early::new(),
            },
        })
    }

    /// Exactly one entry of SDS is an address (RCV-03).
    fn look_up(&self, ods: &OdsCode) -> Result<&Practice, String> {
        let found: Vec<&Practice> = self.config.directory.entries(ods).collect();
        match found.as_slice() {
            [practice] => Ok(practice),
            [first, ..] if self.is_broken(RequestingDefect::TakesAnyAddress) => Ok(first),
            entries => Err(format!("sds has {} entries for {ods}", entries.len())),
        }
    }

    /// Posts a message of a conversation that nobody opened, about a message that nobody sent:
    /// what a healthy system never does. Without an address there is nowhere to post it.
    fn stray(&mut self, now: Time, to: &OdsCode, message: StrayMessage) {
        let Ok(practice) = self.look_up(to).cloned() else {
            return;
        };
        let conversation: ConversationId = self.letters.next_id();
        let unknown: EbxmlMessageId = self.letters.next_id();
        let address = Address::from(&practice);
        let _no_contract = match message {
            StrayMessage::Continue => {
                let core = CoreRef {
                    hl7_id: Hl7MessageId::from(&unknown),
                    message_id: unknown,
                    sender: address,
                    practice: practice.ods,
                    timestamp: now,
                };
                self.letters.continue_core(now, &conversation, &core)
            }
            StrayMessage::Acknowledgement => {
                let unknown = Hl7MessageId::from(&unknown);
                (self.letters).acknowledge(now, &address, &conversation, unknown, None)
            }
        };
    }

    /// Posts the request again under a new message id: what a healthy system never does.
    fn repeat_request(&mut self, now: Time, patient: NhsNumber) {
        let conversation = self.latest.get(&patient);
        let Some(transfer) = conversation.and_then(|id| self.transfers.get_mut(id)) else {
            return;
        };
        let repeated = self.letters.request(
            now,
            &transfer.conversation,
            &transfer.request,
            patient,
            &transfer.asked,
        );
        match repeated {
            Ok(message) => transfer.request_messages.push(message),
            Err(no_contract) => transfer.flags.push(no_contract.to_string()),
        }
    }

    /// Acknowledges the latest core of a patient, whatever it said of it before: what a healthy
    /// system does once.
    fn acknowledge_again(
        &mut self,
        now: Time,
        patient: NhsNumber,
        code: Option<&ResponseCode>,
        times: u32,
    ) {
        let Some(conversation) = self.latest.get(&patient).cloned() else {
            return;
        };
        let Some(core) = self.memory.cores.get(&conversation).cloned() else {
            return;
        };
        for _ in 0..times {
            let core = core.clone();
            self.acknowledge(now, &conversation, &core.sender, core.hl7_id, code.cloned());
        }
    }
}
