//! The scenarios in the binary are good ones.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by a panic"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use gp2gp_model::failure_mode::Scope;
use gp2gp_model::plan::{Plan, Role};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::{FailureModeId, NhsNumber, OdsCode};
use gp2gp_scenarios::{Source, builtin, catalogue, failure_modes, lint, lower, parse};

static CATALOGUE: LazyLock<Vec<Requirement>> = LazyLock::new(|| catalogue().unwrap());

fn plans(source: &Source, seed: Option<u64>) -> Vec<Plan> {
    let scenarios =
        parse(source).unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)));
    scenarios
        .iter()
        .map(|scenario| {
            lower(scenario, &CATALOGUE, seed)
                .unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)))
        })
        .collect()
}

fn all_plans() -> Vec<Plan> {
    let sources = builtin();
    sources
        .iter()
        .flat_map(|source| plans(source, None))
        .collect()
}

#[test]
fn every_scenario_becomes_a_plan() {
    let plans = all_plans();
    assert!(plans.len() >= 16, "only {} scenarios", plans.len());
    for plan in plans {
        assert!(
            !plan.steps.is_empty()
                && !plan.requirements.is_empty()
                && !plan.exercised_when.is_empty()
        );
    }
}

#[test]
fn every_scenario_lints_clean() {
    for source in builtin() {
        let lints = lint(&parse(&source).unwrap(), &CATALOGUE, None);
        let shown: Vec<String> = lints
            .into_iter()
            .map(|lint| format!("{:?}", miette::Report::new(lint)))
            .collect();
        assert!(shown.is_empty(), "{}", shown.join("\n"));
    }
}

#[test]
fn the_same_text_gives_the_same_plan() {
    for source in builtin() {
        assert_eq!(plans(&source, None), plans(&source, None));
        assert!(plans(&source, Some(7)).iter().all(|plan| plan.seed == 7));
    }
}

/// Unless one is written: what was measured to the byte holds for one seed.
#[test]
fn scenarios_differ_in_their_seeds() {
    let plans: Vec<Plan> = builtin()
        .iter()
        .filter(|source| !source.text.contains("\nseed = "))
        .flat_map(|source| plans(source, None))
        .collect();
    let seeds: BTreeSet<u64> = plans.iter().map(|plan| plan.seed).collect();
    assert_eq!(seeds.len(), plans.len());
}

#[test]
fn every_file_of_every_folder_is_built_in() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let written: BTreeSet<String> = files(root)
        .iter()
        .filter(|path| path.is_dir() && !path.ends_with("requirements"))
        .flat_map(|folder| files(folder))
        .filter(|file| {
            file.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .map(|file| {
            file.strip_prefix(root)
                .unwrap()
                .with_extension("")
                .display()
                .to_string()
        })
        .collect();
    let sources = builtin();
    let built_in: BTreeSet<String> = sources.iter().map(|source| source.id.to_string()).collect();
    assert_eq!(built_in, written);
}

#[test]
fn every_practice_is_known_with_contracts_of_its_own() {
    for plan in all_plans() {
        let directory = &plan.directory;
        let cpa_ids: BTreeSet<_> = directory
            .contracts
            .iter()
            .map(|contract| &contract.cpa_id)
            .collect();
        assert_eq!(
            cpa_ids.len(),
            directory.contracts.len(),
            "{}",
            plan.scenario
        );
        let known = |ods: &OdsCode| {
            let mut practices = directory.practices.iter().chain(&directory.unlisted);
            practices.find(|practice| practice.ods == *ods)
        };
        for patient in &plan.patients {
            assert!(
                known(&patient.current_practice).is_some(),
                "{}",
                plan.scenario
            );
        }
        for side in [&plan.requesting, &plan.sending] {
            let practice = known(&side.ods).unwrap();
            assert_eq!(practice.asid.as_str().len(), 12);
            assert!(practice.party_key.as_str().starts_with(side.ods.as_str()));
        }
    }
}

#[test]
fn nobody_is_a_real_person_and_nobody_shares_a_number() {
    for plan in all_plans() {
        let numbers: BTreeSet<NhsNumber> = plan
            .patients
            .iter()
            .map(|patient| patient.nhs_number)
            .collect();
        assert_eq!(numbers.len(), plan.patients.len());
        assert!(
            numbers.iter().all(NhsNumber::is_synthetic),
            "{}",
            plan.scenario
        );
    }
}

#[test]
fn every_failure_mode_of_a_transfer_or_an_export_has_a_scenario_or_a_reason() {
    let cited: BTreeSet<FailureModeId> = all_plans()
        .into_iter()
        .flat_map(|plan| plan.failure_modes)
        .collect();
    for mode in failure_modes().unwrap() {
        let is_cited = cited.contains(&mode.number);
        if matches!(mode.scope, Scope::Transfer | Scope::Export) {
            assert!(
                is_cited != mode.untested_because.is_some(),
                "failure mode {}: cited by a scenario: {is_cited}; reason for none: {:?}",
                mode.number,
                mode.untested_because
            );
        }
    }
}

#[test]
fn every_role_is_judged_somewhere() {
    for role in Role::ALL {
        assert!(
            all_plans().iter().any(|plan| plan.judges.contains(&role)),
            "{role}"
        );
    }
}
