//! Control by shell commands, one for each verb: for systems that come with scripts, not with a server.
//!
//! The body of a command is on stdin (JSON), its answer is what stands on stdout. The exit status says what
//! that is: 0 an answer, anything else a refusal, as JSON like that of HTTP, or else the last line of stderr.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use gp2gp_model::Capability;
use gp2gp_model::control::{CONTRACT, Claims, Command, NotAReply, Refusal, Reply, Verb};
use gp2gp_model::plan::Role;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Child;
use tokio::time::timeout;

use super::{Calling, Control, ControlError};

/// Longest output that is read of a command, in bytes.
const OUTPUT_BYTES: u64 = 4_000_000;
/// How the shell ends when a command cannot be started.
const NOT_STARTED: [i32; 2] = [126, 127];

/// A system with a shell command for each verb that it knows.
#[derive(Debug, Clone)]
pub struct CommandControl {
    verbs: BTreeMap<Verb, String>,
    roles: BTreeSet<Role>,
    folder: PathBuf,
    patience: Duration,
}

/// What a command left behind.
struct Outcome {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl CommandControl {
    /// Commands that run in this folder, of a system with these roles, and are given `patience` each.
    pub const fn new(
        verbs: BTreeMap<Verb, String>,
        roles: BTreeSet<Role>,
        folder: PathBuf,
        patience: Duration,
    ) -> Self {
        Self {
            verbs,
            roles,
            folder,
            patience,
        }
    }

    async fn exchange(&self, command: &Command) -> Result<Reply, ControlError> {
        let Some(line) = Verb::from_name(command.verb()).and_then(|verb| self.verbs.get(&verb))
        else {
            return self.without_a_command(command);
        };
        let outcome = match timeout(self.patience, self.run(line, command)).await {
            Ok(outcome) => outcome?,
            Err(_) => {
                return Err(ControlError::Hung {
                    verb: command.verb().to_owned(),
                    after: self.patience,
                });
            }
        };
        outcome.read(command)
    }

    /// What is there can be told without asking.
    fn without_a_command(&self, command: &Command) -> Result<Reply, ControlError> {
        match command {
            Command::Capabilities => Ok(Reply::Capabilities(self.claims())),
            Command::Health
            | Command::Prepare(_)
            | Command::Act(_)
            | Command::Action(_)
            | Command::Notices(_)
            | Command::Observe(_)
            | Command::Clock(_)
            | Command::Lifecycle(_)
            | Command::Reset
            | Command::Logs(_)
            | Command::Probe { .. } => Err(ControlError::Refused {
                verb: command.verb().to_owned(),
                refusal: Refusal::NotSupported,
            }),
        }
    }

    fn claims(&self) -> Claims {
        Claims {
            contract: CONTRACT.to_owned(),
            name: String::new(),
            version: String::new(),
            roles: self.roles.clone(),
            capabilities: Capability::ALL.into(),
            versions: BTreeSet::new(),
            verbs: self.verbs.keys().copied().collect(),
            reads_plans: false,
        }
    }

    async fn run(&self, line: &str, command: &Command) -> Result<Outcome, ControlError> {
        let verb = command.verb();
        let unreachable = |why: std::io::Error| ControlError::Unreachable {
            verb: verb.to_owned(),
            why: format!("`{line}` cannot be started: {why}"),
        };
        let child = tokio::process::Command::new("sh")
            .args(["-c", line])
            .current_dir(&self.folder)
            .env("GP2GP_VERB", verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(unreachable)?;
        let said = talk(child, command.body().to_string()).await;
        said.map_err(|error| ControlError::CutOff {
            verb: verb.to_owned(),
            why: error.to_string(),
        })
    }
}

impl Control for CommandControl {
    fn call<'a>(&'a mut self, command: &'a Command) -> Calling<'a> {
        Box::pin(self.exchange(command))
    }
}

/// Gives a command its body and takes all that it says.
async fn talk(mut child: Child, body: String) -> std::io::Result<Outcome> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let say = async {
        if let Some(mut stdin) = stdin {
            // One that does not want to know closes its end.
            let _ = stdin.write_all(body.as_bytes()).await;
        }
    };
    let ((), stdout, stderr) = tokio::join!(say, drain(stdout), drain(stderr));
    Ok(Outcome {
        stdout: stdout?,
        stderr: stderr?,
        status: child.wait().await?,
    })
}

/// All that comes, of which no more is kept than anybody reads.
async fn drain(pipe: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    if let Some(mut pipe) = pipe {
        (&mut pipe)
            .take(OUTPUT_BYTES)
            .read_to_end(&mut kept)
            .await?;
        tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    }
    Ok(kept)
}

impl Outcome {
    fn read(&self, command: &Command) -> Result<Reply, ControlError> {
        let verb = command.verb().to_owned();
        match self.status.code() {
            Some(0) => Ok(command
                .reply(&self.stdout)
                .map_err(|error| self.shown(error))?),
            Some(code) if NOT_STARTED.contains(&code) => Err(ControlError::Unreachable {
                verb,
                why: format!("exit status {code}: {}", self.last_words()),
            }),
            Some(code) => {
                let refusal = serde_json::from_slice(&self.stdout);
                let refusal = refusal.unwrap_or_else(|_| Refusal::Failed {
                    why: format!("exit status {code}: {}", self.last_words()),
                });
                Err(ControlError::Refused { verb, refusal })
            }
            None => Err(ControlError::CutOff {
                verb,
                why: format!("the command ended with {}", self.status),
            }),
        }
    }

    /// With the beginning of what was said in the place of an answer.
    fn shown(&self, error: NotAReply) -> NotAReply {
        const SHOWN: usize = 80;
        let said = String::from_utf8_lossy(&self.stdout);
        let said: String = said.trim().chars().take(SHOWN).collect();
        NotAReply {
            why: format!("{}: stdout is `{said}`", error.why),
            ..error
        }
    }

    fn last_words(&self) -> String {
        let said = String::from_utf8_lossy(&self.stderr);
        let last = said.lines().rfind(|line| !line.trim().is_empty());
        last.unwrap_or("nothing on stderr").trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use gp2gp_model::NhsNumber;
    use gp2gp_model::control::{Action, ActionStatus, Health};
    use gp2gp_model::plan::Act;
    use gp2gp_model::trace::Endpoint;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(400);

    fn control(verb: Verb, line: &str) -> CommandControl {
        CommandControl::new(
            BTreeMap::from([(verb, line.to_owned())]),
            BTreeSet::from([Role::Requesting]),
            std::env::temp_dir(),
            PATIENCE,
        )
    }

    async fn health(line: &str) -> Result<Reply, ControlError> {
        control(Verb::Health, line).call(&Command::Health).await
    }

    async fn complaint(line: &str) -> String {
        health(line).await.unwrap_err().to_string()
    }

    fn register() -> Command {
        let patient = NhsNumber::synthetic(1).unwrap();
        Command::Act(Action {
            id: "act-1".to_owned(),
            system: Endpoint::Requesting,
            act: Act::Register { patient, gp: None },
        })
    }

    #[tokio::test]
    async fn a_command_gets_its_body_on_stdin_and_its_verb_in_the_environment() {
        let line = r#"body=$(cat); case "$GP2GP_VERB $body" in *act*\"register\"*) echo '{"status": "done"}';; *) exit 9;; esac"#;
        let reply = control(Verb::Act, line).call(&register()).await;
        assert_eq!(reply, Ok(Reply::Action(ActionStatus::Done)));
    }

    #[tokio::test]
    async fn one_that_has_nothing_to_say_has_done_it() {
        let reply = control(Verb::Reset, "true").call(&Command::Reset).await;
        assert_eq!(reply, Ok(Reply::Nothing));
    }

    #[tokio::test]
    async fn what_is_on_stderr_is_no_answer() {
        let reply = health(r#"echo starting >&2; echo '{"ready": true}'"#).await;
        let ready = Health {
            ready: true,
            why: None,
        };
        assert_eq!(reply, Ok(Reply::Health(ready)));
    }

    #[tokio::test]
    async fn verbs_without_a_command_are_not_supported_and_claims_need_none() {
        let mut control = control(Verb::Health, "true");
        let probe = Command::Probe {
            verb: "probe-1".to_owned(),
        };
        for command in [register(), Command::Reset, probe] {
            let error = control.call(&command).await.unwrap_err();
            assert!(error.is_not_supported(), "{error}");
        }
        let Ok(Reply::Capabilities(claims)) = control.call(&Command::Capabilities).await else {
            panic!("no claims");
        };
        assert_eq!(claims.verbs, BTreeSet::from([Verb::Health]));
        assert_eq!(claims.roles, BTreeSet::from([Role::Requesting]));
    }

    #[tokio::test]
    async fn a_status_is_a_refusal_with_the_last_words_of_the_command() {
        assert_eq!(
            complaint("echo first >&2; echo 'no database' >&2; exit 3").await,
            "the system refused `health`: failed: exit status 3: no database"
        );
        assert_eq!(
            complaint("exit 1").await,
            "the system refused `health`: failed: exit status 1: nothing on stderr"
        );
        let refused = health(r#"echo '{"error": "not-supported"}'; exit 1"#).await;
        assert!(refused.unwrap_err().is_not_supported());
    }

    #[tokio::test]
    async fn one_that_is_not_there_is_said_to_be_missing() {
        let error = health("no-such-command-anywhere").await.unwrap_err();
        assert!(error.is_gone(), "{error}");
        let told = error.to_string();
        assert!(
            told.starts_with("`health` reached nobody: exit status 127: "),
            "{told}"
        );
    }

    #[tokio::test]
    async fn garbage_is_shown() {
        assert_eq!(
            complaint("echo '<html>'").await,
            "the answer to `health` is not what the contract says: expected value at line 1 column 1: stdout is `<html>`"
        );
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_given_up_and_ended() {
        let marker = tempfile::NamedTempFile::new().unwrap();
        let path = marker.path().display();
        let error = health(&format!("exec sh -c 'sleep 2; echo late > {path}'"))
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "`health` was not answered within 0.4 s");
        assert!(error.is_gone());
        tokio::time::sleep(Duration::from_millis(2_200)).await;
        assert_eq!(std::fs::read(marker.path()).unwrap(), b"");
    }

    #[tokio::test]
    async fn a_command_that_is_killed_was_cut_off() {
        let told = complaint("kill -9 $$").await;
        assert!(
            told.starts_with("`health` was cut off: the command ended with signal: 9"),
            "{told}"
        );
    }

    #[tokio::test]
    async fn endless_output_neither_fills_the_memory_nor_blocks() {
        let line = "head -c 9000000 /dev/zero | tr '\\0' x";
        let told = complaint(line).await;
        assert!(told.starts_with("the answer to `health` is not"), "{told}");
    }

    #[tokio::test]
    async fn a_large_body_that_nobody_reads_blocks_nobody() {
        let mut control = control(Verb::Logs, r#"echo '{"lines": []}'"#);
        let command = Command::Logs(gp2gp_model::control::LogLines { lines: 1 });
        let reply = control.call(&command).await;
        assert!(reply.is_ok(), "{reply:?}");
    }
}
