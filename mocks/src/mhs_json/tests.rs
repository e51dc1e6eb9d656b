use std::time::Duration;

use gp2gp_model::http::{Headers, Method};
use gp2gp_model::plan::Act;
use gp2gp_model::trace::Observation;
use gp2gp_model::{OdsCode, Time};
use gp2gp_sim::Streams;
use gp2gp_wire::Message;
use gp2gp_wire::ebxml::{self, Envelope};
use gp2gp_wire::mhs_json::{Inbound, JSON, OutboundRequest, QueueMessage};

use super::{Behind, Handler, HandlerOutput, QueueNumber, from_queue};
use crate::mhs::fixture::{
    OTHER, OWN, RETRY_INTERVAL, START, accepted, delivery, directory, error_list, fault,
    message_id, ods, opened, post, practice, response, small_message,
};
use crate::mhs::{Identity, Inbound as Arrived, Inbox, Outbox};
use crate::peer::{
    AnswerId, Conduct, Deadline, HttpRequest, HttpResponse, Input, Output, Peer, PostId,
    TransportError,
};

const SECOND: Duration = Duration::from_secs(1);

fn handler() -> Handler {
    Handler::new(practice(OWN), directory(), Streams::new(1))
}

/// A request of the own practice to send this message to the other one.
fn asking(message: &Message) -> HttpRequest {
    let received = opened(&delivery(message));
    let outbound = OutboundRequest::of(&received, Some(ods(OTHER)), None).unwrap();
    HttpRequest {
        method: Method::Post,
        path: "/".to_owned(),
        soap_action: None,
        content_type: JSON.to_owned(),
        headers: outbound.headers(),
        body: serde_json::to_vec(&outbound.body).unwrap().into(),
    }
}

fn without(mut request: HttpRequest, header: &str) -> HttpRequest {
    request.headers = (request.headers.iter())
        .filter(|(name, _)| *name != header)
        .collect();
    request
}

fn outputs(handler: &mut Handler) -> Vec<HandlerOutput> {
    std::iter::from_fn(|| handler.poll_output()).collect()
}

fn only_post(handler: &mut Handler) -> (PostId, HttpRequest) {
    match &outputs(handler)[..] {
        [HandlerOutput::PostToSpine { id, request }] => (*id, request.clone()),
        others => panic!("{others:?}"),
    }
}

fn only_answer(handler: &mut Handler) -> (AnswerId, HttpResponse) {
    match &outputs(handler)[..] {
        [HandlerOutput::Answer { id, response }] => (*id, response.clone()),
        others => panic!("{others:?}"),
    }
}

fn only_queued(handler: &mut Handler) -> (QueueNumber, QueueMessage) {
    match &outputs(handler)[..] {
        [HandlerOutput::Queue { number, message }] => (*number, message.clone()),
        others => panic!("{others:?}"),
    }
}

fn said(response: &HttpResponse) -> (u16, &str) {
    (
        response.status,
        std::str::from_utf8(&response.body).unwrap(),
    )
}

/// What the handler answers to a request that never becomes a post.
fn refused(request: &HttpRequest) -> (u16, String) {
    let mut handler = handler();
    handler.take_request(START, AnswerId(3), request);
    let (id, response) = only_answer(&mut handler);
    assert_eq!(id, AnswerId(3));
    assert_eq!(response.content_type.as_deref(), Some("text/plain"));
    let (status, text) = said(&response);
    (status, text.to_owned())
}

#[test]
fn the_post_to_spine_is_the_message_of_the_system_in_the_form_of_the_national_handler() {
    let mut message = small_message(OWN, OTHER, 1);
    let mut handler = handler();
    let now = START + Duration::from_millis(1_700);
    handler.take_request(now, AnswerId(1), &asking(&message));
    let (_, request) = only_post(&mut handler);
    // Under the contract of the recipient, at the handler's own time.
    message.header.timestamp = START + SECOND;
    let direct = message.encode(gp2gp_wire::Dialect::NationalMhs);
    assert_eq!(request.content_type, direct.content_type);
    assert_eq!(request.soap_action, Some(direct.soap_action));
    assert_eq!(request.path, "/reliablemessaging/forwardreliable");
    assert_eq!(request.body, direct.body);
}

#[test]
fn the_system_is_answered_when_spine_has_answered() {
    let mut handler = handler();
    handler.take_request(START, AnswerId(7), &asking(&small_message(OWN, OTHER, 1)));
    let (post, _) = only_post(&mut handler);
    assert_eq!(outputs(&mut handler), []);
    handler.handle_response(START, post, &accepted());
    let (id, answer) = only_answer(&mut handler);
    assert_eq!((id, said(&answer)), (AnswerId(7), (202, "")));
    assert_eq!(
        answer.headers.get("Message-Id"),
        Some(message_id(1).as_str())
    );
}

#[test]
fn what_spine_refuses_for_good_is_a_500_to_the_system_at_once() {
    let mut handler = handler();
    handler.take_request(START, AnswerId(7), &asking(&small_message(OWN, OTHER, 1)));
    let (post, _) = only_post(&mut handler);
    let list = response(500, error_list(&message_id(1), OWN));
    handler.handle_response(START, post, &list);
    let (_, answer) = only_answer(&mut handler);
    let told = "error making outbound request: spine refused with http status 500: \
                could not be delivered";
    assert_eq!(said(&answer), (500, told));
}

#[test]
fn a_retriable_fault_is_repeated_under_the_contract_in_the_same_bytes_while_the_system_waits() {
    let mut handler = handler();
    handler.take_request(START, AnswerId(7), &asking(&small_message(OWN, OTHER, 1)));
    let (post, first) = only_post(&mut handler);
    handler.handle_response(START, post, &fault(&["208"]));
    assert_eq!(outputs(&mut handler), []);
    let due = handler.poll_timeout().unwrap();
    assert_eq!(due.at, START + RETRY_INTERVAL);
    handler.handle_timeout(due.at);
    let (post, again) = only_post(&mut handler);
    assert_eq!(again, first);
    handler.handle_failure(due.at, post, TransportError::Reset);
    handler.handle_timeout(due.at + SECOND);
    let (post, again) = only_post(&mut handler);
    assert_eq!(again, first);
    handler.handle_response(due.at + SECOND, post, &accepted());
    assert_eq!(only_answer(&mut handler).1.status, 202);
}

#[test]
fn the_same_request_again_is_the_same_message_again_and_another_under_its_id_is_not() {
    let mut handler = handler();
    let asking = asking(&small_message(OWN, OTHER, 1));
    handler.take_request(START, AnswerId(1), &asking);
    let (_, first) = only_post(&mut handler);
    handler.take_request(START + 90 * SECOND, AnswerId(2), &asking);
    assert_eq!(only_post(&mut handler).1, first);
    let mut other = asking;
    other.body = br#"{"payload": "<other/>"}"#.to_vec().into();
    handler.take_request(START + 91 * SECOND, AnswerId(3), &other);
    let (_, changed) = only_post(&mut handler);
    assert_eq!(
        opened(&changed).header.timestamp,
        START + 91 * SECOND,
        "a new message has a time of its own"
    );
}

#[test]
fn ids_that_the_system_does_not_give_are_made() {
    let request = without(
        without(asking(&small_message(OWN, OTHER, 1)), "message-id"),
        "correlation-id",
    );
    let mut handler = handler();
    let mut header = || {
        handler.take_request(START, AnswerId(1), &request);
        opened(&only_post(&mut handler).1).header
    };
    let (one, other) = (header(), header());
    assert!(one.message_id.is_upper_uuid() && one.conversation_id.is_upper_uuid());
    assert_ne!(one.message_id, other.message_id);
    assert_ne!(one.conversation_id, other.conversation_id);
}

#[test]
fn a_request_that_finds_no_endpoint_is_a_500_that_says_what_is_missing() {
    let good = asking(&small_message(OWN, OTHER, 1));
    let to = |code: &str| {
        let mut request = without(good.clone(), "ods-code");
        request.headers.push("ods-code", code);
        refused(&request)
    };
    let told = "no endpoint for the message: header `ods-code` is missing";
    assert_eq!(
        refused(&without(good.clone(), "ods-code")),
        (500, told.to_owned())
    );
    let told = "no endpoint for the message: sds has no system of practice `Z99999`";
    assert_eq!(to("Z99999"), (500, told.to_owned()));
    let mut handler = handler();
    let practices = std::mem::take(&mut handler.directory_mut().practices);
    handler.directory_mut().unlisted = practices;
    handler.take_request(START, AnswerId(1), &good);
    only_post(&mut handler);
    handler.directory_mut().contracts.clear();
    handler.take_request(START, AnswerId(1), &good);
    let told = "no endpoint for the message: \
                sds: no contract of B86041-800001 for MCCI_IN010000UK13";
    assert_eq!(said(&only_answer(&mut handler).1), (500, told));
}

#[test]
fn the_door_refuses_as_the_form_says() {
    let good = asking(&small_message(OWN, OTHER, 1));
    let mut get = good.clone();
    get.method = Method::Get;
    assert_eq!(refused(&get).0, 405);
    let mut typed = good.clone();
    typed.content_type.push_str("; charset=utf-8");
    assert_eq!(refused(&typed).0, 415);
    assert_eq!(refused(&without(good.clone(), "wait-for-response")).0, 400);
    let mut odd = without(good, "interaction-id");
    odd.headers.push("Interaction-Id", "RCMR_IN990000UK01");
    assert_eq!(refused(&odd).0, 404);
}

#[test]
fn a_message_is_too_large_by_its_characters() {
    let with = |payload: String| {
        let mut request = asking(&small_message(OWN, OTHER, 1));
        request.body = serde_json::to_vec(&serde_json::json!({ "payload": payload }))
            .unwrap()
            .into();
        request
    };
    // Fourteen megabytes in five million characters: Spine will count bytes.
    let mut handler = handler();
    handler.take_request(START, AnswerId(1), &with("漢".repeat(4_700_000)));
    assert!(only_post(&mut handler).1.body.len() > 14_000_000);
    let (status, told) = refused(&with("a".repeat(4_999_999)));
    assert_eq!(status, 400);
    assert!(
        told.starts_with("message to spine is too large: 500"),
        "{told}"
    );
}

#[test]
fn a_delivery_is_acknowledged_when_it_lies_on_the_queue() {
    let message = small_message(OTHER, OWN, 1);
    let mut handler = handler();
    handler.take_delivery(START, AnswerId(4), &delivery(&message));
    let (number, queued) = only_queued(&mut handler);
    assert_eq!(queued.message_id, message_id(1));
    assert_eq!(queued.correlation_id, message.header.conversation_id);
    let inbound: Inbound = serde_json::from_str(&queued.body).unwrap();
    let envelope = ebxml::parse(inbound.ebxml.as_bytes()).unwrap();
    assert!(matches!(envelope, Envelope::Message(..)), "{envelope:?}");
    handler.handle_queued(number, Ok(()));
    let (id, answer) = only_answer(&mut handler);
    assert_eq!((id, answer.status), (AnswerId(4), 200));
    let acknowledgment = ebxml::parse(&answer.body).unwrap();
    assert!(matches!(acknowledgment, Envelope::Acknowledgment(_)));
}

#[test]
fn a_delivery_that_the_queue_does_not_take_is_not_delivered() {
    let mut handler = handler();
    handler.take_delivery(START, AnswerId(4), &delivery(&small_message(OTHER, OWN, 1)));
    let (number, _) = only_queued(&mut handler);
    handler.handle_queued(number, Err("broker is gone"));
    let told = "message cannot be queued: broker is gone";
    assert_eq!(said(&only_answer(&mut handler).1), (500, told));
}

#[test]
fn repeats_of_spine_reach_the_system_and_expired_messages_do_not() {
    let mut message = small_message(OTHER, OWN, 1);
    message.header.time_to_live = Some(START + 90 * SECOND);
    let mut handler = handler();
    for late in [0, 90] {
        handler.take_delivery(START + late * SECOND, AnswerId(4), &delivery(&message));
        only_queued(&mut handler);
    }
    handler.take_delivery(START + 91 * SECOND, AnswerId(4), &delivery(&message));
    let (_, answer) = only_answer(&mut handler);
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(
        answer.status == 200 && text.contains("TimeToLiveExpired"),
        "{text}"
    );
}

#[test]
fn what_a_handler_cannot_hand_on_is_refused() {
    let delivered = |request: &HttpRequest| {
        let mut handler = handler();
        handler.take_delivery(START, AnswerId(4), request);
        let answer = only_answer(&mut handler).1;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        (answer.status, text)
    };
    let (status, body) = delivered(&delivery(&small_message(OWN, OTHER, 1)));
    assert!(status == 200 && body.contains("501314:Invalid To Party Type attribute"));
    let mut answering = small_message(OTHER, OWN, 1);
    answering.header.ref_to_message_id = Some(message_id(9));
    let told = format!(
        "RefToMessageId {} names no message sent from here",
        message_id(9)
    );
    assert_eq!(delivered(&delivery(&answering)), (500, told));
    let report = HttpRequest {
        content_type: "text/xml".to_owned(),
        body: error_list(&message_id(1), OWN).into(),
        ..delivery(&answering)
    };
    let told = "delivery is no message of several parts".to_owned();
    assert_eq!(delivered(&report), (500, told));
}

#[test]
fn an_answer_to_a_message_that_went_through_the_handler_is_handed_on() {
    let mut handler = handler();
    handler.take_request(START, AnswerId(1), &asking(&small_message(OWN, OTHER, 9)));
    only_post(&mut handler);
    let mut answering = small_message(OTHER, OWN, 1);
    answering.header.ref_to_message_id = Some(message_id(9));
    handler.take_delivery(START, AnswerId(4), &delivery(&answering));
    only_queued(&mut handler);
}

/// A system that posts one message to Spine, and keeps what it hears.
struct System {
    outbox: Outbox<()>,
    inbox: Inbox,
    arrived: usize,
    answers: Vec<Output>,
}

impl System {
    fn boxed() -> Box<dyn Peer> {
        let identity = Identity {
            practice: practice(OWN),
            dialect: gp2gp_wire::Dialect::Tpp,
        };
        let mut outbox = Outbox::new(identity.dialect);
        *outbox.directory_mut() = directory();
        let ids = gp2gp_sim::Ids::new(Streams::new(1).stream("system"));
        Box::new(Self {
            outbox,
            inbox: Inbox::new(&identity, ids),
            arrived: 0,
            answers: Vec::new(),
        })
    }
}

impl Peer for System {
    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Request { id, request } => {
                let (response, arrived) = self.inbox.take(now, &request);
                self.arrived += usize::from(matches!(arrived, Arrived::New(_)));
                self.answers.push(Output::Answer {
                    id,
                    response,
                    conduct: Conduct::Clean,
                });
            }
            Input::Response { post, response } => self.outbox.handle_response(now, post, &response),
            Input::Failed { post, error } => self.outbox.handle_failure(now, post, error),
            // Whatever people do, it sends its message; a full disk is full until the end.
            Input::Act(_) => self.outbox.send(now, &small_message(OWN, OTHER, 1), ()),
            Input::Condition(crate::peer::Condition::DiskFull) => self.inbox.set_disk_full(true),
            Input::Condition(_) => self.outbox.restart(now),
        }
    }

    fn handle_timeout(&mut self, now: Time) {
        self.outbox.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.outbox.poll_timeout()
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outbox.poll_output().or_else(|| self.answers.pop())
    }

    /// One for every message that arrived, and one for every message on its way.
    fn observe(&self) -> Vec<Observation> {
        let transfer = Observation::Transfer {
            patient: "9990000018".parse().unwrap(),
            state: String::new(),
            print_state: None,
            left_in_store: 0,
        };
        vec![transfer; self.arrived + self.outbox.unsettled()]
    }
}

fn behind() -> Behind {
    Behind::new(System::boxed(), directory(), Streams::new(1))
}

fn sending() -> (Behind, PostId, HttpRequest) {
    let mut behind = behind();
    let act = Act::Register {
        patient: "9990000018".parse().unwrap(),
        gp: None,
    };
    behind.handle(START, Input::Act(act));
    let (post, request) = to_handler(&mut behind).unwrap();
    (behind, post, request)
}

fn to_handler(behind: &mut Behind) -> Option<(PostId, HttpRequest)> {
    behind.poll_output().map(post)
}

fn answered(behind: &mut Behind) -> HttpResponse {
    match behind.poll_output() {
        Some(Output::Answer { response, .. }) => response,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_system_of_mime_posts_to_its_handler_what_the_handler_takes() {
    let (_, _, request) = sending();
    let practice_of_recipient: Option<OdsCode> = Some(ods(OTHER));
    let read =
        OutboundRequest::read(&request.content_type, &request.headers, &request.body).unwrap();
    assert_eq!(read.recipient, practice_of_recipient);
    assert_eq!(read.sender, Some(practice(OWN).asid));
    assert_eq!(read.message_id, Some(message_id(1)));
    let mut handler = handler();
    handler.take_request(START, AnswerId(1), &request);
    let posted = opened(&only_post(&mut handler).1);
    let message = small_message(OWN, OTHER, 1);
    assert_eq!(posted.header, message.header);
    assert_eq!(posted.payload().unwrap(), message.payload);
}

#[test]
fn a_202_of_the_handler_is_spines_acknowledgment_and_anything_else_is_final() {
    let answer = |status| HttpResponse {
        status,
        content_type: None,
        headers: Headers::new(),
        body: "no endpoint".into(),
    };
    for status in [202, 500, 400, 200] {
        let (mut behind, post, _) = sending();
        assert_eq!(behind.observe().len(), 1);
        let response = answer(status);
        behind.handle(START, Input::Response { post, response });
        assert_eq!(behind.observe().len(), 0, "{status}: settled");
        assert_eq!(behind.poll_timeout(), None, "{status}: never again");
    }
}

#[test]
fn while_the_handler_is_at_it_the_system_repeats_itself_in_vain() {
    let (mut behind, post, _) = sending();
    // No answer for 20 s, a repeat 100 ms later, and no answer to that.
    let mut now = START;
    for _ in 0..3 {
        now = behind.poll_timeout().unwrap().at;
        behind.handle_timeout(now);
        assert_eq!(to_handler(&mut behind), None);
    }
    let response = accepted();
    behind.handle(now, Input::Response { post, response });
    assert_eq!(behind.observe().len(), 1, "it rests, and hears nothing");
    let due = behind.poll_timeout().unwrap().at;
    behind.handle_timeout(due);
    assert_eq!(to_handler(&mut behind), None);
    assert_eq!(
        behind.observe().len(),
        0,
        "its next post has the answer at once"
    );
}

#[test]
fn an_answer_to_the_first_post_settles_the_repeat_that_waits() {
    let (mut behind, post, _) = sending();
    let mut now = START;
    for _ in 0..2 {
        now = behind.poll_timeout().unwrap().at;
        behind.handle_timeout(now);
    }
    let response = accepted();
    behind.handle(now + SECOND, Input::Response { post, response });
    assert_eq!(behind.observe().len(), 0);
}

#[test]
fn a_refused_connection_and_a_restart_bring_the_same_request_again() {
    let (mut behind, post, first) = sending();
    let error = TransportError::Refused;
    behind.handle(START, Input::Failed { post, error });
    let due = behind.poll_timeout().unwrap().at;
    behind.handle_timeout(due);
    let (_, again) = to_handler(&mut behind).unwrap();
    assert_eq!(again, first);
    let restarted = crate::peer::Condition::Restarted;
    behind.handle(due, Input::Condition(restarted));
    let (_, again) = to_handler(&mut behind).unwrap();
    assert_eq!(again, first);
}

#[test]
fn a_message_of_the_queue_is_a_delivery_and_its_repeat_is_one_too() {
    let mut handler = handler();
    let mut behind = behind();
    for _ in 0..2 {
        handler.take_delivery(START, AnswerId(4), &delivery(&small_message(OTHER, OWN, 1)));
        let request = from_queue(&only_queued(&mut handler).1);
        let id = AnswerId(5);
        behind.handle(START, Input::Request { id, request });
        assert_eq!(said(&answered(&mut behind)), (200, ""));
    }
    assert_eq!(behind.observe().len(), 1, "the system knows a repeat");
}

#[test]
fn a_message_that_cannot_be_stored_stays_on_the_queue() {
    let mut handler = handler();
    handler.take_delivery(START, AnswerId(4), &delivery(&small_message(OTHER, OWN, 1)));
    let request = from_queue(&only_queued(&mut handler).1);
    let mut behind = behind();
    let full = crate::peer::Condition::DiskFull;
    behind.handle(START, Input::Condition(full));
    let id = AnswerId(5);
    behind.handle(START, Input::Request { id, request });
    assert_eq!(said(&answered(&mut behind)), (500, ""));
}

#[test]
fn a_message_of_the_queue_that_is_none_is_refused_with_its_reason() {
    let mut request = from_queue(&QueueMessage {
        message_id: message_id(1),
        correlation_id: small_message(OTHER, OWN, 1).header.conversation_id,
        body: r#"{"ebXML": "", "payload": "", "surprise": 1}"#.to_owned(),
    });
    let refused = |request: &HttpRequest| {
        let mut behind = behind();
        let (id, request) = (AnswerId(5), request.clone());
        behind.handle(START, Input::Request { id, request });
        let answer = answered(&mut behind);
        assert_eq!(answer.status, 400);
        String::from_utf8_lossy(&answer.body).into_owned()
    };
    assert!(refused(&request).contains("unknown field `surprise`"));
    request.headers = Headers::new();
    assert_eq!(
        refused(&request),
        "application property `message-id` is missing"
    );
}
