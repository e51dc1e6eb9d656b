//! Spine between two practices, of which one sends and the other acknowledges.

use std::collections::BTreeMap;
use std::error::Error;

use bytes::Bytes;
use gp2gp_mocks::peer::{Deadline, HttpResponse, Input, Output, Peer};
use gp2gp_mocks::spine::{Spine, SpineConfig};
use gp2gp_model::Time;
use gp2gp_model::http::Headers;
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_sim::Streams;
use gp2gp_wire::ebxml::{self, Acknowledgment, NEXT_MSH};
use memchr::memmem;

use crate::MESSAGE_ID;
use crate::traffic::{NOW, directory};

/// Spine at the beginning of a run without faults.
pub fn spine() -> Result<Spine, Box<dyn Error>> {
    let config = SpineConfig {
        directory: directory()?,
        endpoints: BTreeMap::from([
            ("A99998-800001".parse()?, Endpoint::Requesting),
            ("B99999-800002".parse()?, Endpoint::Sending),
        ]),
        faults: Vec::new(),
        started: NOW,
    };
    Ok(Spine::new(config, Streams::new(1)))
}

/// The id of a message as it stands in its envelope.
pub fn message_id(message: &[u8]) -> Option<&[u8]> {
    const BEFORE: &[u8] = b":MessageId>";
    let at = memmem::find(message, BEFORE)? + BEFORE.len();
    message.get(at..at + MESSAGE_ID.len())
}

/// Spine together with a recipient that acknowledges everything at once.
pub struct Delivering {
    spine: Spine,
    now: Time,
    acknowledging: Acknowledging,
    posts: u64,
}

impl Delivering {
    /// Nothing is under way.
    pub fn new(spine: Spine) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            spine,
            now: NOW,
            acknowledging: Acknowledging::new()?,
            posts: 0,
        })
    }

    /// How many messages came to the recipient.
    pub const fn posts(&self) -> u64 {
        self.posts
    }
}

impl Peer for Delivering {
    fn handle(&mut self, now: Time, input: Input) {
        self.now = now;
        self.spine.handle(now, input);
    }

    fn handle_timeout(&mut self, now: Time) {
        self.now = now;
        self.spine.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.spine.poll_timeout()
    }

    fn poll_output(&mut self) -> Option<Output> {
        loop {
            let output = self.spine.poll_output()?;
            let Output::Post { id, request, .. } = output else {
                return Some(output);
            };
            self.posts += 1;
            let response = self.acknowledging.answer(message_id(&request.body));
            let answered = Input::Response { post: id, response };
            self.spine.handle(self.now, answered);
        }
    }

    fn observe(&self) -> Vec<Observation> {
        Vec::new()
    }
}

/// An acknowledgment in which only the id changes.
pub struct Acknowledging {
    before: String,
    after: String,
}

impl Acknowledging {
    /// From the practice that messages go to.
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let text = ebxml::acknowledgment(&Acknowledgment {
            from: "B99999-800002".parse()?,
            to: "A99998-800001".parse()?,
            cpa_id: "S3050000A0000001".parse()?,
            conversation_id: "9F46A1A6-D2B5-48D4-899F-D9557EF64C46".parse()?,
            message_id: "9F46A1A6-D2B5-48D4-899F-D9557EF64C47".parse()?,
            ref_to_message_id: MESSAGE_ID.parse()?,
            timestamp: NOW,
            actor: NEXT_MSH.to_owned(),
        });
        let (before, after) = text.rsplit_once(MESSAGE_ID).ok_or("nothing is named")?;
        Ok(Self {
            before: before.to_owned(),
            after: after.to_owned(),
        })
    }

    /// 400 for what has no id.
    pub fn answer(&self, message_id: Option<&[u8]>) -> HttpResponse {
        let parts = message_id.map(|id| [self.before.as_bytes(), id, self.after.as_bytes()]);
        HttpResponse {
            status: if parts.is_some() { 202 } else { 400 },
            content_type: Some("text/xml".to_owned()),
            headers: Headers::new(),
            body: parts.map_or_else(Bytes::new, |parts| parts.concat().into()),
        }
    }
}
