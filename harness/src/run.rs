//! The walk: plan, trace, findings, score. One function for each arrow, called here in order.

use std::num::NonZeroUsize;
use std::path::Path;

use gp2gp_model::ScenarioId;
use gp2gp_model::plan::{Plan, Role};
use gp2gp_model::report::{RunReport, SYNTHETIC_NOTICE, ScenarioReport};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::trace::{Bodies, TimeMode, Trace};
use gp2gp_model::verdict::{Finding, Profile, Verdict};

use crate::bodies::BodyStore;
use crate::check::View;
use crate::check::documents::Document;
use crate::driver::{self, DriverError, SUITE, Sut, Transport};
use crate::judge::{Question, Required};
pub use crate::parallel::usual_jobs;
use crate::score::{self, Scope};
use crate::{facts, keep, parallel, story};

/// What to run and how.
pub struct Options<'a> {
    /// The catalogue.
    pub catalogue: &'a [Requirement],
    /// The system under test.
    pub sut: Sut,
    /// What carries the messages.
    pub transport: Transport,
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

fn judged(
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
    ScenarioReport {
        faults: facts::fired(&plan.faults, &view),
        ..scenario_report(&view, named(plan, options), findings, missing_facts)
    }
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

/// What came of a trace, of a run or of a recording.
pub fn scenario_report(
    view: &View,
    named: Named,
    findings: Vec<Finding>,
    missing_facts: Vec<String>,
) -> ScenarioReport {
    let lasted = view.ended_at.since(view.header.started);
    ScenarioReport {
        id: named.id,
        title: named.title,
        verdict: verdict(&findings, &missing_facts),
        missing_facts,
        error: None,
        findings,
        story: story::tell(view),
        documents: view.documents.iter().map(Document::report).collect(),
        faults: Vec::new(),
        lasted_ms: u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX),
        messages: view.posts.len(),
        bytes: view.posts.iter().map(|post| post.body.bytes).sum(),
        reproduce: named.reproduce,
    }
}

/// Breaches weigh most; then that the point was not exercised; then doubts and warnings.
fn verdict(findings: &[Finding], missing_facts: &[String]) -> Verdict {
    let has = |verdict| findings.iter().any(|finding| finding.verdict == verdict);
    let order = [Verdict::HarnessError, Verdict::Fail];
    if let Some(worst) = order.into_iter().find(|verdict| has(*verdict)) {
        return worst;
    }
    if !missing_facts.is_empty() || has(Verdict::CouldNotRun) || findings.is_empty() {
        return Verdict::CouldNotRun;
    }
    [Verdict::Unknown, Verdict::Warn]
        .into_iter()
        .find(|verdict| has(*verdict))
        .unwrap_or(Verdict::Pass)
}

fn could_not_judge(plan: &Plan, error: &DriverError, options: &Options<'_>) -> ScenarioReport {
    let named = named(plan, options);
    ScenarioReport {
        id: named.id,
        title: named.title,
        verdict: Verdict::HarnessError,
        missing_facts: Vec::new(),
        error: Some(error.to_string()),
        findings: Vec::new(),
        story: Vec::new(),
        documents: Vec::new(),
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
        time_mode: match options.transport {
            Transport::Virtual => TimeMode::Virtual,
            Transport::Http => TimeMode::Compressed,
        },
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
    if options.transport == Transport::Http {
        line.push_str(" --transport http");
    }
    if options.profile == Profile::Field {
        line.push_str(" --profile field");
    }
    line.push_str(&format!(" --seed {}", plan.seed));
    line
}
