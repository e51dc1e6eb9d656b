//! Questions to the national directories, SDS and PDS: asked over HTTP, asked again where that can
//! help, and given up in the end.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use gp2gp_model::Time;
use gp2gp_model::trace::Endpoint;

use crate::peer::{
    Conduct, Deadline, HttpRequest, HttpResponse, Output, PATIENCE, PostId, TransportError,
};

/// Posts of enquiries are numbered from here: those of the other machines of a system begin elsewhere.
const FIRST_POST: u64 = 1 << 42;

/// Before another try. All of them together are shorter than anybody waits at a reception desk.
const PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_secs(30),
];

/// The longest pause that a throttling service can ask for.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// Questions under way. `T` is whatever the owner wants to recognise an answer by.
#[derive(Debug)]
pub struct Enquiries<T> {
    posts: u64,
    in_flight: BTreeMap<PostId, (Time, Question<T>)>,
    /// Waiting for the time of their next try, in order of (time, number).
    resting: BTreeMap<(Time, u64), Question<T>>,
    outputs: VecDeque<Output>,
    answers: VecDeque<(T, Result<HttpResponse, Unanswered>)>,
}

/// A service that gave no answer, or only one that says that it cannot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{service} was asked {tries} times in vain, the last time: {last}")]
pub struct Unanswered {
    /// Which.
    pub service: Endpoint,
    /// How often it was asked.
    pub tries: usize,
    /// What went wrong last.
    pub last: String,
}

#[derive(Debug)]
struct Question<T> {
    tag: T,
    to: Endpoint,
    request: HttpRequest,
    failures: usize,
}

impl<T> Default for Enquiries<T> {
    fn default() -> Self {
        Self {
            posts: FIRST_POST,
            in_flight: BTreeMap::new(),
            resting: BTreeMap::new(),
            outputs: VecDeque::new(),
            answers: VecDeque::new(),
        }
    }
}

impl<T> Enquiries<T> {
    /// Asks a service.
    pub fn ask(&mut self, now: Time, to: Endpoint, request: HttpRequest, tag: T) {
        self.post(
            now,
            Question {
                tag,
                to,
                request,
                failures: 0,
            },
        );
    }

    /// Takes the answer to a post, or the news that there is none. Whether the post was one of these.
    pub fn settle(
        &mut self,
        now: Time,
        post: PostId,
        result: Result<&HttpResponse, TransportError>,
    ) -> bool {
        let Some((_, question)) = self.in_flight.remove(&post) else {
            return post.0 > FIRST_POST;
        };
        match result {
            Ok(response) => match passing_trouble(response) {
                Some(pause) => {
                    let last = format!("http status {}", response.status);
                    self.try_again_or_give_up(now, question, pause, last);
                }
                None => self.answers.push_back((question.tag, Ok(response.clone()))),
            },
            Err(error) => {
                self.try_again_or_give_up(now, question, Duration::ZERO, error.to_string());
            }
        }
        true
    }

    /// Gives up waiting for late answers, and asks again where it is time.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some((post, _)) = (self.in_flight.iter()).find(|(_, (at, _))| *at <= now) {
            let post = *post;
            self.settle(now, post, Err(TransportError::TimedOut));
        }
        while let Some(entry) = self.resting.first_entry()
            && entry.key().0 <= now
        {
            let question = entry.remove();
            self.post(now, question);
        }
    }

    /// When something here is due.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        let answer = (self.in_flight.values().map(|(at, _)| *at).min()).map(|at| Deadline {
            at,
            why: "answer of a directory",
        });
        let next = self.resting.keys().next().map(|(at, _)| Deadline {
            at: *at,
            why: "another try to ask a directory",
        });
        answer
            .into_iter()
            .chain(next)
            .min_by_key(|deadline| deadline.at)
    }

    /// The next post.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The next answer; the owner takes them all after each call.
    pub fn poll_answer(&mut self) -> Option<(T, Result<HttpResponse, Unanswered>)> {
        self.answers.pop_front()
    }

    /// The process was down: what was under way is asked again.
    pub fn restart(&mut self, now: Time) {
        self.outputs.clear();
        let interrupted = std::mem::take(&mut self.in_flight).into_values();
        for (_, question) in interrupted {
            self.post(now, question);
        }
    }

    fn post(&mut self, now: Time, question: Question<T>) {
        self.posts += 1;
        let id = PostId(self.posts);
        self.outputs.push_back(Output::Post {
            id,
            to: question.to,
            request: question.request.clone(),
            conduct: Conduct::Clean,
        });
        self.in_flight.insert(id, (now + PATIENCE, question));
    }

    fn try_again_or_give_up(
        &mut self,
        now: Time,
        question: Question<T>,
        at_least: Duration,
        last: String,
    ) {
        let failures = question.failures + 1;
        match PAUSES.get(question.failures) {
            Some(pause) => {
                self.posts += 1;
                let at = now + at_least.max(*pause);
                let question = Question {
                    failures,
                    ..question
                };
                self.resting.insert((at, self.posts), question);
            }
            None => {
                let unanswered = Unanswered {
                    service: question.to,
                    tries: failures,
                    last,
                };
                self.answers.push_back((question.tag, Err(unanswered)));
            }
        }
    }
}

/// How long to wait at least where the service says that another try can help.
fn passing_trouble(response: &HttpResponse) -> Option<Duration> {
    match response.status {
        429 | 503 => {
            let seconds = response.headers.get("Retry-After");
            let seconds = seconds.and_then(|text| text.trim().parse().ok());
            Some(
                seconds
                    .map_or(Duration::ZERO, Duration::from_secs)
                    .min(LONGEST_PAUSE),
            )
        }
        500 | 502 | 504 => Some(Duration::ZERO),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use gp2gp_model::http::{Headers, Method};

    use super::*;
    use crate::mhs::fixture::START;

    fn asking() -> Enquiries<&'static str> {
        let mut enquiries = Enquiries::default();
        let request = HttpRequest {
            method: Method::Get,
            path: "/Device".to_owned(),
            soap_action: None,
            content_type: String::new(),
            headers: Headers::new(),
            body: Bytes::new(),
        };
        enquiries.ask(START, Endpoint::Sds, request, "where");
        enquiries
    }

    fn posted(enquiries: &mut Enquiries<&'static str>) -> PostId {
        match enquiries.poll_output() {
            Some(Output::Post { id, .. }) => id,
            other => panic!("{other:?}"),
        }
    }

    fn answer(status: u16, headers: Headers) -> HttpResponse {
        HttpResponse {
            status,
            content_type: None,
            headers,
            body: Bytes::new(),
        }
    }

    fn due(enquiries: &Enquiries<&'static str>) -> Duration {
        enquiries.poll_timeout().unwrap().at.since(START)
    }

    #[test]
    fn a_service_is_asked_four_times_and_then_given_up() {
        let mut enquiries = asking();
        let mut now = START;
        for pause in PAUSES {
            let post = posted(&mut enquiries);
            enquiries.settle(now, post, Ok(&answer(500, Headers::new())));
            now += pause;
            enquiries.handle_timeout(now);
        }
        let post = posted(&mut enquiries);
        enquiries.settle(now, post, Err(TransportError::Reset));
        let Some(("where", Err(unanswered))) = enquiries.poll_answer() else {
            panic!("not given up");
        };
        let told = "sds was asked 4 times in vain, the last time: connection reset";
        assert_eq!(unanswered.to_string(), told);
        assert_eq!(enquiries.poll_timeout(), None);
    }

    #[test]
    fn a_throttling_service_says_how_long_to_wait_and_not_for_ever() {
        for (says, waits) in [("7", 7), ("0", 1), ("999999", 600), ("tomorrow", 1)] {
            let mut enquiries = asking();
            let post = posted(&mut enquiries);
            let headers = Headers::new().with("Retry-After", says);
            enquiries.settle(START, post, Ok(&answer(429, headers)));
            assert_eq!(due(&enquiries), Duration::from_secs(waits), "{says}");
        }
    }

    #[test]
    fn what_no_other_try_can_mend_is_an_answer() {
        for status in [200, 400, 401, 404, 409, 412] {
            let mut enquiries = asking();
            let post = posted(&mut enquiries);
            enquiries.settle(START, post, Ok(&answer(status, Headers::new())));
            let told = enquiries
                .poll_answer()
                .map(|(_, told)| told.unwrap().status);
            assert_eq!(told, Some(status));
        }
    }

    #[test]
    fn an_answer_that_comes_after_the_patience_is_too_late() {
        let mut enquiries = asking();
        let post = posted(&mut enquiries);
        assert_eq!(due(&enquiries), PATIENCE);
        enquiries.handle_timeout(START + PATIENCE);
        let is_own = enquiries.settle(START + PATIENCE, post, Ok(&answer(200, Headers::new())));
        assert!(is_own, "taken for the answer to another machine's post");
        assert_eq!(enquiries.poll_answer(), None);
        assert_eq!(due(&enquiries), PATIENCE + PAUSES[0]);
    }

    #[test]
    fn a_system_that_was_down_asks_again() {
        let mut enquiries = asking();
        let before = posted(&mut enquiries);
        enquiries.restart(START);
        let after = posted(&mut enquiries);
        assert_ne!(before, after);
        enquiries.settle(START, after, Ok(&answer(200, Headers::new())));
        assert!(enquiries.poll_answer().is_some());
    }
}
