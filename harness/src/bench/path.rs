//! The document path: from the store of the sending practice through base64, Spine and
//! reassembly to the digest at the requesting practice, over real sockets. Its trace is recorded with
//! every body; finding out the digests of those, keeping them on disk, and judging them, are measured
//! apart.

use std::fmt;

use gp2gp_mocks::synthetic::{DocumentKind, DocumentSpec};
use gp2gp_model::plan::Plan;
use gp2gp_model::verdict::{Profile, Verdict};
use serde::Serialize;

use super::floor::{self, Floor, milliseconds};
use super::measure::{Took, on_this_thread};
use super::{BenchError, catalogue, io_error, plans, word};
use crate::bodies::BodyStore;
use crate::driver::{Scene, Sut, Transport};
use crate::keep;
use crate::run::{Options, judged};
use gp2gp_model::run_log::Scope;

const DOCUMENTS: u32 = 8;
const DOCUMENT_BYTES: u64 = 25_000_000;
const ROUNDS: usize = 5;
/// Least share of the floor in what the path takes.
const LIMIT: f64 = 0.5;

const SCENARIO: &str = r#"
title = "A document of 25 MB"
judges = ["requesting", "sending"]
requirements = ["SND-32", "RCV-43"]

[[patient]]
name = "alice"
record = "200 KB"

    [[patient.document]]
    type = "image/tiff"
    size = "25 MB"

[exercised]
core_acknowledged = "AA"
"#;

/// What the document path costs, each document in a transfer of its own. Times are of a processor
/// unless they say `wall`.
#[derive(Debug, Clone, Serialize)]
pub struct PathCost {
    /// Documents that were transferred.
    pub documents: u32,
    /// Bytes of each.
    pub document_bytes: u64,
    /// The floor for all documents.
    pub floor: Floor,
    /// All of it.
    pub floor_ms: f64,
    /// Peers, store, driver and recording.
    pub actual_ms: f64,
    /// The same by the wall clock.
    pub actual_wall_ms: f64,
    /// Floor to actual.
    pub ratio: f64,
    /// Least ratio.
    pub limit: f64,
    /// Processor seconds for each 10^9 bytes of documents.
    pub cpu_s_per_gb: f64,
    /// Naming the bodies of the trace by their digests, which is no part of the path.
    pub naming_ms: f64,
    /// Keeping trace and bodies on disk, which is none either.
    pub keeping_ms: f64,
    /// Judging the trace, which is none either.
    pub judging_ms: f64,
    /// The limit was kept.
    pub kept: bool,
}

/// Measures floor and path by turns.
pub(super) fn measure() -> Result<PathCost, BenchError> {
    let catalogue = catalogue()?;
    let source = gp2gp_scenarios::load_str("bench/document-path", SCENARIO)
        .map_err(|error| BenchError::Scenario(error.to_string()))?;
    let options = Options {
        catalogue: &catalogue,
        sut: Sut::Reference,
        not_claimed: &[],
        transport: Transport::Http,
        replay: None,
        attached: None,
        profile: Profile::Strict,
        scope: Scope::Selection,
        out: None,
        left_out: &[],
        jobs: std::num::NonZeroUsize::MIN,
    };
    let plans = plans(&source, &catalogue)?;
    let plan = plans
        .first()
        .ok_or_else(|| BenchError::Scenario("no plan".to_owned()))?;
    let document = DocumentSpec::generate(1, 0, DocumentKind::Tiff, DOCUMENT_BYTES).to_bytes();
    let mut bench = floor::Bench::new(document.to_vec()).map_err(io_error("making the floor"))?;
    let (mut floors, mut actuals) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let floor = bench.measure(DOCUMENTS);
        floors.push(floor.map_err(io_error("measuring the floor"))?);
        actuals.push(round(plan, &options)?);
    }
    let actual = median(actuals).ok_or_else(|| BenchError::Scenario("no round".into()))?;
    Ok(cost(middle(&floors), actual))
}

/// What some transfers took.
#[derive(Clone, Copy, Default)]
struct Transfers {
    path: Took,
    naming: Took,
    keeping: Took,
    judging: Took,
}

/// As many transfers as there are documents.
fn round(plan: &Plan, options: &Options<'_>) -> Result<Transfers, BenchError> {
    let mut all = Transfers::default();
    for _ in 0..DOCUMENTS {
        let bodies = BodyStore::temporary();
        let scene = Scene::set(plan, &options.sut, options.transport, bodies)?;
        let (recorded, path) = on_this_thread(|| scene.play());
        let recorder = recorded?;
        let (named, naming) = on_this_thread(|| recorder.into_trace());
        let (trace, bodies) = named.map_err(io_error("naming the bodies of a trace"))?;
        let folder = tempfile::tempdir().map_err(io_error("making a folder for a run"))?;
        let (kept, keeping) =
            on_this_thread(|| keep::trace(folder.path(), &plan.text, &trace, &bodies));
        kept?;
        let (report, judging) = on_this_thread(|| judged(plan, &trace, &bodies, options));
        if report.verdict != Verdict::Pass {
            return Err(BenchError::Verdict {
                what: plan.title.clone(),
                verdict: report.verdict,
            });
        }
        all.path += path;
        all.naming += naming;
        all.keeping += keeping;
        all.judging += judging;
    }
    Ok(all)
}

/// The middle round: disturbances only ever add.
fn median(mut rounds: Vec<Transfers>) -> Option<Transfers> {
    rounds.sort_by_key(|round| round.path.cpu);
    rounds.get(rounds.len() / 2).copied()
}

/// The median of each component.
fn middle(floors: &[Floor]) -> Floor {
    let of = |component: fn(&Floor) -> f64| {
        let mut values: Vec<f64> = floors.iter().map(component).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Floor {
        sha256_ms: of(|floor| floor.sha256_ms),
        encode_ms: of(|floor| floor.encode_ms),
        decode_ms: of(|floor| floor.decode_ms),
        loopback_ms: of(|floor| floor.loopback_ms),
    }
}

fn cost(floor: Floor, actual: Transfers) -> PathCost {
    let actual_ms = milliseconds(actual.path.cpu);
    let ratio = floor.total_ms() / actual_ms;
    let moved = f64::from(DOCUMENTS) * DOCUMENT_BYTES as f64;
    PathCost {
        documents: DOCUMENTS,
        document_bytes: DOCUMENT_BYTES,
        floor,
        floor_ms: floor.total_ms(),
        actual_ms,
        actual_wall_ms: milliseconds(actual.path.wall),
        ratio,
        limit: LIMIT,
        cpu_s_per_gb: actual_ms / 1e3 / (moved / 1e9),
        naming_ms: milliseconds(actual.naming.cpu),
        keeping_ms: milliseconds(actual.keeping.cpu),
        judging_ms: milliseconds(actual.judging.cpu),
        kept: ratio >= LIMIT,
    }
}

impl fmt::Display for PathCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Floor {
            sha256_ms,
            encode_ms,
            decode_ms,
            loopback_ms,
        } = self.floor;
        writeln!(
            f,
            "document path: {} documents of {} MB over loopback HTTP, from the store on; processor time, median of {ROUNDS}",
            self.documents,
            self.document_bytes / 1_000_000
        )?;
        writeln!(f, "  SHA-256 at both ends          {sha256_ms:>8.1} ms")?;
        writeln!(f, "  base64 encode                 {encode_ms:>8.1} ms")?;
        writeln!(f, "  base64 decode                 {decode_ms:>8.1} ms")?;
        writeln!(f, "  loopback copies, three hops   {loopback_ms:>8.1} ms")?;
        writeln!(
            f,
            "  floor, all of these           {:>8.1} ms",
            self.floor_ms
        )?;
        writeln!(
            f,
            "  peers, store, recording       {:>8.1} ms   {:.2} CPU-seconds/GB, {:.0} ms by the wall clock",
            self.actual_ms, self.cpu_s_per_gb, self.actual_wall_ms
        )?;
        writeln!(
            f,
            "  floor to actual               {:>8.2}      at least {:.2}  {}",
            self.ratio,
            self.limit,
            word(self.kept)
        )?;
        writeln!(
            f,
            "  apart: digests of the trace   {:>8.1} ms",
            self.naming_ms
        )?;
        writeln!(
            f,
            "  apart: keeping it on disk     {:>8.1} ms",
            self.keeping_ms
        )?;
        writeln!(
            f,
            "  apart: judging it             {:>8.1} ms",
            self.judging_ms
        )
    }
}
