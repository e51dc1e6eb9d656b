//! `gp2gp judge`.

use std::path::PathBuf;

use gp2gp_model::plan::{Plan, Role};
use gp2gp_model::report::{FORMAT, RunReport, SYNTHETIC_NOTICE};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::trace::{Header, TimeMode};
use miette::IntoDiagnostic as _;

use super::output::Output;
use super::page::{self, Traces};
use super::{ProfileArg, suite};
use crate::check::View;
use crate::judge::{Question, Required};
use crate::recording::{self, Recording};
use crate::run::{Judged, Named, scenario_report, source};
use crate::score;
use crate::{driver, expect, facts, keep};
use gp2gp_model::run_log::Scope;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A recorded message, a folder of them, or the folder of a kept run.
    path: PathBuf,
    /// Judge against the specification or against what deployed systems do.
    #[arg(long, value_enum, default_value_t = ProfileArg::Strict)]
    profile: ProfileArg,
    /// Also write the HTML report to this file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    let catalogue = suite::catalogue()?;
    let recording = recording::load(&args.path).into_diagnostic()?;
    let report = judge(&recording, &catalogue, args)?;
    if let Some(file) = &args.html {
        page::write(file, &report, &catalogue, &Traces::Of(&recording))?;
    }
    output.result(&report, || gp2gp_reports::recording(&report, &catalogue))?;
    Ok(report.exit.code)
}

fn judge(
    recording: &Recording,
    catalogue: &[Requirement],
    args: &Args,
) -> miette::Result<RunReport> {
    let header = &recording.trace.header;
    let view = View::new(&recording.trace, &recording.bodies);
    let plan = match keep::plan(&args.path, header, catalogue)? {
        Some(beside) => Some(beside),
        None => built_in(header, catalogue)?,
    };
    let mut roles = plan
        .as_ref()
        .map_or_else(|| Role::OF_TRANSFERS.to_vec(), |plan| plan.judges.clone());
    if let Some(recorded) = &header.recorded {
        roles.retain(|role| *role != recorded.role);
    }
    let roles = &roles[..];
    let question = Question {
        catalogue,
        roles,
        profile: args.profile.into(),
        required: plan.as_ref().map_or(Required::All, Required::Named),
    };
    let findings = question.ask(&view);
    let mut missing_facts = plan
        .as_ref()
        .map_or_else(Vec::new, |plan| facts::missing(plan, &view));
    missing_facts.extend(
        recording
            .unread
            .iter()
            .map(|(file, why)| format!("{} holds no message: {why}", file.display())),
    );
    let expectations = plan.as_ref().map_or_else(Vec::new, |plan| {
        expect::judge(&plan.expects, &view, missing_facts.is_empty())
    });
    let faults = plan
        .as_ref()
        .map_or_else(Vec::new, |plan| facts::fired(&plan.faults, &view));
    let judged = Judged {
        findings,
        missing_facts,
        expectations,
        faults,
    };
    let named = named(header, plan.as_ref(), args);
    let scenarios = vec![scenario_report(&view, named, judged)];
    let requirements = score::outcomes(catalogue, roles, &scenarios, Scope::Selection);
    Ok(RunReport {
        format: FORMAT.to_owned(),
        notice: notice(header.time_mode).to_owned(),
        suite: driver::SUITE.to_owned(),
        sut: header.sut.clone(),
        roles: roles.to_vec(),
        not_claimed: Vec::new(),
        excused: Vec::new(),
        profile: args.profile.into(),
        time_mode: header.time_mode,
        level: None,
        fingerprint: None,
        changes: None,
        baseline: None,
        not_run: 0,
        score: score::score(catalogue, roles, &requirements, &scenarios),
        exit: score::exit(&scenarios, &requirements, None, true),
        requirements,
        scenarios,
        left_out: Vec::new(),
    })
}

/// The plan of a run that was kept without its scenario, if that is built in and still the same.
fn built_in(header: &Header, catalogue: &[Requirement]) -> miette::Result<Option<Plan>> {
    let Some(id) = &header.scenario else {
        return Ok(None);
    };
    let plans = suite::select_under(&[], catalogue, Some(header.seed), &header.terms)?;
    let same =
        |plan: &Plan| plan.scenario == *id && Some(plan.scenario_digest) == header.scenario_digest;
    Ok(plans
        .into_iter()
        .find(same)
        .map(|plan| plan.begun_at(header.started)))
}

fn named(header: &Header, plan: Option<&Plan>, args: &Args) -> Named {
    let path = args.path.display();
    let title = match (&header.scenario, plan) {
        (None, _) => format!("judgement of {path}"),
        (Some(id), Some(_)) => format!("judgement of a run of {id}"),
        (Some(id), None) => {
            format!(
                "judgement of a run of {id}, which is not built in or has changed: its expectations are not known"
            )
        }
    };
    let profile = match args.profile {
        ProfileArg::Strict => "",
        ProfileArg::Field => " --profile field",
    };
    Named {
        id: header.scenario.clone(),
        title,
        source: plan.map(source),
        reproduce: format!("gp2gp judge {path}{profile}"),
    }
}

const fn notice(time_mode: TimeMode) -> &'static str {
    match time_mode {
        TimeMode::Recorded => {
            "a recording: times are what the messages say of themselves, order is found from their references"
        }
        TimeMode::Virtual | TimeMode::Compressed | TimeMode::Wall => SYNTHETIC_NOTICE,
    }
}
