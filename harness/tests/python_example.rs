//! The second system under test, in Python: its own tests, and scenarios against it.

#![cfg(test)]

#[path = "support/judged.rs"]
mod judged;
#[path = "support/served.rs"]
mod served;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gp2gp::sut::config::Config;
use gp2gp::sut::control::{Control, HttpControl};
use gp2gp::sut::{Attachment, Described, Party, Patience, Reach, meet};
use gp2gp_mocks::serve::Client;
use gp2gp_model::control::Level;
use gp2gp_model::plan::{Plan, Role};
use gp2gp_model::report::RunReport;
use gp2gp_model::verdict::Verdict;
use judged::judge;
use tokio::runtime::Runtime;

/// What it must keep as the requesting system, one or two of each kind.
const REQUESTING: [&str; 18] = [
    "transfer/small-record-vision",
    "transfer/mixed",
    "transfer/chunks-uneven",
    "transfer/skeleton-in-fragments-uk07",
    "transfer/loose-descriptions",
    "order/pieces-before-the-core",
    "order/pieces-swapped",
    "duplicate/core-while-pending",
    "late/fragment-after-timeout",
    "people/suppress",
    "people/reject-returning-patient",
    "stranger/unrequested",
    "hostile/extract-with-nested-multipart",
    "directory/pds-answer-lost",
    "directory/requesting-crashes-at-the-desk",
    "registration/nobody-to-ask",
    "crash/requesting-before-the-decision",
    "crash/requesting-between-pieces",
];

/// And as the sending one.
const SENDING: [&str; 20] = [
    "transfer/compressible-text",
    "transfer/file-names-inline",
    "transfer/placeholder",
    "transfer/many-fragments",
    "transfer/skeleton-in-fragments-uk07",
    "crash/sending-between-pieces",
    "crash/sending-disk-full",
    "directory/moved-on-with-a-record",
    "directory/moved-on-without-a-record",
    "duplicate/continue-delivered-twice",
    "hostile/request-with-external-entity",
    "late/final-ack-after-eight-days",
    "order/early-continue",
    "refusal/empty-record",
    "refusal/not-current-practice",
    "refusal/requester-not-large-compliant",
    "resend/on-day-83",
    "store/list-misstates/spoil=wrong-type",
    "store/reset-half-way",
    "store/spoiled/spoil=wrong-type",
];

/// What it sends to another system, and takes from one: a small record, a large one, and none.
const PAIRED: [&str; 3] = [
    "transfer/small-record",
    "transfer/mixed",
    "refusal/empty-record",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/python")
}

/// Whether there is a Python that is new enough; says so if not.
fn has_python() -> bool {
    let asks = "import sys; sys.exit(sys.version_info < (3, 11))";
    let status = Command::new("python3").args(["-c", asks]).status();
    let has = status.is_ok_and(|status| status.success());
    if !has {
        eprintln!("skipped: no python3 of 3.11 or later");
    }
    has
}

#[test]
fn its_own_tests_pass() {
    if !has_python() {
        return;
    }
    let output = Command::new("python3")
        .args(["-B", "-m", "unittest"])
        .current_dir(folder())
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("Ran 0 tests"), "{said}");
}

#[test]
fn its_description_can_be_read() {
    let path = folder().join("sut.toml");
    let config = Config::load(&path, std::iter::empty()).expect("it is right");
    let roles = BTreeSet::from([Role::Requesting, Role::Sending]);
    assert_eq!(config.system.roles, roles);
}

#[test]
fn it_takes_records_as_it_should() {
    passes(Role::Requesting, &REQUESTING);
}

#[test]
fn it_sends_records_as_it_should() {
    passes(Role::Sending, &SENDING);
}

#[test]
fn two_different_systems_transfer_records_to_each_other() {
    if !has_python() {
        return;
    }
    for (ours, role) in [
        (Role::Requesting, Role::Sending),
        (Role::Sending, Role::Requesting),
    ] {
        let logs = tempfile::tempdir().expect("a folder");
        let described = served::described("reference");
        let (runtime, mut reference) = served::parts(&described, logs.path());
        let (_process, python) = example(&runtime, [role]);
        reference.claims.roles = [ours].into();
        let parties = vec![python, reference];
        let pair = Attachment::new(runtime, parties, "two files".to_owned());
        assert_eq!(pair.name(), "python-example with served reference");
        let report = judge(&PAIRED.map(support::plan), Some(&pair));
        let verdicts = report.scenarios.iter().map(|scenario| scenario.verdict);
        assert_eq!(wrong(&report), "");
        assert_eq!(verdicts.collect::<Vec<_>>(), [Verdict::Pass; PAIRED.len()]);
        let judged: BTreeSet<Role> = (report.scenarios.iter())
            .flat_map(|scenario| &scenario.findings)
            .map(|finding| finding.role)
            .collect();
        assert_eq!(judged, BTreeSet::from([Role::Sending, Role::Requesting]));
    }
}

/// Takes minutes: `cargo test -p gp2gp --test python_example -- --ignored`.
#[test]
#[ignore = "the whole suite, three times"]
fn it_proves_everything_that_is_asked_of_it() {
    let both: &[Role] = &[Role::Requesting, Role::Sending];
    for roles in [&both[..1], &both[1..], both] {
        proves_all(roles);
    }
}

fn proves_all(roles: &[Role]) {
    let (_process, attachment) = attached(roles.iter().copied());
    let mut plans = support::plans();
    plans.retain(|plan| !plan.heavy);
    let report = judge(&plans, Some(&attachment));
    assert_eq!(report.level, Some(Level::L3));
    assert_eq!(wrong(&report), "", "{roles:?}");
    // Spared is who cannot be told to (a choice of ways, a dialect, sizes, a largest document) or be that
    // (another role, an older version), and always for a reason.
    let spared = (report.scenarios.iter()).filter(|it| it.verdict == Verdict::NotApplicable);
    for scenario in spared.clone() {
        let why = scenario.not_applicable.as_deref().unwrap_or_default();
        let reasons = ["judges ", "about ", "needs version ", "makes sense in "];
        let is_known = reasons.iter().any(|reason| why.starts_with(reason));
        assert!(is_known, "{:?}: {why}", scenario.id);
    }
    let score = report.score;
    assert_eq!(score.must.passed, score.must.applicable, "{roles:?}");
    assert_eq!(score.should.passed, score.should.applicable, "{roles:?}");
    assert!(score.must.applicable >= 55 * roles.len(), "{score:?}");
}

fn passes(role: Role, scenarios: &[&str]) {
    if !has_python() {
        return;
    }
    let (_process, attachment) = attached([role]);
    let plans: Vec<Plan> = scenarios.iter().map(|id| support::plan(id)).collect();
    let report = judge(&plans, Some(&attachment));
    assert_eq!(wrong(&report), "");
    assert_eq!(report.scenarios.len(), scenarios.len());
    let spared = (report.scenarios.iter()).filter(|it| it.verdict == Verdict::NotApplicable);
    assert_eq!(spared.count(), 0);
}

/// Scenarios that did not come to what they should, with everything that helps to see why.
fn wrong(report: &RunReport) -> String {
    let wrong = report
        .scenarios
        .iter()
        .filter(|scenario| match scenario.verdict {
            Verdict::Pass | Verdict::NotApplicable => false,
            Verdict::Fail
            | Verdict::Warn
            | Verdict::CouldNotRun
            | Verdict::Unknown
            | Verdict::KnownFailure
            | Verdict::UnexpectedPass
            | Verdict::Flaky
            | Verdict::HarnessError => true,
        });
    let told: Vec<String> = wrong
        .map(|scenario| {
            let findings = scenario.findings.iter();
            let open = findings
                .filter(|finding| matches!(finding.verdict, Verdict::Fail | Verdict::CouldNotRun));
            let open: Vec<String> = open
                .map(|it| format!("{}: {:?} {:?}", it.requirement, it.note, it.violations))
                .collect();
            format!(
                "{:?} {:?} {:?} {:?} {open:#?}\n{}",
                scenario.id,
                scenario.verdict,
                scenario.missing_facts,
                scenario.mishap,
                scenario.story.join("\n")
            )
        })
        .collect();
    told.join("\n\n")
}

/// A system that runs, which ends with this.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn attached(roles: impl IntoIterator<Item = Role>) -> (Served, Attachment) {
    let runtime = Attachment::runtime().expect("a runtime");
    let (process, party) = example(&runtime, roles);
    let attachment = Attachment::new(runtime, vec![party], "sut.toml".to_owned());
    (process, attachment)
}

/// The example in these roles, on a free port.
fn example(runtime: &Runtime, roles: impl IntoIterator<Item = Role>) -> (Served, Party) {
    let mut child = Command::new("python3")
        .args(["-B", "sut.py", "--port", "0"])
        .current_dir(folder())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("a pipe");
    let _ = BufReader::new(stdout).read_line(&mut line);
    let process = Served(child);
    let url = line.trim().strip_prefix("listening on ");
    let url = format!("{}/control", url.expect("it says where"));
    let party = runtime.block_on(async {
        let patience = Duration::from_secs(10);
        let base = url.parse().expect("an address");
        let mut control = HttpControl::new(Client::with_patience(patience), base, None, patience);
        let described = Described {
            name: "python-example".to_owned(),
            roles: roles.into_iter().collect(),
            ..Described::default()
        };
        let claims = meet(&mut control, &described).await.expect("it answers");
        let control: Box<dyn Control> = Box::new(control);
        Party {
            name: described.name,
            claims,
            control,
            wire: BTreeMap::new(),
            reach: Reach::default(),
            queue: None,
            empty_queues: BTreeMap::new(),
            trust: None,
            patience: Patience::default(),
            process: None,
            described: None,
        }
    });
    (process, party)
}
