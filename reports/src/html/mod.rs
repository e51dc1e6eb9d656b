//! The HTML report: one file that needs nothing else, for a reviewer who knows GP2GP and not the tool.
//!
//! Written section by section, so that of all conversations one is in memory at a time.

mod account;
mod changes;
mod diff;
mod lives;
mod lost;
mod paper;
mod requirements;
mod sequence;
mod trouble;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use askama::Template;
use gp2gp_model::bench::{BenchReport, Measured};
use gp2gp_model::glossary;
use gp2gp_model::report::conversation::{Depth, ScenarioMaterial};
use gp2gp_model::report::{Grade, RunReport, ScenarioReport, Share};
use gp2gp_model::requirement::{Level, Requirement};
use gp2gp_model::trace::TimeMode;
use gp2gp_model::verdict::Verdict;
use gp2gp_model::{ConversationId, RequirementId, Sha256};

use account::Account;
use changes::ChangesShown;
pub use diff::run_diff_html;
use lives::Lives;
use lost::Lost;
use paper::Papers;
use requirements::RequirementRow;
use sequence::{Drawer, Mark, Sequence};
use trouble::{Case, Showing, Trouble, troubles};

/// Where what is shown of each scenario beside its report comes from; `None` if there is no trace of it.
pub type Source<'s> = dyn FnMut(&ScenarioReport, Depth) -> Option<ScenarioMaterial> + 's;

/// What a page is of.
pub struct Page<'a> {
    /// The run.
    pub report: &'a RunReport,
    /// What was asked for.
    pub catalogue: &'a [Requirement],
    /// What its clauses are from.
    pub sources: &'a [glossary::Source],
    /// Throughput, if it was measured.
    pub bench: Option<&'a BenchReport>,
}

/// Bytes of messages that a page shows for one scenario, at most and where hundreds are not well.
const EXCERPTS_OF_ONE: usize = 400_000;
const EXCERPTS_OF_ALL: usize = 6_000_000;
const EXCERPTS_AT_LEAST: usize = 20_000;

/// Scenarios that are shown open: more cannot be looked at in one go.
const SHOWN_OPEN: usize = 6;

/// Scenarios that are named where a broken requirement was kept.
const KEPT_NAMED: usize = 4;

/// Writes the page.
pub fn html(page: &Page<'_>, source: &mut Source<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
    let report = page.report;
    let troubles = troubles(report, page.catalogue);
    let marks = marks(report, &troubles);
    write(&Head::of(page, &troubles), out)?;
    write(
        &WhatChanged {
            report,
            changes: ChangesShown::of(report, page.catalogue, &troubles),
        },
        out,
    )?;
    failures(&troubles, page, source, &marks, out)?;
    write(
        &LostDocuments {
            lost: Lost::of(report, &troubles),
        },
        out,
    )?;
    conversations(page, &troubles, source, &marks, out)?;
    write(&Requirements::of(page, &troubles), out)?;
    write(&Scenarios::of(report), out)?;
    write(&Foot::of(page), out)
}

fn write(template: &impl Template, out: &mut dyn fmt::Write) -> fmt::Result {
    template.render_into(out).map_err(|_| fmt::Error)
}

/// What of a scenario is not well, and which events show it.
#[derive(Default)]
struct Marks {
    by_event: BTreeMap<u64, Vec<Mark>>,
    all: Vec<(usize, String)>,
}

/// Of every scenario, in the order of the report.
fn marks(report: &RunReport, troubles: &[Trouble<'_>]) -> Vec<Marks> {
    let mut marks: Vec<Marks> = Vec::new();
    marks.resize_with(report.scenarios.len(), Marks::default);
    for trouble in troubles {
        for case in &trouble.cases {
            let Some(of_scenario) = marks.get_mut(case.at) else {
                continue;
            };
            of_scenario.all.push((trouble.number, trouble.short()));
            for event in case.showings.iter().filter_map(|it| it.event) {
                let of_event = of_scenario.by_event.entry(event).or_default();
                if of_event.iter().all(|mark| mark.trouble != trouble.number) {
                    of_event.push(Mark {
                        trouble: trouble.number,
                        words: trouble.short(),
                    });
                }
            }
        }
    }
    marks
}

/// Banner, and what there is below it.
#[derive(Template)]
#[template(path = "head.html")]
struct Head<'a> {
    report: &'a RunReport,
    troubles: &'a [Trouble<'a>],
    style: &'static str,
    components: &'static str,
    grade: &'static str,
    grade_class: &'static str,
    meaning: &'static str,
    roles: String,
    time: &'static str,
    control: String,
    without: String,
    recorded: String,
    requirements: usize,
    catalogue_digest: String,
    passed: usize,
    inapplicable: usize,
    unjudged: usize,
    lost: usize,
    has_harness_errors: bool,
    has_bench: bool,
    has_paper: bool,
    /// How many groups of failures there are, if any has more than one.
    groups: Option<usize>,
    failed: usize,
    /// The failures are not all there since the same run.
    has_since: bool,
    /// Since when all are there, if that is the same.
    since_all: String,
}

impl<'a> Head<'a> {
    fn of(page: &Page<'a>, troubles: &'a [Trouble<'a>]) -> Self {
        let report = page.report;
        let (grade, grade_class, meaning) = match report.score.grade {
            Grade::Conforms => (
                "Conforms",
                "good",
                "Every MUST that was asked for was exercised and kept.",
            ),
            Grade::DoesNotConform => ("Does not conform", "bad", "At least one MUST was broken."),
            Grade::Unsafe => (
                "Unsafe",
                "bad",
                "A safety invariant was broken: a record or a document can be lost, or reach the wrong place. No percentage makes up for that.",
            ),
            Grade::Incomplete => (
                "Incomplete",
                "open",
                "Nothing was broken, and not everything could be judged.",
            ),
        };
        let names: Vec<&str> = report.roles.iter().map(|role| role.name()).collect();
        let without: Vec<&str> = report.not_claimed.iter().map(|it| it.name()).collect();
        let mut recorded = report
            .scenarios
            .iter()
            .filter_map(|it| it.recorded.as_ref());
        let count = |verdict| {
            report
                .scenarios
                .iter()
                .filter(|it| it.verdict == verdict)
                .count()
        };
        let since_all = troubles
            .first()
            .map(|it| it.since.clone())
            .filter(|since| troubles.iter().all(|it| it.since == *since));
        let digest = serde_json::to_vec(page.catalogue).map_or_else(
            |_| "unknown".to_owned(),
            |json| Sha256::of(&json).to_string(),
        );
        Self {
            report,
            troubles,
            style: include_str!("../../assets/report.css"),
            components: include_str!("../../assets/nhsuk-frontend/nhsuk-frontend.css"),
            grade,
            grade_class,
            meaning,
            roles: words::list(&names),
            time: match report.time_mode {
                TimeMode::Virtual => "virtual: in one process, under a simulated clock",
                TimeMode::Compressed => "compressed: over real sockets, idle time skipped",
                TimeMode::Wall => "wall clock: over real sockets, as it was",
                TimeMode::Recorded => "recorded: what the messages say of themselves",
            },
            control: match (report.level, report.time_mode) {
                (Some(level), _) => format!("{level}: {}", words::level(level)),
                (None, TimeMode::Recorded) => "none: a recording".to_owned(),
                (None, TimeMode::Virtual | TimeMode::Compressed | TimeMode::Wall) => {
                    "all of it: the harness hosts the system itself".to_owned()
                }
            },
            without: words::list(&without),
            recorded: recorded
                .next()
                .map_or_else(String::new, ToString::to_string),
            requirements: page.catalogue.len(),
            catalogue_digest: digest,
            passed: count(Verdict::Pass),
            inapplicable: count(Verdict::NotApplicable),
            unjudged: {
                let account = Account::of(report, page.catalogue);
                account.declared - account.judged
            },
            lost: lost(report),
            has_harness_errors: report.scenarios.iter().any(|it| it.error.is_some()),
            has_bench: page.bench.is_some(),
            has_paper: Papers::of(report).is_some(),
            groups: (troubles.iter().any(|it| it.follows))
                .then(|| troubles.iter().filter(|it| !it.follows).count()),
            failed: count(Verdict::Fail),
            has_since: report.changes.is_some() && since_all.is_none(),
            since_all: since_all.unwrap_or_default(),
        }
    }

    fn share(&self, share: &Share) -> String {
        share.percent().map_or_else(
            || "none applicable".to_owned(),
            |percent| format!("{} of {} ({percent:.1} %)", share.passed, share.applicable),
        )
    }

    /// What is between those that were kept and all: `6 broken, 2 not decided`.
    fn rest(&self, share: &Share, level: Level) -> String {
        let of_level = self.report.requirements.iter();
        let of_level = of_level.filter(|it| it.level == level);
        let broken = of_level.filter(|it| words::is_broken(it.verdict)).count();
        let open = (share.applicable - share.passed).saturating_sub(broken);
        let told = [(broken, "broken"), (open, "not decided")];
        let told = told.into_iter().filter(|(number, _)| *number > 0);
        let told: Vec<String> = told
            .map(|(number, what)| format!("{number} {what}"))
            .collect();
        told.join(", ")
    }

    /// Where the page tells of a requirement.
    fn number_of(&self, id: &RequirementId) -> Option<usize> {
        number_of(self.troubles, id)
    }
}

/// The card of a requirement that is not well.
fn number_of(troubles: &[Trouble<'_>], id: &RequirementId) -> Option<usize> {
    let mut troubles = troubles.iter();
    let is_it = |it: &&Trouble<'_>| it.requirement.is_some_and(|it| it.id == *id);
    troubles.find(is_it).map(|it| it.number)
}

/// Documents that are not safe in the end.
fn lost(report: &RunReport) -> usize {
    let documents = report.scenarios.iter().flat_map(|it| &it.custody);
    documents.filter(|it| it.is_unsafe()).count()
}

#[derive(Template)]
#[template(path = "changes.html")]
struct WhatChanged<'a> {
    report: &'a RunReport,
    changes: Option<ChangesShown>,
}

/// A failure with all that a reader needs to act on it.
#[derive(Template)]
#[template(path = "failure.html")]
struct Failure<'a> {
    trouble: &'a Trouble<'a>,
    first: &'a Case<'a>,
    others: &'a [Case<'a>],
    slice: Option<Sequence>,
    /// What its clauses are from.
    titles: String,
    /// Conversations in which the first case shows.
    conversations: Vec<ConversationId>,
    /// Scenarios in which the same requirement was kept, by place.
    kept_in: Vec<(usize, &'a str)>,
    /// Events of the first case that are on the page.
    events: BTreeMap<u64, EventShown>,
}

/// An event that a failure names.
struct EventShown {
    href: String,
    words: String,
}

impl Failure<'_> {
    fn event(&self, event: &u64) -> Option<&EventShown> {
        self.events.get(event)
    }

    fn name<'s>(&self, case: &Case<'s>) -> &'s str {
        name(case.scenario)
    }

    fn story(&self) -> &[String] {
        &self.first.scenario.story
    }
}

fn failures(
    troubles: &[Trouble<'_>],
    page: &Page<'_>,
    source: &mut Source<'_>,
    marks: &[Marks],
    out: &mut dyn fmt::Write,
) -> fmt::Result {
    write(
        &FailuresHead {
            none: troubles.is_empty(),
            passes: page.report.score.grade == Grade::Conforms,
        },
        out,
    )?;
    let mut last: Option<(usize, Option<ScenarioMaterial>)> = None;
    for trouble in troubles {
        let [first, others @ ..] = trouble.cases.as_slice() else {
            continue;
        };
        let material = match last.take() {
            Some((at, material)) if at == first.at => material,
            Some(_) | None => source(first.scenario, Depth::Brief),
        };
        let mut failure = Failure {
            trouble,
            first,
            others,
            slice: None,
            titles: (trouble.requirement)
                .map_or_else(String::new, |it| words::titles(it, page.sources)),
            conversations: Vec::new(),
            kept_in: trouble.kept_in(page.report),
            events: BTreeMap::new(),
        };
        if let (Some(material), Some(marks)) = (&material, marks.get(first.at)) {
            let mut drawer = Drawer::new(first.at, first.scenario, material, &marks.by_event, 0);
            let showings = first.showings.iter();
            let events = showings.flat_map(|it| it.event.iter().chain(it.with));
            failure.events = events
                .filter_map(|event| {
                    let (href, words) = (drawer.href(*event)?, drawer.words(*event)?);
                    Some((*event, EventShown { href, words }))
                })
                .collect();
            let shown = failure.first.showings.iter().filter_map(|it| it.event);
            failure.conversations = drawer.conversations_of(shown);
            let is_there = |event: &u64| failure.events.contains_key(event);
            let shown = |it: &&Showing<'_>| it.event.as_ref().is_some_and(is_there);
            let showing = first.showings.iter().find(shown).or_else(|| {
                let mut showings = first.showings.iter();
                showings.find(|it| it.with.iter().any(is_there))
            });
            failure.slice = showing.and_then(|it| drawer.slice(it.event, it.with));
        }
        write(&failure, out)?;
        last = Some((first.at, material));
    }
    out.write_str("</section>\n")
}

#[derive(Template)]
#[template(path = "failures.html")]
struct FailuresHead {
    none: bool,
    passes: bool,
}

#[derive(Template)]
#[template(path = "lost.html")]
struct LostDocuments<'a> {
    lost: Lost<'a>,
}

/// Everything of one scenario.
#[derive(Template)]
#[template(path = "scenario.html")]
struct Scenario<'a> {
    at: usize,
    is_open: bool,
    is_whole: bool,
    scenario: &'a ScenarioReport,
    /// Failures that it is a case of.
    shows: &'a [(usize, String)],
    material: Option<&'a ScenarioMaterial>,
    sequences: Vec<Sequence>,
    lives: Lives<'a>,
    papers: Vec<String>,
    kept: String,
}

impl Scenario<'_> {
    fn name(&self) -> &str {
        name(self.scenario)
    }

    fn tag(&self) -> String {
        words::verdict(self.scenario.verdict)
    }

    fn colour(&self) -> &'static str {
        words::colour(self.scenario.verdict)
    }

    fn size(&self) -> String {
        words::size(self.scenario.bytes)
    }

    fn lasted(&self) -> String {
        words::lasted(self.scenario.lasted_ms)
    }
}

fn conversations(
    page: &Page<'_>,
    troubles: &[Trouble<'_>],
    source: &mut Source<'_>,
    marks: &[Marks],
    out: &mut dyn fmt::Write,
) -> fmt::Result {
    let report = page.report;
    let all = || report.scenarios.iter().enumerate().zip(marks);
    let is_troubled = |scenario: &ScenarioReport| words::is_troubled(scenario.verdict);
    let troubled = all().filter(|((_, it), _)| is_troubled(it)).count();
    let others = report.scenarios.len() - troubled;
    let budget = (EXCERPTS_OF_ALL / troubled.max(1)).clamp(EXCERPTS_AT_LEAST, EXCERPTS_OF_ONE);
    write(&ConversationsHead { troubled }, out)?;
    let easiest = troubles.iter().filter_map(|it| it.cases.first());
    let open: BTreeSet<usize> = easiest.map(|it| it.at).take(SHOWN_OPEN).collect();
    for ((at, scenario), marks) in all().filter(|((_, it), _)| is_troubled(it)) {
        let material = source(scenario, Depth::Whole);
        let is_open = open.contains(&at);
        one(
            at,
            scenario,
            material.as_ref(),
            (marks, budget, is_open),
            out,
        )?;
    }
    if others > 0 {
        write(&PassedHead { others }, out)?;
        for ((at, scenario), marks) in all().filter(|((_, it), _)| !is_troubled(it)) {
            let material = source(scenario, Depth::Brief);
            one(at, scenario, material.as_ref(), (marks, 0, false), out)?;
        }
        out.write_str("</details>\n")?;
    }
    out.write_str("</section>\n")
}

fn one(
    at: usize,
    scenario: &ScenarioReport,
    material: Option<&ScenarioMaterial>,
    (marks, budget, is_open): (&Marks, usize, bool),
    out: &mut dyn fmt::Write,
) -> fmt::Result {
    let mut sequences = Vec::new();
    if let Some(material) = material {
        let mut drawer = Drawer::new(at, scenario, material, &marks.by_event, budget);
        let conversations = material
            .conversations
            .iter()
            .filter(|it| !it.steps.is_empty());
        sequences = conversations.map(|it| drawer.conversation(it)).collect();
    }
    // Where all is well, long runs of steps are not on the page.
    let place = |event: u64| {
        let step = material.filter(|_| words::is_troubled(scenario.verdict))?;
        let step = step.step_of(event)?.event;
        Some(format!("#s{}e{step}", at + 1))
    };
    let kept = scenario
        .findings
        .iter()
        .filter(|it| it.verdict == Verdict::Pass);
    let kept: Vec<&str> = kept.map(|it| it.requirement.as_str()).collect();
    write(
        &Scenario {
            at,
            is_open,
            is_whole: words::is_troubled(scenario.verdict),
            scenario,
            shows: &marks.all,
            material,
            sequences,
            lives: Lives::of(at, scenario, &place),
            papers: gp2gp_model::paper::lines(&scenario.paper),
            kept: kept.join(", "),
        },
        out,
    )
}

#[derive(Template)]
#[template(path = "conversations.html")]
struct ConversationsHead {
    troubled: usize,
}

#[derive(Template)]
#[template(path = "passed.html")]
struct PassedHead {
    others: usize,
}

#[derive(Template)]
#[template(path = "requirements.html")]
struct Requirements<'a> {
    rows: Vec<RequirementRow<'a>>,
    account: Account<'a>,
    sources: &'a [glossary::Source],
    earlier: String,
    families: Vec<(&'a str, Share)>,
}

impl<'a> Requirements<'a> {
    fn of(page: &Page<'a>, troubles: &[Trouble<'_>]) -> Self {
        Self {
            rows: requirements::rows(page.report, page.catalogue, troubles),
            account: Account::of(page.report, page.catalogue),
            sources: page.sources,
            earlier: (page.report.changes.as_ref())
                .map_or_else(String::new, |it| it.earlier.to_string()),
            families: (page.report.score.families.iter())
                .filter(|(_, share)| share.applicable > 0)
                .map(|(family, share)| (family.as_str(), *share))
                .collect(),
        }
    }
}

#[derive(Template)]
#[template(path = "scenarios.html")]
struct Scenarios<'a> {
    report: &'a RunReport,
    verdicts: Vec<(String, usize)>,
}

impl<'a> Scenarios<'a> {
    fn of(report: &'a RunReport) -> Self {
        let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
        for scenario in &report.scenarios {
            *counts.entry(scenario.verdict).or_default() += 1;
        }
        let verdicts = counts
            .into_iter()
            .map(|(verdict, count)| (words::verdict(verdict), count));
        Self {
            report,
            verdicts: verdicts.collect(),
        }
    }

    fn name<'s>(&self, scenario: &'s ScenarioReport) -> &'s str {
        name(scenario)
    }

    fn tag(&self, scenario: &ScenarioReport) -> String {
        words::verdict(scenario.verdict)
    }

    fn colour(&self, scenario: &ScenarioReport) -> &'static str {
        words::colour(scenario.verdict)
    }

    fn lasted(&self, scenario: &ScenarioReport) -> String {
        words::lasted(scenario.lasted_ms)
    }

    fn judged(&self, scenario: &ScenarioReport) -> usize {
        let judged = scenario.findings.iter().filter(|it| match it.verdict {
            Verdict::CouldNotRun | Verdict::NotApplicable => false,
            Verdict::Pass
            | Verdict::Fail
            | Verdict::Warn
            | Verdict::Unknown
            | Verdict::KnownFailure
            | Verdict::UnexpectedPass
            | Verdict::Flaky
            | Verdict::HarnessError => true,
        });
        judged.count()
    }
}

/// What a bench measured, in figures and in pictures.
struct Throughput<'a> {
    bench: &'a BenchReport,
    score: String,
    /// What, of the system, of the reference.
    rows: [(&'static str, String, String); 3],
    charts: [String; 2],
}

impl<'a> Throughput<'a> {
    fn of(bench: &'a BenchReport) -> Self {
        let (own, other) = (&bench.system, &bench.reference);
        let of_all = |it: &Measured| format!("{} of {}", it.conformant, it.transfers);
        Self {
            score: bench.score.map_or_else(
                || "no score: one of the two finished nothing".to_owned(),
                |score| {
                    format!(
                        "{:.2} of the reference, between {:.2} and {:.2} with 95 % confidence, in {} rounds",
                        score.ratio, score.low, score.high, score.rounds
                    )
                },
            ),
            rows: [
                (
                    "Conformant transfers a second",
                    format!("{:.1}", own.per_second),
                    format!("{:.1}", other.per_second),
                ),
                (
                    "MB of records a second",
                    format!("{:.1}", own.bytes_per_second / 1e6),
                    format!("{:.1}", other.bytes_per_second / 1e6),
                ),
                ("Conformant of all transfers", of_all(own), of_all(other)),
            ],
            charts: [crate::bench_latency(bench), crate::bench_time(bench)],
            bench,
        }
    }
}

#[derive(Template)]
#[template(path = "foot.html")]
struct Foot<'a> {
    report: &'a RunReport,
    bench: Option<Throughput<'a>>,
    errors: Vec<(usize, &'a ScenarioReport)>,
    papers: Option<Papers<'a>>,
    script: &'static str,
}

impl<'a> Foot<'a> {
    fn of(page: &Page<'a>) -> Self {
        let report = page.report;
        let errors = report
            .scenarios
            .iter()
            .enumerate()
            .filter(|(_, it)| it.error.is_some());
        Self {
            report,
            bench: page.bench.map(Throughput::of),
            errors: errors.map(|(at, scenario)| (at + 1, scenario)).collect(),
            papers: Papers::of(report),
            script: include_str!("../../assets/report.js"),
        }
    }

    fn name<'s>(&self, scenario: &'s ScenarioReport) -> &'s str {
        name(scenario)
    }
}

fn name(scenario: &ScenarioReport) -> &str {
    scenario.id.as_ref().map_or("recording", |id| id.as_str())
}
