//! The limits that the project promises, measured in one run and printed with what they are
//! compared to: memory of the 25 MB transfer over loopback HTTP, and what decoding a 4.5 MB
//! message costs beyond base64 and SHA-256 of its attachment.
//!
//! `cargo bench -p gp2gp-benches --bench limits`; exit status 1 where a limit is missed.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::process::ExitCode;

use gp2gp::driver::{Sut, Transport};
use gp2gp::run::{Options, run};
use gp2gp::score::Scope;
use gp2gp_benches::fragment_with;
use gp2gp_mocks::synthetic::{DocumentKind, DocumentSpec};
use gp2gp_model::verdict::{Profile, Verdict};
use gp2gp_model::{Dialect, Sha256};
use gp2gp_wire::attachment::{DocumentDecoder, Wrap, encode};
use gp2gp_wire::message::{self, Location};

/// The transfer whose memory is measured.
const LARGE: &str = "transfer/large-tiff-25mb";
const MEMORY_LIMIT_BYTES: u64 = 100_000_000;
const DECODE_LIMIT_MS: f64 = 3.0;
const ROUNDS: usize = 60;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    // First, so that the peak is the transfer's and nobody else's.
    let memory_kept = memory()?;
    let decode_kept = decode_cost()?;
    Ok(if memory_kept && decode_kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn memory() -> Result<bool, Box<dyn Error>> {
    let catalogue = gp2gp_scenarios::catalogue()?;
    let source = gp2gp_scenarios::builtin()
        .into_iter()
        .find(|source| source.id.as_str() == LARGE)
        .ok_or("no such scenario")?;
    let plans = gp2gp_scenarios::parse(&source)?
        .iter()
        .map(|scenario| gp2gp_scenarios::lower(scenario, &catalogue, None))
        .collect::<Result<Vec<_>, _>>()?;
    let out = tempfile::tempdir()?;
    let options = Options {
        catalogue: &catalogue,
        sut: Sut::Reference,
        not_claimed: &[],
        transport: Transport::Http,
        profile: Profile::Strict,
        scope: Scope::Selection,
        out: Some(out.path()),
        left_out: &[],
        jobs: NonZeroUsize::MIN,
    };
    let before = peak_bytes()?;
    let report = run(&plans, &options, &|_| {});
    let after = peak_bytes()?;
    let verdict = report
        .scenarios
        .first()
        .map_or(Verdict::CouldNotRun, |scenario| scenario.verdict);
    let kept = after <= MEMORY_LIMIT_BYTES && verdict == Verdict::Pass;
    println!("memory of {LARGE} over loopback HTTP, judged: {verdict}");
    println!("  peak resident  {:>8.1} MB", megabytes(after));
    println!("  before         {:>8.1} MB", megabytes(before));
    println!(
        "  limit          {:>8.1} MB  {}",
        megabytes(MEMORY_LIMIT_BYTES),
        word(kept)
    );
    Ok(kept)
}

fn decode_cost() -> Result<bool, Box<dyn Error>> {
    let document = DocumentSpec::generate(1, 1, DocumentKind::Tiff, 3_375_000).to_bytes();
    let text = encode(&document, Wrap::None);
    let encoded = fragment_with(&document)?.encode(Dialect::NationalMhs);
    let mut floor = Vec::new();
    let mut whole = Vec::new();
    for _ in 0..ROUNDS {
        floor.push(cpu_ms(|| digest(&text))?);
        whole.push(cpu_ms(|| {
            let received = message::open(&encoded.content_type, &encoded.body).ok()?;
            black_box(received.payload().ok()?);
            let Location::Inline(inline) = received.attachments.into_iter().next()?.location else {
                return None;
            };
            digest(&inline.body)
        })?);
    }
    let (floor, whole) = (median(floor), median(whole));
    let kept = whole - floor <= DECODE_LIMIT_MS;
    println!(
        "decoding a message of {} bytes, CPU time, median of {ROUNDS}",
        encoded.body.len()
    );
    println!("  base64 + SHA-256 of its attachment  {floor:>7.2} ms");
    println!("  the whole message                   {whole:>7.2} ms");
    println!(
        "  more                                {:>7.2} ms, ratio {:.2}",
        whole - floor,
        whole / floor
    );
    println!(
        "  limit                               {DECODE_LIMIT_MS:>7.2} ms more  {}",
        word(kept)
    );
    Ok(kept)
}

fn digest(text: &[u8]) -> Option<Sha256> {
    let mut hasher = Sha256::hasher();
    let mut decoder = DocumentDecoder::new(false);
    let mut sink = |piece: &[u8]| hasher.update(piece);
    decoder.push(text, &mut sink).ok()?;
    decoder.finish(&mut sink).ok()?;
    Some(hasher.finish().0)
}

/// CPU milliseconds that `work` takes on this thread, from the kernel's own accounting.
fn cpu_ms<T>(work: impl FnOnce() -> Option<T>) -> Result<f64, Box<dyn Error>> {
    let before = on_cpu_ns()?;
    black_box(work()).ok_or("the message did not decode")?;
    let nanoseconds = on_cpu_ns()? - before;
    Ok(std::time::Duration::from_nanos(nanoseconds).as_secs_f64() * 1_000.0)
}

fn on_cpu_ns() -> Result<u64, Box<dyn Error>> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text
        .split_whitespace()
        .next()
        .ok_or("empty schedstat")?
        .parse()?)
}

fn peak_bytes() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .ok_or("no VmHWM")?;
    let kilobytes: u64 = line.split_whitespace().nth(1).ok_or("no figure")?.parse()?;
    Ok(kilobytes * 1_024)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

const fn word(kept: bool) -> &'static str {
    if kept { "kept" } else { "MISSED" }
}
