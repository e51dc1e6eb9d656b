//! The queue of a system behind a message handler: AMQP 1.0 through any broker.
//!
//! A handler puts durable messages on the queue, a JSON text in an amqp-value each, and the ids
//! beside it as application properties (spec 10, last section). Nothing here waits longer than the
//! patience of the [`Broker`]; a connection that dies is made anew once for each thing to be done.

mod error;
mod place;
mod watched;

use std::future::Future;
use std::time::Duration;

use fe2o3_amqp::connection::{ConnectionHandle, OpenError};
use fe2o3_amqp::link::SendError;
use fe2o3_amqp::link::delivery::{Delivery, DeliveryInfo};
use fe2o3_amqp::link::receiver::CreditMode;
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::session::{self, SessionHandle};
use fe2o3_amqp::types::definitions;
use fe2o3_amqp::types::messaging::{
    ApplicationProperties, Body, Header, Message, Outcome, Properties,
};
use fe2o3_amqp::types::primitives::{SimpleValue, Value};
use fe2o3_amqp::{Connection, Receiver, Sender, Session};
use gp2gp_mocks::serve::{Cause, Trust};
use gp2gp_wire::mhs_json::{JSON, QueueMessage};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use error::{is_unauthorized, said, told_to_receiver, told_to_sender};
use watched::Broken;

pub use error::BrokerError;
pub use place::{NotAQueue, QueueAt};

/// How long a broker may take for anything that it is asked.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Messages that a broker hands out before they are settled.
const CREDIT: u32 = 10;
/// Silence after which a queue that is being emptied counts as empty.
const EMPTY_AFTER: Duration = Duration::from_millis(300);
/// How long a broker may think it over whether a queue exists that it has just given us.
const AFTERTHOUGHT: Duration = Duration::from_millis(150);
/// A message is at most a delivery of Spine in JSON; frames above a megabyte gain nothing.
const FRAME_BYTES: u32 = 1_000_000;

const MESSAGE_ID: &str = "message-id";
const CORRELATION_ID: &str = "correlation-id";

/// A broker, and who we are there.
#[derive(Clone)]
pub struct Broker {
    host: String,
    port: u16,
    tls: Tls,
    login: Option<(String, String)>,
    patience: Duration,
}

/// How the connection to a broker is secured.
#[derive(Clone)]
enum Tls {
    /// Not at all.
    None,
    /// By whomever these trust; `None`: we have not been told whom.
    By(Option<Trust>),
}

impl Broker {
    /// The broker that listens here.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            tls: Tls::None,
            login: None,
            patience: PATIENCE,
        }
    }

    /// The same, where we log in.
    #[must_use]
    pub fn with_login(self, user: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            login: Some((user.into(), password.into())),
            ..self
        }
    }

    /// The same behind TLS, with those whom we trust and what we show.
    #[must_use]
    pub fn behind_tls(self, trust: Option<Trust>) -> Self {
        Self {
            tls: Tls::By(trust),
            ..self
        }
    }

    /// The same, which may take so long for anything that it is asked.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Whether it can be reached, speaks AMQP 1.0, and lets us in.
    pub async fn probe(&self) -> Result<(), BrokerError> {
        self.open().await.map(|_| ())
    }

    /// Puts messages on a queue, which must exist unless the broker makes queues as needed.
    pub async fn sender(&self, queue: &str) -> Result<QueueSender, BrokerError> {
        self.look_for(queue).await?;
        let mut sender = QueueSender {
            broker: self.clone(),
            queue: queue.to_owned(),
            line: None,
        };
        sender.line().await?;
        Ok(sender)
    }

    /// Takes messages from a queue, which must exist unless the broker makes queues as needed.
    pub async fn receiver(&self, queue: &str) -> Result<QueueReceiver, BrokerError> {
        let mut receiver = QueueReceiver {
            is_known: false,
            ..self.receiver_of_known(queue)
        };
        receiver.line().await?;
        Ok(receiver)
    }

    /// The same of a queue that is known to exist. Connects when it is first asked, and does not give the
    /// broker time for second thoughts.
    pub fn receiver_of_known(&self, queue: &str) -> QueueReceiver {
        QueueReceiver {
            broker: self.clone(),
            queue: queue.to_owned(),
            is_known: true,
            line: None,
        }
    }

    /// Empties a queue of what other runs left behind, whatever it is, and says how much it was.
    pub async fn purge(&self, queue: &str) -> Result<usize, BrokerError> {
        let mut receiver = self.receiver(queue).await?;
        let mut purged = 0;
        while let Some(taken) = receiver.take(EMPTY_AFTER).await? {
            receiver.settle(&taken.info, Settlement::Accept).await?;
            purged += 1;
        }
        receiver.close().await;
        Ok(purged)
    }

    /// Brokers take messages for a queue that does not exist without a word, but nobody can take
    /// messages from one.
    async fn look_for(&self, queue: &str) -> Result<(), BrokerError> {
        let mut open = self.open().await?;
        let link = Receiver::builder()
            .name("gp2gp-looks")
            .source(queue)
            .credit_mode(CreditMode::Manual)
            .attach(&mut open.session);
        let link = self.patiently("attach a receiver", link).await?;
        let found = match link {
            Ok(link) => Line::settled(link, open, self, queue).await.map(|_| ()),
            Err(error) => Err(self.not_attached(queue, told_to_receiver(&error))),
        };
        match found {
            // Who may only write cannot look.
            Err(BrokerError::Forbidden { .. }) => Ok(()),
            found => found,
        }
    }

    async fn open(&self) -> Result<Open, BrokerError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port));
        let stream = self.patiently("accept a connection", stream).await?;
        let stream = stream.map_err(|error| BrokerError::Unreachable {
            broker: self.name(),
            why: error.to_string(),
        })?;
        match &self.tls {
            Tls::None => self.open_over(stream).await,
            Tls::By(None) => Err(self.nobody_to_trust()),
            Tls::By(Some(trust)) => {
                let secured = trust.secure(&self.host, stream);
                let secured = self.patiently("shake hands", secured).await?;
                let secured = secured.map_err(|cause| self.not_secured(&cause))?;
                self.open_over(secured).await
            }
        }
    }

    async fn open_over<Io>(&self, stream: Io) -> Result<Open, BrokerError>
    where
        Io: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin + 'static,
    {
        let (stream, broken) = watched::watched(stream);
        // Whatever carries it: TLS is ours.
        let connection = Connection::builder()
            .container_id("gp2gp")
            .scheme("amqp")
            .hostname(self.host.as_str())
            .max_frame_size(FRAME_BYTES)
            .sasl_profile(
                self.login
                    .clone()
                    .map_or(SaslProfile::Anonymous, |(username, password)| {
                        SaslProfile::Plain { username, password }
                    }),
            )
            .open_with_stream(stream);
        let connection = tokio::time::timeout(self.patience, connection).await;
        let connection = connection.map_err(|_| BrokerError::Silent {
            broker: self.name(),
            after: self.patience,
        })?;
        let mut connection = connection.map_err(|error| self.not_opened(&error))?;
        let session = Session::begin(&mut connection);
        let session = self.patiently("begin a session", session).await?;
        let session = session.map_err(|error| self.lost(&error))?;
        Ok(Open {
            session,
            _connection: connection,
            broken,
        })
    }

    /// Whatever comes of it in time.
    async fn patiently<T>(
        &self,
        what: &'static str,
        of: impl Future<Output = T>,
    ) -> Result<T, BrokerError> {
        tokio::time::timeout(self.patience, of)
            .await
            .map_err(|_| BrokerError::TooSlow {
                broker: self.name(),
                what,
                after: self.patience,
            })
    }

    fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    fn not_secured(&self, cause: &Cause) -> BrokerError {
        BrokerError::NotSecured {
            broker: self.name(),
            why: cause.to_string(),
            mend: error::mend_tls(cause, &self.host),
        }
    }

    fn nobody_to_trust(&self) -> BrokerError {
        BrokerError::NotSecured {
            broker: self.name(),
            why: "no certificate authority is configured to trust".to_owned(),
            mend: "add [environment.tls] with `ca`, `cert` and `key`, or serve with `--tls`"
                .to_owned(),
        }
    }

    fn lost(&self, why: &impl ToString) -> BrokerError {
        BrokerError::Lost {
            broker: self.name(),
            why: why.to_string(),
        }
    }

    fn not_opened(&self, error: &OpenError) -> BrokerError {
        let refused = |said: String| BrokerError::NotAmqp {
            broker: self.name(),
            said,
        };
        // The latter: none of the mechanisms that it offers is ours.
        if let OpenError::SaslError { .. } | OpenError::NotImplemented(_) = error {
            return self.refused_login();
        }
        if let OpenError::ProtocolHeaderMismatch(said) = error {
            return refused(format!("it says `{}`", said.escape_ascii()));
        }
        if let OpenError::RemoteClosedWithError(told) = error {
            return match is_unauthorized(told) {
                true => self.refused_login(),
                false => refused(said(told)),
            };
        }
        match &self.tls {
            Tls::None => refused(format!("it breaks the connection off ({error})")),
            // Whether a certificate is accepted is told only after the handshake.
            Tls::By(_) => BrokerError::NotSecured {
                broker: self.name(),
                why: format!("it breaks the connection off after the handshake ({error})"),
                mend: error::mend_tls(&Cause::NoClientCertificate, &self.host),
            },
        }
    }

    fn refused_login(&self) -> BrokerError {
        BrokerError::RefusedLogin {
            broker: self.name(),
            user: match &self.login {
                Some((user, _)) => format!("user `{user}` with this password"),
                None => "a connection without user and password".to_owned(),
            },
        }
    }

    fn not_attached(&self, queue: &str, told: Option<&definitions::Error>) -> BrokerError {
        let (broker, queue) = (self.name(), queue.to_owned());
        let Some(told) = told else {
            return self.lost(&format!("it ended while `{queue}` was asked for"));
        };
        let said = said(told);
        if is_unauthorized(told) {
            return BrokerError::Forbidden {
                broker,
                queue,
                said,
            };
        }
        BrokerError::NoSuchQueue {
            broker,
            queue,
            said,
        }
    }
}

impl std::fmt::Debug for Broker {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker")
            .field("address", &self.name())
            .field("user", &self.login.as_ref().map(|(user, _)| user))
            .finish_non_exhaustive()
    }
}

/// A session with what carries it. Dropping it closes both.
struct Open {
    session: SessionHandle<()>,
    _connection: ConnectionHandle<()>,
    broken: Broken,
}

/// A link with what carries it.
struct Line<L> {
    link: L,
    open: Open,
}

impl<L> Line<L> {
    /// Some brokers say only after a link was attached that there is nothing to attach it to.
    async fn settled(
        link: L,
        mut open: Open,
        of: &Broker,
        queue: &str,
    ) -> Result<Self, BrokerError> {
        let ended = tokio::time::timeout(AFTERTHOUGHT, open.session.on_end()).await;
        match ended {
            Err(_) => Ok(Self { link, open }),
            Ok(Err(session::Error::RemoteEndedWithError(told))) => {
                Err(of.not_attached(queue, Some(&told)))
            }
            Ok(_) => Err(of.not_attached(queue, None)),
        }
    }
}

/// Puts messages on a queue.
pub struct QueueSender {
    broker: Broker,
    queue: String,
    line: Option<Line<Sender>>,
}

impl QueueSender {
    /// Returns when the broker has the message. A message whose connection dies is sent once more,
    /// so it may come twice.
    pub async fn send(&mut self, message: &QueueMessage) -> Result<(), BrokerError> {
        match self.try_send(message).await {
            Err(BrokerError::Lost { .. }) => self
                .try_send(message)
                .await
                .map_err(BrokerError::after_loss),
            done => done,
        }
    }

    /// Says goodbye, as far as the broker listens.
    pub async fn close(mut self) {
        if let Some(line) = self.line.take() {
            let broker = self.broker;
            let _ = broker.patiently("close a link", line.link.close()).await;
        }
    }

    async fn try_send(&mut self, message: &QueueMessage) -> Result<(), BrokerError> {
        let broker = self.broker.clone();
        let queue = self.queue.clone();
        let line = self.line().await?;
        let sent = line
            .open
            .broken
            .or(&broker, line.link.send(written(message)));
        let sent = match broker.patiently("take a message", sent).await {
            Ok(Ok(sent)) => sent,
            Ok(Err(error)) | Err(error) => {
                self.line = None;
                return Err(error);
            }
        };
        let outcome = match sent {
            Ok(outcome) => outcome,
            Err(SendError::MessageSizeExceeded(error)) => {
                return Err(not_taken(&broker, queue, error.to_string()));
            }
            Err(error) => {
                self.line = None;
                return Err(broker.lost(&error));
            }
        };
        match outcome {
            Outcome::Accepted(_) => Ok(()),
            Outcome::Rejected(rejected) => {
                let why = rejected.error.as_ref().map_or_else(String::new, said);
                Err(not_taken(&broker, queue, format!("it rejects it {why}")))
            }
            Outcome::Released(_) | Outcome::Modified(_) => {
                let why = "it gives it back, so nothing takes messages at this address";
                Err(not_taken(&broker, queue, why.to_owned()))
            }
        }
    }

    async fn line(&mut self) -> Result<&mut Line<Sender>, BrokerError> {
        if self.line.is_none() {
            let mut open = self.broker.open().await?;
            let link = Sender::attach(&mut open.session, "gp2gp-sender", self.queue.as_str());
            let link = self.broker.patiently("attach a sender", link).await?;
            let link = link.map_err(|error| {
                self.broker
                    .not_attached(&self.queue, told_to_sender(&error))
            })?;
            let line = Line::settled(link, open, &self.broker, &self.queue).await?;
            self.line = Some(line);
        }
        let lost = || self.broker.lost(&"no link");
        self.line.as_mut().ok_or_else(lost)
    }
}

/// Takes messages from a queue.
pub struct QueueReceiver {
    broker: Broker,
    queue: String,
    is_known: bool,
    line: Option<Line<Receiver>>,
}

/// A message that the broker keeps until it is settled.
#[derive(Debug)]
pub struct Taken {
    /// The message, or why it is none of a message handler.
    pub message: Result<QueueMessage, BrokerError>,
    info: DeliveryInfo,
}

#[derive(Debug, Clone, Copy)]
enum Settlement {
    Accept,
    Release,
    Reject,
}

impl QueueReceiver {
    /// The next message, if one comes within this time; counted anew where the connection dies.
    pub async fn take(&mut self, wait: Duration) -> Result<Option<Taken>, BrokerError> {
        match self.try_take(wait).await {
            Err(BrokerError::Lost { .. }) => {
                self.try_take(wait).await.map_err(BrokerError::after_loss)
            }
            taken => taken,
        }
    }

    /// It was taken for good.
    pub async fn accept(&mut self, taken: &Taken) -> Result<(), BrokerError> {
        self.settle(&taken.info, Settlement::Accept).await
    }

    /// It could not be taken now: the broker will bring it again.
    pub async fn release(&mut self, taken: &Taken) -> Result<(), BrokerError> {
        self.settle(&taken.info, Settlement::Release).await
    }

    /// It can never be taken.
    pub async fn reject(&mut self, taken: &Taken) -> Result<(), BrokerError> {
        self.settle(&taken.info, Settlement::Reject).await
    }

    /// Says goodbye, as far as the broker listens.
    pub async fn close(mut self) {
        if let Some(line) = self.line.take() {
            let broker = self.broker;
            let _ = broker.patiently("close a link", line.link.close()).await;
        }
    }

    async fn try_take(&mut self, wait: Duration) -> Result<Option<Taken>, BrokerError> {
        let (broker, queue) = (self.broker.clone(), self.queue.clone());
        let line = self.line().await?;
        let received = line
            .open
            .broken
            .or(&broker, line.link.recv::<Body<Value>>());
        let Ok(received) = tokio::time::timeout(wait, received).await else {
            return Ok(None);
        };
        match received {
            Ok(Ok(delivery)) => Ok(Some(Taken {
                message: read(&delivery).map_err(|why| BrokerError::Foreign { queue, why }),
                info: DeliveryInfo::from(&delivery),
            })),
            Ok(Err(error)) => {
                self.line = None;
                Err(broker.lost(&error))
            }
            Err(lost) => {
                self.line = None;
                Err(lost)
            }
        }
    }

    async fn settle(&mut self, info: &DeliveryInfo, how: Settlement) -> Result<(), BrokerError> {
        let broker = self.broker.clone();
        let Some(line) = &mut self.line else {
            return Err(broker.lost(&"the message came over a connection that is gone"));
        };
        let settled = async {
            match how {
                Settlement::Accept => line.link.accept(info.clone()).await,
                Settlement::Release => line.link.release(info.clone()).await,
                Settlement::Reject => line.link.reject(info.clone(), None).await,
            }
        };
        let settled = line.open.broken.or(&broker, settled);
        let settled = broker.patiently("settle a message", settled).await?;
        settled?.map_err(|error| broker.lost(&error))
    }

    async fn line(&mut self) -> Result<&mut Line<Receiver>, BrokerError> {
        if self.line.is_none() {
            let mut open = self.broker.open().await?;
            let link = Receiver::builder()
                .name("gp2gp-receiver")
                .source(self.queue.as_str())
                .credit_mode(CreditMode::Auto(CREDIT))
                .attach(&mut open.session);
            let link = self.broker.patiently("attach a receiver", link).await?;
            let link = link.map_err(|error| {
                self.broker
                    .not_attached(&self.queue, told_to_receiver(&error))
            })?;
            self.line = Some(match self.is_known {
                true => Line { link, open },
                false => Line::settled(link, open, &self.broker, &self.queue).await?,
            });
        }
        let lost = || self.broker.lost(&"no link");
        self.line.as_mut().ok_or_else(lost)
    }
}

/// A message as a handler puts it on the queue.
fn written(message: &QueueMessage) -> Message<fe2o3_amqp::types::messaging::AmqpValue<String>> {
    Message::builder()
        .header(Header {
            durable: true,
            ..Header::default()
        })
        .properties(Properties::builder().content_type(JSON).build())
        .application_properties(
            ApplicationProperties::builder()
                .insert(MESSAGE_ID, message.message_id.as_str())
                .insert(CORRELATION_ID, message.correlation_id.as_str())
                .build(),
        )
        .value(message.body.clone())
        .build()
}

/// What a handler put on the queue, or what is wrong with it.
fn read(delivery: &Delivery<Body<Value>>) -> Result<QueueMessage, String> {
    let message = delivery.message();
    let content_type = (message.properties.as_ref())
        .and_then(|properties| properties.content_type.as_ref())
        .map_or("none", |content_type| content_type.as_str());
    if content_type != JSON {
        return Err(format!("content type is {content_type}, not {JSON}"));
    }
    let property = |name: &str| {
        let properties = message.application_properties.as_ref();
        match properties.and_then(|properties| properties.0.get(name)) {
            Some(SimpleValue::String(text)) => Ok(text.as_str()),
            Some(_) => Err(format!("application property `{name}` is no string")),
            None => Err(format!("application property `{name}` is missing")),
        }
    };
    let Ok(Value::String(body)) = message.body.try_as_value() else {
        return Err("the body is no amqp-value with a string".to_owned());
    };
    let message_id = property(MESSAGE_ID)?.parse();
    let correlation_id = property(CORRELATION_ID)?.parse();
    Ok(QueueMessage {
        message_id: message_id.map_err(|error| format!("{MESSAGE_ID}: {error}"))?,
        correlation_id: correlation_id.map_err(|error| format!("{CORRELATION_ID}: {error}"))?,
        body: body.clone(),
    })
}

fn not_taken(broker: &Broker, queue: String, said: String) -> BrokerError {
    BrokerError::NotTaken {
        broker: broker.name(),
        queue,
        said,
    }
}
