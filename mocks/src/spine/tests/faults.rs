use gp2gp_model::fault::{Effect, MessagePattern, OVERTAKEN_AT_MOST, Often, Target, When};
use gp2gp_model::plan::Role;
use gp2gp_model::{Break, MessageKind};

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
    let mut bench = on_delivery(Effect::Drop, MessageKind::EhrRequest, 2);
    bench.accept(&acknowledgement(3));
    bench.accept(&ehr_request(1));
    assert_eq!((bench.posts.len(), bench.fired.len()), (2, 0));

    let answer = bench.send(&ehr_request(2));
    assert_eq!(bench.send(&ehr_request(2)), answer);
    assert_eq!(bench.posts.len(), 2);
    assert_eq!(bench.fired, ["planned"]);

    bench.accept(&ehr_request(4));
    assert_eq!(bench.posts.len(), 3);
}

#[test]
fn a_retransmission_does_not_count_as_another_message() {
    let mut bench = on_delivery(Effect::Drop, MessageKind::EhrRequest, 2);
    bench.accept(&ehr_request(1));
    bench.accept(&ehr_request(1));
    assert!(bench.fired.is_empty());
    bench.accept(&ehr_request(2));
    assert_eq!(bench.fired, ["planned"]);
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
    assert_eq!(bench.fired, ["planned"]);

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

#[test]
fn a_broken_message_arrives_broken() {
    let mut bench = on_delivery(Effect::Corrupt(Break::NotXml), MessageKind::EhrRequest, 1);
    let message = ehr_request(1);
    bench.accept(&message);
    assert_ne!(bench.next_post().request.body, http(&message).body);
    assert_eq!(bench.fired, ["planned"]);
}

#[test]
fn a_delayed_message_leaves_that_much_later_even_if_its_time_to_be_delivered_is_over() {
    let by = 40 * RETRY_INTERVAL;
    let mut bench = on_delivery(Effect::Delay(by), MessageKind::EhrRequest, 1);
    let started = bench.now;
    bench.accept(&ehr_request(1));
    assert!(bench.posts.is_empty());
    assert_eq!(bench.fired, ["planned"]);
    while bench.posts.is_empty() && bench.wait() {}
    assert_eq!(bench.next_post().at.since(started), by);
}

#[test]
fn a_message_is_overtaken_by_as_many_as_planned() {
    let mut bench = on_delivery(Effect::Reorder(2), MessageKind::EhrRequest, 1);
    let (first, second, third) = (ehr_request(1), ehr_request(2), ehr_request(4));
    bench.accept(&first);
    bench.accept(&second);
    let overtaking = bench.next_post();
    bench.acknowledge(&overtaking);
    assert!(bench.posts.is_empty(), "one is not two");
    bench.accept(&third);
    let overtaking = bench.next_post();
    assert_eq!(overtaking.request, http(&third));
    bench.acknowledge(&overtaking);
    assert_eq!(bench.next_post().request, http(&first));
}

#[test]
fn a_message_that_went_before_does_not_overtake() {
    let mut bench = on_delivery(Effect::Reorder(1), MessageKind::EhrRequest, 2);
    bench.accept(&ehr_request(1));
    let before = bench.next_post();
    bench.accept(&ehr_request(2));
    bench.acknowledge(&before);
    assert!(bench.posts.is_empty());
}

#[test]
fn a_message_that_nothing_overtakes_goes_on_in_the_end() {
    let mut bench = on_delivery(Effect::Reorder(2), MessageKind::EhrRequest, 1);
    let started = bench.now;
    bench.accept(&ehr_request(1));
    while bench.posts.is_empty() && bench.wait() {}
    assert_eq!(bench.next_post().at.since(started), OVERTAKEN_AT_MOST);
}

#[test]
fn a_held_message_waits_for_the_message_that_it_is_held_for() {
    let until = MessagePattern {
        kind: Some(MessageKind::Continue),
        ..MessagePattern::default()
    };
    let mut bench = on_delivery(Effect::HoldUntil(until), MessageKind::EhrRequest, 1);
    bench.accept(&ehr_request(1));
    bench.accept(&ehr_request(2));
    let other = bench.next_post();
    bench.acknowledge(&other);
    assert!(bench.posts.is_empty(), "a request is no Continue");
    bench.accept(&continue_message(4));
    let released_by = bench.next_post();
    assert!(bench.posts.is_empty());
    bench.acknowledge(&released_by);
    assert_eq!(bench.next_post().request, http(&ehr_request(1)));
}

#[test]
fn a_first_delivery_that_stumbles_is_followed_by_a_clean_one() {
    for (effect, conduct) in [
        (Effect::Truncate(30), Conduct::Truncate { percent: 30 }),
        (Effect::Reset, Conduct::Truncate { percent: 0 }),
        (Effect::LoseAnswer, Conduct::Reset),
        (
            Effect::Slow(9),
            Conduct::Slow {
                bytes_per_second: 9,
            },
        ),
    ] {
        let mut bench = on_delivery(effect, MessageKind::EhrRequest, 1);
        bench.accept(&ehr_request(1));
        let first = bench.next_post();
        assert_eq!(first.conduct, conduct);
        assert_eq!(bench.fired, ["planned"]);
        bench.fail(&first, TransportError::Reset);
        while bench.posts.is_empty() && bench.wait() {}
        let again = bench.next_post();
        assert_eq!(
            (again.conduct, &again.request),
            (Conduct::Clean, &first.request)
        );
    }
}

#[test]
fn a_recipient_that_crashes_gets_the_message_again() {
    let down_for = 3 * MINUTE;
    let mut bench = on_delivery(Effect::Crash(down_for), MessageKind::EhrRequest, 1);
    bench.accept(&ehr_request(1));
    let first = bench.next_post();
    assert!(bench.crashed.is_empty(), "it takes the message first");
    bench.acknowledge(&first);
    assert_eq!(bench.crashed, [(first.to, down_for)]);
    while bench.posts.is_empty() && bench.wait() {}
    assert_eq!(bench.next_post().request, first.request);
}

#[test]
fn a_post_is_refused_as_often_as_planned_and_then_taken() {
    for (effect, status) in [
        (Effect::Refuse(503), 503),
        (Effect::SoapFault("206".to_owned()), 500),
        (Effect::ErrorList("SecurityFailure".to_owned()), 500),
    ] {
        let mut bench = on_posting(effect, Often::First(3));
        for _ in 0..3 {
            assert_eq!(bench.send(&ehr_request(1)).status, status);
        }
        assert!(bench.posts.is_empty());
        bench.accept(&ehr_request(1));
        assert_eq!(bench.fired.len(), 3);
        assert_eq!(bench.posts.len(), 1);
    }
}

#[test]
fn a_post_whose_answer_is_lost_was_taken_and_one_that_is_reset_was_not() {
    for (effect, conduct, taken) in [
        (Effect::Drop, Conduct::Silent, false),
        (Effect::Reset, Conduct::Reset, false),
        (Effect::LoseAnswer, Conduct::Reset, true),
        (
            Effect::Truncate(50),
            Conduct::Truncate { percent: 50 },
            true,
        ),
    ] {
        let mut bench = on_posting(effect, Often::On(vec![1]));
        assert_eq!(bench.post_and_see(&ehr_request(1)).1, conduct);
        assert_eq!(bench.posts.len(), usize::from(taken));
        assert_eq!(bench.post_and_see(&ehr_request(1)).1, Conduct::Clean);
        assert_eq!(bench.posts.len(), 1, "a repeat has no other effect");
    }
}

#[test]
fn a_poster_that_crashes_does_not_see_the_answer_to_what_was_taken() {
    let mut bench = on_posting(Effect::Crash(MINUTE), Often::On(vec![1]));
    assert_eq!(bench.post_and_see(&ehr_request(1)).1, Conduct::Reset);
    assert_eq!(bench.crashed, [(Endpoint::Requesting, MINUTE)]);
    assert_eq!(bench.posts.len(), 1);
}

#[test]
fn sizes_tell_which_message_is_meant() {
    let limit = http(&ehr_request(1)).body.len() as u64;
    for (at_least_bytes, delivered) in [(limit, 0), (limit + 1, 1)] {
        let mut bench = Bench::with_faults(vec![planned(
            Effect::Drop,
            Target::Delivery(MessagePattern {
                at_least_bytes: Some(at_least_bytes),
                ..MessagePattern::default()
            }),
            Often::Always,
        )]);
        bench.accept(&ehr_request(1));
        assert_eq!(bench.posts.len(), delivered);
    }
}

fn doubled_continue() -> Bench {
    on_delivery(Effect::Duplicate, MessageKind::Continue, 1)
}

fn on_delivery(effect: Effect, kind: MessageKind, occasion: u32) -> Bench {
    let pattern = MessagePattern {
        from: Some(Role::Requesting),
        kind: Some(kind),
        ..MessagePattern::default()
    };
    let often = Often::On(vec![occasion]);
    Bench::with_faults(vec![planned(effect, Target::Delivery(pattern), often)])
}

fn on_posting(effect: Effect, often: Often) -> Bench {
    let target = Target::Posting(MessagePattern::default());
    Bench::with_faults(vec![planned(effect, target, often)])
}

fn planned(effect: Effect, on: Target, often: Often) -> Fault {
    Fault {
        name: "planned".to_owned(),
        effect,
        on,
        when: When {
            often,
            ..When::default()
        },
    }
}

fn outage(from: Duration, lasts: Duration) -> Bench {
    let mut fault = planned(
        Effect::SoapFault("200".to_owned()),
        Target::System {
            system: Endpoint::Spine,
        },
        Often::Always,
    );
    fault.name = "outage".to_owned();
    fault.when.from = from;
    fault.when.lasts = Some(lasts);
    Bench::with_faults(vec![fault])
}
