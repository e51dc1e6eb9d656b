//! What Spine takes and what it refuses, in the order in which it looks.

use bytes::Bytes;
use gp2gp_model::directory::Directory;
use gp2gp_model::{Asid, ContentId, MessageKind, Time, interaction};
use gp2gp_wire::ebxml::{self, EbxmlErrorCode, Envelope, Header, NEXT_MSH};
use gp2gp_wire::hl7::Wrapper;
use gp2gp_wire::limits::{SPINE_MESSAGE_BYTES, SPINE_PARTS};
use gp2gp_wire::message::{self, Attachment, Location, OpenError, Received};
use gp2gp_wire::mime;
use memchr::{memchr2, memmem};

use super::PATH;
use super::answer::Obstacle;
use crate::peer::HttpRequest;

/// A readable message.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) message: Received,
    /// `None` for an unknown action, and for a COPC whose payload cannot be read.
    pub(super) kind: Option<MessageKind>,
}

/// Why a post is not taken.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Spine has only one service.
    NoSuchService { path: String },
    /// The body is larger than [`SPINE_MESSAGE_BYTES`].
    TooLarge { bytes: usize },
    /// Something is wrong with the message.
    Message {
        /// Its header, if that can be read.
        header: Option<Box<Header>>,
        code: EbxmlErrorCode,
        description: String,
    },
}

/// Reads a post: its size, its MIME structure, its envelope, its wrapper.
pub(super) fn read(request: &HttpRequest) -> Result<Arrival, Refusal> {
    if request.path != PATH {
        let path = request.path.clone();
        return Err(Refusal::NoSuchService { path });
    }
    let bytes = request.body.len();
    if bytes > SPINE_MESSAGE_BYTES {
        return Err(Refusal::TooLarge { bytes });
    }
    message::open(&request.content_type, &request.body)
        .map(Arrival::from)
        .map_err(|error| unreadable(request, &error))
}

/// Checks everything that a retransmission must have right too.
pub(super) fn check_header(
    directory: &Directory,
    request: &HttpRequest,
    arrival: &Arrival,
) -> Result<(), Refusal> {
    check_parties(directory, arrival)?;
    check_contract(directory, arrival)?;
    check_action(request, arrival)?;
    check_reliability(arrival)
}

/// Checks what matters only when a message is seen for the first time.
pub(super) fn check_new(now: Time, arrival: &Arrival) -> Result<(), Refusal> {
    if let Some(until) = arrival.header().time_to_live.filter(|until| *until < now) {
        return arrival.refuse(
            EbxmlErrorCode::TimeToLiveExpired,
            format!("TimeToLive {} has passed", until.to_ebxml()),
        );
    }
    if let Some(cid) = arrival.message.attachments.iter().find_map(dangling) {
        return arrival.refuse(
            EbxmlErrorCode::MimeProblem,
            format!("manifest names cid:{cid}, but no part carries it"),
        );
    }
    let parts = arrival.message.part_count;
    if parts > SPINE_PARTS {
        return arrival.refuse(
            EbxmlErrorCode::MimeProblem,
            format!("message has {parts} parts, at most {SPINE_PARTS} are allowed"),
        );
    }
    Ok(())
}

/// What keeps a message from its recipient, and its wrapper.
pub(super) fn obstacle(directory: &Directory, arrival: &Arrival) -> Option<(Obstacle, Wrapper)> {
    let is_request = arrival.kind == Some(MessageKind::EhrRequest);
    if is_request && directory.blocked.contains(&arrival.header().from) {
        let payload = arrival.message.payload().ok()?;
        return Some((Obstacle::UnsafeExchange, payload.wrapper().clone()));
    }
    let wrapper = misaddressed(directory, arrival)?;
    Some((Obstacle::NoSuchAsid, wrapper))
}

/// The wrapper of a message whose recipient ASID is not one of its To party (SEC-03). A payload
/// that cannot be read is for its recipient to judge.
fn misaddressed(directory: &Directory, arrival: &Arrival) -> Option<Wrapper> {
    let is_of_recipient = |asid: &Asid| {
        directory
            .by_asid(asid)
            .is_some_and(|practice| practice.party_key == arrival.header().to)
    };
    let message = &arrival.message;
    if recipient_in_head(&message.payload_xml).is_some_and(|asid| is_of_recipient(&asid)) {
        return None;
    }
    let wrapper = message.payload().ok()?.wrapper().clone();
    (!is_of_recipient(&wrapper.recipient)).then_some(wrapper)
}

/// Where the wrapper ends at the latest, white space included.
const HEAD_BYTES: usize = 8_192;

/// The recipient ASID as a glance at the payload shows it: a router need not read a record of
/// 5 MB for it.
pub(super) fn recipient_in_head(payload: &[u8]) -> Option<Asid> {
    const FUNCTION: &[u8] = b"communicationFunctionRcv";
    let head = payload.get(..HEAD_BYTES).unwrap_or(payload);
    let (_, rest) = split_once(head, FUNCTION)?;
    let (device, _) = split_once(rest, FUNCTION)?;
    let (_, quoted) = split_once(device, b"extension=")?;
    let [b'"' | b'\'', value @ ..] = quoted else {
        return None;
    };
    let asid = value.get(..memchr2(b'"', b'\'', value)?)?;
    String::from_utf8_lossy(asid).parse().ok()
}

fn split_once<'a>(text: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let found = memmem::find(text, at)?;
    Some((text.get(..found)?, text.get(found + at.len()..)?))
}

fn check_parties(directory: &Directory, arrival: &Arrival) -> Result<(), Refusal> {
    let header = arrival.header();
    let is_known = |party| directory.by_party(party).is_some();
    if is_known(&header.from) && is_known(&header.to) {
        return Ok(());
    }
    arrival.refuse(
        EbxmlErrorCode::ValueNotRecognized,
        "501314:Invalid To Party Type attribute".to_owned(),
    )
}

/// An unknown action has no contract, and is refused for what it is.
fn check_contract(directory: &Directory, arrival: &Arrival) -> Result<(), Refusal> {
    let Some(interaction) = arrival.message.interaction() else {
        return Ok(());
    };
    match directory.contract(&arrival.header().to, interaction) {
        Some(contract) if contract.cpa_id == arrival.header().cpa_id => Ok(()),
        Some(_) | None => arrival.refuse(
            EbxmlErrorCode::ValueNotRecognized,
            "501319:Unknown eb:CPAId".to_owned(),
        ),
    }
}

fn check_action(request: &HttpRequest, arrival: &Arrival) -> Result<(), Refusal> {
    let Header {
        service, action, ..
    } = arrival.header();
    if arrival.message.interaction().is_none() || service != interaction::SERVICE {
        return arrival.refuse(
            EbxmlErrorCode::NotSupported,
            format!("service `{service}` with action `{action}` is not supported"),
        );
    }
    let expected = format!("{service}/{action}");
    match &request.soap_action {
        Some(found) if *found == expected => Ok(()),
        Some(found) => arrival.refuse(
            EbxmlErrorCode::Inconsistent,
            format!("SOAPAction is `{found}`, the envelope says `{expected}`"),
        ),
        None => arrival.refuse(
            EbxmlErrorCode::Inconsistent,
            format!("SOAPAction is missing, the envelope says `{expected}`"),
        ),
    }
}

fn check_reliability(arrival: &Arrival) -> Result<(), Refusal> {
    let header = arrival.header();
    if !header.duplicate_elimination {
        return arrival.refuse(
            EbxmlErrorCode::Inconsistent,
            "contract wants eb:DuplicateElimination".to_owned(),
        );
    }
    match &header.ack_requested {
        Some(requested) if requested.actor == NEXT_MSH => Ok(()),
        // Real Continue messages leave it out (spec 10).
        None if arrival.kind == Some(MessageKind::Continue) => Ok(()),
        Some(_) | None => arrival.refuse(
            EbxmlErrorCode::Inconsistent,
            format!("contract wants eb:AckRequested with actor {NEXT_MSH}"),
        ),
    }
}

impl Arrival {
    pub(super) const fn header(&self) -> &Header {
        &self.message.header
    }

    fn refuse(&self, code: EbxmlErrorCode, description: String) -> Result<(), Refusal> {
        Err(Refusal::Message {
            header: Some(Box::new(self.header().clone())),
            code,
            description,
        })
    }
}

impl From<Received> for Arrival {
    fn from(message: Received) -> Self {
        let kind = message.interaction().and_then(|action| {
            (action.kind()).or_else(|| message.payload().ok().map(|payload| payload.kind()))
        });
        Self { message, kind }
    }
}

fn dangling(attachment: &Attachment) -> Option<&ContentId> {
    match &attachment.location {
        Location::Dangling(cid) => Some(cid),
        Location::Inline(_) | Location::External(_) | Location::Other(_) => None,
    }
}

fn unreadable(request: &HttpRequest, error: &OpenError) -> Refusal {
    let code = match error {
        OpenError::Mime(_) | OpenError::NoPayload(_) => EbxmlErrorCode::MimeProblem,
        OpenError::Envelope(_) | OpenError::EmptyManifest | OpenError::TooManyReferences { .. } => {
            EbxmlErrorCode::OtherXml
        }
        OpenError::NotAMessage(_) => EbxmlErrorCode::NotSupported,
        OpenError::Json(_) | OpenError::Unrecognised(_) => EbxmlErrorCode::Unknown,
    };
    Refusal::Message {
        header: header_of(&request.content_type, &request.body).map(Box::new),
        code,
        description: error.to_string(),
    }
}

/// The header of a message that is otherwise broken.
fn header_of(content_type: &str, body: &Bytes) -> Option<Header> {
    let multipart = mime::split(content_type, body).ok()?;
    let root = multipart.parts.get(multipart.root())?;
    match ebxml::parse(&root.body).ok()? {
        Envelope::Message(header, _) => Some(header),
        Envelope::Acknowledgment(_) | Envelope::ErrorList(_) | Envelope::Fault(_) => None,
    }
}
