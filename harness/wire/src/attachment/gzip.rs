//! GZIP of attachments (LM27, LM28).

use std::io::{self, BufRead, Read};

use flate2::bufread::GzEncoder;
use flate2::{Compression, Decompress, DecompressError, FlushDecompress, GzBuilder, Status};

use crate::limits::{GZIP_FREE_BYTES, GZIP_RATIO};

/// Largest piece that a stream is decompressed into.
const PIECE: usize = 65_536;
/// Bytes that go into the compressor and come out of it in one go.
const BLOCK: usize = 65_536;
/// Base-2 logarithm of the largest window of deflate.
const WINDOW_BITS: u8 = 15;

/// Why bytes are no gzip stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GzipError {
    /// Broken stream.
    #[error("not a gzip stream: {0}")]
    Broken(String),
    /// The stream gives far more than it takes.
    #[error("gzip stream gives more than {limit} bytes")]
    Bomb {
        /// Bytes that were allowed.
        limit: u64,
    },
}

/// Compresses with a fixed header, so that the same bytes give the same stream.
pub fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    // Reading from memory cannot fail; if it did, the stream would be short and refused.
    let _ = compressing(bytes).read_to_end(&mut stream);
    stream
}

/// The compressed form if it is smaller (LM28).
pub fn smaller(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(compress(bytes)).filter(|stream| stream.len() < bytes.len())
}

/// Decompresses, giving up at `limit` bytes.
pub fn decompress(stream: &[u8], limit: u64) -> Result<Vec<u8>, GzipError> {
    let mut bytes = Vec::new();
    let mut gunzip = Gunzip::new(Limit::Bytes(limit));
    gunzip.push(stream, &mut |piece| bytes.extend_from_slice(piece))?;
    gunzip.finish()?;
    Ok(bytes)
}

/// The gzip stream of a source: fixed header, no time, no name.
///
/// Deflate gives different (equally good) streams when its input or its output is cut in
/// different places. Whole blocks on both sides make the stream depend on the document only, so
/// that the second reading of a document gives the text that the first one promised.
pub(super) fn compressing<R: Read>(source: R) -> Compressing<R> {
    let header = GzBuilder::new().mtime(0);
    Blocks::new(header.buf_read(Blocks::new(source), Compression::default()))
}

pub(super) type Compressing<R> = Blocks<GzEncoder<Blocks<R>>>;

/// A source read in whole blocks; only the last may be short.
pub(super) struct Blocks<R> {
    source: R,
    block: Vec<u8>,
    consumed: usize,
}

impl<R: Read> Blocks<R> {
    fn new(source: R) -> Self {
        Self {
            source,
            block: Vec::new(),
            consumed: 0,
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        self.consumed = 0;
        self.block.resize(BLOCK, 0);
        let mut filled = 0;
        let result = loop {
            match self
                .source
                .read(self.block.get_mut(filled..).unwrap_or_default())
            {
                Ok(0) => break Ok(()),
                Ok(length) => filled += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.block.truncate(filled);
        result
    }
}

impl<R: Read> BufRead for Blocks<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.consumed == self.block.len() {
            self.refill()?;
        }
        Ok(self.block.get(self.consumed..).unwrap_or_default())
    }

    fn consume(&mut self, length: usize) {
        self.consumed += length;
    }
}

impl<R: Read> Read for Blocks<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(into)?;
        self.consume(length);
        Ok(length)
    }
}

/// How much a stream may give.
#[derive(Debug, Clone, Copy)]
pub(super) enum Limit {
    /// So many bytes.
    Bytes(u64),
    /// [`GZIP_RATIO`] times what it took, but at least [`GZIP_FREE_BYTES`].
    Ratio,
}

/// Decompresses a stream piece by piece. Several gzip streams in a row are one (RFC 1952, 2.2);
/// anything else after the end of a stream breaks it.
pub(super) struct Gunzip {
    limit: Limit,
    member: Decompress,
    /// The member has ended; another may follow.
    ended: bool,
    /// Bytes that the members before this one took.
    taken: u64,
    /// Bytes that the members before this one gave.
    given: u64,
    piece: Vec<u8>,
}

impl Gunzip {
    pub(super) fn new(limit: Limit) -> Self {
        Self {
            limit,
            member: Decompress::new_gzip(WINDOW_BITS),
            ended: false,
            taken: 0,
            given: 0,
            piece: Vec::with_capacity(PIECE),
        }
    }

    /// Takes more of the stream and hands what it gives to the sink, in pieces of up to 64 KiB.
    pub(super) fn push(
        &mut self,
        mut stream: &[u8],
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), GzipError> {
        let mut piece_is_full = false;
        while !stream.is_empty() || (piece_is_full && !self.ended) {
            if self.ended {
                self.next_member();
            }
            let taken = self.step(stream)?;
            stream = stream.get(taken..).unwrap_or_default();
            piece_is_full = self.piece.len() == self.piece.capacity();
            if !self.piece.is_empty() {
                sink(&self.piece);
            } else if taken == 0 && !self.ended && !stream.is_empty() {
                return Err(GzipError::Broken("no progress".to_owned()));
            }
        }
        Ok(())
    }

    /// Ends the stream: it must have come to its trailer.
    pub(super) fn finish(self) -> Result<(), GzipError> {
        if self.ended {
            Ok(())
        } else {
            Err(GzipError::Broken("it ends before its trailer".to_owned()))
        }
    }

    /// Fills the piece once and gives the bytes taken.
    fn step(&mut self, stream: &[u8]) -> Result<usize, GzipError> {
        let before = self.member.total_in();
        self.piece.clear();
        let status = self
            .member
            .decompress_vec(stream, &mut self.piece, FlushDecompress::None)
            .map_err(|error| self.broken(&error))?;
        let given = self.given + self.member.total_out();
        let limit = match self.limit {
            Limit::Bytes(limit) => limit,
            Limit::Ratio => (self.taken + self.member.total_in())
                .saturating_mul(GZIP_RATIO)
                .max(GZIP_FREE_BYTES),
        };
        if given > limit {
            return Err(GzipError::Bomb { limit });
        }
        self.ended = match status {
            Status::StreamEnd => true,
            Status::Ok | Status::BufError => false,
        };
        Ok(usize::try_from(self.member.total_in() - before).unwrap_or(usize::MAX))
    }

    fn next_member(&mut self) {
        self.taken += self.member.total_in();
        self.given += self.member.total_out();
        self.member.reset(true);
        self.ended = false;
    }

    fn broken(&self, error: &DecompressError) -> GzipError {
        let what = error.message().unwrap_or("broken deflate data");
        let place = if self.taken > 0 {
            " after the end of a stream"
        } else {
            ""
        };
        GzipError::Broken(format!("{what}{place}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const AMPLE: u64 = 10_000_000;

    fn text(length: usize) -> Vec<u8> {
        b"Seen by the nurse, no change. "
            .iter()
            .copied()
            .cycle()
            .take(length)
            .collect()
    }

    /// A source that gives at most so many bytes at once.
    struct Cut<R>(R, usize);

    impl<R: Read> Read for Cut<R> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let length = into.len().min(self.1);
            self.0.read(&mut into[..length])
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn decompressing_gives_what_was_compressed(bytes in vec(any::<u8>(), 0..3000), repeat in 1..40_usize) {
            let bytes = bytes.repeat(repeat);
            prop_assert_eq!(decompress(&compress(&bytes), AMPLE), Ok(bytes));
        }

        #[test]
        fn the_stream_does_not_depend_on_how_it_is_cut(
            bytes in vec(0..16_u8, 0..3000),
            source_cut in 1..50_000_usize,
            reader_cut in 1..50_000_usize,
        ) {
            let bytes = bytes.repeat(60);
            let mut stream = Vec::new();
            Cut(compressing(Cut(&bytes[..], source_cut)), reader_cut).read_to_end(&mut stream).unwrap();
            prop_assert!(stream == compress(&bytes));
        }

        #[test]
        fn no_stream_panics(bytes in vec(any::<u8>(), 0..300), flip in any::<prop::sample::Index>()) {
            let _ = decompress(&bytes, AMPLE);
            let mut stream = compress(&bytes);
            let at = flip.index(stream.len());
            stream[at] ^= 0x20;
            let _ = decompress(&stream, AMPLE);
        }
    }

    #[test]
    fn the_header_holds_no_time_and_no_name() {
        assert_eq!(compress(b"x")[..8], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn only_what_shrinks_is_compressed() {
        assert!(smaller(b"tiny").is_none());
        let stream = smaller(&text(5000)).unwrap();
        assert!(stream.len() < 5000);
    }

    #[test]
    fn streams_in_a_row_are_one() {
        let stream = [compress(b"first "), compress(b""), compress(b"second")].concat();
        assert_eq!(decompress(&stream, AMPLE), Ok(b"first second".to_vec()));
    }

    #[test]
    fn anything_else_after_the_end_breaks_the_stream() {
        let stream = [compress(b"first"), b"trailing".to_vec()].concat();
        assert_eq!(
            decompress(&stream, AMPLE),
            Err(GzipError::Broken(
                "incorrect header check after the end of a stream".to_owned()
            ))
        );
        let stream = [compress(b"first"), b"\0".to_vec()].concat();
        assert!(matches!(
            decompress(&stream, AMPLE),
            Err(GzipError::Broken(_))
        ));
    }

    #[test]
    fn a_stream_cut_anywhere_is_broken() {
        let stream = compress(&text(300));
        for length in 0..stream.len() {
            assert!(
                matches!(
                    decompress(&stream[..length], AMPLE),
                    Err(GzipError::Broken(_))
                ),
                "{length}"
            );
        }
    }

    #[test]
    fn a_wrong_checksum_or_length_breaks_the_stream() {
        let stream = compress(&text(300));
        for from_end in 1..=8 {
            let mut stream = stream.clone();
            let at = stream.len() - from_end;
            stream[at] ^= 1;
            assert!(
                matches!(decompress(&stream, AMPLE), Err(GzipError::Broken(_))),
                "{from_end}"
            );
        }
    }

    #[test]
    fn the_limit_itself_is_allowed() {
        let stream = compress(&text(100_000));
        assert_eq!(
            decompress(&stream, 100_000).map(|bytes| bytes.len()),
            Ok(100_000)
        );
        assert_eq!(
            decompress(&stream, 99_999),
            Err(GzipError::Bomb { limit: 99_999 })
        );
    }

    /// A blank page shrinks by a thousand, and is no bomb.
    #[test]
    fn a_blank_scan_of_26_megabytes_comes_back() {
        let page = vec![0xff; 26_000_000];
        assert_eq!(
            decompress(&compress(&page), 30_000_000).unwrap().len(),
            page.len()
        );
    }
}
