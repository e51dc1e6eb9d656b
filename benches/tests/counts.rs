//! What one message costs, in counts that are the same on every machine: a gate where a wall clock
//! would be noise. `counts.txt` beside this file is the baseline.

#![cfg(test)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use allocation_counter::measure;
use gp2gp_benches::delivering::{self, Delivering};
use gp2gp_benches::traffic::{NOW, Traffic};
use gp2gp_mocks::peer::{AnswerId, HttpRequest, Input, Output, Peer};
use gp2gp_wire::attachment::DocumentDecoder;
use gp2gp_wire::message::{self, Location};

/// Set to `write`, the baseline is written anew.
const VARIABLE: &str = "GP2GP_COUNTS";
/// Messages before the one that is counted: what is done once is done.
const WARM_UP: u64 = 50;

#[test]
fn a_message_costs_no_more_than_it_did() {
    let small = Traffic::small().unwrap();
    let large = Traffic::large().unwrap();
    let counted = [
        ("small message through spine", through_spine(&small)),
        ("message of 4.5 MB through spine", through_spine(&large)),
        ("message of 4.5 MB decoded", decoded(&large)),
    ];
    let mut found = String::new();
    for (work, counts) in counted {
        for (what, count) in counts {
            writeln!(found, "{work}: {what} {count}").unwrap();
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/counts.txt");
    if std::env::var(VARIABLE).is_ok_and(|value| value == "write") {
        fs::write(path, found).unwrap();
        return;
    }
    let baseline = fs::read_to_string(path).unwrap();
    let changed: Vec<_> = (baseline.lines().zip(found.lines()))
        .filter(|(before, now)| before != now)
        .map(|(before, now)| format!("  was {before}\n  is  {now}"))
        .collect();
    assert!(
        changed.is_empty() && baseline.lines().count() == found.lines().count(),
        "the cost of a message has changed:\n{}\nMore: find out which change of yours allocates, copies or \
         sends more, and whether it must. Fewer, or meant: run `{VARIABLE}=write cargo test -p gp2gp-benches \
         --test counts`, and commit benches/tests/counts.txt with the reason.",
        changed.join("\n")
    );
}

type Counts = Vec<(&'static str, u64)>;

/// Checked, acknowledged, brought to a recipient that acknowledges it.
fn through_spine(traffic: &Traffic) -> Counts {
    let mut peer = Delivering::new(delivering::spine().unwrap()).unwrap();
    for number in 0..WARM_UP {
        let (_, status, _) = taken(&mut peer, number, request(traffic, number));
        assert_eq!(status, 202);
    }
    let request = request(traffic, WARM_UP);
    let mut outcome = (0, 0, 0);
    let memory = measure(|| outcome = taken(&mut peer, WARM_UP, request));
    let (polls, status, answers) = outcome;
    assert_eq!((status, answers), (202, 1));
    vec![
        ("allocations", memory.count_total),
        ("bytes allocated", memory.bytes_total),
        ("posts", peer.posts() / (WARM_UP + 1)),
        ("polls", polls),
    ]
}

/// Polls, status, and number of answers.
fn taken(peer: &mut Delivering, number: u64, request: HttpRequest) -> (u64, u16, u64) {
    let id = AnswerId(number);
    peer.handle(NOW, Input::Request { id, request });
    let (mut polls, mut status, mut answers) = (1, 0, 0);
    while let Some(output) = peer.poll_output() {
        polls += 1;
        if let Output::Answer { response, .. } = output {
            answers += 1;
            status = response.status;
        }
    }
    (polls, status, answers)
}

fn decoded(traffic: &Traffic) -> Counts {
    let request = request(traffic, 1);
    let mut bytes = 0;
    let memory = measure(|| {
        let received = message::open(&request.content_type, &request.body).unwrap();
        received.payload().unwrap();
        for attachment in &received.attachments {
            let Location::Inline(inline) = &attachment.location else {
                continue;
            };
            let mut decoder = DocumentDecoder::new(false);
            let mut sink = |piece: &[u8]| bytes += piece.len() as u64;
            decoder.push(&inline.body, &mut sink).unwrap();
            decoder.finish(&mut sink).unwrap();
        }
    });
    vec![
        ("allocations", memory.count_total),
        ("bytes allocated", memory.bytes_total),
        ("bytes decoded", bytes),
    ]
}

fn request(traffic: &Traffic, number: u64) -> HttpRequest {
    let mut bytes = traffic.copy();
    traffic.renew(&mut bytes, number);
    Traffic::for_peer(&bytes).unwrap()
}
