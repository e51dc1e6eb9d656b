//! A sending system on a desk, with the requester and Spine played by hand.

use std::collections::VecDeque;
use std::time::Duration;

use gp2gp_model::directory::Directory;
use gp2gp_model::fault::Fault;
use gp2gp_model::manner::Manner;
use gp2gp_model::pds::{GeneralPractitioner, PdsRecord};
use gp2gp_model::plan::Role;
use gp2gp_model::plan::{Cleanup, DescriptionChoice, DocumentPlan, Habit, PatientPlan};
use gp2gp_model::store::DeletePolicy;
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::{
    DocumentId, EbxmlMessageId, EhrRequestId, Hl7MessageId, Interaction, MessageKind, NhsNumber,
    ResponseCode, Time,
};
use gp2gp_sim::Streams;
use gp2gp_wire::Dialect;
use gp2gp_wire::attachment::{Description, DescriptionStyle, DocumentDecoder};
use gp2gp_wire::hl7::{
    Acknowledgement, CONTINUE_SUBJECT, Continue, EhrExtract, EhrRequest, Fragment, Gp2gpFragment,
    Payload, RequestVersion, Wrapper,
};
use gp2gp_wire::message::{Attachment, Location, Received};

use crate::defect::SendingDefect;
use crate::fhir::api_key;
use crate::mhs::Identity;
use crate::mhs::fixture::{
    self, OTHER, OWN, START, Services, accepted, conversation, delivery, identity, message_id, ods,
    opened, uuid,
};
use crate::peer::{
    AnswerId, Conduct, HttpRequest, HttpResponse, Input, Notice, Output, Peer, PostId,
    TransportError,
};
use crate::sending::{Holding, Sending, SendingConfig};
use crate::store::{Store, StoreConfig, StoredPatient};
use crate::synthetic::{DocumentKind, DocumentSpec, Patient, RecordSpec};

/// The conversation of tests that need only one.
pub(super) const ONLY: u32 = 1;

pub(super) struct Desk {
    pub(super) sending: Sending,
    /// The document store of the practice, which answers at once.
    pub(super) store: Store,
    pub(super) store_answers: bool,
    /// SDS and PDS, which answer at once.
    pub(super) services: Services,
    /// What the store was asked: method and path.
    pub(super) asked: Vec<String>,
    /// As whom.
    pub(super) tokens: Vec<String>,
    pub(super) now: Time,
    /// Whether Spine answers posts at once.
    pub(super) spine_answers: bool,
    /// Posts without an answer.
    pub(super) unanswered: VecDeque<PostId>,
    /// Everything posted, in order, repeats included.
    pub(super) posted: Vec<Received>,
    pub(super) sizes: Vec<usize>,
    pub(super) notices: Vec<Notice>,
    deliveries: u32,
}

/// A sending system to be, and what the directories hold.
#[derive(Debug, Clone)]
pub(super) struct Situation {
    pub(super) identity: Identity,
    pub(super) manner: Manner,
    pub(super) directory: Directory,
    pub(super) enabled: bool,
    pub(super) attachment_threshold: usize,
    pub(super) message_limit: usize,
    pub(super) cleanup: Cleanup,
    pub(super) store: String,
    pub(super) holdings: Vec<Holding>,
    pub(super) defects: Vec<SendingDefect>,
}

impl Situation {
    fn system(self) -> Sending {
        let config = SendingConfig {
            identity: self.identity,
            manner: self.manner,
            api_key: api_key(Role::Sending).to_owned(),
            enabled: self.enabled,
            attachment_threshold: self.attachment_threshold,
            message_limit: self.message_limit,
            cleanup: self.cleanup,
            store: self.store,
            holdings: self.holdings,
            defects: self.defects,
        };
        Sending::new(config, Streams::new(7))
    }

    fn services(&self) -> Services {
        let registered = self.holdings.iter().map(|it| {
            let practice = it.plan.current_practice.clone();
            (it.plan.nhs_number, practice)
        });
        Services::new(self.directory.clone(), registered)
    }
}

pub(super) fn patient() -> NhsNumber {
    Patient::generate(7, 0).nhs_number
}

/// A patient of 12 KB, held, registered with the requester.
pub(super) fn holding() -> Holding {
    let record_bytes = 12_000;
    Holding {
        plan: PatientPlan {
            label: "patient".to_owned(),
            nhs_number: patient(),
            index: 0,
            held: true,
            previous_practice: Some(ods(OWN)),
            pds: PdsRecord::new(patient(), GeneralPractitioner::Practice(ods(OTHER))),
            registers_with: None,
            awaited_from: None,
            current_practice: ods(OTHER),
            returning: false,
            record_bytes,
            redactions: false,
            documents: Vec::new(),
            habit: Habit {
                decision: None,
                after: Duration::ZERO,
            },
        },
        record: RecordSpec {
            patient: Patient::generate(7, 0),
            practice: ods(OWN),
            target_bytes: record_bytes,
            documents: Vec::new(),
            linked: None,
            entries: Vec::new(),
            redactions: false,
            seed: 7,
            recorded_at: START,
        },
        documents: Vec::new(),
    }
}

/// A document that GZIP does not make smaller.
pub(super) fn image(number: u32, bytes: u64) -> (DocumentPlan, DocumentSpec) {
    document(number, DocumentKind::Jpeg, bytes)
}

pub(super) fn document(
    number: u32,
    kind: DocumentKind,
    bytes: u64,
) -> (DocumentPlan, DocumentSpec) {
    let plan = DocumentPlan {
        media_type: kind.media_type().to_owned(),
        bytes,
        file_name: None,
        description: DescriptionChoice::Grammar,
        missing: None,
        already_missing: None,
        same_id: false,
        arrives: None,
    };
    (plan, DocumentSpec::generate(7, number, kind, bytes))
}

pub(super) fn holding_with(documents: Vec<(DocumentPlan, DocumentSpec)>) -> Holding {
    Holding {
        documents,
        ..holding()
    }
}

pub(super) fn config(holding: Holding) -> Situation {
    Situation {
        identity: identity(OWN),
        manner: Manner::default(),
        directory: fixture::directory(),
        enabled: true,
        attachment_threshold: 4_500_000,
        message_limit: 5_000_000,
        cleanup: Cleanup::Never,
        store: "https://store.invalid".to_owned(),
        holdings: vec![holding],
        defects: Vec::new(),
    }
}

/// Only messages of at most so many bytes, and texts of half of that.
pub(super) fn small_messages(holding: Holding, message_limit: usize) -> Situation {
    Situation {
        attachment_threshold: message_limit / 2,
        message_limit,
        ..config(holding)
    }
}

pub(super) fn broken(defect: SendingDefect, config: Situation) -> Situation {
    Situation {
        defects: vec![defect],
        ..config
    }
}

pub(super) fn in_dialect(dialect: Dialect, mut config: Situation) -> Situation {
    config.identity.dialect = dialect;
    config
}

/// The requester, or the sender itself, cannot do large messaging.
pub(super) fn without_large_messaging(code: &str, mut config: Situation) -> Situation {
    let own = &mut config.identity.practice;
    for practice in config.directory.practices.iter_mut().chain([own]) {
        if practice.ods == ods(code) {
            practice.interactions.remove(&Interaction::Copc);
        }
    }
    config
}

/// What the store of such a practice holds.
fn store(config: &Situation, faults: Vec<Fault>) -> Store {
    let patients = (config.holdings.iter())
        .map(|holding| StoredPatient {
            record: holding.record.clone(),
            documents: (holding.documents.iter())
                .map(|(plan, spec)| (spec.clone(), plan.missing))
                .collect(),
        })
        .collect();
    let config = StoreConfig {
        base: config.store.clone(),
        asid: config.identity.practice.asid.clone(),
        practice: config.identity.practice.ods.clone(),
        policy: DeletePolicy::default(),
        patients,
        faults,
        started: START,
    };
    Store::new(config, Streams::new(7))
}

impl Desk {
    pub(super) fn new(config: Situation) -> Self {
        Self::with_store(config, Vec::new())
    }

    /// A desk with a store that misbehaves.
    pub(super) fn with_store(config: Situation, faults: Vec<Fault>) -> Self {
        Self {
            store: store(&config, faults),
            store_answers: true,
            asked: Vec::new(),
            tokens: Vec::new(),
            services: config.services(),
            sending: config.system(),
            now: START,
            spine_answers: true,
            unanswered: VecDeque::new(),
            posted: Vec::new(),
            sizes: Vec::new(),
            notices: Vec::new(),
            deliveries: 0,
        }
    }

    /// A desk on which the request has been served as far as it goes without the requester.
    pub(super) fn requested(config: Situation) -> Self {
        let mut desk = Self::new(config);
        desk.request();
        desk
    }

    pub(super) fn request(&mut self) {
        self.request_for(ONLY, patient());
    }

    pub(super) fn request_for(&mut self, number: u32, patient: NhsNumber) {
        let request = self.request_bytes(number, patient);
        self.deliver_raw(request);
    }

    /// A request, not yet delivered.
    pub(super) fn request_bytes(&mut self, number: u32, patient: NhsNumber) -> HttpRequest {
        self.written(number, |wrapper_of, _| {
            Payload::EhrRequest(EhrRequest {
                wrapper: wrapper_of(Interaction::EhrRequestUk05),
                version: RequestVersion::Uk05,
                id: request_id(),
                patient,
                author: ods(OTHER),
                destination: ods(OWN),
            })
        })
    }

    pub(super) fn continue_core(&mut self) {
        let core = self.core_ids().1;
        self.continue_in(ONLY, Hl7MessageId::from(&core));
    }

    pub(super) fn continue_in(&mut self, number: u32, core: Hl7MessageId) {
        let message = self.written(number, |wrapper_of, id| {
            Payload::Continue(Continue {
                wrapper: wrapper_of(Interaction::Copc),
                information_code: "GP2GP_PI".to_owned(),
                fragment: Gp2gpFragment {
                    version: "01".to_owned(),
                    recipients: vec![ods(OWN)],
                    from: ods(OTHER),
                    subject: CONTINUE_SUBJECT.to_owned(),
                    message_id: id,
                    in_order: true,
                },
                ack_type: "AA".to_owned(),
                detail_type: "IF".to_owned(),
                detail_code: "0".to_owned(),
                message_ref: core.clone(),
                acknowledged_message: Some(core),
            })
        });
        self.deliver_raw(message);
    }

    /// Acknowledges the core, by its HL7 id.
    pub(super) fn acknowledge_core(&mut self, code: Option<&str>) {
        let core = self.core_ids().0;
        self.acknowledge(ONLY, core, code);
    }

    pub(super) fn acknowledge(&mut self, number: u32, what: Hl7MessageId, code: Option<&str>) {
        self.acknowledge_in(Dialect::NationalMhs, number, what, code);
    }

    pub(super) fn acknowledge_in(
        &mut self,
        dialect: Dialect,
        number: u32,
        what: Hl7MessageId,
        code: Option<&str>,
    ) {
        let message = self.written(number, |wrapper_of, _| {
            let wrapper = wrapper_of(Interaction::Acknowledgement);
            Payload::Acknowledgement(match code {
                None => Acknowledgement::positive(wrapper, what),
                Some(code) => {
                    Acknowledgement::negative(wrapper, what, ResponseCode::from(code), dialect)
                }
            })
        });
        self.deliver_raw(message);
    }

    /// A message of the requester. Its payload gets a function that makes wrappers, and its id.
    fn written(
        &mut self,
        number: u32,
        payload: impl FnOnce(&dyn Fn(Interaction) -> Wrapper, Hl7MessageId) -> Payload,
    ) -> HttpRequest {
        self.deliveries += 1;
        let id = message_id(10_000 + self.deliveries);
        let hl7_id = Hl7MessageId::from(&id);
        let now = self.now;
        let message = fixture::message(
            (OTHER, OWN),
            now,
            &conversation(number),
            &id,
            |identity, to| {
                let wrapper_of =
                    |interaction| identity.wrapper(now, to, interaction, hl7_id.clone());
                payload(&wrapper_of, hl7_id.clone())
            },
            Vec::new(),
        );
        delivery(&message)
    }

    pub(super) fn deliver_raw(&mut self, request: HttpRequest) {
        let id = AnswerId(u64::from(self.deliveries));
        self.hand(Input::Request { id, request });
    }

    pub(super) fn hand(&mut self, input: Input) {
        self.sending.handle(self.now, input);
        self.collect();
    }

    /// Takes what the system wants done, and answers posts until nothing happens any more.
    fn collect(&mut self) {
        while let Some(output) = self.sending.poll_output() {
            match output {
                Output::Post {
                    id,
                    to: Endpoint::Store,
                    request,
                    ..
                } => {
                    self.asked
                        .push(format!("{} {}", request.method.name(), request.path));
                    let token = request.headers.get("Authorization");
                    self.tokens.extend(token.map(str::to_owned));
                    if self.store_answers {
                        self.ask_store(id, request);
                    }
                }
                Output::Post {
                    id,
                    to: to @ (Endpoint::Sds | Endpoint::Pds),
                    request,
                    ..
                } => {
                    let response = self.services.answer(self.now, to, request);
                    let post = id;
                    self.sending
                        .handle(self.now, Input::Response { post, response });
                }
                Output::Post { id, request, .. } => {
                    self.sizes.push(request.body.len());
                    self.posted.push(opened(&request));
                    self.unanswered.push_back(id);
                    if self.spine_answers {
                        self.answer(accepted());
                    }
                }
                Output::Answer { response, .. } => assert_eq!(response.status, 200),
                Output::Notice(notice) => self.notices.push(notice),
                Output::FaultFired(name) => panic!("{name} fired in a sending system"),
                Output::Crash { system, .. } => panic!("{system} goes down"),
            }
        }
    }

    fn ask_store(&mut self, post: PostId, request: HttpRequest) {
        let id = AnswerId(post.0);
        self.store.handle(self.now, Input::Request { id, request });
        while let Some(output) = self.store.poll_output() {
            match output {
                Output::Answer {
                    response,
                    conduct: Conduct::Clean,
                    ..
                } => self
                    .sending
                    .handle(self.now, Input::Response { post, response }),
                Output::Answer { .. } => {
                    let error = TransportError::Reset;
                    self.sending.handle(self.now, Input::Failed { post, error });
                }
                Output::FaultFired(_) => {}
                other @ (Output::Post { .. } | Output::Notice(_) | Output::Crash { .. }) => {
                    panic!("{other:?} of a store")
                }
            }
        }
    }

    /// Spine answers the oldest post.
    pub(super) fn answer(&mut self, response: HttpResponse) {
        let post = self.unanswered.pop_front().expect("a post");
        self.hand(Input::Response { post, response });
    }

    /// Lets time pass up to this point, with everything that is due on the way.
    pub(super) fn wait_until(&mut self, until: Time) {
        while let Some(deadline) = self.sending.poll_timeout() {
            if deadline.at > until {
                break;
            }
            self.now = self.now.max(deadline.at);
            self.sending.handle_timeout(self.now);
            self.collect();
        }
        self.now = until;
    }

    pub(super) fn kinds(&self) -> Vec<MessageKind> {
        self.posted
            .iter()
            .map(|message| payload(message).kind())
            .collect()
    }

    pub(super) fn fragments(&self) -> Vec<&Received> {
        of_kind(&self.posted, MessageKind::Fragment)
    }

    /// HL7 id and ebXML id of the first core.
    pub(super) fn core_ids(&self) -> (Hl7MessageId, EbxmlMessageId) {
        let core = of_kind(&self.posted, MessageKind::EhrExtract)[0];
        (
            payload(core).wrapper().id.clone(),
            core.header.message_id.clone(),
        )
    }

    pub(super) fn core(&self) -> &Received {
        of_kind(&self.posted, MessageKind::EhrExtract)[0]
    }

    pub(super) fn extract(&self) -> EhrExtract {
        extract(self.core())
    }

    /// Codes of all answers to requests; `None` is positive.
    pub(super) fn answers(&self) -> Vec<Option<String>> {
        of_kind(&self.posted, MessageKind::Acknowledgement)
            .into_iter()
            .map(|message| acknowledgement(message).code().map(ToString::to_string))
            .collect()
    }

    /// State and print state of the only conversation.
    pub(super) fn state(&self) -> (String, Option<u8>) {
        match self.sending.observe().as_slice() {
            [
                Observation::Transfer {
                    state, print_state, ..
                },
            ] => (state.clone(), *print_state),
            other => panic!("one transfer expected: {other:?}"),
        }
    }

    pub(super) fn print_state(&self) -> Option<u8> {
        self.state().1
    }

    /// What a receiver puts together from everything posted: file name and content of each
    /// attachment of the core, in order.
    pub(super) fn reassembled(&self) -> Vec<(String, Vec<u8>)> {
        (self.core().attachments.iter())
            .map(|attachment| {
                let description = description(attachment);
                let content = self.content(attachment, description.compressed);
                (description.filename, content)
            })
            .collect()
    }

    fn content(&self, attachment: &Attachment, compressed: bool) -> Vec<u8> {
        let mut content = Vec::new();
        let mut decoder = DocumentDecoder::new(compressed);
        for text in self.texts(attachment) {
            decoder
                .push(&text, &mut |bytes| content.extend_from_slice(bytes))
                .unwrap();
        }
        decoder
            .finish(&mut |bytes| content.extend_from_slice(bytes))
            .unwrap();
        content
    }

    /// The texts behind a reference, through indexes.
    fn texts(&self, attachment: &Attachment) -> Vec<bytes::Bytes> {
        match &attachment.location {
            Location::Inline(inline) => vec![inline.body.clone()],
            Location::External(mid) => {
                let copc = self
                    .fragments()
                    .into_iter()
                    .find(|copc| copc.header.message_id == *mid);
                let copc = copc.unwrap_or_else(|| panic!("{mid} was promised and not sent"));
                copc.attachments
                    .iter()
                    .flat_map(|part| self.texts(part))
                    .collect()
            }
            other @ (Location::Dangling(_) | Location::Other(_)) => panic!("{other:?}"),
        }
    }
}

pub(super) fn request_id() -> EhrRequestId {
    EhrRequestId::parse(&uuid(4_711)).unwrap()
}

pub(super) fn of_kind(messages: &[Received], kind: MessageKind) -> Vec<&Received> {
    messages
        .iter()
        .filter(|message| payload(message).kind() == kind)
        .collect()
}

pub(super) fn payload(message: &Received) -> Payload {
    message.payload().unwrap()
}

pub(super) fn extract(message: &Received) -> EhrExtract {
    let Payload::EhrExtract(extract) = payload(message) else {
        panic!("not an extract: {message:?}");
    };
    extract
}

pub(super) fn fragment(message: &Received) -> Fragment {
    let Payload::Fragment(fragment) = payload(message) else {
        panic!("not a fragment: {message:?}");
    };
    fragment
}

pub(super) fn acknowledgement(message: &Received) -> Acknowledgement {
    let Payload::Acknowledgement(ack) = payload(message) else {
        panic!("not an acknowledgement: {message:?}");
    };
    ack
}

pub(super) fn description(attachment: &Attachment) -> Description {
    let text = attachment.description.as_deref().unwrap();
    assert_eq!(Description::faults(text), [], "{text}");
    let DescriptionStyle::Grammar(description) = DescriptionStyle::read(text) else {
        panic!("not grammar: {text}");
    };
    description
}

/// The id that an `eb:id` stands for.
pub(super) fn document_id(attachment: &Attachment) -> DocumentId {
    DocumentId::parse(attachment.id.as_deref().unwrap().strip_prefix('_').unwrap()).unwrap()
}
