//! Contracts: where and how messages of an interaction are taken.

use std::time::Duration;

use gp2gp_model::directory::Contract;
use gp2gp_model::{CpaId, Interaction, MhsId, OdsCode, PartyKey};
use serde_json::{Value, json};

use super::interaction_urn;
use super::query::named_interaction;
use crate::fhir::{
    FhirError, Field, extension, identifier, is_of, iso8601, matches, parse_iso8601, searchset,
    system,
};

/// An entry of a message handling server for one interaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointEntry {
    /// Whose, if it says so.
    pub ods: Option<OdsCode>,
    /// Where messages go.
    pub address: String,
    /// Domain name of the message handling server.
    pub fqdn: String,
    /// The message handling server.
    pub party_key: PartyKey,
    /// The contract.
    pub cpa_id: CpaId,
    /// The entry itself.
    pub mhs_id: MhsId,
    /// For which interaction of GP2GP, if it says so.
    pub interaction: Option<Interaction>,
    /// How messages are sent reliably.
    pub reliability: Reliability,
}

/// How messages are sent reliably.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reliability {
    /// How long a message may take to arrive (`nhsMHSPersistDuration`).
    pub persist_duration: Duration,
    /// How often a failed send is repeated (`nhsMHSRetries`).
    pub retries: u32,
    /// Pause between repeats (`nhsMHSRetryInterval`).
    pub retry_interval: Duration,
    /// Whether an ebXML acknowledgement is asked for (`nhsMHSAckRequested`).
    pub ack_requested: Occurrence,
    /// Whether duplicates are sorted out (`nhsMHSDuplicateElimination`).
    pub duplicate_elimination: Occurrence,
    /// What may come back in the HTTP answer (`nhsMHSSyncReplyMode`).
    pub sync_reply_mode: SyncReplyMode,
    /// Who acknowledges (`nhsMHSActor`).
    pub actor: Actor,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$of])* $variant,)*
        }

        impl $name {
            /// All.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word in SDS.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            fn read(text: &str) -> Result<Self, String> {
                let found = Self::ALL.iter().find(|it| it.word().eq_ignore_ascii_case(text.trim()));
                found.copied().ok_or_else(|| {
                    let words: Vec<_> = Self::ALL.iter().map(|it| it.word()).collect();
                    format!("`{}` is none of {}", crate::fhir::shortened(text), words.join(", "))
                })
            }
        }
    };
}

words!(
    /// When something is done.
    Occurrence {
        /// With every message.
        Always = "always",
        /// With none.
        Never = "never",
        /// As each message says.
        PerMessage = "perMessage",
    }
);
words!(
    /// What may come back in the answer to a post.
    SyncReplyMode {
        /// Acknowledgements and errors of the message handling server.
        MshSignalsOnly = "MSHSignalsOnly",
        /// Acknowledgements of either layer.
        SignalsOnly = "SignalsOnly",
        /// The response of the application.
        ResponseOnly = "ResponseOnly",
        /// Both.
        SignalsAndResponse = "SignalsAndResponse",
        /// Nothing.
        None = "None",
    }
);
words!(
    /// Who acknowledges a message.
    Actor {
        /// The recipient.
        ToParty = "urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH",
        /// The next message handling server on the way.
        NextMsh = "urn:oasis:names:tc:ebxml-msg:actor:nextMSH",
    }
);

const ENDPOINT: &str = "Endpoint";
const RELIABILITY: &str = "Extension-SDS-ReliabilityConfiguration";
const STRUCTURES: &str = "https://fhir.nhs.uk/StructureDefinition";

/// The answer that holds these entries.
pub fn write_endpoints(entries: &[EndpointEntry]) -> Value {
    let resources: Vec<Value> = entries.iter().map(EndpointEntry::to_json).collect();
    searchset(&resources)
}

/// Reads an answer. Every entry has to be whole: one that says nothing of its reliability cannot be
/// sent to.
pub fn endpoints(body: &[u8]) -> Result<Vec<EndpointEntry>, FhirError> {
    matches(ENDPOINT, body)?
        .iter()
        .map(EndpointEntry::read)
        .collect()
}

impl EndpointEntry {
    /// The contract for an interaction, which need not be named in the entry: whoever asked for one
    /// knows which.
    pub fn contract(&self, interaction: Interaction) -> Contract {
        Contract {
            party_key: self.party_key.clone(),
            interaction,
            cpa_id: self.cpa_id.clone(),
            retries: self.reliability.retries,
            retry_interval: self.reliability.retry_interval,
            persist_duration: self.reliability.persist_duration,
        }
    }

    fn to_json(&self) -> Value {
        let mut identifiers = vec![
            json!({ "system": system::FQDN, "value": self.fqdn }),
            json!({ "system": system::PARTY_KEY, "value": self.party_key.as_str() }),
            json!({ "system": system::CPA_ID, "value": self.cpa_id.as_str() }),
            json!({ "system": system::MHS_ID, "value": self.mhs_id.as_str() }),
        ];
        if let Some(interaction) = self.interaction {
            let urn = interaction_urn(interaction);
            identifiers.push(json!({ "system": system::INTERACTION, "value": urn }));
        }
        let mut endpoint = json!({
            "resourceType": ENDPOINT,
            "id": self.mhs_id.as_str(),
            "extension": [self.reliability.to_json()],
            "identifier": identifiers,
            "status": "active",
            "connectionType": {
                "system": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type",
                "code": "hl7-fhir-msg",
            },
            "payloadType": [{ "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/endpoint-payload-type",
                "code": "any",
            }]}],
            "address": self.address,
        });
        if let Some(ods) = &self.ods {
            endpoint["managingOrganization"] =
                json!({ "identifier": { "system": system::ODS, "value": ods.as_str() } });
        }
        endpoint
    }

    fn read(endpoint: &Value) -> Result<Self, FhirError> {
        let organisation = &endpoint["managingOrganization"]["identifier"];
        let ods = is_of(organisation, system::ODS).then(|| organisation["value"].as_str());
        let named = |system| identifier(endpoint, system);
        Ok(Self {
            ods: ods
                .map(|text| field("managingOrganization").read(text, OdsCode::parse))
                .transpose()?,
            address: field("address").read(endpoint["address"].as_str(), filled)?,
            fqdn: field("nhsMhsFQDN").read(named(system::FQDN), filled)?,
            party_key: field("nhsMhsPartyKey").read(named(system::PARTY_KEY), PartyKey::parse)?,
            cpa_id: field("nhsMhsCPAId").read(named(system::CPA_ID), CpaId::parse)?,
            mhs_id: field("nhsMHSId").read(named(system::MHS_ID), MhsId::parse)?,
            interaction: named(system::INTERACTION).and_then(named_interaction),
            reliability: Reliability::read(endpoint)?,
        })
    }
}

impl Reliability {
    fn to_json(&self) -> Value {
        let text = |url: &str, value: &str| json!({ "url": url, "valueString": value });
        json!({
            "url": format!("{STRUCTURES}/{RELIABILITY}"),
            "extension": [
                text("nhsMHSSyncReplyMode", self.sync_reply_mode.word()),
                text("nhsMHSRetryInterval", &iso8601(self.retry_interval)),
                { "url": "nhsMHSRetries", "valueInteger": self.retries },
                text("nhsMHSPersistDuration", &iso8601(self.persist_duration)),
                text("nhsMHSDuplicateElimination", self.duplicate_elimination.word()),
                text("nhsMHSAckRequested", self.ack_requested.word()),
                text("nhsMHSActor", self.actor.word()),
            ],
        })
    }

    fn read(endpoint: &Value) -> Result<Self, FhirError> {
        let configuration = extension(endpoint, RELIABILITY).ok_or(FhirError::Missing {
            resource: ENDPOINT,
            what: RELIABILITY,
        })?;
        let text = |name| {
            let value = extension(configuration, name);
            value.and_then(|value| value["valueString"].as_str())
        };
        let retries = extension(configuration, "nhsMHSRetries").ok_or(FhirError::Missing {
            resource: ENDPOINT,
            what: "nhsMHSRetries",
        })?;
        let retries = (retries["valueInteger"].as_u64())
            .and_then(|count| u32::try_from(count).ok())
            .ok_or_else(|| field("nhsMHSRetries").wrong("it is no valueInteger of 0 or more"))?;
        Ok(Self {
            retries,
            persist_duration: field("nhsMHSPersistDuration")
                .read(text("nhsMHSPersistDuration"), parse_iso8601)?,
            retry_interval: field("nhsMHSRetryInterval")
                .read(text("nhsMHSRetryInterval"), parse_iso8601)?,
            ack_requested: field("nhsMHSAckRequested")
                .read(text("nhsMHSAckRequested"), Occurrence::read)?,
            duplicate_elimination: field("nhsMHSDuplicateElimination")
                .read(text("nhsMHSDuplicateElimination"), Occurrence::read)?,
            sync_reply_mode: field("nhsMHSSyncReplyMode")
                .read(text("nhsMHSSyncReplyMode"), SyncReplyMode::read)?,
            actor: field("nhsMHSActor").read(text("nhsMHSActor"), Actor::read)?,
        })
    }
}

const fn field(what: &'static str) -> Field {
    Field {
        resource: ENDPOINT,
        what,
    }
}

fn filled(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => Err("it is empty"),
        text => Ok(text.to_owned()),
    }
}
