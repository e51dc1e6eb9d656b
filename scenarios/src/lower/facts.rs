//! What must be found in the trace. A fact that cannot happen in this scenario is refused here,
//! not after a run.

use gp2gp_model::ResponseCode;
use gp2gp_model::plan::{Act, Decision, Fact, PatientPlan, Role, Step};
use gp2gp_model::response_code::{REGISTER, Registered};

use super::faults::sends;
use crate::choice::OneOrMore;
use crate::error::Problem;
use crate::file::{Accepted, File, RecordSent};
use crate::spanned::Spanned;

pub(super) fn lower(
    file: &File,
    patients: &[PatientPlan],
    steps: &[Step],
) -> Result<Vec<Fact>, Problem> {
    let written = &file.exercised;
    let mut facts = Vec::new();
    for accepted in &written.accepted {
        facts.push(self::accepted(accepted)?);
    }
    for code in codes(&written.request_refused) {
        facts.push(Fact::RequestRefused {
            code: request_code(code)?,
        });
    }
    for code in codes(&written.core_acknowledged) {
        facts.push(Fact::CoreAcknowledged {
            code: core_code(code)?,
        });
    }
    if let Some(never) = &written.core_never_acknowledged {
        if written.core_acknowledged.is_some() {
            return Err(Problem::at(
                never.span(),
                "the core cannot be acknowledged and never be acknowledged",
            ));
        }
        facts.push(Fact::CoreNeverAcknowledged);
    }
    if written.skeleton_sent.is_some() {
        facts.push(Fact::SkeletonSent);
    }
    match written.record_sent.as_ref().map(Spanned::get_ref) {
        Some(RecordSent::Whole) => facts.push(Fact::WholeRecordSent),
        Some(RecordSent::Skeleton) => facts.push(Fact::SkeletonSent),
        None => {}
    }
    if written.message_ids_shared.is_some() {
        facts.push(Fact::MessageIdsShared);
    }
    if let Some(size) = &written.document_of {
        let at_least_bytes = size.get_ref().0;
        if at_least_bytes > largest_document(patients) {
            return Err(
                Problem::at(size.span(), "no document of this scenario is so large").help(format!(
                    "the largest that can travel has {} bytes",
                    largest_document(patients)
                )),
            );
        }
        facts.push(Fact::DocumentOf { at_least_bytes });
    }
    for name in &written.fault_fired {
        facts.push(Fact::FaultFired {
            name: fault(name, file)?,
        });
    }
    for decision in &written.decided {
        facts.push(Fact::Decided {
            decision: decided(decision, patients, steps)?,
        });
    }
    for state in &written.case_was {
        facts.push(Fact::CaseWas { state: *state });
    }
    for wish in &written.declined {
        facts.push(Fact::Declined { wish: *wish });
    }
    for what in &written.happened {
        facts.push(Fact::Happened { what: *what });
    }
    facts.extend(
        written
            .retransmitted_by
            .iter()
            .map(|by| Fact::Retransmitted { by: *by }),
    );
    Ok(facts)
}

fn accepted(written: &Spanned<Accepted>) -> Result<Fact, Problem> {
    let accepted = written.get_ref();
    sends(accepted.from, accepted.kind, written.span())?;
    let (at_least, at_most) = match (accepted.exactly, accepted.at_least, accepted.at_most) {
        (Some(exactly), None, None) => (exactly, Some(exactly)),
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
            return Err(Problem::at(
                written.span(),
                "`exactly` leaves no room for `at_least` or `at_most`",
            ));
        }
        (None, None, at_most) => (if at_most.is_some() { 0 } else { 1 }, at_most),
        (None, Some(at_least), at_most) => (at_least, at_most),
    };
    if at_most.is_some_and(|at_most| at_most < at_least) {
        return Err(Problem::at(
            written.span(),
            "no number is this large and this small",
        ));
    }
    if at_least == 0 && at_most.is_none() {
        return Err(
            Problem::at(written.span(), "every run accepts at least nothing")
                .help("write a number from 1"),
        );
    }
    Ok(Fact::Accepted {
        from: accepted.from,
        kind: accepted.kind.into(),
        at_least,
        at_most,
    })
}

/// A code with the place of the value that it stands in.
struct Code<'a> {
    text: &'a str,
    span: std::ops::Range<usize>,
}

fn codes(written: &Option<Spanned<OneOrMore>>) -> impl Iterator<Item = Code<'_>> {
    written.iter().flat_map(|written| {
        let OneOrMore(codes) = written.get_ref();
        codes.iter().map(|text| Code {
            text,
            span: written.span(),
        })
    })
}

fn request_code(code: Code<'_>) -> Result<ResponseCode, Problem> {
    registered(code, Role::Sending, |row| row.by_sending)
}

fn core_code(code: Code<'_>) -> Result<Option<ResponseCode>, Problem> {
    if code.text == "AA" {
        return Ok(None);
    }
    registered(code, Role::Requesting, |row| row.by_requesting).map(Some)
}

/// What an acknowledgement of this system says: a refusal, or `None` for AA.
pub(super) fn code_of(
    by: Role,
    written: Option<&Spanned<String>>,
) -> Result<Option<ResponseCode>, Problem> {
    let Some(written) = written.filter(|written| written.get_ref() != "AA") else {
        return Ok(None);
    };
    let code = Code {
        text: written.get_ref(),
        span: written.span(),
    };
    match by {
        Role::Requesting => core_code(code),
        Role::Sending => request_code(code).map(Some),
        Role::Exporting | Role::Hub => Err(Problem::at(
            code.span,
            format!("the {by} system acknowledges no messages"),
        )),
    }
}

fn registered(
    code: Code<'_>,
    role: Role,
    may_use: impl Fn(&Registered) -> bool,
) -> Result<ResponseCode, Problem> {
    let usable = REGISTER.iter().filter(|row| may_use(row));
    if usable.clone().any(|row| row.code == code.text) {
        return Ok(ResponseCode::from(code.text));
    }
    let codes: Vec<&str> = usable.map(|row| row.code).collect();
    Err(Problem::at(
        code.span,
        format!("the {role} system has no response code `{}`", code.text),
    )
    .help(format!(
        "codes have two digits; it may use {}",
        codes.join(", ")
    )))
}

fn largest_document(patients: &[PatientPlan]) -> u64 {
    patients
        .iter()
        .filter(|patient| patient.held)
        .flat_map(|patient| &patient.documents)
        .filter(|document| document.missing.is_none())
        .map(|document| document.bytes)
        .max()
        .unwrap_or_default()
}

fn fault(name: &Spanned<String>, file: &File) -> Result<String, Problem> {
    let faults = file
        .fault
        .iter()
        .map(|fault| fault.get_ref().name.get_ref().trim());
    faults
        .clone()
        .find(|fault| *fault == name.get_ref().trim())
        .map(str::to_owned)
        .ok_or_else(|| Problem::unknown("fault", name, faults))
}

fn decided(
    written: &Spanned<Decision>,
    patients: &[PatientPlan],
    steps: &[Step],
) -> Result<Decision, Problem> {
    let decision = *written.get_ref();
    let by_habit = patients
        .iter()
        .any(|patient| patient.habit.decision == Some(decision));
    let by_step = steps
        .iter()
        .any(|step| matches!(&step.act, Act::Decide { decision: made, .. } if *made == decision));
    if by_habit || by_step {
        return Ok(decision);
    }
    Err(
        Problem::at(written.span(), "nobody in this scenario decides so")
            .help("give a patient `people = { decision = ... }`, or add a [[step]] with `decide`"),
    )
}
