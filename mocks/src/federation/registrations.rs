//! PDS, as far as a federation asks it: where each patient is registered at each moment of a plan.

use std::collections::BTreeMap;

use gp2gp_model::pds::{GeneralPractitioner, RecordVersion};
use gp2gp_model::plan::{Act, PatientPlan, PdsUpdate, Plan};
use gp2gp_model::trace::Observation;
use gp2gp_model::{NhsNumber, OdsCode, Time};
use gp2gp_wire::pds::{Confidentiality, Patient, patient_of};

use crate::export::outbox::{Outbox, json_answer, refusal};
use crate::peer::{Deadline, HttpRequest, HttpResponse, Input, Output, Peer};

/// Where everybody is registered, and from when on.
#[derive(Debug)]
pub struct Registrations {
    /// By patient, in the order of time.
    since: BTreeMap<NhsNumber, Vec<(Time, OdsCode)>>,
    outbox: Outbox,
}

impl Registrations {
    /// As the steps of a plan have it.
    pub fn of(plan: &Plan) -> Self {
        let mut since: BTreeMap<NhsNumber, Vec<(Time, OdsCode)>> = BTreeMap::new();
        for patient in &plan.patients {
            let first = (plan.starts_at, before_all_steps(patient, plan));
            since.insert(patient.nhs_number, vec![first]);
        }
        for step in &plan.steps {
            if let Some((patient, practice)) = registered(&step.act, &plan.requesting.ods) {
                let moves = since.entry(patient).or_default();
                moves.push((plan.starts_at + step.at, practice));
            }
        }
        Self {
            since,
            outbox: Outbox::default(),
        }
    }

    fn answer(&self, now: Time, request: &HttpRequest) -> HttpResponse {
        let patient = patient_of(&request.path).and_then(|it| NhsNumber::parse(it).ok());
        let latest = patient.and_then(|patient| {
            let mut moves = self.since.get(&patient)?.iter().rev();
            let (_, practice) = moves.find(|(from, _)| *from <= now)?;
            Some((patient, practice))
        });
        match latest {
            Some((patient, practice)) => json_answer(
                200,
                &Patient {
                    nhs_number: patient,
                    version: RecordVersion::FIRST,
                    confidentiality: Confidentiality::Unrestricted,
                    general_practitioner: GeneralPractitioner::Practice(practice.clone()),
                    person: None,
                }
                .to_json(),
            ),
            None => refusal(404, "PDS has no such patient"),
        }
    }
}

fn before_all_steps(patient: &PatientPlan, plan: &Plan) -> OdsCode {
    let mut acts = plan.steps.iter().map(|step| &step.act);
    let came_from = acts.find_map(|act| {
        if let Act::Register {
            patient: who,
            previous_practice,
            ..
        } = act
            && *who == patient.nhs_number
        {
            return Some(previous_practice.clone());
        }
        None
    });
    match came_from {
        Some(previous) => previous.unwrap_or_else(|| plan.sending.ods.clone()),
        None => patient.current_practice.clone(),
    }
}

fn registered(act: &Act, requesting: &OdsCode) -> Option<(NhsNumber, OdsCode)> {
    if let Act::Register {
        patient,
        pds_update: PdsUpdate::Done,
        ..
    } = act
    {
        return Some((*patient, requesting.clone()));
    }
    if let Act::MoveOn { patient, practice } = act {
        return Some((*patient, practice.clone()));
    }
    None
}

impl Peer for Registrations {
    fn handle(&mut self, now: Time, input: Input) {
        if let Input::Request { id, request } = input {
            let response = self.answer(now, &request);
            self.outbox.answer(id, response);
        }
    }

    fn handle_timeout(&mut self, _: Time) {}

    fn poll_timeout(&self) -> Option<Deadline> {
        None
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outbox.next()
    }

    fn observe(&self) -> Vec<Observation> {
        Vec::new()
    }
}
