//! Whoever permits the support desk to delete by hand: the health board, or the practice itself.
//! Permission needs two things: all of it was exported, and all of it can be restored.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use gp2gp_model::Time;
use gp2gp_model::export::{Permission, Ruling};
use gp2gp_model::http::Method;
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_wire::export::{PermissionRequest, Place, RULINGS, RulingOn};

use super::outbox::{Outbox, bare_answer, is_done, json_request, refusal};
use crate::peer::{
    Condition, Deadline, HttpRequest, HttpResponse, Input, Notice, Output, Peer, PostId,
};
use crate::store::ACTING_ROLE;

const PAUSE: Duration = Duration::from_mins(10);

/// A health board, or a practice in its place.
#[derive(Debug)]
pub struct Board {
    permission: Permission,
    /// By ticket: one decision each.
    decided: BTreeSet<String>,
    due: VecDeque<(Time, RulingOn)>,
    open: Option<PostId>,
    outbox: Outbox,
}

impl Board {
    /// A board that decides so.
    pub fn new(permission: Permission) -> Self {
        Self {
            permission,
            decided: BTreeSet::new(),
            due: VecDeque::new(),
            open: None,
            outbox: Outbox::default(),
        }
    }

    fn take(&mut self, now: Time, request: &HttpRequest) -> HttpResponse {
        let asked: Option<PermissionRequest> = serde_json::from_slice(&request.body).ok();
        let (Some(Place::Permissions), Some(asked)) = (Place::of(&request.path), asked) else {
            return refusal(400, "this is no request for permission");
        };
        if self.decided.insert(asked.ticket.clone())
            && let Some(ruling) = self.permission.ruling
        {
            let may_be_granted = asked.exported && asked.restorable;
            let ruling = RulingOn {
                ticket: asked.ticket,
                documents: asked.documents,
                ruling: if may_be_granted {
                    ruling
                } else {
                    Ruling::Refused
                },
            };
            self.due.push_back((now + self.permission.after, ruling));
        }
        bare_answer(202)
    }

    fn go_on(&mut self, now: Time) {
        if self.open.is_some() {
            return;
        }
        if let Some((at, ruling)) = self.due.front()
            && *at <= now
        {
            let mut request = json_request(Method::Post, RULINGS.to_owned(), ruling);
            (request.headers).push(ACTING_ROLE, self.permission.by.name());
            self.open = Some(self.outbox.post(Endpoint::Desk, request));
        }
    }

    fn settle(&mut self, now: Time, post: PostId, response: Option<&HttpResponse>) {
        if self.open != Some(post) {
            return;
        }
        self.open = None;
        if let Some((_, ruling)) = self.due.pop_front()
            && !response.is_some_and(is_done)
        {
            self.due.push_front((now + PAUSE, ruling));
        }
    }
}

impl Peer for Board {
    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Request { id, request } => {
                let response = self.take(now, &request);
                self.outbox.answer(id, response);
            }
            Input::Response { post, response } => self.settle(now, post, Some(&response)),
            Input::Failed { post, .. } => self.settle(now, post, None),
            Input::Act(act) => self.outbox.notice(Notice::NotSupported(act)),
            Input::Condition(Condition::Restarted) => self.open = None,
            Input::Condition(Condition::DiskFull | Condition::DiskFree) => {}
        }
        self.go_on(now);
    }

    fn handle_timeout(&mut self, now: Time) {
        self.go_on(now);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let (at, _) = self.due.front().filter(|_| self.open.is_none())?;
        Some(Deadline {
            at: *at,
            why: "decision on a permission",
        })
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outbox.next()
    }

    fn observe(&self) -> Vec<Observation> {
        Vec::new()
    }
}
