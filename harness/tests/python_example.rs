//! The second system under test, in Python: its own tests, and scenarios against it.

#![cfg(test)]

#[path = "support/judged.rs"]
mod judged;
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
use gp2gp_model::plan::{Plan, Role};
use gp2gp_model::verdict::Verdict;
use judged::judge;

/// What it must keep as the requesting system, one or two of each kind.
const REQUESTING: [&str; 15] = [
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
    "registration/nobody-to-ask",
];

/// And as the sending one.
const SENDING: [&str; 12] = [
    "transfer/file-names-inline",
    "transfer/placeholder",
    "transfer/many-fragments",
    "transfer/skeleton-in-fragments-uk07",
    "duplicate/continue-delivered-twice",
    "hostile/request-with-external-entity",
    "late/final-ack-after-eight-days",
    "order/early-continue",
    "refusal/empty-record",
    "refusal/not-current-practice",
    "refusal/requester-not-large-compliant",
    "store/list-misstates/spoil=wrong-type",
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

fn passes(role: Role, scenarios: &[&str]) {
    if !has_python() {
        return;
    }
    let (_served, attachment) = attached(role);
    let plans: Vec<Plan> = scenarios.iter().map(|id| support::plan(id)).collect();
    let report = judge(&plans, Some(&attachment));
    let wrong: Vec<String> = (report.scenarios.iter())
        .filter(|scenario| !matches!(scenario.verdict, Verdict::Pass | Verdict::Warn))
        .map(|scenario| {
            let findings = scenario.findings.iter();
            let failed: Vec<String> = findings
                .filter(|finding| finding.verdict == Verdict::Fail)
                .map(|finding| format!("{}: {:?}", finding.requirement, finding.violations))
                .collect();
            format!(
                "{:?} {:?} {:?} {:?} {failed:#?}\n{}",
                scenario.id,
                scenario.verdict,
                scenario.missing_facts,
                scenario.mishap,
                scenario.story.join("\n")
            )
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(report.scenarios.len(), scenarios.len());
}

/// A system that runs, which ends with this.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn attached(role: Role) -> (Served, Attachment) {
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
    let served = Served(child);
    let url = line.trim().strip_prefix("listening on ");
    let url = format!("{}/control", url.expect("it says where"));
    let runtime = Attachment::runtime().expect("a runtime");
    let party = runtime.block_on(async {
        let patience = Duration::from_secs(10);
        let base = url.parse().expect("an address");
        let mut control = HttpControl::new(Client::with_patience(patience), base, None, patience);
        let described = Described {
            name: "python-example".to_owned(),
            roles: BTreeSet::from([role]),
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
    let attachment = Attachment::new(runtime, vec![party], "sut.toml".to_owned());
    (served, attachment)
}
