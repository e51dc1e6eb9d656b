//! States of a document in the store of a practice, and what leads from one to another.
//!
//! The whole state machine is one table, [`DocumentState::after`]; who may do what is another,
//! [`ActingRole::may`].

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a document stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentState {
    /// In the patient's record, and nowhere else.
    Held,
    /// In the record, open at somebody's desk: neither read nor changed by others.
    Locked,
    /// In the record without a copy, and somebody who may has permitted to delete it so.
    Waived,
    /// In the record, and a copy from which it can be restored.
    Archived,
    /// No longer in the record; restorable from its copy.
    Deleted,
    /// Gone: deleted without a copy.
    Destroyed,
}

/// What can be done to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentOperation {
    /// Read its content.
    Read,
    /// Make a copy from which it can be restored.
    Archive,
    /// Remove it from the record.
    Delete,
    /// Bring it back into the record from its copy.
    Restore,
    /// Open it at a desk.
    Lock,
    /// Close it there.
    Unlock,
    /// Permit to delete it without a copy.
    Waive,
}

/// What a store asks before it deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeletePolicy {
    /// A copy, or a permission to do without.
    #[default]
    ArchiveFirst,
    /// Nothing: whoever may delete can destroy. Such stores are deployed.
    Unguarded,
}

/// Why a document does not take an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Denied {
    /// Somebody has it open.
    #[error("document is locked")]
    Locked,
    /// It was deleted.
    #[error("document was deleted from the record")]
    Gone,
    /// Deleting it would lose it.
    #[error("document has no archive copy, and nobody permitted to delete it without one")]
    NoArchiveCopy,
    /// It was deleted without a copy.
    #[error("document was deleted without an archive copy and cannot be restored")]
    NotRestorable,
    /// It is in the record.
    #[error("document is in the record: there is nothing to restore")]
    NothingToRestore,
    /// Nobody has it open.
    #[error("document is not locked")]
    NotLocked,
    /// It has a copy.
    #[error("document has an archive copy: there is nothing to permit, and it is no longer edited")]
    IsArchived,
}

impl DocumentState {
    /// All.
    pub const ALL: [Self; 6] = [
        Self::Held,
        Self::Locked,
        Self::Waived,
        Self::Archived,
        Self::Deleted,
        Self::Destroyed,
    ];

    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Locked => "locked",
            Self::Waived => "waived",
            Self::Archived => "archived",
            Self::Deleted => "deleted",
            Self::Destroyed => "destroyed",
        }
    }

    /// Whether the document is in the patient's record, where the practice sees it.
    pub const fn is_in_record(self) -> bool {
        match self {
            Self::Held | Self::Locked | Self::Waived | Self::Archived => true,
            Self::Deleted | Self::Destroyed => false,
        }
    }

    /// Whether a copy exists from which it can be restored.
    pub const fn is_restorable(self) -> bool {
        match self {
            Self::Archived | Self::Deleted => true,
            Self::Held | Self::Locked | Self::Waived | Self::Destroyed => false,
        }
    }

    /// The state after an operation, or why there is none. Doing again what is done changes
    /// nothing and is no fault, because the first answer may have been lost.
    pub const fn after(
        self,
        operation: DocumentOperation,
        policy: DeletePolicy,
    ) -> Result<Self, Denied> {
        use DocumentOperation as Op;
        match (self, operation) {
            (Self::Held, Op::Read) => Ok(Self::Held),
            (Self::Held, Op::Archive) => Ok(Self::Archived),
            (Self::Held, Op::Delete) => match policy {
                DeletePolicy::ArchiveFirst => Err(Denied::NoArchiveCopy),
                DeletePolicy::Unguarded => Ok(Self::Destroyed),
            },
            (Self::Held, Op::Lock) => Ok(Self::Locked),
            (Self::Held, Op::Waive) => Ok(Self::Waived),

            (Self::Locked, Op::Lock) => Ok(Self::Locked),
            (Self::Locked, Op::Unlock) => Ok(Self::Held),
            (Self::Locked, Op::Read | Op::Archive | Op::Delete | Op::Restore | Op::Waive) => {
                Err(Denied::Locked)
            }

            (Self::Waived, Op::Read | Op::Waive) => Ok(Self::Waived),
            (Self::Waived, Op::Archive) => Ok(Self::Archived),
            (Self::Waived, Op::Delete) => Ok(Self::Destroyed),
            // Whoever edits a document takes the permission to destroy it back.
            (Self::Waived, Op::Lock) => Ok(Self::Locked),

            (Self::Archived, Op::Read | Op::Archive) => Ok(Self::Archived),
            (Self::Archived, Op::Delete) => Ok(Self::Deleted),
            (Self::Archived, Op::Lock | Op::Waive) => Err(Denied::IsArchived),

            (Self::Held | Self::Waived | Self::Archived, Op::Restore) => {
                Err(Denied::NothingToRestore)
            }
            (Self::Held | Self::Waived | Self::Archived, Op::Unlock) => Err(Denied::NotLocked),

            (Self::Deleted, Op::Delete) => Ok(Self::Deleted),
            (Self::Deleted, Op::Restore) => Ok(Self::Archived),
            (Self::Destroyed, Op::Delete) => Ok(Self::Destroyed),
            (Self::Destroyed, Op::Restore) => Err(Denied::NotRestorable),
            (
                Self::Deleted | Self::Destroyed,
                Op::Read | Op::Archive | Op::Lock | Op::Unlock | Op::Waive,
            ) => Err(Denied::Gone),
        }
    }
}

impl fmt::Display for DocumentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl DocumentOperation {
    /// All.
    pub const ALL: [Self; 7] = [
        Self::Read,
        Self::Archive,
        Self::Delete,
        Self::Restore,
        Self::Lock,
        Self::Unlock,
        Self::Waive,
    ];

    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Archive => "archive",
            Self::Delete => "delete",
            Self::Restore => "restore",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::Waive => "waive",
        }
    }
}

impl fmt::Display for DocumentOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who acts on the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActingRole {
    /// The practice's own system, in a transfer or an export.
    System,
    /// Somebody at the practice.
    PracticeUser,
    /// The support desk of the document system.
    SupportDesk,
    /// The health board.
    HealthBoard,
}

impl ActingRole {
    /// All.
    pub const ALL: [Self; 4] = [
        Self::System,
        Self::PracticeUser,
        Self::SupportDesk,
        Self::HealthBoard,
    ];

    /// Lower-case name, as in the header `Acting-Role`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::PracticeUser => "practice-user",
            Self::SupportDesk => "support-desk",
            Self::HealthBoard => "health-board",
        }
    }

    /// Who may do what. Nobody deletes by hand at the practice, only the desk restores, and
    /// those who permit are not those who delete.
    pub const fn may(self, operation: DocumentOperation) -> bool {
        use DocumentOperation as Op;
        match self {
            Self::System => matches!(operation, Op::Read | Op::Archive | Op::Delete),
            Self::PracticeUser => {
                matches!(operation, Op::Read | Op::Lock | Op::Unlock | Op::Waive)
            }
            Self::SupportDesk => matches!(
                operation,
                Op::Read | Op::Archive | Op::Delete | Op::Restore | Op::Unlock
            ),
            Self::HealthBoard => matches!(operation, Op::Waive),
        }
    }
}

impl fmt::Display for ActingRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A role that the store does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is none of the roles system, practice-user, support-desk, health-board")]
pub struct UnknownRole(String);

impl FromStr for ActingRole {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        (Self::ALL.into_iter())
            .find(|role| role.name() == text)
            .ok_or_else(|| UnknownRole(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row a state; columns in the order of [`DocumentOperation::ALL`].
    const TABLE: &str = "
        held       held      archived  -          -         locked  -     waived
        locked     -         -         -          -         locked  held  -
        waived     waived    archived  destroyed  -         locked  -     waived
        archived   archived  archived  deleted    -         -       -     -
        deleted    -         -         deleted    archived  -       -     -
        destroyed  -         -         destroyed  -         -       -     -";

    #[test]
    fn the_states_are_those_of_the_table() {
        let rows = TABLE.trim().lines().zip(DocumentState::ALL);
        for (row, state) in rows {
            let mut cells = row.split_whitespace();
            assert_eq!(cells.next(), Some(state.name()));
            for (wanted, operation) in cells.zip(DocumentOperation::ALL) {
                let after = state.after(operation, DeletePolicy::ArchiveFirst);
                let seen = after.map_or("-", DocumentState::name);
                assert_eq!(seen, wanted, "{operation} of a {state} document");
            }
        }
    }

    #[test]
    fn an_unguarded_store_differs_only_in_destroying_what_was_not_archived() {
        for state in DocumentState::ALL {
            for operation in DocumentOperation::ALL {
                let guarded = state.after(operation, DeletePolicy::ArchiveFirst);
                let unguarded = state.after(operation, DeletePolicy::Unguarded);
                if (state, operation) == (DocumentState::Held, DocumentOperation::Delete) {
                    assert_eq!(guarded, Err(Denied::NoArchiveCopy));
                    assert_eq!(unguarded, Ok(DocumentState::Destroyed));
                } else {
                    assert_eq!(guarded, unguarded, "{operation} of a {state} document");
                }
            }
        }
    }

    #[test]
    fn nobody_both_permits_and_deletes() {
        use DocumentOperation as Op;
        for role in ActingRole::ALL {
            assert!(!(role.may(Op::Waive) && role.may(Op::Delete)), "{role}");
            assert_eq!(role.name().parse(), Ok(role));
        }
        let who = |operation| {
            let mut who = ActingRole::ALL.to_vec();
            who.retain(|role| role.may(operation));
            who
        };
        assert_eq!(
            who(Op::Delete),
            [ActingRole::System, ActingRole::SupportDesk]
        );
        assert_eq!(who(Op::Restore), [ActingRole::SupportDesk]);
    }
}
