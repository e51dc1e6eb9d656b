//! How long the whole suite takes, as `gp2gp run` runs it.

use std::fmt;

use gp2gp_model::plan::Plan;
use gp2gp_model::verdict::Profile;
use serde::Serialize;

use super::measure::on_all_threads;
use super::{BenchError, catalogue, io_error, plans, word};
use crate::driver::{Sut, Transport};
use crate::run::{Keep, Options, run, usual_jobs};
use gp2gp_model::run_log::Scope;

const VIRTUAL_LIMIT_S: f64 = 5.0;
const HTTP_LIMIT_S: f64 = 60.0;

/// How long the suite takes.
#[derive(Debug, Clone, Serialize)]
pub struct SuiteTime {
    /// `virtual clock` or `loopback HTTP`.
    pub transport: &'static str,
    /// How many scenarios.
    pub scenarios: usize,
    /// By the wall clock.
    pub wall_s: f64,
    /// On all processors.
    pub cpu_s: f64,
    /// By the wall clock.
    pub limit_s: f64,
    /// The limit was kept, and the reference system conformed.
    pub kept: bool,
}

/// Runs every scenario but the heavy ones, and keeps what a run keeps.
pub(super) fn measure(transport: Transport) -> Result<SuiteTime, BenchError> {
    let catalogue = catalogue()?;
    let mut suite: Vec<Plan> = Vec::new();
    for source in gp2gp_scenarios::builtin() {
        suite.append(&mut plans(&source, &catalogue)?);
    }
    suite.retain(|plan| !plan.heavy);
    let out = tempfile::tempdir().map_err(io_error("making a folder for runs"))?;
    let options = Options {
        catalogue: &catalogue,
        sut: Sut::Reference,
        not_claimed: &[],
        transport,
        replay: None,
        attached: None,
        profile: Profile::Strict,
        scope: Scope::Suite,
        out: Some(Keep::now(out.path())),
        left_out: &[],
        jobs: usual_jobs(),
    };
    let (report, took) = on_all_threads(|| run(&suite, &options, &|_| {}));
    let report = report?;
    let (name, limit_s) = match transport {
        Transport::Virtual => ("virtual clock", VIRTUAL_LIMIT_S),
        Transport::Http => ("loopback HTTP", HTTP_LIMIT_S),
    };
    let wall_s = took.wall.as_secs_f64();
    Ok(SuiteTime {
        transport: name,
        scenarios: suite.len(),
        wall_s,
        cpu_s: took.cpu.as_secs_f64(),
        limit_s,
        kept: wall_s < limit_s && report.exit.code == 0,
    })
}

impl fmt::Display for SuiteTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "  {}, {} scenarios   {:>6.2} s   {:.2} CPU-seconds, below {:.0} s  {}",
            self.transport,
            self.scenarios,
            self.wall_s,
            self.cpu_s,
            self.limit_s,
            word(self.kept)
        )
    }
}
