//! What an author may write in a scenario file. Unknown keys are refused; what is left out has
//! the value that a real system would have.

mod export;
mod fault;
mod federation;

use std::time::Duration;

use gp2gp_model::expectation::Outcome;
use gp2gp_model::export::ExportState;
use gp2gp_model::federation::Occurrence;
use gp2gp_model::manner::{Manner, MessageIds};
use gp2gp_model::plan::{
    Cleanup, Decision, DescriptionChoice, MissingReason, Role, StrayMessage, Wish,
};
use gp2gp_model::registry::{Era, PooledReason};
use gp2gp_model::trace::TimeMode;
use gp2gp_model::{Capability, Dialect, MessageKind, Version};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::choice::{OfPatients, OneOrMore};
use crate::quantity::{Size, Span};
use crate::spanned::Spanned;

pub(crate) use export::{AtOffice, Export, Permitting};
pub(crate) use fault::{Effect, Fault, Leg, On, System, When};
pub(crate) use federation::{AtHub, Book, Counts, Federation, HubWishChoice, Kpi, Slot};

/// A scenario file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// One line for lists, at most 72 characters.
    pub(crate) title: Spanned<String>,
    /// What happens in the practice, and what good systems do.
    #[serde(default)]
    pub(crate) story: String,
    /// Whose conduct is judged.
    pub(crate) judges: Spanned<Vec<Role>>,
    /// What the run must have put to the test: ids of the catalogue such as `SND-31`.
    #[serde(default)]
    pub(crate) requirements: Vec<Spanned<String>>,
    /// Numbers of `failure-modes.toml`. An empty list says that there is none to cite.
    pub(crate) failure_modes: Option<Vec<Spanned<u64>>>,
    /// Moves so much that it is no part of the usual suite.
    #[serde(default)]
    pub(crate) heavy: bool,
    /// Its sizes are those of the messages of the suite's own sending system, to the byte.
    #[serde(default)]
    pub(crate) to_the_byte: bool,
    /// What a system must claim for the scenario to apply to it.
    #[serde(default)]
    pub(crate) needs: Vec<Spanned<Capability>>,
    /// The ways of time in which the scenario makes sense; usually all.
    pub(crate) time_modes: Option<Spanned<Vec<Mode>>>,
    /// Seed of every random stream; usually made from the id.
    pub(crate) seed: Option<u64>,
    /// A run that has not fallen silent by then is cut off; usually 30 days.
    pub(crate) time_limit: Option<Spanned<Span>>,
    /// The new practice, which asks for the record.
    #[serde(default)]
    pub(crate) requesting: Practice,
    /// The old practice, which sends the record.
    #[serde(default)]
    pub(crate) sending: Practice,
    /// Of an export: its terms. There `requesting` is the importing and `sending` the exporting
    /// practice.
    pub(crate) export: Option<Spanned<Export>>,
    /// Of a federation: its practices, appointments and indicators.
    pub(crate) federation: Option<Spanned<Federation>>,
    /// What the directory says of how reliably both practices take messages.
    #[serde(default)]
    pub(crate) contract: Contract,
    /// Any other practice that plays a part.
    #[serde(default)]
    pub(crate) practice: Vec<Spanned<OtherPractice>>,
    /// What the directories hold.
    #[serde(default)]
    pub(crate) directory: Directory,
    /// GPs of whom something is to be said.
    #[serde(default)]
    pub(crate) gp: Vec<Spanned<Gp>>,
    /// Who moves, and what the old practice holds.
    #[serde(default)]
    pub(crate) patient: Vec<Patient>,
    /// What happens, and when. Without steps, everybody registers at the start.
    #[serde(default)]
    pub(crate) step: Vec<Spanned<Step>>,
    /// What goes wrong on purpose.
    #[serde(default)]
    pub(crate) fault: Vec<Spanned<Fault>>,
    /// What must have happened for the run to count at all.
    #[serde(default)]
    pub(crate) exercised: Exercised,
    /// How a run that counts ends between good systems.
    #[serde(default)]
    pub(crate) expect: Expect,
}

/// What the directories hold.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Directory {
    /// Which code PDS holds of a patient's registration.
    pub(crate) era: Era,
}

/// A GP. One who has a code of their own at each of two practices is two entries.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gp {
    /// What patients and steps call the GP.
    pub(crate) name: Spanned<String>,
    /// The national code; usually one is given.
    pub(crate) code: Option<Spanned<String>>,
    /// Practices to which the code has been linked for as long as anybody knows.
    #[serde(default)]
    pub(crate) at: Vec<Spanned<String>>,
    /// Practices to which it was linked two weeks before the start.
    #[serde(default)]
    pub(crate) joined: Vec<Spanned<String>>,
    /// Practices whose link was removed a month before the start.
    #[serde(default)]
    pub(crate) left: Vec<Spanned<String>>,
}

/// How time passes.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// In process: days pass in milliseconds.
    Virtual,
    /// On sockets, idle time skipped.
    Compressed,
    /// On sockets, as it is.
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
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Practice {
    /// How its system writes.
    pub(crate) dialect: PracticeDialect,
    /// Which version of GP2GP it has, and so what the directory lists it for.
    pub(crate) version: Version,
    /// The directory says that it takes fragments.
    pub(crate) large_messaging: bool,
    /// GP2GP is switched on.
    pub(crate) enabled: bool,
    /// Entries that the directory has for it; one is as it should be.
    pub(crate) entries: u8,
    /// Spine lets no request of this practice through.
    pub(crate) blocked: bool,
    /// Its list has no single GP, and the helpdesk has not dealt with that.
    pub(crate) pooled: Option<PooledReason>,
    /// Longest base64 text of one attachment; usually 4.5 MB.
    pub(crate) attachment_threshold: Option<Spanned<Size>>,
    /// Largest message; usually 5 MB.
    pub(crate) message_limit: Option<Spanned<Size>>,
    /// What it does with the documents in its store after a transfer.
    pub(crate) cleanup: Cleanup,
    /// Of a sending system only.
    pub(crate) manner: Option<Spanned<Manner>>,
    /// Of a requesting system only: the largest document that it files. For one that is larger it
    /// files a placeholder.
    pub(crate) largest_document: Option<Spanned<Size>>,
    /// Of a requesting system only: whether a message id is used again in another conversation. A
    /// sending system has a manner for it.
    pub(crate) message_ids: Option<Spanned<MessageIds>>,
    /// Of a requesting system only: documents of one record together. What goes beyond is refused
    /// with 30.
    pub(crate) largest_total: Option<Spanned<Size>>,
}

impl Default for Practice {
    fn default() -> Self {
        Self {
            dialect: PracticeDialect::NationalMhs,
            version: Version::default(),
            large_messaging: true,
            enabled: true,
            entries: 1,
            blocked: false,
            pooled: None,
            attachment_threshold: None,
            message_limit: None,
            cleanup: Cleanup::Never,
            manner: None,
            largest_document: None,
            largest_total: None,
            message_ids: None,
        }
    }
}

/// Any other practice.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OtherPractice {
    /// Its organisation code, such as `Z99903`.
    pub(crate) ods: Spanned<String>,
    /// Entries that the directory has for it.
    #[serde(default = "one_entry")]
    pub(crate) entries: u8,
    /// A practice that keeps its records in the same database.
    pub(crate) shares_database_with: Option<Spanned<String>>,
    /// Its list has no single GP, and the helpdesk has not dealt with that.
    pub(crate) pooled: Option<PooledReason>,
}

/// The dialects that a practice can speak: all but Spine's own.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PracticeDialect {
    /// As the national message handler writes.
    NationalMhs,
    /// As TPP writes.
    Tpp,
    /// As EMIS writes.
    Emis,
    /// As Vision writes.
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
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Contract {
    /// How often a failed post is repeated.
    pub(crate) retries: u8,
    /// Pause between repeats.
    pub(crate) retry_interval: Span,
    /// How long a message may take to arrive.
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
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Persist {
    /// The request.
    pub(crate) request: Span,
    /// The record.
    pub(crate) extract: Span,
    /// Continue and fragments.
    pub(crate) copc: Span,
    /// Acknowledgements.
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
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Patient {
    /// What steps call the patient.
    pub(crate) name: Spanned<String>,
    /// Size of the structured record; usually 60 KB. 0 is an empty one, which cannot be sent.
    pub(crate) record: Option<Spanned<Size>>,
    /// The old practice knows the patient.
    #[serde(default = "yes")]
    pub(crate) held: bool,
    /// Practice of the patient on PDS: `requesting`, `sending`, or the code of a third one.
    pub(crate) current_practice: Option<Spanned<String>>,
    /// Practice that PDS names before the registration: `none`, `requesting`, `sending`, or a code.
    pub(crate) previous_practice: Option<Spanned<String>>,
    /// The GP whose code PDS holds before the registration.
    pub(crate) gp: Option<Spanned<String>>,
    /// The GP of the new practice with whom the patient registers.
    pub(crate) registers_with: Option<Spanned<String>>,
    /// The old practice itself still awaits the record from there, and holds only what it wrote since.
    pub(crate) awaited_from: Option<Spanned<String>>,
    /// PDS hides where the patient is.
    #[serde(default)]
    pub(crate) sensitive: bool,
    /// On PDS the number stands for nobody any more.
    #[serde(default)]
    pub(crate) invalidated: bool,
    /// The new practice holds an old record of the patient.
    #[serde(default)]
    pub(crate) returning: bool,
    /// The record has entries that the patient must not see.
    #[serde(default)]
    pub(crate) redactions: bool,
    /// A number that begins with 999; usually one is given.
    pub(crate) nhs_number: Option<Spanned<String>>,
    /// The number is mistyped.
    #[serde(default)]
    pub(crate) wrong_check_digit: bool,
    /// What the people of the new practice do with the record.
    #[serde(default)]
    pub(crate) people: People,
    /// Documents that the old practice holds.
    #[serde(default)]
    pub(crate) document: Vec<Spanned<Document>>,
}

/// What the people of the requesting practice do with the record.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct People {
    /// What they decide; usually to file the record.
    pub(crate) decision: Option<Spanned<Habit>>,
    /// How long they take; usually 2 hours.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Habit {
    /// File it.
    Integrate,
    /// Keep the own old record, and this one beside it.
    Suppress,
    /// Wrong patient or wrong record.
    Reject,
    /// File it, and the system fails to.
    FailToIntegrate,
    /// Nothing, ever.
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
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    /// Its media type, such as `image/tiff`.
    #[serde(rename = "type")]
    pub(crate) media_type: Option<Spanned<String>>,
    /// Its size.
    pub(crate) size: Option<Spanned<Size>>,
    /// Its name; usually made up.
    pub(crate) file_name: Option<Spanned<String>>,
    /// How the old practice describes it.
    #[serde(default)]
    pub(crate) description: DescriptionChoice,
    /// Why the old practice cannot deliver it.
    pub(crate) missing: Option<MissingReason>,
    /// It was missing already when the record came here: the text that stands for it is passed on.
    pub(crate) already_missing: Option<Spanned<MissingReason>>,
    /// It bears the same id as the document before it.
    pub(crate) same_id: Option<Spanned<bool>>,
    /// So many alike.
    pub(crate) count: Option<Spanned<u32>>,
    /// Of an export: it is filed only so long after the start.
    pub(crate) arrives: Option<Spanned<Span>>,
}

/// Something done at a time: exactly one of the verbs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// After the start.
    #[serde(default)]
    pub(crate) at: Span,
    /// The patient registers at the new practice.
    pub(crate) register: Option<Spanned<String>>,
    /// The people decide now.
    pub(crate) decide: Option<Decide>,
    /// The new practice asks again for this patient.
    pub(crate) repeat_request: Option<Spanned<String>>,
    /// A system acknowledges again what it acknowledged before, or contradicts itself.
    pub(crate) acknowledge_again: Option<AcknowledgeAgain>,
    /// The old practice sends the record of this patient again.
    pub(crate) repeat_extract: Option<Spanned<String>>,
    /// The patient registers at yet another practice.
    pub(crate) move_on: Option<MoveOn>,
    /// A GP's code is linked to other practices than before.
    pub(crate) relink: Option<Relink>,
    /// The helpdesk deals with the pooled list of this practice.
    pub(crate) deal_with_pooled_list: Option<Spanned<String>>,
    /// The directory has other entries for a practice than before.
    pub(crate) relist: Option<Relist>,
    /// A message of a conversation that nobody opened reaches the old practice.
    pub(crate) stray: Option<StrayMessage>,
    /// The old practice sends a record that nobody asked for.
    pub(crate) send_unrequested: Option<Spanned<String>>,
    /// Of an export: somebody at the practice wants something of the document system.
    pub(crate) at_office: Option<AtOffice>,
    /// Of a federation: somebody at the hub wants something of it.
    pub(crate) at_hub: Option<AtHub>,
    /// Of a federation: a receptionist books an appointment at the hub.
    pub(crate) book: Option<Book>,
}

impl Step {
    /// Everybody named here; one person, unless the step is wrong.
    pub(crate) fn patients(&self) -> impl Iterator<Item = &Spanned<String>> {
        let decided = self.decide.as_ref().map(|decide| &decide.patient);
        let moved = self.move_on.as_ref().map(|moved| &moved.patient);
        let again = self.acknowledge_again.as_ref().map(|again| &again.patient);
        let wished = self.at_office.as_ref().map(|wished| &wished.patient);
        let at_hub = self.at_hub.as_ref().and_then(|it| it.patient.as_ref());
        let booked = self.book.as_ref().map(|booked| &booked.patient);
        let others = [
            &self.register,
            &self.repeat_request,
            &self.repeat_extract,
            &self.send_unrequested,
        ];
        decided
            .into_iter()
            .chain(moved)
            .chain(again)
            .chain(wished)
            .chain(at_hub)
            .chain(booked)
            .chain(others.into_iter().flatten())
    }
}

/// The people decide at this very time, instead of after a while.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decide {
    /// On whose record.
    pub(crate) patient: Spanned<String>,
    /// What.
    pub(crate) decision: Spanned<Decision>,
}

/// A system says again, or otherwise, what became of a message.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcknowledgeAgain {
    /// In whose transfer.
    pub(crate) patient: Spanned<String>,
    /// Which system: the requesting one of the record, or the sending one of the request.
    #[serde(default = "requesting")]
    pub(crate) by: Role,
    /// `AA`, or the code of a refusal; usually `AA`.
    pub(crate) code: Option<Spanned<String>>,
    /// So many times.
    pub(crate) times: Option<Spanned<u32>>,
}

/// A GP's code is linked to other practices than before.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Relink {
    /// Who.
    pub(crate) gp: Spanned<String>,
    /// A practice whose link is removed.
    pub(crate) from: Option<Spanned<String>>,
    /// A practice to which one is made.
    pub(crate) to: Option<Spanned<String>>,
}

/// The directory has other entries for a practice than before.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Relist {
    /// Which.
    pub(crate) practice: Spanned<String>,
    /// How many.
    pub(crate) entries: u8,
}

/// The patient registers at yet another practice.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoveOn {
    /// Who.
    pub(crate) patient: Spanned<String>,
    /// Code of the practice.
    pub(crate) to: Spanned<String>,
}

/// Kinds of messages in an author's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// The new practice asks for the record.
    Request,
    /// The old practice sends the record.
    Extract,
    /// The new practice asks for the rest.
    Continue,
    /// The old practice sends a piece.
    Fragment,
    /// One system tells the other what became of its message.
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
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Exercised {
    /// Messages that Spine accepted.
    pub(crate) accepted: Vec<Spanned<Accepted>>,
    /// Codes with which the request was refused.
    pub(crate) request_refused: Option<Spanned<OneOrMore>>,
    /// Codes with which the record was acknowledged, `AA` among them.
    pub(crate) core_acknowledged: Option<Spanned<OneOrMore>>,
    /// No acknowledgement of the record reached the old practice.
    pub(crate) core_never_acknowledged: Option<Spanned<True>>,
    /// The record travelled as an attachment, behind a skeleton.
    pub(crate) skeleton_sent: Option<True>,
    /// The same, or the contrary: `skeleton`, or `whole` for one that travelled as it is.
    pub(crate) record_sent: Option<Spanned<RecordSent>>,
    /// Two messages of one system had the same id, in two conversations.
    pub(crate) message_ids_shared: Option<True>,
    /// A document at least this large went through.
    pub(crate) document_of: Option<Spanned<Size>>,
    /// Faults that acted.
    pub(crate) fault_fired: Vec<Spanned<String>>,
    /// What the people decided.
    pub(crate) decided: Vec<Spanned<Decision>>,
    /// Systems that posted a message a second time.
    pub(crate) retransmitted_by: Vec<Role>,
    /// Of an export: where the case of a patient once stood.
    pub(crate) case_was: Vec<ExportState>,
    /// Of an export: what the document system refused to do.
    pub(crate) declined: Vec<Wish>,
    /// Of a federation: what happened in it.
    pub(crate) happened: Vec<Occurrence>,
}

/// How a record travelled.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RecordSent {
    /// As it is.
    Whole,
    /// As an attachment, behind a skeleton.
    Skeleton,
}

/// How it ends if both systems are good ones.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Expect {
    /// How the transfer ended, for every patient or by name.
    pub(crate) outcome: Option<Spanned<OfPatients<Outcome>>>,
    /// What the old practice is told to print, 1 to 5, for every patient or by name.
    pub(crate) print_state: Option<Spanned<OfPatients<u8>>>,
    /// How many documents were filed, placeholders included, for every patient or by name.
    pub(crate) documents_filed: Option<Spanned<OfPatients<u32>>>,
    /// How many of them are placeholders, for every patient or by name.
    pub(crate) placeholders_filed: Option<Spanned<OfPatients<u32>>>,
    /// Where the export of a patient stands in the end, for every patient or by name.
    pub(crate) case: Option<Spanned<OfPatients<ExportState>>>,
    /// How many messages both systems posted at most, repetitions included.
    pub(crate) messages_at_most: Option<Spanned<u32>>,
}

/// How many messages of a kind Spine accepted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accepted {
    /// From whom.
    pub(crate) from: Role,
    /// Of which kind.
    pub(crate) kind: Kind,
    /// So many, no more and no less.
    pub(crate) exactly: Option<u32>,
    /// So many or more; usually 1.
    pub(crate) at_least: Option<u32>,
    /// So many or fewer.
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

const fn requesting() -> Role {
    Role::Requesting
}

const fn yes() -> bool {
    true
}

const fn one_entry() -> u8 {
    1
}
