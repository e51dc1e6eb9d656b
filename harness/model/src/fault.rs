//! The fault alphabet: everything that can be made to go wrong on purpose, where, and when.
//!
//! One enum says what ([`Effect`]), one says where ([`Target`]), one says how often ([`When`]).
//! Scenario files, Spine, systems, the document store and both drivers share them, so that a fault
//! is the same thing in virtual time and on sockets, and a report can name it in one way.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::federation::FederationOperation;
use crate::plan::Role;
use crate::plural::count;
use crate::trace::Endpoint;
use crate::{Break, MessageKind};

/// Something that goes wrong on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Name in reports, unique in its scenario.
    pub name: String,
    /// What happens.
    pub effect: Effect,
    /// Where.
    pub on: Target,
    /// When, and how often.
    pub when: When,
}

impl Fault {
    /// The system of a practice that has to go down, to have no room, or to have a wrong clock. `None` if
    /// none has to, or if any might.
    pub fn hits_system(&self) -> Option<Endpoint> {
        let hits = matches!(
            self.effect,
            Effect::Crash(_) | Effect::FullDisk | Effect::ClockJump(_)
        );
        match &self.on {
            Target::System { system } if hits => Some(*system),
            Target::Posting(messages) if hits => messages.from.map(Role::endpoint),
            // Whoever gets it.
            Target::Delivery(messages) if hits => match messages.from? {
                Role::Sending => Some(Endpoint::Requesting),
                Role::Requesting => Some(Endpoint::Sending),
                Role::Exporting | Role::Hub => None,
            },
            Target::System { .. }
            | Target::Posting(_)
            | Target::Delivery(_)
            | Target::Store { .. }
            | Target::Directory { .. }
            | Target::Demographics { .. }
            | Target::Federation { .. } => None,
        }
    }
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Nothing arrives: a message that Spine took is not delivered; a post gets no answer.
    Drop,
    /// It arrives so much later.
    Delay(#[serde(with = "crate::time::seconds")] Duration),
    /// Once delivered, it is delivered again under the same message id.
    Duplicate,
    /// So many later messages to the same recipient overtake it. If fewer follow, it arrives
    /// [`OVERTAKEN_AT_MOST`] later.
    Reorder(u32),
    /// It is held back until such a message has been delivered, or never if none is.
    HoldUntil(MessagePattern),
    /// The connection breaks after this percentage of the body.
    Truncate(u8),
    /// A message arrives broken in this way, as if its sender had written it so.
    Corrupt(Break),
    /// It is refused with this HTTP status and no body that says why.
    Refuse(u16),
    /// Spine refuses it with a SOAP fault with this national code: 200, 206 and 208 may be tried again.
    SoapFault(String),
    /// Spine refuses it with an ebXML error list with this code.
    ErrorList(String),
    /// The connection is reset before anything was taken.
    Reset,
    /// It is taken, and the connection is reset before the answer gets through.
    LoseAnswer,
    /// The body travels at so many bytes in a second.
    Slow(u32),
    /// The system goes down for so long: it refuses connections, forgets what it had open, and goes
    /// on from what it had stored. On a message: its poster goes down after the post, before the
    /// answer; on a delivery: its recipient goes down after taking it, before Spine has the answer.
    Crash(#[serde(with = "crate::time::seconds")] Duration),
    /// The system can store nothing: a message handler answers 500 and takes nothing.
    FullDisk,
    /// The clock of the system jumps by so many seconds, and stays there.
    ClockJump(i64),
    /// A document of the store is not what its list says.
    Spoil(Spoil),
    /// A directory or the demographics service answers something that cannot be read.
    Garble(Garble),
    /// Somebody else changes a patient's record just before an update of it.
    Race,
}

/// Longest time for which a message waits to be overtaken.
pub const OVERTAKEN_AT_MOST: Duration = Duration::from_secs(3_600);

/// How a document of the store fails the one who fetches it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Spoil {
    /// Somebody has it open: it can be listed and not read.
    Locked,
    /// It is deleted between list and fetch.
    DeletedMeanwhile,
    /// Its content has another type than its list says.
    WrongType,
    /// It is empty.
    ZeroBytes,
    /// What is given for it cannot be read: a FHIR Binary that is none.
    BadBinary,
    /// The token is said to have expired while it was being read.
    TokenExpired,
    /// It is shorter than its list says.
    WrongSize,
}

impl Spoil {
    /// Whether this can happen there, and where it can, in words.
    const fn fits(self, operation: StoreOperation) -> (bool, &'static str) {
        use StoreOperation as Op;
        match self {
            Self::Locked => (
                matches!(operation, Op::Read | Op::Archive | Op::Delete | Op::Restore),
                "it happens to what is done with one document: store = \"read\", \"archive\", \"delete\" or \"restore\"",
            ),
            Self::DeletedMeanwhile | Self::BadBinary | Self::TokenExpired => (
                matches!(operation, Op::Read),
                "it happens to store = \"read\"",
            ),
            Self::WrongType | Self::ZeroBytes | Self::WrongSize => (
                matches!(operation, Op::Read | Op::List),
                "it happens to store = \"read\", and to what store = \"list\" says of a document",
            ),
        }
    }
}

/// What stands in the place of an answer, with status 200.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Garble {
    /// A page for people.
    Html,
    /// The first half of the answer.
    Half,
    /// A resource of another type.
    AnotherResource,
    /// The answer without its version.
    NoVersion,
}

/// Where it happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "target", rename_all = "kebab-case")]
pub enum Target {
    /// Posts of a system to Spine, each attempt for itself.
    Posting(MessagePattern),
    /// Messages that Spine took, on their way to the recipient. A repeat of a message is not
    /// another message.
    Delivery(MessagePattern),
    /// A system as a whole.
    System {
        /// Which.
        system: Endpoint,
    },
    /// An operation of the document store.
    Store {
        /// Which.
        operation: StoreOperation,
        /// On which documents.
        documents: DocumentPattern,
    },
    /// A question to SDS or to the registry.
    Directory {
        /// Which.
        operation: DirectoryOperation,
        /// Whose; `None`: everybody's.
        by: Option<Role>,
    },
    /// A request to PDS.
    Demographics {
        /// Which.
        operation: DemographicsOperation,
        /// Whose; `None`: everybody's.
        by: Option<Role>,
    },
    /// What is asked across a federation.
    Federation {
        /// What.
        operation: FederationOperation,
        /// Of or by which practice; `None`: of or by each.
        member: Option<Role>,
    },
}

/// Questions to SDS and to the registry beside it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum DirectoryOperation {
    /// Every question.
    Any,
    /// To SDS: which systems.
    Device,
    /// To SDS: which addresses and contracts.
    Endpoint,
    /// To the registry: what a practice is.
    Organisation,
    /// To the registry: where a GP works.
    Roles,
}

/// Requests to PDS.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum DemographicsOperation {
    /// Every request.
    Any,
    /// Reading a patient.
    Read,
    /// Changing the registration.
    Update,
}

/// Which messages are meant: all that fit every field that is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessagePattern {
    /// Who sent it.
    pub from: Option<Role>,
    /// Kind of message.
    pub kind: Option<MessageKind>,
    /// Smallest body, in bytes.
    pub at_least_bytes: Option<u64>,
    /// Largest body, in bytes.
    pub at_most_bytes: Option<u64>,
}

impl MessagePattern {
    /// Whether a message is meant.
    pub fn fits(&self, from: Role, kind: Option<MessageKind>, bytes: u64) -> bool {
        self.from.is_none_or(|wanted| wanted == from)
            && self.kind.is_none_or(|wanted| kind == Some(wanted))
            && is_within(bytes, self.at_least_bytes, self.at_most_bytes)
    }
}

/// Operations of the document store.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum StoreOperation {
    /// Finding documents of a patient.
    List,
    /// Reading a document, or a range of it.
    Read,
    /// Reading the structured record.
    Record,
    /// Making a restorable copy.
    Archive,
    /// Deleting.
    Delete,
    /// Bringing an archived document back.
    Restore,
}

/// Which documents are meant: all that fit every field that is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentPattern {
    /// Smallest document, in bytes.
    pub at_least_bytes: Option<u64>,
    /// Largest document, in bytes.
    pub at_most_bytes: Option<u64>,
    /// Its file name.
    pub file_name: Option<String>,
}

impl DocumentPattern {
    /// Whether a document is meant.
    pub fn fits(&self, file_name: &str, bytes: u64) -> bool {
        self.file_name
            .as_ref()
            .is_none_or(|wanted| wanted == file_name)
            && is_within(bytes, self.at_least_bytes, self.at_most_bytes)
    }
}

fn is_within(bytes: u64, at_least: Option<u64>, at_most: Option<u64>) -> bool {
    at_least.is_none_or(|least| bytes >= least) && at_most.is_none_or(|most| bytes <= most)
}

/// When, and how often among the occasions of that time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct When {
    /// Not before, counted from the start of the run.
    #[serde(with = "crate::time::seconds")]
    pub from: Duration,
    /// For so long from then on; `None`: to the end.
    pub lasts: Option<Duration>,
    /// How often.
    pub often: Often,
}

/// How often something happens among its occasions, which are counted from 1.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Often {
    /// On every occasion.
    #[default]
    Always,
    /// On these occasions, sorted.
    On(Vec<u32>),
    /// On the first so many.
    First(u32),
    /// On `hits` of every `of`, drawn from the fault's own stream.
    Some {
        /// How many.
        hits: u32,
        /// Of how many.
        of: u32,
    },
    /// On each with this chance in a hundred, drawn from the fault's own stream.
    Percent(u8),
}

impl Effect {
    /// Whether this can happen there; otherwise where it can, in words.
    pub const fn fits(&self, target: &Target) -> Result<(), &'static str> {
        let on_posting = matches!(target, Target::Posting(_));
        let on_delivery = matches!(target, Target::Delivery(_));
        let on_store = matches!(target, Target::Store { .. });
        let on_service = matches!(
            target,
            Target::Directory { .. } | Target::Demographics { .. }
        );
        let on_federation = matches!(target, Target::Federation { .. });
        let on_practice = matches!(
            target,
            Target::System {
                system: Endpoint::Requesting | Endpoint::Sending
            }
        );
        let on_export = matches!(target, Target::System { system } if system.is_of_export());
        let on_hub = matches!(
            target,
            Target::System {
                system: Endpoint::Hub
            }
        );
        let on_spine = matches!(
            target,
            Target::System {
                system: Endpoint::Spine
            }
        );
        let (fits, help) = match self {
            Self::Drop | Self::Delay(_) | Self::Reset => (
                on_posting || on_delivery || on_store || on_service || on_federation,
                "it happens to messages, to operations of the store and of a federation, and to requests to `directory` and `demographics`",
            ),
            Self::Truncate(_) | Self::Slow(_) => (
                on_posting || on_delivery || on_store || on_service,
                "it happens to messages, to operations of the store, and to requests to `directory` and `demographics`",
            ),
            Self::LoseAnswer => (
                on_posting || on_delivery || on_store || on_service || on_federation,
                "it happens to messages on either leg, to operations of the store and of a federation, and to requests to `directory` and `demographics`",
            ),
            Self::Duplicate | Self::Reorder(_) | Self::HoldUntil(_) | Self::Corrupt(_) => (
                on_delivery,
                "it happens to messages with leg = \"delivery\"",
            ),
            Self::Refuse(_) => (
                on_posting || on_store || on_service || on_federation,
                "it happens to messages with leg = \"posting\", to operations of the store and of a federation, and to requests to `directory` and `demographics`",
            ),
            Self::SoapFault(_) | Self::ErrorList(_) => (
                on_posting || on_spine,
                "it happens to messages with leg = \"posting\" and to system = \"spine\"",
            ),
            Self::Crash(_) => (
                on_posting || on_delivery || on_practice || on_export || on_hub,
                "it happens to messages, and to a system of a practice, of an export or of a hub",
            ),
            Self::FullDisk => (
                on_practice || on_store,
                "it happens to system = \"requesting\" or \"sending\", and to operations of the store",
            ),
            Self::ClockJump(_) => (
                on_practice || on_export,
                "it happens to a system of a practice or of an export",
            ),
            Self::Spoil(how) => match target {
                Target::Store { operation, .. } => how.fits(*operation),
                Target::Posting(_)
                | Target::Delivery(_)
                | Target::System { .. }
                | Target::Directory { .. }
                | Target::Demographics { .. }
                | Target::Federation { .. } => (false, "it happens to operations of the store"),
            },
            Self::Garble(Garble::NoVersion) => (
                matches!(
                    target,
                    Target::Demographics {
                        operation: DemographicsOperation::Read,
                        ..
                    }
                ),
                "it happens to demographics = \"read\"",
            ),
            Self::Garble(Garble::Html | Garble::Half | Garble::AnotherResource) => (
                on_service,
                "it happens to requests to `directory` and `demographics`",
            ),
            Self::Race => (
                matches!(
                    target,
                    Target::Demographics {
                        operation: DemographicsOperation::Update,
                        ..
                    }
                ),
                "it happens to demographics = \"update\"",
            ),
        };
        if fits { Ok(()) } else { Err(help) }
    }
}

impl fmt::Display for Fault {
    /// What was planned, in one line: `drop fragment of the sending system, on occasion 3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.effect, self.on, self.when)
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drop => f.write_str("drop"),
            Self::Delay(by) => write!(f, "delay by {} s:", by.as_secs_f64()),
            Self::Duplicate => f.write_str("deliver twice"),
            Self::Reorder(behind) => write!(f, "let {behind} messages overtake"),
            Self::HoldUntil(pattern) => write!(f, "hold until a {pattern} has passed:"),
            Self::Truncate(percent) => write!(f, "break off after {percent} % of"),
            Self::Corrupt(how) => write!(f, "break ({how})"),
            Self::Refuse(status) => write!(f, "answer with HTTP {status}:"),
            Self::SoapFault(code) => write!(f, "answer with SOAP fault {code}:"),
            Self::ErrorList(code) => write!(f, "answer with error list {code}:"),
            Self::Reset => f.write_str("reset the connection of"),
            Self::LoseAnswer => f.write_str("lose the answer to"),
            Self::Slow(rate) => write!(f, "slow down to {rate} bytes/s:"),
            Self::Crash(down) => write!(f, "crash for {} s:", down.as_secs_f64()),
            Self::FullDisk => f.write_str("fill the disk of"),
            Self::ClockJump(by) => write!(f, "move the clock by {by} s:"),
            Self::Spoil(how) => write!(f, "spoil ({how}):"),
            Self::Garble(how) => write!(f, "answer with {how}:"),
            Self::Race => f.write_str("change the record just before"),
        }
    }
}

impl fmt::Display for Garble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Html => "a page of HTML",
            Self::Half => "half of the answer",
            Self::AnotherResource => "another resource",
            Self::NoVersion => "no version",
        })
    }
}

impl fmt::Display for Spoil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Locked => "locked",
            Self::DeletedMeanwhile => "deleted meanwhile",
            Self::WrongType => "wrong type",
            Self::ZeroBytes => "zero bytes",
            Self::BadBinary => "bad Binary",
            Self::TokenExpired => "token expired",
            Self::WrongSize => "wrong size",
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Posting(pattern) => write!(f, "{pattern}, posted to Spine"),
            Self::Delivery(pattern) => write!(f, "{pattern}, delivered by Spine"),
            Self::System { system } => write!(f, "the {system} system"),
            Self::Store {
                operation,
                documents,
            } => {
                write!(f, "{operation} in the document store")?;
                if let Some(name) = &documents.file_name {
                    write!(f, " of `{name}`")?;
                }
                range(f, documents.at_least_bytes, documents.at_most_bytes)
            }
            Self::Directory { operation, by } => {
                f.write_str(match operation {
                    DirectoryOperation::Any => "a question to the directory",
                    DirectoryOperation::Device => "a search for systems in SDS",
                    DirectoryOperation::Endpoint => "a search for addresses in SDS",
                    DirectoryOperation::Organisation => "a question for a practice",
                    DirectoryOperation::Roles => "a question where a GP works",
                })?;
                asked_by(f, *by)
            }
            Self::Demographics { operation, by } => {
                f.write_str(match operation {
                    DemographicsOperation::Any => "a request to PDS",
                    DemographicsOperation::Read => "a trace on PDS",
                    DemographicsOperation::Update => "an update of PDS",
                })?;
                asked_by(f, *by)
            }
            Self::Federation { operation, member } => {
                write!(f, "{operation} across the federation")?;
                match member {
                    Some(member) => write!(f, ", {member} practice"),
                    None => Ok(()),
                }
            }
        }
    }
}

fn asked_by(f: &mut fmt::Formatter<'_>, role: Option<Role>) -> fmt::Result {
    match role {
        Some(role) => write!(f, " by the {role} system"),
        None => Ok(()),
    }
}

impl fmt::Display for MessagePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Some(kind) => write!(f, "{kind}")?,
            None => f.write_str("message")?,
        }
        if let Some(from) = self.from {
            write!(f, " of the {from} system")?;
        }
        range(f, self.at_least_bytes, self.at_most_bytes)
    }
}

fn range(f: &mut fmt::Formatter<'_>, at_least: Option<u64>, at_most: Option<u64>) -> fmt::Result {
    if let Some(least) = at_least {
        write!(f, " of at least {least} bytes")?;
    }
    if let Some(most) = at_most {
        write!(f, " of at most {most} bytes")?;
    }
    Ok(())
}

impl fmt::Display for StoreOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::List => "list",
            Self::Read => "read",
            Self::Record => "record",
            Self::Archive => "archive",
            Self::Delete => "delete",
            Self::Restore => "restore",
        })
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.often {
            Often::Always => {}
            Often::On(occasions) => {
                let numbers: Vec<String> = occasions.iter().map(ToString::to_string).collect();
                write!(f, ", on occasion {}", numbers.join(", "))?;
            }
            Often::First(1) => f.write_str(", the first time")?,
            Often::First(count) => write!(f, ", the first {count} times")?,
            Often::Some { hits, of } => {
                write!(f, ", {} of every {of}", count(*hits, "time"))?;
            }
            Often::Percent(percent) => write!(f, ", with a chance of {percent} %")?,
        }
        if !self.from.is_zero() {
            write!(f, ", from {} s", self.from.as_secs_f64())?;
        }
        if let Some(lasts) = self.lasts {
            write!(f, ", for {} s", lasts.as_secs_f64())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_what_fits_all_of_it() {
        let pattern = MessagePattern {
            from: Some(Role::Sending),
            kind: Some(MessageKind::Fragment),
            at_least_bytes: Some(1_000),
            at_most_bytes: None,
        };
        let fits = |from, kind, bytes| pattern.fits(from, Some(kind), bytes);
        assert!(fits(Role::Sending, MessageKind::Fragment, 1_000));
        assert!(!fits(Role::Sending, MessageKind::Fragment, 999));
        assert!(!fits(Role::Sending, MessageKind::EhrExtract, 1_000));
        assert!(!fits(Role::Requesting, MessageKind::Fragment, 1_000));
        assert!(!pattern.fits(Role::Sending, None, 1_000));
        assert!(MessagePattern::default().fits(Role::Requesting, None, 0));
    }

    #[test]
    fn a_crash_with_a_message_hits_whoever_posts_or_gets_it() {
        let of_sender = MessagePattern {
            from: Some(Role::Sending),
            ..MessagePattern::default()
        };
        let fault = |on, effect| Fault {
            name: "down".to_owned(),
            effect,
            on,
            when: When::default(),
        };
        let down = Effect::Crash(Duration::from_secs(60));
        let posting = fault(Target::Posting(of_sender.clone()), down.clone());
        assert_eq!(posting.hits_system(), Some(Endpoint::Sending));
        let delivery = fault(Target::Delivery(of_sender.clone()), down);
        assert_eq!(delivery.hits_system(), Some(Endpoint::Requesting));
        let lost = fault(Target::Delivery(of_sender), Effect::Drop);
        assert_eq!(lost.hits_system(), None);
    }

    #[test]
    fn an_effect_says_where_it_can_happen() {
        let delivery = Target::Delivery(MessagePattern::default());
        let spine = Target::System {
            system: Endpoint::Spine,
        };
        assert_eq!(Effect::Duplicate.fits(&delivery), Ok(()));
        assert_eq!(Effect::SoapFault("200".to_owned()).fits(&spine), Ok(()));
        assert!(
            Effect::Duplicate
                .fits(&spine)
                .unwrap_err()
                .contains("delivery")
        );
        assert!(Effect::Spoil(Spoil::Locked).fits(&delivery).is_err());
        let delete = Target::Store {
            operation: StoreOperation::Delete,
            documents: DocumentPattern::default(),
        };
        assert_eq!(Effect::Spoil(Spoil::Locked).fits(&delete), Ok(()));
        assert_eq!(Effect::LoseAnswer.fits(&delete), Ok(()));
        let help = Effect::Spoil(Spoil::BadBinary).fits(&delete).unwrap_err();
        assert_eq!(help, "it happens to store = \"read\"");
    }

    #[test]
    fn what_happens_to_national_services_fits_them_alone() {
        let directory = Target::Directory {
            operation: DirectoryOperation::Any,
            by: None,
        };
        let demographics = |operation| Target::Demographics {
            operation,
            by: Some(Role::Requesting),
        };
        let (read, update) = (
            demographics(DemographicsOperation::Read),
            demographics(DemographicsOperation::Update),
        );
        for effect in [
            Effect::Drop,
            Effect::Refuse(429),
            Effect::Garble(Garble::Html),
        ] {
            for target in [&directory, &read, &update] {
                assert_eq!(effect.fits(target), Ok(()), "{effect} {target}");
            }
        }
        assert_eq!(Effect::Race.fits(&update), Ok(()));
        assert_eq!(Effect::Garble(Garble::NoVersion).fits(&read), Ok(()));
        for (effect, target) in [
            (Effect::Race, &read),
            (Effect::Race, &directory),
            (Effect::Garble(Garble::NoVersion), &update),
            (Effect::Duplicate, &read),
            (Effect::FullDisk, &directory),
            (
                Effect::Garble(Garble::Html),
                &Target::Posting(MessagePattern::default()),
            ),
        ] {
            assert!(effect.fits(target).is_err(), "{effect} {target}");
        }
        assert_eq!(
            format!("{} {update}", Effect::Race),
            "change the record just before an update of PDS by the requesting system"
        );
    }

    #[test]
    fn a_fault_reads_as_one_line() {
        let fault = Fault {
            name: "third fragment lost".to_owned(),
            effect: Effect::Drop,
            on: Target::Delivery(MessagePattern {
                from: Some(Role::Sending),
                kind: Some(MessageKind::Fragment),
                ..MessagePattern::default()
            }),
            when: When {
                often: Often::On(vec![3]),
                ..When::default()
            },
        };
        assert_eq!(
            fault.to_string(),
            "drop fragment of the sending system, delivered by Spine, on occasion 3"
        );
    }
}
