//! The limits that the project promises, measured in one run and printed with what they are
//! compared to: what decoding a 4.5 MB message costs beyond base64 and SHA-256 of its attachment,
//! and all that `gp2gp bench` measures.
//!
//! `cargo bench -p gp2gp --bench limits`; exit status 1 where a limit is missed.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::env;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::process::{Command, ExitCode};

use gp2gp::bench::{self, Case, Part};
use gp2gp_benches::fragment_with;
use gp2gp_mocks::synthetic::{DocumentKind, DocumentSpec};
use gp2gp_model::{Dialect, Sha256};
use gp2gp_wire::attachment::{DocumentDecoder, Wrap, encode};
use gp2gp_wire::message::{self, Location};

/// Calls this program for the memory of one case.
const MEMORY_OF: &str = "--memory-of";
const DECODE_LIMIT_MS: f64 = 3.0;
const ROUNDS: usize = 60;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut args = env::args().skip_while(|arg| arg != MEMORY_OF).skip(1);
    if let Some(name) = args.next() {
        let peak = Case::from_name(&name).ok_or("no such case")?.measure()?;
        println!("{}", serde_json::to_string(&peak)?);
        return Ok(ExitCode::SUCCESS);
    }
    let decode_kept = decode_cost()?;
    let child = |case: &str| {
        let mut command = Command::new(env::current_exe()?);
        command.args([MEMORY_OF, case]);
        Ok(command)
    };
    let report = bench::run(&[Part::Path, Part::Suite, Part::Memory], &child, &|_| {})?;
    print!("\n{report}");
    Ok(if decode_kept && report.kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
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

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

const fn word(kept: bool) -> &'static str {
    if kept { "kept" } else { "MISSED" }
}
