//! Fetches the documents of a patient from the store before the record is sent (spec 50).
//!
//! One search for the patient, one list, then each document by ranges that memory can hold, set
//! aside in the spool. What fails is asked for again a few times, with a token of its own each
//! time; a document that does not come all the same is replaced by a placeholder with the reason,
//! and never holds up the others (S51). Only a store that does not even give its list fails the
//! whole.

mod answer;
mod listed;

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::Duration;

use gp2gp_model::digest::Hasher;
use gp2gp_model::plan::{DocumentPlan, MissingReason};
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{ConversationId, DocumentId, NhsNumber, Sha256, Time};

use self::answer::{Piece, Refused};
use self::listed::Listed;
use crate::peer::{Conduct, Deadline, HttpRequest, HttpResponse, Output, PostId};
use crate::spool::{Spool, SpoolError, SpoolWriter, Spooled};
use crate::store::Requester;
use crate::synthetic::DocumentSpec;

/// Posts of a fetch are numbered from here.
const FIRST_POST: u64 = 1 << 41;

/// Requests that are open at a time: memory holds one piece for each.
const IN_FLIGHT: usize = 4;

/// Bytes of one piece.
const PIECE_BYTES: u64 = 3_000_000;

/// Before another try: of one request, or of a whole document. All of them together leave a core
/// well within the 20 minutes in which it should be on its way (S287).
const PAUSES: [Duration; 3] = [
    Duration::from_secs(10),
    Duration::from_mins(1),
    Duration::from_mins(3),
];

/// Fetches documents.
pub(super) struct Fetcher {
    requester: Requester,
    spool: Spool,
    posts: u64,
    fetches: BTreeMap<ConversationId, Fetch>,
    waiting: VecDeque<Task>,
    in_flight: BTreeMap<PostId, Task>,
    /// Failed, by (time of the next try, number).
    resting: BTreeMap<(Time, u64), Task>,
    done: VecDeque<(ConversationId, Result<Vec<Fetched>, SourceFailed>)>,
    outputs: VecDeque<Output>,
}

/// A document as the record links it. Two may bear one id.
#[derive(Debug, Clone)]
pub(super) struct Linked {
    pub(super) id: DocumentId,
    pub(super) media_type: String,
}

impl Linked {
    /// All that a record links.
    pub(super) fn all(documents: &[(DocumentPlan, DocumentSpec)]) -> Vec<Self> {
        (documents.iter())
            .map(|(_, document)| Self {
                id: document.id.clone(),
                media_type: document.media_type.clone(),
            })
            .collect()
    }
}

/// A document of the record, as far as the store gave it.
#[derive(Debug, Clone)]
pub(super) struct Fetched {
    /// Its number in the store, if the store lists it.
    pub(super) in_store: Option<DocumentId>,
    /// Its content, or why there is none.
    pub(super) content: Result<Spooled, MissingReason>,
}

/// The store did not say what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SourceFailed;

/// What is fetched for one conversation.
struct Fetch {
    patient: NhsNumber,
    linked: Vec<Linked>,
    documents: Vec<Option<Fetched>>,
}

/// A request to the store.
struct Task {
    conversation: ConversationId,
    step: Step,
    /// How often it failed.
    failures: usize,
}

enum Step {
    Find,
    /// Of the patient with this logical id.
    List(String),
    Read(Box<Reading>),
}

/// A document under way.
struct Reading {
    /// Its place in the record.
    place: usize,
    /// As the record has it: of two that contradict the list is the weaker witness.
    media_type: String,
    listed: Listed,
    got: Got,
    /// How often it had to be begun again.
    restarts: usize,
}

/// What came of a document so far.
struct Got {
    content: SpoolWriter,
    digest: Hasher,
    bytes: u64,
    /// Size of the whole, as the first piece said.
    total: Option<u64>,
}

impl Fetcher {
    pub(super) const fn new(requester: Requester, spool: Spool) -> Self {
        Self {
            requester,
            spool,
            posts: FIRST_POST,
            fetches: BTreeMap::new(),
            waiting: VecDeque::new(),
            in_flight: BTreeMap::new(),
            resting: BTreeMap::new(),
            done: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Begins to fetch what the record of a patient links.
    pub(super) fn begin(
        &mut self,
        now: Time,
        conversation: &ConversationId,
        patient: NhsNumber,
        linked: Vec<Linked>,
    ) {
        let fetch = Fetch {
            patient,
            documents: vec![None; linked.len()],
            linked,
        };
        self.fetches.insert(conversation.clone(), fetch);
        self.waiting.push_back(Task::new(conversation, Step::Find));
        self.go_on(now);
    }

    /// Takes the answer of the store, or the news that there is none. Whether the post was one of
    /// a fetch.
    pub(super) fn settle(
        &mut self,
        now: Time,
        post: PostId,
        response: Option<&HttpResponse>,
    ) -> bool {
        let Some(task) = self.in_flight.remove(&post) else {
            return false;
        };
        match task.step {
            Step::Find => self.found(now, task, response),
            Step::List(_) => self.listed(now, task, response),
            Step::Read(reading) => {
                let Task {
                    conversation,
                    failures,
                    ..
                } = task;
                self.read(now, conversation, *reading, failures, response);
            }
        }
        self.go_on(now);
        true
    }

    /// The next conversation for which everything that can be had is there.
    pub(super) fn poll_done(
        &mut self,
    ) -> Option<(ConversationId, Result<Vec<Fetched>, SourceFailed>)> {
        self.done.pop_front()
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
            why: "another try to fetch a document",
        })
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The process was down: what was under way is asked for again.
    pub(super) fn restart(&mut self, now: Time) {
        let interrupted = std::mem::take(&mut self.in_flight).into_values();
        self.waiting.extend(interrupted);
        self.outputs.clear();
        self.go_on(now);
    }

    fn found(&mut self, now: Time, task: Task, response: Option<&HttpResponse>) {
        match response.and_then(listed::patient) {
            Some(patient) => {
                let list = Task::new(&task.conversation, Step::List(patient));
                self.waiting.push_back(list);
            }
            None => self.try_again_or_fail(now, task),
        }
    }

    fn listed(&mut self, now: Time, task: Task, response: Option<&HttpResponse>) {
        let Some(mut entries) = response.and_then(listed::documents) else {
            return self.try_again_or_fail(now, task);
        };
        let Some(fetch) = self.fetches.get_mut(&task.conversation) else {
            return;
        };
        for (place, linked) in fetch.linked.iter().enumerate() {
            let entry = entries.iter().position(|entry| entry.document == linked.id);
            if let Some(entry) = entry {
                let reading = Reading {
                    place,
                    media_type: linked.media_type.clone(),
                    listed: entries.remove(entry),
                    got: Got::nothing(&self.spool),
                    restarts: 0,
                };
                let step = Step::Read(Box::new(reading));
                self.waiting.push_back(Task::new(&task.conversation, step));
            } else if let Some(document) = fetch.documents.get_mut(place) {
                *document = Some(Fetched {
                    in_store: None,
                    content: Err(MissingReason::NotFound),
                });
            }
        }
        self.finish_if_whole(&task.conversation);
    }

    fn read(
        &mut self,
        now: Time,
        conversation: ConversationId,
        mut reading: Reading,
        failures: usize,
        response: Option<&HttpResponse>,
    ) {
        let asked = reading.next_range();
        let piece = answer::piece(response, &asked, &reading.media_type);
        let refused = match piece.and_then(|piece| reading.got.take(piece)) {
            Ok(()) if reading.got.is_whole() => {
                let got = std::mem::replace(&mut reading.got, Got::nothing(&self.spool));
                match got.finish(&reading.listed) {
                    Ok(content) => return self.settled(&conversation, &reading, Ok(content)),
                    Err(refused) => refused,
                }
            }
            Ok(()) => {
                let task = Task::new(&conversation, Step::Read(Box::new(reading)));
                return self.waiting.push_front(task);
            }
            Err(refused) => refused,
        };
        let pause = match refused {
            Refused::ForGood(reason) => Err(reason),
            Refused::ForNow(reason) => PAUSES.get(failures).ok_or(reason),
            Refused::Content => {
                let pause = PAUSES.get(reading.restarts);
                reading.got = Got::nothing(&self.spool);
                reading.restarts += 1;
                pause.ok_or(MissingReason::Undetermined)
            }
        };
        match pause {
            Ok(pause) => {
                let task = Task {
                    conversation,
                    step: Step::Read(Box::new(reading)),
                    failures: failures + 1,
                };
                self.rest(now + *pause, task);
            }
            Err(reason) => self.settled(&conversation, &reading, Err(reason)),
        }
    }

    /// One document has come to its end.
    fn settled(
        &mut self,
        conversation: &ConversationId,
        reading: &Reading,
        content: Result<Spooled, MissingReason>,
    ) {
        let fetch = self.fetches.get_mut(conversation);
        if let Some(document) = fetch.and_then(|fetch| fetch.documents.get_mut(reading.place)) {
            *document = Some(Fetched {
                in_store: Some(reading.listed.in_store.clone()),
                content,
            });
        }
        self.finish_if_whole(conversation);
    }

    fn finish_if_whole(&mut self, conversation: &ConversationId) {
        let Some(fetch) = self.fetches.get(conversation) else {
            return;
        };
        let whole: Option<Vec<Fetched>> = fetch.documents.iter().cloned().collect();
        if let Some(documents) = whole {
            self.fetches.remove(conversation);
            self.done.push_back((conversation.clone(), Ok(documents)));
        }
    }

    fn try_again_or_fail(&mut self, now: Time, task: Task) {
        match PAUSES.get(task.failures) {
            Some(pause) => {
                let failures = task.failures + 1;
                self.rest(now + *pause, Task { failures, ..task });
            }
            None => {
                self.fetches.remove(&task.conversation);
                self.done.push_back((task.conversation, Err(SourceFailed)));
            }
        }
    }

    fn rest(&mut self, until: Time, task: Task) {
        self.posts += 1;
        self.resting.insert((until, self.posts), task);
    }

    fn go_on(&mut self, now: Time) {
        while self.in_flight.len() < IN_FLIGHT
            && let Some(task) = self.waiting.pop_front()
        {
            self.posts += 1;
            let id = PostId(self.posts);
            let trace = format!("fetch-{}", self.posts - FIRST_POST);
            if let Some(request) = self.request(now, &trace, &task) {
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

    /// Nothing for a conversation that is over.
    fn request(&self, now: Time, trace: &str, task: &Task) -> Option<HttpRequest> {
        let fetch = self.fetches.get(&task.conversation)?;
        Some(match &task.step {
            Step::Find => self.requester.find(now, trace, fetch.patient),
            Step::List(patient) => self.requester.list(now, trace, patient),
            Step::Read(reading) => {
                (self.requester).range(now, trace, &reading.listed.url, &reading.next_range())
            }
        })
    }
}

impl Task {
    fn new(conversation: &ConversationId, step: Step) -> Self {
        Self {
            conversation: conversation.clone(),
            step,
            failures: 0,
        }
    }
}

impl Reading {
    /// The list may be wrong about the size: the first piece is asked for without looking at it.
    fn next_range(&self) -> Range<u64> {
        let end = self.got.bytes + PIECE_BYTES;
        self.got.bytes..self.got.total.map_or(end, |total| end.min(total))
    }
}

impl Got {
    fn nothing(spool: &Spool) -> Self {
        Self {
            content: spool.writer(),
            digest: Sha256::hasher(),
            bytes: 0,
            total: None,
        }
    }

    fn take(&mut self, piece: Piece) -> Result<(), Refused> {
        if self.total.is_some_and(|total| total != piece.total) {
            return Err(Refused::Content);
        }
        self.total = Some(piece.total);
        self.bytes += piece.bytes.len() as u64;
        self.digest.update(&piece.bytes);
        (self.content.write_shared(piece.bytes)).map_err(disk_failed)
    }

    fn is_whole(&self) -> bool {
        self.total.is_some_and(|total| self.bytes >= total)
    }

    /// The content, if it is what was listed. Its digest, where the list gives one, is a better
    /// witness than its size.
    fn finish(self, listed: &Listed) -> Result<Spooled, Refused> {
        let (sha256, bytes) = self.digest.finish();
        let is_it = match listed.sha256 {
            Some(listed) => listed == sha256,
            None => listed.bytes.is_none_or(|listed| listed == bytes),
        };
        if bytes == 0 || !is_it {
            return Err(Refused::Content);
        }
        self.content.finish().map_err(disk_failed)
    }
}

/// What could not be set aside is read again.
fn disk_failed(_: SpoolError) -> Refused {
    Refused::Content
}
