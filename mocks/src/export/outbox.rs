//! What a peer that speaks JSON wants sent, in order.

use std::collections::VecDeque;

use bytes::Bytes;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::trace::Endpoint;
use gp2gp_wire::export::JSON;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::peer::{AnswerId, Conduct, HttpRequest, HttpResponse, Notice, Output, PostId};

/// Outputs, and the numbers of posts.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    posts: u64,
    outputs: VecDeque<Output>,
}

impl Outbox {
    pub(crate) fn post(&mut self, to: Endpoint, request: HttpRequest) -> PostId {
        self.posts += 1;
        let id = PostId(self.posts);
        self.outputs.push_back(Output::Post {
            id,
            to,
            request,
            conduct: Conduct::Clean,
        });
        id
    }

    /// An outbox whose posts have numbers from this one on.
    pub(crate) const fn numbering_from(posts: u64) -> Self {
        Self {
            posts,
            outputs: VecDeque::new(),
        }
    }

    pub(crate) fn answer(&mut self, id: AnswerId, response: HttpResponse) {
        self.answer_as(id, response, Conduct::Clean);
    }

    pub(crate) fn answer_as(&mut self, id: AnswerId, response: HttpResponse, conduct: Conduct) {
        self.outputs.push_back(Output::Answer {
            id,
            response,
            conduct,
        });
    }

    pub(crate) fn fault(&mut self, name: String) {
        self.outputs.push_back(Output::FaultFired(name));
    }

    pub(crate) fn notice(&mut self, notice: Notice) {
        self.outputs.push_back(Output::Notice(notice));
    }

    pub(crate) fn next(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }
}

/// A request with a JSON body.
pub(crate) fn json_request(method: Method, path: String, body: &impl Serialize) -> HttpRequest {
    HttpRequest {
        content_type: JSON.to_owned(),
        body: to_json(body),
        ..bare_request(method, path)
    }
}

/// A request without a body.
pub(crate) fn bare_request(method: Method, path: String) -> HttpRequest {
    HttpRequest {
        method,
        path,
        soap_action: None,
        content_type: String::new(),
        headers: Headers::new(),
        body: Bytes::new(),
    }
}

/// An answer with a JSON body.
pub(crate) fn json_answer(status: u16, body: &impl Serialize) -> HttpResponse {
    HttpResponse {
        status,
        content_type: Some(JSON.to_owned()),
        headers: Headers::new(),
        body: to_json(body),
    }
}

/// An answer without a body.
pub(crate) fn bare_answer(status: u16) -> HttpResponse {
    HttpResponse {
        status,
        content_type: None,
        headers: Headers::new(),
        body: Bytes::new(),
    }
}

/// An answer that says in plain words why not.
pub(crate) fn refusal(status: u16, why: &str) -> HttpResponse {
    HttpResponse {
        status,
        content_type: Some("text/plain".to_owned()),
        headers: Headers::new(),
        body: Bytes::copy_from_slice(why.as_bytes()),
    }
}

/// The JSON of an answer that says yes.
pub(crate) fn said<T: DeserializeOwned>(response: Option<&HttpResponse>) -> Option<T> {
    let response = response.filter(|response| is_done(response))?;
    serde_json::from_slice(&response.body).ok()
}

pub(crate) fn is_done(response: &HttpResponse) -> bool {
    (200..300).contains(&response.status)
}

/// Types of the protocol always have a JSON form; a body that had none would be refused as empty.
fn to_json(body: &impl Serialize) -> Bytes {
    serde_json::to_vec(body).unwrap_or_default().into()
}
