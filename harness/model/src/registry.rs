//! The registry of organisations and GPs: which GP works where, from when until when.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{GpCode, OdsCode, Time};

/// The registry at the beginning of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Registry {
    /// What PDS holds.
    pub era: Era,
    /// Every practice.
    pub organisations: Vec<Organisation>,
    /// Which GP works where. One code at two practices at the same time is ambiguous.
    pub links: Vec<PractitionerLink>,
    /// Practices whose list has no single GP.
    pub pooled_lists: Vec<PooledList>,
}

/// What PDS holds of a patient's registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Era {
    /// The GP's national code; the registry knows the practice.
    GpCode,
    /// The practice's ODS code, since 2008.
    #[default]
    PracticeCode,
}

/// A practice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organisation {
    /// Its code.
    pub ods: OdsCode,
    /// Its name.
    pub name: String,
}

/// A GP works at a practice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PractitionerLink {
    /// Who.
    pub gp: GpCode,
    /// Where.
    pub practice: OdsCode,
    /// From then on; `None`: for as long as anybody knows.
    #[serde(default)]
    pub from: Option<Time>,
    /// Until then, exclusively; `None`: the link was not removed.
    #[serde(default)]
    pub until: Option<Time>,
}

impl PractitionerLink {
    /// Whether it holds at this time.
    pub fn holds(&self, now: Time) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }
}

/// A practice whose list has no single GP: nothing can be resolved by its GPs' codes before the
/// supplier's helpdesk has dealt with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PooledList {
    /// Where.
    pub practice: OdsCode,
    /// Why.
    pub reason: PooledReason,
    /// The helpdesk has dealt with it.
    #[serde(default)]
    pub dealt_with: bool,
}

/// Why a list has no single GP.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum PooledReason {
    /// The practice is in abeyance.
    Abeyance,
    /// All its GPs are salaried.
    SalariedGps,
    /// The senior partner leaves.
    SeniorPartnerLeaves,
}

impl PooledReason {
    /// All.
    pub const ALL: [Self; 3] = [Self::Abeyance, Self::SalariedGps, Self::SeniorPartnerLeaves];

    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Abeyance => "abeyance",
            Self::SalariedGps => "salaried-gps",
            Self::SeniorPartnerLeaves => "senior-partner-leaves",
        }
    }
}

impl Registry {
    /// The practice with this code.
    pub fn organisation(&self, ods: &OdsCode) -> Option<&Organisation> {
        self.organisations.iter().find(|it| it.ods == *ods)
    }

    /// The links of a GP, past and present.
    pub fn links_of(&self, gp: GpCode) -> impl Iterator<Item = &PractitionerLink> {
        self.links.iter().filter(move |link| link.gp == gp)
    }

    /// The pooled list of a practice.
    pub fn pooled_list(&self, ods: &OdsCode) -> Option<&PooledList> {
        self.pooled_lists.iter().find(|list| list.practice == *ods)
    }
}
