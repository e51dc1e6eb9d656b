//! Attaching the systems that the command line names.

use std::env;
use std::path::Path;

use gp2gp_model::RequirementId;
use gp2gp_model::plan::Role;
use gp2gp_model::report::Mishap;
use gp2gp_model::requirement::Requirement;
use gp2gp_model::terms::Terms;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use serde::Serialize;

use super::output::Output;
use super::run::Described;
use crate::score::SUT_UNFIT;
use crate::sut::config::Config;
use crate::sut::{Attachment, OpenError, Party, open as open_party};

/// Why a system is not attached.
pub(super) enum Unattached {
    /// It is not as it should be.
    Unfit(Mishap),
    /// It was called for in the wrong way.
    Call(miette::Report),
}

/// Reads the files, with what the environment says above them.
pub(super) fn read(described: &[Described]) -> miette::Result<Vec<Config>> {
    let mut configs: Vec<Config> = Vec::new();
    for one in described {
        let mut config = Config::load(&one.file, env::vars())?;
        if let Some(role) = one.role {
            if !config.system.roles.contains(&role) {
                return Err(miette!(
                    help = "add the role to `sut.roles`, or name another",
                    "{} is not {role} by its own file",
                    one.file.display()
                ));
            }
            config.system.roles = [role].into();
        }
        let mut others = configs.iter();
        let taken =
            others.find_map(|other| other.system.roles.intersection(&config.system.roles).next());
        if let Some(role) = taken {
            return Err(miette!(
                help = "say which is which: --sut sending=one.toml --sut requesting=other.toml",
                "two systems cannot both be {role}"
            ));
        }
        configs.push(config);
    }
    Ok(configs)
}

/// An exemption from a requirement that there is not would go unnoticed for ever.
pub(super) fn check_exemptions(
    configs: &[Config],
    catalogue: &[Requirement],
) -> miette::Result<()> {
    let mut exempt = configs.iter().flat_map(|config| &config.system.exempt);
    let is_known = |id: &RequirementId| catalogue.iter().any(|requirement| requirement.id == *id);
    match exempt.find(|exemption| !is_known(&exemption.requirement)) {
        None => Ok(()),
        Some(unknown) => Err(miette!(
            help = "`gp2gp list --requirements` shows them",
            "`sut.exempt` names {}, and there is no such requirement",
            unknown.requirement
        )),
    }
}

/// What the systems settle about every run, who they are and how short it is.
pub(super) fn terms(configs: &[Config]) -> miette::Result<Terms> {
    let mut terms = Terms::default();
    for config in configs {
        let own = config.terms();
        let plays = |role: &Role| config.system.roles.contains(role);
        (terms.practices).extend(own.practices.into_iter().filter(|(role, _)| plays(role)));
        match (terms.shorter, own.shorter) {
            (Some(one), Some(other)) if one != other => {
                return Err(miette!(
                    help = "give both the same `environment.rate`",
                    "one system has durations {one} times shorter, the other {other} times"
                ));
            }
            (None, shorter) => terms.shorter = shorter,
            (Some(_), Some(_) | None) => {}
        }
    }
    Ok(terms)
}

/// Opens them, or nothing if there are none.
pub(super) fn open(
    configs: &[Config],
    described: &[Described],
    out: &Path,
) -> Result<Option<Attachment>, Unattached> {
    if configs.is_empty() {
        return Ok(None);
    }
    let call = Unattached::Call;
    let runtime = Attachment::runtime().into_diagnostic().map_err(call)?;
    let mut parties: Vec<Party> = Vec::new();
    for (config, one) in configs.iter().zip(described) {
        let opened = runtime.block_on(open_party(config, out));
        let file = one.file.display();
        parties.push(match opened {
            Ok(party) => party,
            Err(OpenError::Unfit(mishap)) => return Err(Unattached::Unfit(mishap)),
            Err(error) => {
                let report = Err::<(), _>(error).into_diagnostic();
                let report = report.wrap_err_with(|| format!("attaching {file}"));
                return Err(match report {
                    Err(report) => call(report),
                    Ok(()) => call(miette!("attaching {file}")),
                });
            }
        });
    }
    let names = described.iter().map(|one| match one.role {
        Some(role) => format!("{role}={}", one.file.display()),
        None => one.file.display().to_string(),
    });
    let asked_as: Vec<String> = names.collect();
    Ok(Some(Attachment::new(
        runtime,
        parties,
        asked_as.join(" --sut "),
    )))
}

/// The system itself is the reason why nothing was run.
pub(super) fn complain(mishap: &Mishap, output: &Output) -> miette::Result<u8> {
    #[derive(Serialize)]
    struct Unfit<'a> {
        mishap: &'a Mishap,
        exit: u8,
    }
    let exit = SUT_UNFIT;
    output.result(&Unfit { mishap, exit }, || {
        let mut text = format!("system under test {mishap}\n");
        for line in &mishap.log {
            text.push_str(&format!("  log: {line}\n"));
        }
        text.push_str("nothing was run; `gp2gp doctor` tells what is wrong\n");
        text
    })?;
    Ok(exit)
}
