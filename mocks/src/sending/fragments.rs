//! What a core promised, one message after the other: whole documents, indexes, and the chunks
//! of an index right after it.

use std::vec;

use bytes::Bytes;
use gp2gp_model::{EbxmlMessageId, OdsCode, Time};
use gp2gp_sim::Ids;
use gp2gp_wire::attachment::{Description, DocumentEncoder};
use gp2gp_wire::hl7::Payload;
use gp2gp_wire::message::{Attachment, Location, Message};

use super::core_extract::{Attached, Core, Way};
use super::letters::{Correspondent, Office};
use super::parcel::{Label, Parcel, Source, next_text};
use super::unsendable::Unsendable;
use crate::mhs::next_id;

/// Walks through the promises of a core. Holds at most one text, and one open document.
pub(super) struct Fragments {
    /// Messages still to be sent.
    left: u64,
    /// Where in the core's attachments the walk is.
    next_attachment: usize,
    chunks: Option<Chunks>,
}

/// What all messages of a transfer have in common at one moment.
#[derive(Clone, Copy)]
pub(super) struct Writer<'a> {
    pub(super) now: Time,
    pub(super) office: &'a Office,
    pub(super) to: &'a Correspondent,
    /// Practice of the requesting system.
    pub(super) requester: &'a OdsCode,
}

/// The chunks of the index that was sent last.
struct Chunks {
    promised: vec::IntoIter<Chunk>,
    /// Read ahead, because its length had to stand in the index.
    first_text: Option<Bytes>,
    texts: DocumentEncoder<Source>,
}

/// A chunk as its index promises it.
pub(super) struct Chunk {
    pub(super) mid: EbxmlMessageId,
    pub(super) label: Label,
    pub(super) text_bytes: u64,
}

impl Fragments {
    /// All that this core promises.
    pub(super) fn of(core: &Core) -> Self {
        Self {
            left: core.promised_messages(),
            next_attachment: 0,
            chunks: None,
        }
    }

    /// Nothing is left to be sent.
    pub(super) const fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Forgets the last message of all.
    pub(super) const fn drop_last(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    /// The next message, or `None` if nothing is left.
    pub(super) fn next_message(
        &mut self,
        writer: Writer<'_>,
        attachments: &[Attached],
        ids: &mut Ids,
    ) -> Result<Option<Message>, Unsendable> {
        if self.is_done() {
            return Ok(None);
        }
        self.left -= 1;
        if let Some(message) = self.next_chunk(writer)? {
            return Ok(Some(message));
        }
        while let Some(attached) = attachments.get(self.next_attachment) {
            self.next_attachment += 1;
            match &attached.way {
                Way::Inline => {}
                Way::OwnCopc(mid) => return writer.whole(&attached.parcel, mid).map(Some),
                Way::Indexed(mid) => {
                    let (index, chunks) = writer.index(&attached.parcel, mid, ids)?;
                    self.chunks = Some(chunks);
                    return Ok(Some(index));
                }
            }
        }
        Ok(None)
    }

    fn next_chunk(&mut self, writer: Writer<'_>) -> Result<Option<Message>, Unsendable> {
        let Some(chunks) = &mut self.chunks else {
            return Ok(None);
        };
        let message = chunks.next_message(writer)?;
        if message.is_none() {
            self.chunks = None;
        }
        Ok(message)
    }
}

impl Writer<'_> {
    /// A COPC with one whole document.
    fn whole(self, parcel: &Parcel, mid: &EbxmlMessageId) -> Result<Message, Unsendable> {
        let text = next_text(&mut parcel.texts()?, &parcel.label)?;
        let description = parcel.description().to_string();
        let attachment = parcel.label.inline(self.office, description, text)?;
        self.carry(mid, &parcel.label, vec![attachment])
    }

    /// A COPC that lists the chunks of a document, and those chunks.
    ///
    /// All chunks but the last are equally long, so the first one and the sum tell all lengths.
    fn index(
        self,
        parcel: &Parcel,
        mid: &EbxmlMessageId,
        ids: &mut Ids,
    ) -> Result<(Message, Chunks), Unsendable> {
        let mut texts = parcel.texts()?;
        let first = next_text(&mut texts, &parcel.label)?;
        let full = first.len() as u64;
        let promised: Vec<Chunk> = (0..parcel.chunks())
            .map(|number| {
                let rest = parcel.text_bytes().saturating_sub(number * full);
                Chunk {
                    mid: next_id(ids),
                    label: parcel.label.of_chunk(mid, number, next_id(ids)),
                    text_bytes: rest.min(full),
                }
            })
            .collect();
        let references = promised.iter().map(Chunk::reference).collect();
        let message = self.carry(mid, &parcel.label, references)?;
        let chunks = Chunks {
            promised: promised.into_iter(),
            first_text: Some(first),
            texts,
        };
        Ok((message, chunks))
    }

    /// A message of the transfer.
    pub(super) fn message(
        self,
        message_id: EbxmlMessageId,
        payload: Payload,
        attachments: Vec<Attachment>,
    ) -> Result<Message, Unsendable> {
        Ok((self.office).message(self.now, self.to, message_id, payload, attachments)?)
    }

    /// A COPC with these attachments.
    pub(super) fn carry(
        self,
        mid: &EbxmlMessageId,
        label: &Label,
        attachments: Vec<Attachment>,
    ) -> Result<Message, Unsendable> {
        let payload =
            (self.office).fragment(self.now, self.to, self.requester, mid, &label.file_name);
        self.message(mid.clone(), payload, attachments)
    }
}

impl Chunks {
    fn next_message(&mut self, writer: Writer<'_>) -> Result<Option<Message>, Unsendable> {
        let Some(chunk) = self.promised.next() else {
            return Ok(None);
        };
        let text = match self.first_text.take() {
            Some(text) => text,
            None => next_text(&mut self.texts, &chunk.label)?,
        };
        let description = chunk.description().to_string();
        let attachment = chunk.label.inline(writer.office, description, text)?;
        writer
            .carry(&chunk.mid, &chunk.label, vec![attachment])
            .map(Some)
    }
}

impl Chunk {
    /// The line of the index.
    pub(super) fn reference(&self) -> Attachment {
        Attachment {
            id: Some(self.label.reference_id()),
            description: Some(self.description().to_string()),
            location: Location::External(self.mid.clone()),
        }
    }

    /// A chunk is neither large nor compressed: that is said of the document, in the core.
    pub(super) fn description(&self) -> Description {
        Description {
            filename: self.label.file_name.clone(),
            content_type: self.label.media_type.clone(),
            compressed: false,
            large_attachment: false,
            original_base64: false,
            length: Some(self.text_bytes),
            domain_data: None,
        }
    }
}
