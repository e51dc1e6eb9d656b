//! The failure modes that the scenarios are there for, read from the file in the binary.

use gp2gp_model::failure_mode::FailureMode;
use serde::Deserialize;

use crate::CatalogueError;

const TEXT: &str = include_str!("../failure-modes.toml");

/// Every failure mode, in the order of numbers.
pub fn failure_modes() -> Result<Vec<FailureMode>, CatalogueError> {
    read(TEXT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    failure_mode: Vec<FailureMode>,
}

fn read(text: &str) -> Result<Vec<FailureMode>, CatalogueError> {
    toml::from_str(text)
        .map(|file: File| file.failure_mode)
        .map_err(|source| CatalogueError::Malformed {
            file: "failure-modes.toml",
            source,
        })
}

#[cfg(test)]
mod tests {
    use gp2gp_model::FailureModeId;
    use gp2gp_model::failure_mode::Scope;

    use super::*;

    #[test]
    fn every_number_stands_in_the_catalogue_once_and_in_order() {
        let found: Vec<FailureModeId> = failure_modes()
            .unwrap()
            .iter()
            .map(|mode| mode.number)
            .collect();
        assert_eq!(found, FailureModeId::all().collect::<Vec<_>>());
    }

    #[test]
    fn every_failure_mode_says_what_happens_and_who_has_to_cope() {
        for mode in failure_modes().unwrap() {
            assert!(!mode.what.trim().is_empty(), "{}", mode.number);
            assert!(
                !mode.what.ends_with('.'),
                "{}: a line of a list",
                mode.number
            );
            assert!(!mode.roles.is_empty(), "{}", mode.number);
        }
    }

    #[test]
    fn the_failure_modes_of_a_transfer_are_10_to_54() {
        for mode in failure_modes().unwrap() {
            let of_a_transfer = (10..=54).contains(&mode.number.get());
            assert_eq!(
                mode.scope == Scope::Transfer,
                of_a_transfer,
                "{}",
                mode.number
            );
        }
    }

    #[test]
    fn a_number_outside_the_catalogue_is_an_error() {
        let error = read("[[failure_mode]]\nnumber = 70\n").unwrap_err();
        assert!(
            error.to_string().contains("there is no failure mode 70"),
            "{error}"
        );
    }
}
