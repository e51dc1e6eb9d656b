//! Draws from a named stream of random numbers.

use std::fmt;

use gp2gp_model::{DocumentId, Sha256};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Draws values from the stream that belongs to a seed and a name. Ranges are `u32`, never
/// `usize`, so that 32-bit and 64-bit machines draw the same.
#[derive(Clone)]
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    pub(super) fn new(seed: u64, name: &str) -> Self {
        Self(stream(seed, name))
    }

    /// The same seed and name from the start of their `part`-th stream: each part is drawn without
    /// the parts before it.
    pub(super) fn part(&self, part: u64) -> Self {
        let mut stream = self.0.clone();
        stream.set_stream(part);
        stream.set_word_pos(0);
        Self(stream)
    }

    /// A number below `bound`; 0 if the bound is 0.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        self.0.random_range(0..bound.max(1))
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        low.saturating_add(self.below(high.saturating_sub(low).saturating_add(1)))
    }

    /// True `percent` times in a hundred.
    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    pub(super) fn pick<'a, T, const N: usize>(&mut self, from: &'a [T; N]) -> &'a T {
        const { assert!(N > 0 && N <= u16::MAX as usize) };
        &from[self.below(N as u32) as usize]
    }

    pub(super) fn uuid(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        bytes[6] = bytes[6] & 0x0F | 0x40;
        bytes[8] = bytes[8] & 0x3F | 0x80;
        Uuid(bytes)
    }

    /// Any 64 bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }
}

/// The stream of random numbers that belongs to `seed` and `name`, and to nothing else.
fn stream(seed: u64, name: &str) -> ChaCha8Rng {
    let digest = Sha256::of(format!("{seed}/{name}").as_bytes()).to_string();
    let mut key = [0; 32];
    for (byte, hex) in key.iter_mut().zip(digest.as_bytes().chunks_exact(2)) {
        *byte = hex.iter().fold(0, |byte, &digit| byte << 4 | nibble(digit));
    }
    ChaCha8Rng::from_seed(key)
}

const fn nibble(hex_digit: u8) -> u8 {
    match hex_digit {
        b'0'..=b'9' => hex_digit - b'0',
        _ => hex_digit.wrapping_sub(b'a').wrapping_add(10),
    }
}

/// A version 4 UUID, shown in upper case (spec 10: emitted upper case).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Uuid([u8; 16]);

impl From<Uuid> for DocumentId {
    fn from(uuid: Uuid) -> Self {
        Self::parse(&uuid.to_string())
            .unwrap_or_else(|_| unreachable!("hex digits and hyphens are an id"))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        let mut text = [b'-'; 36];
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
        let places = (0..36).filter(|place| ![8, 13, 18, 23].contains(place));
        for (place, digit) in places.zip(digits) {
            text[place] = HEX[usize::from(digit)];
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_seed_and_name_and_nothing_else() {
        let bits = |seed, name| Draw::new(seed, name).bits();
        assert_eq!(bits(1, "a"), bits(1, "a"));
        assert_ne!(bits(1, "a"), bits(2, "a"));
        assert_ne!(bits(1, "a"), bits(1, "b"));
    }

    #[test]
    fn the_first_draws_never_change() {
        let mut draw = Draw::new(7, "pinned");
        assert_eq!(
            format!("{} {} {}", draw.bits(), draw.below(1_000_000), draw.uuid()),
            "1703460510088307633 216855 B1602B19-E1A2-4755-87E8-43407B6965A3"
        );
    }

    #[test]
    fn a_stream_is_keyed_with_the_whole_digest() {
        let digest = Sha256::of(b"7/pinned").to_string();
        let seed = stream(7, "pinned").get_seed();
        let hex: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, digest);
    }

    #[test]
    fn uuids_are_upper_case_and_version_4() {
        let text = Draw::new(1, "uuid").uuid().to_string();
        let id = DocumentId::parse(&text).unwrap();
        assert!(id.is_upper_uuid(), "{text}");
        assert_eq!(text.as_bytes()[14], b'4');
    }
}
