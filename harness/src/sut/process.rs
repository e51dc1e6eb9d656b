//! The process of a system that we start, and how we learn that it is ready.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use gp2gp_mocks::peer::{Conduct, HttpRequest};
use gp2gp_mocks::serve::{Cause, Client, ask};
use gp2gp_model::http::{Headers, Method};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::config::{Process, Ready};

/// How often somebody is asked who is not ready yet.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a system may take to end in order.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// How much of a log is shown.
const LINES_SHOWN: usize = 5;

/// A system that runs. Dropped, it is ended with everything that it started.
#[derive(Debug)]
pub struct Started {
    child: Child,
    log: PathBuf,
    stop: Option<String>,
    folder: PathBuf,
}

/// It did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its log cannot be written.
    #[error("cannot write the log {}: {source}", path.display())]
    Log {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No shell could be run.
    #[error("cannot run `sh` for `start`: {0}")]
    Shell(io::Error),
}

/// It is not ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// It ended instead.
    #[error("it ended instead ({status}){log}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// The last lines of its log, each on a line of its own.
        log: String,
    },
    /// It took too long.
    #[error("not within {} s: {last}", within.as_secs_f32())]
    TooSlow {
        /// So long.
        within: Duration,
        /// What was the matter at last.
        last: String,
    },
}

impl Started {
    /// Its process.
    pub fn id(&self) -> Option<u32> {
        Some(self.child.id())
    }

    /// Runs the command in a shell. Its output goes to the end of `log`.
    pub fn start(process: &Process, folder: &Path, log: &Path) -> Result<Self, StartError> {
        let unwritable = |source| StartError::Log {
            path: log.to_owned(),
            source,
        };
        let output = OpenOptions::new().create(true).append(true).open(log);
        let output = output.map_err(unwritable)?;
        let errors = output.try_clone().map_err(unwritable)?;
        let mut command = shell(&watched(&process.start, std::process::id()), folder);
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        // A group of its own: what it starts ends with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Ok(Self {
            child: command.spawn().map_err(StartError::Shell)?,
            log: log.to_owned(),
            stop: process.stop.clone(),
            folder: folder.to_owned(),
        })
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits until it is ready, or until it is no use to wait any longer.
    pub async fn until_ready(
        &mut self,
        ready: Option<&Ready>,
        within: Duration,
        client: &Client,
    ) -> Result<(), NotReady> {
        let Some(ready) = ready else {
            sleep(PAUSE * 4).await;
            return self.runs();
        };
        let mut last = String::new();
        let waiting = async {
            loop {
                self.runs()?;
                match answers(ready, client).await {
                    Ok(()) => break,
                    Err(why) => last = why,
                }
                sleep(PAUSE).await;
            }
            // Somebody else may have answered, who was there before and has its port.
            sleep(PAUSE * 4).await;
            self.runs()
        };
        let waited = timeout(within + PAUSE * 4, waiting).await;
        waited.unwrap_or(Err(NotReady::TooSlow { within, last }))
    }

    /// That it has not ended; or how, with its last words.
    pub fn runs(&mut self) -> Result<(), NotReady> {
        match self.ended() {
            None => Ok(()),
            Some(status) => Err(NotReady::Ended {
                status,
                log: self.last_lines(),
            }),
        }
    }

    fn last_lines(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.iter().skip(lines.len().saturating_sub(LINES_SHOWN));
        last.map(|line| format!("\n{line}")).collect()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if self.ended().is_none() && self.stop.is_some() {
            self.stop_in_order();
        }
        if self.ended().is_none() {
            let group = format!("kill -TERM -{}", self.child.id());
            // Without a shell to say it to, its process alone is ended.
            let told = shell(&group, Path::new("")).status();
            if !told.is_ok_and(|status| status.success()) {
                let _ = self.child.kill();
            }
            let _ = self.child.wait();
        }
    }
}

impl Started {
    /// By its own command, and for no longer than [`STOP_WITHIN`].
    fn stop_in_order(&mut self) {
        let Some(stop) = &self.stop else { return };
        let Ok(mut stopping) = shell(stop, &self.folder).stdin(Stdio::null()).spawn() else {
            return;
        };
        for _ in 0..STOP_WITHIN.as_millis() / PAUSE.as_millis() {
            if self.ended().is_some() {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        let _ = stopping.kill();
        let _ = stopping.wait();
    }
}

/// Whether somebody is there already who is not the system that is yet to be started.
pub async fn is_taken(ready: &Ready, client: &Client) -> bool {
    let asked = timeout(PAUSE * 10, answers(ready, client)).await;
    matches!(asked, Ok(Ok(())))
}

/// Waits until a system that somebody else started is ready.
pub async fn until_ready(ready: &Ready, within: Duration, client: &Client) -> Result<(), NotReady> {
    let mut last = String::new();
    let waiting = async {
        loop {
            match answers(ready, client).await {
                Ok(()) => return,
                Err(why) => last = why,
            }
            sleep(PAUSE).await;
        }
    };
    let waited = timeout(within, waiting).await;
    waited.map_err(|_| NotReady::TooSlow { within, last })
}

/// Whether it answers now, and if not, why not.
async fn answers(ready: &Ready, client: &Client) -> Result<(), String> {
    match ready {
        Ready::Http(base) => {
            let answer = ask(client, base, get(), Conduct::Clean).await;
            match answer.map_err(|cause: Cause| cause.to_string())?.status {
                status @ (500 | 502..=504) => Err(format!("{base} answers {status}")),
                // Many a system has no GET there, and says so when it is there.
                _ => Ok(()),
            }
        }
        Ready::Tcp { host, port } => TcpStream::connect((host.as_str(), *port))
            .await
            .map(drop)
            .map_err(|error| format!("cannot connect to {host}:{port}: {error}")),
    }
}

/// A GET of a base itself.
pub(crate) fn get() -> HttpRequest {
    HttpRequest {
        method: Method::Get,
        path: String::new(),
        soap_action: None,
        content_type: String::new(),
        headers: Headers::new(),
        body: Bytes::new(),
    }
}

/// A command whose whole group ends when a process does, however that ends.
fn watched(command: &str, process: u32) -> String {
    format!("(while kill -0 {process} 2>/dev/null; do sleep 1; done; kill -TERM -$$) &\n{command}")
}

fn shell(command: &str, folder: &Path) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]);
    if !folder.as_os_str().is_empty() {
        shell.current_dir(folder);
    }
    shell
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn process(start: &str) -> Process {
        Process {
            start: start.to_owned(),
            stop: None,
            log: None,
        }
    }

    fn port(listener: &TcpListener) -> Ready {
        let host = "127.0.0.1".to_owned();
        let port = listener.local_addr().unwrap().port();
        Ready::Tcp { host, port }
    }

    #[tokio::test]
    async fn one_that_ends_is_told_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut started = Started::start(
            &process("echo no such port >&2; exit 3"),
            folder.path(),
            &log,
        )
        .unwrap();
        let patience = Duration::from_secs(5);
        let error = started.until_ready(None, patience, &Client::new()).await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "it ended instead (exit status: 3)\nno such port"
        );
    }

    #[tokio::test]
    async fn one_that_listens_is_ready_and_ends_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let start = process("echo here > here; sleep 300 & echo $! > child; wait");
        let mut started =
            Started::start(&start, folder.path(), &folder.path().join("log")).unwrap();
        let ready = port(&listener);
        let patience = Duration::from_secs(5);
        let client = Client::new();
        started
            .until_ready(Some(&ready), patience, &client)
            .await
            .unwrap();
        let child = folder.path().join("child");
        until_ready(&ready, patience, &client).await.unwrap();
        while std::fs::read_to_string(&child)
            .unwrap_or_default()
            .is_empty()
        {
            sleep(PAUSE).await;
        }
        assert!(folder.path().join("here").exists(), "it ran elsewhere");
        assert!(started.ended().is_none());
        drop(started);
        let child = std::fs::read_to_string(&child).unwrap();
        for _ in 0..100 {
            let mut alive = shell(
                &format!("kill -0 {} 2>/dev/null", child.trim()),
                Path::new(""),
            );
            if !alive.status().unwrap().success() {
                return;
            }
            sleep(PAUSE).await;
        }
        panic!("{child} still lives");
    }

    #[tokio::test]
    async fn one_that_has_a_stop_command_is_stopped_by_it() {
        let folder = tempfile::tempdir().unwrap();
        let process = Process {
            start: "while [ ! -e stop ]; do sleep 0.02; done; echo in order > ended".to_owned(),
            stop: Some("touch stop".to_owned()),
            log: None,
        };
        let started = Started::start(&process, folder.path(), &folder.path().join("log"));
        drop(started.unwrap());
        let ended = std::fs::read_to_string(folder.path().join("ended")).unwrap();
        assert_eq!(ended, "in order\n");
    }

    #[tokio::test]
    async fn one_that_ends_while_another_answers_for_it_is_not_ready() {
        let folder = tempfile::tempdir().unwrap();
        let another = TcpListener::bind("127.0.0.1:0").unwrap();
        let start = process("sleep 0.1; echo address in use >&2; exit 1");
        let mut started =
            Started::start(&start, folder.path(), &folder.path().join("log")).unwrap();
        let (ready, client) = (port(&another), Client::new());
        assert!(is_taken(&ready, &client).await);
        let waited = started.until_ready(Some(&ready), Duration::from_secs(5), &client);
        let error = waited.await.unwrap_err().to_string();
        assert!(error.ends_with("address in use"), "{error}");
    }

    #[tokio::test]
    async fn one_whose_harness_is_killed_ends_with_it() {
        let mut harness = shell("exec sleep 300", Path::new("")).spawn().unwrap();
        let mut system = shell(&watched("sleep 300", harness.id()), Path::new(""));
        std::os::unix::process::CommandExt::process_group(&mut system, 0);
        let mut system = system.spawn().unwrap();
        sleep(PAUSE * 4).await;
        assert!(system.try_wait().unwrap().is_none());
        harness.kill().unwrap();
        harness.wait().unwrap();
        for _ in 0..100 {
            if system.try_wait().unwrap().is_some() {
                return;
            }
            sleep(PAUSE).await;
        }
        system.kill().unwrap();
        panic!("it outlived its harness");
    }

    #[tokio::test]
    async fn one_that_is_never_ready_is_told_with_the_last_reason() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ready = port(&listener);
        drop(listener);
        let within = Duration::from_millis(200);
        let error = until_ready(&ready, within, &Client::new())
            .await
            .unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("not within 0.2 s: cannot connect to 127.0.0.1:"),
            "{text}"
        );
    }
}
