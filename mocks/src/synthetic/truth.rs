//! What is true of a record, whatever becomes of it on the way.

use gp2gp_model::trace::HeldNarrative;

/// What a record holds that must survive a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordTruth {
    /// Free texts in the order of the record.
    pub narratives: Vec<HeldNarrative>,
    /// Acts marked as not to be shown to the patient, free texts among them.
    pub marks: usize,
}
