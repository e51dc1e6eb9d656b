//! Tickets, permissions and what the desk says in the end.

use std::collections::BTreeSet;
use std::time::Duration;

use gp2gp_model::NhsNumber;
use gp2gp_model::export::{ExportEvent, ExportState, Ruling, may_permit};
use gp2gp_model::store::ActingRole;
use gp2gp_wire::export::{DeskOutcome, Fate, RulingOn, Ticket, Word};

use super::{Ledger, explained};
use crate::check::exp::history::closes;
use crate::check::exp::rule::Rule;

/// What comes while somebody closes a ticket cannot be seen any more.
const A_MOMENT: Duration = Duration::from_mins(1);

impl Ledger {
    pub(super) fn ticket(&mut self, ticket: &Ticket, taken: bool) {
        let (now, retention) = (self.now, self.terms.retention);
        let Some(patient) = ticket.patient else {
            self.broken(
                Rule::Ticket,
                "a ticket with the patient's clinical reference",
                "a ticket without it",
            );
            return;
        };
        let case = self.cases.entry(patient).or_default();
        let (state, known) = (case.state.0, case.exported_at);
        let is_first = case.ticket_at.is_none();
        case.ticket_at.get_or_insert(now);
        let trail = self.trail(patient);
        if state == ExportState::Exported {
            let breach = self.broken(
                Rule::Refresh,
                format!("a look at the record of {patient} after its export"),
                "a ticket was raised without one",
            );
            explained(breach, trail.clone());
        }
        let breach = self.expect(
            Rule::Ticket,
            ticket.exported_at.is_some() && ticket.exported_at == known,
            || match known {
                Some(known) => format!("a ticket with the time of the export, {known}"),
                None => "no ticket without an export".to_owned(),
            },
            || match ticket.exported_at {
                Some(said) => format!("it says {said}"),
                None => "it says no time".to_owned(),
            },
        );
        explained(breach, trail.clone());
        if let Some(exported_at) = known.filter(|_| is_first) {
            let breach = self.expect(
                Rule::Ticket,
                now.since(exported_at) <= retention,
                || format!("a ticket within {} h of the export", hours(retention)),
                || format!("raised after {} h", hours(now.since(exported_at))),
            );
            explained(breach, trail);
        }
        if taken {
            self.step(patient, ExportEvent::TicketRaised);
        }
    }

    pub(super) fn ruled(&mut self, on: &RulingOn, role: Option<ActingRole>) {
        if !role.is_some_and(may_permit) {
            return;
        }
        if on.ruling == Ruling::Granted {
            self.permitted.extend(on.documents.iter().cloned());
        }
        let waiting = self.cases.iter().find(|(_, case)| {
            let is_waiting = case.state.0 == ExportState::AwaitingPermission;
            is_waiting
                && on
                    .documents
                    .iter()
                    .any(|document| case.left.contains(document))
        });
        if let Some(patient) = waiting.map(|(patient, _)| *patient) {
            let event = match on.ruling {
                Ruling::Granted => ExportEvent::PermissionGranted,
                Ruling::Refused => ExportEvent::PermissionRefused,
            };
            self.step(patient, event);
        }
    }

    pub(super) fn ruling_taken(&mut self, role: Option<ActingRole>, taken: bool) {
        if !role.is_some_and(may_permit) {
            self.expect(
                Rule::Roles,
                !taken,
                || "only the practice and the health board permit".to_owned(),
                || "somebody else's permission was taken".to_owned(),
            );
        }
    }

    pub(super) fn told(&mut self, patient: NhsNumber, word: &Word) {
        if closes(word.outcome) {
            self.closing(patient);
        }
        if word.outcome == DeskOutcome::Restored {
            self.restored(patient);
        }
        let event = match word.outcome {
            DeskOutcome::Closed => ExportEvent::TicketClosed,
            DeskOutcome::Kept => ExportEvent::DocumentsKept,
            DeskOutcome::NeverMade => ExportEvent::NeverMade,
            DeskOutcome::Restored => ExportEvent::Restored,
        };
        self.step(patient, event);
    }

    /// Before a ticket closes, what came meanwhile and what the export lacked has gone.
    fn closing(&mut self, patient: NhsNumber) {
        let Some(case) = self.cases.get(&patient) else {
            return;
        };
        let (raised, left) = (case.ticket_at, case.left.clone());
        self.occasion(Rule::NoExportWhileLeft);
        let mut lacking = Vec::new();
        for (index, document) in self.documents.iter().enumerate() {
            if document.filed.patient != patient {
                continue;
            }
            let came_meanwhile = raised.is_some_and(|raised| document.filed_at >= raised)
                && self.now.since(document.filed_at) > A_MOMENT;
            let was_left = left.iter().any(|id| self.ids.get(id) == Some(&index));
            if came_meanwhile {
                lacking.push((Rule::ArrivalsBeforeClosing, index));
            } else if was_left && !self.is_exported(index) {
                lacking.push((Rule::OnlyTheMissing, index));
            }
        }
        for (rule, index) in lacking {
            let name = self.name(index);
            let is_exported = self.is_exported(index);
            let trail = [self.trail(patient), self.trail_of(index)].concat();
            let breach = self.expect(
                rule,
                is_exported,
                || format!("{name} is exported before the ticket closes"),
                || "it is not".to_owned(),
            );
            explained(breach, trail);
        }
    }

    fn restored(&mut self, patient: NhsNumber) {
        let recalled = self
            .packages
            .values()
            .filter(|sent| sent.patient == patient && sent.fate == Fate::Recalled);
        let documents: BTreeSet<usize> = recalled
            .flat_map(|sent| sent.documents.iter().copied())
            .collect();
        for index in documents {
            let name = self.name(index);
            let is_back = (self.documents.get(index)).is_some_and(|document| document.in_record);
            let trail = self.trail_of(index);
            let breach = self.expect(
                Rule::DuplicateStopped,
                is_back,
                || format!("{name} is back in the record"),
                || "it was deleted, and nobody restored it".to_owned(),
            );
            explained(breach, trail);
        }
        let case = self.cases.entry(patient).or_default();
        case.ticket_at = None;
    }
}

const fn hours(duration: Duration) -> u64 {
    duration.as_secs() / 3_600
}
