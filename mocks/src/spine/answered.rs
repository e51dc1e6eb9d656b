//! Which messages were acknowledged, and with which bytes.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use gp2gp_model::{ConversationId, EbxmlMessageId};
use gp2gp_wire::ebxml::Header;

/// Messages remembered: several of the longest known conversations (3 381 messages, spec 20).
const REMEMBERED: usize = 16_384;

/// The memory that eliminates duplicates. Forgets the oldest first.
#[derive(Debug, Default)]
pub(super) struct Answered {
    acknowledgments: BTreeMap<Key, Bytes>,
    by_age: VecDeque<Key>,
}

/// Ids of different senders may collide, hence the conversation (RCV-37). What comes first decides nearly every
/// comparison: looking a message up would otherwise be fetching the texts of fifteen others from all over memory.
type Key = (u64, ConversationId, EbxmlMessageId);

impl Answered {
    /// What a message was acknowledged with.
    pub(super) fn acknowledgment(&self, header: &Header) -> Option<Bytes> {
        self.acknowledgments.get(&key(header)).cloned()
    }

    /// Remembers a message that was not known before.
    pub(super) fn remember(&mut self, header: &Header, acknowledgment: Bytes) {
        let key = key(header);
        self.by_age.push_back(key.clone());
        self.acknowledgments.insert(key, acknowledgment);
        if self.by_age.len() > REMEMBERED
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.acknowledgments.remove(&oldest);
        }
    }
}

fn key(header: &Header) -> Key {
    (
        fingerprint(header.message_id.as_str()),
        header.conversation_id.clone(),
        header.message_id.clone(),
    )
}

/// FNV-1a without regard to ASCII case, as ids are compared.
fn fingerprint(id: &str) -> u64 {
    id.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::ehr_request;
    use super::*;

    #[test]
    fn only_the_oldest_message_is_forgotten() {
        let mut answered = Answered::default();
        let mut any = ehr_request(0).header;
        any.conversation_id = "c".parse().unwrap();
        let header = |number: usize| Header {
            message_id: number.to_string().parse().unwrap(),
            ..any.clone()
        };
        for number in 0..=REMEMBERED {
            answered.remember(&header(number), Bytes::from(number.to_string()));
        }
        assert_eq!(answered.acknowledgment(&header(0)), None);
        assert_eq!(answered.acknowledgment(&header(1)).unwrap(), "1");
        assert_eq!(answered.acknowledgments.len(), REMEMBERED);
    }

    #[test]
    fn an_id_is_known_in_any_case() {
        let mut answered = Answered::default();
        let mut header = ehr_request(0).header;
        header.message_id = "abcdef".parse().unwrap();
        answered.remember(&header, Bytes::from_static(b"taken"));
        header.message_id = "ABCDEF".parse().unwrap();
        assert_eq!(answered.acknowledgment(&header).unwrap(), "taken");
    }
}
