//! A synthetic document of any kind and size, read without holding it in memory.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::sync::Arc;

use bytes::Bytes;
use gp2gp_model::{DocumentId, Sha256};
use gp2gp_wire::attachment::{Placeholder, PlaceholderReason};

use super::content::{Filling, Layout};
use super::draw::Draw;

/// What a document is; its bytes follow from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentSpec {
    /// Upper-case UUID.
    pub id: DocumentId,
    /// File name without a folder, not percent-encoded: `{id}_{words}.{extension}`.
    pub file_name: String,
    /// Media type as declared; the usual one of its kind unless changed.
    pub media_type: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Seed of the content.
    pub seed: u64,
    /// What the content looks like.
    pub kind: DocumentKind,
}

/// What the content of a document looks like. The first bytes are those by which the format is
/// known; the rest is no decodable file, but compresses as well or as badly as a real one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum DocumentKind {
    /// `image/tiff`
    Tiff,
    /// `text/rtf`
    Rtf,
    /// `application/msword`
    Word,
    /// `text/plain`, UTF-8
    Text,
    /// `application/pdf`
    Pdf,
    /// `image/png`
    Png,
    /// `image/jpeg`
    Jpeg,
    /// `image/gif`
    Gif,
    /// `text/html`, UTF-8
    Html,
    /// `text/xml`, UTF-8
    Xml,
    /// `audio/basic`
    BasicAudio,
    /// `audio/mpeg`
    MpegAudio,
    /// `video/mpeg`
    MpegVideo,
    /// Bytes without a form of their own, under this media type.
    Octet(Arc<str>),
    /// The text of a placeholder.
    Placeholder(Arc<str>),
}

impl DocumentSpec {
    /// The document with this index among those of `seed`, of `bytes` bytes.
    pub fn generate(seed: u64, index: u32, kind: DocumentKind, bytes: u64) -> Self {
        let mut draw = Draw::new(seed, &format!("document/{index}"));
        let id = draw.uuid();
        let words = draw.pick(&[
            "discharge_summary",
            "clinic_letter",
            "scan",
            "referral",
            "result-report",
            "consent_form",
            "image",
            "untitled",
        ]);
        Self {
            id: DocumentId::from(id),
            file_name: format!("{id}_{words}.{}", kind.extension()),
            media_type: kind.media_type().to_owned(),
            bytes,
            seed: draw.bits(),
            kind,
        }
    }

    /// The placeholder that an earlier transfer, from a third practice, left in the record: in the
    /// words of another system. Its size follows from its text.
    pub fn placeholder(seed: u64, index: u32, reason: PlaceholderReason) -> Self {
        let lost = Self::generate(seed, index, DocumentKind::Tiff, 0);
        let mut draw = Draw::new(seed, &format!("placeholder/{index}"));
        let text = format!(
            "The following document could not be transferred\r\n{}\r\nZ99990:{}\r\nReason:{}:see the practice named above\r\n",
            lost.file_name,
            draw.uuid(),
            reason.code(),
        );
        Self {
            file_name: Placeholder::file_name(&draw.uuid().to_string()),
            media_type: "text/plain".to_owned(),
            bytes: text.len() as u64,
            kind: DocumentKind::Placeholder(text.into()),
            ..lost
        }
    }

    /// An id of its own, for where another document bears the same one.
    pub fn another_id(&self) -> DocumentId {
        DocumentId::from(Draw::new(self.seed, "another id").uuid())
    }

    /// The same document under another file name, which may hold any character.
    #[must_use]
    pub fn with_file_name(self, file_name: impl Into<String>) -> Self {
        Self {
            file_name: file_name.into(),
            ..self
        }
    }

    /// The same document, declared as another media type.
    #[must_use]
    pub fn with_media_type(self, media_type: impl Into<String>) -> Self {
        Self {
            media_type: media_type.into(),
            ..self
        }
    }

    /// A reader of the content, from its start. Gives exactly `bytes` bytes, however it is read.
    pub fn open(&self) -> DocumentReader {
        self.open_at(0)
    }

    /// A reader of the content from this byte on, as if all before had been read; at the end if
    /// there are not so many. Costs no more than one block, wherever it starts.
    pub fn open_at(&self, offset: u64) -> DocumentReader {
        let layout = Layout::of(&self.kind);
        let head = layout.head;
        let body_and_tail = self.bytes.saturating_sub(head.len() as u64);
        let tail = match body_and_tail.checked_sub(layout.tail.len() as u64) {
            Some(_) => layout.tail,
            None => b"",
        };
        DocumentReader {
            draw: Draw::new(self.seed, "content"),
            head,
            body: layout.body,
            body_bytes: body_and_tail - tail.len() as u64,
            tail,
            bytes: self.bytes,
            block: Vec::new(),
            at: 0,
            unmade_from: offset.min(self.bytes),
        }
    }

    /// Digest and size of the content, computed by streaming through it.
    pub fn digest(&self) -> (Sha256, u64) {
        let mut hasher = Sha256::hasher();
        let mut reader = self.open();
        while let Some(block) = reader.next_block() {
            hasher.update(block);
        }
        hasher.finish()
    }

    /// The whole content. For documents that may stand in memory.
    pub fn to_bytes(&self) -> Bytes {
        let mut content = Vec::new();
        let mut reader = self.open();
        while let Some(block) = reader.next_block() {
            content.extend_from_slice(block);
        }
        content.into()
    }
}

impl DocumentKind {
    /// The kind with this media type; [`DocumentKind::Octet`] if there is no other.
    /// Parameters such as `charset` do not count, nor does case.
    pub fn from_media_type(media_type: &str) -> Self {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        match essence.to_ascii_lowercase().as_str() {
            "image/tiff" => Self::Tiff,
            "text/rtf" | "application/rtf" => Self::Rtf,
            "application/msword" => Self::Word,
            "text/plain" => Self::Text,
            "application/pdf" => Self::Pdf,
            "image/png" => Self::Png,
            "image/jpeg" => Self::Jpeg,
            "image/gif" => Self::Gif,
            "text/html" => Self::Html,
            "text/xml" | "application/xml" => Self::Xml,
            "audio/basic" => Self::BasicAudio,
            "audio/mpeg" => Self::MpegAudio,
            "video/mpeg" => Self::MpegVideo,
            other => Self::Octet(other.into()),
        }
    }

    /// `application/octet-stream`.
    pub fn octet_stream() -> Self {
        Self::Octet("application/octet-stream".into())
    }

    /// The usual media type.
    pub fn media_type(&self) -> &str {
        match self {
            Self::Tiff => "image/tiff",
            Self::Rtf => "text/rtf",
            Self::Word => "application/msword",
            Self::Text => "text/plain",
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Html => "text/html",
            Self::Xml => "text/xml",
            Self::BasicAudio => "audio/basic",
            Self::MpegAudio => "audio/mpeg",
            Self::MpegVideo => "video/mpeg",
            Self::Octet(media_type) => media_type,
            Self::Placeholder(_) => "text/plain",
        }
    }

    /// The usual extension of a file name, without a dot.
    pub fn extension(&self) -> &'static str {
        match self {
            Self::Tiff => "tif",
            Self::Rtf => "rtf",
            Self::Word => "doc",
            Self::Text => "txt",
            Self::Pdf => "pdf",
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Gif => "gif",
            Self::Html => "html",
            Self::Xml => "xml",
            Self::BasicAudio => "au",
            Self::MpegAudio => "mp3",
            Self::MpegVideo => "mpg",
            Self::Octet(_) => "bin",
            Self::Placeholder(_) => "txt",
        }
    }
}

/// Makes the bytes of a document as they are read, [`BLOCK_BYTES`] of its body at a time.
///
/// The body is made of blocks that know nothing of each other, so that reading may start
/// anywhere. A document too small for the header and trailer of its format is the beginning of
/// the header and of the body.
pub struct DocumentReader {
    draw: Draw,
    head: Bytes,
    body: Filling,
    body_bytes: u64,
    tail: &'static [u8],
    /// Size of the document.
    bytes: u64,
    block: Vec<u8>,
    /// Where in the block the next byte stands.
    at: usize,
    /// Where in the document the block behind this one starts.
    unmade_from: u64,
}

/// Bytes of the body that are made at a time; the last block is shorter.
const BLOCK_BYTES: u64 = 64 * 1024;

impl DocumentReader {
    /// What is left of the block, or else the next one; `None` at the end of the document.
    fn next_block(&mut self) -> Option<&[u8]> {
        if self.at >= self.block.len() {
            self.make_block();
        }
        let at = std::mem::replace(&mut self.at, self.block.len());
        self.block.get(at..).filter(|block| !block.is_empty())
    }

    /// Replaces the block by the one that holds the first unmade byte, and stands at that byte.
    /// An empty block is the end of the document.
    fn make_block(&mut self) {
        self.block.clear();
        let position = self.unmade_from;
        let (head, body_end) = (
            self.head.len() as u64,
            self.head.len() as u64 + self.body_bytes,
        );
        let start = if position < head {
            self.block.extend_from_slice(&self.head);
            0
        } else if position < body_end {
            let nth = (position - head) / BLOCK_BYTES;
            self.make_body(nth);
            head + nth * BLOCK_BYTES
        } else {
            self.block.extend_from_slice(self.tail);
            body_end
        };
        self.block.truncate((self.bytes - start) as usize);
        self.at = (position - start) as usize;
        self.unmade_from = start + self.block.len() as u64;
    }

    fn make_body(&mut self, nth: u64) {
        let len = BLOCK_BYTES.min(self.body_bytes - nth * BLOCK_BYTES) as usize;
        let mut draw = self.draw.part(nth);
        self.body.append(&mut draw, &mut self.block, len);
        self.body.cut(&mut self.block, len);
    }
}

impl fmt::Debug for DocumentReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unread = (self.block.len() - self.at) as u64 + self.bytes - self.unmade_from;
        write!(f, "DocumentReader({unread} bytes to read)")
    }
}

impl BufRead for DocumentReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at >= self.block.len() {
            self.make_block();
        }
        Ok(self.block.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, read: usize) {
        self.at = self.block.len().min(self.at + read);
    }
}

impl Read for DocumentReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn kinds() -> Vec<DocumentKind> {
        vec![
            DocumentKind::Tiff,
            DocumentKind::Rtf,
            DocumentKind::Word,
            DocumentKind::Text,
            DocumentKind::Pdf,
            DocumentKind::Png,
            DocumentKind::Jpeg,
            DocumentKind::Gif,
            DocumentKind::Html,
            DocumentKind::Xml,
            DocumentKind::BasicAudio,
            DocumentKind::MpegAudio,
            DocumentKind::MpegVideo,
            DocumentKind::octet_stream(),
        ]
    }

    fn document(kind: DocumentKind, bytes: u64) -> DocumentSpec {
        DocumentSpec::generate(1, 1, kind, bytes)
    }

    fn read(spec: &DocumentSpec) -> Vec<u8> {
        let mut content = Vec::new();
        spec.open().read_to_end(&mut content).unwrap();
        content
    }

    #[test]
    fn a_document_has_exactly_its_size() {
        for kind in kinds() {
            for bytes in (0..200).chain([65_535, 65_536, 65_537, 131_072, 300_001]) {
                let spec = document(kind.clone(), bytes);
                let content = read(&spec);
                assert_eq!(content.len() as u64, bytes, "{kind:?}");
                assert_eq!(spec.digest(), (Sha256::of(&content), bytes), "{kind:?}");
                assert_eq!(spec.to_bytes(), content, "{kind:?}");
            }
        }
    }

    #[test]
    fn a_document_begins_and_ends_as_its_format_does() {
        let starts: [(DocumentKind, &[u8], &[u8]); 7] = [
            (DocumentKind::Tiff, b"II*\0", b""),
            (DocumentKind::Rtf, b"{\\rtf1", b"}\n"),
            (DocumentKind::Word, b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", b""),
            (DocumentKind::Pdf, b"%PDF-1.", b"%%EOF\n"),
            (
                DocumentKind::Png,
                b"\x89PNG\r\n\x1A\n",
                b"IEND\xAE\x42\x60\x82",
            ),
            (DocumentKind::Jpeg, b"\xFF\xD8\xFF", b"\xFF\xD9"),
            (DocumentKind::Html, b"<!DOCTYPE html>", b"</html>\n"),
        ];
        for (kind, head, tail) in starts {
            for bytes in [400, 65_540, 200_000] {
                let content = read(&document(kind.clone(), bytes));
                assert!(
                    content.starts_with(head) && content.ends_with(tail),
                    "{kind:?}"
                );
            }
        }
    }

    #[test]
    fn a_placeholder_left_by_an_earlier_transfer_is_one() {
        for reason in PlaceholderReason::ALL {
            let spec = DocumentSpec::placeholder(7, 3, reason);
            assert!(Placeholder::is_file_name(&spec.file_name));
            let text = String::from_utf8(read(&spec)).unwrap();
            assert_eq!(text.len() as u64, spec.bytes);
            let placeholder = Placeholder::parse(&text).unwrap();
            assert_eq!(placeholder.reason, reason);
        }
    }

    #[test]
    fn the_trailer_comes_as_soon_as_it_fits_behind_the_header() {
        let jpeg = |bytes| read(&document(DocumentKind::Jpeg, bytes));
        assert!(jpeg(22).ends_with(b"\xFF\xD9"));
        assert_eq!(jpeg(21), jpeg(400)[..21]);
        assert_eq!(jpeg(3), b"\xFF\xD8\xFF");
    }

    #[test]
    fn text_is_utf_8_beyond_ascii_at_every_size() {
        for kind in [DocumentKind::Text, DocumentKind::Html, DocumentKind::Xml] {
            let spec = document(kind.clone(), 20_000);
            assert!(!String::from_utf8(read(&spec)).unwrap().is_ascii());
            for bytes in (1_000..3_000).chain([66_000]) {
                let spec = DocumentSpec {
                    bytes,
                    ..spec.clone()
                };
                assert!(String::from_utf8(read(&spec)).is_ok(), "{kind:?} {bytes}");
            }
        }
        assert!(read(&document(DocumentKind::Rtf, 20_000)).is_ascii());
    }

    #[test]
    fn markup_is_never_cut_in_half() {
        for bytes in (300..2_000).step_by(7) {
            let text = String::from_utf8(read(&document(DocumentKind::Html, bytes))).unwrap();
            assert_eq!(text.matches("<p>").count(), text.matches("</p>").count());
            let rtf = String::from_utf8(read(&document(DocumentKind::Rtf, bytes))).unwrap();
            assert_eq!(rtf.matches('{').count(), rtf.matches('}').count());
        }
    }

    #[test]
    fn text_compresses_and_images_do_not() {
        for kind in kinds() {
            let content = read(&document(kind.clone(), 500_000));
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
            gzip.write_all(&content).unwrap();
            let ratio = gzip.finish().unwrap().len() as f64 / content.len() as f64;
            let expected = match Layout::of(&kind).body {
                Filling::Noise => 0.99..1.01,
                Filling::Prose | Filling::Markup | Filling::Rtf => 0.2..0.5,
                Filling::Mixed => 0.5..0.8,
            };
            assert!(expected.contains(&ratio), "{kind:?} {ratio}");
        }
    }

    #[test]
    fn reading_fifty_megabytes_keeps_one_block_in_memory() {
        let mut reader = document(DocumentKind::Text, 50_000_000).open();
        let mut buffer = [0; 1_000];
        let (mut total, mut most) = (0, 0);
        loop {
            let read = reader.read(&mut buffer).unwrap();
            if read == 0 {
                break;
            }
            total += read;
            most = most.max(reader.block.capacity());
        }
        assert_eq!(total, 50_000_000);
        assert!(most < 256 * 1024, "{most}");
    }

    #[test]
    fn the_last_bytes_of_a_gigabyte_are_there_at_once() {
        let spec = document(DocumentKind::Text, 1_000_000_000);
        let mut last = Vec::new();
        let mut reader = spec.open_at(999_999_000);
        reader.read_to_end(&mut last).unwrap();
        assert_eq!(last.len(), 1_000);
        assert!(reader.block.capacity() < 256 * 1024);
    }

    #[test]
    fn seed_and_index_make_the_document() {
        let digest = |seed, index| {
            let spec = DocumentSpec::generate(seed, index, DocumentKind::Tiff, 1_000);
            assert!(spec.id.is_upper_uuid());
            assert!(spec.file_name.starts_with(spec.id.as_str()));
            (spec.id.clone(), spec.digest())
        };
        assert_eq!(digest(1, 1), digest(1, 1));
        assert_ne!(digest(1, 1).1, digest(1, 2).1);
        assert_ne!(digest(1, 1).1, digest(2, 1).1);
        assert_ne!(digest(1, 1).0, digest(1, 2).0);
    }

    #[test]
    fn media_types_find_their_kind_again() {
        for kind in kinds() {
            assert_eq!(DocumentKind::from_media_type(kind.media_type()), kind);
        }
        assert_eq!(
            DocumentKind::from_media_type("Text/Plain; charset=utf-8"),
            DocumentKind::Text
        );
        assert_eq!(
            DocumentKind::from_media_type("video/mp4").media_type(),
            "video/mp4"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn reading_may_start_at_any_byte(
            bytes in 0u64..300_000,
            offset in 0u64..310_000,
            kind in proptest::sample::select(kinds()),
        ) {
            let spec = document(kind, bytes);
            let mut rest = Vec::new();
            spec.open_at(offset).read_to_end(&mut rest).unwrap();
            let whole = read(&spec);
            prop_assert_eq!(&rest[..], &whole[whole.len().min(offset as usize)..]);
        }

        #[test]
        fn content_does_not_depend_on_how_it_is_read(
            bytes in 0u64..200_000,
            step in 1usize..5_000,
            kind in proptest::sample::select(kinds()),
        ) {
            let spec = document(kind, bytes);
            let mut reader = spec.open();
            let mut content = Vec::new();
            let mut piece = vec![0; step];
            loop {
                let read = reader.read(&mut piece).unwrap();
                if read == 0 {
                    break;
                }
                content.extend_from_slice(&piece[..read]);
            }
            prop_assert_eq!(content, read(&spec));
        }
    }
}
