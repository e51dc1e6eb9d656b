//! The glossary, read from the file in the binary.

use gp2gp_model::glossary::{Source, Term};
use serde::Deserialize;

use crate::CatalogueError;

const TEXT: &str = include_str!("../glossary.toml");

/// Every term, in the order of the alphabet.
pub fn glossary() -> Result<Vec<Term>, CatalogueError> {
    Ok(read(TEXT)?.term)
}

/// What clauses are from.
pub fn sources() -> Result<Vec<Source>, CatalogueError> {
    Ok(read(TEXT)?.source)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    source: Vec<Source>,
    term: Vec<Term>,
}

fn read(text: &str) -> Result<File, CatalogueError> {
    toml::from_str(text).map_err(|source| CatalogueError::Malformed {
        file: "glossary.toml",
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn terms_stand_in_the_order_of_the_alphabet() {
        let names: Vec<String> = glossary()
            .unwrap()
            .iter()
            .map(|term| term.name.to_lowercase())
            .collect();
        assert!(names.is_sorted(), "{names:?}");
        assert!(names.len() > 80, "only {} terms", names.len());
    }

    #[test]
    fn no_word_means_two_things() {
        let mut words = BTreeSet::new();
        for term in glossary().unwrap() {
            for word in term.also.iter().chain([&term.name]) {
                assert!(words.insert(word.to_lowercase()), "`{word}` stands twice");
            }
        }
    }

    #[test]
    fn a_term_refers_to_terms_and_requirements_that_there_are() {
        let glossary = glossary().unwrap();
        let catalogue = crate::catalogue().unwrap();
        for term in &glossary {
            for other in &term.terms {
                let is_other = |it: &Term| it.name == *other && it.name != term.name;
                assert!(glossary.iter().any(is_other), "{}: {other}", term.name);
            }
            for id in &term.requirements {
                assert!(
                    catalogue.iter().any(|row| row.id == *id),
                    "{}: {id}",
                    term.name
                );
            }
            assert!(term.meaning.trim().ends_with('.'), "{}", term.name);
        }
    }

    #[test]
    fn every_kind_of_clause_is_explained() {
        let glossary = glossary().unwrap();
        let clause = glossary.iter().find(|term| term.name == "clause").unwrap();
        let said: BTreeSet<&str> = clause
            .meaning
            .split(|c: char| !c.is_alphanumeric())
            .collect();
        for row in crate::catalogue().unwrap() {
            for cited in &row.clause {
                let end = cited.find(|c: char| !c.is_ascii_uppercase());
                let letters = &cited[..end.unwrap_or(cited.len())];
                let is_a_word = cited[letters.len()..].starts_with(|c: char| c.is_lowercase());
                if !letters.is_empty() && !is_a_word {
                    assert!(said.contains(letters), "{}: {cited}", row.id);
                }
            }
        }
    }

    #[test]
    fn every_clause_is_from_one_source_and_every_source_is_cited() {
        let (sources, catalogue) = (sources().unwrap(), crate::catalogue().unwrap());
        let cited = || catalogue.iter().flat_map(|row| &row.clause);
        for clause in cited() {
            let from = sources.iter().filter(|it| it.has(clause));
            assert_eq!(from.count(), 1, "{clause}");
        }
        for source in &sources {
            assert!(cited().any(|it| source.has(it)), "{}", source.letters);
        }
    }

    #[test]
    fn an_unknown_key_in_the_glossary_is_an_error() {
        let error = read("[[term]]\nname = \"x\"\nmaening = \"y\"\n").unwrap_err();
        assert!(
            error.to_string().contains("unknown field `maening`"),
            "{error}"
        );
    }
}
