//! A recipient that takes less than is posted to it.

use gp2gp_model::ContentId;
use gp2gp_wire::message::{Attachment, Inline, Location};
use gp2gp_wire::mime::TransferEncoding;

use super::*;

const MESSAGE_BYTES: usize = 4_000_000;
/// Posts that Spine has under way to one recipient.
const UNDER_WAY: usize = 10;

/// A message of 4 MB, each with a content of its own.
fn large(number: u32) -> Message {
    let letter = b'A' + u8::try_from(number % 26).unwrap();
    let inline = Inline {
        content_id: ContentId::parse("scan@spine.nhs.uk").unwrap(),
        content_type: "image/tiff".to_owned(),
        encoding: TransferEncoding::Base64,
        body: vec![letter; MESSAGE_BYTES].into(),
    };
    let attachment = Attachment {
        id: None,
        description: None,
        location: Location::Inline(inline),
    };
    Message {
        attachments: vec![attachment],
        ..ehr_request(number)
    }
}

/// Posts until an answer does not come at once; how many were answered.
fn crowd(bench: &mut Bench) -> u32 {
    for number in 1..100 {
        let id = AnswerId(u64::from(number));
        let request = http(&large(number));
        bench
            .spine
            .handle(bench.now, Input::Request { id, request });
        match bench.drain() {
            Some((answered, response, _)) => assert_eq!((answered, response.status), (id, 202)),
            None => return number - 1,
        }
    }
    panic!("Spine takes 400 MB for a recipient that takes nothing");
}

#[test]
fn who_posts_faster_than_the_recipient_takes_waits_for_the_answer() {
    let mut bench = Bench::new();
    let answered = crowd(&mut bench);
    // What is under way, and 16 MB.
    assert_eq!(answered, UNDER_WAY as u32 + 3);
    let post = bench.next_post();
    let response = acknowledgment_of(&post);
    let input = Input::Response {
        post: post.id,
        response,
    };
    bench.spine.handle(bench.now, input);
    let (id, response, conduct) = bench.drain().expect("there is room again");
    assert_eq!(id, AnswerId(u64::from(answered) + 1));
    assert_eq!((response.status, conduct), (202, Conduct::Clean));
}

#[test]
fn a_crowded_recipient_slows_nobody_who_posts_to_another() {
    let mut bench = Bench::new();
    crowd(&mut bench);
    bench.requests = 1_000;
    bench.accept(&acknowledgement(1_000));
}

#[test]
fn nobody_waits_for_an_answer_longer_than_five_seconds() {
    let mut bench = Bench::new();
    let answered = crowd(&mut bench);
    let began = bench.now;
    let deadline = bench.spine.poll_timeout().unwrap();
    assert_eq!(
        deadline.why,
        "an answer that waited for a recipient to take its messages"
    );
    assert_eq!(deadline.at.since(began), Duration::from_secs(5));
    bench.now = deadline.at;
    bench.spine.handle_timeout(bench.now);
    let (id, ..) = bench.drain().expect("it has waited long enough");
    assert_eq!(id, AnswerId(u64::from(answered) + 1));
}

#[test]
fn messages_for_a_recipient_that_is_down_cost_no_memory_and_come_whole() {
    const MESSAGES: u32 = 20;
    let mut bench = Bench::new();
    let mut sent = Vec::new();
    for number in 1..=MESSAGES {
        let request = http(&large(number));
        sent.push(request.clone());
        assert_eq!(bench.post(request).status, 202);
        let post = bench.next_post();
        bench.fail(&post, TransportError::Refused);
    }
    let in_memory = bench.spine.outbox.in_memory();
    assert!(in_memory <= 32_000_000, "{in_memory} bytes in memory");
    assert!(bench.wait());
    let mut again = Vec::new();
    while let Some(post) = bench.posts.pop_front() {
        again.push(post.request.clone());
        bench.acknowledge(&post);
    }
    assert!(again == sent, "another order, or other bytes");
    assert_eq!(bench.spine.outbox.in_memory(), 0);
}
