//! What the people and the harness do, in the order of time.

use std::time::Duration;

use gp2gp_model::plan::{Act, PatientPlan, Step};
use toml::Spanned;

use super::Practices;
use super::patients::suppressible;
use crate::error::Problem;
use crate::file::{self, File};

/// Where nothing else is said, every patient registers when the run begins.
pub(super) fn lower(
    file: &File,
    patients: &[PatientPlan],
    practices: &Practices,
    time_limit: Duration,
) -> Result<Vec<Step>, Problem> {
    if file.step.is_empty() {
        let register = |patient| Step {
            at: Duration::ZERO,
            act: register(patient, practices),
        };
        return Ok(patients.iter().map(register).collect());
    }
    let mut steps = Vec::new();
    for written in &file.step {
        let at = written.get_ref().at.0;
        if at > time_limit {
            return Err(Problem::at(
                written.span(),
                "this step comes after the time limit of the run",
            ));
        }
        let verb = verb(written)?;
        let patient = find(verb.patient(), patients)?;
        verb.comes_after_registration(patient, at, &file.step)?;
        steps.push(Step {
            at,
            act: verb.act(patient, practices)?,
        });
    }
    steps.sort_by_key(|step| step.at);
    Ok(steps)
}

fn register(patient: &PatientPlan, practices: &Practices) -> Act {
    Act::Register {
        patient: patient.nhs_number,
        previous_practice: practices.sending.ods.clone(),
    }
}

enum Verb<'a> {
    Register(&'a Spanned<String>),
    Decide(&'a file::Decide),
    RepeatRequest(&'a Spanned<String>),
    RepeatExtract(&'a Spanned<String>),
}

impl<'a> Verb<'a> {
    const fn patient(&self) -> &'a Spanned<String> {
        match self {
            Self::Register(patient)
            | Self::RepeatRequest(patient)
            | Self::RepeatExtract(patient) => patient,
            Self::Decide(decide) => &decide.patient,
        }
    }

    /// Nothing can be repeated or decided before there was a request.
    fn comes_after_registration(
        &self,
        patient: &PatientPlan,
        at: Duration,
        steps: &[Spanned<file::Step>],
    ) -> Result<(), Problem> {
        let label = &patient.label;
        if matches!(self, Self::Register(_)) || is_registered(label, at, steps) {
            return Ok(());
        }
        Err(Problem::at(
            self.patient().span(),
            format!("`{label}` is not registered by then"),
        )
        .help(format!(
            "add a [[step]] with `register = \"{label}\"` at an earlier time"
        )))
    }

    fn act(&self, patient: &PatientPlan, practices: &Practices) -> Result<Act, Problem> {
        let nhs_number = patient.nhs_number;
        Ok(match self {
            Self::Register(_) => register(patient, practices),
            Self::RepeatRequest(_) => Act::RepeatRequest {
                patient: nhs_number,
            },
            Self::RepeatExtract(_) => Act::RepeatExtract {
                patient: nhs_number,
            },
            Self::Decide(decide) => {
                let decision = *decide.decision.get_ref();
                suppressible(Some(decision), patient.returning, decide.decision.span())?;
                Act::Decide {
                    patient: nhs_number,
                    decision,
                }
            }
        })
    }
}

fn verb(written: &Spanned<file::Step>) -> Result<Verb<'_>, Problem> {
    let step = written.get_ref();
    let verbs = [
        step.register.as_ref().map(Verb::Register),
        step.decide.as_ref().map(Verb::Decide),
        step.repeat_request.as_ref().map(Verb::RepeatRequest),
        step.repeat_extract.as_ref().map(Verb::RepeatExtract),
    ];
    let mut verbs = verbs.into_iter().flatten();
    match (verbs.next(), verbs.next()) {
        (Some(verb), None) => Ok(verb),
        (None, _) => Err(Problem::at(written.span(), "this step does nothing")
            .help("add one of `register`, `decide`, `repeat_request` and `repeat_extract`")),
        (Some(_), Some(_)) => Err(Problem::at(
            written.span(),
            "this step does more than one thing",
        )
        .help("write one [[step]] for each thing")),
    }
}

/// The patient of this name.
fn find<'a>(
    name: &Spanned<String>,
    patients: &'a [PatientPlan],
) -> Result<&'a PatientPlan, Problem> {
    patients
        .iter()
        .find(|patient| patient.label == name.get_ref().trim())
        .ok_or_else(|| {
            Problem::unknown(
                "patient",
                name,
                patients.iter().map(|patient| patient.label.as_str()),
            )
        })
}

fn is_registered(label: &str, by: Duration, steps: &[Spanned<file::Step>]) -> bool {
    steps.iter().map(Spanned::get_ref).any(|step| {
        step.at.0 <= by
            && step
                .register
                .as_ref()
                .is_some_and(|name| name.get_ref().trim() == label)
    })
}
