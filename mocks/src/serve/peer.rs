//! A peer on a port, for clients that know nothing of the harness.

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use gp2gp_model::Time;
use gp2gp_model::plan::Act;
use gp2gp_model::trace::Endpoint;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::server::{Answered, Incoming, Server, serve_at};
use crate::peer::{AnswerId, Conduct, Input, Output, Peer, TransportError};

/// Requests that wait for the peer; more wait at their sockets.
const WAITING: usize = 64;

/// Puts a peer that answers and asks nobody, such as [`Sds`](crate::sds::Sds) and
/// [`Pds`](crate::pds::Pds), on a port. Faults act on real connections, and their names go to
/// `fired`. `clock` tells what time it is.
///
/// Must be called inside a tokio runtime with IO and time.
pub async fn serve_peer(
    addr: SocketAddr,
    endpoint: Endpoint,
    peer: impl Peer + 'static,
    clock: impl Fn() -> Time + Send + 'static,
    fired: mpsc::UnboundedSender<String>,
) -> io::Result<Served> {
    let (arrive, incoming) = mpsc::channel(WAITING);
    let (acts, acted) = mpsc::unbounded_channel();
    let server = serve_at(addr, endpoint, arrive).await?;
    let desk = Desk {
        peer,
        clock,
        fired,
        last: 0,
        waiting: BTreeMap::new(),
        silent: Vec::new(),
    };
    let answering = tokio::spawn(desk.answer(incoming, acted)).abort_handle();
    Ok(Served {
        server,
        acts,
        answering,
    })
}

/// A served peer. Dropped, it closes its port and every connection.
#[derive(Debug)]
pub struct Served {
    server: Server,
    acts: mpsc::UnboundedSender<Act>,
    answering: AbortHandle,
}

impl Served {
    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// People or the harness do something to it. Done before any request that is sent afterwards.
    pub fn act(&self, act: Act) {
        // It listens for as long as this is here.
        let _ = self.acts.send(act);
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

struct Desk<P, C> {
    peer: P,
    clock: C,
    fired: mpsc::UnboundedSender<String>,
    last: u64,
    waiting: BTreeMap<AnswerId, oneshot::Sender<Answered>>,
    /// Who never gets an answer: their connections stay open until they give up.
    silent: Vec<oneshot::Sender<Answered>>,
}

impl<P: Peer, C: Fn() -> Time> Desk<P, C> {
    async fn answer(
        mut self,
        mut incoming: mpsc::Receiver<Incoming>,
        mut acted: mpsc::UnboundedReceiver<Act>,
    ) {
        loop {
            let due = self.peer.poll_timeout();
            let due = due.map(|deadline| deadline.at.since((self.clock)()));
            tokio::select! {
                biased;
                Some(act) = acted.recv() => self.peer.handle((self.clock)(), Input::Act(act)),
                arrived = incoming.recv() => match arrived {
                    Some(arrived) => self.take(arrived),
                    None => return,
                },
                () = rest(due) => self.peer.handle_timeout((self.clock)()),
            }
            while let Some(output) = self.peer.poll_output() {
                self.carry(output);
            }
            self.silent.retain(|answer| !answer.is_closed());
        }
    }

    fn take(&mut self, arrived: Incoming) {
        self.last += 1;
        let id = AnswerId(self.last);
        self.waiting.insert(id, arrived.answer);
        let request = arrived.request;
        self.peer
            .handle((self.clock)(), Input::Request { id, request });
    }

    fn carry(&mut self, output: Output) {
        match output {
            Output::Answer {
                id,
                response,
                conduct,
            } => {
                let Some(answer) = self.waiting.remove(&id) else {
                    return;
                };
                if conduct == Conduct::Silent {
                    self.silent.push(answer);
                    return;
                }
                // Who has hung up gets none.
                let _ = answer.send(Answered { response, conduct });
            }
            // Whoever does not want to know has dropped the other end.
            Output::FaultFired(name) => drop(self.fired.send(name)),
            Output::Post { id, .. } => {
                let error = TransportError::Refused;
                let failed = Input::Failed { post: id, error };
                self.peer.handle((self.clock)(), failed);
            }
            // Nobody sits at a screen, and there is no other system to take down.
            Output::Notice(_) | Output::Crash { .. } => {}
        }
    }
}

async fn rest(due: Option<Duration>) {
    match due {
        Some(due) => tokio::time::sleep(due).await,
        None => pending().await,
    }
}
