//! The document store of the sending practice.

use std::collections::VecDeque;

use bytes::Bytes;
use gp2gp_model::Time;
use gp2gp_model::http::Headers;
use gp2gp_model::trace::Observation;

use crate::peer::{Deadline, HttpResponse, Input, Notice, Output, Peer};

/// The document store as a peer.
#[derive(Debug, Default)]
pub struct Store {
    outputs: VecDeque<Output>,
}

impl Peer for Store {
    fn handle(&mut self, _: Time, input: Input) {
        match input {
            Input::Request { id, request: _ } => {
                let response = HttpResponse {
                    status: 404,
                    content_type: None,
                    headers: Headers::new(),
                    body: Bytes::new(),
                };
                self.outputs.push_back(Output::Answer { id, response });
            }
            Input::Response { .. } | Input::Failed { .. } => {}
            Input::Act(act) => {
                let notice = Notice::NotSupported(act);
                self.outputs.push_back(Output::Notice(notice));
            }
        }
    }

    fn handle_timeout(&mut self, _: Time) {}

    fn poll_timeout(&self) -> Option<Deadline> {
        None
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn observe(&self) -> Vec<Observation> {
        Vec::new()
    }
}
