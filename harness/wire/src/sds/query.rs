//! What SDS is asked.

use gp2gp_model::interaction::SERVICE;
use gp2gp_model::{IdError, Interaction, OdsCode, PartyKey};

use crate::fhir::{Parameters, QueryError, path_and_query, system};

/// A search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// Which systems of a practice take part in an interaction.
    Device {
        /// Whose.
        organisation: OdsCode,
        /// In which.
        interaction: Interaction,
        /// Behind this message handling server only.
        party_key: Option<PartyKey>,
        /// Made by this supplier only.
        manufacturer: Option<OdsCode>,
    },
    /// Where and under which contract messages are taken; by two of the three at least.
    Endpoint {
        /// Of whom.
        organisation: Option<OdsCode>,
        /// Of which interaction.
        interaction: Option<Interaction>,
        /// By which message handling server.
        party_key: Option<PartyKey>,
    },
}

const DEVICE: &str = "/Device";
const ENDPOINT: &str = "/Endpoint";
const ORGANISATION: &str = "organization";
const MANUFACTURER: &str = "manufacturing-organization";
const IDENTIFIER: &str = "identifier";

/// An interaction as SDS names it: with a colon where a `SOAPAction` has a slash.
pub fn interaction_urn(interaction: Interaction) -> String {
    format!("{SERVICE}:{interaction}")
}

impl Query {
    /// The systems of a practice for an interaction.
    pub const fn device(organisation: OdsCode, interaction: Interaction) -> Self {
        Self::Device {
            organisation,
            interaction,
            party_key: None,
            manufacturer: None,
        }
    }

    /// The contracts of a practice for an interaction.
    pub const fn endpoint(organisation: OdsCode, interaction: Interaction) -> Self {
        Self::Endpoint {
            organisation: Some(organisation),
            interaction: Some(interaction),
            party_key: None,
        }
    }

    /// The contract under which a message handling server takes an interaction.
    pub const fn endpoint_of(party_key: PartyKey, interaction: Interaction) -> Self {
        Self::Endpoint {
            organisation: None,
            interaction: Some(interaction),
            party_key: Some(party_key),
        }
    }

    /// Path and query.
    pub fn path(&self) -> String {
        let (path, organisation, interaction, party_key, manufacturer) = match self {
            Self::Device {
                organisation,
                interaction,
                party_key,
                manufacturer,
            } => (
                DEVICE,
                Some(organisation),
                Some(*interaction),
                party_key.as_ref(),
                manufacturer.as_ref(),
            ),
            Self::Endpoint {
                organisation,
                interaction,
                party_key,
            } => (
                ENDPOINT,
                organisation.as_ref(),
                *interaction,
                party_key.as_ref(),
                None,
            ),
        };
        let interaction = interaction.map(interaction_urn);
        let tokens = [
            (ORGANISATION, system::ODS, organisation.map(OdsCode::as_str)),
            (IDENTIFIER, system::INTERACTION, interaction.as_deref()),
            (
                IDENTIFIER,
                system::PARTY_KEY,
                party_key.map(PartyKey::as_str),
            ),
            (MANUFACTURER, system::ODS, manufacturer.map(OdsCode::as_str)),
        ];
        let set: Vec<_> = (tokens.into_iter())
            .filter_map(|(name, system, value)| Some((name, system, value?)))
            .collect();
        path_and_query(path, &set)
    }

    /// Reads path and query.
    pub fn parse(target: &str) -> Result<Self, QueryError> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        match path.trim_end_matches('/') {
            DEVICE => Self::parse_device(query),
            ENDPOINT => Self::parse_endpoint(query),
            _ => Err(QueryError::NoSuchPath {
                path: crate::fhir::shortened(path),
            }),
        }
    }

    fn parse_device(query: &str) -> Result<Self, QueryError> {
        let mut parameters = Parameters::parse(query)?;
        let organisation = parameters.take(ORGANISATION, system::ODS)?;
        let manufacturer = parameters.take(MANUFACTURER, system::ODS)?;
        let interaction = parameters.take(IDENTIFIER, system::INTERACTION)?;
        let party_key = parameters.take(IDENTIFIER, system::PARTY_KEY)?;
        parameters.finish(&[
            (ORGANISATION, &[system::ODS]),
            (MANUFACTURER, &[system::ODS]),
            (IDENTIFIER, &[system::INTERACTION, system::PARTY_KEY]),
        ])?;
        let missing = |parameter| QueryError::Missing { parameter };
        let organisation = organisation.ok_or_else(|| missing(ORGANISATION))?;
        let interaction = interaction.ok_or_else(|| {
            missing("identifier of https://fhir.nhs.uk/Id/nhsServiceInteractionId")
        })?;
        Ok(Self::Device {
            organisation: id(ORGANISATION, &organisation, OdsCode::parse)?,
            party_key: optional(IDENTIFIER, party_key, PartyKey::parse)?,
            manufacturer: optional(MANUFACTURER, manufacturer, OdsCode::parse)?,
            interaction: read_interaction(&interaction)?,
        })
    }

    fn parse_endpoint(query: &str) -> Result<Self, QueryError> {
        let mut parameters = Parameters::parse(query)?;
        let organisation = parameters.take(ORGANISATION, system::ODS)?;
        let interaction = parameters.take(IDENTIFIER, system::INTERACTION)?;
        let party_key = parameters.take(IDENTIFIER, system::PARTY_KEY)?;
        parameters.finish(&[
            (ORGANISATION, &[system::ODS]),
            (IDENTIFIER, &[system::INTERACTION, system::PARTY_KEY]),
        ])?;
        let given = [&organisation, &interaction, &party_key];
        if given.into_iter().flatten().count() < 2 {
            return Err(QueryError::TooFew {
                parameters: "organization, identifier of https://fhir.nhs.uk/Id/nhsServiceInteractionId and identifier of https://fhir.nhs.uk/Id/nhsMhsPartyKey",
            });
        }
        Ok(Self::Endpoint {
            organisation: optional(ORGANISATION, organisation, OdsCode::parse)?,
            party_key: optional(IDENTIFIER, party_key, PartyKey::parse)?,
            interaction: interaction.as_deref().map(read_interaction).transpose()?,
        })
    }
}

fn optional<T>(
    parameter: &str,
    text: Option<String>,
    parse: impl FnOnce(&str) -> Result<T, IdError>,
) -> Result<Option<T>, QueryError> {
    text.map(|text| id(parameter, &text, parse)).transpose()
}

fn id<T>(
    parameter: &str,
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, IdError>,
) -> Result<T, QueryError> {
    parse(text).map_err(|error| QueryError::Value {
        parameter: parameter.to_owned(),
        why: error.to_string(),
    })
}

fn read_interaction(text: &str) -> Result<Interaction, QueryError> {
    if text.trim().is_empty() {
        return Err(QueryError::Value {
            parameter: IDENTIFIER.to_owned(),
            why: "interaction is empty".to_owned(),
        });
    }
    named_interaction(text).ok_or_else(|| QueryError::ForeignInteraction {
        interaction: crate::fhir::shortened(text),
    })
}

/// The interaction of GP2GP that SDS names so.
pub(super) fn named_interaction(text: &str) -> Option<Interaction> {
    let id = text.strip_prefix(SERVICE)?.strip_prefix(':')?;
    Interaction::from_id(id)
}
