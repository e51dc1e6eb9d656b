//! `gp2gp replay`.

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::ValueEnum;
use gp2gp_mocks::cast;
use gp2gp_model::plan::{Plan, Role};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::terms::Terms;
use gp2gp_model::verdict::Profile;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use super::attach::{self, Unattached};
use super::beside::BesideArgs;
use super::formats::Formats;
use super::output::Output;
use super::run::{self, Subject, TransportArg};
use super::{ProfileArg, suite};
use crate::keep::Kept;
use crate::replay::{self, Replay, ReplayError};
use crate::run::{Keep, Options, run as run_all, usual_jobs};
use crate::sut::config::Config;
use gp2gp_model::run_log::Scope;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder that `gp2gp run --out` wrote, or that of one run in it.
    #[arg(value_name = "DIR")]
    recording: PathBuf,
    /// Scenarios of the recording: ids, families (`transfer`), or scenario files. All that were
    /// recorded, if none is given.
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// The recorded system that plays its part again.
    #[arg(long = "as", value_enum, value_name = "ROLE")]
    role: RecordedRole,
    /// The system that plays the other side: `reference`, `broken:<name>`, or the path of a sut.toml.
    #[arg(long, value_name = "SYSTEM", default_value = "reference", value_parser = run::parse_subject)]
    sut: Vec<Subject>,
    /// What carries the messages.
    #[arg(long, value_enum, default_value_t = TransportArg::Virtual)]
    transport: TransportArg,
    /// Judge against the specification or against what deployed systems do.
    ///
    /// Strict, unless a sut.toml says otherwise.
    #[arg(long, value_enum)]
    profile: Option<ProfileArg>,
    /// Folder for reports, traces and bodies; never that of the recording.
    #[arg(long, value_name = "OUT", default_value = "gp2gp-replay")]
    out: PathBuf,
    #[command(flatten)]
    beside: BesideArgs,
    /// Scenarios that run at the same time [default: as many as there are processors].
    #[arg(long, value_name = "NUMBER")]
    jobs: Option<NonZeroUsize>,
    /// Also print the story of every transfer; a few scenarios that are named tell theirs anyway.
    #[arg(long)]
    story: bool,
    #[command(flatten)]
    formats: Formats,
}

/// `--as`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RecordedRole {
    /// Who sent the records.
    Sending,
    /// Who asked for them.
    Requesting,
}

impl From<RecordedRole> for Role {
    fn from(arg: RecordedRole) -> Self {
        match arg {
            RecordedRole::Sending => Self::Sending,
            RecordedRole::Requesting => Self::Requesting,
        }
    }
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    let role = Role::from(args.role);
    let catalogue = suite::catalogue()?;
    let plans = plans(args, &catalogue)?;
    let replay = Replay::open(&args.recording, role, &plans).map_err(|error| explained(&error))?;
    make_out(args)?;
    let described = run::described(&args.sut)?;
    let mut configs = attach::read(&described)?;
    leave_to_the_recording(&mut configs, role)?;
    see_that_terms_fit(&configs, &plans)?;
    attach::check_exemptions(&configs, &catalogue)?;
    let suite = configs.first().map(|config| config.suite.clone());
    let known = suite.as_ref().and_then(|suite| suite.baseline.as_deref());
    let beside = args.beside.load(&catalogue, known)?;
    let attachment = match attach::open(&configs, &described, &args.out) {
        Ok(attachment) => attachment,
        Err(Unattached::Unfit(mishap)) => return attach::complain(&mishap, output),
        Err(Unattached::Call(report)) => return Err(report),
    };
    let not_claimed = attachment.as_ref().map(|it| it.not_claimed());
    let options = Options {
        catalogue: &catalogue,
        sut: run::built_in(&args.sut),
        replay: Some(&replay),
        attached: attachment.as_ref(),
        transport: args.transport.into(),
        not_claimed: not_claimed.as_deref().unwrap_or_default(),
        profile: match (args.profile, &suite) {
            (Some(profile), _) => profile.into(),
            (None, Some(suite)) => suite.profile,
            (None, None) => Profile::Strict,
        },
        scope: Scope::Selection,
        out: Some(Keep::now(&args.out)),
        left_out: &[],
        jobs: args.jobs.unwrap_or_else(usual_jobs),
    };
    let bar = run::progress(plans.len());
    run_all(&plans, &options, &|plan: &Plan| {
        bar.set_message(plan.scenario.to_string());
        bar.inc(1);
    })
    .into_diagnostic()?;
    bar.finish_and_clear();
    beside.keep(&args.out)?;
    let report = Kept::open(&args.out, &catalogue)?.report(&catalogue);

    let formats = &args.formats;
    let mut files = formats.write(&report, &catalogue, (Some(&args.out), output))?;
    files.push(args.out.join("runs"));
    output.result(&report, || {
        let mut text = String::new();
        let is_small = !args.scenarios.is_empty() && report.scenarios.len() <= run::TOLD_UNASKED;
        if args.story || is_small {
            text.push_str(&run::stories(&report));
        }
        text.push_str(&run::told(&report, &catalogue, &files));
        text
    })?;
    Ok(report.exit.code)
}

/// The plans of what was recorded, with the seeds of then: all, or those that are named.
fn plans(args: &Args, catalogue: &[Requirement]) -> miette::Result<Vec<Plan>> {
    let kept = replay::kept(&args.recording).map_err(|error| explained(&error))?;
    let mut known: Vec<(u64, &Terms, Vec<Plan>)> = Vec::new();
    let own = suite::select(&args.scenarios, catalogue, None)?;
    let mut plans = Vec::new();
    for plan in own {
        let mut recorded = kept.iter().map(|(header, _)| header);
        let Some(header) = recorded.find(|it| it.scenario.as_ref() == Some(&plan.scenario)) else {
            continue;
        };
        if plan.seed == header.seed && header.terms.are_usual() {
            plans.push(plan);
            continue;
        }
        let (seed, terms) = (header.seed, &header.terms);
        let is_same = |it: &(u64, &Terms, Vec<Plan>)| (it.0, it.1) == (seed, terms);
        let at = match known.iter().position(is_same) {
            Some(at) => at,
            None => {
                let all = suite::select_under(&args.scenarios, catalogue, Some(seed), terms)?;
                known.push((seed, terms, all));
                known.len() - 1
            }
        };
        let all = known.get(at).map_or(&[][..], |(_, _, plans)| plans);
        let mut same = all.iter().filter(|it| it.scenario == plan.scenario);
        plans.extend(same.next().cloned());
    }
    if !plans.is_empty() {
        return Ok(plans);
    }
    let ids = kept
        .iter()
        .filter_map(|(header, _)| header.scenario.as_ref());
    let ids: Vec<&str> = ids.take(5).map(|id| id.as_str()).collect();
    let help = format!(
        "it holds runs of {}; scenarios of your own are given by the path of their file",
        ids.join(", ")
    );
    Err(miette!(
        help = help,
        "nothing that is asked for was recorded in {}",
        args.recording.display()
    ))
}

/// A recording that is overwritten while it is played would be lost.
fn make_out(args: &Args) -> miette::Result<()> {
    fs::create_dir_all(&args.out)
        .into_diagnostic()
        .wrap_err_with(|| format!("making {}", args.out.display()))?;
    let same = [&args.out, &args.recording].map(|path| path.canonicalize());
    let [Ok(out), Ok(recording)] = same else {
        return Ok(());
    };
    match recording.starts_with(&out) {
        false => Ok(()),
        true => Err(miette!(
            help = "give `--out` another folder",
            "the replay would overwrite its recording in {}",
            args.recording.display()
        )),
    }
}

/// In the role of the recorded system nobody else plays.
fn leave_to_the_recording(configs: &mut [Config], role: Role) -> miette::Result<()> {
    for config in configs {
        config.system.roles.remove(&role);
        if config.system.roles.is_empty() {
            let other = role.other();
            let help = format!("attach a system that is {other}, or replay with `--as {other}`");
            return Err(miette!(
                help = help,
                "{} is {role}, and so is the recording",
                config.system.name
            ));
        }
    }
    Ok(())
}

/// What the live system settles itself was settled when the recording was made.
fn see_that_terms_fit(configs: &[Config], plans: &[Plan]) -> miette::Result<()> {
    let own = attach::terms(configs)?;
    for plan in plans {
        for (role, practice) in &own.practices {
            let recorded = cast::identity(plan, *role).into_diagnostic()?.practice;
            let is_same = recorded.ods == practice.ods
                && recorded.asid == practice.asid
                && recorded.party_key == practice.party_key;
            if !is_same {
                return Err(miette!(
                    help = "record again with this practice, or give the system the recorded one in `[environment.identity]`",
                    "the system is practice {}, and in the recording of {} the {role} practice is {}",
                    practice.ods,
                    plan.scenario,
                    recorded.ods
                ));
            }
        }
        if own.shorter.is_some() && own.shorter != plan.terms.shorter {
            return Err(miette!(
                help = "record again with the same `environment.rate`",
                "the system has shorter durations than {} was recorded with",
                plan.scenario
            ));
        }
    }
    Ok(())
}

fn explained(error: &ReplayError) -> miette::Report {
    let mend = error.mend();
    miette!(help = mend, "{error}")
}
