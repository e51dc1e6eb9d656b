//! The practice that exports: its document system, and the people before it, who refresh the record
//! after an export and raise a ticket where documents are left.
//!
//! Each patient has a [`Case`]. A case has at most one request open, and what that is follows from
//! what the case is doing: after a crash it is simply made again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use gp2gp_model::export::{ExportEvent, ExportState, next_morning};
use gp2gp_model::http::Method;
use gp2gp_model::plan::{Act, Wish};
use gp2gp_model::store::{ActingRole, DocumentOperation};
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::{DocumentId, NhsNumber, OdsCode, Time};
use gp2gp_wire::export::{DeskOutcome, Fate, Opening, Place, Raised, TICKETS, Ticket, Word};

use super::listing::{self, Listed};
use super::outbox::{Outbox, bare_answer, is_done, json_request, refusal, said};
use super::packing::{Packing, Progress, give_up};
use crate::defect::ExportingDefect;
use crate::peer::{
    Condition, Deadline, HttpRequest, HttpResponse, Input, Notice, Output, Peer, PostId,
};
use crate::store::Requester;

/// The pause before an export that failed is run again, and before a look that failed is repeated.
const RERUN: Duration = Duration::from_mins(15);

/// Runs of one export before people give it up.
const RUNS: u32 = 4;

/// The pause before the desk is called again.
const CALL_AGAIN: Duration = Duration::from_mins(30);

/// Mornings on which people look for late letters after the last export.
const MORNINGS: u32 = 7;

/// What the practice is and can do.
#[derive(Debug, Clone)]
pub struct OfficeConfig {
    /// The practice.
    pub practice: OdsCode,
    /// How it asks its document store.
    pub requester: Requester,
    /// How it is broken on purpose.
    pub defects: Vec<ExportingDefect>,
}

/// An exporting practice.
#[derive(Debug)]
pub struct Office {
    config: OfficeConfig,
    cases: BTreeMap<NhsNumber, Case>,
    attempts: BTreeMap<PostId, Attempt>,
    outbox: Outbox,
}

/// The export of one patient.
#[derive(Debug)]
struct Case {
    state: ExportState,
    doing: Doing,
    resting_until: Option<Time>,
    open: Option<PostId>,
    /// Logical id of the patient in the store.
    patient: Option<String>,
    /// Documents of accepted packages.
    exported: BTreeSet<DocumentId>,
    /// Documents as last listed.
    listed: Vec<Listed>,
    /// When the last accepted export began.
    exported_at: Option<Time>,
    /// Packages that were opened.
    packages: u32,
    /// Runs of this export so far that failed.
    failures: u32,
    mornings_left: u32,
    /// After a restore: what has to be exported again, and nothing else.
    only: Option<BTreeSet<DocumentId>>,
    /// Only of a broken system: it has tried once more to delete what was left.
    was_cleaned_again: bool,
}

#[derive(Debug)]
enum Doing {
    Nothing,
    /// Looks at the record, and then exports what is in it.
    LookBefore {
        gp2gp_information: bool,
    },
    Pack(Box<Packing>),
    GiveUp(String),
    /// Archives and deletes what was exported.
    Clean {
        left: VecDeque<DocumentId>,
        step: DocumentOperation,
    },
    /// Refreshes the record after an export.
    Refresh,
    Raise,
    /// Looks for letters that came since the export.
    LookForLate,
    /// Around every rule: what a mock does to provoke a duplicate, and what it goes on with then.
    SendAgain(Box<Packing>, Box<Self>),
}

/// Something that somebody at the practice tries without the right to.
#[derive(Debug)]
struct Attempt {
    act: Act,
    document: DocumentId,
    /// It was refused, and this asks whether that was recorded.
    is_audit: bool,
}

impl Office {
    /// A practice that has exported nobody.
    pub fn new(config: OfficeConfig) -> Self {
        Self {
            config,
            cases: BTreeMap::new(),
            attempts: BTreeMap::new(),
            outbox: Outbox::default(),
        }
    }

    fn act(&mut self, now: Time, act: Act) {
        let Act::AtOffice { patient, wish } = act else {
            return self.outbox.notice(Notice::NotSupported(act));
        };
        let case = self.cases.entry(patient).or_insert_with(Case::new);
        let declined = match wish {
            Wish::Export => case.begin(now, true).err(),
            Wish::ExportDocuments => case.begin(now, false).err(),
            Wish::SendAgain => case.send_again(now, patient, &self.config.practice).err(),
            Wish::Delete => {
                let document = case.any_document();
                self.attempt(now, act.clone(), document, DocumentOperation::Delete)
            }
            Wish::Restore => {
                let document = case.exported.first().cloned();
                self.attempt(now, act.clone(), document, DocumentOperation::Restore)
            }
        };
        if let Some(why) = declined {
            let why = why.to_owned();
            self.outbox.notice(Notice::Declined { act, why });
        }
    }

    /// Lets the store decide: it knows who may do what, and records who tried.
    fn attempt(
        &mut self,
        now: Time,
        act: Act,
        document: Option<DocumentId>,
        operation: DocumentOperation,
    ) -> Option<&'static str> {
        let Some(document) = document else {
            return Some("no document of this patient has been seen yet");
        };
        let requester = &self.config.requester;
        let role = ActingRole::PracticeUser;
        let request = requester.act(now, "attempt", role, document.as_str(), operation);
        let post = self.outbox.post(Endpoint::Store, request);
        self.attempts.insert(
            post,
            Attempt {
                act,
                document,
                is_audit: false,
            },
        );
        None
    }

    fn settle_attempt(&mut self, now: Time, attempt: Attempt, response: Option<&HttpResponse>) {
        let Some(refused) = response.filter(|response| !is_done(response)) else {
            return;
        };
        if attempt.is_audit {
            return;
        }
        let why = format!("the document store refuses with {}", refused.status);
        self.outbox.notice(Notice::Declined {
            act: attempt.act.clone(),
            why,
        });
        let requester = &self.config.requester;
        let document = attempt.document.as_str();
        let request = requester.audit(now, "audit", ActingRole::PracticeUser, document);
        let post = self.outbox.post(Endpoint::Store, request);
        self.attempts.insert(
            post,
            Attempt {
                is_audit: true,
                ..attempt
            },
        );
    }

    fn settle(&mut self, now: Time, post: PostId, response: Option<&HttpResponse>) {
        if let Some(attempt) = self.attempts.remove(&post) {
            return self.settle_attempt(now, attempt, response);
        }
        let mut cases = self.cases.iter_mut();
        if let Some((patient, case)) = cases.find(|(_, case)| case.open == Some(post)) {
            case.open = None;
            case.settle(now, *patient, response, &self.config);
        }
    }

    /// Word of the desk.
    fn take(&mut self, now: Time, request: &HttpRequest) -> HttpResponse {
        let word: Option<Word> = serde_json::from_slice(&request.body).ok();
        let (Method::Post, Some(Place::Case(patient)), Some(word)) =
            (request.method, Place::of(&request.path), word)
        else {
            return refusal(400, "this is no word on a case");
        };
        let patient = NhsNumber::parse(patient).ok();
        let Some(case) = patient.and_then(|patient| self.cases.get_mut(&patient)) else {
            return refusal(404, "there is no case of this patient");
        };
        case.hear(now, &word, &self.config);
        bare_answer(200)
    }

    fn go_on(&mut self, now: Time) {
        for (patient, case) in &mut self.cases {
            if case.open.is_some() || case.resting_until.is_some_and(|until| until > now) {
                continue;
            }
            case.resting_until = None;
            if let Some((to, request)) = case.request(now, *patient, &self.config) {
                case.open = Some(self.outbox.post(to, request));
            }
        }
    }
}

impl Case {
    const fn new() -> Self {
        Self {
            state: ExportState::Idle,
            doing: Doing::Nothing,
            resting_until: None,
            open: None,
            patient: None,
            exported: BTreeSet::new(),
            listed: Vec::new(),
            exported_at: None,
            packages: 0,
            failures: 0,
            mornings_left: 0,
            only: None,
            was_cleaned_again: false,
        }
    }

    /// Somebody presses Export.
    fn begin(&mut self, now: Time, gp2gp_information: bool) -> Result<(), &'static str> {
        let gp2gp_information = match self.state {
            ExportState::Idle if matches!(self.doing, Doing::Nothing) => gp2gp_information,
            ExportState::Idle | ExportState::Exporting | ExportState::Exported => {
                return Err("an export of this patient is under way");
            }
            ExportState::ToRepeat if gp2gp_information => {
                return Err("the last export failed: untick the box and export documents only");
            }
            ExportState::ToRepeat if matches!(self.doing, Doing::GiveUp(_)) => {
                return Err("an export of this patient is under way");
            }
            ExportState::ToRepeat => false,
            ExportState::Completed | ExportState::Closed => {
                // Not at midnight: a clock that is a minute fast must not make another day.
                let is_too_soon =
                    (self.exported_at).is_some_and(|exported_at| now < next_morning(exported_at));
                if is_too_soon {
                    return Err("exported today: what came since goes tomorrow");
                }
                false
            }
            ExportState::Blocked
            | ExportState::UnderInvestigation
            | ExportState::AwaitingPermission
            | ExportState::Kept => {
                return Err("documents are left in the record: wait for the support desk");
            }
            ExportState::Recalled => {
                return Err("the clearing house stopped the export: wait for the restore");
            }
        };
        self.resting_until = None;
        self.doing = Doing::LookBefore { gp2gp_information };
        Ok(())
    }

    fn send_again(
        &mut self,
        now: Time,
        patient: NhsNumber,
        practice: &OdsCode,
    ) -> Result<(), &'static str> {
        let mut sent_before = self.listed.clone();
        sent_before.retain(|listed| self.exported.contains(&listed.packed.document));
        let is_restoring = matches!(self.state, ExportState::Recalled | ExportState::ToRepeat);
        if self.open.is_some() || is_restoring || sent_before.is_empty() {
            return Err("there is nothing that could be sent again now");
        }
        let packing = self.packing(now, patient, practice, false, sent_before);
        self.resting_until = None;
        let before = std::mem::replace(&mut self.doing, Doing::Nothing);
        self.doing = Doing::SendAgain(Box::new(packing), Box::new(before));
        Ok(())
    }

    fn any_document(&self) -> Option<DocumentId> {
        let listed = self.listed.first();
        let listed = listed.map(|listed| listed.packed.document.clone());
        listed.or_else(|| self.exported.first().cloned())
    }

    fn request(
        &self,
        now: Time,
        patient: NhsNumber,
        config: &OfficeConfig,
    ) -> Option<(Endpoint, HttpRequest)> {
        let store = &config.requester;
        Some(match &self.doing {
            Doing::Nothing => return None,
            Doing::LookBefore { .. } | Doing::Refresh | Doing::LookForLate => {
                let request = match &self.patient {
                    None => store.find(now, "look", patient),
                    Some(id) => store.list(now, "look", id),
                };
                (Endpoint::Store, request)
            }
            Doing::Pack(packing) | Doing::SendAgain(packing, _) => packing.request(now, store),
            Doing::GiveUp(package) => give_up(package),
            Doing::Clean { left, step } => {
                let document = left.front()?.as_str();
                let request = store.act(now, "clean", ActingRole::System, document, *step);
                (Endpoint::Store, request)
            }
            Doing::Raise => {
                let ticket = Ticket {
                    patient: Some(patient),
                    exported_at: self
                        .exported_at
                        .filter(|_| !config.has(ExportingDefect::TicketWithoutDate)),
                    left: (self.listed.iter())
                        .map(|listed| listed.packed.document.clone())
                        .collect(),
                };
                let request = json_request(Method::Post, TICKETS.to_owned(), &ticket);
                (Endpoint::Desk, request)
            }
        })
    }

    fn settle(
        &mut self,
        now: Time,
        patient: NhsNumber,
        response: Option<&HttpResponse>,
        config: &OfficeConfig,
    ) {
        match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Nothing => {}
            doing @ (Doing::LookBefore { .. } | Doing::Refresh | Doing::LookForLate) => {
                self.settle_look(now, patient, doing, response, config);
            }
            Doing::Pack(mut packing) => match packing.settle(response) {
                Progress::GoingOn => self.doing = Doing::Pack(packing),
                Progress::After(pause) => {
                    self.resting_until = Some(now + pause);
                    self.doing = Doing::Pack(packing);
                }
                Progress::Sealed(fate) => self.sealed(&packing, fate, config),
                Progress::Failed => {
                    self.step(ExportEvent::Failed);
                    self.failures += 1;
                    self.doing = Doing::GiveUp(packing.package().to_owned());
                }
            },
            Doing::GiveUp(_) => {
                if self.failures < RUNS {
                    self.resting_until = Some(now + RERUN);
                    self.doing = Doing::LookBefore {
                        gp2gp_information: config.has(ExportingDefect::RepeatsWithTheBox),
                    };
                }
            }
            Doing::Clean { left, step } => {
                let is_done = response.is_some_and(is_done);
                self.cleaned(left, step, is_done, config);
            }
            Doing::Raise => match said::<Raised>(response) {
                Some(_) => self.step(ExportEvent::TicketRaised),
                None => {
                    self.resting_until = Some(now + CALL_AGAIN);
                    self.doing = Doing::Raise;
                }
            },
            Doing::SendAgain(mut packing, before) => match packing.settle(response) {
                Progress::GoingOn => self.doing = Doing::SendAgain(packing, before),
                Progress::After(pause) => {
                    self.resting_until = Some(now + pause);
                    self.doing = Doing::SendAgain(packing, before);
                }
                Progress::Sealed(Fate::Recalled) => self.step(ExportEvent::DuplicateStopped),
                Progress::Sealed(Fate::Accepted | Fate::Delivered | Fate::Held)
                | Progress::Failed => self.doing = *before,
            },
        }
    }

    fn settle_look(
        &mut self,
        now: Time,
        patient: NhsNumber,
        look: Doing,
        response: Option<&HttpResponse>,
        config: &OfficeConfig,
    ) {
        if self.patient.is_none() {
            self.patient = response.and_then(listing::patient);
            if self.patient.is_none() {
                self.resting_until = Some(now + RERUN);
            }
            self.doing = look;
            return;
        }
        let Some(listed) = response.and_then(listing::documents) else {
            self.resting_until = Some(now + RERUN);
            self.doing = look;
            return;
        };
        self.listed = listed;
        match look {
            Doing::LookBefore { gp2gp_information } => {
                let documents = self.not_exported();
                if documents.is_empty() && !gp2gp_information {
                    return;
                }
                self.step(ExportEvent::Begin);
                let practice = &config.practice;
                let mut packing =
                    self.packing(now, patient, practice, gp2gp_information, documents);
                if config.has(ExportingDefect::CutsLargeDocuments) {
                    packing = packing.cut_at(20_000_000);
                }
                self.doing = Doing::Pack(Box::new(packing));
            }
            Doing::LookForLate => {
                if self.not_exported().is_empty() || self.begin(now, false).is_err() {
                    self.look_later(now, config);
                }
            }
            Doing::Refresh if self.listed.is_empty() => {
                self.step(ExportEvent::NothingLeft);
                self.watch(now, config);
            }
            Doing::Refresh => self.found_leftovers(now, config),
            Doing::Nothing
            | Doing::Pack(_)
            | Doing::GiveUp(_)
            | Doing::Clean { .. }
            | Doing::Raise
            | Doing::SendAgain(..) => {}
        }
    }

    fn found_leftovers(&mut self, now: Time, config: &OfficeConfig) {
        let is_first = !std::mem::replace(&mut self.was_cleaned_again, true);
        if config.has(ExportingDefect::DeletesForEver)
            || (config.has(ExportingDefect::DeletesEverything) && is_first)
        {
            self.resting_until = Some(now + RERUN);
            self.doing = Doing::Clean {
                left: self.ids_listed(),
                step: DocumentOperation::Archive,
            };
            return;
        }
        self.step(ExportEvent::DocumentsLeft);
        if config.has(ExportingDefect::ExportsLeftoversAgain) {
            self.exported.clear();
            self.resting_until = Some(now + RERUN);
            self.doing = Doing::LookBefore {
                gp2gp_information: false,
            };
            return;
        }
        self.doing = Doing::Raise;
    }

    fn sealed(&mut self, packing: &Packing, fate: Fate, config: &OfficeConfig) {
        match fate {
            Fate::Accepted | Fate::Delivered => {
                self.step(ExportEvent::Accepted);
                self.failures = 0;
                self.only = None;
                self.exported.extend(packing.ids());
                self.exported_at = Some(packing.exported_at());
                self.clean(packing.ids().collect(), config);
            }
            Fate::Held | Fate::Recalled => self.step(ExportEvent::DuplicateStopped),
        }
    }

    /// A delete that fails is not tried again: what is left is for the support desk.
    fn cleaned(
        &mut self,
        mut left: VecDeque<DocumentId>,
        step: DocumentOperation,
        is_done: bool,
        config: &OfficeConfig,
    ) {
        let archived = step == DocumentOperation::Archive && is_done;
        let step = if archived {
            DocumentOperation::Delete
        } else {
            left.pop_front();
            first_step(config)
        };
        if left.is_empty() {
            self.refresh(config);
        } else {
            self.doing = Doing::Clean { left, step };
        }
    }

    fn clean(&mut self, left: VecDeque<DocumentId>, config: &OfficeConfig) {
        if left.is_empty() {
            return self.refresh(config);
        }
        let step = first_step(config);
        self.doing = Doing::Clean { left, step };
    }

    fn refresh(&mut self, config: &OfficeConfig) {
        if config.has(ExportingDefect::NeverRefreshes) {
            return self.step(ExportEvent::NothingLeft);
        }
        self.doing = Doing::Refresh;
    }

    /// What the desk says of the case.
    fn hear(&mut self, now: Time, word: &Word, config: &OfficeConfig) {
        let event = match word.outcome {
            DeskOutcome::Closed => ExportEvent::TicketClosed,
            DeskOutcome::Kept => ExportEvent::DocumentsKept,
            DeskOutcome::NeverMade => ExportEvent::NeverMade,
            DeskOutcome::Restored => ExportEvent::Restored,
        };
        if word.outcome == DeskOutcome::Restored {
            self.step(ExportEvent::DuplicateStopped);
        }
        if self.state.after(event).is_none() {
            return;
        }
        self.step(event);
        match word.outcome {
            DeskOutcome::Closed => self.watch(now, config),
            DeskOutcome::Kept => {}
            DeskOutcome::NeverMade | DeskOutcome::Restored => {
                self.exported.clear();
                self.only = (word.outcome == DeskOutcome::Restored)
                    .then(|| word.documents.iter().cloned().collect());
                self.resting_until = Some(now + RERUN);
                self.doing = Doing::LookBefore {
                    gp2gp_information: false,
                };
            }
        }
    }

    /// Whoever exported a patient looks for late letters for a while.
    fn watch(&mut self, now: Time, config: &OfficeConfig) {
        self.mornings_left = MORNINGS;
        self.look_later(now, config);
    }

    fn look_later(&mut self, now: Time, config: &OfficeConfig) {
        let Some(left) = self.mornings_left.checked_sub(1) else {
            return;
        };
        self.mornings_left = left;
        let mut next = next_morning(now);
        if config.has(ExportingDefect::LateLettersAtOnce) {
            self.exported_at = None;
            next = now + CALL_AGAIN;
        }
        self.resting_until = Some(next);
        self.doing = Doing::LookForLate;
    }

    fn packing(
        &mut self,
        now: Time,
        patient: NhsNumber,
        practice: &OdsCode,
        gp2gp_information: bool,
        documents: Vec<Listed>,
    ) -> Packing {
        self.packages += 1;
        let package = format!("{practice}-{patient}-{}", self.packages);
        let opening = Opening {
            patient,
            exported_at: now,
            gp2gp_information,
            ticket: None,
        };
        Packing::new(package, opening, documents)
    }

    fn not_exported(&self) -> Vec<Listed> {
        let mut documents = self.listed.clone();
        documents.retain(|listed| {
            let document = &listed.packed.document;
            let is_meant = (self.only.as_ref()).is_none_or(|only| only.contains(document));
            is_meant && !self.exported.contains(document)
        });
        documents
    }

    fn ids_listed(&self) -> VecDeque<DocumentId> {
        (self.listed.iter())
            .map(|listed| listed.packed.document.clone())
            .collect()
    }

    /// What cannot happen in this state leaves it.
    fn step(&mut self, event: ExportEvent) {
        self.state = self.state.after(event).unwrap_or(self.state);
    }
}

fn first_step(config: &OfficeConfig) -> DocumentOperation {
    if config.has(ExportingDefect::DeletesBeforeArchive) {
        DocumentOperation::Delete
    } else {
        DocumentOperation::Archive
    }
}

impl OfficeConfig {
    fn has(&self, defect: ExportingDefect) -> bool {
        self.defects.contains(&defect)
    }
}

impl Peer for Office {
    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Request { id, request } => {
                let response = self.take(now, &request);
                self.outbox.answer(id, response);
            }
            Input::Response { post, response } => self.settle(now, post, Some(&response)),
            Input::Failed { post, .. } => self.settle(now, post, None),
            Input::Act(act) => self.act(now, act),
            Input::Condition(Condition::Restarted) => {
                self.attempts.clear();
                for case in self.cases.values_mut() {
                    case.open = None;
                }
            }
            Input::Condition(Condition::DiskFull | Condition::DiskFree) => {}
        }
        self.go_on(now);
    }

    fn handle_timeout(&mut self, now: Time) {
        self.go_on(now);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let resting = self.cases.values().filter(|case| case.open.is_none());
        let at = resting.filter_map(|case| case.resting_until).min()?;
        Some(Deadline {
            at,
            why: "next step of an export",
        })
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outbox.next()
    }

    fn observe(&self) -> Vec<Observation> {
        let of = |(patient, case): (&NhsNumber, &Case)| Observation::Transfer {
            patient: *patient,
            state: case.state.to_string(),
            print_state: None,
            left_in_store: if case.state == ExportState::Kept {
                u32::try_from(case.listed.len()).unwrap_or(u32::MAX)
            } else {
                0
            },
        };
        self.cases.iter().map(of).collect()
    }
}
