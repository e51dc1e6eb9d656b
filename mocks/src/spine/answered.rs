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

/// Ids of different senders may collide, hence the conversation (RCV-37).
type Key = (ConversationId, EbxmlMessageId);

impl Answered {
    /// What a message was acknowledged with.
    pub(super) fn acknowledgment(&self, header: &Header) -> Option<Bytes> {
        self.acknowledgments.get(&key(header)).cloned()
    }

    /// Remembers a message that was not known before.
    pub(super) fn remember(&mut self, header: &Header, acknowledgment: Bytes) {
        self.acknowledgments.insert(key(header), acknowledgment);
        self.by_age.push_back(key(header));
        if self.by_age.len() > REMEMBERED
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.acknowledgments.remove(&oldest);
        }
    }
}

fn key(header: &Header) -> Key {
    (header.conversation_id.clone(), header.message_id.clone())
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
}
