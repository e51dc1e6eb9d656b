//! A system that takes only so much: what it files in the place of a document that is too large,
//! and when a record is too large altogether.

use gp2gp_model::plan::Caps;
use gp2gp_model::{ConversationId, OdsCode, Sha256};
use gp2gp_wire::attachment::{Placeholder, PlaceholderReason};

use super::assembly::AssemblyFault;
use super::document::Stored;

/// How much of one record is taken.
pub(super) struct Ceiling {
    pub(super) caps: Caps,
    /// The practice that sent the record.
    pub(super) sender: OdsCode,
    pub(super) conversation: ConversationId,
}

impl Ceiling {
    /// Refuses whole documents of these sizes that are too much together. What will not be filed
    /// takes no room.
    pub(super) fn check(&self, whole: impl Iterator<Item = u64>) -> Result<(), AssemblyFault> {
        let Some(most) = self.caps.total_bytes else {
            return Ok(());
        };
        let together: u64 = whole.filter(|bytes| !self.caps.is_too_large(*bytes)).sum();
        match together > most {
            true => Err(AssemblyFault::TooMuch { together, most }),
            false => Ok(()),
        }
    }

    /// What is filed for a document: itself, or a note that people see. `guid` names the note.
    pub(super) fn file(&self, stored: Stored, guid: &str) -> Stored {
        if stored.placeholder || !self.caps.is_too_large(stored.bytes) {
            return stored;
        }
        let note = Placeholder {
            description: stored.file_name,
            sender: self.sender.clone(),
            conversation: self.conversation.clone(),
            reason: PlaceholderReason::Undetermined,
        };
        let note = note.to_string();
        Stored {
            file_name: Placeholder::file_name(guid),
            media_type: "text/plain".to_owned(),
            sha256: Sha256::of(note.as_bytes()),
            bytes: note.len() as u64,
            placeholder: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ceiling(document_bytes: Option<u64>, total_bytes: Option<u64>) -> Ceiling {
        Ceiling {
            caps: Caps {
                document_bytes,
                total_bytes,
            },
            sender: OdsCode::parse("Z99902").unwrap(),
            conversation: ConversationId::parse("C").unwrap(),
        }
    }

    fn stored(bytes: u64) -> Stored {
        Stored {
            file_name: "scan.tif".to_owned(),
            media_type: "image/tiff".to_owned(),
            sha256: Sha256::of(b"scan"),
            bytes,
            placeholder: false,
        }
    }

    #[test]
    fn one_byte_too_much_is_refused_and_what_is_not_filed_takes_no_room() {
        let sizes =
            |sizes: &[u64], document, total| ceiling(document, total).check(sizes.iter().copied());
        assert_eq!(sizes(&[60, 40], None, Some(100)), Ok(()));
        assert_eq!(
            sizes(&[60, 41], None, Some(100)).unwrap_err().to_string(),
            "documents have 101 bytes together, at most 100 are taken"
        );
        assert_eq!(sizes(&[60, 41, 61], Some(60), Some(101)), Ok(()));
        assert_eq!(sizes(&[u64::MAX], None, None), Ok(()));
    }

    #[test]
    fn a_note_takes_the_place_of_a_document_that_is_one_byte_too_large() {
        let ceiling = ceiling(Some(100), None);
        assert_eq!(ceiling.file(stored(100), "G"), stored(100));
        let note = ceiling.file(stored(101), "G");
        assert_eq!(note.file_name, "AbsentAttachmentG.txt");
        assert_eq!(note.media_type, "text/plain");
        assert!(note.placeholder);
        let text = Placeholder {
            description: "scan.tif".to_owned(),
            sender: ceiling.sender.clone(),
            conversation: ceiling.conversation,
            reason: PlaceholderReason::Undetermined,
        };
        assert_eq!(note.sha256, Sha256::of(text.to_string().as_bytes()));
    }

    #[test]
    fn a_placeholder_is_never_replaced() {
        let placeholder = Stored {
            placeholder: true,
            ..stored(101)
        };
        let filed = ceiling(Some(100), None).file(placeholder.clone(), "G");
        assert_eq!(filed, placeholder);
    }
}
