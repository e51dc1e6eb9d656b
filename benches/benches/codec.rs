//! The codec, piece by piece.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gp2gp_benches::{fragment_with, messages};
use gp2gp_mocks::synthetic::{DocumentKind, DocumentSpec, Patient, RecordSpec};
use gp2gp_model::{Dialect, OdsCode, Time};
use gp2gp_wire::attachment::{
    ChunkPlan, Cut, Description, DescriptionStyle, DocumentDecoder, DocumentEncoder, Wrap, decode,
    encode,
};
use gp2gp_wire::limits::ATTACHMENT_BASE64_BYTES;
use gp2gp_wire::{ebxml, message, mime};

const MB: u64 = 1_000_000;

fn record(bytes: u64) -> Bytes {
    RecordSpec {
        patient: Patient::generate(1, 1),
        practice: OdsCode::parse("B99999").expect("a code"),
        target_bytes: bytes,
        documents: Vec::new(),
        linked: None,
        entries: Vec::new(),
        redactions: false,
        seed: 1,
        recorded_at: Time::from_micros(1_767_603_600_000_000),
    }
    .record()
}

fn document(bytes: u64) -> Bytes {
    DocumentSpec::generate(1, 1, DocumentKind::Tiff, bytes).to_bytes()
}

/// Every message, in every dialect that writes it.
fn each_message(criterion: &mut Criterion) {
    for (name, message) in messages(record(100_000)).expect("ids parse") {
        for dialect in [
            Dialect::NationalMhs,
            Dialect::Tpp,
            Dialect::Emis,
            Dialect::Vision,
        ] {
            let encoded = message.encode(dialect);
            let id = format!("{name}/{dialect}");
            let mut group = criterion.benchmark_group("message");
            group.throughput(Throughput::Bytes(encoded.body.len() as u64));
            group.bench_function(BenchmarkId::new("encode", &id), |bencher| {
                bencher.iter(|| black_box(&message).encode(dialect));
            });
            group.bench_function(BenchmarkId::new("decode", &id), |bencher| {
                bencher.iter(|| {
                    let received = message::open(&encoded.content_type, black_box(&encoded.body))
                        .expect("it opens");
                    received.payload().expect("it reads")
                });
            });
        }
    }
}

fn parts(criterion: &mut Criterion) {
    let encoded = fragment_with(&document(3_375_000))
        .expect("ids parse")
        .encode(Dialect::NationalMhs);
    let mut group = criterion.benchmark_group("mime");
    group.throughput(Throughput::Bytes(encoded.body.len() as u64));
    group.bench_function("split 4.5 MB", |bencher| {
        bencher.iter(|| {
            mime::split(&encoded.content_type, black_box(&encoded.body)).expect("it splits")
        });
    });
    group.finish();

    let multipart = mime::split(&encoded.content_type, &encoded.body).expect("it splits");
    let envelope = multipart.parts[0].body.clone();
    let mut group = criterion.benchmark_group("ebxml");
    group.throughput(Throughput::Bytes(envelope.len() as u64));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| ebxml::parse(black_box(&envelope)).expect("it parses"));
    });
    group.finish();

    let text = "Filename=\"6E242658_a letter = an & answer.tif\" ContentType=image/tiff Compressed=Yes LargeAttachment=No OriginalBase64=No Length=4500000";
    let mut group = criterion.benchmark_group("description");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("read", |bencher| {
        bencher.iter(|| DescriptionStyle::read(black_box(text)));
    });
    group.bench_function("faults", |bencher| {
        bencher.iter(|| Description::faults(black_box(text)));
    });
    group.finish();
}

fn base64(criterion: &mut Criterion) {
    let document = document(3_375_000);
    let mut group = criterion.benchmark_group("base64");
    group.throughput(Throughput::Bytes(document.len() as u64));
    for (name, wrap) in [("one line", Wrap::None), ("76 columns", Wrap::CrLf76)] {
        let text = encode(&document, wrap);
        group.bench_function(BenchmarkId::new("encode", name), |bencher| {
            bencher.iter(|| encode(black_box(&document), wrap));
        });
        group.bench_function(BenchmarkId::new("decode", name), |bencher| {
            bencher.iter(|| decode(black_box(&text)).expect("it decodes"));
        });
    }
}

fn large_document(criterion: &mut Criterion) {
    let document = document(25 * MB);
    let plan = ChunkPlan::survey(
        &document[..],
        None,
        None,
        Cut::groups(Wrap::None, ATTACHMENT_BASE64_BYTES),
    )
    .expect("memory reads");
    let chunks = || {
        DocumentEncoder::new(
            &document[..],
            plan,
            Cut::groups(Wrap::None, ATTACHMENT_BASE64_BYTES),
        )
        .map(|chunk| chunk.expect("memory reads"))
    };
    let mut group = criterion.benchmark_group("25 MB document");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(document.len() as u64));
    group.bench_function("fragment", |bencher| {
        bencher.iter(|| chunks().map(|chunk| chunk.len()).sum::<usize>());
    });
    group.bench_function("reassemble", |bencher| {
        bencher.iter_batched(
            || chunks().collect::<Vec<_>>(),
            |chunks| {
                let mut bytes = 0;
                let mut decoder = DocumentDecoder::new(false);
                let mut sink = |piece: &[u8]| bytes += piece.len();
                for chunk in &chunks {
                    decoder.push(chunk, &mut sink).expect("it decodes");
                }
                decoder.finish(&mut sink).expect("it ends");
                assert_eq!(bytes, document.len());
            },
            BatchSize::LargeInput,
        );
    });
}

criterion_group!(benches, parts, base64, each_message, large_document);
criterion_main!(benches);
