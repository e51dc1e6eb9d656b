//! Messages simulated in a second of one core, with few conversations under way and with many.
//!
//! `cargo bench -p gp2gp --bench simulate`.

use std::num::NonZeroUsize;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gp2gp::simulate::{ENGLAND, Order, Profile, simulate};

const TRANSFERS: u32 = 20_000;

fn messages(criterion: &mut Criterion) {
    let Ok(profile) = Profile::parse("england", ENGLAND) else {
        return;
    };
    let mut group = criterion.benchmark_group("messages of 20 000 transfers");
    group.sample_size(10);
    for days in [1, 365] {
        let order = Order {
            profile: &profile,
            seed: 1,
            days,
            transfers: TRANSFERS,
        };
        let messages = simulate(&order, NonZeroUsize::MIN).messages.all;
        group.throughput(Throughput::Elements(messages));
        group.bench_with_input(
            BenchmarkId::new("in days", days),
            &order,
            |bencher, order| {
                bencher.iter(|| simulate(order, NonZeroUsize::MIN));
            },
        );
    }
}

criterion_group!(benches, messages);
criterion_main!(benches);
