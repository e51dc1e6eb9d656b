//! Our own servers: Spine, a receiving system as far as a message goes, and the document store.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use gp2gp_benches::delivering::{self, Acknowledging, Delivering, message_id};
use gp2gp_benches::traffic::{NOW, store};
use gp2gp_mocks::peer::{Conduct, Deadline, HttpRequest, Input, Output, Peer};
use gp2gp_mocks::serve::{Base, Served, Server, serve_peer, serve_router, serve_store};
use gp2gp_mocks::store::Store;
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::{Sha256, Time};
use gp2gp_sim::Streams;
use gp2gp_wire::attachment::DocumentDecoder;
use gp2gp_wire::message::{self, Location};
use tokio::sync::mpsc;

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
    let spine = delivering::spine()?;
    let Some(recipient) = recipient else {
        return peer(Delivering::new(spine)?).await;
    };
    let recipients = BTreeMap::from([(Endpoint::Sending, recipient)]);
    let (fired, _) = mpsc::unbounded_channel();
    let served = serve_router(any_port(), spine, recipients, clock(), fired).await?;
    Ok(Open::Peer(served))
}

/// Messages that came to [`practice`]. Spine acknowledges more than it has brought there.
pub(crate) static DELIVERED: AtomicU64 = AtomicU64::new(0);

/// A practice that acknowledges whatever has an id.
pub(crate) async fn practice() -> Result<Open, Box<dyn Error>> {
    peer(Receiver::new(|request| {
        DELIVERED.fetch_add(1, Ordering::Relaxed);
        message_id(&request.body).map(<[u8]>::to_vec)
    })?)
    .await
}

/// What a receiving system does with a message before it looks at its record: takes it apart,
/// decodes and digests what is attached, and acknowledges.
pub(crate) async fn receiver() -> Result<Open, Box<dyn Error>> {
    peer(Receiver::new(|request| filed(request).ok())?).await
}

/// The document store.
pub(crate) async fn documents() -> Result<Open, Box<dyn Error>> {
    let store = Store::new(store()?, Streams::new(1));
    let (fired, _) = mpsc::unbounded_channel();
    let (server, _) = serve_store(any_port(), store, clock(), fired).await?;
    Ok(Open::Store(server))
}

async fn peer(peer: impl Peer + 'static) -> Result<Open, Box<dyn Error>> {
    let (fired, _) = mpsc::unbounded_channel();
    Ok(Open::Peer(
        serve_peer(any_port(), peer, clock(), fired).await?,
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

struct Receiver {
    /// The id of a message, once it is dealt with.
    deal: fn(&HttpRequest) -> Option<Vec<u8>>,
    acknowledging: Acknowledging,
    outputs: VecDeque<Output>,
}

impl Receiver {
    fn new(deal: fn(&HttpRequest) -> Option<Vec<u8>>) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            deal,
            acknowledging: Acknowledging::new()?,
            outputs: VecDeque::new(),
        })
    }
}

/// Takes a message apart, decodes and digests what is attached, and gives its id.
fn filed(request: &HttpRequest) -> Result<Vec<u8>, Box<dyn Error>> {
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
    black_box(hasher.finish());
    Ok(received.header.message_id.as_str().into())
}

impl Peer for Receiver {
    fn handle(&mut self, _: Time, input: Input) {
        if let Input::Request { id, request } = input {
            let named = (self.deal)(&request);
            self.outputs.push_back(Output::Answer {
                id,
                response: self.acknowledging.answer(named.as_deref()),
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
