//! Every built-in scenario on the reference system: it passes, it exercises its point, it gives
//! the same bytes twice, it tells the same over sockets, and its story is what reviewers accepted.

#![cfg(test)]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use gp2gp::bodies::BodyStore;
use gp2gp::driver::{self, Sut, Transport};
use gp2gp::run::{Options, run, usual_jobs};
use gp2gp_model::plan::Role;
use gp2gp_model::report::{DocumentReport, RunReport, ScenarioReport};
use gp2gp_model::run_log::Scope;
use gp2gp_model::trace::{Endpoint, Event, What};
use gp2gp_model::verdict::{Profile, Verdict};

fn report(transport: Transport, profile: Profile) -> RunReport {
    let catalogue = support::catalogue();
    let options = Options {
        catalogue: &catalogue,
        sut: Sut::Reference,
        not_claimed: &[],
        transport,
        replay: None,
        attached: None,
        profile,
        scope: Scope::Suite,
        out: None,
        left_out: &[],
        jobs: usual_jobs(),
    };
    run(&support::plans(), &options, &|_| {}).unwrap()
}

#[test]
fn the_reference_system_conforms_in_both_profiles() {
    for profile in [Profile::Strict, Profile::Field] {
        let report = report(Transport::Virtual, profile);
        let troubles: Vec<String> = report.scenarios.iter().filter_map(trouble).collect();
        assert!(troubles.is_empty(), "{profile}: {}", troubles.join("\n"));
        let unexercised: Vec<_> = report
            .requirements
            .iter()
            .filter(|row| row.verdict == Verdict::CouldNotRun)
            .map(|row| &row.id)
            .collect();
        assert!(
            unexercised.is_empty(),
            "{profile}: no scenario exercises {unexercised:?}"
        );
        assert_eq!(report.exit.code, 0, "{profile}: {:?}", report.exit);
    }
}

#[test]
fn every_scenario_tells_the_story_that_reviewers_accepted() {
    let report = report(Transport::Virtual, Profile::Strict);
    for scenario in &report.scenarios {
        let id = scenario
            .id
            .as_ref()
            .expect("a run knows its scenario")
            .to_string();
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(id.replace('/', "__"), outcome(scenario));
        });
    }
}

#[test]
fn two_runs_give_byte_identical_traces() {
    for plan in support::plans() {
        let text = || {
            let (trace, _) = driver::run(
                &plan,
                &Sut::Reference,
                Transport::Virtual,
                BodyStore::temporary(),
            )
            .expect("it runs");
            trace.to_json_lines().expect("it is written")
        };
        assert!(
            text() == text(),
            "{} differs from run to run",
            plan.scenario
        );
    }
}

#[test]
fn another_seed_gives_another_trace_and_the_same_verdict() {
    let mut plan = support::plan("transfer/small-record");
    let first = support::run(&plan, &Sut::Reference).trace;
    plan.seed += 1;
    let second = support::run(&plan, &Sut::Reference).trace;
    assert_ne!(first.events, second.events);
    assert_eq!(first.events.len(), second.events.len());
}

/// A fault that nobody met is none: a disk that is full while nothing comes refuses nothing.
#[test]
fn a_full_disk_acts_when_it_refuses_something() {
    let fired = |lasts| {
        let mut plan = support::plan("crash/requesting-disk-full");
        plan.faults[0].when.lasts = Some(lasts);
        let events = support::run(&plan, &Sut::Reference).trace.events;
        let is_it = |event: &&Event| matches!(event.what, What::FaultFired { .. });
        events.iter().filter(is_it).count()
    };
    assert_eq!(fired(Duration::from_millis(50)), 0);
    assert_eq!(fired(Duration::from_secs(8 * 60)), 2);
}

/// The same peers, a queue here and real sockets there: the same findings.
#[test]
fn sockets_and_virtual_time_come_to_the_same_findings() {
    let virtual_time = report(Transport::Virtual, Profile::Strict);
    let sockets = report(Transport::Http, Profile::Strict);
    for (left, right) in virtual_time.scenarios.iter().zip(&sockets.scenarios) {
        assert_eq!(disagreements(left, right), [""; 0], "{:?}", left.id);
        assert_eq!(left.missing_facts, right.missing_facts, "{:?}", left.id);
        // What a system had open when it went down depends on the moment, and is posted again.
        if !crashes(left) {
            assert_eq!(left.messages, right.messages, "{:?}", left.id);
        }
        assert_eq!(documents(left), documents(right), "{:?}", left.id);
    }
    assert_eq!(virtual_time.score, sockets.score);
}

/// Requirements of which two runs say different things. One that a scenario does not name may come
/// up in one run alone: which of two messages is first is a race on sockets.
fn disagreements(left: &ScenarioReport, right: &ScenarioReport) -> Vec<String> {
    let (left, right) = (verdicts(left), verdicts(right));
    let only_passed = |found: &BTreeMap<String, Verdict>, id: &String| {
        found
            .get(id)
            .is_none_or(|verdict| *verdict == Verdict::Pass)
    };
    let (left, right): (BTreeMap<_, _>, BTreeMap<_, _>) =
        (left.into_iter().collect(), right.into_iter().collect());
    left.keys()
        .chain(right.keys())
        .filter(|id| {
            left.get(*id) != right.get(*id) && !(only_passed(&left, id) && only_passed(&right, id))
        })
        .cloned()
        .collect()
}

fn crashes(scenario: &ScenarioReport) -> bool {
    (scenario.faults.iter()).any(|fault| fault.planned.starts_with("crash"))
}

fn trouble(scenario: &ScenarioReport) -> Option<String> {
    (scenario.verdict != Verdict::Pass).then(|| {
        let findings: Vec<String> = scenario
            .findings
            .iter()
            .filter(|finding| finding.verdict != Verdict::Pass)
            .map(|finding| {
                format!(
                    "{} {} {:?} {:?}",
                    finding.requirement, finding.verdict, finding.violations, finding.note
                )
            })
            .collect();
        format!(
            "{:?} {}: {:?} {}",
            scenario.id,
            scenario.verdict,
            scenario.missing_facts,
            findings.join("; ")
        )
    })
}

fn verdicts(scenario: &ScenarioReport) -> Vec<(String, Verdict)> {
    scenario
        .findings
        .iter()
        .map(|finding| (finding.requirement.to_string(), finding.verdict))
        .collect()
}

/// Two transfers at once may overtake each other on sockets: what arrived, in any order. The time of
/// the extract is in the original of a skeleton: its digest and packed length, and with them what
/// else has room in the core, follow from it.
fn documents(scenario: &ScenarioReport) -> Vec<String> {
    let is_original = |document: &&DocumentReport| document.file_name.ends_with("_EhrExtract.xml");
    let has_skeleton = scenario
        .documents
        .iter()
        .any(|document| is_original(&document));
    let mut documents: Vec<_> = (scenario.documents.iter())
        .map(|document| {
            let mut document = document.clone();
            if is_original(&&document) {
                (document.bytes, document.sha256) = (None, None);
            }
            if has_skeleton {
                document.travelled.clear();
            }
            format!("{document:?}")
        })
        .collect();
    documents.sort();
    documents
}

/// The normalised outcome: no ids, no digests of what a seed made, nothing that changes without a
/// change of behaviour.
fn outcome(scenario: &ScenarioReport) -> String {
    let mut text = format!("{}\nverdict {}\n\n", scenario.title, scenario.verdict);
    for line in &scenario.story {
        let _ = writeln!(text, "{line}");
    }
    for fault in &scenario.faults {
        let _ = writeln!(text, "fault `{}` fired {} times", fault.name, fault.fired);
    }
    if !scenario.documents.is_empty() {
        let _ = writeln!(text, "\ndocuments as they arrived");
        let mut lines: Vec<(String, usize)> = Vec::new();
        for document in &scenario.documents {
            let bytes = document
                .bytes
                .map_or_else(|| "nothing".to_owned(), |bytes| format!("{bytes} bytes"));
            let problem = document
                .problem
                .as_ref()
                .map_or_else(String::new, |_| ", with a problem".to_owned());
            let line = format!(
                "{}  {}, {bytes}{problem}",
                document.content_type, document.travelled
            );
            match lines.last_mut() {
                Some((last, count)) if *last == line => *count += 1,
                Some(_) | None => lines.push((line, 1)),
            }
        }
        for (line, count) in lines {
            let _ = match count {
                1 => writeln!(text, "  {line}"),
                count => writeln!(text, "  {count} times {line}"),
            };
        }
    }
    let kept: Vec<_> = scenario
        .findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Pass)
        .map(|finding| finding.requirement.to_string())
        .collect();
    let _ = writeln!(text, "\nkept {}", kept.join(" "));
    for finding in scenario
        .findings
        .iter()
        .filter(|finding| finding.verdict != Verdict::Pass)
    {
        let _ = writeln!(text, "{} {}", finding.verdict, finding.requirement);
    }
    text
}

/// The boundary stands in the Content-Type: the same bytes under another one are another message.
#[test]
fn a_body_is_read_under_the_content_type_it_came_with() {
    let taken = support::trace_of("transfer/small-record").events(|events| {
        for event in events {
            if let What::Post {
                from: Endpoint::Spine,
                content_type,
                ..
            } = &mut event.what
            {
                *content_type = "multipart/related; boundary=\"nowhere\"".to_owned();
            }
        }
    });
    let view = taken.view();
    assert!(
        view.sent_by(Role::Sending)
            .all(|post| post.seen().is_some())
    );
    assert!(
        view.delivered_to(Role::Requesting)
            .all(|post| post.seen().is_none())
    );
}
