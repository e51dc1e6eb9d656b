//! Posts over kept-alive connections.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use gp2gp_model::http::Method;
use http_body_util::Full;
use hyper::body::Incoming as IncomingBody;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::body::collect;
use super::headers::{self, SOAP_ACTION, value_of};
use crate::peer::{HttpRequest, HttpResponse, TransportError};

/// Idle connections kept for each address: at most ten requests of a handler are in flight
/// (spec 10), and Spine may answer both practices.
const IDLE_CONNECTIONS: usize = 32;

/// How long an answer is waited for (spec 10).
const PATIENCE: Duration = Duration::from_secs(20);

/// Connections that wait for their next post.
#[derive(Debug)]
pub struct Client {
    idle: Mutex<BTreeMap<SocketAddr, Vec<Connection>>>,
    patience: Duration,
}

type Connection = SendRequest<Full<Bytes>>;

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
            if connection.ready().await.is_ok() {
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
        if connections.len() < IDLE_CONNECTIONS && !connection.is_closed() {
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
    tokio::time::timeout(client.patience, exchange(client, addr, request))
        .await
        .unwrap_or(Err(TransportError::TimedOut))
}

async fn exchange(
    client: &Client,
    addr: SocketAddr,
    request: HttpRequest,
) -> Result<HttpResponse, TransportError> {
    let asked = request.method;
    let mut request = http_request(addr, request)?;
    while let Some(connection) = client.take_idle(addr).await {
        request = match send(client, addr, connection, asked, request).await {
            Err(Unsent::NeverLeft(request)) => *request,
            Err(Unsent::Broke) => return Err(TransportError::Reset),
            Ok(response) => return Ok(response),
        };
    }
    let connection = connect(addr).await?;
    send(client, addr, connection, asked, request)
        .await
        .map_err(|_| TransportError::Reset)
}

/// Why there is no answer.
enum Unsent {
    /// The connection was closed before: nobody has seen the request.
    NeverLeft(Box<Request<Full<Bytes>>>),
    /// The connection broke later.
    Broke,
}

async fn send(
    client: &Client,
    addr: SocketAddr,
    mut connection: Connection,
    asked: Method,
    request: Request<Full<Bytes>>,
) -> Result<HttpResponse, Unsent> {
    let response = connection
        .try_send_request(request)
        .await
        .map_err(|mut error| {
            error.take_message().map_or(Unsent::Broke, |request| {
                Unsent::NeverLeft(Box::new(request))
            })
        })?;
    let response = http_response(asked, response).await?;
    client.keep(addr, connection);
    Ok(response)
}

async fn connect(addr: SocketAddr) -> Result<Connection, TransportError> {
    let stream = TcpStream::connect(addr)
        .await
        .map_err(|error| not_connected(&error))?;
    // A request is written in one go; waiting for more of it would only cost time.
    let _ = stream.set_nodelay(true);
    let (sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| TransportError::Reset)?;
    // Ends when its sender is dropped; how, the sender is told.
    tokio::spawn(connection);
    Ok(sender)
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
) -> Result<Request<Full<Bytes>>, TransportError> {
    // Nobody listens on a path that no URL can name.
    let uri = Uri::try_from(request.path).map_err(|_| TransportError::Refused)?;
    let mut sent = Request::new(Full::new(request.body));
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
