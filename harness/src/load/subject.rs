//! Who is put under load: always a process of its own, or a system that is somewhere else.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gp2gp_model::control::Verb;
use gp2gp_model::plan::Role;
use gp2gp_model::terms::Terms;

use super::LoadError;
use crate::driver::Sut;
use crate::sut::config::Config;
use crate::sut::{Attachment, Patience, open};

/// A system under load.
pub struct Subject {
    pub(super) name: String,
    pub(super) roles: Vec<Role>,
    pub(super) terms: Terms,
    pub(super) attached: Attachment,
}

/// What is due later than this is waited for by nobody.
const BUDGET: Duration = Duration::from_secs(120);
/// Without traffic, and with nothing due, a lap is over.
const QUIET: Duration = Duration::from_millis(700);

impl Subject {
    /// The roles of transfers that it has.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A system that a file describes.
    pub fn described(config: &Config, logs: &Path) -> Result<Self, LoadError> {
        let roles = config.system.roles.iter().copied();
        let roles: Vec<Role> = roles
            .filter(|role| Role::OF_TRANSFERS.contains(role))
            .collect();
        if roles.is_empty() {
            return Err(LoadError::NoTransfers(config.system.name.clone()));
        }
        let mut config = config.clone();
        config.system.roles = roles.iter().copied().collect();
        let runtime = Attachment::runtime().map_err(LoadError::Runtime)?;
        let mut party = runtime.block_on(open(&config, logs))?;
        // Under load everybody lives by the wall clock: nothing is skipped, and nothing is asked for.
        party.claims.verbs.remove(&Verb::Clock);
        party.claims.roles.retain(|role| roles.contains(role));
        party.patience = Patience {
            quiet: QUIET,
            budget: BUDGET,
        };
        let name = party.name.clone();
        Ok(Self {
            name,
            roles,
            terms: config.terms(),
            attached: Attachment::new(runtime, vec![party], String::new()),
        })
    }

    /// A system of the suite in a process of its own, started from this program, with these roles.
    pub fn served(
        program: &Path,
        system: &Sut,
        slowness: &[String],
        roles: &[Role],
        logs: &Path,
    ) -> Result<Self, LoadError> {
        Self::described(&served(program, system, slowness, roles)?, logs)
    }
}

fn served(
    program: &Path,
    system: &Sut,
    slowness: &[String],
    roles: &[Role],
) -> Result<Config, LoadError> {
    let roles: Vec<String> = roles.iter().map(|role| format!("\"{role}\"")).collect();
    let command = format!(
        "exec '{}' serve {} --control stdio {}",
        program.display().to_string().replace('\'', "'\\''"),
        system.name(),
        slowness.join(" ")
    );
    let called = match slowness.is_empty() {
        true => system.name(),
        false => format!("{} ({})", system.name(), slowness.join(" ")),
    };
    let text = format!(
        "[sut]\nname = {:?}\nroles = [{}]\n[environment]\nbinding = \"spine\"\n\
         [control]\ndriver = \"stdio\"\ncommand = {command:?}\n",
        called,
        roles.join(", "),
    );
    let config = Config::parse("a system of the suite", &PathBuf::new(), &text, []);
    config.map_err(|error| LoadError::Own(error.to_string()))
}
