//! Documents of the store: made, digested, and read by ranges.

use std::hint::black_box;
use std::io::BufRead;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gp2gp_mocks::store::Digests;
use gp2gp_mocks::synthetic::{DocumentKind, DocumentReader, DocumentSpec};

const MEGABYTE: u64 = 1_000_000;
/// What a sending system reads at a time.
const RANGE: u64 = 3 * MEGABYTE;

fn documents(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("document of 25 MB");
    group.throughput(Throughput::Bytes(25 * MEGABYTE));
    group.sample_size(20);
    for kind in [DocumentKind::Tiff, DocumentKind::Text, DocumentKind::Word] {
        let spec = DocumentSpec::generate(1, 1, kind, 25 * MEGABYTE);
        group.bench_function(format!("make {}", spec.media_type), |bencher| {
            bencher.iter(|| read(spec.open(), u64::MAX));
        });
    }
    let spec = DocumentSpec::generate(1, 1, DocumentKind::Tiff, 25 * MEGABYTE);
    group.bench_function("make image/tiff and both digests", |bencher| {
        bencher.iter(|| Digests::of(&spec));
    });
    group.finish();
}

fn ranges(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("last 3 MB of 677 MB");
    group.throughput(Throughput::Bytes(RANGE));
    for kind in [DocumentKind::Tiff, DocumentKind::Text] {
        let spec = DocumentSpec::generate(1, 1, kind, 677 * MEGABYTE);
        group.bench_function(spec.media_type.clone(), |bencher| {
            bencher.iter(|| read(spec.open_at(spec.bytes - RANGE), RANGE));
        });
    }
    group.finish();
}

fn read(mut reader: DocumentReader, at_most: u64) -> u64 {
    let mut read = 0;
    while read < at_most {
        let block = black_box(reader.fill_buf().unwrap_or_default()).len();
        if block == 0 {
            break;
        }
        reader.consume(block);
        read += block as u64;
    }
    read
}

criterion_group!(benches, documents, ranges);
criterion_main!(benches);
