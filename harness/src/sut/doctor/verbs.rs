//! The control contract: whether the system speaks it, and keeps its own word about it.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::process::Stdio;

use gp2gp_model::control::{
    After, CONTRACT, Claims, ClockSetting, Command, Level, LogLines, Refusal, Reply, Verb, Whom,
};
use gp2gp_model::plan::Role;
use gp2gp_model::trace::Endpoint;

use super::Diagnosis;
use crate::sut::config::{self, Config, OwnTls};
use crate::sut::control::{CommandControl, Control, ControlError, HttpControl, StdioControl};

/// Its control, and what it claims, for what comes next.
pub(super) struct Met {
    pub(super) control: Box<dyn Control>,
    pub(super) claims: Claims,
}

/// `None` where nothing more can be tried by control.
pub(super) async fn meet(
    config: &Config,
    tls: Option<&OwnTls>,
    log: &Path,
    diagnosis: &mut Diagnosis,
) -> Option<Met> {
    let mut control = open(config, tls, log, diagnosis)?;
    if !health(control.as_mut(), config, diagnosis).await {
        return None;
    }
    unknown_verb(control.as_mut(), diagnosis).await;
    let claims = capabilities(control.as_mut(), config, diagnosis).await?;
    Some(Met { control, claims })
}

fn open(
    config: &Config,
    tls: Option<&OwnTls>,
    log: &Path,
    diagnosis: &mut Diagnosis,
) -> Option<Box<dyn Control>> {
    const PROBE: &str = "control";
    let patience = config.environment.answer_within;
    match &config.control {
        config::Control::None => {
            diagnosis.skipped(PROBE, "the driver is none: nobody plays the people");
            None
        }
        config::Control::NhsRequesting { .. } => {
            diagnosis.skipped(PROBE, "this driver has no verbs of its own to try");
            None
        }
        config::Control::Command { verbs } => Some(Box::new(CommandControl::new(
            verbs.clone(),
            config.system.roles.clone(),
            config.environment.folder.clone(),
            patience,
        ))),
        config::Control::Http { url, token } => {
            let token = match token.as_ref().map(config::Secret::reveal) {
                Some(Err(_)) => {
                    diagnosis.skipped(PROBE, "its token is not known");
                    return None;
                }
                Some(Ok(token)) => Some(token),
                None => None,
            };
            let client = super::client(config, tls);
            Some(Box::new(HttpControl::new(
                client,
                url.clone(),
                token,
                patience,
            )))
        }
        config::Control::Stdio { command } => {
            let folder = &config.environment.folder;
            let started =
                append(log).and_then(|log| StdioControl::start(command, folder, log, patience));
            started
                .map(|control| Box::new(control) as Box<dyn Control>)
                .map_err(|error| {
                    diagnosis.broken(
                        PROBE,
                        format!("`{command}` cannot be run: {error}"),
                        "correct `command` in [control]",
                    );
                })
                .ok()
        }
    }
}

fn append(log: &Path) -> io::Result<Stdio> {
    let opened = OpenOptions::new().create(true).append(true).open(log);
    opened.map(Stdio::from)
}

/// Whether it is there, and ready.
async fn health(control: &mut dyn Control, config: &Config, diagnosis: &mut Diagnosis) -> bool {
    const PROBE: &str = "health";
    match control.call(&Command::Health).await {
        Ok(Reply::Health(health)) if health.ready => {
            diagnosis.ok(PROBE, "it says that it is ready");
            true
        }
        Ok(Reply::Health(health)) => {
            let why = health
                .why
                .unwrap_or_else(|| "it does not say why".to_owned());
            diagnosis.broken(
                PROBE,
                format!("it says that it is not ready: {why}"),
                "wait for it: write what answers when it is ready into `ready` of [environment]",
            );
            false
        }
        Err(error) if error.is_not_supported() => {
            diagnosis.skipped(PROBE, "it has no verb `health`");
            true
        }
        Ok(_) => true,
        Err(error) => {
            diagnosis.broken(PROBE, error.to_string(), mend(&error, config));
            false
        }
    }
}

fn mend(error: &ControlError, config: &Config) -> String {
    let place = match &config.control {
        config::Control::Stdio { .. } => "`command` of [control]",
        config::Control::Command { .. } => "the command in [control.verbs]",
        config::Control::None
        | config::Control::Http { .. }
        | config::Control::NhsRequesting { .. } => "`url` of [control]",
    };
    match error {
        ControlError::Unreachable { .. } => {
            format!("start its control endpoint, or correct {place}")
        }
        ControlError::Hung { .. } => {
            "its control accepts commands and does not answer: look into its log".to_owned()
        }
        ControlError::CutOff { .. } => {
            "its control ends in the middle of a command: look into its log".to_owned()
        }
        ControlError::Refused { refusal, .. } => match refusal {
            Refusal::NotSupported => {
                "take the verb out of `verbs` in its answer to `capabilities`, or build it"
                    .to_owned()
            }
            Refusal::NotUnderstood { .. } => {
                "let it understand the body as docs/control.md has it".to_owned()
            }
            Refusal::Failed { .. } => "look into its log".to_owned(),
        },
        ControlError::NotTheContract(wrong)
            if wrong.why.starts_with("status 401") || wrong.why.starts_with("status 403") =>
        {
            "write where its bearer token is: `token = { env = \"NAME\" }` in [control]".to_owned()
        }
        ControlError::NotTheContract(_) => {
            format!(
                "something else may listen there: correct {place}; what the answer has to be is in docs/control.md"
            )
        }
    }
}

/// What carries out a verb of no meaning accepts everything, and proves nothing.
async fn unknown_verb(control: &mut dyn Control, diagnosis: &mut Diagnosis) {
    const PROBE: &str = "unknown verb";
    let verb = format!("probe-{:x}", crate::sut::wall::now().as_micros());
    let said = match control.call(&Command::Probe { verb: verb.clone() }).await {
        Err(error) if error.is_not_supported() => {
            return diagnosis.ok(PROBE, "it refuses a verb of no meaning as not supported");
        }
        Ok(_) => format!("it carries out `{verb}`, a verb of no meaning"),
        Err(error) => format!("it does not refuse a verb of no meaning as not supported: {error}"),
    };
    diagnosis.broken(
        PROBE,
        said,
        "let it answer every verb that it does not know with 501 and {\"error\": \"not-supported\"} (docs/control.md)",
    );
}

async fn capabilities(
    control: &mut dyn Control,
    config: &Config,
    diagnosis: &mut Diagnosis,
) -> Option<Claims> {
    const PROBE: &str = "capabilities";
    let claims = match control.call(&Command::Capabilities).await {
        Ok(Reply::Capabilities(claims)) => claims,
        Ok(_) => return None,
        Err(error) if error.is_not_supported() => {
            diagnosis.skipped(
                PROBE,
                "it has no verb `capabilities`, so nothing more is asked of it: level L0",
            );
            return None;
        }
        Err(error) => {
            diagnosis.broken(PROBE, error.to_string(), mend(&error, config));
            return None;
        }
    };
    if claims.contract != CONTRACT {
        diagnosis.broken(
            PROBE,
            format!(
                "it speaks the contract `{}`, and this suite `{CONTRACT}`",
                claims.contract
            ),
            "use the version of this suite for which its control was built, or bring it up to date",
        );
        return None;
    }
    let missing = config.system.roles.difference(&claims.roles).next();
    if let Some(role) = missing {
        diagnosis.broken(
            PROBE,
            format!("it is to be attached as {role}, and says that it is not"),
            format!("take \"{role}\" out of `roles` in [sut], or let `capabilities` name it"),
        );
        return Some(claims);
    }
    let level = Level::of(&claims.verbs);
    let acts = claims.verbs.contains(&Verb::Act);
    if config.system.roles.contains(&Role::Requesting) && !acts {
        diagnosis.broken(
            PROBE,
            format!("it plays requesting, and has no verb `act` (control level {level})"),
            "build `prepare`, `act` and `reset`: nobody could tell it to register a patient (docs/control.md)",
        );
        return Some(claims);
    }
    diagnosis.ok(
        PROBE,
        format!("control level {level}, {} verbs", claims.verbs.len()),
    );
    Some(claims)
}

/// Every verb that it claims and that does no harm to a system that was prepared.
pub(super) async fn claimed(met: &mut Met, config: &Config, diagnosis: &mut Diagnosis) {
    const PROBE: &str = "verbs";
    let Some(system) = config.system.roles.first().copied().map(Endpoint::from) else {
        return;
    };
    let mut kept = BTreeSet::new();
    for verb in met.claims.verbs.clone() {
        let Some(command) = harmless(verb, system) else {
            continue;
        };
        match met.control.call(&command).await {
            Ok(_) => {
                kept.insert(verb);
            }
            Err(error) => {
                return diagnosis.broken(
                    PROBE,
                    format!("it claims `{verb}`, and {error}"),
                    mend(&error, config),
                );
            }
        }
    }
    let names: Vec<&str> = kept.into_iter().map(Verb::name).collect();
    diagnosis.ok(
        PROBE,
        format!("it keeps its word about {}", names.join(", ")),
    );
}

/// What needs a run, or has been tried, is not tried here.
fn harmless(verb: Verb, system: Endpoint) -> Option<Command> {
    match verb {
        Verb::Notices => Some(Command::Notices(After { after: 0 })),
        Verb::Observe => Some(Command::Observe(Whom { system })),
        Verb::Clock => Some(Command::Clock(ClockSetting {
            system,
            now: crate::sut::wall::now(),
            rate: 1,
        })),
        Verb::Logs => Some(Command::Logs(LogLines { lines: 5 })),
        Verb::Reset => Some(Command::Reset),
        Verb::Capabilities
        | Verb::Health
        | Verb::Prepare
        | Verb::Act
        | Verb::Action
        | Verb::Lifecycle => None,
    }
}
