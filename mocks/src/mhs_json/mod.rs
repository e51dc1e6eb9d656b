//! The JSON form behind a message handler, acted out on both sides (spec 10, last section).
//!
//! [`Handler`] is the national message handler: a system in any language posts JSON to it and takes
//! its messages from a queue, and Spine sees the handler alone. [`Behind`] is such a system made of
//! any [`Peer`](crate::Peer) that speaks MIME, so that our own can stand behind a handler too.

mod behind;
mod handler;
#[cfg(test)]
mod tests;

use gp2gp_model::http::{Headers, Method};
use gp2gp_wire::mhs_json::{JSON, QueueMessage};

use crate::peer::HttpRequest;

pub use behind::Behind;
pub use handler::{Handler, HandlerOutput, QueueNumber};

/// Path under which [`Behind`] takes what lay on its queue.
pub const QUEUE_PATH: &str = "/queue";

const MESSAGE_ID: &str = "message-id";
const CORRELATION_ID: &str = "correlation-id";

/// A message of a queue as the request in which [`Behind`] takes it. It is answered with 200 where
/// the message may leave the queue.
pub fn from_queue(message: &QueueMessage) -> HttpRequest {
    HttpRequest {
        method: Method::Post,
        path: QUEUE_PATH.to_owned(),
        soap_action: None,
        content_type: JSON.to_owned(),
        headers: Headers::new()
            .with(MESSAGE_ID, message.message_id.as_str())
            .with(CORRELATION_ID, message.correlation_id.as_str()),
        body: message.body.clone().into(),
    }
}
