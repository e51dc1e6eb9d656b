//! What is found.

use gp2gp_model::directory::{Contract, Directory, Practice};
use gp2gp_model::registry::{PooledList, Registry};
use gp2gp_model::{GpCode, MhsId, OdsCode};
use gp2gp_wire::registry::{Organisation, Pooled, Role};
use gp2gp_wire::sds::{
    Actor, Device, EndpointEntry, Occurrence, Query, Reliability, SyncReplyMode,
};

use crate::spine;

/// Supplier of every system here: the harness.
pub const MANUFACTURER: &str = "Z99YY";

/// Where messages to any practice are posted: to Spine, which forwards them.
pub fn address() -> String {
    format!("https://{SPINE}{}", spine::PATH)
}

const SPINE: &str = "spine.invalid";

/// The systems that a search finds.
pub(super) fn devices(directory: &Directory, query: &Query) -> Vec<Device> {
    let Query::Device {
        organisation,
        interaction,
        party_key,
        manufacturer,
    } = query
    else {
        return Vec::new();
    };
    let is_of_supplier = (manufacturer.as_ref()).is_none_or(|ods| ods.as_str() == MANUFACTURER);
    (directory.entries(organisation))
        .filter(|practice| is_of_supplier && practice.interactions.contains(interaction))
        .filter(|practice| {
            party_key
                .as_ref()
                .is_none_or(|key| *key == practice.party_key)
        })
        .map(|practice| Device {
            ods: Some(practice.ods.clone()),
            asid: practice.asid.clone(),
            party_key: practice.party_key.clone(),
        })
        .collect()
}

/// The addresses and contracts that a search finds.
pub(super) fn endpoints(directory: &Directory, query: &Query) -> Vec<EndpointEntry> {
    let Query::Endpoint {
        organisation,
        interaction,
        party_key,
    } = query
    else {
        return Vec::new();
    };
    let practices: Vec<&Practice> = match organisation {
        Some(ods) => directory.entries(ods).collect(),
        None => (directory.practices.iter())
            .chain(&directory.unlisted)
            .collect(),
    };
    let is_wanted = |contract: &&Contract, practice: &Practice| {
        contract.party_key == practice.party_key
            && practice.interactions.contains(&contract.interaction)
            && interaction.is_none_or(|wanted| wanted == contract.interaction)
    };
    (practices.into_iter())
        .filter(|practice| {
            party_key
                .as_ref()
                .is_none_or(|key| *key == practice.party_key)
        })
        .flat_map(|practice| {
            (directory.contracts.iter())
                .filter(move |contract| is_wanted(contract, practice))
                .filter_map(|contract| entry(practice, contract))
        })
        .collect()
}

fn entry(practice: &Practice, contract: &Contract) -> Option<EndpointEntry> {
    Some(EndpointEntry {
        ods: Some(practice.ods.clone()),
        address: address(),
        fqdn: format!(
            "{}.invalid",
            practice.party_key.as_str().to_ascii_lowercase()
        ),
        party_key: practice.party_key.clone(),
        cpa_id: contract.cpa_id.clone(),
        mhs_id: MhsId::parse(&format!("M-{}", contract.cpa_id)).ok()?,
        interaction: Some(contract.interaction),
        reliability: Reliability {
            persist_duration: contract.persist_duration,
            retries: contract.retries,
            retry_interval: contract.retry_interval,
            ack_requested: Occurrence::Always,
            duplicate_elimination: Occurrence::Always,
            sync_reply_mode: SyncReplyMode::None,
            actor: Actor::NextMsh,
        },
    })
}

pub(super) fn organisation(registry: &Registry, ods: &OdsCode) -> Option<Organisation> {
    let organisation = registry.organisation(ods)?;
    Some(Organisation {
        ods: organisation.ods.clone(),
        name: organisation.name.clone(),
        pooled: registry.pooled_list(ods).map(pooled),
    })
}

pub(super) fn roles(registry: &Registry, gp: GpCode) -> Vec<Role> {
    (registry.links_of(gp))
        .map(|link| Role {
            gp: link.gp,
            practice: link.practice.clone(),
            from: link.from,
            until: link.until,
            pooled: registry.pooled_list(&link.practice).map(pooled),
        })
        .collect()
}

const fn pooled(list: &PooledList) -> Pooled {
    Pooled {
        reason: list.reason,
        dealt_with: list.dealt_with,
    }
}
