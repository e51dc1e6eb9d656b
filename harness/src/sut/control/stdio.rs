//! Control by JSON lines: the harness starts the system and talks to its stdin and stdout.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use gp2gp_model::control::{Command, NotAReply, Refusal, Reply};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::timeout;

use super::{Calling, Control, ControlError};

/// A system that is a child process.
#[derive(Debug)]
pub struct StdioControl {
    /// Ended when this is dropped.
    child: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    patience: Duration,
    last: u64,
}

/// A line of the system.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: u64,
    #[serde(default)]
    ok: Option<Value>,
    #[serde(default)]
    refused: Option<Refusal>,
}

impl StdioControl {
    /// Starts a shell command in a folder; what it writes to stderr goes to `log`.
    pub fn start(
        command: &str,
        folder: &Path,
        log: Stdio,
        patience: Duration,
    ) -> std::io::Result<Self> {
        let here = Path::new(".");
        let folder = if folder.as_os_str().is_empty() {
            here
        } else {
            folder
        };
        let mut child = tokio::process::Command::new("sh")
            .args(["-c", command])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        let missing = || std::io::Error::other("the process has no pipes");
        let commands = child.stdin.take().ok_or_else(missing)?;
        let answers = child.stdout.take().ok_or_else(missing)?;
        Ok(Self {
            child,
            commands,
            answers: BufReader::new(answers).lines(),
            patience,
            last: 0,
        })
    }

    async fn exchange(&mut self, command: &Command) -> Result<Reply, ControlError> {
        self.last += 1;
        let verb = command.verb().to_owned();
        let line = json!({"id": self.last, "verb": verb, "body": command.body()});
        let said = self
            .commands
            .write_all(format!("{line}\n").as_bytes())
            .await;
        if said.is_err() || self.commands.flush().await.is_err() {
            return Err(self.ended(verb));
        }
        loop {
            let patience = self.patience;
            let answered = timeout(patience, self.answers.next_line()).await;
            let text = match answered {
                Err(_) => {
                    return Err(ControlError::Hung {
                        verb,
                        after: patience,
                    });
                }
                Ok(Ok(Some(text))) => text,
                Ok(Ok(None) | Err(_)) => return Err(self.ended(verb)),
            };
            let line: Line = serde_json::from_str(&text).map_err(|error| NotAReply {
                verb: verb.clone(),
                why: format!(
                    "the line `{}`: {error}",
                    text.chars().take(80).collect::<String>()
                ),
            })?;
            // An answer that came after its time was up.
            if line.id < self.last {
                continue;
            }
            return match (line.ok, line.refused) {
                (Some(ok), None) => Ok(command.reply(ok.to_string().as_bytes())?),
                (None, Some(refusal)) => Err(ControlError::Refused { verb, refusal }),
                (Some(_), Some(_)) | (None, None) => Err(NotAReply {
                    verb,
                    why: "a line has either `ok` or `refused`".to_owned(),
                }
                .into()),
            };
        }
    }

    fn ended(&mut self, verb: String) -> ControlError {
        let why = match self.child.try_wait() {
            Ok(Some(status)) => format!("the process ended with {status}"),
            Ok(None) | Err(_) => "the process closed its pipes".to_owned(),
        };
        ControlError::CutOff { verb, why }
    }
}

impl Control for StdioControl {
    fn process(&self) -> Option<u32> {
        self.child.id()
    }

    fn call<'a>(&'a mut self, command: &'a Command) -> Calling<'a> {
        Box::pin(self.exchange(command))
    }
}
