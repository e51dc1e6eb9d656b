//! Whether a system behind a message handler takes what lies on its queue, and finds the way back.

use std::time::Duration;

use gp2gp_model::plan::Role;
use gp2gp_wire::Encoded;
use gp2gp_wire::mhs_json::QueueMessage;
use tokio::time::sleep;

use super::broker::mend;
use super::doors::Placed;
use super::{Diagnosis, harmless};
use crate::sut::amqp::{BrokerError, QueueAt};
use crate::sut::config::Config;
use crate::sut::wall;

/// How long is waited before a look at a queue, and how long the look takes.
const GLANCE: Duration = Duration::from_millis(300);
/// The same with what comes around it.
const LOOK: Duration = Duration::from_millis(800);

pub(super) async fn examine(
    config: &Config,
    queue: &QueueAt,
    mut placed: Option<&mut Placed>,
    diagnosis: &mut Diagnosis,
) {
    for role in Role::OF_TRANSFERS {
        if !config.system.roles.contains(&role) {
            continue;
        }
        let reads_plans = placed.as_ref().is_some_and(|placed| placed.reads_plans);
        let queue = queue.of_system(role.endpoint(), reads_plans);
        let request = placed.as_ref().and_then(|placed| match role {
            Role::Sending => harmless::request(&placed.plan, wall::now()),
            Role::Requesting | Role::Exporting | Role::Hub => None,
        });
        // A requesting system is asked for more below, which shows the same.
        let wants_answer = request.is_some() && !config.system.roles.contains(&Role::Requesting);
        let Some(message) = request.or_else(|| harmless::message(wall::now()).ok()) else {
            continue;
        };
        let patience = config.environment.answer_within;
        let tried = try_to_be_taken(&queue, &message, patience).await;
        let is_taken = told(tried, &queue, role, diagnosis);
        if let (true, true, Some(placed)) = (is_taken, wants_answer, placed.as_deref_mut()) {
            placed.comes_back(config, diagnosis).await;
        }
    }
}

/// Whether a system took a message from its queue.
fn told(
    tried: Result<bool, BrokerError>,
    queue: &QueueAt,
    role: Role,
    diagnosis: &mut Diagnosis,
) -> bool {
    let probe = format!("queue {role}");
    match tried {
        Ok(true) => {
            diagnosis.ok(probe, format!("it takes what lies on {queue}"));
            return true;
        }
        Ok(false) => diagnosis.broken(
            probe,
            format!("a message lies on {queue}, and nobody takes it"),
            format!(
                "let the system read from the queue `{}` of that broker: `prepare` tells it as `queue`; its log says whether it is connected",
                queue.address
            ),
        ),
        Err(error) => diagnosis.broken(probe, error.to_string(), mend(&error)),
    }
    false
}

/// Puts a message on an empty queue and looks whether it stays there for so long. Nothing is left behind.
async fn try_to_be_taken(
    queue: &QueueAt,
    message: &Encoded,
    patience: Duration,
) -> Result<bool, BrokerError> {
    let made = QueueMessage::of_delivery(&message.content_type, &message.body);
    let (message, _) = made.map_err(|error| BrokerError::Foreign {
        queue: queue.address.clone(),
        why: error.to_string(),
    })?;
    let broker = &queue.broker;
    broker.purge(&queue.address).await?;
    let mut sender = broker.sender(&queue.address).await?;
    sender.send(&message).await?;
    sender.close().await;
    let looks = patience.as_millis() / LOOK.as_millis();
    for left in (0..looks.max(1)).rev() {
        sleep(GLANCE).await;
        let mut receiver = broker.receiver(&queue.address).await?;
        let still = receiver.take(GLANCE).await?;
        match &still {
            Some(still) if left == 0 => receiver.accept(still).await?,
            Some(still) => receiver.release(still).await?,
            None => {}
        }
        receiver.close().await;
        if still.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}
