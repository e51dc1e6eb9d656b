//! Gets logical messages to Spine the way deployed message handlers do (spec 10, "How deployed
//! message handlers behave"): the same bytes until Spine has them or nothing helps any more.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use gp2gp_model::directory::Directory;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{EbxmlMessageId, Interaction, Time};
use gp2gp_wire::ebxml::{self, Envelope, Header, NaspError};
use gp2gp_wire::message::Message;
use gp2gp_wire::{Dialect, Encoded};

use crate::peer::{
    Conduct, Deadline, HttpRequest, HttpResponse, Output, PATIENCE, PostId, TransportError,
};

/// Posts that one process has open at a time; more wait in order.
pub const IN_FLIGHT: usize = 10;

/// Where Spine takes messages.
pub const MESSAGE_PATH: &str = "/reliablemessaging/forwardreliable";
/// Repeats of a post that got no answer, before those of the contract.
pub const QUICK_REPEATS: u32 = 3;
/// Pause before each of them.
pub const QUICK_PAUSE: Duration = Duration::from_millis(100);

/// Messages on their way to Spine. `T` is whatever the owner wants to recognise an outcome by.
#[derive(Debug)]
pub struct Outbox<T> {
    dialect: Dialect,
    /// The contracts whose retry values hold.
    directory: Directory,
    posts: u64,
    /// Waiting for their first post, or due for a repeat.
    ready: VecDeque<Parcel<T>>,
    /// Posted, waiting for an answer.
    in_flight: BTreeMap<PostId, (Time, Parcel<T>)>,
    /// Waiting for the time of their repeat, in order of (time, number).
    resting: BTreeMap<(Time, u64), Parcel<T>>,
    outputs: VecDeque<Output>,
    outcomes: VecDeque<Outcome<T>>,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome<T> {
    /// As given to [`Outbox::send`].
    pub tag: T,
    /// Which message.
    pub message_id: EbxmlMessageId,
    /// `Ok`: Spine has it (and nothing more than that).
    pub result: Result<(), GaveUp>,
}

/// Why a message will not be tried again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GaveUp {
    /// Spine answered, and the answer allows no repeat.
    #[error("spine refused with http status {status}: {why}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What the answer says.
        why: String,
    },
    /// Every repeat is spent.
    #[error("{posts} posts without success, the last: {last}")]
    RetriesSpent {
        /// How often it was posted.
        posts: u32,
        /// What went wrong last.
        last: String,
    },
}

#[derive(Debug)]
struct Parcel<T> {
    tag: T,
    message_id: EbxmlMessageId,
    encoded: Encoded,
    repeats_left: u32,
    repeat_interval: Duration,
    quick_repeats_left: u32,
    posts: u32,
}

impl<T> Parcel<T> {
    fn new(
        header: &Header,
        encoded: Encoded,
        tag: T,
        (repeats_left, repeat_interval): (u32, Duration),
        quick_repeats_left: u32,
    ) -> Self {
        Self {
            tag,
            message_id: header.message_id.clone(),
            encoded,
            repeats_left,
            repeat_interval,
            quick_repeats_left,
            posts: 0,
        }
    }
}

/// How a post failed.
enum Failure {
    /// No answer came: worth three quick repeats before the contract's.
    NoAnswer(TransportError),
    /// Spine says that it is its own trouble and will pass.
    Retriable(String),
    /// Nothing will change by repeating.
    Final(GaveUp),
}

impl<T> Outbox<T> {
    /// An empty outbox that knows nobody's contract.
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            directory: Directory::default(),
            posts: 0,
            ready: VecDeque::new(),
            in_flight: BTreeMap::new(),
            resting: BTreeMap::new(),
            outputs: VecDeque::new(),
            outcomes: VecDeque::new(),
        }
    }

    /// What was learned of practices and their contracts.
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The same, to learn more.
    pub const fn directory_mut(&mut self) -> &mut Directory {
        &mut self.directory
    }

    /// Sends a logical message. It is encoded here, once: every repeat is byte-identical.
    pub fn send(&mut self, now: Time, message: &Message, tag: T) {
        let repeats = self.contract_repeats(&message.header);
        self.enqueue(now, message, tag, repeats, QUICK_REPEATS);
    }

    /// Sends a message that is encoded already, under the contract of its header.
    pub fn send_encoded(&mut self, now: Time, header: &Header, encoded: Encoded, tag: T) {
        let repeats = self.contract_repeats(header);
        let parcel = Parcel::new(header, encoded, tag, repeats, QUICK_REPEATS);
        self.ready.push_back(parcel);
        self.post_ready(now);
    }

    /// Sends a logical message, and never again: what only a broken system does.
    pub(crate) fn send_once(&mut self, now: Time, message: &Message, tag: T) {
        self.enqueue(now, message, tag, (0, Duration::ZERO), 0);
    }

    /// Sends a logical message, and not yet: what only a broken system does.
    pub(crate) fn send_later(&mut self, at: Time, message: &Message, tag: T) {
        let repeats = self.contract_repeats(&message.header);
        let parcel = self.parcel(message, tag, repeats, QUICK_REPEATS);
        self.rest(at, parcel);
    }

    fn enqueue(
        &mut self,
        now: Time,
        message: &Message,
        tag: T,
        repeats: (u32, Duration),
        quick_repeats_left: u32,
    ) {
        let parcel = self.parcel(message, tag, repeats, quick_repeats_left);
        self.ready.push_back(parcel);
        self.post_ready(now);
    }

    fn parcel(
        &self,
        message: &Message,
        tag: T,
        repeats: (u32, Duration),
        quick_repeats_left: u32,
    ) -> Parcel<T> {
        let encoded = message.encode(self.dialect);
        Parcel::new(&message.header, encoded, tag, repeats, quick_repeats_left)
    }

    /// How many more messages may be handed over before they pile up: an owner with hundreds of
    /// fragments encodes the next one only when there is room for it.
    pub fn room(&self) -> usize {
        IN_FLIGHT.saturating_sub(self.unsettled())
    }

    /// Messages without an outcome so far.
    pub fn unsettled(&self) -> usize {
        self.ready.len() + self.in_flight.len() + self.resting.len()
    }

    /// Takes the answer to a post. Unknown and given-up posts are ignored.
    pub fn handle_response(&mut self, now: Time, post: PostId, response: &HttpResponse) {
        let Some((_, parcel)) = self.in_flight.remove(&post) else {
            return;
        };
        match judge(response) {
            Ok(()) => self.settle(parcel, Ok(())),
            Err(failure) => self.fail(now, parcel, failure),
        }
        self.post_ready(now);
    }

    /// Takes the news that a post got no answer.
    pub fn handle_failure(&mut self, now: Time, post: PostId, error: TransportError) {
        if let Some((_, parcel)) = self.in_flight.remove(&post) {
            self.fail(now, parcel, Failure::NoAnswer(error));
            self.post_ready(now);
        }
    }

    /// Gives up waiting for late answers, and repeats what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        let late: Vec<PostId> = self
            .in_flight
            .iter()
            .filter(|(_, (deadline, _))| *deadline <= now)
            .map(|(post, _)| *post)
            .collect();
        for post in late {
            self.handle_failure(now, post, TransportError::TimedOut);
        }
        while let Some(entry) = self.resting.first_entry() {
            if entry.key().0 > now {
                break;
            }
            self.ready.push_back(entry.remove());
        }
        self.post_ready(now);
    }

    /// The process was down: what was under way may have arrived or not, so it is posted again,
    /// byte for byte.
    pub fn restart(&mut self, now: Time) {
        let interrupted = std::mem::take(&mut self.in_flight).into_values();
        let mut ready: VecDeque<_> = interrupted.map(|(_, parcel)| parcel).collect();
        ready.append(&mut self.ready);
        self.ready = ready;
        self.outputs.clear();
        self.post_ready(now);
    }

    /// When something here is due.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        let answer = self.in_flight.values().map(|(at, _)| Deadline {
            at: *at,
            why: "answer of spine",
        });
        let repeat = self.resting.keys().next().map(|(at, _)| Deadline {
            at: *at,
            why: "retry of a send",
        });
        answer.chain(repeat).min_by_key(|deadline| deadline.at)
    }

    /// The next post.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The next outcome; the owner takes them all after each call.
    pub fn poll_outcome(&mut self) -> Option<Outcome<T>> {
        self.outcomes.pop_front()
    }

    fn contract_repeats(&self, header: &Header) -> (u32, Duration) {
        Interaction::from_id(&header.action)
            .and_then(|interaction| self.directory.contract(&header.to, interaction))
            .map_or((0, Duration::ZERO), |contract| {
                (contract.retries, contract.retry_interval)
            })
    }

    fn post_ready(&mut self, now: Time) {
        while self.in_flight.len() < IN_FLIGHT {
            let Some(mut parcel) = self.ready.pop_front() else {
                return;
            };
            parcel.posts += 1;
            self.posts += 1;
            let id = PostId(self.posts);
            self.outputs.push_back(Output::Post {
                id,
                to: Endpoint::Spine,
                request: HttpRequest {
                    method: Method::Post,
                    path: MESSAGE_PATH.to_owned(),
                    soap_action: Some(parcel.encoded.soap_action.clone()),
                    content_type: parcel.encoded.content_type.clone(),
                    headers: Headers::new(),
                    body: parcel.encoded.body.clone(),
                },
                conduct: Conduct::Clean,
            });
            self.in_flight.insert(id, (now + PATIENCE, parcel));
        }
    }

    fn fail(&mut self, now: Time, parcel: Parcel<T>, failure: Failure) {
        match failure {
            Failure::NoAnswer(error) => {
                if parcel.quick_repeats_left > 0 {
                    self.rest(
                        now + QUICK_PAUSE,
                        Parcel {
                            quick_repeats_left: parcel.quick_repeats_left - 1,
                            ..parcel
                        },
                    );
                } else {
                    // An outage of minutes must not lose a transfer (SND-64): the contract's
                    // repeats follow, as after a retriable fault.
                    self.repeat_under_contract(now, parcel, error.to_string());
                }
            }
            Failure::Retriable(why) => self.repeat_under_contract(now, parcel, why),
            Failure::Final(why) => self.settle(parcel, Err(why)),
        }
    }

    fn repeat_under_contract(&mut self, now: Time, parcel: Parcel<T>, last: String) {
        if parcel.repeats_left == 0 {
            let posts = parcel.posts;
            self.settle(parcel, Err(GaveUp::RetriesSpent { posts, last }));
            return;
        }
        self.rest(
            now + parcel.repeat_interval,
            Parcel {
                repeats_left: parcel.repeats_left - 1,
                quick_repeats_left: QUICK_REPEATS,
                ..parcel
            },
        );
    }

    fn rest(&mut self, until: Time, parcel: Parcel<T>) {
        self.posts += 1;
        self.resting.insert((until, self.posts), parcel);
    }

    fn settle(&mut self, parcel: Parcel<T>, result: Result<(), GaveUp>) {
        self.outcomes.push_back(Outcome {
            tag: parcel.tag,
            message_id: parcel.message_id,
            result,
        });
    }
}

/// Only 202 is success, whatever its body; only a fault whose every code is retriable is worth a
/// repeat (spec 10).
fn judge(response: &HttpResponse) -> Result<(), Failure> {
    if response.status == 202 {
        return Ok(());
    }
    let refused = |why| {
        Failure::Final(GaveUp::Refused {
            status: response.status,
            why,
        })
    };
    Err(match ebxml::parse(&response.body) {
        Ok(Envelope::Fault(fault)) => {
            let why = format!("{}: {}", fault.string, national_errors(&fault.errors));
            let passes =
                !fault.errors.is_empty() && fault.errors.iter().all(NaspError::is_retriable);
            if response.status == 500 && passes {
                Failure::Retriable(why)
            } else {
                refused(why)
            }
        }
        Ok(Envelope::ErrorList(list)) => refused(
            list.errors
                .iter()
                .map(|error| error.description.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        ),
        Ok(Envelope::Acknowledgment(_)) => refused("an acknowledgment without 202".to_owned()),
        Ok(Envelope::Message(..)) => refused("a message as an answer".to_owned()),
        Err(error) => refused(error.to_string()),
    })
}

fn national_errors(errors: &[NaspError]) -> String {
    errors
        .iter()
        .map(|error| format!("{} {}", error.code, error.description))
        .collect::<Vec<_>>()
        .join(", ")
}
