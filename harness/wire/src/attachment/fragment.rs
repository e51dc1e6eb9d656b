//! A document to base64 chunks: surveyed first, then encoded chunk by chunk.

use std::cell::Cell;
use std::io::{self, Read, Write};

use bytes::Bytes;
use gp2gp_model::manner::ChunkEnds;

use super::base64::{LINE, append_encoded};
use super::document::PIECE;
use super::gzip::{Gunzip, Limit, compressing, smaller};
use super::{AttachmentError, Wrap, encoded_len};

/// Smallest threshold: one group of four. Less could carry nothing.
const SMALLEST_THRESHOLD: usize = 4;

/// How much of a document's beginning tells whether gzip is worth trying. Scans are packed
/// already from their first block on, and trying all of them costs more than sending them.
const GZIP_SAMPLE: usize = 65_536;

/// What is known of a document's text before its first chunk is sent: an index must promise
/// every chunk and the total length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkPlan {
    /// GZIP makes it smaller and is used.
    pub compressed: bool,
    /// Bytes of the document.
    pub document_bytes: u64,
    /// Characters of the base64 text as it is sent: the `Length` of a description. The line ends
    /// inside a chunk count; between two chunks there is none.
    pub text_bytes: u64,
    /// Number of chunks; 1 means it fits one message.
    pub chunks: u64,
    /// Length of the text of every chunk but the last.
    pub chunk_text_bytes: u64,
}

/// How base64 text is laid out, and where it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Lines.
    pub wrap: Wrap,
    /// Largest text, in bytes, that still travels in one message; a longer one is cut into chunks
    /// of at most so many bytes. Below 4 counts as 4.
    pub threshold: usize,
    /// Where chunks end. Those of whole groups end between two lines if the text is wrapped.
    pub ends: ChunkEnds,
}

impl Cut {
    /// The usual cut: every chunk decodes alone.
    pub const fn groups(wrap: Wrap, threshold: usize) -> Self {
        Self {
            wrap,
            threshold,
            ends: ChunkEnds::Groups,
        }
    }
}

impl ChunkPlan {
    /// Reads the document once, without keeping it; of a document of `known` length that is not to
    /// be compressed, no more than its first 64 KiB.
    ///
    /// Compresses into `gzip` where that makes the content and its first 64 KiB smaller, and where
    /// [`DocumentDecoder`](super::DocumentDecoder) would not take the stream for a bomb. Only in a
    /// `compressed` plan does what was written there have a meaning.
    pub fn survey(
        source: impl Read,
        known: Option<u64>,
        gzip: Option<&mut dyn Write>,
        cut: Cut,
    ) -> Result<Self, AttachmentError> {
        let survey = match gzip {
            Some(gzip) => survey_gzip(source, known, gzip)?,
            None => survey_plain(source, known)?,
        };
        let compressed = survey.gzip_bytes.is_some();
        let content_bytes = survey.gzip_bytes.unwrap_or(survey.document_bytes);
        let plan = |text_bytes, chunks, chunk_text_bytes| Self {
            compressed,
            document_bytes: survey.document_bytes,
            text_bytes,
            chunks,
            chunk_text_bytes,
        };

        let whole_bytes = encoded_len(content_bytes, cut.wrap);
        if whole_bytes <= cut.threshold.max(SMALLEST_THRESHOLD) as u64 {
            return Ok(plan(whole_bytes, 1, whole_bytes));
        }
        let chunk_bytes = bytes_per_chunk(cut) as u64;
        let full = encoded_len(chunk_bytes, cut.wrap);
        Ok(match cut.ends {
            ChunkEnds::Groups | ChunkEnds::Padded => {
                let last_bytes = content_bytes % chunk_bytes;
                let text_bytes =
                    content_bytes / chunk_bytes * full + encoded_len(last_bytes, cut.wrap);
                plan(text_bytes, content_bytes.div_ceil(chunk_bytes), full)
            }
            ChunkEnds::Uneven => {
                let chunk_text_bytes = full - 1;
                plan(
                    whole_bytes,
                    whole_bytes.div_ceil(chunk_text_bytes),
                    chunk_text_bytes,
                )
            }
        })
    }
}

impl ChunkPlan {
    /// Length of the text of a chunk, from 0.
    pub fn length_of(&self, chunk: u64) -> u64 {
        let rest = (self.text_bytes).saturating_sub(chunk.saturating_mul(self.chunk_text_bytes));
        rest.min(self.chunk_text_bytes)
    }

    /// Base64 characters of a chunk, from 0: its length without line ends.
    pub fn characters_of(&self, chunk: u64, cut: Cut) -> u64 {
        match cut.ends {
            ChunkEnds::Groups | ChunkEnds::Padded => {
                characters_before(self.length_of(chunk), cut.wrap)
            }
            ChunkEnds::Uneven => {
                let start = chunk.saturating_mul(self.chunk_text_bytes);
                let end = start.saturating_add(self.length_of(chunk));
                characters_before(end, cut.wrap) - characters_before(start, cut.wrap)
            }
        }
    }

    /// Bytes of the content that need not be read for the text of a chunk, from 0, and of those
    /// behind it.
    pub fn content_before(&self, chunk: u64, cut: Cut) -> u64 {
        match cut.ends {
            ChunkEnds::Groups | ChunkEnds::Padded => {
                chunk.saturating_mul(self.content_per_chunk(cut) as u64)
            }
            ChunkEnds::Uneven => {
                let (text, content) = unit(cut.wrap);
                chunk.saturating_mul(self.chunk_text_bytes) / text * content
            }
        }
    }

    fn content_per_chunk(&self, cut: Cut) -> usize {
        match self.chunks {
            1 => usize::MAX,
            _ => bytes_per_chunk(cut),
        }
    }

    /// Base64 characters of all chunks.
    pub fn characters(&self, cut: Cut) -> u64 {
        let last = self.chunks.saturating_sub(1);
        match cut.ends {
            ChunkEnds::Groups | ChunkEnds::Padded => {
                last * self.characters_of(0, cut) + self.characters_of(last, cut)
            }
            ChunkEnds::Uneven => characters_before(self.text_bytes, cut.wrap),
        }
    }
}

/// Bytes of text, and of the content that they stand for, before and after which text can be made on
/// its own: a line with its end, or a group.
const fn unit(wrap: Wrap) -> (u64, u64) {
    match wrap.line_end().len() as u64 {
        0 => (4, 3),
        line_end => (LINE as u64 + line_end, LINE as u64 / 4 * 3),
    }
}

/// Base64 characters among the first so many bytes of a wrapped text.
fn characters_before(text_bytes: u64, wrap: Wrap) -> u64 {
    let (line, line_end) = (LINE as u64, wrap.line_end().len() as u64);
    if line_end == 0 {
        return text_bytes;
    }
    let of_last_line = text_bytes % (line + line_end);
    text_bytes / (line + line_end) * line + of_last_line.min(line)
}

/// What one reading of a document tells.
struct Survey {
    document_bytes: u64,
    /// Length of its gzip stream, if that is to be sent.
    gzip_bytes: Option<u64>,
}

fn survey_plain(mut source: impl Read, known: Option<u64>) -> Result<Survey, AttachmentError> {
    let counted = || io::copy(&mut source, &mut io::sink()).map_err(|error| source_failed(&error));
    Ok(Survey {
        document_bytes: known.map_or_else(counted, Ok)?,
        gzip_bytes: None,
    })
}

fn survey_gzip(
    mut source: impl Read,
    known: Option<u64>,
    gzip: &mut dyn Write,
) -> Result<Survey, AttachmentError> {
    let mut sample = Vec::with_capacity(GZIP_SAMPLE);
    read_piece(&mut source, GZIP_SAMPLE as u64, &mut sample)?;
    let Some(stream) = smaller(&sample) else {
        return survey_plain(io::Cursor::new(sample).chain(source), known);
    };
    if sample.len() < GZIP_SAMPLE {
        // That was all of it.
        gzip.write_all(&stream)
            .map_err(|error| gzip_failed(&error))?;
        return Ok(Survey {
            document_bytes: sample.len() as u64,
            gzip_bytes: Some(stream.len() as u64),
        });
    }
    survey_all_gzip(io::Cursor::new(sample).chain(source), gzip)
}

fn survey_all_gzip(source: impl Read, gzip: &mut dyn Write) -> Result<Survey, AttachmentError> {
    let document_bytes = Cell::new(0);
    let mut stream = compressing(Counted {
        source,
        bytes: &document_bytes,
    });
    let mut gzip_bytes = 0;
    let mut reader = Gunzip::new(Limit::Ratio);
    let mut readable = true;
    let mut piece = Vec::with_capacity(PIECE);
    while read_piece(&mut stream, PIECE as u64, &mut piece)? > 0 {
        gzip_bytes += piece.len() as u64;
        gzip.write_all(&piece)
            .map_err(|error| gzip_failed(&error))?;
        readable = readable && reader.push(&piece, &mut |_| ()).is_ok();
    }
    let document_bytes = document_bytes.get();
    let worth_it = readable && gzip_bytes < document_bytes;
    Ok(Survey {
        document_bytes,
        gzip_bytes: worth_it.then_some(gzip_bytes),
    })
}

/// Bytes of content in each chunk but the last; of uneven chunks, in what is one character longer.
fn bytes_per_chunk(cut: Cut) -> usize {
    let Cut {
        wrap,
        threshold,
        ends,
    } = cut;
    let line_end = wrap.line_end().len();
    let lines = threshold.saturating_add(line_end) / (LINE + line_end);
    let characters = match (wrap, lines) {
        (Wrap::None, _) | (Wrap::Lf76 | Wrap::CrLf76, 0) => threshold.max(SMALLEST_THRESHOLD),
        (Wrap::Lf76 | Wrap::CrLf76, lines) => lines * LINE,
    };
    let bytes = characters / 4 * 3;
    match ends {
        ChunkEnds::Groups | ChunkEnds::Uneven => bytes,
        ChunkEnds::Padded => bytes - 1,
    }
}

/// The chunks of a document, one after the other; each is base64 text of at most the threshold's
/// bytes. Ends after the first error.
pub struct DocumentEncoder<R> {
    content: R,
    plan: ChunkPlan,
    cut: Cut,
    chunk_bytes: usize,
    /// Chunks, bytes of content and bytes of text so far.
    chunks: u64,
    content_bytes: u64,
    text_bytes: u64,
    piece: Vec<u8>,
    /// Text beyond the end of the last chunk, where chunks are cut from one text.
    uncut: Vec<u8>,
    /// Bytes of text before the first chunk, there.
    skipped: usize,
}

impl<R: Read> DocumentEncoder<R> {
    /// Encodes what was surveyed, with the same cut: the gzip stream if the plan is `compressed`,
    /// else the document. A source that gives something else than was surveyed is an error.
    pub fn new(content: R, plan: ChunkPlan, cut: Cut) -> Self {
        Self::starting_at(0, content, plan, cut)
    }

    /// The same from this chunk on, counted from 0. The content begins behind
    /// [`ChunkPlan::content_before`].
    pub fn starting_at(chunk: u64, content: R, plan: ChunkPlan, cut: Cut) -> Self {
        let content_bytes = plan.content_before(chunk, cut);
        let before = chunk.saturating_mul(plan.chunk_text_bytes);
        let skipped = match cut.ends {
            ChunkEnds::Groups | ChunkEnds::Padded => 0,
            ChunkEnds::Uneven => before % unit(cut.wrap).0,
        };
        Self {
            content,
            plan,
            cut,
            chunk_bytes: plan.content_per_chunk(cut),
            chunks: chunk,
            content_bytes,
            text_bytes: before - skipped,
            piece: Vec::new(),
            uncut: Vec::new(),
            skipped: usize::try_from(skipped).unwrap_or_default(),
        }
    }

    fn next_chunk(&mut self) -> Result<Bytes, AttachmentError> {
        self.chunks += 1;
        let text = match self.cut.ends {
            ChunkEnds::Groups | ChunkEnds::Padded => self.encode_chunk()?,
            ChunkEnds::Uneven => self.cut_chunk()?,
        };
        if self.chunks == self.plan.chunks {
            self.check_end()?;
        }
        Ok(text.into())
    }

    fn encode_chunk(&mut self) -> Result<Vec<u8>, AttachmentError> {
        let mut text = Vec::with_capacity(self.text_capacity());
        let mut wanted = self.chunk_bytes;
        while wanted > 0 {
            let length = self.read_content(wanted.min(PIECE))?;
            if length == 0 {
                break;
            }
            append_encoded(&mut text, &self.piece, self.cut.wrap);
            wanted -= length;
            self.check_length(text.len())?;
        }
        self.text_bytes += text.len() as u64;
        Ok(text)
    }

    /// Cuts a chunk off one text. More is made than the chunk needs: what is left over is never
    /// empty before the end, and so the next line knows that one stands before it.
    fn cut_chunk(&mut self) -> Result<Vec<u8>, AttachmentError> {
        let skipped = std::mem::take(&mut self.skipped);
        let wanted = usize::try_from(self.plan.chunk_text_bytes).unwrap_or(usize::MAX);
        let wanted = wanted.saturating_add(skipped);
        while self.uncut.len() <= wanted && self.read_content(PIECE)? > 0 {
            append_encoded(&mut self.uncut, &self.piece, self.cut.wrap);
            self.check_length(self.uncut.len())?;
        }
        let rest = self.uncut.split_off(wanted.min(self.uncut.len()));
        let mut text = std::mem::replace(&mut self.uncut, rest);
        self.text_bytes += text.len() as u64;
        text.drain(..skipped.min(text.len()));
        Ok(text)
    }

    fn read_content(&mut self, length: usize) -> Result<usize, AttachmentError> {
        let length = read_piece(&mut self.content, length as u64, &mut self.piece)?;
        self.content_bytes += length as u64;
        Ok(length)
    }

    fn check_length(&self, more: usize) -> Result<(), AttachmentError> {
        if self.text_bytes + more as u64 > self.plan.text_bytes {
            return Err(document_changed());
        }
        Ok(())
    }

    fn text_capacity(&self) -> usize {
        let rest = self.plan.text_bytes.saturating_sub(self.text_bytes);
        usize::try_from(rest.min(self.plan.chunk_text_bytes)).unwrap_or_default()
    }

    /// After the last chunk the document must be at its end and have its surveyed length.
    fn check_end(&mut self) -> Result<(), AttachmentError> {
        let more = read_piece(&mut self.content, 1, &mut self.piece)? > 0;
        let other_length = !self.plan.compressed && self.content_bytes != self.plan.document_bytes;
        if more || other_length || self.text_bytes != self.plan.text_bytes {
            return Err(document_changed());
        }
        Ok(())
    }
}

impl<R: Read> Iterator for DocumentEncoder<R> {
    type Item = Result<Bytes, AttachmentError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.chunks >= self.plan.chunks {
            return None;
        }
        let chunk = self.next_chunk();
        if chunk.is_err() {
            self.chunks = self.plan.chunks;
        }
        Some(chunk)
    }
}

/// A source that counts what is read of it.
struct Counted<'c, R> {
    source: R,
    bytes: &'c Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(into)?;
        self.bytes.set(self.bytes.get() + length as u64);
        Ok(length)
    }
}

/// Reads the next `length` bytes, or fewer at the end of the source.
fn read_piece(
    source: &mut impl Read,
    length: u64,
    piece: &mut Vec<u8>,
) -> Result<usize, AttachmentError> {
    piece.clear();
    source
        .take(length)
        .read_to_end(piece)
        .map_err(|error| source_failed(&error))
}

fn source_failed(error: &io::Error) -> AttachmentError {
    AttachmentError::Source(error.to_string())
}

fn gzip_failed(error: &io::Error) -> AttachmentError {
    AttachmentError::Stream(error.to_string())
}

fn document_changed() -> AttachmentError {
    AttachmentError::Source("gives another document than the one surveyed".to_owned())
}
