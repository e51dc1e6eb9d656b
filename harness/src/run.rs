//! The walk: plan, trace, findings, score. One function for each arrow, called here in order.

use std::num::NonZeroUsize;
use std::path::Path;

use gp2gp_model::plan::{Plan, Role};
use gp2gp_model::report::{
    ExpectationReport, FaultReport, RunReport, SYNTHETIC_NOTICE, ScenarioReport,
};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::trace::{Bodies, Trace};
use gp2gp_model::verdict::{Finding, Profile, Verdict};
use gp2gp_model::{Capability, ScenarioId};

use crate::bodies::BodyStore;
use crate::check::View;
use crate::check::custody;
use crate::check::documents::Document;
use crate::check::paper;
use crate::driver::{self, DriverError, SUITE, Sut, Transport};
use crate::judge::{self, Question, Required};
pub use crate::parallel::usual_jobs;
use crate::score::{self, Scope};
use crate::{expect, facts, keep, parallel, story};

/// What to run and how.
pub struct Options<'a> {
    /// The catalogue.
    pub catalogue: &'a [Requirement],
    /// The system under test.
    pub sut: Sut,
    /// What carries the messages.
    pub transport: Transport,
    /// What it does not claim to be able to do.
    pub not_claimed: &'a [Capability],
    /// Against what.
    pub profile: Profile,
    /// Whether the plans are the whole suite.
    pub scope: Scope,
    /// Where runs are kept, if they are.
    pub out: Option<&'a Path>,
    /// Heavy scenarios that belong to the plans and are not among them.
    pub left_out: &'a [ScenarioId],
    /// On how many threads; the report is the same on any number of them.
    pub jobs: NonZeroUsize,
}

/// Runs every plan, judges and scores. `progress` is told before each plan. Plans that are kept
/// have ids of their own.
pub fn run(plans: &[Plan], options: &Options<'_>, progress: &(dyn Fn(&Plan) + Sync)) -> RunReport {
    let scenarios = parallel::map(plans, options.jobs, Plan::bytes, |plan| {
        progress(plan);
        run_one(plan, options)
    });
    report(scenarios, options)
}

fn run_one(plan: &Plan, options: &Options<'_>) -> ScenarioReport {
    if let Some(why) = does_not_apply(plan, options) {
        return not_applicable(plan, why, options);
    }
    match trace(plan, options) {
        Ok((trace, bodies)) => judged(plan, &trace, &bodies, options),
        Err(error) => could_not_judge(plan, &error, options),
    }
}

/// Runs one plan to a trace, which is kept if runs are kept.
pub fn trace(plan: &Plan, options: &Options<'_>) -> Result<(Trace, BodyStore), DriverError> {
    let folder = options
        .out
        .map(|out| out.join("runs").join(plan.scenario.as_str()));
    let bodies = match &folder {
        Some(folder) => BodyStore::in_folder(&keep::fresh(folder)?).map_err(keep::writing)?,
        None => BodyStore::temporary(),
    };
    let (trace, bodies) = driver::run(plan, options.sut, options.transport, bodies)?;
    if let Some(folder) = &folder {
        keep::trace(folder, &trace, &bodies)?;
    }
    Ok((trace, bodies))
}

/// Judges the trace of a plan.
pub(crate) fn judged(
    plan: &Plan,
    trace: &Trace,
    bodies: &dyn Bodies,
    options: &Options<'_>,
) -> ScenarioReport {
    let view = View::new(trace, bodies);
    let findings = Question {
        catalogue: options.catalogue,
        roles: &plan.judges,
        profile: options.profile,
        required: Required::Named(plan),
    }
    .ask(&view);
    let missing_facts = facts::missing(plan, &view);
    let expectations = expect::judge(&plan.expects, &view, missing_facts.is_empty());
    let faults = facts::fired(&plan.faults, &view);
    let judged = Judged {
        findings,
        missing_facts,
        expectations,
        faults,
    };
    scenario_report(&view, named(plan, options), judged)
}

/// How a judged trace is called in reports.
pub struct Named {
    /// `None` for a recording.
    pub id: Option<ScenarioId>,
    /// One line.
    pub title: String,
    /// The one line that comes to this again.
    pub reproduce: String,
}

/// What a trace was judged to be.
pub struct Judged {
    /// Findings of every check, in the order of the catalogue.
    pub findings: Vec<Finding>,
    /// Facts that should have been found and were not.
    pub missing_facts: Vec<String>,
    /// How it should have ended, and how it did.
    pub expectations: Vec<ExpectationReport>,
    /// Planned faults, and how often each acted.
    pub faults: Vec<FaultReport>,
}

/// What came of a trace, of a run or of a recording.
pub fn scenario_report(view: &View, named: Named, judged: Judged) -> ScenarioReport {
    let verdict = verdict(&judged);
    let Judged {
        findings,
        missing_facts,
        expectations,
        faults,
    } = judged;
    let messages = match (&view.export, &view.federation) {
        (Some(export), _) => export.requests,
        (None, federation) => {
            let bytes: u64 = view.posts.iter().map(|post| post.body.bytes).sum();
            let beside = federation.as_ref().map_or((0, 0), |it| it.requests);
            (view.posts.len() + beside.0, bytes + beside.1)
        }
    };
    let lasted = view.ended_at.since(view.header.started);
    ScenarioReport {
        id: named.id,
        title: named.title,
        verdict,
        missing_facts,
        expectations,
        not_applicable: None,
        error: None,
        findings,
        story: story::tell(view),
        documents: view.documents.iter().map(Document::report).collect(),
        custody: custody::lives(view)
            .iter()
            .map(|life| life.report(view))
            .collect(),
        paper: paper::papers(view),
        faults,
        lasted_ms: u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX),
        messages: messages.0,
        bytes: messages.1,
        reproduce: named.reproduce,
    }
}

/// Breaches weigh most; then that the point was not exercised; then doubts and warnings.
fn verdict(judged: &Judged) -> Verdict {
    let has = |verdict| {
        let findings = judged.findings.iter().map(|finding| finding.verdict);
        let expectations = judged.expectations.iter().map(|it| it.verdict);
        findings.chain(expectations).any(|other| other == verdict)
    };
    let order = [Verdict::HarnessError, Verdict::Fail];
    if let Some(worst) = order.into_iter().find(|verdict| has(*verdict)) {
        return worst;
    }
    let is_gap = !judged.missing_facts.is_empty() || judged.findings.is_empty();
    if is_gap || has(Verdict::CouldNotRun) {
        return Verdict::CouldNotRun;
    }
    [Verdict::Unknown, Verdict::Warn]
        .into_iter()
        .find(|verdict| has(*verdict))
        .unwrap_or(Verdict::Pass)
}

/// Why a scenario proves nothing about this system, run in this way.
fn does_not_apply(plan: &Plan, options: &Options<'_>) -> Option<String> {
    let mode = options.transport.time_mode();
    if !plan.time_modes.contains(&mode) {
        let modes: Vec<String> = plan.time_modes.iter().map(ToString::to_string).collect();
        let modes = modes.join(" or ");
        return Some(format!("makes sense in {modes} time, this is {mode} time"));
    }
    let mut needs = plan.needs.iter();
    let unclaimed = needs.find(|need| options.not_claimed.contains(need))?;
    Some(format!(
        "needs {unclaimed}, which the system does not claim"
    ))
}

/// A capability that is not claimed takes the requirements of the scenario out of the score. The
/// wrong way of time does not: what it leaves unexercised stays a gap.
fn not_applicable(plan: &Plan, why: String, options: &Options<'_>) -> ScenarioReport {
    let is_by_claim = plan.time_modes.contains(&options.transport.time_mode());
    let findings = if is_by_claim {
        judge::not_applicable(plan, options.catalogue, options.profile, &why)
    } else {
        Vec::new()
    };
    ScenarioReport {
        verdict: Verdict::NotApplicable,
        not_applicable: Some(why),
        findings,
        ..without_trace(plan, options)
    }
}

fn could_not_judge(plan: &Plan, error: &DriverError, options: &Options<'_>) -> ScenarioReport {
    ScenarioReport {
        verdict: Verdict::HarnessError,
        error: Some(error.to_string()),
        ..without_trace(plan, options)
    }
}

/// The report of a scenario that left nothing to judge.
fn without_trace(plan: &Plan, options: &Options<'_>) -> ScenarioReport {
    let named = named(plan, options);
    ScenarioReport {
        id: named.id,
        title: named.title,
        verdict: Verdict::CouldNotRun,
        missing_facts: Vec::new(),
        expectations: Vec::new(),
        not_applicable: None,
        error: None,
        findings: Vec::new(),
        story: Vec::new(),
        documents: Vec::new(),
        custody: Vec::new(),
        paper: Vec::new(),
        faults: Vec::new(),
        lasted_ms: 0,
        messages: 0,
        bytes: 0,
        reproduce: named.reproduce,
    }
}

fn named(plan: &Plan, options: &Options<'_>) -> Named {
    Named {
        id: Some(plan.scenario.clone()),
        title: plan.title.clone(),
        reproduce: reproduce(plan, options),
    }
}

fn report(scenarios: Vec<ScenarioReport>, options: &Options<'_>) -> RunReport {
    let roles = Role::ALL;
    let requirements = score::outcomes(options.catalogue, &roles, &scenarios, &options.scope);
    RunReport {
        notice: SYNTHETIC_NOTICE.to_owned(),
        suite: SUITE.to_owned(),
        sut: options.sut.name(),
        roles: roles.to_vec(),
        profile: options.profile,
        not_claimed: options.not_claimed.to_vec(),
        time_mode: options.transport.time_mode(),
        score: score::score(options.catalogue, &roles, &requirements, &scenarios),
        exit: score::exit(&scenarios, &requirements),
        requirements,
        scenarios,
        left_out: options.left_out.to_vec(),
    }
}

fn reproduce(plan: &Plan, options: &Options<'_>) -> String {
    let mut line = format!("gp2gp run {}", plan.asked_as);
    if options.sut != Sut::Reference {
        line.push_str(&format!(" --sut {}", options.sut.name()));
    }
    for capability in options.not_claimed {
        line.push_str(&format!(" --without {capability}"));
    }
    if options.transport == Transport::Http {
        line.push_str(" --transport http");
    }
    if options.profile == Profile::Field {
        line.push_str(" --profile field");
    }
    line.push_str(&format!(" --seed {}", plan.seed));
    line
}
