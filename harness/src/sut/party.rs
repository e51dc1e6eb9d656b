//! A party: a system under test as the harness holds it, with every role that it plays.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use gp2gp_mocks::peer::PATIENCE;
use gp2gp_mocks::serve::{Base, Client, Security, Trust};
use gp2gp_model::Dialect;
use gp2gp_model::control::{Claims, Level, Verb};
use gp2gp_model::fault::Fault;
use gp2gp_model::manner::{Manner, MessageIds};
use gp2gp_model::plan::{Plan, Role};
use gp2gp_model::report::{Mishap, MishapKind};
use gp2gp_model::trace::Endpoint;

use super::amqp::{QueueAt, QueueSender};
use super::config::Config;
use super::control::{Control, ControlError};
use super::process::Started;

/// A system under test that is not ours.
pub struct Party {
    /// In reports.
    pub name: String,
    /// What it claims.
    pub claims: Claims,
    /// How people are played for it.
    pub control: Box<dyn Control>,
    /// Where each of its systems takes what is sent to it, unless it says otherwise when it is prepared.
    pub wire: BTreeMap<Endpoint, Base>,
    /// How it reaches us.
    pub reach: Reach,
    /// Where it finds what came, if it stands behind a message handler that we play.
    pub queue: Option<QueueAt>,
    /// Its queues of which is known that nothing lies on them, by address.
    pub empty_queues: BTreeMap<String, QueueSender>,
    /// What it has to show us, and we it, where it takes requests.
    pub trust: Option<Trust>,
    /// How long it is waited for.
    pub patience: Patience,
    /// Its process, where we started it.
    pub process: Option<Started>,
    /// From what it can be opened again, and where its logs are.
    pub described: Option<Box<(Config, PathBuf)>>,
}

/// How a party reaches our services.
#[derive(Debug, Clone)]
pub struct Reach {
    /// Where they listen.
    pub listen: IpAddr,
    /// The host by which the party finds them.
    pub advertise: String,
    /// Fixed ports, by service (`spine`), or by system and service (`sending.spine`).
    pub ports: BTreeMap<String, u16>,
    /// How Spine is secured.
    pub spine: Security,
    /// How everybody else is.
    pub others: Security,
}

/// How long a party is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Without traffic, until a system without a clock counts as waiting.
    pub quiet: Duration,
    /// For a run in which it is waited for by the wall clock.
    pub budget: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            quiet: Duration::from_secs(2),
            budget: Duration::from_mins(1),
        }
    }
}

impl Default for Reach {
    /// Plain HTTP on free ports of this machine.
    fn default() -> Self {
        Self {
            listen: Ipv4Addr::LOCALHOST.into(),
            advertise: Ipv4Addr::LOCALHOST.to_string(),
            ports: BTreeMap::new(),
            spine: Security::Plain,
            others: Security::Plain,
        }
    }
}

impl Reach {
    /// The port of a service for a system; 0 is any free one.
    pub fn port(&self, system: Endpoint, service: Endpoint) -> u16 {
        let of_system = format!("{}.{}", system.key(), service.key());
        let of_system = self.ports.get(&of_system);
        let of_service = self.ports.get(service.key());
        of_system.or(of_service).copied().unwrap_or_default()
    }
}

impl Party {
    /// Whether it has a verb.
    pub fn has(&self, verb: Verb) -> bool {
        self.claims.verbs.contains(&verb)
    }

    /// How much of the control contract it has.
    pub fn level(&self) -> Level {
        Level::of(&self.claims.verbs)
    }

    /// The systems that it plays in a plan: those whose conduct the plan judges and which it can be.
    pub fn plays(&self, plan: &Plan) -> BTreeSet<Endpoint> {
        let roles = plan.judges.iter();
        let roles = roles.filter(|role| self.claims.roles.contains(role));
        roles
            .flat_map(|role| self.systems_of(*role))
            .copied()
            .collect()
    }

    /// The systems of a role. The suite's own are also what is around them, where they are broken.
    const fn systems_of(&self, role: Role) -> &'static [Endpoint] {
        match (role, self.claims.reads_plans) {
            (Role::Requesting, _) => &[Endpoint::Requesting],
            (Role::Sending, _) => &[Endpoint::Sending],
            (Role::Exporting, false) => &[Endpoint::Office, Endpoint::Desk],
            (Role::Exporting, true) => &[
                Endpoint::Office,
                Endpoint::Desk,
                Endpoint::Store,
                Endpoint::ClearingHouse,
            ],
            (Role::Hub, false) => &[Endpoint::Hub],
            (Role::Hub, true) => &[Endpoint::Hub, Endpoint::Requesting, Endpoint::Sending],
        }
    }

    /// The queue of each of its systems that gets messages, where it stands behind a message handler.
    pub fn queues(&self, plan: &Plan) -> BTreeMap<Endpoint, QueueAt> {
        let Some(queue) = &self.queue else {
            return BTreeMap::new();
        };
        let plays = self.plays(plan).into_iter();
        let systems = plays.filter(|it| matches!(it, Endpoint::Requesting | Endpoint::Sending));
        let reads_plans = self.claims.reads_plans;
        systems
            .map(|system| (system, queue.of_system(system, reads_plans)))
            .collect()
    }

    /// Why a plan cannot be run with it, whatever it does; `None` if it can.
    pub fn cannot_run(&self, plan: &Plan) -> Option<String> {
        let plays = self.plays(plan);
        let is_told = (plan.steps.iter()).any(|step| plays.contains(&step.act.at()));
        if is_told && !self.has(Verb::Act) {
            let level = self.level();
            return Some(format!(
                "people have to do something at the system, and it has no verb `act` (control level {level})"
            ));
        }
        let mut hit = plan.faults.iter().filter_map(Fault::hits_system);
        if hit.any(|system| plays.contains(&system))
            && !(self.has(Verb::Lifecycle) && self.has(Verb::Clock))
        {
            return Some(
                "the system has to go down, fill up, or have a wrong clock, and it has no verbs `lifecycle` and `clock`"
                    .to_owned(),
            );
        }
        None
    }

    /// Why a plan does not apply to it: a system that declares how much it takes is one of ours.
    pub fn is_spared(&self, plan: &Plan) -> Option<String> {
        let takes_all = plan.caps.is_none() || self.claims.reads_plans;
        (!takes_all && self.plays(plan).contains(&Endpoint::Requesting)).then(|| {
            format!(
                "about a system that declares how much it takes, and nobody can tell {} to",
                self.name
            )
        })
    }

    /// What a plan is about that may not come about with it: ours are told how to write, and what to do where
    /// several ways are allowed. `None` if there is no such thing.
    pub fn cannot_be_told(&self, plan: &Plan) -> Option<String> {
        if self.claims.reads_plans {
            return None;
        }
        let plays = self.plays(plan);
        let sides = [
            (Role::Sending, &plan.sending),
            (Role::Requesting, &plan.requesting),
        ];
        let mut told = sides
            .into_iter()
            .filter(|(role, _)| plays.contains(&role.endpoint()));
        let dialect = told.find(|(_, side)| side.dialect != Dialect::default());
        let sends = plays.contains(&Endpoint::Sending);
        let name = &self.name;
        if let Some((role, side)) = dialect {
            let dialect = side.dialect;
            return Some(format!(
                "about a {role} system that writes as {dialect}, and nobody can tell {name} to"
            ));
        }
        if sends && plan.manner != Manner::default() {
            return Some(format!(
                "about one of several ways to send a record, and nobody can tell {name} which to go"
            ));
        }
        if sends && plan.to_the_byte {
            return Some(format!(
                "about sizes that fit our messages to the byte, and those of {name} are its own"
            ));
        }
        let repeats = plan.requesting_message_ids != MessageIds::default();
        (repeats && plays.contains(&Endpoint::Requesting)).then(|| {
            format!(
                "about a requesting system that uses message ids again, and nobody can tell {name} to"
            )
        })
    }

    /// The process that it runs in, where we started it.
    pub fn process_id(&self) -> Option<u32> {
        let started = self.process.as_ref().and_then(Started::id);
        started.or_else(|| self.control.process())
    }

    /// A client for what is sent to it, in a run whose clock is so many times faster.
    pub fn client(&self, rate: u32) -> Client {
        let client = Client::with_patience(PATIENCE / rate);
        match &self.trust {
            Some(trust) => client.trusting(trust.clone()),
            None => client,
        }
    }

    /// What is to be told if its process is no more.
    pub fn has_ended(&mut self) -> Option<Mishap> {
        let status = self.process.as_mut()?.ended()?;
        Some(Mishap {
            kind: MishapKind::Gone,
            system: self.name.clone(),
            what: format!("its process ended with {status}"),
            log: Vec::new(),
        })
    }
}

impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Party")
            .field("name", &self.name)
            .field("claims", &self.claims)
            .field("wire", &self.wire)
            .finish_non_exhaustive()
    }
}

/// What a failed command says of a system.
pub(crate) fn mishap_of(system: &str, error: &ControlError) -> Mishap {
    let kind = match error {
        ControlError::Unreachable { .. } | ControlError::CutOff { .. } => MishapKind::Gone,
        ControlError::Hung { .. } => MishapKind::Hung,
        ControlError::Refused { .. } | ControlError::NotTheContract(_) => {
            MishapKind::ContractViolated
        }
    };
    Mishap {
        kind,
        system: system.to_owned(),
        what: error.to_string(),
        log: Vec::new(),
    }
}
