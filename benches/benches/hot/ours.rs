//! Our own servers: Spine, a receiving system as far as a message goes, and the document store.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use gp2gp_benches::MESSAGE_ID;
use gp2gp_mocks::peer::{Conduct, Deadline, HttpRequest, HttpResponse, Input, Output, Peer};
use gp2gp_mocks::serve::{Base, Served, Server, serve_peer, serve_store};
use gp2gp_mocks::spine::{Spine, SpineConfig};
use gp2gp_mocks::store::Store;
use gp2gp_model::http::Headers;
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::{Sha256, Time};
use gp2gp_sim::Streams;
use gp2gp_wire::attachment::DocumentDecoder;
use gp2gp_wire::ebxml::{self, Acknowledgment, NEXT_MSH};
use gp2gp_wire::message::{self, Location};
use tokio::sync::mpsc;

use crate::floor::message_id;
use crate::traffic::{NOW, directory, store};

/// What keeps a server open.
pub(crate) enum Open {
    Peer(Served),
    Store(Server),
}

impl Open {
    pub(crate) const fn addr(&self) -> SocketAddr {
        match self {
            Self::Peer(served) => served.addr(),
            Self::Store(server) => server.addr(),
        }
    }
}

/// Spine, which brings every message to a practice in the same process, or at an address.
pub(crate) async fn spine(recipient: Option<Base>) -> Result<Open, Box<dyn Error>> {
    let practice = |party: &str, system| Ok::<_, Box<dyn Error>>((party.parse()?, system));
    let config = SpineConfig {
        directory: directory()?,
        endpoints: BTreeMap::from([
            practice("A99998-800001", Endpoint::Requesting)?,
            practice("B99999-800002", Endpoint::Sending)?,
        ]),
        faults: Vec::new(),
        started: NOW,
    };
    let spine = Spine::new(config, Streams::new(1));
    match recipient {
        None => peer(Endpoint::Spine, Delivering::new(spine)?).await,
        Some(_) => Err("nobody is posted to".into()),
    }
}

/// What a receiving system does with a message before it looks at its record: takes it apart,
/// decodes and digests what is attached, and acknowledges.
pub(crate) async fn receiver() -> Result<Open, Box<dyn Error>> {
    peer(Endpoint::Requesting, Receiver::new()?).await
}

/// The document store.
pub(crate) async fn documents() -> Result<Open, Box<dyn Error>> {
    let store = Store::new(store()?, Streams::new(1));
    let (fired, _) = mpsc::unbounded_channel();
    let (server, _) = serve_store(any_port(), store, clock(), fired).await?;
    Ok(Open::Store(server))
}

async fn peer(endpoint: Endpoint, peer: impl Peer + 'static) -> Result<Open, Box<dyn Error>> {
    let (fired, _) = mpsc::unbounded_channel();
    Ok(Open::Peer(
        serve_peer(any_port(), endpoint, peer, clock(), fired).await?,
    ))
}

fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is served lives in real time"
)]
fn clock() -> impl Fn() -> Time + Send + Sync + 'static {
    let began = Instant::now();
    move || NOW + began.elapsed()
}

/// Spine together with a recipient that acknowledges everything at once.
struct Delivering {
    spine: Spine,
    now: Time,
    acknowledging: Acknowledging,
}

impl Delivering {
    fn new(spine: Spine) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            spine,
            now: NOW,
            acknowledging: Acknowledging::new()?,
        })
    }
}

impl Peer for Delivering {
    fn handle(&mut self, now: Time, input: Input) {
        self.now = now;
        self.spine.handle(now, input);
    }

    fn handle_timeout(&mut self, now: Time) {
        self.now = now;
        self.spine.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.spine.poll_timeout()
    }

    fn poll_output(&mut self) -> Option<Output> {
        loop {
            let output = self.spine.poll_output()?;
            let Output::Post { id, request, .. } = output else {
                return Some(output);
            };
            let response = self.acknowledging.answer(message_id(&request.body));
            let answered = Input::Response { post: id, response };
            self.spine.handle(self.now, answered);
        }
    }

    fn observe(&self) -> Vec<Observation> {
        Vec::new()
    }
}

struct Receiver {
    acknowledging: Acknowledging,
    outputs: VecDeque<Output>,
}

impl Receiver {
    fn new() -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            acknowledging: Acknowledging::new()?,
            outputs: VecDeque::new(),
        })
    }

    fn file(request: &HttpRequest) -> Result<(String, Sha256), Box<dyn Error>> {
        let received = message::open(&request.content_type, &request.body)?;
        received.payload()?;
        let mut hasher = Sha256::hasher();
        for attachment in &received.attachments {
            let Location::Inline(inline) = &attachment.location else {
                return Err("an attachment is not here".into());
            };
            let mut decoder = DocumentDecoder::new(false);
            let mut sink = |piece: &[u8]| hasher.update(piece);
            decoder.push(&inline.body, &mut sink)?;
            decoder.finish(&mut sink)?;
        }
        Ok((received.header.message_id.to_string(), hasher.finish().0))
    }
}

impl Peer for Receiver {
    fn handle(&mut self, _: Time, input: Input) {
        if let Input::Request { id, request } = input {
            let filed = Self::file(&request).ok();
            let named = filed.as_ref().map(|(message_id, _)| message_id.as_bytes());
            self.outputs.push_back(Output::Answer {
                id,
                response: self.acknowledging.answer(named),
                conduct: Conduct::Clean,
            });
        }
    }

    fn handle_timeout(&mut self, _: Time) {}

    fn poll_timeout(&self) -> Option<Deadline> {
        None
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn observe(&self) -> Vec<Observation> {
        Vec::new()
    }
}

/// An acknowledgment in which only the id changes.
struct Acknowledging {
    before: String,
    after: String,
}

impl Acknowledging {
    fn new() -> Result<Self, Box<dyn Error>> {
        let text = ebxml::acknowledgment(&Acknowledgment {
            from: "B99999-800002".parse()?,
            to: "A99998-800001".parse()?,
            cpa_id: "S3050000A0000001".parse()?,
            conversation_id: "9F46A1A6-D2B5-48D4-899F-D9557EF64C46".parse()?,
            message_id: "9F46A1A6-D2B5-48D4-899F-D9557EF64C47".parse()?,
            ref_to_message_id: MESSAGE_ID.parse()?,
            timestamp: NOW,
            actor: NEXT_MSH.to_owned(),
        });
        let (before, after) = text.rsplit_once(MESSAGE_ID).ok_or("nothing is named")?;
        Ok(Self {
            before: before.to_owned(),
            after: after.to_owned(),
        })
    }

    /// 400 for what has no id.
    fn answer(&self, message_id: Option<&[u8]>) -> HttpResponse {
        let parts = message_id.map(|id| [self.before.as_bytes(), id, self.after.as_bytes()]);
        HttpResponse {
            status: if parts.is_some() { 202 } else { 400 },
            content_type: Some("text/xml".to_owned()),
            headers: Headers::new(),
            body: parts.map_or_else(Bytes::new, |parts| parts.concat().into()),
        }
    }
}
