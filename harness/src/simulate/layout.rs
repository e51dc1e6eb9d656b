//! What a record makes of messages: the arithmetic of `mocks::sending`, on sizes alone.

use super::promise::Promise;

/// How large what is sent may be, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest base64 text of one attachment in one message; a longer one is cut.
    pub attachment: u64,
    /// Largest whole message.
    pub message: u64,
    /// Largest document that travels in a core beside promised ones; a reference system has no such limit.
    pub inline: u64,
}

/// How a record travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// What does not travel in the core.
    pub promise: Promise,
}

/// Envelope and wrapper of a core.
const CORE_BYTES: u64 = 5_000;
/// A reference to a document in the manifest, and the link to it in the record.
const REFERENCE_BYTES: u64 = 1_400;
/// The head of the part of a document.
const PART_BYTES: u64 = 200;
/// Attachments beside envelope and payload that every Spine carries (spec 20).
const INLINE_ATTACHMENTS: usize = 98;

impl Layout {
    /// If all of it fits one message, it is one message. Otherwise fills the core in order and promises the rest
    /// (LM10): whole documents first, then those that have to be cut.
    pub fn of(record_bytes: u64, documents: &[u64], limits: Limits) -> Self {
        let references = REFERENCE_BYTES * documents.len() as u64;
        let bare_bytes = CORE_BYTES + record_bytes + references;
        let (mut wholes, mut indexes) = (0, Vec::new());
        let mut promise = |bytes| match chunks(bytes, limits) {
            1 => wholes += 1,
            chunks => indexes.push(chunks),
        };
        let mut core_bytes = bare_bytes;
        if bare_bytes > limits.message {
            // A skeleton stands for the record, which becomes an attachment.
            core_bytes -= record_bytes;
            promise(record_bytes);
        }
        let inline_bytes = |bytes| PART_BYTES + text_bytes(bytes);
        let together: u64 = documents.iter().map(|bytes| inline_bytes(*bytes)).sum();
        let is_all = documents.len() <= INLINE_ATTACHMENTS
            && bare_bytes + together <= limits.message
            && documents.iter().all(|bytes| chunks(*bytes, limits) == 1);
        let mut inline = 0;
        for bytes in documents {
            let with_it = core_bytes + inline_bytes(*bytes);
            let is_inline = is_all
                || chunks(*bytes, limits) == 1
                    && *bytes <= limits.inline
                    && inline < INLINE_ATTACHMENTS
                    && with_it <= limits.message;
            if is_inline {
                core_bytes = with_it;
                inline += 1;
            } else {
                promise(*bytes);
            }
        }
        Self {
            promise: Promise::new(wholes, indexes),
        }
    }

    /// One message is not enough.
    pub fn is_large(&self) -> bool {
        self.promise.total() > 0
    }
}

/// Messages that the text of a document fills.
fn chunks(bytes: u64, limits: Limits) -> u32 {
    let chunks = text_bytes(bytes).div_ceil(limits.attachment.max(4)).max(1);
    u32::try_from(chunks).unwrap_or(u32::MAX)
}

/// Length as base64.
pub(super) const fn text_bytes(bytes: u64) -> u64 {
    bytes.div_ceil(3) * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        attachment: 4_500_000,
        message: 5_000_000,
        inline: u64::MAX,
    };

    fn promise(record: u64, documents: &[u64]) -> Promise {
        Layout::of(record, documents, LIMITS).promise
    }

    #[test]
    fn what_fits_travels_in_the_core_and_what_is_too_large_is_cut() {
        assert_eq!(promise(200_000, &[40_000; 60]), Promise::default());
        // Three times 1.3 MB of text leave no room for a fourth, but for a small one.
        let some = [1_000_000, 1_000_000, 1_000_000, 1_000_000, 40_000];
        assert_eq!(promise(200_000, &some), Promise::new(1, Vec::new()));
        // 33.4 MB of text are eight messages.
        assert_eq!(promise(200_000, &[25_000_000]), Promise::new(0, vec![8]));
    }

    #[test]
    fn the_ninety_ninth_document_is_promised() {
        assert_eq!(promise(1_000, &[10; 98]), Promise::default());
        assert_eq!(promise(1_000, &[10; 99]), Promise::new(1, Vec::new()));
    }

    #[test]
    fn larger_documents_leave_their_place_to_smaller_ones_where_one_message_is_not_enough() {
        let limits = Limits {
            inline: 150_000,
            ..LIMITS
        };
        let promise = |documents: &[u64]| Layout::of(1_000, documents, limits).promise;
        assert_eq!(promise(&[1_000_000, 1_000_000]), Promise::default());
        let many = [1_000_000, 1_000_000, 1_000_000, 1_000_000, 40_000];
        assert_eq!(promise(&many), Promise::new(4, Vec::new()));
    }

    #[test]
    fn a_record_that_is_too_large_becomes_an_attachment() {
        assert_eq!(promise(20_000_000, &[]), Promise::new(0, vec![6]));
    }
}
