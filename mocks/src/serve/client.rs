//! Posts over kept-alive connections.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gp2gp_model::http::Method;
use hyper::body::Incoming as IncomingBody;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::body::{Carried, collect};
use super::headers::{self, SOAP_ACTION, value_of};
use super::line::{Cut, Line};
use crate::peer::{Conduct, HttpRequest, HttpResponse, PATIENCE, TransportError};

/// Idle connections kept for each address: at most ten requests of a handler are in flight
/// (spec 10), and Spine may answer both practices.
const IDLE_CONNECTIONS: usize = 32;

/// Connections that wait for their next post.
#[derive(Debug)]
pub struct Client {
    idle: Mutex<BTreeMap<SocketAddr, Vec<Connection>>>,
    patience: Duration,
}

#[derive(Debug)]
struct Connection {
    sender: SendRequest<Carried>,
    cut: Cut,
}

impl Client {
    /// A client that waits 20 s for an answer.
    pub const fn new() -> Self {
        Self::with_patience(PATIENCE)
    }

    /// A client that waits this long for an answer, connecting included.
    pub const fn with_patience(patience: Duration) -> Self {
        Self {
            idle: Mutex::new(BTreeMap::new()),
            patience,
        }
    }

    fn idle(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection on which a request was answered and another may follow.
    async fn take_idle(&self, addr: SocketAddr) -> Option<Connection> {
        loop {
            let mut connection = self.idle().get_mut(&addr)?.pop()?;
            if connection.sender.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn idle_connections(&self) -> usize {
        self.idle().values().map(Vec::len).sum()
    }

    fn keep(&self, addr: SocketAddr, connection: Connection) {
        let mut idle = self.idle();
        let connections = idle.entry(addr).or_default();
        if connections.len() < IDLE_CONNECTIONS && !connection.sender.is_closed() {
            connections.push(connection);
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

/// Sends a request of any method and takes its answer, whatever its status.
///
/// A kept connection that turns out to be closed before the request has left is replaced by a
/// new one; any other break is a [`TransportError::Reset`], because the request may have arrived.
pub async fn post(
    client: &Client,
    addr: SocketAddr,
    request: HttpRequest,
) -> Result<HttpResponse, TransportError> {
    post_as(client, addr, request, Conduct::Clean).await
}

/// [`post`] over a connection that carries the request as a planned fault wants it. One that
/// misbehaves is never a kept one.
pub async fn post_as(
    client: &Client,
    addr: SocketAddr,
    request: HttpRequest,
    conduct: Conduct,
) -> Result<HttpResponse, TransportError> {
    let exchange = async {
        match conduct {
            Conduct::Clean => exchange(client, addr, request).await,
            Conduct::Truncate { .. } | Conduct::Reset | Conduct::Slow { .. } | Conduct::Silent => {
                misbehave(client, addr, request, conduct).await
            }
        }
    };
    tokio::time::timeout(client.patience, exchange)
        .await
        .unwrap_or(Err(TransportError::TimedOut))
}

async fn exchange(
    client: &Client,
    addr: SocketAddr,
    request: HttpRequest,
) -> Result<HttpResponse, TransportError> {
    let asked = request.method;
    let mut request = http_request(addr, request, Conduct::Clean)?;
    while let Some(connection) = client.take_idle(addr).await {
        request = match send(client, addr, connection, asked, request, Keep::Yes).await {
            Err(Unsent::NeverLeft(request)) => *request,
            Err(Unsent::Broke) => return Err(TransportError::Reset),
            Ok(response) => return Ok(response),
        };
    }
    let connection = connect(addr).await?;
    send(client, addr, connection, asked, request, Keep::Yes)
        .await
        .map_err(|_| TransportError::Reset)
}

/// An exchange over a connection of its own that breaks, or takes its time.
async fn misbehave(
    client: &Client,
    addr: SocketAddr,
    request: HttpRequest,
    conduct: Conduct,
) -> Result<HttpResponse, TransportError> {
    let asked = request.method;
    let request = http_request(addr, request, conduct)?;
    let connection = connect(addr).await?;
    let cut = connection.cut.clone();
    let breaks = matches!(conduct, Conduct::Truncate { .. } | Conduct::Reset);
    if breaks {
        cut.reset();
    }
    let answered = send(client, addr, connection, asked, request, Keep::No).await;
    match answered {
        Ok(response) if !breaks => Ok(response),
        Ok(_) | Err(_) => Err(TransportError::Reset),
    }
}

/// Whether a connection may serve another exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Yes,
    No,
}

/// Why there is no answer.
enum Unsent {
    /// The connection was closed before: nobody has seen the request.
    NeverLeft(Box<Request<Carried>>),
    /// The connection broke later.
    Broke,
}

async fn send(
    client: &Client,
    addr: SocketAddr,
    mut connection: Connection,
    asked: Method,
    request: Request<Carried>,
    keep: Keep,
) -> Result<HttpResponse, Unsent> {
    let response = connection
        .sender
        .try_send_request(request)
        .await
        .map_err(|mut error| {
            error.take_message().map_or(Unsent::Broke, |request| {
                Unsent::NeverLeft(Box::new(request))
            })
        })?;
    let response = http_response(asked, response).await?;
    if keep == Keep::Yes {
        client.keep(addr, connection);
    }
    Ok(response)
}

async fn connect(addr: SocketAddr) -> Result<Connection, TransportError> {
    let stream = TcpStream::connect(addr)
        .await
        .map_err(|error| not_connected(&error))?;
    let (line, cut) = Line::new(stream);
    let (sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .handshake(TokioIo::new(line))
        .await
        .map_err(|_| TransportError::Reset)?;
    // Ends when its sender is dropped; how, the sender is told.
    tokio::spawn(connection);
    Ok(Connection { sender, cut })
}

fn not_connected(error: &io::Error) -> TransportError {
    let is = |kinds: &[io::ErrorKind]| kinds.contains(&error.kind());
    if is(&[
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::ConnectionAborted,
    ]) {
        TransportError::Reset
    } else if is(&[io::ErrorKind::TimedOut]) {
        TransportError::TimedOut
    } else {
        TransportError::Refused
    }
}

/// `SOAPAction` as it is, without quotes; hyper adds `Content-Length` for a body of known length.
fn http_request(
    addr: SocketAddr,
    request: HttpRequest,
    conduct: Conduct,
) -> Result<Request<Carried>, TransportError> {
    // Nobody listens on a path that no URL can name.
    let uri = Uri::try_from(request.path).map_err(|_| TransportError::Refused)?;
    let mut sent = Request::new(Carried::new(request.body, conduct));
    *sent.method_mut() = hyper_method(request.method);
    *sent.uri_mut() = uri;
    let to = sent.headers_mut();
    to.insert(HOST, value_of(&addr.to_string()));
    if request.method.is_post() || !request.content_type.is_empty() {
        to.insert(CONTENT_TYPE, value_of(&request.content_type));
    }
    if let Some(action) = &request.soap_action {
        to.insert(SOAP_ACTION, value_of(action));
    }
    headers::write(&request.headers, to);
    Ok(sent)
}

const fn hyper_method(method: Method) -> hyper::Method {
    match method {
        Method::Get => hyper::Method::GET,
        Method::Post => hyper::Method::POST,
        Method::Put => hyper::Method::PUT,
        Method::Patch => hyper::Method::PATCH,
        Method::Delete => hyper::Method::DELETE,
        Method::Head => hyper::Method::HEAD,
    }
}

/// An answer to HEAD has no body, so the length that it would have is told among its headers.
async fn http_response(
    asked: Method,
    response: Response<IncomingBody>,
) -> Result<HttpResponse, Unsent> {
    let (head, body) = response.into_parts();
    let mut carried = headers::carried(&head.headers);
    if let (Method::Head, Some(length)) = (asked, headers::text(&head.headers, &CONTENT_LENGTH)) {
        carried.push(CONTENT_LENGTH.as_str(), length);
    }
    Ok(HttpResponse {
        status: head.status.as_u16(),
        content_type: headers::text(&head.headers, &CONTENT_TYPE),
        headers: carried,
        body: collect(body).await.map_err(|_| Unsent::Broke)?,
    })
}
