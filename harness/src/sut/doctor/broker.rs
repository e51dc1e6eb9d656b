//! The broker behind which a system with the JSON form reads what arrived.

use gp2gp_mocks::serve::Trust;
use miette::Diagnostic as _;

use super::Diagnosis;
use crate::sut::amqp::{BrokerError, QueueAt};
use crate::sut::config::{Binding, Config, OwnTls};
use crate::sut::open::queue;

/// The queue of the party, if it has one and everything about it is as it should be.
pub(super) async fn examine(
    config: &Config,
    tls: Option<&OwnTls>,
    diagnosis: &mut Diagnosis,
) -> Option<QueueAt> {
    const PROBE: &str = "broker";
    let wanted = match &config.environment.binding {
        Binding::Spine => {
            diagnosis.skipped(PROBE, "the binding is spine");
            return None;
        }
        Binding::MhsJson(wanted) => wanted,
    };
    let trust: Option<Trust> = tls.and_then(|tls| tls.trust().ok());
    let Ok(Some(queue)) = queue(config, trust.as_ref()) else {
        diagnosis.skipped(PROBE, "its password is not known");
        return None;
    };
    match queue.broker.receiver(&wanted.queue).await {
        Ok(receiver) => {
            receiver.close().await;
            let said = format!(
                "{}:{} speaks AMQP 1.0{} and has the queue `{}`",
                wanted.url.host,
                wanted.url.port,
                if wanted.url.is_secure {
                    " over TLS"
                } else {
                    ""
                },
                wanted.queue
            );
            diagnosis.ok(PROBE, said);
            Some(queue)
        }
        Err(error) => {
            diagnosis.broken(PROBE, error.to_string(), mend(&error));
            None
        }
    }
}

pub(super) fn mend(error: &BrokerError) -> String {
    let help = error.help().map(|help| help.to_string());
    let help = help.unwrap_or_else(|| "see the log of the broker".to_owned());
    format!("{help} ([environment.broker])")
}
