//! Reference requesting system: asks for a record, collects it, lets people decide, and gives
//! exactly one final answer.

mod acts;
mod alerts;
mod arrival;
mod assembly;
mod broken;
mod ceiling;
mod document;
mod letters;
mod member;
mod part;
mod registration;
#[cfg(test)]
mod tests;
mod transfer;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use gp2gp_model::manner;
use gp2gp_model::plan::{Caps, StrayMessage};
use gp2gp_model::registry::Era;
use gp2gp_model::trace::Observation;
use gp2gp_model::{
    ConversationId, EbxmlMessageId, Hl7MessageId, Interaction, NhsNumber, OdsCode, PartyKey,
    ResponseCode, Time, Version,
};
use gp2gp_sim::{Ids, Streams};
use gp2gp_wire::hl7::Payload;
use gp2gp_wire::message::Received;
use gp2gp_wire::sds;

use self::arrival::Arrival;
use self::broken::{Flaws, Memory};
use self::letters::{Letter, Letters, MessageIds};
use self::registration::{Registration, Unrequested};
use self::transfer::{Persist, Reply, Transfer};
use crate::alarms::Alarms;
use crate::defect::RequestingDefect;
use crate::mhs::national::{self, National};
use crate::mhs::{Address, AddressLookup, Carelessness, Identity, Inbound, Inbox};
use crate::peer::{Condition, Conduct, Deadline, Input, Notice, Output, Peer};
use crate::spool::Spool;

/// What a requesting system is told before it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestingConfig {
    /// Its practice, and how it writes.
    pub identity: Identity,
    /// Which code of a GP's practice PDS holds.
    pub era: Era,
    /// Practices that keep their records in the same database.
    pub shares_database_with: Vec<OdsCode>,
    /// Its key at SDS and PDS.
    pub api_key: String,
    /// Whether GP2GP is switched on.
    pub enabled: bool,
    /// Which version it has.
    pub version: Version,
    /// Patients of whom the practice still holds an old record.
    pub returning: BTreeSet<NhsNumber>,
    /// How much it takes.
    pub caps: Caps,
    /// Whether a message id is used again in another conversation.
    pub message_ids: manner::MessageIds,
    /// How it is broken on purpose.
    pub defects: Vec<RequestingDefect>,
}

/// A requesting system.
pub struct Requesting {
    config: RequestingConfig,
    flaws: Flaws,
    memory: Memory,
    inbox: Inbox,
    letters: Letters,
    /// For texts that cannot be decoded yet.
    spool: Spool,
    transfers: BTreeMap<ConversationId, Transfer>,
    /// The latest transfer of each patient: what people mean when they name a patient.
    latest: BTreeMap<NhsNumber, ConversationId>,
    national: National<Question>,
    registrations: BTreeMap<NhsNumber, Registration>,
    /// Registrations that led to no request.
    unrequested: BTreeMap<NhsNumber, Unrequested>,
    /// Acknowledgements to handlers whose contract is being looked up.
    owed: BTreeMap<PartyKey, Vec<Owed>>,
    deadlines: BTreeSet<(Time, ConversationId)>,
    alarms: Alarms,
    outputs: VecDeque<Output>,
}

/// What the directories were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Question {
    /// The next step of the registration of this patient.
    Registration(NhsNumber),
    /// A contract with this handler.
    Contract(PartyKey),
    /// Where to post a message that nobody expects.
    Stray(AddressLookup, StrayMessage),
}

/// An acknowledgement that waits for a contract.
#[derive(Debug)]
struct Owed {
    conversation: ConversationId,
    to: Address,
    message_ref: Hl7MessageId,
    code: Option<ResponseCode>,
}

impl Requesting {
    /// A system that knows no patient so far.
    pub fn new(config: RequestingConfig, streams: Streams) -> Self {
        let ids = |name| Ids::new(streams.stream(name));
        let flaws = Flaws::new(&config.defects);
        let alarms = Alarms::new(alerts::pace(&flaws));
        let inbox = Inbox::new(&config.identity, ids("requesting/acknowledgments"));
        Self {
            inbox: inbox.careless(Carelessness {
                repeats: flaws.has(RequestingDefect::EveryDeliveryIsNew),
                time_to_live: flaws.has(RequestingDefect::NothingExpires),
                conversations: flaws.has(RequestingDefect::RepeatsByIdAlone),
            }),
            letters: Letters::new(
                config.identity.clone(),
                flaws.clone(),
                ids("requesting/ids"),
                match config.message_ids {
                    manner::MessageIds::Unique => MessageIds::Unique,
                    manner::MessageIds::Repeated => MessageIds::Repeated(streams, BTreeMap::new()),
                },
            ),
            national: National::new(config.api_key.clone(), ids("requesting/enquiries")),
            flaws,
            memory: Memory::default(),
            config,
            spool: Spool::new(),
            transfers: BTreeMap::new(),
            latest: BTreeMap::new(),
            registrations: BTreeMap::new(),
            unrequested: BTreeMap::new(),
            owed: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            alarms,
            outputs: VecDeque::new(),
        }
    }
}

impl Peer for Requesting {
    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Request { id, request } => {
                let (response, inbound) = self.inbox.take(now, &request);
                self.outputs.push_back(Output::Answer {
                    id,
                    response,
                    conduct: Conduct::Clean,
                });
                match inbound {
                    Inbound::New(received) => self.take(now, *received),
                    Inbound::Answered | Inbound::DeliveryFailed { ref_to: None } => {}
                    Inbound::DeliveryFailed {
                        ref_to: Some(message_id),
                    } => self.take_delivery_failure(now, &message_id),
                }
            }
            Input::Response { post, response } => {
                if !self.national.enquiries.settle(now, post, Ok(&response)) {
                    self.letters.outbox.handle_response(now, post, &response);
                }
            }
            Input::Failed { post, error } => {
                if !self.national.enquiries.settle(now, post, Err(error)) {
                    self.letters.outbox.handle_failure(now, post, error);
                }
            }
            Input::Act(act) => self.act(now, act),
            Input::Condition(condition) => match condition {
                Condition::Restarted => {
                    self.letters.outbox.restart(now);
                    self.national.enquiries.restart(now);
                    self.forget_continues(now);
                }
                Condition::DiskFull => self.inbox.set_disk_full(true),
                Condition::DiskFree => self.inbox.set_disk_full(false),
            },
        }
        self.take_answers(now);
        self.take_outcomes(now);
    }

    fn handle_timeout(&mut self, now: Time) {
        self.national.enquiries.handle_timeout(now);
        self.take_answers(now);
        self.letters.outbox.handle_timeout(now);
        self.take_outcomes(now);
        while self.deadlines.first().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, conversation)) = self.deadlines.pop_first() {
                self.step(now, &conversation, |transfer| transfer.handle_timeout(now));
            }
        }
        self.tell_pending(now);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let fragments = self.deadlines.first().map(|(at, _)| Deadline {
            at: *at,
            why: "promised messages overdue",
        });
        let posts = self.letters.outbox.poll_timeout();
        fragments
            .into_iter()
            .chain(posts)
            .chain(self.national.enquiries.poll_timeout())
            .chain(self.alarms.poll_timeout())
            .min_by_key(|deadline| deadline.at)
    }

    fn poll_output(&mut self) -> Option<Output> {
        let own = self.outputs.pop_front();
        own.or_else(|| self.letters.outbox.poll_output())
            .or_else(|| self.national.enquiries.poll_output())
    }

    fn observe(&self) -> Vec<Observation> {
        let unrequested = self.unrequested.iter();
        let unrequested = unrequested
            .filter(|_| !self.is_broken(RequestingDefect::FailuresUntold))
            .map(|(patient, unrequested)| {
                (*patient, format!("not requested: {}", unrequested.why))
            });
        let under_way = self.registrations.keys();
        let under_way = under_way.map(|patient| (*patient, "registering".to_owned()));
        let untransferred =
            unrequested
                .chain(under_way)
                .map(|(patient, state)| Observation::Transfer {
                    patient,
                    state,
                    print_state: None,
                    left_in_store: 0,
                });
        let transfers = self.transfers.values().flat_map(Transfer::observe);
        let mut observations: Vec<_> = untransferred.chain(transfers).collect();
        if self.is_broken(RequestingDefect::PatientsMixed) {
            broken::mix_patients(&mut observations);
        }
        observations
    }
}

impl Requesting {
    fn take(&mut self, now: Time, received: Received) {
        let arrival = Arrival::read(received, self.letters.directory());
        if self.is_broken(RequestingDefect::QueueBlocked) {
            self.memory.is_stuck |= arrival.payload.is_none();
            if self.memory.is_stuck {
                return;
            }
        }
        match arrival.received.interaction() {
            Some(
                Interaction::EhrExtractUk06
                | Interaction::EhrExtractUk07
                | Interaction::EhrExtractUk08,
            ) => {
                self.take_core(now, arrival);
            }
            Some(Interaction::Copc) => {
                // Without a transfer there is nothing to say about a fragment (spec 30).
                let conversation = arrival.conversation().clone();
                let spool = self.spool.clone();
                self.step(now, &conversation, |transfer| {
                    transfer.take_fragment(arrival, &spool)
                });
            }
            Some(Interaction::Acknowledgement) => {
                let conversation = arrival.conversation().clone();
                if let Some(Payload::Acknowledgement(ack)) = &arrival.payload {
                    self.memory.acknowledged.insert(conversation.clone());
                    self.revive(now, &conversation);
                    self.step(now, &conversation, |transfer| {
                        transfer.take_acknowledgement(ack)
                    });
                }
            }
            // Set aside: no message for a requesting system.
            Some(Interaction::EhrRequestUk05 | Interaction::EhrRequestUk06) | None => {}
        }
    }

    fn take_core(&mut self, now: Time, arrival: Arrival) {
        let conversation = arrival.conversation().clone();
        if let Some(code) = self.refusal_of_core(&conversation) {
            if self.says_nothing(code) {
                return;
            }
            if code == "12" && self.is_broken(RequestingDefect::CopyEndsFirst) {
                self.step(now, &conversation, Transfer::give_up);
            }
            if let Some(to) = &arrival.sender {
                // A repeated core may share its HL7 id with the first: only its ebXML id names the
                // second and leaves the first alone (code 12 in spec 30).
                let second = Hl7MessageId::from(&arrival.received.header.message_id);
                self.acknowledge(now, &conversation, to, second, Some(code.into()));
            }
            return;
        }
        let persist = Persist::of(
            self.letters.directory(),
            &self.config.identity.practice.party_key,
            arrival.received.interaction(),
        );
        let spool = self.spool.clone();
        self.step(now, &conversation, |transfer| {
            transfer.take_core(arrival, persist, &spool)
        });
    }

    fn refusal_of_core(&self, conversation: &ConversationId) -> Option<&'static str> {
        if !self.config.enabled {
            return Some("07");
        }
        let is_early = !self.memory.acknowledged.contains(conversation);
        if is_early && self.is_broken(RequestingDefect::AcknowledgementFirst) {
            return Some("09");
        }
        match self.transfers.get(conversation) {
            Some(transfer)
                if self.is_broken(RequestingDefect::CaseMatters)
                    && transfer.conversation.as_str() != conversation.as_str() =>
            {
                Some("09")
            }
            Some(transfer) => transfer.refusal_of_core(),
            None => Some("09"),
        }
    }

    fn take_delivery_failure(&mut self, now: Time, message_id: &EbxmlMessageId) {
        if let Some(letter) = self.letters.vital(message_id) {
            self.lose(now, letter, "spine could not deliver it");
        }
    }

    fn take_answers(&mut self, now: Time) {
        while let Some((question, answer)) = self.national.enquiries.poll_answer() {
            match question {
                Question::Registration(patient) => self.go_on_registering(now, patient, answer),
                Question::Stray(lookup, message) => {
                    self.go_on_straying(now, lookup, message, answer);
                }
                Question::Contract(party_key) => {
                    let entries = national::endpoints(answer).unwrap_or_default();
                    if let Some(entry) = entries.first() {
                        let contract = entry.contract(Interaction::Acknowledgement);
                        self.letters.learn_contract(contract);
                    }
                    self.pay(now, &party_key);
                }
            }
        }
    }

    /// Sends what waited for a contract. Without one nothing can be answered; people are shown that.
    fn pay(&mut self, now: Time, party_key: &PartyKey) {
        for owed in self.owed.remove(party_key).unwrap_or_default() {
            let Owed {
                conversation,
                to,
                message_ref,
                code,
            } = owed;
            let sent = (self.letters).acknowledge(now, &to, &conversation, message_ref, code);
            if let (Err(no_contract), Some(transfer)) =
                (sent, self.transfers.get_mut(&conversation))
            {
                transfer.flags.push(no_contract.to_string());
            }
        }
    }

    fn take_outcomes(&mut self, now: Time) {
        while let Some(outcome) = self.letters.outbox.poll_outcome() {
            if let Err(gave_up) = outcome.result {
                self.lose(now, outcome.tag, &gave_up.to_string());
            }
        }
    }

    fn lose(&mut self, now: Time, letter: Letter, why: &str) {
        match letter {
            Letter::Request(conversation) => {
                let why = why.to_owned();
                self.step(now, &conversation, |transfer| transfer.lose_request(why));
            }
            Letter::Continue(conversation, core) => {
                self.step(now, &conversation, |transfer| transfer.lose_continue(&core));
            }
            Letter::Acknowledgement => {}
        }
    }

    /// Lets one transfer take one step, and carries out what is due after it.
    fn step(
        &mut self,
        now: Time,
        conversation: &ConversationId,
        step: impl FnOnce(&mut Transfer) -> Vec<Reply>,
    ) {
        let Some(transfer) = self.transfers.get_mut(conversation) else {
            return;
        };
        // As the request had it, however the other side writes it (S240).
        let conversation = &transfer.conversation.clone();
        let before = transfer.deadline();
        let waited = transfer.is_ready();
        let replies = step(transfer);
        let after = transfer.deadline();
        if before != after {
            let entry = |at| (at, conversation.clone());
            before.map(|at| self.deadlines.remove(&entry(at)));
            after.map(|at| self.deadlines.insert(entry(at)));
        }
        let waits = transfer.is_ready();
        if waited != waits {
            (self.alarms).watch(conversation, waits.then_some(now));
        }
        for reply in replies {
            self.carry_out(now, conversation, reply);
        }
    }

    fn carry_out(&mut self, now: Time, conversation: &ConversationId, reply: Reply) {
        match reply {
            Reply::CoreTaken(core) => {
                (self.memory.cores).insert(conversation.clone(), core.clone());
                if self.is_broken(RequestingDefect::AckBeforeStoring) {
                    self.acknowledge(now, conversation, &core.sender, core.hl7_id, None);
                }
            }
            Reply::Continue(core) => {
                let times = if self.is_broken(RequestingDefect::ContinueTwice) {
                    2
                } else {
                    1
                };
                for _ in 0..times {
                    let sent = self.letters.continue_core(now, conversation, &core);
                    if let Err(no_contract) = sent {
                        let letter =
                            Letter::Continue(conversation.clone(), core.message_id.clone());
                        self.lose(now, letter, &no_contract.to_string());
                    }
                }
            }
            Reply::AcknowledgeFragment { to, fragment, code } => {
                let strays = self.is_broken(RequestingDefect::ConversationOfItsOwn);
                let own = strays.then(|| self.letters.next_id());
                let conversation = own.as_ref().unwrap_or(conversation);
                if !self.is_broken(RequestingDefect::FragmentsUnanswered) {
                    self.acknowledge(now, conversation, &to, fragment, code);
                }
            }
            Reply::AcknowledgeCore { core, code } => {
                let is_swallowed = self.is_broken(RequestingDefect::NoFinalAck)
                    || self.is_broken(RequestingDefect::AckBeforeStoring);
                if code.is_some() || !is_swallowed {
                    self.acknowledge(now, conversation, &core.sender, core.hl7_id, code);
                }
            }
            Reply::Ready => {
                if let Some(transfer) = self.transfers.get(conversation) {
                    let patient = transfer.patient;
                    let notice = Notice::ReadyToIntegrate { patient };
                    self.outputs.push_back(Output::Notice(notice));
                }
            }
        }
    }

    fn acknowledge(
        &mut self,
        now: Time,
        conversation: &ConversationId,
        to: &Address,
        message_ref: Hl7MessageId,
        code: Option<ResponseCode>,
    ) {
        let interaction = Interaction::Acknowledgement;
        let party_key = &to.party_key;
        let owed = Owed {
            conversation: conversation.clone(),
            to: to.clone(),
            message_ref,
            code,
        };
        let waiting = self.owed.entry(party_key.clone()).or_default();
        waiting.push(owed);
        let is_known = (self.letters.directory())
            .contract(party_key, interaction)
            .is_some();
        if is_known {
            self.pay(now, party_key);
        } else if waiting.len() == 1 {
            let query = sds::Query::endpoint_of(party_key.clone(), interaction);
            let tag = Question::Contract(party_key.clone());
            self.national.ask_sds(now, &query, tag);
        }
    }

    fn is_broken(&self, defect: RequestingDefect) -> bool {
        self.flaws.has(defect)
    }
}
