//! What is wrong with the messages of a broken sending system, put there just before they leave.

use std::time::Duration;

use gp2gp_model::{Interaction, ResponseCode, Time};
use gp2gp_sim::Ids;
use gp2gp_wire::hl7::{Acknowledgement, EhrExtract, ExtractVersion, Fragment, Payload, Wrapper};
use gp2gp_wire::message::Message;

use super::content;
use super::{Flaws, Tag};
use crate::defect::SendingDefect as Broken;
use crate::mhs::{Outbox, next_id};

/// Spoils a message. The ids are new ones.
pub(super) type Spoil = fn(&mut Message, &mut Ids);

/// One line for each defect that can be put into a finished message.
const SPOILS: &[(Broken, Spoil)] = &[
    (Broken::ActionOfOtherForm, |message, _| {
        if let Payload::EhrExtract(extract) = &message.payload {
            let other = match extract.version {
                ExtractVersion::Uk06 => Interaction::EhrExtractUk07,
                ExtractVersion::Uk07 | ExtractVersion::Uk08 => Interaction::EhrExtractUk06,
            };
            message.header.action = other.id().to_owned();
        }
    }),
    (Broken::MarksForEverybody, |message, _| {
        if let Payload::EhrExtract(extract) = &mut message.payload
            && is_marked(extract)
        {
            let newer = ExtractVersion::Uk07;
            extract.version = newer;
            newer
                .interaction()
                .id()
                .clone_into(&mut extract.wrapper.root);
            (extract.wrapper.interaction_id).clone_from(&extract.wrapper.root);
            message.header.action.clone_from(&extract.wrapper.root);
        }
    }),
    (Broken::ExtractElsewhere, |message, ids| {
        if extract(message).is_some() {
            message.header.conversation_id = next_id(ids);
        }
    }),
    (Broken::LowerCaseMessageIds, |message, _| {
        let lower = message.header.message_id.as_str().to_ascii_lowercase();
        if let Ok(id) = lower.parse() {
            message.header.message_id = id;
        }
    }),
    (Broken::RepeatsNotEliminated, |message, _| {
        message.header.duplicate_elimination = false;
    }),
    (Broken::ContractOfNobody, |message, ids| {
        message.header.cpa_id = next_id(ids);
    }),
    (Broken::AsidsNotExchanged, |message, _| {
        let wrapper = wrapper(message);
        std::mem::swap(&mut wrapper.sender, &mut wrapper.recipient);
    }),
    (Broken::FragmentsFromOthers, |message, _| {
        if let Some(Fragment { fragment, .. }) = fragment(message)
            && let Some(recipient) = fragment.recipients.first()
        {
            fragment.from = recipient.clone();
        }
    }),
    (Broken::FragmentsUnnamed, |message, _| {
        if let Some(fragment) = fragment(message) {
            fragment.fragment.subject = "Attachment: document".to_owned();
        }
    }),
    (Broken::OneDigitCodes, |message, _| {
        if let Some(ack) = ack(message) {
            let (reason, detail) = (&mut ack.reason, &mut ack.detail);
            let codes = [
                reason.as_mut().map(|reason| &mut reason.code),
                detail.as_mut().map(|detail| &mut detail.code),
            ];
            for code in codes.into_iter().flatten() {
                *code = ResponseCode::from(code.as_str().trim_start_matches('0'));
            }
        }
    }),
    (Broken::CodeInDetailOnly, |message, _| {
        if let Some(ack) = ack(message) {
            ack.reason = None;
        }
    }),
    (Broken::TextOfItsOwn, |message, _| {
        if let Some(ack) = ack(message) {
            let (reason, detail) = (&mut ack.reason, &mut ack.detail);
            let texts = [
                reason.as_mut().map(|reason| &mut reason.display_name),
                detail.as_mut().map(|detail| &mut detail.display_name),
            ];
            for text in texts.into_iter().flatten() {
                *text = Some("sorry, no record".to_owned());
            }
        }
    }),
    (Broken::BornExpired, |message, _| {
        let issued = message.header.timestamp.as_micros();
        message.header.time_to_live = Some(Time::from_micros(issued - HOUR.as_micros() as u64));
    }),
];

const HOUR: Duration = Duration::from_hours(1);

/// More than a day after the request.
const THE_DAY_AFTER: Duration = Duration::from_hours(25);

impl Flaws {
    /// Sends a message the way this system does.
    pub(in super::super) fn send(
        &mut self,
        outbox: &mut Outbox<Tag>,
        now: Time,
        mut message: Message,
        tag: Tag,
    ) {
        if self.defects.is_empty() {
            return outbox.send(now, &message, tag);
        }
        let is_first = self.remember(&mut message);
        let all = SPOILS.iter().chain(content::SPOILS);
        for (_, spoil) in all.filter(|(defect, _)| self.defects.contains(defect)) {
            spoil(&mut message, &mut self.ids);
        }
        let is_extract = extract(&mut message).is_some();
        if is_extract && self.has(Broken::SendsTheDayAfter) {
            outbox.send_later(now + THE_DAY_AFTER, &message, tag);
        } else if self.has(Broken::PostsOnce)
            || (is_extract && is_first && self.has(Broken::NewMessageForRetry))
        {
            outbox.send_once(now, &message, tag);
        } else {
            outbox.send(now, &message, tag);
        }
        if let Some(double) = self.double(message) {
            outbox.send(now, &double, Tag::Loose);
        }
    }

    /// Whether an extract goes out for the first time; a system that extracts anew gives it
    /// another content the second time.
    fn remember(&mut self, message: &mut Message) -> bool {
        if fragment(message).is_some() && self.has(Broken::ContinueStartsOver) {
            self.fragments.push(message.clone());
        }
        let Some(extract) = extract(message) else {
            return true;
        };
        let is_first = self.cores.insert(extract.wrapper.id.clone());
        if !is_first && self.defects.contains(&Broken::ExtractedAnew) {
            extract.id = next_id(&mut self.ids);
        }
        is_first
    }

    /// The same message under ids of its own, from a system that sends such twice.
    fn double(&mut self, mut message: Message) -> Option<Message> {
        let is_doubled = (ack(&mut message).is_some() && self.has(Broken::AnswersTwice))
            || (fragment(&mut message).is_some() && self.has(Broken::FragmentsDoubled));
        if !is_doubled {
            return None;
        }
        message.header.message_id = next_id(&mut self.ids);
        let id = gp2gp_model::Hl7MessageId::from(&message.header.message_id);
        wrapper(&mut message).id = id.clone();
        if let Some(Fragment {
            fragment,
            information_id,
            ..
        }) = fragment(&mut message)
        {
            fragment.message_id = id.clone();
            *information_id = id;
        }
        Some(message)
    }
}

fn is_marked(extract: &EhrExtract) -> bool {
    let mark = b"confidentialityCode";
    let mut windows = extract.record.windows(mark.len());
    windows.any(|window| window == mark)
}

const fn wrapper(message: &mut Message) -> &mut Wrapper {
    match &mut message.payload {
        Payload::EhrRequest(request) => &mut request.wrapper,
        Payload::EhrExtract(extract) => &mut extract.wrapper,
        Payload::Continue(message) => &mut message.wrapper,
        Payload::Fragment(fragment) => &mut fragment.wrapper,
        Payload::Acknowledgement(ack) => &mut ack.wrapper,
    }
}

pub(super) const fn extract(message: &mut Message) -> Option<&mut EhrExtract> {
    match &mut message.payload {
        Payload::EhrExtract(extract) => Some(extract),
        Payload::EhrRequest(_)
        | Payload::Continue(_)
        | Payload::Fragment(_)
        | Payload::Acknowledgement(_) => None,
    }
}

pub(super) const fn fragment(message: &mut Message) -> Option<&mut Fragment> {
    match &mut message.payload {
        Payload::Fragment(fragment) => Some(fragment),
        Payload::EhrRequest(_)
        | Payload::EhrExtract(_)
        | Payload::Continue(_)
        | Payload::Acknowledgement(_) => None,
    }
}

const fn ack(message: &mut Message) -> Option<&mut Acknowledgement> {
    match &mut message.payload {
        Payload::Acknowledgement(ack) => Some(ack),
        Payload::EhrRequest(_)
        | Payload::EhrExtract(_)
        | Payload::Continue(_)
        | Payload::Fragment(_) => None,
    }
}
