//! One transfer as the requesting system sees it: a state, and what each event makes of it.
//! Nothing is sent here; each step gives the replies that are due.

use std::fmt;
use std::time::Duration;

use gp2gp_model::directory::{Directory, Practice};
use gp2gp_model::plan::{Caps, Decision};
use gp2gp_model::trace::Observation;
use gp2gp_model::version::Returning;
use gp2gp_model::{
    ConversationId, EbxmlMessageId, EhrRequestId, Hl7MessageId, Interaction, NhsNumber, OdsCode,
    PartyKey, ResponseCode, Time, Version,
};
use gp2gp_wire::hl7::{Acknowledgement, EhrExtract, Payload};

use super::arrival::Arrival;
use super::assembly::{Assembly, AssemblyFault, Early};
use super::broken::Flaws;
use super::ceiling::Ceiling;
use super::document::Stored;
use super::part;
use crate::defect::RequestingDefect;
use crate::mhs::Address;
use crate::spool::Spool;

/// A transfer, from the request on.
pub(super) struct Transfer {
    pub(super) patient: NhsNumber,
    pub(super) conversation: ConversationId,
    pub(super) request: EhrRequestId,
    /// The practice that was asked.
    pub(super) asked: Practice,
    /// Ids of the request messages, repeats included.
    pub(super) request_messages: Vec<Hl7MessageId>,
    /// The practice holds an old record of this patient.
    pub(super) returning: bool,
    pub(super) version: Version,
    /// What people should see before they file the record (RCV-53).
    pub(super) flags: Vec<String>,
    pub(super) state: State,
    /// How much of the record is taken.
    pub(super) caps: Caps,
    /// How the system is broken on purpose.
    pub(super) flaws: Flaws,
}

/// Where a transfer stands.
pub(super) enum State {
    /// The core is awaited; COPCs that overtook it are kept.
    Requested { early: Early },
    /// The core is here, promised messages are missing.
    Collecting(Box<Collecting>),
    /// The record is whole and waits for people.
    Ready { core: CoreRef, record: Vec<Stored> },
    /// People filed the record.
    Filed { record: Vec<Stored>, how: Filing },
    /// No record came of it. Only a re-sent core leads on from here (S85).
    Failed(Failure),
}

/// A core with what it promises.
pub(super) struct Collecting {
    core: CoreRef,
    assembly: Assembly,
    persist: Option<Persist>,
    /// Messages that count for the timeout, where a broken system counts in its own way.
    counted: Option<u32>,
}

/// How a record was filed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filing {
    /// AA.
    Integrated,
    /// 15.
    Suppressed,
    /// 26: the system cannot replace an old record.
    AsAttachment,
}

/// Why no record came of a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The request did not get through.
    RequestLost(String),
    /// The sending practice will send nothing; its code, where it gave one.
    RequestRefused(Option<ResponseCode>),
    /// Promised messages did not come in time: 31 on the core.
    TimedOut,
    /// The core was answered with this code.
    Rejected(ResponseCode),
}

/// A core, as far as answers need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CoreRef {
    pub(super) message_id: EbxmlMessageId,
    pub(super) hl7_id: Hl7MessageId,
    pub(super) sender: Address,
    pub(super) practice: OdsCode,
    pub(super) timestamp: Time,
}

/// Persist durations of this practice's own contracts, of which the timeout is made (LM04).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Persist {
    extract: Duration,
    copc: Duration,
}

/// What is due after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// The core was taken; a healthy system says nothing yet.
    CoreTaken(CoreRef),
    /// The Continue for this core.
    Continue(CoreRef),
    /// The only acknowledgement of a COPC.
    AcknowledgeFragment {
        to: Address,
        fragment: Hl7MessageId,
        code: Option<ResponseCode>,
    },
    /// The final acknowledgement of a core.
    AcknowledgeCore {
        core: CoreRef,
        code: Option<ResponseCode>,
    },
    /// People can decide now.
    Ready,
}

impl Transfer {
    /// The code with which another core must be refused, if it must be.
    pub(super) fn refusal_of_core(&self) -> Option<&'static str> {
        match &self.state {
            State::Requested { .. } => None,
            State::Collecting(_) | State::Ready { .. } | State::Filed { .. } => Some("12"),
            // A refused request no longer asks for anything.
            State::Failed(Failure::RequestRefused(_)) => Some("09"),
            State::Failed(Failure::RequestLost(_) | Failure::TimedOut | Failure::Rejected(_)) => {
                (self.flaws.has(RequestingDefect::ResendIsCopy)).then_some("12")
            }
        }
    }

    /// Takes a core that nothing speaks against so far: the first, or a re-send after a failure.
    pub(super) fn take_core(
        &mut self,
        arrival: Arrival,
        persist: Option<Persist>,
        spool: &Spool,
    ) -> Vec<Reply> {
        let core = CoreRef::of(&arrival, &self.asked);
        let Some(Payload::EhrExtract(extract)) = arrival.payload else {
            if self.flaws.has(RequestingDefect::SilentOnBrokenCore) {
                return Vec::new();
            }
            return vec![self.reject(core, "21")];
        };
        let is_of_patient = extract.patient == self.patient;
        if !is_of_patient && !self.flaws.has(RequestingDefect::AnyPatient) {
            // Never filed for the requested patient, so no person is asked either (RCV-52).
            return vec![self.reject(core, self.wrong_patient())];
        }
        let flags = self.doubts_about_source(&core, &extract);
        let is_disliked = self.flaws.dislikes(&arrival.received);
        let payload_xml = arrival.received.payload_xml;
        let claims_too_much = extract.version.carries_redactions()
            && self.flaws.has(RequestingDefect::ClaimsNewerForm);
        if claims_too_much || is_disliked {
            return vec![self.reject(core, "21")];
        }
        let parts = part::parts(arrival.received.attachments);
        let ceiling = Ceiling {
            caps: self.caps,
            sender: extract.author.clone(),
            conversation: self.conversation.clone(),
        };
        let (spool, flaws) = (spool.clone(), &self.flaws);
        let begun = Assembly::begin(&extract, &payload_xml, parts, ceiling, spool, flaws);
        let assembly = match begun {
            Ok(assembly) => assembly,
            Err(AssemblyFault::TooMuch { .. }) => return vec![self.reject(core, "30")],
            Err(_) => return vec![self.reject(core, "21")],
        };
        if !self.flaws.has(RequestingDefect::AnySource) {
            self.flags = flags;
        }
        self.collect(core, assembly, persist)
    }

    /// Takes a COPC that is a fragment, or claims to be one.
    pub(super) fn take_fragment(&mut self, arrival: Arrival, spool: &Spool) -> Vec<Reply> {
        let is_well_formed = match &arrival.payload {
            Some(Payload::Fragment(_)) => !arrival.received.attachments.is_empty(),
            Some(Payload::Continue(_)) => return Vec::new(),
            Some(Payload::EhrRequest(_) | Payload::EhrExtract(_) | Payload::Acknowledgement(_))
            | None => false,
        };
        let mid = arrival.received.header.message_id;
        let mut parts = part::parts(arrival.received.attachments);
        let to = arrival.sender;
        let to = to.unwrap_or_else(|| Address::from(&self.asked));
        let answer = |code: Option<&str>| Reply::AcknowledgeFragment {
            to,
            fragment: arrival.id,
            code: code.map(ResponseCode::from),
        };
        let flaws = self.flaws.clone();
        if !is_well_formed && flaws.has(RequestingDefect::BrokenFragmentKept) {
            return vec![answer(None)];
        }
        match &mut self.state {
            State::Requested { .. } if !is_well_formed => vec![answer(Some("30"))],
            State::Requested { early } => match part::set_aside(&mut parts, spool) {
                Ok(()) => {
                    early.insert(mid, parts);
                    vec![answer(None)]
                }
                Err(_) => vec![answer(Some("30"))],
            },
            State::Collecting(collecting) => {
                let code = if is_well_formed {
                    // The answer waits for the attempt to put the document together (RCV-23).
                    match collecting.assembly.take(mid, parts) {
                        Ok(()) if collecting.assembly.held() == 0 => None,
                        Ok(()) => flaws.has(RequestingDefect::InOrderOnly).then_some("30"),
                        Err(fault)
                            if fault.is_reassembly()
                                && !flaws.has(RequestingDefect::ReassemblyIsGeneral) =>
                        {
                            Some("29")
                        }
                        Err(_) => Some("30"),
                    }
                } else {
                    Some("30")
                };
                let is_unseen = flaws.has(RequestingDefect::FragmentAckedUnseen);
                let mut replies = vec![answer(code.filter(|_| !is_unseen))];
                if code.is_some() {
                    let core = collecting.core.clone();
                    replies.push(self.reject(core, "31"));
                } else {
                    replies.extend(self.finish_if_whole());
                }
                replies
            }
            // Nobody promised it, or its transfer is lost already: what is not kept is not
            // acknowledged positively.
            State::Ready { .. } | State::Filed { .. } | State::Failed(Failure::Rejected(_)) => {
                vec![answer(Some("30"))]
            }
            State::Failed(Failure::TimedOut) if flaws.has(RequestingDefect::LateFragmentKept) => {
                vec![answer(None)]
            }
            State::Failed(Failure::TimedOut) => vec![answer(Some("25"))],
            State::Failed(Failure::RequestLost(_) | Failure::RequestRefused(_)) => Vec::new(),
        }
    }

    /// Takes an acknowledgement: only a refusal of the open request means anything (RCV-08, RCV-54).
    pub(super) fn take_acknowledgement(&mut self, ack: &Acknowledgement) -> Vec<Reply> {
        let is_open = matches!(self.state, State::Requested { .. })
            && !self.flaws.has(RequestingDefect::DeafToRefusal)
            && !(ack.reason.is_none() && self.flaws.has(RequestingDefect::DeafToBlock));
        if is_open && ack.is_negative() && self.request_messages.contains(&ack.message_ref) {
            self.state = State::Failed(Failure::RequestRefused(ack.code().cloned()));
        }
        Vec::new()
    }

    /// The request will not arrive.
    pub(super) fn lose_request(&mut self, why: String) -> Vec<Reply> {
        if matches!(self.state, State::Requested { .. }) {
            self.state = State::Failed(Failure::RequestLost(why));
        }
        Vec::new()
    }

    /// The Continue for this core will not arrive, so its promises will not be kept (RCV-19).
    pub(super) fn lose_continue(&mut self, of: &EbxmlMessageId) -> Vec<Reply> {
        match &self.state {
            State::Collecting(_) if self.flaws.has(RequestingDefect::ContinueLossIgnored) => {
                Vec::new()
            }
            State::Collecting(collecting) if collecting.core.message_id == *of => {
                let core = collecting.core.clone();
                vec![self.reject(core, "20")]
            }
            State::Collecting(_)
            | State::Requested { .. }
            | State::Ready { .. }
            | State::Filed { .. }
            | State::Failed(_) => Vec::new(),
        }
    }

    /// Forgets the record.
    pub(super) fn give_up(&mut self) -> Vec<Reply> {
        self.state = State::Failed(Failure::TimedOut);
        Vec::new()
    }

    /// Takes what people decided. Nothing happens unless a whole record waits for them: late and
    /// repeated decisions change nothing.
    pub(super) fn decide(&mut self, decision: Decision) -> Vec<Reply> {
        let State::Ready { core, record } = &mut self.state else {
            return Vec::new();
        };
        let core = core.clone();
        let record = std::mem::take(record);
        let flawed = |defect| self.flaws.has(defect);
        vec![match decision {
            Decision::Integrate | Decision::Suppress if self.files_as_attachment() => {
                self.file(core, record, Filing::AsAttachment)
            }
            Decision::Integrate => self.file(core, record, Filing::Integrated),
            Decision::Suppress if flawed(RequestingDefect::SuppressedAsFiled) => {
                self.file(core, record, Filing::Integrated)
            }
            Decision::Suppress => self.file(core, record, Filing::Suppressed),
            Decision::Reject if flawed(RequestingDefect::FiledAsAttachment) => {
                self.reject(core, "26")
            }
            Decision::Reject => self.reject(core, self.wrong_patient()),
            Decision::FailToIntegrate if flawed(RequestingDefect::FailureHidden) => {
                self.file(core, record, Filing::Integrated)
            }
            Decision::FailToIntegrate => self.reject(core, "11"),
        }]
    }

    /// When promised messages are no longer waited for.
    pub(super) fn deadline(&self) -> Option<Time> {
        match &self.state {
            State::Collecting(_) if self.flaws.has(RequestingDefect::WaitsForEver) => None,
            State::Collecting(collecting) => collecting.deadline(),
            State::Requested { .. }
            | State::Ready { .. }
            | State::Filed { .. }
            | State::Failed(_) => None,
        }
    }

    /// Gives up a transfer whose deadline has passed (RCV-40).
    pub(super) fn handle_timeout(&mut self, now: Time) -> Vec<Reply> {
        let overdue = self.deadline().is_some_and(|deadline| deadline <= now);
        match &self.state {
            State::Collecting(_) if overdue && self.flaws.has(RequestingDefect::FilesWhatCame) => {
                self.offer_what_came()
            }
            State::Collecting(collecting) if overdue => {
                let core = collecting.core.clone();
                self.state = State::Failed(Failure::TimedOut);
                vec![Reply::AcknowledgeCore {
                    core,
                    code: Some("31".into()),
                }]
            }
            State::Collecting(_)
            | State::Requested { .. }
            | State::Ready { .. }
            | State::Filed { .. }
            | State::Failed(_) => Vec::new(),
        }
    }

    /// A whole record waits for people.
    pub(super) const fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready { .. })
    }

    /// Whether a new registration of the patient begins a new transfer.
    pub(super) fn is_over(&self) -> bool {
        match &self.state {
            State::Filed { .. } | State::Failed(_) => true,
            State::Requested { .. } | State::Collecting(_) | State::Ready { .. } => false,
        }
    }

    /// What is said of this transfer when asked. A record that waits for people is stored, too.
    pub(super) fn observe(&self) -> Vec<Observation> {
        let record: &[Stored] = match &self.state {
            State::Ready { record, .. } | State::Filed { record, .. } => record,
            State::Requested { .. } | State::Collecting(_) | State::Failed(_) => &[],
        };
        let stored = record.iter().map(|stored| Observation::Stored {
            patient: self.patient,
            file_name: stored.file_name.clone(),
            media_type: stored.media_type.clone(),
            sha256: stored.sha256,
            bytes: stored.bytes,
            placeholder: stored.placeholder,
        });
        std::iter::once(Observation::Transfer {
            patient: self.patient,
            state: self.to_string(),
            print_state: None,
            left_in_store: 0,
        })
        .chain(stored)
        .collect()
    }

    fn collect(
        &mut self,
        core: CoreRef,
        mut assembly: Assembly,
        persist: Option<Persist>,
    ) -> Vec<Reply> {
        let early = match &mut self.state {
            State::Requested { early } => std::mem::take(early),
            State::Collecting(_) | State::Ready { .. } | State::Filed { .. } | State::Failed(_) => {
                Early::new()
            }
        };
        let counted = match () {
            () if self.flaws.has(RequestingDefect::FragmentsNotCounted) => Some(0),
            () if self.flaws.has(RequestingDefect::IndexNotCounted) => Some(assembly.promised()),
            () => None,
        };
        let mut replies = vec![Reply::CoreTaken(core.clone())];
        let for_nothing = self.flaws.has(RequestingDefect::ContinueForNothing);
        if assembly.promised() > 0 || for_nothing {
            replies.push(Reply::Continue(core.clone()));
        }
        for (mid, parts) in early {
            if assembly.take(mid, parts).is_err() {
                return vec![self.reject(core, "31")];
            }
        }
        self.state = State::Collecting(Box::new(Collecting {
            core,
            counted,
            assembly,
            persist,
        }));
        replies.extend(self.finish_if_whole());
        replies
    }

    fn finish_if_whole(&mut self) -> Option<Reply> {
        let State::Collecting(collecting) = &mut self.state else {
            return None;
        };
        let record = collecting.assembly.finish()?;
        let core = collecting.core.clone();
        self.state = State::Ready { core, record };
        Some(Reply::Ready)
    }

    fn file(&mut self, core: CoreRef, record: Vec<Stored>, how: Filing) -> Reply {
        self.state = State::Filed { record, how };
        let code = match how {
            Filing::Integrated => None,
            Filing::Suppressed => Some("15".into()),
            Filing::AsAttachment => Some("26".into()),
        };
        Reply::AcknowledgeCore { core, code }
    }

    fn reject(&mut self, core: CoreRef, code: &str) -> Reply {
        let code = ResponseCode::from(code);
        self.state = State::Failed(Failure::Rejected(code.clone()));
        Reply::AcknowledgeCore {
            core,
            code: Some(code),
        }
    }

    /// Before 2.2b there is one way to keep the record of a patient who comes back.
    fn files_as_attachment(&self) -> bool {
        match self.version.returning() {
            Returning::FilesAsAttachment => self.returning,
            Returning::ReplacesOrSuppresses => false,
        }
    }

    fn wrong_patient(&self) -> &'static str {
        let is_known = self.returning && !self.flaws.has(RequestingDefect::OneRejection);
        if is_known { "17" } else { "28" }
    }

    /// An incomplete record, as if it were whole.
    fn offer_what_came(&mut self) -> Vec<Reply> {
        if let State::Collecting(collecting) = &mut self.state {
            collecting.assembly.stop_waiting();
        }
        self.finish_if_whole().into_iter().collect()
    }

    fn doubts_about_source(&self, core: &CoreRef, extract: &EhrExtract) -> Vec<String> {
        let mut doubts = Vec::new();
        if extract.author != self.asked.ods {
            doubts.push(format!(
                "record comes from practice {}, {} was asked",
                extract.author, self.asked.ods
            ));
        }
        if core.sender.asid != self.asked.asid {
            doubts.push(format!(
                "record comes from system {}, {} was asked",
                core.sender.asid, self.asked.asid
            ));
        }
        doubts
    }
}

impl Collecting {
    /// Counted from the core's ebXML Timestamp; every index moves it (LM03, LM04, TD24).
    fn deadline(&self) -> Option<Time> {
        let persist = self.persist?;
        let promised = self.counted.unwrap_or_else(|| self.assembly.promised());
        let fragments = persist.copc.saturating_mul(promised);
        Some(self.core.timestamp + persist.extract + fragments)
    }
}

impl Persist {
    /// `None` if SDS does not say how long messages to this practice may take: then there is no
    /// timeout.
    pub(super) fn of(
        directory: &Directory,
        own: &PartyKey,
        extract: Option<Interaction>,
    ) -> Option<Self> {
        Some(Self {
            extract: directory.contract(own, extract?)?.persist_duration,
            copc: directory.contract(own, Interaction::Copc)?.persist_duration,
        })
    }
}

impl CoreRef {
    fn of(arrival: &Arrival, asked: &Practice) -> Self {
        let practice = match &arrival.payload {
            Some(Payload::EhrExtract(extract)) => &extract.author,
            Some(
                Payload::EhrRequest(_)
                | Payload::Continue(_)
                | Payload::Fragment(_)
                | Payload::Acknowledgement(_),
            )
            | None => &asked.ods,
        };
        let header = &arrival.received.header;
        Self {
            message_id: header.message_id.clone(),
            hl7_id: arrival.id.clone(),
            sender: arrival
                .sender
                .clone()
                .unwrap_or_else(|| Address::from(asked)),
            practice: practice.clone(),
            timestamp: header.timestamp,
        }
    }
}

impl fmt::Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt(f)?;
        self.flags
            .iter()
            .try_for_each(|flag| write!(f, "; warning: {flag}"))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested { .. } => f.write_str("requested"),
            Self::Collecting(collecting) => write!(
                f,
                "waits for {} of {} promised messages, holds {} out of order",
                collecting.assembly.missing(),
                collecting.assembly.promised(),
                collecting.assembly.held()
            ),
            Self::Ready { .. } => f.write_str("ready to integrate"),
            Self::Filed { how, .. } => f.write_str(match how {
                Filing::Integrated => "integrated",
                Filing::Suppressed => "stored as suppressed record",
                Filing::AsAttachment => "filed as attachment",
            }),
            Self::Failed(failure) => write!(f, "failed: {failure}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequestLost(why) => write!(f, "request not delivered: {why}"),
            Self::RequestRefused(None) => f.write_str("request refused without a code"),
            Self::RequestRefused(Some(code)) => {
                write!(f, "request refused with code {}", Explained(code))
            }
            Self::TimedOut => f.write_str("promised messages did not come in time"),
            Self::Rejected(code) => {
                write!(f, "extract rejected with code {}", Explained(code))
            }
        }
    }
}

/// A code with the register's text, if the register has it: Spine's own codes are not in it.
struct Explained<'a>(&'a ResponseCode);

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.text() {
            "" => write!(f, "{}", self.0),
            text => write!(f, "{} {text}", self.0),
        }
    }
}
