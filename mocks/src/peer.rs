//! What every peer is: a state machine that is told what arrived and what time it is, and is
//! asked what it wants sent and when it wants to be woken. It owns no socket and no clock, so
//! the same code runs under the virtual clock and behind real sockets.

use std::time::Duration;

use bytes::Bytes;
use gp2gp_model::alert::Alert;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::plan::Act;
use gp2gp_model::replay::Divergence;
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::{NhsNumber, Time};

/// A sans-IO peer.
///
/// The driver calls `handle` or `handle_timeout`, then `poll_output` until it is `None`, then
/// `poll_timeout`. Every [`Input::Request`] is answered by exactly one [`Output::Answer`] with
/// its id, at once or later.
pub trait Peer: Send {
    /// Takes one input.
    fn handle(&mut self, now: Time, input: Input);

    /// Acts on every deadline that `now` has reached.
    fn handle_timeout(&mut self, now: Time);

    /// When this peer next wants [`Peer::handle_timeout`], and why.
    fn poll_timeout(&self) -> Option<Deadline>;

    /// The next thing it wants done.
    fn poll_output(&mut self) -> Option<Output>;

    /// What it says of itself when asked (control level L2).
    fn observe(&self) -> Vec<Observation>;

    /// Where it could not do again what was recorded. Only a recorded system has anything to say.
    fn divergences(&self) -> Vec<Divergence> {
        Vec::new()
    }
}

/// When, and for whose eyes why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// When.
    pub at: Time,
    /// E.g. `retry of a send`, `no final acknowledgement for 8 days`.
    pub why: &'static str,
}

/// Number of a post, chosen by the posting peer, unique within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PostId(pub u64);

/// Number of a received request, chosen by the driver, unique within the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnswerId(pub u64);

/// What happens to a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// An HTTP request arrived.
    Request {
        /// To be answered under this number.
        id: AnswerId,
        /// The request.
        request: HttpRequest,
    },
    /// A post of this peer was answered.
    Response {
        /// Which post.
        post: PostId,
        /// The answer.
        response: HttpResponse,
    },
    /// A post of this peer got no answer.
    Failed {
        /// Which post.
        post: PostId,
        /// Why.
        error: TransportError,
    },
    /// People or the harness do something.
    Act(Act),
    /// Something happened to the system as a whole.
    Condition(Condition),
}

/// What a planned fault does to a system as a whole, as far as the system notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It was down and is up again: what it had stored is there, what it had open is not.
    Restarted,
    /// It can store nothing, and so must take nothing.
    DiskFull,
    /// It can store again.
    DiskFree,
}

/// What a peer wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Post an HTTP request.
    Post {
        /// Its number.
        id: PostId,
        /// To whom.
        to: Endpoint,
        /// The request.
        request: HttpRequest,
        /// How the connection carries it.
        conduct: Conduct,
    },
    /// Answer a request.
    Answer {
        /// Which.
        id: AnswerId,
        /// The answer.
        response: HttpResponse,
        /// How the connection carries it.
        conduct: Conduct,
    },
    /// Something appears on the screen of the people.
    Notice(Notice),
    /// A planned fault of this name acted.
    FaultFired(String),
    /// A planned fault takes a system down.
    Crash {
        /// Which.
        system: Endpoint,
        /// For how long.
        down_for: Duration,
    },
}

/// How a connection carries what is on it. A healthy peer is always [`Conduct::Clean`]; the rest
/// is what planned faults make of it, and both drivers act it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conduct {
    /// As it should.
    #[default]
    Clean,
    /// The connection breaks after this percentage of the body.
    Truncate {
        /// Of the body, in percent.
        percent: u8,
    },
    /// Of an answer: the connection is reset instead. Of a post: it is sent whole, and the
    /// connection reset before its answer can be read.
    Reset,
    /// The body takes its time.
    Slow {
        /// Speed.
        bytes_per_second: u32,
    },
    /// Of an answer: it never comes, and the connection stays open.
    Silent,
}

impl Conduct {
    /// Whether a post arrives whole before its poster gives up.
    pub fn brings_whole(self, bytes: usize) -> bool {
        match self {
            Self::Truncate { .. } => false,
            Self::Slow { .. } => self.transmission(bytes) < PATIENCE,
            Self::Clean | Self::Reset | Self::Silent => true,
        }
    }

    /// How long a body takes beyond the time of its link.
    pub fn transmission(self, bytes: usize) -> Duration {
        match self {
            Self::Slow { bytes_per_second } => {
                let micros = bytes as u64 * 1_000_000 / u64::from(bytes_per_second.max(1));
                Duration::from_micros(micros)
            }
            Self::Clean | Self::Truncate { .. } | Self::Reset | Self::Silent => Duration::ZERO,
        }
    }
}

/// How long a poster waits for an answer before it gives the connection up (spec 10).
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What people see on their screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A record is complete and waits for a decision.
    ReadyToIntegrate {
        /// Whose.
        patient: NhsNumber,
    },
    /// Something is pending, or serious.
    Alert(Alert),
    /// The system does not know a verb.
    NotSupported(Act),
    /// The system does not do what people want, and says why.
    Declined {
        /// What they want.
        act: Act,
        /// Why not.
        why: String,
    },
}

/// An HTTP request, as much as matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// Method: POST for every message.
    pub method: Method,
    /// Path and query, e.g. `/reliablemessaging/forwardreliable`.
    pub path: String,
    /// `SOAPAction`.
    pub soap_action: Option<String>,
    /// `Content-Type`.
    pub content_type: String,
    /// Headers beside those two and those of the connection.
    pub headers: Headers,
    /// Body.
    pub body: Bytes,
}

/// An HTTP response, as much as matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// Status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// Headers beside `Content-Type` and those of the connection.
    pub headers: Headers,
    /// Body.
    pub body: Bytes,
}

impl HttpResponse {
    /// 405 with an empty body: the path knows these methods only.
    pub fn method_not_allowed(allowed: &[Method]) -> Self {
        let allowed: Vec<_> = allowed.iter().map(|method| method.name()).collect();
        Self {
            status: 405,
            content_type: None,
            headers: Headers::new().with("allow", allowed.join(", ")),
            body: Bytes::new(),
        }
    }
}

/// Why a post got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Nobody listens.
    #[error("connection refused")]
    Refused,
    /// The connection broke.
    #[error("connection reset")]
    Reset,
    /// Nobody answered in time.
    #[error("no answer within 20 s")]
    TimedOut,
}
