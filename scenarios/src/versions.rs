//! How transfers are to end between every two versions and every two suppliers, and the scenario
//! that puts one pair to the test.

use std::collections::BTreeMap;

use gp2gp_model::matrix::{Expected, Pairing, RecordKind, System};
use gp2gp_model::plan::Plan;
use gp2gp_model::requirement::Requirement;
use gp2gp_model::{Dialect, Version};
use serde::Deserialize;

use crate::error::ScenarioError;
use crate::{CatalogueError, LoadError, load_str, lower, parse};

const TEXT: &str = include_str!("../versions.toml");

/// Every pair with every kind of record, in the order of the file.
pub fn pairings() -> Result<Vec<Pairing>, CatalogueError> {
    read(TEXT)
}

fn read(text: &str) -> Result<Vec<Pairing>, CatalogueError> {
    let table: Table = toml::from_str(text).map_err(malformed)?;
    let mut pairings = Vec::new();
    for pair in &table.pair {
        let both = [pair.requesting, pair.sending].map(System::Version);
        table.enter(both, &pair.ends, &mut pairings)?;
    }
    for pair in &table.dialects {
        let both = [pair.requesting, pair.sending].map(System::Dialect);
        table.enter(both, &pair.ends, &mut pairings)?;
    }
    Ok(pairings)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    result: BTreeMap<String, Expected>,
    pair: Vec<Pair<Version>>,
    dialects: Vec<Pair<Dialect>>,
}

#[derive(Deserialize)]
struct Pair<S> {
    requesting: S,
    sending: S,
    /// The name of a result for each kind of record.
    #[serde(flatten)]
    ends: BTreeMap<RecordKind, String>,
}

impl Table {
    fn enter(
        &self,
        [requesting, sending]: [System; 2],
        ends: &BTreeMap<RecordKind, String>,
        pairings: &mut Vec<Pairing>,
    ) -> Result<(), CatalogueError> {
        for (record, name) in ends {
            let expected = self.result.get(name).ok_or_else(|| {
                malformed(serde::de::Error::custom(format!(
                    "{requesting} asks {sending}: there is no result `{name}`"
                )))
            })?;
            pairings.push(Pairing {
                requesting,
                sending,
                record: *record,
                expected: expected.clone(),
            });
        }
        Ok(())
    }
}

fn malformed(source: toml::de::Error) -> CatalogueError {
    CatalogueError::Malformed {
        file: "versions.toml",
        source,
    }
}

/// The plan of a pairing. A large record is one for which a message of 200 KB is too small: how
/// much a message holds changes nothing in what becomes of it.
pub fn plan_of(pairing: &Pairing, catalogue: &[Requirement]) -> Result<Plan, PairingError> {
    let name = format!(
        "matrix/{}/{}/{}",
        pairing.requesting, pairing.sending, pairing.record
    );
    let source = load_str(&name, &text_of(pairing))?;
    let scenarios = parse(&source)?;
    let scenario = scenarios.first().ok_or(PairingError::Nothing)?;
    Ok(lower(scenario, catalogue, None)?)
}

/// Why a pairing has no plan: a defect of ours.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PairingError {
    /// Its name or text.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// What it says.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Scenario(#[from] ScenarioError),
    /// It is no scenario.
    #[error("the text of a pairing holds no scenario")]
    Nothing,
}

fn text_of(pairing: &Pairing) -> String {
    let Pairing {
        requesting,
        sending,
        record,
        ..
    } = pairing;
    let key = |system: &System| match system {
        System::Version(version) => format!("version = '{version}'"),
        System::Dialect(dialect) => format!("dialect = '{dialect}'"),
    };
    let documents = match record {
        RecordKind::Large => 10,
        RecordKind::Small | RecordKind::Redacted | RecordKind::Returning => 1,
    };
    format!(
        "title = '{requesting} asks {sending} for a {record} record'
judges = ['requesting', 'sending']
[requesting]
{requesting_is}
[sending]
{sending_is}
message_limit = '200 KB'
[[patient]]
name = 'ellis'
redactions = {redactions}
returning = {returning}
[[patient.document]]
type = 'image/tiff'
size = '60 KB'
count = {documents}
",
        requesting_is = key(requesting),
        sending_is = key(sending),
        redactions = *record == RecordKind::Redacted,
        returning = *record == RecordKind::Returning,
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_ordered_pair_of_versions_stands_in_the_table_with_every_record() {
        let found: Vec<_> = (pairings().unwrap().into_iter())
            .filter(|pairing| matches!(pairing.requesting, System::Version(_)))
            .map(|pairing| (pairing.requesting, pairing.sending, pairing.record))
            .collect();
        let mut due = Vec::new();
        for requesting in Version::ALL.map(System::Version) {
            for sending in Version::ALL.map(System::Version) {
                due.extend(RecordKind::ALL.map(|record| (requesting, sending, record)));
            }
        }
        assert_eq!(found, due);
    }

    #[test]
    fn every_ordered_pair_of_suppliers_stands_in_the_table() {
        let found: BTreeSet<_> = (pairings().unwrap().into_iter())
            .filter(|pairing| pairing.record == RecordKind::Small)
            .filter(|pairing| matches!(pairing.requesting, System::Dialect(_)))
            .map(|pairing| (pairing.requesting, pairing.sending))
            .collect();
        assert_eq!(found.len(), 16);
    }

    #[test]
    fn every_pairing_has_a_plan_and_every_result_a_source() {
        let catalogue = crate::catalogue().unwrap();
        for pairing in pairings().unwrap() {
            assert!(!pairing.expected.source.is_empty());
            let plan = plan_of(&pairing, &catalogue).unwrap();
            if let System::Version(version) = pairing.requesting {
                assert_eq!(plan.requesting.version, version);
            }
        }
    }

    #[test]
    fn a_result_that_is_not_there_is_named() {
        let text = TEXT.replacen("small = \"filed\"", "small = \"field\"", 1);
        let error = std::error::Error::source(&read(&text).unwrap_err())
            .unwrap()
            .to_string();
        assert!(error.contains("no result `field`"), "{error}");
    }
}
