//! A system that is down, hangs, talks nonsense, dies, or does not forget: each is told as what it is, and
//! the next scenario runs.

#![cfg(test)]

#[path = "support/judged.rs"]
mod judged;
mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use gp2gp::sut::config::Config;
use gp2gp::sut::control::{Calling, Control, NoControl};
use gp2gp::sut::{Attachment, OpenError, Party, open};
use gp2gp_model::control::{Command as Verb, Reply};
use gp2gp_model::plan::Plan;
use gp2gp_model::report::{MishapKind, RunReport};
use gp2gp_model::verdict::Verdict;
use judged::judge;
use tokio::runtime::Runtime;

/// Kinds of mishaps, in order, and the exit status.
fn told(report: &RunReport) -> (Vec<Option<MishapKind>>, u8) {
    let mishaps = report.scenarios.iter();
    let kinds = mishaps.map(|scenario| scenario.mishap.as_ref().map(|it| it.kind));
    (kinds.collect(), report.exit.code)
}

/// A served reference in a process that a test can end, with a hand on its control.
fn mortal(hand: impl FnOnce(Box<dyn Control>, Process) -> Box<dyn Control>) -> Attachment {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gp2gp"))
        .args(["serve", "reference"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let stdout = child.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("control ").unwrap();
    let control = format!("driver = \"http\"\nurl = \"{url}\"");
    let mut attached = parts(&sut("", &control));
    let process = Process(Arc::new(Mutex::new(child)));
    let control = std::mem::replace(&mut attached.1.control, Box::new(NoControl));
    attached.1.control = hand(control, process);
    attached.1.described = None;
    Attachment::new(attached.0, vec![attached.1], "sut.toml".to_owned())
}

fn sut(environment: &str, control: &str) -> String {
    format!(
        "[sut]\nname = \"mortal\"\nroles = [\"requesting\", \"sending\"]\n\
         [environment]\nbinding = \"spine\"\nanswer_within = \"1s\"\nquiet = \"300ms\"\nbudget = \"4s\"\n{environment}\n\
         [control]\n{control}\n"
    )
}

fn parts(text: &str) -> (Runtime, Party) {
    let runtime = Attachment::runtime().unwrap();
    let party = opened(&runtime, text).unwrap();
    (runtime, party)
}

fn opened(runtime: &Runtime, text: &str) -> Result<Party, OpenError> {
    let logs = tempfile::tempdir().unwrap();
    let config = Config::parse("sut.toml", logs.path(), text, []).unwrap();
    runtime.block_on(open(&config, logs.path()))
}

/// What is told of a system that is controlled by a shell command.
fn first_words(command: &str) -> (MishapKind, String) {
    let control = format!("driver = \"stdio\"\ncommand = '{command}'");
    match opened(&Attachment::runtime().unwrap(), &sut("", &control)) {
        Err(OpenError::Unfit(mishap)) => (mishap.kind, mishap.to_string()),
        other => panic!("{command}: {other:?}"),
    }
}

/// A process that ends with its last handle.
#[derive(Clone)]
struct Process(Arc<Mutex<Child>>);

impl Process {
    fn kill(&self) {
        let mut child = self.0.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if Arc::strong_count(&self.0) == 1 {
            self.kill();
        }
    }
}

/// Ends a process before its so-manieth command.
struct Doomed {
    inner: Box<dyn Control>,
    process: Process,
    left: u32,
}

impl Control for Doomed {
    fn call<'a>(&'a mut self, command: &'a Verb) -> Calling<'a> {
        match self.left {
            0 => self.process.kill(),
            _ => self.left -= 1,
        }
        self.inner.call(command)
    }
}

fn small() -> Vec<Plan> {
    ["transfer/small-record", "refusal/patient-not-held"]
        .map(support::plan)
        .into()
}

#[test]
fn a_system_that_is_killed_at_any_point_is_told_as_gone_and_the_next_scenario_runs() {
    let mut survived = 0;
    for left in 0..40 {
        let attached = mortal(|inner, process| {
            Box::new(Doomed {
                inner,
                process,
                left,
            })
        });
        let report = judge(&small(), Some(&attached));
        let (kinds, exit) = told(&report);
        match kinds.as_slice() {
            [None, None] => survived += 1,
            [first, Some(MishapKind::Gone)] => {
                assert!(
                    matches!(first, None | Some(MishapKind::Gone)),
                    "{left}: {kinds:?}"
                );
                assert_eq!(exit, 7, "{left}");
                let last = report.scenarios.last().map(|it| it.verdict);
                assert_eq!(last, Some(Verdict::Unknown), "{left}");
                let fails = report.scenarios.iter().flat_map(|it| &it.findings);
                let fails = fails.filter(|it| it.verdict == Verdict::Fail).count();
                assert_eq!(fails, 0, "{left}: nobody knows what it would have done");
            }
            other => panic!("{left}: {other:?}"),
        }
    }
    assert!(
        survived < 20,
        "most runs were to be cut short, {survived} were not"
    );
}

#[test]
fn a_system_that_died_is_started_again_for_the_next_scenario() {
    let logs = tempfile::tempdir().unwrap();
    let pid = logs.path().join("pid");
    let command = format!(
        "driver = \"stdio\"\ncommand = \"echo $$ > {}; exec {} serve reference --control stdio\"",
        pid.display(),
        env!("CARGO_BIN_EXE_gp2gp")
    );
    let runtime = Attachment::runtime().unwrap();
    let config = Config::parse("sut.toml", logs.path(), &sut("", &command), []).unwrap();
    let mut party = runtime.block_on(open(&config, logs.path())).unwrap();
    let inner = std::mem::replace(&mut party.control, Box::new(NoControl));
    party.control = Box::new(Shot {
        inner,
        pid,
        left: 9,
    });
    let attached = Attachment::new(runtime, vec![party], "sut.toml".to_owned());
    let report = judge(&small(), Some(&attached));
    let (kinds, exit) = told(&report);
    assert_eq!(
        (kinds.as_slice(), exit),
        ([Some(MishapKind::Gone), None].as_slice(), 7)
    );
    assert_eq!(
        report.scenarios.last().map(|it| it.verdict),
        Some(Verdict::Pass)
    );
}

/// Kills the process of a file before its so-manieth command, once.
struct Shot {
    inner: Box<dyn Control>,
    pid: PathBuf,
    left: u32,
}

impl Control for Shot {
    fn call<'a>(&'a mut self, command: &'a Verb) -> Calling<'a> {
        self.left = self.left.saturating_sub(1);
        if self.left == 1 {
            let pid = std::fs::read_to_string(&self.pid).unwrap();
            let killed = Command::new("kill").args(["-9", pid.trim()]).status();
            assert!(killed.unwrap().success());
        }
        self.inner.call(command)
    }
}

#[test]
fn a_system_that_ends_at_once_is_gone() {
    let (kind, text) = first_words("exit 3");
    assert_eq!(kind, MishapKind::Gone);
    assert!(
        text.starts_with("mortal is gone: `capabilities` was cut off: the process "),
        "{text}"
    );
}

#[test]
fn a_system_that_never_answers_hangs() {
    let (kind, text) = first_words("sleep 60");
    assert_eq!(kind, MishapKind::Hung);
    assert_eq!(
        text,
        "mortal hangs: `capabilities` was not answered within 1 s"
    );
}

#[test]
fn a_system_that_talks_nonsense_violates_the_contract() {
    let (kind, text) = first_words("while read line; do echo \"<html>\"; done");
    assert_eq!(kind, MishapKind::ContractViolated);
    let wanted = "mortal violates the control contract: the answer to `capabilities` is not what the contract says: the line `<html>`: expected value at line 1 column 1";
    assert_eq!(text, wanted);
}

#[test]
fn a_system_that_knows_every_verb_violates_the_contract() {
    let claims = r#"{"contract": "gp2gp-control/1", "name": "x", "roles": ["requesting", "sending"], "verbs": []}"#;
    let (kind, text) = first_words(&format!(
        r#"read one; echo "{{\"id\": 1, \"ok\": {}}}"; read two; echo "{{\"id\": 2, \"ok\": {{}}}}"; read three"#,
        claims.replace('"', "\\\"")
    ));
    assert_eq!(kind, MishapKind::ContractViolated);
    assert!(text.contains("it does not refuse `probe-"), "{text}");
}

#[test]
fn a_system_that_clings_to_a_run_leaves_residue() {
    let attached = mortal(|inner, process| {
        Box::new(Clinging {
            inner,
            _process: process,
            spine: None,
        })
    });
    let report = judge(&[support::plan("transfer/small-record")], Some(&attached));
    let (kinds, exit) = told(&report);
    assert_eq!(
        (kinds.as_slice(), exit),
        ([Some(MishapKind::Residue)].as_slice(), 7)
    );
    let what = &report
        .scenarios
        .first()
        .unwrap()
        .mishap
        .as_ref()
        .unwrap()
        .what;
    assert_eq!(
        what,
        "requesting still posts to spine after it was told to forget the run"
    );
}

/// Posts to Spine while it is told to forget the run.
struct Clinging {
    inner: Box<dyn Control>,
    _process: Process,
    spine: Option<String>,
}

impl Control for Clinging {
    fn call<'a>(&'a mut self, command: &'a Verb) -> Calling<'a> {
        if let Verb::Prepare(setting) = command {
            let services = setting.systems.first().map(|it| &it.services);
            let spine = services.and_then(|it| it.get("spine"));
            self.spine = spine
                .and_then(|url| url.strip_prefix("http://"))
                .map(str::to_owned);
        }
        if let (Verb::Reset, Some(spine)) = (command, &self.spine) {
            let mut late = TcpStream::connect(spine).unwrap();
            let post = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
            late.write_all(post.as_bytes()).unwrap();
            std::mem::forget(late);
        }
        self.inner.call(command)
    }
}

#[test]
fn a_system_that_remembers_a_run_leaves_residue() {
    let attached = mortal(|inner, process| {
        Box::new(Remembering {
            inner,
            _process: process,
            known: None,
        })
    });
    let report = judge(&small(), Some(&attached));
    let kinds = told(&report).0;
    // The second scenario leaves nothing to know.
    assert_eq!(kinds.first(), Some(&Some(MishapKind::Residue)));
    let what = report.scenarios.first().and_then(|it| it.mishap.as_ref());
    let what = &what.unwrap().what;
    let wanted = "requesting still knows after it was told to forget the run: Transfer { ";
    assert!(what.starts_with(wanted), "{what}");
}

/// Says of itself for ever what it said first.
struct Remembering {
    inner: Box<dyn Control>,
    _process: Process,
    known: Option<Reply>,
}

impl Control for Remembering {
    fn call<'a>(&'a mut self, command: &'a Verb) -> Calling<'a> {
        Box::pin(async move {
            match (command, &self.known) {
                (Verb::Observe(_), Some(known)) => Ok(known.clone()),
                (Verb::Observe(_), None) => {
                    let reply = self.inner.call(command).await?;
                    self.known = Some(reply.clone());
                    Ok(reply)
                }
                (_, _) => self.inner.call(command).await,
            }
        })
    }
}

/// A port at which every connection is treated in one way.
fn treats(how: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.incoming().flatten().for_each(how));
    url
}

fn wire_only(sending: &str) -> Attachment {
    let text = sut("", "driver = \"none\"")
        .replace("\"requesting\", ", "")
        .replace(
            "[control]",
            &format!("[environment.wire]\nsending = \"{sending}\"\n[control]"),
        );
    let (runtime, party) = parts(&text);
    Attachment::new(runtime, vec![party], "sut.toml".to_owned())
}

#[test]
fn a_wire_that_answers_garbage_breaks_off_or_closes_is_judged_and_does_not_stop_the_run() {
    let garbage = treats(|mut stream| {
        let mut seen = [0; 4096];
        let _ = stream.read(&mut seen);
        let _ = stream.write_all(b"\0\0 certainly no HTTP\r\n\r\n");
    });
    let breaks_off = treats(|mut stream| {
        let mut seen = [0; 4096];
        let _ = stream.read(&mut seen);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n<half");
    });
    let closes = treats(drop);
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    for url in [garbage, breaks_off, closes, nobody] {
        let report = judge(&small(), Some(&wire_only(&url)));
        assert_eq!(report.scenarios.len(), 2);
        for scenario in &report.scenarios {
            let is_red = matches!(
                scenario.verdict,
                Verdict::Fail | Verdict::CouldNotRun | Verdict::Unknown
            );
            assert!(is_red, "{url}: {:?}", scenario.verdict);
            assert_eq!(scenario.error, None, "{url}");
        }
    }
}
