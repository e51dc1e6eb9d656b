//! What the people and the harness do, in the order of time.

use std::time::Duration;

use gp2gp_model::plan::{Act, PatientPlan, Role, Step, StrayMessage, Wish};

use super::patients::suppressible;
use super::registry::Gps;
use super::{Practices, facts, federation};
use crate::error::Problem;
use crate::file::{self, File};
use crate::spanned::Spanned;

/// Where nothing else is said, every patient registers, or is exported, when the run begins.
pub(super) fn lower(
    file: &File,
    patients: &[PatientPlan],
    practices: &mut Practices,
    gps: &Gps,
    time_limit: Duration,
) -> Result<Vec<Step>, Problem> {
    let arrivals = super::export::arrivals(patients);
    let registrations: Vec<Act> = patients.iter().map(register).collect();
    if file.step.is_empty() {
        let at_once = |act| Step {
            at: Duration::ZERO,
            act,
        };
        let acts = if is_export(file) {
            patients.iter().map(export).collect()
        } else {
            registrations
        };
        let mut steps: Vec<Step> = acts.into_iter().map(at_once).chain(arrivals).collect();
        steps.sort_by_key(|step| step.at);
        return Ok(steps);
    }
    let mut steps = arrivals;
    for written in &file.step {
        let at = written.get_ref().at.0;
        if at > time_limit {
            return Err(Problem::at(
                written.span(),
                "this step comes after the time limit of the run",
            ));
        }
        let act = match verb(written)? {
            Verb::Relink(relink) => Act::Relink {
                gp: gps.named(&relink.gp)?,
                from: (relink.from.as_ref().map(|from| practices.named(from))).transpose()?,
                to: (relink.to.as_ref().map(|to| practices.named(to))).transpose()?,
            },
            Verb::DealWithPooledList(practice) => Act::DealWithPooledList {
                practice: practices.named(practice)?,
            },
            Verb::Relist(relist) => Act::Relist {
                practice: practices.named(&relist.practice)?,
                entries: relist.entries,
            },
            Verb::Stray(message) => Act::Stray {
                to: practices.sending.ods.clone(),
                message,
            },
            Verb::AtHub(wished) => {
                federation::belongs_to_a_hub(file, written.span())?;
                let patient = wished.patient.as_ref();
                let patient = patient.map(|name| find(name, patients, &registrations));
                let patient = patient.transpose()?;
                federation::at_hub(wished, patient.map(|(it, _)| it.nhs_number), written.span())?
            }
            Verb::OfPatient(verb) => {
                verb.belongs_to(file, written.span())?;
                let (patient, registration) = find(verb.patient(), patients, &registrations)?;
                if !federation::is_one(file) {
                    verb.comes_after_registration(patient, at, &file.step)?;
                }
                verb.act(patient, registration, practices)?
            }
        };
        steps.push(Step { at, act });
    }
    steps.sort_by_key(|step| step.at);
    Ok(steps)
}

fn is_export(file: &File) -> bool {
    file.judges.get_ref().contains(&Role::Exporting)
}

const fn export(patient: &PatientPlan) -> Act {
    Act::AtOffice {
        patient: patient.nhs_number,
        wish: Wish::Export,
    }
}

const fn register(patient: &PatientPlan) -> Act {
    Act::Register {
        patient: patient.nhs_number,
        gp: patient.registers_with,
    }
}

enum Verb<'a> {
    OfPatient(PatientVerb<'a>),
    Stray(StrayMessage),
    Relink(&'a file::Relink),
    DealWithPooledList(&'a Spanned<String>),
    Relist(&'a file::Relist),
    AtHub(&'a file::AtHub),
}

enum PatientVerb<'a> {
    Register(&'a Spanned<String>),
    Decide(&'a file::Decide),
    RepeatRequest(&'a Spanned<String>),
    RepeatExtract(&'a Spanned<String>),
    AcknowledgeAgain(&'a file::AcknowledgeAgain),
    MoveOn(&'a file::MoveOn),
    SendUnrequested(&'a Spanned<String>),
    AtOffice(&'a file::AtOffice),
    Book(&'a file::Book),
}

impl<'a> PatientVerb<'a> {
    const fn patient(&self) -> &'a Spanned<String> {
        match self {
            Self::Register(patient)
            | Self::RepeatRequest(patient)
            | Self::RepeatExtract(patient)
            | Self::SendUnrequested(patient) => patient,
            Self::Decide(decide) => &decide.patient,
            Self::MoveOn(moved) => &moved.patient,
            Self::AcknowledgeAgain(again) => &again.patient,
            Self::AtOffice(wished) => &wished.patient,
            Self::Book(booked) => &booked.patient,
        }
    }

    /// Nobody registers in an export, and nobody exports in a transfer.
    fn belongs_to(&self, file: &File, span: std::ops::Range<usize>) -> Result<(), Problem> {
        if matches!(self, Self::Book(_)) {
            return federation::belongs_to_a_hub(file, span);
        }
        match (is_export(file), matches!(self, Self::AtOffice(_))) {
            (true, false) => Err(Problem::at(span, "this is no step of an export")
                .help("in an export, people act `at_office`")),
            (false, true) => Err(Problem::at(span, "nobody exports here")
                .help("an export has `judges = [\"exporting\"]`")),
            (true, true) | (false, false) => Ok(()),
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
        let needs_none = matches!(
            self,
            Self::Register(_) | Self::SendUnrequested(_) | Self::AtOffice(_) | Self::Book(_)
        );
        if needs_none || is_registered(label, at, steps) {
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

    fn act(
        &self,
        patient: &PatientPlan,
        registration: &Act,
        practices: &mut Practices,
    ) -> Result<Act, Problem> {
        let nhs_number = patient.nhs_number;
        Ok(match self {
            Self::Register(_) => registration.clone(),
            Self::RepeatRequest(_) => Act::RepeatRequest {
                patient: nhs_number,
            },
            Self::RepeatExtract(_) => Act::RepeatExtract {
                patient: nhs_number,
            },
            Self::AcknowledgeAgain(again) => Act::AcknowledgeAgain {
                by: again.by,
                patient: nhs_number,
                code: facts::code_of(again.by, again.code.as_ref())?,
                times: times(again.times.as_ref())?,
            },
            Self::MoveOn(moved) => Act::MoveOn {
                patient: nhs_number,
                practice: practices.named(&moved.to)?,
            },
            Self::SendUnrequested(_) => Act::SendUnrequested {
                patient: nhs_number,
                to: practices.requesting.ods.clone(),
            },
            Self::AtOffice(wished) => Act::AtOffice {
                patient: nhs_number,
                wish: wished.wish,
            },
            Self::Book(booked) => federation::book(booked, nhs_number)?,
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

/// More than any message is known to have got.
const MOST_ACKNOWLEDGEMENTS: u32 = 1_000;

fn times(written: Option<&Spanned<u32>>) -> Result<u32, Problem> {
    let Some(written) = written else { return Ok(1) };
    match *written.get_ref() {
        times @ 1..=MOST_ACKNOWLEDGEMENTS => Ok(times),
        times => Err(Problem::at(
            written.span(),
            format!("nothing is acknowledged {times} times"),
        )
        .help(format!("write a number from 1 to {MOST_ACKNOWLEDGEMENTS}"))),
    }
}

fn verb(written: &Spanned<file::Step>) -> Result<Verb<'_>, Problem> {
    let step = written.get_ref();
    let of_patient = [
        step.register.as_ref().map(PatientVerb::Register),
        step.decide.as_ref().map(PatientVerb::Decide),
        step.repeat_request.as_ref().map(PatientVerb::RepeatRequest),
        step.repeat_extract.as_ref().map(PatientVerb::RepeatExtract),
        (step.acknowledge_again.as_ref()).map(PatientVerb::AcknowledgeAgain),
        step.move_on.as_ref().map(PatientVerb::MoveOn),
        step.send_unrequested
            .as_ref()
            .map(PatientVerb::SendUnrequested),
        step.at_office.as_ref().map(PatientVerb::AtOffice),
        step.book.as_ref().map(PatientVerb::Book),
    ];
    let of_patient = of_patient.into_iter().flatten().map(Verb::OfPatient);
    let mut verbs = of_patient
        .chain(step.stray.map(Verb::Stray))
        .chain(step.relink.as_ref().map(Verb::Relink))
        .chain((step.deal_with_pooled_list.as_ref()).map(Verb::DealWithPooledList))
        .chain(step.relist.as_ref().map(Verb::Relist))
        .chain(step.at_hub.as_ref().map(Verb::AtHub));
    match (verbs.next(), verbs.next()) {
        (Some(verb), None) => Ok(verb),
        (None, _) => Err(Problem::at(written.span(), "this step does nothing")
            .help("add one of `register`, `decide`, `repeat_request`, `repeat_extract`, `acknowledge_again`, `send_unrequested`, `move_on`, `at_office`, `relink`, `deal_with_pooled_list`, `relist`, `at_hub`, `book` and `stray`")),
        (Some(_), Some(_)) => Err(Problem::at(
            written.span(),
            "this step does more than one thing",
        )
        .help("write one [[step]] for each thing")),
    }
}

/// The patient of this name, and how this patient registers.
fn find<'a>(
    name: &Spanned<String>,
    patients: &'a [PatientPlan],
    registrations: &'a [Act],
) -> Result<(&'a PatientPlan, &'a Act), Problem> {
    patients
        .iter()
        .zip(registrations)
        .find(|(patient, _)| patient.label == name.get_ref().trim())
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
