//! The part that a recorded system plays: what it did, and what it had seen before each deed.

use std::time::Duration;

use gp2gp_model::Time;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::plan::Act;
use gp2gp_model::replay::Item;
use gp2gp_model::trace::{BodyRef, Endpoint, Observation};

use super::Heard;
use crate::peer::Notice;

/// A whole part.
#[derive(Debug, Clone)]
pub struct Script {
    /// When the recorded run began.
    pub started: Time,
    /// What was done to the system, in order.
    pub acts: Vec<Act>,
    /// Messages that came to it, each once, in order.
    pub deliveries: Vec<Delivery>,
    /// What it did, in order.
    pub steps: Vec<Step>,
    /// What it said of itself in the end.
    pub observations: Vec<Observation>,
}

/// A message that came to it.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// In words.
    pub item: Item,
    /// `None` if it could not be read.
    pub heard: Option<Heard>,
    /// What the system answered, each time that it came.
    pub answers: Vec<Answer>,
}

/// What it answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// Other headers.
    pub headers: Headers,
    /// Body.
    pub body: BodyRef,
}

/// Something that it did.
#[derive(Debug, Clone)]
pub struct Step {
    /// Event of the recording.
    pub event: u64,
    /// When it was done there.
    pub at: Time,
    /// In words.
    pub item: Item,
    /// What.
    pub deed: Deed,
    /// What has to have happened before. Where that is nothing, it is done at its time.
    pub causes: Vec<Cause>,
    /// How long after the last of them.
    pub delay: Duration,
}

/// What it did.
#[derive(Debug, Clone)]
pub enum Deed {
    /// It posted.
    Post(Box<Post>),
    /// It put something before people.
    Show(Notice),
}

/// What it posted.
#[derive(Debug, Clone)]
pub struct Post {
    /// To whom.
    pub to: Endpoint,
    /// Method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// `SOAPAction`, of a message.
    pub soap_action: Option<String>,
    /// `Content-Type`.
    pub content_type: String,
    /// Other headers.
    pub headers: Headers,
    /// Body.
    pub body: BodyRef,
    /// What can be told of it, if it is a message that can be read.
    pub message: Option<Heard>,
    /// The status that it was answered with; `None` if it got no answer.
    pub answered: Option<u16>,
}

/// Something that a deed waits for. Numbers are places in the [`Script`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A deed before it is done.
    Done(usize),
    /// A post of its own has come to its end.
    Answered(usize),
    /// A message has come.
    Came(usize),
    /// People or the harness have done something.
    Acted(usize),
    /// It is up again, for the time of this number.
    Restarted(usize),
}
