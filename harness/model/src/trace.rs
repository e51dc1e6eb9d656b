//! What happened: an append-only list of events. The judge sees nothing else.

use std::fmt;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::directory::Directory;
use crate::export::ExportTerms;
use crate::federation::FederationTerms;
use crate::http::{Headers, Method};
use crate::pds::PdsRecord;
use crate::plan::{Act, Caps, Role};
use crate::registry::Registry;
use crate::replay::{Divergence, RecordedSystem};
use crate::store::DocumentState;
use crate::terms::Terms;
use crate::{DocumentId, GpCode, NhsNumber, ScenarioId, Sha256, Time, Version};

/// Version of the trace format.
pub const FORMAT: &str = "gp2gp-trace/1";

/// A whole trace. Bodies are beside it, by digest: see [`Bodies`].
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// First line.
    pub header: Header,
    /// One line each, in order.
    pub events: Vec<Event>,
}

/// What a trace is of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// Which scenario, or `None` for a recording.
    pub scenario: Option<ScenarioId>,
    /// Digest of the scenario file.
    pub scenario_digest: Option<Sha256>,
    /// Seed of every random stream.
    pub seed: u64,
    /// Name and version of the suite that ran.
    pub suite: String,
    /// The system under test, by name.
    pub sut: String,
    /// Roles that the system under test played.
    pub sut_roles: Vec<Role>,
    /// How time passed.
    pub time_mode: TimeMode,
    /// When the run began.
    pub started: Time,
    /// The directory that everybody was shown; empty for a recording.
    pub directory: Directory,
    /// The registry of practices and GPs.
    #[serde(default)]
    pub registry: Registry,
    /// Whether the record goes from where to where, if known from the plan.
    pub practices: Option<Practices>,
    /// Of an export: what everybody knows who takes part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<ExportTerms>,
    /// Of a federation: what everybody knows who takes part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federation: Option<FederationTerms>,
    /// What was settled by the system that the run is for.
    #[serde(default, skip_serializing_if = "Terms::are_usual")]
    pub terms: Terms,
    /// A system that played its part as it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<RecordedSystem>,
}

/// The two practices of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Practices {
    /// The requesting practice.
    pub requesting: crate::OdsCode,
    /// The sending practice.
    pub sending: crate::OdsCode,
    /// GP2GP is switched on at the sending practice.
    pub sending_enabled: bool,
    /// How much the requesting system declares that it takes; not written where it takes all.
    #[serde(default, skip_serializing_if = "Caps::is_none")]
    pub caps: Caps,
    /// The version of the requesting system; not written where it is the usual one.
    #[serde(default, skip_serializing_if = "Version::is_usual")]
    pub requesting_version: Version,
}

/// How time passed during a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TimeMode {
    /// In process, under the virtual clock.
    Virtual,
    /// On sockets; idle time was skipped, or durations were made shorter.
    Compressed,
    /// On sockets, as it was.
    Wall,
    /// A recording: times are what the messages say of themselves.
    Recorded,
}

impl TimeMode {
    /// The ways in which a scenario can be run.
    pub const OF_RUNS: [Self; 3] = [Self::Virtual, Self::Compressed, Self::Wall];

    /// The name in files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Virtual => "virtual",
            Self::Compressed => "compressed",
            Self::Wall => "wall",
            Self::Recorded => "recorded",
        }
    }
}

impl fmt::Display for TimeMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Position, from 1.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

impl What {
    /// Gives the body of a post or an answer its name.
    pub const fn name_body(&mut self, named: BodyRef) {
        match self {
            Self::Post { body, .. } | Self::Answer { body, .. } => *body = named,
            Self::NoAnswer { .. }
            | Self::Acted { .. }
            | Self::Patient { .. }
            | Self::Record { .. }
            | Self::Declined { .. }
            | Self::Alerted { .. }
            | Self::Held { .. }
            | Self::Observed { .. }
            | Self::FaultFired { .. }
            | Self::Lifecycle { .. }
            | Self::Diverged { .. }
            | Self::Ended { .. } => {}
        }
    }
}

impl Event {
    /// The exchange that this event is part of.
    pub const fn exchange(&self) -> Option<u64> {
        match &self.what {
            What::Post { exchange, .. }
            | What::Answer { exchange, .. }
            | What::NoAnswer { exchange, .. } => Some(*exchange),
            What::Acted { .. }
            | What::Declined { .. }
            | What::Alerted { .. }
            | What::Patient { .. }
            | What::Record { .. }
            | What::Held { .. }
            | What::Observed { .. }
            | What::FaultFired { .. }
            | What::Lifecycle { .. }
            | What::Diverged { .. }
            | What::Ended { .. } => None,
        }
    }

    /// The body that this event names.
    pub const fn body(&self) -> Option<BodyRef> {
        match &self.what {
            What::Post { body, .. } | What::Answer { body, .. } => Some(*body),
            What::Record { narratives, .. } => Some(*narratives),
            What::NoAnswer { .. }
            | What::Acted { .. }
            | What::Declined { .. }
            | What::Alerted { .. }
            | What::Patient { .. }
            | What::Held { .. }
            | What::Observed { .. }
            | What::FaultFired { .. }
            | What::Lifecycle { .. }
            | What::Diverged { .. }
            | What::Ended { .. } => None,
        }
    }
}

/// Who takes part.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// The requesting system.
    Requesting,
    /// Spine.
    Spine,
    /// The sending system.
    Sending,
    /// The document store of the sending practice.
    Store,
    /// The Spine directory service, and beside it the registry of organisations and practitioners.
    Sds,
    /// The personal demographics service.
    Pds,
    /// The exporting practice: its document system and who sits before it.
    Office,
    /// The support desk of the document system.
    Desk,
    /// Whoever permits to delete by hand.
    Board,
    /// The national body through which packages go.
    ClearingHouse,
    /// The practice that gets the packages.
    Importing,
    /// The hub of a federation.
    Hub,
    /// Clinicians and others before the screens of a hub.
    Clinic,
    /// Where practices outside a federation get their letters.
    Mailbox,
}

impl Endpoint {
    /// The name in JSON and in the control contract.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Requesting => "requesting",
            Self::Spine => "spine",
            Self::Sending => "sending",
            Self::Store => "store",
            Self::Sds => "sds",
            Self::Pds => "pds",
            Self::Office => "office",
            Self::Desk => "desk",
            Self::Board => "board",
            Self::ClearingHouse => "clearing-house",
            Self::Importing => "importing",
            Self::Hub => "hub",
            Self::Clinic => "clinic",
            Self::Mailbox => "mailbox",
        }
    }

    /// Everybody who can take part.
    pub const ALL: [Self; 14] = [
        Self::Requesting,
        Self::Spine,
        Self::Sending,
        Self::Store,
        Self::Sds,
        Self::Pds,
        Self::Office,
        Self::Desk,
        Self::Board,
        Self::ClearingHouse,
        Self::Importing,
        Self::Hub,
        Self::Clinic,
        Self::Mailbox,
    ];

    /// The role of this endpoint; what belongs to everybody has none.
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::Requesting => Some(Role::Requesting),
            Self::Sending => Some(Role::Sending),
            Self::Office | Self::Desk => Some(Role::Exporting),
            Self::Hub => Some(Role::Hub),
            Self::Spine
            | Self::Store
            | Self::Sds
            | Self::Pds
            | Self::Board
            | Self::ClearingHouse
            | Self::Importing
            | Self::Clinic
            | Self::Mailbox => None,
        }
    }

    /// Whether it takes part in exports only, and so speaks no GP2GP.
    pub const fn is_of_export(self) -> bool {
        match self {
            Self::Office | Self::Desk | Self::Board | Self::ClearingHouse | Self::Importing => true,
            Self::Requesting
            | Self::Sending
            | Self::Spine
            | Self::Store
            | Self::Sds
            | Self::Pds
            | Self::Hub
            | Self::Clinic
            | Self::Mailbox => false,
        }
    }

    /// Whether it takes part in federations only, and so speaks no GP2GP.
    pub const fn is_of_federation(self) -> bool {
        matches!(self, Self::Hub | Self::Clinic | Self::Mailbox)
    }
}

impl From<Role> for Endpoint {
    fn from(role: Role) -> Self {
        role.endpoint()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Requesting => "requesting",
            Self::Spine => "spine",
            Self::Sending => "sending",
            Self::Store => "store",
            Self::Sds => "sds",
            Self::Pds => "pds",
            Self::Office => "practice",
            Self::Desk => "desk",
            Self::Board => "board",
            Self::ClearingHouse => "clearing",
            Self::Importing => "importing",
            Self::Hub => "hub",
            Self::Clinic => "clinic",
            Self::Mailbox => "mailbox",
        })
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// An HTTP request left `from` for `to`.
    Post {
        /// Number of the exchange; its answer bears the same.
        exchange: u64,
        /// Who posts.
        from: Endpoint,
        /// To whom.
        to: Endpoint,
        /// Method; not written where it is POST.
        #[serde(default, skip_serializing_if = "Method::is_post")]
        method: Method,
        /// Path and query; not written where `SOAPAction` says what is meant.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        path: String,
        /// Headers beside `SOAPAction`, `Content-Type` and those of the connection.
        #[serde(default, skip_serializing_if = "Headers::is_empty")]
        headers: Headers,
        /// `SOAPAction`, if there was one.
        soap_action: Option<String>,
        /// `Content-Type`.
        content_type: String,
        /// The body.
        body: BodyRef,
    },
    /// The answer to a post.
    Answer {
        /// Number of the exchange.
        exchange: u64,
        /// HTTP status.
        status: u16,
        /// `Content-Type`.
        content_type: Option<String>,
        /// Headers beside `Content-Type` and those of the connection.
        #[serde(default, skip_serializing_if = "Headers::is_empty")]
        headers: Headers,
        /// The body.
        body: BodyRef,
    },
    /// A post got no answer.
    NoAnswer {
        /// Number of the exchange.
        exchange: u64,
        /// Refused, reset, timed out.
        why: String,
        /// It never arrived whole: nobody listened, or the connection broke before its end.
        /// Otherwise nobody can know.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        never_arrived: bool,
    },
    /// The harness, playing the people, did something to a system.
    Acted {
        /// To which system.
        on: Endpoint,
        /// What.
        act: Act,
        /// The system said that it does not know this verb.
        not_supported: bool,
    },
    /// A system refused what people wanted of it.
    Declined {
        /// Which system.
        by: Endpoint,
        /// What they wanted.
        act: Act,
        /// What it told them.
        why: String,
    },
    /// A system puts something before people.
    Alerted {
        /// Which system.
        by: Endpoint,
        /// What.
        alert: Alert,
    },
    /// What is true of a patient in this run, whatever systems make of it.
    Patient {
        /// Who.
        patient: NhsNumber,
        /// The sending practice has this patient.
        held: bool,
        /// Practice of the patient on PDS.
        current_practice: crate::OdsCode,
        /// The requesting practice still holds an old record (A-B-A).
        returning: bool,
        /// Size of the structured record; 0 cannot be sent.
        record_bytes: u64,
        /// What PDS holds before the registration, if there is a PDS in this run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pds: Option<PdsRecord>,
        /// The GP with whom the patient registers, where PDS holds the codes of GPs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        registers_with: Option<GpCode>,
        /// The sending practice itself still awaits the record of this patient from there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        awaited_from: Option<crate::OdsCode>,
    },
    /// What the record source of the sending practice holds: the truth about a document.
    Held {
        /// Whose document.
        patient: NhsNumber,
        /// File name.
        file_name: String,
        /// Its true media type.
        media_type: String,
        /// Digest of its content.
        sha256: Sha256,
        /// Its size in bytes.
        bytes: u64,
        /// Whether the source can deliver it.
        deliverable: bool,
    },
    /// What the record source of the sending practice holds: the truth about a structured record.
    Record {
        /// Whose record.
        patient: NhsNumber,
        /// Acts in it that are marked as not to be shown to the patient.
        marks: u32,
        /// Its free texts in order: a [`HeldNarrative`] in JSON on each line.
        narratives: BodyRef,
    },
    /// What a system says of itself when asked (level L2).
    Observed {
        /// Which system.
        by: Endpoint,
        /// What.
        observation: Observation,
    },
    /// A planned fault acted.
    FaultFired {
        /// Its name.
        name: String,
        /// On which exchange, if on one.
        exchange: Option<u64>,
    },
    /// Something happened to a system as a whole, because a fault was planned.
    Lifecycle {
        /// To which.
        system: Endpoint,
        /// What.
        change: Lifecycle,
    },
    /// A recorded system could not follow its recording.
    Diverged {
        /// Which system.
        by: Endpoint,
        /// Where they parted.
        divergence: Divergence,
    },
    /// The run is over.
    Ended {
        /// Nothing was left to do, as opposed to the time limit.
        quiescent: bool,
    },
}

/// What can happen to a system as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Lifecycle {
    /// It is down, and with it everything that it had open.
    Crashed,
    /// It is up again, with what it had stored.
    Restarted,
    /// It can store nothing.
    DiskFull,
    /// It can store again.
    DiskFree,
    /// Its clock shows another time from now on.
    ClockJumped {
        /// By how much, from the true time.
        seconds: i64,
    },
}

/// A body beside the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyRef {
    /// Its digest, under which it is stored.
    pub sha256: Sha256,
    /// Its length.
    pub bytes: u64,
}

/// A free text of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldNarrative {
    /// Id of its statement, a UUID.
    pub id: String,
    /// What it says, with its line breaks.
    pub text: String,
    /// It is marked as not to be shown to the patient.
    pub marked: bool,
}

/// What a system says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "observation", rename_all = "kebab-case")]
pub enum Observation {
    /// A document that a requesting system has stored.
    Stored {
        /// Whose.
        patient: NhsNumber,
        /// Under which file name.
        file_name: String,
        /// With which type.
        media_type: String,
        /// Digest of its content.
        sha256: Sha256,
        /// Its size in bytes.
        bytes: u64,
        /// Recognised as a placeholder.
        placeholder: bool,
    },
    /// A document of the store, and where it stands.
    InStore {
        /// Whose.
        patient: NhsNumber,
        /// Its number in the store.
        document: DocumentId,
        /// Its name in the store.
        file_name: String,
        /// Where it stands.
        state: DocumentState,
        /// Digest of its content: of what the store holds, or held until it was destroyed.
        sha256: Sha256,
        /// Its size in bytes.
        bytes: u64,
    },
    /// Where a transfer stands.
    Transfer {
        /// Whose.
        patient: NhsNumber,
        /// In the system's own words.
        state: String,
        /// Print state 1 to 5 of a sending system (spec 00), where it says one.
        print_state: Option<u8>,
        /// Transferred documents that a sending system could not delete and reports as left behind.
        #[serde(default, skip_serializing_if = "is_zero")]
        left_in_store: u32,
    },
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes what it may skip by reference"
)]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Where bodies are.
pub trait Bodies {
    /// The body with this digest.
    fn body(&self, sha256: &Sha256) -> Option<Bytes>;
}

/// Bodies in memory.
impl Bodies for std::collections::BTreeMap<Sha256, Bytes> {
    fn body(&self, sha256: &Sha256) -> Option<Bytes> {
        self.get(sha256).cloned()
    }
}

/// Why text is no trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// Nothing there.
    #[error("trace is empty")]
    Empty,
    /// A line is not what it should be.
    #[error("trace line {line}: {source}")]
    Line {
        /// From 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// Another format or version.
    #[error("trace format is `{found}`, this suite reads `{FORMAT}`")]
    Format {
        /// What the header says.
        found: String,
    },
}

impl Trace {
    /// One JSON object per line, header first.
    pub fn to_json_lines(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string(&self.header)?;
        text.push('\n');
        for event in &self.events {
            text.push_str(&serde_json::to_string(event)?);
            text.push('\n');
        }
        Ok(text)
    }

    /// Reads what [`Trace::to_json_lines`] wrote.
    pub fn from_json_lines(text: &str) -> Result<Self, TraceError> {
        let mut lines = text.lines().enumerate();
        let at = |(line, source)| TraceError::Line {
            line: line + 1,
            source,
        };
        let (line, first) = lines.next().ok_or(TraceError::Empty)?;
        let header: Header = serde_json::from_str(first).map_err(|source| at((line, source)))?;
        if header.format != FORMAT {
            return Err(TraceError::Format {
                found: header.format,
            });
        }
        let events = lines
            .filter(|(_, text)| !text.trim().is_empty())
            .map(|(line, text)| serde_json::from_str(text).map_err(|source| at((line, source))))
            .collect::<Result<_, _>>()?;
        Ok(Self { header, events })
    }
}
