//! The national message handler as a system behind it and Spine see it.
//!
//! A request of the system becomes a post to Spine, and is answered once Spine has taken it or
//! nothing helps any more. A delivery of Spine becomes a message on the system's queue, and is
//! acknowledged once it lies there. It keeps no record of what it has delivered: repeats of Spine
//! reach the system. What is past its TimeToLive does not: the acknowledgment of it would be taken
//! for that of the system.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use gp2gp_model::directory::{Directory, Practice};
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::{ConversationId, EbxmlMessageId, OdsCode, Sha256, Time};
use gp2gp_sim::{Ids, Streams};
use gp2gp_wire::limits::SPINE_MESSAGE_BYTES;
use gp2gp_wire::message::Received;
use gp2gp_wire::mhs_json::{OutboundError, OutboundRequest, QueueMessage};
use gp2gp_wire::{Dialect, Encoded, ebxml::Header};

use crate::mhs::{
    self, Carelessness, Identity, Inbound, Inbox, NoContract, Outbox, next_message_id,
};
use crate::peer::{AnswerId, Deadline, HttpRequest, HttpResponse, Output, PostId, TransportError};

/// A message handler of one practice, without IO.
#[derive(Debug)]
pub struct Handler {
    identity: Identity,
    streams: Streams,
    ids: Ids,
    outbox: Outbox<Asked>,
    inbox: Inbox,
    /// What was sent, so that the same request again is the same bytes again.
    sent: BTreeMap<EbxmlMessageId, Sent>,
    /// What the queue has not taken yet: whom to tell, and what if it does.
    queueing: BTreeMap<QueueNumber, (AnswerId, HttpResponse)>,
    queued: u64,
    outputs: VecDeque<HandlerOutput>,
}

/// Number of a message that is to be queued, unique within the handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueNumber(pub u64);

/// What a handler wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandlerOutput {
    /// Post this to Spine in the name of the system behind the handler.
    PostToSpine {
        /// To be told to [`Handler::handle_response`] or [`Handler::handle_failure`].
        id: PostId,
        /// The request.
        request: HttpRequest,
    },
    /// Answer a request of the system, or a delivery of Spine.
    Answer {
        /// Which.
        id: AnswerId,
        /// The answer.
        response: HttpResponse,
    },
    /// Put this on the queue of the system.
    Queue {
        /// To be told to [`Handler::handle_queued`].
        number: QueueNumber,
        /// The message.
        message: QueueMessage,
    },
}

/// Which request of the system a message to Spine is for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    id: AnswerId,
    message_id: EbxmlMessageId,
    conversation_id: ConversationId,
}

#[derive(Debug)]
struct Sent {
    request: Sha256,
    at: Time,
}

/// Why a request of the system does not become a post.
#[derive(Debug, thiserror::Error)]
enum NotSent {
    #[error("405 Method Not Allowed: messages are posted")]
    NotAPost,
    #[error(transparent)]
    Refused(#[from] OutboundError),
    #[error("no endpoint for the message: header `ods-code` is missing")]
    NoRecipient,
    #[error("no endpoint for the message: sds has no system of practice `{0}`")]
    UnknownRecipient(OdsCode),
    #[error("no endpoint for the message: {0}")]
    NoContract(#[from] NoContract),
    #[error(
        "message to spine is too large: {characters} characters, {SPINE_MESSAGE_BYTES} are taken"
    )]
    TooLarge { characters: usize },
}

impl Handler {
    /// The handler of this practice, which finds others in `directory`; `streams` name what the
    /// system leaves unnamed, and acknowledgments.
    pub fn new(practice: Practice, directory: Directory, streams: Streams) -> Self {
        let ids = |of: &str| {
            Ids::new(streams.stream(&format!("{of} of the handler of {}", practice.party_key)))
        };
        let (own_ids, acknowledgments) = (ids("messages"), ids("acknowledgments"));
        let identity = Identity {
            practice,
            dialect: Dialect::NationalMhs,
        };
        let mut outbox = Outbox::new(identity.dialect);
        *outbox.directory_mut() = directory;
        let inbox = Inbox::new(&identity, acknowledgments).careless(Carelessness {
            repeats: true,
            ..Carelessness::default()
        });
        Self {
            identity,
            streams,
            ids: own_ids,
            outbox,
            inbox,
            sent: BTreeMap::new(),
            queueing: BTreeMap::new(),
            queued: 0,
            outputs: VecDeque::new(),
        }
    }

    /// What SDS says, to change with it.
    pub const fn directory_mut(&mut self) -> &mut Directory {
        self.outbox.directory_mut()
    }

    /// Takes a request of the system.
    pub fn take_request(&mut self, now: Time, id: AnswerId, request: &HttpRequest) {
        if let Err(why) = self.send(now, id, request) {
            let response = text(why.status(), why.to_string());
            self.outputs
                .push_back(HandlerOutput::Answer { id, response });
        }
        self.drain();
    }

    /// Takes a delivery of Spine.
    pub fn take_delivery(&mut self, now: Time, id: AnswerId, request: &HttpRequest) {
        let (response, inbound) = self.inbox.take(now, request);
        let response = match inbound {
            Inbound::New(received) => match self.queueable(&received, request) {
                Ok(message) => {
                    self.queued += 1;
                    let number = QueueNumber(self.queued);
                    self.queueing.insert(number, (id, response));
                    let output = HandlerOutput::Queue { number, message };
                    self.outputs.push_back(output);
                    return;
                }
                Err(why) => text(500, why),
            },
            Inbound::Answered => response,
            // It reads messages alone: what Spine says of a lost one never reaches the system.
            Inbound::DeliveryFailed { .. } => {
                text(500, "delivery is no message of several parts".to_owned())
            }
        };
        self.outputs
            .push_back(HandlerOutput::Answer { id, response });
    }

    /// Takes the answer of Spine to a post.
    pub fn handle_response(&mut self, now: Time, post: PostId, response: &HttpResponse) {
        self.outbox.handle_response(now, post, response);
        self.drain();
    }

    /// Takes the news that Spine did not answer a post.
    pub fn handle_failure(&mut self, now: Time, post: PostId, error: TransportError) {
        self.outbox.handle_failure(now, post, error);
        self.drain();
    }

    /// Takes the news whether a message lies on the queue, or why not.
    pub fn handle_queued(&mut self, number: QueueNumber, result: Result<(), &str>) {
        let Some((id, acknowledgment)) = self.queueing.remove(&number) else {
            return;
        };
        let response = match result {
            Ok(()) => acknowledgment,
            Err(why) => text(500, format!("message cannot be queued: {why}")),
        };
        self.outputs
            .push_back(HandlerOutput::Answer { id, response });
    }

    /// Repeats to Spine what is due, and gives up waiting for late answers.
    pub fn handle_timeout(&mut self, now: Time) {
        self.outbox.handle_timeout(now);
        self.drain();
    }

    /// When something here is due.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        self.outbox.poll_timeout()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<HandlerOutput> {
        self.outputs.pop_front()
    }

    fn send(&mut self, now: Time, id: AnswerId, request: &HttpRequest) -> Result<(), NotSent> {
        if request.method != Method::Post {
            return Err(NotSent::NotAPost);
        }
        let outbound =
            OutboundRequest::read(&request.content_type, &request.headers, &request.body)?;
        let digest = Sha256::of(&request.body);
        let (header, encoded) = self.message(now, outbound, digest)?;
        let characters = String::from_utf8_lossy(&encoded.body).chars().count();
        if characters > SPINE_MESSAGE_BYTES {
            return Err(NotSent::TooLarge { characters });
        }
        let asked = Asked {
            id,
            message_id: header.message_id.clone(),
            conversation_id: header.conversation_id.clone(),
        };
        self.outbox.send_encoded(now, &header, encoded, asked);
        Ok(())
    }

    /// The message to Spine. The same request under the same id is the same message, Timestamp
    /// included: a system that repeats itself is not to be taken for one that changes its mind.
    fn message(
        &mut self,
        now: Time,
        request: OutboundRequest,
        digest: Sha256,
    ) -> Result<(Header, Encoded), NotSent> {
        let recipient = request.recipient.clone().ok_or(NotSent::NoRecipient)?;
        let directory = self.outbox.directory();
        // Whoever Spine reaches: the answer to a practice that SDS does not list must get through.
        let unlisted = directory.unlisted.iter();
        let practice = (directory.practice(&recipient))
            .or_else(|| unlisted.clone().find(|practice| practice.ods == recipient))
            .ok_or_else(|| NotSent::UnknownRecipient(recipient.clone()))?;
        let contract = mhs::contract(directory, &practice.party_key, request.interaction)?;
        let message_id = request.message_id.clone();
        let message_id = message_id.unwrap_or_else(|| next_message_id(&mut self.ids));
        let conversation_id = request.conversation_id.clone();
        let conversation_id = conversation_id.unwrap_or_else(|| mhs::next_id(&mut self.ids));
        let before = (self.sent.remove(&message_id)).filter(|sent| sent.request == digest);
        let sent = before.unwrap_or(Sent {
            request: digest,
            at: now,
        });
        let header = (self.identity).header_under(
            contract,
            sent.at,
            None,
            conversation_id,
            message_id.clone(),
        );
        let mut ids = Ids::new(self.streams.stream(&format!("parts of {message_id}")));
        let message = request.message(header, || ids.next_uuid());
        self.sent.insert(message_id, sent);
        let encoded = message.encode(self.identity.dialect);
        Ok((message.header, encoded))
    }

    /// The message for the queue, or why the handler refuses the delivery (spec 10, "As a server").
    fn queueable(
        &self,
        received: &Received,
        request: &HttpRequest,
    ) -> Result<QueueMessage, String> {
        if let Some(reference) = &received.header.ref_to_message_id
            && !self.sent.contains_key(reference)
        {
            return Err(format!(
                "RefToMessageId {reference} names no message sent from here"
            ));
        }
        if let Some(part) = received
            .stray_parts
            .iter()
            .find(|part| part.starts_with('#'))
        {
            return Err(format!("part {part} has no Content-Id"));
        }
        let queueable = QueueMessage::of_delivery(&request.content_type, &request.body);
        queueable
            .map(|(message, _)| message)
            .map_err(|error| error.to_string())
    }

    /// Passes on what the outbox wants sent, and what became of what it has sent.
    fn drain(&mut self) {
        while let Some(output) = self.outbox.poll_output() {
            if let Output::Post { id, request, .. } = output {
                let output = HandlerOutput::PostToSpine { id, request };
                self.outputs.push_back(output);
            }
        }
        while let Some(outcome) = self.outbox.poll_outcome() {
            let response = match outcome.result {
                Ok(()) => accepted(),
                Err(why) => text(500, format!("error making outbound request: {why}")),
            };
            let response = outcome.tag.named(response);
            let id = outcome.tag.id;
            self.outputs
                .push_back(HandlerOutput::Answer { id, response });
        }
    }
}

impl NotSent {
    const fn status(&self) -> u16 {
        match self {
            Self::NotAPost => 405,
            Self::Refused(error) => error.status(),
            Self::NoRecipient | Self::UnknownRecipient(_) | Self::NoContract(_) => 500,
            Self::TooLarge { .. } => 400,
        }
    }
}

impl Asked {
    /// The answer with the ids under which the message went.
    fn named(&self, response: HttpResponse) -> HttpResponse {
        HttpResponse {
            headers: Headers::new()
                .with("Message-Id", self.message_id.as_str())
                .with("Correlation-Id", self.conversation_id.as_str()),
            ..response
        }
    }
}

fn accepted() -> HttpResponse {
    HttpResponse {
        status: 202,
        content_type: Some("text/xml".to_owned()),
        headers: Headers::new(),
        body: Bytes::new(),
    }
}

fn text(status: u16, text: String) -> HttpResponse {
    HttpResponse {
        status,
        content_type: Some("text/plain".to_owned()),
        headers: Headers::new(),
        body: text.into(),
    }
}
