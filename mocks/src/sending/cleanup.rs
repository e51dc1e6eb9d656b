//! Cleans up the document store after a transfer: a document whose record was filed by the new
//! practice is archived and then deleted (spec 50, SND-76).
//!
//! A store that refuses is asked again a few times; what it keeps all the same is left behind and
//! reported, and never a reason to send anything again (SND-77).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use gp2gp_model::store::{ActingRole, DocumentOperation};
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{ConversationId, DocumentId, Time};

use crate::peer::{Conduct, Deadline, HttpResponse, Output, PostId};
use crate::store::Requester;

/// Posts to the store are numbered from here: those to Spine have their own numbers below.
const FIRST_POST: u64 = 1 << 40;

/// Requests that are open at a time.
const IN_FLIGHT: usize = 4;

/// How often a document is tried, and the pause between two tries.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_mins(10);

/// Deletes what was transferred.
pub(super) struct Cleaner {
    requester: Requester,
    posts: u64,
    waiting: VecDeque<Task>,
    in_flight: BTreeMap<PostId, Task>,
    /// Refused, by (time of the next try, number).
    resting: BTreeMap<(Time, u64), Task>,
    left: BTreeMap<ConversationId, u32>,
    outputs: VecDeque<Output>,
}

/// A document to be deleted.
#[derive(Debug, Clone)]
struct Task {
    conversation: ConversationId,
    document: DocumentId,
    step: Step,
    tries_left: u32,
}

/// What comes next: no document is deleted without a copy from which it can be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Archive,
    Delete,
}

/// What became of a request.
pub(super) enum Cleaned {
    /// Done, or to be tried again.
    GoingOn,
    /// The store refused to delete a document of this conversation.
    Refused(ConversationId),
}

impl Cleaner {
    pub(super) const fn new(requester: Requester) -> Self {
        Self {
            requester,
            posts: FIRST_POST,
            waiting: VecDeque::new(),
            in_flight: BTreeMap::new(),
            resting: BTreeMap::new(),
            left: BTreeMap::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Begins to delete these documents.
    pub(super) fn begin(
        &mut self,
        now: Time,
        conversation: &ConversationId,
        documents: impl IntoIterator<Item = DocumentId>,
    ) {
        self.waiting
            .extend(documents.into_iter().map(|document| Task {
                conversation: conversation.clone(),
                document,
                step: Step::Archive,
                tries_left: TRIES,
            }));
        self.go_on(now);
    }

    /// Takes the answer of the store, or the news that there is none; `None` if the post is
    /// somebody else's.
    pub(super) fn settle(
        &mut self,
        now: Time,
        post: PostId,
        response: Option<&HttpResponse>,
    ) -> Option<Cleaned> {
        let mut task = self.in_flight.remove(&post)?;
        let was_done = response.is_some_and(|response| (200..300).contains(&response.status));
        let is_delete = task.step == Step::Delete;
        let mut cleaned = Cleaned::GoingOn;
        match (was_done, task.step) {
            (true, Step::Archive) => {
                task.step = Step::Delete;
                self.waiting.push_front(task);
            }
            (true, Step::Delete) => {}
            (false, _) => {
                if is_delete {
                    cleaned = Cleaned::Refused(task.conversation.clone());
                }
                self.put_off(now, task);
            }
        }
        self.go_on(now);
        Some(cleaned)
    }

    pub(super) fn handle_timeout(&mut self, now: Time) {
        while let Some(entry) = self.resting.first_entry()
            && entry.key().0 <= now
        {
            self.waiting.push_back(entry.remove());
        }
        self.go_on(now);
    }

    pub(super) fn poll_timeout(&self) -> Option<Deadline> {
        self.resting.keys().next().map(|(at, _)| Deadline {
            at: *at,
            why: "another try to delete a document",
        })
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The process was down: what was under way may have been done, and doing it again is no fault.
    pub(super) fn restart(&mut self, now: Time) {
        let interrupted = std::mem::take(&mut self.in_flight).into_values();
        self.waiting.extend(interrupted);
        self.outputs.clear();
        self.go_on(now);
    }

    /// Documents of a conversation that the store would not delete.
    pub(super) fn left_behind(&self, conversation: &ConversationId) -> u32 {
        self.left.get(conversation).copied().unwrap_or_default()
    }

    fn put_off(&mut self, now: Time, task: Task) {
        match task.tries_left.checked_sub(1) {
            None | Some(0) => *self.left.entry(task.conversation).or_default() += 1,
            Some(tries_left) => {
                self.posts += 1;
                let task = Task { tries_left, ..task };
                self.resting.insert((now + PAUSE, self.posts), task);
            }
        }
    }

    fn go_on(&mut self, now: Time) {
        while self.in_flight.len() < IN_FLIGHT
            && let Some(task) = self.waiting.pop_front()
        {
            self.posts += 1;
            let id = PostId(self.posts);
            let trace = format!("cleanup-{}", self.posts - FIRST_POST);
            let operation = match task.step {
                Step::Archive => DocumentOperation::Archive,
                Step::Delete => DocumentOperation::Delete,
            };
            let document = task.document.as_str();
            let request =
                (self.requester).act(now, &trace, ActingRole::System, document, operation);
            self.outputs.push_back(Output::Post {
                id,
                to: Endpoint::Store,
                request,
                conduct: Conduct::Clean,
            });
            self.in_flight.insert(id, task);
        }
    }
}
