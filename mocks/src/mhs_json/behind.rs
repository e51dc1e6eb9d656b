//! Any system that speaks MIME to Spine, made one that stands behind a message handler.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use gp2gp_model::directory::Directory;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::{OdsCode, Time};
use gp2gp_sim::{Ids, Streams};
use gp2gp_wire::ebxml::{self, Acknowledgment, Header, TO_PARTY_MSH};
use gp2gp_wire::message::{self, Received};
use gp2gp_wire::mhs_json::{JSON, OutboundRequest, QueueMessage};

use super::{CORRELATION_ID, MESSAGE_ID, QUEUE_PATH};
use crate::mhs::next_message_id;
use crate::peer::{
    AnswerId, Condition, Conduct, Deadline, HttpRequest, HttpResponse, Input, Output, PATIENCE,
    Peer, PostId,
};

/// A system behind a message handler. What it posts to Spine goes to the handler as JSON, what
/// comes from its queue ([`super::from_queue`]) reaches it as a delivery; all else passes unchanged.
///
/// It is as patient as its handler: a message that the handler still has under way is not posted
/// again when the system, which thinks that it talks to Spine, repeats itself. An answer that comes
/// while the system rests between two posts is kept for the next of them.
pub struct Behind {
    system: Box<dyn Peer>,
    /// What the system looked up: the handler is told practices, not party keys.
    directory: Directory,
    ids: Ids,
    /// Posts that the handler has not answered, by the number under which it got them.
    open: BTreeMap<PostId, Open>,
    from_queue: BTreeSet<AnswerId>,
    outputs: VecDeque<Output>,
}

struct Open {
    /// The system's own bytes: its repeats are byte-identical.
    body: Bytes,
    header: Header,
    /// Under which number the system waits for the answer, and until when.
    waits: (PostId, Time),
    /// What came when it did not wait.
    late: Option<HttpResponse>,
}

/// What becomes of a post of the system.
enum Onward {
    /// It goes to the handler.
    Post(HttpRequest),
    /// The handler is at it already.
    Joined,
    /// The answer is there already.
    Answered(HttpResponse),
}

impl Behind {
    /// This system, behind a handler; `streams` name the acknowledgments that Spine would have given.
    pub fn new(system: Box<dyn Peer>, directory: Directory, streams: Streams) -> Self {
        Self {
            system,
            directory,
            ids: Ids::new(streams.stream("acknowledgments behind a handler")),
            open: BTreeMap::new(),
            from_queue: BTreeSet::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Hands on what the system wants, until it wants nothing more.
    fn drain(&mut self, now: Time) {
        while let Some(output) = self.system.poll_output() {
            match output {
                Output::Post {
                    id,
                    to: Endpoint::Spine,
                    request,
                    conduct,
                } => match self.onward(now, id, &request) {
                    Onward::Post(request) => self.outputs.push_back(Output::Post {
                        id,
                        to: Endpoint::Spine,
                        request,
                        conduct,
                    }),
                    Onward::Joined => {}
                    Onward::Answered(response) => {
                        let response = Input::Response { post: id, response };
                        self.system.handle(now, response);
                    }
                },
                Output::Answer {
                    id,
                    response,
                    conduct,
                } => {
                    let response = match self.from_queue.remove(&id) {
                        true => settled(&response),
                        false => response,
                    };
                    self.outputs.push_back(Output::Answer {
                        id,
                        response,
                        conduct,
                    });
                }
                Output::Post { .. }
                | Output::Notice(_)
                | Output::FaultFired(_)
                | Output::Crash { .. } => self.outputs.push_back(output),
            }
        }
    }

    fn onward(&mut self, now: Time, id: PostId, request: &HttpRequest) -> Onward {
        let same = |(_, open): &(&PostId, &mut Open)| open.body == request.body;
        let Some((first, open)) = self.open.iter_mut().find(same) else {
            return match self.asking(now, id, request) {
                Ok(request) => Onward::Post(request),
                Err(why) => Onward::Answered(refusal(400, why)),
            };
        };
        open.waits = (id, now + PATIENCE);
        match open.late.take() {
            Some(response) => {
                let first = *first;
                self.open.remove(&first);
                Onward::Answered(response)
            }
            None => Onward::Joined,
        }
    }

    /// The post to the handler, or why the JSON form cannot say it.
    fn asking(
        &mut self,
        now: Time,
        id: PostId,
        request: &HttpRequest,
    ) -> Result<HttpRequest, String> {
        let message = message::open(&request.content_type, &request.body).map_err(said)?;
        let outbound = self.outbound(&message)?;
        let body = serde_json::to_vec(&outbound.body).map_err(said)?;
        let open = Open {
            body: request.body.clone(),
            header: message.header,
            waits: (id, now + PATIENCE),
            late: None,
        };
        self.open.insert(id, open);
        Ok(HttpRequest {
            method: Method::Post,
            path: "/".to_owned(),
            soap_action: None,
            content_type: JSON.to_owned(),
            headers: outbound.headers(),
            body: body.into(),
        })
    }

    fn outbound(&self, message: &Received) -> Result<OutboundRequest, String> {
        let header = &message.header;
        let recipient = self.directory.by_party(&header.to).map_or_else(
            || ods_of_party(header.to.as_str()),
            |practice| Some(practice.ods.clone()),
        );
        let sender = self.directory.by_party(&header.from);
        let sender = sender.map(|practice| practice.asid.clone());
        OutboundRequest::of(message, recipient, sender)
            .ok_or_else(|| format!("`{}` is no interaction of gp2gp", header.action))
    }

    /// What Spine would have answered.
    fn as_of_spine(&mut self, response: HttpResponse, header: &Header) -> HttpResponse {
        if response.status != 202 {
            return response;
        }
        let acknowledgment = Acknowledgment {
            from: header.to.clone(),
            to: header.from.clone(),
            cpa_id: header.cpa_id.clone(),
            conversation_id: header.conversation_id.clone(),
            message_id: next_message_id(&mut self.ids),
            ref_to_message_id: header.message_id.clone(),
            timestamp: header.timestamp,
            actor: TO_PARTY_MSH.to_owned(),
        };
        HttpResponse {
            status: 202,
            content_type: Some("text/xml".to_owned()),
            headers: Headers::new(),
            body: ebxml::acknowledgment(&acknowledgment).into(),
        }
    }

    /// What the system makes of an input, once both speak the same.
    fn translated(&mut self, now: Time, input: Input) -> Option<Input> {
        Some(match input {
            Input::Request { id, request } if request.path == QUEUE_PATH => {
                match delivery(&request) {
                    Ok(request) => {
                        self.from_queue.insert(id);
                        Input::Request { id, request }
                    }
                    Err(why) => {
                        self.outputs.push_back(Output::Answer {
                            id,
                            response: refusal(400, why),
                            conduct: Conduct::Clean,
                        });
                        return None;
                    }
                }
            }
            Input::Response { post, response } => match self.open.remove(&post) {
                Some(mut open) => {
                    let response = self.as_of_spine(response, &open.header);
                    let (waiting, until) = open.waits;
                    if until <= now {
                        open.late = Some(response);
                        self.open.insert(post, open);
                        return None;
                    }
                    let post = waiting;
                    Input::Response { post, response }
                }
                None => Input::Response { post, response },
            },
            Input::Failed { post, error } => {
                let post = self.open.remove(&post).map_or(post, |open| open.waits.0);
                Input::Failed { post, error }
            }
            Input::Condition(Condition::Restarted) => {
                self.open.clear();
                self.from_queue.clear();
                input
            }
            Input::Request { .. } | Input::Act(_) | Input::Condition(_) => input,
        })
    }
}

impl Peer for Behind {
    fn handle(&mut self, now: Time, input: Input) {
        if let Some(input) = self.translated(now, input) {
            self.system.handle(now, input);
        }
        self.drain(now);
    }

    fn handle_timeout(&mut self, now: Time) {
        self.system.handle_timeout(now);
        self.drain(now);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.system.poll_timeout()
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn observe(&self) -> Vec<Observation> {
        self.system.observe()
    }
}

/// The delivery that a message of the queue was.
fn delivery(request: &HttpRequest) -> Result<HttpRequest, String> {
    let header = |name: &str| {
        let value = request.headers.get(name);
        value.ok_or_else(|| format!("application property `{name}` is missing"))
    };
    let body = std::str::from_utf8(&request.body).map_err(|error| error.to_string())?;
    let queued = QueueMessage {
        message_id: header(MESSAGE_ID)?.parse().map_err(said)?,
        correlation_id: header(CORRELATION_ID)?.parse().map_err(said)?,
        body: body.to_owned(),
    };
    let encoded = queued.delivery().map_err(said)?;
    Ok(HttpRequest {
        method: Method::Post,
        path: "/".to_owned(),
        soap_action: Some(encoded.soap_action),
        content_type: encoded.content_type,
        headers: Headers::new(),
        body: encoded.body,
    })
}

/// Whether a message may leave the queue is all that the queue is told.
fn settled(response: &HttpResponse) -> HttpResponse {
    HttpResponse {
        status: response.status,
        content_type: None,
        headers: Headers::new(),
        body: Bytes::new(),
    }
}

fn refusal(status: u16, why: String) -> HttpResponse {
    HttpResponse {
        status,
        content_type: Some("text/plain".to_owned()),
        headers: Headers::new(),
        body: why.into(),
    }
}

/// Party keys begin with the code of their organisation, by convention.
fn ods_of_party(party_key: &str) -> Option<OdsCode> {
    let code = party_key.split('-').next()?;
    OdsCode::parse(code).ok()
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
