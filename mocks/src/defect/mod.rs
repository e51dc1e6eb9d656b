//! Ways in which a reference system can be broken on purpose. Each must be caught by the
//! requirement that it breaks: they are the test of the judge.

mod exporting;
mod hub;
mod requesting;
mod sending;

use std::fmt;

use gp2gp_model::plan::Role;

pub use exporting::ExportingDefect;
pub use hub::HubDefect;
pub use requesting::RequestingDefect;
pub use sending::SendingDefect;

/// A built-in defect, of the system whose conduct it breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Defect {
    /// Of a requesting system.
    Requesting(RequestingDefect),
    /// Of a sending system.
    Sending(SendingDefect),
    /// Of an exporting system.
    Exporting(ExportingDefect),
    /// Of a hub, or of what a practice does for it.
    Hub(HubDefect),
}

/// What there is to say of a defect.
struct Card {
    name: &'static str,
    breaks: &'static str,
    does: &'static str,
}

/// Defects of one role, a line each: what to call it, the requirement that it breaks, what the
/// broken system does.
macro_rules! defects {
    ($(#[$doc:meta])* $type:ident { $($variant:ident $name:literal $breaks:literal $does:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $type {
            $(#[doc = $does] $variant,)+
        }

        impl $type {
            /// Every defect of this role.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            pub(super) const fn card(self) -> super::Card {
                match self {
                    $(Self::$variant => super::Card { name: $name, breaks: $breaks, does: $does },)+
                }
            }
        }
    };
}
use defects;

impl Defect {
    /// Every defect, those of requesting systems first.
    pub fn all() -> impl Iterator<Item = Self> {
        let requesting = RequestingDefect::ALL.iter().copied().map(Self::Requesting);
        let sending = SendingDefect::ALL.iter().copied().map(Self::Sending);
        let exporting = ExportingDefect::ALL.iter().copied().map(Self::Exporting);
        let hub = HubDefect::ALL.iter().copied().map(Self::Hub);
        requesting.chain(sending).chain(exporting).chain(hub)
    }

    /// The defect of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|defect| defect.name() == name)
    }

    /// Name behind `broken:`.
    pub const fn name(self) -> &'static str {
        self.card().name
    }

    /// One line for lists.
    pub const fn describe(self) -> &'static str {
        self.card().does
    }

    /// The requirement that must turn red, and does so for the right reason.
    pub const fn caught_by(self) -> &'static str {
        self.card().breaks
    }

    /// Whose conduct is broken.
    pub const fn role(self) -> Role {
        match self {
            Self::Requesting(_) => Role::Requesting,
            Self::Sending(_) => Role::Sending,
            Self::Exporting(_) => Role::Exporting,
            Self::Hub(_) => Role::Hub,
        }
    }

    const fn card(self) -> Card {
        match self {
            Self::Requesting(defect) => defect.card(),
            Self::Sending(defect) => defect.card(),
            Self::Exporting(defect) => defect.card(),
            Self::Hub(defect) => defect.card(),
        }
    }
}

impl From<RequestingDefect> for Defect {
    fn from(defect: RequestingDefect) -> Self {
        Self::Requesting(defect)
    }
}

impl From<ExportingDefect> for Defect {
    fn from(defect: ExportingDefect) -> Self {
        Self::Exporting(defect)
    }
}

impl From<HubDefect> for Defect {
    fn from(defect: HubDefect) -> Self {
        Self::Hub(defect)
    }
}

impl From<SendingDefect> for Defect {
    fn from(defect: SendingDefect) -> Self {
        Self::Sending(defect)
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_of_one_defect() {
        let names: BTreeSet<&str> = Defect::all().map(Defect::name).collect();
        assert_eq!(names.len(), Defect::all().count());
        for defect in Defect::all() {
            assert_eq!(Defect::from_name(defect.name()), Some(defect));
        }
    }
}
