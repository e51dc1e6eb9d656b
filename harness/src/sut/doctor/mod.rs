//! What stands between us and a system: everything is tried once, and whatever is broken is told
//! with what mends it.

mod broker;
mod clock;
mod doors;
mod harmless;
mod mend;
mod own;
mod queues;
mod verbs;
mod wire;

use std::fmt;
use std::path::Path;

use gp2gp_mocks::serve::Client;
use gp2gp_model::control::Verb;
use serde::Serialize;

use super::amqp::QueueAt;
use super::config::{Config, OwnTls};
use super::process::{self, NotReady, Started};

/// Everything that was tried, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// One line each.
    pub probes: Vec<Probed>,
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probed {
    /// Its name, such as `wire sending`.
    pub probe: String,
    /// How it is.
    pub state: State,
    /// What was seen.
    pub said: String,
    /// What to do about it, where it is broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Not so.
    Broken,
    /// Not tried.
    Skipped,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Broken => "broken",
            Self::Skipped => "skipped",
        })
    }
}

impl Diagnosis {
    /// Whether anything is.
    pub fn is_broken(&self) -> bool {
        self.count(State::Broken) > 0
    }

    /// How many are in this state.
    pub fn count(&self, state: State) -> usize {
        let probes = self.probes.iter();
        probes.filter(|probed| probed.state == state).count()
    }

    fn ok(&mut self, probe: impl Into<String>, said: impl Into<String>) {
        self.tell(probe, State::Ok, said, None);
    }

    fn broken(
        &mut self,
        probe: impl Into<String>,
        said: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.tell(probe, State::Broken, said, Some(mend.into()));
    }

    fn skipped(&mut self, probe: impl Into<String>, why: impl Into<String>) {
        self.tell(probe, State::Skipped, why, None);
    }

    fn tell(
        &mut self,
        probe: impl Into<String>,
        state: State,
        said: impl Into<String>,
        mend: Option<String>,
    ) {
        self.probes.push(Probed {
            probe: probe.into(),
            state,
            said: said.into(),
            mend,
        });
    }
}

/// Tries everything. A system that has to be started writes into `log`.
///
/// Must be called inside a tokio runtime with IO and time.
pub async fn examine(config: &Config, log: &Path) -> Diagnosis {
    let mut diagnosis = Diagnosis::default();
    own::secrets(config, &mut diagnosis);
    let tls = own::certificates(config, &mut diagnosis);
    own::ports(config, &mut diagnosis).await;
    let queue = broker::examine(config, tls.as_ref(), &mut diagnosis).await;
    let patient = client(config, tls.as_ref());
    let (up, mut started) = start(config, log, &patient, &mut diagnosis).await;
    if !up {
        diagnosis.skipped("wire", "the system is not up");
        diagnosis.skipped("control", "the system is not up");
        return diagnosis;
    }
    talk(config, tls.as_ref(), queue.as_ref(), log, &mut diagnosis).await;
    if let Some(Err(error)) = started.as_mut().map(Started::runs) {
        diagnosis.broken(
            "start",
            format!("while it was examined, {error}"),
            "look into its log",
        );
    }
    drop(started);
    diagnosis
}

/// With a system that is up: by control, if there is any, and over the wire. One that is prepared
/// first may listen only then.
async fn talk(
    config: &Config,
    tls: Option<&OwnTls>,
    queue: Option<&QueueAt>,
    log: &Path,
    diagnosis: &mut Diagnosis,
) {
    let mut met = verbs::meet(config, tls, log, diagnosis).await;
    let mut placed = match &mut met {
        Some(met) => doors::prepare(met, config, tls, queue, diagnosis).await,
        None => None,
    };
    let told = placed.as_ref().map(|placed| &placed.addresses);
    wire::examine(config, tls, told, diagnosis).await;
    let wants_preparing =
        (met.as_ref()).is_some_and(|met| met.claims.verbs.contains(&Verb::Prepare));
    match queue {
        Some(_) if placed.is_none() && wants_preparing => {
            diagnosis.skipped("queue", "it is not prepared, so it knows no queue");
        }
        Some(queue) => queues::examine(config, queue, placed.as_mut(), diagnosis).await,
        None => {}
    }
    if let Some(met) = &mut met {
        if let Some(placed) = &mut placed {
            doors::examine(met, config, placed, diagnosis).await;
        }
        verbs::claimed(met, config, diagnosis).await;
    }
}

/// Waits as long for an answer as the configuration says.
fn client(config: &Config, tls: Option<&OwnTls>) -> Client {
    let client = Client::with_patience(config.environment.answer_within);
    match tls.and_then(|tls| tls.trust().ok()) {
        Some(trust) => client.trusting(trust),
        None => client,
    }
}

/// Whether the system is up, and its process if it is ours.
async fn start(
    config: &Config,
    log: &Path,
    client: &Client,
    diagnosis: &mut Diagnosis,
) -> (bool, Option<Started>) {
    let environment = &config.environment;
    let (ready, within) = (environment.ready.as_ref(), environment.ready_within);
    let Some(wanted) = &environment.process else {
        diagnosis.skipped("start", "no `start` in [environment]: it is running anyway");
        let Some(ready) = ready else {
            return (true, None);
        };
        let waited = process::until_ready(ready, within, client).await;
        return (told(waited, diagnosis), None);
    };
    if let Some(there) = ready
        && process::is_taken(there, client).await
    {
        diagnosis.broken(
            "start",
            "somebody answers at `ready` before the system is started",
            "end what runs there, perhaps an earlier run; or leave `start` out, if it is the system",
        );
        return (false, None);
    }
    let log = wanted.log.as_deref().unwrap_or(log);
    let mut started = match Started::start(wanted, &environment.folder, log) {
        Ok(started) => started,
        Err(error) => {
            diagnosis.broken(
                "start",
                error.to_string(),
                "correct `start` or `log` in [environment]",
            );
            return (false, None);
        }
    };
    let waited = started.until_ready(ready, within, client).await;
    if let Err(NotReady::Ended { .. }) = &waited {
        let said = waited.map_or_else(|error| error.to_string(), |()| String::new());
        diagnosis.broken(
            "start",
            said,
            format!(
                "run `{}` by hand in the folder of the file; its output is in {}",
                wanted.start,
                log.display()
            ),
        );
        return (false, Some(started));
    }
    diagnosis.ok("start", format!("`{}` runs", wanted.start));
    let up = match ready {
        Some(_) => told(waited, diagnosis),
        None => true,
    };
    (up, Some(started))
}

fn told(waited: Result<(), NotReady>, diagnosis: &mut Diagnosis) -> bool {
    match waited {
        Ok(()) => diagnosis.ok("ready", "it says that it is ready"),
        Err(error) => {
            diagnosis.broken(
                "ready",
                error.to_string(),
                "correct `ready` in [environment], or give it longer with `ready_within`; if it listens elsewhere, start it there",
            );
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests;
