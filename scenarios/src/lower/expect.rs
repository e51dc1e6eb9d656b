//! How the run ends between good systems. What cannot come true here is refused, not run.

use gp2gp_model::expectation::{Expectation, Of};
use gp2gp_model::plan::PatientPlan;

use crate::choice::OfPatients;
use crate::error::Problem;
use crate::file::File;
use crate::spanned::Spanned;

pub(super) fn lower(file: &File, patients: &[PatientPlan]) -> Result<Vec<Expectation>, Problem> {
    let written = &file.expect;
    let mut expectations = Vec::new();
    for each in of_patients(&written.outcome, patients)? {
        expectations.push(Expectation::Outcome(each.of()));
    }
    for each in of_patients(&written.print_state, patients)? {
        expectations.push(Expectation::PrintState(print_state(&each)?));
    }
    for each in of_patients(&written.documents_filed, patients)? {
        expectations.push(Expectation::DocumentsFiled(documents(&each)?));
    }
    for each in of_patients(&written.placeholders_filed, patients)? {
        expectations.push(Expectation::PlaceholdersFiled(documents(&each)?));
    }
    for each in of_patients(&written.case, patients)? {
        expectations.push(Expectation::Case(each.of()));
    }
    if let Some(most) = &written.messages_at_most {
        expectations.push(Expectation::MessagesAtMost(messages(most)?));
    }
    Ok(expectations)
}

/// What is expected of a patient, and where that is written.
struct Each<'a, T> {
    patient: &'a PatientPlan,
    value: T,
    span: std::ops::Range<usize>,
}

impl<T: Copy> Each<'_, T> {
    fn of(&self) -> Of<T> {
        Of {
            label: self.patient.label.clone(),
            patient: self.patient.nhs_number,
            value: self.value,
        }
    }
}

fn of_patients<'a, T: Copy>(
    written: &Option<Spanned<OfPatients<T>>>,
    patients: &'a [PatientPlan],
) -> Result<Vec<Each<'a, T>>, Problem> {
    let Some(written) = written else {
        return Ok(Vec::new());
    };
    match written.get_ref() {
        OfPatients::Everybody(value) => Ok(patients
            .iter()
            .map(|patient| Each {
                patient,
                value: *value,
                span: written.span(),
            })
            .collect()),
        OfPatients::Named(named) => named
            .iter()
            .map(|(name, value)| {
                Ok(Each {
                    patient: patient(name, patients)?,
                    value: *value.get_ref(),
                    span: value.span(),
                })
            })
            .collect(),
    }
}

fn patient<'a>(
    name: &Spanned<String>,
    patients: &'a [PatientPlan],
) -> Result<&'a PatientPlan, Problem> {
    let labels = patients.iter().map(|patient| patient.label.as_str());
    let mut named = patients.iter();
    named
        .find(|patient| patient.label == name.get_ref().trim())
        .ok_or_else(|| Problem::unknown("patient", name, labels))
}

fn print_state(each: &Each<'_, u8>) -> Result<Of<u8>, Problem> {
    if (1..=5).contains(&each.value) {
        return Ok(each.of());
    }
    Err(
        Problem::at(each.span.clone(), format!("there is no print state {}", each.value)).help(
            "1 nothing to print, 2 only what placeholders stand for, 3 and 4 the whole record, 5 not yet",
        ),
    )
}

fn documents(each: &Each<'_, u32>) -> Result<Of<u32>, Problem> {
    let held = each.patient.documents.len();
    if each.value as usize <= held {
        return Ok(each.of());
    }
    Err(Problem::at(
        each.span.clone(),
        format!("`{}` has only {held} documents", each.patient.label),
    ))
}

fn messages(most: &Spanned<u32>) -> Result<u32, Problem> {
    match *most.get_ref() {
        0 => Err(
            Problem::at(most.span(), "a transfer has at least one message")
                .help("where nobody may ask for a record, write `outcome = \"not-requested\"`"),
        ),
        most => Ok(most),
    }
}
