//! Base64 text of attachments: one long line or wrapped at 76 columns.
//!
//! The law of decoding is a state machine that takes one byte at a time ([`Decoder::take`]).
//! Everything else here only reaches the same result faster: whole lines are laid together in
//! fixed strides and decoded by SIMD, and whatever that refuses is handed to the state machine,
//! which accepts it or names the byte that is wrong.

use base64_simd::{STANDARD, STANDARD_NO_PAD};
use bytes::Bytes;

/// Characters of a wrapped line.
pub(super) const LINE: usize = 76;
/// Bytes that a wrapped line stands for.
const LINE_BYTES: usize = LINE / 4 * 3;
/// Lines encoded or decoded in one go: few enough to stay in the first-level cache.
const LINES: usize = 64;
/// Bytes of wrapped text, line ends included, that are decoded in one go.
const BLOCK: usize = LINES * (LINE + 2);
/// Characters of unwrapped text that are tried in one go.
const RUN: usize = 16_384;
const PADDING: u8 = b'=';

/// How base64 text is laid out. A line end stands between lines, not after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrap {
    /// One line.
    None,
    /// Lines of 76 characters, ended by LF.
    Lf76,
    /// Lines of 76 characters, ended by CRLF.
    CrLf76,
}

/// Why text is no base64.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Base64Error {
    /// A character outside the alphabet, or padding where none can stand.
    #[error("byte {byte:#04x} at offset {at} is not base64")]
    BadByte {
        /// Offset in the text.
        at: usize,
        /// The byte.
        byte: u8,
    },
    /// Text goes on after padding.
    #[error("text goes on after the padding at offset {at}")]
    AfterPadding {
        /// Offset in the text.
        at: usize,
    },
    /// The text ends inside a group of four.
    #[error("text ends {over} characters into a group of four")]
    Truncated {
        /// Characters of the last group.
        over: usize,
    },
}

/// Encodes, with padding.
pub fn encode(bytes: &[u8], wrap: Wrap) -> Bytes {
    let mut text = Vec::with_capacity(
        usize::try_from(encoded_len(bytes.len() as u64, wrap)).unwrap_or_default(),
    );
    append_encoded(&mut text, bytes, wrap);
    text.into()
}

/// Length of the text that [`encode`] gives for `bytes` bytes.
pub fn encoded_len(bytes: u64, wrap: Wrap) -> u64 {
    let characters = bytes.div_ceil(3).saturating_mul(4);
    let line_ends = characters.saturating_sub(1) / LINE as u64;
    characters.saturating_add(line_ends * wrap.line_end().len() as u64)
}

/// Decodes text in which white space may stand anywhere. Padding must be there and may stand
/// only at the end: text without it is [`Base64Error::Truncated`], because it cannot be told from
/// text that lost its end. Bits of the last character that stand for no byte are ignored.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, Base64Error> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let mut decoder = Decoder::default();
    decoder.push(text, &mut bytes)?;
    decoder.finish()?;
    Ok(bytes)
}

impl Wrap {
    /// The line end, empty for [`Wrap::None`].
    pub(super) const fn line_end(self) -> &'static [u8] {
        match self {
            Self::None => b"",
            Self::Lf76 => b"\n",
            Self::CrLf76 => b"\r\n",
        }
    }
}

/// Appends the text of `bytes` to `text`, which is empty or holds whole lines.
pub(super) fn append_encoded(text: &mut Vec<u8>, bytes: &[u8], wrap: Wrap) {
    match wrap {
        Wrap::None => append_characters(text, bytes),
        Wrap::Lf76 => append_lines(text, bytes, b"\n"),
        Wrap::CrLf76 => append_lines(text, bytes, b"\r\n"),
    }
}

fn append_lines<const END: usize>(text: &mut Vec<u8>, bytes: &[u8], line_end: &[u8; END]) {
    let mut characters = Vec::with_capacity(LINES * LINE);
    for block in bytes.chunks(LINES * LINE_BYTES) {
        characters.clear();
        append_characters(&mut characters, block);
        let (lines, rest) = characters.as_chunks::<LINE>();
        for line in lines {
            if !text.is_empty() {
                text.extend_from_slice(line_end);
            }
            text.extend_from_slice(line);
        }
        if !rest.is_empty() {
            if !text.is_empty() {
                text.extend_from_slice(line_end);
            }
            text.extend_from_slice(rest);
        }
    }
}

fn append_characters(text: &mut Vec<u8>, bytes: &[u8]) {
    // base64-simd reserves exactly, which would grow a vector by copying it each time.
    text.reserve(bytes.len().div_ceil(3) * 4);
    STANDARD.encode_append(bytes, text);
}

/// Decodes one chunk of text after the other; groups of four may lie across chunks, and each
/// chunk may be padded on its own.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Decoder {
    /// The open group: the bits of its characters so far.
    bits: u32,
    /// Characters of the open group that are not padding.
    characters: usize,
    /// Padding of the open group.
    padding: usize,
    /// Padding has closed the current chunk.
    padded: bool,
    /// Offset in the current chunk.
    at: usize,
}

impl Decoder {
    /// Starts the next chunk: offsets count from 0 again, and padding that closed the chunk
    /// before is forgotten.
    pub(super) fn next_chunk(&mut self) {
        self.padded = false;
        self.at = 0;
    }

    /// Decodes more text of the current chunk onto the end of `bytes`.
    pub(super) fn push(&mut self, text: &[u8], bytes: &mut Vec<u8>) -> Result<(), Base64Error> {
        let mut scratch = [0; BLOCK];
        let (mut rest, end) = split_end(text);
        while !rest.is_empty() {
            let taken = self
                .take_run(rest, bytes)
                .or_else(|| self.take_lines(rest, &mut scratch, bytes));
            let slow = if self.is_between_groups() { BLOCK } else { 1 };
            let (block, after) = rest.split_at(taken.unwrap_or(slow).min(rest.len()));
            match taken {
                Some(_) => self.at += block.len(),
                None => self.take_each(block, bytes)?,
            }
            rest = after;
        }
        self.take_each(end, bytes)
    }

    /// Ends the last chunk: an open group is an error.
    pub(super) fn finish(self) -> Result<(), Base64Error> {
        match self.characters + self.padding {
            0 => Ok(()),
            over => Err(Base64Error::Truncated { over }),
        }
    }

    pub(super) const fn has_no_open_group(&self) -> bool {
        self.characters + self.padding == 0
    }

    fn is_between_groups(&self) -> bool {
        self.has_no_open_group() && !self.padded
    }

    /// Decodes the start of a long line, straight from the text. Gives the bytes of text taken,
    /// or `None` and nothing done.
    fn take_run(&mut self, text: &[u8], bytes: &mut Vec<u8>) -> Option<usize> {
        let head = text.get(..LINE + 2).unwrap_or(text);
        if !self.is_between_groups() || memchr::memchr2(b'\r', b'\n', head).is_some() {
            return None;
        }
        let run = text.get(..text.len().min(RUN) / 4 * 4)?;
        append_decoded(run, bytes)?;
        (!run.is_empty()).then_some(run.len())
    }

    /// Decodes some lines, laid together in `scratch`. Gives the bytes of text taken, or `None`
    /// and nothing done.
    fn take_lines(
        &mut self,
        text: &[u8],
        scratch: &mut [u8; BLOCK],
        bytes: &mut Vec<u8>,
    ) -> Option<usize> {
        if !self.is_between_groups() {
            return None;
        }
        let block = text.get(..BLOCK).unwrap_or(text);
        let block = match memchr::memrchr(b'\n', block) {
            Some(line_end) => block.get(..=line_end)?,
            None => block,
        };
        let (groups, open) = compact(block, scratch).as_chunks::<4>();
        let bits = open
            .iter()
            .try_fold(0, |bits, &byte| Some(bits << 6 | sextet(byte)?))?;
        append_decoded(groups.as_flattened(), bytes)?;
        (self.bits, self.characters) = (bits, open.len());
        Some(block.len())
    }

    fn take_each(&mut self, text: &[u8], bytes: &mut Vec<u8>) -> Result<(), Base64Error> {
        text.iter().try_for_each(|&byte| self.take(byte, bytes))
    }

    /// Takes one byte: the law that the fast paths obey.
    fn take(&mut self, byte: u8, bytes: &mut Vec<u8>) -> Result<(), Base64Error> {
        let at = self.at;
        self.at += 1;
        if byte.is_ascii_whitespace() {
            return Ok(());
        }
        if self.padded || (self.padding > 0 && byte != PADDING) {
            return Err(Base64Error::AfterPadding { at });
        }
        if byte == PADDING && self.characters >= 2 {
            self.padding += 1;
        } else {
            let sextet = sextet(byte).ok_or(Base64Error::BadByte { at, byte })?;
            self.bits = self.bits << 6 | sextet;
            self.characters += 1;
        }
        if self.characters + self.padding == 4 {
            self.close_group(bytes);
        }
        Ok(())
    }

    fn close_group(&mut self, bytes: &mut Vec<u8>) {
        let [_, group @ ..] = (self.bits << (6 * self.padding)).to_be_bytes();
        bytes.extend(group.iter().take(self.characters - 1));
        *self = Self {
            padded: self.padding > 0,
            at: self.at,
            ..Self::default()
        };
    }
}

/// Text up to its last character, and the white space and padding after that.
fn split_end(text: &[u8]) -> (&[u8], &[u8]) {
    let is_character = |byte: &u8| *byte != PADDING && !byte.is_ascii_whitespace();
    text.split_at(
        text.iter()
            .rposition(is_character)
            .map_or(0, |last| last + 1),
    )
}

/// Lays the characters of a block together. Lines of 76 characters are copied without a look
/// at them: what does not belong there is found by decoding.
fn compact<'s>(block: &[u8], scratch: &'s mut [u8; BLOCK]) -> &'s [u8] {
    let (mut rest, mut filled) = (block, 0);
    while !rest.is_empty() {
        let room = scratch.get_mut(filled..).unwrap_or_default();
        if let (Some((line, after)), Some(slot)) = (split_line(rest), room.first_chunk_mut()) {
            *slot = *line;
            filled += LINE;
            rest = after;
        } else {
            let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |line_end| line_end + 1);
            let (line, after) = rest.split_at(length);
            let characters = line.iter().filter(|byte| !byte.is_ascii_whitespace());
            filled += room
                .iter_mut()
                .zip(characters)
                .map(|(slot, byte)| *slot = *byte)
                .count();
            rest = after;
        }
    }
    scratch.get(..filled).unwrap_or_default()
}

/// A line of exactly 76 bytes, and the text after its line end.
fn split_line(text: &[u8]) -> Option<(&[u8; LINE], &[u8])> {
    let (line, after) = text.split_first_chunk()?;
    after
        .strip_prefix(b"\n")
        .or_else(|| after.strip_prefix(b"\r\n"))
        .map(|after| (line, after))
}

fn append_decoded(groups: &[u8], bytes: &mut Vec<u8>) -> Option<()> {
    // base64-simd reserves exactly, which would grow a vector by copying it each time.
    bytes.reserve(groups.len() / 4 * 3);
    STANDARD_NO_PAD.decode_append(groups, bytes).ok()
}

fn sextet(byte: u8) -> Option<u32> {
    let sextet = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(sextet.into())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::alphabet;
    use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const WRAPS: [Wrap; 3] = [Wrap::None, Wrap::Lf76, Wrap::CrLf76];
    /// The peer: an implementation that shares nothing with ours.
    const ORACLE: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
    );

    /// Bytes of a length that matters: around groups, lines and blocks.
    fn document() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            vec(any::<u8>(), 0..200),
            (0..40_000_usize, any::<u8>()).prop_map(|(length, seed)| pattern(length, seed)),
        ]
    }

    fn pattern(length: usize, seed: u8) -> Vec<u8> {
        (0..length)
            .map(|at| (at * 131 + at / 251) as u8 ^ seed)
            .collect()
    }

    fn wrapped(line: &[u8], width: usize, line_end: &str) -> Vec<u8> {
        line.chunks(width)
            .collect::<Vec<_>>()
            .join(line_end.as_bytes())
    }

    fn without_white_space(text: &[u8]) -> Vec<u8> {
        text.iter()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn encoding_is_the_peers_text_with_line_ends_between_lines(bytes in document()) {
            let line = ORACLE.encode(&bytes).into_bytes();
            for (wrap, line_end) in WRAPS.into_iter().zip(["", "\n", "\r\n"]) {
                let width = if wrap == Wrap::None { usize::MAX } else { LINE };
                let text = encode(&bytes, wrap);
                prop_assert_eq!(&text[..], &wrapped(&line, width, line_end)[..]);
                prop_assert_eq!(text.len() as u64, encoded_len(bytes.len() as u64, wrap));
            }
        }

        #[test]
        fn every_line_width_and_line_end_decodes(
            bytes in document(),
            width in prop_oneof![Just(76), Just(64), 1..200_usize],
            line_end in prop_oneof![Just("\n"), Just("\r\n"), Just(" "), Just("\r"), Just("\t\n ")],
        ) {
            let mut text = wrapped(&ORACLE.encode(&bytes).into_bytes(), width, line_end);
            prop_assert_eq!(decode(&text), Ok(bytes.clone()));
            text.extend_from_slice(b"\r\n\r\n");
            prop_assert_eq!(decode(&text), Ok(bytes));
        }

        #[test]
        fn text_cut_anywhere_decodes_as_the_whole(bytes in document(), cuts in vec(any::<prop::sample::Index>(), 0..6)) {
            for wrap in WRAPS {
                let text = encode(&bytes, wrap);
                let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
                cuts.extend([0, text.len()]);
                cuts.sort_unstable();
                let (mut decoder, mut decoded) = (Decoder::default(), Vec::new());
                for cut in cuts.windows(2) {
                    decoder.push(&text[cut[0]..cut[1]], &mut decoded).unwrap();
                }
                prop_assert_eq!(decoder.finish(), Ok(()));
                prop_assert_eq!(&decoded, &bytes);
            }
        }

        #[test]
        fn the_peer_accepts_the_same_texts(text in "([A-Za-z0-9+/]{4}\\s?){0,3}[A-Za-z+/=\\s!]{0,8}") {
            let peer = ORACLE.decode(without_white_space(text.as_bytes()));
            prop_assert_eq!(decode(text.as_bytes()).ok(), peer.ok());
        }

        #[test]
        fn one_bad_byte_is_found_where_it_is(
            bytes in vec(any::<u8>(), 1..20_000),
            at in any::<prop::sample::Index>(),
            bad in any::<u8>().prop_filter("in the alphabet", |&byte| {
                sextet(byte).is_none() && byte != PADDING && !byte.is_ascii_whitespace()
            }),
        ) {
            for wrap in WRAPS {
                let mut text = encode(&bytes, wrap).to_vec();
                let characters: Vec<_> = (0..text.len()).filter(|&at| sextet(text[at]).is_some()).collect();
                let at = characters[at.index(characters.len())];
                text[at] = bad;
                prop_assert_eq!(decode(&text), Err(Base64Error::BadByte { at, byte: bad }));
            }
        }

        #[test]
        fn fast_paths_obey_the_law(text in vec(prop_oneof![
            8 => "[A-Za-z0-9+/]{76}\r?\n", 4 => "[A-Za-z0-9+/]{60,90}", 1 => "[ \r\n]", 1 => "==?", 1 => "[!A]",
        ], 0..150)) {
            let text = text.concat().into_bytes();
            let (mut law, mut lawful) = (Decoder::default(), Vec::new());
            let expected = law.take_each(&text, &mut lawful).and_then(|()| law.finish()).map(|()| lawful);
            prop_assert_eq!(decode(&text), expected);
        }
    }

    #[test]
    fn padding_stands_only_at_the_end_of_a_group_at_the_end_of_the_text() {
        let decoded = |text: &str| decode(text.as_bytes());
        assert_eq!(decoded("QQ=="), Ok(b"A".to_vec()));
        assert_eq!(decoded("Q\nQ= =\r\n"), Ok(b"A".to_vec()));
        assert_eq!(
            decoded("QUI=QUJD"),
            Err(Base64Error::AfterPadding { at: 4 })
        );
        assert_eq!(decoded("QQ==="), Err(Base64Error::AfterPadding { at: 4 }));
        assert_eq!(decoded("QQ=Q"), Err(Base64Error::AfterPadding { at: 3 }));
        assert_eq!(
            decoded("QUJD\n="),
            Err(Base64Error::BadByte {
                at: 5,
                byte: PADDING
            })
        );
        assert_eq!(
            decoded("Q==="),
            Err(Base64Error::BadByte {
                at: 1,
                byte: PADDING
            })
        );
    }

    #[test]
    fn text_without_its_padding_is_truncated() {
        assert_eq!(decode(b"QUJDR"), Err(Base64Error::Truncated { over: 1 }));
        assert_eq!(decode(b"QUJDRA"), Err(Base64Error::Truncated { over: 2 }));
        assert_eq!(decode(b"QUJDRA="), Err(Base64Error::Truncated { over: 3 }));
    }

    #[test]
    fn empty_and_blank_text_is_an_empty_document() {
        assert_eq!(decode(b""), Ok(Vec::new()));
        assert_eq!(decode(b" \r\n\t"), Ok(Vec::new()));
        assert_eq!(encode(b"", Wrap::CrLf76), Bytes::new());
        assert_eq!(encoded_len(0, Wrap::CrLf76), 0);
    }

    #[test]
    fn unused_bits_of_the_last_character_are_ignored() {
        assert_eq!(decode(b"QR=="), Ok(b"A".to_vec()));
    }
}
