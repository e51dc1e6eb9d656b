//! The requirement catalogue, read from the files in the binary.

use gp2gp_model::RequirementId;
use gp2gp_model::requirement::Requirement;
use serde::Deserialize;

/// The files, in the order in which people read them.
const FILES: [(&str, &str); 7] = [
    (
        "requirements/snd.toml",
        include_str!("../requirements/snd.toml"),
    ),
    (
        "requirements/rcv.toml",
        include_str!("../requirements/rcv.toml"),
    ),
    (
        "requirements/exp.toml",
        include_str!("../requirements/exp.toml"),
    ),
    (
        "requirements/dir.toml",
        include_str!("../requirements/dir.toml"),
    ),
    (
        "requirements/fed.toml",
        include_str!("../requirements/fed.toml"),
    ),
    (
        "requirements/rep.toml",
        include_str!("../requirements/rep.toml"),
    ),
    (
        "requirements/sec.toml",
        include_str!("../requirements/sec.toml"),
    ),
];

/// The catalogue in the binary is broken: a defect of ours, found by every test.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum CatalogueError {
    /// A file is not what a catalogue file must be.
    #[error("{file}: {source}")]
    Malformed {
        /// Which file.
        file: &'static str,
        /// Line, column and reason.
        source: toml::de::Error,
    },
    /// Two requirements have one id.
    #[error("{file}: {id} stands in the catalogue twice")]
    Twice {
        /// The file of the second.
        file: &'static str,
        /// The id.
        id: RequirementId,
    },
}

/// Every requirement, in the order of the files.
pub fn catalogue() -> Result<Vec<Requirement>, CatalogueError> {
    let mut all: Vec<Requirement> = Vec::new();
    for (file, text) in FILES {
        for requirement in read(file, text)? {
            if all.iter().any(|other| other.id == requirement.id) {
                return Err(CatalogueError::Twice {
                    file,
                    id: requirement.id,
                });
            }
            all.push(requirement);
        }
    }
    Ok(all)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    requirement: Vec<Requirement>,
}

fn read(file: &'static str, text: &str) -> Result<Vec<Requirement>, CatalogueError> {
    toml::from_str(text)
        .map(|file: File| file.requirement)
        .map_err(|source| CatalogueError::Malformed { file, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_of_the_specification_stands_in_the_catalogue_once_and_in_order() {
        let families = [
            ("SND", 80),
            ("RCV", 66),
            ("EXP", 13),
            ("DIR", 9),
            ("FED", 5),
            ("REP", 2),
            ("SEC", 5),
        ];
        // Behind those of the specification stand the ones that are ours: alerts and incidents.
        let ours = [("SND", 81..=82), ("RCV", 67..=67)];
        let expected: Vec<String> = families
            .into_iter()
            .flat_map(|(family, last)| {
                let own = ours.iter().filter(move |(of, _)| *of == family);
                (1..=last)
                    .chain(own.flat_map(|(_, numbers)| numbers.clone()))
                    .map(move |number| format!("{family}-{number:02}"))
                    .collect::<Vec<_>>()
            })
            .collect();
        let found: Vec<String> = catalogue()
            .unwrap()
            .iter()
            .map(|row| row.id.to_string())
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_requirement_says_what_why_and_how_it_is_seen() {
        for row in catalogue().unwrap() {
            let texts = [&row.wording, &row.rationale, &row.evidence];
            assert!(
                texts.iter().all(|text| !text.trim().is_empty()),
                "{}",
                row.id
            );
            assert!(!row.clause.is_empty(), "{} names no clause", row.id);
        }
    }

    #[test]
    fn an_unknown_key_in_the_catalogue_is_an_error() {
        let error = read(
            "requirements/snd.toml",
            "[[requirement]]\nid = \"SND-01\"\nwroding = \"x\"\n",
        )
        .unwrap_err();
        assert!(
            error.to_string().contains("unknown field `wroding`"),
            "{error}"
        );
    }
}
