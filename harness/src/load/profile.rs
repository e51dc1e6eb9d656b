//! What is transferred under load: a profile, built in or a file of one's own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gp2gp_scenarios::Size;
use serde::Deserialize;

use crate::simulate::{self, Country};

/// A profile.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What it is called.
    #[serde(skip)]
    pub name: String,
    /// What it shows, in one line.
    pub about: String,
    /// Transfers in one lap.
    pub transfers: u32,
    /// How many are under way at once where a system is loaded as much as it can take.
    #[serde(default = "usual_at_once")]
    pub at_once: u32,
    /// Size of each structured record.
    pub record: Size,
    /// What is in every record.
    #[serde(default)]
    pub document: Vec<Document>,
    /// Documents as they are in a country, drawn anew for each record.
    pub national: Option<National>,
    /// Where patients register as they do there: at what hours of the week, between which suppliers, and with what goes
    /// wrong.
    #[serde(default)]
    pub country: Option<CountryName>,
    /// Moves so much that it is measured only when it is asked for by name.
    #[serde(default)]
    pub heavy: bool,
}

/// A country whose workload is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CountryName {
    /// England, 2019 to 2022.
    England,
}

impl CountryName {
    pub(super) fn country(self) -> Result<Country, simulate::ProfileError> {
        match self {
            Self::England => Country::england(),
        }
    }
}

/// Documents in every record.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Media type.
    #[serde(rename = "type")]
    pub media_type: String,
    /// Size of each.
    pub size: Size,
    /// How many.
    #[serde(default = "one")]
    pub count: u32,
}

/// Documents as they are in a country (spec 70): numbers and sizes are log-normal.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct National {
    /// Share of records with any document.
    pub with_documents_percent: f64,
    /// Median number of documents where there are any.
    pub documents_median: f64,
    /// Sigma of its logarithm.
    pub documents_sigma: f64,
    /// Median of the bytes of all documents of a record.
    pub bytes_median: Size,
    /// Sigma of its logarithm.
    pub bytes_sigma: f64,
    /// No record has more.
    pub bytes_most: Size,
    /// Types and how common they are.
    #[serde(rename = "type")]
    pub types: Vec<TypeShare>,
}

/// A type of documents.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypeShare {
    /// Media type.
    #[serde(rename = "type")]
    pub media_type: String,
    /// How common it is among those named.
    pub percent: f64,
}

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Neither a name nor a file.
    #[error("there is no profile `{name}`: there are {known}, or the path of a TOML file")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no profile.
    #[error("{name}: {why}")]
    Wrong {
        /// Which.
        name: String,
        /// Why, with its place.
        why: String,
    },
}

const BUILT_IN: [(&str, &str); 5] = [
    ("small", include_str!("profiles/small.toml")),
    ("documents", include_str!("profiles/documents.toml")),
    ("large", include_str!("profiles/large.toml")),
    ("national", include_str!("profiles/national.toml")),
    ("burst", include_str!("profiles/burst.toml")),
];

/// More would be no scenario that anybody can read again.
const MOST_TRANSFERS: u32 = 20_000;

impl Profile {
    /// Names of those that are built in.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// The built-in profile of this name, or that of a file.
    pub fn find(name: &str) -> Result<Self, ProfileError> {
        if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
            return Self::parse(name, text);
        }
        let path = Path::new(name);
        if path.extension().is_none_or(|extension| extension != "toml") {
            let known: Vec<&str> = Self::names().collect();
            return Err(ProfileError::Unknown {
                name: name.to_owned(),
                known: known.join(", "),
            });
        }
        let text = fs::read_to_string(path).map_err(|source| ProfileError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(name, &text)
    }

    /// A profile from its text.
    pub fn parse(name: &str, text: &str) -> Result<Self, ProfileError> {
        let wrong = |why: String| ProfileError::Wrong {
            name: name.to_owned(),
            why,
        };
        let mut profile: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        name.clone_into(&mut profile.name);
        profile.check().map_err(|why| wrong(why.to_owned()))?;
        Ok(profile)
    }

    /// Registrations in the whole country, in the mean, where the profile has one.
    pub fn registrations_per_second(&self) -> Result<Option<f64>, simulate::ProfileError> {
        let country = self.country.map(CountryName::country).transpose()?;
        Ok(country.map(|country| country.per_second()))
    }

    /// The same with another number of transfers.
    pub(super) fn with_transfers(&self, transfers: u32) -> Self {
        Self {
            transfers,
            ..self.clone()
        }
    }

    /// The same, if it still is a profile after something was changed.
    pub fn checked(self) -> Result<Self, ProfileError> {
        match self.check() {
            Ok(()) => Ok(self),
            Err(why) => Err(ProfileError::Wrong {
                name: self.name,
                why: why.to_owned(),
            }),
        }
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.transfers == 0 || self.transfers > MOST_TRANSFERS {
            return Err("`transfers` of one lap are 1 to 20000");
        }
        if self.at_once == 0 {
            return Err("`at_once` is at least 1: with nothing under way nothing comes to an end");
        }
        let Some(national) = &self.national else {
            return Ok(());
        };
        if !self.document.is_empty() {
            return Err("a profile has either `[[document]]` or `[national]`");
        }
        if national.types.is_empty() || national.types.iter().any(|it| !is_share(it.percent)) {
            return Err("`[[national.type]]` has a type, and a percentage from 0 to 100");
        }
        if !is_share(national.with_documents_percent) {
            return Err("`with_documents_percent` is from 0 to 100");
        }
        let spreads = [
            national.documents_median,
            national.documents_sigma,
            national.bytes_sigma,
        ];
        match spreads.iter().all(|it| it.is_finite() && *it >= 0.0) {
            true => Ok(()),
            false => Err("medians and sigmas are at least 0"),
        }
    }
}

fn is_share(percent: f64) -> bool {
    (0.0..=100.0).contains(&percent)
}

const fn usual_at_once() -> u32 {
    16
}

const fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_profile_is_one() {
        for name in Profile::names() {
            let profile = Profile::find(name).unwrap();
            assert!(!profile.about.is_empty(), "{name}");
        }
    }

    #[test]
    fn what_is_no_profile_says_what_to_do() {
        let said = |name, text: &str| Profile::parse(name, text).unwrap_err().to_string();
        let unknown = Profile::find("smal").unwrap_err().to_string();
        assert!(unknown.contains("small, documents"), "{unknown}");
        let absent = Profile::find("nowhere/own.toml").unwrap_err().to_string();
        assert!(absent.starts_with("nowhere/own.toml: "), "{absent}");
        let none = said("own", "about = \"\"\ntransfers = 0\nrecord = \"1 KB\"");
        assert!(none.contains("1 to 20000"), "{none}");
        let typo = said("own", "about = \"\"\ntransfer = 1\nrecord = \"1 KB\"");
        assert!(typo.contains("unknown field `transfer`"), "{typo}");
        let size = said("own", "about = \"\"\ntransfers = 1\nrecord = \"much\"");
        assert!(size.contains("`much`"), "{size}");
    }
}
