//! The export variant: its terms, and what the people of an exporting practice do.

use gp2gp_model::export::{ExportPlan, ExportTerms, Permission};
use gp2gp_model::plan::{Act, PatientPlan, Role, Step};
use gp2gp_model::store::ActingRole;

use crate::error::Problem;
use crate::file::{self, File};

/// An export is judged alone: nothing of it passes through Spine.
pub(super) fn lower(file: &File) -> Result<Option<ExportPlan>, Problem> {
    let judges = file.judges.get_ref();
    if !judges.contains(&Role::Exporting) {
        return match &file.export {
            None => Ok(None),
            Some(written) => Err(Problem::at(written.span(), "nobody exports here")
                .help("an export has `judges = [\"exporting\"]`")),
        };
    }
    if judges.iter().any(|role| *role != Role::Exporting) {
        return Err(Problem::at(
            file.judges.span(),
            "an export and a transfer are two scenarios",
        )
        .help("write `judges = [\"exporting\"]` alone"));
    }
    let usual = file::Export::default();
    let written = (file.export.as_ref()).map_or(&usual, |export| export.get_ref());
    Ok(Some(ExportPlan {
        terms: ExportTerms {
            retention: written.retention.0,
        },
        policy: written.store,
        permission: Permission {
            ruling: written.permission.ruling(),
            by: match written.permission_by {
                file::Permitting::HealthBoard => ActingRole::HealthBoard,
                file::Permitting::Practice => ActingRole::PracticeUser,
            },
            after: written.permission_after.0,
        },
        processing: written.processing.0,
    }))
}

/// Letters that come during the run, in the order in which the store knows them.
pub(super) fn arrivals(patients: &[PatientPlan]) -> Vec<Step> {
    let arriving = patients.iter().flat_map(|patient| {
        let documents = patient.documents.iter();
        documents.filter_map(|document| Some((patient.nhs_number, document.arrives?)))
    });
    let file = |(arrival, (patient, at))| Step {
        at,
        act: Act::File { patient, arrival },
    };
    arriving.enumerate().map(file).collect()
}
