use gp2gp_model::MessageKind;
use gp2gp_model::plan::{Effect, MessagePick, Role};

use super::*;

#[test]
fn an_outage_refuses_every_post_retriably_and_the_message_gets_through_later() {
    let mut bench = outage(MINUTE, 2 * MINUTE);
    let message = ehr_request(1);
    bench.now += MINUTE;
    for _ in 0..2 {
        let response = bench.send(&message);
        assert_eq!(response.status, 500);
        let error = fault(&response);
        assert_eq!((error.code.as_str(), error.is_retriable()), ("200", true));
    }
    assert_eq!(bench.fired, ["outage", "outage"]);
    assert!(bench.posts.is_empty());

    bench.now += 2 * MINUTE;
    bench.accept(&message);
    assert_eq!(bench.next_post().request, http(&message));
    assert_eq!(bench.fired.len(), 2);
}

#[test]
fn an_outage_begins_and_ends_on_time() {
    let moment = Duration::from_micros(1);
    for (at, status) in [
        (MINUTE - moment, 202),
        (MINUTE, 500),
        (3 * MINUTE - moment, 500),
        (3 * MINUTE, 202),
    ] {
        let mut bench = outage(MINUTE, 2 * MINUTE);
        bench.now += at;
        assert_eq!(bench.send(&ehr_request(1)).status, status, "{at:?}");
    }
}

#[test]
fn spine_delivers_nothing_while_it_is_out() {
    let mut bench = outage(RETRY_INTERVAL - MINUTE, 5 * MINUTE);
    let started = bench.now;
    bench.accept(&ehr_request(1));
    let first = bench.next_post();
    bench.fail(&first, TransportError::Refused);
    while bench.posts.is_empty() && bench.wait() {}
    let retry = bench.next_post();
    assert_eq!(retry.request, first.request);
    assert_eq!(retry.at.since(started), RETRY_INTERVAL + 4 * MINUTE);
}

#[test]
fn a_lost_message_is_accepted_and_never_arrives() {
    let mut bench = Bench::with_faults(vec![Fault {
        name: "second request lost".to_owned(),
        effect: Effect::Lose {
            message: pick(Role::Requesting, MessageKind::EhrRequest, 2),
        },
    }]);
    bench.accept(&acknowledgement(3));
    bench.accept(&ehr_request(1));
    assert_eq!((bench.posts.len(), bench.fired.len()), (2, 0));

    let answer = bench.send(&ehr_request(2));
    assert_eq!(bench.send(&ehr_request(2)), answer);
    assert_eq!(bench.posts.len(), 2);
    assert_eq!(bench.fired, ["second request lost"]);

    bench.accept(&ehr_request(4));
    assert_eq!(bench.posts.len(), 3);
}

#[test]
fn a_retransmission_does_not_count_as_another_message() {
    let mut bench = Bench::with_faults(vec![Fault {
        name: "lost".to_owned(),
        effect: Effect::Lose {
            message: pick(Role::Requesting, MessageKind::EhrRequest, 2),
        },
    }]);
    bench.accept(&ehr_request(1));
    bench.accept(&ehr_request(1));
    assert!(bench.fired.is_empty());
    bench.accept(&ehr_request(2));
    assert_eq!(bench.fired, ["lost"]);
}

#[test]
fn a_message_delivered_twice_comes_again_once_the_first_is_acknowledged() {
    let mut bench = doubled_continue();
    bench.accept(&continue_message(1));
    let first = bench.next_post();
    assert!(bench.posts.is_empty() && bench.fired.is_empty());

    bench.acknowledge(&first);
    let second = bench.next_post();
    assert_eq!((second.to, &second.request), (first.to, &first.request));
    assert_eq!(bench.fired, ["doubled"]);

    bench.acknowledge(&second);
    assert!(bench.posts.is_empty());
    assert_eq!(bench.spine.poll_timeout(), None);
}

#[test]
fn what_becomes_of_a_second_copy_is_not_reported() {
    let mut bench = doubled_continue();
    bench.accept(&continue_message(1));
    let first = bench.next_post();
    bench.acknowledge(&first);
    while let Some(copy) = bench.posts.pop_front() {
        assert_eq!(copy.to, Endpoint::Sending);
        bench.fail(&copy, TransportError::Reset);
        bench.wait();
    }
}

#[test]
fn a_refused_message_does_not_come_again() {
    let mut bench = doubled_continue();
    bench.accept(&continue_message(1));
    let first = bench.next_post();
    bench.respond(&first, message_error_of(&first));
    assert!(bench.posts.is_empty() && bench.fired.is_empty());
}

fn doubled_continue() -> Bench {
    Bench::with_faults(vec![Fault {
        name: "doubled".to_owned(),
        effect: Effect::DeliverTwice {
            message: pick(Role::Requesting, MessageKind::Continue, 1),
        },
    }])
}

fn outage(from: Duration, lasts: Duration) -> Bench {
    Bench::with_faults(vec![Fault {
        name: "outage".to_owned(),
        effect: Effect::SpineOutage { from, lasts },
    }])
}

const fn pick(from: Role, kind: MessageKind, occurrence: u32) -> MessagePick {
    MessagePick {
        from,
        kind,
        occurrence,
    }
}
