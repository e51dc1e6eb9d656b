//! The broker behind which a system with the JSON form reads what arrived.

use miette::Diagnostic as _;

use super::Diagnosis;
use crate::sut::amqp::{Broker, BrokerError};
use crate::sut::config::{self, Binding, Config};

pub(super) async fn examine(config: &Config, diagnosis: &mut Diagnosis) {
    const PROBE: &str = "broker";
    let wanted = match &config.environment.binding {
        Binding::Spine => return diagnosis.skipped(PROBE, "the binding is spine"),
        Binding::MhsJson(wanted) => wanted,
    };
    let Some(broker) = broker(config, wanted) else {
        return diagnosis.skipped(PROBE, "its password is not known");
    };
    match broker.receiver(&wanted.queue).await {
        Ok(queue) => {
            queue.close().await;
            let said = format!(
                "{}:{} speaks AMQP 1.0 and has the queue `{}`",
                wanted.url.host, wanted.url.port, wanted.queue
            );
            diagnosis.ok(PROBE, said);
        }
        Err(error) => diagnosis.broken(PROBE, error.to_string(), mend(&error)),
    }
}

/// `None` where the secret cannot be had, which is told elsewhere.
fn broker(config: &Config, wanted: &config::Broker) -> Option<Broker> {
    let broker = Broker::new(wanted.url.host.as_str(), wanted.url.port)
        .with_patience(config.environment.answer_within);
    match &wanted.login {
        None => Some(broker),
        Some(login) => {
            let password = login.password.reveal().ok()?;
            Some(broker.with_login(login.user.as_str(), password))
        }
    }
}

fn mend(error: &BrokerError) -> String {
    let help = error.help().map(|help| help.to_string());
    let help = help.unwrap_or_else(|| "see the log of the broker".to_owned());
    format!("{help} ([environment.broker])")
}
