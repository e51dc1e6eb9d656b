//! Random histories of exports: whatever users do, whatever fails and whatever comes, no safety
//! invariant breaks at any event, and a small model that knows nothing of messages agrees with where
//! every document is in the end. A history that breaks something is made as small as it can be and
//! written as a scenario file.
//!
//! `cargo test -p gp2gp --test histories -- --ignored` runs ten thousand, in half a minute on one core.

#![cfg(test)]

#[path = "histories/history.rs"]
mod history;
mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use gp2gp::check::View;
use gp2gp::driver::Sut;
use gp2gp_mocks::ExportingDefect;
use gp2gp_model::export::ExportState;
use gp2gp_model::plan::Plan;
use gp2gp_model::requirement::Requirement;
use gp2gp_model::store::DocumentState;
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::{ScenarioId, Sha256};
use gp2gp_scenarios::Source;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use history::{History, histories};

#[test]
fn no_random_history_breaks_an_invariant() {
    if let Err(failure) = explore(300, &Sut::Reference) {
        panic!("{failure}");
    }
}

#[test]
#[ignore = "takes half a minute: a step of its own in `cargo xtask ci`"]
fn ten_thousand_random_histories_break_no_invariant() {
    if let Err(failure) = explore(10_000, &Sut::Reference) {
        panic!("{failure}");
    }
}

/// The test of the test: chance finds a broken system, and the file that is left shows it again.
#[test]
fn a_broken_system_is_found_by_chance_and_left_as_a_scenario_file() {
    let sut = Sut::broken(ExportingDefect::DeletesBeforeArchive.into());
    let failure = explore(100, &sut).expect_err("it deletes what has no copy");
    assert!(failure.why.contains("it has no archive copy"), "{failure}");
    let text = std::fs::read_to_string(&failure.file).expect("the file is there");
    let again = judge(&plan(&text, &support::catalogue()), &sut);
    assert_eq!(again, Err(failure.why.clone()));
    assert!(failure.documents <= 1, "not made small: {failure}");
}

/// A history that broke something.
struct Failure {
    why: String,
    file: PathBuf,
    documents: usize,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let file = self.file.display();
        write!(f, "{}\nreproduce: gp2gp run {file}", self.why)
    }
}

/// Runs so many histories, always the same ones.
fn explore(cases: u32, sut: &Sut) -> Result<(), Failure> {
    let catalogue = support::catalogue();
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let outcome = TestRunner::new_with_rng(config, rng).run(&histories(), |history| {
        judge(&plan(&history.scenario(), &catalogue), sut).map_err(TestCaseError::fail)
    });
    match outcome {
        Ok(()) => Ok(()),
        Err(TestError::Fail(_, smallest)) => Err(written(&smallest, &catalogue, sut)),
        Err(TestError::Abort(why)) => panic!("no histories are made: {why}"),
    }
}

fn written(history: &History, catalogue: &[Requirement], sut: &Sut) -> Failure {
    let text = history.scenario();
    let why = judge(&plan(&text, catalogue), sut).expect_err("it failed a moment ago");
    let name = sut.name().replace(':', "-");
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("history-{name}.toml"));
    std::fs::write(&file, text).expect("a folder for files of tests");
    Failure {
        why,
        file,
        documents: history.documents(),
    }
}

fn plan(text: &str, catalogue: &[Requirement]) -> Plan {
    let source = Source {
        id: ScenarioId::parse("history").expect("a name"),
        file: "history.toml".to_owned(),
        text: Arc::from(text),
    };
    let scenario = gp2gp_scenarios::parse(&source)
        .and_then(|scenarios| gp2gp_scenarios::lower(&scenarios[0], catalogue, None));
    scenario.unwrap_or_else(|error| panic!("{:?}\n{text}", miette::Report::new(error)))
}

/// Why a history is not a good one.
fn judge(plan: &Plan, sut: &Sut) -> Result<(), String> {
    let view = support::run(plan, sut).view();
    let export = view.export.as_ref().expect("an export");
    if let Some(breach) = export.ledger.breaches().first() {
        let requirement = breach.rule.requirement();
        return Err(format!(
            "{requirement} at event {}: expected {}, seen {}",
            breach.event, breach.expected, breach.seen
        ));
    }
    let state =
        (export.ledger.cases().values().next()).map_or(ExportState::Idle, |case| case.state.0);
    Model::of(&view).agrees(state)
}

/// Where every document is in the end, by what store and importing practice say of themselves.
struct Model {
    /// By digest: originals, how many are in the record, restorable, and filed.
    documents: BTreeMap<Sha256, Places>,
}

#[derive(Default)]
struct Places {
    originals: usize,
    in_record: usize,
    restorable: usize,
    filed: usize,
}

impl Model {
    fn of(view: &View) -> Self {
        let mut documents: BTreeMap<Sha256, Places> = BTreeMap::new();
        for held in &view.held {
            documents.entry(held.sha256).or_default().originals += 1;
        }
        for (by, observation) in &view.observed {
            match observation {
                Observation::InStore { sha256, state, .. } => {
                    let places = documents.entry(*sha256).or_default();
                    places.in_record += usize::from(DocumentState::is_in_record(*state));
                    places.restorable += usize::from(DocumentState::is_restorable(*state));
                }
                Observation::Stored { sha256, .. } if *by == Endpoint::Importing => {
                    documents.entry(*sha256).or_default().filed += 1;
                }
                Observation::Stored { .. } | Observation::Transfer { .. } => {}
            }
        }
        Self { documents }
    }

    fn agrees(&self, state: ExportState) -> Result<(), String> {
        for (sha256, places) in &self.documents {
            let name = sha256.short();
            let Places {
                originals,
                in_record,
                restorable,
                filed,
            } = *places;
            if originals == 0 {
                return Err(format!("{name} is nobody's"));
            }
            if filed > originals {
                return Err(format!("{name} was filed {filed} times"));
            }
            let deleted = originals - in_record.min(originals);
            let is_safe = filed + restorable >= deleted;
            if !is_safe {
                return Err(format!("{name} was deleted and is nowhere"));
            }
            // Whatever is out of the record has gone, unless the record is being recalled.
            if filed < deleted && state != ExportState::Recalled {
                return Err(format!("{name} was deleted and never filed: {state}"));
            }
            let must_be_gone = matches!(state, ExportState::Completed | ExportState::Closed);
            if must_be_gone && in_record > 0 && filed > 0 {
                return Err(format!("{name} is in the record of a {state} export"));
            }
        }
        Ok(())
    }
}
