//! The ledger of an export: goes through what happened, event by event, knows at every moment where
//! each document and each case is, and writes down every rule that is broken, at the event that
//! breaks it.
//!
//! Eight of the rules are the safety invariants of the export variant: [`Rule::invariant`].

mod desk;
mod packages;
mod store;

use std::collections::{BTreeMap, BTreeSet};

use gp2gp_model::export::{ExportEvent, ExportState, ExportTerms, Transition};
use gp2gp_model::plan::Wish;
use gp2gp_model::store::{ActingRole, DocumentOperation};
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{DocumentId, NhsNumber, Time};
use gp2gp_wire::export::Fate;

use super::history::{Filed, Happened, Happening, Seen};
use super::rule::{Breach, Rule};

/// Everything that is known so far.
#[derive(Debug)]
pub struct Ledger {
    terms: ExportTerms,
    cases: BTreeMap<NhsNumber, Case>,
    documents: Vec<Document>,
    ids: BTreeMap<DocumentId, usize>,
    packages: BTreeMap<String, Sent>,
    /// Granted permissions, by document.
    permitted: BTreeSet<DocumentId>,
    /// Documents whose archive step the desk tried in vain.
    not_archivable: BTreeSet<DocumentId>,
    /// Refused attempts of which nobody has seen a record yet.
    unrecorded: BTreeSet<(DocumentId, DocumentOperation, ActingRole)>,
    occasions: BTreeMap<Rule, usize>,
    breaches: Vec<Breach>,
    /// Event that is being taken.
    event: u64,
    now: Time,
}

/// The export of a patient.
#[derive(Debug, Default)]
pub struct Case {
    /// Where it stands.
    pub state: State,
    /// Everywhere it once stood.
    pub visited: BTreeSet<ExportState>,
    /// How it got there.
    pub transitions: BTreeSet<Transition>,
    /// When the last accepted export of the practice began.
    exported_at: Option<Time>,
    /// When the ticket was first brought to the desk.
    ticket_at: Option<Time>,
    /// What was left when it was.
    left: BTreeSet<DocumentId>,
    is_late: bool,
    /// Somebody pressed Export, and nothing has begun yet.
    is_asked: bool,
    /// A mock sends a package around every rule; this system is not to blame for it.
    is_provoked: bool,
    provoked: BTreeSet<String>,
    /// Events by which it got there.
    trail: Vec<u64>,
}

/// A state that begins as idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State(pub ExportState);

impl Default for State {
    fn default() -> Self {
        Self(ExportState::Idle)
    }
}

/// A document, and where it is.
#[derive(Debug)]
pub struct Document {
    filed: Filed,
    filed_at: Time,
    in_record: bool,
    /// A copy exists from which it can be restored.
    has_copy: bool,
    delivered: usize,
    is_lost: bool,
    /// Events that changed where it is, or tried to.
    trail: Vec<u64>,
}

/// A package at the clearing house.
#[derive(Debug)]
struct Sent {
    patient: NhsNumber,
    documents: Vec<usize>,
    fate: Fate,
}

impl Ledger {
    /// Goes through everything that happened.
    pub fn of(happenings: &[Happening], terms: &ExportTerms, started: Time) -> Self {
        let mut ledger = Self {
            terms: terms.clone(),
            cases: BTreeMap::new(),
            documents: Vec::new(),
            ids: BTreeMap::new(),
            packages: BTreeMap::new(),
            permitted: BTreeSet::new(),
            not_archivable: BTreeSet::new(),
            unrecorded: BTreeSet::new(),
            occasions: BTreeMap::new(),
            breaches: Vec::new(),
            event: 0,
            now: started,
        };
        for happening in happenings {
            ledger.event = happening.seq;
            ledger.now = happening.at;
            ledger.take(&happening.what);
            ledger.at_every_moment();
        }
        ledger
    }

    /// The export of each patient.
    pub const fn cases(&self) -> &BTreeMap<NhsNumber, Case> {
        &self.cases
    }

    /// How often a rule was put to the test.
    pub fn occasions(&self, rule: Rule) -> usize {
        self.occasions.get(&rule).copied().unwrap_or_default()
    }

    /// Rules that were broken, in the order of events.
    pub fn breaches(&self) -> &[Breach] {
        &self.breaches
    }

    /// Refused attempts of which no audit record was read.
    pub fn unrecorded(&self) -> usize {
        self.unrecorded.len()
    }

    fn take(&mut self, what: &Happened) {
        match what {
            Happened::Filed(filed) => self.filed(filed),
            Happened::Wished { patient, wish } => self.wished(*patient, *wish),
            Happened::Listed {
                by,
                patient,
                documents,
            } => self.listed(*by, *patient, documents),
            Happened::Opened {
                by,
                package,
                opening,
            } => self.opened(*by, package, opening),
            Happened::Sealed { by, package, fate } => self.sealed(*by, package, *fate),
            Happened::GivenUp {
                by: Endpoint::Office,
                patient,
            } => self.step(*patient, ExportEvent::Failed),
            Happened::Delivered(package) => self.delivered(package),
            Happened::Store(step) => self.store(step),
            Happened::State {
                document,
                restorable: true,
            } => {
                if let Some(document) = self.document_mut(document) {
                    document.has_copy = true;
                }
            }
            Happened::Audited { document, refused } => self.audited(document, refused),
            Happened::Ticket { ticket, taken } => self.ticket(ticket, *taken),
            Happened::PermissionAsked(asked) => {
                self.step(asked.patient, ExportEvent::PermissionAsked);
            }
            Happened::Ruled { on, role } => self.ruled(on, *role),
            Happened::RulingTaken { role, taken } => self.ruling_taken(*role, *taken),
            Happened::RestoreOrdered(order) => self.restore_ordered(order),
            Happened::Told { patient, word } => self.told(*patient, word),
            Happened::Ended => self.ended(),
            Happened::Declined {
                patient,
                wish: Wish::SendAgain,
                ..
            } => self.cases.entry(*patient).or_default().is_provoked = false,
            Happened::Declined { .. }
            | Happened::GivenUp { .. }
            | Happened::State {
                restorable: false, ..
            } => {}
        }
    }

    /// What must be true whatever happens.
    fn at_every_moment(&mut self) {
        self.nothing_is_lost();
        self.tickets_are_not_late();
    }

    fn nothing_is_lost(&mut self) {
        let mut lost = Vec::new();
        for (index, document) in self.documents.iter().enumerate() {
            let is_somewhere = document.in_record || document.has_copy || document.delivered > 0;
            if !document.is_lost && !is_somewhere && !self.is_at_clearing_house(index) {
                lost.push(index);
            }
        }
        for index in lost {
            if let Some(document) = self.documents.get_mut(index) {
                document.is_lost = true;
                let name = document.filed.file_name.clone();
                let trail = last(&document.trail);
                let breach = self.broken(
                    Rule::NothingLostOrDoubled,
                    format!("{name} is in the record, in the archive, or on its way"),
                    "it is nowhere any more",
                );
                explained(breach, trail);
            }
        }
    }

    fn tickets_are_not_late(&mut self) {
        let (now, retention) = (self.now, self.terms.retention);
        let mut late = Vec::new();
        for (patient, case) in &mut self.cases {
            let is_due = case.state.0 == ExportState::Blocked && case.ticket_at.is_none();
            let age = case.exported_at.map(|exported_at| now.since(exported_at));
            if is_due && !case.is_late && age.is_some_and(|age| age > retention) {
                case.is_late = true;
                late.push(*patient);
            }
        }
        for patient in late {
            let trail = self.trail(patient);
            let breach = self.broken(
                Rule::Ticket,
                format!("a ticket for {patient} before the investigation data expire"),
                format!("none was raised within {} h", retention.as_secs() / 3_600),
            );
            explained(breach, trail);
        }
    }

    fn filed(&mut self, filed: &Filed) {
        self.documents.push(Document {
            filed: filed.clone(),
            filed_at: self.now,
            in_record: true,
            has_copy: false,
            delivered: 0,
            is_lost: false,
            trail: Vec::new(),
        });
    }

    /// An export that is asked for while documents are left is an occasion to refuse it.
    fn wished(&mut self, patient: NhsNumber, wish: Wish) {
        let case = self.cases.entry(patient).or_default();
        match wish {
            Wish::SendAgain => case.is_provoked = true,
            Wish::Export | Wish::ExportDocuments => {
                let state = case.state.0;
                let is_asked_twice = std::mem::replace(&mut case.is_asked, true);
                if is_closed_to_exports(state) || is_asked_twice {
                    self.occasion(Rule::NoExportWhileLeft);
                }
                if state == ExportState::ToRepeat && wish == Wish::Export {
                    self.occasion(Rule::RepeatWithoutTheBox);
                }
                if matches!(state, ExportState::Completed | ExportState::Closed) {
                    self.occasion(Rule::FollowingDay);
                }
            }
            Wish::Delete | Wish::Restore => {}
        }
    }

    fn listed(&mut self, by: Endpoint, patient: NhsNumber, seen: &[Seen]) {
        for seen in seen {
            self.learn(patient, seen);
        }
        for (id, index) in &self.ids {
            if let Some(document) = self.documents.get_mut(*index)
                && document.filed.patient == patient
            {
                document.in_record = seen.iter().any(|seen| seen.document == *id);
            }
        }
        let state = self.state(patient);
        if by == Endpoint::Office && state == ExportState::Exported {
            self.occasion(Rule::Refresh);
            let event = if seen.is_empty() {
                ExportEvent::NothingLeft
            } else {
                ExportEvent::DocumentsLeft
            };
            let case = self.cases.entry(patient).or_default();
            case.left = seen.iter().map(|seen| seen.document.clone()).collect();
            case.ticket_at = None;
            self.step(patient, event);
        }
    }

    /// Which number the store has given to a document.
    fn learn(&mut self, patient: NhsNumber, seen: &Seen) {
        if self.ids.contains_key(&seen.document) {
            return;
        }
        let known: BTreeSet<usize> = self.ids.values().copied().collect();
        let mut documents = self.documents.iter().enumerate();
        let found = documents.find(|(index, document)| {
            !known.contains(index)
                && document.filed.patient == patient
                && document.filed.file_name == seen.file_name
                && (seen.sha256).is_none_or(|sha256| sha256 == document.filed.sha256)
        });
        if let Some((index, _)) = found {
            self.ids.insert(seen.document.clone(), index);
        }
    }

    fn ended(&mut self) {
        let unseen: Vec<_> = (self.cases.iter())
            .filter(|(_, case)| case.state.0 == ExportState::Exported)
            .map(|(patient, _)| *patient)
            .collect();
        for patient in unseen {
            let trail = self.trail(patient);
            let breach = self.broken(
                Rule::Refresh,
                format!("a look at the record of {patient} after its export"),
                "nobody looked",
            );
            explained(breach, trail);
        }
        let unreported: Vec<_> = (self.cases.iter())
            .filter(|(_, case)| case.state.0 == ExportState::Blocked)
            .filter(|(_, case)| case.ticket_at.is_none() && !case.is_late)
            .map(|(patient, _)| *patient)
            .collect();
        for patient in unreported {
            let trail = self.trail(patient);
            let breach = self.broken(
                Rule::Ticket,
                format!("a ticket for {patient}: documents are left in the record"),
                "none was raised",
            );
            explained(breach, trail);
        }
        for index in 0..self.documents.len() {
            if self.is_exported(index) {
                self.occasion(Rule::NothingLostOrDoubled);
            }
        }
    }

    fn step(&mut self, patient: NhsNumber, event: ExportEvent) {
        let case = self.cases.entry(patient).or_default();
        let from = case.state.0;
        if let Some(to) = from.after(event) {
            case.is_asked &= event != ExportEvent::Begin;
            case.state = State(to);
            case.visited.insert(to);
            case.trail.push(self.event);
            case.transitions.insert(Transition {
                from,
                on: event,
                to,
            });
        }
    }

    fn state(&self, patient: NhsNumber) -> ExportState {
        self.cases
            .get(&patient)
            .map_or(ExportState::Idle, |case| case.state.0)
    }

    fn document_mut(&mut self, id: &DocumentId) -> Option<&mut Document> {
        let index = self.ids.get(id)?;
        self.documents.get_mut(*index)
    }

    /// The last events by which a case got where it is.
    fn trail(&self, patient: NhsNumber) -> Vec<u64> {
        let trail = self.cases.get(&patient).map(|case| case.trail.as_slice());
        last(trail.unwrap_or_default())
    }

    /// The last events that changed where a document is.
    fn trail_of(&self, index: usize) -> Vec<u64> {
        let trail = self.documents.get(index).map(|it| it.trail.as_slice());
        last(trail.unwrap_or_default())
    }

    /// The event that is being taken is about a document.
    fn touch(&mut self, index: usize) {
        if let Some(document) = self.documents.get_mut(index) {
            document.trail.push(self.event);
        }
    }

    fn name(&self, index: usize) -> String {
        self.documents
            .get(index)
            .map_or_else(String::new, |document| document.filed.file_name.clone())
    }

    /// In a package that the clearing house has accepted and not stopped.
    fn is_exported(&self, index: usize) -> bool {
        self.packages.values().any(|sent| {
            matches!(sent.fate, Fate::Accepted | Fate::Delivered) && sent.documents.contains(&index)
        })
    }

    fn is_at_clearing_house(&self, index: usize) -> bool {
        self.packages
            .values()
            .any(|sent| sent.fate == Fate::Accepted && sent.documents.contains(&index))
    }

    fn occasion(&mut self, rule: Rule) {
        *self.occasions.entry(rule).or_default() += 1;
    }

    fn expect(
        &mut self,
        rule: Rule,
        kept: bool,
        expected: impl FnOnce() -> String,
        seen: impl FnOnce() -> String,
    ) -> Option<&mut Breach> {
        self.occasion(rule);
        if kept {
            return None;
        }
        self.breaches.push(Breach {
            rule,
            event: self.event,
            expected: expected(),
            seen: seen(),
            with: Vec::new(),
        });
        self.breaches.last_mut()
    }

    fn broken(
        &mut self,
        rule: Rule,
        expected: impl Into<String>,
        seen: impl Into<String>,
    ) -> Option<&mut Breach> {
        self.expect(rule, false, || expected.into(), || seen.into())
    }
}

/// A breach, if it is one, with what led to it.
fn explained(breach: Option<&mut Breach>, trail: Vec<u64>) {
    if let Some(breach) = breach {
        breach.with = trail;
    }
}

/// What is enough to understand where something is.
fn last(trail: &[u64]) -> Vec<u64> {
    const ENOUGH: usize = 4;
    let from = trail.len().saturating_sub(ENOUGH);
    trail.get(from..).unwrap_or_default().to_vec()
}

/// No export may begin: one is under way, documents are left, or somebody works on them.
fn is_closed_to_exports(state: ExportState) -> bool {
    state.forbids_export() || matches!(state, ExportState::Exporting | ExportState::Exported)
}
