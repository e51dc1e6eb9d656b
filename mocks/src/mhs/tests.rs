use std::time::Duration;

use gp2gp_model::EbxmlMessageId;
use gp2gp_model::http::{Headers, Method};
use gp2gp_sim::{Ids, Streams};
use gp2gp_wire::Dialect;
use gp2gp_wire::ebxml::{self, EbxmlErrorCode, Envelope, TO_PARTY_MSH};

use super::fixture::*;
use super::*;
use crate::peer::{HttpRequest, HttpResponse, PostId, TransportError};

const SECOND: Duration = Duration::from_secs(1);

fn outbox(messages: u32) -> Outbox<u32> {
    let mut outbox = knowing(directory());
    for number in 0..messages {
        outbox.send(START, &small_message(OWN, OTHER, number), number);
    }
    outbox
}

fn knowing(directory: Directory) -> Outbox<u32> {
    let mut outbox = Outbox::new(Dialect::NationalMhs);
    *outbox.directory_mut() = directory;
    outbox
}

fn posts(outbox: &mut Outbox<u32>) -> Vec<(PostId, HttpRequest)> {
    std::iter::from_fn(|| outbox.poll_output())
        .map(post)
        .collect()
}

fn only_post(outbox: &mut Outbox<u32>) -> (PostId, HttpRequest) {
    let mut posts = posts(outbox);
    assert_eq!(posts.len(), 1);
    posts.remove(0)
}

#[test]
fn only_202_is_success_whatever_its_body() {
    let mut sent = outbox(1);
    let (id, request) = only_post(&mut sent);
    assert_eq!(request.path, "/reliablemessaging/forwardreliable");
    sent.handle_response(START, id, &accepted());
    let outcome = sent.poll_outcome().unwrap();
    assert_eq!((outcome.tag, outcome.message_id), (0, message_id(0)));
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(sent.poll_timeout(), None);

    let mut refused = outbox(1);
    let (id, _) = only_post(&mut refused);
    refused.handle_response(START, id, &response(200, error_list(&message_id(0), OWN)));
    let outcome = refused.poll_outcome().unwrap();
    let expected = GaveUp::Refused {
        status: 200,
        why: "could not be delivered".to_owned(),
    };
    assert_eq!(outcome.result, Err(expected));
}

#[test]
fn a_repeat_is_byte_identical_and_comes_after_the_interval_of_the_contract() {
    let mut outbox = outbox(1);
    let (id, first) = only_post(&mut outbox);
    outbox.handle_response(START, id, &fault(&["200", "206"]));
    let due = outbox.poll_timeout().unwrap();
    assert_eq!(
        (due.at, due.why),
        (START + RETRY_INTERVAL, "retry of a send")
    );
    outbox.handle_timeout(due.at);
    let (_, second) = only_post(&mut outbox);
    assert_eq!(second, first);
}

#[test]
fn an_outbox_gives_up_after_the_retries_of_the_contract() {
    let mut outbox = outbox(1);
    let mut now = START;
    for _ in 0..=RETRIES {
        let (id, _) = only_post(&mut outbox);
        outbox.handle_response(now, id, &fault(&["208"]));
        now += RETRY_INTERVAL;
        outbox.handle_timeout(now);
    }
    let outcome = outbox.poll_outcome().unwrap();
    assert!(
        matches!(outcome.result, Err(GaveUp::RetriesSpent { posts: 3, .. })),
        "{outcome:?}"
    );
    assert!(posts(&mut outbox).is_empty());
    assert_eq!(outbox.unsettled(), 0);
}

#[test]
fn an_error_list_or_a_permanent_fault_is_never_retried() {
    let list = response(500, error_list(&message_id(0), OWN));
    for answer in [list, fault(&["300"]), fault(&["200", "300"]), fault(&[])] {
        let mut outbox = outbox(1);
        let (id, _) = only_post(&mut outbox);
        outbox.handle_response(START, id, &answer);
        let outcome = outbox.poll_outcome().unwrap();
        assert!(
            matches!(outcome.result, Err(GaveUp::Refused { status: 500, .. })),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_refused_connection_is_tried_three_times_quickly_and_then_under_the_contract() {
    let mut outbox = outbox(1);
    let mut tried_at = Vec::new();
    let mut now = START;
    loop {
        let (id, _) = only_post(&mut outbox);
        tried_at.push(now.since(START).as_millis());
        outbox.handle_failure(now, id, TransportError::Refused);
        match outbox.poll_timeout() {
            Some(due) => now = due.at,
            None => break,
        }
        outbox.handle_timeout(now);
    }
    let volley = [0, 100, 200, 300];
    let expected: Vec<u128> = (0..3)
        .flat_map(|round| volley.map(|at| at + round * 60_300))
        .collect();
    assert_eq!(tried_at, expected);
    let outcome = outbox.poll_outcome().unwrap();
    assert!(
        matches!(outcome.result, Err(GaveUp::RetriesSpent { posts: 12, .. })),
        "{outcome:?}"
    );
}

#[test]
fn silence_for_twenty_seconds_is_no_answer_and_a_late_answer_changes_nothing() {
    let mut outbox = outbox(1);
    let (first, request) = only_post(&mut outbox);
    let due = outbox.poll_timeout().unwrap();
    assert_eq!((due.at, due.why), (START + 20 * SECOND, "answer of spine"));
    outbox.handle_timeout(due.at);
    let again = due.at + Duration::from_millis(100);
    outbox.handle_timeout(again);
    let (second, repeated) = only_post(&mut outbox);
    assert_eq!(repeated, request);
    outbox.handle_response(again, first, &accepted());
    assert_eq!(outbox.poll_outcome(), None);
    outbox.handle_response(again, second, &accepted());
    assert!(outbox.poll_outcome().unwrap().result.is_ok());
}

#[test]
fn ten_posts_are_in_flight_and_the_rest_follow_in_order() {
    let mut outbox = outbox(13);
    let first = posts(&mut outbox);
    assert_eq!(
        (first.len(), outbox.unsettled(), outbox.room()),
        (10, 13, 0)
    );
    let ids = |posts: &[(PostId, HttpRequest)]| -> Vec<EbxmlMessageId> {
        let received = posts.iter().map(|(_, request)| opened(request));
        received
            .map(|received| received.header.message_id)
            .collect()
    };
    assert_eq!(ids(&first), (0..10).map(message_id).collect::<Vec<_>>());
    for (id, _) in first.iter().take(2) {
        outbox.handle_response(START, *id, &accepted());
    }
    let next = posts(&mut outbox);
    assert_eq!(ids(&next), [message_id(10), message_id(11)]);
}

fn inbox() -> Inbox {
    let ids = Ids::new(Streams::new(1).stream("inbox"));
    Inbox::new(&identity(OWN), ids)
}

fn envelope(response: &HttpResponse) -> Envelope {
    assert_eq!(response.content_type.as_deref(), Some("text/xml"));
    ebxml::parse(&response.body).unwrap()
}

fn error_code(response: &HttpResponse) -> (u16, EbxmlErrorCode, String) {
    let Envelope::ErrorList(list) = envelope(response) else {
        panic!("not an error list: {response:?}");
    };
    let error = list.errors.into_iter().next().unwrap();
    (response.status, error.code, error.description)
}

#[test]
fn a_new_message_is_acknowledged_with_its_own_timestamp_and_handed_on() {
    let message = small_message(OTHER, OWN, 1);
    let later = START + 5 * SECOND;
    let (response, inbound) = inbox().take(later, &delivery(&message));
    let Inbound::New(received) = inbound else {
        panic!("{inbound:?}");
    };
    assert_eq!(received.header, message.header);
    let Envelope::Acknowledgment(ack) = envelope(&response) else {
        panic!("{response:?}");
    };
    assert_eq!(response.status, 200);
    assert_eq!(ack.ref_to_message_id, message_id(1));
    assert_eq!(ack.timestamp, message.header.timestamp);
    assert_eq!(ack.actor, TO_PARTY_MSH);
    assert_eq!((ack.from, ack.to), (message.header.to, message.header.from));
}

#[test]
fn a_duplicate_gets_the_first_acknowledgment_byte_for_byte_and_no_effect() {
    let mut inbox = inbox();
    let delivery = delivery(&small_message(OTHER, OWN, 1));
    let (first, _) = inbox.take(START, &delivery);
    let (second, inbound) = inbox.take(START + 90 * SECOND, &delivery);
    assert_eq!(second, first);
    assert_eq!(inbound, Inbound::Answered);
}

#[test]
fn equal_message_ids_of_two_conversations_are_two_messages() {
    let mut inbox = inbox();
    let mut message = small_message(OTHER, OWN, 1);
    inbox.take(START, &delivery(&message));
    message.header.conversation_id = conversation(501);
    let (_, inbound) = inbox.take(START, &delivery(&message));
    assert!(matches!(inbound, Inbound::New(_)), "{inbound:?}");
}

#[test]
fn a_message_for_another_party_is_refused_as_value_not_recognized() {
    let (response, inbound) = inbox().take(START, &delivery(&small_message(OWN, OTHER, 1)));
    assert_eq!(inbound, Inbound::Answered);
    let expected = "501314:Invalid To Party Type attribute".to_owned();
    let expected = (200, EbxmlErrorCode::ValueNotRecognized, expected);
    assert_eq!(error_code(&response), expected);
}

#[test]
fn a_message_past_its_time_to_live_is_refused_and_never_processed() {
    let mut message = small_message(OTHER, OWN, 1);
    message.header.time_to_live = Some(START + 10 * SECOND);
    let mut in_time = inbox();
    let (_, inbound) = in_time.take(START + 10 * SECOND, &delivery(&message));
    assert!(matches!(inbound, Inbound::New(_)), "{inbound:?}");

    let (response, inbound) = inbox().take(START + 11 * SECOND, &delivery(&message));
    assert_eq!(inbound, Inbound::Answered);
    let (status, code, _) = error_code(&response);
    assert_eq!((status, code), (200, EbxmlErrorCode::TimeToLiveExpired));
}

#[test]
fn an_unreadable_delivery_is_a_permanent_fault_and_disturbs_nothing_after_it() {
    let mut inbox = inbox();
    let good = delivery(&small_message(OTHER, OWN, 1));
    let mut cut = good.clone();
    cut.body.truncate(good.body.len() / 2);
    let (response, inbound) = inbox.take(START, &cut);
    assert_eq!((response.status, inbound), (500, Inbound::Answered));
    let Envelope::Fault(fault) = envelope(&response) else {
        panic!("{response:?}");
    };
    assert_eq!(fault.errors[0].code, "300");
    assert!(!fault.errors[0].is_retriable());
    let (_, inbound) = inbox.take(START, &good);
    assert!(matches!(inbound, Inbound::New(_)), "{inbound:?}");
}

#[test]
fn nothing_but_a_post_is_a_delivery() {
    let mut inbox = inbox();
    let mut request = delivery(&small_message(OTHER, OWN, 1));
    request.method = Method::Get;
    let (response, inbound) = inbox.take(START, &request);
    assert_eq!((response.status, inbound), (405, Inbound::Answered));
    assert_eq!(response.headers.get("Allow"), Some("POST"));
}

#[test]
fn a_delivery_failure_reported_by_spine_names_the_lost_message_once() {
    let mut inbox = inbox();
    let report = HttpRequest {
        method: Method::Post,
        path: "/".to_owned(),
        soap_action: None,
        content_type: "text/xml".to_owned(),
        headers: Headers::new(),
        body: error_list(&message_id(7), OWN).into(),
    };
    let (response, inbound) = inbox.take(START, &report);
    let ref_to = Some(message_id(7));
    assert_eq!(inbound, Inbound::DeliveryFailed { ref_to });
    assert!(matches!(envelope(&response), Envelope::Acknowledgment(_)));
    let (again, inbound) = inbox.take(START, &report);
    assert_eq!((again, inbound), (response, Inbound::Answered));
}

#[test]
fn a_header_has_whole_seconds_the_recipients_contract_and_the_dialects_time_to_live() {
    let mut tpp = identity(OWN);
    tpp.dialect = Dialect::Tpp;
    let to = Address::from(&practice(OTHER));
    let payload = small_message(OWN, OTHER, 1).payload;
    let now = START + Duration::from_millis(1_700);
    let header = |directory: &_| {
        tpp.header(
            directory,
            now,
            &to,
            &payload,
            conversation(1),
            message_id(1),
        )
    };
    let ours = header(&directory()).unwrap();
    assert_eq!(ours.timestamp, START + SECOND);
    assert_eq!(ours.time_to_live, Some(START + 601 * SECOND));
    assert_eq!(ours.cpa_id.as_str(), "B86041-MCCI_IN010000UK13");
    let error = header(&Directory::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "sds: no contract of B86041-800001 for MCCI_IN010000UK13"
    );
}

#[test]
fn an_outage_of_ten_minutes_is_survived_when_the_contract_is_long_enough() {
    let mut directory = directory();
    for contract in &mut directory.contracts {
        contract.retries = 5;
        contract.retry_interval = Duration::from_secs(180);
    }
    let mut outbox = knowing(directory);
    outbox.send(START, &small_message(OWN, OTHER, 1), 1);
    let mut now = START;
    while let Some(output) = outbox.poll_output() {
        let (id, _) = post(output);
        let in_outage = now.since(START) < Duration::from_secs(600);
        let answer = if in_outage {
            fault(&["200"])
        } else {
            accepted()
        };
        outbox.handle_response(now, id, &answer);
        if let Some(due) = outbox.poll_timeout() {
            now = due.at;
            outbox.handle_timeout(now);
        }
    }
    assert!(outbox.poll_outcome().unwrap().result.is_ok());
    assert_eq!(now.since(START), Duration::from_secs(720));
}
