//! Reference sending system: answers an EHR request with the record, or refuses with a code.
//!
//! A transfer walks through these files: `inquiry` asks the directories, `request` decides whether it
//! is served, `fetch` gets the
//! documents from the store, `core_extract` plans what travels where (with `survey` and `layout`), `transfer` knows
//! what is due, `fragments` makes what was promised.

mod alerts;
mod broken;
mod cleanup;
mod core_extract;
mod fetch;
mod fragments;
mod inquiry;
mod layout;
mod letters;
mod member;
mod parcel;
mod request;
mod survey;
mod transfer;
mod unsendable;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use gp2gp_model::directory::{Directory, Practice};
use gp2gp_model::manner::{FragmentStart, Manner, MessageIds};
use gp2gp_model::plan::{Act, Cleanup, DocumentPlan, PatientPlan, Role};
use gp2gp_model::trace::Observation;
use gp2gp_model::{
    ConversationId, EbxmlMessageId, Hl7MessageId, Interaction, NhsNumber, ResponseCode, Time,
};
use gp2gp_sim::{Ids, Streams};
use gp2gp_wire::hl7::{EhrRequest, ExtractVersion, Payload};
use gp2gp_wire::message::{Message, Received};

use self::broken::{Flaws, Unrequested};
use self::cleanup::{Cleaned, Cleaner};
pub(crate) use self::core_extract::reason_on_paper;
use self::core_extract::{Core, Enclosed, Order};
use self::fetch::{Fetched, Fetcher, Linked, SourceFailed};
use self::inquiry::{Inquiry, Reason, Registered};
use self::letters::{Correspondent, Office};
pub use self::transfer::FINAL_ACK_AWAITED;
use self::transfer::Transfer;
use crate::alarms::Alarms;
use crate::defect::SendingDefect;
use crate::mhs::national::National;
use crate::mhs::version::{NoVersion, extract_version};
use crate::mhs::{Address, AddressLookup, Identity, Inbound, Inbox, Outbox, Outcome, next_id};
use crate::peer::{
    AnswerId, Condition, Conduct, Deadline, HttpRequest, HttpResponse, Input, Notice, Output, Peer,
    PostId,
};
use crate::spool::Spool;
use crate::store::Requester;
use crate::synthetic::{DocumentSpec, RecordSpec};

/// What a sending system sets aside in memory: a large scan. More goes to its disk.
const SPOOL_BYTES: usize = 32_000_000;

/// What a sending system is and holds.
#[derive(Debug, Clone)]
pub struct SendingConfig {
    /// Its practice, and how it writes.
    pub identity: Identity,
    /// Its key at SDS and PDS.
    pub api_key: String,
    /// How it does what it may do in several ways.
    pub manner: Manner,
    /// Whether GP2GP is switched on.
    pub enabled: bool,
    /// Largest base64 text of one attachment in one message, in bytes; one more splits.
    pub attachment_threshold: usize,
    /// Largest whole message that it sends, in bytes.
    pub message_limit: usize,
    /// What it does with documents after a transfer.
    pub cleanup: Cleanup,
    /// Base address of its document store.
    pub store: String,
    /// The patients it knows.
    pub holdings: Vec<Holding>,
    /// How it is broken on purpose.
    pub defects: Vec<SendingDefect>,
}

/// What is held of one patient.
#[derive(Debug, Clone)]
pub struct Holding {
    /// What was planned.
    pub plan: PatientPlan,
    /// The structured record. The documents that it links are those below.
    pub record: RecordSpec,
    /// The documents, in order.
    pub documents: Vec<(DocumentPlan, DocumentSpec)>,
}

/// A sending system.
pub struct Sending {
    office: Office,
    enabled: bool,
    limits: SizeLimits,
    holdings: BTreeMap<NhsNumber, Holding>,
    flaws: Flaws,
    streams: Streams,
    spool: Spool,
    inbox: Inbox,
    outbox: Outbox<Tag>,
    national: National<Question>,
    cleanup: Cleanup,
    fetcher: Fetcher,
    cleaner: Cleaner,
    cases: BTreeMap<ConversationId, Case>,
    unrequested: BTreeMap<ConversationId, Unrequested>,
    /// Conversations that may have something to send when the outbox has room, first come first.
    waiting: VecDeque<ConversationId>,
    deadlines: BTreeSet<(Time, ConversationId)>,
    alarms: Alarms,
    outputs: VecDeque<Output>,
}

/// How large what is sent may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SizeLimits {
    /// Base64 text of one attachment in one message.
    attachment_bytes: usize,
    /// Whole message.
    message_bytes: usize,
}

/// A conversation that a request opened.
enum Case {
    /// Refused, with the patient where it could be read.
    Refused(Option<NhsNumber>, ResponseCode),
    /// The directories are being asked.
    Inquiring(Box<Inquiry>),
    /// The documents of the record are being fetched.
    Fetching(Box<Asked>),
    /// They are there, and PDS is asked whether the patient has moved on meanwhile.
    Confirming(Box<Asked>, Result<Vec<Fetched>, SourceFailed>),
    /// Being served, or served.
    Open(Box<Transfer>),
}

/// A request that is to be served, and who made it.
struct Asked {
    to: Correspondent,
    request: EhrRequest,
    /// As SDS shows it, or the code for not finding it once.
    requester: Result<Practice, ResponseCode>,
    /// Where the patient is registered.
    registered: Registered,
}

/// What the directories were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Question {
    /// The next step of the inquiry of this conversation.
    Request(ConversationId),
    /// Where a patient is registered whose record is about to leave.
    Registered(Reason),
    /// Where the GP of such a patient works.
    Works(Reason),
    /// Where to send a record that nobody asked for.
    Unrequested(NhsNumber, AddressLookup),
}

/// What a message in the outbox was.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tag {
    /// An answer to a request, or anything else whose fate changes nothing.
    Loose,
    /// A core or a fragment of this conversation.
    Record(ConversationId),
}

impl Sending {
    /// A sending system whose ids come from `streams`: each conversation draws from its own.
    pub fn new(config: SendingConfig, streams: Streams) -> Self {
        let config = broken::misconfigure(config);
        let ids = Ids::new(streams.stream("sending/inbox"));
        let spool = Spool::with_memory(SPOOL_BYTES);
        let requester = Requester {
            asid: config.identity.practice.asid.clone(),
            practice: config.identity.practice.ods.clone(),
            store: config.identity.practice.asid.clone(),
            base: config.store,
        };
        Self {
            enabled: config.enabled,
            limits: SizeLimits {
                attachment_bytes: config.attachment_threshold,
                message_bytes: config.message_limit,
            },
            holdings: (config.holdings.into_iter())
                .map(|holding| (holding.plan.nhs_number, holding))
                .collect(),
            alarms: Alarms::new(alerts::pace(&config.defects)),
            inbox: broken::inbox(Inbox::new(&config.identity, ids), &config.defects),
            flaws: Flaws::new(config.defects, Ids::new(streams.stream("sending/broken"))),
            streams,
            cleanup: config.cleanup,
            fetcher: Fetcher::new(requester.clone(), spool.clone()),
            cleaner: Cleaner::new(requester),
            spool,
            outbox: Outbox::new(config.identity.dialect),
            national: National::new(
                config.api_key,
                Ids::new(streams.stream("sending/enquiries")),
            ),
            office: Office {
                identity: config.identity,
                manner: config.manner,
                directory: Directory::default(),
            },
            cases: BTreeMap::new(),
            unrequested: BTreeMap::new(),
            waiting: VecDeque::new(),
            deadlines: BTreeSet::new(),
            outputs: VecDeque::new(),
        }
    }
}

impl Peer for Sending {
    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Request { id, request } => self.take_delivery(now, id, &request),
            Input::Response { post, response } => {
                if self.national.enquiries.settle(now, post, Ok(&response)) {
                    self.take_answers(now);
                } else if !self.settle_with_store(now, post, Some(&response)) {
                    self.outbox.handle_response(now, post, &response);
                }
            }
            Input::Failed { post, error } => {
                if self.national.enquiries.settle(now, post, Err(error)) {
                    self.take_answers(now);
                } else if !self.settle_with_store(now, post, None) {
                    self.outbox.handle_failure(now, post, error);
                }
            }
            Input::Act(act) => self.act(now, act),
            Input::Condition(condition) => match condition {
                Condition::Restarted => {
                    self.outbox.restart(now);
                    self.national.enquiries.restart(now);
                    self.fetcher.restart(now);
                    self.cleaner.restart(now);
                    self.start_over(now);
                }
                Condition::DiskFull => self.inbox.set_disk_full(true),
                Condition::DiskFree => self.inbox.set_disk_full(false),
            },
        }
        self.settle_outcomes(now);
        self.send_waiting(now);
    }

    fn handle_timeout(&mut self, now: Time) {
        self.national.enquiries.handle_timeout(now);
        self.take_answers(now);
        self.outbox.handle_timeout(now);
        self.fetcher.handle_timeout(now);
        self.cleaner.handle_timeout(now);
        self.settle_outcomes(now);
        let due: Vec<_> = (self.deadlines.iter())
            .take_while(|(at, _)| *at <= now)
            .map(|(_, conversation)| conversation.clone())
            .collect();
        for conversation in due {
            self.change(now, &conversation, |transfer, _| transfer.lose_patience());
        }
        self.tell_pending(now);
        self.send_waiting(now);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let patience = self.deadlines.first().map(|(at, _)| Deadline {
            at: *at,
            why: "no final acknowledgement for 8 days",
        });
        let outbox = self.outbox.poll_timeout();
        outbox
            .into_iter()
            .chain(patience)
            .chain(self.fetcher.poll_timeout())
            .chain(self.cleaner.poll_timeout())
            .chain(self.national.enquiries.poll_timeout())
            .chain(self.alarms.poll_timeout())
            .min_by_key(|deadline| deadline.at)
    }

    fn poll_output(&mut self) -> Option<Output> {
        let output = (self.outputs.pop_front())
            .or_else(|| self.outbox.poll_output())
            .or_else(|| self.fetcher.poll_output())
            .or_else(|| self.cleaner.poll_output())
            .or_else(|| self.national.enquiries.poll_output())?;
        Some(self.flaws.spoil(output))
    }

    fn observe(&self) -> Vec<Observation> {
        (self.cases.iter())
            .filter_map(|(conversation, case)| {
                case.observation(self.cleaner.left_behind(conversation))
            })
            .map(|observation| self.flaws.tell(observation))
            .collect()
    }
}

impl Sending {
    fn take_delivery(&mut self, now: Time, id: AnswerId, request: &HttpRequest) {
        let (response, inbound) = self.inbox.take(now, request);
        self.outputs.push_back(Output::Answer {
            id,
            response,
            conduct: Conduct::Clean,
        });
        match inbound {
            Inbound::New(_) if self.flaws.is_deaf_to(&request.content_type) => {}
            Inbound::New(received) => self.receive(now, &received),
            Inbound::DeliveryFailed { ref_to: Some(id) } => self.delivery_failed(now, &id),
            Inbound::DeliveryFailed { ref_to: None } | Inbound::Answered => {}
        }
    }

    /// Whatever fits nowhere is left alone: it must not disturb a live transfer (SND-61).
    fn receive(&mut self, now: Time, received: &Received) {
        let conversation = &received.header.conversation_id;
        let Some(payload) = self.understand(now, received) else {
            return;
        };
        match (received.interaction(), payload) {
            (Some(Interaction::EhrRequestUk05 | Interaction::EhrRequestUk06), payload) => {
                self.requested(now, received, payload.ok());
            }
            (Some(Interaction::Copc), Ok(Payload::Continue(_))) => {
                self.change(now, conversation, |transfer, _| {
                    transfer.continue_with_promises();
                });
            }
            (Some(Interaction::Acknowledgement), Ok(Payload::Acknowledgement(ack))) => {
                self.change(now, conversation, |transfer, _| transfer.acknowledged(&ack));
            }
            (_, _) => {}
        }
    }

    /// Opens a case for the first request of a conversation; repeats change nothing (SND-18).
    fn requested(&mut self, now: Time, received: &Received, payload: Option<Payload>) {
        let conversation = &received.header.conversation_id;
        if self.cases.contains_key(conversation) {
            self.requested_again(now, conversation);
            return;
        }
        let case = match payload {
            Some(Payload::EhrRequest(request)) => {
                let to = Correspondent {
                    address: Address::of_sender(received, &request.wrapper),
                    opening: received.header.clone(),
                };
                self.inquire(now, to, request)
            }
            Some(
                Payload::EhrExtract(_)
                | Payload::Continue(_)
                | Payload::Fragment(_)
                | Payload::Acknowledgement(_),
            )
            | None => self.refuse_unreadable(now, received),
        };
        self.cases.insert(conversation.clone(), case);
        self.change(now, conversation, |_, _| ());
    }

    /// Everything is known: the request is refused, or the documents of the record are fetched.
    fn examine(&mut self, now: Time, asked: Asked) -> Case {
        if self.has(SendingDefect::SilentInTheMiddle) && self.awaits(&asked.request) {
            return Case::Refused(Some(asked.request.patient), ResponseCode::from("99"));
        }
        match self.served_from(&asked) {
            Ok((holding, ..)) => {
                let linked = Linked::all(&holding.documents);
                let conversation = &asked.to.opening.conversation_id;
                (self.fetcher).begin(now, conversation, asked.request.patient, linked);
                Case::Fetching(Box::new(asked))
            }
            Err(code) => self.refuse_request(now, asked, code),
        }
    }

    /// The documents are there, as far as they can be had.
    fn open_case(
        &mut self,
        now: Time,
        asked: Asked,
        documents: Result<Vec<Fetched>, SourceFailed>,
    ) -> Case {
        let mut ids = self.ids_of(&asked.to.opening.conversation_id);
        let core = (documents.map_err(|SourceFailed| ResponseCode::from("10")))
            .and_then(|documents| self.plan_core(now, &asked, &documents, &mut ids));
        match core {
            Ok(core) => {
                let Asked { request, .. } = asked;
                let request_ref = request.wrapper.id;
                let mut transfer =
                    Transfer::new(now, request.patient, request_ref, core, &self.office, ids)
                        .answering(request.version.interaction(), &self.flaws);
                if self.has(SendingDefect::FragmentDropped) {
                    transfer.drop_last_fragment();
                }
                let at_once = self.office.manner.start == FragmentStart::AtOnce;
                if at_once || self.has(SendingDefect::ContinueNotAwaited) {
                    transfer.continue_with_promises();
                }
                Case::Open(Box::new(transfer))
            }
            Err(code) => self.refuse_request(now, asked, code),
        }
    }

    fn refuse_request(&mut self, now: Time, asked: Asked, code: ResponseCode) -> Case {
        let Asked { to, request, .. } = asked;
        let mut ids = self.ids_of(&to.opening.conversation_id);
        let request_ref = request.wrapper.id.clone();
        if self.flaws.disregard(&code) {
            self.send_all_the_same(now, to, &request, &mut ids);
            return Case::Refused(Some(request.patient), code);
        }
        self.refuse(now, &to, request_ref, code.clone(), &mut ids);
        if self.has(SendingDefect::ExtractAfterNack) && broken::is_of_the_record(&code) {
            self.send_all_the_same(now, to, &request, &mut ids);
        }
        Case::Refused(Some(request.patient), code)
    }

    /// What is held of the patient, who asks and the form of the answer, or the code of the refusal.
    fn served_from<'a>(
        &'a self,
        asked: &'a Asked,
    ) -> Result<(&'a Holding, &'a Practice, ExtractVersion), ResponseCode> {
        let (holding, requester) = self.served_without_pds(asked)?;
        let own = &self.office.identity.practice;
        request::after_pds(&asked.request, &asked.registered, holding)?;
        let version = extract_version(
            asked.request.version,
            &own.interactions,
            &requester.interactions,
            self.flaws.hides(&holding.record),
        )
        .map_err(NoVersion::code)?;
        Ok((holding, requester, version))
    }

    /// The same, as far as it can be told without PDS.
    fn served_without_pds<'a>(
        &'a self,
        asked: &'a Asked,
    ) -> Result<(&'a Holding, &'a Practice), ResponseCode> {
        if !self.enabled {
            return Err(ResponseCode::from("07"));
        }
        let held = self.holdings.get(&asked.request.patient);
        let holding = request::before_pds(&asked.request, held)?;
        Ok((holding, asked.requester.as_ref().map_err(Clone::clone)?))
    }

    /// The core that serves the request, or the code of the refusal.
    fn plan_core(
        &self,
        now: Time,
        asked: &Asked,
        documents: &[Fetched],
        ids: &mut Ids,
    ) -> Result<Core, ResponseCode> {
        let Asked { to, request, .. } = asked;
        let (holding, requester, version) = self.served_from(asked)?;
        let enclosed = Enclosed::all(&holding.documents, documents);
        if let Some(code) = self.flaws.give_up_over(&enclosed) {
            return Err(code);
        }
        let own = &self.office.identity.practice;
        let order = Order {
            now,
            to: to.clone(),
            requester: request.author.clone(),
            request: request.id.clone(),
            version: self.flaws.version(version),
            record_target: if self.has(SendingDefect::WrongNhsNumber) {
                self.somebody_else_than(request.patient)
            } else {
                request.patient
            },
            record: &holding.record,
            documents: enclosed,
            spool: &self.spool,
            limits: self.limits,
            large_messaging: requester.large_messaging() && own.large_messaging(),
        };
        let core = Core::plan(order, &self.office, ids).map_err(|error| error.code())?;
        match core.needs_large_messaging() {
            true if !requester.large_messaging() => Err(ResponseCode::from("14")),
            true if !own.large_messaging() => Err(ResponseCode::from("23")),
            true | false => Ok(core),
        }
    }

    /// A request without its mandatory parts still gets an answer (SND-17), if SDS knows an
    /// address for its sender.
    fn refuse_unreadable(&mut self, now: Time, received: &Received) -> Case {
        let header = &received.header;
        let id = request::readable_id(&received.payload_xml)
            .unwrap_or_else(|| Hl7MessageId::from(&header.message_id));
        self.inquire_after_sender(now, header.clone(), id)
    }

    fn refuse(
        &mut self,
        now: Time,
        to: &Correspondent,
        request_ref: Hl7MessageId,
        code: ResponseCode,
        ids: &mut Ids,
    ) {
        let nack = self
            .office
            .answer(now, to, next_id(ids), request_ref, Some(code));
        self.send(now, nack, Tag::Loose);
    }

    fn send(&mut self, now: Time, message: Message, tag: Tag) {
        self.flaws.send(&mut self.outbox, now, message, tag);
    }

    /// Spine reports later that a message which it took did not arrive.
    fn delivery_failed(&mut self, now: Time, message_id: &EbxmlMessageId) {
        let conversation = self
            .cases
            .iter()
            .find_map(|(conversation, case)| match case {
                Case::Open(transfer) => transfer.is_core(message_id).then(|| conversation.clone()),
                Case::Refused(..)
                | Case::Inquiring(_)
                | Case::Fetching(_)
                | Case::Confirming(..) => None,
            });
        if let Some(conversation) = conversation {
            self.change(now, &conversation, |transfer, _| {
                transfer.undeliverable(message_id);
            });
        }
    }

    fn act(&mut self, now: Time, act: Act) {
        match act {
            Act::RepeatExtract { patient } => self.repeat_extract(now, patient),
            Act::SendUnrequested { patient, to } => {
                self.look_for(now, patient, inquiry::lookup_of(to));
            }
            Act::AcknowledgeAgain {
                by: Role::Sending,
                patient,
                code,
                times,
            } => self.acknowledge_again(now, patient, code.as_ref(), times),
            other @ (Act::Register { .. }
            | Act::Decide { .. }
            | Act::RepeatRequest { .. }
            | Act::AcknowledgeAgain { .. }
            | Act::File { .. }
            | Act::AtOffice { .. }
            | Act::Relink { .. }
            | Act::DealWithPooledList { .. }
            | Act::Relist { .. }
            | Act::AtHub { .. }
            | Act::Book { .. }
            | Act::MoveOn { .. }
            | Act::Stray { .. }) => {
                self.outputs
                    .push_back(Output::Notice(Notice::NotSupported(other)));
            }
        }
    }

    /// Sends the latest extract of a patient again, if it still may.
    fn repeat_extract(&mut self, now: Time, patient: NhsNumber) {
        let latest = (self.cases.iter())
            .filter_map(|(conversation, case)| match case {
                Case::Open(transfer) if transfer.patient == patient => {
                    Some((transfer.requested_at, conversation))
                }
                Case::Open(_)
                | Case::Refused(..)
                | Case::Inquiring(_)
                | Case::Fetching(_)
                | Case::Confirming(..) => None,
            })
            .max_by_key(|(requested_at, _)| *requested_at);
        let Some((_, conversation)) = latest else {
            return;
        };
        let conversation = conversation.clone();
        if self.has(SendingDefect::FollowsNobody) {
            self.change(now, &conversation, |transfer, office| {
                transfer.repeat_core(now, office);
            });
        } else {
            self.ask_before_sending_again(now, patient, conversation);
        }
    }

    /// Takes the answer of the store, or the news that there is none; false if the post was not to
    /// the store.
    fn settle_with_store(
        &mut self,
        now: Time,
        post: PostId,
        response: Option<&HttpResponse>,
    ) -> bool {
        if self.fetcher.settle(now, post, response) {
            self.open_fetched(now);
            return true;
        }
        match self.cleaner.settle(now, post, response) {
            Some(cleaned) => self.cleaned(now, cleaned),
            None => return false,
        }
        true
    }

    fn open_fetched(&mut self, now: Time) {
        while let Some((conversation, documents)) = self.fetcher.poll_done() {
            match self.cases.remove(&conversation) {
                Some(Case::Fetching(asked)) => {
                    let case = self.confirm(now, *asked, documents);
                    self.cases.insert(conversation, case);
                }
                Some(
                    other @ (Case::Open(_)
                    | Case::Refused(..)
                    | Case::Inquiring(_)
                    | Case::Confirming(..)),
                ) => {
                    self.cases.insert(conversation, other);
                }
                None => {
                    let documents = documents.unwrap_or_default();
                    self.send_fetched_unrequested(now, &conversation, &documents);
                }
            }
        }
    }

    fn settle_outcomes(&mut self, now: Time) {
        while let Some(Outcome {
            tag,
            message_id,
            result,
        }) = self.outbox.poll_outcome()
        {
            match (tag, result) {
                (Tag::Record(conversation), Ok(())) => {
                    self.change(now, &conversation, |transfer, _| {
                        transfer.accepted(&message_id);
                    });
                }
                (Tag::Record(conversation), Err(_)) if self.try_another(now, &conversation) => {}
                (Tag::Record(conversation), Err(_)) => {
                    self.change(now, &conversation, |transfer, _| {
                        transfer.undeliverable(&message_id);
                    });
                }
                (Tag::Loose, _) => {}
            }
        }
    }

    /// Encodes the next messages only when the outbox has room: hundreds of transfers must not
    /// pile up hundreds of messages.
    fn send_waiting(&mut self, now: Time) {
        while self.outbox.room() > 0 {
            let Some(conversation) = self.waiting.pop_front() else {
                return;
            };
            let message = self.change(now, &conversation, |transfer, office| {
                match transfer.next_message(now, office) {
                    Ok(message) => message,
                    Err(error) => {
                        transfer.stop(error.code());
                        None
                    }
                }
            });
            if let Some(message) = message.flatten() {
                self.send(now, message, Tag::Record(conversation));
            }
        }
    }

    /// Changes an open transfer, and sees to all that follows from it: the answer to the request,
    /// the next message, the deadline.
    fn change<R>(
        &mut self,
        now: Time,
        conversation: &ConversationId,
        change: impl FnOnce(&mut Transfer, &Office) -> R,
    ) -> Option<R> {
        let Some(Case::Open(transfer)) = self.cases.get_mut(conversation) else {
            return None;
        };
        let (old_deadline, old_wait) = (transfer.deadline(), transfer.waiting_since());
        let changed = change(transfer, &self.office);
        let withheld = self.flaws.withhold_answer(transfer);
        if !withheld && let Some(code) = transfer.take_answer(self.office.dialect()) {
            let id = next_id(&mut transfer.ids);
            let (to, request_ref) = (&transfer.core.to, transfer.request_ref.clone());
            let answer = self.office.answer(now, to, id, request_ref, code);
            (self.flaws).send(&mut self.outbox, now, answer, Tag::Loose);
        }
        let too_early = self.flaws.has(SendingDefect::DeletesTooEarly);
        let on_refusal = self.flaws.has(SendingDefect::DeletesOnRefusal);
        if self.cleanup == Cleanup::AfterFinalAck
            && ((too_early && transfer.take_core_left()) || transfer.take_filed(on_refusal))
        {
            (self.cleaner).begin(now, conversation, transfer.core.documents());
        }
        if transfer.has_message() {
            self.waiting.push_back(conversation.clone());
        }
        if old_deadline != transfer.deadline() && !self.flaws.has(SendingDefect::PatientForEver) {
            let entry = |at| (at, conversation.clone());
            old_deadline.map(|at| self.deadlines.remove(&entry(at)));
            self.deadlines.extend(transfer.deadline().map(entry));
        }
        self.see_to_alerts(now, conversation, old_wait);
        Some(changed)
    }

    /// A store that refuses is no reason to send anything again (SND-77).
    fn cleaned(&mut self, now: Time, cleaned: Cleaned) {
        match cleaned {
            Cleaned::Refused(conversation)
                if self.has(SendingDefect::ResendsAfterRefusedDelete) =>
            {
                self.change(now, &conversation, |transfer, office| {
                    transfer.repeat_core(now, office);
                });
            }
            Cleaned::Refused(_) | Cleaned::GoingOn => {}
        }
    }

    /// Ids of one conversation: what one transfer draws never shifts what another draws.
    fn ids_of(&self, conversation: &ConversationId) -> Ids {
        let name = match self.office.manner.message_ids {
            MessageIds::Unique => conversation.as_str().to_ascii_uppercase(),
            MessageIds::Repeated => "every conversation".to_owned(),
        };
        Ids::new(self.streams.stream(&format!("sending/{name}")))
    }
}

impl Case {
    fn observation(&self, left_in_store: u32) -> Option<Observation> {
        const FULL_PRINT: u8 = 4;
        const AWAITING: u8 = 5;
        match self {
            Self::Refused(patient, code) => patient.map(|patient| Observation::Transfer {
                patient,
                state: format!("refused with {code}"),
                print_state: Some(FULL_PRINT),
                left_in_store: 0,
            }),
            Self::Inquiring(inquiry) => inquiry.patient().map(|patient| Observation::Transfer {
                patient,
                state: "asking the directories".to_owned(),
                print_state: Some(AWAITING),
                left_in_store: 0,
            }),
            Self::Fetching(asked) | Self::Confirming(asked, _) => Some(Observation::Transfer {
                patient: asked.request.patient,
                state: "fetching documents".to_owned(),
                print_state: Some(AWAITING),
                left_in_store: 0,
            }),
            Self::Open(transfer) => Some(Observation::Transfer {
                patient: transfer.patient,
                state: transfer.state(),
                print_state: Some(transfer.print_state()),
                left_in_store,
            }),
        }
    }
}
