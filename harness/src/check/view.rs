//! The trace as checks see it: every post decoded once, retransmissions marked, documents put
//! together. Bodies are dropped after decoding, so a view stays small whatever crossed the wire.

use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use gp2gp_model::plan::{Act, Role};
use gp2gp_model::trace::{
    Bodies, BodyRef, Endpoint, Event, Header, Observation, TimeMode, Trace, What,
};
use gp2gp_model::{
    ContentId, ConversationId, EbxmlMessageId, Hl7MessageId, Interaction, MessageKind, NhsNumber,
    OdsCode, Sha256, Time,
};
use gp2gp_wire::ebxml::{self, Envelope, NaspError};
use gp2gp_wire::hl7::{
    Acknowledgement, Continue, EhrExtract, EhrRequest, Fragment, Hl7Error, Payload, RecordFacts,
};
use gp2gp_wire::message::{self, Location};
use gp2gp_wire::mime::TransferEncoding;
use gp2gp_wire::{OpenError, Received};

use super::documents::{self, Document};

/// Content type of a body that is a whole recorded file, whatever form it has.
pub const RECORDED_FILE: &str = "application/x-gp2gp-recording";

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
    /// What systems said of themselves at the end.
    pub observed: Vec<(Endpoint, Observation)>,
    /// Names of planned faults, once for each time they acted.
    pub faults: Vec<String>,
    /// Documents of every core, put together from what the sending system posted.
    pub documents: Vec<Document>,
    /// The same, put together from what Spine delivered. Empty if Spine altered nothing.
    pub altered_documents: Vec<Document>,
    /// Time of the last event.
    pub ended_at: Time,
    /// The run fell silent, as opposed to being cut off. False for a recording.
    pub quiescent: bool,
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

/// A decoded message without its bodies.
pub struct Seen {
    /// ebXML header.
    pub header: ebxml::Header,
    /// HL7 payload; the record of an extract is dropped.
    pub payload: Result<Payload, Hl7Error>,
    /// The payload's text, digested.
    pub payload_sha256: Sha256,
    /// Bytes of the payload.
    pub payload_bytes: usize,
    /// The payload holds nothing beyond ASCII.
    pub payload_is_ascii: bool,
    /// Facts of an extract's record.
    pub record: Option<RecordFacts>,
    /// Attachments in manifest order.
    pub attachments: Vec<AttachmentSeen>,
    /// Parts that the manifest does not name.
    pub stray_parts: Vec<String>,
    /// Content ids carried by more than one part.
    pub doubled_parts: Vec<ContentId>,
    /// Envelope, payload, attachments come in this order.
    pub parts_in_order: bool,
    /// Number of MIME parts.
    pub part_count: usize,
    /// It came as MIME; the JSON form has no parts.
    pub has_parts: bool,
}

/// An attachment reference with where its content is.
#[derive(Debug, Clone)]
pub struct AttachmentSeen {
    /// `eb:id` as written.
    pub id: Option<String>,
    /// `eb:Description`.
    pub description: Option<String>,
    /// Where.
    pub place: Place,
}

/// Where an attachment's content is.
#[derive(Debug, Clone)]
pub enum Place {
    /// In this message.
    Inline {
        /// `Content-Id`.
        content_id: ContentId,
        /// `Content-Type` of the part.
        content_type: String,
        /// Its transfer encoding.
        encoding: TransferEncoding,
        /// Length of its text, line ends included.
        text_bytes: u64,
        /// Base64 characters of its text, line ends not counted.
        text_characters: u64,
    },
    /// In a message to follow.
    External(EbxmlMessageId),
    /// Nowhere: no part has this content id.
    Dangling(ContentId),
    /// Nowhere: the reference is neither `cid:` nor `mid:`.
    Other(String),
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
    /// The source can deliver it.
    pub deliverable: bool,
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
            observed: Vec::new(),
            faults: Vec::new(),
            documents: Vec::new(),
            altered_documents: Vec::new(),
            ended_at: trace.header.started,
            quiescent: false,
        };
        let mut decoder = Decoder {
            bodies,
            seen: BTreeMap::new(),
        };
        let mut exchanges: BTreeMap<u64, usize> = BTreeMap::new();
        for event in &trace.events {
            view.ended_at = view.ended_at.max(event.at);
            match &event.what {
                What::Post {
                    exchange,
                    from,
                    to,
                    soap_action,
                    content_type,
                    body,
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
                        is_retransmission: view.has_posted(*from, &message),
                        message,
                        ending: Ending::Open,
                    });
                }
                What::Answer {
                    exchange,
                    status,
                    body,
                    ..
                } => {
                    if let Some(post) = exchanges
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
                What::NoAnswer { exchange, why } => {
                    if let Some(post) = exchanges
                        .get(exchange)
                        .and_then(|at| view.posts.get_mut(*at))
                    {
                        post.ending = Ending::NoAnswer {
                            at: event.at,
                            why: why.clone(),
                        };
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
                } => view.patients.push(Truth {
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
                }),
                What::Observed { by, observation } => {
                    view.observed.push((*by, observation.clone()));
                }
                What::FaultFired { name, .. } => view.faults.push(name.clone()),
                What::Ended { quiescent } => view.quiescent = *quiescent,
            }
        }
        view.documents = documents::assemble(&view, bodies);
        view.altered_documents = documents::assemble_altered(&view, bodies);
        view
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
        let mut taken = Vec::new();
        self.posted_by(role).filter(move |post| {
            let was_taken = post.was_accepted() || !self.has_real_times();
            let Some(id) = post.message_id().filter(|_| was_taken) else {
                return false;
            };
            let is_first = !taken.contains(id);
            if is_first {
                taken.push(id.clone());
            }
            is_first
        })
    }

    /// Every post of Spine to a system, repeated deliveries included.
    pub fn delivered_to(&self, role: Role) -> impl Iterator<Item = &Post> {
        let to = Endpoint::from(role);
        self.posts
            .iter()
            .filter(move |post| post.from == Endpoint::Spine && post.to == to)
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
        let mut found: Vec<ConversationId> = Vec::new();
        for seen in self.posts.iter().filter_map(Post::seen) {
            if !found.contains(&seen.header.conversation_id) {
                found.push(seen.header.conversation_id.clone());
            }
        }
        found
    }

    /// Whether times are those of a run, not what messages say of themselves.
    pub fn has_real_times(&self) -> bool {
        self.header.time_mode != TimeMode::Recorded
    }

    fn has_posted(&self, from: Endpoint, message: &Result<Seen, OpenError>) -> bool {
        let Ok(new) = message else { return false };
        self.posts
            .iter()
            .filter(|post| post.from == from)
            .filter_map(Post::seen)
            .any(|seen| {
                seen.header.message_id == new.header.message_id
                    && seen.header.conversation_id == new.header.conversation_id
            })
    }
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

    /// ebXML message id.
    pub fn message_id(&self) -> Option<&EbxmlMessageId> {
        self.seen().map(|seen| &seen.header.message_id)
    }

    /// Whether it belongs to this conversation.
    pub fn is_of(&self, conversation: &ConversationId) -> bool {
        self.seen()
            .is_some_and(|seen| seen.header.conversation_id == *conversation)
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

impl Seen {
    /// Kind of message.
    pub fn kind(&self) -> Option<MessageKind> {
        self.payload.as_ref().ok().map(Payload::kind)
    }

    /// The interaction that the envelope names, whatever the payload is.
    pub fn claimed(&self) -> Option<Interaction> {
        Interaction::from_id(&self.header.action)
    }

    /// The payload is, or may have been, of the interaction that the envelope names.
    pub fn may_be_what_it_claims(&self) -> bool {
        let payload = self.payload.as_ref().ok();
        payload.is_none_or(|payload| self.claimed() == Some(payload.interaction()))
    }

    /// HL7 message id.
    pub fn hl7_id(&self) -> Option<&Hl7MessageId> {
        self.payload
            .as_ref()
            .ok()
            .map(|payload| &payload.wrapper().id)
    }

    /// Whether an HL7 reference names this message, by its HL7 id or its ebXML id (spec 10, Ids).
    pub fn is_named_by(&self, reference: &Hl7MessageId) -> bool {
        self.hl7_id() == Some(reference)
            || Hl7MessageId::from(&self.header.message_id) == *reference
    }

    /// The payload, if it is an EHR request.
    pub fn request(&self) -> Option<&EhrRequest> {
        match &self.payload {
            Ok(Payload::EhrRequest(request)) => Some(request),
            Ok(
                Payload::EhrExtract(_)
                | Payload::Continue(_)
                | Payload::Fragment(_)
                | Payload::Acknowledgement(_),
            )
            | Err(_) => None,
        }
    }

    /// The payload, if it is an extract.
    pub fn extract(&self) -> Option<&EhrExtract> {
        match &self.payload {
            Ok(Payload::EhrExtract(extract)) => Some(extract),
            Ok(
                Payload::EhrRequest(_)
                | Payload::Continue(_)
                | Payload::Fragment(_)
                | Payload::Acknowledgement(_),
            )
            | Err(_) => None,
        }
    }

    /// The payload, if it is a Continue.
    pub fn continue_message(&self) -> Option<&Continue> {
        match &self.payload {
            Ok(Payload::Continue(message)) => Some(message),
            Ok(
                Payload::EhrRequest(_)
                | Payload::EhrExtract(_)
                | Payload::Fragment(_)
                | Payload::Acknowledgement(_),
            )
            | Err(_) => None,
        }
    }

    /// The payload, if it is a fragment.
    pub fn fragment(&self) -> Option<&Fragment> {
        match &self.payload {
            Ok(Payload::Fragment(fragment)) => Some(fragment),
            Ok(
                Payload::EhrRequest(_)
                | Payload::EhrExtract(_)
                | Payload::Continue(_)
                | Payload::Acknowledgement(_),
            )
            | Err(_) => None,
        }
    }

    /// The payload, if it is an application acknowledgement.
    pub fn acknowledgement(&self) -> Option<&Acknowledgement> {
        match &self.payload {
            Ok(Payload::Acknowledgement(ack)) => Some(ack),
            Ok(
                Payload::EhrRequest(_)
                | Payload::EhrExtract(_)
                | Payload::Continue(_)
                | Payload::Fragment(_),
            )
            | Err(_) => None,
        }
    }

    /// Messages promised by `mid:` references.
    pub fn promised(&self) -> impl Iterator<Item = &EbxmlMessageId> {
        self.attachments
            .iter()
            .filter_map(|attachment| match &attachment.place {
                Place::External(message) => Some(message),
                Place::Inline { .. } | Place::Dangling(_) | Place::Other(_) => None,
            })
    }
}

/// Decodes each body once, whatever number of posts carried it. The same bytes under another
/// Content-Type are another message: the boundary is named there.
struct Decoder<'b> {
    bodies: &'b dyn Bodies,
    seen: BTreeMap<(String, Sha256), Rc<Result<Seen, OpenError>>>,
}

impl Decoder<'_> {
    fn message(&mut self, content_type: &str, body: &BodyRef) -> Rc<Result<Seen, OpenError>> {
        let key = (content_type.to_owned(), body.sha256);
        if let Some(seen) = self.seen.get(&key) {
            return Rc::clone(seen);
        }
        let seen = Rc::new(open(self.bodies, content_type, body).map(see));
        self.seen.insert(key, Rc::clone(&seen));
        seen
    }
}

/// Opens a posted body, or a recorded file.
pub(super) fn open(
    bodies: &dyn Bodies,
    content_type: &str,
    body: &BodyRef,
) -> Result<Received, OpenError> {
    let bytes = bodies.body(&body.sha256).ok_or_else(|| {
        OpenError::Unrecognised(format!("body {} is not beside the trace", body.sha256))
    })?;
    if content_type == RECORDED_FILE {
        gp2gp_wire::recording::read(&bytes).map(|recorded| recorded.received)
    } else {
        message::open(content_type, &bytes)
    }
}

fn see(received: Received) -> Seen {
    let payload = received.payload();
    let record = matches!(payload, Ok(Payload::EhrExtract(_)))
        .then(|| gp2gp_wire::hl7::scan(&received.payload_xml).ok())
        .flatten();
    Seen {
        payload: payload.map(without_record),
        payload_sha256: Sha256::of(&received.payload_xml),
        payload_bytes: received.payload_xml.len(),
        payload_is_ascii: received.payload_xml.is_ascii(),
        record,
        attachments: received
            .attachments
            .into_iter()
            .map(see_attachment)
            .collect(),
        stray_parts: received.stray_parts,
        doubled_parts: received.doubled_parts,
        parts_in_order: received.parts_in_order,
        part_count: received.part_count,
        has_parts: received.part_count > 0,
        header: received.header,
    }
}

fn without_record(payload: Payload) -> Payload {
    match payload {
        Payload::EhrExtract(extract) => Payload::EhrExtract(EhrExtract {
            record: Bytes::new(),
            ..extract
        }),
        other @ (Payload::EhrRequest(_)
        | Payload::Continue(_)
        | Payload::Fragment(_)
        | Payload::Acknowledgement(_)) => other,
    }
}

/// Base64 characters of a text, line ends not counted.
pub(super) fn characters(text: &[u8]) -> u64 {
    let blanks = text.iter().filter(|byte| byte.is_ascii_whitespace());
    (text.len() - blanks.count()) as u64
}

fn see_attachment(attachment: message::Attachment) -> AttachmentSeen {
    AttachmentSeen {
        id: attachment.id,
        description: attachment.description,
        place: match attachment.location {
            Location::Inline(inline) => Place::Inline {
                text_bytes: inline.body.len() as u64,
                text_characters: characters(&inline.body),
                content_id: inline.content_id,
                content_type: inline.content_type,
                encoding: inline.encoding,
            },
            Location::External(message) => Place::External(message),
            Location::Dangling(content_id) => Place::Dangling(content_id),
            Location::Other(href) => Place::Other(href),
        },
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
