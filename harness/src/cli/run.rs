//! `gp2gp run`.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use clap::ValueEnum;
use gp2gp_mocks::Defect;
use gp2gp_model::Capability;
use gp2gp_model::plan::Plan;
use gp2gp_model::report::RunReport;
use gp2gp_model::requirement::Requirement;
use gp2gp_model::verdict::Verdict;
use indicatif::{ProgressBar, ProgressStyle};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use super::output::Output;
use super::{ProfileArg, suite};
use crate::driver::{Sut, Transport};
use crate::run::{Options, run, usual_jobs};
use crate::score::Scope;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Scenarios: ids, families (`transfer`), or scenario files. All, if none is given.
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// The system under test: `reference`, or `broken:<name>` (see `gp2gp list --broken`).
    #[arg(long, default_value = "reference", value_parser = parse_sut)]
    sut: Sut,
    /// A capability that the system does not claim: scenarios that need it do not apply.
    #[arg(long, value_name = "CAPABILITY", value_delimiter = ',', value_parser = Capability::from_str)]
    without: Vec<Capability>,
    /// What carries the messages.
    #[arg(long, value_enum, default_value_t = TransportArg::Virtual)]
    transport: TransportArg,
    /// Judge against the specification or against what deployed systems do.
    #[arg(long, value_enum, default_value_t = ProfileArg::Strict)]
    profile: ProfileArg,
    /// Seed of every random stream, instead of each scenario's own.
    #[arg(long)]
    seed: Option<u64>,
    /// Folder for reports, traces and bodies.
    #[arg(long, value_name = "DIR", default_value = "gp2gp-out")]
    out: PathBuf,
    /// Also write JUnit XML to this file.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Also run the heavy scenarios, which move a gigabyte. A heavy scenario that is named runs
    /// without this.
    #[arg(long)]
    heavy: bool,
    /// Scenarios that run at the same time [default: as many as there are processors].
    #[arg(long, value_name = "NUMBER")]
    jobs: Option<NonZeroUsize>,
    /// Also print the life of every document whose file name holds this; nothing for all.
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    custody: Option<String>,
    /// Also print the story of every transfer; a few scenarios that are named tell theirs anyway.
    #[arg(long)]
    story: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TransportArg {
    /// In process, under the virtual clock.
    Virtual,
    /// Real HTTP on loopback sockets, idle time skipped.
    Http,
}

pub(super) fn parse_sut(text: &str) -> Result<Sut, String> {
    match text.split_once(':') {
        None if text == "reference" => Ok(Sut::Reference),
        Some(("broken", name)) => Defect::from_name(name).map(Sut::Broken).ok_or_else(|| {
            let names: Vec<_> = Defect::all().map(Defect::name).collect();
            format!("no broken system `{name}`; there are {}", names.join(", "))
        }),
        None | Some(_) => Err("give `reference` or `broken:<name>`".to_owned()),
    }
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    let catalogue = suite::catalogue()?;
    let mut plans = suite::select(&args.scenarios, &catalogue, args.seed)?;
    let left_out = match args.heavy {
        true => Vec::new(),
        false => suite::leave_out_heavy(&mut plans, &args.scenarios),
    };
    let options = Options {
        catalogue: &catalogue,
        sut: args.sut,
        attached: None,
        transport: match args.transport {
            TransportArg::Virtual => Transport::Virtual,
            TransportArg::Http => Transport::Http,
        },
        not_claimed: &args.without,
        profile: args.profile.into(),
        scope: if args.scenarios.is_empty() {
            Scope::Suite
        } else {
            Scope::Selection
        },
        out: Some(&args.out),
        left_out: &left_out,
        jobs: args.jobs.unwrap_or_else(usual_jobs),
    };
    fs::create_dir_all(&args.out)
        .into_diagnostic()
        .wrap_err_with(|| format!("making {}", args.out.display()))?;
    let bar = progress(plans.len());
    let report = run(&plans, &options, &|plan: &Plan| {
        bar.set_message(plan.scenario.to_string());
        bar.inc(1);
    });
    bar.finish_and_clear();

    let files = write_reports(&report, &catalogue, args)?;
    output.result(&report, || {
        let mut text = String::new();
        let is_small = !args.scenarios.is_empty() && report.scenarios.len() <= TOLD_UNASKED;
        if args.story || is_small {
            text.push_str(&stories(&report));
        }
        if let Some(wanted) = &args.custody {
            for scenario in &report.scenarios {
                text.push_str(&gp2gp_reports::custody(scenario, wanted));
            }
        }
        text.push_str(&gp2gp_reports::run(&report, &catalogue));
        for file in &files {
            text.push_str(&format!("report {}\n", file.display()));
        }
        if let Some(failed) = report
            .scenarios
            .iter()
            .find(|scenario| is_red(scenario.verdict))
        {
            text.push_str(&format!(
                "reproduce the first of these with: {}\n",
                failed.reproduce
            ));
        }
        text
    })?;
    Ok(report.exit.code)
}

/// So many stories can be read.
const TOLD_UNASKED: usize = 8;

const fn is_red(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Fail
        | Verdict::CouldNotRun
        | Verdict::HarnessError
        | Verdict::Unknown
        | Verdict::UnexpectedPass
        | Verdict::Flaky => true,
        Verdict::Pass | Verdict::Warn | Verdict::NotApplicable | Verdict::KnownFailure => false,
    }
}

fn stories(report: &RunReport) -> String {
    report.scenarios.iter().map(gp2gp_reports::story).collect()
}

fn write_reports(
    report: &RunReport,
    catalogue: &[Requirement],
    args: &Args,
) -> miette::Result<Vec<PathBuf>> {
    let json = args.out.join("report.json");
    write(
        &json,
        &(serde_json::to_string_pretty(report).into_diagnostic()? + "\n"),
    )?;
    let junit = args
        .junit
        .clone()
        .unwrap_or_else(|| args.out.join("junit.xml"));
    let xml = gp2gp_reports::junit(report, catalogue)
        .map_err(|error| miette!("junit report: {error}"))?;
    write(&junit, &xml)?;
    Ok(vec![json, junit, args.out.join("runs")])
}

fn write(file: &Path, text: &str) -> miette::Result<()> {
    if let Some(folder) = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder)
            .into_diagnostic()
            .wrap_err_with(|| format!("making {}", folder.display()))?;
    }
    fs::write(file, text)
        .into_diagnostic()
        .wrap_err_with(|| format!("writing {}", file.display()))
}

/// On a terminal only: indicatif hides it elsewhere.
fn progress(length: usize) -> ProgressBar {
    let bar = ProgressBar::new(length as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
