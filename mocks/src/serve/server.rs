//! A port for an endpoint.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::trace::Endpoint;
use hyper::body::Incoming as IncomingBody;
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::body::{BodyError, Carried, collect};
use super::cause::{Cause, Stage};
use super::headers::{self, SOAP_ACTION};
use super::line::{Cut, Line};
use super::tls::{Guard, Security};
use crate::peer::{Conduct, HttpRequest, HttpResponse, PATIENCE};

/// Puts an endpoint on a free port of the loopback interface. What arrives there goes to
/// `incoming`, which may be shared by several endpoints.
///
/// Must be called inside a tokio runtime with IO and time.
pub async fn serve(endpoint: Endpoint, incoming: mpsc::Sender<Incoming>) -> io::Result<Server> {
    serve_at((Ipv4Addr::LOCALHOST, 0).into(), endpoint, incoming).await
}

/// The same on a port where it was before: a system that is up again.
pub async fn serve_at(
    addr: SocketAddr,
    endpoint: Endpoint,
    incoming: mpsc::Sender<Incoming>,
) -> io::Result<Server> {
    serve_guarded(addr, endpoint, Security::Plain, incoming).await
}

/// The same behind TLS, or not.
pub async fn serve_guarded(
    addr: SocketAddr,
    endpoint: Endpoint,
    security: Security,
    incoming: mpsc::Sender<Incoming>,
) -> io::Result<Server> {
    let listener = TcpListener::bind(addr).await?;
    let addr = listener.local_addr()?;
    let door = Door {
        endpoint,
        security,
        incoming,
    };
    let accepting = accept(listener, move |stream| talk(stream, door.clone()));
    Ok(Server::new(addr, accepting))
}

/// A served endpoint. Dropped, it closes its port and every connection.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    accepting: AbortHandle,
}

impl Server {
    pub(super) fn new(
        addr: SocketAddr,
        accepting: impl Future<Output = Infallible> + Send + 'static,
    ) -> Self {
        let accepting = tokio::spawn(accepting).abort_handle();
        Self { addr, accepting }
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A request that waits for its answer.
#[derive(Debug)]
pub struct Incoming {
    /// Where it arrived.
    pub endpoint: Endpoint,
    /// The request.
    pub request: HttpRequest,
    /// Where its answer goes. Dropped without one, the connection is closed unanswered.
    pub answer: oneshot::Sender<Answered>,
}

/// An answer, and how its connection carries it. [`Conduct::Silent`] is the caller's to act out:
/// by keeping the sender and giving no answer.
#[derive(Debug)]
pub struct Answered {
    /// The answer.
    pub response: HttpResponse,
    /// How it travels.
    pub conduct: Conduct,
}

/// Somebody who was not let in: there was no TLS, or not with whom it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnedAway {
    /// Where it came to.
    pub endpoint: Endpoint,
    /// From where.
    pub from: SocketAddr,
    /// Why.
    pub cause: Cause,
}

#[derive(Clone)]
struct Door {
    endpoint: Endpoint,
    security: Security,
    incoming: mpsc::Sender<Incoming>,
}

/// Why a request is not answered: its connection is closed instead.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    #[error("request body broke off")]
    BodyBrokeOff,
    #[error("nobody answers")]
    Nobody,
    #[error("connection is reset as planned")]
    Reset,
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Owns every connection, so that none outlives it.
pub(super) async fn accept<T>(
    listener: TcpListener,
    talk: impl Fn(TcpStream) -> T + Send,
) -> Infallible
where
    T: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { connections.spawn(talk(stream)); }
                // Out of file handles or the like: passes when a connection ends.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn talk(stream: TcpStream, door: Door) {
    match &door.security {
        Security::Plain => {
            let (line, cut) = Line::new(stream);
            let service = service_fn(|request| take(request, &door, &cut));
            speak_http(line, service).await;
        }
        Security::Tls(guard) => talk_tls(stream, guard, &door).await,
    }
}

async fn talk_tls(stream: TcpStream, guard: &Guard, door: &Door) {
    let from = stream.peer_addr();
    let (line, cut) = Line::new(stream);
    let cause = match timeout(PATIENCE, shake_hands(line, guard)).await {
        Ok(Ok(line)) => {
            let service = service_fn(|request| take(request, door, &cut));
            return speak_http(line, service).await;
        }
        Ok(Err(cause)) => cause,
        Err(_) => Cause::TooSlow(Stage::Handshaking, PATIENCE),
    };
    if let (Some(told), Ok(from)) = (&guard.told, from) {
        // Whoever does not want to know has dropped the other end.
        let _ = told.send(TurnedAway {
            endpoint: door.endpoint,
            from,
            cause,
        });
    }
}

async fn shake_hands(line: Line, guard: &Guard) -> Result<TlsStream<Line>, Cause> {
    if line.first_byte().await == Some(TLS_HANDSHAKE) {
        let handshake = guard.acceptor.accept(line);
        return handshake.await.map_err(|error| Cause::of_handshake(&error));
    }
    speak_http(line, service_fn(not_in_the_clear)).await;
    Err(Cause::NotPlain)
}

/// What every TLS connection begins with, and no HTTP request: the type of a handshake record.
const TLS_HANDSHAKE: u8 = 22;

/// How a connection ends is for its client to judge.
pub(super) async fn speak_http<S>(line: impl AsyncRead + AsyncWrite + Unpin, service: S)
where
    S: HttpService<IncomingBody, ResBody = Carried, Error = Unanswered>,
{
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .title_case_headers(true)
        .serve_connection(TokioIo::new(line), service)
        .await;
}

async fn not_in_the_clear(_: Request<IncomingBody>) -> Result<Response<Carried>, Unanswered> {
    const WORDS: &str = "this port speaks TLS: use https\n";
    let mut response = Response::new(Carried::new(
        Bytes::from_static(WORDS.as_bytes()),
        Conduct::Clean,
    ));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(response)
}

async fn take(
    request: Request<IncomingBody>,
    door: &Door,
    cut: &Cut,
) -> Result<Response<Carried>, Unanswered> {
    let request = match read(request).await? {
        Ok(request) => request,
        Err(refused) => return Ok(refused),
    };
    let method = request.method;
    let (answer, answered) = oneshot::channel();
    let incoming = Incoming {
        endpoint: door.endpoint,
        request,
        answer,
    };
    door.incoming
        .send(incoming)
        .await
        .map_err(|_| Unanswered::Nobody)?;
    let Answered { response, conduct } = answered.await.map_err(|_| Unanswered::Nobody)?;
    if conduct == Conduct::Reset {
        cut.reset();
        return Err(Unanswered::Reset);
    }
    Ok(http_response(method, response, conduct))
}

/// The request as peers take it, or the answer of the edge to what no peer can.
pub(super) async fn read(
    request: Request<IncomingBody>,
) -> Result<Result<HttpRequest, Response<Carried>>, Unanswered> {
    let (head, body) = request.into_parts();
    let Ok(method) = head.method.as_str().parse::<Method>() else {
        return Ok(Err(not_implemented()));
    };
    let body = match collect(body).await {
        Ok(body) => body,
        Err(BodyError::TooLarge) => return Ok(Err(too_large())),
        Err(BodyError::Broken) => return Err(Unanswered::BodyBrokeOff),
    };
    Ok(Ok(HttpRequest {
        method,
        path: head
            .uri
            .path_and_query()
            .map_or_else(String::new, ToString::to_string),
        soap_action: headers::text(&head.headers, &SOAP_ACTION),
        content_type: headers::text(&head.headers, &CONTENT_TYPE).unwrap_or_default(),
        headers: headers::carried(&head.headers),
        body,
    }))
}

/// An answer to HEAD tells the length of the body that it does not have.
pub(super) fn http_response(
    asked: Method,
    answer: HttpResponse,
    conduct: Conduct,
) -> Response<Carried> {
    let head = Head {
        status: answer.status,
        content_type: answer.content_type,
        headers: &answer.headers,
    };
    respond(asked, head, Carried::new(answer.body, conduct))
}

/// What stands before a body.
pub(super) struct Head<'a> {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    pub(super) headers: &'a Headers,
}

pub(super) fn respond(asked: Method, head: Head<'_>, body: Carried) -> Response<Carried> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(head.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = (head.content_type).and_then(|text| HeaderValue::from_str(&text).ok());
    if let Some(content_type) = content_type {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    if let (Method::Head, Some(length)) = (asked, head.headers.get(CONTENT_LENGTH.as_str())) {
        let length = headers::value_of(length);
        response.headers_mut().insert(CONTENT_LENGTH, length);
    }
    headers::write(head.headers, response.headers_mut());
    response
}

/// No peer has a word for this method.
fn not_implemented() -> Response<Carried> {
    let mut response = nothing();
    *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
    response
}

/// The rest of the body is not read, so the connection cannot be used again.
fn too_large() -> Response<Carried> {
    let mut response = nothing();
    *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn nothing() -> Response<Carried> {
    Response::new(Carried::new(Bytes::new(), Conduct::Clean))
}
