//! `sut.toml`: what a system is, how it is reached, and how people's hands on it are played.
//!
//! The file is strict. Its keys are in [`file`], what it comes to in the types below, and nothing
//! that is written wrong gets past [`Config::parse`]. Secrets are never in it, only where they are.

mod file;
mod lower;
mod overrides;
mod secret;
mod tls;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use gp2gp_mocks::serve::Base;
use gp2gp_model::control::Verb;
use gp2gp_model::plan::Role;
use gp2gp_model::terms::{PracticeIdentity, Terms};
use gp2gp_model::verdict::Profile;
use gp2gp_model::{Capability, RequirementId};
use gp2gp_scenarios::ScenarioError;

pub use secret::{Secret, SecretError};
pub use tls::{OwnTls, TlsFileError};

/// A system that is not ours, as its `sut.toml` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What it is.
    pub system: System,
    /// What is run with it.
    pub suite: Suite,
    /// Where it is and where we are.
    pub environment: Environment,
    /// Who plays the people.
    pub control: Control,
}

/// `[sut]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// Its name in reports.
    pub name: String,
    /// Its version in reports.
    pub version: Option<String>,
    /// What it plays: at least one.
    pub roles: BTreeSet<Role>,
    /// What it claims to be able to do. `None`: it is asked, or claims everything where it cannot be.
    pub capabilities: Option<BTreeSet<Capability>>,
    /// What is not asked of it.
    pub exempt: Vec<Exemption>,
}

/// `[[sut.exempt]]`: a requirement that is not asked of the system, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemption {
    /// Which; whether the catalogue has it is for the caller to see.
    pub requirement: RequirementId,
    /// Why: it stands in reports.
    pub reason: String,
}

/// `[suite]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suite {
    /// Ids, families or files, as on the command line; none: everything.
    pub scenarios: Vec<String>,
    /// Against what it is judged.
    pub profile: Profile,
    /// Of every random stream; `None`: that of each scenario.
    pub seed: Option<u64>,
    /// Also what moves a gigabyte.
    pub heavy: bool,
    /// The file of known failures.
    pub baseline: Option<PathBuf>,
}

/// `[environment]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// How messages travel.
    pub binding: Binding,
    /// Where each system takes what is sent to it. A role without an entry has it told by `prepare`.
    pub wire: BTreeMap<Role, Base>,
    /// Where our services listen.
    pub listen: IpAddr,
    /// The host name or address by which the system reaches us.
    pub advertise: String,
    /// The ports of our services that are not for us to choose.
    pub ports: Ports,
    /// Practices that deployed systems are, and cannot stop being.
    pub identity: BTreeMap<Role, PracticeIdentity>,
    /// Our certificates. `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// How the system is started, if it is not running anyway.
    pub process: Option<Process>,
    /// What tells that it is ready.
    pub ready: Option<Ready>,
    /// How long it may take to be ready.
    pub ready_within: Duration,
    /// How long it may take for an answer.
    pub answer_within: Duration,
    /// Nothing on the wire for so long, and a run is over.
    pub quiet: Duration,
    /// A run takes no longer.
    pub budget: Duration,
    /// How time passes.
    pub time: TimeChoice,
    /// Folder of the file: shell commands run there.
    pub folder: PathBuf,
}

/// `binding`, with what only one of them needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// ebXML over HTTP both ways, with our Spine.
    Spine,
    /// The JSON form behind a message handler that we play.
    MhsJson(Broker),
}

/// `[environment.broker]`: where the message handler puts what arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Host and port.
    pub url: BrokerUrl,
    /// The queue.
    pub queue: String,
    /// User and password, if it wants any.
    pub login: Option<Login>,
}

/// `amqp://host:port`, or `amqps://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerUrl {
    /// Behind TLS.
    pub is_secure: bool,
    /// Name or address.
    pub host: String,
    /// Usually 5672, and 5671 behind TLS.
    pub port: u16,
}

/// Who we are at a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// User.
    pub user: String,
    /// Password.
    pub password: Secret,
}

/// `[environment.tls]`: PEM files, as absolute paths or relative to where we run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Who signs the certificates that we trust.
    pub ca: PathBuf,
    /// Ours, with the chain above it.
    pub cert: PathBuf,
    /// The key of it.
    pub key: PathBuf,
}

/// `start`, `stop` and `log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// A shell command that runs for as long as the system does.
    pub start: String,
    /// A shell command that ends it; `None`: its process is ended.
    pub stop: Option<String>,
    /// Where its output goes; `None`: into the folder of the reports.
    pub log: Option<PathBuf>,
}

/// `ready`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// A GET of this is answered, and not by a failure (500, 502, 503, 504).
    Http(Base),
    /// A connection is accepted.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
}

/// `time`, with its `rate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeChoice {
    /// By the system's clock if it lets us set it, else by the wall clock.
    Auto,
    /// By the system's clock; one that cannot be set is an error.
    Controlled,
    /// By the wall clock, with durations that SDS quotes so many times shorter.
    Compressed {
        /// At least 2.
        rate: NonZeroU32,
    },
    /// By the wall clock.
    Wall,
}

/// A service of ours that has a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Spine, or the message handler that we play.
    Spine,
    /// SDS and the registry of GPs.
    Sds,
    /// Demographics.
    Pds,
    /// Document store.
    Store,
    /// Records of the sending practice.
    Records,
    /// Hub of a federation.
    Hub,
    /// Screens of a federation.
    Clinic,
    /// Mailbox outside of a federation.
    Mailbox,
    /// Clearing house of an export.
    ClearingHouse,
    /// Importing practice of an export.
    Importing,
    /// Whoever permits to delete in an export.
    Board,
}

impl Service {
    /// All.
    pub const ALL: [Self; 11] = [
        Self::Spine,
        Self::Sds,
        Self::Pds,
        Self::Store,
        Self::Records,
        Self::Hub,
        Self::Clinic,
        Self::Mailbox,
        Self::ClearingHouse,
        Self::Importing,
        Self::Board,
    ];

    /// The name in the file, and in `prepare`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spine => "spine",
            Self::Sds => "sds",
            Self::Pds => "pds",
            Self::Store => "store",
            Self::Records => "records",
            Self::Hub => "hub",
            Self::Clinic => "clinic",
            Self::Mailbox => "mailbox",
            Self::ClearingHouse => "clearing-house",
            Self::Importing => "importing",
            Self::Board => "board",
        }
    }
}

/// `[environment.ports]`: each system has doors of its own to our services.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ports(BTreeMap<(Role, Service), NonZeroU16>);

impl Ports {
    /// The port at which this system finds that service; `None`: any that is free.
    pub fn of(&self, role: Role, service: Service) -> Option<NonZeroU16> {
        self.0.get(&(role, service)).copied()
    }

    /// Every port that is fixed.
    pub fn fixed(&self) -> impl Iterator<Item = (Role, Service, NonZeroU16)> {
        self.0
            .iter()
            .map(|((role, service), port)| (*role, *service, *port))
    }
}

/// `[control]`: what carries the control contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// Nothing: wire only.
    None,
    /// HTTP.
    Http {
        /// Verbs are below it.
        url: Base,
        /// Sent as `Authorization: Bearer`.
        token: Option<Secret>,
    },
    /// JSON lines.
    Stdio {
        /// A shell command that speaks them.
        command: String,
    },
    /// A shell command for each verb.
    Command {
        /// At least one.
        verbs: BTreeMap<Verb, String>,
    },
    /// The facade of a requesting system that is built on the national adaptor.
    NhsRequesting {
        /// Its operations are below it.
        url: Base,
        /// Sent as `Authorization: Bearer`.
        token: Option<Secret>,
    },
}

/// No description of a system could be had.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    #[diagnostic(help("`gp2gp init` writes one"))]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something in it is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Wrong(#[from] ScenarioError),
}

impl Config {
    /// What it settles about every run.
    pub fn terms(&self) -> Terms {
        let shorter = match self.environment.time {
            TimeChoice::Compressed { rate } => Some(rate),
            TimeChoice::Auto | TimeChoice::Controlled | TimeChoice::Wall => None,
        };
        Terms {
            practices: self.environment.identity.clone(),
            shorter,
        }
    }

    /// Reads a file. Variables such as `GP2GP_SUT__ENVIRONMENT__LISTEN` stand above what is in it.
    pub fn load(
        path: &Path,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let name = path.display().to_string();
        Self::parse(&name, folder, &text, variables)
    }

    /// The same of a text that people find under a name, with paths relative to a folder.
    pub fn parse(
        name: &str,
        folder: &Path,
        text: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let written = overrides::Written::new(text, variables);
        let read = written.read().and_then(|file| lower::lower(file, folder));
        read.map_err(|problem| {
            let shown = secret::masked(&written.text, &problem);
            problem.in_text(name, &shown).into()
        })
    }

    /// The host and port at which a system reaches a service of ours that listens there.
    pub fn advertised(&self, port: u16) -> String {
        match self.environment.advertise.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]:{port}"),
            Ok(IpAddr::V4(_)) | Err(_) => format!("{}:{port}", self.environment.advertise),
        }
    }
}

/// The JSON schema of the file, for editors.
pub fn schema() -> serde_json::Value {
    gp2gp_scenarios::schema_of::<file::File>("A system under test of gp2gp")
}

#[cfg(test)]
mod tests;
