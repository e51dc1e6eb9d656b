//! Before and after a run: what a party is told that it is, and that it forgets it again.

use std::collections::{BTreeMap, BTreeSet};

use gp2gp_mocks::cast::{self, NoSuchPractice};
use gp2gp_mocks::fhir::api_key;
use gp2gp_mocks::serve::Base;
use gp2gp_model::NhsNumber;
use gp2gp_model::control::{
    ClockRate, Command, LogLines, PlanText, PracticeSetting, Prepared, Reply, Setting,
    SystemSetting, Verb, Whom,
};
use gp2gp_model::plan::{PatientPlan, Plan, Role};
use gp2gp_model::report::{Mishap, MishapKind};
use gp2gp_model::trace::Endpoint;

use super::{Party, mishap_of};

/// Why a party is not prepared.
pub(crate) enum Unprepared {
    /// It is not as it should be.
    Mishap(Mishap),
    /// The plan contradicts its own directory.
    Plan(NoSuchPractice),
}

impl From<Mishap> for Unprepared {
    fn from(mishap: Mishap) -> Self {
        Self::Mishap(mishap)
    }
}

impl From<NoSuchPractice> for Unprepared {
    fn from(error: NoSuchPractice) -> Self {
        Self::Plan(error)
    }
}

/// What a party said when it was prepared.
pub(crate) struct Told(Prepared);

/// Tells a party what it is in a run. One that knows no `prepare` is as it is.
pub(crate) async fn prepare(
    party: &mut Party,
    plan: &Plan,
    rate: u32,
    services: &dyn Fn(Endpoint) -> BTreeMap<String, String>,
) -> Result<Told, Unprepared> {
    if !party.has(Verb::Prepare) {
        return Ok(Told(Prepared::default()));
    }
    let setting = setting(party, plan, rate, services)?;
    let command = Command::Prepare(Box::new(setting));
    match party.control.call(&command).await {
        Ok(Reply::Prepared(prepared)) => Ok(Told(prepared)),
        Ok(_) => Ok(Told(Prepared::default())),
        Err(error) => {
            let mut mishap = mishap_of(&party.name, &error);
            mishap.log = last_lines(party).await;
            Err(mishap.into())
        }
    }
}

impl Told {
    /// Where a system of the party takes what is sent to it.
    pub(crate) fn base(&self, party: &Party, system: Endpoint) -> Result<Base, Mishap> {
        let name = system.key();
        let wrong = |what: String| Mishap {
            kind: MishapKind::ContractViolated,
            system: party.name.clone(),
            what,
            log: Vec::new(),
        };
        let Some(told) = self.0.addresses.get(name) else {
            return party.wire.get(&system).cloned().ok_or_else(|| {
                wrong(format!(
                    "nobody knows where {name} takes messages: neither sut.toml (environment.wire) nor the answer to `prepare` says so"
                ))
            });
        };
        told.parse().map_err(|error| {
            wrong(format!(
                "the answer to `prepare` has an address of {name} that is none: {error}"
            ))
        })
    }
}

fn setting(
    party: &Party,
    plan: &Plan,
    rate: u32,
    services: &dyn Fn(Endpoint) -> BTreeMap<String, String>,
) -> Result<Setting, NoSuchPractice> {
    let mut systems = Vec::new();
    for system in party.plays(plan) {
        systems.push(SystemSetting {
            system,
            practice: practice(plan, system)?,
            services: services(system),
            api_key: api_key(role(system)).to_owned(),
            patients: patients(plan, system),
            awaits: awaits(plan, system),
        });
    }
    let plan_text = party.claims.reads_plans.then(|| PlanText {
        scenario: plan.scenario.to_string(),
        file: plan.file.to_string(),
        text: plan.text.to_string(),
        seed: plan.seed,
        terms: plan.terms.clone(),
    });
    Ok(Setting {
        run: format!("{}#{}", plan.scenario, plan.seed),
        clock: ClockRate {
            now: plan.starts_at,
            rate,
        },
        systems,
        plan: plan_text,
    })
}

fn practice(plan: &Plan, system: Endpoint) -> Result<PracticeSetting, NoSuchPractice> {
    let role = role(system);
    let side = match role {
        Role::Requesting => &plan.requesting,
        Role::Sending | Role::Exporting | Role::Hub => &plan.sending,
    };
    let practice = cast::identity(plan, role)?.practice;
    Ok(PracticeSetting {
        ods: practice.ods,
        asid: practice.asid,
        party_key: practice.party_key,
        version: side.version,
        enabled: side.enabled,
        attachment_bytes: side.attachment_threshold,
        message_bytes: side.message_limit,
        cleanup: side.cleanup,
        shares_database_with: match role {
            Role::Requesting => cast::shared_with(plan),
            Role::Sending | Role::Exporting | Role::Hub => Vec::new(),
        },
        era: plan.registry.era,
    })
}

/// What a system is; whatever belongs to an export or a federation is at the old practice.
fn role(system: Endpoint) -> Role {
    system.role().unwrap_or(Role::Exporting)
}

/// Whose records a system has before the run.
fn patients(plan: &Plan, system: Endpoint) -> BTreeSet<NhsNumber> {
    let is_there = |patient: &&PatientPlan| match role(system) {
        Role::Requesting => patient.returning,
        Role::Sending | Role::Exporting | Role::Hub => patient.held,
    };
    let there = plan.patients.iter().filter(is_there);
    there.map(|patient| patient.nhs_number).collect()
}

/// Of whose records it still awaits what was before it, as only the old practice of a plan does.
fn awaits(plan: &Plan, system: Endpoint) -> BTreeSet<NhsNumber> {
    let is_awaited = |patient: &&PatientPlan| match role(system) {
        Role::Requesting => false,
        Role::Sending | Role::Exporting | Role::Hub => patient.awaited_from.is_some(),
    };
    let awaited = plan.patients.iter().filter(is_awaited);
    awaited.map(|patient| patient.nhs_number).collect()
}

/// Lets a party forget a run in which it was these systems. Gives what is wrong with that.
pub(crate) async fn forget(party: &mut Party, systems: &[Endpoint]) -> Option<Mishap> {
    if !party.has(Verb::Reset) {
        return None;
    }
    if let Err(error) = party.control.call(&Command::Reset).await {
        return Some(mishap_of(&party.name, &error));
    }
    let asked = if party.has(Verb::Observe) {
        systems
    } else {
        &[]
    };
    for system in asked.iter().copied() {
        // One that is nobody any more may well refuse to say what it knows.
        let command = Command::Observe(Whom { system });
        let Ok(Reply::Observed(observed)) = party.control.call(&command).await else {
            continue;
        };
        if let Some(left) = observed.observations.first() {
            return Some(Mishap {
                kind: MishapKind::Residue,
                system: party.name.clone(),
                what: format!("{system} still knows after it was told to forget the run: {left:?}"),
                log: Vec::new(),
            });
        }
    }
    None
}

/// The last lines of its log, if it gives them.
pub(crate) async fn last_lines(party: &mut Party) -> Vec<String> {
    const LINES: u32 = 20;
    if !party.has(Verb::Logs) {
        return Vec::new();
    }
    match party
        .control
        .call(&Command::Logs(LogLines { lines: LINES }))
        .await
    {
        Ok(Reply::Log(log)) => log.lines,
        Ok(_) | Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_old_practice_is_told_that_it_still_awaits_a_record() {
        let catalogue = gp2gp_scenarios::catalogue().unwrap();
        let plan_of = |id: &str| {
            let sources = gp2gp_scenarios::builtin();
            let source = sources.iter().find(|source| source.id.as_str() == id);
            let scenarios = gp2gp_scenarios::parse(source.unwrap()).unwrap();
            gp2gp_scenarios::lower(&scenarios[0], &catalogue, None).unwrap()
        };
        let plan = plan_of("directory/moved-on-without-a-record");
        let patients: BTreeSet<NhsNumber> = plan.patients.iter().map(|it| it.nhs_number).collect();
        assert!(!patients.is_empty());
        assert_eq!(awaits(&plan, Endpoint::Sending), patients);
        assert_eq!(awaits(&plan, Endpoint::Requesting), BTreeSet::new());
        let usual = plan_of("transfer/small-record");
        assert_eq!(awaits(&usual, Endpoint::Sending), BTreeSet::new());
    }
}
