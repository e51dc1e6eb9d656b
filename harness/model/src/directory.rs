//! What SDS says: which practice has which addresses, and under which contract it takes messages.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Asid, CpaId, Interaction, OdsCode, PartyKey};

/// A practice with one GP2GP system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Practice {
    /// Organisation code.
    pub ods: OdsCode,
    /// Address for HL7.
    pub asid: Asid,
    /// Address for ebXML.
    pub party_key: PartyKey,
    /// What SDS lists its system for, in either direction.
    pub interactions: BTreeSet<Interaction>,
}

impl Practice {
    /// Whether its system takes large messages: only SDS says so, by the COPC interaction (TD53.4).
    pub fn large_messaging(&self) -> bool {
        self.interactions.contains(&Interaction::Copc)
    }
}

/// Reliability values of one (practice, interaction), from SDS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// Whose contract: the recipient.
    pub party_key: PartyKey,
    /// For which interaction.
    pub interaction: Interaction,
    /// Contract id.
    pub cpa_id: CpaId,
    /// How often a failed send is repeated.
    pub retries: u32,
    /// Pause between repeats.
    #[serde(with = "crate::time::seconds")]
    pub retry_interval: Duration,
    /// How long a message may take to arrive.
    #[serde(with = "crate::time::seconds")]
    pub persist_duration: Duration,
}

/// The directory of one run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Directory {
    /// Every practice.
    pub practices: Vec<Practice>,
    /// Practices that a search by organisation code does not find, though Spine reaches them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlisted: Vec<Practice>,
    /// Every contract.
    pub contracts: Vec<Contract>,
    /// Practices that keep their records in one database with others. SDS does not say so; the
    /// systems of these practices know it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared_databases: Vec<Vec<OdsCode>>,
    /// Practices whose requests Spine's safe exchange framework lets not through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked: Vec<PartyKey>,
}

impl Directory {
    /// The practice with this organisation code.
    pub fn practice(&self, ods: &OdsCode) -> Option<&Practice> {
        self.practices.iter().find(|practice| practice.ods == *ods)
    }

    /// Every entry for this organisation code: exactly one is an address (TD12).
    pub fn entries(&self, ods: &OdsCode) -> impl Iterator<Item = &Practice> {
        self.practices
            .iter()
            .filter(move |practice| practice.ods == *ods)
    }

    /// Whether two practices keep their records in one database, so that a move between them is
    /// an internal transfer (S268).
    pub fn share_a_database(&self, one: &OdsCode, other: &OdsCode) -> bool {
        self.shared_databases
            .iter()
            .any(|practices| practices.contains(one) && practices.contains(other))
    }

    /// The practice with this ASID, listed or not.
    pub fn by_asid(&self, asid: &Asid) -> Option<&Practice> {
        self.reached().find(|practice| practice.asid == *asid)
    }

    /// The practice with this party key, listed or not.
    pub fn by_party(&self, party_key: &PartyKey) -> Option<&Practice> {
        self.reached()
            .find(|practice| practice.party_key == *party_key)
    }

    /// Takes in what SDS says of a practice, in place of what was known of it.
    pub fn learn(&mut self, practice: Practice, contracts: Vec<Contract>) {
        self.practices.retain(|known| known.ods != practice.ods);
        (self.contracts).retain(|known| known.party_key != practice.party_key);
        self.practices.push(practice);
        self.contracts.extend(contracts);
    }

    /// Takes in a contract, in place of what was known of it.
    pub fn learn_contract(&mut self, contract: Contract) {
        self.contracts.retain(|known| {
            known.party_key != contract.party_key || known.interaction != contract.interaction
        });
        self.contracts.push(contract);
    }

    fn reached(&self) -> impl Iterator<Item = &Practice> {
        self.practices.iter().chain(&self.unlisted)
    }

    /// The contract under which this party takes this interaction.
    pub fn contract(&self, party_key: &PartyKey, interaction: Interaction) -> Option<&Contract> {
        self.contracts.iter().find(|contract| {
            contract.party_key == *party_key && contract.interaction == interaction
        })
    }
}
