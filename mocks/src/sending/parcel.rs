//! What an attachment is, apart from how it travels: a name, a type, and content that can be
//! read again and again without ever being held.

use std::io::{Cursor, Read};

use bytes::Bytes;
use gp2gp_model::plan::DescriptionChoice;
use gp2gp_model::{DocumentId, EbxmlMessageId, IdError};
use gp2gp_wire::Dialect;
use gp2gp_wire::attachment::{
    ChunkPlan, Description, DocumentEncoder, SKELETON_DOMAIN, Wrap, spine_media_type,
};
use gp2gp_wire::hl7::{EhrExtract, Payload};
use gp2gp_wire::message::{Attachment, Inline, Location};
use gp2gp_wire::mime::TransferEncoding;

use super::letters::Office;
use super::unsendable::Unsendable;
use crate::spool::{Spool, SpoolError, Spooled};
use crate::synthetic::DocumentSpec;

/// An attachment, surveyed: how long its text is and in how many chunks it travels is known.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    pub(super) label: Label,
    content: Content,
    /// Its gzip stream, if it is compressed.
    stream: Option<Spooled>,
    plan: ChunkPlan,
    cut: Cut,
}

/// What an attachment is called and said to be.
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) id: DocumentId,
    pub(super) file_name: String,
    /// True media type, whatever Spine carries.
    pub(super) media_type: String,
    /// How it is described while it is inline.
    pub(super) description: DescriptionChoice,
}

/// Where the bytes of an attachment come from.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// A document of the record.
    Document(DocumentSpec),
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
    pub(super) wrap: Wrap,
    /// Largest base64 text in one message.
    pub(super) threshold: usize,
    /// The other side can take what is compressed.
    pub(super) may_compress: bool,
}

/// A source of bytes of any kind.
pub(super) type Source = Box<dyn Read + Send>;

impl Parcel {
    /// Reads of the content as much as is needed to know its text. What is compressed is
    /// compressed now, into the spool.
    pub(super) fn survey(
        label: Label,
        content: Content,
        cut: Cut,
        spool: &Spool,
    ) -> Result<Self, Unsendable> {
        let compress = cut.may_compress && label.can_say_compressed() && content.is_worth_gzip();
        let mut stream = spool.writer();
        let plan = ChunkPlan::survey(
            content.open(cut.dialect)?,
            content.known_bytes(),
            compress.then_some(&mut stream),
            cut.wrap,
            cut.threshold,
        )?;
        Ok(Self {
            label,
            content,
            stream: plan.compressed.then(|| stream.finish()).transpose()?,
            plan,
            cut,
        })
    }

    /// The base64 texts of the content, each short enough for one message.
    pub(super) fn texts(&self) -> Result<DocumentEncoder<Source>, SpoolError> {
        let source = match &self.stream {
            Some(stream) => Box::new(stream.open()),
            None => self.content.open(self.cut.dialect)?,
        };
        let Cut {
            wrap, threshold, ..
        } = self.cut;
        Ok(DocumentEncoder::new(source, self.plan, wrap, threshold))
    }

    /// How many texts there are.
    pub(super) const fn chunks(&self) -> u64 {
        self.plan.chunks
    }

    /// Length of all texts together.
    pub(super) const fn text_bytes(&self) -> u64 {
        self.plan.text_bytes
    }

    /// Compression, and a type that Spine does not carry, are large messaging (LM06, LM27) even
    /// if everything is inline.
    pub(super) fn needs_large_messaging(&self) -> bool {
        self.plan.compressed || !self.label.has_spine_media_type() || self.is_skeleton()
    }

    pub(super) const fn is_document(&self) -> bool {
        matches!(self.content, Content::Document(_))
    }

    pub(super) const fn is_placeholder(&self) -> bool {
        matches!(self.content, Content::Placeholder(_))
    }

    /// The description while it is inline.
    pub(super) fn inline_description(&self) -> String {
        match self.label.description {
            DescriptionChoice::Grammar | DescriptionChoice::OriginalBase64 => {
                self.description().to_string()
            }
            DescriptionChoice::FilenameOnly => self.label.file_name.clone(),
            DescriptionChoice::Word => "Attachment".to_owned(),
            DescriptionChoice::Empty => String::new(),
        }
    }

    /// The reference that promises it.
    pub(super) fn promise(&self, mid: &EbxmlMessageId) -> Attachment {
        Attachment {
            id: Some(self.label.reference_id()),
            description: Some(self.description().to_string()),
            location: Location::External(mid.clone()),
        }
    }

    /// The description in the grammar: what is promised must always be described by it.
    pub(super) fn description(&self) -> Description {
        Description {
            filename: self.label.file_name.clone(),
            content_type: self.label.media_type.clone(),
            compressed: self.plan.compressed,
            large_attachment: self.plan.chunks > 1,
            original_base64: self.label.description == DescriptionChoice::OriginalBase64,
            length: Some(self.plan.text_bytes),
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
            id,
            file_name: format!("{index}_{number}.messageattachment"),
            media_type: self.media_type.clone(),
            description: DescriptionChoice::Grammar,
        }
    }

    /// Type of the MIME part.
    pub(super) fn part_type(&self) -> &'static str {
        spine_media_type(&self.media_type)
    }

    /// `eb:id`: an NCName (SND-11).
    pub(super) fn reference_id(&self) -> String {
        format!("_{}", self.id.as_str().to_ascii_uppercase())
    }

    /// The attachment of a message that carries this text.
    pub(super) fn inline(
        &self,
        office: &Office,
        description: String,
        text: Bytes,
    ) -> Result<Attachment, IdError> {
        Ok(Attachment {
            id: Some(self.reference_id()),
            description: Some(description),
            location: Location::Inline(Inline {
                content_id: office.content_id(&self.id)?,
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
    /// Four lines are to be read with the naked eye.
    const fn is_worth_gzip(&self) -> bool {
        match self {
            Self::Document(_) | Self::Extract(_) => true,
            Self::Placeholder(_) => false,
        }
    }

    /// Its length, where that is known before it is read.
    const fn known_bytes(&self) -> Option<u64> {
        match self {
            Self::Document(document) => Some(document.bytes),
            Self::Placeholder(text) => Some(text.len() as u64),
            Self::Extract(_) => None,
        }
    }

    fn open(&self, dialect: Dialect) -> Result<Source, SpoolError> {
        Ok(match self {
            Self::Document(document) => Box::new(document.open()),
            Self::Placeholder(text) => Box::new(Cursor::new(text.clone())),
            Self::Extract(extract) => Box::new(Cursor::new(extract.write(dialect)?)),
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
