//! A recorded system plays its part again: as it was, against whoever plays the other side, and where that
//! one takes another course the report says so.

#![cfg(test)]

#[path = "support/served.rs"]
mod served;
mod support;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use gp2gp::driver::{Sut, Transport};
use gp2gp::keep::{BODIES_FOLDER, TRACE_FILE};
use gp2gp::recording::RecordingError;
use gp2gp::replay::{Replay, ReplayError, kept};
use gp2gp::run::{Keep, Options, run, usual_jobs};
use gp2gp::sut::Attachment;
use gp2gp_mocks::Defect;
use gp2gp_model::MessageKind;
use gp2gp_model::plan::{Plan, Role};
use gp2gp_model::replay::{Divergence, Item};
use gp2gp_model::report::{RunReport, ScenarioReport};
use gp2gp_model::run_log::Scope;
use gp2gp_model::trace::{Endpoint, Trace, What};
use gp2gp_model::verdict::{Profile, Verdict};

/// Fragments and a Continue, a refusal, codes in acknowledgements, a crash, two conversations, several
/// patients at once.
const SCENARIOS: [&str; 8] = [
    "transfer/mixed",
    "transfer/many-fragments",
    "refusal/empty-record",
    "people/reject-returning-patient",
    "duplicate/core-while-pending",
    "crash/sending-between-pieces",
    "late/fragment-after-timeout",
    "transfer/two-patients-at-once",
];

fn plans(ids: &[&str]) -> Vec<Plan> {
    ids.iter().map(|id| support::plan(id)).collect()
}

/// Runs plans, and keeps them in a folder.
fn runs(
    plans: &[Plan],
    sut: Sut,
    more: (Option<&Replay>, Option<&Attachment>),
    out: &Path,
) -> RunReport {
    let (replay, attached) = more;
    let options = Options {
        catalogue: &support::catalogue(),
        sut,
        replay,
        attached,
        transport: Transport::Virtual,
        not_claimed: &attached.map(Attachment::not_claimed).unwrap_or_default(),
        profile: Profile::Strict,
        scope: Scope::Selection,
        out: Some(Keep::now(out)),
        left_out: &[],
        jobs: usual_jobs(),
    };
    run(plans, &options, &|_| {}).unwrap()
}

/// A recording of these plans, in a folder that lasts as long as it.
struct Recorded {
    folder: tempfile::TempDir,
    plans: Vec<Plan>,
}

impl Recorded {
    fn of(ids: &[&str], sut: Sut) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plans = plans(ids);
        runs(&plans, sut, (None, None), folder.path());
        Self { folder, plans }
    }

    fn open(&self, role: Role) -> Result<Replay, ReplayError> {
        Replay::open(self.folder.path(), role, &self.plans)
    }

    fn run_of(&self, id: &str) -> PathBuf {
        self.folder.path().join("runs").join(id)
    }
}

fn broken(name: &str) -> Sut {
    Sut::broken(Defect::from_name(name).unwrap())
}

fn only(report: RunReport) -> ScenarioReport {
    let [scenario] = <[ScenarioReport; 1]>::try_from(report.scenarios).unwrap();
    scenario
}

/// Time, ends, and digest of everything that was posted.
fn posts(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join(TRACE_FILE)).unwrap();
    let events = Trace::from_json_lines(&text).unwrap().events;
    let posts = events.iter().filter_map(|event| {
        let What::Post { from, to, body, .. } = &event.what else {
            return None;
        };
        let sha256 = body.sha256;
        Some(format!("{} {from} {to} {sha256}", event.at))
    });
    let mut posts: Vec<String> = posts.collect();
    // What happens in the same microsecond may change places.
    posts.sort();
    posts
}

#[test]
fn against_the_system_that_it_was_recorded_with_it_is_the_same_run() {
    let recorded = Recorded::of(&SCENARIOS, Sut::Reference);
    for role in Role::OF_TRANSFERS {
        let replay = recorded.open(role).unwrap();
        let again = tempfile::tempdir().unwrap();
        let report = runs(
            &recorded.plans,
            Sut::Reference,
            (Some(&replay), None),
            again.path(),
        );
        for (plan, scenario) in recorded.plans.iter().zip(&report.scenarios) {
            assert_eq!(scenario.divergences, [], "{}", plan.scenario);
            if scenario.not_applicable.is_some() {
                assert_eq!(plan.judges, [role], "{}", plan.scenario);
                continue;
            }
            assert_eq!(scenario.verdict, Verdict::Pass, "{}", plan.scenario);
            let id = plan.scenario.as_str();
            let (then, now) = (
                posts(&recorded.run_of(id)),
                posts(&again.path().join("runs").join(id)),
            );
            assert!(then.len() > 4, "{id}");
            assert_eq!(then, now, "{id}, {role} recorded");
        }
        assert_eq!(report.roles, [role.other()]);
    }
}

#[test]
fn nothing_that_the_suite_records_is_beyond_it() {
    let plans: Vec<Plan> = support::plans();
    let folder = tempfile::tempdir().unwrap();
    runs(&plans, Sut::Reference, (None, None), folder.path());
    for role in Role::OF_TRANSFERS {
        let replay = Replay::open(folder.path(), role, &plans).unwrap();
        let again = tempfile::tempdir().unwrap();
        let report = runs(&plans, Sut::Reference, (Some(&replay), None), again.path());
        let played = report
            .scenarios
            .iter()
            .filter(|it| it.not_applicable.is_none());
        let wrong: Vec<String> = played
            .clone()
            .filter(|it| it.verdict != Verdict::Pass || !it.divergences.is_empty())
            .map(|it| format!("{:?} {:?} {:?}", it.id, it.missing_facts, it.divergences))
            .collect();
        assert!(wrong.is_empty(), "{role}: {}", wrong.join("\n"));
        assert!(played.count() > 150, "{role}");
    }
}

#[test]
fn what_is_asked_of_the_recorded_system_is_not_judged() {
    let recorded = Recorded::of(&["transfer/mixed"], broken("length-of-document"));
    let replay = recorded.open(Role::Sending).unwrap();
    let again = tempfile::tempdir().unwrap();
    let report = runs(
        &recorded.plans,
        Sut::Reference,
        (Some(&replay), None),
        again.path(),
    );
    assert!(
        report
            .requirements
            .iter()
            .all(|it| it.id.as_str().starts_with("RCV"))
    );
    let scenario = only(report);
    let of_sending = || {
        scenario
            .findings
            .iter()
            .filter(|it| it.role == Role::Sending)
    };
    assert!(of_sending().count() > 0);
    for finding in of_sending() {
        assert_eq!(finding.verdict, Verdict::NotApplicable);
        let note = finding.note.as_deref();
        let said =
            "recorded: the recorded sending system (broken:length-of-document) is not judged";
        assert_eq!(note, Some(said));
    }
    assert_ne!(scenario.verdict, Verdict::Fail);
}

#[test]
fn a_broken_system_is_caught_by_a_recording_as_it_is_live() {
    let ids = ["transfer/mixed", "transfer/chunks-uneven"];
    let recorded = Recorded::of(&ids, Sut::Reference);
    let replay = recorded.open(Role::Sending).unwrap();
    for (defect, requirement) in [
        ("no-final-ack", "RCV-43"),
        ("continue-twice", "RCV-15"),
        ("fragments-unanswered", "RCV-20"),
        ("never-unpacks", "RCV-27"),
    ] {
        let again = tempfile::tempdir().unwrap();
        let report = runs(
            &recorded.plans,
            broken(defect),
            (Some(&replay), None),
            again.path(),
        );
        let mut findings = report.scenarios.iter().flat_map(|it| &it.findings);
        let caught = findings
            .find(|it| it.requirement.as_str() == requirement && it.verdict == Verdict::Fail);
        assert!(caught.is_some(), "{defect}");
        assert_eq!(report.exit.code, 1, "{defect}");
    }
    let recorded = Recorded::of(&ids, Sut::Reference);
    let replay = recorded.open(Role::Requesting).unwrap();
    let again = tempfile::tempdir().unwrap();
    let report = runs(
        &recorded.plans,
        broken("continue-not-awaited"),
        (Some(&replay), None),
        again.path(),
    );
    let mut findings = report.scenarios.iter().flat_map(|it| &it.findings);
    let caught = findings.find(|it| it.requirement.as_str() == "SND-31");
    assert_eq!(caught.map(|it| it.verdict), Some(Verdict::Fail));
}

/// It refuses the extract where the Continue is due.
#[test]
fn the_report_says_which_message_waited_for_what_and_what_came_instead() {
    let recorded = Recorded::of(&["transfer/chunks-uneven"], Sut::Reference);
    let replay = recorded.open(Role::Sending).unwrap();
    let again = tempfile::tempdir().unwrap();
    let live = broken("acknowledgement-first");
    let scenario = only(runs(
        &recorded.plans,
        live,
        (Some(&replay), None),
        again.path(),
    ));
    let mut divergences = scenario.divergences.iter();
    let Some(Divergence::NeverDone {
        what,
        waited_for,
        came_instead,
        behind_it,
        ..
    }) = divergences.find(|it| it.is_a_gap())
    else {
        panic!("{:#?}", scenario.divergences);
    };
    let kind = |item: &Item| {
        let Item::Message { kind, number, .. } = item else {
            return None;
        };
        Some((*kind, *number))
    };
    assert_eq!(kind(what), Some((MessageKind::Fragment, 1)));
    assert_eq!(
        waited_for.iter().filter_map(kind).collect::<Vec<_>>(),
        [(MessageKind::Continue, 1)]
    );
    assert_eq!(came_instead.len(), 1, "{came_instead:?}");
    assert!(matches!(&came_instead[0], Item::Message { code: Some(code), .. } if code == "09"));
    assert!(*behind_it > 2, "{behind_it}");
    assert_eq!(scenario.verdict, Verdict::Fail);
    let red = scenario
        .findings
        .iter()
        .filter(|it| it.verdict == Verdict::Fail);
    assert!(red.clone().any(|it| it.requirement.as_str() == "RCV-06"));
    assert!(red.clone().all(|it| it.role == Role::Requesting));
    let patient = recorded.plans[0].patients[0].nhs_number;
    let gap = scenario
        .missing_facts
        .iter()
        .find(|it| it.contains("never sent"))
        .unwrap();
    assert!(
        gap.contains("recorded fragment 1 for patient")
            && gap.contains(&format!("it waited for Continue 1 for patient {patient}; instead came acknowledgement 1 (09) for patient {patient}")),
        "{gap}"
    );
    assert!(
        scenario
            .divergences
            .iter()
            .any(|it| matches!(it, Divergence::Unforeseen { .. }))
    );
}

/// What went wrong in the recording already is not held against whoever plays against it.
#[test]
fn an_end_that_the_recorded_run_did_not_have_is_asked_of_nobody() {
    let recorded = Recorded::of(&["transfer/mixed"], broken("no-final-ack"));
    let replay = recorded.open(Role::Requesting).unwrap();
    let again = tempfile::tempdir().unwrap();
    let scenario = only(runs(
        &recorded.plans,
        Sut::Reference,
        (Some(&replay), None),
        again.path(),
    ));
    assert!(!scenario.expectations.is_empty());
    assert!(
        scenario
            .expectations
            .iter()
            .all(|it| it.verdict != Verdict::Fail),
        "{:?}",
        scenario.expectations
    );
    assert!(
        scenario
            .findings
            .iter()
            .all(|it| it.verdict != Verdict::Fail)
    );
}

fn damaged(damage: impl FnOnce(&Path)) -> String {
    let recorded = Recorded::of(&["refusal/empty-record"], Sut::Reference);
    damage(&recorded.run_of("refusal/empty-record"));
    let error = recorded.open(Role::Sending).expect_err("it is damaged");
    let text = error.to_string();
    text.replace(&recorded.folder.path().display().to_string(), "DIR")
}

fn edit(folder: &Path, change: impl FnOnce(String) -> String) {
    let path = folder.join(TRACE_FILE);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, change(text)).unwrap();
}

#[test]
fn a_recording_that_cannot_be_played_says_where_and_why() {
    let file = "DIR/runs/refusal/empty-record/trace.jsonl";
    let other = damaged(|run| edit(run, |text| text.replacen("gp2gp 0.", "gp2gp 99.", 1)));
    assert!(
        other.starts_with(&format!("{file}: recorded with gp2gp 99.")),
        "{other}"
    );
    let in_a_line = damaged(|run| edit(run, |text| text[..text.len() / 2].to_owned()));
    assert!(
        in_a_line.starts_with(&format!("{file}: trace line ")),
        "{in_a_line}"
    );
    let between = damaged(|run| {
        edit(run, |text| {
            let lines: Vec<&str> = text.lines().take(8).collect();
            lines.join("\n")
        });
    });
    assert_eq!(
        between,
        format!("{file}: the trace breaks off after event 7, before the run ended")
    );
    let changed = damaged(|run| {
        edit(run, |text| {
            let at = text.find("\"scenario_digest\":\"").unwrap() + 19;
            format!("{}{}{}", &text[..at], "0".repeat(64), &text[at + 64..])
        });
    });
    assert_eq!(
        changed,
        format!("{file}: scenario refusal/empty-record has changed since it was recorded")
    );
    let lost = damaged(|run| fs::remove_dir_all(run.join(BODIES_FOLDER)).unwrap());
    assert!(
        lost.starts_with("DIR/runs/refusal/empty-record/bodies holds no body "),
        "{lost}"
    );
    let nothing = damaged(|run| fs::remove_file(run.join(TRACE_FILE)).unwrap());
    assert!(nothing.starts_with("DIR holds no kept run"), "{nothing}");
}

#[test]
fn every_complaint_says_what_to_do() {
    let recorded = Recorded::of(&["refusal/empty-record"], Sut::Reference);
    let other = [support::plan("transfer/mixed")];
    let error = Replay::open(recorded.folder.path(), Role::Sending, &other).unwrap_err();
    assert!(matches!(&error, ReplayError::NotRecorded { .. }));
    assert!(error.mend().contains("gp2gp run"));
    let run = recorded.run_of("refusal/empty-record");
    fs::remove_dir_all(run.join(BODIES_FOLDER)).unwrap();
    let error = recorded.open(Role::Sending).unwrap_err();
    assert!(matches!(
        &error,
        ReplayError::Unreadable(RecordingError::Lost { .. })
    ));
    assert!(error.mend().contains("bodies"));
    assert!(matches!(
        kept(Path::new("/nowhere/at/all")),
        Err(ReplayError::Io { .. })
    ));
}

#[test]
fn a_recorded_system_plays_against_one_in_a_process_of_its_own() {
    let recorded = Recorded::of(&["transfer/mixed", "refusal/empty-record"], Sut::Reference);
    let replay = recorded.open(Role::Sending).unwrap();
    for (what, verdict) in [
        ("reference", Verdict::Pass),
        ("broken:no-final-ack", Verdict::Fail),
    ] {
        let again = tempfile::tempdir().unwrap();
        let text = served::described(what).replace(
            "[\"requesting\", \"sending\", \"exporting\", \"hub\"]",
            "[\"requesting\"]",
        );
        let (runtime, party) = served::parts(&text, again.path());
        let attachment = Attachment::new(runtime, vec![party], "b.toml".to_owned());
        let more = (Some(&replay), Some(&attachment));
        let report = runs(&recorded.plans, Sut::Reference, more, again.path());
        let mixed = &report.scenarios[0];
        assert_eq!(mixed.verdict, verdict, "{what}: {mixed:#?}");
        let said = format!(
            "gp2gp replay {} transfer/mixed --as sending --sut b.toml",
            recorded.folder.path().display()
        );
        assert_eq!(mixed.reproduce, said);
        assert_eq!(report.scenarios[1].verdict, Verdict::Pass, "{what}");
    }
}

/// The Python example in one role, or `None` where there is no Python that is new enough.
fn python(role: &str, logs: &Path) -> Option<Attachment> {
    let asks = "import sys; sys.exit(sys.version_info < (3, 11))";
    let status = Command::new("python3").args(["-c", asks]).status();
    if !status.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no python3 of 3.11 or later");
        return None;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/python");
    let text = format!(
        "[sut]\nname = \"python-example\"\nroles = [\"{role}\"]\n[environment]\nbinding = \"spine\"\n\
         start = \"cd {} && exec python3 -B sut.py --port {port}\"\n\
         ready = \"http://127.0.0.1:{port}/\"\n[control]\ndriver = \"http\"\n\
         url = \"http://127.0.0.1:{port}/control\"\n",
        folder.display()
    );
    let (runtime, party) = served::parts(&text, logs);
    Some(Attachment::new(runtime, vec![party], "sut.toml".to_owned()))
}

#[test]
fn what_a_foreign_system_sent_reaches_another_one_when_the_first_is_gone() {
    let ids = [
        "transfer/many-fragments",
        "refusal/empty-record",
        "people/reject-returning-patient",
    ];
    let folder = tempfile::tempdir().unwrap();
    let Some(sending) = python("sending", folder.path()) else {
        return;
    };
    let plans = plans(&ids);
    runs(
        &plans,
        Sut::Reference,
        (None, Some(&sending)),
        folder.path(),
    );
    drop(sending);
    let replay = Replay::open(folder.path(), Role::Sending, &plans).unwrap();
    for (what, expected) in [
        ("reference", [Verdict::Pass; 3]),
        (
            "broken:no-final-ack",
            [Verdict::Fail, Verdict::Pass, Verdict::Pass],
        ),
    ] {
        let again = tempfile::tempdir().unwrap();
        let text = served::described(what).replace(
            "[\"requesting\", \"sending\", \"exporting\", \"hub\"]",
            "[\"requesting\"]",
        );
        let (runtime, party) = served::parts(&text, again.path());
        let attachment = Attachment::new(runtime, vec![party], "b.toml".to_owned());
        let more = (Some(&replay), Some(&attachment));
        let report = runs(&plans, Sut::Reference, more, again.path());
        let seen: Vec<Verdict> = report.scenarios.iter().map(|it| it.verdict).collect();
        assert_eq!(seen, expected, "{what}: {:#?}", report.scenarios);
        let recorded = report.scenarios[0].recorded.as_ref();
        assert_eq!(recorded.map(|it| it.name.as_str()), Some("python-example"));
    }
}

/// It chooses ids of its own, which every recorded message has to follow.
#[test]
fn a_recorded_system_follows_a_live_one_with_other_ids() {
    let ids = [
        "transfer/mixed",
        "people/suppress",
        "duplicate/core-while-pending",
    ];
    let recorded = Recorded::of(&ids, Sut::Reference);
    let replay = recorded.open(Role::Sending).unwrap();
    let again = tempfile::tempdir().unwrap();
    let Some(requesting) = python("requesting", again.path()) else {
        return;
    };
    let more = (Some(&replay), Some(&requesting));
    let report = runs(&recorded.plans, Sut::Reference, more, again.path());
    for scenario in &report.scenarios {
        assert_eq!(scenario.divergences, [], "{:?}", scenario.id);
        assert_eq!(scenario.verdict, Verdict::Pass, "{scenario:#?}");
    }
    let sizes = |folder: &Path| -> Vec<(u64, String)> {
        let text = fs::read_to_string(folder.join(TRACE_FILE)).unwrap();
        let events = Trace::from_json_lines(&text).unwrap().events;
        let own = events.iter().filter_map(|event| {
            let What::Post { from, to, body, .. } = &event.what else {
                return None;
            };
            let is_own = (*from, *to) == (Endpoint::Sending, Endpoint::Spine);
            is_own.then(|| (body.bytes, body.sha256.to_string()))
        });
        own.collect()
    };
    let then = sizes(&recorded.run_of("transfer/mixed"));
    let now = sizes(&again.path().join("runs/transfer/mixed"));
    assert_eq!(then.len(), now.len());
    for ((then, as_then), (now, as_now)) in then.iter().zip(&now) {
        assert_eq!(then, now, "ids are of one length");
        assert_ne!(as_then, as_now, "the conversation is another");
    }
}
