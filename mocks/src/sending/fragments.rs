//! What a core promised, one message after the other: whole documents, indexes, and chunks.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use gp2gp_model::manner::FragmentOrder;
use gp2gp_model::{EbxmlMessageId, OdsCode, Time};
use gp2gp_sim::Ids;
use gp2gp_wire::attachment::{Description, DocumentEncoder};
use gp2gp_wire::hl7::Payload;
use gp2gp_wire::message::{Attachment, Location, Message};

use super::core_extract::{Attached, Core, Way};
use super::letters::{Correspondent, Office};
use super::parcel::{Index, Label, Parcel, Source, Travels, next_text};
use super::unsendable::Unsendable;

/// Keeps the promises of a core. Holds at most one text, and one open document.
pub(super) struct Fragments {
    due: VecDeque<Due>,
    /// The chunks of every attachment that has an index.
    chunks: BTreeMap<usize, Vec<Chunk>>,
    open: Option<Open>,
}

/// A message still to be sent, about the attachment at this place in the core.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Due {
    Whole(usize, EbxmlMessageId),
    Index(usize, EbxmlMessageId),
    /// And which chunk, from 0.
    Chunk(usize, usize),
}

/// A document that is being read, chunk by chunk.
struct Open {
    attachment: usize,
    next_chunk: usize,
    texts: DocumentEncoder<Source>,
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

/// A chunk as its index promises it.
pub(super) struct Chunk {
    pub(super) mid: EbxmlMessageId,
    pub(super) label: Label,
    /// As its description says.
    pub(super) length: u64,
}

impl Fragments {
    /// All that this core promises, in the order in which this system keeps promises.
    pub(super) fn of(core: &Core, office: &Office, ids: &mut Ids) -> Self {
        let mut due = Vec::new();
        let mut chunks = BTreeMap::new();
        for (at, Attached { parcel, way }) in core.attachments.iter().enumerate() {
            match way {
                Way::Inline => {}
                Way::OwnCopc(mid) => due.push(Due::Whole(at, mid.clone())),
                Way::Indexed(mid) => {
                    let listed: Vec<Chunk> = parcel.list_chunks(mid, ids).collect();
                    let first = usize::from(parcel.index == Index::HoldsFirst);
                    due.push(Due::Index(at, mid.clone()));
                    due.extend((first..listed.len()).map(|number| Due::Chunk(at, number)));
                    chunks.insert(at, listed);
                }
            }
        }
        match office.manner.order {
            FragmentOrder::Manifest => {}
            FragmentOrder::Reversed => due.reverse(),
            FragmentOrder::IndexLast => due.sort_by_key(Due::is_index),
            FragmentOrder::Shuffled => due.sort_by_cached_key(|_| ids.next_uuid()),
        }
        Self {
            due: due.into(),
            chunks,
            open: None,
        }
    }

    /// Nothing is left to be sent.
    pub(super) fn is_done(&self) -> bool {
        self.due.is_empty()
    }

    /// Forgets the last message of all.
    pub(super) fn drop_last(&mut self) {
        self.due.pop_back();
    }

    /// The next message, or `None` if nothing is left.
    pub(super) fn next_message(
        &mut self,
        writer: Writer<'_>,
        attachments: &[Attached],
    ) -> Result<Option<Message>, Unsendable> {
        let Some(due) = self.due.pop_front() else {
            return Ok(None);
        };
        let Some(Attached { parcel, .. }) = attachments.get(due.attachment()) else {
            return Ok(None);
        };
        match due {
            Due::Whole(_, mid) => writer.whole(parcel, &mid),
            Due::Index(at, mid) => {
                let references = self.references(writer, at, parcel)?;
                writer.carry(&mid, &parcel.label, references)
            }
            Due::Chunk(at, number) => self.chunk(writer, at, number, parcel),
        }
        .map(Some)
    }

    /// What stands in an index: chunk 0 itself if it is inline, and the promise of every other.
    fn references(
        &mut self,
        writer: Writer<'_>,
        at: usize,
        parcel: &Parcel,
    ) -> Result<Vec<Attachment>, Unsendable> {
        let first = match parcel.index {
            Index::HoldsFirst => Some(self.text(at, 0, parcel)?),
            Index::None | Index::OfAll => None,
        };
        let chunks = self.chunks.get(&at).map_or(&[][..], Vec::as_slice);
        let inline = chunks.iter().zip(first);
        let promised = chunks.iter().skip(inline.len());
        inline
            .map(|(chunk, text)| chunk.inline(writer.office, text))
            .chain(promised.map(|chunk| Ok(chunk.reference(writer.office))))
            .collect()
    }

    fn chunk(
        &mut self,
        writer: Writer<'_>,
        at: usize,
        number: usize,
        parcel: &Parcel,
    ) -> Result<Message, Unsendable> {
        let text = self.text(at, number, parcel)?;
        let missing = || Unsendable::TextMissing(parcel.label.file_name.clone());
        let chunk = (self.chunks.get(&at))
            .and_then(|chunks| chunks.get(number))
            .ok_or_else(missing)?;
        let attachment = chunk.inline(writer.office, text)?;
        writer.carry(&chunk.mid, &chunk.label, vec![attachment])
    }

    /// The text of a chunk. In whatever order chunks are wanted, each is read once.
    fn text(&mut self, at: usize, number: usize, parcel: &Parcel) -> Result<Bytes, Unsendable> {
        let usable =
            (self.open.take()).filter(|open| open.attachment == at && open.next_chunk == number);
        let mut open = match usable {
            Some(open) => open,
            None => Open {
                attachment: at,
                next_chunk: number,
                texts: parcel.texts_from(number as u64)?,
            },
        };
        let text = next_text(&mut open.texts, &parcel.label)?;
        open.next_chunk = number + 1;
        let is_last = open.next_chunk as u64 == parcel.chunks();
        self.open = (!is_last).then_some(open);
        Ok(text)
    }
}

impl Due {
    const fn attachment(&self) -> usize {
        match self {
            Self::Whole(at, _) | Self::Index(at, _) | Self::Chunk(at, _) => *at,
        }
    }

    const fn is_index(&self) -> bool {
        match self {
            Self::Index(..) => true,
            Self::Whole(..) | Self::Chunk(..) => false,
        }
    }
}

impl Writer<'_> {
    /// A COPC with one whole document.
    fn whole(self, parcel: &Parcel, mid: &EbxmlMessageId) -> Result<Message, Unsendable> {
        let text = next_text(&mut parcel.texts()?, &parcel.label)?;
        let description = parcel.description(Travels::Whole).to_string();
        let attachment = parcel.label.inline(self.office, description, text)?;
        self.carry(mid, &parcel.label, vec![attachment])
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

impl Chunk {
    /// The line of the index that promises it.
    pub(super) fn reference(&self, office: &Office) -> Attachment {
        Attachment {
            id: Some(office.reference_id(&self.label.id)),
            description: Some(self.description().to_string()),
            location: Location::External(self.mid.clone()),
        }
    }

    /// The attachment that it is where its text is.
    pub(super) fn inline(&self, office: &Office, text: Bytes) -> Result<Attachment, Unsendable> {
        let description = self.description().to_string();
        Ok(self.label.inline(office, description, text)?)
    }

    /// A chunk is neither large nor compressed: that is said of the document, in the core.
    pub(super) fn description(&self) -> Description {
        Description {
            filename: self.label.file_name.clone(),
            content_type: self.label.media_type.clone(),
            compressed: false,
            large_attachment: false,
            original_base64: false,
            length: Some(self.length),
            domain_data: None,
        }
    }
}
