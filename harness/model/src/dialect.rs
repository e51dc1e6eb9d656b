//! How each supplier writes the same message (the table in spec 10).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::MessageKind;
use serde::{Deserialize, Serialize};

/// A way of writing messages. Every dialect is read; a mock writes the one it is told.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// The national message handler: bare LF, constant boundary, unquoted `start`.
    #[default]
    NationalMhs,
    /// TPP `SystmOne`: `soappart`, no white space, both places in a negative ack.
    Tpp,
    /// EMIS Web: `ContentRoot`, random boundary, `type=` attributes.
    Emis,
    /// INPS Vision: `soappart`, `inps.co.uk` content ids.
    Vision,
    /// What Spine itself makes: `hl7:` prefix, lower-case message reference.
    Spine,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 5] = [
        Self::NationalMhs,
        Self::Tpp,
        Self::Emis,
        Self::Vision,
        Self::Spine,
    ];

    /// `TimeToLive` after `Timestamp` that this supplier gives a message of this kind.
    pub const fn time_to_live(self, kind: MessageKind) -> Option<Duration> {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        let seconds = match (self, kind) {
            (Self::Tpp, MessageKind::EhrExtract) => 4 * HOUR + 10 * MINUTE,
            (Self::Tpp, MessageKind::Continue | MessageKind::Fragment) => 24 * HOUR,
            (Self::Tpp, MessageKind::Acknowledgement) => 10 * MINUTE,
            (Self::Emis, MessageKind::EhrRequest | MessageKind::EhrExtract) => {
                6 * HOUR + 15 * MINUTE
            }
            (Self::Emis, MessageKind::Acknowledgement) => 18 * MINUTE,
            (Self::Vision, _) => 7 * 24 * HOUR,
            (Self::NationalMhs | Self::Spine, _)
            | (Self::Tpp, MessageKind::EhrRequest)
            | (Self::Emis, MessageKind::Continue | MessageKind::Fragment) => return None,
        };
        Some(Duration::from_secs(seconds))
    }

    /// Name in scenario files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NationalMhs => "national-mhs",
            Self::Tpp => "tpp",
            Self::Emis => "emis",
            Self::Vision => "vision",
            Self::Spine => "spine",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dialect {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.name() == name)
            .ok_or_else(|| format!("unknown dialect `{name}`"))
    }
}
