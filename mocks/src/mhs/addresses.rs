//! Finds the system of a practice through SDS, and the contracts under which it takes messages: one
//! query for its systems, one for their contracts (TD12).

use gp2gp_model::directory::{Contract, Practice};
use gp2gp_model::{Interaction, OdsCode, PartyKey, ResponseCode};
use gp2gp_wire::sds::{Device, Query};

use super::national::{self, Answer, Failure};

/// A lookup under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressLookup {
    practice: OdsCode,
    party_key: Option<PartyKey>,
    /// What its system has to be for, the best first.
    wanted: Vec<Interaction>,
    /// A broken system takes the first of several.
    takes_any: bool,
    step: Step,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// For the interaction at this place.
    Systems(usize),
    Contracts(Device),
}

/// Where a practice is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its only system, and what it is for.
    pub practice: Practice,
    /// Its contracts.
    pub contracts: Vec<Contract>,
}

/// Why there is no address: valid is exactly one (TD12).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAddress {
    /// There is no GP2GP there.
    #[error("sds has 0 entries for {practice}")]
    Nowhere {
        /// Whose.
        practice: OdsCode,
    },
    /// To take one of them would be a guess.
    #[error("24: sds has {entries} entries for {practice}")]
    Several {
        /// Whose.
        practice: OdsCode,
        /// How many.
        entries: usize,
    },
    /// SDS did not say.
    #[error("20: sds, asked for {practice}: {failure}")]
    Failed {
        /// Whose.
        practice: OdsCode,
        /// Why.
        failure: Failure,
    },
}

impl NoAddress {
    /// The code with which a sending system refuses a requester without an address (TD53).
    pub fn code(&self) -> ResponseCode {
        match self {
            Self::Nowhere { .. } | Self::Several { .. } => ResponseCode::from("24"),
            Self::Failed { .. } => ResponseCode::from("20"),
        }
    }
}

impl AddressLookup {
    /// Of a practice's system that is for one of these interactions.
    pub fn new(practice: OdsCode, wanted: Vec<Interaction>) -> Self {
        Self {
            practice,
            party_key: None,
            wanted,
            takes_any: false,
            step: Step::Systems(0),
        }
    }

    /// The same, of a system behind this message handling server.
    #[must_use]
    pub fn behind(self, party_key: PartyKey) -> Self {
        Self {
            party_key: Some(party_key),
            ..self
        }
    }

    /// The same by a system that takes the first of several.
    #[must_use]
    pub(crate) fn taking_any(self, takes_any: bool) -> Self {
        Self { takes_any, ..self }
    }

    /// What to ask now.
    pub fn query(&self) -> Query {
        match &self.step {
            Step::Systems(at) => Query::Device {
                organisation: self.practice.clone(),
                interaction: (self.wanted.get(*at).copied())
                    .unwrap_or(Interaction::Acknowledgement),
                party_key: self.party_key.clone(),
                manufacturer: None,
            },
            Step::Contracts(device) => Query::Endpoint {
                organisation: Some(self.practice.clone()),
                interaction: None,
                party_key: Some(device.party_key.clone()),
            },
        }
    }

    /// Takes the answer: `None` means that there is more to ask.
    pub fn take(&mut self, answer: Answer) -> Option<Result<Found, NoAddress>> {
        match &self.step {
            Step::Systems(at) => {
                let at = *at;
                match national::devices(answer) {
                    Ok(devices) => self.choose(at, devices).map(Err),
                    Err(failure) => Some(Err(self.failed(failure))),
                }
            }
            Step::Contracts(device) => Some(match national::endpoints(answer) {
                Ok(entries) => Ok(self.found(&device.clone(), &entries)),
                Err(failure) => Err(self.failed(failure)),
            }),
        }
    }

    fn choose(&mut self, at: usize, devices: Vec<Device>) -> Option<NoAddress> {
        let entries = devices.len();
        let practice = || self.practice.clone();
        match devices.into_iter().next() {
            Some(device) if entries == 1 || self.takes_any => {
                self.step = Step::Contracts(device);
                None
            }
            Some(_) => Some(NoAddress::Several {
                practice: practice(),
                entries,
            }),
            None if at + 1 < self.wanted.len() => {
                self.step = Step::Systems(at + 1);
                None
            }
            None => Some(NoAddress::Nowhere {
                practice: practice(),
            }),
        }
    }

    fn found(&self, device: &Device, entries: &[gp2gp_wire::sds::EndpointEntry]) -> Found {
        let of_device = entries.iter().filter(|it| it.party_key == device.party_key);
        let contracts: Vec<Contract> = of_device
            .filter_map(|entry| Some(entry.contract(entry.interaction?)))
            .collect();
        Found {
            practice: Practice {
                ods: self.practice.clone(),
                asid: device.asid.clone(),
                party_key: device.party_key.clone(),
                interactions: contracts.iter().map(|it| it.interaction).collect(),
            },
            contracts,
        }
    }

    fn failed(&self, failure: Failure) -> NoAddress {
        NoAddress::Failed {
            practice: self.practice.clone(),
            failure,
        }
    }
}
