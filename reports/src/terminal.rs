//! What a person reads at the end of a run.

mod trouble;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::slice;

use gp2gp_model::paper;
use gp2gp_model::plural::count;
use gp2gp_model::report::{
    DocumentReport, Excused, FaultReport, Grade, RunReport, ScenarioReport, Score, Share, find,
};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::trace::TimeMode;
use gp2gp_model::verdict::Verdict;

use crate::beside::beside;
use crate::style::{BOLD, DIM, of, paint};
use crate::text::wrap;
use trouble::troubles;

/// Room for ids in a list: as much as the longest needs, between these.
const SHORT_ID: usize = 38;
const LONG_ID: usize = 72;

/// A whole run: a line for each scenario, each failure once with what to do, the score last.
pub fn run(report: &RunReport, catalogue: &[Requirement]) -> String {
    let mut text = head(report);
    let ids = report.scenarios.iter().map(|scenario| id(scenario).len());
    let width = ids.max().unwrap_or_default().clamp(SHORT_ID, LONG_ID);
    for scenario in &report.scenarios {
        text.push_str(&line(scenario, width));
        text.push_str(&on_paper(scenario));
    }
    text.push('\n');
    text.push_str(&troubles(&report.scenarios, catalogue));
    text.push_str(&beside(report));
    text.push_str(&score(report));
    text
}

/// A recording: its story, its documents, every finding, the score last.
pub fn recording(report: &RunReport, catalogue: &[Requirement]) -> String {
    let mut text = head(report);
    for scenario in &report.scenarios {
        let _ = writeln!(
            text,
            "{}",
            paint(BOLD, "messages, in the order of their references")
        );
        for step in &scenario.story {
            let _ = writeln!(text, "  {step}");
        }
        text.push('\n');
        text.push_str(&documents(&scenario.documents));
        text.push_str(&troubles(slice::from_ref(scenario), catalogue));
        text.push_str(&not_judged(scenario, catalogue));
        text.push_str(&held(scenario));
    }
    text.push_str(&score(report));
    text
}

/// The story of one scenario: what happened, and which planned faults did.
pub fn story(scenario: &ScenarioReport) -> String {
    let id = scenario.id.as_ref().map_or("recording", |id| id.as_str());
    let mut text = format!("{}: {}\n", paint(BOLD, id), scenario.title);
    for step in &scenario.story {
        let _ = writeln!(text, "  {step}");
    }
    for fault in &scenario.faults {
        text.push_str(&self::fault(fault));
    }
    text.push('\n');
    text
}

/// The life of every document of a scenario whose name holds `wanted`, a line for each step.
pub fn custody(scenario: &ScenarioReport, wanted: &str) -> String {
    let mut text = String::new();
    for life in scenario
        .custody
        .iter()
        .filter(|life| life.file_name.contains(wanted))
    {
        let _ = writeln!(
            text,
            "{} {} of patient {}, {}",
            paint(BOLD, "document"),
            life.file_name,
            life.patient,
            count(life.bytes, "byte"),
        );
        let _ = writeln!(text, "  {}", paint(DIM, format!("sha256 {}", life.sha256)));
        let mut held_by = "";
        for step in &life.steps {
            let event = (step.event).map_or_else(String::new, |event| {
                paint(DIM, format!("  (event {event})"))
            });
            let _ = writeln!(text, "  {}  {}{event}", step.at, step.what);
            if step.held_by != held_by {
                let _ = writeln!(
                    text,
                    "    {}",
                    paint(DIM, format!("held by {}", step.held_by))
                );
                held_by = &step.held_by;
            }
        }
        let _ = writeln!(text, "  at the end: {}\n", paint(BOLD, &life.whereabouts));
    }
    text
}

fn fault(fault: &FaultReport) -> String {
    let FaultReport {
        name,
        planned,
        fired,
    } = fault;
    let how_often = match fired {
        0 => paint(of(Verdict::CouldNotRun), "never fired"),
        1 => "fired once".to_owned(),
        more => format!("fired {more} times"),
    };
    field("fault", &format!("{name}: {how_often} ({planned})"))
}

fn head(report: &RunReport) -> String {
    let time = match report.time_mode {
        TimeMode::Virtual => "virtual time",
        TimeMode::Compressed => "real sockets, idle time skipped",
        TimeMode::Wall => "wall time",
        TimeMode::Recorded => "recorded times",
    };
    let roles: Vec<_> = report.roles.iter().map(|role| role.name()).collect();
    let not_claimed: Vec<_> = report.not_claimed.iter().map(|it| it.name()).collect();
    let without = match not_claimed.as_slice() {
        [] => String::new(),
        names => format!(", without {}", names.join(" and ")),
    };
    let control = match report.level {
        Some(level) => format!(", control level {level}"),
        None => String::new(),
    };
    let mut recorded = report
        .scenarios
        .iter()
        .filter_map(|it| it.recorded.as_ref());
    let against = match recorded.next() {
        Some(recorded) => format!(" against {recorded}"),
        None => String::new(),
    };
    format!(
        "{}  system under test: {} ({}){against}{without}, {} profile, {time}{control}\n{}\n\n",
        paint(BOLD, &report.suite),
        report.sut,
        roles.join(" and "),
        report.profile,
        paint(DIM, &report.notice),
    )
}

fn id(scenario: &ScenarioReport) -> &str {
    scenario.id.as_ref().map_or("recording", |id| id.as_str())
}

fn line(scenario: &ScenarioReport, width: usize) -> String {
    let id = id(scenario);
    if let Some(why) = &scenario.not_applicable {
        let verdict = format!("{:>13}", scenario.verdict.name());
        return format!(
            "{}  {id:<width$} {}\n",
            paint(of(scenario.verdict), verdict),
            paint(DIM, why)
        );
    }
    let checks = scenario
        .findings
        .iter()
        .filter(|finding| finding.verdict != Verdict::CouldNotRun)
        .count();
    format!(
        "{}  {id:<width$} {}  {}\n",
        paint(
            of(scenario.verdict),
            format!("{:>13}", scenario.verdict.name())
        ),
        paint(
            DIM,
            format!(
                "{checks:>2} requirements, {:>4} messages, {:>9}",
                scenario.messages,
                lasted(scenario.lasted_ms)
            )
        ),
        scenario.title,
    )
}

/// What the old practice prints, or waits for: state, pages and why.
fn on_paper(scenario: &ScenarioReport) -> String {
    let lines = paper::lines(&scenario.paper).into_iter();
    lines
        .map(|line| format!("{:>13}  {}\n", "", paint(DIM, line)))
        .collect()
}

/// Requirements that were not asked of the system, by the reason.
fn excused(report: &RunReport) -> BTreeMap<&str, Vec<&str>> {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let is_judged = |excuse: &&Excused| {
        let mut outcomes = report.requirements.iter();
        outcomes.any(|outcome| outcome.id == excuse.requirement)
    };
    for excuse in report.excused.iter().filter(is_judged) {
        let ids = by_reason.entry(&excuse.why).or_default();
        ids.push(excuse.requirement.as_str());
    }
    by_reason
}

/// How much paper the whole run is.
fn total_on_paper(report: &RunReport) -> Option<String> {
    let papers = || report.scenarios.iter().flat_map(|it| &it.paper);
    let moved = papers().filter(|it| it.state.is_some()).count() as u64;
    let printed = papers().filter(|it| it.is_paper()).count() as u64;
    let pages = papers().map(|it| it.pages).sum::<u64>();
    (moved > 0).then(|| {
        format!(
            "       paper: {} to print for {printed} of {} who moved\n",
            count(pages, "page"),
            count(moved, "patient"),
        )
    })
}

fn documents(documents: &[DocumentReport]) -> String {
    let mut text = format!(
        "{}\n",
        paint(
            BOLD,
            format!(
                "{}, reassembled and decompressed",
                count(documents.len(), "document")
            )
        )
    );
    for document in documents {
        let _ = writeln!(text, "  {}", document.file_name);
        text.push_str(&field("type", &document.content_type));
        text.push_str(&field("travelled", &document.travelled));
        if let (Some(bytes), Some(sha256)) = (document.bytes, document.sha256) {
            text.push_str(&field("bytes", &bytes.to_string()));
            text.push_str(&field("sha256", &sha256.to_string()));
        }
        if let Some(problem) = &document.problem {
            text.push_str(&field("problem", &paint(of(Verdict::Fail), problem)));
        }
    }
    text.push('\n');
    text
}

fn not_judged(scenario: &ScenarioReport, catalogue: &[Requirement]) -> String {
    let open: Vec<_> = scenario
        .findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::CouldNotRun)
        .collect();
    if open.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "{}\n",
        paint(
            BOLD,
            format!("{} could not be judged", count(open.len(), "requirement"))
        )
    );
    for finding in open {
        let wording = find(catalogue, &finding.requirement).map_or("", |row| row.wording.as_str());
        let _ = writeln!(
            text,
            "  {}  {wording}",
            paint(of(Verdict::CouldNotRun), &finding.requirement)
        );
        if let Some(note) = &finding.note {
            let _ = writeln!(text, "          {}", paint(DIM, note));
        }
    }
    text.push('\n');
    text
}

fn held(scenario: &ScenarioReport) -> String {
    let held: Vec<_> = scenario
        .findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Pass)
        .map(|finding| finding.requirement.to_string())
        .collect();
    format!(
        "{}\n{}\n",
        paint(BOLD, format!("{} kept", count(held.len(), "requirement"))),
        wrap(&held.join(", "), "  "),
    )
}

fn score(report: &RunReport) -> String {
    let Score {
        grade,
        must,
        should,
        families,
        unsafe_because,
        not_yet_checked,
        unchecked: _,
    } = &report.score;
    let (word, verdict) = match grade {
        Grade::Conforms => ("conforms", Verdict::Pass),
        Grade::DoesNotConform => ("does not conform", Verdict::Fail),
        Grade::Unsafe => ("unsafe", Verdict::Fail),
        Grade::Incomplete => ("incomplete", Verdict::CouldNotRun),
    };
    let mut text = format!(
        "{}  {}   MUST {}   SHOULD {}\n",
        paint(BOLD, "score"),
        paint(of(verdict), word),
        paint(BOLD, share(*must)),
        share(*should),
    );
    let families: Vec<_> = families
        .iter()
        .filter(|(_, part)| part.applicable > 0)
        .map(|(family, part)| format!("{family} {}", share(*part)))
        .collect();
    let _ = writeln!(text, "       MUST by family: {}", families.join("   "));
    if !unsafe_because.is_empty() {
        let ids: Vec<_> = unsafe_because.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "       broken safety invariants: {}", ids.join(", "));
    }
    let judged = report
        .scenarios
        .iter()
        .filter(|scenario| scenario.verdict == Verdict::Pass)
        .count();
    let inapplicable = report
        .scenarios
        .iter()
        .filter(|scenario| scenario.verdict == Verdict::NotApplicable)
        .count();
    let others = match inapplicable {
        0 => String::new(),
        1 => ", 1 does not apply".to_owned(),
        number => format!(", {number} do not apply"),
    };
    let _ = writeln!(
        text,
        "       {judged} of {} passed{others}",
        count(report.scenarios.len(), "scenario")
    );
    if report.not_run > 0 {
        let _ = writeln!(
            text,
            "       {}: the run was broken off, {} did not run",
            paint(of(Verdict::CouldNotRun), "incomplete"),
            count(report.not_run, "scenario"),
        );
    }
    for (why, ids) in excused(report) {
        let _ = writeln!(text, "       not asked: {} ({why})", ids.join(", "));
    }
    text.push_str(&total_on_paper(report).unwrap_or_default());
    if !report.left_out.is_empty() {
        let ids: Vec<_> = report.left_out.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            text,
            "       heavy scenarios left out: {} (gp2gp run --heavy)",
            ids.join(", ")
        );
    }
    if *not_yet_checked > 0 {
        let _ = writeln!(
            text,
            "{}",
            paint(
                DIM,
                format!(
                    "       no check yet for {} of these roles: gp2gp list --unchecked",
                    count(*not_yet_checked, "requirement")
                )
            )
        );
    }
    text
}

fn share(share: Share) -> String {
    share.percent().map_or_else(
        || "none applicable".to_owned(),
        |percent| format!("{}/{} ({percent:.1} %)", share.passed, share.applicable),
    )
}

fn field(name: &str, value: &str) -> String {
    format!("  {}  {value}\n", paint(DIM, format!("{name:<10}")))
}

pub(crate) fn lasted(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60) {
        (0, 0, 0) => format!("{}.{:03} s", seconds, milliseconds % 1_000),
        (0, hours, minutes) => format!("{hours}h {minutes:02}m"),
        (days, hours, _) => format!("{days}d {hours:02}h"),
    }
}
