//! From recorded files to a trace: which system sent what, and in which order, is found from
//! what the messages say of each other.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use gp2gp_model::directory::Directory;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::plan::Role;
use gp2gp_model::terms::Terms;
use gp2gp_model::trace::{
    Bodies as _, Endpoint, Event, FORMAT, Header, TimeMode, Trace, TraceError, What,
};
use gp2gp_model::{EbxmlMessageId, Hl7MessageId, MessageKind, PartyKey, Sha256, Time};
use gp2gp_wire::hl7::Payload;
use gp2gp_wire::message::Location;
use gp2gp_wire::recording::{self, Recorded};

use crate::bodies::BodyStore;
use crate::check::view::RECORDED_FILE;
use crate::driver::SUITE;
use crate::keep::{BODIES_FOLDER, TRACE_FILE};

/// Largest file that is read: far above any message.
const LARGEST_FILE_BYTES: u64 = 64_000_000;

/// A recording, ready to be judged.
pub struct Recording {
    /// The trace: recorded messages as posts, or the trace of a kept run.
    pub trace: Trace,
    /// Bodies.
    pub bodies: BodyStore,
    /// Files that hold no message, and why.
    pub unread: Vec<(PathBuf, String)>,
}

/// Why there is nothing to judge.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// A file or folder cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No file holds a message.
    #[error("{path} holds no recorded message{}", list(unread))]
    Nothing {
        /// Where.
        path: PathBuf,
        /// What was tried.
        unread: Vec<(PathBuf, String)>,
    },
    /// A body that the trace names is gone.
    #[error("{folder} holds no body {sha256}, which the trace names: keep trace and bodies together", folder = folder.display())]
    Lost {
        /// Where it should be.
        folder: PathBuf,
        /// Which.
        sha256: Sha256,
    },
    /// A body is not what it was.
    #[error("body {sha256} in {folder} was changed: its digest no longer fits", folder = folder.display())]
    Changed {
        /// Where it is.
        folder: PathBuf,
        /// Which.
        sha256: Sha256,
    },
    /// The trace of a kept run cannot be read.
    #[error("{path}: {source}")]
    Trace {
        /// Which.
        path: PathBuf,
        /// Why.
        source: TraceError,
    },
}

/// Loads a file, a folder of files, or the folder of a kept run.
pub fn load(path: &Path) -> Result<Recording, RecordingError> {
    let kept = path.join(TRACE_FILE);
    if kept.is_file() {
        return load_kept(path, &kept);
    }
    let mut messages = Vec::new();
    let mut unread = Vec::new();
    for file in files(path)? {
        let length = fs::metadata(&file).map_err(reading(&file))?.len();
        if length > LARGEST_FILE_BYTES {
            let why = format!("{length} bytes, at most {LARGEST_FILE_BYTES} are read");
            unread.push((file, why));
            continue;
        }
        let bytes = read(&file)?;
        match recording::read(&bytes) {
            Ok(recorded) => messages.push(Found::new(file, bytes, recorded)),
            Err(error) => unread.push((file, error.to_string())),
        }
    }
    if messages.is_empty() {
        return Err(RecordingError::Nothing {
            path: path.to_owned(),
            unread,
        });
    }
    let mut bodies = BodyStore::temporary();
    let events = events(messages, &mut bodies).map_err(|source| RecordingError::Io {
        path: path.to_owned(),
        source,
    })?;
    let started = events
        .iter()
        .map(|event| event.at)
        .min()
        .unwrap_or(Time::from_micros(0));
    Ok(Recording {
        trace: Trace {
            header: header(path, started),
            events,
        },
        bodies,
        unread,
    })
}

fn load_kept(path: &Path, kept: &Path) -> Result<Recording, RecordingError> {
    let text = String::from_utf8_lossy(&read(kept)?).into_owned();
    let trace = Trace::from_json_lines(&text).map_err(|source| RecordingError::Trace {
        path: kept.to_owned(),
        source,
    })?;
    let folder = path.join(BODIES_FOLDER);
    let bodies = BodyStore::of_folder(&folder).map_err(reading(&folder))?;
    for body in trace.events.iter().filter_map(Event::body) {
        match bodies.body(&body.sha256).map(|bytes| Sha256::of(&bytes)) {
            Some(found) if found == body.sha256 => {}
            Some(_) => {
                return Err(RecordingError::Changed {
                    folder,
                    sha256: body.sha256,
                });
            }
            None => {
                return Err(RecordingError::Lost {
                    folder,
                    sha256: body.sha256,
                });
            }
        }
    }
    Ok(Recording {
        trace,
        bodies,
        unread: Vec::new(),
    })
}

/// A recorded message with what its order depends on.
struct Found {
    file: PathBuf,
    bytes: Bytes,
    soap_action: Option<String>,
    kind: Option<MessageKind>,
    message_id: EbxmlMessageId,
    hl7_id: Option<Hl7MessageId>,
    from: PartyKey,
    timestamp: Time,
    acknowledges: Option<Hl7MessageId>,
    promises: Vec<EbxmlMessageId>,
}

impl Found {
    fn new(file: PathBuf, bytes: Bytes, recorded: Recorded) -> Self {
        let payload = recorded.received.payload().ok();
        Self {
            file,
            bytes,
            soap_action: recorded.soap_action,
            kind: payload.as_ref().map(Payload::kind),
            hl7_id: payload.as_ref().map(|payload| payload.wrapper().id.clone()),
            acknowledges: payload.as_ref().and_then(acknowledges),
            promises: recorded
                .received
                .attachments
                .iter()
                .filter_map(|attachment| match &attachment.location {
                    Location::External(message) => Some(message.clone()),
                    Location::Inline(_) | Location::Dangling(_) | Location::Other(_) => None,
                })
                .collect(),
            message_id: recorded.received.header.message_id,
            from: recorded.received.header.from,
            timestamp: recorded.received.header.timestamp,
        }
    }

    fn is_named_by(&self, reference: &Hl7MessageId) -> bool {
        self.hl7_id.as_ref() == Some(reference)
            || Hl7MessageId::from(&self.message_id) == *reference
    }
}

fn acknowledges(payload: &Payload) -> Option<Hl7MessageId> {
    match payload {
        Payload::Acknowledgement(ack) => Some(ack.message_ref.clone()),
        Payload::Continue(message) => Some(message.message_ref.clone()),
        Payload::EhrRequest(_) | Payload::EhrExtract(_) | Payload::Fragment(_) => None,
    }
}

fn events(mut messages: Vec<Found>, bodies: &mut BodyStore) -> io::Result<Vec<Event>> {
    let order: BTreeMap<EbxmlMessageId, u32> = messages
        .iter()
        .map(|message| (message.message_id.clone(), rank(message, &messages)))
        .collect();
    let parties = parties(&messages);
    messages.sort_by(|a, b| {
        let key = |found: &Found| (order.get(&found.message_id).copied(), found.timestamp);
        key(a).cmp(&key(b)).then_with(|| a.file.cmp(&b.file))
    });
    messages
        .iter()
        .zip(1..)
        .map(|(message, seq)| {
            Ok(Event {
                seq,
                at: message.timestamp,
                what: What::Post {
                    exchange: seq,
                    from: Endpoint::from(role(message, &messages, &parties)),
                    to: Endpoint::Spine,
                    method: Method::Post,
                    path: String::new(),
                    headers: Headers::new(),
                    soap_action: message.soap_action.clone(),
                    content_type: RECORDED_FILE.to_owned(),
                    body: bodies.put(&message.bytes)?,
                },
            })
        })
        .collect()
}

/// How far along a transfer a message stands, by what it refers to. An acknowledgement stands
/// right behind what it acknowledges.
fn rank(message: &Found, all: &[Found]) -> u32 {
    match message.kind {
        None | Some(MessageKind::EhrRequest) => 0,
        Some(MessageKind::EhrExtract) => 10,
        Some(MessageKind::Continue) => 20,
        Some(MessageKind::Fragment) => {
            let is_chunk = all.iter().any(|other| {
                other.kind == Some(MessageKind::Fragment)
                    && other.promises.contains(&message.message_id)
            });
            if is_chunk { 40 } else { 30 }
        }
        Some(MessageKind::Acknowledgement) => {
            let target = message.acknowledges.as_ref().and_then(|reference| {
                all.iter().find(|other| {
                    other.kind != Some(MessageKind::Acknowledgement) && other.is_named_by(reference)
                })
            });
            match target.map(|target| (target.kind, rank(target, all))) {
                Some((Some(MessageKind::EhrExtract), _)) | None => 90,
                Some((_, rank)) => rank + 1,
            }
        }
    }
}

/// Which party key belongs to which role, from messages that only one role sends.
fn parties(messages: &[Found]) -> BTreeMap<PartyKey, Role> {
    messages
        .iter()
        .filter_map(|message| Some((message.from.clone(), sent_only_by(message.kind?)?)))
        .collect()
}

const fn sent_only_by(kind: MessageKind) -> Option<Role> {
    match kind {
        MessageKind::EhrRequest | MessageKind::Continue => Some(Role::Requesting),
        MessageKind::EhrExtract | MessageKind::Fragment => Some(Role::Sending),
        MessageKind::Acknowledgement => None,
    }
}

fn role(message: &Found, all: &[Found], parties: &BTreeMap<PartyKey, Role>) -> Role {
    if let Some(role) = message.kind.and_then(sent_only_by) {
        return role;
    }
    let acknowledged = message
        .acknowledges
        .as_ref()
        .and_then(|reference| all.iter().find(|other| other.is_named_by(reference)));
    match acknowledged
        .and_then(|target| target.kind)
        .and_then(sent_only_by)
    {
        Some(role) => role.other(),
        None => parties
            .get(&message.from)
            .copied()
            .unwrap_or(Role::Requesting),
    }
}

fn header(path: &Path, started: Time) -> Header {
    Header {
        format: FORMAT.to_owned(),
        scenario: None,
        scenario_digest: None,
        seed: 0,
        suite: SUITE.to_owned(),
        sut: path.file_name().map_or_else(
            || path.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        ),
        sut_roles: Role::OF_TRANSFERS.to_vec(),
        time_mode: TimeMode::Recorded,
        started,
        directory: Directory::default(),
        registry: gp2gp_model::registry::Registry::default(),
        practices: None,
        export: None,
        federation: None,
        terms: Terms::default(),
        recorded: None,
    }
}

fn files(path: &Path) -> Result<Vec<PathBuf>, RecordingError> {
    let failed = |source| RecordingError::Io {
        path: path.to_owned(),
        source,
    };
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        // Links are not followed: one to a folder above would never end.
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() && !hidden {
            files.extend(self::files(&entry.path())?);
        } else if kind.is_file() && !hidden {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<Bytes, RecordingError> {
    fs::read(path).map(Bytes::from).map_err(reading(path))
}

fn reading(path: &Path) -> impl FnOnce(io::Error) -> RecordingError {
    let path = path.to_owned();
    |source| RecordingError::Io { path, source }
}

fn list(unread: &[(PathBuf, String)]) -> String {
    unread
        .iter()
        .take(5)
        .map(|(file, why)| format!("\n  {}: {why}", file.display()))
        .collect()
}
