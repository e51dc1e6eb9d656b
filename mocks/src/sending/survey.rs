//! How many bytes things take in a message: found out by writing them, because every dialect
//! heads, wraps and escapes in its own way.

use bytes::Bytes;
use gp2gp_model::EbxmlMessageId;
use gp2gp_model::manner::{IndexStyle, SkeletonWay};
use gp2gp_wire::attachment::{self, Description};
use gp2gp_wire::hl7::{EhrExtract, Payload};
use gp2gp_wire::message::{Attachment, Message};

use super::SizeLimits;
use super::fragments::{Chunk, Writer};
use super::layout::Growth;
use super::parcel::{Content, Cut, Index, Label, Parcel, WholeExtract};
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
            text: self.text_cut(&label)?,
            length: self.writer.office.manner.length,
            may_compress: self.large_messaging,
        };
        let mut parcel = Parcel::survey(label, content, cut, self.spool)?;
        parcel.index = self.index(&parcel)?;
        let growth = self.growths(&parcel)?;
        Ok((parcel, growth))
    }

    /// Reads the original of a skeleton, which may have to travel in one way only.
    pub(super) fn survey_original(
        &self,
        label: Label,
        original: WholeExtract,
    ) -> Result<(Parcel, Growth), Unsendable> {
        let content = Content::Extract(Box::new(original));
        let (parcel, growth) = self.survey(label, content)?;
        let apart = |growth| Growth {
            inline_bytes: None,
            ..growth
        };
        match self.writer.office.manner.skeleton {
            SkeletonWay::AsNeeded | SkeletonWay::Inline => Ok((parcel, growth)),
            SkeletonWay::OwnMessage => Ok((parcel, apart(growth))),
            SkeletonWay::Split => {
                let mut parcel = parcel.in_two(self.spool)?;
                parcel.index = self.index(&parcel)?;
                let growth = self.growths(&parcel)?;
                Ok((parcel, apart(growth)))
            }
        }
    }

    fn growths(&self, parcel: &Parcel) -> Result<Growth, Unsendable> {
        let promised = parcel.promise(self.writer.office, &self.any_id);
        Ok(Growth {
            promised_bytes: self.growth(promised),
            inline_bytes: self.inline_bytes(parcel)?,
        })
    }

    fn inline_bytes(&self, parcel: &Parcel) -> Result<Option<u64>, Unsendable> {
        if parcel.is_split() {
            return Ok(None);
        }
        let office = self.writer.office;
        let description = parcel.inline_description();
        let without_text = (parcel.label).inline(office, description, Bytes::new())?;
        Ok(Some(self.growth(without_text) + parcel.text_bytes()))
    }

    fn text_cut(&self, label: &Label) -> Result<attachment::Cut, Unsendable> {
        Ok(attachment::Cut {
            wrap: self.writer.office.wrap(),
            threshold: self.threshold(label)?,
            ends: self.writer.office.manner.cut,
        })
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
            original_base64: true,
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

    /// The index that lists the chunks, if there is one and one message can be it.
    fn index(&self, parcel: &Parcel) -> Result<Index, Unsendable> {
        if !self.large_messaging {
            return Ok(Index::None);
        }
        let style = self.writer.office.manner.index;
        if !parcel.is_split() && style != IndexStyle::Always {
            return Ok(Index::None);
        }
        let office = self.writer.office;
        let limit = self.limits.message_bytes as u64;
        let empty = self.writer.carry(&self.any_id, &parcel.label, Vec::new())?;
        let chunk = self.any_chunk(&parcel.label);
        let line = self.growth(chunk.reference(office));
        let of_all = encoded_bytes(&empty, self.writer) + line * parcel.chunks();
        let first = self.growth(chunk.inline(office, Bytes::new())?) + parcel.first_text_bytes();
        match style {
            IndexStyle::FirstInline if of_all - line + first <= limit => Ok(Index::HoldsFirst),
            IndexStyle::FirstInline | IndexStyle::Mids | IndexStyle::Always if of_all <= limit => {
                Ok(Index::OfAll)
            }
            IndexStyle::FirstInline | IndexStyle::Mids | IndexStyle::Always => {
                Err(Unsendable::IndexTooLarge {
                    file_name: parcel.label.file_name.clone(),
                    chunks: parcel.chunks(),
                })
            }
        }
    }

    /// A chunk whose numbers are as wide as any.
    fn any_chunk(&self, document: &Label) -> Chunk {
        Chunk {
            mid: self.any_id.clone(),
            label: document.of_chunk(&self.any_id, WIDEST_NUMBER, document.id.clone()),
            length: WIDEST_NUMBER,
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
