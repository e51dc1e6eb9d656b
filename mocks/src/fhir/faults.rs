//! Which planned fault acts on a request.

use std::time::Duration;

use gp2gp_model::Time;
use gp2gp_model::fault::{Effect, Fault, Garble, Target};
use gp2gp_model::plan::Role;
use gp2gp_sim::{Streams, Trigger};

/// What can go wrong at a national service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServiceFault {
    /// It refuses with this status.
    Refuse(u16),
    /// Nothing is done, and the connection is reset.
    Reset,
    /// It is done, and the connection is reset before the answer.
    LoseAnswer,
    /// Nothing is done, and no answer comes.
    Silence,
    /// The connection breaks after so many percent of the body.
    Truncate(u8),
    /// The body travels at so many bytes in a second.
    Slow(u32),
    /// The answer takes so much longer.
    Delay(Duration),
    /// Something that cannot be read stands in the place of the answer.
    Garble(Garble),
    /// Somebody else changes the record first.
    Race,
}

/// The planned faults of a service, with their counts.
#[derive(Debug)]
pub(super) struct Faults(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    name: String,
    fault: ServiceFault,
    on: Target,
    trigger: Trigger,
}

impl Faults {
    /// The faults of a plan that a national service acts out.
    pub(super) fn new(planned: Vec<Fault>, started: Time, streams: Streams) -> Self {
        let rule = |planned: Fault| {
            let stream = streams.stream(&format!("fault/{}", planned.name));
            Some(Rule {
                fault: ServiceFault::of(&planned.effect)?,
                name: planned.name,
                on: planned.on,
                trigger: Trigger::new(planned.when, started, stream),
            })
        };
        let is_ours = |fault: &Fault| {
            matches!(
                fault.on,
                Target::Directory { .. } | Target::Demographics { .. }
            )
        };
        let ours = planned.into_iter().filter(is_ours);
        Self(ours.filter_map(rule).collect())
    }

    /// The first fault that acts on a request by `asker`. Every fault that could act counts the
    /// occasion.
    pub(super) fn fired(
        &mut self,
        now: Time,
        asker: Role,
        is_meant: impl Fn(&Target) -> bool,
    ) -> Option<(String, ServiceFault)> {
        let mut fired = None;
        for rule in &mut self.0 {
            if is_by(&rule.on, asker) && is_meant(&rule.on) && rule.trigger.fires(now) {
                fired.get_or_insert_with(|| (rule.name.clone(), rule.fault));
            }
        }
        fired
    }
}

fn is_by(on: &Target, asker: Role) -> bool {
    match on {
        Target::Directory { by, .. } | Target::Demographics { by, .. } => {
            by.is_none_or(|by| by == asker)
        }
        Target::Posting(_)
        | Target::Delivery(_)
        | Target::System { .. }
        | Target::Store { .. }
        | Target::Federation { .. } => false,
    }
}

impl ServiceFault {
    /// What an effect is at a service; `None` for those that [`Effect::fits`] keeps from it.
    fn of(effect: &Effect) -> Option<Self> {
        let fault = match effect {
            Effect::Drop => Self::Silence,
            Effect::Delay(by) => Self::Delay(*by),
            Effect::Truncate(percent) => Self::Truncate(*percent),
            Effect::Refuse(status) => Self::Refuse(*status),
            Effect::Reset => Self::Reset,
            Effect::LoseAnswer => Self::LoseAnswer,
            Effect::Slow(bytes_per_second) => Self::Slow(*bytes_per_second),
            Effect::Garble(how) => Self::Garble(*how),
            Effect::Race => Self::Race,
            Effect::FullDisk
            | Effect::Duplicate
            | Effect::Reorder(_)
            | Effect::HoldUntil(_)
            | Effect::Corrupt(_)
            | Effect::SoapFault(_)
            | Effect::ErrorList(_)
            | Effect::Crash(_)
            | Effect::ClockJump(_)
            | Effect::Spoil(_) => return None,
        };
        Some(fault)
    }
}
