//! The first words with a party: what it is, and whether it knows what it does not know.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use gp2gp_model::Capability;
use gp2gp_model::control::{CONTRACT, Claims, Command, Reply};
use gp2gp_model::plan::Role;
use gp2gp_model::report::{Mishap, MishapKind};

use super::control::Control;
use super::mishap_of;

/// What is known of a party before it was asked.
#[derive(Debug, Clone, Default)]
pub struct Described {
    /// In reports.
    pub name: String,
    /// What it is to be attached as; none: everything that it can be.
    pub roles: BTreeSet<Role>,
    /// What it claims to be able to do; `None`: what it says itself, or everything, if it says nothing.
    pub capabilities: Option<BTreeSet<Capability>>,
}

/// Asks a party what it claims, and a thing that nobody can know.
pub async fn meet(control: &mut dyn Control, described: &Described) -> Result<Claims, Mishap> {
    let mishap = |error| mishap_of(&described.name, &error);
    let claims = match control.call(&Command::Capabilities).await {
        Ok(Reply::Capabilities(claims)) => checked(claims, described)?,
        Err(error) if error.is_not_supported() => silent(described),
        Ok(_) => silent(described),
        Err(error) => return Err(mishap(error)),
    };
    probe(control, described).await?;
    Ok(claims)
}

/// A system that carries out a verb of no meaning accepts everything, and proves nothing.
async fn probe(control: &mut dyn Control, described: &Described) -> Result<(), Mishap> {
    let verb = meaningless();
    let command = Command::Probe { verb: verb.clone() };
    match control.call(&command).await {
        Err(error) if error.is_not_supported() => Ok(()),
        Err(error) if error.is_gone() => Err(mishap_of(&described.name, &error)),
        Ok(_) | Err(_) => Err(violation(
            described,
            format!("it does not refuse `{verb}`, a verb of no meaning, as not supported"),
        )),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the verb must not be known beforehand, and decides nothing in a run"
)]
fn meaningless() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = since.map_or(0, |since| since.subsec_nanos());
    format!("probe-{:08x}", nanos ^ std::process::id().rotate_left(16))
}

fn checked(claims: Claims, described: &Described) -> Result<Claims, Mishap> {
    if claims.contract != CONTRACT {
        return Err(violation(
            described,
            format!(
                "it speaks the contract `{}`, and this suite speaks `{CONTRACT}`",
                claims.contract
            ),
        ));
    }
    let missing = described.roles.difference(&claims.roles).next();
    if let Some(role) = missing {
        return Err(violation(
            described,
            format!("it is to be attached as {role}, and says that it is not"),
        ));
    }
    let roles = match described.roles.is_empty() {
        true => claims.roles,
        false => described.roles.clone(),
    };
    Ok(Claims {
        roles,
        capabilities: described
            .capabilities
            .clone()
            .unwrap_or(claims.capabilities),
        ..claims
    })
}

/// What is taken for the claims of a system that says nothing.
fn silent(described: &Described) -> Claims {
    Claims {
        contract: CONTRACT.to_owned(),
        name: described.name.clone(),
        version: String::new(),
        roles: described.roles.clone(),
        capabilities: (described.capabilities.clone()).unwrap_or_else(|| Capability::ALL.into()),
        versions: BTreeSet::new(),
        verbs: BTreeSet::new(),
        reads_plans: false,
    }
}

fn violation(described: &Described, what: String) -> Mishap {
    Mishap {
        kind: MishapKind::ContractViolated,
        system: described.name.clone(),
        what,
        log: Vec::new(),
    }
}
