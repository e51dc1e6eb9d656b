//! Which planned fault acts on a request across a federation. Whoever is asked acts it out.

use std::time::Duration;

use gp2gp_model::Time;
use gp2gp_model::fault::{Effect, Fault, Target};
use gp2gp_model::federation::FederationOperation;
use gp2gp_model::plan::Role;
use gp2gp_sim::{Streams, Trigger};

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mishap {
    /// It is refused with this status.
    Refuse(u16),
    /// Nothing is done, and the connection is reset.
    Reset,
    /// It is done, and the connection is reset before the answer.
    LoseAnswer,
    /// Nothing is done, and no answer comes.
    Silence,
    /// It arrives so much later.
    Delay(Duration),
}

/// Planned faults, with their counts.
pub(super) struct Faults(Vec<Rule>);

struct Rule {
    name: String,
    mishap: Mishap,
    operation: FederationOperation,
    member: Option<Role>,
    trigger: Trigger,
}

impl Faults {
    /// The faults of a plan that are acted out across a federation.
    pub(super) fn new(planned: &[Fault], started: Time, streams: Streams) -> Self {
        let rule = |fault: &Fault| match &fault.on {
            Target::Federation { operation, member } => Some(Rule {
                name: fault.name.clone(),
                mishap: mishap(&fault.effect)?,
                operation: *operation,
                member: *member,
                trigger: Trigger::new(
                    fault.when.clone(),
                    started,
                    streams.stream(&format!("fault/{}", fault.name)),
                ),
            }),
            Target::Posting(_)
            | Target::Delivery(_)
            | Target::System { .. }
            | Target::Store { .. }
            | Target::Directory { .. }
            | Target::Demographics { .. } => None,
        };
        Self(planned.iter().filter_map(rule).collect())
    }

    /// The first fault that acts on a request, by its name. Every fault that could act counts the
    /// occasion.
    pub(super) fn on(
        &mut self,
        now: Time,
        operation: FederationOperation,
        member: Option<Role>,
    ) -> Option<(String, Mishap)> {
        let mut fired = None;
        for rule in &mut self.0 {
            let is_meant = rule.operation == operation
                && rule.member.is_none_or(|wanted| Some(wanted) == member);
            if is_meant && rule.trigger.fires(now) {
                fired.get_or_insert_with(|| (rule.name.clone(), rule.mishap));
            }
        }
        fired
    }
}

/// `None` for those that [`Effect::fits`] keeps from a federation.
const fn mishap(effect: &Effect) -> Option<Mishap> {
    match effect {
        Effect::Refuse(status) => Some(Mishap::Refuse(*status)),
        Effect::Reset => Some(Mishap::Reset),
        Effect::LoseAnswer => Some(Mishap::LoseAnswer),
        Effect::Drop => Some(Mishap::Silence),
        Effect::Delay(by) => Some(Mishap::Delay(*by)),
        Effect::Duplicate
        | Effect::Reorder(_)
        | Effect::HoldUntil(_)
        | Effect::Truncate(_)
        | Effect::Corrupt(_)
        | Effect::SoapFault(_)
        | Effect::ErrorList(_)
        | Effect::Slow(_)
        | Effect::Crash(_)
        | Effect::FullDisk
        | Effect::ClockJump(_)
        | Effect::Garble(_)
        | Effect::Race
        | Effect::Spoil(_) => None,
    }
}
