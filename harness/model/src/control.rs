//! The control contract: how the harness plays the people around a system under test.
//!
//! One set of commands and replies, whatever carries them: a Rust trait, HTTP, or JSON lines on
//! stdin and stdout. A command never says what is expected of it. What people read of this is
//! `docs/control.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::alert::Alert;
use crate::plan::{Act, Cleanup, Role};
use crate::registry::Era;
use crate::terms::Terms;
use crate::trace::{Endpoint, Observation};
use crate::{Asid, Capability, NhsNumber, OdsCode, PartyKey, Time, Version};

/// Name and version of the contract, as `capabilities` tells it.
pub const CONTRACT: &str = "gp2gp-control/1";

/// What the harness asks of a system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// What can it do, by its own word?
    Capabilities,
    /// Is it ready?
    Health,
    /// Become this practice, or these two, with these addresses; forget everything before.
    Prepare(Box<Setting>),
    /// People do something.
    Act(Action),
    /// What has become of an act that was not done at once?
    Action(ActionRef),
    /// What people see on their screens, beyond what they saw before.
    Notices(After),
    /// What it says of itself.
    Observe(Whom),
    /// The time, and how fast it passes from now on.
    Clock(ClockSetting),
    /// Something happens to the system as a whole.
    Lifecycle(Happening),
    /// Forget everything of this run.
    Reset,
    /// The last lines of its log.
    Logs(LogLines),
    /// A verb of no meaning, to which every system must answer that it does not support it.
    Probe {
        /// Drawn at random.
        verb: String,
    },
}

/// A verb of the contract.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// [`Command::Capabilities`].
    Capabilities,
    /// [`Command::Health`].
    Health,
    /// [`Command::Prepare`].
    Prepare,
    /// [`Command::Act`].
    Act,
    /// [`Command::Action`].
    Action,
    /// [`Command::Notices`].
    Notices,
    /// [`Command::Observe`].
    Observe,
    /// [`Command::Clock`].
    Clock,
    /// [`Command::Lifecycle`].
    Lifecycle,
    /// [`Command::Reset`].
    Reset,
    /// [`Command::Logs`].
    Logs,
}

impl Verb {
    /// All, in the order in which a run needs them.
    pub const ALL: [Self; 11] = [
        Self::Capabilities,
        Self::Health,
        Self::Prepare,
        Self::Act,
        Self::Action,
        Self::Notices,
        Self::Observe,
        Self::Clock,
        Self::Lifecycle,
        Self::Reset,
        Self::Logs,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Capabilities => "capabilities",
            Self::Health => "health",
            Self::Prepare => "prepare",
            Self::Act => "act",
            Self::Action => "action",
            Self::Notices => "notices",
            Self::Observe => "observe",
            Self::Clock => "clock",
            Self::Lifecycle => "lifecycle",
            Self::Reset => "reset",
            Self::Logs => "logs",
        }
    }

    /// The verb of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.name() == name)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How much of the contract a system has; each level has what is below it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Level {
    /// Nothing but the wire.
    L0,
    /// `prepare`, `act` and `reset`.
    L1,
    /// And `observe`.
    L2,
    /// And `clock` and `lifecycle`.
    L3,
}

impl Level {
    /// The level of a system with these verbs.
    pub fn of(verbs: &BTreeSet<Verb>) -> Self {
        let has = |wanted: &[Verb]| wanted.iter().all(|verb| verbs.contains(verb));
        if !has(&[Verb::Prepare, Verb::Act, Verb::Reset]) {
            return Self::L0;
        }
        if !has(&[Verb::Observe]) {
            return Self::L1;
        }
        match has(&[Verb::Clock, Verb::Lifecycle]) {
            true => Self::L3,
            false => Self::L2,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::L0 => "L0",
            Self::L1 => "L1",
            Self::L2 => "L2",
            Self::L3 => "L3",
        })
    }
}

/// What a system can do, by its own word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// [`CONTRACT`].
    pub contract: String,
    /// Name of the system, for reports.
    pub name: String,
    /// Its version, for reports.
    #[serde(default)]
    pub version: String,
    /// What it can be.
    pub roles: BTreeSet<Role>,
    /// What it can do.
    #[serde(default)]
    pub capabilities: BTreeSet<Capability>,
    /// The versions of GP2GP as which it can be prepared; none: the usual one.
    #[serde(default)]
    pub versions: BTreeSet<Version>,
    /// The verbs that it knows.
    pub verbs: BTreeSet<Verb>,
    /// It makes its test data from the plan itself, as the systems of this suite do.
    #[serde(default)]
    pub reads_plans: bool,
}

/// What a system is in a run, and where everything is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Names the run in logs.
    pub run: String,
    /// The time that it has, and how fast it passes.
    pub clock: ClockRate,
    /// One for each system that it plays: a practice, or the parts of an export or a federation.
    pub systems: Vec<SystemSetting>,
    /// The plan, for systems that make their test data from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanText>,
}

/// One system in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SystemSetting {
    /// What it is called in every other command.
    pub system: Endpoint,
    /// Its practice.
    pub practice: PracticeSetting,
    /// Where it finds everybody else, by name: `spine`, `sds`, `pds`, `store`, `records`, and of a
    /// federation `hub`, `clinic`, `mailbox`. Base addresses without a slash at the end.
    pub services: BTreeMap<String, String>,
    /// Its key at SDS, PDS and the registry (header `apikey`).
    pub api_key: String,
    /// Patients of whom it has a record before the run; the record source has the records.
    pub patients: BTreeSet<NhsNumber>,
    /// Those of them whose record of before has not come yet: it has what it wrote since.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub awaits: BTreeSet<NhsNumber>,
}

/// The practice whose system it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PracticeSetting {
    /// ODS code.
    pub ods: OdsCode,
    /// ASID of its system.
    pub asid: Asid,
    /// Party key of its message handler.
    pub party_key: PartyKey,
    /// Which version of GP2GP it has.
    pub version: Version,
    /// Whether GP2GP is switched on.
    pub enabled: bool,
    /// Largest base64 text of one attachment in one message, in bytes.
    pub attachment_bytes: usize,
    /// Largest whole message, in bytes.
    pub message_bytes: usize,
    /// What it does with the documents in its store once their record was acknowledged with AA.
    pub cleanup: Cleanup,
    /// Practices that keep their records in the same database.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares_database_with: Vec<OdsCode>,
    /// What PDS holds of a patient's GP in this run.
    #[serde(default)]
    pub era: Era,
}

/// A plan as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanText {
    /// Id of the scenario, or of the cell of its matrix.
    pub scenario: String,
    /// Id of the file.
    pub file: String,
    /// The scenario file.
    pub text: String,
    /// Seed of every random stream.
    pub seed: u64,
    /// What the plan is settled by besides; the run begins at the time of `clock`.
    #[serde(default, skip_serializing_if = "Terms::are_usual")]
    pub terms: Terms,
}

/// What `prepare` comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prepared {
    /// Where each system takes what is sent to it, where that differs from the configured address.
    #[serde(default)]
    pub addresses: BTreeMap<String, String>,
}

/// Something that people do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Of this action: the same id again is the same action, and is done once.
    pub id: String,
    /// To which system.
    pub system: Endpoint,
    /// What.
    pub act: Act,
}

/// An action by its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionRef {
    /// As given with the action.
    pub id: String,
}

/// What has become of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ActionStatus {
    /// Done. What follows from it may still be to come.
    Done,
    /// Not yet.
    Pending,
    /// The system does not do what people want, and tells them why.
    Declined {
        /// In words.
        why: String,
    },
}

/// Notices after this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct After {
    /// Number of the last notice seen, 0 for none.
    pub after: u64,
}

/// What people see, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Screen {
    /// Notices, the oldest first.
    pub notices: Vec<Numbered>,
}

/// A notice and its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Numbered {
    /// Counted from 1 within a run.
    pub number: u64,
    /// On whose screen.
    pub system: Endpoint,
    /// What it says.
    pub notice: ScreenNotice,
}

/// Something on a screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "notice", rename_all = "kebab-case")]
pub enum ScreenNotice {
    /// A record is complete and waits for a decision.
    ReadyToIntegrate {
        /// Whose.
        patient: NhsNumber,
    },
    /// Something is pending, or serious.
    Alert {
        /// What.
        alert: Alert,
    },
    /// The system does not do something after all that people wanted, and says why.
    Declined {
        /// What they wanted.
        act: Act,
        /// Why not.
        why: String,
    },
    /// The system does not know a thing that people wanted.
    NotSupported {
        /// What they wanted.
        act: Act,
    },
    /// Of systems that read plans: a planned fault acted.
    FaultActed {
        /// Its name.
        name: String,
    },
}

/// A system by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Whom {
    /// Which.
    pub system: Endpoint,
}

/// What a system says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// Documents stored, and where transfers stand.
    pub observations: Vec<Observation>,
}

/// A time, and how fast it passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockRate {
    /// The time.
    pub now: Time,
    /// How many times faster than the wall clock it passes.
    pub rate: u32,
}

/// The time of a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockSetting {
    /// Of which system.
    pub system: Endpoint,
    /// What it is.
    pub now: Time,
    /// How many times faster than the wall clock it passes.
    pub rate: u32,
}

/// What a system will do by itself, once its clock was set and everything that is due was begun.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agenda {
    /// It has nothing to do before `next`: no request open to anybody, nothing in hand.
    pub idle: bool,
    /// When it next does something by itself, if ever.
    #[serde(default)]
    pub next: Option<Time>,
    /// What that is, in words.
    #[serde(default)]
    pub why: Option<String>,
    /// Number of the last notice on its screens.
    #[serde(default)]
    pub notices: u64,
    /// Of a system behind a message handler: how many messages it has taken from its queue in this run.
    /// Nobody else can see whether there is still one for it; without this it is left alone for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<u64>,
}

/// Something that happens to a system as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Happening {
    /// To which.
    pub system: Endpoint,
    /// What.
    pub event: LifecycleEvent,
}

/// What can happen to a system as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LifecycleEvent {
    /// It goes down: it takes nothing, everything open is gone, what is stored is not.
    Kill,
    /// It is up again.
    Restart,
    /// It can store nothing.
    DiskFull,
    /// It can store again.
    DiskFree,
}

/// Lines of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogLines {
    /// At most so many, the last ones.
    pub lines: u32,
}

/// Whether it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// It can be prepared.
    pub ready: bool,
    /// If not, why.
    #[serde(default)]
    pub why: Option<String>,
}

/// What is in a log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// The oldest first.
    pub lines: Vec<String>,
}

/// Nothing to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Nothing {}

/// What a system answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// To `capabilities`.
    Capabilities(Claims),
    /// To `health`.
    Health(Health),
    /// To `prepare`.
    Prepared(Prepared),
    /// To `act` and `action`.
    Action(ActionStatus),
    /// To `notices`.
    Screen(Screen),
    /// To `observe`.
    Observed(Observed),
    /// To `clock`.
    Agenda(Agenda),
    /// To `logs`.
    Log(Log),
    /// To `lifecycle` and `reset`.
    Nothing,
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[serde(tag = "error", rename_all = "kebab-case")]
pub enum Refusal {
    /// The system does not know the verb, or does not do this.
    #[error("not supported")]
    NotSupported,
    /// The command makes no sense to it.
    #[error("not understood: {why}")]
    NotUnderstood {
        /// In words.
        why: String,
    },
    /// It tried and failed.
    #[error("failed: {why}")]
    Failed {
        /// In words.
        why: String,
    },
}

impl Refusal {
    /// The HTTP status that carries it.
    pub const fn status(&self) -> u16 {
        match self {
            Self::NotSupported => 501,
            Self::NotUnderstood { .. } => 400,
            Self::Failed { .. } => 500,
        }
    }
}

/// JSON that is no reply to what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the answer to `{verb}` is not what the contract says: {why}")]
pub struct NotAReply {
    /// What was asked.
    pub verb: String,
    /// What is wrong with the answer.
    pub why: String,
}

impl Command {
    /// The name on the wire.
    pub fn verb(&self) -> &str {
        match self.known_verb() {
            Ok(verb) => verb.name(),
            Err(unknown) => unknown,
        }
    }

    fn known_verb(&self) -> Result<Verb, &str> {
        Ok(match self {
            Self::Capabilities => Verb::Capabilities,
            Self::Health => Verb::Health,
            Self::Prepare(_) => Verb::Prepare,
            Self::Act(_) => Verb::Act,
            Self::Action(_) => Verb::Action,
            Self::Notices(_) => Verb::Notices,
            Self::Observe(_) => Verb::Observe,
            Self::Clock(_) => Verb::Clock,
            Self::Lifecycle(_) => Verb::Lifecycle,
            Self::Reset => Verb::Reset,
            Self::Logs(_) => Verb::Logs,
            Self::Probe { verb } => return Err(verb),
        })
    }

    /// What is said with it: always a JSON object.
    pub fn body(&self) -> Value {
        match self {
            Self::Prepare(setting) => json(setting),
            Self::Act(action) => json(action),
            Self::Action(action) => json(action),
            Self::Notices(after) => json(after),
            Self::Observe(whom) => json(whom),
            Self::Clock(clock) => json(clock),
            Self::Lifecycle(happening) => json(happening),
            Self::Logs(lines) => json(lines),
            Self::Capabilities | Self::Health | Self::Reset | Self::Probe { .. } => {
                json(&Nothing {})
            }
        }
    }

    /// The command of a verb and what was said with it. An unknown verb is not supported.
    pub fn read(verb: &str, body: &[u8]) -> Result<Self, Refusal> {
        let verb = Verb::from_name(verb).ok_or(Refusal::NotSupported)?;
        Ok(match verb {
            Verb::Capabilities => Self::Capabilities,
            Verb::Health => Self::Health,
            Verb::Prepare => Self::Prepare(understood(verb, body)?),
            Verb::Act => Self::Act(understood(verb, body)?),
            Verb::Action => Self::Action(understood(verb, body)?),
            Verb::Notices => Self::Notices(understood(verb, body)?),
            Verb::Observe => Self::Observe(understood(verb, body)?),
            Verb::Clock => Self::Clock(understood(verb, body)?),
            Verb::Lifecycle => Self::Lifecycle(understood(verb, body)?),
            Verb::Reset => Self::Reset,
            Verb::Logs => Self::Logs(understood(verb, body)?),
        })
    }

    /// Reads the answer to this command.
    pub fn reply(&self, body: &[u8]) -> Result<Reply, NotAReply> {
        let not_a_reply = |why: String| NotAReply {
            verb: self.verb().to_owned(),
            why,
        };
        let reply = match self {
            Self::Capabilities => answer(body).map(Reply::Capabilities),
            Self::Health => answer(body).map(Reply::Health),
            Self::Prepare(_) => answer(body).map(Reply::Prepared),
            Self::Act(_) | Self::Action(_) => answer(body).map(Reply::Action),
            Self::Notices(_) => answer(body).map(Reply::Screen),
            Self::Observe(_) => answer(body).map(Reply::Observed),
            Self::Clock(_) => answer(body).map(Reply::Agenda),
            Self::Lifecycle(_) | Self::Reset => answer(body).map(|Nothing {}| Reply::Nothing),
            Self::Logs(_) => answer(body).map(Reply::Log),
            Self::Probe { .. } => Err("a verb of no meaning was carried out".to_owned()),
        };
        reply.map_err(not_a_reply)
    }
}

impl Reply {
    /// As JSON: always an object.
    pub fn body(&self) -> Value {
        match self {
            Self::Capabilities(claims) => json(claims),
            Self::Health(health) => json(health),
            Self::Prepared(prepared) => json(prepared),
            Self::Action(status) => json(status),
            Self::Screen(screen) => json(screen),
            Self::Observed(observed) => json(observed),
            Self::Agenda(agenda) => json(agenda),
            Self::Log(log) => json(log),
            Self::Nothing => json(&Nothing {}),
        }
    }
}

/// Plain data always has a JSON form.
fn json(data: &impl Serialize) -> Value {
    serde_json::to_value(data).unwrap_or_default()
}

fn understood<T: DeserializeOwned>(verb: Verb, body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::NotUnderstood {
        why: format!("the body of `{verb}`: {error}"),
    })
}

/// A system that has nothing to tell may say nothing.
fn answer<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let body = if body.trim_ascii().is_empty() {
        b"{}"
    } else {
        body
    };
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verbs(names: &[Verb]) -> BTreeSet<Verb> {
        names.iter().copied().collect()
    }

    #[test]
    fn levels_follow_from_verbs() {
        let l1 = [Verb::Prepare, Verb::Act, Verb::Reset];
        assert_eq!(Level::of(&verbs(&[Verb::Act])), Level::L0);
        assert_eq!(Level::of(&verbs(&l1)), Level::L1);
        let l2 = [l1.as_slice(), &[Verb::Observe]].concat();
        assert_eq!(Level::of(&verbs(&l2)), Level::L2);
        assert_eq!(Level::of(&Verb::ALL.into()), Level::L3);
    }

    #[test]
    fn verbs_are_called_on_the_wire_as_in_json() {
        for verb in Verb::ALL {
            assert_eq!(serde_json::to_value(verb).unwrap(), verb.name());
            assert_eq!(Verb::from_name(verb.name()), Some(verb));
        }
    }

    #[test]
    fn commands_are_read_as_they_were_written() {
        let system = Endpoint::Sending;
        let now = Time::from_micros(1_767_603_600_000_000);
        let patient = NhsNumber::synthetic(1).unwrap();
        let commands = [
            Command::Capabilities,
            Command::Health,
            Command::Act(Action {
                id: "a-1".to_owned(),
                system,
                act: Act::Register { patient, gp: None },
            }),
            Command::Action(ActionRef {
                id: "a-1".to_owned(),
            }),
            Command::Notices(After { after: 3 }),
            Command::Observe(Whom { system }),
            Command::Clock(ClockSetting {
                system,
                now,
                rate: 20,
            }),
            Command::Lifecycle(Happening {
                system,
                event: LifecycleEvent::Kill,
            }),
            Command::Reset,
            Command::Logs(LogLines { lines: 20 }),
        ];
        for command in commands {
            let body = command.body().to_string();
            let read = Command::read(command.verb(), body.as_bytes());
            assert_eq!(read, Ok(command));
        }
    }

    #[test]
    fn what_is_no_command_is_refused_with_the_place() {
        assert_eq!(
            Command::read("frobnicate", b"{}"),
            Err(Refusal::NotSupported)
        );
        let refused = Command::read("notices", b"{\"after\": 1, \"befor\": 2}").unwrap_err();
        let text = "not understood: the body of `notices`: unknown field `befor`, expected `after` at line 1 column 20";
        assert_eq!(refused.to_string(), text);
    }

    #[test]
    fn an_answer_that_is_none_names_the_verb() {
        let command = Command::Health;
        let error = command.reply(b"<html>").unwrap_err();
        let text = "the answer to `health` is not what the contract says: expected value at line 1 column 1";
        assert_eq!(error.to_string(), text);
        assert_eq!(Command::Reset.reply(b" "), Ok(Reply::Nothing));
        let probe = Command::Probe {
            verb: "q-1".to_owned(),
        };
        assert!(probe.reply(b"{}").is_err());
    }
}
