//! Systems under test, attached: what a run needs to know of them, and how it plays with them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gp2gp_model::control::{Command, Level, Verb};
use gp2gp_model::plan::{Plan, Role};
use gp2gp_model::report::{Excused, Mishap, MishapKind};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::trace::{Endpoint, TimeMode};
use gp2gp_model::{Capability, Version};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::behind::{self, HANDLER_WRITES};
use super::config::{self, Exemption};
use super::control::NoControl;
use super::{OpenError, Party, mishap_of, open, wall};
use crate::bodies::BodyStore;
use crate::driver::{self, Attached, DriverError};
use crate::replay::Part;

/// One system under test, or two against each other.
pub struct Attachment {
    name: String,
    asked_as: String,
    roles: Vec<Role>,
    time_mode: TimeMode,
    begins_now: bool,
    exempt: Vec<Exemption>,
    /// Roles whose messages a handler of ours writes.
    behind_handler: BTreeSet<Role>,
    held: Mutex<Held>,
}

struct Held {
    runtime: Runtime,
    parties: Vec<Party>,
    /// Scenarios in a row in which a party was gone.
    lost: u32,
}

/// So many scenarios in a row are tried with a system that is gone; the rest is not.
const GIVEN_UP_AFTER: u32 = 5;

/// How long a system that was gone is given to say that it is there again.
const GLANCE: Duration = Duration::from_secs(2);

impl Attachment {
    /// Parties whose control lives in this runtime. `asked_as` is how a person attaches them again.
    pub fn new(runtime: Runtime, parties: Vec<Party>, asked_as: String) -> Self {
        let names: Vec<&str> = parties.iter().map(|party| party.name.as_str()).collect();
        let mut roles: Vec<Role> = (parties.iter())
            .flat_map(|party| party.claims.roles.iter().copied())
            .collect();
        roles.sort_unstable();
        roles.dedup();
        let exempt = (parties.iter())
            .filter_map(|party| party.described.as_deref())
            .flat_map(|(config, _)| config.system.exempt.iter().cloned())
            .collect();
        let is_told = parties.iter().all(|party| party.has(Verb::Clock));
        let is_shorter = (parties.iter())
            .filter_map(|party| party.described.as_deref())
            .any(|(config, _)| config.terms().shorter.is_some());
        let behind_handler = (parties.iter())
            .filter(|party| party.queue.is_some())
            .flat_map(|party| party.claims.roles.iter().copied())
            .collect();
        Self {
            name: names.join(" with "),
            asked_as,
            roles,
            time_mode: match is_told || is_shorter {
                true => TimeMode::Compressed,
                false => TimeMode::Wall,
            },
            begins_now: !is_told,
            exempt,
            behind_handler,
            held: Mutex::new(Held {
                runtime,
                parties,
                lost: 0,
            }),
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

    /// What is not asked of them: by their own files, and because it is not in their hands.
    pub fn excused(&self, catalogue: &[Requirement]) -> Vec<Excused> {
        let by_file = self.exempt.iter().map(|exemption| Excused {
            requirement: exemption.requirement.clone(),
            why: format!("exempt: {}", exemption.reason),
        });
        let by_binding = catalogue.iter().filter(|requirement| {
            let role = requirement.role.role();
            requirement.of_handler && role.is_some_and(|role| self.behind_handler.contains(&role))
        });
        let by_binding = by_binding.map(|requirement| Excused {
            requirement: requirement.id.clone(),
            why: HANDLER_WRITES.to_owned(),
        });
        by_file.chain(by_binding).collect()
    }

    /// Why a plan does not come to its point in the way in which they are attached; `None` if it does.
    pub fn cannot_show(&self, plan: &Plan) -> Option<String> {
        let (spared, behind) = self.with(|held| {
            let mut parties = held.parties.iter();
            let queues = parties.clone().flat_map(|party| party.queues(plan));
            let behind = queues.map(|(system, _)| system).collect();
            (parties.find_map(|party| party.is_spared(plan)), behind)
        });
        spared.or_else(|| behind::cannot_show(plan, &behind))
    }

    /// How much of the control contract they have: the least of them.
    pub fn level(&self) -> Option<Level> {
        self.with(|held| held.parties.iter().map(Party::level).min())
    }

    /// Processes of the parties, where we started them.
    pub fn processes(&self) -> Vec<u32> {
        self.with(|held| held.parties.iter().filter_map(Party::process_id).collect())
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

    /// A plan as it is run with them: a system that cannot be told the time begins when it begins.
    pub(crate) fn timed<'a>(&self, plan: &'a Plan) -> Cow<'a, Plan> {
        match self.begins_now {
            true => Cow::Owned(plan.clone().begun_at(wall::now())),
            false => Cow::Borrowed(plan),
        }
    }

    /// Why a plan cannot be run with them, whatever they do.
    pub fn cannot_run(&self, plan: &Plan) -> Option<String> {
        self.with(|held| held.parties.iter().find_map(|party| party.cannot_run(plan)))
    }

    /// What a plan is about that may not come about with them.
    pub fn cannot_be_told(&self, plan: &Plan) -> Option<String> {
        self.with(|held| (held.parties.iter()).find_map(|party| party.cannot_be_told(plan)))
    }

    /// Runs a plan to its end, perhaps against a recorded system.
    pub(crate) fn play(
        &self,
        plan: &Plan,
        bodies: BodyStore,
        part: Option<Part>,
    ) -> Result<Attached, DriverError> {
        self.with(|held| {
            let missing = held.missing();
            let Held {
                runtime,
                parties,
                lost,
            } = held;
            let name = self.name.clone();
            let more = (missing, part);
            let run = driver::run_attached(plan, name, self.time_mode, parties, bodies, more);
            let attached = runtime.block_on(run)?;
            let is_lost = (attached.mishap.as_ref()).is_some_and(|mishap| match mishap.kind {
                MishapKind::Gone | MishapKind::Hung => true,
                MishapKind::ContractViolated | MishapKind::Residue => false,
            });
            *lost = if is_lost { *lost + 1 } else { 0 };
            Ok(attached)
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Held) -> T) -> T {
        work(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Held {
    /// Sees, after a scenario in which a party was lost, that everybody is there again: starts anew whoever
    /// is for us to start. Gives who is still gone.
    fn missing(&mut self) -> Option<Mishap> {
        if self.lost == 0 {
            return None;
        }
        let given_up = self.lost >= GIVEN_UP_AFTER;
        let Self {
            runtime, parties, ..
        } = self;
        parties.iter_mut().find_map(|party| match given_up {
            true => Some(Mishap {
                kind: MishapKind::Gone,
                system: party.name.clone(),
                what: format!(
                    "given up after {GIVEN_UP_AFTER} scenarios in a row in which it was lost"
                ),
                log: Vec::new(),
            }),
            false => runtime.block_on(revive(party)).err(),
        })
    }
}

async fn revive(party: &mut Party) -> Result<(), Mishap> {
    let is_ours = party.process.is_some()
        || matches!(&party.described, Some(described) if matches!(described.0.control, config::Control::Stdio { .. }));
    if let (true, Some(described)) = (is_ours, party.described.take()) {
        let (config, logs) = *described;
        // Before the new one is started: it may want the same ports.
        party.process = None;
        party.control = Box::new(NoControl);
        let opened = open(&config, &logs).await;
        party.described = Some(Box::new((config, logs)));
        return match opened {
            Ok(opened) => {
                *party = opened;
                Ok(())
            }
            Err(OpenError::Unfit(mishap)) => Err(mishap),
            Err(error) => Err(Mishap {
                kind: MishapKind::Gone,
                system: party.name.clone(),
                what: format!("it cannot be started again: {error}"),
                log: Vec::new(),
            }),
        };
    }
    if party.claims.verbs.is_empty() {
        return Ok(());
    }
    let asked = timeout(GLANCE, party.control.call(&Command::Health)).await;
    match asked {
        Ok(Err(error)) if error.is_gone() => Err(mishap_of(&party.name, &error)),
        Ok(Ok(_) | Err(_)) => Ok(()),
        Err(_) => Err(Mishap {
            kind: MishapKind::Hung,
            system: party.name.clone(),
            what: format!(
                "it still does not answer `health` within {} s",
                GLANCE.as_secs()
            ),
            log: Vec::new(),
        }),
    }
}

fn cannot_be(party: &Party, plan: &Plan) -> Option<Version> {
    let plays = party.plays(plan);
    let claimed = &party.claims.versions;
    let is_claimed = |version: Version| match claimed.is_empty() {
        true => version.is_usual(),
        false => claimed.contains(&version),
    };
    [
        (Endpoint::Requesting, plan.requesting.version),
        (Endpoint::Sending, plan.sending.version),
    ]
    .into_iter()
    .find(|(system, version)| plays.contains(system) && !is_claimed(*version))
    .map(|(_, version)| version)
}
