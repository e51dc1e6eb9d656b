//! What goes wrong on purpose: outages by time, losses and doublings by message.

use std::collections::BTreeMap;

use gp2gp_model::plan::{Effect, Fault, MessagePick, Role};
use gp2gp_model::{Break, MessageKind, Time};

/// The planned faults of a run.
#[derive(Debug)]
pub(super) struct Faults {
    outages: Vec<Outage>,
    planned: Vec<(MessagePick, Fate)>,
    counted: BTreeMap<(Role, MessageKind), u32>,
}

/// A time without Spine, from `from` until just before `until`.
#[derive(Debug)]
pub(super) struct Outage {
    pub(super) name: String,
    from: Time,
    pub(super) until: Time,
}

/// What happens to an accepted message, with the name of the fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It never arrives.
    Lost(String),
    /// It arrives twice.
    Doubled(String),
    /// It arrives broken.
    Malformed(String, Break),
}

impl Faults {
    pub(super) fn new(faults: Vec<Fault>, started: Time) -> Self {
        let (mut outages, mut planned) = (Vec::new(), Vec::new());
        for Fault { name, effect } in faults {
            match effect {
                Effect::SpineOutage { from, lasts } => outages.push(Outage {
                    name,
                    from: started + from,
                    until: started + from + lasts,
                }),
                Effect::Lose { message } => planned.push((message, Fate::Lost(name))),
                Effect::DeliverTwice { message } => planned.push((message, Fate::Doubled(name))),
                Effect::Malform { message, how } => {
                    planned.push((message, Fate::Malformed(name, how)));
                }
            }
        }
        Self {
            outages,
            planned,
            counted: BTreeMap::new(),
        }
    }

    pub(super) fn outage_at(&self, now: Time) -> Option<&Outage> {
        self.outages
            .iter()
            .find(|outage| (outage.from..outage.until).contains(&now))
    }

    /// Counts a new message, and says what is planned for it.
    pub(super) fn next_message(&mut self, from: Role, kind: MessageKind) -> Option<Fate> {
        let occurrence = self.counted.entry((from, kind)).or_default();
        *occurrence += 1;
        let this = MessagePick {
            from,
            kind,
            occurrence: *occurrence,
        };
        let (_, fate) = self.planned.iter().find(|(pick, _)| *pick == this)?;
        Some(fate.clone())
    }
}
