//! What is settled about a run by the system that it is for, and not by the scenario: a deployed
//! system stays the practice that it is, and one whose clock nobody moves lives by shorter contracts.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::Effect;
use crate::plan::{Plan, Role};
use crate::{Asid, OdsCode, PartyKey, Time};

/// Terms of a run; the usual ones change nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Who the two practices are, where they are not invented.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub practices: BTreeMap<Role, PracticeIdentity>,
    /// How many times shorter everything is that the harness decides: the durations that SDS quotes,
    /// what people take, and how long faults last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shorter: Option<NonZeroU32>,
}

/// Who a system is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PracticeIdentity {
    /// Its practice.
    pub ods: OdsCode,
    /// Address for HL7.
    pub asid: Asid,
    /// Address for ebXML.
    pub party_key: PartyKey,
}

impl Terms {
    /// Nothing is settled.
    pub fn are_usual(&self) -> bool {
        *self == Self::default()
    }

    /// A duration that the harness decides.
    pub fn short(&self, duration: Duration) -> Duration {
        self.shorter.map_or(duration, |rate| duration / rate.get())
    }

    /// A duration that SDS quotes, which is one of whole seconds.
    pub fn quoted(&self, duration: Duration) -> Duration {
        match self.shorter {
            None => duration,
            Some(rate) => Duration::from_secs(duration.as_secs().div_ceil(u64::from(rate.get()))),
        }
    }
}

impl Plan {
    /// The same plan, begun at another time: for a system whose clock is the wall clock.
    #[must_use]
    pub fn begun_at(mut self, now: Time) -> Self {
        let begun = self.starts_at;
        let moved = |time: Time| match time > begun {
            true => now + time.since(begun),
            false => now.before(begun.since(time)),
        };
        for link in &mut self.registry.links {
            link.from = link.from.map(moved);
            link.until = link.until.map(moved);
        }
        if let Some(federation) = &mut self.federation {
            for slot in &mut federation.slots {
                slot.starts = moved(slot.starts);
            }
        }
        self.starts_at = now;
        self
    }

    /// The same plan under terms; who the practices are is settled before there is a plan.
    #[must_use]
    pub fn under(mut self, terms: &Terms) -> Self {
        for contract in &mut self.directory.contracts {
            contract.retry_interval = terms.quoted(contract.retry_interval);
            contract.persist_duration = terms.quoted(contract.persist_duration);
        }
        for step in &mut self.steps {
            step.at = terms.short(step.at);
        }
        for fault in &mut self.faults {
            fault.when.from = terms.short(fault.when.from);
            fault.when.lasts = fault.when.lasts.map(|lasts| terms.short(lasts));
            if let Effect::Delay(by) | Effect::Crash(by) = &mut fault.effect {
                *by = terms.short(*by);
            }
        }
        for patient in &mut self.patients {
            patient.habit.after = terms.short(patient.habit.after);
            for document in &mut patient.documents {
                document.arrives = document.arrives.map(|after| terms.short(after));
            }
        }
        self.terms = terms.clone();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sds_quotes_is_at_least_a_second() {
        let terms = Terms {
            shorter: NonZeroU32::new(20),
            ..Terms::default()
        };
        let quoted = |seconds| terms.quoted(Duration::from_secs(seconds)).as_secs();
        assert_eq!([0, 1, 60, 61, 18_000].map(quoted), [0, 1, 3, 4, 900]);
        assert_eq!(
            terms.short(Duration::from_secs(1)),
            Duration::from_millis(50)
        );
        assert_eq!(
            Terms::default().quoted(Duration::from_secs(61)).as_secs(),
            61
        );
    }
}
