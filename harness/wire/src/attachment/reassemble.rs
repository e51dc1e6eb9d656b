//! Base64 chunks back to their document.

use super::base64::Decoder;
use super::document::PIECE;
use super::gzip::{Gunzip, Limit};
use super::{AttachmentError, Base64Error, GzipError};

/// Chunks in manifest order back to the document, handed to a sink in pieces of up to 64 KiB.
/// Survives white space, chunks that do not end on a group of four, and padding in mid-stream
/// (each chunk padded on its own). After an error it is of no further use.
pub struct DocumentDecoder {
    base64: Decoder,
    gunzip: Option<Gunzip>,
    /// Chunks so far.
    chunks: usize,
    piece: Vec<u8>,
}

impl DocumentDecoder {
    /// `compressed` as the description says.
    pub fn new(compressed: bool) -> Self {
        let gunzip = compressed.then(|| Gunzip::new(Limit::Ratio));
        Self {
            base64: Decoder::default(),
            gunzip,
            chunks: 0,
            piece: Vec::new(),
        }
    }

    /// Takes the base64 text of the next chunk.
    pub fn push(
        &mut self,
        chunk: &[u8],
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), AttachmentError> {
        self.chunks += 1;
        self.base64.next_chunk();
        for text in chunk.chunks(PIECE) {
            self.piece.clear();
            self.base64
                .push(text, &mut self.piece)
                .map_err(|source| self.base64_error(source))?;
            deliver(&self.piece, self.gunzip.as_mut(), sink)?;
        }
        Ok(())
    }

    /// No group of four is open: what came so far decodes without what follows.
    pub const fn is_between_groups(&self) -> bool {
        self.base64.has_no_open_group()
    }

    /// Takes the next bytes of a part that is not base64 (`8bit`).
    pub fn push_identity(
        &mut self,
        bytes: &[u8],
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), AttachmentError> {
        self.base64
            .finish()
            .map_err(|source| self.base64_error(source))?;
        self.chunks += 1;
        for piece in bytes.chunks(PIECE) {
            deliver(piece, self.gunzip.as_mut(), sink)?;
        }
        Ok(())
    }

    /// Ends the document: an unfinished group or gzip stream is an error here. Nothing is held
    /// back until then, so the sink gets nothing more.
    pub fn finish(self, _sink: &mut dyn FnMut(&[u8])) -> Result<(), AttachmentError> {
        self.base64
            .finish()
            .map_err(|source| self.base64_error(source))?;
        self.gunzip.map_or(Ok(()), Gunzip::finish)?;
        Ok(())
    }

    fn base64_error(&self, source: Base64Error) -> AttachmentError {
        AttachmentError::Base64 {
            chunk: self.chunks.saturating_sub(1),
            source,
        }
    }
}

fn deliver(
    piece: &[u8],
    gunzip: Option<&mut Gunzip>,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<(), GzipError> {
    match gunzip {
        Some(gunzip) => gunzip.push(piece, sink),
        None if piece.is_empty() => Ok(()),
        None => {
            sink(piece);
            Ok(())
        }
    }
}
