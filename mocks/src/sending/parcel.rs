//! What an attachment is, apart from how it travels: a name, a type, and content that can be
//! read again and again without ever being held.

use std::io::{Cursor, Read};

use bytes::Bytes;
use gp2gp_model::manner::LengthCount;
use gp2gp_model::plan::DescriptionChoice;
use gp2gp_model::{DocumentId, EbxmlMessageId, IdError};
use gp2gp_sim::Ids;
use gp2gp_wire::Dialect;
use gp2gp_wire::attachment::{
    self, ChunkPlan, Description, DocumentEncoder, Placeholder, SKELETON_DOMAIN, chunk_file_name,
    spine_media_type,
};
use gp2gp_wire::hl7::{EhrExtract, Payload};
use gp2gp_wire::message::{Attachment, Inline, Location};
use gp2gp_wire::mime::TransferEncoding;

use super::fragments::Chunk;
use super::letters::Office;
use super::unsendable::Unsendable;
use crate::mhs::next_id;
use crate::spool::{Spool, SpoolError, Spooled};

/// An attachment, surveyed: how long its text is and in how many chunks it travels is known.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    pub(super) label: Label,
    content: Content,
    /// Its gzip stream, if it is compressed.
    stream: Option<Spooled>,
    plan: ChunkPlan,
    cut: Cut,
    pub(super) index: Index,
}

/// The index of an attachment that does not travel in the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Index {
    /// There is none: one COPC carries the whole.
    None,
    /// Promises every chunk.
    OfAll,
    /// Carries chunk 0 and promises the others.
    HoldsFirst,
}

/// In how many pieces an attachment travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Travels {
    /// In one piece, wherever.
    Whole,
    /// As chunks that an index lists.
    InChunks,
}

/// What an attachment is called and said to be.
#[derive(Debug, Clone)]
pub(super) struct Label {
    /// Two documents of a record may bear one id.
    pub(super) id: DocumentId,
    /// No two MIME parts bear one id.
    pub(super) part_id: DocumentId,
    pub(super) file_name: String,
    /// True media type, whatever Spine carries.
    pub(super) media_type: String,
    /// How it is described while it is inline.
    pub(super) description: DescriptionChoice,
}

/// Where the bytes of an attachment come from.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// A document of the record, as the store gave it.
    Document {
        /// Its number there.
        in_store: Option<DocumentId>,
        content: Spooled,
    },
    /// The four lines that stand for a document that cannot be delivered.
    Placeholder(Bytes),
    /// The whole extract, whose place in the core a skeleton takes (LM24).
    Extract(Box<WholeExtract>),
}

/// An extract as the record source gives it.
#[derive(Debug, Clone)]
pub(super) struct WholeExtract {
    /// All but the record.
    pub(super) around: EhrExtract,
    pub(super) record: Spooled,
}

/// How text is laid out and cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) dialect: Dialect,
    pub(super) text: attachment::Cut,
    pub(super) length: LengthCount,
    /// The other side can take what is compressed.
    pub(super) may_compress: bool,
}

/// A source of bytes of any kind.
pub(super) type Source = Box<dyn Read + Send>;

impl Parcel {
    /// Reads of the content as much as is needed to know its text. What is compressed is
    /// compressed now, into the spool. Without an index so far.
    pub(super) fn survey(
        label: Label,
        content: Content,
        cut: Cut,
        spool: &Spool,
    ) -> Result<Self, Unsendable> {
        let compress =
            cut.may_compress && label.can_say_compressed() && content.is_worth_gzip(&label);
        let mut stream = spool.writer();
        let plan = ChunkPlan::survey(
            content.open_at(0, cut.dialect)?,
            content.known_bytes(),
            compress.then_some(&mut stream),
            cut.text,
        )?;
        Ok(Self {
            label,
            content,
            stream: plan.compressed.then(|| stream.finish()).transpose()?,
            plan,
            cut,
            index: Index::None,
        })
    }

    /// The base64 texts of the content, each short enough for one message.
    pub(super) fn texts(&self) -> Result<DocumentEncoder<Source>, SpoolError> {
        self.texts_from(0)
    }

    /// The same from this one on. What goes before it is not read.
    pub(super) fn texts_from(&self, chunk: u64) -> Result<DocumentEncoder<Source>, SpoolError> {
        let (plan, cut) = (self.plan, self.cut.text);
        let before = plan.content_before(chunk, cut);
        let source = match &self.stream {
            Some(stream) => Box::new(stream.open_at(before)),
            None => self.content.open_at(before, self.cut.dialect)?,
        };
        Ok(DocumentEncoder::starting_at(chunk, source, plan, cut))
    }

    /// The same attachment in at least two chunks.
    pub(super) fn in_two(self, spool: &Spool) -> Result<Self, Unsendable> {
        if self.is_split() {
            return Ok(self);
        }
        let half = usize::try_from(self.text_bytes().div_ceil(8) * 4).unwrap_or(usize::MAX);
        let text = attachment::Cut {
            threshold: half,
            ..self.cut.text
        };
        Self::survey(self.label, self.content, Cut { text, ..self.cut }, spool)
    }

    /// What its index lists, under new ids.
    pub(super) fn list_chunks(
        &self,
        index: &EbxmlMessageId,
        ids: &mut Ids,
    ) -> impl Iterator<Item = Chunk> {
        (0..self.chunks()).map(|number| Chunk {
            mid: next_id(ids),
            label: self.label.of_chunk(index, number, next_id(ids)),
            length: match self.cut.length {
                LengthCount::AsSent => self.plan.length_of(number),
                LengthCount::Characters => self.plan.characters_of(number, self.cut.text),
            },
        })
    }

    /// No single message can carry it.
    pub(super) const fn is_split(&self) -> bool {
        self.plan.chunks > 1
    }

    /// How many texts there are.
    pub(super) const fn chunks(&self) -> u64 {
        self.plan.chunks
    }

    /// Bytes of all texts together.
    pub(super) const fn text_bytes(&self) -> u64 {
        self.plan.text_bytes
    }

    /// Bytes of the first text.
    pub(super) fn first_text_bytes(&self) -> u64 {
        self.plan.length_of(0)
    }

    /// Compression, and a type that Spine does not carry, are large messaging (LM06, LM27) even
    /// if everything is inline.
    pub(super) fn needs_large_messaging(&self) -> bool {
        self.plan.compressed || !self.label.has_spine_media_type() || self.is_skeleton()
    }

    /// The number in the store of a document that came from there.
    pub(super) const fn in_store(&self) -> Option<&DocumentId> {
        match &self.content {
            Content::Document { in_store, .. } => in_store.as_ref(),
            Content::Placeholder(_) | Content::Extract(_) => None,
        }
    }

    pub(super) const fn is_placeholder(&self) -> bool {
        matches!(self.content, Content::Placeholder(_))
    }

    /// The description while it is inline.
    pub(super) fn inline_description(&self) -> String {
        match self.label.description {
            DescriptionChoice::Grammar | DescriptionChoice::OriginalBase64 => {
                self.description(Travels::Whole).to_string()
            }
            DescriptionChoice::FilenameOnly => self.label.file_name.clone(),
            DescriptionChoice::Word => "Attachment".to_owned(),
            DescriptionChoice::Empty => String::new(),
        }
    }

    /// The reference that promises it.
    pub(super) fn promise(&self, office: &Office, mid: &EbxmlMessageId) -> Attachment {
        let travels = match self.index {
            Index::None => Travels::Whole,
            Index::OfAll | Index::HoldsFirst => Travels::InChunks,
        };
        Attachment {
            id: Some(office.reference_id(&self.label.id)),
            description: Some(self.description(travels).to_string()),
            location: Location::External(mid.clone()),
        }
    }

    /// The description in the grammar: what is promised must always be described by it.
    pub(super) fn description(&self, travels: Travels) -> Description {
        Description {
            filename: self.label.file_name.clone(),
            content_type: self.label.media_type.clone(),
            compressed: self.plan.compressed,
            large_attachment: travels == Travels::InChunks,
            original_base64: self.label.description == DescriptionChoice::OriginalBase64,
            length: Some(match self.cut.length {
                LengthCount::AsSent => self.plan.text_bytes,
                LengthCount::Characters => self.plan.characters(self.cut.text),
            }),
            domain_data: self.is_skeleton().then(|| SKELETON_DOMAIN.to_owned()),
        }
    }

    const fn is_skeleton(&self) -> bool {
        matches!(self.content, Content::Extract(_))
    }
}

impl Label {
    /// The label of a chunk: numbered from 0 under the message id of its index (SND-36).
    pub(super) fn of_chunk(&self, index: &EbxmlMessageId, number: u64, id: DocumentId) -> Self {
        Self {
            part_id: id.clone(),
            id,
            file_name: chunk_file_name(index, number),
            media_type: self.media_type.clone(),
            description: DescriptionChoice::Grammar,
        }
    }

    /// Type of the MIME part.
    pub(super) fn part_type(&self) -> &'static str {
        spine_media_type(&self.media_type)
    }

    /// The attachment of a message that carries this text.
    pub(super) fn inline(
        &self,
        office: &Office,
        description: String,
        text: Bytes,
    ) -> Result<Attachment, IdError> {
        Ok(Attachment {
            id: Some(office.reference_id(&self.id)),
            description: Some(description),
            location: Location::Inline(Inline {
                content_id: office.content_id(&self.part_id)?,
                content_type: self.part_type().to_owned(),
                encoding: TransferEncoding::Base64,
                body: text,
            }),
        })
    }

    fn has_spine_media_type(&self) -> bool {
        self.part_type()
            .eq_ignore_ascii_case(self.media_type.trim())
    }

    /// Only the grammar tells a receiver that it has to decompress.
    const fn can_say_compressed(&self) -> bool {
        match self.description {
            DescriptionChoice::Grammar | DescriptionChoice::OriginalBase64 => true,
            DescriptionChoice::FilenameOnly
            | DescriptionChoice::Word
            | DescriptionChoice::Empty => false,
        }
    }
}

impl Content {
    /// Four lines are to be read with the naked eye, wherever they were written.
    fn is_worth_gzip(&self, label: &Label) -> bool {
        match self {
            Self::Document { .. } => !Placeholder::is_file_name(&label.file_name),
            Self::Extract(_) => true,
            Self::Placeholder(_) => false,
        }
    }

    /// Its length, where that is known before it is read.
    const fn known_bytes(&self) -> Option<u64> {
        match self {
            Self::Document { content, .. } => Some(content.bytes()),
            Self::Placeholder(text) => Some(text.len() as u64),
            Self::Extract(_) => None,
        }
    }

    /// The content behind its first so many bytes.
    fn open_at(&self, at: u64, dialect: Dialect) -> Result<Source, SpoolError> {
        let in_memory = |text: Bytes| {
            let mut text = Cursor::new(text);
            text.set_position(at);
            Box::new(text)
        };
        Ok(match self {
            Self::Document { content, .. } => Box::new(content.open_at(at)),
            Self::Placeholder(text) => in_memory(text.clone()),
            Self::Extract(extract) => in_memory(extract.write(dialect)?),
        })
    }
}

/// The next text of an attachment that was surveyed to have one.
pub(super) fn next_text(
    texts: &mut DocumentEncoder<Source>,
    label: &Label,
) -> Result<Bytes, Unsendable> {
    let missing = || Unsendable::TextMissing(label.file_name.clone());
    Ok(texts.next().ok_or_else(missing)??)
}

impl WholeExtract {
    /// The extract with its record.
    pub(super) fn extract(&self) -> Result<EhrExtract, SpoolError> {
        Ok(EhrExtract {
            record: self.record.read()?,
            ..self.around.clone()
        })
    }

    fn write(&self, dialect: Dialect) -> Result<Bytes, SpoolError> {
        Ok(Payload::EhrExtract(self.extract()?).write(dialect))
    }
}
