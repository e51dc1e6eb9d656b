//! A peer on a port, for clients that know nothing of the harness.
//!
//! A request is handled in the task of its connection: nothing is handed from task to task, and on
//! one thread the lock around the peer is never waited for.

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gp2gp_model::Time;
use gp2gp_model::plan::Act;
use gp2gp_model::trace::Endpoint;
use hyper::body::Incoming as IncomingBody;
use hyper::service::service_fn;
use hyper::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};

use super::base::Base;
use super::body::Carried;
use super::client::{Client, post_as};
use super::line::{Cut, Line};
use super::server::{Answered, Server, Unanswered, accept, http_response, read, speak_http};
use crate::peer::{AnswerId, Conduct, HttpRequest, Input, Output, Peer, PostId, TransportError};

/// Puts a peer that answers and asks nobody, such as [`Sds`](crate::sds::Sds) and
/// [`Pds`](crate::pds::Pds), on a port. Faults act on real connections, and their names go to
/// `fired`. `clock` tells what time it is.
///
/// Must be called inside a tokio runtime with IO and time.
pub async fn serve_peer(
    addr: SocketAddr,
    peer: impl Peer + 'static,
    clock: impl Fn() -> Time + Send + Sync + 'static,
    fired: mpsc::UnboundedSender<String>,
) -> io::Result<Served> {
    serve_router(addr, peer, BTreeMap::new(), clock, fired).await
}

/// The same for a peer that posts, such as [`Spine`](crate::spine::Spine): to the addresses of
/// its recipients. Nobody listens where a recipient has none.
pub async fn serve_router(
    addr: SocketAddr,
    peer: impl Peer + 'static,
    recipients: BTreeMap<Endpoint, Base>,
    clock: impl Fn() -> Time + Send + Sync + 'static,
    fired: mpsc::UnboundedSender<String>,
) -> io::Result<Served> {
    let listener = TcpListener::bind(addr).await?;
    let addr = listener.local_addr()?;
    let desk = Arc::new(Desk {
        at_work: Mutex::new(AtWork {
            peer: Box::new(peer),
            last: 0,
            waiting: BTreeMap::new(),
            wakes_at: None,
            posting: JoinSet::new(),
        }),
        clock: Box::new(clock),
        earlier: Notify::new(),
        fired,
        recipients,
        client: Client::new(),
    });
    let door = Arc::clone(&desk);
    let accepting = accept(listener, move |stream| talk(stream, Arc::clone(&door)));
    Ok(Served {
        server: Server::new(addr, accepting),
        waking: tokio::spawn(keep_time(Arc::clone(&desk))).abort_handle(),
        desk,
    })
}

/// A served peer. Dropped, it closes its port and every connection.
pub struct Served {
    server: Server,
    waking: AbortHandle,
    desk: Arc<Desk>,
}

impl Served {
    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// People or the harness do something to it. Done before any request that is sent afterwards.
    pub fn act(&self, act: Act) {
        self.desk.tell(Input::Act(act));
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.waking.abort();
        self.desk.at_work().posting.abort_all();
    }
}

struct Desk {
    at_work: Mutex<AtWork>,
    clock: Box<dyn Fn() -> Time + Send + Sync>,
    /// The peer wants to be woken earlier than it will be.
    earlier: Notify,
    fired: mpsc::UnboundedSender<String>,
    recipients: BTreeMap<Endpoint, Base>,
    client: Client,
}

struct AtWork {
    peer: Box<dyn Peer>,
    last: u64,
    /// Requests that are answered later.
    waiting: BTreeMap<AnswerId, oneshot::Sender<Answered>>,
    /// When the peer will be woken.
    wakes_at: Option<Time>,
    posting: JoinSet<()>,
}

/// How a request fares.
enum Outcome {
    AtOnce(Answered),
    Later(oneshot::Receiver<Answered>),
}

async fn talk(stream: TcpStream, desk: Arc<Desk>) {
    let (line, cut) = Line::new(stream);
    speak_http(line, service_fn(|request| take(request, &desk, &cut))).await;
}

async fn take(
    request: Request<IncomingBody>,
    desk: &Arc<Desk>,
    cut: &Cut,
) -> Result<Response<Carried>, Unanswered> {
    let request = match read(request).await? {
        Ok(request) => request,
        Err(refused) => return Ok(refused),
    };
    let method = request.method;
    let Answered { response, conduct } = match desk.ask(request) {
        Outcome::AtOnce(answered) => answered,
        Outcome::Later(answered) => answered.await.map_err(|_| Unanswered::Nobody)?,
    };
    match conduct {
        Conduct::Reset => {
            cut.reset();
            Err(Unanswered::Reset)
        }
        // Its connection stays open until it gives up.
        Conduct::Silent => pending().await,
        Conduct::Clean | Conduct::Truncate { .. } | Conduct::Slow { .. } => {
            Ok(http_response(method, response, conduct))
        }
    }
}

async fn keep_time(desk: Arc<Desk>) {
    loop {
        let due = desk.wake();
        tokio::select! {
            () = rest(due) => {}
            () = desk.earlier.notified() => {}
        }
    }
}

async fn rest(due: Option<Duration>) {
    match due {
        Some(due) => tokio::time::sleep(due).await,
        None => pending().await,
    }
}

impl Desk {
    fn at_work(&self) -> MutexGuard<'_, AtWork> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(self: &Arc<Self>, request: HttpRequest) -> Outcome {
        let mut at_work = self.at_work();
        at_work.last += 1;
        let id = AnswerId(at_work.last);
        let now = (self.clock)();
        at_work.peer.handle(now, Input::Request { id, request });
        match self.carry_out(&mut at_work, Some(id)) {
            Some(answered) => Outcome::AtOnce(answered),
            None => {
                let (answer, answered) = oneshot::channel();
                at_work.waiting.insert(id, answer);
                Outcome::Later(answered)
            }
        }
    }

    fn tell(self: &Arc<Self>, input: Input) {
        let mut at_work = self.at_work();
        at_work.peer.handle((self.clock)(), input);
        self.carry_out(&mut at_work, None);
    }

    /// Wakes the peer if it is time, and says when it wants to be woken next.
    fn wake(self: &Arc<Self>) -> Option<Duration> {
        let mut at_work = self.at_work();
        let now = (self.clock)();
        let is_due = (at_work.peer.poll_timeout()).is_some_and(|deadline| deadline.at <= now);
        if is_due {
            at_work.peer.handle_timeout(now);
            self.carry_out(&mut at_work, None);
        }
        at_work.wakes_at = at_work.peer.poll_timeout().map(|deadline| deadline.at);
        at_work.wakes_at.map(|at| at.since(now))
    }

    /// Does what the peer wants done, and gives the answer to one request, if it is there.
    fn carry_out(
        self: &Arc<Self>,
        at_work: &mut AtWork,
        asked: Option<AnswerId>,
    ) -> Option<Answered> {
        let mut wanted = None;
        while let Some(output) = at_work.peer.poll_output() {
            match output {
                Output::Answer {
                    id,
                    response,
                    conduct,
                } => {
                    let answered = Answered { response, conduct };
                    if asked == Some(id) {
                        wanted = Some(answered);
                    } else if let Some(answer) = at_work.waiting.remove(&id) {
                        // Who has hung up gets none.
                        let _ = answer.send(answered);
                    }
                }
                // Whoever does not want to know has dropped the other end.
                Output::FaultFired(name) => drop(self.fired.send(name)),
                Output::Post {
                    id,
                    to,
                    request,
                    conduct,
                } => self.post(at_work, id, to, request, conduct),
                // Nobody sits at a screen, and there is no other system to take down.
                Output::Notice(_) | Output::Crash { .. } => {}
            }
        }
        let next = at_work.peer.poll_timeout().map(|deadline| deadline.at);
        if next.is_some_and(|next| at_work.wakes_at.is_none_or(|at| next < at)) {
            at_work.wakes_at = next;
            self.earlier.notify_one();
        }
        wanted
    }

    fn post(
        self: &Arc<Self>,
        at_work: &mut AtWork,
        post: PostId,
        to: Endpoint,
        request: HttpRequest,
        conduct: Conduct,
    ) {
        let Some(base) = self.recipients.get(&to).cloned() else {
            let error = TransportError::Refused;
            let failed = Input::Failed { post, error };
            return at_work.peer.handle((self.clock)(), failed);
        };
        let desk = Arc::clone(self);
        at_work.posting.spawn(async move {
            let told = match post_as(&desk.client, base, request, conduct).await {
                Ok(response) => Input::Response { post, response },
                Err(error) => Input::Failed { post, error },
            };
            desk.tell(told);
        });
        while at_work.posting.try_join_next().is_some() {}
    }
}
