//! UUIDs from a stream.

use rand::Rng;

use crate::Stream;

/// A source of upper-case version 4 UUIDs that repeats itself for the same stream.
#[derive(Debug, Clone)]
pub struct Ids(Stream);

impl Ids {
    /// UUIDs drawn from this stream.
    pub const fn new(stream: Stream) -> Self {
        Self(stream)
    }

    /// The next UUID, upper case (spec 10, Ids).
    pub fn next_uuid(&mut self) -> String {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let mut text = String::with_capacity(36);
        for (at, byte) in bytes.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            text.push(hex(byte >> 4));
            text.push(hex(byte & 0x0f));
        }
        text
    }
}

fn hex(nibble: u8) -> char {
    char::from(match nibble {
        0..=9 => b'0' + nibble,
        _ => b'A' + nibble - 10,
    })
}

#[cfg(test)]
mod tests {
    use gp2gp_model::ConversationId;

    use super::*;
    use crate::Streams;

    #[test]
    fn ids_are_upper_case_version_4_uuids_and_differ() {
        let mut ids = Ids::new(Streams::new(7).stream("ids"));
        let first = ids.next_uuid();
        assert!(
            ConversationId::parse(&first).unwrap().is_upper_uuid(),
            "{first}"
        );
        assert_eq!(&first[14..15], "4");
        assert_ne!(first, ids.next_uuid());
    }
}
