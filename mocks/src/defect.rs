//! Ways in which a reference system can be broken on purpose. Each must be caught by the
//! requirement that it breaks: they are the test of the judge.

use std::fmt;

use gp2gp_model::plan::Role;

/// A built-in defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Defect {
    /// Integrates and never sends the final acknowledgement.
    NoFinalAck,
    /// Sends the final acknowledgement on arrival of the core, before anything is stored.
    AckBeforeStoring,
    /// Never sends the last promised fragment.
    FragmentDropped,
    /// Sends the Continue twice.
    ContinueTwice,
    /// Puts another patient's NHS number into the extract.
    WrongNhsNumber,
    /// Refuses the request and sends the extract all the same.
    ExtractAfterNack,
}

impl Defect {
    /// Every defect.
    pub const ALL: [Self; 6] = [
        Self::NoFinalAck,
        Self::AckBeforeStoring,
        Self::FragmentDropped,
        Self::ContinueTwice,
        Self::WrongNhsNumber,
        Self::ExtractAfterNack,
    ];

    /// Name behind `broken:`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoFinalAck => "no-final-ack",
            Self::AckBeforeStoring => "ack-before-storing",
            Self::FragmentDropped => "fragment-dropped",
            Self::ContinueTwice => "continue-twice",
            Self::WrongNhsNumber => "wrong-nhs-number",
            Self::ExtractAfterNack => "extract-after-nack",
        }
    }

    /// The defect of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|defect| defect.name() == name)
    }

    /// Whose conduct is broken.
    pub const fn role(self) -> Role {
        match self {
            Self::NoFinalAck | Self::AckBeforeStoring | Self::ContinueTwice => Role::Requesting,
            Self::FragmentDropped | Self::WrongNhsNumber | Self::ExtractAfterNack => Role::Sending,
        }
    }

    /// One line for lists.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::NoFinalAck => "integrates the record and never sends the final acknowledgement",
            Self::AckBeforeStoring => {
                "acknowledges the core on arrival, before fragments are in and anybody has filed it"
            }
            Self::FragmentDropped => "never sends the last fragment that it promised",
            Self::ContinueTwice => "sends the Continue twice",
            Self::WrongNhsNumber => "puts another patient's NHS number into the extract",
            Self::ExtractAfterNack => "refuses the request and sends the extract all the same",
        }
    }

    /// The requirement that must turn red, and does so for the right reason.
    pub const fn caught_by(self) -> &'static str {
        match self {
            Self::NoFinalAck | Self::AckBeforeStoring => "RCV-43",
            Self::FragmentDropped => "SND-32",
            Self::ContinueTwice => "RCV-15",
            Self::WrongNhsNumber => "SND-20",
            Self::ExtractAfterNack => "SND-16",
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
