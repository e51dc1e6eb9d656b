//! What goes wrong with a broker, in the words of whoever has to mend it.

use std::time::Duration;

use fe2o3_amqp::connection::ConnectionStopReason;
use fe2o3_amqp::link::{ReceiverAttachError, SenderAttachError, SessionStopReason};
use fe2o3_amqp::types::definitions::{self, AmqpError, ErrorCondition};
use gp2gp_mocks::serve::{Cause, Flaw};

/// What goes wrong with a broker, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum BrokerError {
    /// Nobody listens there.
    #[error("broker {broker} cannot be reached: {why}")]
    #[diagnostic(help(
        "start the broker, or correct its host and port; AMQP usually listens on port 5672"
    ))]
    Unreachable {
        /// Host and port.
        broker: String,
        /// What the network says.
        why: String,
    },
    /// No TLS connection comes about.
    #[error("no TLS with broker {broker}: {why}")]
    #[diagnostic(help("{mend}"))]
    NotSecured {
        /// Host and port.
        broker: String,
        /// What is wrong.
        why: String,
        /// What to do.
        mend: String,
    },
    /// What listens there speaks something else.
    #[error("what listens at {broker} is no AMQP 1.0 broker: {said}")]
    #[diagnostic(help(
        "give the port on which the broker speaks AMQP 1.0, with amqps:// where it speaks TLS; \
         RabbitMQ before 4.0 needs `rabbitmq-plugins enable rabbitmq_amqp1_0`"
    ))]
    NotAmqp {
        /// Host and port.
        broker: String,
        /// What came instead.
        said: String,
    },
    /// The broker does not let this user in.
    #[error("broker {broker} refuses {user}")]
    #[diagnostic(help(
        "correct user and password; the user `guest` of RabbitMQ may come from its own machine only"
    ))]
    RefusedLogin {
        /// Host and port.
        broker: String,
        /// The user, or that there is none.
        user: String,
    },
    /// There is no such queue.
    #[error("broker {broker} has no queue at the address `{queue}`: {said}")]
    #[diagnostic(help("create the queue, or correct its address"))]
    NoSuchQueue {
        /// Host and port.
        broker: String,
        /// The address of the queue.
        queue: String,
        /// What the broker says.
        said: String,
    },
    /// The user may not use the queue.
    #[error("broker {broker} does not let us use the queue `{queue}`: {said}")]
    #[diagnostic(help("give the user the right to read from and write to the queue"))]
    Forbidden {
        /// Host and port.
        broker: String,
        /// The address of the queue.
        queue: String,
        /// What the broker says.
        said: String,
    },
    /// The broker did not take a message.
    #[error("broker {broker} did not take a message for the queue `{queue}`: {said}")]
    #[diagnostic(help("look at the limits of the queue: length, size of messages, memory, disk"))]
    NotTaken {
        /// Host and port.
        broker: String,
        /// The address of the queue.
        queue: String,
        /// What the broker says.
        said: String,
    },
    /// The connection broke, and so did the one that was to replace it.
    #[error("connection to broker {broker} is lost: {why}")]
    #[diagnostic(help("see the log of the broker: it went down, or closed the connection"))]
    Lost {
        /// Host and port.
        broker: String,
        /// What is known.
        why: String,
    },
    /// Somebody accepts the connection, and says nothing.
    #[error("broker {broker} did not open a connection within {} s", .after.as_secs())]
    #[diagnostic(help(
        "if the port speaks TLS, write amqps:// before it; otherwise see whether the broker hangs"
    ))]
    Silent {
        /// Host and port.
        broker: String,
        /// How long we waited.
        after: Duration,
    },
    /// The broker did not answer.
    #[error("broker {broker} did not {what} within {} s", .after.as_secs())]
    #[diagnostic(help(
        "see whether the broker hangs: RabbitMQ blocks who publishes when memory or disk runs out"
    ))]
    TooSlow {
        /// Host and port.
        broker: String,
        /// What it was asked for.
        what: &'static str,
        /// How long we waited.
        after: Duration,
    },
    /// What lies on the queue is not what a message handler puts there.
    #[error("message on the queue `{queue}` is not of a message handler: {why}")]
    #[diagnostic(help("give every run a queue of its own, and nobody else access to it"))]
    Foreign {
        /// The address of the queue.
        queue: String,
        /// What is missing.
        why: String,
    },
}

impl BrokerError {
    /// What spoke AMQP a moment ago and breaks off now is a broker that is going down.
    pub(super) fn after_loss(self) -> Self {
        if let Self::NotAmqp { broker, said: why } = self {
            return Self::Lost { broker, why };
        }
        self
    }
}

/// What to do about a TLS connection that does not come about.
pub(super) fn mend_tls(cause: &Cause, host: &str) -> String {
    match cause {
        Cause::Certificate(Flaw::Name { .. }) => format!(
            "give the broker a certificate for `{host}` (gp2gp init --certs DIR --host {host} --force), or write a name that is in it"
        ),
        Cause::Certificate(Flaw::Expired | Flaw::NotYetValid) => {
            "give the broker a certificate that is valid now, or set the clock of this machine".to_owned()
        }
        Cause::Certificate(
            Flaw::UnknownAuthority | Flaw::BadSignature | Flaw::Purpose(_) | Flaw::Other(_),
        ) => {
            "give the broker a certificate that `ca` of [environment.tls] has signed, such as sut.pem of the same set, or write its authority into that file".to_owned()
        }
        Cause::TurnedDown(_) | Cause::NoClientCertificate => {
            "let the broker accept the certificate of `cert` in [environment.tls]: its authority is in ca.pem of the same set".to_owned()
        }
        Cause::NotResolved { .. }
        | Cause::Refused { .. }
        | Cause::Unreachable { .. }
        | Cause::TooSlow(..)
        | Cause::NotTls
        | Cause::NotPlain
        | Cause::Handshake(_)
        | Cause::NothingToTrust(_)
        | Cause::Broke
        | Cause::NotHttp(_)
        | Cause::TooLong
        | Cause::Path(_) => {
            "give the port on which the broker speaks TLS, usually 5671, or write amqp:// where it speaks in the clear".to_owned()
        }
    }
}

pub(super) fn told_to_sender(error: &SenderAttachError) -> Option<&definitions::Error> {
    if let SenderAttachError::RemoteClosedWithError(told) = error {
        return Some(told);
    }
    if let SenderAttachError::SessionStopped(reason) = error {
        return told_at_the_end(reason);
    }
    None
}

pub(super) fn told_to_receiver(error: &ReceiverAttachError) -> Option<&definitions::Error> {
    if let ReceiverAttachError::RemoteClosedWithError(told) = error {
        return Some(told);
    }
    if let ReceiverAttachError::SessionStopped(reason) = error {
        return told_at_the_end(reason);
    }
    None
}

/// Some brokers end the whole session, or the connection, where a link cannot be had.
fn told_at_the_end(reason: &SessionStopReason) -> Option<&definitions::Error> {
    match reason {
        SessionStopReason::RemoteEndedWithError(told)
        | SessionStopReason::ConnectionStopped(ConnectionStopReason::RemoteClosedWithError(told)) => {
            Some(told)
        }
        SessionStopReason::Ended
        | SessionStopReason::EndedWithError(_)
        | SessionStopReason::RemoteEnded
        | SessionStopReason::ConnectionStopped(_) => None,
    }
}

pub(super) fn is_unauthorized(told: &definitions::Error) -> bool {
    told.condition == ErrorCondition::AmqpError(AmqpError::UnauthorizedAccess)
}

pub(super) fn said(told: &definitions::Error) -> String {
    told.description
        .clone()
        .unwrap_or_else(|| format!("{:?}", told.condition))
}
