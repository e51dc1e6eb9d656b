//! Where one transfer stands, and what it wants next.

use std::time::Duration;

use gp2gp_model::manner::CoreIds;
use gp2gp_model::{EbxmlMessageId, Hl7MessageId, Interaction, NhsNumber, ResponseCode, Time};
use gp2gp_sim::Ids;
use gp2gp_wire::Dialect;
use gp2gp_wire::hl7::Acknowledgement;
use gp2gp_wire::message::Message;

use super::broken::Flaws;
use super::core_extract::Core;
use super::fragments::Fragments;
use super::letters::Office;
use super::unsendable::Unsendable;
use crate::defect::SendingDefect;
use crate::mhs::next_id;

/// Without a final acknowledgement for so long after the core, the transfer has failed (S124).
pub const FINAL_ACK_AWAITED: Duration = Duration::from_hours(8 * 24);
/// A core may be sent again within this time of the request (S6).
const REPEATABLE_FOR: Duration = Duration::from_hours(12 * 7 * 24);

/// One transfer, from the request that was accepted to its end.
pub(super) struct Transfer {
    pub(super) patient: NhsNumber,
    pub(super) core: Core,
    pub(super) ids: Ids,
    /// What answers to the request refer to.
    pub(super) request_ref: Hl7MessageId,
    pub(super) requested_at: Time,
    /// A request that is served is also acknowledged; 2.2c lets the extract be the answer.
    acknowledges: bool,
    /// The request was answered, positively or negatively.
    answered: bool,
    core_due: bool,
    /// One for each time that the core was sent.
    core_ids: Vec<EbxmlMessageId>,
    pub(super) core_accepted: bool,
    pub(super) continued: bool,
    fragments: Fragments,
    /// One fragment of a transfer is on its way at a time: memory holds one text of it.
    fragment_in_flight: Option<EbxmlMessageId>,
    /// When the core was last sent.
    sent_at: Option<Time>,
    deadline: Option<Time>,
    end: Option<End>,
    /// The store was cleaned up after it, or never will be.
    cleaned: bool,
    /// People were told that the record was turned away as another patient's.
    incident_told: bool,
}

/// How a transfer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    /// Final AA.
    Integrated,
    /// Code 15: negative on the wire, a success nationally (SND-54).
    Suppressed,
    /// Code 26: the new practice has it, though not as a record (before 2.2b).
    FiledAsAttachment,
    /// Any other negative acknowledgement of the core, with its code if it has one.
    Rejected(Option<ResponseCode>),
    /// This system could not go on; the code tells the requester, if it was not answered yet.
    Stopped(ResponseCode),
    /// No final acknowledgement.
    Silence,
}

impl Transfer {
    /// A transfer whose core is planned and not yet sent.
    pub(super) fn new(
        now: Time,
        patient: NhsNumber,
        request_ref: Hl7MessageId,
        core: Core,
        office: &Office,
        mut ids: Ids,
    ) -> Self {
        Self {
            patient,
            fragments: Fragments::of(&core, office, &mut ids),
            core,
            ids,
            request_ref,
            requested_at: now,
            acknowledges: true,
            answered: false,
            core_due: true,
            core_ids: Vec::new(),
            core_accepted: false,
            continued: false,
            fragment_in_flight: None,
            sent_at: None,
            deadline: None,
            end: None,
            cleaned: false,
            incident_told: false,
        }
    }

    /// Answers a request of this version: the positive acknowledgement is sent or left out.
    pub(super) fn answering(mut self, request: Interaction, flaws: &Flaws) -> Self {
        self.acknowledges =
            request.is_acknowledged_if_served() || flaws.has(SendingDefect::AcknowledgesTheNewest);
        self
    }

    /// Never sends the last message that the core promises.
    pub(super) fn drop_last_fragment(&mut self) {
        self.fragments.drop_last();
    }

    /// The answer to the request, once, when it is due: a code if it is negative.
    ///
    /// Positive after the core and everything promised is with Spine (TD62, S34); TPP answers
    /// before the extract. A transfer that others ended first was a request served all the same,
    /// and no request stays without an answer (SND-15).
    pub(super) fn take_answer(&mut self, dialect: Dialect) -> Option<Option<ResponseCode>> {
        if self.answered {
            return None;
        }
        let answer = match &self.end {
            Some(End::Stopped(code)) => Some(Some(code.clone())),
            Some(
                End::Integrated
                | End::Suppressed
                | End::FiledAsAttachment
                | End::Rejected(_)
                | End::Silence,
            ) => Some(None),
            None => (self.all_is_with_spine() || dialect == Dialect::Tpp).then_some(None),
        };
        self.answered = answer.is_some();
        answer.filter(|answer| answer.is_some() || self.acknowledges)
    }

    /// Whether [`Transfer::next_message`] would give one.
    pub(super) fn has_message(&self) -> bool {
        self.core_due || self.may_send_fragment()
    }

    /// The next message that nothing holds back: the core, or one fragment after the Continue.
    pub(super) fn next_message(
        &mut self,
        now: Time,
        office: &Office,
    ) -> Result<Option<Message>, Unsendable> {
        if self.core_due {
            return self.next_core(now, office).map(Some);
        }
        if !self.may_send_fragment() {
            return Ok(None);
        }
        let writer = self.core.writer(now, office);
        let attachments = &self.core.attachments;
        let message = self.fragments.next_message(writer, attachments)?;
        self.fragment_in_flight = (message.as_ref()).map(|sent| sent.header.message_id.clone());
        Ok(message)
    }

    /// Spine took a message.
    pub(super) fn accepted(&mut self, message_id: &EbxmlMessageId) {
        if self.is_core(message_id) {
            self.core_accepted = true;
        } else if self.fragment_in_flight.as_ref() == Some(message_id) {
            self.fragment_in_flight = None;
        }
    }

    /// Spine will never take a message, or could not deliver it.
    pub(super) fn undeliverable(&mut self, message_id: &EbxmlMessageId) {
        let fragment = self.fragment_in_flight.take_if(|sent| sent == message_id);
        if self.is_core(message_id) && self.continued {
            // Whoever says Continue has the core, whatever became of Spine's answer to us.
            self.core_accepted = true;
        } else if self.is_core(message_id) || fragment.is_some() {
            self.stop(ResponseCode::from("20"));
        }
    }

    /// The requester wants what was promised. Kept if it comes before Spine's answer to the core
    /// (SND-59); without effect the second time (SND-58).
    pub(super) const fn continue_with_promises(&mut self) {
        self.continued = true;
    }

    /// An acknowledgement of something in this conversation. Only one of the core ends the
    /// transfer, and only the first (SND-51, SND-56).
    pub(super) fn acknowledged(&mut self, ack: &Acknowledgement) {
        let core = EbxmlMessageId::from(&ack.message_ref);
        let of_core = ack.message_ref == *self.core.hl7_id() || self.is_core(&core);
        if of_core && !self.is_of_repeat(ack) {
            self.end_with(match ack.code().filter(|_| ack.is_negative()) {
                _ if !ack.is_negative() => End::Integrated,
                Some(code) if code.says_filed_as_attachment() => End::FiledAsAttachment,
                Some(code) if code.says_filed() => End::Suppressed,
                code => End::Rejected(code.cloned()),
            });
        }
    }

    /// Whether the record was filed by the new practice, once: only AA says that its documents are
    /// part of a record that people use. `or_refused` takes a refusal for it.
    pub(super) fn take_filed(&mut self, or_refused: bool) -> bool {
        let is_filed = match &self.end {
            Some(End::Integrated) => true,
            Some(End::Rejected(_)) => or_refused,
            Some(End::Suppressed | End::FiledAsAttachment | End::Stopped(_) | End::Silence)
            | None => false,
        };
        let is_due = is_filed && !self.cleaned;
        self.cleaned |= is_filed;
        is_due
    }

    /// Whether the core is with Spine, once.
    pub(super) const fn take_core_left(&mut self) -> bool {
        let is_due = self.core_accepted && !self.cleaned;
        self.cleaned |= self.core_accepted;
        is_due
    }

    /// This system cannot go on.
    pub(super) fn stop(&mut self, code: ResponseCode) {
        self.end_with(End::Stopped(code));
    }

    /// The time is up.
    pub(super) fn lose_patience(&mut self) {
        self.end_with(End::Silence);
    }

    /// Since when a final acknowledgement is waited for.
    pub(super) fn waiting_since(&self) -> Option<Time> {
        self.sent_at.filter(|_| self.deadline.is_some())
    }

    /// The code with which the record was turned away as another patient's, once.
    pub(super) fn take_incident(&mut self) -> Option<ResponseCode> {
        let code = match &self.end {
            Some(End::Rejected(Some(code))) if code.says_wrong_patient() => code.clone(),
            Some(
                End::Rejected(_)
                | End::Integrated
                | End::Suppressed
                | End::FiledAsAttachment
                | End::Stopped(_)
                | End::Silence,
            )
            | None => return None,
        };
        let is_new = !std::mem::replace(&mut self.incident_told, true);
        is_new.then_some(code)
    }

    /// When the time is up.
    pub(super) const fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    /// Sends the core again under a new message id (S6, TD66); after a failure everything is
    /// promised anew. Nothing happens if it never was sent, or too long ago.
    pub(super) fn repeat_core(&mut self, now: Time, office: &Office) {
        let repeatable =
            !self.core_ids.is_empty() && now.since(self.requested_at) <= REPEATABLE_FOR;
        if repeatable && self.has_failed() {
            self.core.promise_anew(&mut self.ids);
            self.fragments = Fragments::of(&self.core, office, &mut self.ids);
            self.fragment_in_flight = None;
            self.core_accepted = false;
            self.continued = false;
            self.end = None;
            self.incident_told = false;
        }
        self.core_due |= repeatable;
    }

    /// In words, for observers.
    pub(super) fn state(&self) -> String {
        match &self.end {
            None if !self.core_accepted => "sending the extract".to_owned(),
            None if self.fragments.is_done() => "awaiting the final acknowledgement".to_owned(),
            None if !self.continued => "awaiting the Continue".to_owned(),
            None => "sending fragments".to_owned(),
            Some(End::Integrated) => "integrated".to_owned(),
            Some(End::FiledAsAttachment) => "filed as attachment".to_owned(),
            Some(End::Suppressed) => "stored as suppressed record".to_owned(),
            Some(End::Rejected(Some(code))) => format!("rejected with {code}"),
            Some(End::Rejected(None)) => "rejected without a code".to_owned(),
            Some(End::Stopped(code)) => format!("stopped with {code}"),
            Some(End::Silence) => "no final acknowledgement for 8 days".to_owned(),
        }
    }

    /// What the practice must print (spec 00): exactly one of five.
    pub(super) fn print_state(&self) -> u8 {
        const INTEGRATED: u8 = 1;
        const PRINT_MISSING_ITEMS: u8 = 2;
        const PARTLY_DELIVERED: u8 = 3;
        const FAILED: u8 = 4;
        const AWAITING: u8 = 5;
        match &self.end {
            None => AWAITING,
            Some(End::Integrated | End::Suppressed | End::FiledAsAttachment)
                if self.core.has_placeholders() =>
            {
                PRINT_MISSING_ITEMS
            }
            Some(End::Integrated | End::Suppressed | End::FiledAsAttachment) => INTEGRATED,
            Some(End::Rejected(Some(code))) if blames_fragments(code) => PARTLY_DELIVERED,
            Some(End::Stopped(_)) if self.core_accepted => PARTLY_DELIVERED,
            Some(End::Rejected(_) | End::Stopped(_) | End::Silence) => FAILED,
        }
    }

    fn next_core(&mut self, now: Time, office: &Office) -> Result<Message, Unsendable> {
        let is_first = self.core_ids.is_empty();
        let message_id = if is_first && office.manner.core_ids == CoreIds::Same {
            EbxmlMessageId::from(self.core.hl7_id())
        } else {
            next_id(&mut self.ids)
        };
        let message = self.core.message(now, office, message_id.clone())?;
        self.core_due = false;
        self.core_ids.push(message_id);
        self.sent_at = Some(now);
        self.deadline = self.end.is_none().then_some(now + FINAL_ACK_AWAITED);
        Ok(message)
    }

    fn may_send_fragment(&self) -> bool {
        self.end.is_none()
            && self.core_accepted
            && self.continued
            && self.fragment_in_flight.is_none()
            && !self.fragments.is_done()
    }

    /// The core has left, and never again.
    pub(super) const fn was_sent_once(&self) -> bool {
        self.core_ids.len() == 1
    }

    fn all_is_with_spine(&self) -> bool {
        self.core_accepted && self.fragments.is_done() && self.fragment_in_flight.is_none()
    }

    pub(super) fn is_core(&self, message_id: &EbxmlMessageId) -> bool {
        self.core_ids.contains(message_id)
    }

    /// "Duplicate" is said of a repeated core; the first one goes on (TD27.2).
    fn is_of_repeat(&self, ack: &Acknowledgement) -> bool {
        self.core_ids.len() > 1 && ack.code().is_some_and(|code| code.as_str() == "12")
    }

    /// The first end is the end.
    fn end_with(&mut self, end: End) {
        if self.end.is_none() {
            self.end = Some(end);
            self.core_due = false;
            self.deadline = None;
        }
    }

    const fn has_failed(&self) -> bool {
        match self.end {
            None | Some(End::Integrated | End::Suppressed | End::FiledAsAttachment) => false,
            Some(End::Rejected(_) | End::Stopped(_) | End::Silence) => true,
        }
    }
}

/// Codes of a requester that has the core and misses fragments (spec 30).
fn blames_fragments(code: &ResponseCode) -> bool {
    matches!(code.as_str(), "25" | "29" | "30" | "31")
}
