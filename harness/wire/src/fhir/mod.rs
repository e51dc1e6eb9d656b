//! What the FHIR interfaces of [`sds`](crate::sds), [`pds`](crate::pds) and
//! [`registry`](crate::registry) share: systems of identifiers, search results, queries, refusals.

mod bundle;
mod duration;
mod outcome;
mod query;

pub use bundle::searchset;
pub use duration::{DurationError, iso8601, parse_iso8601};
pub use outcome::Outcome;
pub use query::QueryError;

pub(crate) use bundle::matches;
pub(crate) use query::{Parameters, encoded, path_and_query};

use serde_json::Value;

/// Media type of resources.
pub const FHIR_JSON: &str = "application/fhir+json";

/// Header with the key of the one who asks.
pub const API_KEY: &str = "apikey";
/// Header with a UUID that the answer repeats: one for everything that belongs together.
pub const CORRELATION_ID: &str = "X-Correlation-Id";
/// Header with a UUID that the answer repeats: one for each request (PDS).
pub const REQUEST_ID: &str = "X-Request-ID";

/// Systems of identifiers (spec 40).
pub mod system {
    /// Organisation codes.
    pub const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
    /// NHS numbers.
    pub const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
    /// National codes of GPs.
    pub const GP_CODE: &str = "https://fhir.hl7.org.uk/Id/gmp-number";
    /// Interactions of a service.
    pub const INTERACTION: &str = "https://fhir.nhs.uk/Id/nhsServiceInteractionId";
    /// Accredited systems.
    pub const ASID: &str = "https://fhir.nhs.uk/Id/nhsSpineASID";
    /// Message handling servers.
    pub const PARTY_KEY: &str = "https://fhir.nhs.uk/Id/nhsMhsPartyKey";
    /// Domain names of message handling servers.
    pub const FQDN: &str = "https://fhir.nhs.uk/Id/nhsMhsFQDN";
    /// Contracts.
    pub const CPA_ID: &str = "https://fhir.nhs.uk/Id/nhsMhsCPAId";
    /// Entries of message handling servers.
    pub const MHS_ID: &str = "https://fhir.nhs.uk/Id/nhsMHSId";
}

/// Why a body is not the resource that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FhirError {
    /// It cannot be read at all.
    #[error("body is no JSON: {0}")]
    NotJson(String),
    /// It is something else.
    #[error("body is {found}, not {expected}")]
    Another {
        /// What should be there.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A set of results says another number of results than it has: the rest is elsewhere, or lost.
    #[error("bundle says that there are {said} results and has {found}")]
    Incomplete {
        /// What `total` says.
        said: u64,
        /// How many there are.
        found: usize,
    },
    /// Something has to be there and is not.
    #[error("{resource} has no {what}")]
    Missing {
        /// Of which resource.
        resource: &'static str,
        /// What.
        what: &'static str,
    },
    /// Something is there and makes no sense.
    #[error("{resource} has a wrong {what}: {why}")]
    Wrong {
        /// In which resource.
        resource: &'static str,
        /// What.
        what: &'static str,
        /// Why it makes no sense; quotes it.
        why: String,
    },
}

/// Reads a body as a resource of this type.
pub(crate) fn resource(expected: &'static str, body: &[u8]) -> Result<Value, FhirError> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| FhirError::NotJson(error.to_string()))?;
    check_type(expected, &value)?;
    Ok(value)
}

pub(crate) fn check_type(expected: &'static str, value: &Value) -> Result<(), FhirError> {
    match value["resourceType"].as_str() {
        Some(found) if found == expected => Ok(()),
        found => Err(FhirError::Another {
            expected,
            found: found.map_or_else(|| "no resource".to_owned(), shortened),
        }),
    }
}

/// The value of the first identifier of this system. Directories do not agree about case.
pub(crate) fn identifier<'a>(value: &'a Value, system: &str) -> Option<&'a str> {
    let identifiers = value["identifier"].as_array()?;
    identifiers
        .iter()
        .find(|it| is_of(it, system))?
        .get("value")?
        .as_str()
}

/// Whether an identifier is of this system.
pub(crate) fn is_of(identifier: &Value, system: &str) -> bool {
    (identifier["system"].as_str()).is_some_and(|own| own.eq_ignore_ascii_case(system))
}

/// The extension whose address ends with this name.
pub(crate) fn extension<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let extensions = value["extension"].as_array()?;
    extensions.iter().find(|it| {
        it["url"]
            .as_str()
            .and_then(|url| url.rsplit('/').next())
            .is_some_and(|last| last == name)
    })
}

/// Where a reader stands, for its errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) resource: &'static str,
    pub(crate) what: &'static str,
}

impl Field {
    /// The text that has to be there, read as what it has to be.
    pub(crate) fn read<T, E: std::fmt::Display>(
        self,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, FhirError> {
        let text = text.ok_or(FhirError::Missing {
            resource: self.resource,
            what: self.what,
        })?;
        parse(text).map_err(|why| self.wrong(why))
    }

    pub(crate) fn wrong(self, why: impl std::fmt::Display) -> FhirError {
        FhirError::Wrong {
            resource: self.resource,
            what: self.what,
            why: why.to_string(),
        }
    }
}

/// What is quoted of something from outside.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(100).collect()
}
