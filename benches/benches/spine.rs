//! What Spine does with a message, without a socket: checked, acknowledged, brought to a recipient
//! that acknowledges it. And what that is made of.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use gp2gp_benches::delivering::{self, Acknowledging, Delivering};
use gp2gp_benches::traffic::{NOW, Traffic};
use gp2gp_mocks::peer::{AnswerId, HttpRequest, Input, Output, Peer};
use gp2gp_wire::ebxml::{self, Envelope};
use gp2gp_wire::{message, mime};

fn request(traffic: &Traffic, number: u64) -> HttpRequest {
    let mut bytes = traffic.copy();
    traffic.renew(&mut bytes, number);
    Traffic::for_peer(&bytes).expect("it is a request")
}

fn whole(criterion: &mut Criterion) {
    let traffic = Traffic::small().expect("ids parse");
    let spine = delivering::spine().expect("ids parse");
    let mut peer = Delivering::new(spine).expect("ids parse");
    let mut number = 0;
    let mut group = criterion.benchmark_group("spine");
    group.throughput(Throughput::Elements(1));
    group.bench_function("message in, delivered, acknowledged", |bencher| {
        bencher.iter_batched(
            || {
                number += 1;
                (number, request(&traffic, number))
            },
            |(number, request)| {
                let id = AnswerId(number);
                peer.handle(NOW, Input::Request { id, request });
                while let Some(output) = peer.poll_output() {
                    let Output::Answer { response, .. } = output else {
                        continue;
                    };
                    assert_eq!(response.status, 202);
                }
            },
            BatchSize::SmallInput,
        );
    });
}

fn stages(criterion: &mut Criterion) {
    let traffic = Traffic::small().expect("ids parse");
    let request = request(&traffic, 1);
    let multipart = mime::split(&request.content_type, &request.body).expect("it splits");
    let envelope = multipart.parts[0].body.clone();
    let acknowledging = Acknowledging::new().expect("ids parse");
    let acknowledgment = acknowledging
        .answer(delivering::message_id(&request.body))
        .body;
    let Ok(Envelope::Acknowledgment(parsed)) = ebxml::parse(&acknowledgment) else {
        panic!("it is an acknowledgment");
    };
    let received = message::open(&request.content_type, &request.body).expect("it opens");
    let mut group = criterion.benchmark_group("stage");
    group.bench_function("split parts", |bencher| {
        bencher.iter(|| mime::split(&request.content_type, black_box(&request.body)));
    });
    group.bench_function("parse envelope", |bencher| {
        bencher.iter(|| ebxml::parse(black_box(&envelope)));
    });
    group.bench_function("open message", |bencher| {
        bencher.iter(|| message::open(&request.content_type, black_box(&request.body)));
    });
    group.bench_function("parse payload", |bencher| {
        bencher.iter(|| black_box(&received).payload());
    });
    group.bench_function("write acknowledgment", |bencher| {
        bencher.iter(|| ebxml::acknowledgment(black_box(&parsed)));
    });
    group.bench_function("parse acknowledgment", |bencher| {
        bencher.iter(|| ebxml::parse(black_box(&acknowledgment)));
    });
}

criterion_group!(benches, whole, stages);
criterion_main!(benches);
