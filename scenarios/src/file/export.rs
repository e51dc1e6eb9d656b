//! What an author may write of an export only.

use gp2gp_model::export::Ruling;
use gp2gp_model::plan::Wish;
use gp2gp_model::store::DeletePolicy;
use schemars::JsonSchema;
use serde::Deserialize;

use super::minutes;
use crate::quantity::Span;
use crate::spanned::Spanned;

/// The terms of an export.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Export {
    /// How long the support desk can see what was done in an export; usually 7 days.
    pub(crate) retention: Span,
    /// What the document store asks before it deletes.
    pub(crate) store: DeletePolicy,
    /// What comes of a request for permission to delete by hand.
    pub(crate) permission: PermissionChoice,
    /// Who decides on it.
    pub(crate) permission_by: Permitting,
    /// How long that takes; usually a day.
    pub(crate) permission_after: Span,
    /// How long the clearing house looks at a package before it delivers it; usually 2 hours.
    pub(crate) processing: Span,
}

impl Default for Export {
    fn default() -> Self {
        Self {
            retention: minutes(7 * 24 * 60),
            store: DeletePolicy::ArchiveFirst,
            permission: PermissionChoice::Granted,
            permission_by: Permitting::HealthBoard,
            permission_after: minutes(24 * 60),
            processing: minutes(2 * 60),
        }
    }
}

/// What comes of a request for permission.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PermissionChoice {
    /// The desk may delete, if everything was exported and can be restored.
    Granted,
    /// The documents stay.
    Refused,
    /// Nobody ever decides.
    Never,
}

impl PermissionChoice {
    pub(crate) const fn ruling(self) -> Option<Ruling> {
        match self {
            Self::Granted => Some(Ruling::Granted),
            Self::Refused => Some(Ruling::Refused),
            Self::Never => None,
        }
    }
}

/// Who decides on a permission.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Permitting {
    /// The health board.
    HealthBoard,
    /// The practice.
    Practice,
}

/// Somebody at the exporting practice wants something of the document system.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AtOffice {
    /// With whose documents.
    pub(crate) patient: Spanned<String>,
    /// What.
    pub(crate) wish: Wish,
}
