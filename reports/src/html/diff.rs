//! Two runs beside each other as a page: where each scenario parts first, what follows, and both sides step by step.

use std::fmt;

use askama::Template;
use gp2gp_model::report::{SYNTHETIC_NOTICE, find};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::run_diff::{
    DiffKind, Divergent, FieldDiff, Lane, RunDiff, RunSide, ScenarioDiff, Stands, StepSeen,
};
use gp2gp_model::snapshot::Change;
use gp2gp_model::trace::{Endpoint, TimeMode};
use gp2gp_model::verdict::Verdict;

use super::words;
use crate::text::in_a_line;

/// Scenarios that are shown whole: of the others the page says where they part, and the JSON has all.
const WHOLE: usize = 80;

/// Scenarios that are shown open.
const OPEN: usize = 4;

/// Steps of a kind, and fields of a step, that are listed.
const LISTED: usize = 12;

/// Steps of a conversation that are shown, folded or not.
const LANES: usize = 240;

/// Steps that are the same and shown before and behind one that is not.
const AROUND: usize = 2;

/// A text is read to its end where it is this long.
const TEXT: usize = 400;

/// Writes the page.
pub fn run_diff_html(
    diff: &RunDiff,
    catalogue: &[Requirement],
    out: &mut dyn fmt::Write,
) -> fmt::Result {
    let write = |template: &dyn DynWrite, out: &mut dyn fmt::Write| template.write(out);
    write(&Head::of(diff), out)?;
    for (number, scenario) in (1..).zip(diff.scenarios.iter().take(WHOLE)) {
        write(&Scenario::of(number, scenario, diff, catalogue), out)?;
    }
    write(&Foot::of(diff), out)
}

/// A template, whichever.
trait DynWrite {
    fn write(&self, out: &mut dyn fmt::Write) -> fmt::Result;
}

impl<T: Template> DynWrite for T {
    fn write(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        self.render_into(out).map_err(|_| fmt::Error)
    }
}

#[derive(Template)]
#[template(path = "diff_head.html")]
struct Head<'a> {
    diff: &'a RunDiff,
    style: &'static str,
    own_style: &'static str,
    components: &'static str,
    notice: &'static str,
    banner: &'static str,
    title: String,
    kinds: Vec<(DiffKind, usize)>,
    facts: Vec<Fact>,
    only: Vec<(&'static str, String)>,
}

/// Something of both runs.
struct Fact {
    name: &'static str,
    a: String,
    b: String,
}

impl<'a> Head<'a> {
    fn of(diff: &'a RunDiff) -> Self {
        let kinds = [DiffKind::Worse, DiffKind::Better, DiffKind::Behaviour];
        let count = |kind| diff.scenarios.iter().filter(|it| it.kind == kind).count();
        let kinds: Vec<(DiffKind, usize)> = kinds.map(|kind| (kind, count(kind))).to_vec();
        let alone = diff.only_in_a.len() + diff.only_in_b.len();
        let differ = diff.scenarios.len() + alone;
        Self {
            banner: match (differ, count(DiffKind::Worse)) {
                (0, _) => "good",
                (_, 0) => "open",
                (_, _) => "bad",
            },
            title: match differ {
                0 => "The two runs are the same".to_owned(),
                1 => "1 scenario differs".to_owned(),
                many => format!("{many} scenarios differ"),
            },
            only: [("A", &diff.only_in_a), ("B", &diff.only_in_b)]
                .into_iter()
                .filter(|(_, ids)| !ids.is_empty())
                .map(|(name, ids)| {
                    let ids: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
                    (name, ids.join(", "))
                })
                .collect(),
            facts: facts(&diff.a, &diff.b),
            kinds,
            diff,
            style: include_str!("../../assets/report.css"),
            own_style: include_str!("../../assets/diff.css"),
            components: include_str!("../../assets/nhsuk-frontend/nhsuk-frontend.css"),
            notice: SYNTHETIC_NOTICE,
        }
    }
}

fn facts(a: &RunSide, b: &RunSide) -> Vec<Fact> {
    let both = |name, of: &dyn Fn(&RunSide) -> String| Fact {
        name,
        a: of(a),
        b: of(b),
    };
    let made = |of: &dyn Fn(&gp2gp_model::run_log::Fingerprint) -> String| {
        let of = |side: &RunSide| side.fingerprint.as_ref().map_or_else(not_known, of);
        (of(a), of(b))
    };
    let (suite_a, suite_b) = made(&|it| it.suite_sha256.to_string());
    let (made_a, made_b) = made(&|it| format!("{}, on {}", it.made_at.to_ebxml(), it.platform));
    vec![
        both("System under test", &|it| it.sut.clone()),
        both("Roles", &|it| {
            let names: Vec<&str> = it.roles.iter().map(|role| role.name()).collect();
            words::list(&names)
        }),
        both("Suite", &|it| it.suite.clone()),
        Fact {
            name: "Digest of requirements and scenarios",
            a: suite_a,
            b: suite_b,
        },
        both("Time", &|it| time(it.time_mode).to_owned()),
        Fact {
            name: "Made",
            a: made_a,
            b: made_b,
        },
        both("Kept in", &|it| it.folder.clone()),
    ]
}

fn not_known() -> String {
    "not known".to_owned()
}

const fn time(mode: TimeMode) -> &'static str {
    match mode {
        TimeMode::Virtual => "virtual: in one process, under a simulated clock",
        TimeMode::Compressed => "compressed: over real sockets, idle time skipped",
        TimeMode::Wall => "wall clock: over real sockets, as it was",
        TimeMode::Recorded => "recorded: what the messages say of themselves",
    }
}

const fn colour(kind: DiffKind) -> &'static str {
    match kind {
        DiffKind::Worse => "red",
        DiffKind::Better => "green",
        DiffKind::Behaviour => "yellow",
    }
}

/// A scenario that differs.
#[derive(Template)]
#[template(path = "diff_scenario.html")]
struct Scenario<'a> {
    number: usize,
    is_open: bool,
    diff: &'a ScenarioDiff,
    sides: [&'a str; 2],
    colour: &'static str,
    first: Option<Shown>,
    follows: Several,
    others: Several,
    verdicts: Vec<VerdictRow<'a>>,
    lanes: Vec<LaneRow>,
    lanes_left_out: usize,
}

/// Steps that differ, and how many are not listed.
struct Several {
    steps: Vec<Shown>,
    more: usize,
}

/// A step that differs.
struct Shown {
    step: String,
    who: String,
    because_of: String,
    a: Told,
    b: Told,
    fields: Vec<Compared>,
    more: usize,
}

/// What one side shows of a step.
struct Told {
    is_there: bool,
    says: Marked,
    when: String,
    event: u64,
}

/// A field of both sides.
struct Compared {
    field: String,
    a: Option<Marked>,
    b: Option<Marked>,
}

/// A text with the words in the middle that the other side does not have.
#[derive(Default, PartialEq, Eq, Debug)]
struct Marked {
    before: String,
    own: String,
    behind: String,
}

struct VerdictRow<'a> {
    what: String,
    requirement: Option<&'a Requirement>,
    clause: String,
    a: Option<Verdict>,
    b: Option<Verdict>,
}

impl VerdictRow<'_> {
    fn tag(&self, verdict: &Option<Verdict>) -> String {
        verdict.map_or_else(|| "not exercised".to_owned(), words::verdict)
    }

    fn colour(&self, verdict: &Option<Verdict>) -> &'static str {
        verdict.map_or("grey", words::colour)
    }
}

/// A row of the two lanes: a step, or steps that are the same and folded.
struct LaneRow {
    step: Option<LaneShown>,
    folded: Vec<LaneShown>,
}

struct LaneShown {
    step: String,
    who: String,
    class: &'static str,
    /// In words, where it is not the same in both.
    word: &'static str,
    a: Told,
    b: Told,
}

impl<'a> Scenario<'a> {
    fn of(
        number: usize,
        diff: &'a ScenarioDiff,
        whole: &'a RunDiff,
        catalogue: &'a [Requirement],
    ) -> Self {
        let (lanes, lanes_left_out) = lanes(&diff.lanes);
        Self {
            number,
            is_open: number <= OPEN,
            sides: [&whole.a.sut, &whole.b.sut],
            colour: colour(diff.kind),
            first: diff.first.as_ref().map(shown),
            follows: several(&diff.follows),
            others: several(&diff.others),
            verdicts: diff
                .verdicts
                .iter()
                .filter_map(|it| verdict_row(it, catalogue))
                .collect(),
            lanes,
            lanes_left_out,
            diff,
        }
    }
}

fn several(steps: &[Divergent]) -> Several {
    Several {
        steps: steps.iter().take(LISTED).map(shown).collect(),
        more: steps.len().saturating_sub(LISTED),
    }
}

fn shown(step: &Divergent) -> Shown {
    let (a, b) = told(step.a.as_ref(), step.b.as_ref());
    Shown {
        step: step.step.clone(),
        who: who(step.from, step.to),
        because_of: step.because_of.clone().unwrap_or_default(),
        a,
        b,
        fields: step.fields.iter().take(LISTED).map(compared).collect(),
        more: step.fields.len().saturating_sub(LISTED),
    }
}

fn who(from: Option<Endpoint>, to: Option<Endpoint>) -> String {
    let names = from.into_iter().chain(to).map(words::endpoint);
    names.collect::<Vec<_>>().join(" to ")
}

fn told(a: Option<&StepSeen>, b: Option<&StepSeen>) -> (Told, Told) {
    let text = |seen: Option<&StepSeen>| seen.map(|it| in_a_line(&it.says, TEXT));
    let (in_a, in_b) = match (text(a), text(b)) {
        (Some(a), Some(b)) => marked(&a, &b),
        (a, b) => (whole(a), whole(b)),
    };
    let side = |seen: Option<&StepSeen>, says: Marked| Told {
        is_there: seen.is_some(),
        says,
        when: seen.map_or_else(String::new, |it| words::lasted(it.since_start_ms)),
        event: seen.map_or(u64::MAX, |it| it.event),
    };
    (side(a, in_a), side(b, in_b))
}

impl Told {
    /// What is told when all is over is no event.
    fn is_event(&self) -> bool {
        self.event != u64::MAX
    }
}

fn whole(text: Option<String>) -> Marked {
    Marked {
        before: text.unwrap_or_default(),
        ..Marked::default()
    }
}

fn compared(field: &FieldDiff) -> Compared {
    let FieldDiff { field, a, b } = field;
    let text = |it: &Option<String>| it.as_ref().map(|it| in_a_line(it, TEXT));
    let (a, b) = match (text(a), text(b)) {
        (Some(a), Some(b)) => {
            let (a, b) = marked(&a, &b);
            (Some(a), Some(b))
        }
        (a, b) => (a.map(|it| whole(Some(it))), b.map(|it| whole(Some(it)))),
    };
    Compared {
        field: in_a_line(field, TEXT),
        a,
        b,
    }
}

/// Both with the words marked between what they begin and what they end with alike.
fn marked(a: &str, b: &str) -> (Marked, Marked) {
    let (in_a, in_b): (Vec<&str>, Vec<&str>) = (
        a.split_inclusive(' ').collect(),
        b.split_inclusive(' ').collect(),
    );
    let before = (in_a.iter().zip(&in_b)).take_while(|(a, b)| a == b).count();
    let (rest_a, rest_b) = (
        in_a.get(before..).unwrap_or_default(),
        in_b.get(before..).unwrap_or_default(),
    );
    let behind = (rest_a.iter().rev().zip(rest_b.iter().rev()))
        .take_while(|(a, b)| a == b)
        .count();
    let of = |words: &[&str]| {
        let end = words.len() - behind;
        let part = |range: std::ops::Range<usize>| words.get(range).unwrap_or_default().concat();
        Marked {
            before: part(0..before),
            own: part(before..end),
            behind: part(end..words.len()),
        }
    };
    (of(&in_a), of(&in_b))
}

fn verdict_row<'a>(change: &Change, catalogue: &'a [Requirement]) -> Option<VerdictRow<'a>> {
    match change {
        Change::Verdict { was, is } => Some(VerdictRow {
            what: "the scenario".to_owned(),
            requirement: None,
            clause: String::new(),
            a: Some(*was),
            b: Some(*is),
        }),
        Change::Requirement {
            requirement,
            was,
            is,
        } => {
            let known = find(catalogue, requirement);
            Some(VerdictRow {
                what: requirement.to_string(),
                requirement: known,
                clause: known.map_or_else(String::new, words::sources),
                a: *was,
                b: *is,
            })
        }
        Change::Appeared { .. }
        | Change::Disappeared { .. }
        | Change::Moved { .. }
        | Change::Altered { .. }
        | Change::Line { .. } => None,
    }
}

/// Rows around what differs; the same between them folded. And how many steps are not on the page.
fn lanes(lanes: &[Lane]) -> (Vec<LaneRow>, usize) {
    let first = lanes.iter().position(|it| it.stands == Stands::First);
    let from = first.unwrap_or(0).saturating_sub(LANES / 4);
    let end = lanes.len().min(from + LANES);
    let on_page = lanes.get(from..end).unwrap_or_default();
    let is_near = |at: usize| {
        let near = at.saturating_sub(AROUND)..(at + AROUND + 1).min(on_page.len());
        let near = on_page.get(near).unwrap_or_default();
        near.iter().any(|it| it.stands != Stands::Same)
    };
    let mut rows: Vec<LaneRow> = Vec::new();
    for (at, lane) in on_page.iter().enumerate() {
        let shown = lane_shown(lane);
        match rows.last_mut() {
            Some(LaneRow { step: None, folded }) if !is_near(at) => folded.push(shown),
            Some(_) | None if is_near(at) => rows.push(LaneRow {
                step: Some(shown),
                folded: Vec::new(),
            }),
            Some(_) | None => rows.push(LaneRow {
                step: None,
                folded: vec![shown],
            }),
        }
    }
    (rows, lanes.len() - on_page.len())
}

fn lane_shown(lane: &Lane) -> LaneShown {
    let (a, b) = told(lane.a.as_ref(), lane.b.as_ref());
    let (class, word) = match (lane.stands, a.is_there, b.is_there) {
        (Stands::Same, _, _) => ("same", ""),
        (Stands::First, _, _) => ("first", "they part here"),
        (Stands::Follows | Stands::Other, true, false) => ("differs", "only in A"),
        (Stands::Follows | Stands::Other, false, true) => ("differs", "only in B"),
        (Stands::Follows, _, _) => ("differs", "follows"),
        (Stands::Other, _, _) => ("differs", "differs"),
    };
    LaneShown {
        step: lane.step.clone(),
        who: who(lane.from, lane.to),
        class,
        word,
        a,
        b,
    }
}

#[derive(Template)]
#[template(path = "diff_foot.html")]
struct Foot<'a> {
    diff: &'a RunDiff,
    rest: &'a [ScenarioDiff],
    whole: usize,
    notice: &'static str,
    outcomes: Vec<OutcomeRow<'a>>,
}

struct OutcomeRow<'a> {
    scenario: &'a str,
    /// Where it is shown on the page.
    number: Option<usize>,
    a: Option<Verdict>,
    b: Option<Verdict>,
    word: &'static str,
}

impl OutcomeRow<'_> {
    fn tag(&self, verdict: &Option<Verdict>) -> String {
        verdict.map_or_else(|| "not in it".to_owned(), words::verdict)
    }

    fn colour(&self, verdict: &Option<Verdict>) -> &'static str {
        verdict.map_or("grey", words::colour)
    }
}

impl<'a> Foot<'a> {
    fn of(diff: &'a RunDiff) -> Self {
        let outcomes = diff.outcomes.iter().map(|it| {
            let at = diff
                .scenarios
                .iter()
                .position(|other| other.scenario == it.scenario);
            let kind = at.and_then(|at| diff.scenarios.get(at)).map(|it| it.kind);
            OutcomeRow {
                scenario: it.scenario.as_str(),
                number: at.map(|at| at + 1),
                a: it.a,
                b: it.b,
                word: match (kind, it.differs) {
                    (Some(kind), _) => kind.words(),
                    (None, true) => "in one run alone",
                    (None, false) => "the same",
                },
            }
        });
        Self {
            diff,
            rest: diff.scenarios.get(WHOLE..).unwrap_or_default(),
            whole: WHOLE,
            notice: SYNTHETIC_NOTICE,
            outcomes: outcomes.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use gp2gp_model::run_diff::BothOutcomes;
    use gp2gp_model::{ScenarioId, Time};

    use super::*;

    fn side(sut: &str) -> RunSide {
        RunSide {
            sut: sut.to_owned(),
            suite: "gp2gp 0.1.0".to_owned(),
            folder: sut.to_owned(),
            roles: Vec::new(),
            time_mode: TimeMode::Virtual,
            fingerprint: None,
        }
    }

    /// So many scenarios that differ, each in its last step.
    fn diff(scenarios: usize, steps: usize, says: &str) -> RunDiff {
        let seen = |says: &str, event: usize| StepSeen {
            says: says.to_owned(),
            at: Time::from_micros(0),
            since_start_ms: 0,
            event: event as u64,
        };
        let step = |at: usize| Lane {
            step: format!("step {at}"),
            from: Some(Endpoint::Sending),
            to: Some(Endpoint::Store),
            stands: if at == steps {
                Stands::First
            } else {
                Stands::Same
            },
            a: Some(seen("as always", at)),
            b: Some(seen(if at == steps { says } else { "as always" }, at)),
        };
        let lanes: Vec<Lane> = (1..=steps).map(step).collect();
        let first = lanes.last().map(|last| Divergent {
            step: last.step.clone(),
            because_of: None,
            from: last.from,
            to: last.to,
            a: last.a.clone(),
            b: last.b.clone(),
            fields: Vec::new(),
        });
        let one = |number: usize| ScenarioDiff {
            scenario: ScenarioId::parse(&format!("many/number-{number}")).unwrap(),
            title: says.to_owned(),
            kind: DiffKind::Behaviour,
            is_another: false,
            verdicts: Vec::new(),
            first: first.clone(),
            follows: Vec::new(),
            others: Vec::new(),
            lanes: lanes.clone(),
            reproduce_a: "gp2gp run a".to_owned(),
            reproduce_b: "gp2gp run b".to_owned(),
        };
        let scenarios: Vec<ScenarioDiff> = (1..=scenarios).map(one).collect();
        RunDiff {
            a: side("alice"),
            b: side("bob"),
            same: 0,
            outcomes: scenarios
                .iter()
                .map(|it| BothOutcomes {
                    scenario: it.scenario.clone(),
                    a: Some(Verdict::Pass),
                    b: Some(Verdict::Pass),
                    differs: true,
                })
                .collect(),
            scenarios,
            only_in_a: Vec::new(),
            only_in_b: Vec::new(),
        }
    }

    fn page(diff: &RunDiff) -> String {
        let mut text = String::new();
        run_diff_html(diff, &[], &mut text).unwrap();
        text
    }

    #[test]
    fn of_four_hundred_scenarios_the_page_shows_some_whole_and_says_of_how_many_it_does_not() {
        let page = page(&diff(400, 2000, "otherwise"));
        assert_eq!(page.matches("<details class=\"scenario\"").count(), WHOLE);
        assert!(page.contains("320 more scenarios differ"));
        assert!(page.contains("1939 more steps are not on this page"));
        assert_eq!(page.matches("step 2000").count(), 2 * WHOLE + 320);
        for number in [1, 80, 81, 400] {
            assert_eq!(
                page.matches(&format!("id=\"d{number}\"")).count(),
                1,
                "{number}"
            );
            assert!(page.contains(&format!("href=\"#d{number}\"")), "{number}");
        }
        assert!(page.len() < 10_000_000, "{} bytes", page.len());
    }

    #[test]
    fn what_comes_from_outside_is_text() {
        let page = page(&diff(1, 1, "<script>alert(1)</script>"));
        assert!(!page.contains("<script>alert"));
        assert!(page.contains("&#60;script&#62;alert(1)"));
    }

    fn parts(it: &Marked) -> [&str; 3] {
        [&it.before, &it.own, &it.behind]
    }

    #[test]
    fn the_words_that_one_side_has_alone_are_marked() {
        let (a, b) = marked("refuses with 11 of it", "accepts of it");
        assert_eq!(parts(&a), ["", "refuses with 11 ", "of it"]);
        assert_eq!(parts(&b), ["", "accepts ", "of it"]);
        let (a, b) = marked("one two", "one two three");
        assert_eq!(parts(&a), ["one ", "two", ""]);
        assert_eq!(parts(&b), ["one ", "two three", ""]);
        let (a, _) = marked("alike", "alike");
        assert_eq!(parts(&a), ["alike", "", ""]);
        let (a, b) = marked("a a", "a a a");
        assert_eq!((a.own.as_str(), b.own.as_str()), ("", "a "));
    }
}
