use gp2gp_wire::hl7::AckType;
use proptest::prelude::*;

use super::super::answer;
use super::*;

#[test]
fn a_message_reaches_the_system_behind_its_to_party_byte_for_byte() {
    let mut bench = Bench::new();
    let (request, reply) = (http(&ehr_request(1)), http(&acknowledgement(2)));
    bench.post(request.clone());
    bench.post(reply.clone());
    let (there, back) = (bench.next_post(), bench.next_post());
    assert_eq!((there.to, there.request), (Endpoint::Sending, request));
    assert_eq!((back.to, back.request), (Endpoint::Requesting, reply));
}

#[test]
fn a_repeated_message_gets_the_same_acknowledgment_and_is_forwarded_once() {
    let mut bench = Bench::new();
    let mut message = ehr_request(1);
    message.header.time_to_live = Some(bench.now + MINUTE);
    let first = bench.send(&message);
    bench.now += 2 * MINUTE;
    assert_eq!(bench.send(&message), first);
    assert_eq!(bench.posts.len(), 1);
}

#[test]
fn the_same_message_id_in_another_conversation_is_another_message() {
    let mut bench = Bench::new();
    let mut other = ehr_request(1);
    other.header.conversation_id = uuid(10).parse().unwrap();
    bench.accept(&ehr_request(1));
    bench.accept(&other);
    assert_eq!(bench.posts.len(), 2);
}

#[test]
fn an_acknowledged_delivery_is_over() {
    let mut bench = Bench::new();
    bench.accept(&ehr_request(1));
    let post = bench.next_post();
    bench.acknowledge(&post);
    assert_eq!(bench.spine.poll_timeout(), None);
    assert!(bench.posts.is_empty());
}

#[test]
fn a_delivery_is_retried_by_contract_and_then_reported_to_its_sender() {
    let mut bench = Bench::new();
    bench.accept(&ehr_request(1));
    let first = bench.next_post();
    bench.respond(&first, text_xml(500, ""));
    for _ in 0..RETRIES {
        let failed_at = bench.now;
        assert!(bench.wait());
        let retry = bench.next_post();
        assert_eq!(retry.request, first.request);
        assert_eq!(retry.at.since(failed_at), RETRY_INTERVAL);
        bench.fail(&retry, TransportError::Refused);
    }
    let report = bench.next_post();
    assert_eq!(report.to, Endpoint::Requesting);
    assert_eq!(report.request.content_type, "text/xml");
    let Ok(Envelope::ErrorList(list)) = ebxml::parse(&report.request.body) else {
        panic!("{report:?}");
    };
    assert_eq!(list.errors[0].code, EbxmlErrorCode::DeliveryFailure);
    assert_eq!(list.ref_to_message_id, Some(message_id(1)));
    bench.acknowledge(&report);
    assert_eq!(bench.spine.poll_timeout(), None);
}

#[test]
fn what_spine_says_itself_is_retried_and_then_dropped() {
    let mut bench = Bench::new();
    bench.accept(&ehr_request_to(1, SILENT));
    while bench.wait() {
        while let Some(post) = bench.posts.pop_front() {
            bench.fail(&post, TransportError::Reset);
        }
    }
    assert_eq!(bench.made, 1 + RETRIES);
}

#[test]
fn a_party_without_a_system_is_never_reached() {
    let mut bench = Bench::new();
    bench.accept(&ehr_request_to(1, SILENT));
    let accepted_at = bench.now;
    while bench.posts.is_empty() && bench.wait() {}
    let report = bench.next_post();
    assert_eq!(report.to, Endpoint::Requesting);
    assert_eq!(report.at.since(accepted_at), RETRY_INTERVAL * RETRIES);
}

#[test]
fn silence_counts_as_failure_after_20_seconds_and_a_late_answer_says_nothing() {
    let mut bench = Bench::new();
    bench.accept(&ehr_request(1));
    let post = bench.next_post();
    assert!(bench.wait());
    assert_eq!(bench.now.since(post.at), Duration::from_secs(20));
    bench.acknowledge(&post);
    assert!(bench.wait());
    assert_eq!(bench.next_post().request, post.request);
}

#[test]
fn only_an_acknowledgment_of_this_message_ends_a_delivery() {
    let mut other = Bench::new();
    other.accept(&ehr_request(2));
    let of_another = acknowledgment_of(&other.next_post());
    for answer in [text_xml(200, ""), text_xml(200, "<html/>"), of_another] {
        let mut bench = Bench::new();
        bench.accept(&ehr_request(1));
        let post = bench.next_post();
        bench.respond(&post, answer);
        assert!(bench.wait());
        assert_eq!(bench.next_post().request, post.request);
    }
}

#[test]
fn a_message_error_on_delivery_is_not_retried() {
    let mut bench = Bench::new();
    bench.accept(&ehr_request(1));
    let post = bench.next_post();
    bench.respond(&post, message_error_of(&post));
    assert_eq!(bench.spine.poll_timeout(), None);
    assert!(bench.posts.is_empty());
}

#[test]
fn no_retry_comes_after_the_time_to_live() {
    let mut bench = Bench::new();
    let mut message = ehr_request(1);
    message.header.time_to_live = Some(bench.now + RETRY_INTERVAL + MINUTE);
    bench.accept(&message);
    let first = bench.next_post();
    bench.fail(&first, TransportError::Refused);
    assert!(bench.wait());
    let second = bench.next_post();
    assert_eq!(second.to, Endpoint::Sending);
    bench.fail(&second, TransportError::Refused);
    assert_eq!(bench.next_post().to, Endpoint::Requesting);
}

#[test]
fn no_retry_comes_after_the_persist_duration() {
    let mut bench = Bench::new();
    for contract in &mut bench.spine.directory.contracts {
        contract.persist_duration = MINUTE;
    }
    bench.accept(&ehr_request(1));
    let first = bench.next_post();
    bench.fail(&first, TransportError::Refused);
    assert_eq!(bench.next_post().to, Endpoint::Requesting);
}

#[test]
fn ten_deliveries_are_under_way_at_once_and_the_others_keep_their_order() {
    let mut bench = Bench::new();
    for number in 1..=12 {
        bench.accept(&ehr_request(number));
    }
    assert_eq!(bench.posts.len(), 10);
    let last = bench.posts.back().cloned().unwrap();
    bench.acknowledge(&last);
    let eleventh = bench.posts.back().cloned().unwrap();
    assert_eq!(open(&eleventh.request).header.message_id, message_id(11));
    assert_eq!(bench.posts.len(), 11);
}

#[test]
fn what_waited_past_its_time_to_live_is_reported_without_a_try() {
    let mut bench = Bench::new();
    for number in 1..=10 {
        bench.accept(&ehr_request(number));
    }
    let mut late = ehr_request(11);
    late.header.time_to_live = Some(bench.now + Duration::from_secs(1));
    bench.accept(&late);
    bench.now += MINUTE;
    let first = bench.next_post();
    bench.acknowledge(&first);
    let report = bench.posts.back().cloned().unwrap();
    let Ok(Envelope::ErrorList(list)) = ebxml::parse(&report.request.body) else {
        panic!("{report:?}");
    };
    assert_eq!(list.ref_to_message_id, Some(message_id(11)));
}

#[test]
fn a_recipient_asid_of_another_party_is_answered_by_spine_itself() {
    for recipient in [SILENT.2, "299999999999"] {
        let mut bench = Bench::new();
        let mut message = ehr_request(1);
        let Payload::EhrRequest(request) = &mut message.payload else {
            unreachable!();
        };
        request.wrapper.recipient = recipient.parse().unwrap();
        let refused = request.wrapper.id.to_string();
        bench.accept(&message);

        let post = bench.next_post();
        assert!(bench.posts.is_empty(), "nothing is forwarded");
        assert_eq!(post.to, Endpoint::Requesting);
        let received = open(&post.request);
        let header = &received.header;
        assert_eq!(header.from.as_str(), answer::PARTY_KEY);
        assert_eq!(header.to.as_str(), REQUESTING.1);
        assert_eq!(
            header.cpa_id,
            cpa_id(REQUESTING.0, Interaction::Acknowledgement)
        );
        assert_eq!(header.ref_to_message_id, Some(message_id(1)));
        assert!(header.sync_reply.is_some());
        assert_eq!(header.ack_requested.as_ref().unwrap().actor, TO_PARTY_MSH);
        let Ok(Payload::Acknowledgement(nack)) = received.payload() else {
            panic!("{received:?}");
        };
        assert_eq!(nack.type_code, AckType::Ar);
        assert_eq!(nack.code().unwrap().as_str(), "506");
        assert_eq!(nack.reason, None);
        assert_eq!(nack.message_ref.as_str(), refused.to_ascii_lowercase());
        assert_eq!(nack.wrapper.recipient.as_str(), REQUESTING.2);

        bench.acknowledge(&post);
        assert_eq!(bench.spine.poll_timeout(), None);
    }
}

/// How a handler takes a delivery.
#[derive(Debug, Clone, Copy)]
enum Mood {
    Takes,
    Refuses,
    Fails,
    KeepsSilent,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_message_is_taken_refused_or_reported_and_first_tries_keep_their_order(
        moods in prop::collection::vec(
            prop::sample::select(vec![Mood::Takes, Mood::Refuses, Mood::Fails, Mood::KeepsSilent]),
            0..60,
        ),
        count in 1_u32..16,
    ) {
        let mut bench = Bench::new();
        let mut moods = moods.into_iter();
        let (mut tried, mut ended, mut reported) = (Vec::new(), Vec::new(), Vec::new());
        for number in 1..=count {
            bench.accept(&ehr_request(number));
        }
        loop {
            while let Some(post) = bench.posts.pop_front() {
                if post.to == Endpoint::Requesting {
                    let Ok(Envelope::ErrorList(list)) = ebxml::parse(&post.request.body) else {
                        panic!("{post:?}");
                    };
                    reported.push(list.ref_to_message_id.unwrap());
                    bench.acknowledge(&post);
                    continue;
                }
                let message_id = open(&post.request).header.message_id;
                if !tried.contains(&message_id) {
                    tried.push(message_id.clone());
                }
                match moods.next().unwrap_or(Mood::Fails) {
                    Mood::Takes => {
                        bench.acknowledge(&post);
                        ended.push(message_id);
                    }
                    Mood::Refuses => {
                        bench.respond(&post, message_error_of(&post));
                        ended.push(message_id);
                    }
                    Mood::Fails => bench.fail(&post, TransportError::Reset),
                    Mood::KeepsSilent => {}
                }
            }
            if !bench.wait() {
                break;
            }
        }
        let all: Vec<_> = (1..=count).map(message_id).collect();
        prop_assert_eq!(&tried, &all);
        ended.extend(reported);
        ended.sort();
        prop_assert_eq!(ended, all);
    }
}
