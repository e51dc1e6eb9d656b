//! Every system with every other, by the walk that scenarios take, and beside it how the table
//! says that it ends.

use std::num::NonZeroUsize;

use gp2gp_model::matrix::{Cell, End, MatrixReport, Pairing};
use gp2gp_model::plan::Plan;
use gp2gp_model::report::{SYNTHETIC_NOTICE, ScenarioReport};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::verdict::{Profile, Verdict};

use crate::check::View;
use crate::driver::{Sut, Transport};
use crate::run::{Options, judged, trace};
use crate::{expect, parallel};
use gp2gp_model::run_log::Scope;

/// Runs each pairing once. The report is the same on any number of threads.
pub fn run(
    pairings: &[Pairing],
    catalogue: &[Requirement],
    sut: Sut,
    jobs: NonZeroUsize,
) -> MatrixReport {
    let options = Options {
        catalogue,
        sut,
        transport: Transport::Virtual,
        replay: None,
        attached: None,
        not_claimed: &[],
        profile: Profile::Strict,
        scope: Scope::Selection,
        out: None,
        left_out: &[],
        jobs,
    };
    let cells = parallel::map(pairings, jobs, |_| 1, |pairing| run_one(pairing, &options));
    MatrixReport {
        notice: SYNTHETIC_NOTICE.to_owned(),
        differences: cells.iter().filter(|cell| !cell.is_as_expected()).count(),
        cells,
    }
}

fn run_one(pairing: &Pairing, options: &Options<'_>) -> Cell {
    let (seen, wrong) = match gp2gp_scenarios::plan_of(pairing, options.catalogue) {
        Ok(plan) => ended(&plan, options),
        Err(error) => (None, vec![error.to_string()]),
    };
    Cell {
        seen,
        wrong,
        reproduce: reproduce(pairing, &options.sut),
        pairing: pairing.clone(),
    }
}

/// How it ended, and what was wrong on the way.
fn ended(plan: &Plan, options: &Options<'_>) -> (Option<End>, Vec<String>) {
    let (trace, bodies) = match trace(plan, options) {
        Ok(traced) => traced,
        Err(error) => return (None, vec![error.to_string()]),
    };
    let report = judged(plan, &trace, &bodies, options);
    let view = View::new(&trace, &bodies);
    let patient = plan.patients.first().map(|patient| patient.nhs_number);
    let end = patient.map(|patient| expect::end(patient, &view));
    (end, broken(&report))
}

/// Requirements that were broken.
fn broken(report: &ScenarioReport) -> Vec<String> {
    let failed = (report.findings.iter()).filter(|finding| finding.verdict == Verdict::Fail);
    failed
        .map(|finding| match finding.violations.first() {
            Some(first) => format!(
                "{}: expected {}, seen {}",
                finding.requirement, first.expected, first.seen
            ),
            None => finding.requirement.to_string(),
        })
        .collect()
}

fn reproduce(pairing: &Pairing, sut: &Sut) -> String {
    let Pairing {
        requesting,
        sending,
        record,
        ..
    } = pairing;
    let sut = match sut {
        Sut::Reference => String::new(),
        Sut::Broken(_) => format!(" --sut {}", sut.name()),
    };
    format!("gp2gp matrix --requesting {requesting} --sending {sending} --record {record}{sut}")
}
