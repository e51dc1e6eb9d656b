//! The rules of the export variant, and what breaks them.

/// A rule of the export variant. Eight requirements are its safety invariants (spec 50).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// EXP-01
    Refresh,
    /// EXP-02
    NoExportWhileLeft,
    /// EXP-03
    Ticket,
    /// EXP-04
    ProofBeforeDelete,
    /// EXP-05
    OnlyTheMissing,
    /// EXP-06
    Permission,
    /// EXP-07
    ArrivalsBeforeClosing,
    /// EXP-08
    FollowingDay,
    /// EXP-09
    RepeatWithoutTheBox,
    /// EXP-10
    NothingLostOrDoubled,
    /// EXP-11
    LargeAndWhole,
    /// EXP-12
    DuplicateStopped,
    /// EXP-13
    Roles,
}

impl Rule {
    /// The requirement that says the same.
    pub const fn requirement(self) -> &'static str {
        match self {
            Self::Refresh => "EXP-01",
            Self::NoExportWhileLeft => "EXP-02",
            Self::Ticket => "EXP-03",
            Self::ProofBeforeDelete => "EXP-04",
            Self::OnlyTheMissing => "EXP-05",
            Self::Permission => "EXP-06",
            Self::ArrivalsBeforeClosing => "EXP-07",
            Self::FollowingDay => "EXP-08",
            Self::RepeatWithoutTheBox => "EXP-09",
            Self::NothingLostOrDoubled => "EXP-10",
            Self::LargeAndWhole => "EXP-11",
            Self::DuplicateStopped => "EXP-12",
            Self::Roles => "EXP-13",
        }
    }

    /// The number of the safety invariant, where it is one.
    pub const fn invariant(self) -> Option<u8> {
        match self {
            Self::ProofBeforeDelete => Some(1),
            Self::NoExportWhileLeft | Self::DuplicateStopped => Some(2),
            Self::NothingLostOrDoubled => Some(3),
            Self::Refresh | Self::Ticket => Some(4),
            Self::ArrivalsBeforeClosing | Self::FollowingDay => Some(5),
            Self::RepeatWithoutTheBox => Some(6),
            Self::Permission => Some(7),
            Self::Roles => Some(8),
            Self::OnlyTheMissing | Self::LargeAndWhole => None,
        }
    }
}

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Which.
    pub rule: Rule,
    /// By which event.
    pub event: u64,
    /// What should have been.
    pub expected: String,
    /// What was.
    pub seen: String,
    /// Other events without which it is not understood: since when a case stands where it does, what was sent before.
    pub with: Vec<u64>,
}
