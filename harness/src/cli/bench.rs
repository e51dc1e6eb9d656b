//! `gp2gp bench`.

use std::env;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;

use gp2gp_model::bench::{BenchReport, FORMAT};
use gp2gp_model::plan::Role;
use gp2gp_model::report::Mishap;
use gp2gp_scenarios::Span;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use serde::Serialize;

use super::output::Output;
use super::run::{Described, parse_sut};
use super::{ProfileArg, attach, suite};
use crate::bench::{self, Case, Part};
use crate::driver::Sut;
use crate::load::{self, Bench, Comparison, LoadError, Profile, Progress, Subject};
use crate::sut::OpenError;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What is transferred: `small`, `documents`, `large`, `national`, `burst`, or the path of a profile of your own.
    /// Or what is measured of the harness itself: `path`, `suite`, `memory`, or `harness` for all three.
    #[arg(value_name = "PROFILE", default_value = "small")]
    what: String,
    /// The system: `reference`, `broken:<name>`, or the path of a sut.toml, of which one role is taken with
    /// `sending=` or `requesting=` before it.
    #[arg(long, value_name = "SYSTEM", default_value = "reference", value_parser = parse_subject)]
    sut: SubjectArg,
    /// How often the system and the reference system are measured by turns.
    #[arg(long, default_value = "5")]
    rounds: NonZeroUsize,
    /// Registrations a second where they do not wait for the system. Six tenths of what the slower of the two can
    /// do, if not given.
    #[arg(long, value_name = "PER_SECOND")]
    rate: Option<f64>,
    /// The same as a multiple of what is registered in the country of the profile, such as 100: `national` alone.
    #[arg(long, value_name = "TIMES", conflicts_with = "rate")]
    multiple: Option<f64>,
    /// Also looks for the highest rate of registrations at which 99 of 100 transfers take no longer than this, such
    /// as `2s`.
    #[arg(long, value_name = "TIME")]
    within: Option<Span>,
    /// Also lets patients register for so long, such as `10m`, by turns with the reference system, and looks
    /// whether memory or time grow.
    #[arg(long, value_name = "TIME")]
    soak: Option<Span>,
    /// How many transfers are under way at once under full load, in place of what the profile says.
    #[arg(long, value_name = "NUMBER")]
    at_once: Option<u32>,
    /// How many transfers a lap has, in place of what the profile says.
    #[arg(long, value_name = "NUMBER")]
    transfers: Option<u32>,
    /// Seed of the first round.
    #[arg(long, default_value = "1")]
    seed: u64,
    /// Judge against the specification or against what deployed systems do.
    #[arg(long, value_enum, default_value_t = ProfileArg::Strict)]
    profile: ProfileArg,
    /// Where the report goes.
    #[arg(long, value_name = "DIR", default_value = "target/gp2gp-bench")]
    out: PathBuf,
    /// The bench.json of an earlier bench: says whether the system became better or worse.
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Fails, with exit status 5, where the score is certainly below this.
    #[arg(long, value_name = "RATIO")]
    at_least: Option<f64>,
    /// Slows a system of the suite down: passed on to `gp2gp serve`.
    #[arg(long, value_name = "WAY", hide = true, allow_hyphen_values = true)]
    slowness: Vec<String>,
    /// Measures the memory of this case in this process, and prints it as JSON.
    #[arg(long, value_name = "CASE", hide = true)]
    memory_of: Option<String>,
}

#[derive(Debug, Clone)]
enum SubjectArg {
    BuiltIn(Sut),
    File(Described),
}

fn parse_subject(text: &str) -> Result<SubjectArg, String> {
    let (role, file) = match text.split_once('=') {
        Some((role, file)) => (Role::ALL.into_iter().find(|it| it.name() == role), file),
        None => (None, text),
    };
    if file.ends_with(".toml") {
        let file = PathBuf::from(file);
        return Ok(SubjectArg::File(Described { role, file }));
    }
    let built_in = parse_sut(text).map_err(|why| format!("{why}, or the path of a sut.toml"))?;
    Ok(SubjectArg::BuiltIn(built_in))
}

/// A gate of throughput was missed.
const TOO_SLOW: u8 = 5;

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    if let Some(name) = &args.memory_of {
        let case = Case::from_name(name).ok_or_else(|| miette!("no case `{name}`"))?;
        let peak = case.measure().into_diagnostic()?;
        output.result(&peak, || format!("{peak}\n"))?;
        return Ok(0);
    }
    match args.what.as_str() {
        "harness" => own(&[Part::Path, Part::Suite, Part::Memory], output),
        "path" => own(&[Part::Path], output),
        "suite" => own(&[Part::Suite], output),
        "memory" => own(&[Part::Memory], output),
        name => system(name, args, output),
    }
}

/// Registrations a second where they do not wait for the system, if that was said.
fn rate(args: &Args, profile: &Profile) -> miette::Result<Option<f64>> {
    let Some(multiple) = args.multiple else {
        return Ok(args.rate);
    };
    let national = profile.registrations_per_second().into_diagnostic()?;
    let national = national.ok_or_else(|| {
        miette!(
            help = "say `--rate` and registrations a second",
            "profile {} has no country, so there is nothing to multiply",
            profile.name
        )
    })?;
    Ok(Some(national * multiple))
}

/// Measures the harness itself.
fn own(parts: &[Part], output: &Output) -> miette::Result<u8> {
    let child = |case: &str| {
        let mut command = Command::new(env::current_exe()?);
        command.args(["bench", "--format", "json", "--memory-of", case]);
        Ok(command)
    };
    let bar = super::spinner();
    let report = bench::run(parts, &child, &|what| bar.set_message(what.to_owned()));
    bar.finish_and_clear();
    let report = report.into_diagnostic()?;
    output.result(&report, || report.to_string())?;
    Ok(u8::from(!report.kept))
}

/// Measures a system under load.
fn system(name: &str, args: &Args, output: &Output) -> miette::Result<u8> {
    let old = args.compare.as_deref().map(read).transpose()?;
    let mut profile = Profile::find(name).into_diagnostic()?;
    profile.at_once = args.at_once.unwrap_or(profile.at_once);
    profile.transfers = args.transfers.unwrap_or(profile.transfers);
    let profile = profile.checked().into_diagnostic()?;
    fs::create_dir_all(&args.out)
        .into_diagnostic()
        .wrap_err_with(|| format!("making {}", args.out.display()))?;
    let catalogue = suite::catalogue()?;
    let system = match subject(args)? {
        Ok(system) => system,
        Err(mishap) => return attach::complain(&mishap, output),
    };
    let program = env::current_exe().into_diagnostic()?;
    let reference = Subject::served(&program, &Sut::Reference, &[], system.roles(), &args.out);
    let reference = reference.into_diagnostic()?;
    let bench = Bench {
        profile: &profile,
        catalogue: &catalogue,
        against: args.profile.into(),
        rounds: args.rounds,
        open_per_second: rate(args, &profile)?,
        sustained_within: args.within.map(|within| within.0),
        soak: args.soak.map(|soak| soak.0),
        sizes: true,
        seed: args.seed,
        reproduce: reproduce(),
    };
    let bar = super::spinner();
    let report = load::bench(&bench, &system, &reference, &|progress| match progress {
        Progress::Next(what) => bar.set_message(what.to_owned()),
        Progress::Found(what) => bar.suspend(|| output.aside(&format!("{what}\n"))),
    });
    bar.finish_and_clear();
    let report = report.into_diagnostic()?;
    let comparison = old.as_ref().map(|old| load::compare(old, &report));
    let files = write(&report, &args.out)?;
    let printed = Printed {
        report: &report,
        comparison: comparison.as_ref(),
    };
    output.result(&printed, || {
        let mut text = gp2gp_reports::bench(&report);
        if let Some(comparison) = &comparison {
            text.push_str(&said(comparison));
        }
        for file in &files {
            text.push_str(&format!("report {}\n", file.display()));
        }
        text
    })?;
    let is_too_slow = args
        .at_least
        .is_some_and(|it| report.is_certainly_below(it));
    Ok(match (report.system.all_count(), is_too_slow) {
        // What does not count weighs more than how fast it was.
        (false, _) => 1,
        (true, true) => TOO_SLOW,
        (true, false) => 0,
    })
}

#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    report: &'a BenchReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<&'a Comparison>,
}

/// The system, or what is wrong with it.
fn subject(args: &Args) -> miette::Result<Result<Subject, Mishap>> {
    let opened = match &args.sut {
        SubjectArg::BuiltIn(system) => {
            let program = env::current_exe().into_diagnostic()?;
            let (slowness, roles) = (&args.slowness, &Role::OF_TRANSFERS);
            Subject::served(&program, system, slowness, roles, &args.out)
        }
        SubjectArg::File(described) => {
            let configs = attach::read(std::slice::from_ref(described))?;
            let config = configs.first().ok_or_else(|| miette!("no system"))?;
            Subject::described(config, &args.out)
        }
    };
    match opened {
        Ok(subject) => Ok(Ok(subject)),
        Err(LoadError::Open(OpenError::Unfit(mishap))) => Ok(Err(mishap)),
        Err(error) => Err(error).into_diagnostic(),
    }
}

fn read(path: &Path) -> miette::Result<BenchReport> {
    let text = fs::read_to_string(path)
        .into_diagnostic()
        .wrap_err_with(|| format!("reading {}", path.display()))?;
    let report: BenchReport = serde_json::from_str(&text)
        .into_diagnostic()
        .wrap_err_with(|| format!("{} is no bench of this version", path.display()))?;
    if report.format != FORMAT {
        return Err(miette!(
            help = "run the earlier bench again with this version",
            "{} has the form {}, and this version reads {FORMAT}",
            path.display(),
            report.format
        ));
    }
    Ok(report)
}

fn write(report: &BenchReport, out: &Path) -> miette::Result<Vec<PathBuf>> {
    let json = serde_json::to_string_pretty(report).into_diagnostic()?;
    let mut files = Vec::new();
    for (name, text) in [
        ("bench.json", json),
        ("bench-latency.svg", gp2gp_reports::bench_latency(report)),
        ("bench-time.svg", gp2gp_reports::bench_time(report)),
    ] {
        let path = out.join(name);
        fs::write(&path, text)
            .into_diagnostic()
            .wrap_err_with(|| format!("writing {}", path.display()))?;
        files.push(path);
    }
    Ok(files)
}

fn said(comparison: &Comparison) -> String {
    let mut text = gp2gp_reports::bench_change(comparison.change, comparison.percent);
    for doubt in &comparison.doubts {
        text.push_str(&format!("         but {doubt}\n"));
    }
    text
}

fn reproduce() -> String {
    let plain = |word: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "./_-=:".contains(c);
        match word.chars().all(is_plain) {
            true => word.to_owned(),
            false => format!("'{}'", word.replace('\'', "'\\''")),
        }
    };
    let words: Vec<String> = env::args().skip(1).map(|word| plain(&word)).collect();
    format!("gp2gp {}", words.join(" "))
}
