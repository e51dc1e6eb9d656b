//! How many bytes things take in a message: found out by writing them, because every dialect
//! heads, wraps and escapes in its own way.

use bytes::Bytes;
use gp2gp_model::EbxmlMessageId;
use gp2gp_wire::attachment::Description;
use gp2gp_wire::hl7::{EhrExtract, Payload};
use gp2gp_wire::message::{Attachment, Message};

use super::SizeLimits;
use super::fragments::{Chunk, Writer};
use super::layout::Growth;
use super::parcel::{Content, Cut, Label, Parcel};
use super::unsendable::Unsendable;
use crate::spool::Spool;

/// Longer than the number of any chunk.
const WIDEST_NUMBER: u64 = 9_999_999_999;

/// Measures what goes into one core.
pub(super) struct Surveyor<'a> {
    writer: Writer<'a>,
    spool: &'a Spool,
    limits: SizeLimits,
    /// Both practices can do it: texts may be compressed and cut; otherwise inline or not at all.
    large_messaging: bool,
    /// The core without a record and without attachments.
    probe: Message,
    probe_bytes: u64,
    /// Stands for any id: all are equally long.
    any_id: EbxmlMessageId,
}

impl<'a> Surveyor<'a> {
    /// A surveyor of the core with this extract around its record.
    pub(super) fn new(
        writer: Writer<'a>,
        around: &EhrExtract,
        spool: &'a Spool,
        limits: SizeLimits,
        large_messaging: bool,
    ) -> Result<Self, Unsendable> {
        let any_id = EbxmlMessageId::from(&around.wrapper.id);
        let payload = Payload::EhrExtract(around.clone());
        let probe = writer.message(any_id.clone(), payload, Vec::new())?;
        Ok(Self {
            probe_bytes: encoded_bytes(&probe, writer),
            writer,
            spool,
            limits,
            large_messaging,
            probe,
            any_id,
        })
    }

    /// Bytes of the core with this record and without attachments.
    pub(super) fn bare_bytes(&self, record: &Bytes) -> u64 {
        self.probe_bytes + record.len() as u64
    }

    /// Surveys an attachment: how it is cut, and what it would make of the core.
    pub(super) fn survey(
        &self,
        label: Label,
        content: Content,
    ) -> Result<(Parcel, Growth), Unsendable> {
        let cut = Cut {
            dialect: self.writer.office.dialect(),
            wrap: self.writer.office.wrap(),
            threshold: self.threshold(&label)?,
            may_compress: self.large_messaging,
        };
        let parcel = Parcel::survey(label, content, cut, self.spool)?;
        let promised = parcel.promise(&self.any_id);
        let growth = Growth {
            promised_bytes: self.growth(promised),
            inline_bytes: self.inline_bytes(&parcel)?,
        };
        Ok((parcel, growth))
    }

    fn inline_bytes(&self, parcel: &Parcel) -> Result<Option<u64>, Unsendable> {
        if parcel.chunks() > 1 {
            self.check_index(parcel)?;
            return Ok(None);
        }
        let office = self.writer.office;
        let description = parcel.inline_description();
        let without_text = (parcel.label).inline(office, description, Bytes::new())?;
        Ok(Some(self.growth(without_text) + parcel.text_bytes()))
    }

    /// Largest text of this attachment in one message: the threshold, or what the name and the
    /// type leave of a message.
    fn threshold(&self, label: &Label) -> Result<usize, Unsendable> {
        if !self.large_messaging {
            return Ok(self.limits.attachment_bytes);
        }
        let widest = Description {
            filename: label.file_name.clone(),
            content_type: label.media_type.clone(),
            compressed: true,
            large_attachment: true,
            original_base64: false,
            length: Some(WIDEST_NUMBER),
            domain_data: None,
        };
        let document = self.carrier_bytes(label, &widest)?;
        let chunk = self.any_chunk(label);
        let chunk = self.carrier_bytes(&chunk.label, &chunk.description())?;
        let room = (self.limits.message_bytes).checked_sub(document.max(chunk) as usize);
        match room {
            Some(room) if room >= 4 => Ok(room.min(self.limits.attachment_bytes)),
            Some(_) | None => Err(Unsendable::NoRoomForText(label.file_name.clone())),
        }
    }

    /// Bytes of a COPC around the text that it carries.
    fn carrier_bytes(&self, label: &Label, description: &Description) -> Result<u64, Unsendable> {
        let description = description.to_string();
        let attachment = label.inline(self.writer.office, description, Bytes::new())?;
        let message = self.writer.carry(&self.any_id, label, vec![attachment])?;
        Ok(encoded_bytes(&message, self.writer))
    }

    fn check_index(&self, parcel: &Parcel) -> Result<(), Unsendable> {
        if !self.large_messaging {
            return Ok(());
        }
        let empty = self.writer.carry(&self.any_id, &parcel.label, Vec::new())?;
        let line = self.growth(self.any_chunk(&parcel.label).reference());
        let bytes = encoded_bytes(&empty, self.writer) + line * parcel.chunks();
        if bytes > self.limits.message_bytes as u64 {
            return Err(Unsendable::IndexTooLarge {
                file_name: parcel.label.file_name.clone(),
                chunks: parcel.chunks(),
            });
        }
        Ok(())
    }

    /// A chunk whose numbers are as wide as any.
    fn any_chunk(&self, document: &Label) -> Chunk {
        Chunk {
            mid: self.any_id.clone(),
            label: document.of_chunk(&self.any_id, WIDEST_NUMBER, document.id.clone()),
            text_bytes: WIDEST_NUMBER,
        }
    }

    /// Bytes by which an attachment makes the core longer.
    fn growth(&self, attachment: Attachment) -> u64 {
        let with = Message {
            attachments: vec![attachment],
            ..self.probe.clone()
        };
        encoded_bytes(&with, self.writer).saturating_sub(self.probe_bytes)
    }
}

fn encoded_bytes(message: &Message, writer: Writer<'_>) -> u64 {
    message.encode(writer.office.dialect()).body.len() as u64
}
