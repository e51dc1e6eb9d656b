//! What will be done: a scenario after lowering. Everything a run needs, nothing about files.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::directory::Directory;
use crate::expectation::Expectation;
use crate::export::{ExportPlan, ExportState};
use crate::fault::Fault;
use crate::federation::{FederationTerms, HubWish, Occurrence};
use crate::manner::{Manner, MessageIds};
use crate::pds::PdsRecord;
use crate::registry::Registry;
use crate::terms::Terms;
use crate::trace::{Endpoint, TimeMode};
use crate::{
    Capability, Dialect, FailureModeId, GpCode, MessageKind, NhsNumber, OdsCode, RequirementId,
    ResponseCode, ScenarioId, Sha256, SlotId, Time, Version,
};

/// A scenario, ready to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Which scenario.
    pub scenario: ScenarioId,
    /// The scenario file; its id is that of the scenario, unless it has a matrix.
    pub file: ScenarioId,
    /// Digest of the scenario file, for the trace header.
    pub scenario_digest: Sha256,
    /// The scenario file itself.
    pub text: Arc<str>,
    /// Where that is.
    pub written: Written,
    /// How a person asks for it again: its id, or the path of its file (and the cell).
    pub asked_as: String,
    /// One line for lists.
    pub title: String,
    /// What happens and why it matters, for people.
    pub story: String,
    /// Roles whose conduct this scenario judges.
    pub judges: Vec<Role>,
    /// Seed of every random stream of the run.
    pub seed: u64,
    /// Virtual time at which the run begins.
    pub starts_at: Time,
    /// The run is cut off this long after the start; a healthy run falls silent before.
    pub time_limit: Duration,
    /// The directory.
    pub directory: Directory,
    /// The registry of practices and GPs.
    pub registry: Registry,
    /// The requesting practice.
    pub requesting: Side,
    /// The sending practice.
    pub sending: Side,
    /// How the reference sending system does what it may do in several ways.
    pub manner: Manner,
    /// How much the reference requesting system takes.
    pub caps: Caps,
    /// Whether it uses a message id again in another conversation.
    pub requesting_message_ids: MessageIds,
    /// The export variant, if it is one: then the sending practice exports, and nothing passes
    /// through Spine.
    pub export: Option<ExportPlan>,
    /// The federation of which the practices are members, if it is one.
    pub federation: Option<FederationTerms>,
    /// The patients and what is held of them.
    pub patients: Vec<PatientPlan>,
    /// What the people and the harness do, and when.
    pub steps: Vec<Step>,
    /// What goes wrong on the way.
    pub faults: Vec<Fault>,
    /// Time a message takes on each of its legs.
    pub link_delay: Duration,
    /// Failure modes that it puts to the test.
    pub failure_modes: Vec<FailureModeId>,
    /// Moves so much that it runs only when it is asked for.
    pub heavy: bool,
    /// Its sizes are those of the messages of the reference sending system, to the byte.
    pub to_the_byte: bool,
    /// Requirements that this scenario must have exercised.
    pub requirements: Vec<RequirementId>,
    /// What a system must claim for the scenario to apply to it.
    pub needs: Vec<Capability>,
    /// The ways of time in which the scenario makes sense.
    pub time_modes: Vec<TimeMode>,
    /// What must have happened for the run to count as exercised.
    pub exercised_when: Vec<Fact>,
    /// How it ends if both systems are good ones.
    pub expects: Vec<Expectation>,
    /// So many transfers are under way at once at most, in a run that loads a system: who registers
    /// beyond that waits until one comes to an end.
    pub at_once: Option<NonZeroU32>,
    /// What was settled by the system that the run is for.
    pub terms: Terms,
}

impl Plan {
    /// Bytes that the sending practice holds: records and documents.
    pub fn bytes(&self) -> u64 {
        let held = |patient: &PatientPlan| {
            let documents = patient.documents.iter();
            patient.record_bytes + documents.map(|document| document.bytes).sum::<u64>()
        };
        self.patients.iter().map(held).sum()
    }

    /// Whether the sending practice has a record of this patient that it may send to the requesting practice.
    pub fn is_sent(&self, patient: &PatientPlan) -> bool {
        patient.held && patient.record_bytes > 0 && patient.current_practice == self.requesting.ods
    }
}

/// Where a scenario is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// Path of its file: of one that is built in below the repository of the suite, of any other as it was given.
    pub path: String,
    /// The line of the file, from 1, that names a requirement.
    pub lines: BTreeMap<RequirementId, u32>,
}

/// One of the two practices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The practice; its addresses are in the directory.
    pub ods: OdsCode,
    /// How its system writes.
    pub dialect: Dialect,
    /// Which version it has; what that lists it for is in the directory.
    pub version: Version,
    /// Whether GP2GP is switched on.
    pub enabled: bool,
    /// Largest base64 text of one attachment in one message, in bytes. Real systems: 4 500 000.
    pub attachment_threshold: usize,
    /// Largest whole message that it sends, in bytes. Real systems: 5 000 000.
    pub message_limit: usize,
    /// What it does with the documents in its store after a transfer.
    pub cleanup: Cleanup,
}

/// How much a requesting system takes, as its supplier declares it. The usual one takes all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Caps {
    /// Largest document that it files, in bytes. It files a placeholder for one that is larger.
    pub document_bytes: Option<u64>,
    /// Documents of one record together, in bytes. It refuses with 30 what goes beyond.
    pub total_bytes: Option<u64>,
}

impl Caps {
    /// Nothing is declared.
    pub const fn is_none(&self) -> bool {
        self.document_bytes.is_none() && self.total_bytes.is_none()
    }

    /// Whether a document of this size is not filed.
    pub fn is_too_large(&self, bytes: u64) -> bool {
        self.document_bytes.is_some_and(|most| bytes > most)
    }
}

/// What a sending system does with the documents in its store after a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cleanup {
    /// It keeps them.
    #[default]
    Never,
    /// It archives and deletes them once their record was acknowledged with AA.
    AfterFinalAck,
}

/// The role that a system under test plays.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// New practice: asks for the record.
    Requesting,
    /// Old practice: sends the record.
    Sending,
    /// Old practice in the export variant: hands the record to the clearing house.
    Exporting,
    /// Hub of a federation, with what the practices' systems do for it.
    Hub,
}

impl Role {
    /// All.
    pub const ALL: [Self; 4] = [Self::Requesting, Self::Sending, Self::Exporting, Self::Hub];

    /// The two of a transfer.
    pub const OF_TRANSFERS: [Self; 2] = [Self::Requesting, Self::Sending];

    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requesting => "requesting",
            Self::Sending => "sending",
            Self::Exporting => "exporting",
            Self::Hub => "hub",
        }
    }

    /// Where its system stands in a run.
    pub const fn endpoint(self) -> Endpoint {
        match self {
            Self::Requesting => Endpoint::Requesting,
            Self::Sending => Endpoint::Sending,
            Self::Exporting => Endpoint::Office,
            Self::Hub => Endpoint::Hub,
        }
    }

    /// Who is on the other side of Spine; an export and a hub have nobody there but themselves.
    pub const fn other(self) -> Self {
        match self {
            Self::Requesting => Self::Sending,
            Self::Sending => Self::Requesting,
            Self::Exporting => Self::Exporting,
            Self::Hub => Self::Hub,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A patient and what the sending practice holds.
#[derive(Debug, Clone, PartialEq)]
pub struct PatientPlan {
    /// Name by which steps call this patient.
    pub label: String,
    /// Synthetic number.
    pub nhs_number: NhsNumber,
    /// Seed index of the generated person.
    pub index: u32,
    /// The sending practice has this patient.
    pub held: bool,
    /// What PDS holds before the registration.
    pub pds: PdsRecord,
    /// Practice of the patient before the registration, if there was one.
    pub previous_practice: Option<OdsCode>,
    /// The GP with whom the patient registers, where PDS holds the codes of GPs.
    pub registers_with: Option<GpCode>,
    /// The sending practice itself still awaits the record of this patient from there (A to B to C).
    pub awaited_from: Option<OdsCode>,
    /// Practice of the patient on PDS at the time of the request.
    pub current_practice: OdsCode,
    /// The requesting practice still holds an old record of this patient (A-B-A).
    pub returning: bool,
    /// Size of the structured record in bytes; 0 is an empty record, which cannot be sent (code 10).
    pub record_bytes: u64,
    /// UK07 with redactions instead of UK06.
    pub redactions: bool,
    /// Documents, in order.
    pub documents: Vec<DocumentPlan>,
    /// What the people of the requesting practice will do with the record.
    pub habit: Habit,
}

/// What people do once a record is ready for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Habit {
    /// Their decision; `None`: they forget the record.
    pub decision: Option<Decision>,
    /// How long they take.
    #[serde(with = "crate::time::seconds")]
    pub after: Duration,
}

/// A document of a patient.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentPlan {
    /// True media type.
    pub media_type: String,
    /// Size in bytes.
    pub bytes: u64,
    /// File name; generated if `None`.
    pub file_name: Option<String>,
    /// How the sending system describes it, if it does not obey the grammar.
    pub description: DescriptionChoice,
    /// The store cannot deliver it: a placeholder travels instead.
    pub missing: Option<MissingReason>,
    /// It is itself the placeholder that an earlier transfer left in the record.
    pub already_missing: Option<MissingReason>,
    /// It bears the id of the document before it.
    pub same_id: bool,
    /// It is filed in the store only so long after the start.
    pub arrives: Option<Duration>,
}

/// How an inline attachment is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DescriptionChoice {
    /// The grammar of spec 20.
    #[default]
    Grammar,
    /// Only the file name.
    FilenameOnly,
    /// The word `Attachment`.
    Word,
    /// An empty element.
    Empty,
    /// The grammar, and it says that the source was base64 text already.
    OriginalBase64,
}

/// Why a document cannot be delivered (placeholder reasons of spec 20).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MissingReason {
    /// 01.
    UnsupportedType,
    /// 02.
    Deleted,
    /// 03.
    NotFound,
    /// 04.
    Locked,
    /// 06.
    Undetermined,
}

/// Something done at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// After the start.
    pub at: Duration,
    /// What.
    pub act: Act,
}

/// What people and the harness do to a system: the verbs of the control contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "verb", rename_all = "kebab-case")]
pub enum Act {
    /// The patient registers at the requesting practice, which finds out who has the record.
    Register {
        /// Who.
        patient: NhsNumber,
        /// The GP there whose patient this will be, where PDS holds the codes of GPs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gp: Option<GpCode>,
    },
    /// The people of the requesting practice decide on a received record.
    Decide {
        /// Whose record.
        patient: NhsNumber,
        /// What they decide.
        decision: Decision,
    },
    /// A mock requesting system posts its request a second time: same conversation, new message id.
    RepeatRequest {
        /// Whose.
        patient: NhsNumber,
    },
    /// A mock system acknowledges again what it acknowledged before, or contradicts itself: the
    /// requesting system the core, the sending system the request.
    AcknowledgeAgain {
        /// Which system.
        by: Role,
        /// Whose transfer.
        patient: NhsNumber,
        /// A refusal with this code, or a positive acknowledgement.
        code: Option<ResponseCode>,
        /// So many acknowledgements.
        times: u32,
    },
    /// The people of the sending practice want the record sent again: same conversation and HL7 part, new message id.
    RepeatExtract {
        /// Whose.
        patient: NhsNumber,
    },
    /// The patient registers at yet another practice: PDS, as the sending system reads it, names
    /// that one from now on.
    MoveOn {
        /// Who.
        patient: NhsNumber,
        /// Where to.
        practice: OdsCode,
    },
    /// Somebody puts the registry of GPs in order, or in disorder.
    Relink {
        /// Who.
        gp: GpCode,
        /// Where the GP works no more.
        from: Option<OdsCode>,
        /// Where the GP works from now on.
        to: Option<OdsCode>,
    },
    /// The supplier's helpdesk deals with the pooled list of a practice.
    DealWithPooledList {
        /// Which.
        practice: OdsCode,
    },
    /// SDS lists a practice so many times from now on.
    Relist {
        /// Which.
        practice: OdsCode,
        /// How often.
        entries: u8,
    },
    /// A mock requesting system posts a message of a conversation that nobody ever opened.
    Stray {
        /// To which practice.
        to: OdsCode,
        /// What.
        message: StrayMessage,
    },
    /// A letter is filed in the document store.
    File {
        /// Whose.
        patient: NhsNumber,
        /// Which: its place among the documents that arrive in this run, from 0.
        arrival: usize,
    },
    /// Somebody at the practice does something in the document system.
    AtOffice {
        /// With whose documents.
        patient: NhsNumber,
        /// What.
        wish: Wish,
    },
    /// Somebody at a hub wants something of it.
    AtHub {
        /// What.
        wish: HubWish,
    },
    /// A receptionist books an appointment at the hub.
    Book {
        /// For whom.
        patient: NhsNumber,
        /// Which.
        slot: SlotId,
        /// At which practice.
        at: Role,
    },
    /// A mock sending system posts an extract that nobody asked for, in a conversation of its own.
    SendUnrequested {
        /// Whose.
        patient: NhsNumber,
        /// To which practice.
        to: OdsCode,
    },
}

impl Act {
    /// At which system it is done.
    pub const fn at(&self) -> Endpoint {
        match self {
            Self::Register { .. }
            | Self::Decide { .. }
            | Self::RepeatRequest { .. }
            | Self::Stray { .. } => Endpoint::Requesting,
            Self::AcknowledgeAgain { by, .. } => by.endpoint(),
            Self::RepeatExtract { .. } | Self::SendUnrequested { .. } => Endpoint::Sending,
            Self::MoveOn { .. } => Endpoint::Pds,
            Self::File { .. } => Endpoint::Store,
            Self::AtOffice { .. } => Endpoint::Office,
            Self::Relink { .. } | Self::DealWithPooledList { .. } | Self::Relist { .. } => {
                Endpoint::Sds
            }
            Self::AtHub { .. } => Endpoint::Clinic,
            Self::Book { at, .. } => at.endpoint(),
        }
    }

    /// Who registers, if somebody does.
    pub const fn registers(&self) -> Option<NhsNumber> {
        if let Self::Register { patient, .. } = self {
            Some(*patient)
        } else {
            None
        }
    }

    /// Whose record people decide on, and how, if they do.
    pub const fn decides(&self) -> Option<(NhsNumber, Decision)> {
        if let Self::Decide { patient, decision } = self {
            Some((*patient, *decision))
        } else {
            None
        }
    }

    /// Where a patient registers at yet another practice: who, and where.
    pub const fn move_on(&self) -> Option<(NhsNumber, &OdsCode)> {
        if let Self::MoveOn { patient, practice } = self {
            Some((*patient, practice))
        } else {
            None
        }
    }
}

/// What people of an exporting practice want of their document system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// Export the patient, with the box "include GP2GP information" ticked.
    Export,
    /// Export the patient with the box unticked: documents only.
    ExportDocuments,
    /// Delete the documents by hand, for which nobody at a practice has the right.
    Delete,
    /// Restore deleted documents, for which nobody at a practice has the right.
    Restore,
    /// A mock office sends the package that it last sent once more, as another one.
    SendAgain,
}

/// A message that belongs to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StrayMessage {
    /// A Continue.
    Continue,
    /// A positive acknowledgement.
    Acknowledgement,
}

/// What the people of the requesting practice decide (spec 30, "After a user decision").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// File the record: AA.
    Integrate,
    /// Keep the own old record, store this one suppressed: 15.
    Suppress,
    /// Wrong patient or wrong record: 17 for a returning patient, 28 for a new one.
    Reject,
    /// File it, and the system fails to: 11.
    FailToIntegrate,
}

/// A fact that must be found in the trace for a scenario to count as exercised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum Fact {
    /// Spine accepted this many messages of a kind from a role.
    Accepted {
        /// By whom.
        from: Role,
        /// Of which kind.
        kind: MessageKind,
        /// At least so many.
        at_least: u32,
        /// At most so many.
        at_most: Option<u32>,
    },
    /// The request was refused with this code.
    RequestRefused {
        /// Code.
        code: ResponseCode,
    },
    /// The core was acknowledged positively (`None`) or with this code.
    CoreAcknowledged {
        /// Code, or `None` for AA.
        code: Option<ResponseCode>,
    },
    /// No acknowledgement of the core reached the sending system.
    CoreNeverAcknowledged,
    /// The extract was a skeleton.
    SkeletonSent,
    /// An extract was sent that is no skeleton.
    WholeRecordSent,
    /// Two messages of one system had the same id, in two conversations.
    MessageIdsShared,
    /// A document of at least this size went through.
    DocumentOf {
        /// Bytes.
        at_least_bytes: u64,
    },
    /// The fault of this name acted at least once.
    FaultFired {
        /// Name.
        name: String,
    },
    /// The people decided.
    Decided {
        /// What.
        decision: Decision,
    },
    /// The export of a patient once stood there.
    CaseWas {
        /// Where.
        state: ExportState,
    },
    /// The document system refused to do this.
    Declined {
        /// What.
        wish: Wish,
    },
    /// Something happened in a federation.
    Happened {
        /// What.
        what: Occurrence,
    },
    /// A message was posted at least twice under one message id.
    Retransmitted {
        /// By whom.
        by: Role,
    },
}
