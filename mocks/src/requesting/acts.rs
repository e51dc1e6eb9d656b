//! What people and the harness do to a requesting system.

use gp2gp_model::directory::Practice;
use gp2gp_model::plan::{Act, Role, StrayMessage};
use gp2gp_model::{
    ConversationId, EbxmlMessageId, EhrRequestId, Hl7MessageId, Interaction, NhsNumber, OdsCode,
    ResponseCode, Time,
};

use super::assembly::Early;
use super::transfer::{CoreRef, State, Transfer};
use super::{Question, Requesting};
use crate::mhs::national::Answer;
use crate::mhs::{Address, AddressLookup, NoContract};
use crate::peer::{Notice, Output};

impl Requesting {
    pub(super) fn act(&mut self, now: Time, act: Act) {
        match act {
            Act::Register { patient, gp } => self.register(now, patient, gp),
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

    /// Asks the practice that has the record of a registered patient.
    pub(super) fn request(
        &mut self,
        now: Time,
        patient: NhsNumber,
        asked: Practice,
    ) -> Result<(), NoContract> {
        let conversation: ConversationId = self.letters.next_id();
        let request: EhrRequestId = self.letters.next_id();
        let message = self
            .letters
            .request(now, &conversation, &request, patient, &asked)?;
        let transfer = Transfer {
            patient,
            conversation: conversation.clone(),
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
        };
        self.latest.insert(patient, conversation.clone());
        self.transfers.insert(conversation, transfer);
        Ok(())
    }

    /// Posts a message of a conversation that nobody opened, about a message that nobody sent:
    /// what a healthy system never does. Without an address there is nowhere to post it.
    fn stray(&mut self, now: Time, to: &OdsCode, message: StrayMessage) {
        let Some(practice) = self.letters.directory().practice(to).cloned() else {
            let lookup = AddressLookup::new(to.clone(), Interaction::REQUESTS.to_vec());
            let query = lookup.query();
            (self.national).ask_sds(now, &query, Question::Stray(lookup, message));
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

    /// The address of a stray message was asked for.
    pub(super) fn go_on_straying(
        &mut self,
        now: Time,
        mut lookup: AddressLookup,
        message: StrayMessage,
        answer: Answer,
    ) {
        match lookup.take(answer) {
            None => {
                let query = lookup.query();
                (self.national).ask_sds(now, &query, Question::Stray(lookup, message));
            }
            Some(Ok(found)) => {
                let to = found.practice.ods.clone();
                self.letters.learn(found);
                self.stray(now, &to, message);
            }
            Some(Err(_)) => {}
        }
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
