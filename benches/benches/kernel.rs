//! Events per second of the kernel: conversations that each wait for their next event.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gp2gp_model::Time;
use gp2gp_sim::{Ids, Queue, Streams, Timeline};

const EVENTS: u64 = 100_000;

fn queue(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("queue");
    group.throughput(Throughput::Elements(EVENTS));
    for waiting in [10_u64, 1_000, 100_000] {
        group.bench_with_input(
            BenchmarkId::new("schedule and pop, waiting", waiting),
            &waiting,
            |bencher, waiting| {
                bencher.iter(|| {
                    let mut queue = Queue::new(Time::from_micros(0));
                    for event in 0..*waiting {
                        queue.schedule(Time::from_micros(event * 7 % 1_000), event);
                    }
                    for _ in 0..EVENTS {
                        if let Some((now, event)) = queue.pop() {
                            queue.schedule(
                                now + Duration::from_micros(1 + event * 13 % 1_000),
                                event,
                            );
                        }
                    }
                    queue.now()
                });
            },
        );
    }
}

/// The same where all events are equally far ahead, as messages on links are.
fn timeline(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("timeline");
    group.throughput(Throughput::Elements(EVENTS));
    for waiting in [10_u64, 1_000, 100_000] {
        group.bench_with_input(
            BenchmarkId::new("schedule in turn and pop, waiting", waiting),
            &waiting,
            |bencher, waiting| {
                bencher.iter(|| {
                    let mut timeline = Timeline::new(Time::from_micros(0));
                    for event in 0..*waiting {
                        timeline.schedule_in_turn(Time::from_micros(event), event);
                    }
                    for _ in 0..EVENTS {
                        if let Some((now, event)) = timeline.pop() {
                            let at = now + Duration::from_micros(100_000);
                            timeline.schedule_in_turn(at, event);
                        }
                    }
                    timeline.now()
                });
            },
        );
    }
}

fn ids(criterion: &mut Criterion) {
    let mut ids = Ids::new(Streams::new(1).stream("bench"));
    criterion.bench_function("next uuid", |bencher| bencher.iter(|| ids.next_uuid()));
}

criterion_group!(benches, queue, timeline, ids);
criterion_main!(benches);
