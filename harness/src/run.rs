//! The walk: plan, trace, findings, score. One function for each arrow, called here in order.

use std::env;
use std::num::NonZeroUsize;
use std::path::Path;

use gp2gp_model::plan::{Plan, Role};
use gp2gp_model::report::{
    Excused, ExpectationReport, FaultReport, Mishap, MishapKind, RunReport, SYNTHETIC_NOTICE,
    ScenarioReport, ScenarioSource,
};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::run_log::{self, Fingerprint, KeptScenario, RunHead, RunLog, Scope};
use gp2gp_model::trace::{Bodies, TimeMode, Trace};
use gp2gp_model::verdict::{Finding, Profile, Verdict};
use gp2gp_model::{Capability, ScenarioId, Sha256, Time};

use crate::bodies::BodyStore;
use crate::check::View;
use crate::check::custody;
use crate::check::documents::Document;
use crate::check::paper;
use crate::driver::{self, Attached, DriverError, SUITE, Sut, Transport};
use crate::judge::{self, Question, Required};
use crate::keep::RunWriter;
pub use crate::parallel::usual_jobs;
use crate::replay::{self, Replay};
use crate::report::Beside;
use crate::sut::{Attachment, wall};
use crate::{expect, facts, keep, parallel, report, story};

/// What to run and how.
pub struct Options<'a> {
    /// The catalogue.
    pub catalogue: &'a [Requirement],
    /// The system under test.
    pub sut: Sut,
    /// What carries the messages.
    pub transport: Transport,
    /// A recorded system, in whose role nobody else plays.
    pub replay: Option<&'a Replay>,
    /// A system that is not ours, in the place of `sut`; then `transport` means nothing.
    pub attached: Option<&'a Attachment>,
    /// What it does not claim to be able to do.
    pub not_claimed: &'a [Capability],
    /// Against what.
    pub profile: Profile,
    /// Whether the plans are the whole suite.
    pub scope: Scope,
    /// Where the run is kept, if it is.
    pub out: Option<Keep<'a>>,
    /// Heavy scenarios that belong to the plans and are not among them.
    pub left_out: &'a [ScenarioId],
    /// On how many threads; the report is the same on any number of them.
    pub jobs: NonZeroUsize,
}

/// Where a run is kept, and when that was.
#[derive(Debug, Clone, Copy)]
pub struct Keep<'a> {
    /// A folder that is there.
    pub folder: &'a Path,
    /// When the run begins, by the clock of the machine.
    pub begun_at: Time,
}

impl<'a> Keep<'a> {
    /// Begun now, or when `SOURCE_DATE_EPOCH` says: who builds the same thing twice wants the same bytes.
    pub fn now(folder: &'a Path) -> Self {
        let told = env::var("SOURCE_DATE_EPOCH").ok();
        let seconds: Option<u64> = told.and_then(|text| text.parse().ok());
        let begun_at = seconds.map(|it| Time::from_micros(it.saturating_mul(1_000_000)));
        Self {
            folder,
            begun_at: begun_at.unwrap_or_else(wall::now),
        }
    }
}

/// Runs every plan, judges and scores. `progress` is told before each plan. Plans that are kept
/// have ids of their own.
///
/// # Errors
///
/// If the run is to be kept and its folder cannot be written.
pub fn run(
    plans: &[Plan],
    options: &Options<'_>,
    progress: &(dyn Fn(&Plan) + Sync),
) -> Result<RunReport, DriverError> {
    // A foreign system plays one scenario after the other.
    let jobs = match options.attached {
        Some(_) => NonZeroUsize::MIN,
        None => options.jobs,
    };
    let head = head(plans, options);
    let writer = match options.out {
        Some(keep) => Some(RunWriter::begin(keep.folder, head.clone()).map_err(keep::writing)?),
        None => None,
    };
    let numbered: Vec<(usize, &Plan)> = plans.iter().enumerate().collect();
    let scenarios = parallel::map(
        &numbered,
        jobs,
        |(_, plan)| weight(plan, options),
        |(position, plan)| {
            progress(plan);
            let kept = KeptScenario {
                position: *position,
                trace_sha256: None,
                report: run_one(plan, options),
            };
            match &writer {
                None => kept,
                Some(writer) => add(writer, kept, plan, options),
            }
        },
    );
    if let Some(writer) = writer {
        writer.end().map_err(keep::writing)?;
    }
    let log = RunLog {
        head,
        scenarios,
        is_whole: true,
    };
    Ok(report::of(log, options.catalogue, &Beside::default()))
}

/// Adds a scenario to what is kept of the run; one that cannot be kept is not judged.
fn add(
    writer: &RunWriter,
    mut kept: KeptScenario,
    plan: &Plan,
    options: &Options<'_>,
) -> KeptScenario {
    // Without a trace there is nothing to have a digest.
    kept.trace_sha256 = writer.trace_digest(&plan.scenario).ok();
    if let Err(error) = writer.add(&kept) {
        kept.report = could_not_judge(plan, &keep::writing(error), options);
    }
    kept
}

/// One plan, from its start to what is said of it.
fn run_one(plan: &Plan, options: &Options<'_>) -> ScenarioReport {
    if let Some(attached) = options.attached
        && !judged_roles(plan, options).is_empty()
        && attached.cannot_show(plan).is_none()
        && let Some(why) = attached.cannot_run(plan)
    {
        return could_not_run(plan, why, options);
    }
    if let Some(why) = does_not_apply(plan, options) {
        return not_applicable(plan, why, options);
    }
    let timed = options.attached.map(|attached| attached.timed(plan));
    let plan = timed.as_deref().unwrap_or(plan);
    let Attached {
        traced,
        mishap,
        before,
    } = match played(plan, options) {
        Ok(played) => played,
        Err(error) => return could_not_judge(plan, &error, options),
    };
    let mut report = judged(plan, &traced.0, &traced.1, options);
    if let Some(before) = before {
        before.excuse(plan, &mut report);
    }
    let cannot_be_told = || options.attached?.cannot_be_told(plan);
    match mishap {
        Some(mishap) => doubted(report, mishap),
        None if report.verdict == Verdict::CouldNotRun => match cannot_be_told() {
            Some(why) => untold(report, &why),
            None => report,
        },
        None => report,
    }
}

/// The heaviest first; a foreign system plays them in their order.
fn weight(plan: &Plan, options: &Options<'_>) -> u64 {
    match options.attached {
        Some(_) => 0,
        None => plan.bytes(),
    }
}

/// A trace and its bodies.
pub type Traced = (Trace, BodyStore);

/// Runs one plan to a trace, which is kept if runs are kept.
pub fn trace(plan: &Plan, options: &Options<'_>) -> Result<Traced, DriverError> {
    played(plan, options).map(|played| played.traced)
}

/// The same, with what was wrong with a foreign system, and how the recorded run went.
fn played(plan: &Plan, options: &Options<'_>) -> Result<Attached, DriverError> {
    let folder = options
        .out
        .map(|keep| keep::folder_of(keep.folder, &plan.scenario));
    let bodies = match &folder {
        Some(folder) => BodyStore::in_folder(&keep::fresh(folder)?).map_err(keep::writing)?,
        None => BodyStore::temporary(),
    };
    let part = options.replay.map(|replay| replay.part(plan)).transpose()?;
    let (sut, transport) = (&options.sut, options.transport);
    let played = match (options.attached, part) {
        (Some(attached), part) => attached.play(plan, bodies, part)?,
        (None, Some(part)) => driver::run_recorded(plan, sut, transport, bodies, part)?,
        (None, None) => driver::run(plan, sut, transport, bodies)?.into(),
    };
    if let Some(folder) = &folder {
        let (trace, bodies) = &played.traced;
        keep::trace(folder, &plan.text, trace, bodies)?;
    }
    Ok(played)
}

/// Judges the trace of a plan.
pub(crate) fn judged(
    plan: &Plan,
    trace: &Trace,
    bodies: &dyn Bodies,
    options: &Options<'_>,
) -> ScenarioReport {
    let asked = Asked {
        catalogue: options.catalogue,
        roles: &judged_roles(plan, options),
        profile: options.profile,
        excused: &excused(options),
    };
    asked.judge(plan, trace, bodies, named(plan, options))
}

/// What is asked of a system in one scenario.
pub(crate) struct Asked<'a> {
    pub(crate) catalogue: &'a [Requirement],
    pub(crate) roles: &'a [Role],
    pub(crate) profile: Profile,
    pub(crate) excused: &'a [Excused],
}

impl Asked<'_> {
    /// What the trace alone says: the same for a run that ended just now and for one that was kept.
    pub(crate) fn judge(
        &self,
        plan: &Plan,
        trace: &Trace,
        bodies: &dyn Bodies,
        named: Named,
    ) -> ScenarioReport {
        let view = View::new(trace, bodies);
        let mut findings = Question {
            catalogue: self.catalogue,
            roles: self.roles,
            profile: self.profile,
            required: Required::Named(plan),
        }
        .ask(&view);
        self.excuse(&mut findings);
        findings.extend(self.of_recorded(plan, &view));
        let missing_facts = facts::missing(plan, &view);
        let expectations = expect::judge(&plan.expects, &view, missing_facts.is_empty());
        let faults = facts::fired(&plan.faults, &view);
        let judged = Judged {
            findings,
            missing_facts,
            expectations,
            faults,
        };
        scenario_report(&view, named, judged)
    }

    /// Takes out what is not asked of a foreign system, for a reason.
    fn excuse(&self, findings: &mut [Finding]) {
        for finding in findings {
            let mut excused = self.excused.iter();
            if let Some(excuse) = excused.find(|it| it.requirement == finding.requirement) {
                finding.verdict = Verdict::NotApplicable;
                finding.note = Some(excuse.why.clone());
            }
        }
    }

    /// What the scenario asks of a recorded system is neither proof nor failure of anybody here.
    fn of_recorded(&self, plan: &Plan, view: &View) -> Vec<Finding> {
        let Some(recorded) = &view.header.recorded else {
            return Vec::new();
        };
        let why = format!("recorded: {recorded} is not judged");
        let mut findings = judge::not_applicable(plan, self.catalogue, self.profile, &why);
        findings.retain(|finding| finding.role == recorded.role);
        findings
    }
}

/// What is not asked of the system.
fn excused(options: &Options<'_>) -> Vec<Excused> {
    let attached = options.attached;
    attached.map_or_else(Vec::new, |it| it.excused(options.catalogue))
}

/// The roles whose conduct is judged: of a foreign system those that it has.
fn judged_roles(plan: &Plan, options: &Options<'_>) -> Vec<Role> {
    let mut roles = plan.judges.clone();
    if let Some(attached) = options.attached {
        roles.retain(|role| attached.roles().contains(role));
    }
    if let Some(replay) = options.replay {
        roles.retain(|role| *role != replay.role());
    }
    roles
}

/// What a system did not do while it was gone, or hung, it may have done otherwise: what looks like a
/// breach is open. What it left behind makes a pass doubtful.
pub(crate) fn doubted(mut report: ScenarioReport, mishap: Mishap) -> ScenarioReport {
    let spoils = match mishap.kind {
        MishapKind::Gone | MishapKind::Hung | MishapKind::ContractViolated => true,
        MishapKind::Residue => false,
    };
    if spoils {
        for finding in &mut report.findings {
            if finding.verdict == Verdict::Fail {
                finding.verdict = Verdict::Unknown;
            }
        }
        for expectation in &mut report.expectations {
            if expectation.verdict == Verdict::Fail {
                expectation.verdict = Verdict::Unknown;
            }
        }
    }
    if spoils || report.verdict != Verdict::Fail {
        report.verdict = Verdict::Unknown;
    }
    report.mishap = Some(mishap);
    report
}

/// What did not come about because nobody could tell a foreign system to does not apply to it. What was seen of it stays.
pub(crate) fn untold(mut report: ScenarioReport, why: &str) -> ScenarioReport {
    for finding in &mut report.findings {
        if finding.verdict == Verdict::CouldNotRun {
            finding.verdict = Verdict::NotApplicable;
            finding.note = Some(why.to_owned());
        }
    }
    report.missing_facts.clear();
    report.verdict = Verdict::NotApplicable;
    report.not_applicable = Some(why.to_owned());
    report
}

/// How a judged trace is called in reports.
pub struct Named {
    /// `None` for a recording.
    pub id: Option<ScenarioId>,
    /// One line.
    pub title: String,
    /// Where it is written; `None` for a recording.
    pub source: Option<ScenarioSource>,
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
    let verdict = verdict(
        &judged.findings,
        &judged.expectations,
        &judged.missing_facts,
    );
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
        source: named.source,
        verdict,
        missing_facts,
        expectations,
        ended_since: None,
        not_applicable: None,
        error: None,
        mishap: None,
        findings,
        story: story::tell(view),
        documents: view.documents.iter().map(Document::report).collect(),
        custody: custody::lives(view)
            .iter()
            .map(|life| life.report(view))
            .collect(),
        paper: paper::papers(view),
        faults,
        recorded: view.header.recorded.clone(),
        divergences: view.divergences.clone(),
        lasted_ms: u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX),
        messages: messages.0,
        bytes: messages.1,
        reproduce: named.reproduce,
    }
}

/// Breaches weigh most; then that the point was not exercised; then doubts and warnings.
pub(crate) fn verdict(
    findings: &[Finding],
    expectations: &[ExpectationReport],
    missing_facts: &[String],
) -> Verdict {
    let has = |verdict: &Verdict| {
        let findings = findings.iter().map(Finding::weighs);
        let expectations = expectations.iter().map(|it| it.verdict);
        findings.chain(expectations).any(|other| other == *verdict)
    };
    // What is broken explains why the point was not reached, also where that is borne.
    let worst = [
        Verdict::HarnessError,
        Verdict::Fail,
        Verdict::Flaky,
        Verdict::KnownFailure,
    ];
    if let Some(worst) = worst.into_iter().find(has) {
        return worst;
    }
    let is_gap = !missing_facts.is_empty() || findings.is_empty();
    if is_gap || has(&Verdict::CouldNotRun) {
        return Verdict::CouldNotRun;
    }
    let rest = [Verdict::Unknown, Verdict::UnexpectedPass, Verdict::Warn];
    rest.into_iter().find(has).unwrap_or(Verdict::Pass)
}

/// Why a scenario proves nothing about this system, run in this way.
fn does_not_apply(plan: &Plan, options: &Options<'_>) -> Option<String> {
    if options.replay.is_some()
        && let Some(why) = replay::cannot_be_replayed(plan)
    {
        return Some(why.to_owned());
    }
    if judged_roles(plan, options).is_empty() {
        let roles: Vec<&str> = plan.judges.iter().map(|role| role.name()).collect();
        let is = match options.replay {
            Some(replay) if plan.judges == [replay.role()] => "is recorded here",
            Some(_) | None => "the system is not",
        };
        return Some(format!("judges {}, which {is}", roles.join(" and ")));
    }
    let mode = time_mode(options);
    if !plan.time_modes.contains(&mode) {
        let modes: Vec<String> = plan.time_modes.iter().map(ToString::to_string).collect();
        let modes = modes.join(" or ");
        return Some(format!("makes sense in {modes} time, this is {mode} time"));
    }
    if let Some(version) = options.attached.and_then(|it| it.cannot_be(plan)) {
        return Some(format!(
            "needs version {version}, which the system does not claim"
        ));
    }
    if let Some(why) = options.attached.and_then(|it| it.cannot_show(plan)) {
        return Some(why);
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
    let is_by_claim = plan.time_modes.contains(&time_mode(options));
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

fn could_not_run(plan: &Plan, why: String, options: &Options<'_>) -> ScenarioReport {
    ScenarioReport {
        missing_facts: vec![why],
        ..without_trace(plan, options)
    }
}

/// How time passes.
fn time_mode(options: &Options<'_>) -> TimeMode {
    match options.attached {
        Some(attached) => attached.time_mode(),
        None => options.transport.time_mode(),
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
        source: named.source,
        verdict: Verdict::CouldNotRun,
        missing_facts: Vec::new(),
        expectations: Vec::new(),
        ended_since: None,
        not_applicable: None,
        error: None,
        mishap: None,
        findings: Vec::new(),
        story: Vec::new(),
        documents: Vec::new(),
        custody: Vec::new(),
        paper: Vec::new(),
        faults: Vec::new(),
        recorded: None,
        divergences: Vec::new(),
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
        source: Some(source(plan)),
        reproduce: reproduce(plan, options),
    }
}

/// Where a plan is written.
pub fn source(plan: &Plan) -> ScenarioSource {
    ScenarioSource {
        file: plan.written.path.clone(),
        sha256: plan.scenario_digest,
        seed: plan.seed,
        lines: plan.written.lines.clone(),
    }
}

/// What runs on what.
fn head(plans: &[Plan], options: &Options<'_>) -> RunHead {
    let mut roles = match options.attached {
        Some(attached) => attached.roles().to_vec(),
        None => Role::ALL.to_vec(),
    };
    if let Some(replay) = options.replay {
        roles.retain(|role| *role == replay.role().other());
    }
    RunHead {
        format: run_log::FORMAT.to_owned(),
        notice: SYNTHETIC_NOTICE.to_owned(),
        suite: SUITE.to_owned(),
        sut: match options.attached {
            Some(attached) => attached.name().to_owned(),
            None => options.sut.name(),
        },
        roles,
        not_claimed: options.not_claimed.to_vec(),
        profile: options.profile,
        excused: excused(options),
        time_mode: time_mode(options),
        level: options.attached.and_then(Attachment::level),
        scope: options.scope,
        left_out: options.left_out.to_vec(),
        scenarios: plans.len(),
        fingerprint: options
            .out
            .map(|keep| fingerprint(plans, options.catalogue, keep.begun_at)),
    }
}

fn fingerprint(plans: &[Plan], catalogue: &[Requirement], made_at: Time) -> Fingerprint {
    let mut suite = Sha256::hasher();
    for requirement in catalogue {
        suite.update(format!("{requirement:?}\n").as_bytes());
    }
    for plan in plans {
        let line = format!("{} {} {}\n", plan.scenario, plan.scenario_digest, plan.seed);
        suite.update(line.as_bytes());
    }
    Fingerprint {
        made_at,
        suite_sha256: suite.finish().0,
        platform: format!("{} {}", env::consts::OS, env::consts::ARCH),
    }
}

fn reproduce(plan: &Plan, options: &Options<'_>) -> String {
    let mut line = match options.replay {
        None => format!("gp2gp run {}", plan.asked_as),
        Some(replay) => replay.asked_as(plan),
    };
    if let Some(attached) = options.attached {
        line.push_str(&format!(" --sut {}", attached.asked_as()));
    } else if options.sut != Sut::Reference {
        line.push_str(&format!(" --sut {}", options.sut.name()));
    }
    for capability in options.not_claimed {
        line.push_str(&format!(" --without {capability}"));
    }
    if options.transport == Transport::Http && options.attached.is_none() {
        line.push_str(" --transport http");
    }
    if options.profile == Profile::Field {
        line.push_str(" --profile field");
    }
    if options.replay.is_none() {
        line.push_str(&format!(" --seed {}", plan.seed));
    }
    line
}
