//! The export variant: what stands for what in it, and where a patient's export can stand.
//!
//! The whole state machine is one table, [`TRANSITIONS`]; peers, judge and diagram read it.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Time;
use crate::store::{ActingRole, DeletePolicy};

/// What an export scenario says beyond patients, steps and faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportPlan {
    /// What everybody knows who takes part.
    pub terms: ExportTerms,
    /// What the store of the practice asks before it deletes.
    pub policy: DeletePolicy,
    /// What comes of a request for permission to delete by hand.
    pub permission: Permission,
    /// How long the clearing house looks at a package before it delivers it.
    pub processing: Duration,
}

/// What everybody knows who takes part in an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportTerms {
    /// How long after an export the desk can still see what was done in it.
    #[serde(with = "crate::time::seconds")]
    pub retention: Duration,
}

/// What comes of a request for permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// The decision; `None`: nobody ever decides.
    pub ruling: Option<Ruling>,
    /// In whose name.
    pub by: ActingRole,
    /// How long it takes.
    pub after: Duration,
}

/// A decision on deleting by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ruling {
    /// The desk may delete.
    Granted,
    /// The documents stay.
    Refused,
}

/// Where the export of a patient stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ExportState {
    /// Nobody has exported this patient.
    Idle,
    /// A package is being made.
    Exporting,
    /// An export came to nothing: it has to be made again, with documents only.
    ToRepeat,
    /// The clearing house has the package; nobody has looked at the record since.
    Exported,
    /// The record was refreshed, and no document is left.
    Completed,
    /// Documents are left: no export of this patient, and a ticket is due.
    Blocked,
    /// The support desk has a ticket.
    UnderInvestigation,
    /// The desk has asked for permission to delete by hand.
    AwaitingPermission,
    /// The ticket is closed, and no document is left.
    Closed,
    /// The ticket is closed, and documents stay in the record because nobody may delete them.
    Kept,
    /// The clearing house has stopped a duplicate before anything was delivered: the record has
    /// to be restored.
    Recalled,
}

/// What leads from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportEvent {
    /// The practice begins to make a package.
    Begin,
    /// The clearing house has the whole package.
    Accepted,
    /// The package could not be made.
    Failed,
    /// A look at the record shows no document.
    NothingLeft,
    /// A look at the record shows documents.
    DocumentsLeft,
    /// The desk has taken the ticket.
    TicketRaised,
    /// The desk finds that the export was never made.
    NeverMade,
    /// The desk asks for permission.
    PermissionAsked,
    /// It gets it.
    PermissionGranted,
    /// It does not get it.
    PermissionRefused,
    /// The desk closes the ticket over an empty record.
    TicketClosed,
    /// The desk closes the ticket and leaves documents where they are.
    DocumentsKept,
    /// The clearing house stops a duplicate and what it duplicates.
    DuplicateStopped,
    /// The desk has restored the record from its archive copies.
    Restored,
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Transition {
    /// In this state,
    pub from: ExportState,
    /// when this happens,
    pub on: ExportEvent,
    /// this is the state from then on.
    pub to: ExportState,
}

const fn row(from: ExportState, on: ExportEvent, to: ExportState) -> Transition {
    Transition { from, on, to }
}

/// The state machine. What is not in it does not happen.
pub const TRANSITIONS: [Transition; 22] = {
    use ExportEvent as On;
    use ExportState as S;
    [
        row(S::Idle, On::Begin, S::Exporting),
        row(S::Exporting, On::Accepted, S::Exported),
        row(S::Exporting, On::Failed, S::ToRepeat),
        row(S::Exporting, On::DuplicateStopped, S::Recalled),
        row(S::ToRepeat, On::Begin, S::Exporting),
        row(S::Exported, On::NothingLeft, S::Completed),
        row(S::Exported, On::DocumentsLeft, S::Blocked),
        // Letters that came after a good export go on the following day.
        row(S::Completed, On::Begin, S::Exporting),
        row(S::Completed, On::DuplicateStopped, S::Recalled),
        row(S::Blocked, On::TicketRaised, S::UnderInvestigation),
        row(S::Blocked, On::DuplicateStopped, S::Recalled),
        row(S::UnderInvestigation, On::NeverMade, S::ToRepeat),
        row(
            S::UnderInvestigation,
            On::PermissionAsked,
            S::AwaitingPermission,
        ),
        row(S::UnderInvestigation, On::TicketClosed, S::Closed),
        row(S::UnderInvestigation, On::DocumentsKept, S::Kept),
        row(S::UnderInvestigation, On::DuplicateStopped, S::Recalled),
        row(
            S::AwaitingPermission,
            On::PermissionGranted,
            S::UnderInvestigation,
        ),
        row(
            S::AwaitingPermission,
            On::PermissionRefused,
            S::UnderInvestigation,
        ),
        row(S::AwaitingPermission, On::DuplicateStopped, S::Recalled),
        row(S::Closed, On::Begin, S::Exporting),
        row(S::Closed, On::DuplicateStopped, S::Recalled),
        row(S::Recalled, On::Restored, S::ToRepeat),
    ]
};

/// Ways that no built-in scenario takes. The first needs a clearing house that forgets a package
/// it has acknowledged; the others a duplicate where the practice's record shows nothing to send again.
pub const NOT_EXERCISED: [(ExportState, ExportEvent); 4] = {
    use ExportEvent as On;
    use ExportState as S;
    [
        (S::UnderInvestigation, On::NeverMade),
        (S::Exporting, On::DuplicateStopped),
        (S::Completed, On::DuplicateStopped),
        (S::Closed, On::DuplicateStopped),
    ]
};

impl ExportState {
    /// All.
    pub const ALL: [Self; 11] = [
        Self::Idle,
        Self::Exporting,
        Self::ToRepeat,
        Self::Exported,
        Self::Completed,
        Self::Blocked,
        Self::UnderInvestigation,
        Self::AwaitingPermission,
        Self::Closed,
        Self::Kept,
        Self::Recalled,
    ];

    /// The state after something happened; `None` where it cannot happen.
    pub fn after(self, event: ExportEvent) -> Option<Self> {
        let mut rows = TRANSITIONS.iter();
        rows.find(|row| row.from == self && row.on == event)
            .map(|row| row.to)
    }

    /// Whether documents remain, or somebody still works on them: no further export.
    pub const fn forbids_export(self) -> bool {
        match self {
            Self::Blocked
            | Self::UnderInvestigation
            | Self::AwaitingPermission
            | Self::Kept
            | Self::Recalled => true,
            Self::Idle
            | Self::Exporting
            | Self::ToRepeat
            | Self::Exported
            | Self::Completed
            | Self::Closed => false,
        }
    }

    /// Name in files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Exporting => "exporting",
            Self::ToRepeat => "to-repeat",
            Self::Exported => "exported",
            Self::Completed => "completed",
            Self::Blocked => "blocked",
            Self::UnderInvestigation => "under-investigation",
            Self::AwaitingPermission => "awaiting-permission",
            Self::Closed => "closed",
            Self::Kept => "kept",
            Self::Recalled => "recalled",
        }
    }
}

impl fmt::Display for ExportState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ExportEvent {
    /// In the words of a practice.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Begin => "export begins",
            Self::Accepted => "package accepted",
            Self::Failed => "export fails",
            Self::NothingLeft => "refresh: nothing left",
            Self::DocumentsLeft => "refresh: documents left",
            Self::TicketRaised => "ticket raised",
            Self::NeverMade => "desk: the export was never made",
            Self::PermissionAsked => "desk asks for permission",
            Self::PermissionGranted => "permission granted",
            Self::PermissionRefused => "permission refused",
            Self::TicketClosed => "ticket closed, nothing left",
            Self::DocumentsKept => "ticket closed, documents stay",
            Self::DuplicateStopped => "duplicate stopped",
            Self::Restored => "record restored",
        }
    }
}

impl fmt::Display for ExportEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// Who may open a package: the document system of the practice, and the support desk for a ticket.
/// People press the button, and the system decides.
pub const fn may_export(role: ActingRole, is_for_a_ticket: bool) -> bool {
    match role {
        ActingRole::System => !is_for_a_ticket,
        ActingRole::SupportDesk => is_for_a_ticket,
        ActingRole::PracticeUser | ActingRole::HealthBoard => false,
    }
}

/// Who may permit to delete by hand. Those who permit are not those who delete.
pub const fn may_permit(role: ActingRole) -> bool {
    match role {
        ActingRole::PracticeUser | ActingRole::HealthBoard => true,
        ActingRole::System | ActingRole::SupportDesk => false,
    }
}

/// Whether the later of two moments is on another calendar day.
pub const fn is_on_a_later_day(later: Time, earlier: Time) -> bool {
    day(later) > day(earlier)
}

/// Eight in the morning of the following day, when practices look after late letters.
pub const fn next_morning(now: Time) -> Time {
    const EIGHT: u64 = 8 * 3_600 * 1_000_000;
    Time::from_micros((day(now) + 1) * DAY_MICROS + EIGHT)
}

const DAY_MICROS: u64 = 24 * 3_600 * 1_000_000;

const fn day(time: Time) -> u64 {
    time.as_micros() / DAY_MICROS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn an_event_leads_from_a_state_to_one_other() {
        let ways: BTreeSet<_> = TRANSITIONS.iter().map(|row| (row.from, row.on)).collect();
        assert_eq!(ways.len(), TRANSITIONS.len());
    }

    #[test]
    fn every_state_can_be_reached_from_idle() {
        let mut reached = BTreeSet::from([ExportState::Idle]);
        for _ in ExportState::ALL {
            let next = TRANSITIONS.iter().filter(|row| reached.contains(&row.from));
            let next: Vec<_> = next.map(|row| row.to).collect();
            reached.extend(next);
        }
        assert_eq!(reached, BTreeSet::from(ExportState::ALL));
    }

    #[test]
    fn no_export_begins_while_documents_remain() {
        for state in ExportState::ALL {
            if state.forbids_export() {
                assert_eq!(state.after(ExportEvent::Begin), None, "{state}");
            }
        }
    }

    #[test]
    fn the_next_morning_is_on_the_following_day_even_just_before_midnight() {
        let late: Time = "2026-01-05T23:59:59Z".parse().unwrap();
        let morning: Time = "2026-01-06T08:00:00Z".parse().unwrap();
        assert_eq!(next_morning(late), morning);
        assert!(is_on_a_later_day(morning, late));
        assert!(!is_on_a_later_day(late, late));
    }
}
