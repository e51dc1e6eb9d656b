//! From a `sut.toml` to a party: started, ready, met.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use gp2gp_mocks::serve::{Client, Guard, Security, TlsError, Trust};
use gp2gp_model::control::Verb;
use gp2gp_model::report::{Mishap, MishapKind};
use gp2gp_model::trace::Endpoint;

use super::amqp::{Broker, QueueAt};
use super::config::{
    Binding, Config, Control as ControlChoice, OwnTls, Secret, SecretError, TimeChoice,
    TlsFileError,
};
use super::control::{
    CommandControl, Control, HttpControl, NhsRequestingControl, NoControl, StdioControl,
};
use super::process::{StartError, Started, until_ready};
use super::{Described, Party, Patience, Reach, meet};

/// Why a system is not attached.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What is written cannot be used on this machine.
    #[error(transparent)]
    Tls(#[from] TlsFileError),
    /// Certificates that cannot be used together.
    #[error("certificates of `environment.tls`: {0}")]
    Library(#[from] TlsError),
    /// A secret is not where it should be.
    #[error("the token of `control`: {0}")]
    Secret(#[from] SecretError),
    /// Its command does not start.
    #[error("`environment.start`: {0}")]
    Start(#[from] StartError),
    /// Its control command does not start.
    #[error("`control.command` cannot be started: {0}")]
    Command(io::Error),
    /// It is not as it should be.
    #[error("{0}")]
    Unfit(Mishap),
}

impl From<Mishap> for OpenError {
    fn from(mishap: Mishap) -> Self {
        Self::Unfit(mishap)
    }
}

/// Starts a system if it is for us to start, waits until it is ready, and asks what it claims. Logs go
/// into a folder.
pub async fn open(config: &Config, logs: &Path) -> Result<Party, OpenError> {
    let tls = config.environment.tls.as_ref().map(|files| files.open());
    let tls = tls.transpose()?;
    let trust = tls.as_ref().map(OwnTls::trust).transpose()?;
    let process = start(config, logs, trust.as_ref()).await?;
    let mut control = control(config, logs, trust.as_ref())?;
    let described = Described {
        name: config.system.name.clone(),
        roles: config.system.roles.clone(),
        capabilities: config.system.capabilities.clone(),
    };
    let mut claims = meet(control.as_mut(), &described).await?;
    match config.environment.time {
        TimeChoice::Auto => {}
        TimeChoice::Controlled if claims.verbs.contains(&Verb::Clock) => {}
        TimeChoice::Controlled => {
            return Err(unfit(
                config,
                MishapKind::ContractViolated,
                "`time = \"controlled\"` needs the verb `clock`, and the system does not claim it",
            ));
        }
        TimeChoice::Wall | TimeChoice::Compressed { .. } => {
            claims.verbs.remove(&Verb::Clock);
        }
    }
    Ok(Party {
        name: config.system.name.clone(),
        claims,
        control,
        wire: (config.environment.wire.iter())
            .map(|(role, base)| (Endpoint::from(*role), base.clone()))
            .collect(),
        reach: reach(config, tls.as_ref())?,
        queue: queue(config, trust.as_ref())?,
        empty_queues: BTreeMap::new(),
        trust,
        patience: Patience {
            quiet: config.environment.quiet,
            budget: config.environment.budget,
        },
        process,
        described: Some(Box::new((config.clone(), logs.to_owned()))),
    })
}

async fn start(
    config: &Config,
    logs: &Path,
    trust: Option<&Trust>,
) -> Result<Option<Started>, OpenError> {
    let environment = &config.environment;
    let client = client(environment.answer_within, trust);
    let (ready, within) = (environment.ready.as_ref(), environment.ready_within);
    let not_ready = |error: &dyn std::fmt::Display| {
        let what = format!("it is not ready: {error}");
        unfit(config, MishapKind::Gone, &what)
    };
    let Some(process) = &environment.process else {
        if let Some(ready) = ready {
            let waited = until_ready(ready, within, &client).await;
            waited.map_err(|error| not_ready(&error))?;
        }
        return Ok(None);
    };
    let log = process.log.clone().unwrap_or_else(|| logs.join("sut.log"));
    let mut started = Started::start(process, &environment.folder, &log)?;
    let waited = started.until_ready(ready, within, &client).await;
    waited.map_err(|error| not_ready(&error))?;
    Ok(Some(started))
}

fn control(
    config: &Config,
    logs: &Path,
    trust: Option<&Trust>,
) -> Result<Box<dyn Control>, OpenError> {
    let patience = config.environment.answer_within;
    Ok(match &config.control {
        ControlChoice::None => Box::new(NoControl),
        ControlChoice::Http { url, token } => Box::new(HttpControl::new(
            client(patience, trust),
            url.clone(),
            token.as_ref().map(Secret::reveal).transpose()?,
            patience,
        )),
        ControlChoice::Stdio { command } => {
            let log = append(&logs.join("sut.log"))?;
            let folder = &config.environment.folder;
            let started = StdioControl::start(command, folder, log, patience);
            Box::new(started.map_err(OpenError::Command)?)
        }
        ControlChoice::Command { verbs } => Box::new(CommandControl::new(
            verbs.clone(),
            config.system.roles.clone(),
            config.environment.folder.clone(),
            patience,
        )),
        ControlChoice::NhsRequesting { url, token } => Box::new(NhsRequestingControl::new(
            client(patience, trust),
            url.clone(),
            token.as_ref().map(Secret::reveal).transpose()?,
            patience,
        )),
    })
}

fn append(log: &PathBuf) -> Result<Stdio, OpenError> {
    let mut options = std::fs::OpenOptions::new();
    let opened = options.create(true).append(true).open(log);
    let file = opened.map_err(|source| StartError::Log {
        path: log.clone(),
        source,
    })?;
    Ok(file.into())
}

fn client(patience: Duration, trust: Option<&Trust>) -> Client {
    let client = Client::with_patience(patience);
    match trust {
        Some(trust) => client.trusting(trust.clone()),
        None => client,
    }
}

/// Spine asks for a certificate, as in production; whoever asks the other services shows a key.
fn reach(config: &Config, tls: Option<&OwnTls>) -> Result<Reach, OpenError> {
    let environment = &config.environment;
    let (spine, others) = match tls {
        Some(tls) => (
            Security::Tls(tls.guard()?),
            Security::Tls(Guard::new(&tls.identity)?),
        ),
        None => (Security::Plain, Security::Plain),
    };
    let ports = environment.ports.fixed().map(|(role, service, port)| {
        let system = Endpoint::from(role).key();
        (format!("{system}.{}", service.name()), port.get())
    });
    Ok(Reach {
        listen: environment.listen,
        advertise: environment.advertise.clone(),
        ports: ports.collect(),
        spine,
        others,
    })
}

/// Where a system behind a message handler finds what came.
pub(super) fn queue(
    config: &Config,
    trust: Option<&Trust>,
) -> Result<Option<QueueAt>, SecretError> {
    let broker = match &config.environment.binding {
        Binding::Spine => return Ok(None),
        Binding::MhsJson(broker) => broker,
    };
    let at = Broker::new(broker.url.host.clone(), broker.url.port);
    let at = match broker.url.is_secure {
        true => at.behind_tls(trust.cloned()),
        false => at,
    };
    let at = match &broker.login {
        Some(login) => at.with_login(login.user.clone(), login.password.reveal()?),
        None => at,
    };
    Ok(Some(QueueAt {
        broker: at,
        address: broker.queue.clone(),
    }))
}

fn unfit(config: &Config, kind: MishapKind, what: &str) -> OpenError {
    OpenError::Unfit(Mishap {
        kind,
        system: config.system.name.clone(),
        what: what.to_owned(),
        log: Vec::new(),
    })
}
