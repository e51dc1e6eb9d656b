//! Runs built-in scenarios once and tampers with their traces.

#![expect(
    dead_code,
    reason = "each test binary uses its own part of the support"
)]

pub(crate) mod page;
pub(crate) mod tamper;

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use gp2gp::bodies::BodyStore;
use gp2gp::driver::{self, Sut, Transport};
use gp2gp_model::Sha256;
use gp2gp_model::plan::Plan;
use gp2gp_model::requirement::Requirement;
use gp2gp_model::terms::Terms;
use gp2gp_model::trace::{Bodies, Trace};

use tamper::Taken;

/// The catalogue.
pub(crate) fn catalogue() -> Vec<Requirement> {
    gp2gp_scenarios::catalogue().expect("the catalogue parses")
}

/// The plan of a built-in scenario, or of a cell of its matrix.
pub(crate) fn plan(id: &str) -> Plan {
    plan_under(id, &Terms::default())
}

/// The same, under terms that a system settles.
pub(crate) fn plan_under(id: &str, terms: &Terms) -> Plan {
    plans_below(
        |source| source == id || id.starts_with(&format!("{source}/")),
        terms,
    )
    .into_iter()
    .find(|plan| plan.scenario.as_str() == id)
    .unwrap_or_else(|| panic!("no scenario {id}"))
}

/// Plans of all built-in scenarios but the heavy ones.
pub(crate) fn plans() -> Vec<Plan> {
    let mut plans = plans_below(|_| true, &Terms::default());
    plans.retain(|plan| !plan.heavy);
    plans
}

fn plans_below(is_meant: impl Fn(&str) -> bool, terms: &Terms) -> Vec<Plan> {
    let catalogue = catalogue();
    gp2gp_scenarios::builtin()
        .iter()
        .filter(|source| is_meant(source.id.as_str()))
        .flat_map(|source| gp2gp_scenarios::parse(source).expect("it parses"))
        .map(|scenario| {
            gp2gp_scenarios::lower_under(&scenario, &catalogue, None, terms).expect("it lowers")
        })
        .collect()
}

/// The trace of a scenario on the reference system; each is run once per test binary.
pub(crate) fn trace_of(id: &str) -> Taken {
    static RUNS: OnceLock<Mutex<BTreeMap<String, Taken>>> = OnceLock::new();
    let runs = RUNS.get_or_init(Mutex::default);
    if let Some(taken) = runs.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
        return taken.clone();
    }
    let taken = run(&plan(id), &Sut::Reference);
    runs.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(id.to_owned(), taken.clone());
    taken
}

/// Runs a plan in virtual time, bodies in memory.
pub(crate) fn run(plan: &Plan, sut: &Sut) -> Taken {
    let (trace, bodies) = driver::run(plan, sut, Transport::Virtual, BodyStore::temporary())
        .expect("the harness works");
    Taken {
        bodies: all_bodies(&trace, &bodies),
        trace,
    }
}

fn all_bodies(trace: &Trace, store: &BodyStore) -> BTreeMap<Sha256, bytes::Bytes> {
    trace
        .events
        .iter()
        .filter_map(|event| event.body().map(|body| body.sha256))
        .map(|sha256| (sha256, store.body(&sha256).expect("every body is kept")))
        .collect()
}
