//! What a person may write into `sut.toml`.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::PathBuf;

use gp2gp_model::Capability;
use gp2gp_model::plan::Role;
use gp2gp_scenarios::{Span, Spanned};
use schemars::JsonSchema;
use serde::Deserialize;

use super::secret::Reference;

/// The file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// What the system is.
    pub(super) sut: Sut,
    /// What is run with it.
    #[serde(default)]
    pub(super) suite: Suite,
    /// Where it is and where we are.
    pub(super) environment: Spanned<Environment>,
    /// Who plays the people; without this nobody does.
    #[serde(default)]
    pub(super) control: Option<Spanned<Control>>,
}

/// What the system is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Sut {
    /// Its name in reports.
    pub(super) name: Spanned<String>,
    /// Its version in reports.
    pub(super) version: Option<String>,
    /// What it plays.
    pub(super) roles: Spanned<Vec<Role>>,
    /// What it claims to be able to do. Without this it is asked, or claims everything where it
    /// cannot be asked.
    pub(super) capabilities: Option<Vec<Capability>>,
    /// What is not asked of it, and why.
    #[serde(default)]
    pub(super) exempt: Vec<Exempt>,
}

/// A requirement that is not asked of the system.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Exempt {
    /// Its id, such as `SND-40`.
    pub(super) requirement: Spanned<String>,
    /// Why it is not asked: it stands in reports.
    pub(super) reason: Spanned<String>,
}

/// What is run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Suite {
    /// Ids, families or files; usually everything.
    pub(super) scenarios: Vec<String>,
    /// Against what it is judged.
    pub(super) profile: Profile,
    /// Of every random stream; usually that of each scenario.
    pub(super) seed: Option<u64>,
    /// Also what moves a gigabyte.
    pub(super) heavy: bool,
    /// The file of known failures.
    pub(super) baseline: Option<PathBuf>,
}

/// Against what the system is judged.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Profile {
    /// The specification.
    #[default]
    Strict,
    /// What deployed systems do.
    Field,
}

/// Where the system is and where we are.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Environment {
    /// How messages travel.
    #[serde(default)]
    pub(super) binding: Binding,
    /// The address on which our services listen; usually 127.0.0.1.
    pub(super) listen: Option<Spanned<String>>,
    /// The host name or address by which the system reaches us; usually that of `listen`.
    pub(super) advertise: Option<Spanned<String>>,
    /// A shell command that starts the system and runs for as long as it does.
    pub(super) start: Option<Spanned<String>>,
    /// A shell command that ends it; usually its process is ended.
    pub(super) stop: Option<Spanned<String>>,
    /// Where its output goes; usually into the folder of the reports.
    pub(super) log: Option<Spanned<PathBuf>>,
    /// An http, https or tcp URL that answers when the system is ready.
    pub(super) ready: Option<Spanned<String>>,
    /// How long it may take to be ready; usually 30s.
    pub(super) ready_within: Option<Spanned<Span>>,
    /// How long it may take for an answer; usually 20s.
    pub(super) answer_within: Option<Spanned<Span>>,
    /// Nothing on the wire for so long, and a run is over; usually 2s.
    pub(super) quiet: Option<Spanned<Span>>,
    /// A run takes no longer; usually 60s.
    pub(super) budget: Option<Spanned<Span>>,
    /// How time passes.
    #[serde(default)]
    pub(super) time: Time,
    /// How many times shorter SDS quotes durations, with `time = "compressed"`; usually 20.
    pub(super) rate: Option<Spanned<u32>>,
    /// Where the system takes what is sent to it.
    #[serde(default)]
    pub(super) wire: Wire,
    /// Ports of our services that are not for us to choose.
    #[serde(default)]
    pub(super) ports: Ports,
    /// Practices that deployed systems are, and cannot stop being.
    #[serde(default)]
    pub(super) identity: Identities,
    /// Our certificates; without this everything is plain HTTP.
    pub(super) tls: Option<Tls>,
    /// Where the message handler puts what arrived; of `mhs-json` only.
    pub(super) broker: Option<Spanned<Broker>>,
}

/// How messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Binding {
    /// ebXML over HTTP both ways.
    #[default]
    Spine,
    /// The JSON form behind the national message handler.
    MhsJson,
}

/// How time passes.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Time {
    /// By the system's clock if it lets us set it, else by the wall clock.
    #[default]
    Auto,
    /// By the system's clock.
    Controlled,
    /// By the wall clock, with durations that SDS quotes shorter.
    Compressed,
    /// By the wall clock.
    Wall,
}

/// Where the system takes what is sent to it: http or https URLs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wire {
    /// As the requesting system.
    pub(super) requesting: Option<Spanned<String>>,
    /// As the sending system.
    pub(super) sending: Option<Spanned<String>>,
    /// As the document system of an exporting practice.
    pub(super) exporting: Option<Spanned<String>>,
    /// As the hub of a federation.
    pub(super) hub: Option<Spanned<String>>,
}

/// Ports of our services. A system with two roles has a table for each.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Ports {
    /// Spine, or the message handler of `mhs-json`.
    pub(super) spine: Option<Spanned<NonZeroU16>>,
    /// SDS and the registry of GPs.
    pub(super) sds: Option<Spanned<NonZeroU16>>,
    /// Demographics.
    pub(super) pds: Option<Spanned<NonZeroU16>>,
    /// Document store.
    pub(super) store: Option<Spanned<NonZeroU16>>,
    /// Records of the sending practice.
    pub(super) records: Option<Spanned<NonZeroU16>>,
    /// Hub of a federation.
    pub(super) hub: Option<Spanned<NonZeroU16>>,
    /// Screens of a federation.
    pub(super) clinic: Option<Spanned<NonZeroU16>>,
    /// Mailbox outside of a federation.
    pub(super) mailbox: Option<Spanned<NonZeroU16>>,
    /// Clearing house of an export.
    #[serde(rename = "clearing-house")]
    pub(super) clearing_house: Option<Spanned<NonZeroU16>>,
    /// Importing practice of an export.
    pub(super) importing: Option<Spanned<NonZeroU16>>,
    /// Whoever permits to delete in an export.
    pub(super) board: Option<Spanned<NonZeroU16>>,
    /// As the requesting system finds them.
    pub(super) requesting: Option<Spanned<Box<Ports>>>,
    /// As the sending system finds them.
    pub(super) sending: Option<Spanned<Box<Ports>>>,
}

/// Practices that deployed systems are.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Identities {
    /// The requesting practice.
    pub(super) requesting: Option<Identity>,
    /// The sending practice.
    pub(super) sending: Option<Identity>,
}

/// A practice that a deployed system is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Identity {
    /// ODS code of the practice.
    pub(super) ods: Spanned<String>,
    /// ASID of its system.
    pub(super) asid: Spanned<String>,
    /// Party key of its message handler.
    pub(super) party_key: Spanned<String>,
}

/// Our certificates: PEM files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    /// Who signs the certificates that we trust.
    pub(super) ca: PathBuf,
    /// Ours, with the chain above it.
    pub(super) cert: PathBuf,
    /// The key of it.
    pub(super) key: PathBuf,
}

/// Where the message handler puts what arrived.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Broker {
    /// `amqp://host:port`, or `amqps://host:port` behind TLS.
    pub(super) url: Spanned<String>,
    /// The queue.
    pub(super) queue: Spanned<String>,
    /// The user, if it wants one.
    pub(super) user: Option<Spanned<String>>,
    /// Where the password is.
    pub(super) password: Option<Spanned<Reference>>,
}

/// Who plays the people.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Control {
    /// What carries the control contract.
    pub(super) driver: Spanned<Driver>,
    /// Of `http` and `nhs-requesting`: the base of its verbs.
    pub(super) url: Option<Spanned<String>>,
    /// Of `stdio`: a shell command that reads and writes JSON lines.
    pub(super) command: Option<Spanned<String>>,
    /// Of `command`: a shell command for each verb.
    pub(super) verbs: Option<Spanned<BTreeMap<Spanned<String>, Spanned<String>>>>,
    /// Of `http` and `nhs-requesting`: where the bearer token is, if one is wanted.
    pub(super) token: Option<Spanned<Reference>>,
}

/// What carries the control contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Driver {
    /// HTTP.
    Http,
    /// JSON lines.
    Stdio,
    /// Nothing: wire only.
    None,
    /// A shell command for each verb.
    Command,
    /// The facade of a requesting system that is built on the national adaptor.
    NhsRequesting,
}
