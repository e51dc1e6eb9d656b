//! The mailboxes of practices outside a federation: what is put there, a practice gets.

use std::collections::BTreeSet;

use gp2gp_model::trace::Observation;
use gp2gp_model::{EntryId, OdsCode, Time};
use gp2gp_wire::federation::mailbox::Letter;

use crate::export::outbox::{Outbox, bare_answer, refusal};
use crate::peer::{Deadline, HttpRequest, HttpResponse, Input, Output, Peer};

/// Mailboxes of all practices.
#[derive(Debug, Default)]
pub struct Mailbox {
    letters: BTreeSet<(OdsCode, EntryId)>,
    outbox: Outbox,
}

impl Mailbox {
    fn take(&mut self, request: &HttpRequest) -> HttpResponse {
        match Letter::decode(request.method, &request.path, &request.body) {
            Ok(letter) => {
                let is_new = self.letters.insert((letter.to, letter.entry.id));
                bare_answer(if is_new { 201 } else { 200 })
            }
            Err(error) => refusal(400, &error.to_string()),
        }
    }
}

impl Peer for Mailbox {
    fn handle(&mut self, _: Time, input: Input) {
        if let Input::Request { id, request } = input {
            let response = self.take(&request);
            self.outbox.answer(id, response);
        }
    }

    fn handle_timeout(&mut self, _: Time) {}

    fn poll_timeout(&self) -> Option<Deadline> {
        None
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outbox.next()
    }

    fn observe(&self) -> Vec<Observation> {
        Vec::new()
    }
}
