//! The bytes of a document of each kind: a header, a body of any length, a trailer.

use std::io::Write as _;

use bytes::Bytes;

use super::DocumentKind;
use super::draw::Draw;
use super::prose;
use super::xml::{Escaped, position};

/// What a document begins with, is filled with and ends with.
pub(super) struct Layout {
    pub(super) head: Bytes,
    pub(super) body: Filling,
    pub(super) tail: &'static [u8],
}

/// What fills the body of a document.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Filling {
    /// Bytes that no method compresses.
    Noise,
    /// UTF-8 text.
    Prose,
    /// Paragraphs `<p>` of UTF-8 text.
    Markup,
    /// RTF paragraphs, in ASCII.
    Rtf,
    /// Text and noise by turns, as in the files of word processors.
    Mixed,
}

impl Layout {
    pub(super) fn of(kind: &DocumentKind) -> Self {
        let (head, body, tail): (&'static [u8], Filling, &'static [u8]) = match kind {
            DocumentKind::Tiff => (b"II*\0\x08\0\0\0", Filling::Noise, b""),
            DocumentKind::Rtf => (
                b"{\\rtf1\\ansi\\deff0{\\fonttbl{\\f0 Arial;}}\\f0\\fs20\n",
                Filling::Rtf,
                b"}\n",
            ),
            DocumentKind::Word => (WORD_HEAD, Filling::Mixed, b""),
            DocumentKind::Text => (b"", Filling::Prose, b""),
            DocumentKind::Pdf => (
                b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n1 0 obj\n<</Filter/FlateDecode>>\nstream\n",
                Filling::Noise,
                b"\nendstream\nendobj\n%%EOF\n",
            ),
            DocumentKind::Png => (PNG_HEAD, Filling::Noise, PNG_TAIL),
            DocumentKind::Jpeg => (
                b"\xFF\xD8\xFF\xE0\0\x10JFIF\0\x01\x01\x01\0\x60\0\x60\0\0",
                Filling::Noise,
                b"\xFF\xD9",
            ),
            DocumentKind::Gif => (b"GIF89a\0\x04\0\x03\xF7\0\0", Filling::Noise, b";"),
            DocumentKind::Html => (
                b"<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head><body>\n",
                Filling::Markup,
                b"</body></html>\n",
            ),
            DocumentKind::Xml => (
                b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<report>\n",
                Filling::Markup,
                b"</report>\n",
            ),
            DocumentKind::BasicAudio => (
                b".snd\0\0\0\x18\xFF\xFF\xFF\xFF\0\0\0\x01\0\0\x1F\x40\0\0\0\x01",
                Filling::Noise,
                b"",
            ),
            DocumentKind::MpegAudio => (b"ID3\x04\0\0\0\0\0\0\xFF\xFB\x90\0", Filling::Noise, b""),
            DocumentKind::MpegVideo => (b"\0\0\x01\xBA\x44", Filling::Noise, b"\0\0\x01\xB9"),
            DocumentKind::Octet(_) => (b"", Filling::Noise, b""),
            DocumentKind::Placeholder(text) => {
                return Self {
                    head: Bytes::copy_from_slice(text.as_bytes()),
                    body: Filling::Prose,
                    tail: b"",
                };
            }
        };
        Self {
            head: Bytes::from_static(head),
            body,
            tail,
        }
    }
}

impl Filling {
    /// Appends at least `len` bytes, and not many more.
    pub(super) fn append(self, draw: &mut Draw, block: &mut Vec<u8>, len: usize) {
        match self {
            Self::Noise => noise(draw, block, len),
            Self::Prose => block.extend_from_slice(text(draw, len).as_bytes()),
            Self::Markup => {
                for line in text(draw, len).lines() {
                    // Writing to a `Vec` cannot fail.
                    let _ = writeln!(block, "<p>{}</p>", Escaped(line));
                }
            }
            Self::Rtf => {
                for line in text(draw, len).lines() {
                    block.extend_from_slice(b"{\\pard ");
                    rtf(line, block);
                    block.extend_from_slice(b"\\par}\n");
                }
            }
            Self::Mixed => {
                block.extend_from_slice(text(draw, len / 2).as_bytes());
                noise(draw, block, len - len / 2);
            }
        }
    }

    /// Shortens `block` to `len` bytes without leaving half a character, half a tag or half a
    /// group: what has to go is replaced by spaces.
    pub(super) fn cut(self, block: &mut Vec<u8>, len: usize) {
        let before = block.get(..len).unwrap_or_default();
        let keep = match self {
            Self::Noise | Self::Mixed => len,
            Self::Prose => before
                .utf8_chunks()
                .next()
                .map_or(0, |chunk| chunk.valid().len()),
            Self::Markup | Self::Rtf => before
                .iter()
                .rposition(|&byte| byte == b'\n')
                .map_or(0, |at| at + 1),
        };
        block.truncate(keep);
        block.resize(len, b' ');
    }
}

/// SplitMix64 from a drawn seed: several times faster than the stream itself, which matters
/// where scans of hundreds of megabytes are made, and compresses no better.
fn noise(draw: &mut Draw, block: &mut Vec<u8>, len: usize) {
    let start = block.len();
    block.resize(start + len, 0);
    let mut state = draw.bits();
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let word = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (word ^ (word >> 31)).to_le_bytes()
    };
    let (words, rest) = block[start..].as_chunks_mut::<8>();
    words.fill_with(&mut next);
    rest.copy_from_slice(&next()[..rest.len()]);
}

fn text(draw: &mut Draw, len: usize) -> String {
    let mut text = String::with_capacity(len + 1024);
    while text.len() < len {
        prose::paragraph(draw, &mut text);
    }
    text
}

/// RTF is ASCII: other characters are written as `\u` and a decimal number, with `?` for readers
/// that do not know them.
fn rtf(line: &str, block: &mut Vec<u8>) {
    let mut rest = line;
    while let Some(at) = position(rest.as_bytes(), |byte| !byte.is_ascii()) {
        let (ascii, other) = rest.split_at(at);
        block.extend_from_slice(ascii.as_bytes());
        let mut other = other.chars();
        if let Some(c) = other.next() {
            block.extend_from_slice(format!("\\u{}?", u32::from(c)).as_bytes());
        }
        rest = other.as_str();
    }
    block.extend_from_slice(rest.as_bytes());
}

const WORD_HEAD: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
    \x3E\0\x03\0\xFE\xFF\x09\0\x06\0\0\0\0\0\0\0";

const PNG_HEAD: &[u8] = b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR\0\0\x04\0\0\0\x03\0\x08\x02\0\0\0\
    \x35\xD8\x82\x5A";

const PNG_TAIL: &[u8] = b"\0\0\0\0IEND\xAE\x42\x60\x82";
