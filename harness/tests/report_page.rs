//! The HTML report of a run with three planted defects, as a reviewer meets it: what failed, whose fault, which
//! clause, what message, how to reproduce; and as a browser does.

#![cfg(test)]

mod support;

#[path = "report_page/breaches.rs"]
mod breaches;
#[path = "support/browser.rs"]
mod browser;
#[path = "report_page/lost.rs"]
mod lost;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::OnceLock;

use gp2gp::conversations;
use gp2gp::driver::{Sut, Transport};
use gp2gp::run::{Options, run, trace, usual_jobs};
use gp2gp_mocks::Defect;
use gp2gp_model::bench::BenchReport;
use gp2gp_model::report::conversation::{Depth, Happening, ScenarioMaterial, Step};
use gp2gp_model::report::{RunReport, ScenarioReport};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::run_log::{Fingerprint, Scope};
use gp2gp_model::trace::Endpoint;
use gp2gp_model::verdict::{Finding, Profile, Verdict};
use gp2gp_model::{ScenarioId, Sha256, Time};
use gp2gp_reports::{Page, Room};

/// A defect, a scenario that shows it, the requirement that catches it.
const PLANTED: [(&str, &str, &str); 3] = [
    ("serves-twice", "duplicate/request", "SND-18"),
    ("continue-twice", "transfer/bare-reference-ids", "RCV-15"),
    ("early-continue-forgotten", "order/early-continue", "SND-32"),
];

/// Scenarios of the same run in which all is well.
const SOUND: [&str; 2] = ["transfer/mixed", "people/reject-new-patient"];

/// A run, and what is shown of each scenario.
struct Material {
    report: RunReport,
    catalogue: Vec<Requirement>,
    shown: BTreeMap<ScenarioId, (ScenarioMaterial, ScenarioMaterial)>,
}

/// One run of one system with all three defects.
fn played() -> &'static Material {
    static PLAYED: OnceLock<Material> = OnceLock::new();
    PLAYED.get_or_init(|| {
        let defects = PLANTED.map(|(defect, ..)| Defect::from_name(defect).expect("a defect"));
        let planted = PLANTED.iter().map(|(_, id, _)| *id);
        let ids: Vec<&str> = SOUND.into_iter().chain(planted).collect();
        play(&ids, Sut::Broken(defects.to_vec()), Scope::Selection)
    })
}

fn play(ids: &[&str], sut: Sut, scope: Scope) -> Material {
    let catalogue = support::catalogue();
    let plans: Vec<_> = ids.iter().map(|id| support::plan(id)).collect();
    let options = Options {
        catalogue: &catalogue,
        sut,
        not_claimed: &[],
        transport: Transport::Virtual,
        replay: None,
        attached: None,
        profile: Profile::Strict,
        scope,
        out: None,
        left_out: &[],
        jobs: usual_jobs(),
    };
    let report = run(&plans, &options, &|_| {}).expect("it runs");
    let shown = plans.iter().map(|plan| {
        let (trace, bodies) = trace(plan, &options).expect("it runs");
        let material = |depth| conversations::material(&trace, &bodies, depth);
        (
            plan.scenario.clone(),
            (material(Depth::Brief), material(Depth::Whole)),
        )
    });
    Material {
        shown: shown.collect(),
        report,
        catalogue,
    }
}

impl Material {
    fn page(&self) -> String {
        self.page_with(None)
    }

    fn page_with(&self, bench: Option<&BenchReport>) -> String {
        let sources = gp2gp_scenarios::sources().expect("they are built in");
        let page = Page {
            report: &self.report,
            catalogue: &self.catalogue,
            sources: &sources,
            bench,
        };
        let mut text = String::new();
        let mut source = |scenario: &ScenarioReport, depth: Depth| {
            let (brief, whole) = self.shown.get(scenario.id.as_ref()?)?;
            Some(match depth {
                Depth::Brief => brief.clone(),
                Depth::Whole => whole.clone(),
            })
        };
        gp2gp_reports::html(&page, &mut source, &mut text).expect("the page is written");
        text
    }

    fn failures(&self) -> Vec<(&ScenarioReport, &Finding)> {
        let scenarios = self.report.scenarios.iter();
        scenarios
            .flat_map(|scenario| scenario.findings.iter().map(move |it| (scenario, it)))
            .filter(|(_, finding)| finding.verdict == Verdict::Fail)
            .collect()
    }
}

/// As it stands in the page.
fn escaped(text: &str) -> String {
    text.replace('&', "&#38;")
        .replace('<', "&#60;")
        .replace('>', "&#62;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}

/// Values of an attribute, in order.
fn attributes<'p>(page: &'p str, name: &str) -> Vec<&'p str> {
    let start = format!(" {name}=\"");
    let found = page.split(start.as_str()).skip(1);
    found
        .map(|rest| rest.split('"').next().unwrap_or_default())
        .collect()
}

#[test]
fn every_planted_defect_is_caught_in_its_scenario() {
    let failures = played().failures();
    for (defect, id, requirement) in PLANTED {
        let mut of_scenario = failures
            .iter()
            .filter(|(scenario, _)| scenario.id.as_ref().is_some_and(|own| own.as_str() == id));
        assert!(
            of_scenario.any(|(_, finding)| finding.requirement.as_str().starts_with(requirement)),
            "{defect} in {id}: {:?}",
            failures
                .iter()
                .map(|(_, it)| &it.requirement)
                .collect::<Vec<_>>()
        );
    }
}

#[test]
fn the_page_alone_says_what_failed_whose_fault_which_clause_what_message_and_how_to_reproduce() {
    let material = played();
    let page = material.page();
    for (scenario, finding) in material.failures() {
        let requirement = material
            .catalogue
            .iter()
            .find(|it| it.id == finding.requirement)
            .unwrap();
        let start = page
            .split("<article ")
            .find(|article| {
                article.contains(&format!(
                    "<dd class=\"nhsuk-summary-list__value\">{} (",
                    requirement.id
                ))
            })
            .unwrap_or_else(|| panic!("no failure of {}", requirement.id));
        let article = start.split("</article>").next().unwrap();
        let must_say = [
            format!(
                "the {} system ({}), which is under test",
                finding.role, material.report.sut
            ),
            finding.violations[0]
                .seen
                .split('`')
                .next()
                .unwrap()
                .to_owned(),
            scenario.reproduce.clone(),
        ];
        for words in must_say {
            assert!(
                article.contains(&escaped(&words)),
                "{}: {words}",
                requirement.id
            );
        }
        assert!(article.contains("What led to event"), "{}", requirement.id);
        for fault in &scenario.faults {
            let says = escaped(&format!("({})", fault.planned));
            assert!(article.contains(&says), "{}: {says}", requirement.id);
        }
        assert!(
            article.contains("class=\"step focus\""),
            "{}",
            requirement.id
        );
    }
}

#[test]
fn the_page_says_since_when_a_failure_is_there_and_what_is_new() {
    let at = |micros| {
        Some(Fingerprint {
            made_at: Time::from_micros(micros),
            suite_sha256: Sha256::of(b"suite"),
            platform: "a machine".to_owned(),
        })
    };
    let mut material = Material {
        report: played().report.clone(),
        catalogue: played().catalogue.clone(),
        shown: played().shown.clone(),
    };
    let alone = material.page();
    assert!(alone.contains("not known: this run was compared with no earlier one"));
    let mut before = material.report.clone();
    before.fingerprint = at(1_000_000);
    let is_new = |finding: &Finding| finding.requirement.as_str() == "SND-18";
    for finding in before.scenarios.iter_mut().flat_map(|it| &mut it.findings) {
        if is_new(finding) {
            finding.verdict = Verdict::Pass;
        }
    }
    let earlier = before.as_earlier(&BTreeMap::new()).expect("it has a name");
    material.report.fingerprint = at(2_000_000);
    let is_gone = |finding: &Finding| finding.requirement.as_str() == "RCV-15";
    for scenario in &mut material.report.scenarios {
        scenario.findings.retain(|finding| !is_gone(finding));
    }
    material.report.compare(&earlier, &BTreeMap::new());
    let changes = material.report.changes.as_ref().expect("compared");
    let gone: Vec<&str> = (changes.no_longer_judged.iter())
        .map(|id| id.as_str())
        .collect();
    assert_eq!(gone, ["RCV-15"]);
    material.report.scenarios = played().report.scenarios.clone();
    material.report.compare(&earlier, &BTreeMap::new());
    let changes = material.report.changes.as_ref().expect("compared");
    assert!(changes.no_longer_judged.is_empty(), "{changes:?}");
    let page = material.page();
    let article = |id: &str| {
        let found = page
            .split("<article ")
            .find(|it| it.contains(&format!("value\">{id} (")));
        found.unwrap_or_else(|| panic!("no failure of {id}"))
    };
    assert!(article("SND-18").contains("new: it was not so in the run of 1970-01-01T00:00:01Z"));
    assert!(article("RCV-15").contains("the run of 1970-01-01T00:00:01Z"));
    let mut changed = page.split("is broken now</strong> ").skip(1);
    let is_linked = |row: &str| {
        let link = row.split_once("</a>").map_or("", |(link, _)| link);
        link.starts_with("<a href=\"#f") && link.ends_with(">SND-18")
    };
    assert!(changed.any(is_linked));
}

#[test]
fn the_event_that_shows_a_failure_is_marked_in_the_diagram_and_linked_from_the_failure() {
    let material = played();
    let page = material.page();
    let ids: BTreeSet<&str> = attributes(&page, "id").into_iter().collect();
    for (at, scenario) in material.report.scenarios.iter().enumerate() {
        for finding in scenario
            .findings
            .iter()
            .filter(|it| it.verdict == Verdict::Fail)
        {
            for event in finding.violations.iter().filter_map(|it| it.event) {
                let id = format!("s{}e{event}", at + 1);
                assert!(ids.contains(id.as_str()), "{id} of {}", finding.requirement);
                let row = page.split(&format!("id=\"{id}\"")).nth(1).unwrap();
                let row = row.split("<li class=\"step").next().unwrap();
                assert!(
                    row.contains(&format!("shows {}: fail", finding.requirement)),
                    "{id} does not say that it shows {}",
                    finding.requirement
                );
            }
        }
    }
}

/// What led to the last message of a system that begins like this, a line each.
fn led_to(id: &str, from: Endpoint, says: &str) -> String {
    let (_, shown) = &played().shown[&ScenarioId::parse(id).unwrap()];
    let is_it = |step: &&Step| match &step.what {
        Happening::Message(message) => message.from == from && message.says.starts_with(says),
        Happening::Calls { .. } | Happening::At { .. } => false,
    };
    let last = shown.steps().into_iter().rfind(is_it).expect("it was sent");
    let lines = shown
        .led_to(&[last.event])
        .into_iter()
        .map(|step| match &step.what {
            Happening::Message(message) => {
                let says = message.says.split(['.', ';', '(']).next().unwrap();
                format!("{} to {}: {says}", message.from, message.to)
            }
            Happening::Calls { from, to, .. } => format!("{from} calls {to}"),
            Happening::At { text, .. } => text.clone(),
        });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_led_to_a_second_continue_is_the_extract_and_the_first() {
    insta::assert_snapshot!(led_to(
        "transfer/bare-reference-ids",
        Endpoint::Requesting,
        "Continue"
    ));
}

#[test]
fn what_led_to_a_refusal_is_the_extract_and_what_people_decided() {
    insta::assert_snapshot!(led_to(
        "people/reject-new-patient",
        Endpoint::Requesting,
        "acknowledgement"
    ));
}

#[test]
fn what_led_to_a_second_extract_is_the_second_request_and_the_first_extract() {
    insta::assert_snapshot!(led_to(
        "duplicate/request",
        Endpoint::Sending,
        "EHR extract"
    ));
}

/// What a reader meets, without markup.
#[test]
fn a_failure_reads_like_this() {
    let page = played().page();
    let found = page
        .split("<article ")
        .find(|it| it.contains("value\">SND-18 ("));
    let article = found.unwrap().split("</article>").next().unwrap();
    let mut words = String::new();
    for piece in article.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap();
        let ends = ["/dd", "/dt", "/h3", "/h4", "/p", "/li", "/summary"];
        words.push_str(text.trim_matches('\n'));
        words.push_str(if ends.contains(&tag) { "\n" } else { " " });
    }
    let lines = words
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn the_same_run_gives_the_same_page() {
    assert!(played().page() == played().page());
}

#[test]
fn ids_are_unique_and_every_link_leads_somewhere_on_the_page() {
    let page = played().page();
    let ids = attributes(&page, "id");
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len());
    for href in attributes(&page, "href") {
        let target = href
            .strip_prefix('#')
            .unwrap_or_else(|| panic!("{href} leads away"));
        assert!(unique.contains(target), "{href} leads nowhere");
    }
}

#[test]
fn nothing_is_fetched() {
    let page = played().page();
    assert!(attributes(&page, "src").is_empty());
    for fetches in [
        "<link", "@import", "url(", "<iframe", "<img", "<object", "<base", "srcset",
    ] {
        assert!(!page.contains(fetches), "{fetches}");
    }
}

#[test]
fn what_comes_from_outside_is_text_wherever_it_stands() {
    const HOSTILE: &str = "</pre></title><script>alert(1)</script><img src=x onerror='a'>\"&";
    let mut material = Material {
        report: played().report.clone(),
        catalogue: played().catalogue.clone(),
        shown: played().shown.clone(),
    };
    let spoil = |text: &mut String| text.push_str(HOSTILE);
    let report = &mut material.report;
    for text in [&mut report.sut, &mut report.notice, &mut report.suite] {
        spoil(text);
    }
    for (at, scenario) in report.scenarios.iter_mut().enumerate() {
        spoil(&mut scenario.title);
        spoil(&mut scenario.reproduce);
        scenario.story.iter_mut().for_each(spoil);
        for finding in &mut scenario.findings {
            finding.note.get_or_insert_default().push_str(HOSTILE);
            for violation in &mut finding.violations {
                spoil(&mut violation.seen);
                spoil(&mut violation.expected);
            }
        }
        for life in &mut scenario.custody {
            spoil(&mut life.file_name);
            spoil(&mut life.whereabouts);
            for step in &mut life.steps {
                spoil(&mut step.what);
                spoil(&mut step.held_by);
            }
        }
        for fault in &mut scenario.faults {
            spoil(&mut fault.planned);
            spoil(&mut fault.name);
        }
        for paper in &mut scenario.paper {
            spoil(&mut paper.why);
        }
        for expectation in &mut scenario.expectations {
            spoil(&mut expectation.expected);
            spoil(&mut expectation.seen);
        }
        if at == 0 {
            scenario.verdict = Verdict::HarnessError;
            scenario.error = Some(HOSTILE.to_owned());
        }
    }
    for (brief, whole) in material.shown.values_mut() {
        for step in [brief, whole]
            .into_iter()
            .flat_map(|it| &mut it.conversations)
            .flat_map(|it| &mut it.steps)
        {
            step.faults.push(HOSTILE.to_owned());
            match &mut step.what {
                Happening::Message(message) => {
                    spoil(&mut message.says);
                    spoil(&mut message.ending.text);
                    message
                        .headers
                        .push((HOSTILE.to_owned(), HOSTILE.to_owned()));
                    for part in &mut message.parts {
                        spoil(&mut part.name);
                        spoil(&mut part.excerpt);
                        part.headers.push((HOSTILE.to_owned(), HOSTILE.to_owned()));
                    }
                }
                Happening::Calls { calls, .. } => {
                    for call in calls {
                        spoil(&mut call.what);
                        spoil(&mut call.ending.text);
                        for part in [&mut call.request].into_iter().chain(&mut call.answer) {
                            spoil(&mut part.name);
                            spoil(&mut part.excerpt);
                            part.headers.push((HOSTILE.to_owned(), HOSTILE.to_owned()));
                        }
                    }
                }
                Happening::At { text, .. } => spoil(text),
            }
        }
    }
    for requirement in &mut material.catalogue {
        requirement.wording.push_str(HOSTILE);
        requirement.rationale.push_str(HOSTILE);
        requirement.evidence.push_str(HOSTILE);
        requirement.clause.push(HOSTILE.to_owned());
    }
    let page = material.page();
    assert_eq!(page.matches("<script>").count(), 1, "the page's own");
    assert!(!page.contains("<img"));
    assert!(page.matches("&#60;script&#62;alert(1)").count() > 100);
}

/// The part of a page below the heading with this id.
fn part<'p>(page: &'p str, id: &str, end: &str) -> &'p str {
    let start = page.split_once(&format!("id=\"{id}\"")).expect("a heading");
    start.1.split(end).next().expect("a part")
}

#[test]
fn what_is_declared_is_judged_or_explained_and_the_counts_come_to_the_whole_set() {
    let runs = [
        play(
            &["transfer/mixed", "export/good"],
            Sut::Reference,
            Scope::Suite,
        ),
        play(
            &["transfer/mixed", "export/good"],
            Sut::Reference,
            Scope::Selection,
        ),
        play(
            &["duplicate/continue-delivered-twice"],
            Sut::Reference,
            Scope::Suite,
        ),
        play(
            &["duplicate/continue-delivered-twice"],
            Sut::Reference,
            Scope::Selection,
        ),
    ];
    for material in runs {
        let (page, report) = (material.page(), &material.report);
        let account = part(&page, "not-judged", "</section>");
        let rows: Vec<(usize, &str)> = account
            .split("<tr><td>")
            .skip(1)
            .map(|row| {
                let number = row.split_once("data-label=\"Requirements\">").unwrap().1;
                let number = number.trim_start_matches("<b>").split('<').next().unwrap();
                (number.parse().unwrap(), row)
            })
            .collect();
        let [(judged, _), gaps @ .., (declared, _)] = rows.as_slice() else {
            panic!("{account}");
        };
        assert_eq!(*declared, material.catalogue.len());
        let not_judged: usize = gaps.iter().map(|(number, _)| number).sum();
        assert_eq!(judged + not_judged, *declared, "{account}");
        for requirement in &material.catalogue {
            let mut outcomes = report.requirements.iter();
            let is_judged = outcomes
                .find(|it| it.id == requirement.id)
                .is_some_and(|it| match it.verdict {
                    Verdict::Pass
                    | Verdict::Fail
                    | Verdict::Warn
                    | Verdict::KnownFailure
                    | Verdict::UnexpectedPass
                    | Verdict::Flaky => true,
                    Verdict::NotApplicable
                    | Verdict::CouldNotRun
                    | Verdict::Unknown
                    | Verdict::HarnessError => false,
                });
            let told = gaps.iter().filter(|(_, row)| {
                let which = row.split_once("data-label=\"Which\">").unwrap().1;
                let mut ids = which.split(|c: char| !c.is_alphanumeric() && c != '-');
                ids.any(|it| it == requirement.id.as_str())
            });
            assert_eq!(told.count(), usize::from(!is_judged), "{}", requirement.id);
        }
        let only_here = material.catalogue.len() - report.requirements.len();
        assert!(account.contains(&format!(
            "The table above lists {}; {only_here} are only here.",
            report.requirements.len()
        )));
    }
}

/// From a kept run, whoever makes it and whenever.
#[test]
fn the_page_of_a_kept_run_is_made_again_to_the_byte_and_has_its_messages() {
    let folder = tempfile::tempdir().unwrap();
    let gp2gp = |arguments: &[&str]| {
        let ran = Command::new(env!("CARGO_BIN_EXE_gp2gp"))
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .expect("it runs");
        String::from_utf8_lossy(&ran.stderr).into_owned()
    };
    let read = |file: &str| std::fs::read_to_string(folder.path().join(file));
    let defect = "broken:continue-twice";
    let told = gp2gp(&[
        "run",
        "transfer/bare-reference-ids",
        "--sut",
        defect,
        "--out",
        "kept",
    ]);
    let page = read("kept/report.html").unwrap_or_else(|error| panic!("{error}: {told}"));
    assert!(page.contains("shows RCV-15: fail"));
    assert!(page.contains("part 1, ebXML envelope"));
    let told = gp2gp(&["report", "--from", "kept", "--html", "again/page.html"]);
    let again = read("again/page.html").unwrap_or_else(|error| panic!("{error}: {told}"));
    assert!(page == again);
    let kept = "kept/runs/transfer/bare-reference-ids";
    let told = gp2gp(&["judge", kept, "--html", "judged.html"]);
    let judged = read("judged.html").unwrap_or_else(|error| panic!("{error}: {told}"));
    assert!(judged.contains("EHR extract 1"));
}

/// Scripts, pictures and rules of axe in a real browser, wide and narrow, light and dark.
#[test]
fn a_browser_finds_nothing_that_keeps_anybody_from_reading_the_page() {
    browser::look(&played().page());
}

#[test]
fn a_browser_finds_nothing_wrong_with_figures_of_throughput_on_the_page() {
    let bench = benched();
    let page = played().page_with(Some(&bench));
    assert!(page.contains("<h2 class=\"nhsuk-heading-l\" id=\"throughput\">"));
    assert_eq!(page.matches("<figure class=\"chart\">").count(), 2);
    browser::look(&page);
}

/// What `gp2gp bench` measures in a moment.
fn benched() -> BenchReport {
    let folder = tempfile::tempdir().unwrap();
    let profile = "about = \"A few.\"\ntransfers = 3\nat_once = 3\nrecord = \"8 KB\"\n";
    std::fs::write(folder.path().join("own.toml"), profile).unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_gp2gp"))
        .args(["bench", "own.toml", "--rounds", "1", "--out", "benched"])
        .current_dir(folder.path())
        .output()
        .expect("it runs");
    let text = std::fs::read_to_string(folder.path().join("benched/bench.json"));
    let text =
        text.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&ran.stderr)));
    serde_json::from_str(&text).expect("a report of a bench")
}

/// What a reader takes for carelessness: one of many.
#[test]
fn one_thing_is_never_called_many() {
    let one = play(
        &["transfer/mixed"],
        Sut::broken(Defect::from_name("chunks-reversed").expect("a defect")),
        Scope::Selection,
    );
    let terminal = gp2gp_reports::run(&one.report, &one.catalogue);
    let all = [
        played().page(),
        one.page(),
        gp2gp_reports::markdown(&one.report, &one.catalogue, Room::Summary),
        anstream::adapter::strip_str(&terminal).to_string(),
    ];
    let careless: BTreeSet<String> = all.iter().flat_map(|text| ones_of_many(text)).collect();
    assert!(careless.is_empty(), "{careless:#?}");
    assert_eq!(
        ones_of_many("<p>told in 1 lines</p> of <b>1</b> entry").len(),
        1
    );
}

/// Where `1` stands before the name of many things.
fn ones_of_many(text: &str) -> Vec<String> {
    const VERBS: [&str; 6] = ["is", "was", "has", "does", "as", "stands"];
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || "<>".contains(c))
        .collect();
    let is_many = |it: &str| {
        let it = it.trim_end_matches(|c: char| c.is_ascii_punctuation());
        it.len() > 2 && it.ends_with('s') && !it.ends_with("ss") && !VERBS.contains(&it)
    };
    words
        .windows(4)
        .filter(|it| it[2] == "1" && is_many(it[3]))
        .map(|it| it.join(" "))
        .collect()
}
