//! Patients, their numbers and their documents.

use std::time::Duration;

use gp2gp_model::NhsNumber;
use gp2gp_model::plan::{Decision, DocumentPlan, Habit, PatientPlan, Role};

use super::Practices;
use super::registry::Gps;
use crate::error::Problem;
use crate::file::{Document, File, Patient};
use crate::quantity::Size;
use crate::spanned::Spanned;

/// A record of an adult with a few years of entries.
const USUAL_RECORD: Size = Size(60_000);

/// The largest structured record anybody will want to make in memory.
const LARGEST_RECORD: Size = Size(100_000_000);

/// The largest attachment measured is 677 MB (spec 70).
const LARGEST_DOCUMENT: Size = Size(1_000_000_000);

/// The most attachments measured in one transfer are 2 658 (spec 70).
const MOST_DOCUMENTS: u32 = 3_000;

/// Spec 20 has file names of up to 1024 characters.
const LONGEST_FILE_NAME: usize = 1024;

pub(super) fn lower(
    file: &File,
    practices: &mut Practices,
    gps: &mut Gps,
) -> Result<Vec<PatientPlan>, Problem> {
    if file.patient.is_empty() {
        return Err(
            Problem::at(file.title.span(), "the scenario has no patient")
                .help("add a [[patient]] with a name"),
        );
    }
    let is_export = file.judges.get_ref().contains(&Role::Exporting);
    let mut numbers = Numbers::reserving(file)?;
    let mut patients: Vec<PatientPlan> = Vec::new();
    for (index, written) in (0..).zip(&file.patient) {
        let label = label(&written.name, &patients)?;
        let nhs_number = numbers.number_of(written)?;
        let requesting = practices.requesting.ods.clone();
        let moves_on_to = match &written.current_practice {
            Some(name) => Some(practices.named(name)?).filter(|ods| *ods != requesting),
            None => None,
        };
        let previous_practice = match &written.previous_practice {
            None => Some(practices.sending.ods.clone()),
            Some(name) if name.get_ref() == "none" => None,
            Some(name) => Some(practices.named(name)?),
        };
        let previous = previous_practice.as_ref();
        patients.push(PatientPlan {
            label,
            nhs_number,
            index,
            held: written.held,
            pds: gps.pds(written, nhs_number, previous, moves_on_to.as_ref())?,
            registers_with: gps.registers_with(written, &requesting)?,
            awaited_from: match &written.awaited_from {
                Some(name) => Some(practices.named(name)?),
                None => None,
            },
            previous_practice,
            current_practice: moves_on_to.unwrap_or(requesting),
            returning: written.returning,
            record_bytes: record_bytes(written)?,
            redactions: written.redactions,
            documents: documents(written, is_export)?,
            habit: habit(written)?,
        });
    }
    Ok(patients)
}

fn label(name: &Spanned<String>, before: &[PatientPlan]) -> Result<String, Problem> {
    let label = name.get_ref().trim();
    if label.is_empty() {
        return Err(Problem::at(name.span(), "a patient has an empty name"));
    }
    if before.iter().any(|patient| patient.label == label) {
        return Err(
            Problem::at(name.span(), format!("two patients are called `{label}`"))
                .help("steps name patients, so every name stands for one patient"),
        );
    }
    Ok(label.to_owned())
}

fn record_bytes(patient: &Patient) -> Result<u64, Problem> {
    let Some(written) = &patient.record else {
        return Ok(USUAL_RECORD.0);
    };
    let size = *written.get_ref();
    if size > LARGEST_RECORD {
        return Err(Problem::at(
            written.span(),
            format!("a structured record of {size} is out of range"),
        )
        .help(format!(
            "write at most {LARGEST_RECORD}; what is larger in real life is in documents"
        )));
    }
    Ok(size.0)
}

fn habit(patient: &Patient) -> Result<Habit, Problem> {
    let people = &patient.people;
    if let Some(written) = &people.decision {
        suppressible(people.decision(), patient.returning, written.span())?;
    }
    Ok(Habit {
        decision: people.decision(),
        after: people.after.0,
    })
}

/// Suppressing keeps the own old record, so there must be one (AB03.1).
pub(super) fn suppressible(
    decision: Option<Decision>,
    returning: bool,
    span: std::ops::Range<usize>,
) -> Result<(), Problem> {
    if decision == Some(Decision::Suppress) && !returning {
        return Err(Problem::at(
            span,
            "only the record of a returning patient can be suppressed",
        )
        .help("add `returning = true` to the patient"));
    }
    Ok(())
}

fn documents(patient: &Patient, is_export: bool) -> Result<Vec<DocumentPlan>, Problem> {
    let mut plans: Vec<DocumentPlan> = Vec::new();
    for document in &patient.document {
        let plan = document_plan(document, is_export)?;
        if let Some(same_id) = &document.get_ref().same_id
            && plan.same_id
            && plans.is_empty()
        {
            return Err(
                Problem::at(same_id.span(), "there is no document before the first one")
                    .help("put the document whose id it shares before it"),
            );
        }
        for _ in 0..count(document.get_ref())? {
            plans.push(plan.clone());
        }
    }
    Ok(plans)
}

fn count(document: &Document) -> Result<u32, Problem> {
    let Some(written) = &document.count else {
        return Ok(1);
    };
    let count = *written.get_ref();
    if (1..=MOST_DOCUMENTS).contains(&count) {
        Ok(count)
    } else {
        Err(Problem::at(
            written.span(),
            format!("a count of {count} is out of range"),
        )
        .help(format!("write a number from 1 to {MOST_DOCUMENTS}")))
    }
}

fn document_plan(written: &Spanned<Document>, is_export: bool) -> Result<DocumentPlan, Problem> {
    let document = written.get_ref();
    let (media_type, bytes) = match (
        &document.already_missing,
        &document.media_type,
        &document.size,
    ) {
        (Some(_), None, None) => ("text/plain".to_owned(), 0),
        (Some(already), _, _) => {
            return Err(Problem::at(
                already.span(),
                "a placeholder has a type and a size of its own",
            )
            .help("leave out `type` and `size`"));
        }
        (None, Some(media_type), Some(size)) => (checked(media_type)?, bytes(size)?),
        (None, _, _) => {
            return Err(
                Problem::at(written.span(), "a document has a type and a size")
                    .help("write for instance `type = \"image/tiff\"` and `size = \"300 KB\"`"),
            );
        }
    };
    Ok(DocumentPlan {
        media_type,
        bytes,
        file_name: document.file_name.as_ref().map(file_name).transpose()?,
        description: document.description,
        missing: document.missing,
        already_missing: (document.already_missing.as_ref()).map(|reason| *reason.get_ref()),
        arrives: arrives(document, is_export)?,
        same_id: (document.same_id.as_ref()).is_some_and(|same_id| *same_id.get_ref()),
    })
}

/// A transfer has one moment at which documents are listed; in an export, letters keep coming.
fn arrives(document: &Document, is_export: bool) -> Result<Option<Duration>, Problem> {
    match &document.arrives {
        Some(written) if !is_export => Err(Problem::at(
            written.span(),
            "documents arrive during a run only in an export",
        )
        .help("leave `arrives` out: the document is there from the start")),
        written => Ok(written.as_ref().map(|span| span.get_ref().0)),
    }
}

fn bytes(size: &Spanned<Size>) -> Result<u64, Problem> {
    let written = *size.get_ref();
    if written > LARGEST_DOCUMENT {
        return Err(Problem::at(
            size.span(),
            format!("a document of {written} is out of range"),
        )
        .help(format!("write at most {LARGEST_DOCUMENT}")));
    }
    Ok(written.0)
}

fn checked(written: &Spanned<String>) -> Result<String, Problem> {
    let text = written.get_ref();
    let is_token = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-+.".contains(&byte))
    };
    match text.split_once('/') {
        Some((kind, form)) if is_token(kind) && is_token(form) => Ok(text.clone()),
        Some(_) | None => Err(
            Problem::at(written.span(), format!("`{text}` is not a media type"))
                .help("write two words with a slash between them, such as `image/tiff`"),
        ),
    }
}

fn file_name(written: &Spanned<String>) -> Result<String, Problem> {
    let name = written.get_ref();
    if name.trim().is_empty()
        || name.chars().any(char::is_control)
        || name.chars().count() > LONGEST_FILE_NAME
    {
        return Err(
            Problem::at(written.span(), "this is no name for a file").help(format!(
                "a name has 1 to {LONGEST_FILE_NAME} characters, none of them a control character"
            )),
        );
    }
    Ok(name.clone())
}

/// Gives every patient a number of their own.
struct Numbers {
    taken: Vec<NhsNumber>,
    serial: u32,
}

impl Numbers {
    /// Sets aside the numbers that the author has chosen.
    fn reserving(file: &File) -> Result<Self, Problem> {
        let mut taken = Vec::new();
        for written in file
            .patient
            .iter()
            .filter_map(|patient| patient.nhs_number.as_ref())
        {
            let number = chosen(written)?;
            if taken.contains(&number) {
                return Err(Problem::at(
                    written.span(),
                    format!("two patients have the nhs number {number}"),
                ));
            }
            taken.push(number);
        }
        Ok(Self { taken, serial: 0 })
    }

    fn number_of(&mut self, patient: &Patient) -> Result<NhsNumber, Problem> {
        let number = match &patient.nhs_number {
            Some(written) => chosen(written)?,
            None => self.next(),
        };
        Ok(if patient.wrong_check_digit {
            spoilt(number)?
        } else {
            number
        })
    }

    fn next(&mut self) -> NhsNumber {
        loop {
            self.serial += 1;
            if let Some(number) =
                NhsNumber::synthetic(self.serial).filter(|number| !self.taken.contains(number))
            {
                self.taken.push(number);
                return number;
            }
        }
    }
}

/// A number that the author writes must be nobody's: it lies in the range kept free for tests.
fn chosen(written: &Spanned<String>) -> Result<NhsNumber, Problem> {
    let text = written.get_ref();
    let number =
        NhsNumber::parse(text).map_err(|error| Problem::at(written.span(), error.to_string()))?;
    if !number.is_synthetic() {
        return Err(Problem::at(
            written.span(),
            format!("{number} may be the number of a real person"),
        )
        .help("write a number that begins with 999, or leave it out to get one"));
    }
    if !number.check_digit_fits() {
        return Err(Problem::at(written.span(), format!("the check digit of {number} does not fit"))
            .help("leave the number out to get one, or say `wrong_check_digit = true` if it is meant to be wrong"));
    }
    Ok(number)
}

/// The number with its last digit changed.
fn spoilt(number: NhsNumber) -> Result<NhsNumber, Problem> {
    let (front, last) = number.as_str().split_at(9);
    let digit: u32 = last.parse().unwrap_or_default();
    Ok(NhsNumber::parse(&format!("{front}{}", (digit + 1) % 10))?)
}
