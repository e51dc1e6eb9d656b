//! `gp2gp run`.

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use clap::ValueEnum;
use gp2gp_mocks::Defect;
use gp2gp_model::Capability;
use gp2gp_model::plan::{Plan, Role};
use gp2gp_model::report::RunReport;
use gp2gp_model::requirement::Requirement;
use gp2gp_model::verdict::{Profile, Verdict};
use indicatif::{ProgressBar, ProgressStyle};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use super::attach::{self, Unattached};
use super::beside::BesideArgs;
use super::formats::Formats;
use super::output::Output;
use super::{ProfileArg, suite};
use crate::driver::{Sut, Transport};
use crate::keep::Kept;
use crate::run::{Keep, Options, run, usual_jobs};
use gp2gp_model::run_log::Scope;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Scenarios: ids, families (`transfer`), or scenario files. All, if none is given.
    #[arg(value_name = "SCENARIO")]
    pub(super) scenarios: Vec<String>,
    /// The system under test: `reference`, `broken:<name>` (see `gp2gp list --broken`), `broken:<name>+<name>`, or the path of a
    /// sut.toml. Two files are attached against each other: `--sut sending=a.toml --sut requesting=b.toml`.
    #[arg(long, value_name = "SYSTEM", default_value = "reference", value_parser = parse_subject)]
    sut: Vec<Subject>,
    /// A capability that the system does not claim: scenarios that need it do not apply.
    #[arg(long, value_name = "CAPABILITY", value_delimiter = ',', value_parser = Capability::from_str)]
    without: Vec<Capability>,
    /// What carries the messages.
    #[arg(long, value_enum, default_value_t = TransportArg::Virtual)]
    transport: TransportArg,
    /// Judge against the specification or against what deployed systems do.
    ///
    /// Strict, unless a sut.toml says otherwise.
    #[arg(long, value_enum)]
    profile: Option<ProfileArg>,
    /// Seed of every random stream, instead of each scenario's own.
    #[arg(long)]
    seed: Option<u64>,
    /// Folder for reports, traces and bodies.
    #[arg(long, value_name = "DIR", default_value = "gp2gp-out")]
    pub(super) out: PathBuf,
    #[command(flatten)]
    beside: BesideArgs,
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
    #[command(flatten)]
    pub(super) formats: Formats,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TransportArg {
    /// In process, under the virtual clock.
    Virtual,
    /// Real HTTP on loopback sockets, idle time skipped.
    Http,
}

impl From<TransportArg> for Transport {
    fn from(arg: TransportArg) -> Self {
        match arg {
            TransportArg::Virtual => Self::Virtual,
            TransportArg::Http => Self::Http,
        }
    }
}

pub(super) fn parse_sut(text: &str) -> Result<Sut, String> {
    match text.split_once(':') {
        None if text == "reference" => Ok(Sut::Reference),
        Some(("broken", names)) => {
            let mut defects: Vec<Defect> = Vec::new();
            for name in names.split('+') {
                let defect = defect(name)?;
                if !defects.contains(&defect) {
                    defects.push(defect);
                }
            }
            Ok(Sut::Broken(defects))
        }
        None | Some(_) => {
            Err("give `reference`, `broken:<name>` or `broken:<name>+<name>`".to_owned())
        }
    }
}

fn defect(name: &str) -> Result<Defect, String> {
    Defect::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Defect::all().map(Defect::name).collect();
        format!("no broken system `{name}`; there are {}", names.join(", "))
    })
}

/// What is put to the test.
#[derive(Debug, Clone)]
pub(super) enum Subject {
    /// In this process.
    BuiltIn(Sut),
    /// Not ours.
    File(Described),
}

/// A system that is not ours, and in which role only, if not in all of its own.
#[derive(Debug, Clone)]
pub(super) struct Described {
    pub(super) role: Option<Role>,
    pub(super) file: PathBuf,
}

pub(super) fn parse_subject(text: &str) -> Result<Subject, String> {
    let (role, file) = match text.split_once('=') {
        Some((role, file)) => (Role::ALL.into_iter().find(|it| it.name() == role), file),
        None => (None, text),
    };
    if file.ends_with(".toml") {
        let file = PathBuf::from(file);
        return Ok(Subject::File(Described { role, file }));
    }
    let built_in = parse_sut(text).map_err(|why| format!("{why}, or the path of a sut.toml"))?;
    Ok(Subject::BuiltIn(built_in))
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    let Played {
        report, catalogue, ..
    } = match play(args, output)? {
        Ok(played) => played,
        Err(code) => return Ok(code),
    };
    tell(args, &report, &catalogue, output)
}

/// A run, and what was asked for: nothing for all.
pub(super) struct Played {
    pub(super) report: RunReport,
    pub(super) catalogue: Vec<Requirement>,
    pub(super) wanted: Vec<String>,
}

/// Runs what is asked for; the status with which to end, where there is no system to run it on.
pub(super) fn play(args: &Args, output: &Output) -> miette::Result<Result<Played, u8>> {
    fs::create_dir_all(&args.out)
        .into_diagnostic()
        .wrap_err_with(|| format!("making {}", args.out.display()))?;
    let described = described(&args.sut)?;
    let configs = attach::read(&described)?;
    let suite = configs.first().map(|config| config.suite.clone());
    let wanted = match &suite {
        Some(suite) if args.scenarios.is_empty() => &suite.scenarios,
        Some(_) | None => &args.scenarios,
    };
    let catalogue = suite::catalogue()?;
    let known = suite.as_ref().and_then(|suite| suite.baseline.as_deref());
    let beside = args.beside.load(&catalogue, known)?;
    attach::check_exemptions(&configs, &catalogue)?;
    let seed = args.seed.or(suite.as_ref().and_then(|suite| suite.seed));
    let terms = attach::terms(&configs)?;
    let mut plans = suite::select_under(wanted, &catalogue, seed, &terms)?;
    let left_out = match args.heavy || suite.as_ref().is_some_and(|suite| suite.heavy) {
        true => Vec::new(),
        false => suite::leave_out_heavy(&mut plans, wanted),
    };
    let attachment = match attach::open(&configs, &described, &args.out) {
        Ok(attachment) => attachment,
        Err(Unattached::Unfit(mishap)) => return attach::complain(&mishap, output).map(Err),
        Err(Unattached::Call(report)) => return Err(report),
    };
    let mut not_claimed = args.without.clone();
    if let Some(attachment) = &attachment {
        not_claimed.extend(attachment.not_claimed());
    }
    let options = Options {
        catalogue: &catalogue,
        sut: built_in(&args.sut),
        replay: None,
        attached: attachment.as_ref(),
        transport: args.transport.into(),
        not_claimed: &not_claimed,
        profile: match (args.profile, &suite) {
            (Some(profile), _) => profile.into(),
            (None, Some(suite)) => suite.profile,
            (None, None) => Profile::Strict,
        },
        scope: if wanted.is_empty() {
            Scope::Suite
        } else {
            Scope::Selection
        },
        out: Some(Keep::now(&args.out)),
        left_out: &left_out,
        jobs: args.jobs.unwrap_or_else(usual_jobs),
    };
    let bar = progress(plans.len());
    run(&plans, &options, &|plan: &Plan| {
        bar.set_message(plan.scenario.to_string());
        bar.inc(1);
    })
    .into_diagnostic()?;
    bar.finish_and_clear();
    beside.keep(&args.out)?;
    let report = Kept::open(&args.out, &catalogue)?.report(&catalogue);
    Ok(Ok(Played {
        report,
        wanted: wanted.clone(),
        catalogue,
    }))
}

/// Writes the reports of a run and tells it.
fn tell(
    args: &Args,
    report: &RunReport,
    catalogue: &[Requirement],
    output: &Output,
) -> miette::Result<u8> {
    let formats = &args.formats;
    let mut files = formats.write(report, catalogue, (Some(&args.out), output))?;
    files.push(args.out.join("runs"));
    output.result(report, || {
        let mut text = String::new();
        let is_small = !args.scenarios.is_empty() && report.scenarios.len() <= TOLD_UNASKED;
        if args.story || is_small {
            text.push_str(&stories(report));
        }
        if let Some(wanted) = &args.custody {
            for scenario in &report.scenarios {
                text.push_str(&gp2gp_reports::custody(scenario, wanted));
            }
        }
        text.push_str(&told(report, catalogue, &files));
        text
    })?;
    Ok(report.exit.code)
}

pub(super) fn described(subjects: &[Subject]) -> miette::Result<Vec<Described>> {
    let mut files = Vec::new();
    for subject in subjects {
        match subject {
            Subject::File(described) => files.push(described.clone()),
            Subject::BuiltIn(_) if subjects.len() > 1 => {
                return Err(miette!(
                    help = "a system of the suite is attached by a file too, with `gp2gp serve` as its start command",
                    "only systems with a sut.toml can be put against each other"
                ));
            }
            Subject::BuiltIn(_) => {}
        }
    }
    Ok(files)
}

/// The system in this process; one that is not here is in its place.
pub(super) fn built_in(subjects: &[Subject]) -> Sut {
    match subjects.first() {
        Some(Subject::BuiltIn(sut)) => sut.clone(),
        Some(Subject::File(_)) | None => Sut::Reference,
    }
}

/// So many stories can be read.
pub(super) const TOLD_UNASKED: usize = 8;

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

/// The run as people read it, where its reports are, and what to do next.
pub(super) fn told(report: &RunReport, catalogue: &[Requirement], files: &[PathBuf]) -> String {
    let mut text = gp2gp_reports::run(report, catalogue);
    for file in files {
        text.push_str(&format!("report {}\n", file.display()));
    }
    let mut red = report.scenarios.iter().filter(|it| is_red(it.verdict));
    if let Some(failed) = red.next() {
        let again = &failed.reproduce;
        text.push_str(&format!("reproduce the first of these with: {again}\n"));
    }
    text
}

pub(super) fn stories(report: &RunReport) -> String {
    report.scenarios.iter().map(gp2gp_reports::story).collect()
}

/// On a terminal only: indicatif hides it elsewhere.
pub(super) fn progress(length: usize) -> ProgressBar {
    let bar = ProgressBar::new(length as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
