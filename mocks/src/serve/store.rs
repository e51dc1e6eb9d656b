//! A document store on a port, for clients that know nothing of the harness.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use gp2gp_model::Time;
use hyper::body::Incoming as IncomingBody;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::body::Carried;
use super::line::{Cut, Line};
use super::server::{Head, Server, Unanswered, accept, read, respond};
use crate::peer::Conduct;
use crate::store::Store;

/// Puts a store on a port, where its base address is `http://` and the address of the port.
/// Documents are streamed whole whatever their size; faults act on real connections, and their
/// names go to `fired`. `clock` tells what time it is.
///
/// Must be called inside a tokio runtime with IO and time.
pub async fn serve_store(
    addr: SocketAddr,
    store: Store,
    clock: impl Fn() -> Time + Send + Sync + 'static,
    fired: mpsc::UnboundedSender<String>,
) -> io::Result<(Server, Arc<Mutex<Store>>)> {
    let listener = TcpListener::bind(addr).await?;
    let addr = listener.local_addr()?;
    let store = Arc::new(Mutex::new(store.at(format!("http://{addr}"))));
    let desk = Arc::new(Desk {
        store: Arc::clone(&store),
        clock,
        fired,
    });
    let accepting = accept(listener, move |stream| talk(stream, Arc::clone(&desk)));
    Ok((Server::new(addr, accepting), store))
}

struct Desk<C> {
    store: Arc<Mutex<Store>>,
    clock: C,
    fired: mpsc::UnboundedSender<String>,
}

async fn talk<C: Fn() -> Time + Send + Sync>(stream: TcpStream, desk: Arc<Desk<C>>) {
    let (line, cut) = Line::new(stream);
    let service = service_fn(|request| take(request, &desk, &cut));
    // How a connection ends is for its client to judge.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .title_case_headers(true)
        .serve_connection(TokioIo::new(line), service)
        .await;
}

async fn take<C: Fn() -> Time + Send + Sync>(
    request: Request<IncomingBody>,
    desk: &Desk<C>,
    cut: &Cut,
) -> Result<Response<Carried>, Unanswered> {
    let request = match read(request).await? {
        Ok(request) => request,
        Err(refused) => return Ok(refused),
    };
    let (reply, fired) = {
        let mut store = desk.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.reply((desk.clock)(), &request)
    };
    for name in fired {
        // Whoever does not want to know has dropped the other end.
        let _ = desk.fired.send(name);
    }
    tokio::time::sleep(reply.delay).await;
    match reply.conduct {
        Conduct::Reset => {
            cut.reset();
            return Err(Unanswered::Reset);
        }
        Conduct::Silent => return pending().await,
        Conduct::Clean | Conduct::Truncate { .. } | Conduct::Slow { .. } => {}
    }
    let head = Head {
        status: reply.status,
        content_type: reply.content_type,
        headers: &reply.headers,
    };
    let body = Carried::new(reply.body, reply.conduct);
    Ok(respond(request.method, head, body))
}
