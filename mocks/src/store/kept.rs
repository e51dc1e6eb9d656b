//! Contents that are read again and again, kept in memory: making one costs several times what
//! sending it does.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use gp2gp_model::DocumentId;

use super::shelf::Document;

/// All contents kept together have no more bytes than this.
const KEPT_BYTES: u64 = 48 * 1024 * 1024;

/// What was read whole at least twice, the last ones of it. A document that is read once, as in
/// a transfer, is never kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    read_once: BTreeSet<Content>,
    contents: VecDeque<(Content, Bytes)>,
}

/// A content is made from its number and length alone: a fault may spoil the length.
type Content = (DocumentId, u64);

impl Kept {
    /// The content, if this is not the first time that it is read, and it is not too large.
    pub(super) fn content(&mut self, document: &Document) -> Option<Bytes> {
        let bytes = document.spec.bytes;
        if bytes > KEPT_BYTES {
            return None;
        }
        let content = (document.number.clone(), bytes);
        if let Some((_, kept)) = self.contents.iter().find(|(kept, _)| *kept == content) {
            return Some(kept.clone());
        }
        if self.read_once.insert(content.clone()) {
            return None;
        }
        while self.total() + bytes > KEPT_BYTES {
            self.contents.pop_front()?;
        }
        let made = document.spec.to_bytes();
        self.contents.push_back((content, made.clone()));
        Some(made)
    }

    fn total(&self) -> u64 {
        self.contents
            .iter()
            .map(|(_, kept)| kept.len() as u64)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use gp2gp_model::NhsNumber;

    use super::*;
    use crate::synthetic::{DocumentKind, DocumentSpec};

    fn document(serial: u32, bytes: u64) -> Document {
        let spec = DocumentSpec::generate(1, serial, DocumentKind::Tiff, bytes);
        Document::new(NhsNumber::synthetic(2).unwrap(), spec, None)
    }

    #[test]
    fn what_is_read_twice_is_kept_and_is_the_same() {
        let mut kept = Kept::default();
        let document = document(1, 100_000);
        assert_eq!(kept.content(&document), None);
        let content = document.spec.to_bytes();
        for _ in 0..2 {
            assert_eq!(kept.content(&document).unwrap(), content);
        }
        let mut spoilt = document.clone();
        spoilt.spec.bytes = 10;
        assert_eq!(kept.content(&spoilt), None);
        assert_eq!(kept.content(&spoilt).unwrap().len(), 10);
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let mut kept = Kept::default();
        for serial in 0..5 {
            let document = document(serial, KEPT_BYTES / 3);
            kept.content(&document);
            assert!(kept.content(&document).is_some());
        }
        assert_eq!(kept.contents.len(), 3);
        let huge = document(9, KEPT_BYTES + 1);
        assert_eq!((kept.content(&huge), kept.content(&huge)), (None, None));
    }
}
