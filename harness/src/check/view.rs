//! The trace as checks see it: every post decoded once, retransmissions marked, documents put
//! together. Bodies are dropped after decoding, so a view stays small whatever crossed the wire.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use gp2gp_model::alert::Alert;
use gp2gp_model::pds::{GeneralPractitioner, PdsRecord};
use gp2gp_model::plan::{Act, Role};
use gp2gp_model::replay::Divergence;
use gp2gp_model::trace::{
    Bodies, BodyRef, Endpoint, Event, Header, Lifecycle, Observation, TimeMode, Trace, What,
};
use gp2gp_model::{
    ConversationId, EbxmlMessageId, GpCode, MessageKind, NhsNumber, OdsCode, Sha256, Time,
};
use gp2gp_wire::OpenError;
use gp2gp_wire::ebxml::{self, Envelope, NaspError};

use super::documents::{self, Document};
use super::exp::Export;
use super::fed::Federation;
use super::fetched::{self, Listed, Service, StoreAnswer};
use super::national::{Asked, NationalCall, Told};
use super::seen::Decoder;
pub(super) use super::seen::open;
pub use super::seen::{AttachmentSeen, Place, RECORDED_FILE, Seen};
use super::store_calls::{self, RecordRead, StoreCall};
use super::texts::{self, Narratives};

/// A trace, decoded.
pub struct View {
    /// Header of the trace.
    pub header: Header,
    /// Every post in order, on both legs.
    pub posts: Vec<Post>,
    /// What people and harness did.
    pub acts: Vec<Acted>,
    /// What is true of the patients. Empty for a recording.
    pub patients: Vec<Truth>,
    /// What the record source held.
    pub held: Vec<Held>,
    /// What the record source says of structured records.
    pub records: Vec<RecordHeld>,
    /// What systems said of themselves at the end.
    pub observed: Vec<(Endpoint, Observation)>,
    /// What systems put before people.
    pub alerts: Vec<Alerted>,
    /// Names of planned faults, once for each time they acted.
    pub faults: Vec<String>,
    /// What happened to systems as a whole.
    pub lifecycle: Vec<Lived>,
    /// Where a recorded system could not follow its recording.
    pub divergences: Vec<Divergence>,
    /// What the document store was asked.
    pub store_calls: Vec<StoreCall>,
    /// When systems were told a record of their own.
    pub record_reads: Vec<RecordRead>,
    /// Documents of every core, put together from what the sending system posted.
    pub documents: Vec<Document>,
    /// The same, put together from what Spine delivered. Empty if Spine altered nothing.
    pub altered_documents: Vec<Document>,
    /// The export, if it is one.
    pub export: Option<Export>,
    /// What was said in the federation, if it is one.
    pub federation: Option<Federation>,
    /// Time of the last event.
    pub ended_at: Time,
    /// The run fell silent, as opposed to being cut off. False for a recording.
    pub quiescent: bool,
    /// Everything that systems asked SDS, PDS and the registry.
    pub national_calls: Vec<NationalCall>,
}

/// A post with its ending.
pub struct Post {
    /// Event number, for evidence.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// Who.
    pub from: Endpoint,
    /// To whom.
    pub to: Endpoint,
    /// `SOAPAction`.
    pub soap_action: Option<String>,
    /// `Content-Type`.
    pub content_type: String,
    /// Body, by digest.
    pub body: BodyRef,
    /// What it says.
    pub message: Rc<Result<Seen, OpenError>>,
    /// How it ended.
    pub ending: Ending,
    /// A post of the same endpoint with the same message id came before: a transport retry.
    pub is_retransmission: bool,
}

/// How a post ended.
#[derive(Debug, Clone)]
pub enum Ending {
    /// With an answer.
    Answered {
        /// When.
        at: Time,
        /// HTTP status.
        status: u16,
        /// The body, if it is an envelope.
        envelope: Option<Box<Envelope>>,
    },
    /// Without.
    NoAnswer {
        /// When that was known.
        at: Time,
        /// Why.
        why: String,
        /// It never arrived whole.
        never_arrived: bool,
    },
    /// The trace does not say.
    Open,
}

/// Something that people or the harness did.
pub struct Acted {
    /// Event number.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// To whom.
    pub on: Endpoint,
    /// What.
    pub act: Act,
    /// The system did not know the verb.
    pub not_supported: bool,
}

/// Something that a system put before people.
pub struct Alerted {
    /// Event number.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// Which system.
    pub by: Endpoint,
    /// What.
    pub alert: Alert,
}

/// Something that happened to a system as a whole.
pub struct Lived {
    /// Event number.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// To which.
    pub system: Endpoint,
    /// What.
    pub change: Lifecycle,
}

/// What is true of a patient.
pub struct Truth {
    /// Who.
    pub patient: NhsNumber,
    /// The sending practice has this patient.
    pub held: bool,
    /// Practice of the patient on PDS.
    pub current_practice: OdsCode,
    /// The requesting practice still holds an old record (A-B-A).
    pub returning: bool,
    /// Size of the structured record; 0 cannot be sent.
    pub record_bytes: u64,
    /// What PDS held before the registration, if there was a PDS.
    pub pds: Option<PdsRecord>,
    /// The GP with whom the patient registers, where PDS holds the codes of GPs.
    pub registers_with: Option<GpCode>,
    /// The sending practice itself still awaits the record from there.
    pub awaited_from: Option<OdsCode>,
}

/// A document that the record source held.
pub struct Held {
    /// Whose.
    pub patient: NhsNumber,
    /// File name.
    pub file_name: String,
    /// True type.
    pub media_type: String,
    /// Digest.
    pub sha256: Sha256,
    /// Size.
    pub bytes: u64,
    /// The source can deliver it: it was not missing from the beginning, and the store, where the
    /// sending system asked one, gave it.
    pub deliverable: bool,
    /// What the store made of it.
    pub service: Service,
}

/// What the record source says of a structured record.
pub struct RecordHeld {
    /// Whose.
    pub patient: NhsNumber,
    /// Entries marked as not to be shown to the patient.
    pub marks: usize,
    /// Its free texts.
    pub narratives: Narratives,
}

impl View {
    /// Decodes a trace.
    pub fn new(trace: &Trace, bodies: &dyn Bodies) -> Self {
        let mut view = Self {
            header: trace.header.clone(),
            posts: Vec::new(),
            acts: Vec::new(),
            patients: Vec::new(),
            held: Vec::new(),
            records: Vec::new(),
            observed: Vec::new(),
            alerts: Vec::new(),
            faults: Vec::new(),
            divergences: Vec::new(),
            lifecycle: Vec::new(),
            store_calls: Vec::new(),
            record_reads: Vec::new(),
            national_calls: Vec::new(),
            documents: Vec::new(),
            altered_documents: Vec::new(),
            export: Export::of(trace, bodies),
            federation: Federation::of(trace, bodies),
            ended_at: trace.header.started,
            quiescent: false,
        };
        let knows_records = |event: &Event| matches!(event.what, What::Record { .. });
        let mut decoder = Decoder::new(bodies, trace.events.iter().any(knows_records));
        let mut exchanges: BTreeMap<u64, usize> = BTreeMap::new();
        let mut asked: BTreeMap<u64, usize> = BTreeMap::new();
        let mut enquired: BTreeMap<u64, usize> = BTreeMap::new();
        let mut posted = BTreeSet::new();
        for event in &trace.events {
            view.ended_at = view.ended_at.max(event.at);
            match &event.what {
                // What a system knows by itself, only that a foreign one has to be told it.
                What::Post {
                    from,
                    to: Endpoint::Store,
                    path,
                    ..
                } if store_calls::is_of_record_source(path) => view.record_reads.push(RecordRead {
                    seq: event.seq,
                    from: *from,
                    path: path.clone(),
                }),
                // No message of GP2GP.
                What::Post {
                    exchange,
                    from,
                    to: Endpoint::Store,
                    method,
                    path,
                    headers,
                    ..
                } => {
                    asked.insert(*exchange, view.store_calls.len());
                    view.store_calls.push(StoreCall {
                        seq: event.seq,
                        at: event.at,
                        from: *from,
                        method: *method,
                        path: path.clone(),
                        headers: headers.clone(),
                        ending: Ending::Open,
                        answer: None,
                    });
                }
                What::Post {
                    exchange,
                    from,
                    to: to @ (Endpoint::Sds | Endpoint::Pds),
                    method,
                    path,
                    ..
                } => {
                    enquired.insert(*exchange, view.national_calls.len());
                    view.national_calls.push(NationalCall {
                        seq: event.seq,
                        at: event.at,
                        from: *from,
                        asked: Asked::of(*to, *method, path),
                        answer: Told::Nothing,
                        answered: u64::MAX,
                        answered_at: event.at,
                    });
                }
                // Judged from the history of the export.
                What::Post { to, .. } if to.is_of_export() => {}
                // Judged from the history of the federation.
                What::Post { from, to, .. } if from.is_of_federation() || to.is_of_federation() => {
                }
                What::Post {
                    exchange,
                    from,
                    to,
                    soap_action,
                    content_type,
                    body,
                    ..
                } => {
                    exchanges.insert(*exchange, view.posts.len());
                    let message = decoder.message(content_type, body);
                    view.posts.push(Post {
                        seq: event.seq,
                        at: event.at,
                        from: *from,
                        to: *to,
                        soap_action: soap_action.clone(),
                        content_type: content_type.clone(),
                        body: *body,
                        is_retransmission: !is_first(*from, &message, &mut posted),
                        message,
                        ending: Ending::Open,
                    });
                }
                What::Answer {
                    exchange,
                    status,
                    content_type,
                    headers,
                    body,
                } => {
                    if let Some(call) =
                        (enquired.get(exchange)).and_then(|at| view.national_calls.get_mut(*at))
                    {
                        call.answered = event.seq;
                        call.answered_at = event.at;
                        call.answer = match (*status, bodies.body(&body.sha256)) {
                            (200, Some(body)) => call.asked.told(&body),
                            (200, None) => Told::Unreadable,
                            (status, _) => Told::Refused(status),
                        };
                    } else if let Some(call) = asked
                        .get(exchange)
                        .and_then(|at| view.store_calls.get_mut(*at))
                    {
                        call.ending = Ending::Answered {
                            at: event.at,
                            status: *status,
                            envelope: None,
                        };
                        call.answer = Some(StoreAnswer {
                            content_type: content_type.clone(),
                            headers: headers.clone(),
                            body: *body,
                            lists: if call.path.contains("/DocumentReference") {
                                (bodies.body(&body.sha256))
                                    .map_or_else(Vec::new, |body| Listed::read(&body))
                            } else {
                                Vec::new()
                            },
                        });
                    } else if let Some(post) = exchanges
                        .get(exchange)
                        .and_then(|at| view.posts.get_mut(*at))
                    {
                        post.ending = Ending::Answered {
                            at: event.at,
                            status: *status,
                            envelope: bodies
                                .body(&body.sha256)
                                .and_then(|body| ebxml::parse(&body).ok())
                                .map(Box::new),
                        };
                    }
                }
                What::NoAnswer {
                    exchange,
                    why,
                    never_arrived,
                } => {
                    let ending = Ending::NoAnswer {
                        at: event.at,
                        why: why.clone(),
                        never_arrived: *never_arrived,
                    };
                    if let Some(call) = asked
                        .get(exchange)
                        .and_then(|at| view.store_calls.get_mut(*at))
                    {
                        call.ending = ending;
                    } else if let Some(post) = exchanges
                        .get(exchange)
                        .and_then(|at| view.posts.get_mut(*at))
                    {
                        post.ending = ending;
                    }
                }
                What::Acted {
                    on,
                    act,
                    not_supported,
                } => view.take_act(event, *on, act, *not_supported),
                What::Patient {
                    patient,
                    held,
                    current_practice,
                    returning,
                    record_bytes,
                    pds,
                    registers_with,
                    awaited_from,
                } => view.patients.push(Truth {
                    pds: pds.clone(),
                    registers_with: *registers_with,
                    awaited_from: awaited_from.clone(),
                    patient: *patient,
                    held: *held,
                    current_practice: current_practice.clone(),
                    returning: *returning,
                    record_bytes: *record_bytes,
                }),
                What::Held {
                    patient,
                    file_name,
                    media_type,
                    sha256,
                    bytes,
                    deliverable,
                } => view.held.push(Held {
                    patient: *patient,
                    file_name: file_name.clone(),
                    media_type: media_type.clone(),
                    sha256: *sha256,
                    bytes: *bytes,
                    deliverable: *deliverable,
                    service: Service::default(),
                }),
                What::Record {
                    patient,
                    marks,
                    narratives,
                } => view.records.push(RecordHeld {
                    patient: *patient,
                    marks: *marks as usize,
                    narratives: bodies
                        .body(&narratives.sha256)
                        .map(|lines| texts::of_truth(&lines))
                        .unwrap_or_default(),
                }),
                What::Observed { by, observation } => {
                    view.observed.push((*by, observation.clone()));
                }
                What::Alerted { by, alert } => view.alerts.push(Alerted {
                    seq: event.seq,
                    at: event.at,
                    by: *by,
                    alert: alert.clone(),
                }),
                // Told by the history of the export.
                What::Declined { .. } => {}
                What::FaultFired { name, .. } => view.faults.push(name.clone()),
                What::Lifecycle { system, change } => view.lifecycle.push(Lived {
                    seq: event.seq,
                    at: event.at,
                    system: *system,
                    change: *change,
                }),
                What::Diverged { divergence, .. } => view.divergences.push(divergence.clone()),
                What::Ended { quiescent } => view.quiescent = *quiescent,
            }
        }
        view.withdraw_what_the_store_withheld();
        view.documents = documents::assemble(&view, bodies);
        view.altered_documents = documents::assemble_altered(&view, bodies);
        view
    }

    /// What the store never gave whole, the sending system could not deliver.
    fn withdraw_what_the_store_withheld(&mut self) {
        let services = fetched::services(self);
        for (held, service) in self.held.iter_mut().zip(services) {
            held.deliverable &= service.given != Some(false);
            held.service = service;
        }
    }

    /// An act, or the word that the system does not know the verb of an earlier one.
    fn take_act(&mut self, event: &Event, on: Endpoint, act: &Act, not_supported: bool) {
        let earlier = self
            .acts
            .iter_mut()
            .rev()
            .find(|acted| not_supported && acted.on == on && acted.act == *act);
        match earlier {
            Some(acted) => acted.not_supported = true,
            None => self.acts.push(Acted {
                seq: event.seq,
                at: event.at,
                on,
                act: act.clone(),
                not_supported,
            }),
        }
    }

    /// New messages that a system posted to Spine, in order; retransmissions left out.
    pub fn sent_by(&self, role: Role) -> impl Iterator<Item = &Post> {
        self.posted_by(role).filter(|post| !post.is_retransmission)
    }

    /// Every post of a system to Spine, retransmissions included.
    pub fn posted_by(&self, role: Role) -> impl Iterator<Item = &Post> {
        let from = Endpoint::from(role);
        self.posts
            .iter()
            .filter(move |post| post.from == from && post.to == Endpoint::Spine)
    }

    /// Messages of a system that Spine took over, once each, whichever attempt it was. A
    /// recording holds no answers: there, every message counts as taken over.
    pub fn accepted_from(&self, role: Role) -> impl Iterator<Item = &Post> {
        let mut taken = BTreeSet::new();
        self.posted_by(role).filter(move |post| {
            let was_taken = post.was_accepted() || !self.has_real_times();
            let name = post.name().filter(|_| was_taken);
            name.is_some_and(|name| taken.insert(name))
        })
    }

    /// Every post of Spine to a system that may have arrived, repeated deliveries included.
    pub fn delivered_to(&self, role: Role) -> impl Iterator<Item = &Post> {
        let to = Endpoint::from(role);
        self.posts
            .iter()
            .filter(move |post| post.from == Endpoint::Spine && post.to == to)
            .filter(|post| !post.never_arrived())
    }

    /// Whether a system took a delivery: it said so, or it said so of a later delivery of the same
    /// message, and nobody knows what became of its first answer.
    pub fn was_taken(&self, delivery: &Post) -> bool {
        let is_again = |post: &&Post| {
            post.from == delivery.from && post.seq > delivery.seq && post.is_same_message(delivery)
        };
        delivery.was_accepted()
            || (matches!(delivery.ending, Ending::NoAnswer { .. })
                && self.posts.iter().filter(is_again).any(Post::was_accepted))
    }

    /// Documents as the requesting system got them.
    pub fn delivered_documents(&self) -> &[Document] {
        match self.altered_documents.as_slice() {
            [] => &self.documents,
            altered => altered,
        }
    }

    /// Conversations in order of their first message.
    pub fn conversations(&self) -> Vec<ConversationId> {
        let mut found = BTreeSet::new();
        let all = self.posts.iter().filter_map(Post::seen);
        all.map(|seen| &seen.header.conversation_id)
            .filter(|conversation| found.insert(*conversation))
            .cloned()
            .collect()
    }

    /// The patient's practice on PDS at a moment, if the trace knows it.
    pub fn current_practice(&self, patient: NhsNumber, at: Time) -> Option<OdsCode> {
        let planned = self.patients.iter().find(|truth| truth.patient == patient);
        if let Some(PdsRecord {
            general_practitioner: GeneralPractitioner::Practice(before),
            ..
        }) = planned.and_then(|truth| truth.pds.as_ref())
            && !self.was_registered(patient, at)
            && !self.has_moved(patient, at)
        {
            return Some(before.clone());
        }
        let earlier = self.acts.iter().rev().filter(|acted| acted.at <= at);
        let moved = earlier
            .filter_map(|acted| acted.act.move_on())
            .find_map(|(who, practice)| (who == patient).then_some(practice));
        moved
            .or(planned.map(|truth| &truth.current_practice))
            .cloned()
    }

    /// Whether PDS had taken a new registration of this patient by then.
    fn was_registered(&self, patient: NhsNumber, by: Time) -> bool {
        self.national_calls.iter().any(|call| {
            call.asked == Asked::Update(patient)
                && call.at <= by
                && matches!(call.answer, Told::Patient { .. })
        })
    }

    fn has_moved(&self, patient: NhsNumber, by: Time) -> bool {
        self.acts.iter().any(|acted| {
            acted.at <= by
                && matches!(&acted.act, Act::MoveOn { patient: who, .. } if *who == patient)
        })
    }

    /// Whether times are those of a run, not what messages say of themselves.
    pub fn has_real_times(&self) -> bool {
        self.header.time_mode != TimeMode::Recorded
    }
}

/// Whether this endpoint posts a message of this id for the first time. What cannot be read is
/// never a repeat.
fn is_first(
    from: Endpoint,
    message: &Result<Seen, OpenError>,
    posted: &mut BTreeSet<(Endpoint, ConversationId, EbxmlMessageId)>,
) -> bool {
    message.as_ref().map_or(true, |seen| {
        let header = &seen.header;
        let id = header.message_id.clone();
        posted.insert((from, header.conversation_id.clone(), id))
    })
}

impl Post {
    /// The message, if it could be opened.
    pub fn seen(&self) -> Option<&Seen> {
        self.message.as_ref().as_ref().ok()
    }

    /// The kind of message, from its payload.
    pub fn kind(&self) -> Option<MessageKind> {
        self.seen().and_then(Seen::kind)
    }

    /// What names the message. Senders' ids may collide between conversations (RCV-37).
    pub fn name(&self) -> Option<(&ConversationId, &EbxmlMessageId)> {
        let header = &self.seen()?.header;
        Some((&header.conversation_id, &header.message_id))
    }

    /// Whether both are posts of one message.
    pub fn is_same_message(&self, other: &Self) -> bool {
        self.name().is_some_and(|name| Some(name) == other.name())
    }

    /// ebXML message id.
    pub fn message_id(&self) -> Option<&EbxmlMessageId> {
        self.seen().map(|seen| &seen.header.message_id)
    }

    /// Whether it belongs to this conversation.
    pub fn is_of(&self, conversation: &ConversationId) -> bool {
        self.seen()
            .is_some_and(|seen| seen.header.conversation_id == *conversation)
    }

    /// Nobody listened, or the connection broke before its end.
    pub const fn never_arrived(&self) -> bool {
        matches!(
            self.ending,
            Ending::NoAnswer {
                never_arrived: true,
                ..
            }
        )
    }

    /// Taken over by the next handler: 202 from Spine, or 200 with an acknowledgment from a system.
    pub fn was_accepted(&self) -> bool {
        match &self.ending {
            Ending::Answered { status: 202, .. } => true,
            Ending::Answered {
                status: 200,
                envelope,
                ..
            } => {
                self.from == Endpoint::Spine
                    && matches!(envelope.as_deref(), Some(Envelope::Acknowledgment(_)))
            }
            Ending::Answered { .. } | Ending::NoAnswer { .. } | Ending::Open => false,
        }
    }
}

impl Ending {
    /// Failed in a way that another attempt may overcome: no answer, or a fault all of whose
    /// errors are retriable (spec 10). A fault without errors says nothing of that.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::NoAnswer { .. } => true,
            Self::Answered {
                status: 500..,
                envelope,
                ..
            } => match envelope.as_deref() {
                Some(Envelope::Fault(fault)) => {
                    !fault.errors.is_empty() && fault.errors.iter().all(NaspError::is_retriable)
                }
                Some(
                    Envelope::Message(..) | Envelope::Acknowledgment(_) | Envelope::ErrorList(_),
                ) => false,
                None => true,
            },
            Self::Answered { .. } | Self::Open => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use gp2gp_wire::ebxml::Fault;

    use super::*;

    #[test]
    fn a_fault_that_names_no_error_is_no_reason_to_try_again() {
        let fault = |codes: &[&str]| Ending::Answered {
            at: Time::from_micros(0),
            status: 500,
            envelope: Some(Box::new(Envelope::Fault(Fault {
                code: "SOAP:Server".to_owned(),
                string: "failure".to_owned(),
                errors: codes.iter().map(|code| error(code)).collect(),
            }))),
        };
        assert!(fault(&["200", "206"]).may_pass());
        assert!(!fault(&["200", "300"]).may_pass());
        assert!(!fault(&[]).may_pass());
    }

    fn error(code: &str) -> NaspError {
        NaspError {
            code_context: "urn:nhs:names:error:tms".to_owned(),
            code: code.to_owned(),
            severity: "Error".to_owned(),
            location: String::new(),
            description: String::new(),
        }
    }
}
