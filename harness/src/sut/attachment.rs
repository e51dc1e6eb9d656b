//! Systems under test, attached: what a run needs to know of them, and how it plays with them.

use std::io;
use std::sync::{Mutex, PoisonError};

use gp2gp_model::control::Verb;
use gp2gp_model::plan::{Plan, Role};
use gp2gp_model::report::Mishap;
use gp2gp_model::trace::{Endpoint, TimeMode};
use gp2gp_model::{Capability, Version};
use tokio::runtime::Runtime;

use super::Party;
use crate::bodies::BodyStore;
use crate::driver::{self, DriverError};
use crate::run::Traced;

/// One system under test, or two against each other.
pub struct Attachment {
    name: String,
    asked_as: String,
    roles: Vec<Role>,
    time_mode: TimeMode,
    held: Mutex<Held>,
}

struct Held {
    runtime: Runtime,
    parties: Vec<Party>,
}

impl Attachment {
    /// Parties whose control lives in this runtime. `asked_as` is how a person attaches them again.
    pub fn new(runtime: Runtime, parties: Vec<Party>, asked_as: String) -> Self {
        let names: Vec<&str> = parties.iter().map(|party| party.name.as_str()).collect();
        let mut roles: Vec<Role> = (parties.iter())
            .flat_map(|party| party.claims.roles.iter().copied())
            .collect();
        roles.sort_unstable();
        roles.dedup();
        let has_clock = |party: &Party| party.has(Verb::Clock);
        Self {
            name: names.join(" with "),
            asked_as,
            roles,
            time_mode: match parties.iter().all(has_clock) {
                true => TimeMode::Compressed,
                false => TimeMode::Wall,
            },
            held: Mutex::new(Held { runtime, parties }),
        }
    }

    /// A runtime for the sockets and processes of parties.
    pub fn runtime() -> io::Result<Runtime> {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
    }

    /// Names of the parties.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What follows `--sut` on the command line.
    pub fn asked_as(&self) -> &str {
        &self.asked_as
    }

    /// Roles that they have, in order.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// How time passes for them.
    pub const fn time_mode(&self) -> TimeMode {
        self.time_mode
    }

    /// Capabilities that a party does not claim.
    pub fn not_claimed(&self) -> Vec<Capability> {
        self.with(|held| {
            let claimed_by_all = |capability: &Capability| {
                let mut parties = held.parties.iter();
                parties.all(|party| party.claims.capabilities.contains(capability))
            };
            let all = Capability::ALL.into_iter();
            all.filter(|capability| !claimed_by_all(capability))
                .collect()
        })
    }

    /// The version as which a plan needs a party, and which that party does not claim.
    pub fn cannot_be(&self, plan: &Plan) -> Option<Version> {
        self.with(|held| held.parties.iter().find_map(|party| cannot_be(party, plan)))
    }

    /// Why a plan cannot be run with them, whatever they do.
    pub fn cannot_run(&self, plan: &Plan) -> Option<String> {
        self.with(|held| held.parties.iter().find_map(|party| party.cannot_run(plan)))
    }

    /// Runs a plan to its end.
    pub fn play(
        &self,
        plan: &Plan,
        bodies: BodyStore,
    ) -> Result<(Traced, Option<Mishap>), DriverError> {
        self.with(|Held { runtime, parties }| {
            let name = self.name.clone();
            let run = driver::run_attached(plan, name, self.time_mode, parties, bodies);
            runtime.block_on(run)
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Held) -> T) -> T {
        work(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn cannot_be(party: &Party, plan: &Plan) -> Option<Version> {
    let versions = party
        .plays(plan)
        .into_iter()
        .filter_map(|system| match system {
            Endpoint::Requesting => Some(plan.requesting.version),
            Endpoint::Sending => Some(plan.sending.version),
            Endpoint::Spine
            | Endpoint::Store
            | Endpoint::Sds
            | Endpoint::Pds
            | Endpoint::Office
            | Endpoint::Desk
            | Endpoint::Board
            | Endpoint::ClearingHouse
            | Endpoint::Importing
            | Endpoint::Hub
            | Endpoint::Clinic
            | Endpoint::Mailbox => None,
        });
    let claimed = &party.claims.versions;
    versions
        .into_iter()
        .find(|version| !claimed.contains(version) && !(claimed.is_empty() && version.is_usual()))
}
