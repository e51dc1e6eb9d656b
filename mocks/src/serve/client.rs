//! Posts over kept-alive connections, in the clear or over TLS.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gp2gp_model::http::Method;
use hyper::body::Incoming as IncomingBody;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HOST};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};

use super::base::{Base, Scheme};
use super::body::{BodyError, Carried, collect};
use super::cause::{Cause, Stage};
use super::headers::{self, SOAP_ACTION, value_of};
use super::line::{Cut, Line};
use super::tls::Trust;
use crate::peer::{Conduct, HttpRequest, HttpResponse, PATIENCE, TransportError};

/// Idle connections kept for each base: at most ten requests of a handler are in flight
/// (spec 10), and Spine may answer both practices.
const IDLE_CONNECTIONS: usize = 32;

/// Connections that wait for their next post.
#[derive(Debug)]
pub struct Client {
    idle: Mutex<BTreeMap<Base, Vec<Connection>>>,
    patience: Duration,
    trust: Option<Trust>,
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
            trust: None,
        }
    }

    /// The same client, which can use https.
    #[must_use]
    pub fn trusting(self, trust: Trust) -> Self {
        Self {
            trust: Some(trust),
            ..self
        }
    }

    fn idle(&self) -> MutexGuard<'_, BTreeMap<Base, Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection on which a request was answered and another may follow.
    async fn take_idle(&self, base: &Base) -> Option<Connection> {
        loop {
            let mut connection = self.idle().get_mut(base)?.pop()?;
            if connection.sender.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn idle_connections(&self) -> usize {
        self.idle().values().map(Vec::len).sum()
    }

    fn keep(&self, base: &Base, connection: Connection) {
        let mut idle = self.idle();
        let connections = idle.entry(base.clone()).or_default();
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
    to: impl Into<Base>,
    request: HttpRequest,
) -> Result<HttpResponse, TransportError> {
    post_as(client, to, request, Conduct::Clean).await
}

/// [`post`] over a connection that carries the request as a planned fault wants it. One that
/// misbehaves is never a kept one.
pub async fn post_as(
    client: &Client,
    to: impl Into<Base>,
    request: HttpRequest,
    conduct: Conduct,
) -> Result<HttpResponse, TransportError> {
    let answered = ask(client, to, request, conduct).await;
    answered.map_err(|cause| cause.transport())
}

/// [`post_as`], with the reason in plain words where there is no answer.
pub async fn ask(
    client: &Client,
    to: impl Into<Base>,
    request: HttpRequest,
    conduct: Conduct,
) -> Result<HttpResponse, Cause> {
    let probed = exchange(client, &to.into(), request, conduct).await;
    probed.map(|probed| probed.response)
}

/// [`ask`], with what peers do not see of an answer.
pub async fn probe(
    client: &Client,
    to: impl Into<Base>,
    request: HttpRequest,
) -> Result<Probed, Cause> {
    exchange(client, &to.into(), request, Conduct::Clean).await
}

/// An answer with what belongs to its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// The answer.
    pub response: HttpResponse,
    /// The header `Date`.
    pub date: Option<String>,
}

async fn exchange(
    client: &Client,
    to: &Base,
    request: HttpRequest,
    conduct: Conduct,
) -> Result<Probed, Cause> {
    let stage = Mutex::new(Stage::Connecting);
    let order = Order {
        client,
        to,
        stage: &stage,
    };
    let exchange = async {
        match conduct {
            Conduct::Clean => order.exchange(request).await,
            Conduct::Truncate { .. } | Conduct::Reset | Conduct::Slow { .. } | Conduct::Silent => {
                order.misbehave(request, conduct).await
            }
        }
    };
    let exchanged = tokio::time::timeout(client.patience, exchange).await;
    exchanged.unwrap_or_else(|_| {
        let stage = *stage.lock().unwrap_or_else(PoisonError::into_inner);
        Err(Cause::TooSlow(stage, client.patience))
    })
}

/// An exchange on its way.
struct Order<'a> {
    client: &'a Client,
    to: &'a Base,
    stage: &'a Mutex<Stage>,
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
    NeverLeft(Box<Request<Carried>>, Cause),
    /// It failed later.
    Failed(Cause),
}

impl Unsent {
    fn cause(self) -> Cause {
        match self {
            Self::NeverLeft(_, cause) | Self::Failed(cause) => cause,
        }
    }
}

impl Order<'_> {
    async fn exchange(&self, request: HttpRequest) -> Result<Probed, Cause> {
        let asked = request.method;
        let mut request = http_request(self.to, request, Conduct::Clean)?;
        while let Some(connection) = self.client.take_idle(self.to).await {
            request = match self.send(connection, asked, request, Keep::Yes).await {
                Err(Unsent::NeverLeft(request, _)) => *request,
                Err(Unsent::Failed(cause)) => return Err(cause),
                Ok(answer) => return Ok(answer),
            };
        }
        let connection = self.connect().await?;
        let sent = self.send(connection, asked, request, Keep::Yes).await;
        sent.map_err(Unsent::cause)
    }

    /// An exchange over a connection of its own that breaks, or takes its time.
    async fn misbehave(&self, request: HttpRequest, conduct: Conduct) -> Result<Probed, Cause> {
        let asked = request.method;
        let request = http_request(self.to, request, conduct)?;
        let connection = self.connect().await?;
        let cut = connection.cut.clone();
        let breaks = matches!(conduct, Conduct::Truncate { .. } | Conduct::Reset);
        if breaks {
            cut.reset();
        }
        let answered = self.send(connection, asked, request, Keep::No).await;
        match answered {
            Ok(answer) if !breaks => Ok(answer),
            Ok(_) => Err(Cause::Broke),
            Err(_) if breaks => Err(Cause::Broke),
            Err(unsent) => Err(unsent.cause()),
        }
    }

    async fn send(
        &self,
        mut connection: Connection,
        asked: Method,
        request: Request<Carried>,
        keep: Keep,
    ) -> Result<Probed, Unsent> {
        self.has_come_to(Stage::Asking);
        let response = connection
            .sender
            .try_send_request(request)
            .await
            .map_err(|mut error| {
                let unsent = error.take_message();
                let cause = Cause::of_http(error.error());
                match unsent {
                    Some(request) => Unsent::NeverLeft(Box::new(request), cause),
                    None => Unsent::Failed(cause),
                }
            })?;
        let answer = http_response(asked, response).await;
        let answer = answer.map_err(Unsent::Failed)?;
        if keep == Keep::Yes {
            self.client.keep(self.to, connection);
        }
        Ok(answer)
    }

    async fn connect(&self) -> Result<Connection, Cause> {
        let (line, cut) = Line::new(dial(self.to).await?);
        let sender = match (self.to.scheme(), &self.client.trust) {
            (Scheme::Http, _) => speak_http(line).await?,
            (Scheme::Https, None) => return Err(Cause::NothingToTrust(self.to.clone())),
            (Scheme::Https, Some(trust)) => {
                self.has_come_to(Stage::Handshaking);
                speak_http(trust.shake_hands(self.to, line).await?).await?
            }
        };
        Ok(Connection { sender, cut })
    }

    fn has_come_to(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }
}

async fn dial(to: &Base) -> Result<TcpStream, Cause> {
    let addresses = lookup_host((to.host(), to.port())).await;
    let addresses = addresses.map_err(|error| Cause::NotResolved {
        host: to.host().to_owned(),
        why: error.to_string(),
    })?;
    let mut last = Cause::NotResolved {
        host: to.host().to_owned(),
        why: "it stands for no address".to_owned(),
    };
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Cause::of_connecting(to, &error),
        }
    }
    Err(last)
}

async fn speak_http(
    line: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<SendRequest<Carried>, Cause> {
    let (sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .handshake(TokioIo::new(line))
        .await
        .map_err(|error| Cause::of_http(&error))?;
    // Ends when its sender is dropped; how, the sender is told.
    tokio::spawn(connection);
    Ok(sender)
}

/// `SOAPAction` as it is, without quotes; hyper adds `Content-Length` for a body of known length.
fn http_request(
    to: &Base,
    request: HttpRequest,
    conduct: Conduct,
) -> Result<Request<Carried>, Cause> {
    let path = to.path(request.path);
    let uri = Uri::try_from(path.as_str()).map_err(|_| Cause::Path(path))?;
    let mut sent = Request::new(Carried::new(request.body, conduct));
    *sent.method_mut() = hyper_method(request.method);
    *sent.uri_mut() = uri;
    let written = sent.headers_mut();
    written.insert(HOST, value_of(to.authority()));
    if request.method.is_post() || !request.content_type.is_empty() {
        written.insert(CONTENT_TYPE, value_of(&request.content_type));
    }
    if let Some(action) = &request.soap_action {
        written.insert(SOAP_ACTION, value_of(action));
    }
    headers::write(&request.headers, written);
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
async fn http_response(asked: Method, response: Response<IncomingBody>) -> Result<Probed, Cause> {
    let (head, body) = response.into_parts();
    let mut carried = headers::carried(&head.headers);
    if let (Method::Head, Some(length)) = (asked, headers::text(&head.headers, &CONTENT_LENGTH)) {
        carried.push(CONTENT_LENGTH.as_str(), length);
    }
    let body = collect(body).await.map_err(|error| match error {
        BodyError::TooLarge => Cause::TooLong,
        BodyError::Broken => Cause::Broke,
    })?;
    let response = HttpResponse {
        status: head.status.as_u16(),
        content_type: headers::text(&head.headers, &CONTENT_TYPE),
        headers: carried,
        body,
    };
    let date = headers::text(&head.headers, &DATE);
    Ok(Probed { response, date })
}
