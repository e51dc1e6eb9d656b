//! What planned faults do to systems as a whole, and when: who is down, whose clock is wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use gp2gp_model::Time;
use gp2gp_model::fault::{Effect, Target};
use gp2gp_model::plan::{Act, Plan};
use gp2gp_model::trace::Endpoint;

/// The conditions of all systems.
pub(super) struct Conditions {
    /// By (time, number).
    due: BTreeMap<(Time, usize), Change>,
    changes: usize,
    /// What people wanted of a system while it is down.
    down: BTreeMap<Endpoint, Vec<Act>>,
    /// Whose disk is full, and the planned fault that fills it.
    full: BTreeMap<Endpoint, String>,
    /// By how many microseconds a clock is ahead of the true time.
    ahead: BTreeMap<Endpoint, i64>,
}

/// Something that is due.
pub(super) struct Change {
    pub(super) system: Endpoint,
    pub(super) kind: ChangeKind,
    /// The planned fault that acts with it. A full disk acts when something is refused for it.
    pub(super) fault: Option<String>,
}

/// What is due.
#[derive(Clone, Copy)]
pub(super) enum ChangeKind {
    Crash(Duration),
    Restart,
    Disk { full: bool },
    ClockJump { seconds: i64 },
}

impl Conditions {
    /// As planned.
    pub(super) fn new(plan: &Plan) -> Self {
        let mut conditions = Self {
            due: BTreeMap::new(),
            changes: 0,
            down: BTreeMap::new(),
            full: BTreeMap::new(),
            ahead: BTreeMap::new(),
        };
        for fault in &plan.faults {
            let Target::System { system } = fault.on else {
                continue;
            };
            let Some(kind) = kind(&fault.effect) else {
                continue;
            };
            let from = plan.starts_at + fault.when.from;
            let change = Change {
                system,
                kind,
                fault: Some(fault.name.clone()),
            };
            conditions.schedule(from, change);
            if let (ChangeKind::Disk { .. }, Some(lasts)) = (kind, fault.when.lasts) {
                let change = Change {
                    system,
                    kind: ChangeKind::Disk { full: false },
                    fault: None,
                };
                conditions.schedule(from + lasts, change);
            }
        }
        conditions
    }

    /// When something is due next.
    pub(super) fn next_time(&self) -> Option<Time> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// The next change that is due by now.
    pub(super) fn pop_due(&mut self, now: Time) -> Option<Change> {
        let entry = self
            .due
            .first_entry()
            .filter(|entry| entry.key().0 <= now)?;
        let mut change = entry.remove();
        match change.kind {
            ChangeKind::ClockJump { seconds } => {
                let ahead = self.ahead.entry(change.system).or_default();
                *ahead = ahead.saturating_add(seconds.saturating_mul(1_000_000));
            }
            ChangeKind::Disk { full: true } => {
                let fault = change.fault.take();
                self.full.extend(fault.map(|fault| (change.system, fault)));
            }
            ChangeKind::Disk { full: false } => {
                self.full.remove(&change.system);
            }
            ChangeKind::Crash(_) | ChangeKind::Restart => {}
        }
        Some(change)
    }

    /// Takes a system down until then. False if it is down already.
    pub(super) fn go_down(&mut self, system: Endpoint, until: Time) -> bool {
        if self.is_down(system) {
            return false;
        }
        self.down.insert(system, Vec::new());
        let kind = ChangeKind::Restart;
        let fault = None;
        self.schedule(
            until,
            Change {
                system,
                kind,
                fault,
            },
        );
        true
    }

    /// The system is up: what people wanted of it meanwhile.
    pub(super) fn come_up(&mut self, system: Endpoint) -> Vec<Act> {
        self.down.remove(&system).unwrap_or_default()
    }

    /// The planned fault for which a system stores nothing now.
    pub(super) fn full_disk(&self, system: Endpoint) -> Option<&str> {
        self.full.get(&system).map(String::as_str)
    }

    /// Whether a system is down.
    pub(super) fn is_down(&self, system: Endpoint) -> bool {
        self.down.contains_key(&system)
    }

    /// Keeps what people want of a system that is down.
    pub(super) fn postpone(&mut self, system: Endpoint, act: Act) {
        self.down.entry(system).or_default().push(act);
    }

    /// What the clock of a system shows; `None` while it is down.
    pub(super) fn shown_time(&self, system: Endpoint, now: Time) -> Option<Time> {
        if self.is_down(system) {
            return None;
        }
        let ahead = self.ahead.get(&system).copied().unwrap_or_default();
        let micros = now.as_micros().saturating_add_signed(ahead);
        Some(Time::from_micros(micros))
    }

    /// When the clock of a system will show this; `None` while it is down.
    pub(super) fn true_time(&self, system: Endpoint, shown: Time) -> Option<Time> {
        if self.is_down(system) {
            return None;
        }
        let ahead = self.ahead.get(&system).copied().unwrap_or_default();
        let micros = shown
            .as_micros()
            .saturating_add_signed(ahead.saturating_neg());
        Some(Time::from_micros(micros))
    }

    fn schedule(&mut self, at: Time, change: Change) {
        self.changes += 1;
        self.due.insert((at, self.changes), change);
    }
}

const fn kind(effect: &Effect) -> Option<ChangeKind> {
    match effect {
        Effect::Crash(down_for) => Some(ChangeKind::Crash(*down_for)),
        Effect::FullDisk => Some(ChangeKind::Disk { full: true }),
        Effect::ClockJump(seconds) => Some(ChangeKind::ClockJump { seconds: *seconds }),
        Effect::Drop
        | Effect::Delay(_)
        | Effect::Duplicate
        | Effect::Reorder(_)
        | Effect::HoldUntil(_)
        | Effect::Truncate(_)
        | Effect::Corrupt(_)
        | Effect::Refuse(_)
        | Effect::SoapFault(_)
        | Effect::ErrorList(_)
        | Effect::Reset
        | Effect::LoseAnswer
        | Effect::Slow(_)
        | Effect::Spoil(_)
        | Effect::Garble(_)
        | Effect::Race => None,
    }
}
