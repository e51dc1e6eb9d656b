//! What an author may write in a scenario file. Unknown keys are refused; what is left out has
//! the value that a real system would have.

use std::time::Duration;

use gp2gp_model::expectation::Outcome;
use gp2gp_model::fault::{Spoil, StoreOperation};
use gp2gp_model::plan::{
    Cleanup, Decision, DescriptionChoice, MissingReason, PdsUpdate, Role, StrayMessage,
};
use gp2gp_model::trace::TimeMode;
use gp2gp_model::{Break, Capability, Dialect, MessageKind};
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use toml::Spanned;

use crate::choice::{OfPatients, OneOrMore};
use crate::quantity::{Size, Span};

/// A scenario file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) title: Spanned<String>,
    #[serde(default)]
    pub(crate) story: String,
    pub(crate) judges: Spanned<Vec<Role>>,
    #[serde(default)]
    pub(crate) requirements: Vec<Spanned<String>>,
    /// Numbers of `failure-modes.toml`. An empty list says that there is none to cite.
    pub(crate) failure_modes: Option<Vec<Spanned<u64>>>,
    /// Moves so much that it is no part of the usual suite.
    #[serde(default)]
    pub(crate) heavy: bool,
    #[serde(default)]
    pub(crate) needs: Vec<Spanned<Capability>>,
    pub(crate) time_modes: Option<Spanned<Vec<Mode>>>,
    pub(crate) seed: Option<u64>,
    pub(crate) time_limit: Option<Spanned<Span>>,
    #[serde(default)]
    pub(crate) requesting: Practice,
    #[serde(default)]
    pub(crate) sending: Practice,
    #[serde(default)]
    pub(crate) contract: Contract,
    #[serde(default)]
    pub(crate) practice: Vec<Spanned<OtherPractice>>,
    #[serde(default)]
    pub(crate) patient: Vec<Patient>,
    #[serde(default)]
    pub(crate) step: Vec<Spanned<Step>>,
    #[serde(default)]
    pub(crate) fault: Vec<Spanned<Fault>>,
    #[serde(default)]
    pub(crate) exercised: Exercised,
    #[serde(default)]
    pub(crate) expect: Expect,
}

/// How time passes.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    Virtual,
    Compressed,
    Wall,
}

impl From<Mode> for TimeMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Virtual => Self::Virtual,
            Mode::Compressed => Self::Compressed,
            Mode::Wall => Self::Wall,
        }
    }
}

/// One of the two practices.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Practice {
    pub(crate) dialect: PracticeDialect,
    pub(crate) large_messaging: bool,
    pub(crate) enabled: bool,
    pub(crate) entries: u8,
    pub(crate) attachment_threshold: Option<Spanned<Size>>,
    pub(crate) message_limit: Option<Spanned<Size>>,
    pub(crate) cleanup: Cleanup,
}

impl Default for Practice {
    fn default() -> Self {
        Self {
            dialect: PracticeDialect::NationalMhs,
            large_messaging: true,
            enabled: true,
            entries: 1,
            attachment_threshold: None,
            message_limit: None,
            cleanup: Cleanup::Never,
        }
    }
}

/// Any other practice.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OtherPractice {
    pub(crate) ods: Spanned<String>,
    /// Entries that the directory has for it.
    #[serde(default = "one_entry")]
    pub(crate) entries: u8,
    pub(crate) shares_database_with: Option<Spanned<String>>,
}

/// The dialects that a practice can speak: all but Spine's own.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PracticeDialect {
    NationalMhs,
    Tpp,
    Emis,
    Vision,
}

impl From<PracticeDialect> for Dialect {
    fn from(dialect: PracticeDialect) -> Self {
        match dialect {
            PracticeDialect::NationalMhs => Self::NationalMhs,
            PracticeDialect::Tpp => Self::Tpp,
            PracticeDialect::Emis => Self::Emis,
            PracticeDialect::Vision => Self::Vision,
        }
    }
}

/// What SDS says of how reliably both practices take messages.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Contract {
    pub(crate) retries: u8,
    pub(crate) retry_interval: Span,
    pub(crate) persist: Persist,
}

impl Default for Contract {
    fn default() -> Self {
        Self {
            retries: 2,
            retry_interval: minutes(5),
            persist: Persist::default(),
        }
    }
}

/// How long a message of each kind may take to arrive. The values for extract and COPC are those
/// of the samples (spec 30).
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Persist {
    pub(crate) request: Span,
    pub(crate) extract: Span,
    pub(crate) copc: Span,
    pub(crate) acknowledgement: Span,
}

impl Default for Persist {
    fn default() -> Self {
        Self {
            request: minutes(4 * 60 + 10),
            extract: minutes(4 * 60 + 10),
            copc: minutes(7 * 60),
            acknowledgement: minutes(4 * 60 + 10),
        }
    }
}

/// A patient.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Patient {
    pub(crate) name: Spanned<String>,
    pub(crate) record: Option<Spanned<Size>>,
    #[serde(default = "yes")]
    pub(crate) held: bool,
    pub(crate) current_practice: Option<Spanned<String>>,
    pub(crate) previous_practice: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) pds_update: PdsUpdate,
    #[serde(default)]
    pub(crate) returning: bool,
    #[serde(default)]
    pub(crate) redactions: bool,
    pub(crate) nhs_number: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) wrong_check_digit: bool,
    #[serde(default)]
    pub(crate) people: People,
    #[serde(default)]
    pub(crate) document: Vec<Document>,
}

/// What the people of the requesting practice do with the record.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct People {
    pub(crate) decision: Option<Spanned<Habit>>,
    pub(crate) after: Span,
}

impl Default for People {
    fn default() -> Self {
        Self {
            decision: None,
            after: minutes(2 * 60),
        }
    }
}

impl People {
    /// `None`: they forget the record. Unless it is said, they file it.
    pub(crate) fn decision(&self) -> Option<Decision> {
        let habit = self
            .decision
            .as_ref()
            .map_or(Habit::Integrate, |habit| *habit.get_ref());
        habit.decision()
    }
}

/// A decision, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Habit {
    Integrate,
    Suppress,
    Reject,
    FailToIntegrate,
    Forget,
}

impl Habit {
    const fn decision(self) -> Option<Decision> {
        match self {
            Self::Integrate => Some(Decision::Integrate),
            Self::Suppress => Some(Decision::Suppress),
            Self::Reject => Some(Decision::Reject),
            Self::FailToIntegrate => Some(Decision::FailToIntegrate),
            Self::Forget => None,
        }
    }
}

/// A document of a patient, or several alike.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    #[serde(rename = "type")]
    pub(crate) media_type: Spanned<String>,
    pub(crate) size: Spanned<Size>,
    pub(crate) file_name: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) description: DescriptionChoice,
    pub(crate) missing: Option<MissingReason>,
    pub(crate) count: Option<Spanned<u32>>,
}

/// Something done at a time: exactly one of the verbs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    #[serde(default)]
    pub(crate) at: Span,
    pub(crate) register: Option<Spanned<String>>,
    pub(crate) decide: Option<Decide>,
    pub(crate) repeat_request: Option<Spanned<String>>,
    pub(crate) repeat_extract: Option<Spanned<String>>,
    pub(crate) move_on: Option<MoveOn>,
    pub(crate) stray: Option<StrayMessage>,
    pub(crate) send_unrequested: Option<Spanned<String>>,
}

impl Step {
    /// Everybody named here; one person, unless the step is wrong.
    pub(crate) fn patients(&self) -> impl Iterator<Item = &Spanned<String>> {
        let decided = self.decide.as_ref().map(|decide| &decide.patient);
        let moved = self.move_on.as_ref().map(|moved| &moved.patient);
        let others = [
            &self.register,
            &self.repeat_request,
            &self.repeat_extract,
            &self.send_unrequested,
        ];
        decided
            .into_iter()
            .chain(moved)
            .chain(others.into_iter().flatten())
    }
}

/// The people decide at this very time, instead of after a while.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decide {
    pub(crate) patient: Spanned<String>,
    pub(crate) decision: Spanned<Decision>,
}

/// The patient registers at yet another practice.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoveOn {
    pub(crate) patient: Spanned<String>,
    pub(crate) to: Spanned<String>,
}

/// Something that goes wrong: what, where, and when.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    pub(crate) name: Spanned<String>,
    pub(crate) effect: Spanned<Effect>,
    pub(crate) on: Spanned<On>,
    pub(crate) when: Option<Spanned<When>>,
}

/// What happens: a word, or a word with its measure.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    Drop,
    Delay(Span),
    Duplicate,
    Reorder(u32),
    HoldUntil(On),
    Truncate(u8),
    Corrupt(Break),
    Refuse(u16),
    SoapFault(String),
    ErrorList(String),
    Reset,
    #[serde(rename = "lose-answer")]
    LoseAnswer,
    Slow(Size),
    Crash(Span),
    #[serde(rename = "full-disk")]
    FullDisk,
    ClockJump(String),
    Spoil(Spoil),
}

/// Where: messages, a system, or an operation of the document store.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct On {
    pub(crate) message: Option<Kind>,
    pub(crate) from: Option<Role>,
    pub(crate) leg: Option<Leg>,
    pub(crate) at_least: Option<Size>,
    pub(crate) at_most: Option<Size>,
    pub(crate) system: Option<System>,
    pub(crate) store: Option<StoreOperation>,
    pub(crate) file_name: Option<String>,
}

impl On {
    pub(crate) const fn size_is_given(&self) -> bool {
        self.at_least.is_some() || self.at_most.is_some()
    }
}

/// The two ways of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Leg {
    /// From a system to Spine: each attempt is an occasion.
    Posting,
    /// From Spine to a system: each message is an occasion, once.
    Delivery,
}

/// Whole systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum System {
    Requesting,
    Sending,
    Spine,
}

/// When, and how often.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct When {
    pub(crate) from: Option<Span>,
    pub(crate) lasts: Option<Span>,
    pub(crate) occurrence: Option<u32>,
    pub(crate) occurrences: Option<Vec<u32>>,
    pub(crate) first: Option<u32>,
    pub(crate) always: Option<True>,
    pub(crate) some: Option<[u32; 2]>,
    pub(crate) percent: Option<u8>,
}

/// Kinds of messages in an author's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Request,
    Extract,
    Continue,
    Fragment,
    Acknowledgement,
}

impl From<Kind> for MessageKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Request => Self::EhrRequest,
            Kind::Extract => Self::EhrExtract,
            Kind::Continue => Self::Continue,
            Kind::Fragment => Self::Fragment,
            Kind::Acknowledgement => Self::Acknowledgement,
        }
    }
}

/// What must be found in the trace.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Exercised {
    pub(crate) accepted: Vec<Spanned<Accepted>>,
    pub(crate) request_refused: Option<Spanned<OneOrMore>>,
    pub(crate) core_acknowledged: Option<Spanned<OneOrMore>>,
    pub(crate) core_never_acknowledged: Option<Spanned<True>>,
    pub(crate) skeleton_sent: Option<True>,
    pub(crate) document_of: Option<Spanned<Size>>,
    pub(crate) fault_fired: Vec<Spanned<String>>,
    pub(crate) decided: Vec<Spanned<Decision>>,
    pub(crate) retransmitted_by: Vec<Role>,
}

/// How it ends if both systems are good ones.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Expect {
    pub(crate) outcome: Option<Spanned<OfPatients<Outcome>>>,
    pub(crate) print_state: Option<Spanned<OfPatients<u8>>>,
    pub(crate) documents_filed: Option<Spanned<OfPatients<u32>>>,
    pub(crate) messages_at_most: Option<Spanned<u32>>,
}

/// How many messages of a kind Spine accepted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accepted {
    pub(crate) from: Role,
    pub(crate) kind: Kind,
    pub(crate) exactly: Option<u32>,
    pub(crate) at_least: Option<u32>,
    pub(crate) at_most: Option<u32>,
}

/// A fact that can be named or left out, but not denied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct True;

impl<'de> Deserialize<'de> for True {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if bool::deserialize(deserializer)? {
            Ok(Self)
        } else {
            Err(D::Error::custom(
                "`false` says nothing\nleave the key out: a fact that is not named is not looked for",
            ))
        }
    }
}

impl Default for Span {
    fn default() -> Self {
        Self(Duration::ZERO)
    }
}

const fn minutes(minutes: u64) -> Span {
    Span(Duration::from_secs(60 * minutes))
}

const fn yes() -> bool {
    true
}

const fn one_entry() -> u8 {
    1
}
